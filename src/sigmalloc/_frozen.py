"""Objects whose arrays are read only: as they are made, and as they come back from pickle and deepcopy."""

from __future__ import annotations

from typing import Any

import numpy as np


def freeze(thing: Any) -> None:
    """Let the arrays that an object has be read only."""
    for value in vars(thing).values():
        if isinstance(value, np.ndarray):
            value.setflags(write=False)


class Frozen:
    """To be derived from; whoever makes one calls `freeze` when it is complete."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        freeze(self)
