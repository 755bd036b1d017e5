"""Sweeps: many runs over a grid of parameters, on one machine or many, and none lost.

::

    result = sm.sweep(
        "planning", sm.Agent.table_b1("planning"),
        grid={"lam": [0.5, 1, 2], "search_budget": {"linspace": [12.5, 100, 8]}, "task.moves": [3, 4]},
        restarts=10, episodes=20_000, evaluate_every=1000, seed=0, store="budgets",
    )
    result.objective                     # (lam, search_budget, task.moves, restart, checkpoint)

**Identity.** A *cell* is one combination of the grid's values, a *run* is one restart of a cell. Every run is, bit for
bit, what `sigmalloc.train` gives for its task, agent, seed and restart. Its place in the grid, the block it is computed
in and the engine that computes it do not matter. Hence all cells share their noise: restart r draws the same random
stream in every cell (common random numbers), which makes differences between cells less noisy, and which means that
cells are *not* independent samples: compare them restart by restart.

**Engines.** The default is threads on this machine. ``executor=`` takes any `concurrent.futures.Executor`, or a
function of no arguments that makes one (then a pool that breaks is replaced)::

    sm.sweep(..., executor=lambda: ProcessPoolExecutor(8))
    sm.sweep(..., executor=Client("tcp://scheduler:8786").get_executor())       # Dask: pip install sigmalloc[dask]

Workers write their own blocks, so all machines must see the store's folder under the same path. Several sweeps may
work on one store at once, and ``shard=(i, n)`` computes every n-th block only, for job arrays. With SLURM::

    #!/bin/bash
    #SBATCH --array=0-63 --cpus-per-task=8 --time=04:00:00 --requeue
    srun sigmalloc sweep study.toml --store /scratch/$USER/study --workers 8 --shard $SLURM_ARRAY_TASK_ID/64

Shards are counted from 0. A job that is killed loses the blocks it was working on and nothing else: submit the array
again (or run ``sigmalloc sweep study.toml --store ...`` once, without ``--shard``) to compute what is missing, and look
with ``sigmalloc status DIR``. Give the study a ``seed`` before sharding it, so that every job asks for the same sweep.

**Store.** A folder of plain files; whatever is in it was written to a temporary file, flushed to disk and renamed::

    manifest.json             what is computed: agent, axes, restarts, episodes, evaluation, seed, versions, block size
    manifest-0001.json, ...   the same for each time that the grid grew
    tasks/<hash>.npz          each task, as arrays, named by the hash of its content
    blocks/<generation>-<number>-<hash>.npz    the results of consecutive runs

A block is an archive for ``numpy.load(file, allow_pickle=False)``, one row a run: ``keys`` (runs, 16) uint8 tell which
runs they are; ``reward, value, cost, cutoffs, time, time_cost, effort, search_budgets`` (runs, checkpoints);
``steps, training_cutoffs, error`` (runs,); ``stream`` (runs, 4), the final random states; and, where q̄ and σ are
kept, ``kept`` (rows that have them), ``shape`` (kept, 2) and ``q``, ``sigma``, which hold those tables one after the
other. ``error`` is 1 (2, 4, 5) if q̄ (σ, effort, the search budget) of a run was no longer finite; evaluations it did
not reach are NaN. The comment of each member of the archive is the BLAKE2b of its array. Opening a store reads the keys
of each block; a sweep reads its blocks to the end, and makes damaged ones (and tasks) again. `SweepResult` refuses to
read what is damaged, by name.

A *generation* is the runs that a manifest adds to the manifests before it. In order of task, cell and restart they are
cut into blocks of the size that the manifest records, so which runs are in which block never depends on what has been
done already, on the engine or on who asks, and everybody gives a block the same name, which ends with the hash of its
keys. A block that exists is done; nothing else records state. A grid that grows adds a manifest with a generation
of its own and leaves every block as it is. Blocks are a few seconds of work, but at least 1/4000 of a generation, so
that a million runs make thousands of files at most.

A run's key is the sum, modulo 2^64 in each half, of 128-bit hashes of every (field, value) pair that its bits depend
on: the task's arrays, each field of the agent, the seed, the restart, and the episodes and evaluations asked for. Being
a sum, it does not depend on what is an axis, and the keys of a million runs take a fraction of a second.
"""

import importlib
from typing import TYPE_CHECKING, Any

from .entry import open_sweep, sweep
from .results import SweepResult
from .study import read_study

if TYPE_CHECKING:
    from .plots import plot_curves, plot_heatmap, plot_parameter

__all__ = [
    "SweepResult", "open_sweep", "plot_curves", "plot_heatmap", "plot_parameter", "read_study", "sweep",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in __all__:  # what needs matplotlib is imported when it is first used
        return getattr(importlib.import_module(".plots", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
