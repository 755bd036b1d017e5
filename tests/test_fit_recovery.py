"""Before the experiment: information, recovery that means what it says, agents that are one."""

import math

import numpy as np
import pytest
from scipy import special, stats

import sigmalloc as sm
from sigmalloc.fit import (
    Model,
    SoftmaxLearner,
    design_from_task,
    fit,
    information,
    log_likelihoods,
    recover_models,
    recover_over,
    recover_parameters,
    simulate,
)
from sigmalloc.fit.information import by_row
from sigmalloc.fit.parameters import Space, make_space
from sigmalloc.fit.recovery import draw_parameters, simulated_choices

LEARNER = SoftmaxLearner(learning_rate_q=0.3, beta=1.0)
BANDIT = sm.tasks.make("bandit", means=(0.0, 1.0), sd=1.0)
AGENT = sm.Agent(learning_rate_q=0.1, learning_rate_sigma=0.1, lam=0.2, sigma_0=2.0, sigma_base=5.0)
MACHINES = sm.tasks.make(
    "slot-machines", payoffs=(-3, -1, 1, 3), payoff_sd=3.0, offsets=(-4, -2, 2, 4), frequencies=(8, 4, 2, 1)
)


# information


def test_information_is_the_expected_curvature():
    """The sum of squared scores has the same mean as the information, over simulated subjects."""
    model, n = Model(agent=LEARNER), 300
    space = Space(("learning_rate_q", "beta"), (0.01, 0.05), (0.99, 20.0))
    theta = np.array([0.3, 1.0])
    rows = design_from_task(BANDIT, 60, seed=0)
    scores, expected = np.empty((n, 2)), np.zeros((2, 2))
    h = 1e-5
    for number in range(n):
        made = rows.with_choices(simulate(rows, model, seed=4, first=number)[0])
        x = space.to_coordinates(theta)
        points = np.array([x + [h, 0], x - [h, 0], x + [0, h], x - [0, h]])
        value = log_likelihoods(made, model, space.names, space.to_values(points))
        scores[number] = (value[::2] - value[1::2]) / (2 * h)
        expected += by_row(made, model, space, theta).sum(axis=0) / n
    for i in range(2):
        for j in range(2):
            products = scores[:, i] * scores[:, j]
            assert abs(products.mean() - expected[i, j]) < 4 * products.std() / math.sqrt(n)
    assert (np.abs(scores.mean(axis=0)) < 4 * scores.std(axis=0) / math.sqrt(n)).all()


def test_information_of_one_free_choice_by_hand():
    """p = 1/(1 + e^(−βΔ)), lapse ε: the information about ln β is (1 − ε)² (βΔ p(1 − p))² Σ 1/p′."""
    learner = LEARNER.replace(learning_rate_q=1.0)
    rows = design_from_task(BANDIT, 3, seed=1)
    model = Model(agent=learner, lapse=0.1)
    made = rows.with_choices([0, 1, 0])
    space = Space(("beta",), (0.05,), (20.0,))
    found = by_row(made, model, space, [1.0])[:, 0, 0]
    q = np.zeros(2)
    for t, choice in enumerate((0, 1, 0)):
        gap = q[0] - q[1]
        p = special.expit(gap)
        mixed = 0.9 * p + 0.05
        expected = (0.9 * gap * p * (1 - p)) ** 2 * (1 / mixed + 1 / (1 - mixed))
        assert found[t] == pytest.approx(expected, rel=1e-6, abs=1e-12)
        q[choice] = rows.payoff[t, choice]


def test_information_grows_and_names_what_trades_off():
    found = information(MACHINES, AGENT, trials=400, policy="hard", histories=4, points=4)
    assert found.trials.tolist() == [100, 200, 300, 400]
    for earlier, later in zip(found.matrix[:-1], found.matrix[1:], strict=True):
        assert np.linalg.eigvalsh(later - earlier).min() > -1e-9
    assert (found.alone <= found.standard_error * (1 + 1e-9)).all()
    errors, vectors = found.directions
    turned = vectors @ found.matrix[-1] @ vectors.T
    np.testing.assert_allclose(turned, np.diag(1 / errors**2), atol=1e-6 / errors[-1] ** 2)
    assert found.trials_for("lam", 1e9) == 100 and found.trials_for("lam", 1e-9) is None
    assert list(found.to_frame().columns) == list(found.space.names)
    drawn = [line for line in found.plot().lines if len(line.get_xdata()) == 4]
    assert [line.get_label() for line in drawn] == [
        r"log odds $\alpha_1$", r"ln $\alpha_2$", r"ln $\lambda$", r"ln $\sigma_0$",
    ]  # fmt: skip
    for line, error in zip(drawn, found.standard_error.T, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), np.where(np.isfinite(error), error, np.nan))


def test_lambda_and_sigma_base_trade_off():
    """Section 11 says it: the information has to."""
    found = information(
        MACHINES, AGENT, trials=1000, policy="hard", histories=4, points=1,
        free=("learning_rate_q", "learning_rate_sigma", "lam", "sigma_base", "sigma_0"),
    )  # fmt: skip
    five = dict(zip(found.space.names, found.standard_error[-1], strict=True))
    four = information(MACHINES, AGENT, trials=1000, policy="hard", histories=4, points=1)
    assert five["lam"] > 1.3 * dict(zip(four.space.names, four.standard_error[-1], strict=True))["lam"]
    i, j = (found.space.names.index(name) for name in ("lam", "sigma_base"))
    assert found.correlation[i, j] < -0.7  # a higher price of precision, or a broader base: both make σ larger
    assert any(line.startswith("lam and sigma_base stand in for each other") for line in found.trade_offs())


def test_what_nothing_depends_on_has_no_information():
    found = information(MACHINES, AGENT.replace(learning_rate_sigma=0.0), free=("learning_rate_q", "lam"), trials=50,
                        policy="hard", histories=1, points=1)  # fmt: skip
    assert np.isinf(found.standard_error[-1, 1]) and np.isfinite(found.standard_error[-1, 0])
    assert any("nothing is known" in line for line in found.trade_offs())


# recovery of parameters


def test_standard_errors_of_the_information_are_those_of_recovery():
    found = recover_parameters(
        BANDIT, LEARNER, trials=600, subjects=40, starts=2,
        simulated={"learning_rate_q": (0.2999, 0.3001), "beta": (0.9999, 1.0001)},
    )  # fmt: skip
    expected = information(BANDIT, LEARNER, trials=600, histories=20, points=1).standard_error[-1]
    ratio = found.errors.std(axis=0) / expected
    # an estimated deviation of 40 normal values is within 1 ± 0.4 with a probability of 0.9995
    assert (ratio > 0.6).all() and (ratio < 1.4).all()
    low, high = found.coverage_limits()
    assert (low <= found.coverage).all() and (found.coverage <= high).all() and (high > 0.9).all()


def test_recovery_of_a_learner():
    found = recover_parameters(
        BANDIT, LEARNER, trials=500, subjects=20, starts=3,
        simulated={"learning_rate_q": (0.05, 0.8), "beta": stats.lognorm(0.6, scale=1.5)},
    )  # fmt: skip
    assert found.names == ("learning_rate_q", "beta") and (found.rank_correlation > 0.8).all()
    assert found.simulated.shape == found.fitted.shape == (20, 2)
    frame = found.to_frame()
    assert frame.loc["beta", "rank_correlation"] == found.rank_correlation[1]
    assert "rank r" in repr(found) and found.confounds.shape == (2, 2)


def test_parameters_are_drawn_from_where_they_should():
    space = Space(("learning_rate_q", "lam", "sigma_0"), (0.01, 0.01, 0.1), (0.9, 10.0, 20.0))
    given = {"lam": (0.1, 1.0), "sigma_0": np.linspace(1, 2, 500)}
    drawn = draw_parameters(space, 500, given, seed=0)
    assert stats.kstest(np.log10(drawn[:, 1]), stats.uniform(-1, 1).cdf).pvalue > 0.001
    np.testing.assert_array_equal(drawn[:, 2], np.linspace(1, 2, 500))
    low, high = special.logit(0.01), special.logit(0.9)
    inner = stats.uniform(low + 0.2 * (high - low), 0.6 * (high - low))
    assert stats.kstest(special.logit(drawn[:, 0]), inner.cdf).pvalue > 0.001
    with pytest.raises(ValueError, match="within the bounds"):
        draw_parameters(space, 500, {"sigma_0": np.linspace(1, 30, 500)}, seed=0)
    with pytest.raises(ValueError, match="within the bounds"):
        draw_parameters(space, 500, {"lam": (0.1, 100.0)}, seed=0)
    with pytest.raises(ValueError, match="'beta' is not free"):
        draw_parameters(space, 500, {"beta": (0.1, 100.0)}, seed=0)


def test_intervals_of_a_learner_hold_the_truth():
    """95 % intervals of 60 subjects: fewer than 50 of 60 hold it with a probability of 2e-4."""
    found = recover_parameters(BANDIT, LEARNER, trials=300, subjects=60, starts=2,
                               simulated={"learning_rate_q": (0.1, 0.6), "beta": (0.7, 2.0)})  # fmt: skip
    assert (found.coverage >= 50 / 60).all()


@pytest.mark.slow
def test_posteriors_are_calibrated():
    """Simulation-based calibration (Talts et al., 2018): ranks of the truth among 31 draws, 16 bins, χ² at .001."""
    pytest.importorskip("emcee")
    bounds = {"learning_rate_q": (0.05, 0.9), "beta": (0.2, 5.0)}
    model = Model(agent=LEARNER)
    n = 160
    rows = [design_from_task(BANDIT, 80, seed=number) for number in range(n)]
    space = make_space(rows, model, tuple(bounds), bounds)
    rng = np.random.default_rng(7)
    x = space.box[:, 0] + rng.random((n, 2)) * (space.box[:, 1] - space.box[:, 0])
    data = simulated_choices(rows, model, space, space.to_values(x), seed=7)
    found = fit(data, model, free=space.names, bounds=bounds, method="emcee", starts=1, seed=3,
                options={"walkers": 8, "steps": 400, "burn": 200, "thin": 40})  # fmt: skip
    for i in range(2):
        ranks = []
        for one, true in zip(found, x, strict=True):
            flat = one.samples.draws[..., i].ravel()
            ranks.append(int((flat[rng.choice(len(flat), 31, replace=False)] < true[i]).sum()))
        counts = np.bincount(np.array(ranks) // 2, minlength=16)
        assert stats.chisquare(counts).pvalue > 0.001


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1000, 2000])
@pytest.mark.parametrize(
    ("trials", "wanted"),
    [
        (1000, {"learning_rate_q": 0.8, "learning_rate_sigma": 0.7, "lam": 0.65, "sigma_0": 0.55}),
        (4000, {"lam": 0.95}),
    ],
)
def test_recovery_on_slot_machines(trials, wanted, seed):
    """20 subjects, 8 starts: rank correlations. Seed 0 had a part in the choice of the design, the others not."""
    machines = sm.tasks.make("slot-machines", payoffs=(-3, -1, 1, 3), payoff_sd=3.0, offsets=(-8, -4, -2, 2, 4, 8),
                             frequencies=(8, 4, 2, 1))  # fmt: skip
    found = recover_parameters(
        machines, sm.Agent(sigma_base=10.0), trials=trials, subjects=20, policy="hard", intervals=None, seed=seed,
        simulated={"learning_rate_q": (0.05, 0.5), "learning_rate_sigma": (0.01, 0.3), "lam": (0.05, 1.0),
                   "sigma_0": (0.5, 8.0)},
        bounds={"learning_rate_q": (0.01, 0.9), "learning_rate_sigma": (0.003, 1.0), "lam": (0.015, 3.0),
                "sigma_0": (0.15, 24.0)},
    )  # fmt: skip
    assert all(len(one.starts.value) == 8 for one in found.fit)
    r = dict(zip(found.names, found.rank_correlation, strict=True))
    assert {name: r[name] >= least for name, least in wanted.items()} == dict.fromkeys(wanted, True), r


# recovery of models


def test_flexible_and_equal_precision_are_the_same_agent_in_one_pair():
    agents = {"dra": AGENT, "equal": AGENT.replace(allocation="equal"), "softmax": LEARNER}
    ranges = {"learning_rate_q": (0.1, 0.3), "lam": (0.05, 0.2), "sigma_0": (0.5, 2.0)}
    simulated = dict.fromkeys(("dra", "equal"), ranges)
    found = recover_models(BANDIT, agents, trials=60, subjects=2, starts=1, simulated=simulated)
    assert found.same == (("dra", "equal"),)
    assert "in this design dra and equal are the same agent" in repr(found)
    np.testing.assert_array_equal(found.log_likelihood[..., 0], found.log_likelihood[..., 1])
    np.testing.assert_allclose(found.counts[:, 0], found.counts[:, 1])  # ties are shared


@pytest.mark.parametrize("policy", ["soft", "hard"])
def test_a_control_without_these_parameters_does_not_hide_it(policy):
    agents = {
        "learner": LEARNER, "dra": Model(agent=AGENT, policy=policy),
        "equal": Model(agent=AGENT.replace(allocation="equal"), policy=policy),
    }  # fmt: skip
    assert recover_models(BANDIT, agents, trials=40, subjects=1, starts=1).same == (("dra", "equal"),)


def test_machines_with_different_frequencies_tell_them_apart():
    agents = {"dra": AGENT, "equal": AGENT.replace(allocation="equal")}
    found = recover_models(MACHINES, agents, trials=150, subjects=2, starts=1, policy="hard")
    assert found.same == ()
    assert found.counts.sum() == 4 and found.lost.shape == (2, 2) and (np.diag(found.lost) == 0).all()
    frame = found.to_frame()
    np.testing.assert_allclose(frame.sum(axis=1), 1.0)


def test_learners_are_told_from_learners_that_cool_down():
    agents = {"steady": LEARNER.replace(beta=1.0), "cooling": LEARNER.replace(beta=0.2, beta_rate=0.01)}
    found = recover_models(
        BANDIT, agents, trials=400, subjects=8, starts=2,
        simulated={"steady": {"beta": (1.0, 2.0), "learning_rate_q": (0.1, 0.3)},
                   "cooling": {"beta": (0.1, 0.3), "beta_rate": (0.008, 0.012), "learning_rate_q": (0.1, 0.3)}},
    )  # fmt: skip
    assert found.accuracy >= 0.8  # by chance 0.5: 13 of 16 or more with a probability of .01


# grids


def test_a_grid_of_designs(tmp_path):
    found = recover_over(
        {"trials": [60, 240], "task.sd": [0.5, 2.0]}, lambda sd: sm.tasks.make("bandit", means=(0.0, 1.0), sd=sd),
        LEARNER, subjects=5, starts=1, intervals=None, store=tmp_path,
    )  # fmt: skip
    assert found.cells.shape == (2, 2) and found.axes == {"trials": [60, 240], "task.sd": [0.5, 2.0]}
    assert found.table("spread", "beta").shape == (2, 2)
    assert [cell.fit[0].subject.n_rows for cell in found.cells.ravel()] == [60, 60, 240, 240]
    alone = recover_parameters(sm.tasks.make("bandit", means=(0.0, 1.0), sd=2.0), LEARNER, trials=240, subjects=5,
                               starts=1, intervals=None)  # fmt: skip
    np.testing.assert_array_equal(found.cells[1, 1].fitted, alone.fitted)
    frame = found.to_frame()
    assert len(frame) == 8 and set(frame["parameter"]) == {"learning_rate_q", "beta"}
    assert len(list(tmp_path.glob("*.npz"))) == 20


def test_a_grid_of_designs_by_the_task_s_name():
    found = recover_over({"task.frequencies": [[1, 1], [3, 1]], "task.payoffs": [[-1.0, 1.0]]}, "slot-machines",
                         {"dra": AGENT, "equal": AGENT.replace(allocation="equal")}, trials=40, subjects=1, starts=1,
                         policy="hard")  # fmt: skip
    assert found.cells.shape == (2, 1) and found.table("accuracy").shape == (2, 1)
    assert set(found.to_frame().columns) == {"task.frequencies", "task.payoffs", "accuracy", "same"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"grid": {"lam": [1, 2]}}, "grid: 'lam'"),
        ({"grid": {}}, "grid"),
        ({"design": "no-such-task"}, "design"),
        ({"design": 3}, "design"),
    ],
)
def test_wrong_grids_are_named(arguments, message):
    given = {"grid": {"trials": [10, 20]}, "design": "bandit", "agent": LEARNER} | arguments
    with pytest.raises(ValueError, match=message):
        recover_over(given.pop("grid"), given.pop("design"), given.pop("agent"), subjects=3)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (recover_parameters, {"design": 3}, "design"),
        (recover_parameters, {"trials": None}, "trials"),
        (recover_parameters, {"subjects": 2}, "subjects"),
        (recover_parameters, {"free": ("lam",)}, "free"),
        (recover_models, {"agent": {"a": LEARNER}}, "two or more"),
        (recover_models, {"agent": {"a": LEARNER, "b": LEARNER}, "free": {"c": ("beta",)}}, "no agent is called 'c'"),
        (recover_models, {"agent": {"a": LEARNER, "b": LEARNER}, "criterion": "p"}, "criterion"),
    ],
)
def test_wrong_arguments_are_named(function, arguments, message):
    given = {"design": BANDIT, "agent": LEARNER, "trials": 20, "subjects": 3} | arguments
    with pytest.raises(ValueError, match=message):
        function(given.pop("design"), given.pop("agent"), **given)


class Source:
    def __init__(self, values):
        self.values = values

    def rvs(self, size, random_state):
        return self.values


@pytest.mark.parametrize(("given", "message"), [
    (5, "must be a sequence, got 5"),
    ("beta", "must be a sequence, got 'beta'"),
    ([1.0, 2.0, 3.0, 4.0], r"must have shape \(3,\), got \(4,\)"),
    (np.ma.array([1.0, 2.0, 3.0], mask=[1, 0, 0]), "must not be a masked array"),
    (np.ma.array([1.0, 2.0], mask=[1, 0]), "must not be a masked array"),
    (Source(np.array(["a", "b", "c"])), "rvs must be an array of numbers"),
    (Source(np.ma.array([1.0, 2.0, 3.0], mask=[1, 0, 0])), "rvs must not be a masked array"),
    (Source(1.0), r"rvs must have shape \(3,\), got \(\)"),
])  # fmt: skip
def test_what_is_no_source_of_parameters(given, message):
    with pytest.raises(ValueError, match=r"simulated\['beta'\]\.?\s?" + message):
        recover_parameters(
            sm.tasks.two_alternatives(), sm.fit.SoftmaxLearner(), trials=10, subjects=3, free=("beta",),
            simulated={"beta": given},
        )  # fmt: skip
