"""Sweep: a map over two parameters

Thirty-six cells of λ and σ_base, four runs each, kept in a folder: a sweep that is stopped goes on where it was. The
map shows the objective at the end of training.
"""

import sigmalloc as sm
from sigmalloc.sweeps import plot_heatmap

result = sm.sweep(
    "grid-world",
    sm.Agent(),
    grid={"lam": [0.05, 0.1, 0.2, 0.3, 0.4, 0.5], "sigma_base": [1.0, 2.0, 3.0, 5.0, 7.0, 10.0]},
    restarts=4,
    episodes=1000,
    evaluate_every=500,
    seed=0,
    store="lambda-and-sigma-base",
)
ax = plot_heatmap(result, "lam", "sigma_base")
sm.plot.save(ax.figure, "sweep")
