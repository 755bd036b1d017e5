"""Training and evaluation: everything is checked here, before any work starts."""

import secrets
from dataclasses import dataclass

import numpy as np

from .. import _checks, pairing
from ..agents import LARGEST_Q, Agent
from ..tasks import MountainCar
from ..tasks.tabular import TabularMDP
from . import engine
from .result import Result

POLICIES = ("soft", "hard")
ESTIMATORS = ("sampled", "exact")
EVALUATION_BLOCKS = 64  # independent streams that one evaluation is spread over


class DivergenceError(ArithmeticError):
    """q̄ or σ of a run became infinite or NaN.

    Attributes
    ----------
    result : Result
        The runs that were finished; what failed runs had learned until then is in it as it was.
    failed : tuple of int
        Restarts that failed.
    """

    def __init__(self, message, result=None, failed=()):
        super().__init__(message)
        self.result, self.failed = result, failed


def train(
    task, agent, *, episodes, restarts=5, seed=None, evaluate_every=None, evaluation_episodes=100,
    evaluation_policy="soft", snapshots=(), q=None, sigma=None, estimator="sampled", workers=None, progress=None,
):  # fmt: skip
    """Train an agent (Algorithm 1), several times over.

    The result depends on the task, the agent, the seed and the number of each restart alone: not on the number of
    threads or restarts, the processor, or whether runs are evaluated.

    Parameters
    ----------
    task : TabularMDP or MountainCar
    agent : Agent
    episodes : int
        Episodes of each run.
    restarts : int
        Runs, numbered from 0. Each has its own random stream,
        ``numpy.random.SFC64(SeedSequence(seed, spawn_key=(restart,)))``.
    seed : int, optional
        None draws one from the system and records it in the result.
    evaluate_every : int, optional
        Evaluate after every so many episodes; None: never.
    evaluation_episodes : int
        Fresh episodes of each evaluation, with q̄ and σ frozen, from a stream of their own.
    evaluation_policy : {"soft", "hard"}
        Eq. 2 with its max softened (A.1) or not.
    snapshots : sequence of int
        Numbers of completed episodes after which q̄ and σ are kept.
    q, sigma : array of float, shape (states, actions) or (restarts, states, actions), optional
        Initial q̄ and σ, instead of the agent's ``q_init`` and ``sigma_0``.
    estimator : {"sampled", "exact"}
        Where the gradient of the σ update comes from: N_traj sampled trajectories, or `sigmalloc.exact.gradient`, which
        has neither sampling noise nor the bias of the advantage gradient (A.3), costs milliseconds an episode, and
        needs SciPy and a finite task whose soft policy ends its episodes.
    workers : int, optional
        Threads; None: one per processor.
    progress : callable(done, total), optional
        Called now and then with episodes over all runs.

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        If an argument is not valid, or task and agent contradict each other; nothing has been run then.
    DivergenceError
        If a run's q̄ or σ is no longer finite; the other runs are finished and in its ``result``.
    """
    plan, seed, q, sigma = prepare(
        task, agent, episodes=episodes, restarts=restarts, seed=seed, evaluate_every=evaluate_every,
        evaluation_episodes=evaluation_episodes, evaluation_policy=evaluation_policy, snapshots=snapshots, q=q,
        sigma=sigma, estimator=estimator, workers=workers, progress=progress,
    )  # fmt: skip
    total = episodes * restarts
    streams = np.stack([engine.stream_states(seed, restart) for restart in range(restarts)])
    report = None if progress is None else lambda done: progress(done, total)
    if estimator == "exact":
        from ..exact import _training

        outcome = _training.run(task, agent, plan, streams, q=q, sigma=sigma, workers=workers, progress=report)
    else:
        outcome = engine.run(
            task, [agent] * restarts, plan, streams, q=q, sigma=sigma, workers=workers, progress=report
        )
    result = make_result(task, agent, seed, plan, outcome)
    failed = np.flatnonzero(outcome.counters[:, 3])
    if failed.size:
        first = failed[0]
        raise DivergenceError(
            f"{engine.ERRORS[int(outcome.counters[first, 3])]} of restart {first} was no longer finite in episode "
            f"{outcome.counters[first, 0]} on {task.name!r} (seed {seed}); {failed.size} of {restarts} runs failed; "
            f"{agent}",
            result,
            tuple(int(restart) for restart in failed),
        )
    return result


def prepare(
    task, agent, *, episodes, restarts=5, seed=None, evaluate_every=None, evaluation_episodes=100,
    evaluation_policy="soft", snapshots=(), q=None, sigma=None, estimator="sampled", workers=None, progress=None,
):  # fmt: skip
    """Every check of `train`, before any work: the plan, the seed, and initial q̄ and σ as tables."""
    check_task_and_agent(task, agent)
    episodes = _checks.integer("episodes", episodes, low=1, high=2**53)
    restarts = _checks.integer("restarts", restarts, low=1)
    seed = checked_seed(seed)
    evaluation_episodes = _checks.integer("evaluation_episodes", evaluation_episodes, low=1)
    if evaluate_every is None:
        evaluation_episodes = 0
    else:
        evaluate_every = _checks.integer("evaluate_every", evaluate_every, low=1)
        if evaluate_every > episodes:
            raise ValueError(f"evaluate_every must not exceed episodes, got {evaluate_every} > {episodes}")
    _checks.choice("evaluation_policy", evaluation_policy, POLICIES)
    _checks.choice("estimator", estimator, ESTIMATORS)
    snapshots = checked_snapshots(snapshots, episodes)
    workers = None if workers is None else _checks.integer("workers", workers, low=1)
    q, sigma = checked_tables(task, agent, q, sigma, restarts)
    plan = engine.Plan(episodes, evaluate_every or 0, evaluation_episodes, evaluation_policy == "hard", snapshots)
    if estimator == "exact":
        from ..exact import _training

        _training.check(task, agent)
    if progress is not None and not callable(progress):
        raise ValueError(f"progress must be callable, got {progress!r}")
    return plan, seed, q, sigma


def make_result(task, agent, seed, plan, outcome):
    """The `Result` of runs of one agent."""
    shape = (-1, task.n_states, task.n_actions)
    q, sigma = tidy(task.at(plan.episodes - 1), agent, outcome.q.reshape(shape), outcome.sigma.reshape(shape))
    kept = outcome.snapshots.reshape(len(q), len(plan.snapshots), 2, *q.shape[1:])
    snapshot_q, snapshot_sigma = kept[:, :, 0].copy(), kept[:, :, 1].copy()
    for i, episode in enumerate(plan.snapshots):
        tidy(task.at(episode - 1), agent, snapshot_q[:, i], snapshot_sigma[:, i])
    every = plan.evaluate_every
    report = dict(zip(engine.REPORT, np.moveaxis(outcome.report, 2, 0), strict=True))
    return Result(
        task=task,
        agent=agent,
        seed=seed,
        q=q,
        sigma=sigma,
        episodes=np.arange(every, plan.episodes + 1, every) if every else np.zeros(0, dtype=np.int64),
        reward=report["reward"].copy(),
        value=report["value"].copy(),
        cost=report["cost"].copy(),
        cutoffs=report["cutoffs"].copy(),
        steps=outcome.counters[:, 1].copy(),
        training_cutoffs=outcome.counters[:, 2].copy(),
        training_episodes=plan.episodes,
        evaluation_episodes=plan.evaluation_episodes,
        evaluation_policy="hard" if plan.hard_evaluation else "soft",
        snapshot_episodes=np.array(plan.snapshots, dtype=np.int64),
        snapshot_q=snapshot_q,
        snapshot_sigma=snapshot_sigma,
        stream=outcome.streams[:, 0].copy(),
    )


def tidy(variant, agent, q, sigma):
    """Leave q̄ = 0 and σ = σ_base, which is free, wherever there is no memory; in place."""
    nothing = ~variant.exists
    q[..., nothing] = 0.0
    sigma[..., nothing] = agent.sigma_base
    return q, sigma


@dataclass(frozen=True)
class Evaluation:
    """Simulated performance of given q̄ and σ, with leading axes as theirs.

    Attributes
    ----------
    reward, value, cost, objective : float or array of float, shape (restarts,)
        Means over the episodes: undiscounted return, discounted return (per unit of time with a reward rate), λ times
        the divergence, and value − cost, in units of reward.
    reward_sem, value_sem : float or array of float
        Standard errors of the means.
    cutoffs : int or array of int
        Episodes cut off by the step limit.
    visits : array of float, shape (…, states, actions)
        Choices of each action per episode.
    episodes : int
    seed : int
    """

    reward: np.ndarray
    value: np.ndarray
    cost: np.ndarray
    objective: np.ndarray
    reward_sem: np.ndarray
    value_sem: np.ndarray
    cutoffs: np.ndarray
    visits: np.ndarray
    episodes: int
    seed: int


def evaluate(task, agent, q, sigma, *, episodes=1000, seed=None, policy="soft", episode=0, workers=None):
    """Simulate an agent with frozen q̄ and σ.

    Parameters
    ----------
    task : TabularMDP or MountainCar
    agent : Agent
    q, sigma : array of float, shape (states, actions) or (restarts, states, actions)
    episodes : int
        Episodes for each q̄ and σ.
    seed : int, optional
    policy : {"soft", "hard"}
    episode : int
        Which variant of a changing task: the one in force in this episode.
    workers : int, optional
        Threads; None: one per processor.

    Returns
    -------
    Evaluation
    """
    check_task_and_agent(task, agent, training=False)
    episodes = _checks.integer("episodes", episodes, low=1)
    seed = checked_seed(seed)
    _checks.choice("policy", policy, POLICIES)
    task = task.at(_checks.integer("episode", episode, low=0))
    if task.changes:
        task = task.unchanging()
    workers = None if workers is None else _checks.integer("workers", workers, low=1)
    q = _checks.numeric("q", q)
    if q.ndim not in (2, 3) or 0 in q.shape:
        raise ValueError(f"q must have shape (states, actions) or (restarts, states, actions), got {q.shape}")
    _checks.numeric("sigma", sigma)
    single = q.ndim == 2
    restarts = 1 if single else len(q)
    q, sigma = checked_tables(task, agent, q, sigma, restarts, shared=False)
    blocks = min(EVALUATION_BLOCKS, episodes)
    shares = np.full(blocks, episodes // blocks)
    shares[: episodes % blocks] += 1
    agent = agent.replace(beta_0=None, beta_rate=0.0)
    shape = (restarts, task.n_states, task.n_actions)
    totals = np.zeros((restarts, len(engine.REPORT)))
    visits = np.zeros(shape)
    for share in np.unique(shares):
        members = np.flatnonzero(shares == share)
        plan = engine.Plan(0, 0, int(share), policy == "hard", count_visits=True)
        keys = [(restart, block) for restart in range(restarts) for block in members]
        streams = np.stack([engine.stream_states(seed, restart, int(block)) for restart, block in keys])
        rows = [restart for restart, _ in keys]
        outcome = engine.run(task, [agent] * len(keys), plan, streams, q=q[rows], sigma=sigma[rows], workers=workers)
        weight = np.ones(len(engine.REPORT))
        weight[:2] = share
        totals += (outcome.report[:, 0] * weight).reshape(restarts, len(members), -1).sum(axis=1)
        visits += outcome.visits.reshape(restarts, len(members), *shape[1:]).sum(axis=1)
    cost = totals[:, 2] / blocks
    reward, value = totals[:, 0] / episodes, totals[:, 1] / episodes
    sems = [
        np.sqrt(np.maximum(0.0, squares / episodes - mean**2) / max(1, episodes - 1))
        for mean, squares in ((reward, totals[:, 4]), (value, totals[:, 5]))
    ]
    figures = [reward, value, cost, value - cost, *sems, totals[:, 3].astype(np.int64), visits / episodes]
    return Evaluation(*(figure[0] if single else figure for figure in figures), episodes, seed)


def check_task_and_agent(task, agent, training=True):
    if not isinstance(task, (TabularMDP, MountainCar)):
        raise ValueError(f"task must be a TabularMDP or one of sigmalloc.tasks, got {task!r}")
    if not isinstance(agent, Agent):
        raise ValueError(f"agent must be an Agent, got {agent!r}")
    pairing.check(task, agent)
    if training and not agent.learn_q and agent.allocation == "fixed":
        raise ValueError("learn_q=False with allocation='fixed': nothing would be learned; use evaluate")


def checked_seed(seed):
    return secrets.randbits(63) if seed is None else _checks.integer("seed", seed, low=0)


def checked_snapshots(snapshots, episodes):
    snapshots = _checks.sequence("snapshots", snapshots)
    numbers = [_checks.integer("snapshots", number, low=1, high=episodes) for number in snapshots]
    if sorted(set(numbers)) != numbers:
        raise ValueError(f"snapshots must be ascending, got {list(snapshots)!r}")
    return tuple(numbers)


def checked_tables(task, agent, q, sigma, restarts, shared=True):
    """q̄ and σ as (restarts, states, actions), or None where they are not given."""
    memories = np.logical_or.reduce([variant.memories for variant in task.variants])
    if q is not None:
        q = _broadcast("q", q, task, restarts)
        if not (np.abs(q[:, memories]) < LARGEST_Q).all():
            raise ValueError(f"q must be finite, and within ±{LARGEST_Q:g}, for every memory")
    elif not agent.learn_q:
        raise ValueError("learn_q=False needs q, the q̄ to be used")
    if sigma is not None:
        if shared and agent.allocation in ("equal", "frequency", "stakes"):
            raise ValueError(f"sigma cannot be given with allocation={agent.allocation!r}: its one scale is sigma_0")
        sigma = _broadcast("sigma", sigma, task, restarts)
        held = sigma[:, memories]
        if not ((held > 0) & (held <= LARGEST_Q)).all():
            raise ValueError(f"sigma must be finite, above 0 and at most {LARGEST_Q:g} for every memory")
    return q, sigma


def _broadcast(name, table, task, restarts):
    shape = (task.n_states, task.n_actions)
    table = _checks.numeric(name, table)
    if table.shape not in (shape, (restarts, *shape)):
        raise ValueError(
            f"{name} must be numbers of shape {shape} or {(restarts, *shape)}, got {table.dtype} of shape {table.shape}"
        )
    return np.broadcast_to(table.astype(np.float64), (restarts, *shape))
