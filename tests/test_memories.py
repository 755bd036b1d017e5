"""Memories shared by states, known values, noisy rewards and laid-down trials: the kernel against its twin, and
`MemoryMap` against sums by hand."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from same_bits import WHOLE, differing

import sigmalloc as sm
from sigmalloc import reference
from sigmalloc.agents import ALLOCATIONS, GRADIENTS, Exponential, Points
from sigmalloc.memories import MemoryMap
from sigmalloc.runs.divergence import DivergenceError

FIXED = settings(derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
EPISODES = 5


def shared_map(draw, exists, known):
    """A random map: fewer memories than uses, no memory twice in a state, every number used."""
    most = int((exists & ~known).sum(axis=1).max())
    count = max(most, int(draw.integers(1, 1 + max(1, (exists & ~known).sum()))))
    index = np.full(exists.shape, -1)
    for state, row in enumerate(exists & ~known):
        index[state, row] = draw.choice(count, size=row.sum(), replace=False)
    used = np.unique(index[index >= 0])
    return np.where(index >= 0, np.searchsorted(used, index), -1)


def random_task(seed, *, shared=True, noise="gaussian", laid_down=False, changing=False, step_limit=9):
    """States with any of the actions, known values without noise, noisy rewards, starts and rewards by episode."""
    draw = np.random.default_rng(seed)
    states, actions, outcomes = int(draw.integers(2, 7)), int(draw.integers(1, 6)), int(draw.integers(1, 4))
    terminal = draw.random(states) < 0.25
    terminal[0] = False
    exists = draw.random((states, actions)) < 0.7
    exists[~exists.any(axis=1), draw.integers(actions)] = True
    exists &= ~terminal[:, None]
    known = exists & (draw.random(exists.shape) < 0.3)
    known[0, np.flatnonzero(exists[0])[0]] = False
    shape = (states, actions, outcomes)
    index = shared_map(draw, exists, known) if shared else None

    def variant(**keywords):
        start = np.where(terminal, 0.0, draw.integers(0, 3, size=states))
        start[0] += 1
        weights = draw.dirichlet(np.ones(outcomes), size=shape[:2])
        reward = draw.random(shape) if noise == "bernoulli" else np.round(draw.normal(size=shape), 2)
        sd = None if noise == "bernoulli" else draw.choice([0.0, 0.5, 2.0], size=shape)
        return sm.TabularMDP(
            draw.integers(0, states, size=shape), reward, weights, start=start / start.sum(), terminal=terminal,
            actions=exists, known_q=values, known_sigma=spreads, memory_map=index, reward_sd=sd, reward_noise=noise,
            step_limit=int(draw.integers(1, step_limit)), **keywords,
        )  # fmt: skip

    values = np.where(known, np.round(draw.normal(size=exists.shape), 1), np.nan)
    spreads = np.where(known, draw.choice([0.0, 0.4], size=exists.shape), np.nan)
    laid = {}
    if laid_down:
        by_episode = draw.random((EPISODES, *shape[:2]))
        laid = {"starts": draw.choice(np.flatnonzero(~terminal), size=EPISODES), "rewards_by_episode": by_episode}
    changes = [(2, variant())] if changing else ()
    return variant(changes=changes, **laid)


def random_agent(seed):
    draw = np.random.default_rng(seed)
    pick = lambda *options: options[draw.integers(len(options))]  # noqa: E731
    beta = pick(8.0, Exponential(1.0, 0.3, 5.0), Points(((0, 1.0), (3, 9.0))))
    return sm.Agent(
        learning_rate_q=pick(0.1, 0.7, Exponential(0.9, -0.5, 0.05)), learning_rate_sigma=pick(0.1, 0.5),
        beta=beta, gamma=pick(0.0, 0.8, 1.0), lam=pick(0.0, 0.3, Points(((1, 0.5), (4, 0.0)))),
        n_trajectories=int(draw.integers(1, 4)), gradient=pick(*GRADIENTS), allocation=pick(*ALLOCATIONS),
        q_init=pick(0.0, (-1.0, 1.0)), sigma_0=pick(1.0, 3.0),
    )  # fmt: skip


def both(task, agent, seed, **keywords):
    """What kernel and twin make of a training: results, or what they call no longer finite."""
    made = []
    for train in (sm.train, reference.train):
        try:
            made.append(
                train(task, agent, episodes=EPISODES, restarts=2, seed=seed, evaluate_every=2, evaluation_episodes=3,
                      snapshots=(1, 4), **keywords)
            )  # fmt: skip
        except DivergenceError as error:
            made.append(str(error).partition(" of restart")[0])
    return made


@settings(FIXED, max_examples=250)
@given(
    st.integers(0, 2**32), st.booleans(), st.sampled_from(["gaussian", "bernoulli"]), st.booleans(), st.booleans(),
    st.integers(0, 2**32), st.sampled_from(["soft", "hard"]),
)  # fmt: skip
def test_kernel_is_its_twin(seed, shared, noise, laid_down, changing, agent, policy):
    task = random_task(seed, shared=shared, noise=noise, laid_down=laid_down, changing=changing and not laid_down)
    kernel, twin = both(task, random_agent(agent), seed, evaluation_policy=policy)
    assert isinstance(kernel, str) == isinstance(twin, str)
    assert kernel == twin if isinstance(kernel, str) else differing(kernel, twin, WHOLE) == []


@pytest.mark.slow
@settings(FIXED, max_examples=3000)
@given(
    st.integers(0, 2**32), st.booleans(), st.sampled_from(["gaussian", "bernoulli"]), st.booleans(), st.booleans(),
    st.integers(0, 2**32), st.sampled_from(["soft", "hard"]),
)  # fmt: skip
def test_kernel_is_its_twin_in_depth(seed, shared, noise, laid_down, changing, agent, policy):
    test_kernel_is_its_twin.hypothesis.inner_test(seed, shared, noise, laid_down, changing, agent, policy)


@pytest.mark.parametrize("allocation", ALLOCATIONS)
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_every_rule_with_shared_memories(allocation, gradient):
    agent = sm.Agent(allocation=allocation, gradient=gradient, n_trajectories=2)
    kernel, twin = both(random_task(5), agent, 1)
    assert differing(kernel, twin, WHOLE) == []


@pytest.mark.parametrize("task", [sm.tasks.grid_world(step_limit=40), sm.tasks.planning(3)], ids=lambda task: task.name)
def test_a_map_of_each_to_itself_changes_nothing(task):
    names = ("next_state", "reward", "probability", "start", "terminal")
    given = {name: getattr(task, name) for name in names}
    keywords = {"step_limit": task.step_limit, "horizon": task.horizon}
    mapped = sm.TabularMDP(**given, **keywords, memory_map=task.memory_map.index)
    assert not mapped.places.mapped
    agent = sm.Agent(n_trajectories=2)
    plain, same = (sm.train(one, agent, episodes=3, restarts=3, seed=0) for one in (task, mapped))
    assert differing(plain, same, WHOLE) == []


def test_a_map_that_only_renames_gives_the_same_values():
    """With memories numbered backwards, q̄ and σ are drawn in another order; without draws they are the same."""
    task = sm.tasks.grid_world(step_limit=60)
    index = task.memory_map.index
    names = ("next_state", "reward", "probability", "start", "terminal", "step_limit")
    renamed = sm.TabularMDP(
        **{name: getattr(task, name) for name in names}, memory_map=np.where(index < 0, -1, index.max() - index)
    )
    assert renamed.places.mapped
    plain, other = (
        sm.train(one, sm.Agent(), episodes=4, restarts=3, seed=0, evaluate_every=2) for one in (task, renamed)
    )
    np.testing.assert_array_equal(plain.q, other.q)
    np.testing.assert_array_equal(plain.sigma, other.sigma)
    np.testing.assert_array_equal(plain.memory_q, other.memory_q[:, ::-1])


def test_memory_map_by_hand():
    exists = np.array([[True, True, False], [True, False, True]])
    index = np.array([[0, 1, -1], [1, -1, 2]])
    held = MemoryMap(index, 3, exists)
    np.testing.assert_array_equal(held.gather([5.0, 6.0, 7.0], -1), [[5, 6, -1], [6, -1, 7]])
    np.testing.assert_array_equal(held.scatter_add([[1.0, 2, 4], [8, 16, 32]]), [1, 10, 32])
    np.testing.assert_array_equal(held.pick([[1.0, 2, 9], [2, 9, 3]]), [1, 2, 3])
    with pytest.raises(ValueError, match="sigma has different values for the states and actions that share memory 1"):
        held.pick([[1.0, 2, 9], [5, 9, 3]], "sigma")
    assert held.shared and held.uses.tolist() == [1, 2, 1]
    stack = np.arange(12.0).reshape(2, 2, 3)
    np.testing.assert_array_equal(held.scatter_add(stack), [held.scatter_add(table) for table in stack])
    for wrong in (np.zeros((3, 2)), 1.0):
        with pytest.raises(ValueError, match="must have shape"):
            held.scatter_add(wrong)
        with pytest.raises(ValueError, match="must have shape"):
            held.gather(np.zeros(2))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([[0, 0], [1, 2]], "two actions of state 0 share a memory"),
        ([[0, -1], [1, 2]], "no memory for state 0, action 1"),
        ([[0, 1], [3, 4]], "memory 2 is not used"),
        ([[0.0, 1.0], [2.0, 3.0]], "memory_map must be an array of integers"),
        ([[0, 1, 2], [3, 4, 5]], "memory_map must have shape"),
        ([[0, 1], [2, 99]], "memory_map must be in"),
    ],
)
def test_maps_that_are_refused(index, message):
    with pytest.raises(ValueError, match=message):
        task = sm.TabularMDP(
            [[1, 2], [2, 2], [2, 2]], np.zeros((3, 2)), start=0, terminal=[2],
            memory_map=[*index, [-1] * len(index[0])],
        )  # fmt: skip
        _ = task.memory_map


def test_results_show_memories_and_their_uses():
    task = sm.tasks.slot_machines()
    result = sm.train(task, sm.Agent(), episodes=20, restarts=3, seed=0, snapshots=(5,))
    assert result.memory_q.shape == (3, 4) and result.q.shape == (3, task.n_states, 2)
    for machine in range(4):
        uses = task.memory_map.index == machine
        np.testing.assert_array_equal(result.q[:, uses], np.repeat(result.memory_q[:, [machine]], uses.sum(), axis=1))
    np.testing.assert_array_equal(result.q[:, task.known], np.tile(task.known_q[task.known], (3, 1)))
    assert (result.sigma[:, task.known] == 0).all()
    again = sm.train(task, sm.Agent(), episodes=5, restarts=3, seed=1, q=result.q, sigma=result.memory_sigma)
    same = sm.train(task, sm.Agent(), episodes=5, restarts=3, seed=1, q=result.memory_q, sigma=result.sigma)
    assert differing(again, same, WHOLE) == []


@pytest.mark.parametrize("laid_down", [False, True])
def test_files_and_copies_keep_everything(laid_down, tmp_path):
    task = random_task(3, laid_down=laid_down, changing=not laid_down)
    result = sm.train(task, sm.Agent(), episodes=4, restarts=2, seed=0)
    loaded = sm.Result.load(result.save(tmp_path / "result"))
    assert loaded.task.digest() == task.digest()
    assert differing(loaded, result, WHOLE) == []
    for twin in (pickle.loads(pickle.dumps(task)), copy.deepcopy(task), copy.copy(task)):
        assert twin.digest() == task.digest()
        with pytest.raises(ValueError, match="read-only"):
            twin.reward[0, 0] = 5.0
        with pytest.raises(AttributeError, match="does not change once it is made"):
            twin.step_limit = -5
        with pytest.raises(AttributeError, match="does not change once it is made"):
            del twin.step_limit
        for thing in (twin.places, twin.memory_map, pickle.loads(pickle.dumps(twin.memory_map))):
            assert not any(table.flags.writeable for table in vars(thing).values() if isinstance(table, np.ndarray))


def test_a_memory_keeps_its_number_through_a_change_or_the_change_is_refused():
    one = {"next_state": [[2, 2]] * 3, "reward": [[1.0, 0.0]] * 3, "start": [0.5, 0.5, 0.0], "terminal": [2]}
    shared, apart = [[0, 1], [0, 1], [-1, -1]], [[0, 1], [2, 3], [-1, -1]]
    both = sm.TabularMDP(**one, memory_map=shared, changes=[(3, sm.TabularMDP(**one, memory_map=apart))])
    assert [variant.index[1].tolist() for variant in both.places.maps] == [[0, 1], [2, 3]]
    for first, later in ((shared, None), (None, shared), (apart, None), (None, [[1, 0], [3, 2], [-1, -1]])):
        with pytest.raises(ValueError, match="memory_map is given for"):
            sm.TabularMDP(**one, memory_map=first, changes=[(3, sm.TabularMDP(**one, memory_map=later))])


def test_every_array_tells_tasks_apart():
    """A field forgotten in a digest would make a sweep reuse the blocks of another task."""
    base = random_task(3, laid_down=True)
    digests = {base.digest()}
    for seed in range(4, 12):
        digests.add(random_task(seed, laid_down=True).digest())
    one = {"next_state": [[1, 1], [1, 1]], "reward": [[0.3, 0.7], [0.0, 0.0]], "terminal": [1]}
    variants = [
        {"start": 0}, {"start": 0, "reward_sd": [[1.0, 0.0], [0.0, 0.0]]}, {"start": 0, "reward_noise": "bernoulli"},
        {"starts": [0, 0]}, {"starts": [0, 0, 0]}, {"start": 0, "rewards_by_episode": [[[0.1, 0.2], [0, 0]]]},
        {"start": 0, "actions": [[False, True], [False, False]]}, {"start": 0, "memory_map": [[1, 0], [-1, -1]]},
        {"start": 0, "known_q": [[1.0, np.nan], [np.nan] * 2], "known_sigma": [[0.0, np.nan], [np.nan] * 2]},
    ]  # fmt: skip
    for variant in variants:
        digests.add(sm.TabularMDP(**one, **variant).digest())
    assert len(digests) == 9 + len(variants)


def test_gaussian_and_bernoulli_rewards_have_their_moments():
    """10⁵ rewards of one action: mean within 4 standard errors, standard deviation within 2 %."""
    for keywords, mean, sd in (
        ({"reward_sd": [[1.5], [0.0]]}, 0.3, 1.5),
        ({"reward_noise": "bernoulli"}, 0.3, np.sqrt(0.21)),
    ):
        task = sm.TabularMDP([[1], [1]], [[0.3], [0.0]], start=0, terminal=[1], **keywords)
        figures = sm.evaluate(task, sm.Agent(), np.zeros((2, 1)), np.ones((2, 1)), episodes=100_000, seed=0)
        assert abs(figures.reward - mean) < 4 * sd / np.sqrt(100_000)
        assert figures.reward_sem * np.sqrt(100_000) == pytest.approx(sd, rel=0.02)


def test_standard_errors_of_large_means():
    """Rewards of 10⁹ ± 1: the scatter is not lost to the mean."""
    task = sm.TabularMDP([[1], [1]], [[1e9], [0.0]], start=0, terminal=[1], reward_sd=[[1.0], [0.0]])
    figures = sm.evaluate(task, sm.Agent(), np.zeros((2, 1)), np.ones((2, 1)), episodes=10_000, seed=0)
    assert figures.reward_sem == pytest.approx(0.01, rel=0.05)


def test_starts_and_rewards_are_those_of_their_episode():
    """One state a trial, no noise: q̄ after each episode follows from what was laid down."""
    starts = [0, 1, 1, 0, 2]
    rewards = np.arange(20.0).reshape(5, 4, 1)
    task = sm.TabularMDP(
        np.full((4, 1), 3), np.zeros((4, 1)), starts=starts, rewards_by_episode=rewards, terminal=[3], step_limit=1
    )
    np.testing.assert_array_equal(task.start, [0.4, 0.4, 0.2, 0])
    result = sm.train(task, sm.Agent(learning_rate_q=1.0), episodes=5, restarts=2, seed=0, snapshots=(1, 2, 3, 4, 5))
    expected = np.zeros(3)
    for episode, state in enumerate(starts):
        expected[state] = rewards[episode, state, 0]
        np.testing.assert_array_equal(result.snapshot_memory_q[:, episode], np.tile(expected, (2, 1)))
    with pytest.raises(ValueError, match="lays down 5 learning episodes"):
        sm.train(task, sm.Agent(), episodes=6, restarts=1, seed=0)
    assert task.at(2).reward[0, 0, 0] == 8.0
    with pytest.raises(ValueError, match="starts: episode 1 starts in state 3, which is terminal"):
        sm.TabularMDP(np.full((4, 1), 3), np.zeros((4, 1)), starts=[0, 3], terminal=[3])
    with pytest.raises(ValueError, match="must be probabilities where reward_noise is 'bernoulli'"):
        sm.TabularMDP([[1], [1]], [[1.3], [0.0]], start=0, terminal=[1], reward_noise="bernoulli")


def test_a_variant_has_its_own_step_limit():
    long, short = (sm.tasks.maze(["S..G"], step_limit=limit) for limit in (30, 1))
    task = sm.tasks.maze(["S..G"], step_limit=30, changes=[(2, short)])
    result = sm.train(task, sm.Agent(), episodes=6, restarts=5, seed=0)
    assert (result.training_cutoffs >= 4).all()
    kernel, twin = (train(task, sm.Agent(), episodes=4, restarts=2, seed=0) for train in (sm.train, reference.train))
    assert differing(kernel, twin, WHOLE) == []
    assert long.digest() != short.digest()


def test_nothing_to_remember():
    """A task, or a variant, all of whose values are known: one learned σ has nothing to be the mean of."""
    known = {"known_q": [[0.5], [np.nan]], "known_sigma": [[0.1], [np.nan]]}
    task = sm.TabularMDP([[1], [1]], [[1.0], [0.0]], start=0, terminal=[1], **known)
    for allocation in ALLOCATIONS:
        kernel, twin = both(task, sm.Agent(allocation=allocation), 0)
        assert differing(kernel, twin, WHOLE) == []
        assert np.isfinite(kernel.scale).all() and kernel.memory_q.shape == (2, 0)
