"""The few statistics that verdicts rest on."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from .. import metrics


@dataclass(frozen=True)
class Number:
    """A computed number and its standard error (NaN where there is none)."""

    name: str
    value: float
    error: float = math.nan

    def __str__(self):
        return show(self.value, self.error)

    @property
    def z(self):
        """Standard errors from 0."""
        if not self.error > 0:
            return math.copysign(math.inf, self.value) if self.value else 0.0
        return self.value / self.error

    def to_dict(self):
        finite = [float(x) if math.isfinite(x) else None for x in (self.value, self.error)]
        return {"name": self.name, "value": finite[0], "error": finite[1]}


def show(value, error=math.nan):
    """ "−12.98 ± 0.03": the error with two digits at most, the value as far."""
    if not math.isfinite(value):
        return "none"
    if math.isfinite(error) and error > 0:
        digits = int(np.clip(1 - math.floor(math.log10(error)), 0, 4))
        return f"{value:.{digits}f} ± {error:.{digits}f}".replace("-", "−")
    digits = int(np.clip(2 - math.floor(math.log10(abs(value))), 0, 3)) if value else 0
    return f"{value:.{digits}f}".replace("-", "−")


def mean(name, values):
    """Mean over runs with its standard error."""
    value, error = metrics.mean_and_sem(np.ravel(values))
    return Number(name, float(value), float(error))


def difference(name, first, second):
    """first − second, of independent runs."""
    a, b = mean("", first), mean("", second)
    return Number(name, a.value - b.value, math.hypot(a.error, b.error))


def ratio(name, numerator, denominator):
    """Ratio of two means, with its error to first order."""
    a, b = mean("", numerator), mean("", denominator)
    value = a.value / b.value
    return Number(name, value, abs(value) * math.hypot(a.error / a.value, b.error / b.value))


def slope(name, x, values):
    """Slope of values, shape (len(x), runs), over x: least squares in every run, then mean and error over runs.

    With NaN at some x in a run, that run's line goes through the others.
    """
    x = np.asarray(x, dtype=float)
    slopes = []
    for run in np.asarray(values).T:
        use = np.isfinite(run)
        slopes.append(np.polyfit(x[use], run[use], 1)[0])
    return mean(name, slopes)


def rank_correlation(x, y):
    """Spearman's ρ along the last axis; x and y broadcast."""
    x, y = np.broadcast_arrays(x, y)
    return stats.pearsonr(stats.rankdata(x, axis=-1), stats.rankdata(y, axis=-1), axis=-1).statistic


def separation(low, high):
    """Probability that an entry of ``low`` is below one of ``high`` (area under the ROC curve), along the last axis."""
    wins = stats.mannwhitneyu(high, low, axis=-1, method="asymptotic").statistic
    return wins / (low.shape[-1] * high.shape[-1])


def settled(episodes, curves, tolerance, resamples=400):
    """Episode by which the mean curve over runs has settled, with its error by bootstrap over runs.

    Parameters
    ----------
    episodes : array, shape (checkpoints,)
    curves : array, shape (runs, checkpoints)
    tolerance : float

    Returns
    -------
    float, array of shape (resamples,)
        NaN where a curve has not settled.
    """
    pick = np.random.default_rng(0).integers(len(curves), size=(resamples, len(curves)))
    many = curves[pick].mean(axis=1)
    episode = metrics.convergence_episode(episodes, curves.mean(axis=0), tolerance=tolerance)
    return float(episode), metrics.convergence_episode(episodes, many, tolerance=tolerance)


def settling_ratio(name, episodes, slow, fast, tolerance):
    """How many times as many episodes one agent takes to settle as another; NaN if one of them does not.

    The error is half the central 68 % of the bootstrap, resamples that have not settled left out.

    Returns
    -------
    ratio, slow, fast : Number
    """
    numbers, boots = [], []
    for label, curves in (("first", slow), ("second", fast)):
        value, resampled = settled(episodes, curves, tolerance)
        numbers.append(Number(f"{name}: {label}", value, _half_width(resampled)))
        boots.append(resampled)
    value = numbers[0].value / numbers[1].value
    return Number(name, value, _half_width(boots[0] / boots[1])), *numbers


def _half_width(values):
    values = values[np.isfinite(values)]
    if len(values) < 20:
        return math.nan
    low, high = np.percentile(values, [16, 84])
    return float(high - low) / 2
