"""Rooms: fewer memories than places

The same maze, but the agent cannot tell the cells of a room apart: one memory for each room and action instead of one
for each cell and action (state aggregation). With rooms that lie along the way it learns with 20 memories, and far
sooner, what it otherwise keeps in 124; with rooms across the way, such as quarters of the maze, it would not.
"""

import sigmalloc as sm

layout = ["S.....", "......", "..##..", "..##..", "......", ".....G"]
rooms = ["abbbbb", "abbbbb", "acccce", "acccce", "adddde", "adddde"]
agent = sm.Agent(lam=0.01)
own = sm.tasks.maze(layout, step_limit=300)
shared = sm.tasks.maze(layout, rooms=rooms, step_limit=300)
results = {
    f"{task.n_memories} memories": sm.train(task, agent, episodes=600, restarts=16, seed=0, evaluate_every=20)
    for task in (own, shared)
}
ax = sm.plot.convergence(results, "objective")
sm.plot.save(ax.figure, "rooms")
