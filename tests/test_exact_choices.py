"""Choice probabilities and their derivatives: identities, independent quadrature, finite differences, kernel draws."""

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.special import ndtr

import sigmalloc as sm
from sigmalloc.agents import Agent
from sigmalloc.exact import choice_gradients, choice_probabilities
from sigmalloc.tasks.tabular import TabularMDP

POLICIES = [("hard", None), ("soft", 0.5), ("soft", 10.0), ("soft", 1e4)]


def memories(n_actions, decades, n_states=12, seed=0):
    """Means of the order of the noise, noises within a factor of 10^decades."""
    generator = np.random.default_rng((seed, n_actions, decades))
    q = generator.normal(size=(n_states, n_actions)) * generator.choice([0.05, 0.5, 2.0], size=(n_states, 1))
    return q, 10 ** generator.uniform(-decades, 0, size=q.shape)


def by_brute_force(q, sigma, beta):
    """P_a = ∫ F_a' Π F_b on hundreds of panels; the soft policy's F by a fine sum over its noise."""
    points, weights = leggauss(8)
    reach = 9 * sigma
    gumbel = (0.0, 0.0) if beta is None else (4 / beta, 38 / beta)
    low, high = q - reach - gumbel[0], q + reach + gumbel[1]
    edges = np.unique(np.clip(np.concatenate(np.linspace(low, high, 120, axis=1)), low.max(), high.max()))
    x = (edges[:-1, None] + np.diff(edges)[:, None] * (1 + points) / 2).ravel()
    dx = (np.diff(edges)[:, None] * weights / 2).ravel()
    below, density = np.empty((2, len(q), len(x)))
    for a in range(len(q)):
        if beta is None:
            u = (x - q[a]) / sigma[a]
            below[a], density[a] = ndtr(u), np.exp(-u * u / 2) / np.sqrt(2 * np.pi) / sigma[a]
            continue
        y, s = beta * (x - q[a])[:, None], beta * sigma[a]
        if s < 1:
            z = np.linspace(-9, 9, 121)
            chance = np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
            tau = np.exp(np.minimum(s * z - y, 600))
            below[a], density[a] = np.exp(-tau) @ chance, beta * (tau * np.exp(-tau)) @ chance
        else:
            g = np.linspace(-4.2, 42, 181)
            chance = np.exp(-g - np.exp(-g)) * (g[1] - g[0])
            u = (y - g) / s
            below[a], density[a] = ndtr(u) @ chance, np.exp(-u * u / 2) @ chance * beta / s / np.sqrt(2 * np.pi)
    return np.array([(dx * density[a] * np.delete(below, a, axis=0).prod(axis=0)).sum() for a in range(len(q))])


@pytest.mark.parametrize(("policy", "beta"), POLICIES)
@pytest.mark.parametrize("decades", [0, 1, 3, 6])
@pytest.mark.parametrize("n_actions", [2, 3, 4, pytest.param(7, marks=pytest.mark.slow)])
def test_probabilities_agree_with_brute_force(n_actions, decades, policy, beta):
    q, sigma = memories(n_actions, decades, n_states=3)
    expected = [by_brute_force(*row, beta) for row in zip(q, sigma, strict=True)]
    assert np.abs(choice_probabilities(q, sigma, policy, beta) - expected).max() < 1e-11


@pytest.mark.parametrize(("policy", "beta"), POLICIES)
@pytest.mark.parametrize("decades", [0, 3])
@pytest.mark.parametrize("n_actions", [2, 3, 4, 7, 15])
def test_identities(n_actions, decades, policy, beta):
    q, sigma = memories(n_actions, decades)
    probability, by_sigma, by_q = choice_gradients(q, sigma, policy, beta)
    assert (probability >= 0).all()
    assert np.abs(probability.sum(axis=1) - 1).max() < 1e-12
    assert np.array_equal(probability, choice_probabilities(q, sigma, policy, beta))
    scale = np.abs(by_q).max(axis=(1, 2), keepdims=True)
    assert (np.abs(by_q.sum(axis=2)) <= 1e-9 * scale[:, 0]).all()
    assert (np.abs(by_q.sum(axis=1)) <= 1e-9 * scale[:, 0]).all()
    assert (np.abs(by_q - by_q.transpose(0, 2, 1)) <= 1e-9 * scale).all()
    assert (np.abs(by_sigma.sum(axis=1)) <= 1e-9 * np.abs(by_sigma).max(axis=(1, 2))[:, None]).all()
    if policy == "hard":  # P depends on ratios of q and σ alone
        change = np.einsum("sab,sb->sa", by_q, q) + np.einsum("sab,sb->sa", by_sigma, sigma)
        assert np.abs(change).max() < 1e-9


@pytest.mark.parametrize(("policy", "beta"), POLICIES)
@pytest.mark.parametrize("decades", [0, 3])
@pytest.mark.parametrize("n_actions", [2, 3, 4, 7])
def test_gradients_agree_with_finite_differences(n_actions, decades, policy, beta):
    q, sigma = memories(n_actions, decades)
    _, *gradients = choice_gradients(q, sigma, policy, beta)
    for table, gradient in zip((1, 0), gradients, strict=True):
        for b in range(n_actions):
            step = 2e-3 * sigma[:, b]

            def moved(times, table=table, b=b, step=step):
                tables = [q.copy(), sigma.copy()]
                tables[table][:, b] += times * step
                return choice_probabilities(*tables, policy, beta)

            slope = (45 * (moved(1) - moved(-1)) - 9 * (moved(2) - moved(-2)) + moved(3) - moved(-3)) / 60
            exact = gradient[:, :, b] * step[:, None]
            # relative to the largest change of the state's choices; 1e-13 is the noise of the differences
            scale = np.abs(gradient * step[:, None, None]).max(axis=(1, 2))[:, None]
            assert (np.abs(slope - exact) <= 1e-6 * scale + 1e-13).all()


def test_second_derivative_identity():
    # ∂P/∂σ_b = σ_b ∂²P/∂q_b² for both policies: normal noise diffuses
    q, sigma = memories(4, 1)
    for policy, beta in POLICIES[:3]:
        _, by_sigma, _ = choice_gradients(q, sigma, policy, beta)
        for b in range(4):
            step = 1e-3 * sigma[:, b]
            up, down = q.copy(), q.copy()
            up[:, b] += step
            down[:, b] -= step
            slope = [choice_gradients(table, sigma, policy, beta)[2][:, :, b] for table in (up, down)]
            curvature = (slope[0] - slope[1]) / (2 * step[:, None])
            difference = by_sigma[:, :, b] - sigma[:, b, None] * curvature
            assert np.abs(difference).max() < 2e-5 * np.abs(by_sigma).max()


def test_two_actions_in_closed_form():
    q, sigma = np.array([1.0, -0.5]), np.array([2.0, 0.7])
    distance = 1.5 / np.hypot(2.0, 0.7)
    assert choice_probabilities(q, sigma) == pytest.approx([ndtr(distance), ndtr(-distance)], rel=1e-13)
    far = choice_probabilities([0.0, 20.0], [1.0, 1.0])
    assert far[0] == pytest.approx(ndtr(-20 / np.sqrt(2)), rel=1e-12)


def test_soft_policy_without_noise_is_the_softmax():
    q = np.array([[0.3, -0.2, 0.1], [5.0, 0.0, 1.0]])
    weight = np.exp(2.0 * (q - q.max(axis=1, keepdims=True)))
    softmax = weight / weight.sum(axis=1, keepdims=True)
    assert np.abs(choice_probabilities(q, 0.0, "soft", 2.0) - softmax).max() < 1e-11


def test_soft_policy_becomes_hard():
    q, sigma = memories(4, 1)
    hard, by_sigma, by_q = choice_gradients(q, sigma)
    soft = choice_gradients(q, sigma, "soft", 1e7)
    for a, b in zip((hard, by_sigma, by_q), soft, strict=True):
        assert np.abs(a - b).max() < 1e-4 * np.abs(a).max()


def test_memories_known_exactly():
    # one exact value among noisy ones: it is chosen if every other recall is below it
    probability, by_sigma, by_q = choice_gradients([0.2, 0.0, -0.3], [0.0, 1.0, 0.5])
    assert probability[0] == pytest.approx(ndtr(0.2) * ndtr(1.0), abs=1e-10)
    density = np.exp(-0.02) / np.sqrt(2 * np.pi)
    assert by_q[0, 1] == pytest.approx(-density * ndtr(1.0), abs=1e-9)
    assert by_sigma[0, 1] == pytest.approx(-0.2 * density * ndtr(1.0), abs=1e-9)
    assert np.abs(by_sigma[:, 0]).max() < 1e-6
    assert choice_probabilities([1.0, 3.0, 2.0], 0.0).tolist() == [0, 1, 0]
    assert choice_probabilities([3.0, 3.0, 2.0], 0.0).tolist() == [0.5, 0.5, 0]
    assert choice_probabilities([3.0, 3.0], 0.0).tolist() == [0.5, 0.5]
    assert choice_probabilities([0.0, 5.0, 5.0], [1e-3, 0.0, 0.0]) == pytest.approx([0, 0.5, 0.5], abs=1e-12)
    assert choice_probabilities([0.0, 5.0, 5.0 - 1e-9], [1e-9, 0.0, 0.0]).tolist() == [0, 1, 0]
    assert np.isnan(choice_gradients([3.0, 3.0], 0.0)[2]).all()


def test_absent_actions():
    q, sigma = memories(4, 1)
    mask = np.ones(q.shape, dtype=bool)
    mask[0, 1] = mask[1, :3] = mask[2] = mask[3, [0, 3]] = False
    noisy = np.where(mask, q, np.nan)
    for policy, beta in POLICIES[:3]:
        probability, by_sigma, by_q = choice_gradients(noisy, sigma, policy, beta, mask)
        assert probability[1].tolist() == [0, 0, 0, 1]
        assert not probability[2].any()
        for row, there in ((0, [0, 2, 3]), (3, [1, 2])):
            expected = choice_gradients(q[row, there], sigma[row, there], policy, beta)
            block = np.ix_(there, there)
            for got, wanted in ((probability[row][there], expected[0]), (by_sigma[row][block], expected[1]),
                                (by_q[row][block], expected[2])):  # fmt: skip
                assert np.abs(got - wanted).max() < 1e-9 * max(1, np.abs(wanted).max())
        assert not probability[~mask].any()
        for table in (by_sigma, by_q):
            assert not table[~mask].any()
            assert not table.transpose(0, 2, 1)[~mask].any()


def test_shapes_and_broadcasting():
    q = np.zeros((2, 3, 4))
    assert np.allclose(choice_probabilities(q, 1.0), 0.25, atol=1e-13)
    probability, by_sigma, by_q = choice_gradients(q, np.ones(4), "soft", 1.0)
    assert probability.shape == (2, 3, 4)
    assert by_sigma.shape == by_q.shape == (2, 3, 4, 4)
    assert choice_probabilities([7.0], [1.0]).tolist() == [1.0]
    many = choice_probabilities(np.zeros((3000, 3)), 1.0)
    assert np.allclose(many, 1 / 3, atol=1e-12)


@pytest.mark.parametrize("policy", ["hard", "soft"])
def test_ten_million_draws_of_the_kernel(policy):
    q, sigma = memories(4, 1, n_states=20)
    q, sigma = np.vstack((q, np.zeros(4))), np.vstack((sigma, np.ones(4)))
    bandits = TabularMDP(np.full((21, 4), 20), np.zeros((21, 4)), start=np.append(np.full(20, 0.05), 0), terminal=[20])
    agent = Agent(beta=3.0)
    draws = sm.evaluate(bandits, agent, q, sigma, episodes=10**7, seed=4, policy=policy).visits[:20] * 1e7
    n = draws.sum(axis=1, keepdims=True)
    probability = choice_probabilities(q[:20], sigma[:20], policy, 3.0)
    z = (draws - n * probability) / np.sqrt(n * probability * (1 - probability) + 1)
    assert np.abs(z).max() < 4.5  # 80 cells: 5e-4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"q": 1.0}, "q must have shape"),
        ({"q": np.zeros((2, 0))}, "q must have shape"),
        ({"q": [0.0, np.nan]}, "q must be finite"),
        ({"q": ["a", "b"]}, "q must be an array of numbers"),
        ({"sigma": [1.0, 1.0, 1.0]}, "sigma must have shape"),
        ({"sigma": [1.0, -1.0]}, "sigma must be at least 0"),
        ({"sigma": [1.0, np.inf]}, "sigma must be finite"),
        ({"policy": "softer"}, "policy must be one of 'soft', 'hard'"),
        ({"policy": "soft"}, "beta must be given"),
        ({"policy": "soft", "beta": 0.0}, "beta must be in"),
        ({"policy": "soft", "beta": "1"}, "beta must be a real number"),
        ({"mask": [1, 0]}, "mask must be an array of bool"),
        ({"mask": [True, False, True]}, "mask must have shape"),
    ],
)
@pytest.mark.parametrize("function", [choice_probabilities, choice_gradients])
def test_bad_input(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(**{"q": [0.0, 1.0], "sigma": [1.0, 1.0], **arguments})
