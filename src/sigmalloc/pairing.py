"""What follows from a task and an agent together: whether they fit, how many paths a trial plans, how long it takes."""

from __future__ import annotations

import math

from .agents import Agent
from .tasks.base import Task

LARGEST_PATHS = 2**31  # of a trial
LARGEST_SEARCH = 2**20  # paths of a depth-first trial, all of which lie between two recalls


def check(task: Task, agent: Agent) -> None:
    """Raise a ValueError where the agent's fields and the task contradict each other."""
    if task.horizon is None:
        for name, off in (("search_budget", None), ("reward_rate", False), ("planner", "rollouts")):
            value = getattr(agent, name)
            if value != off:
                raise ValueError(f"{name}={value!r} is for planning tasks; {task.name!r} has no horizon")
        return
    n_paths = paths(task, agent)
    if agent.learns_effort and agent.depth_first and n_paths > 1:
        raise ValueError(
            f"learn_samples={agent.learn_samples!r} needs planner='rollouts', or one path: depth-first paths share "
            "their draws"
        )
    if n_paths < 1:
        raise ValueError(
            f"search_budget={agent.search_budget!r} % is less than one path, "
            f"{100 / float(task.n_actions) ** task.horizon:.6g} % for {task.horizon} moves"
        )
    largest = LARGEST_SEARCH if agent.depth_first else LARGEST_PATHS
    if n_paths > largest:
        raise ValueError(
            f"search_budget={agent.search_budget!r} % of {task.n_actions}^{task.horizon} paths is more than the "
            f"{largest} that a trial of planner={agent.planner!r} may have"
        )
    if agent.planner not in agent.gradient_rule.planners:
        raise ValueError(f"gradient={agent.gradient!r} needs planner='rollouts': depth-first paths share their draws")
    if agent.depth_first and task.n_actions != 2:
        raise ValueError(f"planner='depth-first' needs two actions in every state, {task.name!r} has {task.n_actions}")


def paths(task: Task, agent: Agent) -> int:
    """Paths that the search budget pays for (section 4.3): one without a budget."""
    if agent.search_budget is None or task.horizon is None:
        return 1
    budget = agent.search_budget / 100
    if task.horizon * math.log2(task.n_actions) > 52:  # more than a float counts
        return math.floor(budget * 2**52) * (task.n_actions**task.horizon // 2**52)
    return math.floor(budget * task.n_actions**task.horizon + 1e-9)


def trial_time(task: Task, agent: Agent) -> float:
    """Duration of a trial in the reward rate (Eq. 8), or 1 if reward itself is maximised.

    Every one of the agent's ``samples`` takes a_dec; where their number is learned, that is the duration at its start.
    """
    if not agent.reward_rate or task.horizon is None:
        return 1.0
    return planning_time(task, agent) * agent.samples + agent.non_decision_time


def planning_time(task: Task, agent: Agent) -> float:
    """Time that the states visited in a trial take, with one sample each: a_dec · paths · moves."""
    return agent.decision_time * paths(task, agent) * (task.horizon or 0)


def time_of_sample(task: Task, agent: Agent) -> float:
    """What a sample adds to the duration of an episode: a_dec in the reward rate of planning (Eq. 8), or t_sample."""
    return agent.decision_time if agent.reward_rate and task.horizon is not None else agent.sample_time


def is_rated(task: Task, agent: Agent) -> bool:
    """Whether learned effort changes the time of a trial whose reward rate is maximised."""
    return agent.reward_rate and task.horizon is not None and agent.learns_effort
