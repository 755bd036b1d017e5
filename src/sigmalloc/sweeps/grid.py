"""Axes of a grid: their values, and which cell has which."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _checks

MODES = ("product", "zip")
LARGEST_SWEEP = 10**8  # runs
LARGEST_ARRAY = 2**33  # entries of an array of results: 64 GiB
SPACINGS = ("linspace", "geomspace")


def checked_axes(grid: Any) -> dict[str, list[Any]]:
    """The axes of a grid as ``{name: list of values}``; ``{"task": {"moves": ...}}`` is ``{"task.moves": ...}``."""
    if not isinstance(grid, Mapping):
        raise ValueError(f"grid must map names to values, got {_checks.shown(grid)}")
    axes: dict[str, list[Any]] = {}
    for name, given in grid.items():
        if not isinstance(name, str):
            raise ValueError(f"grid: names must be strings, got {_checks.shown(name)}")
        nested = given.items() if name == "task" and isinstance(given, Mapping) else None
        for full_name, values in [(f"task.{key}", part) for key, part in nested] if nested else [(name, given)]:
            if full_name in axes:
                raise ValueError(f"grid: {full_name} is given twice")
            axes[full_name] = axis_values(full_name, values)
    return axes


def axis_values(name: str, given: Any) -> list[Any]:
    """The values of an axis, given as a sequence, ``{"linspace": [a, b, n]}`` or ``{"geomspace": [a, b, n]}``.

    A spacing between two integers that falls on integers gives integers.
    """
    if isinstance(given, Mapping):
        if len(given) != 1 or next(iter(given)) not in SPACINGS:
            raise ValueError(
                f"grid: {name} must be a list, {{linspace = [a, b, n]}} or {{geomspace = [a, b, n]}}, "
                f"got {_checks.shown(dict(given))}"
            )
        ((spacing, bounds),) = given.items()
        return _spaced(f"grid: {name}.{spacing}", spacing, bounds)
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable) or not getattr(given, "ndim", 1):
        raise ValueError(f"grid: {name} must be a list of values, got {_checks.shown(given)}")
    _checks.refuse_masked(f"grid: {name}", given)
    values = [plain(f"grid: {name}", value) for value in given]
    if not values:
        raise ValueError(f"grid: {name} has no values")
    return values


def plain(name: str, value: Any) -> Any:
    """A value as JSON has it: NumPy scalars and tuples become plain numbers and lists."""
    value = _checks.scalar(name, value)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (tuple, list, np.ndarray)):
        return [plain(name, entry) for entry in value]
    if value is not None and not isinstance(value, (bool, int, float, str)):
        raise ValueError(
            f"{name}: values must be numbers, strings, booleans, None or lists of them, got {_checks.shown(value)}"
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name}: values must be finite, got {_checks.shown(value)}")
    return value


def _spaced(name: str, spacing: str, bounds: Any) -> list[Any]:
    try:
        low, high, count = bounds
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be [first, last, how many], got {_checks.shown(bounds)}") from None
    integral = all(isinstance(bound, (int, np.integer)) and not isinstance(bound, bool) for bound in (low, high))
    low, high = _checks.real(name, low), _checks.real(name, high)
    count = _checks.integer(f"{name}: how many", count, low=1, high=10**7)
    if spacing == "geomspace" and low * high <= 0:
        raise ValueError(f"{name}: first and last must be of one sign and not 0, got {_checks.shown(bounds)}")
    with np.errstate(all="ignore"):
        values = np.linspace(low, high, count) if spacing == "linspace" else np.geomspace(low, high, count)
    if not np.isfinite(values).all():
        raise ValueError(f"{name}: values between first and last must be finite, got {_checks.shown(bounds)}")
    whole = np.rint(values)
    if integral and np.allclose(values, whole, rtol=1e-12, atol=0):
        return [int(value) for value in whole]
    return list(values.tolist())


def check_distinct(axes: dict[str, list[Any]], mode: str) -> None:
    """Values of an axis must differ (in a product), and all axes of a zip must be of one length."""
    if mode == "zip":
        lengths = {name: len(values) for name, values in axes.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError("grid: axes must be of one length in zip mode, got " + ", ".join(
                f"{name}: {length}" for name, length in lengths.items()
            ))  # fmt: skip
        return
    for name, values in axes.items():
        seen = set()
        for value in values:
            if repr(value) in seen:
                raise ValueError(f"grid: {name} has the value {value!r} twice")
            seen.add(repr(value))


def check_size(axes: dict[str, list[Any]], mode: str, restarts: int, checkpoints: int) -> None:
    """Refuse sweeps that no machine could hold the results of, before anything is made for them."""
    cells = math.prod(cell_shape(axes, mode))
    if cells * restarts > LARGEST_SWEEP:
        lengths = " × ".join(f"{len(values):,} of {name}" for name, values in axes.items()) or "1"
        raise ValueError(
            f"grid: {cells:,} cells ({lengths}) × restarts={restarts:,} are {cells * restarts:,} runs, and a sweep may "
            f"have {LARGEST_SWEEP:,}"
        )
    if cells * restarts * checkpoints > LARGEST_ARRAY:
        raise ValueError(
            f"evaluate_every: {checkpoints:,} evaluations of each of {cells * restarts:,} runs are more than the "
            f"{LARGEST_ARRAY:,} that a sweep may have"
        )


def check_stored(record: dict[str, Any]) -> None:
    """Raise a ValueError unless what a manifest says of a grid can be one."""
    _checks.choice("mode", record["mode"], MODES)
    for name, low in (("restarts", 1), ("seed", 0), ("episodes", 1), ("evaluation_episodes", 0)):
        if type(record[name]) is not int or record[name] < low:
            raise ValueError(f"its {name} is {record[name]!r}")
    every = record["evaluate_every"]
    if every is not None and (type(every) is not int or not 1 <= every <= record["episodes"]):
        raise ValueError(f"its evaluate_every is {every!r}")
    axes, keep, tasks = record["axes"], record["keep"], record["tasks"]
    if not isinstance(axes, dict) or not all(isinstance(values, list) and values for values in axes.values()):
        raise ValueError("its axes are not lists of values")
    if record["mode"] == "zip" and len({len(values) for values in axes.values()}) > 1:
        raise ValueError("its axes are not of one length")
    kept = keep if isinstance(keep, list) else []
    if not (keep in ("none", "all") or (kept and sorted(set(kept)) == kept)) or any(
        type(number) is not int or not 0 <= number < record["restarts"] for number in kept
    ):
        raise ValueError(f"its keep is {keep!r}")
    of_task = {name: values for name, values in axes.items() if name.startswith("task.")}
    wanted = math.prod(cell_shape(of_task, record["mode"]))
    if not isinstance(tasks, list) or len(tasks) != wanted:
        raise ValueError(f"it has not the {wanted:,} tasks that its axes make")
    if not all(isinstance(digest, str) and re.fullmatch("[0-9a-f]{32}", digest) for digest in tasks):
        raise ValueError("its tasks are not named by hashes")


def cell_shape(axes: dict[str, list[Any]], mode: str) -> tuple[int, ...]:
    """Shape of the grid: one dimension an axis, or one of all cells in zip mode."""
    if mode == "zip":
        return (max((len(values) for values in axes.values()), default=1),)
    return tuple(len(values) for values in axes.values())


def axis_positions(
    axes: dict[str, list[Any]], mode: str, cells: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[np.int64]]:
    """Where each cell is on each axis: ``{name: array of int}`` for an array of cell numbers."""
    if mode == "zip":
        return dict.fromkeys(axes, cells)
    if not axes:
        return {}
    return dict(zip(axes, np.unravel_index(cells, cell_shape(axes, mode)), strict=True))


def combinations(axes: dict[str, list[Any]], mode: str) -> Iterator[tuple[Any, ...]]:
    """Rows of values of all cells of some axes, in order of the cells."""
    return zip(*axes.values(), strict=True) if mode == "zip" and axes else itertools.product(*axes.values())
