"""Tasks by name: what the command line, sweeps and the paper can ask for.

A name is one of those below, the id of a Gymnasium environment ("FrozenLake8x8-v1", or "frozen-lake" for the newest
FrozenLake), or ``module:function`` for a function that returns a task.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from .. import _checks
from .base import Task

GYMNASIUM = {"frozen-lake": "FrozenLake", "cliff-walking": "CliffWalking", "taxi": "Taxi"}
_GYMNASIUM_ID = re.compile(r"(?:[\w.-]+[:/])*[\w.-]+-v\d+")
_OWN = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


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
        """Arguments that can be given by name, but those of ``**keywords``."""
        known = inspect.signature(self.make).parameters
        return {name: one for name, one in known.items() if one.kind not in (one.VAR_KEYWORD, one.VAR_POSITIONAL)}

    @property
    def open(self) -> bool:
        """Whether it takes other arguments, too, and checks them itself."""
        return any(one.kind is one.VAR_KEYWORD for one in inspect.signature(self.make).parameters.values())


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
    """What is known of a task, by its name.

    Raises
    ------
    ValueError
        If there is no such task, module or function.
    """
    name = _checks.text("task", name)
    found = TASKS.get(name.replace("_", "-"))
    if found is not None:
        return found
    if name in GYMNASIUM or (_GYMNASIUM_ID.fullmatch(name) and not _OWN.fullmatch(name)):
        return Entry(name, functools.partial(_from_gymnasium, name), "grid-world", 5000)
    if _OWN.fullmatch(name):
        return Entry(name, _own(name), "grid-world", 5000)
    raise ValueError(
        f"{_checks.unknown(name, (*TASKS, *GYMNASIUM), 'task')}; the id of a Gymnasium environment such as "
        "'FrozenLake8x8-v1', or 'module:function' for a function that returns a task"
    )


def _from_gymnasium(name: str, **keywords: Any) -> Task:
    from .gymnasium import from_gymnasium, newest_gymnasium_id

    return from_gymnasium(newest_gymnasium_id(GYMNASIUM[name]) if name in GYMNASIUM else name, **keywords)


def _own(name: str) -> Callable[..., Task]:
    """The function that ``module:function`` names."""
    module, _, attribute = name.partition(":")
    try:
        make = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):  # what it imports itself is missing
            raise
        raise ValueError(f"task {name!r}: there is no module {error.name!r}") from None
    except AttributeError:
        raise ValueError(f"task {name!r}: the module {module!r} has no {attribute!r}") from None
    if not callable(make):
        raise ValueError(
            f"task {name!r}: {attribute!r} must be a function that returns a task, not {_checks.shown(make)}"
        )
    return make  # type: ignore[no-any-return]


def checked_arguments(maker: Callable[..., Task], arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a function that makes a task, if it has them all."""
    known = inspect.signature(maker).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
        _checks.only(arguments, known, "task argument")
    return arguments


@contextlib.contextmanager
def importing_from(folder: str) -> Iterator[None]:
    """Modules are also looked for in a folder, after all others."""
    sys.path.append(folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
