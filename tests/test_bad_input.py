"""Bad input is refused with a ValueError that names it, before any work starts."""

import re

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc.runs import engine

NAN, INF = float("nan"), float("inf")
HUGE = 10**400  # an integer that no float can hold
NOT_NUMBERS = ("1", None, [1.0], 1j, True)
NOT_FINITE = (NAN, INF, -INF, HUGE, np.float64("nan"))
RAGGED = [[1, 2], [3]]


@pytest.fixture(autouse=True)
def no_work(monkeypatch):
    """The kernel must not be reached."""
    monkeypatch.setattr(engine, "run", lambda *args, **keywords: pytest.fail("work was started"))


def refused(name, function, /, *args, **keywords):
    """The call raises a ValueError whose message has the name as a word."""
    with pytest.raises(ValueError) as caught:
        function(*args, **keywords)
    assert type(caught.value) is ValueError
    assert re.search(rf"(?<!\w){re.escape(name)}(?!\w)", str(caught.value)), f"{name!r} not in {caught.value}"


def cases(table):
    """(field, value) pairs, with readable ids."""
    return [
        pytest.param(name, value, id=f"{name}-{i}-{type(value).__name__}")
        for name, values in table.items()
        for i, value in enumerate(values)
    ]


POSITIVE = (0, 0.0, -1, -1e-300)
NEGATIVE = (-1, -1e-300)
AGENT = {
    "learning_rate_q": (*NOT_NUMBERS, *NOT_FINITE, *POSITIVE, 1.0000001),
    "learning_rate_sigma": (*NOT_NUMBERS, *NOT_FINITE, *NEGATIVE),
    "beta": (*NOT_NUMBERS, *NOT_FINITE, *POSITIVE, 1e-101, 1e101),
    "beta_0": ("1", [1.0], 1j, True, *NOT_FINITE, *POSITIVE, 1e-101, 10.5),
    "beta_rate": (*NOT_NUMBERS, *NOT_FINITE, *NEGATIVE, 0.1),
    "gamma": (*NOT_NUMBERS, *NOT_FINITE, *NEGATIVE, 1.0000001),
    "lam": (*NOT_NUMBERS, *NOT_FINITE, *NEGATIVE),
    "sigma_base": (*NOT_NUMBERS, *NOT_FINITE, *POSITIVE, 1e101),
    "sigma_0": (*NOT_NUMBERS, *NOT_FINITE, *POSITIVE, 0.001, 101.0),
    "sigma_min": (*NOT_NUMBERS, *NOT_FINITE, *POSITIVE, 4.0, 200.0),
    "sigma_max": (*NOT_NUMBERS, *NOT_FINITE, *POSITIVE, 2.0, 0.001, 1e101),
    "q_init": (
        "1",
        None,
        1j,
        True,
        *NOT_FINITE,
        1e200,
        [1.0],
        (1, 2, 3),
        (),
        (2, 1),
        (1, 1),
        (0, NAN),
        (0, INF),
        ("0", 1),
    ),
    "n_trajectories": (*NOT_NUMBERS, *NOT_FINITE, 0, -1, 1.5, 10.0, 10**7),
    "gradient": ("", "Advantage", "advantag", None, 0, NAN, True, ["advantage"], b"advantage"),
    "allocation": ("", "DRA", "unknown", None, 0, NAN, True, ["dra"]),
    "learn_q": (0, 1, "True", None, NAN, []),
    "search_budget": ("1", [1.0], 1j, True, *NOT_FINITE, *POSITIVE, 100.1),
    "planner": ("", "depth_first", "rollout", None, 0, NAN, True, ["rollouts"]),
    "reward_rate": (0, 1, "True", None, NAN, []),
    "decision_time": (*NOT_NUMBERS, *NOT_FINITE, *NEGATIVE),
    "non_decision_time": (*NOT_NUMBERS, *NOT_FINITE, *POSITIVE),
    "samples": (*NOT_NUMBERS, *NOT_FINITE, *POSITIVE, 0.99, 100.1),
    "learn_samples": ("", "No", "both", None, 0, NAN, True, ["no"]),
    "samples_max": (*NOT_NUMBERS, *NOT_FINITE, *POSITIVE, 0.99, 1.1e9),
    "sample_correlation": (*NOT_NUMBERS, *NOT_FINITE, *NEGATIVE, 1.01),
    "sample_time": (*NOT_NUMBERS, *NOT_FINITE, *NEGATIVE),
    "opportunity_cost": (*NOT_NUMBERS, *NOT_FINITE, *NEGATIVE),
    "learning_rate_samples": (*NOT_NUMBERS, *NOT_FINITE, *NEGATIVE),
    "learn_opportunity_cost": (0, 1, "True", None, NAN, []),
    "learning_rate_opportunity_cost": (*NOT_NUMBERS, *NOT_FINITE, *POSITIVE, 1.1),
    "learn_search_budget": (0, 1, "True", None, NAN, []),
    "learning_rate_search_budget": (*NOT_NUMBERS, *NOT_FINITE, *NEGATIVE),
    "search_budget_max": (*NOT_NUMBERS, *NOT_FINITE, *POSITIVE, 100.1),
}


def test_every_field_of_the_agent_is_covered():
    assert set(AGENT) == set(sm.Agent().to_dict())


@pytest.mark.parametrize(("name", "value"), cases(AGENT))
def test_agent(name, value):
    refused(name, sm.Agent, **{name: value})
    refused(name, sm.Agent().replace, **{name: value})
    refused(name, sm.Agent.table_b1, "grid-world", **{name: value})


def test_agent_unknown_names():
    refused("sigma_zero", sm.Agent().replace, sigma_zero=1)
    refused("sigma_zero", sm.Agent.table_b1, "grid-world", sigma_zero=1)
    refused("sigma_zero", sm.Agent.scripts, "grid-world", sigma_zero=1)
    for task in ("gridworld", "", None, 3):
        refused("task", sm.Agent.table_b1, task)
        refused("task", sm.Agent.scripts, task)


def mdp(**changes):
    """Three states, two actions, two outcomes; the last state ends an episode."""
    given = {
        "next_state": [[[1, 0], [0, 2]], [[2, 0], [0, 2]], [[2, 2], [2, 2]]],
        "reward": [[[0.0, 1.0]] * 2] * 3,
        "probability": [[[0.25, 0.75]] * 2] * 3,
        "start": 0,
        "terminal": [2],
    }
    return sm.TabularMDP(**{**given, **changes})


def filled(value):
    """An array of the shape of the tables with one odd entry."""
    table = np.full((3, 2, 2), 0.5)
    table[0, 1, 0] = value
    return table


MDP = {
    "next_state": (
        None, 1, "states", [], [[]], [1, 2], RAGGED, [["a", "b"]] * 3, np.zeros((3, 2, 2)),
        np.zeros((3, 2, 2), dtype=bool),
        np.full((3, 2, 2), NAN), np.full((3, 2, 2), 3), np.full((3, 2, 2), -1), np.zeros((3, 2, 2, 1), dtype=int),
        np.zeros((0, 2, 2), dtype=int), np.zeros((3, 2, 2), dtype=complex), {}, [[HUGE, 0]] * 3,
    ),
    "reward": (
        None, 1.0, "1", [], RAGGED, filled(NAN), filled(INF), filled(-INF), np.zeros((3, 2, 1)), np.zeros((2, 2, 2)),
        np.zeros((3, 2, 2), dtype=complex), np.zeros((3, 2, 2), dtype=bool), np.full((3, 2), "1"), [[None, None]] * 3,
        {}, np.ma.masked_equal(np.full((3, 2), -999.0), -999.0), [[0.0, True]] * 3,
    ),
    "probability": (
        None, 1.0, "1", [], RAGGED, filled(NAN), filled(INF), filled(-0.5), filled(0.4), filled(0.6),
        np.zeros((3, 2, 2)),
        np.ones((3, 2)), np.ones((3, 2, 2)), np.ones((3, 2, 2), dtype=bool), np.full((3, 2, 2), "0.5"), {},
        [[[1.5, -0.5]] * 2] * 3,
    ),
    "start": (
        None, -1, 3, 2, 1.0, NAN, INF, "0", True, [], [1.0, 0.0], [1.0, 0, 0, 0], [0.5, 0.4, 0.0], [1.5, -0.5, 0.0],
        [NAN, 1.0, 0.0], [INF, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.5, 0.0, 0.5], ["1", "0", "0"],
        [[1.0, 0.0, 0.0]], RAGGED, [True, False, False], {},
    ),
    "terminal": (
        [3], [-1], [1.0], [NAN], ["2"], None, "2", [True, False], [0, 1, 2], [[True, False, True]], RAGGED, [INF], {},
        [HUGE], [0, 0, 1], np.array([1, 0, 0], dtype=np.int8), [[2]], np.ma.masked_array([2], [True]), 2, {2},
    ),
    "action_counts": (
        2, "2", [], [2, 2], [2, 2, 2, 2], [3, 2, 0], [-1, 2, 0], [0, 2, 0], [2.0, 2.0, 0.0], [NAN, 2, 0],
        [True, True, False],
        ["2", "2", "0"], RAGGED, [[2, 2, 0]], {}, np.array([2, 2, 2**63], dtype=np.uint64),
        np.ma.masked_array([2, 2, 0]), [True, 2, 0],
    ),
    "actions": (
        2, "2", [], [[1, 1]] * 3, np.ones((3, 2), dtype=np.int8), np.ones((3, 2)), np.ones(3, dtype=bool),
        np.ones((2, 3), dtype=bool), np.zeros((3, 2), dtype=bool), np.ma.masked_array(np.ones((3, 2), dtype=bool)),
    ),
    "step_limit": (None, "10", 0, -1, 1.5, 10.0, NAN, INF, True, 10**10, [10], HUGE, np.ma.masked),
    "changes": (
        None, 5, "no", [5], [(1,)], [(1, 2, 3)], [(0, mdp())], [(-1, mdp())], [(1.5, mdp())], [(NAN, mdp())],
        [(True, mdp())],
        [(1, None)], [(1, sm.tasks.grid_world())], [(2, mdp()), (1, mdp())], [(1, mdp()), (1, mdp())],
        [(1, mdp(changes=[(2, mdp())]))], [(1, mdp(action_counts=[1, 2, 0]))], [(1, mdp(action_names=["a", "b"]))],
    ),
    "known_q": (
        "1", 1.0, [], RAGGED, np.zeros((2, 2)), np.full((3, 2), "x"), np.full((3, 2), INF), np.zeros((3, 2)), {},
        np.zeros((3, 2), dtype=complex),
    ),
    "known_sigma": ("1", 1.0, [], RAGGED, np.zeros((2, 2)), np.full((3, 2), "x"), np.zeros((3, 2)), {}),
    "horizon": (0, -1, 1.5, NAN, INF, "2", True, [2], 1, 3),
    "name": (None, "", 1, b"mdp", ["mdp"], "a\0b", "\ud800"),
    "layout": (5, NAN, [], "", [".."], ["...", ".."], [1, 2, 3], [["."], ["."], ["."]], [None]),
    "action_names": (5, NAN, [], ["a"], ["a", "b", "c"], [1, 2], "abc", [None, None], ["a", "a"]),
    "state_names": (5, NAN, [], ["a"], [1, 2, 3], [None] * 3, ["a", "b", "a"], ["a", "b", "\0"]),
}  # fmt: skip


def test_a_good_mdp_is_accepted():
    assert mdp().memories.sum() == 4


@pytest.mark.parametrize(("name", "value"), cases(MDP))
def test_mdp(name, value):
    extra = {}
    if name == "known_q":
        extra = {"known_sigma": np.full((3, 2), NAN)}
    elif name == "known_sigma":
        extra = {"known_q": np.full((3, 2), NAN)}
    refused(name, mdp, **{name: value}, **extra)


def test_mdp_contradictions():
    refused("known_sigma", mdp, known_q=np.full((3, 2), NAN))
    refused("known_q", mdp, known_sigma=np.full((3, 2), NAN))
    some = np.full((3, 2), NAN)
    some[0] = 1.0
    refused("known_sigma", mdp, known_q=some, known_sigma=-some)
    refused("known_sigma", mdp, known_q=some, known_sigma=np.where(np.isnan(some), NAN, INF))
    refused("state 0", mdp, action_counts=[0, 2, 0])
    refused("state 0, action 1", mdp, probability=filled(0.4))
    refused("state 2", mdp, start=2)
    refused("step_limit", sm.TabularMDP, [[1], [2], [0]], [[0.0]] * 3, start=0, terminal=[2], horizon=2, step_limit=1)
    refused("horizon", sm.TabularMDP, [[1], [2], [0]], [[0.0]] * 3, start=0, terminal=[2], horizon=1)
    refused("horizon", sm.TabularMDP, [[1], [2], [0]], [[0.0]] * 3, start=0, terminal=[2], horizon=3)


OUTCOMES = {
    "probability": ([[[(0.5, 1, 0.0)]], []], [[[(-1, 1, 0.0), (2, 1, 0.0)]], []], [[[(NAN, 1, 0.0)]], []],
                    [[[("1", 1, 0.0)]], []], [[[]], []]),
    "next_state": ([[[(1, 2, 0.0)]], []], [[[(1, -1, 0.0)]], []], [[[(1, 0.5, 0.0)]], []], [[[(1, "1", 0.0)]], []],
                   [[[(1, None, 0.0)]], []]),
    "reward": ([[[(1, 1, NAN)]], []], [[[(1, 1, INF)]], []], [[[(1, 1, "x")]], []], [[[(1, 1, None)]], []]),
    "outcomes": ([], [[], []], 5, None, [5, []], [[5], []], [[[(1, 1)]], []], [[[1]], []]),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), cases(OUTCOMES))
def test_from_outcomes(name, value):
    refused(name, sm.TabularMDP.from_outcomes, value, start=0)


DENSE = {
    "transitions": (
        None,
        1.0,
        RAGGED,
        np.zeros((2, 2)),
        np.zeros((2, 1, 3)),
        np.full((2, 1, 2), NAN),
        np.full((2, 1, 2), "1"),
    ),
    "rewards": (None, 1.0, RAGGED, np.zeros((2, 2)), np.full((2, 1), NAN), np.full((2, 1), INF), np.full((2, 1), "1")),
    "probability": (np.full((2, 1, 2), 0.4), np.array([[[1.5, -0.5]], [[0.0, 1.0]]]), np.zeros((2, 1, 2))),
}


@pytest.mark.parametrize(("name", "value"), cases(DENSE))
def test_from_dense(name, value):
    given = {"transitions": [[[0.5, 0.5]], [[0.0, 1.0]]], "rewards": [[1.0], [0.0]]}
    given["transitions" if name == "probability" else name] = value
    refused(name, sm.TabularMDP.from_dense, **given, start=0, terminal=[1])


FUNCTIONS = {
    "transition": ([(1, 0.0)], (1, 0.0, 3), None, 5, [5]),
    "reward": ((1, NAN), (1, "x"), (1, None)),
    "probability": ([(0.5, 1, 0.0)], [(-1, 1, 0.0), (2, 1, 0.0)], [(NAN, 1, 0.0)], [("1", 1, 0.0)], []),
}


@pytest.mark.parametrize(("name", "value"), cases(FUNCTIONS))
def test_from_functions(name, value):
    actions = lambda state: [0] if state == 0 else []  # noqa: E731
    refused(name, sm.TabularMDP.from_functions, lambda state, action: value, actions, start=0)


@pytest.mark.parametrize(
    "start", [{}, {0: 0.5}, {0: -1.0}, {0: NAN}, {0: "1"}, {0: None}, {0: 0.5, 1: 0.5}, [0]], ids=str
)
def test_from_functions_start(start):
    actions = lambda state: [0] if state == 0 else []  # noqa: E731
    refused("start", sm.TabularMDP.from_functions, lambda state, action: (1, 0.0), actions, start=start)


TASKS = [
    (sm.tasks.grid_world, "change_at", (0, -1, 1.5, NAN, INF, "3", True, [3])),
    (sm.tasks.grid_world, "step_limit", (0, -1, 1.5, NAN, None, "3", True, 10**10)),
    (sm.tasks.planning, "moves", (0, -1, 1.5, NAN, None, "3", True, 21)),
    (sm.tasks.planning, "known_last_move", (0, 1, None, "yes", NAN)),
    (sm.tasks.mountain_car, "start", ("top", "", None, 0, NAN, ["bottom"])),
    (sm.tasks.mountain_car, "step_limit", (0, -1, 1.5, NAN, None, "3", True, 10**10)),
]


@pytest.mark.parametrize(("make", "name", "values"), TASKS, ids=[f"{make.__name__}-{name}" for make, name, _ in TASKS])
def test_tasks(make, name, values):
    for value in values:
        refused(name, make, **{name: value})


@pytest.mark.parametrize("layout", [(), ("",), ("S..", ".G"), 5, None, (1, 2)], ids=str)
def test_maze_layout(layout):
    refused("layout", sm.tasks.maze, layout)


def test_maze():
    refused("start", sm.tasks.maze, ("...", "..G"))
    for name in ("step_reward", "goal_reward"):
        for value in ("10", None, NAN, INF):
            refused(name, sm.tasks.maze, ("S..", "..G"), **{name: value})


TABLE = np.zeros((3, 2))
BAD_TABLES = (
    1.0, "q", [], RAGGED, np.zeros((2, 2)), np.zeros((2, 3, 2)), np.zeros((1, 1, 3, 2)), np.full((3, 2), NAN),
    np.full((3, 2), INF), np.full((3, 2), "1"), np.zeros((3, 2), dtype=complex), np.zeros((3, 2), dtype=bool), {},
)  # fmt: skip
SIGMAS = (*BAD_TABLES, np.zeros((3, 2)), np.full((3, 2), -1.0))
COUNT = ("1", [1], 1j, True, NAN, INF, 0, -1, 1.5)
TRAIN = {
    "task": (None, "gridworld", 1, TABLE, sm.TabularMDP, sm.Agent()),
    "agent": (None, "dra", 1, {}, sm.Agent, mdp()),
    "episodes": (*COUNT, None, 2**60),
    "restarts": (*COUNT, None),
    "seed": ("1", [1], 1j, True, NAN, INF, -1, 1.5),
    "evaluate_every": (*COUNT, 11),
    "evaluation_episodes": (*COUNT, None),
    "evaluation_policy": ("", "Soft", None, 0, NAN, True),
    "snapshots": (5, None, "1", [0], [-1], [11], [1.5], [NAN], [True], [2, 1], [1, 1], ["1"]),
    "q": (*BAD_TABLES, np.full((3, 2), 1e200)),
    "sigma": SIGMAS,
    "workers": COUNT,
    "progress": (5, "yes", 1, [print]),
}


@pytest.mark.parametrize(("name", "value"), cases(TRAIN))
def test_train(name, value):
    given = {"task": mdp(), "agent": sm.Agent(), "episodes": 10, "restarts": 3, "seed": 0, "evaluate_every": 5}
    refused(name, sm.train, **{**given, name: value})


@pytest.mark.parametrize("value", COUNT)
def test_train_without_evaluation(value):
    """An argument that nothing would use is checked all the same."""
    refused("evaluation_episodes", sm.train, mdp(), sm.Agent(), episodes=10, seed=0, evaluation_episodes=value)


EVALUATE = {
    "task": TRAIN["task"],
    "agent": TRAIN["agent"],
    "q": (
        None,
        *(table for table in BAD_TABLES if getattr(table, "ndim", 0) != 3),
        np.zeros((2, 3, 3)),
        np.zeros((0, 3, 2)),
    ),
    "sigma": (None, *SIGMAS),
    "episodes": (*COUNT, None),
    "seed": TRAIN["seed"],
    "policy": ("", "Soft", None, 0, NAN, True),
    "episode": ("1", [1], 1j, True, NAN, INF, -1, 1.5, None),
    "workers": COUNT,
}


@pytest.mark.parametrize(("name", "value"), cases(EVALUATE))
def test_evaluate(name, value):
    given = {"task": mdp(), "agent": sm.Agent(), "q": TABLE, "sigma": TABLE + 1, "episodes": 10, "seed": 0}
    refused(name, sm.evaluate, **{**given, name: value})


def test_task_and_agent_contradict_each_other():
    planning = sm.tasks.planning()
    for changes in ({"search_budget": 50}, {"reward_rate": True}, {"planner": "depth-first"}):
        refused(next(iter(changes)), sm.train, mdp(), sm.Agent(**changes), episodes=1)
        refused(next(iter(changes)), sm.evaluate, mdp(), sm.Agent(**changes), TABLE, TABLE + 1)
    refused("search_budget", sm.train, planning, sm.Agent.table_b1("planning", search_budget=12), episodes=1)
    for gradient in ("reinforce", "return"):
        agent = sm.Agent.table_b1("planning", planner="depth-first", gradient=gradient)
        refused("gradient", sm.train, planning, agent, episodes=1)
    refused("learn_q", sm.train, mdp(), sm.Agent(learn_q=False), episodes=1)
    refused("learn_q", sm.train, mdp(), sm.Agent(learn_q=False, allocation="fixed"), q=TABLE, episodes=1)
    for allocation in ("equal", "frequency", "stakes"):
        refused("sigma", sm.train, mdp(), sm.Agent(allocation=allocation), sigma=TABLE + 1, episodes=1)


def masked(array):
    return np.ma.array(array, mask=np.arange(np.size(array)).reshape(np.shape(array)) == 0)


SQUARE = sm.tasks.maze(("S.", ".G"))
ALL_ONES = np.ones((SQUARE.n_states, SQUARE.n_actions))


@pytest.mark.parametrize(("name", "given"), [
    ("q", masked(ALL_ONES)), ("sigma", list(masked(ALL_ONES))), ("grid", {"lam": masked([1.0, 2.0])}),
    ("grid", {"lam": [1.0, np.ma.masked]}), ("grid", {"lam": {"linspace": masked([1.0, 2.0, 3.0])}}),
    ("keep", masked([0, 1])), ("shard", masked([0, 2])), ("shard", [0, np.ma.masked]), ("seed", masked(3)),
    ("restarts", np.ma.masked), ("block_size", masked(3)),
])  # fmt: skip
def test_sweeps_refuse_what_is_masked(tmp_path, name, given):
    good = {"grid": {"lam": [1.0, 2.0]}, "episodes": 2, "restarts": 2, "seed": 0, "keep": "all", "progress": False}
    with pytest.raises(ValueError, match="must not be a masked array|must be a pair of integers"):
        sm.sweep(SQUARE, sm.Agent(), **good | {name: given}, store=tmp_path / "store")
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("call", [
    lambda q, sigma: sm.exact.evaluate(SQUARE, sm.Agent(), masked(q), sigma),
    lambda q, sigma: sm.exact.evaluate(SQUARE, sm.Agent(), q, list(masked(sigma))),
    lambda q, sigma: sm.exact.gradient(SQUARE, sm.Agent(), q, masked(sigma)),
    lambda q, sigma: sm.exact.optimum(SQUARE, sm.Agent(), masked(q)),
    lambda q, sigma: sm.exact.match_cost(SQUARE, sm.Agent(), 0.5, masked(q)),
    lambda q, sigma: sm.exact.equilibrium(SQUARE, sm.Agent(), masked(sigma)),
    lambda q, sigma: sm.exact.expected_estimator(SQUARE, sm.Agent(), q, masked(sigma)),
    lambda q, sigma: sm.exact.cma_es(SQUARE, sm.Agent(), masked(q), seed=0),
    lambda q, sigma: sm.exact.choice_probabilities(masked(q), sigma),
    lambda q, sigma: sm.evaluate(SQUARE, sm.Agent(), q, masked(sigma), episodes=3, seed=0),
    lambda q, sigma: sm.Policy(SQUARE, sm.Agent(), masked(q), sigma, seed=0),
])  # fmt: skip
def test_tables_that_are_masked_are_refused(call):
    with pytest.raises(ValueError, match="(q|sigma) must not be a masked array"):
        call(ALL_ONES.copy(), ALL_ONES.copy())
