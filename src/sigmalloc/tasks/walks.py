"""Rewards that drift from trial to trial, from seeds whose streams are frozen for good."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import _checks


def random_state(task_seed: int) -> np.random.RandomState:
    """The generator of a task's own draws: NumPy promises that RandomState's stream never changes."""
    return np.random.RandomState(np.random.MT19937(np.random.SeedSequence(_checks.seed("task_seed", task_seed))))


def random_walk(
    first: npt.ArrayLike,
    trials: int,
    sd: float,
    draw: np.random.RandomState,
    *,
    decay: float = 1.0,
    center: float = 0.0,
    bounds: tuple[float, float] | None = None,
) -> npt.NDArray[np.float64]:
    """Independent random walks x ← decay · x + (1 − decay) · center + sd · N(0, 1), reflected at bounds.

    Parameters
    ----------
    first : array of float, shape (walks,)
        Where they are in the first trial.
    trials : int
    sd : float
        Standard deviation of a step.
    draw : RandomState
    decay, center : float
        With a decay below 1, the walks are drawn back to the center.
    bounds : (float, float), optional
        What lies beyond is mirrored.

    Returns
    -------
    array of float, shape (trials, walks)
    """
    walks = np.empty((trials, np.size(first)))
    walks[0] = first
    for trial in range(1, trials):
        there = decay * walks[trial - 1] + (1 - decay) * center + sd * draw.standard_normal(walks.shape[1])
        walks[trial] = there if bounds is None else mirrored(there, *bounds)
    return walks


def mirrored(x: npt.NDArray[np.float64], low: float, high: float) -> npt.NDArray[np.float64]:
    """Numbers folded into [low, high] by mirrors at both ends, however far they lie outside."""
    folded = np.mod(x - low, 2 * (high - low))
    inside = np.minimum(folded, 2 * (high - low) - folded) + low
    return np.where((x >= low) & (x <= high), x, inside.clip(low, high))


def checked_bounds(name: str, bounds: tuple[float, float]) -> tuple[float, float]:
    """A pair (low, high) with low < high."""
    pair = _checks.sequence(name, bounds)
    if len(pair) != 2:
        raise ValueError(f"{name} must be a pair (low, high), got {_checks.shown(bounds)}")
    low, high = (_checks.real(name, end, low=-_checks.LARGEST, high=_checks.LARGEST) for end in pair)
    if low >= high:
        raise ValueError(f"{name} must have low < high, got {_checks.shown(bounds)}")
    return low, high
