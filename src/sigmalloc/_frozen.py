"""Objects whose arrays are read only: as they are made, and as they come back from pickle and deepcopy."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

_A = TypeVar("_A", bound="np.ndarray[Any, Any]")


def read_only(array: _A) -> _A:
    """A view, since whoever gave the array may go on writing into his own."""
    if not array.flags.writeable:
        return array
    view = array.view()
    view.setflags(write=False)
    return view


def freeze(thing: Any) -> None:
    """Let the arrays that an object has be read only."""
    held = vars(thing)
    for name, value in held.items():
        if isinstance(value, np.ndarray):
            held[name] = read_only(value)


class Frozen:
    """To be derived from; one with a `__post_init__` of its own calls `freeze` at its end."""

    def __post_init__(self) -> None:
        freeze(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        freeze(self)
