"""Jobs on threads or any executor, a bounded number of them at a time, results as they are done.

SciPy's L-BFGS-B calls LAPACK for matrices of ten numbers, and OpenBLAS wakes all its threads for them: on a busy
machine that is nine tenths of the time of a fit. So BLAS has one thread while jobs run.
"""

import contextlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

from .. import __version__, _checks
from .._executors import Executors, Parcel, Pool, Returned, other_version, run_parcel, work_off
from ..runs import engine

_J = TypeVar("_J")
_R = TypeVar("_R")


def as_done(
    function: Callable[[_J], _R], jobs: Iterable[_J], workers: int | None = None, executor: Executors = None,
    store: str | os.PathLike[str] | None = None,
) -> Iterator[tuple[int, _R]]:  # fmt: skip
    """Number and result of each job, in the order in which they end.

    Parameters
    ----------
    function : callable(job)
        With an executor of other processes or machines: one that can be pickled, as the jobs and results.
    jobs : iterable
        Taken as they are needed: two for each worker are with the executor.
    workers : int, optional
        Jobs at once. Default: the number of processors, or what the executor says that it has.
    executor : Executor or callable() -> Executor, optional
        Any, such as ``client.get_executor()`` of a Dask cluster, or a function that makes one (and makes a new one if
        it breaks). Default: threads.
    store : path, optional
        Where results are kept, for messages.

    Raises
    ------
    ValueError
        If the executor is none, does not tell how many workers it has and ``workers`` is not given, or a worker has
        another version.
    WorkersLostError
        If workers die again and again, the executor breaks, or it does not do what it is asked to.
    """
    pool = pool_of(workers, executor, store)
    far = executor is not None
    call: Callable[[Any], Any] = _elsewhere if far else function

    def submit(entry: tuple[int, _J]) -> Future[Any]:
        job: Any = Parcel(function, entry[1]) if far else entry[1]
        return pool.submit(call, job)

    running = work_off(pool, enumerate(jobs), submit, name=lambda entry: f"number {entry[0]}")
    with one_thread_of_blas(), contextlib.closing(running):
        for entry, found in running:
            yield entry[0], _unwrapped(found, pool, entry[0]) if far else found


def pool_of(workers: int | None, executor: Executors, store: str | os.PathLike[str] | None = None) -> Pool:
    """What works on jobs; arguments as for `as_done`."""
    kept = (
        "Nothing is kept: run it again with store=..., which keeps every subject's fit as soon as it is done"
        if store is None else f"Every fit that was done is kept in {os.fspath(store)}: run it again to go on"
    )  # fmt: skip
    return Pool(executor, workers, threads=engine.usable_processors(), name="sigmalloc-fit", unit="fit", kept=kept)


def _elsewhere(parcel: Any) -> Returned:
    """A job in another process, or in whatever the executor is."""
    with one_thread_of_blas():
        return run_parcel(parcel)


def _unwrapped(found: Any, pool: Pool, number: int) -> Any:
    if not isinstance(found, Returned):
        raise pool.did_nothing(found, f"number {number}")
    if found.version != __version__:
        raise other_version(__version__, found.version)
    return found.value


class _Limit:
    """The limit on threads of BLAS, which is the process's: the first of fits at once sets it, the last lifts it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a generator that nobody wants any more may be closed in the middle of this
        self._users, self._held = 0, contextlib.ExitStack()

    def take(self, limits: Callable[..., contextlib.AbstractContextManager[object]]) -> None:
        with self._lock:
            if not self._users:
                self._held.enter_context(limits(1, user_api="blas"))
            self._users += 1

    def give_back(self) -> None:
        with self._lock:
            self._users -= 1
            if not self._users:
                self._held.close()


_limit = _Limit()


@contextlib.contextmanager
def one_thread_of_blas() -> Iterator[None]:
    """Algebra on small matrices in one thread, where threadpoolctl is there to say so: its own threads only get in the
    way of those that work on subjects."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    _limit.take(threadpool_limits)
    try:
        yield
    finally:
        _limit.give_back()


def threads_of(workers: int | None) -> int:
    """How many threads are meant; None: one for each processor."""
    return engine.usable_processors() if workers is None else _checks.integer("workers", workers, low=1)
