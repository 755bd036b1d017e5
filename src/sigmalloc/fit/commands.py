"""The command line of fits: ``fit``."""

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .._executors import Executors, WorkersLostError, of_dask
from .._io import files, terminal
from .._io.progress import duration, shown
from .compare import Comparison, compare
from .estimate import Job, Jobs, assembled, file_name, fit_subject, run_jobs
from .results import Fit
from .study import Study, read_study
from .work import as_done, pool_of

if TYPE_CHECKING:
    import pandas as pd

FAILURE, INTERRUPTED = 1, 130
_WRITTEN = 1000  # rows at once


def add_parser(subparsers: Any) -> None:
    """Register the command with an ``argparse`` parser's subparsers; it sets ``run``, which returns the exit status."""
    parser = subparsers.add_parser(
        "fit", help="fit agents to what people chose",
        description="Fit the models that a TOML file describes to a table of choices, and compare them. Every "
        "subject's fit is kept as soon as it is done: running it again goes on where it was stopped.",
        epilog="The folder --store gets MODEL.npz (read it with sigmalloc.fit.Fit.load), MODEL.csv with every "
        "subject's parameters, and comparison.csv. What a study says is in the documentation of sigmalloc.fit.",
    )  # fmt: skip
    parser.add_argument("study", help="TOML file")
    parser.add_argument("--store", metavar="DIR", help="folder of the results (default: the study's store)")
    parser.add_argument("--workers", type=int, metavar="N", help="subjects at once (default: one per processor)")
    parser.add_argument("--dask", metavar="ADDRESS", help="compute on the Dask cluster with this scheduler, e.g. "
                        "tcp://host:8786")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="check everything, keep nothing; print what there is to "
                        "do and how long it takes (from one start of one subject of each model)")  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON on standard output")
    parser.set_defaults(run=run_fit)


def run_fit(args: argparse.Namespace) -> int:
    """Fit a study, or estimate what it takes; 0 if it was finished, 1 if it failed, 130 if it was interrupted."""
    study = read_study(args.study, store=args.store, dry_run=args.dry_run)
    store = study.store
    if store is None:
        raise ValueError("store is missing: name a folder with --store, or in the study")
    with contextlib.nullcontext() if args.dask is None else of_dask(args.dask) as executor:
        return _run(study, store, args, executor)


def _run(study: Study, store: str, args: argparse.Namespace, executor: Executors) -> int:
    if args.dry_run:
        return _dry_run(study, store, args, pool_of(args.workers, executor).workers)
    try:
        fits = _fitted(study, store, args, executor)
    except KeyboardInterrupt:
        print(f"sigmalloc: interrupted; run the same command to go on with {store}", file=sys.stderr)
        return INTERRUPTED
    except (OSError, WorkersLostError) as error:
        message = error.strerror if isinstance(error, OSError) and error.strerror else error
        print(f"sigmalloc: error: {message}", file=sys.stderr)
        return FAILURE
    comparison = compare(fits, criterion=study.criterion) if len(fits) > 1 else None  # type: ignore[arg-type]
    _write(fits, comparison, store)
    if args.json:
        print(json.dumps(_facts(fits, comparison, store)))
        return 0
    for fit in fits.values():
        print(fit)
    if comparison is not None:
        print(comparison)
    print(f"written to {store}")
    return 0


def _fitted(study: Study, store: str, args: argparse.Namespace, executor: Executors) -> dict[str, Fit]:
    total = sum(map(len, study.jobs.values()))
    done = 0
    fits = {}
    with shown(not args.quiet, total, unit="fit") as bar:
        for name, jobs in study.jobs.items():
            found = run_jobs(
                jobs, workers=args.workers, executor=executor, store=_folder(store, name),
                progress=lambda count, _, before=done: bar.update(before + count),
            )  # fmt: skip
            done += len(jobs)
            bar.update(done)
            fits[name] = assembled(jobs, found)
    return fits


def _folder(store: str, name: str) -> Path:
    return Path(store) / name


def _write(fits: dict[str, Fit], comparison: Comparison | None, store: str) -> None:
    for name, fit in fits.items():
        fit.save(Path(store) / f"{name}.npz")
        files.write(os.path.join(store, f"{name}.csv"), partial(_put, fit.to_frame()))
    if comparison is not None:
        files.write(os.path.join(store, "comparison.csv"), partial(_put, comparison.to_frame()))


def _put(frame: "pd.DataFrame", file: BinaryIO) -> None:
    """A table as text, some rows at a time."""
    frame = frame.set_axis(frame.index.map(terminal.cell).rename(frame.index.name))
    for begin in range(0, len(frame), _WRITTEN):
        file.write(frame[begin : begin + _WRITTEN].to_csv(header=not begin).encode("utf-8", "backslashreplace"))


def _facts(fits: dict[str, Fit], comparison: Comparison | None, store: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"store": store, "models": {}}
    for name, fit in fits.items():
        facts["models"][name] = {
            "subjects": len(fit), "choices": int(fit.n_scored.sum()), "log_likelihood": float(fit.log_likelihood.sum()),
            "aic": float(fit.aic.sum()), "bic": float(fit.bic.sum()),
        }  # fmt: skip
    if comparison is not None:
        facts["best"] = comparison.best
        facts["protected_exceedance"] = dict(zip(comparison.names, comparison.effects.protected.tolist(), strict=True))
    return facts


def _dry_run(study: Study, store: str, args: argparse.Namespace, workers: int) -> int:
    waiting, seconds = {}, {}
    for name, jobs in study.jobs.items():
        waiting[name], rows = _missing(jobs, _folder(store, name))
        seconds[name] = _seconds(waiting[name], rows)
    total = sum(seconds.values())
    facts: dict[str, Any] = {
        "subjects": len(study.data), "choices": study.data.n_scored, "models": list(study.jobs),
        "fits": sum(map(len, study.jobs.values())), "to_do": sum(map(len, waiting.values())), "workers": workers,
        "processor_seconds": total, "seconds": total / workers,
    }  # fmt: skip
    if args.json:
        print(json.dumps(facts))
        return 0
    print(f"{len(study.data):,} subjects, {study.data.n_rows:,} rows, of which {study.data.n_scored:,} choices count")
    for name, jobs in study.jobs.items():
        space = jobs.common.space
        free = ", ".join(f"{key} in {low:.3g} to {high:.3g}" for key, (low, high) in space.bounds.items())
        print(f"{name}: {jobs.common.model.kind}, {free}; {len(waiting[name]):,} of {len(jobs):,} fits to do, about "
              f"{duration(seconds[name])} of processor time")  # fmt: skip
    print(f"time: about {duration(facts['seconds'])} with {workers} threads ({duration(total)} of processor time)")
    return 0


def _missing(jobs: Jobs, folder: Path) -> tuple[Jobs, int]:
    """Those of which a folder has no fit, and how many rows they have."""
    numbers, rows = [], 0
    for number, job in enumerate(jobs):
        if not files.exists(folder / file_name(job)):
            numbers.append(number)
            rows += job.subject.n_rows
    return jobs.only(numbers), rows


def _seconds(jobs: Jobs, rows: int) -> float:
    """What jobs with so many rows take: one start of the first one, and that by starts and rows."""
    if not jobs:
        return 0.0
    first: Job = jobs[0]
    begin = time.perf_counter()
    _, fit = next(iter(as_done(fit_subject, [dataclasses.replace(first, starts=1)], 1)))
    passed = time.perf_counter() - begin
    sets = fit.evaluations + (first.starts - 1) * float(fit.starts.evaluations.mean())
    return passed * sets / max(fit.evaluations, 1) * rows / first.subject.n_rows
