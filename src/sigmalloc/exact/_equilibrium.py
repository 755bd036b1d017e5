"""q̄ that is consistent with the policy that it yields."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .. import _checks
from .._choices.policy import Policy
from .._floats import quietly
from .._io.progress import check as check_progress
from .._io.progress import shown
from .._mdp.chain import Chain, Pool
from .._mdp.problem import Floats, Point, Problem
from ..agents import Agent
from ..tasks.base import Task
from ._optimum import shown_q, start_q


@quietly
def equilibrium(
    task: Task,
    agent: Agent,
    sigma: npt.ArrayLike,
    policy: Policy = "soft",
    q: npt.ArrayLike | None = None,
    tolerance: float = 1e-9,
    max_iterations: int = 2000,
    episode: int = 0,
    samples: npt.ArrayLike | None = None,
    progress: Callable[[int, int], object] | bool | None = None,
) -> Floats:
    """q̄ that is consistent with the policy that it yields, for given σ.

    The fixed point of on-policy expected SARSA, q̄(s,a) = E[r + γ Σ_a' π(a'|s') q̄(s',a')] with π from q̄ and σ: what
    learning tends to when σ stays as it is. What the task knows beforehand stays as it is, too. A shared memory holds
    the mean over the states and actions that use it, weighted by how often each is taken.

    Parameters
    ----------
    task, agent, sigma, policy, episode, samples
        As for `evaluate`.
    q : array of float, shape (states, actions) or (memories,), optional
        Where the iteration starts; default q*. There may be several equilibria; this finds one of them.
    tolerance : float
        Largest remaining change of q̄, relative to the largest |q̄| if that exceeds 1.
    max_iterations : int
    progress : bool or callable(done, total), optional
        True: a bar on standard error; a function is called with the iterations done and the most that may be needed.

    Returns
    -------
    array of float, shape of ``sigma``
        In a table, 0 where there is no action.

    Raises
    ------
    ValueError
        If an argument is not valid, an episode may never end (γ = 1), or the iteration does not converge.
    """
    problem = Problem(task, agent, policy, episode)
    tolerance = _checks.real("tolerance", tolerance, low=0, low_open=True)
    max_iterations = _checks.integer("max_iterations", max_iterations, low=1)
    check_progress(progress)
    point = Point(start_q(problem, q), problem.vector("sigma", sigma), problem.effort(samples))
    step, size, before = 1.0, np.inf, np.inf
    with shown(progress, max_iterations, unit="iteration") as meter:
        for _ in range(max_iterations):
            change = _backup(problem, point) - point.q
            meter.add(1)
            size = float(np.abs(change).max(initial=0.0))
            if size <= tolerance * max(1.0, float(np.abs(point.q).max(initial=0.0))):
                found = point.q + change
                return found if np.ndim(sigma) == 1 else shown_q(problem, found)
            if size > before:
                step = max(step / 2, 1e-3)
            before = size
            point = point._replace(q=point.q + step * change)
    raise ValueError(
        f"equilibrium: q still moves by {size:.3g} after {max_iterations} iterations (tolerance {tolerance:.3g}); give "
        "a better starting q, a larger tolerance or more max_iterations"
    )


def _backup(problem: Problem, point: Point) -> Floats:
    """q̄ of the policy that a point yields."""
    model, memory_map = problem.model, problem.map
    policy = problem.choices(point).probability
    place = memory_map.index[model.acting]
    held = np.flatnonzero(place.ravel() >= 0)
    memory = place.ravel()[held]
    # of the values that share a memory, each counts as often as it is learned
    weight = np.ones(len(held))
    if memory_map.shared:
        visits = Chain(model, policy).system(1.0).occupancy(model.start)
        weight = (visits[:, None] * policy).ravel()[held]
        idle = np.bincount(memory, weight, memory_map.n_memories) <= 0
        weight = np.where(idle[memory], 1.0, weight)
        weight /= np.bincount(memory, weight, memory_map.n_memories)[memory]
    shape = (memory_map.n_memories, policy.size)
    mean = sparse.csr_array((weight, (memory, held)), shape=shape)
    state = held // policy.shape[1]
    taken = sparse.csr_array((policy.ravel()[held], (state, memory)), shape=(len(policy), memory_map.n_memories))
    # a known value is all that the q̄ update sees of what follows, as if the episode ended with it
    fixed = np.where(place >= 0, 0.0, policy)
    pool = Pool(model, taken @ mean, fixed.sum(axis=1))
    constant = (fixed * problem.known_q).sum(axis=1)
    state_values = np.nan_to_num(pool.system(problem.agent.gamma).values(pool.reward + constant))
    values: Floats = mean @ model.action_values(state_values, problem.agent.gamma).ravel()
    return np.where(problem.allocated, values, point.q)
