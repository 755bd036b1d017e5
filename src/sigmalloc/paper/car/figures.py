"""The figures of mountain car."""

import numpy as np
from matplotlib.ticker import PercentFormatter

from ... import metrics, plot, tasks
from ..batch import tail
from ..figure import (
    DARK_IS_PRECISE,
    SETS,
    agents_figure,
    curve_of,
    figure,
    joined,
    panel_title,
    points,
    table,
)


@figure(
    "fig2-agents", "Mountain car: DRA, equal precision and no cost", studies=("car",),
    caption="Objective and reward in mountain car, mean ± SEM over runs: DRA, one σ shared by all memories, and λ = 0 "
    "(expected SARSA), whose objective is its reward.",
)  # fmt: skip
def fig2_agents(data):
    return agents_figure(data["car"])


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
        panel_title(ax, f"{title}, {lasted[run]} steps to the goal")
        part = {
            "parameters": np.full(task.n_states, title),
            "run": np.full(task.n_states, run),
            "position": np.repeat(task.positions, task.n_velocities),
            "velocity": np.tile(task.velocities, task.n_positions),
            key: values,
            "visits_per_episode": data[f"{name}_visits"][run],
        }
        columns = joined(columns, part)
    return fig, columns


@figure(
    "fig2b", "Figure 2b: value over position and velocity", studies=("car",),
    caption="Value of every state, the largest q̄ of its actions, for the run, of those simulated, whose episodes are "
    "shortest; the line is the shortest of them. States never visited keep their initial value, near 0.",
)  # fmt: skip
def fig2b(data):
    return _car_maps(data, "value", "viridis", None, None, r"Value $\mathrm{max}_a\,\bar{q}$ (reward)")


@figure(
    "fig2c", "Figure 2c: choice entropy over position and velocity", studies=("car",),
    caption="Choice entropy of every state (dark: precise) for the same run, with the same trajectory.",
)  # fmt: skip
def fig2c(data):
    return _car_maps(data, "entropy", DARK_IS_PRECISE, 0.0, 1.0, "Choice entropy")


@figure(
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
        final = [tail(curve_of(data, f"{name}_{psi}_objective")) for psi in names]
        points(ax, range(len(names)), final)
        ax.set_xticks(range(len(names)), names)
        plot.curves([0], [np.nan], ax=ax, xlabel="Gradient", ylabel="Objective (reward)" if ax is axes[0] else None)
        panel_title(ax, title)
        for psi, runs in zip(names, final, strict=True):
            part = table({"gradient": [psi], "run": range(len(runs))}, objective=runs)
            columns = joined(columns, {"parameters": np.full(len(runs), title)} | part)
    return fig, columns


@figure(
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
    columns = table({"lam": data["lam"], "episode": data["episodes"]}, success=mean, sem=sem)
    return fig, columns


FIGURES = (fig2_agents, fig2b, fig2c, fig2d, fig_b2_lambda)
