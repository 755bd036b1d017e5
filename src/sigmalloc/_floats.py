"""Floating point at the borders of numeric functions, whatever `numpy.seterr` the caller has set."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


def quietly(function: Callable[P, R]) -> Callable[P, R]:
    """A function that neither warns nor raises for floating point: it has to check what it gives back."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return wrapped


def finite(name: str, value: Any, why: str) -> Any:
    """The value, a number or an array.

    Raises
    ------
    ValueError
        If any of it is NaN or infinite: it left the range of floating point numbers, ``why`` says where from.
    """
    if not np.isfinite(value).all():
        raise ValueError(f"{name} is beyond the range of floating point numbers: {why}")
    return value
