"""What tasks with one choice a trial share: numbers of each thing shown, how often it is, and the end of a trial."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import _checks


def vector(name: str, value: npt.ArrayLike, at_least: int = 1) -> npt.NDArray[np.float64]:
    """Some finite numbers, one for each thing."""
    given = _checks.numeric(name, value)
    if given.ndim != 1 or len(given) < at_least:
        raise ValueError(f"{name} must be {at_least} numbers or more, in one row, got shape {given.shape}")
    return within(name, _checks.array(name, given, given.shape))


def within(name: str, table: npt.NDArray[np.float64], low: float = -_checks.LARGEST) -> npt.NDArray[np.float64]:
    """The table, if all in it is at least ``low``, and no larger than rewards can be."""
    if table.min() < low or table.max() > _checks.LARGEST:
        bounds = f"at least {low:g}" if table.min() < low else f"at most {_checks.LARGEST:g}"
        raise ValueError(f"{name} must be {bounds}, got {table.min():g} to {table.max():g}")
    return table


def for_each(name: str, value: npt.ArrayLike | None, count: int, default: float = 1.0) -> npt.NDArray[np.float64]:
    """A number of at least 0 for each thing, given as so many or as one for all."""
    given = _checks.numeric(name, default if value is None else value)
    table = _checks.array(name, np.broadcast_to(given, (count,)) if given.ndim == 0 else given, (count,))
    return within(name, table, 0.0).copy()


def shares(name: str, value: npt.ArrayLike | None, count: int) -> npt.NDArray[np.float64]:
    """How often each thing is shown, as probabilities; by default equally often."""
    weights = for_each(name, value, count)
    total = float(weights.sum())
    if total <= 0:
        raise ValueError(f"{name} must not all be 0")
    return np.divide(weights, total)


def ending(columns: list[npt.ArrayLike], end: float) -> npt.NDArray[np.float64]:
    """A table (states + 1, actions) from its columns, with a last row for the end of a trial."""
    rows = np.stack([np.asarray(column, dtype=np.float64).ravel() for column in columns], axis=1)
    return np.append(rows, np.full((1, len(columns)), float(end)), axis=0)
