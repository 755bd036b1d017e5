"""q* by policy iteration: against value iteration, and where value iteration did not get."""

import subprocess
import sys

import numpy as np
import pytest

from sigmalloc import tasks
from sigmalloc.tasks import values
from sigmalloc.tasks.tabular import TabularMDP


def by_value_iteration(task, gamma, sweeps=100_000):
    value = np.zeros(task.n_states)
    for _ in range(sweeps):
        q = (task.probability * (task.reward + gamma * value[task.next_state])).sum(axis=2)
        best = np.where(task.exists, q, -np.inf).max(axis=1)
        best[task.terminal] = 0.0
        if np.abs(best - value).max() <= 1e-14 * max(1.0, np.abs(best).max()):
            return np.where(task.exists, q, 0.0)
        value = best
    raise AssertionError("no convergence")


def random_task(seed, n_states, only_at_the_end=False):
    generator = np.random.default_rng(seed)
    shape = (n_states + 1, 4, 3)
    next_state = generator.integers(0, n_states + 1, size=shape)
    next_state[:, 0, 0] = n_states
    reward = generator.normal(size=shape) - 1
    if only_at_the_end:  # loops that cost nothing
        reward = np.where(next_state == n_states, generator.integers(-1, 2, size=shape), 0.0)
    probability = generator.dirichlet(np.ones(3), size=shape[:2])
    counts = np.append(1 + np.arange(n_states) % 4, 0)
    start = np.append(np.full(n_states, 1 / n_states), 0)
    return TabularMDP(next_state, reward, probability, start=start, terminal=[n_states], action_counts=counts)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("only_at_the_end", [False, True])
def test_equals_value_iteration(gamma, only_at_the_end):
    for seed in range(40):
        task = random_task(seed, 5 + seed % 20, only_at_the_end)
        expected = by_value_iteration(task, gamma)
        assert np.abs(task.optimal_q(gamma) - expected).max() < 1e-9 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("gamma", [0.9, 1.0])
@pytest.mark.parametrize(
    "task", [tasks.grid_world(), tasks.grid_world(change_at=3).at(3), tasks.planning(5)], ids=["maze", "later", "plan"]
)
def test_tasks_of_the_paper(task, gamma):
    assert np.abs(task.optimal_q(gamma) - by_value_iteration(task, gamma)).max() < 1e-12


def test_discount_close_to_one_on_a_loop():
    loop = TabularMDP([[0, 1], [1, 1]], [[1.0, 0.0], [0.0, 0.0]], start=0, terminal=[1])
    assert loop.optimal_q(0.9999)[0] == pytest.approx([1e4, 0.0], rel=1e-9)
    assert loop.optimal_q(1 - 1e-9)[0] == pytest.approx([1e9, 0.0], rel=1e-6)
    with pytest.raises(ValueError, match="'mdp' did not converge with gamma=1: from state 0 on"):
        loop.optimal_q(1.0)


def test_a_costly_loop_that_nobody_enters():
    rewards = -np.ones((3, 2))
    trap = TabularMDP([[1, 2], [1, 1], [2, 2]], rewards, start=0, terminal=[2])
    assert trap.optimal_q().tolist() == [[-np.inf, -1], [-np.inf, -np.inf], [0, 0]]
    apart = TabularMDP([[2, 2], [1, 1], [2, 2]], rewards, start=0, terminal=[2])
    assert apart.optimal_q()[0].tolist() == [-1, -1]
    # left half of the time: no policy is certain to end
    risky = TabularMDP([[[1, 2]], [[1, 1]], [[2, 2]]], -np.ones((3, 1)), np.full((3, 1, 2), 0.5), start=0, terminal=[2])
    assert risky.optimal_q()[0, 0] == -np.inf
    assert risky.optimal_q(0.9)[0, 0] == pytest.approx(-1 - 0.9 * 0.5 * 10, rel=1e-12)


@pytest.mark.parametrize(
    ("there", "back", "expected"),
    [(1.0, -2.0, -np.inf), (0.0, -1.0, -np.inf), (0.0, 0.0, 0.0), (1.0, -1.0, None), (1.0, -0.9, None)],
)
def test_two_states_that_never_end(there, back, expected):
    task = TabularMDP([[1], [0], [2]], [[there], [back], [0.0]], start=0, terminal=[2])
    if expected is None:
        with pytest.raises(ValueError, match="did not converge with gamma=1"):
            task.optimal_q()
    else:
        assert task.optimal_q()[0, 0] == expected


def test_staying_for_nothing_beats_a_costly_exit():
    task = TabularMDP([[0, 1], [1, 1]], [[0.0, -5.0], [0.0, 0.0]], start=0, terminal=[1])
    assert task.optimal_q()[0].tolist() == [0, -5]
    better = TabularMDP([[0, 1], [1, 1]], [[0.0, 5.0], [0.0, 0.0]], start=0, terminal=[1])
    assert better.optimal_q()[0].tolist() == [5, 5]


def test_rare_exits_keep_their_digits():
    chance = 1e-9
    task = TabularMDP([[[0, 1]], [[1, 1]]], -np.ones((2, 1)), [[[1 - chance, chance]], [[1, 0]]], start=0, terminal=[1])
    assert task.optimal_q()[0, 0] == pytest.approx(-1 / chance, rel=1e-12)


def test_a_large_maze():
    rows = ["." * 100 for _ in range(100)]
    rows[0], rows[-1] = "S" + "." * 99, "." * 99 + "G"
    task = tasks.maze(rows)
    steps = np.add.outer(99 - np.arange(100), 99 - np.arange(100)).ravel()
    value = np.where(task.exists, task.optimal_q(), -np.inf).max(axis=1)
    assert value[:-1].tolist() == (11 - steps[:-1]).tolist()


def test_small_tasks_have_the_optimal_q_of_large_ones(monkeypatch):
    """NumPy's dense systems and SciPy's sparse ones; with γ = 1 also which tasks have no q*, and from which state."""

    def found(task, gamma):
        try:
            return task.optimal_q(gamma)
        except ValueError as error:
            return str(error)

    rng = np.random.default_rng(0)
    for number in range(60):
        n, actions, outcomes = rng.integers([2, 1, 1], [20, 4, 6])
        chance = rng.random((n, actions, outcomes)) ** 3
        gain = rng.normal(-(number % 2), size=(n, actions, 1)) * np.ones(outcomes)
        task = TabularMDP(
            rng.integers(0, n, chance.shape), gain, probability=chance / chance.sum(axis=-1, keepdims=True), start=0,
            terminal=[n - 1],
        )  # fmt: skip
        for gamma in (0.9, 1.0):
            small = found(task, gamma)
            with monkeypatch.context() as patched:
                patched.setattr(values, "LARGEST_DENSE", 0)
                large = found(task, gamma)
            if isinstance(small, str):
                assert small == large
            else:
                np.testing.assert_allclose(small, large, rtol=1e-9, atol=1e-9)


def test_small_tasks_need_no_scipy():
    """A large call looks at q* for its warnings; SciPy takes a quarter of a second and 27 MB to load."""
    code = """
import sys
import sigmalloc as sm
sm.train(sm.tasks.grid_world(), sm.Agent.table_b1("grid-world"), episodes=1000, restarts=1, seed=0)
assert "scipy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_rewards_beyond_floating_point():
    task = TabularMDP([[0, 1], [1, 1]], [[1e308, 0.0], [0.0, 0.0]], start=0, terminal=[1])
    with pytest.raises(ValueError, match="beyond the range of floating point numbers"):
        task.optimal_q(0.99)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance": np.nan}, "tolerance must be finite"),
        ({"tolerance": -1e-9}, "tolerance must be at least 0"),
        ({"gamma": 1.1}, "gamma must be in"),
        ({"gamma": np.nan}, "gamma must be finite"),
        ({"max_iterations": 0}, "max_iterations must be at least 1"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        tasks.grid_world().optimal_q(**arguments)
