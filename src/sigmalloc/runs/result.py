"""What training gives back, and how it is kept in a file."""

import json
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import __version__
from .._io import archive
from ..agents import Agent
from ..tasks import MountainCar, mountain_car
from ..tasks.tabular import TabularMDP

FORMAT = 1

_ARRAYS = (
    "q", "sigma", "episodes", "reward", "value", "cost", "cutoffs", "steps", "training_cutoffs", "snapshot_episodes",
    "snapshot_q", "snapshot_sigma", "stream",
)  # fmt: skip
_TASK_ARRAYS = ("next_state", "reward", "probability", "start", "terminal", "action_counts")


def versions():
    """Versions that a result depends on or that help to repeat it."""
    return {"sigmalloc": __version__, "numpy": np.__version__, "python": platform.python_version()}


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """Trained agents and their evaluations.

    Attributes
    ----------
    task : TabularMDP or MountainCar
    agent : Agent
    seed : int
    q, sigma : array of float, shape (restarts, states, actions)
        Final q̄ and σ, in units of reward. Where there is no memory q̄ is 0 and σ is σ_base, which is free.
    episodes : array of int, shape (checkpoints,)
        Episodes completed at each evaluation.
    reward, value, cost, objective : array of float, shape (restarts, checkpoints)
        Mean undiscounted return, mean discounted return (per unit of time with a reward rate), λ times the
        divergence, and value − cost, in units of reward.
    cutoffs : array of float, shape (restarts, checkpoints)
        Evaluation episodes cut off by the step limit, of ``evaluation_episodes``.
    steps, training_cutoffs : array of int, shape (restarts,)
        Environment steps taken in training (learning episodes and sampled trajectories), and learning episodes cut
        off by the step limit.
    training_episodes, evaluation_episodes : int
    evaluation_policy : str
    snapshot_episodes : array of int, shape (snapshots,)
    snapshot_q, snapshot_sigma : array of float, shape (restarts, snapshots, states, actions)
    stream : array of uint64, shape (restarts, 4)
        Final state of each run's random stream (SFC64).
    versions : dict of str
    """

    task: TabularMDP | MountainCar
    agent: Agent
    seed: int
    q: np.ndarray
    sigma: np.ndarray
    episodes: np.ndarray
    reward: np.ndarray
    value: np.ndarray
    cost: np.ndarray
    cutoffs: np.ndarray
    steps: np.ndarray
    training_cutoffs: np.ndarray
    training_episodes: int
    evaluation_episodes: int
    evaluation_policy: str
    snapshot_episodes: np.ndarray
    snapshot_q: np.ndarray
    snapshot_sigma: np.ndarray
    stream: np.ndarray
    versions: dict = field(default_factory=versions)

    @property
    def restarts(self):
        return len(self.q)

    @property
    def objective(self):
        return self.value - self.cost

    def __repr__(self):
        lines = [
            f"<Result: {self.task.name}, {self.restarts} runs × {self.training_episodes} episodes, seed {self.seed}",
        ]
        if self.episodes.size:
            lines.append(
                f"  after {self.episodes[-1]} episodes, mean ± SEM over runs ({self.evaluation_policy} policy):"
            )
            for name in ("reward", "cost", "objective"):
                lines.append(f"  {name:<9} {mean_and_sem(getattr(self, name)[:, -1])}")
            cut = int(self.cutoffs[:, -1].sum())
            lines.append(
                f"  {cut} of the last {self.evaluation_episodes * self.restarts} evaluation episodes were cut off by "
                f"the limit of {self.task.step_limit} steps"
            )
        else:
            lines.append("  not evaluated (evaluate_every was not given)")
        lines.append(
            f"  {int(self.training_cutoffs.sum())} of {self.training_episodes * self.restarts} learning episodes were "
            "cut off>"
        )
        return "\n".join(lines)

    def save(self, path):
        """Write the result to a file: a NumPy .npz archive, complete or not at all.

        Parameters
        ----------
        path : str or Path
            ".npz" is appended if it is missing.

        Returns
        -------
        Path
        """
        path = Path(path)
        if path.suffix != ".npz":
            path = path.with_name(path.name + ".npz")
        task_facts, arrays = _packed_task(self.task)
        arrays |= {name: getattr(self, name) for name in _ARRAYS}
        facts = {
            "format": FORMAT,
            "task": task_facts,
            "agent": self.agent.to_dict(),
            "seed": self.seed,
            "training_episodes": self.training_episodes,
            "evaluation_episodes": self.evaluation_episodes,
            "evaluation_policy": self.evaluation_policy,
            "versions": self.versions,
        }
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with open(part, "wb") as file:
                np.savez_compressed(file, facts=np.array(json.dumps(facts)), **arrays)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
        return path

    @classmethod
    def load(cls, path):
        """Read a result from a file; nothing in it is executed.

        Raises
        ------
        ValueError
            If the file is not a result of this format, or is damaged.
        """
        path = Path(path)
        try:
            arrays = archive.load(path)
            facts = json.loads(str(arrays.pop("facts")))
            if facts["format"] != FORMAT:
                raise ValueError(f"its format is {facts['format']!r}, not {FORMAT}")
            agent = facts["agent"]
            if isinstance(agent["q_init"], list):
                agent["q_init"] = tuple(agent["q_init"])
            task = _unpacked_task(facts["task"], arrays)
            fields = {name: arrays[name] for name in _ARRAYS}
            _check_shapes(task, fields)
            return cls(
                task=task,
                agent=Agent(**agent),
                **fields,
                **{
                    name: facts[name]
                    for name in ("seed", "training_episodes", "evaluation_episodes", "evaluation_policy", "versions")
                },
            )
        except (FileNotFoundError, PermissionError, IsADirectoryError, MemoryError):
            raise
        except Exception as error:  # a damaged archive makes its readers raise nearly anything
            raise ValueError(f"{path} is not a readable result: {error}") from error


def mean_and_sem(values):
    """ "mean ± standard error" over runs, for messages."""
    values = np.asarray(values)
    if len(values) < 2:
        return f"{values.mean():.3f}"
    return f"{values.mean():.3f} ± {values.std(ddof=1) / np.sqrt(len(values)):.3f}"


def _packed_task(task):
    if isinstance(task, MountainCar):
        return {"kind": "mountain-car", "start": task.start, "step_limit": task.step_limit}, {}
    facts, arrays = {"kind": "tabular", "change_at": [episode for episode, _ in task.changes], "variants": []}, {}
    for number, variant in enumerate(task.variants):
        facts["variants"].append(
            {name: getattr(variant, name) for name in (
                "name", "step_limit", "horizon", "layout", "action_names", "state_names"
            )}
        )  # fmt: skip
        for name in _TASK_ARRAYS:
            arrays[f"task{number}_{name}"] = getattr(variant, name)
        if variant.known_q is not None:
            arrays[f"task{number}_known_q"], arrays[f"task{number}_known_sigma"] = variant.known_q, variant.known_sigma
    return facts, arrays


def _unpacked_task(facts, arrays):
    if facts["kind"] == "mountain-car":
        return mountain_car(start=facts["start"], step_limit=facts["step_limit"])
    if facts["kind"] != "tabular":
        raise ValueError(f"unknown kind of task {facts['kind']!r}")
    variants = []
    for number, variant in reversed(list(enumerate(facts["variants"]))):
        changes = list(zip(facts["change_at"], reversed(variants), strict=True)) if number == 0 else ()
        tables = {name: arrays[f"task{number}_{name}"] for name in _TASK_ARRAYS}
        known = {name: arrays.get(f"task{number}_{name}") for name in ("known_q", "known_sigma")}
        variants.append(TabularMDP(**tables, **known, **variant, changes=changes))
    return variants[-1]


def _check_shapes(task, fields):
    table = (len(fields["q"]), task.n_states, task.n_actions)
    curve = (table[0], len(fields["episodes"]))
    kept = (table[0], len(fields["snapshot_episodes"]), *table[1:])
    shapes = {"q": table, "sigma": table, "snapshot_q": kept, "snapshot_sigma": kept, "stream": (table[0], 4)}
    shapes |= dict.fromkeys(("reward", "value", "cost", "cutoffs"), curve)
    shapes |= dict.fromkeys(("steps", "training_cutoffs"), table[:1])
    for name, shape in shapes.items():
        if fields[name].shape != shape:
            raise ValueError(f"{name} has shape {fields[name].shape}, not {shape}")
        if fields[name].dtype.kind not in "iuf":
            raise ValueError(f"{name} must hold numbers, not {fields[name].dtype}")
