"""Trajectories per update, and black-box optimisation (Figure 3c, section B.2)."""

import numpy as np

from ... import exact
from .. import batch
from ..study import Study, part
from .common import STARTS, final, variants


def _trajectory_settings(quick):
    return {
        "episodes": 20_000 if quick else 60_000, "restarts": 4 if quick else 8,
        "restarts_fixed": 4 if quick else 16, "checkpoints": 20, "evaluation_episodes": 500 if quick else 2000,
        "n_trajectories": [1, 10] if quick else [1, 3, 10, 30],
        "cma_runs": 2 if quick else 3, "cma_evaluations": 150 if quick else 1000,
    }  # fmt: skip


def _trajectories(seed, settings, workers, progress):
    arrays = {"n_trajectories": np.array(settings["n_trajectories"])}
    for number, (name, (task, agent)) in enumerate(variants().items()):
        for half, known in enumerate((True, False)):
            agents = {n: agent.replace(n_trajectories=n, learn_q=not known) for n in settings["n_trajectories"]}
            low = number / 2 + half / 5
            every = settings["episodes"] // settings["checkpoints"]
            checkpoints = every * (1 + np.arange(settings["checkpoints"]))
            results = batch.train_many(
                task, agents, episodes=settings["episodes"], seed=seed, evaluate_every=every,
                restarts=settings["restarts_fixed" if known else "restarts"],
                evaluation_episodes=settings["evaluation_episodes"], q=task.optimal_q() if known else None,
                snapshots=batch.last(checkpoints).tolist() if known else (),
                workers=workers, progress=part(progress, low, low + 0.2),
            )  # fmt: skip
            key = f"{name}_{'fixed' if known else 'learned'}"
            arrays[f"{key}_objective"] = final(results)
            if known:
                arrays[f"{key}_exact"] = _exact(task, results)
            arrays[f"{key}_sigma"] = np.stack([result.sigma[:, task.memories] for result in results.values()])
        arrays |= {f"{name}_{key}": value for key, value in _references(task, agent, settings, seed).items()}
    return arrays


def _exact(task, results):
    """What the trained σ are worth exactly, with q̄ = q* and the hard policy, shape (agents, runs).

    The mean over the snapshots of each run: free of the noise of evaluation, and measured as CMA-ES is.
    """
    q = task.optimal_q()
    return np.array([
        [np.mean([exact.evaluate(task, result.agent, q, sigma, policy="hard").objective for sigma in run])
         for run in result.snapshot_sigma]
        for result in results.values()
    ])  # fmt: skip


def _references(task, agent, settings, seed):
    """The exact optima of σ, and what CMA-ES finds on the exact objective, with q̄ = q* and the hard policy."""
    q = task.optimal_q()
    fixed = agent.replace(learn_q=False)
    found = {
        "optimum": exact.optimum(task, fixed, q=q, starts=STARTS).objective,
        "optimum_equal": exact.optimum(task, fixed, q=q, equal_precision=True).objective,
    }
    if "cma" in STUDY.installed():
        found["cma"] = [
            exact.cma_es(task, fixed, q=q, seed=seed + run, evaluations=settings["cma_evaluations"]).objective
            for run in range(settings["cma_runs"])
        ]
    return {key: np.asarray(value, dtype=float) for key, value in found.items()}


STUDY = Study("planning-trajectories", _trajectory_settings, _trajectories, (5, 3), {"cma": "CMA-ES (Figure 3c)"})
