"""Rows of subjects in a file, of which one subject's are read when they are asked for.

A subject is a *record*: a line of JSON, and behind it the bytes of its arrays, integers as narrow as they can be. (Not
packed otherwise: payoffs, most of it, hardly get shorter, and take thrice the time to read.) Records follow each other
in one member of an archive (`sigmalloc._io.archive`) that is stored as it is; where each ends, whose it is, how many
rows it has and its checksum are in members beside it, and in memory: some tens of bytes a subject.
"""

import contextlib
import hashlib
import json
import math
import os
import weakref
from array import array
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, overload

import numpy as np
import numpy.typing as npt

from .._io import archive, files
from .engine import kernel_rows
from .subject import ARRAYS, IntArray, Subject, layout

_HELD = 2**21  # bytes of records that are held in memory: no file need be kept open for so little
_KINDS = ("|i1", "<i2", "<i4", "<i8", "<f8")  # of numbers in a record
_STAYS_OPEN = os.name == "posix"  # elsewhere a file that is open can neither be replaced nor removed


def packed_subject(subject: Subject) -> tuple[dict[str, Any], dict[str, Any]]:
    """A subject's facts and arrays."""
    facts = {
        "label": _plain_label(subject.label), "n_memories": subject.n_memories, "chosen_only": subject.chosen_only,
        "labels": [[_plain_label(name) for name in block] for block in subject.labels],
    }  # fmt: skip
    arrays = {name: getattr(subject, name) for name in ARRAYS}
    return facts, {name: array for name, array in arrays.items() if array is not None}


def _plain_label(label: Hashable) -> int | float | str:
    return label if isinstance(label, (int, float, str)) else str(label)


def record_of(subject: Subject) -> bytes:
    """A subject's record."""
    facts, arrays = packed_subject(subject)
    if np.array_equal(subject.outcome, subject.payoff, equal_nan=True):
        del arrays["outcome"]
    little = {name: np.ascontiguousarray(part, _narrow(part)) for name, part in arrays.items()}
    head = {"facts": facts, "arrays": [[name, part.dtype.str, part.shape] for name, part in little.items()]}
    line = json.dumps(head, separators=(",", ":")).encode()
    return b"".join([line, b"\n", *(part.tobytes() for part in little.values())])


def _narrow(array: npt.NDArray[Any]) -> np.dtype[Any]:
    """The smallest type that holds what an array has."""
    if array.dtype.kind == "i" and array.size:
        ends = int(array.min()), int(array.max())
        for kind in ("i1", "<i2", "<i4"):
            if np.iinfo(kind).min <= ends[0] and ends[1] <= np.iinfo(kind).max:
                return np.dtype(kind)
    return array.dtype.newbyteorder("<")


def subject_in(record: bytes) -> Subject:
    """The subject that `record_of` packed; whatever is wrong with it is a ValueError."""
    try:
        end = record.index(b"\n")
        head = json.loads(record[:end])
        place = end + 1
        found: dict[str, Any] = {}
        for name, kind, shape in head["arrays"]:
            if kind not in _KINDS or name not in ARRAYS or name in found:
                raise ValueError(f"{name} holds {kind}")
            dtype = np.dtype(kind)
            count = math.prod(shape)
            part = np.frombuffer(record, dtype, count, place).reshape(shape)
            wanted = np.float64 if dtype.kind == "f" else np.int64
            found[name] = part.astype(wanted, copy=not part.flags.aligned)
            place += count * dtype.itemsize
        if place != len(record):
            raise ValueError("a subject has more than its arrays")
        found.setdefault("outcome", found["payoff"])
        return unpacked_subject(head["facts"], found)
    except (KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"a subject's rows are damaged: {error}") from error


def unpacked_subject(facts: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Subject:
    """The subject that `packed_subject` packed.

    Raises
    ------
    ValueError
        If shapes, types or numbers are not those of a subject.
    """
    _check_shapes(arrays)
    label, memories, chosen_only, names = (facts[key] for key in ("label", "n_memories", "chosen_only", "labels"))
    block, rows = arrays["block"], arrays["rows"]
    if not (type(memories) is int and 0 <= memories < 2**31 and type(chosen_only) is bool and _is_label(label)):
        raise ValueError("a subject's facts cannot be")
    if not (isinstance(names, list) and all(isinstance(one, list) and all(map(_is_label, one)) for one in names)):
        raise ValueError("a subject's memories have no names")
    starts = arrays["block_start"] > 0
    if not np.array_equal(block, np.cumsum(starts) - 1) or len(names) < int(starts.sum()):
        raise ValueError("a subject's blocks are not counted from 0")
    counts = np.array([len(one) for one in names])
    if counts.max() != memories or not np.array_equal(arrays["block_memories"], counts[block]):
        raise ValueError("a subject's blocks have other memories than they name")
    if rows.min() < 0:
        raise ValueError("a subject's rows have no place in a table")
    subject = Subject(
        label=label, n_memories=memories, chosen_only=chosen_only, labels=tuple(tuple(one) for one in names), **arrays
    )
    kernel_rows(subject)
    return subject


def _is_label(name: Any) -> bool:
    return isinstance(name, (int, float, str))


def _check_shapes(found: Mapping[str, npt.NDArray[Any]]) -> None:
    rows, (situations, options) = len(found["situation"]), found["memory"].shape
    for name, (kind, shape) in layout(rows, situations, options, "transition" in found).items():
        if found[name].dtype.kind != kind or found[name].shape != shape:
            raise ValueError(f"{name} has shape {found[name].shape} of {found[name].dtype}, not {shape}")


def sum_of(record: bytes) -> int:
    """Checksum of a record."""
    return int.from_bytes(hashlib.blake2b(record, digest_size=8).digest(), "little")


@dataclass(frozen=True)
class Index:
    """What is known of subjects without reading their rows; arrays have shape (subjects,).

    Attributes
    ----------
    labels : tuple
    n_rows, n_scored : array of int
    ends : array of int
        Where each record ends.
    sums : array of uint64
    """

    labels: tuple[Hashable, ...]
    n_rows: IntArray
    n_scored: IntArray
    ends: IntArray
    sums: npt.NDArray[np.uint64]

    @property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """As an archive has them."""
        return {"rows/count": self.n_rows, "rows/scored": self.n_scored, "rows/end": self.ends, "rows/sum": self.sums}


class IndexBuilder:
    """An index that grows by records, in whatever order they come."""

    def __init__(self) -> None:
        self._labels: list[Hashable] = []
        self._numbers = array("q")
        self._sums = array("Q")

    def add(self, subject: Subject, record: bytes) -> None:
        """The next record."""
        self._labels.append(_plain_label(subject.label))
        self._numbers.extend((subject.n_rows, subject.n_scored, len(record), int(subject.rows[0])))
        self._sums.append(sum_of(record))

    def finished(self, appearance: bool = False) -> tuple[Index, IntArray, IntArray]:
        """The index, by order of appearance in the table if that is asked for; and where, as the records came, each of
        its subjects' begins and ends."""
        numbers = np.array(self._numbers, dtype=np.int64).reshape(-1, 4)
        order = np.argsort(numbers[:, 3], kind="stable") if appearance else np.arange(len(numbers))
        behind = np.cumsum(numbers[:, 2])
        index = Index(
            tuple(self._labels[number] for number in order.tolist()), numbers[order, 0], numbers[order, 1],
            np.cumsum(numbers[order, 2]), np.array(self._sums, dtype=np.uint64)[order],
        )  # fmt: skip
        return index, (behind - numbers[:, 2])[order], behind[order]


class Rows(Sequence[Subject]):
    """Subjects whose rows are in a file, or, while they are few, in memory as a file has them.

    Each is read, and its checksum compared, whenever it is asked for; nothing of it is kept. Threads may read at once.
    Where systems allow, the file is open all the while, and its rows are there even if something else gets its name;
    a pickle has the name alone.
    """

    def __init__(self, path: str, begin: int, index: Index, held: bytes | None = None) -> None:
        self._path, self._begin, self.contents, self._held = os.path.abspath(path), begin, index, held
        self._file: BinaryIO | None = None
        if held is None and _STAYS_OPEN:
            self._file = open(path, "rb")  # noqa: SIM115

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_file": None}

    def __copy__(self) -> "Rows":
        return self

    def __deepcopy__(self, memo: Any) -> "Rows":
        """Nothing of it changes; and what was opened need not have its name any more."""
        return self

    def __del__(self) -> None:
        file = vars(self).get("_file")
        if file is not None:
            file.close()

    def remove_file(self) -> None:
        """Remove the file: at once where its rows can still be read then, else when nobody has these rows any more."""
        try:
            if self._file is not None or self._held is not None:
                os.unlink(self._path)
                return
        except OSError:  # of file servers that keep what is open
            pass
        weakref.finalize(self, _remove, self._path)

    def __len__(self) -> int:
        return len(self.contents.labels)

    @overload
    def __getitem__(self, index: int) -> Subject: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Subject, ...]: ...
    def __getitem__(self, index: int | slice) -> Subject | tuple[Subject, ...]:
        if isinstance(index, slice):
            return tuple(self[number] for number in range(*index.indices(len(self))))
        number = range(len(self))[index]
        record = self.record(number)
        try:
            subject = subject_in(record)
        except ValueError as error:
            raise ValueError(f"{self._path}: {error}") from error
        told = self.contents.labels[number], self.contents.n_rows[number], self.contents.n_scored[number]
        if (subject.label, subject.n_rows, subject.n_scored) != told:
            raise ValueError(f"{self._path}: it has other rows than its index says")
        return subject

    def __iter__(self) -> Iterator[Subject]:
        return (self[number] for number in range(len(self)))

    def record(self, number: int) -> bytes:
        """A subject's record.

        Raises
        ------
        ValueError
            If it is not the one that was there when the file was opened.
        """
        begin = int(self.contents.ends[number - 1]) if number else 0
        length = int(self.contents.ends[number]) - begin
        found = self._bytes(begin, length)
        if len(found) != length or sum_of(found) != int(self.contents.sums[number]):
            raise ValueError(
                f"{self._path}: the rows of subject {self.contents.labels[number]!r} are damaged, or were replaced "
                "while they were in use"
            )
        return found

    def _bytes(self, begin: int, length: int) -> bytes:
        if self._held is not None:
            return self._held[begin : begin + length]
        if self._file is not None:  # the place in an open file is shared by threads, and by processes that were forked
            return os.pread(self._file.fileno(), length, self._begin + begin)
        files.check_is_file(self._path)
        with open(self._path, "rb") as file:
            file.seek(self._begin + begin)
            return file.read(length)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def packed(subjects: Iterable[Subject]) -> tuple[Index, Iterable[bytes]]:
    """The index and the records of subjects, to be written to an archive."""
    if isinstance(subjects, Rows):
        rows = subjects
        return rows.contents, (rows.record(number) for number in range(len(rows)))
    builder, records = IndexBuilder(), []
    for subject in subjects:
        records.append(record_of(subject))
        builder.add(subject, records[-1])
    return builder.finished()[0], records


def save(path: str | os.PathLike[str], facts: Mapping[str, Any], arrays: Mapping[str, npt.ArrayLike],
         index: Index, records: Iterable[bytes]) -> None:  # fmt: skip
    """Write an archive that has subjects' rows beside other things."""
    archive.save(
        path, dict(facts) | {"rows": {"labels": list(index.labels)}}, dict(arrays) | index.arrays,
        runs={"rows/records": (int(index.ends[-1]), records)},
    )  # fmt: skip


def opened(path: str, file: archive.Archive) -> Rows:
    """The rows in an archive that is open; few of them are held in memory.

    Raises
    ------
    ValueError
        If there are none, or what is known of them does not fit together.
    """
    labels = tuple(file.facts["rows"]["labels"])
    n = len(labels)
    count, scored, ends = (file.array(f"rows/{name}", "i", (n,)) for name in ("count", "scored", "end"))
    sums = file.array("rows/sum", "u", (n,)).astype(np.uint64, copy=False)
    (size,) = file.shape("rows/records")
    if (
        not n
        or (np.diff(ends, prepend=0) <= 0).any()
        or ends[-1] != size
        or ((count < 1) | (scored < 0) | (scored > count)).any()
    ):
        raise ValueError("its rows have no such index")
    if not all(map(_is_label, labels)) or len(set(labels)) != n:
        raise ValueError("its subjects have no labels of their own")
    index = Index(labels, count, scored, ends, sums)
    if size <= _HELD:
        return Rows(path, 0, index, file.array("rows/records", "u", (size,)).tobytes())
    return Rows(path, file.place("rows/records"), index)
