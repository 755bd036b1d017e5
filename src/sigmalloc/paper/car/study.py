"""Mountain car: maps, gradients and comparison agents (Figure 2)."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from ... import metrics, tasks
from .. import batch
from ..parameters import SETS, comparison_agents
from ..study import Study, part
from .simulation import simulate

GRADIENTS = {"A": "advantage", "Q": "q", "R": "reinforce", "whole": "return"}
"""Ψ of Figure 2d; of R also the scripts' form, the return of the whole episode at every step."""

DECIDED = 4.0
"""Standard errors by which DRA must be better than another agent for no more runs to be trained."""

HOPELESS = 1.15
"""Least ratio to equal precision that counts as the paper's 1.3 (half of the improvement)."""


def _settings(quick: bool) -> dict[str, Any]:
    least = {
        "table": {"DRA": 48, "equal": 48, "free": 48, "Q": 8, "R": 8, "whole": 8},
        "scripts": {"DRA": 48, "equal": 16, "free": 48, "Q": 16, "R": 16, "whole": 16},
    }
    if quick:
        least = {name: dict.fromkeys(counts, batch.GROUP) for name, counts in least.items()}
    return {
        "episodes": 1000 if quick else 10_000, "least": least, "group": 16, "most": batch.GROUP if quick else 128,
        "evaluate_every": 100, "evaluation_episodes": 16, "mapped": 3 if quick else 16, "simulated": 40,
    }  # fmt: skip


def _run(seed: int, settings: dict[str, Any], workers: int | None, progress: Any) -> dict[str, Any]:
    task = tasks.mountain_car()
    arrays: dict[str, Any] = {"steps": 0}
    for number, (name, make) in enumerate(SETS.items()):
        agent = make("mountain-car")
        agents = comparison_agents(agent)
        agents |= {key: agent.replace(gradient=psi) for key, psi in GRADIENTS.items() if psi != agent.gradient}
        low, share = 0.5 * number, 0.49
        wanted = dict(settings["least"][name])
        found: dict[str, list[Any]] = {key: [] for key in agents}
        first: Any = None
        for look in itertools.count():
            results = batch.train_many(
                task, {key: agents[key] for key in wanted}, episodes=settings["episodes"], restarts=wanted,
                seed=batch.group_seed(seed, look), evaluate_every=settings["evaluate_every"],
                evaluation_episodes=settings["evaluation_episodes"], snapshots=(1,), workers=workers,
                progress=part(progress, low, low + share / 2),
            )  # fmt: skip
            low, share = low + share / 2, share / 2
            arrays["steps"] += batch.steps(results.values())
            first = first or results
            for key, result in results.items():
                found[key].append(np.stack([result.reward, result.cost]))
            wanted = _undecided({key: np.concatenate(parts, axis=1) for key, parts in found.items()}, settings)
            if not wanted:
                break
        arrays["episodes"] = first["DRA"].episodes
        found["A"] = found["DRA"]
        for key, parts in found.items():
            arrays[f"{name}_{key}_reward"], arrays[f"{name}_{key}_cost"] = np.concatenate(parts, axis=1)
        maps = _maps(task, first["DRA"], slice(settings["mapped"]), settings["simulated"], seed)
        arrays |= {f"{name}_{key}": value for key, value in maps.items()}
    return arrays


def _undecided(curves: Any, settings: dict[str, Any]) -> dict[str, int]:
    """Runs that are still wanted of each agent, after a look at those there are.

    DRA is compared with equal precision and with every other gradient. A comparison goes on, by groups of runs of both,
    until DRA is better by `DECIDED` standard errors; with equal precision also until it is sure not to be better by as
    much as the paper says (`HOPELESS` times).
    """
    final = {key: batch.tail(reward - cost) for key, (reward, cost) in curves.items()}
    level = {key: (runs.mean(), runs.std(ddof=1) / np.sqrt(len(runs))) for key, runs in final.items()}
    dra, error = level["DRA"]
    going = set()
    for key in ("equal", *GRADIENTS):
        if key not in level or len(final[key]) >= settings["most"]:
            continue
        gain, noise = dra - level[key][0], np.hypot(error, level[key][1])
        hopeless = key == "equal" and gain + DECIDED * noise < (HOPELESS - 1) * abs(dra)
        if gain < DECIDED * noise and not hopeless:
            going |= {key, "DRA"}
    room = {key: settings["most"] - len(final[key]) for key in going}
    return {key: min(settings["group"], left) for key, left in room.items() if left > 0}


def _maps(task: Any, result: Any, runs: Any, episodes: Any, seed: int) -> dict[str, Any]:
    """Value, choice entropy and what simulated episodes visit, run by run."""
    q, sigma = result.q[runs], result.sigma[runs]
    maps = {
        "value": metrics.state_values(q, task.exists),
        "entropy": metrics.choice_entropy(q, sigma, task.exists),
        # what has not changed since the first episode, which all later ones begin like, has never been visited
        "visited": (q != result.snapshot_q[runs, 0]).any(axis=2),
    }
    visits, togo, paths, arrived = [], [], [], []
    for run in range(len(q)):
        rng = np.random.default_rng([seed, run])
        x, v, alive = simulate(task, result.agent.beta, q[run], sigma[run], episodes, rng)
        lasted = alive.sum(axis=0)
        ahead = np.where(alive, lasted - np.arange(len(x))[:, None], 0)
        states = task.state(x, v)[alive]
        visited = np.bincount(states, minlength=task.n_states)
        visits.append(visited / episodes)
        total = np.bincount(states, weights=ahead[alive], minlength=task.n_states)
        togo.append(np.where(visited > 0, -total / np.maximum(visited, 1), np.nan))
        best = lasted.argmin()
        arrived.append(lasted[best] < task.step_limit)
        steps = np.arange(task.step_limit)[:, None] < lasted[best]
        paths.append(np.where(steps, np.stack([x[:, best], v[:, best]], axis=1), np.nan))
    drawn = {"visits": visits, "reward_to_go": togo, "best_path": paths, "arrived": arrived}
    return maps | {key: np.stack(value) for key, value in drawn.items()}


STUDY = Study("car", _settings, _run)
