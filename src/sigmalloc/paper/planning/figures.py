"""The figures of the planning task."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ... import metrics, plot
from ..figure import TITLES, Columns, Drawing, figure, joined, panel_title, points, table
from .claims import STORED, learned_by_moves
from .common import PLANNERS

_BUDGET_TICKS = [0, 25, 50, 75, 100]


def _label(ax: Axes, xlabel: str | None = None, ylabel: str | None = None) -> None:
    plot.curves([0], [np.nan], ax=ax, xlabel=xlabel, ylabel=ylabel)


def _budget_axis(ax: Axes, last: Any = True) -> None:
    ax.set_xticks(_BUDGET_TICKS)
    ax.set_xlim(0, 104)
    if last:
        _label(ax, "Search budget (%)")


def _legend(fig: Figure, axes: Any, columns: Any = 2, **options: Any) -> None:
    found: dict[Any, Any] = {}
    for ax in np.ravel(axes):
        found |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    fig.legend(found.values(), found.keys(), loc="outside lower center", ncols=columns, fontsize=7, frameon=False,
               handlelength=1.8, **options)  # fmt: skip


# Trajectories per update


@figure(
    "fig3c", "Figure 3c: gradient and black-box optimisation", studies=("planning-trajectories",),
    caption="What σ are worth in the planning task (M = 3) with q̄ = q* fixed, by the exact solver and with the hard "
    "policy; mean ± SD over runs, as in the paper (dots: runs). N: the gradient with N trajectories per update; noisy: "
    "CMA-ES on 1000 simulated trials, as the authors ran it; exact: CMA-ES on the exact objective.",
)  # fmt: skip
def fig3c(data: Any) -> Drawing:
    data = data["planning-trajectories"]
    fig, axes = plot.figure(1, 2, height=2.8)
    columns: Columns = {}
    for ax, (name, title) in zip(axes, TITLES.items(), strict=True):
        runs = {f"{n}": values for n, values in zip(data["n_trajectories"], data[f"{name}_exact"], strict=True)}
        black = {label: data[f"{name}_{key}"] for label, key in (("noisy", "noisy"), ("exact", "cma"))
                 if f"{name}_{key}" in data}  # fmt: skip
        points(ax, range(len(runs)), runs.values(), bars="sd")
        places = [*range(len(runs)), *(len(runs) + 0.2 + 1.5 * np.arange(len(black)))]
        points(ax, places[len(runs) :], black.values(), color=plot.PALETTE[1], bars="sd")
        lines = {"Exact optimum": (data[f"{name}_optimum"], "-"),
                 "Exact, equal precision": (data[f"{name}_optimum_equal"], ":")}  # fmt: skip
        if name == "scripts":
            lines["Authors' stored σ"] = (STORED, "--")
        for label, (value, style) in lines.items():
            ax.axhline(float(value), color="0.25", linestyle=style, linewidth=1, label=label, zorder=0.5)
        names = [*runs, *(f"CMA\n{kind}" for kind in black)]
        ax.set_xticks(places, names, fontsize=6)
        ax.set_xlim(-0.6, places[-1] + 0.7)
        _label(ax, "N_traj, or CMA-ES" if black else "N_traj (CMA-ES left out)",
               "Objective (reward)" if ax is axes[0] else None)  # fmt: skip
        panel_title(ax, title)
        everything = {f"N_traj = {n}": values for n, values in runs.items()}
        everything |= {f"CMA-ES, {kind}": values for kind, values in black.items()}
        everything |= {label: np.array([value], dtype=float) for label, (value, _) in lines.items()}
        for method, values in everything.items():
            part = table({"method": [method], "run": range(len(values))}, objective=values)
            columns = joined(columns, {"parameters": np.full(len(values), title)} | part)
    _legend(fig, axes)
    return fig, columns


@figure(
    "figB2-n", "Section B.2: trajectories per update, q̄ learned", studies=("planning-trajectories",),
    caption="Final objective in the planning task (M = 3) with q̄ learned, mean ± SD over runs (dots: runs).",
)  # fmt: skip
def fig_b2_n(data: Any) -> Drawing:
    data = data["planning-trajectories"]
    counts = data["n_trajectories"]
    fig, axes = plot.figure(1, 2, height=2.3)
    columns: Columns = {}
    for ax, (name, title) in zip(axes, TITLES.items(), strict=True):
        final = data[f"{name}_learned_objective"]
        points(ax, range(len(counts)), final, bars="sd")
        ax.set_xticks(range(len(counts)), [str(count) for count in counts])
        ax.set_xlim(-0.6, len(counts) - 0.4)
        _label(ax, "Trajectories per update", "Objective (reward)" if ax is axes[0] else None)
        panel_title(ax, title)
        part = table({"n_trajectories": counts, "run": range(final.shape[1])}, objective=final)
        columns = joined(columns, {"parameters": np.full(final.size, title)} | part)
    return fig, columns


# Search budgets


@figure(
    "fig3d", "Figure 3d: what flexible precision gains, by search budget",
    studies=("planning-optima", "planning-budgets"),
    caption="Planning task, M = 3, all 36 memories. Top: objective of flexible and of equal precision, optimal (exact, "
    "q̄ = q*) and learned (mean ± SEM over runs). Bottom: their difference. Learned q̄ can lie further apart than q*, so "
    "trained agents can exceed the optimum for q*.",
)  # fmt: skip
def fig3d(data: Any) -> Drawing:
    optima, learned = data["planning-optima"], data["planning-budgets"]
    fig, axes = plot.figure(2, 2, height=4.2)
    columns: Columns = {}
    for column, planner in enumerate(PLANNERS):
        top, bottom = axes[:, column]
        values, drawn = {}, {}
        for (kind, name), color in zip({"dra": "Flexible", "equal": "Equal"}.items(), plot.PALETTE, strict=False):
            top.plot(optima["3_budgets"], optima[f"{planner}_{kind}"], color=color, linewidth=1.2,
                     label=f"{name}, optimal for q*")  # fmt: skip
            values[kind] = learned[f"{planner}_{kind}_objective"]
            drawn[kind] = metrics.mean_and_sem(values[kind], axis=1)
            top.errorbar(learned["budgets"], *drawn[kind], fmt="o--", color=color, markersize=3, linewidth=0.8,
                         label=f"{name}, learned")  # fmt: skip
        gain = optima[f"{planner}_dra"] - optima[f"{planner}_equal"]
        found = drawn["dra"][0] - drawn["equal"][0]
        error = np.hypot(drawn["dra"][1], drawn["equal"][1])
        green = plot.PALETTE[2]
        bottom.plot(optima["3_budgets"], gain, color=green, linewidth=1.2, label="Difference, optimal")
        bottom.errorbar(learned["budgets"], found, error, fmt="o--", color=green, markersize=3, linewidth=0.8,
                        label="Difference, learned")  # fmt: skip
        bottom.axhline(0, color="0.6", linewidth=0.7, zorder=0.5)
        panel_title(top, planner.capitalize())
        _label(top, ylabel="Objective (reward)" if column == 0 else None)
        _label(bottom, ylabel="Flexible − equal" if column == 0 else None)
        for ax in (top, bottom):
            _budget_axis(ax, ax is bottom)
        same = np.isin(optima["3_budgets"], learned["budgets"])
        part = {
            "planner": np.full(same.sum(), planner), "budget_percent": learned["budgets"],
            "flexible_optimal": optima[f"{planner}_dra"][same], "equal_optimal": optima[f"{planner}_equal"][same],
            "flexible_learned": drawn["dra"][0], "flexible_learned_sem": drawn["dra"][1],
            "equal_learned": drawn["equal"][0], "equal_learned_sem": drawn["equal"][1],
        }  # fmt: skip
        columns = joined(columns, part)
    for row in axes:
        low, high = min(ax.get_ylim()[0] for ax in row), max(ax.get_ylim()[1] for ax in row)
        for ax in row:
            ax.set_ylim(low, high)
    _legend(fig, axes)
    return fig, columns


@figure(
    "fig3-noise", "Noise of the sampled gradient, by the number of paths", studies=("planning-noise",),
    caption="One update of σ at the optimum (q̄ = q*, N_traj = 10, rollouts), root mean squares over memories. Solid: "
    "scatter of the sampled gradient of a memory. Dashed: of the mean over memories, which is the gradient of an equal "
    "precision. Dotted: size of what is expected of the reward gradient (exact.expected_estimator). Best-path returns "
    "credit every step of every path, so that noise grows with the paths while what is expected of it falls.",
)  # fmt: skip
def fig3_noise(data: Any) -> Drawing:
    data = data["planning-noise"]
    fig, ax = plot.figure(height=2.8)
    columns: Columns = {}
    for (text, budgets), color in zip(data.settings["budgets"].items(), plot.PALETTE, strict=False):
        paths = np.array(budgets) / 100 * 2 ** int(text)
        for key, style in (("flexible", "o-"), ("equal", "o--"), ("size", ":")):
            ax.plot(paths, data[f"{text}_{key}"], style, color=color, markersize=2.5, linewidth=1.1)
        ax.plot([], [], color=color, label=f"M = {text}")
        part = {"moves": np.full(len(paths), int(text)), "budget_percent": np.array(budgets), "paths": paths}
        part |= {key: data[f"{text}_{key}"] for key in ("flexible", "equal", "size", "expected", "exact", "z")}
        columns = joined(columns, part)
    for name, style in (("scatter, each memory", "-"), ("scatter, equal precision", "--"), ("expected size", ":")):
        ax.plot([], [], style, color="0.3", label=name)
    ax.set_xscale("log", base=2)
    ax.set_xticks([1, 2, 4, 8, 16, 32], ["1", "2", "4", "8", "16", "32"])
    ax.set_yscale("log")
    _label(ax, "Paths per trial", "Gradient (reward per σ)")
    _legend(fig, ax, 2)
    return fig, columns


@figure(
    "fig3e", "Figure 3e: precision follows what is at stake", studies=("planning-budgets",),
    caption="Discriminability d′ and mean σ of the two memories of each state against the difference in cumulative "
    "reward between its actions (q*), planning task (M = 3, q̄ learned): dots are means over runs, lines "
    "least-squares fits with 95 % bands, for three search budgets.",
)  # fmt: skip
def fig3e(data: Any) -> Drawing:
    data = data["planning-budgets"]
    budgets = data["budgets"].tolist()
    shown = [budgets.index(budget) for budget in (12.5, 50, 100)]
    fig, axes = plot.figure(2, 2, height=4.2)
    columns: Columns = {}
    for column, planner in enumerate(PLANNERS):
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
                panel_title(ax, planner.capitalize())
        drawn = {key: data[f"{planner}_{key}"].mean(axis=1) for key in ("d_prime", "mean_sigma")}
        part = table({"budget_percent": budgets, "state": range(len(x))}, **drawn)
        part = {"planner": np.full(len(part["state"]), planner)} | part | {"difference": x[part["state"]]}
        columns = joined(columns, part)
    _legend(fig, axes, 3, title="Search budget", title_fontsize=7)
    return fig, columns


@figure(
    "fig3f", "Figure 3f: objective with and without time pressure, by search budget",
    studies=("planning-optima", "planning-budgets"),
    caption="Planning task, M = 3, rollouts. Top left: optimal F* (exact, q̄ = q*) with all memories and with the last "
    "move known, and F as DRA learns it. Top right and bottom left: optimal F̃* (reward rate − cost, Eq. 8, t_nondec = "
    "1) for several a_dec, each as a fraction of its peak (marked); the scripts have a_dec = 0.5. Bottom right: the "
    "budget of the peak.",
)  # fmt: skip
def fig3f(data: Any) -> Drawing:
    optima, learned = data["planning-optima"], data["planning-budgets"]
    budgets, times = optima["3_budgets"], optima["decision_time"]
    names = {"table": "all 36 memories", "scripts": "last move known"}
    fig, axes = plot.figure(2, 2, height=4.6)
    plain, where = axes[0, 0], axes[1, 1]
    columns: Columns = {}
    for (name, label), color in zip(names.items(), plot.PALETTE, strict=False):
        plain.plot(budgets, optima[f"{name}_plain"], color=color, linewidth=1.2, label=f"F*, {label}")
        peaks = budgets[optima[f"{name}_rate"].argmax(axis=1)]
        where.plot(times, peaks, "o-", color=color, markersize=3, linewidth=1)
        part = table({"decision_time": times, "budget_percent": budgets}, objective=optima[f"{name}_rate"])
        whole = table({"decision_time": [0.0], "budget_percent": budgets}, objective=optima[f"{name}_plain"])
        part = joined(whole, part)
        columns = joined(columns, {"memories": np.full(len(part["objective"]), label)} | part)
    mean, sem = metrics.mean_and_sem(learned["rollouts_dra_objective"], axis=1)
    plain.errorbar(learned["budgets"], mean, sem, fmt="o", color="0.3", markersize=3, elinewidth=0.8,
                   label="F, learned (all 36)")  # fmt: skip
    panel_title(plain, "No time pressure")
    _label(plain, ylabel="Objective F (reward)")
    _budget_axis(plain)
    shown = [time for time in (0.05, 0.1, 0.25, 0.5, 1.0) if time in times]
    colors = colormaps["viridis"](np.linspace(0, 0.88, len(shown)))
    for ax, (name, label) in zip((axes[0, 1], axes[1, 0]), names.items(), strict=True):
        for time, color in zip(shown, colors, strict=True):
            rate = optima[f"{name}_rate"][times.tolist().index(time)]
            ax.plot(budgets, rate / rate.max(), color=color, linewidth=1.1)
            ax.plot(budgets[rate.argmax()], 1, "o", color=color, markersize=4)
        panel_title(ax, f"F̃*, {label}")
        _label(ax, ylabel="F̃*, fraction of peak")
        ax.set_ylim(0.4, 1.05)
        _budget_axis(ax)
    for time, color in zip(shown, colors, strict=True):
        plain.plot([], [], color=color, label=rf"a_dec = {time:g}")
    panel_title(where, "Peak of F̃*")
    where.set_ylim(0, 55)
    where.axhline(budgets[0], color="0.6", linewidth=0.7, zorder=0.5)
    where.text(times[-1], budgets[0] - 1.5, "no interior peak", fontsize=6.5, color="0.35", ha="right", va="top")
    _label(where, "a_dec (time per state)", "Budget of the peak (%)")
    _legend(fig, axes)
    return fig, columns


def _budget_key(ax: Axes, budgets: Any) -> None:
    handles = [Line2D([], [], color=color) for color in colormaps["viridis"](np.linspace(0, 0.88, len(budgets)))]
    ax.legend(handles, [f"{budget:g}" for budget in budgets], title="Budget (%)", title_fontsize=6.5, fontsize=6.5,
              frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.2,
              labelspacing=0.25)  # fmt: skip


@figure(
    "figB1", "Figure B.1: precision follows what is at stake, for 3, 4 and 5 moves",
    studies=("planning-optima", "planning-budgets", "planning-moves"),
    caption="Least-squares lines of discriminability d′ against the difference in cumulative reward between the "
    "actions of a state (q*), for every search budget; planning task with M moves, rollouts. Left: the optimal "
    "allocation (exact, q̄ = q*). Right: learned, mean over runs.",
)  # fmt: skip
def fig_b1(data: Any) -> Drawing:
    optima, learned = data["planning-optima"], learned_by_moves(data)
    fig, axes = plot.figure(len(learned), 2, width=4.6, height=5.6)
    columns: Columns = {}
    for row, (moves, (arrays, prefix)) in enumerate(learned.items()):
        kinds = {"optimal": (optima, f"{moves}_"), "learned": (arrays, prefix)}
        for column, (kind, (source, start)) in enumerate(kinds.items()):
            ax = axes[row, column]
            budgets = source[f"{start}budgets"] if f"{start}budgets" in source else source["budgets"]
            x, values = source[f"{start}difference"], source[f"{start}d_prime"].mean(axis=1)
            colors = colormaps["viridis"](np.linspace(0, 0.88, len(budgets)))
            ends = np.array([x.min(), x.max()])
            for budget, color, d_prime in zip(budgets, colors, values, strict=True):
                ax.plot(x, d_prime, ".", color=color, markersize=3, alpha=0.5, markeredgewidth=0)
                line = metrics.regression(x, d_prime).line(ends)
                ax.plot(ends, line, color=color, linewidth=1.3, label=f"{budget:g}")
            _label(ax, "Difference in cumulative\nreward (q*)" if row == len(learned) - 1 else None,
                   "Discriminability d′" if column == 0 else None)  # fmt: skip
            panel_title(ax, f"M = {moves}, {kind}")
            part = table({"budget_percent": budgets, "state": range(len(x))}, d_prime=values)
            part = {"moves": np.full(values.size, moves), "kind": np.full(values.size, kind)} | part
            columns = joined(columns, part | {"difference": x[part["state"]]})
        _budget_key(axes[row, 1], optima[f"{moves}_budgets"])
        low, high = min(ax.get_ylim()[0] for ax in axes[row]), max(ax.get_ylim()[1] for ax in axes[row])
        for ax in axes[row]:
            ax.set_ylim(low, high)
    return fig, columns


FIGURES = (fig3c, fig_b2_n, fig3d, fig3_noise, fig3e, fig3f, fig_b1)
