"""Stores under attack: every operation that fails, every byte that is wrong, and any order of what users do."""

import errno
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from failing import Failing, under
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import sigmalloc as sm
from sigmalloc import _executors, cli
from sigmalloc._io import files
from sigmalloc.sweeps import driver, open_sweep, problems, store, sweep, work
from sigmalloc.sweeps.driver import WorkersLostError
from sigmalloc.sweeps.store import DamagedBlock, Store, StoreWarning

AGENT = sm.Agent.table_b1("planning")
TASK = sm.tasks.planning(2)
KEYWORDS = {"episodes": 4, "evaluate_every": 2, "evaluation_episodes": 2, "seed": 3}
SMALL = {**KEYWORDS, "restarts": 2, "keep": [0], "block_size": 2, "progress": False, "workers": 1}
GRID = {"lam": [1.0, 2.0]}
CURVES = ("reward", "value", "cost", "objective", "cutoffs", "steps", "training_cutoffs", "error", "stream", "done")

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX file systems")


@pytest.fixture(autouse=True, scope="module")
def no_flushing():
    """Thousands of flushes of a real disk take minutes, and no test here cuts the power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


def run(folder, grid=GRID, **changes):
    return sweep(TASK, AGENT, grid, store=folder, **(SMALL | changes))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished store and what is in it."""
    folder = tmp_path_factory.mktemp("whole") / "store"
    return folder, run(folder)


def contents(folder):
    """Bytes of all files, but for temporary ones."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(Path(folder).rglob("*")) if path.is_file() and not files.is_temporary(path.name)
    }  # fmt: skip


def assert_same(found, wanted):
    for name in CURVES:
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)
    np.testing.assert_array_equal(found.q, wanted.q)
    np.testing.assert_array_equal(found.sigma, wanted.sigma)


class TestFailingDisk:
    FULL = OSError(errno.ENOSPC, "No space left on device")

    @posix
    @pytest.mark.parametrize("error, refuse_links, step", [
        (FULL, False, 4), (KeyboardInterrupt(), True, 5),
        *(pytest.param(error, links, 1, marks=pytest.mark.slow)
          for error in (FULL, KeyboardInterrupt()) for links in (False, True)),
    ])  # fmt: skip
    def test_every_operation(self, whole, tmp_path, error, refuse_links, step):
        """After the n-th operation fails (on a full disk: and all later ones), every file is whole and as it should be,
        and the next sweep ends with the same."""
        wanted, fail_at, failures = contents(whole[0]), 0, 0
        while True:
            folder = tmp_path / str(fail_at)
            with pytest.MonkeyPatch.context() as patch:
                failing = under(patch, Failing(fail_at, error, refuse_links, isinstance(error, OSError)))
                try:
                    run(folder)
                    failed = False
                except type(error) as caught:
                    failed, failures = True, failures + 1
                    assert isinstance(caught, KeyboardInterrupt) or str(folder) in str(caught)
            if (folder / "manifest.json").exists():
                found = open_sweep(folder)
                for place in np.argwhere(found.done):
                    np.testing.assert_array_equal(found.reward[tuple(place)], whole[1].reward[tuple(place)])
                assert not found.damaged
            assert contents(folder).items() <= wanted.items()
            if not failed and len(failing.done) <= fail_at:
                break
            assert run(folder).complete
            assert contents(folder) == wanted
            shutil.rmtree(folder)
            fail_at += step
        assert failures >= 60 // step

    @posix
    def test_growing(self, whole, tmp_path):
        """A grid that grows on a disk that fails: the runs of the old grid are never lost."""
        fail_at = 0
        while True:
            folder = tmp_path / str(fail_at)
            shutil.copytree(whole[0], folder)
            before = contents(folder)
            with pytest.MonkeyPatch.context() as patch:
                failing = under(patch, Failing(fail_at))
                try:
                    run(folder, {"lam": [1.0, 2.0, 3.0]})
                except OSError:
                    pass
                else:
                    if len(failing.done) <= fail_at:
                        break
            assert len(failing.done) > fail_at
            assert before.items() <= contents(folder).items()
            found = open_sweep(folder)
            np.testing.assert_array_equal(found.reward[:2], whole[1].reward)
            fail_at += 5
        assert fail_at >= 30

    @posix
    def test_without_hard_links(self, tmp_path, monkeypatch, whole):
        """exFAT, SMB and folders in a cloud: a sweep starts, grows, and shares the store with another one."""

        def refused(*arguments):
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", refused)
        folder, found = tmp_path / "store", []
        threads = [threading.Thread(target=lambda: found.append(run(folder))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        for result in found:
            assert_same(result, whole[1])
        assert contents(folder) == contents(whole[0])
        assert run(folder, {"lam": [1.0, 2.0, 3.0]}).complete
        assert sorted(os.listdir(folder)) == ["blocks", "manifest-0001.json", "manifest.json", "tasks"]


def attack(whole, tmp_path, places_of, masks, mend_every=1):
    """Put wrong bytes into every file of a store: what is read is right, what cannot be is named, and damaged blocks
    and tasks are computed again, of blocks at every `mend_every`-th place."""
    folder, result = tmp_path / "store", whole[1]
    shutil.copytree(whole[0], folder)
    wanted = contents(folder)
    seen = {"read": 0, "repaired": 0, "refused": 0}
    for name, content in wanted.items():
        path = folder / name
        mended_every = 1 if content.startswith(b"{") else mend_every
        for count, place in enumerate(places_of(content)):
            for mask in masks:
                broken = bytearray(content)
                broken[place] ^= mask
                path.write_bytes(broken)
                problems.load.cache_clear()
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter("always")
                    try:
                        found = open_sweep(folder)
                        assert found.done.all() or str(path) in found.damaged
                        for quantity in ("reward", "value", "cost", "steps", "stream"):
                            read, right = getattr(found, quantity), getattr(result, quantity)
                            np.testing.assert_array_equal(read[found.done], right[found.done])
                        if found.done.all():
                            np.testing.assert_array_equal(found.sigma, result.sigma)
                            assert found.cell(1)[1] == AGENT.replace(lam=2.0)
                    except ValueError as error:
                        assert str(path) in str(error), f"{name}, byte {place}: {error}"
                    if count % mended_every == 0:
                        try:
                            again = run(folder)
                        except ValueError as error:
                            assert name.startswith("manifest") and str(folder) in str(error), (
                                f"{name}, {place}: {error}"
                            )
                            seen["refused"] += 1
                        else:
                            assert_same(again, result)
                            if path.read_bytes() == content:
                                seen["repaired"] += 1
                            else:  # a byte that means nothing
                                seen["read"] += 1
                for warning in caught:
                    assert issubclass(warning.category, StoreWarning) and str(path) in str(warning.message)
        path.write_bytes(content)
        assert contents(folder) == wanted
    return seen


class TestDamage:
    def test_some_bytes_inverted(self, whole, tmp_path):
        seen = attack(whole, tmp_path, lambda content: range(5, len(content), 101), (255,))
        assert min(seen.values()) > 5, seen

    @pytest.mark.slow
    @pytest.mark.parametrize("mask", [255, 32, 1], ids=["inverted", "the other case", "the next letter"])
    def test_every_byte(self, whole, tmp_path, mask):
        """Every byte is inverted, of the second block a sample; what else a byte can become matters where it is text,
        elsewhere a sample will do, and so it will of blocks that are computed again."""
        held = contents(whole[0])
        another = held[max(name for name in held if name.startswith("blocks"))]

        def places(content):
            whole_file = content.startswith(b"{") or (mask == 255 and content != another)
            return range(0, len(content), 1 if whole_file else 11)

        seen = attack(whole, tmp_path, places, (mask,), 7)
        assert min(seen.values()) > 30, seen

    def test_a_bit_outside_the_keys_is_repaired(self, whole, tmp_path):
        folder = tmp_path / "store"
        shutil.copytree(whole[0], folder)
        block = next((folder / "blocks").iterdir())
        intact = block.read_bytes()
        broken = bytearray(intact)
        with np.load(block) as arrays:
            broken[intact.index(arrays["value"].tobytes(), intact.index(b"value.npy"))] ^= 1
        block.write_bytes(broken)
        with pytest.raises(DamagedBlock, match=f"{block.name}.*run the sweep again, which computes it anew"):
            open_sweep(folder).value  # noqa: B018
        # a shard that the block does not belong to leaves it to the other one
        number = sorted(path.name for path in (folder / "blocks").iterdir()).index(block.name)
        run(folder, shard=(1 - number, 2))
        assert block.read_bytes() == broken
        with pytest.warns(StoreWarning, match=block.name):
            run(folder, shard=(number, 2))
        assert block.read_bytes() == intact
        assert_same(open_sweep(folder), whole[1])

    CHANGES = {
        "text": {"reward": np.full((2, 2), "x")}, "NaN counts": {"steps": np.full(2, np.nan)},
        "negative": {"steps": np.array([-1, 3])}, "an error of another kind": {"error": np.array([-1, 0], np.int8)},
        "a shorter curve": {"value": np.zeros((2, 1))}, "a longer one": {"value": np.zeros((2, 3))},
        "complex": {"cost": np.zeros((2, 2), complex)}, "kept": {"kept": np.array([-1])}, "more kept": {"kept": [0, 1]},
        "huge shape": {"shape": np.array([[2**62, 4]])}, "wrong shape": {"shape": np.array([[1, 1]])},
        "objects": {"q": np.array([None])}, "keys": {"keys": np.zeros((2, 16), np.uint8)}, "q of text": {"q": ["x"]},
        "missing": {"sigma": None}, "signs": {"stream": np.zeros((2, 4), np.int64)},
    }  # fmt: skip

    @pytest.mark.parametrize("kind", CHANGES)
    def test_whole_archives_that_are_no_blocks(self, whole, tmp_path, kind):
        """As anyone could write them, without checksums, like those of the first version."""
        folder = tmp_path / "store"
        shutil.copytree(whole[0], folder)
        block = sorted((folder / "blocks").iterdir())[0]
        with np.load(block) as file:
            arrays = {name: file[name] for name in file.files} | self.CHANGES[kind]
        np.savez(block, **{name: array for name, array in arrays.items() if array is not None})
        with pytest.warns(StoreWarning, match=block.name):
            result = run(folder)
        assert_same(result, whole[1])
        assert contents(folder) == contents(whole[0])

    @posix
    def test_a_pipe_and_a_folder_for_a_block(self, whole, tmp_path):
        folder = tmp_path / "store"
        shutil.copytree(whole[0], folder)
        first, second = sorted((folder / "blocks").iterdir())
        first.unlink()
        os.mkfifo(first)
        with pytest.warns(StoreWarning, match="is a pipe, not a file"):
            assert open_sweep(folder).done.sum() == 2
        with pytest.warns(StoreWarning, match="is a pipe, not a file"):
            assert_same(run(folder), whole[1])
        second.unlink()
        second.mkdir()
        with pytest.warns(StoreWarning, match="is a folder, not a file"):
            assert open_sweep(folder).done.sum() == 2
        with (
            pytest.warns(StoreWarning),
            pytest.raises(OSError, match=f"cannot write .*{second.name}: there is a folder"),
        ):
            run(folder)
        second.rmdir()
        assert contents(folder).keys() < contents(whole[0]).keys()
        assert_same(run(folder), whole[1])

    def test_damaged_tasks_are_written_again(self, whole, tmp_path):
        folder = tmp_path / "store"
        shutil.copytree(whole[0], folder)
        (task,) = (folder / "tasks").iterdir()
        intact = task.read_bytes()
        for content in (intact[:100], b"", intact[:400] + b"x" + intact[401:]):
            task.write_bytes(content)
            problems.load.cache_clear()
            assert_same(run(folder), whole[1])
            assert task.read_bytes() == intact

    @pytest.mark.parametrize("old, new, message", [
        ('"restarts": 2', '"restarts": 3', "checksum"), ('"mode": "product"', '"mode": "zap"', "checksum"),
        ('"block_size": 2', '"block_size": 4', "checksum"), ('"block_size": 2', '"block_size": 0', "block_size is 0"),
        ('"block_size": 2', '"block_size": true', "block_size is True"), ('"format": 1', '"format": "1"', "format"),
        ('"keep"', '"kept"', "checksum"), ("{", "[" * 100_000, "(recursion|Stack overflow)"), ("{", "", "data"),
        ('"format": 1', '"format": 1' + "0" * 5000, "digits"),
        ('"sigmalloc": "', '"sigmalloc": 3, "x": "', "version"),
    ])  # fmt: skip
    @pytest.mark.parametrize("checksum", [True, False])
    def test_manifests_that_are_not(self, whole, tmp_path, old, new, message, checksum):
        folder = tmp_path / "store"
        shutil.copytree(whole[0], folder)
        path = folder / "manifest.json"
        text = path.read_text()
        assert old in text
        if not checksum:
            text = text.replace('"checksum"', '"comment"')
            message = "" if message == "checksum" else message
        path.write_text(text.replace(old, new, 1))
        if not checksum and new in ('"restarts": 3', '"block_size": 4'):
            with pytest.warns(StoreWarning, match="is not a block of this sweep"):
                found = open_sweep(folder)
            count = min(found.restarts, 2)
            kept = found.done[:, :count]
            np.testing.assert_array_equal(found.reward[:, :count][kept], whole[1].reward[:, :count][kept])
            assert not kept.all()
            return
        for call in (open_sweep, run):
            with pytest.raises(ValueError, match=f"{path} is not a readable manifest: .*{message}"):
                call(folder)

    CONTRADICTIONS = {
        "restarts": "3", "seed": -1, "episodes": 0, "evaluation_episodes": "x", "evaluate_every": 5, "keep": [5],
        "axes": {"lam": []}, "tasks": ["../../etc/passwd"], "mode": "zap", "agent": {"lam": 1}, "task_name": None,
    }  # fmt: skip

    @pytest.mark.parametrize("field", [name for name in CONTRADICTIONS if name != "task_name"])
    def test_manifests_that_contradict_themselves(self, whole, tmp_path, field):
        """With a right checksum, or none: they are looked at all the same."""
        import json

        folder = tmp_path / "store"
        shutil.copytree(whole[0], folder)
        path = folder / "manifest.json"
        record = json.loads(path.read_text())
        record["specification"][field] = self.CONTRADICTIONS[field]
        record["checksum"] = store._checksum(record)
        path.write_text(json.dumps(record))
        with pytest.raises(ValueError, match=f"{path} is not a readable manifest"):
            open_sweep(folder)

    def test_a_manifest_that_is_missing(self, whole, tmp_path):
        folder = tmp_path / "store"
        shutil.copytree(whole[0], folder)
        for last in (3.0, 4.0):
            run(folder, {"lam": [1.0, 2.0, *np.arange(3.0, last + 1)]})
        (folder / "manifest-0001.json").unlink()
        for call in (open_sweep, run):
            with pytest.raises(ValueError, match=r"manifest-0001.json is missing, of which later ones are left"):
                call(folder)

    @posix
    def test_a_pipe_for_a_manifest(self, tmp_path):
        (tmp_path / "store").mkdir()
        os.mkfifo(tmp_path / "store" / "manifest.json")
        with pytest.raises(ValueError, match="holds no sweep"):
            open_sweep(tmp_path / "store")

    def test_status_reads_everything(self, whole, tmp_path, capsys):
        folder = tmp_path / "store"
        shutil.copytree(whole[0], folder)
        block = next((folder / "blocks").iterdir())
        content = bytearray(block.read_bytes())
        with np.load(block) as arrays:
            content[content.index(arrays["stream"].tobytes())] ^= 4
        block.write_bytes(content)
        assert cli.main(["status", str(folder)]) == 0
        out = capsys.readouterr().out
        assert "2 of 4 runs are done" in out and block.name in out


def test_what_systems_leave_in_a_store(whole, tmp_path):
    folder = tmp_path / "store"
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._x", "lost+found"):
        (folder / "blocks").mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    assert_same(run(folder), whole[1])
    for name in (".DS_Store", "Thumbs.db", ".nfs000000000123456700000001", "._manifest.json"):
        for place in (folder, folder / "blocks", folder / "tasks"):
            (place / name).write_bytes(b"x")
    assert not open_sweep(folder).damaged
    assert_same(run(folder), whole[1])


def test_paths(whole, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    run("~/store")
    assert_same(open_sweep("~/store"), whole[1])
    assert_same(open_sweep(Path("~/store")), whole[1])
    open_sweep("~/store").export("~/table.csv")
    assert sorted(os.listdir(tmp_path)) == ["store", "table.csv"]
    assert cli.main(["plot", "~/store", "-o", "~/new/picture.pdf"]) == 0
    assert (tmp_path / "new" / "picture.pdf").read_bytes().startswith(b"%PDF")
    for bad in ("", 3, None, b"x", "a\0b"):
        for call in (run, open_sweep):
            with pytest.raises(ValueError, match="store must be a path"):
                call(bad)
        with pytest.raises(ValueError, match="path must be a path"):
            whole[1].export(bad)


class TestSizes:
    @pytest.mark.parametrize("changes, message", [
        ({"restarts": 10**9}, "× restarts=1,000,000,000 are 2,000,000,000 runs, and a sweep may have 100,000,000"),
        ({"restarts": 10**30}, "restarts must be at most"),
        ({"grid": {name: {"linspace": [0.1, 1, 10**6]} for name in ("lam", "beta")}}, "1,000,000,000,000 cells"),
        ({"grid": {"lam": {"linspace": [0, 1, 10**9]}}}, "how many must be in"),
        ({"episodes": 2**53, "evaluate_every": 1}, "evaluate_every: 9,007,199,254,740,992 evaluations of each"),
        ({"evaluation_episodes": 2**63}, "evaluation_episodes must be in"),
        ({"episodes": 2**63}, "episodes must be in"),
    ])  # fmt: skip
    def test_what_no_machine_could_hold(self, tmp_path, changes, message):
        begin = time.process_time()
        with pytest.raises(ValueError, match=message):
            run(tmp_path / "store", **({"grid": GRID} | changes))
        assert time.process_time() - begin < 5 and os.listdir(tmp_path) == []

    def test_on_the_command_line(self, tmp_path, capsys):
        (tmp_path / "study.toml").write_text("restarts = 1000000000\nstore = 'store'\n" + STUDY)
        for words in ((), ("--dry-run",)):
            assert cli.main(["sweep", str(tmp_path / "study.toml"), *words]) == 2
            assert "1,000,000,000 runs" in capsys.readouterr().err
        assert os.listdir(tmp_path) == ["study.toml"]


STUDY = """episodes = 4
evaluate_every = 2
evaluation_episodes = 2
[task]
name = "planning"
[grid]
lam = [1.0]
"""


class TestStudies:
    def test_byte_order_mark(self, tmp_path):
        (tmp_path / "study.toml").write_bytes(b"\xef\xbb\xbf" + STUDY.encode())
        assert sm.sweeps.read_study(tmp_path / "study.toml")["episodes"] == 4

    @pytest.mark.parametrize("content", [
        (STUDY + "beta = " + "[" * 50_000).encode(), (STUDY + "beta = " + "{a=" * 50_000).encode(),
        STUDY.encode("utf-16"), b"\xff\xfe", bytes(1000), (STUDY + "beta = " + "9" * 5000).encode(),
        ("a" + ".a" * 2000 + " = 1\n" + STUDY).encode(),
    ], ids=range(7))  # fmt: skip
    def test_what_is_no_toml(self, tmp_path, content):
        path = tmp_path / "study.toml"
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"{path}"):
            sm.sweeps.read_study(path)

    def test_what_is_no_file(self, tmp_path, monkeypatch):
        for path in (tmp_path, tmp_path / "none.toml"):
            with pytest.raises(ValueError, match=f"cannot read {path}"):
                sm.sweeps.read_study(path)
        if os.name == "posix":
            os.mkfifo(tmp_path / "pipe")
            with pytest.raises(ValueError, match="is a pipe, not a file"):
                sm.sweeps.read_study(tmp_path / "pipe")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        (tmp_path / "study.toml").write_text("store = '~/there'\n" + STUDY)
        assert sm.sweeps.read_study("~/study.toml")["store"] == os.path.join(str(tmp_path), "there")


class Now(Executor):
    """An executor of the test that computes at once."""

    _max_workers = 1

    def submit(self, function, job):
        future = Future()
        future.set_result(self.work(function, job))
        return future

    def work(self, function, job):
        return function(job)


class TestExecutors:
    def test_that_give_nothing_back(self, tmp_path):
        class Nothing(Now):
            def work(self, function, job):
                return None

        with pytest.raises(WorkersLostError, match="Nothing gave back None for the block 0000-000000-.*did not call"):
            run(tmp_path, executor=Nothing())
        assert not open_sweep(tmp_path).done.any()

    @pytest.mark.parametrize("returned", [None, 3, "future"])
    def test_without_futures(self, tmp_path, returned):
        class NoFuture(Now):
            def submit(self, function, job):
                return returned

        with pytest.raises(
            ValueError, match=f"submit must return a Future, and that of NoFuture returned {returned!r}"
        ):
            run(tmp_path, executor=NoFuture())

    def test_that_write_elsewhere(self, tmp_path, monkeypatch):
        """A worker that has another disk under the store's path."""

        class Elsewhere(Now):
            def work(self, function, job):
                receipt = function(job)
                os.unlink(job.path)
                return receipt

        monkeypatch.setattr(driver, "UNSEEN", 0.1)
        with pytest.raises(WorkersLostError, match="all machines must see the store under the same path"):
            run(tmp_path, executor=Elsewhere())

    def test_file_servers_that_take_their_time(self, tmp_path, whole):
        class Slow(Now):
            def work(self, function, job):
                receipt = function(job)
                os.rename(job.path, job.path + ".hidden")
                threading.Timer(0.7, os.rename, (job.path + ".hidden", job.path)).start()
                return receipt

        assert_same(run(tmp_path, executor=Slow()), whole[1])

    def test_that_were_shut_down(self, tmp_path):
        for executor in (ThreadPoolExecutor(1), ProcessPoolExecutor(1, mp_context=get_context("spawn"))):
            executor.shutdown()
            with pytest.raises(WorkersLostError, match="the executor broke .*run the sweep again"):
                run(tmp_path, executor=executor)

    def test_schedulers_that_die(self, tmp_path):
        """What Dask raises then is an OSError of its own."""

        class CommClosedError(OSError):
            pass

        class Client:
            def __init__(self, patience):
                self.patience = patience

            def nthreads(self):
                self.patience -= 1
                if self.patience < 0:
                    raise CommClosedError("in <TCP (closed) ConnectionPool.ncores>: Stream is closed")
                return {"worker": 1}

        class Cluster(Now):
            _client = Client(1)

            def submit(self, function, job):
                raise CommClosedError("Stream is closed")

        executor = Cluster()
        with pytest.raises(WorkersLostError, match="CommClosedError: Stream is closed.*run the sweep again"):
            run(tmp_path, executor=executor, workers=2)
        executor._client = Client(0)
        with pytest.raises(WorkersLostError, match="ConnectionPool.ncores.*run the sweep again"):
            run(tmp_path, executor=executor, workers=None)

    def test_workers_without_memory(self, tmp_path):
        class Poor(Now):
            def submit(self, function, job):
                future = Future()
                future.set_exception(MemoryError())
                return future

        with pytest.raises(MemoryError, match="not enough memory for 0000-.*run the sweep again"):
            run(tmp_path, executor=Poor())

    def test_more_threads_than_there_can_be(self, tmp_path, whole):
        assert_same(run(tmp_path, workers=10**9), whole[1])


def older_worker():
    for module in (sm, _executors, work, driver):
        module.__version__ = "0.0.1"


class TestVersions:
    def test_processes_of_another_version(self, tmp_path):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=older_worker) as pool:  # noqa: SIM117
            with pytest.raises(ValueError, match=f"this is sigmalloc {sm.__version__}, but a worker has 0.0.1"):
                run(tmp_path, executor=pool)
        assert not open_sweep(tmp_path).done.any()

    def test_jobs_of_another_version_are_not_read(self, monkeypatch):
        """They may hold anything: only the version is compared."""
        content = pickle.dumps(_job("9.9.9"))
        job = pickle.loads(content)
        with pytest.raises(ValueError, match=f"this is sigmalloc 9.9.9, but a worker has {sm.__version__}"):
            work.run_block(job)

    def test_receipts_of_another_version(self, tmp_path):
        class Old(Now):
            def work(self, function, job):
                function(job)
                return work.Receipt(2, 0, 0.0, "0.0.1")

        with pytest.raises(ValueError, match=f"this is sigmalloc {sm.__version__}, but a worker has 0.0.1"):
            run(tmp_path, executor=Old())

    def test_jobs_survive_the_way(self, whole):
        folder = Store(whole[0])
        (generation,) = folder.generations()
        job = work.make_job(folder, generation.blocks[0], "stop")
        again = pickle.loads(pickle.dumps(job))
        assert vars(again).keys() == vars(job).keys()
        for name, value in vars(job).items():
            same = np.array_equal if isinstance(value, np.ndarray) else lambda one, other: one == other
            assert same(getattr(again, name), value), name


def _job(version):
    """A job that another version sent, whose content cannot be read here."""

    class Sent:
        def __reduce__(self):
            return _executors.unsealed, (version, b"of another version")

    return Sent()


def damaged(path):
    raise DamagedBlock(path, "is damaged")


class TestErrorsTravel:
    def test_damaged_blocks(self):
        error = pickle.loads(pickle.dumps(DamagedBlock("a/b.npz", "is damaged")))
        assert (type(error), error.path, error.fault) == (DamagedBlock, "a/b.npz", "is damaged")
        assert str(error) == "a/b.npz is damaged: run the sweep again, which computes it anew"

    def test_through_a_process_pool(self):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            for _ in range(2):
                with pytest.raises(DamagedBlock, match="a/b.npz is damaged") as caught:
                    pool.submit(damaged, "a/b.npz").result()
                assert caught.value.fault == "is damaged"
            assert pool.submit(abs, -3).result() == 3

    @pytest.mark.parametrize("error", [
        WorkersLostError("lost"), work.Stopped("name"), store.StoreWarning("x"), files.NotAFile("x is a folder"),
        sm.DivergenceError("diverged", None, (1, 2)),
    ], ids=lambda error: type(error).__name__)  # fmt: skip
    def test_others(self, error):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and str(again) == str(error) and vars(again) == vars(error)


ODD = [
    "=1+1",
    "-x",
    "@SUM(A1)",
    "nul\0nul",
    "lone \ud800",
    "$\\frac$",
    "$x^",
    "line\nline",
    "\x1b[31m",
    "",
    "q̄ 图",
    "a,b;\"c'",
]


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A sweep over names that are anything."""

    def make(kind, number=3):
        return sm.tasks.planning(number) if kind is None else sm.tasks.planning(2 + ODD.index(kind))

    return sweep(
        make, AGENT, {"task.kind": ODD}, store=tmp_path_factory.mktemp("odd"), **SMALL | {"evaluation_episodes": 1}
    )


class TestOddStrings:
    def test_csv(self, odd, tmp_path):
        import csv

        path = odd.export(tmp_path / "odd.csv")
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == len(ODD) * 2 * 2
        kinds = list(dict.fromkeys(row["task.kind"] for row in rows))
        assert kinds[:5] == ["'=1+1", "'-x", "'@SUM(A1)", "nul\\x00nul", "lone \\ud800"]
        assert kinds[5:] == ["$\\frac$", "$x^", "line\nline", "\\x1b[31m", "", "q̄ 图", "a,b;\"c'"]

    @pytest.mark.parametrize("ending", [".nc", ".zarr"])
    def test_labelled(self, odd, tmp_path, ending):
        xarray = pytest.importorskip("xarray")
        pytest.importorskip("h5netcdf" if ending == ".nc" else "zarr")
        path = odd.export(tmp_path / f"odd{ending}", ["reward"])
        with xarray.open_dataset(path, engine="h5netcdf" if ending == ".nc" else "zarr") as again:
            np.testing.assert_array_equal(again.reward, odd.reward)
            assert again["task.kind"].values[:6].tolist() == [
                "=1+1", "-x", "@SUM(A1)", "nul\\x00nul", "lone \\ud800", "$\\frac$",
            ]  # fmt: skip
        assert os.listdir(tmp_path) == [f"odd{ending}"]

    def test_frames(self, odd):
        assert odd.to_records()["task.kind"][::2].tolist()[3:5] == ["nul\\x00nul", "lone \\ud800"]
        if "pandas" in sys.modules:
            assert len(odd.to_frame()) == len(ODD) * 2

    @pytest.mark.filterwarnings("ignore:Glyph")
    @pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
    def test_figures(self, odd, tmp_path, ending, capsys):
        folder = str(odd.store.path)
        for number, words in enumerate((("--curves", "task.kind"), ())):
            assert cli.main(["plot", folder, "-o", str(tmp_path / f"{number}.{ending}"), *words]) == 0
        assert cli.main(["plot", folder, "-o", str(tmp_path / "x.docx")]) == 2
        assert "--output must end in one of" in capsys.readouterr().err
        assert sorted(os.listdir(tmp_path)) == [f"0.{ending}", f"1.{ending}"]

    def test_names_of_axes(self, tmp_path):
        """As functions with keywords of any name have them."""
        xarray = pytest.importorskip("xarray")
        pytest.importorskip("h5netcdf")

        def make(**keywords):
            return sm.tasks.planning(2 + keywords["a/b $x$"], known_last_move=keywords["=1+1"] == "x")

        grid = {"task.a/b $x$": [0, 1], "task.=1+1": ["x", "y"]}
        result = sweep(make, AGENT, grid, store=tmp_path / "s", **SMALL | {"keep": "none"})
        with xarray.open_dataset(result.export(tmp_path / "x.nc"), engine="h5netcdf") as again:
            assert again.reward.dims[:2] == ("task.a_b $x$", "task.=1+1")
        assert result.export(tmp_path / "x.csv").read_text().startswith("task.a/b $x$,task.=1+1,restart")
        ax = sm.sweeps.plot_heatmap(result, *grid)
        ax.figure.savefig(tmp_path / "x.png")

    def test_status(self, odd):
        done = subprocess.run(
            [sys.executable, "-m", "sigmalloc", "status", odd.store.path], capture_output=True, check=True,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
        )  # fmt: skip
        assert b"runs are done" in done.stdout


def test_numbers_of_any_size(tmp_path):
    def make(kind):
        return sm.tasks.planning(2 + [1, 2**63, 2**70, 10**400].index(kind))

    result = sweep(make, AGENT, {"task.kind": [1, 2**63, 2**70, 10**400]}, store=tmp_path / "s", **SMALL)
    assert result.to_records().dtype["task.kind"].kind == "U"
    result.export(tmp_path / "x.csv")
    some = sweep(make, AGENT, {"task.kind": [1, 2**63, 2**70]}, store=tmp_path / "t", **SMALL)
    assert some.to_records()["task.kind"].dtype == np.float64


def test_tables_of_several_shapes(tmp_path):
    """q̄ and σ of the cells do not fit into one array then; everything else is exported all the same."""
    pytest.importorskip("xarray")
    result = sweep("planning", AGENT, {"task.moves": [2, 3]}, store=tmp_path, **SMALL)
    data = result.to_xarray()
    assert "q" not in data and data.reward.shape == (2, 2, 2)


def test_with_strict_floating_point(whole, tmp_path):
    with np.errstate(all="raise"):
        result = run(tmp_path / "store")
        assert_same(result, whole[1])
        result.to_records("all")
        result.export(tmp_path / "x.csv")
        assert cli.main(["plot", str(tmp_path / "store"), "-o", str(tmp_path / "x.png")]) == 0


@pytest.mark.parametrize("call, message", [
    (lambda result: result.cell("x"), "index must be an integer"), (lambda result: result.cell(1.0), "index must be"),
    (lambda result: result.cell(-1), "index must be within"),
    (lambda result: result.select(checkpoint=2), "checkpoint must be in"),
    (lambda result: result.select(checkpoint="x"), "checkpoint must be an integer"),
    (lambda result: result.export("x.csv", 3), "quantities must be a sequence"),
    (lambda result: result.to_records(None), "checkpoints must be one of"),
    (lambda result: sm.sweeps.plot_curves(result, "lam", at=3), "at must map axes"),
    (lambda result: sm.sweeps.plot_curves(3, "lam"), "result must be a SweepResult"),
    (lambda result: sm.sweeps.plot_parameter(result, "lam", checkpoint=9), "checkpoint must be in"),
    (lambda result: sm.sweeps.plot_heatmap(None, "lam", "beta"), "result must be a SweepResult"),
])  # fmt: skip
def test_questions_that_make_no_sense(whole, call, message):
    with pytest.raises(ValueError, match=message):
        call(whole[1])


def truth():
    """Every run that the state machine may ask for, from `train`."""
    return {
        lam: sm.train(TASK, AGENT.replace(lam=lam), restarts=4, workers=1, **KEYWORDS) for lam in (0.5, 1.0, 2.0, 4.0)
    }


class StoreMachine(RuleBasedStateMachine):
    """Whatever users, disks and other programs do to a store, in any order: it holds right results or none.

    The model: which runs have been asked for and computed, by block; and what lies in the folder besides.
    """

    TRUTH = {}

    @initialize(directory=st.just(None))
    def begin(self, directory):
        import tempfile

        self.TRUTH.update(self.TRUTH or truth())
        self.folder = Path(tempfile.mkdtemp(prefix="sigmalloc-test-")) / "store"
        self.lams, self.restarts, self.good, self.bad, self.foreign = [1.0], 1, set(), set(), set()
        self.sweep(0, 1)

    def teardown(self):
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder.parent)

    def sweep(self, first, count):
        """A sweep, or a shard of one."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = sweep(
                TASK, AGENT, {"lam": self.lams}, store=self.folder, block_size=2, restarts=self.restarts, workers=1,
                progress=False, shard=(first, count), **KEYWORDS,
            )  # fmt: skip
        named = " ".join(str(warning.message) for warning in caught)
        mine = self.blocks()[first::count]
        assert all(name in named for name in self.foreign)
        assert all(name in named for name in self.bad & set(mine))
        self.good |= set(mine)
        self.bad -= set(mine)
        return result

    def blocks(self):
        return [block.name for generation in Store(self.folder).generations() for block in generation.blocks]

    @rule(count=st.integers(1, 3), first=st.integers(0, 2))
    def run(self, first, count):
        self.sweep(first % count, count)

    @rule(lam=st.sampled_from([0.5, 2.0, 4.0]), front=st.booleans())
    def add_a_value(self, lam, front):
        if lam not in self.lams:
            self.lams = [lam, *self.lams] if front else [*self.lams, lam]
            self.sweep(0, 2)

    @precondition(lambda self: self.restarts < 4)
    @rule()
    def add_restarts(self):
        self.restarts += 1
        self.sweep(1, 2)

    @precondition(lambda self: self.good)
    @rule(data=st.data(), how=st.sampled_from(["gone", "cut", "flipped", "empty", "another"]))
    def harm(self, data, how):
        name = data.draw(st.sampled_from(sorted(self.good)))
        path = self.folder / "blocks" / name
        content = path.read_bytes()
        others = sorted((self.good | self.bad) - {name})
        if how == "gone":
            path.unlink()
        elif how == "cut":
            path.write_bytes(content[: data.draw(st.integers(1, len(content) - 1))])
        elif how == "flipped":
            with np.load(path) as arrays:
                at = content.index(arrays["keys"].tobytes())
            path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        elif how == "empty" or not others:
            path.write_bytes(b"")
        else:
            other = data.draw(st.sampled_from(others))
            path.write_bytes((self.folder / "blocks" / other).read_bytes())
        self.good.discard(name)
        if how != "gone":
            self.bad.add(name)

    @rule(name=st.sampled_from(["notes.txt", "0009-000000-0123456789abcdef.npz", "x.npz"]))
    def leave_something(self, name):
        (self.folder / "blocks" / name).write_bytes(b"something")
        self.foreign.add(name)

    @rule(name=st.sampled_from([".DS_Store", "Thumbs.db", ".nfs00000012"]))
    def systems_leave_something(self, name):
        (self.folder / "blocks" / name).write_bytes(b"something")

    @rule()
    def a_process_was_killed(self):
        (self.folder / "blocks" / f".part-{files._HOST}-999999999-0123456789abcdef").write_bytes(b"half")

    @rule(change=st.sampled_from([{"seed": 4}, {"episodes": 6}, {"evaluation_episodes": 3}]))
    def ask_for_something_else(self, change):
        before = contents(self.folder)
        with pytest.raises(ValueError, match="holds another sweep"):
            sweep(
                TASK, AGENT, {"lam": self.lams}, store=self.folder, restarts=self.restarts, progress=False,
                **KEYWORDS | change,
            )  # fmt: skip
        assert contents(self.folder) == before

    @precondition(lambda self: len(self.lams) > 1)
    @rule()
    def ask_for_less(self):
        with pytest.raises(ValueError, match="holds another sweep"):
            sweep(
                TASK,
                AGENT,
                {"lam": self.lams[:1]},
                store=self.folder,
                restarts=self.restarts,
                progress=False,
                **KEYWORDS,
            )

    @invariant()
    def what_is_there_is_right(self):
        if not hasattr(self, "folder"):
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", StoreWarning)
            found = open_sweep(self.folder)
        assert {Path(path).name for path in found.damaged} == self.bad | self.foreign
        wanted = np.zeros(found.shape, dtype=bool)
        for generation in found.store.generations():
            for block in generation.blocks:
                if block.name in self.good:
                    whole = generation.specification
                    for run in block.runs:
                        cell, restart = divmod(int(run), whole.restarts)
                        wanted[self.lams.index(whole.axes["lam"][cell]), restart] = True
        np.testing.assert_array_equal(found.done, wanted)
        for place, lam in enumerate(self.lams):
            there = wanted[place]
            for name in ("reward", "cost", "stream", "steps"):
                kept = getattr(self.TRUTH[lam], name)[: self.restarts]
                np.testing.assert_array_equal(getattr(found, name)[place][there], kept[there])
            assert np.isnan(found.reward[place][~there]).all()


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=25, stateful_step_count=12, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
