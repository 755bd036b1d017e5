"""q* of a finite MDP, by policy iteration.

A policy is evaluated by one sparse linear solve and improved until no action is better. With γ = 1 what is looked for
is the largest total reward: policies that end with certainty (in a terminal state, or in states where nothing is ever
lost or gained) are compared, starting from one that ends fastest. A strictly better policy ends, too, unless reward can
be collected for ever (Bertsekas and Tsitsiklis 1991). Where no policy is certain to end, all is lost: q* is −∞.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._threads import LARGE_SYSTEM, aside

if TYPE_CHECKING:
    from .tabular import TabularMDP

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Policy = npt.NDArray[np.int64]
Indices = npt.NDArray[np.intp]

STOP = -1  # in a policy: nothing is lost or gained from here on
LARGEST_DENSE = 200
_NEARLY = (1e-6, 1e-7)  # 1 − γ of two discounts that tell apart what is lost for ever from what is not


def optimal_q(
    task: TabularMDP, gamma: float = 1.0, tolerance: float = 1e-12, max_iterations: int = 100_000
) -> npt.NDArray[np.float64]:
    """q* of a finite MDP.

    Parameters
    ----------
    task : TabularMDP
    gamma : float
        Discount factor, in [0, 1].
    tolerance : float
        An action replaces another if it is better by more than this, relative to the largest value if that exceeds 1.
    max_iterations : int
        Policies that may be tried, at least 1.

    Returns
    -------
    array of float, shape (states, actions)
        In units of reward. 0 where there is no action; with γ = 1, −inf where it leads to states from which no policy
        ends with certainty, while reward is lost for ever.

    Raises
    ------
    ValueError
        If an argument is not valid; or, with γ = 1, if reward can be collected for ever, or if total reward has no
        limit in a state that can be reached.
    """
    gamma = _checks.real("gamma", gamma, low=0, high=1)
    tolerance = _checks.real("tolerance", tolerance, low=0)
    max_iterations = _checks.integer("max_iterations", max_iterations, low=1)
    with np.errstate(all="ignore"):
        solver = _Solver(task, tolerance, max_iterations)
        q = solver.undiscounted() if gamma == 1 else solver.discounted(gamma)
    if np.isnan(q).any() or np.isposinf(q).any():
        raise ValueError(f"q* of {task.name!r} is beyond the range of floating point numbers with gamma={gamma:g}")
    return np.where(task.exists, q, 0.0)


def can_end(task: TabularMDP) -> Mask:
    """States from which some actions may lead to a terminal state, shape (states,)."""
    state, action, outcome = np.nonzero(task.exists[:, :, None] & (task.probability > 0))
    into = task.next_state[state, action, outcome]
    return np.isfinite(_steps(into, state, np.flatnonzero(task.terminal), task.n_states))


class _Solver:
    """The MDP without its terminal states; ``following`` is −1 where an episode ends, or an outcome cannot happen."""

    def __init__(self, task: TabularMDP, tolerance: float, max_iterations: int) -> None:
        self.task, self.tolerance, self.max_iterations = task, tolerance, max_iterations
        self.acting = np.flatnonzero(~task.terminal)
        self.n = len(self.acting)
        place = np.full(task.n_states, -1)
        place[self.acting] = np.arange(self.n)
        self.exists: Mask = task.exists[self.acting]
        self.probability: Floats = task.probability[self.acting]
        self.following = np.where(self.probability > 0, place[task.next_state[self.acting]], -1)
        self.reward: Floats = (self.probability * task.reward[self.acting]).sum(axis=2)
        self.ends = np.where(self.following < 0, self.probability, 0.0).sum(axis=2)
        self.start = np.flatnonzero(task.start[self.acting] > 0)

    def discounted(self, gamma: float) -> Floats:
        """q* with γ < 1, over all states."""
        everything = np.ones(self.n, dtype=bool)
        policy = self._fastest(self.ends.sum(axis=1) > 0, self.exists)
        best = np.where(self.exists, self.reward, -np.inf).argmax(axis=1)
        values = self._iterate(np.where(policy == STOP, best, policy), gamma, everything, self.exists)
        return self._whole(self._action_values(values, gamma))

    def undiscounted(self) -> Floats:
        """q* with γ = 1."""
        idle = self._idle()
        ending, allowed = self._certain_to_end(idle)
        policy = np.where(idle, STOP, self._fastest(idle, allowed & ending[:, None]))
        values = np.full(self.n, -np.inf)
        values[ending] = self._iterate(policy, 1.0, ending, allowed, idle)[ending]
        if not ending.all():
            self._check_lost(~ending)
        return self._whole(self._action_values(values, 1.0))

    def _idle(self) -> Mask:
        """States in which one can stay for ever without losing or gaining anything."""
        nothing = np.where(self.probability > 0, self.task.reward[self.acting], 0.0)
        quiet = self.exists & (nothing == 0).all(axis=2) & (self.ends == 0)
        idle: Mask = quiet.any(axis=1)
        while True:
            stays: Mask = quiet & (idle[self.following] | (self.following < 0)).all(axis=2)
            if (stays.any(axis=1) == idle).all():
                return idle
            idle = np.asarray(stays.any(axis=1))

    def _certain_to_end(self, idle: Mask) -> tuple[Mask, Mask]:
        """States from which some policy ends with probability 1, and the actions that do not lead out of them."""
        ending, allowed = np.ones(self.n, dtype=bool), self.exists
        while True:
            allowed = allowed & (ending[self.following] | (self.following < 0)).all(axis=2)
            reached = np.isfinite(self._distance(idle, allowed & ending[:, None]))
            if (reached == ending).all():
                return ending, allowed
            ending = ending & reached

    def _distance(self, ended: Mask, allowed: Mask) -> Floats:
        """Steps to the end of an episode, or to a state where it has ended, if outcomes could be chosen."""
        state, action, outcome = np.nonzero(allowed[:, :, None] & (self.following >= 0))
        first = np.flatnonzero(ended | ((self.ends > 0) & allowed).any(axis=1))
        return _steps(self.following[state, action, outcome], state, first, self.n)

    def _fastest(self, ended: Mask, allowed: Mask) -> Policy:
        """The action that may end an episode in the fewest steps; STOP where none can."""
        steps = self._distance(ended, allowed)
        ahead = np.where(self.following >= 0, steps[self.following], np.where(self.probability > 0, 0.0, np.inf))
        ahead = np.where(allowed, ahead.min(axis=2), np.inf)
        return np.where(np.isfinite(ahead.min(axis=1)), ahead.argmin(axis=1), STOP)

    def _iterate(self, policy: Policy, gamma: float, inside: Mask, allowed: Mask, idle: Mask | None = None) -> Floats:
        """Values of the best policy within some of the states, from a first policy on."""
        rows = np.arange(self.n)
        before = np.full(self.n, -np.inf)
        for _ in range(self.max_iterations):
            values = self._evaluate(policy, gamma, inside)
            scale = max(1.0, float(np.abs(values).max(initial=0.0)))
            if not (values > before + 1e-15 * scale).any():  # no more than rounding errors
                return np.asarray(np.maximum(values, before))
            q = np.where(allowed & inside[:, None], self._action_values(values, gamma), -np.inf)
            own = np.where(policy == STOP, 0.0, q[rows, policy])
            best = q.argmax(axis=1)
            top = q[rows, best]
            if idle is not None:
                best, top = np.where(idle & (top < 0), STOP, best), np.where(idle, np.maximum(top, 0.0), top)
            better = inside & (top > own + self.tolerance * scale)
            if not better.any():
                return values
            policy, before = np.where(better, best, policy), values
        raise ValueError(
            f"max_iterations: q* of {self.task.name!r} takes more than {self.max_iterations} policies with "
            f"gamma={gamma:g}"
        )

    def _evaluate(self, policy: Policy, gamma: float, inside: Mask) -> Floats:
        """Values of a policy within some of the states, 0 elsewhere."""
        kept = np.flatnonzero(inside & (policy != STOP))
        place = np.full(self.n, -1)
        place[kept] = np.arange(len(kept))
        action = policy[kept]
        following = self.following[kept, action]
        column = np.where(following >= 0, place[following], -1)
        chance = self.probability[kept, action]
        own = column == np.arange(len(kept))[:, None]
        # what leaves a state is added up, so that long stays lose no digits
        outflow = np.where(own, 0.0, chance).sum(axis=1)
        row, outcome = np.nonzero((column >= 0) & ~own)
        if gamma == 1:
            self._check_end(
                kept, row, column[row, outcome], outflow > np.where((column >= 0) & ~own, chance, 0.0).sum(1)
            )
        diagonal = (1 - gamma) + gamma * outflow
        values = np.zeros(self.n)
        values[kept] = _solve(
            diagonal, -gamma * chance[row, outcome], row, column[row, outcome], self.reward[kept, action]
        )
        return values

    def _check_end(self, kept: Indices, row: Indices, column: Indices, ends: Mask) -> None:
        """With γ = 1 an improved policy that does not end would collect reward for ever."""
        steps = _steps(column, row, np.flatnonzero(ends), len(kept))
        if not np.isfinite(steps).all():
            self._refuse(int(self.acting[kept][~np.isfinite(steps)][0]))

    def _check_lost(self, lost: Mask) -> None:
        """That states from which no policy is certain to end lose reward for ever, if they can be reached."""
        policy = np.where(self.exists, self.reward, -np.inf).argmax(axis=1)
        values = [self._iterate(policy, 1 - rest, np.ones(self.n, dtype=bool), self.exists) for rest in _NEARLY]
        growing = (values[1] < 3 * values[0]) & (values[0] < 0)
        wrong = lost & ~growing & self._reached()
        if wrong.any():
            self._refuse(int(self.acting[wrong][0]))

    def _reached(self) -> Mask:
        state, action, outcome = np.nonzero(self.exists[:, :, None] & (self.following >= 0))
        return np.isfinite(_steps(state, self.following[state, action, outcome], self.start, self.n))

    def _refuse(self, state: int) -> NoReturn:
        raise ValueError(
            f"q* of {self.task.name!r} did not converge with gamma=1: from state {state} on, reward can be collected "
            "for ever, or its sum has no limit; a discount below 1 always converges"
        )

    def _action_values(self, values: Floats, gamma: float) -> Floats:
        ahead = np.where(self.following >= 0, values[self.following], 0.0)
        values = np.where(self.probability > 0, self.probability * ahead, 0.0).sum(axis=2)
        return np.asarray(self.reward + gamma * values)

    def _whole(self, q: Floats) -> Floats:
        out = np.zeros((self.task.n_states, self.task.n_actions))
        out[self.acting] = np.where(self.exists, q, 0.0)
        return out


def _steps(source: Indices, target: Indices, first: Indices, n: int) -> Floats:
    """Nodes on the shortest way from one of the first to each of n nodes, itself counted; infinite where none leads."""
    if n <= LARGEST_DENSE:
        steps = np.full(n, np.inf)
        steps[first] = 1.0
        for distance in range(2, n + 1):
            reached = target[np.isfinite(steps[source]) & np.isinf(steps[target])]
            if not reached.size:
                break
            steps[reached] = distance
        return steps
    from scipy import sparse  # slow to load
    from scipy.sparse import csgraph

    rows, columns = np.append(source, np.full(len(first), n)), np.append(target, first)
    graph = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(n + 1, n + 1))
    found: Floats = csgraph.dijkstra(graph, indices=n, unweighted=True)[:n]
    return found


def _solve(diagonal: Floats, entries: Floats, row: Indices, column: Indices, b: Floats) -> Floats:
    """A sparse linear system, given by its diagonal and its other entries."""
    n = len(diagonal)
    if n <= LARGEST_DENSE:
        dense = np.diag(diagonal)
        np.add.at(dense, (row, column), entries)
        return np.asarray(np.linalg.solve(dense, b))
    from scipy import sparse  # slow to load
    from scipy.sparse import linalg as sparse_linalg

    places = np.append(row, np.arange(n)), np.append(column, np.arange(n))
    matrix = sparse.csc_array((np.append(entries, diagonal), places), shape=(n, n))
    solution: Floats
    if n < LARGE_SYSTEM:
        solution = sparse_linalg.splu(matrix).solve(b)
    else:
        solution = aside(lambda: sparse_linalg.splu(matrix).solve(b))
    return solution
