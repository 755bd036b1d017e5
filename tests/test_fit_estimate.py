"""Estimation: what was put in comes out, whatever way it is computed, and what cannot be known is said."""

import dataclasses
import gc
import math
import tracemalloc
from concurrent.futures import Executor, Future

import numpy as np
import pytest
from scipy import integrate, optimize, stats

import sigmalloc as sm
from sigmalloc._executors import WorkersLostError
from sigmalloc.fit import (
    Choices,
    Fit,
    Model,
    Normal,
    SoftmaxLearner,
    compare,
    design_from_task,
    fit,
    log_likelihood,
    log_likelihoods,
    maximum_likelihood,
    optimise,
    simulate,
)  # fmt: skip
from sigmalloc.fit import estimate as estimation
from sigmalloc.fit.parameters import Space, default_free, make_space, reward_scale
from sigmalloc.fit.target import Target

TASK = sm.tasks.make("slot-machines", payoffs=(-3, -1, 1, 3), payoff_sd=3.0, offsets=(-4, -2, 2, 4),
                     frequencies=(8, 4, 2, 1))  # fmt: skip
AGENT = sm.Agent(learning_rate_q=0.1, learning_rate_sigma=0.1, lam=0.2, sigma_0=2.0, sigma_base=5.0)
LEARNER = SoftmaxLearner(learning_rate_q=0.2, beta=0.7)


def simulated(agent, subjects=3, trials=400, seed=0, policy="hard", task=TASK):
    made = []
    for number in range(subjects):
        rows = design_from_task(task, trials, seed=seed + number)
        choice = simulate(rows, Model(agent=agent, policy=policy), seed=seed, first=number)[0]
        made.append(dataclasses.replace(rows.with_choices(choice), label=number))
    return Choices(made)


@pytest.fixture(scope="module")
def data():
    return simulated(AGENT)


@pytest.fixture(scope="module")
def fitted(data):
    return fit(data, AGENT, policy="hard", starts=4, workers=2)


@pytest.fixture(scope="module")
def learners():
    return simulated(LEARNER, policy="soft")


# coordinates


def test_coordinates_and_back():
    names = ("learning_rate_q", "lam", "q_init", "lapse")
    space = Space(names, (0.01, 0.1, -2.0, 0.001), (0.9, 5.0, 2.0, 0.4))
    values = np.random.default_rng(0).uniform(space.low, space.high, (50, 4))
    x = space.to_coordinates(values)
    np.testing.assert_allclose(space.to_values(x), values, rtol=1e-13)
    np.testing.assert_allclose(x[:, 1], np.log(values[:, 1]))
    assert (space.to_values(space.box.T) == [space.low, space.high]).all()
    h = 1e-6
    for i in range(4):
        moved = x.copy()
        moved[:, i] += h
        slope = (space.to_values(moved) - values)[:, i] / h
        np.testing.assert_allclose(np.exp(space.log_jacobian(x))[:, i], slope, rtol=1e-4)


def test_default_bounds_follow_the_scale_of_the_rewards(data):
    model = Model(agent=AGENT, policy="hard")
    space = make_space(data.subjects, model)
    k = 8.0
    larger = Choices([
        dataclasses.replace(s, payoff=k * s.payoff, outcome=k * s.outcome, known=k * s.known) for s in data
    ])  # fmt: skip
    wide = make_space(larger.subjects, model.replace(sigma_max=800.0))
    for name, low, high in zip(space.names, space.low, space.high, strict=True):
        factor = 1.0 if name == "learning_rate_q" else k
        assert wide.bounds[name] == pytest.approx((factor * low, factor * high))


def test_scale_of_rewards_is_their_standard_deviation(data):
    shown = [s.outcome[(s.memory[s.situation] >= 0) & np.isfinite(s.outcome)] for s in data]
    assert reward_scale(data) == pytest.approx(np.concatenate(shown).std())


def test_what_is_free_by_default():
    assert default_free(Model(agent=AGENT)) == ("learning_rate_q", "learning_rate_sigma", "lam", "sigma_0")
    assert default_free(Model(agent=AGENT.replace(allocation="fixed"))) == ("learning_rate_q", "sigma_0")
    assert default_free(Model(agent=LEARNER)) == ("learning_rate_q", "beta")
    assert default_free(Model(agent=LEARNER.replace(beta_rate=0.01)))[-1] == "beta_rate"


# the top


def test_no_scipy_optimiser_finds_a_higher_top(data, fitted):
    for one in fitted:
        target = Target(one.subject, Model(agent=AGENT, policy="hard"), one.space)
        simplex = optimize.minimize(
            lambda x, target=target: -target(np.clip(x, *target.space.box.T)[None])[0], one.coordinates,
            method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-6, "maxiter": 600},
        )  # fmt: skip
        assert -simplex.fun <= one.log_likelihood + 1e-3


def test_the_fitted_model_has_the_reported_likelihood(fitted):
    for one in fitted:
        assert log_likelihood(one.subject, one.model) == pytest.approx(one.log_likelihood, abs=1e-9)
        assert one.pointwise.sum() == pytest.approx(one.log_likelihood, abs=1e-9)
        assert one.log_likelihood >= log_likelihood(one.subject, AGENT, policy="hard")
        assert one.aic == pytest.approx(-2 * one.log_likelihood + 8)
        assert one.bic == pytest.approx(-2 * one.log_likelihood + 4 * math.log(400))


def test_all_starts_are_kept_and_the_best_is_the_estimate(fitted):
    for one in fitted:
        assert one.starts.begin.shape == (len(one.starts.value), 4) and len(one.starts.value) >= 4
        target = Target(one.subject, Model(agent=AGENT, policy="hard"), one.space)
        np.testing.assert_allclose(target(one.starts.end), one.starts.value, atol=1e-9)
        assert one.log_likelihood >= one.starts.value.max() - 1e-9
        assert 1 <= one.agreeing <= len(one.starts.value)


def test_scaling_rewards_scales_the_estimates(data):
    k = 4.0  # a power of two: the same bits, but for logarithms
    larger = Choices([
        dataclasses.replace(s, payoff=k * s.payoff, outcome=k * s.outcome, known=k * s.known) for s in data
    ])  # fmt: skip
    agent = AGENT.replace(sigma_base=k * 5, sigma_min=k * 0.01, sigma_max=k * 100, sigma_0=k * 2)
    a = fit(data, AGENT, policy="hard", starts=2, intervals=None)
    b = fit(larger, agent, policy="hard", starts=2, intervals=None)
    np.testing.assert_allclose(a.log_likelihood, b.log_likelihood, atol=1e-3)


def test_softmax_learner_is_recovered():
    true = np.array([[0.1, 0.3], [0.2, 0.7], [0.4, 0.5], [0.6, 1.0]])
    for number, (rate, beta) in enumerate(true):
        learners = simulated(LEARNER.replace(learning_rate_q=rate, beta=beta), subjects=2, trials=1500, seed=number,
                             policy="soft")  # fmt: skip
        found = fit(learners, LEARNER, starts=3)
        for one in found:
            z = (one.coordinates - one.space.to_coordinates([rate, beta])) / np.sqrt(np.diag(one.covariance))
            assert np.abs(z).max() < 3.5  # 16 values: one so far out in 1 of 130 runs


def test_a_subject_does_not_depend_on_the_others_given_bounds(data):
    bounds = {"learning_rate_q": (0.01, 0.9), "learning_rate_sigma": (0.01, 1), "lam": (0.01, 3), "sigma_0": (0.1, 9)}
    together = fit(data, AGENT, policy="hard", bounds=bounds, starts=2, intervals=None)
    alone = fit(data[1], AGENT, policy="hard", bounds=bounds, starts=2, intervals=None, workers=1)
    assert (together.of(1).estimate == alone[0].estimate).all()
    assert together.of(1).log_likelihood == alone[0].log_likelihood


def test_maximum_likelihood_is_fit():
    assert maximum_likelihood is fit and sm.fit.fit is fit


# intervals


def test_laplace_of_a_quadratic_is_exact_and_its_profile_agrees():
    space = Space(("lam", "sigma_0"), (1e-3, 1e-3), (1e3, 1e3))
    covariance = np.array([[0.04, 0.015], [0.015, 0.01]])

    class Quadratic(Target):
        def __call__(self, x):
            x = np.atleast_2d(x)
            self.evaluations += len(x)
            return -0.5 * np.einsum("ni,ij,nj->n", x, np.linalg.inv(covariance), x)

    target = Quadratic(None, None, space)
    moving = np.arange(2)
    found = optimise.covariance_of(optimise.hessian(target, np.zeros(2), moving))
    np.testing.assert_allclose(found, covariance, rtol=1e-6)
    assert optimise.is_sound(target, np.zeros(2), 0.0, moving, found, 0.95).all()
    z = stats.norm.ppf(0.975)
    for i in range(2):
        for side in (-1, 1):
            end = optimise.profile(target, np.zeros(2), 0.0, i, side, 0.1, 0.5 * z * z)
            assert not end.open and abs(end.end - side * z * math.sqrt(covariance[i, i])) < 0.02 * z * 0.2
    tighter = optimise.is_sound(target, np.zeros(2), 0.0, moving, 2 * found, 0.95)
    assert not tighter.any()


def test_ends_of_profiles_cost_what_they_should(data):
    found = fit(data, AGENT, policy="hard", starts=4, intervals="profile")
    drop = 0.5 * stats.norm.ppf(0.975) ** 2
    checked = 0
    for one in found:
        target = Target(one.subject, Model(agent=AGENT, policy="hard"), one.space)
        for i in range(one.space.size):
            for side, end in ((-1, one.lower[i]), (1, one.upper[i])):
                open_ = one.note[i] == "not identified" or one.note[i] == ("open below", "open above")[(side + 1) // 2]
                fixed = one.coordinates
                fixed[i] = one.space.to_coordinates(np.where(np.arange(4) == i, end, one.estimate))[i]
                others = np.arange(4) != i
                starts = np.stack([fixed, *one.starts.end[:2]])
                starts[:, i] = fixed[i]
                lost = one.log_likelihood - optimise.climb(target, starts, others).value.max()
                if open_:
                    assert lost < drop * 1.03
                else:
                    assert lost < drop * 1.1  # from other starts the profile may be higher, not lower
                    checked += 1
    assert checked >= 6


def test_intervals_are_around_estimates_and_say_how_they_were_found(fitted):
    for one in fitted:
        assert (one.lower <= one.estimate).all() and (one.estimate <= one.upper).all()
        assert set(one.interval) <= {"laplace", "profile"}
        for i, note in enumerate(one.note):
            if note in ("open below", "not identified"):
                assert one.lower[i] == pytest.approx(one.space.low[i])
            if note in ("open above", "not identified"):
                assert one.upper[i] == pytest.approx(one.space.high[i])


def test_what_is_not_identified_is_said():
    """With α₂ = 0 nothing depends on λ; and a rate that is nearly 0 keeps σ₀."""
    data = simulated(AGENT.replace(allocation="fixed"), subjects=1)
    found = fit(data, AGENT.replace(learning_rate_sigma=0.0), policy="hard", free=("learning_rate_q", "lam"), starts=2)
    one = found[0]
    assert one.note[1] == "not identified" and one.interval[1] == "profile"
    assert one.lower[1] == one.space.low[1] and one.upper[1] == one.space.high[1]
    assert one.note[0] == ""
    assert "not identified" in repr(found)


def test_an_estimate_at_a_bound_is_said(learners):
    found = fit(learners, LEARNER, bounds={"beta": (2.0, 5.0)}, starts=2)
    assert all(one.at_bound[1] == -1 and one.estimate[1] == 2.0 for one in found)
    assert all(one.note[1] == "open below" for one in found)
    assert (found.to_frame()["beta_note"] == "at a bound, open below").all()


def test_laplace_only_leaves_unsound_intervals_out():
    data = simulated(AGENT.replace(allocation="fixed"), subjects=1)
    one = fit(data, AGENT.replace(learning_rate_sigma=0.0), policy="hard", free=("learning_rate_q", "lam"), starts=2,
              intervals="laplace")[0]  # fmt: skip
    assert np.isnan(one.lower[1]) and one.interval[1] == ""


# priors


def test_a_narrow_prior_holds_the_parameter(learners):
    found = fit(learners, LEARNER, priors={"learning_rate_q": stats.beta(2000, 6000)}, starts=2)
    np.testing.assert_allclose(found.parameters["learning_rate_q"], 0.25, atol=0.01)
    assert (found.log_likelihood <= fit(learners, LEARNER, starts=2, intervals=None).log_likelihood + 1e-6).all()


def test_priors_in_own_units_have_the_jacobian(learners):
    """A log-normal prior of β is a normal one of its coordinate."""
    space = make_space(learners.subjects, Model(agent=LEARNER), ("beta",))
    ln = Target(learners[0], Model(agent=LEARNER), space, {"beta": stats.lognorm(0.5, scale=2.0)})
    normal = Target(learners[0], Model(agent=LEARNER), space, Normal(("beta",), [math.log(2.0)], [[0.25]]))
    x = np.linspace(-1, 2, 7)[:, None]
    np.testing.assert_allclose(ln.log_prior(x), normal.log_prior(x), rtol=1e-12)


def test_normal_is_that_of_scipy():
    covariance = np.array([[1.0, 0.3], [0.3, 0.5]])
    normal = Normal(("lam", "sigma_0"), [0.1, -0.2], covariance)
    x = np.random.default_rng(0).normal(size=(9, 2))
    np.testing.assert_allclose(normal.log_density(x), stats.multivariate_normal([0.1, -0.2], covariance).logpdf(x))
    drawn = normal.draw(20_000, np.random.default_rng(1))
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.03)


# files, stores, executors


def test_save_and_load(tmp_path, fitted):
    path = fitted.save(tmp_path / "dra")
    back = Fit.load(path)
    assert back.labels == fitted.labels and back.method == fitted.method and repr(back) == repr(fitted)
    for a, b in zip(fitted, back, strict=True):
        for name in ("estimate", "lower", "upper", "at_bound", "pointwise", "covariance"):
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert a.note == b.note and a.interval == b.interval and a.model == b.model and a.space == b.space
        assert log_likelihood(b.subject, b.model) == log_likelihood(a.subject, a.model)
        np.testing.assert_array_equal(a.starts.end, b.starts.end)


def test_damaged_files_are_refused(tmp_path, fitted):
    path = fitted.save(tmp_path / "fit.npz")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="is not a readable fit"):
        Fit.load(path)
    np.savez(tmp_path / "other.npz", a=np.zeros(2))
    with pytest.raises(ValueError, match="is not a readable fit"):
        Fit.load(tmp_path / "other.npz")


def test_a_store_keeps_each_subject_and_is_read_again(tmp_path, data, monkeypatch):
    first = fit(data, AGENT, policy="hard", starts=1, intervals=None, store=tmp_path / "kept")
    files = sorted((tmp_path / "kept").iterdir())
    assert len(files) == 3
    files[1].unlink()
    worked = []
    real = estimation.fit_subject
    monkeypatch.setattr(estimation, "fit_subject", lambda job: worked.append(job.subject.label) or real(job))
    told = []
    again = fit(data, AGENT, policy="hard", starts=1, intervals=None, store=tmp_path / "kept",
                progress=lambda done, total: told.append((done, total)))  # fmt: skip
    assert len(worked) == 1 and told == [(3, 3)]
    np.testing.assert_array_equal(first.log_likelihood, again.log_likelihood)
    worked.clear()
    fit(data, AGENT.replace(sigma_base=6.0), policy="hard", starts=1, intervals=None, store=tmp_path / "kept")
    assert len(worked) == 3  # another model is another fit


def test_an_interrupted_fit_keeps_what_is_done(tmp_path, data, monkeypatch):
    real = estimation.fit_subject

    def fails(job):
        if job.subject.label == 2:
            raise KeyboardInterrupt
        return real(job)

    monkeypatch.setattr(estimation, "fit_subject", fails)
    with pytest.raises(KeyboardInterrupt):
        fit(data, AGENT, policy="hard", starts=1, intervals=None, store=tmp_path, workers=1)
    assert len(list(tmp_path.glob("*.npz"))) == 2


def test_any_executor_gives_the_same_bits(data):
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    settings = {"policy": "hard", "starts": 1, "intervals": None}
    here = fit(data, AGENT, **settings)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        there = fit(data, AGENT, executor=pool, **settings)
    np.testing.assert_array_equal(here.log_likelihood, there.log_likelihood)
    for a, b in zip(here, there, strict=True):
        np.testing.assert_array_equal(a.estimate, b.estimate)


@pytest.mark.slow
def test_dask_gives_the_same_bits(data):
    distributed = pytest.importorskip("distributed")
    settings = {"policy": "hard", "starts": 1, "intervals": None}
    here = fit(data, AGENT, **settings)
    with distributed.Client(n_workers=1, threads_per_worker=1, dashboard_address=":0") as client:
        there = fit(data, AGENT, executor=client.get_executor(), **settings)
    np.testing.assert_array_equal(here.log_likelihood, there.log_likelihood)


# memory


def kept_and_peak(made):
    """Bytes that what is made takes, and that were taken meanwhile; and what was made."""
    gc.collect()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    found = made()
    gc.collect()
    after, peak = tracemalloc.get_traced_memory()
    return after - before, peak - before, found


@pytest.mark.slow
def test_memory_is_that_of_rows_and_results():
    """Of 120 subjects of 100 trials what they chose and were paid, 60 bytes a row, and a few objects; a fit adds the
    terms of the log-likelihood, 8 bytes a row, and less than 6 kB; and what fitting needs meanwhile stays the same."""
    n, trials = 120, 100
    rng = np.random.default_rng(0)
    pairs = np.tile(np.stack([rng.permutation(4)[:2] for _ in range(trials)]), (n, 1))
    payoff, choice, owner = rng.normal(pairs, 0.5), rng.integers(2, size=n * trials), np.repeat(np.arange(n), trials)
    settings = {"starts": 1, "intervals": None, "free": ("beta",), "bounds": {"beta": (0.1, 10.0)}, "workers": 2}
    few = Choices.from_arrays(pairs[: 20 * trials], choice[: 20 * trials], payoff[: 20 * trials],
                              subject=owner[: 20 * trials])  # fmt: skip
    fit(few, LEARNER, **settings)  # what is made once is made
    tracemalloc.start()
    try:
        rows, _, many = kept_and_peak(lambda: Choices.from_arrays(pairs, choice, payoff, subject=owner))
        kept_few, peak_few, _ = kept_and_peak(lambda: fit(few, LEARNER, **settings))
        kept, peak, found = kept_and_peak(lambda: fit(many, LEARNER, **settings))
    finally:
        tracemalloc.stop()
    assert len(found) == n and rows < n * (60 * trials + 4096)
    assert kept < n * (8 * trials + 5120) + 64 * 6144  # views of the kernel are those of the last 64
    assert peak - kept < (peak_few - kept_few) + 300_000  # 64 views of the kernel of 5 kB


# what it gives


def test_frame_and_html(fitted):
    frame = fitted.to_frame()
    assert list(frame.index) == [0, 1, 2] and frame.index.name == "subject"
    np.testing.assert_array_equal(frame["lam"], fitted.parameters["lam"])
    assert (frame["lam_lower"] <= frame["lam"]).all() and (frame["choices"] == 400).all()
    page = fitted._repr_html_()
    assert page.startswith("<p><b>Fit</b>: dra") and page.count("<tr>") == 5


def test_predictions_are_those_of_the_fitted_model(learners):
    one = fit(learners, LEARNER, starts=2)[0]
    rows = design_from_task(TASK, 400, seed=0)
    certain = one.predictive(5, rows=rows, seed=3, uncertain=False)
    expected = simulate(rows, one.model, ("beta",), np.full((5, 1), one.model.agent.beta), seed=3)
    np.testing.assert_array_equal(certain, expected)
    assert one.predictive(40, rows=rows, seed=3).shape == (40, 400)
    with pytest.raises(ValueError, match="payoff"):
        one.predictive(5)
    drawn = one.space.to_coordinates(one.draw(4000, seed=0))
    error = np.sqrt(np.diag(one.covariance) / 4000)
    assert (np.abs(drawn.mean(axis=0) - one.coordinates) < 4 * error).all()
    deviation = np.sqrt(np.diag(one.covariance))
    assert (np.abs(np.cov(drawn.T) - one.covariance) < 4 * np.outer(deviation, deviation) * math.sqrt(2 / 4000)).all()


def test_course_is_that_of_the_fitted_model(fitted):
    course = fitted[0].trajectories()
    assert course.q.shape == (1, 400, 4) and course.sigma.shape == (1, 400, 4)
    p = course.probability[0, np.arange(400), fitted[0].subject.choice]
    lapse = fitted[0].model.lapse
    np.testing.assert_allclose(np.log((1 - lapse) * p + lapse / 2), fitted[0].pointwise, atol=1e-9)


def test_evidence_of_laplace_against_quadrature():
    """One parameter, 400 choices, a normal prior: ln ∫ p(choices | x) p(x) dx by Simpson's rule over the coordinate."""
    data = simulated(LEARNER, subjects=1, policy="soft")[0]
    prior = Normal(("beta",), [0.2], [[0.5]])
    one = fit(data, LEARNER, free=("beta",), bounds={"beta": (1e-3, 1e3)}, priors=prior, starts=1)[0]
    x = np.linspace(math.log(1e-3), math.log(1e3), 4001)
    terms = log_likelihoods(data, Model(agent=LEARNER), ("beta",), np.exp(x)[:, None]) + prior.log_density(x[:, None])
    exact = math.log(integrate.simpson(np.exp(terms - terms.max()), x=x)) + terms.max()
    assert one.laplace_evidence == pytest.approx(exact, abs=0.05)
    assert one.log_likelihood - one.laplace_evidence > 0.5  # what is paid for not knowing β
    alone = dataclasses.replace(one, covariance=np.array([[np.nan]]))
    assert math.isnan(alone.laplace_evidence)


# samplers of other packages


def test_ensemble_of_a_known_posterior(learners):
    pytest.importorskip("emcee")
    found = fit(learners, LEARNER, method="emcee", starts=2, options={"steps": 700, "burn": 200, "thin": 5})
    for one in found:
        assert one.samples.draws.shape == (16, 100, 2) and 0.2 < one.samples.facts["acceptance"] < 0.9
        flat = one.samples.draws.reshape(-1, 2)
        # by quadrature over a grid
        wide = 6 * np.sqrt(np.diag(one.covariance))
        axes = [np.linspace(c - w, c + w, 61) for c, w in zip(one.coordinates, wide, strict=True)]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        inside = ((grid >= one.space.box[:, 0]) & (grid <= one.space.box[:, 1])).all(axis=1)
        density = np.zeros(len(grid))
        terms = log_likelihoods(one.subject, Model(agent=LEARNER), one.space.names, one.space.to_values(grid[inside]))
        density[inside] = np.exp(terms - terms.max())
        weight = density / density.sum()
        mean, sd = weight @ grid, np.sqrt(weight @ (grid - weight @ grid) ** 2)
        error = sd / math.sqrt(one.samples.facts["effective_draws"] / 2)
        assert (np.abs(flat.mean(axis=0) - mean) < 4 * error).all()
        np.testing.assert_allclose(flat.std(axis=0), sd, rtol=0.25)
        assert one.interval == ("posterior", "posterior")


def test_the_same_seed_gives_the_same_chain(learners):
    pytest.importorskip("emcee")
    options = {"steps": 40, "burn": 20, "thin": 2}
    a, b, c = (fit(learners[0], LEARNER, method="emcee", starts=1, options=options, seed=s)[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(a.samples.draws, b.samples.draws)
    assert (a.samples.draws != c.samples.draws).any()


@pytest.mark.slow
def test_direct_search_finds_the_same_top(learners):
    pytest.importorskip("pybads")
    a = fit(learners, LEARNER, starts=1, intervals=None)
    b = fit(learners, LEARNER, method="bads", starts=1, intervals=None)
    np.testing.assert_allclose(a.log_likelihood, b.log_likelihood, atol=0.01)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_direct_search_with_a_particle_filter():
    pytest.importorskip("pybads")
    agent = AGENT.replace(n_trajectories=10, beta=1.0)
    data = simulated(agent, subjects=1, trials=200, policy="soft")
    free = ("learning_rate_q", "sigma_0")
    noisy = fit(data, agent, method="bads", free=free, particles=64, repetitions=4, starts=1)[0]
    smooth = fit(data, agent, free=free, starts=2, intervals=None)[0]
    assert 0 < noisy.noise < 1.0
    at = log_likelihoods(noisy.subject, Model(agent=agent), free, noisy.estimate[None])[0]
    assert smooth.log_likelihood - at < 2.0  # spec: N_traj = 10 agrees with the deterministic agent within 2 nats


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_variational_posterior_is_near_the_chain(learners):
    pytest.importorskip("pyvbmc")
    one = fit(learners[0], LEARNER, method="vbmc", starts=1)[0]
    flat = one.samples.draws.reshape(-1, 2)
    laplace = fit(learners[0], LEARNER, starts=1)[0]
    deviation = np.sqrt(np.diag(laplace.covariance))
    assert (np.abs(flat.mean(axis=0) - laplace.coordinates) < deviation).all()
    np.testing.assert_allclose(flat.std(axis=0), deviation, rtol=0.4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("method", "package", "settings"),
    [
        ("emcee", "emcee", {"particles": 32, "repetitions": 1, "options": {"steps": 300, "burn": 100, "thin": 5}}),
        ("vbmc", "pyvbmc", {"particles": 64, "repetitions": 4}),
    ],
)
def test_posteriors_from_a_particle_filter(method, package, settings):
    """With 10 trajectories they are those of the deterministic agent. The means of 200 and of 300 independent draws are
    further apart than .4 deviations with a probability of 1e-5."""
    pytest.importorskip("emcee")
    pytest.importorskip(package)
    agent = AGENT.replace(n_trajectories=10, beta=1.0)
    data = simulated(agent, subjects=1, trials=100, policy="soft")
    bounds = {"learning_rate_q": (0.01, 0.9), "sigma_0": (0.3, 20.0)}
    common = {"free": tuple(bounds), "bounds": bounds, "starts": 1}
    smooth = fit(data, agent, method="emcee", options={"steps": 600, "burn": 200, "thin": 5}, **common)[0]
    noisy = fit(data, agent, method=method, **common, **settings)[0]
    first, second = (one.samples.draws.reshape(-1, 2) for one in (smooth, noisy))
    deviation = first.std(axis=0)
    assert (np.abs(first.mean(axis=0) - second.mean(axis=0)) < 0.4 * deviation).all()
    np.testing.assert_allclose(second.std(axis=0), deviation, rtol=0.3)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_arviz_has_posterior_and_terms(learners):
    pytest.importorskip("emcee")
    try:
        import arviz  # noqa: F401
    except ImportError:
        pytest.importorskip("arviz_base")
    found = fit(learners, LEARNER, method="emcee", starts=1, options={"steps": 60, "burn": 20, "thin": 2})
    tree = found.to_arviz(30)
    assert tree.posterior["beta"].shape == (4, 30, 3)
    terms = tree.log_likelihood["choice"].values
    assert terms.shape == (4, 30, 1200)
    theta = np.stack([tree.posterior[name].values[1, 7, 2] for name in found.space.names])
    expected = log_likelihoods(learners[2], Model(agent=LEARNER), found.space.names, theta[None], pointwise=True)[0]
    np.testing.assert_allclose(terms[1, 7, 800:], expected)


@pytest.mark.filterwarnings("ignore")
def test_arviz_compares_by_leaving_one_out(learners):
    """The first choice between unknown machines and a price of 0 is even: no draw changes its term."""
    pytest.importorskip("emcee")
    try:
        import arviz  # noqa: F401
    except ImportError:
        pytest.importorskip("arviz_stats")
    rows = design_from_task(sm.tasks.make("bandit", means=(0.0, 1.0), sd=1.0), 150, seed=0)
    data = rows.with_choices(simulate(rows, Model(agent=LEARNER), seed=0)[0])
    options = {"method": "emcee", "starts": 1, "options": {"steps": 400, "burn": 200, "thin": 4}}
    two = {"both": fit(data, LEARNER, **options), "frozen": fit(data, LEARNER, free=("beta",), **options)}
    terms = two["both"].to_arviz(50).log_likelihood["choice"].values
    np.testing.assert_allclose(terms[..., 0], math.log(0.5), rtol=1e-8)
    assert (np.ptp(terms, axis=(0, 1)) > 0).all()
    table = compare(two).to_arviz(50)
    column = "elpd_loo" if "elpd_loo" in table else "elpd"
    assert set(table.index) == {"both", "frozen"}
    for name, one in two.items():  # near the log-likelihood less the number of parameters, as AIC has it
        assert table.loc[name, column] == pytest.approx(-one.aic[0] / 2, abs=1.5)


# what is refused


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"free": ("lamb",)}, "free: 'lamb'"),
        ({"free": ("beta",)}, "policy='hard'"),
        ({"free": ()}, "free must name"),
        ({"bounds": {"beta": (1, 2)}}, "bounds: 'beta' is not free"),
        ({"bounds": {"lam": (0.0, 2)}}, "must be above 0"),
        ({"bounds": {"lam": (2.0, 1.0)}}, "low < high"),
        ({"bounds": {"learning_rate_q": (0.0, 1.0)}}, "within"),
        ({"bounds": {"sigma_0": (0.001, 1.0)}}, "sigma_0"),
        ({"priors": {"beta": stats.norm()}}, "priors: 'beta' is not free"),
        ({"priors": {"lam": 3}}, "logpdf"),
        ({"starts": 0}, "starts"),
        ({"method": "adam"}, "method"),
        ({"intervals": "wald"}, "intervals"),
        ({"level": 1.0}, "level"),
        ({"particles": 100}, "particles"),
        ({"options": {"steps": 3}}, "options"),
        ({"workers": 0}, "workers"),
        ({"executor": 3}, "executor"),
    ],
)
def test_wrong_arguments_are_named(data, changes, message):
    with pytest.raises(ValueError, match=message):
        fit(data, AGENT, policy="hard", **changes)


def test_subjects_without_a_choice_are_refused(data):
    empty = data[0].scoring(np.zeros(400, dtype=bool))
    with pytest.raises(ValueError, match="no choice that counts"):
        fit(empty, AGENT, policy="hard")


def test_designs_of_longer_episodes_are_refused():
    with pytest.raises(ValueError, match="several choices"):
        design_from_task(sm.tasks.grid_world(), 10, seed=0)


def test_designs_have_the_frequencies_and_payoffs_of_the_task():
    rows = design_from_task(TASK, 20_000, seed=0)
    machine = rows.memory[rows.situation, 0]
    share = np.bincount(machine, minlength=4)
    order = [int(np.flatnonzero([name == number for name in rows.labels[0]])[0]) for number in range(4)]
    expected = np.array([8, 4, 2, 1]) / 15
    assert stats.chisquare(share[order], 20_000 * expected).pvalue > 0.001
    for number, mean in enumerate((-3, -1, 1, 3)):
        paid = rows.payoff[machine == order[number], 0]
        assert abs(paid.mean() - mean) < 4 * 3 / math.sqrt(len(paid)) and abs(paid.std() - 3) < 0.2
    np.testing.assert_array_equal(rows.payoff[:, 1], rows.known[rows.situation, 1])


@pytest.mark.parametrize(("answer", "message"), [
    (lambda: None, "submit must return a Future, and that of Odd returned None"),
    (Future, "Odd gave back None for the fit number 0, so it did not call the function"),
])  # fmt: skip
def test_executors_that_do_nothing(answer, message):
    class Odd(Executor):
        def submit(self, function, *given, **named):
            future = answer()
            if future is not None:
                future.set_result(None)
            return future

    data = sm.fit.Choices.from_arrays([[0, 1]] * 6, [0, 1, 0, 1, 1, 0], [1.0, 0.0] * 3)
    with pytest.raises((ValueError, WorkersLostError), match=message):
        sm.fit.fit(data, sm.fit.SoftmaxLearner(), free=("beta",), starts=1, workers=1, executor=Odd())


@pytest.mark.parametrize("call", [
    lambda: sm.train("grid-world", sm.Agent(), episodes=1, restarts=10**9),
    lambda: sm.fit.recover_parameters(sm.tasks.two_alternatives(), sm.fit.SoftmaxLearner(), trials=5, subjects=10**9),
    lambda: sm.fit.recover_parameters(sm.tasks.two_alternatives(), sm.fit.SoftmaxLearner(), trials=10**9, subjects=3),
    lambda: sm.fit.information(sm.tasks.two_alternatives(), sm.fit.SoftmaxLearner(), trials=5, histories=10**9),
])  # fmt: skip
def test_what_would_never_end_is_refused(call):
    with pytest.raises(ValueError, match="must be in"):
        call()


def two_options(payoff, subjects=3):
    rows = len(payoff)
    return Choices.from_arrays([[0, 1]] * rows, np.arange(rows) // 2 % 2, payoff, subject=np.arange(rows) % subjects)


@pytest.mark.parametrize("constant", [0.1, 1 / 3, 1e7 + 0.1])
def test_payoffs_that_do_not_vary_have_no_scale(constant):
    """Their variance is not 0 in floating point."""
    with pytest.raises(ValueError, match="bounds must be given: the payoffs do not vary"):
        fit(two_options(np.full((30, 2), constant)), LEARNER)


@pytest.mark.parametrize(("scale", "model", "message"), [
    (5e98, LEARNER, r"the payoffs have a standard deviation of 5e\+98, for which beta would be in .*another unit"),
    (2e99, AGENT, r"the payoffs have a standard deviation of 2e\+99, for which lam would be in .*another unit"),
    (1e-99, LEARNER, r"the payoffs have a standard deviation of 1e-99, for which beta would be"),
    (1e50, AGENT, r"sigma_0 in .*smallest sigma_max.*\(the payoffs have a standard deviation of 1e\+50\)"),
    (1e-300, LEARNER, "the payoffs vary by 2e-300, too little to have a scale"),
])  # fmt: skip
def test_payoffs_out_of_all_scale_are_refused_before_work(scale, model, message, monkeypatch):
    monkeypatch.setattr(estimation, "fit_subject", None)
    with pytest.raises(ValueError, match=message):
        fit(two_options(np.tile([-scale, scale], (30, 1))), model)


def test_the_scale_of_payoffs_is_that_of_their_differences():
    """Whatever they are measured from."""
    payoff = np.random.default_rng(0).normal([0.0, 1.0], 1.0, (600, 2)).round(3)
    for offset, digits in ((0.0, 1e-12), (1e7, 1e-8), (1e9, 1e-6)):
        scale = reward_scale(two_options(payoff + offset).subjects)
        assert scale == pytest.approx(float(np.std(payoff)), rel=digits)


class Density:
    def __init__(self, value):
        self.value = value

    def logpdf(self, x):
        return self.value(x)


@pytest.mark.parametrize(("value", "message"), [
    (lambda x: np.ma.array(np.zeros_like(x), mask=True), "must not be a masked array"),
    (lambda x: None, "must be an array of numbers, got None"),
    (lambda x: np.full_like(x, np.nan), "must give the log density of every value"),
    (lambda x: np.full_like(x, np.inf), "must give the log density of every value"),
    (lambda x: 0.0, "must give the log density of every value"),
])  # fmt: skip
def test_priors_that_give_no_densities(value, message):
    data = two_options(np.tile([0.0, 1.0], (30, 1)))
    with pytest.raises(ValueError, match=r"priors\['beta'\].logpdf " + message):
        fit(data, LEARNER, free=("beta",), priors={"beta": Density(value)})
