"""Tables in text files, as pandas reads them; whatever is wrong with one is a ValueError that names the file."""

import bz2
import contextlib
import csv
import gzip
import io
import lzma
import zipfile
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any, cast

from .._io import files

if TYPE_CHECKING:
    import pandas as pd


PACKED = (".gz", ".bz2", ".zip", ".xz", ".zst", ".tar")


def read_text(field: str, path: Any, separator: str) -> "pd.DataFrame":
    """A text file with a line of column names.

    Parameters
    ----------
    field : str
        Of the path, for the message.
    path : path
        Packed (.gz, .bz2, .zip, .xz) or not.
    separator : str

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
        _check_rows(source, separator)
        return pd.read_csv(source, sep=separator)


def pieces_of(source: str, separator: str, rows: int) -> "Iterator[pd.DataFrame]":
    """The same some rows at a time; its errors come when the piece is asked for."""
    import pandas as pd

    with _readable(source):
        _check_rows(source, separator)
        with pd.read_csv(source, sep=separator, chunksize=rows, low_memory=False) as reader:
            yield from reader


def _check_rows(source: str, separator: str) -> None:
    """Raise an error if the first row has more fields than there are names, since pandas would take its first field for
    the name of the row, and all others for columns of the field before them; or if a row has fewer than the first, as
    where a file was cut off, since pandas takes what is not there for nothing."""
    import pandas as pd

    pd.read_csv(source, sep=separator, header=None, nrows=2)
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
