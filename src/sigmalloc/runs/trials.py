"""Trials: one row a choice, as an agent made it or as people did."""

from __future__ import annotations

import contextlib
import csv
import functools
import io
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._frozen import Frozen, freeze
from .._io import archive, files, terminal
from .._io.extras import needed
from .._io.html import table
from ..tasks.base import Task, unpack
from .arguments import checked_task

if TYPE_CHECKING:
    import pandas
    import xarray

FORMAT = 1
Column = npt.NDArray[Any]
KEYS = ("subject", "session", "episode", "path", "step")
COLUMNS = (*KEYS, "state", "action", "reward", "next_state", "ended", "cut", "forced")
OPTIONAL = ("probability", "time")
TABLES = ("q", "sigma")
UNITS = {"reward": "reward", "q": "reward", "sigma": "reward", "time": "time"}
_MEASURED = frozenset({"reward", *OPTIONAL})  # hardly twice the same
_PIECE = 256  # rows of a text that are read together: as many as stay in the cache
_NO_ANSWER = frozenset({"", "na", "nan", "none", "null"})


@dataclass(frozen=True, eq=False, repr=False)
class Trials(Frozen):
    """A table of trials: one row a choice, ordered by subject, session, episode, path and step. Columns are read only.

    Attributes
    ----------
    task : Task
    subject : array of int or str, shape (rows,)
        Who chose: the number of a restart, or a participant.
    session, episode, path, step : array of int, shape (rows,)
        Counted from 0. ``path`` is 0 but in planning tasks, where a learning trial has as many as the search budget.
    state, action, next_state : array of int, shape (rows,)
        Action −1: nobody chose.
    reward : array of float, shape (rows,)
        NaN: it was not shown.
    ended, cut : array of bool, shape (rows,)
        Whether the episode ended there: in a terminal state, or by the step limit (or the end of the record).
    forced : array of bool, shape (rows,)
        Whether there was no choice.
    probability : array of float, shape (rows,), or None
        Of the choice, given q̄ and σ at that moment.
    time : array of float, shape (rows,), or None
        Of the choice: its samples, and non-decision time (planning: that of a trial, with its first choice).
    q, sigma : array of float, shape (rows, actions), or None
        q̄ and σ of the actions of the state at that moment; NaN where there is no such action.
    """

    task: Task
    subject: Column
    session: Column
    episode: Column
    path: Column
    step: Column
    state: Column
    action: Column
    reward: Column
    next_state: Column
    ended: Column
    cut: Column
    forced: Column
    probability: Column | None = None
    time: Column | None = None
    q: Column | None = None
    sigma: Column | None = None

    def __post_init__(self) -> None:
        checked_task(self.task)
        rows: tuple[int, ...] | None = None
        for name in ("state", *(name for name in (*COLUMNS, *OPTIONAL, *TABLES) if name != "state")):
            given = getattr(self, name)
            if given is None and name not in COLUMNS:
                continue
            column = _checks.as_array(name, given)
            if column.dtype.kind not in _kinds(name) and (name, column.dtype.kind) != ("subject", "O"):
                raise ValueError(f"{name} must hold {_words(name)}, got {column.dtype}")
            if rows is None and column.ndim != 1:
                raise ValueError(f"{name} must have shape (rows,), got {column.shape}")
            rows = column.shape if rows is None else rows
            shape = (*rows, self.task.n_actions) if name in TABLES else rows
            if column.shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {column.shape}")
            object.__setattr__(self, name, column)
        self._check_numbers()
        freeze(self)

    def _check_numbers(self) -> None:
        """That nothing leads out of the task: what replays or labels the rows goes by these numbers."""
        states, actions = self.task.n_states, self.task.n_actions
        most = _checks.LARGEST_INTEGER
        for name, low, high, wrong in (
            ("state", 0, states - 1, f"state must be in [0, {states - 1}], got {{}}"),
            ("next_state", 0, states - 1, "next_state {} is not a state of the task"),
            ("action", -1, actions - 1, "action {} is not an action of the task"),
            *(
                (name, 0, most, f"{name} must be at least 0, got {{}}")
                for name in ("session", "episode", "path", "step")
            ),
        ):
            column = getattr(self, name)
            if len(column) and not low <= int(column.min()) <= int(column.max()) <= high:
                row = int(np.flatnonzero((column < low) | (column > high))[0])
                raise ValueError(f"row {row}: {wrong.format(column[row])}")

    def __len__(self) -> int:
        return len(self.state)

    @property
    def columns(self) -> dict[str, Column]:
        """Columns by name, those that there are."""
        found = {name: getattr(self, name) for name in (*COLUMNS, *OPTIONAL)}
        return {name: column for name, column in found.items() if column is not None}

    @property
    def tables(self) -> dict[str, Column]:
        """q̄ and σ of the actions by name, where they were recorded, shape (rows, actions)."""
        found = {name: getattr(self, name) for name in TABLES}
        return {name: table for name, table in found.items() if table is not None}

    @property
    def subjects(self) -> list[Any]:
        """Who there is, in order of appearance."""
        _, first = np.unique(self.subject, return_index=True)
        return [self.subject[i].item() for i in np.sort(first)]

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return sum(column.nbytes for column in (self.columns | self.tables).values())

    def __getitem__(self, rows: Any) -> Trials:
        """Some of the rows: a slice, a mask or indices.

        Raises
        ------
        ValueError
            If it is none of these: a column is an attribute.
        """
        if isinstance(rows, slice):
            try:
                rows.indices(len(self))
            except (TypeError, ValueError):
                raise ValueError(f"rows must be a slice of whole numbers, got {rows}") from None
        else:
            rows = self._rows(rows)
        return Trials(task=self.task, **{name: held[rows] for name, held in (self.columns | self.tables).items()})

    def _rows(self, given: Any) -> npt.NDArray[Any]:
        if isinstance(given, str):
            hint = f": the column is trials.{given}" if given in (*COLUMNS, *OPTIONAL, *TABLES) else ""
            raise ValueError(f"rows must be a slice, a mask or indices, got {given!r}{hint}")
        rows = _checks.as_array("rows", given)
        if rows.dtype == bool:
            return _checks.mask("rows", rows, (len(self),))
        if not rows.size and rows.ndim == 1:
            return np.zeros(0, dtype=np.int64)
        if rows.ndim != 1:
            raise ValueError(
                f"rows must be a slice, a mask of shape ({len(self)},) or indices, got {_checks.shown(given)}"
            )
        rows = _checks.integers("rows", rows, low=-len(self), high=len(self) - 1)
        if len(rows) == len(self) > 2 and rows.min() >= 0 and rows.max() <= 1:
            raise ValueError(
                "rows must be indices or a mask of booleans: as many 0 and 1 as there are rows look like a mask; give "
                "rows == 1, or the like"
            )
        return rows

    def of(self, subject: Any) -> Trials:
        """The rows of one subject.

        Raises
        ------
        ValueError
            If there is no such subject.
        """
        label = _checks.label("subject", subject)
        comparable = isinstance(label, str) == (self.subject.dtype.kind in "UO")
        rows = self.subject == label if comparable else np.zeros(len(self), dtype=bool)
        if not rows.any():
            raise ValueError(
                f"subject must be one of {', '.join(map(repr, self.subjects[:20]))}, got {_checks.shown(subject)}"
            )
        return self[rows]

    def __repr__(self) -> str:
        return (
            f"<Trials: {self.task.name}, {len(self):,} choices of {len(self.subjects)} subjects in "
            f"{int(self.ended.sum() + self.cut.sum()):,} episodes>"
        )

    def _repr_html_(self) -> str:
        shown = self[: min(len(self), 12)]
        rows = zip(*(column.tolist() for column in shown.columns.values()), strict=True)
        return table(repr(self)[1:-1], list(self.columns), rows, more=len(self) - len(shown))

    def action_labels(self) -> npt.NDArray[np.str_]:
        """Names of the actions, shape (rows,); "" where nobody chose."""
        names = self.task.action_names or tuple(map(str, range(self.task.n_actions)))
        labels: npt.NDArray[np.str_] = np.array(["", *names])[self.action + 1]
        return labels

    def state_labels(self) -> npt.NDArray[np.str_]:
        """Names of the states, shape (rows,)."""
        names = self.task.state_names or tuple(map(str, range(self.task.n_states)))
        return np.array(names)[self.state]

    # elsewhere

    def to_frame(self) -> pandas.DataFrame:
        """A pandas DataFrame; q̄ and σ are columns ``q_0``, ``q_1``, … ."""
        return needed("pandas", "pandas").DataFrame(self._flat())

    def to_xarray(self) -> xarray.Dataset:
        """An xarray Dataset of its own, over rows and actions."""
        module = needed("xarray", "xarray")
        variables: dict[str, Any] = {name: ("row", column, _unit(name)) for name, column in self.columns.items()}
        for name, values in self.tables.items():
            variables[name] = (("row", "action_number"), values, _unit(name))
        made: xarray.Dataset = module.Dataset(variables, {"row": np.arange(len(self))}, {"task": self.task.name})
        return made.copy(deep=True)

    def _flat(self) -> dict[str, Column]:
        flat = dict(self.columns)
        for name, values in self.tables.items():
            flat |= {f"{name}_{action}": values[:, action] for action in range(values.shape[1])}
        return flat

    def to_csv(self, path: str | Path) -> Path:
        """Write a CSV file, complete or not at all: missing choices and rewards are empty.

        Returns
        -------
        Path
        """
        path = Path(files.checked_file("path", path))
        flat = self._flat()

        def put(file: Any) -> None:
            file.write((",".join(flat) + "\n").encode())
            for begin in range(0, len(self), 100_000):
                part = [_written(name, column[begin : begin + 100_000]) for name, column in flat.items()]
                file.write("".join([",".join(row) + "\n" for row in zip(*part, strict=True)]).encode("utf-8"))

        files.write(path, put)
        return path

    def save(self, path: str | Path) -> Path:
        """Write the table to a NumPy archive (.npz), complete or not at all.

        Returns
        -------
        Path
        """
        path = files.with_suffix("path", path, ".npz")
        facts, arrays = self.task.pack()
        archive.save(
            path, {"trials": FORMAT, "task": facts}, arrays | self.columns | self.tables, compress=False
        )  # fmt: skip
        return path

    @classmethod
    def load(cls, path: str | Path) -> Trials:
        """Read a table that `save` wrote; nothing in it is executed.

        Raises
        ------
        ValueError
            If the file is not a table of trials, or is damaged.
        """
        with archive.reading(files.checked_path("path", path), "table of trials") as file:
            facts = file.facts
            if "trials" not in facts:
                raise ValueError("it holds something else, such as a result: `Result.load` reads those")
            if facts["trials"] != FORMAT:
                raise ValueError(f"its format is {facts.get('trials')!r}, not {FORMAT}")
            task = unpack(facts["task"], {name: file.array(name) for name in file.names if name.startswith("task")})
            rows = math.prod(file.shape("state"))
            there = [*COLUMNS, *(name for name in (*OPTIONAL, *TABLES) if name in file.names)]
            shapes = dict.fromkeys(there, (rows,)) | dict.fromkeys(TABLES, (rows, task.n_actions))
            return from_columns(task, {name: file.array(name, _kinds(name), shapes[name]) for name in there})

    @classmethod
    def read_csv(
        cls, path: str | Path, task: Task, columns: Mapping[str, str] | None = None, *, separator: str = ","
    ) -> Trials:
        """Read a CSV file with one row a choice, every row checked.

        Parameters
        ----------
        path : str or Path
        task : Task
            States and actions are its names, or its numbers: its numbers throughout in a table that begins with the
            twelve columns that `to_csv` writes, else its names where all of a column are.
        columns : dict of {str: str}, optional
            The file's name for a column of ours, where it is another: ``{"subject": "participant"}``. ``state`` and
            ``action`` are needed; ``reward`` where something is to be learned; the others are made where they are not
            there: one subject, one session, episodes that end where the task ends them. ``time`` is a column of ours
            only if it is named here, or the file begins with the twelve columns that `to_csv` writes first: other
            people's files have the time of day under that name.
        separator : str

        Returns
        -------
        Trials
            An empty action means that nobody chose, an empty reward that it was not shown.

        Raises
        ------
        ValueError
            Naming the line and what is wrong with it.
        """
        source = files.checked_path("path", path)
        checked_task(task)
        mapping = _checks.mapping("columns", columns)
        separator = _checks.separator("separator", separator)
        _checks.only(mapping, (*COLUMNS, *OPTIONAL), "column")
        header, where, raw = _read_table(source, mapping, separator)
        ours = tuple(header[: len(COLUMNS)]) == COLUMNS
        if "subject" in raw and ours:
            raw["subject"] = [terminal.of_cell(label) for label in raw["subject"]]
        fail = lambda row, message: ValueError(f"{source}, line {where[row]}: {message}")  # noqa: E731
        return _checked_rows(task, raw, fail, ours)

    @classmethod
    def from_frame(cls, frame: Any, task: Task, columns: Mapping[str, str] | None = None) -> Trials:
        """The trials of a pandas DataFrame (or anything with columns), every row checked; see `read_csv`."""
        checked_task(task)
        mapping = _checks.mapping("columns", columns)
        _checks.only(mapping, (*COLUMNS, *OPTIONAL), "column")
        if not hasattr(frame, "columns") and not isinstance(frame, Mapping):
            raise ValueError(f"frame must be a table with columns, got {_checks.shown(frame)}")
        available = list(frame.columns if hasattr(frame, "columns") else frame)
        names = _names_in(available, mapping)
        for name, theirs in names.items():
            if theirs not in available and (name in mapping or name in ("state", "action")):
                raise ValueError(f"there is no column {theirs!r}; the columns are {', '.join(map(str, available))}")
        found = {name: _checks.as_array(theirs, frame[theirs]) for name, theirs in names.items() if theirs in available}
        for name, column in found.items():
            if column.ndim != 1:
                raise ValueError(f"{name} must have shape (rows,), got {column.shape}")
            if column.dtype.kind in "mM":
                raise ValueError(f"{name} must be numbers or texts, got times: {column.dtype}")
        raw = {name: [_spelled(value) for value in column.tolist()] for name, column in found.items()}
        for name, values in raw.items():
            if len(values) != len(raw["state"]):
                raise ValueError(f"{name} must have {len(raw['state'])} rows, as state has, got {len(values)}")
        ours = tuple(available[: len(COLUMNS)]) == COLUMNS
        return _checked_rows(task, raw, lambda row, message: ValueError(f"row {row}: {message}"), ours)


class _Words(dict[str, str]):
    """Words without the space around them. Of one that is there a million times, one is kept."""

    def __missing__(self, word: str) -> str:
        stripped = word.strip()
        self[word] = kept = stripped if stripped == word else self[stripped]
        return kept


def _read_table(
    source: str, mapping: Mapping[str, str], separator: str
) -> tuple[list[str], list[int], dict[str, list[str]]]:
    """A text file's names, the line of each row, and those of our columns that it has."""
    text = io.TextIOWrapper(io.BytesIO(files.read(source)), encoding="utf-8-sig", newline="")
    rows = csv.reader(text, delimiter=separator)
    try:
        header = next(rows, [])
        if not header:
            raise ValueError(f"{source} is empty")
        names = _names_in(header, mapping)
        for name, theirs in names.items():
            if theirs not in header and (name in mapping or name in ("state", "action")):
                raise ValueError(f"{source}: there is no column {theirs!r}; the columns are {', '.join(header)}")
            if header.count(theirs) > 1:
                raise ValueError(f"{source}: there are {header.count(theirs)} columns {theirs!r}")
        places = {name: header.index(theirs) for name, theirs in names.items() if theirs in header}
        raw: dict[str, list[str]] = {name: [] for name in places}
        where: list[int] = []
        words = _Words()
        number = 1
        while part := list(itertools.islice(rows, _PIECE)):
            lines = [line for line, row in enumerate(part, start=number + 1) if row]
            number += len(part)
            part = [row for row in part if row]
            for line, row in zip(lines, part, strict=True):
                if len(row) != len(header):
                    raise ValueError(f"{source}, line {line}: {len(row)} fields, but {len(header)} columns")
            where += lines
            columns = list(zip(*part, strict=True))
            for name, place in places.items() if part else ():
                raw[name] += map(str.strip if name in _MEASURED else words.__getitem__, columns[place])
    except UnicodeDecodeError as error:
        raise ValueError(f"{source} is not text in UTF-8: {error}") from None
    except csv.Error as error:
        raise ValueError(f"{source} is not a readable table: {error}") from None
    return header, where, raw


def _names_in(header: Sequence[Any], mapping: Mapping[str, str]) -> dict[str, str]:
    """What a table calls our columns. ``time`` is one only in a table of ours, or where it was asked for."""
    ours: tuple[str, ...] = (*COLUMNS, "probability")
    if "time" in mapping or tuple(header[: len(COLUMNS)]) == COLUMNS:
        ours = (*COLUMNS, *OPTIONAL)
    return {name: mapping.get(name, name) for name in ours}


def from_columns(task: Task, columns: Mapping[str, Column]) -> Trials:
    """A table from columns of numbers, checked as `Trials.read_csv` does.

    Raises
    ------
    ValueError
        Naming the row.
    """
    rows = len(np.asarray(columns["state"]))
    for name, column in columns.items():
        if np.shape(column)[:1] != (rows,):
            raise ValueError(f"{name} must have {rows} rows, got shape {np.shape(column)}")
    fail = lambda row, message: ValueError(f"row {row}: {message}")  # noqa: E731
    numbers = {name: _checks.as_array(name, column) for name, column in columns.items()}
    for name in ("session", "episode", "path", "step", "state", "action", "next_state"):
        if numbers[name].dtype.kind not in "iu":
            raise ValueError(f"{name} must hold whole numbers, not {numbers[name].dtype}")
    for name in ("ended", "cut", "forced"):
        if numbers[name].dtype != bool:
            raise ValueError(f"{name} must hold booleans, not {numbers[name].dtype}")
    for name in TABLES:
        if name in numbers and numbers[name].shape != (rows, task.n_actions):
            raise ValueError(f"{name} must have shape {(rows, task.n_actions)}, got {numbers[name].shape}")
    trials = Trials(task=task, **numbers)
    _check(trials, fail)
    return trials


def _kinds(name: str) -> str:
    """Kinds of dtype that a column of a file may have."""
    if name == "subject":
        return "iuUf"
    if name in ("ended", "cut", "forced"):
        return "b"
    return "f" if name in ("reward", *OPTIONAL, *TABLES) else "iu"


def _words(name: str) -> str:
    words = {"iuUf": "numbers or texts", "b": "booleans", "f": "real numbers", "iu": "whole numbers"}
    return words[_kinds(name)]


Fail = Callable[[int, str], ValueError]


def _checked_rows(task: Task, raw: dict[str, list[str]], fail: Fail, ours: bool) -> Trials:
    n = len(raw["state"])
    if not n:
        raise ValueError("there are no rows")
    labels = raw.get("subject", ["0"] * n)
    for label in dict.fromkeys(labels):
        if label.lower() in _NO_ANSWER:
            raise fail(labels.index(label), "the subject is empty")
    subject = _numbers_or_text(labels)
    read = functools.partial(_named, fail=fail, ours=ours)
    state = read("state", raw["state"], task.state_names, task.n_states)
    action = read("action", raw["action"], task.action_names, task.n_actions, missing=-1)
    following = None
    if "next_state" in raw:
        following = read("next_state", raw["next_state"], task.state_names, task.n_states, missing=-1)
    session = _whole("session", raw.get("session"), n, fail)
    given_episode = "episode" in raw
    episode = _whole("episode", raw.get("episode"), n, fail)
    forced, ended = _flags("forced", raw.get("forced"), n, fail), _flags("ended", raw.get("ended"), n, fail)
    cut = _flags("cut", raw.get("cut"), n, fail)
    reward = _real("reward", raw.get("reward"), n, fail)
    path = _whole("path", raw.get("path"), n, fail)
    order = np.lexsort((np.arange(n), path, episode, session, _codes(subject)))
    same = _same_run(subject, session, order)
    if not given_episode:
        episode = _count_episodes(task, state, action, following, ended | cut, same, order)
    within = same.copy()
    within[1:] &= (episode[order][1:] == episode[order][:-1]) & (path[order][1:] == path[order][:-1])
    if "step" in raw:
        step = _whole("step", raw["step"], n, fail)
        order = np.lexsort((step, path, episode, session, _codes(subject)))
    else:
        step = np.empty(n, dtype=np.int64)
        step[order] = _count(within)
    last = np.append(~within[1:], True)
    filled = np.full(n, -1) if following is None else following[order]
    follow = np.append(state[order][1:], -1)
    filled = np.where((filled < 0) & ~last, follow, filled)
    for place in np.flatnonzero(filled < 0):
        row = int(order[place])
        filled[place] = _only_successor(task, int(episode[row]), int(state[row]), int(action[row]), row, fail)
    ended = ended[order]
    if "ended" not in raw:
        ended = last & _terminal(task, episode[order], filled)
    cut = (cut[order] | last) & last & ~ended
    columns: dict[str, Any] = {
        "subject": subject[order], "session": session[order], "episode": episode[order], "path": path[order],
        "step": step[order], "state": state[order], "action": action[order], "reward": reward[order],
        "next_state": filled, "ended": ended, "cut": cut, "forced": forced[order],
    }  # fmt: skip
    for name in OPTIONAL:
        if name in raw:
            columns[name] = _real(name, raw[name], n, fail)[order]
    trials = Trials(task=task, **columns)
    _check(trials, lambda row, message: fail(int(order[row]), message))
    return trials


def check(trials: Trials) -> None:
    """Raise an error for the first row that cannot follow those before it, as where rows were chosen or reordered."""
    _check(trials, lambda row, message: ValueError(f"trials, row {row}: {message}"))


def _check(trials: Trials, fail: Fail) -> None:
    """Raise an error for the first row that cannot be so."""
    task, state, action, following = trials.task, trials.state, trials.action, trials.next_state
    n = len(trials)
    if not n:
        return

    def refuse(wrong: npt.NDArray[np.bool_], message: Callable[[int], str]) -> None:
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise fail(row, message(row))

    for name in ("reward", *OPTIONAL, *TABLES):
        column = getattr(trials, name)
        if column is not None:
            wrong = np.isinf(column.reshape(n, -1)).any(axis=1)
            refuse(wrong, lambda r, name=name: f"{name} must be finite, or NaN where it was not shown")  # type: ignore[misc]
    for name in ("probability", "time"):
        column = getattr(trials, name)
        if column is not None:
            refuse(column < 0, lambda r, name=name: f"{name} must not be negative")  # type: ignore[misc]
    if trials.probability is not None:
        refuse(trials.probability > 1 + 1e-9, lambda r: "probability must be at most 1")
    terminal = np.logical_and.reduce([variant.terminal for variant in task.variants])
    refuse(terminal[state], lambda r: f"state {_label(task.state_names, state[r])} is terminal: nobody chooses there")
    exists = np.logical_or.reduce([variant.exists for variant in task.variants])
    chose = action >= 0
    refuse(
        chose & ~exists[state, np.maximum(action, 0)],
        lambda r: f"state {_label(task.state_names, state[r])} has no action {_label(task.action_names, action[r])}",
    )
    if task.finite:
        refuse(*_impossible(trials))
    keys = [_codes(trials.subject), trials.session, trials.episode, trials.path, trials.step]
    same = [np.append(False, key[1:] == key[:-1]) for key in keys]
    run = np.logical_and.reduce(same[:2])
    within = np.logical_and.reduce(same[:4])
    refuse(within & same[4], lambda r: f"step {trials.step[r]} of episode {trials.episode[r]} is there twice")
    gap = within & (trials.step != np.append(0, trials.step[:-1]) + 1)
    refuse(gap, lambda r: f"step {trials.step[r]} of episode {trials.episode[r]} follows step {trials.step[r - 1]}")
    refuse(~within & (trials.step != 0), lambda r: f"episode {trials.episode[r]} begins with step {trials.step[r]}")
    before = run & ~within & (trials.episode < np.append(0, trials.episode[:-1]))
    refuse(before, lambda r: f"episode {trials.episode[r]} comes after episode {trials.episode[r - 1]}")
    skipped = run & (trials.episode > np.append(0, trials.episode[:-1]) + 1)
    refuse(skipped, lambda r: f"episode {trials.episode[r]} follows episode {trials.episode[r - 1]}: a gap")
    jump = within & (state != np.append(0, following[:-1]))
    refuse(
        jump,
        lambda r: (
            f"state {_label(task.state_names, state[r])} does not follow: the row before leads to "
            f"{_label(task.state_names, following[r - 1])}"
        ),
    )
    over = np.append(False, (trials.ended | trials.cut)[:-1])
    refuse(within & over, lambda r: f"episode {trials.episode[r]} goes on after its end")
    refuse(~within & np.append(False, ~over[1:]), lambda r: f"the episode before ends nowhere: row {r - 1} goes on")


def _impossible(trials: Trials) -> tuple[npt.NDArray[np.bool_], Callable[[int], str]]:
    """Where no variant of the task leads from a state by an action to the next state."""
    task: Any = trials.task
    chose = trials.action >= 0
    possible = ~chose
    s, a = trials.state[chose], trials.action[chose]
    reached = np.zeros(len(s), dtype=bool)
    for variant in task.variants:
        hit = (variant.next_state[s, a] == trials.next_state[chose][:, None]) & (variant.probability[s, a] > 0)
        reached |= hit.any(axis=1)
    possible[chose] = reached

    def message(row: int) -> str:
        state, action = trials.state[row], trials.action[row]
        return (
            f"action {_label(task.action_names, action)} in state {_label(task.state_names, state)} never leads to "
            f"{_label(task.state_names, trials.next_state[row])}"
        )

    return ~possible, message


def _label(names: Sequence[str] | None, number: int) -> str:
    return str(number) if names is None else f"{names[number]!r}"


def _terminal(task: Task, episode: Column, state: Column) -> npt.NDArray[np.bool_]:
    """Whether states are terminal in the variant of their episode."""
    variant = np.sum([episode >= begin for begin, _ in task.changes], axis=0, dtype=np.int64)
    terminal: npt.NDArray[np.bool_] = np.stack([one.terminal for one in task.variants])[variant, state]
    return terminal


def _codes(subject: Column) -> npt.NDArray[np.int64]:
    """Subjects as numbers, in order of appearance."""
    _, first, inverse = np.unique(subject, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _same_run(subject: Column, session: Column, order: Column) -> npt.NDArray[np.bool_]:
    """Whether each row, in order, is of the subject and session of the one before."""
    same = np.zeros(len(order), dtype=bool)
    codes = _codes(subject)[order]
    same[1:] = (codes[1:] == codes[:-1]) & (session[order][1:] == session[order][:-1])
    return same


def _count(within: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """0, 1, 2, … from each row that is not within."""
    place = np.arange(len(within))
    return place - np.maximum.accumulate(np.where(within, 0, place))


def _count_episodes(
    task: Task, state: Column, action: Column, following: Column | None, over: Column, same: Column, order: Column
) -> Column:
    """Episodes where the file has none: they end where it says, or where the task of that episode does."""
    episode = np.empty(len(order), dtype=np.int64)
    if not task.changes and following is not None and (following >= 0).all():  # all at once
        ends = (over | task.terminal[following])[order]
        so_far = np.cumsum(np.append(True, ends[:-1]) | ~same) - 1
        episode[order] = so_far - np.maximum.accumulate(np.where(same, 0, so_far))
        return episode
    variants: dict[int, Task] = {}
    one_step: dict[tuple[int, int, int], bool] = {}

    def surely_over(variant: Task, s: int, a: int) -> bool:
        key = (id(variant), s, a)
        if key not in one_step:
            actions = [a] if a >= 0 else np.flatnonzero(variant.exists[s]).tolist()  # nobody chose: whatever it was
            after = [_successors(variant, s, action) for action in actions]
            one_step[key] = bool(after) and all(len(each) and variant.terminal[each].all() for each in after)
        return one_step[key]

    told, number, ended = bool(over.any()), 0, False
    for place, row in enumerate(order.tolist()):
        number = number + ended if same[place] else 0
        episode[row] = number
        if number not in variants:
            variants[number] = task.at(number) if task.changes else task
        variant, to = variants[number], -1 if following is None else int(following[row])
        ended = bool(over[row]) or (to >= 0 and bool(variant.terminal[to]))
        if to < 0 and not ended and (action[row] < 0 or (following is None and not told)):
            ended = surely_over(variant, int(state[row]), int(action[row]))
    return episode


def _successors(task: Any, state: int, action: int) -> npt.NDArray[np.int64]:
    if not task.finite or action < 0:
        return np.zeros(0, dtype=np.int64)
    possible: npt.NDArray[np.int64] = np.unique(task.next_state[state, action][task.probability[state, action] > 0])
    return possible


def _only_successor(task: Task, episode: int, state: int, action: int, row: int, fail: Fail) -> int:
    if action < 0:
        return state
    successors = _successors(task.at(episode), state, action)
    if len(successors) != 1:
        raise fail(row, "next_state is missing, and does not follow from the state and the action")
    return int(successors[0])


def _spelled(value: Any) -> str:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _numbers_or_text(values: list[str]) -> Column:
    """Labels as numbers where they all are, none is beyond 64 bits, and no two become the same ("01" and "1")."""
    try:
        numbers = [int(value) for value in values]
    except ValueError:
        return np.array(values)
    if max(map(abs, numbers)) > _checks.LARGEST_INTEGER or len(set(numbers)) < len(set(values)):
        return np.array(values)
    return np.array(numbers, dtype=np.int64)


def _by_word(name: str, values: list[str], dtype: type, meaning: Callable[[str], Any], fail: Fail) -> Column:
    """What each value means. ``meaning`` is asked once for each that is different, in their order, and says in a
    ValueError what is wrong with one."""
    table = {}
    for value in dict.fromkeys(values):
        try:
            table[value] = meaning(value)
        except ValueError as error:
            raise fail(values.index(value), f"{name} {error}") from None
    return np.fromiter(map(table.__getitem__, values), dtype, len(values))


def _named(
    name: str, values: list[str], names: Sequence[str] | None, count: int, missing: int | None = None, *, fail: Fail,
    ours: bool,
) -> npt.NDArray[np.int64]:  # fmt: skip
    """Numbers of states or actions. In a table of ours they are numbers, whatever names look like."""
    known = {label: number for number, label in enumerate(names or ())}
    given = [value for value in dict.fromkeys(values) if not (missing is not None and value.lower() in _NO_ANSWER)]
    if ours and all(map(_is_whole, given)):
        known = {}
    like_numbers = {value for value in given if value in known and _is_whole(value) and known[value] != int(value)}
    if like_numbers and not all(value in known for value in given):
        other = next(value for value in given if value not in known)
        one = next(value for value in given if value in like_numbers)
        raise fail(
            values.index(other), f"{name} {other!r} is no name of the task, and {one!r} elsewhere in the column is the "
            f"name of number {known[one]}: give names throughout, or numbers"
        )  # fmt: skip

    def meaning(value: str) -> int:
        if value in known:
            return known[value]
        if value.lower() in _NO_ANSWER and missing is not None:
            return missing
        try:
            number = int(value)
        except ValueError:
            hint = "" if names is None else f"; the names are {', '.join(list(names)[:12])}"
            raise ValueError(f"{value!r} is neither a number nor a name of the task{hint}") from None
        if not 0 <= number < count:
            raise ValueError(f"must be in [0, {count - 1}], got {_checks.shown(number)}")
        return number

    return _by_word(name, values, np.int64, meaning, fail)


def _is_whole(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True


def _whole(name: str, values: list[str] | None, n: int, fail: Fail) -> npt.NDArray[np.int64]:
    if values is None:
        return np.zeros(n, dtype=np.int64)

    def meaning(value: str) -> int:
        with contextlib.suppress(ValueError):
            if abs(number := int(value)) <= _checks.LARGEST_INTEGER:
                return number
        raise ValueError(f"must be a whole number, got {_checks.shown(value)}")

    out = _by_word(name, values, np.int64, meaning, fail)
    low = out.min()
    if name in ("episode", "session", "step") and low == 1:  # counted from 1, as people do
        out -= 1
    if out.min() < 0:
        raise fail(int(out.argmin()), f"{name} must be at least 0, got {out.min()}")
    return out


def _real(name: str, values: list[str] | None, n: int, fail: Fail) -> npt.NDArray[np.float64]:
    if values is None:
        return np.full(n, np.nan)

    def meaning(value: str) -> float:
        if value.lower() in _NO_ANSWER:
            return math.nan
        try:
            number = float(value)
        except ValueError:
            raise ValueError(f"must be a number, got {_checks.shown(value)}") from None
        if math.isinf(number):
            raise ValueError(f"must be finite, got {_checks.shown(value)}")
        return number

    return _by_word(name, values, np.float64, meaning, fail)


def _flags(name: str, values: list[str] | None, n: int, fail: Fail) -> npt.NDArray[np.bool_]:
    if values is None:
        return np.zeros(n, dtype=bool)
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}

    def meaning(value: str) -> bool:
        if value.lower() not in words:
            raise ValueError(f"must be true or false, got {_checks.shown(value)}")
        return words[value.lower()]

    return _by_word(name, values, np.bool_, meaning, fail)


def _written(name: str, column: Column) -> Iterator[str] | list[str]:
    if column.dtype.kind == "f":
        return ["" if value != value else repr(value) for value in column.tolist()]
    if column.dtype == bool:
        return ["true" if value else "false" for value in column.tolist()]
    if name == "action":
        return ["" if value < 0 else str(value) for value in column.tolist()]
    if column.dtype.kind in "US":
        return [_quoted(terminal.cell(value)) for value in column.tolist()]
    return map(str, column.tolist())


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in ',"\n\r') else text


def _unit(name: str) -> dict[str, str]:
    return {"units": UNITS[name]} if name in UNITS else {}
