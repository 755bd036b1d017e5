"""Choices made in a finite task: its states are the situations, its memory map and known values the subject's."""

import math
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _checks
from ..tasks import TabularMDP
from ..tasks.base import how_to_make_one
from .columns import a_float, column, first_without, flags, floats
from .subject import BLOCKS, CARRIED, NEW, NEW_Q, FloatArray, IntArray, Once, Subject, changes, groups, nothing, plain

_MODES = {"reset": NEW, "carry": CARRIED, "reset_q": NEW_Q}


def choices_in_task(task: Any, trials: Any, block: str | None, blocks: str) -> list[Subject]:
    """See `Choices.from_task`."""
    _checks.choice("blocks", blocks, BLOCKS)
    if not isinstance(task, TabularMDP):
        raise ValueError(f"task must be a TabularMDP, got {_checks.shown(task)}{how_to_make_one(task)}")
    if len(task.variants) > 1:
        raise ValueError(f"task must not change, but {task.name!r} has {len(task.variants)} variants")
    rows = _Rows(task, trials, block)
    return [rows.subject(label, place, blocks) for label, place in groups(rows.owner)]


class _Rows:
    def __init__(self, task: TabularMDP, trials: Any, block: str | None) -> None:
        self.task, self.once = task, Once()
        self.options, self.place = _options(task)
        state = _needed(trials, "state")
        n = len(state)
        self.owner = column("subject", _default(_column(trials, "subject", n), n), n)
        self.block = column(
            "block", _default(_needed(trials, block, n) if block is not None else _column(trials, "session", n), n), n
        )
        self.state = self._integers("state", state, task.n_states)
        self.choice = self._choices(_needed(trials, "action", n))
        self.reward = self._rewards(_needed(trials, "reward", n))
        forced, path = _column(trials, "forced", n), _column(trials, "path", n)
        self.forced = np.zeros(n, dtype=bool) if forced is None else flags("forced", forced)
        planned = np.zeros(0) if path is None else floats("path", path)
        if planned.any():
            self.fail(int(np.flatnonzero(planned)[0]), "paths that were planned in one trial are not choices")
        following, episode = _column(trials, "next_state", n), _column(trials, "episode", n)
        self.longer = bool((task.probability[~task.terminal[task.next_state] & task.exists[:, :, None]] > 0).any())
        if self.longer and following is None:
            raise ValueError(
                f"next_state must be a column of trials: episodes of {task.name!r} can be longer than a row"
            )
        self.following = np.full(n, -1)
        if following is not None:
            unknown = np.array([nothing(value) for value in following.tolist()], dtype=bool)
            entered = self._integers("next_state", following, task.n_states, missing=(self.choice < 0) & unknown)
            self.following = np.where((entered < 0) | task.terminal[entered], -1, entered)
        self.episode = np.arange(n) if episode is None and not self.longer else episode
        if self.episode is not None:
            self.episode = column("episode", self.episode, n)
        for name, values in (("session" if block is None else block, self.block), ("episode", self.episode)):
            if values is not None and (row := first_without(values)) is not None:
                self.fail(row, f"{name} is missing")

    def fail(self, row: int, message: str) -> None:
        raise ValueError(f"subject {plain(self.owner[row])!r}, row {row}: {message}")

    def _integers(
        self, name: str, values: npt.NDArray[Any], below: int, missing: npt.NDArray[np.bool_] | None = None
    ) -> IntArray:
        out = np.full(len(values), -1, dtype=np.int64)
        for row, value in enumerate(values.tolist()):
            if missing is not None and missing[row]:
                continue
            number = a_float(value) if isinstance(value, numbers.Real) else math.nan
            if not (0 <= number < below and number == math.floor(number)):
                self.fail(row, f"{name} must be an integer in [0, {below - 1}], got {_checks.shown(value)}")
            out[row] = int(number)
        return out

    def _choices(self, values: npt.NDArray[Any]) -> IntArray:
        blank = np.array([nothing(value) for value in values.tolist()], dtype=bool)
        action = self._integers("action", values, self.task.n_actions, missing=blank)
        out = np.where(blank, -1, self.place[self.state, action])
        wrong = np.flatnonzero(~blank & (out < 0))
        if len(wrong):
            row = wrong[0]
            self.fail(row, f"state {self.state[row]} has no action {action[row]}")
        if self.task.terminal[self.state].any():
            row = int(np.flatnonzero(self.task.terminal[self.state])[0])
            self.fail(row, f"state {self.state[row]} is terminal: nobody chooses there")
        return out

    def _rewards(self, values: npt.NDArray[Any]) -> FloatArray:
        reward = floats("reward", values)
        for wrong, what in (
            (np.isinf(reward), "finite, or NaN where it was not shown"),
            (np.abs(reward) > _checks.LARGEST, f"within ±{_checks.LARGEST:g}"),
        ):
            if wrong.any():
                row = int(np.flatnonzero(wrong)[0])
                self.fail(row, f"reward must be {what}, got {_checks.shown(values.tolist()[row])}")
        return reward

    def subject(self, label: Any, rows: IntArray, blocks: str) -> Subject:
        task, memory_map = self.task, self.task.memory_map
        n = len(rows)
        begins = changes(self.block[rows])
        following = self.following[rows]
        ends = np.ones(n, dtype=bool)
        if self.episode is not None:
            ends[:-1] = (changes(self.episode[rows]) | begins)[1:]
        else:
            ends[:-1] = (following[:-1] < 0) | begins[1:]
        broken = np.flatnonzero(~ends[:-1] & (following[:-1] != self.state[rows][1:]))
        if len(broken):
            t = broken[0]
            self.fail(
                rows[t], f"next_state leads to {following[t]}, but the episode goes on in {self.state[rows[t + 1]]}"
            )
        choice, reward = self.choice[rows], self.reward[rows]
        payoff = np.full((n, task.n_actions), np.nan)
        made = np.flatnonzero(choice >= 0)
        payoff[made, choice[made]] = reward[made]
        exists, place = self.options >= 0, np.maximum(self.options, 0)
        state = np.arange(task.n_states)[:, None]
        known = np.zeros(exists.shape)
        noise = np.zeros(exists.shape)
        if memory_map.known_q is not None and memory_map.known_sigma is not None:
            fixed = exists & memory_map.known[state, place]
            known = np.where(fixed, np.nan_to_num(memory_map.known_q)[state, place], 0.0)
            noise = np.where(fixed, np.nan_to_num(memory_map.known_sigma)[state, place], 0.0)
        counts = exists.sum(axis=1)
        labels = tuple(range(memory_map.n_memories))
        shown = self.state[rows]
        scored = (choice >= 0) & ~self.forced[rows] & (counts[shown] > 1)
        block = np.cumsum(begins) - 1
        start = np.where(begins, _MODES[blocks], 0)
        start[0] = NEW
        once = self.once
        return Subject(
            label=plain(label),
            situation=once(shown),
            following=once(following),
            choice=choice,
            payoff=payoff,
            outcome=payoff - known[shown] if known.any() else payoff,
            scored=once(scored.astype(np.int64)),
            episode_end=once(ends.astype(np.int64)),
            block_start=once(start),
            block_memories=once(np.full(n, memory_map.n_memories)),
            memory=once(np.where(exists, memory_map.index[state, place], -1)),
            known=once(known),
            known_sigma=once(noise),
            n_options=once(counts),
            n_memories=memory_map.n_memories,
            labels=(labels,) * (int(block[-1]) + 1),
            block=once(block),
            start=once(np.asarray(task.start, dtype=np.float64)),
            transition=once(_transition(task, self.options)) if self.longer else None,
            rows=rows,
        )


def _options(task: TabularMDP) -> tuple[IntArray, IntArray]:
    """Action of each option of a state, −1 where there is none; and option of each action."""
    options = np.full((task.n_states, task.n_actions), -1, dtype=np.int64)
    place = np.full_like(options, -1)
    for s, there in enumerate(task.exists):
        actions = np.flatnonzero(there)
        options[s, : len(actions)] = actions
        place[s, actions] = np.arange(len(actions))
    return options, place


def _transition(task: TabularMDP, options: IntArray) -> FloatArray:
    """Probabilities of the states that each option leads to; terminal ones are left out."""
    out = np.zeros((task.n_states, task.n_actions, task.n_states))
    for s, o in np.argwhere(options >= 0):
        a = options[s, o]
        np.add.at(out[s, o], task.next_state[s, a], task.probability[s, a])
    out[:, :, task.terminal] = 0.0
    return out


def _needed(trials: Any, name: str, n: int | None = None) -> npt.NDArray[Any]:
    values = _column(trials, name, n)
    if values is None:
        raise ValueError(f"trials must have {name!r}")
    return values


def _column(trials: Any, name: str, n: int | None = None) -> npt.NDArray[Any] | None:
    if not isinstance(name, str):
        raise ValueError(f"block must be the name of a column, got {_checks.shown(name)}")
    by_key = isinstance(trials, Mapping) or hasattr(trials, "get")  # a DataFrame has one
    found = trials.get(name) if by_key else getattr(trials, name, None)
    if found is None:
        return None
    values = _checks.as_array(name, found)
    if values.ndim != 1 or len(values) == 0 or (n is not None and len(values) != n):
        raise ValueError(f"{name} must have shape ({'rows' if n is None else n},), got {values.shape}")
    return values


def _default(values: npt.NDArray[Any] | None, n: int) -> npt.NDArray[Any]:
    return np.zeros(n, dtype=np.int64) if values is None else values
