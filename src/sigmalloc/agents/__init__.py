"""Agents: their parameters, published values, and rules."""

from .agent import ALLOCATIONS, FIELDS, GRADIENTS, LARGEST_Q, PLANNERS, Agent

__all__ = ["ALLOCATIONS", "FIELDS", "GRADIENTS", "LARGEST_Q", "PLANNERS", "Agent"]
