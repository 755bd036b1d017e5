"""The planning task (Figures 3 and B.1, section B.2): its studies, what is claimed, and how they are drawn."""

from . import budgets, moves, noise, optima, trajectories
from .claims import CLAIMS
from .figures import FIGURES

STUDIES = (trajectories.STUDY, optima.STUDY, budgets.STUDY, moves.STUDY, noise.STUDY)

__all__ = ["CLAIMS", "FIGURES", "STUDIES"]
