"""How well small calls use the kernel: calls of few episodes, and of fewer runs than the kernel has lanes.

A figure is the time that the call's steps take in a long call of full lanes, over the time that the call takes: 1 is
ideal, and n runs of many episodes reach n/8 where a run has a lane. Both are measured in turn, on one thread.
"""

import argparse
import statistics
import time

from common import described, in_turn, machine, spread, write

import sigmalloc as sm

TASK = sm.tasks.grid_world()
AGENT = sm.Agent.table_b1("grid-world")
FULL = "8 runs of 1000 episodes"
RUNS = (1, 2, 3, 5, 8)


def training(runs, episodes, calls=1):
    """Nanoseconds a step of calls to train."""

    def measure(seed):
        begin, steps = time.perf_counter(), 0
        for call in range(calls):
            steps += sm.train(
                TASK, AGENT, episodes=episodes, restarts=runs, seed=100 * seed + call, workers=1
            ).steps.sum()
        return (time.perf_counter() - begin) / steps * 1e9

    return measure


def evaluating(q, sigma, episodes, calls):
    """Nanoseconds a step of calls to evaluate."""

    def measure(seed):
        begin, steps = time.perf_counter(), 0
        for call in range(calls):
            found = sm.evaluate(TASK, AGENT, q, sigma, episodes=episodes, seed=100 * seed + call, workers=1)
            steps += found.visits.sum() * episodes
        return (time.perf_counter() - begin) / steps * 1e9

    return measure


def measured(repetitions):
    """Nanoseconds a step of each call, and the ratio of full lanes' to them."""
    trained = sm.train(TASK, AGENT, episodes=1000, restarts=1, seed=0)
    contestants = {
        FULL: training(8, 1000),
        "train, 1 run of 1 episode": training(1, 1, 20),
        "train, 5 runs of 1 episode": training(5, 1, 20),
        "train, 1 run of 100 episodes": training(1, 100, 3),
        "evaluate, 100 episodes": evaluating(trained.q[0], trained.sigma[0], 100, 20),
        "evaluate, 1000 episodes": evaluating(trained.q[0], trained.sigma[0], 1000, 5),
        **{f"{n} run{'s' * (n > 1)} of 2000 episodes": training(n, 2000) for n in RUNS},
    }
    times = in_turn(contestants, repetitions)
    print("\nsmall calls: nanoseconds a step, and how well full lanes are matched (1 is ideal)")
    report = {}
    for name, values in times.items():
        report[name] = spread(values)
        report[name]["ratio"] = statistics.median(full / own for full, own in zip(times[FULL], values, strict=True))
        print(f"  {name:32}{report[name]['median']:10,.1f}{report[name]['ratio']:8.2f}")
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5, help="measurements of each call (default: 5)")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file")
    options = parser.parse_args()
    report = {"machine": described(machine()), "repetitions": options.repetitions}
    report["small"] = measured(options.repetitions)
    if options.json:
        write(options.json, report)


if __name__ == "__main__":
    main()
