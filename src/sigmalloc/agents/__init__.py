"""Agents: their parameters, published values, schedules and rules."""

from .agent import FIELDS, LARGEST_Q, LATER, SMALLEST_BETA, Agent
from .rules import ALLOCATIONS, GRADIENTS, PLANNERS, Allocation, Gradient, Planner
from .schedules import Exponential, Points, linear

__all__ = [
    "ALLOCATIONS", "FIELDS", "GRADIENTS", "LARGEST_Q", "LATER", "PLANNERS", "SMALLEST_BETA", "Agent", "Allocation",
    "Exponential", "Gradient", "Planner", "Points", "linear",
]  # fmt: skip
