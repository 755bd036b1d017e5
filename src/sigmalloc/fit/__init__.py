"""From choices to parameters: likelihoods of what people did, under agents with limited memory and under controls.

- `Choices`: what people chose, from arrays, a table, a CSV, or a finite task; `read_hbayesdm`, `read_cpm`, `read_hssm`:
  from the tables of other packages.
- `Model`: an agent and how it responds; `SoftmaxLearner`: the controls.
- `log_likelihood`, `log_likelihoods`: of one parameter set for everybody, of many for one subject.
- `filter_log_likelihoods`: of agents whose σ update is sampled, by a particle filter.
- `trajectories`, `simulate`: q̄, σ and probabilities by row; choices that a model would make.
"""

from .choices import Choices, Subject
from .filter import FilterEstimate, filter_log_likelihoods
from .likelihood import Trajectories, log_likelihood, log_likelihoods, over_subjects, simulate, trajectories
from .model import PARAMETERS, Model, SoftmaxLearner
from .readers import read_cpm, read_hbayesdm, read_hssm

__all__ = [
    "PARAMETERS",
    "Choices",
    "FilterEstimate",
    "Model",
    "SoftmaxLearner",
    "Subject",
    "Trajectories",
    "filter_log_likelihoods",
    "log_likelihood",
    "log_likelihoods",
    "over_subjects",
    "read_cpm",
    "read_hbayesdm",
    "read_hssm",
    "simulate",
    "trajectories",
]
