"""Simulation and replay: every choice of an agent as a table, and recorded choices in place of the agent's own."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _checks, pairing
from .._choices.solver import solve_choices
from .._io.progress import shown
from .._threads import Threads
from ..agents import Agent
from ..tasks.base import Task
from ..tasks.registry import make
from . import engine
from .arguments import (
    check_task_and_agent,
    checked_count,
    checked_episodes,
    checked_memories,
    checked_seed,
    workers_or_none,
)  # fmt: skip
from .cutoffs import warn_of_cutoffs
from .result import Result
from .schedule import POLICIES, Policy, Schedule
from .train import Progress, checked_result, make_result
from .trials import Trials, check

ENDED, CUT, LAST = 1, 2, 4  # flags of a row, as the kernel has them
LARGEST_TABLE = 10**8  # rows, unless more are asked for
CHUNK = 1 << 14

Floats = npt.NDArray[np.float64]


def simulate(
    task: Task | str, agent: Agent, *, episodes: int, restarts: int = 1, seed: int | None = None, learn: bool = True,
    q: npt.ArrayLike | None = None, sigma: npt.ArrayLike | None = None, policy: Policy = "soft", values: bool = False,
    probability: bool = False, max_rows: int = LARGEST_TABLE, workers: int | None = None,
    progress: Progress | bool | None = None, rng: np.random.Generator | None = None,
) -> Trials:  # fmt: skip
    """Every choice of an agent's learning episodes, as a table.

    The agents are those of `train` with the same seed: restart r is subject r, and what it has learned at the end is
    the same to the bit (`training` gives both).

    Parameters
    ----------
    task : Task or str
    agent : Agent
    episodes, restarts, seed, workers, progress, rng
        As for `train`.
    learn : bool
        False: q̄ and σ stay as they are given, and the agent acts by ``policy``.
    q, sigma : array of float, shape (states, actions) or (restarts, states, actions), optional
        Initial q̄ and σ; needed without learning.
    policy : {"soft", "hard"}
        Without learning, whether the max of Eq. 2 is softened (A.1). Learning is by the soft policy.
    values : bool
        Also record q̄ and σ of the actions at each choice.
    probability : bool
        Also compute the probability of each choice from them (which takes longer than the simulation).
    max_rows : int
        More rows than this are not recorded: the call ends with an error. A row takes 42 bytes (16 more an action with
        ``values``), and twice that while the table is put together.

    Returns
    -------
    Trials

    Raises
    ------
    ValueError
        If an argument is not valid (nothing has been run then), or the table grows beyond ``max_rows``.
    DivergenceError
        As for `train`.
    """
    return training(
        task, agent, episodes=episodes, restarts=restarts, seed=seed, learn=learn, q=q, sigma=sigma, policy=policy,
        values=values, probability=probability, max_rows=max_rows, workers=workers, progress=progress, rng=rng,
    )[0]  # fmt: skip


def training(
    task: Task | str, agent: Agent, *, episodes: int, restarts: int = 1, seed: int | None = None, learn: bool = True,
    q: npt.ArrayLike | None = None, sigma: npt.ArrayLike | None = None, policy: Policy = "soft", values: bool = False,
    probability: bool = False, max_rows: int = LARGEST_TABLE, workers: int | None = None,
    progress: Progress | bool | None = None, rng: np.random.Generator | None = None,
) -> tuple[Trials, Result]:  # fmt: skip
    """As `simulate`, with the `Result` of the same training beside the table."""
    if isinstance(task, str):
        task = make(task)
    learn = _checks.flag("learn", learn)
    check_task_and_agent(task, agent, training=False)
    if not learn and (q is None or sigma is None):
        raise ValueError("learn=False needs q and sigma: what the agent acts by")
    if learn and not agent.learn_q:
        raise ValueError("learn_q=False: an agent that does not learn q̄ has no learning episodes; use learn=False")
    episodes = _checks.integer("episodes", episodes, low=1)
    schedule = Schedule(episodes, None, 1, _checks.choice("policy", policy, POLICIES))
    checked_episodes(task, schedule.episodes)
    restarts, seed = checked_count("restarts", restarts), checked_seed(seed, rng)
    given_q, given_sigma = checked_memories(task, agent, q, sigma, restarts, shared=learn)
    probability, values = _checks.flag("probability", probability), _checks.flag("values", values)
    max_rows, workers = _checks.integer("max_rows", max_rows, low=1), workers_or_none(workers)
    engine.capacity(task, [agent])
    if learn and episodes * restarts >= pairing.LARGE_CALL:
        pairing.warn_of_scale(task, agent, stacklevel=3)
    if episodes * restarts > max_rows:
        raise ValueError(
            f"max_rows={max_rows} is less than one row for each of {episodes * restarts} episodes: a table of so many "
            "rows must be asked for"
        )
    recorded = values or probability or agent.has_effort
    taken = _Table(task, agent, recorded, max_rows)
    streams = engine.run_streams(seed, range(restarts))
    with shown(progress, schedule.episodes * restarts, unit="episode") as meter:
        outcome = engine.run(
            task, [agent] * restarts, schedule, streams, q=given_q, sigma=given_sigma,
            recording=engine.Recording(recorded, taken.take), act_only=not learn,
            workers=workers, progress=None if progress is None else meter.update,
        )  # fmt: skip
    result = checked_result(make_result(task, agent, seed, schedule, outcome), outcome)
    warn_of_cutoffs(task, int(result.training_cutoffs.sum()), episodes * restarts, "", stacklevel=3)
    trials = taken.trials(restarts, workers or engine.usable_processors())
    if probability:
        chances = _probabilities(trials, taken.samples, agent, "soft" if learn else policy)
        trials = dataclasses.replace(trials, probability=chances)
    if not values:
        trials = dataclasses.replace(trials, q=None, sigma=None)
    return trials, result


class _Table:
    """Rows as the kernel hands them over, from several threads."""

    def __init__(self, task: Task, agent: Agent, values: bool, max_rows: int) -> None:
        self.task, self.agent, self.values, self.max_rows = task, agent, values, max_rows
        self.samples: Floats | None = None  # n of each row, where there is effort
        self.parts: list[tuple[int, npt.NDArray[Any], Floats | None]] = []
        self.rows, self.lock = 0, threading.Lock()

    def take(self, run: int, rows: npt.NDArray[Any], values: Floats | None) -> None:
        with self.lock:
            self.rows += len(rows)
            if self.rows > self.max_rows:
                raise ValueError(
                    f"the table has grown beyond max_rows={self.max_rows} rows: ask for more, or for fewer episodes"
                )
            self.parts.append((run, rows, values))

    def trials(self, restarts: int, workers: int) -> Trials:
        """The table; parts are given up one after another, each run's in the order in which they came."""
        counts, begins = np.zeros(restarts, dtype=np.int64), []
        for run, rows, _ in self.parts:
            begins.append(counts[run])
            counts[run] += len(rows)
        before = np.cumsum(counts) - counts
        n = int(counts.sum())
        names = ["episode", "step", "state", "action", "next_state"]
        # columns that take no memory
        zeros: dict[str, Any] = {"session": np.int16(0), "path": np.int32(0), "forced": np.False_}
        planned = any(rows["path"].max() > 3 for _, rows, _ in self.parts)
        if planned:
            zeros.pop("path")
        table: dict[str, npt.NDArray[Any]] = {name: np.empty(n, dtype=np.int32) for name in names}
        table["reward"], flags = np.empty(n), np.empty(n, dtype=np.int8)
        values = np.empty((n, 2 * self.task.n_actions + self.agent.has_effort)) if self.values else None
        path = np.empty(n, dtype=np.int32) if planned else None

        def fill(number: int) -> None:
            run, rows, held = self.parts[number]
            begin = before[run] + begins[number]
            here = slice(begin, begin + len(rows))
            for name, column in table.items():
                column[here] = rows[name]
            flags[here] = rows["path"] & 3
            if path is not None:
                path[here] = rows["path"] >> 2
            if values is not None and held is not None:
                values[here] = held
            self.parts[number] = (run, rows[:0], None)

        # most of the time goes by while memory that is written for the first time is had from the system
        with Threads(min(workers, len(self.parts))) as pool:
            for _ in pool.map(fill, range(len(self.parts))):
                pass
        if path is not None:
            table["path"] = path
        tables = {}
        if values is not None and self.agent.has_effort:
            self.samples = values[:, -1].copy()
        if self.agent.has_effort or self.agent.opportunity_cost:
            tables["time"] = self._time(table, n)
        if values is not None:
            half = self.task.n_actions
            values = values[:, : 2 * half]
            absent = values[:, :half] < -1e199
            tables |= {name: np.where(absent, np.nan, part)
                       for name, part in (("q", values[:, :half]), ("sigma", values[:, half:]))}  # fmt: skip
        return Trials(
            task=self.task, subject=np.repeat(np.arange(restarts, dtype=np.int32), counts),
            **table, ended=(flags & ENDED).view(bool), cut=(flags >> 1).view(bool),
            **{name: np.broadcast_to(zero, n) for name, zero in zeros.items()}, **tables,
        )  # fmt: skip

    def _time(self, table: dict[str, npt.NDArray[Any]], n: int) -> Floats:
        """Time of each choice; over the choices of an episode it adds up to its duration."""
        time: Floats = np.full(n, pairing.time_of_sample(self.task, self.agent))
        if self.samples is not None:
            time *= self.samples
        if self.task.horizon is None:
            time += self.agent.non_decision_time
            return time
        begins = table["step"] == 0
        if "path" in table:
            begins &= table["path"] == 0
        time += self.agent.non_decision_time * begins
        return time


def _probabilities(trials: Trials, samples: Floats | None, agent: Agent, policy: str) -> Floats:
    """P of each choice from q̄ and σ at that moment."""
    chances = np.empty(len(trials))
    assert trials.q is not None and trials.sigma is not None
    episodes, which = np.unique(trials.episode, return_inverse=True)
    betas = np.array([agent.at("beta", int(episode)) for episode in episodes])[which]
    for beta in np.unique(betas):
        rows = np.flatnonzero(betas == beta)
        for begin in range(0, len(rows), CHUNK):
            some = rows[begin : begin + CHUNK]
            exists = ~np.isnan(trials.q[some])
            q, sigma = (np.where(exists, table[some], 1.0) for table in (trials.q, trials.sigma))
            if samples is not None:
                sigma = sigma * agent.averaging(samples[some, None])
            p = solve_choices(q, sigma, exists, float(beta) if policy == "soft" else None).probability
            chances[some] = p[np.arange(len(some)), trials.action[some]]
    return chances


def replay(
    trials: Trials, agent: Agent | Sequence[Agent], *, seed: int | None = None, q: npt.ArrayLike | None = None,
    sigma: npt.ArrayLike | None = None, snapshots: Sequence[int] = (), workers: int | None = None,
    progress: Progress | bool | None = None, rng: np.random.Generator | None = None,
) -> Result | list[Result]:  # fmt: skip
    """What agents would have learned, had they made recorded choices.

    Recall, learning and the σ update are those of training; the choice, its outcome and the ends of episodes are those
    of the table. Subject i of the table has the random streams of restart i: a simulated table, replayed with the seed
    and the agent of its simulation, ends in the bits of the simulation's q̄ and σ.

    Parameters
    ----------
    trials : Trials
        Of one session, each subject with the same number of episodes. Where nobody chose, or the reward was not shown,
        nothing is learned of values; forced choices teach.
    agent : Agent or sequence of Agent
        One, or several, each of which replays every subject.
    seed, q, sigma, snapshots, workers, progress, rng
        As for `train`; restarts are the subjects.

    Returns
    -------
    Result, or a list of them where there are several agents

    Raises
    ------
    ValueError
        If an argument is not valid; nothing has been run then.
    DivergenceError
        As for `train`.
    """
    if not isinstance(trials, Trials):
        raise ValueError(f"trials must be Trials, got {_checks.shown(trials)}")
    agents = [agent] if isinstance(agent, Agent) else list(_checks.sequence("agent", agent))
    if not agents:
        raise ValueError("agent must be an Agent, or several")
    task = trials.task
    choices, first, episodes = _recorded(trials, agents)
    n = len(first) - 1
    schedule = Schedule(episodes, None, 1, snapshots=snapshots)
    seed = checked_seed(seed, rng)
    given = [checked_memories(task, one, q, sigma, n) for one in agents]
    engine.capacity(task, agents)
    total = schedule.episodes * n * len(agents)
    results = []
    with shown(progress, total, unit="episode") as meter:
        for number, (one, (given_q, given_sigma)) in enumerate(zip(agents, given, strict=True)):
            streams = engine.run_streams(seed, range(n))
            before = number * schedule.episodes * n
            outcome = engine.run(
                task, [one] * n, schedule, streams, q=given_q, sigma=given_sigma,
                replayed=engine.Replayed(choices, first), workers=workers_or_none(workers),
                progress=None if progress is None else lambda done, before=before: meter.update(before + done),  # type: ignore[misc]
            )  # fmt: skip
            results.append(checked_result(make_result(task, one, seed, schedule, outcome), outcome))
    return results[0] if isinstance(agent, Agent) else results


def _recorded(trials: Trials, agents: Sequence[Agent]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], int]:
    """The table as the kernel replays it: rows, the first of each subject, and episodes of each."""
    task = trials.task
    for one in agents:
        check_task_and_agent(task, one)
        if not one.learn_q:
            raise ValueError("learn_q=False: an agent that learns no q̄ has nothing to replay")
    if not len(trials):
        raise ValueError("trials must have rows, got none")
    check(trials)
    _, begins = np.unique(trials.subject, return_index=True)
    begins = np.sort(begins)
    if len(np.unique(trials.session)) > 1:
        raise ValueError("trials must be of one session: replay each by itself, or fit them with sigmalloc.fit")
    first = np.append(begins, len(trials)).astype(np.int64)
    if np.count_nonzero(trials.subject[1:] != trials.subject[:-1]) >= len(begins):
        raise ValueError("trials must have all rows of a subject one after the other")
    late = np.flatnonzero(trials.episode[begins])
    if len(late):
        row = begins[late[0]]
        raise ValueError(f"trials, row {row}: the first episode must be 0, got {trials.episode[row]}")
    ends = trials.ended | trials.cut
    paths = [np.bincount(trials.episode[a:b][ends[a:b]]) for a, b in zip(first, first[1:], strict=False)]
    episodes = {len(count) for count in paths}
    if len(episodes) > 1:
        raise ValueError(f"trials must have as many episodes of every subject, got {sorted(episodes)}")
    for one in agents:
        wanted = pairing.paths(task, one)
        if one.learn_search_budget:  # as many as it would have had, in each episode
            continue
        if any((count != wanted).any() for count in paths):
            raise ValueError(
                f"trials must have {wanted} path{'s' if wanted > 1 else ''} in every episode, as the agent's "
                f"search_budget={one.search_budget!r} has"
            )
    checked_episodes(task, episodes.copy().pop())
    choices = np.zeros(len(trials), dtype=engine.CHOICE_DTYPE)
    for name in ("state", "action", "next_state", "reward"):
        choices[name] = getattr(trials, name)
    choices["flags"] = ENDED * trials.ended + CUT * trials.cut
    last = np.append(trials.episode[1:] != trials.episode[:-1], True)
    last[first[1:] - 1] = True
    choices["flags"] += LAST * last
    return choices, first, episodes.pop()
