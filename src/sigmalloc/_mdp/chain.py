"""The Markov chain that a policy makes of a finite MDP, solved by linear algebra.

With P_π the transitions between states that are not terminal, r_π the expected rewards and e₀ the starts,

    V = (I − γP_π)⁻¹ r_π,    d = (I − γP_πᵀ)⁻¹ e₀.

What leaves a state is added up rather than subtracted from 1, so that long stays lose no digits.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.linalg import get_lapack_funcs
from scipy.sparse import linalg as sparse_linalg

from .._threads import LARGE_SYSTEM, aside
from ..tasks.tabular import TabularMDP

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_getrf, _getrs = get_lapack_funcs(("getrf", "getrs"), dtype=np.float64)

LARGEST_DENSE = 300
LONGEST = 1e9
_LARGE_FACTORS = 10_000_000  # entries from which on a solve may take longer than Ctrl-C should


class ImproperPolicyError(ValueError):
    """With γ = 1, an episode may never end, so that its return has no expectation."""


class Model:
    """The arrays of a task that chains are made of, over its states that are not terminal.

    Attributes
    ----------
    acting : array of int, shape (acting,)
        Those states; everything below is in their order.
    reward : array of float, shape (acting, actions)
        E[r | s, a].
    leave : array of float, shape (acting, actions)
        Probability of ending the episode.
    transitions : sparse array, shape (acting · actions, acting)
        P(s' | s, a).
    """

    def __init__(self, task: TabularMDP) -> None:
        self.task = task
        self.acting = np.flatnonzero(~task.terminal)
        self.exists: Mask = task.exists[self.acting]
        self.start: Floats = task.start[self.acting]
        probability = task.probability[self.acting]
        self.reward: Floats = (probability * self.rewards(1)).sum(axis=2)
        self.transitions = self.moments(None)
        self.dense = len(self.acting) <= LARGEST_DENSE
        to_end = task.terminal[task.next_state[self.acting]]
        self.leave: Floats = (probability * to_end).sum(axis=2)
        self.tensor = self.spread(self.transitions) if self.dense else np.empty(0)

    def rewards(self, power: int) -> Floats:
        """E[r^power | s, a, outcome] for power 1 or 2, shape (acting, actions, outcomes)."""
        moments = self.task.reward_mean if power == 1 else self.task.reward_square
        return moments[self.acting]

    def moments(self, weight: Floats | None) -> Any:
        """Σ_k P(k | s, a) weight(s, a, k) [s'_k = s'], weight of shape (acting, actions, outcomes)."""
        task, n = self.task, len(self.acting)
        place = np.full(task.n_states, -1)
        place[self.acting] = np.arange(n)
        following = place[task.next_state[self.acting]].reshape(n * task.n_actions, -1)
        values = task.probability[self.acting]
        values = (values if weight is None else values * weight).reshape(following.shape)
        row, outcome = np.nonzero((following >= 0) & (values != 0))
        entries = (values[row, outcome], (row, following[row, outcome]))
        return sparse.csr_array(entries, shape=(n * task.n_actions, n))

    def spread(self, matrix: Any) -> Floats:
        """A sparse (acting · actions, acting) array as a dense (acting, actions, acting) one."""
        dense: Floats = matrix.toarray().reshape(len(self.acting), -1, len(self.acting))
        return dense

    def mixture(self, policy: Floats, matrix: Any = None) -> Any:
        """Σ_a π(a|s) of the transitions, or of another such array; sparse if the task is large."""
        if self.dense:
            tensor = self.tensor if matrix is None else self.spread(matrix)
            return np.matmul(policy[:, None, :], tensor)[:, 0]
        n, n_actions = policy.shape
        rows = sparse.csr_array(
            (policy.ravel(), np.arange(n * n_actions), np.arange(0, n * n_actions + 1, n_actions)),
            shape=(n, n * n_actions),
        )
        return rows @ (self.transitions if matrix is None else matrix)

    def reached(self) -> Mask:
        """States that can be entered, whatever the policy."""
        steps = self.mixture(self.exists.astype(float)).T
        found = frontier = self.start > 0
        while frontier.any():
            frontier = (steps @ frontier.astype(float) > 0) & ~found
            found = found | frontier
        return found

    def action_values(self, state_values: Floats, gamma: float, reward: Floats | None = None) -> Floats:
        """E[r + γV(s') | s, a], shape (acting, actions)."""
        following = (self.transitions @ state_values).reshape(self.exists.shape)
        values: Floats = (self.reward if reward is None else reward) + gamma * following
        return values


@functools.lru_cache(maxsize=32)
def model(task: TabularMDP) -> Model:
    """The `Model` of a task (one variant of it)."""
    return Model(task)


class Chain:
    """One policy in a task.

    Parameters
    ----------
    model : Model
    policy : array of float, shape (acting, actions)
    """

    def __init__(self, model: Model, policy: Floats) -> None:
        self.policy = policy
        self.reward: Floats = (policy * model.reward).sum(axis=1)
        self._settle(model, model.mixture(policy), (policy * model.leave).sum(axis=1))

    def _settle(self, model: Model, transitions: Any, leave: Floats) -> None:
        self.model, self.transitions, self.leave = model, transitions, leave
        if model.dense:
            self.flow = transitions.copy()
            np.fill_diagonal(self.flow, 0.0)
        else:
            self.flow = transitions - sparse.diags_array(transitions.diagonal())
        self.outflow: Floats = leave + self.flow.sum(axis=1)

    def system(self, gamma: float) -> "System":
        """The equations with discount γ.

        Raises
        ------
        ImproperPolicyError
            If γ = 1 and the policy may never end an episode, or takes more than 10⁹ steps on average.
        """
        everywhere = np.arange(len(self.policy))
        system = System(self, gamma, everywhere)
        if gamma < 1 or self._ends(system, everywhere):
            return system
        ends = self._closure(self.leave > 0, forward=False)
        lost = self._closure(~ends, forward=False)
        reached = self._closure(self.model.start > 0, forward=True)
        if (lost & reached).any():
            state = self.model.acting[np.flatnonzero(lost & reached & ~ends)[0]]
            raise ImproperPolicyError(
                f"with gamma=1 the value of this policy in {self.model.task.name!r} is not defined: it may enter state "
                f"{state}, from which it never reaches a terminal state (use gamma < 1, or a larger sigma)"
            )
        for kept in (np.flatnonzero(~lost), np.flatnonzero(reached)):
            system = System(self, gamma, kept)
            if self._ends(system, kept):
                return system
        raise ImproperPolicyError(
            f"with gamma=1 the value of this policy in {self.model.task.name!r} cannot be computed: it takes "
            f"more than {LONGEST:.0e} steps on average to reach a terminal state (use gamma < 1, or a larger "
            "sigma)"
        )

    def _ends(self, system: "System", kept: npt.NDArray[np.intp]) -> bool:
        """Whether an episode ends from all of these states, in a number of steps that can be computed."""
        steps = system.values(np.ones(len(self.policy)))[kept]
        return bool((steps <= LONGEST).all() and (steps >= 1 - 1e-6).all())

    def _closure(self, seed: Mask, forward: bool) -> Mask:
        """States reached from the seed, or from which it is reached."""
        steps = self.flow if not forward else self.flow.T
        found = frontier = seed
        while frontier.any():
            frontier = (steps @ frontier.astype(float) > 0) & ~found
            found = found | frontier
        return found


class Pool(Chain):
    """States whose value is made of the outcomes of others, too: those that share a memory with one of their actions.

    Parameters
    ----------
    model : Model
    rows : sparse array, shape (acting, acting · actions)
        Weight of the outcome of each action of each state.
    constant : array of float, shape (acting,)
        Weight of what is known, as if the episode ended with it.
    """

    def __init__(self, model: Model, rows: Any, constant: Floats) -> None:
        self.policy = np.ones((len(constant), 1))
        self.reward = rows @ model.reward.ravel()
        transitions = rows @ model.transitions
        self._settle(
            model, transitions.toarray() if model.dense else transitions, rows @ model.leave.ravel() + constant
        )


class System:
    """(I − γP_π) x = b and its transpose, over some of the states; x is NaN (transposed: 0) elsewhere."""

    def __init__(self, chain: Chain, gamma: float, kept: npt.NDArray[np.intp]) -> None:
        self.size, self.kept = len(chain.policy), kept
        diagonal = (1 - gamma) + gamma * chain.outflow[kept]
        flow = chain.flow if len(kept) == self.size else chain.flow[kept][:, kept]
        self._solve: Callable[[Floats, bool], Floats]
        if chain.model.dense:
            matrix = -gamma * flow
            matrix[np.arange(len(kept)), np.arange(len(kept))] = diagonal
            factors, pivots, _ = _getrf(matrix)
            self._solve = lambda b, transposed: _getrs(factors, pivots, b, trans=int(transposed))[0]
        else:
            try:
                factors = _factorised((sparse.diags_array(diagonal) - gamma * flow).tocsc())
            except RuntimeError:  # singular to working precision; a dense system gives NaN by itself
                self._solve = lambda b, transposed: np.full_like(b, np.nan)
            else:
                solve = factors.solve
                if factors.nnz > _LARGE_FACTORS:
                    solve = functools.partial(aside, factors.solve)
                self._solve = lambda b, transposed: solve(b, trans="T" if transposed else "N")

    def values(self, b: Floats) -> Floats:
        """(I − γP)⁻¹ b, shape (acting,) or (acting, columns)."""
        return self._apply(b, False, np.nan)

    def occupancy(self, b: Floats) -> Floats:
        """(I − γPᵀ)⁻¹ b."""
        return self._apply(b, True, 0.0)

    def _apply(self, b: Floats, transposed: bool, elsewhere: float) -> Floats:
        solved = self._solve(np.ascontiguousarray(b[self.kept]), transposed)
        if len(self.kept) == self.size:
            return solved
        out = np.full(b.shape, elsewhere)
        out[self.kept] = solved
        return out


def _factorised(matrix: Any) -> Any:
    """Sparse LU factors of I − γP.

    Its rows are diagonally dominant, so it needs no pivoting; where most steps can be taken back, as in a maze, an
    order that keeps its symmetry fills in half as much.
    """
    there = matrix.astype(bool)
    both = there.multiply(there.T).nnz
    look: dict[str, Any] = {}
    if both >= 0.8 * matrix.nnz:
        look = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
    if len(matrix.indptr) <= LARGE_SYSTEM:
        return sparse_linalg.splu(matrix, **look)
    return aside(sparse_linalg.splu, matrix, **look)
