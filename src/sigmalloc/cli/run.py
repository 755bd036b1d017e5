"""``sigmalloc run``: train agents on one task, several times over, and draw what they learned."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .._io import files
from .._io.progress import Progress
from ..pairing import warn_of_scale
from ..runs.result import CURVES, TIMES, Result, mean_and_sem
from ..runs.train import prepare, train
from ..tasks.base import Maze, Plane, Task
from . import options
from .plan import RUNS, Plan

DESCRIPTION = "Train an agent on a task, several times over, evaluate it on the way, and draw what it learned."
EPILOG = """\
The agent's parameters default to the published ones of the task (Table B.1); with
--parameters scripts, to those of the authors' scripts. The folder --out holds
result.npz (read it with sigmalloc.Result.load), curves.csv, the figures, and
config.json with every parameter, the seed and the versions: all that is needed to
repeat the run, bit for bit (--config).

examples:
  sigmalloc run grid-world --sigma-0 1 --restarts 5 --episodes 5000 --seed 7
  sigmalloc run grid-world --change-at 3000 --episodes 10000 --snapshots 300 3000 3300 10000
  sigmalloc run mountain-car --parameters scripts --start uniform
  sigmalloc run planning --moves 4 --search-budget 25 --allocation equal --json
  sigmalloc run slot-machines --payoffs 10 20 30 40 --frequencies 4 1 1 1
  sigmalloc run frozen-lake                          needs: pip install 'sigmalloc[gymnasium]'
  sigmalloc run my_module:make_task --task-argument size=5
  sigmalloc run --config my-run/config.json --out again
"""
ALONE = ("out", "no_figures", "json", "gap", "workers", "config")  # what may go with --config


def add_parser(commands: Any) -> None:
    """The parser of ``sigmalloc run``."""
    parser = commands.add_parser(
        "run", help="train agents on one task, and draw what they learned", description=DESCRIPTION, epilog=EPILOG,
        usage="sigmalloc run TASK [options]\n       sigmalloc run --config FILE [--out DIR]",
        argument_default=argparse.SUPPRESS,
    )  # fmt: skip
    options.add_task(parser)
    options.add_agent(parser)
    options.add_runs(
        parser, train, RUNS, {"episodes": options.by_task(lambda known: known.episodes), "seed": "drawn, and recorded",
                              "evaluate_every": "a 50th of all", "workers": "one per processor"},
    )  # fmt: skip
    output = parser.add_argument_group("output")
    output.add_argument(
        "--config", type=Path, metavar="FILE", help="repeat the run that wrote this config.json: its task, agent, seed "
        "and all else",
    )  # fmt: skip
    output.add_argument("--out", type=Path, metavar="DIR", help="folder of results and figures (default: "
                        "sigmalloc-out/TASK)")  # fmt: skip
    output.add_argument("--no-figures", action="store_true", help="write the results only")
    output.add_argument("--json", action="store_true", help="print the summary as JSON, and nothing else, on stdout")
    output.add_argument("--gap", action="store_true", help="compare with the exact optimum of each run's q̄")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """``sigmalloc run``."""
    asked = {name: value for name, value in vars(given).items() if name not in ("run", "command")}
    plan = Plan.asked(asked, ALONE)
    gap_wanted, as_json = asked.get("gap", False), asked.get("json", False)
    exact = require_exact(plan.task) if gap_wanted else None
    prepare(plan.task, plan.agent, **plan.runs)
    warn_of_scale(plan.task, plan.agent)
    folder = writable_folder(asked.get("out") or Path("sigmalloc-out") / plan.folder)
    if as_json:
        result = train(plan.task, plan.agent, **plan.runs)
    else:
        with Progress(unit="episode", leave=False) as progress:
            result = train(plan.task, plan.agent, **plan.runs, progress=progress.update)
    gap = None if exact is None else compute_gap(exact, result, result.evaluation_policy)
    summary = summarise(result, gap)
    written = [result.save(folder / "result.npz"), write_curves(result, folder / "curves.csv")]
    written.append(write_text(folder / "config.json", json.dumps(plan.configuration(result), indent=2) + "\n"))
    if not asked.get("no_figures", False):
        written += draw(result, folder, gap)
    if as_json:
        print(json.dumps({**summary, "files": [str(path) for path in written]}, indent=2))
        return 0
    print(result)
    if gap is not None:
        print(f"exact objective, {gap['policy']} policy, q̄ as learned in each run:")
        for name in ("trained", "equal", "optimum"):
            print(f"  {gap['labels'][name]:<24} {mean_and_sem(gap[name])}")
    print(f"seed {result.seed}; written to {folder}/:")
    for path in written:
        print(f"  {path.name}")
    return 0


def require_exact(task: Task) -> ModuleType:
    """The exact solver, or an error that says what is missing, before any work."""
    from .. import exact

    if not task.finite:
        raise ValueError(f"--gap: {task.name!r} is not a finite MDP, so its optimum cannot be computed")
    return exact


def compute_gap(exact: Any, result: Result, policy: str) -> dict[str, Any]:
    """Exact objective of each trained agent, of the best equal-precision one and of the optimum with its q̄."""
    final = result.training_episodes - 1
    task = result.task.at(final).unchanging()
    gap: dict[str, Any] = {"policy": policy, "trained": [], "equal": [], "optimum": []}
    gap["labels"] = {"trained": "trained", "equal": "best equal precision", "optimum": "optimum"}
    for q, sigma in zip(result.q, result.sigma, strict=True):
        gap["trained"].append(exact.evaluate(task, result.agent, q, sigma, policy=policy).objective)
        gap["equal"].append(exact.optimum(task, result.agent, q, policy=policy, equal_precision=True).objective)
        gap["optimum"].append(exact.optimum(task, result.agent, q, policy=policy).objective)
    return gap


def _curves(result: Result) -> tuple[str, ...]:
    """Names of what is measured at every checkpoint; budgets are for planning."""
    return (*CURVES, *(name for name in TIMES if name != "search_budgets" or result.task.horizon is not None))


def summarise(result: Result, gap: dict[str, Any] | None = None) -> dict[str, Any]:
    """The figures of a run as plain Python objects."""
    summary = {
        "task": result.task.name, "seed": result.seed, "restarts": result.restarts,
        "episodes": result.training_episodes, "evaluation_policy": result.evaluation_policy,
        "steps": int(result.steps.sum()), "training_cutoffs": int(result.training_cutoffs.sum()),
    }  # fmt: skip
    for name in _curves(result):
        final = getattr(result, name)[:, -1]
        sem = float(final.std(ddof=1) / np.sqrt(len(final))) if len(final) > 1 else None
        summary[name] = {"mean": float(final.mean()), "sem": sem, "runs": final.tolist()}
    if gap is not None:
        summary["gap"] = {name: value for name, value in gap.items() if name != "labels"}
    return summary


def write_curves(result: Result, path: Path) -> Path:
    """The numbers behind the curves, one line a run and checkpoint."""
    names = _curves(result)
    lines = [",".join(("restart", "episode", *names))]
    curves = {name: getattr(result, name) for name in names}
    for restart in range(result.restarts):
        for i, episode in enumerate(result.episodes):
            row = [curves[name][restart, i] for name in names]
            lines.append(f"{restart},{episode}," + ",".join(f"{value!r}" for value in map(float, row)))
    return write_text(path, "\n".join(lines) + "\n")


def write_text(path: Path, text: str) -> Path:
    """Write a file completely or not at all."""
    files.write(path, text)
    return path


def draw(result: Result, folder: Path, gap: dict[str, Any] | None = None) -> list[Path]:
    """The figures of a run, as PNG and PDF."""
    from .. import plot

    written = []
    for quantity in ("objective", "reward", "cost"):
        figure, ax = plot.figure()
        plot.convergence(result, quantity, ax=ax)
        if gap is not None and quantity == "objective":
            for name, style in (("optimum", "--"), ("equal", ":")):
                ax.axhline(np.mean(gap[name]), color="0.3", linestyle=style, label=f"exact: {gap['labels'][name]}")
            ax.legend(frameon=False, fontsize=7)
        written += plot.save(figure, folder / quantity)
    maps = {"choice_entropy": plot.choice_entropy, "q": plot.q_map, "sigma": plot.sigma_map}
    if isinstance(result.task.geometry, Plane):
        del maps["q"]
        maps["value"] = plot.value_function
    for name, draw_map in maps.items():
        figure, ax = plot.figure(height=2.8)
        draw_map(result, ax=ax)
        written += plot.save(figure, folder / name)
    if result.snapshot_episodes.size and isinstance(result.task.geometry, Maze):
        axes = plot.choice_entropy_snapshots(result)
        written += plot.save(np.ravel(axes)[0].figure, folder / "choice_entropy_snapshots")
    return [Path(path) for path in written]


def writable_folder(path: Path) -> Path:
    """Make the folder, and find out now rather than later if nothing can be written to it."""
    path = Path(files.checked_path("--out", path))
    files.make_ready(path, "--out")
    return path
