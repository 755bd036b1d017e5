"""All benchmarks in one run, kept for comparison: figures as JSON, a picture of them, and a table in the README.

    python bench/everything.py                # writes bench/results.json, docs/images/benchmark.png, README.md
    python bench/everything.py --check        # is it still as fast, against bench/results.json?

The check compares ratios of programs that are measured in turn, never times: those depend on the machine. Ratios do
too, though less, so it fails only where one has fallen below 60 % of what it was: a kernel that lost its vector
instructions, or its threads, does. Threads are compared on an idle machine only.
"""

import argparse
import json
import sys
import textwrap
from pathlib import Path

import scaling
import small
import steps
from common import described, into_readme, machine, write

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PICTURE = HERE.parent / "docs" / "images" / "benchmark.png"
TOLERANCE = 0.6
BUSY = 0.5  # load above which there may not be two processors for two threads
TITLES = {"grid-world": "Grid-world", "mountain-car": "Mountain car", "planning": "Planning"}
PROGRAMS = {
    "sigmalloc": "**sigmalloc**",
    "Numba": "Numba, as a good user writes it",
    "Numba, tuned": "Numba, tuned",
    "JAX": "JAX, 64 runs at once",
    "NumPy": "NumPy script",
}
COLOURS = {  # Okabe and Ito's, for all kinds of colour vision
    "sigmalloc": "#0072B2", "Numba, tuned": "#56B4E9", "Numba": "#009E73", "JAX": "#E69F00", "NumPy": "#D55E00",
}  # fmt: skip


def draw(report, path):
    """Nanoseconds per step of each program and task, and how many times ours that is."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(report["tasks"]), figsize=(10, 2.9), sharex=True, layout="constrained")
    for ax, (name, task) in zip(axes, report["tasks"].items(), strict=True):
        rows = task["ns_per_step"]
        programs = [program for program in COLOURS if program in rows]
        medians = [rows[program]["median"] for program in programs]
        ends = [
            [rows[p]["median"] - rows[p]["low"] for p in programs],
            [rows[p]["high"] - rows[p]["median"] for p in programs],
        ]
        for number, program in enumerate(programs):  # dots, since bars would have to begin at 0
            ax.axhline(number, color="0.92", linewidth=0.8, zorder=0)
            ax.errorbar(
                medians[number], number, xerr=[[end[number]] for end in ends], fmt="o", color=COLOURS[program],
                markersize=7, capsize=2,
            )  # fmt: skip
            ax.text(rows[program]["high"] * 1.6, number, label(rows[program]), va="center", fontsize=9)
        ax.set_xscale("log")
        ax.set_xlim(5, 1e7)
        ax.set_yticks(range(len(programs)), programs)
        ax.set_ylim(len(programs) - 0.4, -0.6)
        ax.set_title(TITLES[name])
        ax.set_xlabel("Time per environment step (ns)")
        ax.spines[["top", "right"]].set_visible(False)
        if ax is not axes[0]:
            ax.set_yticklabels([])
    figure.savefig(path, dpi=150)


def label(row):
    """A median in nanoseconds, and how many times ours it is."""
    ratio = row["ratio"]
    if ratio == 1.0:
        return f"{row['median']:,.0f}"
    return f"{row['median']:,.0f} ({ratio:,.0f}×)" if ratio >= 10 else f"{row['median']:,.0f} ({ratio:.1f}×)"


def table(report):
    """The README's table."""
    tasks = {TITLES[name].lower(): task["ns_per_step"] for name, task in report["tasks"].items()}
    lines = [f"| | {' | '.join(tasks)} |", "|---" * (len(tasks) + 1) + "|"]
    for program, what in PROGRAMS.items():
        cells = [label(rows[program]) for rows in tasks.values() if program in rows]
        lines += [f"| {what} | {' | '.join(cells)} |"] if cells else []
    where = report["machine"]
    scale, pool = report["threads"]["ratio"]["median"], report["pools"]
    facts = (
        f"Medians of {report['repetitions']} on a virtual machine with {where['processors']} processors of the kind "
        f"{where['processor']}, Python {where['python']}, NumPy {where['numpy']}, Numba {where['numba']}. "
        f"Two threads take {scale:.2f} times less time than one; on {pool['processors']} processors, the grid-world "
        f"takes {pool['sigmalloc']['median']:.1f} ns a step, a pool of processes with the Numba port "
        f"{pool['Numba']['median']:.0f}, one with the NumPy script {pool['NumPy']['median']:,.0f}. "
        f"10,000 runs in one call take {report['memory']['peak_MB']:.0f} MB, `import sigmalloc` "
        f"{report['import']['sigmalloc']['median'] * 1000:.0f} ms, compiling {report['installation']['build_s']:.0f} s."
    )
    return "\n".join([*lines, "", *textwrap.wrap(facts, 120)])


def ratios(report):
    """The ratios that are compared: others over ours by task, full lanes over small calls, one thread over two."""
    found = {
        f"{name}: {program} / sigmalloc": rows["ratio"]
        for name, task in report["tasks"].items()
        for program, rows in task["ns_per_step"].items()
        if program.startswith("Numba")
    }
    found |= {name: row["ratio"] for name, row in report.get("small", {}).items() if name != small.FULL}
    if "threads" in report:
        found["one thread / two"] = report["threads"]["ratio"]["median"]
    return found


def worse(now, before):
    """What has become worse than the tolerance allows: (name, now, before)."""
    then = ratios(before)
    return [(name, ratio, then[name]) for name, ratio in ratios(now).items() if ratio < TOLERANCE * then.get(name, 0.0)]


def check(path, repetitions):
    """Measure the ratios again and compare them; the exit status."""
    before = json.loads(Path(path).read_text(encoding="utf-8"))
    where = described(machine())
    now = {"tasks": steps.measured(repetitions, quick=True), "small": small.measured(repetitions)}
    if where["load"] and where["load"] > BUSY:
        print(f"\nthreads are not compared: the load was {where['load']:.1f} before, so others may need the processors")
    else:
        now["threads"] = scaling.threads(repetitions)
    print()
    for name, ratio in ratios(now).items():
        then = ratios(before).get(name)
        print(f"  {name:40}{ratio:8.2f} ({'not measured' if then is None else f'{then:.2f}'} then)")
    slower = worse(now, before)
    for name, ratio, then in slower:
        print(f"{name} is {ratio:.2f}, less than {TOLERANCE:.0%} of the {then:.2f} in {path}", file=sys.stderr)
    return 1 if slower else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the last figures instead; about a minute")
    parser.add_argument("--repetitions", type=int, help="measurements of each program (default: 5; with --check 3)")
    parser.add_argument("--results", default=RESULTS, metavar="FILE", help="the figures (default: bench/results.json)")
    options = parser.parse_args()
    if options.check:
        return check(options.results, options.repetitions or 3)
    repetitions = options.repetitions or 5
    report = {"machine": described(machine()), "repetitions": repetitions}
    report["tasks"], report["small"] = steps.measured(repetitions), small.measured(repetitions)
    report |= scaling.measured(repetitions)
    write(options.results, report)
    draw(report, PICTURE)
    into_readme("speed", table(report))
    print(f"\n{options.results} and {PICTURE} are written")
    return 1 if steps.disagreements(report["tasks"]) else 0


if __name__ == "__main__":
    sys.exit(main())
