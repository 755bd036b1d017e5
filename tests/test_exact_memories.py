"""Exact results over memories: shared ones, known values without noise, noisy rewards, changing tasks."""

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc import tasks
from sigmalloc.agents import Agent
from sigmalloc.exact import (
    choice_probabilities,
    cma_es,
    equilibrium,
    evaluate,
    expected_estimator,
    gradient,
    optimum,
)
from sigmalloc.tasks.bandit import bandit
from sigmalloc.tasks.slot_machines import slot_machines
from sigmalloc.tasks.tabular import TabularMDP
from sigmalloc.tasks.two_alternatives import two_alternatives
from sigmalloc.tasks.two_step import two_step

N = 100_000


def random_map(generator, exists, n_memories):
    """A memory for each action, some of them shared, never by two actions of a state; numbered without gaps."""
    index = np.full(exists.shape, -1)
    for state, row in enumerate(exists):
        index[state, row] = generator.choice(n_memories, size=row.sum(), replace=False)
    used = np.unique(index[index >= 0])
    return np.where(index >= 0, np.searchsorted(used, index), -1)


def shared_task(seed=0, n_states=7, n_actions=3, n_memories=6, known=True, **keywords):
    """Stochastic outcomes, revisits, one to three actions, shared memories, and known values with and without noise."""
    generator = np.random.default_rng(seed)
    shape = (n_states + 1, n_actions, 2)
    next_state = generator.integers(0, n_states + 1, size=shape)
    next_state[:, 0, 0] = n_states
    counts = np.append(1 + (1 + np.arange(n_states)) % n_actions, 0)
    exists = np.arange(n_actions) < counts[:, None]
    index = exists.copy()
    known_q = np.full(exists.shape, np.nan)
    if known:
        known_q[1, 0], known_q[4, 1], known_q[5, 0] = 0.3, -0.2, 0.1
        keywords |= {"known_q": known_q, "known_sigma": np.where(np.isnan(known_q), np.nan, [[0.0, 0.4, 0.0]])}
        index &= np.isnan(known_q)
    return TabularMDP(
        next_state, generator.normal(size=shape), generator.dirichlet(np.ones(2), size=shape[:2]),
        start=np.append(generator.dirichlet(np.ones(n_states)), 0), terminal=[n_states], action_counts=counts,
        memory_map=random_map(generator, index, n_memories), **keywords,
    )  # fmt: skip


def values_of(task, seed=1, low=0.3, high=3.0):
    generator = np.random.default_rng(seed)
    return generator.normal(size=task.n_memories), generator.uniform(low, high, size=task.n_memories)


def apart(task):
    """The same task with one memory for each state and action."""
    return TabularMDP(
        task.next_state, task.reward, task.probability, start=task.start, terminal=task.terminal, actions=task.exists,
        known_q=task.known_q, known_sigma=task.known_sigma, reward_sd=task.reward_sd,
    )  # fmt: skip


@pytest.mark.parametrize("policy", ["hard", "soft"])
def test_tables_and_vectors_are_the_same_to_the_bit(policy):
    task, agent = shared_task(), Agent(beta=3.0)
    q, sigma = values_of(task)
    tables = task.memory_map.gather(q, np.nan), task.memory_map.gather(sigma, np.nan)
    vectors, shown = evaluate(task, agent, q, sigma, policy), evaluate(task, agent, *tables, policy)
    assert (vectors.value, vectors.cost) == (shown.value, shown.cost)
    of_memories = gradient(task, agent, q, sigma, policy)
    assert of_memories.shape == (task.n_memories,)
    table = gradient(task, agent, *tables, policy)
    assert np.array_equal(table, task.memory_map.gather(of_memories))
    assert np.array_equal(gradient(task, agent, tables[0], sigma, policy), of_memories)


@pytest.mark.parametrize("policy", ["hard", "soft"])
def test_sharing_changes_the_cost_alone(policy):
    task, agent = shared_task(), Agent(beta=3.0)
    q, sigma = values_of(task)
    tables = task.memory_map.gather(q), task.memory_map.gather(sigma, 1.0)
    one, each = evaluate(task, agent, q, sigma, policy), evaluate(apart(task), agent, *tables, policy)
    assert one.value == pytest.approx(each.value, rel=1e-14)
    nats = 0.5 * (sigma**2 / agent.sigma_base**2 - 1) - np.log(sigma / agent.sigma_base)
    assert one.cost == pytest.approx(agent.lam * nats.sum(), rel=1e-13)
    assert each.cost == pytest.approx(agent.lam * nats @ task.memory_map.uses, rel=1e-13)
    by_use = gradient(apart(task), agent.replace(lam=0), *tables, policy)
    assert np.allclose(gradient(task, agent.replace(lam=0), q, sigma, policy), task.memory_map.scatter_add(by_use))


@pytest.mark.parametrize("policy", ["hard", "soft"])
@pytest.mark.parametrize("gamma", [1.0, 0.9])
@pytest.mark.parametrize("seed", range(4))
def test_gradient_against_finite_differences(seed, gamma, policy):
    task, agent = shared_task(seed, known=seed % 2 == 0, n_memories=4 + seed), Agent(gamma=gamma, beta=3.0)
    q, sigma = values_of(task, seed)
    slope = gradient(task, agent, q, sigma, policy)
    for memory in range(task.n_memories):
        step = 2e-3 * sigma[memory]

        def moved(times, memory=memory, step=step):
            changed = sigma.copy()
            changed[memory] += times * step
            return evaluate(task, agent, q, changed, policy).objective

        expected = (8 * (moved(1) - moved(-1)) - moved(2) + moved(-2)) / (12 * step)
        assert slope[memory] == pytest.approx(expected, abs=1e-6 * np.abs(slope).max())


def test_values_that_share_a_memory_must_agree():
    task, agent = shared_task(), Agent()
    q, sigma = (task.memory_map.gather(values, 1.0) for values in values_of(task))
    memory = int(np.argmax(task.memory_map.uses > 1))
    state, action = np.argwhere(task.memory_map.index == memory)[0]
    for name, tables in (("q", (q.copy(), sigma)), ("sigma", (q, sigma.copy()))):
        tables[name == "sigma"][state, action] += 0.1
        with pytest.raises(ValueError, match=f"{name} has different values .* share memory {memory}"):
            evaluate(task, agent, *tables)
        with pytest.raises(ValueError, match=f"{name} has different values"):
            gradient(task, agent, *tables)
    n = task.n_memories
    with pytest.raises(ValueError, match=rf"q must have shape \(8, 3\) or \({n},\), got \({n + 1},\)"):
        evaluate(task, agent, np.zeros(n + 1), sigma)
    with pytest.raises(ValueError, match="sigma must be greater than 0 for every memory"):
        evaluate(task, agent, q, np.zeros(n))
    with pytest.raises(ValueError, match="q must be finite"):
        evaluate(task, agent, np.full(n, 1e101), sigma)


TASKS = {
    "slot machines": slot_machines(payoff_sd=2.0),
    "two alternatives": two_alternatives(),
    "bandit": bandit([0.0, 1.0, 1.5], sd=0.7),
    "Bernoulli bandit": bandit([0.2, 0.7], noise="bernoulli"),
    "two-step": two_step(),
    "rooms": tasks.maze(["S..#", "...G", "...."], rooms=["aab.", "aab.", "ccb."]),
    "random": shared_task(reward_sd=np.full((8, 3, 2), 0.5)),
}


@pytest.mark.parametrize("policy", ["hard", "soft"])
@pytest.mark.parametrize("name", TASKS)
def test_simulation_agrees(name, policy):
    task, agent = TASKS[name], Agent(beta=3.0)
    q, sigma = values_of(task)
    if name != "random":
        q = 3 * q
    exact = evaluate(task, agent, q, sigma, policy, episode=3)
    simulated = sm.evaluate(task, agent, q, sigma, episodes=N, seed=5, policy=policy, episode=3)
    assert simulated.cutoffs == 0
    assert abs(simulated.reward - exact.reward) < 4 * simulated.reward_sem
    assert simulated.cost == pytest.approx(exact.cost, rel=1e-9)
    expected = exact.occupancy[:, None] * exact.probability
    most = expected.max()
    assert np.abs(simulated.visits - expected).max() < max(0.02 * most, 4.5 * np.sqrt(most / N))


def sampled(task, agent, q, sigma, n, seed):
    """Reward gradients of n single trajectories, shape (n, memories): Eqs. 3-5 written out."""
    generator = np.random.default_rng(seed)
    index, n_actions = task.memory_map.index, task.n_actions
    known_q, known_sigma = np.nan_to_num(task.known_q), np.nan_to_num(task.known_sigma)
    q = np.where(index >= 0, q[index], known_q)
    sigma = np.where(index >= 0, sigma[index], known_sigma)
    state, steps = generator.choice(task.n_states, size=n, p=task.start), []
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
        mean, sd = task.reward[state, action, outcome], task.reward_sd[state, action, outcome]
        reward = mean + sd * generator.standard_normal(n)
        steps.append((state, action, np.where(there & alive[:, None], score, 0.0), np.where(alive, reward, 0.0)))
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
    total = np.zeros((n, task.n_memories + 1))  # the last one: none
    for (state, _, score, _), value in zip(steps, psi, strict=True):
        for action in range(n_actions):
            np.add.at(total, (np.arange(n), index[state, action]), value * score[:, action])
    return total[:, :-1]


@pytest.mark.parametrize("gamma", [1.0, 0.8])
@pytest.mark.parametrize("psi", [
    "advantage", "return", *(pytest.param(psi, marks=pytest.mark.slow) for psi in ("q", "reinforce")),
])  # fmt: skip
def test_moments_of_the_estimator_against_simulation(psi, gamma):
    sd = np.random.default_rng(9).uniform(0, 1, size=(8, 3, 2))
    task, agent = shared_task(reward_sd=sd), Agent(beta=3.0, gamma=gamma, gradient=psi, n_trajectories=1)
    q, sigma = values_of(task)
    expected = expected_estimator(task, agent, q, sigma)
    draws = sampled(task, agent, q, sigma, N, seed=7)
    mean, std = draws.mean(axis=0), draws.std(axis=0)
    fourth = ((draws - mean) ** 4).mean(axis=0)
    assert np.abs((mean - expected.reward_gradient) / std).max() * np.sqrt(N) < 4
    error_of_std = np.sqrt((fourth - std**4) / N) / (2 * std)
    assert np.abs((std - expected.std) / error_of_std).max() < 4
    table = expected_estimator(task, agent, task.memory_map.gather(q), task.memory_map.gather(sigma, 1.0))
    assert np.allclose(table.std, task.memory_map.gather(expected.std), rtol=1e-12)
    if psi in ("reinforce", "return") and gamma == 1:
        assert np.abs(expected.gradient - gradient(task, agent, q, sigma)).max() < 1e-11


def test_noise_of_rewards_adds_to_the_variance_of_reinforce():
    # one step, no choice of what follows: X = r · score, so E[X²] grows by sd² E[score²]
    agent = Agent(gradient="reinforce", beta=1.0)
    table = np.array([[1.0, 0.5], [0, 0]])
    bandits = {
        sd: TabularMDP(np.ones((2, 2), dtype=int), table, start=0, terminal=[1], reward_sd=np.full((2, 2), sd))
        for sd in (0.0, 2.0)
    }
    q, sigma = np.array([1.0, 0.5]), np.array([0.7, 0.4])
    exact = {sd: expected_estimator(task, agent, q, sigma) for sd, task in bandits.items()}
    assert np.array_equal(exact[0.0].gradient, exact[2.0].gradient)
    score = expected_estimator(
        TabularMDP(np.ones((2, 2), dtype=int), [[1.0, 1.0], [0, 0]], start=0, terminal=[1]), agent, q, sigma
    )
    assert np.allclose(exact[2.0].std ** 2 - exact[0.0].std ** 2, 4 * score.std**2, rtol=1e-9)
    # Bernoulli: E[r²] = p
    coin = bandit([0.3, 0.8], noise="bernoulli")
    certain = bandit([0.3, 0.8], sd=0.0)
    noisy, calm = (expected_estimator(task, agent, q, sigma) for task in (coin, certain))
    assert np.allclose(noisy.gradient, calm.gradient)
    assert (noisy.std > calm.std).all()


@pytest.mark.parametrize("policy", ["hard", "soft"])
@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_equilibrium_of_shared_memories(gamma, policy):
    for task in (shared_task(), TASKS["rooms"]):
        agent, sigma = Agent(beta=3.0, gamma=gamma), np.full(task.n_memories, 0.8)
        q = equilibrium(task, agent, sigma, policy, tolerance=1e-11)
        assert q.shape == sigma.shape
        exact = evaluate(task, agent, q, sigma, policy)
        table = task.memory_map.gather(q)
        known = task.memory_map.known
        if known.any():
            table[known] = task.known_q[known]
        ahead = (exact.probability * table).sum(axis=1)
        target = (task.probability * (task.reward + gamma * ahead[task.next_state])).sum(axis=2)
        taken = exact.occupancy[:, None] * exact.probability
        drift = task.memory_map.scatter_add(taken * (target - table))
        assert np.abs(drift / task.memory_map.scatter_add(taken)).max() < 1e-8
        shown = equilibrium(task, agent, task.memory_map.gather(sigma, 1.0), policy, tolerance=1e-11)
        assert np.allclose(shown, np.where(task.exists, table, 0.0))


def test_learning_ends_at_the_equilibrium():
    task = shared_task()
    agent = Agent(allocation="fixed", learning_rate_q=0.005, sigma_0=3.0, beta=1.0)
    result = sm.train(task, agent, episodes=20_000, restarts=40, seed=0)
    expected = equilibrium(task, agent, np.full(task.n_memories, 3.0))
    error = result.memory_q.std(axis=0, ddof=1) / np.sqrt(40)
    assert (np.abs(result.memory_q.mean(axis=0) - expected) / error).max() < 4


MACHINES = Agent(sigma_base=20.0, sigma_0=10.0, lam=1.0)
OFFSETS = (-6.0, -2.0, 2.0, 6.0)


@pytest.mark.parametrize("policy", ["hard", "soft"])
def test_slot_machines(policy):
    def best(**keywords):
        return optimum(slot_machines(offsets=OFFSETS, **keywords), MACHINES, policy=policy, starts=12)

    same = best()
    assert same.memory_sigma.shape == (4,)
    assert np.ptp(same.memory_sigma) < 1e-4
    assert np.array_equal(same.sigma[:-1, 0], np.repeat(same.memory_sigma, 4))
    assert not same.sigma[:-1, 1].any()  # prices are known without noise
    nats = 0.5 * (same.memory_sigma**2 / 400 - 1) - np.log(same.memory_sigma / 20)
    assert same.cost == pytest.approx(nats.sum(), rel=1e-12)
    often, much = best(frequencies=[1, 2, 1, 1]), best(stakes=[1, 2, 1, 1])
    for other in (often, much):
        assert other.memory_sigma[1] < same.memory_sigma[1] - 0.5
        assert (other.memory_sigma[[0, 2, 3]] > same.memory_sigma[1] - 1e-4).all()


def test_stakes_beyond_doubt_need_less_precision():
    # prices far away in units of σ are told apart anyway: there, doubling the stakes raises σ
    agent = MACHINES.replace(lam=0.05)
    machines = [slot_machines(offsets=OFFSETS, stakes=stakes) for stakes in (None, [1, 2, 1, 1])]
    same, much = (optimum(task, agent, starts=12) for task in machines)
    assert same.memory_sigma[1] < 2
    assert much.memory_sigma[1] > same.memory_sigma[1]


def test_optimum_over_memories_is_a_maximum():
    task, agent = shared_task(), Agent(beta=3.0)
    best = optimum(task, agent, starts=12)
    assert best.objective == pytest.approx(evaluate(task, agent, best.q, best.memory_sigma, "hard").objective)
    assert best.objective == pytest.approx(evaluate(task, agent, best.q, best.sigma, "hard").objective)
    assert np.abs(gradient(task, agent, best.q, best.memory_sigma, "hard")).max() < 1e-4
    known = task.memory_map.known
    assert np.array_equal(best.sigma[known], task.known_sigma[known])
    assert np.array_equal(best.q[known], task.known_q[known])
    one = optimum(task, agent, equal_precision=True)
    assert np.ptp(one.memory_sigma) == 0
    assert one.objective < best.objective
    # q* of what shares a memory, averaged
    star = np.where(task.memories, task.optimal_q(), 0.0)
    mean = task.memory_map.scatter_add(star) / task.memory_map.uses
    assert np.allclose(best.q[task.memories], task.memory_map.gather(mean)[task.memories])


def test_cma_es_over_memories():
    pytest.importorskip("cma")
    task = slot_machines(offsets=OFFSETS)
    found = cma_es(task, MACHINES, seed=1, evaluations=600)
    assert found.memory_sigma.shape == (4,)
    assert found.objective == pytest.approx(optimum(task, MACHINES, starts=4).objective, abs=1e-3)
    noisy = cma_es(task, MACHINES, objective="simulated", seed=1, evaluations=200, episodes=4000)
    assert noisy.objective == pytest.approx(found.objective, abs=0.5)


def test_a_changing_task_numbers_memories_together():
    task = tasks.grid_world(change_at=10)
    later = task.at(10)
    agent, sigma = Agent(), np.random.default_rng(0).uniform(1, 3, size=task.n_memories)
    assert task.n_memories > later.memories.sum()
    maps = task.places.maps
    for episode, (variant, memory_map) in ((9, (task.unchanging(), maps[0])), (10, (later, maps[1]))):
        q = np.where(memory_map.allocated, 0.1 * np.arange(task.n_memories), np.nan)
        vectors = evaluate(task, agent, q, sigma, episode=episode)
        tables = memory_map.gather(q), memory_map.gather(sigma, 1.0)
        assert vectors.objective == evaluate(variant, agent, *tables).objective
        slope = gradient(task, agent, q, sigma, episode=episode)
        assert not slope[~memory_map.allocated].any()
        assert np.array_equal(memory_map.gather(slope), gradient(variant, agent, *tables))


def test_rewards_by_episode():
    task = bandit([[1.0, 0.0], [0.0, 3.0]], sd=0.0)
    agent, q, sigma = Agent(), np.zeros(2), np.ones(2)
    values = [evaluate(task, agent, q, sigma, episode=episode).reward for episode in (0, 1)]
    assert values == pytest.approx([0.5, 1.5])
    assert optimum(task, agent, episode=1, starts=2).q[0].tolist() == [0.0, 3.0]


def test_a_task_without_memories():
    known = np.array([[1.0, 2.0], [np.nan, np.nan]])
    task = TabularMDP(
        np.ones((2, 2), dtype=int), [[1.0, 2.0], [0, 0]], start=0, terminal=[1], known_q=known,
        known_sigma=np.where(np.isnan(known), np.nan, 0.5),
    )  # fmt: skip
    agent = Agent(sigma_base=5.0)
    nothing = np.zeros(0)
    exact = evaluate(task, agent, nothing, nothing, "hard")
    chance = choice_probabilities([1.0, 2.0], 0.5)[1]
    assert exact.reward == pytest.approx(1 + chance)
    assert exact.cost == 0
    assert gradient(task, agent, nothing, nothing).shape == (0,)
    for equal in (False, True):
        best = optimum(task, agent, equal_precision=equal)
        assert best.objective == pytest.approx(exact.reward)
        assert np.array_equal(best.sigma, [[0.5, 0.5], [5.0, 5.0]])
    assert equilibrium(task, agent, nothing).shape == (0,)
    assert expected_estimator(task, agent, nothing, nothing).std.shape == (0,)


def test_default_q_where_reward_is_lost_for_ever():
    pocket = tasks.maze(["S.G#.", "####."])  # two cells that nobody enters
    best = optimum(pocket, Agent(), starts=2)
    assert best.reward == pytest.approx(9, abs=3)
    trap = TabularMDP([[1, 2], [1, 1], [2, 2]], -np.ones((3, 2)), start=0, terminal=[2])
    with pytest.raises(ValueError, match=r"q must be given: q\* of memory 0 of 'mdp' is -inf"):
        optimum(trap, Agent())
