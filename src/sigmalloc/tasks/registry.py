"""Tasks by name: what the command line, sweeps and the paper can ask for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from .base import Task


@dataclass(frozen=True)
class Entry:
    """A task that can be asked for by name.

    Attributes
    ----------
    name : str
    make : callable
        Makes it from arguments that have defaults.
    preset : str
        Which of the agents' published parameters go with it.
    episodes : int
        Learning episodes that a run has by default.
    """

    name: str
    make: Callable[..., Task]
    preset: str
    episodes: int

    @property
    def arguments(self) -> dict[str, inspect.Parameter]:
        """Arguments that can be given by name."""
        return dict(inspect.signature(self.make).parameters)


TASKS: dict[str, Entry] = {}
Maker = TypeVar("Maker", bound=Callable[..., Task])


def register(name: str, *, preset: str | None = None, episodes: int = 5000) -> Callable[[Maker], Maker]:
    """Make a function that returns a task known by a name."""

    def known(make: Maker) -> Maker:
        if name in TASKS and TASKS[name].make.__module__ != make.__module__:
            raise ValueError(f"there is a task {name!r} already, in {TASKS[name].make.__module__}")
        TASKS[name] = Entry(name, make, preset or name, episodes)
        return make

    return known


def make(name: str, **arguments: Any) -> Task:
    """The task of a name.

    Parameters
    ----------
    name : str
        With "-" or "_".
    **arguments
        Of its function.

    Raises
    ------
    ValueError
        If there is no such task, or it has no such argument.
    """
    return entry(name).make(**checked_arguments(entry(name).make, arguments))


def entry(name: str) -> Entry:
    """What is known of a task, by its name."""
    found = TASKS.get(name.replace("_", "-"))
    if found is None:
        raise ValueError(f"task must be one of {', '.join(map(repr, TASKS))}, got {name!r}")
    return found


def checked_arguments(maker: Callable[..., Task], arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a function that makes a task, if it has them all."""
    known = inspect.signature(maker).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
        for name in arguments:
            if name not in known:
                raise ValueError(f"unknown task.{name}: the task's arguments are {', '.join(known) or 'none'}")
    return arguments
