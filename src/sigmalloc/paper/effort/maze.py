"""Effort in the maze: over the course of learning at several prices of time, and in every state."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import exact, tasks
from ...agents import Agent
from .. import batch
from ..study import Study, part

PRICE = 1.0  # of time, where every state has an effort of its own


def _settings(quick: bool) -> dict[str, Any]:
    return {
        "opportunity_cost": [0.3, 1.0, 3.0], "episodes": 900 if quick else 3000, "restarts": 8, "checkpoints": 30,
        "evaluation_episodes": 50, "starts": 1, "agent": {"n_trajectories": 50, "learning_rate_samples": 0.05},
    }  # fmt: skip


def _run(seed: int, settings: dict[str, Any], workers: int | None, progress: Any) -> dict[str, Any]:
    task, base, prices = tasks.grid_world(), Agent.table_b1(**settings["agent"]), settings["opportunity_cost"]
    agents = {price: base.replace(opportunity_cost=price, learn_samples="shared") for price in prices}
    agents["state"] = base.replace(opportunity_cost=PRICE, learn_samples="state")
    results = batch.train_many(
        task, agents, episodes=settings["episodes"], restarts=settings["restarts"], seed=seed,
        evaluate_every=settings["episodes"] // settings["checkpoints"],
        evaluation_episodes=settings["evaluation_episodes"], workers=workers, progress=part(progress, 0, 0.3),
    )  # fmt: skip
    best = {}  # for the values that the first run has learned
    for number, (name, agent) in enumerate(agents.items()):
        best[name] = exact.optimum(task, agent, results[name].q[0], "soft", starts=settings["starts"])
        if progress is not None:
            progress(0.3 + 0.7 * (number + 1) / len(agents))
    acting, learned = task.exists.any(axis=1), results["state"]
    found = [
        exact.evaluate(task, agents["state"], q, sigma, "soft", samples=samples)
        for q, sigma, samples in zip(learned.q, learned.sigma, learned.samples, strict=True)
    ]
    top = best["state"]
    there = exact.evaluate(task, agents["state"], top.q, top.sigma, "soft", samples=top.samples)
    return {
        "episodes": learned.episodes, "effort": np.stack([results[price].effort for price in prices]),
        "best_effort": np.array([best[price].samples[acting][0] for price in prices]),
        "learned_samples": learned.samples, "exact_samples": top.samples,
        "learned_visits": np.array([one.occupancy for one in found]), "exact_visits": there.occupancy,
        "learned_objective": np.array([one.objective for one in found]), "exact_objective": np.array(top.objective),
        "steps": batch.steps(results.values()),
    }  # fmt: skip


STUDY = Study("effort-maze", _settings, _run)
