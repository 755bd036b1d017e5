"""How long studies will take on the machine at hand: environment steps as measured, pace by a pilot of a second."""

import time
from collections.abc import Callable, Sequence

import numpy as np

from .. import tasks, train
from ..tasks import Task
from .parameters import SETS
from .study import Study

TASKS: dict[str, Callable[[], Task]] = {
    "grid-world": tasks.grid_world, "mountain-car": tasks.mountain_car, "planning": tasks.planning,
}  # fmt: skip
PILOT = {"grid-world": (16, 1000), "mountain-car": (16, 150), "planning": (16, 15_000)}
"""Runs and episodes of the pilot in each task: about a third of a second."""

PACE = 13e-9
"""Seconds of one processor for a step of planning, on the machine on which `OTHER` was measured."""

STEPS = {
    "grid": ({"grid-world": 5.0e8}, {"grid-world": 8.7e7}),
    "grid-change": ({"grid-world": 2.4e8}, {"grid-world": 9.6e7}),
    "car": ({"mountain-car": 8e9}, {"mountain-car": 2.1e8}),
    "car-prices": ({"mountain-car": 2.7e9}, {"mountain-car": 1.4e8}),
    "sensitivity": (
        {"grid-world": 8e7, "mountain-car": 8.6e8, "planning": 1.3e8},
        {"grid-world": 1e7, "mountain-car": 5e7, "planning": 1e7},
    ),
    "planning-trajectories": ({"planning": 5.5e8}, {"planning": 1.4e8}),
    "planning-optima": ({}, {}),
    "planning-budgets": ({"planning": 1.8e9}, {"planning": 1.1e8}),
    "planning-moves": ({"planning": 1.2e9}, {"planning": 5.0e7}),
    "planning-noise": ({"planning": 8e6}, {"planning": 2e6}),
    "effort-plane": ({"planning": 4.3e7}, {"planning": 6.4e6}),
    "effort-maze": ({"grid-world": 1e8}, {"grid-world": 4.9e7}),
}
"""Environment steps of every study by task, in full and quick, as measured with seed 0."""

OTHER = {
    "grid-change": (4, 2), "planning-trajectories": (25, 3), "planning-optima": (9, 3), "planning-noise": (2.5, 1),
    "effort-plane": (2.5, 1.2), "effort-maze": (6, 5),
}  # fmt: skip
"""Seconds of one processor for all else than training, where they are more than one."""


def pace(name: str) -> float:
    """Seconds of one processor for an environment step of training in a task."""
    restarts, episodes = PILOT[name]
    began = time.perf_counter()
    result = train(
        TASKS[name](), SETS["table"](name), episodes=episodes, restarts=restarts, seed=0, workers=1
    )  # fmt: skip
    return (time.perf_counter() - began) / int(result.steps.sum())


def seconds(studies: Sequence[Study], quick: bool, workers: int, paces: dict[str, float] | None = None) -> float:
    """Estimated time of studies: their training shared by all threads, and what only one of them can do.

    Parameters
    ----------
    studies : sequence of Study
    quick : bool
    workers : int
    paces : dict of {str: float}, optional
        Seconds per step by task; default: measured now.

    Returns
    -------
    float
    """
    needed = sorted({name for study in studies for name in STEPS[study.name][quick]} | {"planning"} if studies else ())
    paces = {name: pace(name) for name in needed} if paces is None else paces
    return sum(share(study, quick, paces) for study in studies) / workers


def share(study: Study, quick: bool, paces: dict[str, float] | None = None) -> float:
    """Processor seconds of a study."""
    paces = dict.fromkeys(TASKS, PACE) if paces is None else paces
    training = sum(steps * paces[name] for name, steps in STEPS[study.name][quick].items())
    return training + OTHER.get(study.name, (1, 0.5))[quick] * paces["planning"] / PACE


def total_steps(studies: Sequence[Study], quick: bool) -> float:
    """Environment steps that studies take, as measured."""
    return float(np.sum([sum(STEPS[study.name][quick].values()) for study in studies]))
