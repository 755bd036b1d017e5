"""The particle filter of sampled agents: the twin's bits, its limit, and that its likelihood is unbiased."""

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc import _kernel, fit
from sigmalloc.reference import Stream
from sigmalloc.reference import likelihood as twin

BUILDS = _kernel.available()


def agent(**changes):
    return sm.Agent(**{"beta": 3.0, "lam": 0.1, "sigma_base": 3.0, "sigma_0": 1.5, **changes})


def pairs(rows, seed=0, **columns):
    rng = np.random.default_rng(seed)
    memory = np.stack([rng.permutation(4)[:2] for _ in range(rows)])
    memory[rng.random(rows) < 0.1, 1] = -1
    choice = rng.integers(2, size=rows)
    choice[rows // 3] = -1
    return fit.Choices.from_arrays(
        memory, choice, rng.normal(memory + 1.0, 0.5), known=np.where(memory < 0, 2.0, 0.0), **columns
    ).subjects[0]


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("allocation", ["dra", "equal", "frequency", "stakes", "fixed"])
def test_same_bits_as_the_twin(allocation, build):
    subject = pairs(30, block=np.arange(30) // 20, blocks="carry", episode=np.arange(30) // 2)
    for psi in ("advantage", "q"):
        one = agent(allocation=allocation, gradient=psi, n_trajectories=3)
        model = fit.Model(agent=one, window=4, stickiness=0.2)
        found = fit.filter_log_likelihoods(
            subject, model, seed=4, particles=16, repetitions=2, kernel=_kernel.load(build)
        )
        for repetition in range(2):
            streams = [Stream(4, (repetition, i)) for i in range(17)]
            terms = twin.evaluate_filter(subject, model.setting, model.vector(), 3, streams[:16], streams[16])
            assert found.repetitions[0, repetition] == np.array(terms).sum()


def test_sets_share_their_random_numbers():
    subject, model = pairs(40), fit.Model(agent=agent(n_trajectories=2))
    values = np.array([[0.1], [0.3], [0.1]])
    found = fit.filter_log_likelihoods(subject, model, ("lam",), values, seed=1, particles=16, repetitions=3)
    assert found.repetitions[0].tolist() == found.repetitions[2].tolist() != found.repetitions[1].tolist()
    alone = fit.filter_log_likelihoods(subject, model, ("lam",), values[1:2], seed=1, particles=16, repetitions=3)
    assert alone.log_likelihood[0] == found.log_likelihood[1]
    np.testing.assert_allclose(found.log_likelihood, np.log(np.exp(found.repetitions).mean(axis=1)), rtol=1e-12)
    once = fit.filter_log_likelihoods(subject, model, seed=1, particles=16, repetitions=1)
    assert np.isnan(once.standard_deviation).all()


@pytest.mark.parametrize(
    "allocation", ["dra", *(pytest.param(name, marks=pytest.mark.slow) for name in ("equal", "frequency", "stakes"))]
)
def test_with_many_trajectories_it_is_the_deterministic_agent(allocation):
    """150 choices: the distance is below 1, .2 and .03 nats for N_traj = 10, 100 and 1000, falling like 1/N_traj."""
    subject, model = pairs(150), fit.Model(agent=agent(allocation=allocation), policy="soft", window=10)
    exact = fit.log_likelihood(subject, model)
    for n, bound in ((10, 1.0), (100, 0.2), (1000, 0.03)):
        found = fit.filter_log_likelihoods(subject, model.replace(n_trajectories=n), seed=2, particles=32)
        assert abs(found.log_likelihood[0] - exact) < bound
    few = fit.filter_log_likelihoods(subject, model.replace(n_trajectories=1), seed=2, particles=32)
    assert abs(few.log_likelihood[0] - exact) > 2.0


def test_without_samples_it_is_exact():
    subject, model = pairs(40), fit.Model(agent=agent(allocation="fixed"))
    found = fit.filter_log_likelihoods(subject, model, seed=0, particles=8)
    assert found.log_likelihood[0] == pytest.approx(fit.log_likelihood(subject, model), rel=1e-13)
    assert found.standard_deviation[0] < 1e-12


def simulated_likelihoods(subject, one, lapse, runs, seed):
    """Π_t P(choice) of many sampled agents that live through the rows: nothing in common with the filter's code."""
    rng = np.random.default_rng(seed)
    q, sigma = np.zeros(subject.n_memories), np.full((runs, subject.n_memories), one.sigma_0)
    likelihood, shown = np.ones(runs), []
    offset = np.zeros(runs, dtype=int)
    for t in range(subject.n_rows):
        pair, c = subject.memory[subject.situation[t]], subject.choice[t]
        p = sm.exact.choice_probabilities(np.broadcast_to(q[pair], (runs, 2)), sigma[:, pair], "soft", beta=one.beta)
        likelihood *= (1 - lapse) * p[:, c] + lapse / 2
        q[pair] += one.learning_rate_q * (subject.payoff[t] - q[pair])
        shown = [*shown, pair][-one.n_trajectories :]  # the window is as long as there are trajectories
        gradient = np.zeros_like(sigma)
        for j in range(one.n_trajectories):
            # all are replayed equally often on average: an episode at random, in a round from there
            offset = rng.integers(len(shown), size=runs) if j == 0 else offset + 1
            replayed = np.array(shown)[offset % len(shown)]
            zeta = rng.normal(size=(runs, 2))
            rows = np.arange(runs)[:, None]
            value = q[replayed]
            recalled = one.beta * (value + zeta * sigma[rows, replayed])
            share = 1 / (1 + np.exp(recalled[:, ::-1] - recalled))
            action = (rng.random(runs) >= share[:, 0]).astype(int)
            psi = value[np.arange(runs), action] - value.mean(axis=1)
            score = one.beta * zeta * ((action[:, None] == [0, 1]) - share)
            np.add.at(gradient, (rows, replayed), psi[:, None] * score)
        cost = sigma / one.sigma_base**2 - 1 / sigma
        step = one.learning_rate_sigma * (gradient / one.n_trajectories - one.lam * cost)
        sigma = np.clip(sigma + step, one.sigma_min, one.sigma_max)
    return likelihood


@pytest.mark.parametrize("n_trajectories", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_the_likelihood_is_unbiased(n_trajectories):
    """20 choices, 10⁵ simulated agents against 400 filters of 64 particles: within 4 standard errors.

    The mean log of the filters is low by half its variance, and the standard deviation that is told is theirs.
    """
    rng = np.random.default_rng(5)
    memory = np.stack([rng.permutation(3)[:2] for _ in range(20)])
    payoff = np.random.default_rng(1).normal(2.0 * memory, 0.3)
    subject = fit.Choices.from_arrays(memory, rng.integers(2, size=20), payoff).subjects[0]
    one = agent(n_trajectories=n_trajectories, learning_rate_q=0.3)
    simulated = simulated_likelihoods(subject, one, 0.01, 100_000, seed=6)
    found = fit.filter_log_likelihoods(subject, fit.Model(agent=one), seed=7, particles=64, repetitions=400)
    logs, likelihoods = found.repetitions[0], np.exp(found.repetitions[0])
    assert simulated.std() / simulated.mean() > 0.5  # the choices' likelihoods do scatter
    error = np.hypot(simulated.std() / np.sqrt(len(simulated)), likelihoods.std() / np.sqrt(len(likelihoods)))
    assert abs(simulated.mean() - likelihoods.mean()) < 4 * error
    assert found.log_likelihood[0] == pytest.approx(np.log(likelihoods.mean()), rel=1e-12)
    assert found.log_likelihood[0] - logs.mean() == pytest.approx(logs.var() / 2, rel=0.2)
    assert found.standard_deviation[0] == pytest.approx(logs.std() / 20, rel=0.1)


@pytest.mark.parametrize(
    ("changes", "model", "message"),
    [
        ({"particles": 12}, {}, "particles must be a multiple of 8, got 12"),
        ({"repetitions": 0}, {}, "repetitions must be"),
        ({"seed": -1}, {}, "seed must be at least 0"),
        ({}, {"policy": "hard"}, "a sampled agent needs policy='soft' and gradient_source='replay', got 'hard'"),
        ({}, {"gradient_source": "task"}, "a sampled agent needs policy='soft'"),
        ({}, {"agent": fit.SoftmaxLearner()}, "agent must be an Agent: a SoftmaxLearner samples nothing"),
    ],
)
def test_what_is_refused(changes, model, message):
    with pytest.raises(ValueError, match=message):
        fit.filter_log_likelihoods(pairs(5), fit.Model(**{"agent": agent(), **model}), **{"seed": 0, **changes})


def test_the_kernel_refuses_arrays_that_do_not_fit():
    from sigmalloc.fit import engine

    subject, model = pairs(5), fit.Model(agent=agent())
    room = engine.likelihood(subject, model.setting, model.vector()[None])
    with pytest.raises(ValueError, match="bundles and n_trajectories"):
        _kernel.kernel.ParticleFilter(room, 0, 1)
    filter_ = _kernel.kernel.ParticleFilter(room, 1, 1)
    with pytest.raises(ValueError, match="streams must have shape"):
        filter_.evaluate(model.vector(), np.zeros((8, 4), dtype=np.uint64), np.zeros(5))
    with pytest.raises(ValueError, match="do not fit together"):
        filter_.evaluate(model.vector()[:5].copy(), np.zeros((9, 4), dtype=np.uint64), np.zeros(5))
