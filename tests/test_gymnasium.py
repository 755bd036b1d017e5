"""The door for Gymnasium's environments: only what is its table passes."""

import copy
import inspect

import numpy as np
import pytest

import sigmalloc as sm

gymnasium = pytest.importorskip("gymnasium")
wrappers = gymnasium.wrappers
from_gymnasium = sm.tasks.from_gymnasium
LAKE = "FrozenLake-v1"


def refused(message, env, **keywords):
    with pytest.raises(ValueError, match=message) as caught:
        from_gymnasium(env, **keywords)
    assert type(caught.value) is ValueError


def same_tables(one, other):
    for name in ("next_state", "reward", "probability", "start", "terminal"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


class Taxed(gymnasium.RewardWrapper):
    def reward(self, reward):
        return reward - 1


class TimeLimit(wrappers.TimeLimit):
    """A subclass may do anything."""


CHANGED = {
    "TransformReward": lambda env: wrappers.TransformReward(env, lambda reward: 2 * reward),
    "ClipReward": lambda env: wrappers.ClipReward(env, -1, 1),
    "NormalizeReward": wrappers.NormalizeReward,
    "StickyAction": lambda env: wrappers.StickyAction(env, 0.5),
    "TransformAction": lambda env: wrappers.TransformAction(env, lambda action: 3 - action, env.action_space),
    "TimeAwareObservation": wrappers.TimeAwareObservation,
    "Autoreset": wrappers.Autoreset,
    "Taxed": Taxed,
    "TimeLimit": lambda env: TimeLimit(env, 10),
}


@pytest.mark.parametrize("name", CHANGED)
def test_wrappers_that_change_the_task_are_refused_by_name(name):
    env = CHANGED[name](gymnasium.make(LAKE))
    refused(f"env: the wrapper {name} may change what the table P says", env)
    refused(f"env: the wrapper {name} may", wrappers.TimeLimit(env, 5))  # also from further inside
    env.close()


def test_neutral_wrappers():
    env = wrappers.RecordEpisodeStatistics(wrappers.OrderEnforcing(gymnasium.make(LAKE)))
    same_tables(from_gymnasium(env), from_gymnasium(LAKE))
    assert from_gymnasium(env).step_limit == 100
    env.close()


@pytest.mark.parametrize("limits", [(30, 50), (50, 30), (30, 500), (500, 30)])
def test_the_smallest_of_nested_time_limits(limits):
    env = gymnasium.make(LAKE)
    for limit in limits:
        env = wrappers.TimeLimit(env, limit)
    assert from_gymnasium(env).step_limit == 30
    assert from_gymnasium(env, step_limit=7).step_limit == 7
    env.close()


def test_without_a_time_limit_there_is_none():
    env = gymnasium.make(LAKE).unwrapped
    assert from_gymnasium(env).step_limit == 10_000


def test_keywords_go_to_gymnasium():
    dry = from_gymnasium(LAKE, is_slippery=False)
    assert dry.n_outcomes == 1
    env = gymnasium.make(LAKE, is_slippery=False)
    same_tables(dry, from_gymnasium(env))
    big = from_gymnasium(LAKE, map_name="8x8", max_episode_steps=33, name="big")
    assert (big.n_states, big.step_limit, big.name) == (64, 33, "big")
    drawn = from_gymnasium(LAKE, desc=["SF", "HG"])
    assert drawn.layout == ("S.", "HG")
    refused(r"env: Gymnasium cannot make 'FrozenLake-v1', is_slipery=False: .*is_slipery", LAKE, is_slipery=False)
    refused("env: Gymnasium cannot make", LAKE, map_name="9x9")
    refused("unknown keyword 'is_slippery'. The keywords are: ", env, is_slippery=True)
    refused("unknown keyword 'steplimit'; did you mean 'step_limit'", env, steplimit=3)
    for name in ("start", "terminal", "action_counts"):
        refused(f"{name} is settled by the environment", LAKE, **{name: 0})
    env.close()


def test_what_is_no_environment():
    for env in (None, 5, object(), {"P": {}}):
        refused("env: .* has no table P", env)
    refused("env must be an environment.*class FrozenLakeEnv", gymnasium.make(LAKE).unwrapped.__class__)
    refused("env: Gymnasium cannot make 'no such:Lake-v0'", "no such:Lake-v0")
    refused("env: Gymnasium cannot make ''", "")


TAXI = sm.tasks.newest_gymnasium_id("Taxi")
takes_weather = "is_rainy" in inspect.signature(gymnasium.make(TAXI).unwrapped.__init__).parameters


@pytest.mark.skipif(not takes_weather, reason="this Gymnasium has neither rain nor fickle passengers")
def test_fickle_taxi_is_refused_and_rainy_taxi_is_its_table():
    refused("env: fickle_passenger=True.*not in the table", TAXI, fickle_passenger=True)
    rainy = from_gymnasium(TAXI, is_rainy=True)
    env = gymnasium.make(TAXI, is_rainy=True)
    assert rainy.n_outcomes > 1
    env.reset(seed=3)
    rng, inner = np.random.default_rng(0), env.unwrapped
    for _ in range(300):
        before = inner.s
        after, reward, terminated, truncated, _ = env.step(action := int(rng.integers(6)))
        if not terminated:
            at = (rainy.next_state[before, action] == after) & (rainy.reward[before, action] == reward)
            assert (rainy.probability[before, action][at] > 0).any()
        if terminated or truncated:
            env.reset()
    env.close()


def test_a_toy_with_its_own_step():
    lake = type(gymnasium.make(LAKE).unwrapped)

    class Windy(lake):
        def step(self, action):
            return super().step((action + 1) % 4)

    class Recoloured(lake):
        def render(self):
            return None

    refused("env: Windy has its own step, other than that of FrozenLakeEnv", Windy())
    same_tables(from_gymnasium(Recoloured()), from_gymnasium(LAKE))
    replaced = lake()
    replaced.step = lambda action: (0, 0.0, False, False, {})
    refused("env: step of .* has been replaced", replaced)


class Own:
    """A table and where it starts: three states, the last of which ends an episode."""

    def __init__(self, **changes):
        self.P = {
            0: {0: [(1.0, 1, 0.0, False)], 2: [(0.5, 2, 1.0, True), (0.5, 0, 0.0, False)]},
            1: {0: [(1.0, 2, 2.0, True)], 2: [(1.0, 0, 0.0, False)]},
            2: {0: [(1.0, 2, 0.0, True)], 2: [(1.0, 2, 0.0, True)]},
        }
        self.initial_state_distrib = [1.0, 0.0, 0.0]
        self.__dict__.update(changes)


def without_gaps(**changes):
    own = Own(**changes)
    own.P = {s: {a // 2: entry for a, entry in row.items()} for s, row in own.P.items()}
    return own


def test_a_table_of_ones_own():
    task = from_gymnasium(without_gaps())
    assert task.memories.sum() == 4
    lists = without_gaps()
    lists.P = [[row[a] for a in sorted(row)] for row in lists.P.values()]
    same_tables(from_gymnasium(lists), task)


def test_gaps_in_the_numbers_of_actions():
    task = from_gymnasium(Own())
    assert task.n_actions == 3
    np.testing.assert_array_equal(task.exists[:2], [[True, False, True]] * 2)
    assert task.reward[1, 0, 0] == 2.0
    wide = from_gymnasium(Own(action_space=gymnasium.spaces.Discrete(5)), action_names=tuple("abcde"))
    assert wide.n_actions == 5
    uneven = Own()
    del uneven.P[0][0]
    np.testing.assert_array_equal(from_gymnasium(uneven).exists[0], [False, False, True])


def test_an_older_start_distribution():
    own = without_gaps()
    del own.initial_state_distrib
    refused("has no initial_state_distrib", own)
    own.isd = np.array([0.5, 0.5, 0.0])
    np.testing.assert_array_equal(from_gymnasium(own).start[:3], [0.5, 0.5, 0.0])
    for wrong in ([1.0, 0.0], [2.0, -1.0, 0.0], [0.0, 0.0, 0.0], ["a", "b", "c"], [np.nan, 1, 0], [5.0, 5.0, 0.0], 3):
        own.isd = wrong
        refused("env: isd", own)


class Walked(gymnasium.Env):
    """An environment of one's own that steps by its table, but for what ``step`` and ``first`` make of it."""

    def __init__(self, change=lambda *step: step, first=0):
        self.__dict__.update(vars(without_gaps()))
        self.change, self.first = change, first
        self.action_space, self.observation_space = gymnasium.spaces.Discrete(2), gymnasium.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.s = self.first
        return self.s, {}

    def step(self, action):
        entry = self.P[self.s][action]
        p, after, reward, terminated = entry[self.np_random.choice(len(entry), p=[p for p, *_ in entry])]
        self.s, reward, terminated = self.change(after, reward, terminated)
        return self.s, reward, terminated, False, {}


def test_an_environment_of_ones_own_is_walked():
    env = Walked()
    same_tables(from_gymnasium(env), from_gymnasium(without_gaps()))
    assert not hasattr(env, "s")  # a copy was walked
    refused("env: step does not follow the table: in state 0, action", Walked(lambda t, r, ended: (t, r - 1, ended)))
    refused("env: step does not follow the table", Walked(lambda t, r, ended: (0, r, ended)))
    refused("env: step does not follow the table", Walked(lambda t, r, ended: (t, r, False)))
    refused("env: reset begins in state 1", Walked(first=1))
    refused("env: the state that step and reset return must be in", Walked(first=7))
    uncopied = Walked()
    uncopied.socket = (i for i in ())
    same_tables(from_gymnasium(uncopied), from_gymnasium(without_gaps()))


def test_an_environment_that_cuts_episodes_off_by_itself():
    class Impatient(Walked):
        def reset(self, **given):
            self.steps = 0
            return super().reset(**given)

        def step(self, action):
            self.steps += 1
            *came, _, info = super().step(action)
            return *came, self.steps >= 2 and not came[2], info

    refused("env: step cuts an episode off after 2 steps .truncated=True.* give step_limit=", Impatient())
    assert from_gymnasium(Impatient(), step_limit=2).step_limit == 2


MALFORMED = {
    "P must be a sequence": 5,
    "P must be P.state..action.": np.zeros((2, 2, 2)),
    r"P must have all states from 0 to 1, but has no state 0": {1: {0: []}, 2: {0: []}},
    "P must have all states": {},
    r"P: state must be an integer": {"a": {0: []}},
    r"P\[0\] must be a sequence": {0: 5},
    r"an action in P\[0\] must be an integer": {0: {"up": [(1.0, 0, 0.0, True)]}},
    r"an action in P\[0\] must be in": {0: {-1: [(1.0, 0, 0.0, True)]}},
    r"P\[0\]\[0\] must be a sequence": {0: {0: 7}},
    r"an outcome of P\[0\]\[0\] must be \(probability": {0: {0: [(1.0, 0, 0.0)]}},
    r"an outcome of P\[0\]\[0\] must be a sequence": {0: {0: [1.0]}},
    r"probability in P\[0\]\[0\] must be a real number": {0: {0: [("1", 0, 0.0, True)]}},
    r"probability in P\[0\]\[0\] must be at least 0": {0: {0: [(-1, 0, 0.0, True)]}},
    r"next state in P\[0\]\[0\] must be in \[0, 0\]": {0: {0: [(1.0, 1, 0.0, True)]}},
    r"next state in P\[0\]\[0\] must be an integer": {0: {0: [(1.0, None, 0.0, True)]}},
    r"reward in P\[0\]\[0\] must be finite": {0: {0: [(1.0, 0, np.nan, True)]}},
    r"terminated in P\[0\]\[0\] must be True or False": {0: {0: [(1.0, 0, 0.0, None)]}},
    "probability of state 0, action 0 must sum to 1": {0: {0: [(0.5, 0, 0.0, True)]}},
    "P has no actions": {0: {}},
}


@pytest.mark.parametrize("message", MALFORMED)
def test_malformed_tables(message):
    refused(message, Own(P=MALFORMED[message], initial_state_distrib=[1.0]))


def test_action_spaces():
    space = gymnasium.spaces.Discrete
    own = without_gaps(action_space=space(2, start=1))
    own.P = {s: {a + 1: entry for a, entry in row.items()} for s, row in own.P.items()}
    same_tables(from_gymnasium(own), from_gymnasium(without_gaps()))
    refused("P has actions up to 1, but action_space has only 1", without_gaps(action_space=space(1)))


def test_drawings_of_any_kind():
    desc = np.asarray(["SF", "HG"], dtype="c")
    lake = gymnasium.make(LAKE, desc=["SF", "HG"]).unwrapped
    for given, expected in (
        (desc, ("S.", "HG")), (desc.astype("U"), ("S.", "HG")), (["SF", "HG"], ("S.", "HG")),
        ("a lake", None), (["S?", "HG"], None), (None, None), ([["S", "F"], ["H", "G"]], ("S.", "HG")), (3.0, None),
        (["SFH", "G"], None), (b"\xff", None),
    ):  # fmt: skip
        env = copy.copy(lake)
        env.desc = given
        assert from_gymnasium(env).layout == expected


def test_outcomes_that_never_come_and_states_that_are_never_met():
    own = without_gaps()
    own.P[0][0] = [(1.0, 0, 0.0, False), (0.0, 1, 5.0, False)]
    task = from_gymnasium(own)
    assert not task.memories[1].any()
    assert task.memories.sum() == 2


def test_environments_that_cannot_be_walked_are_taken_at_their_word():
    class Table(gymnasium.Env):  # neither reset nor step of its own
        P = {0: {0: [(0.3333, 1, 1.0, True), (0.3333, 0, 0.0, False), (0.3333, 0, 1.0, False)]}, 1: {}}
        isd = np.array([1.0, 0.0])

    class Strict(Table):
        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return 0, {}

        def step(self, action):
            p = [p for p, *_ in self.P[0][action]]
            self.np_random.choice(3, p=p)  # NumPy normalises nothing
            raise AssertionError

    for env in (Table(), Strict()):
        np.testing.assert_allclose(from_gymnasium(env).probability[0, 0], 1 / 3, rtol=1e-15)
    for answer, message in (
        ("x", "what step returns must be a sequence"), ((0, 1), "step must return"),
        ((0, "much", True, False, {}), "the reward that step returns must be a real number"),
    ):  # fmt: skip

        class Odd(Table):
            def reset(self, *, seed=None, options=None):
                return 0, {}

            def step(self, action, answer=answer):
                return answer

        refused(message, Odd())
