"""Distances in the maze of Figure 1, before and after its change."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ... import tasks


@cache
def _task(change_at: int) -> Any:
    return tasks.grid_world(change_at=change_at)


def _distances(task: Any, sources: Any) -> Any:
    """Fewest steps from each cell to the sources; infinite where there is no way."""
    following = task.next_state[:, :, 0]
    steps = np.where(sources, 0.0, np.inf)
    for _ in range(task.n_states):
        steps = np.minimum(steps, np.where(task.terminal, np.inf, 1 + steps[following].min(axis=1)))
    return steps


def distance_to_goal(episode: int, change_at: int) -> Any:
    """Fewest steps to the goal of the task in force in an episode, shape (states,)."""
    task = _task(change_at).at(episode)
    return _distances(task, np.array([cell == "G" for cell in "".join(task.layout)]))


def shortest_paths(episode: int, change_at: int) -> Any:
    """Mask of the cells on a shortest path from start to goal in which the agent acts, shape (states,)."""
    task = _task(change_at).at(episode)
    to_goal = distance_to_goal(episode, change_at)
    from_start = np.where(task.start > 0, 0.0, np.inf)
    following = task.next_state[:, :, 0]
    for _ in range(task.n_states):
        reached = from_start.copy()
        for action in range(task.n_actions):
            np.minimum.at(reached, following[:, action], np.where(task.terminal, np.inf, from_start + 1))
        from_start = reached
    return (from_start + to_goal == to_goal[task.start > 0].min()) & ~task.terminal


def open_cells(change_at: int) -> Any:
    """Mask of the cells in which the agent can act both before and after the change, shape (states,)."""
    return np.logical_and.reduce([~variant.terminal for variant in _task(change_at).variants])
