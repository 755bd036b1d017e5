"""Exact answers for finite tasks: what an allocation is worth, its gradient, and the best one.

`cma_es` needs the ``cma`` package (``pip install 'sigmalloc[cma]'``).

- `choice_probabilities` and `choice_gradients`: the policy of noisy recalls (Eq. 2, A.1) without sampling.
- `evaluate` and `gradient`: expected return, cost, objective (Eq. 1) and ∂F/∂σ, by linear solves; for planning, the
  expected best of the paths that the search budget pays for, and the reward rate (Eq. 8).
- `expected_estimator`: mean and scatter of the sampled gradient (Eqs. 3-5), to see its bias and variance.
- `optimum`: the σ that maximises the objective, free or with one precision for all memories, and the effort with it.
- `match_cost`: the price of a nat at which the optimum has a given cost, to compare agents at the same one.
- `equilibrium`: q̄ consistent with the policy that it yields.
- `cma_es`: the black box that the paper compares with.

q̄ and σ are tables of states and actions or vectors of memories, which several states may share. A terminal state is
worth 0, and step limits are not modelled.
"""

from .._mdp.chain import ImproperPolicyError
from ._choice import choice_gradients, choice_probabilities
from ._cma import BlackBox, cma_es
from ._equilibrium import equilibrium
from ._estimator import Estimator, expected_estimator
from ._evaluate import Evaluation, JointGradient, evaluate, gradient
from ._match import CostMatch, match_cost
from ._optimum import Optimum, optimum

__all__ = [
    "BlackBox",
    "CostMatch",
    "Estimator",
    "Evaluation",
    "ImproperPolicyError",
    "JointGradient",
    "Optimum",
    "choice_gradients",
    "choice_probabilities",
    "cma_es",
    "equilibrium",
    "evaluate",
    "expected_estimator",
    "gradient",
    "match_cost",
    "optimum",
]
