"""Distribution functions of a noisy recall, and their derivatives: the integrands of the choice probabilities.

A recall of value q with noise σ has the distribution function F(x) = Φ((x − q)/σ). The soft policy takes the largest
of q + σζ + Gumbel/β; measured in units of 1/β, with s = βσ and y = β(x − q), its distribution function is

    G(y; s) = E_ζ[Λ(y − sζ)] = E_g[Φ((y − g)/s)],    Λ(y) = exp(−e^{−y}),    ζ normal, g Gumbel.

The first form is smooth in ζ for small s, the second in g for large s. Normal noise diffuses: ∂G/∂s = s ∂²G/∂y².
"""

import functools

import numpy as np
from scipy.linalg import eigh_tridiagonal
from scipy.special import erfcx

_ROOT_TWO_PI = np.sqrt(2 * np.pi)
_SMALLEST = 1e-290
_CHUNK = 8192  # points; a handful of vectors of this length stay in the cache

# (largest s, nodes of the rule up to there): absolute errors below 1e-11, first two derivatives included.
_GUMBEL_OVER_NORMAL = ((0.3, 24), (0.5, 32), (0.75, 44), (1.0, 56), (1.25, 68), (1.5, 80), (2.0, 104))
_NORMAL_OVER_GUMBEL = ((2.5, 36), (3.0, 27), (4.0, 21), (5.0, 15), (6.0, 12), (8.0, 10))
_SERIES_IN_1_OVER_S = ((10.0, 32), (16.0, 21), (25.0, 14), (80.0, 11), (np.inf, 7))
_LOGISTIC_OVER_NORMAL = ((0.6, 24), (1.0, 34), (2.0, 60), (4.0, 116))
_NORMAL_OVER_LOGISTIC = ((6.0, 44), (np.inf, 26))


def _fit_normal_tail(pole=5.0, degree=18):
    """Polynomial p with Φ(−u) = e^{−u²/2} p((u − pole)/(u + pole)) / (u + pole) for u ≥ 0, to 2e-14 of Φ(−u)."""

    def scaled(x):
        u = pole * (1 + x) / (1 - x)
        return 0.5 * (u + pole) * erfcx(u / np.sqrt(2))

    return np.polynomial.chebyshev.cheb2poly(np.polynomial.chebyshev.chebinterpolate(scaled, degree)), pole


_TAIL, _POLE = _fit_normal_tail()


def normal(u):
    """Φ(u) and φ(u), at a fraction of the cost of a library call for each."""
    bell = np.exp(-0.5 * u * u)
    size = np.abs(u)
    size += _POLE
    x = 1.0 - 2 * _POLE / size
    tail = np.full_like(u, _TAIL[-1])
    for coefficient in _TAIL[-2::-1]:
        tail *= x
        tail += coefficient
    tail *= bell
    tail /= size
    bell /= _ROOT_TWO_PI
    return np.where(u < 0, tail, 1.0 - tail), bell


@functools.cache
def normal_rule(nodes):
    """Trapezoidal rule in ζ ~ N(0, 1): nodes and weights. It converges geometrically for analytic integrands."""
    z = np.linspace(-8.2, 8.2, nodes)
    weights = np.exp(-0.5 * z * z)
    return z, weights / weights.sum()


@functools.cache
def gauss_rule(density, nodes):
    """Gauss rule for a density known on a fine grid (Golub and Welsch): nodes and weights.

    Parameters
    ----------
    density : {"gumbel", "logistic"}
    nodes : int
    """
    grid = np.linspace(-5.0, 90.0, 6001) if density == "gumbel" else np.linspace(-90.0, 90.0, 9001)
    grid = grid.astype(np.longdouble)
    tail = np.exp(-np.abs(grid))
    weights = np.exp(-grid - np.exp(-grid)) if density == "gumbel" else tail / (1 + tail) ** 2
    weights /= weights.sum()
    diagonal, beside = [], []
    before, current = np.zeros_like(grid), np.ones_like(grid)
    for _ in range(nodes):
        diagonal.append((weights * grid * current**2).sum())
        following = (grid - diagonal[-1]) * current - (beside[-1] * before if beside else 0)
        beside.append(np.sqrt((weights * following**2).sum()))
        before, current = current, following / beside[-1]
    points, vectors = eigh_tridiagonal(np.array(diagonal, dtype=float), np.array(beside[:-1], dtype=float))
    return points, vectors[0] ** 2


def gumbel_normal(y, s, order):
    """G(y; s) and its derivatives with respect to y.

    Parameters
    ----------
    y, s : array of float, shape (points,)
        In units of 1/β; s ≥ 0, and y not so low that G underflows.
    order : int
        Highest derivative wanted, at most 5.

    Returns
    -------
    array of float, shape (order + 1, points)
    """
    out = np.empty((order + 1, len(y)))
    low = -1.0
    for rule, buckets in (
        (_gumbel_over_normal, _GUMBEL_OVER_NORMAL),
        (_normal_over_gumbel, _NORMAL_OVER_GUMBEL),
        (_series, _SERIES_IN_1_OVER_S),
    ):
        for high, terms in buckets:
            here = np.flatnonzero((s > low) & (s <= high))
            for first in range(0, len(here), _CHUNK):
                part = here[first : first + _CHUNK]
                out[:, part] = rule(y[part], s[part], terms, order)
            low = high
    np.maximum(out[0], _SMALLEST, out=out[0])
    return out


def logistic_normal(m, t):
    """E_ζ[sigmoid(m + tζ)] and its first two derivatives with respect to m: the soft choice between two actions.

    Parameters
    ----------
    m, t : array of float, shape (points,)
        Difference of the two values and its standard deviation, in units of 1/β.

    Returns
    -------
    array of float, shape (3, points)
    """
    out = np.empty((3, len(m)))
    low = -1.0
    for rule, buckets in (
        (_logistic_over_normal, _LOGISTIC_OVER_NORMAL),
        (_normal_over_logistic, _NORMAL_OVER_LOGISTIC),
    ):
        for high, nodes in buckets:
            here = np.flatnonzero((t > low) & (t <= high))
            if len(here):
                out[:, here] = rule(m[here, None], t[here, None], nodes)
            low = high
    return out


def _logistic_over_normal(m, t, nodes):
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


def _normal_over_logistic(m, t, nodes):
    noise, weights = gauss_rule("logistic", nodes)
    u = (m + noise) / t
    below, density = normal(u)
    width = t[:, 0]
    return np.stack([below @ weights, density @ weights / width, -(u * density) @ weights / width**2])


def _gumbel_over_normal(y, s, nodes, order):
    z, weights = normal_rule(nodes)
    tau = np.exp(z[0] * s - y)
    growth = np.exp((z[1] - z[0]) * s)
    moments = np.zeros((order + 1, len(y)))
    for weight in weights:
        term = np.exp(-tau)
        term *= weight
        moments[0] += term
        for power in range(1, order + 1):
            term *= tau
            moments[power] += term
        tau *= growth
    # d/dy (τ^j Λ) = τ^{j+1} Λ − j τ^j Λ
    rows = np.zeros((order + 1, order + 1))
    rows[0, 0] = 1.0
    for k in range(order):
        rows[k + 1, 1:] = rows[k, :-1]
        rows[k + 1] -= np.arange(order + 1) * rows[k]
    return rows @ moments


def _normal_over_gumbel(y, s, nodes, order):
    precision = 1 / s
    out = np.zeros((order + 1, len(y)))
    for noise, weight in zip(*gauss_rule("gumbel", nodes), strict=True):
        u = (y - noise) * precision
        below, hermite = normal(u)
        out[0] += weight * below
        hermite *= weight
        before = 0.0
        for k in range(1, order + 1):
            out[k] += hermite
            before, hermite = hermite, -u * hermite - (k - 1) * before
    for k in range(1, order + 1):
        out[k:] *= precision
    return out


@functools.cache
def _gumbel_moments(terms):
    """The mean of g, and (−1)^k E[(g − mean)^k] / k! for k below ``terms``."""
    noise, weights = gauss_rule("gumbel", 40)
    mean = noise @ weights
    coefficients, powers = np.empty(terms), np.ones_like(noise)
    for k in range(terms):
        coefficients[k] = powers @ weights
        powers = -powers * (noise - mean) / (k + 1)
    return mean, coefficients


def _series(y, s, terms, order):
    mean, coefficients = _gumbel_moments(terms)
    precision = 1 / s
    u = (y - mean) * precision
    term, following = normal(u)  # s^−m Φ^(m)(u) for m = 0 and 1
    following *= precision
    u *= precision
    precision *= precision
    out = np.zeros((order + 1, len(y)))
    for m in range(terms + order):
        for j in range(max(0, m - terms + 1), min(order, m) + 1):
            out[j] += coefficients[m - j] * term
        term, following = following, -u * following - m * precision * (term if m else 0.0)
    return out
