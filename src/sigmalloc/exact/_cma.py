"""The black box that the paper compares with: CMA-ES on ln σ."""

from dataclasses import dataclass

import numpy as np

from .. import _checks
from ._chain import ImproperPolicyError
from ._evaluate import Problem
from ._optimum import start_q, tidy_sigma

OBJECTIVES = ("exact", "simulated")


@dataclass(frozen=True, eq=False)
class BlackBox:
    """What CMA-ES found.

    Attributes
    ----------
    sigma : array of float, shape (states, actions)
        Best point evaluated (exact) or the mean of the last search distribution (simulated).
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

    sigma: np.ndarray
    q: np.ndarray
    objective: float
    value: float
    reward: float
    cost: float
    evaluations: int
    history_evaluations: np.ndarray
    history_objective: np.ndarray
    seed: int

    def __repr__(self):
        names = ("objective", "value", "reward", "cost")
        figures = ", ".join(f"{name}={getattr(self, name):.6g}" for name in names)
        return f"BlackBox({figures}, evaluations={self.evaluations}, seed={self.seed})"


def cma_es(
    task, agent, q=None, objective="exact", *, seed, evaluations=5000, policy="hard", episodes=100, step=0.5,
    workers=None, episode=0,
):  # fmt: skip
    """Maximise the objective by CMA-ES on ln σ, with q̄ fixed (Fig. 3c).

    Parameters
    ----------
    task : TabularMDP
    agent : Agent
        Gives the first σ (σ₀) and the bounds of the search.
    q : array of float, shape (states, actions), optional
        q̄; default q*, by value iteration with the agent's γ.
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
    seed = _checks.integer("seed", seed, low=0)
    evaluations = _checks.integer("evaluations", evaluations, low=1)
    episodes = _checks.integer("episodes", episodes, low=1)
    step = _checks.real("step", step, low=0, low_open=True)
    problem = Problem(task, agent, policy, episode)
    q = start_q(problem, q)
    memories = problem.task.memories
    low, high = np.log(agent.sigma_min), np.log(agent.sigma_max)
    if not low < high:
        raise ValueError(f"sigma_min must be less than sigma_max to search between them, got {agent.sigma_min!r} twice")
    if memories.sum() < 2:
        raise ValueError("task: CMA-ES needs at least 2 memories")
    generator = np.random.default_rng(seed)

    def table(point):
        sigma = np.full(memories.shape, agent.sigma_base)
        sigma[memories] = np.clip(np.exp(point), agent.sigma_min, agent.sigma_max)
        return tidy_sigma(problem, sigma)

    def exactly(points):
        return [_exact_loss(problem, q, table(point)) for point in points]

    def simulate(sigma, episodes):
        from ..runs.evaluate import evaluate

        key = int(generator.integers(2**63))
        return evaluate(
            problem.task, agent, np.broadcast_to(q, sigma.shape), sigma, episodes=episodes, seed=key, policy=policy,
            workers=workers,
        )  # fmt: skip

    def by_simulation(points):
        sigma = np.stack([table(point) for point in points])
        return list(-np.asarray(simulate(sigma, episodes).objective))

    losses = exactly if objective == "exact" else by_simulation
    first = np.full(memories.sum(), np.log(agent.sigma_0))
    search = cma.CMAEvolutionStrategy(first, step, {
        "bounds": [low, high], "verbose": -9, "seed": np.nan, "maxfevals": evaluations,
        "randn": lambda *shape: generator.standard_normal(shape),
    })  # fmt: skip
    counts, best = [], []
    while not counts or not search.stop():
        points = search.ask()
        found = losses(points)
        search.tell(points, found)
        counts.append(search.result.evaluations)
        best.append(-min(found))
    if objective == "exact":
        sigma = table(search.result.xbest)
        result = problem.evaluate(problem.tables(q, sigma))
    else:
        sigma = table(search.result.xfavorite)
        result = simulate(sigma, 10 * episodes)
    return BlackBox(
        sigma, q, *(float(getattr(result, name)) for name in ("objective", "value", "reward", "cost")),
        int(counts[-1]), np.array(counts), np.array(best, dtype=float), seed,
    )  # fmt: skip


def _exact_loss(problem, q, sigma):
    """−F; infinite where the policy may never end an episode."""
    try:
        return -problem.objective(problem.tables(q, sigma))
    except ImproperPolicyError:
        return np.inf
