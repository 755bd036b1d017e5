"""Results made by hand, of tables of states and actions."""

import numpy as np

from sigmalloc.runs.arguments import memory_values
from sigmalloc.runs.result import Result


def result(task, agent, q, sigma, *, snapshot_q, snapshot_sigma, restarts, **fields):
    """A `Result` whose memories are those of the tables; nothing can go on from it."""
    kept = {}
    for name, tables, elsewhere in (("q", snapshot_q, 0.0), ("sigma", snapshot_sigma, agent.sigma_base)):
        by_snapshot = [memory_values(name, tables[:, i], task, restarts, elsewhere) for i in range(tables.shape[1])]
        kept[f"snapshot_memory_{name}"] = np.stack(by_snapshot, axis=1)
    return Result(
        task=task, agent=agent, memory_q=memory_values("q", q, task, restarts),
        memory_sigma=memory_values("sigma", sigma, task, restarts, agent.sigma_base), **kept,
        stream=np.zeros((restarts, 4), np.uint64), evaluation_stream=np.zeros((0, 4), np.uint64),
        scale=np.zeros(restarts), usage=np.zeros((restarts, 0)), **fields,
    )  # fmt: skip
