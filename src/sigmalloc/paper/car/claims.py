"""What the paper claims about mountain car (Figure 2, section B.2), and how it is judged here."""

import numpy as np

from .. import batch
from ..claim import (
    RATIO_RULE,
    SETS,
    SETTLING_RULE,
    Finding,
    Z,
    better_than_equal,
    by_count,
    by_set,
    claim,
    level,
    listed,
    objective,
    slower_than_free,
)
from ..statistics import difference, mean, rank_correlation, separation, show


def _car_setting(data):
    s = data["car"].settings
    runs = {"DRA": "DRA", "free": "λ = 0", "equal": "equal precision"}
    return (
        "Mountain car from the bottom, "
        + " and ".join(f"{by_count(s['restarts'][name], runs)} ({label})" for name, label in SETS.items())
        + f" × {s['episodes']} episodes, evaluated every "
        f"{s['evaluate_every']} episodes with {s['evaluation_episodes']} episodes of the soft policy; Table B.1 and "
        "the authors' scripts (α₁ = 0.2, σ₀ = 1, β rising to 10)"
    )


@claim(
    "2b,c",
    "The value function over position and velocity is learned, and memories are precise near the best trajectory",
    paper="maps of value and choice entropy",
    criterion="(b) Over visited states, rank correlation of the value with the reward to go observed in simulated "
    "episodes at least 0.8; (c) a state that is visited at least every second episode has a lower choice entropy than "
    "any other one with probability ≥ 0.8. Each with z > 3 over runs",
    setting=lambda data: (
        f"{_car_setting(data)}; {data['car'].settings['simulated']} simulated episodes of each of the first "
        f"{data['car'].settings['mapped']} runs of DRA"
    ),
    studies=("car",),
    figures=("fig2b", "fig2c"),
)
def claim_2bc(data):
    data = data["car"]
    levels, here, evidence, numbers = {}, {}, {}, []
    for name, label in SETS.items():
        runs = range(len(data[f"{name}_value"]))
        visits, value, togo, entropy = (data[f"{name}_{key}"] for key in ("visits", "value", "reward_to_go", "entropy"))
        seen = visits > 0
        there = np.isfinite(entropy)
        agreement = mean(f"{label}: (b) ρ(value, reward to go)",
                         [rank_correlation(value[run, seen[run]], togo[run, seen[run]]) for run in runs])  # fmt: skip
        near = mean(f"{label}: (c) P(entropy near the trajectory lower)",
                    [separation(entropy[run, visits[run] >= 0.5], entropy[run, there[run] & (visits[run] < 0.5)])
                     for run in runs])  # fmt: skip
        holds = (
            agreement.value >= 0.8 and agreement.z > Z,
            near.value >= 0.8 and (near.value - 0.5) / near.error > Z,
        )
        levels[name] = level(*holds)
        here[name] = f"ρ = {show(agreement.value)}, P = {show(near.value)}"
        evidence[name] = f"(b) ρ = {agreement}, (c) P = {near}"
        numbers += [agreement, near]
    return Finding(levels, by_set(here), by_set(evidence), numbers)


@claim(
    "2d",
    "The advantage gradient gives the best objective, of R, Q and A",
    paper="A best",
    criterion="Final objective with A above that with Q and above that with R, each by more than 3 standard errors",
    setting=lambda data: (
        f"{_car_setting(data)}; Ψ: advantage (A, which is DRA), q̄ (Q) or reward-to-go (R); "
        + " and ".join(
            f"{by_count(data['car'].settings['restarts'][name], {'Q': 'Q', 'R': 'R'})} ({label})"
            for name, label in SETS.items()
        )
    ),
    studies=("car",),
    figures=("fig2d",),
)
def claim_2d(data):
    data = data["car"]
    levels, here, evidence, numbers = {}, {}, {}, []
    for name, label in SETS.items():
        final = {psi: batch.tail(objective(data, f"{name}_{psi}")) for psi in "AQR"}
        means = {psi: mean(f"{label}: final objective, {psi}", runs) for psi, runs in final.items()}
        gains = [difference(f"{label}: A − {psi}", final["A"], final[psi]) for psi in ("Q", "R")]
        levels[name] = level(*(gain.z > Z for gain in gains))
        here[name] = ", ".join(f"{psi} {show(number.value)}" for psi, number in means.items())
        evidence[name] = f"A is better than Q by {gains[0]} and than R by {gains[1]}"
        numbers += [*means.values(), *gains]
    return Finding(levels, by_set(here), by_set(evidence), numbers)


@claim(
    "2-eq",
    "The objective is about 1.3 times better than with equal precision",
    paper="about 1.3×",
    criterion=RATIO_RULE.format(low=1.15, high=1.6),
    setting=_car_setting,
    studies=("car",),
    figures=("fig2-agents",),
)
def claim_2_eq(data):
    return better_than_equal(data["car"], 1.3)


@claim(
    "2-sarsa",
    "Convergence takes about 1.3 times the episodes of expected SARSA (λ = 0)",
    paper="about 1.3×",
    criterion=SETTLING_RULE.format(low=1.15, high=1.6),
    setting=_car_setting,
    studies=("car",),
    figures=("fig2-agents",),
)
def claim_2_sarsa(data):
    return slower_than_free(data["car"], 1.3)


@claim(
    "B2-λ",
    "With enough training, λ from 0 to 0.4 all allow the task to be done",
    paper="λ ∈ [0, 0.4]",
    criterion="Fraction of evaluation episodes that reach the goal within the step limit, last fifth of training: at "
    "least 0.9 on average over runs, with 3 standard errors to spare, for every λ; for some only: partly",
    setting=lambda data: (
        f"Mountain car from the bottom, Table B.1 with λ ∈ {{{listed(data['car']['lam'])}}}, "
        + by_count(
            data["car"].settings["restarts"]["table"], {"free": "λ = 0", "DRA": "λ = 0.1", "other prices": "each other"}
        )
        + f" × {data['car'].settings['episodes']} episodes"
    ),
    studies=("car",),
    figures=("figB2-lambda",),
)
def claim_b2_lambda(data):
    data = data["car"]
    success = [
        mean(f"success, λ = {lam:g}", batch.tail(data[f"success_{index}"])) for index, lam in enumerate(data["lam"])
    ]
    here = ", ".join(f"{lam:g}: {number.value:.0%}" for lam, number in zip(data["lam"], success, strict=True))
    held = level(*(number.value - Z * number.error >= 0.9 for number in success))
    evidence = "the goal is reached in " + ", ".join(
        f"{show(100 * number.value, 100 * number.error)} % of episodes at λ = {lam:g}"
        for lam, number in zip(data["lam"], success, strict=True)
    )
    return Finding({"λ": held}, f"goal reached at λ = {here}", evidence, success)


CLAIMS = (claim_2bc, claim_2d, claim_2_eq, claim_2_sarsa, claim_b2_lambda)
