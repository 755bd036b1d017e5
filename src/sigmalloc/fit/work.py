"""Jobs on threads or any executor, a bounded number of them at a time, results as they are done.

SciPy's L-BFGS-B calls LAPACK for matrices of ten numbers, and OpenBLAS wakes all its threads for them: on a busy
machine that is nine tenths of the time of a fit. So BLAS has one thread while jobs run.
"""

import contextlib
import queue
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, TypeVar

from .. import _checks
from .._threads import Threads
from ..runs import engine

_J = TypeVar("_J")
_R = TypeVar("_R")


def as_done(
    function: Callable[[_J], _R], jobs: Iterable[_J], workers: int | None = None, executor: Executor | None = None
) -> Iterator[tuple[int, _R]]:
    """Number and result of each job, in the order in which they end.

    Parameters
    ----------
    function : callable(job)
        With an executor of other processes or machines: one that can be pickled, as the jobs and results.
    jobs : iterable
        Taken as they are needed: two for each worker are with the executor.
    workers : int, optional
        Jobs at once. Default: the number of processors, or what the executor says that it has.
    executor : Executor, optional
        Any, such as ``client.get_executor()`` of a Dask cluster. Default: threads.

    Raises
    ------
    ValueError
        If the executor does not tell how many workers it has and ``workers`` is not given, or does not do what it is
        asked to.
    """
    count = workers_of(workers, executor)
    found: Any
    own = Threads(count, "sigmalloc-fit") if executor is None else None
    pool: Executor = own if own is not None else executor  # type: ignore[assignment]
    call = function if executor is None else partial(_elsewhere, function)
    with one_thread_of_blas():
        try:
            with contextlib.closing(bounded(pool, call, jobs, count)) as ended:
                for number, future in ended:
                    found = future.result()
                    if executor is not None:
                        found = _unwrapped(found, executor)
                    yield number, found
        finally:
            if own is not None:
                own.shutdown(wait=False, cancel_futures=True)


def bounded(
    pool: Executor, call: Callable[[_J], Any], jobs: Iterable[_J], count: int
) -> Generator[tuple[int, Future[Any]], None, None]:
    """Number and future of each job as they end; twice ``count`` are with the pool, and no more are made."""
    upcoming = enumerate(jobs)
    running: dict[Future[Any], int] = {}
    done: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
    try:
        while True:
            while len(running) < 2 * count and (entry := next(upcoming, None)) is not None:
                future = pool.submit(call, entry[1])
                if not callable(getattr(future, "add_done_callback", None)):
                    raise ValueError(
                        f"executor: submit must return a Future, and that of {type(pool).__name__} returned "
                        f"{_checks.shown(future)}"
                    )
                running[future] = entry[0]
                future.add_done_callback(done.put)
            if not running:
                return
            future = done.get()
            yield running.pop(future), future
    finally:
        for future in running:
            future.cancel()


_DONE = "sigmalloc: done"


def _elsewhere(function: Callable[[_J], _R], job: _J) -> tuple[str, _R]:
    """A job in another process, or in whatever the executor is; its result says that it was called."""
    with one_thread_of_blas():
        return _DONE, function(job)


def _unwrapped(found: Any, executor: Executor) -> Any:
    if not (isinstance(found, tuple) and len(found) == 2 and isinstance(found[0], str) and found[0] == _DONE):
        raise ValueError(
            f"executor: {type(executor).__name__} gave back {_checks.shown(found)}, so it did not call the function "
            "that it was given, or lost what it returned"
        )
    return found[1]


def one_thread_of_blas() -> contextlib.AbstractContextManager[object]:
    """Algebra on small matrices in one thread, where threadpoolctl is there to say so: its own threads only get in the
    way of those that work on subjects."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return contextlib.nullcontext()
    limits: contextlib.AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits


def workers_of(workers: int | None, executor: Executor | None) -> int:
    """How many jobs are worked on at once."""
    if executor is not None and not isinstance(executor, Executor):
        raise ValueError(f"executor must be a concurrent.futures.Executor, got {_checks.shown(executor)}")
    if workers is not None:
        return _checks.integer("workers", workers, low=1)
    if executor is None:
        return engine.usable_processors()
    client = getattr(executor, "_client", None)
    if client is not None:  # Dask
        return max(1, int(sum(client.nthreads().values())))
    found = getattr(executor, "_max_workers", None) or getattr(executor, "num_workers", None)
    if found is None:
        raise ValueError(f"workers must be given: {type(executor).__name__} does not tell how many it has")
    return int(found)
