"""Options of the commands that run an agent on a task: fields of the agent, arguments of the tasks and of the runs."""

from __future__ import annotations

import argparse
import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any

from .. import _checks
from ..agents import FIELDS, Agent
from ..agents.presets import SCRIPTS, TABLE_B1
from ..runs.train import train
from ..tasks.base import Task
from ..tasks.registry import GYMNASIUM, TASKS, Entry, entry, importing_from, make
from .docstrings import parameters
from .parser import SCHEDULES, flag, option, pairs

TABLE: Callable[..., Agent] = Agent.table_b1
PUBLISHED: Callable[..., Agent] = Agent.scripts
PARAMETERS = {"table-b1": TABLE, "scripts": PUBLISHED}
RESERVED = {*FIELDS, "episodes", "restarts", "seed", "workers", "out"}  # not to be taken by arguments of tasks


def add_task(parser: argparse.ArgumentParser) -> None:
    """TASK, and an option for each argument of each task in the registry."""
    names = ", ".join([*TASKS, *GYMNASIUM])
    parser.add_argument(
        "task", metavar="TASK", nargs="?",
        help=f"{names}; the id of a Gymnasium environment with a P table, such as FrozenLake8x8-v1; or "
        "MODULE:FUNCTION, a function of your own that returns a task",
    )  # fmt: skip
    group = parser.add_argument_group(
        "the task",
        "Where X [X ...] is asked for, one JSON list, '[[0, 1], [1, 2]]', or the name\nof a .npy or .csv file will do.",
    )
    for name, users in task_options().items():
        spoken: dict[str, list[str]] = {}
        for user in users:
            default = TASKS[user].arguments[name].default
            said = parameters(TASKS[user].make)[name].help(None if default is None else _shown(default))
            spoken.setdefault(said, []).append(user)
        text = "; ".join(f"{', '.join(names)}: {said}" for said, names in spoken.items())
        parameter = parameters(TASKS[users[0]].make)[name]
        group.add_argument(flag(name), help=text.replace("%", "%%"), **option(parameter))
    group.add_argument(
        "--task-argument", action="append", metavar="NAME=VALUE",
        help="any other argument of the task, as JSON or text; repeatable: of Gymnasium's environment "
        "(is_slippery=false), or of a function of your own (default: none)",
    )  # fmt: skip


def task_options() -> dict[str, list[str]]:
    """Tasks that have an argument, by the arguments that can be options: those of one kind wherever they are."""
    users: dict[str, list[str]] = {}
    for name, known in TASKS.items():
        for argument in known.arguments:
            if argument not in RESERVED and argument in parameters(known.make):
                users.setdefault(argument, []).append(name)
    return {argument: names for argument, names in users.items() if len({_way(argument, one) for one in names}) == 1}


def _way(argument: str, task: str) -> str:
    return repr(option(parameters(TASKS[task].make)[argument]))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        return " ".join(map(_shown, value))
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)


def add_agent(parser: argparse.ArgumentParser) -> None:
    """An option for each field of the agent."""
    group = parser.add_argument_group("the agent", SCHEDULES)
    group.add_argument(
        "--parameters", choices=tuple(PARAMETERS),
        help="which published values the fields below have: Table B.1, or the authors' scripts (default: table-b1)",
    )  # fmt: skip
    for name, parameter in parameters(Agent).items():
        group.add_argument(flag(name), help=parameter.help(published(name)).replace("%", "%%"), **option(parameter))


def published(name: str) -> str | None:
    """Defaults of a field: the value of most tasks, and those of the others."""
    plain = Agent.table_b1()
    usual = getattr(plain, name)
    parts = []
    for preset in TABLE_B1:
        value = getattr(TABLE(preset), name)
        if value != usual:
            parts.append(f"{preset}: {_shown(value)}")
    for preset in SCRIPTS:
        value = getattr(PUBLISHED(preset), name)
        if value != getattr(TABLE(preset), name):
            parts.append(f"scripts, {preset}: {_shown(value)}")
    if usual is None and not parts:
        return None
    return "; ".join(["none" if usual is None else _shown(usual), *parts])


def add_runs(
    parser: argparse.ArgumentParser, called: Callable[..., Any], names: tuple[str, ...], defaults: Mapping[str, str]
) -> None:
    """Options for arguments of what is called.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    called : callable
        `train`, or what has arguments "as for `train`".
    names : tuple of str
        Which of its arguments.
    defaults : dict of str
        What holds if they are not given, where it is not what the function does.
    """
    group = parser.add_argument_group("runs")
    signature = inspect.signature(called).parameters
    for name in names:
        parameter = parameters(called)[name]
        if parameter.text.startswith("As for"):
            parameter = parameters(train)[name]
        default = defaults.get(name)
        if default is None and signature[name].default not in (None, inspect.Parameter.empty):
            default = "none" if signature[name].default == () else _shown(signature[name].default)
        group.add_argument(flag(name), help=parameter.help(default).replace("%", "%%"), **option(parameter))


def by_task(value: Callable[[Entry], Any]) -> str:
    """What differs between tasks, for a help text: the most frequent value first."""
    values = {name: value(known) for name, known in TASKS.items()}
    usual = max(values.values(), key=list(values.values()).count)
    return "; ".join([_shown(usual), *(f"{name}: {_shown(one)}" for name, one in values.items() if one != usual)])


def known_task(name: str) -> Entry:
    """What is known of a task; modules are looked for in the working folder, too."""
    with importing_from(os.getcwd()):
        return entry(name)


def made_task(name: str, arguments: Mapping[str, Any]) -> Task:
    """The task of a name and its arguments."""
    with importing_from(os.getcwd()):
        task = make(name, **arguments)
    if not isinstance(task, Task):
        raise ValueError(f"task {name!r} must return a task, got {_checks.shown(task)}")
    return task


def asked_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the task that the options name.

    Raises
    ------
    ValueError
        If the task has no such argument.
    """
    known = known_task(given["task"])
    options = {name: given[name] for name in task_options() if name in given}
    for name in options:
        if name not in known.arguments and not (known.open and name == "step_limit"):
            listed = ", ".join(flag(one) for one in known.arguments) or "none"
            raise ValueError(f"{flag(name)} is not an option of the task {given['task']!r}; it has {listed}")
    others = pairs(given.get("task_argument", ()), "--task-argument")
    for name in others:
        if name in options:
            raise ValueError(f"--task-argument: {name} is given twice")
        if name not in known.arguments and not known.open:
            raise _checks.unknown(name, known.arguments, "task argument")
    return options | others


def made_agent(given: Mapping[str, Any]) -> Agent:
    """The agent that the options ask for."""
    fields = {name: given[name] for name in FIELDS if name in given}
    return PARAMETERS[given.get("parameters", "table-b1")](known_task(given["task"]).preset, **fields)
