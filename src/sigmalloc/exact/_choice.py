"""Choice probabilities of noisy recalls and their derivatives.

With F_a the distribution function of the recall of action a (see `_noise`), all integrals of a state share one
variable x, the largest recall:

    P_a = ∫ F_a' Π_{b≠a} F_b dx,    ∂P_a/∂q_b = −∫ F_a' F_b' Π_{c≠a,b} F_c dx,
    ∂P_a/∂σ_b = σ_b ∫ F_a' F_b'' Π_{c≠a,b} F_c dx                              (b ≠ a),

and the diagonals follow from Σ_b ∂P_a/∂q_b = 0 and Σ_a P_a = 1. The integrands have steps as narrow as the smallest
σ, so x is cut into panels no wider than the features of any recall there, each with a Gauss-Legendre rule. The panels
reach down to the highest of the recalls' lower ends (below it the product is nil), which keeps every F_b away from 0
and lets the products over c ≠ a, b be written as quotients.
"""

import numpy as np

from .. import _checks
from ._noise import gumbel_normal, logistic_normal, normal

POLICIES = ("hard", "soft")

_REACH = 8.4  # standard deviations; Φ(−8.4) = 2e-17
_GUMBEL_LOW, _GUMBEL_HIGH = -3.7, 36.0  # Λ(−3.7) = 3e-18, 1 − Λ(36) = 2e-16
_GUMBEL_BULK = 4.0
_FLOOR = 1e-7  # of the range of x; an error of its square
_ABSENT = 700.0
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(14)
_POINTS, _WEIGHTS = (1 + _POINTS) / 2, _WEIGHTS / 2
_CHUNK = 4096


def choice_probabilities(q, sigma, policy="hard", beta=None, mask=None):
    """Probability of choosing each action by Thompson sampling (Eq. 2, A.1).

    Parameters
    ----------
    q : array of float, shape (..., actions)
        q̄, means of the memories, in units of reward.
    sigma : array of float, broadcast against ``q``
        σ, their standard deviations, at least 0.
    policy : {"hard", "soft"}
        Largest of q̄ + ζσ, or a draw from softmax(β(q̄ + ζσ)), that is the largest of q̄ + ζσ + Gumbel/β.
    beta : float, optional
        β, inverse temperature in 1/reward; needed by the soft policy.
    mask : array of bool, broadcast against ``q``, optional
        False for actions that do not exist. Their probability is 0.

    Returns
    -------
    array of float, shape (..., actions)
        Sums to 1 over the actions, or is 0 everywhere if a state has none. Accurate to about 1e-11.

    Raises
    ------
    ValueError
        Naming the argument.

    Notes
    -----
    Of memories with σ = 0, equal largest values share their probability evenly.
    """
    q, sigma, mask, beta = _checked(q, sigma, policy, beta, mask)
    shape = q.shape
    flat = (table.reshape(-1, shape[-1]) for table in (q, sigma, mask))
    return solve_choices(*flat, policy, beta, derivatives=False)[0].reshape(shape)


def choice_gradients(q, sigma, policy="hard", beta=None, mask=None):
    """Choice probabilities and their derivatives with respect to σ and q̄.

    Parameters
    ----------
    q, sigma, policy, beta, mask
        As for `choice_probabilities`.

    Returns
    -------
    probability : array of float, shape (..., actions)
    by_sigma : array of float, shape (..., actions, actions)
        [..., a, b] is ∂P_a/∂σ_b, in 1/reward.
    by_q : array of float, shape (..., actions, actions)
        [..., a, b] is ∂P_a/∂q̄_b, in 1/reward.

    Notes
    -----
    Between two memories with σ = 0 and equal q̄ the hard policy has no derivative: those entries of ``by_q`` are NaN.
    """
    q, sigma, mask, beta = _checked(q, sigma, policy, beta, mask)
    shape = q.shape
    flat = (table.reshape(-1, shape[-1]) for table in (q, sigma, mask))
    probability, by_sigma, by_q = solve_choices(*flat, policy, beta, derivatives=True)
    return probability.reshape(shape), by_sigma.reshape(*shape, shape[-1]), by_q.reshape(*shape, shape[-1])


def checked_policy(policy, beta):
    """The policy and its β (1 for the hard policy, which has none), checked."""
    _checks.choice("policy", policy, POLICIES)
    if beta is not None:
        beta = _checks.real("beta", beta, low=0, low_open=True)
    elif policy == "soft":
        raise ValueError("beta must be given for the soft policy")
    return policy, beta if policy == "soft" else 1.0


def _checked(q, sigma, policy, beta, mask):
    _, beta = checked_policy(policy, beta)
    shape = np.shape(q)
    if not shape or 0 in shape:
        raise ValueError(f"q must have shape (..., actions), got {shape}")
    mask = _broadcast("mask", np.asarray(True if mask is None else mask), shape)
    if mask.dtype != bool:
        raise ValueError(f"mask must be an array of bool, got dtype {mask.dtype}")
    tables = []
    for name, value in (("q", q), ("sigma", sigma)):
        table = np.asarray(value)
        if table.dtype.kind not in "iuf":
            raise ValueError(f"{name} must be an array of numbers, got dtype {table.dtype}")
        table = np.where(mask, _broadcast(name, table, shape), 1.0)
        tables.append(_checks.array(name, table, shape))
    if tables[1].min() < 0:
        raise ValueError(f"sigma must be at least 0, got {tables[1].min():g}")
    return *tables, mask, beta


def _broadcast(name, table, shape):
    try:
        return np.broadcast_to(table, shape)
    except ValueError:
        raise ValueError(f"{name} must have shape {shape}, got {table.shape}") from None


def solve_choices(q, sigma, mask, policy, beta, derivatives):
    """(P, ∂P/∂σ, ∂P/∂q) of checked tables, shapes (states, actions) and (states, actions, actions)."""
    n_states, n_actions = q.shape
    soft = policy == "soft"
    probability = mask / np.maximum(1, mask.sum(axis=1))[:, None]
    by_sigma, by_q = np.zeros((2, n_states, n_actions, n_actions)) if derivatives else (None, None)
    open_ = np.flatnonzero(mask.sum(axis=1) > 1)
    solve = _two_actions if n_actions == 2 else _many_actions
    for rows in np.array_split(open_, -(-len(open_) * n_actions // _CHUNK)) if len(open_) else ():
        part = solve(beta * q[rows], beta * sigma[rows], mask[rows], soft, derivatives)
        probability[rows] = part[0]
        if derivatives:
            by_sigma[rows], by_q[rows] = beta * part[1], beta * part[2]
            if not soft:
                _mark_ties(by_q, q, sigma, mask, rows)
    return probability, by_sigma, by_q


def _mark_ties(by_q, q, sigma, mask, rows):
    exact = (sigma[rows] == 0) & mask[rows]
    if (exact.sum(axis=1) > 1).any():
        tied = exact[:, :, None] & exact[:, None, :] & (q[rows][:, :, None] == q[rows][:, None, :])
        tied &= ~np.eye(q.shape[1], dtype=bool)
        tied |= tied.any(axis=2)[:, :, None] & np.eye(q.shape[1], dtype=bool)
        by_q[rows] = np.where(tied, np.nan, by_q[rows])


def _two_actions(q, sigma, mask, soft, derivatives):
    gap, spread = q[:, 0] - q[:, 1], np.hypot(sigma[:, 0], sigma[:, 1])
    if soft:
        first, slope, curvature = logistic_normal(gap, spread)
        probability = np.stack((first, logistic_normal(-gap, spread)[0]), axis=1)
        by_gap, by_variance = slope, curvature
    else:
        certain = spread == 0
        width = np.where(certain, 1.0, spread)
        distance = np.where(certain, np.sign(gap) * _ABSENT, gap / width)
        first, density = normal(distance)
        probability = np.stack((first, normal(-distance)[0]), axis=1)
        by_gap = density / width
        by_variance = -distance * by_gap / width
    probability /= probability.sum(axis=1, keepdims=True)
    if not derivatives:
        return probability, None, None
    sign = np.array([1.0, -1.0])
    by_q = by_gap[:, None, None] * sign[:, None] * sign
    by_sigma = by_variance[:, None, None] * sign[:, None] * sigma[:, None, :]
    return probability, by_sigma, by_q


def _many_actions(q, sigma, mask, soft, derivatives):
    grid = Grid(q, sigma, mask, soft)
    recall = grid.recalls(2 if derivatives else 1)
    ratio = recall[1:] / recall[0]
    joint = grid.weights * recall[0].prod(axis=1)
    weighted = ratio[0] * joint[:, None, :]
    probability = grid.sum(weighted.sum(axis=2))
    total = probability.sum(axis=1, keepdims=True)
    decided = total[:, 0] == 0
    if decided.any():
        best = mask[decided] & (q[decided] == np.where(mask, q, -np.inf)[decided].max(axis=1, keepdims=True))
        probability[decided], total[decided] = best, best.sum(axis=1, keepdims=True)
    probability /= total
    if not derivatives:
        return probability, None, None
    pairs = np.matmul(weighted, np.concatenate((ratio[0], ratio[1]), axis=1).transpose(0, 2, 1))
    pairs = grid.sum(pairs)
    n_actions = q.shape[1]
    diagonal = np.arange(n_actions)
    by_q, by_sigma = -pairs[:, :, :n_actions], pairs[:, :, n_actions:] * sigma[:, None, :]
    by_q[:, diagonal, diagonal] = by_sigma[:, diagonal, diagonal] = 0
    by_q[:, diagonal, diagonal] = -by_q.sum(axis=2)
    by_sigma[:, diagonal, diagonal] = -by_sigma.sum(axis=1)
    return probability, by_sigma, by_q


class Grid:
    """Quadrature over the largest recall, for many states at once (values in units of 1/β for the soft policy).

    Attributes
    ----------
    state : array of int, shape (panels,)
        Ascending.
    x, weights : array of float, shape (panels, points)
    """

    def __init__(self, q, sigma, mask, soft):
        low, high = self._range(q, sigma, mask, soft)
        sigma = np.where(mask, np.maximum(sigma, _FLOOR * (high - low)), 1.0)
        low, high = self._range(q, sigma, mask, soft)
        # Measured from the lower end, narrow features near it keep their digits.
        self.q = np.where(mask, q - low, -_ABSENT)
        self.sigma = sigma
        self.soft = soft
        edges = _edges(self.q, self.sigma, soft)
        self.state, left, right = _panels(edges, high - low)
        self.x = left[:, None] + (right - left)[:, None] * _POINTS
        self.weights = (right - left)[:, None] * _WEIGHTS
        self.n_states = len(q)

    @staticmethod
    def _range(q, sigma, mask, soft):
        """Ends of the integral: the highest of the recalls' lower ends, and of their upper ends."""
        low = q - _REACH * sigma + soft * _GUMBEL_LOW
        high = q + (_soft_high(sigma) if soft else _REACH * sigma)
        return (np.where(mask, end, -np.inf).max(axis=1, keepdims=True) for end in (low, high))

    def recalls(self, order):
        """F and its derivatives with respect to x at the nodes, shape (order + 1, panels, actions, points)."""
        distance = self.x[:, None, :] - self.q[self.state][:, :, None]
        sigma = self.sigma[self.state][:, :, None]
        if self.soft:
            out = np.zeros((order + 1, *distance.shape))
            out[0] = 1.0
            near = distance < _soft_high(sigma)
            out[:, near] = gumbel_normal(distance[near], np.broadcast_to(sigma, distance.shape)[near], order)
            return out
        u = distance / sigma
        out = np.empty((order + 1, *distance.shape))
        out[0], out[1] = normal(u)
        out[1] /= sigma
        if order > 1:
            out[2] = -u * out[1] / sigma
        return out

    def sum(self, values):
        """Sum over the panels of each state: shape (panels, ...) to (states, ...)."""
        out = np.zeros((self.n_states, *values.shape[1:]))
        if len(self.state):
            first = np.flatnonzero(np.diff(self.state, prepend=-1))
            out[self.state[first]] = np.add.reduceat(values, first, axis=0)
        return out


def _edges(q, sigma, soft):
    """Panels that would do for each recall alone, shape (states, actions, edges)."""
    if not soft:
        return q[:, :, None] + sigma[:, :, None] * np.linspace(-_REACH, _REACH, 7)
    low, middle = _GUMBEL_LOW - _REACH * sigma, _GUMBEL_BULK + _REACH * sigma
    bulk = low[:, :, None] + (middle - low)[:, :, None] * np.linspace(0, 1, 7)
    tail = middle[:, :, None] + (_soft_high(sigma) - middle)[:, :, None] * np.linspace(0, 1, 5)[1:]
    return q[:, :, None] + np.concatenate((bulk, tail), axis=2)


def _soft_high(sigma):
    """Where 1 − G(y; s) < 1e-15: its tail is exp(s²/2 − y) until the normal noise takes over."""
    tail = np.where(sigma < _REACH, _GUMBEL_HIGH + sigma**2 / 2, 0.0)
    return np.maximum(tail, _GUMBEL_BULK + _REACH * sigma)


def _panels(edges, top):
    """Union of all edges within [0, top], thinned where a wider panel is narrow enough for every recall there."""
    n_states, n_actions, n_edges = edges.shape
    cuts = np.sort(np.clip(edges.reshape(n_states, -1), 0.0, top), axis=1)
    middle = (cuts[:, 1:] + cuts[:, :-1]) / 2
    gaps = np.diff(edges, axis=2)
    gaps = np.pad(np.maximum(gaps, gaps[:, :, :1]), ((0, 0), (0, 0), (1, 1)), constant_values=np.inf)
    place = (middle[:, None, :, None] >= edges[:, :, None, :]).sum(axis=3)
    allowed = np.take_along_axis(gaps, place, axis=2).min(axis=1) * (1 + 1e-9)
    starts = np.zeros(cuts.shape, dtype=bool)
    begin, limit = cuts[:, 0].copy(), np.full(n_states, np.inf)
    for j in range(middle.shape[1]):
        real = cuts[:, j + 1] > cuts[:, j]
        limit = np.where(real, np.minimum(limit, allowed[:, j]), limit)
        split = real & (cuts[:, j + 1] - begin > limit)
        starts[:, j] = split
        begin = np.where(split, cuts[:, j], begin)
        limit = np.where(split, allowed[:, j], limit)
    starts[:, 0] = True
    state, place = np.nonzero(starts)
    left = cuts[state, place]
    right = np.append(left[1:], 0.0)
    last = np.append(state[1:] != state[:-1], True)
    right[last] = cuts[state[last], -1]
    wide = right > left
    return state[wide], left[wide], right[wide]


def score_moments(q, sigma, mask, beta):
    """Second moments of the score of the soft policy, shape (states, actions, actions).

    [s, a, b] is E[π(a|s,ζ) (β ζ_b (1[a = b] − p_b))²] (Eq. 5). With S = Σ_c e^{v_c}, v = β(q̄ + ζσ), the powers of 1/S
    in π are written as integrals of e^{−tS}, t = e^{−y}, which factor over the actions; and E[ζ² h(ζ)] = E[h] + E[h''].
    """
    out = np.zeros((*q.shape, q.shape[1]))
    diagonal = np.arange(q.shape[1])
    open_ = np.flatnonzero(mask.sum(axis=1) > 1)
    for rows in np.array_split(open_, -(-len(open_) * q.shape[1] // _CHUNK)) if len(open_) else ():
        s = beta * sigma[rows]
        grid = Grid(beta * q[rows], s, mask[rows], soft=True)
        g = grid.recalls(5)
        variance = (s**2)[grid.state][:, :, None]
        once = g[1] + variance * g[3]
        twice = g[2] + g[1] + variance * (g[4] + g[3])
        thrice = g[3] + 3 * g[2] + 2 * g[1] + variance * (g[5] + 3 * g[4] + 2 * g[3])
        joint = grid.weights[:, None, :] * g[0].prod(axis=1, keepdims=True)
        part = 0.5 * grid.sum(np.matmul(joint * g[1] / g[0], (twice / g[0]).transpose(0, 2, 1)))
        own = grid.sum((joint * (once - 2 * twice + 0.5 * thrice) / g[0]).sum(axis=2))
        part[:, diagonal, diagonal] = own
        out[rows] = beta**2 * part * (mask[rows][:, :, None] & mask[rows][:, None, :])
    return out
