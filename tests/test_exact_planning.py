"""The exact best of several planned paths, against full enumeration and the paper's figures."""

import itertools

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc import tasks
from sigmalloc.agents import Agent
from sigmalloc.exact import choice_probabilities, evaluate, gradient, optimum
from sigmalloc.tasks.tabular import TabularMDP


def planner(**changes):
    return Agent.table_b1("planning", **changes)


def some_memories(task, seed=0):
    generator = np.random.default_rng(seed)
    q = task.optimal_q() + generator.normal(scale=20, size=(task.n_states, task.n_actions))
    return q, generator.uniform(5, 80, size=q.shape)


def lopsided(seed=3):
    """Three moves through states that share successors, rewards without equal returns."""
    generator = np.random.default_rng(seed)
    next_state = np.array([[1, 2], [3, 4], [4, 4], [5, 5], [5, 5], [5, 5]])
    return TabularMDP(next_state, generator.normal(size=(6, 2)), start=0, terminal=[5], horizon=3)


def three_ways(seed=4):
    """Two moves with three actions each."""
    generator = np.random.default_rng(seed)
    next_state = np.array([[1, 2, 1], [3, 3, 3], [3, 3, 3], [3, 3, 3]])
    return TabularMDP(next_state, generator.normal(scale=20, size=(4, 3)), start=0, terminal=[3], horizon=2)


def paths_of(task, state, gamma):
    """(value, reward, choices) of every path from a state."""
    if task.terminal[state]:
        return [(0.0, 0.0, ())]
    found = []
    for action in np.flatnonzero(task.exists[state]):
        gain = task.reward[state, action, 0]
        for value, reward, choices in paths_of(task, task.next_state[state, action, 0], gamma):
            found.append((gain + gamma * value, gain + reward, ((state, action), *choices)))
    return found


def best_rollout(task, policy, gamma, n):
    """E[value], E[reward] of the best of n independent paths, by enumerating all n-tuples of them."""
    value = reward = 0.0
    for start in np.flatnonzero(task.start):
        paths = [(v, r, np.prod([policy[pair] for pair in choices])) for v, r, choices in paths_of(task, start, gamma)]
        for tried in itertools.product(paths, repeat=n):
            chance = task.start[start] * np.prod([p for _, _, p in tried])
            best = max(tried, key=lambda path: path[0])  # the first one among equals
            value, reward = value + chance * best[0], reward + chance * best[1]
    return value, reward


def search(task, first, start, gamma, n):
    """(value, reward) of the first n paths of a depth-first search, given the action drawn first in each state."""
    found = []

    def visit(state, value, reward, discount):
        if len(found) == n:
            return
        if task.terminal[state]:
            found.append((value, reward))
            return
        actions = sorted(np.flatnonzero(task.exists[state]), key=lambda action: action != first[state])
        for action in actions:
            gain = task.reward[state, action, 0]
            visit(task.next_state[state, action, 0], value + discount * gain, reward + gain, discount * gamma)

    visit(start, 0.0, 0.0, 1.0)
    return max(found, key=lambda path: path[0])


def best_search(task, policy, gamma, n):
    """The same for a depth-first search, by enumerating the draws of every state's memories."""
    value = reward = 0.0
    for start in np.flatnonzero(task.start):
        states = sorted({state for _, _, choices in paths_of(task, start, gamma) for state, _ in choices})
        for draw in itertools.product(*[np.flatnonzero(task.exists[state]) for state in states]):
            first = dict(zip(states, draw, strict=True))
            chance = task.start[start] * np.prod([policy[pair] for pair in first.items()])
            best = search(task, first, start, gamma, n)
            value, reward = value + chance * best[0], reward + chance * best[1]
    return value, reward


def check_against(enumerate_all, task, agent, n, policy):
    q, sigma = some_memories(task)
    exact = evaluate(task, agent, q, sigma, policy)
    if task.known.any():
        q, sigma = (np.where(task.known, known, own) for known, own in ((task.known_q, q), (task.known_sigma, sigma)))
    probability = choice_probabilities(q, sigma, policy, agent.beta, task.exists)
    value, reward = enumerate_all(task, probability, agent.gamma, n)
    assert exact.value == pytest.approx(value, abs=1e-9)
    assert exact.reward == pytest.approx(reward, abs=1e-9)


@pytest.mark.parametrize("gamma", [1.0, 0.8, 0.0])
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_rollouts_against_enumeration(n, gamma):
    cases = (tasks.planning(3), "hard"), (tasks.planning(2, known_last_move=True), "soft"), (three_ways(), "hard")
    for task, policy in cases:
        agent = planner(search_budget=100 * n / task.n_actions**task.horizon, gamma=gamma)
        check_against(best_rollout, task, agent, n, policy)


@pytest.mark.parametrize("gamma", [1.0, 0.8, 0.0])
@pytest.mark.parametrize("n", range(1, 9))
def test_depth_first_against_enumeration(n, gamma):
    cases = (tasks.planning(3), "hard"), (tasks.planning(3, known_last_move=True), "soft"), (lopsided(), "soft")
    for task, policy in cases:
        agent = planner(search_budget=100 * n / 8, planner="depth-first", gamma=gamma)
        check_against(best_search, task, agent, n, policy)


def test_depth_first_with_four_moves():
    task = tasks.planning(4)
    for n in (3, 5, 10, 15):
        agent = planner(search_budget=100 * n / 16, planner="depth-first")
        q, sigma = some_memories(task)
        probability = choice_probabilities(q, sigma, "hard", mask=task.exists)
        only_first = TabularMDP(task.next_state, task.reward, start=0, terminal=task.terminal, horizon=4)
        expected = best_search(only_first, probability, 1.0, n)
        assert evaluate(only_first, agent, q, sigma, "hard").value == pytest.approx(expected[0], abs=1e-9)


def test_a_whole_search_finds_the_best_path():
    for moves, best in ((3, 66 + 2 / 3), (4, 73 + 1 / 3), (5, 81 + 2 / 3)):
        task = tasks.planning(moves)
        q, sigma = some_memories(task)
        agent = planner(search_budget=100, planner="depth-first", lam=0)
        assert evaluate(task, agent, q, sigma).value == pytest.approx(best, abs=1e-9)
        assert np.abs(gradient(task, agent, q, sigma)).max() < 1e-12
        assert evaluate(task, planner(search_budget=100), q, sigma).value < best


@pytest.mark.parametrize("kind", ["rollouts", "depth-first"])
@pytest.mark.parametrize("policy", ["hard", "soft"])
@pytest.mark.parametrize(("moves", "n"), [(3, 1), (3, 3), (3, 6), (5, 2), (5, 13)])
def test_gradient_against_finite_differences(moves, n, kind, policy):
    task = tasks.planning(moves, known_last_move=moves == 3)
    q, sigma = some_memories(task)
    agent = planner(search_budget=100 * n / 2**moves, planner=kind, reward_rate=n > 2, gamma=0.95)
    slope = gradient(task, agent, q, sigma, policy)
    assert not slope[~task.memories].any()
    for state, action in np.argwhere(task.memories)[::5]:
        step = 3e-3 * sigma[state, action]

        def moved(times, state=state, action=action, step=step):
            changed = sigma.copy()
            changed[state, action] += times * step
            return evaluate(task, agent, q, changed, policy).objective

        expected = (8 * (moved(1) - moved(-1)) - moved(2) + moved(-2)) / (12 * step)
        assert slope[state, action] == pytest.approx(expected, abs=1e-6 * np.abs(slope).max())


def test_reward_rate():
    task = tasks.planning(3)
    q, sigma = some_memories(task)
    plain = evaluate(task, planner(search_budget=50), q, sigma)
    timed = planner(search_budget=50, reward_rate=True, decision_time=0.2, non_decision_time=3.0)
    rate = evaluate(task, timed, q, sigma)
    assert rate.value == pytest.approx(plain.value / (0.2 * 4 * 3 + 3.0), rel=1e-12)
    assert rate.reward == pytest.approx(plain.reward, rel=1e-12)
    assert rate.objective == pytest.approx(rate.value - plain.cost, rel=1e-12)
    one = evaluate(task, planner(reward_rate=True), q, sigma)
    assert one.value == pytest.approx(one.reward / 1.3, rel=1e-12)


@pytest.mark.parametrize("kind", ["rollouts", "depth-first"])
@pytest.mark.parametrize("gamma", [1.0, 0.7])
def test_simulation_agrees(kind, gamma):
    for moves, budget, policy in ((3, None, "soft"), (3, 62.5, "hard"), (4, 25, "soft")):
        task = tasks.planning(moves)
        q, sigma = some_memories(task)
        agent = planner(search_budget=budget, planner=kind, gamma=gamma, reward_rate=True)
        exact = evaluate(task, agent, q, sigma, policy)
        simulated = sm.evaluate(task, agent, q, sigma, episodes=200_000, seed=1, policy=policy)
        assert abs(simulated.reward - exact.reward) < 4 * simulated.reward_sem
        assert abs(simulated.value - exact.value) < 4 * simulated.value_sem
        assert simulated.cost == pytest.approx(exact.cost, rel=1e-9)


def test_published_optimum():
    task, agent = tasks.planning(3, known_last_move=True), planner()
    base = evaluate(task, agent, task.optimal_q(), np.full((19, 2), 100.0), "hard")
    assert base.objective == pytest.approx(26.6053, abs=1e-4)
    assert base.cost == 0
    best = optimum(task, agent)
    assert best.objective == pytest.approx(45.0591, abs=1e-4)
    assert best.reward == pytest.approx(59.6180, abs=1e-3)
    assert best.cost == pytest.approx(14.5589, abs=1e-3)
    assert np.abs(gradient(task, agent, best.q, best.sigma, "hard")[best.sigma < 100]).max() < 1e-4
    equal = optimum(task, agent, equal_precision=True)
    assert equal.objective == pytest.approx(41.8869, abs=1e-4)
    assert equal.sigma[task.memories] == pytest.approx(32.3544, abs=1e-3)
    assert (equal.sigma[task.known] == 1).all()


@pytest.mark.parametrize(
    ("moves", "changes"),
    [
        (3, {}),
        (4, {"lam": 0.2}),
        (5, {}),
        (3, {"search_budget": 37.5}),
        (3, {"search_budget": 37.5, "planner": "depth-first"}),
        (3, {"search_budget": 25.0, "reward_rate": True}),
    ],
)
def test_optimum_beats_many_random_starts(moves, changes):
    task, agent = tasks.planning(moves), planner(**changes)
    best = optimum(task, agent)
    other = optimum(task, agent, starts=16, seed=99)
    assert best.objective >= other.starts.max() - 1e-6
    assert best.objective >= optimum(task, agent, equal_precision=True).objective - 1e-9
    assert ((best.sigma >= 1) & (best.sigma <= 100)).all()


def test_bad_planning_input():
    task = tasks.planning(3)
    q, sigma = some_memories(task)
    with pytest.raises(ValueError, match="search_budget"):
        evaluate(task, planner(search_budget=12.0), q, sigma)
    three = TabularMDP(np.full((2, 3), 1), np.zeros((2, 3)), start=0, terminal=[1], horizon=1)
    with pytest.raises(ValueError, match="depth-first.*two actions"):
        evaluate(three, planner(search_budget=100, planner="depth-first"), np.zeros((2, 3)), np.ones((2, 3)))
    rollouts = evaluate(three, planner(search_budget=100), np.zeros((2, 3)), np.ones((2, 3)))
    assert rollouts.value == 0
    for changes in ({"search_budget": 50}, {"reward_rate": True}):
        with pytest.raises(ValueError, match=next(iter(changes))):
            evaluate(tasks.grid_world(), Agent(**changes), np.zeros((54, 4)), np.ones((54, 4)))
