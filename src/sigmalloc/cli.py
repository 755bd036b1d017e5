"""The command line: `sigmalloc run`, `reproduce`, `sweep` and its companions."""

import argparse
import contextlib
import dataclasses
import json
import os
import platform
import re
import sys
import types
import typing
from pathlib import Path

import numpy as np

from . import __version__, _checks, _kernel, tasks
from ._io import files, terminal
from ._io.progress import Progress
from .agents import Agent
from .agents.schedules import SCHEDULED
from .runs import engine
from .runs.divergence import DivergenceError
from .runs.result import mean_and_sem
from .runs.schedule import POLICIES
from .runs.train import ESTIMATORS, prepare, train
from .tasks.base import Maze, Plane

EPISODES = {"grid-world": 5000, "mountain-car": 5000, "planning": 60_000}
GYMNASIUM = {"frozen-lake": "FrozenLake", "cliff-walking": "CliffWalking", "taxi": "Taxi"}

DESCRIPTION = """\
Agents that spend limited memory precision where it pays: the Dynamic Resource
Allocator (Patel, Acerbi and Pouget, NeurIPS 2020), fast and to the same bits on
every machine."""
EPILOG = """\
examples:
  sigmalloc reproduce                                the paper's figures and claims
  sigmalloc run grid-world --sigma-0 1 --restarts 5 --episodes 5000 --seed 7 --out my-run
  sigmalloc run planning --search-budget 50 --planner depth-first --gap
  sigmalloc sweep study.toml                         10 to 10 million runs, resumable
"""
RUN_EPILOG = """\
The agent's parameters default to the published ones of the task (Table B.1); with
--parameters scripts, to those of the authors' scripts. The folder --out holds
result.npz (read it with sigmalloc.Result.load), curves.csv, the figures, and
config.json with every parameter, the seed and the versions: all that is needed to
repeat the run, bit for bit.

examples:
  sigmalloc run grid-world --sigma-0 1 --restarts 5 --episodes 5000 --seed 7
  sigmalloc run grid-world --change-at 3000 --episodes 10000 --snapshots 300 3000 3300 10000
  sigmalloc run mountain-car --parameters scripts --start uniform
  sigmalloc run planning --moves 4 --search-budget 25 --allocation equal --json
  sigmalloc run frozen-lake                          needs: pip install 'sigmalloc[gymnasium]'
"""


# Numbers that argparse would take for options: "-1e-3" before Python 3.14.
NEGATIVE_NUMBER = re.compile(r"-(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|-(inf|nan)", re.IGNORECASE)


def main(arguments=None):
    """Run the command line; returns the exit status."""
    if "matplotlib" not in sys.modules:
        # Figures go into files. What a notebook exports to its children names a backend that may not be here.
        os.environ["MPLBACKEND"] = "agg"
    with terminal.any_text():
        try:
            try:
                options = build_parser().parse_args(arguments)
                return options.run(options)
            finally:  # what could not be written is an error
                sys.stdout.flush()
        except KeyboardInterrupt:
            return _told("interrupted; no half-written file was left", 130)
        except BrokenPipeError:
            return 1
        except MemoryError as error:
            return _told(f"error: not enough memory{f': {error}' if str(error) else ''}", 2)
        except (ValueError, DivergenceError, ImportError) as error:
            return _told(f"error: {error}", 2)
        except OSError as error:
            # ours have the path in their message, those of Python beside it
            return _told(f"error: {error.strerror if error.strerror and not error.filename else error}", 2)


def _told(message, status):
    with contextlib.suppress(OSError, ValueError):
        print(f"sigmalloc: {message}", file=sys.stderr)
    return status


class Parser(argparse.ArgumentParser):
    """Says what may have been meant by an option that there is not."""

    def error(self, message):
        words = [word.partition("=")[0] for word in message.split() if word.startswith("--")]
        if message.startswith("unrecognized arguments") and words:
            for word in words:
                found = _checks.nearest(word, self.options())
                message += f"; did you mean {' or '.join(found)}?" if found else ""
        super().error(message)

    def options(self):
        """Options of this command and of those below it."""
        below = [action.choices.values() for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        own = [name for action in self._actions for name in action.option_strings if name.startswith("--")]
        return own + [name for parsers in below for parser in parsers for name in parser.options()]


def build_parser():
    """The parser of the whole command line."""
    # matplotlib comes with these, and is told where to draw before
    from .paper import commands as paper_commands
    from .sweeps import commands as sweep_commands

    plain = argparse.RawDescriptionHelpFormatter
    parser = Parser(
        prog="sigmalloc", description=DESCRIPTION, epilog=EPILOG, formatter_class=plain, allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"sigmalloc {__version__} (kernel: {_kernel.NAME})")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    add_run(commands, plain)
    paper_commands.add_parser(commands)
    sweep_commands.add_parsers(commands)
    return parser


def add_run(commands, formatter):
    """The parser of ``sigmalloc run``; the options for the agent are its fields."""
    parser = commands.add_parser(
        "run",
        help="train agents on one task, and draw what they learned",
        description="Train an agent on a task, several times over, evaluate it on the way, and draw what it learned.",
        epilog=RUN_EPILOG, formatter_class=formatter, allow_abbrev=False,
    )  # fmt: skip
    parser._negative_number_matcher = NEGATIVE_NUMBER
    names = [*EPISODES, *GYMNASIUM]
    parser.add_argument(
        "task", metavar="TASK", help=f"{', '.join(names)}, or the id of a Gymnasium environment with a P table"
    )
    runs = parser.add_argument_group("runs")
    runs.add_argument("--episodes", type=int, help="episodes of each run (default: 5000; planning: 60000)")
    runs.add_argument("--restarts", type=int, default=5, help="runs (default: %(default)s)")
    runs.add_argument("--seed", type=int, help="seed of all runs (default: drawn, and recorded)")
    runs.add_argument("--evaluate-every", type=int, help="episodes between evaluations (default: a 50th of all)")
    runs.add_argument("--evaluation-episodes", type=int, default=100, help="episodes per evaluation (default: 100)")
    runs.add_argument("--evaluation-policy", choices=POLICIES, default="soft", help="(default: %(default)s)")
    runs.add_argument("--snapshots", type=int, nargs="+", default=[], metavar="EPISODE", help="also keep q̄ and σ then")
    runs.add_argument("--estimator", choices=ESTIMATORS, default="sampled", help="gradient of σ (default: %(default)s)")
    runs.add_argument("--workers", type=int, help="threads (default: one per processor)")
    output = parser.add_argument_group("output")
    output.add_argument("--out", type=Path, help="folder for results and figures (default: sigmalloc-out/TASK)")
    output.add_argument("--no-figures", action="store_true", help="write the results only")
    output.add_argument("--json", action="store_true", help="print the summary as JSON, and nothing else, on stdout")
    output.add_argument("--gap", action="store_true", help="compare with the exact optimum")
    task = parser.add_argument_group("the task")
    task.add_argument("--change-at", type=int, help="grid-world: episode in which a wall goes and the goal moves")
    task.add_argument("--start", choices=("bottom", "uniform"), help="mountain-car: where episodes start")
    task.add_argument("--moves", type=int, help="planning: moves of a trial")
    task.add_argument("--known-last-move", action="store_true", default=None, help="planning: the last layer is known")
    task.add_argument("--step-limit", type=int, help="steps after which an episode is cut off")
    agent = parser.add_argument_group("the agent")
    agent.add_argument(
        "--parameters", choices=("table-b1", "scripts"), default="table-b1", help="(default: %(default)s)"
    )
    kinds = typing.get_type_hints(Agent)
    for field in dataclasses.fields(Agent):
        agent.add_argument(f"--{field.name.replace('_', '-')}", **_option(field.name, kinds[field.name]))
    parser.set_defaults(run=run)


def _option(name, kind):
    """How a field of the agent is given on the command line."""
    if typing.get_origin(kind) is typing.Literal:
        return {"choices": typing.get_args(kind)}
    if name == "q_init":
        return {"type": float, "nargs": "+", "metavar": "Q", "help": "a constant, or the bounds of a uniform draw"}
    if name in SCHEDULED:
        return {
            "type": _number_or_schedule, "metavar": name.upper(),
            "help": "a number, or by episode: exponential:START,RATE,END, linear:START,END,EPISODES or "
                    "points:EPISODE,VALUE,EPISODE,VALUE,...",
        }  # fmt: skip
    if typing.get_origin(kind) is typing.Literal:
        return {"choices": typing.get_args(kind)}
    kinds = [one for one in typing.get_args(kind) or (kind,) if one is not types.NoneType]
    if kinds == [bool]:
        return {"action": argparse.BooleanOptionalAction, "default": None}
    return {"type": kinds[0], "metavar": name.upper()}


def _number_or_schedule(text):
    kind, colon, values = text.partition(":")
    if not colon:
        return float(text)
    numbers = [float(value) for value in values.split(",")]
    if kind == "points":
        return {kind: [numbers[i : i + 2] for i in range(0, len(numbers), 2)]}
    return {kind: numbers}


def make_task(options):
    """The task that the command line asks for."""
    wanted = {
        "change_at": options.change_at, "start": options.start, "moves": options.moves,
        "known_last_move": options.known_last_move, "step_limit": options.step_limit,
    }  # fmt: skip
    wanted = {name: value for name, value in wanted.items() if value is not None}
    allowed = {
        "grid-world": ("change_at", "step_limit"),
        "mountain-car": ("start", "step_limit"),
        "planning": ("moves", "known_last_move"),
    }.get(options.task, ("step_limit",))
    for name in wanted:
        if name not in allowed:
            raise ValueError(f"--{name.replace('_', '-')} is not an option of the task {options.task!r}")
    if options.task in EPISODES:
        return getattr(tasks, options.task.replace("-", "_"))(**wanted)
    if options.task not in GYMNASIUM and "-v" not in options.task:
        raise ValueError(
            f"unknown task {options.task!r}; tasks are {', '.join([*EPISODES, *GYMNASIUM])}, "
            "or the id of a Gymnasium environment such as FrozenLake8x8-v1"
        )
    if options.task in GYMNASIUM:
        return tasks.from_gymnasium(tasks.newest_gymnasium_id(GYMNASIUM[options.task]), **wanted)
    return tasks.from_gymnasium(options.task, **wanted)


def make_agent(options):
    """The agent that the command line asks for."""
    published = options.task if options.task in EPISODES else "grid-world"
    base = Agent.scripts if options.parameters == "scripts" else Agent.table_b1
    changes = {}
    for field in dataclasses.fields(Agent):
        value = getattr(options, field.name)
        if value is not None:
            changes[field.name] = value
    if "q_init" in changes:
        values = changes["q_init"]
        changes["q_init"] = values[0] if len(values) == 1 else tuple(values)
    return base(published, **changes)


def run(options):
    """``sigmalloc run``."""
    task, agent = make_task(options), make_agent(options)
    episodes = EPISODES.get(options.task, 5000) if options.episodes is None else options.episodes
    episodes = _checks.integer("--episodes", episodes, low=1)
    every = max(1, episodes // 50) if options.evaluate_every is None else options.evaluate_every
    if options.gap:
        exact = require_exact(task)
    asked = {
        "episodes": episodes, "restarts": options.restarts, "seed": options.seed, "evaluate_every": every,
        "evaluation_episodes": options.evaluation_episodes, "evaluation_policy": options.evaluation_policy,
        "snapshots": options.snapshots, "estimator": options.estimator, "workers": options.workers,
    }  # fmt: skip
    prepare(task, agent, **asked)
    folder = writable_folder(options.out or Path("sigmalloc-out") / options.task)
    if options.json:
        result = train(task, agent, **asked)
    else:
        with Progress(unit="episode", leave=False) as progress:
            result = train(task, agent, **asked, progress=progress.update)
    gap = compute_gap(exact, result, options.evaluation_policy) if options.gap else None
    summary = summarise(result, gap)
    written = [result.save(folder / "result.npz"), write_curves(result, folder / "curves.csv")]
    written.append(write_text(folder / "config.json", json.dumps(configuration(options, result), indent=2) + "\n"))
    if not options.no_figures:
        written += draw(result, folder, gap)
    if options.json:
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


def require_exact(task):
    """The exact solver, or an error that says what is missing, before any work."""
    from . import exact

    if not task.finite:
        raise ValueError(f"--gap: {task.name!r} is not a finite MDP, so its optimum cannot be computed")
    return exact


def compute_gap(exact, result, policy):
    """Exact objective of each trained agent, of the best equal-precision one and of the optimum with its q̄."""
    final = result.training_episodes - 1
    task = result.task.at(final).unchanging()
    gap = {"policy": policy, "trained": [], "equal": [], "optimum": []}
    gap["labels"] = {"trained": "trained", "equal": "best equal precision", "optimum": "optimum"}
    for q, sigma in zip(result.q, result.sigma, strict=True):
        gap["trained"].append(exact.evaluate(task, result.agent, q, sigma, policy=policy).objective)
        gap["equal"].append(exact.optimum(task, result.agent, q, policy=policy, equal_precision=True).objective)
        gap["optimum"].append(exact.optimum(task, result.agent, q, policy=policy).objective)
    return gap


def summarise(result, gap=None):
    """The figures of a run as plain Python objects."""
    summary = {
        "task": result.task.name, "seed": result.seed, "restarts": result.restarts,
        "episodes": result.training_episodes, "evaluation_policy": result.evaluation_policy,
        "steps": int(result.steps.sum()), "training_cutoffs": int(result.training_cutoffs.sum()),
    }  # fmt: skip
    for name in ("reward", "value", "cost", "objective", "cutoffs"):
        final = getattr(result, name)[:, -1]
        sem = float(final.std(ddof=1) / np.sqrt(len(final))) if len(final) > 1 else None
        summary[name] = {"mean": float(final.mean()), "sem": sem, "runs": final.tolist()}
    if gap is not None:
        summary["gap"] = {name: value for name, value in gap.items() if name != "labels"}
    return summary


def configuration(options, result):
    """All that is needed to repeat a run."""
    asked = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(options).items()
        if name not in ("run", "command") and value is not None
    }
    return {
        "command": asked,
        "task": {
            "name": result.task.name,
            "step_limit": result.task.step_limit,
            "changes": [episode for episode, _ in result.task.changes],
        },
        "agent": result.agent.to_dict(),
        "seed": result.seed,
        "restarts": result.restarts,
        "episodes": result.training_episodes,
        "evaluate_every": int(result.episodes[0]),
        "evaluation_episodes": result.evaluation_episodes,
        "evaluation_policy": result.evaluation_policy,
        "snapshots": result.snapshot_episodes.tolist(),
        "versions": result.versions,
        "kernel": _kernel.NAME,
        "machine": platform.platform(),
        "processors": engine.usable_processors(),
    }


def write_curves(result, path):
    """The numbers behind the curves, one line a run and checkpoint."""
    lines = ["restart,episode,reward,value,cost,objective,cutoffs"]
    for restart in range(result.restarts):
        for i, episode in enumerate(result.episodes):
            row = [getattr(result, name)[restart, i] for name in ("reward", "value", "cost", "objective", "cutoffs")]
            lines.append(f"{restart},{episode}," + ",".join(f"{value!r}" for value in map(float, row)))
    return write_text(path, "\n".join(lines) + "\n")


def write_text(path, text):
    """Write a file completely or not at all."""
    files.write(path, text)
    return path


def draw(result, folder, gap=None):
    """The figures of a run, as PNG and PDF."""
    from . import plot

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


def writable_folder(path):
    """Make the folder, and find out now rather than later if nothing can be written to it."""
    path = Path(files.checked_path("--out", path))
    try:
        files.make_folder(path)
        probe = path / files.temporary_name()
        files.write(probe, b"")
        probe.unlink()
    except OSError as error:
        raise OSError(error.errno, f"--out: cannot write to {path}: {error.strerror}") from error
    return path
