"""The two-step task of Daw et al. (2011)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import _checks
from .registry import register
from .tabular import TabularMDP
from .walks import checked_bounds, random_state, random_walk


@register("two-step", preset="grid-world", episodes=201)
def two_step(
    trials: int = 201,
    *,
    common: float = 0.7,
    drift: float = 0.025,
    bounds: tuple[float, float] = (0.25, 0.75),
    probabilities: npt.ArrayLike | None = None,
    task_seed: int = 0,
) -> TabularMDP:
    """The two-step task [1]_: a first choice leads, mostly, to one of two second choices, which are rewarded or not.

    The probability of reward of each of the four second-stage actions is a Gaussian random walk of its own, reflected
    at .25 and .75, from a start drawn uniformly between them.

    Parameters
    ----------
    trials : int
        Trials of the walks (201 in [1]_); there can be no more learning episodes than these.
    common : float
        Probability of the common transition: from "left" to the first of the second stages, from "right" to the other.
    drift : float
        Standard deviation of a step of the walks, a trial.
    bounds : (float, float)
        Where the walks are reflected.
    probabilities : array of float, shape (trials, 2, 2), optional
        Probability of reward in each trial, for each second stage and each of its actions, instead of walks.
    task_seed : int
        Seed of the walks, apart from that of the agents' runs.

    Returns
    -------
    TabularMDP
        State 0 is the first stage, 1 and 2 are the second stages, 3 is the end.

    References
    ----------
    .. [1] Daw, N. D., Gershman, S. J., Seymour, B., Dayan, P. and Dolan, R. J. (2011). Model-based influences on
       humans' choices and striatal prediction errors. Neuron 69, 1204-1215.
    """
    trials = _checks.integer("trials", trials, low=1, high=10**9)
    common = _checks.real("common", common, low=0, high=1)
    drift = _checks.real("drift", drift, low=0, high=_checks.LARGEST)
    low, high = checked_bounds("bounds", bounds)
    if low < 0 or high > 1:
        raise ValueError(f"bounds must be probabilities, got {_checks.shown(bounds)}")
    draw = random_state(task_seed)
    if probabilities is None:
        first = draw.uniform(low, high, size=4)
        walks = random_walk(first, trials, drift, draw, bounds=(low, high)).reshape(trials, 2, 2)
    else:
        walks = _checks.numeric("probabilities", probabilities)
        if walks.ndim != 3 or walks.shape[1:] != (2, 2) or not len(walks):
            raise ValueError(f"probabilities must have shape (trials, 2, 2), got {walks.shape}")
        walks = _checks.array("probabilities", walks, walks.shape)
        if walks.min() < 0 or walks.max() > 1:
            raise ValueError(f"probabilities must be in [0, 1], got {walks.min():g} to {walks.max():g}")
    next_state = np.full((4, 2, 2), 3, dtype=np.int64)
    next_state[0] = [[1, 2], [2, 1]]
    probability = np.zeros((4, 2, 2))
    probability[:, :, 0] = 1.0
    probability[0] = [common, 1 - common]
    by_trial = np.zeros((len(walks), 4, 2))
    by_trial[:, 1:3] = walks
    return TabularMDP(
        next_state, by_trial[0], probability, start=0, terminal=[3], step_limit=2, reward_noise="bernoulli",
        rewards_by_episode=by_trial, name="two-step", action_names=("left", "right"),
        state_names=("first stage", "second stage A", "second stage B", "end"),
    )  # fmt: skip
