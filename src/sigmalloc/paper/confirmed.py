"""Verdicts with the seeds `readings.FRESH`; written by ``bench/verdicts.py --confirm``."""

CONFIRMED: dict = {}
