"""What follows from a task and an agent together: whether they fit, how many paths a trial plans, how long it takes."""

from __future__ import annotations

import math

from .agents import Agent
from .tasks.base import Task


def check(task: Task, agent: Agent) -> None:
    """Raise a ValueError where the agent's fields and the task contradict each other."""
    if task.horizon is None:
        for name, off in (("search_budget", None), ("reward_rate", False), ("planner", "rollouts")):
            value = getattr(agent, name)
            if value != off:
                raise ValueError(f"{name}={value!r} is for planning tasks; {task.name!r} has no horizon")
        return
    if paths(task, agent) < 1:
        raise ValueError(
            f"search_budget={agent.search_budget!r} % is less than one path, "
            f"{100 / task.n_actions**task.horizon:.6g} % for {task.horizon} moves"
        )
    if agent.planner == "depth-first":
        if agent.gradient in ("reinforce", "return"):
            raise ValueError(
                f"gradient={agent.gradient!r} needs planner='rollouts': depth-first paths share their draws"
            )
        if task.n_actions != 2:
            raise ValueError(
                f"planner='depth-first' needs two actions in every state, {task.name!r} has {task.n_actions}"
            )


def paths(task: Task, agent: Agent) -> int:
    """Paths that the search budget pays for (section 4.3): one without a budget."""
    if agent.search_budget is None or task.horizon is None:
        return 1
    return math.floor(agent.search_budget / 100 * task.n_actions**task.horizon + 1e-9)


def trial_time(task: Task, agent: Agent) -> float:
    """Duration of a trial in the reward rate (Eq. 8), or 1 if reward itself is maximised."""
    if not agent.reward_rate or task.horizon is None:
        return 1.0
    return agent.decision_time * paths(task, agent) * task.horizon + agent.non_decision_time
