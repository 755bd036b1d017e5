"""Studies: fits of several models to one table of choices, written down in TOML, checked whole before anything starts.

::

    data = "choices.csv"            # beside this file
    store = "fits"                  # folder of the results, beside this file unless the command line says otherwise
    seed = 0
    starts = 8

    [columns]                       # of the table, as for `Choices.from_csv`
    subject = "participant"
    options = ["left", "right"]     # the name of each option's memory
    choice = "choice"
    payoff = ["paid_left", "paid_right"]    # or the column of the chosen option's
    block = "block"

    [models.dra]
    policy = "hard"                 # and gradient_source, window, lapse, stickiness, shape
    allocation = "dra"              # and any other field of the agent
    sigma_base = 5.0
    free = ["learning_rate_q", "learning_rate_sigma", "lam", "sigma_0"]     # or left out
    bounds = { lam = [0.01, 5.0] }

    [models.learner]
    kind = "softmax"                # a softmax learner

Further keys at the top are those of `fit`: ``method``, ``intervals`` ("none" for none), ``level``, ``particles``,
``repetitions``, and a table ``options``; and ``criterion`` ("bic" or "aic"), which the models are compared by.
"""

import dataclasses
import os
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import _checks
from .._io import files
from ..agents import FIELDS, Agent
from .choices import Choices
from .estimate import Jobs, make_jobs
from .filed import Rows
from .model import Model, SoftmaxLearner

_TOP = ("data", "store", "seed", "starts", "method", "intervals", "level", "particles", "repetitions", "options",
        "criterion", "columns", "models")  # fmt: skip
_COLUMNS = ("options", "choice", "payoff", "subject", "known", "block", "forced", "episode", "blocks", "coding",
            "chosen_only", "separator")  # fmt: skip
_LONGEST_NAME = 200  # bytes: with an ending it is that of a file
_OF_FIT = ("seed", "starts", "method", "intervals", "level", "particles", "repetitions", "options")
_OF_MODEL = tuple(field.name for field in dataclasses.fields(Model) if field.name != "agent")
_OF_LEARNER = tuple(field.name for field in dataclasses.fields(SoftmaxLearner))


@dataclass(frozen=True, eq=False)
class Study:
    """A study, checked.

    Attributes
    ----------
    data : Choices
    jobs : dict of {str: Jobs}
        Of each model, one a subject.
    store : str or None
    criterion : str
    """

    data: Choices
    jobs: dict[str, Jobs]
    store: str | None
    criterion: str


def read_study(
    path: str | os.PathLike[str], *, store: str | os.PathLike[str] | None = None, dry_run: bool = False
) -> Study:
    """What a TOML file asks for.

    The rows of the table are in a file without a name, of which no more is in memory than is worked on: on the disk of
    the store, or, for a dry run, where temporary files are.

    Parameters
    ----------
    path : path
    store : path, optional
        In place of the study's.
    dry_run : bool

    Raises
    ------
    ValueError
        Naming the file, and the key or the row of the table.
    """
    path = files.checked_path("study", path)
    try:
        study = tomllib.loads(files.read(path).decode("utf-8-sig"))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not a TOML file: {error}") from error
    try:
        return _checked(study, os.path.dirname(path), store, dry_run)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _checked(study: dict[str, Any], folder: str, store: str | os.PathLike[str] | None, dry_run: bool) -> Study:
    _known("key", study, _TOP)
    for key in ("data", "columns", "models"):
        if key not in study:
            raise ValueError(f"{key} is missing")
    for key in ("columns", "models", "options"):
        if not isinstance(study.get(key, {}), dict):
            raise ValueError(f"[{key}] must be a table")
    place = _store(study.get("store"), folder) if store is None else files.checked_path("--store", store)
    beside = tempfile.gettempdir() if dry_run or place is None else _existing(place)
    data = _data(study["data"], study["columns"], folder, os.path.join(beside, files.temporary_name(suffix=".npz")))
    settings = {key: study[key] for key in _OF_FIT if key in study}
    if settings.get("intervals") == "none":
        settings["intervals"] = None
    if not study["models"]:
        raise ValueError("[models] has none")
    jobs: dict[str, Jobs] = {}
    for name, given in study["models"].items():
        twin = next((other for other in jobs if other.casefold() == name.casefold()), None)
        if twin is not None:
            raise ValueError(f"[models] {twin!r} and {name!r} are one name where files do not tell letters' case")
        if not isinstance(given, dict):
            raise ValueError(f"[models.{name}] must be a table")
        try:
            jobs[_checked_name(name)] = _jobs(data, given, settings)
        except ValueError as error:
            raise ValueError(f"[models.{name}] {error}") from error
    criterion = _checks.choice("criterion", study.get("criterion", "bic"), ("bic", "aic"))
    return Study(data, jobs, place, criterion)


def _store(given: Any, folder: str) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or not given:
        raise ValueError(f"store must be a string, got {_checks.shown(given)}")
    return os.path.join(folder, os.path.expanduser(given))


def _existing(path: str) -> str:
    """A folder, or the first above it that is there: what may turn out not to be wanted is not made."""
    path = os.path.abspath(path)
    while not os.path.isdir(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path


def _known(what: str, given: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    for key in given:
        if key not in allowed:
            raise ValueError(f"unknown {what} {key!r}; there are {', '.join(allowed)}")


def _checked_name(name: str) -> str:
    odd = not name.isprintable() or name[:1] == "." or name[-1:] in (".", " ")
    if not name or odd or any(sign in name for sign in '/\\:*?"<>|') or len(name.encode()) > _LONGEST_NAME:
        raise ValueError(f"the name {_checks.shown(name)} cannot be that of a folder")
    if name.casefold() == "comparison":
        raise ValueError(f"the name {name!r} is that of the file that compares the models")
    return name


def _data(path: Any, columns: dict[str, Any], folder: str, rows: str) -> Choices:
    if not isinstance(path, str) or not path:
        raise ValueError(f"data must be the name of a file, got {_checks.shown(path)}")
    _known("key of [columns]", columns, _COLUMNS)
    for key in ("options", "choice", "payoff"):
        if key not in columns:
            raise ValueError(f"[columns] has no {key}")
    place = os.path.join(folder, os.path.expanduser(path))
    # TOML has no null: an empty text is an option without a memory, or without a known number
    named: dict[str, Any] = {
        key: [name or None for name in value] if key in ("options", "known") and isinstance(value, list) else value
        for key, value in columns.items()
    }
    try:
        files.check_is_file(place)
        with open(place, "rb"):
            pass
    except OSError as error:
        raise ValueError(f"cannot read {place}: {error.strerror or error}") from error
    data = Choices.from_csv(place, rows=rows, **named)
    assert isinstance(data.subjects, Rows)
    data.subjects.remove_file()
    return data


def _jobs(data: Choices, given: dict[str, Any], settings: dict[str, Any]) -> Jobs:
    given = dict(given)
    kind = _checks.choice("kind", given.pop("kind", "agent"), ("agent", "softmax"))
    free, bounds = given.pop("free", None), given.pop("bounds", None)
    if bounds is not None and not isinstance(bounds, dict):
        raise ValueError(f"bounds must be a table, got {_checks.shown(bounds)}")
    of_model = {name: given.pop(name) for name in _OF_MODEL if name in given}
    _known("key", given, _OF_LEARNER if kind == "softmax" else FIELDS)
    agent = SoftmaxLearner(**given) if kind == "softmax" else Agent(**given)
    return make_jobs(data, Model(agent=agent, **of_model), free=free, bounds=bounds, **settings)
