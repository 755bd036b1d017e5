# ruff: noqa: NPY002  (np.random.randn and np.random.choice are what such scripts use)
"""The Dynamic Resource Allocator as a researcher's NumPy script: loops over steps, arrays over actions.

Written as such scripts are, to be read and changed rather than to be fast, with nothing made slow on purpose.
"""

import numpy as np


class GridWorld:
    """Mattar and Daw's maze, with state 9·row + column."""

    n_states, n_actions, step_limit = 54, 4, 10_000

    def __init__(self):
        self.shape = (6, 9)
        self.start, self.goal = (2, 0), (0, 8)
        self.walls = {(1, 2), (2, 2), (3, 2), (0, 7), (1, 7), (2, 7), (4, 5)}
        self.moves = [(-1, 0), (1, 0), (0, -1), (0, 1)]
        self.memories = np.ones((self.n_states, self.n_actions), dtype=bool)
        for row, column in [self.goal, *self.walls]:
            self.memories[9 * row + column] = False

    def reset(self):
        self.position = self.start
        return 9 * self.position[0] + self.position[1]

    def step(self, action):
        row = self.position[0] + self.moves[action][0]
        column = self.position[1] + self.moves[action][1]
        if 0 <= row < self.shape[0] and 0 <= column < self.shape[1] and (row, column) not in self.walls:
            self.position = (row, column)
        done = self.position == self.goal
        return 9 * self.position[0] + self.position[1], 10.0 if done else -1.0, done


class MountainCar:
    """Gymnasium's MountainCar-v0, seen as a table of 19 × 15 states, from x = −0.5, v = 0."""

    n_states, n_actions, step_limit = 19 * 15, 3, 200

    def __init__(self):
        self.memories = np.ones((self.n_states, self.n_actions), dtype=bool)
        self.memories[18 * 15 :] = False

    def state(self):
        return round(10 * (self.x + 1.2)) * 15 + round(100 * (self.v + 0.07))

    def reset(self):
        self.x, self.v = -0.5, 0.0
        return self.state()

    def step(self, action):
        self.v += 0.001 * (action - 1) - 0.0025 * np.cos(3 * self.x)
        self.v = min(max(self.v, -0.07), 0.07)
        self.x = min(max(self.x + self.v, -1.2), 0.6)
        if self.x == -1.2 and self.v < 0:
            self.v = 0.0
        return self.state(), -1.0, self.x >= 0.5


class Planning:
    """The task of Huys et al. (2015), with state 6·(moves made) + place."""

    n_actions = 2
    following = [(1, 3), (2, 4), (5, 3), (1, 4), (0, 5), (2, 0)]
    rewards = [(140, 20), (-20, -70), (-70, -20), (20, -20), (-70, -20), (20, -20)]

    def __init__(self, moves=3):
        self.moves = self.step_limit = moves
        self.n_states = 6 * moves + 1
        self.memories = np.ones((self.n_states, self.n_actions), dtype=bool)
        self.memories[-1] = False

    def reset(self):
        self.move, self.place = 0, np.random.randint(6)
        return self.place

    def step(self, action):
        reward = self.rewards[self.place][action]
        self.place = self.following[self.place][action]
        self.move += 1
        return 6 * self.move + self.place if self.move < self.moves else 6 * self.moves, reward, self.move == self.moves


def softmax(x):
    y = np.exp(x - np.max(x))
    return y / np.sum(y)


class ResourceAllocator:
    def __init__(
        self, env, learning_q=0.1, learning_sigma=0.1, beta=10, gamma=1, lmda=0.2, sigma_base=5, sigma_0=3,
        sigma_min=0.01, sigma_max=100, q_init=(0, 0), n_traj=10, gradient="advantage",
    ):  # fmt: skip
        self.env = env
        self.learning_q, self.learning_sigma = learning_q, learning_sigma
        self.beta, self.gamma, self.lmda = beta, gamma, lmda
        self.sigma_base, self.sigma_min, self.sigma_max = sigma_base, sigma_min, sigma_max
        self.n_traj = n_traj
        self.gradient = gradient
        self.q = np.random.uniform(*q_init, size=(env.n_states, env.n_actions)) * env.memories
        self.sigma = np.full((env.n_states, env.n_actions), float(sigma_0))

    def act(self, state):
        """Soft Thompson sampling."""
        zeta = np.random.randn(self.env.n_actions)
        p = softmax(self.beta * (self.q[state] + zeta * self.sigma[state]))
        action = np.random.choice(self.env.n_actions, p=p)
        return action, zeta, p

    def learn(self):
        """One episode of expected SARSA; returns its steps."""
        state, step, done = self.env.reset(), 0, False
        while not done and step < self.env.step_limit:
            action, _, _ = self.act(state)
            state_new, reward, done = self.env.step(action)
            target = reward
            if not done:
                _, _, p = self.act(state_new)
                target += self.gamma * np.dot(p, self.q[state_new])
            self.q[state, action] += self.learning_q * (target - self.q[state, action])
            state = state_new
            step += 1
        return step

    def trajectory(self):
        """One episode with q and sigma frozen; returns its gradient, its reward and its steps."""
        grad = np.zeros(self.q.shape)
        total = 0
        state, step, done = self.env.reset(), 0, False
        while not done and step < self.env.step_limit:
            action, zeta, p = self.act(state)
            psi = self.q[state, action] - np.mean(self.q[state]) if self.gradient == "advantage" else 1
            grad[state] -= psi * self.beta * zeta * p
            grad[state, action] += psi * self.beta * zeta[action]
            state, reward, done = self.env.step(action)
            total += reward
            step += 1
        if self.gradient == "return":
            grad *= total
        return grad, total, step

    def allocate(self):
        """One update of sigma; returns the steps of its trajectories."""
        grads, steps = [], 0
        for _ in range(self.n_traj):
            grad, _, taken = self.trajectory()
            grads.append(grad)
            steps += taken
        grad_cost = self.sigma / self.sigma_base**2 - 1 / self.sigma
        self.sigma += self.learning_sigma * (np.mean(grads, axis=0) - self.lmda * grad_cost)
        self.sigma = np.clip(self.sigma, self.sigma_min, self.sigma_max)
        return steps

    def train(self, episodes):
        """Train; returns the steps taken in the environment."""
        steps = 0
        for _ in range(episodes):
            steps += self.learn()
            steps += self.allocate()
        return steps

    def evaluate(self, episodes):
        """Mean undiscounted return of episodes with q and sigma frozen."""
        return np.mean([self.trajectory()[1] for _ in range(episodes)])


TASKS = {"grid-world": GridWorld, "mountain-car": MountainCar, "planning": Planning}
TABLE_B1 = {
    "grid-world": {},
    "mountain-car": {"lmda": 0.1, "q_init": (-1, 1)},
    "planning": {
        "lmda": 1, "sigma_base": 100, "sigma_0": 50, "sigma_min": 1, "sigma_max": 100, "gradient": "return",
    },
}  # fmt: skip


def allocator(task, **changes):
    """An agent with the published parameters of "grid-world", "mountain-car" or "planning"."""
    return ResourceAllocator(TASKS[task](), **{**TABLE_B1[task], **changes})
