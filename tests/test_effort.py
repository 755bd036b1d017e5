"""Effort that is fixed or learned, and the price of time: the kernel against its twin and against exact answers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from same_bits import WHOLE, changing_maze, differing
from test_memories import FIXED, both, random_agent, random_task

import sigmalloc as sm
from sigmalloc import exact, reference
from sigmalloc.agents import ALLOCATIONS, GRADIENTS

EFFORT = (*WHOLE, "time", "time_cost", "samples", "opportunity_cost", "earned")


def with_effort(agent, seed, **changes):
    """The agent with any kind of effort."""
    draw = np.random.default_rng(seed)
    pick = lambda *options: options[draw.integers(len(options))]  # noqa: E731
    fields = {
        "samples": pick(1.0, 1.7, 12.0), "learn_samples": pick("no", "shared", "state"),
        "samples_max": pick(12.0, 50.0),
        "sample_time": pick(0.1, 1.0), "sample_correlation": pick(0.0, 0.3, 1.0), "non_decision_time": pick(0.2, 1.0),
        "opportunity_cost": pick(0.0, 0.05, 1.0), "learning_rate_samples": pick(0.1, 1.0),
        "learn_opportunity_cost": pick(False, True), "learning_rate_opportunity_cost": pick(0.01, 0.5),
    }  # fmt: skip
    return agent.replace(**fields | changes)


@settings(FIXED, max_examples=250)
@given(
    st.integers(0, 2**32), st.booleans(), st.sampled_from(["gaussian", "bernoulli"]), st.booleans(), st.booleans(),
    st.integers(0, 2**32), st.sampled_from(["soft", "hard"]),
)  # fmt: skip
def test_kernel_is_its_twin(seed, shared, noise, laid_down, changing, agent, policy):
    task = random_task(seed, shared=shared, noise=noise, laid_down=laid_down, changing=changing and not laid_down)
    kernel, twin = both(task, with_effort(random_agent(agent), agent), seed, evaluation_policy=policy)
    assert isinstance(kernel, str) == isinstance(twin, str)
    assert kernel == twin if isinstance(kernel, str) else differing(kernel, twin, EFFORT) == []


@settings(FIXED, max_examples=60)
@given(
    st.integers(0, 2**32), st.sampled_from([None, 13.0, 50.0]), st.booleans(), st.booleans(),
    st.sampled_from(sorted(ALLOCATIONS)), st.sampled_from(sorted(GRADIENTS)),
)  # fmt: skip
def test_kernel_is_its_twin_in_planning(seed, budget, depth_first, rate, allocation, gradient):
    agent = sm.Agent.table_b1(
        "planning", n_trajectories=3, search_budget=budget, reward_rate=rate, allocation=allocation, gradient=gradient
    )
    changes = {"learn_opportunity_cost": False} if rate else {}
    if depth_first and "depth-first" in agent.gradient_rule.planners:
        changes |= {"learn_samples": "no"} if budget else {}
        agent = agent.replace(planner="depth-first")
    kernel, twin = both(sm.tasks.planning(3), with_effort(agent, seed, **changes), seed)
    assert isinstance(kernel, str) == isinstance(twin, str)
    assert kernel == twin if isinstance(kernel, str) else differing(kernel, twin, EFFORT) == []


@pytest.mark.parametrize("learn", ["no", "shared", "state"])
def test_mountain_car_is_its_twin(learn):
    agent = sm.Agent.table_b1(
        "mountain-car", n_trajectories=2, learn_samples=learn, samples=3.0, opportunity_cost=0.5,
        learn_opportunity_cost=True,
    )  # fmt: skip
    task = sm.tasks.mountain_car(step_limit=60)
    kernel, twin = (train(task, agent, episodes=3, restarts=2, seed=1, evaluate_every=1, evaluation_episodes=2)
                    for train in (sm.train, reference.train))  # fmt: skip
    assert differing(kernel, twin, EFFORT) == []


@pytest.mark.parametrize("task", [sm.tasks.grid_world(step_limit=60), sm.tasks.planning(3), changing_maze()],
                         ids=["maze", "planning", "changing"])  # fmt: skip
def test_one_sample_changes_nothing_but_the_price(task):
    """Effort held at 1 by its bound takes the other way through the kernel to the same bits."""
    planned = task.horizon is not None
    agent = sm.Agent.table_b1("planning" if planned else "grid-world", n_trajectories=3)
    runs = {"episodes": 6, "restarts": 3, "seed": 4, "evaluate_every": 2, "evaluation_episodes": 5}
    plain = sm.train(task, agent, **runs)
    held = sm.train(task, agent.replace(learn_samples="state", samples_max=1.0, opportunity_cost=2.0), **runs)
    assert differing(plain, held, WHOLE) == []
    np.testing.assert_array_equal(plain.time, held.time)
    assert (plain.time_cost == 0).all() and (held.time_cost > 0).all()
    np.testing.assert_array_equal(held.objective, held.value - held.cost - held.time_cost)


def test_one_sample_in_the_reward_rate_has_the_time_of_eq_8():
    task = sm.tasks.planning(3)
    agent = sm.Agent.table_b1("planning", reward_rate=True, search_budget=50, n_trajectories=3)
    runs = {"episodes": 6, "restarts": 3, "seed": 4, "evaluate_every": 2, "evaluation_episodes": 5}
    plain = sm.train(task, agent, **runs)
    held = sm.train(task, agent.replace(learn_samples="state", samples_max=1.0), **runs)
    # with rewards drawn in every trajectory, the same bits: one product more in the mean value alone
    assert differing(plain, held, tuple(name for name in WHOLE if name != "value")) == []
    np.testing.assert_allclose(plain.value, held.value, rtol=1e-14)
    np.testing.assert_allclose(plain.time, 0.1 * 4 * 3 + 1, rtol=1e-14)


@pytest.mark.parametrize("learn", ["no", "shared", "state"])
def test_runs_go_on_to_the_bits_of_one_long_run(learn, tmp_path):
    task = random_task(5)
    agent = sm.Agent(
        learn_samples=learn, samples=2.0, opportunity_cost=0.1, learn_opportunity_cost=True, n_trajectories=3,
        allocation="frequency",
    )  # fmt: skip
    runs = {"restarts": 3, "seed": 2, "evaluate_every": 2, "evaluation_episodes": 3}
    whole = sm.train(task, agent, episodes=9, **runs)
    half = sm.train(task, agent, episodes=5, **runs)
    kept = sm.Result.load(half.save(tmp_path / "half"))
    assert differing(half, kept, EFFORT) == []
    assert differing(whole, kept.extend(episodes=4), EFFORT) == []


GAP, Q = 2.0, np.array([[2.0, 0.0], [0.0, 0.0]])
CHOICE = sm.TabularMDP([[1, 1], [1, 1]], [[GAP, 0.0], [0.0, 0.0]], start=0, terminal=[1])


@pytest.mark.parametrize("gradient", ["advantage", "return"])
@pytest.mark.parametrize(("sigma", "n", "rho"), [(2.0, 1.5, 0.0), (3.0, 6.0, 0.3)])
def test_mean_step_of_effort_is_the_exact_gradient(gradient, sigma, n, rho):
    """One update of 20,000 runs of 50 trajectories: the mean of Δ ln n within 4 standard errors of α ∂F/∂ln n."""
    agent = sm.Agent(
        learn_q=False, allocation="fixed", learn_samples="state", samples=n, opportunity_cost=0.4, beta=4.0,
        sample_correlation=rho, learning_rate_samples=1e-3, n_trajectories=50, gradient=gradient,
    )  # fmt: skip
    q, noise = Q, np.full((2, 2), sigma)
    result = sm.train(CHOICE, agent, episodes=1, restarts=20_000, seed=0, q=q, sigma=np.full((20_000, 2, 2), sigma))
    steps = np.log(result.samples[:, 0] / n) / agent.learning_rate_samples
    expected = exact.gradient(CHOICE, agent, q, noise, "soft", samples=[n, 1.0]).samples[0] * n
    assert abs(steps.mean() - expected) < 4 * steps.std() / np.sqrt(len(steps))
    assert 4 * steps.std() / np.sqrt(len(steps)) < 0.1 * abs(expected) + 0.01


@pytest.mark.parametrize("learn", ["shared", "state"])
@pytest.mark.parametrize(("lam", "omega"), [(0.03, 0.1), (0.1, 0.1), (0.1, 1.0), (0.3, 0.5)])
def test_learned_effort_and_precision_reach_the_exact_optimum(lam, omega, learn):
    """One state, two actions, q̄ known: the mean over runs of F after learning is within 0.02 of the exact maximum."""
    agent = sm.Agent(
        learn_q=False, lam=lam, opportunity_cost=omega, learn_samples=learn, beta=10.0, n_trajectories=100,
        learning_rate_sigma=0.05, learning_rate_samples=0.05,
    )  # fmt: skip
    best = exact.optimum(CHOICE, agent, Q, policy="soft", starts=12)
    result = sm.train(CHOICE, agent, episodes=3000, restarts=8, seed=1, q=np.tile(Q, (8, 1, 1)))
    reached = [
        exact.evaluate(CHOICE, agent, Q, sigma, "soft", samples=n).objective
        for sigma, n in zip(result.sigma, result.samples, strict=True)
    ]
    assert best.objective - np.mean(reached) < 0.02
    assert (result.samples[:, 1] == 1.0).all()
