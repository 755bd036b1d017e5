"""Slot machines for sale: a memory is of a machine, at whatever price it is offered."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .registry import register
from .single_choice import ending, for_each, shares, vector
from .tabular import TabularMDP


@register("slot-machines", preset="grid-world", episodes=2000)
def slot_machines(
    payoffs: npt.ArrayLike = (10.0, 20.0, 30.0, 40.0),
    *,
    payoff_sd: float | npt.ArrayLike = 0.0,
    offsets: npt.ArrayLike = (-2.0, -1.0, 1.0, 2.0),
    frequencies: npt.ArrayLike | None = None,
    stakes: npt.ArrayLike | None = None,
    starts: npt.ArrayLike | None = None,
) -> TabularMDP:
    """Machines × prices: play the machine for its payoff, or take the price that is on the screen.

    In each trial a machine is shown with a price. To *accept* is worth the machine's payoff, which must be remembered;
    to *decline* is worth the price, which is known exactly (σ = 0) and free. A machine is one memory, shared by all its
    prices. How often a machine is shown and how much hangs on it are set independently of each other: the stakes of a
    machine stretch the distances of its prices from its payoff.

    What a memory's precision is worth grows with the distances d of its prices as long as they are within √2 σ (it is
    proportional to d² φ(d/σ)); a machine whose prices are all far from its payoff needs little precision again.

    That values are compared with known prices is the elicitation of [1]_; that a memory may serve several states is the
    extension that [2]_ leaves to future work ("compact representation of states").

    Parameters
    ----------
    payoffs : array of float, shape (machines,)
        Mean payoff of each machine, in units of reward.
    payoff_sd : float or array of float, shape (machines,)
        Standard deviation of each payoff, which is then Gaussian.
    offsets : array of float, shape (prices,)
        Prices are payoff + stakes · offset.
    frequencies : array of float, shape (machines,), optional
        How often each machine is shown, relative to the others; its prices equally often. Default: all the same.
    stakes : array of float, shape (machines,), optional
        Factor of each machine's offsets, at least 0. Default: 1.
    starts : array of int, shape (trials,), optional
        States of the trials, as an experimenter laid them down; there can be no more learning episodes than these.
        Without ``frequencies``, trajectories sampled offline come with the frequencies of these.

    Returns
    -------
    TabularMDP
        State prices · machine + price, and the end. Memory m is of machine m.

    References
    ----------
    .. [1] Becker, G. M., DeGroot, M. H. and Marschak, J. (1964). Measuring utility by a single-response sequential
       method. Behavioral Science 9, 226-232.
    .. [2] Patel, N., Acerbi, L. and Pouget, A. (2020). Dynamic allocation of limited memory resources in reinforcement
       learning. Advances in Neural Information Processing Systems 33, 16948-16960.
    """
    payoff, offset = vector("payoffs", payoffs), vector("offsets", offsets)
    machines, prices = len(payoff), len(offset)
    sd = for_each("payoff_sd", payoff_sd, machines)
    price = (payoff[:, None] + for_each("stakes", stakes, machines)[:, None] * offset).ravel()
    machine = np.repeat(np.arange(machines), prices)
    nothing, nan = np.zeros(price.size), np.full(price.size, np.nan)
    end = price.size
    shown = shares("frequencies", frequencies, machines)
    by_frequency = starts is None or frequencies is not None
    return TabularMDP(
        np.full((end + 1, 2), end),
        ending([payoff[machine], price], 0.0),
        start=np.append(shown[machine] / prices, 0.0) if by_frequency else None,
        starts=starts,
        terminal=[end],
        step_limit=1,
        reward_sd=ending([sd[machine], nothing], 0.0),
        memory_map=ending([machine, nothing - 1], -1).astype(np.int64),
        known_q=ending([nan, price], np.nan),
        known_sigma=ending([nan, nothing], np.nan),
        name="slot-machines",
        action_names=("accept", "decline"),
        state_names=[*(f"machine {m + 1}, price {i + 1}" for m, i in np.ndindex(machines, prices)), "end"],
    )
