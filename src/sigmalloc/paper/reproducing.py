"""One call for the whole paper: studies, verdicts, figures, report."""

import json
import os
import platform
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from .. import __version__, _checks
from . import batch, cache, report
from .catalogue import CLAIMS, FIGURES, STUDIES
from .figure import write
from .maze.figures import animate

_PLAIN = str.maketrans({"λ": "lambda", "σ": "sigma", ",": "", " ": "", "_": "-"})
_ANIMATED = "fig1c"


class Data(dict):
    """Arrays of a study, and the settings they were made with."""

    settings: dict


@dataclass(frozen=True)
class Reproduction:
    """What `reproduce` gives back.

    Attributes
    ----------
    claims : list of dict
        ``id``, ``claim``, ``paper``, ``here``, ``criterion``, ``verdict``, ``evidence``, ``setting``, ``figure`` (the
        main one), ``figures``, ``levels`` (verdict of each parameter set or part) and ``numbers`` (name, value,
        standard error).
    figures : list of Path
        PNG, PDF, CSV and GIF files.
    report : Path
        The HTML report.
    data : list of Path
        The studies' arrays.
    quick : bool
    seed : int
    notices : list of str
        What the reader must know: parts left out, damaged files that were computed again.
    computed : list of str
        Studies that were computed and not read from the output folder.
    """

    claims: list
    figures: list
    report: Path
    data: list
    quick: bool
    seed: int
    notices: list
    computed: list


def names():
    """Every name that `reproduce` takes in ``only``: claims, then figures."""
    return [*CLAIMS, *FIGURES]


def resolve(only):
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
            raise ValueError(f"only must hold names of claims or figures, got {name!r}")
        key = _plain(name)
        found = {claim for claim in CLAIMS if key in _spellings(claim)}
        drawn = {figure for figure in FIGURES if key in (_plain(figure), _plain(figure).removeprefix("fig"))}
        if not found and not drawn:
            raise ValueError(f"unknown claim or figure {name!r}; the names are {', '.join(names())}")
        claims |= found | {claim for claim, facts in CLAIMS.items() if drawn & set(facts.figures)}
        figures |= drawn | {figure for claim in found for figure in CLAIMS[claim].figures}
    return [claim for claim in CLAIMS if claim in claims], [figure for figure in FIGURES if figure in figures]


def _plain(name):
    return name.lower().translate(_PLAIN)


def _spellings(claim):
    plain = _plain(claim)
    parts = [plain]
    if "," in claim:
        first, *others = claim.split(",")
        parts += [_plain(first), *(_plain(first[:-1] + other) for other in others)]
    return {*parts, *("fig" + part for part in parts)}


def reproduce(out="sigmalloc-out", *, only=None, seed=0, quick=False, workers=None, progress=False):
    """Check the paper's claims and draw its figures.

    Studies are kept in ``out/data`` under what determines them (study, settings, seed, version, sources), so that a
    second call only draws. Everything else is written anew; every file is complete or absent.

    Parameters
    ----------
    out : str or Path
        Folder for the report, figures and data; made if it is missing.
    only : str or sequence of str, optional
        Claims (such as "3d" or "B2-λ") or figures (such as "fig3d"). Default: all.
    seed : int
    quick : bool
        Shorter training and fewer runs, marked as such everywhere: for a look, not for a verdict.
    workers : int, optional
        Threads; None: one per processor.
    progress : bool or callable(fraction, what)
        True shows a bar on standard error.

    Returns
    -------
    Reproduction

    Raises
    ------
    ValueError
        If an argument is not valid; nothing has been computed or written then.
    """
    claim_names, figure_names = resolve(only)
    seed = _checks.integer("seed", seed, low=0)
    quick = _checks.flag("quick", quick)
    workers = None if workers is None else _checks.integer("workers", workers, low=1)
    if progress is True:
        with _bar() as tell:
            return reproduce(out, only=only, seed=seed, quick=quick, workers=workers, progress=tell)
    if not (progress is False or progress is None or callable(progress)):
        raise ValueError(f"progress must be True, False or callable, got {progress!r}")
    try:
        out = Path(os.fsdecode(out))
    except TypeError:
        raise ValueError(f"out must be a path, got {out!r}") from None
    needed = {study for name in claim_names for study in CLAIMS[name].studies}
    needed |= {study for name in figure_names for study in FIGURES[name].studies}
    needed = [study for study in STUDIES if study in needed]
    data, files, notices, todo = _kept(needed, out, seed, quick)
    drawn = {}

    def draw():
        for name in figure_names:
            if name not in drawn and all(study in data for study in FIGURES[name].studies):
                drawn[name] = write(FIGURES[name], data, out / "figures", quick)
                if name == _ANIMATED:
                    drawn[name].append(animate(data, out / "figures" / f"{name}.gif", quick))

    draw()
    for study, settings, path, wanted, arrays in _computed(todo, seed, quick, workers, progress or None):
        cache.save(path, wanted, arrays)
        data[study.name] = _labelled(arrays, settings)
        draw()
    judged = [CLAIMS[name].judged(data) for name in claim_names]
    notices += _missing(needed)
    drawn = {name: drawn[name] for name in figure_names}
    facts = {
        "version": __version__, "seed": seed, "quick": quick, "machine": machine(), "notices": notices,
        "selection": None if only is None else [*claim_names, *figure_names],
    }  # fmt: skip
    suffix = "" if only is None else "-" + _slug(claim_names or figure_names)
    page = out / f"report{suffix}.html"
    cache.put_text(page, report.page(facts, judged, drawn))
    cache.put_text(out / f"claims{suffix}.json", json.dumps(facts | {"claims": judged}, ensure_ascii=False, indent=1))
    figures = [path for paths in drawn.values() for path in paths]
    names_computed = [study.name for study, *_ in todo]
    return Reproduction(judged, figures, page, files, quick, seed, notices, names_computed)


def _kept(needed, out, seed, quick):
    """Studies found in the output folder, their files, notices, and what is left to be computed."""
    data, files, notices, todo = {}, [], [], []
    for name in needed:
        study = STUDIES[name]
        settings = study.settings(quick)
        path = out / "data" / f"{name}-seed{seed}{'-quick' if quick else ''}.npz"
        wanted = cache.key(study, settings, seed, quick)
        files.append(path)
        try:
            arrays = cache.load(path, wanted)
        except cache.Damaged as error:
            arrays = None
            notices.append(f"{error}: computed again")
        if arrays is None:
            todo.append((study, settings, path, wanted))
        else:
            data[name] = _labelled(arrays, settings)
    return data, files, notices, todo


class _StoppedError(Exception):
    """The reader of the results has gone."""


def _computed(todo, seed, quick, workers, progress):
    """Compute studies, two at a time, and give each with its arrays as soon as it is there.

    Training leaves the interpreter free, so what a study does in Python runs beside the training of another one.
    """
    total = sum(study.seconds[quick] for study, *_ in todo)
    fractions = dict.fromkeys((study.name for study, *_ in todo), 0.0)
    stop = threading.Event()

    def work(study, settings, path, wanted):
        def tell(fraction):
            if stop.is_set():
                raise _StoppedError
            fractions[study.name] = max(fraction, 1e-9)

        tell(0.0)
        arrays = study.run(seed, settings, workers, tell)
        fractions[study.name] = 1.0
        return study, settings, path, wanted, arrays

    def report_progress():
        if progress:
            done = sum(STUDIES[name].seconds[quick] * fraction for name, fraction in fractions.items())
            running = [name for name, fraction in fractions.items() if 0 < fraction < 1]
            progress(done / total, ", ".join(running))

    pool = ThreadPoolExecutor(2, thread_name_prefix="sigmalloc-paper")
    try:
        pending = {pool.submit(work, *item) for item in sorted(todo, key=lambda item: -item[0].seconds[quick])}
        while pending:
            finished, pending = wait(pending, timeout=0.1, return_when=FIRST_COMPLETED)
            report_progress()
            for future in finished:
                yield future.result()
        report_progress()
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _labelled(arrays, settings):
    labelled = Data(arrays)
    labelled.settings = settings
    return labelled


def _missing(needed):
    """What was left out for want of an optional package."""
    return sorted({notice for name in needed for notice in STUDIES[name].missing()})


def machine():
    """The machine, for the record."""
    processors = batch.usable_processors()
    return f"{platform.system()} {platform.machine()}, {processors} processors, Python {platform.python_version()}"


def _slug(selected):
    text = "+".join(_plain(name) for name in selected)
    return text if len(text) <= 60 else text[:57] + "..."


class _bar:
    """A progress bar on standard error, as a callable."""

    def __enter__(self):
        from tqdm import tqdm

        style = "{percentage:3.0f}% |{bar}| {elapsed}, {remaining} left  {desc}"
        self.bar = tqdm(total=100, leave=False, bar_format=style)
        return self.tell

    def tell(self, fraction, what):
        self.bar.set_description_str(what[:40], refresh=False)
        self.bar.update(max(0.0, 100 * min(fraction, 1.0) - self.bar.n))

    def __exit__(self, *_):
        self.bar.close()
