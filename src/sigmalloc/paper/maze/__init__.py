"""Mattar and Daw's maze (Figure 1): its studies, what is claimed about them, and how they are drawn."""

from . import change, convergence
from .claims import CLAIMS
from .figures import FIGURES

STUDIES = (convergence.STUDY, change.STUDY)

__all__ = ["CLAIMS", "FIGURES", "STUDIES"]
