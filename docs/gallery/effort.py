"""Effort: remember precisely, or think longer

A decision may average several samples of memory. They take time, which has a price ω; precision is stored at a price
λ. Where memory is dear and time cheap the best agent samples; where time is dear it stores, and decides after one.
"""

import numpy as np

import sigmalloc as sm

task = sm.tasks.bandit(means=[0.0, 1.0])
memory, time = np.geomspace(0.003, 0.3, 7), np.geomspace(0.03, 3.0, 7)
agent = sm.Agent(sigma_base=2.0, sigma_0=1.0, sample_time=0.1, learn_samples="shared")
samples = np.array(
    [
        [
            sm.exact.optimum(task, agent.replace(lam=lam, opportunity_cost=omega), starts=4).samples[0]
            for lam in memory.tolist()
        ]
        for omega in time.tolist()
    ]
)
ax = sm.plot.regime_plane(memory, time, samples)
sm.plot.save(ax.figure, "effort")
