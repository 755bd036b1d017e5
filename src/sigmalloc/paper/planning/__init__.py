"""The planning task (Figures 3 and B.1, section B.2): its studies, what is claimed, and how they are drawn."""

from . import budgets, moves, trajectories
from .claims import CLAIMS
from .figures import FIGURES

STUDIES = (trajectories.STUDY, budgets.STUDY, moves.STUDY)

__all__ = ["CLAIMS", "FIGURES", "STUDIES"]
