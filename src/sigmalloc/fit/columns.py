"""Columns of tables: names, numbers and flags, as arrays, data frames and files have them."""

import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _checks
from .subject import FloatArray, missing, nothing, plain

_COMPARABLE = (str, numbers.Number, np.generic, type(None))


def names_of(field: str, value: Any) -> npt.NDArray[Any]:
    """Names as an array; of a list with texts and others, each as it is: NumPy would make texts of NaN and numbers."""
    given = _checks.as_array(field, value)
    if given.dtype.kind == "U" and isinstance(value, (list, tuple)):
        whole = np.array(value, dtype=object)
        if not all(isinstance(entry, str) for entry in whole.reshape(-1).tolist()):
            return whole
    return given


def has_texts(columns: Iterable[npt.NDArray[Any] | None]) -> bool:
    """Whether there is a text in any of them."""
    return any(
        names.dtype.kind == "U" or any(isinstance(entry, str) and entry for entry in names.flat)
        for names in columns
        if names is not None and names.dtype.kind in "UO"
    )


def spelled(names: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Numbers as texts, so that 1 and "1" are the same where there are texts."""
    if names.dtype.kind == "U":
        return names
    out = np.empty(names.shape, dtype=object)
    for place, entry in enumerate(names.flat):
        number = isinstance(entry, (numbers.Real, np.generic)) and not isinstance(entry, str) and not nothing(entry)
        out.flat[place] = str(plain(entry)) if number else entry
    return out


def column(field: str, value: Any, n_rows: int) -> npt.NDArray[Any]:
    """Names of something, one a row, or one for all rows."""
    given = names_of(field, value)
    if given.ndim == 0:
        given = np.broadcast_to(given, (n_rows,))
    if given.shape != (n_rows,):
        raise ValueError(f"{field} must have shape ({n_rows},), got {given.shape}")
    if given.dtype == object:
        for entry in given.tolist():
            if not (isinstance(entry, (str, numbers.Real, np.generic, tuple)) or nothing(entry)):
                raise ValueError(f"{field} must have numbers or texts, got {_checks.shown(entry)}")
        unlike = [nothing(entry) and not isinstance(entry, _COMPARABLE) for entry in given.tolist()]
        if any(unlike):  # what pandas has where there is nothing is neither equal to itself nor other than it
            given = given.copy()
            given[unlike] = math.nan
    return given


def first_without(names: npt.NDArray[Any]) -> int | None:
    """The first row that has no name, or, where a name is of several parts, lacks one of them."""
    if names.dtype.kind in "iub":
        return None
    if names.dtype.kind == "f":
        without = np.isnan(names)
    else:
        parts = ([*entry] if isinstance(entry, tuple) else [entry] for entry in names.tolist())
        without = np.array([any(map(missing, each)) for each in parts], dtype=bool)
    return int(np.flatnonzero(without)[0]) if without.any() else None


def floats(field: str, value: Any) -> FloatArray:
    """Numbers of any shape, NaN where there is none."""
    given = _checks.as_array(field, value)
    if given.dtype == object:
        entries = [math.nan if missing(entry) else entry for entry in given.reshape(-1).tolist()]
        if not all(isinstance(entry, numbers.Real) for entry in entries):
            raise ValueError(f"{field} must be numbers, NaN where there is none, got {_checks.shown(value)}")
        return np.array([a_float(entry) for entry in entries]).reshape(given.shape)
    if given.dtype.kind not in "biuf":
        raise ValueError(f"{field} must be numbers, NaN where there is none, got dtype {given.dtype}")
    with np.errstate(over="ignore"):
        return given.astype(np.float64)


def a_float(value: Any) -> float:
    """A number as a float, infinite where it is too large for one."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def flags(field: str, value: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """A column of booleans, or of 0 and 1 as files have them."""
    if value.dtype != bool and not (value.dtype.kind in "iuf" and np.isin(value, (0, 1)).all()):
        raise ValueError(f"{field} must be True and False, or 0 and 1, got {_checks.shown(value)}")
    return value.astype(bool)
