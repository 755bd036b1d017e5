"""Batches of runs on a pool of threads: the border between Python and the kernel.

Everything is checked before this layer. Runs are independent: what a run gives is decided by its task, its agent and
its two random streams, never by the batch, the thread or the slice in which it happens to be advanced.
"""

import math
import os
import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np

from .. import _kernel
from ..agents import ALLOCATIONS, GRADIENTS
from ..pairing import paths, trial_time
from ..tasks import MountainCar

ABSENT = -1e200  # q̄ of an action that a state does not have, as the kernel marks it
SLICE = 50_000  # recalls per slice, well under a tenth of a second
LARGEST_BATCH = 256
LARGEST_WORKSPACE = 2**31  # bytes a batch may keep scores in

RUN_DTYPE = np.dtype(
    [(name, np.float64) for name in (
        "learning_rate_q", "learning_rate_sigma", "beta", "beta_0", "beta_rate", "gamma", "lam", "sigma_base",
        "sigma_0", "sigma_min", "sigma_max", "q_low", "q_high", "reward_scale",
    )]
    + [(name, np.int64) for name in (
        "gradient", "allocation", "learn_q", "n_trajectories", "n_paths", "depth_first", "given_q", "given_sigma",
        "episodes", "evaluate_every", "evaluation_episodes", "hard_evaluation",
    )]
)  # fmt: skip
REPORT = ("reward", "value", "cost", "cutoffs", "reward_squares", "value_squares", "steps")
COUNTERS = ("episodes", "steps", "cutoffs", "error")
ERRORS = {1: "q̄", 2: "σ"}


@dataclass(frozen=True)
class Plan:
    """What is the same for all runs of a call."""

    episodes: int
    evaluate_every: int = 0
    evaluation_episodes: int = 0
    hard_evaluation: bool = False
    snapshots: tuple = ()
    count_visits: bool = False

    @property
    def checkpoints(self):
        if self.episodes == 0:
            return 1
        return self.episodes // self.evaluate_every if self.evaluate_every else 0


@dataclass
class Outcome:
    """The kernel's arrays, one row a run."""

    q: np.ndarray
    sigma: np.ndarray
    report: np.ndarray
    snapshots: np.ndarray
    visits: np.ndarray
    counters: np.ndarray
    streams: np.ndarray


def stream_states(seed, restart, evaluation_key=0):
    """States of a run's two SFC64 streams, (2, 4): the training stream is that of `numpy.random.SFC64` seeded with
    ``SeedSequence(seed, spawn_key=(restart,))``, the evaluation stream has the spawn key (restart, evaluation_key)."""
    keys = ((restart,), (restart, evaluation_key))
    generators = (np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)) for key in keys)
    return np.stack([generator.state["state"]["state"] for generator in generators])


def _room(task, agents):
    """Scores that the longest trajectory of any of the agents keeps until its return is known."""
    room = 1
    for agent in agents:
        if agent.gradient in ("reinforce", "return", "best_path") and agent.allocation != "fixed":
            steps = task.step_limit if task.horizon is None else task.horizon
            room = max(room, steps * (paths(task, agent) if agent.gradient == "best_path" else 1))
    if 8 * 8 * room * (task.n_actions + 2) > LARGEST_WORKSPACE:
        raise ValueError(
            f"gradients that wait for a return would keep {room} scores a trajectory on {task.name!r}: lower its "
            "step_limit or the search_budget, or use gradient='advantage'"
        )
    return room


def tables(task, agents, kernel):
    """The task's arrays as the kernel reads them."""
    variants = task.variants
    shape = (task.n_states, task.n_actions)
    memory = np.stack([variant.memories for variant in variants]).astype(np.float64)
    change_at = np.array([0, *(episode for episode, _ in task.changes)], dtype=np.int64)
    terminal = np.stack([variant.terminal for variant in variants]).astype(np.int64)
    if isinstance(task, MountainCar):
        cumulative = np.ones((1, *shape, 1))
        next_state, reward = np.zeros(cumulative.shape, dtype=np.int64), np.zeros(cumulative.shape)
        start_cumulative, start_state = np.ones((1, 1)), np.zeros((1, 1), dtype=np.int64)
    else:
        n_outcomes = max(variant.n_outcomes for variant in variants)
        cumulative = np.ones((len(variants), *shape, n_outcomes))
        next_state = np.zeros(cumulative.shape, dtype=np.int64)
        reward = np.zeros(cumulative.shape)
        n_starts = max(int((variant.start > 0).sum()) for variant in variants)
        start_cumulative = np.ones((len(variants), n_starts))
        start_state = np.zeros((len(variants), n_starts), dtype=np.int64)
        for v, variant in enumerate(variants):
            # the likeliest outcome first: fewer comparisons, and none where an outcome is certain
            order = np.argsort(-variant.probability, axis=2, kind="stable")
            probability, states, rewards = (
                np.take_along_axis(table, order, axis=2)
                for table in (variant.probability, variant.next_state, variant.reward)
            )
            k = variant.n_outcomes
            cumulative[v, :, :, :k] = _closed(np.cumsum(probability, axis=2), probability)
            next_state[v, :, :, :k], reward[v, :, :, :k] = states, rewards
            starts = np.flatnonzero(variant.start)
            start_state[v, : len(starts)] = starts
            chances = variant.start[starts]
            start_cumulative[v, : len(starts)] = _closed(np.cumsum(chances), chances)
    following = 2 * next_state + terminal[np.arange(len(variants))[:, None, None, None], next_state]
    return kernel.Tables(
        change_at, cumulative, following, reward, memory, memory.max(axis=0), start_cumulative, start_state,
        task.step_limit, _room(task, agents), task.horizon or 0,
        isinstance(task, MountainCar), getattr(task, "start", None) is not None and isinstance(task, MountainCar)
        and task.start == "uniform",
    )  # fmt: skip


def _closed(cumulative, probability):
    """Cumulative probabilities that are exactly 1 from the last possible outcome on."""
    later = np.flip(np.cumsum(np.flip(probability, -1), axis=-1), -1) - probability
    return np.where(later > 0, cumulative, 1.0)


def run_table(task, agents, plan, given_q, given_sigma):
    """The agents as the kernel reads them, one row a run."""
    rows = np.zeros(len(agents), dtype=RUN_DTYPE)
    cache = {}
    for i, agent in enumerate(agents):
        if id(agent) not in cache:
            cache[id(agent)] = _run_row(task, agent, plan, given_q, given_sigma)
        rows[i] = cache[id(agent)]
    return rows


def _run_row(task, agent, plan, given_q, given_sigma):
    row = np.zeros((), dtype=RUN_DTYPE)
    for name in RUN_DTYPE.names:
        if hasattr(agent, name) and name not in ("gradient", "allocation", "beta_0"):
            row[name] = getattr(agent, name)
    row["beta_0"] = agent.beta if agent.beta_0 is None else agent.beta_0
    row["q_low"], row["q_high"] = agent.q_init if isinstance(agent.q_init, tuple) else (agent.q_init, agent.q_init)
    row["reward_scale"] = 1 / trial_time(task, agent)
    row["gradient"], row["allocation"] = GRADIENTS.index(agent.gradient), ALLOCATIONS.index(agent.allocation)
    row["n_paths"], row["depth_first"] = paths(task, agent), agent.planner == "depth-first"
    row["given_q"], row["given_sigma"] = given_q, given_sigma
    row["episodes"], row["evaluate_every"] = plan.episodes, plan.evaluate_every
    row["evaluation_episodes"], row["hard_evaluation"] = plan.evaluation_episodes, plan.hard_evaluation
    return row


def furnish(task, agents, plan, streams, q=None, sigma=None):
    """The arrays of a call. q, sigma: (runs, states, actions) where they are given."""
    n, entries = len(agents), task.n_states * task.n_actions
    start_q = np.zeros((n, task.n_states, task.n_actions))
    start_sigma = np.empty_like(start_q)
    start_sigma[:] = np.array([agent.sigma_base for agent in agents])[:, None, None]
    acting = np.logical_or.reduce([~variant.terminal for variant in task.variants])
    exists = np.logical_or.reduce([variant.exists for variant in task.variants])
    memories = np.logical_or.reduce([variant.memories for variant in task.variants])
    for given, table in ((q, start_q), (sigma, start_sigma)):
        if given is not None:
            table[:, memories] = given[:, memories]
    for variant in task.variants:
        known = getattr(variant, "known", None)
        if known is not None and known.any():
            start_q[:, known], start_sigma[:, known] = variant.known_q[known], variant.known_sigma[known]
    start_q[:, acting[:, None] & ~exists] = ABSENT
    return Outcome(
        q=start_q.reshape(n, entries),
        sigma=start_sigma.reshape(n, entries),
        report=np.full((n, plan.checkpoints, len(REPORT)), np.nan),
        snapshots=np.zeros((n, len(plan.snapshots), 2, entries)),
        visits=np.zeros((n, entries) if plan.count_visits else (0, 0)),
        counters=np.zeros((n, len(COUNTERS)), dtype=np.int64),
        streams=streams,
    )


def run(
    task, agents, plan, streams, *, q=None, sigma=None, workers=None, progress=None, batch_size=None,
    slice_ticks=SLICE, kernel=None,
):  # fmt: skip
    """Run every agent on the task.

    Parameters
    ----------
    agents : sequence of Agent, one a run
    plan : Plan
    streams : uint64 array, shape (runs, 2, 4), replaced in place by the final states
    q, sigma : array, shape (runs, states, actions), optional
        Initial values.
    workers : int, optional
        Threads; default: one a processor that this process may use.
    progress : callable(int), optional
        Called in the calling thread with the number of episodes done so far.

    Returns
    -------
    Outcome
    """
    kernel = kernel or _kernel.kernel
    outcome = furnish(task, agents, plan, streams, q, sigma)
    distinct = list({id(agent): agent for agent in agents}.values())
    shared = tables(task, distinct, kernel)
    runs = run_table(task, agents, plan, q is not None, sigma is not None)
    snapshot_at = np.array(plan.snapshots, dtype=np.int64)
    workers = workers or usable_processors()
    stop = threading.Event()

    def work(rows):
        batch = kernel.Batch(
            shared, runs[rows], outcome.streams[rows], outcome.q[rows], outcome.sigma[rows], outcome.report[rows],
            snapshot_at, outcome.snapshots[rows], outcome.visits[rows], outcome.counters[rows],
        )  # fmt: skip
        while not stop.is_set():
            if batch.advance(slice_ticks):
                return

    rows = _batches(len(agents), workers, batch_size)
    pool = ThreadPoolExecutor(max_workers=min(workers, len(rows)), thread_name_prefix="sigmalloc")
    try:
        pending = {pool.submit(work, part) for part in rows}
        while pending:
            done, pending = wait(pending, timeout=0.1, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
            if progress is not None:
                progress(int(outcome.counters[:, 0].sum()))
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
    return outcome


def _batches(n, workers, batch_size):
    if batch_size is None:
        lanes = 8
        share = math.ceil(n / (4 * workers)) if n > 4 * workers * lanes else math.ceil(n / workers)
        batch_size = min(LARGEST_BATCH, lanes * math.ceil(share / lanes))
    return [slice(first, min(n, first + batch_size)) for first in range(0, n, batch_size)]


def usable_processors():
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
