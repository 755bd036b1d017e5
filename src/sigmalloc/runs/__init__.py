"""Runs: agents trained and evaluated on tasks, and what comes of it."""

from .cutoffs import CutOffWarning
from .divergence import DivergenceError
from .evaluate import Evaluation, evaluate
from .policy import Policy
from .result import Result
from .schedule import Schedule
from .simulate import replay, simulate
from .train import train
from .trials import Trials

__all__ = [
    "CutOffWarning", "DivergenceError", "Evaluation", "Policy", "Result", "Schedule", "Trials", "evaluate", "replay",
    "simulate", "train",
]  # fmt: skip
