"""What is done with an agent, and when: episodes, evaluations, snapshots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import _checks
from .._choices.policy import POLICIES, Policy

__all__ = ["LARGEST_EPISODES", "POLICIES", "Policy", "Schedule"]
LARGEST_EPISODES = 2**53


@dataclass(frozen=True)
class Schedule:
    """Episodes, evaluations and snapshots of a run.

    Parameters
    ----------
    episodes : int
        Learning episodes; 0 evaluates once and learns nothing.
    evaluate_every : int or None
        Evaluate after every so many episodes; None: never.
    evaluation_episodes : int
        Fresh episodes of each evaluation.
    evaluation_policy : {"soft", "hard"}
        Eq. 2 with its max softened (A.1) or not.
    snapshots : tuple of int
        Numbers of completed episodes after which q̄ and σ are kept, ascending.
    first_episode : int
        Episodes that were completed before; the others are counted with these.
    count_visits : bool
        Count the choices of evaluation episodes.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    episodes: int
    evaluate_every: int | None = None
    evaluation_episodes: int = 100
    evaluation_policy: Policy = "soft"
    snapshots: Sequence[int] = ()
    first_episode: int = 0
    count_visits: bool = False

    def __post_init__(self) -> None:
        put = object.__setattr__.__get__(self)
        put("first_episode", _checks.integer("first_episode", self.first_episode, low=0, high=LARGEST_EPISODES))
        put("episodes", _checks.integer("episodes", self.episodes, low=0, high=LARGEST_EPISODES - self.first_episode))
        put(
            "evaluation_episodes",
            _checks.integer("evaluation_episodes", self.evaluation_episodes, low=1, high=LARGEST_EPISODES),
        )
        if self.evaluate_every is not None:
            put("evaluate_every", _checks.integer("evaluate_every", self.evaluate_every, low=1, high=LARGEST_EPISODES))
            if self.evaluate_every > self.last_episode:
                raise ValueError(
                    f"evaluate_every must not exceed episodes, got {self.evaluate_every} > {self.last_episode}"
                )
        _checks.choice("evaluation_policy", self.evaluation_policy, POLICIES)
        put("count_visits", _checks.flag("count_visits", self.count_visits))
        numbers = [
            _checks.integer("snapshots", number, low=self.first_episode + 1, high=self.last_episode)
            for number in _checks.sequence("snapshots", self.snapshots)
        ]
        if sorted(set(numbers)) != numbers:
            raise ValueError(f"snapshots must be ascending, got {list(self.snapshots)!r}")
        put("snapshots", tuple(numbers))

    @property
    def last_episode(self) -> int:
        """Episodes completed at the end, those before the first included."""
        return self.first_episode + self.episodes

    @property
    def checkpoints(self) -> int:
        """Number of evaluations."""
        if self.episodes == 0:
            return 1
        every = self.evaluate_every
        return self.last_episode // every - self.first_episode // every if every else 0

    @property
    def checkpoint_episodes(self) -> range:
        """Episodes completed at each evaluation."""
        every = self.evaluate_every
        if not every or not self.episodes:
            return range(0)
        return range((self.first_episode // every + 1) * every, self.last_episode + 1, every)

    @property
    def hard(self) -> bool:
        """Whether evaluations take the hard policy."""
        return self.evaluation_policy == "hard"
