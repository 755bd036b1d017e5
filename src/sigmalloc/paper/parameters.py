"""The two sets of parameters that claims are judged with, and the agents that are compared in each."""

from __future__ import annotations

from collections.abc import Callable

from ..agents import Agent

SETS: dict[str, Callable[..., Agent]] = {"table": Agent.table_b1, "scripts": Agent.scripts}
"""Parameter sets: Table B.1, and the authors' published scripts."""


def comparison_agents(agent: Agent) -> dict[str, Agent]:
    """DRA and the two agents it is compared with: one shared σ, and precision for nothing."""
    return {"DRA": agent, "equal": agent.replace(allocation="equal"), "free": agent.replace(lam=0.0)}
