"""One call for the whole paper: studies, verdicts, figures, report."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import queue
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__, _checks
from .._io import files
from .._io.progress import Portion, duration
from .._threads import Threads
from ..runs import CutOffWarning
from . import batch, cache, estimate, report
from .catalogue import CLAIMS, FIGURES, STUDIES
from .figure import write
from .maze.figures import animate

_PLAIN = str.maketrans({"λ": "lambda", "σ": "sigma", ",": "", " ": "", "_": "-"})
_ANIMATED = "fig1c"


class Data(dict[str, Any]):
    """Arrays of a study, and the settings they were made with."""

    settings: dict[str, Any]


@dataclass(frozen=True)
class Reproduction:
    """What `reproduce` gives back.

    Attributes
    ----------
    claims : list of dict
        ``id``, ``claim``, ``where``, ``paper``, ``here``, ``criterion``, ``verdict``, ``evidence``, ``setting``,
        ``figure`` (the main one), ``figures``, ``rows`` (the settings in which it was judged, with verdict, parts and
        numbers of each), ``levels`` (their verdicts), ``numbers`` (name, value, standard error, interval) and, of a
        thorough run, ``seeds`` (the verdict with every seed).
    figures : list of Path
        PNG, PDF, CSV and GIF files.
    report : Path
        The HTML report.
    data : list of Path
        The studies' arrays.
    quick, thorough : bool
    seed : int
    notices : list of str
        What the reader must know: parts left out, damaged files that were computed again.
    computed : list of str
        Studies that were computed and not read from the output folder.
    steps : dict of {str: int}
        Environment steps of every study.
    """

    claims: list[dict[str, Any]]
    figures: list[Path]
    report: Path
    data: list[Path]
    quick: bool
    thorough: bool
    seed: int
    notices: list[str]
    computed: list[str]
    steps: dict[str, int]


def names() -> list[str]:
    """Every name that `reproduce` takes in ``only``: claims, then figures."""
    return [*CLAIMS, *FIGURES]


def resolve(only: str | Sequence[str] | None) -> tuple[list[str], list[str]]:
    """The claims and figures that names stand for.

    Names are those of claims or figures in any case; λ and σ may be spelled out, and figures named without "fig".

    Parameters
    ----------
    only : str, sequence of str or None
        None: everything.

    Returns
    -------
    claims, figures : list of str

    Raises
    ------
    ValueError
        If a name is unknown.
    """
    if only is None:
        return list(CLAIMS), list(FIGURES)
    wanted = [only] if isinstance(only, str) else list(only)
    if not wanted:
        raise ValueError("only must name at least one claim or figure, or be None for all")
    claims, figures = set(), set()
    for name in wanted:
        if not isinstance(name, str):
            raise ValueError(f"only must hold names of claims or figures, got {_checks.shown(name)}")
        key = _plain(name)
        found = {claim for claim in CLAIMS if key in _spellings(claim)}
        drawn = {figure for figure in FIGURES if key in (_plain(figure), _plain(figure).removeprefix("fig"))}
        if not found and not drawn:
            raise ValueError(f"unknown claim or figure {name!r}; the names are {', '.join(names())}")
        claims |= found or {claim for claim, facts in CLAIMS.items() if drawn & set(facts.figures)}
        figures |= drawn | {figure for claim in found for figure in CLAIMS[claim].figures}
    return [claim for claim in CLAIMS if claim in claims], [figure for figure in FIGURES if figure in figures]


def _plain(name: str) -> str:
    return name.lower().translate(_PLAIN)


def _spellings(claim: Any) -> set[str]:
    plain = _plain(claim)
    parts = [plain]
    if "," in claim:
        first, *others = claim.split(",")
        parts += [_plain(first), *(_plain(first[:-1] + other) for other in others)]
    return {*parts, *("fig" + part for part in parts)}


@contextlib.contextmanager
def _cutoffs_are_expected() -> Iterator[None]:
    """That some agents never arrive is what claims and figures are about, and they say so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CutOffWarning)
        yield


@_cutoffs_are_expected()
def reproduce(
    out: str | os.PathLike[str] = "sigmalloc-out",
    *,
    only: str | Sequence[str] | None = None,
    seed: int = 0,
    quick: bool = False,
    thorough: bool = False,
    workers: int | None = None,
    progress: bool | Callable[[float, str], object] = False,
    announce: Callable[[str], object] | None = None,
) -> Reproduction:
    """Check the paper's claims and draw its figures.

    Studies are kept in ``out/data`` under what determines them (study, settings, seed, version, and a hash of all that
    computes them), so that a second call only draws. Everything else is written anew; every file is complete or absent.

    Parameters
    ----------
    out : str or Path
        Folder for the report, figures and data; made if it is missing.
    only : str or sequence of str, optional
        Claims (such as "3d" or "B2-λ") or figures (such as "fig3d"). Default: all.
    seed : int
    quick : bool
        Shorter training and fewer runs, marked as such everywhere: for a look, not for a verdict.
    thorough : bool
        Judge with five further seeds, too, and say how often each verdict is the same. Figures are of ``seed``.
    workers : int, optional
        Threads; None: one per processor.
    progress : bool or callable(fraction, what)
        True shows a bar on standard error.
    announce : callable(str), optional
        Told before anything is computed what is going to be, and how long it will take on this machine, by a pilot of
        about a second.

    Returns
    -------
    Reproduction

    Raises
    ------
    ValueError
        If an argument is not valid; nothing has been computed or written then.
    OSError
        If ``out`` cannot be written to, before anything is computed, or the disk is full.
    """
    claim_names, figure_names = resolve(only)
    seed = _checks.seed("seed", seed)
    quick, thorough = _checks.flag("quick", quick), _checks.flag("thorough", thorough)
    if quick and thorough:
        raise ValueError("thorough=True is for verdicts and quick=True is not: choose one of them")
    workers = None if workers is None else _checks.integer("workers", workers, low=1)
    if not (isinstance(progress, bool) or progress is None or callable(progress)):
        raise ValueError(f"progress must be True, False or callable, got {_checks.shown(progress)}")
    if not (announce is None or callable(announce)):
        raise ValueError(f"announce must be callable, got {_checks.shown(announce)}")
    out = Path(files.checked_path("out", out))
    asked = {study for name in claim_names for study in CLAIMS[name].studies}
    asked |= {study for name in figure_names for study in FIGURES[name].studies}
    needed = [study for study in STUDIES if study in asked]
    seeds = [seed + other for other in range(SEEDS)] if thorough else [seed]
    kept = {one: _kept(needed, out, one, quick) for one in seeds}
    todo = [(study, settings, path, wanted, one) for one in seeds for study, settings, path, wanted in kept[one].todo]
    for folder in (out, out / "data", out / "figures"):
        files.make_ready(folder, "out")
    if announce is not None:
        announce(_expectation(todo, quick, workers))
    data, notices = kept[seed].data, [notice for one in seeds for notice in kept[one].notices]
    drawn = {}

    def draw() -> None:
        for name in figure_names:
            if name not in drawn and all(study in data for study in FIGURES[name].studies):
                drawn[name] = write(FIGURES[name], data, out / "figures", quick)
                if name == _ANIMATED:
                    drawn[name].append(animate(data, out / "figures" / f"{name}.gif", quick))

    draw()
    with Portion() if progress is True else contextlib.nullcontext() as bar:
        tell = (progress or None) if bar is None else bar.tell
        for study, settings, path, wanted, one, arrays in _computed(todo, quick, workers, tell):
            cache.save(path, wanted, arrays)
            kept[one].data[study.name] = _labelled(arrays, settings)
            draw()
    judged = [CLAIMS[name].judged(data) for name in claim_names]
    if thorough:
        for claim in judged:
            found = CLAIMS[claim["id"]]
            claim["seeds"] = {str(one): found.judged(kept[one].data)["verdict"] for one in seeds}
    notices += sorted({notice for name in needed for notice in STUDIES[name].missing()})
    drawn = {name: drawn[name] for name in figure_names}
    steps = {name: int(data[name]["steps"]) for name in needed}
    facts = {
        "version": __version__, "seed": seed, "quick": quick, "thorough": thorough, "machine": machine(),
        "notices": notices, "selection": None if only is None else [*claim_names, *figure_names], "steps": steps,
    }  # fmt: skip
    suffix = "" if only is None else "-" + _slug(claim_names or figure_names)
    page = cache.put_text(out / f"report{suffix}.html", report.page(facts, judged, drawn))
    cache.put_text(out / f"claims{suffix}.json", json.dumps(facts | {"claims": judged}, ensure_ascii=False, indent=1))
    figures = [path for paths in drawn.values() for path in paths]
    arrays_of = [path for one in seeds for path in kept[one].files]
    computed = [study.name for study, *_ in todo]
    return Reproduction(judged, figures, page, arrays_of, quick, thorough, seed, notices, computed, steps)


SEEDS = 6
"""Seeds of a thorough run."""


def _expectation(todo: Any, quick: bool, workers: int | None) -> str:
    """A sentence on what is going to be computed and how long it will take."""
    if not todo:
        return "Everything has been computed before; drawing."
    studies = [study for study, *_ in todo]
    processors = batch.usable_processors() if workers is None else min(workers, batch.usable_processors())
    time = duration(max(1.0, estimate.seconds(studies, quick, processors)))
    names = ", ".join(dict.fromkeys(study.name for study in studies))
    seeds = len({one for *_, one in todo})
    return (
        f"{estimate.total_steps(studies, quick):.2g} environment steps in {len(studies)} studies ({names})"
        f"{f', {seeds} seeds' if seeds > 1 else ''}: about {time} on {processors} processors"
    )


@dataclass
class _Found:
    """What is in the output folder for one seed: studies, their files, notices, and what is left to be computed."""

    data: dict[str, Any]
    files: list[Any]
    notices: list[str]
    todo: list[Any]


def _kept(needed: Any, out: Any, seed: int, quick: bool) -> Any:
    found = _Found({}, [], [], [])
    for name in needed:
        study = STUDIES[name]
        settings = study.settings(quick)
        path = out / "data" / f"{name}-seed{seed}{'-quick' if quick else ''}.npz"
        wanted = cache.key(study, settings, seed, quick)
        found.files.append(path)
        try:
            arrays = cache.load(path, wanted)
        except cache.Damaged as error:
            arrays = None
            found.notices.append(f"{error}: computed again")
        if arrays is None:
            found.todo.append((study, settings, path, wanted))
        else:
            found.data[name] = _labelled(arrays, settings)
    return found


class _StoppedError(Exception):
    """The reader of the results has gone."""


def _computed(todo: Any, quick: bool, workers: int | None, progress: Any) -> Iterator[Any]:
    """Compute studies, two at a time, and give each with its arrays as soon as it is there.

    Training leaves the interpreter free, so what a study does in Python runs beside the training of another one.
    """
    weights = [estimate.share(study, quick) for study, *_ in todo]
    fractions = [0.0] * len(todo)
    stop = threading.Event()

    def work(number: Any) -> Any:
        study, settings, path, wanted, seed = todo[number]

        def tell(fraction: float) -> None:
            if stop.is_set():
                raise _StoppedError
            fractions[number] = min(1.0, max(fraction, 1e-9))

        tell(0.0)
        arrays = study.run(seed, settings, workers, tell)
        fractions[number] = 1.0
        return study, settings, path, wanted, seed, arrays

    def report_progress() -> None:
        if progress:
            done = sum(weight * fraction for weight, fraction in zip(weights, fractions, strict=True))
            running = [
                f"{study.name} {fraction:.0%}"
                for (study, *_), fraction in zip(todo, fractions, strict=True)
                if 0 < fraction < 1
            ]
            progress(done / sum(weights), ", ".join(running))

    pool = Threads(2, "sigmalloc-paper")
    try:
        longest_first = sorted(range(len(todo)), key=lambda number: -weights[number])
        ended: queue.SimpleQueue[Future[Any]] = queue.SimpleQueue()
        for number in longest_first:
            pool.submit(work, number).add_done_callback(ended.put)
        left = len(todo)
        while left:
            try:
                future = ended.get(timeout=0.1)
            except queue.Empty:
                report_progress()
                continue
            report_progress()
            left -= 1
            yield future.result()
        if todo:
            report_progress()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _labelled(arrays: dict[str, Any], settings: dict[str, Any]) -> Any:
    labelled = Data(arrays)
    labelled.settings = settings
    return labelled


def machine() -> str:
    """The machine, for the record."""
    processors = batch.usable_processors()
    return f"{platform.system()} {platform.machine()}, {processors} processors, Python {platform.python_version()}"


def _slug(selected: Any) -> str:
    text = "+".join(_plain(name) for name in selected)
    return text if len(text) <= 60 else text[:57] + "..."
