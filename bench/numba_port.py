"""The Dynamic Resource Allocator in Numba: as a good user writes it, and tuned.

Both are scalar loops with a numpy.random.Generator used inside, arrays allocated once per run, the probabilities of a
recall kept for the gradient, gradients added up in place, one exponential an action. The first is `@njit` functions
whose loops go over the actions of the arrays that they are given. Tuned, the number of actions is a constant of each
compiled function, so that its loops unroll, every function is inlined, and divisions are not checked. fastmath is off,
as in the program it is compared with; switched on, it changes the time per step of the tuned port by less than 4 %
either way, which is noise here. The bit generator is the caller's choice.
"""

import math

import numpy as np
from numba import njit

TUNED = {"error_model": "numpy", "nogil": True, "inline": "always"}


def compiler(n_actions, tuned):
    """The decorator of all functions, and what tells them how many actions an array has room for."""
    actions = (lambda table: n_actions) if tuned else (lambda table: table.shape[-1])
    return njit(**TUNED) if tuned else njit, njit(inline="always")(actions)


def compiled(jit, actions):
    """The functions of every task: recall, choose, bootstrap, score, allocate."""

    @jit
    def recall(q, sigma, s, beta, rng, zeta, p):
        """Draw the memories of state s (Eq. 2, softened): fills ζ and the choice probabilities."""
        top = -np.inf
        for a in range(actions(p)):
            z = rng.standard_normal()
            x = beta * (q[s, a] + z * sigma[s, a])
            zeta[a] = z
            p[a] = x
            top = max(top, x)
        total = 0.0
        for a in range(actions(p)):
            y = math.exp(p[a] - top)
            p[a] = y
            total += y
        scale = 1.0 / total
        for a in range(actions(p)):
            p[a] *= scale

    @jit
    def choose(p, rng):
        u = rng.random()
        for a in range(actions(p) - 1):
            u -= p[a]
            if u < 0.0:
                return a
        return actions(p) - 1

    @jit
    def bootstrap(q, sigma, s, beta, rng, zeta, p):
        """Value of state s by one fresh recall."""
        recall(q, sigma, s, beta, rng, zeta, p)
        value = 0.0
        for a in range(actions(p)):
            value += p[a] * q[s, a]
        return value

    @jit
    def score(grad, q, s, action, beta, zeta, p):
        """Add Ψ ∂log π/∂σ (Eqs. 4, 5) of one step, with Ψ the advantage."""
        mean = 0.0
        for a in range(actions(p)):
            mean += q[s, a]
        weight = beta * (q[s, action] - mean / actions(p))
        for a in range(actions(p)):
            grad[s, a] -= weight * zeta[a] * p[a]
        grad[s, action] += weight * zeta[action]

    @jit
    def allocate(sigma, grad, acting, n_traj, alpha, lam, sigma_base, low, high):
        """Update the memories of the states in which the agent acts (Eq. 7), and clear the gradient."""
        free = 1.0 / sigma_base**2
        for s in acting:
            for a in range(actions(sigma)):
                x = sigma[s, a]
                x += alpha * (grad[s, a] / n_traj - lam * (x * free - 1.0 / x))
                sigma[s, a] = min(max(x, low), high)
                grad[s, a] = 0.0

    return recall, choose, bootstrap, score, allocate


def table_functions(n_actions, tuned):
    """Training in a finite MDP with certain outcomes and one start."""
    jit, actions = compiler(n_actions, tuned)
    recall, choose, bootstrap, score, allocate = compiled(jit, actions)

    @jit
    def learn(task, q, sigma, alpha, beta, gamma, rng, zeta, p):
        following, rewards, terminal, start, limit = task
        s = start
        for step in range(limit):
            recall(q, sigma, s, beta, rng, zeta, p)
            a = choose(p, rng)
            t = following[s, a]
            target = rewards[s, a]
            if terminal[t]:
                q[s, a] += alpha * (target - q[s, a])
                return step + 1
            target += gamma * bootstrap(q, sigma, t, beta, rng, zeta, p)
            q[s, a] += alpha * (target - q[s, a])
            s = t
        return limit

    @jit
    def trajectory(task, q, sigma, beta, grad, rng, zeta, p):
        following, rewards, terminal, start, limit = task
        s, total = start, 0.0
        for step in range(limit):
            recall(q, sigma, s, beta, rng, zeta, p)
            a = choose(p, rng)
            score(grad, q, s, a, beta, zeta, p)
            total += rewards[s, a]
            s = following[s, a]
            if terminal[s]:
                return step + 1, total
        return limit, total

    return training(jit, n_actions, learn, trajectory, allocate)


def car_functions(tuned):
    """Training in mountain car, from x = −0.5, v = 0."""
    jit, actions = compiler(3, tuned)
    recall, choose, bootstrap, score, allocate = compiled(jit, actions)

    @jit
    def move(x, v, a):
        v += 0.001 * (a - 1) - 0.0025 * math.cos(3.0 * x)
        v = min(max(v, -0.07), 0.07)
        x = min(max(x + v, -1.2), 0.6)
        if x == -1.2 and v < 0.0:
            v = 0.0
        return x, v

    @jit
    def index(x, v):
        return int(np.rint(10.0 * (x + 1.2))) * 15 + int(np.rint(100.0 * (v + 0.07)))

    @jit
    def learn(limit, q, sigma, alpha, beta, gamma, rng, zeta, p):
        x, v = -0.5, 0.0
        s = index(x, v)
        for step in range(limit):
            recall(q, sigma, s, beta, rng, zeta, p)
            a = choose(p, rng)
            x, v = move(x, v, a)
            if x >= 0.5:
                q[s, a] += alpha * (-1.0 - q[s, a])
                return step + 1
            t = index(x, v)
            target = -1.0 + gamma * bootstrap(q, sigma, t, beta, rng, zeta, p)
            q[s, a] += alpha * (target - q[s, a])
            s = t
        return limit

    @jit
    def trajectory(limit, q, sigma, beta, grad, rng, zeta, p):
        x, v = -0.5, 0.0
        for step in range(limit):
            s = index(x, v)
            recall(q, sigma, s, beta, rng, zeta, p)
            a = choose(p, rng)
            score(grad, q, s, a, beta, zeta, p)
            x, v = move(x, v, a)
            if x >= 0.5:
                return step + 1, -(step + 1.0)
        return limit, -float(limit)

    return training(jit, 3, learn, trajectory, allocate)


def planning_functions(moves, tuned):
    """Training in the planning task, one path a trajectory, Ψ its return at every step."""
    jit, actions = compiler(2, tuned)
    recall, choose, bootstrap, _, allocate = compiled(jit, actions)

    @jit
    def learn(task, q, sigma, alpha, beta, gamma, rng, zeta, p):
        following, rewards = task
        s = int(6 * rng.random())
        for step in range(moves):
            recall(q, sigma, s, beta, rng, zeta, p)
            a = choose(p, rng)
            t = following[s, a]
            target = rewards[s, a]
            if step < moves - 1:
                target += gamma * bootstrap(q, sigma, t, beta, rng, zeta, p)
            q[s, a] += alpha * (target - q[s, a])
            s = t
        return moves

    @jit
    def trajectory(task, q, sigma, beta, grad, rng, zeta, p):
        following, rewards = task
        # zeta and p have a row per move: the scores wait there for the return.
        s, total, path = int(6 * rng.random()), 0.0, 0
        first = s
        for step in range(moves):
            recall(q, sigma, s, beta, rng, zeta[step], p[step])
            a = choose(p[step], rng)
            path |= a << step
            total += rewards[s, a]
            s = following[s, a]
        s, weight = first, beta * total
        for step in range(moves):
            action = (path >> step) & 1
            for a in range(actions(grad)):
                grad[s, a] -= weight * zeta[step, a] * p[step, a]
            grad[s, action] += weight * zeta[step, action]
            s = following[s, action]
        return moves, total

    return training(jit, 2, learn, trajectory, allocate, rows=moves)


def training(jit, n_actions, learn, trajectory, allocate, rows=0):
    """The outer loop (Algorithm 1), and evaluation, around a task's episodes."""

    @jit
    def train(task, q, sigma, acting, episodes, n_traj, agent, rng):
        alpha_q, alpha_sigma, beta, gamma, lam, sigma_base, low, high = agent
        grad = np.zeros(q.shape)
        zeta, p = np.empty(n_actions), np.empty(n_actions)
        path_zeta, path_p = scratch(zeta, p)
        steps = 0
        for _ in range(episodes):
            steps += learn(task, q, sigma, alpha_q, beta, gamma, rng, zeta, p)
            for _ in range(n_traj):
                steps += trajectory(task, q, sigma, beta, grad, rng, path_zeta, path_p)[0]
            allocate(sigma, grad, acting, n_traj, alpha_sigma, lam, sigma_base, low, high)
        return steps

    @jit
    def evaluate(task, q, sigma, episodes, beta, rng):
        grad = np.zeros(q.shape)
        zeta, p = scratch(np.empty(n_actions), np.empty(n_actions))
        total = 0.0
        for _ in range(episodes):
            total += trajectory(task, q, sigma, beta, grad, rng, zeta, p)[1]
        return total / episodes

    if rows:

        @jit
        def scratch(zeta, p):
            return np.empty((rows, n_actions)), np.empty((rows, n_actions))
    else:

        @jit
        def scratch(zeta, p):
            return zeta, p

    return train, evaluate


def grid_tables():
    walls, goal = {(1, 2), (2, 2), (3, 2), (0, 7), (1, 7), (2, 7), (4, 5)}, (0, 8)
    following = np.empty((54, 4), dtype=np.int64)
    rewards = np.full((54, 4), -1.0)
    terminal = np.zeros(54, dtype=np.bool_)
    for row, column in [*walls, goal]:
        terminal[9 * row + column] = True
    for s in range(54):
        for a, (down, right) in enumerate([(-1, 0), (1, 0), (0, -1), (0, 1)]):
            row, column = s // 9 + down, s % 9 + right
            blocked = not (0 <= row < 6 and 0 <= column < 9) or (row, column) in walls
            following[s, a] = s if blocked else 9 * row + column
            if following[s, a] == 9 * goal[0] + goal[1]:
                rewards[s, a] = 10.0
    return following, rewards, terminal, 18, 10_000


def planning_tables(moves):
    places = np.array([(1, 3), (2, 4), (5, 3), (1, 4), (0, 5), (2, 0)])
    gains = np.array([(140.0, 20.0), (-20.0, -70.0), (-70.0, -20.0), (20.0, -20.0), (-70.0, -20.0), (20.0, -20.0)])
    following = np.concatenate([places + 6 * (layer + 1) for layer in range(moves)])
    following[-6:] = 6 * moves
    return following, np.tile(gains, (moves, 1))


# Table B.1: α₁, α₂, β, γ, λ, σ_base, σ_min, σ_max; and σ₀, bounds of the initial q̄.
TABLE_B1 = {
    "grid-world": ((0.1, 0.1, 10.0, 1.0, 0.2, 5.0, 0.01, 100.0), 3.0, (0.0, 0.0)),
    "mountain-car": ((0.1, 0.1, 10.0, 1.0, 0.1, 5.0, 0.01, 100.0), 3.0, (-1.0, 1.0)),
    "planning": ((0.1, 0.1, 10.0, 1.0, 1.0, 100.0, 1.0, 100.0), 50.0, (0.0, 0.0)),
}


class Port:
    """A task with its compiled functions and published parameters: "grid-world", "mountain-car" or "planning"."""

    def __init__(self, name, tuned=True, **changes):
        agent, self.sigma_0, self.q_init = TABLE_B1[name]
        names = ("alpha_q", "alpha_sigma", "beta", "gamma", "lam", "sigma_base", "sigma_min", "sigma_max")
        self.agent = tuple(float(changes.get(field, value)) for field, value in zip(names, agent, strict=True))
        self.beta = self.agent[2]
        if name == "grid-world":
            self.task, self.shape = grid_tables(), (54, 4)
            self.acting = np.flatnonzero(~self.task[2])
            self._train, self._evaluate = table_functions(4, tuned)
        elif name == "mountain-car":
            self.task, self.shape = 200, (19 * 15, 3)
            self.acting = np.arange(18 * 15)
            self._train, self._evaluate = car_functions(tuned)
        else:
            self.task, self.shape = planning_tables(3), (18, 2)
            self.acting = np.arange(18)
            self._train, self._evaluate = planning_functions(3, tuned)

    def train(self, episodes, rng, n_traj=10):
        """One run; returns q̄, σ and the steps taken in the environment."""
        q = rng.uniform(*self.q_init, size=self.shape)
        sigma = np.full(self.shape, self.sigma_0)
        steps = self._train(self.task, q, sigma, self.acting, episodes, n_traj, self.agent, rng)
        return q, sigma, steps

    def evaluate(self, q, sigma, episodes, rng):
        """Mean undiscounted return of episodes with q̄ and σ frozen."""
        return self._evaluate(self.task, q, sigma, episodes, self.beta, rng)
