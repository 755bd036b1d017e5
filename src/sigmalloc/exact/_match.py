"""The best allocation of a given cost, so that agents can be compared at the same one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from .. import _checks
from .._choices.policy import Policy
from .._floats import quietly
from .._frozen import Frozen
from .._io.progress import check as check_progress
from .._io.progress import shown
from .._mdp.chain import ImproperPolicyError
from .._mdp.problem import LAST_EPISODE, Floats, Problem
from ..agents import Agent
from ..tasks.base import Task
from ._evaluate import evaluation
from ._optimum import Search, shown_q, shown_sigma, start_q

_ROUNDS = 40
_CLOSE = 1e-9  # of the cost


@dataclass(frozen=True, eq=False)
class CostMatch(Frozen):
    """The best σ of a given cost, and what it is worth.

    Attributes
    ----------
    cost, objective, value, reward, time_cost, time : float
        As in `Evaluation`, at the price of the agent that was given.
    nats : float
        D_KL, cost / λ.
    lam : float
        Shadow price: what a further nat would add to value − time_cost. At this λ the σ is stationary, and the optimum
        unless that jumps over this cost.
    agent : Agent
        The agent with this λ (0 if more precision would only harm).
    sigma : array of float, shape (states, actions)
    memory_sigma : array of float, shape (memories,)
    q : array of float, shape (states, actions)
    samples : array of float, shape (states,)
        As in `Optimum`.
    starts : array of float
        Objective reached from each start, and from optima at the price that was first found.
    """

    cost: float
    objective: float
    value: float
    reward: float
    time_cost: float
    time: float
    nats: float
    lam: float
    agent: Agent
    sigma: Floats
    memory_sigma: Floats
    q: Floats
    samples: Floats
    starts: Floats

    def __repr__(self) -> str:
        names = ("objective", "value", "reward", "cost", "nats", "lam")
        return f"CostMatch({', '.join(f'{name}={getattr(self, name):.6g}' for name in names)})"


@quietly
def match_cost(
    task: Task,
    agent: Agent,
    cost: float,
    q: npt.ArrayLike | None = None,
    policy: Policy = "hard",
    equal_precision: bool = False,
    *,
    starts: int = 8,
    seed: int = 0,
    episode: int = 0,
    progress: Callable[[int, int], object] | bool | None = None,
) -> CostMatch:
    """The best σ that costs exactly so much, so that flexible and equal precision compare at the same cost.

    The cost is λ D_KL, in units of reward, at the agent's own price λ, as `Evaluation` and `Optimum` report it: that of
    ``match_cost(task, agent, optimum(task, agent).cost, equal_precision=True)`` is as many nats as the flexible optimum
    has. Among all σ of this cost, that with the largest value − time_cost is looked for, by an augmented Lagrangian
    whose multiplier is the λ' for which it is an optimum. (Prices alone would not do: the optimum as a function of λ
    often jumps over a range of costs, from hardly any precision to a lot.)

    Parameters
    ----------
    task : TabularMDP
    agent : Agent
        Its λ, above 0, is the price that ``cost`` is counted at.
    cost : float
        In units of reward, above 0.
    q, policy, equal_precision, seed, episode
        As for `optimum`. Effort is optimised, too, if the agent's ``learn_samples`` says so.
    starts : int
        How many starts, at least 1: from equal precisions, then drawn log-uniformly.
    progress : bool or callable(done, total), optional
        True: a bar on standard error; a function is called with the climbs done and all of them.

    Returns
    -------
    CostMatch

    Raises
    ------
    ValueError
        If an argument is not valid, or no σ in [sigma_min, sigma_max] costs so much; or as for `optimum`.
    """
    problem = Problem(task, agent, policy, episode)
    price = agent.at("lam", LAST_EPISODE)
    cost = _checks.real("cost", cost, low=0, low_open=True)
    equal_precision = _checks.flag("equal_precision", equal_precision)
    starts = _checks.integer("starts", starts, low=1)
    seed = _checks.seed("seed", seed)
    check_progress(progress)
    if not price > 0:
        raise ValueError("agent: lam must be above 0, the price that cost is counted at")
    free = Problem(task, agent.replace(lam=0.0), policy, episode)
    search = Search(free, start_q(free, q), free.effort(None), equal_precision, agent.learn_samples)
    frontier = _Frontier(problem, search, cost)
    generator = np.random.default_rng(seed)
    results = []
    with shown(progress, 1 if equal_precision else 2 * starts, unit="climb") as meter:
        for place in frontier.starts(1 if equal_precision else starts, generator):
            if (result := frontier.climb(place)) is not None:
                results.append(result)
            meter.add(1)
        if results and not equal_precision:  # optima at the price that was found lie near the frontier's best points
            worth = price / cost * max(max(results, key=lambda result: result[0])[2], 0.0)
            priced = Problem(task, agent.replace(lam=worth), policy, episode)
            nearby = Search(priced, search.q, search.samples, False, agent.learn_samples)
            for place in nearby.points(starts, generator):
                if (top := nearby.climb(place)) and (result := frontier.climb(frontier.moved(top[1]))):
                    results.append(result)
                meter.add(1)
    if not results:
        if search.failure is not None:
            raise search.failure
        raise ValueError(f"cost: no σ that costs {cost:.6g} was found from {starts} starts; give more of them")
    _, best, multiplier = max(results, key=lambda result: result[0])
    point = search.place(best)
    found = evaluation(problem, point)
    lam = multiplier * price / cost
    return CostMatch(
        cost=found.cost,
        objective=found.objective,
        value=found.value,
        reward=found.reward,
        time_cost=found.time_cost,
        time=found.time,
        nats=found.cost / price,
        lam=lam,
        agent=agent.replace(lam=max(lam, 0.0)),
        sigma=shown_sigma(problem, point.sigma),
        memory_sigma=point.sigma,
        q=shown_q(problem, point.q),
        samples=found.samples,
        starts=np.array([result[0] - cost for result in results]),
    )


class _Frontier:
    """Value among the points of one cost, as a function of ln σ and ln n."""

    def __init__(self, problem: Problem, search: Search, cost: float) -> None:
        self.problem, self.search, self.cost = problem, search, cost
        low, high = search.bounds
        base = float(np.clip(np.log(problem.agent.sigma_base), low, high))
        for level, wrong, bound in ((low, -1, "at most"), (base, 1, "at least")):
            reached = self.excess(np.full(search.n_sigma + search.n_effort, level))[0]
            if np.sign(reached) == wrong:
                raise ValueError(
                    f"cost must be {bound} {cost * (1 + reached):.6g}, what σ = {np.exp(level):g} in all memories of "
                    f"{problem.task.name!r} costs, got {cost:.6g}"
                )

    def excess(self, coordinates: Floats) -> tuple[float, Floats]:
        """What a point costs beyond the given cost, relative to it, and its derivative."""
        sigma = self.search.place(coordinates).sigma
        cost, by_sigma = self.problem.divergence(sigma)
        return cost / self.cost - 1, self.search.collected(by_sigma * sigma) / self.cost

    def starts(self, n: int, generator: np.random.Generator) -> Iterator[Floats]:
        """Points of the given cost: one σ for all memories, and drawn ones."""
        search, (low, high) = self.search, self.search.bounds
        for number in range(n):
            sigma = np.full(search.n_sigma, high) if number == 0 else generator.uniform(low, high, search.n_sigma)
            effort = np.full(search.n_effort, search.longest * (number % 3) / 2)
            yield self.moved(np.concatenate((sigma, effort)))

    def moved(self, point: Floats) -> Floats:
        """The point with all σ smaller or larger by a factor, so that it has the cost."""
        low, high = self.search.bounds
        base = float(np.clip(np.log(self.problem.agent.sigma_base), low, high))
        n = self.search.n_sigma

        def at(shift: float) -> Floats:
            return np.concatenate((np.clip(point[:n] + shift, low, base), point[n:]))

        span = high - low
        shift: Any = brentq(lambda shift: self.excess(at(shift))[0], -span, span, xtol=1e-10)
        return at(shift)

    def climb(self, point: Floats) -> tuple[float, Floats, float] | None:
        """(value − time_cost, ln σ and ln n, multiplier) of the local maximum on the frontier reached from a point."""
        search = self.search
        try:
            first = search.loss(point)[0]
        except ImproperPolicyError as error:
            search.failure = error
            return None
        worst = abs(first) * 10 + 1e6
        multiplier, penalty, before = self.cost, 10 * max(self.cost, abs(first)), np.inf

        def loss(coordinates: Floats) -> tuple[float, Floats]:
            try:
                worth, slope = search.loss(coordinates)
            except ImproperPolicyError:  # the line search turns back
                return worst, np.zeros(len(coordinates))
            excess, by_excess = self.excess(coordinates)
            slope[: search.n_sigma] += (multiplier + penalty * excess) * by_excess
            return worth + multiplier * excess + 0.5 * penalty * excess**2, slope

        for _ in range(_ROUNDS):
            point = search.descend(loss, point)[1]
            excess = self.excess(point)[0]
            multiplier += penalty * excess
            if abs(excess) <= _CLOSE:
                return -search.loss(point)[0], point, multiplier
            if abs(excess) > 0.25 * before:
                penalty *= 4
            before = abs(excess)
        return None
