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

EFFORT = (*WHOLE, "time", "time_cost", "samples", "opportunity_cost", "earned")


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
    st.sampled_from(sorted(ALLOCATIONS)), st.sampled_from(sorted(GRADIENTS)),
)  # fmt: skip
def test_kernel_is_its_twin_in_planning(seed, budget, depth_first, rate, allocation, gradient):
    agent = sm.Agent.table_b1(
        "planning", n_trajectories=3, search_budget=budget, reward_rate=rate, allocation=allocation, gradient=gradient
    )
    changes = {"learn_opportunity_cost": False} if rate else {}
    if depth_first and "depth-first" in agent.gradient_rule.planners:
        changes |= {"learn_samples": "no"} if budget else {}
        agent = agent.replace(planner="depth-first")
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
    assert figures.time_cost == pytest.approx(exactly.effort, rel=0.02)
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


def test_probabilities_are_those_of_several_samples():
    task = sm.TabularMDP([[1, 1], [1, 1]], [[1.0, 0.0], [0.0, 0.0]], start=0, terminal=[1])
    q, sigma = np.array([[1.0, 0], [0, 0]]), np.full((2, 2), 2.0)
    agent = sm.Agent(samples=4.0, sample_correlation=0.3)
    trials = sm.simulate(task, agent, episodes=50, seed=0, learn=False, q=q, sigma=sigma, probability=True)
    p = exact.evaluate(task, agent, q, sigma, "soft", samples=4.0).probability[0]
    np.testing.assert_allclose(trials.probability, p[trials.action], atol=1e-9)


@pytest.mark.parametrize("fields", [{"samples": 2.0}, {"learn_samples": "shared"}, {"learn_opportunity_cost": True}])
def test_effort_is_not_fitted(fields):
    with pytest.raises(ValueError, match=f"{next(iter(fields))}=.* cannot be fitted to choices"):
        sm.fit.Model(agent=sm.Agent(**fields))


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


def test_what_cannot_learn_effort():
    deep = sm.Agent.table_b1("planning", planner="depth-first", search_budget=50, learn_samples="shared")
    with pytest.raises(ValueError, match="learn_samples='shared' needs planner='rollouts', or one path"):
        sm.train(sm.tasks.planning(3), deep, episodes=1)
    with pytest.raises(ValueError, match="estimator='exact' takes effort and its price as they are"):
        sm.train(MAZE, sm.Agent(learn_samples="state"), episodes=1, estimator="exact")
