"""What the paper's sampled gradient of σ is on average, and how much it scatters.

For one trajectory of the soft policy, X(s,b) = Σ_t 1[s_t = s] Ψ_t β ζ_b (1[a_t = b] − p_b) (Eqs. 3-5). Averaged over
ζ, p_a times the score is D_ab = ∂P_a/∂σ_b, and p_a times its square is W_ab; given the action, what follows does not
depend on ζ. Visits are counted undiscounted, because Eq. 3 has no γ^t. A score has mean 0 unless it is multiplied by
something that its action influences, so earlier rewards matter for the variance alone.
"""

from dataclasses import dataclass

import numpy as np

from .._choices.solver import score_moments
from .._floats import finite, quietly
from ._chain import Chain
from ._evaluate import Problem

LARGEST_VARIANCE = 2000


@dataclass(frozen=True, eq=False)
class Estimator:
    """Moments of the sampled gradient of the objective, averaged over N_traj trajectories.

    Attributes
    ----------
    gradient : array of float, shape (states, actions)
        Expectation, the cost's part included; 0 where there is no memory.
    reward_gradient : array of float, shape (states, actions)
        Expectation of the reward's part (per unit of time with a reward rate).
    std : array of float, shape (states, actions), or None
        Standard deviation of one estimate from N_traj trajectories. None where it is not available: for the best of
        several planned paths.
    """

    gradient: np.ndarray
    reward_gradient: np.ndarray
    std: np.ndarray | None


@quietly
def expected_estimator(task, agent, q, sigma, variance=True, episode=0):
    """Expectation and standard deviation of the sampled gradient that the σ update uses (Eqs. 3-5, 7).

    Its Ψ is ``agent.gradient``, its policy is soft, and N_traj is ``agent.n_trajectories``. The difference to
    `gradient` is the bias: none for a return with γ = 1 under ``policy="soft"``, in general some for ``"advantage"``
    and ``"q"``, whose q̄ need not be Q^π.

    Parameters
    ----------
    task, agent, q, sigma, episode
        As for `evaluate`.
    variance : bool
        False leaves the standard deviation out: it takes matrices of (states × states).

    Returns
    -------
    Estimator

    Raises
    ------
    ValueError
        As for `evaluate`; if an episode may never end, whatever γ is; for depth-first planning with several paths and a
        gradient other than ``"best_path"``; and for variances of tasks with more than 2000 states.

    Notes
    -----
    Exact but for quadrature (relative error about 1e-9). The step limit is not modelled. Of several independent
    planned paths, each is credited with its own Ψ unless that is the best return.
    """
    problem = Problem(task, agent, "soft", episode)
    tables = problem.tables(q, sigma)
    policy, by_sigma, _ = problem.choices(tables, derivatives=True)
    std = None
    if problem.paths > 1 and agent.gradient == "best_path":
        everywhere = problem.whole(policy)
        probability = problem.program.forward(everywhere)
        credit = problem.program.backward(everywhere, probability)[problem.model.acting]
        mean = (by_sigma * credit[:, :, None]).sum(axis=1)
    elif problem.paths > 1 and agent.planner == "depth-first":
        raise ValueError(
            f"gradient={agent.gradient!r} with several depth-first paths has no exact expectation here; "
            "use gradient='best_path' or planner='rollouts'"
        )
    else:
        trajectory = _Trajectory(problem, tables, policy, by_sigma)
        mean, square = trajectory.moments(agent.gradient, variance)
        if variance:
            spread = problem.paths * np.maximum(0.0, square - mean**2) / agent.n_trajectories
            std = np.sqrt(spread) / problem.time
        mean = problem.paths * mean
    reward_gradient = np.where(problem.task.memories, problem.whole(mean / problem.time), 0.0)
    cost = np.where(problem.task.memories, problem.whole(problem.divergence(tables[1])[1]), 0.0)
    if std is not None:
        std = np.where(problem.task.memories, finite("std", problem.whole(std), "rewards are too large"), 0.0)
    return Estimator(reward_gradient - cost, reward_gradient, std)


class _Trajectory:
    """Moments of one trajectory's X."""

    def __init__(self, problem, tables, policy, by_sigma):
        self.problem, self.tables = problem, tables
        self.model, self.gamma = problem.model, problem.agent.gamma
        self.policy, self.by_sigma = policy, by_sigma
        self.chain = Chain(self.model, policy)
        self.system = self.chain.system(1.0)
        self.discounted = self.system if self.gamma == 1 else self.chain.system(self.gamma)
        self._scores = None

    def moments(self, psi, variance):
        """E[X] and, if wanted, E[X²], shape (acting, actions)."""
        if variance and len(self.policy) > LARGEST_VARIANCE:
            raise ValueError(
                f"variance: the variance takes at most {LARGEST_VARIANCE} states, "
                f"{self.problem.task.name!r} has {len(self.policy)}; use variance=False"
            )
        visits = self.system.occupancy(self.model.start)[:, None]
        if psi in ("advantage", "q"):
            q, exists = self.tables[0], self.model.exists
            value = np.where(exists, q, 0.0)
            if psi == "advantage":
                value = np.where(exists, q - value.sum(axis=1, keepdims=True) / exists.sum(axis=1, keepdims=True), 0.0)
            mean = self._expected(value)
            return visits * mean, self._square_of_table(visits, value, mean) if variance else None
        state_values = np.nan_to_num(self.discounted.values(self.chain.reward))
        value = self.model.action_values(state_values, self.gamma)
        mean = self._expected(value)
        if psi == "reinforce":
            return visits * mean, self._square_of_togo(visits, state_values, value, mean) if variance else None
        weight = self.discounted.occupancy(self.model.start)[:, None]
        return weight * mean, self._square_of_return(state_values, value, mean) if variance else None

    def _expected(self, value):
        """Σ_a value(s,a) D_ab(s)."""
        return np.einsum("sa,sab->sb", value, self.by_sigma)

    def _second(self, value):
        """Σ_a value(s,a) W_ab(s)."""
        if self._scores is None:
            self._scores = score_moments(*self.tables, self.model.exists, self.problem.agent.beta)
        return np.einsum("sa,sab->sb", value, self._scores)

    def _ahead(self, matrix, transitions=None):
        """Σ_s' T(s,a,s') matrix(s',s): what is expected of later visits to s after action a there."""
        matrix = np.nan_to_num(matrix)
        sparse = (self.model.transitions if transitions is None else transitions).tocoo()
        n_actions = self.policy.shape[1]
        row = sparse.row // n_actions
        terms = sparse.data * matrix[sparse.col, row]
        return np.bincount(sparse.row, terms, self.policy.size).reshape(self.policy.shape)

    def _inverse(self, gamma):
        """(I − γP)⁻¹."""
        system = self.system if gamma == 1 else self.chain.system(gamma)
        return np.nan_to_num(system.values(np.eye(len(self.policy))))

    def _square_of_table(self, visits, value, mean):
        later = self._ahead(self._inverse(1.0))
        return visits * (self._second(value**2) + 2 * mean * self._expected(value * later))

    def _square_of_togo(self, visits, state_values, value, mean):
        squares, mean_of_squares = self._return_squares(state_values, value)
        gained, gamma = self._gained(), self.gamma
        later, discounted = self._inverse(1.0), self._inverse(gamma)
        collected = discounted @ (self.model.mixture(self.policy, gained) @ later)
        between = self._ahead(later, gained) + gamma * self._ahead(collected)
        cross = self._expected(between) * mean + self._expected(gamma * self._ahead(discounted)) * mean_of_squares
        return visits * (self._second(squares) + 2 * cross)

    def _square_of_return(self, state_values, value, mean):
        gamma, start = self.gamma, self.model.start
        squares, mean_of_squares = self._return_squares(state_values, value)
        gained = self._gained()
        reward = self.model.mixture(self.policy, gained)
        reward_squared = self.model.mixture(self.policy, self.model.moments(self.model.rewards(2)))
        twice = self.system if gamma == 1 else self.chain.system(gamma**2)
        # E[Σ_t 1[s_t = s] γ^{jt} B^i], B the discounted rewards before t, for (i, j) = (0, 2), (1, 1), (2, 0)
        before_02 = twice.occupancy(start)
        before_11 = gamma * self.discounted.occupancy(reward.T @ before_02)
        before_20 = self.system.occupancy(2 * (reward.T @ before_11) + reward_squared.T @ before_02)
        square = (
            before_20[:, None] * self._second(np.ones_like(value))
            + 2 * before_11[:, None] * self._second(value)
            + before_02[:, None] * self._second(squares)
        )
        discounted, twice_discounted = self._inverse(gamma), self._inverse(gamma**2)
        collected = twice_discounted @ (gamma * (reward @ discounted))
        between = gamma * self._ahead(discounted, gained) + gamma**2 * self._ahead(collected)
        later = self._expected(gamma * self._ahead(discounted))
        cross = before_11[:, None] * later * mean + before_02[:, None] * (
            self._expected(between) * mean + self._expected(gamma**2 * self._ahead(twice_discounted)) * mean_of_squares
        )
        return square + 2 * cross

    def _reward_squared(self):
        """E[r² | s, a]."""
        return (self.problem.task.probability[self.model.acting] * self.model.rewards(2)).sum(axis=2)

    def _gained(self):
        """Σ_k P(k|s,a) r_k [s'_k = s']."""
        return self.model.moments(self.model.rewards(1))

    def _return_squares(self, state_values, value):
        """E[G² | s,a] of the discounted return, and its Σ_a D_ab-weighted sum."""
        gamma = self.gamma
        gain = (self._gained() @ state_values).reshape(value.shape)
        now = self._reward_squared() + 2 * gamma * gain
        system = self.system if gamma == 1 else self.chain.system(gamma**2)
        of_state = np.nan_to_num(system.values((self.policy * now).sum(axis=1)))
        squares = self.model.action_values(of_state, gamma**2, reward=now)
        return squares, self._expected(squares)
