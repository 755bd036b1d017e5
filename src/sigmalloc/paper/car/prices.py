"""Mountain car for different prices of precision, trained for long (section B.2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import tasks
from ...agents import Agent
from .. import batch
from ..study import Study, part

DONE = 0.9
"""Fraction of evaluation episodes that must reach the goal for the task to count as done."""

DECIDED = 4.0
"""Standard errors between a success rate and `DONE` at which no more runs are trained."""


def _settings(quick: bool) -> dict[str, Any]:
    return {
        "episodes": 2000 if quick else 30_000, "lam": [0.0, 0.1, 0.2, 0.4], "evaluate_every": 200 if quick else 500,
        "evaluation_episodes": 40, "group": batch.GROUP, "most": 8 if quick else 32,
    }  # fmt: skip


def _run(seed: int, settings: dict[str, Any], workers: int | None, progress: Any) -> dict[str, Any]:
    """Groups of runs for each λ until its success rate is clearly above or below `DONE`, or there are the most."""
    task, agent = tasks.mountain_car(), Agent.table_b1("mountain-car")
    success: dict[float, list[Any]] = {lam: [] for lam in settings["lam"]}
    arrays: dict[str, Any] = {"lam": np.array(settings["lam"]), "steps": 0}
    groups = settings["most"] // settings["group"]
    for group in range(groups):
        agents = {lam: agent.replace(lam=lam) for lam, found in success.items() if not decided(found)}
        if not agents:
            break
        results = batch.train_many(
            task, agents, episodes=settings["episodes"], restarts=settings["group"],
            seed=batch.group_seed(seed, group), evaluate_every=settings["evaluate_every"],
            evaluation_episodes=settings["evaluation_episodes"], workers=workers,
            progress=part(progress, group / groups, (group + 1) / groups),
        )  # fmt: skip
        arrays["steps"] += batch.steps(results.values())
        for lam, result in results.items():
            success[lam].append(1 - result.cutoffs / settings["evaluation_episodes"])
            arrays["episodes"] = result.episodes
    return arrays | {f"success_{index}": np.concatenate(found) for index, found in enumerate(success.values())}


def decided(found: Any) -> bool:
    """Whether the final success rate of groups of runs is further from `DONE` than `DECIDED` standard errors."""
    if not found:
        return False
    final = batch.tail(np.concatenate(found))
    return bool(abs(final.mean() - DONE) > DECIDED * final.std(ddof=1) / np.sqrt(len(final)))


STUDY = Study("car-prices", _settings, _run)
