"""Effort: how many samples of its memories an agent takes for a decision (spec: more samples, price of time ω)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from .. import _checks
from ..tasks.base import Task
from . import _inputs, style
from .curves import Errors, curves
from .maps import heatmap, state_map

_SAMPLES = "Samples per decision $n$"


def effort_map(
    task: Task, samples: npt.ArrayLike, ax: Axes | None = None, *, visited: Any = None, colorbar: bool = True,
    ticks: bool = True,
) -> Axes:  # fmt: skip
    """How many samples each state gets; colours start at one.

    Parameters
    ----------
    task : Task
    samples : array of float, shape (states,) or (restarts, states)
        n of every state, at least 1; of restarts the mean is drawn.
    ax : Axes, optional
    visited
        As for `state_map`.
    colorbar, ticks : bool
        As for `maze`.

    Returns
    -------
    Axes
    """
    _inputs.task(task)
    n = _inputs.array("samples", samples)
    if n.ndim not in (1, 2) or n.shape[-1] != task.n_states:
        raise ValueError(f"samples must have shape ({task.n_states},) or (restarts, {task.n_states}), got {n.shape}")
    n = _inputs.summary(np.atleast_2d(n))[0]
    acting = np.where(task.exists.any(axis=1), n, np.nan)
    if (acting < 1).any():
        raise ValueError(f"samples must be at least 1, got {np.nanmin(acting):g}")
    return state_map(
        task, acting, ax, visited=visited, cmap="YlGnBu", vmin=1.0, label=_SAMPLES, colorbar=colorbar, ticks=ticks
    )


def regime_plane(
    lam: npt.ArrayLike, opportunity_cost: npt.ArrayLike, values: npt.ArrayLike, ax: Axes | None = None, *,
    label: str = _SAMPLES, boundaries: Mapping[str, float] | None = None, vmin: float | None = None,
    vmax: float | None = None, colorbar: bool = True,
) -> Axes:  # fmt: skip
    """Where, in the plane of the price of memory λ and the price of time ω, agents store and where they sample.

    Parameters
    ----------
    lam : array of float, shape (columns,)
        λ, in reward per nat, rising.
    opportunity_cost : array of float, shape (rows,)
        ω, in reward per unit of time, rising.
    values : array of float, shape (rows, columns)
        What is drawn, such as n or σ. NaN is left grey.
    ax : Axes, optional
    label : str
        Of the colour bar.
    boundaries : dict of {str: float}, optional
        Levels at which a contour is drawn and named.
    vmin, vmax, colorbar
        As for `maze`.

    Returns
    -------
    Axes
        Fields are of equal size, whatever the spacing of the prices.
    """
    prices = []
    for name, given in (("lam", lam), ("opportunity_cost", opportunity_cost)):
        price = _inputs.vector(name, given, nan=False)
        if not price.size or (np.diff(price) <= 0).any():
            raise ValueError(f"{name} must rise, got {_checks.shown(given)}")
        prices.append(price)
    table = _inputs.array("values", values, (len(prices[1]), len(prices[0])))
    levels = {
        str(name): _checks.real("boundaries", level)
        for name, level in _checks.mapping("boundaries", boundaries).items()
    }
    written = [[f"{price:.2g}" for price in along] for along in prices]
    ax = heatmap(
        table, style.new_axes(ax, 2.6), x=written[0], y=written[1],
        xlabel=r"Price of precision $\lambda$ (reward/nat)", ylabel=r"Price of time $\omega$ (reward/time)",
        cmap="YlGnBu", vmin=vmin, vmax=vmax, label=label, colorbar=colorbar, numbers=False,
    )  # fmt: skip
    for name, level in levels.items():
        if min(table.shape) > 1 and np.nanmin(table) < level < np.nanmax(table):
            lines = ax.contour(np.ma.masked_invalid(table), levels=[level], colors=style.PALETTE[1], linewidths=1.4)
            for text in ax.clabel(lines, fmt={level: style.entry(name)}, fontsize=style.SMALL):
                text.set_path_effects([withStroke(linewidth=1.8, foreground="white")])
    return ax


def effort_curve(
    episodes: npt.ArrayLike, samples: npt.ArrayLike | Mapping[str, npt.ArrayLike], ax: Axes | None = None,
    label: str | None = None, *, errors: Errors = "band", reference: float | Mapping[str, float] | None = None,
    **look: Any,
) -> Axes:  # fmt: skip
    """How many samples a decision gets over the course of learning; the axis begins at one.

    Parameters
    ----------
    episodes : array of int, shape (checkpoints,)
    samples : array of float, shape (checkpoints,) or (restarts, checkpoints), or dict of {str: such an array}
        n, mean over the decisions of an evaluation; of restarts the mean is drawn, with its standard error.
    ax : Axes, optional
    label : str, optional
        Of a single curve.
    errors : {"band", "bars"}
    reference : float or dict of {str: float}, optional
        Known levels, such as the exact optimum, drawn as horizontal lines; the limits include them.
    **look
        For ``Axes.plot``.

    Returns
    -------
    Axes
    """
    x = _inputs.vector("episodes", episodes, nan=False)
    if isinstance(samples, Mapping) and label is not None:
        raise ValueError("label is for a single curve; a dict is labelled by its keys")
    given: Mapping[Any, Any] = samples if isinstance(samples, Mapping) else {_inputs.text("label", label): samples}
    data = {}
    for name, values in given.items():
        table = _inputs.array("samples", values)
        if table.ndim not in (1, 2) or table.shape[-1] != len(x):
            raise ValueError(f"samples must have shape ({len(x)},) or (restarts, {len(x)}), got {table.shape}")
        if (table < 1).any():
            raise ValueError(f"samples must be at least 1, got {np.nanmin(table):g}")
        data[name] = _inputs.summary(np.atleast_2d(table))
    ax = style.new_axes(ax, 2.4, "Episode", _SAMPLES)
    for color, (name, (mean, sem)) in zip(style.colors(len(data), ax), data.items(), strict=True):
        curves(x, mean, sem, name, ax, errors=errors, **{"color": color, **look})
    style.reference_lines(ax, reference)
    top = max(ax.get_ylim()[1], 1.1)
    ax.set_ylim(1 - 0.02 * (top - 1), top)
    style.number_ticks(ax, "x", most=7)
    return ax
