"""Tables in text files, as pandas reads them; whatever is wrong with one is a ValueError that names the file."""

import bz2
import contextlib
import csv
import gzip
import io
import lzma
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from .._io import files

if TYPE_CHECKING:
    import pandas as pd


PACKED = (".gz", ".bz2", ".zip", ".xz", ".zst", ".tar")


Groups = Sequence[tuple[str, ...]]


def read_text(field: str, path: Any, separator: str, labels: Groups = (), named: Sequence[str] = ()) -> "pd.DataFrame":
    """A text file with a line of column names.

    Parameters
    ----------
    field : str
        Of the path, for the message.
    path : path
        Packed (.gz, .bz2, .zip, .xz) or not.
    separator : str
    labels : sequence of tuple of str
        Groups of columns of labels. Those of a group are numbers if all that is in them is, and no two labels become
        the same by it ("01" and "1"); else they are texts.
    named : sequence of str
        The columns that are asked for, of which there must not be two.

    Raises
    ------
    OSError
        If it cannot be opened, or the disk fails.
    ValueError
        If it is not such a table.
    """
    source = files.checked_path(field, path)
    files.check_is_file(source)
    import pandas as pd

    with _readable(source):
        _check_rows(source, separator, named)
        frame = pd.read_csv(source, sep=separator, dtype=_as_texts(labels))
    return _with_numbers(frame, _numeric([frame], labels))


@dataclass(frozen=True)
class Text:
    """A table of any length in a text file, with the arguments of `read_text`."""

    source: str
    separator: str
    labels: Groups
    named: Sequence[str]

    def pieces(self, rows: int) -> "Iterator[pd.DataFrame]":
        """Some rows at a time; errors come when the piece is asked for."""
        import pandas as pd

        wanted = {name for group in self.labels for name in group}
        like: dict[str, Any] = {"sep": self.separator, "chunksize": rows, "dtype": _as_texts(self.labels)}
        with _readable(self.source):
            _check_rows(self.source, self.separator, self.named)
            numeric: list[str] = []
            if wanted:
                with pd.read_csv(self.source, usecols=lambda name: name in wanted, **like) as reader:
                    numeric = _numeric(reader, self.labels)
            with pd.read_csv(self.source, low_memory=False, **like) as reader:
                for piece in reader:
                    yield _with_numbers(piece, numeric)


def _as_texts(labels: Groups) -> dict[str, type]:
    return {name: str for group in labels for name in group}


def _numeric(frames: "Iterable[pd.DataFrame]", labels: Groups) -> list[str]:
    """The columns of labels that can be numbers."""
    found: list[set[str]] = [set() for _ in labels]
    columns: set[str] = set()
    for frame in frames:
        columns |= set(frame.columns)
        for texts, group in zip(found, labels, strict=True):
            for name in group:
                if name in frame.columns:
                    texts |= set(frame[name].dropna().unique())
    return [
        name for texts, group in zip(found, labels, strict=True) if _are_numbers(texts) for name in group
        if name in columns
    ]  # fmt: skip


def _are_numbers(texts: set[str]) -> bool:
    import pandas as pd

    kept = pd.Series(sorted({text.strip() for text in texts}), dtype=object)
    values = pd.to_numeric(kept, errors="coerce")  # Python would take "1_2" for 12
    exact = values.dtype.kind in "iu" or bool((values.abs() <= 2**53).all())
    return exact and values.nunique() == len(kept)


def _with_numbers(frame: "pd.DataFrame", names: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd

    return frame.assign(**{name: pd.to_numeric(frame[name]) for name in names})


def _check_rows(source: str, separator: str, named: Sequence[str] = ()) -> None:
    """Raise an error if a column that is asked for is there twice, since pandas would take the first; if the first row
    has more fields than there are names, since pandas would take its first field for the name of the row, and all
    others for columns of the field before them; or if a row has fewer than the first, as where a file was cut off,
    since pandas takes what is not there for nothing."""
    import pandas as pd

    top = pd.read_csv(source, sep=separator, header=None, nrows=2, dtype=str)
    header = [str(name).strip() for name in top.iloc[0].tolist()]
    for name in named:
        if header.count(name) > 1:
            raise ValueError(f"there are {header.count(name)} columns {name!r}")
    mark, first = separator.encode(), None
    with _unpacked(source) as file:
        for number, line in enumerate(file, start=1):
            if b'"' in line:  # a field may hold separators, and ends of lines
                break
            if number == 1 or line.isspace():
                continue
            found = line.count(mark) + 1
            if first is None:
                first = found
            elif found < first:
                raise ValueError(f"line {number} has {found} fields, and its first row {first}")
        else:
            return
    with _unpacked(source) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        rows, first = csv.reader(text, delimiter=separator), None
        next(rows)
        for row in rows:
            if first is None:
                first = len(row) or None
            elif row and len(row) < first:
                raise ValueError(f"line {rows.line_num} has {len(row)} fields, and its first row {first}")


def _unpacked(source: str) -> IO[bytes]:
    """A file's bytes, by the end of its name, as pandas does; of a format that only pandas opens, none."""
    name = source.lower()
    if name.endswith(".zip"):
        with zipfile.ZipFile(source) as packed:
            return packed.open(packed.namelist()[0])
    for end, opened in ((".gz", gzip.open), (".bz2", bz2.open), (".xz", lzma.open)):
        if name.endswith(end):
            return cast(IO[bytes], opened(source, "rb"))
    return io.BytesIO() if name.endswith(PACKED) else open(source, "rb")


@contextlib.contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # packed files that are damaged make their readers raise nearly anything
        if isinstance(error, OSError) and error.errno is not None:
            raise
        what = "text in UTF-8" if isinstance(error, UnicodeError) else "a readable table"
        raise ValueError(f"{path} is not {what}: {str(error) or type(error).__name__}") from error
