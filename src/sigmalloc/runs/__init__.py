"""Runs: agents trained and evaluated on tasks, and what comes of it."""

from .divergence import DivergenceError
from .evaluate import Evaluation, evaluate
from .policy import Policy
from .result import Result
from .schedule import Schedule
from .simulate import replay, simulate
from .train import train
from .trials import Trials

__all__ = [
    "DivergenceError", "Evaluation", "Policy", "Result", "Schedule", "Trials", "evaluate", "replay", "simulate",
    "train",
]  # fmt: skip
