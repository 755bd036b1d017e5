"""Ways to bring one's own finite task: what is taken for what, and what is refused."""

import itertools
import types

import numpy as np
import pytest
from same_bits import differing

import sigmalloc as sm
from sigmalloc import reference
from sigmalloc.tasks import matching

from_functions = sm.TabularMDP.from_functions


def corridor(state, action):
    return state + (1 if action == "right" else -1), -1.0


def test_outcomes_of_probability_0_make_neither_states_nor_memories():
    """A coin that never lands on its edge: the smallest example, at the right cost."""
    never = lambda state, action: [(1.0, "end", 1.0), (0.0, "edge", 5.0), (0, object(), None)]  # noqa: E731
    task = from_functions(
        never, lambda state: [] if state == "end" else ["toss"], start={"coin": 1.0, "other coin": 0.0}
    )
    assert task.state_names == ("coin", "end")
    assert task.memories.sum() == 1
    assert task.n_outcomes == 1
    agent = sm.Agent(gamma=0.5)
    alone = sm.TabularMDP([[1], [1]], [[1.0], [0.0]], start=0, terminal=[1])
    sigma = np.full((2, 1), 2.0)
    cost = sm.exact.evaluate(task, agent, np.zeros((2, 1)), sigma).cost
    assert cost == sm.exact.evaluate(alone, agent, np.zeros((2, 1)), sigma).cost > 0


def test_a_state_space_without_bound():
    with pytest.raises(ValueError, match="max_states: more than 50 states can be reached from start.*transition"):
        from_functions(lambda state, action: (state + 1, 0.0), lambda state: [0], start=0, max_states=50)
    with pytest.raises(ValueError, match="max_states: more than 100000 states"):
        from_functions(lambda state, action: (state + 1, 0.0), lambda state: [0], start=0)
    fits = from_functions(lambda state, action: ((state + 1) % 50, 0.0), lambda state: [0], start=0, max_states=50)
    assert fits.n_states == 50
    nan = float("nan")  # never equal to itself: every one is another state
    with pytest.raises(ValueError, match="max_states"):
        from_functions(lambda state, action: (state + nan, 0.0), lambda state: [0], start=0.0, max_states=9)


@pytest.mark.parametrize(
    ("transition", "actions", "keywords", "message"),
    [
        (corridor, lambda state: None, {}, r"actions\(0\) must be a sequence, got None"),
        (corridor, lambda state: "ab", {}, r"actions\(0\) must be a sequence, got 'ab'"),
        (corridor, lambda state: 2, {}, r"actions\(0\) must be a sequence, got 2"),
        (corridor, lambda state: {"left", "right"}, {}, r"actions\(0\) must be a sequence"),
        (corridor, lambda state: itertools.repeat("left"), {}, r"actions\(0\) must be a sequence"),
        (corridor, lambda state: ["left", "left"], {}, r"actions\(0\) must not give an action twice"),
        (corridor, lambda state: [["left"]], {}, r"actions\(0\): every action must be hashable"),
        (lambda s, a: ([1], 0.0), lambda state: ["go"], {}, r"transition\(0, 'go'\): every state must be hashable"),
        (
            lambda s, a: [(1.0, {}, 0.0)],
            lambda state: ["go"],
            {},
            r"transition\(0, 'go'\): every state must be hashable",
        ),
        (lambda s, a: [(0.5, 0, 0.0)], lambda state: ["go"], {}, r"transition\(0, 'go'\): probability must sum to 1"),
        (lambda s, a: [(np.nan, 0, 0.0)], lambda state: ["go"], {}, "probability must be finite"),
        (None, lambda state: ["go"], {}, "transition must be a function"),
        (corridor, ["go"], {}, "actions must be a function"),
        (corridor, lambda state: [], {}, "outcomes must have at least one state with an action"),
        (corridor, lambda state: ["left"], {"max_states": 0}, "max_states must be at least 1"),
        (corridor, lambda state: ["left"], {"start": {0: 0.0}}, "start must have at least one state"),
        (corridor, lambda state: ["left"], {"like": sm.tasks.grid_world()}, "like must be a task with state_names"),
        (corridor, lambda state: [], {"start": []}, "start: every state.* must be hashable"),
    ],
)
def test_functions_that_give_something_else(transition, actions, keywords, message):
    with pytest.raises(ValueError, match=message):
        from_functions(transition, actions, **{"start": 0, "max_states": 20, **keywords})


def test_keywords_that_are_unknown_or_settled():
    walk = {"transition": corridor, "actions": lambda state: ["left"], "start": 0}
    for make, given in (
        (sm.TabularMDP.from_dense, {"transitions": [[[1.0]]], "rewards": [[1.0]], "start": 0}),
        (from_functions, walk),
        (sm.TabularMDP.from_outcomes, {"outcomes": [[[(1, 1, 0.0)]], []], "start": 0}),
        (sm.tasks.maze, {"layout": ("S.G",)}),
    ):
        with pytest.raises(ValueError, match="unknown keyword 'max_steps'; did you mean 'step_limit'?"):
            make(**given, max_steps=5)
        with pytest.raises(ValueError, match="probability is settled by (transition|outcomes|layout)"):
            make(**given, probability=[[1.0]])
    with pytest.raises(ValueError, match="actions is settled by layout"):
        sm.tasks.maze(("S.G",), actions=np.ones((3, 4), dtype=bool))


def test_errors_of_the_functions_themselves_come_through():
    with pytest.raises(ZeroDivisionError):
        from_functions(lambda state, action: 1 / 0, lambda state: [0], start=0)


def test_states_of_the_same_name_are_told_apart():
    task = from_functions(lambda state, action: ("1", 0.0), lambda state: [0] if state == 1 else [], start=1)
    assert task.state_names == ("1", "'1'")


ARMS = (("a", "b"), ("b", "a"))


def test_actions_get_their_names():
    task = from_functions(lambda s, a: ("end", ord(a)), lambda s: [] if s == "end" else ["b", "a"], start="go")
    assert task.action_names == ("b", "a")
    assert dict(zip(task.action_names, task.reward[0, :, 0], strict=True)) == {"a": 97.0, "b": 98.0}
    named = from_functions(
        lambda s, a: ("end", ord(a)), lambda s: [] if s == "end" else ["b", "a"], start="go", action_names=("a", "b")
    )
    np.testing.assert_array_equal(named.reward[0, :, 0], [97.0, 98.0])
    numbered = from_functions(
        lambda s, a: ("end", float(a)), lambda s: [] if s == "end" else [1, 0], start="go", action_names=("x", "y")
    )
    np.testing.assert_array_equal(numbered.reward[0, :, 0], [0.0, 1.0])
    moves = from_functions(
        lambda s, a: ("end", float(a[0])), lambda s: [] if s == "end" else [(1, 0), (2, 0)], start="go",
        action_names=("one", "two"),
    )  # fmt: skip
    np.testing.assert_array_equal(moves.reward[0, :, 0], [1.0, 2.0])
    told = from_functions(
        lambda s, a: ("end", float(a[0])), lambda s: [] if s == "end" else [(1, 0), (2, 0)], start="go",
        action_names={(2, 0): "two", (1, 0): "one"},
    )  # fmt: skip
    assert told.action_names == ("two", "one")
    np.testing.assert_array_equal(told.reward[0, :, 0], [2.0, 1.0])


def gaps(**keywords):
    """A corridor of five places whose ends have one way out each; the goal is on the right."""
    ways = {0: ("right",), 4: ()}
    return from_functions(
        lambda s, a: (s + (1 if a == "right" else -1), 5.0 if (s, a) == (3, "right") else -1.0),
        lambda s: ways.get(s, ("left", "right")), start=0, **keywords,
    )  # fmt: skip


def test_an_action_keeps_its_column_where_others_are_missing():
    for task in (gaps(action_names=("left", "right")), gaps(action_names=("left", "stay", "right"))):
        right = task.action_names.index("right")
        np.testing.assert_array_equal(np.flatnonzero(task.exists[0]), [right])
        assert task.next_state[0, right, 0] == 1
        assert task.exists[1, task.action_names.index("left")]
        assert task.memories.sum() == 7
        assert task.optimal_q()[0, right] == 2.0
    assert gaps().action_names == ("right", "left")  # as they are met
    for names in ({"action_names": ("stay", "go")}, {}):
        numbered = from_functions(
            lambda s, a: (s + a, -1.0), lambda s: [1] if s == 0 else [0, 1] if s < 3 else [], start=0, **names
        )
        np.testing.assert_array_equal(numbered.exists[0], [False, True])
    assert numbered.action_names == ("0", "1")


def test_what_is_learned_does_not_depend_on_the_columns():
    """The kernel, its twin and the exact solver know the missing action in whatever column it is."""
    first, last = gaps(action_names=("right", "left")), gaps(action_names=("left", "right"))
    agent = sm.Agent(gamma=0.9, n_trajectories=3)
    asked = {"episodes": 5, "restarts": 2, "seed": 1, "evaluate_every": 2, "evaluation_episodes": 3}
    assert differing(sm.train(last, agent, **asked), reference.train(last, agent, **asked)) == []
    rng = np.random.default_rng(0)
    q, sigma = rng.normal(size=(5, 2)), rng.uniform(0.5, 2, size=(5, 2))
    for policy in ("soft", "hard"):
        values = [
            sm.exact.evaluate(task, agent, q[:, order], sigma[:, order], policy=policy)
            for task, order in ((first, [0, 1]), (last, [1, 0]))
        ]
        assert values[0].objective == pytest.approx(values[1].objective, rel=1e-10)
    simulated = sm.evaluate(last, agent, q[:, ::-1], sigma[:, ::-1], episodes=5000, seed=0)
    exact = sm.exact.evaluate(last, agent, q[:, ::-1], sigma[:, ::-1])
    assert abs(simulated.reward - exact.reward) < 4 * simulated.reward_sem
    assert simulated.visits[0, 0] == 0


def test_names_that_could_be_of_any_action_are_refused():
    for names, actions in ((("links", "rechts"), ARMS), (("one",), ARMS), ({"a": "A"}, ARMS)):
        with pytest.raises(ValueError, match="action_names"):
            from_functions(
                lambda s, a: (s + 1, 0.0), lambda s, actions=actions: actions[s] if s < 2 else (), start=0,
                action_names=names,
            )  # fmt: skip
    opaque = (((0, 1), (1, 0)), ((1, 0), (0, 1)))
    with pytest.raises(ValueError, match="action_names: it is not clear.*dict"):
        from_functions(
            lambda s, a: (s + 1, 0.0), lambda s: opaque[s] if s < 2 else (), start=0, action_names=("x", "y")
        )


def test_dense_axes():
    rng = np.random.default_rng(0)
    dense = rng.dirichlet(np.ones(4), size=(4, 3))
    dense[3], gains = np.eye(4)[3], rng.normal(size=(4, 3, 4))
    one = sm.TabularMDP.from_dense(dense, gains, start=0, terminal=[3])
    other = sm.TabularMDP.from_dense(
        dense.transpose(1, 0, 2), gains.transpose(1, 0, 2), axes="ASS", start=0, terminal=[3]
    )
    for name in ("next_state", "reward", "probability"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    by_action = sm.TabularMDP.from_dense(dense.transpose(1, 0, 2), gains[:, :, 0], axes="ASS", start=0, terminal=[3])
    np.testing.assert_array_equal(by_action.reward[0, :, 0], gains[0, :, 0])
    with pytest.raises(
        ValueError, match=r'\(states, actions, states\) with axes="SAS", got \(3, 4, 4\); with axes="ASS"'
    ):
        sm.TabularMDP.from_dense(dense.transpose(1, 0, 2), gains, start=0)
    with pytest.raises(ValueError, match="axes must be one of 'SAS', 'ASS', got 'SSA'"):
        sm.TabularMDP.from_dense(dense, gains, axes="SSA", start=0)
    with pytest.raises(ValueError, match=r"rewards must have shape \(states, actions\) = \(4, 3\)"):
        sm.TabularMDP.from_dense(dense, gains[:, 0], start=0)
    square = np.array([[[0.9, 0.5]], [[0.1, 0.5]]])
    with pytest.raises(ValueError, match=r"probability of state 0, action 0 must sum to 1.*over the states before"):
        sm.TabularMDP.from_dense(square, [[0.0], [0.0]], start=0)


def test_rewards_of_minus_infinity_are_actions_that_do_not_exist():
    dense = np.zeros((3, 2, 3))
    dense[:, :, 2] = 1
    gains = np.array([[1.0, 2.0], [3.0, -np.inf], [-np.inf, -np.inf]])
    start = [0.5, 0.5, 0.0]
    task = sm.TabularMDP.from_dense(dense, gains, start=start)
    np.testing.assert_array_equal(task.exists, [[True, True], [True, False], [False, False]])
    np.testing.assert_array_equal(task.terminal, [False, False, True])
    dense[1, 1] = 0  # as QuantEcon writes them
    np.testing.assert_array_equal(sm.TabularMDP.from_dense(dense, gains, start=start).exists, task.exists)
    full = np.where(dense > 0, gains[:, :, None], -np.inf)  # where one never goes
    np.testing.assert_array_equal(sm.TabularMDP.from_dense(dense, full, start=start).exists, task.exists)
    gap = sm.TabularMDP.from_dense(dense, np.where(gains == 1.0, -np.inf, gains), start=start)
    np.testing.assert_array_equal(gap.exists, [[False, True], [True, False], [False, False]])
    with pytest.raises(ValueError, match="rewards of state 0, action 0 are -inf for some of the next states only"):
        sm.TabularMDP.from_dense([[[0.5, 0.5]], [[0.0, 1.0]]], [[[-np.inf, 0.0]], [[0.0, 0.0]]], start=0, terminal=[1])
    with pytest.raises(ValueError, match="rewards must be finite"):
        sm.TabularMDP.from_dense(dense, np.where(np.isinf(gains), np.inf, gains), start=start)
    with pytest.raises(ValueError, match="action_counts must not be given"):
        sm.TabularMDP.from_dense(dense, gains, start=start, action_counts=[2, 1, 0])


def test_outcomes_by_number_of_action():
    by_list = sm.TabularMDP.from_outcomes([[[(1, 1, 0.0)], [(1, 1, 2.0)]], []], start=0)
    by_dict = sm.TabularMDP.from_outcomes([{1: [(1, 1, 2.0)], 0: [(1, 1, 0.0)]}, {}], start=0)
    np.testing.assert_array_equal(by_list.reward, by_dict.reward)
    wider = sm.TabularMDP.from_outcomes([[[(1, 1, 0.0)], None], []], start=0, n_actions=3)
    assert (wider.n_actions, wider.memories.sum()) == (3, 1)
    for bad in ([{-1: [(1, 1, 0.0)]}, {}], [{"a": [(1, 1, 0.0)]}, {}], [{0.0: [(1, 1, 0.0)]}, {}], [[None], []]):
        with pytest.raises(ValueError, match="outcomes"):
            sm.TabularMDP.from_outcomes(bad, start=0)
    gap = sm.TabularMDP.from_outcomes([[None, [(1, 1, 2.0)]], {}], start=0)
    np.testing.assert_array_equal(gap.exists, [[False, True], [False, False]])
    assert gap.reward[0, 1, 0] == 2.0
    with pytest.raises(ValueError, match="n_actions must be at least 2"):
        sm.TabularMDP.from_outcomes([[[(1, 1, 0.0)]] * 2, []], start=0, n_actions=1)


def test_maze_characters():
    lake = sm.tasks.maze(("SFFF", "FHFH", "FFFH", "HFFG"))
    assert lake.memories.sum() == 11 * 4
    assert lake.layout == ("S...", ".H.H", "...H", "H..G")
    into_hole, into_goal = lake.reward[1, 1, 0], lake.reward[14, 3, 0]
    assert (into_hole, into_goal) == (-1.0, 10.0)
    theirs = sm.tasks.from_gymnasium("FrozenLake-v1", is_slippery=False)
    mine = {0: 2, 1: 1, 2: 3, 3: 0}  # left, down, right, up
    for action, column in mine.items():
        np.testing.assert_array_equal(lake.next_state[~lake.terminal, column, 0],
                                      theirs.next_state[~lake.terminal, action, 0])  # fmt: skip
    for row, message in {
        "S.g": "'g' in row 1, column 2 is none of .*did you mean 'G'", "S w": "' ' in row 1, column 1",
        "S.O": "'O'", "s.G": "'s'", "S.X": "'X'", "S.\0": "layout", "Sé.": "'é'",
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=f"layout: {message}" if message != "layout" else "layout"):
            sm.tasks.maze(("..G", row))
    with pytest.raises(ValueError, match="layout has no start.*start="):
        sm.tasks.maze(("..G",))
    assert sm.tasks.maze(("..G",), start=1).start.argmax() == 1


COMPARED = (
    "n_states", "n_actions", "horizon", "layout", "action_names", "state_names", "terminal", "exists", "known",
    "known_q", "known_sigma",
)  # fmt: skip


def like_a_task(**changes):
    task = sm.tasks.maze(("S.G", "..."))
    return types.SimpleNamespace(**{name: getattr(task, name) for name in COMPARED} | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_states": 7}, "must have 6 states and 4 actions, got 7 and 4"),
        ({"horizon": 2}, "must have horizon None, got 2"),
        ({"layout": ("S.", "G.", "..")}, "layout of 2 × 3 cells, as before: got 3 × 2"),
        ({"action_names": ("up", "down", "right", "left")}, "action 2 was 'left' and would go on as 'right'"),
        ({"action_names": None}, "action_names are given before and not from then on"),
        ({"state_names": tuple("abcdef")}, "state_names are given from then on and not before"),
        ({"exists": np.zeros((6, 4), dtype=bool)}, r"same actions \(action_counts\) as before; in state 0"),
        ({"known": np.ones((6, 4), dtype=bool)}, "the known memories differ"),
    ],
)
def test_variants_that_do_not_match(changes, message):
    first = sm.tasks.maze(("S.G", "..."))
    with pytest.raises(ValueError, match=f"changes: the task from episode 5 .*{message}"):
        matching.check_variants(first, like_a_task(**changes), 5)


def test_variants_that_match():
    first = sm.tasks.maze(("S.G", "..."))
    matching.check_variants(first, sm.tasks.maze(("..S", "G..")), 5)
    matching.check_variants(first, like_a_task(layout=None), 5)


def made(start, **keywords):
    walk = lambda state: ("left", "right") if 0 < state < 6 else ()  # noqa: E731
    return from_functions(corridor, walk, start=start, **keywords)


def test_numbering_from_another_start():
    first, other = made(3), made(5)
    assert first.state_names[:3] == ("3", "2", "4")
    with pytest.raises(ValueError, match="state 0 was '3' and would go on as '5'; .*like=first task"):
        matching.check_variants(first, other, 10)
    alike = made(5, like=first)
    matching.check_variants(first, alike, 10)
    assert alike.state_names == first.state_names
    assert first.state_names[alike.start.argmax()] == "5"
    for name in ("next_state", "reward", "terminal"):
        np.testing.assert_array_equal(getattr(alike, name), getattr(first, name))
    with pytest.raises(ValueError, match="like: the state '7' is not one of the 7 states"):
        from_functions(lambda s, a: (7, 0.0), lambda s: ["left"] if s == 5 else [], start=5, like=first)
