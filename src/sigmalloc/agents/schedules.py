"""Parameters that change by episode: constant, exponential, linear, or through given points. Twin of schedules.pxd."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .. import _checks

SCHEDULED = ("learning_rate_q", "learning_rate_sigma", "beta", "lam")  # fields of an agent that may be schedules


@dataclass(frozen=True)
class Exponential:
    """start · exp(rate · episode), no further than ``end``.

    Attributes
    ----------
    start, end : float
        Values in episode 0 and at last, in the unit of the field.
    rate : float
        Per episode; above 0 where end exceeds start, below 0 where it is less.
    """

    start: float
    rate: float
    end: float

    def __post_init__(self) -> None:
        put = object.__setattr__.__get__(self)
        for name in ("start", "rate", "end"):
            put(name, _checks.real(f"Exponential: {name}", getattr(self, name)))
        if self.start <= 0 or self.end < 0:
            raise ValueError(f"Exponential: start must be above 0 and end at least 0, got {self.start!r}, {self.end!r}")
        if (self.end - self.start) * self.rate < 0 or (self.rate == 0 and self.end != self.start):
            raise ValueError(f"Exponential: rate={self.rate!r} does not lead from {self.start!r} to {self.end!r}")

    @property
    def values(self) -> tuple[float, ...]:
        return (self.start, self.end)

    def at(self, episode: int, exp: Callable[[float], float] = math.exp) -> float:
        """Value in an episode (counted from 0), to the last bits of ``exp``."""
        exponent = self.rate * _checks.integer("episode", episode, low=0)
        if exponent >= 700.0:
            return self.end
        value = self.start * _checks.real("exp", _checks.function("exp", exp)(exponent))
        return max(value, self.end) if self.rate < 0 else min(value, self.end)

    def to_dict(self) -> dict[str, Any]:
        return {"exponential": [self.start, self.rate, self.end]}


@dataclass(frozen=True)
class Points:
    """Straight lines between points (episode, value); constant before the first and after the last.

    Attributes
    ----------
    points : tuple of (float, float)
        Episodes ascend.
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        pairs = []
        for pair in _checks.sequence("Points", self.points):
            if len(_checks.sequence("Points: a point", pair)) != 2:
                raise ValueError(f"Points: a point must be (episode, value), got {_checks.shown(pair)}")
            pairs.append((_checks.real("Points: episode", pair[0], low=0), _checks.real("Points: value", pair[1])))
        if not pairs:
            raise ValueError("Points must have at least one point")
        if any(later[0] <= earlier[0] for earlier, later in zip(pairs, pairs[1:], strict=False)):
            raise ValueError(f"Points: episodes must ascend, got {[pair[0] for pair in pairs]}")
        object.__setattr__(self, "points", tuple(pairs))

    @property
    def values(self) -> tuple[float, ...]:
        return tuple(value for _, value in self.points)

    def at(self, episode: int, exp: object = None) -> float:
        """Value in an episode (counted from 0)."""
        if _checks.integer("episode", episode, low=0) <= self.points[0][0]:
            return self.points[0][1]
        if episode >= self.points[-1][0]:
            return self.points[-1][1]
        low = max(i for i, (begin, _) in enumerate(self.points) if begin <= episode)
        (x0, y0), (x1, y1) = self.points[low : low + 2]
        return y0 + (episode - x0) / (x1 - x0) * (y1 - y0)

    def to_dict(self) -> dict[str, Any]:
        return {"points": [list(pair) for pair in self.points]}


Scheduled = Exponential | Points


def linear(start: float, end: float, episodes: int) -> Points:
    """From ``start`` in episode 0 to ``end`` in the given episode, and constant from then on."""
    return Points(((0, start), (_checks.integer("linear: episodes", episodes, low=1), end)))


def checked(name: str, value: object, check: Callable[[object], float]) -> float | Scheduled:
    """A field that may be a number or a schedule, all of whose values pass the field's own check.

    ``{"exponential": [start, rate, end]}``, ``{"linear": [start, end, episodes]}`` and ``{"points": [[episode, value],
    ...]}`` are schedules as files have them.
    """
    if isinstance(value, dict):
        value = _from_dict(name, value)
    if isinstance(value, (Exponential, Points)):
        for one in value.values:
            check(one)
        return value
    return check(value)


def _from_dict(name: str, given: dict[str, Sequence[Any]]) -> Scheduled:
    makers: dict[str, Callable[..., Scheduled]] = {
        "exponential": Exponential, "linear": linear, "points": lambda *pairs: Points(pairs),
    }  # fmt: skip
    if len(given) != 1 or next(iter(given)) not in makers:
        raise ValueError(
            f"{name} must be a number or one of {', '.join(makers)} with its values, got {_checks.shown(given)}"
        )
    ((kind, values),) = given.items()
    try:
        return makers[kind](*values)
    except TypeError:
        raise ValueError(f"{name}: {kind} does not take {_checks.shown(values)}") from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
