"""What a study is."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Study:
    """One computation, its settings and its share of the work.

    Attributes
    ----------
    name : str
    settings : callable(quick) -> dict
        Plain values that decide the result, together with the seed.
    run : callable(seed, settings, workers, progress) -> dict of {str: array}
        ``progress`` is called with the fraction done.
    seconds : (float, float)
        Rough time on two processors, in full and quick; used to weigh the progress bar only.
    extras : callable() -> sequence of str
        Optional packages that are installed and that change what is computed.
    """

    name: str
    settings: Callable
    run: Callable
    seconds: tuple[float, float]
    extras: Callable = tuple


def part(progress, low, high):
    """Progress of a piece of the work that goes from ``low`` to ``high``."""
    return None if progress is None else lambda fraction: progress(low + (high - low) * fraction)
