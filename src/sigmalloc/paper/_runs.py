"""Many agents trained in one batch, and what studies measure on them."""

import importlib.util

import numpy as np

from ..runs import engine
from ..runs import train as training

TAIL = 0.2
"""Fraction of the checkpoints, at the end, over which a final level is averaged."""


def train_many(
    task, agents, *, episodes, restarts, seed, evaluate_every, evaluation_episodes, snapshots=(), q=None, workers=None,
    progress=None,
):  # fmt: skip
    """Train several agents on one task in one batch.

    Every run is, bit for bit, what `sigmalloc.train` gives for its agent, seed and restart; agents thus share their
    noise. Parameters are as for `train`, except:

    Parameters
    ----------
    agents : dict of {hashable: Agent}
    restarts : int or dict of {hashable: int}
        Runs of every agent, or of each.
    progress : callable(fraction), optional

    Returns
    -------
    dict of {hashable: Result}
        In the order of ``agents``.
    """
    for agent in agents.values():
        training.check_task_and_agent(task, agent)
    plan = engine.Plan(episodes, evaluate_every, evaluation_episodes, False, tuple(snapshots))
    # the longest runs first, so that no thread is left with one of them at the end
    names = sorted(agents, key=lambda name: -_work(task, agents[name]))
    counts = dict.fromkeys(names, restarts) if isinstance(restarts, int) else restarts
    runs = [agents[name] for name in names for _ in range(counts[name])]
    own = [engine.stream_states(seed, restart) for restart in range(max(counts.values()))]
    streams = np.stack([own[restart] for name in names for restart in range(counts[name])])
    tables, _ = training.checked_tables(task, runs[0], q, None, len(runs))
    total = episodes * len(runs)
    outcome = engine.run(
        task, runs, plan, streams, q=tables, workers=workers, batch_size=8 if len(runs) <= 64 else 16,
        progress=None if progress is None else lambda done: progress(done / total),
    )  # fmt: skip
    failed = np.flatnonzero(outcome.counters[:, 3])
    if failed.size:
        raise training.DivergenceError(
            f"{failed.size} of {len(runs)} runs on {task.name!r} were no longer finite, first {runs[failed[0]]}"
        )
    results, first = {}, 0
    for name in names:
        rows = slice(first, first + counts[name])
        first += counts[name]
        part = engine.Outcome(**{field: getattr(outcome, field)[rows] for field in _ROWS})
        results[name] = training.make_result(task, agents[name], seed, plan, part)
    return {name: results[name] for name in agents}


_ROWS = tuple(engine.Outcome.__dataclass_fields__)


def _work(task, agent):
    return agent.n_trajectories * (1 if task.horizon is None else engine.paths(task, agent))


def tail(curves):
    """Final level of each run: the mean of the last fifth of its checkpoints.

    Parameters
    ----------
    curves : array of float, shape (..., checkpoints)

    Returns
    -------
    array of float, shape (...)
    """
    return last(curves).mean(axis=-1)


def last(curves):
    """The last fifth of the checkpoints, at least one: what final levels are averaged over."""
    return curves[..., -max(1, round(TAIL * curves.shape[-1])) :]


def installed(module):
    """Whether an optional package can be imported."""
    return importlib.util.find_spec(module) is not None


def exact_available():
    """Whether the exact solver's extra (SciPy) is installed."""
    return installed("scipy")


def cma_available():
    """Whether the extra of the black-box comparison (cma, SciPy) is installed."""
    return installed("cma") and installed("scipy")
