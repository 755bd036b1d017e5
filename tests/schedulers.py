"""Dask clusters whose scheduler dies while it is used."""

import contextlib
import subprocess
import sys
import threading


@contextlib.contextmanager
def dying_scheduler(folder, seconds=1.0):
    """A client of a scheduler, with one worker of two threads, that is killed after so many seconds; it must be."""
    import distributed

    address = ["--scheduler-file", str(folder / "address")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    commands = {
        "scheduler": ["--port", "0", "--dashboard-address", ":0"],
        "worker": ["--no-nanny", "--nthreads", "2", "--no-dashboard"],
    }
    with contextlib.ExitStack() as stack:
        processes = {}
        for name, options in commands.items():
            command = [sys.executable, "-m", f"distributed.cli.dask_{name}", *address, *options]
            processes[name] = subprocess.Popen(command, **quiet)
            stack.callback(processes[name].wait)
            stack.callback(processes[name].kill)
        client = distributed.Client(scheduler_file=str(folder / "address"), timeout=30)
        client.wait_for_workers(1, timeout=30)
        killer = threading.Timer(seconds, processes["scheduler"].kill)
        killer.start()
        stack.callback(killer.cancel)
        yield client
        killer.join()
