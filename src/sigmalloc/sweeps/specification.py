"""What a sweep is: its cells, its runs, and the key that tells each run from every other."""

from __future__ import annotations

import functools
import hashlib
import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _checks
from ..agents import FIELDS, LATER, Agent
from ..runs import engine
from ..runs.arguments import check_task_and_agent, checked_count, checked_episodes, checked_memories
from ..runs.schedule import POLICIES, Policy, Schedule
from ..tasks.base import Task
from . import grid as grids
from . import problems

KEYED = ("seed", "episodes", "evaluate_every", "evaluation_episodes", "evaluation_policy")
KEY_VERSION = 1
Words = npt.NDArray[np.uint64]

# Fields that no check relates to another field or to the task: their values are checked one by one instead of in all
# combinations. (A relation missed here is not lost: workers make each agent anew and would refuse it.)
_UNRELATED = frozenset({
    "learning_rate_q", "learning_rate_sigma", "gamma", "lam", "sigma_base", "q_init", "n_trajectories",
    "decision_time", "non_decision_time",
})  # fmt: skip


@dataclass(frozen=True, eq=False)
class Specification:
    """All cells of a grid and what is done with each.

    Cells are numbered in C order over the axes (in zip mode, along them); run number = cell · restarts + restart.

    Attributes
    ----------
    agent : dict
        Fields of the agent that are not axes.
    axes : dict of {str: list}
        Names are fields of the agent, or ``task.`` and an argument of the task.
    mode : {"product", "zip"}
    tasks : list of str
        Digest of the task for each combination of the ``task.`` axes, in order; one without such axes.
    restarts, episodes, evaluate_every, evaluation_episodes, evaluation_policy, seed
        As for `train`.
    keep : "none", "all" or list of int
        Restarts whose final q̄ and σ are kept.
    task_name : str
    """

    agent: dict[str, Any]
    axes: dict[str, list[Any]]
    mode: str
    tasks: list[str]
    restarts: int
    seed: int
    episodes: int
    evaluate_every: int | None
    evaluation_episodes: int
    evaluation_policy: Policy
    keep: str | list[int]
    task_name: str

    @functools.cached_property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes; (cells,) in zip mode."""
        return grids.cell_shape(self.axes, self.mode)

    @property
    def n_cells(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def n_runs(self) -> int:
        return self.n_cells * self.restarts

    @property
    def checkpoints(self) -> npt.NDArray[np.int64]:
        """Episodes completed at each evaluation, shape (checkpoints,)."""
        every = self.evaluate_every
        return np.arange(every, self.episodes + 1, every) if every else np.zeros(0, dtype=np.int64)

    @property
    def kept_restarts(self) -> list[int]:
        """Restarts whose q̄ and σ are kept, ascending."""
        if isinstance(self.keep, str):
            return list(range(self.restarts)) if self.keep == "all" else []
        return self.keep

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.episodes, self.evaluate_every, self.evaluation_episodes or 1, self.evaluation_policy)

    @property
    def agent_axes(self) -> dict[str, list[Any]]:
        return {name: values for name, values in self.axes.items() if not name.startswith("task.")}

    @property
    def task_axes(self) -> dict[str, list[Any]]:
        return {name: values for name, values in self.axes.items() if name.startswith("task.")}

    def task_numbers(self, cells: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Position in ``tasks`` of the task of each cell."""
        cells = np.asarray(cells, dtype=np.int64)
        positions = grids.axis_positions(self.axes, self.mode, cells)
        names = list(self.task_axes)
        if not names:
            return np.zeros(cells.shape, dtype=np.int64)
        if self.mode == "zip":
            return cells
        return np.ravel_multi_index([positions[name] for name in names], [len(self.axes[name]) for name in names])

    def cell_values(self, cells: npt.NDArray[np.int64] | Sequence[int], names: Sequence[str]) -> list[tuple[Any, ...]]:
        """Rows of the cells' values of some axes, a list of tuples."""
        positions = grids.axis_positions(self.axes, self.mode, np.asarray(cells, dtype=np.int64))
        columns = [[self.axes[name][i] for i in positions[name].tolist()] for name in names]
        return list(zip(*columns, strict=True)) if columns else [()] * len(cells)

    def cell_agent(self, cell: int) -> Agent:
        """The agent of a cell."""
        names = list(self.agent_axes)
        return Agent(**self.agent, **dict(zip(names, self.cell_values([cell], names)[0], strict=True)))

    def keys(self, runs: npt.ArrayLike) -> Words:
        """Keys of runs, by their numbers: uint64 array, shape (runs, 2)."""
        cells, restarts = np.divmod(np.asarray(runs, dtype=np.int64), self.restarts)
        constant, axis_tables, task_table, restart_step = self._key_tables
        keys: Words = np.multiply.outer(restarts.astype(np.uint64), restart_step)
        keys += constant
        keys += task_table[self.task_numbers(cells)]
        for name, positions in grids.axis_positions(self.axes, self.mode, cells).items():
            if name in axis_tables:
                keys += axis_tables[name][positions]
        return keys

    @functools.cached_property
    def _key_tables(self) -> tuple[Words, dict[str, Words], Words, Words]:
        # a field that came later and has its default says nothing: keys are those of before
        said = [pair for pair in self.agent.items() if pair[0] not in LATER or pair[1] != LATER[pair[0]]]
        fixed = [("version", KEY_VERSION), *said, *((name, getattr(self, name)) for name in KEYED)]
        constant: Words = np.sum([_hash(*pair) for pair in fixed], axis=0, dtype=np.uint64)
        axis_tables = {
            name: np.array([_hash(name, value) for value in values]) for name, values in self.agent_axes.items()
        }
        task_table = np.array([_hash("task", digest) for digest in self.tasks])
        restart_step: Words = _hash("restart", None) | np.uint64(1)
        return constant, axis_tables, task_table, restart_step

    def describe(self) -> list[str]:
        """Agent fields and axes for messages and tables."""
        lines = [f"{self.task_name}, {self.episodes} episodes, {self.restarts} restarts, seed {self.seed}"]
        for name, values in self.axes.items():
            some = values if len(values) <= 6 else [*values[:3], "…", values[-1]]
            lines.append(f"{name}: {', '.join(str(value) for value in some)} ({len(values)} values)")
        return lines

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def same_as(self, other: Specification) -> bool:
        """Whether another specification is this one, with its axes and values in the same order."""
        told = [one.to_json() | {"agent": sorted(one.agent.items())} for one in (self, other)]  # fields have no order
        return json.dumps(told[0]) == json.dumps(told[1])

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Specification:
        """The specification of a manifest.

        Raises
        ------
        ValueError
            If fields are missing or not what they should be.
        """
        fields = {name: record[name] for name in cls.__dataclass_fields__}
        fields["agent"] = {name: value for name, value in LATER.items() if name not in fields["axes"]} | fields["agent"]
        if sorted([*fields["agent"], *(name for name in fields["axes"] if name in FIELDS)]) != sorted(FIELDS):
            raise ValueError("its agent has other fields than the agents of this version")
        return cls(**fields)


def _hash(name: str, value: Any) -> Words:
    text = json.dumps([name, value], allow_nan=False)
    return np.frombuffer(hashlib.blake2b(text.encode(), digest_size=16).digest(), dtype="<u8").astype(np.uint64)


def specify(
    task: Any, agent: Any, grid: Any, *, episodes: Any, seed: Any, restarts: Any = 5, evaluate_every: Any = None,
    evaluation_episodes: Any = 100, evaluation_policy: Any = "soft", mode: Any = "product", keep: Any = "none",
    q: Any = None, sigma: Any = None, task_arguments: Any = None,
) -> tuple[Specification, dict[str, problems.Problem]]:  # fmt: skip
    """Check what a user asks for, all of it, before anything runs.

    Returns
    -------
    Specification
    dict of {str: Problem}
        The tasks, by their digests.

    Raises
    ------
    ValueError
        Naming the argument, or the cell, that is not valid.
    """
    if not isinstance(agent, Agent):
        raise ValueError(f"agent must be an Agent, got {_checks.shown(agent)}")
    _checks.choice("mode", mode, grids.MODES)
    axes = grids.checked_axes(grid)
    for name in axes:
        if name not in FIELDS and not name.startswith("task."):
            unknown = _checks.unknown(name, FIELDS, "axis")
            raise ValueError(f"grid: {unknown}; or 'task.' and an argument of the task")
    grids.check_distinct(axes, mode)
    restarts = checked_count("restarts", restarts)
    episodes = _checks.integer("episodes", episodes, low=1, high=2**53)
    seed = _checks.seed("seed", seed)
    if evaluate_every is None:
        evaluation_episodes = 0
    else:
        evaluate_every = _checks.integer("evaluate_every", evaluate_every, low=1, high=episodes)
        evaluation_episodes = _checks.integer("evaluation_episodes", evaluation_episodes, low=1)
    _checks.choice("evaluation_policy", evaluation_policy, POLICIES)
    keep = _checked_keep(keep, restarts)
    if evaluate_every is None and keep == "none":
        raise ValueError("nothing would be kept: give evaluate_every, or keep='all'")
    made, tasks = _made_tasks(task, _checks.mapping("task_arguments", task_arguments), axes, mode, q, sigma)
    name = task if isinstance(task, str) else getattr(made[tasks[0]].task, "name", "task")
    draft = Specification(
        agent={field: grids.plain(field, value) for field, value in agent.to_dict().items() if field not in axes},
        axes=axes, mode=mode,
        tasks=tasks, restarts=restarts, seed=seed, episodes=episodes, evaluate_every=evaluate_every,
        evaluation_episodes=evaluation_episodes, evaluation_policy=evaluation_policy, keep=keep, task_name=name,
    )  # fmt: skip
    _check_cells(draft, agent, made)
    _check_distinct_cells(draft)
    return draft, made


def _checked_keep(keep: Any, restarts: int) -> str | list[int]:
    if isinstance(keep, str):
        return _checks.choice("keep", keep, ("none", "all"))
    try:
        numbers = sorted({_checks.integer("keep", number, low=0, high=restarts - 1) for number in keep})
    except TypeError:
        raise ValueError(f"keep must be 'none', 'all' or numbers of restarts, got {_checks.shown(keep)}") from None
    return numbers if numbers else "none"


def _made_tasks(
    task: Any, arguments: dict[str, Any], axes: dict[str, list[Any]], mode: str, q: Any, sigma: Any
) -> tuple[dict[str, problems.Problem], list[str]]:
    """Problems by digest, and the digest for each combination of the task's axes."""
    task_axes = {name: values for name, values in axes.items() if name.startswith("task.")}
    for name in task_axes:
        if name.removeprefix("task.") in arguments:
            raise ValueError(f"{name} is given both as an argument and as an axis")
    make = problems.maker(task, [*(f"task.{name}" for name in arguments), *task_axes])
    made: dict[str, problems.Problem] = {}
    digests: list[str] = []
    known: dict[str, str] = {}
    for row in grids.combinations(task_axes, mode):
        chosen = {name.removeprefix("task."): value for name, value in zip(task_axes, row, strict=True)}
        text = json.dumps(chosen)
        if text not in known:
            try:
                problem = problems.Problem(make(**arguments, **chosen), _table("q", q), _table("sigma", sigma))
            except (ValueError, TypeError) as error:
                raise ValueError(f"task with {_listed(chosen) or 'its defaults'}: {error}") from error
            if not isinstance(problem.task, Task):
                raise ValueError(
                    f"task must be or return a TabularMDP or one of sigmalloc.tasks, got {_checks.shown(problem.task)}"
                )
            known[text] = problem.digest
            made.setdefault(problem.digest, problem)
        digests.append(known[text])
    return made, digests


def _table(name: str, table: Any) -> npt.NDArray[np.float64] | None:
    if table is None:
        return None
    floats: npt.NDArray[np.float64] = _checks.numeric(name, table).astype(np.float64)
    if floats.ndim != 2:
        raise ValueError(f"{name} must be numbers of shape (states, actions), got shape {floats.shape}")
    return floats


def _check_cells(draft: Specification, agent: Agent, made: dict[str, problems.Problem]) -> None:
    """Make the agents of all cells, or of enough of them; put the checked values into the axes."""
    axes, mode = draft.agent_axes, draft.mode
    base = agent.to_dict()
    if mode == "zip":
        for cell, row in enumerate(grids.combinations(axes, mode)):
            checked = _checked_agent(base, dict(zip(axes, row, strict=True)))
            for name in axes:
                axes[name][cell] = grids.plain(name, getattr(checked, name))
            problem = made[draft.tasks[cell if draft.task_axes else 0]]
            _check_pair(problem, checked, draft.episodes, axes)
        return
    related = {name: values for name, values in axes.items() if name not in _UNRELATED}
    others = {name: values for name, values in axes.items() if name in _UNRELATED}
    first = {name: values[0] for name, values in axes.items()}
    checked_values = {name: list(values) for name, values in axes.items()}
    shape = grids.cell_shape(related, mode)
    for number, row in enumerate(grids.combinations(related, mode)):
        checked = _checked_agent(base, first | dict(zip(related, row, strict=True)))
        place: tuple[Any, ...] = np.unravel_index(number, shape) if shape else ()
        for name, index in zip(related, place, strict=True):
            checked_values[name][index] = grids.plain(name, getattr(checked, name))
        for problem in made.values():
            _check_pair(problem, checked, draft.episodes, related)
    for name, values in others.items():
        for position, value in enumerate(values):
            checked = _checked_agent(base, first | {name: value})
            checked_values[name][position] = grids.plain(name, getattr(checked, name))
    for name, values in checked_values.items():
        axes[name][:] = values
    grids.check_distinct(axes, mode)


def _checked_agent(base: dict[str, Any], changes: dict[str, Any]) -> Agent:
    try:
        return Agent(**(base | changes))
    except ValueError as error:
        raise ValueError(f"grid: {error} (in the cell {_listed(changes)})" if changes else str(error)) from error


def _check_pair(problem: problems.Problem, agent: Agent, episodes: int, names: Iterable[str]) -> None:
    try:
        check_task_and_agent(problem.task, agent)
        checked_episodes(problem.task, episodes)
        engine.capacity(problem.task, [agent])
        checked_memories(problem.task, agent, problem.q, problem.sigma, 1)
    except ValueError as error:
        where = _listed({name: getattr(agent, name) for name in names})
        raise ValueError(f"{error} (in the cell {where})" if where else str(error)) from error


def _check_distinct_cells(draft: Specification) -> None:
    if draft.mode == "product":
        if len(set(draft.tasks)) < len(draft.tasks):
            rows = list(itertools.product(*draft.task_axes.values()))
            first, second = _same(draft.tasks)
            raise ValueError(f"grid: {', '.join(draft.task_axes)} = {rows[first]} and {rows[second]} are the same task")
        return
    keys = draft.keys(np.arange(draft.n_cells) * draft.restarts)
    if len(np.unique(keys, axis=0)) < len(keys):
        first, second = _same([key.tobytes() for key in keys])
        raise ValueError(f"grid: cells {first} and {second} are the same")


def _same(entries: Iterable[Any]) -> tuple[int, int]:
    seen: dict[Any, int] = {}
    for number, entry in enumerate(entries):
        if entry in seen:
            return seen[entry], number
        seen[entry] = number
    raise AssertionError("all entries differ")


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


def differences(wanted: Specification, held: Specification) -> list[str]:
    """What makes a specification another one than a store's, as phrases; none if it is the same or larger."""
    found = [
        f"{name} is {getattr(wanted, name)!r}, but {getattr(held, name)!r} in the store"
        for name in (*KEYED, "keep")
        if getattr(wanted, name) != getattr(held, name)
    ]
    if wanted.restarts < held.restarts:
        found.append(f"restarts is {wanted.restarts}, but {held.restarts} in the store")
    for name in FIELDS:
        mine = wanted.axes.get(name, [wanted.agent.get(name)])
        lost = [value for value in held.axes.get(name, [held.agent.get(name)]) if value not in mine]
        if lost:
            some = ", ".join(map(repr, lost[:5])) + (", …" if len(lost) > 5 else "")
            found.append(f"{name} lacks {some}")
    others = set(held.tasks) - set(wanted.tasks)
    if others:
        arguments = [name for name in held.task_axes if name in wanted.axes]
        what = f"{len(others)} of the store's {len(set(held.tasks))} tasks are" if arguments else "the task is"
        found.append(f"{what} not among those asked for")
    return found
