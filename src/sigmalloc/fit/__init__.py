"""From choices to parameters: likelihoods of what people did, under agents with limited memory and under controls.

- `Choices`: what people chose, from arrays, a table, a CSV, or the tables of other packages.
- `Model`: an agent and how it responds; `SoftmaxLearner`: the controls.
- `log_likelihood`, `log_likelihoods`: of one parameter set for everybody, of many for one subject.
- `trajectories`, `simulate`: q̄, σ and probabilities by row; choices that a model would make.
"""

from .choices import Choices, Subject
from .compare import Comparison, RandomEffects, compare, future, random_effects
from .designs import from_task
from .estimate import fit, maximum_likelihood
from .groups import Group, fit_group
from .information import Information, information
from .likelihood import Trajectories, log_likelihood, log_likelihoods, over_subjects, simulate, trajectories
from .model import PARAMETERS, Model, SoftmaxLearner
from .parameters import Space
from .recovery import Confusion, DesignGrid, Recovery, recover_models, recover_over, recover_parameters
from .results import Fit, SubjectFit
from .target import Normal

__all__ = [
    "PARAMETERS",
    "Choices",
    "Comparison",
    "Confusion",
    "DesignGrid",
    "Fit",
    "Group",
    "Information",
    "Model",
    "Normal",
    "RandomEffects",
    "Recovery",
    "SoftmaxLearner",
    "Space",
    "Subject",
    "SubjectFit",
    "Trajectories",
    "compare",
    "fit",
    "fit_group",
    "from_task",
    "future",
    "information",
    "log_likelihood",
    "log_likelihoods",
    "maximum_likelihood",
    "over_subjects",
    "random_effects",
    "recover_models",
    "recover_over",
    "recover_parameters",
    "simulate",
    "trajectories",
]
