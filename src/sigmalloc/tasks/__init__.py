"""Tasks: those of the paper, those of memory experiments, and a door for those of Gymnasium, one file each.

Every module of this package is imported, so that a further task is one further file.
"""

import importlib
import pkgutil

from . import registry
from .bandit import bandit
from .base import Maze, Plane, Task
from .gymnasium import from_gymnasium, newest_gymnasium_id
from .maze import grid_world, maze
from .mountain_car import MountainCar, mountain_car
from .planning import planning
from .registry import make
from .slot_machines import slot_machines
from .tabular import TabularMDP
from .two_alternatives import two_alternatives
from .two_step import two_step

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = [
    "Maze", "MountainCar", "Plane", "TabularMDP", "Task", "bandit", "from_gymnasium", "grid_world", "make", "maze",
    "mountain_car", "newest_gymnasium_id", "planning", "registry", "slot_machines", "two_alternatives", "two_step",
]  # fmt: skip
