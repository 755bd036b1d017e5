"""The figures of the planning task."""

import numpy as np
from matplotlib import colormaps
from matplotlib.lines import Line2D

from ... import metrics, plot
from ..figure import (
    SETS,
    figure,
    joined,
    panel_title,
    points,
    table,
)
from .claims import by_moves


def _trajectory_panels(data, kind, references):
    data = data["planning-trajectories"]
    counts = data["n_trajectories"]
    fig, axes = plot.figure(1, 2, height=2.6)
    columns = {}
    for ax, (name, title) in zip(axes, SETS.items(), strict=True):
        final = data[f"{name}_{kind}_{'exact' if references else 'objective'}"]
        names = [str(count) for count in counts]
        points(ax, range(len(counts)), final)
        part = table({"method": [f"N_traj = {n}" for n in names], "run": range(final.shape[1])}, objective=final)
        if references and f"{name}_cma" in data:
            cma = data[f"{name}_cma"]
            points(ax, [len(names)], cma[None], color=plot.PALETTE[1])
            names.append("CMA-\nES")
            part = joined(part, table({"method": ["CMA-ES"], "run": range(len(cma))}, objective=cma[None]))
        if references:
            part = joined(part, _lines(ax, data, name))
        ax.set_xticks(range(len(names)), names)
        ax.set_xlim(-0.6, len(names) - 0.4)
        plot.curves(
            [0],
            [np.nan],
            ax=ax,
            xlabel="Trajectories per update",
            ylabel="Objective (reward)" if ax is axes[0] else None,
        )
        panel_title(ax, title)
        columns = joined(columns, {"parameters": np.full(len(part["run"]), title)} | part)
    if references:
        handles, labels = axes[0].get_legend_handles_labels()
        if f"{name}_cma" not in data:
            fig.suptitle("CMA-ES left out (pip install 'sigmalloc[paper]')", fontsize=6.5, color="#B34700")
        if handles:
            fig.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=7, frameon=False)
    return fig, columns


def _lines(ax, data, name):
    """The exact optima as lines; their numbers."""
    rows = {"method": [], "run": [], "objective": []}
    for key, label, style in (("optimum", "Exact optimum", "-"), ("optimum_equal", "Exact, equal precision", ":")):
        value = float(data[f"{name}_{key}"])
        ax.axhline(value, color="0.25", linestyle=style, linewidth=1, label=label, zorder=0.5)
        for column, entry in zip(rows, (label, 0, value), strict=True):
            rows[column].append(entry)
    return {column: np.array(entries) for column, entries in rows.items()}


@figure(
    "fig3c", "Figure 3c: gradient and black-box optimisation", studies=("planning-trajectories",),
    caption="What the trained σ are worth in the planning task (M = 3) with q̄ = q* fixed (mean ± SEM over runs; dots: "
    "runs), for different numbers of trajectories per update and for CMA-ES; lines: the exact optimum and the best "
    "equal precision. By the exact solver and with the hard policy.",
)  # fmt: skip
def fig3c(data):
    return _trajectory_panels(data, "fixed", True)


@figure(
    "figB2-n", "Section B.2: trajectories per update", studies=("planning-trajectories",),
    caption="Final objective in the planning task (M = 3) with q̄ learned, mean ± SEM over runs (dots: runs).",
)  # fmt: skip
def fig_b2_n(data):
    return _trajectory_panels(data, "learned", False)


@figure(
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
        part = {"planner": np.full(len(budgets), planner), "budget_percent": budgets}
        kinds = (("Flexible", flexible, "dra"), ("Equal", equal, "equal"))
        for (name, values, kind), color in zip(kinds, plot.PALETTE, strict=False):
            mean, sem = metrics.mean_and_sem(values, axis=1)
            plot.curves(budgets, mean, sem, name, top, marker="o", markersize=3, color=color)
            part |= {f"{name.lower()}": mean, f"{name.lower()}_sem": sem}
            optimum = data[f"{planner}_{kind}_optimum"]
            top.plot(budgets, optimum, "--", color=color, linewidth=1)
            part[f"{name.lower()}_optimum"] = optimum
        gain = flexible.mean(axis=1) - equal.mean(axis=1)
        error = np.hypot(*(metrics.mean_and_sem(values, axis=1)[1] for values in (flexible, equal)))
        plot.curves(budgets, gain, error, ax=bottom, marker="o", markersize=3, color=plot.PALETTE[2])
        bottom.plot(budgets, part["flexible_optimum"] - part["equal_optimum"], "--", color=plot.PALETTE[2], linewidth=1)
        bottom.axhline(0, color="0.6", linewidth=0.7, zorder=0.5)
        part |= {"difference": gain, "difference_sem": error}
        top.get_legend().remove()
        panel_title(top, planner.capitalize())
        plot.curves([0], [np.nan], ax=top, ylabel="Objective (reward)" if column == 0 else None)
        plot.curves([0], [np.nan], ax=bottom, xlabel="Search budget (%)",
                    ylabel="Flexible − equal" if column == 0 else None)  # fmt: skip
        for ax in (top, bottom):
            ax.set_xticks([0, 25, 50, 75, 100])
            ax.set_xlim(0, 104)
        columns = joined(columns, part)
    for row in axes:
        low = min(ax.get_ylim()[0] for ax in row)
        high = max(ax.get_ylim()[1] for ax in row)
        for ax in row:
            ax.set_ylim(low, high)
    _budget_legend(fig, axes[0, 0])
    return fig, columns


def _budget_legend(fig, ax):
    handles, labels = ax.get_legend_handles_labels()
    handles.append(Line2D([], [], color="0.25", linestyle="--", linewidth=1))
    labels.append("Exact optimum (q*)")
    fig.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=7, frameon=False, handlelength=1.8)


@figure(
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
                panel_title(ax, planner.capitalize())
        drawn = {key: data[f"{planner}_{key}"].mean(axis=1) for key in ("d_prime", "mean_sigma")}
        part = table({"budget_percent": budgets, "state": range(len(x))}, **drawn)
        part = {"planner": np.full(len(part["state"]), planner)} | part | {"difference": x[part["state"]]}
        columns = joined(columns, part)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=7, frameon=False, title="Search budget",
               title_fontsize=7)  # fmt: skip
    return fig, columns


@figure(
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
        columns[f"{kind}_optimum"] = data[f"{kind}_dra_optimum"]
        ax.plot(budgets, columns[f"{kind}_optimum"], "--", color=plot.PALETTE[0], linewidth=1)
    _budget_legend(fig, axes[0])
    return fig, columns


@figure(
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
        panel_title(ax, f"M = {moves}")
        ax.legend(title="Budget (%)", title_fontsize=6.5, fontsize=6.5, frameon=False, loc="center left",
                  bbox_to_anchor=(1.0, 0.5), handlelength=1.2, labelspacing=0.25)  # fmt: skip
        part = table({"budget_percent": budgets, "state": range(len(x))}, d_prime=values)
        part = {"moves": np.full(values.size, moves)} | part | {"difference": x[part["state"]]}
        columns = joined(columns, part)
    return fig, columns


FIGURES = (fig3c, fig_b2_n, fig3d, fig3e, fig3f, fig_b1)
