"""Sweeps survive: killed drivers and workers, full disks, interruptions, company. Nothing here is pretended."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import our_threads
import pytest
from schedulers import dying_scheduler

import sigmalloc as sm
from sigmalloc._executors import lost_worker
from sigmalloc.sweeps import open_sweep, sweep
from sigmalloc.sweeps.driver import WorkersLostError
from sigmalloc.sweeps.work import run_block

PLANNING = sm.Agent.table_b1("planning")
STUDY = {"grid": {"lam": [0.5, 1, 2], "task.moves": [3, 4]}, "episodes": 300, "evaluate_every": 100, "restarts": 150,
         "evaluation_episodes": 20, "seed": 11, "keep": [0, 1], "block_size": 8}  # fmt: skip
N_RUNS, N_BLOCKS = 900, 113

DRIVER = """
import sys
import sigmalloc as sm
from sigmalloc.sweeps import sweep
if __name__ == "__main__":
    print("ready", flush=True)
    sweep("planning", sm.Agent.table_b1("planning"), store=sys.argv[1], progress=False, **{study})
    print("finished", flush=True)
"""

posix = pytest.mark.skipif(os.name != "posix", reason="signals")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    sweep("planning", PLANNING, store=folder, progress=False, **STUDY)
    return folder


def blocks_of(folder):
    return {path.name: path.read_bytes() for path in (Path(folder) / "blocks").iterdir() if path.name[0] != "."}


def count_blocks(store):
    return len(blocks_of(store)) if (store / "blocks").exists() else 0


def assert_identical(folder, undisturbed):
    """The same files with the same bytes, hence the same result."""
    wanted, found = blocks_of(undisturbed), blocks_of(folder)
    assert len(wanted) == N_BLOCKS and found == wanted
    result = open_sweep(folder)
    assert result.complete and not result.damaged
    np.testing.assert_array_equal(result.objective, open_sweep(undisturbed).objective)


def start(tmp_path, store, text=None):
    script = tmp_path / "driver.py"
    script.write_text(text or DRIVER.replace("{study}", repr(STUDY)))
    # a shell that runs tests in the background may have told its children to ignore the signal
    heed = None if os.name == "nt" else lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(
        [sys.executable, str(script), str(store)], stdout=subprocess.PIPE, text=True, preexec_fn=heed
    )
    assert process.stdout.readline() == "ready\n"
    return process


def end(process):
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


class TestKilledDrivers:
    @posix
    @pytest.mark.parametrize("times", [4, pytest.param(10, marks=pytest.mark.slow)])
    def test_at_random_moments(self, tmp_path, undisturbed, times):
        store = tmp_path / "store"
        rng = np.random.default_rng(20)
        committed, progress = {}, []
        for _ in range(times):
            process = start(tmp_path, store)
            wanted = len(committed) + rng.integers(0, 9)
            while process.poll() is None and count_blocks(store) < wanted:
                time.sleep(0.002)
            time.sleep(rng.uniform(0, 0.02))
            process.kill()
            end(process)
            now = blocks_of(store) if (store / "blocks").exists() else {}
            assert committed.items() <= now.items(), "a committed block was lost or changed"
            committed = now
            progress.append(len(now))
            if (store / "manifest.json").exists():
                assert open_sweep(store).n_blocks == len(now)
        assert sum(0 < count < N_BLOCKS for count in progress) >= times // 2, progress
        assert len(set(progress)) >= times // 2 - 1, progress
        sweep("planning", PLANNING, store=store, progress=False, **STUDY)
        assert_identical(store, undisturbed)
        assert not [name for name in os.listdir(store / "blocks") if name[0] == "."]

    @posix
    def test_two_sweeps_on_one_store(self, tmp_path, undisturbed):
        store = tmp_path / "store"
        both = [start(tmp_path, store) for _ in range(2)]
        for process in both:
            assert end(process) == (0, "finished\n")
        assert_identical(store, undisturbed)
        assert sorted(os.listdir(store)) == ["blocks", "manifest.json", "tasks"]


class TestInterruption:
    LONG = """
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
import sigmalloc as sm
from sigmalloc.sweeps import sweep

def make():
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))

if __name__ == "__main__":
    print("ready", flush=True)
    sweep("grid-world", sm.Agent(), {"lam": [0.1, 0.2], "task.step_limit": [500, 1000]}, episodes=10**6, restarts=80,
          evaluate_every=10**5, seed=0, store=sys.argv[1], block_size=40, workers=2, progress=False{executor})
"""

    @posix
    @pytest.mark.parametrize(
        "executor", ["", pytest.param(", executor=make", marks=pytest.mark.slow)], ids=["threads", "processes"]
    )
    def test_long_blocks_are_given_up_at_once(self, tmp_path, executor):
        store = tmp_path / "store"
        process = start(tmp_path, store, self.LONG.replace("{executor}", executor))
        while not (store / "manifest.json").exists():
            time.sleep(0.02)
        time.sleep(3.0 if executor else 1.0)
        begin = time.perf_counter()
        process.send_signal(signal.SIGINT)  # to the driver alone: its processes hear of it through the store
        status, _ = end(process)
        assert time.perf_counter() - begin < 2.0
        assert status != 0
        assert sorted(os.listdir(store)) == ["blocks", "manifest.json", "tasks"]
        assert os.listdir(store / "blocks") == []
        assert not open_sweep(store).done.any()

    def test_a_daemon_thread_does_not_keep_the_process_alive(self, tmp_path):
        text = """
import sys, threading, time
import sigmalloc as sm

def long():
    sm.sweep("grid-world", sm.Agent(), {"lam": [0.1, 0.2]}, episodes=10**6, restarts=400, seed=0, store=sys.argv[1],
             keep="all", block_size=400, workers=2, progress=False)

print("ready", flush=True)
threading.Thread(target=long, daemon=True).start()
time.sleep(2)
print("over", flush=True)
"""
        process = start(tmp_path, tmp_path / "store", text)
        assert process.stdout.readline() == "over\n"
        begin = time.perf_counter()
        assert end(process) == (0, "")
        assert time.perf_counter() - begin < 2.0
        assert not open_sweep(tmp_path / "store").done.any()

    @posix
    def test_what_was_done_is_taken_up(self, tmp_path, undisturbed):
        store = tmp_path / "store"
        process = start(tmp_path, store)
        while not (store / "blocks").exists() or len(os.listdir(store / "blocks")) < 5:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert end(process)[0] != 0
        assert 5 <= len(blocks_of(store)) < N_BLOCKS
        sweep("planning", PLANNING, store=store, progress=False, **STUDY)
        assert_identical(store, undisturbed)

    def test_an_error_stops_the_other_blocks(self, tmp_path, monkeypatch):
        """Threads that are in the kernel when another block fails end within moments."""
        calls = []

        def failing(job):
            calls.append(job)
            if len(calls) == 1:
                time.sleep(0.3)
                raise ArithmeticError("of the test")
            return run_block(job)

        monkeypatch.setattr("sigmalloc.sweeps.driver.work.run_block", failing)
        begin = time.perf_counter()
        with pytest.raises(ArithmeticError, match="of the test"):
            sweep("grid-world", sm.Agent(), {"lam": [0.1, 0.2]}, episodes=10**6, restarts=40, evaluate_every=10**5,
                  seed=0, store=tmp_path, block_size=40, workers=2, progress=False)  # fmt: skip
        assert time.perf_counter() - begin < 2.0
        assert our_threads.none_left()


class TestDisk:
    @pytest.fixture
    def small_disk(self, tmp_path):
        """A file system of 400 kB, and a function that mounts it again with other options."""
        folder = tmp_path / "disk"
        folder.mkdir()
        mount = shutil.which("mount")
        command = [mount, "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)]
        if os.name != "posix" or mount is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("cannot mount a file system here")

        def remount(options):
            subprocess.run([mount, "-o", f"remount,{options}", str(folder)], check=True)

        yield folder, remount
        subprocess.run(["umount", str(folder)], check=True)

    def test_full(self, small_disk, undisturbed):
        folder, remount = small_disk
        with pytest.raises(OSError, match="cannot write .*/blocks/.*No space left.*run the sweep again") as caught:
            sweep("planning", PLANNING, store=folder / "store", progress=False, **STUDY)
        assert caught.value.errno == errno.ENOSPC
        partial = open_sweep(folder / "store")
        assert 0 < partial.done.sum() < N_RUNS and not partial.damaged
        assert blocks_of(folder / "store").items() < blocks_of(undisturbed).items()
        assert not [name for name in os.listdir(folder / "store" / "blocks") if name[0] == "."]
        remount("size=8m")
        sweep("planning", PLANNING, store=folder / "store", progress=False, **STUDY)
        assert_identical(folder / "store", undisturbed)

    def test_read_only(self, small_disk):
        folder, remount = small_disk
        study = STUDY | {"restarts": 10}
        sweep("planning", PLANNING, store=folder / "store", progress=False, shard=(0, 2), **study)
        remount("ro")
        with pytest.raises(OSError, match="cannot use .*store as a store"):
            sweep("planning", PLANNING, store=folder / "store", progress=False, **study)
        with pytest.raises(OSError, match="cannot use .*other as a store"):
            sweep("planning", PLANNING, store=folder / "other", progress=False, **study)
        assert open_sweep(folder / "store").done.sum() == 32  # blocks 0, 2, 4 and 6 of 8
        remount("rw")
        assert sweep("planning", PLANNING, store=folder / "store", progress=False, **study).complete

    @posix
    def test_unwritable_folder(self, tmp_path):
        """As a user without rights: the test suite may run as root, to whom every folder is writable."""
        sweep("planning", PLANNING, store=tmp_path / "s", progress=False, shard=(0, 2), **STUDY)
        os.chmod(tmp_path / "s" / "blocks", 0o555)
        code = DRIVER.replace("{study}", repr(STUDY))
        if os.geteuid() == 0:
            code = code.replace(
                "    print(",
                "    import os, numpy.ma, scipy.sparse.csgraph as _; os.setgid(65534); os.setuid(65534)\n    print(",
                1,
            )
            for folder in (tmp_path, *tmp_path.parents[:3]):
                if folder.owner() == "root" and folder != Path(folder.anchor):
                    os.chmod(folder, folder.stat().st_mode | 0o055)
        ran = subprocess.run([sys.executable, "-c", code, str(tmp_path / "s")], capture_output=True, text=True)
        assert "ready" in ran.stdout, ran.stderr
        assert ran.returncode != 0 and "cannot use" in ran.stderr and "not writable" in ran.stderr
        os.chmod(tmp_path / "s" / "blocks", 0o755)
        assert open_sweep(tmp_path / "s").n_blocks == 57

    def test_a_disk_that_fails_now_and_then(self, tmp_path, monkeypatch, undisturbed):
        """Errors at each step of writing a block: nothing half-written is ever taken for a block."""
        flush, attempts = os.fsync, [0]

        def failing(descriptor):
            attempts[0] += 1
            if attempts[0] % 40 == 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            flush(descriptor)

        monkeypatch.setattr("sigmalloc._io.files.os.fsync", failing)
        failures = 0
        for _ in range(30):
            try:
                sweep("planning", PLANNING, store=tmp_path, progress=False, **STUDY)
                break
            except OSError as error:
                assert "cannot write" in str(error)
                failures += 1
                assert not open_sweep(tmp_path).damaged
        assert failures >= 3
        assert_identical(tmp_path, undisturbed)


def spawned_pool():
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


def dying_pool():
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=os._exit, initargs=(1,))


class Executioner(threading.Thread):
    """Kills workers in mid-work: after each kill it waits until blocks are committed again, and then a moment."""

    def __init__(self, store, find, moments):
        super().__init__(daemon=True)
        self.store, self.find, self.moments, self.killed = store, find, moments, 0
        self.over = threading.Event()

    def run(self):
        for moment in self.moments:
            before = count_blocks(self.store)
            while count_blocks(self.store) <= before:
                if self.over.wait(0.02):
                    return
            if self.over.wait(moment) or count_blocks(self.store) == N_BLOCKS:
                return
            victims = self.find()
            if victims:
                try:
                    os.kill(victims[self.killed % len(victims)], signal.SIGKILL)
                except ProcessLookupError:
                    continue
                self.killed += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.join()


class TestProcesses:
    def test_same_bits(self, tmp_path, undisturbed):
        with spawned_pool() as pool:
            sweep("planning", PLANNING, store=tmp_path / "a", progress=False, executor=pool, **STUDY)
        assert_identical(tmp_path / "a", undisturbed)
        with ThreadPoolExecutor(3) as pool:
            sweep("planning", PLANNING, store=tmp_path / "b", progress=False, executor=pool, **STUDY)
        assert_identical(tmp_path / "b", undisturbed)

    @posix
    @pytest.mark.slow
    def test_killed_workers(self, tmp_path, undisturbed):
        pools = []

        def make():
            pools.append(spawned_pool())
            return pools[-1]

        def workers():
            return list(pools[-1]._processes or ())

        with Executioner(tmp_path, workers, np.random.default_rng(3).uniform(0, 0.2, 5)) as killer:
            sweep("planning", PLANNING, store=tmp_path, progress=False, executor=make, **STUDY)
        assert killer.killed >= 1 and len(pools) >= 2
        assert_identical(tmp_path, undisturbed)

    def test_pools_that_always_break(self, tmp_path):
        with pytest.raises(WorkersLostError, match="6 times in a row with no block finished"):
            sweep("planning", PLANNING, store=tmp_path, progress=False, executor=dying_pool, **STUDY)
        with dying_pool() as pool, pytest.raises(WorkersLostError, match="the executor broke .* give a function"):
            sweep("planning", PLANNING, store=tmp_path, progress=False, executor=pool, **STUDY)
        assert open_sweep(tmp_path).n_blocks == 0

    def test_only_uncommitted_blocks_are_given_out_again(self, tmp_path, undisturbed):
        """A pool that loses every 17th block after committing it, and every 29th before."""
        submitted, most = [], [0]

        class Leaky(Executor):
            def __init__(self):
                self.waiting, self.broken = [], False

            def submit(self, function, job):
                assert function is run_block
                submitted.append(job.path)
                future = Future()
                number = len(submitted)
                self.waiting = [other for other in self.waiting if not other.done()] + [future]
                most[0] = max(most[0], len(self.waiting))
                threading.Timer(0.001, self.work, (future, job, number)).start()
                return future

            def work(self, future, job, number):
                if number % 29 == 0:
                    future.set_exception(BrokenProcessPool("before"))
                    return
                receipt = run_block(job)
                if number % 17 == 0:
                    future.set_exception(BrokenProcessPool("after"))
                else:
                    future.set_result(receipt)

        sweep("planning", PLANNING, store=tmp_path, progress=False, executor=Leaky, workers=3, **STUDY)
        assert_identical(tmp_path, undisturbed)
        assert most[0] <= 6, "the window is bounded"
        assert N_BLOCKS < len(submitted) < 2 * N_BLOCKS
        with pytest.raises(ValueError, match="workers must be given: Leaky does not tell"):
            sweep("planning", PLANNING, store=tmp_path, progress=False, executor=Leaky, **STUDY)


@pytest.mark.filterwarnings("ignore")
def interrupted_at_work(store):
    while not (store / "manifest.json").exists():
        time.sleep(0.02)
    time.sleep(1.5)
    os.kill(os.getpid(), signal.SIGINT)


class TestDask:
    @pytest.fixture
    def cluster(self, tmp_path):
        distributed = pytest.importorskip("distributed")
        # any port for its pages: 8787 is taken where another cluster runs
        options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
        local = distributed.LocalCluster(**options, local_directory=str(tmp_path / "dask"))
        with local, distributed.Client(local) as client:
            yield client

    def test_same_bits(self, cluster, tmp_path, undisturbed):
        sweep("planning", PLANNING, store=tmp_path / "s", progress=False, executor=cluster.get_executor(), **STUDY)
        assert_identical(tmp_path / "s", undisturbed)

    def test_which_errors_mean_that_a_worker_was_lost(self):
        distributed = pytest.importorskip("distributed")
        assert lost_worker(distributed.KilledWorker("task", None, 3))
        assert lost_worker(distributed.comm.CommClosedError("gone"))
        assert lost_worker(distributed.client.FutureCancelledError("key", "lost"))
        assert not lost_worker(OSError(28, "full")) and not lost_worker(ValueError("wrong"))

    @posix
    @pytest.mark.slow
    def test_killed_workers(self, cluster, tmp_path, undisturbed):
        store = tmp_path / "s"

        def workers():
            try:
                return list(cluster.run(os.getpid).values())
            except Exception:  # a worker that is being replaced does not answer
                return []

        with Executioner(store, workers, np.random.default_rng(5).uniform(0, 0.2, 5)) as killer:
            sweep("planning", PLANNING, store=store, progress=False, executor=cluster.get_executor(), **STUDY)
        assert killer.killed >= 2
        assert_identical(store, undisturbed)

    @posix
    @pytest.mark.slow
    def test_a_scheduler_that_dies(self, tmp_path):
        """The client gives up after the time that it takes to reconnect, and says what to do."""
        pytest.importorskip("distributed")
        with (
            dying_scheduler(tmp_path) as client,
            pytest.raises(WorkersLostError, match="the executor broke .*run the sweep again"),
        ):
            sweep(
                "grid-world", sm.Agent(), {"lam": [0.1, 0.2]}, episodes=10**5, restarts=400, seed=0, keep="all",
                store=tmp_path / "s", block_size=8, progress=False, executor=client.get_executor(),
            )  # fmt: skip

    @posix
    @pytest.mark.slow
    def test_interruption_stops_the_workers(self, cluster, tmp_path):
        store = tmp_path / "s"
        threading.Thread(target=interrupted_at_work, args=(store,), daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            sweep("grid-world", sm.Agent(), {"lam": [0.1, 0.2]}, episodes=10**6, restarts=80, evaluate_every=10**5,
                  seed=0, store=store, block_size=40, progress=False, executor=cluster.get_executor())  # fmt: skip
        begin = time.perf_counter()
        while any(cluster.processing().values()) and time.perf_counter() - begin < 5:
            time.sleep(0.05)
        assert time.perf_counter() - begin < 2
        assert sorted(os.listdir(store)) == ["blocks", "manifest.json", "tasks"] and os.listdir(store / "blocks") == []
