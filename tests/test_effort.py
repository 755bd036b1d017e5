"""Effort that is fixed or learned, and the price of time: the kernel against its twin and against exact answers."""

from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from same_bits import WHOLE, changing_maze, differing
from test_memories import FIXED, both, random_agent, random_task

import sigmalloc as sm
from sigmalloc import exact, reference
from sigmalloc.agents import ALLOCATIONS, GRADIENTS

EFFORT = (
    *WHOLE, "time", "time_cost", "effort", "search_budgets", "samples", "opportunity_cost", "search_budget", "earned",
)  # fmt: skip


def with_effort(agent, seed, **changes):
    """The agent with any kind of effort."""
    draw = np.random.default_rng(seed)
    pick = lambda *options: options[draw.integers(len(options))]  # noqa: E731
    fields = {
        "samples": pick(1.0, 1.7, 12.0), "learn_samples": pick("no", "shared", "state"),
        "samples_max": pick(12.0, 50.0),
        "sample_time": pick(0.1, 1.0), "sample_correlation": pick(0.0, 0.3, 1.0), "non_decision_time": pick(0.2, 1.0),
        "opportunity_cost": pick(0.0, 0.05, 1.0), "learning_rate_samples": pick(0.1, 1.0),
        "learn_opportunity_cost": pick(False, True), "learning_rate_opportunity_cost": pick(0.01, 0.5),
    }  # fmt: skip
    return agent.replace(**fields | changes)


@settings(FIXED, max_examples=250)
@given(
    st.integers(0, 2**32), st.booleans(), st.sampled_from(["gaussian", "bernoulli"]), st.booleans(), st.booleans(),
    st.integers(0, 2**32), st.sampled_from(["soft", "hard"]),
)  # fmt: skip
def test_kernel_is_its_twin(seed, shared, noise, laid_down, changing, agent, policy):
    task = random_task(seed, shared=shared, noise=noise, laid_down=laid_down, changing=changing and not laid_down)
    kernel, twin = both(task, with_effort(random_agent(agent), agent), seed, evaluation_policy=policy)
    assert isinstance(kernel, str) == isinstance(twin, str)
    assert kernel == twin if isinstance(kernel, str) else differing(kernel, twin, EFFORT) == []


@settings(FIXED, max_examples=60)
@given(
    st.integers(0, 2**32), st.sampled_from([None, 13.0, 50.0]), st.booleans(), st.booleans(),
    st.booleans(), st.sampled_from(sorted(ALLOCATIONS)), st.sampled_from(sorted(GRADIENTS)),
)  # fmt: skip
def test_kernel_is_its_twin_in_planning(seed, budget, depth_first, rate, learn_budget, allocation, gradient):
    agent = sm.Agent.table_b1(
        "planning", n_trajectories=3, search_budget=budget, reward_rate=rate, allocation=allocation, gradient=gradient
    )
    changes = {"learn_opportunity_cost": False} if rate else {}
    if depth_first and "depth-first" in agent.gradient_rule.planners:
        agent = agent.replace(planner="depth-first")
    if learn_budget:
        draw = np.random.default_rng(seed + 1)
        agent = agent.replace(
            learn_search_budget=True, learning_rate_search_budget=float(draw.choice([0.1, 3.0])),
            search_budget_max=float(draw.choice([12.5, 55.0, 100.0] if budget is None else [55.0, 100.0])),
        )  # fmt: skip
        if draw.random() < 0.4:
            changes |= {"samples": 1.0, "learn_samples": "no", "learn_opportunity_cost": False}
    kernel, twin = both(sm.tasks.planning(3), with_effort(agent, seed, **changes), seed)
    assert isinstance(kernel, str) == isinstance(twin, str)
    assert kernel == twin if isinstance(kernel, str) else differing(kernel, twin, EFFORT) == []


@pytest.mark.parametrize("learn", ["no", "shared", "state"])
def test_mountain_car_is_its_twin(learn):
    agent = sm.Agent.table_b1(
        "mountain-car", n_trajectories=2, learn_samples=learn, samples=3.0, opportunity_cost=0.5,
        learn_opportunity_cost=True,
    )  # fmt: skip
    task = sm.tasks.mountain_car(step_limit=60)
    kernel, twin = (train(task, agent, episodes=3, restarts=2, seed=1, evaluate_every=1, evaluation_episodes=2)
                    for train in (sm.train, reference.train))  # fmt: skip
    assert differing(kernel, twin, EFFORT) == []


@pytest.mark.parametrize("task", [sm.tasks.grid_world(step_limit=60), sm.tasks.planning(3), changing_maze()],
                         ids=["maze", "planning", "changing"])  # fmt: skip
def test_one_sample_changes_nothing_but_the_price(task):
    """Effort held at 1 by its bound takes the other way through the kernel to the same bits."""
    planned = task.horizon is not None
    agent = sm.Agent.table_b1("planning" if planned else "grid-world", n_trajectories=3)
    runs = {"episodes": 6, "restarts": 3, "seed": 4, "evaluate_every": 2, "evaluation_episodes": 5}
    plain = sm.train(task, agent, **runs)
    held = sm.train(task, agent.replace(learn_samples="state", samples_max=1.0, opportunity_cost=2.0), **runs)
    assert differing(plain, held, WHOLE) == []
    np.testing.assert_array_equal(plain.time, held.time)
    assert (plain.time_cost == 0).all() and (held.time_cost > 0).all()
    np.testing.assert_array_equal(held.objective, held.value - held.cost - held.time_cost)


def test_one_sample_in_the_reward_rate_has_the_time_of_eq_8():
    task = sm.tasks.planning(3)
    agent = sm.Agent.table_b1("planning", reward_rate=True, search_budget=50, n_trajectories=3)
    runs = {"episodes": 6, "restarts": 3, "seed": 4, "evaluate_every": 2, "evaluation_episodes": 5}
    plain = sm.train(task, agent, **runs)
    held = sm.train(task, agent.replace(learn_samples="state", samples_max=1.0), **runs)
    # with rewards drawn in every trajectory, the same bits: one product more in the mean value alone
    assert differing(plain, held, tuple(name for name in WHOLE if name != "value")) == []
    np.testing.assert_allclose(plain.value, held.value, rtol=1e-14)
    np.testing.assert_allclose(plain.time, 0.1 * 4 * 3 + 1, rtol=1e-14)


@pytest.mark.parametrize("learn", ["no", "shared", "state"])
def test_runs_go_on_to_the_bits_of_one_long_run(learn, tmp_path):
    task = random_task(5)
    agent = sm.Agent(
        learn_samples=learn, samples=2.0, opportunity_cost=0.1, learn_opportunity_cost=True, n_trajectories=3,
        allocation="frequency",
    )  # fmt: skip
    runs = {"restarts": 3, "seed": 2, "evaluate_every": 2, "evaluation_episodes": 3}
    whole = sm.train(task, agent, episodes=9, **runs)
    half = sm.train(task, agent, episodes=5, **runs)
    kept = sm.Result.load(half.save(tmp_path / "half"))
    assert differing(half, kept, EFFORT) == []
    assert differing(whole, kept.extend(episodes=4), EFFORT) == []


GAP, Q = 2.0, np.array([[2.0, 0.0], [0.0, 0.0]])
CHOICE = sm.TabularMDP([[1, 1], [1, 1]], [[GAP, 0.0], [0.0, 0.0]], start=0, terminal=[1])


@pytest.mark.parametrize("gradient", ["advantage", "return"])
@pytest.mark.parametrize(("sigma", "n", "rho"), [(2.0, 1.5, 0.0), (3.0, 6.0, 0.3)])
def test_mean_step_of_effort_is_the_exact_gradient(gradient, sigma, n, rho):
    """One update of 20,000 runs of 50 trajectories: the mean of Δ ln n within 4 standard errors of α ∂F/∂ln n."""
    agent = sm.Agent(
        learn_q=False, allocation="fixed", learn_samples="state", samples=n, opportunity_cost=0.4, beta=4.0,
        sample_correlation=rho, learning_rate_samples=1e-3, n_trajectories=50, gradient=gradient,
    )  # fmt: skip
    q, noise = Q, np.full((2, 2), sigma)
    result = sm.train(CHOICE, agent, episodes=1, restarts=20_000, seed=0, q=q, sigma=np.full((20_000, 2, 2), sigma))
    steps = np.log(result.samples[:, 0] / n) / agent.learning_rate_samples
    expected = exact.gradient(CHOICE, agent, q, noise, "soft", samples=[n, 1.0]).samples[0] * n
    assert abs(steps.mean() - expected) < 4 * steps.std() / np.sqrt(len(steps))
    assert 4 * steps.std() / np.sqrt(len(steps)) < 0.1 * abs(expected) + 0.01


@pytest.mark.parametrize("learn", ["shared", "state"])
@pytest.mark.parametrize(("lam", "omega"), [(0.03, 0.1), (0.1, 0.1), (0.1, 1.0), (0.3, 0.5)])
def test_learned_effort_and_precision_reach_the_exact_optimum(lam, omega, learn):
    """One state, two actions, q̄ known: the mean over runs of F after learning is within 0.02 of the exact maximum."""
    agent = sm.Agent(
        learn_q=False, lam=lam, opportunity_cost=omega, learn_samples=learn, beta=10.0, n_trajectories=100,
        learning_rate_sigma=0.05, learning_rate_samples=0.05,
    )  # fmt: skip
    best = exact.optimum(CHOICE, agent, Q, policy="soft", starts=12)
    result = sm.train(CHOICE, agent, episodes=3000, restarts=8, seed=1, q=np.tile(Q, (8, 1, 1)))
    reached = [
        exact.evaluate(CHOICE, agent, Q, sigma, "soft", samples=n).objective
        for sigma, n in zip(result.sigma, result.samples, strict=True)
    ]
    assert best.objective - np.mean(reached) < 0.02
    assert (result.samples[:, 1] == 1.0).all()


MAZE = sm.tasks.grid_world(step_limit=60)
DEAR = sm.Agent(opportunity_cost=1.0, samples=4.0, sample_correlation=0.2)


@pytest.fixture(scope="module")
def dear():
    return sm.train(MAZE, DEAR, episodes=10, restarts=2, seed=0, evaluate_every=5)


def test_results_show_time(dear):
    pytest.importorskip("pandas")
    frame = dear.to_frame()
    for name in ("time", "time_cost", "reward_rate", "effort"):
        np.testing.assert_array_equal(frame[name], getattr(dear, name).ravel())
    assert (dear.effort == 4.0).all() and "effort      4.000" in repr(dear)
    assert "effort" not in repr(sm.train(MAZE, sm.Agent(), episodes=2, restarts=2, seed=0, evaluate_every=2))


def test_sweeps_pay_for_time(dear, tmp_path):
    swept = sm.sweep(
        MAZE, DEAR, {"lam": [DEAR.lam]}, episodes=10, restarts=2, seed=0, evaluate_every=5, store=tmp_path / "store",
        progress=False,
    )  # fmt: skip
    for name in ("time", "time_cost", "objective"):
        np.testing.assert_array_equal(np.reshape(getattr(swept, name), dear.value.shape), getattr(dear, name))
    assert (swept.time_cost > 0).all()


@pytest.mark.parametrize("price", [0.0, 1.0])
def test_blocks_that_did_not_count_time(price, tmp_path):
    """Blocks of versions without effort are read where time has no price, and made again where it has one."""
    from sigmalloc.sweeps import work  # noqa: PLC0415

    agent = DEAR.replace(opportunity_cost=price)
    options = {"episodes": 4, "restarts": 2, "seed": 0, "evaluate_every": 2, "progress": False}
    with pytest.MonkeyPatch.context() as patch:
        save = work.archive.save
        patch.setattr(
            work.archive, "save",
            lambda path, facts, arrays, **how: save(
                path, facts, {name: array for name, array in arrays.items() if name not in work.LATER}, **how
            ),
        )  # fmt: skip
        sm.sweep(MAZE, agent, {"lam": [0.2]}, store=tmp_path / "old", workers=1, **options)
    (block,) = (tmp_path / "old" / "blocks").glob("*.npz")
    with np.load(block) as held:
        assert "time_cost" not in held.files
    told = pytest.warns(match="it has no time, which the price of time asks for") if price else nullcontext()
    with told:
        again = sm.sweep(MAZE, agent, {"lam": [0.2]}, store=tmp_path / "old", workers=1, **options)
    fresh = sm.sweep(MAZE, agent, {"lam": [0.2]}, store=tmp_path / "new", workers=1, **options)
    np.testing.assert_array_equal(again.objective, fresh.objective)
    assert np.isnan(again.time).all() == (price == 0)


@pytest.mark.parametrize("state", [False, True], ids=["one", "by state"])
def test_evaluations_pay_for_time(state):
    """Against the exact answer, with 4 standard errors; reward and time are correlated, so the bound has both."""
    task, agent = sm.tasks.grid_world(), DEAR.replace(samples=1.0)
    generator = np.random.default_rng(0)
    n = generator.uniform(1, 6, size=task.n_states) if state else 3.0
    q, sigma = task.optimal_q(), np.full((task.n_states, 4), 1.0)
    exactly = exact.evaluate(task, agent, q, sigma, "soft", samples=n)
    figures = sm.evaluate(task, agent, q, sigma, episodes=20_000, seed=0, samples=n)
    assert abs(figures.value - exactly.value) < 4 * figures.value_sem
    assert figures.time_cost == pytest.approx(exactly.time_cost, rel=0.02)
    assert figures.objective == figures.value - figures.cost - figures.time_cost
    steps = figures.visits.sum()
    assert figures.time == pytest.approx(agent.non_decision_time * steps + figures.time_cost / agent.opportunity_cost)
    with pytest.raises(ValueError, match="samples must be finite and at least 1"):
        sm.evaluate(task, agent, q, sigma, samples=0.5)
    with pytest.raises(ValueError, match="samples must be a number or have shape"):
        sm.evaluate(task, agent, q, sigma, samples=[1.0, 2.0])


def test_policies_take_their_samples(dear):
    policy = dear.policy(1)
    assert (policy.samples == dear.samples[1]).all()
    task = sm.TabularMDP([[1, 1], [1, 1]], [[1.0, 0.0], [0.0, 0.0]], start=0, terminal=[1])
    q, sigma = np.array([[1.0, 0], [0, 0]]), np.full((2, 2), 2.0)
    agent = sm.Agent(samples=4.0, learn_samples="state", opportunity_cost=0.1, learn_opportunity_cost=True)
    actor = sm.Policy(task, agent, q, sigma, seed=0)
    expected = exact.evaluate(task, agent, q, sigma, "soft", samples=4.0).probability[0]
    np.testing.assert_allclose(actor.probabilities(0), expected, atol=1e-9)
    actor.step(0, 0, 1.0, 1)
    # the first episode counts as if those before had earned the price given: (ω + rate (r / time − ω))
    assert actor.opportunity_cost == pytest.approx(0.1 + 0.01 * (1 / 1.4 - 0.1))
    assert actor.samples[0] != 4.0 and actor.samples[1] == 1.0


def test_response_times_are_those_of_the_samples():
    """t_nondec + t_sample n(s) where there is a choice; in the reward rate of planning a sample takes decision_time."""
    agent = sm.Agent(samples=4.0, sample_time=0.25, non_decision_time=0.3)
    fixed = sm.train(sm.tasks.two_step(), agent, episodes=2, restarts=2, seed=0)
    np.testing.assert_allclose(fixed.response_times, np.tile([1.3, 1.3, 1.3, np.nan], (2, 1)))
    learned = sm.train(
        sm.tasks.two_step(), agent.replace(learn_samples="state", opportunity_cost=0.5), episodes=30, restarts=2, seed=0
    )
    assert np.ptp(learned.samples[:, :3]) > 0
    np.testing.assert_allclose(learned.response_times[:, :3], 0.3 + 0.25 * learned.samples[:, :3])
    rated = sm.Agent.table_b1(
        "planning", search_budget=25, reward_rate=True, decision_time=0.2, samples=2.0, sample_time=7.0
    )
    planning = sm.train(sm.tasks.planning(3), rated, episodes=1, restarts=1, seed=0).response_times
    np.testing.assert_allclose(planning, [[1.0 + 0.2 * 2.0] * 18 + [np.nan]])


@pytest.mark.parametrize("agent", [DEAR, DEAR.replace(learn_samples="state", learn_opportunity_cost=True)])
def test_trials_have_the_time_of_a_choice(agent, tmp_path):
    kinds = [{}, {"values": True}, {"probability": True}, {"values": True, "probability": True}]
    tables = [sm.simulate(MAZE, agent, episodes=6, restarts=3, seed=1, **kind) for kind in kinds]
    for kind, trials in zip(kinds, tables, strict=True):
        np.testing.assert_array_equal(trials.time, tables[0].time)
        assert (trials.q is not None) == ("values" in kind) and (trials.probability is not None) == (
            "probability" in kind
        )
    first = tables[0].episode == 0
    np.testing.assert_allclose(tables[0].time[first], 1.0 + 0.1 * 4.0)
    assert (np.ptp(tables[0].time) > 0) == (agent.learn_samples == "state")
    # σ is that of a sample, as it was at the start; the probability is that of the decision
    whole = tables[-1]
    assert (whole.sigma[first][~np.isnan(whole.sigma[first])] == agent.sigma_0).all()
    kept = sm.Trials.load(whole.save(tmp_path / "trials"))
    np.testing.assert_array_equal(kept.time, whole.time)
    plain = sm.simulate(MAZE, sm.Agent(), episodes=2, seed=0)
    assert plain.time is None


@pytest.mark.parametrize("kind", [{}, {"probability": True, "values": True}])
def test_a_table_with_times_is_read_back(kind, tmp_path):
    """`time` is a column of ours in a table of ours, or by name; in other people's it may be the time of day."""
    agent = DEAR.replace(learn_samples="state")
    trials = sm.simulate(MAZE, agent, episodes=6, restarts=3, seed=1, **kind)
    assert np.ptp(trials.time) > 0
    path = trials.to_csv(tmp_path / "trials.csv")
    for again in (sm.Trials.read_csv(path, MAZE), sm.Trials.from_frame(trials.to_frame(), MAZE)):
        for name, column in trials.columns.items():
            np.testing.assert_array_equal(column, getattr(again, name), err_msg=name)
    others = trials.to_frame()[["subject", "episode", "step", "state", "action", "reward", "next_state", "time"]]
    assert sm.Trials.from_frame(others, MAZE).time is None
    named = sm.Trials.from_frame(others.rename(columns={"time": "taken"}), MAZE, {"time": "taken"})
    np.testing.assert_array_equal(named.time, trials.time)
    others.assign(time="12:30").to_csv(path, index=False)
    assert sm.Trials.read_csv(path, MAZE).time is None
    with pytest.raises(ValueError, match="line 2: time must be a number, got '12:30'"):
        sm.Trials.read_csv(path, MAZE, {"time": "time"})


def test_probabilities_are_those_of_several_samples():
    task = sm.TabularMDP([[1, 1], [1, 1]], [[1.0, 0.0], [0.0, 0.0]], start=0, terminal=[1])
    q, sigma = np.array([[1.0, 0], [0, 0]]), np.full((2, 2), 2.0)
    agent = sm.Agent(samples=4.0, sample_correlation=0.3)
    trials = sm.simulate(task, agent, episodes=50, seed=0, learn=False, q=q, sigma=sigma, probability=True)
    p = exact.evaluate(task, agent, q, sigma, "soft", samples=4.0).probability[0]
    np.testing.assert_allclose(trials.probability, p[trials.action], atol=1e-9)


def test_choices_do_not_tell_samples_from_precision():
    """n samples are one of an agent whose σ's are √c times as large, and α₂ c times, c = (1 + (n − 1) ρ)/n."""
    task, c = sm.tasks.slot_machines(frequencies=(8, 4, 2, 1)), (1 + 3 * 0.2) / 4
    one = sm.Agent(learn_q=False, sigma_base=5.0, sigma_0=3.0, sigma_min=0.01, sigma_max=50.0)
    other = one.replace(
        learning_rate_sigma=c * one.learning_rate_sigma,
        **{name: c**0.5 * getattr(one, name) for name in ("sigma_base", "sigma_0", "sigma_min", "sigma_max")},
    )
    run = {"episodes": 300, "restarts": 1, "seed": 0, "estimator": "exact", "q": task.optimal_q()}
    many = sm.train(task, one.replace(samples=4.0, sample_correlation=0.2), **run)
    single = sm.train(task, other, **run)
    assert np.ptp(single.memory_sigma) > 0.1
    np.testing.assert_allclose(c**0.5 * many.memory_sigma, single.memory_sigma, rtol=1e-12)


@pytest.mark.parametrize("fields", [{"samples": 2.0}, {"learn_samples": "shared"}, {"learn_opportunity_cost": True}])
def test_effort_is_not_fitted(fields):
    with pytest.raises(ValueError, match=f"{next(iter(fields))}=.* cannot be fitted to choices") as told:
        sm.fit.Model(agent=sm.Agent(**fields))
    assert ("one of σ/√n" in str(told.value)) == ("samples" in fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"learn_opportunity_cost": True, "learn_q": False}, "learn_opportunity_cost=True needs learn_q=True"),
        ({"learn_opportunity_cost": True, "reward_rate": True}, "reward_rate=True does already"),
    ],
)
def test_agents_that_contradict_themselves(fields, message):
    with pytest.raises(ValueError, match=message):
        sm.Agent(**fields)


def test_what_cannot_learn():
    learning = sm.Agent.table_b1("planning", learn_search_budget=True, search_budget=50)
    with pytest.raises(ValueError, match="estimator='exact' takes the price of time as it is"):
        sm.train(MAZE, sm.Agent(learn_opportunity_cost=True), episodes=1, estimator="exact")
    with pytest.raises(ValueError, match="estimator='exact' takes the search budget as it is"):
        sm.train(sm.tasks.planning(3), learning, episodes=1, estimator="exact")
    with pytest.raises(ValueError, match="learn_search_budget=True is for planning tasks"):
        sm.train(MAZE, sm.Agent(learn_search_budget=True), episodes=1)
    with pytest.raises(ValueError, match=r"search_budget_max=40.0 is less than search_budget=50.0"):
        learning.replace(search_budget_max=40)
    with pytest.raises(ValueError, match="would keep 20971520 scores a trajectory on 'planning'"):
        sm.train(sm.tasks.planning(20), learning.replace(search_budget=1e-3, gradient="best_path"), episodes=1)


PLANNING = sm.tasks.planning(3)
EXACT_Q, RUNS = PLANNING.optimal_q(), 5000


def planner(**changes):
    return sm.Agent.table_b1("planning", reward_rate=True, learn_search_budget=True, **changes)


@pytest.mark.parametrize("rate", [True, False], ids=["rate", "price"])
@pytest.mark.parametrize("search", ["rollouts", "depth-first"])
@pytest.mark.parametrize("paths", [1.4, 2.0, 3.5, 8.0])
def test_mean_step_of_the_budget_is_the_exact_slope(paths, search, rate):
    """One update of 5000 runs: the mean of Δb within 4 standard errors of α ∂F/∂b, the slope between whole numbers of
    paths of the exact expected best, less the time of a path; at 100 %, that from one path less on."""
    agent = planner(
        search_budget=12.5 * paths, planner=search, learn_q=False, samples=2.0, learning_rate_search_budget=1e-3,
        allocation="fixed", gradient="best_path", opportunity_cost=0.0 if rate else 3.0,
    ).replace(reward_rate=rate)  # fmt: skip
    sigma = np.full((19, 2), 30.0)
    result = sm.train(
        PLANNING, agent, episodes=1, restarts=RUNS, seed=0, q=np.tile(EXACT_Q, (RUNS, 1, 1)),
        sigma=np.tile(sigma, (RUNS, 1, 1)),
    )  # fmt: skip
    below = min(int(paths), 7)
    plain = agent.replace(learn_search_budget=False, reward_rate=False, opportunity_cost=0.0)
    low, high = (
        exact.evaluate(PLANNING, plain.replace(search_budget=12.5 * n), EXACT_Q, sigma, "soft").value
        for n in (below, below + 1)
    )
    time = 1 + 0.1 * 3 * 2.0 * paths
    best = low + (paths - below) * (high - low)
    slope = (high - low) / time - best / time**2 * 0.1 * 3 * 2.0 if rate else high - low - 3.0 * 0.1 * 3 * 2.0
    steps = (result.search_budget - agent.search_budget) / agent.learning_rate_search_budget
    expected = slope * 8 / 100
    error = steps.std() / np.sqrt(len(steps))
    if paths == 8.0:  # at the bound, where a step up is cut off
        assert (steps < 0).mean() > 0.9
    else:
        assert abs(steps.mean() - expected) < 4 * error
        assert 4 * error < 0.1 * abs(expected) + 0.03


CHEAP = sm.Agent(opportunity_cost=0.5, samples=2.0)
TIMED = {
    "maze": (sm.tasks.grid_world(), CHEAP),
    "discounted": (sm.tasks.grid_world(), CHEAP.replace(gamma=0.9)),
    "paths": (PLANNING, sm.Agent.table_b1("planning", opportunity_cost=0.5, samples=2.0, search_budget=37.5)),
    "rate": (PLANNING, sm.Agent.table_b1("planning", samples=2.0, search_budget=37.5, reward_rate=True)),
    "depth-first": (
        PLANNING,
        sm.Agent.table_b1("planning", opportunity_cost=0.5, samples=2.0, search_budget=50, planner="depth-first"),
    ),
}


@pytest.mark.parametrize("name", TIMED)
def test_time_and_its_price_are_those_of_exact(name):
    """Neither is discounted: the value alone is. Means of 20,000 episodes, within 2 %."""
    task, agent = TIMED[name]
    q, sigma = task.optimal_q(), np.full((task.n_states, task.n_actions), 30.0 if task.horizon else 1.0)
    exactly = exact.evaluate(task, agent, q, sigma, "soft")
    figures = sm.evaluate(task, agent, q, sigma, episodes=20_000, seed=0)
    assert figures.time == pytest.approx(exactly.time, rel=0.02)
    assert figures.time_cost == pytest.approx(exactly.time_cost, rel=0.02)
    assert figures.reward_rate == figures.reward / figures.time
    assert exactly.reward_rate == exactly.reward / exactly.time
    if task.horizon is not None:  # as many samples in every episode
        n_paths = round((agent.search_budget or 12.5) / 12.5)
        assert figures.time == pytest.approx(0.1 * 2.0 * 3 * n_paths + 1, rel=1e-12)
        assert exactly.time == pytest.approx(figures.time, rel=1e-12)


def test_depth_first_paths_take_the_time_of_all_their_states():
    """The full tree, with effort of its own in every state: each of the four paths through a state pays for it."""
    agent = sm.Agent.table_b1(
        "planning", planner="depth-first", search_budget=100, learn_samples="state", opportunity_cost=1.0
    )
    n = np.ones(19)
    n[:6] = 3.0  # of the first move
    figures = sm.evaluate(PLANNING, agent, EXACT_Q, np.full((19, 2), 30.0), episodes=64, seed=0, samples=n)
    assert figures.time == pytest.approx(0.1 * 8 * (3 + 1 + 1) + 1)
    assert figures.time_cost == pytest.approx(0.1 * 8 * (3 + 1 + 1))


@pytest.mark.parametrize("rate", [True, False], ids=["rate", "price"])
def test_mean_step_of_effort_in_depth_first_planning(rate):
    """Memories drawn once a trial, by the best of four paths: 5000 runs, 4 standard errors."""
    agent = sm.Agent.table_b1(
        "planning", planner="depth-first", search_budget=50, gradient="best_path", learn_samples="shared", samples=2.0,
        allocation="fixed", learn_q=False, learning_rate_samples=1e-4, reward_rate=rate,
        opportunity_cost=0.0 if rate else 20.0,
    )  # fmt: skip
    sigma = np.full((19, 2), 30.0)
    result = sm.train(
        PLANNING, agent, episodes=1, restarts=RUNS, seed=0, q=np.tile(EXACT_Q, (RUNS, 1, 1)),
        sigma=np.tile(sigma, (RUNS, 1, 1)),
    )  # fmt: skip
    steps = np.log(result.samples[:, 0] / 2.0) / agent.learning_rate_samples
    # one number moves by the mean over the states in which there is a choice
    expected = exact.gradient(PLANNING, agent, EXACT_Q, sigma, "soft", samples=2.0).samples * 2.0 / 18
    error = steps.std() / np.sqrt(RUNS)
    assert abs(steps.mean() - expected) < 4 * error
    assert 4 * error < 0.25 * abs(expected)


PEAKS = {}


def exact_peak(search, decision_time):
    """Paths at which the exact optimum of the reward rate is largest (Fig. 3f), all 36 memories, q̄ = q*."""
    key = (search, decision_time)
    if key not in PEAKS:
        agent = sm.Agent.table_b1("planning", reward_rate=True, planner=search, decision_time=decision_time)
        worth = [
            exact.optimum(PLANNING, agent.replace(search_budget=12.5 * n), policy="soft", starts=6).objective
            for n in range(1, 9)
        ]
        PEAKS[key] = int(np.argmax(worth)) + 1
    return PEAKS[key]


@pytest.mark.parametrize("start", [12.5, 25.0, 50.0, 100.0])
@pytest.mark.parametrize("gradient", ["advantage", "best_path"])
@pytest.mark.parametrize("decision_time", [0.1, 0.5])
def test_learned_budget_ends_within_one_path_of_the_exact_peak(decision_time, gradient, start):
    """Independent rollouts, σ and b learned together: each of 8 runs, from wherever it starts."""
    agent = planner(decision_time=decision_time, gradient=gradient, search_budget=start, learn_q=False)
    result = sm.train(
        PLANNING, agent, episodes=15_000, restarts=8, seed=0, evaluate_every=15_000, evaluation_episodes=500,
        q=np.tile(EXACT_Q, (8, 1, 1)),
    )  # fmt: skip
    peak = exact_peak("rollouts", decision_time)
    assert peak == 2
    assert (np.abs(result.search_budget / 12.5 - peak) < 1.05).all()
    np.testing.assert_array_equal(result.search_budgets[:, -1], result.search_budget)
    paths = result.search_budget / 12.5
    np.testing.assert_allclose(result.time[:, 0], 1 + decision_time * 3 * paths, rtol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("start", "ends"), [(12.5, 1), (100.0, 5)])
def test_learned_budget_of_depth_first_stays_at_the_next_peak(start, ends):
    """The exact curve over depth-first paths has a peak at each odd number of them: a gradient ends at the next one."""
    agent = planner(planner="depth-first", search_budget=start, learn_q=False)
    result = sm.train(
        PLANNING, agent, episodes=20_000, restarts=8, seed=0, q=np.tile(EXACT_Q, (8, 1, 1)),
    )  # fmt: skip
    assert exact_peak("depth-first", 0.1) == 1
    assert (np.abs(result.search_budget / 12.5 - ends) < 0.1).all()


def test_runs_with_a_learned_budget_go_on_and_are_replayed(tmp_path):
    agent = planner(search_budget=30, learning_rate_search_budget=2.0, n_trajectories=3, gradient="best_path")
    runs = {"restarts": 3, "seed": 2, "evaluate_every": 2, "evaluation_episodes": 3}
    whole = sm.train(PLANNING, agent, episodes=9, **runs)
    half = sm.train(PLANNING, agent, episodes=5, **runs)
    kept = sm.Result.load(half.save(tmp_path / "half"))
    assert differing(half, kept, EFFORT) == []
    assert differing(whole, kept.extend(episodes=4), EFFORT) == []
    assert np.ptp(whole.search_budgets) > 1
    assert kept.policy(1).search_budget == kept.search_budget[1]
    trials = sm.simulate(PLANNING, agent, episodes=9, restarts=3, seed=2)
    again = sm.replay(trials, agent, seed=2)
    assert differing(whole, again, ("memory_q", "memory_sigma", "search_budget", "stream")) == []
    # by hand: b pays for whole numbers of paths about its mean
    paths = np.array([trials.path[(trials.subject == 0) & (trials.episode == e)].max() + 1 for e in range(9)])
    assert set(paths) <= set(range(1, 9)) and paths[0] in (2, 3)


def test_exact_gradient_learns_effort():
    """From one start to the maximum that `optimum` finds, within 1 %."""
    task = sm.tasks.maze(("..G", "S#.", "..."), step_limit=200)
    agent = sm.Agent(
        learn_q=False, learn_samples="state", opportunity_cost=1.0, samples=2.0, lam=0.1, learning_rate_samples=0.5,
        learning_rate_sigma=0.5,
    )  # fmt: skip
    q = task.optimal_q()
    whole = sm.train(task, agent, episodes=300, restarts=1, seed=0, q=q[None], estimator="exact")
    half = sm.train(task, agent, episodes=150, restarts=1, seed=0, q=q[None], estimator="exact").extend(episodes=150)
    np.testing.assert_allclose(whole.samples, half.samples, rtol=1e-12)
    best = exact.optimum(task, agent, q, policy="soft", starts=6)
    reached = exact.evaluate(task, agent, q, whole.sigma[0], "soft", samples=whole.samples[0]).objective
    assert reached > best.objective - 0.01 * abs(best.objective)
    assert np.ptp(whole.samples[0]) > 0.5
    one = sm.train(task, agent.replace(learn_samples="shared"), episodes=10, restarts=1, seed=0, q=q[None],
                   estimator="exact")  # fmt: skip
    assert np.ptp(one.samples[0][task.exists.any(axis=1)]) == 0 and one.samples[0, 0] != 2.0
