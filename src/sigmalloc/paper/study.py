"""What a study is."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Study:
    """One computation and its settings.

    Attributes
    ----------
    name : str
    settings : callable(quick) -> dict
        Plain values that decide the result, together with the seed.
    run : callable(seed, settings, workers, progress) -> dict of {str: array}
        ``progress`` is called with the fraction done.
    extras : dict of {str: str}
        What is left out where an optional package is missing, by its name.
    """

    name: str
    settings: Callable[[bool], dict[str, Any]]
    run: Callable[..., dict[str, Any]]
    extras: dict[str, str] = field(default_factory=dict)

    def installed(self) -> list[str]:
        """The optional packages that are there and change what is computed."""
        return [name for name in self.extras if installed(name)]

    def missing(self) -> list[str]:
        """Sentences that say what is left out for want of an optional package."""
        return [
            f"{what} was left out: it needs {name}, pip install 'sigmalloc[paper]'"
            for name, what in self.extras.items()
            if not installed(name)
        ]


def installed(module: str) -> bool:
    """Whether an optional package can be imported."""
    return importlib.util.find_spec(module) is not None


def part(progress: Any, low: float, high: float) -> Any:
    """Progress of a piece of the work that goes from ``low`` to ``high``."""
    return None if progress is None else lambda fraction: progress(low + (high - low) * fraction)
