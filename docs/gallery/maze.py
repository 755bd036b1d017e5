"""Maze: precise along the way

Mattar and Daw's maze, with the parameters of Table B.1. States in which choices are reliable are dark: memory is spent
along the way to the goal, and hardly anywhere else.
"""

import sigmalloc as sm

task = sm.tasks.grid_world()
agent = sm.Agent.table_b1("grid-world")
result = sm.train(task, agent, episodes=5000, restarts=8, seed=0)
ax = sm.plot.choice_entropy(result)
sm.plot.save(ax.figure, "maze")
