"""Tasks as a store keeps them: found by name, hashed by content, written as arrays."""

import functools
import hashlib
import inspect
import json
import os
from dataclasses import dataclass

import numpy as np

from .. import tasks
from .._io import archive, files
from ..runs.result import _packed_task, _unpacked_task
from ..tasks import MountainCar
from ..tasks.tabular import TabularMDP

BY_NAME = {"grid-world": tasks.grid_world, "mountain-car": tasks.mountain_car, "planning": tasks.planning}
_HASHED = ("next_state", "reward", "probability", "start", "terminal", "action_counts", "known_q", "known_sigma")


@dataclass(frozen=True, eq=False)
class Problem:
    """A task and, where they are given, the q̄ and σ (states, actions) that runs start from."""

    task: TabularMDP | MountainCar
    q: np.ndarray | None = None
    sigma: np.ndarray | None = None

    @functools.cached_property
    def digest(self):
        """Hash of everything here that the bits of a run depend on: not of names."""
        hashed = hashlib.blake2b(digest_size=16)
        if isinstance(self.task, MountainCar):
            _feed(hashed, "mountain-car", self.task.start, self.task.step_limit)
        else:
            for begin, variant in ((0, self.task), *self.task.changes):
                _feed(hashed, begin, variant.step_limit, variant.horizon, *(getattr(variant, name) for name in _HASHED))
        _feed(hashed, self.q, self.sigma)
        return hashed.hexdigest()


def _feed(hashed, *values):
    for value in values:
        if isinstance(value, np.ndarray):
            kind = "f" if value.dtype.kind == "f" else "i"
            hashed.update(f"{kind}{value.shape}".encode())
            hashed.update(np.ascontiguousarray(value, dtype="<f8" if kind == "f" else "<i8").data)
        else:
            hashed.update(f"{value!r};".encode())


def maker(task, arguments):
    """What makes the task from arguments, its name, and the arguments that are the same for all cells.

    ``task`` is a task, the name of one of `sigmalloc.tasks`, or a function that returns a task.
    """
    if isinstance(task, (TabularMDP, MountainCar)):
        if arguments:
            raise ValueError(
                f"grid: {arguments[0]} needs a task that can be made from arguments: give its name "
                f"({', '.join(map(repr, BY_NAME))}) or a function that returns it, not {task!r}"
            )
        return lambda: task
    make = task
    if isinstance(task, str):
        make = BY_NAME.get(task.replace("_", "-"))
        if make is None:
            raise ValueError(f"task must be one of {', '.join(map(repr, BY_NAME))}, a task or a function, got {task!r}")
    if not callable(make):
        raise ValueError(f"task must be a task, the name of one, or a function that returns one, got {task!r}")
    check_arguments(make, arguments)
    return make


def check_arguments(make, arguments):
    """Raise a ValueError for an axis ``task.x`` where the task has no argument x."""
    known = inspect.signature(make).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
        return
    for name in arguments:
        if name.removeprefix("task.") not in known:
            raise ValueError(f"unknown {name}: the task's arguments are {', '.join(known) or 'none'}")


def save(folder, problem):
    """Write a problem into a store, unless it is there."""
    path = os.path.join(folder, problem.digest + ".npz")
    if os.path.exists(path):
        return
    facts, arrays = _packed_task(problem.task)
    given = {name: table for name in ("q", "sigma") if (table := getattr(problem, name)) is not None}
    files.write(path, lambda file: np.savez(
        file, facts=np.array(json.dumps(facts)), **arrays, **{f"initial_{name}": table for name, table in given.items()}
    ))  # fmt: skip


@functools.lru_cache(maxsize=64)
def load(folder, digest):
    """Read a problem from a store and check that it is the one it should be.

    Raises
    ------
    ValueError
        Naming the file, if it is damaged or another task.
    """
    path = os.path.join(folder, digest + ".npz")
    try:
        arrays = archive.load(path)
        task = _unpacked_task(json.loads(str(arrays.pop("facts"))), arrays)
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: run the sweep again to have it written") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a readable task: {error}; delete it and run the sweep again") from error
    problem = Problem(task, arrays.get("initial_q"), arrays.get("initial_sigma"))
    if problem.digest != digest:
        raise ValueError(f"{path} is another task than its name says; delete it and run the sweep again")
    return problem
