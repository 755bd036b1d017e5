"""sigmalloc: agents that spend limited memory precision where it pays.

The Dynamic Resource Allocator (Patel, Acerbi and Pouget, NeurIPS 2020) with a compiled core::

    import sigmalloc as sm

    task = sm.tasks.grid_world()
    agent = sm.Agent.table_b1("grid-world")
    result = sm.train(task, agent, episodes=5000, restarts=5, seed=0, evaluate_every=100)
    sm.plot.convergence(result)
"""

import importlib
from typing import Any

__version__ = "0.1.0"

from . import agents, metrics, tasks
from .agents import Agent
from .pairing import ScaleWarning
from .runs import (
    CutOffWarning,
    DivergenceError,
    Evaluation,
    Policy,
    Result,
    Schedule,
    Trials,
    evaluate,
    replay,
    simulate,
    train,
)
from .tasks import TabularMDP

__all__ = [
    "Agent", "CutOffWarning", "DivergenceError", "Evaluation", "Policy", "Result", "ScaleWarning", "Schedule",
    "TabularMDP", "Trials", "agents", "evaluate", "exact", "fit", "metrics", "open_sweep", "plot", "replay", "simulate",
    "sweep", "tasks", "train",
]  # fmt: skip

# What needs matplotlib or SciPy is imported when it is first used.
_LAZY_MODULES = ("plot", "exact", "fit")
_LAZY_FUNCTIONS = {"sweep": "sweeps", "open_sweep": "sweeps"}


def __getattr__(name: str) -> Any:
    if name in _LAZY_MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name in _LAZY_FUNCTIONS:
        return getattr(importlib.import_module(f".{_LAZY_FUNCTIONS[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
