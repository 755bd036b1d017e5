"""What people chose: rows of options with memories and known numbers, a subject after another, checked row by row."""

import math
import numbers
import os
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._io import files
from .subject import BLOCKS, CARRIED, NEW, NEW_Q, FloatArray, IntArray, changes, groups, nothing, plain
from .subject import Blocks as Blocks
from .subject import Subject as Subject
from .tasks import choices_in_task

if TYPE_CHECKING:
    import pandas as pd

Coding: TypeAlias = Literal["index", "from one", "memory"]
CODINGS: tuple[str, ...] = ("index", "from one", "memory")


class Choices:
    """What people chose, checked: a sequence of `Subject`, in order of appearance.

    Made by `from_arrays`, `from_frame`, `from_csv` or `from_task`, or by a reader of another package's tables
    (`read_hbayesdm`, `read_cpm`, `read_hssm`).
    """

    def __init__(self, subjects: Sequence[Subject]) -> None:
        subjects = _checks.sequence("subjects", subjects)
        for subject in subjects:
            if not isinstance(subject, Subject):
                raise ValueError(f"subjects must be a sequence of Subject, got {_checks.shown(subject)}")
        if not subjects:
            raise ValueError("subjects must not be empty")
        labels = [subject.label for subject in subjects]
        if len(set(labels)) != len(labels):
            raise ValueError(f"subjects must have labels of their own, got {labels}")
        self._subjects: tuple[Subject, ...] = subjects

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The subjects."""
        return self._subjects

    @property
    def labels(self) -> tuple[Hashable, ...]:
        """The subjects' labels."""
        return tuple(subject.label for subject in self._subjects)

    @property
    def n_rows(self) -> int:
        """Number of rows of all subjects."""
        return sum(subject.n_rows for subject in self._subjects)

    @property
    def n_scored(self) -> int:
        """Number of choices that count, of all subjects."""
        return sum(subject.n_scored for subject in self._subjects)

    def __len__(self) -> int:
        return len(self._subjects)

    def __iter__(self) -> Iterator[Subject]:
        return iter(self._subjects)

    def __getitem__(self, label: Hashable) -> Subject:
        for subject in self._subjects:
            if subject.label == label:
                return subject
        raise KeyError(f"no subject {label!r}; there are {', '.join(map(repr, self.labels[:20]))}")

    def __repr__(self) -> str:
        return f"Choices({len(self)} subjects, {self.n_rows} rows, {self.n_scored} scored)"

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
            Name of the memory of each option, a number or a text. −1, NaN, None or "": the option has none, only its
            known number.
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
            A block begins on a row where this changes. Default: one block a subject.
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
        names = _names("memory", memory)
        if names.ndim != 2 or 0 in names.shape:
            raise ValueError(f"memory must have shape (rows, options), got {names.shape}")
        shape = names.shape
        n_rows = shape[0]
        owner = _column("subject", 0 if subject is None else subject, n_rows)
        table = _Table(
            names=names,
            owner=owner,
            raw_choice=_column("choice", choice, n_rows),
            payoff=_payoffs(payoff, shape),
            known=_numbers("known", known, shape),
            known_sigma=_numbers("known_sigma", known_sigma, shape),
            exists=_mask("exists", exists, shape, True),
            block=_column("block", 0 if block is None else block, n_rows),
            forced=_mask("forced", forced, (n_rows,), False),
            episode=None if episode is None else _column("episode", episode, n_rows),
        )
        table.check(coding)
        return cls([table.subject(label, rows, blocks, chosen_only) for label, rows in groups(owner)])

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

        if not isinstance(frame, Mapping) and not hasattr(frame, "columns"):
            raise ValueError(f"frame must be a table with columns, got {_checks.shown(frame)}")

        def column(field: str, name: str) -> npt.NDArray[Any]:
            if not isinstance(name, str):
                raise ValueError(f"{field} must be the name of a column, got {_checks.shown(name)}")
            if name not in frame:
                columns = ", ".join(repr(str(key)) for key in frame)
                raise ValueError(f"{field}: no column {name!r}; the columns are {columns}")
            found = _checks.as_array(name, frame[name])
            if found.ndim != 1:
                raise ValueError(f"{field}: the column {name!r} must have shape (rows,), got {found.shape}")
            return found

        named = _checks.sequence("options", options)
        n_rows = len(column("choice", choice))
        memory = np.full((n_rows, len(named)), None, dtype=object)
        for a, name in enumerate(named):
            if name is not None:
                memory[:, a] = column("options", name)
        amounts: npt.NDArray[np.float64] | None = None
        if known is not None:
            given = _checks.sequence("known", known)
            if len(given) != len(named):
                raise ValueError(f"known must have {len(named)} entries, one an option, got {len(given)}")
            amounts = np.zeros(memory.shape)
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
            in_block = np.array([*zip(*parts, strict=True), None], dtype=object)[:-1]
        return cls.from_arrays(
            memory, column("choice", choice), payoffs, known=amounts, block=in_block,
            subject=None if subject is None else column("subject", subject),
            forced=None if forced is None else _flags("forced", column("forced", forced)),
            episode=None if episode is None else column("episode", episode),
            blocks=blocks, coding=coding, chosen_only=chosen_only,
        )  # fmt: skip

    @classmethod
    def from_csv(cls, path: str | os.PathLike[str], *, separator: str = ",", **columns: Any) -> "Choices":
        """A text file with a line of column names; other arguments as for `from_frame`. Needs pandas.

        Parameters
        ----------
        path : path
        separator : str
            What separates the columns: ``","``, ``"\\t"``.
        """
        return cls.from_frame(read_text("path", path, _checks.separator("separator", separator)), **columns)

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


@dataclass(kw_only=True)
class _Table:
    """Rows of all subjects, before and after they are checked."""

    names: npt.NDArray[Any]
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
        raise ValueError(f"subject {plain(self.owner[row])!r}, row {row}: {message}")

    def check(self, coding: str) -> None:
        counts = self.exists.sum(axis=1)
        n = self.names.shape[1]
        gaps = np.flatnonzero((self.exists != (np.arange(n) < counts[:, None])).any(axis=1) | (counts == 0))
        if len(gaps):
            self.fail(
                gaps[0], f"the options that exist must come first, and be at least one, got {self.exists[gaps[0]]}"
            )
        self.counts = counts
        self.names = np.where(self.exists, self.names, np.array(None, dtype=object))
        for name in ("known", "known_sigma"):
            given = np.where(self.exists, getattr(self, name), 0.0)
            wrong = np.argwhere(~np.isfinite(given) | ((name == "known_sigma") & ~(given >= 0)))
            if len(wrong):
                row, a = wrong[0]
                least = " and at least 0" if name == "known_sigma" else ""
                self.fail(row, f"{name} of option {a} must be finite{least}, got {given[row, a]}")
            setattr(self, name, given)
        for row, names in enumerate(self.names):
            there = [name for name in names if name is not None]
            if len(set(there)) < len(there):
                self.fail(row, f"an option's memory must be its own, got {[plain(name) for name in names]}")
        self.choice = self._choices(coding)
        for row in np.flatnonzero(self.choice >= counts):
            given = plain(self.raw_choice[row])
            self.fail(int(row), f"choice must be one of the row's {counts[row]} options, got {_checks.shown(given)}")
        if self.payoff.ndim == 1:
            payoff = np.full(self.names.shape, np.nan)
            made = np.flatnonzero(self.choice >= 0)
            payoff[made, self.choice[made]] = self.payoff[made]
            self.payoff = payoff
        self.payoff = np.where(self.exists, self.payoff, np.nan)
        infinite = np.argwhere(np.isinf(self.payoff))
        if len(infinite):
            row, a = infinite[0]
            self.fail(
                row, f"payoff of option {a} must be finite, or NaN where it was not shown, got {self.payoff[row, a]}"
            )
        for name in ("payoff", "known", "known_sigma"):
            large = np.argwhere(np.abs(getattr(self, name)) > _checks.LARGEST)
            if len(large):
                row, a = large[0]
                given = getattr(self, name)[row, a]
                self.fail(row, f"{name} of option {a} must be within ±{_checks.LARGEST:g}, got {given}")

    def _choices(self, coding: str) -> IntArray:
        out = np.full(len(self.raw_choice), -1, dtype=np.int64)
        for row, given in enumerate(self.raw_choice.tolist()):
            if nothing(given):
                continue
            if coding == "memory":
                names = [plain(name) for name in self.names[row]]
                if plain(given) not in names:
                    self.fail(
                        int(row), f"choice must be one of the row's memories {names}, got {_checks.shown(plain(given))}"
                    )
                out[row] = names.index(plain(given))
                continue
            first = int(coding == "from one")
            if not isinstance(given, numbers.Real) or not math.isfinite(given) or given != math.floor(given):
                self.fail(row, f"choice must be the number of an option, got {_checks.shown(given)}")
            if given < first:
                self.fail(
                    row, f"choice must be the number of an option, counted from {first}, got {_checks.shown(given)}"
                )
            out[row] = min(int(given) - first, _checks.LARGEST_INTEGER)  # the check of the row's options refuses it
        return out

    def subject(self, label: Hashable, rows: IntArray, blocks: str, chosen_only: bool) -> Subject:
        begins = changes(self.block[rows])
        block = np.cumsum(begins) - 1
        names = self.names[rows]
        labels, memory = _numbered(names, block, blocks)
        options = np.concatenate((memory, self.known[rows], self.known_sigma[rows], self.counts[rows, None]), axis=1)
        _, first, inverse = np.unique(options, axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)  # situations in order of appearance, whatever the memories are called
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        situation, where = place[inverse.reshape(-1)], first[order]
        choice = self.choice[rows]
        ends = np.ones(len(rows), dtype=np.int64)
        if self.episode is not None:
            ends[:-1] = (changes(self.episode[rows]) | begins)[1:]
        mode = {"reset": NEW, "carry": CARRIED, "reset_q": NEW_Q}[blocks]
        start = np.where(begins, mode, 0)
        start[0] = NEW
        scored = (choice >= 0) & ~self.forced[rows] & (self.counts[rows] > 1)
        return Subject(
            label=plain(label), situation=situation, following=np.full(len(rows), -1), choice=choice,
            payoff=self.payoff[rows], outcome=self.payoff[rows] - self.known[rows], scored=scored.astype(np.int64),
            episode_end=ends, block_start=start, block_memories=np.array([len(part) for part in labels])[block],
            memory=memory[where], known=self.known[rows][where], known_sigma=self.known_sigma[rows][where],
            n_options=self.counts[rows][where], n_memories=max(map(len, labels)), labels=labels, block=block,
            start=np.bincount(situation) / len(rows), chosen_only=chosen_only, rows=rows,
        )  # fmt: skip


def _numbered(
    names: npt.NDArray[Any], block: IntArray, blocks: str
) -> tuple[tuple[tuple[Hashable, ...], ...], IntArray]:
    """Names of each block's memories, and their numbers; a new block's own ones where everything is new."""
    there = np.array([[name is not None for name in row] for row in names])
    everything = list(dict.fromkeys(name for row in names for name in row if name is not None))
    memory = np.full(names.shape, -1, dtype=np.int64)
    labels = []
    for b in range(block[-1] + 1):
        rows = np.flatnonzero(block == b)
        used = {name for row in names[rows] for name in row if name is not None}
        kept = [name for name in everything if blocks != "reset" or name in used]
        number = {name: i for i, name in enumerate(kept)}
        for row in rows:
            for a in np.flatnonzero(there[row]):
                memory[row, a] = number[names[row, a]]
        labels.append(tuple(kept))
    return tuple(labels), memory


def _names(field: str, value: npt.ArrayLike) -> npt.NDArray[Any]:
    given = _checks.as_array(field, value)
    if given.dtype.kind not in "iufUO":
        raise ValueError(f"{field} must have names of memories, numbers or texts, got dtype {given.dtype}")
    out = np.empty(given.shape, dtype=object)
    for place, name in enumerate(given.reshape(-1).tolist()):
        name = None if nothing(name) else plain(name)
        if not isinstance(name, (numbers.Real, str, type(None))):
            raise ValueError(f"{field} must have names of memories, numbers or texts, got {_checks.shown(name)}")
        out.reshape(-1)[place] = name
    return out


def _column(field: str, value: Any, n_rows: int) -> npt.NDArray[Any]:
    given = _checks.as_array(field, value)
    if given.ndim == 0:
        given = np.broadcast_to(given, (n_rows,))
    if given.shape != (n_rows,):
        raise ValueError(f"{field} must have shape ({n_rows},), got {given.shape}")
    if given.dtype == object:
        for entry in given.tolist():
            if not (isinstance(entry, (str, numbers.Real, np.generic, tuple)) or nothing(entry)):
                raise ValueError(f"{field} must have numbers or texts, got {_checks.shown(entry)}")
    return given


def read_text(field: str, path: Any, separator: str) -> "pd.DataFrame":
    """A text file with a line of column names."""
    import pandas as pd

    source = files.checked_path(field, path)
    files.check_is_file(source)
    return pd.read_csv(source, sep=separator)


def floats(field: str, value: Any) -> FloatArray:
    """Numbers of any shape, NaN where there is none."""
    given = _checks.as_array(field, value)
    if given.dtype == object:
        entries = [math.nan if nothing(entry) and entry != -1 else entry for entry in given.reshape(-1).tolist()]
        if not all(isinstance(entry, numbers.Real) for entry in entries):
            raise ValueError(f"{field} must be numbers, NaN where there is none, got {_checks.shown(value)}")
        return np.array([_float(entry) for entry in entries]).reshape(given.shape)
    if given.dtype.kind not in "biuf":
        raise ValueError(f"{field} must be numbers, NaN where there is none, got dtype {given.dtype}")
    with np.errstate(over="ignore"):
        return given.astype(np.float64)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _flags(field: str, value: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """A column of booleans, or of 0 and 1 as files have them."""
    if value.dtype != bool and not (value.dtype.kind in "iuf" and np.isin(value, (0, 1)).all()):
        raise ValueError(f"{field} must be True and False, or 0 and 1, got {_checks.shown(value)}")
    return value.astype(bool)


def _numbers(field: str, value: npt.ArrayLike | None, shape: tuple[int, ...]) -> FloatArray:
    if value is None:
        return np.zeros(shape)
    given = floats(field, value)
    try:
        return np.broadcast_to(given, shape).copy()
    except ValueError:
        raise ValueError(f"{field} must be numbers of shape {shape}, got shape {np.shape(value)}") from None


def _payoffs(value: npt.ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    given = floats("payoff", value)
    if given.shape not in (shape, shape[:1]):
        raise ValueError(f"payoff must have shape {shape} or {shape[:1]}, got {given.shape}")
    return given


def _mask(field: str, value: npt.ArrayLike | None, shape: tuple[int, ...], default: bool) -> npt.NDArray[np.bool_]:
    if value is None:
        return np.full(shape, default)
    given = _checks.as_array(field, value)
    if given.dtype != bool or given.shape != shape:
        raise ValueError(f"{field} must be an array of bool of shape {shape}, got {given.dtype} {given.shape}")
    return given
