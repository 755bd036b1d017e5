"""Distribution functions of a noisy recall, and their derivatives: the integrands of the choice probabilities.

A recall of value q with noise σ has the distribution function F(x) = Φ((x − q)/σ). The soft policy takes the largest
of q + σζ + Gumbel/β; measured in units of 1/β, with s = βσ and y = β(x − q), its distribution function is

    G(y; s) = E_ζ[Λ(y − sζ)] = E_g[Φ((y − g)/s)],    Λ(y) = exp(−e^{−y}),    ζ normal, g Gumbel.

The first form is smooth in ζ for small s, the second in g for large s. Normal noise diffuses: ∂G/∂s = s ∂²G/∂y².
"""

import functools
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ROOT_TWO_PI = float(np.sqrt(2 * np.pi))
_SMALLEST = 1e-290
CHUNK = 8192  # numbers in a work array: they should stay in the cache

# (largest s, nodes of the rule up to there): absolute errors below 1e-11, first two derivatives included.
_GUMBEL_OVER_NORMAL = ((0.3, 24), (0.5, 32), (0.75, 44), (1.0, 56), (1.25, 68), (1.5, 80), (2.0, 104))
_NORMAL_OVER_GUMBEL = ((2.5, 36), (3.0, 27), (4.0, 21), (5.0, 15), (6.0, 12), (8.0, 10))
_SERIES_IN_1_OVER_S = ((10.0, 32), (16.0, 21), (25.0, 14), (80.0, 11), (np.inf, 7))
_LOGISTIC_OVER_NORMAL = ((0.6, 24), (1.0, 34), (2.0, 60), (4.0, 116))
_NORMAL_OVER_LOGISTIC = ((6.0, 44), (np.inf, 26))


def normal_cdf(u: Floats) -> Floats:
    """Φ(u)."""
    from scipy.special import ndtr  # slow to load, and much of the package does without

    below: Floats = ndtr(u)
    return below


def normal(u: Floats) -> tuple[Floats, Floats]:
    """Φ(u) and φ(u)."""
    return normal_cdf(u), np.exp(-0.5 * u * u) / _ROOT_TWO_PI


@functools.cache
def normal_rule(nodes: int) -> tuple[Floats, Floats]:
    """Trapezoidal rule in ζ ~ N(0, 1): nodes and weights. It converges geometrically for analytic integrands."""
    z = np.linspace(-8.2, 8.2, nodes)
    weights = np.exp(-0.5 * z * z)
    return z, weights / weights.sum()


@functools.cache
def gauss_rule(density: Literal["gumbel", "logistic"], nodes: int) -> tuple[Floats, Floats]:
    """Gauss rule for a density known on a fine grid (Golub and Welsch): nodes and weights.

    Parameters
    ----------
    density : {"gumbel", "logistic"}
    nodes : int
    """
    from scipy.linalg import eigh_tridiagonal

    grid = np.linspace(-5.0, 90.0, 6001) if density == "gumbel" else np.linspace(-90.0, 90.0, 9001)
    grid = grid.astype(np.longdouble)
    tail = np.exp(-np.abs(grid))
    weights = np.exp(-grid - np.exp(-grid)) if density == "gumbel" else tail / (1 + tail) ** 2
    weights /= weights.sum()
    diagonal: list[float] = []
    beside: list[float] = []
    before, current = np.zeros_like(grid), np.ones_like(grid)
    for _ in range(nodes):
        diagonal.append((weights * grid * current**2).sum())
        following = (grid - diagonal[-1]) * current - (beside[-1] * before if beside else 0)
        beside.append(np.sqrt((weights * following**2).sum()))
        before, current = current, following / beside[-1]
    points, vectors = eigh_tridiagonal(np.array(diagonal, dtype=float), np.array(beside[:-1], dtype=float))
    return points, vectors[0] ** 2


def gumbel_normal(y: Floats, s: Floats, wanted: npt.NDArray[np.bool_], out: Floats) -> None:
    """G(y; s) and its derivatives with respect to y, in those columns that are wanted.

    Parameters
    ----------
    y : array of float, shape (points, columns)
        In units of 1/β; not so low that G underflows.
    s : array of float, shape (columns,)
        In units of 1/β, at least 0.
    wanted : array of bool, shape (columns,)
    out : array of float, shape (orders, points, columns)
        Filled with the derivatives from order 0 on; 2 to 6 orders.
    """
    bucket = np.where(wanted, np.searchsorted(_GUMBEL_LIMITS, s), -1)
    for number in np.unique(bucket[wanted]):
        rule, terms = _GUMBEL_RULES[number]
        here = np.flatnonzero(bucket == number)
        size = max(1, CHUNK // len(y))
        for first in range(0, len(here), size):
            part = here[first : first + size]
            out[:, :, part] = rule(y[:, part], s[part], terms, len(out) - 1)
    np.maximum(out[0], _SMALLEST, out=out[0])


def logistic_normal(m: Floats, t: Floats) -> Floats:
    """E_ζ[sigmoid(m + tζ)] and its first two derivatives with respect to m: the soft choice between two actions.

    Parameters
    ----------
    m, t : array of float, shape (points,)
        Difference of the two values and its standard deviation, in units of 1/β.

    Returns
    -------
    array of float, shape (3, points)
    """
    certain = 800.0 + 60.0 * t  # beyond, the choice is certain to the last bit
    m = np.clip(m, -certain, certain)
    out = np.empty((3, len(m)))
    bucket = np.searchsorted(_LOGISTIC_LIMITS, t)
    for number in np.unique(bucket):
        rule, nodes = _LOGISTIC_RULES[number]
        here = np.flatnonzero(bucket == number)
        out[:, here] = rule(m[here, None], t[here, None], nodes)
    return out


def _logistic_over_normal(m: Floats, t: Floats, nodes: int) -> Floats:
    z, weights = normal_rule(nodes)
    x = m + t * z
    tail = np.exp(-np.abs(x))
    larger = 1 / (1 + tail)
    slope = tail * larger**2
    sign = np.where(x > 0, -1.0, 1.0)
    return np.stack([
        np.where(x > 0, larger, tail * larger) @ weights,
        slope @ weights,
        (sign * slope * (1 - tail) * larger) @ weights,
    ])  # fmt: skip


def _normal_over_logistic(m: Floats, t: Floats, nodes: int) -> Floats:
    noise, weights = gauss_rule("logistic", nodes)
    u = (m + noise) / t
    below, density = normal(u)
    width = t[:, 0]
    return np.stack([below @ weights, density @ weights / width, -(u * density) @ weights / width**2])


def _gumbel_over_normal(y: Floats, s: Floats, nodes: int, order: int) -> Floats:
    z, weights = normal_rule(nodes)
    growth, start = np.exp(z[:, None, None] * s), np.exp(-y)
    moments = np.zeros((order + 1, *y.shape))
    for part in _parts(nodes, y.size):
        tau = growth[part] * start
        term = np.negative(tau)
        np.exp(term, out=term)
        for power in range(order + 1):
            if power:
                term *= tau
            moments[power] += _weighted(weights[part], term)
    # d/dy (τ^j Λ) = τ^{j+1} Λ − j τ^j Λ
    rows = np.zeros((order + 1, order + 1))
    rows[0, 0] = 1.0
    for k in range(order):
        rows[k + 1, 1:] = rows[k, :-1]
        rows[k + 1] -= np.arange(order + 1) * rows[k]
    return (rows @ moments.reshape(order + 1, -1)).reshape(moments.shape)


def _normal_over_gumbel(y: Floats, s: Floats, nodes: int, order: int) -> Floats:
    noise, weights = gauss_rule("gumbel", nodes)
    scaled, precision = y / s, 1 / s
    shift = noise[:, None, None] * precision
    out = np.zeros((order + 1, *y.shape))
    for part in _parts(nodes, y.size):
        u = scaled - shift[part]
        term, following = normal(u)
        for k in range(order + 1):
            out[k] += _weighted(weights[part], term)
            if k < order:
                term, following = following, -u * following - k * (term if k else 0.0)
    for k in range(1, order + 1):
        out[k:] *= precision
    return out


def _parts(nodes: int, points: int) -> list[slice]:
    size = max(1, CHUNK // points)
    return [slice(first, first + size) for first in range(0, nodes, size)]


def _weighted(weights: Floats, terms: Floats) -> Floats:
    """Σ_k weights[k] terms[k]."""
    return (weights @ terms.reshape(len(weights), -1)).reshape(terms.shape[1:])


@functools.cache
def _gumbel_moments(terms: int) -> tuple[float, Floats]:
    """The mean of g, and (−1)^k E[(g − mean)^k] / k! for k below ``terms``."""
    noise, weights = gauss_rule("gumbel", 40)
    mean = float(noise @ weights)
    coefficients, powers = np.empty(terms), np.ones_like(noise)
    for k in range(terms):
        coefficients[k] = powers @ weights
        powers = -powers * (noise - mean) / (k + 1)
    return mean, coefficients


def _series(y: Floats, s: Floats, terms: int, order: int) -> Floats:
    mean, coefficients = _gumbel_moments(terms)
    precision = 1 / s
    u = (y - mean) * precision
    derivatives = np.empty((terms + order, *y.shape))  # s^−m Φ^(m)(u)
    derivatives[0], derivatives[1] = normal(u)
    derivatives[1] *= precision
    u *= -precision
    precision = -precision * precision
    rest = np.empty_like(u)
    for m in range(2, terms + order):
        np.multiply(u, derivatives[m - 1], out=derivatives[m])
        if m > 2:
            np.multiply((m - 2) * precision, derivatives[m - 2], out=rest)
            derivatives[m] += rest
    out = np.empty((order + 1, *y.shape))
    for j in range(order + 1):
        out[j] = _weighted(coefficients, derivatives[j : j + terms])
    return out


def _buckets(*families: tuple[Any, tuple[tuple[float, int], ...]]) -> tuple[Floats, list[tuple[Any, int]]]:
    """Upper limits of the ranges of a width, and the rule of each with its nodes or terms."""
    limits = [high for _, ranges in families for high, _ in ranges]
    return np.array(limits), [(rule, terms) for rule, ranges in families for _, terms in ranges]


_GUMBEL_LIMITS, _GUMBEL_RULES = _buckets(
    (_gumbel_over_normal, _GUMBEL_OVER_NORMAL),
    (_normal_over_gumbel, _NORMAL_OVER_GUMBEL),
    (_series, _SERIES_IN_1_OVER_S),
)
_LOGISTIC_LIMITS, _LOGISTIC_RULES = _buckets(
    (_logistic_over_normal, _LOGISTIC_OVER_NORMAL), (_normal_over_logistic, _NORMAL_OVER_LOGISTIC)
)
