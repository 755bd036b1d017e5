"""The best allocation of a task, by gradient ascent from several starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from .. import _checks
from .._choices.policy import Policy
from .._floats import quietly
from .._frozen import Frozen
from .._io.progress import check as check_progress
from .._io.progress import shown
from .._mdp.chain import ImproperPolicyError
from .._mdp.problem import Floats, Point, Problem
from ..agents import Agent
from ..agents.agent import LEARN_SAMPLES, LearnSamples
from ..tasks.base import Task
from ._evaluate import evaluation

Loss = Callable[[Floats], tuple[float, Floats]]

_EQUAL_LEVELS = 8
_SCAN = 121
_EFFORT_LEVELS = 7  # of the scan of one σ and effort


@dataclass(frozen=True, eq=False)
class Optimum(Frozen):
    """The best σ (and effort) that was found, and what it is worth.

    Attributes
    ----------
    sigma : array of float, shape (states, actions)
        σ_base where there is no memory, and what the task knows where a memory is known.
    memory_sigma : array of float, shape (memories,)
        σ_base for memories that this variant of the task does not use.
    q : array of float, shape (states, actions)
        q̄ that it was optimised for.
    samples : array of float, shape (states,)
        n(s), samples of a decision; 1 in terminal states.
    objective, value, reward, cost, time_cost, time : float
        As in `Evaluation`.
    evaluations : int
        Evaluations of the objective and its gradient.
    starts : array of float
        Objective reached from each start (with ``equal_precision``, from each local maximum of the scan): those that
        agree with ``objective`` say how easy it is to find.
    """

    sigma: Floats
    memory_sigma: Floats
    q: Floats
    samples: Floats
    objective: float
    value: float
    reward: float
    cost: float
    time_cost: float
    time: float
    evaluations: int
    starts: Floats

    def __repr__(self) -> str:
        names = ("objective", "value", "reward", "cost")
        figures = ", ".join(f"{name}={getattr(self, name):.6g}" for name in names)
        return f"Optimum({figures}, evaluations={self.evaluations}, {len(self.starts)} starts)"


@quietly
def optimum(
    task: Task,
    agent: Agent,
    q: npt.ArrayLike | None = None,
    policy: Policy = "hard",
    equal_precision: bool = False,
    starts: int | None = None,
    seed: int = 0,
    episode: int = 0,
    samples: npt.ArrayLike | None = None,
    learn_samples: LearnSamples | None = None,
    progress: Callable[[int, int], object] | bool | None = None,
) -> Optimum:
    """The σ that maximises the objective (Eq. 1), with q̄ fixed and σ in the agent's [sigma_min, sigma_max].

    L-BFGS-B on ln σ (and ln n) with the exact gradient. The objective is not concave, so it starts several times: from
    equal precisions, then from precisions drawn log-uniformly between σ_base/100 and σ_base.

    Parameters
    ----------
    task : TabularMDP
    agent : Agent
        Fields that are schedules have their last value.
    q : array of float, shape (states, actions) or (memories,), optional
        q̄; default q* with the agent's γ, its mean over the states and actions that share a memory, and 0 in states
        that cannot be reached and never end.
    policy : {"hard", "soft"}
    equal_precision : bool
        All memories share one σ: scanned between its bounds, then refined.
    starts : int, optional
        How many starts, at least 1; default 32, or 16 with more than 100 memories.
    seed : int
        Of the drawn starts.
    episode : int
        Which variant of a changing task: the one in force in this episode.
    samples : float or array of float, shape (states,), optional
        Effort, where it is not learned; default: the agent's ``samples``.
    learn_samples : {"no", "shared", "state"}, optional
        Whether effort is optimised with σ, in [1, samples_max]: one number for all states, or one for each (section
        10); default: the agent's ``learn_samples``.
    progress : bool or callable(done, total), optional
        True: a bar on standard error; a function is called with the starts done and all of them.

    Returns
    -------
    Optimum

    Raises
    ------
    ValueError
        If an argument is not valid, or the policy may never end an episode whatever σ it starts with (γ = 1).
    """
    problem = Problem(task, agent, policy, episode)
    equal_precision = _checks.flag("equal_precision", equal_precision)
    learn = _checks.choice(
        "learn_samples", agent.learn_samples if learn_samples is None else learn_samples, LEARN_SAMPLES
    )
    if starts is None:
        starts = 32 if problem.allocated.sum() <= 100 else 16
    starts = _checks.integer("starts", starts, low=1)
    seed = _checks.seed("seed", seed)
    check_progress(progress)
    if learn == "state" and problem.program is not None and agent.depth_first:
        raise ValueError("learn_samples='state' needs planner='rollouts', or one path")
    held = start_q(problem, q)
    search = Search(problem, held, problem.effort(samples), equal_precision, learn)
    points = list(search.scan() if equal_precision else search.points(starts, np.random.default_rng(seed)))
    results = []
    with shown(progress, len(points), unit="start") as meter:
        for point in points:
            if (result := search.climb(point)) is not None:
                results.append(result)
            meter.add(1)
    if not results:
        assert search.failure is not None
        raise search.failure
    best = search.place(max(results, key=lambda result: result[0])[1])
    found = evaluation(problem, best)
    return Optimum(
        shown_sigma(problem, best.sigma), best.sigma, shown_q(problem, held), found.samples, found.objective,
        found.value, found.reward, found.cost, found.time_cost, found.time, search.evaluations,
        np.array([result[0] for result in results]),
    )  # fmt: skip


def start_q(problem: Problem, q: npt.ArrayLike | None) -> Floats:
    """The given q̄, or q*, of the memories."""
    if q is not None:
        return problem.vector("q", q)
    table = problem.task.optimal_q(problem.agent.gamma)[problem.model.acting]
    table = np.where(np.isneginf(table) & ~problem.model.reached()[:, None], 0.0, table)
    uses = np.maximum(1, problem.map.uses)
    vector = problem.scatter_add(table) / uses
    lost = problem.allocated & ~np.isfinite(vector)
    if lost.any():
        raise ValueError(
            f"q must be given: q* of memory {np.flatnonzero(lost)[0]} of {problem.task.name!r} is -inf with gamma=1"
        )
    return problem.vector("q", vector)


def shown_q(problem: Problem, q: Floats) -> Floats:
    """q̄ as a table: 0 where there is no action, and what is known where it is."""
    return problem.whole(np.where(problem.model.exists, problem.gather(q, problem.known_q), 0.0))


def shown_sigma(problem: Problem, sigma: Floats) -> Floats:
    """σ as a table: σ_base, which is free, where there is no memory, and what is known where it is."""
    table = problem.map.gather(sigma, problem.agent.sigma_base)
    known = problem.map.known_sigma
    return table if known is None else np.where(problem.map.known, known, table)


class Search:
    """The objective as a function of ln σ, of every memory or of all together, and of ln n."""

    def __init__(self, problem: Problem, q: Floats, samples: Floats, equal: bool, learn: str) -> None:
        self.problem, self.q, self.samples, self.equal, self.learn = problem, q, samples, equal, learn
        agent = problem.agent
        self.bounds = np.log([agent.sigma_min, agent.sigma_max])
        self.memories = int(problem.allocated.sum())
        self.n_sigma = min(1, self.memories) if equal else self.memories
        self.n_effort = {"no": 0, "shared": 1, "state": len(samples)}[learn]
        self.longest = np.log(agent.samples_max) if learn != "no" else 0.0
        self.evaluations = 0
        self.failure: ImproperPolicyError | None = None

    def place(self, coordinates: Floats) -> Point:
        """The point of the problem with these logarithms."""
        agent = self.problem.agent
        sigma = np.full(len(self.q), agent.sigma_base)
        sigma[self.problem.allocated] = np.clip(np.exp(coordinates[: self.n_sigma]), agent.sigma_min, agent.sigma_max)
        samples = self.samples
        if self.n_effort:
            effort = np.clip(np.exp(coordinates[self.n_sigma :]), 1.0, agent.samples_max)
            samples = np.broadcast_to(effort, samples.shape).copy()
        return Point(self.q, sigma, samples)

    def loss(self, coordinates: Floats) -> tuple[float, Floats]:
        """−F and its gradient."""
        self.evaluations += 1
        point = self.place(coordinates)
        slope = self.problem.slope(point)
        by_sigma = self.collected(slope.by_sigma * point.sigma)
        by_effort = slope.by_log_samples.sum(keepdims=True) if self.learn == "shared" else slope.by_log_samples
        return -slope.objective, -np.concatenate((by_sigma, by_effort[: self.n_effort]))

    def collected(self, by_log_sigma: Floats) -> Floats:
        """A derivative by ln σ of the memories, by the coordinates."""
        held = by_log_sigma[self.problem.allocated]
        return held.sum(keepdims=True) if self.equal and self.n_sigma else held

    def points(self, starts: int, generator: np.random.Generator) -> Iterator[Floats]:
        base, (low, high) = np.log(self.problem.agent.sigma_base), self.bounds
        top = np.clip(base, low, high)
        bottom = np.clip(base - np.log(100), low, high)
        if bottom == top:
            bottom, top = low, high
        levels = min(starts, _EQUAL_LEVELS)
        for number, level in enumerate(np.linspace(top, bottom, levels)):
            effort = self.longest * (number % 3) / 2  # no effort, some, all
            yield np.concatenate((np.full(self.n_sigma, level), np.full(self.n_effort, effort)))
        for _ in range(starts - _EQUAL_LEVELS):
            sigma = generator.uniform(bottom, top, self.n_sigma)
            yield np.concatenate((sigma, generator.uniform(0.0, self.longest, self.n_effort)))

    def scan(self) -> list[Floats]:
        """Local maxima of the objective over a grid of equal σ, best first."""
        grid = np.unique(np.linspace(self.bounds[0], self.bounds[1], _SCAN))
        found: list[tuple[float, Floats]] = []
        for effort in np.linspace(0.0, self.longest, _EFFORT_LEVELS if self.n_effort else 1):
            places = [np.append(np.full(self.n_sigma, level), np.full(self.n_effort, effort)) for level in grid]
            losses = np.full(len(grid) + 2, np.inf)
            for i, place in enumerate(places):
                try:
                    losses[i + 1] = self.loss(place)[0]
                except ImproperPolicyError as error:
                    self.failure = error
            inner = losses[1:-1]
            best = np.flatnonzero((inner <= losses[:-2]) & (inner <= losses[2:]) & np.isfinite(inner))
            found += [(inner[i], places[i]) for i in best]
        return [place for _, place in sorted(found, key=lambda pair: pair[0])[:4]]

    def climb(self, start: Floats) -> tuple[float, Floats] | None:
        """(F, ln σ and ln n) of the local maximum reached from a point; None if an episode may never end there."""
        try:
            first = self.loss(start)[0]
        except ImproperPolicyError as error:
            self.failure = error
            return None
        worst = abs(first) * 10 + 1e6

        def loss(coordinates: Floats) -> tuple[float, Floats]:
            try:
                return self.loss(coordinates)
            except ImproperPolicyError:  # the line search turns back
                return worst, np.zeros(len(start))

        value, end = self.descend(loss, start)
        return -value, end

    def descend(self, loss: Loss, start: Floats) -> tuple[float, Floats]:
        """A local minimum of a loss within the bounds, from a point on."""
        if not len(start):
            return loss(start)[0], start
        bounds = [tuple(self.bounds)] * self.n_sigma + [(0.0, self.longest)] * self.n_effort
        result = minimize(
            loss, start, jac=True, method="L-BFGS-B", bounds=bounds,
            options={"maxiter": 2000, "maxfun": 10_000, "ftol": 1e-14, "gtol": 1e-8},
        )  # fmt: skip
        return float(result.fun), result.x
