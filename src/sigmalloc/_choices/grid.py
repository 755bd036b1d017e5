"""Quadrature over the largest recall of each of many states.

The integrands have steps as narrow as the smallest σ, so x is cut into panels no wider than the features of any recall
there, each with a Gauss-Legendre rule. The panels reach down to the highest of the recalls' lower ends (below it the
product of the distribution functions is nil), which keeps every F away from 0 and lets products over all actions but
one or two be written as quotients.

Arrays have the panels last, so that the inner loops are long.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from .noise import CHUNK, gumbel_normal, normal

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

ABSENT = 700.0
_REACH = 8.4  # standard deviations; Φ(−8.4) = 2e-17
_GUMBEL_LOW, _GUMBEL_HIGH = -3.7, 36.0  # Λ(−3.7) = 3e-18, 1 − Λ(36) = 2e-16
_GUMBEL_BULK = 4.0
_FLOOR = 1e-7  # of the range of x; an error of its square
_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(14)
_POINTS, _WEIGHTS = (1 + _POINTS[:, None]) / 2, _WEIGHTS[:, None] / 2
_NORMAL_EDGES = np.linspace(-_REACH, _REACH, 7)
_BULK_EDGES, _TAIL_EDGES = np.linspace(0, 1, 7), np.linspace(0, 1, 5)[1:]


class Grid:
    """Quadrature over the largest recall, for many states at once (values in units of 1/β for the soft policy).

    Parameters
    ----------
    q, sigma : array of float, shape (states, actions)
    mask : array of bool, shape (states, actions)
    soft : bool

    Attributes
    ----------
    state : array of int, shape (panels,)
        Ascending.
    x, weights : array of float, shape (points, panels)
    """

    def __init__(self, q: Floats, sigma: Floats, mask: Mask, soft: bool) -> None:
        q, sigma, mask = q.T, sigma.T, mask.T
        low, high = _range(q, sigma, mask, soft)
        sigma = np.where(mask, np.maximum(sigma, _FLOOR * (high - low)), 1.0)
        low, high = _range(q, sigma, mask, soft)
        # Measured from the lower end, narrow features near it keep their digits.
        q = np.where(mask, q - low, -ABSENT)
        self.soft = soft
        self.n_states = q.shape[1]
        self.state, left, right = _panels(_edges(q, sigma, soft), high - low)
        self._q, self._sigma = q[:, self.state], sigma[:, self.state]
        width = right - left
        self.x = left + width * _POINTS
        self.weights = width * _WEIGHTS

    def recalls(self, order: int) -> Floats:
        """F and its derivatives with respect to x at the nodes, shape (order + 1, points, actions, panels)."""
        out = np.empty((order + 1, len(self.x), *self._q.shape))
        if self.soft:
            distance = (self.x[:, None, :] - self._q).reshape(len(self.x), -1)
            sigma, columns = self._sigma.ravel(), out.reshape(order + 1, *distance.shape)
            far = distance[0] >= _soft_high(sigma)
            gumbel_normal(distance, sigma, ~far, columns)
            columns[:, :, far] = np.array([1.0] + [0.0] * order)[:, None, None]
            return out
        size = max(1, CHUNK // (len(self.x) * len(self._q)))
        for first in range(0, len(self.state), size):
            part = slice(first, first + size)
            precision = 1 / self._sigma[:, part]
            u = (self.x[:, None, part] - self._q[:, part]) * precision
            out[0, :, :, part], density = normal(u)
            density *= precision
            out[1, :, :, part] = density
            if order > 1:
                u *= -precision
                u *= density
                out[2, :, :, part] = u
        return out

    def sum(self, values: npt.NDArray[Any]) -> Floats:
        """Sum over the panels of each state: shape (..., panels) to (states, ...)."""
        out = np.zeros((self.n_states, *values.shape[:-1]))
        if len(self.state):
            first = np.flatnonzero(np.diff(self.state, prepend=-1))
            out[self.state[first]] = np.moveaxis(np.add.reduceat(values, first, axis=-1), -1, 0)
        return out


def _range(q: Floats, sigma: Floats, mask: Mask, soft: bool) -> tuple[Floats, Floats]:
    """Ends of the integral: the highest of the recalls' lower ends, and of their upper ends."""
    low = q - _REACH * sigma + soft * _GUMBEL_LOW
    high = q + (_soft_high(sigma) if soft else _REACH * sigma)
    return np.where(mask, low, -np.inf).max(axis=0), np.where(mask, high, -np.inf).max(axis=0)


def _edges(q: Floats, sigma: Floats, soft: bool) -> Floats:
    """Panels that would do for each recall alone, shape (actions, edges, states)."""
    q, sigma = q[:, None], sigma[:, None]
    if not soft:
        return q + sigma * _NORMAL_EDGES[:, None]
    low, middle = _GUMBEL_LOW - _REACH * sigma, _GUMBEL_BULK + _REACH * sigma
    bulk = low + (middle - low) * _BULK_EDGES[:, None]
    tail = middle + (_soft_high(sigma) - middle) * _TAIL_EDGES[:, None]
    return q + np.concatenate((bulk, tail), axis=1)


def _soft_high(sigma: Floats) -> Floats:
    """Where 1 − G(y; s) < 1e-15: its tail is exp(s²/2 − y) until the normal noise takes over."""
    tail = np.where(sigma < _REACH, _GUMBEL_HIGH + np.minimum(sigma, _REACH) ** 2 / 2, 0.0)
    return np.maximum(tail, _GUMBEL_BULK + _REACH * sigma)


def _panels(edges: Floats, top: Floats) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
    """Union of all edges within [0, top], thinned where a wider panel is narrow enough for every recall there."""
    n_actions, n_edges, n_states = edges.shape
    gaps = np.full((n_actions, n_edges + 1, n_states), np.inf)
    gaps[:, 1:-1] = np.diff(edges, axis=1)
    np.maximum(gaps[:, 1:-1], gaps[:, 1:2], out=gaps[:, 1:-1])
    cuts = np.clip(edges, 0.0, top).reshape(-1, n_states)
    order = np.argsort(cuts, axis=0, kind="stable")
    cuts = np.take_along_axis(cuts, order, axis=0)
    passed = np.cumsum(order[:-1] // n_edges == np.arange(n_actions)[:, None, None], axis=1)
    allowed = np.take_along_axis(gaps, passed, axis=1).min(axis=0)
    allowed *= 1 + 1e-9
    allowed[cuts[1:] == cuts[:-1]] = np.inf
    starts = np.zeros(cuts.shape, dtype=bool)
    begin, limit, width = cuts[0].copy(), np.full(n_states, np.inf), np.empty(n_states)
    for here, following, narrow, split in zip(cuts[:-1], cuts[1:], allowed, starts, strict=False):
        np.minimum(limit, narrow, out=limit)
        np.subtract(following, begin, out=width)
        np.greater(width, limit, out=split)
        np.copyto(begin, here, where=split)
        np.copyto(limit, narrow, where=split)
    starts[0] = True
    state, place = np.nonzero(starts.T)
    left = cuts[place, state]
    right = np.append(left[1:], 0.0)
    last = np.append(state[1:] != state[:-1], True)
    right[last] = cuts[-1, state[last]]
    wide = right > left
    return state[wide], left[wide], right[wide]
