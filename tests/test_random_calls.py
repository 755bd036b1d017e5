"""Ways to make a task, called with anything at all: they make one, or raise a ValueError, and soon."""

import inspect
import random
import time

import numpy as np
import pytest

import sigmalloc as sm

tasks = sm.tasks


class Odd:
    """Says that it is an array, and a sequence, and is none."""

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no array")

    def __len__(self):
        return 3

    def __iter__(self):
        return iter((1, 2, 3))


class Evil:
    """Can be neither printed, hashed nor compared."""

    def __repr__(self):
        raise RuntimeError("no repr")

    def __hash__(self):
        raise RuntimeError("no hash")

    def __eq__(self, other):
        raise RuntimeError("no eq")


MAZE = tasks.maze(("S.", "G."))
ANYTHING = [
    None, True, False, 0, 1, 2, -1, 10**30, 2**63, 2**64, 0.5, -1.5, float("nan"), float("inf"), -np.inf, 1e308, 1e-308,
    1j, "", "a", "SG", "\0", "\ud800", b"a", "bernoulli", "grid-world", [], (), {}, set(), {1}, {"a": 1}, [0], [1],
    [0, 1], [1, 0], [[0]], [[0, 1], [1, 1]], [[0.5, 0.5], [0, 1]], [[[0.5, 0.5]], [[0, 1]]], [1, [2]], [True, 1.0],
    ["a"], ["S.", "..", "G."], ("S..", "..G"), np.zeros((2, 2)), np.ones((2, 2), dtype=int), np.zeros(0), np.array(1),
    np.array("a"), np.ma.masked, np.ma.masked_array([1, 2], [0, 1]), np.int8([1, 1]), np.uint64([2**63]),
    np.array([None]), np.zeros((2, 2, 2)), np.zeros((0, 2, 2)), np.eye(2)[:, None, :], np.bool_(True),
    np.datetime64("2020"), np.float16(1), np.array([[1, 2], [3, 4]], dtype=object), [np.nan, np.nan], range(3),
    lambda *given: None, lambda *given: [], lambda *given: (1, 0.0), lambda *given: [0],
    lambda *given: [(0.5, 0, 1.0), (0.5, 1, 0.0)], [(1, MAZE)], MAZE, [[[(1, 1, 0.0)]], []], [{0: [(1, 1, 0.0)]}, {}],
    [[None], []], Odd(), Evil(), object(), sm.Agent(), sm.Agent,
]  # fmt: skip
GOOD = {
    sm.TabularMDP: {"next_state": [[1, 1], [1, 1]], "reward": [[1.0, 0], [0, 0]], "start": 0, "terminal": [1]},
    sm.TabularMDP.from_dense: {
        "transitions": [[[0.5, 0.5]], [[0, 1]]], "rewards": [[1.0], [0.0]], "start": 0, "terminal": [1],
    },
    sm.TabularMDP.from_functions: {
        "transition": lambda state, action: (1, 0.0), "actions": lambda state: [0] if state == 0 else [], "start": 0,
    },
    sm.TabularMDP.from_outcomes: {"outcomes": [[[(1, 1, 0.0)]], []], "start": 0},
    tasks.maze: {"layout": ("S..", "..G")}, tasks.grid_world: {}, tasks.planning: {}, tasks.mountain_car: {},
    tasks.bandit: {}, tasks.two_step: {}, tasks.slot_machines: {}, tasks.two_alternatives: {},
    tasks.from_gymnasium: {"env": None},
}  # fmt: skip
OPTIONS = [  # of TabularMDP, that the others pass on
    "step_limit", "changes", "known_q", "known_sigma", "memory_map", "reward_sd", "reward_noise", "rewards_by_episode",
    "starts", "horizon", "name", "action_names", "state_names",
]  # fmt: skip


@pytest.mark.parametrize("make", GOOD, ids=lambda make: make.__name__)
def test_anything(make):
    draw = random.Random(make.__name__)
    known = inspect.signature(make).parameters.values()
    names = [parameter.name for parameter in known if parameter.kind is not parameter.VAR_KEYWORD]
    if len(names) < len(known):
        names += [name for name in OPTIONS if name not in names]
    made = 0
    for _ in range(600):
        given = {name: draw.choice(ANYTHING) for name in draw.sample(names, min(len(names), draw.choice((1, 1, 2))))}
        begin = time.process_time()
        try:
            make(**GOOD[make] | given)
            made += 1
        except ValueError as error:
            assert type(error) is ValueError
            assert str(error)
        assert time.process_time() - begin < 5
    assert made or make is tasks.from_gymnasium
