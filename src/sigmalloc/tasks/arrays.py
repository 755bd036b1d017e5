"""The arrays that a finite MDP consists of, declared once: what files keep, what digests cover, what is frozen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from .. import _frozen


@dataclass(frozen=True)
class Array:
    """One array of a `TabularMDP`, under the name of its argument.

    Attributes
    ----------
    name : str
    attribute : str
        Where the task has it.
    format : int
        Format of files and digests that it came with. Later ones are kept and hashed only where they say something, so
        that the digest of a task that does not use them stays what it was.
    needed : bool
        Whether every task has it.
    """

    name: str
    attribute: str
    format: int = 1
    needed: bool = False


ARRAYS = (
    Array("next_state", "next_state", needed=True),
    Array("reward", "reward", needed=True),
    Array("probability", "probability", needed=True),
    Array("start", "start", needed=True),
    Array("terminal", "terminal", needed=True),
    Array("action_counts", "action_counts", needed=True),
    Array("known_q", "known_q"),
    Array("known_sigma", "known_sigma"),
    Array("actions", "uneven_actions", 2),
    Array("memory_map", "given_index", 2),
    Array("reward_sd", "reward_sd", 2),
    Array("rewards_by_episode", "rewards_by_episode", 2),
    Array("starts", "starts", 2),
)


def kept_arrays(task: Any) -> dict[str, npt.NDArray[Any]]:
    """What a file keeps, by the names of the arguments."""
    tables = {array.name: getattr(task, array.attribute) for array in ARRAYS}
    return {name: table for name, table in tables.items() if table is not None}


def hashed_arrays(task: Any) -> Iterator[Any]:
    """What a digest covers."""
    for array in ARRAYS:
        table = getattr(task, array.attribute)
        if array.format == 1:
            yield table
        elif table is not None:
            yield from (array.name, table)


def freeze(task: Any) -> None:
    """Let nothing of a task be changed any more."""
    _frozen.freeze(task)
    task.__dict__["_frozen"] = True
