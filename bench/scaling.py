"""How training scales over threads, episodes and runs; memory of many runs; import time.

Everything that is compared is measured in turn. Time against episodes and runs starts from trained q̄ and σ, so that
all episodes are alike: from scratch the first ones take the longest, and time would grow slower than episodes.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

import numpy as np
from common import in_turn, machine, spread, write

import sigmalloc as sm

TASK = sm.tasks.grid_world()
AGENT = sm.Agent.table_b1("grid-world")

MEMORY = """
import json, resource, sys
import sigmalloc as sm
unit = 1 if sys.platform == "darwin" else 1024
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
imported = peak()
task, agent = sm.tasks.grid_world(), sm.Agent.table_b1("grid-world")
trained = sm.train(task, agent, episodes=2000, restarts=1, seed=0)
result = sm.train(
    task, agent, episodes=50, restarts={runs}, seed=0, q=trained.q[0], sigma=trained.sigma[0],
    evaluate_every=1, evaluation_episodes=1,
)
print(json.dumps({{"runs": len(result.q), "imported_MB": imported, "peak_MB": peak()}}))
"""
IMPORT = """
import sys, time
begin = time.perf_counter()
import {module}
print(time.perf_counter() - begin, "matplotlib" in sys.modules)
"""


def seconds(function, *arguments, **keywords):
    begin = time.perf_counter()
    function(*arguments, **keywords)
    return time.perf_counter() - begin


def python(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def threads(repetitions):
    """Time on one thread over time on two, the same 128 runs."""

    def contestant(workers):
        return lambda seed: seconds(sm.train, TASK, AGENT, episodes=2000, restarts=128, seed=seed, workers=workers)

    times = in_turn({"1": contestant(1), "2": contestant(2)}, repetitions)
    ratios = [one / two for one, two in zip(times["1"], times["2"], strict=True)]
    print(f"\ntwo threads against one: {statistics.median(ratios):.2f} × ({min(ratios):.2f} to {max(ratios):.2f})")
    return {"seconds_1": spread(times["1"]), "seconds_2": spread(times["2"]), "ratio": spread(ratios)}


def growth(repetitions, what, sizes, **fixed):
    """Time against episodes or runs: exponent (1 is linear) and the largest departure from a straight line."""
    trained = sm.train(TASK, AGENT, episodes=5000, restarts=1, seed=0)

    def contestant(size):
        return lambda seed: seconds(
            sm.train, TASK, AGENT, seed=seed, workers=1, q=trained.q[0], sigma=trained.sigma[0], **{what: size}, **fixed
        )

    times = in_turn({size: contestant(size) for size in sizes}, repetitions)
    medians = np.array([statistics.median(times[size]) for size in sizes])
    exponent = np.polyfit(np.log(sizes), np.log(medians), 1)[0]
    # least squares on relative errors
    weights = 1 / medians
    slope, intercept = np.polyfit(sizes, medians, 1, w=weights)
    departure = np.abs((slope * np.array(sizes) + intercept) / medians - 1).max()
    name = {"restarts": "runs"}.get(what, what)
    print(f"\ntime against {name} (one thread)")
    for size, median in zip(sizes, medians, strict=True):
        print(f"  {size:8,} {name:10}{median:8.3f} s{median / size * 1e6:12,.2f} µs each")
    print(f"  time ~ {name}^{exponent:.3f}; largest departure from a straight line {100 * departure:.1f} %")
    return {
        "sizes": list(sizes), "seconds": {str(size): spread(times[size]) for size in sizes},
        "exponent": exponent, "largest_departure": departure,
    }  # fmt: skip


def memory(runs):
    """Peak memory of a process that trains many runs in one call, with 50 evaluations each."""
    report = json.loads(python(MEMORY.format(runs=runs)))
    print(f"\nmemory of {report['runs']:,} runs in one call: {report['peak_MB']:,.0f} MB at most", end="")
    print(f" ({report['imported_MB']:,.0f} MB after import)")
    return report


def importing(repetitions):
    """Seconds that imports take in fresh processes, and whether matplotlib came along."""

    def contestant(module):
        return lambda _: python(IMPORT.format(module=module)).split()

    outputs = in_turn({"numpy": contestant("numpy"), "sigmalloc": contestant("sigmalloc")}, repetitions)
    report = {module: spread([float(time) for time, _ in rows]) for module, rows in outputs.items()}
    report["matplotlib_imported"] = any(flag == "True" for _, flag in outputs["sigmalloc"])
    print(f"\nimport sigmalloc: {1000 * report['sigmalloc']['median']:.0f} ms, of which", end=" ")
    print(f"{1000 * report['numpy']['median']:.0f} ms are NumPy; matplotlib is", end=" ")
    print("imported" if report["matplotlib_imported"] else "not imported")
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5, help="measurements of each kind (default: 5)")
    parser.add_argument("--runs", type=int, default=10_000, help="runs of the memory measurement (default: 10000)")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file")
    options = parser.parse_args()
    report = {"machine": machine(), "repetitions": options.repetitions}
    print(", ".join(f"{key} {value}" for key, value in report["machine"].items()))
    report["threads"] = threads(options.repetitions)
    report["episodes"] = growth(options.repetitions, "episodes", (500, 1000, 2000, 4000, 8000), restarts=16)
    report["runs"] = growth(options.repetitions, "restarts", (16, 32, 64, 128, 256, 512), episodes=250)
    report["memory"] = memory(options.runs)
    report["import"] = importing(2 * options.repetitions + 1)
    if options.json:
        write(options.json, report)


if __name__ == "__main__":
    main()
