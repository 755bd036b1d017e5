from typing import final

import numpy as np
from numpy.typing import NDArray

RULES: dict[str, dict[str, int]]
REWARD_NOISES: dict[str, int]
LAYOUTS: dict[str, int]

@final
class Tables:
    def __new__(
        cls,
        *,
        change_at: NDArray[np.int64],
        step_limit: NDArray[np.int64],
        cumulative: NDArray[np.float64],
        following: NDArray[np.int64],
        reward: NDArray[np.float64],
        reward_sd: NDArray[np.float64],
        episode_reward: NDArray[np.float64],
        place: NDArray[np.int64],
        allocated: NDArray[np.float64],
        ever_allocated: NDArray[np.float64],
        acting: NDArray[np.float64],
        start_cumulative: NDArray[np.float64],
        start_state: NDArray[np.int64],
        fixed_start: NDArray[np.int64],
        layout: str,
        reward_noise: str,
        capacity: int,
        depth: int,
        dynamics: str | None,
        option: int,
    ) -> Tables: ...

@final
class Recorder:
    def __new__(cls, rows: NDArray[np.void], values: NDArray[np.float64]) -> Recorder: ...
    def fetch(self) -> list[tuple[int, int]]: ...

@final
class Batch:
    def __new__(
        cls,
        tables: Tables,
        runs: NDArray[np.void],
        points: NDArray[np.float64],
        streams: NDArray[np.uint64],
        q: NDArray[np.float64],
        sigma: NDArray[np.float64],
        scale: NDArray[np.float64],
        usage: NDArray[np.float64],
        samples: NDArray[np.float64],
        earned: NDArray[np.float64],
        budget: NDArray[np.float64],
        report: NDArray[np.float64],
        squares: NDArray[np.float64],
        snapshot_at: NDArray[np.int64],
        snapshots: NDArray[np.float64],
        visits: NDArray[np.float64],
        counters: NDArray[np.int64],
        choices: NDArray[np.void],
        choices_from: NDArray[np.int64],
        recorder: Recorder | None,
    ) -> Batch: ...
    @property
    def over(self) -> bool: ...
    def advance(self, work: int) -> bool: ...

@final
class ChoiceRows:
    def __new__(
        cls,
        situation: NDArray[np.int64],
        following: NDArray[np.int64],
        choice: NDArray[np.int64],
        scored: NDArray[np.int64],
        episode_end: NDArray[np.int64],
        block_start: NDArray[np.int64],
        block_memories: NDArray[np.int64],
        payoff: NDArray[np.float64],
        outcome: NDArray[np.float64],
        memory: NDArray[np.int64],
        known: NDArray[np.float64],
        known_sigma: NDArray[np.float64],
        options: NDArray[np.int64],
        start: NDArray[np.float64],
        transition: NDArray[np.float64],
        n_memories: int,
        chosen_only: bool,
    ) -> ChoiceRows: ...

@final
class Likelihood:
    def __new__(
        cls,
        rows: ChoiceRows,
        update: int,
        importance: int,
        credit: int,
        baseline: int,
        softmax: bool,
        source: int,
        hard: bool,
        sticky: bool,
        window: int,
        shape: NDArray[np.float64],
    ) -> Likelihood: ...
    def evaluate(
        self,
        parameters: NDArray[np.float64],
        streams: NDArray[np.uint64],
        total: NDArray[np.float64],
        pointwise: NDArray[np.float64],
        probability: NDArray[np.float64],
        choice: NDArray[np.int64],
        q: NDArray[np.float64],
        sigma: NDArray[np.float64],
    ) -> None: ...

@final
class ParticleFilter:
    def __new__(cls, likelihood: Likelihood, bundles: int, n_trajectories: int) -> ParticleFilter: ...
    def evaluate(
        self, parameters: NDArray[np.float64], streams: NDArray[np.uint64], terms: NDArray[np.float64]
    ) -> None: ...

def seed_streams(seed: NDArray[np.uint32], keys: NDArray[np.uint32], states: NDArray[np.uint64]) -> None: ...
def precise(name: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> None: ...
def elementary(name: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> None: ...
def raw(states: NDArray[np.uint64], output: NDArray[np.uint64]) -> None: ...
def normals(states: NDArray[np.uint64], output: NDArray[np.float64]) -> None: ...
def drive(dynamics: str, body: NDArray[np.float64], action: int) -> int: ...
