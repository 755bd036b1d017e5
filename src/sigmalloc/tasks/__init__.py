"""Tasks: those of the paper, and a door for those of Gymnasium, one file each."""

from .gymnasium import from_gymnasium, newest_gymnasium_id
from .maze import grid_world, maze
from .mountain_car import MountainCar, mountain_car
from .planning import planning
from .tabular import TabularMDP

__all__ = [
    "MountainCar", "TabularMDP", "from_gymnasium", "grid_world", "maze", "mountain_car", "newest_gymnasium_id",
    "planning",
]  # fmt: skip
