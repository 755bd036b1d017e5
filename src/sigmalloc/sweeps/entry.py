"""`sweep` and `open_sweep`."""

from __future__ import annotations

import operator
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import _checks, pairing
from .._io.progress import shown
from ..agents import Agent
from ..runs.arguments import checked_seed
from ..tasks.base import Task
from . import driver, pilot
from . import grid as grids
from .problems import Problem
from .results import SweepResult, open_result
from .specification import Specification, specify
from .store import Store, warn_about

CELLS_LOOKED_AT = 100  # whose agents and tasks are held against each other


def sweep(
    task: Task | str | Callable[..., Task], agent: Agent, grid: Mapping[str, Any], *, episodes: int,
    store: str | os.PathLike[str], restarts: int = 5, seed: int | None = None, evaluate_every: int | None = None,
    evaluation_episodes: int = 100, evaluation_policy: Literal["soft", "hard"] = "soft",
    mode: Literal["product", "zip"] = "product", keep: Literal["none", "all"] | Sequence[int] = "none",
    q: npt.ArrayLike | None = None, sigma: npt.ArrayLike | None = None,
    executor: Executor | Callable[[], Executor] | None = None, workers: int | None = None,
    shard: tuple[int, int] | None = None, block_size: int | None = None,
    progress: bool | Callable[[int, int], object] = True, task_arguments: Mapping[str, Any] | None = None,
) -> SweepResult:  # fmt: skip
    """Train agents over a grid of parameters, into a folder from which nothing is lost.

    Calling it again goes on where the last call was stopped, whatever stopped it; with more values or restarts, it
    computes what is new. Every run has the bits that `train` gives for its task, agent, seed and restart; restart r
    draws the same random stream in all cells. `sigmalloc.sweeps` describes the store, and how to use many machines.

    Parameters
    ----------
    task : Task, str or callable
        A task; or "grid-world", "mountain-car", "planning", or any function that returns a task, whose arguments can
        then be axes.
    agent : Agent
    grid : dict of {str: values}
        Values of fields of the agent (``"lam"``) and of arguments of the task (``"task.moves"``). Values are a
        sequence, ``{"linspace": [a, b, n]}`` or ``{"geomspace": [a, b, n]}``.
    episodes : int
        Episodes of each run.
    store : str or Path
        Folder; made if it is not there. It must be empty or hold the same sweep, or a part of it.
    restarts : int
        Runs of each cell.
    seed : int, optional
        None: that of the store, or a new one, which the store records.
    evaluate_every, evaluation_episodes, evaluation_policy
        As for `train`.
    mode : {"product", "zip"}
        All combinations of the values, or the first of each axis, the second of each, and so on.
    keep : {"none", "all"} or sequence of int
        Restarts whose final q̄ and σ are kept.
    q, sigma : array of float, shape (states, actions), optional
        Initial q̄ and σ of all runs, as for `train`.
    executor : Executor or callable() -> Executor, optional
        What computes blocks, or a function that makes it (and makes a new one if it breaks). None: threads.
    workers : int, optional
        Threads, or blocks that the executor works on at once (default: as many as it tells).
    shard : (int, int), optional
        (i, n): only every n-th block, from the i-th on (counted from 0).
    block_size : int, optional
        Runs of a block, for a new or a grown grid; default: a few seconds of work. A store keeps its block sizes.
    progress : bool or callable(done, total)
        True: a bar on a terminal, else a line a minute, on standard error. A function is told how many runs are done.
    task_arguments : dict, optional
        Arguments of the task that are the same in all cells.

    Returns
    -------
    SweepResult
        With a shard, it has whatever is in the store by then.

    Raises
    ------
    ValueError
        If an argument or a cell is not valid (nothing has been run then), the store holds another sweep, or there are
        more than 10^8 runs, or 2^33 evaluations.
    OSError
        If the disk is full or cannot be written; the message says where.
    WorkersLostError
        If workers die again and again.

    Warns
    -----
    ScaleWarning
        If σ_base and λ are out of scale for the rewards in more than half of the cells (of 100 of them, where there are
        more).
    StoreWarning
        Of damaged blocks, which are computed again, and of files that do not belong in the store.
    RuntimeWarning
        If q̄ or σ of some runs were no longer finite: see ``error`` of the result.
    """
    folder = Store(store)
    if seed is None and folder.exists():
        seed = folder.generations()[-1].specification.seed
    wanted, made = specified(
        task, agent, grid, restarts=restarts, episodes=episodes, seed=checked_seed(seed), evaluate_every=evaluate_every,
        evaluation_episodes=evaluation_episodes, evaluation_policy=evaluation_policy, mode=mode, keep=keep, q=q,
        sigma=sigma, task_arguments=task_arguments,
    )  # fmt: skip
    if int(episodes) * wanted.n_runs >= pairing.LARGE_CALL:
        _warn_of_scale(wanted, made)
    shard = checked_shard(shard)
    block_size = None if block_size is None else _checks.integer("block_size", block_size, low=1)
    shown(progress if callable(progress) else _checks.flag("progress", progress) and None)
    folder.prepare()
    pool = driver.pool_of(executor, workers)
    try:

        def chosen_size(held: int) -> int:
            return block_size or pilot.block_size(wanted, made, wanted.n_runs - held, pool.workers)

        folder.adopt(wanted, made, chosen_size)
        first, count = shard or (0, 1)
        generations, done, bad = folder.survey(lambda number: number % count == first)
    except BaseException:
        pool.close()
        raise
    warn_about(bad, "it is not used; the runs of a damaged block are computed again")
    mine = driver.shard_of([block for generation in generations for block in generation.blocks], shard)
    to_do = [block for block in mine if block.name not in done]
    total = sum(len(block.runs) for block in mine)
    meter = shown(progress, total, total - sum(len(block.runs) for block in to_do))
    names = {os.path.basename(path) for path in bad}
    try:
        failed = driver.drive(folder, to_do, {block.name for block in to_do if block.name in names}, pool, meter)
    finally:
        meter.close()
    if failed:
        warnings.warn(
            f"q̄ or σ of {failed} runs was no longer finite; evaluations they did not reach are NaN, see the result's "
            "error", RuntimeWarning, stacklevel=2,
        )  # fmt: skip
    if shard is not None:
        return open_result(folder, wanted)
    last = generations[-1].specification
    blocks = [block for generation in generations for block in generation.blocks]
    renewed = {block.name for block in to_do}
    foreign = {path: fault for path, fault in bad.items() if os.path.basename(path) not in renewed}
    return SweepResult(folder, last if wanted.same_as(last) else wanted, blocks, foreign)


def _warn_of_scale(wanted: Specification, made: dict[str, Problem]) -> None:
    cells = np.unique(np.linspace(0, wanted.n_cells - 1, CELLS_LOOKED_AT).astype(np.int64))
    found = []
    for cell, number in zip(cells.tolist(), wanted.task_numbers(cells).tolist(), strict=True):
        said = pairing.scale_warning(made[wanted.tasks[number]].task, wanted.cell_agent(cell))
        if said is not None:
            found.append(said)
    if 2 * len(found) > len(cells):
        looked_at = f"{len(cells)} cells" + (" looked at" if len(cells) < wanted.n_cells else "")
        warnings.warn(f"{found[0]} (and so on in {len(found)} of {looked_at})", pairing.ScaleWarning, stacklevel=3)


def specified(
    task: Any, agent: Any, grid: Any, *, restarts: Any = 5, mode: Any = "product", episodes: Any,
    evaluate_every: Any = None, evaluation_episodes: Any = 100, **others: Any,
) -> tuple[Specification, dict[str, Problem]]:  # fmt: skip
    """As `specification.specify`, which makes and checks every cell, but of a size that can be."""
    _checks.choice("mode", mode, grids.MODES)
    axes = grids.checked_axes(grid)
    restarts = _checks.integer("restarts", restarts, low=1)
    episodes = _checks.integer("episodes", episodes, low=1, high=2**53)
    checkpoints = 0
    if evaluate_every is not None:
        checkpoints = episodes // _checks.integer("evaluate_every", evaluate_every, low=1, high=episodes)
        _checks.integer("evaluation_episodes", evaluation_episodes, low=1, high=2**53)
    grids.check_size(axes, mode, restarts, checkpoints)
    return specify(
        task, agent, axes, restarts=restarts, mode=mode, episodes=episodes, evaluate_every=evaluate_every,
        evaluation_episodes=evaluation_episodes, **others,
    )  # fmt: skip


def open_sweep(store: str | os.PathLike[str]) -> SweepResult:
    """The runs that are done in the store of a sweep, finished or not.

    Parameters
    ----------
    store : str or Path

    Returns
    -------
    SweepResult

    Raises
    ------
    ValueError
        If there is no sweep there, or its manifest cannot be read.

    Warns
    -----
    StoreWarning
        Of files that are damaged or do not belong.
    """
    return open_result(Store(store))


def checked_shard(shard: Any) -> tuple[int, int] | None:
    """(i, n) with 0 ≤ i < n, or None."""
    if shard is None:
        return None
    try:
        first, count = (operator.index(number) for number in shard)
    except (TypeError, ValueError):
        raise ValueError(f"shard must be a pair of integers (i, n), got {_checks.shown(shard)}") from None
    if not 0 <= first < count:
        raise ValueError(f"shard must be (i, n) with 0 <= i < n, got {_checks.shown(shard)}")
    return first, count
