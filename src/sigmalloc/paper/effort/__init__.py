"""Effort, which the paper leaves to future work (section 10 of the model): where agents store, where they sample."""

from typing import Any

from . import maze, plane
from .figures import FIGURES

STUDIES = (plane.STUDY, maze.STUDY)
CLAIMS: tuple[Any, ...] = ()

__all__ = ["CLAIMS", "FIGURES", "STUDIES"]
