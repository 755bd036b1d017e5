"""The maze that changes: choice entropy through learning and after the change (Figure 1c)."""

import numpy as np

from ... import metrics, tasks
from .. import batch
from ..parameters import SETS
from ..study import Study, part

MOMENTS = (300, 3000, 3300, 10000)
"""Episodes at which Figure 1c looks at the choice entropy; the task changes at 3000."""


def _change_settings(quick):
    frames = [*range(50, 600, 50), *range(600, 3001, 300), *range(3050, 3600, 50), *range(3600, 10001, 800)]
    return {
        "episodes": 10_000, "change_at": 3000, "restarts": 5 if quick else 16, "moments": list(MOMENTS),
        "frames": [1, *frames],
    }  # fmt: skip


def _change(seed, settings, workers, progress):
    task = tasks.grid_world(change_at=settings["change_at"])
    arrays = {"moments": np.array(settings["moments"]), "frames": np.array(settings["frames"])}
    for number, (name, make) in enumerate(SETS.items()):
        # frames of one run only, and with one parameter set: they are drawn, not measured
        keep = sorted({*settings["moments"], *(settings["frames"] if name == "table" else ())})
        result = batch.train_many(
            task, {"DRA": make("grid-world")}, episodes=settings["episodes"], restarts=settings["restarts"], seed=seed,
            evaluate_every=settings["episodes"], evaluation_episodes=100, snapshots=keep, workers=workers,
            progress=part(progress, number / len(SETS), (number + 1) / len(SETS)),
        )["DRA"]  # fmt: skip
        arrays[f"{name}_entropy"] = _entropy(result, settings["moments"])
        arrays[f"{name}_reward"] = result.reward[:, -1]
        if name == "table":
            arrays["frames_entropy"] = _entropy(result, settings["frames"], slice(1))[0]
    return arrays


def _entropy(result, episodes, runs=slice(None)):
    """Choice entropy of runs at snapshots, shape (runs, episodes, states)."""
    kept = np.isin(result.snapshot_episodes, episodes)
    exists = np.logical_or.reduce([variant.exists for variant in result.task.variants])
    return metrics.choice_entropy(result.snapshot_q[runs, kept], result.snapshot_sigma[runs, kept], exists)


STUDY = Study("grid-change", _change_settings, _change, (3, 2))
