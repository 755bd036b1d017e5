"""What the paper claims about the maze (Figure 1), and how it is judged here."""

import numpy as np

from .. import batch
from ..claim import (
    RATIO_RULE,
    SETS,
    SETTLING_RULE,
    Finding,
    Z,
    better_than_equal,
    by_set,
    claim,
    level,
    objective,
    slower_than_free,
)
from ..statistics import Number, mean, rank_correlation, separation, show, slope
from . import geometry


def _grid_setting(data):
    s = data["grid"].settings
    return (
        f"Maze, {s['restarts']} runs × {s['episodes']} episodes, evaluated every {s['evaluate_every']} episodes with "
        f"{s['evaluation_episodes']} episodes of the soft policy; Table B.1 (γ = 1, λ = 0.2) and the authors' scripts "
        "(γ = 0.9, λ = 0.1)"
    )


@claim(
    "1b",
    "All initial precisions σ₀ reach the same objective; a smaller σ₀ (more resources) learns faster, at a higher "
    "early cost",
    paper="curves for σ₀ = 1, 3, 4, 5 meet; smaller σ₀ rises earlier",
    criterion="Final objectives (last fifth of training) differ by at most 5 % of their mean; mean reward and mean "
    "cost of the first fifth both fall with σ₀ (slope below 0 by more than 3 standard errors over runs)",
    setting=lambda data: _grid_setting(data) + "; σ₀ ∈ {1, 3, 4, 5}",
    studies=("grid",),
    figures=("fig1b",),
)
def claim_1b(data):
    data = data["grid"]
    sigma_0 = data["sigma_0"]
    early = max(1, len(data["episodes"]) // 5)
    levels, here, evidence, numbers = {}, {}, {}, []
    for name, label in SETS.items():
        final = [
            mean(f"{label}: final objective, σ₀ = {value:g}", runs)
            for value, runs in zip(sigma_0, batch.tail(objective(data, f"{name}_starts")), strict=True)
        ]
        values = np.array([number.value for number in final])
        spread = np.ptp(values) / abs(values.mean())
        gain = slope(
            f"{label}: early reward per unit of σ₀", sigma_0, data[f"{name}_starts_reward"][:, :, :early].mean(2)
        )
        cost = slope(f"{label}: early cost per unit of σ₀", sigma_0, data[f"{name}_starts_cost"][:, :, :early].mean(2))
        levels[name] = level(spread <= 0.05, gain.z < -Z, cost.z < -Z)
        here[name] = f"final {show(values.min())} to {show(values.max())}"
        evidence[name] = (
            f"final objectives spread by {100 * spread:.1f} %, early reward changes by {gain} and early cost by {cost} "
            "per unit of σ₀"
        )
        numbers += [*final, Number(f"{label}: spread of final objectives", spread), gain, cost]
    return Finding(levels, by_set(here), by_set(evidence), numbers)


@claim(
    "1c",
    "Memories near the goal become precise first, later only those of the shortest path; after the change they are "
    "reallocated, with traces of the old path",
    paper="maps of choice entropy at episodes 300, 3000, 3300, 10000",
    criterion="(a) Episode 300: rank correlation of choice entropy with distance to the goal above 0.3; (b) 3000: "
    "entropy lower on the shortest paths than elsewhere, a random cell on them lower than one elsewhere with "
    "probability ≥ 0.75; (c) from 3000 to 10000 entropy falls on the new shortest paths, (d) where it is then lower "
    "than elsewhere with probability ≥ 0.75; (e) 10000: cells of old shortest paths only are lower than cells of "
    "neither. Each with z > 3 over runs",
    setting=lambda data: (
        f"Maze that changes at episode {data['grid-change'].settings['change_at']}, "
        f"{data['grid-change'].settings['restarts']} runs × {data['grid-change'].settings['episodes']} episodes; "
        "shortest paths are all optimal ones of the task; Table B.1 and the authors' scripts"
    ),
    studies=("grid-change",),
    figures=("fig1c",),
)
def claim_1c(data):
    data = data["grid-change"]
    change_at = data.settings["change_at"]
    old, new = geometry.shortest_paths(change_at - 1, change_at), geometry.shortest_paths(change_at, change_at)
    distance, open_ = geometry.distance_to_goal(change_at - 1, change_at), geometry.open_cells(change_at)
    levels, here, evidence, numbers = {}, {}, {}, []
    for name, label in SETS.items():
        at = dict(zip(data["moments"].tolist(), np.moveaxis(data[f"{name}_entropy"], 1, 0), strict=True))
        near = mean(f"{label}: (a) ρ(entropy, distance) at 300", rank_correlation(at[300][:, open_], distance[open_]))
        path = mean(
            f"{label}: (b) P(path below elsewhere) at 3000", separation(at[3000][:, old], at[3000][:, open_ & ~old])
        )
        moved = mean(
            f"{label}: (c) change of entropy on new paths", (at[10000] - at[3000])[:, new & open_].mean(axis=1)
        )
        after = mean(f"{label}: (d) P(new path below elsewhere) at 10000",
                     separation(at[10000][:, new], at[10000][:, open_ & ~new & ~old]))  # fmt: skip
        neither = at[10000][:, open_ & ~new & ~old].mean(axis=1)
        trace = mean(f"{label}: (e) old paths − neither", at[10000][:, old & ~new].mean(axis=1) - neither)
        holds = (
            near.value > 0.3 and near.z > Z,
            path.value >= 0.75 and (path.value - 0.5) / path.error > Z,
            moved.z < -Z,
            after.value >= 0.75 and (after.value - 0.5) / after.error > Z,
            trace.z < -Z,
        )
        levels[name] = level(*holds)
        here[name] = f"{sum(holds)} of 5 parts hold"
        evidence[name] = ", ".join(
            f"({letter}) {number}{'' if held else ' fails'}"
            for letter, number, held in zip("abcde", (near, path, moved, after, trace), holds, strict=True)
        )
        numbers += [near, path, moved, after, trace]
    return Finding(levels, by_set(here), by_set(evidence), numbers)


@claim(
    "1-eq",
    "The objective is about twice better than with equal precision",
    paper="about 2×",
    criterion=RATIO_RULE.format(low=1.5, high=3),
    setting=_grid_setting,
    studies=("grid",),
    figures=("fig1-agents",),
)
def claim_1_eq(data):
    return better_than_equal(data["grid"], 2)


@claim(
    "1-sarsa",
    "Convergence takes about 1.5 times the episodes of expected SARSA (λ → 0)",
    paper="about 1.5×",
    criterion=SETTLING_RULE.format(low=1.25, high=2),
    setting=_grid_setting,
    studies=("grid",),
    figures=("fig1-agents",),
)
def claim_1_sarsa(data):
    return slower_than_free(data["grid"], 1.5)


CLAIMS = (claim_1b, claim_1c, claim_1_eq, claim_1_sarsa)
