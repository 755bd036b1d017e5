"""What the studies of the planning task share."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import metrics, tasks
from ...agents import Agent
from ...runs import Result
from .. import batch

PLANNERS = ("rollouts", "depth-first")
BUDGETS = {
    3: [12.5, 25, 37.5, 50, 62.5, 75, 87.5, 100],
    4: [6.25, 12.5, 18.75, 25, 37.5, 50, 75, 100],
    5: [3.125, 6.25, 12.5, 18.75, 25, 50, 75, 100],
}
"""Search budgets in % of M·2^M, by the number of moves M."""

DECISION_TIME, NON_DECISION_TIME = 0.1, 1.0
"""a_dec and t_nondec of the reward rate (Eq. 8), which the paper does not give; the scripts have a_dec = 0.5."""

STARTS = 2
"""Starts of the search for the exact optimum; more find nothing better here."""


def variants() -> dict[str, tuple[Any, Agent]]:
    """Task and agent of each parameter set: Table B.1, and the scripts' (σ₀ = σ_base = 100, last move known)."""
    return {
        "table": (tasks.planning(), Agent.table_b1("planning")),
        "scripts": (tasks.planning(known_last_move=True), Agent.scripts("planning")),
    }


def final(results: Any, quantity: str = "objective") -> Any:
    """Final level of each run, shape (agents, runs)."""
    return np.stack([batch.tail(getattr(result, quantity)) for result in results.values()])


def trained(
    task: Any, agents: Any, settings: dict[str, Any], seed: int, workers: int | None, progress: Any
) -> dict[Any, Result]:
    """Every agent trained as a study's settings say."""
    return batch.train_many(
        task, agents, episodes=settings["episodes"], restarts=settings["restarts"], seed=seed,
        evaluate_every=settings["episodes"] // settings["checkpoints"],
        evaluation_episodes=settings["evaluation_episodes"], workers=workers, progress=progress,
    )  # fmt: skip


def memories(task: Any, q: Any, sigma: Any) -> dict[str, Any]:
    """d' and mean σ of each acting state, shape (agents, runs, states), and what hangs on it, shape (states,)."""
    acting, star = ~task.terminal, task.optimal_q()
    return {
        "d_prime": metrics.discriminability(q, sigma, task.exists, by=star)[..., acting],
        "mean_sigma": metrics.mean_sigma(sigma, task.exists)[..., acting],
        "difference": metrics.reward_difference(star, task.exists)[acting],
    }


def learned_memories(task: Any, results: Any) -> dict[str, Any]:
    """`memories` of trained agents."""
    return memories(task, *(np.stack([getattr(result, name) for result in results]) for name in ("q", "sigma")))
