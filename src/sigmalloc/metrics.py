"""What is measured on memories and learning curves.

Memories come as arrays ``q`` (q̄) and ``sigma`` (σ) of shape (..., states, actions), in units of reward; leading axes,
such as restarts or snapshots, are carried through. Where actions are missing, ``exists`` (`TabularMDP.exists`) says
which are there; q̄ and σ of the others are ignored and may hold anything.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from . import _checks

_REACH = 9.0  # the standard normal density is below 1e-18 beyond
_PANELS = np.linspace(-_REACH, _REACH, 13)
_STEP_PANELS = (-8.0, -5.0, -2.5, 0.0, 2.5, 5.0, 8.0)  # around a step of Φ, in its widths
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(10)
_CHUNK = 1 << 19  # quadrature nodes held at a time
_NARROWEST = 1e-9  # smallest σ told apart from 0, relative to the largest scale of its state


def choice_probabilities(q, sigma, exists=None):
    """Choice probabilities of the hard policy (Eq. 2).

    P_a = ∫ φ(z) Π_{b≠a} Φ((q̄_a + σ_a z − q̄_b) / σ_b) dz, by Gauss-Legendre quadrature on panels that are refined
    around the step of every Φ; for two actions Φ((q̄_a − q̄_b) / √(σ_a² + σ_b²)). The error is below 1e-11 whatever
    the ratios of the σ.

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
    shape, n_actions = q.shape, q.shape[-1]
    q, sigma, exists = (array.reshape(-1, n_actions) for array in (q, sigma, exists))
    best = np.where(exists, q, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    q = np.where(exists, q - np.where(np.isfinite(best), best, 0.0), 0.0)
    scale = np.maximum(sigma.max(axis=1, initial=0.0), -q.min(axis=1, initial=0.0))[:, None]
    sigma = np.maximum(sigma, np.where(scale > 0, _NARROWEST * scale, 1.0))
    out = exists.astype(float)
    several = np.flatnonzero(exists.sum(axis=1) > 1)
    if n_actions == 2:
        first = _normal_cdf((q[several, 0] - q[several, 1]) / np.hypot(sigma[several, 0], sigma[several, 1]))
        out[several] = np.stack([first, 1 - first], axis=1)
    elif several.size:
        nodes = (len(_PANELS) + len(_STEP_PANELS) * (n_actions - 1)) * len(_NODES)
        for rows in np.array_split(several, math.ceil(len(several) * nodes / _CHUNK)):
            out[rows] = _hard_policy(q[rows], sigma[rows], exists[rows])
    return out.reshape(shape)


def _hard_policy(q, sigma, exists):
    """Choice probabilities of (n, actions) memories by quadrature; σ > 0."""
    out = np.zeros(q.shape)
    for a in range(q.shape[1]):
        rivals = [b for b in range(q.shape[1]) if b != a]
        width = sigma[:, rivals] / sigma[:, [a]]
        step = (q[:, rivals] - q[:, [a]]) / sigma[:, [a]]
        edges = [np.broadcast_to(_PANELS, (len(q), len(_PANELS)))]
        edges += [np.where(exists[:, rivals], step + offset * width, _REACH) for offset in _STEP_PANELS]
        edges = np.sort(np.concatenate(edges, axis=1).clip(-_REACH, _REACH), axis=1)
        half = np.diff(edges, axis=1)[:, :, None] / 2
        z = (edges[:, :-1, None] + half) + half * _NODES
        density = np.exp(-0.5 * z * z)
        for k, b in enumerate(rivals):
            beats = _normal_cdf((z - step[:, k, None, None]) / width[:, k, None, None])
            density *= np.where(exists[:, b, None, None], beats, 1.0)
        out[:, a] = (density * _WEIGHTS * half).sum(axis=(1, 2)) / math.sqrt(2 * math.pi)
    return np.where(exists, out, 0.0)


@functools.cache
def _tail_series():
    """Chebyshev series of exp(z²) erfc(z) for 0 ≤ z ≤ 8 in a variable that is −1 at 0 and 1 at 8."""

    def tail(t):
        z = (3.2 * (t + 1)) / (2.6 - 1.8 * t)
        return np.array([math.exp(value * value) * math.erfc(value) for value in z])

    return np.polynomial.chebyshev.chebinterpolate(tail, 26)


def _normal_cdf(x):
    """Φ(x), to an absolute error below 1e-14."""
    z = np.minimum(np.abs(x) / math.sqrt(2), 8.0)
    t = (2.6 * z - 3.2) / (3.2 + 1.8 * z)
    tail = 0.5 * np.exp(-z * z) * np.polynomial.chebyshev.chebval(t, _tail_series())
    return np.where(x < 0, tail, 1 - tail)


def choice_entropy(q, sigma, exists=None):
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


def divergence(sigma, sigma_base, memories=None):
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
    return (0.5 * (ratio - 1) * (ratio + 1) - np.log(ratio)).sum(axis=(-2, -1))


def discriminability(q, sigma, exists=None, by=None):
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
    d = _d_prime(np.abs(mean[..., 0] - mean[..., 1]), np.hypot(noise[..., 0], noise[..., 1]))
    return np.where(exists.sum(axis=-1) > 1, d, np.nan)


def pairwise_discriminability(q, sigma, exists=None):
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
    difference = np.abs(q[..., :, None] - q[..., None, :])
    d = _d_prime(difference, np.hypot(sigma[..., :, None], sigma[..., None, :]))
    return np.where(exists[..., :, None] & exists[..., None, :], d, np.nan)


def mean_sigma(sigma, exists=None):
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
    total = np.where(exists, sigma, 0.0).sum(axis=-1)
    return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)


def reward_difference(q_star, exists=None):
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
    return np.where(exists.sum(axis=-1) > 1, two[..., 0] - two[..., 1], np.nan)


def state_values(q, exists=None):
    """Largest q̄ of each state, shape (..., states), in units of reward; NaN for states without actions."""
    q, exists = _masked("q", q, exists, "exists")
    best = np.where(exists, q, -np.inf).max(axis=-1, initial=-np.inf)
    return np.where(exists.any(axis=-1), best, np.nan)


def greedy_actions(q, exists=None):
    """Action with the largest q̄ of each state (the first of equals), shape (..., states); −1 without actions."""
    q, exists = _masked("q", q, exists, "exists")
    return np.where(exists.any(axis=-1), np.where(exists, q, -np.inf).argmax(axis=-1), -1)


def mean_and_sem(values, axis=0):
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
        raise ValueError(f"axis must be one of the {values.ndim} axes of values, got {axis!r}")
    n = values.shape[axis]
    if n == 0:
        raise ValueError("values must have at least one restart")
    mean = values.mean(axis=axis)
    sem = values.std(axis=axis, ddof=1) / math.sqrt(n) if n > 1 else np.full_like(mean, np.nan)
    return mean, sem


def convergence_episode(episodes, curve, *, tolerance, window=5, tail=0.2, final=None):
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
    total = np.concatenate([np.zeros((*curve.shape[:-1], 1)), curve.cumsum(axis=-1)], axis=-1)
    low = np.maximum(np.arange(n) - window // 2, 0)
    high = np.minimum(np.arange(n) + window // 2 + 1, n)
    smooth = (total[..., high] - total[..., low]) / (high - low)
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

    def line(self, x):
        """Height of the line at x, same shape as ``x``."""
        return self.intercept + self.slope * _finite("x", x)

    def band(self, x, level=0.95):
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

    def slope_interval(self, level=0.95):
        """Confidence interval (low, high) of the slope."""
        half = self._quantile(level) * self.slope_se
        return self.slope - half, self.slope + half

    def _quantile(self, level):
        return student_t_quantile(0.5 + _fraction("level", level) / 2, self.n - 2)


def regression(x, y):
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
    x_mean, y_mean = x.mean(), y.mean()
    dx, dy = x - x_mean, y - y_mean
    xx, xy, yy = dx @ dx, dx @ dy, dy @ dy
    if np.ptp(x) == 0:
        raise ValueError(f"x must not be all equal, got {x[0]:g}")
    slope = xy / xx
    residual = dy - slope * dx
    residual_sd = math.sqrt(residual @ residual / (n - 2))
    return Regression(
        slope=float(slope),
        intercept=float(y_mean - slope * x_mean),
        slope_se=residual_sd / math.sqrt(xx),
        intercept_se=residual_sd * math.sqrt(1 / n + x_mean**2 / xx),
        r=float(np.clip(xy / math.sqrt(xx * yy), -1, 1)) if yy > 0 else math.nan,
        n=n,
        residual_sd=residual_sd,
        x_mean=float(x_mean),
        x_squares=float(xx),
    )


def student_t_quantile(p, degrees):
    """Quantile of Student's t distribution.

    With t = √ν tan θ, P(|T| < t) is a finite sum of powers of cos θ (Abramowitz and Stegun 26.7.3-4), which is
    inverted by bisection in θ.

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
    p = _fraction("p", p)
    degrees = _checks.integer("degrees", degrees, low=1, high=10**7)
    central = abs(2 * p - 1)
    low, high = 0.0, math.pi / 2
    for _ in range(64):
        middle = (low + high) / 2
        if _student_t_central(middle, degrees) < central:
            low = middle
        else:
            high = middle
    return math.copysign(math.sqrt(degrees) * math.tan((low + high) / 2), p - 0.5) if central else 0.0


def _student_t_central(theta, degrees):
    """P(|T| < √ν tan θ)."""
    k = np.arange(1 + degrees % 2, degrees - 1, 2)  # factors k / (k + 1) of successive terms
    cosine = math.cos(theta)
    terms = 1 + np.cumprod(k / (k + 1) * cosine**2).sum()
    if degrees % 2 == 0:
        return math.sin(theta) * terms
    return 2 / math.pi * (theta + (math.sin(theta) * cosine * terms if degrees > 1 else 0.0))


def _two_best(values, exists):
    """Indices of the best and second best action, shape (..., states, 2); None if there is only one action."""
    if values.shape[-1] < 2:
        return None
    return np.argsort(np.where(exists, -values, np.inf), axis=-1, kind="stable")[..., :2]


def _d_prime(difference, noise):
    d = np.where(difference > 0, np.inf, 0.0)
    return np.divide(difference, noise, out=d, where=noise > 0)


def _memories(q, sigma, exists):
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


def _masked(name, value, mask, mask_name, shape=None):
    """``value`` with 0 where the mask is False, and the mask, both broadcast to one shape."""
    value = _numbers(name, value)
    if value.ndim < 2:
        raise ValueError(f"{name} must have shape (..., states, actions), got {value.shape}")
    given = np.asarray(True if mask is None else mask)
    if given.dtype != bool:
        raise ValueError(f"{mask_name} must be an array of bool, got dtype {given.dtype}")
    shape = value.shape if shape is None else shape
    for what, array in ((name, value), (mask_name, given)):
        try:
            np.broadcast_to(array, shape)
        except ValueError:
            raise ValueError(f"{what} must be broadcastable to shape {shape}, got {array.shape}") from None
    mask = np.broadcast_to(given, shape)
    return _finite(name, np.where(mask, value, 0.0)), mask


def _fraction(name, value):
    """A float in (0, 1)."""
    number = _checks.real(name, value, low=0, high=1, low_open=True)
    if number == 1:
        raise ValueError(f"{name} must be below 1, got {value!r}")
    return number


def _numbers(name, value):
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        array = None
    if array is None or array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be an array of numbers, got {value!r}")
    return array.astype(float)


def _finite(name, value):
    array = _numbers(name, value)
    return _checks.array(name, array, array.shape).reshape(array.shape)
