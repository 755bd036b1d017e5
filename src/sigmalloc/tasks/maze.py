"""Mazes: the paper's grid-world (section 4.1), and any that is drawn in characters."""

import numpy as np

from .. import _checks
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


def maze(layout, *, step_reward=-1.0, goal_reward=10.0, name="maze", **keywords):
    """A maze drawn in characters.

    Parameters
    ----------
    layout : sequence of str
        "#" wall, "S" start, "G" goal, "." free. A blocked move stays where it is.
    step_reward, goal_reward : float
        Reward of a step, and of the step that enters a goal instead.
    **keywords
        As for `TabularMDP`.
    """
    cells = _checks.sequence("layout", layout)
    if not cells or not all(isinstance(row, str) and row and len(row) == len(cells[0]) for row in cells):
        raise ValueError(f"layout must be strings of equal length, got {layout!r}")
    step_reward, goal_reward = _checks.real("step_reward", step_reward), _checks.real("goal_reward", goal_reward)
    rows, columns = len(cells), len(cells[0])
    n_states = rows * columns
    next_state = np.empty((n_states, len(_MOVES)), dtype=np.int64)
    flat = np.array([tuple(row) for row in cells]).ravel()
    for state in range(n_states):
        row, column = divmod(state, columns)
        for action, (down, right) in enumerate(_MOVES.values()):
            to_row, to_column = row + down, column + right
            inside = 0 <= to_row < rows and 0 <= to_column < columns
            open_ = inside and cells[to_row][to_column] != "#"
            next_state[state, action] = to_row * columns + to_column if open_ else state
    reward = np.where(flat[next_state] == "G", goal_reward, step_reward)
    starts = flat == "S"
    keywords.setdefault("start", starts / max(1, starts.sum()))
    keywords.setdefault("action_names", tuple(_MOVES))
    return TabularMDP(next_state, reward, terminal=np.isin(flat, ("#", "G")), layout=layout, name=name, **keywords)
