"""Choice probabilities of noisy recalls and their derivatives.

With F_a the distribution function of the recall of action a (see `noise`), all integrals of a state share one
variable x, the largest recall:

    P_a = ∫ F_a' Π_{b≠a} F_b dx,    ∂P_a/∂q_b = −∫ F_a' F_b' Π_{c≠a,b} F_c dx,
    ∂P_a/∂σ_b = σ_b ∫ F_a' F_b'' Π_{c≠a,b} F_c dx                              (b ≠ a),

and the diagonals follow from Σ_b ∂P_a/∂q_b = 0 and Σ_a P_a = 1. Two actions have closed forms: Φ(Δ/√(σ₁² + σ₂²)) for
the hard policy, and one integral over the normal noise of their difference for the soft one.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .grid import ABSENT, Floats, Grid, Mask
from .noise import logistic_normal, normal, normal_cdf

_CHUNK, _CHUNK_OF_PAIRS = 4096, 65_536  # recalls solved at a time


class Choices(NamedTuple):
    """Probabilities of the choices in each state; what was not asked for is empty.

    Attributes
    ----------
    probability : array of float, shape (states, actions)
    by_sigma, by_q : array of float, shape (states, actions, actions)
        [s, a, b] is the derivative of P_a with respect to σ_b, q̄_b.
    """

    probability: Floats
    by_sigma: Floats
    by_q: Floats


def solve_choices(
    q: Floats, sigma: Floats, mask: Mask, beta: float | None = None, derivatives: bool = False
) -> Choices:
    """Choice probabilities of checked tables.

    Parameters
    ----------
    q, sigma : array of float, shape (states, actions)
        Finite, σ at least 0; anything where ``mask`` is False.
    mask : array of bool, shape (states, actions)
        The actions that there are.
    beta : float or None
        β of the soft policy; None for the hard policy.
    derivatives : bool

    Returns
    -------
    Choices
        Probabilities to about 1e-11; 0 for actions that do not exist. Of memories with σ = 0, equal largest values
        share their probability evenly; the hard policy has no derivative between them (NaN in ``by_q``).
    """
    n_states, n_actions = q.shape
    counts = mask.sum(axis=1)
    probability = mask / np.maximum(1, counts)[:, None]
    by_sigma, by_q = np.zeros((2, n_states, n_actions, n_actions) if derivatives else (2, 0, n_actions, n_actions))
    with np.errstate(under="ignore"):
        unit = np.full(n_states, 1 / beta) if beta is not None else _unit(q, sigma, mask)
        for rows in _chunks(np.flatnonzero(counts == 2), 2):
            pair = np.nonzero(mask[rows])[1].reshape(-1, 2)
            here = rows[:, None], pair
            means, noises = q[here] / unit[rows, None], sigma[here] / unit[rows, None]
            part = _two_actions(means, noises, beta is not None, derivatives)
            probability[here] = part.probability
            if derivatives:
                block = rows[:, None, None], pair[:, :, None], pair[:, None, :]
                by_sigma[block] = part.by_sigma / unit[rows, None, None]
                by_q[block] = part.by_q / unit[rows, None, None]
        for rows in _chunks(np.flatnonzero(counts > 2), n_actions):
            known = mask[rows]
            means, noises = (np.where(known, table[rows], 1.0) / unit[rows, None] for table in (q, sigma))
            part = _many_actions(means, noises, known, beta is not None, derivatives)
            probability[rows] = part.probability
            if derivatives:
                by_sigma[rows] = part.by_sigma / unit[rows, None, None]
                by_q[rows] = part.by_q / unit[rows, None, None]
    if derivatives and beta is None:
        _mark_ties(by_q, q, sigma, mask)
    return Choices(probability, by_sigma, by_q)


def _chunks(rows: npt.NDArray[np.intp], n_actions: int) -> Iterator[npt.NDArray[np.intp]]:
    size = max(1, (_CHUNK if n_actions > 2 else _CHUNK_OF_PAIRS) // n_actions)
    return (rows[first : first + size] for first in range(0, len(rows), size))


def _unit(q: Floats, sigma: Floats, mask: Mask) -> Floats:
    """A unit of reward for each state: the hard policy depends on ratios alone."""
    size = np.where(mask, np.maximum(np.abs(q), sigma), 0.0).max(axis=1)
    return np.where(size > 0, size, 1.0)


def _mark_ties(by_q: Floats, q: Floats, sigma: Floats, mask: Mask) -> None:
    certain = (sigma == 0) & mask
    if not certain.any():
        return
    rows = np.flatnonzero(certain.sum(axis=1) > 1)
    tied = certain[rows, :, None] & certain[rows, None, :] & (q[rows, :, None] == q[rows, None, :])
    itself = np.eye(q.shape[1], dtype=bool)
    tied &= ~itself
    tied |= tied.any(axis=2)[:, :, None] & itself
    by_q[rows] = np.where(tied, np.nan, by_q[rows])


def _two_actions(q: Floats, sigma: Floats, soft: bool, derivatives: bool) -> Choices:
    gap, spread = q[:, 0] - q[:, 1], np.hypot(sigma[:, 0], sigma[:, 1])
    if soft:
        first, slope, curvature = logistic_normal(gap, spread)
        probability = np.stack((first, logistic_normal(-gap, spread)[0]), axis=1)
        by_gap, by_variance = slope, curvature
    else:
        certain = spread == 0
        width = np.where(certain, 1.0, spread)
        distance = np.clip(np.where(certain, np.sign(gap) * ABSENT, gap / width), -ABSENT, ABSENT)
        first, density = normal(distance)
        probability = np.stack((first, normal_cdf(-distance)), axis=1)
        by_gap = density / width
        by_variance = -distance * by_gap / width
    probability /= probability.sum(axis=1, keepdims=True)
    if not derivatives:
        return Choices(probability, np.empty(0), np.empty(0))
    sign = np.array([1.0, -1.0])
    by_q = by_gap[:, None, None] * sign[:, None] * sign
    by_sigma = by_variance[:, None, None] * sign[:, None] * sigma[:, None, :]
    return Choices(probability, by_sigma, by_q)


def _many_actions(q: Floats, sigma: Floats, mask: Mask, soft: bool, derivatives: bool) -> Choices:
    grid = Grid(q, sigma, mask, soft)
    recall = grid.recalls(2 if derivatives else 1)
    ratio = np.divide(recall[1:], recall[0], out=recall[1:])
    weighted = ratio[0] * (grid.weights * recall[0].prod(axis=1))[:, None]
    probability = grid.sum(weighted.sum(axis=0))
    total = probability.sum(axis=1, keepdims=True)
    decided = total[:, 0] == 0
    if decided.any():
        best = mask[decided] & (q[decided] == np.where(mask, q, -np.inf)[decided].max(axis=1, keepdims=True))
        probability[decided], total[decided] = best, best.sum(axis=1, keepdims=True)
    probability /= total
    if not derivatives:
        return Choices(probability, np.empty(0), np.empty(0))
    by_q, by_sigma = (_pairs(grid, weighted, part) for part in ratio)
    by_q *= -1
    by_sigma *= sigma[:, None, :]
    diagonal = np.arange(q.shape[1])
    by_q[:, diagonal, diagonal] = by_sigma[:, diagonal, diagonal] = 0
    by_q[:, diagonal, diagonal] = -by_q.sum(axis=2)
    by_sigma[:, diagonal, diagonal] = -by_sigma.sum(axis=1)
    return Choices(probability, by_sigma, by_q)


def _pairs(grid: Grid, left: Floats, right: Floats) -> Floats:
    """Σ over the nodes of left_a right_b, shape (states, actions, actions)."""
    left, right = np.ascontiguousarray(left.transpose(2, 1, 0)), np.ascontiguousarray(right.transpose(2, 0, 1))
    return grid.sum(np.matmul(left, right).transpose(1, 2, 0))


def score_moments(q: Floats, sigma: Floats, mask: Mask, beta: float) -> Floats:
    """Second moments of the score of the soft policy, shape (states, actions, actions).

    [s, a, b] is E[π(a|s,ζ) (β ζ_b (1[a = b] − p_b))²] (Eq. 5). With S = Σ_c e^{v_c}, v = β(q̄ + ζσ), the powers of 1/S
    in π are written as integrals of e^{−tS}, t = e^{−y}, which factor over the actions; and E[ζ² h(ζ)] = E[h] + E[h''].
    """
    out = np.zeros((*q.shape, q.shape[1]))
    diagonal = np.arange(q.shape[1])
    open_ = np.flatnonzero(mask.sum(axis=1) > 1)
    for rows in _chunks(open_, q.shape[1]):
        s = beta * sigma[rows]
        grid = Grid(beta * q[rows], s, mask[rows], soft=True)
        g = grid.recalls(5)
        variance = (s.T**2)[:, grid.state]
        once = g[1] + variance * g[3]
        twice = g[2] + g[1] + variance * (g[4] + g[3])
        thrice = g[3] + 3 * g[2] + 2 * g[1] + variance * (g[5] + 3 * g[4] + 2 * g[3])
        joint = grid.weights[:, None] * g[0].prod(axis=1, keepdims=True)
        part = 0.5 * _pairs(grid, joint * g[1] / g[0], twice / g[0])
        own = grid.sum((joint * (once - 2 * twice + 0.5 * thrice) / g[0]).sum(axis=0))
        part[:, diagonal, diagonal] = own
        out[rows] = beta**2 * part * (mask[rows][:, :, None] & mask[rows][:, None, :])
    return out
