"""Tasks of memory experiments: bandits, two steps, slot machines, two alternatives, rooms (section 9)."""

import inspect

import numpy as np
import pytest
from same_bits import differing

import sigmalloc as sm
from sigmalloc import reference
from sigmalloc.tasks import registry
from sigmalloc.tasks.walks import mirrored, random_state, random_walk

tasks = sm.tasks
ROOMS = {"layout": ("S..#", "...G"), "rooms": ("AABB", "AABB")}
TASKS = {
    "gaussian": lambda: tasks.bandit(),
    "bernoulli": lambda: tasks.bandit(arms=3, noise="bernoulli", task_seed=4),
    "restless": lambda: tasks.bandit(arms=4, sd=4, drift=2.8, decay=0.9836, center=50, trials=40),
    "restless bernoulli": lambda: tasks.bandit([0.2, 0.8], noise="bernoulli", drift=0.1, trials=40),
    "two-step": lambda: tasks.two_step(trials=40),
    "slot-machines": lambda: tasks.slot_machines(frequencies=[1, 2, 3, 4], stakes=[2, 0.5, 1, 1]),
    "noisy slot-machines": lambda: tasks.slot_machines(payoff_sd=3.0, starts=[0, 15, 3, 4] * 10),
    "two-alternatives": lambda: tasks.two_alternatives(),
    "one order": lambda: tasks.two_alternatives(
        [1, 2, 3], both_orders=False, pairs=[(2, 0), (1, 2)], frequencies=[3, 1], payoff_sd=[1, 0, 2]
    ),
    "rooms": lambda: tasks.maze(**ROOMS),
}
every_task = pytest.mark.parametrize("name", TASKS)


def some_memories(task, seed=0):
    """q̄ and σ that differ between memories, as tables."""
    rng = np.random.default_rng(seed)
    q = task.memory_map.gather(rng.normal(3, 1, size=task.n_memories))
    sigma = task.memory_map.gather(rng.uniform(1, 3, size=task.n_memories), elsewhere=5.0)
    return q, sigma


@every_task
@pytest.mark.parametrize("policy", ["soft", "hard"])
def test_simulated_and_exact_reward_agree(name, policy):
    task, agent, episode = TASKS[name](), sm.Agent(beta=2.0), 7
    q, sigma = some_memories(task)
    asked = {"policy": policy, "episode": episode}
    simulated = sm.evaluate(task, agent, q, sigma, episodes=20_000, seed=1, **asked)
    exact = sm.exact.evaluate(task, agent, q, sigma, **asked)
    assert abs(simulated.reward - exact.reward) < 4 * simulated.reward_sem
    assert simulated.cost == pytest.approx(exact.cost, rel=1e-12)


@every_task
@pytest.mark.parametrize("allocation", ["dra", "equal", "frequency"])
def test_kernel_and_twin_agree(name, allocation):
    task = TASKS[name]()
    agent = sm.Agent(allocation=allocation, n_trajectories=3, gradient="advantage", sigma_0=2.0)
    asked = {"episodes": 6, "restarts": 2, "seed": 3, "evaluate_every": 3, "evaluation_episodes": 4, "snapshots": (2,)}
    assert differing(sm.train(task, agent, **asked), reference.train(task, agent, **asked)) == []


@every_task
def test_files_keep_everything(name):
    task = TASKS[name]()
    again = type(task).unpack(*task.pack())
    assert again.digest() == task.digest()
    assert again.n_memories == task.n_memories


def test_the_registry_has_them_with_defaults_that_run():
    for name in ("bandit", "two-step", "slot-machines", "two-alternatives"):
        entry = registry.entry(name)
        task = registry.make(name)
        assert task.name == name
        assert task.episode_limit is None or task.episode_limit >= entry.episodes
        assert all(parameter.default is not inspect.Parameter.empty for parameter in entry.arguments.values())
        assert "References" in entry.make.__doc__
        result = sm.train(task, sm.Agent.table_b1(entry.preset), episodes=3, restarts=1, seed=0)
        assert result.memory_q.shape == (1, task.n_memories)


def test_bandit():
    task = tasks.bandit([1.0, 2.0, 3.0], sd=0.5)
    assert (task.n_states, task.n_actions, task.memories.sum(), task.step_limit) == (2, 3, 3, 1)
    np.testing.assert_array_equal(task.reward[0, :, 0], [1, 2, 3])
    np.testing.assert_array_equal(task.reward_sd[0, :, 0], 0.5)
    assert task.action_names == ("arm 1", "arm 2", "arm 3")
    drawn = [tasks.bandit(task_seed=seed).reward[0, :, 0] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).all()
    many = tasks.bandit(arms=10_000).reward[0, :, 0]
    assert abs(many.mean()) < 4 / 100
    assert many.std() == pytest.approx(1, abs=4 / np.sqrt(2 * 10_000))


def test_restless_bandit():
    task = tasks.bandit(arms=2000, sd=4, drift=2.8, decay=0.9836, center=50, trials=30)
    means = task.rewards_by_episode[:, 0]
    assert means.shape == (30, 2000)
    spread = 2.8 / np.sqrt(1 - 0.9836**2)  # of the stationary distribution, in which the walks begin
    for trial in (0, 29):
        assert means[trial].mean() == pytest.approx(50, abs=4 * spread / np.sqrt(2000))
        assert means[trial].std() == pytest.approx(spread, rel=4 / np.sqrt(2 * 2000))
    steps = means[1:] - (0.9836 * means[:-1] + (1 - 0.9836) * 50)
    assert steps.std() == pytest.approx(2.8, rel=4 / np.sqrt(2 * steps.size))
    given = np.random.default_rng(0).normal(size=(20, 3))
    own = tasks.bandit(given)
    np.testing.assert_array_equal(own.rewards_by_episode[:, 0], given)
    np.testing.assert_array_equal(own.at(7).reward[0, :, 0], given[7])
    assert own.episode_limit == 20


def test_walks_keep_within_their_mirrors():
    walks = random_walk(np.full(500, 0.5), 400, 0.1, random_state(0), bounds=(0.25, 0.75))
    assert 0.25 <= walks.min() < 0.26 and 0.74 < walks.max() <= 0.75
    settled = walks[200:]  # reflected walks settle in the uniform distribution
    assert settled.mean() == pytest.approx(0.5, abs=0.02)
    assert settled.std() == pytest.approx(0.5 / np.sqrt(12), rel=0.03)
    x = np.array([0.2, 0.25, 0.5, 0.75, 0.8, 1.3, -0.3, 0.25 + 5.1])
    np.testing.assert_allclose(mirrored(x, 0.25, 0.75), [0.3, 0.25, 0.5, 0.75, 0.7, 0.3, 0.7, 0.35], atol=1e-12)


def test_the_frozen_stream():
    """What a seed means must never change."""
    normals = [-1.8313077384358236, -0.17735435387779888, 0.03827920325415799]
    np.testing.assert_allclose(random_state(0).standard_normal(3), normals, rtol=1e-12)
    third_trial = [0.5308568589464943, 0.4129420309244139, 0.3052875856746193, 0.5866731406798257]
    walked = tasks.two_step(trials=3).rewards_by_episode[2, 1:3].ravel()
    np.testing.assert_allclose(walked, third_trial, rtol=1e-12)


def test_two_step():
    task = tasks.two_step()
    assert task.episode_limit == 201
    np.testing.assert_array_equal(task.next_state[0], [[1, 2], [2, 1]])
    np.testing.assert_allclose(task.probability[0], [[0.7, 0.3], [0.7, 0.3]])
    assert task.memories.sum() == 6
    walks = task.rewards_by_episode[:, 1:3].reshape(201, 4)
    assert walks.min() >= 0.25 and walks.max() <= 0.75
    inner = (walks[:-1] > 0.35) & (walks[:-1] < 0.65)  # where no mirror is within 4 steps
    steps = np.diff(walks, axis=0)[inner]
    assert steps.std() == pytest.approx(0.025, rel=4 / np.sqrt(2 * steps.size))
    assert not task.rewards_by_episode[:, [0, 3]].any()
    given = np.linspace(0, 1, 20).reshape(5, 2, 2)
    np.testing.assert_array_equal(tasks.two_step(probabilities=given).rewards_by_episode[:, 1:3], given)
    best = task.at(50).optimal_q()
    second = task.rewards_by_episode[50, 1:3].max(axis=1)
    np.testing.assert_allclose(best[0], [0.7 * second[0] + 0.3 * second[1], 0.3 * second[0] + 0.7 * second[1]])


def test_slot_machines():
    task = tasks.slot_machines([10.0, 20.0], offsets=[-1.0, 1.0, 2.0], frequencies=[1, 3], stakes=[1.0, 2.0])
    assert (task.n_states, task.n_memories) == (7, 2)
    np.testing.assert_array_equal(task.memory_map.index[:, 0], [0, 0, 0, 1, 1, 1, -1])
    assert (task.memory_map.index[:, 1] == -1).all()
    np.testing.assert_array_equal(task.known_q[:6, 1], [9, 11, 12, 18, 22, 24])
    np.testing.assert_array_equal(task.known_sigma[:6, 1], 0.0)
    np.testing.assert_array_equal(task.reward[:6, 1, 0], task.known_q[:6, 1])
    np.testing.assert_allclose(task.start, [1 / 12] * 3 + [1 / 4] * 3 + [0])
    assert task.state_names[4] == "machine 2, price 2"
    shown = tasks.slot_machines([10.0, 20.0], offsets=[-1.0, 1.0], starts=[0, 0, 3, 1])
    np.testing.assert_allclose(shown.start, [0.5, 0.25, 0, 0.25, 0])
    np.testing.assert_array_equal(shown.starts, [0, 0, 3, 1])
    even = tasks.slot_machines([10.0, 20.0], offsets=[-1.0, 1.0], starts=[0, 0, 3, 1], frequencies=[1, 1])
    np.testing.assert_allclose(even.start[:4], 0.25)


def test_slot_machines_with_the_most_at_stake_are_remembered_best():
    agent = sm.Agent(lam=0.1, sigma_base=5.0)

    def optimal(**keywords):
        task = tasks.slot_machines(**keywords)
        best = sm.exact.optimum(task, agent, task.optimal_q(), policy="hard")
        return task.memory_map.pick(best.sigma)

    same = optimal()
    np.testing.assert_allclose(same, same[0], rtol=1e-3)
    assert same[0] > 2 / np.sqrt(2)  # all prices within √2 σ, where higher stakes need more precision
    for changed in ({"frequencies": [2, 1, 1, 1]}, {"stakes": [2, 1, 1, 1]}):
        sigma = optimal(**changed)
        assert sigma[0] < 0.95 * sigma[1:].min(), changed
        np.testing.assert_allclose(sigma[1:], sigma[1], rtol=1e-3)


def test_two_alternatives():
    task = tasks.two_alternatives([1.0, 2.0, 4.0])
    assert (task.n_states, task.n_memories) == (7, 3)
    pairs = [[0, 1], [0, 2], [1, 2]]
    np.testing.assert_array_equal(task.memory_map.index[:6], pairs + [pair[::-1] for pair in pairs])
    np.testing.assert_array_equal(task.reward[:6, :, 0], np.array([1.0, 2.0, 4.0])[task.memory_map.index[:6]])
    np.testing.assert_array_equal(task.reward_sd[:6], 1.0)
    np.testing.assert_allclose(task.start[:6], 1 / 6)
    assert task.state_names[4] == "3 or 1"
    one = tasks.two_alternatives([1.0, 2.0, 4.0], both_orders=False, frequencies=[1, 1, 2])
    np.testing.assert_allclose(one.start, [0.25, 0.25, 0.5, 0.0])
    chosen = tasks.two_alternatives([1.0, 2.0, 4.0], pairs=[(2, 1), (0, 2)], both_orders=False)
    np.testing.assert_array_equal(chosen.memory_map.index[:2], [[2, 1], [0, 2]])


def test_two_alternatives_follow_thurstone():
    from scipy.special import ndtr

    task = tasks.two_alternatives([0.0, 1.0], payoff_sd=0.0, both_orders=False)
    table = lambda values: np.append([values], [[0.0, 0.0]], axis=0)  # noqa: E731
    q, sigma = table([0.0, 1.0]), np.array([[1.5, 2.0], [1.0, 1.0]])
    found = sm.evaluate(task, sm.Agent(), q, sigma, episodes=20_000, seed=0, policy="hard")
    assert abs(found.reward - ndtr(1 / 2.5)) < 4 * found.reward_sem


def test_rooms():
    task = tasks.maze(**ROOMS)
    assert task.n_memories == 2 * 4
    index = task.memory_map.index.reshape(2, 4, 4)
    np.testing.assert_array_equal(index[0, 0], [0, 1, 2, 3])
    np.testing.assert_array_equal(index[1, 1], [0, 1, 2, 3])
    np.testing.assert_array_equal(index[0, 2], [4, 5, 6, 7])
    assert (index[0, 3] == -1).all() and (index[1, 3] == -1).all()
    single = tasks.maze(("S.", ".G"), rooms=("ab", "cd"))  # a room a cell is no aggregation
    plain = tasks.maze(("S.", ".G"))
    asked = {"episodes": 30, "restarts": 2, "seed": 0, "evaluate_every": 10}
    assert differing(sm.train(single, sm.Agent(), **asked), sm.train(plain, sm.Agent(), **asked)) == []
    later = tasks.maze(("S...", "..#G"), rooms=ROOMS["rooms"])
    changing = tasks.maze(**ROOMS, changes=[(3, later)])
    assert changing.n_memories == 8


BAD = [
    (tasks.bandit, "means", ([], 1.0, "a", [[[1.0]]], [np.nan], None.__class__, np.ma.masked_array([1.0]), [[]])),
    (tasks.bandit, "arms", (0, -1, 1.5, "2", True, 2**63)),
    (tasks.bandit, "noise", ("poisson", None, 1)),
    (tasks.bandit, "sd", (-1, np.inf, "1")),
    (tasks.bandit, "drift", (-1, np.nan, None)),
    (tasks.bandit, "decay", (-0.1, 1.1, None)),
    (tasks.bandit, "center", (np.inf, "0")),
    (tasks.bandit, "bounds", (1, (1, 0), (0, 0), (0, np.inf), (1, 2, 3), "ab")),
    (tasks.bandit, "trials", (0, 1.5, None, 10**10)),
    (tasks.bandit, "task_seed", (-1, 1.5, None, "1")),
    (tasks.two_step, "trials", (0, 1.5, None, True)),
    (tasks.two_step, "common", (-0.1, 1.1, "1")),
    (tasks.two_step, "drift", (-1, np.nan)),
    (tasks.two_step, "bounds", ((-0.1, 0.5), (0.5, 1.1), (0.5, 0.5), 3)),
    (tasks.two_step, "probabilities", ([], np.zeros((2, 2)), np.full((1, 2, 2), 1.5), np.full((1, 2, 2), np.nan), "p")),
    (tasks.slot_machines, "payoffs", ([], 1.0, [[1.0]], [np.nan], "ab")),
    (tasks.slot_machines, "payoff_sd", (-1.0, [1.0], [-1.0] * 4, "a")),
    (tasks.slot_machines, "offsets", ([], 1.0, [np.inf])),
    (tasks.slot_machines, "frequencies", ([1], [0] * 4, [-1, 1, 1, 1], "abcd")),
    (tasks.slot_machines, "stakes", ([1], [-1, 1, 1, 1])),
    (tasks.slot_machines, "starts", ([16], [-1], [0.5], [], 3)),
    (tasks.two_alternatives, "payoffs", ([1.0], 1.0, [np.nan, 1.0])),
    (tasks.two_alternatives, "payoff_sd", (-1.0, [1.0])),
    (tasks.two_alternatives, "both_orders", (1, None)),
    (tasks.two_alternatives, "pairs",
     ([], [(0, 0)], [(0, 1)], [(0, 4)], [(0, 1), (1, 0), (2, 3)], [1], [(0, 1, 2)], [(0.0, 1.0)], 5)),
    (tasks.two_alternatives, "frequencies", ([1.0], [0.0] * 6)),
]  # fmt: skip


@pytest.mark.parametrize(("make", "name", "values"), BAD, ids=[f"{make.__name__}-{name}" for make, name, _ in BAD])
def test_bad_input(make, name, values):
    for value in values:
        with pytest.raises(ValueError, match=rf"\b{name}\b") as caught:
            make(**{name: value})
        assert type(caught.value) is ValueError, value


def test_contradictions():
    for keywords, message in (
        ({"noise": "bernoulli", "sd": 1.0}, "sd is for gaussian"),
        ({"means": [1.0, 2.0], "arms": 3}, "arms must be 2"),
        ({"means": [[1.0, 2.0]], "drift": 1.0}, "drift must be 0"),
        ({"means": [0.5, 2.0], "noise": "bernoulli", "drift": 0.1}, "means must be in the bounds"),
        ({"means": [0.5, 2.0], "noise": "bernoulli"}, "probabilities"),
    ):
        with pytest.raises(ValueError, match=message):
            tasks.bandit(**keywords)
    for rooms in (("AAB",), ("AAB", "AA"), "AABAAB", (1, 2), ("AABB", "AABB")):
        with pytest.raises(ValueError, match="rooms must be 2 strings of 3 characters|rooms must be a sequence"):
            tasks.maze(("S..", "..G"), rooms=rooms)
    with pytest.raises(ValueError, match="rooms and memory_map"):
        tasks.maze(("S..", "..G"), rooms=("AAB", "AAB"), memory_map=np.zeros((6, 4), dtype=int))
