"""Results of studies in files, keyed by what determines them.

A file is one NumPy archive: the study's arrays, and a note that holds its key as readable JSON. It is complete or
absent, and nothing in it is executed on loading.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .. import __version__
from .._io import archive, files
from . import sources
from .study import Study

NOTE = "note"


class Damaged(ValueError):
    """A file that is not a complete study."""


def key(study: Study, settings: dict[str, Any], seed: int, quick: bool) -> dict[str, Any]:
    """What determines a study's results, as a dict of plain values."""
    facts = {
        "study": study.name, "settings": settings, "seed": seed, "quick": quick, "extras": study.installed(),
        "version": __version__, "sources": sources.digest(study.run.__module__),
    }  # fmt: skip
    plain: dict[str, Any] = json.loads(json.dumps(facts))
    return plain


def load(path: Any, wanted: Any) -> dict[str, Any] | None:
    """The arrays of a study, or None if the file is absent or holds something else than ``wanted``.

    Raises
    ------
    Damaged
        If the file is there but cannot be read to the end.
    """
    path = Path(path)
    if not path.exists():
        return None
    try:
        with archive.reading(path, "study") as file:
            if NOTE in file.names:  # of the first versions, without checksums
                facts, held = json.loads(str(file.array(NOTE, "U", ()))), [name for name in file.names if name != NOTE]
            else:
                facts, held = file.facts, [name for name in file.names if name != archive.FACTS]
            return {name: file.array(name) for name in held} if facts == wanted else None
    except (OSError, ValueError) as error:
        raise Damaged(f"{path} is damaged ({error})") from error


def save(path: Any, wanted: Any, arrays: dict[str, Any]) -> None:
    """Write the arrays of a study, complete or not at all."""
    archive.save(path, wanted, arrays)


def put(path: Any, write: Any) -> Path:
    """Have ``write(file)`` write a file, complete or not at all, and make its folder if that is missing."""
    place = Path(path)
    files.write(str(place), write)
    return place


def put_text(path: Any, text: str) -> Path:
    """Write a text file, complete or not at all."""
    return put(path, lambda file: file.write(text.encode()))
