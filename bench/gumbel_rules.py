"""The constants of the fit engine's soft policy with more than two options, as `reference/likelihood.py` has them.

A recall's distribution function G(y; s) is an expectation over the normal for s ≤ 2 (trapezoidal rule) and over the
Gumbel distribution for larger s (Gauss rule): see `exact/_noise.py`, whose rules these are.

    python bench/gumbel_rules.py
"""

from sigmalloc.exact import _noise

for nodes in (36, 15):
    points, weights = _noise.gauss_rule("gumbel", nodes)
    print(f"Gauss and Gumbel, {nodes} nodes:", [float(x) for x in points], [float(w) for w in weights], sep="\n")
for nodes in (44, 104):
    points, weights = _noise.normal_rule(nodes)
    print(f"trapezoidal, {nodes} nodes: from {points[0]} in steps of {points[1] - points[0]}")
    print([float(w) for w in weights[: nodes // 2]])
