"""What the paper's sampled gradient of σ is on average, and how much it scatters.

For one trajectory of the soft policy, X_m = Σ_t Ψ_t β ζ_b (1[a_t = b] − p_b), b the action of s_t that uses memory m
(Eqs. 3-5). Averaged over ζ, p_a times the score is D_ab = ∂P_a/∂σ_b, and p_a times its square is W_ab; given the
action, what follows does not depend on ζ. Visits are counted undiscounted, because Eq. 3 has no γ^t. A score has mean 0
unless it is multiplied by something that its action influences, so earlier rewards matter for the variance alone.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._choices.solver import score_moments
from .._floats import finite, quietly
from .._frozen import Frozen
from .._mdp.chain import Chain
from .._mdp.problem import Floats, Point, Problem
from ..agents import Agent
from ..agents.rules import look_up
from ..pairing import trial_time
from ..tasks.base import Task

LARGEST_VARIANCE = 2000
_COLUMNS = 4_000_000  # numbers in the tables of some memories that are held at a time


@dataclass(frozen=True, eq=False)
class Estimator(Frozen):
    """Moments of the sampled gradient of the objective, averaged over N_traj trajectories.

    Attributes
    ----------
    gradient : array of float, shape of the given σ
        Expectation, the cost's part included; in a table, 0 where there is no memory.
    reward_gradient : array of float
        Expectation of the reward's part (per unit of time with a reward rate).
    std : array of float, or None
        Standard deviation of one estimate from N_traj trajectories. None where it is not available: for the best of
        several planned paths.
    """

    gradient: Floats
    reward_gradient: Floats
    std: Floats | None


@quietly
def expected_estimator(
    task: Task,
    agent: Agent,
    q: npt.ArrayLike,
    sigma: npt.ArrayLike,
    variance: bool = True,
    episode: int = 0,
) -> Estimator:
    """Expectation and standard deviation of the sampled gradient that the σ update uses (Eqs. 3-5, 7).

    Its Ψ is ``agent.gradient``, its policy is soft, and N_traj is ``agent.n_trajectories``. The difference to
    `gradient` is the bias: none for a return with γ = 1 under ``policy="soft"``, in general some for ``"advantage"``
    and ``"q"``, whose q̄ need not be Q^π.

    Parameters
    ----------
    task, agent, q, sigma, episode
        As for `evaluate`.
    variance : bool
        False leaves the standard deviation out: it takes matrices of (states × states).

    Returns
    -------
    Estimator

    Raises
    ------
    ValueError
        As for `evaluate`; if an episode may never end, whatever γ is; for depth-first planning with several paths and a
        gradient other than ``"best_path"``; if decisions take several samples or time has a price; and for variances of
        tasks with more than 2000 states.

    Notes
    -----
    Exact but for quadrature (relative error about 1e-9). The step limit is not modelled. Of several independent
    planned paths, each is credited with its own Ψ unless that is the best return.
    """
    variance = _checks.flag("variance", variance)
    problem = Problem(task, agent, "soft", episode)
    point = problem.point(q, sigma)
    if (point.samples > 1).any() or problem.agent.opportunity_cost:
        raise ValueError("samples must be 1 and opportunity_cost 0 for the moments of the sampled gradient")
    policy, by_sigma, _ = problem.choices(point, derivatives=True)
    credit = agent.gradient_rule.credit
    std = None
    if problem.program is not None and credit == "best_return":
        slope = problem.program.best_and_slope(problem.whole(policy))[1][problem.model.acting]
        mean = problem.scatter_add(np.matmul(slope[:, None, :], by_sigma)[:, 0])
    elif problem.program is not None and agent.depth_first:
        raise ValueError(
            f"gradient={agent.gradient!r} with several depth-first paths has no exact expectation here; "
            "use gradient='best_path' or planner='rollouts'"
        )
    else:
        trajectory = _Trajectory(problem, point, policy, by_sigma)
        mean, square = trajectory.moments(agent, variance)
        if square is not None:
            spread = problem.paths * np.maximum(0.0, square - mean**2) / agent.n_trajectories
            std = finite("std", np.sqrt(spread) / _time(problem), "rewards are too large")
        mean = problem.paths * mean
    mean = finite("reward_gradient", mean / _time(problem), "rewards are too large")
    cost = problem.divergence(point.sigma)[1]
    return Estimator(
        problem.shown(mean - cost, like=sigma),
        problem.shown(mean, like=sigma),
        None if std is None else problem.shown(std, like=sigma),
    )


def _time(problem: Problem) -> float:
    """What the sampled gradient is divided by: the duration of a trial if the reward rate is maximised."""
    return trial_time(problem.task, problem.agent)


class _Trajectory:
    """Moments of one trajectory's X."""

    def __init__(self, problem: Problem, point: Point, policy: Floats, by_sigma: Floats) -> None:
        self.problem, self.point = problem, point
        self.model, self.gamma = problem.model, problem.agent.gamma
        self.policy, self.by_sigma = policy, by_sigma
        self.chain = Chain(self.model, policy)
        self.system = self.chain.system(1.0)
        self.discounted = self.system if self.gamma == 1 else self.chain.system(self.gamma)
        place = problem.map.index[self.model.acting]
        self.state, self.action = np.nonzero(place >= 0)  # the uses of memories
        self.memory = place[self.state, self.action]

    def moments(self, agent: Agent, variance: bool) -> tuple[Floats, Floats | None]:
        """E[X] and, if wanted, E[X²], shape (memories,)."""
        if variance and len(self.policy) > LARGEST_VARIANCE:
            raise ValueError(
                f"variance: the variance takes at most {LARGEST_VARIANCE} states, "
                f"{self.problem.task.name!r} has {len(self.policy)}; use variance=False"
            )
        rule = agent.gradient_rule
        work = {
            "now": self._of_table, "reward_to_go": self._of_togo, "path_return": self._of_return,
            "best_return": self._of_return,
        }  # fmt: skip
        return look_up("credit", work, rule.credit, "expected_estimator")(rule.baseline, variance)

    def _of_table(self, baseline: str, variance: bool) -> tuple[Floats, Floats | None]:
        q, exists = self.problem.recalled(self.point)[0], self.model.exists
        value = np.where(exists, q, 0.0)
        mean_q = value.sum(axis=1, keepdims=True) / exists.sum(axis=1, keepdims=True)
        value = np.where(exists, value - look_up(
            "baseline", {"none": np.zeros_like(mean_q), "mean": mean_q}, baseline, "expected_estimator"
        ), 0.0)  # fmt: skip
        visits, mean = self.system.occupancy(self.model.start)[:, None], self._expected(value)
        first = self.problem.scatter_add(visits * mean)
        if not variance:
            return first, None
        square = self.problem.scatter_add(visits * self._second(value**2))
        for memories, at in self._columns(mean):
            later = self._ahead(self.system.values(at[0]))
            square += 2 * self._cross(memories, visits, value, later)
        return first, square

    def _of_togo(self, baseline: str, variance: bool) -> tuple[Floats, Floats | None]:
        state_values = np.nan_to_num(self.discounted.values(self.chain.reward))
        value = self.model.action_values(state_values, self.gamma)
        visits, mean = self.system.occupancy(self.model.start)[:, None], self._expected(value)
        first = self.problem.scatter_add(visits * mean)
        if not variance:
            return first, None
        squares, mean_of_squares = self._return_squares(state_values, value)
        square = self.problem.scatter_add(visits * self._second(squares))
        gained, gamma = self._gained(), self.gamma
        reward, one = self.model.mixture(self.policy, gained), np.ones_like(value)
        for memories, (there, squared) in self._columns(mean, mean_of_squares):
            later = np.nan_to_num(self.system.values(there))
            collected = self.discounted.values(reward @ later) + self.discounted.values(squared)
            ahead = self._ahead(later, gained) + gamma * self._ahead(collected)
            square += 2 * self._cross(memories, visits, one, ahead)
        return first, square

    def _of_return(self, baseline: str, variance: bool) -> tuple[Floats, Floats | None]:
        state_values = np.nan_to_num(self.discounted.values(self.chain.reward))
        value = self.model.action_values(state_values, self.gamma)
        mean = self._expected(value)
        first = self.problem.scatter_add(self.discounted.occupancy(self.model.start)[:, None] * mean)
        if not variance:
            return first, None
        gamma, start = self.gamma, self.model.start
        squares, mean_of_squares = self._return_squares(state_values, value)
        gained = self._gained()
        reward = self.model.mixture(self.policy, gained)
        reward_squared = self.model.mixture(self.policy, self.model.moments(self.model.rewards(2)))
        twice = self.system if gamma == 1 else self.chain.system(gamma**2)
        # E[Σ_t 1[s_t = s] γ^{jt} B^i], B the discounted rewards before t, for (i, j) = (0, 2), (1, 1), (2, 0)
        before_02 = twice.occupancy(start)
        before_11 = gamma * self.discounted.occupancy(reward.T @ before_02)
        before_20 = self.system.occupancy(2 * (reward.T @ before_11) + reward_squared.T @ before_02)
        one = np.ones_like(value)
        square = self.problem.scatter_add(
            before_20[:, None] * self._second(one)
            + 2 * before_11[:, None] * self._second(value)
            + before_02[:, None] * self._second(squares)
        )
        for memories, (there, squared) in self._columns(mean, mean_of_squares):
            later = np.nan_to_num(self.discounted.values(there))
            collected = twice.values(gamma * (reward @ later)) + twice.values(squared)
            between = gamma * self._ahead(later, gained) + gamma**2 * self._ahead(collected)
            square += 2 * self._cross(memories, before_11[:, None], one, gamma * self._ahead(later))
            square += 2 * self._cross(memories, before_02[:, None], one, between)
        return first, square

    def _expected(self, value: Floats) -> Floats:
        """Σ_a value(s,a) D_ab(s)."""
        return np.asarray(np.einsum("sa,sab->sb", value, self.by_sigma))

    def _second(self, value: Floats) -> Floats:
        """Σ_a value(s,a) W_ab(s)."""
        return np.asarray(np.einsum("sa,sab->sb", value, self._scores))

    @functools.cached_property
    def _scores(self) -> Floats:
        beta = self.problem.beta
        assert beta is not None
        return score_moments(*self.problem.recalled(self.point), self.model.exists, beta)

    def _columns(self, *tables: Floats) -> Iterator[tuple[npt.NDArray[np.intp], list[Floats]]]:
        """Some memories at a time, and what each of them has of the tables in each state, (acting, memories)."""
        size = max(1, _COLUMNS // self.policy.size)
        for first in range(0, self.problem.map.n_memories, size):
            memories = np.arange(first, min(first + size, self.problem.map.n_memories))
            here = (self.memory >= memories[0]) & (self.memory <= memories[-1])
            columns = []
            for table in tables:
                column = np.zeros((len(self.policy), len(memories)))
                column[self.state[here], self.memory[here] - first] = table[self.state[here], self.action[here]]
                columns.append(column)
            yield memories, columns

    def _ahead(self, values: Floats, transitions: Any = None) -> Floats:
        """Σ_s' T(s,a,s') values(s', ·), shape (acting, actions, memories)."""
        matrix = self.model.transitions if transitions is None else transitions
        ahead: Floats = matrix @ np.nan_to_num(values)
        return ahead.reshape(*self.policy.shape, -1)

    def _cross(self, memories: npt.NDArray[np.intp], weight: Floats, value: Floats, ahead: Floats) -> Floats:
        """Σ over the uses (s,b) of each memory of weight(s) Σ_a value(s,a) D_ab(s) ahead(s,a), shape (memories,)."""
        here = (self.memory >= memories[0]) & (self.memory <= memories[-1])
        state, action, memory = self.state[here], self.action[here], self.memory[here]
        scores = value[state] * self.by_sigma[state, :, action]
        sums = weight[state, 0] * (scores * ahead[state, :, memory - memories[0]]).sum(axis=1)
        return np.bincount(memory, sums, self.problem.map.n_memories).astype(np.float64, copy=False)

    def _gained(self) -> Any:
        """Σ_k P(k|s,a) E[r_k] [s'_k = s']."""
        return self.model.moments(self.model.rewards(1))

    def _return_squares(self, state_values: Floats, value: Floats) -> tuple[Floats, Floats]:
        """E[G² | s,a] of the discounted return, and its Σ_a D_ab-weighted sum."""
        gamma = self.gamma
        chances = self.problem.task.probability[self.model.acting]
        gain = (self._gained() @ state_values).reshape(value.shape)
        now = (chances * self.model.rewards(2)).sum(axis=2) + 2 * gamma * gain
        system = self.system if gamma == 1 else self.chain.system(gamma**2)
        of_state = np.nan_to_num(system.values((self.policy * now).sum(axis=1)))
        squares = self.model.action_values(of_state, gamma**2, reward=now)
        return squares, self._expected(squares)
