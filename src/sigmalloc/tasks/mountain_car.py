"""Mountain car (section 4.2): a continuous state whose memories are a table.

Its dynamics are compiled: `_kernel/dynamics/mountain_car.pxd`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from .. import _checks
from ..elementary import cosine
from .base import ContinuousTask, Plane, Stream, World
from .registry import register

Start = Literal["bottom", "uniform"]
STARTS = ("bottom", "uniform")


@dataclass(frozen=True)
class MountainCar(ContinuousTask):
    """Mountain car with the dynamics of Gymnasium's MountainCar-v0 (section 4.2); made by `mountain_car`.

    The agent sees (round(10 (x + 1.2)), round(100 (v + 0.07))): state 15·i + j of 19 × 15. Positions from 0.55 on are
    beyond the goal, so the last of the 19 rows has no memories.
    """

    start: str = "bottom"
    step_limit: int = 200

    kind = "mountain-car"
    dynamics = "mountain_car"
    fields = ("start", "step_limit")
    n_positions = 19
    n_velocities = 15
    n_states = n_positions * n_velocities
    n_actions = 3
    name = "mountain-car"
    action_names = ("left", "none", "right")
    body_names = ("position", "velocity")

    def __post_init__(self) -> None:
        _checks.choice("start", self.start, STARTS)
        object.__setattr__(self, "step_limit", _checks.integer("step_limit", self.step_limit, low=1, high=10**9))

    @property
    def option(self) -> int:
        return STARTS.index(self.start)

    @property
    def terminal(self) -> npt.NDArray[np.bool_]:  # type: ignore[override]
        """Mask of the states in which the agent never acts, shape (states,)."""
        return np.arange(self.n_states) >= (self.n_positions - 1) * self.n_velocities

    @property
    def exists(self) -> npt.NDArray[np.bool_]:  # type: ignore[override]
        """Mask of the state-action pairs in which the agent can act, shape (states, actions)."""
        return np.repeat(~self.terminal[:, None], self.n_actions, axis=1)

    @property
    def action_counts(self) -> npt.NDArray[np.int64]:
        counts: npt.NDArray[np.int64] = self.exists.sum(axis=1)
        return counts

    @property
    def geometry(self) -> Plane:
        return Plane(self.positions, self.velocities, "position", "velocity (per step)", x_goal=0.5)

    def worlds(self) -> tuple[World, ...]:
        return (Car(self),)

    def state(self, position: npt.ArrayLike, velocity: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Table index of a position and a velocity.

        Parameters
        ----------
        position, velocity : float or array of float

        Returns
        -------
        int or array of int
        """
        x, v = _checks.numeric("position", position), _checks.numeric("velocity", velocity)
        for name, given, low, high in (("position", x, -1.2, 0.6), ("velocity", v, -0.07, 0.07)):
            if not ((given >= low) & (given <= high)).all():
                raise ValueError(f"{name} must be in [{low}, {high}], got {_checks.shown(given)}")
        if x.ndim and v.ndim and x.shape != v.shape:
            raise ValueError(f"position and velocity must have one shape, got {x.shape} and {v.shape}")
        row = np.rint(10 * (x + 1.2)).astype(np.int64)
        column = np.rint(100 * (v + 0.07)).astype(np.int64)
        state: npt.NDArray[np.int64] = row * self.n_velocities + column
        return state

    @property
    def positions(self) -> npt.NDArray[np.float64]:
        """Position at the centre of each row of the table, shape (19,)."""
        return np.arange(self.n_positions) / 10 - 1.2

    @property
    def velocities(self) -> npt.NDArray[np.float64]:
        """Velocity at the centre of each column of the table, shape (15,)."""
        return np.arange(self.n_velocities) / 100 - 0.07


@register("mountain-car")
def mountain_car(start: Start = "bottom", step_limit: int = 200) -> MountainCar:
    """Mountain car (section 4.2): −1 a step until the car reaches x ≥ 0.5.

    Parameters
    ----------
    start : {"bottom", "uniform"}
        x = −0.5, v = 0 as in the paper, or x uniform in [−0.6, −0.4] as in Gymnasium.
    step_limit : int
        Steps after which an episode is cut off.
    """
    return MountainCar(start=start, step_limit=step_limit)


def drive(position: float, velocity: float, action: int) -> tuple[float, float]:
    """One step of mountain car, as the kernel computes it: position and velocity."""
    velocity = velocity + ((action - 1) * 0.001 + cosine(3.0 * position) * -0.0025)
    velocity = min(max(velocity, -0.07), 0.07)
    position = min(max(position + velocity, -1.2), 0.6)
    return position, 0.0 if position == -1.2 and velocity < 0.0 else velocity


class Car:
    """Mountain car as an environment of the twin."""

    def __init__(self, task: MountainCar) -> None:
        self.task = task
        self.position, self.velocity = -0.5, 0.0

    def begin(self, stream: Stream) -> int:
        """Start an episode: its state."""
        self.position, self.velocity = -0.5, 0.0
        if self.task.start == "uniform":
            self.position = -0.6 + 0.2 * stream.uniform()
        return self._cell()

    def step(
        self, state: int, action: int, stream: Stream, episode: int = 0, rewarded: bool = True
    ) -> tuple[int, float, bool]:
        """Act: next state, reward, and whether the episode ends there."""
        self.position, self.velocity = drive(self.position, self.velocity, action)
        return self._cell(), -1.0, self.position >= 0.5

    def _cell(self) -> int:
        return 15 * round(10.0 * (self.position + 1.2)) + round(100.0 * (self.velocity + 0.07))
