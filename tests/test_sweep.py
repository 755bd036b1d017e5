"""Sweeps: what they compute, how they grow, what they refuse, and how results leave the store."""

import argparse
import io
import json
import os
import sys

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc._io import files
from sigmalloc._io.progress import Progress, duration
from sigmalloc.sweeps import commands, open_sweep, plot_curves, plot_heatmap, plot_parameter, read_study, sweep
from sigmalloc.sweeps import store as stores
from sigmalloc.sweeps.driver import WorkersLostError
from sigmalloc.sweeps.grid import axis_values
from sigmalloc.sweeps.pilot import block_size
from sigmalloc.sweeps.results import SweepResult
from sigmalloc.sweeps.specification import specify
from sigmalloc.sweeps.store import DamagedBlock, Store, StoreWarning

PLANNING = sm.Agent.table_b1("planning")
CURVES = ("reward", "value", "cost", "objective", "cutoffs", "steps", "training_cutoffs", "stream")
SMALL = {"episodes": 40, "evaluate_every": 10, "evaluation_episodes": 5, "seed": 7, "progress": False}


def assert_same(result, other):
    for name in (*CURVES, "error", "done"):
        np.testing.assert_array_equal(getattr(result, name), getattr(other, name), err_msg=name)


def assert_is_train(result, q=None, sigma=None):
    """Every cell of a result has the bits of `train`."""
    spec = result.specification
    for index in np.ndindex(*spec.shape):
        task, agent = result.cell(*index)
        alone = sm.train(
            task, agent, episodes=spec.episodes, restarts=spec.restarts, seed=spec.seed, q=q, sigma=sigma,
            evaluate_every=spec.evaluate_every, evaluation_episodes=spec.evaluation_episodes or 1,
            evaluation_policy=spec.evaluation_policy,
        )  # fmt: skip
        for name in CURVES:
            np.testing.assert_array_equal(getattr(result, name)[index], getattr(alone, name), err_msg=f"{name} {index}")
        if spec.kept_restarts:
            kept_q, kept_sigma = result.memories(*index)
            np.testing.assert_array_equal(kept_q, alone.q[spec.kept_restarts])
            np.testing.assert_array_equal(kept_sigma, alone.sigma[spec.kept_restarts])


class TestIdentity:
    def test_planning_with_task_axis_kept_and_odd_blocks(self, tmp_path):
        result = sweep(
            "planning", PLANNING, {"lam": [0.5, 2], "task.moves": [3, 4], "search_budget": [12.5, 50.0]},
            restarts=3, keep=[0, 2], block_size=5, store=tmp_path / "store", workers=2, **SMALL,
        )  # fmt: skip
        assert result.reward.shape == (2, 2, 2, 3, 4) and result.complete
        assert list(result.axes) == ["lam", "task.moves", "search_budget"]
        np.testing.assert_array_equal(result.episodes, [10, 20, 30, 40])
        assert_is_train(result)
        with pytest.raises(ValueError, match="several shapes"):
            result.q  # noqa: B018

    @pytest.mark.parametrize("task, agent, grid", [
        ("mountain-car", sm.Agent.table_b1("mountain-car"),
         {"gradient": ["advantage", "q"], "task.start": ["bottom", "uniform"], "q_init": [0.0, (-1, 1)]}),
        ("grid_world", sm.Agent(), {"allocation": ["dra", "equal", "fixed"], "task.change_at": [None, 2]}),
        (sm.tasks.maze, sm.Agent(), {"task.layout": [["S.G"], ["S..", "..G"]], "beta_0": [None, 1.0]}),
        (sm.tasks.grid_world(), sm.Agent(), {}),
    ])  # fmt: skip
    def test_other_tasks(self, tmp_path, task, agent, grid):
        result = sweep(
            task, agent, grid, restarts=2, episodes=4, evaluate_every=2, evaluation_episodes=2, seed=1, keep="all",
            store=tmp_path / "store", progress=False, evaluation_policy="hard",
        )  # fmt: skip
        assert_is_train(result)

    def test_zip(self, tmp_path):
        grid = {"sigma_0": [20.0, 50.0, 120.0], "sigma_max": [30.0, 100.0, 200.0], "task.moves": [3, 4, 3]}
        result = sweep("planning", PLANNING, grid, mode="zip", store=tmp_path / "s", restarts=2, **SMALL)
        assert result.reward.shape == (3, 2, 4)
        assert_is_train(result)

    def test_given_memories(self, tmp_path):
        task = sm.tasks.planning()
        agent = PLANNING.replace(learn_q=False)
        q = task.optimal_q()
        result = sweep(task, agent, {"lam": [1, 2]}, q=q, keep="all", store=tmp_path / "s", restarts=2, **SMALL)
        assert_is_train(result, q=q)
        assert result.q.shape == (2, 2, *q.shape)
        with pytest.raises(ValueError, match="learn_q=False needs q"):
            sweep(task, agent, {"lam": [1, 2]}, store=tmp_path / "other", **SMALL)

    def test_never_evaluated(self, tmp_path):
        result = sweep("planning", PLANNING, {"lam": [1, 2]}, episodes=5, seed=0, keep="all", store=tmp_path / "s",
                       progress=False)  # fmt: skip
        assert result.reward.shape == (2, 5, 0)
        assert_is_train(result)

    def test_cells_share_their_noise(self, tmp_path):
        """Common random numbers: where two cells draw equally often, they end in the same random state."""
        result = sweep("planning", PLANNING, {"lam": [0.5, 1, 2]}, store=tmp_path / "s", restarts=3, **SMALL)
        assert (result.stream == result.stream[0]).all()
        assert (result.stream[0, 0] != result.stream[0, 1]).any()

    def test_diverged_runs_are_kept_and_told(self, tmp_path):
        task = sm.TabularMDP([[1], [2], [2]], [[1e308], [1e308], [0.0]], start=0, terminal=[2])
        agent = sm.Agent(learning_rate_q=1.0)
        with pytest.warns(RuntimeWarning, match="3 runs"):
            result = sweep(task, agent, {"learning_rate_q": [1e-250, 1.0]}, restarts=3, store=tmp_path / "s",
                           block_size=4, **SMALL)  # fmt: skip
        assert result.complete
        np.testing.assert_array_equal(result.error > 0, [[False] * 3, [True] * 3])
        assert np.isfinite(result.steps[0]).all()
        with pytest.raises(sm.DivergenceError) as caught:
            sm.train(task, agent, restarts=3,
                     **{name: value for name, value in SMALL.items() if name != "progress"})  # fmt: skip
        for name in CURVES:
            np.testing.assert_array_equal(getattr(result, name)[1], getattr(caught.value.result, name))


class TestGrowth:
    def test_reuses_every_finished_run(self, tmp_path, monkeypatch):
        store = tmp_path / "store"
        first = sweep("planning", PLANNING, {"lam": [1, 2], "sigma_base": [90, 100]}, restarts=2, keep="all",
                      store=store, block_size=3, **SMALL)  # fmt: skip
        before = {path.name: path.read_bytes() for path in (store / "blocks").iterdir()}
        computed = []
        monkeypatch.setattr("sigmalloc.sweeps.driver.work.run_block", _counting(computed))
        grown = sweep("planning", PLANNING, {"sigma_base": [100, 80, 90], "lam": [0.5, 1, 2]}, restarts=3, keep="all",
                      store=store, **SMALL)  # fmt: skip
        assert sum(computed) == 27 - 8
        assert grown.reward.shape == (3, 3, 3, 4)
        np.testing.assert_array_equal(grown.reward[0, 1:, :2], first.reward[:, 1])
        np.testing.assert_array_equal(grown.sigma[2, 1:, :2], first.sigma[:, 0])
        assert_is_train(grown)
        after = {path.name: path.read_bytes() for path in (store / "blocks").iterdir()}
        assert before.items() <= after.items()
        reopened = open_sweep(store)
        assert_same(reopened, grown)
        assert sorted(os.listdir(store)) == ["blocks", "manifest-0001.json", "manifest.json", "tasks"]
        # again, with axes in another order: nothing to compute, arrays as asked
        computed.clear()
        other = sweep("planning", PLANNING, {"lam": [0.5, 1, 2], "sigma_base": [100, 80, 90]}, restarts=3, keep="all",
                      store=store, **SMALL)  # fmt: skip
        assert not computed
        np.testing.assert_array_equal(other.objective, np.swapaxes(grown.objective, 0, 1))

    def test_new_axes_and_unfinished_generations(self, tmp_path):
        store = tmp_path / "store"
        sweep("planning", PLANNING, {"lam": [1, 2]}, restarts=4, store=store, block_size=2, shard=(0, 2), **SMALL)
        half = open_sweep(store)
        assert half.done.sum() == 4 and np.isnan(half.reward[~half.done]).all() and (half.steps[~half.done] == -1).all()
        grown = sweep("planning", PLANNING, {"task.moves": [3, 4], "lam": [1, 2, 3]}, restarts=4, store=store, **SMALL)
        assert grown.complete
        assert_is_train(grown)
        zipped = sweep(
            "planning", PLANNING, {"task.moves": [3, 3, 3, 4, 4, 4, 5], "lam": [1, 2, 3, 1, 2, 3, 9]}, mode="zip",
            restarts=4, store=store, **SMALL,
        )  # fmt: skip
        np.testing.assert_array_equal(zipped.cost[:6].reshape(2, 3, 4, 4), grown.cost)
        assert_is_train(open_sweep(store))

    @pytest.mark.parametrize("changes, message", [
        ({"episodes": 50}, "episodes is 50, but 40 in the store"),
        ({"seed": 8}, "seed is 8, but 7"),
        ({"evaluation_episodes": 6}, "evaluation_episodes is 6, but 5"),
        ({"restarts": 1}, "restarts is 1, but 2"),
        ({"grid": {"lam": [1, 3]}}, "lam lacks 2.0"),
        ({"agent": PLANNING.replace(beta=5)}, "beta lacks 10.0"),
        ({"keep": "all"}, "keep is 'all', but 'none'"),
        ({"task": "grid-world", "agent": sm.Agent()}, "the task is not among those"),
    ])  # fmt: skip
    def test_another_sweep_is_refused(self, tmp_path, changes, message):
        arguments = {"task": "planning", "agent": PLANNING, "grid": {"lam": [1, 2]}, "restarts": 2, **SMALL}
        result = sweep(**arguments, store=tmp_path / "s")
        with pytest.raises(ValueError, match=message):
            sweep(**(arguments | changes), store=tmp_path / "s")
        assert_same(open_sweep(tmp_path / "s"), result)

    def test_versions_of_other_bits_are_read_but_not_continued(self, tmp_path, monkeypatch):
        with monkeypatch.context() as older:
            older.setattr("sigmalloc.runs.result.BITS", "0")
            older.setattr("sigmalloc.sweeps.store.BITS", "0")
            older.setattr("sigmalloc.runs.result.__version__", "0.0.1")
            sweep("planning", PLANNING, {"lam": [1, 2]}, store=tmp_path, **SMALL)
        assert open_sweep(tmp_path).complete
        with pytest.raises(ValueError, match="made by sigmalloc 0.0.1"):
            sweep("planning", PLANNING, {"lam": [1, 2]}, store=tmp_path, **SMALL)

    def test_seed_is_recorded_and_taken_up(self, tmp_path):
        arguments = {**SMALL, "seed": None}
        first = sweep("planning", PLANNING, {"lam": [1]}, store=tmp_path / "s", **arguments)
        assert sweep("planning", PLANNING, {"lam": [1]}, store=tmp_path / "s", **arguments).seed == first.seed
        assert sweep("planning", PLANNING, {"lam": [1]}, store=tmp_path / "t", **arguments).seed != first.seed

    def test_shards_make_the_whole(self, tmp_path):
        grid = {"lam": [1, 2, 3], "task.moves": [4, 3]}
        whole = sweep("planning", PLANNING, grid, store=tmp_path / "a", block_size=4, **SMALL)
        for i in (2, 0, 1):
            part = sweep("planning", PLANNING, grid, store=tmp_path / "b", block_size=4, shard=(i, 3), **SMALL)
        assert_same(part, whole)
        for name in os.listdir(tmp_path / "a" / "blocks"):
            assert (tmp_path / "a" / "blocks" / name).read_bytes() == (tmp_path / "b" / "blocks" / name).read_bytes()


def _counting(computed):
    from sigmalloc.sweeps.work import run_block

    def counted(job):
        computed.append(len(job.keys))
        return run_block(job)

    return counted


class TestSpecification:
    def test_spacings(self):
        assert axis_values("x", {"linspace": [0, 1, 5]}) == [0, 0.25, 0.5, 0.75, 1]
        assert axis_values("x", {"geomspace": [1, 1000, 4]}) == [1, 10, 100, 1000]
        assert all(type(value) is int for value in axis_values("x", {"geomspace": [1, 1000, 4]}))
        assert axis_values("x", np.arange(3)) == [0, 1, 2]

    @pytest.mark.parametrize("grid, message", [
        ({"lambda": [1]}, "unknown axis 'lambda'; did you mean 'lam'"),
        ({"lam": 1}, "lam must be a list"),
        ({"lam": "12"}, "lam must be a list"),
        ({"lam": []}, "lam has no values"),
        ({"lam": [1, -1]}, "lam must be at least 0"),
        ({"lam": [1, 1.0]}, "lam has the value 1.0 twice"),
        ({"lam": [float("nan")]}, "must be finite"),
        ({"lam": [1j]}, "values must be numbers"),
        ({"lam": {"logspace": [1, 2, 3]}}, "lam must be a list"),
        ({"lam": {"linspace": [1, 2]}}, "first, last, how many"),
        ({"lam": {"geomspace": [0, 2, 3]}}, "of one sign"),
        ({"sigma_0": [50, 200]}, "sigma_0 must be in .*in the cell sigma_0=200"),
        ({"search_budget": [1.0]}, "less than one path"),
        ({"gradient": ["best"]}, "gradient must be one of"),
        ({"task.move": [3]}, "unknown task argument .move.; did you mean .moves.. The task arguments are: moves"),
        ({"task.moves": [0]}, "task with moves=0: moves must be"),
        ({"task": {"moves": [3]}, "task.moves": [4]}, "task.moves is given twice"),
        (3, "grid must map"),
    ])  # fmt: skip
    def test_grids_are_refused(self, tmp_path, grid, message):
        with pytest.raises(ValueError, match=message):
            sweep("planning", PLANNING, grid, store=tmp_path / "s", **SMALL)
        assert not (tmp_path / "s").exists()

    @pytest.mark.parametrize("changes, message", [
        ({"agent": "dra"}, "agent must be an Agent"),
        ({"task": "chess"}, "unknown task 'chess'"),
        ({"task": 3}, "task must be a task"),
        ({"task": lambda moves: moves, "grid": {"task.moves": [3]}}, "must be or return"),
        ({"task": sm.tasks.planning(), "grid": {"task.moves": [3]}}, "can be made from arguments"),
        ({"mode": "zip", "grid": {"lam": [1, 2], "beta": [1]}}, "one length in zip mode"),
        ({"mode": "zip", "grid": {"lam": [1, 1]}}, "cells 0 and 1 are the same"),
        ({"mode": "all"}, "mode must be one of"),
        ({"evaluate_every": None}, "nothing would be kept"),
        ({"evaluate_every": 41}, "evaluate_every must be"),
        ({"keep": "some"}, "keep must be"),
        ({"keep": [5]}, "keep must be"),
        ({"shard": (2, 2)}, "shard must be"),
        ({"shard": "1/2"}, "shard must be"),
        ({"executor": 3}, "executor must be"),
        ({"workers": 0}, "workers must be"),
        ({"block_size": 0}, "block_size must be"),
        ({"q": np.zeros(3)}, "q must be numbers of shape"),
        ({"q": np.zeros((3, 3))}, "q must be numbers of shape"),
        ({"task": lambda kind: sm.tasks.planning(), "grid": {"task.kind": [1, 2]}}, "are the same task"),
    ])  # fmt: skip
    def test_arguments_are_refused(self, tmp_path, changes, message):
        arguments = {"task": "planning", "agent": PLANNING, "grid": {"lam": [1, 2]}, **SMALL} | changes
        with pytest.raises(ValueError, match=message):
            sweep(**arguments, store=tmp_path / "s")

    def test_keys_do_not_depend_on_the_grid(self):
        def keys(agent, grid, runs, **changes):
            arguments = {"episodes": 40, "seed": 7, "evaluate_every": 10, "restarts": 5} | changes
            return specify("planning", agent, grid, **arguments)[0].keys(runs).tolist()

        one = keys(PLANNING.replace(lam=2), {}, [3])
        assert one == keys(PLANNING, {"lam": [1, 2]}, [8])
        assert one == keys(PLANNING, {"task.moves": [4, 3], "lam": [2.0, 3]}, [2 * 5 + 3])
        assert one == keys(PLANNING, {"lam": [5, 2], "beta": [3, 10]}, [3 * 9 + 3], restarts=9)
        assert one == keys(PLANNING, {"lam": [5, 2], "beta": [3, 10]}, [8], mode="zip")
        for changes in ({"episodes": 50}, {"seed": 8}, {"evaluate_every": 20}, {"evaluation_policy": "hard"}):
            assert one != keys(PLANNING.replace(lam=2), {}, [3], **changes)
        many = keys(PLANNING, {"lam": list(range(50)), "beta": {"linspace": [1, 2, 40]}}, np.arange(10_000))
        assert len({tuple(key) for key in many}) == 10_000

    def test_blocks_are_few(self):
        wanted, made = specify("planning", PLANNING, {"lam": {"linspace": [0, 1, 10**4]}}, restarts=100, episodes=10**5,
                               seed=0, evaluate_every=2000)  # fmt: skip
        assert wanted.n_runs == 10**6
        size = block_size(wanted, made, wanted.n_runs, 2, seconds=10.0)
        assert size == 256 and -(-wanted.n_runs // size) <= 4000
        assert block_size(wanted, made, 64, 2, seconds=10.0) == 8
        assert block_size(wanted, made, 10**6, 2, seconds=0.01) == 400


class TestStore:
    @pytest.fixture
    def store(self, tmp_path):
        result = sweep("planning", PLANNING, {"lam": [1, 2], "beta": [5, 10]}, store=tmp_path, block_size=5, **SMALL)
        return tmp_path, result, sorted((tmp_path / "blocks").iterdir())

    def test_plain_numpy(self, store):
        folder, result, blocks = store
        with np.load(blocks[0], allow_pickle=False) as block:
            assert set(block.files) == {
                "keys", "reward", "value", "cost", "cutoffs", "time", "time_cost", "effort", "search_budgets",
                "steps", "training_cutoffs", "error",
                "stream",
            }  # fmt: skip
            np.testing.assert_array_equal(block["reward"], result.reward.reshape(20, 4)[:5])
            assert block["keys"].shape == (5, 16)

    @pytest.mark.parametrize("harm", ["truncated", "empty", "garbage", "another block", "an array"])
    def test_damaged_blocks_are_named_and_renewed(self, store, harm):
        folder, result, blocks = store
        intact = blocks[1].read_bytes()
        if harm == "truncated":
            blocks[1].write_bytes(intact[: len(intact) // 2])
        elif harm == "empty":
            blocks[1].write_bytes(b"")
        elif harm == "garbage":
            blocks[1].write_bytes(b"not a block" * 100)
        elif harm == "another block":
            blocks[1].write_bytes(blocks[2].read_bytes())
        else:
            with open(blocks[1], "wb") as file:
                np.save(file, np.arange(3))
        with pytest.warns(StoreWarning, match=blocks[1].name):
            damaged = open_sweep(folder)
        assert list(damaged.damaged) == [str(blocks[1])]
        assert damaged.done.sum() == 15 and np.isnan(damaged.reward[~damaged.done]).all()
        with pytest.warns(StoreWarning, match=blocks[1].name):
            renewed = sweep("planning", PLANNING, {"lam": [1, 2], "beta": [5, 10]}, store=folder, **SMALL)
        assert_same(renewed, result)
        assert blocks[1].read_bytes() == intact and not renewed.damaged

    def test_a_flipped_bit_is_found_when_it_is_read(self, store):
        folder, result, blocks = store
        content = bytearray(blocks[0].read_bytes())
        at = content.find(result.reward.reshape(20, 4)[0].tobytes())
        content[at] ^= 1
        blocks[0].write_bytes(content)
        with pytest.raises(DamagedBlock, match=blocks[0].name):
            open_sweep(folder).reward  # noqa: B018

    def test_foreign_files_are_named(self, store):
        folder, result, blocks = store
        (folder / "blocks" / "notes.txt").write_text("hello")
        (folder / "blocks" / blocks[0].name.replace("0000-", "0007-", 1)).write_bytes(blocks[0].read_bytes())
        (folder / "thesis.docx").write_text("hello")
        with pytest.warns(StoreWarning) as caught:
            opened = open_sweep(folder)
        text = " ".join(str(warning.message) for warning in caught)
        assert all(name in text for name in ("notes.txt", "0007-000000", "thesis.docx"))
        assert_same(opened, result)

    def test_damaged_manifests_and_tasks_are_named(self, store, tmp_path_factory):
        folder, _, _ = store
        task = next((folder / "tasks").iterdir())
        intact = task.read_bytes()
        for content in (intact[:100], (folder / "blocks" / os.listdir(folder / "blocks")[0]).read_bytes()):
            task.write_bytes(content)
            sm.sweeps.problems.load.cache_clear()
            with pytest.raises(ValueError, match=task.name):
                open_sweep(folder).cell(0, 0)
        manifest = folder / "manifest.json"
        text = manifest.read_text()
        for broken in (text[:200], "[]", text.replace('"format": 1', '"format": 9'), text.replace('"lam"', '"lum"')):
            manifest.write_text(broken)
            with pytest.raises(ValueError, match="manifest.json is not a readable manifest"):
                open_sweep(folder)

    def test_other_folders_are_refused(self, tmp_path):
        (tmp_path / "data.csv").write_text("1,2")
        with pytest.raises(ValueError, match=r"holds no sweep, but other files \('data.csv'\)"):
            sweep("planning", PLANNING, {"lam": [1]}, store=tmp_path, **SMALL)
        with pytest.raises(ValueError, match="holds no sweep"):
            open_sweep(tmp_path)
        assert os.listdir(tmp_path) == ["data.csv"]

    def test_leftovers_of_killed_processes_go(self, store):
        folder, _, _ = store
        host = files._HOST
        dead = folder / "blocks" / f".part-{host}-999999999-0123abcd"
        alive = folder / "blocks" / f".part-{host}-{os.getppid()}-0123abcd"
        elsewhere = folder / f".stop-far.away-{os.getppid()}-0123abcd"
        for path in (dead, alive, elsewhere):
            path.write_bytes(b"x")
        sweep("planning", PLANNING, {"lam": [1, 2], "beta": [5, 10]}, store=folder, **SMALL)
        assert not dead.exists() and alive.exists() and elsewhere.exists()

    def test_a_manifest_is_never_replaced(self, tmp_path):
        """Two sweeps that create, or grow, a store at once: the first one counts for both."""
        store = Store(tmp_path)
        store.prepare()

        def asked(values):
            return specify("planning", PLANNING, {"lam": values}, episodes=4, seed=0, evaluate_every=2)

        wanted, made = asked([1, 2])

        def slow_size(held):
            if not store.exists():
                assert Store(tmp_path).adopt(wanted, made, lambda held: 16)[0].block_size == 16
            return 24

        assert store.adopt(wanted, made, slow_size)[0].block_size == 16
        grown, made = asked([1, 2, 3])
        other, others = asked([1, 2, 4])

        def overtaken(held):
            Store(tmp_path).adopt(other, others, lambda held: 8)
            return 8

        with pytest.raises(ValueError, match="lam lacks 4.0"):
            store.adopt(grown, made, overtaken)
        assert [generation.specification.axes["lam"] for generation in store.generations()] == [[1, 2], [1, 2, 4]]


class TestStudy:
    STUDY = """
        seed = 7
        restarts = 2
        episodes = 40
        evaluate_every = 10
        evaluation_episodes = 5
        store = "results"
        [task]
        name = "planning"
        known_last_move = true
        [agent]
        preset = "scripts"
        beta = 5
        [grid]
        mode = "product"
        lam = [0.5, 1]
        search_budget = { linspace = [25, 50, 2] }
        task.moves = [3, 4]
    """

    @pytest.fixture
    def run(self, capsys):
        parser = argparse.ArgumentParser()
        commands.add_parsers(parser.add_subparsers(required=True))

        def run(*words):
            args = parser.parse_args([str(word) for word in words])
            status = args.run(args)
            return status, capsys.readouterr()

        return run

    @pytest.fixture
    def study(self, tmp_path):
        path = tmp_path / "study.toml"
        path.write_text(self.STUDY)
        return path

    def test_from_start_to_picture(self, study, run):
        store = study.parent / "results"
        status, printed = run("sweep", study, "--dry-run", "--json", "--workers", 2)
        facts = json.loads(printed.out)
        assert status == 0 and not store.exists()
        assert (facts["runs"], facts["cells"], facts["to_do"]) == (16, 8, 16)
        assert facts["seconds"] > 0 and facts["bytes"] > 16 * 4 * 4 * 8
        assert "16 runs" in run("sweep", study, "--dry-run")[1].out
        status, printed = run("sweep", study, "--shard", "0/2", "--quiet")
        assert status == 0 and "8 of 16 runs" in printed.out
        status, printed = run("sweep", study, "--json", "--workers", 1)
        assert json.loads(printed.out)["done"] == 16 and "16 of 16 runs" in printed.err
        result = open_sweep(store)
        assert result.cell(1, 0, 1)[1] == sm.Agent.scripts("planning", beta=5, lam=1, search_budget=25.0)
        assert result.cell(1, 0, 1)[0].horizon == 4
        assert_is_train(result)
        facts = json.loads(run("status", store, "--json")[1].out)
        assert facts["done"] == facts["runs"] == 16 and facts["bytes"] == sum(
            path.stat().st_size for path in store.rglob("*") if path.is_file()
        )
        (store / "odd").touch()
        assert "not used" in run("status", store)[1].out
        (store / "odd").unlink()
        assert json.loads(run("sweep", study, "--dry-run", "--json")[1].out)["to_do"] == 0
        for words in (
            ("--curves", "lam", "--at", "search_budget=25", "--at", "task.moves=3"),
            ("--x", "lam", "--by", "task.moves", "--at", "search_budget=25"), ("--at", "task.moves=4"),
            ("--x", "search_budget", "--y", "task.moves", "--at", "lam=0.5", "--quantity", "cost"),
        ):  # fmt: skip
            picture = study.parent / "picture.png"
            assert run("plot", store, "-o", picture, *words)[0] == 0
            assert picture.stat().st_size > 5000
            picture.unlink()
        table = study.parent / "table.csv"
        assert run("export", store, "-o", table)[0] == 0
        with pytest.raises(ValueError, match="exists"):
            run("export", store, "-o", table)
        assert run("export", store, "-o", table, "--force", "--quantities", "reward")[0] == 0

    def test_zip_study(self, study, run):
        study.write_text(self.STUDY.replace('mode = "product"', 'mode = "zip"'))
        assert run("sweep", study, "--quiet")[0] == 0
        assert open_sweep(study.parent / "results").reward.shape == (2, 2, 4)

    @pytest.mark.parametrize("old, new, message", [
        ("seed = 7", "sede = 7", "unknown key 'sede'"),
        ("episodes = 40", "", "episodes is missing"),
        ('name = "planning"', 'name = "chess"', "unknown task 'chess'"),
        ('name = "planning"', "", "has no name"),
        ("known_last_move", "known_last", "unknown task argument .known_last."),
        ("known_last_move = true", "moves = 3", "task.moves is given both"),
        ("beta = 5", "betta = 5", "unknown agent field 'betta'"),
        ("beta = 5", "beta = -5", "beta must be"),
        ('"scripts"', '"best"', "preset must be one of"),
        ("lam = [0.5, 1]", "lamb = [0.5, 1]", "unknown axis 'lamb'"),
        ("lam = [0.5, 1]", "lam = [0.5, 'x']", "lam must be a real number"),
        ("lam = [0.5, 1]", "lam = [0.5, 1", "not a TOML file"),
        ('"product"', '"cross"', "mode must be one of"),
        ('"results"', "3", "store must be a string"),
        ("restarts = 2", "restarts = 0", "restarts must be"),
        ("restarts = 2", 'task = "x"', "not a TOML file"),
    ])  # fmt: skip
    def test_mistakes_are_found_before_anything_runs(self, study, run, old, new, message):
        assert old in self.STUDY
        study.write_text(self.STUDY.replace(old, new, 1))
        for words in ((), ("--dry-run",)):
            with pytest.raises(ValueError, match=message):
                run("sweep", study, *words)
        assert not (study.parent / "results").exists()

    @pytest.mark.parametrize("reason, status, message", [
        (KeyboardInterrupt(), 130, "interrupted; run the same command to go on"),
        (OSError(28, "cannot write x: No space left on device"), 1, "error: cannot write x: No space left"),
        (WorkersLostError("workers were lost"), 1, "error: workers were lost"),
    ])  # fmt: skip
    def test_failures_are_told(self, study, run, monkeypatch, reason, status, message):
        def failing(*args, **keywords):
            raise reason

        monkeypatch.setattr("sigmalloc.sweeps.driver.drive", failing)
        found, printed = run("sweep", study, "--quiet")
        assert found == status and message in printed.err

    def test_mistakes_on_the_command_line(self, study, run):
        with pytest.raises(ValueError, match="--shard must be"):
            run("sweep", study, "--shard", "3")
        with pytest.raises(ValueError, match="cannot read"):
            run("sweep", study.parent / "none.toml")
        with pytest.raises(ValueError, match="holds no sweep"):
            run("status", study.parent)
        assert read_study(study)["store"] == str(study.parent / "results")
        run("sweep", study, "--quiet")
        store = study.parent / "results"
        for words, message in (
            (("--at", "lam=7"), "lam has no value '7'"), (("--at", "x=7"), "--at must be"),
            (("--by", "lam"), "need --x"), (("--curves", "lam"), "say where search_budget is fixed"),
            (("--x", "lamb"), "unknown axis 'lamb'"),
        ):  # fmt: skip
            with pytest.raises(ValueError, match=message):
                run("plot", store, "-o", "x.png", *words)
        with pytest.raises(ValueError, match="must end in"):
            run("export", store, "-o", study.parent / "x.xls")
        status, printed = run("export", store, "-o", study / "x.csv")
        assert status == 1 and "sigmalloc: error: " in printed.err
        study.write_text(self.STUDY.replace("episodes = 40", "episodes = 50"))
        with pytest.raises(ValueError, match="another sweep: episodes is 50"):
            run("sweep", study, "--dry-run")


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return sweep(
        "planning", PLANNING, {"lam": [2, 0.5, 1], "gradient": ["best_path", "advantage"]}, restarts=4, keep=[1],
        store=tmp_path_factory.mktemp("sweep"), **SMALL,
    )  # fmt: skip


class TestResults:
    def test_records_and_csv(self, result, tmp_path):
        table = result.to_records()
        assert len(table) == 24 and table.dtype.names[:4] == ("lam", "gradient", "restart", "episodes")
        np.testing.assert_array_equal(table["objective"], result.objective[..., -1].ravel())
        row = result.to_records("all")[((1 * 2 + 1) * 4 + 3) * 4 + 2]
        assert tuple(row)[:5] == (0.5, "advantage", 3, 30, result.reward[1, 1, 3, 2])
        path = result.export(tmp_path / "t.csv", ("reward", "cost"))
        lines = path.read_text().splitlines()
        assert lines[0] == "lam,gradient,restart,episodes,reward,cost,error" and len(lines) == 1 + 24 * 4
        reward, cost = result.reward[0, 0, 0, 0].item(), result.cost[0, 0, 0, 0].item()
        assert lines[1] == f"2.0,best_path,0,10,{reward!r},{cost!r},0"
        assert os.listdir(tmp_path) == ["t.csv"]

    def test_frame(self, result):
        pandas = pytest.importorskip("pandas")
        frame = result.to_frame("all")
        assert isinstance(frame, pandas.DataFrame) and len(frame) == 96
        assert frame.groupby("lam")["reward"].mean()[2.0] == pytest.approx(result.reward[0].mean())

    def test_xarray_and_files(self, result, tmp_path):
        xarray = pytest.importorskip("xarray")
        data = result.to_xarray()
        assert data.objective.dims == ("lam", "gradient", "restart", "episodes")
        assert data.objective.attrs["units"] == "reward" and data.lam.attrs["units"] == "reward/nat"
        one = data.reward.sel(lam=0.5, gradient="advantage", restart=3, episodes=30)
        assert float(one) == result.reward[1, 1, 3, 2]
        assert data.sigma.dims == ("lam", "gradient", "kept_restart", "state", "action")
        np.testing.assert_array_equal(data.sigma, result.sigma)
        for extra, ending, engine in (("h5py", ".nc", "h5netcdf"), ("zarr", ".zarr", "zarr")):
            pytest.importorskip(extra)
            for _ in range(2):
                path = result.export(tmp_path / f"data{ending}", ("objective",))
            with xarray.open_dataset(path, engine=engine) as again:
                np.testing.assert_array_equal(again.objective, result.objective)
                assert again.attrs["seed"] == "7" and "reward" not in again
        with pytest.raises(ValueError, match="quantities must be one of"):
            result.to_xarray(("rewards",))

    def test_select(self, result):
        np.testing.assert_array_equal(result.select(lam=0.5), result.objective[1])
        np.testing.assert_array_equal(result.select("cost", -1, gradient="best_path"), result.cost[:, 0, :, -1])
        for call, message in (
            (lambda: result.select(lam=7), "lam has no value 7"), (lambda: result.select(beta=1), "unknown axis"),
            (lambda: result.select("regret"), "quantity must be"), (lambda: result.cell(0), "one position for each"),
            (lambda: result.cell(0, 5), "within"),
        ):  # fmt: skip
            with pytest.raises(ValueError, match=message):
                call()
        assert "24 of 24 runs" in repr(result)

    def test_plots(self, result):
        from matplotlib.figure import Figure

        ax = plot_curves(result, "lam", at={"gradient": "best_path"}, ax=Figure().add_subplot())
        lines = [line for line in ax.get_lines() if line.get_gid() == "curve"]
        assert len(lines) == 3 and ax.get_xlabel() == "Episode" and "reward" in ax.get_ylabel()
        np.testing.assert_allclose(lines[1].get_ydata(), result.objective[1, 0].mean(axis=0))
        assert ax.get_legend().get_texts()[1].get_text() == r"$\lambda$ = 0.5"
        ax = plot_parameter(result, "lam", "gradient", ax=Figure().add_subplot())
        lines = [line for line in ax.get_lines() if line.get_gid() == "curve"]
        np.testing.assert_array_equal(lines[0].get_xdata(), [0.5, 1, 2])
        np.testing.assert_allclose(lines[1].get_ydata(), result.objective[[1, 2, 0], 1, :, -1].mean(axis=1))
        ax = plot_heatmap(result, "gradient", "lam", "cost", checkpoint=0, ax=Figure().add_subplot())
        np.testing.assert_allclose(ax.images[0].get_array(), result.cost[..., 0].mean(axis=-1))
        sem = result.cost[0, 0, :, 0].std(ddof=1) / 2
        assert ax.texts[0].get_text().endswith(f"± {sem:.2g}".replace("-", "−"))
        assert ax.get_ylabel() == r"$\lambda$ (reward/nat)"
        with pytest.raises(ValueError, match="say where gradient is fixed"):
            plot_curves(result, "lam")
        with pytest.raises(ValueError, match="must be numbers"):
            plot_parameter(result, "gradient", at={"lam": 1})
        with pytest.raises(ValueError, match="two axes"):
            plot_heatmap(result, "lam", "lam")

    def test_plots_leave_out_what_is_missing(self, result):
        part = SweepResult(result.store, result.specification, result._blocks[:1], {})
        from matplotlib.figure import Figure

        ax = plot_heatmap(part, "gradient", "lam", ax=Figure().add_subplot())
        assert 0 < ax.images[0].get_array().mask.sum() < 6


class TestProgress:
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def test_a_line_a_minute(self):
        now, out = [0.0], io.StringIO()
        progress = Progress(10_000, 2000, out, clock=lambda: now[0])
        for _ in range(240):
            now[0] += 1
            progress.add(10)
        progress.close()
        lines = out.getvalue().splitlines()
        assert len(lines) == 5
        assert lines[0] == "2,600 of 10,000 runs (26.0 %), 10 runs/s, 12 min 20 s left"
        assert lines[-1] == "4,400 of 10,000 runs (44.0 %), 10 runs/s, 9 min 20 s left"

    def test_a_bar_on_a_terminal(self):
        out = self.Terminal()
        progress = Progress(100, 20, out)
        progress.add(30)
        progress.close()
        assert "50/100" in out.getvalue() and "run/s" in out.getvalue()

    def test_durations(self):
        assert [duration(s) for s in (5, 65, 3600, 90_000)] == ["5 s", "1 min 5 s", "1 h 0 min", "1 d 1 h"]

    def test_on_standard_error(self, tmp_path, capsys):
        sweep("planning", PLANNING, {"lam": [1]}, store=tmp_path, **(SMALL | {"progress": True}))
        assert sys.stderr is not None and "5 of 5 runs (100.0 %)" in capsys.readouterr().err


def test_the_same_sweep_is_known_without_looking_for_its_runs(tmp_path, monkeypatch):
    """A specification that was read has its agent's fields in another order."""
    study = SMALL | {"grid": {"lam": [0.1, 0.2]}, "restarts": 1, "store": tmp_path / "s"}
    first = sweep("planning", PLANNING, **study)
    monkeypatch.setattr(stores, "contains", lambda *_: pytest.fail("runs were looked for"))
    assert_same(sweep("planning", PLANNING, **study), first)
