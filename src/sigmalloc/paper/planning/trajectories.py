"""Trajectories per update, and black-box optimisation (Figure 3c, section B.2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import exact
from ...agents import Agent
from .. import batch
from ..study import Study, part
from .blackbox import noisy_cma_es
from .common import STARTS, final, variants


def _settings(quick: bool) -> dict[str, Any]:
    return {
        "episodes": 20_000 if quick else 60_000, "restarts": {"fixed": 8 if quick else 16, "learned": 8},
        "checkpoints": 20, "evaluation_episodes": 200 if quick else 1000, "n_trajectories": [1, 10, 50],
        "cma_runs": 2 if quick else 3, "cma_evaluations": 150 if quick else 1000, "noisy_runs": 2 if quick else 4,
        "noisy_generations": 100 if quick else 300,
    }  # fmt: skip


def _run(seed: int, settings: dict[str, Any], workers: int | None, progress: Any) -> dict[str, Any]:
    arrays: dict[str, Any] = {"n_trajectories": np.array(settings["n_trajectories"]), "steps": 0}
    every = settings["episodes"] // settings["checkpoints"]
    kept = batch.last(every * (1 + np.arange(settings["checkpoints"]))).tolist()
    for number, (name, (task, agent)) in enumerate(variants().items()):
        star = task.optimal_q()
        for half, kind in enumerate(("fixed", "learned")):
            known = kind == "fixed"
            agents = {n: agent.replace(n_trajectories=n, learn_q=not known) for n in settings["n_trajectories"]}
            low = number / 2 + half / 5
            results = batch.train_many(
                task, agents, episodes=settings["episodes"], seed=seed, evaluate_every=every,
                restarts=settings["restarts"][kind], evaluation_episodes=settings["evaluation_episodes"],
                q=star if known else None, snapshots=kept if known else (), workers=workers,
                progress=part(progress, low, low + 0.2),
            )  # fmt: skip
            arrays["steps"] += batch.steps(results.values())
            arrays[f"{name}_{kind}_objective"] = final(results)
            arrays[f"{name}_{kind}_sigma"] = np.stack([result.sigma[:, task.memories] for result in results.values()])
            if known:
                arrays[f"{name}_exact"] = _worth(task, results, star)
        found = _references(task, agent.replace(learn_q=False), star, settings, seed, workers)
        arrays["steps"] += found.pop("trials", 0) * task.horizon
        arrays |= {f"{name}_{key}": np.asarray(value, dtype=float) for key, value in found.items()}
    return arrays


def _worth(task: Any, results: Any, q: Any) -> Any:
    """What the trained σ are worth exactly, with q̄ = q* and the hard policy, shape (agents, runs).

    The mean over the snapshots of each run: free of the noise of evaluation, and measured as CMA-ES is.
    """
    return np.array([
        [np.mean([exact.evaluate(task, result.agent, q, sigma, policy="hard").objective for sigma in run])
         for run in result.snapshot_sigma]
        for result in results.values()
    ])  # fmt: skip


def _references(
    task: Any, agent: Agent, q: Any, settings: dict[str, Any], seed: int, workers: int | None
) -> dict[str, Any]:
    """The exact optima of σ, and what CMA-ES finds on the exact and on the simulated objective, with q̄ = q*."""
    found: dict[str, Any] = {
        "optimum": exact.optimum(task, agent, q=q, starts=STARTS).objective,
        "optimum_equal": exact.optimum(task, agent, q=q, equal_precision=True).objective,
    }
    if "cma" in STUDY.installed():
        found["cma"] = [
            exact.cma_es(task, agent, q=q, seed=seed + run, evaluations=settings["cma_evaluations"]).objective
            for run in range(settings["cma_runs"])
        ]
        noisy = [
            noisy_cma_es(task, agent, q, seed=seed + run, generations=settings["noisy_generations"], workers=workers)
            for run in range(settings["noisy_runs"])
        ]
        found["noisy"] = [exact.evaluate(task, agent, q, sigma, policy="hard").objective for sigma, _, _ in noisy]
        found["converged"] = [converged for _, _, converged in noisy]
        found["trials"] = sum(trials for _, trials, _ in noisy)
    return found


STUDY = Study("planning-trajectories", _settings, _run, {"cma": "CMA-ES (Figure 3c)"})
