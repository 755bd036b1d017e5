"""Log-likelihoods of choices: section 11's exact values, the exact solver, and the scalar twin, bit for bit."""

import itertools
import math

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc import _kernel, fit
from sigmalloc.fit import engine
from sigmalloc.reference import Stream
from sigmalloc.reference import likelihood as twin

BUILDS = _kernel.available()
ALLOCATIONS = ("dra", "equal", "frequency", "stakes", "fixed")
SOURCES = ("replay", "experience", "task")
POLICIES = ("hard", "soft")
BOTH = list(itertools.product(POLICIES, SOURCES))
CHANGING = ("learning_rate_q", "learning_rate_sigma", "lam", "sigma_0", "lapse")


def agent(**changes):
    return sm.Agent(**{"beta": 3.0, "lam": 0.1, "sigma_base": 3.0, "sigma_0": 1.5, **changes})


def pairs(rows=200, seed=0, n_memories=4):
    """Pairs of shared memories, both payoffs shown, choices at random."""
    rng = np.random.default_rng(seed)
    memory = np.stack([rng.permutation(n_memories)[:2] for _ in range(rows)])
    payoff = rng.normal(memory + 1.0, 0.5)
    return fit.Choices.from_arrays(memory, rng.integers(2, size=rows), payoff).subjects[0]


def mixed(n_options, seed=0, rows=48, blocks="carry", hidden=0.2):
    """Rows with everything: known numbers, noise, missing, forced and unshown, longer episodes, blocks, few options."""
    rng = np.random.default_rng(seed)
    memory = np.stack([rng.permutation(5)[:n_options] for _ in range(rows)])
    memory[rng.random(rows) < 0.2, n_options - 1] = -1
    exists = np.ones(memory.shape, dtype=bool)
    exists[rng.random(rows) < 0.1, -1] = False
    known = np.where(memory < 0, 2.0, 0.0) - np.where(rng.random(memory.shape) < 0.1, 0.5, 0.0)
    payoff = rng.normal(np.where(memory >= 0, memory, 2.0), 0.5)
    shown = rng.random(payoff.shape) >= hidden
    choice = rng.integers(0, exists.sum(axis=1))
    shown[np.arange(rows), choice] = True
    choice[rng.random(rows) < 0.05] = -1
    return fit.Choices.from_arrays(
        memory, choice, np.where(shown, payoff, np.nan), known=known, known_sigma=np.where(memory < 0, 0.3, 0.0),
        exists=exists, block=np.arange(rows) // 20, forced=rng.random(rows) < 0.05, episode=np.arange(rows) // 2,
        blocks=blocks,
    ).subjects[0]  # fmt: skip


def in_two_steps(rows=30, seed=0):
    """Choices in the two-step task, at random."""
    task = sm.tasks.make("two-step", trials=rows)
    rng = np.random.default_rng(seed)
    table = {name: [] for name in ("state", "action", "reward", "next_state", "episode")}
    for episode in range(rows):
        state = 0
        while not task.terminal[state]:
            action = int(rng.integers(task.action_counts[state]))
            outcome = rng.choice(task.n_outcomes, p=task.probability[state, action])
            following = int(task.next_state[state, action, outcome])
            reward = float(rng.integers(2)) if task.terminal[following] else 0.0
            for name, value in zip(table, (state, action, reward, following, episode), strict=True):
                table[name].append(value)
            state = following
    return task, fit.Choices.from_task(task, table).subjects[0]


def run(subject, model, build=BUILDS[0], vectors=None, **wanted):
    vectors = model.vector()[None] if vectors is None else vectors
    return engine.run(subject, model.setting, vectors, kernel=_kernel.load(build), **wanted)


# The twin


def models(n_options):
    for allocation, policy, source in itertools.product(ALLOCATIONS, POLICIES, SOURCES):
        if policy == "soft" and n_options > 2:
            continue  # the twin takes its time: a test of its own
        gradients = ("advantage", "q", "reinforce", "return") if source == "experience" else ("advantage",)
        for gradient in gradients:
            yield fit.Model(
                agent=agent(allocation=allocation, gradient=gradient), policy=policy, gradient_source=source,
                stickiness=0.3, window=4,
            )  # fmt: skip
    yield fit.Model(agent=fit.SoftmaxLearner(beta=2.0, beta_rate=0.01, q_init=0.5), stickiness=0.3)
    yield fit.Model(agent=agent(allocation="stakes"), policy="hard", shape=(1, 2, 3, 0, 0.5))
    yield fit.Model(agent=agent(learn_q=False), policy="hard")


def same_as_the_twin(subject, model, design=None):
    scalar = twin.evaluate(subject, model.setting, model.vector())
    drawn = None
    if design is not None:
        drawn = twin.evaluate(design, model.setting, model.vector(), Stream(3, (0,))).choice
    for build in BUILDS:
        has_these_bits(subject, model, build, scalar)
        if design is not None:
            found = run(design, model, build, streams=engine.stream_states(3, (), 1))
            assert found.choice[0].tolist() == drawn


def has_these_bits(subject, model, build, scalar):
    kernel = run(subject, model, build, pointwise=True, course=True)
    assert kernel.total[0] == scalar.total
    assert kernel.pointwise[0].tolist() == scalar.pointwise
    assert kernel.q[0].tolist() == [*scalar.q, scalar.final_q]
    assert kernel.sigma[0].tolist() == [*scalar.sigma, scalar.final_sigma]
    for found, p in zip(kernel.probability[0].tolist(), scalar.probability, strict=True):
        assert found[: len(p)] == p


@pytest.mark.parametrize(("n_options", "blocks"), [
    (2, "carry"), (3, "reset"),
    *(pytest.param(*case, marks=pytest.mark.slow) for case in ((2, "reset_q"), (4, "carry"))),
])  # fmt: skip
def test_same_bits_as_the_twin(n_options, blocks):
    rows = 48 if n_options == 2 else 26
    subject, design = (mixed(n_options, rows=rows, blocks=blocks, hidden=share) for share in (0.2, 0))
    assert subject.n_memories == 5
    for model in models(n_options):
        same_as_the_twin(subject, model, design)


@pytest.mark.parametrize("beta", [  # each has another rule for a noisy recall
    0.2, 8.0, *(pytest.param(beta, marks=pytest.mark.slow) for beta in (1.0, 2.0, 40.0)),
])  # fmt: skip
@pytest.mark.parametrize("source", SOURCES)
def test_same_bits_as_the_twin_with_soft_choices_among_three(source, beta):
    subject = mixed(3, rows=8, blocks="reset", hidden=0)
    model = fit.Model(agent=agent(beta=beta), policy="soft", gradient_source=source, window=2)
    same_as_the_twin(subject, model, subject if source == "replay" else None)


def test_same_bits_as_the_twin_in_longer_episodes():
    _, subject = in_two_steps()
    assert subject.longer_episodes
    for model in models(2):
        if model.shape is None:
            same_as_the_twin(subject, model)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_set_does_not_depend_on_the_sets_beside_it(policy):
    subject, rng = pairs(), np.random.default_rng(0)
    model = fit.Model(agent=agent(), policy=policy)
    values = rng.uniform(0.05, 0.9, (21, len(CHANGING))) + [0, 0, 0, 0.5, 0]
    values[:, 4] = np.clip(values[:, 4], 0, 1)
    together = fit.log_likelihoods(subject, model, CHANGING, values)
    alone = [fit.log_likelihoods(subject, model, CHANGING, row[None])[0] for row in values]
    assert together.tolist() == alone
    vectors = model.vectors(CHANGING, values)
    assert run(subject, model, "baseline", vectors[:8]).total.tolist() == alone[:8]


# Elementary functions

ELEMENTARY = {
    "exp": (np.linspace(-700, 700, 200_001), twin.exponential),
    "log": (np.logspace(-300, 300, 200_001), twin.logarithm),
    "below": (np.linspace(-39, 39, 200_001), lambda z: twin.normal(z)[0]),
    "bell": (np.linspace(-39, 39, 20_001), lambda z: twin.normal(z)[1]),
}


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("name", ELEMENTARY)
def test_elementary_functions_have_the_twins_bits(name, build):
    x, scalar = ELEMENTARY[name]
    y = np.empty_like(x)
    _kernel.load(build).precise(name, x, y)
    assert y[::41].tolist() == [scalar(value) for value in x[::41].tolist()]


def test_elementary_functions_against_scipy():
    special = pytest.importorskip("scipy.special")
    values = {}
    for name, (x, _) in ELEMENTARY.items():
        values[name] = np.empty_like(x)
        _kernel.kernel.precise(name, x, values[name])
    x = {name: points for name, (points, _) in ELEMENTARY.items()}
    assert np.abs(values["exp"] / np.exp(x["exp"]) - 1).max() < 3e-15
    assert np.abs(values["log"] - np.log(x["log"])).max() < 2e-13  # of up to 690: a few units in the last place
    assert np.abs(values["below"] - special.ndtr(x["below"])).max() < 1e-15
    assert np.abs(values["below"][x["below"] == 0.0] - 0.5).max(initial=0) == 0.0
    near = np.abs(x["bell"]) <= 37
    assert np.abs(values["bell"][near] - np.exp(-(x["bell"][near] ** 2) / 2)).max() < 3e-15


def test_unknown_function():
    with pytest.raises(ValueError, match="tangent"):
        _kernel.kernel.precise("tangent", np.zeros(1), np.zeros(1))


# Against the exact solver


def known_options(n_options, rows=300, seed=1):
    """Options that have only known numbers and noise, over four decades of noise."""
    rng = np.random.default_rng(seed)
    value = rng.normal(0, 1, (rows, n_options)) * 10 ** rng.uniform(-1, 1, (rows, 1))
    noise = 10 ** rng.uniform(-2, 2, (rows, n_options))
    noise[: rows // 10, 0] = 0.0
    memory = np.full(value.shape, -1)
    memory[0, 0] = 0  # a subject has at least one memory
    data = fit.Choices.from_arrays(
        memory, np.zeros(rows, dtype=int), np.zeros(rows), known=value, known_sigma=noise
    ).subjects[0]
    return data, value, noise


@pytest.mark.parametrize(
    ("n_options", "policy"), [(2, "hard"), (2, "soft"), (3, "hard"), (3, "soft"), (5, "hard"), (5, "soft")]
)
def test_probabilities_are_exact(n_options, policy):
    data, value, noise = known_options(n_options, rows=300 if policy == "hard" or n_options == 2 else 60)
    noise[0, 0] = 1.5
    model = fit.Model(agent=agent(allocation="fixed"), policy=policy)
    found = fit.trajectories(data, model).probability[0]
    exact = sm.exact.choice_probabilities(value, noise, policy, beta=3.0)
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-14)


@pytest.mark.parametrize(
    ("n_options", "policy"), [(2, "hard"), (2, "soft"), (3, "hard"), (3, "soft"), (4, "hard"), (4, "soft")]
)
@pytest.mark.parametrize("source", SOURCES)
def test_gradients_are_exact(n_options, policy, source):
    """λ = 0: the first change of σ is α₂ times the expected gradient."""
    rng = np.random.default_rng(n_options)
    for _ in range(25 if n_options == 2 or policy == "hard" else 8):
        offset = rng.normal(0, 1, n_options)
        sigma_0, noise, last_known = rng.uniform(0.2, 2), rng.uniform(0, 2), rng.random() < 0.5
        memory = np.arange(n_options)
        if last_known:
            memory[-1] = -1
        c = int(rng.integers(n_options))
        data = fit.Choices.from_arrays(
            np.tile(memory, (2, 1)), [c, c], np.full((2, n_options), np.nan), known=np.tile(offset, (2, 1)),
            known_sigma=np.where(memory < 0, noise, 0.0) * np.ones((2, 1)),
        ).subjects[0]  # fmt: skip
        model = fit.Model(
            agent=agent(lam=0.0, sigma_0=sigma_0, learning_rate_sigma=1e-3, sigma_min=1e-6), policy=policy,
            gradient_source=source,
        )  # fmt: skip
        sigma = np.where(memory < 0, noise, sigma_0)
        p, by_sigma, _ = sm.exact.choice_gradients(offset, sigma, policy, beta=3.0)
        if source == "experience":
            expected = (offset[c] - offset.mean()) * by_sigma[c] / p[c]
        else:
            expected = (offset - offset.mean()) @ by_sigma
        found = (fit.trajectories(data, model).sigma[0, 1] - sigma_0) / 1e-3
        # ∂ln P of an unlikely choice has the relative error of its P
        np.testing.assert_allclose(found, expected[: len(found)], rtol=1e-8 if source == "experience" else 0, atol=1e-9)


def test_gradient_of_a_longer_task_is_the_expected_estimator():
    """Σ_s d(s) Σ_a (u_a − ū) ∂P_a/∂σ with the occupancy of the agent's own policy, as for training."""
    task, subject = in_two_steps(rows=20)
    model = fit.Model(
        agent=agent(lam=0.0, learning_rate_sigma=1.0, sigma_min=1e-6), policy="soft", gradient_source="task"
    )
    course = fit.trajectories(subject, model)
    steps = np.flatnonzero(np.diff(subject.episode_end, prepend=1) == -1)[1:]  # first rows of episodes
    unchanging = task.unchanging()
    assert len(steps) > 10
    for t in steps[:10]:
        before = fit.trajectories(subject.part(int(t)), model).sigma[0, -1]
        table = unchanging.memory_map.gather
        exact = sm.exact.expected_estimator(
            unchanging, model.agent, table(course.q[0, t]), table(before, elsewhere=1.0), variance=False
        )
        found = unchanging.memory_map.gather(course.sigma[0, t] - before)
        np.testing.assert_allclose(found, exact.reward_gradient, atol=1e-9)


# Section 11's exact values


@pytest.mark.parametrize(("policy", "source"), BOTH)
def test_two_options_always_together_make_flexible_and_equal_precision_the_same_agent(policy, source):
    subject = pairs(n_memories=2)
    for psi in ("advantage", "q"):
        one, other = (
            fit.log_likelihood(
                subject, agent(allocation=name, gradient=psi), policy=policy, gradient_source=source, pointwise=True
            )
            for name in ("dra", "equal")
        )
        assert one.tolist() == other.tolist()
    assert fit.log_likelihood(pairs(), agent()) != fit.log_likelihood(pairs(), agent(allocation="equal"))


@pytest.mark.parametrize(("policy", "source"), BOTH)
def test_without_learning_precision_every_allocation_is_fixed(policy, source):
    for name in ("dra", "equal"):
        still = fit.log_likelihood(
            pairs(), agent(allocation=name, learning_rate_sigma=0.0), policy=policy, gradient_source=source
        )
        assert still == fit.log_likelihood(pairs(), agent(allocation="fixed"), policy=policy)


@pytest.mark.parametrize("k", [4.0, 3.0])
@pytest.mark.parametrize("allocation", ALLOCATIONS)
@pytest.mark.parametrize(("policy", "source"), BOTH)
def test_units_of_reward_do_not_matter(allocation, policy, source, k):
    subject = pairs()
    scaled = fit.Choices.from_arrays(subject.memory[subject.situation], subject.choice, k * subject.payoff).subjects[0]
    one = agent(allocation=allocation)
    other = one.replace(
        beta=one.beta / k, q_init=k * one.q_init,
        **{name: k * getattr(one, name) for name in (
            "learning_rate_sigma", "lam", "sigma_base", "sigma_0", "sigma_min", "sigma_max",
        )},
    )  # fmt: skip
    found = [
        fit.log_likelihood(data, a, policy=policy, gradient_source=source, stickiness=kappa)
        for data, a, kappa in ((subject, one, 0.1), (scaled, other, 0.1 * k))
    ]
    assert found[1] == pytest.approx(found[0], rel=0 if k == 4 else 1e-11)


@pytest.mark.parametrize("n_options", [2, 3])
def test_nothing_to_choose_between(n_options):
    """No reward and equal σ: ln(1/n) a trial."""
    rows = 50
    memory = np.tile(np.arange(n_options), (rows, 1))
    data = fit.Choices.from_arrays(memory, np.arange(rows) % n_options, np.zeros(memory.shape))
    for allocation in ALLOCATIONS:
        for policy in POLICIES:
            found = fit.log_likelihood(data, agent(allocation=allocation), policy=policy, pointwise=True)
            np.testing.assert_allclose(found, -math.log(n_options), rtol=1e-12)
    learner = fit.log_likelihood(data, fit.SoftmaxLearner(beta=5.0))
    assert learner == pytest.approx(-rows * math.log(n_options), rel=1e-12)


@pytest.mark.parametrize(("policy", "source"), BOTH)
def test_names_of_actions_and_memories_do_not_matter(policy, source):
    subject = pairs()
    memory = subject.memory[subject.situation]
    for allocation in ALLOCATIONS:
        one = fit.log_likelihood(subject, agent(allocation=allocation), policy=policy, gradient_source=source)
        swapped = fit.Choices.from_arrays(memory[:, ::-1], 1 - subject.choice, subject.payoff[:, ::-1])
        names = np.array(["d", "a", "c", "b"])
        renamed = fit.Choices.from_arrays(names[memory], subject.choice, subject.payoff)
        for data in (swapped, renamed):
            assert fit.log_likelihood(data, agent(allocation=allocation), policy=policy, gradient_source=source) == one


def test_order_of_three_options_does_not_matter():
    rng = np.random.default_rng(0)
    memory = np.stack([rng.permutation(5)[:3] for _ in range(60)])
    payoff, choice = rng.normal(memory, 0.5), rng.integers(3, size=60)
    order = [2, 0, 1]
    one = fit.Choices.from_arrays(memory, choice, payoff)
    other = fit.Choices.from_arrays(memory[:, order], np.argsort(order)[choice], payoff[:, order])
    for policy, source in BOTH:
        found = [fit.log_likelihood(d, agent(), policy=policy, gradient_source=source) for d in (one, other)]
        assert found[1] == pytest.approx(found[0], rel=1e-12)


@pytest.mark.parametrize("policy", POLICIES)
def test_terms_add_up(policy):
    data = fit.Choices([pairs()])
    terms = fit.log_likelihood(data, agent(), policy=policy, pointwise=True)
    assert terms.shape == (data.n_rows,)
    assert terms.sum() == pytest.approx(fit.log_likelihood(data, agent(), policy=policy), rel=1e-13)
    p = fit.trajectories(data.subjects[0], fit.Model(agent=agent(), policy=policy)).probability[0]
    chosen = p[np.arange(len(p)), data.subjects[0].choice]
    np.testing.assert_allclose(terms, np.log(0.99 * chosen + 0.005), rtol=1e-13)


def test_replay_of_a_simulated_table_gives_its_q():
    subject, model = pairs(), fit.Model(agent=agent(), policy="soft")
    simulated = run(subject, model, streams=engine.stream_states(7, (), 1), course=True)
    replayed = fit.trajectories(subject.with_choices(simulated.choice[0]), model)
    assert replayed.final_q[0].tolist() == simulated.q[0, -1].tolist()
    assert replayed.sigma[0].tolist() == simulated.sigma[0, :-1].tolist()


def test_replay_of_a_training_gives_its_q():
    """What the training kernel did, read off its snapshots: one q̄ changes an episode, by α₁ (r − q̄)."""
    task = sm.tasks.make("bandit", means=[0.2, 0.8, 0.5])
    one = agent(allocation="fixed", learning_rate_q=0.3)
    episodes = 40
    result = sm.train(task, one, episodes=episodes, restarts=1, seed=3, snapshots=range(1, episodes + 1))
    q = np.concatenate([np.zeros((1, 3)), result.snapshot_q[0].reshape(episodes, -1)[:, :3]])
    change = np.diff(q, axis=0)
    assert ((change != 0).sum(axis=1) == 1).all()
    action = (change != 0).argmax(axis=1)
    reward = q[:-1][np.arange(episodes), action] + change[np.arange(episodes), action] / 0.3
    table = {"state": np.zeros(episodes, dtype=int), "action": action, "reward": reward}
    subject = fit.Choices.from_task(task, table).subjects[0]
    found = fit.trajectories(subject, fit.Model(agent=one, policy="hard"))
    np.testing.assert_allclose(found.q[0], q[:-1], atol=1e-12)


def test_replay_of_simulated_trials_gives_their_q():
    """What `simulate` recorded of q̄ before every choice, where no value ahead is sampled."""
    for name, arguments in (("bandit", {"means": [0.2, 0.8, 0.5]}), ("slot-machines", {})):
        one = agent(learning_rate_q=0.3)
        trials = sm.simulate(sm.tasks.make(name, **arguments), one, episodes=60, restarts=3, seed=2, values=True)
        data = fit.Choices.from_task(trials.task, trials)
        assert len(data) == 3
        for subject in data:
            course = fit.trajectories(subject, fit.Model(agent=one, policy="soft"))
            rows, memory = trials.q[subject.rows], subject.memory[subject.situation]
            for a in range(memory.shape[1]):
                there = memory[:, a] >= 0
                found = course.q[0, np.arange(subject.n_rows), memory[:, a]]
                np.testing.assert_allclose(found[there], rows[there, a], atol=1e-12)


# What rows do


def test_missing_forced_and_unshown_rows():
    memory = np.tile([0, 1], (4, 1))
    payoff = np.array([[1.0, 3.0], [np.nan, 2.0], [5.0, 5.0], [1.0, 1.0]])
    data = fit.Choices.from_arrays(memory, [0, 1, -1, 1], payoff, forced=[True, False, False, False]).subjects[0]
    assert data.scored.tolist() == [0, 1, 0, 1]
    model = fit.Model(agent=agent(learning_rate_q=0.5), policy="hard")
    course = fit.trajectories(data, model)
    np.testing.assert_allclose(course.q[0], [[0, 0], [0.5, 1.5], [0.5, 1.75], [0.5, 1.75]])
    terms = fit.log_likelihood(data, model, pointwise=True)
    assert ((terms != 0) == [False, True, False, True]).all()
    assert (np.diff(course.sigma[0], axis=0) != 0).all()  # the cost acts on σ in every episode


def test_a_missing_response_leaves_only_replay_and_cost():
    memory = np.tile([0, 1], (2, 1))
    data = fit.Choices.from_arrays(memory, [-1, 0], np.ones((2, 2))).subjects[0]
    one = agent(lam=0.2)
    found = fit.trajectories(data, fit.Model(agent=one, policy="hard")).sigma[0, 1]
    slope = one.sigma_0 / one.sigma_base**2 - 1 / one.sigma_0
    np.testing.assert_allclose(found, one.sigma_0 - one.learning_rate_sigma * one.lam * slope, rtol=1e-14)


def test_blocks():
    memory, payoff = np.tile([0, 1], (6, 1)), np.tile([1.0, 2.0], (6, 1))
    model = fit.Model(agent=agent(), policy="hard")
    courses = {}
    for blocks in ("reset", "carry", "reset_q"):
        data = fit.Choices.from_arrays(memory, np.zeros(6, dtype=int), payoff, block=np.arange(6) // 3, blocks=blocks)
        courses[blocks] = fit.trajectories(data.subjects[0], model)
    new, carried, half = (courses[name] for name in ("reset", "carry", "reset_q"))
    assert new.q[0, 3:].tolist() == new.q[0, :3].tolist() == half.q[0, 3:].tolist()
    assert new.sigma[0, 3:].tolist() == new.sigma[0, :3].tolist()
    assert (carried.q[0, 3] > carried.q[0, 2]).all()
    assert half.sigma[0, 3].tolist() == carried.sigma[0, 3].tolist() != new.sigma[0, 3].tolist()


def test_the_window_replays_the_last_episodes():
    """With λ = 0 the change of σ is the mean over the window of what each of its situations gives alone."""
    memory = np.array([[0, 1], [2, 3], [0, 1], [0, 2], [2, 3], [1, 3]])
    data = fit.Choices.from_arrays(memory, np.zeros(6, dtype=int), np.tile([1.0, 2.0], (6, 1))).subjects[0]
    one = agent(lam=0.0, learning_rate_sigma=1.0, sigma_min=1e-6)
    for window in (1, 2, 4, 10):
        course = fit.trajectories(data, fit.Model(agent=one, policy="hard", window=window))
        for t in range(1, 5):
            shown = memory[max(0, t + 1 - window) : t + 1]
            q, sigma = course.q[0, t + 1], course.sigma[0, t]
            _, by_sigma, _ = sm.exact.choice_gradients(q[shown], sigma[shown], "hard")
            expected = np.zeros(4)
            for pair, value, slope in zip(shown, q[shown], by_sigma, strict=True):
                expected[pair] += value @ slope / len(shown)
            np.testing.assert_allclose(course.sigma[0, t + 1] - sigma, expected, atol=1e-11)


def test_shapes_of_precision():
    """Frequency: times shown. Stakes: mean spread of the sets that a memory was in. Or as given."""
    memory = np.array([[0, 1], [0, 2], [0, 1], [1, 2]])
    data = fit.Choices.from_arrays(memory, np.zeros(4, dtype=int), np.array([[1, 3], [1, 2], [1, 3], [3, 2.0]]))
    subject = data.subjects[0]
    importance = {"frequency": np.array([3, 2, 1.0]), "given": np.array([1, 0, 4.0])}
    for name in ("frequency", "stakes", "given"):
        shape = (1, 0, 4) if name == "given" else None
        one = agent(allocation="stakes" if name == "given" else name)
        course = fit.trajectories(subject, fit.Model(agent=one, policy="hard", shape=shape))
        q, sigma = course.q[0, 3], course.sigma[0, 3]
        if name == "stakes":
            near, far = abs(q[0] - q[1]), abs(q[0] - q[2])
            importance[name] = np.array([(near + far) / 2, near, far])
        weight = 1 / np.sqrt(1 + importance[name] / importance[name].mean())
        np.testing.assert_allclose(sigma / sigma[0], weight / weight[0], rtol=1e-12)


def test_stickiness_and_lapse():
    memory, payoff = np.tile([0, 1], (3, 1)), np.zeros((3, 2))
    data = fit.Choices.from_arrays(memory, [0, 0, 1], payoff).subjects[0]
    model = fit.Model(agent=fit.SoftmaxLearner(beta=2.0), stickiness=0.5, lapse=0.1)
    p = 1 / (1 + math.exp(-1.0))
    expected = [0.5, 0.9 * p + 0.05, 0.9 * (1 - p) + 0.05]
    np.testing.assert_allclose(fit.log_likelihood(data, model, pointwise=True), np.log(expected), rtol=1e-13)


def test_a_softmax_whose_temperature_changes():
    subject = pairs()
    model = fit.Model(agent=fit.SoftmaxLearner(learning_rate_q=0.2, beta=0.5, beta_rate=0.02))
    q, expected = np.zeros(4), []
    for t, (s, c) in enumerate(zip(subject.situation, subject.choice, strict=True)):
        m = subject.memory[s]
        weight = np.exp(0.5 * math.exp(0.02 * t) * q[m])
        expected.append(math.log(0.99 * weight[c] / weight.sum() + 0.005))
        q[m] += 0.2 * (subject.payoff[t] - q[m])
    np.testing.assert_allclose(fit.log_likelihood(subject, model, pointwise=True), expected, rtol=1e-11)


def test_values_ahead_in_longer_episodes():
    """o = r + γ Σ_a P_a q̄(s′,a) with exact P."""
    _, subject = in_two_steps(rows=25)
    one = agent(gamma=0.8, learning_rate_q=0.4, allocation="fixed")
    course = fit.trajectories(subject, fit.Model(agent=one, policy="soft"))
    q = np.zeros(subject.n_memories)
    for t in range(subject.n_rows):
        np.testing.assert_allclose(course.q[0, t], q, atol=1e-9)
        m = subject.memory[subject.situation[t], subject.choice[t]]
        target = subject.payoff[t, subject.choice[t]]
        if subject.following[t] >= 0:
            ahead = q[subject.memory[subject.following[t]]]
            p = sm.exact.choice_probabilities(ahead, np.full(2, one.sigma_0), "soft", beta=3.0)
            target += 0.8 * p @ ahead
        q[m] += 0.4 * (target - q[m])


def test_simulated_choices_have_the_probabilities():
    """4000 simulated subjects: every row's share within 4.5 standard errors of the mean probability."""
    subject, model = pairs(rows=30), fit.Model(agent=agent(), policy="soft", lapse=0.2)
    vectors = np.repeat(model.vector()[None], 4000, axis=0)
    out = run(subject, model, vectors=vectors, streams=engine.stream_states(1, (), 4000), course=True)
    p = 0.8 * out.probability[:, :, 1] + 0.1
    error = np.sqrt((p * (1 - p)).sum(axis=0)) / len(vectors)
    assert (np.abs(out.choice.mean(axis=0) - p.mean(axis=0)) < 4.5 * error).all()


def test_simulations_see_what_they_chose():
    memory = np.tile([0, 1], (20, 1))
    design = fit.Choices.from_arrays(
        memory, np.zeros(20, dtype=int), np.tile([1.0, 2.0], (20, 1)), chosen_only=True
    ).subjects[0]
    model = fit.Model(agent=agent(), policy="soft")
    made = fit.simulate(design, model, seed=1)[0]
    table = design.with_choices(made)
    assert np.isnan(table.payoff).sum() == 20
    q = fit.trajectories(table, model).final_q[0]
    counts = np.bincount(made, minlength=2)
    np.testing.assert_allclose(q, np.array([1.0, 2.0]) * (1 - 0.9**counts), rtol=1e-12)


def test_scoring_of_future_trials_never_forgets_the_past():
    subject, model = pairs(), fit.Model(agent=agent(), policy="hard")
    late = np.arange(subject.n_rows) >= 120
    whole = fit.log_likelihood(subject, model, pointwise=True)
    assert fit.log_likelihood(subject.scoring(late), model) == pytest.approx(whole[late].sum(), rel=1e-12)
    assert fit.log_likelihood(subject.part(120), model) == pytest.approx(whole[:120].sum(), rel=1e-12)


def test_threads_and_subjects():
    data = fit.Choices.from_arrays(
        np.tile([0, 1], (60, 1)), np.arange(60) % 2, np.tile([1.0, 2.0], (60, 1)), subject=np.arange(60) // 12
    )
    assert len(data) == 5
    values = [fit.log_likelihood(data, agent(), workers=n) for n in (1, 2, 3)]
    assert values[0] == values[1] == values[2] == sum(fit.log_likelihood(s, agent()) for s in data)


# What is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"policy": "loud"}, "policy must be one of 'soft', 'hard'"),
        ({"gradient_source": "dream"}, "gradient_source must be one of 'replay', 'experience', 'task'"),
        ({"window": 0}, r"window must be in \[1, 1e\+06\]"),
        ({"lapse": 1.5}, r"lapse must be in \[0, 1\]"),
        ({"stickiness": math.nan}, "stickiness must be finite"),
        ({"shape": [1, 2]}, "shape is for allocation='frequency' or 'stakes', got 'dra'"),
        ({"agent": "dra"}, "agent must be an Agent or a SoftmaxLearner"),
        ({"agent": agent(gradient="reinforce")}, "gradient='reinforce' needs gradient_source='experience'"),
        ({"agent": agent(gradient="best_path")}, "gradient must be one of"),
        ({"agent": agent(q_init=(-1, 1))}, "q_init must be a number"),
        ({"agent": agent(beta_0=1.0)}, "beta_0=1.0 cannot be fitted"),
        ({"agent": agent(lam=sm.agents.linear(0.1, 0.2, 10))}, "lam must be a number where choices are fitted"),
    ],
)
def test_models_that_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        fit.Model(**{"agent": agent(), **changes})


@pytest.mark.parametrize(
    ("free", "values", "message"),
    [
        (("lambda",), [[1.0]], "free: 'lambda' is no parameter of this dra model"),
        (("beta",), [[1.0]], "free: 'beta' is no parameter of this dra model"),
        (("lam", "lam"), [[1.0, 1.0]], "free must not repeat a name"),
        (("lam",), [[1.0, 2.0]], r"values must have shape \(sets, 1\)"),
        (("lam",), [[1.0], [-1.0]], r"lam must be in \[0, 1e\+100\], got .*-1.0.* in set 1"),
        (("lam",), [[math.nan]], "lam must be in"),
        (
            ("sigma_0",),
            [[1000.0]],
            r"sigma_0 must be in \[sigma_min, sigma_max\] = \[0.01, 100.0\], got 1000.0 in set 0",
        ),
        (("learning_rate_q",), [[1.1]], r"learning_rate_q must be in \[0, 1\]"),
    ],
)
def test_values_that_are_refused(free, values, message):
    with pytest.raises(ValueError, match=message):
        fit.log_likelihoods(pairs(), fit.Model(agent=agent(), policy="hard"), free, values)


def test_combinations_that_are_refused():
    with pytest.raises(ValueError, match="shape must have 4 entries"):
        fit.log_likelihood(pairs(), agent(allocation="stakes"), shape=[1, 2])
    with pytest.raises(ValueError, match="data must be Choices or a Subject"):
        fit.log_likelihood([1, 2], agent())
    with pytest.raises(ValueError, match="choices in longer episodes"):
        fit.simulate(in_two_steps()[1], fit.Model(agent=agent()), seed=0)
    with pytest.raises(ValueError, match="values must be given"):
        fit.trajectories(pairs(), fit.Model(agent=agent()), ("lam",))
    blank = fit.Choices.from_arrays([[0, 1]], [0], [np.nan])
    with pytest.raises(
        ValueError, match="gradient='return' needs the payoff of every choice; subject 0 has none in row 0"
    ):
        fit.log_likelihood(blank, agent(gradient="return"), gradient_source="experience")
    half = fit.Choices.from_arrays([[0, 1], [0, 1]], [0, 1], [[1.0, np.nan], [1.0, 2.0]]).subjects[0]
    with pytest.raises(ValueError, match="row 0 has an option whose payoff is not known"):
        fit.simulate(half, fit.Model(agent=agent()), seed=0)


def test_the_kernel_refuses_arrays_that_do_not_fit():
    kernel, subject = _kernel.kernel, pairs()
    rows = engine.kernel_rows(subject, kernel)
    with pytest.raises(ValueError, match="a given shape does not fit"):
        kernel.Likelihood(rows, 0, 0, 0, 0, False, 0, True, False, 3, np.ones(7))
    with pytest.raises(ValueError, match="window must be at least 1"):
        kernel.Likelihood(rows, 0, 0, 0, 0, False, 0, True, False, 0, np.zeros(0))
    with pytest.raises(ValueError, match="parameters must have shape"):
        room = engine.likelihood(subject, fit.Model(agent=agent()).setting, np.zeros((1, 13)))
        empty = np.zeros((0, 0, 0))
        room.evaluate(
            np.zeros((9, 13)), np.zeros((0, 4), dtype=np.uint64), np.zeros(9), np.zeros((0, 0)), empty,
            np.zeros((0, 0), dtype=np.int64), empty, empty,
        )  # fmt: skip
