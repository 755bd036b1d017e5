"""Every study, claim and figure by its name, in the order of the report."""

from . import car, effort, maze, planning, sensitivity

_PARTS = (maze, car, sensitivity, planning, effort)

STUDIES = {study.name: study for part in _PARTS for study in part.STUDIES}
CLAIMS = {claim.id: claim for part in _PARTS for claim in part.CLAIMS}
FIGURES = {figure.name: figure for part in _PARTS for figure in part.FIGURES}
