"""A task, an agent and a policy as a function of memories and effort: what all exact answers are made of.

Memories are vectors, (memories,); what each action of each state finds in them is a table. The derivative by a memory
is the sum over the states and actions that use it; its cost is paid once.

Effort is the number n(s) of samples that a decision takes (section 10): one recall with σ_eff = σ √((1 + (n − 1)ρ)/n).
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._choices.policy import Policy, checked_beta
from .._choices.solver import Choices, solve_choices
from .._floats import finite
from ..agents import LARGEST_Q, Agent
from ..pairing import check, checked_samples, paths, planning_time, time_of_sample
from ..tasks.base import Task, how_to_make_one
from ..tasks.tabular import TabularMDP
from .chain import Chain, ImproperPolicyError, System, model
from .planning import program

Floats = npt.NDArray[np.float64]

LAST_EPISODE = 2**62  # schedules have their last value


class Point(NamedTuple):
    """Where a problem is evaluated.

    Attributes
    ----------
    q, sigma : array of float, shape (memories,)
    samples : array of float, shape (acting,)
        n(s), at least 1.
    """

    q: Floats
    sigma: Floats
    samples: Floats


class Figures(NamedTuple):
    """What a point is worth, and by which choices; arrays are over the states that are not terminal."""

    reward: float
    value: float
    cost: float
    time_cost: float
    time: float
    occupancy: Floats
    state_values: Floats
    probability: Floats


class Slope(NamedTuple):
    """The objective F and its derivatives.

    Attributes
    ----------
    objective : float
    by_sigma : array of float, shape (memories,)
        0 for memories that this variant of the task does not use.
    by_log_samples : array of float, shape (acting,)
        ∂F/∂ln n(s).
    """

    objective: float
    by_sigma: Floats
    by_log_samples: Floats


class Problem:
    """A task, an agent and a policy, checked; what is evaluated again and again.

    Attributes
    ----------
    task : TabularMDP
        The variant in force.
    map : MemoryMap
        Its memories, numbered with those of the other variants.
    allocated : array of bool, shape (memories,)
        Those that this variant uses.
    agent : Agent
        With the last values of its schedules.
    beta : float or None
        β of the soft policy; None for the hard one.
    paths : int
        Paths of a trial.
    known_q, known_sigma : array of float, shape (acting, actions)
        What is known instead of remembered; 0 and 1 where there is no action.
    """

    def __init__(self, task: Task, agent: Agent, policy: Policy = "soft", episode: int = 0) -> None:
        variants = checked_task(task)
        episode = _checks.integer("episode", episode, low=0)
        self.task: TabularMDP = variants.at(episode)
        self.map = variants.places.maps[variants.variant_at(episode)]
        if not isinstance(agent, Agent):
            raise ValueError(f"agent must be an Agent, got {_checks.shown(agent)}")
        check(self.task, agent)
        self.agent = _final(agent)
        self.beta = checked_beta(policy, self.agent.at("beta", 0))
        self.lam = self.agent.at("lam", 0)
        self.model = model(self.task)
        self.paths = paths(self.task, agent)
        self.program = None
        if self.paths > 1:
            if (self.task.reward_square != self.task.reward_mean**2).any():
                raise ValueError(
                    f"reward_sd: the best of several paths of {self.task.name!r}, whose rewards are noisy, has no "
                    "exact answer; simulate instead"
                )
            self.program = program(self.task, agent.gamma, self.paths, agent.planner)
        acting = self.model.acting
        self.allocated = self.map.allocated
        self._here = self.map.mask[acting]
        self._memory = self.map.index[acting][self._here]
        self.known_q, self.known_sigma = (
            np.where(self.model.exists & ~self._here, 0.0 if known is None else known[acting], nothing)
            for known, nothing in ((self.map.known_q, 0.0), (self.map.known_sigma, 1.0))
        )

    # what is given

    def point(self, q: npt.ArrayLike, sigma: npt.ArrayLike, samples: npt.ArrayLike | None = None) -> Point:
        """A point from q̄ and σ as tables or vectors, and effort, checked."""
        return Point(self.vector("q", q), self.vector("sigma", sigma), self.effort(samples))

    def vector(self, name: str, given: npt.ArrayLike) -> Floats:
        """q̄ or σ of the memories, from a table of states and actions or as they are."""
        table = _checks.numeric(name, given)
        shape = (self.task.n_states, self.task.n_actions)
        if table.shape == (self.map.n_memories,):
            vector: Floats = table.astype(np.float64)
        elif table.shape == shape:
            vector = self.map.pick(np.where(self.map.mask, table, 0.0), name, elsewhere=1.0)
        else:
            raise ValueError(f"{name} must have shape {shape} or ({self.map.n_memories},), got {table.shape}")
        held = vector[self.allocated]
        if not (np.abs(held) <= LARGEST_Q).all():
            raise ValueError(f"{name} must be finite, and within ±{LARGEST_Q:g}, for every memory")
        if name == "sigma" and not (held > 0).all():
            raise ValueError(f"sigma must be greater than 0 for every memory, got {held.min():g}")
        return np.where(self.allocated, vector, 0.0 if name == "q" else self.agent.sigma_base)

    def effort(self, samples: npt.ArrayLike | None) -> Floats:
        """n(s) over the states that are not terminal; None: the agent's."""
        held = checked_samples(self.task, self.agent.samples if samples is None else samples)[self.model.acting]
        self.check_effort(held)
        return held

    def check_effort(self, samples: Floats) -> None:
        """Several depth-first paths: how often each state is visited is not known, so effort must be the same."""
        if self.program is not None and self.agent.depth_first and np.ptp(samples):
            raise ValueError("samples must be the same in all states with planner='depth-first' and several paths")

    def gather(self, vector: Floats, known: Floats) -> Floats:
        """What each action of each state finds, shape (acting, actions)."""
        table = known.copy()
        table[self._here] = vector[self._memory]
        return table

    def scatter_add(self, table: Floats) -> Floats:
        """Sums of a table over the uses of each memory."""
        return np.bincount(self._memory, table[self._here], self.map.n_memories).astype(np.float64, copy=False)

    def whole(self, table: Floats, elsewhere: float = 0.0) -> Floats:
        """A table over the acting states as one over all states."""
        out = np.full((self.task.n_states, *table.shape[1:]), elsewhere)
        out[self.model.acting] = table
        return out

    def shown(self, vector: Floats, like: npt.ArrayLike | None = None, elsewhere: float = 0.0) -> Floats:
        """Values of memories as a table of states and actions, or as they are if ``like`` is a vector."""
        return vector if like is not None and np.ndim(like) == 1 else self.map.gather(vector, elsewhere)

    # what it is worth

    def recalled(self, point: Point) -> tuple[Floats, Floats]:
        """q̄ and σ_eff of the one recall that a decision amounts to, shape (acting, actions)."""
        noise = self.gather(point.sigma, self.known_sigma) * self.averaging(point.samples)[0][:, None]
        return self.gather(point.q, self.known_q), noise

    def choices(self, point: Point, derivatives: bool = False) -> Choices:
        """π over the acting states, and its derivatives with respect to σ_eff."""
        return solve_choices(*self.recalled(point), self.model.exists, self.beta, derivatives)

    def averaging(self, samples: Floats) -> tuple[Floats, Floats]:
        """√((1 + (n − 1)ρ)/n), and its derivative with respect to ln n."""
        factor = self.agent.averaging(samples)
        return factor, -0.5 * (1 - self.agent.sample_correlation) / samples / factor

    def divergence(self, sigma: Floats) -> tuple[float, Floats]:
        """λ D_KL (A.2) of memories, paid once each, and its derivative (A.7), both (memories,)."""
        base = self.agent.sigma_base
        ratio = np.where(self.allocated, sigma / base, 1.0)
        cost = self.lam * float((0.5 * (ratio - 1) * (ratio + 1) - np.log(ratio)).sum())
        finite("cost", cost, f"sigma / sigma_base, with sigma_base = {base:g}")
        return cost, self.lam * np.where(self.allocated, (ratio - 1 / ratio) / base, 0.0)

    def evaluate(self, point: Point) -> Figures:
        """Everything about a point.

        Raises
        ------
        ImproperPolicyError
            If an episode may never end, and γ = 1 or time has a price, which is not discounted.
        ValueError
            If a figure is not finite.
        """
        gamma, start = self.agent.gamma, self.model.start
        price = self.agent.opportunity_cost * self.agent.sample_time * self.paths
        policy = self.choices(point).probability
        chain = Chain(self.model, policy)
        system = chain.system(gamma)
        state_values = system.values(chain.reward)
        occupancy, reward = np.full(len(policy), np.nan), np.nan
        try:
            undiscounted = system if gamma == 1 else chain.system(1.0)
        except ImproperPolicyError:
            if price:
                raise
        else:
            occupancy = undiscounted.occupancy(start)
            reward = float(occupancy @ chain.reward)
        value = float(start @ np.where(start > 0, state_values, 0.0))
        if self.program is not None:
            everywhere = self.whole(policy)
            probability = self.program.forward(everywhere)
            value = self.program.best(probability)
            reward = value if gamma == 1 else self.program.rewards(everywhere, probability)
        if self.agent.reward_rate:
            value /= self._duration(float(occupancy @ point.samples), point)
        spent = self.paths * float(occupancy @ point.samples)
        time_cost = self.agent.opportunity_cost * self.agent.sample_time * spent if price else 0.0
        decisions = 1.0 if self.task.horizon is not None else float(occupancy.sum())
        time = time_of_sample(self.task, self.agent) * spent + self.agent.non_decision_time * decisions
        cost = self.divergence(point.sigma)[0]
        finite("value", value - time_cost, "rewards are too large")
        return Figures(reward, value, cost, time_cost, time, occupancy, state_values, policy)

    def objective(self, point: Point) -> float:
        """F alone."""
        return self._worth(point, False).objective

    def slope(self, point: Point) -> Slope:
        """F and its derivatives."""
        return self._worth(point, True)

    def _worth(self, point: Point, derivatives: bool) -> Slope:
        """F = E[best or only path] / time − ω · time of samples − λ D_KL."""
        agent, start = self.agent, self.model.start
        policy, by_noise, _ = self.choices(point, derivatives)
        samples, rate = point.samples, agent.reward_rate
        price = agent.opportunity_cost * agent.sample_time * self.paths
        chain = system = None
        if self.program is None or price or (rate and np.ptp(samples)):
            chain = Chain(self.model, policy)
            system = chain.system(agent.gamma)
        if self.program is None:
            assert chain is not None and system is not None
            value, credit = self._chained(system, chain.reward, self.model.reward, derivatives)
        elif derivatives:
            value, credit = self.program.best_and_slope(self.whole(policy))
            credit = credit[self.model.acting]
        else:
            value, credit = self.program.best(self.program.forward(self.whole(policy))), policy
        by_log_samples = np.zeros(len(samples))
        if rate:
            length, by_length = float(self.task.horizon or 0) * float(samples[0]), np.zeros_like(credit)
            visits = np.zeros(len(samples))
            if np.ptp(samples):
                assert chain is not None
                steps = system if agent.gamma == 1 and system is not None else chain.system(1.0)
                length, by_length = self._chained(steps, samples, np.broadcast_to(samples[:, None], policy.shape),
                                                  derivatives, 1.0)  # fmt: skip
            time = self._duration(length, point)
            by_time = -value / time**2 * agent.decision_time * self.paths
            value, credit = value / time, credit / time + by_time * by_length
            if derivatives:
                visits = Chain(self.model, policy).system(1.0).occupancy(start)
            by_log_samples += by_time * samples * visits
        if price:
            assert chain is not None and system is not None
            steps = system if agent.gamma == 1 else chain.system(1.0)  # time passes, whatever later rewards are worth
            spent, by_spent = self._chained(
                steps, samples, np.broadcast_to(samples[:, None], policy.shape), derivatives, 1.0
            )
            value, credit = value - price * spent, credit - price * by_spent
            by_log_samples -= price * samples * steps.occupancy(start)
        cost, by_cost = self.divergence(point.sigma)
        if not derivatives:
            return Slope(finite("objective", value - cost, "rewards are too large"), by_cost, by_log_samples)
        by_noise = np.matmul(credit[:, None, :], by_noise)[:, 0]
        factor, by_factor = self.averaging(samples)
        by_sigma = self.scatter_add(by_noise * factor[:, None]) - by_cost
        noise = self.gather(point.sigma, self.known_sigma)
        by_log_samples += (by_noise * np.where(self.model.exists, noise, 0.0)).sum(axis=1) * by_factor
        for part in (by_sigma, by_log_samples):
            finite("gradient", part, "rewards are too large, or sigma_base too small")
        return Slope(value - cost, by_sigma, by_log_samples)

    def _chained(
        self, system: System, of_state: Floats, of_action: Floats, derivatives: bool, gamma: float | None = None
    ) -> tuple[float, Floats]:
        """What is collected in an episode, and its derivative with respect to π, (acting, actions)."""
        gamma = self.agent.gamma if gamma is None else gamma
        state_values = np.nan_to_num(system.values(of_state))
        value = float(self.model.start @ state_values)
        if not derivatives:
            return value, of_action
        advantage = self.model.action_values(state_values, gamma, of_action) - state_values[:, None]
        return value, system.occupancy(self.model.start)[:, None] * advantage

    def _duration(self, visits: float, point: Point) -> float:
        """Time of a trial in the reward rate (Eq. 8), every sample of every visit of a state taking a_dec."""
        if not np.ptp(point.samples):
            planning = planning_time(self.task, self.agent)
            return planning * float(point.samples[0]) + self.agent.non_decision_time
        return self.agent.decision_time * self.paths * visits + self.agent.non_decision_time


@functools.lru_cache(maxsize=256)
def _final(agent: Agent) -> Agent:
    """The agent with the last values of its schedules."""
    return agent.in_episode(LAST_EPISODE)


def checked_task(task: Any) -> TabularMDP:
    """A finite task."""
    if not isinstance(task, Task):
        raise ValueError(f"task must be a TabularMDP, got {_checks.shown(task)}{how_to_make_one(task)}")
    if not task.finite or not isinstance(task, TabularMDP):
        raise ValueError(f"task must be a TabularMDP: {task.name!r} is not a finite MDP, it has no exact solution")
    return task
