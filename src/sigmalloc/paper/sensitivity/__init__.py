"""How much λ and σ_base matter in all three tasks (section B.2)."""

from . import study
from .claims import CLAIMS
from .figures import FIGURES

STUDIES = (study.STUDY,)

__all__ = ["CLAIMS", "FIGURES", "STUDIES"]
