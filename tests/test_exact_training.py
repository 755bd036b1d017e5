"""Training with estimator="exact"."""

import numpy as np
import pytest

import sigmalloc as sm

pytest.importorskip("scipy")


def test_one_update_by_hand():
    task, agent = sm.tasks.planning(2), sm.Agent.table_b1("planning", learn_q=False)
    q = task.optimal_q()
    result = sm.train(task, agent, episodes=1, restarts=1, seed=0, q=q, estimator="exact")
    sigma = np.where(task.memories, agent.sigma_0, agent.sigma_base)
    slope = sm.exact.gradient(task, agent, q, sigma, policy="soft")
    expected = np.clip(sigma + agent.learning_rate_sigma * slope, agent.sigma_min, agent.sigma_max)
    np.testing.assert_allclose(result.sigma[0][task.memories], expected[task.memories], rtol=1e-12)


def test_reaches_the_optimum_of_the_soft_policy():
    task = sm.tasks.planning(3, known_last_move=True)
    agent = sm.Agent.table_b1("planning", learn_q=False, learning_rate_sigma=20)
    result = sm.train(task, agent, episodes=1500, restarts=1, seed=0, q=task.optimal_q(), estimator="exact")
    reached = sm.exact.evaluate(task, agent, result.q[0], result.sigma[0], policy="soft").objective
    best = sm.exact.optimum(task, agent, policy="soft").objective
    assert best - 0.5 < reached <= best + 1e-6


def test_same_learning_episodes_as_with_samples():
    """The first learning episode comes before any σ update, so it is the same."""
    task = sm.tasks.grid_world()
    agent = sm.Agent.table_b1(q_init=(-1.0, 1.0))
    runs = [
        sm.train(task, agent, episodes=1, restarts=3, seed=4, estimator=estimator) for estimator in ("sampled", "exact")
    ]
    np.testing.assert_array_equal(runs[0].q, runs[1].q)


def test_changes_evaluations_and_snapshots():
    task = sm.tasks.grid_world(change_at=3)
    agent = sm.Agent.table_b1(allocation="equal")
    result = sm.train(
        task, agent, episodes=5, restarts=2, seed=0, evaluate_every=1, evaluation_episodes=3, snapshots=(2, 5),
        estimator="exact",
    )  # fmt: skip
    assert np.isfinite(result.objective).all() and result.objective.shape == (2, 5)
    memories = task.at(4).memories
    assert (np.ptp(result.sigma[:, memories], axis=1)[:, None] >= 0).all()
    np.testing.assert_array_equal(result.snapshot_sigma[:, 1][:, memories], result.sigma[:, memories])


def test_what_it_cannot_do():
    with pytest.raises(ValueError, match="estimator='exact' needs a finite MDP"):
        sm.train(sm.tasks.mountain_car(), sm.Agent.table_b1("mountain-car"), episodes=1, estimator="exact")
    with pytest.raises(ValueError, match="allocation='dra' or 'equal'"):
        sm.train(sm.tasks.grid_world(), sm.Agent(allocation="stakes"), episodes=1, estimator="exact")
    with pytest.raises(ValueError, match="estimator must be one of"):
        sm.train(sm.tasks.grid_world(), sm.Agent(), episodes=1, estimator="magic")
