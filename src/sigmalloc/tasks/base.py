"""What every task is: the protocol that all layers above rely on, and nothing else."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np


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

    x: np.ndarray
    y: np.ndarray
    x_label: str
    y_label: str
    x_goal: float | None = None


class Task(abc.ABC):
    """A task: who is asked what it is answers here, not by its type.

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
    memories : array of bool, shape (states, actions)
        Where it has a memory that is allocated.
    variants : tuple of Task
        The task and those it changes to, in order.
    changes : tuple of (int, Task)
    horizon : int or None
        Moves of every episode, where paths can be planned.
    finite : bool
        Whether it is a table of outcomes, so that exact results exist.
    geometry : Maze, Plane or None
        How its states lie, for plots.
    action_names, state_names : tuple of str or None
    """

    finite: bool
    geometry: Maze | Plane | None

    @abc.abstractmethod
    def at(self, episode: int) -> Task:
        """The variant in force in an episode (counted from 0)."""

    @abc.abstractmethod
    def unchanging(self) -> Task:
        """The task without its changes."""
