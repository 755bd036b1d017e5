"""Policies: draw from the softmax of the recalls, or take the largest one."""

from typing import Literal, get_args

from .. import _checks
from ..agents import LARGEST_Q, SMALLEST_BETA

Policy = Literal["soft", "hard"]
POLICIES: tuple[Policy, ...] = get_args(Policy)


def checked_beta(policy: Policy, beta: float | None) -> float | None:
    """β of a policy: None for the hard one, which has none."""
    _checks.choice("policy", policy, POLICIES)
    if beta is not None:
        beta = _checks.real("beta", beta, low=SMALLEST_BETA, high=LARGEST_Q)
    elif policy == "soft":
        raise ValueError("beta must be given for the soft policy")
    return beta if policy == "soft" else None
