"""A result at one moment of learning, and which states had been visited by then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from .. import _checks
from ..runs.result import Result
from ..tasks.base import Task
from ..tasks.tabular import TabularMDP
from . import _inputs


@dataclass(frozen=True)
class Moment:
    """A result at the end or at a snapshot, of one restart or all.

    Attributes
    ----------
    task : Task
        The variant in force.
    q, sigma : array of float, shape (restarts, states, actions)
    memory_q : array of float, shape (restarts, memories)
    runs : sequence of int
        The restarts.
    completed : int
        Episodes.
    """

    result: Result
    task: Task
    q: _inputs.Floats
    sigma: _inputs.Floats
    memory_q: _inputs.Floats
    runs: Sequence[int]
    completed: int
    is_snapshot: bool


def moment(result: Result, episode: int | None, restart: int | None) -> Moment:
    """The end, or the snapshot of an episode; one restart, or all."""
    completed = _inputs.result(result).training_episodes
    tables = result.q, result.sigma, result.memory_q
    if episode is not None:
        completed = _checks.integer("episode", episode)
        index = index_of(snapshot_episodes(result), completed)
        kept = result.snapshot_q, result.snapshot_sigma, result.snapshot_memory_q
        tables = kept[0][:, index], kept[1][:, index], kept[2][:, index]
    runs: Sequence[int] = range(result.restarts)
    if restart is not None:
        runs = [_checks.integer("restart", restart, low=0, high=result.restarts - 1)]
    q, sigma, memory_q = (np.asarray(table, dtype=np.float64)[list(runs)] for table in tables)
    task = result.task.at(max(completed - 1, 0))
    return Moment(result, task, q, sigma, memory_q, runs, completed, episode is not None)


def visited_states(at: Moment) -> npt.NDArray[np.bool_]:
    """States that a learning episode of any restart has visited, as far as q̄ can tell.

    Acting in a state changes the q̄ of what was done, so where every q̄ is what it was before training nobody has been:
    drawn from the run's stream, or the agent's one ``q_init``. An action that may be worth just ``q_init``, as where
    there is no reward yet, tells nothing, and its state counts as visited.
    """
    agent, task = at.result.agent, at.task
    acting = np.array(task.exists.any(axis=1), dtype=np.bool_)
    if not isinstance(agent.learning_rate_q, float):  # a schedule can come down to nothing
        return np.ones_like(acting)
    low, high = agent.q_init if isinstance(agent.q_init, tuple) else (agent.q_init, agent.q_init)
    start = np.full(at.memory_q.shape, low)
    if high > low:
        for row, run in zip(start, at.runs, strict=True):
            seed = np.random.SeedSequence(at.result.seed, spawn_key=(run,))
            raw = np.asarray(np.random.SFC64(seed).random_raw(len(row)), dtype=np.uint64)
            row[:] = low + (high - low) * ((raw >> np.uint64(12)) * 2.0**-52)  # as the kernel draws
    unchanged = (at.memory_q == start).all(axis=0)
    changes = at.result.task.changes
    held = at.result.task.places.maps[sum(begin < at.completed for begin, _ in changes)]
    untouched = held.gather(unchanged.astype(float), 0.0) == 1
    if high == low:
        untouched &= np.all([_tells(variant, low, agent.gamma) for variant in at.result.task.variants], axis=0)
    return np.array((task.exists & ~untouched).any(axis=1) | ~acting, dtype=np.bool_)


def _tells(task: Task, q_init: float, gamma: float) -> npt.NDArray[np.bool_]:
    """Where acting changes a q̄ that is ``q_init``, as all others are."""
    table = cast(TabularMDP, task)
    if not task.finite or table.rewards_by_episode is not None or table.reward_noise == "bernoulli":
        return np.zeros(task.exists.shape, dtype=np.bool_)
    worth = table.reward + np.where(task.terminal[table.next_state], 0.0, gamma * q_init)
    return np.array(((worth != q_init) | (table.probability == 0)).all(axis=2), dtype=np.bool_)


def snapshot_episodes(result: Result) -> list[int]:
    """Numbers of completed episodes of which there are snapshots."""
    return [int(episode) for episode in result.snapshot_episodes]


def index_of(there: list[int], episode: int) -> int:
    """Where a snapshot is among all."""
    if episode not in there:
        raise ValueError(f"episode must be that of a snapshot, one of {there}, got {_checks.shown(episode)}")
    return there.index(episode)
