"""Fits in files of an earlier format, 2: rows packed as everything else, and all of them read at once."""

import math
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from .._io import archive
from .contents import unpacked_space
from .filed import unpacked_subject
from .optimise import Starts
from .samplers import Samples
from .subject import layout


def fits_of_format_2(facts: Mapping[str, Any], file: archive.Archive) -> list[dict[str, Any]]:
    """Of each fit in an archive of format 2 what a `SubjectFit` is made of; its template as the facts of a model."""
    columns = _Columns(file)
    each = [_unpacked(facts["common"] | own, columns) for own in facts["subjects"]]
    if not each:
        raise ValueError("it has no subjects")
    columns.check_end()
    if any(fit["space"] != each[0]["space"] for fit in each):
        raise ValueError("its subjects have other free parameters")
    return each


class _Columns:
    """Arrays of a file, in each of which one subject's part follows another's."""

    def __init__(self, file: archive.Archive) -> None:
        self._file = file
        self._read: dict[str, npt.NDArray[Any]] = {}
        self._place: dict[str, int] = {}

    def next(self, name: str, kinds: str, shape: Any, wanted: tuple[int | None, ...]) -> npt.NDArray[Any]:
        """The next part, of a shape that the file tells and that has to be as wanted (None: any length)."""
        whole = self._read.get(name)
        if whole is None:
            whole = self._read[name] = self._file.array(name, kinds, (None,))
        if not (isinstance(shape, list) and len(shape) == len(wanted)
                and all(type(n) is int and n >= 0 and n == (n if w is None else w)
                        for n, w in zip(shape, wanted, strict=True))):  # fmt: skip
            raise ValueError(f"{name} has shape {shape}, not {wanted}")
        begin = self._place.get(name, 0)
        end = self._place[name] = begin + math.prod(shape)
        if end > len(whole):
            raise ValueError(f"{name} ends too early")
        return whole[begin:end].reshape(shape)

    def check_end(self) -> None:
        """Raise a ValueError if something was left over."""
        for name, whole in self._read.items():
            if self._place[name] != len(whole):
                raise ValueError(f"{name} has more than the subjects")


def _unpacked(facts: Mapping[str, Any], columns: _Columns) -> dict[str, Any]:
    about, sizes = facts["subject"], facts["shapes"]

    def read(name: str, kinds: str, shape: tuple[int | None, ...]) -> Any:
        return columns.next(name, kinds, sizes[name], shape)

    rows, (situations, options) = sizes["subject/situation"][0], sizes["subject/memory"]
    shapes = layout(rows, situations, options, "subject/transition" in sizes)
    arrays = {name: read(f"subject/{name}", *shape) for name, shape in shapes.items()}
    subject = unpacked_subject(about, arrays)
    space = unpacked_space(facts["free"])
    f = space.size
    begin = read("starts/begin", "f", (None, f))
    n = len(begin)
    starts = Starts(
        begin, read("starts/end", "f", (n, f)), read("starts/value", "f", (n,)), read("starts/converged", "b", (n,)),
        read("starts/evaluations", "i", (n,)),
    )  # fmt: skip
    samples = None
    if facts["samples"] is not None:
        draws = read("samples/draws", "f", (None, None, f))
        samples = Samples(draws, read("samples/log_density", "f", draws.shape[:2]), facts["samples"])
    return {
        "rows": subject, "template": facts["model"], "space": space, "estimate": read("estimate", "f", (f,)),
        "lower": read("lower", "f", (f,)), "upper": read("upper", "f", (f,)), "interval": tuple(facts["interval"]),
        "at_bound": read("at_bound", "i", (f,)), "note": tuple(facts["note"]),
        "log_likelihood": facts["log_likelihood"], "log_prior": facts["log_prior"], "starts": starts,
        "covariance": read("covariance", "f", (f, f)), "samples": samples, "noise": facts["noise"],
        "evaluations": facts["evaluations"],
    }  # fmt: skip
