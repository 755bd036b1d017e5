"""An agent as a policy: it acts, says how probable its choices are, and learns online."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .. import _checks, pairing
from .._choices.solver import solve_choices
from .._floats import quietly
from ..agents import Agent
from ..memories import MemoryMap
from ..tasks.base import Task
from . import engine
from .arguments import check_task_and_agent, checked_memories, checked_seed
from .divergence import DivergenceError
from .schedule import LARGEST_EPISODES, POLICIES, Schedule
from .schedule import Policy as PolicyName

if TYPE_CHECKING:
    from .result import Result

Floats = npt.NDArray[np.float64]


class Policy:
    """An agent that acts in a loop of one's own, such as Gymnasium's.

    Parameters
    ----------
    task : Task
    agent : Agent
    q, sigma : array of float, shape (states, actions) or (memories,)
        Where it stands.
    episode : int, optional
        Learning episodes that it has behind it: schedules and changes of the task go by them. Default: its schedules
        have their last values.
    policy : {"soft", "hard"}
        Eq. 2 with its max softened (A.1) or not.
    seed : int, optional
        Of what `step` and `end_episode` draw.

    Attributes
    ----------
    memory_q, memory_sigma : array of float, shape (memories,)
    q, sigma : array of float, shape (states, actions)
        The same as states and actions find them.
    samples : array of float, shape (states,)
        Effort n(s): a recall has the noise of the mean of so many samples.
    opportunity_cost : float
        ω, price of time.
    search_budget : float
        b of planning, in %; NaN where nothing is planned.

    Raises
    ------
    ValueError
        If an argument is not valid.
    """

    task: Task
    agent: Agent
    policy: PolicyName
    episode: int
    memory_q: Floats
    memory_sigma: Floats
    scale: Floats
    usage: Floats
    samples: Floats
    opportunity_cost: float
    search_budget: float

    def __init__(
        self, task: Task, agent: Agent, q: npt.ArrayLike, sigma: npt.ArrayLike, *, episode: int | None = None,
        policy: PolicyName = "soft", seed: int | None = None,
    ) -> None:  # fmt: skip
        check_task_and_agent(task, agent, training=False)
        self.task, self.agent = task, agent
        self.policy = _checks.choice("policy", policy, POLICIES)
        self.episode = LARGEST_EPISODES if episode is None else _checks.integer("episode", episode, low=0)
        for name, given in (("q", q), ("sigma", sigma)):
            if given is None:
                raise ValueError(f"{name} must be given")
        memory_q, memory_sigma = checked_memories(task, agent, q, sigma, 1, shared=False)
        assert memory_q is not None and memory_sigma is not None
        self.memory_q, self.memory_sigma = memory_q[0].copy(), memory_sigma[0].copy()
        self.scale, self.usage = np.full(1, agent.sigma_0), np.zeros((1, task.n_states))
        self.samples = np.where(task.places.acting, agent.samples, 1.0)
        self.opportunity_cost, self.search_budget = agent.opportunity_cost, pairing.start_budget(task, agent)
        self._means = [0.0, 0.0]  # of reward and time, where ω is learned
        self._reward, self._spent, self._decisions = 0.0, 0.0, 0  # of the episode so far
        seed = checked_seed(seed)
        self._rng = np.random.default_rng([seed, 1])
        self._streams = engine.stream_states(seed, 0)[None]

    @classmethod
    def of_result(cls, result: Result, restart: int, policy: PolicyName, seed: int | None) -> Policy:
        """See `Result.policy`."""
        if not hasattr(result, "memory_sigma"):
            raise ValueError(f"result must be a Result, got {_checks.shown(result)}")
        restart = _checks.integer("restart", restart, low=0, high=result.restarts - 1)
        made = cls(
            result.task, result.agent, result.memory_q[restart], result.memory_sigma[restart],
            episode=result.training_episodes, policy=policy, seed=seed,
        )  # fmt: skip
        made.scale[:] = result.scale[restart]
        made.samples[:], made.opportunity_cost = result.samples[restart], float(result.opportunity_cost[restart])
        made.search_budget = float(result.search_budget[restart])
        made._means = result.earned[restart].tolist()
        if result.usage.shape[1]:
            made.usage[:] = result.usage[restart]
        return made

    @property
    def q(self) -> Floats:
        return self._map().gather_q(self.memory_q)

    @property
    def sigma(self) -> Floats:
        return self._map().gather_sigma(self.memory_sigma, self.agent.sigma_base)

    def _map(self) -> MemoryMap:
        return self.task.places.maps[self.task.variant_at(self.episode)]

    def _shown(self, state: int) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
        """The actions of a state, with q̄ of each and the σ that a decision has."""
        state = _checks.integer("state", state, low=0, high=self.task.n_states - 1)
        held = self._map()
        actions = np.flatnonzero(held.exists[state])
        if not len(actions):
            raise ValueError(f"state {state} of {self.task.name!r} is terminal: there is nothing to choose")
        index = held.index[state, actions]
        q = np.where(index >= 0, self.memory_q[index], 0.0)
        sigma = np.where(index >= 0, self.memory_sigma[index], 0.0)
        fixed = index < 0
        if fixed.any():
            assert held.known_q is not None and held.known_sigma is not None
            q[fixed], sigma[fixed] = held.known_q[state, actions[fixed]], held.known_sigma[state, actions[fixed]]
        return actions, q, sigma * self.agent.averaging(self.samples[state])

    @quietly
    def _recall(self, state: int, rng: np.random.Generator) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
        """One recall: the actions, their softmax (one-hot for the hard policy), and q̄."""
        actions, q, sigma = self._shown(state)
        drawn = q + sigma * rng.standard_normal(len(q))
        if self.policy == "hard":
            return actions, (np.arange(len(q)) == drawn.argmax()).astype(float), q
        weights = np.exp(self.agent.at("beta", self.episode) * (drawn - drawn.max()))
        return actions, weights / weights.sum(), q

    def act(self, state: int, rng: np.random.Generator) -> int:
        """Choose by one Thompson sample of the state's memories (Eq. 2, A.1).

        Parameters
        ----------
        state : int
        rng : numpy.random.Generator

        Returns
        -------
        int
            The action.

        Raises
        ------
        ValueError
            If there is no such state, or nothing to choose in it.
        """
        actions, p, _ = self._recall(state, _checks.generator("rng", rng))
        return int(actions[0] if len(actions) == 1 else rng.choice(actions, p=p))

    def probabilities(self, state: int) -> Floats:
        """Exact probability of each action in a state, shape (actions,); 0 for actions that it does not have."""
        actions, q, sigma = self._shown(state)
        beta = self.agent.at("beta", self.episode) if self.policy == "soft" else None
        out = np.zeros(self.task.n_actions)
        out[actions] = solve_choices(q[None], sigma[None], np.ones((1, len(q)), bool), beta).probability[0]
        return out

    def step(
        self, state: int, action: int, reward: float, next_state: int, *, ended: bool | None = None, cut: bool = False
    ) -> None:
        """Learn from a choice that was made: q̄ by expected SARSA, and at the end of an episode σ (section 1).

        Parameters
        ----------
        state, action : int
        reward : float
        next_state : int
        ended : bool, optional
            Whether the episode ended there; default: whether ``next_state`` is terminal.
        cut : bool
            Whether it was cut off there, by a step limit.

        Raises
        ------
        ValueError
            If there is no such state or action.
        DivergenceError
            If q̄ or σ is no longer finite.
        """
        actions, _, _ = self._shown(state)
        state, cut = int(state), _checks.flag("cut", cut)
        action = _checks.integer("action", action)
        if action not in actions:
            raise ValueError(f"action must be one of {actions.tolist()} in state {state}, got {action}")
        earned = target = _checks.real("reward", reward)
        next_state = _checks.integer("next_state", next_state, low=0, high=self.task.n_states - 1)
        held = self._map()
        over = not held.exists[next_state].any() if ended is None else _checks.flag("ended", ended)
        if not over:
            _, p, q = self._recall(next_state, self._rng)
            target += self.agent.gamma * float(p @ q)
        memory = held.index[state, action]
        if memory >= 0 and self.agent.learn_q:
            rate = self.agent.at("learning_rate_q", self.episode)
            self.memory_q[memory] += rate * (target - self.memory_q[memory])
            if not abs(self.memory_q[memory]) < 1e100:
                raise DivergenceError(f"q̄ of memory {memory} is no longer finite")
        self._reward, self._spent = self._reward + earned, self._spent + float(self.samples[state])
        self._decisions += 1
        if over or cut:
            self.end_episode()

    def end_episode(self) -> None:
        """The σ update after an episode, from N_traj trajectories in the task with q̄ and σ as they are (Eq. 7)."""
        if self.agent.learn_opportunity_cost and self._decisions:
            self._learn_price()
        self._reward, self._spent, self._decisions = 0.0, 0.0, 0
        if self.agent.learns_offline:
            number = min(self.episode, LARGEST_EPISODES - 1)
            sampler = self.agent.replace(
                learn_q=False, learn_opportunity_cost=False, opportunity_cost=self.opportunity_cost
            )
            outcome = engine.run(
                self.task, [sampler], Schedule(1, first_episode=number), self._streams, q=self.memory_q[None],
                sigma=self.memory_sigma[None], workers=1,
                before=engine.Before(
                    self.scale, self.usage, self.samples[None], budget=np.array([self.search_budget])
                ),
            )  # fmt: skip
            if outcome.counters[0, 3]:
                raise DivergenceError(f"{engine.ERRORS[int(outcome.counters[0, 3])]} is no longer finite")
            if len(outcome.samples):
                self.samples = np.where(self.task.places.acting, outcome.samples[0], 1.0)
            self.search_budget = float(outcome.budget[0])
            self.memory_sigma = self.task.places.memories(outcome.sigma)[0].copy()
            self.scale, self.usage = outcome.scale, outcome.usage
        if self.episode < LARGEST_EPISODES:
            self.episode += 1

    def _learn_price(self) -> None:
        """ω = mean reward / mean time of the episodes, not below 0, as in training."""
        rate, rest = self.agent.learning_rate_opportunity_cost, 1 if self.task.horizon is not None else self._decisions
        time = pairing.time_of_sample(self.task, self.agent) * self._spent + self.agent.non_decision_time * rest
        reward, taken = self._means if self._means[1] else (self.opportunity_cost * time, time)
        self._means = [reward + rate * (self._reward - reward), taken + rate * (time - taken)]
        self.opportunity_cost = max(0.0, self._means[0] / self._means[1])

    def __repr__(self) -> str:
        return f"<Policy: {self.agent.allocation} agent on {self.task.name!r}, {self.policy}>"
