"""Slot machines for sale: a memory is of a machine, at whatever price it is offered."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import _checks
from .registry import register
from .tabular import TabularMDP


@register("slot-machines", preset="grid-world", episodes=2000)
def slot_machines(
    payoffs: npt.ArrayLike = (10.0, 20.0, 30.0, 40.0),
    *,
    payoff_sd: float | npt.ArrayLike = 0.0,
    offsets: npt.ArrayLike = (-6.0, -2.0, 2.0, 6.0),
    frequencies: npt.ArrayLike | None = None,
    stakes: npt.ArrayLike | None = None,
    starts: npt.ArrayLike | None = None,
) -> TabularMDP:
    """Machines × prices: play the machine for its payoff, or take the price that is on the screen.

    In each trial a machine is shown with a price. To *accept* is worth the machine's payoff, which must be remembered;
    to *decline* is worth the price, which is known exactly (σ = 0) and free. A machine is one memory, shared by all its
    prices. How often a machine is shown and how much hangs on it are set independently of each other: the stakes of a
    machine stretch the distances of its prices from its payoff.

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
    payoff = _vector("payoffs", payoffs)
    offset = _vector("offsets", offsets)
    shape = (len(payoff), len(offset))
    each = lambda name, value: _checks.array(name, value, payoff.shape)  # noqa: E731
    stretch = np.ones(len(payoff)) if stakes is None else each("stakes", stakes)
    sd = _checks.numeric("payoff_sd", payoff_sd)
    sd = each("payoff_sd", np.broadcast_to(sd, payoff.shape) if sd.ndim == 0 else sd)
    for name, table in (("stakes", stretch), ("payoff_sd", sd)):
        if table.min() < 0:
            raise ValueError(f"{name} must be at least 0, got {table.min():g}")
    price = payoff[:, None] + stretch[:, None] * offset
    end = price.size
    table = lambda accept, decline, ended: np.append(np.stack(  # noqa: E731
        [np.broadcast_to(accept, shape).ravel(), np.broadcast_to(decline, shape).ravel()], axis=1
    ), [[ended, ended]], axis=0)  # fmt: skip
    start = None
    if frequencies is not None or starts is None:
        shown = np.ones(len(payoff)) if frequencies is None else each("frequencies", frequencies)
        if shown.min() < 0 or not shown.sum() > 0:
            raise ValueError(f"frequencies must not be negative, and not all 0, got {frequencies!r}")
        start = np.append(np.repeat(shown / shown.sum() / len(offset), len(offset)), 0.0)
    numbers = np.arange(len(payoff))[:, None]
    return TabularMDP(
        np.full((end + 1, 2), end), table(payoff[:, None], price, 0.0), start=start, starts=starts, terminal=[end],
        step_limit=1, reward_sd=table(sd[:, None], 0.0, 0.0), memory_map=table(numbers, -1, -1),
        known_q=table(np.nan, price, np.nan), known_sigma=table(np.nan, 0.0, np.nan), name="slot-machines",
        action_names=("accept", "decline"),
        state_names=[*(f"machine {m + 1}, price {i + 1}" for m, i in np.ndindex(shape)), "end"],
    )  # fmt: skip


def _vector(name: str, value: npt.ArrayLike) -> npt.NDArray[np.float64]:
    given = _checks.numeric(name, value)
    if given.ndim != 1 or not given.size:
        raise ValueError(f"{name} must have one axis and at least one number, got shape {given.shape}")
    return _checks.array(name, given, given.shape)
