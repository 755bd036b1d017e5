"""What is measured on memories and learning curves.

Memories come as arrays ``q`` (q̄) and ``sigma`` (σ) of shape (..., states, actions), in units of reward; leading axes,
such as restarts or snapshots, are carried through. Where actions are missing, ``exists`` (`TabularMDP.exists`) says
which are there; q̄ and σ of the others are ignored and may hold anything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import _checks
from ._choices.solver import solve_choices
from ._floats import finite, quietly

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@quietly
def choice_probabilities(q: npt.ArrayLike, sigma: npt.ArrayLike, exists: npt.ArrayLike | None = None) -> Floats:
    """Choice probabilities of the hard policy (Eq. 2).

    P_a = ∫ φ(z) Π_{b≠a} Φ((q̄_a + σ_a z − q̄_b) / σ_b) dz, by quadrature; Φ((q̄_a − q̄_b) / √(σ_a² + σ_b²)) where a
    state has two actions. The error is below 1e-11 whatever the ratios of the σ. `exact.choice_gradients` has the soft
    policy and derivatives, too.

    Parameters
    ----------
    q, sigma : array of float, shape (..., states, actions)
        Means and standard deviations of the memories, in units of reward. σ = 0 is the limit of a small σ, so exact
        ties are shared evenly.
    exists : array of bool, broadcastable to (..., states, actions), optional
        The actions that there are. Default: all.

    Returns
    -------
    array of float, shape (..., states, actions)
        Sums to 1 over the actions of a state; 0 for actions that do not exist.

    Raises
    ------
    ValueError
        Naming the array and what is wrong with it.
    """
    q, sigma, exists = _memories(q, sigma, exists)
    flat = (-1, q.shape[-1])
    return solve_choices(q.reshape(flat), sigma.reshape(flat), exists.reshape(flat)).probability.reshape(q.shape)


@quietly
def choice_entropy(q: npt.ArrayLike, sigma: npt.ArrayLike, exists: npt.ArrayLike | None = None) -> Floats:
    """Entropy of the hard policy's choice, as a fraction of its largest value.

    H(s) = −Σ_a P_a ln P_a / ln(number of actions of s), with P of `choice_probabilities`.

    Parameters
    ----------
    q, sigma, exists
        As for `choice_probabilities`.

    Returns
    -------
    array of float, shape (..., states)
        0 (always the same choice) to 1 (all choices equally likely); 0 where there is one action, NaN where there is
        none.
    """
    probability = choice_probabilities(q, sigma, exists)
    logarithm = np.log(probability, out=np.zeros_like(probability), where=probability > 0)
    counts = np.broadcast_to(True if exists is None else np.asarray(exists), probability.shape).sum(axis=-1)
    entropy = -(probability * logarithm).sum(axis=-1) / np.log(np.maximum(counts, 2))
    return np.where(counts > 0, entropy.clip(0.0, 1.0), np.nan)


@quietly
def divergence(sigma: npt.ArrayLike, sigma_base: float, memories: npt.ArrayLike | None = None) -> Floats:
    """Cost of precision: divergence of the memories from the base distribution (A.2).

    D_KL = Σ [ ½ (σ² / σ_base² − 1) − ln(σ / σ_base) ]. The cost of Eq. 1 is λ times this.

    Parameters
    ----------
    sigma : array of float, shape (..., states, actions)
        In units of reward.
    sigma_base : float
        Standard deviation of a memory that costs nothing, in units of reward.
    memories : array of bool, broadcastable to (..., states, actions), optional
        The memories that are paid for (`TabularMDP.memories`). Default: all.

    Returns
    -------
    array of float, shape (...)
        In nats.
    """
    sigma, memories = _masked("sigma", sigma, memories, "memories")
    sigma_base = _checks.real("sigma_base", sigma_base, low=0, low_open=True)
    if (sigma[memories] <= 0).any():
        raise ValueError(f"sigma must be greater than 0 where there is a memory, got {sigma[memories].min():g}")
    ratio = np.where(memories, sigma, sigma_base) / sigma_base
    nats = (0.5 * (ratio - 1) * (ratio + 1) - np.log(ratio)).sum(axis=(-2, -1))
    return np.asarray(finite("divergence", nats, f"sigma / sigma_base, with sigma_base = {sigma_base:g}"))[()]


@quietly
def discriminability(
    q: npt.ArrayLike, sigma: npt.ArrayLike, exists: npt.ArrayLike | None = None, by: npt.ArrayLike | None = None
) -> Floats:
    """How well the two best memories of a state can be told apart.

    d' = |q̄₁ − q̄₂| / √(σ₁² + σ₂²). With more than two actions, 1 and 2 are the best and the second best; see
    `pairwise_discriminability` for every pair.

    Parameters
    ----------
    q, sigma, exists
        As for `choice_probabilities`.
    by : array of float, broadcastable to (..., states, actions), optional
        Values by which best and second best are told (q*, say, to compare with `reward_difference`). Default: ``q``.

    Returns
    -------
    array of float, shape (..., states)
        Without unit; NaN for states with fewer than two actions, infinite for two different values without noise.
    """
    q, sigma, exists = _memories(q, sigma, exists)
    if by is None:
        by = q
    else:
        by, _ = _masked("by", by, exists, "exists", shape=q.shape)
    pair = _two_best(by, exists)
    if pair is None:
        return np.full(q.shape[:-1], np.nan)
    mean, noise = np.take_along_axis(q, pair, axis=-1), np.take_along_axis(sigma, pair, axis=-1)
    d = _d_prime(mean[..., 0] - mean[..., 1], np.hypot(noise[..., 0], noise[..., 1]))
    return np.where(exists.sum(axis=-1) > 1, d, np.nan)


@quietly
def pairwise_discriminability(q: npt.ArrayLike, sigma: npt.ArrayLike, exists: npt.ArrayLike | None = None) -> Floats:
    """d' of every pair of memories of a state: |q̄_a − q̄_b| / √(σ_a² + σ_b²).

    Parameters
    ----------
    q, sigma, exists
        As for `choice_probabilities`.

    Returns
    -------
    array of float, shape (..., states, actions, actions)
        Symmetric, 0 on the diagonal; NaN where one of the two actions does not exist.
    """
    q, sigma, exists = _memories(q, sigma, exists)
    d = _d_prime(q[..., :, None] - q[..., None, :], np.hypot(sigma[..., :, None], sigma[..., None, :]))
    return np.where(exists[..., :, None] & exists[..., None, :], d, np.nan)


@quietly
def mean_sigma(sigma: npt.ArrayLike, exists: npt.ArrayLike | None = None) -> Floats:
    """Mean σ of the memories of each state.

    Parameters
    ----------
    sigma : array of float, shape (..., states, actions)
        In units of reward.
    exists : array of bool, broadcastable to (..., states, actions), optional
        The memories to average over: `TabularMDP.exists`, or `TabularMDP.memories` to leave out known ones.

    Returns
    -------
    array of float, shape (..., states)
        In units of reward; NaN for states without memories.
    """
    sigma, exists = _masked("sigma", sigma, exists, "exists")
    counts = exists.sum(axis=-1)
    total = finite("mean_sigma", np.where(exists, sigma, 0.0).sum(axis=-1), "sigma is too large")
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)


@quietly
def reward_difference(q_star: npt.ArrayLike, exists: npt.ArrayLike | None = None) -> Floats:
    """What hangs on a state: cumulative reward of its best action less that of the second best.

    Parameters
    ----------
    q_star : array of float, shape (..., states, actions)
        Cumulative reward of each action, as from `TabularMDP.optimal_q`.
    exists : array of bool, broadcastable to (..., states, actions), optional
        The actions that there are. Default: all.

    Returns
    -------
    array of float, shape (..., states)
        In units of reward, at least 0; NaN for states with fewer than two actions.
    """
    q_star, exists = _masked("q_star", q_star, exists, "exists")
    pair = _two_best(q_star, exists)
    if pair is None:
        return np.full(q_star.shape[:-1], np.nan)
    two = np.take_along_axis(q_star, pair, axis=-1)
    difference = np.where(exists.sum(axis=-1) > 1, two[..., 0] - two[..., 1], 0.0)
    finite("reward_difference", difference, "q_star is too large")
    return np.where(exists.sum(axis=-1) > 1, difference, np.nan)


def state_values(q: npt.ArrayLike, exists: npt.ArrayLike | None = None) -> Floats:
    """Largest q̄ of each state, shape (..., states), in units of reward; NaN for states without actions."""
    q, exists = _masked("q", q, exists, "exists")
    best = np.where(exists, q, -np.inf).max(axis=-1, initial=-np.inf)
    return np.where(exists.any(axis=-1), best, np.nan)


def greedy_actions(q: npt.ArrayLike, exists: npt.ArrayLike | None = None) -> npt.NDArray[np.int64]:
    """Action with the largest q̄ of each state (the first of equals), shape (..., states); −1 without actions."""
    q, exists = _masked("q", q, exists, "exists")
    return np.where(exists.any(axis=-1), np.where(exists, q, -np.inf).argmax(axis=-1), -1)


@quietly
def mean_and_sem(values: npt.ArrayLike, axis: int = 0) -> tuple[Floats, Floats]:
    """Mean and its standard error over restarts.

    Parameters
    ----------
    values : array of float
        Any shape, finite.
    axis : int
        The axis of the restarts.

    Returns
    -------
    mean, sem : array of float
        ``values.shape`` without ``axis``. The standard error (with n − 1) is NaN for a single restart.
    """
    values = _finite("values", values)
    if values.ndim == 0 or not -values.ndim <= _checks.integer("axis", axis) < values.ndim:
        raise ValueError(f"axis must be one of the {values.ndim} axes of values, got {_checks.shown(axis)}")
    n = values.shape[axis]
    if n == 0:
        raise ValueError("values must have at least one restart")
    first = values.take([0], axis=axis)
    shifted = values - first  # so that neither sum cancels, whatever the level
    unit = np.abs(shifted).max(axis=axis, keepdims=True)
    shifted = np.divide(shifted, unit, out=np.zeros_like(shifted), where=unit > 0)
    unit = unit.squeeze(axis)
    mean = finite("mean", first.squeeze(axis) + unit * shifted.mean(axis=axis), "values are too far apart")
    if n == 1:
        return mean, np.full_like(mean, np.nan)
    return mean, finite("sem", unit * shifted.std(axis=axis, ddof=1) / math.sqrt(n), "values are too far apart")


@quietly
def convergence_episode(
    episodes: npt.ArrayLike,
    curve: npt.ArrayLike,
    *,
    tolerance: float,
    window: int = 5,
    tail: float = 0.2,
    final: float | None = None,
) -> Floats:
    """Episode by which a learning curve has settled.

    The curve is smoothed by a centred running mean over ``window`` checkpoints (fewer at both ends). Its final level
    is the mean of the last ``tail`` of the checkpoints. It has settled at the first checkpoint from which on the
    smoothed curve never again leaves final level ± ``tolerance``. If that lies within the last ``tail``, which
    defines the level, the curve is still on its way and the answer is NaN.

    Give every agent of a comparison the same tolerance: one derived from each curve's own noise would favour the
    noisier agent.

    Parameters
    ----------
    episodes : array of int, shape (checkpoints,)
        Episodes completed at each checkpoint, rising.
    curve : array of float, shape (..., checkpoints)
        `Result.objective`, say: of each restart, or its mean.
    tolerance : float
        In units of the curve.
    window : int
        Odd number of checkpoints.
    tail : float
        Fraction of the checkpoints, in (0, 1).
    final : float, optional
        Level to settle at, if it is known from elsewhere; the answer may then be as late as the last checkpoint.

    Returns
    -------
    array of float, shape (...)
        Episodes completed; NaN where the curve has not settled.
    """
    curve, episodes = _finite("curve", curve), _finite("episodes", episodes)
    if curve.ndim == 0 or curve.shape[-1] == 0:
        raise ValueError("curve must have shape (..., checkpoints) with at least one checkpoint")
    n = curve.shape[-1]
    if episodes.shape != (n,) or (np.diff(episodes) <= 0).any():
        raise ValueError(f"episodes must be {n} rising numbers, one per checkpoint of curve")
    tolerance = _checks.real("tolerance", tolerance, low=0, low_open=True)
    window = _checks.integer("window", window, low=1)
    if window % 2 == 0:
        raise ValueError(f"window must be odd, got {window}")
    tail = _fraction("tail", tail)
    last = max(1, round(tail * n))
    reach = min(window // 2, n - 1)
    low = np.maximum(np.arange(n) - reach, 0)
    high = np.minimum(np.arange(n) + reach + 1, n)
    padded = np.pad(curve, [(0, 0)] * (curve.ndim - 1) + [(reach, reach)])
    # every window is added up afresh: differences of running sums would cancel
    total = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=-1).sum(axis=-1)
    smooth = finite("convergence_episode", total / (high - low), "curve is too large")
    level = curve[..., -last:].mean(axis=-1, keepdims=True) if final is None else _checks.real("final", final)
    outside = np.abs(smooth - level) > tolerance
    settled = n - np.where(outside.any(axis=-1), outside[..., ::-1].argmax(axis=-1), n)
    latest = n - 1 if final is not None else n - last - 1
    return np.where(settled <= latest, episodes[np.minimum(settled, n - 1)], np.nan)


@dataclass(frozen=True)
class Regression:
    """A straight line y = intercept + slope · x fitted by ordinary least squares; made by `regression`.

    Attributes
    ----------
    slope, intercept : float
    slope_se, intercept_se : float
        Standard errors.
    r : float
        Pearson's correlation; NaN if y is constant.
    n : int
        Points used.
    residual_sd : float
        √(sum of squared residuals / (n − 2)).
    x_mean, x_squares : float
        Mean of x, and the sum of squares of x about it.
    """

    slope: float
    intercept: float
    slope_se: float
    intercept_se: float
    r: float
    n: int
    residual_sd: float
    x_mean: float
    x_squares: float

    def line(self, x: npt.ArrayLike) -> Floats:
        """Height of the line at x, same shape as ``x``."""
        return self.intercept + self.slope * _finite("x", x)

    def band(self, x: npt.ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
        """Pointwise confidence band of the line.

        ŷ(x) ± t · s √(1/n + (x − x̄)² / Σ(xᵢ − x̄)²), with Student's t of n − 2 degrees of freedom.

        Parameters
        ----------
        x : array of float
        level : float
            Confidence, in (0, 1).

        Returns
        -------
        low, high : array of float, same shape as ``x``
        """
        x = _finite("x", x)
        half = self._quantile(level) * self.residual_sd * np.sqrt(1 / self.n + (x - self.x_mean) ** 2 / self.x_squares)
        return self.line(x) - half, self.line(x) + half

    def slope_interval(self, level: float = 0.95) -> tuple[float, float]:
        """Confidence interval (low, high) of the slope."""
        half = self._quantile(level) * self.slope_se
        return self.slope - half, self.slope + half

    def _quantile(self, level: float) -> float:
        return student_t_quantile(0.5 + _fraction("level", level) / 2, self.n - 2)


@quietly
def regression(x: npt.ArrayLike, y: npt.ArrayLike) -> Regression:
    """Ordinary least squares line through points that are taken to be independent.

    Parameters
    ----------
    x, y : array of float, same shape
        Points with NaN in either (states without a choice) are left out.

    Returns
    -------
    Regression

    Raises
    ------
    ValueError
        If fewer than three points are left, or all x are equal.
    """
    x, y = _numbers("x", x), _numbers("y", y)
    if x.shape != y.shape:
        raise ValueError(f"y must have the shape of x, {x.shape}, got {y.shape}")
    use = ~(np.isnan(x) | np.isnan(y))
    x, y = _finite("x", x[use]), _finite("y", y[use])
    n = len(x)
    if n < 3:
        raise ValueError(f"x must have at least 3 points that are not NaN, got {n}")
    if np.ptp(x) == 0:
        raise ValueError(f"x must not be all equal, got {x[0]:g}")
    x_mean, dx, x_unit = _centred("x", x)
    y_mean, dy, y_unit = _centred("y", y)
    # not SciPy's linregress: its residuals are a difference, (1 − r²) Σ dy², that cancels where a line fits well
    xx, xy, yy = float(dx @ dx), float(dx @ dy), float(dy @ dy)
    slope = xy / xx
    residual = dy - slope * dx
    residual_sd = math.sqrt(residual @ residual / (n - 2))
    fit = Regression(
        slope=slope * (y_unit / x_unit),
        intercept=y_mean - slope * (x_mean / x_unit) * y_unit,
        slope_se=residual_sd / math.sqrt(xx) * (y_unit / x_unit),
        intercept_se=residual_sd * math.hypot(1 / math.sqrt(n), x_mean / x_unit / math.sqrt(xx)) * y_unit,
        r=float(np.clip(xy / math.sqrt(xx * yy), -1, 1)) if yy > 0 else math.nan,
        n=n,
        residual_sd=residual_sd * y_unit,
        x_mean=x_mean,
        x_squares=xx * x_unit * x_unit,
    )
    names = ("slope", "intercept", "slope_se", "intercept_se", "residual_sd", "x_squares")
    finite("regression", [getattr(fit, name) for name in names], "x or y is too large or too small")
    return fit


def _centred(name: str, values: Floats) -> tuple[float, Floats, float]:
    """The mean, and what is left in units of its largest value."""
    mean = float(finite(name, values[0] + (values - values[0]).mean(), "its values are too far apart"))
    rest = values - mean if np.ptp(values) else np.zeros_like(values)
    unit = float(np.abs(rest).max()) or 1.0
    return mean, rest / unit, unit


def student_t_quantile(p: float, degrees: int) -> float:
    """Quantile of Student's t distribution.

    Parameters
    ----------
    p : float
        Probability, in (0, 1).
    degrees : int
        ν, degrees of freedom, at least 1.

    Returns
    -------
    float
    """
    from scipy.special import stdtrit  # SciPy is slow to load

    p = _fraction("p", p)
    degrees = _checks.integer("degrees", degrees, low=1, high=10**7)
    return float(stdtrit(degrees, p))


def _two_best(values: Floats, exists: Mask) -> npt.NDArray[np.intp] | None:
    """Indices of the best and second best action, shape (..., states, 2); None if there is only one action."""
    if values.shape[-1] < 2:
        return None
    return np.argsort(np.where(exists, -values, np.inf), axis=-1, kind="stable")[..., :2]


def _d_prime(difference: Floats, noise: Floats) -> Floats:
    difference = np.abs(finite("discriminability", difference, "differences of q"))
    d = np.where(difference > 0, np.inf, 0.0)
    np.divide(difference, noise, out=d, where=noise > 0)
    finite("discriminability", d[noise > 0], "differences of q by sigma")
    return d


def _memories(q: npt.ArrayLike, sigma: npt.ArrayLike, exists: npt.ArrayLike | None) -> tuple[Floats, Floats, Mask]:
    """q̄, σ and the mask broadcast against each other, with 0 and 0 where there is no action."""
    q, sigma = _numbers("q", q), _numbers("sigma", sigma)
    try:
        shape = np.broadcast_shapes(q.shape, sigma.shape)
    except ValueError:
        raise ValueError(f"sigma must have the shape of q, {q.shape}, got {sigma.shape}") from None
    q, mask = _masked("q", q, exists, "exists", shape=shape)
    sigma, _ = _masked("sigma", sigma, exists, "exists", shape=shape)
    if (sigma < 0).any():
        raise ValueError(f"sigma must not be negative, got {sigma.min():g}")
    return q, sigma, mask


def _masked(
    name: str,
    value: npt.ArrayLike,
    mask: npt.ArrayLike | None,
    mask_name: str,
    shape: tuple[int, ...] | None = None,
) -> tuple[Floats, Mask]:
    """``value`` with 0 where the mask is False, and the mask, both broadcast to one shape."""
    value = _numbers(name, value)
    if value.ndim < 2:
        raise ValueError(f"{name} must have shape (..., states, actions), got {value.shape}")
    given = _checks.booleans(mask_name, True if mask is None else mask)
    shape = value.shape if shape is None else shape
    for what, array in ((name, value), (mask_name, given)):
        try:
            np.broadcast_to(array, shape)
        except ValueError:
            raise ValueError(f"{what} must be broadcastable to shape {shape}, got {array.shape}") from None
    mask = np.broadcast_to(given, shape)
    return _finite(name, np.where(mask, value, 0.0)), mask


def _fraction(name: str, value: float) -> float:
    """A float in (0, 1)."""
    number: float = _checks.real(name, value, low=0, high=1, low_open=True)
    if number == 1:
        raise ValueError(f"{name} must be below 1, got {_checks.shown(value)}")
    return number


def _numbers(name: str, value: npt.ArrayLike) -> Floats:
    numbers: Floats = _checks.numeric(name, value).astype(np.float64)
    return numbers


def _finite(name: str, value: npt.ArrayLike) -> Floats:
    array = _numbers(name, value)
    checked: Floats = _checks.array(name, array, array.shape)
    return checked.reshape(array.shape)
