"""Real choices (Fontanesi et al. 2019): what a trial of ours reached, every agent reaches again."""

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

import sigmalloc as sm
from sigmalloc import fit

PLACES = [folder / "shared" / "reference" / "fontanesi2019" / "choices.csv" for folder in Path(__file__).parents]
CHOICES = next((path for path in PLACES if path.exists()), None)
pytestmark = pytest.mark.skipif(CHOICES is None, reason="the data of Fontanesi et al. (2019) are not here")
BOUNDS = {
    "learning_rate_q": (1e-3, 1.0), "learning_rate_sigma": (1e-4, 20.0), "lam": (1e-4, 5.0), "sigma_0": (0.011, 50.0),
    "beta": (0.01, 50.0), "beta_rate": (-0.1, 0.1),
}  # fmt: skip
LOG = ("learning_rate_sigma", "lam", "sigma_0", "beta")


@pytest.fixture(scope="module")
def data():
    """Payoffs as (f − 45)/10; both outcomes were shown; blocks reset."""
    pd = pytest.importorskip("pandas")
    table = pd.read_csv(CHOICES)
    table["choice"] = 1 - table["accuracy"]
    for name in ("f_cor", "f_inc"):
        table[name] = (table[name] - 45) / 10
    found = fit.Choices.from_frame(
        table, options=("cor_option", "inc_option"), choice="choice", payoff=("f_cor", "f_inc"), subject="participant",
        block="block_label",
    )  # fmt: skip
    assert len(found) == 27 and found.n_scored == 6464
    return found


def smallest(subject, model, free, starts):
    """Least negative log-likelihood by L-BFGS-B in log parameters, from a few starts; differences in the same call."""
    low, high = (np.array([BOUNDS[name][i] for name in free]) for i in (0, 1))
    log = np.array([name in LOG for name in free])
    low[log], high[log] = np.log(low[log]), np.log(high[log])

    def value_and_slope(x):
        step = np.where(x + 1e-6 * (high - low) > high, -1, 1) * 1e-6 * (high - low)
        points = np.vstack((x, x + np.diag(step)))
        points[:, log] = np.exp(points[:, log])
        values = -fit.log_likelihoods(subject, model, free, points)
        return values[0], (values[1:] - values[0]) / step

    rng = np.random.default_rng(0)
    begin = (low + (high - low) * rng.uniform(0.1, 0.9, len(free)) for _ in range(starts))
    bounds = list(zip(low, high, strict=True))
    return min(minimize(value_and_slope, x, jac=True, method="L-BFGS-B", bounds=bounds).fun for x in begin)


def total(data, model, free, starts):
    return sum(fit.over_subjects(lambda subject: smallest(subject, model, free, starts), data.subjects, 2))


def test_softmax_learners(data):
    learner = fit.Model(agent=fit.SoftmaxLearner())
    free = ("learning_rate_q", "beta")
    one = total(data, learner, free, 3)
    assert 2585 < one <= 2589.5
    assert total(data, learner, (*free, "beta_rate"), 3) < one - 20  # where precision would be said to grow


@pytest.mark.slow
@pytest.mark.parametrize(
    ("allocation", "most"), [("dra", 2560), ("equal", 2549), ("frequency", 2554), ("stakes", 2552)]
)
def test_every_allocation_reaches_the_trial(data, allocation, most):
    """Hard policy, σ_base = 2, replay over 10 episodes, lapse .01, q̄ from 0."""
    model = fit.Model(agent=sm.Agent(allocation=allocation, sigma_base=2.0), policy="hard", window=10, lapse=0.01)
    found = total(data, model, ("learning_rate_q", "learning_rate_sigma", "lam", "sigma_0"), 6)
    assert found <= most
    assert found > 2400
