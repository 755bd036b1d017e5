"""Training with the exact gradient in place of sampled trajectories."""

import numpy as np

from ..runs import engine
from ._evaluate import gradient


def check(task, agent):
    """Raise a ValueError where the exact gradient cannot train an agent."""
    if not task.finite:
        raise ValueError(f"estimator='exact' needs a finite MDP; {task.name!r} is not one")
    if agent.allocation not in ("dra", "equal"):
        raise ValueError(f"estimator='exact' is for allocation='dra' or 'equal', got {agent.allocation!r}")


def run(task, agent, plan, streams, *, q=None, sigma=None, workers=None, progress=None):
    """Algorithm 1 with σ ← clip(σ + α₂ ∂F/∂σ), ∂F/∂σ being that of the soft policy with q̄ as it is.

    Learning episodes and evaluations are the kernel's, one episode a call; parameters as for the engine.

    Returns
    -------
    Outcome
    """
    n, shape = len(streams), (len(streams), task.n_states, task.n_actions)
    first = engine.run(
        task, [agent] * n, engine.Plan(0, evaluation_episodes=1), streams.copy(), q=q, sigma=sigma, workers=1
    )
    streams[:, 0] = first.streams[:, 0]
    q, sigma = first.q.reshape(shape), first.sigma.reshape(shape)
    outcome = engine.furnish(task, [agent] * n, plan, streams, q, sigma)
    for number in range(plan.episodes):
        variant = task.at(number).unchanging()
        actor = agent.replace(beta=agent.beta_at(number), beta_0=None, beta_rate=0.0)
        if agent.learn_q:
            learner = actor.replace(allocation="fixed")
            learned = engine.run(variant, [learner] * n, engine.Plan(1), streams, q=q, sigma=sigma, workers=workers)
            q[:, variant.memories] = learned.q.reshape(shape)[:, variant.memories]
            outcome.counters[:, 1:] += learned.counters[:, 1:]
        for restart in range(n):
            slope = gradient(variant, actor, q[restart], sigma[restart], policy="soft")[variant.memories]
            held = sigma[restart, variant.memories]
            if agent.allocation == "equal":
                slope = slope.mean()
            moved = np.clip(held + agent.learning_rate_sigma * slope, agent.sigma_min, agent.sigma_max)
            sigma[restart, variant.memories] = moved
        outcome.counters[:, 0] = number + 1
        _report(outcome, plan, number + 1, variant, actor, streams, q, sigma)
        if progress is not None:
            progress(int(outcome.counters[:, 0].sum()))
    outcome.q[:], outcome.sigma[:] = q.reshape(n, -1), sigma.reshape(n, -1)
    return outcome


def _report(outcome, plan, completed, variant, actor, streams, q, sigma):
    n = len(q)
    if completed in plan.snapshots:
        kept = outcome.snapshots[:, plan.snapshots.index(completed)]
        kept[:, 0], kept[:, 1] = q.reshape(n, -1), sigma.reshape(n, -1)
    if plan.evaluate_every and completed % plan.evaluate_every == 0:
        evaluation = engine.Plan(0, 0, plan.evaluation_episodes, plan.hard_evaluation)
        figures = engine.run(variant, [actor] * n, evaluation, streams, q=q, sigma=sigma)
        outcome.report[:, completed // plan.evaluate_every - 1] = figures.report[:, 0]
