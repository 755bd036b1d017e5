"""Processor time of a likelihood: the fit engine against the loop that people write, in one run, in turn, one thread.

1000 trials of pairs out of four memories, both payoffs shown, deterministic agent with a replay window of 10 episodes,
hard policy. The loop is a researcher's script: Python over trials and over the episodes of the window, NumPy arrays,
`scipy.special.ndtr`. Both are checked to give the same log-likelihood first. Exits with status 1 if the engine takes
more than .1 ms a parameter set (eight together) or is less than 2000 times faster than the loop.

    python bench/fit.py [--repetitions N] [--json FILE]
"""

import argparse
import sys
import time

import numpy as np
from common import described, in_turn, machine, spread, write
from scipy.special import ndtr

import sigmalloc as sm
from sigmalloc import fit

TRIALS, WINDOW, SETS = 1000, 10, 8
MOST_MILLISECONDS, LEAST_RATIO = 0.1, 2000
FREE = ("learning_rate_q", "learning_rate_sigma", "lam", "sigma_0")


def subject_of(trials, slots=False):
    """Random pairs out of four memories; or slot machines at known prices, where nearly every trial is another set."""
    rng = np.random.default_rng(0)
    memory = np.array([[0, 1], [2, 3], [0, 2], [1, 3]])[rng.integers(4, size=trials)]
    known = np.zeros(memory.shape)
    if slots:
        memory[:, 1], known[:, 1] = -1, rng.integers(1, 6, trials)
    payoff = np.where(memory < 0, known, rng.normal(memory + 1.0, 0.5))
    design = fit.Choices.from_arrays(memory, np.zeros(trials, dtype=int), payoff, known=known).subjects[0]
    made = fit.simulate(design, model_of("dra", "hard"), seed=1)[0]
    return design.with_choices(made), memory, made, payoff


def model_of(allocation, policy):
    agent = sm.Agent(allocation=allocation, lam=0.1, sigma_base=2.0, sigma_0=1.5, n_trajectories=WINDOW)
    return fit.Model(agent=agent, policy=policy)


def loop(memory, choice, payoff, rate_q, rate_sigma, lam, sigma_0, sigma_base=2.0, lapse=0.01):
    """The log-likelihood as a script has it."""
    q, sigma = np.zeros(4), np.full(4, sigma_0)
    total, past = 0.0, []
    for t in range(len(choice)):
        pair, c = memory[t], choice[t]
        sd = np.sqrt(np.sum(sigma[pair] ** 2))
        p = ndtr((q[pair[c]] - q[pair[1 - c]]) / sd)
        total += np.log((1 - lapse) * p + lapse / 2)
        q[pair] += rate_q * (payoff[t] - q[pair])
        past.append(pair)
        gradient = np.zeros(4)
        for replayed in past[-WINDOW:]:
            gap = q[replayed[0]] - q[replayed[1]]
            sd = np.sqrt(np.sum(sigma[replayed] ** 2))
            density = np.exp(-0.5 * (gap / sd) ** 2) / np.sqrt(2 * np.pi)
            gradient[replayed] += -(gap**2) * sigma[replayed] * density / sd**3
        gradient /= len(past[-WINDOW:])
        cost = sigma / sigma_base**2 - 1 / sigma
        sigma = np.clip(sigma + rate_sigma * (gradient - lam * cost), 0.01, 100.0)
    return total


def timed(function, calls):
    """Milliseconds of processor time a call: all runs on one thread, and what else runs must not count."""
    begin = time.process_time()
    for _ in range(calls):
        function()
    return 1e3 * (time.process_time() - begin) / calls


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    report = {"machine": described(machine()), "trials": TRIALS, "window": WINDOW, "sets": SETS}
    subject, memory, choice, payoff = subject_of(TRIALS)
    slots = subject_of(TRIALS, slots=True)[0]
    values = np.random.default_rng(2).uniform([0.1, 0.05, 0.05, 1.0], [0.5, 0.3, 0.3, 2.0], (SETS, len(FREE)))
    model = model_of("dra", "hard")
    ours, theirs = fit.log_likelihoods(subject, model, FREE, values)[0], loop(memory, choice, payoff, *values[0])
    if abs(ours - theirs) > 1e-8 * abs(theirs):
        sys.exit(f"the engine gives {ours}, the loop {theirs}")

    def engine(data, allocation, policy, sets=SETS, calls=20):
        fitted = model_of(allocation, policy)
        free = FREE if allocation != "fixed" else ("learning_rate_q", "sigma_0")
        given = values[:sets, [FREE.index(name) for name in free]]
        return lambda _: timed(lambda: fit.log_likelihoods(data, fitted, free, given), calls) / sets

    contestants = {
        "the loop": lambda _: timed(lambda: loop(memory, choice, payoff, *values[0]), 1),
        "dra, hard": engine(subject, "dra", "hard"),
        "dra, hard, one set": engine(subject, "dra", "hard", 1),
        "equal, hard": engine(subject, "equal", "hard"),
        "stakes, hard": engine(subject, "stakes", "hard"),
        "fixed, hard": engine(subject, "fixed", "hard"),
        "dra, soft": engine(subject, "dra", "soft"),
        "slot machines, dra, hard": engine(slots, "dra", "hard"),
        "slot machines, dra, soft": engine(slots, "dra", "soft"),
    }
    rng = np.random.default_rng(3)
    arms = np.tile(np.arange(4), (TRIALS, 1))
    bandit = fit.Choices.from_arrays(arms, rng.integers(4, size=TRIALS), rng.normal(arms, 1.0)).subjects[0]
    contestants["four arms, dra, hard"] = engine(bandit, "dra", "hard", calls=1)
    contestants["four arms, dra, soft"] = engine(bandit, "dra", "soft", calls=1)
    results = in_turn(contestants, arguments.repetitions)
    report["milliseconds"] = {name: spread(times) for name, times in results.items()}
    ratios = [slow / fast for slow, fast in zip(results["the loop"], results["dra, hard"], strict=True)]
    report["ratio"] = spread(ratios)
    for name, figures in report["milliseconds"].items():
        print(f"{name:28s}{figures['median']:10.4f} ms a set   ({figures['low']:.4f} to {figures['high']:.4f})")
    print(f"the loop / dra, hard: {report['ratio']['median']:.0f}, at least {report['ratio']['low']:.0f}")
    if arguments.json:
        write(arguments.json, report)
    fast_enough = report["milliseconds"]["dra, hard"]["median"] <= MOST_MILLISECONDS
    if not fast_enough or report["ratio"]["median"] < LEAST_RATIO:
        sys.exit(1)


if __name__ == "__main__":
    main()
