"""Mean and scatter of the sampled gradient: against an independent simulation, and against the exact gradient."""

import numpy as np
import pytest

from sigmalloc import tasks
from sigmalloc._choices.solver import score_moments
from sigmalloc.agents import Agent
from sigmalloc.exact import choice_gradients, equilibrium, expected_estimator, gradient
from sigmalloc.tasks.tabular import TabularMDP

N = 100_000


def small_task():
    generator = np.random.default_rng(3)
    shape = (5, 3, 2)
    next_state = generator.integers(0, 5, size=shape)
    next_state[:, 0, 0] = 4
    return TabularMDP(
        next_state, generator.normal(size=shape), generator.dirichlet(np.ones(2), size=shape[:2]),
        start=[0.4, 0.3, 0.2, 0.1, 0.0], terminal=[4], action_counts=[3, 2, 3, 1, 0],
    )  # fmt: skip


def memories(task):
    generator = np.random.default_rng(1)
    q = generator.normal(size=(task.n_states, task.n_actions))
    return q, generator.uniform(0.3, 2, size=q.shape)


def sampled(task, agent, q, sigma, n, seed):
    """Reward gradients of n single trajectories, shape (n, states, actions): Eqs. 3-5 written out."""
    generator = np.random.default_rng(seed)
    rows, n_actions = np.arange(n), task.n_actions
    state = generator.choice(task.n_states, size=n, p=task.start)
    steps = []
    while not task.terminal[state].all():
        alive = ~task.terminal[state]
        zeta = generator.standard_normal((n, n_actions))
        there = task.exists[state]
        drawn = np.where(there, agent.beta * (q[state] + zeta * sigma[state]), -1e9)
        p = np.exp(drawn - drawn.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        action = (generator.random(n)[:, None] > np.cumsum(p, axis=1)).sum(axis=1).clip(0, n_actions - 1)
        chances = np.cumsum(task.probability[state, action], axis=1)
        outcome = (generator.random(n)[:, None] > chances).sum(axis=1).clip(0, task.n_outcomes - 1)
        score = agent.beta * zeta * ((np.arange(n_actions) == action[:, None]) - p)
        score = np.where(there & alive[:, None], score, 0.0)
        steps.append((state, action, score, np.where(alive, task.reward[state, action, outcome], 0.0)))
        state = np.where(alive, task.next_state[state, action, outcome], state)
    if agent.gradient in ("advantage", "q"):
        table = np.where(task.exists, q, 0.0)
        if agent.gradient == "advantage":
            table = table - (table.sum(axis=1) / np.maximum(1, task.action_counts))[:, None]
        psi = [table[state, action] for state, action, _, _ in steps]
    else:
        to_go, psi = np.zeros(n), []
        for *_, reward in reversed(steps):
            to_go = reward + agent.gamma * to_go
            psi.insert(0, to_go)
        if agent.gradient == "return":
            psi = [psi[0]] * len(psi)
    total = np.zeros((n, task.n_states, n_actions))
    for (state, _, score, _), value in zip(steps, psi, strict=True):
        total[rows, state] += value[:, None] * score
    return total


@pytest.mark.parametrize("gamma", [1.0, 0.8])
@pytest.mark.parametrize("psi", [
    "advantage", "return", *(pytest.param(psi, marks=pytest.mark.slow) for psi in ("q", "reinforce")),
])  # fmt: skip
def test_moments_against_simulation(psi, gamma):
    task = small_task()
    q, sigma = memories(task)
    agent = Agent(beta=3.0, gamma=gamma, gradient=psi, n_trajectories=1)
    expected = expected_estimator(task, agent, q, sigma)
    draws = sampled(task, agent, q, sigma, N, seed=7)
    free = task.memories & (task.action_counts > 1)[:, None]
    mean, std = draws.mean(axis=0)[free], draws.std(axis=0)[free]
    fourth = ((draws[:, free] - mean) ** 4).mean(axis=0)
    assert np.abs((mean - expected.reward_gradient[free]) / std).max() * np.sqrt(N) < 4
    error_of_std = np.sqrt((fourth - std**4) / N) / (2 * std)
    assert np.abs((std - expected.std[free]) / error_of_std).max() < 4
    assert not expected.reward_gradient[~free].any()
    assert not expected.std[~free].any()


@pytest.mark.parametrize("n_actions", [2, 3])
def test_score_moments_against_gauss_hermite(n_actions):
    # βσ of the order of 1, where a product rule over ζ is accurate
    generator = np.random.default_rng(2)
    q, sigma = generator.normal(size=(4, n_actions)), generator.uniform(0.2, 1.0, size=(4, n_actions))
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    zeta = np.stack(np.meshgrid(*[nodes] * n_actions, indexing="ij"), axis=-1).reshape(-1, n_actions)
    weight = np.prod(np.stack(np.meshgrid(*[weights / weights.sum()] * n_actions, indexing="ij")), axis=0).ravel()
    beta = 1.3
    moments = score_moments(q, sigma, np.ones(q.shape, dtype=bool), beta)
    by_sigma = choice_gradients(q, sigma, "soft", beta)[1]
    for s in range(4):
        p = np.exp(beta * (q[s] + zeta * sigma[s]))
        p /= p.sum(axis=1, keepdims=True)
        for a in range(n_actions):
            score = beta * zeta * ((np.arange(n_actions) == a) - p)
            assert np.allclose((weight * p[:, a]) @ score**2, moments[s, a], rtol=0, atol=1e-8)
            assert np.allclose((weight * p[:, a]) @ score, by_sigma[s, a], rtol=0, atol=1e-9)


def test_bias_of_each_gradient():
    task = small_task()
    q, sigma = memories(task)
    agent = Agent(beta=3.0)
    exact = gradient(task, agent, q, sigma)
    means = {psi: expected_estimator(task, agent.replace(gradient=psi), q, sigma).gradient for psi in
             ("reinforce", "return", "advantage", "q")}  # fmt: skip
    assert np.abs(means["reinforce"] - exact).max() < 1e-12
    assert np.abs(means["return"] - exact).max() < 1e-12
    assert np.abs(means["advantage"] - means["q"]).max() < 1e-12
    assert np.abs(means["advantage"] - exact).max() > 0.1
    # with q̄ = Q^π the advantage is unbiased, too
    q = equilibrium(task, agent, sigma, tolerance=1e-13)
    assert np.abs(expected_estimator(task, agent, q, sigma).gradient - gradient(task, agent, q, sigma)).max() < 1e-10


def test_scatter_falls_with_trajectories():
    task, agent = tasks.grid_world(), Agent()
    q, sigma = task.optimal_q(), np.full((54, 4), 3.0)
    one, ten = (expected_estimator(task, agent.replace(n_trajectories=n), q, sigma) for n in (1, 10))
    assert np.array_equal(one.gradient, ten.gradient)
    assert np.allclose(one.std, np.sqrt(10) * ten.std, rtol=1e-12)
    assert one.std[task.memories].min() > 0
    assert expected_estimator(task, agent, q, sigma, variance=False).std is None


def test_planning():
    task = tasks.planning(3)
    generator = np.random.default_rng(0)
    q, sigma = task.optimal_q() + generator.normal(scale=10, size=(19, 2)), generator.uniform(10, 80, size=(19, 2))
    agent = Agent.table_b1("planning", reward_rate=True)
    for kind in ("rollouts", "depth-first"):
        for budget in (None, 37.5):
            planner = agent.replace(planner=kind, search_budget=budget)
            expected = expected_estimator(task, planner, q, sigma)
            assert np.abs(expected.gradient - gradient(task, planner, q, sigma)).max() < 1e-10
            assert (expected.std is None) == (budget is not None)
    single = expected_estimator(task, agent.replace(gradient="reinforce"), q, sigma)
    three = expected_estimator(task, agent.replace(gradient="reinforce", search_budget=37.5), q, sigma)
    # three paths, credited each with its own return, in a trial that lasts longer
    there = task.memories
    assert np.allclose(three.reward_gradient[there], 3 * 1.3 / 1.9 * single.reward_gradient[there])
    assert np.allclose(three.std[there], np.sqrt(3) * 1.3 / 1.9 * single.std[there])
    with pytest.raises(ValueError, match="depth-first"):
        expected_estimator(task, agent.replace(gradient="q", planner="depth-first", search_budget=50), q, sigma)


def test_large_tasks_have_no_variance():
    rows = ["." * 60 for _ in range(40)]
    rows[0], rows[-1] = "S" + "." * 59, "." * 59 + "G"
    task = tasks.maze(rows)
    q = task.optimal_q()
    with pytest.raises(ValueError, match="variance=False"):
        expected_estimator(task, Agent(), q, np.ones(q.shape))
    found = expected_estimator(task, Agent(), q, np.ones(q.shape), variance=False)
    assert np.isfinite(found.gradient).all()
