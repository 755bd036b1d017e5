"""Where the authors' scripts do something else than the paper says, one deviation at a time, and what each changes.

No part of `reproduce`: a deviation is measured by naming it, ``python -m sigmalloc.paper.deviations alpha1``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import Agent, TabularMDP, evaluate, exact, tasks, train
from ..tasks.mountain_car import Start
from . import batch
from .maze.change import GATE
from .planning.common import final
from .statistics import Number, difference, mean, show


@dataclass(frozen=True)
class Deviation:
    """Something that the scripts do differently.

    Attributes
    ----------
    name, paper, scripts : str
        What it is called, and what is done in the paper and in the scripts.
    measure : callable(seed, scale) -> list of (str, array, array)
        Names of quantities, and their values over runs as in the paper and as in the scripts. ``scale`` shortens
        training; 1 is what is documented.
    """

    name: str
    paper: str
    scripts: str
    measure: Callable[[int, float], list[Any]]


def measured(deviation: Deviation, seed: int = 0, scale: float = 1.0) -> list[tuple[Number, Number, Number]]:
    """What a deviation changes.

    Returns
    -------
    list of (Number, Number, Number)
        As in the paper, as in the scripts, and the difference, scripts − paper.
    """
    return [
        (mean(f"{name}, paper", without), mean(f"{name}, scripts", with_it), difference(name, with_it, without))
        for name, without, with_it in deviation.measure(seed, scale)
    ]


def _shortened(episodes: Any, scale: float, multiple: int = 20) -> int:
    return max(multiple, int(round(episodes * scale / multiple)) * multiple)


# The maze


def _alpha1(seed: int, scale: float) -> list[Any]:
    episodes = _shortened(10_000, scale)
    task = tasks.grid_world(change_at=_shortened(3000, scale))
    results = batch.train_many(
        task, {alpha: Agent.scripts("grid-world", learning_rate_q=alpha) for alpha in (0.1, 0.2)}, episodes=episodes,
        restarts=64, seed=seed, evaluate_every=episodes, evaluation_episodes=100,
    )  # fmt: skip
    gates = [
        evaluate(task, result.agent, result.q, result.sigma, episodes=100, seed=seed, episode=episodes - 1)
        .visits[:, GATE].sum(axis=1) > 0.5
        for result in results.values()
    ]  # fmt: skip
    rewards = [result.reward[:, -1] for result in results.values()]
    return [("runs whose path moves to the top row", *(gate.astype(float) for gate in gates)),
            ("return at the end", *rewards)]  # fmt: skip


# Planning


def started(task: Any, state: int) -> TabularMDP:
    """The task with one start."""
    start = np.zeros(task.n_states)
    start[state] = 1.0
    return TabularMDP(
        task.next_state, task.reward, task.probability, start=start, terminal=task.terminal, horizon=task.horizon,
        name=task.name,
    )  # fmt: skip


def _same_start(seed: int, scale: float) -> list[Any]:
    """With q̄ = q*, one σ update at a time: from the task itself, or from the task with the start of that update."""
    task, groups, restarts = tasks.planning(), 4, 4
    agent, q = Agent.table_b1("planning", learn_q=False), task.optimal_q()
    episodes = _shortened(10_000, scale)
    by_start = {int(state): started(task, int(state)) for state in np.flatnonzero(task.start)}
    found: dict[str, list[Any]] = {"drawn": [], "reused": []}
    for group in range(groups):
        starts = np.random.default_rng([seed, group]).choice(list(by_start), size=episodes)
        for name, worth in found.items():
            sigma, late = None, []
            for number, start in enumerate(starts):
                result = train(
                    task if name == "drawn" else by_start[int(start)], agent, episodes=1, restarts=restarts, q=q,
                    sigma=sigma, seed=batch.group_seed(seed, 1 + group * episodes + number), workers=1,
                )  # fmt: skip
                sigma = result.sigma
                if number >= 0.8 * episodes and (number + 1) % max(1, episodes // 50) == 0:
                    late.append([exact.evaluate(task, agent, q, one, policy="hard").objective for one in sigma])
            worth.append(np.mean(late, axis=0))
    return [("exact objective, q̄ = q*", *(np.concatenate(worth) for worth in found.values()))]


def _one_learning_path(seed: int, scale: float) -> list[Any]:
    """q̄ learned on one path a trial: blocks of learning along one path alternate with blocks of σ updates."""
    task = tasks.planning()
    episodes = _shortened(4000, scale)
    found: dict[Any, Any] = {}
    for name, budget_while_learning in (("all paths", 100.0), ("one path", None)):
        agent = Agent.table_b1("planning", search_budget=100.0)
        learner = agent.replace(search_budget=budget_while_learning, allocation="fixed")
        allocator = agent.replace(learn_q=False)
        restarts = 8
        tables: dict[str, Any] = {"q": np.zeros((8, task.n_states, 2)), "sigma": None}
        for number in range(episodes):
            options: dict[str, Any] = {"episodes": 1, "restarts": restarts, "workers": 1}
            learned = train(task, learner, seed=batch.group_seed(seed, 2 * number + 1), **tables, **options)
            tables["q"] = learned.q
            allocated = train(
                task, allocator, seed=batch.group_seed(seed, 2 * number + 2), **options,
                q=learned.q, sigma=learned.sigma,
            )  # fmt: skip
            tables["sigma"] = allocated.sigma
        final_agent = agent.replace(learning_rate_sigma=0.0, learn_q=False)
        found[name] = train(
            task, final_agent, episodes=1, restarts=restarts, seed=seed, evaluate_every=1, evaluation_episodes=5000,
            **tables,
        )  # fmt: skip
    q = [np.abs(result.q - task.optimal_q())[:, task.memories].mean(axis=1) for result in found.values()]
    objectives = [result.objective[:, 0] for result in found.values()]
    return [("objective at a budget of 100 %", *objectives), ("mean distance of q̄ from q*", *q)]


def _sigma_40(seed: int, scale: float) -> list[Any]:
    agent = Agent.table_b1("planning")
    agents = {(sigma_0, budget): agent.replace(sigma_0=sigma_0, search_budget=budget)
              for budget in (12.5, 100.0) for sigma_0 in (50.0, 40.0)}  # fmt: skip
    episodes = _shortened(30_000, scale)
    results = batch.train_many(
        tasks.planning(), agents, episodes=episodes, restarts=16, seed=seed, evaluate_every=episodes // 20,
        evaluation_episodes=1000,
    )  # fmt: skip
    objective = dict(zip(results, final(results), strict=True))
    return [(f"final objective, budget {budget:g} %", objective[50.0, budget], objective[40.0, budget])
            for budget in (12.5, 100.0)]  # fmt: skip


# Mountain car


def _gymnasium(seed: int, scale: float) -> list[Any]:
    episodes = _shortened(5000, scale)
    every = episodes // 20
    found: dict[Any, Any] = {}
    starts: tuple[tuple[Start, int], ...] = (("bottom", 2 * episodes), ("uniform", episodes))
    for start, length in starts:
        task = tasks.mountain_car(start=start)
        agent = Agent.scripts("mountain-car")
        agents = {"DRA": agent, "equal": agent.replace(allocation="equal")}
        found[start] = batch.train_many(
            task, agents, episodes=length, restarts=16, seed=seed, evaluate_every=every, evaluation_episodes=40
        )
    return [(f"final objective, {key}", *(batch.tail(found[start][key].objective) for start in ("bottom", "uniform")))
            for key in ("DRA", "equal")]  # fmt: skip


DEVIATIONS = {
    deviation.name: deviation
    for deviation in (
        Deviation("alpha1", "α₁ = 0.1 (Table B.1)", "α₁ = 0.2 in the maze's change", _alpha1),
        Deviation("same-start", "a start is drawn for every trajectory", "one start for all trajectories of an update",
                  _same_start),
        Deviation("one-path", "q̄ is learned along every path planned", "q̄ is learned along one path a trial",
                  _one_learning_path),
        Deviation("sigma-40", "σ₀ = 50 (Table B.1)", "σ₀ = 40 for search budgets", _sigma_40),
        Deviation("gymnasium", "start at the bottom, 10,000 episodes", "Gymnasium's start, 5000 episodes", _gymnasium),
    )
}  # fmt: skip
"""Every deviation by its name."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what deviations change, as rows of a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("only", nargs="*", choices=[[], *DEVIATIONS], metavar="name", help=", ".join(DEVIATIONS))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    print("| deviation | paper | scripts | measured | paper | scripts | difference |\n|---|---|---|---|---|---|---|")
    for name in options.only or DEVIATIONS:
        one = DEVIATIONS[name]
        for without, with_it, change_ in measured(one, options.seed):
            cells = (name, one.paper, one.scripts, change_.name, str(without), str(with_it), _judged(change_))
            print("| " + " | ".join(cells) + " |", flush=True)


def _judged(number: Number) -> str:
    return f"{show(number.value, number.error)} (z = {number.z:.1f})".replace("-", "−")


if __name__ == "__main__":
    main()
