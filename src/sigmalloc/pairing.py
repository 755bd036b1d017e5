"""What follows from a task and an agent together: whether they fit, how many paths a trial plans, how long it takes."""

from __future__ import annotations

import math
import warnings
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _checks
from .agents import Agent
from .tasks.base import Task

LARGEST_PATHS = 2**31  # of a trial
LARGEST_SEARCH = 2**20  # paths of a depth-first trial, all of which lie between two recalls
LARGE_CALL = 1000  # episodes from which on it is worth while to look at the scale of a task
LARGEST_SCALED = 100_000  # memories of which q* is a matter of a second
TOO_WIDE = 4.0  # σ_base, in ranges of q*: 0.33 and 0.43 are published (Table B.1)
TOO_DEAR = 0.2  # λ, in ranges of q*: 0.013 and 0.0043 are published
TOO_NARROW = 0.05  # σ_base, in differences between the actions of a state


class ScaleWarning(UserWarning):
    """σ_base and λ are of another order of magnitude than what can be earned."""


def check(task: Task, agent: Agent) -> None:
    """Raise a ValueError where the agent's fields and the task contradict each other."""
    if task.horizon is None:
        for name, off in (
            ("search_budget", None), ("reward_rate", False), ("planner", "rollouts"), ("learn_search_budget", False),
        ):  # fmt: skip
            value = getattr(agent, name)
            if value != off:
                raise ValueError(f"{name}={value!r} is for planning tasks; {task.name!r} has no horizon")
        return
    n_paths = paths(task, agent)
    if n_paths < 1:
        raise ValueError(
            f"search_budget={agent.search_budget!r} % is less than one path, "
            f"{100 / float(task.n_actions) ** task.horizon:.6g} % for {task.horizon} moves"
        )
    largest = LARGEST_SEARCH if agent.depth_first else LARGEST_PATHS
    if most_paths(task, agent) > largest:
        name = "search_budget_max" if agent.learn_search_budget else "search_budget"
        raise ValueError(
            f"{name}={getattr(agent, name)!r} % of {task.n_actions}^{task.horizon} paths is more than the "
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
        return math.floor(budget * 2**52) * int(task.n_actions**task.horizon // 2**52)
    return math.floor(budget * float(task.n_actions**task.horizon) + 1e-9)


def leaves(task: Task) -> float:
    """Paths that a search budget of 100 % pays for, as a number: 1 where nothing is planned."""
    depth = task.horizon or 0
    return float(task.n_actions**depth) if depth * math.log2(task.n_actions) < 1000 else math.inf


def start_budget(task: Task, agent: Agent) -> float:
    """b in %, which is that of one path where none is given; NaN where nothing is planned."""
    if task.horizon is None:
        return math.nan
    return 100 / leaves(task) if agent.search_budget is None else agent.search_budget


def most_paths(task: Task, agent: Agent) -> int:
    """Paths that a trial may have or, where the budget is learned, come to have."""
    if not agent.learn_search_budget or task.horizon is None:
        return paths(task, agent)
    return math.ceil(min(agent.search_budget_max * leaves(task) / 100, 2.0**62))


def checked_samples(task: Task, given: Any, restarts: int | None = None) -> npt.NDArray[np.float64]:
    """Effort n(s) of every state, (states,) or (restarts, states), from one number or an array.

    Raises
    ------
    ValueError
        If it has another shape, or is less than 1 where there is a choice.
    """
    samples = _checks.numeric("samples", given).astype(np.float64)
    shapes = [(task.n_states,)] if restarts is None else [(task.n_states,), (restarts, task.n_states)]
    if samples.shape not in ((), *shapes):
        raise ValueError(f"samples must be a number or have shape {' or '.join(map(str, shapes))}, got {samples.shape}")
    held = np.broadcast_to(samples, shapes[-1]).copy()
    acting = held[..., task.exists.any(axis=1)]
    if not (np.isfinite(acting) & (acting >= 1)).all():
        raise ValueError(f"samples must be finite and at least 1 in every state, got {acting.min():g}")
    return held


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
    """Whether learned effort or a learned budget change the time of a trial whose reward rate is maximised."""
    return agent.reward_rate and task.horizon is not None and (agent.learns_effort or agent.learn_search_budget)


_scales: weakref.WeakKeyDictionary[Task, dict[float, tuple[float, float, float] | None]] = weakref.WeakKeyDictionary()


def _scale(task: Task, gamma: float) -> tuple[float, float, float] | None:
    """Least and largest q* of a task, and how far the actions of a state are apart; found once for a task."""
    known = _scales.setdefault(task, {})
    if gamma not in known:
        known[gamma] = _found_scale(task, gamma)
    return known[gamma]


def _found_scale(task: Task, gamma: float) -> tuple[float, float, float] | None:
    if not task.finite or task.n_memories > LARGEST_SCALED:
        return None
    finite: Any = task.unchanging()
    try:
        q = finite.optimal_q(gamma)
    except ValueError:  # reward can be collected for ever
        return None
    table = np.where(task.exists & np.isfinite(q), q, np.nan)
    acting = ~np.isnan(table).all(axis=1)
    if not acting.any():
        return None
    low, high = float(np.nanmin(table)), float(np.nanmax(table))
    spread = np.nanmax(table[acting], axis=1) - np.nanmin(table[acting], axis=1)
    hangs = float(np.median(spread[spread > 0])) if (spread > 0).any() else 0.0
    return (low, high, hangs) if high > low else None


def scale_warning(task: Task, agent: Agent) -> str | None:
    """What to say if σ_base and λ are out of scale for a task's rewards, or None.

    Rewards have no natural unit: multiplied by k they make the same task, for an agent of which all that is in units of
    reward is multiplied by k (initial q̄, σ_base, σ₀, bounds of σ, λ, α₂, ω), and β and the step sizes of n and b are
    divided by k. What they are measured against is the range of q*, and the median difference between the best and the
    worst action of a state.

    Parameters
    ----------
    task : Task
        Tasks without a table of outcomes, without q*, or of more than 100,000 memories are not looked at.
    agent : Agent

    Returns
    -------
    str or None
    """
    scale = _scale(task, agent.gamma)
    if scale is None:
        return None
    low, high, hangs = scale
    extent, lam = high - low, agent.at("lam", 0)
    faults = []
    if agent.sigma_base > TOO_WIDE * extent:
        faults.append(f"sigma_base={agent.sigma_base:.4g} is {agent.sigma_base / extent:.2g} times that")
    if lam > TOO_DEAR * extent:
        faults.append(f"a nat costs lam={lam:.3g}, {lam / extent:.2g} of it")
    if faults:
        hint = f"; {_rescaled(agent, extent / agent.sigma_base)}" if agent.sigma_base > TOO_WIDE * extent else ""
        return (
            f"out of scale: q* of {task.name!r} spans {extent:.3g} ({low:.3g} to {high:.3g}), but "
            f"{' and '.join(faults)}{hint}"
        )
    if agent.sigma_base < TOO_NARROW * hangs:
        return (
            f"out of scale: the actions of a state of {task.name!r} differ by {hangs:.3g} in q* (median), so with "
            f"sigma_base={agent.sigma_base:.4g} a memory that costs nothing is precise; "
            f"{_rescaled(agent, hangs / agent.sigma_base)}"
        )
    return None


def _rescaled(agent: Agent, factor: float) -> str:
    """The same agent in other units of reward, as fields to set."""
    multiplied = ["sigma_base", "sigma_0", "sigma_min", "sigma_max", "lam", "learning_rate_sigma", "q_init"]
    multiplied.append("opportunity_cost")
    divided = ["beta", "beta_0"]
    divided += ["learning_rate_samples"] * (agent.learn_samples != "no")
    divided += ["learning_rate_search_budget"] * agent.learn_search_budget
    scaled = {}
    for name in multiplied + divided:
        value = getattr(agent, name)
        by = factor if name in multiplied else 1 / factor
        if isinstance(value, tuple):
            scaled[name] = "(" + ", ".join(f"{each * by:.3g}" for each in value) + ")"
        elif isinstance(value, float) and value:  # not a schedule
            scaled[name] = f"{value * by:.3g}"
    return "in its units this agent has " + ", ".join(f"{name}={value}" for name, value in scaled.items())


def warn_of_scale(task: Task, agent: Agent, stacklevel: int = 2) -> None:
    """Give a `ScaleWarning` in the name of the caller's caller, where there is something to say."""
    found = scale_warning(task, agent)
    if found is not None:
        warnings.warn(found, ScaleWarning, stacklevel=stacklevel + 1)
