"""The algorithms of the kernel once more, in scalar Python: the oracle of the compiled code.

The same numbers are drawn and the same sums are taken in the same order, one run after another, so that `train` gives
the same bits as `sigmalloc.train`, a thousand times slower. It is there to be read and to be compared with; nothing
falls back on it.
"""

from ..elementary import (
    Stream,
    cosine,
    cosine_quarter,
    exponential,
    logarithm,
    power_of_two,
    sine_quarter,
)  # fmt: skip
from .training import Recall, Run, cost_gradient, divergence, log_policy_gradient, recall, train

__all__ = [
    "Recall", "Run", "Stream", "cosine", "cosine_quarter", "cost_gradient", "divergence", "exponential",
    "log_policy_gradient", "logarithm", "power_of_two", "recall", "sine_quarter", "train",
]  # fmt: skip
