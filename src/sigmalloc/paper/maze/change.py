"""The maze that changes: choice entropy through learning and after the change (Figure 1c)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import evaluate, metrics, tasks
from ...agents import Agent
from .. import batch
from ..study import Study, part

SETTINGS = {
    "figure": Agent.scripts("grid-world", learning_rate_q=0.2),
    "scripts": Agent.scripts("grid-world"),
    "table": Agent.table_b1("grid-world"),
}
"""The figure's own script, which has α₁ = 0.2; the scripts' other values, with 0.1; and Table B.1."""

MOMENTS = (300, 3000, 3300, 10000)
"""Episodes at which Figure 1c looks at the choice entropy; the task changes at 3000."""

GATE = 5
"""State (0, 5): the last cell of the top row before the new goal, on every short path and on no other."""


def _settings(quick: bool) -> dict[str, Any]:
    frames = [*range(50, 600, 50), *range(600, 3001, 300), *range(3050, 3600, 50), *range(3600, 10001, 800)]
    return {
        "episodes": 10_000, "change_at": 3000, "moments": list(MOMENTS),
        "restarts": dict.fromkeys(SETTINGS, 16) if quick else {"figure": 64, "scripts": 32, "table": 16},
        "frames": [1, *frames], "evaluation_episodes": 100,
    }  # fmt: skip


def _run(seed: int, settings: dict[str, Any], workers: int | None, progress: Any) -> dict[str, Any]:
    task = tasks.grid_world(change_at=settings["change_at"])
    arrays: dict[str, Any] = {
        "moments": np.array(settings["moments"]),
        "frames": np.array(settings["frames"]),
        "steps": 0,
    }
    for number, (name, agent) in enumerate(SETTINGS.items()):
        # frames of one run only: they are drawn, not measured
        keep = sorted({*settings["moments"], *(settings["frames"] if name == "figure" else ())})
        result = batch.train_many(
            task, {"DRA": agent}, episodes=settings["episodes"], restarts=settings["restarts"][name], seed=seed,
            evaluate_every=settings["episodes"], evaluation_episodes=settings["evaluation_episodes"], snapshots=keep,
            workers=workers, progress=part(progress, number / len(SETTINGS), (number + 1) / len(SETTINGS)),
        )["DRA"]  # fmt: skip
        arrays["steps"] += batch.steps([result])
        arrays[f"{name}_entropy"] = _entropy(result, settings["moments"])
        arrays[f"{name}_reward"] = result.reward[:, -1]
        visits = evaluate(
            task, agent, result.q, result.sigma, episodes=settings["evaluation_episodes"], seed=seed, workers=workers,
            episode=settings["episodes"] - 1,
        ).visits  # fmt: skip
        arrays[f"{name}_gate"] = visits[:, GATE].sum(axis=1)
        if name == "figure":
            arrays["frames_entropy"] = _entropy(result, settings["frames"], slice(1))[0]
    return arrays


def _entropy(result: Any, episodes: Any, runs: Any = slice(None)) -> Any:
    """Choice entropy of runs at snapshots, shape (runs, episodes, states)."""
    kept = np.isin(result.snapshot_episodes, episodes)
    exists = np.logical_or.reduce([variant.exists for variant in result.task.variants])
    return metrics.choice_entropy(result.snapshot_q[runs, kept], result.snapshot_sigma[runs, kept], exists)


STUDY = Study("grid-change", _settings, _run)
