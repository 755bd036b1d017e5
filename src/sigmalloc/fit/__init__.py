"""From choices to parameters: agents with limited memory, and controls, fitted to what people did.

- `Choices`: what people chose, from arrays, a table, a CSV, or a finite task; `read_hbayesdm`, `read_cpm`, `read_hssm`:
  from the tables of other packages.
- `Model`: an agent and how it responds; `SoftmaxLearner`: the controls.
- `log_likelihood`, `log_likelihoods`: of one parameter set for everybody, of many for one subject.
- `filter_log_likelihoods`: of agents whose σ update is sampled, by a particle filter.
- `trajectories`, `simulate`: q̄, σ and probabilities by row; choices that a model would make.
- `fit` (or `maximum_likelihood`), `fit_group`: parameters of each subject, alone or as one of a group.
- `compare`, `future`, `random_effects`: which model, by what was fitted or by what came later.
- `information`, `recover_parameters`, `recover_models`, `recover_over`: what an experiment will be able to tell.
"""

from .choices import Choices
from .compare import Comparison, RandomEffects, compare, future, random_effects
from .designs import design_from_task
from .estimate import fit, maximum_likelihood
from .filter import FilterEstimate, filter_log_likelihoods
from .groups import Group, fit_group
from .information import Information, information
from .likelihood import Trajectories, log_likelihood, log_likelihoods, over_subjects, simulate, trajectories
from .model import PARAMETERS, Model, SoftmaxLearner
from .parameters import Space
from .readers import read_cpm, read_hbayesdm, read_hssm
from .recovery import Confusion, DesignGrid, Recovery, recover_models, recover_over, recover_parameters
from .results import Fit, SubjectFit
from .subject import Subject
from .target import Normal

__all__ = [
    "PARAMETERS", "Choices", "Comparison", "Confusion", "DesignGrid", "FilterEstimate", "Fit", "Group", "Information",
    "Model", "Normal", "RandomEffects", "Recovery", "SoftmaxLearner", "Space", "Subject", "SubjectFit", "Trajectories",
    "compare", "design_from_task", "filter_log_likelihoods", "fit", "fit_group", "future", "information",
    "log_likelihood", "log_likelihoods", "maximum_likelihood", "over_subjects", "random_effects", "read_cpm",
    "read_hbayesdm", "read_hssm", "recover_models", "recover_over", "recover_parameters", "simulate", "trajectories",
]  # fmt: skip
