"""CMA-ES as the authors ran it: on σ itself, with a simulated objective and a coarse tolerance (Figure 3c)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import train
from ...agents import Agent

TRIALS = 1000
TOLERANCE = 1.0
GENERATIONS = 500


def noisy_cma_es(
    task: Any,
    agent: Agent,
    q: Any,
    *,
    seed: int,
    trials: int = TRIALS,
    tolerance: float = TOLERANCE,
    generations: int = GENERATIONS,
    workers: int | None = None,
) -> tuple[Any, int, bool]:
    """Maximise the objective over σ with q̄ fixed; every value of σ is judged by so many simulated trials.

    The search starts at σ₀ with a step of a quarter of the range of σ, as the `cma` package advises; the paper does not
    say which step it took. The mean of 1000 trials has a standard error of 1.5, more than the tolerance of 1 that the
    authors' scripts have, so that it is mostly the limit on generations that ends a search.

    Parameters
    ----------
    task : TabularMDP
    agent : Agent
    q : array of float, shape (states, actions)
    seed : int
    trials : int
        Simulated trials of the hard policy for each σ.
    tolerance : float
        The search stops when the objective varies by less than this over its last generations (``tolfun``).
    generations : int
        At most.
    workers : int, optional

    Returns
    -------
    sigma : array of float, shape (states, actions)
        Mean of the last search distribution, which does better than the luckiest of the points tried.
    trials : int
        Simulated trials altogether.
    converged : bool
        Whether it was the tolerance that ended the search.
    """
    import cma

    rng = np.random.default_rng(seed)
    # training with α₂ = 0 leaves σ as it is, and evaluates many of them side by side
    actor = agent.replace(learn_q=False, learning_rate_sigma=0.0, n_trajectories=1)
    memories = task.memories

    def table(point: Any) -> Any:
        sigma = np.full(memories.shape, agent.sigma_base)
        sigma[memories] = point
        return sigma

    search = cma.CMAEvolutionStrategy(
        np.full(memories.sum(), agent.sigma_0), (agent.sigma_max - agent.sigma_min) / 4,
        {"bounds": [agent.sigma_min, agent.sigma_max], "tolfun": tolerance, "maxiter": generations, "verbose": -9,
         "seed": np.nan, "randn": lambda *shape: rng.standard_normal(shape)},
    )  # fmt: skip
    while not search.stop():
        points = search.ask()
        sigma = np.stack([table(point) for point in points])
        found = train(
            task, actor, episodes=1, restarts=len(points), seed=int(rng.integers(2**63)), evaluate_every=1,
            evaluation_episodes=trials, evaluation_policy="hard", q=q, sigma=sigma, workers=workers,
        )  # fmt: skip
        search.tell(points, list(-found.objective[:, 0]))
    converged = "tolfun" in search.stop()
    return table(search.result.xfavorite), int(search.result.evaluations) * trials, converged
