"""Mountain car (section 4.2): a continuous state whose memories are a table."""

from dataclasses import dataclass

import numpy as np

from .. import _checks
from .base import Plane, Task


@dataclass(frozen=True)
class MountainCar(Task):
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
    finite = False

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

    def unchanging(self):
        return self

    @property
    def geometry(self):
        return Plane(self.positions, self.velocities, "position", "velocity (per step)", x_goal=0.5)

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
