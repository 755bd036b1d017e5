"""``sigmalloc simulate``: every choice of an agent, as a table."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from .._io import files
from .._io.progress import Progress
from ..pairing import warn_of_scale
from ..runs.simulate import simulate
from . import options
from .plan import Plan

DESCRIPTION = """\
Train an agent on a task, several times over, and write every choice of its learning
episodes: one row a choice, with the subject (the number of the run), episode, step,
state, action, reward and next state. The agents are those of "sigmalloc run" with the
same options and seed."""
EPILOG = """\
examples:
  sigmalloc simulate two-step --restarts 20 --seed 1 --out trials.csv
  sigmalloc simulate slot-machines --episodes 1000 --probability --out trials.npz
  sigmalloc simulate --config my-run/config.json --out trials.csv

Read the table with sigmalloc.Trials.read_csv(path, task) or sigmalloc.Trials.load(path).
"""
RUNS = ("episodes", "restarts", "seed", "workers", "values", "probability", "max_rows")
ALONE = ("out", "force", "json", "workers", "values", "probability", "max_rows", "config")
KINDS = (".csv", ".npz")


def add_parser(commands: Any) -> None:
    """The parser of ``sigmalloc simulate``."""
    parser = commands.add_parser(
        "simulate", help="write every choice of an agent as a table", description=DESCRIPTION, epilog=EPILOG,
        usage="sigmalloc simulate TASK --out FILE [options]\n       sigmalloc simulate --config FILE --out FILE",
        argument_default=argparse.SUPPRESS,
    )  # fmt: skip
    options.add_task(parser)
    options.add_agent(parser)
    options.add_runs(
        parser, simulate, RUNS, {"episodes": options.by_task(lambda known: known.episodes),
                                 "seed": "drawn, and printed", "workers": "one per processor"},
    )  # fmt: skip
    output = parser.add_argument_group("output")
    output.add_argument(
        "--config", type=Path, metavar="FILE", help="the task, agent, restarts, episodes and seed of the run that "
        "wrote this config.json",
    )  # fmt: skip
    output.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write: .csv or .npz")
    output.add_argument("--force", action="store_true", help="replace the file if it is there")
    output.add_argument("--json", action="store_true", help="print what was written as JSON")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """``sigmalloc simulate``."""
    asked = {name: value for name, value in vars(given).items() if name not in ("run", "command")}
    plan = Plan.asked(asked, ALONE)
    out = Path(files.checked_file("--out", asked["out"]))
    if out.suffix not in KINDS:
        raise ValueError(f"--out must end in {' or '.join(KINDS)}, got {str(out)!r}")
    if os.path.exists(out) and not asked.get("force", False):
        raise ValueError(f"--out: {out} exists: give --force to replace it")
    files.make_ready(out.parent, "--out")
    extra = {name: asked[name] for name in ("values", "probability", "max_rows") if name in asked}
    runs = {name: plan.runs[name] for name in ("episodes", "restarts", "seed", "workers") if name in plan.runs}
    warn_of_scale(plan.task, plan.agent)
    with Progress(unit="episode", leave=False) as progress:
        trials = simulate(plan.task, plan.agent, **runs, **extra, progress=progress.update)
    written = trials.to_csv(out) if out.suffix == ".csv" else trials.save(out)
    if asked.get("json", False):
        facts = {"task": plan.task.name, "seed": runs["seed"], "rows": len(trials), "subjects": trials.subjects}
        print(json.dumps(facts | {"file": str(written)}, indent=2))
        return 0
    print(trials)
    print(f"seed {runs['seed']}; written to {written}")
    return 0
