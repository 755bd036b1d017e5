"""What is learned is right: gradients against finite differences and exact integrals, q̄ against dynamic programming,
and learning curves against those of the authors' script."""

import math
from pathlib import Path

import numpy as np
import pytest
from same_bits import random_mdp
from scipy import stats
from scipy.integrate import trapezoid

import sigmalloc as sm
from sigmalloc import reference
from sigmalloc.runs import Schedule, engine

DATA = Path(__file__).parent / "data" / "grid_sigma0_3.csv"
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
WEIGHTS /= WEIGHTS.sum()


def test_gradient_of_the_log_policy():
    """∂log π/∂σ against central differences of log softmax β(q̄ + ζσ), with exp and log of `math` (Eq. 5, A.3)."""
    rng = np.random.default_rng(0)
    for trial in range(60):
        n, beta = int(rng.integers(1, 6)), rng.uniform(0.1, 10)
        q, sigma = rng.normal(size=n).tolist(), rng.uniform(0.05, 2, size=n).tolist()
        recalled = reference.recall(reference.Stream(1, (trial,)), q, sigma, beta, range(n), n)
        for action in range(n):

            def log_policy(sds, action=action, beta=beta, q=q, zeta=recalled.zeta):
                memory = [beta * (mean + z * sd) for mean, z, sd in zip(q, zeta, sds, strict=True)]
                return memory[action] - max(memory) - math.log(sum(math.exp(m - max(memory)) for m in memory))

            score = np.multiply(beta, reference.log_policy_gradient(recalled.zeta, recalled.p, action))
            for a in range(n):
                step = np.zeros(n)
                step[a] = 1e-5
                slope = (log_policy(sigma + step) - log_policy(sigma - step)) / 2e-5
                assert score[a] == pytest.approx(slope, rel=1e-6, abs=1e-6)


def test_gradient_of_the_cost():
    """∂D_KL/∂σ against central differences, and D_KL against its definition as an integral (A.2, A.7)."""
    for sigma in (0.01, 0.3, 3.0, 5.0, 70.0):
        for base in (1.0, 5.0, 100.0):
            exact = 0.5 * (sigma**2 / base**2 - 1) - math.log(sigma / base)
            assert reference.divergence(sigma, base) == pytest.approx(exact, rel=1e-9, abs=1e-9)
            step = 1e-5 * sigma
            exact_at = [0.5 * (s**2 / base**2 - 1) - math.log(s / base) for s in (sigma - step, sigma + step)]
            slope = (exact_at[1] - exact_at[0]) / (2 * step)
            assert reference.cost_gradient(sigma, base) == pytest.approx(slope, rel=1e-6, abs=1e-6)
    x = np.linspace(-60, 60, 400_001)
    log_ratio = stats.norm.logpdf(x, 0, 3) - stats.norm.logpdf(x, 0, 5)
    assert reference.divergence(3.0, 5.0) == pytest.approx(trapezoid(stats.norm.pdf(x, 0, 3) * log_ratio, x), rel=1e-6)
    assert reference.divergence(5.0, 5.0) == 0.0
    assert reference.cost_gradient(5.0, 5.0) == pytest.approx(0.0, abs=1e-15)


def soft_choice(q, sigma, beta):
    """Exact probabilities of the soft policy with two actions: E[1 / (1 + exp −β(Δ + s z))], s² = σ₁² + σ₂²."""
    x = beta * (q[0] - q[1] + np.hypot(*sigma) * NODES)
    first = (WEIGHTS / (1 + np.exp(-x))).sum()
    return np.array([first, 1 - first])


def tree_reward(task, q, sigma, beta):
    """Expected return of the soft policy in a task without loops."""
    value = np.zeros(task.n_states)
    for state in range(task.n_states - 2, -1, -1):
        ahead = task.reward[state, :, 0] + value[task.next_state[state, :, 0]]
        value[state] = soft_choice(q[state], sigma[state], beta) @ ahead
    return task.start @ value


@pytest.mark.parametrize("gradient", ["reinforce", "return", "advantage", "q"])
def test_sampled_gradient_is_the_gradient_of_the_expected_reward(gradient):
    """One σ update with many trajectories, against finite differences of the exact expected reward.

    Ψ = q̄ is unbiased where q̄ is the value of the policy, which it is made to be here. 8 runs give the standard error;
    |t| < 7.0 for each of the 24 memories (7 degrees of freedom, p = 0.005 for all of them).
    """
    task, beta, rng = sm.tasks.planning(2), 0.03, np.random.default_rng(4)
    sigma = np.full((task.n_states, 2), 50.0)
    sigma[:12] = rng.uniform(20, 60, size=(12, 2))
    q = np.zeros((task.n_states, 2))
    value = np.zeros(task.n_states)
    for state in range(11, -1, -1):
        q[state] = task.reward[state, :, 0] + value[task.next_state[state, :, 0]]
        value[state] = soft_choice(q[state], sigma[state], beta) @ q[state]
    agent = sm.Agent.table_b1(
        "planning",
        gradient=gradient,
        beta=beta,
        lam=0.0,
        learning_rate_sigma=0.01,
        learn_q=False,
        n_trajectories=200_000,
    )
    result = sm.train(task, agent, episodes=1, restarts=8, seed=6, q=q, sigma=sigma)
    sampled = (result.sigma - sigma)[:, :12] / agent.learning_rate_sigma
    exact = np.zeros((12, 2))
    for s, a in np.ndindex(12, 2):
        moved = [sigma.copy(), sigma.copy()]
        moved[0][s, a] -= 1e-3
        moved[1][s, a] += 1e-3
        exact[s, a] = (tree_reward(task, q, moved[1], beta) - tree_reward(task, q, moved[0], beta)) / 2e-3
    assert np.abs(exact).max() > 0.02
    z = (sampled.mean(axis=0) - exact) / (sampled.std(axis=0, ddof=1) / math.sqrt(8))
    assert np.abs(z).max() < stats.t.isf(0.005 / 2 / exact.size, df=7)


def test_equal_precision_moves_by_the_mean_gradient():
    """From the same σ the first trajectories are the same, so the shared σ moves by the mean over memories."""
    task = random_mdp(1)
    free = sm.train(task, sm.Agent(), episodes=1, restarts=4, seed=0)
    equal = sm.train(task, sm.Agent(allocation="equal"), episodes=1, restarts=4, seed=0)
    for each, shared in zip(free.sigma, equal.sigma, strict=True):
        np.testing.assert_allclose(shared[task.memories], each[task.memories].mean(), rtol=1e-12)


@pytest.mark.parametrize("allocation", ["equal", "frequency", "stakes"])
def test_gradient_of_the_learned_scale(allocation):
    """The scale climbs the mean over memories of d/dc [β Σ g σ − λ D_KL] at σ = c w, by finite differences."""
    rng = np.random.default_rng(2)
    task, agent = random_mdp(5), sm.Agent(allocation=allocation, learning_rate_sigma=0.01)
    run = reference.Run(task, agent, 0, 0)
    for memory in run.memories():
        run.q[memory] = rng.normal()
    run.usage = rng.integers(1, 100, size=task.n_states).astype(float).tolist()
    run.allocate_precision([0.0] * task.n_memories, 1.0)
    gradient = rng.normal(scale=10, size=task.n_memories).tolist()
    scale, memories = run.scale, run.memories()
    shape = {memory: run.sigma[memory] / scale for memory in memories}
    assert (len(set(shape.values())) == 1) == (allocation == "equal")

    def objective(c):
        reward = agent.beta * sum(gradient[memory] / agent.n_trajectories * c * w for memory, w in shape.items())
        nats = sum(reference.divergence(c * w, agent.sigma_base) for w in shape.values())
        return reward - agent.lam * nats

    slope = (objective(scale + 1e-4) - objective(scale - 1e-4)) / 2e-4
    run.allocate_precision(gradient, run.beta * run.reward_scale / agent.n_trajectories)
    assert run.scale - scale == pytest.approx(agent.learning_rate_sigma * slope / len(memories), rel=1e-5)


def test_shapes_of_frequency_and_stakes():
    """w = 1 / √(1 + importance / mean importance over memories)."""
    task, rng = random_mdp(5), np.random.default_rng(3)
    usage = rng.integers(1, 100, size=task.n_states).astype(float)
    q = np.where(task.exists, rng.normal(size=task.exists.shape), np.nan)
    spread = np.nan_to_num(np.nanmax(q[~task.terminal], axis=1) - np.nanmin(q[~task.terminal], axis=1))
    for allocation, importance in (("frequency", usage[~task.terminal]), ("stakes", spread)):
        run = reference.Run(task, sm.Agent(allocation=allocation), 0, 0, q=task.memory_map.pick(q))
        run.usage = usage.tolist()
        run.allocate_precision([0.0] * task.n_memories, 1.0)
        counts = task.action_counts[~task.terminal]
        w = 1 / np.sqrt(1 + importance / np.average(importance, weights=counts))
        sigma = [run.sigma[task.memory_map.index[s, 0]] for s in np.flatnonzero(~task.terminal)]
        np.testing.assert_allclose(sigma, run.scale * w, rtol=1e-12)


def precise(**changes):
    """An agent that remembers almost perfectly and does not learn σ."""
    return sm.Agent(sigma_0=1e-9, sigma_min=1e-9, allocation="fixed", **changes)


def everywhere(task):
    return np.where(task.terminal, 0, 1) / (~task.terminal).sum()


def test_q_converges_to_value_iteration_in_the_maze():
    """Starting anywhere, from q̄ above q*: the best actions' q̄ equal q* to 1e-6, the others are between q* and V*."""
    layout = sm.tasks.grid_world().layout
    task = sm.tasks.maze(layout, start=everywhere(sm.tasks.grid_world()))
    q_star = task.optimal_q()
    assert q_star[18].max() == -3
    result = sm.train(task, precise(beta=1e5, q_init=12.0), episodes=30_000, restarts=8, seed=0)
    value = q_star.max(axis=1, keepdims=True)
    best = (q_star > value - 1e-9) & task.memories
    others = ~best & task.memories
    for q in result.q:
        np.testing.assert_allclose(q[best], q_star[best], atol=1e-6)
        assert (q[others] > q_star[others] - 1e-6).all()
        assert (q < value + 1e-3)[others].all()


def test_q_converges_to_the_value_of_the_soft_policy():
    """Expected SARSA is on-policy: every q̄ solves q = r + γ Σ softmax(β q) q, to 1e-6, in the maze."""
    beta, gamma = 0.3, 0.9
    task = sm.tasks.maze(("..G", ".#.", "S.."), start=everywhere(sm.tasks.maze(("..G", ".#.", "S.."))), step_limit=50)
    q = np.zeros((task.n_states, task.n_actions))
    for _ in range(500):
        p = np.exp(beta * q) / np.exp(beta * q).sum(axis=1, keepdims=True)
        value = np.where(task.terminal, 0, (p * q).sum(axis=1))
        q = task.reward[:, :, 0] + gamma * value[task.next_state[:, :, 0]]
    result = sm.train(task, precise(beta=beta, gamma=gamma), episodes=4000, restarts=8, seed=0)
    np.testing.assert_allclose(result.q[:, task.memories], np.tile(q[task.memories], (8, 1)), atol=1e-6)


def test_q_converges_to_value_iteration_where_outcomes_are_random():
    """Mean over 16 runs of the best actions' q̄: within 0.1 of q*, which is 9 to 11."""
    whole = random_mdp(12, step_limit=100)
    names = ("next_state", "reward", "probability", "terminal", "action_counts")
    task = sm.TabularMDP(**{name: getattr(whole, name) for name in names}, start=everywhere(whole), step_limit=100)
    gamma = 0.9
    q_star = task.optimal_q(gamma)
    agent = precise(beta=50.0, gamma=gamma, learning_rate_q=0.005, q_init=float(q_star.max()))
    result = sm.train(task, agent, episodes=8000, restarts=16, seed=1)
    best = (q_star == np.where(task.exists, q_star, -np.inf).max(axis=1, keepdims=True)) & task.memories
    assert best.sum() == (~task.terminal).sum()
    np.testing.assert_allclose(result.q.mean(axis=0)[best], q_star[best], atol=0.1)


RUNS = 40
CURVES = ("reward", "cost", "objective")


@pytest.fixture(scope="module")
def script_runs():
    """The five runs of the authors' script: episodes completed, and curves of shape (runs, checkpoints)."""
    rows = np.genfromtxt(DATA, delimiter=",", names=True)
    completed = (rows["episode"][rows["run"] == 0] + 1).astype(int)
    return completed, {name: rows[name].reshape(5, -1) for name in CURVES}


@pytest.fixture(scope="module")
def our_runs(script_runs):
    """The same curves of ours: measured after as many episodes, by 100 episodes of the soft policy."""
    completed, _ = script_runs
    task, agent = sm.tasks.grid_world(), sm.Agent.scripts("grid-world", sigma_0=3)
    trained = sm.train(task, agent, episodes=completed[-1], restarts=RUNS, seed=1, snapshots=completed.tolist())
    n = RUNS * len(completed)
    tables = {
        "q": trained.snapshot_memory_q.reshape(n, task.n_memories),
        "sigma": trained.snapshot_memory_sigma.reshape(n, task.n_memories),
    }
    streams = np.stack([engine.stream_states(2, run) for run in range(n)])
    report = engine.run(task, [agent] * n, Schedule(0, None, 100), streams, **tables).report[:, :, 0]
    reward, cost = (report[engine.REPORT.index(name)].reshape(RUNS, -1) for name in ("reward", "cost"))
    cost = cost + agent.lam * relaxing_entries(agent, completed)
    return {"reward": reward, "cost": cost, "objective": reward - cost}


def relaxing_entries(agent, completed):
    """D_KL of the 32 table entries of walls and goal, which the script's cost includes and nothing but it moves."""
    sigma, nats = agent.sigma_0, {}
    for episode in range(1, completed[-1] + 1):
        gradient = sigma / agent.sigma_base**2 - 1 / sigma
        sigma = min(max(sigma - agent.learning_rate_sigma * agent.lam * gradient, agent.sigma_min), agent.sigma_max)
        nats[episode] = 32 * (0.5 * (sigma**2 / agent.sigma_base**2 - 1) - math.log(sigma / agent.sigma_base))
    return np.array([nats[episode] for episode in completed])


def agree(theirs, ours, comparisons):
    """Whether two sets of runs have the same mean, column by column: p = 0.01 for all comparisons (Bonferroni).

    The difference of means is divided by its standard error twice: from the spread of each set (t with the 4 degrees of
    freedom of the five runs) and from the spread of all runs together, which is the same if they are alike (Student's t
    with 43 degrees of freedom, more powerful).
    """
    bar = 0.01 / comparisons
    difference = theirs.mean(axis=0) - ours.mean(axis=0)
    error = np.sqrt(theirs.var(axis=0, ddof=1) / len(theirs) + ours.var(axis=0, ddof=1) / len(ours))
    separate = np.abs(difference / error) < stats.t.isf(bar / 2, df=len(theirs) - 1)
    return separate & (stats.ttest_ind(theirs, ours).pvalue > bar)


@pytest.mark.parametrize("name", CURVES)
def test_learning_curves_at_every_checkpoint(script_runs, our_runs, name):
    """150 comparisons: |t| < 17 by the error of the five runs alone, |t| < 4.4 by that of all runs."""
    theirs = script_runs[1][name]
    assert agree(theirs, our_runs[name], comparisons=len(CURVES) * theirs.shape[1]).all()


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("stretch", [slice(1, 10), slice(10, 30), slice(30, 50)], ids=["early", "middle", "late"])
def test_learning_curves_on_average(script_runs, our_runs, name, stretch):
    """Averages of each run over a stretch of its curve, 9 comparisons: |t| < 8.4 and |t| < 3.5."""
    theirs, ours = script_runs[1][name][:, stretch].mean(axis=1), our_runs[name][:, stretch].mean(axis=1)
    assert agree(theirs, ours, comparisons=9)
