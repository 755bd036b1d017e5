"""Bandits: one choice a trial among arms whose rewards are noisy, and may drift."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from .. import _checks
from .registry import register
from .single_choice import within
from .tabular import TabularMDP
from .walks import checked_bounds, random_state, random_walk


@register("bandit", preset="grid-world", episodes=1000)
def bandit(
    means: npt.ArrayLike | None = None,
    *,
    arms: int | None = None,
    noise: Literal["gaussian", "bernoulli"] = "gaussian",
    sd: float | None = None,
    drift: float = 0.0,
    decay: float = 1.0,
    center: float = 0.0,
    bounds: tuple[float, float] | None = None,
    trials: int = 1000,
    task_seed: int = 0,
) -> TabularMDP:
    """A bandit of k arms, one pull an episode: Gaussian or Bernoulli, stationary or drifting ("restless").

    The defaults are a draw from the ten-armed testbed [1]_: means from N(0, 1), rewards with a standard deviation of 1.
    The restless bandit of [2]_ is ``bandit(arms=4, sd=4, drift=2.8, decay=.9836, center=50)``, but for its rounding.

    Parameters
    ----------
    means : array of float, shape (arms,) or (trials, arms), optional
        Mean reward of each arm (with Bernoulli rewards, its probability of 1 instead of 0), or that of each arm in each
        trial. None: drawn from ``task_seed``: from N(center, 1), with Bernoulli rewards uniformly from the bounds, and
        with a decay below 1 from the distribution that the walks settle in.
    arms : int, optional
        How many to draw; default 10.
    noise : {"gaussian", "bernoulli"}
        Distribution of the rewards about their mean.
    sd : float, optional
        Standard deviation of Gaussian rewards, in units of reward; default 1.
    drift : float
        Standard deviation of a step of each arm's random walk, a trial, in units of reward. 0: stationary.
    decay, center : float
        A step leads to decay · mean + (1 − decay) · center, and the drift is added. The decay is in [0, 1], the center
        in units of reward.
    bounds : (float, float), optional
        Where the walks are reflected, in units of reward; with Bernoulli rewards (0, 1) by default.
    trials : int
        Trials of a walk; there can be no more learning episodes than these.
    task_seed : int
        Seed of the means and the walks, apart from that of the agents' runs.

    Returns
    -------
    TabularMDP
        State 0, in which the arms are the actions, and state 1, the end.

    References
    ----------
    .. [1] Sutton, R. S. and Barto, A. G. (2018). Reinforcement Learning: An Introduction, 2nd ed., section 2.3. MIT
       Press.
    .. [2] Daw, N. D., O'Doherty, J. P., Dayan, P., Seymour, B. and Dolan, R. J. (2006). Cortical substrates for
       exploratory decisions in humans. Nature 441, 876-879.
    """
    _checks.choice("noise", noise, ("gaussian", "bernoulli"))
    if noise == "bernoulli" and sd is not None:
        raise ValueError("sd is for gaussian rewards, but noise is 'bernoulli'")
    large = _checks.LARGEST
    sd = _checks.real("sd", 1.0 if sd is None else sd, low=0, high=large)
    drift, center = (
        _checks.real("drift", drift, low=0, high=large),
        _checks.real("center", center, low=-large, high=large),
    )
    decay = _checks.real("decay", decay, low=0, high=1)
    trials = _checks.integer("trials", trials, low=1, high=10**9)
    if bounds is not None:
        bounds = checked_bounds("bounds", bounds)
    elif noise == "bernoulli":
        bounds = (0.0, 1.0)
    draw = random_state(task_seed)
    if means is None:
        arms = _checks.integer("arms", 10 if arms is None else arms, low=1, high=10**6)
        table = _drawn(arms, noise, drift, decay, center, bounds, draw)
    else:
        table = _given(means, arms, drift)
    if table.ndim == 1 and drift > 0:
        if bounds is not None and (table.min() < bounds[0] or table.max() > bounds[1]):
            raise ValueError(f"means must be in the bounds {bounds}, got {table.min():g} to {table.max():g}")
        table = random_walk(table, trials, drift, draw, decay=decay, center=center, bounds=bounds)
    by_trial = None
    if table.ndim == 2:
        by_trial = np.zeros((len(table), 2, table.shape[1]))
        by_trial[:, 0] = table
        table = table[0]
    reward = np.stack([table, np.zeros_like(table)])
    return TabularMDP(
        np.ones(reward.shape, dtype=np.int64), reward, start=0, terminal=[1], step_limit=1,
        reward_sd=np.full(reward.shape, sd) if noise == "gaussian" else None, reward_noise=noise,
        rewards_by_episode=by_trial, name="bandit", action_names=[f"arm {arm + 1}" for arm in range(len(table))],
        state_names=("bandit", "end"),
    )  # fmt: skip


def _given(means: npt.ArrayLike, arms: int | None, drift: float) -> npt.NDArray[np.float64]:
    table = _checks.numeric("means", means)
    if table.ndim not in (1, 2) or not table.size:
        raise ValueError(f"means must have shape (arms,) or (trials, arms), got {table.shape}")
    if table.ndim == 2 and drift > 0:
        raise ValueError("drift must be 0 where means are given for each trial")
    if arms is not None and _checks.integer("arms", arms, low=1) != table.shape[-1]:
        raise ValueError(f"arms must be {table.shape[-1]} with these means, or left out, got {arms}")
    return within("means", _checks.array("means", table, table.shape))


def _drawn(
    arms: int, noise: str, drift: float, decay: float, center: float, bounds: tuple[float, float] | None,
    draw: np.random.RandomState,
) -> npt.NDArray[np.float64]:  # fmt: skip
    if noise == "bernoulli" and bounds is not None:
        return draw.uniform(*bounds, size=arms)
    spread = drift / np.sqrt(1 - decay**2) if decay < 1 and drift > 0 else 1.0
    means = center + spread * draw.standard_normal(arms)
    return means if bounds is None else means.clip(*bounds)
