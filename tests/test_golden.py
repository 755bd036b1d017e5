"""Bits and files of earlier versions: results are the same for good, and what was once written can be read."""

import json
import shutil
from pathlib import Path

import golden
import numpy as np
import pytest
from same_bits import differing

import sigmalloc as sm

OLD = Path(__file__).parent / "data" / "format-1"
BITS = json.loads(golden.FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("first", range(0, golden.COUNT, 50))
def test_bits_are_those_of_the_first_version(first):
    numbers = range(first, first + 50)
    assert [number for number in numbers if golden.digest(number) != BITS[number]] == []


@pytest.mark.parametrize("name", ["result", "planning", "car"])
def test_results_of_format_1_are_read_and_repeated(name):
    old = sm.Result.load(OLD / f"{name}.npz")
    keywords = {"snapshots": old.snapshot_episodes.tolist()}
    if old.episodes.size:
        keywords |= {"evaluate_every": int(old.episodes[0]), "evaluation_episodes": old.evaluation_episodes}
    new = sm.train(
        old.task, old.agent, episodes=old.training_episodes, restarts=old.restarts, seed=old.seed, **keywords
    )
    assert differing(old, new) == []


def test_a_store_of_format_1_is_read_and_goes_on(tmp_path):
    shutil.copytree(OLD / "store", tmp_path / "store")
    old = sm.open_sweep(tmp_path / "store")
    assert old.done.all()
    before = old.objective.copy()
    blocks = {path.name: path.read_bytes() for path in (tmp_path / "store" / "blocks").iterdir()}
    grown = sm.sweep(
        "planning", sm.Agent.table_b1("planning"), {"lam": [0.5, 1.0, 2.0], "task.moves": [2, 3]}, episodes=6,
        restarts=2, seed=5, evaluate_every=3, evaluation_episodes=5, store=tmp_path / "store", keep=[0], progress=False,
    )  # fmt: skip
    np.testing.assert_array_equal(grown.objective[:2], before)
    assert all((tmp_path / "store" / "blocks" / name).read_bytes() == held for name, held in blocks.items())


def test_trials_of_format_1_are_read_and_repeated():
    old = sm.Trials.load(OLD / "trials.npz")
    new = sm.simulate(sm.tasks.two_step(), sm.Agent(), episodes=10, restarts=2, seed=5, values=True, probability=True)
    assert old.task.digest() == new.task.digest()
    held, made = old.columns | old.tables, new.columns | new.tables
    assert held.keys() == made.keys()
    np.testing.assert_allclose(held.pop("probability"), made.pop("probability"), rtol=1e-14)  # by SciPy, any version
    for name, column in made.items():
        np.testing.assert_array_equal(held[name], column, err_msg=name)


@pytest.mark.parametrize("name", ["fit", "fit-3"])
def test_fits_of_formats_2_and_3_are_read_and_their_likelihoods_repeated(name):
    old = sm.fit.Fit.load(OLD / f"{name}.npz")
    assert old.labels == (0, 1) and old[0].space.names == ("lam", "sigma_0") and old.settings["starts"] == 2
    for one in old:
        model = one.model
        assert (model.policy, model.lapse, model.agent.lam) == ("hard", 0.02, one.estimate[0])
        again = sm.fit.log_likelihood(one.subject, model, pointwise=True)
        np.testing.assert_array_equal(again, one.pointwise)
        assert one.log_likelihood == one.pointwise.sum() and len(one.starts.value) == 2
        assert (one.lower <= one.estimate).all()
