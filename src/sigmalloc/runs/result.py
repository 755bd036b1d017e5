"""What training gives back, and how it is kept in a file."""

from __future__ import annotations

import functools
import itertools
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from .. import __version__, _checks
from .._floats import quietly
from .._frozen import Frozen, freeze, read_only
from .._io import archive, files, terminal
from .._io.extras import needed
from .._io.html import table
from ..agents import FIELDS, LATER, Agent
from ..memories import MemoryMap
from ..pairing import start_budget, time_of_sample
from ..tasks.base import Task, unpack
from .policy import Policy
from .schedule import Policy as PolicyName

if TYPE_CHECKING:
    import pandas
    import xarray

FORMAT = 2
FIRST_BITS = "1"
BITS = "1"  # another number where a run gives other bits than before, which tests/data/bits.json would tell
CURVES = ("reward", "value", "cost", "objective", "cutoffs")
CHECKPOINTS = (  # arrays of runs × checkpoints
    "reward", "value", "cost", "cutoffs", "time", "time_cost", "effort", "search_budgets",
)  # fmt: skip
TIMES = ("time", "time_cost", "reward_rate", "effort", "search_budgets")
EFFORT = (  # arrays that came later
    "time", "time_cost", "effort", "search_budgets", "samples", "opportunity_cost", "search_budget", "earned",
)  # fmt: skip
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_ARRAYS = (
    "memory_q", "memory_sigma", "episodes", "reward", "value", "cost", "cutoffs", "steps", "training_cutoffs",
    "snapshot_episodes", "snapshot_memory_q", "snapshot_memory_sigma", "stream", "evaluation_stream", "scale", "usage",
    *EFFORT,
)  # fmt: skip
_FACTS = ("seed", "training_episodes", "evaluation_episodes", "evaluation_policy", "estimator", "versions")


def versions() -> dict[str, str]:
    """Versions that a result depends on or that help to repeat it."""
    return {"sigmalloc": __version__, "bits": BITS, "numpy": np.__version__, "python": platform.python_version()}


class _Unevaluated(np.ndarray[Any, Any]):
    """A curve without a checkpoint, which says what to pass when its last value is asked for."""

    def __getitem__(self, key: Any) -> Any:
        try:
            return np.asarray(self)[key]
        except IndexError as error:
            raise IndexError(
                "this result has no evaluation: pass evaluate_every=... to train (or use sigmalloc.evaluate)"
            ) from error


@dataclass(frozen=True, eq=False, repr=False)
class Result(Frozen):
    """Trained agents and their evaluations. Arrays are read only.

    Attributes
    ----------
    task : Task
    agent : Agent
    seed : int
    memory_q, memory_sigma : array of float, shape (restarts, memories)
        Final q̄ and σ of each memory, in units of reward.
    q, sigma : array of float, shape (restarts, states, actions)
        The same as states and actions find them, with known values; where there is neither, q̄ is 0 and σ is σ_base,
        which is free.
    episodes : array of int, shape (checkpoints,)
        Episodes completed at each evaluation.
    reward, value, cost, objective : array of float, shape (restarts, checkpoints)
        Mean undiscounted return, mean discounted return (per unit of time with a reward rate), λ times the
        divergence, and value − cost − time_cost, in units of reward.
    time, time_cost : array of float, shape (restarts, checkpoints)
        Mean duration of an evaluation episode, t_sample n(s) for every decision (a_dec n(s) with a reward rate) and the
        non-decision time of each (planning: one a trial); and the price of its samples, ω t_sample E[Σ n(s_t)].
        Planning: every path takes the time of all its states, also where memories are drawn once a trial.
    effort : array of float, shape (restarts, checkpoints)
        Mean samples of a decision in evaluation episodes.
    search_budgets : array of float, shape (restarts, checkpoints)
        Search budget b of planning, in %; NaN where nothing is planned.
    cutoffs : array of float, shape (restarts, checkpoints)
        Evaluation episodes cut off by the step limit, of ``evaluation_episodes``.
    steps, training_cutoffs : array of int, shape (restarts,)
        Environment steps taken in training (learning episodes and sampled trajectories), and learning episodes cut
        off by the step limit.
    training_episodes, evaluation_episodes : int
    evaluation_policy : str
    snapshot_episodes : array of int, shape (snapshots,)
    snapshot_memory_q, snapshot_memory_sigma : array of float, shape (restarts, snapshots, memories)
    snapshot_q, snapshot_sigma : array of float, shape (restarts, snapshots, states, actions)
    stream, evaluation_stream : array of uint64, shape (restarts, 4)
        Final states of each run's two random streams (SFC64).
    scale : array of float, shape (restarts,)
        The one learned σ of the equal, frequency- and stakes-based allocations.
    usage : array of float, shape (restarts, states) or (restarts, 0)
        Recalls in sampled trajectories, where the allocation goes by them.
    samples : array of float, shape (restarts, states)
        Effort n(s), the samples that a decision takes; 1 where there is none.
    opportunity_cost : array of float, shape (restarts,)
        ω, price of time.
    search_budget : array of float, shape (restarts,)
        Final search budget of planning, in %; NaN where nothing is planned.
    earned : array of float, shape (restarts, 2)
        Running means of reward and time of learning episodes, where ω is learned; else 0.
    estimator : str
    versions : dict of str
    """

    task: Task
    agent: Agent
    seed: int
    memory_q: Floats
    memory_sigma: Floats
    episodes: Integers
    reward: Floats
    value: Floats
    cost: Floats
    cutoffs: Floats
    steps: Integers
    training_cutoffs: Integers
    training_episodes: int
    evaluation_episodes: int
    evaluation_policy: PolicyName
    snapshot_episodes: Integers
    snapshot_memory_q: Floats
    snapshot_memory_sigma: Floats
    stream: npt.NDArray[np.uint64]
    evaluation_stream: npt.NDArray[np.uint64]
    scale: Floats
    usage: Floats
    time: Floats
    time_cost: Floats
    effort: Floats
    search_budgets: Floats
    samples: Floats
    opportunity_cost: Floats
    search_budget: Floats
    earned: Floats
    estimator: str = "sampled"
    versions: dict[str, str] = field(default_factory=versions)
    go_on: ClassVar[Callable[..., Result]]  # set where training is, which knows results

    def __post_init__(self) -> None:
        if not self.episodes.size:
            for name in CHECKPOINTS:
                object.__setattr__(self, name, getattr(self, name).view(_Unevaluated))
        freeze(self)

    @property
    def restarts(self) -> int:
        return len(self.memory_q)

    @property
    def objective(self) -> Floats:
        return self.value - self.cost - self.time_cost

    @property
    def reward_rate(self) -> Floats:
        """Mean reward per unit of time, shape (restarts, checkpoints)."""
        return self.reward / self.time

    @property
    def response_times(self) -> Floats:
        """Predicted time of a decision in each state, non_decision_time + sample_time · n(s), shape (restarts, states).

        In the reward rate of planning (Eq. 8) a sample takes decision_time. NaN where there is no choice.
        """
        times = self.agent.non_decision_time + time_of_sample(self.task, self.agent) * self.samples
        times[:, ~self.task.places.acting] = np.nan
        return times

    @functools.cached_property
    def q(self) -> Floats:
        return read_only(_map_after(self.task, self.training_episodes).gather_q(self.memory_q))

    @functools.cached_property
    def sigma(self) -> Floats:
        held = _map_after(self.task, self.training_episodes)
        return read_only(held.gather_sigma(self.memory_sigma, self.agent.sigma_base))

    @functools.cached_property
    def snapshot_q(self) -> Floats:
        return self._snapshots(self.snapshot_memory_q, lambda held, values: held.gather_q(values))

    @functools.cached_property
    def snapshot_sigma(self) -> Floats:
        base = self.agent.sigma_base
        return self._snapshots(self.snapshot_memory_sigma, lambda held, values: held.gather_sigma(values, base))

    def _snapshots(self, values: Floats, gather: Callable[[MemoryMap, Floats], Floats]) -> Floats:
        shape = (self.restarts, len(self.snapshot_episodes), self.task.n_states, self.task.n_actions)
        tables = np.empty(shape)
        for i, episode in enumerate(self.snapshot_episodes.tolist()):
            tables[:, i] = gather(_map_after(self.task, episode), values[:, i])
        return read_only(tables)

    @property
    def resumable(self) -> bool:
        """Whether `extend` can go on from it: results of format 1 lack what that needs."""
        return len(self.evaluation_stream) == self.restarts

    def extend(
        self, *, episodes: int, agent: Agent | None = None, snapshots: Sequence[int] = (),
        workers: int | None = None, progress: Callable[[int, int], object] | bool | None = None,
    ) -> Result:  # fmt: skip
        """Go on training from the saved streams: the bits of one long run.

        Parameters
        ----------
        episodes : int
            Further episodes of each run.
        agent : Agent, optional
            Goes on with other parameters, but the same allocation.
        snapshots : sequence of int
            Numbers of completed episodes (those before counted too) after which q̄ and σ are kept.
        workers, progress
            As for `train`.

        Returns
        -------
        Result
            Of all episodes, with the agent of the last.

        Raises
        ------
        ValueError
            If an argument is not valid, or the result is of a version that did not keep what this needs.
        DivergenceError
            As for `train`.
        """
        return type(self).go_on(
            self, episodes=episodes, agent=agent, snapshots=snapshots, workers=workers, progress=progress
        )

    def policy(self, restart: int = 0, *, policy: PolicyName = "soft", seed: int | None = None) -> Policy:
        """One of the trained agents as a policy, to act in a loop of one's own.

        Parameters
        ----------
        restart : int
        policy : {"soft", "hard"}
        seed : int, optional
            Of what it draws when it learns on.
        """
        return Policy.of_result(self, restart, policy, seed)

    def to_frame(self) -> pandas.DataFrame:
        """Evaluations as a pandas DataFrame, one row a restart and checkpoint."""
        n, checkpoints = self.reward.shape
        columns = {
            "restart": np.repeat(np.arange(n), checkpoints), "episode": np.tile(self.episodes, n),
            **{name: getattr(self, name).ravel() for name in (*CURVES, *TIMES)},
        }  # fmt: skip
        return needed("pandas", "pandas").DataFrame(columns)

    def to_xarray(self) -> xarray.Dataset:
        """Evaluations, final q̄ and σ, and snapshots as an xarray Dataset of its own, with units."""
        curve, cells = ("restart", "episode"), ("restart", "state", "action")
        unit = {"units": "reward"}
        variables: dict[str, Any] = {
            name: (curve, getattr(self, name), {} if name == "cutoffs" else unit) for name in CURVES
        }
        variables |= {name: (cells, getattr(self, name), unit) for name in ("q", "sigma")}
        variables |= {
            f"snapshot_{name}": (("restart", "snapshot", "state", "action"), getattr(self, f"snapshot_{name}"), unit)
            for name in ("q", "sigma")
        }
        variables |= {name: ("restart", getattr(self, name)) for name in ("steps", "training_cutoffs")}
        variables |= {"time": (curve, self.time, {"units": "time"}), "time_cost": (curve, self.time_cost, unit)}
        variables |= {"effort": (curve, self.effort), "search_budgets": (curve, self.search_budgets, {"units": "%"})}
        variables["samples"] = (("restart", "state"), self.samples)
        variables["opportunity_cost"] = ("restart", self.opportunity_cost, {"units": "reward per time"})
        variables["search_budget"] = ("restart", self.search_budget, {"units": "%"})
        coordinates: dict[str, Any] = {
            "restart": np.arange(self.restarts), "episode": self.episodes, "snapshot": self.snapshot_episodes,
        }  # fmt: skip
        for name, names in (("state", self.task.state_names), ("action", self.task.action_names)):
            if names is not None:
                coordinates[name] = [terminal.printable(label) for label in names]
        facts = {
            "task": terminal.printable(self.task.name), "seed": str(self.seed),
            "training_episodes": self.training_episodes, "evaluation_episodes": self.evaluation_episodes,
            "evaluation_policy": self.evaluation_policy, "agent": repr(self.agent),
            "sigmalloc": self.versions["sigmalloc"],
        }  # fmt: skip
        made: xarray.Dataset = needed("xarray", "xarray").Dataset(variables, coordinates, facts)
        return made.copy(deep=True)

    def _repr_html_(self) -> str:
        title = f"{self.task.name}: {self.restarts} runs × {self.training_episodes} episodes, seed {self.seed}"
        if not self.episodes.size:
            return table(f"{title}; not evaluated (evaluate_every was not given)", [], [])
        rows = [
            (name, float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else "")
            for name in CURVES if (values := getattr(self, name)[:, -1]) is not None
        ]  # fmt: skip
        return table(f"{title}; after {self.episodes[-1]} episodes:", ("", "mean", "SEM"), rows)

    def joined(self, later: Result) -> Result:
        """This result and what came of going on from it, as `extend` makes it of the episodes that followed.

        Raises
        ------
        ValueError
            If it is of another task, seed or number of runs, or does not go on from here.
        """
        _checks.instance("later", later, Result)
        for name in ("seed", "restarts", "estimator", "evaluation_policy"):
            mine, theirs = getattr(self, name), getattr(later, name)
            if theirs != mine:
                raise ValueError(f"later must have the same {name}, {mine!r}, got {theirs!r}")
        if later.task.digest() != self.task.digest():
            raise ValueError(f"later must be of the same task, {self.task.name!r}, got another, {later.task.name!r}")
        noted = np.concatenate([later.episodes, later.snapshot_episodes, [later.training_episodes]])
        if noted.min() <= self.training_episodes:
            raise ValueError(f"later must go on from episode {self.training_episodes}, but it has earlier episodes")
        end_to_end = (
            "episodes", *CHECKPOINTS, "snapshot_episodes", "snapshot_memory_q", "snapshot_memory_sigma",
        )  # fmt: skip
        whole = {field.name: getattr(later, field.name) for field in fields(later)}
        for name in end_to_end:
            mine, theirs = getattr(self, name), getattr(later, name)
            whole[name] = np.concatenate([mine, theirs], axis=mine.ndim - 1 if mine.ndim < 3 else 1)
        for name in ("steps", "training_cutoffs"):
            whole[name] = getattr(self, name) + getattr(later, name)
        return Result(**whole)

    def __repr__(self) -> str:
        lines = [
            f"<Result: {self.task.name}, {self.restarts} runs × {self.training_episodes} episodes, seed {self.seed}",
        ]
        if self.episodes.size:
            lines.append(
                f"  after {self.episodes[-1]} episodes, mean ± SEM over runs ({self.evaluation_policy} policy):"
            )
            timed = self.agent.has_effort or self.agent.opportunity_cost > 0 or self.agent.learn_search_budget
            for name in ("reward", "cost", *(("time_cost", "effort", "reward_rate") if timed else ()), "objective"):
                lines.append(f"  {name:<{11 if timed else 9}} {mean_and_sem(getattr(self, name)[:, -1])}")
            reached = self.cutoffs[np.isfinite(self.cutoffs[:, -1]), -1]  # runs that diverged did not get there
            lines.append(
                f"  {int(reached.sum())} of the last {self.evaluation_episodes * len(reached)} evaluation episodes "
                f"were cut off by the limit of {self.task.step_limit} steps"
            )
        else:
            lines.append("  not evaluated (evaluate_every was not given)")
        lines.append(
            f"  {int(self.training_cutoffs.sum())} of {self.training_episodes * self.restarts} learning episodes were "
            "cut off>"
        )
        return "\n".join(lines)

    def save(self, path: str | Path) -> Path:
        """Write the result to a file: a NumPy .npz archive, complete or not at all.

        Parameters
        ----------
        path : str or Path
            ".npz" is appended if it is missing.

        Returns
        -------
        Path
        """
        path = files.with_suffix("path", path, ".npz")
        task_facts, arrays = self.task.pack()
        facts = {"format": FORMAT, "task": task_facts, "agent": self.agent.to_dict()}
        facts |= {name: getattr(self, name) for name in _FACTS}
        archive.save(path, facts, arrays | {name: getattr(self, name) for name in _ARRAYS})
        return path

    @classmethod
    def load(cls, path: str | Path) -> Result:
        """Read a result from a file; nothing in it is executed.

        Raises
        ------
        ValueError
            If the file is not a result of this format or an earlier one, or is damaged.
        """
        with archive.reading(files.checked_path("path", path), "result") as file:
            facts = file.facts
            if "trials" in facts:
                raise ValueError("it holds trials: `Trials.load` reads those")
            if facts.get("format") not in (1, FORMAT):
                raise ValueError(f"its format is {facts.get('format')!r}, not {FORMAT}")
            shapes = {name: file.shape(name) for name in file.names}  # by their headers: nothing is unpacked yet
            task = unpack(facts["task"], {name: file.array(name) for name in shapes if name.startswith("task")})
            layout = (_layout if facts["format"] == FORMAT else _layout_1)(task, shapes)
            arrays = {name: file.array(name, kinds, shape) for name, (kinds, shape) in layout.items()}
            agent = dict(facts["agent"])
            if isinstance(agent.get("q_init"), list):
                agent["q_init"] = tuple(agent["q_init"])
            for name in FIELDS:
                if name not in agent and name not in LATER:
                    raise ValueError(f"its agent has no {name}")
            if facts["format"] == 1:
                arrays |= _from_before_effort(task, facts, arrays) | _from_format_1(task, facts, arrays)
            held: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
            _check(facts, held)
            return cls(task=task, agent=Agent(**agent), **held, **{name: facts[name] for name in _FACTS})


def _map_after(task: Task, completed: int) -> MemoryMap:
    """Memories of the variant in which the last of so many episodes was."""
    return task.places.maps[task.variant_at(max(0, completed - 1))]


def _from_format_1(task: Task, facts: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """What later formats keep, from the tables of states and actions of the first one."""
    facts["estimator"] = "sampled"

    def values(table: Floats, completed: int, elsewhere: float) -> Floats:
        return _map_after(task, completed).pick(table, "q or sigma", elsewhere)

    base, last = facts["agent"]["sigma_base"], facts["training_episodes"]
    kept = {}
    for name, elsewhere in (("q", 0.0), ("sigma", base)):
        kept[f"memory_{name}"] = values(arrays[name], last, elsewhere)
        snapshots = np.zeros((*arrays[f"snapshot_{name}"].shape[:2], task.n_memories))
        for i, episode in enumerate(arrays["snapshot_episodes"].tolist()):
            snapshots[:, i] = values(arrays[f"snapshot_{name}"][:, i], episode, elsewhere)
        kept[f"snapshot_memory_{name}"] = snapshots
    n = len(arrays["q"])
    nothing = {"evaluation_stream": np.zeros((0, 4), dtype=np.uint64), "scale": np.zeros(n), "usage": np.zeros((n, 0))}
    return kept | nothing


@quietly
def mean_and_sem(values: npt.ArrayLike) -> str:
    """ "mean ± standard error" over runs, for messages."""
    values = np.asarray(values)
    if len(values) < 2:
        return f"{values.mean():.3f}"
    return f"{values.mean():.3f} ± {values.std(ddof=1) / np.sqrt(len(values)):.3f}"


def reached_effort(task: Task, agent: Agent, restarts: int, samples: Floats) -> Floats:
    """Effort as results show it, (restarts, states), from the kernel's, which has none where there is no effort."""
    reached = samples.copy() if len(samples) else np.full((restarts, task.n_states), agent.samples)
    reached[:, ~task.places.acting] = 1.0
    return reached


def _from_before_effort(task: Task, facts: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """What later versions keep of effort and time: the duration of evaluation episodes was not counted."""
    restarts, curve = len(arrays["reward"]), arrays["reward"]
    budget = start_budget(task, Agent(search_budget=facts["agent"].get("search_budget")))
    return {
        "time": np.full_like(curve, np.nan), "time_cost": np.zeros_like(curve), "effort": np.ones_like(curve),
        "search_budgets": np.full_like(curve, budget), "search_budget": np.full(restarts, budget),
        "samples": np.ones((restarts, task.n_states)), "opportunity_cost": np.zeros(restarts),
        "earned": np.zeros((restarts, 2)),
    }  # fmt: skip


Layout = dict[str, tuple[str, tuple[int | None, ...]]]  # kinds of dtype and shape


def _layout(task: Task, shapes: Mapping[str, tuple[int, ...]]) -> Layout:
    """What the arrays of a result have to be, by the task and the lengths that are free."""
    n = shapes["memory_q"][0]
    table, kept = (n, task.n_memories), (n, shapes["snapshot_episodes"][0], task.n_memories)
    streams = shapes["evaluation_stream"][0] and n  # none where a result cannot go on
    usage = shapes["usage"][-1] and task.n_states  # none where the allocation does not go by it
    return _common(n, shapes) | {
        "memory_q": ("f", table), "memory_sigma": ("f", table), "snapshot_memory_q": ("f", kept),
        "snapshot_memory_sigma": ("f", kept), "evaluation_stream": ("u", (streams, 4)), "scale": ("f", (n,)),
        "usage": ("f", (n, usage)),
        **dict.fromkeys(("time", "time_cost", "effort", "search_budgets"), ("f", (n, shapes["episodes"][0]))),
        "search_budget": ("f", (n,)), "samples": ("f", (n, task.n_states)), "opportunity_cost": ("f", (n,)),
        "earned": ("f", (n, 2)),
    }  # fmt: skip


def _layout_1(task: Task, shapes: Mapping[str, tuple[int, ...]]) -> Layout:
    """As `_layout`, of the first format."""
    n = shapes["q"][0]
    table = (n, task.n_states, task.n_actions)
    kept = (n, shapes["snapshot_episodes"][0], *table[1:])
    return _common(n, shapes) | {
        "q": ("f", table), "sigma": ("f", table), "snapshot_q": ("f", kept), "snapshot_sigma": ("f", kept),
    }  # fmt: skip


def _common(n: int, shapes: Mapping[str, tuple[int, ...]]) -> Layout:
    return {
        "episodes": ("iu", (None,)), "snapshot_episodes": ("iu", (None,)), "stream": ("u", (n, 4)),
        **dict.fromkeys(("reward", "value", "cost", "cutoffs"), ("f", (n, shapes["episodes"][0]))),
        **dict.fromkeys(("steps", "training_cutoffs"), ("iu", (n,))),
    }  # fmt: skip


def _check(facts: dict[str, Any], fields: dict[str, Any]) -> None:
    """Whether what is in a result can be, beyond kinds and shapes."""
    if len(fields["memory_q"]) == 0:
        raise ValueError("it has no runs")
    for name in ("memory_q", "memory_sigma"):
        if not np.isfinite(fields[name]).all() and not np.isnan(fields[name]).any():
            raise ValueError(f"{name} has infinite entries")
    for name in ("seed", "training_episodes", "evaluation_episodes"):
        if not isinstance(facts[name], int) or isinstance(facts[name], bool) or facts[name] < 0:
            raise ValueError(f"{name} must be a whole number, got {facts[name]!r}")
    for name in ("steps", "training_cutoffs"):
        if fields[name].min() < 0:
            raise ValueError(f"{name} has negative entries")
    for name in ("memory_sigma", "snapshot_memory_sigma"):
        if (fields[name] <= 0).any():
            raise ValueError(f"{name} has entries that are not above 0")
    for name in ("time", "effort", "samples", "usage", "scale"):
        if (fields[name] < 0).any():
            raise ValueError(f"{name} has negative entries")
    cut = fields["cutoffs"]
    if not (np.isnan(cut) | ((cut >= 0) & (cut <= facts["evaluation_episodes"]) & (cut == np.floor(cut)))).all():
        raise ValueError(f"cutoffs must be whole numbers from 0 to {facts['evaluation_episodes']}, or NaN")
    for name in ("episodes", "snapshot_episodes"):
        numbers = [0, *fields[name].tolist(), facts["training_episodes"] + 1]
        if not all(one < other for one, other in itertools.pairwise(numbers)):
            raise ValueError(f"{name} must ascend from 1 to {facts['training_episodes']}")
    if facts["evaluation_policy"] not in ("soft", "hard"):
        raise ValueError(f"evaluation_policy must be 'soft' or 'hard', got {facts['evaluation_policy']!r}")
    if facts["estimator"] not in ("sampled", "exact"):
        raise ValueError(f"estimator must be 'sampled' or 'exact', got {facts['estimator']!r}")
    made_by = facts["versions"]
    if not isinstance(made_by, dict) or not all(isinstance(version, str) for version in made_by.values()):
        raise ValueError(f"versions must be a table of text, got {_checks.shown(made_by)}")
