"""The command line of sweeps: ``sweep``, ``status``, ``export`` and ``plot``."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import warnings
from typing import Any

from .. import _checks
from .._executors import of_dask
from .._io import files, terminal
from .._io.progress import duration
from . import driver, pilot
from .entry import checked_shard, open_sweep, specified, sweep
from .results import SweepResult, open_result
from .store import Store
from .study import read_study
from .tables import CURVES

FAILURE, INTERRUPTED = 1, 130


def add_parsers(subparsers: Any) -> None:
    """Register the commands with an ``argparse`` parser's subparsers; each sets ``run``, a function of the arguments
    that returns the exit status."""
    _add_sweep(subparsers)
    _add_status(subparsers)
    _add_export(subparsers)
    _add_plot(subparsers)


def _add_sweep(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "sweep", help="run a study: agents trained over a grid of parameters",
        description="Run the study that a TOML file describes. Running it again goes on where it was stopped, whatever "
        "stopped it; a grid that has grown computes only what is new.",
        epilog="As a job array of SLURM: sbatch --array=0-63 ..., and in the job: "
        "sigmalloc sweep study.toml --store DIR --shard $SLURM_ARRAY_TASK_ID/64",
    )  # fmt: skip
    parser.add_argument("study", help="TOML file")
    parser.add_argument("--store", metavar="DIR", help="folder of the results (default: the study's store)")
    parser.add_argument("--workers", type=int, metavar="N", help="threads (default: one per processor), or with --dask "
                        "blocks that are computed at once (default: one per thread of the cluster)")  # fmt: skip
    parser.add_argument("--dask", metavar="ADDRESS", help="compute on the Dask cluster with this scheduler, e.g. "
                        "tcp://host:8786; its workers must see the store under the same path")  # fmt: skip
    parser.add_argument("--shard", metavar="I/N", help="compute every N-th block only, from the I-th on (I from 0)")
    parser.add_argument("--dry-run", action="store_true", help="check everything, run nothing; print how many runs "
                        "there are, the time (from a pilot of two seconds) and the disk they need")  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON on standard output")
    parser.set_defaults(run=run_sweep)


def _add_status(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "status", help="how far a sweep is",
        description="Tell how many runs of a sweep are done, and name files that are damaged or do not belong.",
    )  # fmt: skip
    parser.add_argument("store", metavar="DIR", help="folder of a sweep")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.set_defaults(run=run_status)


def _add_export(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "export", help="write a sweep's results as CSV, NetCDF or Zarr",
        description="Write the runs that are done: .csv has one row for each evaluation of each run, .nc (NetCDF) and "
        ".zarr are labelled arrays with units and need pip install 'sigmalloc[xarray]'.",
    )  # fmt: skip
    parser.add_argument("store", metavar="DIR", help="folder of a sweep")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="file to write: .csv, .nc or .zarr")
    parser.add_argument("--quantities", default=",".join(CURVES), metavar="NAMES",
                        help="which curves, separated by commas (default: %(default)s)")  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")
    parser.set_defaults(run=run_export)


def _add_plot(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "plot", help="draw a sweep: learning curves, a parameter, or a map over two",
        description="Draw the mean over restarts with its standard error. With --curves LAM: learning curves, one for "
        "each value of the axis. With --x LAM: the end of training against the axis (and --by another one). With --x "
        "and --y: a map over two axes. Without any of these: a map of the first two axes, or curves of the only one.",
    )  # fmt: skip
    parser.add_argument("store", metavar="DIR", help="folder of a sweep")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="picture to write, e.g. .png or .pdf")
    parser.add_argument("--curves", metavar="AXIS", help="learning curves by this axis")
    parser.add_argument("--x", metavar="AXIS", help="axis along the abscissa")
    parser.add_argument("--y", metavar="AXIS", help="axis along the ordinate: draws a map")
    parser.add_argument("--by", metavar="AXIS", help="with --x: one line for each value of this axis")
    parser.add_argument("--quantity", default="objective", choices=CURVES, help="what is drawn (default: %(default)s)")
    parser.add_argument("--at", action="append", default=[], metavar="AXIS=VALUE", help="fix another axis; repeatable")
    parser.set_defaults(run=run_plot)


def run_sweep(args: argparse.Namespace) -> int:
    """Run or estimate a study; 0 if it was finished, 1 if it failed, 130 if it was interrupted."""
    study = read_study(args.study)
    if args.store is not None:
        study["store"] = args.store
    if "store" not in study:
        raise ValueError("store is missing: name a folder with --store, or in the study")
    shard = _shard(args.shard)
    if args.dry_run:
        return _dry_run(study, args)
    try:
        with contextlib.nullcontext() if args.dask is None else of_dask(args.dask) as executor:
            result = sweep(**study, executor=executor, workers=args.workers, shard=shard, progress=not args.quiet)
    except KeyboardInterrupt:
        print(f"sigmalloc: interrupted; run the same command to go on with {study['store']}", file=sys.stderr)
        return INTERRUPTED
    except (OSError, driver.WorkersLostError) as error:
        print(f"sigmalloc: error: {_message(error)}", file=sys.stderr)
        return FAILURE
    facts = _facts(result)
    if args.json:
        print(json.dumps(facts))
    else:
        print(f"{facts['done']:,} of {facts['runs']:,} runs are done in {facts['store']}"
              + (f", of which {facts['failed']:,} diverged" if facts["failed"] else ""))  # fmt: skip
    return 0


def _dry_run(study: dict[str, Any], args: argparse.Namespace) -> int:
    arguments = {"seed": 0, **study}
    store = Store(arguments.pop("store"))
    block_size = arguments.pop("block_size", None)
    if block_size is not None:
        _checks.integer("block_size", block_size, low=1)
    if store.exists() and "seed" not in study:
        arguments["seed"] = store.generations()[-1].specification.seed
    wanted, made = specified(arguments.pop("task"), arguments.pop("agent"), arguments.pop("grid"), **arguments)
    workers = driver.pool_of(None, args.workers).workers
    done = 0
    if store.exists():
        store.check(wanted)
        done = sum(len(block.runs) for block in store.survey()[1].values())
    needed = pilot.estimate(wanted, made, wanted.n_runs - done, workers)
    place = store.path
    while not os.path.exists(place):
        place = os.path.dirname(place)
    facts = {
        "cells": needed.cells, "restarts": wanted.restarts, "runs": wanted.n_runs, "done": done, "to_do": needed.runs,
        "blocks": needed.blocks, "workers": workers, "seconds_per_run": needed.seconds_per_run,
        "processor_seconds": needed.processor_seconds, "seconds": needed.processor_seconds / workers,
        "bytes": needed.bytes, "bytes_free": shutil.disk_usage(place).free,
    }  # fmt: skip
    if args.json:
        print(json.dumps(facts))
        return 0
    for line in wanted.describe():
        print(terminal.printable(line))
    print(f"{needed.cells:,} cells × {wanted.restarts:,} restarts = {wanted.n_runs:,} runs, {done:,} of them done")
    print(f"{needed.runs:,} runs to do, in about {needed.blocks:,} files")
    print(f"time: about {duration(facts['seconds'])} with {workers} threads "
          f"({duration(needed.processor_seconds)} of processor time)")  # fmt: skip
    print(f"disk: {_size(needed.bytes)}, with {_size(facts['bytes_free'])} free")
    return 0


def run_status(args: argparse.Namespace) -> int:
    """Print how far a sweep is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # damaged files are in the facts
        result = open_result(Store(args.store), whole=True)
        facts = _facts(result)
    if args.json:
        print(json.dumps(facts))
        return 0
    for line in result.specification.describe():
        print(terminal.printable(line))
    share = 100 * facts["done"] / facts["runs"]
    print(f"{facts['done']:,} of {facts['runs']:,} runs are done ({share:.1f} %), in {facts['blocks']:,} blocks")
    if facts["failed"]:
        print(f"{facts['failed']:,} of them diverged: q̄ or σ was no longer finite")
    print(f"{_size(facts['bytes'])} in {facts['store']}, made by sigmalloc {', '.join(facts['sigmalloc'])}")
    for path, fault in facts["damaged"].items():
        print(terminal.printable(f"not used: {path} {fault}"))
    return 0


def run_export(args: argparse.Namespace) -> int:
    """Write a sweep's runs to a file."""
    output = files.checked_file("--output", args.output)
    if os.path.exists(output) and not args.force:
        raise ValueError(f"{output} exists: give --force to replace it")
    result = open_sweep(args.store)
    try:
        print(result.export(output, tuple(name.strip() for name in args.quantities.split(","))))
    except (ImportError, OSError) as error:
        print(f"sigmalloc: error: {_message(error)}", file=sys.stderr)
        return FAILURE
    return 0


def run_plot(args: argparse.Namespace) -> int:
    """Draw a sweep into a file."""
    from matplotlib.figure import Figure

    from . import plots

    output = files.checked_file("--output", args.output)
    known = Figure().canvas.get_supported_filetypes()
    if os.path.splitext(output)[1].removeprefix(".").lower() not in known:
        raise ValueError(
            f"--output must end in one of {', '.join(f'.{kind}' for kind in known)}, got {_checks.shown(output)}"
        )
    result = open_sweep(args.store)
    axes = list(result.axes)
    if args.curves is not None and (args.x or args.y or args.by):
        raise ValueError("--curves cannot go with --x, --y or --by")
    if args.x is None and (args.y or args.by):
        raise ValueError("--y and --by need --x")
    if args.y is not None and args.by is not None:
        raise ValueError("--y and --by cannot go together")
    at = dict(_fixed(result, text) for text in args.at)
    free = [name for name in axes if name not in at]
    curves, x, y = args.curves, args.x, args.y
    if curves is None and x is None:
        if not free:
            raise ValueError("there is no axis left to draw")
        curves, x, y = (free[0], None, None) if len(free) == 1 else (None, *free[:2])
    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    ax = figure.add_subplot()
    if curves is not None:
        plots.plot_curves(result, curves, args.quantity, at, ax)
    elif y is not None:
        plots.plot_heatmap(result, x, y, args.quantity, at, ax=ax)
    else:
        plots.plot_parameter(result, x, args.by, args.quantity, at, ax=ax)
    ending = os.path.splitext(output)[1].removeprefix(".").lower()
    try:
        files.write(output, lambda file: figure.savefig(file, dpi=200, format=ending))
    except OSError as error:
        print(f"sigmalloc: error: {_message(error)}", file=sys.stderr)
        return FAILURE
    print(output)
    return 0


def _fixed(result: SweepResult, text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or name not in result.axes:
        raise ValueError(
            f"--at must be AXIS=VALUE with AXIS one of {', '.join(result.axes)}, got {_checks.shown(text)}"
        )
    for entry in result.axes[name]:
        if str(entry) == value or (_is_number(entry) and _is_number(value) and float(entry) == float(value)):
            return name, entry
    raise ValueError(f"--at: {name} has no value {value!r}; it has {', '.join(map(str, result.axes[name]))}")


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _facts(result: SweepResult) -> dict[str, Any]:
    return {
        "store": result.store.path, "task": result.specification.task_name, "runs": result.specification.n_runs,
        "done": int(result.done.sum()), "failed": int((result.error > 0).sum()), "blocks": result.n_blocks,
        "seed": result.seed, "axes": result.axes, "restarts": result.restarts, "bytes": result.store.bytes(),
        "sigmalloc": sorted({record["sigmalloc"] for record in result.store.versions()}), "damaged": result.damaged,
    }  # fmt: skip


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    first, slash, count = text.partition("/")
    if not slash or not (first.isdecimal() and count.isdecimal()):
        raise ValueError(f"--shard must be I/N, such as 0/64, got {_checks.shown(text)}")
    return checked_shard((int(first), int(count)))


def _message(error: BaseException) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
