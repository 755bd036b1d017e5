"""Many agents trained side by side, what that costs, and the level at which a curve ends."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, wait
from typing import Any

import numpy as np

from .. import train
from .._threads import Threads
from ..agents import Agent
from ..runs import Result
from ..runs.engine import usable_processors as usable_processors

TAIL = 0.2
"""Fraction of the checkpoints, at the end, over which a final level is averaged."""

GROUP = 8
"""Runs that advance together in the compiled core: eight cost what one does."""


def train_many(
    task: Any,
    agents: Any,
    *,
    episodes: Any,
    restarts: Any,
    workers: int | None = None,
    progress: Any = None,
    **options: Any,
) -> dict[Any, Result]:
    """Train several agents on one task, as many at a time as there are threads.

    All are trained with the same seed, so agents share the streams of their restarts.

    Parameters
    ----------
    task : TabularMDP or MountainCar
    agents : dict of {hashable: Agent}
    episodes, restarts : int or dict of {hashable: int}
        Of every agent, or of each.
    workers : int, optional
        Threads; None: one per processor.
    progress : callable(fraction), optional
    **options
        As for `sigmalloc.train`.

    Returns
    -------
    dict of {hashable: Result}
        In the order of ``agents``; each is what `sigmalloc.train` gives.
    """
    episodes, restarts = (
        value if isinstance(value, dict) else dict.fromkeys(agents, value) for value in (episodes, restarts)
    )
    work = {name: episodes[name] * restarts[name] * _trajectories(task, agent) for name, agent in agents.items()}
    workers = workers or usable_processors()
    threads = min(workers, len(agents))
    done, lock = dict.fromkeys(agents, 0.0), threading.Lock()

    def one(name: str) -> Result:
        def tell(part: Any, total: int) -> None:
            with lock:
                done[name] = part / total
                if progress is not None:
                    progress(sum(work[key] * fraction for key, fraction in done.items()) / sum(work.values()))

        return train(
            task, agents[name], episodes=episodes[name], restarts=restarts[name], workers=workers // threads,
            progress=tell, **options,
        )  # fmt: skip

    with Threads(threads, "sigmalloc-paper") as pool:
        # the longest first, so that no thread is left with one of them at the end
        pending = {name: pool.submit(one, name) for name in sorted(agents, key=lambda name: -work[name])}
        finished, _ = wait(pending.values(), return_when=FIRST_EXCEPTION)
        if any(future.exception() for future in finished):
            pool.shutdown(wait=True, cancel_futures=True)
        return {name: pending[name].result() for name in agents}


def _trajectories(task: Any, agent: Agent) -> int:
    return (1 + agent.n_trajectories) * paths(task, agent)


def paths(task: Any, agent: Agent) -> int:
    """Paths of a trial: those that a search budget pays for, or one."""
    return 1 if agent.search_budget is None else int(agent.search_budget / 100 * task.n_actions**task.horizon + 1e-9)


def group_seed(seed: int, group: int) -> int:
    """Seed of a further group of runs: independent of all others, and the study's own for the first one."""
    if group == 0:
        return seed
    return int(np.random.SeedSequence([seed, group]).generate_state(1, np.uint64)[0])


def steps(results: Any) -> int:
    """Environment steps of results, those of their evaluations included."""
    return sum(int(result.steps.sum()) + _evaluation_steps(result) for result in results)


def _evaluation_steps(result: Any) -> int:
    """Every step of the paper's mazes and of mountain car costs 1, but for the one that enters a goal (+10)."""
    episodes = result.evaluation_episodes * result.reward.size
    if result.task.horizon is not None:
        return int(episodes * result.task.horizon * paths(result.task, result.agent))
    goal = result.task.reward.max() + 1 if result.task.finite else 0
    return int(goal * (episodes - result.cutoffs.sum()) - result.evaluation_episodes * result.reward.sum())


def tail(curves: Any) -> Any:
    """Final level of each run: the mean of the last fifth of its checkpoints.

    Parameters
    ----------
    curves : array of float, shape (..., checkpoints)

    Returns
    -------
    array of float, shape (...)
    """
    return last(curves).mean(axis=-1)


def last(curves: Any) -> Any:
    """The last fifth of the checkpoints, at least one: what final levels are averaged over."""
    return curves[..., -max(1, round(TAIL * curves.shape[-1])) :]
