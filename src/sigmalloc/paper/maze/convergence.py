"""The maze: convergence from different initial precisions, and the agents compared (Figure 1b)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import tasks
from .. import batch
from ..parameters import SETS, comparison_agents
from ..study import Study, part


def _settings(quick: bool) -> dict[str, Any]:
    return {
        "episodes": {"table": 4000 if quick else 20_000, "scripts": 2000 if quick else 5000},
        "compared": 2000 if quick else 5000, "restarts": 8 if quick else 16, "evaluate_every": 20,
        "evaluation_episodes": 20, "sigma_0": [1, 3, 4, 5],
    }  # fmt: skip


def _run(seed: int, settings: dict[str, Any], workers: int | None, progress: Any) -> dict[str, Any]:
    task = tasks.grid_world()
    arrays: dict[str, Any] = {"sigma_0": np.array(settings["sigma_0"], dtype=float), "steps": 0}
    for number, (name, make) in enumerate(SETS.items()):
        agent, whole = make("grid-world"), settings["episodes"][name]
        starts = {f"sigma_0={value}": agent.replace(sigma_0=value) for value in settings["sigma_0"]}
        agents = starts | comparison_agents(agent)
        del agents[f"sigma_0={agent.sigma_0:g}"]  # the same as DRA
        # those that are only compared are compared early in training, as Figure 1 does
        episodes = {key: whole if key in starts or key == "DRA" else settings["compared"] for key in agents}
        results = batch.train_many(
            task, agents, episodes=episodes, restarts=settings["restarts"], seed=seed,
            evaluate_every=settings["evaluate_every"], evaluation_episodes=settings["evaluation_episodes"],
            workers=workers, progress=part(progress, 0.7 * number, 0.7 + 0.3 * number),
        )  # fmt: skip
        arrays["steps"] += batch.steps(results.values())
        started = [results.get(key, results["DRA"]) for key in starts]
        arrays[f"{name}_starts_episodes"] = started[0].episodes
        arrays["episodes"] = results["free"].episodes
        for quantity in ("reward", "cost"):
            arrays[f"{name}_starts_{quantity}"] = np.stack([getattr(result, quantity) for result in started])
            arrays |= {
                f"{name}_{key}_{quantity}": getattr(results[key], quantity)[:, : len(arrays["episodes"])]
                for key in comparison_agents(agent)
            }
    return arrays


STUDY = Study("grid", _settings, _run)
