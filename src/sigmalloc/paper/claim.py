"""What a claim is, and how its verdict comes about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .statistics import Number

VERDICTS = ("not reproduced", "partly", "reproduced")
Z = 3.0
"""Standard errors beyond which a difference counts."""

SETS = {"table": "Table B.1", "scripts": "scripts"}


@dataclass(frozen=True)
class Row:
    """One setting in which a claim is judged.

    Attributes
    ----------
    name : str
    setting : str
        Parameters, runs and episodes.
    parts : dict of {str: bool}
        What has to hold, in words, and whether it does.
    here : str
        The numbers of the table, which has the rows that decide.
    evidence : str
        The same in a sentence.
    numbers : list of Number
    decides : bool
        False for a second row, which is shown and judged but leaves the verdict as it is.
    only : int, optional
        Index into `VERDICTS`, where it is not simply that all, some or none of the parts hold.
    """

    name: str
    setting: str
    parts: dict[str, Any]
    here: str
    evidence: str
    numbers: list[Number] = field(default_factory=list)
    decides: bool = True
    only: int | None = None

    @property
    def level(self) -> int:
        """Index into `VERDICTS`."""
        if self.only is not None:
            return self.only
        return 2 if all(self.parts.values()) else int(any(self.parts.values()))

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name, "decides": self.decides, "verdict": VERDICTS[self.level], "setting": self.setting,
            "parts": {name: bool(held) for name, held in self.parts.items()}, "here": self.here,
            "evidence": self.evidence, "numbers": [number.to_dict() for number in self.numbers],
        }  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper.

    Attributes
    ----------
    id, text, where, paper : str
        Its name here, what is claimed, where, and the paper's value or figure.
    criterion : str
        The rule that decides the verdict.
    studies : tuple of str
        What `judge` reads.
    figures : tuple of str
        The figures that show it, the main one first.
    judge : callable(data) -> list of Row
        ``data`` maps names of studies to their arrays, with ``settings``.
    """

    id: str
    text: str
    where: str
    paper: str
    criterion: str
    studies: tuple[str, ...]
    figures: tuple[str, ...]
    judge: Callable[[Any], list[Row]]

    def judged(self, data: Any) -> dict[str, Any]:
        """The claim with its verdict, as a dict of plain values."""
        rows = self.judge(data)
        deciding = [row for row in rows if row.decides]
        several = len(rows) > 1
        here = "; ".join(f"{row.name}: {row.here}" if len(deciding) > 1 else row.here for row in deciding)
        return {
            "id": self.id, "claim": self.text, "where": self.where, "paper": self.paper,
            "here": here,
            "criterion": self.criterion, "verdict": verdict(deciding),
            "evidence": "; ".join(f"{row.name}: {row.evidence}" if several else row.evidence for row in rows),
            "setting": "; ".join(dict.fromkeys(row.setting for row in rows)),
            "figure": self.figures[0], "figures": list(self.figures),
            "levels": {row.name: VERDICTS[row.level] for row in rows}, "rows": [row.to_dict() for row in rows],
            "numbers": [number.to_dict() for row in rows for number in row.numbers],
        }  # fmt: skip


def verdict(rows: Any) -> str:
    """ "reproduced" if every row that decides says so, "not reproduced" if none holds in part, and else "partly"."""
    low, high = min(row.level for row in rows), max(row.level for row in rows)
    return VERDICTS[low if low == high else 1]


def claim(
    id: str, text: str, *, where: str, paper: str, criterion: str, studies: Any, figures: Any
) -> Callable[[Callable[[Any], list[Row]]], Claim]:
    """Make a `Claim` of the function that judges it."""

    def make(judge: Callable[[Any], list[Row]]) -> Claim:
        return Claim(id, text, where, paper, criterion, studies, figures, judge)

    return make


def about(number: Any, k: float) -> int:
    """Level of "about k times".

    2 if it lies above 1 by more than `Z` standard errors and the improvement that it states, k − 1, is met to within a
    factor of two; 1 if it is above 1, but out of that range.
    """
    low, high = near(k)
    if not number.value - 1 > Z * max(number.error, 1e-12):
        return 0
    return 2 if low <= number.value <= high else 1


def near(k: float) -> tuple[float, float]:
    """The ratios that "about k times" includes: half to twice the improvement, k − 1."""
    return 1 + (k - 1) / 2, 1 + (k - 1) * 2


def objective(data: Any, key: str) -> Any:
    """Curves of the objective, undiscounted reward − cost."""
    return data[f"{key}_reward"] - data[f"{key}_cost"]


def listed(values: Any) -> str:
    """ "1, 3, 4" """
    return ", ".join(f"{value:g}" for value in values)
