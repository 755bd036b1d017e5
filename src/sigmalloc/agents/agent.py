"""The agent: its hyper-parameters, their published values and their validation."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .. import _checks
from . import schedules
from .presets import SCRIPTS, TABLE_B1
from .rules import ALLOCATIONS, GRADIENTS, PLANNERS, Allocation, AllocationName, Gradient, GradientName, PlannerName
from .schedules import Exponential, Scheduled

TaskName = Literal["grid-world", "mountain-car", "planning"]
LearnSamples = Literal["no", "shared", "state"]
LEARN_SAMPLES = ("no", "shared", "state")
LARGEST_Q = 1e100  # a q̄ beyond this has diverged, as far as the kernel is concerned
SMALLEST_BETA = 1e-100  # with less, actions that a state does not have would count


@dataclass(frozen=True, kw_only=True)
class Agent:
    """A Dynamic Resource Allocator or one of the agents it is compared with.

    The defaults are the grid-world column of Table B.1. Instances are frozen and are checked when they are made;
    `replace` gives a changed copy. Fields that may be a schedule take an `Exponential` or `Points` (`linear`) over the
    episodes.

    Parameters
    ----------
    learning_rate_q : float or schedule
        α₁, step size of the expected SARSA update of q̄, in (0, 1].
    learning_rate_sigma : float or schedule
        α₂, step size of the σ update (Eq. 7), in units of reward, at least 0.
    beta : float or schedule
        β, inverse temperature of the soft policy (A.1), in 1/reward, in [1e-100, 1e100]. With a schedule, its final
        value.
    beta_0 : float or None
        β in the first episode, in 1/reward; episode k (from 0) has min(beta, beta_0 · exp(beta_rate · k)). None: β is
        constant.
    beta_rate : float
        Growth rate of β, in 1/episode, used with ``beta_0``.
    gamma : float
        γ, discount factor, in [0, 1].
    lam : float or schedule
        λ, price of precision, in units of reward per nat, at least 0.
    sigma_base : float
        σ_base, standard deviation of a memory that costs nothing, in units of reward.
    sigma_0 : float
        σ₀, initial standard deviation of every memory, in units of reward, within [sigma_min, sigma_max].
    sigma_min, sigma_max : float
        Bounds of σ after every update, in units of reward; every σ is above 0 and at most 1e100.
    q_init : float or (float, float)
        Initial q̄, in units of reward: a constant, or the bounds of a uniform draw.
    n_trajectories : int
        N_traj, trajectories sampled for each σ update.
    gradient : {"advantage", "q", "reinforce", "return", "best_path"}
        Ψ in the reward gradient (Eqs. 3-5): advantage, q̄, discounted reward-to-go, return of the whole
        episode (or path), or the best return among the paths of a planning trial.
    allocation : {"dra", "equal", "frequency", "stakes", "fixed"}
        How σ is shaped: every memory free, one shared σ, a learned scale times a shape given by how often a
        memory is used or by the spread of q̄ in its state, or σ₀ for good.
    learn_q : bool
        False keeps q̄ as it is given.
    search_budget : float or None
        Planning tasks: states that may be visited while planning, in % of M·2^M. None: one path.
    planner : {"rollouts", "depth-first"}
        Planning tasks: independent paths with memories drawn at every visit, or memories drawn once a trial
        and no path explored twice.
    reward_rate : bool
        Planning tasks: maximise reward per unit of time (Eq. 8) instead of reward.
    decision_time : float
        a_dec, time for each state visited while planning, in units of time, used with ``reward_rate``.
    non_decision_time : float
        t_nondec, time of a trial spent on all else, in units of time, used with ``reward_rate``.
    samples : float
        n, effort: samples that one decision averages, in [1, samples_max]; where it is learned, its first value.
    learn_samples : {"no", "shared", "state"}
        Whether effort is learned: not, as one number for all states, or as one for each.
    samples_max : float
        Largest effort, from 1 to 1e9.
    sample_time : float
        t_sample, time that a sample takes, in units of time.
    sample_correlation : float
        ρ, correlation of the samples of one decision, in [0, 1].
    opportunity_cost : float
        ω, price of time, in units of reward per unit of time: what could be earned in it; where it is learned, its
        first value.
    learning_rate_samples : float
        Step size of the update of ln n, at least 0.
    learn_opportunity_cost : bool
        Whether ω follows what learning episodes earn: their running mean reward over their running mean time, not
        below 0.
    learning_rate_opportunity_cost : float
        Step size of both running means, in (0, 1].
    learn_search_budget : bool
        Planning tasks: whether b follows the gradient of the objective, from ``search_budget`` on. A trial then has the
        whole number of paths below or above b, by a draw whose mean is what b pays for.
    learning_rate_search_budget : float
        Step size of the update of b in %, at least 0.
    search_budget_max : float
        Largest b that is learned, in %.

    Raises
    ------
    ValueError
        If a field is of the wrong type, out of range, or contradicts another one.
    """

    learning_rate_q: float | Scheduled = 0.1
    learning_rate_sigma: float | Scheduled = 0.1
    beta: float | Scheduled = 10.0
    beta_0: float | None = None
    beta_rate: float = 0.0
    gamma: float = 1.0
    lam: float | Scheduled = 0.2
    sigma_base: float = 5.0
    sigma_0: float = 3.0
    sigma_min: float = 0.01
    sigma_max: float = 100.0
    q_init: float | tuple[float, float] = 0.0
    n_trajectories: int = 10
    gradient: GradientName = "advantage"
    allocation: AllocationName = "dra"
    learn_q: bool = True
    search_budget: float | None = None
    planner: PlannerName = "rollouts"
    reward_rate: bool = False
    decision_time: float = 0.1
    non_decision_time: float = 1.0
    samples: float = 1.0
    learn_samples: LearnSamples = "no"
    samples_max: float = 100.0
    sample_time: float = 0.1
    sample_correlation: float = 0.0
    opportunity_cost: float = 0.0
    learning_rate_samples: float = 0.1
    learn_opportunity_cost: bool = False
    learning_rate_opportunity_cost: float = 0.01
    learn_search_budget: bool = False
    learning_rate_search_budget: float = 0.1
    search_budget_max: float = 100.0

    def __post_init__(self) -> None:
        put = object.__setattr__.__get__(self)
        for name, bounds in _BOUNDS.items():
            check = functools.partial(_checks.real, name, **bounds)
            put(name, schedules.checked(name, getattr(self, name), check))
        for name in ("sigma_base", "sigma_0", "sigma_min", "sigma_max"):
            put(name, _checks.real(name, getattr(self, name), low=0, high=LARGEST_Q, low_open=True))
        put("non_decision_time", _checks.real("non_decision_time", self.non_decision_time, low=0, low_open=True))
        for name in ("beta_rate", "decision_time"):
            put(name, _checks.real(name, getattr(self, name), low=0))
        put("gamma", _checks.real("gamma", self.gamma, low=0, high=1))
        if self.beta_0 is not None:
            if not isinstance(self.beta, float):
                raise ValueError("beta_0 must not be given where beta is a schedule itself")
            put("beta_0", _checks.real("beta_0", self.beta_0, low=SMALLEST_BETA, high=self.beta))
        elif self.beta_rate:
            raise ValueError(f"beta_rate={self.beta_rate!r} needs beta_0, the inverse temperature of episode 0")
        put("q_init", self._checked_q_init())
        put("n_trajectories", _checks.integer("n_trajectories", self.n_trajectories, low=1, high=10**6))
        _checks.choice("gradient", self.gradient, tuple(GRADIENTS))
        _checks.choice("allocation", self.allocation, tuple(ALLOCATIONS))
        _checks.choice("planner", self.planner, tuple(PLANNERS))
        put("learn_q", _checks.flag("learn_q", self.learn_q))
        put("reward_rate", _checks.flag("reward_rate", self.reward_rate))
        if self.search_budget is not None:
            budget = _checks.real("search_budget", self.search_budget, low=0, high=100, low_open=True)
            put("search_budget", budget)
        put("learn_search_budget", _checks.flag("learn_search_budget", self.learn_search_budget))
        most = _checks.real("search_budget_max", self.search_budget_max, low=0, high=100, low_open=True)
        put("search_budget_max", most)
        if self.learn_search_budget and (self.search_budget or 0) > most:
            raise ValueError(f"search_budget_max={most!r} is less than search_budget={self.search_budget!r}")
        put("samples_max", _checks.real("samples_max", self.samples_max, low=1, high=1e9))
        put("samples", _checks.real("samples", self.samples, low=1, high=self.samples_max))
        _checks.choice("learn_samples", self.learn_samples, LEARN_SAMPLES)
        put("sample_correlation", _checks.real("sample_correlation", self.sample_correlation, low=0, high=1))
        for name in ("sample_time", "opportunity_cost", "learning_rate_samples", "learning_rate_search_budget"):
            put(name, _checks.real(name, getattr(self, name), low=0))
        put("learn_opportunity_cost", _checks.flag("learn_opportunity_cost", self.learn_opportunity_cost))
        rate = _checks.real(
            "learning_rate_opportunity_cost", self.learning_rate_opportunity_cost, low=0, high=1, low_open=True
        )
        put("learning_rate_opportunity_cost", rate)
        if self.learn_opportunity_cost and not self.learn_q:
            raise ValueError("learn_opportunity_cost=True needs learn_q=True: it follows what learning episodes earn")
        if self.learn_opportunity_cost and self.reward_rate:
            raise ValueError("learn_opportunity_cost=True prices time, which reward_rate=True does already: choose one")
        if self.sigma_min > self.sigma_max:
            raise ValueError(f"sigma_min must not exceed sigma_max, got {self.sigma_min!r} > {self.sigma_max!r}")
        if not self.sigma_min <= self.sigma_0 <= self.sigma_max:
            raise ValueError(
                f"sigma_0 must be in [sigma_min, sigma_max] = [{self.sigma_min!r}, {self.sigma_max!r}], "
                f"got {self.sigma_0!r}"
            )

    def _checked_q_init(self) -> float | tuple[float, float]:
        if not isinstance(self.q_init, (tuple, list)):
            return _checks.real("q_init", self.q_init, low=-LARGEST_Q, high=LARGEST_Q)
        if len(self.q_init) != 2:
            raise ValueError(f"q_init must be a number or a pair (low, high), got {_checks.shown(self.q_init)}")
        low, high = (_checks.real("q_init", bound, low=-LARGEST_Q, high=LARGEST_Q) for bound in self.q_init)
        if low >= high:
            raise ValueError(f"q_init must have low < high, got {self.q_init!r}")
        return (low, high)

    def replace(self, **changes: Any) -> Agent:
        """A copy with the given fields changed, checked again.

        Raises
        ------
        ValueError
            If a field is unknown or the changed agent is not valid.
        """
        return type(self)(**{**self.to_dict(), **_known(changes)})

    def to_dict(self) -> dict[str, Any]:
        """The fields and their values, in order, as plain Python objects, from which ``Agent(**…)`` makes it again."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value.to_dict() if isinstance(value, Scheduled) else value for name, value in values.items()}

    @classmethod
    def table_b1(cls, task: TaskName = "grid-world", **changes: Any) -> Agent:
        """The published parameters of a task (Table B.1; clipping and initial q̄ from the scripts).

        Parameters
        ----------
        task : {"grid-world", "mountain-car", "planning"}
        **changes
            Fields to set otherwise.
        """
        _checks.choice("task", task, tuple(TABLE_B1))
        return cls(**{**TABLE_B1[task], **_known(changes)})

    @classmethod
    def scripts(cls, task: TaskName = "grid-world", **changes: Any) -> Agent:
        """The parameters of the authors' published scripts where they differ from Table B.1.

        Grid-world: γ = 0.9, λ = 0.1. Mountain car: α₁ = 0.2, σ₀ = 1, σ in [0.01, 10] and β rising as
        min(1.5^(k/1000), 10). Planning: σ₀ = σ_base = 100 (`tasks.planning(known_last_move=True)` goes with it).
        """
        _checks.choice("task", task, tuple(SCRIPTS))
        return cls(**{**TABLE_B1[task], **SCRIPTS[task], **_known(changes)})

    def schedule(self, name: str) -> float | Scheduled:
        """A field that may change by episode, with ``beta_0`` and ``beta_rate`` as the schedule that they are."""
        if not isinstance(name, str) or name not in FIELDS:
            raise _checks.unknown(name, FIELDS, "agent field")
        if name == "beta" and self.beta_0 is not None and isinstance(self.beta, float):
            return Exponential(self.beta_0, self.beta_rate, self.beta) if self.beta_rate else self.beta_0
        return getattr(self, name)  # type: ignore[no-any-return]

    def at(self, name: str, episode: int) -> float:
        """A field's value in an episode (counted from 0), to the last bits of the platform's exp."""
        value, episode = self.schedule(name), _checks.integer("episode", episode, low=0)
        return value.at(episode) if isinstance(value, Scheduled) else value

    def in_episode(self, episode: int) -> Agent:
        """The agent with the values that its schedules have in an episode, for good."""
        return self.replace(
            beta_0=None, beta_rate=0.0, **{name: self.at(name, episode) for name in schedules.SCHEDULED}
        )

    def averaging(self, samples: Any) -> Any:
        """√((1 + (n − 1)ρ)/n): what the noise of one sample is multiplied by in the mean of n (section 10)."""
        n = _checks.numeric("samples", samples)
        if not (n > 0).all():
            raise ValueError(f"samples must be greater than 0, got {_checks.shown(samples)}")
        return np.sqrt((1 + (n - 1) * self.sample_correlation) / n)

    @property
    def gradient_rule(self) -> Gradient:
        """What its gradient needs."""
        return GRADIENTS[self.gradient]

    @property
    def allocation_rule(self) -> Allocation:
        """What its allocation needs."""
        return ALLOCATIONS[self.allocation]

    @property
    def has_effort(self) -> bool:
        """Whether decisions take other than one sample each, or their number or price is learned."""
        return self.samples != 1 or self.learns_effort or self.learn_opportunity_cost

    @property
    def learns_effort(self) -> bool:
        """Whether the number of samples is learned."""
        return self.learn_samples != "no"

    @property
    def learns_offline(self) -> bool:
        """Whether it samples trajectories after an episode: for σ, for effort, or for its search budget."""
        return self.allocation_rule.update != "none" or self.learns_effort or self.learn_search_budget

    @property
    def depth_first(self) -> bool:
        """Whether its planner explores no path twice."""
        return PLANNERS[self.planner].depth_first


_BOUNDS: dict[str, dict[str, Any]] = {
    "learning_rate_q": {"low": 0, "high": 1, "low_open": True},
    "learning_rate_sigma": {"low": 0},
    "beta": {"low": SMALLEST_BETA, "high": LARGEST_Q},
    "lam": {"low": 0},
}
FIELDS = tuple(field.name for field in dataclasses.fields(Agent))
LATER: dict[str, Any] = {  # fields that came after the first format of files, and their defaults
    "samples": 1.0, "learn_samples": "no", "samples_max": 100.0, "sample_time": 0.1, "sample_correlation": 0.0,
    "opportunity_cost": 0.0, "learning_rate_samples": 0.1, "learn_opportunity_cost": False,
    "learning_rate_opportunity_cost": 0.01, "learn_search_budget": False, "learning_rate_search_budget": 0.1,
    "search_budget_max": 100.0,
}  # fmt: skip
_made = Agent.__init__


@functools.wraps(_made)
def _make(self: Agent, **fields: Any) -> None:
    _made(self, **_known(fields))


Agent.__init__ = _make  # type: ignore[method-assign]


def _known(changes: dict[str, Any]) -> dict[str, Any]:
    _checks.only(changes, FIELDS, "agent field")
    return changes
