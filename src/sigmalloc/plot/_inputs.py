"""Checks of what plots are given: each returns it in one form, or raises a ValueError by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.colors import Colormap, to_rgba

from .. import _checks
from ..runs.result import Result
from ..tasks.base import Maze, Task

Floats = npt.NDArray[np.float64]


def array(name: str, value: object, shape: tuple[int, ...] | None = None, *, nan: bool = True) -> Floats:
    """An array of float, NaN where there is no value, never infinite."""
    if isinstance(value, np.ma.MaskedArray):
        value = np.ma.filled(value.astype(np.float64), np.nan)
    given = _checks.numeric(name, value, "biuf")
    if shape is not None and given.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {given.shape}")
    if np.isinf(given).any() or (not nan and np.isnan(given).any()):
        raise ValueError(f"{name} must be finite")
    return np.array(given, dtype=np.float64)


def vector(name: str, value: object, size: int | None = None, *, nan: bool = True) -> Floats:
    """An array of shape (n,)."""
    given = array(name, value, nan=nan)
    if given.ndim != 1 or (size is not None and len(given) != size):
        raise ValueError(f"{name} must have shape ({'n' if size is None else size},), got {given.shape}")
    return given


def task(value: object) -> Task:
    """A task."""
    if not isinstance(value, Task):
        raise ValueError(f"task must be a task (a TabularMDP, say, or mountain_car()), got {_checks.shown(value)}")
    return value


def layout(value: Task) -> tuple[str, ...] | None:
    """The drawing of a maze; None of any other task."""
    return value.geometry.layout if isinstance(value.geometry, Maze) else None


def text(field: str, value: object) -> str | None:
    """A string or None."""
    return None if value is None else name(field, value)


def name(field: str, value: object) -> str:
    """A string."""
    if not isinstance(value, str):
        raise ValueError(f"{field} must be a string, got {_checks.shown(value)}")
    return value


def color_map(value: object) -> str | Colormap:
    """A colour map or the name of one."""
    if isinstance(value, Colormap) or (isinstance(value, str) and value in colormaps):
        return value
    raise ValueError(f"cmap must be a Colormap or the name of one, such as 'viridis', got {_checks.shown(value)}")


def color(field: str, value: Any) -> Any:
    """A colour as matplotlib takes it."""
    try:
        to_rgba(value)
    except Exception:  # what is no colour can be anything
        raise ValueError(f"{field} must be a colour, got {_checks.shown(value)}") from None
    return value


def result(value: object) -> Result:
    """A result of training."""
    if not isinstance(value, Result):
        raise ValueError(f"result must be a Result, or a dict of them, got {_checks.shown(value)}")
    return value


def results(value: object, label: str | None) -> dict[str | None, Result]:
    """Results by label."""
    if not isinstance(value, Mapping):
        return {text("label", label): result(value)}
    if label is not None:
        raise ValueError("label is for a single result; a dict of results is labelled by its keys")
    if not value:
        raise ValueError("results must not be empty")
    return {str(name): result(one) for name, one in value.items()}


def per_state_or_action(name: str, values: object, of: Task, *, nan: bool = True) -> Floats:
    """An array of shape (states,) or (states, actions)."""
    given = array(name, values, nan=nan)
    return array(name, given, (of.n_states,) if given.ndim < 2 else (of.n_states, of.n_actions))


def visited(value: object, of: Task) -> npt.NDArray[np.bool_]:
    """Mask of the states visited, from a mask, numbers of visits or a table of trials."""
    if is_table(value, "state"):
        rows = columns(value, ("state", "next_state"), name="visited")
        seen = np.zeros(of.n_states, dtype=np.bool_)
        for name, states in rows.items():
            if (states < 0).any() or (states >= of.n_states).any() or (states != np.rint(states)).any():
                raise ValueError(f"visited: {name} must be states of the task, in [0, {of.n_states - 1}]")
            seen[states.astype(int)] = True
        return seen
    given = _checks.numeric("visited", value, "biuf")
    if given.shape not in ((of.n_states,), (of.n_states, of.n_actions)):
        raise ValueError(
            f"visited must have shape ({of.n_states},) or ({of.n_states}, {of.n_actions}), got {given.shape}"
        )
    return np.array((given.reshape(of.n_states, -1) > 0).any(axis=1), dtype=np.bool_)


def trajectory(value: object) -> tuple[Floats, Floats]:
    """Two sequences of equal length."""
    several = isinstance(value, Sequence) or (isinstance(value, np.ndarray) and value.ndim > 0)
    if not several or len(value) != 2:  # type: ignore[arg-type]
        raise ValueError(f"trajectory must be a pair (positions, velocities), got {_checks.shown(value)}")
    x = array("trajectory: positions", value[0], nan=False)  # type: ignore[index]
    y = array("trajectory: velocities", value[1], nan=False)  # type: ignore[index]
    if x.ndim != 1 or x.shape != y.shape or not x.size:
        raise ValueError(f"trajectory must be two sequences of equal length, got shapes {x.shape} and {y.shape}")
    return x, y


def labels(name: str, value: object) -> npt.NDArray[np.str_]:
    """Who made each choice, as texts."""
    given = _checks.as_array(name, value)
    if given.dtype.kind not in "biufUO" or any(not isinstance(one, (str, Real)) for one in given.ravel().tolist()):
        raise ValueError(f"{name} must be numbers or strings, got {_checks.shown(value)}")
    return given.astype(str)


def names(name: str, value: object, count: int) -> list[str]:
    """A list of str, of the length asked for."""
    given = [str(entry) for entry in _checks.sequence(name, value)]
    if len(given) != count:
        raise ValueError(f"{name} must be {count} names, got {len(given)}")
    return given


def is_table(value: object, column: str) -> bool:
    """Whether something has columns: a mapping, a structured array, a data frame or a table of trials."""
    return isinstance(value, Mapping) or _column(value, column) is not None


def summary(values: Floats, axis: int = 0) -> tuple[Floats, Floats]:
    """Mean along an axis and its standard error, of what is not NaN; NaN where there is nothing (or one value)."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    deviation = np.where(known, values - np.expand_dims(mean, axis), 0.0)
    scale = float(np.abs(deviation).max(initial=0.0)) or 1.0  # squares of large numbers overflow
    squares = ((deviation / scale) ** 2).sum(axis=axis)
    variance = np.divide(squares, count * (count - 1), out=np.full(total.shape, np.nan), where=count > 1)
    return mean, scale * np.sqrt(variance)


_FLAT = ("subject", "session", "episode", "step", "state", "action", "next_state")


def columns(
    table: object, needed: Sequence[str], *, optional: Sequence[str] = (), name: str = "trials"
) -> dict[str, npt.NDArray[Any]]:
    """Columns of a table, of equal length; those that are optional only if they are there."""
    found = {}
    for column in (*needed, *optional):
        values = _column(table, column)
        if values is None:
            if column in optional:
                continue
            raise ValueError(f"{name} must have a column {column!r}, got {type(table).__name__} without it")
        if values.ndim == 0 or (values.ndim > 1 and column in _FLAT):
            raise ValueError(f"{name}: {column} must be an array with one entry a row, got {_checks.shown(values)}")
        found[column] = values
    lengths = {column: len(values) for column, values in found.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"{name} must have columns of equal length, got {lengths}")
    if not next(iter(lengths.values()), 0):
        raise ValueError(f"{name} must have at least one row")
    return found


def _column(table: object, name: str) -> npt.NDArray[Any] | None:
    try:
        found = table[name]  # type: ignore[index]
    except Exception:  # no such column, or no table
        found = getattr(table, name, None)
    return None if found is None or callable(found) else _checks.as_array(name, found)


def by_subject(
    subjects: npt.NDArray[Any], values: Floats, group: npt.NDArray[Any] | None = None
) -> tuple[list[str], Floats, Floats]:
    """Rows of a table as an array with one row for each subject.

    Parameters
    ----------
    subjects : array, shape (rows,)
    values : array of float, shape (rows,)
    group : array, shape (rows,), optional
        The mean of the rows of a group is one entry, as of an episode; without it each row is, in the order given.

    Returns
    -------
    names : list of str
        In the order in which they appear.
    x : array of float, shape (n,)
        The groups in ascending order, or 1, 2, ...
    array of float, shape (subjects, n)
        NaN where there is none.
    """
    unique, first, who = np.unique(subjects.astype(str), return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))[who.ravel()]
    names = [str(name) for name in unique[np.argsort(first)]]
    if group is None:
        place = np.zeros(len(order), dtype=np.intp)
        for subject in range(len(names)):
            rows = np.flatnonzero(order == subject)
            place[rows] = np.arange(len(rows))
        x = np.arange(1.0, place.max() + 2)
    else:
        found, place = np.unique(group, return_inverse=True)
        x = found.astype(np.float64)
    known = np.isfinite(values)
    total, count = np.zeros((2, len(names), len(x)))
    np.add.at(total, (order[known], place.ravel()[known]), values[known])
    np.add.at(count, (order[known], place.ravel()[known]), 1)
    return names, x, np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def sequences(name: str, value: object, column: str) -> tuple[list[str], Floats]:
    """An array (subjects, trials) of float from such an array, one (trials,), or a table with subjects in rows."""
    if is_table(value, column):
        rows = columns(value, ("subject", column), name=name)
        names, _, found = by_subject(rows["subject"], array(f"{name}: {column}", rows[column]))
        return names, found
    found = array(name, value)
    if found.ndim not in (1, 2) or not found.size:
        raise ValueError(
            f"{name} must have shape (trials,) or (subjects, trials), or be a table with the columns subject and "
            f"{column}, got {found.shape}"
        )
    found = np.atleast_2d(found)
    return [str(number) for number in range(len(found))], found
