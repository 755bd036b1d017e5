"""Verdicts with those of the seeds `readings.FRESH` that were run; written by ``bench/verdicts.py --confirm``."""

SEEDS: tuple[int, ...] = (1001, 1002, 1004, 1005)
CONFIRMED: dict[str, dict[str, int]] = {
    "1b": {"reproduced": 4},
    "1c": {"partly": 4},
    "1-eq": {"reproduced": 4},
    "1-sarsa": {"partly": 4},
    "2b,c": {"reproduced": 4},
    "2d": {"partly": 4},
    "2-eq": {"partly": 4},
    "2-sarsa": {"reproduced": 4},
    "B2-λ": {"reproduced": 4},
    "B2-σ": {"partly": 4},
    "B2-N": {"partly": 4},
    "3c": {"reproduced": 4},
    "3d": {"reproduced": 4},
    "3e": {"reproduced": 4},
    "3f": {"partly": 4},
    "B1": {"reproduced": 4},
}
