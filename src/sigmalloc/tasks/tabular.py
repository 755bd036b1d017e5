"""Finite Markov decision processes as frozen arrays.

A `TabularMDP` is five ideas: outcome tables P(k | s, a) with their next states and rewards, how many actions each
state has, where episodes start, where they end, and (optionally) which memories are known beforehand. A task that
changes is a list of (episode, MDP) pairs hanging off its first MDP.

Terminal states are settled here and nowhere else: they have no actions, hence no memories, and are worth 0. Places
that can never be entered, such as the walls of a maze, are declared terminal too.
"""

import copy

import numpy as np
import numpy.typing as npt

from .. import _checks
from . import construct
from .base import Maze, Task
from .values import optimal_q

DEFAULT_STEP_LIMIT = 10_000


class TabularMDP(Task):
    """A finite Markov decision process.

    Parameters
    ----------
    next_state : array of int, shape (states, actions) or (states, actions, outcomes)
        State entered by each outcome of each action.
    reward : array of float, same shape as ``next_state`` or (states, actions)
        Reward of each outcome.
    probability : array of float, same shape as ``next_state``, optional
        Probability of each outcome; may be left out when there is one outcome. Sums to 1 over outcomes.
    start : int or array of float, shape (states,)
        The state in which episodes start, or the distribution it is drawn from.
    terminal : sequence of int or array of bool, shape (states,), optional
        States that end an episode, by index or as a mask.
    action_counts : array of int, shape (states,), optional
        How many actions each state has: state s has actions 0 .. action_counts[s] − 1. Default: all of them.
    step_limit : int
        Steps after which an episode is cut off.
    changes : sequence of (int, TabularMDP), optional
        From episode n on (counted from 0) the task is the MDP given with n. q̄ and σ carry on.
    known_q, known_sigma : array of float, shape (states, actions), optional
        Memories that are fixed and free: NaN where a memory is to be allocated as usual.
    horizon : int, optional
        If every episode has exactly this many steps and outcomes are certain, paths can be planned (section 4.3).
    name : str
        Used in messages, files and titles.
    layout : sequence of str, optional
        A drawing of a grid task, one character a state ("#" wall, "S" start, "G" goal, "H" hole, "." free), for plots.
    action_names : sequence of str, optional
    state_names : sequence of str, optional

    Attributes
    ----------
    n_states, n_actions, n_outcomes : int
    memories : array of bool, shape (states, actions)
        Memories that are allocated: not in terminal states, not known.

    Raises
    ------
    ValueError
        Naming the array and what is wrong with it.
    """

    def __init__(
        self, next_state, reward, probability=None, *, start, terminal=(), action_counts=None,
        step_limit=DEFAULT_STEP_LIMIT, changes=(), known_q=None, known_sigma=None, horizon=None,
        name="mdp", layout=None, action_names=None, state_names=None,
    ):  # fmt: skip
        next_state = _state_table(next_state)
        n_states, n_actions, n_outcomes = next_state.shape
        shape = next_state.shape
        reward = _checks.numeric("reward", reward)
        if reward.shape == shape[:2]:
            reward = np.broadcast_to(reward[:, :, None], shape)
        reward = _checks.array("reward", reward, shape)
        if probability is None:
            if n_outcomes > 1:
                raise ValueError("probability must be given when actions have several outcomes")
            probability = np.ones(shape)
        else:
            probability = _checks.numeric("probability", probability)
            if probability.shape == shape[:2] and n_outcomes == 1:
                probability = probability[:, :, None]
            probability = _checks.array("probability", probability, shape)

        self.name = _text("name", name)
        self.n_states, self.n_actions, self.n_outcomes = n_states, n_actions, n_outcomes
        self.terminal = _mask("terminal", terminal, n_states)
        self.action_counts = self._checked_action_counts(action_counts)
        exists = np.arange(n_actions) < self.action_counts[:, None]
        _check_probability(probability, exists)
        nowhere = ~exists
        own = np.arange(n_states)[:, None, None]
        self.next_state = np.where(nowhere[:, :, None], own, next_state)
        self.reward = np.where(nowhere[:, :, None], 0.0, reward)
        certain = np.zeros(n_outcomes)
        certain[0] = 1.0
        self.probability = np.where(nowhere[:, :, None], certain, probability)
        self.start = self._checked_start(start)
        self.step_limit = _checks.integer("step_limit", step_limit, low=1, high=10**9)
        self.exists = exists
        self.known_q, self.known_sigma, known = self._checked_known(known_q, known_sigma)
        self.known = known
        self.memories = exists & ~known
        self.horizon = None if horizon is None else _checks.integer("horizon", horizon, low=1)
        if self.horizon is not None:
            self._check_horizon()
        self.layout = None if layout is None else self._checked_layout(layout)
        self.action_names = _names("action_names", action_names, n_actions)
        self.state_names = _names("state_names", state_names, n_states)
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
        self.changes = self._checked_changes(changes)

    @classmethod
    def from_dense(cls, transitions, rewards, **keywords):
        """An MDP from full matrices.

        Parameters
        ----------
        transitions : array of float, shape (states, actions, states)
            P(s' | s, a).
        rewards : array of float, shape (states, actions) or (states, actions, states)
        **keywords
            As for `TabularMDP`; ``start`` is required.
        """
        return construct.from_dense(cls, transitions, rewards, **keywords)

    @classmethod
    def from_functions(cls, transition, actions, *, start, **keywords):
        """An MDP explored from its starts by calling functions of your own states.

        Parameters
        ----------
        transition : callable(state, action)
            Returns ``(next_state, reward)``, or a list of ``(probability, next_state, reward)``.
        actions : callable(state)
            Returns the actions of a state as a sequence; an empty one means that the state is terminal.
        start : hashable or dict of {hashable: float}
            The state in which episodes start, or states and their probabilities.
        **keywords
            As for `TabularMDP`, except the tables.

        Returns
        -------
        TabularMDP
            Its ``state_names`` are the ``str`` of the states, in the order in which they were found (breadth first).
        """
        return construct.from_functions(cls, transition, actions, start=start, **keywords)

    @classmethod
    def from_outcomes(cls, outcomes, *, start, terminal=None, **keywords):
        """An MDP from nested lists: ``outcomes[s][a]`` is a list of (probability, next state, reward).

        Equal next states with equal rewards are merged. States without actions are terminal unless ``terminal`` says
        otherwise.
        """
        return construct.from_outcomes(cls, outcomes, start=start, terminal=terminal, **keywords)

    finite = True

    @property
    def geometry(self):
        """How the states lie, for plots: a `Maze` if there is a layout."""
        return None if self.layout is None else Maze(tuple(self.layout))

    def at(self, episode):
        """The MDP in force in an episode (counted from 0)."""
        current = self
        for begin, changed in self.changes:
            if episode >= begin:
                current = changed
        return current

    def unchanging(self):
        """The MDP without its changes."""
        if not self.changes:
            return self
        same = copy.copy(self)
        same.changes = ()
        return same

    @property
    def variants(self):
        """The first MDP and those it changes to, in order."""
        return (self, *(changed for _, changed in self.changes))

    def optimal_q(
        self, gamma: float = 1.0, tolerance: float = 1e-12, max_iterations: int = 100_000
    ) -> npt.NDArray[np.float64]:
        """q* of the MDP, by policy iteration.

        Parameters
        ----------
        gamma : float
            Discount factor.
        tolerance : float
            An action replaces another if it is better by more than this (relative to the largest value, if that
            exceeds 1).
        max_iterations : int
            Policies that may be tried.

        Returns
        -------
        array of float, shape (states, actions)
            0 where there is no action; −inf, with γ = 1, where it leads to a state from which no policy is certain to
            end an episode, while reward is lost for ever.

        Raises
        ------
        ValueError
            If an argument is not valid, or, with γ = 1, if reward can be collected for ever.
        """
        return optimal_q(self, gamma, tolerance, max_iterations)

    def __repr__(self):
        parts = [f"{self.n_states} states × {self.n_actions} actions", f"{int(self.memories.sum())} memories"]
        if self.n_outcomes > 1:
            parts.append(f"up to {self.n_outcomes} outcomes")
        if self.changes:
            parts.append("changes at episode " + ", ".join(str(episode) for episode, _ in self.changes))
        return f"<TabularMDP {self.name!r}: {'; '.join(parts)}>"

    def _checked_action_counts(self, counts):
        if counts is None:
            counts = np.full(self.n_states, self.n_actions)
        else:
            counts = _integers("action_counts", counts, (self.n_states,))
            if counts.min() < 0 or counts.max() > self.n_actions:
                raise ValueError(
                    f"action_counts must be in [0, {self.n_actions}], got {counts.min()} to {counts.max()}"
                )
        counts = np.where(self.terminal, 0, counts)
        stuck = np.flatnonzero((counts == 0) & ~self.terminal)
        if stuck.size:
            raise ValueError(f"action_counts: state {stuck[0]} has no actions and is not terminal")
        if self.terminal.all():
            raise ValueError("terminal: every state is terminal")
        return counts

    def _checked_start(self, start):
        if _checks.numeric("start", start).ndim == 0:
            state = _checks.integer("start", start, low=0, high=self.n_states - 1)
            start = np.zeros(self.n_states)
            start[state] = 1.0
        start = _checks.array("start", start, (self.n_states,))
        if start.min() < 0 or abs(start.sum() - 1) > 1e-9:
            raise ValueError(f"start must be probabilities that sum to 1, got a sum of {start.sum():.10g}")
        ended = np.flatnonzero((start > 0) & self.terminal)
        if ended.size:
            raise ValueError(f"start: state {ended[0]} is terminal, so no episode can start there")
        return start / start.sum()

    def _checked_known(self, known_q, known_sigma):
        shape = (self.n_states, self.n_actions)
        if known_q is None and known_sigma is None:
            return None, None, np.zeros(shape, dtype=bool)
        if known_q is None or known_sigma is None:
            raise ValueError("known_q and known_sigma must be given together")
        known_q = _checks.numeric("known_q", known_q).astype(float)
        known_sigma = _checks.numeric("known_sigma", known_sigma).astype(float)
        for name, table in (("known_q", known_q), ("known_sigma", known_sigma)):
            if table.shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {table.shape}")
        known = ~np.isnan(known_q)
        if (known != ~np.isnan(known_sigma)).any():
            raise ValueError("known_q and known_sigma must be NaN in the same places")
        if (known & ~self.exists).any():
            raise ValueError("known_q must be NaN where there is no action")
        if not np.isfinite(known_q[known]).all():
            raise ValueError("known_q must be finite where it is not NaN")
        if not (np.isfinite(known_sigma[known]) & (known_sigma[known] >= 0)).all():
            raise ValueError("known_sigma must be finite and at least 0 where it is not NaN")
        return known_q.copy(), known_sigma.copy(), known

    def _check_horizon(self):
        if (self.probability.max(axis=2) < 1).any():
            raise ValueError("horizon: paths can be planned only where outcomes are certain")
        if (self.action_counts[~self.terminal] < self.n_actions).any():
            raise ValueError("horizon: paths can be planned only where every state has all the actions")
        if self.step_limit < self.horizon:
            raise ValueError(f"step_limit must be at least the horizon {self.horizon}, got {self.step_limit}")
        here = self.start > 0
        following = self.next_state[np.arange(self.n_states)[:, None], np.arange(self.n_actions)[None, :],
                                    self.probability.argmax(axis=2)]  # fmt: skip
        for move in range(self.horizon):
            if (here & self.terminal).any():
                raise ValueError(f"horizon: an episode can end after {move} moves, not {self.horizon}")
            there = np.zeros_like(here)
            there[following[here[:, None] & self.exists]] = True
            here = there
        if (here & ~self.terminal).any():
            raise ValueError(f"horizon: an episode can go on after {self.horizon} moves")

    def _checked_layout(self, layout):
        rows = _checks.sequence("layout", layout)
        if not rows or not all(isinstance(row, str) and len(row) == len(rows[0]) for row in rows):
            raise ValueError("layout must be strings of equal length")
        if len(rows) * len(rows[0]) != self.n_states:
            raise ValueError(
                f"layout must have one character per state ({self.n_states}), got {len(rows)} rows of {len(rows[0])}"
            )
        return rows

    def _checked_changes(self, changes):
        last, checked = 0, []
        for change in _checks.sequence("changes", changes):
            try:
                episode, changed = change
            except (TypeError, ValueError):
                raise ValueError(f"changes must be pairs (episode, TabularMDP), got {change!r}") from None
            episode = _checks.integer("changes: episode", episode, low=last + 1)
            if not isinstance(changed, TabularMDP):
                raise ValueError(f"changes: the task from episode {episode} must be a TabularMDP, got {changed!r}")
            if changed.changes:
                raise ValueError(f"changes: the task from episode {episode} must not have changes of its own")
            if (changed.n_states, changed.n_actions) != (self.n_states, self.n_actions):
                raise ValueError(
                    f"changes: the task from episode {episode} must have {self.n_states} states and "
                    f"{self.n_actions} actions, got {changed.n_states} and {changed.n_actions}"
                )
            if changed.horizon != self.horizon:
                raise ValueError(f"changes: the task from episode {episode} must have horizon {self.horizon}")
            for earlier in (self, *(mdp for _, mdp in checked)):
                both = ~changed.terminal & ~earlier.terminal
                if (changed.action_counts[both] != earlier.action_counts[both]).any():
                    raise ValueError(f"changes: from episode {episode} on, action_counts differ from those before")
                known = earlier.known & both[:, None]
                if (changed.known != earlier.known)[both].any() or any(
                    (getattr(changed, name)[known] != getattr(earlier, name)[known]).any()
                    for name in ("known_q", "known_sigma")
                    if known.any()
                ):
                    raise ValueError(f"changes: from episode {episode} on, the known memories differ from those before")
            checked.append((episode, changed))
            last = episode
        return tuple(checked)


def _state_table(table):
    table = _checks.numeric("next_state", table)
    if table.ndim not in (2, 3) or 0 in table.shape:
        raise ValueError(
            f"next_state must have shape (states, actions) or (states, actions, outcomes), got {table.shape}"
        )
    table = _integers("next_state", table, table.shape)
    if table.min() < 0 or table.max() >= len(table):
        raise ValueError(f"next_state must be in [0, {len(table) - 1}], got {table.min()} to {table.max()}")
    return table if table.ndim == 3 else table[:, :, None]


def _integers(name, value, shape):
    value = _checks.numeric(name, value)
    if value.dtype.kind not in "iu":
        raise ValueError(f"{name} must be an array of integers, got dtype {value.dtype}")
    return _checks.array(name, value, shape, dtype=np.int64)


def _mask(name, value, n_states):
    given = _checks.numeric(name, value, "iufb")
    if given.dtype == bool:
        if given.shape != (n_states,):
            raise ValueError(f"{name} must have shape ({n_states},), got {given.shape}")
        return given.copy()
    mask = np.zeros(n_states, dtype=bool)
    if given.size:
        given = _integers(name, given, given.shape)
        if given.min() < 0 or given.max() >= n_states:
            raise ValueError(f"{name} must be states in [0, {n_states - 1}], got {given.min()} to {given.max()}")
        mask[given] = True
    return mask


def _check_probability(probability, exists):
    if (probability < 0).any():
        raise ValueError(f"probability must not be negative, got {probability.min():g}")
    total = probability.sum(axis=2)
    wrong = np.argwhere((np.abs(total - 1) > 1e-9) & exists)
    if wrong.size:
        s, a = wrong[0]
        raise ValueError(f"probability of state {s}, action {a} must sum to 1, got {total[s, a]:.10g}")


def _text(name, value):
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a non-empty string, got {value!r}")
    return value


def _names(name, values, count):
    if values is None:
        return None
    names = _checks.sequence(name, values)
    if len(names) != count or not all(isinstance(entry, str) for entry in names):
        raise ValueError(f"{name} must be {count} strings, got {values!r}")
    return names
