"""The driver: keeps a bounded window of blocks with an executor until all of them are committed."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from .. import __version__
from .._executors import TICK, Executors, Pool, other_version, work_off
from .._executors import WorkersLostError as WorkersLostError
from .._io import files
from .._io.progress import Progress, Silence
from .._threads import Threads
from ..runs import engine
from . import work
from .generations import Block
from .store import Store

GRACE = 0.5  # seconds that running blocks are given to notice that the sweep was stopped
_KEPT = "Everything committed is kept: run the sweep again to go on"
UNSEEN = 60.0  # seconds that file servers may take to show a file that another machine has written


def pool_of(executor: Executors = None, workers: int | None = None) -> Pool:
    """What computes blocks; arguments as for `sweep`."""
    return Pool(executor, workers, threads=engine.usable_processors(), name="sigmalloc-sweep", unit="block", kept=_KEPT)


def drive(store: Store, blocks: Iterable[Block], damaged: set[str], pool: Pool, progress: Progress | Silence) -> int:
    """Have blocks computed and committed.

    Parameters
    ----------
    store : Store
    blocks : iterable of Block
        Those to be done. Blocks that appear in the meantime, by another sweep on the same store, are skipped.
    damaged : set of str
        Names of blocks that exist but are to be replaced.
    pool : Pool
    progress : Progress

    Returns
    -------
    int
        Runs that diverged, of those computed here.

    Raises
    ------
    WorkersLostError, OSError, KeyboardInterrupt
        With nothing lost but the blocks that were being computed.
    """
    stop = os.path.join(store.path, files.temporary_name("stop"))
    unseen: list[Block] = []
    failed = 0

    def submit(block: Block) -> Future[work.Receipt]:
        return pool.submit(work.run_block, work.make_job(store, block, stop, replace=block.name in damaged))

    def committed(block: Block) -> bool:
        there = block.name not in damaged and store.has(block)
        if there:
            progress.add(len(block.runs))
        return there

    running = work_off(
        pool, blocks, submit, name=lambda block: block.name, settled=committed, tick=progress.tick,
        give_up=lambda futures: _give_up(stop, futures, pool),
    )  # fmt: skip
    with contextlib.closing(running):
        for block, receipt in running:
            failed += _checked_receipt(receipt, block, pool)
            damaged.discard(block.name)
            if not store.has(block):
                unseen.append(block)
            progress.add(len(block.runs))
    _wait_for(store, unseen)
    return failed


def _checked_receipt(receipt: Any, block: Block, pool: Pool) -> int:
    """How many runs of a block diverged, by what an executor gave back for it."""
    if not isinstance(receipt, work.Receipt):
        raise pool.did_nothing(receipt, block.name)
    if receipt.version != __version__:
        raise other_version(__version__, receipt.version)
    return receipt.failed


def _wait_for(store: Store, blocks: list[Block]) -> None:
    """Wait until blocks that workers have written are seen here."""
    end = time.monotonic() + UNSEEN
    while missing := [block for block in blocks if not store.has(block)]:
        if time.monotonic() > end:
            raise WorkersLostError(
                f"workers wrote {len(missing)} blocks, such as {missing[0].name}, that are not in {store.blocks}: all "
                f"machines must see the store under the same path. {_KEPT}"
            )
        time.sleep(TICK)


def _give_up(stop: str, running: Iterable[Future[Any]], pool: Pool) -> None:
    """Stop the running blocks and wait for them a little."""
    for future in running:
        future.cancel()
    # On a full or unwritable disk the file cannot be made: then only workers of this process hear of it, and the
    # others finish the blocks they have.
    with contextlib.suppress(OSError):
        work.stop(stop)
    end = time.monotonic() + GRACE
    # Some executors call a future cancelled while a worker goes on with it: they get all of the time to notice.
    sure = isinstance(pool.executor, (Threads, ThreadPoolExecutor))
    while time.monotonic() < end and not (sure and all(future.done() for future in running)):
        time.sleep(0.02)
    if all(future.done() for future in running):
        work.resume(stop)
        pool.close(wait=sure)


def shard_of(blocks: list[Block], shard: tuple[int, int] | None) -> list[Block]:
    """Every n-th block from the i-th on, for ``shard = (i, n)``; all of them for None."""
    if shard is None:
        return blocks
    first, count = shard
    return list(itertools.islice(blocks, first, None, count))
