"""The computations behind the paper's figures.

A study turns settings and a seed into plain arrays. It draws nothing and judges nothing: figures and claims read the
arrays alone.
"""

from . import car, grid, planning, sensitivity

STUDIES = {study.name: study for module in (grid, car, planning, sensitivity) for study in module.STUDIES}
"""Every study by its name, in the order in which they run."""
