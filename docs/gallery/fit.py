"""Fit: can the parameters be known?

Fifteen people are simulated at the slot machines, 1000 choices each, with learning rates and first precisions of all
sizes, and both are estimated from their choices by maximum likelihood. Do this with your design before an experiment:
what does not come back from a simulation cannot be estimated from people.
"""

import sigmalloc as sm

task = sm.tasks.slot_machines(payoff_sd=3.0)
found = sm.fit.recover_parameters(
    task, sm.Agent(), trials=1000, subjects=15, free=["learning_rate_q", "sigma_0"], starts=2, intervals=None, seed=0
)
print(found.rank_correlation)
number = found.names.index("learning_rate_q")
ax = sm.plot.recovery(found.simulated[:, number], found.fitted[:, number], parameter="learning_rate_q", log=True)
sm.plot.save(ax.figure, "fit")
