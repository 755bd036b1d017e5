"""Slot machines: precision follows frequency and stakes

Four machines are for sale at prices around what they pay. The first is shown four times as often as the others, and
on the last one twice as much hangs. A machine is one memory, whatever its price: the agent makes those two precise.
"""

import numpy as np

import sigmalloc as sm

task = sm.tasks.slot_machines(frequencies=[4, 1, 1, 1], stakes=[1, 1, 1, 2])
agent = sm.Agent(lam=0.05, q_init=45.0)  # what is thought to be worthless is never tried
result = sm.train(
    task, agent, episodes=5000, restarts=20, seed=0, evaluate_every=500, snapshots=list(range(100, 5001, 100))
)
sigma = result.snapshot_memory_sigma  # (restarts, snapshots, memories)
names = ["often", "usual", "usual (2)", "high stakes"]
figure, ax = sm.plot.figure()
sm.plot.curves(
    result.snapshot_episodes.astype(float),
    sigma.mean(axis=0).T,
    (sigma.std(axis=0, ddof=1) / np.sqrt(len(sigma))).T,
    names,
    ax,
    xlabel="Episode",
    ylabel=r"$\sigma$ (reward)",
)
sm.plot.save(figure, "slot_machines")
