"""The paper's tasks, and a door for those of Gymnasium.

A finite task is data: adding one means building the arrays of a `TabularMDP` here, and nothing else. Mountain car
is the one task whose dynamics are compiled, because its state is continuous and only its memories are a table.
"""

from dataclasses import dataclass

import numpy as np

from . import _checks
from .mdp import TabularMDP

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

_CIRCLE = {
    "left": {1: (2, 140), 2: (3, -20), 3: (6, -70), 4: (2, 20), 5: (1, -70), 6: (3, 20)},
    "right": {1: (4, 20), 2: (5, -70), 3: (4, -20), 4: (5, -20), 5: (6, -20), 6: (1, -20)},
}


def grid_world(change_at=None, step_limit=10_000):
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
    cells = [tuple(row) for row in layout]
    rows, columns = len(cells), len(cells[0])
    n_states = rows * columns
    next_state = np.empty((n_states, len(_MOVES)), dtype=np.int64)
    flat = np.array(cells).ravel()
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


def planning(moves=3, known_last_move=False):
    """The planning task of Huys et al. (2015), unrolled in the number of moves left (section 4.3).

    Parameters
    ----------
    moves : int
        M, moves of a trial.
    known_last_move : bool
        The last layer has q̄ = r and σ = 1, fixed and free (a variant of the authors' scripts).

    Returns
    -------
    TabularMDP
        State 6·layer + place, layer 0 to M − 1 (places 0 to 5 are the paper's 1 to 6), and one terminal state, 6·M.
    """
    moves = _checks.integer("moves", moves, low=1, high=20)
    known_last_move = _checks.flag("known_last_move", known_last_move)
    places, end = 6, 6 * moves
    next_state = np.full((end + 1, 2), end, dtype=np.int64)
    reward = np.zeros((end + 1, 2))
    for action, circle in enumerate(_CIRCLE.values()):
        for place, (following, gain) in circle.items():
            for layer in range(moves):
                state = places * layer + place - 1
                next_state[state, action] = end if layer == moves - 1 else places * (layer + 1) + following - 1
                reward[state, action] = gain
    start = np.zeros(end + 1)
    start[:places] = 1 / places
    known_q = known_sigma = None
    if known_last_move:
        known_q, known_sigma = np.full((2, end + 1, 2), np.nan)
        known_q[end - places : end], known_sigma[end - places : end] = reward[end - places : end], 1.0
    names = [f"{place} (move {layer + 1})" for layer in range(moves) for place in range(1, places + 1)]
    return TabularMDP(
        next_state, reward, start=start, terminal=[end], known_q=known_q, known_sigma=known_sigma, horizon=moves,
        name="planning", action_names=tuple(_CIRCLE), state_names=(*names, "end"),
    )  # fmt: skip


@dataclass(frozen=True)
class MountainCar:
    """Mountain car with the dynamics of Gymnasium's MountainCar-v0 (section 4.2); made by `mountain_car`.

    The agent sees (round(10 (x + 1.2)), round(100 (v + 0.07))): state 15·i + j of 19 × 15. Positions from 0.55 on are
    beyond the goal, so the last of the 19 rows has no memories.
    """

    start: str = "bottom"
    step_limit: int = 200

    n_positions = 19
    n_velocities = 15
    n_states = n_positions * n_velocities
    n_actions = 3
    name = "mountain-car"
    action_names = ("left", "none", "right")
    state_names = None
    layout = None
    horizon = None
    changes = ()

    def __post_init__(self):
        _checks.choice("start", self.start, ("bottom", "uniform"))
        object.__setattr__(self, "step_limit", _checks.integer("step_limit", self.step_limit, low=1, high=10**9))

    @property
    def terminal(self):
        """Mask of the states in which the agent never acts, shape (states,)."""
        return np.arange(self.n_states) >= (self.n_positions - 1) * self.n_velocities

    @property
    def action_counts(self):
        return np.where(self.terminal, 0, self.n_actions)

    @property
    def exists(self):
        """Mask of the state-action pairs in which the agent can act, shape (states, actions)."""
        return np.repeat(~self.terminal[:, None], self.n_actions, axis=1)

    @property
    def memories(self):
        return self.exists

    @property
    def variants(self):
        return (self,)

    def at(self, episode):
        return self

    def state(self, position, velocity):
        """Table index of a position and a velocity.

        Parameters
        ----------
        position, velocity : float or array of float

        Returns
        -------
        int or array of int
        """
        row = np.rint(10 * (np.asarray(position) + 1.2)).astype(np.int64)
        column = np.rint(100 * (np.asarray(velocity) + 0.07)).astype(np.int64)
        return row * self.n_velocities + column

    @property
    def positions(self):
        """Position at the centre of each row of the table, shape (19,)."""
        return np.arange(self.n_positions) / 10 - 1.2

    @property
    def velocities(self):
        """Velocity at the centre of each column of the table, shape (15,)."""
        return np.arange(self.n_velocities) / 100 - 0.07


def mountain_car(start="bottom", step_limit=200):
    """Mountain car (section 4.2): −1 a step until the car reaches x ≥ 0.5.

    Parameters
    ----------
    start : {"bottom", "uniform"}
        x = −0.5, v = 0 as in the paper, or x uniform in [−0.6, −0.4] as in Gymnasium.
    step_limit : int
        Steps after which an episode is cut off.
    """
    return MountainCar(start=start, step_limit=step_limit)
