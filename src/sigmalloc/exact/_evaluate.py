"""Exact value, cost and gradient of an allocation."""

from dataclasses import dataclass

import numpy as np

from .. import _checks
from ..agents import Agent
from ..pairing import check, paths, trial_time
from ..runs.schedule import LARGEST_EPISODES
from ..tasks.base import Task
from ._chain import Chain, ImproperPolicyError, model
from ._choice import POLICIES, solve_choices
from ._planning import program


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What an agent with given q̄ and σ can expect.

    Attributes
    ----------
    reward : float
        Expected undiscounted return of an episode (planning: of the best path). NaN if γ < 1 and an episode may never
        end.
    value : float
        Expected discounted return, the first term of Eq. 1 (planning: of the best path, per unit of time with a reward
        rate, Eq. 8).
    cost : float
        λ D_KL over the memories, in units of reward.
    objective : float
        value − cost (Eq. 1).
    occupancy : array of float, shape (states,)
        Expected visits in an episode, d = (I − P_πᵀ)⁻¹ e₀ (planning: of one path); 0 in terminal states. NaN like
        ``reward``.
    state_values : array of float, shape (states,)
        V^π with discount γ (planning: of one path); 0 in terminal states. NaN where γ = 1 and an episode going through
        a state that the agent never enters may never end.
    probability : array of float, shape (states, actions)
        π(a|s), 0 where there is no action.
    """

    reward: float
    value: float
    cost: float
    objective: float
    occupancy: np.ndarray
    state_values: np.ndarray
    probability: np.ndarray

    def __repr__(self):
        names = ("reward", "value", "cost", "objective")
        return f"Evaluation({', '.join(f'{name}={getattr(self, name):.6g}' for name in names)})"


def evaluate(task, agent, q, sigma, policy="soft", episode=0):
    """Exact counterpart of `sigmalloc.evaluate`, by linear solves instead of simulation.

    Parameters
    ----------
    task : TabularMDP
    agent : Agent
    q, sigma : array of float, shape (states, actions)
        q̄ and σ, in units of reward. Only memories count: what the task knows beforehand replaces them.
    policy : {"soft", "hard"}
        Draw from the softmax with the agent's final β (A.1), or take the largest recall (Eq. 2).
    episode : int
        Which variant of a changing task: the one in force in this episode.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If an argument is not valid; if the task is not finite (mountain car) or its paths too many; or, with γ = 1, if
        the policy may never end an episode.

    Notes
    -----
    The step limit is not modelled: episodes go on until they reach a terminal state. Where simulated episodes are cut
    off, they differ from this. Tasks of more than 300 states are solved with sparse matrices.
    """
    problem = Problem(task, agent, policy, episode)
    return problem.evaluate(problem.tables(q, sigma))


def gradient(task, agent, q, sigma, policy="soft", episode=0):
    """Exact gradient of the objective with respect to σ, with q̄ fixed.

    ∂F/∂σ(s,b) = d(s) Σ_a Q^π(s,a) ∂P_a/∂σ(s,b) − λ(σ/σ_base² − 1/σ), with d the visits discounted by γ; for the best
    of several paths, the derivative of its expectation takes the place of d Q^π.

    Parameters
    ----------
    task, agent, q, sigma, policy, episode
        As for `evaluate`.

    Returns
    -------
    array of float, shape (states, actions)
        ∂F/∂σ; 0 where there is no memory.

    Raises
    ------
    ValueError
        As for `evaluate`.

    Notes
    -----
    With ``policy="soft"``, this is what the mean over trajectories of the sampled gradient tends to when Ψ is a return
    (Eqs. 3-5); see `expected_estimator` for the other Ψ. A σ update that uses it has no sampling noise, at the price of
    knowing the task's probabilities, which the agent itself does not.
    """
    problem = Problem(task, agent, policy, episode)
    return problem.value_and_gradient(problem.tables(q, sigma))[1]


class Problem:
    """A task, an agent and a policy, checked; what is evaluated again and again.

    Attributes
    ----------
    task : TabularMDP
        The variant in force.
    paths : int
        Paths of a trial.
    time : float
        Duration of a trial if the reward rate is maximised, else 1.
    """

    def __init__(self, task, agent, policy="soft", episode=0):
        self.task = checked_task(task, episode)
        if not isinstance(agent, Agent):
            raise ValueError(f"agent must be an Agent, got {agent!r}")
        _checks.choice("policy", policy, POLICIES)
        check(self.task, agent)
        self.agent, self.policy = agent.in_episode(LARGEST_EPISODES), policy
        self.model = model(self.task)
        self.paths = 1 if self.task.horizon is None else paths(self.task, agent)
        self.time = 1.0 if self.task.horizon is None else trial_time(self.task, agent)
        self.program = None
        if self.paths > 1:
            self.program = program(self.task, agent.gamma, self.paths, agent.planner)

    def tables(self, q, sigma):
        """q̄ and σ over the states that are not terminal, checked."""
        task, shape = self.task, (self.task.n_states, self.task.n_actions)
        out = []
        for name, table, nothing, known in (("q", q, 0.0, task.known_q), ("sigma", sigma, 1.0, task.known_sigma)):
            table = np.asarray(table)
            if table.shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {table.shape}")
            if table.dtype.kind not in "iuf":
                raise ValueError(f"{name} must be an array of numbers, got dtype {table.dtype}")
            held = table[task.memories]
            if not np.isfinite(held).all():
                raise ValueError(f"{name} must be finite for every memory")
            if name == "sigma" and not (held > 0).all():
                raise ValueError(f"sigma must be greater than 0 for every memory, got {held.min():g}")
            table = np.where(task.memories, table, nothing)
            if known is not None:
                table[task.known] = known[task.known]
            out.append(table[self.model.acting].astype(np.float64, copy=False))
        return out

    def choices(self, tables, derivatives=False):
        """π over the acting states, and its derivatives with respect to σ."""
        return solve_choices(*tables, self.model.exists, self.policy, self.agent.beta, derivatives)

    def whole(self, table, elsewhere=0.0):
        """A table over the acting states as one over all states."""
        out = np.full((self.task.n_states, *table.shape[1:]), elsewhere)
        out[self.model.acting] = table
        return out

    def divergence(self, sigma):
        """λ D_KL (A.2) and its derivative (A.7), for σ over the acting states."""
        memories = self.task.memories[self.model.acting]
        base, lam = self.agent.sigma_base, self.agent.lam
        ratio = np.where(memories, sigma / base, 1.0)
        cost = lam * (0.5 * (ratio**2 - 1) - np.log(ratio)).sum()
        return cost, lam * np.where(memories, sigma / base**2 - 1 / np.where(memories, sigma, 1.0), 0.0)

    def evaluate(self, tables):
        model, gamma = self.model, self.agent.gamma
        policy = self.choices(tables)[0]
        chain = Chain(model, policy)
        system = chain.system(gamma)
        state_values = system.values(chain.reward)
        occupancy, reward = np.full(len(policy), np.nan), np.nan
        try:
            undiscounted = system if gamma == 1 else chain.system(1.0)
        except ImproperPolicyError:
            pass
        else:
            occupancy = undiscounted.occupancy(model.start)
            reward = occupancy @ chain.reward
        value = model.start @ np.where(model.start > 0, state_values, 0.0)
        if self.program is not None:
            everywhere = self.whole(policy)
            probability = self.program.forward(everywhere)
            value = self.program.best(probability)
            reward = value if gamma == 1 else self.program.rewards(everywhere, probability)
        value = value / self.time
        cost = self.divergence(tables[1])[0]
        return Evaluation(
            float(reward), float(value), float(cost), float(value - cost), self.whole(occupancy),
            self.whole(state_values), self.whole(policy),
        )  # fmt: skip

    def objective(self, tables):
        """F alone."""
        policy = self.choices(tables)[0]
        if self.program is not None:
            value = self.program.best(self.program.forward(self.whole(policy)))
        else:
            chain = Chain(self.model, policy)
            value = self.model.start @ np.nan_to_num(chain.system(self.agent.gamma).values(chain.reward))
        return value / self.time - self.divergence(tables[1])[0]

    def value_and_gradient(self, tables):
        """F and ∂F/∂σ, shape (states, actions)."""
        model = self.model
        policy, by_sigma, _ = self.choices(tables, derivatives=True)
        if self.program is not None:
            everywhere = self.whole(policy)
            probability = self.program.forward(everywhere)
            value = self.program.best(probability)
            credit = self.program.backward(everywhere, probability)[model.acting]
        else:
            chain = Chain(model, policy)
            system = chain.system(self.agent.gamma)
            state_values = np.nan_to_num(system.values(chain.reward))
            value = model.start @ state_values
            advantage = model.action_values(state_values, self.agent.gamma) - state_values[:, None]
            credit = system.occupancy(model.start)[:, None] * advantage
        cost, by_cost = self.divergence(tables[1])
        slope = (by_sigma * credit[:, :, None]).sum(axis=1) / self.time - by_cost
        return value / self.time - cost, np.where(self.task.memories, self.whole(slope), 0.0)


def checked_task(task, episode=0):
    """The variant of a finite task in force in an episode."""
    if not isinstance(task, Task) or not task.finite:
        if isinstance(task, Task):
            raise ValueError(f"task must be a TabularMDP: {task.name!r} is not a finite MDP, it has no exact solution")
        raise ValueError(f"task must be a TabularMDP, got {task!r}")
    return task.at(_checks.integer("episode", episode, low=0))
