"""The best allocation of a task, by gradient ascent from several starts."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from .. import _checks
from ._chain import Chain, ImproperPolicyError
from ._evaluate import Problem

_EQUAL_LEVELS = 8
_SCAN = 121


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best σ that was found, and what it is worth.

    Attributes
    ----------
    sigma : array of float, shape (states, actions)
        σ_base where there is no memory, and what the task knows where a memory is known.
    q : array of float, shape (states, actions)
        q̄ that it was optimised for.
    objective, value, reward, cost : float
        As in `Evaluation`.
    evaluations : int
        Evaluations of the objective and its gradient.
    starts : array of float
        Objective reached from each start (with ``equal_precision``, from each local maximum of the scan): those that
        agree with ``objective`` say how easy it is to find.
    """

    sigma: np.ndarray
    q: np.ndarray
    objective: float
    value: float
    reward: float
    cost: float
    evaluations: int
    starts: np.ndarray

    def __repr__(self):
        names = ("objective", "value", "reward", "cost")
        figures = ", ".join(f"{name}={getattr(self, name):.6g}" for name in names)
        return f"Optimum({figures}, evaluations={self.evaluations}, {len(self.starts)} starts)"


def optimum(task, agent, q=None, policy="hard", equal_precision=False, starts=None, seed=0, episode=0):
    """The σ that maximises the objective (Eq. 1), with q̄ fixed and σ in the agent's [sigma_min, sigma_max].

    L-BFGS-B on ln σ with the exact gradient. The objective is not concave, so it starts several times: from equal
    precisions, then from precisions drawn log-uniformly between σ_base/100 and σ_base.

    Parameters
    ----------
    task : TabularMDP
    agent : Agent
    q : array of float, shape (states, actions), optional
        q̄; default q*, by value iteration with the agent's γ.
    policy : {"hard", "soft"}
    equal_precision : bool
        All memories share one σ: scanned between its bounds, then refined.
    starts : int, optional
        How many starts, at least 1; default 32, or 16 with more than 100 memories.
    seed : int
        Of the drawn starts.
    episode : int
        Which variant of a changing task: the one in force in this episode.

    Returns
    -------
    Optimum

    Raises
    ------
    ValueError
        If an argument is not valid, or the policy may never end an episode whatever σ it starts with (γ = 1).
    """
    problem = Problem(task, agent, policy, episode)
    _checks.flag("equal_precision", equal_precision)
    if starts is None:
        starts = 32 if problem.task.memories.sum() <= 100 else 16
    starts = _checks.integer("starts", starts, low=1)
    seed = _checks.seed("seed", seed)
    q = start_q(problem, q)
    search = _Search(problem, q, equal_precision)
    points = search.scan() if equal_precision else search.points(starts, np.random.default_rng(seed))
    results = [result for point in points if (result := search.climb(point)) is not None]
    if not results:
        raise search.failure
    best = max(results, key=lambda result: result[0])[1]
    sigma = search.table(best)
    evaluation = problem.evaluate(problem.tables(q, sigma))
    return Optimum(
        tidy_sigma(problem, sigma), q, evaluation.objective, evaluation.value, evaluation.reward, evaluation.cost,
        search.evaluations, np.array([result[0] for result in results]),
    )  # fmt: skip


def start_q(problem, q):
    """The given q̄, or q*: 0 where there is no action, and what is known where it is."""
    task = problem.task
    if q is None:
        q = task.optimal_q(problem.agent.gamma)
    table = problem.whole(problem.tables(q, np.ones_like(np.asarray(q, dtype=float)))[0])
    return np.where(task.exists, table, 0.0)


def tidy_sigma(problem, sigma):
    """σ with σ_base, which is free, where there is no memory."""
    task = problem.task
    sigma = np.where(task.memories, sigma, problem.agent.sigma_base)
    return sigma if task.known_sigma is None else np.where(task.known, task.known_sigma, sigma)


class _Search:
    """The objective as a function of ln σ, of every memory or of all together."""

    def __init__(self, problem, q, equal):
        self.problem, self.q, self.equal = problem, q, equal
        self.memories = problem.task.memories
        self.bounds = np.log([problem.agent.sigma_min, problem.agent.sigma_max])
        self.size = 1 if equal else int(self.memories.sum())
        self.evaluations, self.failure = 0, None

    def table(self, point):
        sigma = np.ones(self.memories.shape)
        sigma[self.memories] = np.clip(np.exp(point), self.problem.agent.sigma_min, self.problem.agent.sigma_max)
        return sigma

    def loss(self, point):
        """−F and its gradient."""
        self.evaluations += 1
        sigma = self.table(point)
        value, slope = self.problem.value_and_gradient(self.problem.tables(self.q, sigma))
        slope = slope[self.memories] * sigma[self.memories]
        return -value, -np.atleast_1d(slope.sum() if self.equal else slope)

    def points(self, starts, generator):
        base, (low, high) = np.log(self.problem.agent.sigma_base), self.bounds
        top = np.clip(base, low, high)
        bottom = np.clip(base - np.log(100), low, high)
        if bottom == top:
            bottom, top = low, high
        for level in np.linspace(top, bottom, min(starts, _EQUAL_LEVELS)):
            yield np.full(self.size, level)
        for _ in range(starts - _EQUAL_LEVELS):
            yield generator.uniform(bottom, top, self.size)

    def scan(self):
        """Local maxima of the objective over a grid of equal σ, best first."""
        grid = np.unique(np.linspace(*self.bounds, _SCAN))
        losses = np.full(len(grid) + 2, np.inf)
        for i, level in enumerate(grid):
            try:
                losses[i + 1] = self.loss(np.array([level]))[0]
            except ImproperPolicyError as error:
                self.failure = error
        inner = losses[1:-1]
        best = np.flatnonzero((inner <= losses[:-2]) & (inner <= losses[2:]) & np.isfinite(inner))
        return [np.array([grid[i]]) for i in best[np.argsort(inner[best], kind="stable")][:4]]

    def climb(self, point):
        """(F, ln σ) of the local maximum reached from a point; None if the policy there may never end an episode."""
        try:
            first = self.loss(point)[0]
        except ImproperPolicyError as error:
            self.failure = error
            return None

        def loss(point):
            try:
                return self.loss(point)
            except ImproperPolicyError:  # the line search turns back
                return abs(first) * 10 + 1e6, np.zeros(self.size)

        result = minimize(
            loss, point, jac=True, method="L-BFGS-B", bounds=[tuple(self.bounds)] * self.size,
            options={"maxiter": 2000, "maxfun": 10_000, "ftol": 1e-14, "gtol": 1e-8},
        )  # fmt: skip
        return -result.fun, result.x


def equilibrium(task, agent, sigma, policy="soft", q=None, tolerance=1e-9, max_iterations=2000, episode=0):
    """q̄ that is consistent with the policy that it yields, for given σ.

    The fixed point of on-policy expected SARSA, q̄(s,a) = E[r + γ Σ_a' π(a'|s') q̄(s',a')] with π from q̄ and σ: what
    learning tends to when σ stays as it is. What the task knows beforehand stays as it is, too.

    Parameters
    ----------
    task, agent, sigma, policy, episode
        As for `evaluate`.
    q : array of float, shape (states, actions), optional
        Where the iteration starts; default q*. There may be several equilibria; this finds one of them.
    tolerance : float
        Largest remaining change of q̄, relative to the largest |q̄| if that exceeds 1.
    max_iterations : int

    Returns
    -------
    array of float, shape (states, actions)
        0 where there is no action.

    Raises
    ------
    ValueError
        If an argument is not valid, an episode may never end (γ = 1), or the iteration does not converge.
    """
    problem = Problem(task, agent, policy, episode)
    tolerance = _checks.real("tolerance", tolerance, low=0, low_open=True)
    max_iterations = _checks.integer("max_iterations", max_iterations, low=1)
    q = start_q(problem, q)
    task, model = problem.task, problem.model
    sigma = problem.tables(q, sigma)[1]
    known = task.known[model.acting]
    q = q[model.acting]
    step, before = 1.0, np.inf
    for _ in range(max_iterations):
        policy = problem.choices((q, sigma))[0]
        change = _backup(problem, policy, q, known) - q
        size = np.abs(change).max()
        if size <= tolerance * max(1.0, np.abs(q).max()):
            return np.where(task.exists, problem.whole(q + change), 0.0)
        if size > before:
            step = max(step / 2, 1e-3)
        before = size
        q = q + step * change
    raise ValueError(
        f"equilibrium: q still moves by {size:.3g} after {max_iterations} iterations (tolerance {tolerance:.3g}); give "
        "a better starting q, a larger tolerance or more max_iterations"
    )


def _backup(problem, policy, q, known):
    """Q^π of a policy, with known values kept and not looked beyond."""
    model, gamma = problem.model, problem.agent.gamma
    if not known.any():
        chain = Chain(model, policy)
        state_values = np.nan_to_num(chain.system(gamma).values(chain.reward))
        return np.where(model.exists, model.action_values(state_values, gamma), 0.0)
    # a known value is all that the q̄ update sees of what follows, as if the episode ended with it
    system = Chain(model, policy, stop=known).system(gamma)
    state_values = np.nan_to_num(system.values((policy * np.where(known, q, model.reward)).sum(axis=1)))
    return np.where(known, q, np.where(model.exists, model.action_values(state_values, gamma), 0.0))
