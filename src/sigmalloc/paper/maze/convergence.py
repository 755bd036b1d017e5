"""The maze: convergence from different initial precisions, and the agents compared (Figure 1b)."""

import numpy as np

from ... import tasks
from .. import batch
from ..parameters import SETS, comparison_agents
from ..study import Study, part


def _convergence_settings(quick):
    return {
        "episodes": 2000 if quick else 5000, "restarts": 5 if quick else 16, "evaluate_every": 100,
        "evaluation_episodes": 50 if quick else 100, "sigma_0": [1, 3, 4, 5],
    }  # fmt: skip


def _convergence(seed, settings, workers, progress):
    task = tasks.grid_world()
    arrays = {"sigma_0": np.array(settings["sigma_0"], dtype=float)}
    for number, (name, make) in enumerate(SETS.items()):
        agent = make("grid-world")
        agents = {f"sigma_0={value}": agent.replace(sigma_0=value) for value in settings["sigma_0"]}
        agents |= comparison_agents(agent)
        del agents[f"sigma_0={agent.sigma_0:g}"]  # the same as DRA
        results = batch.train_many(
            task, agents, episodes=settings["episodes"], restarts=settings["restarts"], seed=seed,
            evaluate_every=settings["evaluate_every"], evaluation_episodes=settings["evaluation_episodes"],
            workers=workers, progress=part(progress, number / len(SETS), (number + 1) / len(SETS)),
        )  # fmt: skip
        starts = [results.get(f"sigma_0={value}", results["DRA"]) for value in settings["sigma_0"]]
        arrays["episodes"] = starts[0].episodes
        for quantity in ("reward", "cost"):
            arrays[f"{name}_starts_{quantity}"] = np.stack([getattr(result, quantity) for result in starts])
            arrays |= {f"{name}_{key}_{quantity}": getattr(results[key], quantity) for key in comparison_agents(agent)}
    return arrays


STUDY = Study("grid", _convergence_settings, _convergence, (3, 2))
