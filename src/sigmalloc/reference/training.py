"""Algorithm 1 once more, in scalar Python: the oracle of the compiled kernel.

Memories are lists, one number for each of them; `sigmalloc.memories` says which of them a state shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..agents import LARGEST_Q, Agent
from ..agents.rules import Allocation, Gradient, look_up
from ..agents.schedules import Exponential, Points
from ..elementary import LOG2_E, Stream, exponential, logarithm, power_of_two
from ..memories import MemoryMap
from ..pairing import is_rated, leaves, most_paths, paths, planning_time, start_budget, time_of_sample, trial_time
from ..runs.arguments import check_task_and_agent, checked_count, checked_episodes, checked_memories, checked_seed
from ..runs.divergence import DivergenceError
from ..runs.result import Result, reached_effort
from ..runs.schedule import Policy, Schedule
from ..tasks.base import Task, World

Row = Sequence[float]
Floats = npt.NDArray[np.float64]
CURVES = ("reward", "value", "cost", "cutoffs", "time", "time_cost", "effort", "search_budgets")
HARD = 1e300  # a β so large that the softmax is the argmax
WORDS = {
    "credit": ("now", "reward_to_go", "path_return", "best_return"),
    "baseline": ("none", "mean"),
    "update": ("each", "scale", "none"),
    "importance": ("flat", "usage", "spread"),
}


def check_words(gradient: Gradient, allocation: Allocation) -> None:
    """Raise a ValueError for a word of a rule that the twins do not know: they take no other word for one of theirs."""
    for word in ("credit", "baseline"):
        look_up(f"gradient: {word}", dict.fromkeys(WORDS[word]), getattr(gradient, word), "the twin")
    for word in ("update", "importance"):
        look_up(f"allocation: {word}", dict.fromkeys(WORDS[word]), getattr(allocation, word), "the twin")


@dataclass(frozen=True)
class Recall:
    """One noisy recall in a state: ζ, q̃ and probability of each action that it has, the choice (its place among them,
    and the action), and Σ p q̄."""

    zeta: list[float]
    memory: list[float]
    p: list[float]
    chosen: int
    action: int
    expected_q: float


def recall(stream: Stream, q: Row, sigma: Row, beta: float, actions: Sequence[int], n_actions: int) -> Recall:
    """q̃ = q̄ + ζσ (Eq. 2), softened (A.1); HARD leaves it hard.

    q, sigma belong to the actions that the state has; n_actions is how many the task has, all of which are drawn for.
    """
    normals = [zeta for _ in range((n_actions + 1) // 2) for zeta in stream.normal_pair()]
    zeta = [normals[action] for action in actions]
    memory = [mean + z * sd for mean, z, sd in zip(q, zeta, sigma, strict=True)]
    largest = max(memory)
    weights = [power_of_two(max(beta * LOG2_E * (value - largest), -960.0)) for value in memory]
    total = running_sum(weights)
    share = 1.0 / total
    target = stream.uniform() * total + 1e-280
    p: list[float] = []
    below, chosen, expected_q = 0.0, 0, 0.0
    for weight, mean in zip(weights, q, strict=True):
        below += weight
        chosen += below <= target
        p.append(weight * share)
        expected_q += p[-1] * mean
    return Recall(zeta, memory, p, chosen, actions[chosen], expected_q)


def running_sum(terms: Iterable[float]) -> float:
    """The sum from left to right: `sum` compensates rounding errors in newer Pythons."""
    total = 0.0
    for term in terms:
        total += term
    return total


def log_policy_gradient(zeta: Row, p: Row, action: int) -> list[float]:
    """∂log π(action|s)/∂σ(s,a) / β = ζ_a (1[a = action] − p_a) for every a (Eq. 5, A.2, A.3)."""
    return [z * (float(a == action) - share) for a, (z, share) in enumerate(zip(zeta, p, strict=True))]


def cost_gradient(sigma: float, sigma_base: float) -> float:
    """∂D_KL/∂σ = σ/σ_base² − 1/σ (A.7)."""
    return sigma * (1.0 / (sigma_base * sigma_base)) - 1.0 / sigma


def divergence(sigma: float, sigma_base: float) -> float:
    """D_KL(N(q̄, σ²) ‖ N(q̄, σ_base²)) of one memory, in nats (A.2)."""
    ratio = sigma / sigma_base
    return 0.5 * (ratio * ratio - 1.0) - logarithm(ratio)


Visit = tuple[int, Recall, Any]  # state, recall, reward


@dataclass(frozen=True)
class Path:
    """A trajectory: (state, recall, reward) of every recall made on it, its return, whether it was cut off, and the
    states on it, whose time it takes."""

    visits: list[Visit]
    reward: float
    value: float
    cut: bool = False
    states: tuple[int, ...] = ()


class Run:
    """One run of Algorithm 1: the memories that are learned and the streams they depend on."""

    task: Task
    agent: Agent
    samples: list[float]
    earned: list[float]
    opportunity_cost: float
    search_budget: float
    rated: bool
    planned: bool
    time_of_sample: float
    credit: str
    stream: Stream
    evaluation_stream: Stream
    maps: tuple[MemoryMap, ...]
    worlds: tuple[World, ...]
    q: list[float]
    sigma: list[float]
    scale: float
    number: int
    beta: float
    usage: list[float]
    steps: int
    cutoffs: int
    n_paths: int
    reward_scale: float
    allocated: list[bool] | None
    variant: Task
    world: World
    map: MemoryMap
    actions: list[list[int]]
    uses: list[list[int]]
    known: dict[tuple[int, int], tuple[float, float]]

    def __init__(
        self, task: Task, agent: Agent, seed: int, restart: int, q: Row | Floats | None = None,
        sigma: Row | Floats | None = None,
    ) -> None:  # fmt: skip
        self.samples = [agent.samples] * task.n_states
        self.earned, self.opportunity_cost = [0.0, 0.0], agent.opportunity_cost
        self.rated, self.planned = is_rated(task, agent), task.horizon is not None
        self.time_of_sample = time_of_sample(task, agent)
        self.task, self.agent = task, agent
        check_words(agent.gradient_rule, agent.allocation_rule)
        self.credit = agent.gradient_rule.credit
        self.stream, self.evaluation_stream = Stream(seed, (restart,)), Stream(seed, (restart, 0))
        self.maps, self.worlds = task.places.maps, task.worlds()
        self.q, self.sigma = [0.0] * task.n_memories, [agent.sigma_base] * task.n_memories
        self.scale = agent.sigma_0
        self.number = 0
        self.beta = self.scheduled("beta", 0)
        self.usage = [0.0] * task.n_states
        self.steps = self.cutoffs = 0
        self.n_paths, self.search_budget = paths(task, agent), start_budget(task, agent)
        self.reward_scale = 1.0 if self.rated else 1.0 / trial_time(task, agent)
        self._initialise(q, sigma)

    def _initialise(self, q: Row | Floats | None, sigma: Row | Floats | None) -> None:
        low, high = self.agent.q_init if isinstance(self.agent.q_init, tuple) else (self.agent.q_init,) * 2
        for memory in range(self.task.n_memories):
            if q is not None:
                self.q[memory] = float(q[memory])
            else:
                self.q[memory] = low + ((high - low) * self.stream.uniform() if high > low else 0.0)
            self.sigma[memory] = self.agent.sigma_0 if sigma is None else float(sigma[memory])
        self.allocated = None
        self._enter(0)

    def _enter(self, number: int) -> None:
        """From now on the task is this variant; memories that appear have the learned σ where one is shared."""
        before = self.allocated
        self.variant, self.world, self.map = self.task.variants[number], self.worlds[number], self.maps[number]
        self.allocated = self.map.allocated.tolist()
        if before is not None and self.agent.allocation_rule.one_scale:
            for memory, now in enumerate(self.allocated):
                if now and not before[memory]:
                    self.sigma[memory] = self._clipped(self.scale)
        # of each state: the actions that it has and the memory of each, or what is known instead
        exists, index = self.map.exists, self.map.index.tolist()
        self.actions = [np.flatnonzero(row).tolist() for row in exists]
        self.uses = [[index[s][a] for a in actions] for s, actions in enumerate(self.actions)]
        known_q: Any = self.map.known_q
        known_sigma: Any = self.map.known_sigma
        self.known = {
            (s, a): (float(known_q[s, a]), float(known_sigma[s, a])) for s, a in np.argwhere(self.map.known).tolist()
        }

    def shown(self, state: int) -> tuple[list[float], list[float]]:
        """q̄ and σ of the actions of a state."""
        pairs = [
            (self.q[memory], self.sigma[memory]) if memory >= 0 else self.known[state, action]
            for action, memory in zip(self.actions[state], self.uses[state], strict=True)
        ]
        return [q for q, _ in pairs], [sigma for _, sigma in pairs]

    def averaging(self, state: int) -> tuple[float, float]:
        """√((1 + (n − 1)ρ)/n) in a state, and its derivative with respect to ln n."""
        n, rho = self.samples[state], self.agent.sample_correlation
        factor = math.sqrt((1.0 + (n - 1.0) * rho) / n)
        return factor, -(1.0 - rho) / (2.0 * n * factor)

    def memories(self) -> list[int]:
        """The memories that are allocated."""
        assert self.allocated is not None
        return [memory for memory, now in enumerate(self.allocated) if now]

    def episode(self, number: int) -> None:
        """Algorithm 1, one episode."""
        for variant, (begin, _) in enumerate(self.task.changes, start=1):
            if begin == number:
                self._enter(variant)
        self.number = number
        self.beta = self.scheduled("beta", number)
        if self.agent.learn_q:
            self.learn()
        if self.agent.learns_offline:
            self.allocate(*self.sampled_gradient())

    def scheduled(self, name: str, number: int) -> float:
        """A parameter's value in an episode."""
        value = self.agent.schedule(name)
        return value.at(number, exponential) if isinstance(value, (Exponential, Points)) else value

    def recall(self, state: int, stream: Stream) -> Recall:
        """A recall in a state with the β of the moment."""
        q, sigma = self.shown(state)
        factor, _ = self.averaging(state)
        noise = [spread * factor for spread in sigma]
        return recall(stream, q, noise, self.beta, self.actions[state], self.task.n_actions)

    def learn(self) -> None:
        """The learning episode: on-policy expected SARSA."""
        agent = self.agent
        rate = self.scheduled("learning_rate_q", self.number)
        start = self.world.begin(self.stream)
        starts: Any = getattr(self.task, "starts", None)
        if starts is not None:
            start = int(starts[self.number])
        n_paths = self.drawn_paths(self.stream)
        spent = 0.0
        best: tuple[float, float] | None = None
        for _ in range(n_paths):
            state, step, over = start, 0, False
            total, value, discount = 0.0, 0.0, 1.0
            while not over:
                recalled = self.recall(state, self.stream)
                spent += self.samples[state]
                following, reward, over = self.world.step(state, recalled.action, self.stream, self.number)
                step += 1
                self.steps += 1
                total, value, discount = total + reward, value + discount * reward, discount * agent.gamma
                target = reward
                if not over:
                    target = reward + agent.gamma * self.recall(following, self.stream).expected_q
                    over = step == self.variant.step_limit
                    self.cutoffs += over
                memory = self.uses[state][recalled.chosen]
                if memory >= 0:
                    self.q[memory] += rate * (target - self.q[memory])
                    if not abs(self.q[memory]) < LARGEST_Q:
                        raise DivergenceError("q̄")
                state = following
            if best is None or value > best[0]:
                best = (value, total)
        if agent.learn_opportunity_cost:
            assert best is not None
            self.learn_price(best[1], self.duration(spent, step))

    def duration(self, samples: float, decisions: float, trials: float = 1.0) -> float:
        """Time that samples take, and non-decision time: of every decision, or, where paths are planned, trial."""
        rest = trials if self.planned else float(decisions)
        return self.time_of_sample * samples + self.agent.non_decision_time * rest

    def learn_price(self, reward: float, time: float) -> None:
        """ω = mean reward / mean time of learning episodes, not below 0."""
        rate = self.agent.learning_rate_opportunity_cost
        if self.earned[1] == 0.0:
            self.earned = [self.opportunity_cost * time, time]
        self.earned[0] += rate * (reward - self.earned[0])
        self.earned[1] += rate * (time - self.earned[1])
        self.opportunity_cost = self.earned[0] / self.earned[1] if self.earned[0] > 0.0 else 0.0

    def mean_paths(self) -> float:
        """K, the mean number of paths of a trial, where the budget is learned."""
        return max(self.search_budget * leaves(self.task) / 100.0, 1.0)

    def drawn_paths(self, stream: Stream) -> int:
        """Paths of a trial: where the budget is learned, one of the whole numbers about their mean."""
        if not self.agent.learn_search_budget:
            return self.n_paths
        mean = self.mean_paths()
        return math.floor(mean) + (stream.uniform() < mean - math.floor(mean))

    def trial(self, stream: Stream) -> tuple[list[Path], Path, float]:
        """The paths of a trajectory (one, but where paths are planned), the best of them, and what the last one adds.

        In sampled trajectories of a learned budget, that is the last of the whole number of paths above the budget; it
        may be one more than the trajectory has.
        """
        start = self.world.begin(stream)
        n = wanted = self.drawn_paths(stream)
        learning = self.agent.learn_search_budget and stream is self.stream
        if learning:
            wanted = min(math.floor(self.mean_paths()) + 1, most_paths(self.task, self.agent))
        explore = self.depth_first if self.agent.depth_first else self.rollouts
        paths = explore(stream, start, wanted)
        gain = 0.0
        if learning and wanted > 1:
            values = [path.value for path in paths]
            if self.agent.depth_first:
                gain = max(values) - max(values[:-1])
            else:
                second, best = sorted(values)[-2:]
                gain = (best - second) / wanted
        return paths[:n], max(paths[:n], key=lambda path: path.value), gain

    def rollouts(self, stream: Stream, start: int, n_paths: int) -> list[Path]:
        """Independent paths: memories are drawn at every visit.

        Sampled trajectories draw no reward that nobody asks for: where Ψ is known at once, and neither paths nor usage
        are counted.
        """
        rewarded = (
            stream is self.evaluation_stream or self.credit != "now" or self.n_paths > 1
            or self.agent.allocation_rule.importance == "usage" or self.rated or self.agent.learn_search_budget
        )  # fmt: skip
        paths: list[Path] = []
        for _ in range(n_paths):
            state, ended = start, False
            visits: list[Visit] = []
            total, value, discount = 0.0, 0.0, 1.0
            while not ended and len(visits) < self.variant.step_limit:
                recalled = self.recall(state, stream)
                following, reward, ended = self.world.step(state, recalled.action, stream, self.number, rewarded)
                visits.append((state, recalled, reward))
                self.steps += 1
                total, value, discount = total + reward, value + discount * reward, discount * self.agent.gamma
                state = following
            paths.append(Path(visits, total, value, not ended, tuple(state for state, _, _ in visits)))
        return paths

    def depth_first(self, stream: Stream, start: int, n_paths: int) -> list[Path]:
        """No path twice: memories are drawn once a trial; after a state's choice come its best others."""
        drawn: dict[int, Recall] = {}
        fresh: list[Visit] = []
        paths: list[Path] = []

        def explore(state: int, total: float, value: float, discount: float, before: tuple[int, ...]) -> None:
            if state not in drawn:
                drawn[state] = self.recall(state, stream)
                fresh.append((state, drawn[state], None))
            recalled = drawn[state]
            others = [action for action in range(len(recalled.p)) if action != recalled.action]
            for action in (recalled.action, *sorted(others, key=lambda other: -recalled.memory[other])):
                if len(paths) == n_paths:
                    return
                following, reward, ended = self.world.step(state, action, stream, self.number)
                self.steps += 1
                ahead = (total + reward, value + discount * reward, discount * self.agent.gamma)
                if ended:
                    paths.append(Path(fresh.copy(), *ahead[:2], states=(*before, state)))
                    fresh.clear()
                else:
                    explore(following, *ahead, (*before, state))

        explore(start, 0.0, 0.0, 1.0, ())
        return paths

    def sampled_gradient(self) -> tuple[list[float], list[float], list[float], float, float]:
        """Σ Ψ ∂log π/∂σ / β over N_traj trajectories, q̄ and σ frozen (Eqs. 3-5); the same by ln n of every state, how
        often it was visited, the sum of the best values, and of what the last paths added."""
        gradient, best_sum, gains = [0.0] * self.task.n_memories, 0.0, 0.0
        by_effort, sampled = [0.0] * self.task.n_states, [0.0] * self.task.n_states
        for _ in range(self.agent.n_trajectories):
            paths, best, gain = self.trial(self.stream)
            best_sum += best.value
            gains += gain
            for path in paths:
                for psi, state, recalled in self.credits(path, best):
                    score = log_policy_gradient(recalled.zeta, recalled.p, recalled.chosen)
                    factor, slope = self.averaging(state)
                    _, sigma = self.shown(state)
                    for memory, term in zip(self.uses[state], score, strict=True):
                        if memory >= 0:
                            gradient[memory] += factor * (psi * term)
                    by_effort[state] += slope * running_sum(
                        psi * term * spread for term, spread in zip(score, sigma, strict=True)
                    )
                for state in path.states:
                    sampled[state] += 1.0
                for state, _, _ in path.visits:
                    self.usage[state] += 1.0
        return gradient, by_effort, sampled, best_sum, gains

    def credits(self, path: Path, best: Path) -> Iterator[tuple[float, int, Recall]]:
        """(Ψ, state, recall) for each recall of a path, in the order of addition."""
        psi = 0.0
        for state, recalled, reward in reversed(path.visits) if self.credit == "reward_to_go" else path.visits:
            if self.credit == "reward_to_go":
                psi = reward + self.agent.gamma * psi
            elif self.credit == "path_return":
                psi = path.value
            elif self.credit == "best_return":
                psi = best.value
            else:
                q, _ = self.shown(state)
                psi = q[recalled.chosen]
                if self.agent.gradient_rule.baseline == "mean":
                    psi -= running_sum(q) / len(q)
            yield psi, state, recalled

    def _clipped(self, sigma: float) -> float:
        return min(max(sigma, self.agent.sigma_min), self.agent.sigma_max)

    def allocate(self, gradient: Row, by_effort: Row, sampled: Row, best_sum: float, gains: float) -> None:
        """The σ update (Eq. 7), that of effort, and that of the search budget."""
        agent, time, gain = self.agent, 1.0, self.beta * self.reward_scale / self.agent.n_trajectories
        mean_samples = 1.0
        if agent.has_effort:
            samples = running_sum(n * count for n, count in zip(self.samples, sampled, strict=True))
            mean_samples = samples / running_sum(sampled)
        if self.rated:
            visits = planning_time(self.task, agent)
            if agent.learn_search_budget:
                visits = agent.decision_time * (self.task.horizon or 0) * self.mean_paths()
            time = visits * mean_samples + agent.non_decision_time
            gain = self.beta * (1.0 / time) / agent.n_trajectories
        if agent.allocation_rule.update != "none":
            self.allocate_precision(gradient, gain)
        price = self.opportunity_cost * agent.sample_time
        if self.rated:
            price += best_sum / agent.n_trajectories / time / time * self.time_of_sample
        if agent.learns_effort:
            self.allocate_effort(by_effort, sampled, gain, price)
        if agent.learn_search_budget:
            slope = gains / agent.n_trajectories / time - price * (float(self.task.horizon or 0) * mean_samples)
            self.move_budget(slope)

    def move_budget(self, slope: float) -> None:
        """b += α ∂F/∂b in %, from the slope by paths."""
        paths = leaves(self.task)
        moved = self.search_budget + self.agent.learning_rate_search_budget * (slope * paths / 100.0)
        if math.isnan(moved):
            raise DivergenceError("search budget")
        self.search_budget = min(max(moved, 100.0 / paths), self.agent.search_budget_max)

    def allocate_effort(self, by_effort: Row, sampled: Row, gain: float, price: float) -> None:
        """ln n(s) += α (∂E[value]/∂ln n(s) − price of the time that its samples take)."""
        agent = self.agent
        slopes = [
            gain * up - price * n * (count / agent.n_trajectories)
            for up, n, count in zip(by_effort, self.samples, sampled, strict=True)
        ]
        acting = [state for state, actions in enumerate(self.actions) if actions]
        if agent.learn_samples == "shared":
            mean = running_sum(slopes[state] for state in acting) / len(acting)
            self.samples = [self.moved_effort(self.samples[0], mean)] * self.task.n_states
        elif agent.learn_samples == "state":
            for state in acting:
                self.samples[state] = self.moved_effort(self.samples[state], slopes[state])
        else:
            raise ValueError(f"learn_samples: {agent.learn_samples!r} is not known to the twin")

    def moved_effort(self, samples: float, slope: float) -> float:
        """n after a step of ln n, within [1, samples_max]."""
        moved = logarithm(samples) + self.agent.learning_rate_samples * slope
        if math.isnan(moved):
            raise DivergenceError("effort")
        most = self.agent.samples_max
        return min(max(exponential(min(max(moved, 0.0), logarithm(most))), 1.0), most)

    def allocate_precision(self, gradient: Row, gain: float) -> None:
        """The σ update (Eq. 7)."""
        agent, memories, rule = self.agent, self.memories(), self.agent.allocation_rule
        lam, rate = self.scheduled("lam", self.number), self.scheduled("learning_rate_sigma", self.number)
        slope = {m: gain * gradient[m] - lam * cost_gradient(self.sigma[m], agent.sigma_base) for m in memories}
        if any(math.isnan(value) for value in slope.values()):
            raise DivergenceError("σ")
        if rule.update == "each":
            for m in memories:
                self.sigma[m] = self._clipped(self.sigma[m] + rate * slope[m])
            return
        if not memories:
            return
        # one learned scale c, σ = c w with w = 1 / √(1 + importance / mean importance)
        ascent = running_sum(self.sigma[m] / self.scale * slope[m] for m in memories)
        self.scale = self._clipped(self.scale + rate * (ascent / len(memories)))
        importance = self.importance()
        total = running_sum(importance[m] for m in memories)
        for m in memories:
            shape = 1.0
            if total > 0.0:
                shape = 1.0 / math.sqrt(1.0 + importance[m] * len(memories) / total)
            self.sigma[m] = self._clipped(self.scale * shape)
            if math.isnan(self.sigma[m]):
                raise DivergenceError("σ")

    def importance(self) -> list[float]:
        """What shapes σ: how often a memory was recalled, or the mean spread of q̄ where it is shown."""
        total, count = [0.0] * self.task.n_memories, [0.0] * self.task.n_memories
        kind = self.agent.allocation_rule.importance
        if kind == "flat":
            return total
        for s, uses in enumerate(self.uses):
            q, _ = self.shown(s)
            of_state = self.usage[s] if kind == "usage" else max(q) - min(q) if q else 0.0
            for memory in uses:
                if memory >= 0:
                    total[memory] += of_state
                    count[memory] += 1.0
        if kind == "usage":
            return total
        return [one / n if n else one for one, n in zip(total, count, strict=True)]

    def evaluate(self, completed: int, episodes: int, hard: bool) -> tuple[float, ...]:
        """Mean return, mean value, cost, number of cut-offs, mean duration and the price of its samples, mean samples
        of a decision, and search budget, with q̄ and σ frozen; training is not disturbed."""
        self.beta = HARD if hard else self.scheduled("beta", completed)
        before, reward, value, cut, samples, decisions = self.steps, 0.0, 0.0, 0, 0.0, 0
        for _ in range(episodes):
            paths, best, _ = self.trial(self.evaluation_stream)
            reward += best.reward
            value += best.value * self.reward_scale
            cut += sum(path.cut for path in paths)
            for path in paths:
                decisions += len(path.states)
                for state in path.states:
                    samples += self.samples[state]
        self.steps = before
        value /= episodes
        if self.rated:
            value *= 1.0 / (self.time_of_sample * (samples / episodes) + self.agent.non_decision_time)
        time = self.duration(samples, decisions, float(episodes)) / episodes
        time_cost = self.opportunity_cost * self.agent.sample_time * (samples / episodes)
        nats = running_sum(divergence(self.sigma[m], self.agent.sigma_base) for m in self.memories())
        return (
            reward / episodes, value, self.scheduled("lam", completed) * nats, float(cut), time, time_cost,
            samples / decisions, self.search_budget,
        )  # fmt: skip


def train(
    task: Task, agent: Agent, *, episodes: int, restarts: int, seed: int, evaluate_every: int | None = None,
    evaluation_episodes: int = 100, evaluation_policy: Policy = "soft", snapshots: Sequence[int] = (),
    q: npt.ArrayLike | None = None, sigma: npt.ArrayLike | None = None,
) -> Result:  # fmt: skip
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
    restarts, seed = checked_count("restarts", restarts), checked_seed(seed)
    schedule = Schedule(episodes, evaluate_every, evaluation_episodes, evaluation_policy, snapshots)
    checked_episodes(task, episodes)
    q, sigma = checked_memories(task, agent, q, sigma, restarts)
    runs: list[Run] = []
    reports: list[tuple[float, ...]] = []
    kept: list[tuple[list[float], list[float]]] = []
    for restart in range(restarts):
        run = Run(task, agent, seed, restart, *(None if table is None else table[restart] for table in (q, sigma)))
        runs.append(run)
        for number in range(episodes):
            try:
                run.episode(number)
            except DivergenceError as error:
                raise DivergenceError(f"{error} of restart {restart} was not finite in episode {number}") from None
            if number + 1 in schedule.snapshots:
                kept.append((run.q.copy(), run.sigma.copy()))
            if number + 1 in schedule.checkpoint_episodes:
                reports.append(run.evaluate(number + 1, schedule.evaluation_episodes, schedule.hard))
    curves = np.array(reports).reshape(restarts, schedule.checkpoints, len(CURVES))
    if not np.isfinite(curves[:, :, :3]).all():
        restart, checkpoint = np.argwhere(~np.isfinite(curves[:, :, :3]))[0, :2].tolist()
        raise DivergenceError(
            f"an evaluation of restart {restart} was not finite in episode {schedule.checkpoint_episodes[checkpoint]}"
        )
    held = np.array(kept).reshape(restarts, len(schedule.snapshots), 2, task.n_memories)
    counted = agent.allocation_rule.importance == "usage"
    return Result(
        task=task,
        agent=agent,
        seed=seed,
        memory_q=np.array([run.q for run in runs]).reshape(restarts, task.n_memories),
        memory_sigma=np.array([run.sigma for run in runs]).reshape(restarts, task.n_memories),
        episodes=np.array(schedule.checkpoint_episodes, dtype=np.int64),
        **{name: curves[:, :, i] for i, name in enumerate(CURVES)},  # type: ignore[arg-type]
        steps=np.array([run.steps for run in runs]),
        training_cutoffs=np.array([run.cutoffs for run in runs]),
        training_episodes=episodes,
        evaluation_episodes=evaluation_episodes if evaluate_every else 0,
        evaluation_policy=evaluation_policy,
        snapshot_episodes=np.array(schedule.snapshots, dtype=np.int64),
        snapshot_memory_q=held[:, :, 0],
        snapshot_memory_sigma=held[:, :, 1],
        stream=np.array([run.stream.state for run in runs], dtype=np.uint64),
        evaluation_stream=np.array([run.evaluation_stream.state for run in runs], dtype=np.uint64),
        scale=np.array([run.scale for run in runs]),
        usage=np.array([run.usage if counted else [] for run in runs]).reshape(restarts, -1),
        samples=reached_effort(task, agent, restarts, np.array([run.samples for run in runs])),
        opportunity_cost=np.array([run.opportunity_cost for run in runs]),
        search_budget=np.array([run.search_budget for run in runs]),
        earned=np.array([run.earned for run in runs]),
    )
