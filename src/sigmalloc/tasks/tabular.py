"""Finite Markov decision processes as frozen arrays.

A `TabularMDP` is five ideas: outcome tables P(k | s, a) with their next states and rewards, how many actions each
state has, where episodes start, where they end, and (optionally) which memories are known beforehand. A task that
changes is a list of (episode, MDP) pairs hanging off its first MDP.

Terminal states are settled here and nowhere else: they have no actions, hence no memories, and are worth 0. Places
that can never be entered, such as the walls of a maze, are declared terminal too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from .. import _checks
from ..memories import checked_index
from . import construct
from .arrays import ARRAYS, freeze, hashed_arrays, kept_arrays
from .base import Arrays, Facts, Maze, Task, World
from .matching import check_variants
from .table_world import TableWorld
from .values import optimal_q

DEFAULT_STEP_LIMIT = 10_000
FACTS = ("name", "step_limit", "horizon", "layout", "action_names", "state_names", "reward_noise")
Layout = Sequence[str]


class TabularMDP(Task):
    """A finite Markov decision process.

    Parameters
    ----------
    next_state : array of int, shape (states, actions) or (states, actions, outcomes)
        State entered by each outcome of each action.
    reward : array of float, same shape as ``next_state`` or (states, actions)
        Reward of each outcome.
    probability : array of float, same shape as ``next_state``, optional
        Probability of each outcome; may be left out when there is one outcome. Sums to 1 over outcomes; so it does
        after normalisation, if it is within 10⁻³ of it, as rounded probabilities are.
    start : int or array of float, shape (states,), optional
        The state in which episodes start, or the distribution it is drawn from. May be left out with ``starts``, whose
        frequencies it then is.
    terminal : sequence of int or array of bool, shape (states,), optional
        States that end an episode, by index or as a mask.
    action_counts : array of int, shape (states,), optional
        How many actions each state has: state s has actions 0 .. action_counts[s] − 1. Default: all of them.
    actions : array of bool, shape (states, actions), optional
        Which actions each state has, instead of ``action_counts``.
    step_limit : int
        Steps after which an episode is cut off.
    changes : sequence of (int, TabularMDP), optional
        From episode n on (counted from 0) the task is the MDP given with n. q̄ and σ carry on.
    known_q, known_sigma : array of float, shape (states, actions), optional
        Values that are known instead of remembered, free and never updated, and their noise (0 is allowed): NaN where
        there is a memory as usual.
    memory_map : array of int, shape (states, actions), optional
        Number of the memory that each action of each state uses, from 0; −1 where there is none: no such action, or a
        known value. Several states may share a memory, but not two actions of one state. Default: one memory for each.
    reward_sd : array of float, as ``reward``, optional
        Standard deviation of the reward of each outcome, which is then normal.
    reward_noise : {"gaussian", "bernoulli"}
        "bernoulli": a reward is 1 with the probability that ``reward`` gives, else 0.
    rewards_by_episode : array of float, shape (episodes, states, actions), optional
        Rewards (means, or probabilities) in each learning episode, in place of ``reward``, as for restless bandits.
        There are no more learning episodes than these.
    starts : array of int, shape (episodes,), optional
        State in which each learning episode starts, as an experimenter laid it down. Trajectories sampled offline, and
        evaluations, draw from ``start``. There are no more learning episodes than these.
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

    kind = "tabular"
    finite = True
    changes: tuple[tuple[int, TabularMDP], ...] = ()
    n_outcomes: int
    action_counts: npt.NDArray[np.int64]
    next_state: npt.NDArray[np.int64]
    reward: npt.NDArray[np.float64]
    probability: npt.NDArray[np.float64]
    reward_noise: Literal["gaussian", "bernoulli"]
    reward_sd: npt.NDArray[np.float64] | None
    starts: npt.NDArray[np.int64] | None
    start: npt.NDArray[np.float64]
    rewards_by_episode: npt.NDArray[np.float64] | None
    layout: tuple[str, ...] | None

    name: str
    n_states: int
    n_actions: int
    step_limit: int
    horizon: int | None
    episode_limit: int | None
    action_names: tuple[str, ...] | None
    state_names: tuple[str, ...] | None
    known_q: npt.NDArray[np.float64] | None
    known_sigma: npt.NDArray[np.float64] | None
    given_index: npt.NDArray[np.int64] | None
    terminal: npt.NDArray[np.bool_]
    exists: npt.NDArray[np.bool_]

    def __init__(
        self, next_state: npt.ArrayLike, reward: npt.ArrayLike, probability: npt.ArrayLike | None = None, *,
        start: npt.ArrayLike | None = None, terminal: npt.ArrayLike = (), action_counts: npt.ArrayLike | None = None,
        actions: npt.ArrayLike | None = None, step_limit: int = DEFAULT_STEP_LIMIT,
        changes: Sequence[tuple[int, TabularMDP]] = (), known_q: npt.ArrayLike | None = None,
        known_sigma: npt.ArrayLike | None = None, memory_map: npt.ArrayLike | None = None,
        reward_sd: npt.ArrayLike | None = None, reward_noise: Literal["gaussian", "bernoulli"] = "gaussian",
        rewards_by_episode: npt.ArrayLike | None = None, starts: npt.ArrayLike | None = None,
        horizon: int | None = None, name: str = "mdp", layout: Layout | None = None,
        action_names: Sequence[str] | None = None, state_names: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        next_state = _state_table(next_state)
        n_states, n_actions, n_outcomes = next_state.shape
        shape = next_state.shape
        reward = _outcome_table("reward", reward, shape)
        if probability is None:
            if n_outcomes > 1:
                raise ValueError("probability must be given when actions have several outcomes")
            probability = np.ones(shape)
        else:
            probability = _checks.numeric("probability", probability)
            if probability.shape == shape[:2] and n_outcomes == 1:
                probability = probability[:, :, None]
            probability = _checks.array("probability", probability, shape)

        self.name = _checks.text("name", name)
        self.n_states, self.n_actions, self.n_outcomes = n_states, n_actions, n_outcomes
        self.terminal = _checks.states("terminal", terminal, n_states)
        self.exists = exists = self._checked_exists(action_counts, actions)
        self.action_counts = exists.sum(axis=1)
        probability = _checks.probabilities("probability", probability, where=exists)
        nowhere = ~exists[:, :, None]
        own = np.arange(n_states)[:, None, None]
        self.next_state = np.where(nowhere, own, next_state)
        self.reward = np.where(nowhere, 0.0, reward)
        certain = np.zeros(n_outcomes)
        certain[0] = 1.0
        self.probability = np.where(nowhere, certain, probability)
        self.reward_noise = _checks.choice("reward_noise", reward_noise, ("gaussian", "bernoulli"))
        self.reward_sd = self._checked_reward_sd(reward_sd)
        self.starts = self._checked_starts(starts)
        self.start = self._checked_start(start)
        self.step_limit = _checks.integer("step_limit", step_limit, low=1, high=10**9)
        self.known_q, self.known_sigma = self._checked_known(known_q, known_sigma)
        self.given_index = None if memory_map is None else checked_index(memory_map, exists, self.known)
        self.rewards_by_episode = self._checked_rewards_by_episode(rewards_by_episode)
        self._check_rewards_are_probabilities()
        limits = [len(table) for table in (self.starts, self.rewards_by_episode) if table is not None]
        self.episode_limit = min(limits) if limits else None
        self.horizon = None if horizon is None else _checks.integer("horizon", horizon, low=1)
        if self.horizon is not None:
            self._check_horizon(self.horizon)
        self.layout = None if layout is None else self._checked_layout(layout)
        self.action_names = None if action_names is None else _checks.names("action_names", action_names, n_actions)
        self.state_names = None if state_names is None else _checks.names("state_names", state_names, n_states)
        self.changes = self._checked_changes(changes)
        if self.changes:
            _ = self.places  # memories of variants that do not go together are found here
        freeze(self)

    def __setattr__(self, name: str, value: object) -> None:
        if self.__dict__.get("_frozen"):
            raise AttributeError(f"{name} cannot be set: a task does not change once it is made")
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{name} cannot be deleted: a task does not change once it is made")

    def _with(self, **changed: object) -> TabularMDP:
        """The task with other attributes, already checked."""
        other = object.__new__(type(self))
        held = self.__dict__.copy()  # at once: another thread may be the first to ask for the places
        for name in ("_frozen", "places"):
            held.pop(name, None)
        other.__dict__.update(held | changed)
        freeze(other)
        return other

    @classmethod
    def from_dense(
        cls, transitions: npt.ArrayLike, rewards: npt.ArrayLike, *, axes: Literal["SAS", "ASS"] = "SAS", **keywords: Any
    ) -> Self:
        """An MDP from full matrices.

        Parameters
        ----------
        transitions : array of float, shape (states, actions, states), or (actions, states, states) with axes="ASS"
            P(s' | s, a); the last axis is s' either way.
        rewards : array of float, shape (states, actions) or that of ``transitions``
            Rewards of −inf say that a state has no such action, whatever its transitions; states without any are
            terminal.
        axes : {"SAS", "ASS"}
            Which axes of three-dimensional tables are states (S) and actions (A).
        **keywords
            As for `TabularMDP`; ``start`` is required.

        Raises
        ------
        ValueError
            As `TabularMDP`, and if a table does not have the shape that ``axes`` says, naming the one that it has.
        """
        return construct.from_dense(cls, transitions, rewards, axes=axes, **keywords)

    @classmethod
    def from_functions(
        cls, transition: Callable[[Any, Any], Any], actions: Callable[[Any], Sequence[Any]], *, start: Any,
        max_states: int = construct.MAX_STATES, like: TabularMDP | None = None, **keywords: Any,
    ) -> Self:  # fmt: skip
        """An MDP explored from its starts by calling functions of your own states.

        Parameters
        ----------
        transition : callable(state, action)
            Returns ``(next_state, reward)``, or a list of ``(probability, next_state, reward)``. Outcomes of
            probability 0 do not exist.
        actions : callable(state)
            Returns the actions of a state as a sequence; an empty one means that the state is terminal. An action has
            the same column in all states: its own number if the actions are 0, 1, …, else in the order in which they
            are met. Its ``str`` is its name unless ``action_names`` are given: strings that stand for the actions that
            they spell, for the integers from 0 on, or (for any other objects) for the actions of the states that have
            all of them, in their order; or a dict of actions and names.
        start : hashable or dict of {hashable: float}
            The state in which episodes start, or states and their probabilities.
        max_states : int
            With more states than this the exploration stops with an error.
        like : TabularMDP, optional
            A task with ``state_names`` whose numbers of states and actions are to be kept, for `changes` of it; its
            states that are not reached are terminal.
        **keywords
            As for `TabularMDP`, except the tables.

        Returns
        -------
        TabularMDP
            Its ``state_names`` are the ``str`` of the states, in the order in which they were found (breadth first).

        Raises
        ------
        ValueError
            As `TabularMDP`, and if a function returns something else, a state or action is not hashable, there are
            more than ``max_states`` states, or ``action_names`` could be those of other actions.
        """
        return construct.from_functions(
            cls, transition, actions, start=start, max_states=max_states, like=like, **keywords
        )

    @classmethod
    def from_outcomes(
        cls, outcomes: Sequence[Any], *, start: npt.ArrayLike | None = None, terminal: npt.ArrayLike | None = None,
        n_actions: int | None = None, **keywords: Any,
    ) -> Self:  # fmt: skip
        """An MDP from nested lists: ``outcomes[s][a]`` is a list of (probability, next state, reward).

        Equal next states with equal rewards are merged. ``outcomes[s]`` may be a dict of the numbers of actions, or
        have None for an action that the state does not have; an action is the same column in all states. States
        without actions are terminal unless ``terminal`` says otherwise. ``n_actions`` is the number of columns, by
        default as many as are needed.
        """
        return construct.from_outcomes(cls, outcomes, start=start, terminal=terminal, n_actions=n_actions, **keywords)

    @property
    def geometry(self) -> Maze | None:
        """How the states lie, for plots: a `Maze` if there is a layout."""
        return None if self.layout is None else Maze(tuple(self.layout))

    @property
    def variants(self) -> tuple[TabularMDP, ...]:
        """The MDP and those it changes to, in order."""
        return (self, *(changed for _, changed in self.changes))

    def at(self, episode: int) -> TabularMDP:
        """The MDP in force in an episode (counted from 0), with the rewards of that episode."""
        current = self.variants[self.variant_at(episode)]
        if self.rewards_by_episode is not None:
            row = self.rewards_by_episode[min(episode, len(self.rewards_by_episode) - 1)]
            reward = np.where(self.exists[:, :, None], row[:, :, None], 0.0)
            return self._with(
                reward=np.broadcast_to(reward, self.reward.shape).copy(),
                rewards_by_episode=None,
                starts=None,
                episode_limit=None,
            )
        return current

    def unchanging(self) -> TabularMDP:
        """The MDP without its changes."""
        return self._with(changes=()) if self.changes else self

    @property
    def uneven_actions(self) -> npt.NDArray[np.bool_] | None:
        """``exists``, where ``action_counts`` does not say it already."""
        prefix = np.arange(self.n_actions) < self.action_counts[:, None]
        return None if (prefix == self.exists).all() else self.exists

    @property
    def reward_mean(self) -> npt.NDArray[np.float64]:
        """E[r | s, a, outcome], shape (states, actions, outcomes)."""
        return self.reward

    @property
    def reward_square(self) -> npt.NDArray[np.float64]:
        """E[r² | s, a, outcome], shape (states, actions, outcomes)."""
        if self.reward_noise == "bernoulli":
            return self.reward
        square = self.reward**2
        return square if self.reward_sd is None else square + self.reward_sd**2

    def kernel_arrays(self) -> dict[str, Any]:
        variants = self.variants
        terminal = np.stack([variant.terminal for variant in variants]).astype(np.int64)
        n_outcomes = max(variant.n_outcomes for variant in variants)
        shape = (len(variants), self.n_states, self.n_actions, n_outcomes)
        cumulative, next_state = np.ones(shape), np.zeros(shape, dtype=np.int64)
        reward, reward_sd = np.zeros(shape), np.zeros(shape)
        n_starts = max(int((variant.start > 0).sum()) for variant in variants)
        start_cumulative = np.ones((len(variants), n_starts))
        start_state = np.zeros((len(variants), n_starts), dtype=np.int64)
        for v, variant in enumerate(variants):
            # the likeliest outcome first: fewer comparisons, and none where an outcome is certain
            order = np.argsort(-variant.probability, axis=2, kind="stable")
            k = variant.n_outcomes
            probability = np.take_along_axis(variant.probability, order, axis=2)
            cumulative[v, :, :, :k] = _closed(np.cumsum(probability, axis=2), probability)
            next_state[v, :, :, :k] = np.take_along_axis(variant.next_state, order, axis=2)
            reward[v, :, :, :k] = np.take_along_axis(variant.reward, order, axis=2)
            if variant.reward_sd is not None:
                reward_sd[v, :, :, :k] = np.take_along_axis(variant.reward_sd, order, axis=2)
            starts = np.flatnonzero(variant.start)
            start_state[v, : len(starts)] = starts
            chances = variant.start[starts]
            start_cumulative[v, : len(starts)] = _closed(np.cumsum(chances), chances)
        noise = self.reward_noise if self.reward_noise == "bernoulli" else "gaussian" if reward_sd.any() else "none"
        episode_reward = np.zeros((0, 0, 0)) if self.rewards_by_episode is None else self.rewards_by_episode
        return {
            "cumulative": cumulative,
            "following": 2 * next_state + terminal[np.arange(len(variants))[:, None, None, None], next_state],
            "reward": reward, "reward_sd": reward_sd, "episode_reward": np.ascontiguousarray(episode_reward),
            "start_cumulative": start_cumulative, "start_state": start_state,
            "fixed_start": np.zeros(0, dtype=np.int64) if self.starts is None else self.starts,
            "reward_noise": noise, "dynamics": None, "option": 0,
        }  # fmt: skip

    def worlds(self) -> tuple[World, ...]:
        variants = (self, *(changed for _, changed in self.changes))
        draws_start = max(int((variant.start > 0).sum()) for variant in variants) > 1
        return tuple(TableWorld(variant, draws_start, self.rewards_by_episode) for variant in variants)

    def pack(self) -> tuple[Facts, Arrays]:
        facts: Facts = {"kind": self.kind, "change_at": [episode for episode, _ in self.changes], "variants": []}
        arrays: Arrays = {}
        for number, variant in enumerate((self, *(changed for _, changed in self.changes))):
            facts["variants"].append({name: getattr(variant, name) for name in FACTS})
            arrays |= {f"task{number}_{name}": table for name, table in kept_arrays(variant).items()}
        return facts, arrays

    @classmethod
    def unpack(cls, facts: Facts, arrays: Arrays) -> TabularMDP:
        variants: list[TabularMDP] = []
        for number, variant in reversed(list(enumerate(facts["variants"]))):
            changes = list(zip(facts["change_at"], reversed(variants), strict=True)) if number == 0 else ()
            named = {field.name: arrays.get(f"task{number}_{field.name}") for field in ARRAYS}
            missing = [field.name for field in ARRAYS if field.needed and named[field.name] is None]
            if missing:
                raise ValueError(f"task{number}_{missing[0]} is missing")
            given: dict[str, Any] = {name: table for name, table in named.items() if table is not None}
            if "actions" in given:
                given.pop("action_counts")
            variants.append(cls(**given, **variant, changes=changes))
        return variants[-1]

    def hashed(self) -> Iterator[Any]:
        for begin, variant in ((0, self), *self.changes):
            yield from (begin, variant.step_limit, variant.horizon)
            yield from hashed_arrays(variant)
            if variant.reward_noise != "gaussian":
                yield ("reward_noise", variant.reward_noise)

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

    def __repr__(self) -> str:
        parts = [f"{self.n_states} states × {self.n_actions} actions", f"{self.memory_map.allocated.sum()} memories"]
        if self.n_outcomes > 1:
            parts.append(f"up to {self.n_outcomes} outcomes")
        if self.changes:
            parts.append("changes at episode " + ", ".join(str(episode) for episode, _ in self.changes))
        return f"<TabularMDP {self.name!r}: {'; '.join(parts)}>"

    def _checked_exists(self, counts: npt.ArrayLike | None, actions: npt.ArrayLike | None) -> npt.NDArray[np.bool_]:
        if actions is not None:
            if counts is not None:
                raise ValueError("action_counts and actions say the same: give one of them")
            exists = _checks.mask("actions", actions, (self.n_states, self.n_actions)) & ~self.terminal[:, None]
        else:
            if counts is None:
                counted = np.full(self.n_states, self.n_actions)
            else:
                counted = _checks.integers("action_counts", counts, (self.n_states,), low=0, high=self.n_actions)
            exists = (np.arange(self.n_actions) < counted[:, None]) & ~self.terminal[:, None]
        stuck = np.flatnonzero(~exists.any(axis=1) & ~self.terminal)
        if stuck.size:
            raise ValueError(f"action_counts: state {stuck[0]} has no actions and is not terminal")
        if self.terminal.all():
            raise ValueError("terminal: every state is terminal")
        return exists

    def _checked_reward_sd(self, sd: npt.ArrayLike | None) -> npt.NDArray[np.float64] | None:
        if sd is None:
            return None
        if self.reward_noise == "bernoulli":
            raise ValueError("reward_sd is for gaussian rewards, but reward_noise is 'bernoulli'")
        table = _outcome_table("reward_sd", sd, self.next_state.shape)
        if table.min() < 0:
            raise ValueError(f"reward_sd must not be negative, got {table.min():g}")
        table = np.where(self.exists[:, :, None], table, 0.0)
        return table if table.any() else None

    def _checked_starts(self, starts: npt.ArrayLike | None) -> npt.NDArray[np.int64] | None:
        if starts is None:
            return None
        given = _checks.numeric("starts", starts)
        if given.ndim != 1 or not given.size:
            raise ValueError(f"starts must have shape (episodes,), got {given.shape}")
        states = _checks.integers("starts", given, given.shape, low=0, high=self.n_states - 1)
        if self.terminal[states].any():
            episode = int(np.flatnonzero(self.terminal[states])[0])
            raise ValueError(f"starts: episode {episode} starts in state {states[episode]}, which is terminal")
        return states

    def _checked_rewards_by_episode(self, rewards: npt.ArrayLike | None) -> npt.NDArray[np.float64] | None:
        if rewards is None:
            return None
        given = _checks.numeric("rewards_by_episode", rewards)
        if given.ndim != 3 or not len(given):
            raise ValueError(f"rewards_by_episode must have shape (episodes, states, actions), got {given.shape}")
        return _checks.array("rewards_by_episode", given, (len(given), self.n_states, self.n_actions))

    def _check_rewards_are_probabilities(self) -> None:
        if self.reward_noise != "bernoulli":
            return
        tables: list[tuple[str, npt.NDArray[np.float64]]] = [("reward", self.reward[self.exists])]
        if self.rewards_by_episode is not None:
            tables = [("rewards_by_episode", self.rewards_by_episode[:, self.exists])]
        for name, table in tables:
            if table.min() < 0 or table.max() > 1:
                raise ValueError(
                    f"{name} must be probabilities where reward_noise is 'bernoulli', got {table.min():g} to "
                    f"{table.max():g}"
                )

    def _checked_start(self, start: Any) -> npt.NDArray[np.float64]:
        if start is None:
            if self.starts is None:
                raise ValueError("start must be given: a state, or probabilities of the states")
            start = np.bincount(self.starts, minlength=self.n_states) / len(self.starts)
        if _checks.numeric("start", start).ndim == 0:
            state = _checks.integer("start", start, low=0, high=self.n_states - 1)
            start = np.zeros(self.n_states)
            start[state] = 1.0
        start = _checks.probabilities("start", _checks.array("start", start, (self.n_states,)), over=" over the states")
        ended = np.flatnonzero((start > 0) & self.terminal)
        if ended.size:
            raise ValueError(f"start: state {ended[0]} is terminal, so no episode can start there")
        distribution: npt.NDArray[np.float64] = start / start.sum()
        return distribution

    def _checked_known(
        self, known_q: Any, known_sigma: Any
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | tuple[None, None]:
        shape = (self.n_states, self.n_actions)
        if known_q is None and known_sigma is None:
            return None, None
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
        return known_q.copy(), known_sigma.copy()

    def _check_horizon(self, horizon: int) -> None:
        if (self.probability.max(axis=2) < 1).any():
            raise ValueError("horizon: paths can be planned only where outcomes are certain")
        if (self.action_counts[~self.terminal] < self.n_actions).any():
            raise ValueError("horizon: paths can be planned only where every state has all the actions")
        if self.step_limit < horizon:
            raise ValueError(f"step_limit must be at least the horizon {horizon}, got {self.step_limit}")
        here = self.start > 0
        following = self.next_state[np.arange(self.n_states)[:, None], np.arange(self.n_actions)[None, :],
                                    self.probability.argmax(axis=2)]  # fmt: skip
        for move in range(horizon):
            if (here & self.terminal).any():
                raise ValueError(f"horizon: an episode can end after {move} moves, not {horizon}")
            there = np.zeros_like(here)
            there[following[here[:, None] & self.exists]] = True
            here = there
        if (here & ~self.terminal).any():
            raise ValueError(f"horizon: an episode can go on after {horizon} moves")

    def _checked_layout(self, layout: Any) -> tuple[str, ...]:
        rows = _checks.sequence("layout", layout)
        if not rows or not all(isinstance(row, str) and len(row) == len(rows[0]) for row in rows):
            raise ValueError("layout must be strings of equal length")
        if len(rows) * len(rows[0]) != self.n_states:
            raise ValueError(
                f"layout must have one character per state ({self.n_states}), got {len(rows)} rows of {len(rows[0])}"
            )
        return rows

    def _checked_changes(self, changes: Any) -> tuple[tuple[int, TabularMDP], ...]:
        last = 0
        checked: list[tuple[int, TabularMDP]] = []
        for change in _checks.sequence("changes", changes):
            try:
                episode, changed = change
            except (TypeError, ValueError):
                raise ValueError(f"changes must be pairs (episode, TabularMDP), got {_checks.shown(change)}") from None
            episode = _checks.integer("changes: episode", episode, low=last + 1)
            if not isinstance(changed, TabularMDP):
                raise ValueError(
                    f"changes: the task from episode {episode} must be a TabularMDP, got {_checks.shown(changed)}"
                )
            if changed.changes:
                raise ValueError(f"changes: the task from episode {episode} must not have changes of its own")
            if changed.starts is not None or changed.rewards_by_episode is not None:
                raise ValueError(
                    f"changes: starts and rewards_by_episode are of the whole task, not of that from episode {episode}"
                )
            if self.rewards_by_episode is not None:
                raise ValueError("changes: a task with rewards_by_episode cannot change otherwise")
            if changed.reward_noise != self.reward_noise:
                raise ValueError(f"changes: the task from episode {episode} must have the same reward_noise")
            for earlier in (self, *(mdp for _, mdp in checked)):
                check_variants(earlier, changed, episode)
            checked.append((episode, changed))
            last = episode
        return tuple(checked)


def _state_table(table: Any) -> npt.NDArray[np.int64]:
    table = _checks.numeric("next_state", table)
    if table.ndim not in (2, 3) or 0 in table.shape:
        raise ValueError(
            f"next_state must have shape (states, actions) or (states, actions, outcomes), got {table.shape}"
        )
    table = _checks.integers("next_state", table, table.shape, low=0, high=len(table) - 1)
    states: npt.NDArray[np.int64] = table if table.ndim == 3 else table[:, :, None]
    return states


def _outcome_table(name: str, table: Any, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """A number for each outcome, given for each outcome or for each action."""
    table = _checks.numeric(name, table)
    if table.shape == shape[:2]:
        table = np.broadcast_to(table[:, :, None], shape)
    return _checks.array(name, table, shape)


def _closed(cumulative: npt.NDArray[np.float64], probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Cumulative probabilities that are exactly 1 from the last possible outcome on."""
    later = np.flip(np.cumsum(np.flip(probability, -1), axis=-1), -1) - probability
    return np.where(later > 0, cumulative, 1.0)
