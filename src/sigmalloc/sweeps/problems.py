"""Tasks as a store keeps them: found by name, hashed by content, written as arrays."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._io import archive, files
from ..tasks.base import Task, unpack
from ..tasks.registry import TASKS, checked_arguments, entry


@dataclass(frozen=True, eq=False)
class Problem:
    """A task and, where they are given, the q̄ and σ (states, actions) that runs start from."""

    task: Task
    q: npt.NDArray[np.float64] | None = None
    sigma: npt.NDArray[np.float64] | None = None

    @functools.cached_property
    def digest(self) -> str:
        """Hash of everything here that the bits of a run depend on: not of names."""
        return self.task.digest(self.q, self.sigma)


def maker(task: Any, arguments: Sequence[str]) -> Callable[..., Task]:
    """What makes the task from arguments, its name, and the arguments that are the same for all cells.

    ``task`` is a task, the name of one of `sigmalloc.tasks`, or a function that returns a task.
    """
    if isinstance(task, Task):
        if arguments:
            raise ValueError(
                f"grid: {arguments[0]} needs a task that can be made from arguments: give its name "
                f"({', '.join(map(repr, TASKS))}) or a function that returns it, not {_checks.shown(task)}"
            )
        return lambda: task
    make = entry(task).make if isinstance(task, str) else task
    if not callable(make):
        raise ValueError(
            f"task must be a task, the name of one, or a function that returns one, got {_checks.shown(task)}"
        )
    checked_arguments(make, dict.fromkeys(name.removeprefix("task.") for name in arguments))
    return make


def save(folder: str, problem: Problem) -> None:
    """Write a problem into a store, unless it is there."""
    path = os.path.join(folder, problem.digest + ".npz")
    if files.exists(path):
        return
    facts, arrays = problem.task.pack()
    given = {name: table for name in ("q", "sigma") if (table := getattr(problem, name)) is not None}
    archive.save(path, facts, arrays | {f"initial_{name}": table for name, table in given.items()}, compress=False)


@functools.lru_cache(maxsize=64)
def load(folder: str, digest: str) -> Problem:
    """Read a problem from a store and check that it is the one it should be.

    Raises
    ------
    ValueError
        Naming the file, if it is damaged or another task.
    """
    path = os.path.join(folder, digest + ".npz")
    try:
        with archive.reading(path, "task") as file:
            arrays = {name: file.array(name) for name in file.names if name != archive.FACTS}
            task = unpack(file.facts, arrays)
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: run the sweep again to have it written") from None
    except ValueError as error:
        raise ValueError(f"{error}; delete it and run the sweep again") from error
    problem = Problem(task, arrays.get("initial_q"), arrays.get("initial_sigma"))
    if problem.digest != digest:
        raise ValueError(f"{path} is another task than its name says; delete it and run the sweep again")
    return problem
