"""Results: what they print, how they are kept, and what damage does to them."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc.runs import result as result_module

ARRAYS = result_module._ARRAYS


def trained(name):
    """A small result of each kind of task."""
    if name == "grid-world":
        task, agent = (
            sm.tasks.grid_world(change_at=3, step_limit=300),
            sm.Agent(q_init=(-1.0, 1.0), beta_0=1.0, beta_rate=0.1),
        )
        return sm.train(
            task, agent, episodes=6, restarts=3, seed=4, evaluate_every=2, evaluation_episodes=5, snapshots=(2, 3, 6)
        )
    if name == "mountain-car":
        agent = sm.Agent.table_b1("mountain-car")
        return sm.train(
            sm.tasks.mountain_car("uniform", 50), agent, episodes=3, restarts=2, seed=2**70, evaluate_every=3
        )
    if name == "planning":
        agent = sm.Agent.table_b1("planning", search_budget=50.0, planner="depth-first", reward_rate=True)
        return sm.train(sm.tasks.planning(3, known_last_move=True), agent, episodes=20, restarts=2, evaluate_every=10)
    lake = sm.TabularMDP.from_outcomes([[[(0.5, 0, -1.0), (0.5, 1, 1.0)], [(1.0, 1, 0.0)]], []], start=0)
    return sm.train(lake, sm.Agent(), episodes=5, restarts=1, seed=0)


KINDS = ("grid-world", "mountain-car", "planning", "outcomes")


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip(kind, tmp_path):
    result = trained(kind)
    path = result.save(tmp_path / "some.results")
    assert path == tmp_path / "some.results.npz"
    assert os.listdir(tmp_path) == [path.name]
    loaded = sm.Result.load(path)
    for name in ARRAYS:
        before, after = getattr(result, name), getattr(loaded, name)
        assert before.dtype == after.dtype, name
        np.testing.assert_array_equal(before, after, err_msg=name)
    for name in (
        "agent",
        "seed",
        "training_episodes",
        "evaluation_episodes",
        "evaluation_policy",
        "versions",
        "restarts",
    ):
        assert getattr(result, name) == getattr(loaded, name), name
    assert isinstance(loaded.agent.q_init, type(result.agent.q_init))
    assert repr(loaded) == repr(result)
    same_task(result.task, loaded.task)
    again = sm.train(
        loaded.task, loaded.agent, episodes=result.training_episodes, restarts=result.restarts, seed=loaded.seed,
        evaluate_every=int(result.episodes[0]) if result.episodes.size else None,
        evaluation_episodes=result.evaluation_episodes or 1, snapshots=loaded.snapshot_episodes.tolist(),
    )  # fmt: skip
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(result, name), getattr(again, name), err_msg=name)


def same_task(one, other):
    if isinstance(one, sm.tasks.MountainCar):
        assert one == other
        return
    assert len(one.variants) == len(other.variants)
    assert [episode for episode, _ in one.changes] == [episode for episode, _ in other.changes]
    for mine, theirs in zip(one.variants, other.variants, strict=True):
        for name, value in vars(mine).items():
            if name in ("changes", "places"):
                continue
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(value, getattr(theirs, name), err_msg=name)
            else:
                assert value == getattr(theirs, name), name


def test_curves_without_an_evaluation_say_what_to_pass(tmp_path):
    result = sm.train("grid-world", sm.Agent(), episodes=2, restarts=3, seed=0)
    result.save(tmp_path / "r")
    for held in (result, pickle.loads(pickle.dumps(result)), sm.Result.load(tmp_path / "r.npz")):
        assert held.objective.shape == (3, 0) and held.reward[:, :0].size == 0
        for name in (
            "reward",
            "value",
            "cost",
            "objective",
            "time",
            "reward_rate",
            "effort",
            "search_budgets",
            "cutoffs",
        ):
            with pytest.raises(IndexError, match="no evaluation: pass evaluate_every=... to train"):
                getattr(held, name)[:, -1]
    assert type(result.extend(episodes=2).reward[:, :]) is np.ndarray


def test_evaluations_and_optima_tell_their_progress(capsys):
    task, agent = sm.tasks.planning(moves=3), sm.Agent.table_b1("planning")
    told = []
    zero = np.zeros((2, task.n_states, task.n_actions))
    sm.evaluate(task, agent, zero, zero + 1, episodes=1001, seed=0, progress=lambda *done: told.append(done))
    assert told == sorted(told) and told[-1] == (2002, 2002)
    told.clear()
    sm.exact.optimum(task, agent, starts=2, progress=lambda *done: told.append(done))
    assert told == [(1, 2), (2, 2)]
    sm.exact.optimum(task, agent, starts=2, progress=True)
    assert "2 of 2 starts (100.0 %)" in capsys.readouterr().err


def test_repr_says_how_many_were_cut_off():
    task = sm.tasks.grid_world(step_limit=2)
    text = repr(sm.train(task, sm.Agent(), episodes=4, restarts=3, seed=0, evaluate_every=2, evaluation_episodes=5))
    assert "15 of the last 15 evaluation episodes were cut off by the limit of 2 steps" in text
    assert "12 of 12 learning episodes were cut off" in text
    assert "grid-world, 3 runs × 4 episodes, seed 0" in text
    text = repr(sm.train(task, sm.Agent(), episodes=4, restarts=3, seed=0))
    assert "not evaluated" in text
    assert "12 of 12 learning episodes were cut off" in text


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return trained("grid-world").save(tmp_path_factory.mktemp("saved") / "good.npz")


def unreadable(path):
    """Loading gives a ValueError that names the file."""
    with pytest.raises(ValueError) as caught:
        sm.Result.load(path)
    assert str(path) in str(caught.value)


def test_truncated(saved, tmp_path):
    content = saved.read_bytes()
    for i, length in enumerate((0, 1, 3, 4, 30, 100, len(content) // 2, len(content) - 22, len(content) - 1)):
        path = tmp_path / f"{i}.npz"
        path.write_bytes(content[:length])
        unreadable(path)


def test_damaged(saved, tmp_path):
    """Any byte may flip: either nothing that matters changed, or a ValueError names the file."""
    content = saved.read_bytes()
    good = sm.Result.load(saved)
    places = np.random.default_rng(0)
    path = tmp_path / "damaged.npz"
    refused = 0
    for trial in range(400):
        broken = bytearray(content)
        place = int(places.integers(len(content)))
        broken[place] ^= 1 << int(places.integers(8))
        if trial % 4 == 0:  # a burst
            broken[place : place + 16] = places.bytes(len(broken[place : place + 16]))
        path.write_bytes(broken)
        try:
            loaded = sm.Result.load(path)
        except ValueError as error:
            assert str(path) in str(error)
            refused += 1
        except Exception as error:
            pytest.fail(f"trial {trial}, byte {place}: {type(error).__name__}: {error}")
        else:
            np.testing.assert_array_equal(loaded.q, good.q)
    assert refused > 200


def test_foreign(tmp_path):
    text, archive, other, single = (tmp_path / name for name in ("text.npz", "archive.npz", "other.npz", "single.npz"))
    text.write_text("restart,episode\n")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("hello.txt", "hello")
    np.savez(other, a=np.arange(3))
    with open(single, "wb") as file:
        np.save(file, np.arange(3))
    for path in (text, archive, other, single):
        unreadable(path)


def rewritten(saved, path, **changes):
    """The saved arrays, some of them replaced or (None) left out."""
    with np.load(saved) as file:
        arrays = {name: file[name] for name in file.files}
    arrays |= changes
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def changed_facts(saved, change):
    with np.load(saved) as file:
        facts = json.loads(str(file["facts"]))
    change(facts)
    return np.array(json.dumps(facts))


def test_incomplete_or_contradictory(saved, tmp_path):
    path = tmp_path / "changed.npz"
    for name in (*ARRAYS, "facts", "task0_next_state", "task1_terminal"):
        unreadable(rewritten(saved, path, **{name: None}))
    for name in ARRAYS:
        unreadable(rewritten(saved, path, **{name: np.zeros((1, 2, 3, 4, 5))}))
        unreadable(rewritten(saved, path, **{name: np.array("text")}))
    for facts in ("", "{", "[]", "null", "3", '"x"', "{}"):
        unreadable(rewritten(saved, path, facts=np.array(facts)))
    unreadable(rewritten(saved, path, task0_next_state=np.full((54, 4, 1), 99)))


@pytest.mark.parametrize("value", [None, 3, "x", [], {}], ids=repr)
@pytest.mark.parametrize("fact", ["format", "task", "agent"])
def test_facts_of_the_wrong_kind(saved, tmp_path, fact, value):
    facts = changed_facts(saved, lambda facts: facts.__setitem__(fact, value))
    unreadable(rewritten(saved, tmp_path / "changed.npz", facts=facts))


INVALID = {
    "format": lambda facts: facts.update(format=99),
    "agent": lambda facts: facts["agent"].update(sigma_0=-1),
    "agent field": lambda facts: facts["agent"].update(unknown=1),
    "task kind": lambda facts: facts["task"].update(kind="tabulla"),
    "changes": lambda facts: facts["task"].update(change_at=[]),
    "task field": lambda facts: facts["task"]["variants"][0].update(unknown=1),
    "no seed": lambda facts: facts.pop("seed"),
}


@pytest.mark.parametrize("change", INVALID.values(), ids=INVALID.keys())
def test_facts_that_are_not_valid(saved, tmp_path, change):
    unreadable(rewritten(saved, tmp_path / "changed.npz", facts=changed_facts(saved, change)))


class Bomb:
    def __reduce__(self):
        return (os.mkdir, (os.environ["SIGMALLOC_TEST_BOMB"],))


def test_pickles_are_not_executed(saved, tmp_path, monkeypatch):
    went_off = tmp_path / "went-off"
    monkeypatch.setenv("SIGMALLOC_TEST_BOMB", str(went_off))
    plain, inside = tmp_path / "plain.npz", tmp_path / "inside.npz"
    plain.write_bytes(pickle.dumps(Bomb()))
    unreadable(plain)
    for name in ("memory_q", "facts", "stowaway"):
        bomb = np.empty((), dtype=object)
        bomb[()] = Bomb()
        unreadable(rewritten(saved, inside, **{name: bomb}))
    assert not went_off.exists()


def test_missing_files_are_not_called_damaged(tmp_path):
    with pytest.raises(FileNotFoundError):
        sm.Result.load(tmp_path / "missing.npz")
    with pytest.raises(IsADirectoryError):
        sm.Result.load(tmp_path)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "ctrl-c"])
def test_failed_writing_leaves_nothing_behind(error, tmp_path, monkeypatch):
    result = trained("outcomes")

    def half(file, array, **how):
        file.write(b"half of it")
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(np.lib.format, "write_array", half)
        with pytest.raises(type(error)):
            result.save(tmp_path / "new.npz")
    assert os.listdir(tmp_path) == []
    path = result.save(tmp_path / "old.npz")
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(np.lib.format, "write_array", half)
        with pytest.raises(type(error)):
            result.save(path)
    assert os.listdir(tmp_path) == ["old.npz"]
    assert path.read_bytes() == before


def test_saving_where_it_is_impossible(tmp_path):
    result = trained("outcomes")
    assert result.save(tmp_path / "new" / "folder" / "result.npz").exists()
    shutil.rmtree(tmp_path / "new")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(OSError):
        result.save(tmp_path / "folder.npz")
    assert os.listdir(tmp_path) == ["folder.npz"]


def python(code):
    """Standard output of a fresh interpreter."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_light():
    code = (
        "import sys, sigmalloc; print(sorted({name.partition('.')[0] for name in sys.modules} & "
        "{'matplotlib', 'scipy', 'gymnasium', 'tqdm', 'cma', 'pandas'}))"
    )
    assert python(code).strip() == "[]"


MEMORY = """
import resource, sys
import sigmalloc as sm
result = sm.train(
    sm.tasks.grid_world(step_limit=20), sm.Agent(), episodes=2, restarts=10_000, seed=0, evaluate_every=1,
    evaluation_episodes=1,
)
assert result.q.shape == (10_000, 54, 4)
try:  # the peak of this program alone: ru_maxrss remembers the process that started it
    status = open("/proc/self/status").read()
    print(int(status.split("VmHWM:")[1].split()[0]) * 1024)
except (OSError, IndexError):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak if sys.platform == "darwin" else peak * 1024)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_ten_thousand_runs_in_less_than_a_gigabyte():
    assert int(python(MEMORY)) < 1e9


@pytest.mark.filterwarnings("ignore::sigmalloc.CutOffWarning")
def test_many_runs_take_little_more_memory_than_their_result():
    """Curves are taken over as they are, and nothing that is large is there twice but for a moment."""
    task, agent = sm.tasks.grid_world(step_limit=10), sm.Agent.table_b1("grid-world")
    start = {"q": task.optimal_q(), "sigma": np.full((54, 4), 2.0)}
    sm.train(task, agent, episodes=1, restarts=1, seed=0, **start)
    tracemalloc.start()
    try:
        result = sm.train(
            task, agent, episodes=20, restarts=500, seed=0, evaluate_every=1, evaluation_episodes=1, **start
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.8 * sum(getattr(result, name).nbytes for name in ARRAYS)


def test_runs_that_diverged_can_be_printed_and_kept(tmp_path):
    """Evaluations that they did not reach are NaN, and are not counted."""
    task = sm.TabularMDP(next_state=[[1, 1], [1, 1]], reward=[[1e308, 0], [0, 0]], start=0, terminal=[1])
    with pytest.raises(sm.DivergenceError) as raised:
        sm.train(task, sm.Agent(), episodes=20, restarts=2, seed=0, evaluate_every=5)
    result = raised.value.result
    assert np.isnan(result.cutoffs).all()
    assert "0 of the last 0 evaluation episodes were cut off" in repr(result)
    assert repr(sm.Result.load(result.save(tmp_path / "diverged"))) == repr(result)
