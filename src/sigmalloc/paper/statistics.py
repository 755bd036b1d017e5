"""The few statistics that verdicts rest on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from .. import metrics
from .batch import tail


@dataclass(frozen=True)
class Number:
    """A computed number with its standard error (NaN where there is none) or its 95 % interval."""

    name: str
    value: float
    error: float = math.nan
    interval: tuple[float, float] | None = None

    def __str__(self) -> str:
        return show(self.value, self.error)

    @property
    def z(self) -> float:
        """Standard errors from 0."""
        if not self.error > 0:
            return math.copysign(math.inf, self.value) if self.value else 0.0
        return self.value / self.error

    def to_dict(self) -> dict[str, Any]:
        finite = [float(x) if math.isfinite(x) else None for x in (self.value, self.error)]
        interval = None if self.interval is None else [float(end) for end in self.interval]
        return {"name": self.name, "value": finite[0], "error": finite[1], "interval": interval}


def show(value: float, error: float = math.nan) -> str:
    """ "−12.98 ± 0.03": the error with two digits at most, the value as far."""
    if not math.isfinite(value):
        return "none"
    if math.isfinite(error) and error > 0:
        digits = int(np.clip(1 - math.floor(math.log10(error)), 0, 4))
        return f"{value:.{digits}f} ± {error:.{digits}f}".replace("-", "−")
    digits = int(np.clip(2 - math.floor(math.log10(abs(value))), 0, 3)) if value else 0
    return f"{value:.{digits}f}".replace("-", "−")


def mean(name: str, values: Any) -> Number:
    """Mean over runs with its standard error."""
    value, error = metrics.mean_and_sem(np.ravel(values))
    return Number(name, float(value), float(error))


def difference(name: str, first: Any, second: Any) -> Number:
    """first − second, of independent runs."""
    a, b = mean("", first), mean("", second)
    return Number(name, a.value - b.value, math.hypot(a.error, b.error))


def best_of(name: str, values: Any) -> Number:
    """Best of runs, with the error of it by bootstrap over them."""
    picks = np.random.default_rng(0).choice(values, size=(RESAMPLES, len(values)))
    return Number(name, float(np.max(values)), float(picks.max(axis=1).std()))


def ratio(name: str, numerator: Any, denominator: Any) -> Number:
    """Ratio of two means, with its error to first order."""
    a, b = mean("", numerator), mean("", denominator)
    value = a.value / b.value
    return Number(name, value, abs(value) * math.hypot(a.error / a.value, b.error / b.value))


def slope(name: str, x: Any, values: Any) -> Number:
    """Slope of values, shape (len(x), runs), over x: least squares in every run, then mean and error over runs.

    With NaN at some x in a run, that run's line goes through the others.
    """
    x = np.asarray(x, dtype=float)
    slopes = []
    for run in np.asarray(values).T:
        use = np.isfinite(run)
        slopes.append(np.polyfit(x[use], run[use], 1)[0])
    return mean(name, slopes)


def rank_correlation(x: Any, y: Any) -> Any:
    """Spearman's ρ along the last axis; x and y broadcast."""
    x, y = np.broadcast_arrays(x, y)
    return stats.pearsonr(stats.rankdata(x, axis=-1), stats.rankdata(y, axis=-1), axis=-1).statistic


def separation(low: Any, high: Any) -> Any:
    """Probability that an entry of ``low`` is below one of ``high`` (area under the ROC curve), along the last axis."""
    wins = stats.mannwhitneyu(high, low, axis=-1, method="asymptotic").statistic
    return wins / (low.shape[-1] * high.shape[-1])


LEVELS = 40
"""Levels of return at which the episodes of two agents are compared."""

SHORT = 0.05
"""How far below the plateau the highest of these levels is, as a fraction of the plateau."""

CONFIDENCE = 95
RESAMPLES = 400


@dataclass(frozen=True)
class Reach:
    """How many times as many episodes one agent takes as another to first reach a level, for many levels.

    Attributes
    ----------
    levels : array, shape (levels,)
        Of return, from the start of learning to just below the plateau.
    gaps : array, shape (levels,)
        Their distance to the plateau.
    slow, fast : array, shape (levels,)
        Episodes at which the mean curves first reach them.
    ratio, low, high : array, shape (levels,)
        Ratio of the mean curves, and its 95 % band by bootstrap over runs.
    median : float
        Of the ratio over levels.
    band : (float, float)
        Its 95 % interval.
    """

    levels: np.ndarray
    gaps: np.ndarray
    slow: np.ndarray
    fast: np.ndarray
    ratio: np.ndarray
    low: np.ndarray
    high: np.ndarray
    median: float
    band: tuple[float, float]


def first_reach(
    episodes: npt.NDArray[Any], curve: npt.NDArray[np.float64], levels: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Episode at which a curve first reaches each level, linear between checkpoints.

    Parameters
    ----------
    episodes : array, shape (checkpoints,)
    curve : array, shape (..., checkpoints)
    levels : array, shape (levels,)

    Returns
    -------
    array, shape (..., levels)
        The first checkpoint where the curve begins above the level; NaN where it never gets there.
    """
    there = curve[..., None, :] >= levels[:, None]
    after = there.argmax(axis=-1)
    before = np.maximum(after - 1, 0)
    high, low = (np.take_along_axis(curve, index, axis=-1) for index in (after, before))
    share = np.divide(levels - low, high - low, out=np.ones(after.shape), where=(after > 0) & (high > low))
    found = episodes[before] + share * (episodes[after] - episodes[before])
    return np.where(there.any(axis=-1), found, np.nan)


def common_levels(slow: Any, fast: Any, spacing: str = "log") -> tuple[Any, Any] | None:
    """Levels of return that both mean curves pass between their start and the lower of their plateaus.

    They are spaced evenly in the logarithm of the distance to the plateau, because learning closes a gap by halves: in
    the maze, nine in ten of evenly spaced levels would be passed within the first hundred episodes.
    ``spacing="linear"`` spaces them evenly nevertheless.

    Returns
    -------
    levels, gaps : array, shape (levels,), or None
        Gaps are the distances to the plateau. None if a curve does not rise.
    """
    slow, fast = slow.mean(axis=0), fast.mean(axis=0)
    start, plateau = max(slow[0], fast[0]), min(tail(slow), tail(fast))
    gap = SHORT * abs(plateau)
    if not start < plateau - gap:
        return None
    space = np.linspace if spacing == "linear" else np.geomspace
    gaps = space(plateau - start, gap, LEVELS + 1)[1:]
    return plateau - gaps, gaps


def reach(
    episodes: npt.NDArray[Any],
    slow: npt.NDArray[np.float64],
    fast: npt.NDArray[np.float64],
    spacing: Literal["log", "linear"] = "log",
) -> Reach | None:
    """Ratio of the episodes that two agents take to first reach common levels of return.

    Parameters
    ----------
    episodes : array, shape (checkpoints,)
    slow, fast : array, shape (runs, checkpoints)
    spacing : {"log", "linear"}
        Of `common_levels`.

    Returns
    -------
    Reach or None
        None if one of the curves does not rise to a plateau.
    """
    common = common_levels(slow, fast, spacing)
    if common is None:
        return None
    levels, gaps = common
    first = [first_reach(episodes, runs.mean(axis=0), levels) for runs in (slow, fast)]
    rng = np.random.default_rng(0)
    many = [
        first_reach(episodes, runs[rng.integers(len(runs), size=(RESAMPLES, len(runs)))].mean(axis=1), levels)
        for runs in (slow, fast)
    ]
    ratios = many[0] / many[1]
    ends = [(100 - CONFIDENCE) / 2, (100 + CONFIDENCE) / 2]
    low, high = np.nanpercentile(ratios, ends, axis=0)
    band = np.nanpercentile(np.nanmedian(ratios, axis=1), ends)
    ratio = first[0] / first[1]
    return Reach(
        levels, gaps, first[0], first[1], ratio, low, high, float(np.nanmedian(ratio)), (float(band[0]), float(band[1]))
    )
