"""Verdicts with those of the seeds `readings.FRESH` that were run; written by ``bench/verdicts.py --confirm``."""

SEEDS: tuple[int, ...] = (1001, 1002, 1003, 1004, 1005, 1006)
CONFIRMED: dict[str, dict[str, int]] = {
    "1b": {"reproduced": 6},
    "1c": {"partly": 6},
    "1-eq": {"reproduced": 6},
    "1-sarsa": {"partly": 6},
    "2b,c": {"reproduced": 6},
    "2d": {"partly": 6},
    "2-eq": {"partly": 6},
    "2-sarsa": {"reproduced": 6},
    "B2-λ": {"reproduced": 6},
    "B2-σ": {"partly": 6},
    "B2-N": {"partly": 6},
    "3c": {"reproduced": 6},
    "3d": {"reproduced": 6},
    "3e": {"reproduced": 6},
    "3f": {"partly": 6},
    "B1": {"reproduced": 6},
}
