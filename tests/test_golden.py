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
