"""What a claim is, how its verdict comes about, and the rules that claims share."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from . import batch
from .statistics import Number, mean, ratio, settling_ratio

VERDICTS = ("not reproduced", "partly", "reproduced")
Z = 3.0
"""Standard errors beyond which a difference counts."""

SETS = {"table": "Table B.1", "scripts": "scripts"}


@dataclass(frozen=True)
class Finding:
    """What a claim comes to.

    Attributes
    ----------
    levels : dict of {str: int}
        Index into `VERDICTS` for each parameter set or part that was judged.
    here : str
        The numbers of the table.
    evidence : str
        One sentence.
    numbers : list of Number
    """

    levels: dict
    here: str
    evidence: str
    numbers: list = field(default_factory=list)

    @property
    def verdict(self):
        low, high = min(self.levels.values()), max(self.levels.values())
        return VERDICTS[low if low == high else 1]


@dataclass(frozen=True)
class Claim:
    """One claim of the paper.

    Attributes
    ----------
    id, text, paper : str
        Its name here, what is claimed, and the paper's value or figure.
    criterion : str
        The rule that decides the verdict.
    setting : callable(data) -> str
    studies : tuple of str
        What `judge` reads.
    figures : tuple of str
        The figures that show it, the main one first.
    judge : callable(data) -> Finding
        ``data`` maps names of studies to their arrays, with ``settings``.
    """

    id: str
    text: str
    paper: str
    criterion: str
    setting: Callable
    studies: tuple
    figures: tuple
    judge: Callable

    def judged(self, data):
        """The claim with its verdict, as a dict of plain values."""
        finding = self.judge(data)
        return {
            "id": self.id, "claim": self.text, "paper": self.paper, "here": finding.here,
            "criterion": self.criterion, "verdict": finding.verdict, "evidence": finding.evidence,
            "setting": self.setting(data), "figure": self.figures[0], "figures": list(self.figures),
            "levels": {SETS.get(name, name): VERDICTS[level] for name, level in finding.levels.items()},
            "numbers": [number.to_dict() for number in finding.numbers],
        }  # fmt: skip


def claim(id, text, *, paper, criterion, setting, studies, figures):
    """Make a `Claim` of the function that judges it."""

    def make(judge):
        return Claim(id, text, paper, criterion, setting, studies, figures, judge)

    return make


def level(*parts):
    """2 if all parts hold, 1 if some do, 0 if none does."""
    return 2 if all(parts) else int(any(parts))


def about(number, k):
    """Level of "about k times"."""
    if not (number.value > 1 and (number.value - 1) / max(number.error, 1e-12) > Z):
        return 0
    return 2 if 1 + (k - 1) / 2 <= number.value <= 1 + (k - 1) * 2 else 1


def undecided(number, k):
    """A remark where a ratio is as claimed, but too uncertain to count."""
    if about(number, k) or not 1 + (k - 1) / 2 <= number.value <= 1 + (k - 1) * 2:
        return ""
    return f" (a ratio of {number} is in the claimed range, but not above 1 by {Z:g} standard errors)"


def by_set(parts):
    """ "Table B.1: …; scripts: …" """
    return "; ".join(f"{SETS[name]}: {text}" for name, text in parts.items())


def objective(data, key):
    """Curves of the objective."""
    return data[f"{key}_reward"] - data[f"{key}_cost"]


def better_than_equal(data, k):
    """Finding on "k times better than equal precision"."""
    levels, here, evidence, numbers = {}, {}, {}, []
    for name, label in SETS.items():
        flexible, equal = (batch.tail(objective(data, f"{name}_{agent}")) for agent in ("DRA", "equal"))
        f = mean(f"{label}: final objective, DRA", flexible)
        e = mean(f"{label}: final objective, equal precision", equal)
        times = ratio(f"{label}: ratio", equal, flexible)
        levels[name] = about(times, k) if f.value < 0 and e.value < 0 else 0
        here[name] = f"{times}×"
        evidence[name] = f"final objective {f} with DRA and {e} with equal precision{undecided(times, k)}"
        numbers += [f, e, times]
    return Finding(levels, by_set(here), by_set(evidence), numbers)


def slower_than_free(data, k):
    """Finding on "k times the episodes of no cost to converge"."""
    levels, here, evidence, numbers = {}, {}, {}, []
    for name, label in SETS.items():
        curves = [objective(data, f"{name}_{agent}") for agent in ("DRA", "free")]
        tolerance = 0.05 * abs(batch.tail(curves[0]).mean())
        times, dra, free = settling_ratio(f"{label}: ratio", data["episodes"], *curves, tolerance)
        levels[name] = about(times, k) if math.isfinite(times.value) else 0
        here[name] = f"{times}×" if math.isfinite(times.value) else "not settled"
        evidence[name] = f"settled within {tolerance:.2f} by episode {dra} with DRA and {free} with λ = 0"
        evidence[name] += undecided(times, k) if math.isfinite(times.value) else " (none: still drifting at the end)"
        numbers += [times, Number(f"{label}: DRA settled", dra.value, dra.error),
                    Number(f"{label}: λ = 0 settled", free.value, free.error)]  # fmt: skip
    return Finding(levels, by_set(here), by_set(evidence), numbers)


RATIO_RULE = (
    "|objective| of equal precision over that of DRA, last fifth of training: above 1 by more than 3 standard errors "
    "and in [{low:g}, {high:g}] (half to twice the claimed improvement); above 1 but out of range: partly"
)
SETTLING_RULE = (
    "Episode at which the mean objective over runs (running mean of 5 evaluations) enters for good a band of ± 5 % of "
    "DRA's final |objective| around its own final level, DRA over λ = 0: above 1 by more than 3 bootstrap errors and "
    "in [{low:g}, {high:g}]; above 1 but out of range: partly; not settled: not reproduced"
)


def by_count(restarts, labels):
    """ "16 runs of DRA, 8 of equal precision" """
    return ", ".join(
        f"{restarts[key]}{'' if number else ' runs'} of {label}" for number, (key, label) in enumerate(labels.items())
    )


def listed(values):
    return ", ".join(f"{value:g}" for value in values)
