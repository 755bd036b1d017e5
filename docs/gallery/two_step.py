"""Two-step task: staying after reward

The task of Daw et al. (2011). How often is the first choice of the last trial repeated? Expected SARSA is model-free,
and hands reward on by one step a visit: the first choice learns of it only when the second stage is met again, so that
reward and transition matter little. σ and λ are in the scale of rewards between 0 and 1.
"""

import sigmalloc as sm

task = sm.tasks.two_step(trials=1000)
agent = sm.Agent(
    learning_rate_q=0.4, sigma_base=0.4, sigma_0=0.2, lam=0.005, learning_rate_sigma=0.005, beta=20.0, q_init=0.5
)
trials = sm.simulate(task, agent, episodes=1000, restarts=30, seed=0)
ax = sm.plot.stay_probability(trials)
sm.plot.save(ax.figure, "two_step")
