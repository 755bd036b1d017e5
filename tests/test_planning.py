"""The planning task against exact numbers: dynamic programming, and enumeration of what either planner can find."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

import sigmalloc as sm

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(120)
EPISODES = 200_000
Z = 4.5  # 40 comparisons: p = 3e-4 for one of them


def test_optimal_values():
    """q* of the first layer and the mean optimal returns (section 4.3's graph, worked out by hand)."""
    best = sm.tasks.planning(3).optimal_q()[:6].max(axis=1)
    np.testing.assert_array_equal(best, [100, 0, 50, 50, 100, 100])
    for moves, mean in ((3, 200 / 3), (4, 220 / 3), (5, 245 / 3)):
        assert sm.tasks.planning(moves).optimal_q()[:6].max(axis=1).mean() == pytest.approx(mean, abs=1e-9)


def test_optimal_values_by_enumeration_of_paths():
    task = sm.tasks.planning(4)
    for start in range(6):
        returns = [walk(task, start, actions) for actions in itertools.product(range(2), repeat=4)]
        assert task.optimal_q()[start].max() == max(returns)


def walk(task, state, actions):
    """Return of a path."""
    total = 0.0
    for action in actions:
        total += task.reward[state, action, 0]
        state = task.next_state[state, action, 0]
    return total


def first_action_probability(q, sigma, state, policy, beta):
    """Probability of action 0: Φ(Δ/s) for the hard policy, E[1 / (1 + exp −β(Δ + s z))] for the soft one."""
    difference, spread = q[state, 0] - q[state, 1], math.hypot(*sigma[state])
    if policy == "hard":
        return stats.norm.cdf(difference / spread)
    return (WEIGHTS / (1 + np.exp(-beta * (difference + spread * NODES)))).sum() / WEIGHTS.sum()


def independent_paths(task, start, n_paths, probability):
    """E[max] over independent paths from a start, from the distribution of the return of one."""
    chances = {}
    for actions in itertools.product(range(2), repeat=task.horizon):
        state, chance = start, 1.0
        for action in actions:
            chance *= probability[state] if action == 0 else 1 - probability[state]
            state = task.next_state[state, action, 0]
        value = walk(task, start, actions)
        chances[value] = chances.get(value, 0.0) + chance
    below, expected = 0.0, 0.0
    for value in sorted(chances):
        expected += value * ((below + chances[value]) ** n_paths - below**n_paths)
        below += chances[value]
    return expected


def distinct_paths(task, start, n_paths, probability):
    """E[max] over the first leaves of a depth-first search, by enumerating what is preferred in each state."""
    layer, reachable = [start], []
    for _ in range(task.horizon):
        reachable += layer
        layer = sorted({int(task.next_state[state, action, 0]) for state in layer for action in range(2)})
    expected = 0.0
    for preferred in itertools.product(range(2), repeat=len(reachable)):
        prefers = dict(zip(reachable, preferred, strict=True))
        chance = math.prod(probability[s] if a == 0 else 1 - probability[s] for s, a in prefers.items())
        leaves = []
        for turns in itertools.product(range(2), repeat=task.horizon):  # 0: the preferred action, 1: the other one
            state, value = start, 0.0
            for turn in turns:
                action = prefers[state] ^ turn
                value += task.reward[state, action, 0]
                state = int(task.next_state[state, action, 0])
            leaves.append(value)
        expected += chance * max(leaves[:n_paths])
    return expected


@pytest.mark.parametrize("policy", ["soft", "hard"])
@pytest.mark.parametrize(("planner", "exact"), [("rollouts", independent_paths), ("depth-first", distinct_paths)])
@pytest.mark.parametrize("moves", [2, 3])
def test_simulated_reward_of_given_memories(moves, planner, exact, policy):
    """At every number of paths that a budget can pay for, up to all of them."""
    task, beta, rng = sm.tasks.planning(moves), 0.02, np.random.default_rng(moves)
    q = task.optimal_q() + rng.normal(scale=20, size=(task.n_states, 2))
    sigma = rng.uniform(10, 90, size=q.shape)
    probability = [first_action_probability(q, sigma, s, policy, beta) for s in range(6 * moves)]
    for n_paths in range(1, 2**moves + 1, 1 if moves == 2 else 2):
        agent = sm.Agent.table_b1("planning", beta=beta, search_budget=100 * n_paths / 2**moves, planner=planner)
        simulated = sm.evaluate(task, agent, q, sigma, episodes=EPISODES, seed=n_paths, policy=policy)
        expected = np.mean([exact(task, start, n_paths, probability) for start in range(6)])
        assert abs(simulated.reward - expected) < Z * simulated.reward_sem
    if planner == "depth-first":
        agent = agent.replace(search_budget=100.0)
        everything = sm.evaluate(task, agent, q, sigma, episodes=6000, seed=0, policy=policy)
        mean_best = task.optimal_q()[:6].max(axis=1).mean()
        assert abs(everything.reward - mean_best) < Z * everything.reward_sem


@pytest.mark.parametrize(("planner", "exact"), [("rollouts", independent_paths), ("depth-first", distinct_paths)])
@pytest.mark.parametrize("n_paths", [1, 2, 3])
def test_gradient_of_the_best_path(planner, exact, n_paths):
    """Ψ = best return gives the gradient of the expected best return: one σ update against finite differences.

    Eight runs give the standard error; |t| < 7.0 for each of 24 memories (7 degrees of freedom, p = 0.005 for all).
    """
    task, beta, rng = sm.tasks.planning(2), 0.03, np.random.default_rng(5)
    q = task.optimal_q() + rng.normal(scale=20, size=(13, 2))
    sigma = rng.uniform(20, 60, size=q.shape)
    agent = sm.Agent.table_b1(
        "planning", beta=beta, lam=0.0, learning_rate_sigma=0.01, learn_q=False, n_trajectories=200_000,
        search_budget=25.0 * n_paths, planner=planner,
    )  # fmt: skip
    result = sm.train(task, agent, episodes=1, restarts=8, seed=6, q=q, sigma=sigma)
    sampled = (result.sigma - sigma)[:, :12] / agent.learning_rate_sigma

    def expected(sds):
        probability = [first_action_probability(q, sds, s, "soft", beta) for s in range(12)]
        return np.mean([exact(task, start, n_paths, probability) for start in range(6)])

    gradient = np.zeros((12, 2))
    for s, a in np.ndindex(12, 2):
        step = np.zeros(sigma.shape)
        step[s, a] = 1e-3
        gradient[s, a] = (expected(sigma + step) - expected(sigma - step)) / 2e-3
    assert np.abs(gradient).max() > 0.01
    t = (sampled.mean(axis=0) - gradient) / (sampled.std(axis=0, ddof=1) / math.sqrt(8))
    assert np.abs(t).max() < stats.t.isf(0.005 / 2 / gradient.size, df=7)


def test_reward_rate():
    """F̃ divides by a_dec · visits + t_nondec (Eq. 8): the same choices, another unit."""
    task = sm.tasks.planning(3)
    plain = sm.Agent.table_b1("planning", search_budget=62.5)
    rated = plain.replace(reward_rate=True, decision_time=0.2, non_decision_time=3.0)
    q, sigma = task.optimal_q(), np.full((task.n_states, 2), 40.0)
    one, other = (sm.evaluate(task, agent, q, sigma, episodes=500, seed=0) for agent in (plain, rated))
    assert other.reward == one.reward
    assert other.value == pytest.approx(one.value / (0.2 * 5 * 3 + 3.0), rel=1e-12)
    assert other.cost == one.cost


def test_reward_rate_scales_the_reward_gradient():
    """With λ = 0 one σ update is divided by the time of a trial."""
    task = sm.tasks.planning(3)
    plain = sm.Agent.table_b1("planning", search_budget=50, lam=0.0, learning_rate_sigma=0.1)
    rated = plain.replace(reward_rate=True)
    one, other = (sm.train(task, agent, episodes=1, restarts=2, seed=0) for agent in (plain, rated))
    moved = one.sigma[:, :18] - 50
    assert 0.1 < np.abs(moved).max() < 50
    np.testing.assert_allclose(other.sigma[:, :18] - 50, moved / (0.1 * 4 * 3 + 1), atol=1e-12)
