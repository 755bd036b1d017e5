"""Memories: which memory, or known value, a state and an action use.

A `MemoryMap` belongs to one task (one variant of a changing one). `union` numbers the memories of all variants
together, and `Places` is how the kernel stores them; its twin is `_kernel/memory.pxd`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from . import _checks
from ._frozen import Frozen, freeze

if TYPE_CHECKING:
    from .tasks.base import Task

NONE = -1  # the index of no memory


@dataclass(frozen=True, eq=False)
class MemoryMap(Frozen):
    """(state, action) → memory, or none.

    Attributes
    ----------
    index : array of int, shape (states, actions)
        Memory that each action of each state uses; −1 where there is none: no such action, or a known value.
    n_memories : int
        K. In a changing task, memories of other variants are counted too.
    exists : array of bool, shape (states, actions)
        Where the agent can act.
    known_q, known_sigma : array of float, shape (states, actions), or None
        Values that are known instead of remembered, and their noise (0 allowed); NaN elsewhere.
    """

    index: npt.NDArray[np.int64]
    n_memories: int
    exists: npt.NDArray[np.bool_]
    known_q: npt.NDArray[np.float64] | None = None
    known_sigma: npt.NDArray[np.float64] | None = None

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """Where there is a memory, shape (states, actions)."""
        return self.index >= 0

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Where a value is known instead, shape (states, actions)."""
        return self.exists & ~self.mask

    @property
    def allocated(self) -> npt.NDArray[np.bool_]:
        """Which of the memories this task uses, shape (memories,)."""
        used = np.zeros(self.n_memories, dtype=bool)
        used[self.index[self.mask]] = True
        return used

    @property
    def uses(self) -> npt.NDArray[np.int64]:
        """How many (state, action) use each memory, shape (memories,)."""
        return np.bincount(self.index[self.mask], minlength=self.n_memories)

    @property
    def shared(self) -> bool:
        """Whether some memory is used by several (state, action)."""
        return bool((self.uses > 1).any())

    def gather(self, values: npt.ArrayLike, elsewhere: float = 0.0) -> npt.NDArray[np.float64]:
        """What each (state, action) finds in its memory.

        Parameters
        ----------
        values : array of float, shape (..., memories)
        elsewhere : float
            What stands where there is no memory.

        Returns
        -------
        array of float, shape (..., states, actions)
        """
        values = np.asarray(values, dtype=np.float64)
        if values.ndim == 0 or values.shape[-1] != self.n_memories:
            raise ValueError(f"values must have shape (..., {self.n_memories}), got {values.shape}")
        table = np.full((*values.shape[:-1], *self.index.shape), float(elsewhere))
        table[..., self.mask] = values[..., self.index[self.mask]]
        return table

    def gather_q(self, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """q̄ that each (state, action) finds: that of its memory, or what is known; 0 where there is neither."""
        return self._found(values, 0.0, self.known_q)

    def gather_sigma(self, values: npt.ArrayLike, sigma_base: float) -> npt.NDArray[np.float64]:
        """σ that each (state, action) finds: that of its memory, or what is known; σ_base where there is neither."""
        return self._found(values, sigma_base, self.known_sigma)

    def _found(
        self, values: npt.ArrayLike, elsewhere: float, known: npt.NDArray[np.float64] | None
    ) -> npt.NDArray[np.float64]:
        table = self.gather(values, elsewhere)
        if known is not None:
            table[..., self.known] = known[self.known]
        return table

    def scatter_add(self, table: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Sum over the (state, action) that use each memory: the derivative by a memory, from those by its uses.

        Parameters
        ----------
        table : array of float, shape (..., states, actions)

        Returns
        -------
        array of float, shape (..., memories)
        """
        table = self._table(table)
        flat = table[..., self.mask].reshape(-1, int(self.mask.sum()))
        total = np.zeros((len(flat), self.n_memories))
        place = self.index[self.mask]
        for row, entries in zip(total, flat, strict=True):
            row += np.bincount(place, entries, self.n_memories)
        return total.reshape(*table.shape[:-2], self.n_memories)

    def pick(self, table: npt.ArrayLike, name: str = "table", elsewhere: float = 0.0) -> npt.NDArray[np.float64]:
        """The values of memories, from a table of (state, action).

        Parameters
        ----------
        table : array of float, shape (..., states, actions)
        name : str
            For the message.
        elsewhere : float
            For memories that this task does not use.

        Returns
        -------
        array of float, shape (..., memories)

        Raises
        ------
        ValueError
            If (state, action) that share a memory do not agree.
        """
        table = self._table(table)
        values = np.full((*table.shape[:-2], self.n_memories), float(elsewhere))
        place = self.index[self.mask]
        values[..., place] = table[..., self.mask]
        wrong = values[..., place] != table[..., self.mask]
        wrong &= ~(np.isnan(values[..., place]) & np.isnan(table[..., self.mask]))
        if wrong.any():
            memory = place[np.argwhere(wrong)[0][-1]]
            raise ValueError(f"{name} has different values for the states and actions that share memory {memory}")
        return values

    def _table(self, table: npt.ArrayLike) -> npt.NDArray[np.float64]:
        table = np.asarray(table, dtype=np.float64)
        if table.shape[-2:] != self.index.shape:
            raise ValueError(f"table must have shape (..., {', '.join(map(str, self.index.shape))}), got {table.shape}")
        return table


def one_each(exists: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """The default index: one memory for each (state, action) whose value is not known, row by row."""
    index = np.full(exists.shape, NONE, dtype=np.int64)
    mask = exists & ~known
    index[mask] = np.arange(int(mask.sum()))
    return index


def checked_index(
    memory_map: npt.ArrayLike, exists: npt.NDArray[np.bool_], known: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """A user's index, checked: a memory for every action that is not known, and none elsewhere."""
    index = _checks.integers("memory_map", memory_map, exists.shape, low=NONE, high=exists.size - 1)
    mask = index >= 0
    for wrong, what in (
        (mask & ~exists, "has a memory for state {}, action {}, which does not exist: it must be -1 there"),
        (mask & known, "has a memory for state {}, action {}, whose value is known: it must be -1 there"),
        (exists & ~known & ~mask, "has no memory for state {}, action {}, whose value is not known either"),
    ):
        if wrong.any():
            raise ValueError("memory_map " + what.format(*np.argwhere(wrong)[0]))
    for state, row in enumerate(index):
        used = row[row >= 0]
        if len(np.unique(used)) < len(used):
            raise ValueError(f"memory_map: two actions of state {state} share a memory, so they are one")
    return index


def union(variants: Sequence[Task]) -> tuple[MemoryMap, ...]:
    """The maps of all variants of a task, with their memories numbered together.

    Given indices are the numbers, and are given for all variants or for none. By default, the memory of a state and an
    action is the same one in every variant.
    """
    given = [variant.given_index for variant in variants]
    if any(index is not None for index in given):
        if any(index is None for index in given):
            which = "the task and not for its changes" if given[0] is not None else "changes and not for the task"
            raise ValueError(
                f"memory_map is given for {which}: which of its memories the others use would be a guess; give all of "
                "them one"
            )
        n_memories = 1 + max(int(index.max()) for index in given if index is not None)
        numbered = [variant.own_index for variant in variants]
        used = np.unique(np.concatenate([index[index >= 0] for index in numbered]))
        if len(used) != n_memories:
            missing = sorted(set(range(n_memories)) - set(used.tolist()))
            raise ValueError(f"memory_map: memory {missing[0]} is not used by any state and action")
    else:
        ever = np.logical_or.reduce([variant.own_index >= 0 for variant in variants])
        n_memories = int(ever.sum())
        together = np.full(ever.shape, NONE, dtype=np.int64)
        together[ever] = np.arange(n_memories)
        numbered = [np.where(variant.own_index >= 0, together, NONE) for variant in variants]
    return tuple(
        MemoryMap(index, n_memories, variant.exists, variant.known_q, variant.known_sigma)
        for index, variant in zip(numbered, variants, strict=True)
    )


class Places(Frozen):
    """Where the kernel stores memories and known values.

    Attributes
    ----------
    maps : tuple of MemoryMap
        One a variant, numbered together.
    mapped : bool
        Whether places must be looked up. If not, the place of a state and an action is states · actions + action.
    n_places : int
    place : array of int, shape (variants, states, actions)
        −1 where there is no such action.
    allocated : array of float, shape (variants, places)
        1 where there is a memory, in each variant.
    of_memory : array of int, shape (memories,)
        Place of each memory.
    acting : array of bool, shape (states,)
        Whether there is a choice in a state, in some variant.
    """

    maps: tuple[MemoryMap, ...]
    mapped: bool
    n_places: int
    of_memory: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]
    allocated: npt.NDArray[np.float64]

    def __init__(self, variants: Sequence[Task]) -> None:
        self.maps = union(variants)
        exists = [memory_map.exists for memory_map in self.maps]
        known = np.logical_or.reduce([memory_map.known for memory_map in self.maps])
        shape = exists[0].shape
        acting = [mask.any(axis=1) for mask in exists]
        self.acting: npt.NDArray[np.bool_] = np.logical_or.reduce(acting)
        whole = all(bool(mask[rows].all()) for mask, rows in zip(exists, acting, strict=True))
        entries = np.arange(known.size).reshape(shape)
        own = whole and not any(memory_map.shared for memory_map in self.maps)
        place: dict[int, int] = {}
        if own:  # the numbers may still be the user's, and q̄ is drawn in their order
            pairs = [pair for g in self.maps for pair in zip(g.index[g.mask], entries[g.mask], strict=True)]
            place = {int(memory): int(entry) for memory, entry in pairs}
            ordered = [place[memory] for memory in sorted(place)]
            own = ordered == sorted(ordered) and all(place[int(memory)] == int(entry) for memory, entry in pairs)
        self.mapped = not own
        if own:
            self.n_places = known.size
            place_of_known = entries
            self.of_memory = np.array([place[memory] for memory in sorted(place)], dtype=np.int64)
        else:
            n_memories = self.maps[0].n_memories
            self.n_places = n_memories + int(known.sum())
            place_of_known = np.full(shape, NONE, dtype=np.int64)
            place_of_known[known] = n_memories + np.arange(int(known.sum()))
            self.of_memory = np.arange(n_memories)
        self.place = np.empty((len(self.maps), *shape), dtype=np.int64)
        self.allocated = np.zeros((len(self.maps), self.n_places))
        self._known_q, self._known_sigma = np.zeros(self.n_places), np.full(self.n_places, np.nan)
        for v, memory_map in enumerate(self.maps):
            mask, fixed = memory_map.mask, memory_map.known
            self.place[v] = entries if own else np.where(fixed, place_of_known, NONE)
            self.place[v][mask] = self.of_memory[memory_map.index[mask]]
            self.allocated[v][self.place[v][mask]] = 1.0
            if fixed.any():
                assert memory_map.known_q is not None and memory_map.known_sigma is not None
                self._known_q[self.place[v][fixed]] = memory_map.known_q[fixed]
                self._known_sigma[self.place[v][fixed]] = memory_map.known_sigma[fixed]
        freeze(self)

    @property
    def n_memories(self) -> int:
        return self.maps[0].n_memories

    def start(
        self, runs: int, sigma_base: npt.NDArray[np.float64],
        q: npt.NDArray[np.float64] | None, sigma: npt.NDArray[np.float64] | None,
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:  # fmt: skip
        """q̄ and σ of a call by place, (runs, places): what is known and what is given.

        Parameters
        ----------
        runs : int
        sigma_base : array of float, shape (runs,)
        q, sigma : array of float, shape (runs, memories), or None
        """
        start_q = np.tile(self._known_q, (runs, 1))
        start_sigma = np.where(np.isnan(self._known_sigma), sigma_base[:, None], self._known_sigma)
        if q is not None:
            start_q[:, self.of_memory] = q
        if sigma is not None:
            start_sigma[:, self.of_memory] = sigma
        return start_q, start_sigma

    def memories(self, stored: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Values of the memories, (..., memories), from those by place."""
        return stored[..., self.of_memory]

    def table(self, stored: npt.NDArray[np.float64], variant: int, elsewhere: float) -> npt.NDArray[np.float64]:
        """What a variant shows of values by place, (..., states, actions): known values too."""
        place, exists = self.place[variant], self.maps[variant].exists
        table = np.full((*stored.shape[:-1], *place.shape), float(elsewhere))
        table[..., exists] = stored[..., place[exists]]
        return table
