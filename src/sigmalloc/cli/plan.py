"""What a command was asked to run, by its options or by the configuration of an earlier run."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import _checks, _kernel
from .._io import files
from ..agents import FIELDS, LATER, Agent
from ..runs import engine
from ..runs.arguments import checked_seed
from ..runs.result import Result, versions
from ..tasks.base import Task
from . import options
from .parser import flag, say

RUNS = (
    "episodes", "restarts", "seed", "evaluate_every", "evaluation_episodes", "evaluation_policy", "snapshots",
    "estimator", "workers",
)  # fmt: skip
_KEPT = tuple(name for name in RUNS if name != "workers")  # in the configuration


@dataclass(frozen=True)
class Plan:
    """A task, an agent and how it is trained.

    Attributes
    ----------
    name : str
        What the task was asked for by.
    arguments : dict
        Of the task.
    task : Task
    agent : Agent
    runs : dict
        Arguments of `train`; the seed is among them.
    """

    name: str
    arguments: dict[str, Any]
    task: Task
    agent: Agent
    runs: dict[str, Any]

    @classmethod
    def asked(cls, given: Mapping[str, Any], alone: Collection[str]) -> Plan:
        """What the options ask for.

        Parameters
        ----------
        given : dict
            Those that were given.
        alone : collection of str
            Those that may go with ``--config``.

        Raises
        ------
        ValueError
            If there is no task, or an option is not valid.
        """
        if "config" in given:
            for name in given:
                if name not in alone:
                    said = "TASK" if name == "task" else flag(name)
                    raise ValueError(f"--config repeats a run as it was: {said} cannot go with it")
            plan = cls.of_file(given["config"])
            return plan if "workers" not in given else cls(**{**vars(plan), "runs": plan.runs | _workers(given)})
        if "task" not in given:
            raise ValueError("TASK is missing: give the name of a task, or --config FILE")
        arguments = options.asked_arguments(given)
        known = options.known_task(given["task"])
        episodes = _checks.integer("--episodes", given.get("episodes", known.episodes), low=1)
        runs: dict[str, Any] = {"episodes": episodes, "evaluate_every": max(1, episodes // 50)}
        runs |= {name: given[name] for name in RUNS if name in given}
        runs["seed"] = checked_seed(runs.get("seed"))
        task = options.made_task(given["task"], arguments)
        return cls(given["task"], arguments, task, options.made_agent(given), runs)

    @classmethod
    def of_file(cls, path: Path) -> Plan:
        """What the configuration of an earlier run says.

        Raises
        ------
        ValueError
            If it is not one, or its task is another one today.
        """
        path = Path(files.checked_path("--config", path))
        try:
            found = json.loads(files.read(path))
        except (OSError, ValueError, RecursionError) as error:
            raise ValueError(f"--config: cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
        try:
            asked, fields = found["task"], dict(found["agent"])
            name, arguments, digest = asked["asked"], asked["arguments"], asked["digest"]
            runs = {name: found[name] for name in _KEPT}
            fields = {name: fields[name] for name in FIELDS if name not in LATER or name in fields}
            made_by = dict(found["versions"])
            if not isinstance(arguments, dict):
                raise TypeError("a table of arguments")
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"--config: {path} is not the configuration of a run: it lacks {error}") from error
        _checks.only(found["agent"], FIELDS, "agent field")
        task = options.made_task(name, arguments)
        if task.digest() != digest:
            raise ValueError(
                f"--config: the task {name!r} is not the one it was when {path} was written (by {_listed(made_by)})"
            )
        if made_by != versions():
            say(f"note: the run was made by {_listed(made_by)}; these are {_listed(versions())}")
        return cls(name, arguments, task, Agent(**fields), runs)

    @property
    def folder(self) -> str:
        """The task's name as a folder's."""
        return re.sub(r"[^\w.-]+", "-", self.name)

    def configuration(self, result: Result) -> dict[str, Any]:
        """All that is needed to repeat the run."""
        runs = {
            "seed": result.seed, "restarts": result.restarts, "episodes": result.training_episodes,
            "evaluate_every": int(result.episodes[0]), "evaluation_episodes": result.evaluation_episodes,
            "evaluation_policy": result.evaluation_policy, "snapshots": result.snapshot_episodes.tolist(),
            "estimator": result.estimator,
        }  # fmt: skip
        return {
            "task": {
                "asked": self.name, "arguments": self.arguments, "digest": self.task.digest(), "name": self.task.name,
                "step_limit": self.task.step_limit, "changes": [episode for episode, _ in self.task.changes],
            },
            "agent": result.agent.to_dict(),
            **runs,
            "versions": result.versions,
            "kernel": _kernel.NAME,
            "machine": platform.platform(),
            "processors": engine.usable_processors(),
        }  # fmt: skip


def _workers(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"workers": given["workers"]}


def _listed(found: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in found.items())
