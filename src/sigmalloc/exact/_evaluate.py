"""Exact value, cost and gradient of an allocation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt

from .._choices.policy import Policy
from .._floats import quietly
from .._frozen import Frozen
from .._mdp.problem import Point, Problem
from ..agents import Agent
from ..tasks.base import Task

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evaluation(Frozen):
    """What an agent with given q̄, σ and effort can expect.

    Attributes
    ----------
    reward : float
        Expected undiscounted return of an episode (planning: of the best path). NaN if γ < 1 and an episode may never
        end.
    value : float
        Expected discounted return, the first term of Eq. 1 (planning: of the best path, per unit of time with a reward
        rate, Eq. 8).
    cost : float
        λ D_KL over the memories, each counted once, in units of reward.
    objective : float
        value − time_cost − cost (Eq. 1).
    occupancy : array of float, shape (states,)
        Expected visits in an episode, d = (I − P_πᵀ)⁻¹ e₀ (planning: of one path); 0 in terminal states. NaN like
        ``reward``.
    state_values : array of float, shape (states,)
        V^π with discount γ (planning: of one path); 0 in terminal states. NaN where γ = 1 and an episode going through
        a state that the agent never enters may never end.
    probability : array of float, shape (states, actions)
        π(a|s), 0 where there is no action.
    time_cost : float
        Price of the samples' time, ω t_sample E[Σ n(s_t)], in units of reward (planning: over all paths). Time passes,
        whatever later rewards are worth: γ discounts ``value`` alone.
    time : float
        Duration of an episode: t_sample n(s) for every decision (a_dec n(s) with a reward rate), and the non-decision
        time of each (planning: one a trial). NaN like ``reward``.
    samples : array of float, shape (states,)
        n(s), samples of a decision; 1 in terminal states.
    """

    reward: float
    value: float
    cost: float
    objective: float
    occupancy: Floats
    state_values: Floats
    probability: Floats
    time_cost: float
    time: float
    samples: Floats

    @property
    def reward_rate(self) -> float:
        """Expected reward of an episode by its expected duration."""
        return self.reward / self.time

    def __repr__(self) -> str:
        names = ("reward", "value", "cost", "objective")
        return f"Evaluation({', '.join(f'{name}={getattr(self, name):.6g}' for name in names)})"


class JointGradient(NamedTuple):
    """Derivatives of the objective with respect to σ and effort.

    Attributes
    ----------
    sigma : array of float
        ∂F/∂σ in the shape of the given σ.
    samples : float or array of float, shape (states,)
        ∂F/∂n in the shape of the given effort: its one number, or that of each state.
    """

    sigma: Floats
    samples: float | Floats


@quietly
def evaluate(
    task: Task,
    agent: Agent,
    q: npt.ArrayLike,
    sigma: npt.ArrayLike,
    policy: Policy = "soft",
    episode: int = 0,
    samples: npt.ArrayLike | None = None,
) -> Evaluation:
    """Exact counterpart of `sigmalloc.evaluate`, by linear solves instead of simulation.

    Parameters
    ----------
    task : TabularMDP
    agent : Agent
        Fields that are schedules have their last value.
    q, sigma : array of float, shape (states, actions) or (memories,)
        q̄ and σ, in units of reward. Only memories count: what the task knows beforehand replaces them. In a table,
        states and actions that share a memory must agree.
    policy : {"soft", "hard"}
        Draw from the softmax with the agent's final β (A.1), or take the largest recall (Eq. 2).
    episode : int
        Which variant of a changing task: the one in force in this episode.
    samples : float or array of float, shape (states,), optional
        n, samples of a decision, at least 1, in all states or in each (section 10); default: the agent's ``samples``.
        They average the noise of known values, too.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If an argument is not valid; if the task is not finite (mountain car) or its paths too many; or, with γ = 1 or a
        price of time, if the policy may never end an episode.

    Notes
    -----
    The step limit is not modelled: episodes go on until they reach a terminal state. Where simulated episodes are cut
    off, they differ from this. Tasks of more than 300 states are solved with sparse matrices.
    """
    problem = Problem(task, agent, policy, episode)
    return evaluation(problem, problem.point(q, sigma, samples))


@overload
def gradient(
    task: Task,
    agent: Agent,
    q: npt.ArrayLike,
    sigma: npt.ArrayLike,
    policy: Policy = "soft",
    episode: int = 0,
    samples: None = None,
) -> Floats: ...
@overload
def gradient(
    task: Task,
    agent: Agent,
    q: npt.ArrayLike,
    sigma: npt.ArrayLike,
    policy: Policy = "soft",
    episode: int = 0,
    *,
    samples: npt.ArrayLike,
) -> JointGradient: ...
@quietly
def gradient(
    task: Task,
    agent: Agent,
    q: npt.ArrayLike,
    sigma: npt.ArrayLike,
    policy: Policy = "soft",
    episode: int = 0,
    samples: npt.ArrayLike | None = None,
) -> Floats | JointGradient:
    """Exact gradient of the objective with respect to σ, with q̄ fixed, and to effort where it is given.

    ∂F/∂σ(s,b) = d(s) Σ_a Q^π(s,a) ∂P_a/∂σ(s,b) − λ(σ/σ_base² − 1/σ), with d the visits discounted by γ; for the best
    of several paths, the derivative of its expectation takes the place of d Q^π. The first term is summed over the
    states and actions that share a memory.

    Parameters
    ----------
    task, agent, q, sigma, policy, episode, samples
        As for `evaluate`.

    Returns
    -------
    array of float, shape of ``sigma``
        ∂F/∂σ of the memories; in a table, each state and action shows that of its memory, and 0 where there is none.
    JointGradient
        If ``samples`` is given: ∂F/∂σ and ∂F/∂n (section 10).

    Raises
    ------
    ValueError
        As for `evaluate`.

    Notes
    -----
    With ``policy="soft"``, this is what the mean over trajectories of the sampled gradient tends to when Ψ is a return
    (Eqs. 3-5); see `expected_estimator` for the other Ψ. A σ update that uses it has no sampling noise, at the price of
    knowing the task's probabilities, which the agent itself does not.
    """
    problem = Problem(task, agent, policy, episode)
    point = problem.point(q, sigma, samples)
    slope = problem.slope(point)
    by_sigma = problem.shown(slope.by_sigma, like=sigma)
    if samples is None:
        return by_sigma
    by_samples = problem.whole(slope.by_log_samples / point.samples)
    return JointGradient(by_sigma, float(by_samples.sum()) if np.ndim(samples) == 0 else by_samples)


def evaluation(problem: Problem, point: Point) -> Evaluation:
    """The figures of a point, over all states."""
    figures = problem.evaluate(point)
    return Evaluation(
        reward=figures.reward,
        value=figures.value,
        cost=figures.cost,
        objective=figures.value - figures.time_cost - figures.cost,
        occupancy=problem.whole(figures.occupancy),
        state_values=problem.whole(figures.state_values),
        probability=problem.whole(figures.probability),
        time_cost=figures.time_cost,
        time=figures.time,
        samples=problem.whole(point.samples, 1.0),
    )
