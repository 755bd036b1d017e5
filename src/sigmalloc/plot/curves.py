"""Curves over a common x, points with their regression line, bars, and the frontier of reward and cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.typing import ColorType

from .. import _checks, metrics
from . import _inputs, style

Errors = Literal["bars", "band"]


def curves(
    x: npt.ArrayLike, mean: npt.ArrayLike, sem: npt.ArrayLike | None = None, label: str | Sequence[str] | None = None,
    ax: Axes | None = None, *, xlabel: str | None = None, ylabel: str | None = None, errors: Errors = "bars",
    reference: float | Mapping[str, float] | None = None, **look: Any,
) -> Axes:  # fmt: skip
    """One curve or several over a common x, with standard errors.

    Repeated calls on the same Axes take the next colours of `PALETTE`. More curves in one call than it has colours go
    from dark to light, and five of them are named.

    Parameters
    ----------
    x : array of float, shape (n,)
    mean : array of float, shape (n,) or (curves, n)
        NaN leaves a gap.
    sem : array of float, shape of ``mean``, optional
        Half-length of the error bars; NaN where there is none.
    label : str, or sequence of str for several curves, optional
    ax : Axes, optional
    xlabel, ylabel : str, optional
    errors : {"bars", "band"}
    reference : float or dict of {str: float}, optional
        Known levels, drawn as horizontal lines; the limits include them.
    **look
        For ``Axes.plot``: color, linestyle, marker, ...

    Returns
    -------
    Axes
    """
    x, mean = _inputs.array("x", x), _inputs.array("mean", mean)
    if mean.ndim not in (1, 2) or x.shape != mean.shape[-1:]:
        raise ValueError(f"mean must have shape (n,) or (curves, n) with n = {x.size} of x, got {mean.shape}")
    sem = np.full(mean.shape, np.nan) if sem is None else _inputs.array("sem", sem)
    if sem.shape != mean.shape:
        raise ValueError(f"sem must have the shape of mean, {mean.shape}, got {sem.shape}")
    rows = np.atleast_2d(mean)
    names: list[str | None]
    if label is None:
        names = [None] * len(rows)
    elif isinstance(label, str) and mean.ndim == 1:
        names = [label]
    else:
        several = mean.ndim == 2 and isinstance(label, (list, tuple, np.ndarray)) and np.ndim(label)
        names = list(label) if several else []
    if len(names) != len(rows) or not all(isinstance(name, (str, type(None))) for name in names):
        raise ValueError(f"label must be one string per curve, got {_checks.shown(label)}")
    _checks.choice("errors", errors, ("bars", "band"))
    ax = style.new_axes(ax, 2.4, xlabel, ylabel)
    for one, error, name, own in zip(rows, np.atleast_2d(sem), names, style.colors(len(rows), ax), strict=True):
        color = look.get("color", own)
        ax.plot(x, one, **{"linewidth": 1.3, **look, "color": color, "label": style.entry(name), "gid": style.CURVE})
        known = np.isfinite(error)
        if known.any() and errors == "bars":
            ax.errorbar(x[known], one[known], error[known], fmt="none", ecolor=color, elinewidth=0.9, capsize=1.5)
        elif known.any():
            ax.fill_between(x, one - error, one + error, where=known, color=color, alpha=0.25, linewidth=0)
    style.reference_lines(ax, reference)
    if any(name is not None for name in names):
        style.legend(ax)
    return ax


def regression(
    x: npt.ArrayLike, y: npt.ArrayLike, ax: Axes | None = None, label: str | None = None, *,
    xlabel: str | None = None, ylabel: str | None = None, level: float = 0.95, color: ColorType | None = None,
) -> Axes:  # fmt: skip
    """Points, their least-squares line and its confidence band.

    Parameters
    ----------
    x, y : array of float, same shape
        Points with NaN in either are left out.
    ax : Axes, optional
    label : str, optional
        Of the line.
    xlabel, ylabel : str, optional
    level : float
        Confidence of the band, in (0, 1).
    color : color, optional
        Default: the next of `PALETTE`.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        As `metrics.regression`.
    """
    across, height = np.ravel(_inputs.array("x", x)), np.ravel(_inputs.array("y", y))
    fit = metrics.regression(across, height)
    use = ~(np.isnan(across) | np.isnan(height))
    across, height = across[use], height[use]
    along = np.linspace(across.min(), across.max(), 101)
    low, high = fit.band(along, level)
    label = _inputs.text("label", label)
    ax = style.new_axes(ax, 2.5, xlabel, ylabel)
    color = style.next_color(ax) if color is None else _inputs.color("color", color)
    ax.fill_between(along, low, high, color=color, alpha=0.2, linewidth=0)
    ax.scatter(across, height, s=11, facecolor=to_rgba(color, 0.55), edgecolor="white", linewidth=0.3, zorder=2.5)
    ax.plot(along, fit.line(along), color=color, linewidth=1.4, label=style.entry(label), gid=style.CURVE, zorder=3)
    if label is not None:
        style.legend(ax)
    return ax


def bars(
    groups: Mapping[str, npt.ArrayLike], ax: Axes | None = None, *, xlabel: str | None = None,
    ylabel: str | None = None, log: bool = False, colors: Sequence[ColorType] | None = None,
    reference: float | Mapping[str, float] | None = None,
) -> Axes:  # fmt: skip
    """Mean and standard error of groups, with every subject or run as a dot.

    Bars begin at 0. A logarithmic axis has no 0, so there the means are dots.

    Parameters
    ----------
    groups : dict of {str: array of float, shape (n,)}
        NaN is left out.
    ax : Axes, optional
    xlabel, ylabel : str, optional
    log : bool
        Whether the y axis is logarithmic.
    colors : sequence of colors, optional
        One each. Default: the first of `PALETTE`.
    reference : float or dict of {str: float}, optional
        Known levels, drawn as horizontal lines; the limits include them.

    Returns
    -------
    Axes
    """
    if not isinstance(groups, Mapping) or not groups:
        raise ValueError(f"groups must be a dict of arrays that is not empty, got {_checks.shown(groups)}")
    log = _checks.flag("log", log)
    data = {str(name): _inputs.vector(f"groups[{name!r}]", values) for name, values in groups.items()}
    for name, values in data.items():
        if not np.isfinite(values).any():
            raise ValueError(f"groups[{name!r}] must have at least one value")
        if log and np.nanmin(values) <= 0:
            raise ValueError(
                f"groups[{name!r}] must be greater than 0 on a logarithmic axis, got {np.nanmin(values):g}"
            )
    looks = [style.PALETTE[0]] * len(data) if colors is None else list(_checks.sequence("colors", colors))
    if len(looks) != len(data):
        raise ValueError(f"colors must be {len(data)}, one for each of groups, got {len(looks)}")
    looks = [_inputs.color("colors", color) for color in looks]
    ax = style.new_axes(ax, 2.4, xlabel, ylabel)
    if log:
        ax.set_yscale("log")
    for place, (values, color) in enumerate(zip(data.values(), looks, strict=True)):
        mean, sem = _inputs.summary(values)
        if log:
            ax.plot(place, mean, "o", color=color, markersize=5, gid="mean", zorder=3)
        else:
            ax.bar(place, mean, 0.62, color=to_rgba(color, 0.45), gid="mean")
        if np.isfinite(sem):
            ax.errorbar(place, mean, sem, fmt="none", ecolor="0.15", elinewidth=1.1, capsize=2.5, zorder=3.5)
        aside = np.linspace(-0.2, 0.2, len(values)) if len(values) > 1 else np.zeros(1)
        ax.plot(
            place + aside, values, ".", color=color, markersize=4, markeredgewidth=0, alpha=0.7, gid="subjects",
            zorder=2.5,
        )  # fmt: skip
    if log:
        pooled = np.concatenate(list(data.values()))
        ax.set_ylim(np.nanmin(pooled) / 1.5, np.nanmax(pooled) * 1.5)
    else:
        ax.axhline(0, color="0.2", linewidth=0.7, zorder=2)
    ax.set_xlim(-0.6, len(data) - 0.4)
    style.few_ticks(ax, "x", list(data), most=len(data))
    ax.tick_params(axis="x", length=0)
    style.reference_lines(ax, reference)
    return ax


def frontier(
    agents: Mapping[str, Any], ax: Axes | None = None, *, xlabel: str = r"Precision $D_{\mathrm{KL}}$ (nats)",
    ylabel: str = "Reward per episode",
) -> Axes:  # fmt: skip
    """What reward each agent gets for what it pays, over λ.

    Parameters
    ----------
    agents : dict of {str: table}
        For each agent, such as flexible and equal precision, a mapping, structured array or data frame with the
        columns ``lam`` (n,), ``cost`` and ``reward``, each (n,) or (n, restarts); of restarts the mean is drawn, with
        standard errors both ways.
    ax : Axes, optional
    xlabel, ylabel : str
        The cost can be in nats or, as λ times that, in reward.

    Returns
    -------
    Axes
        λ is written at up to five points of the first agent that are far enough from each other.
    """
    if not isinstance(agents, Mapping) or not agents:
        raise ValueError(f"agents must be a dict of tables that is not empty, got {_checks.shown(agents)}")
    data = {}
    for name, given in agents.items():
        what = f"agents[{name!r}]"
        rows = _inputs.columns(given, ("lam", "cost", "reward"), name=what)
        lam = _inputs.vector(f"{what}: lam", rows["lam"], nan=False)
        points: list[_inputs.Floats] = []
        for column in ("cost", "reward"):
            values = _inputs.array(f"{what}: {column}", rows[column])
            if values.ndim not in (1, 2):
                raise ValueError(f"{what}: {column} must have shape ({len(lam)},) or ({len(lam)}, restarts)")
            points += _inputs.summary(values.reshape(len(lam), -1), axis=1)
        sort = np.argsort(lam, kind="stable")
        data[str(name)] = lam[sort], *(part[sort] for part in points)
    ax = style.new_axes(ax, 2.6, xlabel, ylabel)
    own = style.colors(len(data), ax)
    for color, (name, (_, cost, cost_sem, reward, reward_sem)) in zip(own, data.items(), strict=True):
        ax.errorbar(
            cost, reward, np.nan_to_num(reward_sem), np.nan_to_num(cost_sem), fmt="none", ecolor=color, elinewidth=0.8
        )
        ax.plot(
            cost, reward, "o-", color=color, markersize=3.5, linewidth=1.2, label=style.entry(name), gid=style.CURVE
        )
    lam, cost, _, reward, _ = next(iter(data.values()))
    ax.margins(x=0.08, y=0.1)
    left, right = ax.get_xlim()
    room = 36.0 / (72 * ax.get_window_extent().width / ax.figure.dpi)  # a label's, left of a point
    ax.set_xlim(left - (right - left) * room / max(0.2, 1 - room), right)
    for place in _apart(ax, cost, reward):
        ax.annotate(
            f"λ = {lam[place]:.3g}", (cost[place], reward[place]), (-4, 4), textcoords="offset points", ha="right",
            **style.NOTE,
        )  # fmt: skip
    style.legend(ax, loc="lower right")
    return ax


def _apart(ax: Axes, x: _inputs.Floats, y: _inputs.Floats, most: int = 5) -> list[int]:
    """Points whose labels do not lie on each other: the ends first, then those in between, in order of their number."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    wide, high = (x - left) / (right - left), (y - bottom) / (top - bottom)
    order = np.unique(np.linspace(0, len(x) - 1, most).round().astype(int)).tolist()
    order = list(dict.fromkeys([*order[:1], *order[-1:], *order, *range(len(x))]))
    chosen: list[int] = []
    for place in order:
        clear = (abs(wide[place] - wide[other]) > 0.2 or abs(high[place] - high[other]) > 0.08 for other in chosen)
        if np.isfinite(wide[place] + high[place]) and len(chosen) < most and all(clear):
            chosen.append(place)
    return chosen
