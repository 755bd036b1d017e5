"""The driver: keeps a bounded window of blocks with an executor until all of them are committed."""

from __future__ import annotations

import collections
import contextlib
import itertools
import os
import queue
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor
from typing import Any

from .. import __version__, _checks
from .._io import files
from .._io.progress import Progress, Silence
from .._threads import Threads
from ..runs import engine
from . import work
from .generations import Block
from .store import Store

TICK = 0.5  # seconds
GRACE = 0.8  # seconds that running blocks are given to notice that the sweep was stopped
_KEPT = "Everything committed is kept: run the sweep again to go on"
MOST_LOSSES = 5  # times that blocks may be lost with none committed in between
UNSEEN = 60.0  # seconds that file servers may take to show a file that another machine has written


class WorkersLostError(RuntimeError):
    """Workers died again and again, a pool that cannot be replaced broke, or an executor did not do what it was given.
    What was committed is kept."""


class Engine:
    """An executor, and how many blocks it works on at once.

    Parameters
    ----------
    executor : Executor, callable() -> Executor, or None
        None: threads of this process.
    workers : int, optional
        Default: what the executor tells; threads: one per processor.
    """

    def __init__(self, executor: Executor | Callable[[], Executor] | None = None, workers: int | None = None) -> None:
        workers = None if workers is None else _checks.integer("workers", workers, low=1)
        self._workers = workers
        self.make: Callable[[], Executor] | None = None
        if executor is None:
            threads = workers or engine.usable_processors()
            self.make = lambda: Threads(threads, "sigmalloc-sweep")
        elif isinstance(executor, Executor):
            self.executor = executor
        elif callable(executor):
            self.make = executor
        else:
            raise ValueError(
                f"executor must be a concurrent.futures.Executor or a function of no arguments that makes one, "
                f"got {_checks.shown(executor)}"
            )
        self._make()
        if not self.workers:
            self.close()
            raise ValueError(f"workers must be given: {type(self.executor).__name__} does not tell how many it has")

    def _make(self) -> None:
        if self.make is None:
            return
        executor = self.make()
        if not isinstance(executor, Executor):
            raise ValueError(
                f"executor: the function must return a concurrent.futures.Executor, got {_checks.shown(executor)}"
            )
        self.executor = executor

    @property
    def workers(self) -> int:
        """Blocks that are computed at once, or 0 where nobody knows; Dask clusters grow and shrink."""
        if self._workers is not None:
            return self._workers
        client = getattr(self.executor, "_client", None)
        if client is not None:
            try:
                return max(1, int(sum(client.nthreads().values())))
            except Exception as error:  # whatever a client says that has lost its scheduler
                raise _broke(error) from error
        found = getattr(self.executor, "_max_workers", None) or getattr(self.executor, "num_workers", None)
        return found if isinstance(found, int) else 0

    @property
    def owned(self) -> bool:
        return self.make is not None

    def renew(self) -> None:
        """Replace a broken pool."""
        self.close()
        self._make()

    def submit(self, job: work.Job) -> Future[work.Receipt]:
        """Have a block computed.

        Raises
        ------
        BrokenExecutor
            If a new executor can be made.
        WorkersLostError
            If none can.
        """
        try:
            future = self.executor.submit(work.run_block, job)
        except BrokenExecutor:
            raise
        except Exception as error:  # it was shut down, or its scheduler is gone: what is given to it is never at fault
            if self.owned:
                raise BrokenExecutor(str(error)) from error
            raise _broke(error) from error
        if not callable(getattr(future, "add_done_callback", None)):
            raise ValueError(
                f"executor: submit must return a Future, and that of {type(self.executor).__name__} returned "
                f"{_checks.shown(future)}"
            )
        return future

    def close(self, wait: bool = False) -> None:
        if self.owned:
            self.executor.shutdown(wait=wait, cancel_futures=True)


def _broke(reason: BaseException) -> WorkersLostError:
    return WorkersLostError(
        f"the executor broke ({type(reason).__name__}: {reason}). {_KEPT}, or give a function that makes executors, to "
        "have a broken one replaced"
    )


def drive(
    store: Store, blocks: Iterable[Block], damaged: set[str], engine: Engine, progress: Progress | Silence
) -> int:
    """Have blocks computed and committed.

    Parameters
    ----------
    store : Store
    blocks : iterable of Block
        Those to be done. Blocks that appear in the meantime, by another sweep on the same store, are skipped.
    damaged : set of str
        Names of blocks that exist but are to be replaced.
    engine : Engine
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
    waiting: collections.deque[Block] = collections.deque()
    upcoming = iter(blocks)
    in_flight: dict[Future[work.Receipt], Block] = {}
    finished: queue.SimpleQueue[Future[work.Receipt]] = queue.SimpleQueue()
    unseen: list[Block] = []
    failed = losses = 0
    window = _Window(engine)

    def lost(entries: list[Block], reason: BaseException) -> None:
        nonlocal losses
        committed = [block for block in entries if _committed(store, block, damaged)]
        waiting.extendleft(block for block in reversed(entries) if block not in committed)
        progress.add(sum(len(block.runs) for block in committed))
        losses = 1 if committed else losses + 1
        if losses > MOST_LOSSES:
            raise WorkersLostError(
                f"workers were lost {losses} times in a row with no block committed in between (the last time: "
                f"{reason!r}); the blocks at hand are {', '.join(block.name for block in entries)}. {_KEPT}"
            ) from reason

    def broken(reason: BaseException) -> None:
        """The pool is gone, and with it all blocks that were with it."""
        entries = list(in_flight.values())
        in_flight.clear()
        if not engine.owned:
            raise _broke(reason) from reason
        lost(entries, reason)
        engine.renew()

    try:
        while True:
            while len(in_flight) < window.size():
                block = waiting.popleft() if waiting else next(upcoming, None)
                if block is None:
                    break
                if _committed(store, block, damaged):
                    progress.add(len(block.runs))
                    continue
                job = work.make_job(store, block, stop, replace=block.name in damaged)
                try:
                    future = engine.submit(job)
                except BrokenExecutor as error:
                    waiting.appendleft(block)
                    broken(error)
                    continue
                in_flight[future] = block
                future.add_done_callback(finished.put)
            if not in_flight:
                engine.close(wait=True)
                _wait_for(store, unseen)
                return failed
            try:
                future = finished.get(timeout=TICK)
            except queue.Empty:
                progress.tick()
                continue
            if future not in in_flight:  # of a pool that is gone
                continue
            reason = CancelledError("cancelled by the executor") if future.cancelled() else future.exception()
            if isinstance(reason, BrokenExecutor):
                broken(reason)
                continue
            block = in_flight.pop(future)
            if reason is None:
                failed += _checked_receipt(future.result(), block, engine)
                losses = 0
                damaged.discard(block.name)
                if not store.has(block):
                    unseen.append(block)
                progress.add(len(block.runs))
            elif _lost_worker(reason):
                lost([block], reason)
            elif isinstance(reason, OSError):
                raise OSError(reason.errno, f"{reason.strerror or reason}. {_KEPT}") from reason
            elif isinstance(reason, MemoryError):
                raise MemoryError(f"a worker has not enough memory for {block.name}. {_KEPT}") from reason
            else:
                raise reason
    except BaseException:
        _give_up(stop, in_flight, engine)
        raise
    finally:
        engine.close()


def _checked_receipt(receipt: Any, block: Block, engine: Engine) -> int:
    """How many runs of a block diverged, by what an executor gave back for it."""
    if not isinstance(receipt, work.Receipt):
        raise WorkersLostError(
            f"executor: {type(engine.executor).__name__} gave back "
            f"{_checks.shown(receipt)} for the block {block.name}, so it did "
            f"not call the function that it was given, or lost what it returned. {_KEPT}"
        )
    if receipt.version != __version__:
        raise ValueError(f"the sweep runs sigmalloc {__version__}, but a worker has {receipt.version}")
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


def _committed(store: Store, block: Block, damaged: set[str]) -> bool:
    return block.name not in damaged and store.has(block)


def _lost_worker(reason: BaseException) -> bool:
    """Whether a block is to be given out again, since it was its worker that failed."""
    if isinstance(reason, CancelledError):
        return True
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    return isinstance(reason, (distributed.KilledWorker, distributed.comm.CommClosedError))


def _give_up(stop: str, in_flight: Iterable[Future[Any]], engine: Engine) -> None:
    """Stop the running blocks and wait for them a little."""
    for future in in_flight:
        future.cancel()
    # On a full or unwritable disk the file cannot be made: then only workers of this process hear of it, and the
    # others finish the blocks they have.
    with contextlib.suppress(OSError):
        work.stop(stop)
    end = time.monotonic() + GRACE
    # Some executors call a future cancelled while a worker goes on with it: they get all of the time to notice.
    sure = isinstance(engine.executor, (Threads, ThreadPoolExecutor))
    while time.monotonic() < end and not (sure and all(future.done() for future in in_flight)):
        time.sleep(0.02)
    if all(future.done() for future in in_flight):
        work.resume(stop)
        engine.close(wait=sure)


class _Window:
    """How many blocks may be with the executor; clusters are asked for their size every ten seconds at most."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.asked, self.workers = engine, -float("inf"), 1

    def size(self) -> int:
        if time.monotonic() - self.asked > 10:
            self.asked, self.workers = time.monotonic(), self.engine.workers
        return 2 * self.workers


def shard_of(blocks: list[Block], shard: tuple[int, int] | None) -> list[Block]:
    """Every n-th block from the i-th on, for ``shard = (i, n)``; all of them for None."""
    if shard is None:
        return blocks
    first, count = shard
    return list(itertools.islice(blocks, first, None, count))
