"""Training with the exact gradient in place of sampled trajectories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import pairing
from .._floats import quietly
from ..agents import Agent
from ..tasks.base import Task
from . import engine
from .schedule import Schedule

Floats = npt.NDArray[np.float64]


def check(task: Task, agent: Agent) -> None:
    """Raise a ValueError where the exact gradient cannot train an agent."""
    if not task.finite:
        raise ValueError(f"estimator='exact' needs a finite MDP; {task.name!r} is not one")
    for name, what in (("learn_opportunity_cost", "price of time"), ("learn_search_budget", "search budget")):
        if getattr(agent, name):
            raise ValueError(f"estimator='exact' takes the {what} as it is: use {name}=False")
    if agent.learn_samples == "state" and agent.depth_first and pairing.paths(task, agent) > 1:
        raise ValueError(
            "estimator='exact' needs the same effort in all states with planner='depth-first' and several paths: use "
            "learn_samples='shared'"
        )
    if not agent.allocation_rule.exact:
        raise ValueError(f"estimator='exact' is for allocation='dra' or 'equal', got {agent.allocation!r}")


def run(
    task: Task, agent: Agent, schedule: Schedule, streams: npt.NDArray[np.uint64], *, q: Floats | None = None,
    sigma: Floats | None = None, before: engine.Before | None = None, workers: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> engine.Outcome:  # fmt: skip
    """Algorithm 1 with σ ← clip(σ + α₂ ∂F/∂σ) and ln n ← clip(ln n + α ∂F/∂ln n).

    The derivatives are those of the soft policy with q̄ as it is.

    Learning episodes and evaluations are the kernel's, one episode a call; parameters as for the engine.
    """
    n, places = len(streams), task.places
    outcome = engine.arrays(task, [agent] * n, schedule, streams, q, sigma, before)
    if before is None:
        nothing = Schedule(0, None, 1)
        first = engine.run(task, [agent] * n, nothing, streams.copy(), q=q, sigma=sigma, workers=1)
        streams[:, 0] = first.streams[:, 0]
        q, sigma = places.memories(first.q), places.memories(first.sigma)
    assert q is not None and sigma is not None
    q, sigma = q.copy(), sigma.copy()
    samples = outcome.samples if agent.learns_effort else None
    for number in range(schedule.first_episode, schedule.last_episode):
        # starts and rewards of the episode are for acting; the gradient knows the start distribution
        held = places.maps[task.variant_at(number)]
        here = task.at(number).unchanging()
        actor = agent.in_episode(number)
        if agent.learn_q:
            learner = actor.replace(allocation="fixed")
            if samples is not None:  # trajectories that teach nothing
                learner = learner.replace(learning_rate_samples=0.0, n_trajectories=1)
            one = Schedule(1, first_episode=number)
            learned = engine.run(task, [learner] * n, one, streams, q=q, sigma=sigma, before=_before(n, task),
                                 samples=samples, workers=workers)  # fmt: skip
            q = places.memories(learned.q)
            outcome.counters[:, 1:] += learned.counters[:, 1:]
        for restart in range(n):
            effort = None if samples is None else samples[restart]
            by_sigma, by_effort = _gradient(task, actor, number, q[restart], sigma[restart], effort)
            if effort is not None:
                _move_effort(actor, effort, by_effort, np.flatnonzero(held.exists.any(axis=1)))
            slope = by_sigma[held.allocated]
            if agent.allocation_rule.one_scale and slope.size:
                slope = slope.mean()
            moved = sigma[restart, held.allocated] + actor.at("learning_rate_sigma", number) * slope
            sigma[restart, held.allocated] = np.clip(moved, agent.sigma_min, agent.sigma_max)
        outcome.counters[:, 0] = number + 1 - schedule.first_episode
        _report(outcome, schedule, number + 1, task, here, actor, streams, q, sigma, samples)
        if progress is not None:
            progress(int(outcome.counters[:, 0].sum()))
    outcome.q[:], outcome.sigma[:] = places.start(n, np.full(n, agent.sigma_base), q, sigma)
    return outcome


@quietly
def _gradient(
    task: Task, actor: Agent, episode: int, q: Floats, sigma: Floats, samples: Floats | None
) -> tuple[Floats, Floats]:
    """∂F/∂σ of the memories, and ∂F/∂ln n of the states, for the soft policy."""
    from .._mdp.problem import Problem  # SciPy takes longer to import than a small run

    problem = Problem(task, actor, "soft", episode)
    slope = problem.slope(problem.point(q, sigma, samples))
    return slope.by_sigma, problem.whole(slope.by_log_samples)


def _move_effort(actor: Agent, samples: Floats, slope: Floats, acting: npt.NDArray[np.intp]) -> None:
    """A step of ln n in place, within [1, samples_max]: of every state, or of all by the mean of their slopes."""
    if actor.learn_samples == "shared":
        slope = np.full(len(samples), slope[acting].mean())
        acting = np.arange(len(samples))
    moved = np.clip(np.log(samples) + actor.learning_rate_samples * slope, 0.0, np.log(actor.samples_max))
    samples[acting] = np.clip(np.exp(moved[acting]), 1.0, actor.samples_max)


def _before(n: int, task: Task) -> engine.Before:
    return engine.Before(np.zeros(n), np.zeros((n, task.n_states)))


def _report(
    outcome: engine.Outcome, schedule: Schedule, completed: int, task: Task, here: Task, actor: Agent,
    streams: npt.NDArray[np.uint64], q: Floats, sigma: Floats, samples: Floats | None,
) -> None:  # fmt: skip
    n: Any = len(q)
    if completed in schedule.snapshots:
        kept = outcome.snapshots[:, schedule.snapshots.index(completed)]
        kept[:, 0], kept[:, 1] = task.places.start(n, np.full(n, actor.sigma_base), q, sigma)
    if schedule.evaluate_every and completed % schedule.evaluate_every == 0:
        evaluation = Schedule(0, None, schedule.evaluation_episodes, schedule.evaluation_policy)
        held = task.places.maps[task.variant_at(completed - 1)]
        own = here.places.maps[0]
        given = [own.pick(held.gather(values, 1.0)) for values in (q, sigma)]
        figures = engine.run(here, [actor] * n, evaluation, streams, q=given[0], sigma=given[1], samples=samples)
        checkpoint = schedule.checkpoint_episodes.index(completed)
        outcome.report[:, :, checkpoint] = figures.report[:, :, 0]
