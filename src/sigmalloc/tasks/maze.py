"""Mazes: the paper's grid-world (section 4.1), and any that is drawn in characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _checks
from .construct import ACTIONS, OUTCOMES, check_options
from .registry import register
from .tabular import TabularMDP

_MAZE = (
    ".......#G",
    "..#....#.",
    "S.#....#.",
    "..#......",
    ".....#...",
    ".........",
)  # fmt: skip
_CHANGED_MAZE = (
    "......G..",
    "..#....#.",
    "S.#....#.",
    "..#......",
    ".....#...",
    ".........",
)  # fmt: skip
_MOVES = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
_CELLS = {
    "#": "wall", "S": "start", "G": "goal", "H": "hole", "F": "free, as in FrozenLake's maps", ".": "free",
}  # fmt: skip


@register("grid-world")
def grid_world(change_at: int | None = None, step_limit: int = 10_000) -> TabularMDP:
    """Mattar and Daw's maze: 6 × 9 cells, −1 a step, +10 for entering the goal (section 4.1).

    Parameters
    ----------
    change_at : int, optional
        Episode (counted from 0) from which the wall (0, 7) is gone and the goal is at (0, 6). The paper has 3000.
    step_limit : int
        Steps after which an episode is cut off.

    Returns
    -------
    TabularMDP
        State 9·row + column. Optimal return −3, and +3 after the change.
    """
    changes = []
    if change_at is not None:
        change_at = _checks.integer("change_at", change_at, low=1)
        changes = [(change_at, maze(_CHANGED_MAZE, step_limit=step_limit, name="grid-world (changed)"))]
    return maze(_MAZE, step_limit=step_limit, changes=changes, name="grid-world")


def maze(
    layout: Sequence[str],
    *,
    step_reward: float = -1.0,
    goal_reward: float = 10.0,
    rooms: Sequence[str] | None = None,
    name: str = "maze",
    **keywords: Any,
) -> TabularMDP:
    """A maze drawn in characters.

    Parameters
    ----------
    layout : sequence of str
        "#" wall, "S" start, "G" goal, "H" hole, "." free (or "F", as in FrozenLake's maps). A blocked move stays where
        it is. An episode ends in a goal and in a hole; entering a hole has the reward of a step. Several starts are
        equally probable.
    step_reward, goal_reward : float
        Reward of a step, and of the step that enters a goal instead.
    rooms : sequence of str, optional
        A drawing of the same shape, with the same character in all cells of a room: instead of a memory for each cell
        and action there is one for each room and action (state aggregation, [1]_). What is drawn on walls, goals and
        holes does not matter. Rooms are numbered by their characters in order, so a maze that changes keeps its
        memories if both drawings have the same rooms.
    **keywords
        As for `TabularMDP`.

    Returns
    -------
    TabularMDP
        State columns·row + column; actions up, down, left, right.

    Raises
    ------
    ValueError
        If the drawing is not rectangular, has any other character, or has no start and none is given; if ``rooms`` has
        another shape.

    References
    ----------
    .. [1] Singh, S. P., Jaakkola, T. and Jordan, M. I. (1995). Reinforcement learning with soft state aggregation.
       Advances in Neural Information Processing Systems 7, 361-368.
    """
    own = ("step_reward", "goal_reward", "rooms", "name")
    check_options(TabularMDP, keywords, (*OUTCOMES, *ACTIONS, "terminal", "layout"), "layout", own)
    rows = _drawn(layout)
    step_reward, goal_reward = _checks.real("step_reward", step_reward), _checks.real("goal_reward", goal_reward)
    height, width = len(rows), len(rows[0])
    flat = np.array([tuple(row) for row in rows]).ravel()
    row, column = np.divmod(np.arange(flat.size), width)
    next_state = np.empty((flat.size, len(_MOVES)), dtype=np.int64)
    for action, (down, right) in enumerate(_MOVES.values()):
        to_row, to_column = (row + down).clip(0, height - 1), (column + right).clip(0, width - 1)
        there = to_row * width + to_column
        next_state[:, action] = np.where(flat[there] == "#", np.arange(flat.size), there)
    reward = np.where(flat[next_state] == "G", goal_reward, step_reward)
    if "start" not in keywords:
        starts = flat == "S"
        if not starts.any():
            raise ValueError("layout has no start: draw an 'S', or give start=")
        keywords["start"] = starts / starts.sum()
    keywords.setdefault("action_names", tuple(_MOVES))
    terminal = np.isin(flat, ("#", "G", "H"))
    if rooms is not None:
        if keywords.get("memory_map") is not None:
            raise ValueError("rooms and memory_map say the same: give one of them")
        keywords["memory_map"] = _shared(rooms, rows, terminal)
    return TabularMDP(next_state, reward, terminal=terminal, layout=rows, name=name, **keywords)


def _drawn(layout: Sequence[str]) -> tuple[str, ...]:
    rows = _checks.sequence("layout", layout)
    if not rows or not all(isinstance(row, str) and row and len(row) == len(rows[0]) for row in rows):
        raise ValueError(f"layout must be strings of equal length, got {_checks.shown(layout)}")
    for i, row in enumerate(rows):
        for j, cell in enumerate(row):
            if cell not in _CELLS:
                allowed = ", ".join(f"{known!r} ({what})" for known, what in _CELLS.items())
                hint = f"; did you mean {cell.upper()!r}?" if cell.upper() in _CELLS else ""
                raise ValueError(f"layout: {cell!r} in row {i}, column {j} is none of {allowed}{hint}")
    return tuple(str(row).replace("F", ".") for row in rows)


def _shared(rooms: Sequence[str], rows: Sequence[str], terminal: _checks.Mask) -> _checks.Integers:
    """The memory of each cell and action: one for each room and action."""
    drawn = _checks.sequence("rooms", rooms)
    if [len(row) if isinstance(row, str) else None for row in drawn] != [len(row) for row in rows]:
        raise ValueError(
            f"rooms must be {len(rows)} strings of {len(rows[0])} characters, as layout, got {_checks.shown(rooms)}"
        )
    letters = np.array([tuple(row) for row in drawn]).ravel()
    names = np.unique(letters[~terminal])
    number = np.searchsorted(names, letters)
    index = number[:, None] * len(_MOVES) + np.arange(len(_MOVES))
    return np.where(terminal[:, None], -1, index)
