"""The constants of the fit engine's soft policy: the logistic function as a scale mixture of normals.

    1 / (1 + e^-x) = ∫ Φ(s x) w(s) ds ≈ Σ_k w_k Φ(s_k x)

The mixing law is that of s = 1 / (2 D), D with Kolmogorov's distribution (Stefanski 1991), and the terms are its Gauss
rule in ln s. Prints w_k and τ_k = 1/s_k² as `_kernel/likelihood.pxd` and `reference/likelihood.py` have them, and the
largest errors of the value and of its first two derivatives, which fall sixfold with every further term.

    python bench/logistic_mixture.py [terms]
"""

import sys

import numpy as np
from scipy.special import expit, ndtr

TERMS = 14


def kolmogorov_density(d):
    """Density of Kolmogorov's distribution, from whichever of its two series converges fast."""
    k = np.arange(1, 60)[:, None]
    large = 8 * d * ((-1.0) ** (k - 1) * k**2 * np.exp(-2 * k**2 * d**2)).sum(axis=0)
    odd = ((2 * k - 1) * np.pi) ** 2 / 8
    small = np.sqrt(2 * np.pi) * (np.exp(-odd / d**2) * (2 * odd / d**4 - 1 / d**2)).sum(axis=0)
    return np.where(d > 0.9, large, small)


def gauss_rule(terms):
    """Weights and scales, by the three-term recurrence of the orthogonal polynomials (Golub and Welsch 1969)."""
    t = np.linspace(-3.5, 2.0, 40_001).astype(np.longdouble)
    d = np.exp(-t.astype(float)) / 2
    density = (kolmogorov_density(d) * d).clip(0).astype(np.longdouble)
    density /= density.sum()
    diagonal, beside = [], []
    before, current = np.zeros_like(t), np.ones_like(t)
    for _ in range(terms):
        diagonal.append((density * t * current**2).sum())
        following = (t - diagonal[-1]) * current - (beside[-1] * before if beside else 0)
        beside.append(np.sqrt((density * following**2).sum()))
        before, current = current, following / beside[-1]
    side = np.array(beside[:-1], dtype=float)
    nodes, vectors = np.linalg.eigh(np.diag(np.array(diagonal, dtype=float)) + np.diag(side, 1) + np.diag(side, -1))
    return vectors[0] ** 2, np.exp(nodes)


def errors(w, s):
    """Largest errors of the value, the slope and the curvature."""
    x = np.linspace(0, 40, 8001)
    z = np.outer(x, s)
    bell = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    value, rest = expit(x), expit(-x)
    found = (
        ndtr(z) @ w - value,
        bell @ (w * s) - value * rest,
        (-z * bell) @ (w * s * s) - value * rest * (rest - value),
    )
    return tuple(float(np.abs(error).max()) for error in found)


if __name__ == "__main__":
    w, s = gauss_rule(int(sys.argv[1]) if len(sys.argv) > 1 else TERMS)
    print("w  ", [float(x) for x in w])
    print("tau", [float(x) for x in s**-2.0])
    print("largest errors of value, slope, curvature:", *(f"{error:.1e}" for error in errors(w, s)))
