"""Batches of runs on threads: the border between Python and the kernel.

Everything is checked before this layer. Runs are independent: what a run gives is decided by its task, its agent and
its two random streams, never by the batch, the thread or the slice in which it happens to be advanced.
"""

from __future__ import annotations

import functools
import math
import os
import queue
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
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
FIRST_SLICE = 2_000  # of a call: whether threads are worth their start is seen soon
WORTH_THREADS = 1e-3  # seconds
_FILLED_AT_ONCE = 1_000_000  # numbers
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
REPORT = ("reward", "value", "cost", "cutoffs", "time", "time_cost", "effort", "search_budgets")
COUNTERS = ("episodes", "steps", "cutoffs", "error")
ERRORS = {1: "q̄", 2: "σ", 3: "an evaluation", 4: "effort", 5: "search budget"}

LIVED, FIRST_OF_LIVED = np.zeros(0, dtype=CHOICE_DTYPE), np.zeros(0, dtype=np.int64)  # nothing that drives episodes

Floats = npt.NDArray[np.float64]


@dataclass
class Outcome:
    """The kernel's arrays, one row a run; but the report has one table a figure, which results take as it is.

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
    report : float64 (8, runs, checkpoints)
    squares : float64 (runs, 2), or (0, 0) unless all that is done is an evaluation
        Sums of squares of reward and value about their means.
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
    squares: Floats
    snapshots: Floats
    visits: Floats
    counters: npt.NDArray[np.int64]
    streams: npt.NDArray[np.uint64]

    def rows(self, which: Any) -> Outcome:
        """The outcome of some of the runs."""
        whole = {name: getattr(self, name) for name in self.__dataclass_fields__}
        part = {name: array[which] if len(array) else array for name, array in whole.items() if name != "report"}
        return Outcome(report=self.report[:, which], **part)


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


def stream_states(seed: int, restart: int) -> npt.NDArray[np.uint64]:
    """States of a run's two SFC64 streams, (2, 4): the training stream is that of `numpy.random.SFC64` seeded with
    ``SeedSequence(seed, spawn_key=(restart,))``, the evaluation stream has the spawn key (restart, 0)."""
    states: npt.NDArray[np.uint64] = run_streams(seed, [restart])[0]
    return states


def run_streams(seed: int, restarts: Sequence[int] | npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """The `stream_states` of several runs, (runs, 2, 4)."""
    keys = np.zeros((len(restarts), 2), dtype=np.int64)
    keys[:, 0] = restarts
    states = np.empty((len(restarts), 2, 4), dtype=np.uint64)
    states[:, 0], states[:, 1] = seeded_streams(seed, keys[:, :1]), seeded_streams(seed, keys)
    return states


def seeded_streams(seed: int, keys: npt.ArrayLike) -> npt.NDArray[np.uint64]:
    """States of `numpy.random.SFC64` seeded with ``SeedSequence(seed, spawn_key=key)``, (keys, 4), without making one.

    Parameters
    ----------
    seed : int
    keys : array of int, shape (keys, numbers), each in [0, 2^32)
    """
    whole = np.ascontiguousarray(keys, dtype=np.int64)
    if whole.size and not 0 <= whole.min() <= whole.max() < 2**32:
        raise ValueError(f"keys must be in [0, {2**32}), got {whole.min()} to {whole.max()}")
    size = max(16, 4 * math.ceil(seed.bit_length() / 32))  # a seed sequence takes four words at least
    words = np.frombuffer(seed.to_bytes(size, "little"), dtype="<u4").astype(np.uint32)
    states = np.empty((len(whole), 4), dtype=np.uint64)
    _kernel.kernel.seed_streams(words, whole.astype(np.uint32), states)
    return states


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
    points: list[tuple[float, float]] = []
    distinct, own = by_agent(agents)
    rows = np.array([_run_row(task, agent, schedule, kernel, points, given) for agent in distinct], dtype=RUN_DTYPE)
    words = rows.view(np.int64).reshape(len(distinct), RUN_DTYPE.itemsize // 8)  # NumPy copies records by their fields
    return words[own].view(RUN_DTYPE)[:, 0], np.array(points, dtype=np.float64).reshape(-1, 2)


def by_agent(agents: Sequence[Agent]) -> tuple[list[Agent], npt.NDArray[np.intp]]:
    """The agents, each once, and which of them every run has: many runs have few agents."""
    distinct = {id(agent): agent for agent in agents}
    number = {which: i for i, which in enumerate(distinct)}
    return list(distinct.values()), np.array([number[id(agent)] for agent in agents], dtype=np.intp)


def _run_row(
    task: Task, agent: Agent, schedule: Schedule, kernel: Any, points: list[tuple[float, float]], given: dict[str, bool]
) -> tuple[Any, ...]:
    gradient, allocation, rated = agent.gradient_rule, agent.allocation_rule, is_rated(task, agent)
    q_low, q_high = agent.q_init if isinstance(agent.q_init, tuple) else (agent.q_init, agent.q_init)
    row: dict[str, Any] = {
        "q_low": q_low, "q_high": q_high, "rated": rated, "reward_scale": 1.0 if rated else 1 / trial_time(task, agent),
        "planning_time": planning_time(task, agent), "time_of_sample": time_of_sample(task, agent),
        "effort": agent.has_effort, "planned": task.horizon is not None,
        "n_paths": paths(task, agent), "depth_first": agent.depth_first, "most_paths": most_paths(task, agent),
        "path_time": agent.decision_time * (task.horizon or 0), "leaves": leaves(task),
        "first_episode": schedule.first_episode, "episodes": schedule.last_episode,
        "evaluate_every": schedule.evaluate_every or 0, "evaluation_episodes": schedule.evaluation_episodes,
        "hard_evaluation": schedule.hard,
    }  # fmt: skip
    for name in SCHEDULED:
        row[name] = _schedule_row(agent.schedule(name), kernel.RULES["schedule"], points)
    for word, kind, value in (
        ("credit", f"gradient={agent.gradient!r}: credit", gradient.credit),
        ("baseline", f"gradient={agent.gradient!r}: baseline", gradient.baseline),
        ("update", f"allocation={agent.allocation!r}: update", allocation.update),
        ("importance", f"allocation={agent.allocation!r}: importance", allocation.importance),
        ("learn_samples", "learn_samples", agent.learn_samples),
    ):
        row[word] = look_up(kind, kernel.RULES[word], value, "the kernel")
    row |= given
    return tuple([row[name] if name in row else getattr(agent, name) for name in RUN_DTYPE.names or ()])


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
    distinct, own = by_agent(agents)
    start_q, start_sigma = task.places.start(n, np.array([agent.sigma_base for agent in distinct])[own], q, sigma)
    counted = any(agent.allocation_rule.importance == "usage" for agent in distinct)
    usage = np.zeros((n, task.n_states) if counted else (0, 0))
    if counted and before is not None:
        usage[:] = before.usage
    earned = np.zeros((n, 3))
    earned[:, 2] = np.array([agent.opportunity_cost for agent in distinct])[own]
    if before is not None and before.earned is not None:
        learned = np.array([agent.learn_opportunity_cost for agent in distinct])[own]
        earned[learned] = before.earned[learned]
    budget = np.array([start_budget(task, agent) for agent in distinct])[own]
    if before is not None and before.budget is not None:
        learned = np.array([agent.learn_search_budget for agent in distinct])[own]
        budget[learned] = before.budget[learned]
    return Outcome(
        q=start_q,
        sigma=start_sigma,
        scale=np.zeros(n) if before is None else before.scale.copy(),
        usage=usage,
        samples=_effort(task, distinct, own, before.samples if before is not None and samples is None else samples),
        earned=earned,
        budget=budget,
        report=_unknown((len(REPORT), n, schedule.checkpoints)),
        squares=np.zeros((0, 0) if schedule.episodes else (n, 2)),
        snapshots=np.zeros((n, len(schedule.snapshots), 2, n_places)),
        visits=np.zeros((n, task.n_states * task.n_actions) if schedule.count_visits else (0, 0)),
        counters=np.zeros((n, len(COUNTERS)), dtype=np.int64),
        streams=streams,
    )


def _unknown(shape: tuple[int, int, int]) -> Floats:
    """NaN, in slices: a system can take seconds to provide as much memory as many checkpoints need."""
    made = np.empty(shape)
    flat = made.reshape(-1)
    for begin in range(0, flat.size, _FILLED_AT_ONCE):
        flat[begin : begin + _FILLED_AT_ONCE] = np.nan
    return made


def _effort(task: Task, distinct: list[Agent], own: npt.NDArray[np.intp], given: Floats | None) -> Floats:
    """n of every state, what a run has learned or its agent's, (runs, states); (0, 0) where no agent has any.

    States without a choice have that of the first one with a choice, so that one number is the same everywhere.
    """
    if not any(agent.has_effort for agent in distinct):
        return np.zeros((0, 0))
    effort = np.repeat([[agent.samples] for agent in distinct], task.n_states, axis=1)[own]
    if given is None:
        return effort
    learned = np.array([agent.learns_effort for agent in distinct])[own]
    effort[learned] = given[learned]
    ever = task.places.acting
    effort[:, ~ever] = effort[:, [ever.argmax()]]
    return effort


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
    evaluation_episodes: npt.NDArray[np.int64] | None = None, workers: int | None = None,
    progress: Callable[[int], object] | None = None, batch_size: int | None = None, slice_work: int = SLICE,
    kernel: Any = None,
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
    evaluation_episodes : int array, shape (runs,), optional
        Episodes of an evaluation of each run, in place of the schedule's.
    workers : int, optional
        Threads, the calling one included; default: one a processor that this process may use.
    progress : callable(int), optional
        Called in the calling thread with the number of episodes done so far; where none is learned, of evaluation
        episodes, a batch of runs at a time.

    Returns
    -------
    Outcome
    """
    kernel = kernel or _kernel.kernel
    outcome = arrays(task, agents, schedule, streams, q, sigma, before, samples)
    shared = tables(task, by_agent(agents)[0], kernel)
    runs, points = run_table(
        task, agents, schedule, kernel, given_q=q is not None, given_sigma=sigma is not None,
        goes_on=before is not None, act_only=act_only,
    )  # fmt: skip
    if evaluation_episodes is not None:
        runs["evaluation_episodes"] = evaluation_episodes
    snapshot_at = np.array(schedule.snapshots, dtype=np.int64)

    def make(rows: slice) -> tuple[Any, Any]:
        part = outcome.rows(rows) if n_batches > 1 else outcome
        choices, first = LIVED, FIRST_OF_LIVED
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
            part.earned, part.budget, part.report, part.squares, snapshot_at, part.snapshots, part.visits,
            part.counters, choices, first, recorder,
        )  # fmt: skip
        return batch, fetch if recording is not None else None

    workers = workers or usable_processors()
    waiting = deque(_batches(len(agents), workers, batch_size))
    n_batches = len(waiting)
    n_helpers = min(workers, n_batches) - 1
    stopped = False

    lengths = np.full(len(agents), schedule.evaluation_episodes) if evaluation_episodes is None else evaluation_episodes
    evaluated: list[int] = []  # episodes, by the batches that are over

    def tell() -> None:
        if progress is not None:
            progress(int(outcome.counters[:, 0].sum()) if schedule.episodes else sum(evaluated))

    def advance(work: int) -> Iterator[None]:
        """Slices of batches that no other thread has taken."""
        while waiting:
            try:
                rows = waiting.popleft()
            except IndexError:  # another thread was quicker
                return
            batch, fetch = make(rows)
            over = False
            while not over:
                over = batch.advance(work)
                work = slice_work
                if fetch is not None:
                    fetch()
                if over:
                    evaluated.append(int(lengths[rows].sum()))
                yield

    ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def help_out() -> None:
        try:
            for _ in advance(slice_work):
                if stopped:
                    break
            ended.put(None)
        except BaseException as error:
            ended.put(error)

    def hear(seconds: float = 0.0) -> int:
        """How many helpers have ended, now or within a time: one at most. Raises what one has raised."""
        try:
            error = ended.get(timeout=seconds) if seconds else ended.get_nowait()
        except queue.Empty:
            return 0
        if error is not None:
            raise error
        return 1

    pool, helping, begun = None, 0, time.perf_counter()
    try:
        for _ in advance(min(slice_work, FIRST_SLICE)):
            if pool is None and n_helpers and waiting and time.perf_counter() - begun > WORTH_THREADS:
                pool = Threads(n_helpers)
                for _ in range(n_helpers):
                    pool.submit(help_out)
                    helping += 1
            tell()
            helping -= hear()
        while helping:
            helping -= hear(0.1)
            tell()
    finally:
        stopped = True
        if pool is not None:
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
