import re
import subprocess
import sys
from dataclasses import replace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pictures
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_hex
from matplotlib.quiver import Quiver
from matplotlib.text import Text
from PIL import Image

from sigmalloc import metrics, plot, reference, tasks
from sigmalloc.agents import Agent
from sigmalloc.runs.train import train
from sigmalloc.tasks.base import Plane
from sigmalloc.tasks.tabular import TabularMDP

RESTARTS = 3


def stand_in(task, agent, episodes=2000, snapshots=(300, 1000, 1200), seed=0):
    """What training would return: q̄ is q* and noise, σ is smaller where more hangs on a state."""
    rng = np.random.default_rng(seed)

    def tables(completed):
        variant = task.at(completed - 1)
        q = variant.optimal_q(agent.gamma) if variant.finite else rng.uniform(-100, 0, variant.exists.shape)
        q = q + rng.normal(0, 0.3, (RESTARTS, *q.shape))
        sigma = agent.sigma_base / (1 + np.ptp(q, axis=-1, keepdims=True)) * np.exp(rng.normal(0, 0.3, q.shape))
        return q, sigma

    at = np.arange(100, episodes + 1, 100)
    value = 3 - 800 * np.exp(-at / 60) + rng.normal(0, 1, (RESTARTS, len(at)))
    cost = 6 + rng.normal(0, 0.2, (RESTARTS, len(at)))
    return pictures.trained(
        task, agent, tables, at=at, value=value, cost=cost, snapshots=snapshots, episodes=episodes
    )  # fmt: skip


@pytest.fixture(scope="module")
def grid():
    return stand_in(tasks.grid_world(change_at=1000), Agent())


@pytest.fixture(scope="module")
def car():
    return stand_in(tasks.mountain_car(), Agent.table_b1("mountain-car"))


@pytest.fixture(scope="module")
def planning():
    return stand_in(tasks.planning(), Agent.table_b1("planning"))


@pytest.fixture(autouse=True)
def tidy():
    """Nothing drawn may change rcParams; figures made by pyplot are closed."""
    before = dict(matplotlib.rcParams)
    yield
    plt.close("all")
    assert dict(matplotlib.rcParams) == before


def drawn(ax):
    """The texts of the figure, rendered, with nothing cut off, and no text over another or over a colour bar."""
    canvas = FigureCanvasAgg(ax.figure.figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    for side in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert side.min() == 255
    texts = [text for text in canvas.figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    texts = [text for text in texts if shown(text)]
    boxes = [(text, text.get_window_extent().padded(-1)) for text in texts]
    for number, (text, box) in enumerate(boxes):
        for other, place in boxes[:number]:
            aslant = text.get_rotation() % 90 and other.get_rotation() == text.get_rotation()  # boxes are of no use
            assert aslant or not box.overlaps(place), f"{text.get_text()!r} over {other.get_text()!r}"
    return [text.get_text() for text in texts]


def shown(text):
    """Whether a text is within the limits of its axis (ticks beyond are there, but not drawn)."""
    axis = next((axis for axis in all_axes(text.figure) if text in axis.get_ticklabels(which="both")), None)
    if axis is None:
        return True
    low, high = sorted(axis.get_view_interval())
    place = text.get_position()[0 if axis.axis_name == "x" else 1]
    return low - 1e-9 * (high - low) <= place <= high + 1e-9 * (high - low)


def all_axes(figure):
    return [axis for ax in figure.findobj(Axes) for axis in (ax.xaxis, ax.yaxis)]


def bar(ax):
    return next(child for child in ax.child_axes)


def cells(ax):
    return ax.images[0].get_array().filled(np.nan)


def boxes(ax, color):
    """(row, column) of the filled cells of a maze in one colour."""
    found = (squares for squares in ax.collections if isinstance(squares, PatchCollection))
    corners = [
        path.get_extents().min for squares in found if to_hex(squares.get_facecolor()[0]) == color
        for path in squares.get_paths()
    ]  # fmt: skip
    return {(round(y + 0.5), round(x + 0.5)) for x, y in corners}


WALL, GOAL = to_hex("0.82"), to_hex("white")

EVERY = {
    "convergence": lambda r, ax: plot.convergence(r["grid"], ax=ax),
    "curves": lambda r, ax: plot.curves([1, 2], [3, 4], [0.1, 0.2], "a", ax, xlabel="x", ylabel="y"),
    "regression": lambda r, ax: plot.regression([1, 2, 3, 4], [1, 2, 2, 4], ax, "a", xlabel="x", ylabel="y"),
    "discriminability": lambda r, ax: plot.discriminability(r["planning"], ax=ax),
    "mean_sigma_vs_difference": lambda r, ax: plot.mean_sigma_vs_difference(r["planning"], ax=ax),
    "maze": lambda r, ax: plot.maze(r["grid"].task, ax=ax),
    "plane": lambda r, ax: plot.plane(r["car"].task, np.arange(285.0), ax, label="x"),
    "table": lambda r, ax: plot.table(r["planning"].task, np.arange(19.0), ax, label="x"),
    "state_map": lambda r, ax: plot.state_map(r["planning"].task, np.arange(38.0).reshape(19, 2), ax, label="x"),
    "choice_entropy grid": lambda r, ax: plot.choice_entropy(r["grid"], 300, ax=ax, policy=True),
    "choice_entropy car": lambda r, ax: plot.choice_entropy(r["car"], ax=ax),
    "choice_entropy planning": lambda r, ax: plot.choice_entropy(r["planning"], ax=ax),
    "value_function grid": lambda r, ax: plot.value_function(r["grid"], ax=ax),
    "value_function car": lambda r, ax: plot.value_function(r["car"], ax=ax, trajectory=([0, 0.1], [0.01, 0.02])),
    "q_map grid": lambda r, ax: plot.q_map(r["grid"], ax=ax),
    "q_map planning": lambda r, ax: plot.q_map(r["planning"], ax=ax),
    "sigma_map grid": lambda r, ax: plot.sigma_map(r["grid"], ax=ax),
    "sigma_map car": lambda r, ax: plot.sigma_map(r["car"], ax=ax),
    "visits": lambda r, ax: plot.visits(r["grid"].task, np.arange(54), ax),
    "large maze": lambda r, ax: plot.maze(pictures.large_maze(), np.arange(31 * 41.0), ax),
    **{
        name: lambda r, ax, draw=draw: draw(ax)
        for name, draw in {
            "heatmap": lambda ax: plot.heatmap(np.arange(6.0).reshape(2, 3), ax, xlabel="x", ylabel="y"),
            "bars": lambda ax: plot.bars({"a": [1, 2, 3], "b": [2, 3, 4]}, ax, xlabel="x"),
            "frontier": lambda ax: plot.frontier({"a": {"lam": [1, 2], "cost": [3, 1], "reward": [5, 4]}}, ax),
            "choice_raster": lambda ax: plot.choice_raster(pictures.learning(), ax),
            "chosen_sigma": lambda ax: plot.chosen_sigma(np.ones((2, 9)) + np.arange(9), ax),
            "choice_curve": lambda ax: plot.choice_curve(np.arange(9) - 4, np.arange(9) > 3, ax, bins=3),
            "stay_probability": lambda ax: plot.stay_probability(pictures.two_step_trials(2, 60), ax),
            "recovery": lambda ax: plot.recovery([1, 2, 3, 4], [1, 3, 2, 4], ax, parameter="lam"),
            "confusion": lambda ax: plot.confusion([[8, 2], [3, 7]], ["dra", "equal"], ax),
            "model_comparison": lambda ax: plot.model_comparison({"dra": [1, 2, 3], "equal": [2, 2, 5]}, ax),
            "posterior_predictive": lambda ax: plot.posterior_predictive([0, 1, 1], np.eye(3), ax),
            "sigma_by_trial": lambda ax: plot.sigma_by_trial(1 + np.arange(8.0).reshape(4, 2), ax),
            "effort_map": lambda ax: plot.effort_map(tasks.grid_world(), 1 + np.arange(54) / 9, ax),
            "regime_plane": lambda ax: plot.regime_plane([1, 2, 4], [0.1, 1], [[1, 2, 3], [1, 1, 2]], ax),
            "effort_curve": lambda ax: plot.effort_curve([100, 200], [1.5, 2], ax),
        }.items()
    },
}


@pytest.mark.parametrize("draw", EVERY.values(), ids=EVERY)
def test_draws_on_the_axes_it_is_given_or_on_a_column(draw, grid, car, planning):
    results = {"grid": grid, "car": car, "planning": planning}
    figure, ax = plot.figure()
    assert draw(results, ax) is ax
    assert not plt.get_fignums()
    own = draw(results, None)
    assert len(plt.get_fignums()) == 1
    assert own.figure.get_figwidth() == plot.COLUMN
    drawn(own)
    assert own.get_xlabel() or own.images or own.patches
    assert all(part.get_ylabel() for part in own.child_axes)  # colour bars
    sizes = {text.get_fontsize() for text in own.figure.findobj(Text) if text.get_text()}
    assert min(sizes) >= 6


@pytest.mark.parametrize("draw", EVERY.values(), ids=EVERY)
def test_names_an_ax_that_is_not_one(draw, grid, car, planning):
    with pytest.raises(ValueError, match="ax must be a matplotlib Axes, got 3"):
        draw({"grid": grid, "car": car, "planning": planning}, 3)


def test_the_package_does_not_import_matplotlib():
    code = "import sys, sigmalloc; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class TestCurves:
    def test_draws_the_data_with_error_bars(self):
        x, mean, sem = [1.0, 2, 3], [[4.0, 5, 6], [1, np.nan, 2]], [[0.1, 0.2, np.nan], [0.1, np.nan, 0.3]]
        ax = plot.curves(x, mean, sem, ["a", "b"], xlabel="Budget (%)", ylabel="F (reward)", marker="o")
        lines = [line for line in ax.get_lines() if line.get_gid() == "curve"]
        for line, expected in zip(lines, mean, strict=True):
            np.testing.assert_array_equal(line.get_data(), [x, expected])
        bars = [segments for collection in ax.collections for segments in collection.get_segments()]
        ends = sorted((segment[0, 0], segment[0, 1], segment[1, 1]) for segment in bars)
        np.testing.assert_allclose(ends, [(1, 0.9, 1.1), (1, 3.9, 4.1), (2, 4.8, 5.2), (3, 1.7, 2.3)])
        assert {"a", "b", "Budget (%)", "F (reward)"} <= set(drawn(ax))

    def test_calls_on_the_same_axes_take_the_next_colours(self):
        _, ax = plot.figure()
        plot.curves([0, 1], [[0, 1], [1, 0]], [[0.1, 0.1]] * 2, ax=ax)
        plot.curves([0, 1], [2, 2], ax=ax, linestyle="--")
        plot.curves([0, 1], [3, 3], ax=ax, color="red")
        colors = [line.get_color() for line in ax.get_lines() if line.get_gid() == "curve"]
        assert colors == [*plot.PALETTE[:3], "red"]

    def test_a_band(self):
        ax = plot.curves([0, 1], [1.0, 2.0], [0.5, 0.25], errors="band")
        corners = ax.collections[0].get_paths()[0].vertices
        assert {(0, 0.5), (0, 1.5), (1, 1.75), (1, 2.25)} <= {tuple(corner) for corner in corners}

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"mean": [1.0, 2.0, 3.0]}, "mean must have shape (n,) or (curves, n) with n = 2"),
            ({"sem": [1.0]}, "sem must have the shape of mean"),
            ({"x": ["a", "b"]}, "x must be an array of numbers"),
            ({"mean": [1.0, np.inf]}, "mean must be finite"),
            ({"label": ["a", "b"]}, "label must be one string per curve"),
            ({"mean": [[1.0, 2.0]] * 2, "label": "ab"}, "label must be one string per curve"),
            ({"errors": "boxes"}, "errors must be one of 'bars', 'band'"),
        ],
    )
    def test_bad_input_is_named(self, change, message):
        with pytest.raises(ValueError, match=re.escape(message)):
            plot.curves(**{"x": [0.0, 1.0], "mean": [1.0, 2.0], **change})
        assert not plt.get_fignums()

    def test_reference_lines_are_named_and_within_the_limits(self):
        ax = plot.curves([0, 1], [1.0, 2.0], reference={"optimum": 9.0, "worst": -3.0}, label="a")
        low, high = ax.get_ylim()
        assert low < -3 and high > 9
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "optimum", "worst"]
        levels = [line.get_ydata()[0] for line in ax.get_lines() if line.get_gid() is None]
        assert levels == [9, -3]

    def test_reference_lines_widen_limits_that_are_fixed(self):
        for limits, expected in (((0, 1), (0, 5)), ((1, 0), (5, 0)), ((6, 9), (5, 9))):
            _, ax = plot.figure()
            ax.set_ylim(limits)
            plot.reference_lines(ax, 5)
            got = ax.get_ylim()
            assert (got[0] < got[1]) == (expected[0] < expected[1])
            assert min(got) <= min(expected) and max(got) >= max(expected) and 5 not in got

    def test_more_curves_than_colours_go_from_dark_to_light_and_five_are_named(self):
        ax = plot.curves([0, 1], np.arange(24.0).reshape(12, 2), label=[f"λ = {k}" for k in range(12)])
        colors = np.array([line.get_color() for line in ax.get_lines() if line.get_gid() == "curve"])
        light = colors[:, :3] @ (0.2126, 0.7152, 0.0722)
        assert len(colors) == 12 and (np.diff(light) > 0).all()
        named = [text.get_text() for text in ax.get_legend().get_texts()]
        assert named == ["λ = 0", "λ = 3", "λ = 6", "λ = 8", "λ = 11"]

    def test_bad_references_are_named(self):
        for given in ("high", {"a": np.nan}, [1, 2]):
            with pytest.raises(ValueError, match="reference must be"):
                plot.curves([0, 1], [1.0, 2.0], reference=given)


class TestConvergence:
    @pytest.mark.parametrize("quantity", plot.QUANTITIES)
    def test_draws_mean_and_standard_error(self, grid, quantity):
        ax = plot.convergence(grid, quantity, errors="bars", robust=False)
        mean, sem = metrics.mean_and_sem(getattr(grid, quantity))
        line = next(line for line in ax.get_lines() if line.get_gid() == "curve")
        np.testing.assert_array_equal(line.get_data(), [grid.episodes, mean])
        segments = np.array(ax.collections[0].get_segments())
        np.testing.assert_allclose(np.diff(segments[:, :, 1], axis=1)[:, 0], 2 * sem)
        assert ax.get_xlabel() == "Episode"
        assert ax.get_ylabel() == plot.QUANTITIES[quantity]

    def test_a_dict_gives_a_labelled_curve_each(self, grid):
        ax = plot.convergence({"small": grid, "large": grid})
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["small", "large"]
        assert [text.get_text() for text in plot.convergence(grid, label="one").get_legend().get_texts()] == ["one"]
        assert plot.convergence(grid).get_legend() is None

    def test_marks_the_change_of_the_task(self, grid, planning):
        ax = plot.convergence({"a": grid, "b": grid})
        marks = [line for line in ax.get_lines() if line.get_gid() == "change"]
        assert [list(line.get_xdata()) for line in marks] == [[1000, 1000]]
        assert drawn(ax).count("task changes") == 1
        assert "task changes" not in drawn(plot.convergence(planning))

    def test_a_few_changes_are_lines_many_a_band_without_labels(self, grid):
        small = ["S..", "..G"]

        def changing(count):
            task = tasks.maze(small, changes=[(100 * k, tasks.maze(small)) for k in range(1, count + 1)])
            return replace(grid, task=task)

        ax = plot.convergence(changing(5))
        assert sum(line.get_gid() == "change" for line in ax.get_lines()) == 5
        assert drawn(ax).count("task changes") == 1
        ax = plot.convergence(changing(6))
        assert not any(line.get_gid() == "change" for line in ax.get_lines())
        assert "task changes" not in drawn(ax)
        band = next(patch for patch in ax.patches if patch.get_gid() == "change")
        corners = band.get_path().vertices if len(band.get_path().vertices) > 5 else band.get_xy()
        extent = band.get_extents().transformed(ax.transData.inverted())
        assert (round(extent.x0), round(extent.x1)) == (100, 600) and len(corners)

    def test_a_change_after_the_last_evaluation_is_not_drawn(self, grid):
        task = tasks.maze(["S..", "..G"], changes=[(2000, tasks.maze(["S..", "..G"]))])
        assert "task changes" not in drawn(plot.convergence(replace(grid, task=task)))

    def test_the_limits_include_the_optimum_although_extremes_are_cut_off(self, grid):
        ax = plot.convergence(grid, reference={"exact optimum": 12.0})
        assert ax.get_ylim()[0] > -100 and ax.get_ylim()[1] > 12
        ax = plot.convergence(grid)
        ax.axhline(15)
        assert ax.get_ylim()[0] > -100 and ax.get_ylim()[1] > 15

    def test_what_is_said_of_extremes_follows_the_limits(self, grid):
        ax = plot.convergence(grid)
        assert any("off scale" in text for text in drawn(ax))
        ax.set_ylim(-500, 10)
        assert not any("off scale" in text for text in drawn(ax))
        ax.set_ylim(-5, 0)
        assert any(text.startswith("↓") and "↑" not in text for text in drawn(ax))

    def test_the_worst_of_several_calls_is_said(self, grid):
        _, ax = plot.figure()
        worse = replace(grid, value=grid.value - 400 * (grid.episodes == 100))
        plot.convergence(worse, ax=ax)
        plot.convergence(grid, ax=ax)
        worst = worse.objective.mean(axis=0).min()
        assert f"↓ −{abs(worst):.4g} off scale" in drawn(ax)

    def test_extremes_are_cut_off_and_said(self, grid):
        ax = plot.convergence(grid)
        low, high = ax.get_ylim()
        mean = grid.objective.mean(axis=0)
        assert mean.min() < -100 < low < mean[10:].min() and high > mean.max()
        assert any(re.fullmatch(r"↓ −\d+(\.\d+)? off scale", text) for text in drawn(ax))
        whole = plot.convergence(grid, robust=False)
        assert whole.get_ylim()[0] < mean.min()
        assert not any("off scale" in text for text in drawn(whole))

    def test_nothing_is_cut_off_an_ordinary_curve(self, grid):
        ax = plot.convergence(grid, "cost")
        low, high = ax.get_ylim()
        assert low < grid.cost.mean(axis=0).min() and high > grid.cost.mean(axis=0).max()
        assert not any("off scale" in text for text in drawn(ax))

    def test_the_second_half_of_every_curve_is_never_cut(self, grid):
        poor = replace(grid, value=grid.value - 300)
        low, _ = plot.convergence({"a": grid, "b": grid, "c": grid, "d": grid, "poor": poor}).get_ylim()
        assert low < poor.objective.mean(axis=0)[10:].min()

    def test_one_restart_has_no_error(self, grid):
        one = replace(grid, value=grid.value[:1], cost=grid.cost[:1], time_cost=grid.time_cost[:1])
        ax = plot.convergence(one)
        assert not ax.collections
        drawn(ax)

    def test_reward_rate_has_its_own_unit(self, planning):
        rate = replace(planning, agent=planning.agent.replace(reward_rate=True))
        assert plot.convergence(rate).get_ylabel() == "Objective (reward per unit of time)"

    def test_bad_input_is_named(self, grid):
        empty = replace(grid, episodes=grid.episodes[:0], value=grid.value[:, :0], cost=grid.cost[:, :0])
        for call, message in (
            (lambda: plot.convergence(grid, "joy"), "quantity must be one of"),
            (lambda: plot.convergence(grid, robust=1), "robust must be True or False"),
            (lambda: plot.convergence({}), "results must not be empty"),
            (lambda: plot.convergence({"a": grid}, label="a"), "label is for a single result"),
            (lambda: plot.convergence([grid]), "result must be a Result, or a dict of them, got \\[<Result"),
            (lambda: plot.convergence(empty), "evaluate_every"),
        ):
            with pytest.raises(ValueError, match=message):
                call()
        assert not plt.get_fignums()


class TestMaze:
    def test_values_walls_start_and_goal_are_where_they_are(self, grid):
        values = np.arange(54.0)
        ax = plot.maze(grid.task, values, label="x")
        expected = np.where(grid.task.terminal, np.nan, values).reshape(6, 9)
        np.testing.assert_array_equal(cells(ax), expected)
        assert boxes(ax, WALL) == {(1, 2), (2, 2), (3, 2), (0, 7), (1, 7), (2, 7), (4, 5)}
        assert boxes(ax, GOAL) == {(0, 8)}
        letters = {text.get_text(): text.get_position() for text in ax.texts}
        assert letters == {"S": (0, 2), "G": (8, 0)}
        assert bar(ax).get_ylabel() == "x"
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("Column", "Row")

    def test_a_triangle_for_each_action_points_its_way(self):
        for names in (("up", "down", "left", "right"), ("left", "down", "right", "up")):
            open_maze = tasks.maze(["S..", "..G"], action_names=names)
            values = np.arange(24.0).reshape(6, 4)
            triangles = plot.maze(open_maze, values).collections[0]
            np.testing.assert_array_equal(triangles.get_array(), values[:5].ravel())
            for k, path in enumerate(triangles.get_paths()):
                state, action = divmod(k, 4)
                centre = np.array([state % 3, state // 3])
                away = path.vertices[:3].mean(axis=0) - centre
                way = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}[names[action]]
                np.testing.assert_allclose(away, np.array(way) / 3, atol=1e-12)
                np.testing.assert_allclose(path.vertices[0], centre)

    def test_large_mazes_have_plain_walls_and_no_lines_between_cells(self):
        task = pictures.large_maze()
        ax = plot.maze(task, np.zeros(task.n_states))
        walls = next(squares for squares in ax.collections if squares.get_gid() == "#")
        assert walls.get_hatch() is None and to_hex(walls.get_facecolor()[0]) == to_hex("0.35")
        assert not ax.get_lines()
        expected = {(r, c) for r, line in enumerate(task.layout) for c, cell in enumerate(line) if cell == "#"}
        assert boxes(ax, to_hex("0.35")) == expected
        small = plot.maze(tasks.maze(["S" + "." * 19] * 1 + ["." * 19 + "G"] * 19))
        assert len(small.get_lines()) == 38

    def test_at_most_eight_ticks(self):
        for rows, columns in ((6, 9), (12, 31), (40, 20), (57, 83)):
            cells = [["."] * columns for _ in range(rows)]
            cells[0][0], cells[-1][-1] = "S", "G"
            ax = plot.maze(tasks.maze(["".join(row) for row in cells]))
            ax.figure.canvas.draw()
            for low, high, ticks in ((*ax.get_xlim(), ax.get_xticks()), (*ax.get_ylim()[::-1], ax.get_yticks())):
                inside = [tick for tick in ticks if low <= tick <= high]
                assert 2 <= len(inside) <= 8 and all(tick == round(tick) for tick in inside)

    def test_policy_arrows(self, grid):
        policy = np.full(54, -1)
        policy[[18, 27]] = 0, 3
        ax = plot.maze(grid.task, policy=policy)
        arrows = next(child for child in ax.get_children() if isinstance(child, Quiver))
        np.testing.assert_array_equal(arrows.XY, [(0, 2), (0, 3)])
        np.testing.assert_array_equal(np.stack([arrows.U, arrows.V], 1), [(0, -1), (1, 0)])

    def test_holes(self):
        task = TabularMDP(np.zeros((4, 4), int), np.zeros((4, 4)), start=0, terminal=[1, 3], layout=["SH", ".G"])
        ax = plot.maze(task)
        assert boxes(ax, to_hex("0.35")) == {(0, 1)}
        assert {text.get_text() for text in ax.texts} == {"S", "H", "G"}

    def test_bad_input_is_named(self, grid, planning):
        unnamed = TabularMDP(np.zeros((2, 4), int), np.zeros((2, 4)), start=0, terminal=[1], layout=["SG"])
        for call, message in (
            (lambda: plot.maze(planning.task), "task must have a layout .* 'planning' has none"),
            (lambda: plot.maze(grid.task, np.zeros(53)), re.escape("values must have shape (54,), got (53,)")),
            (lambda: plot.maze(grid.task, np.zeros((54, 3))), re.escape("values must have shape (54, 4), got (54, 3)")),
            (
                lambda: plot.maze(unnamed, np.zeros((2, 4))),
                "values of shape .* need the actions up, down, left and right",
            ),
            (lambda: plot.maze(unnamed, policy=[0, -1]), "policy needs actions named up, down, left and right"),
            (lambda: plot.maze(grid.task, policy=np.zeros(3, int)), "policy must be 54 actions"),
            (lambda: plot.maze(grid.task, policy=np.full(54, 4)), re.escape("policy must be in [-1, 3]")),
            (lambda: plot.maze(grid.task, np.zeros(54), vmin="low"), "vmin must be a real number"),
        ):
            with pytest.raises(ValueError, match=message):
                call()


class TestPlane:
    def test_values_are_at_their_position_and_velocity(self, car):
        task = car.task
        values = np.repeat(task.positions, 15) + 100 * np.tile(task.velocities, 19)
        ax = plot.plane(task, values, label="x")
        mesh = ax.collections[0]
        shown, edges = mesh.get_array().filled(np.nan), mesh.get_coordinates()
        centres = (edges[1:, 1:] + edges[:-1, :-1]) / 2
        inside = centres[..., 0] < 0.59
        np.testing.assert_allclose(shown[inside], (centres[..., 0] + 100 * centres[..., 1])[inside], atol=1e-12)
        assert np.isnan(shown[~inside]).all()
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("Position", "Velocity (per step)")

    def test_any_task_in_a_plane(self):
        class Pendulum(TabularMDP):
            geometry = Plane(np.arange(4) * 2.5 - 3, np.arange(3) / 7, "angle (rad)", "speed (rad/s)")

        task = Pendulum(np.zeros((12, 2), int), -np.ones((12, 2)), start=0, terminal=[11])
        ax = plot.state_map(task, np.arange(12.0), trajectory=([0, 1], [0.1, 0.2]))
        mesh = ax.collections[0]
        np.testing.assert_array_equal(mesh.get_array()[:, 1], [3, 4, 5])
        np.testing.assert_allclose(mesh.get_coordinates()[0, :, 0], np.arange(5) * 2.5 - 4.25)
        texts = drawn(ax)
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("Angle (rad)", "Speed (rad/s)") and "goal" not in texts
        result = train(task, Agent(), episodes=2, restarts=1, seed=0)
        assert plot.sigma_map(result).get_xlabel() == "Angle (rad)"
        for ticks, (low, high) in ((ax.get_xticks(), ax.get_xlim()), (ax.get_yticks(), ax.get_ylim())):
            assert 2 <= sum(low <= tick <= high for tick in ticks) <= 8

    def test_trajectory_is_drawn(self, car):
        x, v = np.linspace(-0.5, 0.5, 30), np.linspace(0, 0.05, 30)
        ax = plot.value_function(car, trajectory=(x, v))
        line = next(line for line in ax.get_lines() if line.get_gid() == "trajectory")
        np.testing.assert_array_equal(line.get_data(), [x, v])

    def test_a_car_that_never_arrives_is_cut_off(self, car):
        def texts(steps, end):
            x = np.linspace(-0.5, end, steps + 1)
            ax = plot.plane(car.task, np.zeros(285), trajectory=(x, np.zeros(steps + 1)))
            return drawn(ax), any(line.get_gid() == "end" for line in ax.get_lines())

        said, cross = texts(200, 0.2)
        assert "cut off after 200 steps" in said and cross
        for steps, end, crossed in ((120, 0.2, True), (120, 0.5, False), (200, 0.55, False)):
            said, cross = texts(steps, end)
            assert not any("cut off" in text for text in said) and cross == crossed

    def test_visited_from_a_table_of_trials(self, car):
        trials = {"state": np.array([7, 8]), "next_state": np.array([8, 9]), "action": np.array([0, 0])}
        shown = plot.choice_entropy(car, visited=trials).collections[0].get_array().filled(np.nan).T.ravel()
        assert np.flatnonzero(np.isfinite(shown)).tolist() == [7, 8, 9]
        with pytest.raises(ValueError, match=re.escape("visited: state must be states of the task, in [0, 284]")):
            plot.choice_entropy(car, visited={"state": [285], "next_state": [1]})

    @pytest.mark.parametrize("by_action", [False, True])
    def test_states_never_visited_are_masked(self, car, by_action):
        visited = np.zeros((285, 3) if by_action else 285)
        visited[100] = 1
        shown = plot.choice_entropy(car, visited=visited).collections[0].get_array().filled(np.nan).T.ravel()
        assert np.flatnonzero(np.isfinite(shown)).tolist() == [100]

    def test_bad_input_is_named(self, car, grid):
        for call, message in (
            (
                lambda: plot.plane(grid.task, np.zeros(54)),
                "task must have states that lie in a plane, .* 'grid-world' has not",
            ),
            (lambda: plot.plane(car.task, np.zeros(284)), "values must have shape"),
            (lambda: plot.value_function(car, trajectory=[1, 2, 3]), "trajectory must be a pair"),
            (lambda: plot.value_function(car, trajectory=([1, 2], [3])), "trajectory must be two sequences"),
            (
                lambda: plot.value_function(grid, trajectory=([1], [3])),
                "trajectory can be drawn for tasks in a plane only",
            ),
            (lambda: plot.value_function(car, visited=np.ones(3)), "visited must have shape"),
            (lambda: plot.value_function(car, policy=True), "policy can be drawn for tasks with a layout only"),
        ):
            with pytest.raises(ValueError, match=message):
                call()


class TestTable:
    def test_states_and_actions_are_named(self, planning):
        values = np.arange(38.0).reshape(19, 2)
        ax = plot.table(planning.task, values, label="x")
        np.testing.assert_array_equal(cells(ax), values[:18])
        assert [text.get_text() for text in ax.get_yticklabels()] == list(planning.task.state_names[:18:3])
        assert [text.get_text() for text in ax.get_xticklabels()] == ["left", "right"]

    def test_one_value_per_state(self, planning):
        ax = plot.table(planning.task, np.arange(19.0))
        np.testing.assert_array_equal(cells(ax), np.arange(18.0)[:, None])

    def test_actions_that_do_not_exist_are_grey(self):
        task = TabularMDP(np.full((3, 2), 2), np.zeros((3, 2)), start=0, terminal=[2], action_counts=[2, 1, 0])
        np.testing.assert_array_equal(cells(plot.table(task, np.ones((3, 2)))), [[1, 1], [1, np.nan]])

    def test_names_do_not_overlap_however_many(self):
        task = TabularMDP(np.full((500, 2), 499), np.zeros((500, 2)), start=0, terminal=[499])
        ax = plot.table(task, np.zeros(500))
        ax.figure.canvas.draw()
        tops = sorted(label.get_window_extent().y0 for label in ax.get_yticklabels())
        assert 4 < len(tops) <= 8 and np.diff(tops).min() > 6.5 / 72 * ax.figure.dpi * 0.9


class TestHeatmap:
    def test_values_numbers_and_ticks(self):
        values = np.array([[1.5, np.nan], [-2, 3]])
        ax = plot.heatmap(values, x=[0.1, 0.2], y=["a", "b"], sem=np.full((2, 2), 0.1), label="F (reward)")
        np.testing.assert_array_equal(cells(ax), values)
        assert [text.get_text() for text in ax.texts] == ["1.5\n± 0.1", "−2\n± 0.1", "3\n± 0.1"]
        assert [text.get_text() for text in ax.get_xticklabels()] == ["0.1", "0.2"]
        assert bar(ax).get_ylabel() == "F (reward)"
        assert {"a", "b"} <= set(drawn(ax))

    def test_at_most_eight_ticks_and_sixty_four_numbers(self):
        ax = plot.heatmap(np.zeros((30, 17)))
        assert len(ax.get_xticks()) <= 8 and len(ax.get_yticks()) <= 8 and not ax.texts
        drawn(ax)

    def test_long_names_do_not_overlap(self):
        drawn(plot.heatmap(np.zeros((2, 6)), x=[f"a rather long name {k}" for k in range(6)]))

    def test_bad_input_is_named(self):
        for call, message in (
            (lambda: plot.heatmap([1, 2]), "values must have shape"),
            (lambda: plot.heatmap([[1, 2]], x=[1]), "x must have 2 entries"),
            (lambda: plot.heatmap([[1, 2]], sem=[1, 2]), "sem must have shape"),
            (lambda: plot.heatmap([[1, 2]], numbers="no"), "numbers must be True or False"),
            (lambda: plot.heatmap([[1, 2]], vmin=3, vmax=1), "vmin must not be above vmax"),
        ):
            with pytest.raises(ValueError, match=message):
                call()
        assert not plt.get_fignums()


@pytest.mark.parametrize("task", [None, "grid-world", 3, np.zeros(3), type("Like", (), {"layout": ["S"]})()])
def test_a_wrong_task_is_named(task):
    for draw in (
        lambda: plot.maze(task), lambda: plot.plane(task, [1]), lambda: plot.table(task, [1]),
        lambda: plot.state_map(task, [1]), lambda: plot.visits(task, [1]), lambda: plot.effort_map(task, [1]),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="task must be a task"):
            draw()
    for draw in (
        plot.convergence, plot.choice_entropy, plot.choice_entropy_snapshots, plot.value_function, plot.q_map,
        plot.sigma_map, plot.discriminability, plot.mean_sigma_vs_difference,
    ):  # fmt: skip
        with pytest.raises(ValueError, match="result must be a Result"):
            draw(task)


class TestMapsOfResults:
    def test_choice_entropy_at_the_end(self, grid):
        task = grid.task.at(1999)
        entropy = metrics.choice_entropy(grid.q, grid.sigma, task.exists)
        ax = plot.choice_entropy(grid)
        np.testing.assert_allclose(cells(ax).ravel(), entropy.mean(axis=0))
        assert ax.images[0].get_clim() == (0, 1)
        assert bar(ax).get_ylabel() == "Choice entropy"
        np.testing.assert_allclose(cells(plot.choice_entropy(grid, restart=2)).ravel(), entropy[2])

    def test_dark_is_precise(self, grid):
        cmap = plot.choice_entropy(grid).images[0].get_cmap()
        luminance = cmap(np.linspace(0, 1, 11))[:, :3] @ [0.2126, 0.7152, 0.0722]
        assert (np.diff(luminance) > 0).all()

    def test_the_maze_is_that_of_the_last_episode(self, grid):
        goals = {episode: boxes(plot.choice_entropy(grid, episode), GOAL) for episode in (300, 1000, 1200)}
        assert goals == {300: {(0, 8)}, 1000: {(0, 8)}, 1200: {(0, 6)}}
        ax = plot.choice_entropy(grid, 1200)
        expected = metrics.choice_entropy(grid.snapshot_q[:, 2], grid.snapshot_sigma[:, 2], grid.task.at(1199).exists)
        np.testing.assert_allclose(cells(ax).ravel(), expected.mean(axis=0))
        assert ax.get_title() == "Episode 1200"
        assert (0, 7) not in boxes(ax, WALL)

    def test_q_and_sigma_of_every_memory_of_a_maze(self, grid):
        exists = grid.task.at(1999).exists
        for draw, table in ((plot.q_map, grid.q), (plot.sigma_map, grid.sigma)):
            shown = draw(grid).collections[0].get_array()
            assert shown.size == exists.sum()
            np.testing.assert_allclose(shown, table.mean(axis=0)[exists])

    def test_q_and_sigma_of_every_memory_of_any_task(self, planning):
        np.testing.assert_allclose(cells(plot.q_map(planning)), planning.q.mean(axis=0)[:18])
        ax = plot.sigma_map(planning)
        np.testing.assert_allclose(cells(ax), planning.sigma.mean(axis=0)[:18])
        assert ax.images[0].get_clim()[0] == 0

    def test_q_and_sigma_of_mountain_car_per_state(self, car):
        for draw, expected in ((plot.q_map, car.q.max(axis=2)), (plot.sigma_map, car.sigma.mean(axis=2))):
            shown = draw(car).collections[0].get_array().filled(np.nan).T.ravel()
            np.testing.assert_allclose(shown[:270], expected.mean(axis=0)[:270])
            assert np.isnan(shown[270:]).all()

    def test_value_function(self, grid, car):
        exists = grid.task.at(1999).exists
        expected = np.where(exists.any(axis=1), grid.q.max(axis=2).mean(axis=0), np.nan)
        np.testing.assert_allclose(cells(plot.value_function(grid)).ravel(), expected)
        shown = plot.value_function(car).collections[0].get_array().filled(np.nan).T.ravel()
        np.testing.assert_allclose(shown[:270], car.q.max(axis=2).mean(axis=0)[:270])

    def test_arrows_follow_the_largest_q(self, grid):
        ax = plot.choice_entropy(grid, policy=True)
        arrows = next(child for child in ax.get_children() if isinstance(child, Quiver))
        task = grid.task.at(1999)
        states = np.flatnonzero(task.exists.any(axis=1))
        names = [task.action_names[action] for action in grid.q.mean(axis=0)[states].argmax(axis=1)]
        way = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}
        np.testing.assert_array_equal(np.stack([arrows.U, arrows.V], 1), [way[name] for name in names])

    def test_visits_are_frequencies(self, grid, planning):
        counts = np.random.default_rng(0).integers(0, 9, (54, 4)) * grid.task.exists
        ax = plot.visits(grid.task, counts)
        expected = np.where(grid.task.terminal, np.nan, counts.sum(axis=1) / counts.sum())
        np.testing.assert_allclose(cells(ax).ravel(), expected)
        assert bar(ax).get_ylabel() == "Frequency of visits"
        never, *often = cells(plot.visits(planning.task, np.arange(19)))[:, 0]
        assert np.isnan(never)
        np.testing.assert_allclose(often, np.arange(1, 18) / 171)

    def test_snapshots_share_a_colour_bar(self, grid, car, planning):
        axes = plot.choice_entropy_snapshots(grid)
        assert [ax.get_title() for ax in axes] == ["Episode 300", "Episode 1000", "Episode 1200"]
        assert [len(boxes(ax, WALL)) for ax in axes] == [7, 7, 6]
        assert "Choice entropy" in drawn(axes[0])
        _, given = plot.figure(1, 2)
        assert list(plot.choice_entropy_snapshots(car, [300, 1200], axes=given)) == list(given)
        drawn(given[0])
        drawn(plot.choice_entropy_snapshots(planning)[0])
        drawn(plot.choice_entropy_snapshots(car)[0])

    def test_bad_input_is_named(self, grid, planning):
        for call, message in (
            (lambda: plot.choice_entropy(grid, 301), re.escape("one of [300, 1000, 1200], got 301")),
            (lambda: plot.choice_entropy(grid, "end"), "episode must be an integer"),
            (lambda: plot.q_map(grid, restart=3), re.escape("restart must be in [0, 2], got 3")),
            (lambda: plot.sigma_map(grid, policy="yes"), "policy must be True or False"),
            (lambda: plot.value_function(grid.q), "result must be a Result, or a dict of them, got array"),
            (lambda: plot.visits(grid.task, np.zeros(54)), "visits must be at least 0 and must not all be 0"),
            (lambda: plot.visits(grid.task, np.full(54, np.nan)), "visits must be finite"),
            (lambda: plot.visits(grid.task, np.ones(5)), "visits must have shape"),
            (lambda: plot.choice_entropy_snapshots(grid, []), "episodes must not be empty"),
            (
                lambda: plot.choice_entropy_snapshots(grid, axes=plot.figure()[1]),
                "axes must be as many Axes as the 3 episodes",
            ),
            (lambda: plot.state_map(planning.task, np.zeros((2, 2))), "values must have shape"),
        ):
            with pytest.raises(ValueError, match=message):
                call()


class TestStatesNeverVisited:
    """They are grey without being named, as far as q̄ tells."""

    @staticmethod
    def grey(ax):
        shown = ax.images[0].get_array() if ax.images else ax.collections[0].get_array().T
        return np.ma.getmaskarray(shown).ravel()

    def test_one_step_an_episode_visits_the_start_alone(self):
        task = tasks.maze(["S..", "..G"], step_limit=1)
        result = train(task, Agent(), episodes=20, restarts=2, seed=0)
        for draw in (plot.value_function, plot.choice_entropy):
            assert np.flatnonzero(~self.grey(draw(result))).tolist() == [0]
        assert np.isfinite(cells(plot.value_function(result, visited=np.ones(6)))).sum() == 5
        assert plot.sigma_map(result).collections[0].get_array().size == 4

    def test_a_random_start_of_q_is_that_of_the_run(self, car):
        agent, task = car.agent, car.task
        result = train(task, agent, episodes=3, restarts=2, seed=4, snapshots=[1])
        start = [reference.training.Run(task, agent, 4, restart).q for restart in range(2)]
        held = task.places.maps[0]
        for restart in (0, 1, None):
            rows = slice(None) if restart is None else [restart]
            for episode, q in ((1, result.snapshot_memory_q[:, 0]), (None, result.memory_q)):
                changed = held.gather((q[rows] != np.array(start)[rows]).any(axis=0).astype(float)).any(axis=1)
                np.testing.assert_array_equal(self.grey(plot.value_function(result, episode, restart)), ~changed)
                assert 3 < changed.sum() < 40

    def test_where_there_may_be_no_reward_q_tells_nothing(self):
        kinds = [{"step_reward": 0.0}, {"reward_noise": "bernoulli", "step_reward": 0.5, "goal_reward": 1.0}]
        for keywords in kinds:
            task = tasks.maze(["S..", "..G"], step_limit=1, **keywords)
            result = train(task, Agent(), episodes=5, restarts=2, seed=0)
            assert self.grey(plot.value_function(result)).tolist() == [False] * 5 + [True]

    def test_a_given_q_is_not_where_it_would_have_begun(self, car):
        result = train(car.task, car.agent, episodes=1, restarts=1, seed=0, q=np.full(810, -7.0))
        assert self.grey(plot.value_function(result)).sum() == 15  # beyond the goal

    def test_a_learning_rate_that_changes_tells_nothing(self):
        task = tasks.maze(["S..", "..G"], step_limit=1)
        agent = Agent(learning_rate_q={"points": [(0, 0.1), (5, 0.05)]})
        result = train(task, agent, episodes=5, restarts=1, seed=0)
        assert self.grey(plot.value_function(result)).sum() == 1


class TestAgainstDifference:
    def test_discriminability(self, planning):
        task = planning.task
        x = metrics.reward_difference(task.optimal_q(), task.exists)[:18]
        y = metrics.discriminability(planning.q, planning.sigma, task.exists)[:, :18].mean(axis=0)
        ax = plot.discriminability(planning)
        points = ax.collections[1].get_offsets()
        np.testing.assert_allclose(points, np.stack([x, y], 1))
        fit = metrics.regression(x, y)
        along, height = ax.get_lines()[0].get_data()
        np.testing.assert_allclose(height, fit.line(along))
        low, high = fit.band(along)
        corners = ax.collections[0].get_paths()[0].vertices
        for edge in (low, high):
            assert np.abs(corners[:, None] - np.stack([along, edge], 1)).max(axis=2).min(axis=0).max() < 1e-9
        assert ax.get_xlabel() == "Difference in cumulative reward"
        assert ax.get_ylabel() == "Discriminability d′"

    def test_more_than_two_actions_compare_the_same_pair(self, grid):
        task = grid.task.at(1999)
        q_star = task.optimal_q()
        ax = plot.discriminability(grid, restart=1)
        y = metrics.discriminability(grid.q[1], grid.sigma[1], task.exists, by=q_star)
        np.testing.assert_allclose(ax.collections[1].get_offsets()[:, 1], y[~np.isnan(y)])

    def test_mean_sigma_of_several_results(self, planning):
        ax = plot.mean_sigma_vs_difference({"12.5 %": planning, "50 %": planning})
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["12.5 %", "50 %"]
        y = planning.sigma.mean(axis=(0, 2))[:18]
        np.testing.assert_allclose(ax.collections[3].get_offsets()[:, 1], y)
        colors = [line.get_color() for line in ax.get_lines()]
        assert colors == list(plot.PALETTE[:2])

    def test_known_memories_and_states_never_visited_are_left_out(self, planning):
        known = stand_in(tasks.planning(known_last_move=True), planning.agent)
        assert len(plot.mean_sigma_vs_difference(known).collections[1].get_offsets()) == 12
        visited = np.arange(19) < 9
        assert len(plot.discriminability(planning, visited=visited).collections[1].get_offsets()) == 9

    def test_mountain_car_needs_q_star(self, car):
        with pytest.raises(ValueError, match="q_star must be given for the task 'mountain-car'"):
            plot.discriminability(car)
        q_star = np.random.default_rng(0).normal(size=(285, 3))
        ax = plot.discriminability(car, q_star)
        assert len(ax.collections[1].get_offsets()) == 270
        with pytest.raises(ValueError, match="q_star must have shape"):
            plot.discriminability(car, q_star[1:])


class TestFiles:
    def test_the_same_picture_gives_the_same_bytes(self, grid, tmp_path):
        written = []
        for name in ("a", "b"):
            figure, axes = plot.figure(1, 2, width=7)
            plot.convergence(grid, ax=axes[0])
            plot.choice_entropy(grid, ax=axes[1])
            written.append(plot.save(figure, tmp_path / "new" / f"fig1.{name}"))
        assert written[0] == [str(tmp_path / "new" / f"fig1.a.{suffix}") for suffix in ("png", "pdf")]
        for first, second in zip(*written, strict=True):
            with open(first, "rb") as one, open(second, "rb") as two:
                assert one.read() == two.read()
        with Image.open(written[0][0]) as picture:
            assert picture.size == (1400, 480)
            assert not picture.info.get("Software")
        with open(written[0][1], "rb") as file:
            assert b"Date" not in file.read()

    def test_bad_input_is_named(self, grid, tmp_path):
        figure, ax = plot.figure()
        for call, message in (
            (lambda: plot.save(ax, tmp_path / "a"), "fig must be a matplotlib Figure"),
            (lambda: plot.save(figure, tmp_path / "a.png"), "path must be given without suffix"),
            (lambda: plot.save(figure, 3), "path must be a path, got 3"),
            (lambda: plot.figure(0), "rows must be at least 1"),
            (lambda: plot.figure(width=-1), "width must be greater than 0"),
            (lambda: plot.animate_entropy(grid, tmp_path / "a.mp4"), "path must end in '.gif'"),
            (lambda: plot.animate_entropy(grid, tmp_path / "a.gif", fps=0), "fps must be greater than 0"),
            (
                lambda: plot.animate_entropy(grid, tmp_path / "a.gif", episodes=[5]),
                "episode must be that of a snapshot",
            ),
        ):
            with pytest.raises(ValueError, match=message):
                call()
        assert not list(tmp_path.iterdir())

    def test_animation_has_a_frame_for_each_snapshot(self, grid, tmp_path):
        path = plot.animate_entropy(grid, tmp_path / "entropy.gif", fps=4)
        assert not plt.get_fignums()
        with Image.open(path) as film:
            assert film.n_frames == 3
            assert film.info["duration"] == 250
            frames = []
            for frame in range(3):
                film.seek(frame)
                frames.append(np.asarray(film.convert("RGB")))
        assert all((frames[0] != frame).any() for frame in frames[1:])


def test_a_trained_agent_from_start_to_picture(tmp_path):
    result = train(
        tasks.grid_world(change_at=200), Agent(), episodes=400, restarts=2, seed=1, evaluate_every=50,
        evaluation_episodes=10, snapshots=[100, 300],
    )  # fmt: skip
    assert boxes(plot.choice_entropy(result), GOAL) == {(0, 6)}
    assert boxes(plot.sigma_map(result, 100), GOAL) == {(0, 8)}
    figure, ax = plot.figure()
    plot.convergence(result, ax=ax)
    drawn(ax)
    assert [path.endswith((".png", ".pdf")) for path in plot.save(figure, tmp_path / "curve")] == [True, True]
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["ticks", "colorbar"])
@pytest.mark.parametrize("given", [np.ones(3), "no", None])
def test_switches_are_booleans(name, given):
    task = tasks.grid_world()
    with pytest.raises(ValueError, match=f"{name} must be"):
        plot.maze(task, np.zeros(task.n_states), **{name: given})


def test_reference_lines_may_have_any_names():
    result = train(tasks.grid_world(), Agent(), episodes=20, restarts=2, seed=0, evaluate_every=10)
    ax = plot.convergence(result, reference={1: 2.0})
    assert "1" in [text.get_text() for text in ax.get_legend().get_texts()]
