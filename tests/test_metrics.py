import math
import re

import numpy as np
import pytest
from scipy import integrate, special, stats

from sigmalloc import exact, metrics, tasks


def memories(seed, shape, decades=1.0):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 2, shape), 2 * 10 ** rng.uniform(-decades / 2, decades / 2, shape)


def integrated(q, sigma, a):
    rivals = np.arange(len(q)) != a

    def density(z):
        return stats.norm.pdf(z) * special.ndtr((q[a] + sigma[a] * z - q[rivals]) / sigma[rivals]).prod()

    steps = [(q[rivals] + k * sigma[rivals] - q[a]) / sigma[a] for k in (-8, -4, -2, 0, 2, 4, 8)]
    inside = np.sort(np.concatenate(steps))
    inside = inside[np.abs(inside) < 9]
    return integrate.quad(density, -9, 9, points=inside if inside.size else None, limit=400, epsabs=1e-13)[0]


class TestChoiceProbabilities:
    def test_two_actions_have_the_closed_form(self):
        q, sigma = memories(0, (200, 2), decades=4)
        wins = special.ndtr((q[:, 0] - q[:, 1]) / np.hypot(sigma[:, 0], sigma[:, 1]))
        np.testing.assert_allclose(metrics.choice_probabilities(q, sigma), np.stack([wins, 1 - wins], 1), atol=1e-13)

    @pytest.mark.parametrize("decades", [0, 2, 4])
    @pytest.mark.parametrize("actions", [3, 4])
    def test_equals_an_adaptive_integral(self, actions, decades):
        q, sigma = memories(actions, (3, actions), decades)
        expected = [[integrated(q[s], sigma[s], a) for a in range(actions)] for s in range(3)]
        np.testing.assert_allclose(metrics.choice_probabilities(q, sigma), expected, atol=1e-10)

    @pytest.mark.parametrize("decades", [0, 1, 2, 4, 8])
    @pytest.mark.parametrize("actions", [1, 2, 3, 6])
    def test_sums_to_one(self, actions, decades):
        q, sigma = memories(1, (50, actions), decades)
        probability = metrics.choice_probabilities(q, sigma)
        assert probability.min() >= 0
        np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-11)

    def test_equals_the_frequency_of_simulated_choices(self):
        q, sigma = memories(2, (1, 4))
        n = 400_000
        draws = np.random.default_rng(3).normal(q, sigma, (n, 4))
        expected = metrics.choice_probabilities(q, sigma)[0]
        z = (np.bincount(draws.argmax(axis=1), minlength=4) / n - expected) / np.sqrt(expected * (1 - expected) / n)
        assert np.abs(z).max() < 4

    def test_does_not_depend_on_origin_or_unit(self):
        q, sigma = memories(4, (30, 4))
        expected = metrics.choice_probabilities(q, sigma)
        np.testing.assert_allclose(metrics.choice_probabilities(q + 1000, sigma), expected, atol=1e-11)
        np.testing.assert_allclose(metrics.choice_probabilities(1e6 * q, 1e6 * sigma), expected, atol=1e-11)
        np.testing.assert_allclose(
            metrics.choice_probabilities(q[:, ::-1], sigma[:, ::-1])[:, ::-1], expected, atol=1e-11
        )

    def test_is_what_the_exact_solver_says(self):
        q, sigma = memories(7, (40, 5), decades=3)
        exists = np.random.default_rng(8).random((40, 5)) < 0.6
        probability = metrics.choice_probabilities(q, sigma, exists)
        np.testing.assert_array_equal(probability, exact.choice_probabilities(q, sigma, mask=exists))

    @pytest.mark.parametrize("unit", [1e-310, 1e-150, 1e150, 1e307])
    def test_any_unit_of_reward(self, unit):
        q, sigma = np.array([[0.4, 0.1, -0.3], [0.2, 0.2, 0.1]]), np.array([[0.2, 0.5, 1.0], [0.0, 0.0, 0.5]])
        expected = metrics.choice_probabilities(q, sigma)
        np.testing.assert_allclose(metrics.choice_probabilities(q * unit, sigma * unit), expected, rtol=1e-9)

    def test_derivative_by_sigma_is_sigma_times_second_derivative_by_q(self):
        q, sigma = memories(5, (20, 3))
        h, shift = 1e-3, np.array([0.0, 1.0, 0.0])
        at = metrics.choice_probabilities
        by_sigma = (at(q, sigma + h * shift) - at(q, sigma - h * shift)) / (2 * h)
        by_q_twice = (at(q + h * shift, sigma) - 2 * at(q, sigma) + at(q - h * shift, sigma)) / h**2
        np.testing.assert_allclose(by_sigma, sigma[:, [1]] * by_q_twice, atol=1e-5)

    def test_an_action_that_does_not_exist_is_as_if_left_out(self):
        q, sigma = memories(6, (5, 4))
        exists = np.array([True, False, True, True])
        q[:, 1], sigma[:, 1] = np.nan, -1e300
        probability = metrics.choice_probabilities(q, sigma, exists)
        np.testing.assert_allclose(
            probability[:, exists], metrics.choice_probabilities(q[:, exists], sigma[:, exists]), atol=1e-11
        )
        assert (probability[:, 1] == 0).all()
        some = metrics.choice_probabilities(q, sigma, [[False, False, False, True]] * 4 + [[False] * 4])
        np.testing.assert_array_equal(some, [[0, 0, 0, 1]] * 4 + [[0] * 4])

    def test_without_noise_the_best_is_chosen_and_ties_are_shared(self):
        probability = metrics.choice_probabilities([[1.0, 3.0, 2.0], [1.0, 1.0, 0.0], [0, 0, 0]], np.zeros((3, 3)))
        np.testing.assert_allclose(probability, [[0, 1, 0], [0.5, 0.5, 0], [1 / 3] * 3], atol=1e-12)
        np.testing.assert_allclose(metrics.choice_probabilities([[5.0, 5.0]], [[0.0, 0.0]]), [[0.5, 0.5]])

    def test_one_noisy_action_among_certain_ones(self):
        probability = metrics.choice_probabilities([[0.0, 1.0, -1.0]], [[2.0, 0.0, 0.0]])
        np.testing.assert_allclose(probability, [[special.ndtr(-0.5), special.ndtr(0.5), 0]], atol=1e-8)

    def test_leading_axes_and_portions_do_not_matter(self):
        q, sigma = memories(7, (3, 2, 150, 4))
        together = metrics.choice_probabilities(q, sigma)
        assert together.shape == q.shape
        np.testing.assert_allclose(
            together[2, 1, 40:41], metrics.choice_probabilities(q[2, 1, 40:41], sigma[2, 1, 40:41])
        )
        assert metrics.choice_probabilities(q, np.ones((150, 4))).shape == q.shape

    @pytest.mark.parametrize(
        ("q", "sigma", "exists", "message"),
        [
            ([[0.0, np.nan]], [[1.0, 1.0]], None, "q must be finite"),
            ([[0.0, 1.0]], [[1.0, np.inf]], None, "sigma must be finite"),
            ([[0.0, 1.0]], [[1.0, -1.0]], None, "sigma must not be negative, got -1"),
            ([0.0, 1.0], [1.0, 1.0], None, "q must have shape (..., states, actions)"),
            ([[0.0, 1.0]], [[1.0, 1.0, 1.0]], None, "sigma must have the shape of q"),
            ([["a", "b"]], [[1.0, 1.0]], None, "q must be an array of numbers"),
            ([[0.0, 1.0]], [[1.0, 1.0]], [1, 1], "exists must be an array of bool"),
            ([[0.0, 1.0]], [[1.0, 1.0]], [True] * 3, "exists must be broadcastable"),
        ],
    )
    def test_bad_input_is_named(self, q, sigma, exists, message):
        with pytest.raises(ValueError, match=re.escape(message)):
            metrics.choice_probabilities(q, sigma, exists)


class TestChoiceEntropy:
    def test_is_the_normalised_entropy_of_the_choice(self):
        q, sigma = memories(8, (2, 20, 4))
        probability = metrics.choice_probabilities(q, sigma)
        expected = stats.entropy(probability, axis=-1, base=4)
        np.testing.assert_allclose(metrics.choice_entropy(q, sigma), expected, atol=1e-12)

    def test_spans_0_to_1(self):
        np.testing.assert_allclose(metrics.choice_entropy(np.zeros((1, 4)), np.full((1, 4), 3.0)), 1)
        np.testing.assert_allclose(metrics.choice_entropy([[0.0, 100.0]], [[1.0, 1.0]]), 0, atol=1e-12)

    def test_counts_the_actions_that_exist(self):
        exists = [[True] * 4, [True, True, False, False], [False, False, True, False], [False] * 4]
        entropy = metrics.choice_entropy(np.zeros((4, 4)), np.ones((4, 4)), exists)
        np.testing.assert_allclose(entropy, [1, 1, 0, np.nan])


class TestDivergence:
    def test_equals_the_integral(self):
        sigma, base = 0.7, 2.5

        def integrand(x):
            p, b = stats.norm(0, sigma), stats.norm(0, base)
            return p.pdf(x) * (p.logpdf(x) - b.logpdf(x))

        expected = integrate.quad(integrand, -10, 10, epsabs=1e-12)[0]
        assert metrics.divergence([[sigma]], base) == pytest.approx(expected, abs=1e-9)

    def test_sums_over_memories_and_keeps_leading_axes(self):
        _, sigma = memories(9, (3, 5, 2))
        mask = np.random.default_rng(0).random((5, 2)) < 0.5
        one = metrics.divergence(sigma[..., None, None], 5.0)
        np.testing.assert_allclose(metrics.divergence(sigma, 5.0), one.sum(axis=(1, 2)))
        np.testing.assert_allclose(metrics.divergence(sigma, 5.0, mask), (one * mask).sum(axis=(1, 2)))

    def test_is_0_at_the_base_only(self):
        assert metrics.divergence([[5.0, 5.0]], 5.0) == 0
        assert metrics.divergence([[4.999, 5.001]], 5.0) > 0

    def test_bad_input_is_named(self):
        with pytest.raises(ValueError, match="sigma must be greater than 0"):
            metrics.divergence([[0.0, 1.0]], 5.0)
        with pytest.raises(ValueError, match="sigma_base must be greater than 0"):
            metrics.divergence([[1.0]], 0.0)
        with pytest.raises(ValueError, match="memories must be"):
            metrics.divergence([[1.0]], 5.0, [[0.5]])


class TestDiscriminability:
    def test_two_memories(self):
        d = metrics.discriminability([[1.0, 4.0], [2.0, 2.0]], [[3.0, 4.0], [1.0, 1.0]])
        np.testing.assert_allclose(d, [3 / 5, 0])

    def test_more_memories_best_and_second_best(self):
        q, sigma = np.array([[1.0, 9.0, 5.0, 8.0]]), np.array([[1.0, 3.0, 1.0, 4.0]])
        np.testing.assert_allclose(metrics.discriminability(q, sigma), [1 / 5])
        np.testing.assert_allclose(
            metrics.discriminability(q, sigma, [True, False, True, True]), [3 / math.hypot(1, 4)]
        )

    def test_the_pair_can_be_chosen_by_other_values(self):
        d = metrics.discriminability([[[1.0, 2.0, 7.0]]] * 2, np.ones((2, 1, 3)), by=[[3.0, 2.0, 1.0]])
        np.testing.assert_allclose(d, [[1 / math.sqrt(2)]] * 2)

    def test_choice_probability_of_two_memories_is_its_normal_cdf(self):
        q, sigma = memories(10, (40, 2))
        best = metrics.choice_probabilities(q, sigma).max(axis=1)
        np.testing.assert_allclose(best, special.ndtr(metrics.discriminability(q, sigma)), atol=1e-13)

    def test_states_without_a_choice_and_without_noise(self):
        exists = [[True, True], [True, False], [False, False], [True, True]]
        d = metrics.discriminability([[1.0, 2.0]] * 3 + [[1.0, 1.0]], np.zeros((4, 2)), exists)
        np.testing.assert_array_equal(d, [np.inf, np.nan, np.nan, 0])
        np.testing.assert_array_equal(metrics.discriminability([[1.0]], [[1.0]]), [np.nan])

    def test_every_pair(self):
        q, sigma = memories(11, (2, 5, 3))
        pairs = metrics.pairwise_discriminability(q, sigma, [True, True, False])
        assert pairs.shape == (2, 5, 3, 3)
        np.testing.assert_array_equal(np.isnan(pairs[0, 0]), [[0, 0, 1], [0, 0, 1], [1, 1, 1]])
        np.testing.assert_allclose(pairs[..., 0, 1], metrics.discriminability(q[..., :2], sigma[..., :2]))
        full = metrics.pairwise_discriminability(q, sigma)
        np.testing.assert_array_equal(full, full.swapaxes(-1, -2))


class TestPerState:
    def test_mean_sigma(self):
        sigma = np.array([[[1.0, 3.0], [5.0, np.nan], [7.0, 9.0]]])
        exists = [[True, True], [True, False], [False, False]]
        np.testing.assert_array_equal(metrics.mean_sigma(sigma, exists), [[2, 5, np.nan]])

    def test_reward_difference(self):
        q = [[1.0, 4.0, 3.0], [2.0, -1.0, 9.0], [1.0, 2.0, 3.0]]
        exists = [[True] * 3, [True, True, False], [True, False, False]]
        np.testing.assert_array_equal(metrics.reward_difference(q, exists), [1, 3, np.nan])

    def test_reward_difference_of_the_planning_task(self):
        task = tasks.planning(3)
        difference = metrics.reward_difference(task.optimal_q(), task.exists)
        last = np.abs(np.diff(task.reward[12:18, :, 0], axis=1))[:, 0]
        np.testing.assert_allclose(difference[12:18], last)
        assert np.isnan(difference[18])

    def test_state_values_and_greedy_actions(self):
        q = [[1.0, 4.0], [2.0, 9.0], [2.0, 2.0], [0.0, 0.0]]
        exists = [[True, True], [True, False], [True, True], [False, False]]
        np.testing.assert_array_equal(metrics.state_values(q, exists), [4, 2, 2, np.nan])
        np.testing.assert_array_equal(metrics.greedy_actions(q, exists), [1, 0, 0, -1])


def test_mean_and_sem():
    values = np.random.default_rng(0).normal(size=(5, 7))
    mean, sem = metrics.mean_and_sem(values)
    np.testing.assert_allclose(mean, values.mean(axis=0))
    np.testing.assert_allclose(sem, stats.sem(values, axis=0))
    np.testing.assert_allclose(metrics.mean_and_sem(values, axis=-1)[1], stats.sem(values, axis=1))
    assert np.isnan(metrics.mean_and_sem(values[:1])[1]).all()
    with pytest.raises(ValueError, match="axis"):
        metrics.mean_and_sem(values, axis=2)
    with pytest.raises(ValueError, match="at least one restart"):
        metrics.mean_and_sem(values[:0])


@pytest.mark.parametrize("level", [1e7, -1e9, 1e13])
def test_sem_far_from_zero(level):
    noise = np.array([-1.0, 1.0] * 5000)
    mean, sem = metrics.mean_and_sem(level + noise)
    assert mean == level
    assert sem == pytest.approx(stats.sem(noise), rel=1e-9)
    assert metrics.mean_and_sem([0.1, 0.1, 0.1])[1] == 0


def test_large_and_small_values():
    mean, sem = metrics.mean_and_sem([1e200, 3e200])
    assert (mean, sem) == pytest.approx((2e200, 1e200))
    assert metrics.mean_and_sem([1e-200, 3e-200])[1] == pytest.approx(1e-200, rel=1e-12, abs=0)
    with pytest.raises(ValueError, match="mean is beyond the range of floating point numbers"):
        metrics.mean_and_sem([1e308, -1e308])


@pytest.fixture
def raising():
    before = np.seterr(all="raise")
    yield
    np.seterr(**before)


@pytest.mark.usefixtures("raising")
def test_seterr_of_the_caller_does_not_matter():
    q, sigma = memories(0, (50, 4), decades=12)
    assert metrics.choice_probabilities(100 * q, sigma).sum() == pytest.approx(50)
    metrics.choice_entropy(100 * q, sigma)
    metrics.discriminability(q, sigma)
    metrics.pairwise_discriminability(q, sigma)
    metrics.divergence(sigma, 1e150)
    metrics.mean_and_sem(1e-300 * q)
    assert metrics.regression([0, 1, 2], [1e-300, 3e-300, 2e-300]).slope == pytest.approx(5e-301, abs=0)
    metrics.convergence_episode(np.arange(1, 51), 1e-300 * q[:, 0], tolerance=1e-310)


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (lambda: metrics.divergence(np.ones((2, 2)), 1e-300), "divergence"),
        (lambda: metrics.discriminability([[1e308, -1e308]], [[1.0, 1.0]]), "discriminability"),
        (lambda: metrics.pairwise_discriminability([[1.0, 0.0]], [[1e-320, 0.0]]), "discriminability"),
        (lambda: metrics.reward_difference([[1e308, -1e308]]), "reward_difference"),
        (lambda: metrics.mean_sigma([[1.7e308, 1.7e308]]), "mean_sigma"),
        (lambda: metrics.regression([0, 1, 2], [-1e308, 1e308, 0]), "y"),
        (lambda: metrics.regression([0, 1e-200, 2e-200], [0, 1e200, 0.5e200]), "regression"),
        (lambda: metrics.convergence_episode([1, 2, 3], [1e308, 1e308, 1e308], tolerance=1), "convergence_episode"),
    ],
)
def test_what_is_not_finite_is_an_error(function, what):
    with pytest.raises(ValueError, match=f"^{what} is beyond the range of floating point numbers"):
        function()


class TestConvergenceEpisode:
    episodes = np.arange(100, 5001, 100)

    def test_a_step_is_found_where_it_is(self):
        curve = np.where(self.episodes < 1500, -800.0, -14.0)
        assert metrics.convergence_episode(self.episodes, curve, tolerance=1, window=1) == 1500

    def test_smoothing_delays_by_half_a_window(self):
        curve = np.where(self.episodes < 1500, -800.0, -14.0)
        assert metrics.convergence_episode(self.episodes, curve, tolerance=1, window=5) == 1700

    def test_an_exponential_approach_settles_when_theory_says(self):
        curve = -14 - 100 * np.exp(-self.episodes / 400)
        expected = 400 * math.log(100 / 2)
        found = metrics.convergence_episode(self.episodes, curve, tolerance=2, window=1)
        assert expected <= found < expected + 100

    def test_half_the_speed_takes_twice_the_episodes(self):
        noise = np.random.default_rng(0).normal(0, 0.3, (2, 50))
        curve = -14 - 100 * np.exp(-self.episodes / np.array([[300], [600]])) + noise
        fast, slow = metrics.convergence_episode(self.episodes, curve, tolerance=2)
        assert slow / fast == pytest.approx(2, abs=0.25)

    def test_a_later_excursion_counts(self):
        curve = np.full(50, -14.0)
        curve[20] = -30
        assert metrics.convergence_episode(self.episodes, curve, tolerance=1, window=1) == self.episodes[21]
        assert metrics.convergence_episode(self.episodes, np.full(50, -14.0), tolerance=1) == 100

    def test_a_curve_on_its_way_has_not_settled(self):
        rising = np.linspace(0, 100, 50)
        found = metrics.convergence_episode(self.episodes, [rising, np.zeros(50)], tolerance=1)
        np.testing.assert_array_equal(found, [np.nan, 100])

    def test_a_first_value_far_away_costs_no_digits(self):
        curve = np.where(self.episodes < 500, -1e17, -14.0)
        assert metrics.convergence_episode(self.episodes, curve, tolerance=1e-9, window=5) == 700

    def test_a_window_wider_than_the_curve(self):
        curve = np.array([0.0, 1.0, 2.0])
        found = metrics.convergence_episode([1, 2, 3], curve, tolerance=1e-9, window=101, final=1.0)
        assert found == 1

    def test_a_level_known_from_elsewhere(self):
        rising = np.linspace(0, 100, 50)
        assert metrics.convergence_episode(self.episodes, rising, tolerance=1, window=1, final=100) == 5000
        assert np.isnan(metrics.convergence_episode(self.episodes, rising, tolerance=1, window=1, final=200))

    @pytest.mark.parametrize(
        ("change", "name"),
        [
            ({"tolerance": 0}, "tolerance"),
            ({"window": 4}, "window must be odd"),
            ({"tail": 1.0}, "tail"),
            ({"final": np.nan}, "final"),
            ({"curve": np.full(50, np.nan)}, "curve must be finite"),
            ({"curve": 1.0}, "curve must have shape"),
            ({"episodes": np.ones(50)}, "episodes must be 50 rising"),
            ({"episodes": np.arange(49)}, "episodes must be 50 rising"),
        ],
    )
    def test_bad_input_is_named(self, change, name):
        arguments = {"episodes": self.episodes, "curve": np.zeros(50), "tolerance": 1.0, **change}
        with pytest.raises(ValueError, match=name):
            metrics.convergence_episode(**arguments)


class TestRegression:
    def points(self, n=20):
        rng = np.random.default_rng(1)
        x = rng.uniform(0, 10, n)
        return x, 3 + 0.5 * x + rng.normal(0, 1, n)

    @pytest.mark.parametrize("n", [3, 4, 20, 500])
    def test_equals_scipys(self, n):
        x, y = self.points(n)
        fit, expected = metrics.regression(x, y), stats.linregress(x, y)
        for mine, theirs in (("slope", "slope"), ("intercept", "intercept"), ("r", "rvalue"), ("slope_se", "stderr"),
                             ("intercept_se", "intercept_stderr")):  # fmt: skip
            assert getattr(fit, mine) == pytest.approx(getattr(expected, theirs), rel=1e-10, abs=1e-12), mine
        assert fit.n == n

    def test_band_is_least_certain_at_the_ends(self):
        x, y = self.points()
        fit = metrics.regression(x, y)
        low, high = fit.band([x.mean(), 0.0])
        t = stats.t.ppf(0.975, len(x) - 2)
        half = t * fit.residual_sd / math.sqrt(len(x))
        assert high[0] - fit.line(x.mean()) == pytest.approx(half) == pytest.approx(fit.line(x.mean()) - low[0])
        assert high[1] - fit.intercept == pytest.approx(t * fit.intercept_se)
        assert fit.slope_interval() == pytest.approx((fit.slope - t * fit.slope_se, fit.slope + t * fit.slope_se))

    def test_band_covers_the_true_line_as_often_as_it_says(self):
        rng = np.random.default_rng(2)
        x, n = np.linspace(0, 1, 8), 1000
        covered = 0
        for y in 1 + 2 * x + rng.normal(0, 1, (n, 8)):
            low, high = metrics.regression(x, y).band(0.8, level=0.9)
            covered += low <= 2.6 <= high
        assert abs(covered / n - 0.9) / math.sqrt(0.9 * 0.1 / n) < 4

    @pytest.mark.parametrize("noise", [1e-3, 1e-7])
    def test_a_line_that_fits_well_keeps_its_errors(self, noise):
        x, rest = np.arange(20.0), np.random.default_rng(3).normal(0, 1, 20)
        rest -= np.polyval(np.polyfit(x, rest, 1), x)
        fit = metrics.regression(x, 5 * x + noise * rest)
        assert fit.residual_sd == pytest.approx(noise * np.sqrt(rest @ rest / 18), rel=1e-6)
        far = metrics.regression(x, 1e9 + noise * 1e9 * rest)
        assert far.residual_sd == pytest.approx(noise * 1e9 * np.sqrt(rest @ rest / 18), rel=1e-6)
        level = metrics.regression(x, np.full(20, 0.1))
        assert level.slope == 0 and math.isnan(level.r)

    def test_nan_points_are_left_out(self):
        x, y = self.points()
        fit = metrics.regression(np.append(x, [np.nan, 1.0]), np.append(y, [1.0, np.nan]))
        assert fit == metrics.regression(x, y)

    def test_exact_and_level_lines(self):
        exact = metrics.regression([0, 1, 2, 3], [1, 3, 5, 7])
        assert (exact.slope, exact.intercept, exact.r) == pytest.approx((2, 1, 1))
        assert exact.slope_se == pytest.approx(0, abs=1e-12)
        level = metrics.regression([0, 1, 2], [4, 4, 4])
        assert level.slope == 0 and math.isnan(level.r)

    @pytest.mark.parametrize(
        ("x", "y", "message"),
        [
            ([1, 2], [1, 2], "x must have at least 3 points that are not NaN, got 2"),
            ([1, 2, np.nan, 4], [1, np.nan, 3, 4], "got 2"),
            ([1, 1, 1], [1, 2, 3], "x must not be all equal"),
            ([1, 2, 3], [1, 2], "y must have the shape of x"),
            ([1, 2, 3], [1, 2, np.inf], "y must be finite"),
        ],
    )
    def test_bad_input_is_named(self, x, y, message):
        with pytest.raises(ValueError, match=re.escape(message)):
            metrics.regression(x, y)

    @pytest.mark.parametrize("level", [0, 1, 1.5, "high"])
    def test_bad_level_is_named(self, level):
        with pytest.raises(ValueError, match="level"):
            metrics.regression(*self.points()).band(0.0, level)


class TestStudentT:
    @pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 10, 31, 100, 1001, 50_000])
    def test_quantile_equals_scipys(self, degrees):
        for p in (1e-6, 0.001, 0.3, 0.5, 0.6, 0.95, 0.975, 0.995):
            expected = stats.t.ppf(p, degrees)
            assert metrics.student_t_quantile(p, degrees) == pytest.approx(expected, rel=1e-8, abs=1e-12)

    def test_closed_forms(self):
        for p in (1e-6, 0.3, 0.5, 0.975):
            assert metrics.student_t_quantile(p, 1) == pytest.approx(math.tan(math.pi * (p - 0.5)), rel=1e-9, abs=1e-15)
            two = (2 * p - 1) / math.sqrt(2 * p * (1 - p))
            assert metrics.student_t_quantile(p, 2) == pytest.approx(two, rel=1e-9, abs=1e-15)

    @pytest.mark.parametrize(
        ("p", "degrees", "name"), [(0, 3, "p"), (1, 3, "p"), (0.5, 0, "degrees"), (0.5, 2.5, "degrees")]
    )
    def test_bad_input_is_named(self, p, degrees, name):
        with pytest.raises(ValueError, match=f"^{name} must"):
            metrics.student_t_quantile(p, degrees)
