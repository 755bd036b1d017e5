"""Planning: how close learning comes to the best allocation

Three moves ahead in the task of Huys et al. (2015). Lines are exact optima, by linear algebra: with flexible
precision, and with one precision for all memories.
"""

import sigmalloc as sm

task = sm.tasks.planning(moves=3, known_last_move=True)
agent = sm.Agent.table_b1("planning")
results = {
    name: sm.train(
        task,
        agent.replace(allocation=allocation),
        episodes=20_000,
        restarts=8,
        seed=0,
        q=task.optimal_q(),
        evaluate_every=1000,
        evaluation_episodes=1000,
        evaluation_policy="hard",
    )
    for name, allocation in (("flexible", "dra"), ("equal precision", "equal"))
}
optima = {
    "best flexible": sm.exact.optimum(task, agent, starts=8).objective,
    "best equal": sm.exact.optimum(task, agent, equal_precision=True).objective,
}
ax = sm.plot.convergence(results, "objective", reference=optima)
sm.plot.save(ax.figure, "planning")
