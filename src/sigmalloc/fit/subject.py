"""One person's rows, as the engine reads them."""

import dataclasses
import hashlib
import numbers
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._frozen import Frozen, freeze

Blocks: TypeAlias = Literal["reset", "carry", "reset_q"]
FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

BLOCKS: tuple[str, ...] = ("reset", "carry", "reset_q")
NEW, NEW_Q, CARRIED = 1, 2, 3  # what a row that begins a block does
_ROWS, _ROWS_OPTIONS = ("rows",), ("rows", "options")
_SITUATIONS, _SITUATIONS_OPTIONS = ("situations",), ("situations", "options")
ARRAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "situation": ("i", _ROWS), "following": ("i", _ROWS), "choice": ("i", _ROWS), "payoff": ("f", _ROWS_OPTIONS),
    "outcome": ("f", _ROWS_OPTIONS), "scored": ("i", _ROWS), "episode_end": ("i", _ROWS), "block_start": ("i", _ROWS),
    "block_memories": ("i", _ROWS), "memory": ("i", _SITUATIONS_OPTIONS), "known": ("f", _SITUATIONS_OPTIONS),
    "known_sigma": ("f", _SITUATIONS_OPTIONS), "n_options": ("i", _SITUATIONS), "block": ("i", _ROWS),
    "start": ("f", _SITUATIONS), "rows": ("i", _ROWS),
    "transition": ("f", ("situations", "options", "situations")),
}  # fmt: skip
"""Kind and shape of each array of a `Subject`."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject(Frozen):
    """One person's rows, as the engine reads them. `Choices` makes it; arrays are read-only.

    A *situation* is a set of options: rows that show the same options share one.

    Attributes
    ----------
    label : hashable
    situation : array of int, shape (rows,)
    following : array of int, shape (rows,)
        The situation to which the choice led, in tasks with longer episodes; −1 where there is none.
    choice : array of int, shape (rows,)
        Option chosen, counted from 0; −1: no response.
    payoff : array of float, shape (rows, options)
        Net reward of each option as it was shown; NaN where it was not.
    outcome : array of float, shape (rows, options)
        Payoff of the *memory*: net reward less the known number.
    scored : array of int, shape (rows,)
        1 where the choice counts: it was made, it was free, and there were two options or more.
    episode_end : array of int, shape (rows,)
        1 on the last row of an episode.
    block_start : array of int, shape (rows,)
        0, or on the first row of a block: 1 everything is new, 2 q̄ is new, 3 all is carried over.
    block_memories : array of int, shape (rows,)
        Memories that the subject has in the row's block.
    memory : array of int, shape (situations, options)
        Memory of each option; −1 where it has none.
    known, known_sigma : array of float, shape (situations, options)
        Known number of each option, and the noise of one that has no memory.
    n_options : array of int, shape (situations,)
    n_memories : int
        Most memories that a block has.
    labels : tuple of tuples
        Names of the memories in each block, in the order of ``memory``.
    block : array of int, shape (rows,)
        Block of each row, counted from 0.
    start : array of float, shape (situations,)
        How often episodes start in (or, for episodes of one row, show) each situation, for ``gradient_source="task"``.
    transition : array of float, shape (situations, options, situations), or None
        Transition probabilities of a task with longer episodes; what is missing to 1 ends the episode.
    chosen_only : bool
        Where choices are simulated: only the payoff of the chosen option is shown.
    rows : array of int, shape (rows,)
        Where each row was in the table that `Choices` was made from.
    """

    label: Hashable
    situation: IntArray
    following: IntArray
    choice: IntArray
    payoff: FloatArray
    outcome: FloatArray
    scored: IntArray
    episode_end: IntArray
    block_start: IntArray
    block_memories: IntArray
    memory: IntArray
    known: FloatArray
    known_sigma: FloatArray
    n_options: IntArray
    n_memories: int
    labels: tuple[tuple[Hashable, ...], ...]
    block: IntArray
    start: FloatArray
    transition: FloatArray | None = None
    chosen_only: bool = False
    rows: IntArray

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, field.name, np.ascontiguousarray(value))
        freeze(self)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.situation)

    @property
    def n_scored(self) -> int:
        """Number of choices that count."""
        return int(self.scored.sum())

    @property
    def longer_episodes(self) -> bool:
        """Whether a choice can lead to another situation of the same episode."""
        return bool((self.following >= 0).any())

    def with_choices(self, choice: npt.ArrayLike) -> "Subject":
        """The same rows with other choices, of which only the chosen option's payoff is kept if ``chosen_only``.

        Parameters
        ----------
        choice : array of int, shape (rows,)
            As `simulate` gives them.
        """
        made = _checks.array("choice", choice, (self.n_rows,), np.int64)
        counts = self.n_options[self.situation]
        wrong = np.flatnonzero((made < -1) | (made >= counts))
        if len(wrong):
            raise ValueError(f"choice: row {wrong[0]} has options 0 to {counts[wrong[0]] - 1}, got {made[wrong[0]]}")
        payoff, outcome = self.payoff, self.outcome
        if self.chosen_only:
            shown = np.arange(payoff.shape[1]) == made[:, None]
            payoff, outcome = np.where(shown, payoff, np.nan), np.where(shown, outcome, np.nan)
        scored = np.where(made < 0, 0, self.scored)
        return dataclasses.replace(self, choice=made, payoff=payoff, outcome=outcome, scored=scored, chosen_only=False)

    def part(self, rows: int) -> "Subject":
        """The first rows only."""
        rows = _checks.integer("rows", rows, low=1, high=self.n_rows)
        by_row = [name for name, (_, shape) in ARRAYS.items() if shape[0] == "rows"]
        return dataclasses.replace(self, **{name: getattr(self, name)[:rows] for name in by_row})

    def scoring(self, rows: npt.ArrayLike) -> "Subject":
        """The same rows, of which only some are scored; the others teach.

        Parameters
        ----------
        rows : array of bool, shape (rows,)
        """
        mask = _checks.booleans("rows", rows)
        if mask.shape != (self.n_rows,):
            raise ValueError(f"rows must be an array of bool of shape ({self.n_rows},), got {mask.shape}")
        return dataclasses.replace(self, scored=np.where(mask, self.scored, 0))


def layout(rows: int, situations: int, options: int, transition: bool) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Kind and shape of each array of a `Subject` of such a size, with or without transition probabilities."""
    lengths = {"rows": rows, "situations": situations, "options": options}
    return {
        name: (kind, tuple(lengths[axis] for axis in shape))
        for name, (kind, shape) in ARRAYS.items() if transition or name != "transition"
    }  # fmt: skip


def plain(value: Any) -> Any:
    """A NumPy scalar as Python's; a whole number as an int, so that 1 and 1.0 name the same."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def nothing(value: Any) -> bool:
    """Whether a name says that there is none."""
    if value is None:
        return True
    if isinstance(value, str):
        return value == ""
    if isinstance(value, (numbers.Number, np.generic)):
        return bool(value != value) or bool(value == -1)
    return type(value).__name__ in ("NAType", "NaTType")  # those of pandas, which need not be there


def missing(value: Any) -> bool:
    """Whether there is no value where −1 is one."""
    return nothing(value) and not (isinstance(value, (numbers.Number, np.generic)) and value == -1)


def changes(values: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """True where a value differs from the one before it, and on the first row."""
    if values.dtype.kind in "iufb":
        return np.concatenate(([True], values[1:] != values[:-1]))
    listed = values.tolist()
    return np.array([True, *(a != b for a, b in zip(listed[:-1], listed[1:], strict=True))])


def groups(owner: npt.NDArray[Any]) -> Iterator[tuple[Hashable, IntArray]]:
    """Each subject and its rows, in order of appearance."""
    if owner.dtype.kind in "iufb":
        wrong = np.flatnonzero(owner != owner)
        if len(wrong):
            raise ValueError(f"subject: row {wrong[0]} has none")
        distinct, first, inverse = np.unique(owner, return_index=True, return_inverse=True)
        appearance = np.argsort(first)
        labels = distinct[appearance].tolist()
        number = np.argsort(appearance)[inverse]
    else:
        place: dict[Hashable, int] = {}
        number = np.empty(len(owner), dtype=np.int64)
        for row, label in enumerate(owner.tolist()):
            if missing(label):
                raise ValueError(f"subject: row {row} has none")
            number[row] = place.setdefault(label, len(place))
        labels = list(place)
    order = np.argsort(number, kind="stable").astype(np.int64, copy=False)
    yield from zip(labels, np.split(order, np.cumsum(np.bincount(number))[:-1]), strict=True)


class Once:
    """Arrays that say the same are kept once: what most subjects of an experiment have in common."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, tuple[int, ...], bytes], npt.NDArray[Any]] = {}

    def __call__(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The array, or one like it that came before."""
        array = np.ascontiguousarray(array)
        digest = hashlib.blake2b(array.data, digest_size=16).digest()
        return self._kept.setdefault((array.dtype.str, array.shape, digest), array)
