"""Any task and any agent: the kernel gives its twin's bits, whole numbers of episodes, and nothing that is not finite.

Hypothesis makes up tasks and agents, extreme ones among them, and shrinks what fails. The examples are the same in
every run.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from same_bits import ARRAYS, differing

import sigmalloc as sm
from sigmalloc import _kernel, reference
from sigmalloc.agents import ALLOCATIONS, GRADIENTS, PLANNERS
from sigmalloc.runs import Schedule, engine
from sigmalloc.runs.arguments import check_task_and_agent
from sigmalloc.runs.divergence import DivergenceError

FIXED = settings(derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.too_slow])
FAST, DEEP = settings(FIXED, max_examples=200), settings(FIXED, max_examples=3000)
REWARDS = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 1e-300, -1e90, 9e99, 1e300]), st.floats(-100, 100, allow_subnormal=False)
)
POSITIVE = st.one_of(st.floats(0.01, 10), st.sampled_from([1e-12, 1e-3, 1e3, 1e12]))


def variant(draw, states, actions, outcomes, counts, terminal, known=None, **keywords):
    """One MDP with the given sizes, actions, ends and known memories; None: draw which are known."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape, first = (states, actions, outcomes), np.flatnonzero(~terminal)[0]
    weights = rng.integers(0, 4, size=shape).astype(float)
    weights[:, :, 0] += weights.sum(axis=2) == 0  # at least one outcome is possible
    start = np.where(terminal, 0.0, rng.integers(0, 3, size=states))
    start[first] += start.sum() == 0
    if known is None:
        held = rng.random((states, actions)) < 0.4
        held &= np.arange(actions) < np.where(terminal, 0, counts)[:, None]
        held[first, 0] = False  # something is left to remember
        known = {"known_q": np.where(held, draw(REWARDS), np.nan), "known_sigma": np.where(held, 0.7, np.nan)}
    return sm.TabularMDP(
        rng.integers(0, states, size=shape), rng.choice([0.0, 1.0, draw(REWARDS)], size=shape),
        weights / weights.sum(axis=2, keepdims=True), start=start / start.sum(), terminal=terminal,
        action_counts=np.where(terminal, 0, counts), **known, **keywords,
    )  # fmt: skip


@st.composite
def tasks(draw):
    """Stochastic and certain outcomes, unequal numbers of actions, known memories, ends that may be out of reach."""
    states, actions, outcomes = draw(st.integers(2, 5)), draw(st.integers(1, 6)), draw(st.integers(1, 3))
    counts = np.array(draw(st.lists(st.integers(1, actions), min_size=states, max_size=states)))
    terminal = np.array(draw(st.lists(st.booleans(), min_size=states, max_size=states)))
    terminal[draw(st.integers(0, states - 1))] = False
    step_limit = draw(st.integers(1, 12))
    sizes = (states, actions, outcomes, counts, terminal)
    known, changes = draw(st.sampled_from([{}, {}, None])), ()
    if draw(st.booleans()):
        later = variant(draw, *sizes, known, step_limit=step_limit)
        known = {"known_q": later.known_q, "known_sigma": later.known_sigma}
        changes = [(draw(st.integers(1, 3)), later)]
    return variant(draw, *sizes, known, step_limit=step_limit, changes=changes)


@st.composite
def agents(draw, planning=False):
    """Any field at any value that it may have, though not too many trajectories."""
    low, high = sorted([draw(POSITIVE), draw(POSITIVE)])
    beta = draw(POSITIVE)
    rising = draw(st.booleans())
    fields = {
        "learning_rate_q": draw(st.sampled_from([1.0, 0.1, 1e-9])), "learning_rate_sigma": draw(st.floats(0, 2)),
        "beta": beta, "beta_0": beta / 4 if rising else None, "beta_rate": draw(st.floats(0, 500)) if rising else 0.0,
        "gamma": draw(st.sampled_from([0.0, 0.5, 1.0])), "lam": draw(st.sampled_from([0.0, 0.2, 1e6])),
        "sigma_base": draw(POSITIVE), "sigma_min": low, "sigma_max": high,
        "sigma_0": draw(st.sampled_from([low, high])), "q_init": draw(st.sampled_from([0.0, -7.5, (-1.0, 2.0)])),
        "n_trajectories": draw(st.integers(1, 4)), "gradient": draw(st.sampled_from(tuple(GRADIENTS))),
        "allocation": draw(st.sampled_from(tuple(ALLOCATIONS))),
    }  # fmt: skip
    if planning:
        fields |= {
            "search_budget": draw(st.sampled_from([None, 13.0, 50.0, 100.0])),
            "planner": draw(st.sampled_from(tuple(PLANNERS))), "reward_rate": draw(st.booleans()),
        }  # fmt: skip
    return sm.Agent(**fields)


def outcome(train, task, agent, **keywords):
    """A result, or what was no longer finite; an argument that is refused is refused before any work."""
    try:
        return train(task, agent, **keywords)
    except DivergenceError as error:
        return str(error)


def check(task, agent, seed, policy):
    keywords = {
        "episodes": 4, "restarts": 1, "seed": seed, "evaluate_every": 2, "evaluation_episodes": 2,
        "evaluation_policy": policy, "snapshots": (1, 4),
    }  # fmt: skip
    try:
        check_task_and_agent(task, agent)
    except ValueError:
        for train in (sm.train, reference.train):
            with pytest.raises(ValueError):
                train(task, agent, **keywords)
        return
    kernel, twin = (outcome(train, task, agent, **keywords) for train in (sm.train, reference.train))
    assert isinstance(kernel, str) == isinstance(twin, str), (kernel, twin)
    if isinstance(kernel, str):
        name, episode = twin.partition(" of restart ")[0], twin.rpartition(" in episode ")[2]
        assert f"{name} of restart 0 was no longer finite in episode {episode} on " in kernel
        assert str(agent) in kernel
        return
    assert differing(kernel, twin, ARRAYS) == []
    for name in ("q", "sigma", "snapshot_q", "snapshot_sigma"):
        assert np.isfinite(getattr(kernel, name)).all(), name
    held = task.variants[-1].memories
    assert (kernel.sigma[:, held] >= min(agent.sigma_min, agent.sigma_0)).all()
    assert (kernel.sigma[:, held] <= agent.sigma_max).all()


SEEDS, POLICY = st.integers(0, 2**64), st.sampled_from(["soft", "hard"])


@FAST
@given(tasks(), agents(), SEEDS, POLICY)
def test_kernel_is_its_twin(task, agent, seed, policy):
    check(task, agent, seed, policy)


@FAST
@given(st.integers(1, 4), st.booleans(), agents(planning=True), SEEDS, POLICY)
def test_planning_kernel_is_its_twin(moves, known, agent, seed, policy):
    check(sm.tasks.planning(moves, known_last_move=known and moves > 1), agent, seed, policy)


@FAST
@given(st.sampled_from(["bottom", "uniform"]), st.integers(1, 30), agents(), SEEDS, POLICY)
def test_mountain_car_kernel_is_its_twin(start, step_limit, agent, seed, policy):
    check(sm.tasks.mountain_car(start, step_limit=step_limit), agent, seed, policy)


@FAST
@given(
    tasks(), st.lists(agents(), min_size=1, max_size=12), SEEDS, st.integers(1, 4), st.integers(1, 9),
    st.integers(1, 40),
)  # fmt: skip
def test_company_does_not_matter(task, crowd, seed, workers, batch_size, slice_work):
    """Each run gives the same bits alone and among others, however they are batched, sliced and compiled."""
    plan = Schedule(3, 1, 2, "soft", (2,))
    streams = np.stack([engine.stream_states(seed, run) for run in range(len(crowd))])
    alone = [
        engine.run(task, [agent], plan, streams[run : run + 1].copy(), workers=1) for run, agent in enumerate(crowd)
    ]
    for build in _kernel.available():
        together = engine.run(
            task, crowd, plan, streams.copy(), workers=workers, batch_size=batch_size, slice_work=slice_work,
            kernel=_kernel.load(build),
        )  # fmt: skip
        for run, expected in enumerate(alone):
            for name in ("q", "sigma", "report", "counters", "streams"):
                one, other = getattr(together.rows([run]), name), getattr(expected, name)
                assert one.tobytes() == other.tobytes(), (build, run, name)


@pytest.mark.slow
@DEEP
@given(tasks(), agents(), SEEDS, POLICY)
def test_kernel_is_its_twin_in_depth(task, agent, seed, policy):
    check(task, agent, seed, policy)


@pytest.mark.slow
@DEEP
@given(st.integers(1, 4), st.booleans(), agents(planning=True), SEEDS, POLICY)
def test_planning_kernel_is_its_twin_in_depth(moves, known, agent, seed, policy):
    check(sm.tasks.planning(moves, known_last_move=known and moves > 1), agent, seed, policy)
