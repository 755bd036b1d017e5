"""Mountain car: maps, gradients, comparison agents and the price of precision (Figure 2, section B.2)."""

import numpy as np

from ... import metrics, tasks
from .. import batch
from ..parameters import SETS, comparison_agents
from ..study import Study, part
from .simulation import simulate

GRADIENTS = {"A": "advantage", "Q": "q", "R": "reinforce"}


def _settings(quick):
    restarts = {
        "table": {"DRA": 112, "equal": 128, "free": 56, "Q": 5, "R": 5, "other prices": 8},
        "scripts": {"DRA": 112, "equal": 8, "free": 96, "Q": 32, "R": 32},
    }
    if quick:
        few = {"other prices": 2}
        restarts = {name: {key: few.get(key, 3) for key in counts} for name, counts in restarts.items()}
    return {
        "episodes": 1000 if quick else 10_000, "restarts": restarts, "evaluate_every": 250, "evaluation_episodes": 40,
        "lam": [0.0, 0.1, 0.2, 0.4], "mapped": 3 if quick else 16, "simulated": 40,
    }  # fmt: skip


def _run(seed, settings, workers, progress):
    task, arrays = tasks.mountain_car(), {"lam": np.array(settings["lam"])}
    for number, (name, make) in enumerate(SETS.items()):
        agent, restarts = make("mountain-car"), dict(settings["restarts"][name])
        agents = comparison_agents(agent)
        agents |= {key: agent.replace(gradient=psi) for key, psi in GRADIENTS.items() if psi != agent.gradient}
        prices = [lam for lam in settings["lam"] if "other prices" in restarts and lam not in (0.0, agent.lam)]
        agents |= {f"lam={lam}": agent.replace(lam=lam) for lam in prices}
        restarts |= {f"lam={lam}": restarts["other prices"] for lam in prices}
        results = batch.train_many(
            task, agents, episodes=settings["episodes"], restarts={key: restarts[key] for key in agents}, seed=seed,
            evaluate_every=settings["evaluate_every"], evaluation_episodes=settings["evaluation_episodes"],
            workers=workers, progress=part(progress, 0.45 * number, 0.45 + 0.53 * number),
        )  # fmt: skip
        results["A"] = dra = results["DRA"]
        arrays["episodes"] = dra.episodes
        arrays |= {
            f"{name}_{key}_{quantity}": getattr(results[key], quantity)
            for key in (*comparison_agents(agent), *GRADIENTS)
            for quantity in ("reward", "cost")
        }
        if name == "table":
            for index, lam in enumerate(settings["lam"]):
                result = {0.0: results["free"], agent.lam: dra}.get(lam) or results[f"lam={lam}"]
                arrays[f"success_{index}"] = 1 - result.cutoffs / settings["evaluation_episodes"]
        maps = _maps(task, dra, slice(settings["mapped"]), settings["simulated"], seed)
        arrays |= {f"{name}_{key}": value for key, value in maps.items()}
    return arrays


def _maps(task, result, runs, episodes, seed):
    """Value, choice entropy and what simulated episodes visit, run by run."""
    q, sigma = result.q[runs], result.sigma[runs]
    maps = {
        "value": metrics.state_values(q, task.exists),
        "entropy": metrics.choice_entropy(q, sigma, task.exists),
    }
    visits, togo, paths = [], [], []
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
        steps = np.arange(task.step_limit)[:, None] < lasted[best]
        paths.append(np.where(steps, np.stack([x[:, best], v[:, best]], axis=1), np.nan))
    return maps | {"visits": np.stack(visits), "reward_to_go": np.stack(togo), "best_path": np.stack(paths)}


STUDY = Study("car", _settings, _run, (110, 4))
