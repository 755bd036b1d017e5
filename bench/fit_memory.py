"""Memory of fits against the number of subjects: `sm.fit.fit`, and `sigmalloc fit` on a CSV, each in a new process.

The bench tells the peak of the resident memory for 40, 400 and 4000 subjects of 100 trials each: with rows in memory,
with rows in a file (`Choices.from_csv` with ``rows``), and of the whole command, which has them in a file by itself.
Exits with status 1 if a fit takes more than 2 kB a subject and 1 MB (chance, once everything is loaded) beside its
rows, rows in memory more than 60 bytes a row and 6 kB, or if with rows in a file a peak grows by more than 3 kB a
subject (what is found) and 5 MB (chance).

    python bench/fit_memory.py [--subjects 40 400 4000] [--trials 100]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FOUND, CHANCE, CHANCE_WARM = 3, 5 * 1024, 1024  # kB
SMALL = """
import sys
import numpy as np
import sigmalloc as sm

def resident(key):
    for line in open("/proc/self/status"):
        if line.startswith(key):
            return int(line.split()[1])

n, trials = int(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(0)
few = np.stack([rng.permutation(4)[:2] for _ in range(trials)])
small = sm.fit.Choices.from_arrays(few, rng.integers(2, size=trials), rng.normal(few + 1.0, 0.5))
agent = {"agent": sm.Agent(sigma_base=5.0), "policy": "hard", "starts": 1, "intervals": None, "workers": 2}
sm.fit.fit(small, **agent)  # what has to be loaded is loaded
"""
ROWS = (
    SMALL
    + """
memory = np.tile(few, (n, 1))
payoff = rng.normal(memory + 1.0, 0.5)
choice, subject = rng.integers(2, size=len(memory)), np.repeat(np.arange(n), trials)
"""
)
FIT = """
before = resident("VmRSS")
data = sm.fit.Choices.from_arrays(memory, choice, payoff, subject=subject)
rows = resident("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # the peak begins anew
found = sm.fit.fit(data, **agent)
print(before, rows, resident("VmHWM"), resident("VmRSS"))
"""
FILED = """
data = sm.fit.Choices.from_csv(
    sys.argv[3], rows=sys.argv[3] + ".npz", options=["left", "right"], choice="choice",
    payoff=["paid_left", "paid_right"], subject="person")
found = sm.fit.fit(data, **agent)
found.save(sys.argv[3] + ".fit")
print(resident("VmHWM"))
"""
COMMAND = """
import sys
from sigmalloc.cli import main
status = main(["fit", sys.argv[1], "--quiet", "--json", "--workers", "2"])
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(line.split()[1])
sys.exit(status)
"""
STUDY = """
data = "choices.csv"
store = "fits"
starts = 1
intervals = "none"
[columns]
subject = "person"
options = ["left", "right"]
choice = "choice"
payoff = ["paid_left", "paid_right"]
[models.dra]
policy = "hard"
sigma_base = 5.0
[models.learner]
kind = "softmax"
"""
TABLE = """
import pandas
pandas.DataFrame({"person": subject, "left": memory[:, 0], "right": memory[:, 1], "choice": choice,
                  "paid_left": payoff[:, 0].round(2), "paid_right": payoff[:, 1].round(2)}).to_csv(
    sys.argv[3], index=False)
"""


def output(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], check=True, capture_output=True, text=True
    )
    return done.stdout.split()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--subjects", type=int, nargs="+", default=[40, 400, 4000])
    parser.add_argument("--trials", type=int, default=100)
    options = parser.parse_args()
    filed, commands, kept, added = [], [], [], []
    for n in options.subjects:
        before, rows, peak, after = map(int, output(ROWS + FIT, n, options.trials))
        kept.append(rows - before)
        added.append(peak - rows)
        print(f"sm.fit.fit, {n} subjects: before {before / 1024:.0f} MB, with the rows {rows / 1024:.0f} MB, "
              f"peak while fitting {peak / 1024:.0f} MB, after {after / 1024:.0f} MB", flush=True)  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            table = Path(folder) / "choices.csv"
            output(ROWS + TABLE, n, options.trials, table)
            filed.append(int(output(SMALL + FILED, n, options.trials, table)[-1]))
            print(f"sm.fit.fit, {n} subjects in a file: peak {filed[-1] / 1024:.0f} MB", flush=True)
            study = Path(folder) / "study.toml"
            study.write_text(STUDY, encoding="utf-8")
            begin = time.perf_counter()
            commands.append(int(output(COMMAND, study)[-1]))
            print(f"sigmalloc fit, {n} subjects by 2 models: peak {commands[-1] / 1024:.0f} MB, "
                  f"{time.perf_counter() - begin:.0f} s", flush=True)  # fmt: skip
    more = options.subjects[-1] - options.subjects[0]
    rows = (kept[-1] - kept[0]) / more
    fits = (added[-1] - added[0]) / more
    most_fits = 2 + CHANCE_WARM / more
    allowed = 6 + 60 * options.trials / 1024
    print(f"a subject more, in memory: {rows:.1f} kB of rows ({allowed:.1f} allowed), {fits:.1f} of its fit "
          f"({most_fits:.1f})")  # fmt: skip
    print(f"in a file: {(filed[-1] - filed[0]) / more:.2f} kB, of the command with two models "
          f"{(commands[-1] - commands[0]) / more:.2f} kB")  # fmt: skip
    grown = max(filed[-1] - filed[0], commands[-1] - commands[0]) / 1024
    most = (CHANCE + FOUND * (max(options.subjects) - min(options.subjects))) / 1024
    print(f"with rows in a file, peaks grow by at most {grown:.1f} MB (less than {most:.1f} allowed)")
    if rows > allowed or fits > most_fits or grown >= most:
        sys.exit(1)


if __name__ == "__main__":
    main()
