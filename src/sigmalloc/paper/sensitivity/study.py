"""How much λ and σ_base matter, in all three tasks (section B.2), as sweeps over both."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import tasks
from ..._threads import Threads
from ...agents import Agent
from ...sweeps import sweep
from ...tasks import Task
from .. import batch
from ..parameters import SETS
from ..study import Study, part

TASKS: dict[str, Callable[[], Task]] = {
    "grid-world": tasks.grid_world, "mountain-car": tasks.mountain_car, "planning": tasks.planning,
}  # fmt: skip
BLOCK = 8  # runs


def _settings(quick: bool) -> dict[str, Any]:
    runs = {
        "grid-world": {"episodes": 1500 if quick else 5000, "restarts": 2},
        "mountain-car": {"episodes": 1000 if quick else 10_000, "restarts": 1 if quick else 2},
        "planning": {"episodes": 10_000 if quick else 60_000, "restarts": 2},
    }
    return {
        "factors": [0.25, 1.0, 4.0] if quick else [0.25, 0.5, 1.0, 2.0, 4.0], "checkpoints": 20,
        "evaluation_episodes": 50 if quick else 100, "runs": runs,
    }  # fmt: skip


def _run(seed: int, settings: dict[str, Any], workers: int | None, progress: Any) -> dict[str, Any]:
    factors = np.array(settings["factors"])
    arrays: dict[str, Any] = {"factors": factors, "steps": 0}
    shares = dict(zip(TASKS, ((0, 0.15), (0.15, 0.85), (0.85, 1)), strict=True))
    for name, make in TASKS.items():
        agent, runs = SETS["table"](name), settings["runs"][name]
        evaluation_episodes = settings["evaluation_episodes"] * (10 if name == "planning" else 1)
        axes = {"lam": agent.lam * factors, "sigma_base": agent.sigma_base * factors}
        result = _swept(
            make(), agent, axes, workers, part(progress, *shares[name]), **runs, seed=seed,
            evaluate_every=runs["episodes"] // settings["checkpoints"], evaluation_episodes=evaluation_episodes,
        )  # fmt: skip
        arrays["steps"] += result.pop("steps")
        arrays |= {f"{name}_{quantity}": values for quantity, values in result.items()}
        arrays[f"{name}_success"] = 1 - arrays.pop(f"{name}_cutoffs") / evaluation_episodes
        arrays |= {f"{name}_{axis}": values for axis, values in axes.items()}
    return arrays


def _swept(
    task: Any, agent: Agent, axes: Any, workers: int | None, progress: Any, *, restarts: Any, **options: Any
) -> dict[str, Any]:
    """Final reward, cost and cut-off episodes of a sweep, shape (λ, σ_base, runs), and its environment steps."""
    blocks = math.ceil(math.prod(map(len, axes.values())) * restarts / BLOCK)
    grid = {axis: values.tolist() for axis, values in axes.items()}
    workers = workers or batch.usable_processors()
    with tempfile.TemporaryDirectory(prefix="sigmalloc-") as store, _Watched(workers, blocks, progress) as pool:
        result = sweep(task, agent, grid, restarts=restarts, store=store, executor=pool, block_size=BLOCK,
                              progress=False, **options)  # fmt: skip
        final = {name: batch.tail(np.asarray(getattr(result, name))) for name in ("reward", "cost", "cutoffs")}
        return final | {"steps": int(np.sum(result.steps))}


class _Watched(Threads):
    """Threads that tell how many blocks are done; no more are taken on once telling raises."""

    def __init__(self, workers: int, blocks: Any, progress: Any) -> None:
        super().__init__(workers, "sigmalloc-sensitivity")
        self.done, self.blocks, self.progress = 0, blocks, progress or (lambda fraction: None)

    def submit(self, *call: Any, **keywords: Any) -> Any:
        self.progress(min(1.0, self.done / self.blocks))
        future = super().submit(*call, **keywords)
        future.add_done_callback(self._count)
        return future

    def _count(self, future: Any) -> None:
        self.done += 1


STUDY = Study("sensitivity", _settings, _run)
