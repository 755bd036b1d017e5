"""Generations: the runs that a grid had from the start, those it gained when it grew, and their blocks."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .._threads import aside
from .specification import Specification

_PIECE = 2**18  # runs that are looked up together: Ctrl-C is heard in between


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive runs of a generation, computed and stored together.

    Attributes
    ----------
    generation : Generation
    number : int
    """

    generation: Generation
    number: int

    @property
    def runs(self) -> npt.NDArray[np.int64]:
        """Numbers of the runs in the generation's specification."""
        size = self.generation.block_size
        return self.generation.runs[self.number * size : (self.number + 1) * size]

    @property
    def keys(self) -> npt.NDArray[np.uint64]:
        return self.generation.specification.keys(self.runs)

    @functools.cached_property
    def name(self) -> str:
        digest = hashlib.blake2b(key_bytes(self.keys), digest_size=8).hexdigest()  # type: ignore[arg-type]
        return f"{self.generation.number:04d}-{self.number:06d}-{digest}.npz"


@dataclass(frozen=True, eq=False)
class Generation:
    """The runs that a manifest adds to those before it.

    Attributes
    ----------
    number : int
    specification : Specification
        Of the whole grid as it is from this generation on.
    block_size : int
        Runs of a block.
    earlier : Generation or None
    """

    number: int
    specification: Specification
    block_size: int
    earlier: Generation | None = None

    @functools.cached_property
    def runs(self) -> npt.NDArray[np.int64]:
        """Numbers of the new runs, by task and then in order, shape (runs,)."""
        whole = self.specification
        runs = np.arange(whole.n_runs)
        if len(whole.tasks) > 1:
            by_task = np.argsort(whole.task_numbers(np.arange(whole.n_cells)), kind="stable")
            runs = (by_task[:, None] * whole.restarts + np.arange(whole.restarts)).ravel()
        if self.earlier is not None:
            runs = runs[Lookup(self.earlier.specification).find(whole.keys(runs)) < 0]
        return runs

    @functools.cached_property
    def blocks(self) -> list[Block]:
        return [Block(self, number) for number in range(-(-len(self.runs) // self.block_size))]


class Lookup:
    """Numbers of runs by their keys."""

    def __init__(self, specification: Specification) -> None:
        keys = specification.keys(np.arange(specification.n_runs))
        self.order = aside(np.argsort, keys[:, 0], kind="stable")
        self.keys = keys[self.order]

    def find(self, keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """Run number of each key, or −1."""
        found = np.empty(len(keys), dtype=np.int64)
        for first in range(0, len(keys), _PIECE):
            part = keys[first : first + _PIECE]
            at = np.minimum(np.searchsorted(self.keys[:, 0], part[:, 0]), len(self.keys) - 1)
            found[first : first + _PIECE] = np.where((self.keys[at] == part).all(axis=1), self.order[at], -1)
        return found


def contains(larger: Specification, smaller: Specification) -> bool:
    """Whether a specification has all runs of another one."""
    if larger.n_runs < smaller.n_runs:
        return False
    return bool((Lookup(larger).find(smaller.keys(np.arange(smaller.n_runs))) >= 0).all())


def key_bytes(keys: npt.NDArray[np.uint64]) -> npt.NDArray[Any]:
    """Keys as they are written: uint8 array, shape (runs, 16), little-endian halves."""
    return np.ascontiguousarray(keys, dtype="<u8").view(np.uint8)
