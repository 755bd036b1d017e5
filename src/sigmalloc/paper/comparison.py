"""Agents compared in one task: how claims on "k times better" and "k times slower" are judged, and their figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import plot
from .batch import tail
from .claim import SETS, Row, about, near, objective
from .figure import TITLES, Columns, Drawing, curve_of, curves_by_set, joined, panel_title
from .statistics import LEVELS, SHORT, Number, mean, ratio, reach, show

RATIO_RULE = (
    "|objective| of equal precision over that of DRA, last fifth of training: above 1 by more than 3 standard errors "
    "and in [{low:g}, {high:g}] (half to twice the claimed improvement); above 1 but out of range: partly. In both "
    "parameter sets"
)
REACH_RULE = (
    "Episodes after which the mean return over runs first reaches a level, DRA over λ = 0, for "
    f"{LEVELS} levels spaced evenly in the logarithm of their distance to the lower of the two plateaus (mean of the "
    f"last fifth), from the later start to {SHORT:.0%} of the plateau below it. Holds if the 95 % band (bootstrap over "
    "runs) of the median over levels overlaps [{low:g}, {high:g}] and is no wider than that range; a band above 1 that "
    "does not: partly. In both parameter sets"
)


def better_than_equal(data: Any, k: float, setting: Any) -> list[Row]:
    """Rows of "k times better than equal precision"."""
    rows = []
    for name, label in SETS.items():
        flexible, equal = (tail(objective(data, f"{name}_{agent}")) for agent in ("DRA", "equal"))
        f = mean(f"{label}: final objective, DRA", flexible)
        e = mean(f"{label}: final objective, equal precision", equal)
        times = ratio(f"{label}: ratio", equal, flexible)
        low, high = near(k)
        parts = {"above 1": about(times, k) > 0, f"in [{low:g}, {high:g}]": low <= times.value <= high}
        side = "above" if times.value > k else "below"
        rows.append(
            Row(
                label,
                setting(name, ("DRA", "equal")),
                parts,
                f"{times}×",
                f"final objective {f} with DRA and {e} with equal precision, {times} times as good: {side} {k:g}",
                [f, e, times],
                only=about(times, k),
            )  # fmt: skip
        )
    return rows


def slower_than_free(data: Any, k: float, setting: Any) -> list[Row]:
    """Rows of "k times the episodes of no cost to converge"."""
    low, high = near(k)
    rows = []
    for name, label in SETS.items():
        curves = data[f"{name}_DRA_reward"], data[f"{name}_free_reward"]
        found: dict[str, Any] = {
            spacing: reach(data["episodes"], curves[0], curves[1], spacing) for spacing in ("log", "linear")
        }
        if found["log"] is None:
            text = "one of the agents does not rise to a plateau"
            rows.append(Row(label, setting(name, ("DRA", "free")), {"both agents learn": False}, text, text))
            continue
        bottom, top = found["log"].band
        overlaps, narrow = top >= low and bottom <= high, top - bottom <= high - low
        numbers = [
            Number(f"{label}: median ratio of episodes, {spacing} levels", one.median, interval=one.band)
            for spacing, one in found.items()
        ]
        parts = {f"band overlaps [{low:g}, {high:g}]": overlaps, "band no wider than that": narrow}
        ends = found["log"]
        evidence = (
            f"median ratio {_interval(ends)} over levels from {show(ends.levels[0])} to {show(ends.levels[-1])}; the "
            f"highest level is reached after {ends.slow[-1]:.0f} episodes by DRA and {ends.fast[-1]:.0f} with λ = 0; "
            f"over evenly spaced levels the median is {_interval(found['linear'])}"
        )
        only = 2 if overlaps and narrow else int(bottom > 1)
        here = f"{_interval(ends)}×"
        rows.append(Row(label, setting(name, ("DRA", "free")), parts, here, evidence, numbers, only=only))
    return rows


def _interval(found: Any) -> str:
    return f"{show(found.median)} [{show(found.band[0])}, {show(found.band[1])}]"


def agents_figure(data: Any) -> Drawing:
    """Objective and reward of DRA, equal precision and no cost."""
    labels = ["DRA", "Equal precision", "No cost (λ = 0)"]
    rows = {"objective": "Objective (reward)", "reward": "Reward per episode"}
    return curves_by_set(data, rows, labels, lambda name, quantity: [
        curve_of(data, f"{name}_{agent}_{quantity}") for agent in ("DRA", "equal", "free")
    ])  # fmt: skip


def reach_figure(data: Any, k: float) -> Drawing:
    """Ratio of the episodes to first reach a level of return, as a curve over levels, for both parameter sets."""
    fig, axes = plot.figure(1, 2, height=2.4)
    columns: Columns = {}
    low, high = near(k)
    for ax, (name, title) in zip(axes, TITLES.items(), strict=True):
        found = reach(data["episodes"], *(data[f"{name}_{agent}_reward"] for agent in ("DRA", "free")))
        panel_title(ax, title)
        if found is None:
            ax.text(0.5, 0.5, "an agent does\nnot learn", transform=ax.transAxes, ha="center", fontsize=7)
            continue
        gap = found.gaps
        ax.axhspan(low, high, color="0.92", zorder=0, label=f"about {k:g}×")
        ax.fill_between(gap, found.low, found.high, color=plot.PALETTE[0], alpha=0.25, linewidth=0)
        ax.plot(gap, found.ratio, color=plot.PALETTE[0], linewidth=1.3, label="DRA / no cost (95 % band)")
        ax.axhline(found.median, color=plot.PALETTE[1], linestyle="--", linewidth=1, label="median over levels")
        ax.axhline(1, color="0.5", linewidth=0.7, zorder=0.5)
        ax.set_xscale("log")
        ax.invert_xaxis()
        ticks = [tick for tick in (0.5, 1, 2, 5, 10, 20, 50, 100, 200) if gap[-1] <= tick <= gap[0]]
        ticks = ticks[:: 1 + len(ticks) // 6]
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.set_xticks([], minor=True)
        plot.curves([gap[0]], [np.nan], ax=ax, xlabel="Return still missing\nto the plateau",
                    ylabel="Ratio of episodes to\nfirst reach the level" if ax is axes[0] else None)  # fmt: skip
        part = {
            "parameters": np.full(LEVELS, title), "level": found.levels, "episodes_dra": found.slow,
            "episodes_free": found.fast, "ratio": found.ratio, "low": found.low, "high": found.high,
        }  # fmt: skip
        columns = joined(columns, part)
    bottom, top = min(0.8, *(ax.get_ylim()[0] for ax in axes)), max(ax.get_ylim()[1] for ax in axes)
    for ax in axes:
        ax.set_ylim(bottom, top)
    handles, names = axes[0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=2, fontsize=7, frameon=False, handlelength=1.6)
    return fig, columns
