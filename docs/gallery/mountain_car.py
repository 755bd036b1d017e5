"""Mountain car: value over position and velocity

A continuous task whose memories are a table. The colours are the value of the best action; states that were hardly
visited are grey.
"""

import sigmalloc as sm

task = sm.tasks.mountain_car()
agent = sm.Agent.table_b1("mountain-car")
result = sm.train(task, agent, episodes=3000, restarts=8, seed=0)
ax = sm.plot.value_function(result)
sm.plot.save(ax.figure, "mountain_car")
