"""Episodes of mountain car with the paths that they take."""

from __future__ import annotations

from typing import Any

import numpy as np


def simulate(
    task: Any, beta: float, q: Any, sigma: Any, episodes: Any, rng: np.random.Generator
) -> tuple[Any, Any, Any]:
    """Episodes of the soft policy with q̄ and σ frozen, side by side.

    Parameters
    ----------
    task : MountainCar
        Starting at the bottom.
    beta : float
    q, sigma : array of float, shape (states, actions)
    episodes : int
    rng : numpy.random.Generator

    Returns
    -------
    x, v : array of float, shape (steps, episodes)
        Before each step.
    alive : array of bool, shape (steps, episodes)
        Whether the episode goes on until then.
    """
    x, v = np.full(episodes, -0.5), np.zeros(episodes)
    going = np.ones(episodes, dtype=bool)
    xs, vs, alive = [], [], []
    for _ in range(task.step_limit):
        xs.append(x)
        vs.append(v)
        alive.append(going)
        states = task.state(x, v)
        noisy = q[states] + sigma[states] * rng.standard_normal((episodes, task.n_actions))
        action = (beta * noisy + rng.gumbel(size=noisy.shape)).argmax(axis=1)
        v = np.clip(v + 0.001 * (action - 1) - 0.0025 * np.cos(3 * x), -0.07, 0.07)
        x = np.clip(x + v, -1.2, 0.6)
        v = np.where((x == -1.2) & (v < 0), 0.0, v)
        going = going & (x < 0.5)
        x, v = np.where(going, x, -0.5), np.where(going, v, 0.0)
    return np.array(xs), np.array(vs), np.array(alive)
