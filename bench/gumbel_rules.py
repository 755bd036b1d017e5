"""The constants of the fit engine's soft policy with more than two options, as `reference/likelihood.py` has them.

A recall's distribution function G(y; s) is an expectation over the normal for s ≤ 2 (trapezoidal rule), over the
Gumbel distribution for s ≤ 3 (Gauss rule): see `_choices/noise.py`, whose rules these are. Beyond, it is a series
in 1/s of the Gumbel distribution's moments about its mean γ. E[exp t(g − γ)] = Γ(1 − t) exp(−γt) has poles at 1, 2,
…, of which the first two are exponential distributions, and their part of G is known (a normal plus an exponential
variable). What is left has coefficients that fall as 3^−k. ln Γ(1 − t) = γt + Σ ζ(k) t^k / k.

    python bench/gumbel_rules.py
"""

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import erfcx, zeta

from sigmalloc._choices import noise

nodes = 36
points, weights = noise.gauss_rule("gumbel", nodes)
print(f"Gauss and Gumbel, {nodes} nodes:", [float(x) for x in points], [float(w) for w in weights], sep="\n")
for nodes in (44, 104):
    points, weights = noise.normal_rule(nodes)
    print(f"trapezoidal, {nodes} nodes: from {points[0]} in steps of {points[1] - points[0]}")
    print([float(w) for w in weights[: nodes // 2]])
moments = [1.0, 0.0]
for k in range(2, 16):
    moments.append(sum(float(zeta(m)) * moments[k - m] for m in range(2, k + 1)) / k)
first, second = float(np.exp(-np.euler_gamma)), -float(np.exp(-2 * np.euler_gamma))
rest = [moment - first - second / 2 ** (k + 1) for k, moment in enumerate(moments)]
print(f"series: mean {np.euler_gamma}, poles {first}, {second}, and E[(g - mean)^k] / k! without them:", rest, sep="\n")
t = np.cos(np.pi * (np.arange(400) + 0.5) / 400)
z = 4 * (1 + t) / (1 - t)
fitted = chebyshev.chebfit(t, (1 + z) * erfcx(z / np.sqrt(2)) / 2, 15)
print(
    "(1 + z) exp(z²/2) Φ(−z) by powers of (z − 4)/(z + 4):", [float(c) for c in chebyshev.cheb2poly(fitted)], sep="\n"
)
