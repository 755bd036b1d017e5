"""What every task is: the protocol that all layers above rely on, and nothing else.

Nobody asks of what type a task is; what they need to know is a property here.
"""

from __future__ import annotations

import abc
import functools
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from ..memories import MemoryMap, Places, one_each

Facts = dict[str, Any]
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Maze:
    """Geometry of a task whose states are the cells of a drawing, row by row.

    Attributes
    ----------
    layout : tuple of str
        One character a state: "#" wall, "S" start, "G" goal, "H" hole, "." free.
    """

    layout: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Plane:
    """Geometry of a task whose states are the cells of a grid over two continuous variables.

    State i · len(y) + j is the cell around (x[i], y[j]).

    Attributes
    ----------
    x, y : array of float
        Values at the centres of the cells.
    x_label, y_label : str
        With units.
    x_goal : float or None
        Where the goal begins.
    """

    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    x_label: str
    y_label: str
    x_goal: float | None = None


class Stream(Protocol):
    """The random stream of the twin."""

    def uniform(self) -> float: ...
    def normal_pair(self) -> tuple[float, float]: ...


class World(Protocol):
    """One variant of a task as an environment, for the twin: the order of its draws is that of the kernel."""

    def begin(self, stream: Stream) -> int:
        """Start an episode: its state."""

    def step(
        self, state: int, action: int, stream: Stream, episode: int = 0, rewarded: bool = True
    ) -> tuple[int, float, bool]:
        """Act: next state, reward (not drawn unless ``rewarded``), and whether the episode ends there."""


class Task(abc.ABC):
    """A task.

    Attributes
    ----------
    name : str
    n_states, n_actions : int
    step_limit : int
        Steps after which an episode is cut off.
    terminal : array of bool, shape (states,)
        States in which the agent never acts.
    exists : array of bool, shape (states, actions)
        Where the agent can act.
    known_q, known_sigma : array of float, shape (states, actions), or None
        Values that are known instead of remembered; NaN elsewhere.
    changes : tuple of (int, Task)
        From which episode on it is which other task.
    horizon : int or None
        Moves of every episode, where paths can be planned.
    finite : bool
        Whether it is a table of outcomes, so that exact results exist.
    geometry : Maze, Plane or None
        How its states lie, for plots.
    episode_limit : int or None
        Learning episodes that are laid down (by ``starts`` or ``rewards_by_episode``), or None.
    body_names : tuple of str
        Continuous variables behind a state, if there are any.
    action_names, state_names : tuple of str or None
    """

    kind: ClassVar[str]
    kinds: ClassVar[dict[str, type[Task]]] = {}  # by which files name them

    name: str
    n_states: int
    n_actions: int
    step_limit: int
    horizon: int | None = None
    finite: bool = False
    episode_limit: int | None = None
    body_names: tuple[str, ...] = ()
    action_names: tuple[str, ...] | None = None
    state_names: tuple[str, ...] | None = None
    known_q: npt.NDArray[np.float64] | None = None
    known_sigma: npt.NDArray[np.float64] | None = None
    given_index: npt.NDArray[np.int64] | None = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "kind" in cls.__dict__:
            Task.kinds[cls.kind] = cls

    terminal: npt.NDArray[np.bool_]
    exists: npt.NDArray[np.bool_]
    changes: tuple[tuple[int, Task], ...] = ()

    @property
    def geometry(self) -> Maze | Plane | None:
        return None

    @property
    def variants(self) -> tuple[Task, ...]:
        """The task and those it changes to, in order."""
        return (self, *(changed for _, changed in self.changes))

    def variant_at(self, episode: int) -> int:
        """Which of the variants is in force in an episode (counted from 0)."""
        return sum(begin <= episode for begin, _ in self.changes)

    def at(self, episode: int) -> Task:
        """The variant in force in an episode (counted from 0)."""
        return self

    def unchanging(self) -> Task:
        """The task without its changes."""
        return self

    # its memories

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Where a value is known instead of remembered, shape (states, actions)."""
        if self.known_q is None:
            return np.zeros((self.n_states, self.n_actions), dtype=bool)
        return ~np.isnan(self.known_q)

    @property
    def memories(self) -> npt.NDArray[np.bool_]:
        """Where there is a memory that is allocated, shape (states, actions)."""
        return self.exists & ~self.known

    @property
    def own_index(self) -> npt.NDArray[np.int64]:
        """Memory of each state and action of this variant alone; −1: none."""
        return one_each(self.exists, self.known) if self.given_index is None else self.given_index

    @functools.cached_property
    def places(self) -> Places:
        """Memories of all variants, as the kernel stores them."""
        return Places(self.variants)

    @property
    def memory_map(self) -> MemoryMap:
        """Which memory each state and action uses (in the first variant of a changing task)."""
        return self.places.maps[0]

    @property
    def n_memories(self) -> int:
        """K, memories of all variants together."""
        return self.places.n_memories

    # what the kernel and its twin read

    @abc.abstractmethod
    def kernel_arrays(self) -> dict[str, Any]:
        """Arguments of the kernel's `Tables` that say what follows from a choice."""

    @abc.abstractmethod
    def worlds(self) -> tuple[World, ...]:
        """The variants as environments of the twin."""

    # files and digests

    @abc.abstractmethod
    def pack(self) -> tuple[Facts, Arrays]:
        """Facts and arrays that a file keeps."""

    @classmethod
    @abc.abstractmethod
    def unpack(cls, facts: Facts, arrays: Arrays) -> Task:
        """The task of a file."""

    @abc.abstractmethod
    def hashed(self) -> Iterator[Any]:
        """Everything that the bits of a run depend on: not names."""

    def digest(self, *more: Any) -> str:
        """Hash of the task, and of whatever else is given."""
        hashed = hashlib.blake2b(digest_size=16)
        for value in (*self.hashed(), *more):
            if isinstance(value, np.ndarray):
                kind = "f" if value.dtype.kind == "f" else "i"
                hashed.update(f"{kind}{value.shape}".encode())
                hashed.update(np.ascontiguousarray(value, dtype="<f8" if kind == "f" else "<i8").data)
            else:
                hashed.update(f"{value!r};".encode())
        return hashed.hexdigest()

    # tasks do not change once they are made

    def __deepcopy__(self, memo: object) -> Task:
        return self

    def __copy__(self) -> Task:
        return self

    def __reduce__(self) -> tuple[Callable[..., Task], tuple[Facts, Arrays]]:
        return unpack, self.pack()


def how_to_make_one(given: object) -> str:
    """What to say, after "got ...", to somebody who gave something else for a task."""
    if hasattr(given, "unwrapped") or hasattr(given, "action_space"):
        return "; sigmalloc.tasks.from_gymnasium makes a task of a Gymnasium environment"
    if isinstance(given, str):
        return "; sigmalloc.tasks.make makes a task of its name"
    return ""


def unpack(facts: Facts, arrays: Arrays) -> Task:
    """The task that `Task.pack` packed.

    Raises
    ------
    ValueError
        If there is no such kind of task, or its arrays are not valid.
    """
    kind = facts.get("kind")
    if kind not in Task.kinds:
        raise ValueError(f"unknown kind of task {kind!r}; this version has {', '.join(Task.kinds)}")
    return Task.kinds[kind].unpack(facts, arrays)


class ContinuousTask(Task):
    """A task with a continuous state whose memories are a table; its dynamics are compiled.

    A further one is one Python file, with a subclass of this and a function that makes it, and one kernel file with the
    same name in ``_kernel/dynamics``.

    Attributes
    ----------
    dynamics : str
        Name of the kernel file.
    option : int
        What the kernel's ``start`` is told.
    """

    dynamics: ClassVar[str]
    fields: ClassVar[tuple[str, ...]]  # of what it is made

    @property
    def option(self) -> int:
        return 0

    def kernel_arrays(self) -> dict[str, Any]:
        nothing = np.zeros((1, 1, 1, 1))
        return {
            "cumulative": np.ones((1, 1, 1, 1)), "following": np.zeros((1, 1, 1, 1), dtype=np.int64),
            "reward": nothing, "reward_sd": nothing, "episode_reward": np.zeros((0, 0, 0)),
            "start_cumulative": np.ones((1, 1)), "start_state": np.zeros((1, 1), dtype=np.int64),
            "fixed_start": np.zeros(0, dtype=np.int64), "reward_noise": "none", "dynamics": self.dynamics,
            "option": self.option,
        }  # fmt: skip

    def pack(self) -> tuple[Facts, Arrays]:
        return {"kind": self.kind, **{name: getattr(self, name) for name in self.fields}}, {}

    @classmethod
    def unpack(cls, facts: Facts, arrays: Arrays) -> Task:
        return cls(**{name: facts[name] for name in cls.fields})

    def hashed(self) -> Iterator[Any]:
        yield self.kind
        yield from (getattr(self, name) for name in self.fields)
