"""The policy of noisy recalls, without sampling."""

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._choices.policy import Policy, checked_beta
from .._choices.solver import solve_choices

_Tables = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]


def choice_probabilities(
    q: npt.ArrayLike,
    sigma: npt.ArrayLike,
    policy: Policy = "hard",
    beta: float | None = None,
    mask: npt.ArrayLike | None = None,
) -> npt.NDArray[np.float64]:
    """Probability of choosing each action by Thompson sampling (Eq. 2, A.1).

    Parameters
    ----------
    q : array of float, shape (..., actions)
        q̄, means of the memories, in units of reward.
    sigma : array of float, broadcast against ``q``
        σ, their standard deviations, at least 0.
    policy : {"hard", "soft"}
        Largest of q̄ + ζσ, or a draw from softmax(β(q̄ + ζσ)), that is the largest of q̄ + ζσ + Gumbel/β.
    beta : float, optional
        β, inverse temperature in 1/reward; needed by the soft policy.
    mask : array of bool, broadcast against ``q``, optional
        False for actions that do not exist. Their probability is 0.

    Returns
    -------
    array of float, shape (..., actions)
        Sums to 1 over the actions, or is 0 everywhere if a state has none. Accurate to about 1e-11.

    Raises
    ------
    ValueError
        Naming the argument.

    Notes
    -----
    Of memories with σ = 0, equal largest values share their probability evenly.
    """
    shape, tables, beta = _checked(q, sigma, policy, beta, mask)
    return solve_choices(*tables, beta).probability.reshape(shape)


def choice_gradients(
    q: npt.ArrayLike,
    sigma: npt.ArrayLike,
    policy: Policy = "hard",
    beta: float | None = None,
    mask: npt.ArrayLike | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Choice probabilities and their derivatives with respect to σ and q̄.

    Parameters
    ----------
    q, sigma, policy, beta, mask
        As for `choice_probabilities`.

    Returns
    -------
    probability : array of float, shape (..., actions)
    by_sigma : array of float, shape (..., actions, actions)
        [..., a, b] is ∂P_a/∂σ_b, in 1/reward.
    by_q : array of float, shape (..., actions, actions)
        [..., a, b] is ∂P_a/∂q̄_b, in 1/reward.

    Notes
    -----
    Between two memories with σ = 0 and equal q̄ the hard policy has no derivative: those entries of ``by_q`` are NaN.
    """
    shape, tables, beta = _checked(q, sigma, policy, beta, mask)
    probability, by_sigma, by_q = solve_choices(*tables, beta, derivatives=True)
    return probability.reshape(shape), by_sigma.reshape(*shape, shape[-1]), by_q.reshape(*shape, shape[-1])


def _checked(
    q: npt.ArrayLike, sigma: npt.ArrayLike, policy: Policy, beta: float | None, mask: npt.ArrayLike | None
) -> tuple[tuple[int, ...], _Tables, float | None]:
    """The shape, the tables with the states in one axis, and β."""
    beta = checked_beta(policy, beta)
    given_q = _checks.numeric("q", q)
    shape = given_q.shape
    if not shape or 0 in shape:
        raise ValueError(f"q must have shape (..., actions), got {shape}")
    exists = _broadcast("mask", _checks.booleans("mask", True if mask is None else mask), shape)
    tables = []
    for name, value in (("q", given_q), ("sigma", _checks.numeric("sigma", sigma))):
        given = _broadcast(name, value, shape)
        table = _checks.array(name, np.where(exists, given, 1.0), shape)
        tables.append(table.reshape(-1, shape[-1]))
    if tables[1].min() < 0:
        raise ValueError(f"sigma must be at least 0, got {tables[1].min():g}")
    return shape, (tables[0], tables[1], exists.reshape(-1, shape[-1])), beta


def _broadcast(name: str, table: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    try:
        return np.broadcast_to(table, shape)
    except ValueError:
        raise ValueError(f"{name} must have shape {shape}, got {table.shape}") from None
