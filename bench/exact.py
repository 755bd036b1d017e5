"""Milliseconds of the exact functions, and of the choice probabilities within them.

    python bench/exact.py                           # about half a minute
    python bench/exact.py --against OTHER/src       # and those of another source tree, in turn

The shortest of many calls counts: other work on the machine can only make a call longer.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from common import described, in_turn, machine, spread, write

import sigmalloc as sm
from sigmalloc import exact, metrics

SIDE = 100


def shortest(function, *arguments, calls=40):
    """Milliseconds of the fastest call."""
    times = []
    function(*arguments)
    for _ in range(calls):
        begin = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - begin)
    return 1e3 * min(times)


def measured():
    """Milliseconds by name."""
    task, agent = sm.tasks.grid_world(), sm.Agent.table_b1("grid-world")
    q, generator = task.optimal_q(), np.random.default_rng(0)
    tables = {
        "equal sigma": np.full(q.shape, 2.0),
        "sigma within one decade": generator.uniform(0.3, 4.0, q.shape),
        "sigma within two decades": 10 ** generator.uniform(-1.5, 0.7, q.shape),
    }
    out = {}
    for label, sigma in tables.items():
        for policy in ("soft", "hard"):
            where = f"maze, {label}, {policy}"
            beta = agent.beta if policy == "soft" else None
            out[f"{where}: evaluate"] = shortest(exact.evaluate, task, agent, q, sigma, policy)
            out[f"{where}: choices of it"] = shortest(exact.choice_probabilities, q, sigma, policy, beta, task.exists)
            out[f"{where}: gradient"] = shortest(exact.gradient, task, agent, q, sigma, policy)
    plan, planner = sm.tasks.planning(4), sm.Agent.table_b1("planning", search_budget=50)
    q_plan = plan.optimal_q()
    out["planning, hard: gradient"] = shortest(
        exact.gradient, plan, planner, q_plan, np.full(q_plan.shape, 40.0), "hard"
    )
    many = generator.normal(size=(60, 54, 4)), generator.uniform(0.3, 4.0, (60, 54, 4))
    out["60 mazes: metrics.choice_probabilities"] = shortest(metrics.choice_probabilities, *many, calls=8)
    rows = ["." * SIDE for _ in range(SIDE)]
    rows[0], rows[-1] = "S" + "." * (SIDE - 1), "." * (SIDE - 1) + "G"
    large = sm.tasks.maze(rows)
    out[f"{SIDE} × {SIDE} maze: optimal_q"] = shortest(large.optimal_q, calls=3)
    return out


def elsewhere(source):
    """What another source tree measures."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(Path(source).resolve()), str(Path(__file__).parent))),
    }
    done = subprocess.run(
        [sys.executable, __file__, "--once"], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--against", metavar="SRC", help="another source tree with sigmalloc in it")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        print(json.dumps(measured()))
        return
    report = {"machine": described(machine())}
    contestants = {"here": lambda _: elsewhere(Path(sm.__file__).parents[1])}
    if arguments.against:
        contestants["there"] = lambda _: elsewhere(arguments.against)
    results = in_turn(contestants, arguments.repetitions)
    report["ms"] = {name: spread([row[name] for row in results["here"]]) for name in results["here"][0]}
    for name, figures in report["ms"].items():
        line = f"{name:<62} {figures['median']:9.2f} ms"
        if arguments.against:
            ratios = [mine[name] / theirs[name] for mine, theirs in zip(*results.values(), strict=True)]
            figures["ratio"] = spread(ratios)
            line += f"   {statistics.median(ratios):5.2f} of the other ({min(ratios):.2f} to {max(ratios):.2f})"
        print(line)
    if arguments.json:
        write(arguments.json, report)


if __name__ == "__main__":
    main()
