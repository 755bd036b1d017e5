"""Simulated performance of given q̄ and σ."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _checks, pairing
from .._frozen import Frozen
from .._io.progress import shown
from ..agents import Agent
from ..tasks.base import Task
from ..tasks.registry import make
from . import engine
from .arguments import check_task_and_agent, checked_memories, checked_seed, workers_or_none
from .cutoffs import warn_of_cutoffs
from .divergence import DivergenceError
from .schedule import LARGEST_EPISODES, POLICIES, Policy, Schedule

BLOCKS = 64  # independent streams that one evaluation is spread over
LARGEST_VISITS = 2**22  # counts that are held at once: 32 MiB, and as much for each of q̄ and σ


@dataclass(frozen=True)
class Evaluation(Frozen):
    """Simulated performance of given q̄ and σ, with leading axes as theirs.

    Attributes
    ----------
    reward, value, cost, objective : float or array of float, shape (restarts,)
        Means over the episodes: undiscounted return, discounted return (per unit of time with a reward rate), λ times
        the divergence, and value − cost − time_cost, in units of reward.
    time, time_cost : float or array of float, shape (restarts,)
        Mean duration of an episode, and the price of the time that its samples take, ω t_sample E[Σ n(s_t)].
    reward_sem, value_sem : float or array of float
        Standard errors of the means.
    cutoffs : int or array of int
        Episodes cut off by the step limit.
    visits : array of float, shape (…, states, actions)
        Choices of each action per episode.
    episodes : int
    seed : int
    """

    reward: Any
    value: Any
    cost: Any
    objective: Any
    reward_sem: Any
    value_sem: Any
    cutoffs: Any
    visits: npt.NDArray[np.float64]
    episodes: int
    seed: int
    time: Any
    time_cost: Any

    @property
    def reward_rate(self) -> Any:
        """Mean reward per unit of time."""
        return self.reward / self.time


def evaluate(
    task: Task | str, agent: Agent, q: npt.ArrayLike, sigma: npt.ArrayLike, *, episodes: int = 1000,
    seed: int | None = None, policy: Policy = "soft", episode: int = 0,
    samples: npt.ArrayLike | None = None, workers: int | None = None,
    progress: Callable[[int, int], object] | bool | None = None, rng: np.random.Generator | None = None,
) -> Evaluation:  # fmt: skip
    """Simulate an agent with frozen q̄ and σ.

    Parameters
    ----------
    task : Task or str
    agent : Agent
        Fields that are schedules have their last value.
    q, sigma : array of float, shape (states, actions) or (restarts, states, actions)
        Or of each memory, shape (memories,).
    episodes : int
        Episodes for each q̄ and σ.
    seed : int, optional
    policy : {"soft", "hard"}
    episode : int
        Which variant of a changing task: the one in force in this episode.
    samples : float or array of float, shape (states,) or (restarts, states), optional
        Effort n(s), at least 1; default: the agent's ``samples``.
    workers : int, optional
        Threads; None: one per processor.
    progress : bool or callable(done, total), optional
        True: a bar on standard error; a function is called with the episodes done and all of them.
    rng : numpy.random.Generator, optional
        The seed is drawn from it instead.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If an argument is not valid; nothing has been run then.

    Warns
    -----
    CutOffWarning
        If the step limit cut off every episode.
    """
    if isinstance(task, str):
        task = make(task)
    check_task_and_agent(task, agent, training=False)
    episodes = _checks.integer("episodes", episodes, low=1, high=LARGEST_EPISODES)
    _checks.choice("policy", policy, POLICIES)
    seed = checked_seed(seed, rng)
    task = task.at(_checks.integer("episode", episode, low=0)).unchanging()
    workers = workers_or_none(workers)
    q, sigma = _checks.numeric("q", q), _checks.numeric("sigma", sigma)
    if q.ndim not in (1, 2, 3) or 0 in q.shape:
        raise ValueError(f"q must have shape (states, actions) or (restarts, states, actions), got {q.shape}")
    single = q.ndim < 3
    restarts = 1 if single else len(q)
    memory_q, memory_sigma = checked_memories(task, agent, q, sigma, restarts, shared=False)
    assert memory_q is not None and memory_sigma is not None
    effort = None
    if samples is not None:
        agent, effort = _with_effort(task, agent, samples, restarts)
    size = task.n_states * task.n_actions
    blocks = min(BLOCKS, episodes, max(engine.LANES, LARGEST_VISITS // size))
    shares = np.full(blocks, episodes // blocks)
    shares[: episodes % blocks] += 1
    agent = agent.in_episode(LARGEST_EPISODES)
    means, spreads = np.zeros((blocks, restarts, 2)), np.zeros((restarts, 2))
    cutoffs, cost, times = np.zeros(restarts), np.zeros(restarts), np.zeros((restarts, 2))
    visits = np.zeros((restarts, task.n_states, task.n_actions))
    at_once = max(1, LARGEST_VISITS // (size * blocks))
    with shown(progress, restarts * episodes, unit="episode") as meter:
        for first in range(0, restarts, at_once):
            part = slice(first, min(first + at_once, restarts))
            rows = np.repeat(np.arange(part.start, part.stop), blocks)
            n = part.stop - part.start
            keys = np.column_stack([rows, np.tile(np.arange(blocks), n)])
            streams = np.zeros((len(keys), 2, 4), dtype=np.uint64)
            streams[:, 1] = engine.seeded_streams(seed, keys)
            outcome = engine.run(
                task, [agent] * len(keys), Schedule(0, None, 1, policy, count_visits=True), streams,
                q=memory_q[rows], sigma=memory_sigma[rows], samples=None if effort is None else effort[rows],
                evaluation_episodes=np.tile(shares, n), workers=workers,
                progress=functools.partial(_tell, meter, first * episodes),
            )  # fmt: skip
            report = np.ascontiguousarray(outcome.report[:, :, 0].T).reshape(n, blocks, -1)
            means[:, part] = report[:, :, :2].transpose(1, 0, 2)
            cost[part] = report[:, 0, 2]
            cutoffs[part] = report[:, :, 3].sum(axis=1)
            squares = outcome.squares.reshape(n, blocks, 2)
            visits[part] = outcome.visits.reshape(n, blocks, *visits.shape[1:]).sum(axis=1)
            for share in np.unique(shares):  # blocks of as many episodes weigh the same
                times[part] += report[:, shares == share, 4:6].sum(axis=1) * (share / episodes)
                spreads[part] += squares[:, shares == share].sum(axis=1)
    # sums of squares about the mean of each block, joined (Chan, Golub and LeVeque): nothing cancels
    weights = shares[:, None, None].astype(float)
    centre = means[0] + ((means - means[0]) * weights).sum(axis=0) / episodes
    spreads += (weights * (means - centre) ** 2).sum(axis=0)
    sems = np.sqrt(spreads / episodes / max(1, episodes - 1)).T
    reward, value = centre.T
    if not np.isfinite([*centre.T, cost, *sems]).all():
        raise DivergenceError(f"the evaluation on {task.name!r} is not finite: rewards or σ are out of scale; {agent}")
    time, time_cost = times.T
    figures = {
        "reward": reward, "value": value, "cost": cost, "objective": value - cost - time_cost, "reward_sem": sems[0],
        "value_sem": sems[1], "cutoffs": cutoffs.astype(np.int64), "visits": visits / episodes, "time": time,
        "time_cost": time_cost,
    }  # fmt: skip
    warn_of_cutoffs(task, int(cutoffs.sum()), restarts * episodes, "")
    told: dict[str, Any] = {name: figure[0] if single else figure for name, figure in figures.items()}
    return Evaluation(**told, episodes=episodes, seed=seed)


def _tell(meter: Any, before: int, done: int) -> None:
    meter.update(before + done)


def _with_effort(
    task: Task, agent: Agent, given: npt.ArrayLike, restarts: int
) -> tuple[Agent, npt.NDArray[np.float64] | None]:
    """An agent with given effort, and n(s) of each restart, or None where it is the same everywhere."""
    held = pairing.checked_samples(task, given, restarts)
    acting = held[:, task.places.acting]
    most = max(agent.samples_max, float(acting.max()))
    if not np.ptp(acting):
        return agent.replace(samples=float(acting.max()), samples_max=most, learn_samples="no"), None
    return agent.replace(samples=1.0, samples_max=most, learn_samples="state"), held
