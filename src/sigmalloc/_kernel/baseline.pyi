from typing import final

import numpy as np
from numpy.typing import NDArray

@final
class Tables:
    def __new__(
        cls,
        change_at: NDArray[np.int64],
        cumulative: NDArray[np.float64],
        following: NDArray[np.int64],
        reward: NDArray[np.float64],
        memory: NDArray[np.float64],
        ever_memory: NDArray[np.float64],
        start_cumulative: NDArray[np.float64],
        start_state: NDArray[np.int64],
        step_limit: int,
        max_path: int,
        depth: int,
        mountain_car: bool,
        uniform_start: bool,
    ) -> Tables: ...

@final
class Batch:
    def __new__(
        cls,
        tables: Tables,
        runs: NDArray[np.void],
        streams: NDArray[np.uint64],
        q: NDArray[np.float64],
        sigma: NDArray[np.float64],
        report: NDArray[np.float64],
        snapshot_at: NDArray[np.int64],
        snapshots: NDArray[np.float64],
        visits: NDArray[np.float64],
        counters: NDArray[np.int64],
    ) -> Batch: ...
    @property
    def over(self) -> bool: ...
    def advance(self, ticks: int) -> bool: ...

def elementary(name: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> None: ...
def raw(states: NDArray[np.uint64], output: NDArray[np.uint64]) -> None: ...
def normals(states: NDArray[np.uint64], output: NDArray[np.float64]) -> None: ...
def drive(position: float, velocity: float, action: int) -> tuple[float, float, int]: ...
