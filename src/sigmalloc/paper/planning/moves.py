"""Three, four and five moves (Figure B.1)."""

import numpy as np

from ... import tasks
from ...agents import Agent
from ..study import Study, part
from .common import BUDGETS, final, memories, trained


def _moves_settings(quick):
    return {
        "episodes": 3000 if quick else 20_000, "restarts": 3 if quick else 5, "checkpoints": 10,
        "evaluation_episodes": 200 if quick else 1000,
        "budgets": {str(moves): BUDGETS[moves][:: 2 if quick else 1] for moves in (4, 5)},
    }  # fmt: skip


def _moves(seed, settings, workers, progress):
    agent = Agent.table_b1("planning")
    arrays, share = {}, {4: (0, 0.3), 5: (0.3, 1)}
    for text, budgets in settings["budgets"].items():
        task = tasks.planning(moves=int(text))
        agents = {budget: agent.replace(search_budget=budget) for budget in budgets}
        results = trained(task, agents, settings, seed, workers, part(progress, *share[int(text)]))
        arrays[f"{text}_budgets"] = np.array(budgets)
        arrays[f"{text}_objective"] = final(results)
        arrays |= {f"{text}_{key}": value for key, value in memories(task, results).items()}
    return arrays


STUDY = Study("planning-moves", _moves_settings, _moves, (6, 2))
