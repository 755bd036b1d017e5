"""Three hundred trainings whose bits are kept in data/bits.json: no later version and no other machine may change them.

``python tests/golden.py`` writes the file anew; do so only for a change of bits that the changelog announces.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
from same_bits import ARRAYS

import sigmalloc as sm

FILE = Path(__file__).parent / "data" / "bits.json"
COUNT = 300
PLANNING_GRADIENTS = {"rollouts": ("best_path", "advantage", "reinforce", "return"), "depth-first": ("best_path", "q")}
GRADIENTS = ("advantage", "q", "reinforce", "return", "best_path")
ALLOCATIONS = ("dra", "equal", "frequency", "stakes", "fixed")


def table(draw, states, actions, outcomes, terminal, counts, **keywords):
    """A random task; RandomState's stream is frozen for good."""
    shape = (states, actions, outcomes)
    weights = draw.randint(0, 4, size=shape).astype(float)
    weights[:, :, 0] += weights.sum(axis=2) == 0
    start = np.where(terminal, 0.0, draw.randint(0, 3, size=states))
    start[np.flatnonzero(~terminal)[0]] += 1
    return sm.TabularMDP(
        draw.randint(0, states, size=shape), np.round(draw.standard_normal(shape), 3),
        weights / weights.sum(axis=2, keepdims=True), start=start / start.sum(), terminal=terminal,
        action_counts=np.where(terminal, 0, counts), **keywords,
    )  # fmt: skip


def finite_task(draw):
    states, actions, outcomes = draw.randint(2, 7), draw.randint(1, 6), draw.randint(1, 4)
    terminal = draw.random_sample(states) < 0.3
    terminal[draw.randint(states)] = False
    counts = draw.randint(1, actions + 1, size=states)
    counts[np.flatnonzero(~terminal)[0]] = actions
    known = {}
    if draw.random_sample() < 0.4:
        held = draw.random_sample((states, actions)) < 0.4
        held &= np.arange(actions) < np.where(terminal, 0, counts)[:, None]
        held[np.flatnonzero(~terminal)[0], 0] = False
        known = {"known_q": np.where(held, 0.5, np.nan), "known_sigma": np.where(held, 0.7, np.nan)}
    sizes, limit = (states, actions, outcomes, terminal, counts), draw.randint(1, 30)
    changes = []
    if draw.random_sample() < 0.4:
        changes = [(draw.randint(1, 4), table(draw, *sizes, step_limit=limit, **known))]
    return table(draw, *sizes, step_limit=limit, changes=changes, **known)


def case(number):
    """Task, agent and keywords of one training."""
    draw = np.random.RandomState(number)
    pick = lambda *options: options[draw.randint(len(options))]  # noqa: E731
    kind = ("finite", "finite", "maze", "planning", "car")[number % 5]
    fields = {
        "learning_rate_q": pick(0.1, 0.2, 1.0), "learning_rate_sigma": pick(0.0, 0.1, 0.5), "beta": pick(1.0, 10.0),
        "gamma": pick(0.0, 0.9, 1.0), "lam": pick(0.0, 0.2, 1.0), "sigma_base": pick(2.0, 5.0),
        "sigma_0": pick(1.0, 3.0),
        "q_init": pick(0.0, 1.5, (-1.0, 1.0)), "n_trajectories": pick(1, 3, 10), "gradient": pick(*GRADIENTS),
        "allocation": pick(*ALLOCATIONS),
    }  # fmt: skip
    if draw.random_sample() < 0.3:
        fields |= {"beta_0": fields["beta"] / 3, "beta_rate": pick(0.0, 0.05, 1.0)}
    if kind == "finite":
        task = finite_task(draw)
    elif kind == "maze":
        task = sm.tasks.grid_world(change_at=pick(None, 2), step_limit=pick(50, 200))
    elif kind == "car":
        task = sm.tasks.mountain_car(pick("bottom", "uniform"), step_limit=pick(40, 200))
    else:
        task = sm.tasks.planning(pick(2, 3, 4), known_last_move=pick(False, True))
        planner = pick(*PLANNING_GRADIENTS)
        fields |= {
            "sigma_base": 100.0, "sigma_0": 50.0, "planner": planner, "gradient": pick(*PLANNING_GRADIENTS[planner]),
            "search_budget": pick(None, 50.0, 100.0), "reward_rate": pick(False, True),
        }  # fmt: skip
    keywords = {
        "episodes": int(draw.randint(1, 8)), "restarts": int(draw.randint(1, 11)), "seed": number,
        "evaluate_every": 1, "evaluation_episodes": 3, "evaluation_policy": pick("soft", "hard"), "snapshots": (1,),
    }  # fmt: skip
    return task, sm.Agent(**fields), keywords


def digest(number):
    """Hash of all arrays of one training's result."""
    task, agent, keywords = case(number)
    try:
        result = sm.train(task, agent, **keywords)
    except sm.DivergenceError as error:
        result = error.result
    hashed = hashlib.blake2b(digest_size=12)
    for name in ARRAYS:
        array = getattr(result, name)
        little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
        hashed.update(f"{name}{little.dtype.str}{little.shape}".encode())
        hashed.update(little.tobytes())
    return hashed.hexdigest()


if __name__ == "__main__":
    FILE.write_text(json.dumps([digest(number) for number in range(COUNT)], indent=0) + "\n", encoding="utf-8")
