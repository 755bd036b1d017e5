"""Tables in text files, as pandas reads them; whatever is wrong with one is a ValueError that names the file."""

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .._io import files

if TYPE_CHECKING:
    import pandas as pd


PACKED = (".gz", ".bz2", ".zip", ".xz", ".zst", ".tar")
_END = 2**16  # bytes at either end of a file that are looked at


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
        _check_ends(source, separator)
        return pd.read_csv(source, sep=separator)


def pieces_of(source: str, separator: str, rows: int) -> "Iterator[pd.DataFrame]":
    """The same some rows at a time; its errors come when the piece is asked for."""
    import pandas as pd

    with _readable(source):
        _check_ends(source, separator)
        with pd.read_csv(source, sep=separator, chunksize=rows, low_memory=False) as reader:
            yield from reader


def _check_ends(source: str, separator: str) -> None:
    """Raise an error if the first row has more fields than there are names, since pandas would take its first field for
    the name of the row, and all others for columns of the field before them; or if the last row has fewer than the
    first, as where a file was cut off, since pandas takes what is not there for nothing."""
    import pandas as pd

    pd.read_csv(source, sep=separator, header=None, nrows=2)
    with open(source, "rb") as file:
        begin = file.read(_END)
        file.seek(max(0, os.path.getsize(source) - _END))
        end = file.read()
    lines, last = begin.split(b"\n"), end.rstrip(b"\r\n").split(b"\n")[-1]
    mark = separator.encode()
    if len(lines) < 3 or b'"' in b"".join((*lines[:2], last)) or source.lower().endswith(PACKED):
        return
    first = lines[1].count(mark) + 1
    found = last.count(mark) + 1
    if found < first:
        raise ValueError(f"its last row has {found} fields, and its first {first}: it ends too early")


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
