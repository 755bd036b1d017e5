"""How long studies will take on the machine at hand: environment steps as measured, pace by a pilot of a second."""

import time

import numpy as np

from .. import Agent, tasks, train

TASKS = {"grid-world": tasks.grid_world, "mountain-car": tasks.mountain_car, "planning": tasks.planning}
PILOT = {"grid-world": (16, 1000), "mountain-car": (16, 150), "planning": (16, 15_000)}
"""Runs and episodes of the pilot in each task: about a third of a second."""

PACE = 13e-9
"""Seconds of one processor for a step of planning, on the machine on which `Study.seconds` was measured."""


def pace(name):
    """Seconds of one processor for an environment step of training in a task."""
    restarts, episodes = PILOT[name]
    began = time.perf_counter()
    result = train(
        TASKS[name](), Agent.table_b1(name), episodes=episodes, restarts=restarts, seed=0, workers=1
    )  # fmt: skip
    return (time.perf_counter() - began) / int(result.steps.sum())


def seconds(studies, quick, workers, paces=None):
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
    needed = sorted({name for study in studies for name in study.steps[quick]} | {"planning"} if studies else ())
    paces = {name: pace(name) for name in needed} if paces is None else paces
    return sum(share(study, quick, paces) for study in studies) / workers


def share(study, quick, paces=None):
    """Processor seconds of a study."""
    paces = dict.fromkeys(TASKS, PACE) if paces is None else paces
    training = sum(steps * paces[name] for name, steps in study.steps[quick].items())
    return training + study.seconds[quick] * paces["planning"] / PACE


def total_steps(studies, quick):
    """Environment steps that studies take, as measured."""
    return float(np.sum([sum(study.steps[quick].values()) for study in studies]))
