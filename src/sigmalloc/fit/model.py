"""What is fitted: an agent, how it responds, where its offline trajectories come from, and its vector of parameters."""

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._choices.policy import POLICIES, Policy
from ..agents import ALLOCATIONS, GRADIENTS, Agent, schedules

GradientSource: TypeAlias = Literal["replay", "experience", "task"]
FloatArray: TypeAlias = npt.NDArray[np.float64]

GRADIENT_SOURCES: tuple[str, ...] = ("replay", "experience", "task")
KINDS: tuple[str, ...] = (*ALLOCATIONS, "softmax")

_HUGE = 1e100
# name: (lowest, highest, whether the lowest is left out)
RANGES: dict[str, tuple[float, float, bool]] = {
    "learning_rate_q": (0.0, 1.0, False),
    "learning_rate_sigma": (0.0, _HUGE, False),
    "beta": (0.0, _HUGE, True),
    "beta_rate": (-_HUGE, _HUGE, False),
    "gamma": (0.0, 1.0, False),
    "lam": (0.0, _HUGE, False),
    "sigma_base": (0.0, _HUGE, True),
    "sigma_0": (0.0, _HUGE, True),
    "sigma_min": (0.0, _HUGE, True),
    "sigma_max": (0.0, _HUGE, True),
    "q_init": (-_HUGE, _HUGE, False),
    "lapse": (0.0, 1.0, False),
    "stickiness": (-_HUGE, _HUGE, False),
}
PARAMETERS: tuple[str, ...] = tuple(RANGES)
_OF_RESPONSE = ("lapse", "stickiness")
_SIGMA_0, _SIGMA_MIN, _SIGMA_MAX = (PARAMETERS.index(name) for name in ("sigma_0", "sigma_min", "sigma_max"))
SMALLEST_SCALE = 1e-100  # of β and of every σ: their squares must be numbers


@dataclass(frozen=True, kw_only=True)
class SoftmaxLearner:
    """A control: Q-learning with softmax choices and no noise of memory, which users could mistake for allocation.

    p = softmax(β_k q̄) with β_k = β exp(beta_rate · k) in the k-th episode of a block, counted from 0; the exponent is
    kept within ±50. With ``beta_rate`` 0 it is the ordinary softmax learner.

    Parameters
    ----------
    learning_rate_q : float
        α₁, in [0, 1].
    beta : float
        β of a block's first episode, in 1/reward, above 0.
    beta_rate : float
        Growth rate of β per episode, of either sign.
    gamma : float
        γ, discount factor, in [0, 1].
    q_init : float
        Initial q̄.
    """

    learning_rate_q: float = 0.1
    beta: float = 1.0
    beta_rate: float = 0.0
    gamma: float = 1.0
    q_init: float = 0.0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            low, high, open_ = RANGES[field.name]
            value = _checks.real(field.name, getattr(self, field.name), low=low, high=high, low_open=open_)
            object.__setattr__(self, field.name, value)

    def replace(self, **changes: float) -> "SoftmaxLearner":
        """A copy with the given fields changed, checked again."""
        names = tuple(field.name for field in dataclasses.fields(self))
        _checks.only(changes, names, "softmax learner field")
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True)
class Setting:
    """What is the same for all parameter sets of a call, as the engine and its twin read it."""

    allocation: str
    policy: str
    gradient_source: str
    gradient: str
    window: int
    shape: tuple[float, ...] | None
    names: tuple[str, ...] = PARAMETERS


@dataclass(frozen=True, kw_only=True)
class Model:
    """An agent as a model of choices.

    Parameters
    ----------
    agent : Agent or SoftmaxLearner
        The σ update is deterministic: Eq. 7 with the *expected* gradient (section 11). Effort is refused: where it is
        learned there is no likelihood, and n samples of a fixed number with correlation ρ are exactly one sample of an
        agent whose σ's (σ₀, σ_base, the limits) are √c times and whose α₂ is c = (1 + (n − 1) ρ)/n times as large.
    policy : {"soft", "hard"}
        Softmax of the recalled values, or the largest of them. It rules choices and gradient alike.
    gradient_source : {"replay", "experience", "task"}
        Where the agent's offline trajectories come from: the situations of the last episodes with actions drawn anew,
        the person's own choices, or the task's occupancy under the agent's own policy.
    window : int, optional
        Episodes that are replayed. Default: the agent's ``n_trajectories``.
    lapse : float
        ε, probability of a choice at random, in [0, 1].
    stickiness : float
        κ, added to the value of the memory chosen last; in the probability of the choice only, in units of reward.
    shape : sequence of float, optional
        Importance of each memory, in place of what the frequency- or stakes-based agent would measure; at least 0, one
        for each of the subject's memories.

    Attributes
    ----------
    kind : str
        ``"dra"``, ``"equal"``, ``"frequency"``, ``"stakes"``, ``"fixed"`` or ``"softmax"``.
    parameters : tuple of str
        Names of what can matter to this model, in the order of the vector.
    """

    agent: Agent | SoftmaxLearner
    policy: Policy = "soft"
    gradient_source: GradientSource = "replay"
    window: int | None = None
    lapse: float = 0.01
    stickiness: float = 0.0
    shape: Sequence[float] | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__.__get__(self)
        if not isinstance(self.agent, (Agent, SoftmaxLearner)):
            raise ValueError(f"agent must be an Agent or a SoftmaxLearner, got {_checks.shown(self.agent)}")
        _checks.choice("policy", self.policy, POLICIES)
        _checks.choice("gradient_source", self.gradient_source, GRADIENT_SOURCES)
        for name in _OF_RESPONSE:
            low, high, open_ = RANGES[name]
            put(name, _checks.real(name, getattr(self, name), low=low, high=high, low_open=open_))
        if self.window is not None:
            put("window", _checks.integer("window", self.window, low=1, high=10**6))
        if self.shape is not None:
            shape = _checks.numeric("shape", self.shape).astype(np.float64)
            if shape.ndim != 1 or not len(shape) or not np.isfinite(shape).all() or shape.min() < 0:
                raise ValueError(
                    f"shape must be finite numbers of at least 0, one a memory, got {_checks.shown(self.shape)}"
                )
            put("shape", tuple(shape.tolist()))
            if self.kind == "softmax" or ALLOCATIONS[self.kind].importance == "flat":
                raise ValueError(f"shape is for allocation='frequency' or 'stakes', got {self.kind!r}")
        if isinstance(self.agent, Agent):
            self._check_agent(self.agent)

    def _check_agent(self, agent: Agent) -> None:
        fitted = tuple(name for name, rule in GRADIENTS.items() if rule.credit != "best_return")
        _checks.choice("gradient", agent.gradient, fitted)
        if GRADIENTS[agent.gradient].waits and self.gradient_source != "experience":
            raise ValueError(
                f"gradient={agent.gradient!r} needs gradient_source='experience': rewards of actions drawn anew are "
                "not in the data"
            )
        for name, off in (("search_budget", None), ("reward_rate", False), ("planner", "rollouts"), ("beta_0", None)):
            if getattr(agent, name) != off:
                raise ValueError(f"{name}={getattr(agent, name)!r} cannot be fitted to choices; leave it at {off!r}")
        for name, one in (
            ("samples", 1.0), ("learn_samples", "no"), ("learn_opportunity_cost", False),
            ("learn_search_budget", False),
        ):  # fmt: skip
            if getattr(agent, name) != one:
                hint = ": n samples of σ choose as one of σ/√n does" if name == "samples" else ""
                raise ValueError(
                    f"{name}={getattr(agent, name)!r} cannot be fitted to choices; leave it at {one!r}{hint}"
                )
        for name in schedules.SCHEDULED:
            if isinstance(getattr(agent, name), schedules.Scheduled):
                raise ValueError(
                    f"{name} must be a number where choices are fitted, got {_checks.shown(getattr(agent, name))}"
                )
        if isinstance(agent.q_init, tuple):
            raise ValueError(f"q_init must be a number where choices are fitted, got {agent.q_init!r}")

    @property
    def kind(self) -> str:
        """The allocation, or "softmax"."""
        return self.agent.allocation if isinstance(self.agent, Agent) else "softmax"

    @functools.cached_property
    def setting(self) -> Setting:
        """What the engine reads."""
        agent = self.agent
        gradient = agent.gradient if isinstance(agent, Agent) else "advantage"
        window = self.window
        if window is None:
            window = agent.n_trajectories if isinstance(agent, Agent) else 1
        shape = None if self.shape is None else tuple(self.shape)
        return Setting(self.kind, self.policy, self.gradient_source, gradient, window, shape)

    @functools.cached_property
    def parameters(self) -> tuple[str, ...]:
        """Names of what can matter to this model."""
        without: set[str] = set()
        if self.kind == "softmax":
            without = {"learning_rate_sigma", "lam", "sigma_base", "sigma_0", "sigma_min", "sigma_max"}
        else:
            without.add("beta_rate")
            if ALLOCATIONS[self.kind].update == "none":
                without |= {"learning_rate_sigma", "lam", "sigma_base", "sigma_min", "sigma_max"}
            if self.policy == "hard":
                without.add("beta")
        return tuple(name for name in PARAMETERS if name not in without)

    def vector(self) -> FloatArray:
        """All parameters in the order of `PARAMETERS`, in their own units; shape (13,)."""
        return self._vector.copy()

    @functools.cached_property
    def _vector(self) -> FloatArray:
        values = dict.fromkeys(PARAMETERS, 0.0) | dict.fromkeys(("sigma_base", "sigma_0", "sigma_min"), 1.0)
        values["sigma_max"] = 1.0
        for name in PARAMETERS:
            source: Any = self if name in _OF_RESPONSE else self.agent
            if hasattr(source, name):
                values[name] = float(getattr(source, name))
        if isinstance(self.agent, Agent):
            values["beta_rate"] = 0.0
            if not self.agent.learn_q:
                values["learning_rate_q"] = 0.0
        return np.array([values[name] for name in PARAMETERS])

    def vectors(self, free: Sequence[str], values: npt.ArrayLike) -> FloatArray:
        """Parameter sets that differ from the model's in some parameters, checked.

        Parameters
        ----------
        free : sequence of str, length f
            Names out of `parameters`.
        values : array of float, shape (sets, f)
            In the parameters' own units.

        Returns
        -------
        array of float, shape (sets, 13)

        Raises
        ------
        ValueError
            Naming the parameter, the set and the value.
        """
        names = tuple(_checks.sequence("free", free))
        for name in names:
            if name not in self.parameters:
                raise ValueError(
                    f"free: {name!r} is no parameter of this {self.kind} model; there are {', '.join(self.parameters)}"
                )
        if len(set(names)) < len(names):
            raise ValueError(f"free must not repeat a name, got {names}")
        given = _checks.numeric("values", values).astype(np.float64)
        if given.ndim != 2 or given.shape[1] != len(names) or not len(given):
            raise ValueError(f"values must have shape (sets, {len(names)}), got {given.shape}")
        out = np.tile(self._vector, (len(given), 1))
        if names:
            out[:, [PARAMETERS.index(name) for name in names]] = given
        self._check_vectors(out)
        return out

    @functools.cached_property
    def _ranges(self) -> FloatArray:
        """Lowest and highest value of each parameter; of those that do not matter, none."""
        ranges = np.full((2, len(PARAMETERS)), ((-np.inf,), (np.inf,)))
        for column, (name, (low, high, open_)) in enumerate(RANGES.items()):
            if name in self.parameters:
                ranges[:, column] = SMALLEST_SCALE if open_ else low, high
        return ranges

    def _check_vectors(self, vectors: FloatArray) -> None:
        low, high = self._ranges
        inside = (vectors >= low) & (vectors <= high)
        if not inside.all():
            i, column = np.argwhere(~inside)[0]
            name, x = PARAMETERS[column], float(vectors[i, column])
            raise ValueError(
                f"{name} must be in [{low[column]:g}, {high[column]:g}], got {_checks.shown(x)} in set {i}"
            )
        if self.kind == "softmax":
            return
        least, start, most = vectors[:, _SIGMA_MIN], vectors[:, _SIGMA_0], vectors[:, _SIGMA_MAX]
        within = (least <= start) & (start <= most)
        if not within.all():
            i = int(np.flatnonzero(~within)[0])
            raise ValueError(
                f"sigma_0 must be in [sigma_min, sigma_max] = [{least[i]}, {most[i]}], got {start[i]} in set {i}"
            )

    def replace(self, **changes: Any) -> "Model":
        """A copy with fields of the model or of its agent changed, checked again."""
        own = {field.name for field in dataclasses.fields(self)}
        of_agent = {name: value for name, value in changes.items() if name not in own}
        mine = {name: value for name, value in changes.items() if name in own}
        agent = mine.pop("agent", self.agent)
        return dataclasses.replace(self, agent=agent.replace(**of_agent) if of_agent else agent, **mine)


def as_model(agent: "Agent | SoftmaxLearner | Model", **settings: Any) -> Model:
    """A model as it is, or an agent with what is not None of the settings."""
    given = {name: value for name, value in settings.items() if value is not None}
    if isinstance(agent, Model):
        return agent.replace(**given) if given else agent
    return Model(agent=agent, **given)
