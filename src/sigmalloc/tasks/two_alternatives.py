"""Choices between two of K options: a memory is of an option, whatever it is paired with."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .. import _checks
from .registry import register
from .single_choice import ending, for_each, shares, vector
from .tabular import TabularMDP


@register("two-alternatives", preset="grid-world", episodes=2000)
def two_alternatives(
    payoffs: npt.ArrayLike = (0.0, 2.0, 4.0, 6.0),
    *,
    payoff_sd: float | npt.ArrayLike = 1.0,
    both_orders: bool = True,
    pairs: Sequence[tuple[int, int]] | None = None,
    frequencies: npt.ArrayLike | None = None,
    starts: npt.ArrayLike | None = None,
) -> TabularMDP:
    """K options shown in pairs; the chosen one gives its payoff.

    An option is one memory, shared by all pairs that it is in and both sides that it is shown on. With the hard policy,
    choices follow Thurstone's law of comparative judgment [1]_: P = Φ(Δ/√(σ₁² + σ₂²)).

    Parameters
    ----------
    payoffs : array of float, shape (options,)
        Mean payoff of each option, in units of reward.
    payoff_sd : float or array of float, shape (options,)
        Standard deviation of each payoff, which is Gaussian.
    both_orders : bool
        Whether each pair is shown in both orders, equally often.
    pairs : sequence of (int, int), optional
        Which options are shown together, on the left and on the right. Default: all pairs. Every option must be in one.
    frequencies : array of float, shape (pairs,), optional
        How often each pair is shown, relative to the others. Default: all the same.
    starts : array of int, shape (trials,), optional
        States of the trials, as an experimenter laid them down; there can be no more learning episodes than these.
        Without ``frequencies``, trajectories sampled offline come with the frequencies of these.

    Returns
    -------
    TabularMDP
        State i is the i-th pair; with both orders, state pairs + i is the same one the other way round; then the end.
        Memory m is of option m.

    References
    ----------
    .. [1] Thurstone, L. L. (1927). A law of comparative judgment. Psychological Review 34, 273-286.
    """
    payoff = vector("payoffs", payoffs, at_least=2)
    sd = for_each("payoff_sd", payoff_sd, len(payoff))
    shown = _checked_pairs(pairs, len(payoff))
    often = shares("frequencies", frequencies, len(shown))
    if _checks.flag("both_orders", both_orders):
        shown, often = np.concatenate([shown, shown[:, ::-1]]), np.tile(often, 2) / 2
    left, right = shown.T
    end = len(shown)
    by_frequency = starts is None or frequencies is not None
    return TabularMDP(
        np.full((end + 1, 2), end),
        ending([payoff[left], payoff[right]], 0.0),
        start=np.append(often, 0.0) if by_frequency else None,
        starts=starts,
        terminal=[end],
        step_limit=1,
        reward_sd=ending([sd[left], sd[right]], 0.0),
        memory_map=ending([left, right], -1).astype(np.int64),
        name="two-alternatives",
        action_names=("left", "right"),
        state_names=[*(f"{one + 1} or {other + 1}" for one, other in shown.tolist()), "end"],
    )


def _checked_pairs(pairs: Sequence[tuple[int, int]] | None, options: int) -> npt.NDArray[np.int64]:
    if pairs is None:
        return np.array(list(itertools.combinations(range(options), 2)))
    given = [_checks.sequence("pairs", pair) for pair in _checks.sequence("pairs", pairs)]
    if not given or any(len(pair) != 2 for pair in given):
        raise ValueError(f"pairs must be pairs of options, got {_checks.shown(pairs)}")
    table = _checks.integers("pairs", given, (len(given), 2), low=0, high=options - 1)
    if (table[:, 0] == table[:, 1]).any():
        raise ValueError("pairs must be of two different options")
    if len({tuple(sorted(pair)) for pair in table.tolist()}) < len(table):
        raise ValueError("pairs must not have the same two options twice; how often they are shown is in frequencies")
    absent = np.setdiff1d(np.arange(options), table)
    if absent.size:
        raise ValueError(f"pairs must have every option, but option {absent[0]} is in none")
    return table
