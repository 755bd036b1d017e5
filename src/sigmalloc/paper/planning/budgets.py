"""Search budgets: what agents that learn come to (Figures 3d to 3f)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import tasks
from ...agents import Agent
from .. import batch
from ..study import Study
from .common import BUDGETS, DECISION_TIME, NON_DECISION_TIME, PLANNERS, final, learned_memories, trained


def _settings(quick: bool) -> dict[str, Any]:
    return {
        "episodes": 6000 if quick else 30_000, "restarts": 8, "restarts_dra": 8 if quick else 16, "checkpoints": 20,
        "evaluation_episodes": 200 if quick else 1000, "budgets": [12.5, 25, 50, 100] if quick else BUDGETS[3],
    }  # fmt: skip


def _run(seed: int, settings: dict[str, Any], workers: int | None, progress: Any) -> dict[str, Any]:
    task, agent = tasks.planning(), Agent.table_b1("planning")
    budgets = settings["budgets"]
    agents = {
        (planner, allocation, budget): agent.replace(planner=planner, allocation=allocation, search_budget=budget)
        for planner in PLANNERS
        for allocation in ("dra", "equal")
        for budget in budgets
    }
    rate = {"reward_rate": True, "decision_time": DECISION_TIME, "non_decision_time": NON_DECISION_TIME}
    agents |= {("rate", "dra", budget): agent.replace(search_budget=budget, **rate) for budget in budgets}
    # lines are fitted to the memories of DRA, so more of its runs are wanted
    more = {key: settings["restarts_dra" if key[0] in PLANNERS and key[1] == "dra" else "restarts"] for key in agents}
    results = trained(task, agents, settings | {"restarts": more}, seed, workers, progress)
    arrays = {"budgets": np.array(budgets), "steps": batch.steps(results.values())}
    for kind, allocation in dict.fromkeys(key[:2] for key in agents):
        chosen = {key: result for key, result in results.items() if key[:2] == (kind, allocation)}
        arrays[f"{kind}_{allocation}_objective"] = final(chosen)
        if allocation == "dra":
            learned = learned_memories(task, list(chosen.values()))
            arrays |= {f"{kind}_{key}": value for key, value in learned.items()}
    return arrays


STUDY = Study("planning-budgets", _settings, _run)
