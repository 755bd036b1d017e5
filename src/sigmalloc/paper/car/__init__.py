"""Mountain car (Figure 2, section B.2): its studies, what is claimed about them, and how they are drawn."""

from . import prices, study
from .claims import CLAIMS
from .figures import FIGURES

STUDIES = (study.STUDY, prices.STUDY)

__all__ = ["CLAIMS", "FIGURES", "STUDIES"]
