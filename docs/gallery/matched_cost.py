"""Matched cost: flexible against equal precision, at the same price

Flexible precision earns more, but is it because it spends more? `sm.exact.match_cost` finds the best allocation that
costs a given amount, so that both agents have as many nats. What is left of the difference is due to *where* they are.
"""

import sigmalloc as sm

task = sm.tasks.planning(moves=3)
agent = sm.Agent.table_b1("planning")
costs = [5.0, 10.0, 15.0, 20.0, 30.0]
reward = {
    name: [sm.exact.match_cost(task, agent, cost, equal_precision=equal, starts=2).reward for cost in costs]
    for name, equal in (("flexible", False), ("equal precision", True))
}
figure, ax = sm.plot.figure()
sm.plot.curves(
    costs,
    list(reward.values()),
    None,
    list(reward),
    ax,
    xlabel=r"Cost $\lambda D_{\mathrm{KL}}$ (reward)",
    ylabel="Reward per trial",
    reference={"all remembered": 66.667},
)
sm.plot.save(figure, "matched_cost")
