"""Tables of any length and in any order, of which a few thousand rows are in memory at a time.

Pieces of the table are dealt out to *parts* by subject, in a temporary file; each part, which has all rows of its
subjects, is then checked as any table is. So it does not matter whether the table is sorted.
"""

import contextlib
import os
import tempfile
import zlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from .._io import files
from .filed import Index, IndexBuilder, record_of
from .subject import IntArray, Subject, missing, plain
from .texts import PACKED, Text

_PIECE = 2**13  # rows read at once
_PART = 2**18  # bytes of text in a part, about
_MOST_PARTS = 2**10
_PACKED_BY = 6  # about what texts of numbers are packed by

_Columns = dict[str, npt.NDArray[Any]]


@contextlib.contextmanager
def reading(
    text: Text,
    target: str,
    subjects: Callable[[Mapping[str, npt.NDArray[Any]], IntArray], Sequence[Subject]],
    owner: str | None,
    names: Sequence[str],
) -> Iterator[tuple[Index, Iterable[bytes]]]:
    """Index and records of the subjects in a table, in order of appearance, while the context lasts.

    Parameters
    ----------
    text : Text
    target : str
        File that the rows will be written to: temporary files are beside it, and without a name where systems allow.
    subjects : callable(columns, rows)
        Makes subjects of some rows, and says what is wrong with them; ``rows`` tells where they were in the table.
    owner : str or None
        The column of subjects; None: there is one.
    names : sequence of str
        The columns that are needed.

    Raises
    ------
    ValueError
        Of ``subjects``, or where a column has numbers here and texts there.
    OSError
        If the table cannot be read, or the folder of ``target`` cannot be written to, which the message says then.
    """
    folder = os.path.dirname(os.path.abspath(target))
    files.make_folder(folder)
    with _temporary_file(folder) as dealt, _temporary_file(folder) as kept:
        parts = _Parts(dealt, _count(text.source) if owner is not None else 1)
        first = True
        for begin, frame in _pieces(text):
            if first:  # what is wrong with the arguments is said before the table is read to its end
                subjects(frame, begin + np.arange(len(next(iter(frame.values()))), dtype=np.int64))
                first = False
            with _writing_to(folder):
                parts.deal({name: frame[name] for name in names}, begin, owner)
        builder = IndexBuilder()
        with _writing_to(folder):
            for columns, rows in parts:
                for subject in subjects(columns, rows):
                    record = record_of(subject)
                    builder.add(subject, record)
                    kept.write(record)
            kept.flush()
        index, begins, ends = builder.finished(appearance=True)
        yield index, _read(kept, begins, ends)


@contextlib.contextmanager
def _temporary_file(folder: str) -> Iterator[BinaryIO]:
    with _writing_to(folder):
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):  # a disk that is full says so again
            file.close()


@contextlib.contextmanager
def _writing_to(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"cannot write to {folder}: {error.strerror or error}") from error


def _read(file: BinaryIO, begins: IntArray, ends: IntArray) -> Iterator[bytes]:
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        file.seek(begin)
        yield file.read(end - begin)


def _count(source: str) -> int:
    size = os.path.getsize(source) * (_PACKED_BY if source.lower().endswith(PACKED) else 1)
    return min(1 + size // _PART, _MOST_PARTS)


def _pieces(text: Text) -> Iterator[tuple[int, _Columns]]:
    """Some rows at a time, and the number of their first."""
    begin = 0
    for frame in text.pieces(_PIECE):
        if len(frame) or not begin:
            yield begin, {str(name): _plain_column(np.asarray(frame[name])) for name in frame.columns}
        begin += len(frame)


def _plain_column(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Numbers as they are; texts as objects, NaN where there is none; and what is neither as pandas would have it."""
    if values.dtype.kind in "biuf":
        return values
    listed = values.tolist()
    there = [entry for entry in listed if not missing(entry)]
    if not there or all(isinstance(entry, bool) for entry in there):
        return np.array([np.nan if missing(entry) else float(entry) for entry in listed])
    out = np.empty(len(listed), dtype=object)
    out[:] = [np.nan if missing(entry) else str(entry) for entry in listed]
    return out


class _Parts:
    """Parts of a table in a file, each in the pieces in which it came."""

    def __init__(self, file: BinaryIO, count: int) -> None:
        self._file = file
        self._places: list[list[int]] = [[] for _ in range(count)]
        self._texts: dict[str, bool] = {}
        self._names: tuple[str, ...] = ()

    def deal(self, columns: _Columns, begin: int, owner: str | None) -> None:
        """Put the rows of a piece of the table where their subjects are."""
        rows = begin + np.arange(len(next(iter(columns.values()))), dtype=np.int64)
        self._check_kinds(columns, begin)
        part = np.zeros(len(rows), dtype=np.int64)
        if owner is not None:
            part = _part_of(columns[owner], len(self._places), begin)
        order = np.argsort(part, kind="stable")
        used, starts = np.unique(part[order], return_index=True)
        for number, mine in zip(used.tolist(), np.split(order, starts[1:]), strict=True):
            self._places[number].append(self._file.seek(0, os.SEEK_END))
            np.save(self._file, rows[mine], allow_pickle=False)
            for values in columns.values():
                np.save(self._file, _storable(values[mine]), allow_pickle=False)

    def _check_kinds(self, columns: _Columns, begin: int) -> None:
        for name, values in columns.items():
            if values.dtype.kind == "f" and np.isnan(values).all():
                continue
            texts = values.dtype == object
            if self._texts.setdefault(name, texts) != texts:
                kinds = ("texts", "numbers") if texts else ("numbers", "texts")
                raise ValueError(
                    f"the column {name!r} has {kinds[0]} in rows {begin} to {begin + len(values) - 1}, and "
                    f"{kinds[1]} in rows before them; write all of it as one of these"
                )
        self._names = tuple(columns)

    def __iter__(self) -> Iterator[tuple[_Columns, IntArray]]:
        for places in self._places:
            if not places:
                continue
            rows: list[IntArray] = []
            pieces: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in self._names}
            for place in places:
                self._file.seek(place)
                rows.append(np.load(self._file, allow_pickle=False))
                for name, into in pieces.items():
                    into.append(_restored(np.load(self._file, allow_pickle=False), self._texts.get(name, False)))
            yield {name: np.concatenate(parts) for name, parts in pieces.items()}, np.concatenate(rows)


def _storable(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if values.dtype != object:
        return values
    return np.array(["" if entry != entry else entry for entry in values.tolist()], dtype=str)


def _restored(values: npt.NDArray[Any], texts: bool) -> npt.NDArray[Any]:
    if not texts:
        return values
    out = np.full(len(values), np.nan, dtype=object)
    if values.dtype.kind == "U":
        there = values != ""
        out[there] = values[there].tolist()
    return out


def _part_of(owner: npt.NDArray[Any], count: int, begin: int) -> IntArray:
    """The part that each row belongs to."""
    listed: list[Hashable] = owner.tolist()
    part: dict[Hashable, int] = {}
    out = np.empty(len(listed), dtype=np.int64)
    for row, label in enumerate(listed):
        found = part.get(label)
        if found is None:
            if missing(label):
                raise ValueError(f"subject: row {begin + row} has none")
            found = part[label] = zlib.crc32(repr(plain(label)).encode()) % count
        out[row] = found
    return out
