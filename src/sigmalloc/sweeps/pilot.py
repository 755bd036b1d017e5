"""A short pilot: how long runs take, how large blocks should be, and what a sweep will need."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..runs import engine
from ..runs.arguments import memory_values
from ..runs.schedule import Schedule
from .problems import Problem
from .specification import Specification
from .work import CURVES, LATER

LANES = 8
BLOCK_SECONDS = 4.0
BLOCK_BYTES = 32 * 2**20
LARGEST_NUMBER_OF_BLOCKS = 4000  # of a generation
SAMPLED_TASKS = 3


class _Enough(Exception):
    pass


@dataclass(frozen=True)
class Estimate:
    """What a sweep will need.

    Attributes
    ----------
    cells, runs, blocks : int
    seconds_per_run : float
        Of one processor, with all lanes of the kernel busy.
    processor_seconds : float
        Of all runs together.
    bytes : int
        Disk.
    """

    cells: int
    runs: int
    blocks: int
    seconds_per_run: float
    processor_seconds: float
    bytes: int


def seconds_per_run(specification: Specification, made: dict[str, Problem], budget: float = 0.1) -> float:
    """Time a few runs of up to three tasks of the grid, for about ``budget`` seconds altogether.

    Training and evaluation are shortened in proportion, so that both are in the estimate. Early episodes are longer
    than later ones in most tasks: the estimate is on the high side.
    """
    schedule = _shortened(specification.schedule)
    task_numbers = specification.task_numbers(np.arange(specification.n_cells))
    sampled = _spread(np.unique(task_numbers), SAMPLED_TASKS)
    rates = []
    for number in sampled:
        problem = made[specification.tasks[number]]
        cells = _spread(np.flatnonzero(task_numbers == number), LANES)
        runs = [(cell, lane // len(cells)) for lane, cell in enumerate(np.resize(cells, LANES))]
        rates.append(_seconds_per_episode(specification, problem, schedule, runs, budget / len(sampled)))
    return float(np.mean(rates)) * specification.episodes


def _seconds_per_episode(
    specification: Specification, problem: Problem, schedule: Schedule, runs: list[tuple[int, int]], budget: float
) -> float:
    agents = {cell: specification.cell_agent(int(cell)) for cell, _ in runs}
    given: dict[str, Any] = {name: None if table is None else memory_values(name, table, problem.task, len(runs))
             for name, table in (("q", problem.q), ("sigma", problem.sigma))}  # fmt: skip
    streams = engine.run_streams(specification.seed, [restart for _, restart in runs])
    seen = [0]

    def watch(done: int) -> None:
        seen[0] = done
        if done and time.perf_counter() - begin > budget:
            raise _Enough

    begin = time.perf_counter()
    with contextlib.suppress(_Enough):
        engine.run(
            problem.task, [agents[cell] for cell, _ in runs], schedule, streams, workers=1, progress=watch,
            slice_work=engine.SLICE // 10, **given,
        )  # fmt: skip
    return (time.perf_counter() - begin) / max(1, seen[0])


def _shortened(schedule: Schedule) -> Schedule:
    """The schedule with training and evaluation in the same proportion, in the smallest numbers."""
    if not schedule.evaluate_every:
        return schedule
    ratio = schedule.evaluation_episodes / schedule.evaluate_every
    every = 1 if ratio >= 1 else round(1 / ratio)
    return Schedule(schedule.episodes, min(every, schedule.episodes), max(1, round(ratio)), schedule.evaluation_policy)


def _spread(entries: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """At most ``count`` of the entries, evenly spread."""
    places = np.unique(np.linspace(0, len(entries) - 1, min(count, len(entries))).round().astype(int))
    chosen: npt.NDArray[Any] = entries[places]
    return chosen


def run_bytes(specification: Specification, made: dict[str, Problem]) -> tuple[float, float]:
    """Bytes that a run leaves on disk, and bytes that it takes in memory while its block is computed."""
    entries = max(problem.task.n_states * problem.task.n_actions for problem in made.values())
    checkpoints = len(specification.checkpoints)
    kept = len(specification.kept_restarts) / specification.restarts
    disk = 16 + 8 * len([*CURVES, *LATER]) * checkpoints + 2 * 8 + 1 + 4 * 8 + kept * (16 * entries + 24)
    memory = disk + 8 * len(engine.REPORT) * checkpoints + 16 * entries
    return disk, memory


def block_size(
    specification: Specification, made: dict[str, Problem], runs: int, workers: int, seconds: float | None = None
) -> int:
    """Runs of a block: seconds of work, but enough blocks for all workers and not too many for a folder.

    Parameters
    ----------
    runs : int
        Runs of the generation.
    workers : int
    seconds : float, optional
        What a run takes; default: from a pilot.
    """
    size = runs / (4 * workers)
    if size > LANES:
        seconds = seconds_per_run(specification, made) if seconds is None else seconds
        _, memory = run_bytes(specification, made)
        size = max(min(size, BLOCK_SECONDS / seconds, BLOCK_BYTES / memory), runs / LARGEST_NUMBER_OF_BLOCKS)
    return max(LANES, LANES * math.ceil(size / LANES - 1e-9))


def estimate(specification: Specification, made: dict[str, Problem], runs: int, workers: int) -> Estimate:
    """The `Estimate` of a sweep, from a pilot of about two seconds."""
    seconds = seconds_per_run(specification, made, budget=2.0)
    disk, _ = run_bytes(specification, made)
    blocks = -(-runs // block_size(specification, made, runs, workers, seconds)) if runs else 0
    return Estimate(
        cells=specification.n_cells, runs=runs, blocks=blocks, seconds_per_run=seconds,
        processor_seconds=seconds * runs, bytes=int(disk * runs + 2600 * blocks),
    )  # fmt: skip
