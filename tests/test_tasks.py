"""The tasks that come with the package, and the ways to bring another one."""

import numpy as np
import pytest

import sigmalloc as sm

gymnasium = pytest.importorskip("gymnasium")

TAXI, CLIFF = (sm.tasks.newest_gymnasium_id(name) for name in ("Taxi", "CliffWalking"))


def greedy_return(task, limit=1000):
    """Undiscounted return of the optimal policy of a task whose outcomes are certain."""
    q = np.where(task.exists, task.optimal_q(), -np.inf)
    state, total = int(task.start.argmax()), 0.0
    for _ in range(limit):
        if task.terminal[state]:
            return total
        action = q[state].argmax()
        total += task.reward[state, action, 0]
        state = task.next_state[state, action, 0]
    raise AssertionError("the optimal policy does not end")


def test_grid_world():
    task = sm.tasks.grid_world()
    assert (task.n_states, task.n_actions, task.n_outcomes) == (54, 4, 1)
    assert task.memories.sum() == 184
    assert task.terminal.sum() == 8
    assert (task.start.argmax(), task.start.max()) == (18, 1.0)
    assert task.action_names == ("up", "down", "left", "right")
    assert greedy_return(task) == -3.0
    assert task.optimal_q()[18].max() == -3.0
    goal = task.layout[0].index("G")
    into = np.argwhere(task.reward[:, :, 0] == 10.0)
    np.testing.assert_array_equal(into, [[9 + goal, 0]])  # only from below: a wall is on the left
    assert set(task.reward[task.exists].ravel()) == {-1.0, 10.0}


def test_changing_grid_world():
    task = sm.tasks.grid_world(change_at=3000)
    assert task.at(2999) is task
    changed = task.at(3000)
    assert changed is task.changes[0][1]
    assert changed.memories.sum() == 188
    assert greedy_return(changed) == 3.0
    assert greedy_return(task.unchanging()) == -3.0
    assert changed.layout[0] == "......G.."
    union = task.memories | changed.memories
    assert union.sum() == 192  # the old goal, the old wall and, before the change, the new goal


@pytest.mark.parametrize(("moves", "mean"), [(3, 200 / 3), (4, 220 / 3), (5, 245 / 3)])
def test_planning_optimum(moves, mean):
    task = sm.tasks.planning(moves)
    best = task.optimal_q()[:6].max(axis=1)
    if moves == 3:
        np.testing.assert_array_equal(best, [100, 0, 50, 50, 100, 100])
    assert best.mean() == pytest.approx(mean, abs=1e-12)
    np.testing.assert_allclose(task.start[:6], 1 / 6)
    assert task.memories.sum() == 12 * moves
    assert task.horizon == moves


def test_planning_memories():
    assert sm.tasks.planning(3).memories.sum() == 36
    known = sm.tasks.planning(3, known_last_move=True)
    assert known.memories.sum() == 24
    last = slice(12, 18)
    np.testing.assert_array_equal(known.known_q[last], known.reward[last, :, 0])
    np.testing.assert_array_equal(known.known_sigma[last], 1.0)
    assert np.isnan(known.known_q[:12]).all() and np.isnan(known.known_sigma[:12]).all()
    np.testing.assert_array_equal(known.optimal_q(), sm.tasks.planning(3).optimal_q())


def dense(task):
    """P(s' | s, a) and the expected reward."""
    full = np.zeros((task.n_states, task.n_actions, task.n_states))
    s, a, _ = np.indices(task.next_state.shape)
    np.add.at(full, (s, a, task.next_state), task.probability)
    return full, (task.probability * task.reward).sum(axis=2)


WALK = {
    # three states and an end; state 1 has one action
    0: {"stay": [(0.5, 0, -1.0), (0.5, 1, 0.0)], "go": [(0.2, 1, 1.0), (0.3, 2, 2.0), (0.5, 3, 3.0)]},
    1: {"stay": [(1.0, 2, -2.0)]},
    2: {"stay": [(0.9, 2, -0.5), (0.1, 3, 0.0)], "go": [(0.25, 0, 1.0), (0.75, 3, 5.0)]},
    3: {},
}


def made_in_all_ways():
    outcomes = [list(row.values()) for row in WALK.values()]
    transitions, rewards = np.zeros((4, 2, 4)), np.zeros((4, 2, 4))
    for s, row in enumerate(outcomes):
        for a, entry in enumerate(row):
            for chance, following, gain in entry:
                transitions[s, a, following], rewards[s, a, following] = chance, gain
    counts = [2, 1, 2, 0]
    arrays = {"start": 0, "terminal": [3], "action_counts": counts}
    return {
        "from_outcomes": sm.TabularMDP.from_outcomes(outcomes, start=0),
        "from_dense": sm.TabularMDP.from_dense(transitions, rewards, **arrays),
        "from_functions": sm.TabularMDP.from_functions(
            lambda state, action: WALK[state][action], lambda state: list(WALK[state]), start=0
        ),
    }


def test_all_ways_make_the_same_mdp():
    made = made_in_all_ways()
    first = made["from_outcomes"]
    agent = sm.Agent(gamma=0.9)
    trained = sm.train(first, agent, episodes=50, restarts=2, seed=3)
    for way, task in made.items():
        for mine, theirs in zip(dense(task), dense(first), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-15, err_msg=way)
        for name in ("start", "terminal", "action_counts", "memories", "exists"):
            np.testing.assert_array_equal(getattr(task, name), getattr(first, name), err_msg=f"{way}: {name}")
        np.testing.assert_allclose(task.optimal_q(0.9), first.optimal_q(0.9), rtol=1e-12, err_msg=way)
        again = sm.train(task, agent, episodes=50, restarts=2, seed=3)
        np.testing.assert_array_equal(again.q, trained.q, err_msg=way)
        np.testing.assert_array_equal(again.sigma, trained.sigma, err_msg=way)


def test_optimal_q_solves_the_bellman_equation():
    task = made_in_all_ways()["from_dense"]
    q = task.optimal_q(0.9)
    value = np.where(task.exists, q, -np.inf).max(axis=1)
    value[3] = 0
    transitions, gain = dense(task)
    expected = np.where(task.exists, gain + 0.9 * transitions @ value, 0.0)
    np.testing.assert_allclose(q, expected, atol=1e-10)


def test_equal_outcomes_are_merged():
    third = [(1 / 3, 1, 0.0)] * 3
    task = sm.TabularMDP.from_outcomes([[third, [(0.5, 1, 1.0), (0.5, 1, 2.0)]], []], start=0)
    assert task.n_outcomes == 2
    np.testing.assert_array_equal(task.probability[0], [[1.0, 0.0], [0.5, 0.5]])
    rounded = sm.TabularMDP.from_outcomes([[[(0.3333333, 1, 0.0), (0.6666666, 0, 0.0)]], []], start=0)
    assert rounded.probability[0, 0].sum() == pytest.approx(1, abs=1e-15)


def test_from_functions_finds_states_breadth_first():
    task = sm.TabularMDP.from_functions(
        lambda place, step: (place + step, -1.0), lambda place: (1, 2) if place < 4 else (), start={0: 0.25, 1: 0.75}
    )
    assert task.state_names == ("0", "1", "2", "3", "4", "5")
    np.testing.assert_array_equal(task.start, [0.25, 0.75, 0, 0, 0, 0])
    np.testing.assert_array_equal(task.terminal, [False] * 4 + [True] * 2)
    assert task.memories.sum() == 8


def test_rounded_probabilities_are_normalised_everywhere():
    thirds = np.full((1, 1, 3), 0.3333)
    tables = {"next_state": np.zeros((3, 1, 3), dtype=int), "reward": np.zeros((3, 1, 3)), "terminal": [2]}
    task = sm.TabularMDP(**tables, probability=np.repeat(thirds, 3, axis=0), start=[0.3333, 0.6666, 0.0])
    np.testing.assert_allclose(task.probability[:2], 1 / 3, rtol=1e-15)
    np.testing.assert_allclose(task.start, [1 / 3, 2 / 3, 0], rtol=1e-15)
    dense = sm.TabularMDP.from_dense(np.repeat(thirds, 3, axis=0), np.zeros((3, 1)), start=0, terminal=[2])
    np.testing.assert_allclose(dense.probability[:2], 1 / 3, rtol=1e-15)


def test_variants_that_are_numbered_otherwise_are_refused():
    make = lambda start, **keywords: sm.TabularMDP.from_functions(  # noqa: E731
        lambda s, a: (s + a, -1.0), lambda s: (1, 2) if s < 4 else (), start=start, **keywords
    )
    first = make(0)
    with pytest.raises(ValueError, match="changes: .*6 states.*got 3 and 2.*like=first task"):
        make(0, changes=[(5, make(3))])
    with pytest.raises(ValueError, match="changes: .*state_names.*state 0 was '0' and would go on as '2'.*like=first"):
        make(0, changes=[(5, make({2: 0.5, 0: 0.5}))])
    task = make(0, changes=[(5, make(2, like=first))])
    assert task.changes[0][1].start.argmax() == task.state_names.index("2")
    with pytest.raises(ValueError, match="state_names are given before and not from then on"):
        make(0, changes=[(5, make({0: 0.5, 2: 0.5}, state_names=None))])
    with pytest.raises(ValueError, match="changes: .*layout of 2 × 3 cells"):
        sm.tasks.maze(("S.G", "..."), changes=[(5, sm.tasks.maze(("S.", "..", "G.")))])


def test_optimal_q_that_does_not_converge():
    for_ever = sm.TabularMDP([[0, 1], [1, 1]], [[1.0, 0.0], [0.0, 0.0]], start=0, terminal=[1], name="money pump")
    with pytest.raises(ValueError, match="money pump.*did not converge.*gamma=1"):
        for_ever.optimal_q(max_iterations=1000)
    np.testing.assert_allclose(for_ever.optimal_q(0.9)[0], [10.0, 0.0], rtol=1e-9)


ENVIRONMENTS = {
    "frozen-lake": ("FrozenLake-v1", {}, 100, 11 * 4),
    "frozen-lake-8x8": ("FrozenLake8x8-v1", {}, 200, None),
    "cliff-walking": (CLIFF, {"max_episode_steps": 100}, 100, 37 * 4),
    "taxi": (TAXI, {}, 200, None),
}
environments = pytest.mark.parametrize(
    ("id_", "options", "limit", "memories"), ENVIRONMENTS.values(), ids=ENVIRONMENTS.keys()
)


@environments
def test_from_gymnasium_tables(id_, options, limit, memories):
    env = gymnasium.make(id_, **options)
    task = sm.tasks.from_gymnasium(env)
    table = env.unwrapped.P
    assert task.name == id_
    assert task.step_limit == limit
    assert task.n_actions == env.action_space.n
    n = len(table)
    start = np.asarray(env.unwrapped.initial_state_distrib)
    np.testing.assert_allclose(task.start[:n], start / start.sum(), rtol=1e-12)
    if memories is not None:
        assert task.memories.sum() == memories

    reached, frontier = set(np.flatnonzero(start).tolist()), np.flatnonzero(start).tolist()
    ends = set()
    while frontier:
        state = frontier.pop()
        for entry in table[state].values():
            for chance, following, _, ended in entry:
                if not chance:
                    continue
                if ended:
                    ends.add(int(following))
                elif following not in reached:
                    reached.add(int(following))
                    frontier.append(int(following))
    np.testing.assert_array_equal(np.flatnonzero(~task.terminal), sorted(reached))
    assert task.memories.sum() == len(reached) * task.n_actions  # none where an episode never comes

    transitions, gain = dense(task)
    for state in reached:
        for action, entry in table[state].items():
            total = sum(chance for chance, *_ in entry)
            assert gain[state, action] == pytest.approx(sum(p * r for p, _, r, _ in entry) / total, abs=1e-12)
            going = np.zeros(n)
            ending = 0.0
            for chance, following, _, ended in entry:
                if ended:
                    ending += chance / total
                else:
                    going[following] += chance / total
            mine = transitions[state, action]
            np.testing.assert_allclose(np.where(task.terminal[:n], 0, mine[:n]), going, atol=1e-12)
            assert mine[task.terminal].sum() == pytest.approx(ending, abs=1e-12)
    for end in ends - reached:
        assert task.terminal[end]
    env.close()


def test_unreachable_states_have_no_memories():
    task = sm.tasks.from_gymnasium(CLIFF)
    # the cliff sends the walker back to the start: nobody ever acts there, nor at the goal
    assert task.terminal[37:48].all()
    assert not task.memories[37:48].any()
    assert not task.terminal[:37].any()
    taxi = sm.tasks.from_gymnasium(TAXI)
    assert taxi.memories.sum() == 400 * 6  # of 500 states, as in its documentation: 400 are met on the way
    assert sm.tasks.from_gymnasium("FrozenLake-v1").memories.sum() == 44


def test_cliff_walking_and_taxi_optima():
    assert greedy_return(sm.tasks.from_gymnasium(CLIFF)) == -13.0
    task = sm.tasks.from_gymnasium(TAXI)
    best = (
        task.start[: task.n_states] * np.where(task.exists, task.optimal_q(), -np.inf).max(axis=1, initial=-99)
    ).sum()
    assert best == pytest.approx(7.93, abs=0.01)  # the mean return of optimal driving, well known


def test_overrides():
    task = sm.tasks.from_gymnasium("FrozenLake-v1", step_limit=7, name="lake")
    assert (task.step_limit, task.name) == (7, "lake")
    with pytest.raises(ValueError, match="env: .*no table P"):
        sm.tasks.from_gymnasium("CartPole-v1")
    with pytest.raises(ValueError, match="env: .*NoSuchLake-v1"):
        sm.tasks.from_gymnasium("NoSuchLake-v1")


def random_returns(env, episodes, seed):
    """Returns of uniformly random actions, simulated by Gymnasium."""
    actions = np.random.default_rng(seed)
    returns = np.zeros(episodes)
    for i in range(episodes):
        env.reset(seed=seed if i == 0 else None)
        done = False
        while not done:
            _, reward, terminated, truncated, _ = env.step(int(actions.integers(env.action_space.n)))
            returns[i] += reward
            done = terminated or truncated
    return returns


@pytest.mark.parametrize(
    ("id_", "options", "episodes"),
    [
        ("FrozenLake-v1", {}, 4000),
        ("FrozenLake-v1", {"is_slippery": False}, 4000),
        (CLIFF, {"max_episode_steps": 60}, 600),
        pytest.param(
            CLIFF,
            {"max_episode_steps": 60, "is_slippery": True},
            400,
            marks=pytest.mark.skipif(CLIFF.endswith("v0"), reason="this Gymnasium's cliff is never slippery"),
        ),
        (TAXI, {}, 150),
    ],
)
def test_random_policy_earns_what_gymnasium_says(id_, options, episodes):
    env = gymnasium.make(id_, **options)
    theirs = random_returns(env, episodes, seed=11)
    task = sm.tasks.from_gymnasium(env)
    q = np.zeros((task.n_states, task.n_actions))
    q[:, 0] = 1.0  # drowned by σ
    mine = sm.evaluate(task, sm.Agent(), q, np.full(q.shape, 1e6), episodes=20_000, seed=5)
    error = np.hypot(theirs.std(ddof=1) / np.sqrt(episodes), mine.reward_sem)
    assert abs(theirs.mean() - mine.reward) < 4 * error
    env.close()
