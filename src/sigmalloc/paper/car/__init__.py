"""Mountain car (Figure 2, section B.2): its study, what is claimed about it, and how it is drawn."""

from . import study
from .claims import CLAIMS
from .figures import FIGURES

STUDIES = (study.STUDY,)

__all__ = ["CLAIMS", "FIGURES", "STUDIES"]
