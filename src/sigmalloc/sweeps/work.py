"""A block of runs, from its description to its file: what workers do, wherever they are."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .. import __version__
from .._executors import OtherVersion, other_version, sealed
from .._io import archive
from ..agents import Agent
from ..runs import engine
from ..runs.arguments import memory_values
from ..runs.schedule import Schedule
from . import problems
from .generations import Block, key_bytes

CURVES = ("reward", "value", "cost", "cutoffs")
LATER = {  # curves that blocks of the first version lack, and what stands for them
    "time": np.nan, "time_cost": 0.0, "effort": np.nan, "search_budgets": np.nan,
}  # fmt: skip
STOP_INTERVAL = 0.3  # seconds between two looks at whether the sweep was stopped

_stopped: set[str] = set()  # names of stopped sweeps of this process


class Folders(Protocol):
    """What a worker has to know of a store."""

    blocks: str
    tasks: str


class Stopped(Exception):
    """The sweep was stopped before the block was finished."""


@dataclass(frozen=True, eq=False)
class Job:
    """All that a worker needs to compute a block.

    Attributes
    ----------
    path : str
        The block's file.
    tasks_folder : str
    keys : array of uint64, shape (runs, 2)
    agent : dict
        Fields that are the same in all cells.
    names : tuple of str
        The other fields.
    cells : list of (tuple, str)
        For each cell of the block the values of those fields and the digest of the task.
    cell, restart : array of int, shape (runs,)
        Position in ``cells`` and number of the restart of each run.
    kept : array of bool, shape (runs,)
        Runs whose q̄ and σ are kept.
    seed : int
    schedule : Schedule
    stop : str
        A file that exists once the sweep has been stopped.
    replace : bool
        Whether a block that exists is to be computed again, being damaged.
    version : str
    """

    path: str
    tasks_folder: str
    keys: npt.NDArray[np.uint64]
    agent: dict[str, Any]
    names: tuple[str, ...]
    cells: list[tuple[tuple[Any, ...], str]]
    cell: npt.NDArray[np.int64]
    restart: npt.NDArray[np.int64]
    kept: npt.NDArray[np.bool_]
    seed: int
    schedule: Schedule
    stop: str
    replace: bool = False
    version: str = __version__

    def __reduce__(self) -> tuple[Callable[[str, bytes], Any], tuple[str, bytes]]:
        return sealed(self)


@dataclass(frozen=True)
class Receipt:
    """What a worker sends back: runs done, how many of them diverged, the time they took, and its version."""

    runs: int
    failed: int
    seconds: float
    version: str = __version__


def make_job(store: Folders, block: Block, stop: str, replace: bool = False) -> Job:
    """The description of a block of a store."""
    whole = block.generation.specification
    runs = block.runs
    cells, restarts = np.divmod(runs, whole.restarts)
    distinct, cell = np.unique(cells, return_inverse=True)
    names = tuple(whole.agent_axes)
    digests = [whole.tasks[number] for number in whole.task_numbers(distinct)]
    return Job(
        path=os.path.join(store.blocks, block.name), tasks_folder=store.tasks, keys=whole.keys(runs), agent=whole.agent,
        names=names, cells=list(zip(whole.cell_values(distinct, names), digests, strict=True)), cell=cell,
        restart=restarts, kept=np.isin(restarts, whole.kept_restarts), seed=whole.seed, schedule=whole.schedule,
        stop=stop, replace=replace,
    )  # fmt: skip


def members(block: Block) -> tuple[str, ...]:
    """Names of the arrays of a block."""
    kept = ("kept", "shape", "q", "sigma") if _kept_rows(block).size else ()
    return ("keys", *CURVES, *LATER, "steps", "training_cutoffs", "error", "stream", *kept)


def _time_has_a_price(block: Block) -> bool:
    """Whether a block's runs may have a time_cost other than 0."""
    whole = block.generation.specification
    names = ("opportunity_cost", "learn_opportunity_cost")
    return any(whole.agent.get(name) or name in whole.agent_axes for name in names)


def read_members(file: archive.Archive, block: Block, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Arrays of a block, checked.

    Parameters
    ----------
    file : archive.Archive
    block : Block
    names : sequence of str

    Returns
    -------
    dict of array

    Raises
    ------
    ValueError
        If one is missing, is damaged, or is not what such a block holds.
    """
    n, checkpoints = len(block.runs), len(block.generation.specification.checkpoints)
    kept = _kept_rows(block)
    layout = {
        "keys": ("u", (n, 16)), "steps": ("i", (n,)), "training_cutoffs": ("i", (n,)), "error": ("i", (n,)),
        "stream": ("u", (n, 4)), "kept": ("i", (len(kept),)), "shape": ("i", (len(kept), 2)), "q": ("f", (None,)),
        "sigma": ("f", (None,)), **dict.fromkeys((*CURVES, *LATER), ("f", (n, checkpoints))),
    }  # fmt: skip
    arrays = {}
    before_effort = not any(name in file.names for name in LATER)
    for name in names:
        if before_effort and name in LATER:
            if _time_has_a_price(block):
                raise ValueError(f"it has no {name}, which the price of time asks for")
            arrays[name] = np.full((n, checkpoints), LATER[name])
            continue
        array = arrays[name] = file.array(name, *layout[name])
        if name in ("steps", "training_cutoffs", "error") and array.min() < 0:
            raise ValueError(f"{name} has negative entries")
        if name == "kept" and not np.array_equal(array, kept):
            raise ValueError("it keeps other runs than it should")
        if name == "shape":
            size = sum(rows * columns for rows, columns in array.tolist())
            if array.min() < 1 or file.shape("q") != (size,) or file.shape("sigma") != (size,):
                raise ValueError("q and sigma are not of the sizes that shape tells")
    return arrays


def _kept_rows(block: Block) -> npt.NDArray[np.int64]:
    """Rows of a block whose q̄ and σ are kept."""
    whole = block.generation.specification
    return np.flatnonzero(np.isin(block.runs % whole.restarts, whole.kept_restarts))


def run_block(job: Job | OtherVersion) -> Receipt:
    """Compute the runs of a block and commit it.

    Returns
    -------
    Receipt

    Raises
    ------
    Stopped
        If the sweep was stopped; nothing is written then.
    OSError
        If the block cannot be written.
    """
    if isinstance(job, OtherVersion) or job.version != __version__:
        raise other_version(job.version, __version__)
    begin = time.perf_counter()
    watch = _Watch(job.stop)
    watch.look()
    if os.path.exists(job.path) and not job.replace:
        return Receipt(len(job.keys), 0, 0.0)
    arrays = compute(job, watch)
    archive.save(job.path, None, arrays, compress=False)
    return Receipt(len(job.keys), int((arrays["error"] > 0).sum()), time.perf_counter() - begin)


def compute(job: Job, watch: Callable[[int], None]) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a block, as they are written."""
    n, checkpoints = len(job.keys), job.schedule.checkpoints
    curves = {name: np.empty((n, checkpoints)) for name in (*CURVES, *LATER)}
    steps, training_cutoffs = np.empty((2, n), dtype=np.int64)
    error, stream = np.empty(n, dtype=np.int8), np.empty((n, 4), dtype=np.uint64)
    agents = [Agent(**job.agent, **dict(zip(job.names, values, strict=True))) for values, _ in job.cells]
    memories = {}
    digests, task_of_cell = np.unique([digest for _, digest in job.cells], return_inverse=True)
    task_of_run = task_of_cell[job.cell]
    by_task = np.argsort(task_of_run, kind="stable")
    parts = np.split(by_task, np.flatnonzero(np.diff(task_of_run[by_task])) + 1)
    for digest, rows in zip(digests.tolist(), parts, strict=True):
        problem = problems.load(job.tasks_folder, digest)
        task = problem.task
        given: dict[str, Any] = {name: None if table is None else memory_values(name, table, task, len(rows))
                 for name, table in (("q", problem.q), ("sigma", problem.sigma))}  # fmt: skip
        outcome = engine.run(
            task, [agents[cell] for cell in job.cell[rows]], job.schedule,
            engine.run_streams(job.seed, job.restart[rows]),
            workers=1, progress=watch, **given,
        )  # fmt: skip
        for name in curves:
            curves[name][rows] = outcome.report[engine.REPORT.index(name)]
        counted = dict(zip(engine.COUNTERS, outcome.counters.T, strict=True))
        steps[rows], training_cutoffs[rows], error[rows] = counted["steps"], counted["cutoffs"], counted["error"]
        stream[rows] = outcome.streams[:, 0]
        last = sum(begin < job.schedule.episodes for begin, _ in task.changes)
        for place in np.flatnonzero(job.kept[rows]):
            base = agents[job.cell[rows[place]]].sigma_base
            memories[rows[place]] = tuple(
                task.places.table(table[place], last, elsewhere)
                for table, elsewhere in ((outcome.q, 0.0), (outcome.sigma, base))
            )
    arrays = {
        "keys": key_bytes(job.keys), **curves, "steps": steps, "training_cutoffs": training_cutoffs, "error": error,
        "stream": stream,
    }  # fmt: skip
    if memories:
        kept = np.array(sorted(memories))
        arrays |= {
            "kept": kept,
            "shape": np.array([memories[row][0].shape for row in kept]),
            "q": np.concatenate([memories[row][0].ravel() for row in kept]),
            "sigma": np.concatenate([memories[row][1].ravel() for row in kept]),
        }
    return arrays


def stop(name: str) -> None:
    """Tell the workers of a sweep, here and elsewhere, to give up their blocks."""
    _stopped.add(name)
    with open(name, "wb"):  # empty, and of use only while it is there: it need not be flushed
        pass


def resume(name: str) -> None:
    """Take back `stop`."""
    _stopped.discard(name)
    if os.path.exists(name):
        os.unlink(name)


class _Watch:
    """Called with the progress of a kernel: raises `Stopped` soon after the sweep was stopped."""

    def __init__(self, name: str) -> None:
        self.name, self.last = name, time.monotonic()

    def __call__(self, done: int) -> None:
        if self.name in _stopped or time.monotonic() - self.last > STOP_INTERVAL:
            self.look()

    def look(self) -> None:
        self.last = time.monotonic()
        if self.name in _stopped or os.path.exists(self.name):
            raise Stopped(self.name)
