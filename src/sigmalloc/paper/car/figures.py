"""The figures of mountain car."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import PercentFormatter

from ... import metrics, plot, tasks
from ..batch import tail
from ..comparison import agents_figure, reach_figure
from ..figure import (
    DARK_IS_PRECISE,
    TITLES,
    Columns,
    Drawing,
    curve_of,
    figure,
    joined,
    panel_title,
    points,
    table,
)
from .claims import AXIS
from .prices import DONE


@figure(
    "fig2-agents", "Mountain car: DRA, equal precision and no cost", studies=("car",),
    caption="Objective and reward in mountain car, mean ± SEM over runs: DRA, one σ shared by all memories, and λ = 0 "
    "(expected SARSA), whose objective is its reward.",
)  # fmt: skip
def fig2_agents(data: Any) -> Drawing:
    return agents_figure(data["car"])


@figure(
    "fig2-reach", "Mountain car: how many times the episodes of no cost DRA takes, by level", studies=("car",),
    caption="Ratio of the episodes after which the mean return first reaches a level, DRA over λ = 0, with its 95 % "
    "band by bootstrap over runs, for levels between the start of learning (left) and the lower of the two plateaus "
    "(right). Grey: what counts as about 1.3 times.",
)  # fmt: skip
def fig2_reach(data: Any) -> Drawing:
    return reach_figure(data["car"], 1.3)


def _car_maps(data: Any, key: str, cmap: Any, vmin: float | None, vmax: float | None, label: str) -> Drawing:
    """A map over position and velocity for both parameter sets: of the run with the best simulated episodes."""
    data = data["car"]
    task = tasks.mountain_car()
    fig, axes = plot.figure(2, 1, height=4.3)
    columns: Columns = {}
    for ax, (name, title) in zip(axes, TITLES.items(), strict=True):
        paths = data[f"{name}_best_path"]
        lasted = np.isfinite(paths[:, :, 0]).sum(axis=1)
        togo = np.nansum(data[f"{name}_visits"], axis=1)
        run = int(togo.argmin())
        values = np.where(data[f"{name}_visited"][run], data[f"{name}_{key}"][run], np.nan)
        path, arrived = paths[run, : lasted[run]].T, data[f"{name}_arrived"][run]
        if arrived:  # what is kept ends before the last step, which crosses the goal's line
            path = np.append(path, [[task.geometry.x_goal], path[1, -1:]], axis=1)
        plot.plane(task, values, ax, trajectory=path, cmap=cmap, vmin=vmin, vmax=vmax, label=label)
        end = f"{lasted[run]} steps to the goal" if arrived else f"cut off after {lasted[run]} steps"
        panel_title(ax, f"{title}: {end}")
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
    "shortest; the line is the shortest of them, the dot its start. Grey: never visited in training. At the edge, "
    "actions that were never tried keep their initial value, near 0.",
)  # fmt: skip
def fig2b(data: Any) -> Drawing:
    return _car_maps(data, "value", "viridis", None, None, "Value, largest q̄ (reward)")


@figure(
    "fig2c", "Figure 2c: choice entropy over position and velocity", studies=("car",),
    caption="Choice entropy of every state (dark: precise) for the same run, with the same trajectory. Grey: never "
    "visited in training.",
)  # fmt: skip
def fig2c(data: Any) -> Drawing:
    return _car_maps(data, "entropy", DARK_IS_PRECISE, 0.0, 1.0, "Choice entropy (of max.)")


@figure(
    "fig2d", "Figure 2d: objective by gradient", studies=("car",),
    caption="Final objective in mountain car, mean ± SEM over runs (dots: runs), with Ψ the advantage (A), q̄ (Q), the "
    "reward to go (R) or, as in the scripts, the return of the whole episode (R whole). Grey: what the paper's axis "
    "shows.",
)  # fmt: skip
def fig2d(data: Any) -> Drawing:
    data = data["car"]
    names = {"A": "A", "Q": "Q", "R": "R", "whole": "R\nwhole"}
    fig, axes = plot.figure(1, 2, height=2.4)
    columns: Columns = {}
    for ax, (name, title) in zip(axes, TITLES.items(), strict=True):
        final = [tail(curve_of(data, f"{name}_{psi}_objective")) for psi in names]
        points(ax, range(len(names)), final)
        bottom = ax.get_ylim()[0]
        ax.axhspan(*AXIS, color="0.92", zorder=0)
        ax.set_ylim(bottom, max(-60.0, bottom / 20))
        ax.set_xticks(range(len(names)), names.values())
        plot.curves([0], [np.nan], ax=ax, xlabel="Gradient", ylabel="Objective (reward)" if ax is axes[0] else None)
        panel_title(ax, title)
        for psi, runs in zip(names, final, strict=True):
            part = table({"gradient": [psi], "run": range(len(runs))}, objective=runs)
            columns = joined(columns, {"parameters": np.full(len(runs), title)} | part)
    return fig, columns


@figure(
    "figB2-lambda", "Section B.2: mountain car for different prices of precision", studies=("car-prices",),
    caption="Fraction of evaluation episodes that reach the goal within 200 steps, mean ± SEM over runs, for "
    "different λ (Table B.1 otherwise). Line: what counts as done.",
)  # fmt: skip
def fig_b2_lambda(data: Any) -> Drawing:
    data = data["car-prices"]
    curves = [data[f"success_{index}"] for index in range(len(data["lam"]))]
    mean, sem = (np.stack(part) for part in zip(*map(metrics.mean_and_sem, curves), strict=True))
    fig, ax = plot.figure(height=2.4)
    ax.axhline(DONE, color="0.6", linewidth=0.8, zorder=0.5)
    labels = [f"λ = {lam:g}" for lam in data["lam"]]
    plot.curves(
        data["episodes"], mean, sem, labels, ax, errors="band", xlabel="Episode", ylabel="Episodes reaching the goal"
    )
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_ylim(-0.03, 1.03)
    columns = table({"lam": data["lam"], "episode": data["episodes"]}, success=mean, sem=sem)
    return fig, columns


FIGURES = (fig2b, fig2c, fig2d, fig2_agents, fig2_reach, fig_b2_lambda)
