"""Threads that do not keep a process alive."""

import queue
import threading
from concurrent.futures import Executor, Future


class Threads(Executor):
    """As `concurrent.futures.ThreadPoolExecutor`, but a process that ends does not wait for what it works on.

    Parameters
    ----------
    workers : int
        All of them are started at once.
    name : str
        Of the threads, before their numbers.
    """

    def __init__(self, workers, name="sigmalloc"):
        self.num_workers = workers
        self._waiting, self._closed, self._lock = queue.SimpleQueue(), False, threading.Lock()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}_{number}", daemon=True) for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, function, /, *arguments, **keywords):
        """A `Future` of ``function(*arguments, **keywords)``."""
        future = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the threads have been shut down")
            self._waiting.put((future, function, arguments, keywords))
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
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

    def _cancel(self):
        while True:
            try:
                entry = self._waiting.get_nowait()
            except queue.Empty:
                break
            if entry is not None:
                entry[0].cancel()
        for _ in self._threads:  # what was taken out told the threads to end, too
            self._waiting.put(None)

    def _work(self):
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
