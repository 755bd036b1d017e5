"""The black box that the paper compares with: CMA-ES on ln σ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._choices.policy import Policy
from .._floats import quietly
from .._frozen import Frozen
from .._io.progress import check as check_progress
from .._io.progress import shown
from .._mdp.chain import ImproperPolicyError
from .._mdp.problem import Floats, Point, Problem
from .._threads import aside
from ..agents import Agent
from ..runs.arguments import workers_or_none
from ..runs.evaluate import evaluate as simulated
from ..tasks.base import Task
from ._evaluate import evaluation
from ._optimum import shown_q, shown_sigma, start_q

Objective = Literal["exact", "simulated"]
OBJECTIVES = ("exact", "simulated")


@dataclass(frozen=True, eq=False)
class BlackBox(Frozen):
    """What CMA-ES found.

    Attributes
    ----------
    sigma : array of float, shape (states, actions)
        Best point evaluated (exact) or the mean of the last search distribution (simulated).
    memory_sigma : array of float, shape (memories,)
    q : array of float, shape (states, actions)
    objective, value, reward, cost : float
        Of ``sigma``: exact, or simulated afresh with ten times the episodes.
    evaluations : int
        Values of σ tried.
    history_evaluations : array of int, shape (generations,)
    history_objective : array of float, shape (generations,)
        Best objective of each generation, as the optimiser saw it.
    seed : int
    """

    sigma: Floats
    memory_sigma: Floats
    q: Floats
    objective: float
    value: float
    reward: float
    cost: float
    evaluations: int
    history_evaluations: npt.NDArray[np.int64]
    history_objective: Floats
    seed: int

    def __repr__(self) -> str:
        names = ("objective", "value", "reward", "cost")
        figures = ", ".join(f"{name}={getattr(self, name):.6g}" for name in names)
        return f"BlackBox({figures}, evaluations={self.evaluations}, seed={self.seed})"


@quietly
def cma_es(
    task: Task,
    agent: Agent,
    q: npt.ArrayLike | None = None,
    objective: Objective = "exact",
    *,
    seed: int,
    evaluations: int = 5000,
    policy: Policy = "hard",
    episodes: int = 100,
    step: float = 0.5,
    workers: int | None = None,
    episode: int = 0,
    progress: Callable[[int, int], object] | bool | None = None,
) -> BlackBox:
    """Maximise the objective by CMA-ES on ln σ, with q̄ fixed (Fig. 3c).

    Parameters
    ----------
    task : TabularMDP
    agent : Agent
        Gives the first σ (σ₀) and the bounds of the search.
    q : array of float, shape (states, actions) or (memories,), optional
        q̄; default q*, as for `optimum`.
    objective : {"exact", "simulated"}
        `evaluate` of this module, or `sigmalloc.evaluate`, which is noisy.
    seed : int
        Of the search and of the simulations.
    evaluations : int
        Values of σ that may be tried. Whole generations are run, at least one; the search also stops where it has
        converged.
    policy : {"hard", "soft"}
    episodes : int
        Simulated episodes for each σ.
    step : float
        First step of the search, in ln σ.
    workers : int, optional
        Threads of the simulations; None: one per processor.
    episode : int
        Which variant of a changing task: the one in force in this episode.
    progress : bool or callable(done, total), optional
        True: a bar on standard error; a function is called with the values of σ done and all of them.

    Returns
    -------
    BlackBox

    Raises
    ------
    ImportError
        If the ``cma`` package is not installed.
    ValueError
        If an argument is not valid.
    """
    try:
        import cma
    except ImportError as error:
        raise ImportError("cma_es needs the cma package: pip install 'sigmalloc[cma]'") from error
    _checks.choice("objective", objective, OBJECTIVES)
    seed = _checks.seed("seed", seed)
    evaluations = _checks.integer("evaluations", evaluations, low=1)
    episodes = _checks.integer("episodes", episodes, low=1)
    step = _checks.real("step", step, low=0, low_open=True)
    workers_or_none(workers)
    check_progress(progress)
    problem = Problem(task, agent, policy, episode)
    held, allocated, samples = start_q(problem, q), problem.allocated, problem.effort(None)
    low, high = np.log(agent.sigma_min), np.log(agent.sigma_max)
    if not low < high:
        raise ValueError(f"sigma_min must be less than sigma_max to search between them, got {agent.sigma_min!r} twice")
    if allocated.sum() < 2:
        raise ValueError("task: CMA-ES needs at least 2 memories")
    generator = np.random.default_rng(seed)

    def memories(coordinates: Floats) -> Floats:
        sigma = np.full(len(allocated), agent.sigma_base)
        sigma[allocated] = np.clip(np.exp(coordinates), agent.sigma_min, agent.sigma_max)
        return sigma

    def exactly(points: list[Floats]) -> list[float]:
        return [_exact_loss(problem, Point(held, memories(point), samples)) for point in points]

    def simulate(sigma: Floats, episodes: int) -> Any:
        tables = shown_sigma(problem, sigma)
        return simulated(
            problem.task, agent, np.broadcast_to(shown_q(problem, held), tables.shape), tables, episodes=episodes,
            seed=int(generator.integers(2**63)), policy=policy, workers=workers,
        )  # fmt: skip

    def by_simulation(points: list[Floats]) -> list[float]:
        return list(-np.asarray(simulate(np.stack([memories(point) for point in points]), episodes).objective))

    losses = exactly if objective == "exact" else by_simulation
    first = np.full(allocated.sum(), np.log(agent.sigma_0))
    options = {
        "bounds": [low, high], "verbose": -9, "seed": np.nan, "maxfevals": evaluations,
        "randn": lambda *shape: generator.standard_normal(shape),
    }  # fmt: skip
    # Ctrl-C does not end what looks for eigenvectors, which takes long in many dimensions
    search = aside(cma.CMAEvolutionStrategy, first, step, options)
    counts: list[int] = []
    best: list[float] = []
    with shown(progress, evaluations, unit="evaluation") as meter:
        while not counts or not search.stop():
            points = aside(search.ask)
            found = losses(points)
            aside(search.tell, points, found)
            counts.append(search.result.evaluations)
            best.append(-min(found))
            meter.update(min(counts[-1], evaluations))
    result: Any
    if objective == "exact":
        sigma = memories(np.asarray(search.result.xbest))
        result = evaluation(problem, Point(held, sigma, samples))
    else:
        sigma = memories(np.asarray(search.result.xfavorite))
        result = simulate(sigma, 10 * episodes)
    return BlackBox(
        shown_sigma(problem, sigma), sigma, shown_q(problem, held), float(result.objective), float(result.value),
        float(result.reward), float(result.cost), int(counts[-1]), np.array(counts), np.array(best, dtype=float), seed,
    )  # fmt: skip


def _exact_loss(problem: Problem, point: Point) -> float:
    """−F; infinite where the policy may never end an episode."""
    try:
        return -problem.objective(point)
    except ImproperPolicyError:
        return np.inf
