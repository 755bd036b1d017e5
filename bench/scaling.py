"""How training scales over threads, episodes and runs, also against pools of processes; memory, import, installation.

Everything that is compared is measured in turn. Time against episodes and runs starts from trained q̄ and σ, so that
all episodes are alike: from scratch the first ones take the longest, and time would grow slower than episodes.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

import numba_port
import numpy as np
import numpy_script
from common import described, in_turn, machine, spread, write

import sigmalloc as sm

ROOT = Path(__file__).parents[1]
TASK = sm.tasks.grid_world()
AGENT = sm.Agent.table_b1("grid-world")

MEMORY = """
import json, pathlib, resource, sys
import sigmalloc as sm


def peak():
    status = pathlib.Path("/proc/self/status")
    if status.exists():  # on Linux, ru_maxrss counts what the parent process took
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


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


def _numba_run(seed):
    _numba_run.port = getattr(_numba_run, "port", None) or numba_port.Port("grid-world", tuned=False)
    return _numba_run.port.train(2000, np.random.default_rng(seed))[2]


def _numpy_run(seed):
    np.random.seed(seed)  # noqa: NPY002
    return numpy_script.allocator("grid-world").train(10)


def pools(repetitions):
    """Nanoseconds a step on every processor: our threads, and the others in a pool of processes over restarts.

    The pools are there and their programs compiled before the first measurement.
    """
    cores = os.cpu_count()

    def ours(seed):
        begin = time.perf_counter()
        steps = sm.train(TASK, AGENT, episodes=2000, restarts=64 * cores, seed=seed, workers=cores).steps.sum()
        return (time.perf_counter() - begin) / steps * 1e9

    def pooled(run, runs):
        def measure(repetition):
            begin = time.perf_counter()
            steps = sum(pool.map(run, range(runs * repetition, runs * (repetition + 1)), chunksize=1))
            return (time.perf_counter() - begin) / steps * 1e9

        return measure

    with multiprocessing.get_context("spawn").Pool(cores) as pool:
        pool.map(_numba_run, range(4 * cores), chunksize=1)
        contestants = {
            "sigmalloc": ours,
            "Numba": pooled(_numba_run, 8 * cores),
            "NumPy": pooled(_numpy_run, 2 * cores),
        }
        times = in_turn(contestants, repetitions)
    print(f"\nnanoseconds per environment step of the grid-world on {cores} processors")
    report = {"processors": cores}
    for name, values in times.items():
        report[name] = spread(values)
        report[name]["ratio"] = statistics.median(
            [other / own for other, own in zip(values, times["sigmalloc"], strict=True)]
        )
        how = f"{cores} threads" if name == "sigmalloc" else f"{cores} processes"
        print(f"  {name + ', ' + how:24}{report[name]['median']:12,.1f}{report[name]['ratio']:12,.2f} ×")
    return report


def installing():
    """Seconds that installing takes: building the wheel in isolation, and putting it into a new environment."""
    with tempfile.TemporaryDirectory() as folder:
        quiet = ("-m", "pip", "--quiet", "--disable-pip-version-check")
        build = (sys.executable, *quiet, "wheel", "--no-deps", "--no-cache-dir", "--wheel-dir", folder, str(ROOT))
        report = {"build_s": seconds(subprocess.run, build, check=True)}
        (wheel,) = Path(folder).glob("*.whl")
        report["wheel_MB"] = wheel.stat().st_size / 1e6
        venv.create(Path(folder) / "venv", with_pip=True)
        python = Path(folder) / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
        install = (python, *quiet, "install", "--no-deps", "--no-index", wheel)
        report["install_s"] = seconds(subprocess.run, install, check=True)
    print(f"\ninstallation: wheel of {report['wheel_MB']:.1f} MB built in {report['build_s']:.0f} s", end=" ")
    print(f"(compiler and all), installed in {report['install_s']:.1f} s (without NumPy and matplotlib)")
    return report


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


def measured(repetitions, runs=10_000):
    """All figures, as they go into a file."""
    return {
        "threads": threads(repetitions),
        "pools": pools(repetitions),
        "episodes": growth(repetitions, "episodes", (500, 1000, 2000, 4000, 8000), restarts=16),
        "runs": growth(repetitions, "restarts", (16, 32, 64, 128, 256, 512), episodes=250),
        "memory": memory(runs),
        "import": importing(2 * repetitions + 1),
        "installation": installing(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5, help="measurements of each kind (default: 5)")
    parser.add_argument("--runs", type=int, default=10_000, help="runs of the memory measurement (default: 10000)")
    parser.add_argument("--json", metavar="FILE", help="write the figures to a file")
    options = parser.parse_args()
    report = {"machine": described(machine()), "repetitions": options.repetitions}
    report |= measured(options.repetitions, options.runs)
    if options.json:
        write(options.json, report)


if __name__ == "__main__":
    main()
