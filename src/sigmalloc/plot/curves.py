"""Curves over a common x, and points with their regression line."""

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
    elif isinstance(label, str) == (mean.ndim == 1):
        names = [label] if isinstance(label, str) else list(label)
    else:
        names = []
    if len(names) != len(rows):
        raise ValueError(f"label must be one string per curve, got {label!r}")
    _checks.choice("errors", errors, ("bars", "band"))
    ax = style.new_axes(ax, 2.4, xlabel, ylabel)
    for one, error, name, own in zip(rows, np.atleast_2d(sem), names, style.colors(len(rows), ax), strict=True):
        color = look.get("color", own)
        ax.plot(x, one, **{"linewidth": 1.3, **look, "color": color, "label": name, "gid": style.CURVE})
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
    fit = metrics.regression(x, y)
    x, y = np.ravel(x).astype(float), np.ravel(y).astype(float)
    use = ~(np.isnan(x) | np.isnan(y))
    x, y = x[use], y[use]
    along = np.linspace(x.min(), x.max(), 101)
    low, high = fit.band(along, level)
    ax = style.new_axes(ax, 2.5, xlabel, ylabel)
    color = style.next_color(ax) if color is None else color
    ax.fill_between(along, low, high, color=color, alpha=0.2, linewidth=0)
    ax.scatter(x, y, s=11, facecolor=to_rgba(color, 0.55), edgecolor="white", linewidth=0.3, zorder=2.5)
    ax.plot(along, fit.line(along), color=color, linewidth=1.4, label=label, gid=style.CURVE, zorder=3)
    if label is not None:
        style.legend(ax)
    return ax
