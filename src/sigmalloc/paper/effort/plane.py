"""One choice between two actions, over the prices of memory and of time: the best effort, and the learned one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import exact
from ...agents import Agent
from ...tasks import TabularMDP
from .. import batch
from ..study import Study, part

CHOICE = TabularMDP([[1, 1], [1, 1]], [[1.0, 0.0], [0.0, 0.0]], start=0, terminal=[1], name="choice")
Q = np.array([[1.0, 0.0], [0.0, 0.0]])


def _settings(quick: bool) -> dict[str, Any]:
    number = 4 if quick else 6
    return {
        "lam": np.geomspace(0.002, 0.2, number).tolist(), "opportunity_cost": np.geomspace(0.03, 3.0, number).tolist(),
        "episodes": 1000 if quick else 3000, "restarts": 8, "starts": 2,
        "agent": {
            "sigma_base": 2.0, "sigma_0": 1.0, "learn_samples": "shared", "learn_q": False, "n_trajectories": 50,
            "learning_rate_samples": 0.05, "learning_rate_sigma": 0.05,
        },
    }  # fmt: skip


def _run(seed: int, settings: dict[str, Any], workers: int | None, progress: Any) -> dict[str, Any]:
    base, restarts = Agent(**settings["agent"]), settings["restarts"]
    agents = {
        (row, column): base.replace(lam=lam, opportunity_cost=omega)
        for row, omega in enumerate(settings["opportunity_cost"])
        for column, lam in enumerate(settings["lam"])
    }
    results = batch.train_many(
        CHOICE, agents, episodes=settings["episodes"], restarts=restarts, seed=seed, workers=workers,
        q=np.tile(Q, (restarts, 1, 1)), progress=part(progress, 0, 0.5),
    )  # fmt: skip
    shape = (len(settings["opportunity_cost"]), len(settings["lam"]))
    names = ("samples", "sigma", "objective")
    arrays: dict[str, Any] = {f"exact_{name}": np.zeros(shape) for name in names}
    arrays |= {f"learned_{name}": np.zeros((*shape, restarts)) for name in names}
    for number, (cell, agent) in enumerate(agents.items()):
        best, learned = exact.optimum(CHOICE, agent, Q, "soft", starts=settings["starts"]), results[cell]
        of_best = (best.samples[0], best.sigma[0].mean(), best.objective)
        worth = [
            exact.evaluate(CHOICE, agent, Q, sigma, "soft", samples=samples).objective
            for sigma, samples in zip(learned.sigma, learned.samples, strict=True)
        ]
        of_learned = (learned.samples[:, 0], learned.sigma[:, 0].mean(axis=1), worth)
        for name, one, many in zip(names, of_best, of_learned, strict=True):
            arrays[f"exact_{name}"][cell], arrays[f"learned_{name}"][cell] = one, many
        if progress is not None:
            progress(0.5 + 0.5 * (number + 1) / len(agents))
    return arrays | {"steps": batch.steps(results.values())}


STUDY = Study("effort-plane", _settings, _run)
