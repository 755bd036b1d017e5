"""What the paper claims about planning (Figures 3 and B.1, section B.2), and how it is judged here."""

import numpy as np

from ..claim import SETS, Finding, Z, by_set, claim, level
from ..statistics import Number, difference, mean, show, slope


def _planning_setting(settings, more):
    return f"Planning, {settings['restarts']} runs × {settings['episodes']} episodes, Table B.1{more}"


@claim(
    "B2-N",
    "More than 10 trajectories per update do not help; fewer hurt, through variance",
    paper="no gain above 10, loss below",
    criterion="(a) Final objective with N_traj = 1 below that with 10 by more than 3 standard errors; (b) from 10 to "
    "30 it rises by less than a tenth of the rise from 1 to 10; (c) variance: over runs, final σ scatter more (RMS "
    "around the mean over runs) with 1 than with 10",
    setting=lambda data: _planning_setting(
        data["planning-trajectories"].settings,
        " and the scripts' variant (σ₀ = 100, last move known), M = 3, q̄ learned",
    ),
    studies=("planning-trajectories",),
    figures=("figB2-n",),
)
def claim_b2_n(data):
    data = data["planning-trajectories"]
    counts = data["n_trajectories"].tolist()
    levels, here, evidence, numbers = {}, {}, {}, []
    for name, label in SETS.items():
        final = dict(zip(counts, data[f"{name}_learned_objective"], strict=True))
        sigma = dict(zip(counts, data[f"{name}_learned_sigma"], strict=True))
        means = {n: mean(f"{label}: objective, N_traj = {n}", runs) for n, runs in final.items()}
        loss = difference(f"{label}: gain from 1 to 10", final[10], final[1])
        most = max(counts)
        gain = difference(f"{label}: gain from 10 to {most}", final[most], final[10])
        scatter = {n: np.sqrt(sigma[n].var(axis=0, ddof=1).mean()) for n in counts}
        levels[name] = level(loss.z > Z, most > 10 and gain.value < 0.1 * loss.value, scatter[1] > scatter[10])
        here[name] = ", ".join(f"N={n}: {show(number.value)}" for n, number in means.items())
        evidence[name] = (
            f"1 → 10 gains {loss}, 10 → {most} gains {gain}; σ scatters by {scatter[1]:.1f} with 1 and "
            f"{scatter[10]:.1f} with 10"
        )
        numbers += [
            *means.values(),
            loss,
            gain,
            *(Number(f"{label}: scatter of σ, N_traj = {n}", scatter[n]) for n in counts),
        ]
    return Finding(levels, by_set(here), by_set(evidence), numbers)


@claim(
    "3c",
    "The gradient with N_traj ≥ 10 is comparable to black-box optimisation (CMA-ES); with N_traj = 1 it is worse",
    paper="N_traj = 10 as good as CMA-ES",
    criterion="q̄ = q* fixed. (a) What the σ of the last fifth of training are worth, by the exact solver and with "
    "the hard policy, with N_traj = 10 and with more: within 5 % of what CMA-ES finds, with 3 standard errors to "
    "spare; (b) sampled final objective with N_traj = 1 below that with 10 by more than 3 standard errors. Without "
    "CMA-ES (extra not installed) part (a) does not hold",
    setting=lambda data: _planning_setting(
        data["planning-trajectories"].settings | {"restarts": data["planning-trajectories"].settings["restarts_fixed"]},
        " and the scripts' variant (σ₀ = 100, last move known), M = 3, q̄ = q* fixed",
    ),
    studies=("planning-trajectories",),
    figures=("fig3c",),
)
def claim_3c(data):
    data = data["planning-trajectories"]
    counts = data["n_trajectories"].tolist()
    levels, here, evidence, numbers = {}, {}, {}, []
    for name, label in SETS.items():
        final = dict(zip(counts, data[f"{name}_fixed_objective"], strict=True))
        means = {n: mean(f"{label}: objective, N_traj = {n}", runs) for n, runs in final.items()}
        loss = difference(f"{label}: gain from 1 to 10", final[10], final[1])
        numbers += [*means.values(), loss]
        text = f"N_traj = 1 loses {loss} of {means[10]}"
        close = False
        exact = dict(zip(counts, data[f"{name}_fixed_exact"], strict=True))
        shown = {n: mean(f"{label}: exact objective, N_traj = {n}", runs) for n, runs in exact.items()}
        numbers += shown.values()
        if f"{name}_cma" in data:
            cma = mean(f"{label}: objective, CMA-ES", data[f"{name}_cma"])
            gaps = {n: difference(f"{label}: CMA-ES − N_traj = {n}", data[f"{name}_cma"], exact[n])
                    for n in counts if n >= 10}  # fmt: skip
            close = all(abs(gap.value) + Z * gap.error <= 0.05 * abs(cma.value) for gap in gaps.values())
            numbers += [cma, *gaps.values()]
            text += f", CMA-ES finds {cma}; exactly, " + " and ".join(
                f"N_traj = {n} reaches {shown[n]}, {shown[n].value / cma.value:.1%} of it" for n in gaps
            )
        else:
            text += ", CMA-ES was left out (pip install 'sigmalloc[paper]')"
        best = Number(f"{label}: exact optimum", float(data[f"{name}_optimum"]))
        numbers.append(best)
        text += f", the exact optimum is {best}"
        levels[name] = level(close, loss.z > Z)
        others = f", CMA-ES: {show(cma.value)}" if f"{name}_cma" in data else ", CMA-ES left out"
        here[name] = ", ".join(f"N={n}: {show(number.value)}" for n, number in shown.items()) + others
        evidence[name] = text
    return Finding(levels, by_set(here), by_set(evidence), numbers)


def _budget_setting(data):
    s = data["planning-budgets"].settings
    return (
        f"Planning, {s['restarts_dra']} runs of DRA and {s['restarts']} of others × {s['episodes']} episodes, "
        "Table B.1, M = 3, q̄ learned, search budgets 12.5 % to 100 %"
    )


@claim(
    "3d",
    "Flexible precision beats equal precision most at small search budgets; the difference vanishes toward 100 %",
    paper="difference falls to about 0",
    criterion="For each planner: (a) flexible − equal above 0 at 12.5 % by more than 3 standard errors; (b) its "
    "slope over budgets below 0 by more than 3 standard errors over runs; (c) at 100 % its size is at most a fifth "
    "of that at 12.5 %",
    setting=lambda data: _budget_setting(data) + ", both planners",
    studies=("planning-budgets",),
    figures=("fig3d",),
)
def claim_3d(data):
    data = data["planning-budgets"]
    budgets = data["budgets"]
    levels, here, evidence, numbers = {}, [], [], []
    for planner in data["planners"].tolist():
        flexible, equal = (data[f"{planner}_{kind}_objective"] for kind in ("dra", "equal"))
        gains = [
            difference(f"{planner}: flexible − equal at {budget:g} %", a, b)
            for budget, a, b in zip(budgets, flexible, equal, strict=True)
        ]
        trend = slope(f"{planner}: slope of the difference per %", budgets, flexible[:, : equal.shape[1]] - equal)
        levels[planner] = level(gains[0].z > Z, trend.z < -Z, abs(gains[-1].value) <= 0.2 * gains[0].value)
        here.append(f"{planner} {show(gains[0].value)} → {show(gains[-1].value)}")
        text = f"{planner}: {gains[0]} at {budgets[0]:g} %, {gains[-1]} at {budgets[-1]:g} %, slope {trend} per %"
        exact = data[f"{planner}_dra_optimum"] - data[f"{planner}_equal_optimum"]
        numbers += [Number(f"{planner}: exact difference at {b:g} %", x) for b, x in zip(budgets, exact, strict=True)]
        text += f" (exact optima with q*: {show(exact[0])} and {show(exact[-1])})"
        evidence.append(text)
        numbers += [*gains, trend]
    return Finding(levels, "; ".join(here), "; ".join(evidence), numbers)


def _slopes(x, values):
    """Slope over the difference in cumulative reward of each budget and run, shape (budgets, runs)."""
    return np.polynomial.polynomial.polyfit(x, values.reshape(-1, len(x)).T, 1)[1].reshape(values.shape[:2])


def _discriminability(label, data, prefix, budgets):
    """Whether d' rises with what hangs on a state, less so at larger budgets, and mean σ falls."""
    x = data[f"{prefix}difference"]
    d_prime = _slopes(x, data[f"{prefix}d_prime"])
    sigma = _slopes(x, data[f"{prefix}mean_sigma"])
    rise = mean(f"{label}slope of d′ at {budgets[0]:g} %, per 100 reward", 100 * d_prime[0])
    last = mean(f"{label}slope of d′ at {budgets[-1]:g} %, per 100 reward", 100 * d_prime[-1])
    trend = slope(f"{label}change of that slope per 100 % of budget", budgets, 1e4 * d_prime)
    fall = mean(f"{label}slope of mean σ at {budgets[0]:g} %", sigma[0])
    holds = (rise.z > Z, trend.z < -Z, fall.z < -Z)
    return holds, (rise, last, trend, fall)


def by_moves(data):
    """Arrays, prefix of their names and budgets, for each number of moves (independent rollouts)."""
    three, more = data["planning-budgets"], data["planning-moves"]
    return {3: (three, "rollouts_", three["budgets"])} | {
        int(moves): (more, f"{moves}_", more[f"{moves}_budgets"]) for moves in more.settings["budgets"]
    }


_SLOPE_RULE = (
    "Straight lines through all states of each run. (a) Slope of d′ over the difference in cumulative reward (q*, "
    "best − other action) above 0 at the smallest budget; (b) the slope falls with the budget (linear trend below "
    "0); (c) slope of mean σ below 0 at the smallest budget. Each by more than 3 standard errors over runs"
)


@claim(
    "3e",
    "Discriminability d′ rises with the difference in cumulative reward, and flattens as the budget grows; mean σ "
    "falls",
    paper="positive slopes that flatten",
    criterion=_SLOPE_RULE,
    setting=lambda data: _budget_setting(data) + ", both planners",
    studies=("planning-budgets",),
    figures=("fig3e",),
)
def claim_3e(data):
    data = data["planning-budgets"]
    levels, here, evidence, numbers = {}, [], [], []
    for planner in data["planners"].tolist():
        holds, (rise, last, trend, fall) = _discriminability(f"{planner}: ", data, f"{planner}_", data["budgets"])
        levels[planner] = level(*holds)
        here.append(f"{planner}: d′ slope {show(rise.value)} → {show(last.value)}")
        evidence.append(f"{planner}: d′ slope {rise} → {last} per 100 reward (trend {trend}), mean σ slope {fall}")
        numbers += [rise, last, trend, fall]
    return Finding(levels, "; ".join(here) + " per 100 reward", "; ".join(evidence), numbers)


@claim(
    "3f",
    "The objective F* rises with the budget and saturates; with reward rate, F̃* has an interior peak",
    paper="F* saturates, F̃* peaks inside",
    criterion="(a) F at 100 % above F at 12.5 % by more than 3 standard errors, and the rise from 50 % to 100 % is "
    "at most a quarter of the whole; (b) the budget with the largest F̃ is neither 12.5 % nor 100 %, and F̃ there "
    "exceeds that at both ends by more than 3 standard errors",
    setting=lambda data: _budget_setting(data) + "; independent rollouts; reward rate with a_dec = 0.1, t_nondec = 1",
    studies=("planning-budgets",),
    figures=("fig3f",),
)
def claim_3f(data):
    data = data["planning-budgets"]
    budgets = data["budgets"].tolist()
    plain, rate = data["rollouts_dra_objective"], data["rate_dra_objective"]
    ends = [mean(f"F at {budget:g} %", plain[budgets.index(budget)]) for budget in (12.5, 50, 100)]
    rise = difference("F: rise from 12.5 % to 100 %", plain[-1], plain[0])
    late = difference("F: rise from 50 % to 100 %", plain[-1], plain[budgets.index(50)])
    peak = int(rate.mean(axis=1).argmax())
    top = mean(f"F̃ at its peak, {budgets[peak]:g} %", rate[peak])
    left = difference("F̃: peak − 12.5 %", rate[peak], rate[0])
    right = difference("F̃: peak − 100 %", rate[peak], rate[-1])
    interior = 0 < peak < len(budgets) - 1
    levels = {
        "F*": level(rise.z > Z, late.value <= 0.25 * rise.value),
        "F̃*": 2 if interior and left.z > Z and right.z > Z else int(interior),
    }
    text = f"F goes from {ends[0]} at 12.5 % over {ends[1]} at 50 % to {ends[2]} at 100 %; F̃ is largest at "
    text += f"{budgets[peak]:g} % ({top}), above the ends by {left} and {right}"
    numbers = [*ends, rise, late, top, left, right]
    exact = data["rate_dra_optimum"]
    best = budgets[int(exact.argmax())]
    text += f"; the exact optimum of F̃ with q* peaks at {best:g} %"
    numbers.append(Number("F̃: budget of the exact peak (%)", best))
    here = f"F {show(ends[0].value)} → {show(ends[1].value)} → {show(ends[2].value)}; F̃ peaks at {budgets[peak]:g} %"
    return Finding(levels, here, text, numbers)


@claim(
    "B1",
    "The same as 3e for 3, 4 and 5 moves",
    paper="positive slopes that flatten, for each M",
    criterion=_SLOPE_RULE + ". For each M",
    setting=lambda data: _planning_setting(data["planning-moves"].settings, ", M ∈ {3, 4, 5}, q̄ learned, rollouts"),
    studies=("planning-budgets", "planning-moves"),
    figures=("figB1",),
)
def claim_b1(data):
    levels, here, evidence, numbers = {}, [], [], []
    for moves, (arrays, prefix, budgets) in by_moves(data).items():
        holds, (rise, last, trend, fall) = _discriminability(f"M = {moves}: ", arrays, prefix, budgets)
        levels[f"M = {moves}"] = level(*holds)
        here.append(f"M={moves}: {show(rise.value)} → {show(last.value)}")
        evidence.append(f"M = {moves}: d′ slope {rise} → {last} per 100 reward (trend {trend}), mean σ slope {fall}")
        numbers += [rise, last, trend, fall]
    return Finding(levels, "d′ slope " + ", ".join(here) + " per 100 reward", "; ".join(evidence), numbers)


CLAIMS = (claim_b2_n, claim_3c, claim_3d, claim_3e, claim_3f, claim_b1)
