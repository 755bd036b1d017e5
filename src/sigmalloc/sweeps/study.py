"""Studies: sweeps written down in TOML files, checked whole before anything starts.

::

    seed = 0
    restarts = 10
    episodes = 20_000
    evaluate_every = 1000
    store = "budgets"               # beside this file, unless the command line says otherwise

    [task]
    name = "planning"               # a name of sigmalloc.tasks, or the id of a Gymnasium environment
    known_last_move = true          # any other argument of the task, or keyword of the environment

    [agent]
    preset = "table_b1"             # or "scripts": the published values for the task
    gradient = "best_path"          # any other field of the agent

    [grid]
    mode = "product"                # or "zip"
    lam = [0.5, 1, 2]
    search_budget = { linspace = [12.5, 100, 8] }
    task.moves = [3, 4]

A task without arguments may be a line at the top: ``task = "FrozenLake8x8-v1"``, or ``task = "my_module:make_task"``
for a function of your own that returns a task; as the name in ``[task]``, it may have arguments, too. The module is
looked for beside the study.

Further keys at the top are those of `sweep`: ``evaluation_episodes``, ``evaluation_policy``, ``keep``, ``block_size``.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from typing import Any

from .. import _checks
from .._io import files
from ..agents import Agent
from ..tasks.base import Task
from ..tasks.registry import entry, importing_from

PRESETS: dict[str, Callable[..., Agent]] = {"table_b1": Agent.table_b1, "scripts": Agent.scripts}
_TOP = {
    "episodes": True, "restarts": False, "seed": False, "evaluate_every": False, "evaluation_episodes": False,
    "evaluation_policy": False, "keep": False, "block_size": False, "store": False, "task": True, "agent": False,
    "grid": True,
}  # fmt: skip


def read_study(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The arguments of `sweep` that a TOML file asks for.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict
        Keyword arguments of `sweep`; ``store`` is there if the file names one, relative to the file.

    Raises
    ------
    ValueError
        If the file is not TOML, a key is unknown or missing, or a table is not one. (Values are checked by `sweep`,
        all of them before anything runs.)
    """
    path = files.checked_path("study", path)
    try:
        content = files.read(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    try:
        study = tomllib.loads(content.decode("utf-8-sig"))  # editors put a byte-order mark before UTF-8
    except RecursionError as error:
        raise ValueError(f"{path} is not a TOML file that can be read: it is nested too deeply") from error
    except (ValueError, MemoryError) as error:
        raise ValueError(f"{path} is not a TOML file: {error}") from error
    try:
        _checks.only(study, _TOP, "key")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    for key, required in _TOP.items():
        if required and key not in study:
            raise ValueError(f"{path}: {key} is missing")
    if isinstance(study["task"], str):
        study["task"] = {"name": study["task"]}
    for key in ("task", "agent", "grid"):
        if not isinstance(study.get(key, {}), dict):
            raise ValueError(f"{path}: [{key}] must be a table")
    task = dict(study.pop("task"))
    if "name" not in task:
        raise ValueError(f"{path}: [task] has no name")
    named, preset_task = _named(path, task.pop("name"))
    fields = dict(study.pop("agent", {}))
    preset = _checks.choice(f"{path}: [agent] preset", fields.pop("preset", "table_b1"), tuple(PRESETS))
    if isinstance(fields.get("q_init"), list):
        fields["q_init"] = tuple(fields["q_init"])
    try:
        agent = PRESETS[preset](preset_task, **fields)
    except ValueError as error:
        raise ValueError(f"{path}: [agent] {error}") from error
    grid = dict(study.pop("grid"))
    arguments = study | {"task": named, "agent": agent, "task_arguments": task, "mode": grid.pop("mode", "product")}
    if "store" in arguments:
        if not isinstance(arguments["store"], str) or not arguments["store"]:
            raise ValueError(f"{path}: store must be a string, got {_checks.shown(arguments['store'])}")
        arguments["store"] = os.path.join(os.path.dirname(path), os.path.expanduser(arguments["store"]))
    return arguments | {"grid": grid}


def _named(path: str, name: object) -> tuple[str | Callable[..., Task], str]:
    """What makes the task of a name, as `sweep` takes it, and which published values go with it."""
    try:
        with importing_from(os.path.dirname(os.path.abspath(path))):
            known = entry(_checks.text("name", name))
    except ValueError as error:
        raise ValueError(f"{path}: [task] name: {error}") from error
    return (known.make if ":" in known.name else known.name), known.preset
