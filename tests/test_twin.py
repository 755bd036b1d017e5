"""The compiled kernel against its scalar Python twin: the same bits, on every path through the algorithm."""

import numpy as np
import pytest
from same_bits import ARRAYS, changing_maze, differing, random_mdp

import sigmalloc as sm
from sigmalloc import reference
from sigmalloc.agents import ALLOCATIONS, GRADIENTS

PLANNING = sm.Agent.table_b1("planning", n_trajectories=3)
LEARNING = [allocation for allocation in ALLOCATIONS if allocation != "fixed"]


def check(task, agent, *, episodes=4, restarts=2, seed=0, names=ARRAYS, **keywords):
    keywords = {"episodes": episodes, "restarts": restarts, "seed": seed, **keywords}
    kernel, twin = sm.train(task, agent, **keywords), reference.train(task, agent, **keywords)
    assert differing(kernel, twin, names) == []
    return kernel


@pytest.mark.parametrize("gradient", GRADIENTS)
@pytest.mark.parametrize("seed", range(3))
def test_gradients(gradient, seed):
    agent = sm.Agent(gradient=gradient, gamma=0.9, n_trajectories=4)
    check(random_mdp(seed), agent, seed=seed, evaluate_every=2, evaluation_episodes=5)


@pytest.mark.parametrize("allocation", ALLOCATIONS)
@pytest.mark.parametrize("gradient", ["advantage", "reinforce"])
def test_allocations(allocation, gradient):
    agent = sm.Agent(allocation=allocation, gradient=gradient, n_trajectories=3)
    check(random_mdp(11), agent, episodes=6, evaluate_every=3, evaluation_episodes=3)


@pytest.mark.parametrize("seed", range(60))
def test_random_agents_on_random_tasks(seed):
    rng = np.random.default_rng(seed)
    pick = lambda *options: options[rng.integers(len(options))]  # noqa: E731
    sigma_0 = rng.uniform(0.5, 4)
    task = random_mdp(
        seed, states=int(rng.integers(4, 9)), actions=int(rng.integers(1, 6)), outcomes=int(rng.integers(1, 4)),
        step_limit=int(rng.integers(1, 20)),
    )  # fmt: skip
    agent = sm.Agent(
        learning_rate_q=rng.uniform(0.05, 1), learning_rate_sigma=rng.uniform(0, 0.5), beta=rng.uniform(0.5, 20),
        gamma=pick(0.0, 0.7, 1.0), lam=pick(0.0, 0.3), sigma_base=rng.uniform(1, 10), sigma_0=sigma_0,
        sigma_min=pick(0.01, 0.4), sigma_max=pick(4.1, 100), q_init=pick(0.0, 1.5, (-2.0, 1.0)),
        n_trajectories=int(rng.integers(1, 6)), gradient=pick(*GRADIENTS), allocation=pick(*ALLOCATIONS),
    )  # fmt: skip
    check(
        task, agent, episodes=6, seed=seed + 2**70, evaluate_every=pick(None, 1, 4), evaluation_episodes=3,
        evaluation_policy=pick("soft", "hard"), snapshots=(1, 6),
    )  # fmt: skip


def test_grid_world():
    result = check(
        sm.tasks.grid_world(step_limit=150), sm.Agent.table_b1(n_trajectories=4), seed=5, evaluate_every=2,
        evaluation_episodes=4, snapshots=(1, 4),
    )  # fmt: skip
    assert result.training_cutoffs.sum() > 0


@pytest.mark.parametrize("allocation", ALLOCATIONS)
def test_change_of_task(allocation):
    agent = sm.Agent(allocation=allocation, n_trajectories=3)
    check(
        changing_maze(), agent, episodes=7, restarts=3, evaluate_every=1, evaluation_episodes=2,
        snapshots=(1, 2, 3, 5, 6),
    )  # fmt: skip


@pytest.mark.parametrize("ends_at", [1, 2, 3])
def test_run_that_ends_around_a_change(ends_at):
    check(changing_maze(), sm.Agent(allocation="equal"), episodes=ends_at, evaluate_every=1, evaluation_episodes=2)


def test_change_of_starts_and_outcomes():
    task = random_mdp(3, actions=2, outcomes=1)
    same_counts = sm.TabularMDP(
        random_mdp(4, actions=2).next_state, random_mdp(4, actions=2).reward, random_mdp(4, actions=2).probability,
        start=2, terminal=task.terminal, action_counts=task.action_counts, step_limit=task.step_limit,
    )  # fmt: skip
    arrays = {name: getattr(task, name) for name in ("next_state", "reward", "probability", "start", "terminal")}
    changing = sm.TabularMDP(
        **arrays, action_counts=task.action_counts, step_limit=task.step_limit, changes=[(2, same_counts)]
    )
    check(changing, sm.Agent(n_trajectories=2), evaluate_every=1, evaluation_episodes=3)


@pytest.mark.parametrize("policy", ["soft", "hard"])
def test_evaluation_does_not_disturb_training(policy):
    task, agent = random_mdp(1), sm.Agent(n_trajectories=2, beta_0=1.0, beta_rate=0.2)
    with_it = check(task, agent, episodes=6, evaluate_every=2, evaluation_episodes=7, evaluation_policy=policy)
    without = check(task, agent, episodes=6)
    assert differing(with_it, without, ("q", "sigma", "steps", "training_cutoffs", "stream")) == []


@pytest.mark.parametrize("planner", ["rollouts", "depth-first"])
@pytest.mark.parametrize(
    ("moves", "budget"), [(2, None), (2, 25), (2, 50), (2, 75), (2, 100), (3, 12.5), (3, 37.5), (3, 62.5), (3, 100)]
)
def test_planners(planner, moves, budget):
    agent = PLANNING.replace(planner=planner, search_budget=budget)
    check(
        sm.tasks.planning(moves), agent, episodes=6, restarts=3, evaluate_every=3, evaluation_episodes=6,
        evaluation_policy="hard" if moves == 2 else "soft",
    )  # fmt: skip


@pytest.mark.parametrize("planner", ["rollouts", "depth-first"])
@pytest.mark.parametrize("allocation", LEARNING)
def test_allocations_and_reward_rate_in_planning(planner, allocation):
    agent = PLANNING.replace(
        planner=planner, allocation=allocation, search_budget=50, reward_rate=True, decision_time=0.3, gamma=0.9,
        non_decision_time=1.7,
    )  # fmt: skip
    check(sm.tasks.planning(3), agent, evaluate_every=2, evaluation_episodes=5)


@pytest.mark.parametrize(
    ("planner", "gradient"),
    [*(("rollouts", gradient) for gradient in GRADIENTS), ("depth-first", "advantage"), ("depth-first", "q")],
)
def test_gradients_in_planning(planner, gradient):
    agent = PLANNING.replace(planner=planner, gradient=gradient, search_budget=60, gamma=0.8)
    check(sm.tasks.planning(3), agent, evaluate_every=2, evaluation_episodes=5)


@pytest.mark.parametrize("allocation", LEARNING)
def test_known_memories(allocation):
    agent = PLANNING.replace(allocation=allocation)
    result = check(sm.tasks.planning(3, known_last_move=True), agent, evaluate_every=2, evaluation_episodes=5)
    assert (result.sigma[:, 12:18] == 1).all()
    assert (result.q[:, 12, 0] == 140).all()


def test_known_memories_of_precision_zero():
    task = random_mdp(2)
    known_q = np.full((task.n_states, task.n_actions), np.nan)
    known_q[:2] = np.where(task.exists[:2], 0.5, np.nan)
    known = random_mdp(2, known_q=known_q, known_sigma=0 * known_q)
    check(known, sm.Agent(n_trajectories=3), evaluate_every=2, evaluation_episodes=5, evaluation_policy="hard")


@pytest.mark.parametrize("allocation", LEARNING)
def test_given_q_that_is_not_learned(allocation):
    task = random_mdp(6)
    agent = sm.Agent(learn_q=False, allocation=allocation, gamma=0.9, q_init=(-1.0, 1.0))
    q = task.optimal_q(0.9)
    result = check(task, agent, episodes=6, evaluate_every=2, evaluation_episodes=3, q=q)
    assert (result.q == q).all()


def test_given_q_and_sigma():
    task, rng = random_mdp(7), np.random.default_rng(7)
    shape = (3, task.n_states, task.n_actions)
    check(
        task, sm.Agent(q_init=(-1.0, 1.0)), restarts=3, q=rng.normal(size=shape), sigma=rng.uniform(0.1, 5, size=shape)
    )
    check(task, sm.Agent(q_init=(-1.0, 1.0)), sigma=rng.uniform(0.1, 5, size=shape[1:]))


def test_rising_beta():
    agent = sm.Agent(beta=3.0, beta_0=0.5, beta_rate=0.3, n_trajectories=2)
    check(random_mdp(8), agent, episodes=9, evaluate_every=2, evaluation_episodes=3, snapshots=range(1, 10))


@pytest.mark.parametrize("step_limit", [1, 2, 7])
@pytest.mark.parametrize("gradient", ["advantage", "reinforce", "return"])
def test_episodes_that_are_cut_off(step_limit, gradient):
    task = random_mdp(5, step_limit=step_limit)
    result = check(task, sm.Agent(gradient=gradient), episodes=20, evaluate_every=5, evaluation_episodes=30)
    assert result.training_cutoffs.sum() > 0
    assert result.cutoffs.sum() > 0


@pytest.mark.parametrize("start", ["bottom", "uniform"])
def test_mountain_car(start):
    agent = sm.Agent.scripts("mountain-car", n_trajectories=2)
    check(sm.tasks.mountain_car(start), agent, episodes=2, evaluate_every=2, evaluation_episodes=2, snapshots=(1,))


def test_mountain_car_that_arrives():
    task = sm.tasks.mountain_car("uniform")
    cell = np.arange(task.n_states)
    q = np.zeros((task.n_states, 3))
    q[:, 2] = np.where(cell % 15 >= 7, 50.0, -50.0)
    agent = sm.Agent.table_b1("mountain-car", n_trajectories=2, gradient="reinforce")
    result = check(task, agent, episodes=3, evaluate_every=1, evaluation_episodes=2, q=q)
    assert result.cutoffs.sum() < 12
    assert result.training_cutoffs.sum() < 6


@pytest.mark.parametrize("policy", ["soft", "hard"])
def test_evaluate(policy):
    """`evaluate` spreads its episodes over independent streams; sums over them are rounded differently here."""
    task, agent, seed, episodes = random_mdp(10), sm.Agent(gamma=0.9), 3, 70
    rng = np.random.default_rng(10)
    shape = (task.n_states, task.n_actions)
    q, sigma = rng.normal(size=shape), rng.uniform(0.1, 3, size=shape)
    blocks = np.bincount(np.arange(episodes) % 64)
    reward = value = cut = 0.0
    visits = np.zeros(shape)
    for block, share in enumerate(blocks):
        run = reference.Run(task, agent, seed, 0, task.memory_map.pick(q), task.memory_map.pick(sigma))
        run.evaluation_stream = reference.Stream(seed, (0, block))
        kept, trial = [], run.trial
        run.trial = lambda stream, kept=kept, trial=trial: kept.append(trial(stream)) or kept[-1]
        block_reward, block_value, cost, block_cut, *_ = run.evaluate(0, int(share), policy == "hard")
        reward, value, cut = reward + share * block_reward, value + share * block_value, cut + block_cut
        for paths, *_ in kept:
            for state, recalled, _ in paths[0].visits:
                visits[state, recalled.action] += 1
    figures = sm.evaluate(task, agent, q, sigma, episodes=episodes, seed=seed, policy=policy)
    np.testing.assert_allclose(figures.reward, reward / episodes, rtol=1e-12)
    np.testing.assert_allclose(figures.value, value / episodes, rtol=1e-12)
    np.testing.assert_allclose(figures.cost, cost, rtol=1e-12)
    assert figures.cutoffs == cut
    np.testing.assert_array_equal(figures.visits, visits / episodes)


def layers(reward, **keywords):
    """A planning task: every action of a layer's state leads to a state of its own in the next layer."""
    depth, actions = reward.shape[0] // reward.shape[1], reward.shape[1]
    end = depth * actions
    next_state = np.full((end + 1, actions), end)
    for state in range(end - actions):
        next_state[state] = (state // actions + 1) * actions + np.arange(actions)
    reward = np.vstack([reward, np.zeros(actions)])
    return sm.TabularMDP(next_state, reward, start=0, terminal=[end], horizon=depth, **keywords)


def endless(reward):
    return sm.TabularMDP([[0, 0], [1, 1]], [[reward] * 2] * 2, start=0, terminal=[1], step_limit=99)


@pytest.mark.parametrize(
    ("task", "agent", "what"),
    [
        (endless(1e308), sm.Agent(learning_rate_q=1.0), "q̄"),
        (endless(-1e308), sm.Agent(learning_rate_q=1.0), "q̄"),
        (endless(-1e101), sm.Agent(learning_rate_q=1.0), "q̄"),
        (endless(1e308), sm.Agent(gradient="return", learn_q=False), "σ"),
    ],
)
def test_numbers_that_are_no_longer_finite(task, agent, what):
    for train in (sm.train, reference.train):
        with pytest.raises(sm.DivergenceError, match=f"{what} of restart 0 .* episode 0"):
            train(task, agent, episodes=2, restarts=2, seed=0, q=np.zeros((task.n_states, 2)))


def test_what_cannot_be_planned():
    reward = np.random.default_rng(0).normal(size=(9, 3))
    with pytest.raises(ValueError, match="depth-first' needs two actions"):
        sm.train(layers(reward), PLANNING.replace(planner="depth-first"), episodes=2)
    with pytest.raises(ValueError, match="every state has all the actions"):
        layers(reward, action_counts=[2, 1, 3, 1, 2, 3, 1, 1, 2, 0])
    with pytest.raises(ValueError, match="step_limit must be at least the horizon"):
        layers(reward, step_limit=2)


def test_known_memories_cannot_change_with_the_task():
    variants = []
    for known in (3.0, -2.0):
        known_q = np.full((10, 3), np.nan)
        known_q[6:9] = known
        tables = {"known_q": known_q, "known_sigma": np.where(np.isnan(known_q), np.nan, 1.0)}
        changes = [(2, variants[0])] if variants else []
        make = lambda tables=tables, changes=changes: layers(np.ones((9, 3)), **tables, changes=changes)  # noqa: E731
        if not changes:
            variants.append(make())
    with pytest.raises(ValueError, match="known memories differ"):
        make()
