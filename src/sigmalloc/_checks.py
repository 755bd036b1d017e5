"""Checks of user input: each returns the value in its canonical type or raises a ValueError naming the field."""

import math
import numbers
import operator

import numpy as np


def real(name, value, *, low=-math.inf, high=math.inf, low_open=False):
    """A finite float in [low, high], or in (low, high] with ``low_open``."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise ValueError(f"{name} must be a real number, got {value!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {value!r}")
    if number < low or number > high or (low_open and number == low):
        raise ValueError(f"{name} must be {_interval(low, high, low_open)}, got {value!r}")
    return number


def integer(name, value, *, low=None, high=None):
    """An int in [low, high]."""
    if isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be an integer, got {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer, got {value!r}") from None
    if (low is not None and number < low) or (high is not None and number > high):
        bounds = _interval(-math.inf if low is None else low, math.inf if high is None else high, False)
        raise ValueError(f"{name} must be {bounds}, got {value!r}")
    return number


def flag(name, value):
    """A bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def choice(name, value, allowed):
    """One of the strings in ``allowed``."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return value


def numeric(name, value, kinds="iuf"):
    """An array of numbers, of any shape and with any values."""
    try:
        given = np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        given = None
    if given is None or given.dtype.kind not in kinds:
        raise ValueError(f"{name} must be an array of numbers, got {value!r}")
    return given


def sequence(name, value):
    """A tuple of whatever is in a list, a tuple, a range or an array."""
    if isinstance(value, (str, bytes, dict)) or not hasattr(value, "__len__") or not hasattr(value, "__iter__"):
        raise ValueError(f"{name} must be a sequence, got {value!r}")
    return tuple(value)


def array(name, value, shape, dtype=np.float64):
    """A contiguous array of ``dtype`` and ``shape``; entries must be finite numbers."""
    given = numeric(name, value)
    if given.shape != tuple(shape):
        raise ValueError(f"{name} must have shape {tuple(shape)}, got {given.shape}")
    if not np.isfinite(given).all():
        raise ValueError(f"{name} must be finite, but has {int((~np.isfinite(given)).sum())} NaN or infinite entries")
    return np.ascontiguousarray(given, dtype=dtype)


def _interval(low, high, low_open):
    if high == math.inf:
        if low == -math.inf:
            return "finite"
        return f"greater than {low:g}" if low_open else f"at least {low:g}"
    if low == -math.inf:
        return f"at most {high:g}"
    return f"in {'(' if low_open else '['}{low:g}, {high:g}]"
