"""One variant of a finite task as an environment, for the twin of the kernel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from .base import Stream


class TableWorld:
    """Outcomes drawn as the kernel draws them. Nothing is drawn where an outcome, or a reward, is certain."""

    variant: Any
    draws_start: bool
    rewards: npt.NDArray[np.float64] | None
    starts: list[tuple[float, tuple[Any, ...]]]
    outcomes: list[list[list[tuple[float, tuple[Any, ...]]] | None]]

    def __init__(self, variant: Any, draws_start: bool, rewards: npt.NDArray[np.float64] | None) -> None:
        self.variant, self.draws_start, self.rewards = variant, draws_start, rewards
        self.starts = _cumulative([(p, (s,)) for s, p in enumerate(variant.start.tolist()) if p > 0])
        self.outcomes = [
            [self._outcomes(state, action) if variant.exists[state, action] else None
             for action in range(variant.n_actions)]
            for state in range(variant.n_states)
        ]  # fmt: skip

    def _outcomes(self, state: int, action: int) -> list[tuple[float, tuple[Any, ...]]]:
        sd = self.variant.reward_sd
        tables = (
            self.variant.probability, self.variant.next_state, self.variant.reward,
            np.zeros_like(self.variant.reward) if sd is None else sd,
        )  # fmt: skip
        rows = zip(*(table[state, action].tolist() for table in tables), strict=True)
        possible = [(p, (following, reward, sd)) for p, following, reward, sd in rows if p > 0]
        return _cumulative(sorted(possible, key=lambda outcome: -outcome[0]))

    def begin(self, stream: Stream) -> int:
        """Start an episode: its state."""
        (state,) = _draw(self.starts, stream.uniform() if self.draws_start else 0.0)
        return int(state)

    def step(
        self, state: int, action: int, stream: Stream, episode: int = 0, rewarded: bool = True
    ) -> tuple[int, float, bool]:
        """Act: next state, reward (not drawn unless ``rewarded``), and whether the episode ends there."""
        outcomes = self.outcomes[state][action]
        assert outcomes is not None
        certain = outcomes[0][0] == 1.0
        following, reward, sd = _draw(outcomes, 0.0 if certain else stream.uniform())
        if self.rewards is not None:
            reward = float(self.rewards[episode, state, action])
        if rewarded and self.variant.reward_noise == "bernoulli":
            reward = 1.0 if stream.uniform() < reward else 0.0
        elif rewarded and sd > 0.0:
            reward = reward + sd * stream.normal_pair()[0]
        return following, reward, bool(self.variant.terminal[following])


def _cumulative(outcomes: Iterable[tuple[float, tuple[Any, ...]]]) -> list[tuple[float, tuple[Any, ...]]]:
    """(probability, what) pairs with their probabilities added up, the last one to exactly 1."""
    total, added = 0.0, []
    for probability, what in outcomes:
        total += probability
        added.append((total, what))
    added[-1] = (1.0, added[-1][1])
    return added


def _draw(outcomes: list[tuple[float, tuple[Any, ...]]], u: float) -> tuple[Any, ...]:
    return next(what for cumulative, what in outcomes if cumulative > u)
