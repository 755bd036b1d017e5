"""The best of the paths that a search budget pays for, as a program over distributions of returns.

From a state, a path's return takes finitely many values. A program lists them for every state (or part of a search)
and says how their probabilities follow from those one move later; run backwards it gives derivatives.

- *Rollouts*: the n paths of a trial are independent, so the best is at most x with probability F(x)ⁿ.
- *Depth-first*, two actions: in each state the action drawn first is searched completely before the other one. A budget
  of n paths therefore leaves at most one subtree of each node partly searched, and what was searched completely has a
  best return that is certain. The draws that matter lie in different layers, and are independent although the memories
  of a state are drawn once a trial.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from ..tasks.tabular import TabularMDP

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

LARGEST = 4_000_000


class Program:
    """Values of the best return and how their probabilities are computed.

    Entry 0 is the end of an episode, worth 0 with probability 1. Each rule adds π(s, a) times the probability of its
    ``source`` to that of its ``target``.

    Parameters
    ----------
    task : TabularMDP
        With a horizon.
    gamma : float
    paths : int
    planner : {"rollouts", "depth-first"}
    """

    def __init__(self, task: TabularMDP, gamma: float, paths: int, planner: str) -> None:
        self.gamma, self.paths, self.depth_first = gamma, paths, planner == "depth-first"
        self.n_actions = task.n_actions
        self.power = 1 if self.depth_first else paths
        self._task = task
        certain = task.probability.argmax(axis=2)[:, :, None]
        self._following = np.take_along_axis(task.next_state, certain, axis=2)[:, :, 0]
        self._gain = np.take_along_axis(task.reward, certain, axis=2)[:, :, 0]
        # with γ = 0 paths are equal after their first move, whatever follows
        self._worth = self._gain if gamma > 0 else self._gain * (task.start > 0)[:, None]
        self._n = 1
        self._entries: dict[tuple[int, int], slice] = {}
        self._layers: list[list[tuple[Indices, ...]]] = []
        self._supports = {0: np.zeros(1)}  # by their first entry, in ascending order
        starts = np.flatnonzero(task.start > 0)
        self.roots = [(task.start[s], self._build(int(s), paths if self.depth_first else 1)) for s in starts]
        self.values = np.concatenate(list(self._supports.values()))
        self.layers = [tuple(np.concatenate(column) for column in zip(*rules, strict=True)) for rules in self._layers]
        del self._task, self._entries, self._supports, self._layers

    def _leaves(self, state: int) -> int:
        return int(self.n_actions ** self._moves_left(state))

    def _moves_left(self, state: int) -> int:
        moves = 0
        while not self._task.terminal[state]:
            state, moves = int(self._following[state, 0]), moves + 1
        return moves

    def _build(self, state: int, paths: int) -> slice:
        """Entries of a state searched with so many paths (the slice of them), made once."""
        if self._task.terminal[state]:
            return slice(0, 1)
        if self.depth_first:
            paths = min(paths, self._leaves(state))
        key = (state, paths)
        if key not in self._entries:
            self._entries[key] = self._make(state, paths)
        return self._entries[key]

    def _make(self, state: int, paths: int) -> slice:
        parts = []  # of each first action: value, source of probability, source of reward, action, gain
        for action in range(self.n_actions):
            child = self._following[state, action]
            source = self._build(child, paths)
            indices = np.arange(source.start, source.stop)
            values = self._worth[state, action] + self.gamma * self._supports[source.start]
            rewarding, gain = indices, np.full(len(indices), self._gain[state, action])
            if self.depth_first and paths > self._leaves(child):
                values, indices, rewarding, gain = self._with_other(state, action, paths)
            parts.append((values, indices, rewarding, np.full(len(values), state * self.n_actions + action), gain))
        values, sources, rewarding, choices, gains = (np.concatenate(column) for column in zip(*parts, strict=True))
        support, place = _merged(values)
        first = self._n
        self._n += len(support)
        if self._n > LARGEST:
            raise ValueError(
                f"search_budget: the paths of {self._task.name!r} have more than {LARGEST} different returns, too many "
                "for an exact answer; simulate instead"
            )
        self._supports[first] = support
        layer = self._moves_left(state) - 1
        while len(self._layers) <= layer:
            self._layers.append([])
        self._layers[layer].append((first + place, sources, rewarding, choices, gains))
        return slice(first, self._n)

    def _with_other(self, state: int, action: int, paths: int) -> tuple[Any, ...]:
        """The first action's subtree searched completely, then the other's with the paths that are left."""
        other = 1 - action
        child, second = self._following[state, action], self._following[state, other]
        whole = self._build(child, self._leaves(child))
        rest = self._build(second, paths - self._leaves(child))
        sure = self._worth[state, action] + self.gamma * self._supports[whole.start][0]
        values = self._worth[state, other] + self.gamma * self._supports[rest.start]
        indices = np.arange(rest.start, rest.stop)
        better = values > sure
        rewarding = np.where(better, indices, whole.start)
        return np.maximum(values, sure), indices, rewarding, self._gain[state, np.where(better, other, action)]

    def forward(self, policy: Floats) -> Floats:
        """Probability of every entry, given π of shape (states, actions)."""
        probability = np.zeros(len(self.values))
        probability[0] = 1.0
        flat = policy.ravel()
        for target, source, _, choice, _ in self.layers:
            probability += np.bincount(target, flat[choice] * probability[source], len(probability))
        return probability

    def best(self, probability: Floats) -> float:
        """Expected best return."""
        return float(sum(weight * _expected_best(self.values[root], probability[root], self.power)[0]
                         for weight, root in self.roots))  # fmt: skip

    def rewards(self, policy: Floats, probability: Floats) -> float:
        """Expected undiscounted return of the best path (of the first one among equals)."""
        share = np.zeros(len(self.values))  # expected undiscounted return, given the entry
        flat = policy.ravel()
        for target, source, rewarding, choice, gain in self.layers:
            weight = flat[choice] * probability[source]
            total = np.bincount(target, weight * (share[rewarding] + gain), len(share))
            touched = np.unique(target)
            mass = probability[touched]
            share[touched] = np.divide(total[touched], mass, out=np.zeros(len(mass)), where=mass > 0)
        return float(sum(weight * _best_probability(probability[root], self.power) @ share[root]
                         for weight, root in self.roots))  # fmt: skip

    def best_and_slope(self, policy: Floats) -> tuple[float, Floats]:
        """Expected best return, and its derivative with respect to π, shape (states, actions)."""
        probability = self.forward(policy)
        best, slope = 0.0, np.zeros(len(self.values))
        for weight, root in self.roots:
            expected, by_probability = _expected_best(self.values[root], probability[root], self.power)
            best += weight * expected
            slope[root] += weight * by_probability
        flat = policy.ravel()
        by_policy = np.zeros(len(flat))
        for target, source, _, choice, _ in reversed(self.layers):
            by_policy += np.bincount(choice, slope[target] * probability[source], len(flat))
            slope += np.bincount(source, slope[target] * flat[choice], len(slope))
        return float(best), by_policy.reshape(policy.shape)


@functools.lru_cache(maxsize=64)
def program(task: TabularMDP, gamma: float, paths: int, planner: str) -> Program:
    """The `Program` of a task (one variant of it)."""
    return Program(task, gamma, paths, planner)


def _best_probability(probability: Floats, power: int) -> Floats:
    """Probability that the best of some independent draws is each value."""
    cumulative = np.minimum(np.append(0.0, np.cumsum(probability)), 1.0)
    cumulative[-1] = 1.0
    return np.diff(cumulative**power)


def _expected_best(values: Floats, probability: Floats, power: int) -> tuple[float, Floats]:
    """E[max of independent draws], and its derivative with respect to the probabilities."""
    cumulative = np.minimum(np.cumsum(probability)[:-1], 1.0)
    gaps = np.diff(values)
    expected = values[-1] - gaps @ cumulative**power
    by_cumulative = -gaps * power * cumulative ** (power - 1)
    return expected, np.append(np.cumsum(by_cumulative[::-1])[::-1], 0.0)


def _merged(values: Floats) -> tuple[Floats, Indices]:
    """Ascending values, those equal up to rounding merged, and the place of each value among them."""
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    tolerance = 1e-12 * max(1.0, np.abs(values).max())
    new = np.append(True, np.diff(ascending) > tolerance)
    place = np.empty(len(values), dtype=np.int64)
    place[order] = np.cumsum(new) - 1
    return ascending[new], place
