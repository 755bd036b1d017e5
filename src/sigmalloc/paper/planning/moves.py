"""Three, four and five moves: what agents that learn come to (Figure B.1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import tasks
from ...agents import Agent
from .. import batch
from ..study import Study, part
from .common import BUDGETS, final, learned_memories, trained


def _settings(quick: bool) -> dict[str, Any]:
    return {
        "episodes": 2000 if quick else 20_000, "restarts": 8, "checkpoints": 10,
        "evaluation_episodes": 100 if quick else 500,
        "budgets": {str(moves): BUDGETS[moves][:: 2 if quick else 1] for moves in (4, 5)},
    }  # fmt: skip


def _run(seed: int, settings: dict[str, Any], workers: int | None, progress: Any) -> dict[str, Any]:
    agent = Agent.table_b1("planning")
    arrays: dict[str, Any] = {"steps": 0}
    share = {4: (0, 0.3), 5: (0.3, 1)}
    for text, budgets in settings["budgets"].items():
        task = tasks.planning(moves=int(text))
        agents = {budget: agent.replace(search_budget=budget) for budget in budgets}
        results = trained(task, agents, settings, seed, workers, part(progress, *share[int(text)]))
        arrays["steps"] += batch.steps(results.values())
        arrays[f"{text}_budgets"] = np.array(budgets)
        arrays[f"{text}_objective"] = final(results)
        learned = learned_memories(task, list(results.values()))
        arrays |= {f"{text}_{key}": value for key, value in learned.items()}
    return arrays


STUDY = Study("planning-moves", _settings, _run)
