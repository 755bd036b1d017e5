"""Verdicts with those of the seeds `readings.FRESH` that were run; written by ``bench/verdicts.py --confirm``."""

SEEDS: tuple = (1001, 1004)
CONFIRMED: dict = {
    "1b": {"reproduced": 2},
    "1c": {"partly": 2},
    "1-eq": {"reproduced": 2},
    "1-sarsa": {"partly": 2},
    "2b,c": {"reproduced": 2},
    "2d": {"partly": 2},
    "2-eq": {"partly": 2},
    "2-sarsa": {"reproduced": 2},
    "B2-λ": {"reproduced": 2},
    "B2-σ": {"partly": 2},
    "B2-N": {"partly": 2},
    "3c": {"reproduced": 2},
    "3d": {"reproduced": 2},
    "3e": {"reproduced": 2},
    "3f": {"partly": 2},
    "B1": {"reproduced": 2},
}
