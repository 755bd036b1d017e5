"""Exact effort: several samples for one decision, with a price in time (section 10 of the model)."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import ndtr

from sigmalloc import tasks
from sigmalloc.agents import Agent
from sigmalloc.exact import JointGradient, equilibrium, evaluate, expected_estimator, gradient, optimum
from sigmalloc.tasks.tabular import TabularMDP

GAP = 2.0
CHOICE = TabularMDP([[1, 1], [1, 1]], [[GAP, 0.0], [0.0, 0.0]], start=0, terminal=[1])
Q = np.array([GAP, 0.0])


def closed(sigma, n, agent):
    """F of one state and two actions whose rewards are GAP apart, and its derivatives with respect to σ and n."""
    rho = agent.sample_correlation
    spread = sigma * np.sqrt(2 * (rho + (1 - rho) / n))
    distance = GAP / spread
    price = agent.opportunity_cost * agent.sample_time
    nats = 0.5 * (sigma**2 / agent.sigma_base**2 - 1) - np.log(sigma / agent.sigma_base)
    density = np.exp(-0.5 * distance**2) / np.sqrt(2 * np.pi)
    by_sigma = -GAP * density * distance / sigma
    by_n = GAP * density * distance * 0.5 * (1 - rho) / n**2 / (rho + (1 - rho) / n)
    return (
        GAP * ndtr(distance) - price * n - 2 * agent.lam * nats,
        by_sigma - 2 * agent.lam * (sigma / agent.sigma_base**2 - 1 / sigma),
        by_n - price,
    )


@pytest.mark.parametrize("rho", [0.0, 0.3, 1.0])
@pytest.mark.parametrize(("sigma", "n"), [(3.0, 1.0), (2.0, 3.7), (0.5, 20.0), (10.0, 400.0)])
def test_one_state_and_two_actions_in_closed_form(sigma, n, rho):
    agent = Agent(lam=0.1, opportunity_cost=0.5, sample_time=0.04, sample_correlation=rho)
    exact = evaluate(CHOICE, agent, Q, np.full(2, sigma), "hard", samples=n)
    objective, by_sigma, by_n = closed(sigma, n, agent)
    assert exact.objective == pytest.approx(objective, abs=1e-12)
    assert exact.time == pytest.approx(0.04 * n + 1, rel=1e-14)
    assert exact.time_cost == pytest.approx(0.02 * n, rel=1e-14)
    assert exact.samples.tolist() == [n, 1.0]
    slope = gradient(CHOICE, agent, Q, np.full(2, sigma), "hard", samples=n)
    assert isinstance(slope, JointGradient)
    assert slope.sigma.sum() == pytest.approx(by_sigma, abs=1e-12)
    assert slope.samples == pytest.approx(by_n, abs=1e-12)
    each = gradient(CHOICE, agent, Q, np.full(2, sigma), "hard", samples=[n, 1.0])
    assert each.samples.tolist() == [slope.samples, 0.0]
    assert np.array_equal(each.sigma, slope.sigma)


@pytest.mark.parametrize("learn", ["shared", "state"])
@pytest.mark.parametrize("lam", [0.03, *(pytest.param(lam, marks=pytest.mark.slow) for lam in (0.003, 0.3))])
@pytest.mark.parametrize("omega", [0.01, 0.1, 1.0])
def test_joint_optimum_of_the_closed_form(omega, lam, learn):
    agent = Agent(lam=lam, opportunity_cost=omega, learn_samples=learn)
    best = optimum(CHOICE, agent, Q, starts=12)
    found = []
    for sigma in (0.05, 0.5, 2.0, 5.0):
        for n in (1.0, 5.0, 50.0):
            result = minimize(
                lambda x: -closed(np.exp(x[0]), np.exp(x[1]), agent)[0], np.log([sigma, n]), method="L-BFGS-B",
                bounds=[np.log([agent.sigma_min, agent.sigma_max]), (0.0, np.log(agent.samples_max))],
                options={"ftol": 1e-15, "gtol": 1e-10},
            )  # fmt: skip
            found.append((-result.fun, *np.exp(result.x)))
    objective, sigma, n = max(found)
    assert best.objective == pytest.approx(objective, abs=1e-9)
    assert best.memory_sigma == pytest.approx([sigma, sigma], rel=2e-3)
    assert best.samples[0] == pytest.approx(n, rel=2e-3)
    assert best.objective == pytest.approx(closed(best.memory_sigma[0], best.samples[0], agent)[0], abs=1e-9)
    assert best.objective == pytest.approx(best.value - best.time_cost - best.cost, abs=1e-12)
    one = optimum(CHOICE, agent, Q, equal_precision=True)
    assert one.objective == pytest.approx(objective, abs=1e-9)


def test_limits():
    precise = optimum(CHOICE, Agent(lam=1e-9, opportunity_cost=1.0, learn_samples="shared"), Q, starts=12)
    assert precise.samples[0] == 1.0  # remember precisely, decide at once
    assert precise.memory_sigma.max() < 0.5
    before = 0.0
    for most in (3.0, 10.0, 30.0, 100.0, 300.0):
        agent = Agent(lam=0.1, opportunity_cost=0.0, learn_samples="shared", samples_max=most)
        slow = optimum(CHOICE, agent, Q, starts=12)
        assert slow.samples[0] == pytest.approx(most, rel=1e-9)
        assert before < slow.memory_sigma[0] < 5.0
        before = slow.memory_sigma[0]
    assert before > 4.95
    # samples that are one and the same do not help
    repeated = optimum(CHOICE, agent.replace(opportunity_cost=0.01, sample_correlation=1.0), Q, starts=12)
    assert repeated.samples[0] == 1.0


def test_one_sample_is_as_before_to_the_bit():
    task, agent = tasks.grid_world(), Agent()
    q, sigma = task.optimal_q(), np.random.default_rng(0).uniform(0.5, 4, size=(54, 4))
    paid = agent.replace(sample_correlation=0.4)
    assert evaluate(task, paid, q, sigma).objective == evaluate(task, agent, q, sigma, samples=1).objective
    assert np.array_equal(gradient(task, paid, q, sigma), gradient(task, agent, q, sigma, samples=1.0).sigma)
    # effort of the agent is effort that is given
    four = agent.replace(samples=4.0)
    assert evaluate(task, four, q, sigma).objective == evaluate(task, agent, q, sigma, samples=4).objective
    # and is a more precise recall that costs no precision
    more = evaluate(task, agent, q, sigma, samples=4)
    assert more.value == pytest.approx(evaluate(task, agent, q, sigma / 2).value, rel=1e-12)
    assert more.cost == evaluate(task, agent, q, sigma).cost
    assert np.array_equal(equilibrium(task, four, sigma), equilibrium(task, agent, sigma, samples=4))


def planner(**keywords):
    return Agent.table_b1("planning", opportunity_cost=0.3, **keywords)


CASES = {
    "maze": (tasks.grid_world(), Agent(opportunity_cost=0.3, sample_correlation=0.2), False),
    "discounted": (tasks.grid_world(), Agent(opportunity_cost=0.3, gamma=0.9), False),
    "one path": (tasks.planning(3), planner(), False),
    "paths": (tasks.planning(3), planner(search_budget=37.5), False),
    "rate": (tasks.planning(3), planner(search_budget=37.5, reward_rate=True), False),
    "rate, one path": (tasks.planning(3), planner(reward_rate=True, gamma=0.8), False),
    "depth-first": (tasks.planning(3), planner(search_budget=50, planner="depth-first", reward_rate=True), True),
}


@pytest.mark.parametrize("policy", ["hard", "soft"])
@pytest.mark.parametrize("name", CASES)
def test_gradient_against_finite_differences(name, policy):
    task, agent, uniform = CASES[name]
    generator = np.random.default_rng(1)
    scale = 20.0 if task.horizon else 1.0
    q = task.optimal_q(agent.gamma) + scale * generator.normal(size=(task.n_states, task.n_actions))
    q, sigma = task.memory_map.pick(q), scale * generator.uniform(0.5, 4, size=task.n_memories)
    samples = 2.5 if uniform else generator.uniform(1.2, 6, size=task.n_states)
    slope = gradient(task, agent, q, sigma, policy, samples=samples)

    def along(direction, of):
        def moved(times):
            tables = {"sigma": sigma, "samples": samples}
            tables[of] = tables[of] + times * direction
            return evaluate(task, agent, q, tables["sigma"], policy, samples=tables["samples"]).objective

        return (8 * (moved(1) - moved(-1)) - moved(2) + moved(-2)) / 12

    for memory in range(0, task.n_memories, 1 if task.horizon else 17):
        step = np.zeros(task.n_memories)
        step[memory] = 2e-3 * sigma[memory]
        expected = along(step, "sigma")
        assert slope.sigma @ step == pytest.approx(expected, abs=1e-6 * np.abs(slope.sigma * sigma * 2e-3).max())
    if uniform:
        assert slope.samples * 2e-3 == pytest.approx(along(2e-3, "samples"), rel=1e-6)
        return
    states = np.flatnonzero(~task.terminal)
    for state in states[:: 1 if task.horizon else 4]:
        step = np.zeros(task.n_states)
        step[state] = 2e-3
        expected = along(step, "samples")
        assert slope.samples[state] * 2e-3 == pytest.approx(expected, abs=1e-6 * np.abs(slope.samples).max() * 2e-3)
    # one number for all states moves them all
    shared = gradient(task, agent, q, sigma, policy, samples=2.0)
    each = gradient(task, agent, q, sigma, policy, samples=np.full(task.n_states, 2.0))
    assert shared.samples == pytest.approx(each.samples.sum(), rel=1e-9)


def test_reward_rate_counts_every_sample():
    task = tasks.planning(3)
    agent = Agent.table_b1("planning", reward_rate=True, search_budget=25, decision_time=0.2)
    q, sigma = task.optimal_q(), np.full((19, 2), 30.0)
    once = evaluate(task, agent, q, sigma)
    assert once.value == pytest.approx(evaluate(task, agent.replace(reward_rate=False), q, sigma).value / (0.2 * 6 + 1))
    thrice = evaluate(task, agent, q, sigma, samples=3)
    assert thrice.value == pytest.approx(thrice.reward / (3 * 0.2 * 6 + 1), rel=1e-13)
    assert thrice.time == pytest.approx(0.2 * 3 * 6 + 1, rel=1e-13)
    nearly = np.full(19, 3.0)
    nearly[0] += 1e-12  # by the occupancy of states, not by the number of visits
    assert evaluate(task, agent, q, sigma, samples=nearly).value == pytest.approx(thrice.value, rel=1e-11)


@pytest.mark.parametrize("name", [pytest.param("maze", marks=pytest.mark.slow), "paths", "rate"])
def test_joint_optimum_elsewhere_is_a_maximum(name):
    task, agent, _ = CASES[name]
    changes = {"opportunity_cost": 0.01, "decision_time": 0.002} if name == "rate" else {"opportunity_cost": 1.0}
    agent = agent.replace(learn_samples="state", samples_max=20.0, **changes)
    best = optimum(task, agent, starts=6)
    assert (best.samples[~task.terminal] > 1.01).any()
    exact = evaluate(task, agent, best.q, best.memory_sigma, "hard", samples=best.samples)
    assert best.objective == pytest.approx(exact.objective, rel=1e-12)
    assert best.time == pytest.approx(exact.time)
    slope = gradient(task, agent, best.q, best.memory_sigma, "hard", samples=best.samples)
    inside = (best.memory_sigma > agent.sigma_min * 1.001) & (best.memory_sigma < agent.sigma_max / 1.001)
    assert np.abs(slope.sigma * best.memory_sigma)[inside].max() < 3e-3
    longer = (best.samples > 1.001) & (best.samples < 19.99)
    assert np.abs(slope.samples[longer]).max(initial=0) < 3e-3
    assert (slope.samples[(best.samples <= 1) & ~task.terminal] < 1e-6).all()
    shared = optimum(task, agent, starts=6, learn_samples="shared")
    fixed = optimum(task, agent, starts=6, learn_samples="no")
    assert best.objective > shared.objective - 1e-6 > fixed.objective - 2e-6
    assert np.ptp(shared.samples[~task.terminal]) == 0


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (0.5, "samples must be finite and at least 1 in every state, got 0.5"),
        (np.nan, "samples must be finite"),
        (np.inf, "samples must be finite"),
        ([2.0, 2.0, 2.0], r"samples must be a number or have shape \(2,\), got \(3,\)"),
        ("two", "samples must be an array of numbers"),
    ],
)
def test_bad_samples(samples, message):
    for function in (evaluate, gradient):
        with pytest.raises(ValueError, match=message):
            function(CHOICE, Agent(), Q, np.ones(2), samples=samples)
    with pytest.raises(ValueError, match=message):
        optimum(CHOICE, Agent(), Q, samples=samples)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"samples": 0.9}, "samples must be in"),
        ({"samples": 200.0}, "samples must be in"),
        ({"samples_max": 0.0}, "samples_max must be in"),
        ({"learn_samples": "each"}, "learn_samples must be one of 'no', 'shared', 'state'"),
        ({"sample_time": -1.0}, "sample_time must be at least 0"),
        ({"sample_correlation": 1.1}, "sample_correlation must be in"),
        ({"opportunity_cost": -0.1}, "opportunity_cost must be at least 0"),
    ],
)
def test_bad_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        Agent(**fields)


def test_what_has_no_exact_answer():
    task, agent = tasks.planning(3), planner(search_budget=50, planner="depth-first")
    q, sigma = task.optimal_q(), np.full((19, 2), 30.0)
    with pytest.raises(ValueError, match="samples must be the same in all states"):
        evaluate(task, agent, q, sigma, samples=np.linspace(1, 2, 19))
    with pytest.raises(ValueError, match="learn_samples='state' needs planner='rollouts'"):
        optimum(task, agent, learn_samples="state")
    with pytest.raises(ValueError, match="learn_samples must be one of"):
        optimum(task, agent, learn_samples="each")
    with pytest.raises(ValueError, match="samples must be 1 and opportunity_cost 0"):
        expected_estimator(CHOICE, Agent(samples=2.0), Q, np.ones(2))
