"""What the paper claims about the maze (Figure 1), and how it is judged here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..batch import tail
from ..claim import SETS, Row, Z, claim, listed, near, objective
from ..comparison import RATIO_RULE, REACH_RULE, better_than_equal, slower_than_free
from ..statistics import Number, mean, rank_correlation, separation, show, slope
from . import geometry

_PARAMETERS = {"table": "Table B.1 (λ = 0.2, γ = 1)", "scripts": "the scripts (λ = 0.1, γ = 0.9 in the q̄ update)"}


def _setting(settings: dict[str, Any], name: str, episodes: Any) -> str:
    return (
        f"Maze, {_PARAMETERS[name]}, {settings['restarts']} runs × {episodes} episodes, evaluated every "
        f"{settings['evaluate_every']} episodes with {settings['evaluation_episodes']} episodes of the soft policy"
    )


@claim(
    "1b",
    "All initial precisions σ₀ eventually reach the same objective; a smaller σ₀ (more resources) learns faster, at a "
    "higher early cost",
    where="Fig. 1b",
    paper="curves for σ₀ = 1, 3, 4, 5 meet; smaller σ₀ rises earlier",
    criterion="Final objectives (last fifth of training) differ by at most 5 % of their mean; mean reward and mean "
    "cost of the first fifth of 5000 episodes both fall with σ₀ (slope below 0 by more than 3 standard errors over "
    "runs). Decides: the scripts' parameters, which are those of the figure. Table B.1 takes four times as long to "
    "settle",
    studies=("grid",),
    figures=("fig1b",),
)
def claim_1b(data: Any) -> list[Row]:
    data = data["grid"]
    sigma_0, rows = data["sigma_0"], []
    early = max(1, len(data["episodes"]) // 5)
    for name in ("scripts", "table"):
        label = SETS[name]
        final = [
            mean(f"{label}: final objective, σ₀ = {value:g}", runs)
            for value, runs in zip(sigma_0, tail(objective(data, f"{name}_starts")), strict=True)
        ]
        values = np.array([number.value for number in final])
        spread = np.ptp(values) / abs(values.mean())
        first = {key: data[f"{name}_starts_{key}"][:, :, :early].mean(axis=2) for key in ("reward", "cost")}
        gain = slope(f"{label}: early reward per unit of σ₀", sigma_0, first["reward"])
        cost = slope(f"{label}: early cost per unit of σ₀", sigma_0, first["cost"])
        parts = {
            "final objectives within 5 %": spread <= 0.05, "smaller σ₀ learns faster": gain.z < -Z,
            "at a higher early cost": cost.z < -Z,
        }  # fmt: skip
        rows.append(
            Row(
                label,
                _setting(data.settings, name, data.settings["episodes"][name]) + f", σ₀ ∈ {{{listed(sigma_0)}}}",
                parts,
                f"final {show(values.min())} to {show(values.max())}, spread {spread:.1%}",
                f"final objectives spread by {spread:.1%}, early reward changes by {gain} and early cost by {cost} per "
                "unit of σ₀",
                [*final, Number(f"{label}: spread of final objectives", spread), gain, cost],
                decides=name == "scripts",
            )  # fmt: skip
        )
    return rows


_CHANGES = {
    "figure": "figure's script (α₁ = 0.2, λ = 0.1, γ = 0.9)", "scripts": "α₁ = 0.1, else the same",
    "table": "Table B.1",
}  # fmt: skip


@claim(
    "1c",
    "Memories near the goal become precise first, later those of the shortest path; after the change they are "
    "reallocated, with traces of the path that was better before",
    where="Fig. 1c",
    paper="maps of choice entropy at episodes 300, 3000, 3300, 10000",
    criterion="(a) Episode 300: rank correlation of choice entropy with distance to the goal above 0.3, z > 3 over "
    "runs; (b) 3000: a random cell of the shortest paths has a lower entropy than one elsewhere with probability ≥ "
    "0.75; (c) from 3000 to 10000 entropy falls on the new shortest paths (z > 3), and (d) is then lower there than "
    "elsewhere with probability ≥ 0.75; traces: cells of old shortest paths only are more precise than cells of "
    "neither (z > 3), (e) at 3300 and (f) at 10000, there in runs that have left the old path, whose present path it "
    "otherwise is. Probabilities with 3 standard errors to spare. Decides: the figure's own script",
    studies=("grid-change",),
    figures=("fig1c",),
)
def claim_1c(data: Any) -> list[Row]:
    return [_reallocation(data["grid-change"], name, label) for name, label in _CHANGES.items()]


def _reallocation(data: Any, name: str, label: str) -> Row:
    change_at = data.settings["change_at"]
    old, new = geometry.shortest_paths(change_at - 1, change_at), geometry.shortest_paths(change_at, change_at)
    distance, open_ = geometry.distance_to_goal(change_at - 1, change_at), geometry.open_cells(change_at)
    neither, left = open_ & ~new & ~old, old & ~new
    first, before, soon, late = np.moveaxis(data[f"{name}_entropy"], 1, 0)
    moving = data[f"{name}_gate"] > 0.5
    near_goal = mean("(a) ρ(entropy, distance) at 300", rank_correlation(first[:, open_], distance[open_]))
    path = mean("(b) P(path below elsewhere) at 3000", separation(before[:, old], before[:, open_ & ~old]))
    moved = mean("(c) change of entropy on new paths", (late - before)[:, new & open_].mean(axis=1))
    after = mean("(d) P(new path below elsewhere) at 10000", separation(late[:, new], late[:, neither]))
    traces = [
        _trace(f"({letter}) old paths − neither at {moment}", at, left, neither)
        for letter, moment, at in (("e", 3300, soon), ("f", 10000, late[moving]))
    ]
    share = mean("runs whose path moves to the top row", moving.astype(float))
    parts = {
        "(a) near the goal first": near_goal.value > 0.3 and near_goal.z > Z,
        "(b) then the shortest path": path.value - Z * path.error >= 0.75,
        "(c) reallocated to the new path": moved.z < -Z,
        "(d) which is precise in the end": after.value - Z * after.error >= 0.75,
        "(e) traces of the old path at 3300": traces[0].z < -Z,
        "(f) traces of the old path at 10000": traces[1].z < -Z,
    }
    found = f"{moving.sum()} of {len(moving)} runs move to the new path"
    failing = [part[:3] for part, held in parts.items() if not held]
    here = f"{sum(parts.values())} of {len(parts)} parts hold" + (f" (not {', '.join(failing)})" if failing else "")
    setting = (
        f"Maze that changes at episode {change_at}, {label}, {len(moving)} runs × {data.settings['episodes']} episodes"
    )
    numbers = [near_goal, path, moved, after, *traces, share]
    evidence = ", ".join(f"{number.name}: {number}" for number in numbers[:-1])
    return Row(label, setting, parts, f"{here}; {found}", f"{evidence}; {found}", numbers, decides=name == "figure")


def _trace(name: str, entropy: Any, left: Any, neither: Any) -> Number:
    """How much more precise cells of old shortest paths only are than cells of neither, over runs."""
    if len(entropy) < 2:
        return Number(name, 0.0)
    return mean(name, entropy[:, left].mean(axis=1) - entropy[:, neither].mean(axis=1))


def _compared(data: Any) -> Callable[[str, Any], str]:
    return lambda name, agents: _setting(data.settings, name, data.settings["compared"])


@claim(
    "1-eq",
    "The objective is about twice better than with equal precision that is subject to the same optimisation",
    where="Fig. 1, text",
    paper="about 2×",
    criterion=RATIO_RULE.format(low=near(2)[0], high=near(2)[1]),
    studies=("grid",),
    figures=("fig1-agents",),
)
def claim_1_eq(data: Any) -> list[Row]:
    return better_than_equal(data["grid"], 2, _compared(data["grid"]))


@claim(
    "1-sarsa",
    "Convergence takes about 1.5 times the episodes of expected SARSA (λ → 0)",
    where="Fig. 1, text",
    paper="about 1.5×",
    criterion=REACH_RULE.format(low=near(1.5)[0], high=near(1.5)[1]),
    studies=("grid",),
    figures=("fig1-reach", "fig1-agents"),
)
def claim_1_sarsa(data: Any) -> list[Row]:
    return slower_than_free(data["grid"], 1.5, _compared(data["grid"]))


CLAIMS = (claim_1b, claim_1c, claim_1_eq, claim_1_sarsa)
