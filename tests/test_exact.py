"""The exact solver of finite tasks: values, gradients, optima, equilibria, CMA-ES."""

import subprocess
import sys
import time

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc import tasks
from sigmalloc.agents import Agent
from sigmalloc.exact import (
    ImproperPolicyError,
    choice_probabilities,
    cma_es,
    equilibrium,
    evaluate,
    expected_estimator,
    gradient,
    optimum,
)
from sigmalloc.tasks.tabular import TabularMDP


def random_task(seed=0, n_states=6, n_actions=4, n_outcomes=3, **keywords):
    """Stochastic outcomes, revisits, one to four actions, rewards of both signs."""
    generator = np.random.default_rng(seed)
    shape = (n_states + 1, n_actions, n_outcomes)
    next_state = generator.integers(0, n_states + 1, size=shape)
    next_state[:, 0, 0] = n_states
    counts = np.append(1 + np.arange(n_states) % n_actions, 0)
    start = np.append(generator.dirichlet(np.ones(n_states)), 0)
    return TabularMDP(
        next_state, generator.normal(size=shape), generator.dirichlet(np.ones(n_outcomes), size=shape[:2]),
        start=start, terminal=[n_states], action_counts=counts, **keywords,
    )  # fmt: skip


def some_memories(task, seed=1, low=0.3, high=4.0):
    generator = np.random.default_rng(seed)
    q = generator.normal(size=(task.n_states, task.n_actions))
    return q, generator.uniform(low, high, size=q.shape)


def by_iteration(task, agent, q, sigma, policy):
    """Undiscounted return, discounted return and visits by letting the chain run, entry by entry."""
    probability = choice_probabilities(q, sigma, policy, agent.beta, task.exists)
    here, reward, value, visits, discount = task.start.copy(), 0.0, 0.0, np.zeros(task.n_states), 1.0
    for _ in range(5000):
        there, gain = np.zeros(task.n_states), 0.0
        for s in np.flatnonzero((here > 0) & ~task.terminal):
            visits[s] += here[s]
            for a in range(task.action_counts[s]):
                for k in range(task.n_outcomes):
                    chance = here[s] * probability[s, a] * task.probability[s, a, k]
                    gain += chance * task.reward[s, a, k]
                    there[task.next_state[s, a, k]] += chance
        reward, value, discount = reward + gain, value + discount * gain, discount * agent.gamma
        here = np.where(task.terminal, 0.0, there)
        if here.sum() < 1e-14:
            break
    return reward, value, visits


@pytest.mark.parametrize("policy", ["hard", "soft"])
@pytest.mark.parametrize("gamma", [1.0, 0.9, 0.0])
def test_evaluate_against_iteration(gamma, policy):
    task, agent = random_task(), Agent(gamma=gamma, beta=3.0)
    q, sigma = some_memories(task)
    exact = evaluate(task, agent, q, sigma, policy)
    reward, value, visits = by_iteration(task, agent, q, sigma, policy)
    assert exact.reward == pytest.approx(reward, abs=1e-11)
    assert exact.value == pytest.approx(value, abs=1e-11)
    assert np.abs(exact.occupancy - visits).max() < 1e-11
    ratio = sigma[task.memories] / agent.sigma_base
    assert exact.cost == pytest.approx(0.2 * (0.5 * (ratio**2 - 1) - np.log(ratio)).sum(), rel=1e-12)
    assert exact.objective == exact.value - exact.cost
    assert exact.state_values[-1] == 0
    assert task.start @ exact.state_values == pytest.approx(exact.value, abs=1e-11)
    assert np.allclose(exact.probability.sum(axis=1), ~task.terminal)


@pytest.mark.parametrize("gamma", [1.0, 0.9])
@pytest.mark.parametrize("task", [random_task(n_states=40), tasks.grid_world()], ids=["random", "maze"])
def test_sparse_equals_dense(task, gamma, monkeypatch):
    agent = Agent(beta=3.0, gamma=gamma)
    q, sigma = some_memories(task)
    from sigmalloc._mdp import chain as _chain

    results = []
    for limit in (300, 0):
        monkeypatch.setattr(_chain, "LARGEST_DENSE", limit)
        _chain.model.cache_clear()
        results.append((evaluate(task, agent, q, sigma), gradient(task, agent, q, sigma)))
    _chain.model.cache_clear()
    (dense, slope), (sparse, other) = results
    assert sparse.value == pytest.approx(dense.value, rel=1e-12)
    assert np.abs(sparse.occupancy - dense.occupancy).max() < 1e-12 * dense.occupancy.max()
    assert np.abs(other - slope).max() < 1e-12 * np.abs(slope).max()


def test_a_large_maze():
    rows = ["." * 60 for _ in range(60)]
    rows[0], rows[-1] = "S" + "." * 59, "." * 59 + "G"
    task = tasks.maze(rows)
    q = task.optimal_q()
    begin = time.perf_counter()
    exact = evaluate(task, Agent(), q, np.full(q.shape, 0.05), "hard")
    assert time.perf_counter() - begin < 10
    assert exact.reward == pytest.approx(10 - 117, abs=1e-6)


@pytest.mark.parametrize("policy", ["hard", "soft"])
@pytest.mark.parametrize("gamma", [1.0, 0.9])
@pytest.mark.parametrize("which", ["random", "maze", "known"])
def test_gradient_against_finite_differences(which, gamma, policy):
    agent = Agent(gamma=gamma, beta=3.0)
    if which == "maze":
        task = tasks.grid_world()
        q, sigma = task.optimal_q(gamma), some_memories(task)[1]
    else:
        known = np.full((7, 4), np.nan)
        known[2, 1] = known[3, :2] = 0.3
        keywords = {"known_q": known, "known_sigma": np.where(np.isnan(known), known, [[0.0, 0.5, 0.1, 1.0]])}
        task = random_task(**(keywords if which == "known" else {}))
        q, sigma = some_memories(task)
    slope = gradient(task, agent, q, sigma, policy)
    assert not slope[~task.memories].any()
    for state, action in np.argwhere(task.memories)[:: 20 if which == "maze" else 1]:
        step = 2e-3 * sigma[state, action]

        def moved(times, state=state, action=action, step=step):
            changed = sigma.copy()
            changed[state, action] += times * step
            return evaluate(task, agent, q, changed, policy).objective

        expected = (8 * (moved(1) - moved(-1)) - moved(2) + moved(-2)) / (12 * step)
        assert slope[state, action] == pytest.approx(expected, abs=1e-6 * np.abs(slope).max())


def test_known_memories_replace_what_is_given():
    task = tasks.planning(3, known_last_move=True)
    agent = Agent.table_b1("planning")
    q, sigma = task.optimal_q(), np.full((19, 2), 20.0)
    wrong_q, wrong_sigma = q.copy(), sigma.copy()
    wrong_q[task.known], wrong_sigma[task.known] = np.nan, -1.0
    wrong_q[-1], wrong_sigma[-1] = np.inf, np.nan
    assert evaluate(task, agent, wrong_q, wrong_sigma).objective == evaluate(task, agent, q, sigma).objective
    ratio = 0.2
    assert evaluate(task, agent, q, sigma).cost == pytest.approx(24 * (0.5 * (ratio**2 - 1) - np.log(ratio)), rel=1e-12)


def test_changing_task():
    task, agent = tasks.grid_world(change_at=10), Agent()
    q, sigma = task.at(10).optimal_q(), np.full((54, 4), 0.02)
    assert evaluate(task, agent, q, sigma, "hard", episode=10).reward == pytest.approx(3, abs=1e-9)
    assert evaluate(task, agent, task.optimal_q(), sigma, "hard", episode=9).reward == pytest.approx(-3, abs=1e-9)


@pytest.mark.parametrize("policy", ["hard", "soft"])
def test_simulation_agrees(policy):
    for task, agent in ((tasks.grid_world(), Agent()), (random_task(), Agent(beta=3.0, gamma=0.9))):
        q, sigma = some_memories(task)
        q = task.optimal_q() + 0.3 * q
        exact = evaluate(task, agent, q, sigma, policy)
        simulated = sm.evaluate(task, agent, q, sigma, episodes=50_000, seed=2, policy=policy)
        assert simulated.cutoffs == 0
        assert abs(simulated.reward - exact.reward) < 4 * simulated.reward_sem
        assert abs(simulated.value - exact.value) < 4 * simulated.value_sem
        assert simulated.cost == pytest.approx(exact.cost, rel=1e-9)
        expected = exact.occupancy[:, None] * exact.probability
        assert np.abs(simulated.visits - expected).max() < 0.02 * expected.max()


def test_simulation_agrees_on_frozen_lake():
    gymnasium = pytest.importorskip("gymnasium")
    table = gymnasium.make("FrozenLake-v1").unwrapped.P
    rows = [[[outcome[:3] for outcome in table[s][a]] for a in range(4)] for s in range(16)]
    holes = [state for state in range(16) if all(outcome[3] for outcome in table[state][0])]
    task = TabularMDP.from_outcomes(rows, start=0, terminal=[*holes, 15])
    agent, q = Agent(gamma=0.95), task.optimal_q(0.95)
    for policy, level in (("soft", 0.1), ("hard", 0.02)):
        sigma = np.full(q.shape, level)
        exact = evaluate(task, agent, q, sigma, policy)
        simulated = sm.evaluate(task, agent, q, sigma, episodes=100_000, seed=3, policy=policy)
        assert 0 < exact.reward < 1
        assert abs(simulated.reward - exact.reward) < 4 * simulated.reward_sem
        assert abs(simulated.value - exact.value) < 4 * simulated.value_sem


def test_policies_that_never_end():
    # two corridors: right ends, left turns round for ever
    task = TabularMDP([[0, 1], [0, 2], [2, 2]], -np.ones((3, 2)), start=0, terminal=[2])
    away, sigma = np.array([[9.0, 0.0], [9.0, 0.0], [0.0, 0.0]]), np.full((3, 2), 0.05)
    with pytest.raises(ImproperPolicyError, match="gamma=1 .* state 0, from which it never reaches a terminal state"):
        evaluate(task, Agent(), away, sigma, "hard")
    with pytest.raises(ValueError, match="gamma=1 .* more than 1e.09 steps"):
        evaluate(task, Agent(), away, np.full((3, 2), 0.9), "hard")
    with pytest.raises(ValueError, match="gamma=1"):
        gradient(task, Agent(), away, sigma, "hard")
    exact = evaluate(task, Agent(gamma=0.9), away, sigma, "hard")
    assert exact.value == pytest.approx(-10, rel=1e-12)
    assert np.isnan(exact.reward)
    slow = evaluate(task, Agent(), away, np.full((3, 2), 3.0), "hard")
    p = choice_probabilities([9.0, 0.0], 3.0)[1]
    assert slow.reward == pytest.approx(-(1 + p) / p**2, rel=1e-10)
    # a trap that the agent never enters does not matter
    trap = TabularMDP([[1, 2], [1, 1], [2, 2]], -np.ones((3, 2)), start=0, terminal=[2])
    safe = evaluate(trap, Agent(), np.array([[0.0, 9.0], [0, 0], [0, 0]]), sigma, "hard")
    assert safe.reward == -1
    assert np.isnan(safe.state_values[1])
    assert np.isfinite(gradient(trap, Agent(), np.array([[0.0, 9.0], [0, 0], [0, 0]]), sigma, "hard")).all()


def test_rare_exits_keep_their_digits():
    # a state left with a probability of about 1e-8 a step
    task = TabularMDP([[0, 1], [1, 1]], -np.ones((2, 2)), start=0, terminal=[1])
    q, sigma = np.array([[5.6, 0.0], [0, 0]]), np.full((2, 2), 2**-0.5)
    chance = choice_probabilities([5.6, 0.0], 2**-0.5)[1]
    assert 1e-8 < chance < 1.1e-8
    assert evaluate(task, Agent(), q, sigma, "hard").reward == pytest.approx(-1 / chance, rel=1e-9)


@pytest.mark.parametrize("precision", [False, True])
@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_optimum_of_the_grid_world(gamma, precision):
    task, agent = tasks.grid_world(), Agent(gamma=gamma)
    best = optimum(task, agent, equal_precision=precision, starts=6)
    assert best.objective == pytest.approx(evaluate(task, agent, best.q, best.sigma, "hard").objective, rel=1e-12)
    assert best.objective == pytest.approx(best.value - best.cost, rel=1e-12)
    slope = gradient(task, agent, best.q, best.sigma, "hard")
    if precision:
        assert np.ptp(best.sigma[task.memories]) == 0
        assert abs(slope.sum()) < 1e-3
        for factor in (0.5, 0.98, 1.02, 2):
            assert evaluate(task, agent, best.q, best.sigma * factor, "hard").objective < best.objective
    else:
        assert np.abs(slope).max() < 1e-3
    expected = {(1.0, False): -23.64431, (1.0, True): -46.82028}
    if (gamma, precision) in expected:
        assert best.objective == pytest.approx(expected[gamma, precision], abs=1e-4)
    assert (best.sigma[~task.memories] == agent.sigma_base).all()


def test_optimum_is_reproducible_and_bounded():
    task = tasks.planning(3)
    agent = Agent.table_b1("planning", sigma_min=20.0, sigma_max=60.0)
    first, second = optimum(task, agent, starts=12), optimum(task, agent, starts=12)
    assert np.array_equal(first.sigma, second.sigma)
    held = first.sigma[task.memories]
    assert held.min() >= 20
    assert held.max() <= 60
    single = optimum(task, agent.replace(sigma_min=50.0, sigma_max=50.0), starts=1)
    assert (single.sigma[task.memories] == 50).all()


def test_optimum_with_given_q_and_soft_policy():
    task, agent = random_task(), Agent(beta=3.0)
    q, sigma = some_memories(task)
    best = optimum(task, agent, q, "soft", starts=12)
    assert np.array_equal(best.q[task.exists], q[task.exists])
    assert best.objective > evaluate(task, agent, q, sigma, "soft").objective
    interior = task.memories & (best.sigma > agent.sigma_min * 1.001) & (best.sigma < agent.sigma_max / 1.001)
    assert np.abs(gradient(task, agent, q, best.sigma, "soft")[interior]).max() < 1e-4


def test_optimum_survives_starts_that_never_end():
    task = TabularMDP([[0, 1], [1, 1]], -np.ones((2, 2)), start=0, terminal=[1])
    q = np.array([[9.0, 0.0], [0.0, 0.0]])
    best = optimum(task, Agent(lam=0.01), q, starts=12)
    assert best.sigma[0].max() > 9
    with pytest.raises(ImproperPolicyError):
        optimum(task, Agent(sigma_max=0.2, sigma_0=0.1), q)


@pytest.mark.parametrize("policy", ["hard", "soft"])
def test_equilibrium_is_consistent(policy):
    for task, agent, level in (
        (tasks.grid_world(), Agent(), 2.0),
        (random_task(), Agent(beta=3.0, gamma=0.9), 0.5),
        (tasks.planning(4), Agent.table_b1("planning"), 30.0),
    ):
        sigma = np.full((task.n_states, task.n_actions), level)
        q = equilibrium(task, agent, sigma, policy)
        probability = choice_probabilities(q, sigma, policy, agent.beta, task.exists)
        value = (probability * q).sum(axis=1)
        target = (task.probability * (task.reward + agent.gamma * value[task.next_state])).sum(axis=2)
        assert np.abs(np.where(task.exists, target, 0) - q).max() < 1e-6
        assert np.abs(value - evaluate(task, agent, q, sigma, policy).state_values).max() < 1e-6


def test_equilibrium_of_tiny_noise_is_q_star():
    task = tasks.grid_world()
    q = equilibrium(task, Agent(), np.full((54, 4), 0.01), "hard")
    assert np.abs(q - task.optimal_q()).max() < 1e-9


def test_equilibrium_keeps_known_memories():
    known = tasks.planning(3, known_last_move=True)
    agent, sigma = Agent.table_b1("planning"), np.full((19, 2), 30.0)
    q = equilibrium(known, agent, sigma)
    assert np.array_equal(q[known.known], known.known_q[known.known])
    value = (evaluate(known, agent, q, sigma).probability * q).sum(axis=1)
    target = known.reward[:, :, 0] + value[known.next_state[:, :, 0]]
    assert np.abs((target - q)[known.memories]).max() < 1e-6


def test_cma_es_finds_the_exact_optimum():
    pytest.importorskip("cma")
    task, agent = tasks.planning(3, known_last_move=True), Agent.table_b1("planning")
    found = cma_es(task, agent, seed=1, evaluations=2500)
    assert found.objective == pytest.approx(45.0591, abs=0.05)
    assert found.objective <= 45.0592
    assert found.evaluations >= found.history_evaluations[-1] > 1000
    assert found.history_objective.max() == pytest.approx(found.objective, abs=1e-9)
    again = cma_es(task, agent, seed=1, evaluations=300)
    assert np.array_equal(again.sigma, cma_es(task, agent, seed=1, evaluations=300).sigma)
    assert not np.array_equal(again.sigma, cma_es(task, agent, seed=2, evaluations=300).sigma)


def test_cma_es_leaves_the_global_random_state_alone():
    pytest.importorskip("cma")
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    cma_es(tasks.planning(3), Agent.table_b1("planning"), seed=1, evaluations=20)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_cma_es_by_simulation():
    pytest.importorskip("cma")
    task, agent = tasks.planning(3, known_last_move=True), Agent.table_b1("planning")
    found = cma_es(task, agent, objective="simulated", seed=1, evaluations=600, episodes=2000)
    start = evaluate(task, agent, found.q, np.full((19, 2), agent.sigma_0), "hard").objective
    exact = evaluate(task, agent, found.q, found.sigma, "hard")
    assert exact.objective > start + 2
    assert found.objective == pytest.approx(exact.objective, abs=2.5)
    assert found.cost == pytest.approx(exact.cost, rel=1e-9)
    with pytest.raises(ValueError, match="objective must be one of"):
        cma_es(task, agent, objective="guess", seed=1)


def test_missing_extras_are_named():
    action = "exact.cma_es(sm.tasks.planning(3), sm.Agent(), seed=0)"
    script = (
        "import sys; sys.modules['cma'] = None\nimport sigmalloc as sm\nfrom sigmalloc import exact\n"
        f"try:\n {action}\nexcept ImportError as e:\n print(e)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "pip install 'sigmalloc[cma]'" in done.stdout


@pytest.fixture
def raising():
    before = np.seterr(all="raise")
    yield
    np.seterr(**before)


@pytest.mark.usefixtures("raising")
@pytest.mark.parametrize("policy", ["hard", "soft"])
def test_seterr_of_the_caller_does_not_matter(policy):
    for task, agent in (
        (tasks.grid_world(), Agent(gamma=0.9)),
        (tasks.planning(3), Agent.table_b1("planning", search_budget=50.0)),
    ):
        best = optimum(task, agent, policy=policy, starts=2)
        precise = np.where(task.memories, agent.sigma_min, agent.sigma_base)
        assert np.isfinite(evaluate(task, agent, 100 * best.q, precise, policy).objective)
        assert np.isfinite(gradient(task, agent, 100 * best.q, precise, policy)).all()
        equilibrium(task, agent, best.sigma, policy)
        expected_estimator(task, agent, 100 * best.q, precise)
    choice_probabilities([0.0, 1e90, 5.0], [1e-90, 1e-3, 1e99], policy, 1e99)


def test_what_is_not_finite_is_an_error():
    task = tasks.grid_world()
    tables = np.zeros((54, 4)), np.ones((54, 4))
    for function in (evaluate, gradient):
        with pytest.raises(ValueError, match="cost is beyond the range of floating point numbers"):
            function(task, Agent(sigma_base=1e-300), *tables)
    large = TabularMDP([[1, 1], [1, 1]], [[1e160, 1], [0, 0]], start=0, terminal=[1])
    tables = np.zeros((2, 2)), np.ones((2, 2))
    assert evaluate(large, Agent(), *tables).value == pytest.approx(5e159)
    with pytest.raises(ValueError, match="std is beyond the range of floating point numbers"):
        expected_estimator(large, Agent(gradient="reinforce"), *tables)


def fastest(function, limit, patience=60):
    """Shortest of many calls: other work on the machine can only make it longer."""
    best, begin = np.inf, time.perf_counter()
    while best > limit and time.perf_counter() - begin < patience:
        before = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - before)
    return best


@pytest.mark.parametrize("policy", ["hard", "soft"])
def test_speed(policy):
    task, agent = tasks.grid_world(), Agent()
    q, sigma = task.optimal_q(), np.full((54, 4), 2.0)
    assert fastest(lambda: gradient(task, agent, q, sigma, policy), 0.020) < 0.020
    task, agent = tasks.planning(5), Agent.table_b1("planning", search_budget=50)
    q, sigma = task.optimal_q(), np.full((31, 2), 40.0)
    for kind in ("rollouts", "depth-first"):
        assert fastest(lambda kind=kind: gradient(task, agent.replace(planner=kind), q, sigma, policy), 0.005) < 0.005


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": tasks.mountain_car()}, "'mountain-car' is not a finite MDP"),
        ({"task": "grid-world"}, "task must be a TabularMDP"),
        ({"agent": None}, "agent must be an Agent"),
        ({"policy": "greedy"}, "policy must be one of"),
        ({"q": np.zeros((54, 3))}, "q must have shape"),
        ({"q": np.full((54, 4), np.nan)}, "q must be finite"),
        ({"q": np.zeros((54, 4), dtype=bool)}, "q must be an array of numbers"),
        ({"sigma": np.ones((2, 54, 4))}, "sigma must have shape"),
        ({"sigma": np.zeros((54, 4))}, "sigma must be greater than 0"),
        ({"sigma": np.full((54, 4), np.inf)}, "sigma must be finite"),
        ({"episode": -1}, "episode must be at least 0"),
        ({"episode": 1.5}, "episode must be an integer"),
    ],
)
@pytest.mark.parametrize("function", [evaluate, gradient])
def test_bad_input(function, arguments, message):
    given = {"task": tasks.grid_world(), "agent": Agent(), "q": np.zeros((54, 4)), "sigma": np.ones((54, 4))}
    with pytest.raises(ValueError, match=message):
        function(**{**given, **arguments})


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (optimum, {"starts": 0}, "starts must be at least 1"),
        (optimum, {"seed": -1}, "seed must be at least 0"),
        (optimum, {"equal_precision": 1}, "equal_precision must be True or False"),
        (optimum, {"q": np.zeros(3)}, "q must have shape"),
        (equilibrium, {"sigma": np.ones(3)}, "sigma must have shape"),
        (equilibrium, {"sigma": np.ones((54, 4)), "tolerance": 0}, "tolerance must be greater than 0"),
        (equilibrium, {"sigma": np.ones((54, 4)), "max_iterations": 1}, "after 1 iterations"),
        (cma_es, {"seed": -1}, "seed must be at least 0"),
        (cma_es, {"seed": 0, "evaluations": 0}, "evaluations must be at least 1"),
        (cma_es, {"seed": 0, "step": 0.0}, "step must be greater than 0"),
    ],
)
def test_bad_input_to_searches(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(tasks.grid_world(), Agent(), **arguments)
