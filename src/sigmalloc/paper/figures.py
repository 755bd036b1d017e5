"""The paper's figures, drawn from saved studies alone.

Each function takes the studies' arrays and returns a matplotlib Figure and the numbers drawn in it, as columns of a
table. Everything is made for one journal column (3.4 inches).
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter
from PIL import Image

from .. import metrics, plot, tasks
from . import cache
from ._runs import tail
from .claims import by_moves, main_effects, task_done

SETS = {"table": "Table B.1", "scripts": "Authors' scripts"}
_DARK_IS_PRECISE = "YlGnBu_r"


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Attributes
    ----------
    name, title : str
    studies : tuple of str
        What it is drawn from.
    draw : callable(data) -> (Figure, dict of columns)
    caption : str
    """

    name: str
    title: str
    studies: tuple
    draw: Callable
    caption: str


FIGURES: dict = {}
"""Every figure by its name."""


def _figure(name, title, *, studies, caption):
    def register(draw):
        FIGURES[name] = Picture(name, title, studies, draw, caption)
        return draw

    return register


def write(picture, data, folder, quick=False):
    """Draw a figure into PNG, PDF and CSV files, each complete or absent.

    Returns
    -------
    list of Path
        PNG, PDF, CSV.
    """
    fig, columns = picture.draw(data)
    if quick:
        fig.get_layout_engine().set(rect=(0, 0.025, 1, 0.975))
        fig.text(0.998, 0.004, "quick run", fontsize=6, color="#D55E00", ha="right", va="bottom")
    paths = [folder / f"{picture.name}.{suffix}" for suffix in ("png", "pdf", "csv")]
    hidden = {"Software": None}, {"CreationDate": None, "Producer": None, "Creator": None}
    for path, metadata in zip(paths, hidden, strict=False):
        with cache.replacing(path) as part:
            fig.savefig(part, format=path.suffix[1:], dpi=220, metadata=metadata)
        fig.set_layout_engine("none")  # it is laid out; doing so again takes longer than drawing
    with cache.replacing(paths[2]) as part, open(part, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True))
    return paths


def _table(names, **arrays):
    """Long-form columns: one row per entry of arrays of equal shape, with an index column for each axis.

    ``names`` maps the name of each axis to its labels.
    """
    labels = np.meshgrid(*(np.arange(len(values)) for values in names.values()), indexing="ij")
    columns = {
        name: np.asarray(list(values))[index.ravel()]
        for (name, values), index in zip(names.items(), labels, strict=True)
    }
    return columns | {name: np.asarray(array, dtype=float).ravel() for name, array in arrays.items()}


def _limits(*curves, early=0.06):
    """y limits that hold every curve but the first few of its points, which can be far off."""
    skip = max(1, round(early * curves[0].shape[-1]))
    values = np.concatenate([np.ravel(curve[..., skip:]) for curve in curves])
    values = values[np.isfinite(values)]
    margin = 0.07 * (values.max() - values.min() or 1)
    return values.min() - margin, values.max() + margin


def _quantity(data, key):
    """Curves of a study by key; the objective is reward minus cost."""
    if key.endswith("_objective"):
        stem = key.removesuffix("_objective")
        return data[f"{stem}_reward"] - data[f"{stem}_cost"]
    return data[key]


def _panel_title(ax, text):
    ax.set_title(text, fontsize=8, pad=3)


def _by_set(data, rows, labels, runs):
    """Curves over episodes for both parameter sets: a row for each quantity, a column for each set; with the numbers.

    ``rows`` maps quantities to labels of the y axis; ``runs(name, quantity)`` gives an array (runs, checkpoints) for
    each of ``labels``.
    """
    fig, axes = plot.figure(len(rows), 2, height=3.6)
    episodes, columns = data["episodes"], {}
    for row, (quantity, ylabel) in enumerate(rows.items()):
        for column, (name, title) in enumerate(SETS.items()):
            mean, sem = (np.stack(part) for part in zip(*map(metrics.mean_and_sem, runs(name, quantity)), strict=True))
            ax = plot.curves(episodes, mean, sem, labels, axes[row, column], errors="band",
                             xlabel="Episode" if row == len(rows) - 1 else None,
                             ylabel=ylabel if column == 0 else None, linewidth=1.1)  # fmt: skip
            ax.set_ylim(_limits(mean))
            ax.get_legend().remove()
            if row == 0:
                _panel_title(ax, title)
            part = _table({"agent": labels, "episode": episodes}, mean=mean, sem=sem)
            part = {"parameters": np.full(mean.size, title), "quantity": np.full(mean.size, quantity)} | part
            columns = _joined(columns, part)
    handles, names = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=min(len(names), 4), fontsize=7, frameon=False,
               handlelength=1.4, columnspacing=1.2)  # fmt: skip
    return fig, columns


@_figure(
    "fig1b", "Figure 1b: convergence for different initial precisions", studies=("grid",),
    caption="Objective and cost of precision in the maze, mean ± SEM over runs, for different initial σ₀ (smaller: "
    "more precise). The first evaluations may lie below the axis.",
)  # fmt: skip
def fig1b(data):
    data = data["grid"]
    labels = [rf"$\sigma_0 = {value:g}$" for value in data["sigma_0"]]
    rows = {"objective": "Objective (reward)", "cost": "Cost (reward)"}
    fig, columns = _by_set(data, rows, labels, lambda name, quantity: _quantity(data, f"{name}_starts_{quantity}"))
    columns["agent"] = np.array([label.strip("$").replace("\\sigma_0", "sigma_0") for label in columns["agent"]])
    return fig, columns


@_figure(
    "fig1-agents", "Maze: DRA, equal precision and no cost", studies=("grid",),
    caption="Objective and reward in the maze, mean ± SEM over runs: DRA, one σ shared by all memories, and λ = 0 "
    "(expected SARSA), whose objective is its reward.",
)  # fmt: skip
def fig1_agents(data):
    return _agents(data["grid"])


def _agents(data):
    labels = ["DRA", "Equal precision", "No cost (λ = 0)"]
    rows = {"objective": "Objective (reward)", "reward": "Reward per episode"}
    return _by_set(data, rows, labels, lambda name, quantity: [
        _quantity(data, f"{name}_{agent}_{quantity}") for agent in ("DRA", "equal", "free")
    ])  # fmt: skip


@_figure(
    "fig1c", "Figure 1c: choice entropy through learning and the change", studies=("grid-change",),
    caption="Choice entropy of every cell, mean over runs: 0 (dark) where the agent always chooses the same, 1 (light) "
    "where it is indifferent. After episode 3000 the wall at the top opens and the goal moves.",
)  # fmt: skip
def fig1c(data):
    data = data["grid-change"]
    task = tasks.grid_world(change_at=data.settings["change_at"])
    moments = data["moments"].tolist()
    fig = Figure(figsize=(plot.COLUMN, 5.0), layout="compressed")
    axes = fig.subplots(len(moments), 2)
    columns = {}
    for column, (name, title) in enumerate(SETS.items()):
        entropy = data[f"{name}_entropy"].mean(axis=0)
        for row, moment in enumerate(moments):
            ax = plot.maze(task.at(moment - 1), entropy[row], axes[row, column], cmap=_DARK_IS_PRECISE, vmin=0.0,
                           vmax=1.0, colorbar=False, ticks=False)  # fmt: skip
            if row == 0:
                _panel_title(ax, title)
            if column == 0:
                ax.set_ylabel(f"Episode {moment}", fontsize=7)
        part = _table({"episode": moments, "cell": range(task.n_states)}, entropy=entropy)
        part = (
            {"parameters": np.full(entropy.size, title)} | part | {"row": part["cell"] // 9, "column": part["cell"] % 9}
        )
        columns = _joined(columns, part)
    _entropy_bar(fig, list(axes.ravel()))
    return fig, columns


def _entropy_bar(fig, axes):
    bar = fig.colorbar(ScalarMappable(Normalize(0, 1), _DARK_IS_PRECISE), ax=axes, location="bottom", aspect=40,
                       fraction=0.03, pad=0.02)  # fmt: skip
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(labelsize=7, length=2)
    bar.set_label("Choice entropy (fraction of maximum)", fontsize=8)


# Mountain car


@_figure(
    "fig2-agents", "Mountain car: DRA, equal precision and no cost", studies=("car",),
    caption="Objective and reward in mountain car, mean ± SEM over runs: DRA, one σ shared by all memories, and λ = 0 "
    "(expected SARSA), whose objective is its reward.",
)  # fmt: skip
def fig2_agents(data):
    return _agents(data["car"])


def _car_maps(data, key, cmap, vmin, vmax, label):
    """A map over position and velocity for both parameter sets: of the run with the best simulated episodes."""
    data = data["car"]
    task = tasks.mountain_car()
    fig, axes = plot.figure(2, 1, height=4.3)
    columns = {}
    for ax, (name, title) in zip(axes, SETS.items(), strict=True):
        paths = data[f"{name}_best_path"]
        lasted = np.isfinite(paths[:, :, 0]).sum(axis=1)
        togo = np.nansum(data[f"{name}_visits"], axis=1)
        run = int(togo.argmin())
        values = data[f"{name}_{key}"][run]
        path = paths[run, : lasted[run]].T
        plot.plane(task, values, ax, trajectory=path, cmap=cmap, vmin=vmin, vmax=vmax, label=label)
        _panel_title(ax, f"{title}, {lasted[run]} steps to the goal")
        part = {
            "parameters": np.full(task.n_states, title),
            "run": np.full(task.n_states, run),
            "position": np.repeat(task.positions, task.n_velocities),
            "velocity": np.tile(task.velocities, task.n_positions),
            key: values,
            "visits_per_episode": data[f"{name}_visits"][run],
        }
        columns = _joined(columns, part)
    return fig, columns


def _joined(columns, part):
    return part if not columns else {key: np.concatenate([columns[key], part[key]]) for key in part}


@_figure(
    "fig2b", "Figure 2b: value over position and velocity", studies=("car",),
    caption="Value of every state, the largest q̄ of its actions, for the run, of those simulated, whose episodes are "
    "shortest; the line is the shortest of them. States never visited keep their initial value, near 0.",
)  # fmt: skip
def fig2b(data):
    return _car_maps(data, "value", "viridis", None, None, r"Value $\mathrm{max}_a\,\bar{q}$ (reward)")


@_figure(
    "fig2c", "Figure 2c: choice entropy over position and velocity", studies=("car",),
    caption="Choice entropy of every state (dark: precise) for the same run, with the same trajectory.",
)  # fmt: skip
def fig2c(data):
    return _car_maps(data, "entropy", _DARK_IS_PRECISE, 0.0, 1.0, "Choice entropy")


@_figure(
    "fig2d", "Figure 2d: objective by gradient", studies=("car",),
    caption="Final objective in mountain car, mean ± SEM over runs (dots: runs), with Ψ the advantage (A), q̄ (Q) or "
    "the reward to go (R).",
)  # fmt: skip
def fig2d(data):
    data = data["car"]
    names = list("AQR")
    fig, axes = plot.figure(1, 2, height=2.3)
    columns = {}
    for ax, (name, title) in zip(axes, SETS.items(), strict=True):
        final = [tail(_quantity(data, f"{name}_{psi}_objective")) for psi in names]
        _points(ax, range(len(names)), final)
        ax.set_xticks(range(len(names)), names)
        plot.curves([0], [np.nan], ax=ax, xlabel="Gradient", ylabel="Objective (reward)" if ax is axes[0] else None)
        _panel_title(ax, title)
        for psi, runs in zip(names, final, strict=True):
            part = _table({"gradient": [psi], "run": range(len(runs))}, objective=runs)
            columns = _joined(columns, {"parameters": np.full(len(runs), title)} | part)
    return fig, columns


def _points(ax, x, runs, color=plot.PALETTE[0]):
    """Mean ± SEM of runs at each x, with the runs as small dots."""
    for place, values in zip(x, runs, strict=True):
        spread = np.linspace(-0.15, 0.15, len(values))
        ax.plot(place + spread, values, ".", color=color, alpha=0.4, markersize=3, markeredgewidth=0)
        mean, sem = metrics.mean_and_sem(values)
        ax.errorbar(place, mean, np.nan_to_num(sem), fmt="o", color=color, markersize=4, elinewidth=1.2, capsize=2.5)


@_figure(
    "figB2-lambda", "Section B.2: mountain car for different prices of precision", studies=("car",),
    caption="Fraction of evaluation episodes that reach the goal within 200 steps, mean ± SEM over runs, for "
    "different λ (Table B.1 otherwise).",
)  # fmt: skip
def fig_b2_lambda(data):
    data = data["car"]
    prices = [metrics.mean_and_sem(data[f"success_{index}"]) for index in range(len(data["lam"]))]
    mean, sem = (np.stack(part) for part in zip(*prices, strict=True))
    fig, ax = plot.figure(height=2.4)
    labels = [f"λ = {lam:g}" for lam in data["lam"]]
    plot.curves(
        data["episodes"], mean, sem, labels, ax, errors="band", xlabel="Episode", ylabel="Episodes reaching the goal"
    )
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_ylim(-0.03, 1.03)
    columns = _table({"lam": data["lam"], "episode": data["episodes"]}, success=mean, sem=sem)
    return fig, columns


@_figure(
    "figB2-maps", "Section B.2: sensitivity to λ and σ_base", studies=("sensitivity",),
    caption="Final objective and reward, mean over runs, when λ and σ_base are multiplied by the same factors; 1 is "
    "Table B.1. Above each map: how far the mean moves along each axis (SD of the means over levels). Crosses: the "
    "task is not done.",
)  # fmt: skip
def fig_b2_maps(data):
    data = data["sensitivity"]
    factors = data["factors"]
    names = list(data.settings["runs"])
    fig, axes = plot.figure(len(names), 2, height=4.4)
    columns = {}
    ticks = [{0.25: "¼", 0.5: "½"}.get(factor, f"{factor:g}") for factor in factors.tolist()]
    for number, (row, name) in enumerate(zip(axes, names, strict=True)):
        done = task_done(data, name)
        quantities = {"objective": data[f"{name}_reward"] - data[f"{name}_cost"], "reward": data[f"{name}_reward"]}
        for ax, (quantity, values) in zip(row, quantities.items(), strict=True):
            by_lam, by_sigma = main_effects(values)
            drawn = ax.imshow(values.mean(axis=2), cmap="viridis", origin="lower", aspect="equal")
            crosses = np.argwhere(~done)
            ax.plot(crosses[:, 1], crosses[:, 0], "x", color="white", markersize=5, markeredgewidth=1.3)
            bar = fig.colorbar(drawn, cax=ax.inset_axes([1.05, 0, 0.06, 1]))
            bar.outline.set_linewidth(0.5)
            bar.ax.tick_params(labelsize=6.5, length=2)
            ax.set_xticks(range(len(factors)), ticks, fontsize=7)
            ax.set_yticks(range(len(factors)), ticks, fontsize=7)
            ax.tick_params(length=2)
            heading = f"{quantity.capitalize()}\n" if number == 0 else ""
            ax.set_title(f"{heading}λ {by_lam:.2g}, σ_base {by_sigma:.2g}", fontsize=7.5, pad=3)
            if ax is row[0]:
                ax.set_ylabel(f"{name.capitalize()}\nλ (factor)", fontsize=7.5)
            if number == len(names) - 1:
                ax.set_xlabel("σ_base (factor)", fontsize=7.5)
        part = _table({"lam": data[f"{name}_lam"], "sigma_base": data[f"{name}_sigma_base"],
                       "run": range(values.shape[2])}, **quantities)  # fmt: skip
        columns = _joined(columns, {"task": np.full(len(part["run"]), name)} | part)
    return fig, columns


# Planning


def _trajectory_panels(data, kind, references):
    data = data["planning-trajectories"]
    counts = data["n_trajectories"]
    fig, axes = plot.figure(1, 2, height=2.6)
    columns = {}
    for ax, (name, title) in zip(axes, SETS.items(), strict=True):
        exact = f"{name}_{kind}_exact"
        final = data[exact if exact in data else f"{name}_{kind}_objective"]
        names = [str(count) for count in counts]
        _points(ax, range(len(counts)), final)
        part = _table({"method": [f"N_traj = {n}" for n in names], "run": range(final.shape[1])}, objective=final)
        if references and f"{name}_cma" in data:
            cma = data[f"{name}_cma"]
            _points(ax, [len(names)], cma[None], color=plot.PALETTE[1])
            names.append("CMA-\nES")
            part = _joined(part, _table({"method": ["CMA-ES"], "run": range(len(cma))}, objective=cma[None]))
        if references:
            part = _joined(part, _lines(ax, data, name))
        ax.set_xticks(range(len(names)), names)
        ax.set_xlim(-0.6, len(names) - 0.4)
        plot.curves(
            [0],
            [np.nan],
            ax=ax,
            xlabel="Trajectories per update",
            ylabel="Objective (reward)" if ax is axes[0] else None,
        )
        _panel_title(ax, title)
        columns = _joined(columns, {"parameters": np.full(len(part["run"]), title)} | part)
    if references:
        _note_missing(fig, f"{name}_optimum" in data, f"{name}_cma" in data)
        handles, labels = axes[0].get_legend_handles_labels()
        if handles:
            fig.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=7, frameon=False)
    return fig, columns


def _lines(ax, data, name):
    """The exact optima as lines; their numbers."""
    rows = {"method": [], "run": [], "objective": []}
    for key, label, style in (("optimum", "Exact optimum", "-"), ("optimum_equal", "Exact, equal precision", ":")):
        if f"{name}_{key}" in data:
            value = float(data[f"{name}_{key}"])
            ax.axhline(value, color="0.25", linestyle=style, linewidth=1, label=label, zorder=0.5)
            for column, entry in zip(rows, (label, 0, value), strict=True):
                rows[column].append(entry)
    return {column: np.array(entries) for column, entries in rows.items()}


def _note_missing(fig, optimum, cma=True):
    """Say in the figure what was left out for want of an extra."""
    missing = [name for name, there in (("exact optimum", optimum), ("CMA-ES", cma)) if not there]
    if missing:
        fig.suptitle(f"Left out: {', '.join(missing)} (pip install 'sigmalloc[paper]')", fontsize=6.5, color="#B34700")


@_figure(
    "fig3c", "Figure 3c: gradient and black-box optimisation", studies=("planning-trajectories",),
    caption="What the trained σ are worth in the planning task (M = 3) with q̄ = q* fixed (mean ± SEM over runs; dots: "
    "runs), for different numbers of trajectories per update and for CMA-ES; lines: the exact optimum and the best "
    "equal precision. By the exact solver and with the hard policy; sampled and with the soft one if SciPy is missing.",
)  # fmt: skip
def fig3c(data):
    return _trajectory_panels(data, "fixed", True)


@_figure(
    "figB2-n", "Section B.2: trajectories per update", studies=("planning-trajectories",),
    caption="Final objective in the planning task (M = 3) with q̄ learned, mean ± SEM over runs (dots: runs).",
)  # fmt: skip
def fig_b2_n(data):
    return _trajectory_panels(data, "learned", False)


@_figure(
    "fig3d", "Figure 3d: what flexible precision gains, by search budget", studies=("planning-budgets",),
    caption="Top: final objective of flexible (DRA) and equal precision in the planning task (M = 3, q̄ learned), "
    "mean ± SEM over runs. Bottom: their difference. Dashed: exact optima with q̄ = q*; learned q̄ can lie further "
    "apart than q*, so trained agents can exceed them.",
)  # fmt: skip
def fig3d(data):
    data = data["planning-budgets"]
    budgets = data["budgets"]
    fig, axes = plot.figure(2, 2, height=3.9)
    columns = {}
    for column, planner in enumerate(data["planners"].tolist()):
        top, bottom = axes[:, column]
        flexible, equal = (data[f"{planner}_{kind}_objective"] for kind in ("dra", "equal"))
        has_optimum = f"{planner}_dra_optimum" in data
        part = {"planner": np.full(len(budgets), planner), "budget_percent": budgets}
        kinds = (("Flexible", flexible, "dra"), ("Equal", equal, "equal"))
        for (name, values, kind), color in zip(kinds, plot.PALETTE, strict=False):
            mean, sem = metrics.mean_and_sem(values, axis=1)
            plot.curves(budgets, mean, sem, name, top, marker="o", markersize=3, color=color)
            part |= {f"{name.lower()}": mean, f"{name.lower()}_sem": sem}
            if has_optimum:
                optimum = data[f"{planner}_{kind}_optimum"]
                top.plot(budgets, optimum, "--", color=color, linewidth=1)
                part[f"{name.lower()}_optimum"] = optimum
        gain = flexible.mean(axis=1) - equal.mean(axis=1)
        error = np.hypot(*(metrics.mean_and_sem(values, axis=1)[1] for values in (flexible, equal)))
        plot.curves(budgets, gain, error, ax=bottom, marker="o", markersize=3, color=plot.PALETTE[2])
        if has_optimum:
            bottom.plot(
                budgets, part["flexible_optimum"] - part["equal_optimum"], "--", color=plot.PALETTE[2], linewidth=1
            )
        bottom.axhline(0, color="0.6", linewidth=0.7, zorder=0.5)
        part |= {"difference": gain, "difference_sem": error}
        top.get_legend().remove()
        _panel_title(top, planner.capitalize())
        plot.curves([0], [np.nan], ax=top, ylabel="Objective (reward)" if column == 0 else None)
        plot.curves([0], [np.nan], ax=bottom, xlabel="Search budget (%)",
                    ylabel="Flexible − equal" if column == 0 else None)  # fmt: skip
        for ax in (top, bottom):
            ax.set_xticks([0, 25, 50, 75, 100])
            ax.set_xlim(0, 104)
        columns = _joined(columns, part)
    for row in axes:
        low = min(ax.get_ylim()[0] for ax in row)
        high = max(ax.get_ylim()[1] for ax in row)
        for ax in row:
            ax.set_ylim(low, high)
    _budget_legend(fig, axes[0, 0], has_optimum)
    return fig, columns


def _budget_legend(fig, ax, has_optimum):
    handles, labels = ax.get_legend_handles_labels()
    if has_optimum:
        handles.append(Line2D([], [], color="0.25", linestyle="--", linewidth=1))
        labels.append("Exact optimum (q*)")
    fig.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=7, frameon=False, handlelength=1.8)
    _note_missing(fig, has_optimum)


@_figure(
    "fig3e", "Figure 3e: precision follows what is at stake", studies=("planning-budgets",),
    caption="Discriminability d′ and mean σ of the two memories of each state against the difference in cumulative "
    "reward between its actions (q*), planning task (M = 3, q̄ learned): dots are means over runs, lines "
    "least-squares fits with 95 % bands, for three search budgets.",
)  # fmt: skip
def fig3e(data):
    data = data["planning-budgets"]
    budgets = data["budgets"].tolist()
    shown = [budgets.index(budget) for budget in (12.5, 50, 100)]
    fig, axes = plot.figure(2, 2, height=4.2)
    columns = {}
    for column, planner in enumerate(data["planners"].tolist()):
        x = data[f"{planner}_difference"]
        for row, (key, label) in enumerate((("d_prime", "Discriminability d′"), ("mean_sigma", "Mean σ (reward)"))):
            ax = axes[row, column]
            values = data[f"{planner}_{key}"].mean(axis=1)
            for index in shown:
                plot.regression(x, values[index], ax, f"{budgets[index]:g} %",
                                xlabel="Difference in cumulative\nreward (q*)" if row else None,
                                ylabel=label if column == 0 else None)  # fmt: skip
            ax.get_legend().remove()
            if row == 0:
                _panel_title(ax, planner.capitalize())
        drawn = {key: data[f"{planner}_{key}"].mean(axis=1) for key in ("d_prime", "mean_sigma")}
        part = _table({"budget_percent": budgets, "state": range(len(x))}, **drawn)
        part = {"planner": np.full(len(part["state"]), planner)} | part | {"difference": x[part["state"]]}
        columns = _joined(columns, part)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=7, frameon=False, title="Search budget",
               title_fontsize=7)  # fmt: skip
    return fig, columns


@_figure(
    "fig3f", "Figure 3f: objective with and without time pressure, by search budget", studies=("planning-budgets",),
    caption="Final objective F (reward − cost) and F̃ (reward rate − cost, Eq. 8 with a_dec = 0.1 and t_nondec = 1) "
    "of DRA in the planning task (M = 3, q̄ learned, independent rollouts), mean ± SEM over runs. Dashed: exact "
    "optimum with q̄ = q*.",
)  # fmt: skip
def fig3f(data):
    data = data["planning-budgets"]
    budgets = data["budgets"]
    fig, axes = plot.figure(1, 2, height=2.5)
    columns = {"budget_percent": budgets}
    kinds = {"rollouts": "Objective F* (reward)", "rate": "Objective F̃* (reward per time)"}
    for ax, (kind, label) in zip(axes, kinds.items(), strict=True):
        mean, sem = metrics.mean_and_sem(data[f"{kind}_dra_objective"], axis=1)
        plot.curves(budgets, mean, sem, "DRA", ax, xlabel="Search budget (%)", ylabel=label, marker="o", markersize=3)
        ax.get_legend().remove()
        ax.set_xticks([0, 25, 50, 75, 100])
        ax.set_xlim(0, 104)
        columns |= {f"{kind}": mean, f"{kind}_sem": sem}
        if f"{kind}_dra_optimum" in data:
            columns[f"{kind}_optimum"] = data[f"{kind}_dra_optimum"]
            ax.plot(budgets, columns[f"{kind}_optimum"], "--", color=plot.PALETTE[0], linewidth=1)
    _budget_legend(fig, axes[0], "rate_dra_optimum" in data)
    return fig, columns


@_figure(
    "figB1", "Figure B.1: precision follows what is at stake, for 3, 4 and 5 moves",
    studies=("planning-budgets", "planning-moves"),
    caption="Least-squares lines of discriminability d′ (mean over runs) against the difference in cumulative reward "
    "between the actions of a state (q*), for every search budget; planning task with M moves, q̄ learned, rollouts.",
)  # fmt: skip
def fig_b1(data):
    parts = by_moves(data)
    fig, axes = plot.figure(len(parts), 1, height=5.6)
    columns = {}
    for ax, (moves, (arrays, prefix, budgets)) in zip(axes, parts.items(), strict=True):
        x, values = arrays[f"{prefix}difference"], arrays[f"{prefix}d_prime"].mean(axis=1)
        colors = colormaps["viridis"](np.linspace(0, 0.88, len(budgets)))
        ends = np.array([x.min(), x.max()])
        for budget, color, d_prime in zip(budgets, colors, values, strict=True):
            ax.plot(x, d_prime, ".", color=color, markersize=3, alpha=0.5, markeredgewidth=0)
            ax.plot(ends, metrics.regression(x, d_prime).line(ends), color=color, linewidth=1.4, label=f"{budget:g}")
        plot.curves([0], [np.nan], ax=ax, ylabel="Discriminability d′",
                    xlabel="Difference in cumulative reward (q*)" if ax is axes[-1] else None)  # fmt: skip
        _panel_title(ax, f"M = {moves}")
        ax.legend(title="Budget (%)", title_fontsize=6.5, fontsize=6.5, frameon=False, loc="center left",
                  bbox_to_anchor=(1.0, 0.5), handlelength=1.2, labelspacing=0.25)  # fmt: skip
        part = _table({"budget_percent": budgets, "state": range(len(x))}, d_prime=values)
        part = {"moves": np.full(values.size, moves)} | part | {"difference": x[part["state"]]}
        columns = _joined(columns, part)
    return fig, columns


def animate(data, path, quick=False):
    """The choice entropy of one run through learning and the change, as an animated GIF, complete or absent."""
    data = data["grid-change"]
    task = tasks.grid_world(change_at=data.settings["change_at"])
    frames, canvas, force = [], None, None
    for moment, entropy in zip(data["frames"].tolist(), data["frames_entropy"], strict=True):
        if canvas is None or task.at(moment - 1) is not force:
            force = task.at(moment - 1)
            canvas, cells, title = _stage(force, quick)
        cells.set_data(np.where(force.terminal, np.nan, entropy).reshape(len(force.layout), -1))
        changed = moment > data.settings["change_at"]
        title.set_text(f"Episode {moment}{' (after the change)' if changed else ''}")
        canvas.draw()
        frames.append(
            Image.fromarray(np.asarray(canvas.buffer_rgba())[:, :, :3]).quantize(96, dither=Image.Dither.NONE)
        )
    with cache.replacing(path) as part:
        frames[0].save(part, format="GIF", save_all=True, append_images=frames[1:], duration=160, loop=0)
    return path


def _stage(task, quick):
    """A maze drawn once, of which every frame changes the colours and the title only."""
    film = Figure(figsize=(plot.COLUMN, 2.3), layout="constrained", dpi=110)
    canvas = FigureCanvasAgg(film)
    ax = plot.maze(task, np.zeros(task.n_states), film.add_subplot(), cmap=_DARK_IS_PRECISE, vmin=0.0, vmax=1.0,
                   label="Choice entropy", ticks=False)  # fmt: skip
    title = ax.set_title("Episode", fontsize=8)
    if quick:
        film.text(0.998, 0.002, "quick run", fontsize=6, color="#D55E00", ha="right", va="bottom")
    canvas.draw()
    film.set_layout_engine("none")
    return canvas, ax.get_images()[0], title
