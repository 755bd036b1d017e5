"""Gymnasium: a trained agent in your own loop

An agent trained on the table of FrozenLake acts in the real environment, draw by draw. What it earns there agrees with
the simulation, `sm.evaluate`, within sampling error.
"""

import gymnasium
import numpy as np

import sigmalloc as sm

task = sm.tasks.from_gymnasium("FrozenLake-v1")
agent = sm.Agent(sigma_base=0.7, sigma_0=0.4, lam=0.001, learning_rate_sigma=0.014, beta=70.0, q_init=1.0)
result = sm.train(task, agent, episodes=20_000, restarts=4, seed=0)
policy = result.policy(0)

env, rng = gymnasium.make("FrozenLake-v1"), np.random.default_rng(0)
returns = []
for episode in range(500):
    state, _ = env.reset(seed=episode)
    total, over = 0.0, False
    while not over:
        state, reward, ended, cut, _ = env.step(policy.act(state, rng))
        total, over = total + float(reward), ended or cut
    returns.append(total)
simulated = sm.evaluate(task, agent, result.q[:1], result.sigma[:1], episodes=20_000, seed=1)
mean, error = np.mean(returns), np.std(returns, ddof=1) / np.sqrt(len(returns))
print(f"in Gymnasium {mean:.3f} ± {error:.3f}, simulated {simulated.reward[0]:.3f}")
assert abs(mean - simulated.reward[0]) < 4 * error
ax = sm.plot.choice_entropy(result)
sm.plot.save(ax.figure, "frozen_lake")
