"""The planning task: trajectories per update, search budgets, and numbers of moves (Figure 3, Figure B.1)."""

import numpy as np

from ... import metrics, tasks
from ...agents import Agent
from .. import _runs
from ._study import Study, part

PLANNERS = ("rollouts", "depth-first")
BUDGETS = {
    3: [12.5, 25, 37.5, 50, 62.5, 75, 87.5, 100],
    4: [6.25, 12.5, 18.75, 25, 37.5, 50, 75, 100],
    5: [3.125, 6.25, 12.5, 18.75, 25, 50, 75, 100],
}
"""Search budgets in % of M·2^M, by the number of moves M."""

STARTS = 2
"""Starts of the search for the exact optimum; more find nothing better here."""


def _extras():
    return [name for name, there in (("scipy", _runs.exact_available()), ("cma", _runs.cma_available())) if there]


def variants():
    """Task and agent of each parameter set: Table B.1, and the scripts' (σ₀ = σ_base = 100, last move known)."""
    return {
        "table": (tasks.planning(), Agent.table_b1("planning")),
        "scripts": (tasks.planning(known_last_move=True), Agent.scripts("planning")),
    }


def _final(results, quantity="objective"):
    return np.stack([_runs.tail(getattr(result, quantity)) for result in results.values()])


# Trajectories per update (Figure 3c, section B.2)


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
            results = _runs.train_many(
                task, agents, episodes=settings["episodes"], seed=seed, evaluate_every=every,
                restarts=settings["restarts_fixed" if known else "restarts"],
                evaluation_episodes=settings["evaluation_episodes"], q=task.optimal_q() if known else None,
                snapshots=_runs.last(checkpoints).tolist() if known else (),
                workers=workers, progress=part(progress, low, low + 0.2),
            )  # fmt: skip
            key = f"{name}_{'fixed' if known else 'learned'}"
            arrays[f"{key}_objective"] = _final(results)
            if known and _runs.exact_available():
                arrays[f"{key}_exact"] = _exact(task, results)
            arrays[f"{key}_sigma"] = np.stack([result.sigma[:, task.memories] for result in results.values()])
        arrays |= {f"{name}_{key}": value for key, value in _references(task, agent, settings, seed).items()}
    return arrays


def _exact(task, results):
    """What the trained σ are worth exactly, with q̄ = q* and the hard policy, shape (agents, runs).

    The mean over the snapshots of each run: free of the noise of evaluation, and measured as CMA-ES is.
    """
    from ... import exact

    q = task.optimal_q()
    return np.array([
        [np.mean([exact.evaluate(task, result.agent, q, sigma, policy="hard").objective for sigma in run])
         for run in result.snapshot_sigma]
        for result in results.values()
    ])  # fmt: skip


def _references(task, agent, settings, seed):
    """The exact optima of σ, and what CMA-ES finds on the exact objective, with q̄ = q* and the hard policy."""
    if not _runs.exact_available():
        return {}
    from ... import exact

    q = task.optimal_q()
    fixed = agent.replace(learn_q=False)
    found = {
        "optimum": exact.optimum(task, fixed, q=q, starts=STARTS).objective,
        "optimum_equal": exact.optimum(task, fixed, q=q, equal_precision=True).objective,
    }
    if _runs.cma_available():
        found["cma"] = [
            exact.cma_es(task, fixed, q=q, seed=seed + run, evaluations=settings["cma_evaluations"]).objective
            for run in range(settings["cma_runs"])
        ]
    return {key: np.asarray(value, dtype=float) for key, value in found.items()}


# Search budgets (Figures 3d to 3f) and moves (Figure B.1)


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
    results = _trained(task, agents, settings | {"restarts": more}, seed, workers, part(progress, 0, 0.9))
    arrays = {"budgets": np.array(budgets), "planners": np.array(PLANNERS), "q_star": task.optimal_q()}
    for kind in (*PLANNERS, "rate"):
        for allocation in ("dra", "equal"):
            chosen = {key: result for key, result in results.items() if key[:2] == (kind, allocation)}
            if not chosen:
                continue
            for quantity in ("objective", "value", "cost"):
                arrays[f"{kind}_{allocation}_{quantity}"] = _final(chosen, quantity)
            if allocation == "dra":
                arrays |= {f"{kind}_{key}": value for key, value in _memories(task, chosen).items()}
    return arrays | _optima(task, agents, settings["starts"], part(progress, 0.9, 1))


def _optima(task, agents, starts, progress):
    """The exact optimum and the best equal precision with q̄ = q* and the hard policy, for every agent."""
    if not _runs.exact_available():
        return {}
    from ... import exact

    q, found = task.optimal_q(), {}
    for number, ((kind, allocation, _), agent) in enumerate(agents.items()):
        fixed = agent.replace(learn_q=False, allocation="dra")
        best = exact.optimum(task, fixed, q=q, equal_precision=allocation == "equal", starts=starts)
        found.setdefault(f"{kind}_{allocation}_optimum", []).append(best.objective)
        if progress:
            progress((number + 1) / len(agents))
    return {key: np.array(value) for key, value in found.items()}


def _trained(task, agents, settings, seed, workers, progress):
    return _runs.train_many(
        task, agents, episodes=settings["episodes"], restarts=settings["restarts"], seed=seed,
        evaluate_every=settings["episodes"] // settings["checkpoints"],
        evaluation_episodes=settings["evaluation_episodes"], workers=workers, progress=progress,
    )  # fmt: skip


def _memories(task, results):
    """d' and mean σ of each acting state, shape (agents, runs, states), and what hangs on it, shape (states,)."""
    q, sigma = (np.stack([getattr(result, name) for result in results.values()]) for name in ("q", "sigma"))
    acting = ~task.terminal
    star = task.optimal_q()
    return {
        "d_prime": metrics.discriminability(q, sigma, task.exists, by=star)[..., acting],
        "mean_sigma": metrics.mean_sigma(sigma, task.exists)[..., acting],
        "difference": metrics.reward_difference(star, task.exists)[acting],
    }


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
        results = _trained(task, agents, settings, seed, workers, part(progress, *share[int(text)]))
        arrays[f"{text}_budgets"] = np.array(budgets)
        arrays[f"{text}_objective"] = _final(results)
        arrays |= {f"{text}_{key}": value for key, value in _memories(task, results).items()}
    return arrays


STUDIES = (
    Study("planning-trajectories", _trajectory_settings, _trajectories, (5, 3), _extras),
    Study("planning-budgets", _budget_settings, _budgets, (11, 5), _extras),
    Study("planning-moves", _moves_settings, _moves, (6, 2)),
)
