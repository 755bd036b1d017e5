"""From choices to parameters: likelihoods of what people did, under agents with limited memory and under controls.

- `Choices`: what people chose, from arrays, a table, a CSV, or the tables of other packages.
- `Model`: an agent and how it responds; `SoftmaxLearner`: the controls.
- `log_likelihood`, `log_likelihoods`: of one parameter set for everybody, of many for one subject.
- `trajectories`, `simulate`: q̄, σ and probabilities by row; choices that a model would make.
"""

from .choices import Choices, Subject
from .designs import from_task
from .estimate import fit, maximum_likelihood
from .likelihood import Trajectories, log_likelihood, log_likelihoods, over_subjects, simulate, trajectories
from .model import PARAMETERS, Model, SoftmaxLearner
from .parameters import Space
from .results import Fit, SubjectFit
from .target import Normal

__all__ = [
    "PARAMETERS",
    "Choices",
    "Fit",
    "Model",
    "Normal",
    "SoftmaxLearner",
    "Space",
    "Subject",
    "SubjectFit",
    "Trajectories",
    "fit",
    "from_task",
    "log_likelihood",
    "log_likelihoods",
    "maximum_likelihood",
    "over_subjects",
    "simulate",
    "trajectories",
]
