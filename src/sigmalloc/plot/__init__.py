r"""Pictures of tasks, memories, learning curves, choices and fits.

Every function draws data that has been computed elsewhere. Each takes ``ax=None`` and returns the Axes it drew on;
without ``ax`` it makes a figure of one journal column (3.4 inches) with pyplot, so that it appears in a notebook, and
leaves showing and closing it to you. For many figures in a script, `figure` makes Axes that pyplot knows nothing of
and that need not be closed. Nothing here calls ``plt.show`` or changes rcParams. Colours are those of Okabe and Ito
and perceptually ordered maps, told apart with any kind of colour vision. What has no value, or was never visited, is
grey.

Labels and keys may be mathtext, as ``r"$\lambda$"``; what is not valid is written as it stands, and so are the names of
states and actions. What is much too long for its place is cut.

Maps of a result show the task in force in the last episode before the snapshot, so a maze that changes is drawn
changed only after the change. What a map looks like depends on the task's ``geometry``: a maze if it has a
``layout``, a plane if its states are cells over two continuous variables, and otherwise a table with one row per
state.
"""

from .choices import choice_curve, choice_raster, chosen_sigma, stay_probability
from .curves import bars, curves, frontier, regression
from .effort import effort_curve, effort_map, regime_plane
from .fits import confusion, model_comparison, posterior_predictive, recovery, sigma_by_trial
from .learning import convergence
from .maps import heatmap, maze, plane, state_map, table, visits
from .results import (
    animate_entropy,
    choice_entropy,
    choice_entropy_snapshots,
    discriminability,
    mean_sigma_vs_difference,
    q_map,
    sigma_map,
    value_function,
)
from .style import COLUMN, PALETTE, QUANTITIES, SYMBOLS, figure, reference_lines, save, style_axes

__all__ = [
    "COLUMN", "PALETTE", "QUANTITIES", "SYMBOLS", "animate_entropy", "bars", "choice_curve", "choice_entropy",
    "choice_entropy_snapshots", "choice_raster", "chosen_sigma", "confusion", "convergence", "curves",
    "discriminability", "effort_curve", "effort_map", "figure", "frontier", "heatmap", "maze",
    "mean_sigma_vs_difference", "model_comparison", "plane", "posterior_predictive", "q_map", "recovery",
    "reference_lines", "regime_plane", "regression", "save", "sigma_by_trial", "sigma_map", "state_map",
    "stay_probability", "style_axes", "table", "value_function", "visits",
]  # fmt: skip
