"""Threads that do not keep a process alive."""

from __future__ import annotations

import _thread
import atexit
import contextlib
import contextvars
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future
from typing import Any, TypeVar, cast

T = TypeVar("T")

_left_behind: list[list[None]] = []  # for each call that Ctrl-C ended: empty once it has come to its end
interrupted: list[int] = []  # the status that a command which Ctrl-C ended exits with

_MOMENT = 0.1  # seconds
_LONGEST = 5.0  # seconds that a process which ends by itself waits for what Ctrl-C left behind
LARGE_SYSTEM = 2000  # equations from which on a sparse solve may take longer than Ctrl-C should


def aside(function: Callable[..., T], /, *arguments: Any, **keywords: Any) -> T:
    """What a function returns that Ctrl-C cannot stop, as a large solve by SuperLU; Ctrl-C ends the wait for it.

    It runs on a thread of its own, which does not keep the process alive. After Ctrl-C it comes to its end there, and
    nobody takes what it returns. Functions that hold Python's lock all the time gain nothing by it.
    """
    if threading.current_thread() is not threading.main_thread():  # which alone hears of Ctrl-C
        return function(*arguments, **keywords)
    found: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()
    running: list[None] = [None]
    context = contextvars.copy_context()

    def work() -> None:
        try:
            found.put((context.run(function, *arguments, **keywords), None))
        except BaseException as error:
            found.put((None, error))
        finally:
            running.clear()

    try:
        start(work, "sigmalloc_aside")
    except RuntimeError:  # the system gives no more threads
        return function(*arguments, **keywords)
    try:
        while True:
            with contextlib.suppress(queue.Empty):
                value, error = found.get(timeout=0.1)  # Windows hears of Ctrl-C between two waits only
                break
    except BaseException:
        _left_behind.append(running)
        raise
    if error is not None:
        raise error
    return cast(T, value)


@atexit.register
def _leave() -> None:
    """End a process in which Ctrl-C left a call behind.

    SuperLU calls Python back, and an interpreter that shuts down meanwhile crashes, or loses its status. So a process
    that Ctrl-C ends is ended here, and one that ends by itself waits for the call, for a while.
    """
    if not any(_left_behind):
        return
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # one that is closed, or None
            stream.flush()
    if interrupted or getattr(sys, "last_type", None) is KeyboardInterrupt:
        logging.shutdown()
        if interrupted or os.name != "posix":
            os._exit(interrupted[-1] if interrupted else 130)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # as Python ends what Ctrl-C stopped
        os.kill(os.getpid(), signal.SIGINT)
    until = time.monotonic() + _LONGEST
    while any(_left_behind):
        if time.monotonic() > until:
            sys.stdout = sys.stderr = None  # an error when they are flushed would be the status
            break
        time.sleep(0.05)


def start(work: Callable[[], object], name: str) -> None:
    """Start a thread that does not keep the process alive.

    `threading.Thread.start` waits for the thread by way of a condition, which Ctrl-C can break: then it is an error, or
    the thread waits for good. So a bare thread calls it, which Ctrl-C does not reach.

    Raises
    ------
    RuntimeError
        If the system gives no more threads.
    """

    def begin() -> None:
        try:
            threading.Thread(target=work, name=name, daemon=True).start()
        except RuntimeError:  # this one was the last that there was
            work()

    _thread.start_new_thread(begin, ())


class Threads(Executor):
    """As `concurrent.futures.ThreadPoolExecutor`, but a process that ends does not wait for what it works on.

    Ctrl-C may come while the calling thread holds the lock of a `Future` (``with future._condition`` is not one step),
    and what it holds then is never given back. So nothing here waits for a thread that is past its work for more than
    a moment, once things are cancelled.

    Parameters
    ----------
    workers : int
        They are started as work comes in.
    name : str
        Of the threads, before their numbers.
    """

    def __init__(self, workers: int, name: str = "sigmalloc") -> None:
        self.num_workers = workers
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._closed, self._cancelled, self._lock, self._name = False, False, threading.Lock(), name
        self._started = 0
        self._ended: queue.SimpleQueue[None] = queue.SimpleQueue()  # as many as threads that have ended
        self._busy: list[None] = []  # one for each thread that is at work: lists grow and shrink in one step

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Future[Any]:
        """A `Future` of ``function(*arguments, **keywords)``."""
        future: Future[Any] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the threads have been shut down")
            if self._started < self.num_workers:
                self._start()
            self._waiting.put((future, function, arguments, keywords))
        return future

    def _start(self) -> None:
        try:
            start(self._work, f"{self._name}_{self._started}")
        except RuntimeError:
            if not self._started:
                raise
            self.num_workers = self._started
        else:
            self._started += 1

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take nothing more; ``cancel_futures`` gives up what no thread has begun, and waits for the rest alone."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._send_home()
        if cancel_futures:
            self._cancelled = True
            self._cancel()
        if not wait:
            return
        while self._cancelled and self._busy:
            time.sleep(0.001)
        while self._started:
            try:
                self._ended.get(timeout=_MOMENT if self._cancelled else None)
            except queue.Empty:
                break
            self._started -= 1

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self.shutdown(cancel_futures=kind is not None)

    def _cancel(self) -> None:
        while True:
            try:
                entry = self._waiting.get_nowait()
            except queue.Empty:
                break
            if entry is not None:
                entry[0].cancel()
        self._send_home()  # what was taken out told the threads that, too

    def _send_home(self) -> None:
        for _ in range(self._started):
            self._waiting.put(None)

    def _work(self) -> None:
        while (entry := self._waiting.get()) is not None:
            future, function, arguments, keywords = entry
            if not future.set_running_or_notify_cancel():
                continue
            found, error = None, None
            self._busy.append(None)  # before it looks whether all is cancelled, which is said before others look here
            try:
                if self._cancelled:
                    raise CancelledError
                found = function(*arguments, **keywords)
            except BaseException as raised:
                error = raised
            finally:
                self._busy.pop()
            if error is None:
                future.set_result(found)
            else:
                future.set_exception(error)
            del entry, future, function, arguments, keywords, found, error
        self._ended.put(None)
