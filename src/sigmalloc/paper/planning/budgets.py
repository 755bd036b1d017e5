"""Search budgets (Figures 3d to 3f)."""

import numpy as np

from ... import exact, tasks
from ...agents import Agent
from ..study import Study, part
from .common import BUDGETS, STARTS, final, memories, trained

PLANNERS = ("rollouts", "depth-first")


def _budget_settings(quick):
    return {
        "episodes": 6000 if quick else 30_000, "restarts": 3 if quick else 5,
        "restarts_dra": 3 if quick else 10, "checkpoints": 20,
        "evaluation_episodes": 300 if quick else 2000,
        "budgets": [12.5, 25, 50, 100] if quick else BUDGETS[3], "decision_time": 0.1,
        "non_decision_time": 1.0, "starts": 1 if quick else STARTS,
    }  # fmt: skip


def _budgets(seed, settings, workers, progress):
    task, agent = tasks.planning(), Agent.table_b1("planning")
    budgets = settings["budgets"]
    agents = {
        (planner, allocation, budget): agent.replace(planner=planner, allocation=allocation, search_budget=budget)
        for planner in PLANNERS
        for allocation in ("dra", "equal")
        for budget in budgets
    }
    agents |= {
        ("rate", "dra", budget): agent.replace(
            search_budget=budget, reward_rate=True, decision_time=settings["decision_time"],
            non_decision_time=settings["non_decision_time"],
        )
        for budget in budgets
    }  # fmt: skip
    # lines are fitted to the memories of DRA, so more of its runs are wanted
    more = {key: settings["restarts_dra" if key[0] in PLANNERS and key[1] == "dra" else "restarts"] for key in agents}
    results = trained(task, agents, settings | {"restarts": more}, seed, workers, part(progress, 0, 0.9))
    arrays = {"budgets": np.array(budgets), "planners": np.array(PLANNERS), "q_star": task.optimal_q()}
    for kind in (*PLANNERS, "rate"):
        for allocation in ("dra", "equal"):
            chosen = {key: result for key, result in results.items() if key[:2] == (kind, allocation)}
            if not chosen:
                continue
            for quantity in ("objective", "value", "cost"):
                arrays[f"{kind}_{allocation}_{quantity}"] = final(chosen, quantity)
            if allocation == "dra":
                arrays |= {f"{kind}_{key}": value for key, value in memories(task, chosen).items()}
    return arrays | _optima(task, agents, settings["starts"], part(progress, 0.9, 1))


def _optima(task, agents, starts, progress):
    """The exact optimum and the best equal precision with q̄ = q* and the hard policy, for every agent."""
    q, found = task.optimal_q(), {}
    for number, ((kind, allocation, _), agent) in enumerate(agents.items()):
        fixed = agent.replace(learn_q=False, allocation="dra")
        best = exact.optimum(task, fixed, q=q, equal_precision=allocation == "equal", starts=starts)
        found.setdefault(f"{kind}_{allocation}_optimum", []).append(best.objective)
        if progress:
            progress((number + 1) / len(agents))
    return {key: np.array(value) for key, value in found.items()}


STUDY = Study("planning-budgets", _budget_settings, _budgets, (11, 5))
