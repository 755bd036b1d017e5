"""How effort is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import metrics, plot, tasks
from ..figure import Columns, Drawing, figure, panel_title, table

SEEN = 0.1
"""Visits in an episode from which on a state's effort is drawn: elsewhere it hardly matters."""


@figure(
    "effort-plane", "Beyond the paper: store or sample", studies=("effort-plane",),
    caption="Beyond the paper, which leaves effort to future work. One choice between two actions whose values differ "
    "by 1 (σ_base = 2): samples that a decision takes when memory costs λ a nat and time ω, exact optimum and learned "
    "with σ (mean over runs). Right of the line, where memory is dear and time is cheap, agents sample; left of it "
    "they store: one and done (after Vul et al. 2014).",
)  # fmt: skip
def effort_plane(data: Any) -> Drawing:
    data = data["effort-plane"]
    settings = data.settings
    tables = {"Exact": data["exact_samples"], "Learned": data["learned_samples"].mean(axis=2)}
    top = max(values.max() for values in tables.values())
    fig, axes = plot.figure(2, 1, width=3.4, height=5.4)
    for ax, (name, values) in zip(np.ravel(axes), tables.items(), strict=True):
        plot.regime_plane(
            settings["lam"], settings["opportunity_cost"], np.log10(values), ax, vmin=0.0, vmax=np.log10(top),
            label="Samples per decision (log₁₀ n)", boundaries={"n = 1.5": np.log10(1.5)},
        )  # fmt: skip
        panel_title(ax, name)
    axes = {"opportunity_cost": settings["opportunity_cost"], "lam": settings["lam"]}
    names = ("samples", "sigma", "objective")
    columns = table(
        axes, **{f"exact_{name}": data[f"exact_{name}"] for name in names},
        **{f"learned_{name}": data[f"learned_{name}"].mean(axis=2) for name in names},
    )  # fmt: skip
    return fig, columns


@figure(
    "effort-maze", "Beyond the paper: effort in the maze", studies=("effort-maze",),
    caption="Beyond the paper. Top: mean samples of a decision over the course of learning, one number learned for all "
    "states, at three prices of time ω (mean ± SEM over runs; dashed: exact optimum for the values learned by one of "
    "them). Below: a number for each state at ω = 1, exact optimum for the values of one run, and learned (mean over "
    "runs); grey: entered in fewer than one of ten episodes.",
)  # fmt: skip
def effort_maze(data: Any) -> Drawing:
    data = data["effort-maze"]
    task, prices = tasks.grid_world(), data.settings["opportunity_cost"]
    fig, axes = plot.figure(3, 1, width=3.4, height=6.2)
    curves = {f"ω = {price:g}": effort for price, effort in zip(prices, data["effort"], strict=True)}
    top, *maps = np.ravel(axes)
    plot.effort_curve(data["episodes"], curves, top)
    for line, level in zip(list(top.get_lines()), data["best_effort"], strict=False):
        top.axhline(level, color=line.get_color(), linestyle="--", linewidth=0.8)
    top.set_ylim(1, 1.05 * max(data["best_effort"].max(), data["effort"].mean(axis=1).max()))
    most = max(
        data["exact_samples"][data["exact_visits"] > SEEN].max(),
        data["learned_samples"].mean(axis=0)[data["learned_visits"].mean(axis=0) > SEEN].max(),
    )
    for ax, kind in zip(maps, ("exact", "learned"), strict=True):
        visits = np.atleast_2d(data[f"{kind}_visits"]).mean(axis=0)
        plot.effort_map(task, data[f"{kind}_samples"], ax, ticks=False, visited=visits > SEEN)
        ax.images[0].set_clim(1.0, most)
        panel_title(ax, kind.capitalize())
    mean, sem = (np.stack(part) for part in zip(*map(metrics.mean_and_sem, data["effort"]), strict=True))
    columns: Columns = table({"opportunity_cost": prices, "episode": data["episodes"]}, samples=mean, sem=sem)
    return fig, columns


FIGURES = (effort_plane, effort_maze)
