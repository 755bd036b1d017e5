"""What a sweep gives back: arrays over the grid, read from the store when they are first asked for."""

import functools

import numpy as np

from .. import _checks
from .generations import Lookup
from .store import DamagedBlock, warn_about

QUANTITIES = ("reward", "value", "cost", "objective", "cutoffs")
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

    def __init__(self, store, specification, blocks, damaged):
        self.store, self.specification, self.damaged = store, specification, damaged
        self._blocks, self._arrays = blocks, {}

    @property
    def axes(self):
        """Values of each axis: dict of {str: list}."""
        return self.specification.axes

    @property
    def shape(self):
        """Shape of arrays without checkpoints: (grid axes…, restart)."""
        return (*self.specification.shape, self.specification.restarts)

    @property
    def episodes(self):
        """Episodes completed at each checkpoint, shape (checkpoints,)."""
        return self.specification.checkpoints

    @property
    def restarts(self):
        return self.specification.restarts

    @property
    def seed(self):
        return self.specification.seed

    @property
    def n_blocks(self):
        """Blocks that are done."""
        return len(self._blocks)

    @functools.cached_property
    def done(self):
        """Mask of the runs that are done, shape (grid axes…, restart)."""
        done = np.zeros(self.specification.n_runs, dtype=bool)
        for block in self._blocks:
            done[self._places(block)] = True
        return done.reshape(self.shape)

    @property
    def complete(self):
        return bool(self.done.all())

    @property
    def reward(self):
        """Mean undiscounted return, in units of reward, shape (grid axes…, restart, checkpoint)."""
        return self._array("reward")

    @property
    def value(self):
        """Mean discounted return (per unit of time with a reward rate), same shape."""
        return self._array("value")

    @property
    def cost(self):
        """λ times the divergence, in units of reward, same shape."""
        return self._array("cost")

    @property
    def objective(self):
        """value − cost, same shape."""
        return self.value - self.cost

    @property
    def cutoffs(self):
        """Evaluation episodes cut off by the step limit, same shape."""
        return self._array("cutoffs")

    @property
    def steps(self):
        """Environment steps taken in training, int, shape (grid axes…, restart)."""
        return self._array("steps")

    @property
    def training_cutoffs(self):
        """Learning episodes cut off by the step limit, int, shape (grid axes…, restart)."""
        return self._array("training_cutoffs")

    @property
    def error(self):
        """1 (2) where q̄ (σ) was no longer finite, 0 where all is well, shape (grid axes…, restart)."""
        return self._array("error")

    @property
    def stream(self):
        """Final state of each run's random stream (SFC64), uint64, shape (grid axes…, restart, 4)."""
        return self._array("stream")

    @property
    def q(self):
        """Final q̄ of the restarts that were kept, shape (grid axes…, kept restart, states, actions).

        Raises
        ------
        ValueError
            If none were kept, or the cells' tasks have tables of several shapes (see `memories`).
        """
        return self._memories[0]

    @property
    def sigma(self):
        """Final σ, as `q`."""
        return self._memories[1]

    def cell(self, *index):
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

    def memories(self, *index):
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

    def select(self, quantity="objective", checkpoint=None, **at):
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
        if quantity not in QUANTITIES:
            raise ValueError(f"quantity must be one of {', '.join(map(repr, QUANTITIES))}, got {quantity!r}")
        values = getattr(self, quantity)
        if not values.shape[-1]:
            raise ValueError(f"{quantity}: nothing was evaluated; sweep with evaluate_every")
        if checkpoint is not None:
            values = values[..., checked_checkpoint(self, checkpoint)]
        if self.specification.mode == "zip" and at:
            raise ValueError("axes cannot be fixed in zip mode: take the cell's number from axes")
        for name in at:
            if name not in self.axes:
                raise ValueError(f"unknown axis {name!r}; the axes are {', '.join(self.axes) or 'none'}")
        index = []
        for name, entries in self.axes.items():
            if name not in at:
                index.append(slice(None))
                continue
            value = list(at[name]) if isinstance(at[name], tuple) else at[name]
            if value not in entries:
                raise ValueError(f"{name} has no value {at[name]!r}; it has {', '.join(map(str, entries))}")
            index.append(entries.index(value))
        return values[tuple(index)] if index else values

    def to_records(self, checkpoints="last"):
        """One row a run, as a NumPy structured array; see `to_frame`."""
        from . import tables

        return tables.to_records(self, checkpoints)

    def to_frame(self, checkpoints="last"):
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
        from . import tables

        return tables.to_frame(self, checkpoints)

    def to_xarray(self, quantities=QUANTITIES):
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
        from . import tables

        return tables.to_xarray(self, quantities)

    def export(self, path, quantities=QUANTITIES):
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
        from . import tables

        return tables.export(self, path, quantities)

    def __repr__(self):
        count = int(self.done.sum())
        lines = [f"<SweepResult in {self.store.path}: {count:,} of {self.specification.n_runs:,} runs done"]
        lines += ["  " + line for line in self.specification.describe()]
        if self.damaged:
            lines.append(f"  {len(self.damaged)} files are damaged or do not belong: {', '.join(self.damaged)}")
        return "\n".join(lines) + ">"

    def _cell_number(self, index):
        shape = self.specification.shape
        if len(index) != len(shape):
            raise ValueError(f"index must have one position for each of {len(shape)} dimensions, got {index!r}")
        index = tuple(_checks.integer("index", position) for position in index)
        for position, length in zip(index, shape, strict=True):
            if not 0 <= position < length:
                raise ValueError(f"index must be within {shape}, got {index!r}")
        return int(np.ravel_multi_index(index, shape)) if shape else 0

    @functools.cached_property
    def _lookup(self):
        return Lookup(self.specification)

    def _places(self, block):
        """Numbers of a block's runs in this result's grid."""
        if block.generation.specification is self.specification:
            return block.runs
        return self._lookup.find(block.keys)

    def _array(self, name):
        if name not in self._arrays:
            self._arrays[name] = self._read(name)
        return self._arrays[name]

    def _read(self, name):
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

    def _checked_kept(self):
        kept = self.specification.kept_restarts
        if not kept:
            raise ValueError("q̄ and σ were not kept: sweep with keep='all' or the numbers of restarts to keep")
        return kept

    def _kept(self, block):
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
    def table_shapes(self):
        """(states, actions) of the tasks of all cells, a set."""
        return {(task.n_states, task.n_actions) for task in map(self._task, set(self.specification.tasks))}

    @functools.cached_property
    def _memories(self):
        kept, shapes = self._checked_kept(), self.table_shapes
        if len(shapes) > 1:
            raise ValueError("the cells' tasks have tables of several shapes: take them cell by cell, with memories()")
        q, sigma = np.full((2, self.specification.n_cells, len(kept), *min(shapes)), np.nan)
        place_of = {restart: place for place, restart in enumerate(kept)}
        for block in self._blocks:
            for run, tables in self._kept(block):
                cell, restart = divmod(run, self.restarts)
                q[cell, place_of[restart]], sigma[cell, place_of[restart]] = tables
        return tuple(table.reshape(*self.specification.shape, *table.shape[1:]) for table in (q, sigma))

    def _task(self, digest):
        return self.store.task(digest).task


def checked_checkpoint(result, checkpoint):
    """A position among the episodes of evaluation; negative ones count from the end."""
    count = len(result.episodes)
    return _checks.integer("checkpoint", checkpoint, low=-count, high=count - 1)


def open_result(store, specification=None, whole=False):
    """The result of a store, for its last specification or another one with the same runs; ``whole`` reads every block
    to its end, to find out whether it is damaged."""
    generations, done, bad = store.survey(lambda number: whole)
    warn_about(bad, "it is not used")
    return SweepResult(store, specification or generations[-1].specification, list(done.values()), bad)
