"""Frontier: what reward a nat buys

The best allocation for each price λ of a nat, with flexible and with equal precision: where the curves are apart,
flexible precision earns more from the same memory.
"""

import sigmalloc as sm

task = sm.tasks.planning(moves=3)
agent = sm.Agent.table_b1("planning")
prices = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]
agents = {}
for name, equal in (("flexible", False), ("equal precision", True)):
    best = [sm.exact.optimum(task, agent.replace(lam=lam), equal_precision=equal, starts=4) for lam in prices]
    agents[name] = {
        "lam": prices,
        "cost": [one.cost / lam for one, lam in zip(best, prices, strict=True)],  # nats
        "reward": [one.reward for one in best],
    }
ax = sm.plot.frontier(agents)
sm.plot.save(ax.figure, "frontier")
