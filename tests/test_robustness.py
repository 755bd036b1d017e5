"""Under strain: calls from several threads at once, ten thousand calls in a row, and files that ask for too much."""

import io
import os
import subprocess
import sys
import threading
import tracemalloc
import zipfile

import numpy as np
import pytest
from same_bits import changing_maze, differing, random_mdp

import sigmalloc as sm
from sigmalloc._io import archive

CALLS = [
    (sm.tasks.grid_world(), sm.Agent(n_trajectories=4), {"episodes": 60, "workers": 2}),
    (sm.tasks.planning(3), sm.Agent.table_b1("planning"), {"episodes": 3000, "workers": 1}),
    (sm.tasks.mountain_car("uniform"), sm.Agent.table_b1("mountain-car"), {"episodes": 20, "workers": 3}),
    (random_mdp(4), sm.Agent(gradient="return", gamma=0.9), {"episodes": 500}),
    (changing_maze(), sm.Agent(allocation="stakes"), {"episodes": 300}),
]


def trained(call):
    task, agent, keywords = call
    return sm.train(task, agent, restarts=11, seed=8, **keywords)


def test_train_in_several_threads_at_once():
    """The same bits as one after another; a call that fails meanwhile disturbs nobody."""
    alone, together, refused = [trained(call) for call in CALLS], {}, []
    barrier = threading.Barrier(2 * len(CALLS) + 1)

    def work(number):
        barrier.wait()
        together[number] = trained(CALLS[number % len(CALLS)])

    def fail():
        barrier.wait()
        for _ in range(50):
            try:
                sm.train(CALLS[0][0], sm.Agent(), episodes=0)
            except ValueError as error:
                refused.append(str(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2 * len(CALLS))]
    threads.append(threading.Thread(target=fail))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 50 and all("episodes must be at least 1, got 0" in message for message in refused)
    for number in range(2 * len(CALLS)):
        assert differing(together[number], alone[number % len(CALLS)]) == []


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_ten_thousand_calls_leak_nothing():
    """Memory grows by less than 4 MB from the 1,000th to the 11,000th call: 400 bytes a call, less than one table."""
    task, agent = sm.tasks.grid_world(step_limit=20), sm.Agent(n_trajectories=1)

    def call(seed):
        result = sm.train(
            task, agent, episodes=1, restarts=3, seed=seed, evaluate_every=1, evaluation_episodes=1, snapshots=(1,)
        )
        sm.evaluate(task, agent, result.q[0], result.sigma[0], episodes=2, seed=seed)

    for seed in range(1000):
        call(seed)
    before = resident_bytes()
    for seed in range(10_000):
        call(seed)
    assert resident_bytes() - before < 4e6


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    result = sm.train(sm.tasks.planning(2), sm.Agent.table_b1("planning"), episodes=5, restarts=2, seed=0)
    return result.save(tmp_path_factory.mktemp("saved") / "result.npz")


def rewritten(path, target, member, content):
    """A copy of an archive in which one member is something else."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in source.namelist():
            copy.writestr(name, content if name == member else source.read(name))
    return target


def header(shape, dtype="<f8"):
    """The beginning of a .npy file that promises an array of some shape."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize("shape", [(10**15,), (2**62, 2**62), (10**9, 10**9), (-1,)])
def test_a_file_that_promises_more_than_it_holds(saved, shape, tmp_path):
    path = rewritten(saved, tmp_path / "promise.npz", "memory_q.npy", header(shape) + b"\0" * 64)
    with pytest.raises(ValueError, match="promise.npz is not a readable result"):
        sm.Result.load(path)


def test_a_file_that_unpacks_to_too_much(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST", 10**6)
    path = rewritten(saved, tmp_path / "bomb.npz", "memory_q.npy", header((10**6,)) + bytes(8 * 10**6))
    assert path.stat().st_size < 50_000
    with pytest.raises(ValueError, match=r"bomb.npz is not a readable result: it would unpack to 8\d+ bytes"):
        sm.Result.load(path)


def test_no_memory_for_what_headers_give_away(saved, tmp_path):
    """Members of 100 MB whose shape or kind is not that of a result are never unpacked."""
    bomb = tmp_path / "bomb.npz"
    for member, shape, dtype in (
        ("memory_q.npy", (2, 10**8 // 16), "<f8"), ("reward.npy", (10**8 // 8,), "<f8"), ("steps.npy", (10**8,), "|u1"),
        ("snapshot_memory_sigma.npy", (2, 1000, 6250), "<f8"), ("more.npy", (10**8,), "|u1"),
    ):  # fmt: skip
        rewritten(saved, bomb, member, header(shape, dtype) + bytes(10**8))
        if member == "more.npy":
            with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as file:
                file.writestr(member, header(shape, dtype) + bytes(10**8))
        tracemalloc.start()
        try:
            sm.Result.load(bomb)
        except ValueError as error:
            assert "bomb.npz is not a readable result: " in str(error)
        else:
            assert member == "more.npy"  # which nobody asked for
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 10**7, member


@pytest.mark.slow
def test_every_byte_of_a_result(saved, tmp_path):
    every_byte(saved, tmp_path, 1)


def test_some_bytes_of_a_result(saved, tmp_path):
    every_byte(saved, tmp_path, 13)


def every_byte(saved, tmp_path, step):
    """Each inverted: the result is what it was, or refused by name."""
    content, good, path = saved.read_bytes(), sm.Result.load(saved), tmp_path / "bad.npz"
    refused = 0
    for place in range(0, len(content), step):
        path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        try:
            loaded = sm.Result.load(path)
        except ValueError as error:
            assert str(error).startswith(f"{path} is not a readable result: ")
            refused += 1
        else:
            assert differing(loaded, good) == []
    assert refused > len(content) // step // 2


@pytest.mark.skipif(os.name != "posix", reason="pipes")
def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(ValueError, match="pipe.npz is a pipe, not a file"):
        sm.Result.load(tmp_path / "pipe.npz")
    with pytest.raises(ValueError, match="is a folder, not a file"):
        sm.Result.load(tmp_path)


def test_saving_in_threads_and_under_long_names(saved, tmp_path):
    """Each save is whole, and the last one counts."""
    result, path = sm.Result.load(saved), tmp_path / ("x" * 246 + ".npz")
    threads = [threading.Thread(target=result.save, args=(path,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert os.listdir(tmp_path) == [path.name]
    assert differing(sm.Result.load(path), result) == []


def test_reading_writes_nothing(saved, tmp_path, monkeypatch):
    """An archive whose members have names that lead elsewhere leaves nothing anywhere."""
    folder = tmp_path / "inside"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(tmp_path / "sly.npz", "w") as copy:
        for name in source.namelist():
            copy.writestr(name, source.read(name))
        for name in ("../outside.npy", "/tmp/outside.npy", "..\\outside.npy"):
            copy.writestr(name, header((1,)) + bytes(8))
    before = sorted(tmp_path.rglob("*"))
    sm.Result.load(tmp_path / "sly.npz")
    assert sorted(tmp_path.rglob("*")) == before
    assert not os.path.exists("/tmp/outside.npy")


def test_evaluations_of_large_tasks_take_little_memory():
    """Counts of 64 streams of 10^5 states took 1.1 GB, and 25 times the time of `train` for each episode."""
    script = """
import resource, time, warnings
import numpy as np, sigmalloc as sm
side = 317
task = sm.tasks.maze(("S" + "." * (side - 1), *["." * side] * (side - 2), "." * (side - 1) + "G"), step_limit=1000)
shape = (task.n_states, task.n_actions)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = sm.evaluate(task, sm.Agent(), np.zeros((2, *shape)), np.full((2, *shape), 5.0), episodes=64, seed=0)
assert np.allclose(found.visits.sum(axis=(1, 2)), 1000, atol=500)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    environment = os.environ | {"PYTHONPATH": os.path.dirname(os.path.dirname(sm.__file__))}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 400  # MiB


def test_evaluations_in_parts_are_those_at_once(monkeypatch):
    task, agent = sm.tasks.maze(("S..", "..G")), sm.Agent()
    q, sigma = np.zeros((5, 6, 4)), np.linspace(1, 5, 5)[:, None, None] + np.zeros((6, 4))
    whole = sm.evaluate(task, agent, q, sigma, episodes=70, seed=3)
    monkeypatch.setattr(
        sys.modules[sm.evaluate.__module__], "LARGEST_VISITS", 64 * task.n_states * task.n_actions
    )  # one restart at a time
    parts = sm.evaluate(task, agent, q, sigma, episodes=70, seed=3)
    for name in ("reward", "value", "cost", "reward_sem", "value_sem", "cutoffs", "visits"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name), err_msg=name)
