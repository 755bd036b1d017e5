"""The Dynamic Resource Allocator in JAX, as a good user would write it: many runs at once, compiled by XLA.

Runs are a vmapped axis, and the trajectories of a σ update are another one, as q̄ and σ are frozen meanwhile. An
episode is a while loop that goes on until the last run has ended; runs that ended before wait for it, as compiled
arrays must. Numbers are of 64 bits, as everywhere in this comparison. Keys are folded in per step.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numba_port
import numpy as np
from jax import lax

jax.config.update("jax_enable_x64", True)


def recall(key, q, sigma, beta):
    """One recall: action, ζ and probabilities (Eq. 2, softened)."""
    noise, choice = jax.random.split(key)
    zeta = jax.random.normal(noise, q.shape, dtype=q.dtype)
    logits = beta * (q + zeta * sigma)
    return jax.random.categorical(choice, logits), zeta, jax.nn.softmax(logits)


def table_environment(following, rewards, terminal, starts, limit):
    following, rewards, terminal = jnp.asarray(following), jnp.asarray(rewards), jnp.asarray(terminal)

    def begin(key):
        return jax.random.randint(key, (), 0, starts[1] - starts[0] + 1) + starts[0]

    def step(state, action):
        after = following[state, action]
        return after, after, rewards[state, action], terminal[after]

    return begin, lambda state: state, step, limit


def car_environment(limit=200):
    def begin(key):
        return jnp.array([-0.5, 0.0])

    def cell(body):
        return jnp.rint(10 * (body[0] + 1.2)).astype(int) * 15 + jnp.rint(100 * (body[1] + 0.07)).astype(int)

    def step(body, action):
        v = jnp.clip(body[1] + 0.001 * (action - 1) - 0.0025 * jnp.cos(3 * body[0]), -0.07, 0.07)
        x = jnp.clip(body[0] + v, -1.2, 0.6)
        after = jnp.array([x, jnp.where((x == -1.2) & (v < 0), 0.0, v)])
        return after, cell(after), -1.0, x >= 0.5

    return begin, cell, step, limit


def episode_functions(environment, agent, score_by_return):
    """A learning episode and a sampled trajectory of one run."""
    begin, cell, act, limit = environment
    alpha, _, beta, gamma, *_ = agent

    def learn(key, q, sigma):
        def go_on(carry):
            return ~carry[-1] & (carry[0] < limit)

        def step(carry):
            n, key, body, q, _ = carry
            key, first, second = jax.random.split(key, 3)
            s = cell(body)
            action, _, _ = recall(first, q[s], sigma[s], beta)
            body, t, reward, ended = act(body, action)
            _, _, p = recall(second, q[t], sigma[t], beta)
            target = reward + jnp.where(ended, 0.0, gamma * (p @ q[t]))
            return n + 1, key, body, q.at[s, action].add(alpha * (target - q[s, action])), ended

        key, start = jax.random.split(key)
        n, *_, q, _ = lax.while_loop(go_on, step, (0, key, begin(start), q, jnp.array(False)))
        return q, n

    def trajectory(key, q, sigma):
        """Σ Ψ ∂log π/∂σ (Eqs. 4, 5): Ψ is the advantage, or the return of the whole path."""

        def go_on(carry):
            return ~carry[-1] & (carry[0] < limit)

        def step(carry):
            n, key, body, gradient, total, _ = carry
            key, fresh = jax.random.split(key)
            s = cell(body)
            action, zeta, p = recall(fresh, q[s], sigma[s], beta)
            psi = 1.0 if score_by_return else q[s, action] - q[s].mean()
            chosen = jnp.arange(len(p)) == action
            gradient = gradient.at[s].add(psi * beta * zeta * (chosen - p))
            body, _, reward, ended = act(body, action)
            return n + 1, key, body, gradient, total + reward, ended

        key, start = jax.random.split(key)
        carry = (0, key, begin(start), jnp.zeros_like(q), 0.0, jnp.array(False))
        n, _, _, gradient, total, _ = lax.while_loop(go_on, step, carry)
        return (total * gradient if score_by_return else gradient), n, total

    return learn, trajectory


class Port:
    """A task with its compiled functions and published parameters, for `runs` runs at once."""

    def __init__(self, name, runs):
        agent, self.sigma_0, self.q_init = numba_port.TABLE_B1[name]
        if name == "grid-world":
            following, rewards, terminal, start, limit = numba_port.grid_tables()
            environment = table_environment(following, rewards, terminal, (start, start), limit)
            self.acting, self.shape = np.flatnonzero(~terminal), (54, 4)
        elif name == "mountain-car":
            environment, self.shape = car_environment(), (19 * 15, 3)
            self.acting = np.arange(18 * 15)
        else:
            # the last state has no memories: its row keeps σ_base, which is free, and q̄ = 0
            following, rewards = numba_port.planning_tables(3)
            following, rewards = np.vstack([following, [[18, 18]]]), np.vstack([rewards, [[0.0, 0.0]]])
            environment = table_environment(following, rewards, np.arange(19) == 18, (0, 5), 3)
            self.acting, self.shape = np.arange(18), (19, 2)
        self.runs = runs
        learn, trajectory = episode_functions(environment, agent, name == "planning")
        _, alpha, _, _, lam, sigma_base, low, high = agent
        mask = np.zeros(self.shape, dtype=bool)
        mask[self.acting] = True

        def episode(carry, key, n_traj):
            q, sigma = carry
            learning, *sampling = jax.random.split(key, n_traj + 1)
            q, steps = learn(learning, q, sigma)
            gradient, lengths, _ = jax.vmap(trajectory, (0, None, None))(jnp.array(sampling), q, sigma)
            slope = gradient.mean(0) - lam * (sigma / sigma_base**2 - 1 / sigma)
            sigma = jnp.where(mask, jnp.clip(sigma + alpha * slope, low, high), sigma)
            return (q, sigma), steps + lengths.sum()

        def train(key, q, sigma, episodes, n_traj):
            (q, sigma), steps = lax.scan(partial(episode, n_traj=n_traj), (q, sigma), jax.random.split(key, episodes))
            return q, sigma, steps.sum()

        self._train = jax.jit(jax.vmap(train, (0, 0, 0, None, None)), static_argnums=(3, 4))
        self._evaluate = jax.jit(
            lambda keys, q, sigma: jax.vmap(jax.vmap(trajectory, (0, None, None)))(keys, q, sigma)[2].mean(1)
        )

    def train(self, episodes, seed, n_traj=10):
        """All runs; returns q̄, σ and the steps taken in the environment, each with a leading axis of runs."""
        first, second = jax.random.split(jax.random.key(seed))
        q = jax.random.uniform(first, (self.runs, *self.shape), minval=self.q_init[0], maxval=self.q_init[1])
        q = jnp.zeros_like(q).at[:, self.acting].set(q[:, self.acting]) if self.q_init[1] > self.q_init[0] else 0 * q
        sigma = jnp.full(self.shape, self.sigma_0)
        sigma = jnp.broadcast_to(sigma, (self.runs, *self.shape))
        return jax.block_until_ready(self._train(jax.random.split(second, self.runs), q, sigma, episodes, n_traj))

    def evaluate(self, q, sigma, episodes, seed):
        """Mean undiscounted return of each run's episodes with q̄ and σ frozen."""
        return self._evaluate(jax.random.split(jax.random.key(seed), (self.runs, episodes)), q, sigma)
