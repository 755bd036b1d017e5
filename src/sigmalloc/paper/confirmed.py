"""Verdicts with those of the seeds `readings.FRESH` that were run; written by ``bench/verdicts.py --confirm``."""

SEEDS: tuple = (1001, 1004, 1005)
CONFIRMED: dict = {
    "1b": {"reproduced": 3},
    "1c": {"partly": 3},
    "1-eq": {"reproduced": 3},
    "1-sarsa": {"partly": 3},
    "2b,c": {"reproduced": 3},
    "2d": {"partly": 3},
    "2-eq": {"partly": 3},
    "2-sarsa": {"reproduced": 3},
    "B2-λ": {"reproduced": 3},
    "B2-σ": {"partly": 3},
    "B2-N": {"partly": 3},
    "3c": {"reproduced": 3},
    "3d": {"reproduced": 3},
    "3e": {"reproduced": 3},
    "3f": {"partly": 3},
    "B1": {"reproduced": 3},
}
