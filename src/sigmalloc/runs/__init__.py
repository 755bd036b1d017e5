"""Runs: agents trained and evaluated on tasks, and what comes of it."""

from .divergence import DivergenceError
from .evaluate import Evaluation, evaluate
from .result import Result
from .schedule import Schedule
from .train import train

__all__ = ["DivergenceError", "Evaluation", "Result", "Schedule", "evaluate", "train"]
