"""Training (Algorithm 1): everything is checked here, before any work starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from .. import _checks, pairing
from .._io.progress import check as check_progress
from .._io.progress import shown
from ..agents import Agent
from ..tasks.base import Task
from ..tasks.registry import make
from . import engine, exact_training
from .arguments import (
    check_task_and_agent,
    checked_count,
    checked_episodes,
    checked_memories,
    checked_seed,
    workers_or_none,
)  # fmt: skip
from .cutoffs import warn_of_cutoffs
from .divergence import DivergenceError
from .result import Result, reached_effort
from .schedule import Policy, Schedule

Estimator = Literal["sampled", "exact"]
ESTIMATORS: tuple[str, ...] = get_args(Estimator)
Progress = Callable[[int, int], object]


def train(
    task: Task | str, agent: Agent, *, episodes: int, restarts: int = 5, seed: int | None = None,
    evaluate_every: int | None = None, evaluation_episodes: int = 100, evaluation_policy: Policy = "soft",
    snapshots: Sequence[int] = (), q: npt.ArrayLike | None = None, sigma: npt.ArrayLike | None = None,
    estimator: Estimator = "sampled", workers: int | None = None, progress: Progress | bool | None = None,
    rng: np.random.Generator | None = None,
) -> Result:  # fmt: skip
    """Train an agent (Algorithm 1), several times over.

    The result depends on the task, the agent, the seed and the number of each restart alone: not on the number of
    threads or restarts, the processor, or whether runs are evaluated.

    Parameters
    ----------
    task : Task or str
        A `TabularMDP`, one of `sigmalloc.tasks`, or the name of one ("grid-world").
    agent : Agent
    episodes : int
        Episodes of each run.
    restarts : int
        Runs, numbered from 0. Each has its own random stream,
        ``numpy.random.SFC64(SeedSequence(seed, spawn_key=(restart,)))``.
    seed : int, optional
        Of all random numbers: the same seed gives the same bits. None: drawn from the system, and recorded in the
        result.
    evaluate_every : int, optional
        Evaluate after every so many episodes; None: never.
    evaluation_episodes : int
        Fresh episodes of each evaluation, with q̄ and σ frozen, from a stream of their own.
    evaluation_policy : {"soft", "hard"}
        Eq. 2 with its max softened (A.1) or not.
    snapshots : sequence of int
        Numbers of completed episodes after which q̄ and σ are kept.
    q, sigma : array of float, shape (states, actions) or (restarts, states, actions), optional
        Initial q̄ and σ, instead of the agent's ``q_init`` and ``sigma_0``; or of each memory, shape (memories,) or
        (restarts, memories).
    estimator : {"sampled", "exact"}
        Where the gradient of the σ update comes from: N_traj sampled trajectories, or `sigmalloc.exact.gradient`, which
        has neither sampling noise nor the bias of the advantage gradient (A.3), costs milliseconds an episode, and
        needs a finite task whose soft policy ends its episodes.
    workers : int, optional
        Threads; None: one per processor.
    progress : bool or callable(done, total), optional
        True draws a bar; a function is called now and then with episodes over all runs.
    rng : numpy.random.Generator, optional
        The seed is drawn from it, instead of given, and recorded in the result.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If an argument is not valid, or task and agent contradict each other; nothing has been run then.
    DivergenceError
        If a run's q̄ or σ is no longer finite; the other runs are finished and in its ``result``.

    Warns
    -----
    ScaleWarning
        If σ_base and λ are out of scale for the task's rewards (`sigmalloc.pairing.scale_warning`); small calls, of
        fewer than 1000 episodes, are not looked at, since q* takes longer than they do.
    CutOffWarning
        If the step limit cut off every learning episode: no end can be reached, or of 100 and more none was.
    """
    if isinstance(task, str):
        task = make(task)
    schedule, seed, given = prepare(
        task, agent, episodes=episodes, restarts=restarts, seed=checked_seed(seed, rng), evaluate_every=evaluate_every,
        evaluation_episodes=evaluation_episodes, evaluation_policy=evaluation_policy, snapshots=snapshots, q=q,
        sigma=sigma, estimator=estimator, workers=workers, progress=progress,
    )  # fmt: skip
    restarts = checked_count("restarts", restarts)
    if schedule.episodes * restarts >= pairing.LARGE_CALL:
        pairing.warn_of_scale(task, agent)
    streams = engine.run_streams(seed, range(restarts))
    outcome = advance(task, agent, schedule, streams, **given, estimator=estimator, workers=workers, progress=progress)
    result = checked_result(make_result(task, agent, seed, schedule, outcome, estimator), outcome)
    warn_of_cutoffs(task, int(result.training_cutoffs.sum()), schedule.episodes * restarts, "learning ")
    return result


def prepare(
    task: Any, agent: Any, *, episodes: Any, restarts: Any = 5, seed: Any = None, evaluate_every: Any = None,
    evaluation_episodes: Any = 100, evaluation_policy: Any = "soft", snapshots: Any = (), q: Any = None,
    sigma: Any = None, estimator: Any = "sampled", workers: Any = None, progress: Any = None,
) -> tuple[Schedule, int, dict[str, Any]]:  # fmt: skip
    """Every check of `train`, before any work: the schedule, the seed, and initial q̄ and σ of the memories."""
    check_task_and_agent(task, agent)
    episodes = _checks.integer("episodes", episodes, low=1)
    schedule = Schedule(episodes, evaluate_every, evaluation_episodes, evaluation_policy, snapshots)
    checked_episodes(task, schedule.episodes)
    restarts = checked_count("restarts", restarts)
    seed = checked_seed(seed)
    _checks.choice("estimator", estimator, ESTIMATORS)
    workers_or_none(workers)
    q, sigma = checked_memories(task, agent, q, sigma, restarts)
    engine.capacity(task, [agent])
    if estimator == "exact":
        exact_training.check(task, agent)
    check_progress(progress)
    return schedule, seed, {"q": q, "sigma": sigma}


def advance(
    task: Task, agent: Agent, schedule: Schedule, streams: npt.NDArray[np.uint64], *, estimator: str = "sampled",
    progress: Progress | bool | None = None, **given: Any,
) -> engine.Outcome:  # fmt: skip
    """The runs of one agent, by one of the estimators."""
    n = len(streams)
    with shown(progress, schedule.episodes * n, unit="episode") as meter:
        report = None if progress is None else meter.update
        if estimator == "exact":
            return exact_training.run(task, agent, schedule, streams, progress=report, **given)
        return engine.run(task, [agent] * n, schedule, streams, progress=report, **given)


def make_result(
    task: Task, agent: Agent, seed: int, schedule: Schedule, outcome: engine.Outcome, estimator: str = "sampled"
) -> Result:
    """The `Result` of runs of one agent, which takes the arrays of their outcome over."""
    for name in ("q", "sigma", "snapshots"):  # in turn, so that only one of them is there twice
        setattr(outcome, name, task.places.memories(getattr(outcome, name)))
    report = dict(zip(engine.REPORT, outcome.report, strict=True))
    return Result(
        task=task,
        agent=agent,
        seed=seed,
        memory_q=outcome.q,
        memory_sigma=outcome.sigma,
        episodes=np.array(schedule.checkpoint_episodes, dtype=np.int64),
        reward=report["reward"],
        value=report["value"],
        cost=report["cost"],
        cutoffs=report["cutoffs"],
        time=report["time"],
        time_cost=report["time_cost"],
        effort=report["effort"],
        search_budgets=report["search_budgets"],
        steps=outcome.counters[:, 1].copy(),
        training_cutoffs=outcome.counters[:, 2].copy(),
        training_episodes=schedule.last_episode,
        evaluation_episodes=schedule.evaluation_episodes if schedule.evaluate_every else 0,
        evaluation_policy=schedule.evaluation_policy,
        snapshot_episodes=np.array(schedule.snapshots, dtype=np.int64),
        snapshot_memory_q=outcome.snapshots[:, :, 0].copy(),
        snapshot_memory_sigma=outcome.snapshots[:, :, 1].copy(),
        stream=outcome.streams[:, 0].copy(),
        evaluation_stream=outcome.streams[:, 1].copy(),
        scale=outcome.scale.copy(),
        usage=outcome.usage.copy() if len(outcome.usage) else np.zeros((len(outcome.q), 0)),
        samples=reached_effort(task, agent, len(outcome.q), outcome.samples),
        opportunity_cost=outcome.earned[:, 2].copy(),
        search_budget=outcome.budget.copy(),
        earned=outcome.earned[:, :2].copy(),
        estimator=estimator,
    )


def checked_result(result: Result, outcome: engine.Outcome, first_episode: int = 0) -> Result:
    """The result, or the error that says which of its runs are no longer finite."""
    reached = outcome.report[:3]
    if not outcome.counters[:, 3].any() and np.isfinite(reached).all():
        return result
    error, episode = outcome.counters[:, 3].copy(), first_episode + outcome.counters[:, 0]
    off = ~np.isfinite(reached).all(axis=0) & (error == 0)[:, None]
    for run in np.flatnonzero(off.any(axis=1)):
        checkpoint = int(off[run].argmax())
        error[run] = 3
        episode[run] = result.episodes[len(result.episodes) - off.shape[1] + checkpoint]
    failed = np.flatnonzero(error)
    first = failed[0]
    raise DivergenceError(
        f"{engine.ERRORS[int(error[first])]} of restart {first} was no longer finite in episode {episode[first]} "
        f"on {result.task.name!r} (seed {result.seed}); {failed.size} of {result.restarts} runs failed; "
        f"{result.agent}",
        result,
        tuple(int(restart) for restart in failed),
    )


def extend(
    result: Result, *, episodes: int, agent: Agent | None = None, snapshots: Sequence[int] = (),
    workers: int | None = None, progress: Progress | bool | None = None,
) -> Result:  # fmt: skip
    """See `Result.extend`."""
    new = result.agent if agent is None else agent
    check_task_and_agent(result.task, new)
    if new.allocation != result.agent.allocation:
        raise ValueError(
            f"agent: a run of allocation={result.agent.allocation!r} cannot go on with {new.allocation!r}, whose σ has "
            "another shape; train from its q and sigma instead"
        )
    episodes = _checks.integer("episodes", episodes, low=1)
    first = result.training_episodes
    every = int(result.episodes[0]) if result.episodes.size else None
    schedule = Schedule(
        episodes, every, result.evaluation_episodes or 1, result.evaluation_policy, snapshots, first_episode=first
    )
    checked_episodes(result.task, episodes, first)
    engine.capacity(result.task, [new])
    if not result.resumable:
        raise ValueError(
            "this result was saved by a version that did not keep all that a run goes on from (its evaluation stream): "
            "train it again"
        )
    usage = result.usage if result.usage.shape[1] else np.zeros((result.restarts, result.task.n_states))
    before = engine.Before(
        result.scale, usage, result.samples, np.column_stack([result.earned, result.opportunity_cost]),
        result.search_budget,
    )  # fmt: skip
    outcome = advance(
        result.task, new, schedule, np.stack([result.stream, result.evaluation_stream], axis=1),
        q=result.memory_q, sigma=result.memory_sigma, before=before,
        estimator=result.estimator, workers=workers_or_none(workers), progress=progress,
    )  # fmt: skip
    later = make_result(result.task, new, result.seed, schedule, outcome, result.estimator)
    return checked_result(result.joined(later), outcome, first)


Result.go_on = staticmethod(extend)
