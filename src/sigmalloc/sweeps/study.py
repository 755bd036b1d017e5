"""Studies: sweeps written down in TOML files, checked whole before anything starts.

::

    seed = 0
    restarts = 10
    episodes = 20_000
    evaluate_every = 1000
    store = "budgets"               # beside this file, unless the command line says otherwise

    [task]
    name = "planning"               # or "grid-world", "mountain-car"
    known_last_move = true          # any other argument of the task

    [agent]
    preset = "table_b1"             # or "scripts": the published values for the task
    gradient = "best_path"          # any other field of the agent

    [grid]
    mode = "product"                # or "zip"
    lam = [0.5, 1, 2]
    search_budget = { linspace = [12.5, 100, 8] }
    task.moves = [3, 4]

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
from ..tasks.registry import TASKS

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
    for key in study:
        if key not in _TOP:
            raise ValueError(f"{path}: unknown key {key!r}; the keys are {', '.join(_TOP)}")
    for key, required in _TOP.items():
        if required and key not in study:
            raise ValueError(f"{path}: {key} is missing")
    for key in ("task", "agent", "grid"):
        if not isinstance(study.get(key, {}), dict):
            raise ValueError(f"{path}: [{key}] must be a table")
    task = dict(study.pop("task"))
    if "name" not in task:
        raise ValueError(f"{path}: [task] has no name")
    name = _checks.choice(f"{path}: [task] name", task.pop("name"), tuple(TASKS))
    fields = dict(study.pop("agent", {}))
    preset = _checks.choice(f"{path}: [agent] preset", fields.pop("preset", "table_b1"), tuple(PRESETS))
    if isinstance(fields.get("q_init"), list):
        fields["q_init"] = tuple(fields["q_init"])
    try:
        agent = PRESETS[preset](TASKS[name].preset, **fields)
    except ValueError as error:
        raise ValueError(f"{path}: [agent] {error}") from error
    grid = dict(study.pop("grid"))
    arguments = study | {"task": name, "agent": agent, "task_arguments": task, "mode": grid.pop("mode", "product")}
    if "store" in arguments:
        if not isinstance(arguments["store"], str) or not arguments["store"]:
            raise ValueError(f"{path}: store must be a string, got {arguments['store']!r}")
        arguments["store"] = os.path.join(os.path.dirname(path), os.path.expanduser(arguments["store"]))
    return arguments | {"grid": grid}
