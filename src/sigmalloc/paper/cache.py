"""Results of studies in files, keyed by what determines them.

A file is one NumPy archive: the study's arrays, and a note that holds its key as readable JSON. It is written to a
temporary name and renamed, so it is complete or absent. Nothing in it is executed on loading.
"""

import hashlib
import json
import os
from functools import cache as once
from pathlib import Path

import numpy as np

from .. import __version__
from .._io import archive

_PACKAGE = Path(__file__).resolve().parent.parent
_DECIDING = (
    "agent.py", "mdp.py", "tasks.py", "training.py", "engine.py", "metrics.py", "exact", "paper/_runs.py",
    "paper/studies",
)  # fmt: skip
NOTE = "note"


class Damaged(ValueError):
    """A file that is not a complete study."""


@once
def source_hash():
    """Hash of the Python sources that decide what a study gives; the compiled kernel is covered by the version."""
    digest = hashlib.sha256()
    for name in _DECIDING:
        place = _PACKAGE / name
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            if file.exists():
                digest.update(str(file.relative_to(_PACKAGE)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def key(study, settings, seed, quick, extras):
    """What determines a study's results, as a dict of plain values."""
    facts = {
        "study": study, "settings": settings, "seed": seed, "quick": quick, "extras": sorted(extras),
        "version": __version__, "source": source_hash(),
    }  # fmt: skip
    return json.loads(json.dumps(facts))


def load(path, wanted):
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
        arrays = archive.load(path)
        facts = json.loads(str(arrays.pop(NOTE)))
    except (OSError, ValueError, KeyError) as error:
        raise Damaged(f"{path} is damaged ({error})") from error
    return arrays if facts == wanted else None


def save(path, wanted, arrays):
    """Write the arrays of a study, complete or not at all."""
    with replacing(path) as part, open(part, "wb") as file:
        np.savez_compressed(file, **{NOTE: np.array(json.dumps(wanted))}, **arrays)


class replacing:
    """Gives a temporary path beside ``path`` that replaces it when the block ends without an error."""

    def __init__(self, path):
        self.path = Path(path)

    def __enter__(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.part = self.path.with_name(f".{os.getpid()}.{self.path.name}")
        return self.part

    def __exit__(self, kind, error, trace):
        if kind is None:
            os.replace(self.part, self.path)
        else:
            self.part.unlink(missing_ok=True)


def write_text(path, text):
    """Write a text file, complete or not at all."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")
