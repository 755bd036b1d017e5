"""Optima at a given cost."""

import numpy as np
import pytest
from scipy.optimize import brentq

from sigmalloc import tasks
from sigmalloc.agents import Agent
from sigmalloc.exact import cma_es, equilibrium, evaluate, expected_estimator, match_cost, optimum
from sigmalloc.tasks.tabular import TabularMDP

PLAN, PLANNER = tasks.planning(3, known_last_move=True), Agent.table_b1("planning")


def nats_of(sigma, agent):
    return 0.5 * (sigma**2 / agent.sigma_base**2 - 1) - np.log(sigma / agent.sigma_base)


def test_the_optimums_own_cost_has_the_agents_own_price():
    for task, agent in ((PLAN, PLANNER), (tasks.grid_world(), Agent())):
        best = optimum(task, agent, starts=4)
        match = match_cost(task, agent, best.cost, starts=4)
        assert match.lam == pytest.approx(agent.lam, rel=1e-3)
        assert match.cost == pytest.approx(best.cost, rel=1e-8)
        assert match.objective == pytest.approx(best.objective, abs=1e-5)


def test_optimum_at_the_shadow_price_is_the_match():
    match = match_cost(PLAN, PLANNER, 21.84)
    assert match.nats == pytest.approx(21.84, rel=1e-8)
    assert 0 < match.lam < 1
    best = optimum(PLAN, match.agent, starts=8)
    assert best.cost == pytest.approx(match.lam * 21.84, rel=1e-3)
    assert np.allclose(best.memory_sigma, match.memory_sigma, rtol=5e-3)
    exact = evaluate(PLAN, PLANNER, match.q, match.sigma, "hard")
    assert match.objective == pytest.approx(exact.objective, rel=1e-12)
    assert match.cost == pytest.approx(exact.cost, rel=1e-12)
    # the price is what a further nat is worth
    more = match_cost(PLAN, PLANNER, 21.94)
    assert (more.value - match.value) / 0.1 == pytest.approx(match.lam, rel=0.02)


def test_equal_precision_at_the_cost_of_the_flexible_optimum():
    best = optimum(PLAN, PLANNER, starts=8)
    match = match_cost(PLAN, PLANNER, best.cost, equal_precision=True)
    assert match.cost == pytest.approx(best.cost, rel=1e-8)
    # with one precision, its cost alone says which it is
    memories = int(PLAN.memories.sum())
    sigma = brentq(lambda s: memories * nats_of(s, PLANNER) - best.cost, 1.0, 100.0)
    assert match.memory_sigma == pytest.approx(np.full(memories, sigma), rel=1e-8)
    assert match.objective < best.objective - 3
    again = optimum(PLAN, match.agent, equal_precision=True)
    assert again.memory_sigma == pytest.approx(match.memory_sigma, rel=1e-3)


@pytest.mark.parametrize("factor", [0.1, 0.4, 1.3])
def test_prices_in_closed_form(factor):
    # one state, two actions: at the price λ' = V'(σ) / D_KL'(σ) this σ is stationary
    gap, agent = 2.0, Agent(lam=0.05)
    task = TabularMDP([[1, 1], [1, 1]], [[gap, 0.0], [0.0, 0.0]], start=0, terminal=[1])
    cost = factor * optimum(task, agent).cost
    match = match_cost(task, agent, cost)
    first, second = match.memory_sigma
    assert agent.lam * (nats_of(first, agent) + nats_of(second, agent)) == pytest.approx(cost, rel=1e-8)
    spread = np.hypot(first, second)
    by_spread = -gap * np.exp(-0.5 * (gap / spread) ** 2) / np.sqrt(2 * np.pi) * gap / spread**2
    assert match.lam == pytest.approx(by_spread * first / spread / (first / 25 - 1 / first), rel=1e-4)


def test_costs_that_no_price_has():
    # discounted, equal precision: the optimum jumps from hardly any cost to 19
    task, agent = tasks.grid_world(), Agent(gamma=0.9)
    prices = 0.05 * np.array([0.84, 0.845, 0.85, 0.855, 0.86, 0.87])
    optima = [optimum(task, agent.replace(lam=lam), equal_precision=True) for lam in prices]
    nats = np.array([best.cost / lam for best, lam in zip(optima, prices, strict=True)])
    assert not ((nats > 2) & (nats < 60)).any()
    flexible, equal = (match_cost(task, agent, 5.0, equal_precision=equal, starts=2) for equal in (False, True))
    for match in (flexible, equal):
        assert match.cost == pytest.approx(5.0, rel=1e-8)
    assert flexible.objective > equal.objective + 0.5


def test_effort_is_optimised_with_it():
    agent = PLANNER.replace(learn_samples="shared", opportunity_cost=5.0, samples_max=20.0)
    match = match_cost(PLAN, agent, 10.0, starts=6)
    assert match.cost == pytest.approx(10.0, rel=1e-8)
    assert match.samples[0] > 1.1
    fixed = match_cost(PLAN, agent.replace(learn_samples="no"), 10.0, starts=6)
    assert match.objective > fixed.objective + 0.1
    assert match.objective == pytest.approx(match.value - match.time_cost - match.cost)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cost": 0}, "cost must be greater than 0"),
        ({"cost": np.nan}, "cost must be finite"),
        ({"cost": 1e6}, "cost must be at most 98.5253, what σ = 1 in all memories of 'planning"),
        ({"cost": 1.0, "agent": PLANNER.replace(lam=0.0)}, "agent: lam must be above 0"),
        ({"cost": 1.0, "equal_precision": 1}, "equal_precision must be True or False"),
        ({"cost": 1.0, "task": tasks.mountain_car()}, "not a finite MDP"),
        ({"cost": 1e-6, "agent": PLANNER.replace(sigma_max=60.0)}, "cost must be at least"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(ValueError, match=message):
        match_cost(**{"task": PLAN, "agent": PLANNER, **arguments}, starts=2)


def test_progress_is_told():
    pytest.importorskip("cma")
    told = []
    best = optimum(PLAN, PLANNER, starts=2)
    match_cost(PLAN, PLANNER, best.cost, starts=2, progress=lambda *now: told.append(now))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    told.clear()
    cma_es(PLAN, PLANNER, seed=0, evaluations=60, progress=lambda *now: told.append(now))
    assert len(told) > 2 and told == sorted(told) and told[-1] == (60, 60)
    told.clear()
    equilibrium(PLAN, PLANNER, best.sigma, progress=lambda *now: told.append(now))
    assert [done for done, _ in told] == list(range(1, len(told) + 1)) and told
    for call in (
        lambda: match_cost(PLAN, PLANNER, 1.0, progress="yes"),
        lambda: cma_es(PLAN, PLANNER, seed=0, progress="yes"),
        lambda: equilibrium(PLAN, PLANNER, best.sigma, progress="yes"),
    ):
        with pytest.raises(ValueError, match="progress must be True, False or a function"):
            call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: expected_estimator(PLAN, PLANNER, 0, 1, variance=np.ones(2)), "variance must be"),
        (lambda: expected_estimator(PLAN, PLANNER, 0, 1, variance="no"), "variance must be"),
        (lambda: optimum(PLAN, PLANNER, learn_samples=np.ones(3)), "learn_samples must be"),
        (lambda: cma_es(PLAN, PLANNER, seed=0, workers="zap"), "workers must be"),
    ],
)
def test_wrong_types_are_named(call, message):
    pytest.importorskip("cma")
    with pytest.raises(ValueError, match=message):
        call()
