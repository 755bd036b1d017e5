"""Axes of a grid: their values, and which cell has which."""

import itertools
import math
from collections.abc import Iterable, Mapping

import numpy as np

from .. import _checks

MODES = ("product", "zip")
SPACINGS = {"linspace": np.linspace, "geomspace": np.geomspace}


def checked_axes(grid):
    """The axes of a grid as ``{name: list of values}``; ``{"task": {"moves": ...}}`` is ``{"task.moves": ...}``."""
    if not isinstance(grid, Mapping):
        raise ValueError(f"grid must map names to values, got {grid!r}")
    axes = {}
    for name, given in grid.items():
        if not isinstance(name, str):
            raise ValueError(f"grid: names must be strings, got {name!r}")
        nested = given.items() if name == "task" and isinstance(given, Mapping) else None
        for full_name, values in [(f"task.{key}", part) for key, part in nested] if nested else [(name, given)]:
            if full_name in axes:
                raise ValueError(f"grid: {full_name} is given twice")
            axes[full_name] = axis_values(full_name, values)
    return axes


def axis_values(name, given):
    """The values of an axis, given as a sequence, ``{"linspace": [a, b, n]}`` or ``{"geomspace": [a, b, n]}``.

    A spacing between two integers that falls on integers gives integers.
    """
    if isinstance(given, Mapping):
        if len(given) != 1 or next(iter(given)) not in SPACINGS:
            raise ValueError(
                f"grid: {name} must be a list, {{linspace = [a, b, n]}} or {{geomspace = [a, b, n]}}, "
                f"got {dict(given)!r}"
            )
        ((spacing, bounds),) = given.items()
        return _spaced(f"grid: {name}.{spacing}", spacing, bounds)
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise ValueError(f"grid: {name} must be a list of values, got {given!r}")
    values = [plain(f"grid: {name}", value) for value in given]
    if not values:
        raise ValueError(f"grid: {name} has no values")
    return values


def plain(name, value):
    """A value as JSON has it: NumPy scalars and tuples become plain numbers and lists."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (tuple, list, np.ndarray)):
        return [plain(name, entry) for entry in value]
    if value is not None and not isinstance(value, (bool, int, float, str)):
        raise ValueError(f"{name}: values must be numbers, strings, booleans, None or lists of them, got {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name}: values must be finite, got {value!r}")
    return value


def _spaced(name, spacing, bounds):
    try:
        low, high, count = bounds
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be [first, last, how many], got {bounds!r}") from None
    integral = all(isinstance(bound, (int, np.integer)) and not isinstance(bound, bool) for bound in (low, high))
    low, high = _checks.real(name, low), _checks.real(name, high)
    count = _checks.integer(f"{name}: how many", count, low=1, high=10**7)
    if spacing == "geomspace" and low * high <= 0:
        raise ValueError(f"{name}: first and last must be of one sign and not 0, got {bounds!r}")
    values = SPACINGS[spacing](low, high, count)
    whole = np.rint(values)
    if integral and np.allclose(values, whole, rtol=1e-12, atol=0):
        return [int(value) for value in whole]
    return values.tolist()


def check_distinct(axes, mode):
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


def cell_shape(axes, mode):
    """Shape of the grid: one dimension an axis, or one of all cells in zip mode."""
    if mode == "zip":
        return (max((len(values) for values in axes.values()), default=1),)
    return tuple(len(values) for values in axes.values())


def axis_positions(axes, mode, cells):
    """Where each cell is on each axis: ``{name: array of int}`` for an array of cell numbers."""
    if mode == "zip":
        return dict.fromkeys(axes, cells)
    if not axes:
        return {}
    return dict(zip(axes, np.unravel_index(cells, cell_shape(axes, mode)), strict=True))


def combinations(axes, mode):
    """Rows of values of all cells of some axes, in order of the cells."""
    return zip(*axes.values(), strict=True) if mode == "zip" and axes else itertools.product(*axes.values())
