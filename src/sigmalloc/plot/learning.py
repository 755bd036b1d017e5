"""Learning curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes

from .. import _checks, metrics
from ..runs.result import Result
from . import _inputs, style
from .curves import Errors, curves

Quantity = Literal["objective", "reward", "value", "cost"]
_RATES = {"objective": "Objective (reward per unit of time)", "value": "Reward per unit of time"}
_CHANGE = "change"  # the gid of what marks a change of the task
_MOST_CHANGES = 5


def convergence(
    results: Result | Mapping[str, Result], quantity: Quantity = "objective", ax: Axes | None = None,
    label: str | None = None, *, errors: Errors = "band", robust: bool = True,
    reference: float | Mapping[str, float] | None = None, **look: Any,
) -> Axes:  # fmt: skip
    """Learning curves: mean over restarts, with the standard error of the mean.

    Changes of the task are marked by dotted lines, more than five of them by one band.

    Parameters
    ----------
    results : Result or dict of {str: Result}
        One curve each, labelled by the keys.
    quantity : {"objective", "reward", "value", "cost"}
    ax : Axes, optional
    label : str, optional
        Of the curve of a single result.
    errors : {"band", "bars"}
    robust : bool
        Early episodes can be worse than later ones by orders of magnitude. True cuts the y axis at three
        interquartile ranges (or ¾ of the median, if that is more) beyond the quartiles of the means drawn, but never
        within the second half of a curve, and writes the extreme that is cut off above the axis. False shows all.
        What is drawn on the Axes afterwards widens its limits as usual.
    reference : float or dict of {str: float}, optional
        Known levels, such as an exact optimum, drawn as horizontal lines; the limits include them.
    **look
        For ``Axes.plot``.

    Returns
    -------
    Axes
    """
    _checks.choice("quantity", quantity, tuple(style.QUANTITIES))
    robust = _checks.flag("robust", robust)
    named = _inputs.results(results, label)
    data = []
    for result in named.values():
        if not len(result.episodes):
            raise ValueError("results: nothing was evaluated; train with evaluate_every to draw learning curves")
        values = _inputs.array(quantity, getattr(result, quantity), nan=False)
        data.append((result.episodes.astype(float), *metrics.mean_and_sem(values)))
    rates = any(result.agent.reward_rate for result in named.values())
    ylabel = _RATES.get(quantity, style.QUANTITIES[quantity]) if rates else style.QUANTITIES[quantity]
    ax = style.new_axes(ax, 2.4, "Episode", ylabel)
    before = tuple(ax.dataLim.intervaly) if ax.has_data() else None
    own = style.colors(len(named), ax)
    for color, name, (episodes, mean, sem) in zip(own, named, data, strict=True):
        curves(episodes, mean, sem, name, ax, errors=errors, **{"color": color, **look})
    style.number_ticks(ax, "x", most=7)
    changes = sorted({episode for result in named.values() for episode, _ in result.task.changes})
    last = max(episodes[-1] for episodes, _, _ in data)
    _mark_changes(ax, [episode for episode in changes if episode < last])
    if robust:
        _leave_out_extremes(ax, [(mean, np.nan_to_num(sem)) for _, mean, sem in data], before)
        _note_extremes(ax)
        ax.callbacks.connect("ylim_changed", _note_extremes)
    style.reference_lines(ax, reference)
    return ax


def _mark_changes(ax: Axes, changes: list[int]) -> None:
    if len(changes) > _MOST_CHANGES:
        ax.axvspan(changes[0], changes[-1], color="0.93", linewidth=0, zorder=0.4, gid=_CHANGE)
        return
    marked = [float(np.ravel(line.get_xdata())[0]) for line in ax.get_lines() if line.get_gid() == _CHANGE]
    for episode in changes:
        if episode not in marked:
            ax.axvline(episode, color="0.35", linestyle=":", linewidth=1.1, zorder=0.5, gid=_CHANGE)
    if changes and not marked:
        ax.text(
            changes[0], 1.01, "task changes", transform=ax.get_xaxis_transform(), ha="center", va="bottom",
            **style.NOTE,
        )  # fmt: skip


def _leave_out_extremes(
    ax: Axes, drawn: list[tuple[_inputs.Floats, _inputs.Floats]], before: tuple[float, ...] | None
) -> None:
    """Tell the Axes that the data end where they are not extreme, so that its limits do, now and later."""
    pooled = np.concatenate([mean for mean, _ in drawn])
    worst, first, median, third, best = np.percentile(pooled, [0, 25, 50, 75, 100])
    reach = 3 * max(third - first, abs(median) / 4)
    late = [(mean - sign * sem)[len(mean) // 2 :] for mean, sem in drawn for sign in (1, -1)]
    low = min(max(worst, first - reach), *(part.min() for part in late))
    high = max(min(best, third + reach), *(part.max() for part in late))
    if low <= worst and high >= best:
        return
    if before is not None:
        low, high = min(low, before[0]), max(high, before[1])
    ax.dataLim.intervaly = (low, high)
    ax.autoscale_view(scalex=False)


def _note_extremes(ax: Axes) -> None:
    """Write above the Axes how far the curves go beyond it."""
    curves = [np.asarray(line.get_ydata(), dtype=float) for line in ax.get_lines() if line.get_gid() == style.CURVE]
    pooled = np.concatenate(curves) if curves else np.zeros(0)
    pooled = pooled[np.isfinite(pooled)]
    if not pooled.size:
        return
    low, high = sorted(ax.get_ylim())
    notes = [f"↓ {pooled.min():.4g}"] * int(pooled.min() < low) + [f"↑ {pooled.max():.4g}"] * int(pooled.max() > high)
    marks = [float(np.ravel(line.get_xdata())[0]) for line in ax.get_lines() if line.get_gid() == _CHANGE]
    side: Literal["left", "right"] = "right" if marks and marks[0] < sum(ax.get_xlim()) / 2 else "left"
    text = "  ".join(notes).replace("-", "−") + " off scale" if notes else ""
    ax.set_title(text, loc=side, pad=2, **style.NOTE)
