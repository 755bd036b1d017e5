"""What the paper claims about planning (Figures 3 and B.1, section B.2), and how it is judged here."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..claim import SETS, Row, Z, claim, listed
from ..statistics import Number, difference, mean, show, slope
from .common import DECISION_TIME, PLANNERS

STORED = 44.13
"""What the σ that the authors stored as the result of CMA-ES are worth, by the exact solver (last move known)."""

_MEMORIES = {"table": "Table B.1, all 36 memories", "scripts": "the scripts' variant (σ₀ = 100, last move known)"}
_KINDS = {"fixed": "q̄ = q*", "learned": "q̄ learned"}


# Trajectories per update


def _trajectory_setting(data: Any, name: str, kind: str) -> str:
    s = data.settings
    return (
        f"Planning, M = 3, one path, {_MEMORIES[name]}, {_KINDS[kind]}, {s['restarts'][kind]} runs × {s['episodes']} "
        f"episodes"
    )


def _by_count(data: Any, name: str, kind: str) -> dict[int, Any]:
    """Objective of every run by N_traj: exact where q̄ = q*, else as evaluated at the end."""
    values = data[f"{name}_exact"] if kind == "fixed" else data[f"{name}_learned_objective"]
    return dict(zip(data["n_trajectories"].tolist(), values, strict=True))


@claim(
    "B2-N",
    "More than 10 trajectories per update do not help; fewer hurt, through variance",
    where="Section B.2, Fig. 3c",
    paper="no gain above 10, loss below",
    criterion="With q̄ = q* and what the σ of the last fifth of training are worth exactly, as for 3c: (a) N_traj = 1 "
    "below 10 by more than 3 standard errors; (b) the gain from 10 to 50 less than a tenth of that from 1 to 10; (c) "
    "variance: over runs, final σ scatter more (RMS around the mean over runs) with 1 than with 10. With both sets of "
    "memories; q̄ learned is a second row",
    studies=("planning-trajectories",),
    figures=("figB2-n", "fig3c"),
)
def claim_b2_n(data: Any) -> list[Row]:
    data = data["planning-trajectories"]
    return [_trajectories(data, name, kind) for kind in _KINDS for name in SETS]


def _trajectories(data: Any, name: str, kind: str) -> Row:
    label = SETS[name] if kind == "fixed" else f"{SETS[name]}, q̄ learned"
    final = _by_count(data, name, kind)
    sigma = dict(zip(final, data[f"{name}_{kind}_sigma"], strict=True))
    means = {n: mean(f"{label}: objective, N_traj = {n}", runs) for n, runs in final.items()}
    loss = difference(f"{label}: gain from 1 to 10", final[10], final[1])
    gain = difference(f"{label}: gain from 10 to 50", final[50], final[10])
    scatter = {n: np.sqrt(sigma[n].var(axis=0, ddof=1).mean()) for n in final}
    parts = {
        "(a) 1 is worse than 10": loss.z > Z, "(b) 50 no better than 10": gain.value < 0.1 * loss.value,
        "(c) through variance": scatter[1] > scatter[10],
    }  # fmt: skip
    percent = 100 * gain.value / abs(means[10].value)
    here = ", ".join(f"N={n}: {show(number.value)}" for n, number in means.items())
    evidence = (
        f"1 → 10 gains {loss}, 10 → 50 gains {gain}, {show(percent)} % of the objective"
        f"{': nearly no better' if abs(percent) < 5 else ''}; σ scatters by {scatter[1]:.1f} with 1, {scatter[10]:.1f} "
        f"with 10 and {scatter[50]:.1f} with 50"
    )
    numbers = [*means.values(), loss, gain]
    numbers += [Number(f"{label}: scatter of σ, N_traj = {n}", value) for n, value in scatter.items()]
    return Row(label, _trajectory_setting(data, name, kind), parts, here, evidence, numbers, decides=kind == "fixed")


@claim(
    "3c",
    "The gradient with N_traj ≥ 10 is comparable to black-box optimisation (CMA-ES); with N_traj = 1 it is worse",
    where="Fig. 3c",
    paper="N_traj = 10 as good as CMA-ES",
    criterion="q̄ = q* fixed; what the σ of the last fifth of training are worth by the exact solver (hard policy). "
    "(a) With N_traj = 10 and with 50: at least 95 % of what CMA-ES finds as the authors ran it (objective from 1000 "
    "simulated trials, in σ, tolerance 1), with 3 standard errors to spare; (b) with N_traj = 1 below 10 by more than "
    "3 standard errors. CMA-ES on the exact objective, which the paper did not have, is shown beside it. Without "
    "CMA-ES (extra not installed) part (a) does not hold",
    studies=("planning-trajectories",),
    figures=("fig3c",),
)
def claim_3c(data: Any) -> list[Row]:
    data, rows = data["planning-trajectories"], []
    for name, label in SETS.items():
        final = _by_count(data, name, "fixed")
        means = {n: mean(f"{label}: exact objective, N_traj = {n}", runs) for n, runs in final.items()}
        loss = difference(f"{label}: gain from 1 to 10", final[10], final[1])
        best = Number(f"{label}: exact optimum", float(data[f"{name}_optimum"]))
        numbers = [*means.values(), loss, best]
        here = ", ".join(f"N={n}: {show(number.value)}" for n, number in means.items())
        evidence = f"N_traj = 1 loses {loss} of {means[10]}; the exact optimum is {best}"
        parts = {"(a) N_traj = 10 comparable": False, "(a) N_traj = 50 comparable": False}
        if f"{name}_noisy" in data:
            noisy = mean(f"{label}: objective, noisy CMA-ES", data[f"{name}_noisy"])
            sharp = mean(f"{label}: objective, exact CMA-ES", data[f"{name}_cma"])
            spare = {n: difference(f"{label}: N_traj = {n} − 95 % of noisy CMA-ES", final[n],
                                   0.95 * data[f"{name}_noisy"]) for n in (10, 50)}  # fmt: skip
            parts = {f"(a) N_traj = {n} comparable": number.z > Z for n, number in spare.items()}
            numbers += [noisy, sharp, *spare.values()]
            here += f", noisy CMA-ES: {show(noisy.value)}, exact CMA-ES: {show(sharp.value)}"
            runs = data[f"{name}_converged"]
            evidence += (
                f"; noisy CMA-ES finds {noisy} ({runs.sum():.0f} of {len(runs)} searches ended by the tolerance, the "
                f"others after {data.settings['noisy_generations']} generations), exact CMA-ES {sharp}; "
                + " and ".join(f"N_traj = {n} reaches {means[n].value / noisy.value:.1%} and "
                               f"{means[n].value / sharp.value:.1%} of them" for n in spare)
            )  # fmt: skip
            if name == "scripts":
                evidence += f"; the authors' stored σ are worth {STORED}"
        else:
            here += ", CMA-ES left out"
            evidence += ", CMA-ES was left out (pip install 'sigmalloc[paper]')"
        parts["(b) N_traj = 1 is worse"] = loss.z > Z
        setting = f"{_trajectory_setting(data, name, 'fixed')}; {data.settings['noisy_runs']} runs of noisy CMA-ES"
        rows.append(Row(label, setting, parts, here, evidence, numbers))
    return rows


# Search budgets


def _optimal_setting(more: str) -> str:
    return f"Planning, M = 3, {more}, exact optimum with q̄ = q* and the hard policy: nothing is sampled"


def _learned_setting(data: Any, kinds: str = "DRA") -> str:
    s = data.settings
    return (
        f"Planning, M = 3, Table B.1, q̄ learned, {kinds}, {s['restarts_dra']} runs of DRA and {s['restarts']} of "
        f"others × {s['episodes']} episodes"
    )


@claim(
    "3d",
    "The difference between the optimal objectives with flexible and with equal precision is most pronounced at small "
    "search budgets and diminishes toward 100 %",
    where="Fig. 3d",
    paper="difference falls to about 0",
    criterion="For each planner: (a) flexible − equal above 0 at 12.5 %; (b) its slope over budgets below 0; (c) at "
    "100 % its size is at most a fifth of that at 12.5 %. Decides: optimal objectives, as the caption says, which are "
    "exact. What DRA and equal precision learn is a second row: there (a) and (b) by more than 3 standard errors",
    studies=("planning-optima", "planning-budgets", "planning-noise"),
    figures=("fig3d", "fig3-noise"),
)
def claim_3d(data: Any) -> list[Row]:
    optima, learned = data["planning-optima"], data["planning-budgets"]
    rows = []
    for planner in PLANNERS:
        budgets = optima["3_budgets"]
        gain = optima[f"{planner}_dra"] - optima[f"{planner}_equal"]
        trend = float(np.polyfit(budgets, gain, 1)[0])
        parts = {
            "(a) better at 12.5 %": gain[0] > 0, "(b) falls with the budget": trend < 0,
            "(c) vanishes": abs(gain[-1]) <= 0.2 * gain[0],
        }  # fmt: skip
        text = ", ".join(f"{show(value)} at {budget:g} %" for budget, value in zip(budgets, gain, strict=True))
        numbers = [Number(f"optimal, {planner}: difference at {b:g} %", x) for b, x in zip(budgets, gain, strict=True)]
        rows.append(
            Row(f"optimal, {planner}", _optimal_setting(f"all 36 memories, {planner}"), parts,
                f"{show(gain[0])} → {show(gain[-1])}", text, numbers)
        )  # fmt: skip
    for planner in PLANNERS:
        rows.append(_learned_gain(learned, planner, data["planning-noise"]))
    return rows


def _learned_gain(data: Any, planner: str, noise: Any) -> Row:
    budgets, label = data["budgets"], f"learned, {planner}"
    flexible, equal = (data[f"{planner}_{kind}_objective"] for kind in ("dra", "equal"))
    gains = [
        difference(f"{label}: flexible − equal at {budget:g} %", a, b)
        for budget, a, b in zip(budgets, flexible, equal, strict=True)
    ]
    trend = slope(f"{label}: slope of the difference per %", budgets, flexible[:, : equal.shape[1]] - equal)
    parts = {
        "(a) better at 12.5 %": gains[0].z > Z, "(b) falls with the budget": trend.z < -Z,
        "(c) vanishes": abs(gains[-1].value) <= 0.2 * gains[0].value,
    }  # fmt: skip
    text = ", ".join(f"{gain} at {budget:g} %" for budget, gain in zip(budgets, gains, strict=True))
    worse = [f"{budget:g} %" for budget, gain in zip(budgets, gains, strict=True) if gain.z < -Z]
    if worse:
        flexible, equal = noise["3_flexible"], noise["3_equal"]
        text += (
            f"; DRA ends below equal precision at {', '.join(worse)}: the noise of its gradient grows from "
            f"{show(flexible[0])} to {show(flexible[-1])} per memory and update, while one σ for all memories averages "
            f"it to {show(equal[0])} and {show(equal[-1])}"
        )
    here = f"{show(gains[0].value)} → {show(gains[-1].value)}"
    return Row(label, _learned_setting(data, planner), parts, here, text, [*gains, trend], decides=False)


def _slopes(x: Any, values: Any) -> Any:
    """Slope over the difference in cumulative reward of each budget and run, shape (budgets, runs)."""
    return np.polynomial.polynomial.polyfit(x, values.reshape(-1, len(x)).T, 1)[1].reshape(values.shape[:2])


def _discriminability(name: str, data: Any, prefix: str, setting: Any, decides: bool = True) -> Row:
    """Whether d' rises with what hangs on a state, less so at larger budgets, and mean σ falls."""
    budgets, x = (
        data[f"{prefix}budgets"] if f"{prefix}budgets" in data else data["budgets"],
        data[f"{prefix}difference"],
    )
    d_prime = 100 * _slopes(x, data[f"{prefix}d_prime"])
    sigma = _slopes(x, data[f"{prefix}mean_sigma"])
    rise = mean(f"{name}: slope of d′ at {budgets[0]:g} %, per 100 reward", d_prime[0])
    last = mean(f"{name}: slope of d′ at {budgets[-1]:g} %, per 100 reward", d_prime[-1])
    trend = slope(f"{name}: change of that slope per 100 % of budget", budgets, 100 * d_prime)
    fall = mean(f"{name}: slope of mean σ at {budgets[0]:g} %", sigma[0])
    numbers = [rise, last, trend, fall]
    parts = {
        "(a) d′ rises": rise.z > Z, "(b) flattens with the budget": trend.z < -Z, "(c) mean σ falls": fall.z < -Z,
    }  # fmt: skip
    here = f"{show(rise.value)} → {show(last.value)}"
    evidence = f"d′ slope {rise} → {last} per 100 reward (trend {trend}), mean σ slope {fall}"
    return Row(name, setting, parts, here, evidence, numbers, decides=decides)


_SLOPE_RULE = (
    "Straight lines through all states of each run. (a) Slope of d′ over the difference in cumulative reward (q*, "
    "best − other action) above 0 at the smallest budget; (b) the slope falls with the budget (linear trend below "
    "0); (c) slope of mean σ below 0 at the smallest budget"
)


@claim(
    "3e",
    "Discriminability d′ rises with the difference in cumulative reward, and flattens as the budget grows; mean σ "
    "falls",
    where="Fig. 3e",
    paper="positive slopes that flatten",
    criterion=f"{_SLOPE_RULE}. Each by more than 3 standard errors over runs. For each planner",
    studies=("planning-budgets",),
    figures=("fig3e",),
)
def claim_3e(data: Any) -> list[Row]:
    data = data["planning-budgets"]
    return [_discriminability(planner, data, f"{planner}_", _learned_setting(data, planner)) for planner in PLANNERS]


@claim(
    "3f",
    "The optimal objective F* rises with the budget and saturates; with reward rate, F̃* has an interior peak",
    where="Fig. 3f",
    paper="F* saturates, F̃* peaks inside",
    criterion="Exact optima. F*: at 100 % above 12.5 %, and the rise from 50 % to 100 % at most a quarter of the "
    "whole. F̃* (t_nondec = 1): the largest is at neither 12.5 % nor 100 %, with a_dec = 0.1 (ours) and with 0.5 (the "
    "scripts'); the paper gives no a_dec. With all 36 memories (Table B.1) and with the last move known (scripts). "
    "What DRA learns (a_dec = 0.1) is a second row: by more than 3 standard errors",
    studies=("planning-optima", "planning-budgets"),
    figures=("fig3f",),
)
def claim_3f(data: Any) -> list[Row]:
    optima, rows = data["planning-optima"], []
    budgets, times = optima["3_budgets"], optima["decision_time"]
    half = budgets.tolist().index(50)
    for name, label in {"table": "all 36 memories", "scripts": "last move known"}.items():
        plain, rate = optima[f"{name}_plain"], optima[f"{name}_rate"]
        peaks = dict(zip(times.tolist(), budgets[rate.argmax(axis=1)].tolist(), strict=True))
        rise, late = plain[-1] - plain[0], plain[-1] - plain[half]
        interior = [time for time, peak in peaks.items() if budgets[0] < peak < budgets[-1]]
        parts = {"F* rises and saturates": rise > 0 and late <= 0.25 * rise}
        parts |= {f"F̃* peaks inside, a_dec = {time:g}": time in interior for time in (0.1, 0.5)}
        where = f"inside for a_dec of {listed(interior)}" if interior else "inside for no a_dec"
        at = ", ".join(f"{peak:g} % for {time:g}" for time, peak in peaks.items())
        here = f"F* {show(plain[0])} → {show(plain[half])} → {show(plain[-1])}; F̃* peaks {where}"
        numbers = [Number(f"{label}: F* at {b:g} %", x) for b, x in zip(budgets, plain, strict=True)]
        numbers += [Number(f"{label}: budget (%) of the peak of F̃*, a_dec = {t:g}", p) for t, p in peaks.items()]
        evidence = f"F* goes from {show(plain[0])} at 12.5 % over {show(plain[half])} at 50 % to {show(plain[-1])} at "
        evidence += f"100 %; the peak of F̃* by a_dec: {at}"
        rows.append(Row(label, _optimal_setting(f"{label}, rollouts"), parts, here, evidence, numbers))
    return [*rows, _learned_rate(data["planning-budgets"])]


def _learned_rate(data: Any) -> Row:
    budgets = data["budgets"].tolist()
    plain, rate = data["rollouts_dra_objective"], data["rate_dra_objective"]
    ends = [mean(f"learned: F at {budget:g} %", plain[budgets.index(budget)]) for budget in (12.5, 50, 100)]
    rise = difference("learned: F, rise from 12.5 % to 100 %", plain[-1], plain[0])
    late = difference("learned: F, rise from 50 % to 100 %", plain[-1], plain[budgets.index(50)])
    peak = int(rate.mean(axis=1).argmax())
    sides = [difference(f"learned: F̃, peak − {budgets[end]:g} %", rate[peak], rate[end]) for end in (0, -1)]
    parts = {
        "F rises and saturates": rise.z > Z and late.value <= 0.25 * rise.value,
        f"F̃ peaks inside, a_dec = {DECISION_TIME:g}": 0 < peak < len(budgets) - 1 and min(s.z for s in sides) > Z,
    }
    here = f"F {show(ends[0].value)} → {show(ends[1].value)} → {show(ends[2].value)}; F̃ peaks at {budgets[peak]:g} %"
    evidence = f"F goes from {ends[0]} at 12.5 % over {ends[1]} at 50 % to {ends[2]} at 100 %; F̃ is largest at "
    evidence += f"{budgets[peak]:g} %, above the ends by {sides[0]} and {sides[1]}"
    setting = _learned_setting(data, "rollouts")
    return Row("learned", setting, parts, here, evidence, [*ends, rise, late, *sides], decides=False)


@claim(
    "B1",
    "The same as 3e for 3, 4 and 5 moves",
    where="Fig. B.1",
    paper="positive slopes that flatten, for each M",
    criterion=_SLOPE_RULE + ". For each M. Decides: the optimal allocation, which is exact. What agents learn is a "
    "second row: each by more than 3 standard errors over runs",
    studies=("planning-optima", "planning-budgets", "planning-moves", "planning-noise"),
    figures=("figB1", "fig3-noise"),
)
def claim_b1(data: Any) -> list[Row]:
    optima, noise = data["planning-optima"], data["planning-noise"]
    rows = []
    for moves in (3, 4, 5):
        setting = f"Planning, M = {moves}, all memories, rollouts, exact optimum with q̄ = q* and the hard policy"
        rows.append(_discriminability(f"optimum, M = {moves}", optima, f"{moves}_", setting))
    for moves, (arrays, prefix) in learned_by_moves(data).items():
        s = arrays.settings
        runs = s["restarts_dra"] if moves == 3 else s["restarts"]
        setting = f"Planning, M = {moves}, Table B.1, rollouts, q̄ learned, {runs} runs × {s['episodes']} episodes"
        row = _discriminability(f"learned, M = {moves}", arrays, prefix, setting, decides=False)
        sampled, expected = noise[f"{moves}_flexible"], noise[f"{moves}_size"]
        more = (
            f"; at the optimum an update's noise grows from {show(sampled[0])} to {show(sampled[-1])} per memory, "
            f"{show(sampled[0] / expected[0])} to {show(sampled[-1] / expected[-1])} times what is expected of it"
        )
        rows.append(Row(row.name, setting, row.parts, row.here, row.evidence + more, row.numbers, decides=False))
    return rows


def learned_by_moves(data: Any) -> dict[int, Any]:
    """Arrays of what was learned, and the prefix of their names, for each number of moves (independent rollouts)."""
    more = data["planning-moves"]
    return {3: (data["planning-budgets"], "rollouts_")} | {
        int(moves): (more, f"{moves}_") for moves in more.settings["budgets"]
    }


CLAIMS = (claim_b2_n, claim_3c, claim_3d, claim_3e, claim_3f, claim_b1)
