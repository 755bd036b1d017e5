"""The best that any agent could do at each search budget, with q̄ = q* and the hard policy: exact, nothing is trained.

Figures 3d, 3f and B.1 are about optimal objectives and allocations; what agents learn is in `budgets` and `moves`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import exact, tasks
from ...agents import Agent
from ..study import Study
from .common import BUDGETS, NON_DECISION_TIME, PLANNERS, STARTS, memories, variants

MOVES = (3, 4, 5)


def _settings(quick: bool) -> dict[str, Any]:
    return {
        "budgets": {str(moves): BUDGETS[moves] for moves in MOVES}, "starts": 1 if quick else STARTS,
        "decision_time": [0.1, 0.5] if quick else [0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 0.75, 1.0],
    }  # fmt: skip


def _run(seed: int, settings: dict[str, Any], workers: int | None, progress: Any) -> dict[str, Any]:
    agent = Agent.table_b1("planning", learn_q=False)
    tell = progress or (lambda fraction: None)
    arrays: dict[str, Any] = {"decision_time": np.array(settings["decision_time"]), "steps": 0}
    for number, (text, budgets) in enumerate(settings["budgets"].items()):
        task = tasks.planning(moves=int(text))
        found = [_best(task, agent.replace(search_budget=budget), settings) for budget in budgets]
        arrays[f"{text}_budgets"], arrays[f"{text}_objective"] = np.array(budgets), _objectives(found)
        q, sigma = (np.stack([getattr(best, name) for best in found])[:, None] for name in ("q", "sigma"))
        arrays |= {f"{text}_{key}": value for key, value in memories(task, q, sigma).items()}
        arrays[f"{text}_sigma"] = sigma[:, 0]
        tell((number + 1) / 10)
    task = tasks.planning()
    for planner in PLANNERS:
        for allocation in ("dra", "equal"):
            agents = [agent.replace(planner=planner, search_budget=budget) for budget in BUDGETS[3]]
            arrays[f"{planner}_{allocation}"] = _objectives(
                _best(task, one, settings, equal_precision=allocation == "equal") for one in agents
            )
    tell(0.4)
    for number, (name, (task, agent)) in enumerate(variants().items()):
        rates = []
        for count, decision_time in enumerate(settings["decision_time"]):
            timed = agent.replace(
                learn_q=False, reward_rate=True, decision_time=decision_time, non_decision_time=NON_DECISION_TIME
            )
            rates.append(_objectives(_best(task, timed.replace(search_budget=b), settings) for b in BUDGETS[3]))
            tell(0.4 + 0.3 * (number + (count + 1) / len(settings["decision_time"])))
        arrays[f"{name}_rate"] = np.array(rates)
        untimed = agent.replace(learn_q=False)
        arrays[f"{name}_plain"] = _objectives(
            _best(task, untimed.replace(search_budget=budget), settings) for budget in BUDGETS[3]
        )
    return arrays


def _best(task: Any, agent: Agent, settings: dict[str, Any], **options: Any) -> Any:
    return exact.optimum(task, agent, starts=settings["starts"], **options)


def _objectives(optima: Any) -> Any:
    return np.array([best.objective for best in optima])


STUDY = Study("planning-optima", _settings, _run)
