"""Comparison of models, groups, and what designs can tell: against numbers computed apart."""

import dataclasses
import math

import numpy as np
import pytest
from scipy import integrate, special, stats
from scipy.integrate import trapezoid

import sigmalloc as sm
from sigmalloc.fit import (
    Choices,
    Group,
    Model,
    Normal,
    SoftmaxLearner,
    compare,
    design_from_task,
    fit,
    fit_group,
    future,
    log_likelihood,
    log_likelihoods,
    random_effects,
    simulate,
)
from sigmalloc.fit.compare import _free_energy, _null_evidence

LEARNER = SoftmaxLearner(learning_rate_q=0.3, beta=1.0)
BANDIT = sm.tasks.make("bandit", means=(0.0, 1.0), sd=1.0)


def learners(values, trials=150, seed=0, blocks=1):
    made = []
    for number, (rate, beta) in enumerate(values):
        rows = design_from_task(BANDIT, trials, seed=seed + number)
        choice = simulate(rows, Model(agent=LEARNER), ("learning_rate_q", "beta"), [[rate, beta]], seed=seed,
                          first=number)[0]  # fmt: skip
        made.append(dataclasses.replace(rows.with_choices(choice), label=f"s{number}"))
    return Choices(made)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return learners(np.stack([special.expit(rng.normal(-0.8, 0.5, 12)), np.exp(rng.normal(0.3, 0.4, 12))], axis=1))


@pytest.fixture(scope="module")
def fits(data):
    return {
        "learner": fit(data, LEARNER, starts=2),
        "frozen": fit(data, LEARNER, free=("beta",), bounds={"beta": (0.01, 10)}, starts=2),
    }


# random effects


def exact_two(evidence):
    """ln p(choices) and p(r₁ > ½) of two models by quadrature over the frequency."""

    def density(r):
        return math.exp(sum(np.logaddexp(math.log(r) + a, math.log1p(-r) + b) for a, b in evidence) - top)

    top = max(sum(np.logaddexp(math.log(r) + a, math.log1p(-r) + b) for a, b in evidence) for r in (0.01, 0.5, 0.99))
    whole = integrate.quad(density, 0, 1)[0]
    return math.log(whole) + top, integrate.quad(density, 0.5, 1)[0] / whole


@pytest.mark.parametrize("lead", [0.0, 0.5, 2.0, 8.0])
def test_random_effects_are_bounded_by_quadrature(lead):
    """The free energy is a lower bound of the log evidence, of which the null hypothesis has the exact one."""
    evidence = np.random.default_rng(1).normal(0, 1, (14, 2)) + [lead, 0.0]
    found = random_effects(evidence)
    bound, null = _free_energy(evidence, found.concentration), _null_evidence(evidence)
    assert bound <= exact_two(evidence)[0] + 1e-9
    assert null == pytest.approx(np.logaddexp(*evidence.T).sum() - 14 * math.log(2))
    assert found.omnibus_risk == pytest.approx(special.expit(null - bound))
    np.testing.assert_allclose(found.protected, found.exceedance * (1 - found.omnibus_risk) + found.omnibus_risk / 2)


def test_seterr_of_the_caller_does_not_matter():
    """Models apart by more than a probability can say."""
    with np.errstate(all="raise"):
        found = random_effects([[-1e300, 0.0], [-746.0, 0.0], [-2.0, -900.0]])
    np.testing.assert_array_equal(found.responsibility, [[0, 1], [0, 1], [1, 0]])


def test_random_effects_are_exact_where_subjects_are_certain():
    """Then the posterior over frequencies is a Dirichlet, and the bound is tight."""
    evidence = np.where(np.arange(14)[:, None] < 9, [40.0, 0.0], [0.0, 40.0])
    found = random_effects(evidence)
    exact, exceedance = exact_two(evidence)
    assert _free_energy(evidence, found.concentration) == pytest.approx(exact, abs=1e-6)
    assert found.exceedance[0] == pytest.approx(exceedance, abs=1e-6)


def test_random_effects_of_clear_evidence():
    evidence = np.zeros((10, 3))
    evidence[:7, 0] = evidence[7:, 1] = 100.0
    found = random_effects(evidence)
    np.testing.assert_allclose(found.concentration, [8, 4, 1], atol=1e-6)
    np.testing.assert_allclose(found.frequency, np.array([8, 4, 1]) / 13, atol=1e-6)
    # P(r₁ largest) of Dirichlet(8, 4, 1) by quadrature of gamma distributions
    exact = integrate.quad(
        lambda x: stats.gamma.pdf(x, 8) * stats.gamma.cdf(x, 4) * stats.gamma.cdf(x, 1), 0, 80, limit=200
    )[0]
    assert abs(found.exceedance[0] - exact) < 4 * math.sqrt(exact * (1 - exact) / 1e6)
    assert found.exceedance.sum() == pytest.approx(1) and found.protected.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.responsibility.argmax(axis=1), [0] * 7 + [1] * 3)


def test_random_effects_without_evidence_protect():
    found = random_effects(np.zeros((20, 4)))
    np.testing.assert_allclose(found.protected, 0.25, atol=0.005)
    assert found.omnibus_risk > 0.5


# comparison


def test_sums_and_differences(fits):
    table = compare(fits)
    assert table.criterion == "bic" and table.labels == tuple(f"s{i}" for i in range(12))
    np.testing.assert_array_equal(table.scores["bic"][0], fits["learner"].bic)
    frame = table.to_frame()
    assert frame.index[0] == table.best and frame["difference"].iloc[0] == 0
    gap = fits["frozen"].bic - fits["learner"].bic
    np.testing.assert_allclose(abs(frame["difference"].iloc[1]), abs(gap.sum()))
    np.testing.assert_allclose(frame["difference_se"].iloc[1], gap.std(ddof=1) * math.sqrt(12))
    assert frame["subjects_best"].sum() == 12
    np.testing.assert_allclose(compare(fits, criterion="aic").scores["aic"][1], fits["frozen"].aic)
    assert "best for" in repr(table) and table._repr_html_().count("<tr>") == 3


def test_fits_of_other_choices_are_refused(fits, data):
    other = fit(learners([(0.3, 1.0)] * 12, seed=9), LEARNER, starts=1, intervals=None)
    renamed = dataclasses.replace(other, subjects=tuple(
        dataclasses.replace(one, rows=dataclasses.replace(one.subject, label=f"x{i}")) for i, one in enumerate(other)
    ))  # fmt: skip
    with pytest.raises(ValueError, match="other choices of subject 's0'"):
        compare({"a": fits["learner"], "b": other})
    with pytest.raises(ValueError, match="other subjects"):
        compare({"a": fits["learner"], "b": renamed})
    with pytest.raises(ValueError, match="two fits or more"):
        compare({"a": fits["learner"]})
    with pytest.raises(ValueError, match="criterion"):
        compare(fits, criterion="evidence")


def test_models_that_cannot_be_told_apart_are_named():
    """Two options that are only ever shown together: flexible and equal precision are one agent."""
    agent = sm.Agent(learning_rate_q=0.2, learning_rate_sigma=0.1, lam=0.1, sigma_0=1.0, sigma_base=3.0)
    rows = design_from_task(BANDIT, 120, seed=0)
    choice = simulate(rows, Model(agent=agent, policy="hard"), seed=0)[0]
    data = Choices([rows.with_choices(choice)])
    two = {name: fit(data, agent.replace(allocation=name), policy="hard", starts=3, intervals=None)
           for name in ("dra", "equal")}  # fmt: skip
    assert two["dra"].log_likelihood[0] == two["equal"].log_likelihood[0]
    assert "cannot tell them apart" in repr(compare(two))


# the future


def test_future_is_the_likelihood_of_later_trials_after_all_that_came_before(data):
    found = future(data, {"learner": LEARNER, "frozen": Model(agent=LEARNER)}, cuts=(0.4, 0.7),
                   free={"frozen": ("beta",)}, bounds={"frozen": {"beta": (0.01, 10)}}, starts=2)  # fmt: skip
    assert found.criterion == "future" and not found.lower_is_better
    space = found.fits["learner"].space
    for number, subject in enumerate(data):
        total = 0.0
        for begin, end in ((60, 105), (105, 150)):
            early = fit(subject.part(begin), LEARNER, bounds=space.bounds, starts=2, intervals=None)[0]
            terms = log_likelihoods(subject, early.model, (), np.zeros((1, 0)), pointwise=True)[0]
            total += terms[begin:end].sum()
        assert found.scores["future"][0, number] == pytest.approx(total, abs=1e-9)


def test_what_comes_later_does_not_matter_for_what_was_fitted(data):
    """No leak: other choices after the cut leave the fit as it was."""
    subject = data["s0"]
    flipped = np.where(np.arange(150) < 75, subject.choice, 1 - subject.choice)
    payoff = np.where(np.isnan(subject.payoff), np.nanmean(subject.payoff), subject.payoff)
    other = dataclasses.replace(subject, payoff=payoff, outcome=payoff, chosen_only=True).with_choices(flipped)
    agents = {"a": LEARNER, "b": Model(agent=LEARNER, lapse=0.1)}
    bounds = {"learning_rate_q": (0.01, 0.99), "beta": (0.01, 20.0)}
    one, two = (
        future(Choices([part]), agents, bounds={"a": bounds, "b": bounds}, starts=2) for part in (subject, other)
    )
    assert one.scores["log_likelihood"][0, 0] == two.scores["log_likelihood"][0, 0]
    assert one.scores["future"][0, 0] != two.scores["future"][0, 0]


def test_cuts_after_blocks():
    rows = design_from_task(BANDIT, 90, seed=0)
    block = np.repeat([0, 1, 2], 30)
    data = Choices.from_arrays(
        np.tile([0, 1], (90, 1)), simulate(rows, Model(agent=LEARNER), seed=1)[0],
        np.asarray(rows.payoff), block=block,
    )  # fmt: skip
    found = future(data, {"a": LEARNER, "b": Model(agent=LEARNER, lapse=0.1)}, cuts="blocks", starts=1)
    assert np.isfinite(found.scores["future"]).all()
    assert found.fits["a"][0].subject.n_rows == 60
    with pytest.raises(ValueError, match="one block only"):
        future(Choices([rows]), {"a": LEARNER, "b": LEARNER}, cuts="blocks")
    with pytest.raises(ValueError, match="cuts"):
        future(data, {"a": LEARNER, "b": LEARNER}, cuts=(0.5, 0.2))


# groups


@pytest.fixture(scope="module")
def group(data):
    return fit_group(data, LEARNER, starts=2, seed=0)


def test_a_group_is_near_where_its_subjects_came_from(group):
    assert isinstance(group, Group) and group.converged
    rng = np.random.default_rng(0)
    true = np.stack([rng.normal(-0.8, 0.5, 12), rng.normal(0.3, 0.4, 12)], axis=1)
    error = np.sqrt((true.var(axis=0) + np.array([np.diag(c) for c in group.covariances]).mean(axis=0)) / 12)
    assert (np.abs(group.normal.mean - true.mean(axis=0)) < 3.5 * error).all()


def test_subjects_shrink_towards_the_group(group, fits):
    alone, together = fits["learner"], group.fit
    x = np.array([one.coordinates for one in alone])
    y = np.array([one.coordinates for one in together])
    assert (y.std(axis=0) < x.std(axis=0)).all()
    far = np.abs(x - group.normal.mean) / np.sqrt(np.diag(group.normal.covariance)) > 1.0
    assert (np.abs(y - group.normal.mean)[far] <= np.abs(x - group.normal.mean)[far] + 1e-6).mean() > 0.9
    assert (together.log_likelihood <= alone.log_likelihood + 1e-6).all()


def test_evidence_against_quadrature(group):
    for number in (0, 5):
        one = group.fit[number]
        deviation = np.sqrt(np.diag(group.normal.covariance))
        axes = [np.linspace(m - 6 * d, m + 6 * d, 121) for m, d in zip(group.normal.mean, deviation, strict=True)]
        axes = [np.clip(axis, *box) for axis, box in zip(axes, one.space.box, strict=True)]
        grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
        terms = log_likelihoods(one.subject, Model(agent=LEARNER), one.space.names, one.space.to_values(grid))
        density = np.exp(terms - terms.max()) * np.exp(group.normal.log_density(grid))
        whole = density.reshape(121, 121)
        exact = math.log(trapezoid(trapezoid(whole, axes[1]), axes[0])) + terms.max()
        assert abs(group.log_evidence[number] - exact) < 4 * group.log_evidence_sd[number] + 0.01
        assert group.effective_draws[number] > 200
    expected = -2 * group.log_evidence.sum() + 4 * math.log(12 * 150)
    assert group.bic == pytest.approx(expected)


def test_the_group_is_a_fixed_point(group, data):
    """One more round of expectation and maximisation moves nothing by more than the tolerance."""
    tops = np.array([one.coordinates for one in group.fit])
    second = (tops - tops.mean(axis=0)) ** 2 + np.array([np.diag(c) for c in group.covariances])
    deviation = np.sqrt(second.mean(axis=0))
    before = np.sqrt(np.diag(group.normal.covariance))
    assert (np.abs(tops.mean(axis=0) - group.normal.mean) < 0.02 * before).all()
    np.testing.assert_allclose(deviation, before, rtol=0.02)


def test_groups_are_compared_by_evidence(group, data):
    other = fit_group(data, Model(agent=LEARNER), free=("beta",), starts=2)
    table = compare({"both": group, "beta": other})
    assert table.criterion == "evidence" and table.best in ("both", "beta")
    np.testing.assert_array_equal(table.scores["evidence"][0], group.log_evidence)
    with pytest.raises(ValueError, match="all groups or none"):
        compare({"a": group, "b": group.fit})


def test_one_subject_is_no_group(data):
    with pytest.raises(ValueError, match="two subjects"):
        fit_group(Choices([data["s0"]]), LEARNER)


def test_full_covariance_finds_a_correlation():
    rng = np.random.default_rng(3)
    x = stats.multivariate_normal([-0.5, 0.4], [[0.4, 0.3], [0.3, 0.3]]).rvs(30, random_state=rng)
    data = learners(np.stack([special.expit(x[:, 0]), np.exp(x[:, 1])], axis=1), trials=200, seed=5)
    found = fit_group(data, LEARNER, covariance="full", starts=1, draws=64, tolerance=0.05)
    c = found.normal.covariance
    assert c[0, 1] / math.sqrt(c[0, 0] * c[1, 1]) > 0.3 and found.hyperparameters == 5
    assert isinstance(found.normal, Normal) and np.isfinite(log_likelihood(data["s0"], found.fit[0].model))
