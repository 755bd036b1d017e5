"""Jobs on threads or any executor: a bounded number at a time, and given out again if their workers die."""

from __future__ import annotations

import collections
import contextlib
import pickle
import queue
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from . import __version__, _checks
from ._threads import Threads

TICK = 0.5  # seconds
MOST_LOSSES = 5  # times that jobs may be lost with none finished in between

Executors: TypeAlias = Executor | Callable[[], Executor] | None

_E = TypeVar("_E")
_R = TypeVar("_R")


class WorkersLostError(RuntimeError):
    """Workers died again and again, a pool that cannot be replaced broke, or an executor did not do what it was given.
    The message says what is kept."""


class Pool:
    """An executor, and how many jobs it works on at once.

    Parameters
    ----------
    executor : Executor, callable() -> Executor, or None
        A function is called again if what it made breaks. None: threads of this process.
    workers : int, optional
        Default: what the executor tells; of threads ``threads``.
    threads : int
    name : str
        Of the threads.
    unit : str
        What a job is: "block", "fit".
    kept : str
        What is kept if it breaks, and what to do then, for messages.

    Raises
    ------
    ValueError
        If the executor is none, or does not tell how many workers it has and ``workers`` is not given.
    WorkersLostError
        If it cannot be asked any more.
    """

    def __init__(
        self, executor: Executors = None, workers: int | None = None, *, threads: int, name: str, unit: str, kept: str
    ) -> None:
        self._workers = None if workers is None else _checks.integer("workers", workers, low=1)
        self.unit, self.kept = unit, kept
        self.make: Callable[[], Executor] | None = None
        if executor is None:
            self.make = lambda: Threads(self._workers or threads, name)
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
        """Jobs that are worked on at once, or 0 where nobody knows; Dask clusters grow and shrink."""
        if self._workers is not None:
            return self._workers
        client = getattr(self.executor, "_client", None)
        if client is not None:
            try:
                return max(1, int(sum(client.nthreads().values())))
            except Exception as error:  # whatever a client says that has lost its scheduler
                raise self.broke(error) from error
        found = getattr(self.executor, "_max_workers", None) or getattr(self.executor, "num_workers", None)
        return found if isinstance(found, int) else 0

    @property
    def owned(self) -> bool:
        """Whether it was made here, and can be made again."""
        return self.make is not None

    def renew(self) -> None:
        """Replace a broken executor."""
        self.close()
        self._make()

    def submit(self, function: Callable[[Any], _R], job: Any) -> Future[_R]:
        """Have a job done.

        Raises
        ------
        BrokenExecutor
            If a new executor can be made.
        WorkersLostError
            If none can.
        """
        try:
            future = self.executor.submit(function, job)
        except BrokenExecutor:
            raise
        except Exception as error:  # it was shut down, or its scheduler is gone: what is given to it is never at fault
            if self.owned:
                raise BrokenExecutor(str(error)) from error
            raise self.broke(error) from error
        if not callable(getattr(future, "add_done_callback", None)):
            raise ValueError(
                f"executor: submit must return a Future, and that of {type(self.executor).__name__} returned "
                f"{_checks.shown(future)}"
            )
        return future

    def broke(self, reason: BaseException) -> WorkersLostError:
        return WorkersLostError(
            f"the executor broke ({type(reason).__name__}: {reason}). {self.kept}, or give a function that makes "
            "executors, to have a broken one replaced"
        )

    def did_nothing(self, found: Any, name: str) -> WorkersLostError:
        """The error for an executor that gave back what no job returns."""
        return WorkersLostError(
            f"executor: {type(self.executor).__name__} gave back {_checks.shown(found)} for the {self.unit} {name}, so "
            f"it did not call the function that it was given, or lost what it returned. {self.kept}"
        )

    def close(self, wait: bool = False) -> None:
        if self.owned:
            self.executor.shutdown(wait=wait, cancel_futures=True)


@contextlib.contextmanager
def of_dask(address: str) -> Iterator[Executor]:
    """The executor of a Dask cluster, by the address of its scheduler as ``--dask`` gives it.

    Raises
    ------
    ImportError
        If Dask is not installed.
    ValueError
        If there is no scheduler.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError("--dask needs distributed: pip install 'sigmalloc[dask]'") from error
    try:
        client: Any = Client(address, timeout=20)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ValueError(f"--dask: no scheduler at {address}: {error}") from error
    try:
        yield client.get_executor()
    finally:
        with contextlib.suppress(Exception):  # its scheduler may be gone; what matters has been told
            client.close()


def _never(entry: object) -> bool:
    return False


def work_off(
    pool: Pool, entries: Iterable[_E], submit: Callable[[_E], Future[_R]], *, name: Callable[[_E], str] = str,
    settled: Callable[[_E], bool] = _never, tick: Callable[[], object] | None = None,
    give_up: Callable[[Iterable[Future[Any]]], object] | None = None,
) -> Generator[tuple[_E, _R], None, None]:  # fmt: skip
    """Entries and their results, in the order in which they end; close it (`contextlib.closing`) if you leave early.

    Parameters
    ----------
    pool : Pool
        Closed in the end.
    entries : iterable
        Taken as they are needed: two for each worker are with the executor.
    submit : callable(entry) -> Future
        By way of ``pool.submit``.
    name : callable(entry) -> str
        For messages.
    settled : callable(entry) -> bool
        Whether an entry has been done meanwhile: asked before it is given out, and when it was lost. It is not in the
        results then.
    tick : callable(), optional
        Called twice a second while nothing ends.
    give_up : callable(futures), optional
        Called with what is running if this ends early; default: they are cancelled.

    Raises
    ------
    WorkersLostError
        If workers were lost six times in a row with nothing finished in between, or the executor broke and cannot be
        made again.
    OSError, MemoryError
        Of a worker, with what is kept.
    """
    waiting: collections.deque[_E] = collections.deque()
    upcoming = iter(entries)
    in_flight: dict[Future[_R], _E] = {}
    done: queue.SimpleQueue[Future[_R]] = queue.SimpleQueue()
    losses, end = 0, object()
    window = _Window(pool)

    def lost(gone: list[_E], reason: BaseException) -> None:
        nonlocal losses
        left = [entry for entry in gone if not settled(entry)]
        waiting.extendleft(reversed(left))
        losses = 1 if len(left) < len(gone) else losses + 1
        if losses > MOST_LOSSES:
            raise WorkersLostError(
                f"workers were lost {losses} times in a row with no {pool.unit} finished in between (the last time: "
                f"{reason!r}); the {pool.unit}s at hand are {', '.join(map(name, gone))}. {pool.kept}"
            ) from reason

    def broken(reason: BaseException) -> None:
        """The executor is gone, and with it all that was with it."""
        gone = list(in_flight.values())
        in_flight.clear()
        if not pool.owned:
            raise pool.broke(reason) from reason
        lost(gone, reason)
        pool.renew()

    try:
        while True:
            while len(in_flight) < window.size():
                entry: Any = waiting.popleft() if waiting else next(upcoming, end)
                if entry is end:
                    break
                if settled(entry):
                    continue
                try:
                    future = submit(entry)
                except BrokenExecutor as error:
                    waiting.appendleft(entry)
                    broken(error)
                    continue
                in_flight[future] = entry
                future.add_done_callback(done.put)
            if not in_flight:
                pool.close(wait=True)
                return
            try:
                future = done.get(timeout=TICK)
            except queue.Empty:
                if tick is not None:
                    tick()
                continue
            if future not in in_flight:  # of an executor that is gone
                continue
            reason = CancelledError("cancelled by the executor") if future.cancelled() else future.exception()
            if isinstance(reason, BrokenExecutor):
                broken(reason)
                continue
            entry = in_flight.pop(future)
            if reason is None:
                losses = 0
                yield entry, future.result()
            elif lost_worker(reason):
                lost([entry], reason)
            elif isinstance(reason, OSError):
                raise OSError(reason.errno, f"{reason.strerror or reason}. {pool.kept}") from reason
            elif isinstance(reason, MemoryError):
                raise MemoryError(f"a worker has not enough memory for {name(entry)}. {pool.kept}") from reason
            else:
                raise reason
    except BaseException:
        if give_up is not None:
            give_up(in_flight)
        for future in in_flight:
            future.cancel()
        raise
    finally:
        pool.close()


def lost_worker(reason: BaseException) -> bool:
    """Whether a job is to be given out again, since it was its worker that failed."""
    if isinstance(reason, CancelledError):
        return True
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    return isinstance(reason, (distributed.KilledWorker, distributed.comm.CommClosedError))


class _Window:
    """How many jobs may be with the executor; clusters are asked for their size every ten seconds at most."""

    def __init__(self, pool: Pool) -> None:
        self.pool, self.asked, self.workers = pool, -float("inf"), 1

    def size(self) -> int:
        if time.monotonic() - self.asked > 10:
            self.asked, self.workers = time.monotonic(), self.pool.workers
        return 2 * self.workers


@dataclass(frozen=True)
class Parcel:
    """A job and its function, see `sealed`."""

    function: Callable[[Any], Any]
    job: Any
    version: str = __version__

    def __reduce__(self) -> tuple[Callable[[str, bytes], Any], tuple[str, bytes]]:
        return sealed(self)


@dataclass(frozen=True)
class OtherVersion:
    """A job or a parcel of another version, which is not read."""

    version: str


def sealed(job: Any) -> tuple[Callable[[str, bytes], Any], tuple[str, bytes]]:
    """What ``__reduce__`` of a dataclass with a ``version`` returns, so that it is sent as bytes beside the version.

    A worker compares that before it reads them, and gets an `OtherVersion` if it has another one: what they hold is
    another version's own affair.
    """
    content = type(job), vars(job)
    cloudpickle = sys.modules.get("cloudpickle")  # what executors such as Dask's send functions of a notebook by
    try:
        packed = pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
    except Exception:
        if cloudpickle is None:
            raise
        packed = cloudpickle.dumps(content)
    else:
        if cloudpickle is not None and b"__main__" in packed:
            packed = cloudpickle.dumps(content)
    return unsealed, (job.version, packed)


def unsealed(version: str, content: bytes) -> Any:
    """What was `sealed`, or an `OtherVersion`."""
    if version != __version__:
        return OtherVersion(version)
    kind, fields = pickle.loads(content)
    return kind(**fields)


@dataclass(frozen=True)
class Returned:
    """What a worker sends back for a parcel."""

    value: Any
    version: str = __version__


def run_parcel(parcel: Parcel | OtherVersion) -> Returned:
    """What a worker does with a parcel.

    Raises
    ------
    ValueError
        If it is of another version; and what the function raises.
    """
    if isinstance(parcel, OtherVersion) or parcel.version != __version__:
        raise other_version(parcel.version, __version__)
    return Returned(parcel.function(parcel.job))


def other_version(here: str, there: str) -> ValueError:
    """The error for a worker that has another version than the caller."""
    return ValueError(f"this is sigmalloc {here}, but a worker has {there}")
