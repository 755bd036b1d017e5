"""What a sweep gives back: arrays over the grid, read from the store when they are first asked for."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from .. import _checks
from ..agents import Agent
from ..tasks.base import Task
from . import grid as grids
from . import tables
from .generations import Block, Lookup
from .specification import Specification
from .store import DamagedBlock, Store, warn_about

if TYPE_CHECKING:
    import pandas
    import xarray

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Quantity = Literal["objective", "reward", "value", "cost", "cutoffs"]

QUANTITIES: tuple[Quantity, ...] = ("reward", "value", "cost", "objective", "cutoffs")
_MISSING = {"f": np.nan, "i": -1, "u": 0}


class SweepResult:
    """The runs of a sweep that are done, as arrays over its grid.

    Arrays have one dimension per axis, in the order of ``axes`` (one dimension of cells in zip mode), then one of
    restarts; curves have one of checkpoints after that. Runs that are not done (or whose block is damaged) are NaN, and
    −1 in arrays of integers. Arrays are read when they are first used.

    Attributes
    ----------
    specification : Specification
    store : Store
    damaged : dict of {str: str}
        Files that are damaged or do not belong in the store, and what is wrong with each.
    """

    store: Store
    specification: Specification
    damaged: dict[str, str]

    def __init__(
        self, store: Store, specification: Specification, blocks: list[Block], damaged: dict[str, str]
    ) -> None:
        self.store, self.specification, self.damaged = store, specification, damaged
        self._blocks = blocks
        self._arrays: dict[str, npt.NDArray[Any]] = {}

    @property
    def axes(self) -> dict[str, list[Any]]:
        """Values of each axis: dict of {str: list}."""
        return self.specification.axes

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of arrays without checkpoints: (grid axes…, restart)."""
        return (*self.specification.shape, self.specification.restarts)

    @property
    def episodes(self) -> Integers:
        """Episodes completed at each checkpoint, shape (checkpoints,)."""
        return self.specification.checkpoints

    @property
    def restarts(self) -> int:
        return self.specification.restarts

    @property
    def seed(self) -> int:
        return self.specification.seed

    @property
    def n_blocks(self) -> int:
        """Blocks that are done."""
        return len(self._blocks)

    @functools.cached_property
    def done(self) -> npt.NDArray[np.bool_]:
        """Mask of the runs that are done, shape (grid axes…, restart)."""
        done = np.zeros(self.specification.n_runs, dtype=bool)
        for block in self._blocks:
            done[self._places(block)] = True
        return done.reshape(self.shape)

    @property
    def complete(self) -> bool:
        return bool(self.done.all())

    @property
    def reward(self) -> Floats:
        """Mean undiscounted return, in units of reward, shape (grid axes…, restart, checkpoint)."""
        return self._array("reward")

    @property
    def value(self) -> Floats:
        """Mean discounted return (per unit of time with a reward rate), same shape."""
        return self._array("value")

    @property
    def cost(self) -> Floats:
        """λ times the divergence, in units of reward, same shape."""
        return self._array("cost")

    @property
    def objective(self) -> Floats:
        """value − cost − time_cost, same shape."""
        return self.value - self.cost - self.time_cost

    @property
    def time(self) -> Floats:
        """Mean duration of an evaluation episode, same shape; NaN in blocks of versions that did not count it."""
        return self._array("time")

    @property
    def time_cost(self) -> Floats:
        """Price of the time that samples take, ω t_sample E[Σ n(s_t)], in units of reward, same shape."""
        return self._array("time_cost")

    @property
    def effort(self) -> Floats:
        """Mean samples of a decision in evaluation episodes, same shape; NaN in blocks of versions without effort."""
        return self._array("effort")

    @property
    def search_budgets(self) -> Floats:
        """Search budget of planning in %, same shape; NaN where nothing is planned, and as ``effort``."""
        return self._array("search_budgets")

    @property
    def cutoffs(self) -> Floats:
        """Evaluation episodes cut off by the step limit, same shape."""
        return self._array("cutoffs")

    @property
    def steps(self) -> Integers:
        """Environment steps taken in training, int, shape (grid axes…, restart)."""
        return self._array("steps")

    @property
    def training_cutoffs(self) -> Integers:
        """Learning episodes cut off by the step limit, int, shape (grid axes…, restart)."""
        return self._array("training_cutoffs")

    @property
    def error(self) -> npt.NDArray[np.int8]:
        """1 (2, 4, 5) where q̄ (σ, effort, search budget) was no longer finite, else 0, shape (grid axes…, restart)."""
        return self._array("error")

    @property
    def stream(self) -> npt.NDArray[np.uint64]:
        """Final state of each run's random stream (SFC64), uint64, shape (grid axes…, restart, 4)."""
        return self._array("stream")

    @property
    def q(self) -> Floats:
        """Final q̄ of the restarts that were kept, shape (grid axes…, kept restart, states, actions).

        Raises
        ------
        ValueError
            If none were kept, or the cells' tasks have tables of several shapes (see `memories`).
        """
        return self._memories[0]

    @property
    def sigma(self) -> Floats:
        """Final σ, as `q`."""
        return self._memories[1]

    def cell(self, *index: int) -> tuple[Task, Agent]:
        """Task and agent of a cell; `train` with them and the sweep's ``seed`` gives the cell's runs, bit for bit.

        Parameters
        ----------
        *index : int
            Position on each axis.

        Returns
        -------
        Task
        Agent
        """
        number = self._cell_number(index)
        problem = self.store.task(self.specification.tasks[int(self.specification.task_numbers(number))])
        return problem.task, self.specification.cell_agent(number)

    def memories(self, *index: int) -> tuple[Floats, Floats]:
        """Final q̄ and σ of a cell.

        Parameters
        ----------
        *index : int
            Position on each axis.

        Returns
        -------
        q, sigma : array of float, shape (kept restarts, states, actions)
        """
        task, _ = self.cell(*index)
        number = self._cell_number(index)
        kept = self._checked_kept()
        q, sigma = np.full((2, len(kept), task.n_states, task.n_actions), np.nan)
        wanted = {number * self.restarts + restart: place for place, restart in enumerate(kept)}
        for block in self._blocks:
            if np.isin(self._places(block), list(wanted)).any():
                for run, tables in self._kept(block):
                    if run in wanted:
                        q[wanted[run]], sigma[wanted[run]] = tables
        return q, sigma

    def select(self, quantity: Quantity = "objective", checkpoint: int | None = None, **at: Any) -> Floats:
        """A quantity with some axes fixed.

        Parameters
        ----------
        quantity : {"objective", "reward", "value", "cost", "cutoffs"}
        checkpoint : int, optional
            Position among ``episodes``; None: all.
        **at
            Axes and the value that each is fixed at. For names with a dot use ``**{"task.moves": 3}``.

        Returns
        -------
        array of float, shape (other axes…, restart) or (other axes…, restart, checkpoint)
        """
        _checks.choice("quantity", quantity, QUANTITIES)
        values = getattr(self, quantity)
        if not values.shape[-1]:
            raise ValueError(f"{quantity}: nothing was evaluated; sweep with evaluate_every")
        if checkpoint is not None:
            values = values[..., checked_checkpoint(self, checkpoint)]
        if self.specification.mode == "zip" and at:
            raise ValueError("axes cannot be fixed in zip mode: take the cell's number from axes")
        _checks.only(at, self.axes, "axis")
        index: list[int | slice] = []
        for name, entries in self.axes.items():
            if name not in at:
                index.append(slice(None))
                continue
            value = grids.plain(name, at[name])
            if value not in entries:
                raise ValueError(f"{name} has no value {value!r}; it has {', '.join(map(str, entries))}")
            index.append(entries.index(value))
        chosen: Floats = values[tuple(index)] if index else values
        return chosen

    def to_records(self, checkpoints: Literal["last", "all"] = "last") -> npt.NDArray[np.void]:
        """One row a run, as a NumPy structured array; see `to_frame`."""
        return tables.to_records(self, checkpoints)

    def to_frame(self, checkpoints: Literal["last", "all"] = "last") -> pandas.DataFrame:
        """A pandas DataFrame with one row a run (needs ``pip install sigmalloc[pandas]``).

        Parameters
        ----------
        checkpoints : {"last", "all"}
            "all": one row for each checkpoint of each run.

        Returns
        -------
        DataFrame
            Columns: the axes, restart, episodes, reward, value, cost, objective, cutoffs, error, done.
        """
        return tables.to_frame(self, checkpoints)

    def to_xarray(self, quantities: Sequence[Quantity] = QUANTITIES) -> xarray.Dataset:
        """An xarray Dataset with named dimensions and units (needs ``pip install sigmalloc[xarray]``).

        Parameters
        ----------
        quantities : sequence of str
            Curves to include, of "reward", "value", "cost", "objective", "cutoffs".

        Returns
        -------
        Dataset
            Dimensions: the axes ("cell" in zip mode), restart, episodes. q̄ and σ are there if they were kept, and the
            tables of all cells are of one shape.
        """
        made: xarray.Dataset = tables.to_xarray(self, quantities)
        return made

    def export(self, path: str | os.PathLike[str], quantities: Sequence[Quantity] = QUANTITIES) -> Path:
        """Write a table or a labelled data set.

        Parameters
        ----------
        path : str or Path
            Its ending decides: ".csv" (one row for each checkpoint of each run), ".nc" (NetCDF) or ".zarr"; the last
            two need extras, ``sigmalloc[xarray]``.
        quantities : sequence of str

        Returns
        -------
        Path

        Raises
        ------
        ValueError
            If the ending is another one.
        """
        return tables.export(self, path, quantities)

    def __repr__(self) -> str:
        count = int(self.done.sum())
        lines = [f"<SweepResult in {self.store.path}: {count:,} of {self.specification.n_runs:,} runs done"]
        lines += ["  " + line for line in self.specification.describe()]
        if self.damaged:
            lines.append(f"  {len(self.damaged)} files are damaged or do not belong: {', '.join(self.damaged)}")
        return "\n".join(lines) + ">"

    def _cell_number(self, index: tuple[int, ...]) -> int:
        shape = self.specification.shape
        if len(index) != len(shape):
            raise ValueError(
                f"index must have one position for each of {len(shape)} dimensions, got {_checks.shown(index)}"
            )
        index = tuple(_checks.integer("index", position) for position in index)
        for position, length in zip(index, shape, strict=True):
            if not 0 <= position < length:
                raise ValueError(f"index must be within {shape}, got {_checks.shown(index)}")
        return int(np.ravel_multi_index(index, shape)) if shape else 0

    @functools.cached_property
    def _lookup(self) -> Lookup:
        return Lookup(self.specification)

    def _places(self, block: Block) -> Integers:
        """Numbers of a block's runs in this result's grid."""
        if block.generation.specification is self.specification:
            return block.runs
        return self._lookup.find(block.keys)

    def _array(self, name: str) -> npt.NDArray[Any]:
        if name not in self._arrays:
            self._arrays[name] = self._read(name)
        return self._arrays[name]

    def _read(self, name: str) -> npt.NDArray[Any]:
        checkpoints = (len(self.episodes),)
        tail, kind = {
            "steps": ((), np.int64), "training_cutoffs": ((), np.int64), "error": ((), np.int8),
            "stream": ((4,), np.uint64),
        }.get(name, (checkpoints, np.float64))  # fmt: skip
        whole = np.full((self.specification.n_runs, *tail), _MISSING[np.dtype(kind).kind], dtype=kind)
        for block in self._blocks:
            (part,) = self.store.read(block, (name,))
            if part.shape != (len(block.runs), *tail):
                raise DamagedBlock(block.name, f"has {name} of shape {part.shape}")
            whole[self._places(block)] = part
        return whole.reshape(*self.shape, *tail)

    def _checked_kept(self) -> list[int]:
        kept = self.specification.kept_restarts
        if not kept:
            raise ValueError("q̄ and σ were not kept: sweep with keep='all' or the numbers of restarts to keep")
        return kept

    def _kept(self, block: Block) -> Iterator[tuple[int, tuple[Floats, Floats]]]:
        """(run number, (q̄, σ)) of a block's runs whose memories were kept."""
        if not np.isin(block.runs % block.generation.specification.restarts, self.specification.kept_restarts).any():
            return
        rows, shapes, q, sigma = self.store.read(block, ("kept", "shape", "q", "sigma"))
        ends = np.cumsum(shapes.prod(axis=1))
        places = self._places(block)
        for row, shape, end in zip(rows, shapes, ends, strict=True):
            part = slice(end - shape.prod(), end)
            yield int(places[row]), (q[part].reshape(shape), sigma[part].reshape(shape))

    @functools.cached_property
    def table_shapes(self) -> set[tuple[int, int]]:
        """(states, actions) of the tasks of all cells, a set."""
        return {(task.n_states, task.n_actions) for task in map(self._task, set(self.specification.tasks))}

    @functools.cached_property
    def _memories(self) -> tuple[Floats, Floats]:
        kept, shapes = self._checked_kept(), self.table_shapes
        if len(shapes) > 1:
            raise ValueError("the cells' tasks have tables of several shapes: take them cell by cell, with memories()")
        q, sigma = np.full((2, self.specification.n_cells, len(kept), *min(shapes)), np.nan)
        place_of = {restart: place for place, restart in enumerate(kept)}
        for block in self._blocks:
            for run, kept_tables in self._kept(block):
                cell, restart = divmod(run, self.restarts)
                q[cell, place_of[restart]], sigma[cell, place_of[restart]] = kept_tables
        return tuple(table.reshape(*self.specification.shape, *table.shape[1:]) for table in (q, sigma))

    def _task(self, digest: str) -> Task:
        return self.store.task(digest).task


def checked_checkpoint(result: SweepResult, checkpoint: Any) -> int:
    """A position among the episodes of evaluation; negative ones count from the end."""
    count = len(result.episodes)
    return _checks.integer("checkpoint", checkpoint, low=-count, high=count - 1)


def open_result(store: Store, specification: Specification | None = None, whole: bool = False) -> SweepResult:
    """The result of a store, for its last specification or another one with the same runs; ``whole`` reads every block
    to its end, to find out whether it is damaged."""
    generations, done, bad = store.survey(lambda number: whole)
    warn_about(bad, "it is not used")
    return SweepResult(store, specification or generations[-1].specification, list(done.values()), bad)
