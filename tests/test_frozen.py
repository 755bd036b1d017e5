"""What a call returns does not change: its arrays are read only, as they are made and as they come back."""

import copy
import dataclasses
import functools
import pickle

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc._frozen import Frozen

TASK = sm.tasks.bandit([0.0, 1.0], sd=0.5)
AGENT = sm.Agent(beta=2.0)
Q, SIGMA = np.array([[0.0, 1.0], [0, 0]]), np.full((2, 2), 0.5)
TABLES = ("q", "sigma", "snapshot_q", "snapshot_sigma")  # made when they are asked for


def records():
    """Every public record, with what its fields are said to hold."""
    for room in (sm, sm.fit, sm.exact, sm.sweeps):
        for name in room.__all__:
            thing = getattr(room, name)
            if isinstance(thing, type) and dataclasses.is_dataclass(thing):
                yield name, thing, {field.name: str(field.type) for field in dataclasses.fields(thing)}


def test_every_record_with_arrays():
    held = {
        name: thing
        for name, thing, fields in records()
        if any(kind in words for words in fields.values() for kind in ("NDArray", "ndarray", "Floats", "Column"))
    }
    assert {"Result", "Trials", "Evaluation", "Optimum", "Group", "Comparison", "SubjectFit", "Recovery"} <= set(held)
    for name, thing in held.items():
        assert issubclass(thing, Frozen) and thing.__dataclass_params__.frozen, name


def arrays(thing):
    names = [field.name for field in dataclasses.fields(thing)]
    names += [name for name in TABLES if hasattr(type(thing), name)]
    return {name: held for name in names if isinstance(held := getattr(thing, name), np.ndarray)}


@functools.cache
def group():
    rng = np.random.default_rng(0)
    choice = rng.integers(0, 2, size=40)
    data = sm.fit.Choices.from_arrays(
        np.tile([0, 1], (40, 1)), choice, rng.normal(size=(40, 2)), subject=np.repeat(["a", "b"], 20)
    )
    return sm.fit.fit_group(data, AGENT, free=("beta",), starts=1, iterations=2, draws=16, progress=False)


MADE = {
    "result": lambda: sm.train(
        TASK, AGENT, episodes=20, restarts=2, seed=0, evaluate_every=10, evaluation_episodes=5, snapshots=(10,)
    ),
    "unevaluated": lambda: sm.train(TASK, AGENT, episodes=2, restarts=2, seed=0),
    "trials": lambda: sm.simulate(TASK, AGENT, episodes=30, seed=0, values=True),
    "evaluation": lambda: sm.evaluate(TASK, AGENT, Q, SIGMA, episodes=10, seed=0),
    "exact": lambda: sm.exact.evaluate(TASK, AGENT, Q, SIGMA),
    "optimum": lambda: sm.exact.optimum(TASK, AGENT),
    "estimator": lambda: sm.exact.expected_estimator(TASK, AGENT, Q, SIGMA),
    "group": group,
    "subject's fit": lambda: group().fit[0],
}


@pytest.mark.parametrize("name", MADE)
def test_read_only_for_good(name):
    made = MADE[name]()
    for thing in (made, pickle.loads(pickle.dumps(made)), copy.deepcopy(made), copy.copy(made),
                  dataclasses.replace(made)):  # fmt: skip
        found = arrays(thing)
        assert found
        for which, array in found.items():
            assert not array.flags.writeable, which
            np.testing.assert_array_equal(array, getattr(made, which))
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, next(iter(found)), None)


def test_what_was_given_stays_its_owners():
    made = MADE["trials"]()
    given = made.reward.copy()
    dataclasses.replace(made, reward=given)
    given[0] = 5.0


@pytest.mark.parametrize("name", ["result", "trials"])
def test_what_it_is_turned_into_is_the_users(name):
    pytest.importorskip("xarray")
    made = MADE[name]()
    before = {name: array.copy() for name, array in arrays(made).items()}
    for variable in made.to_xarray().data_vars.values():
        if variable.dtype.kind == "f":
            variable += 1.0
    for which, array in arrays(made).items():
        np.testing.assert_array_equal(array, before[which])
