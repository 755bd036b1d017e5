"""Plots of choices, fits and effort draw the numbers that they are given."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pictures
import pytest
from matplotlib.colors import to_rgb
from scipy import stats

from sigmalloc import plot, tasks


def lines(ax, gid):
    return [line for line in ax.get_lines() if line.get_gid() == gid]


def heights(ax):
    """Heights of the bars."""
    return [patch.get_height() for patch in ax.patches if patch.get_gid() == "mean"]


def raises(*calls):
    for call, message in calls:
        with pytest.raises(ValueError, match=message):
            call()
    assert not plt.get_fignums()


class TestTables:
    """Whatever has columns is a table."""

    COLUMNS = {"subject": np.array(["b", "a", "b", "a", "b"]), "action": np.array([0, 1, 1, 1, -1])}
    DRAWN = np.array([[0, 1, np.nan], [1, 1, np.nan]])

    def structured(self):
        table = np.zeros(5, [("subject", "U1"), ("action", int)])
        for name, column in self.COLUMNS.items():
            table[name] = column
        return table

    def frame(self):
        return pytest.importorskip("pandas").DataFrame(self.COLUMNS)

    def attributes(self):
        return type("Trials", (), self.COLUMNS)()

    @pytest.mark.parametrize("kind", ["mapping", "structured", "frame", "attributes"])
    def test_rows_become_subjects(self, kind):
        table = self.COLUMNS if kind == "mapping" else getattr(self, kind)()
        drawn = plot.choice_raster(table).images[0].get_array().filled(np.nan)
        np.testing.assert_array_equal(drawn, self.DRAWN)

    def test_bad_tables_are_named(self):
        raises(
            (lambda: plot.choice_raster({"action": [1]}), "choices must have a column 'subject', got dict without it"),
            (lambda: plot.choice_raster({"subject": [1, 2], "action": [1]}), "choices must have columns of equal"),
            (lambda: plot.choice_raster({"subject": [], "action": []}), "choices must have at least one row"),
            (lambda: plot.choice_raster({"subject": ["a"], "action": ["b"]}), "choices: action must be an array of"),
            (lambda: plot.choice_raster({"subject": ["a"], "action": 1}), "choices: action must be an array with one"),
        )


class TestRaster:
    def test_the_running_proportion(self):
        choices = np.array([[0, 1, 1, -1, 1], [1, 1, 0, 0, -1]])
        ax = plot.choice_raster(choices, window=2)
        first = [0, 0.5, 1, 1, 1]  # what is missing is left out
        second = [1, 1, 0.5, 0, 0]
        (line,) = lines(ax, "curve")
        np.testing.assert_allclose(line.get_data(), [np.arange(1, 6), np.mean([first, second], axis=0)])
        assert to_rgb(line.get_color()) == to_rgb(plot.PALETTE[1])
        assert ax.get_ylabel() == "Proportion of Action 1\n(last 2 trials)"
        np.testing.assert_array_equal(ax.images[0].get_array().mask, choices < 0)

    def test_actions_and_their_names(self):
        ax = plot.choice_raster([[0, 1, 2, 2]], action_names=["left", "stay", "right"], window=4)
        assert len(lines(ax, "curve")) == 3
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["left", "stay", "right"]
        assert len(lines(plot.choice_raster([[0, 1, 2, 2]], action=1), "curve")) == 1

    def test_more_actions_than_choices_of_one(self):
        ax = plot.choice_raster([[0, 0, 0]])
        np.testing.assert_allclose(lines(ax, "curve")[0].get_ydata(), 1)

    def test_bad_input_is_named(self):
        raises(
            (lambda: plot.choice_raster([[0.5, 1]]), "choices must be whole numbers of actions, got 0.5"),
            (lambda: plot.choice_raster([[0, 7]]), "choices must be of at most 7 actions"),
            (lambda: plot.choice_raster([[-1, -1]]), "choices must not all be missing"),
            (lambda: plot.choice_raster(np.zeros((2, 2, 2))), re.escape("choices must have shape (trials,) or")),
            (lambda: plot.choice_raster([0, 1], window=0), "window must be at least 1"),
            (lambda: plot.choice_raster([0, 1], action=2), re.escape("action must be in [0, 1], got 2")),
            (lambda: plot.choice_raster([0, 1], action_names=["a"]), "action_names must name at least 2 actions"),
        )  # fmt: skip


class TestChosenSigma:
    def test_mean_and_standard_error_over_subjects(self):
        sigma = np.array([[5.0, 4, 3], [3, 3, 3], [4, 2, np.nan]])
        ax = plot.chosen_sigma(sigma, errors="bars", reference={"base": 6})
        np.testing.assert_allclose(lines(ax, "curve")[0].get_data(), [[1, 2, 3], [4, 3, 3]])
        ends = np.array(ax.collections[0].get_segments())[:, :, 1]
        np.testing.assert_allclose(np.diff(ends)[:2, 0], 2 * stats.sem(sigma[:, :2]))
        assert ax.get_ylim()[1] > 6

    def test_a_table_picks_the_chosen_memory_and_averages_episodes(self):
        trials = {
            "subject": [1, 1, 1, 2], "episode": [3, 3, 4, 4], "action": [0, 1, -1, 1],
            "sigma": [[1, 9], [9, 2], [9, 9], [9, 5]],
        }  # fmt: skip
        ax = plot.chosen_sigma(trials)
        np.testing.assert_allclose(lines(ax, "curve")[0].get_data(), [[3, 4], [1.5, 5]])
        assert ax.get_xlabel() == "Episode"

    def test_bad_input_is_named(self):
        trials = {"subject": [1, 1], "episode": [1, 2], "sigma": [[1, 9], [9, 2]]}
        raises(
            (lambda: plot.chosen_sigma(trials), "trials must have a column 'action' when sigma is that of all"),
            (lambda: plot.chosen_sigma({**trials, "action": [0, 2]}), "trials: action must be below 2"),
            (lambda: plot.chosen_sigma({**trials, "sigma": ["a", "b"]}), "trials: sigma must be an array of numbers"),
            (lambda: plot.chosen_sigma(np.ones((1, 1, 1))), re.escape("trials must have shape (trials,) or")),
        )


class TestChoiceCurve:
    rng = np.random.default_rng(0)
    difference = rng.normal(0, 2, 400)
    chosen = rng.random(400) < stats.norm.cdf(difference)

    def test_proportions_of_bins_with_intervals(self):
        ax = plot.choice_curve(self.difference, self.chosen, bins=4)
        order = np.argsort(self.difference).reshape(4, 100)
        x, y = lines(ax, "curve")[0].get_data()
        np.testing.assert_allclose(x, self.difference[order].mean(axis=1))
        np.testing.assert_allclose(y, self.chosen[order].mean(axis=1))
        ends = np.array(ax.collections[0].get_segments())[:, :, 1]
        for (low, high), rows in zip(ends, order, strict=True):
            interval = stats.binomtest(int(self.chosen[rows].sum()), 100).proportion_ci(0.95, "wilson")
            np.testing.assert_allclose((low, high), (interval.low, interval.high))

    def test_means_over_subjects(self):
        subject = np.arange(400) % 5
        ax = plot.choice_curve(self.difference, self.chosen, subject=subject, bins=[-20, 0, 20])
        for half, y, ends in zip(
            (self.difference < 0, self.difference >= 0), lines(ax, "curve")[0].get_ydata(),
            ax.collections[0].get_segments(), strict=True,
        ):  # fmt: skip
            each = [self.chosen[half & (subject == one)].mean() for one in range(5)]
            np.testing.assert_allclose(y, np.mean(each))
            np.testing.assert_allclose(np.diff(np.array(ends)[:, 1]), 2 * stats.sem(each))

    def test_the_curve_of_the_model(self):
        (line,) = lines(plot.choice_curve(self.difference, self.chosen, model=stats.norm.cdf), "model")
        np.testing.assert_allclose(line.get_ydata(), stats.norm.cdf(line.get_xdata()))
        probability = stats.norm.cdf(self.difference)
        (line,) = lines(plot.choice_curve(self.difference, self.chosen, model=probability, bins=4), "model")
        order = np.argsort(self.difference).reshape(4, 100)
        np.testing.assert_allclose(line.get_ydata(), probability[order].mean(axis=1))

    def test_bad_input_is_named(self):
        raises(
            (lambda: plot.choice_curve([1, 2], [1]), re.escape("chosen must have shape (2,)")),
            (lambda: plot.choice_curve([1, 2], [1, 2]), "chosen must be 0 or 1, got 2"),
            (lambda: plot.choice_curve([1, np.nan], [np.nan, 1]), "chosen must have at least one choice"),
            (lambda: plot.choice_curve([1, 2], [1, 0], bins=[2, 1]), "bins must be a number or at least two rising"),
            (lambda: plot.choice_curve([1, 2], [1, 0], bins=0), "bins must be at least 1"),
            (lambda: plot.choice_curve([1, 2], [1, 0], subject=[1]), "subject must have shape"),
            (lambda: plot.choice_curve([1, 2], [1, 0], model=[0.5]), re.escape("model must have shape (2,)")),
        )


class TestStay:
    def test_four_proportions(self):
        trials = pictures.two_step_trials(subjects=3, episodes=60)
        ax = plot.stay_probability(trials)
        first, second = trials["step"] == 0, trials["step"] == 1
        action, state, reward = trials["action"][first], trials["next_state"][first], trials["reward"][second]
        common, owner = state == 1 + action, trials["subject"][first]
        each = {}
        for before in range(len(action) - 1):
            if owner[before] == owner[before + 1]:
                key = (reward[before] == 0, not common[before])
                stays = each.setdefault(key, {}).setdefault(owner[before], [])
                stays.append(action[before + 1] == action[before])
        expected = [np.mean([np.mean(stays) for stays in each[key].values()]) for key in sorted(each)]
        np.testing.assert_allclose(heights(ax), expected)
        labels = [text.get_text() for text in ax.get_xticklabels()]
        assert labels == ["Reward\ncommon", "Reward\nrare", "No reward\ncommon", "No reward\nrare"]
        given = plot.stay_probability(trials, common=common)
        np.testing.assert_allclose(heights(given), expected)

    def test_order_of_rows_and_sessions(self):
        trials = {
            "subject": [1] * 4, "session": [1, 1, 2, 2], "episode": [1, 0, 0, 1], "step": [0] * 4,
            "action": [1, 0, 1, 1], "reward": [1.0, 1.0, 1.0, 1.0], "next_state": [5] * 4,
        }  # fmt: skip
        with pytest.raises(ValueError, match="no trial follows one with no reward"):
            plot.stay_probability(trials)
        trials["reward"] = [1.0, 1.0, 0.0, 1.0]
        ax = plot.stay_probability(trials)
        assert heights(ax) == [0, 1]  # 0 → 1 after reward in session 1; 1 → 1 after none in session 2
        assert [text.get_text() for text in ax.get_xticklabels()] == ["Reward", "No reward"]

    def test_missing_responses_are_left_out(self):
        trials = {
            "subject": [1] * 5, "episode": range(5), "step": [0] * 5, "action": [0, -1, 0, 0, 1],
            "reward": [1, 1, 1, 0, 0], "next_state": [5] * 5,
        }  # fmt: skip
        trials = {name: np.array(list(column)) for name, column in trials.items()}
        assert heights(plot.stay_probability(trials)) == [1, 0]

    def test_bad_input_is_named(self):
        trials = pictures.two_step_trials(1, 4)
        raises(
            (lambda: plot.stay_probability({**trials, "step": trials["step"] + 1}), "one row with step 0 for each"),
            (lambda: plot.stay_probability(trials, common=[True]), "common must be 4 bools"),
            (lambda: plot.stay_probability([1, 2]), "trials must have a column 'subject', got list without it"),
        )


class TestFrontier:
    def test_means_and_errors_by_lambda(self):
        rng = np.random.default_rng(1)
        agent = {"lam": [2, 1, 4], "cost": rng.random((3, 5)), "reward": rng.random((3, 5))}
        ax = plot.frontier({"Flexible": agent, "Equal": {"lam": [1], "cost": [2.0], "reward": [3.0]}})
        first, second = lines(ax, "curve")
        order = [1, 0, 2]
        expected = [agent[name].mean(axis=1)[order] for name in ("cost", "reward")]
        np.testing.assert_allclose(first.get_data(), expected)
        np.testing.assert_allclose(second.get_data(), [[2], [3]])
        assert [text.get_text() for text in ax.texts] == ["λ = 1", "λ = 2"]  # λ = 4 has no room
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["Flexible", "Equal"]

    def test_labels_do_not_lie_on_each_other(self):
        near = {"lam": [1, 2, 3, 4, 5], "cost": [3.0, 2.95, 2.9, 2.85, 0.1], "reward": [5.0, 4.99, 4.98, 4.97, 1.0]}
        ax = plot.frontier({"Flexible": near})
        ax.figure.canvas.draw()
        assert sorted(text.get_text() for text in ax.texts) == ["λ = 1", "λ = 5"]
        one, two = (text.get_window_extent() for text in ax.texts)
        assert not one.overlaps(two) and min(one.x0, two.x0) > ax.bbox.x0

    def test_bad_input_is_named(self):
        raises(
            (lambda: plot.frontier({}), "agents must be a dict of tables"),
            (lambda: plot.frontier({"a": {"lam": [1], "cost": [1]}}), "must have a column 'reward'"),
            (lambda: plot.frontier({"a": {"lam": [1, 2], "cost": [1, 2], "reward": [1]}}), "columns of equal length"),
        )  # fmt: skip


class TestBars:
    def test_bars_begin_at_zero_dots_are_on_logarithmic_axes(self):
        groups = {"a": [1.0, 2, 6], "b": [100.0, np.nan, 300]}
        ax = plot.bars(groups)
        np.testing.assert_allclose(heights(ax), [3, 200])
        assert all(patch.get_y() == 0 for patch in ax.patches)
        ends = [np.ptp(part.get_segments()[0][:, 1]) for part in ax.collections]
        np.testing.assert_allclose(ends, [2 * stats.sem([1, 2, 6]), 2 * stats.sem([100, 300])])
        subjects = [line.get_ydata() for line in lines(ax, "subjects")]
        np.testing.assert_array_equal(subjects, list(groups.values()))
        ax = plot.bars(groups, log=True)
        assert not heights(ax) and ax.get_yscale() == "log"
        assert [float(line.get_ydata()[0]) for line in lines(ax, "mean")] == [3, 200]
        low, high = ax.get_ylim()
        assert 0 < low < 1 and high > 300

    def test_reference_lines_widen_a_logarithmic_axis(self):
        low, high = plot.bars({"a": [10.0, 20]}, log=True, reference={"low": 1, "high": 1000}).get_ylim()
        assert 0.5 < low < 1 and 1000 < high < 2000

    def test_bad_input_is_named(self):
        raises(
            (lambda: plot.bars({}), "groups must be a dict of arrays"),
            (lambda: plot.bars([1, 2]), "groups must be a dict of arrays"),
            (lambda: plot.bars({"a": [np.nan]}), re.escape("groups['a'] must have at least one value")),
            (lambda: plot.bars({"a": [0, 1]}, log=True), re.escape("groups['a'] must be greater than 0")),
            (lambda: plot.bars({"a": [1]}, colors=["red", "blue"]), "colors must be 1, one for each of groups, got 2"),
        )


class TestFits:
    def test_recovery(self):
        rng = np.random.default_rng(2)
        true = rng.uniform(1, 3, 20)
        fitted = true + rng.normal(0, 0.3, 20)
        fitted[4] = np.nan
        bound = true > 2.5
        ax = plot.recovery(true, fitted, parameter="lam", at_bound=bound, lower=fitted - 0.2, upper=fitted + 0.1)
        use = ~np.isnan(fitted)
        solid, hollow = lines(ax, "points")
        np.testing.assert_array_equal(solid.get_data(), [true[use & ~bound], fitted[use & ~bound]])
        np.testing.assert_array_equal(hollow.get_data(), [true[use & bound], fitted[use & bound]])
        assert hollow.get_fillstyle() == "none"
        rank = stats.spearmanr(true[use], fitted[use]).statistic
        assert ax.get_title(loc="left") == f"rank r = {rank:.2f}, n = 19, 1 without a fit"
        (identity,) = lines(ax, "identity")
        ax.figure.canvas.draw()
        assert ax.get_xlim() == ax.get_ylim()
        assert identity.get_xy1()[0] == identity.get_xy1()[1] and identity.get_xy2()[0] == identity.get_xy2()[1]
        ends = np.array(ax.collections[0].get_segments())[:, :, 1]
        np.testing.assert_allclose(ends, np.stack([fitted[use] - 0.2, fitted[use] + 0.1], axis=1))
        assert ax.get_xlabel() == r"Simulated $\lambda$ (reward/nat)"
        assert plot.recovery(true, true, parameter="gamma").get_ylabel() == r"Fitted $\gamma$"

    def test_recovery_of_a_constant(self):
        assert "rank r undefined" in plot.recovery([1, 1, 1], [1, 2, 3]).get_title(loc="left")

    def test_confusion(self):
        ax = plot.confusion([[6, 2], [1, 3]], ["dra", "equal"])
        np.testing.assert_allclose(ax.images[0].get_array(), [[0.75, 0.25], [0.25, 0.75]])
        assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first row is at the top
        assert [text.get_text() for text in ax.texts] == ["0.75", "0.25", "0.25", "0.75"]
        assert ax.images[0].get_clim() == (0, 1)
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("Fitted", "Simulated")

    def test_model_comparison(self):
        scores = {"softmax": [5.0, 7, 9], "dra": [4.0, 5, 6], "equal": [4.0, 6, 5.5]}
        ax = plot.model_comparison(scores, criterion="AIC")
        np.testing.assert_allclose(heights(ax), [2, 0.5 / 3])
        assert ax.get_ylabel() == "AIC − that of dra\n(lower is better)"
        drawn = [list(line.get_ydata()) for line in lines(ax, "subjects")]
        assert drawn == [[1, 2, 3], [0, 1, -0.5]]
        np.testing.assert_allclose(heights(plot.model_comparison(scores, baseline="softmax")), [-2, -11 / 6])

    def test_posterior_predictive(self):
        rng = np.random.default_rng(3)
        observed = rng.integers(0, 2, (6, 10)).astype(float)
        predicted = rng.integers(0, 2, (50, 6, 10)).astype(float)
        ax = plot.posterior_predictive(observed, predicted, block=5, level=0.9, reference={"chance": 0.5})
        each = predicted.reshape(50, 6, 2, 5).mean(axis=(1, 3))
        (line,) = lines(ax, "curve")
        np.testing.assert_allclose(line.get_data(), [[3, 8], np.median(each, axis=0)])
        corners = ax.collections[0].get_paths()[0].vertices
        for edge in np.quantile(each, [0.05, 0.95], axis=0):
            for corner in zip((3, 8), edge, strict=True):
                assert np.abs(corners - corner).max(axis=1).min() < 1e-12
        points = next(line for line in ax.get_lines() if line.get_marker() == "o")
        np.testing.assert_allclose(points.get_ydata(), observed.reshape(6, 2, 5).mean(axis=(0, 2)))
        texts = [text.get_text() for text in ax.get_legend().get_texts()]
        assert texts == ["Model (90 %)", "chance", "Observed"]

    def test_sigma_by_trial(self):
        sigma = np.arange(24.0).reshape(2, 4, 3)
        ax = plot.sigma_by_trial(sigma, names=["a", "b", "c"], reference=50)
        for number, line in enumerate(lines(ax, "curve")):
            np.testing.assert_allclose(line.get_data(), [[1, 2, 3, 4], sigma.mean(axis=0)[:, number]])
        assert ax.get_ylim()[1] > 50

    def test_bad_input_is_named(self):
        three = [1.0, 2, 3]
        raises(
            (lambda: plot.recovery(three, three[:2]), re.escape("fitted must have shape (3,)")),
            (lambda: plot.recovery(three, [1, np.nan, 3]), "fitted must have at least 3 values that are not NaN"),
            (lambda: plot.recovery([0, 1, 2], three, log=True), "greater than 0 on logarithmic axes"),
            (lambda: plot.recovery(three, three, at_bound=[1, 0, 0]), "at_bound must be 3 bools"),
            (lambda: plot.confusion([[1, 2]], ["a", "b"]), "names must be 1 names, got 2"),
            (lambda: plot.confusion([[0, 0], [1, 1]], ["a", "b"]), "counts must be at least 0, with at least one in"),
            (lambda: plot.model_comparison({"a": three}), "scores must be a dict of at least two models"),
            (lambda: plot.model_comparison({"a": three, "b": [1]}), "scores must have one value for each subject"),
            (lambda: plot.model_comparison({"a": three, "b": three}, baseline="c"), "baseline must be one of 'a', 'b'"),
            (lambda: plot.posterior_predictive(three, [three]), "with at least two draws"),
            (lambda: plot.posterior_predictive(three, [[1, 2]] * 3), "predicted must have shape"),
            (lambda: plot.posterior_predictive(three, [three] * 2, level=1), "level must be below 1"),
            (lambda: plot.posterior_predictive(three, [three] * 2, block=4), re.escape("block must be in [1, 3]")),
            (lambda: plot.sigma_by_trial(three), "sigma must have shape"),
            (lambda: plot.sigma_by_trial([three], names=["a"]), "names must be 3 names, got 1"),
        )  # fmt: skip


class TestEffort:
    def test_map(self):
        task = tasks.grid_world()
        samples = 1 + np.arange(108.0).reshape(2, 54) / 10
        ax = plot.effort_map(task, samples)
        expected = np.where(task.terminal, np.nan, samples.mean(axis=0)).reshape(6, 9)
        np.testing.assert_allclose(ax.images[0].get_array().filled(np.nan), expected)
        assert ax.images[0].get_clim()[0] == 1
        assert ax.child_axes[0].get_ylabel() == "Samples per decision $n$"

    def test_regimes_and_their_boundary(self):
        values = np.array([[1.0, 2, 4], [1, 1.2, 3]])
        ax = plot.regime_plane([0.1, 1, 10], [0.5, 2], values, boundaries={"one and done": 1.5, "never": 9.0})
        np.testing.assert_array_equal(ax.images[0].get_array(), values)
        assert [text.get_text() for text in ax.get_xticklabels()] == ["0.1", "1", "10"]
        assert [text.get_text() for text in ax.get_yticklabels()] == ["0.5", "2"]
        contour = ax.collections[0].get_paths()[0].vertices
        for x, y in contour:  # between columns 0, 1 in the first row and 1, 2 in the second
            assert 0.5 <= x <= 1 + 1 / 6 + 1e-9 and 0 <= y <= 1
        assert {text.get_text() for text in ax.texts} <= {"one and done"}

    def test_curve_begins_at_one(self):
        samples = {"learned": np.array([[2.0, 3], [3, 5]]), "one": np.array([1.0, 1.5])}
        ax = plot.effort_curve([100, 200], samples, reference={"exact": 7})
        first, second = lines(ax, "curve")
        np.testing.assert_allclose(first.get_data(), [[100, 200], [2.5, 4]])
        np.testing.assert_allclose(second.get_ydata(), [1, 1.5])
        low, high = ax.get_ylim()
        assert 0.8 < low < 1 and high > 7

    def test_bad_input_is_named(self):
        task = tasks.grid_world()
        raises(
            (lambda: plot.effort_map(task, np.ones(53)), re.escape("samples must have shape (54,) or (restarts, 54)")),
            (lambda: plot.effort_map(task, np.zeros(54)), "samples must be at least 1, got 0"),
            (lambda: plot.regime_plane([1, 1], [1], [[1, 2]]), "lam must rise"),
            (lambda: plot.regime_plane([1, 2], [1], [[1], [2]]), re.escape("values must have shape (1, 2)")),
            (lambda: plot.regime_plane([1, 2], [1], [[1, 2]], boundaries={"a": "b"}), "boundaries must be a real"),
            (lambda: plot.effort_curve([1, 2], [1]), re.escape("samples must have shape (2,) or (restarts, 2)")),
            (lambda: plot.effort_curve([1], [0.5]), "samples must be at least 1, got 0.5"),
            (lambda: plot.effort_curve([1], {"a": [1]}, label="a"), "label is for a single curve"),
        )
