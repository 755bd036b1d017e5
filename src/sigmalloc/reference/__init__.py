"""Algorithm 1 once more, in scalar Python: the oracle of the compiled kernel.

The same numbers are drawn and the same sums are taken in the same order, one run after another, so that `train` gives
the same bits as `sigmalloc.train`, a thousand times slower. It is there to be read and to be compared with; nothing
falls back on it.

A table is a list of rows, one a state, of one number for each action that the state has.
"""

import math
from dataclasses import dataclass

import numpy as np

from .. import _checks
from ..agents import LARGEST_Q
from ..runs.result import Result
from ..runs.train import (
    POLICIES,
    DivergenceError,
    check_task_and_agent,
    checked_seed,
    checked_snapshots,
    checked_tables,
)
from ..tasks import MountainCar

_WORD = 2**64 - 1
LOG2_E = 1.4426950408889634
HARD = 1e300  # a β so large that the softmax is the argmax


def power_of_two(x):
    """2^x = 2^n 2^r with |r| ≤ ½."""
    n = round(x)
    r = x - n
    upper = 0.0001546144469856913 + r * 1.5297323760701075e-05
    upper = (0.009618056678524637 + r * 0.001333350238616277) + r * r * upper
    series = (0.24022650922288757 + r * 0.055504108839096185) + r * r * upper
    return math.ldexp(1.0 + r * (0.6931471805599453 + r * series), n)


def exponential(x):
    """e^x; 2^-1020 for any x below −707."""
    return x if math.isnan(x) else power_of_two(max(x * LOG2_E, -1020.0))


def logarithm(x):
    """ln x = k ln2 + 2 atanh((m − 1) / (m + 1)) with m in [√½, √2)."""
    m, k = math.frexp(x)
    if m < math.sqrt(0.5):
        m, k = 2.0 * m, k - 1
    f = (m - 1.0) / (m + 1.0)
    t = f * f
    series = 0.28550820815960665 + t * 0.23330467216303835
    series = (0.6666666655449709 + t * 0.40000121839806124) + t * t * series
    return k * 0.6931471805599453 + f * (2.0 + t * series)


def sine_quarter(t):
    """sin(πt/2) for t in [−½, ½]."""
    u = t * t
    series = -0.004681266256726245 + u * 0.00015820630355647733
    for coefficient in (0.07969258272563062, -0.6459640961467954, 1.5707963267881):
        series = coefficient + u * series
    return t * series


def cosine_quarter(t):
    """cos(πt/2) for t in [−½, ½]."""
    u = t * t
    series = -0.020861528342199967 + u * 0.0009067398984032665
    for coefficient in (0.2536694103571085, -1.2337005493742192, 1.0):
        series = coefficient + u * series
    return series


def cosine(x):
    """cos x for |x| ≤ 10^4, in full precision."""
    n = round(x * 0.3183098861837907)
    r = (x - n * 3.1415926534682512) - n * 1.2154201013012384e-10
    u = r * r
    series = -1.5619206968586225e-16 + u * 4.110317623312165e-19
    for coefficient in (
        4.779477332387385e-14, -1.1470745597729725e-11, 2.08767569878681e-09, -2.755731922398589e-07,
        2.48015873015873e-05, -0.001388888888888889, 0.041666666666666664, -0.5, 1.0,
    ):  # fmt: skip
        series = coefficient + u * series
    return -series if n % 2 else series


class Stream:
    """SFC64, seeded as `numpy.random.SFC64(SeedSequence(seed, spawn_key=key))` is."""

    def __init__(self, seed, key):
        words = np.random.SeedSequence(seed, spawn_key=key).generate_state(3, np.uint64)
        self.a, self.b, self.c = words.tolist()
        self.counter = 1
        for _ in range(12):
            self.raw()

    def raw(self):
        """64 random bits."""
        output = (self.a + self.b + self.counter) & _WORD
        self.counter = (self.counter + 1) & _WORD
        self.a = self.b ^ (self.b >> 11)
        self.b = (self.c + (self.c << 3)) & _WORD
        self.c = (((self.c << 24) | (self.c >> 40)) + output) & _WORD
        return output

    def uniform(self):
        """A number in [0, 1)."""
        return _fraction(self.raw())

    def normal_pair(self):
        """Two independent standard normals (Box-Muller): 38 bits of radius, 2 of quadrant, 24 of angle."""
        word = self.raw()
        radius = math.sqrt(-2.0 * logarithm(1.0 - ((word >> 26) + 0.5) * 2.0**-38))
        turn = ((word & (2**24 - 1)) + 0.5) * 2.0**-24 - 0.5
        x, y = radius * cosine_quarter(turn), radius * sine_quarter(turn)
        if word >> 25 & 1:
            x, y = y, x
        if word >> 24 & 1:
            x, y = -x, -y
        return x, y

    @property
    def state(self):
        return self.a, self.b, self.c, self.counter


def _fraction(word):
    return (word >> 12) * 2.0**-52


@dataclass(frozen=True)
class Recall:
    """One noisy recall in a state: ζ, q̃ and probability of each action, the choice, and Σ p q̄."""

    zeta: list
    memory: list
    p: list
    action: int
    expected_q: float


def recall(stream, q, sigma, beta, n_actions):
    """q̃ = q̄ + ζσ (Eq. 2), softened (A.1); HARD leaves it hard. n_actions: the most actions a state of the task has."""
    normals = [zeta for _ in range((n_actions + 1) // 2) for zeta in stream.normal_pair()]
    zeta = normals[: len(q)]
    memory = [mean + z * sd for mean, z, sd in zip(q, zeta, sigma, strict=True)]
    largest = max(memory)
    weights = [power_of_two(max(beta * LOG2_E * (value - largest), -960.0)) for value in memory]
    total = running_sum(weights)
    share = 1.0 / total
    target = stream.uniform() * total
    p, below, action, expected_q = [], 0.0, 0, 0.0
    for weight, mean in zip(weights, q, strict=True):
        below += weight
        action += below <= target
        p.append(weight * share)
        expected_q += p[-1] * mean
    return Recall(zeta, memory, p, action, expected_q)


def running_sum(terms):
    """The sum from left to right: `sum` compensates rounding errors in newer Pythons."""
    total = 0.0
    for term in terms:
        total += term
    return total


def log_policy_gradient(zeta, p, action):
    """∂log π(action|s)/∂σ(s,a) / β = ζ_a (1[a = action] − p_a) for every a (Eq. 5, A.2, A.3)."""
    return [z * (float(a == action) - share) for a, (z, share) in enumerate(zip(zeta, p, strict=True))]


def cost_gradient(sigma, sigma_base):
    """∂D_KL/∂σ = σ/σ_base² − 1/σ (A.7)."""
    return sigma * (1.0 / (sigma_base * sigma_base)) - 1.0 / sigma


def divergence(sigma, sigma_base):
    """D_KL(N(q̄, σ²) ‖ N(q̄, σ_base²)) of one memory, in nats (A.2)."""
    ratio = sigma / sigma_base
    return 0.5 * (ratio * ratio - 1.0) - logarithm(ratio)


def drive(position, velocity, action):
    """One step of mountain car: position and velocity."""
    velocity = velocity + ((action - 1) * 0.001 + cosine(3.0 * position) * -0.0025)
    velocity = min(max(velocity, -0.07), 0.07)
    position = min(max(position + velocity, -1.2), 0.6)
    return position, 0.0 if position == -1.2 and velocity < 0.0 else velocity


class Car:
    """Mountain car as an environment."""

    def __init__(self, task):
        self.task = task

    def begin(self, stream):
        """Start an episode: its state."""
        self.position, self.velocity = -0.5, 0.0
        if self.task.start == "uniform":
            self.position = -0.6 + 0.2 * stream.uniform()
        return self._cell()

    def step(self, state, action, stream):
        """Act: next state, reward, and whether the episode ends there."""
        self.position, self.velocity = drive(self.position, self.velocity, action)
        return self._cell(), -1.0, self.position >= 0.5

    def _cell(self):
        return 15 * round(10.0 * (self.position + 1.2)) + round(100.0 * (self.velocity + 0.07))


class World:
    """One variant of a finite task as an environment. Nothing is drawn where an outcome is certain."""

    def __init__(self, variant, draws_start):
        self.variant, self.draws_start = variant, draws_start
        self.starts = _cumulative([(p, (s,)) for s, p in enumerate(variant.start.tolist()) if p > 0])
        self.outcomes = [
            [self._outcomes(state, action) for action in range(count)]
            for state, count in enumerate(variant.action_counts)
        ]

    def _outcomes(self, state, action):
        tables = (self.variant.probability, self.variant.next_state, self.variant.reward)
        rows = zip(*(table[state, action].tolist() for table in tables), strict=True)
        possible = [(p, (following, reward)) for p, following, reward in rows if p > 0]
        return _cumulative(sorted(possible, key=lambda outcome: -outcome[0]))

    def begin(self, stream):
        """Start an episode: its state."""
        (state,) = _draw(self.starts, stream.uniform() if self.draws_start else 0.0)
        return state

    def step(self, state, action, stream):
        """Act: next state, reward, and whether the episode ends there."""
        outcomes = self.outcomes[state][action]
        certain = outcomes[0][0] == 1.0
        following, reward = _draw(outcomes, 0.0 if certain else stream.uniform())
        return following, reward, bool(self.variant.terminal[following])


def _cumulative(outcomes):
    """(probability, what) pairs with their probabilities added up, the last one to exactly 1."""
    total, added = 0.0, []
    for probability, what in outcomes:
        total += probability
        added.append((total, what))
    added[-1] = (1.0, what)
    return added


def _draw(outcomes, u):
    return next(what for cumulative, what in outcomes if cumulative > u)


@dataclass(frozen=True)
class Path:
    """A trajectory: (state, recall, reward) of every recall made on it, its return, and whether it was cut off."""

    visits: list
    reward: float
    value: float
    cut: bool = False


class Run:
    """One run of Algorithm 1: the tables that are learned and the streams they depend on."""

    def __init__(self, task, agent, seed, restart, q=None, sigma=None):
        self.task, self.agent = task, agent
        self.stream, self.evaluation_stream = Stream(seed, (restart,)), Stream(seed, (restart, 0))
        self.changes = dict(task.changes)
        if isinstance(task, MountainCar):
            self.worlds = {task: Car(task)}
        else:
            draws_start = max((variant.start > 0).sum() for variant in task.variants) > 1
            self.worlds = {variant: World(variant, draws_start) for variant in task.variants}
        self.counts = np.max([variant.action_counts for variant in task.variants], axis=0).tolist()
        self.q = [[0.0] * count for count in self.counts]
        self.sigma = [[agent.sigma_base] * count for count in self.counts]
        self.scale = agent.sigma_0
        self.beta = self.inverse_temperature(0)
        self.usage = [0.0] * task.n_states
        self.steps = self.cutoffs = 0
        self.n_paths, trial_time = 1, 1.0
        if agent.search_budget is not None:
            self.n_paths = math.floor(agent.search_budget / 100 * task.n_actions**task.horizon + 1e-9)
        if agent.reward_rate:
            trial_time = agent.decision_time * self.n_paths * task.horizon + agent.non_decision_time
        self.reward_scale = 1.0 / trial_time
        self._initialise(q, sigma)

    def _initialise(self, q, sigma):
        ever = np.logical_or.reduce([variant.memories for variant in self.task.variants])
        low, high = self.agent.q_init if isinstance(self.agent.q_init, tuple) else (self.agent.q_init,) * 2
        for s, a in np.argwhere(ever).tolist():
            if q is not None:
                self.q[s][a] = float(q[s, a])
            else:
                self.q[s][a] = low + ((high - low) * self.stream.uniform() if high > low else 0.0)
            self.sigma[s][a] = self.agent.sigma_0 if sigma is None else float(sigma[s, a])
        self.memory = None
        self._enter(self.task)

    def _enter(self, variant):
        """From now on the task is this variant; memories that appear have the learned σ where one is shared."""
        before = self.memory
        self.variant, self.world = variant, self.worlds[variant]
        self.memory = [row[:count] for row, count in zip(variant.memories.tolist(), self.counts, strict=True)]
        for s, a in self.memories():
            if before is not None and not before[s][a] and self.agent.allocation in ("equal", "frequency", "stakes"):
                self.sigma[s][a] = self._clipped(self.scale)
        if getattr(variant, "known_q", None) is not None:
            for s, a in np.argwhere(variant.known).tolist():
                self.q[s][a], self.sigma[s][a] = float(variant.known_q[s, a]), float(variant.known_sigma[s, a])

    def memories(self):
        """The (s, a) whose memories are allocated."""
        return [(s, a) for s, row in enumerate(self.memory) for a, allocated in enumerate(row) if allocated]

    def episode(self, number):
        """Algorithm 1, one episode."""
        if number in self.changes:
            self._enter(self.changes[number])
        self.beta = self.inverse_temperature(number)
        if self.agent.learn_q:
            self.learn()
        if self.agent.allocation != "fixed":
            self.allocate(self.sampled_gradient())

    def inverse_temperature(self, number):
        """β of an episode: min(β, β₀ exp(rate · k))."""
        agent = self.agent
        if agent.beta_0 is None:
            return agent.beta
        exponent = agent.beta_rate * number
        return min(agent.beta, agent.beta_0 * exponential(exponent)) if exponent < 700.0 else agent.beta

    def recall(self, state, stream):
        """A recall in a state with the β of the moment."""
        return recall(stream, self.q[state], self.sigma[state], self.beta, self.task.n_actions)

    def learn(self):
        """The learning episode: on-policy expected SARSA."""
        agent = self.agent
        start = self.world.begin(self.stream)
        for _ in range(self.n_paths):
            state, step, over = start, 0, False
            while not over:
                action = self.recall(state, self.stream).action
                following, reward, over = self.world.step(state, action, self.stream)
                step += 1
                self.steps += 1
                target = reward
                if not over:
                    target = reward + agent.gamma * self.recall(following, self.stream).expected_q
                    over = step == self.task.step_limit
                    self.cutoffs += over
                if self.memory[state][action]:
                    self.q[state][action] += agent.learning_rate_q * (target - self.q[state][action])
                    if not abs(self.q[state][action]) < LARGEST_Q:
                        raise DivergenceError("q̄")
                state = following

    def trial(self, stream):
        """The paths of a trajectory (one, but where paths are planned) and the best of them."""
        paths = self.depth_first(stream) if self.agent.planner == "depth-first" else self.rollouts(stream)
        return paths, max(paths, key=lambda path: path.value)

    def rollouts(self, stream):
        """Independent paths: memories are drawn at every visit."""
        start, paths = self.world.begin(stream), []
        for _ in range(self.n_paths):
            state, ended = start, False
            visits, total, value, discount = [], 0.0, 0.0, 1.0
            while not ended and len(visits) < self.task.step_limit:
                recalled = self.recall(state, stream)
                following, reward, ended = self.world.step(state, recalled.action, stream)
                visits.append((state, recalled, reward))
                self.steps += 1
                total, value, discount = total + reward, value + discount * reward, discount * self.agent.gamma
                state = following
            paths.append(Path(visits, total, value, cut=not ended))
        return paths

    def depth_first(self, stream):
        """No path twice: memories are drawn once a trial; after a state's choice come its best others."""
        drawn, fresh, paths = {}, [], []

        def explore(state, total, value, discount):
            if state not in drawn:
                drawn[state] = self.recall(state, stream)
                fresh.append((state, drawn[state], None))
            recalled = drawn[state]
            others = [action for action in range(len(recalled.p)) if action != recalled.action]
            for action in (recalled.action, *sorted(others, key=lambda other: -recalled.memory[other])):
                if len(paths) == self.n_paths:
                    return
                following, reward, ended = self.world.step(state, action, stream)
                self.steps += 1
                ahead = (total + reward, value + discount * reward, discount * self.agent.gamma)
                if ended:
                    paths.append(Path(fresh.copy(), *ahead[:2]))
                    fresh.clear()
                else:
                    explore(following, *ahead)

        explore(self.world.begin(stream), 0.0, 0.0, 1.0)
        return paths

    def sampled_gradient(self):
        """Σ Ψ ∂log π/∂σ / β over N_traj trajectories, q̄ and σ frozen (Eqs. 3-5)."""
        gradient = [[0.0] * count for count in self.counts]
        for _ in range(self.agent.n_trajectories):
            paths, best = self.trial(self.stream)
            for path in paths:
                for psi, state, recalled in self.credits(path, best):
                    score = log_policy_gradient(recalled.zeta, recalled.p, recalled.action)
                    gradient[state] = [total + psi * term for total, term in zip(gradient[state], score, strict=True)]
                for state, _, _ in path.visits:
                    self.usage[state] += 1.0
        return gradient

    def credits(self, path, best):
        """(Ψ, state, recall) for each recall of a path, in the order of addition."""
        kind, psi = self.agent.gradient, 0.0
        for state, recalled, reward in reversed(path.visits) if kind == "reinforce" else path.visits:
            if kind == "reinforce":
                psi = reward + self.agent.gamma * psi
            elif kind == "return":
                psi = path.value
            elif kind == "best_path":
                psi = best.value
            else:
                q = self.q[state]
                psi = q[recalled.action] - (running_sum(q) / len(q) if kind == "advantage" else 0.0)
            yield psi, state, recalled

    def _clipped(self, sigma):
        return min(max(sigma, self.agent.sigma_min), self.agent.sigma_max)

    def allocate(self, gradient):
        """The σ update (Eq. 7)."""
        agent, memories = self.agent, self.memories()
        gain = self.beta * self.reward_scale / agent.n_trajectories
        slope = {
            (s, a): gain * gradient[s][a] - agent.lam * cost_gradient(self.sigma[s][a], agent.sigma_base)
            for s, a in memories
        }
        if any(math.isnan(value) for value in slope.values()):
            raise DivergenceError("σ")
        if agent.allocation == "dra":
            for s, a in memories:
                self.sigma[s][a] = self._clipped(self.sigma[s][a] + agent.learning_rate_sigma * slope[s, a])
            return
        # one learned scale c, σ = c w with w = 1 / √(1 + importance / mean importance)
        ascent = running_sum(self.sigma[s][a] / self.scale * slope[s, a] for s, a in memories)
        self.scale = self._clipped(self.scale + agent.learning_rate_sigma * (ascent / len(memories)))
        total = running_sum(self.importance(s) for s, _ in memories)
        for s, a in memories:
            shape = 1.0
            if total > 0.0:
                shape = 1.0 / math.sqrt(1.0 + self.importance(s) * len(memories) / total)
            self.sigma[s][a] = self._clipped(self.scale * shape)
            if math.isnan(self.sigma[s][a]):
                raise DivergenceError("σ")

    def importance(self, state):
        """What shapes σ in a state: how often it was recalled, or the spread of its q̄."""
        if self.agent.allocation == "frequency":
            return self.usage[state]
        return max(self.q[state]) - min(self.q[state]) if self.agent.allocation == "stakes" else 0.0

    def evaluate(self, completed, episodes, hard):
        """Mean return, mean value, cost and number of cut-offs, with q̄ and σ frozen; training is not disturbed."""
        self.beta = HARD if hard else self.inverse_temperature(completed)
        steps, reward, value, cut = self.steps, 0.0, 0.0, 0
        for _ in range(episodes):
            paths, best = self.trial(self.evaluation_stream)
            reward += best.reward
            value += best.value * self.reward_scale
            cut += sum(path.cut for path in paths)
        self.steps = steps
        nats = running_sum(divergence(self.sigma[s][a], self.agent.sigma_base) for s, a in self.memories())
        return reward / episodes, value / episodes, self.agent.lam * nats, float(cut)

    def tables(self):
        """q̄ and σ as arrays: 0 and σ_base where the task in force has no memory."""
        arrays = []
        for rows, blank in ((self.q, 0.0), (self.sigma, self.agent.sigma_base)):
            array = np.full((self.task.n_states, self.task.n_actions), blank)
            for s, a in np.argwhere(self.variant.exists).tolist():
                array[s, a] = rows[s][a]
            arrays.append(array)
        return arrays


def train(
    task, agent, *, episodes, restarts, seed, evaluate_every=None, evaluation_episodes=100, evaluation_policy="soft",
    snapshots=(), q=None, sigma=None,
):  # fmt: skip
    """Train an agent (Algorithm 1), with the arguments and the results of `sigmalloc.train`, bit for bit.

    Parameters
    ----------
    task : TabularMDP or MountainCar
    agent : Agent
    episodes, restarts, seed : int
    evaluate_every : int, optional
    evaluation_episodes : int
    evaluation_policy : {"soft", "hard"}
    snapshots : sequence of int
    q, sigma : array of float, shape (states, actions) or (restarts, states, actions), optional

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        As `sigmalloc.train` does.
    DivergenceError
        If q̄ or σ of a run is no longer finite.
    """
    check_task_and_agent(task, agent)
    episodes = _checks.integer("episodes", episodes, low=1)
    restarts = _checks.integer("restarts", restarts, low=1)
    seed = checked_seed(seed)
    _checks.choice("evaluation_policy", evaluation_policy, POLICIES)
    snapshots = checked_snapshots(snapshots, episodes)
    q, sigma = checked_tables(task, agent, q, sigma, restarts)
    checkpoints = list(range(evaluate_every, episodes + 1, evaluate_every)) if evaluate_every else []
    runs, reports, kept = [], [], []
    for restart in range(restarts):
        run = Run(task, agent, seed, restart, *(None if table is None else table[restart] for table in (q, sigma)))
        runs.append(run)
        for number in range(episodes):
            try:
                run.episode(number)
            except DivergenceError as error:
                raise DivergenceError(f"{error} of restart {restart} was not finite in episode {number}") from None
            if number + 1 in snapshots:
                kept.append(run.tables())
            if number + 1 in checkpoints:
                reports.append(run.evaluate(number + 1, evaluation_episodes, evaluation_policy == "hard"))
    curves = np.array(reports).reshape(restarts, len(checkpoints), 4)
    tables = np.array([run.tables() for run in runs])
    snapshot_tables = np.array(kept).reshape(restarts, len(snapshots), *tables.shape[1:])
    return Result(
        task=task,
        agent=agent,
        seed=seed,
        q=tables[:, 0],
        sigma=tables[:, 1],
        episodes=np.array(checkpoints, dtype=np.int64),
        **{name: curves[:, :, i] for i, name in enumerate(("reward", "value", "cost", "cutoffs"))},
        steps=np.array([run.steps for run in runs]),
        training_cutoffs=np.array([run.cutoffs for run in runs]),
        training_episodes=episodes,
        evaluation_episodes=evaluation_episodes if evaluate_every else 0,
        evaluation_policy=evaluation_policy,
        snapshot_episodes=np.array(snapshots, dtype=np.int64),
        snapshot_q=snapshot_tables[:, :, 0],
        snapshot_sigma=snapshot_tables[:, :, 1],
        stream=np.array([run.stream.state for run in runs], dtype=np.uint64),
    )
