"""Batches of runs on threads: the border between Python and the kernel.

Everything is checked before this layer. Runs are independent: what a run gives is decided by its task, its agent and
its two random streams, never by the batch, the thread or the slice in which it happens to be advanced.
"""

from __future__ import annotations

import functools
import math
import os
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _kernel
from .._threads import Threads
from ..agents import Agent
from ..agents.rules import look_up
from ..agents.schedules import SCHEDULED, Exponential, Points
from ..pairing import is_rated, leaves, most_paths, paths, planning_time, start_budget, time_of_sample, trial_time
from ..tasks.base import Task
from .schedule import Schedule

LANES = 8
SLICE = 50_000  # recalls of four actions per slice, well under a tenth of a second
LARGEST_BATCH = 256
LARGEST_WORKSPACE = 2**31  # bytes a batch may keep scores in

SCHEDULE_DTYPE = np.dtype(
    [("start", np.float64), ("rate", np.float64), ("end", np.float64), ("kind", np.int64), ("first", np.int64),
     ("count", np.int64)]
)  # fmt: skip
RUN_DTYPE = np.dtype(
    [(name, SCHEDULE_DTYPE) for name in SCHEDULED]
    + [(name, np.float64) for name in (
        "gamma", "sigma_base", "sigma_0", "sigma_min", "sigma_max", "q_low", "q_high", "reward_scale", "samples_max",
        "sample_correlation", "sample_time", "time_of_sample", "non_decision_time", "planning_time",
        "learning_rate_samples", "learning_rate_opportunity_cost", "path_time", "leaves", "search_budget_max",
        "learning_rate_search_budget",
    )]
    + [(name, np.int64) for name in (
        "credit", "baseline", "update", "importance", "learn_q", "n_trajectories", "n_paths", "depth_first", "given_q",
        "given_sigma", "goes_on", "first_episode", "episodes", "evaluate_every", "evaluation_episodes",
        "hard_evaluation", "act_only", "effort", "learn_samples", "learn_opportunity_cost", "planned", "rated",
        "learn_search_budget", "most_paths",
    )]
)  # fmt: skip
TRIAL_DTYPE = np.dtype(
    [("reward", np.float64)]
    + [(name, np.int32) for name in ("episode", "step", "state", "action", "next_state", "path")]
)
CHOICE_DTYPE = np.dtype(
    [(name, np.int64) for name in ("state", "action", "next_state", "flags")] + [("reward", np.float64)]
)
REPORT = (
    "reward", "value", "cost", "cutoffs", "reward_squares", "value_squares", "steps", "time", "time_cost",
    "effort", "search_budgets",
)  # fmt: skip
COUNTERS = ("episodes", "steps", "cutoffs", "error")
ERRORS = {1: "q̄", 2: "σ", 3: "an evaluation", 4: "effort", 5: "search budget"}

Floats = npt.NDArray[np.float64]


@dataclass
class Outcome:
    """The kernel's arrays, one row a run.

    Attributes
    ----------
    q, sigma : float64 (runs, places)
    scale : float64 (runs,)
    usage : float64 (runs, states), or (0, 0) where no agent asks
    samples : float64 (runs, states), or (0, 0) where no agent has effort
    earned : float64 (runs, 3)
        Running means of reward and time of learning episodes, and ω.
    budget : float64 (runs,)
        Search budget of planning, in %; NaN where nothing is planned.
    report : float64 (runs, checkpoints, 11)
    snapshots : float64 (runs, snapshots, 2, places)
    visits : float64 (runs, states · actions) or (0, 0)
    counters : int64 (runs, 4)
    streams : uint64 (runs, 2, 4)
    """

    q: Floats
    sigma: Floats
    scale: Floats
    usage: Floats
    samples: Floats
    earned: Floats
    budget: Floats
    report: Floats
    snapshots: Floats
    visits: Floats
    counters: npt.NDArray[np.int64]
    streams: npt.NDArray[np.uint64]

    def rows(self, which: Any) -> Outcome:
        """The outcome of some of the runs."""
        whole = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Outcome(**{name: array[which] if len(array) else array for name, array in whole.items()})


@dataclass(frozen=True)
class Before:
    """Where runs stood when they were left, to go on from there.

    Attributes
    ----------
    scale : float64 (runs,)
    usage : float64 (runs, states)
    samples : float64 (runs, states), optional
        Default: the agents' own.
    earned : float64 (runs, 3), optional
        Running means of reward and time, and ω. Default: none, and the agents' own.
    budget : float64 (runs,), optional
        Search budget in %. Default: the agents' own.
    """

    scale: Floats
    usage: Floats
    samples: Floats | None = None
    earned: Floats | None = None
    budget: Floats | None = None


def stream_states(seed: int, restart: int, evaluation_key: int = 0) -> npt.NDArray[np.uint64]:
    """States of a run's two SFC64 streams, (2, 4): the training stream is that of `numpy.random.SFC64` seeded with
    ``SeedSequence(seed, spawn_key=(restart,))``, the evaluation stream has the spawn key (restart, evaluation_key)."""
    return np.stack([stream_state(seed, (restart,)), stream_state(seed, (restart, evaluation_key))])


def stream_state(seed: int, key: tuple[int, ...]) -> npt.NDArray[np.uint64]:
    """State of `numpy.random.SFC64` seeded with ``SeedSequence(seed, spawn_key=key)``, (4,), without making one."""
    words = np.random.SeedSequence(seed, spawn_key=key).generate_state(3, np.uint64).tolist()
    a, b, c = words
    for counter in range(1, 13):
        output = (a + b + counter) & _WORD
        a, b, c = b ^ (b >> 11), (c + (c << 3)) & _WORD, ((((c << 24) | (c >> 40)) & _WORD) + output) & _WORD
    return np.array([a, b, c, 13], dtype=np.uint64)


_WORD = 2**64 - 1


def capacity(task: Task, agents: Sequence[Agent]) -> int:
    """Scores that the longest trajectory of any of the agents keeps until its return is known.

    Raises
    ------
    ValueError
        If there is no room for them.
    """
    most = 1
    for agent in agents:
        if agent.gradient_rule.waits and agent.learns_offline:
            steps = max(variant.step_limit for variant in task.variants) if task.horizon is None else task.horizon
            most = max(most, steps * (most_paths(task, agent) if agent.gradient_rule.credit == "best_return" else 1))
    if 8 * LANES * most * (task.n_actions + 2) > LARGEST_WORKSPACE:
        raise ValueError(
            f"gradients that wait for a return would keep {most} scores a trajectory on {task.name!r}: lower its "
            "step_limit or the search_budget, or use gradient='advantage'"
        )
    return most


_tables: weakref.WeakKeyDictionary[Task, dict[Any, Any]] = weakref.WeakKeyDictionary()


def tables(task: Task, agents: Sequence[Agent], kernel: Any) -> Any:
    """The task as the kernel reads it; made once for a task and what agents need of it."""
    layout = "mapped" if task.places.mapped else "direct"
    if any(agent.has_effort for agent in agents):
        layout = "with_effort"
    key = (kernel.__name__, capacity(task, agents), layout)
    held = _tables.setdefault(task, {})
    if key not in held:
        places = task.places
        held[key] = kernel.Tables(
            **task.kernel_arrays(),
            change_at=np.array([0, *(episode for episode, _ in task.changes)], dtype=np.int64),
            step_limit=np.array([variant.step_limit for variant in task.variants], dtype=np.int64),
            place=places.place,
            allocated=places.allocated,
            ever_allocated=places.allocated.max(axis=0),
            acting=np.stack([held.exists.any(axis=1) for held in places.maps]).astype(np.float64),
            layout=layout,
            capacity=key[1],
            depth=task.horizon or 0,
        )
    return held[key]


def run_table(
    task: Task, agents: Sequence[Agent], schedule: Schedule, kernel: Any, **given: bool
) -> tuple[npt.NDArray[Any], Floats]:
    """The agents as the kernel reads them, one row a run, and the points of their schedules."""
    rows = np.zeros(len(agents), dtype=RUN_DTYPE)
    points: list[tuple[float, float]] = []
    cache: dict[int, npt.NDArray[Any]] = {}
    for i, agent in enumerate(agents):
        if id(agent) not in cache:
            cache[id(agent)] = _run_row(task, agent, schedule, kernel, points, given)
        rows[i] = cache[id(agent)]
    return rows, np.array(points, dtype=np.float64).reshape(-1, 2)


def _run_row(
    task: Task, agent: Agent, schedule: Schedule, kernel: Any, points: list[tuple[float, float]], given: dict[str, bool]
) -> npt.NDArray[Any]:
    row = np.zeros((), dtype=RUN_DTYPE)
    for name in SCHEDULED:
        row[name] = _schedule_row(agent.schedule(name), kernel.RULES["schedule"], points)
    for name in (
        "gamma", "sigma_base", "sigma_0", "sigma_min", "sigma_max", "learn_q", "n_trajectories", "samples_max",
        "sample_correlation", "sample_time", "non_decision_time", "learning_rate_samples",
        "learning_rate_opportunity_cost", "learn_opportunity_cost", "search_budget_max", "learning_rate_search_budget",
        "learn_search_budget",
    ):  # fmt: skip
        row[name] = getattr(agent, name)
    row["q_low"], row["q_high"] = agent.q_init if isinstance(agent.q_init, tuple) else (agent.q_init, agent.q_init)
    row["rated"] = is_rated(task, agent)
    row["reward_scale"] = 1.0 if row["rated"] else 1 / trial_time(task, agent)
    row["planning_time"], row["time_of_sample"] = planning_time(task, agent), time_of_sample(task, agent)
    row["path_time"], row["leaves"] = agent.decision_time * (task.horizon or 0), leaves(task)
    row["most_paths"] = most_paths(task, agent)
    row["effort"], row["planned"] = agent.has_effort, task.horizon is not None
    row["learn_samples"] = look_up("learn_samples", kernel.RULES["learn_samples"], agent.learn_samples, "the kernel")
    gradient, allocation = agent.gradient_rule, agent.allocation_rule
    for word, kind, rule in (
        ("credit", f"gradient={agent.gradient!r}: credit", gradient),
        ("baseline", f"gradient={agent.gradient!r}: baseline", gradient),
        ("update", f"allocation={agent.allocation!r}: update", allocation),
        ("importance", f"allocation={agent.allocation!r}: importance", allocation),
    ):
        row[word] = look_up(kind, kernel.RULES[word], getattr(rule, word), "the kernel")
    row["n_paths"], row["depth_first"] = paths(task, agent), agent.depth_first
    row["first_episode"], row["episodes"] = schedule.first_episode, schedule.last_episode
    row["evaluate_every"], row["evaluation_episodes"] = schedule.evaluate_every or 0, schedule.evaluation_episodes
    row["hard_evaluation"] = schedule.hard
    for name, value in given.items():
        row[name] = value
    return row


def _schedule_row(value: Any, kinds: dict[str, int], points: list[tuple[float, float]]) -> tuple[float, ...]:
    if isinstance(value, Exponential):
        return (value.start, value.rate, value.end, kinds["exponential"], 0, 0)
    if isinstance(value, Points):
        points += value.points
        return (0.0, 0.0, 0.0, kinds["points"], len(points) - len(value.points), len(value.points))
    return (value, 0.0, value, kinds["constant"], 0, 0)


def arrays(
    task: Task, agents: Sequence[Agent], schedule: Schedule, streams: npt.NDArray[np.uint64], q: Floats | None = None,
    sigma: Floats | None = None, before: Before | None = None, samples: Floats | None = None,
) -> Outcome:  # fmt: skip
    """The arrays of a call. q, sigma: (runs, memories), samples: (runs, states), where they are given."""
    n, n_places = len(agents), task.places.n_places
    start_q, start_sigma = task.places.start(n, np.array([agent.sigma_base for agent in agents]), q, sigma)
    counted = any(agent.allocation_rule.importance == "usage" for agent in agents)
    usage = np.zeros((n, task.n_states) if counted else (0, 0))
    if counted and before is not None:
        usage[:] = before.usage
    earned = np.zeros((n, 3))
    earned[:, 2] = [agent.opportunity_cost for agent in agents]
    if before is not None and before.earned is not None:
        learned = np.array([agent.learn_opportunity_cost for agent in agents])
        earned[learned] = before.earned[learned]
    budget = np.array([start_budget(task, agent) for agent in agents])
    if before is not None and before.budget is not None:
        learned = np.array([agent.learn_search_budget for agent in agents])
        budget[learned] = before.budget[learned]
    return Outcome(
        q=start_q,
        sigma=start_sigma,
        scale=np.zeros(n) if before is None else before.scale.copy(),
        usage=usage,
        samples=_effort(task, agents, before.samples if before is not None and samples is None else samples),
        earned=earned,
        budget=budget,
        report=np.full((n, schedule.checkpoints, len(REPORT)), np.nan),
        snapshots=np.zeros((n, len(schedule.snapshots), 2, n_places)),
        visits=np.zeros((n, task.n_states * task.n_actions) if schedule.count_visits else (0, 0)),
        counters=np.zeros((n, len(COUNTERS)), dtype=np.int64),
        streams=streams,
    )


def _effort(task: Task, agents: Sequence[Agent], given: Floats | None) -> Floats:
    """n of every state, what a run has learned or its agent's, (runs, states); (0, 0) where no agent has any.

    States without a choice have that of the first one with a choice, so that one number is the same everywhere.
    """
    if not any(agent.has_effort for agent in agents):
        return np.zeros((0, 0))
    own = np.repeat([[agent.samples] for agent in agents], task.n_states, axis=1)
    if given is None:
        return own
    learned = np.array([agent.learns_effort for agent in agents])
    own[learned] = given[learned]
    ever = task.places.acting
    own[:, ~ever] = own[:, [ever.argmax()]]
    return own


@dataclass(frozen=True)
class Replayed:
    """Recorded choices that drive the learning episodes.

    Attributes
    ----------
    choices : array of CHOICE_DTYPE, shape (rows,)
    first : int64 (runs + 1,)
        Row from which those of each run begin.
    """

    choices: npt.NDArray[Any]
    first: npt.NDArray[np.int64]


@dataclass
class Recording:
    """What is recorded, and who takes it.

    Attributes
    ----------
    values : bool
        q̄ and σ of the actions, too.
    take : callable(rows, values)
        Called with a run, rows of TRIAL_DTYPE (copies) in order, and (rows, 2 · actions) values or None; from several
        threads.
    rows : int
        Rows of a buffer, of each lane.
    """

    values: bool
    take: Callable[[int, npt.NDArray[Any], Floats | None], None]
    rows: int = 4096


def run(
    task: Task, agents: Sequence[Agent], schedule: Schedule, streams: npt.NDArray[np.uint64], *,
    q: Floats | None = None, sigma: Floats | None = None, before: Before | None = None, samples: Floats | None = None,
    replayed: Replayed | None = None, recording: Recording | None = None, act_only: bool = False,
    workers: int | None = None, progress: Callable[[int], object] | None = None, batch_size: int | None = None,
    slice_work: int = SLICE, kernel: Any = None,
) -> Outcome:  # fmt: skip
    """Run every agent on the task.

    Parameters
    ----------
    agents : sequence of Agent, one a run
    schedule : Schedule
    streams : uint64 array, shape (runs, 2, 4), replaced in place by the final states
    q, sigma : array, shape (runs, memories), optional
        Initial values.
    before : Before, optional
        What earlier episodes left; goes with q, sigma and ``schedule.first_episode``.
    samples : array, shape (runs, states), optional
        Effort from the start, of agents that learn it.
    replayed : Replayed, optional
        Choices that are made in place of the agent's own.
    recording : Recording, optional
    act_only : bool
        Episodes are acted out, and nothing is learned.
    workers : int, optional
        Threads; default: one a processor that this process may use.
    progress : callable(int), optional
        Called in the calling thread with the number of episodes done so far.

    Returns
    -------
    Outcome
    """
    kernel = kernel or _kernel.kernel
    outcome = arrays(task, agents, schedule, streams, q, sigma, before, samples)
    distinct = list({id(agent): agent for agent in agents}.values())
    shared = tables(task, distinct, kernel)
    runs, points = run_table(
        task, agents, schedule, kernel, given_q=q is not None, given_sigma=sigma is not None,
        goes_on=before is not None, act_only=act_only,
    )  # fmt: skip
    snapshot_at = np.array(schedule.snapshots, dtype=np.int64)
    workers = workers or usable_processors()
    stop = threading.Event()

    def make(rows: slice) -> tuple[Any, Any]:
        part = outcome.rows(rows)
        choices, first = np.zeros(0, dtype=CHOICE_DTYPE), np.zeros(0, dtype=np.int64)
        if replayed is not None:
            choices, first = replayed.choices, np.ascontiguousarray(replayed.first[rows.start : rows.stop + 1])
        buffer = recorder = None
        if recording is not None:
            buffer = np.zeros((LANES, recording.rows), dtype=TRIAL_DTYPE)
            width = 2 * task.n_actions + (len(outcome.samples) > 0)
            values = np.zeros((LANES, recording.rows, width) if recording.values else (0, 0, 0))
            recorder = kernel.Recorder(buffer, values)
            fetch = functools.partial(_fetch, recording, recorder, buffer, values, rows.start)
        batch = kernel.Batch(
            shared, runs[rows], points, part.streams, part.q, part.sigma, part.scale, part.usage, part.samples,
            part.earned, part.budget, part.report, snapshot_at, part.snapshots, part.visits, part.counters, choices,
            first, recorder,
        )  # fmt: skip
        return batch, fetch if recording is not None else None

    def work(rows: slice) -> None:
        batch, fetch = make(rows)
        over = False
        while not (over or stop.is_set()):
            over = batch.advance(slice_work)
            if fetch is not None:
                fetch()

    rows = _batches(len(agents), workers, batch_size)
    if len(rows) == 1:  # a pool of threads takes longer than a small call
        batch, fetch = make(rows[0])
        over = False
        while not over:
            over = batch.advance(slice_work)
            if fetch is not None:
                fetch()
            if progress is not None:
                progress(int(outcome.counters[:, 0].sum()))
        return outcome
    pool = Threads(min(workers, len(rows)))
    try:
        pending = {pool.submit(work, part) for part in rows}
        while pending:
            done, pending = wait(pending, timeout=0.1, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
            if progress is not None:
                progress(int(outcome.counters[:, 0].sum()))
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
    return outcome


def _fetch(recording: Recording, recorder: Any, buffer: npt.NDArray[Any], values: Floats, first_run: int) -> None:
    for lane, (run, count) in enumerate(recorder.fetch()):
        if count:
            rows = buffer[lane, :count].copy()
            recording.take(first_run + run, rows, values[lane, :count].copy() if recording.values else None)


def _batches(n: int, workers: int, batch_size: int | None) -> list[slice]:
    if batch_size is None:
        share = math.ceil(n / (4 * workers)) if n > 4 * workers * LANES else math.ceil(n / workers)
        batch_size = min(LARGEST_BATCH, LANES * math.ceil(share / LANES))
    return [slice(first, min(n, first + batch_size)) for first in range(0, n, batch_size)]


def usable_processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
