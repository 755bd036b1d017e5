"""Checks of what `train`, `evaluate` and their twins are given."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _checks, pairing
from ..agents import LARGEST_Q, Agent
from ..tasks.base import Task, how_to_make_one

Floats = npt.NDArray[np.float64]
LARGEST_RUNS = 10**7  # of a call: half a minute of seeding, and gigabytes; more are for sweeps to cut up


def check_task_and_agent(task: object, agent: object, training: bool = True) -> None:
    """Raise a ValueError where they are not what they should be, or contradict each other."""
    task = checked_task(task)
    if not isinstance(agent, Agent):
        raise ValueError(f"agent must be an Agent, got {_checks.shown(agent)}")
    pairing.check(task, agent)
    if training and not (agent.learn_q or agent.learns_offline):
        raise ValueError("learn_q=False with allocation='fixed': nothing would be learned; use evaluate")


def checked_task(task: object) -> Task:
    """A task, or a ValueError that says how to make one."""
    if not isinstance(task, Task):
        raise ValueError(
            f"task must be a TabularMDP or one of sigmalloc.tasks, got {_checks.shown(task)}{how_to_make_one(task)}"
        )
    return task


def checked_episodes(task: Task, episodes: int, first: int = 0) -> None:
    """Raise a ValueError if a task does not say what happens in so many learning episodes."""
    if task.episode_limit is not None and first + episodes > task.episode_limit:
        raise ValueError(
            f"episodes: {task.name!r} lays down {task.episode_limit} learning episodes (by starts or "
            f"rewards_by_episode), got {first + episodes}"
        )


def checked_seed(seed: object, rng: object = None) -> int:
    """The seed that was given, drawn from a generator, or drawn from the system."""
    if rng is not None:
        if seed is not None:
            raise ValueError("seed and rng say the same: give one of them")
        return int(_checks.generator("rng", rng).integers(2**63))
    return secrets.randbits(63) if seed is None else _checks.seed("seed", seed)


def checked_memories(
    task: Task, agent: Agent, q: Any, sigma: Any, restarts: int, shared: bool = True
) -> tuple[Floats | None, Floats | None]:
    """q̄ and σ of the memories, (restarts, memories), or None where they are not given; read-only."""
    if q is not None:
        q = _values("q", q, task, restarts)
        if not (np.abs(q) < LARGEST_Q).all():
            raise ValueError(f"q must be finite, and within ±{LARGEST_Q:g}, for every memory")
    elif not agent.learn_q:
        raise ValueError("learn_q=False needs q, the q̄ to be used")
    if sigma is not None:
        if shared and agent.allocation_rule.one_scale:
            raise ValueError(f"sigma cannot be given with allocation={agent.allocation!r}: its one scale is sigma_0")
        sigma = _values("sigma", sigma, task, restarts, agent.sigma_base)
        if not ((sigma > 0) & (sigma <= LARGEST_Q)).all():
            raise ValueError(f"sigma must be finite, above 0 and at most {LARGEST_Q:g} for every memory")
    shape = (restarts, task.n_memories)
    q, sigma = (None if values is None else np.broadcast_to(values, shape) for values in (q, sigma))
    return q, sigma


def memory_values(name: str, given: Any, task: Task, restarts: int, elsewhere: float = 0.0) -> Floats:
    """The values of the memories, (restarts, memories), from those of states and actions or of memories; read-only.

    Raises
    ------
    ValueError
        If the shape is another, or (state, action) that share a memory do not agree.
    """
    return np.broadcast_to(_values(name, given, task, restarts, elsewhere), (restarts, task.n_memories))


def _values(name: str, given: Any, task: Task, restarts: int, elsewhere: float = 0.0) -> Floats:
    """See `memory_values`: (memories,) where all restarts have the same."""
    table = _checks.numeric(name, given)
    shape, n_memories = (task.n_states, task.n_actions), task.n_memories
    if table.shape in (shape, (restarts, *shape)):
        maps = task.places.maps
        values: Floats = maps[0].pick(table, name, elsewhere)
        for later in maps[1:]:  # memories that only a later variant has
            fresh = later.allocated & ~maps[0].allocated
            values[..., fresh] = later.pick(table, name, elsewhere)[..., fresh]
    elif table.shape == (n_memories,) or (table.shape == (restarts, n_memories) and table.shape != shape):
        values = table.astype(np.float64)
    else:
        raise ValueError(
            f"{name} must be numbers of shape {shape} or {(restarts, *shape)} (states and actions) or of shape "
            f"{(n_memories,)} or {(restarts, n_memories)} (memories), got {table.dtype} of shape {table.shape}"
        )
    return values


def checked_count(name: str, value: object) -> int:
    """A number of runs that memory could hold."""
    return _checks.integer(name, value, low=1, high=LARGEST_RUNS)


def workers_or_none(workers: object) -> int | None:
    return None if workers is None else _checks.integer("workers", workers, low=1, high=4096)
