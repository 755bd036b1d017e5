"""Comparison of results bit for bit, and small tasks to compare them on."""

import numpy as np

import sigmalloc as sm

ARRAYS = (
    "q", "sigma", "episodes", "reward", "value", "cost", "cutoffs", "steps", "training_cutoffs", "snapshot_episodes",
    "snapshot_q", "snapshot_sigma", "stream",
)  # fmt: skip
WHOLE = (*ARRAYS, "memory_q", "memory_sigma", "evaluation_stream", "scale", "usage")


def differing(one, other, names=ARRAYS):
    """Names of the arrays of two results that have not the same type, shape and bits."""
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in names}
    return [
        name for name, (a, b) in pairs.items() if a.dtype != b.dtype or a.shape != b.shape or a.tobytes() != b.tobytes()
    ]


def random_mdp(seed, *, states=7, actions=3, outcomes=3, step_limit=25, **keywords):
    """A random task: stochastic and certain outcomes, unequal action counts, several starts, two terminal states."""
    rng = np.random.default_rng(seed)
    next_state = rng.integers(states, size=(states, actions, outcomes))
    probability = rng.dirichlet(np.ones(outcomes), size=(states, actions))
    probability[::3, 0] = np.eye(outcomes)[rng.integers(outcomes)]
    counts = rng.integers(1, actions + 1, size=states)
    counts[0] = actions
    terminal = [states - 2, states - 1]
    start = np.zeros(states)
    start[: states - 3] = rng.dirichlet(np.ones(states - 3))
    return sm.TabularMDP(
        next_state, rng.normal(size=next_state.shape), probability, start=start, terminal=terminal,
        action_counts=counts, step_limit=step_limit, **keywords,
    )  # fmt: skip


def changing_maze(step_limit=20):
    """A small maze whose walls and goal move twice: memories appear, vanish and come back."""
    before, after = ("..G", "S#.", "..."), ("#.G", "S..", ".#.")
    later = sm.tasks.maze(after, step_limit=step_limit)
    again = sm.tasks.maze(before, step_limit=step_limit)
    return sm.tasks.maze(before, step_limit=step_limit, changes=[(2, later), (5, again)])
