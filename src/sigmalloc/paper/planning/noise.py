"""How the noise of the sampled gradient grows with the number of paths of a trial (second rows of 3d and B1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import exact, tasks, train
from ...agents import Agent
from ..batch import paths
from ..study import Study
from .common import BUDGETS, STARTS

MOVES = (3, 4, 5)


def _settings(quick: bool) -> dict[str, Any]:
    return {
        "budgets": {str(moves): BUDGETS[moves] for moves in MOVES}, "updates": 256 if quick else 1024, "starts": STARTS,
    }  # fmt: skip


def _run(seed: int, settings: dict[str, Any], workers: int | None, progress: Any) -> dict[str, Any]:
    agent = Agent.table_b1("planning", learn_q=False)
    arrays: dict[str, Any] = {"steps": 0}
    total = sum(map(len, settings["budgets"].values()))
    for text, budgets in settings["budgets"].items():
        task = tasks.planning(moves=int(text))
        rows = []
        for budget in budgets:
            rows.append(_noise(task, agent.replace(search_budget=budget), settings, seed, workers, arrays))
            if progress:
                progress(len(rows) / total)
        arrays[f"{text}_budgets"] = np.array(budgets)
        names = ("size", "expected", "flexible", "equal", "exact", "z")
        arrays |= {
            f"{text}_{name}": np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)
        }
    return arrays


def _noise(
    task: Any, agent: Agent, settings: dict[str, Any], seed: int, workers: int | None, arrays: dict[str, Any]
) -> tuple[float, ...]:
    """Of one update at the optimal σ with q̄ = q*, root mean squares over memories: size of the reward's expected
    gradient and of all of it, and scatter of what is sampled, of each memory, and of their mean (the gradient of an
    equal precision). Then the exact scatter of each memory, which is known for one path alone, and how many standard
    errors the mean over memories of what is sampled lies from its expectation.
    """
    q = task.optimal_q()
    sigma = exact.optimum(task, agent, q=q, starts=settings["starts"]).sigma
    held = task.memories
    # one update by a small step, without bounds: the step tells the gradient
    free = agent.replace(learning_rate_sigma=1e-6, sigma_min=1e-9, sigma_max=1e9)
    result = train(
        task, free, episodes=1, restarts=settings["updates"], seed=seed, q=q, sigma=sigma, workers=workers
    )  # fmt: skip
    arrays["steps"] += int(result.steps.sum())
    sampled = (result.sigma - sigma)[:, held] / free.at("learning_rate_sigma", 0)
    several = paths(task, agent) > 1
    estimator: Any = exact.expected_estimator(task, free, q, sigma, variance=not several)
    together = sampled.mean(axis=1)
    shift = together.mean() - estimator.gradient[held].mean()
    return (
        _rms(estimator.reward_gradient[held]), _rms(estimator.gradient[held]), _rms(sampled.std(axis=0, ddof=1)),
        together.std(ddof=1), np.nan if several else _rms(estimator.std[held]),
        shift / (together.std(ddof=1) / np.sqrt(len(together))),
    )  # fmt: skip


def _rms(values: Any) -> float:
    return float(np.sqrt(np.mean(values**2)))


STUDY = Study("planning-noise", _settings, _run)
