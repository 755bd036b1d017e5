"""Pictures of a sweep: curves by parameter, a quantity against a parameter, and a map over two.

Means are over restarts, error bars are their standard errors; runs that are not done or diverged are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from .. import _checks, plot
from .._io import terminal
from ..plot._inputs import summary
from .results import SweepResult, checked_checkpoint
from .tables import UNITS, coordinate

Quantity = Literal["objective", "reward", "value", "cost", "cutoffs"]


def plot_curves(
    result: SweepResult, by: str, quantity: Quantity = "objective", at: Mapping[str, Any] | None = None,
    ax: Axes | None = None, *, errors: Literal["bars", "band"] = "band", **style: Any,
) -> Axes:  # fmt: skip
    """Learning curves, one for each value of an axis.

    Parameters
    ----------
    result : SweepResult
    by : str
        The axis.
    quantity : {"objective", "reward", "value", "cost", "cutoffs"}
    at : dict of {str: value}, optional
        Where the other axes are fixed; those of one value need not be given.
    ax : Axes, optional
    errors : {"band", "bars"}
    **style
        For ``Axes.plot``. More curves than the palette has colours are coloured from dark to light.

    Returns
    -------
    Axes
    """
    mean, sem = summary(_picked(result, (by,), quantity, at, None), axis=1)
    return plot.curves(
        result.episodes, mean, sem, _labels(result, by), ax, xlabel="Episode", ylabel=_title(quantity), errors=errors,
        **style,
    )  # fmt: skip


def plot_parameter(
    result: SweepResult, x: str, by: str | None = None, quantity: Quantity = "objective",
    at: Mapping[str, Any] | None = None, checkpoint: int = -1, ax: Axes | None = None, **style: Any,
) -> Axes:  # fmt: skip
    """A quantity at the end of training against a parameter, with error bars.

    Parameters
    ----------
    result : SweepResult
    x : str
        The axis along the abscissa; its values must be numbers.
    by : str, optional
        One curve for each value of this axis.
    quantity : {"objective", "reward", "value", "cost", "cutoffs"}
    at : dict of {str: value}, optional
        Where the other axes are fixed.
    checkpoint : int
        Position among ``result.episodes``.
    ax : Axes, optional
    **style
        For ``Axes.plot``.

    Returns
    -------
    Axes
    """
    names = (x,) if by is None else (by, x)
    _checks.integer("checkpoint", checkpoint)
    values = _picked(result, names, quantity, at, checkpoint)
    along = coordinate(result.axes[x])
    if along.dtype.kind not in "iuf" or np.isnan(along.astype(float)).any():
        raise ValueError(f"x: the values of {x!r} must be numbers to be drawn along an axis")
    mean, sem = summary(values, axis=-1)
    sort = np.argsort(along, kind="stable")
    return plot.curves(
        along[sort].astype(float), mean[..., sort], sem[..., sort], None if by is None else _labels(result, by), ax,
        xlabel=_axis_title(x), ylabel=f"{_title(quantity)}\n{_when(result, checkpoint)}",
        **{"marker": "o", "markersize": 3, **style},
    )  # fmt: skip


def plot_heatmap(
    result: SweepResult, x: str, y: str, quantity: Quantity = "objective", at: Mapping[str, Any] | None = None,
    checkpoint: int = -1, ax: Axes | None = None, *, cmap: str = "viridis", numbers: bool | None = None,
) -> Axes:  # fmt: skip
    """A quantity over two parameters, by default the final objective.

    Parameters
    ----------
    result : SweepResult
    x, y : str
        Axes of the grid.
    quantity : {"objective", "reward", "value", "cost", "cutoffs"}
    at : dict of {str: value}, optional
        Where the other axes are fixed.
    checkpoint : int
        Position among ``result.episodes``.
    ax : Axes, optional
    cmap : str
    numbers : bool, optional
        Write mean ± standard error into each field. Default: if there are at most 64.

    Returns
    -------
    Axes
        Fields without a finished run are grey.
    """
    _checks.instance("result", result, SweepResult)
    _checks.integer("checkpoint", checkpoint)
    x, y = _checks.choice("x", x, result.axes), _checks.choice("y", y, result.axes)
    if x == y:
        raise ValueError(f"x and y must be two axes, got {_checks.shown(x)} twice")
    mean, sem = summary(_picked(result, (y, x), quantity, at, checkpoint), axis=-1)
    return plot.heatmap(
        mean, ax, x=_drawable(result.axes[x]), y=_drawable(result.axes[y]), xlabel=_axis_title(x),
        ylabel=_axis_title(y), cmap=cmap, label=f"{_title(quantity)}\n{_when(result, checkpoint)}", numbers=numbers,
        sem=sem,
    )  # fmt: skip


def _picked(
    result: SweepResult, names: tuple[str, ...], quantity: Quantity, at: Mapping[str, Any] | None,
    checkpoint: int | None,
) -> npt.NDArray[np.float64]:  # fmt: skip
    """The quantity with dimensions in the order of ``names``, then restart and (without ``checkpoint``) checkpoint."""
    _checks.instance("result", result, SweepResult)
    if not isinstance(at, (Mapping, type(None))):
        raise ValueError(f"at must map axes to values, got {_checks.shown(at)}")
    at = dict(at or {})
    if result.specification.mode == "zip":
        raise ValueError("zip mode has no axes to draw along: draw from the arrays, with sigmalloc.plot.curves")
    for name in names:
        _checks.only((name,), result.axes, "axis")
        if name in at:
            raise ValueError(f"{name} is drawn along and cannot be fixed")
    for name, entries in result.axes.items():
        if name not in names and name not in at:
            if len(entries) > 1:
                raise ValueError(f"say where {name} is fixed (at): {', '.join(map(str, entries))}")
            at[name] = entries[0]
    values = result.select(quantity, checkpoint, **at)
    left = [name for name in result.axes if name in names]
    order = [left.index(name) for name in names]
    return np.transpose(values, (*order, *range(len(order), values.ndim)))


def _labels(result: SweepResult, by: str) -> list[str]:
    """What each value of an axis is called in a legend."""
    unit = " %" if UNITS.get(by) == "%" else ""
    name = plot.SYMBOLS.get(by, terminal.label(by))
    return [f"{name} = {plot.style.short(entry)}{unit}" for entry in _drawable(result.axes[by])]


def _drawable(values: list[Any]) -> list[Any]:
    """Values of an axis of which none is taken for a formula."""
    return [value if isinstance(value, (int, float)) else terminal.label(str(value)) for value in values]


def _axis_title(name: str) -> str:
    label = plot.SYMBOLS.get(name, terminal.label(name.removeprefix("task.").replace("_", " ").capitalize()))
    return f"{label} ({UNITS[name]})" if name in UNITS else label


def _title(quantity: str) -> str:
    return plot.QUANTITIES.get(quantity, "Evaluation episodes cut off")


def _when(result: SweepResult, checkpoint: int) -> str:
    return f"after {result.episodes[checked_checkpoint(result, checkpoint)]:,} episodes"
