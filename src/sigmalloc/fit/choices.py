"""What people chose: rows of options with memories and known numbers, a subject after another, checked row by row."""

import functools
import inspect
import math
import numbers
import os
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._io import archive, files
from . import any_length, filed
from .columns import a_float, first_without, flags, floats, has_texts, names_of, spelled
from .columns import column as one_column
from .filed import Rows
from .subject import BLOCKS, CARRIED, NEW, NEW_Q, FloatArray, IntArray, Once, changes, groups, nothing, plain
from .subject import Blocks as Blocks
from .subject import Subject as Subject
from .tasks import choices_in_task
from .texts import Text, read_text

if TYPE_CHECKING:
    import pandas as pd

Coding: TypeAlias = Literal["index", "from one", "memory"]
CODINGS: tuple[str, ...] = ("index", "from one", "memory")
FORMAT = 1
_NO_NAME = 2**62


class Choices:
    """What people chose, checked: a sequence of `Subject`, in order of appearance.

    Made by `from_arrays`, `from_frame`, `from_csv` or `from_task`, or by a reader of another package's tables
    (`read_hbayesdm`, `read_cpm`, `read_hssm`). Many rows may be in a file instead of in memory, see `save`, `load` and
    ``rows`` of `from_csv`; whatever takes choices takes both.
    """

    def __init__(self, subjects: Sequence[Subject]) -> None:
        if isinstance(subjects, Rows):
            self._subjects: Sequence[Subject] = subjects
            return
        subjects = _checks.sequence("subjects", subjects)
        for subject in subjects:
            if not isinstance(subject, Subject):
                raise ValueError(f"subjects must be a sequence of Subject, got {_checks.shown(subject)}")
        if not subjects:
            raise ValueError("subjects must not be empty")
        labels = [subject.label for subject in subjects]
        if len(set(labels)) != len(labels):
            raise ValueError(f"subjects must have labels of their own, got {labels}")
        self._subjects = subjects

    @property
    def subjects(self) -> Sequence[Subject]:
        """The subjects; of those in a file, each is read when it is asked for."""
        return self._subjects

    @property
    def labels(self) -> tuple[Hashable, ...]:
        """The subjects' labels."""
        if isinstance(self._subjects, Rows):
            return self._subjects.contents.labels
        return tuple(subject.label for subject in self._subjects)

    @property
    def n_rows(self) -> int:
        """Number of rows of all subjects."""
        if isinstance(self._subjects, Rows):
            return int(self._subjects.contents.n_rows.sum())
        return sum(subject.n_rows for subject in self._subjects)

    @property
    def n_scored(self) -> int:
        """Number of choices that count, of all subjects."""
        return int(self.scored_by_subject.sum())

    @property
    def scored_by_subject(self) -> IntArray:
        """Number of choices that count, of each subject."""
        if isinstance(self._subjects, Rows):
            return self._subjects.contents.n_scored
        return np.array([subject.n_scored for subject in self._subjects])

    def __len__(self) -> int:
        return len(self._subjects)

    def __iter__(self) -> Iterator[Subject]:
        return iter(self._subjects)

    def __getitem__(self, label: Hashable) -> Subject:
        if not isinstance(label, Hashable) or label not in self._numbers:
            raise KeyError(f"no subject {label!r}; there are {', '.join(map(repr, self.labels[:20]))}")
        return self._subjects[self._numbers[label]]

    @functools.cached_property
    def _numbers(self) -> dict[Hashable, int]:
        return {label: number for number, label in enumerate(self.labels)}

    def __repr__(self) -> str:
        return f"Choices({len(self)} subjects, {self.n_rows} rows, {self.n_scored} scored)"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the rows to a NumPy .npz archive, complete or not at all.

        Parameters
        ----------
        path : path
            ".npz" is appended if it is missing.
        """
        place = files.with_suffix("path", path, ".npz")
        filed.save(place, {"format": FORMAT, "kind": "choices"}, {}, *filed.packed(self._subjects))
        return place

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Choices":
        """Open rows that `save` wrote, or `from_csv` with ``rows``; nothing in the file is executed.

        Rows of more than 2 MB stay in the file, which has to stay where it is: a subject's are read, and their checksum
        is compared, when the subject is asked for. So memory does not grow with them.

        Raises
        ------
        ValueError
            If the file is not one of choices of this format, or is damaged.
        """
        place = files.checked_path("path", path)
        with archive.reading(place, "file of choices") as file:
            facts = file.facts
            if facts.get("kind") != "choices" or facts["format"] != FORMAT:
                found = f"{facts.get('kind')!r} of format {facts.get('format')!r}"
                raise ValueError(f"it is {found}, no choices of {FORMAT}")
            return cls(filed.opened(place, file))

    @classmethod
    def from_arrays(
        cls,
        memory: npt.ArrayLike,
        choice: npt.ArrayLike,
        payoff: npt.ArrayLike,
        *,
        subject: npt.ArrayLike | None = None,
        known: npt.ArrayLike | None = None,
        known_sigma: npt.ArrayLike | None = None,
        exists: npt.ArrayLike | None = None,
        block: npt.ArrayLike | None = None,
        forced: npt.ArrayLike | None = None,
        episode: npt.ArrayLike | None = None,
        blocks: Blocks = "reset",
        coding: Coding = "index",
        chosen_only: bool = False,
    ) -> "Choices":
        """Rows of options, one row a choice, each an episode of its own unless ``episode`` says otherwise.

        Parameters
        ----------
        memory : array, shape (rows, options)
            Name of the memory of each option, a number or a text; where there are texts, numbers are taken for texts.
            −1, NaN, None or "": the option has none, only its known number.
        choice : array, shape (rows,)
            What was chosen, see ``coding``; −1, NaN, None or "": no response. Such a row is neither scored nor learned
            from, but an episode has passed.
        payoff : array of float, shape (rows, options) or (rows,)
            Net reward of each option as far as it was shown, NaN where it was not; or of the chosen one alone.
        subject : array, shape (rows,), optional
            Whose row it is. Default: one subject, 0.
        known : array of float, shape (rows, options), optional
            Number that adds to the memory, or stands in for it: a price, a sure amount. Default 0.
        known_sigma : array of float, shape (rows, options), optional
            Noise of the number where there is no memory, at least 0. Default 0.
        exists : array of bool, shape (rows, options), optional
            Whether the row has the option; those that it has come first. Default: all.
        block : array, shape (rows,), optional
            A block begins on a row where this changes; every row must have one. Default: one block a subject.
        forced : array of bool, shape (rows,), optional
            Choices that were forced: they teach and are not scored.
        episode : array, shape (rows,), optional
            An episode ends before a row where this changes; σ is updated at its end.
        blocks : {"reset", "carry", "reset_q"}
            At a new block everything is new, everything is carried over, or q̄ is new and σ is carried over.
        coding : {"index", "from one", "memory"}
            ``choice`` is the number of the option, counted from 0 or from 1, or the name of its memory.
        chosen_only : bool
            ``payoff`` has all the payoffs of a design, of which a simulated subject sees the chosen option's only.

        Raises
        ------
        ValueError
            Naming the argument, or the subject and the row (counted from 0 within the table).
        """
        _checks.choice("blocks", blocks, BLOCKS)
        _checks.choice("coding", coding, CODINGS)
        chosen_only = _checks.flag("chosen_only", chosen_only)
        given = names_of("memory", memory)
        if given.dtype.kind not in "iufUO":
            raise ValueError(f"memory must have names of memories, numbers or texts, got dtype {given.dtype}")
        if given.ndim != 2 or 0 in given.shape:
            raise ValueError(f"memory must have shape (rows, options), got {given.shape}")
        return cls(_checked(
            list(given.T), given.shape[0], choice=choice, payoff=payoff, subject=subject, known=known,
            known_sigma=known_sigma, exists=exists, block=block, forced=forced, episode=episode, blocks=blocks,
            coding=coding, chosen_only=chosen_only,
        ))  # fmt: skip

    @classmethod
    def from_frame(
        cls,
        frame: "pd.DataFrame | Mapping[str, npt.ArrayLike]",
        *,
        options: Sequence[str | None],
        choice: str,
        payoff: str | Sequence[str],
        subject: str | None = None,
        known: Sequence[str | None] | None = None,
        block: str | Sequence[str] | None = None,
        forced: str | None = None,
        episode: str | None = None,
        blocks: Blocks = "reset",
        coding: Coding = "index",
        chosen_only: bool = False,
    ) -> "Choices":
        """A table with one row a choice, whose columns the caller names.

        Parameters
        ----------
        frame : pandas.DataFrame, or mapping of columns
        options : sequence of str or None
            For each option, the column with the name of its memory; None for an option that has none.
        choice : str
            Column of what was chosen, see ``coding``.
        payoff : str or sequence of str
            Column of the chosen option's net reward, or a column for each option.
        subject, forced, episode : str, optional
        known : sequence of str or None, optional
            For each option, the column of its known number, or None.
        block : str or sequence of str, optional
            One column, or several (session and block, say).
        blocks, coding, chosen_only
            As for `from_arrays`.

        Raises
        ------
        ValueError
            If a column is not there, or naming the subject and the row.
        """
        return cls(_subjects_of(
            frame, None, options=options, choice=choice, payoff=payoff, subject=subject, known=known, block=block,
            forced=forced, episode=episode, blocks=blocks, coding=coding, chosen_only=chosen_only,
        ))  # fmt: skip

    @classmethod
    def from_csv(
        cls,
        path: str | os.PathLike[str],
        *,
        separator: str = ",",
        rows: str | os.PathLike[str] | None = None,
        **columns: Any,
    ) -> "Choices":
        """A text file with a line of column names; other arguments as for `from_frame`. Needs pandas.

        Parameters
        ----------
        path : path
        separator : str
            What separates the columns: ``","``, ``"\\t"``.
        rows : path, optional
            File to which the rows are written, checked, to be opened by `load`: then the table may be of any length, in
            any order, and neither it nor the rows are ever in memory as a whole. ".npz" is appended if it is missing.

        Raises
        ------
        ValueError
            As for `from_frame`; with ``rows`` also where a column that is not one of labels has numbers in one part of
            a long table and texts in another.
        """
        separator = _checks.separator("separator", separator)
        _check_named(columns)
        if rows is None:
            return cls.from_frame(read_text("path", path, separator, _labels(columns), _named(columns)), **columns)
        target = files.with_suffix("rows", rows, ".npz")
        source = files.checked_path("path", path)
        files.check_is_file(source)
        subjects = functools.partial(_subjects_of, **columns)
        named = _named(columns)
        text = Text(source, separator, _labels(columns), named)
        with any_length.reading(text, str(target), subjects, columns.get("subject"), named) as found:
            filed.save(target, {"format": FORMAT, "kind": "choices"}, {}, *found)
        return cls.load(target)

    @classmethod
    def from_task(
        cls,
        task: Any,
        trials: "pd.DataFrame | Mapping[str, npt.ArrayLike]",
        *,
        block: str | None = None,
        blocks: Blocks = "reset",
    ) -> "Choices":
        """Choices in a finite task, from a table with one row a choice: ``state``, ``action``, ``reward`` and more.

        Parameters
        ----------
        task : TabularMDP
            One that does not change. Its memory map and its known values are the subject's.
        trials : pandas.DataFrame, mapping of columns, or anything with attributes of these names
            ``state``, ``action``, ``reward``; ``next_state`` if episodes are longer than a row; ``subject``,
            ``episode``, ``session`` and ``forced`` where there are such. `Trials` has them all.
        block : str, optional
            Column of the block. Default: ``session`` if there is one.
        blocks : {"reset", "carry", "reset_q"}
            See `from_arrays`.

        Raises
        ------
        ValueError
            Naming the argument, or the subject and the row.
        """
        return cls(choices_in_task(task, trials, block, blocks))


def _check_named(columns: Mapping[str, Any]) -> None:
    """That the arguments of `Choices.from_frame` are there, and no others, before a table is read."""
    arguments = list(inspect.signature(Choices.from_frame).parameters.values())[1:]
    _checks.only(columns, [argument.name for argument in arguments], "keyword")
    for argument in arguments:
        if argument.default is inspect.Parameter.empty and argument.name not in columns:
            raise ValueError(f"{argument.name} must be given: which of the table's columns, see Choices.from_frame")


def _named(columns: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns of a table that arguments of `Choices.from_frame` name."""
    names: dict[str, None] = {}
    for key in ("options", "choice", "payoff", "subject", "known", "block", "forced", "episode"):
        given = columns.get(key)
        if given is None:
            continue
        for name in (given,) if isinstance(given, str) else _checks.sequence(key, given):
            if isinstance(name, str):  # the rest is refused by what reads the columns
                names[name] = None
    return tuple(names)


def _labels(columns: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The columns of labels in a text, in groups within which the same text must mean the same."""
    memories = {name: columns[name] for name in ("options", "choice") if name in columns}
    if columns.get("coding") != "memory":
        memories.pop("choice", None)
    return [_named(memories), _named({"subject": columns.get("subject")})]


def _subjects_of(
    frame: "pd.DataFrame | Mapping[str, npt.ArrayLike]",
    place: IntArray | None,
    *,
    options: Sequence[str | None],
    choice: str,
    payoff: str | Sequence[str],
    subject: str | None = None,
    known: Sequence[str | None] | None = None,
    block: str | Sequence[str] | None = None,
    forced: str | None = None,
    episode: str | None = None,
    blocks: Blocks = "reset",
    coding: Coding = "index",
    chosen_only: bool = False,
) -> list[Subject]:
    """See `Choices.from_frame`; ``place`` as a `_Table` has it."""
    if not isinstance(frame, Mapping) and not hasattr(frame, "columns"):
        raise ValueError(f"frame must be a table with columns, got {_checks.shown(frame)}")

    def column(field: str, name: str) -> npt.NDArray[Any]:
        if not isinstance(name, str):
            raise ValueError(f"{field} must be the name of a column, got {_checks.shown(name)}")
        if name not in frame:
            columns = ", ".join(repr(str(key)) for key in frame)
            raise ValueError(f"{field}: no column {name!r}; the columns are {columns}")
        found = names_of(name, frame[name])
        if found.ndim != 1:
            raise ValueError(f"{field}: the column {name!r} must have shape (rows,), got {found.shape}")
        return found

    _checks.choice("blocks", blocks, BLOCKS)
    _checks.choice("coding", coding, CODINGS)
    chosen_only = _checks.flag("chosen_only", chosen_only)
    named = _checks.sequence("options", options)
    if not named:
        raise ValueError("options must not be empty")
    chosen = column("choice", choice)
    n_rows = len(chosen)
    if not n_rows:
        raise ValueError("frame has no rows")
    memory = [None if name is None else column("options", name) for name in named]
    amounts: npt.NDArray[np.float64] | None = None
    if known is not None:
        given = _checks.sequence("known", known)
        if len(given) != len(named):
            raise ValueError(f"known must have {len(named)} entries, one an option, got {len(given)}")
        amounts = np.zeros((n_rows, len(named)))
        for a, name in enumerate(given):
            if name is not None:
                amounts[:, a] = floats(f"known {name!r}", column("known", name))
    if isinstance(payoff, str):
        payoffs = floats("payoff", column("payoff", payoff))
    else:
        each = _checks.sequence("payoff", payoff)
        if not each:
            raise ValueError("payoff must be the name of a column, or those of the options' columns")
        payoffs = np.stack([floats("payoff", column("payoff", name)) for name in each], axis=1)
    in_block: npt.NDArray[Any] | None = None
    if block is not None:
        several = (block,) if isinstance(block, str) else _checks.sequence("block", block)
        parts = [column("block", name) for name in several]
        in_block = parts[0] if len(parts) == 1 else np.array([*zip(*parts, strict=True), None], dtype=object)[:-1]
    return _checked(
        memory, n_rows, choice=chosen, payoff=payoffs, known=amounts, known_sigma=None, exists=None,
        block=in_block, subject=None if subject is None else column("subject", subject),
        forced=None if forced is None else flags("forced", column("forced", forced)),
        episode=None if episode is None else column("episode", episode),
        blocks=blocks, coding=coding, chosen_only=chosen_only, place=place,
    )  # fmt: skip


def _checked(
    memory: Sequence[npt.NDArray[Any] | None],
    n_rows: int,
    *,
    choice: npt.ArrayLike,
    payoff: npt.ArrayLike,
    subject: npt.ArrayLike | None,
    known: npt.ArrayLike | None,
    known_sigma: npt.ArrayLike | None,
    exists: npt.ArrayLike | None,
    block: npt.ArrayLike | None,
    forced: npt.ArrayLike | None,
    episode: npt.ArrayLike | None,
    blocks: str,
    coding: str,
    chosen_only: bool,
    place: IntArray | None = None,
) -> list[Subject]:
    """See `Choices.from_arrays`; memories by option, None for one that has none."""
    shape = (n_rows, len(memory))
    owner = one_column("subject", 0 if subject is None else subject, n_rows)
    if owner.dtype == object and any(isinstance(label, tuple) for label in owner.tolist()):
        raise ValueError("subject must have numbers or texts, got a tuple: join its parts to one text")
    number: dict[Hashable, int] = {}
    chosen = one_column("choice", choice, n_rows)
    if has_texts(memory):
        memory = [None if names is None else spelled(names) for names in memory]
        chosen = spelled(chosen) if coding == "memory" else chosen
    table = _Table(
        place=place,
        names=np.stack([_numbers_of("memory", column, n_rows, number) for column in memory], axis=1),
        number=number,
        owner=owner,
        raw_choice=chosen,
        payoff=_payoffs(payoff, shape),
        known=_numbers("known", known, shape),
        known_sigma=_numbers("known_sigma", known_sigma, shape),
        exists=_mask("exists", exists, shape, True),
        block=one_column("block", 0 if block is None else block, n_rows),
        forced=_mask("forced", forced, (n_rows,), False),
        episode=None if episode is None else one_column("episode", episode, n_rows),
    )
    table.check(coding)
    return [table.subject(label, rows, blocks, chosen_only) for label, rows in groups(owner)]


@dataclass(kw_only=True)
class _Table:
    """Rows of all subjects, before and after they are checked; memories by their numbers in ``number``, −1: none.

    ``place`` is where each row was in the user's table, None if this is the whole of it.
    """

    place: IntArray | None
    names: IntArray
    number: dict[Hashable, int]
    owner: npt.NDArray[Any]
    raw_choice: npt.NDArray[Any]
    payoff: FloatArray
    known: FloatArray
    known_sigma: FloatArray
    exists: npt.NDArray[np.bool_]
    block: npt.NDArray[Any]
    forced: npt.NDArray[np.bool_]
    episode: npt.NDArray[Any] | None

    def fail(self, row: int, message: str) -> None:
        place = row if self.place is None else self.place[row]
        raise ValueError(f"subject {plain(self.owner[row])!r}, row {place}: {message}")

    def check(self, coding: str) -> None:
        for field in ("block", "episode"):
            values = getattr(self, field)
            bare = None if values is None else first_without(values)
            if bare is not None:
                self.fail(bare, f"{field} is missing")
        """Bring the rows into the form that `subject` needs, or say what is wrong with which."""
        self._check_options()
        self._check_known()
        self._check_names()
        self.choice = self._choices(coding)
        for row in np.flatnonzero(self.choice >= self.counts):
            given = _checks.shown(plain(self.raw_choice[row]))
            self.fail(int(row), f"choice must be one of the row's {self.counts[row]} options, got {given}")
        self._check_payoffs()
        for name in ("payoff", "known", "known_sigma"):
            large = np.argwhere(np.abs(getattr(self, name)) > _checks.LARGEST)
            if len(large):
                row, a = large[0]
                given = getattr(self, name)[row, a]
                self.fail(row, f"{name} of option {a} must be within ±{_checks.LARGEST:g}, got {given}")

    def _check_options(self) -> None:
        counts = self.exists.sum(axis=1)
        n = self.names.shape[1]
        gaps = np.flatnonzero((self.exists != (np.arange(n) < counts[:, None])).any(axis=1) | (counts == 0))
        if len(gaps):
            self.fail(
                gaps[0], f"the options that exist must come first, and be at least one, got {self.exists[gaps[0]]}"
            )
        self.counts, self.whole = counts, bool(self.exists.all())
        if not self.whole:
            self.names[~self.exists] = -1
        self.labels = list(self.number)
        self.once = Once()

    def _check_known(self) -> None:
        for name in ("known", "known_sigma"):
            given = getattr(self, name)
            if not self.whole:
                given = np.where(self.exists, given, 0.0)
            wrong = np.argwhere(~np.isfinite(given) | ((name == "known_sigma") & ~(given >= 0)))
            if len(wrong):
                row, a = wrong[0]
                least = " and at least 0" if name == "known_sigma" else ""
                self.fail(row, f"{name} of option {a} must be finite{least}, got {given[row, a]}")
            setattr(self, name, given)

    def _check_names(self) -> None:
        ordered = np.sort(self.names, axis=1)
        twice = np.flatnonzero(((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1))
        if len(twice):
            self.fail(int(twice[0]), f"an option's memory must be its own, got {self._names(twice[0])}")

    def _check_payoffs(self) -> None:
        if self.payoff.ndim == 1:
            payoff = np.full(self.names.shape, np.nan)
            made = np.flatnonzero(self.choice >= 0)
            payoff[made, self.choice[made]] = self.payoff[made]
            self.payoff = payoff
        if not self.whole:
            self.payoff = np.where(self.exists, self.payoff, np.nan)
        infinite = np.argwhere(np.isinf(self.payoff))
        if len(infinite):
            row, a = infinite[0]
            self.fail(
                row, f"payoff of option {a} must be finite, or NaN where it was not shown, got {self.payoff[row, a]}"
            )

    def _names(self, row: int) -> list[Hashable]:
        return [self.labels[number] if number >= 0 else None for number in self.names[row]]

    def _choices(self, coding: str) -> IntArray:
        if coding == "memory":
            return self._chosen_memories()
        first = int(coding == "from one")
        number = np.full(len(self.raw_choice), -1.0)
        made = np.ones(len(number), dtype=np.bool_)
        good = made.copy()
        if self.raw_choice.dtype.kind in "iufb":
            number[:] = self.raw_choice
            made = (number == number) & (number != -1)
            good = ~made | (np.isfinite(number) & (number == np.floor(number)))
        else:
            for row, given in enumerate(self.raw_choice.tolist()):
                made[row] = not nothing(given)
                if made[row]:
                    whole = isinstance(given, numbers.Real) and math.isfinite(given) and given == math.floor(given)
                    good[row], number[row] = whole, a_float(given) if whole else 0.0
        for row in np.flatnonzero(~good | (made & (number < first)))[:1]:
            counted = f", counted from {first}" if good[row] else ""
            given = _checks.shown(plain(self.raw_choice[row]))
            self.fail(row, f"choice must be the number of an option{counted}, got {given}")
        number = np.minimum(number - first, 2.0**62)  # the check of the row's options refuses it
        return np.where(made, number, -1).astype(np.int64)

    def _chosen_memories(self) -> IntArray:
        number = _numbers_of(None, self.raw_choice, len(self.raw_choice), dict(self.number))
        same = (self.names == number[:, None]) & (number >= 0)[:, None]
        for row in np.flatnonzero((number >= 0) & ~same.any(axis=1))[:1]:
            given = _checks.shown(plain(self.raw_choice[row]))
            self.fail(row, f"choice must be one of the row's memories {self._names(row)}, got {given}")
        return np.where(number >= 0, same.argmax(axis=1), -1)

    def subject(self, label: Hashable, rows: IntArray, blocks: str, chosen_only: bool) -> Subject:
        begins = changes(self.block[rows])
        block = np.cumsum(begins) - 1
        labels, memory = self._numbered(self.names[rows], block, blocks)
        options = np.concatenate((memory, self.known[rows], self.known_sigma[rows], self.counts[rows, None]), axis=1)
        _, first, inverse = np.unique(options, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)  # situations in order of appearance, whatever the memories are called
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        situation, where = place[inverse.reshape(-1)], first[order]
        choice = _taken(self.choice, rows)
        ends = np.ones(len(rows), dtype=np.int64)
        if self.episode is not None:
            ends[:-1] = (changes(self.episode[rows]) | begins)[1:]
        mode = {"reset": NEW, "carry": CARRIED, "reset_q": NEW_Q}[blocks]
        start = np.where(begins, mode, 0)
        start[0] = NEW
        scored = (choice >= 0) & ~self.forced[rows] & (self.counts[rows] > 1)
        once, known, payoff = self.once, _taken(self.known, rows), _taken(self.payoff, rows)
        return Subject(
            label=plain(label), situation=once(situation), following=once(np.full(len(rows), -1)), choice=choice,
            payoff=payoff, outcome=payoff - known if known.any() else payoff, scored=once(scored.astype(np.int64)),
            episode_end=once(ends), block_start=once(start),
            block_memories=once(np.array([len(part) for part in labels])[block]), memory=once(memory[where]),
            known=once(known[where]), known_sigma=once(self.known_sigma[rows][where]),
            n_options=once(self.counts[rows][where]), n_memories=max(map(len, labels)), labels=labels,
            block=once(block), start=once(np.bincount(situation) / len(rows)), chosen_only=chosen_only,
            rows=rows if self.place is None else self.place[rows],
        )  # fmt: skip

    def _numbered(
        self, names: IntArray, block: IntArray, blocks: str
    ) -> tuple[tuple[tuple[Hashable, ...], ...], IntArray]:
        """Names of each block's memories, and their numbers; a new block's own ones where everything is new."""
        used, first = np.unique(names[names >= 0], return_index=True)
        appearance = np.argsort(np.argsort(first))  # rank of each of those that are used
        memory = np.full(names.shape, -1, dtype=np.int64)
        labels: list[tuple[Hashable, ...]] = []
        parts = [np.arange(len(block))] if blocks != "reset" else np.split(
            np.arange(len(block)), np.flatnonzero(np.diff(block)) + 1
        )  # fmt: skip
        for rows in parts:
            there = names[rows] >= 0
            rank = appearance[np.searchsorted(used, names[rows][there])]
            kept, number = np.unique(rank, return_inverse=True)
            part = np.full(there.shape, -1, dtype=np.int64)
            part[there] = number
            memory[rows] = part
            by_rank = used[np.argsort(first)][kept]
            labels.append(tuple(self.labels[name] for name in by_rank.tolist()))
        return tuple(labels) if blocks == "reset" else tuple(labels) * int(block[-1] + 1), memory


def _taken(values: npt.NDArray[Any], rows: IntArray) -> npt.NDArray[Any]:
    """Some rows, without a copy where they follow each other."""
    first, last = rows[0], rows[-1]
    return values[first : last + 1] if last - first + 1 == len(rows) else values[rows]


def _numbers_of(field: str | None, names: Any, n_rows: int, number: dict[Hashable, int]) -> IntArray:
    """The number of each name, −1 where there is none; new names are put into ``number``.

    What is no name is an error of the field, if there is one, else a number that nothing has.
    """
    if names is None:
        return np.full(n_rows, -1)
    if names.shape != (n_rows,):
        raise ValueError(f"{field} must have shape ({n_rows},), got {names.shape}")
    if names.dtype.kind in "iuf":
        distinct, inverse = np.unique(names, return_inverse=True)
        own = [-1 if nothing(name) else number.setdefault(plain(name), len(number)) for name in distinct.tolist()]
        return np.array(own, dtype=np.int64)[inverse]
    out = np.empty(n_rows, dtype=np.int64)
    for row, name in enumerate(names.tolist()):
        if nothing(name):
            out[row] = -1
        elif isinstance(name, (numbers.Real, str)):
            out[row] = number.setdefault(plain(name), len(number))
        elif field is None:
            out[row] = _NO_NAME
        else:
            raise ValueError(f"{field} must have names of memories, numbers or texts, got {_checks.shown(name)}")
    return out


def _numbers(field: str, value: npt.ArrayLike | None, shape: tuple[int, ...]) -> FloatArray:
    given = np.zeros(()) if value is None else floats(field, value)
    try:
        return np.broadcast_to(given, shape)
    except ValueError:
        raise ValueError(f"{field} must be numbers of shape {shape}, got shape {given.shape}") from None


def _payoffs(value: npt.ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    given = floats("payoff", value)
    if given.shape not in (shape, shape[:1]):
        raise ValueError(f"payoff must have shape {shape} or {shape[:1]}, got {given.shape}")
    return given


def _mask(field: str, value: npt.ArrayLike | None, shape: tuple[int, ...], default: bool) -> npt.NDArray[np.bool_]:
    if value is None:
        return np.broadcast_to(np.bool_(default), shape)
    given = _checks.as_array(field, value)
    if given.dtype != bool or given.shape != shape:
        raise ValueError(f"{field} must be an array of bool of shape {shape}, got {given.dtype} {given.shape}")
    return given
