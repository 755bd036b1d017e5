"""Threads that do not keep a process alive."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

T = TypeVar("T")

LARGE_SYSTEM = 2000  # equations from which on a sparse solve may take longer than Ctrl-C should


def aside(function: Callable[..., T], /, *arguments: Any, **keywords: Any) -> T:
    """What a function returns that Ctrl-C cannot stop, as a large solve by SuperLU; Ctrl-C ends the wait for it.

    It runs on a thread of its own, which does not keep the process alive. After Ctrl-C it comes to its end there, and
    nobody takes what it returns. Functions that hold Python's lock all the time gain nothing by it.
    """
    if threading.current_thread() is not threading.main_thread():  # which alone hears of Ctrl-C
        return function(*arguments, **keywords)
    future: Future[T] = Future()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            future.set_result(context.run(function, *arguments, **keywords))
        except BaseException as error:
            future.set_exception(error)

    try:
        threading.Thread(target=work, name="sigmalloc_aside", daemon=True).start()
    except RuntimeError:  # the system gives no more threads
        return function(*arguments, **keywords)
    while True:
        try:
            return future.result(timeout=0.1)  # Windows hears of Ctrl-C between two waits only
        except TimeoutError:
            if future.done():
                return future.result()


class Threads(Executor):
    """As `concurrent.futures.ThreadPoolExecutor`, but a process that ends does not wait for what it works on.

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
        self._closed, self._lock, self._name = False, threading.Lock(), name
        self._threads: list[threading.Thread] = []

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Future[Any]:
        """A `Future` of ``function(*arguments, **keywords)``."""
        future: Future[Any] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the threads have been shut down")
            if len(self._threads) < self.num_workers:
                self._start()
            self._waiting.put((future, function, arguments, keywords))
        return future

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name=f"{self._name}_{len(self._threads)}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system gives no more of them
            if not self._threads:
                raise
            self.num_workers = len(self._threads)
        else:
            self._threads.append(thread)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take nothing more; ``cancel_futures`` gives up what no thread has begun."""
        with self._lock:
            if not self._closed:
                self._closed = True
                for _ in self._threads:
                    self._waiting.put(None)
        if cancel_futures:
            self._cancel()
        if wait:
            for thread in self._threads:
                thread.join()

    def _cancel(self) -> None:
        while True:
            try:
                entry = self._waiting.get_nowait()
            except queue.Empty:
                break
            if entry is not None:
                entry[0].cancel()
        for _ in self._threads:  # what was taken out told the threads to end, too
            self._waiting.put(None)

    def _work(self) -> None:
        while (entry := self._waiting.get()) is not None:
            future, function, arguments, keywords = entry
            if not future.set_running_or_notify_cancel():
                continue
            try:
                found = function(*arguments, **keywords)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(found)
            del entry, future, function, arguments, keywords
