"""Fits on executors that fail, and damaged stores of fits: what was done is kept, and the rest is done again."""

import errno
import os
import pickle
import shutil
import sys
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import numpy as np
import pytest
from failing import Failing, under
from schedulers import dying_scheduler

import sigmalloc as sm
from sigmalloc import _executors
from sigmalloc._executors import WorkersLostError
from sigmalloc._io.files import StoreWarning
from sigmalloc.cli import main
from sigmalloc.fit import Choices, SoftmaxLearner, fit, fit_group, future, recover_models, recover_parameters
from sigmalloc.fit import estimate as estimation

LEARNER = SoftmaxLearner(learning_rate_q=0.3, beta=1.0)
SETTINGS = {"free": ("beta",), "bounds": {"beta": (0.1, 10.0)}, "starts": 1, "intervals": None}
N = 5


def _value_of(thing):
    return thing.value


def choices(subjects=N):
    rng = np.random.default_rng(0)
    rows = 12 * subjects
    return Choices.from_arrays(
        [[0, 1]] * rows, rng.integers(2, size=rows), rng.normal([0.0, 1.0], 1.0, (rows, 2)),
        subject=np.repeat(np.arange(subjects), 12),
    )  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return choices()


@pytest.fixture(scope="module")
def undisturbed(data):
    return fit(data, LEARNER, **SETTINGS)


def assert_same(found, expected):
    assert found.labels == expected.labels
    np.testing.assert_array_equal(found.log_likelihood, expected.log_likelihood)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.estimate, other.estimate)
        np.testing.assert_array_equal(one.pointwise, other.pointwise)


class Now(Executor):
    """An executor of the test that computes at once, until it fails."""

    _max_workers = 1

    def __init__(self, patience=10**9, error=None):
        self.patience, self.error, self.over = patience, error, False

    def submit(self, function, *given):
        future = Future()
        self.patience -= 1
        if self.patience < 0:
            future.set_exception(self.error)
        else:
            future.set_result(function(*given))
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        self.over = True


class TestExecutors:
    @pytest.mark.parametrize(("pool", "error"), [
        (ThreadPoolExecutor, "RuntimeError: cannot schedule"),
        (lambda n: ProcessPoolExecutor(n, mp_context=get_context("spawn")), "RuntimeError: cannot schedule"),
    ])  # fmt: skip
    def test_that_were_shut_down(self, data, tmp_path, pool, error):
        executor = pool(1)
        executor.shutdown()
        with pytest.raises(WorkersLostError, match=f"the executor broke .{error}.*Nothing is kept: run it again with"):
            fit(data, LEARNER, **SETTINGS, executor=executor)
        with pytest.raises(WorkersLostError, match=f"Every fit that was done is kept in {tmp_path}: run it again"):
            fit(data, LEARNER, **SETTINGS, executor=executor, store=tmp_path)

    def test_a_killed_worker(self, data, tmp_path, undisturbed):
        """What was done is kept, and not done again."""
        with pytest.raises(WorkersLostError, match=r"BrokenProcessPool: killed\). Every fit .* run it again"):
            fit(data, LEARNER, **SETTINGS, executor=Now(3, BrokenProcessPool("killed")), store=tmp_path, workers=1)
        assert len(list(tmp_path.glob("*.npz"))) in (2, 3)
        again = Now()
        assert_same(fit(data, LEARNER, **SETTINGS, executor=again, store=tmp_path), undisturbed)
        assert 10**9 - again.patience < N

    def test_a_worker_that_really_dies(self, data, undisturbed):
        with (
            ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=os._exit, initargs=(1,)) as pool,
            pytest.raises(WorkersLostError, match="BrokenProcessPool.*run it again"),
        ):
            fit(data, LEARNER, **SETTINGS, executor=pool)

    def test_pools_are_made_again(self, data, undisturbed):
        made = []

        def make():
            made.append(Now(2 if len(made) < 3 else 10**9, BrokenProcessPool("killed")))
            return made[-1]

        assert_same(fit(data, LEARNER, **SETTINGS, executor=make), undisturbed)
        assert len(made) == 3 and all(pool.over for pool in made)

    def test_pools_that_always_break(self, data):
        with pytest.raises(WorkersLostError, match="lost 6 times in a row with no fit finished.*run it again"):
            fit(data, LEARNER, **SETTINGS, executor=lambda: Now(0, BrokenProcessPool("killed")))

    def test_schedulers_that_die(self, data):
        class CommClosedError(OSError):
            pass

        class Client:
            def nthreads(self):
                raise CommClosedError("in <TCP (closed) ConnectionPool.ncores>: Stream is closed")

        class Cluster(Now):
            _client = Client()

            def submit(self, function, *given):
                raise CommClosedError("Stream is closed")

        with pytest.raises(WorkersLostError, match="CommClosedError: Stream is closed.*run it again"):
            fit(data, LEARNER, **SETTINGS, executor=Cluster(), workers=2)
        with pytest.raises(WorkersLostError, match=r"ConnectionPool.ncores.*run it again"):
            fit(data, LEARNER, **SETTINGS, executor=Cluster())

    def test_cancelled_jobs_are_given_out_again(self, data, undisturbed):
        class Forgetful(Now):
            def submit(self, function, *given):
                future = super().submit(function, *given)
                if self.patience % 2:
                    future = Future()
                    future.cancel()
                    future.set_running_or_notify_cancel()
                return future

        assert_same(fit(data, LEARNER, **SETTINGS, executor=Forgetful(), workers=1), undisturbed)

    def test_workers_without_memory(self, data):
        with pytest.raises(MemoryError, match="not enough memory for number 0.*run it again"):
            fit(data, LEARNER, **SETTINGS, executor=Now(0, MemoryError()))

    @pytest.mark.parametrize("call", [
        lambda data, pool: fit_group(data, LEARNER, free=("beta",), starts=1, iterations=1, executor=pool),
        lambda data, pool: future(data, {"a": LEARNER, "b": LEARNER}, starts=1, executor=pool),
        lambda data, pool: recover_parameters(
            sm.tasks.two_alternatives(), LEARNER, trials=10, subjects=3, starts=1, free=("beta",), executor=pool),
        lambda data, pool: recover_models(
            sm.tasks.two_alternatives(), {"a": LEARNER, "b": LEARNER}, trials=10, subjects=3, starts=1, executor=pool),
    ], ids=["fit_group", "future", "recover_parameters", "recover_models"])  # fmt: skip
    def test_all_who_fit(self, data, call):
        with pytest.raises(WorkersLostError, match="BrokenProcessPool: killed.*run it again"):
            call(data, Now(0, BrokenProcessPool("killed")))

    def test_other_versions(self, data, monkeypatch):
        class Old(Now):
            def submit(self, function, *given):
                future = Future()
                future.set_result(_executors.Returned(None, "0.0.1"))
                return future

        with pytest.raises(ValueError, match=f"this is sigmalloc {sm.__version__}, but a worker has 0.0.1"):
            fit(data, LEARNER, **SETTINGS, executor=Old())
        sent = _executors.Parcel(len, [1]).__reduce__()
        with pytest.raises(ValueError, match=f"this is sigmalloc 9.9.9, but a worker has {sm.__version__}"):
            _executors.run_parcel(sent[0]("9.9.9", b"of another version"))
        assert _executors.run_parcel(sent[0](*sent[1])).value == 1

    def test_what_a_notebook_defines_is_sent_where_cloudpickle_is(self, monkeypatch):
        pytest.importorskip("cloudpickle")
        Local = type("Local", (), {"value": 3, "__module__": "__main__"})
        monkeypatch.setattr(sys.modules["__main__"], "Local", Local, raising=False)
        opened, sent = _executors.Parcel(lambda job: job + 1, 2).__reduce__()
        assert _executors.run_parcel(opened(*sent)).value == 3
        opened, sent = _executors.Parcel(_value_of, Local()).__reduce__()
        monkeypatch.delattr(sys.modules["__main__"], "Local")
        assert _executors.run_parcel(opened(*sent)).value == 3
        monkeypatch.delitem(sys.modules, "cloudpickle")
        with pytest.raises((AttributeError, pickle.PicklingError)):
            _executors.Parcel(lambda job: job + 1, 2).__reduce__()

    @pytest.mark.parametrize("command", ["fit", "sweep"])
    def test_commands_without_a_scheduler(self, command, tmp_path, monkeypatch, capsys):
        distributed = pytest.importorskip("distributed")

        def nobody(address, timeout):
            raise OSError(f"Timed out trying to connect to {address} after {timeout} s")

        monkeypatch.setattr(distributed, "Client", nobody)
        study(tmp_path)
        if command == "sweep":
            (tmp_path / "study.toml").write_text(
                'task = "planning"\nepisodes = 1\n[agent]\n[grid]\nlam = [1.0]\n', encoding="utf-8"
            )
        arguments = [command, str(tmp_path / "study.toml"), "--store", str(tmp_path / "store"), "--dask", "tcp://x:1"]
        assert main(arguments) == 2
        assert "--dask: no scheduler at tcp://x:1: Timed out trying to connect" in capsys.readouterr().err

    @pytest.mark.slow
    @pytest.mark.skipif(os.name != "posix", reason="processes are killed")
    def test_a_scheduler_that_is_killed(self, tmp_path):
        pytest.importorskip("distributed")
        many = choices(2000)
        with (
            dying_scheduler(tmp_path) as client,
            pytest.raises(WorkersLostError, match="the executor broke .*Every fit that was done is kept in"),
        ):
            fit(many, LEARNER, starts=4, executor=client.get_executor(), store=tmp_path / "fits")
        for path in (tmp_path / "fits").glob("*.npz"):
            sm.fit.Fit.load(path)

    def test_on_the_command_line(self, tmp_path, monkeypatch, capsys):
        study(tmp_path)

        def dies(*given, **named):
            raise WorkersLostError("the executor broke (KilledWorker: x). Every fit is kept: run it again to go on")

        monkeypatch.setattr("sigmalloc.fit.commands.run_jobs", dies)
        assert main(["fit", str(tmp_path / "study.toml"), "--quiet"]) == 1
        assert capsys.readouterr().err.endswith("run it again to go on\n")


def study(folder):
    lines = ["person,left,right,choice,paid"]
    lines += [f"{person},a,b,{row % 2},{row % 3}" for person in range(3) for row in range(8)]
    (folder / "data.csv").write_text("\n".join(lines), encoding="utf-8")
    (folder / "study.toml").write_text(
        'data = "data.csv"\nstore = "fits"\nstarts = 1\nintervals = "none"\n[columns]\nsubject = "person"\n'
        'options = ["left", "right"]\nchoice = "choice"\npayoff = "paid"\n[models.a]\nkind = "softmax"\n'
        'free = ["beta"]\n', encoding="utf-8",
    )  # fmt: skip


class TestStores:
    @pytest.fixture
    def kept(self, data, tmp_path):
        fit(data, LEARNER, **SETTINGS, store=tmp_path)
        return sorted(tmp_path.glob("*.npz"))

    def again(self, data, kept, monkeypatch):
        """The fit, and how many subjects were fitted for it."""
        worked = []
        real = estimation.fit_subject
        monkeypatch.setattr(estimation, "fit_subject", lambda job: worked.append(job.subject.label) or real(job))
        return fit(data, LEARNER, **SETTINGS, store=kept[0].parent), worked

    @pytest.mark.parametrize("damage", [
        lambda path: path.write_bytes(path.read_bytes()[:-40]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"PK", b"QK")),
        lambda path: path.write_bytes(b"\x93NUMPY"),
        lambda path: path.write_bytes(bytes(byte ^ 16 if i == path.stat().st_size // 2 else byte
                                            for i, byte in enumerate(path.read_bytes()))),
    ], ids=["cut", "no zip", "an array", "one bit"])  # fmt: skip
    def test_damaged_fits_are_made_again(self, data, kept, undisturbed, damage, monkeypatch):
        damage(kept[1])
        with pytest.warns(StoreWarning, match=f"{kept[1].name} is not a readable fit: .*made again"):
            found, worked = self.again(data, kept, monkeypatch)
        assert_same(found, undisturbed)
        assert len(worked) == 1
        assert sm.fit.Fit.load(kept[1]).labels == (worked[0],)

    def test_a_fit_under_the_name_of_another(self, data, kept, undisturbed, monkeypatch):
        shutil.copy(kept[0], kept[1])
        with pytest.warns(StoreWarning, match="the fit of subject 0 has other rows or settings.*made again"):
            found, worked = self.again(data, kept, monkeypatch)
        assert_same(found, undisturbed)
        assert worked == [1]

    def test_what_systems_leave(self, data, kept, undisturbed, monkeypatch):
        for name in (".DS_Store", "Thumbs.db", "desktop.ini", ".nfs000000000001"):
            (kept[0].parent / name).write_bytes(b"\0" * 20)
        found, worked = self.again(data, kept, monkeypatch)
        assert_same(found, undisturbed)
        assert worked == []

    def test_what_killed_processes_left_is_removed(self, data, kept, monkeypatch):
        from sigmalloc._io import files

        left = kept[0].parent / f".part-{files._HOST}-{2**22 + 7}-{'0' * 16}"
        left.write_bytes(b"half")
        self.again(data, kept, monkeypatch)
        assert not left.exists()

    def test_a_fit_that_cannot_be_written_is_told_before_work(self, data, tmp_path, monkeypatch):
        (tmp_path / "file").write_bytes(b"x")
        monkeypatch.setattr(estimation, "fit_subject", None)
        with pytest.raises(OSError, match="store: cannot write to the folder .*file: it is not a folder"):
            fit(data, LEARNER, **SETTINGS, store=tmp_path / "file")
        monkeypatch.setattr("os.access", lambda path, mode: False)
        with pytest.raises(OSError, match="store: cannot write to the folder .*other: it is not writable"):
            fit(data, LEARNER, **SETTINGS, store=tmp_path / "other")

    def test_a_folder_for_a_kept_fit_is_told_before_work(self, data, tmp_path, monkeypatch):
        fit(Choices(data.subjects[:2]), LEARNER, **SETTINGS, store=tmp_path)
        kept = sorted(tmp_path.iterdir())[0]
        kept.unlink()
        kept.mkdir()
        monkeypatch.setattr(estimation, "fit_subject", None)
        with pytest.raises(ValueError, match=f"{kept.name} is a folder, not a file"):
            fit(data, LEARNER, **SETTINGS, store=tmp_path)

    @pytest.mark.skipif(os.name != "posix", reason="folders are flushed")
    @pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()],
                             ids=["full", "interrupted"])  # fmt: skip
    @pytest.mark.parametrize("step", [67, pytest.param(1, marks=pytest.mark.slow)])
    def test_a_disk_that_fails_at_every_operation(self, data, tmp_path, undisturbed, error, step, monkeypatch):
        """What is kept is whole after each, and the next call ends with the same."""
        monkeypatch.setattr(estimation, "fit_subject", lambda job: undisturbed[job.subject.label])
        few, fail_at, failures = Choices(data.subjects[:2]), 0, 0
        while True:
            folder = tmp_path / str(fail_at)
            with pytest.MonkeyPatch.context() as patch:
                failing = under(patch, Failing(fail_at, error, forever=isinstance(error, OSError)))
                try:
                    fit(few, LEARNER, **SETTINGS, store=folder, workers=1)
                except type(error) as caught:
                    failures += 1
                    assert isinstance(caught, KeyboardInterrupt) or str(folder) in str(caught)
            kept = [sm.fit.Fit.load(path)[0] for path in sorted(folder.glob("*.npz"))] if folder.is_dir() else []
            for one in kept:
                np.testing.assert_array_equal(one.pointwise, undisturbed[one.label].pointwise)
            assert fit(few, LEARNER, **SETTINGS, store=folder)[1].log_likelihood == undisturbed[1].log_likelihood
            assert len(list(folder.glob("*.npz"))) == 2
            if len(failing.done) <= fail_at:
                break
            fail_at += step
        assert failures >= 400 // step

    @staticmethod
    def with_bytes_inverted(path, places, data, undisturbed):
        whole = path.read_bytes()
        for place in places(len(whole)):
            for mask in (255, 1) if place % 3 == 0 else (255,):
                path.write_bytes(whole[:place] + bytes([whole[place] ^ mask]) + whole[place + 1 :])
                try:
                    found = sm.fit.Fit.load(path)
                except ValueError as error:
                    assert str(path) in str(error)
                else:  # a byte that says nothing, such as the time of a member
                    assert_same(found, undisturbed)
        path.write_bytes(whole)

    def test_some_bytes(self, data, tmp_path, undisturbed):
        path = undisturbed.save(tmp_path / "fit")
        self.with_bytes_inverted(path, lambda n: range(11, n, n // 60), data, undisturbed)

    @pytest.mark.slow
    def test_every_byte(self, data, tmp_path, undisturbed):
        path = undisturbed.save(tmp_path / "fit")
        self.with_bytes_inverted(path, range, data, undisturbed)
