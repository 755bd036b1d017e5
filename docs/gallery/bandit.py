"""Bandit: every choice of forty agents

Two arms pay 0 and 1 on average, with a standard deviation of 1. Forty agents learn them by trial and error; the raster
shows each of their choices.
"""

import sigmalloc as sm

task = sm.tasks.bandit(means=[0.0, 1.0], sd=1.0, trials=300)
agent = sm.Agent(sigma_base=1.5, sigma_0=1.0, lam=0.02, learning_rate_sigma=0.05, beta=20.0)
trials = sm.simulate(task, agent, episodes=300, restarts=40, seed=0)
ax = sm.plot.choice_raster(trials, action_names=task.action_names)
sm.plot.save(ax.figure, "bandit")
