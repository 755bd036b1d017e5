"""Mattar and Daw's maze: convergence, comparison agents, and the change of the task (Figures 1b and 1c)."""

import numpy as np

from ... import metrics, tasks
from ...agents import Agent
from .. import _runs
from ._study import Study, part

SETS = {"table": Agent.table_b1, "scripts": Agent.scripts}
"""Parameter sets: Table B.1, and the authors' published scripts."""

MOMENTS = (300, 3000, 3300, 10000)
"""Episodes at which Figure 1c looks at the choice entropy; the task changes at 3000."""


def _convergence_settings(quick):
    return {
        "episodes": 2000 if quick else 5000, "restarts": 5 if quick else 16, "evaluate_every": 100,
        "evaluation_episodes": 50 if quick else 100, "sigma_0": [1, 3, 4, 5],
    }  # fmt: skip


def comparison_agents(agent):
    """DRA and the two agents it is compared with: one shared σ, and precision for nothing."""
    return {"DRA": agent, "equal": agent.replace(allocation="equal"), "free": agent.replace(lam=0.0)}


def _convergence(seed, settings, workers, progress):
    task = tasks.grid_world()
    arrays = {"sigma_0": np.array(settings["sigma_0"], dtype=float)}
    for number, (name, make) in enumerate(SETS.items()):
        agent = make("grid-world")
        agents = {f"sigma_0={value}": agent.replace(sigma_0=value) for value in settings["sigma_0"]}
        agents |= comparison_agents(agent)
        del agents[f"sigma_0={agent.sigma_0:g}"]  # the same as DRA
        results = _runs.train_many(
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


def _change_settings(quick):
    frames = [*range(50, 600, 50), *range(600, 3001, 300), *range(3050, 3600, 50), *range(3600, 10001, 800)]
    return {
        "episodes": 10_000, "change_at": 3000, "restarts": 5 if quick else 16, "moments": list(MOMENTS),
        "frames": [1, *frames],
    }  # fmt: skip


def _change(seed, settings, workers, progress):
    task = tasks.grid_world(change_at=settings["change_at"])
    arrays = {"moments": np.array(settings["moments"]), "frames": np.array(settings["frames"])}
    for number, (name, make) in enumerate(SETS.items()):
        # frames of one run only, and with one parameter set: they are drawn, not measured
        keep = sorted({*settings["moments"], *(settings["frames"] if name == "table" else ())})
        result = _runs.train_many(
            task, {"DRA": make("grid-world")}, episodes=settings["episodes"], restarts=settings["restarts"], seed=seed,
            evaluate_every=settings["episodes"], evaluation_episodes=100, snapshots=keep, workers=workers,
            progress=part(progress, number / len(SETS), (number + 1) / len(SETS)),
        )["DRA"]  # fmt: skip
        arrays[f"{name}_entropy"] = _entropy(result, settings["moments"])
        arrays[f"{name}_reward"] = result.reward[:, -1]
        if name == "table":
            arrays["frames_entropy"] = _entropy(result, settings["frames"], slice(1))[0]
    return arrays


def _entropy(result, episodes, runs=slice(None)):
    """Choice entropy of runs at snapshots, shape (runs, episodes, states)."""
    kept = np.isin(result.snapshot_episodes, episodes)
    exists = np.logical_or.reduce([variant.exists for variant in result.task.variants])
    return metrics.choice_entropy(result.snapshot_q[runs, kept], result.snapshot_sigma[runs, kept], exists)


STUDIES = (
    Study("grid", _convergence_settings, _convergence, (3, 2)),
    Study("grid-change", _change_settings, _change, (3, 2)),
)
