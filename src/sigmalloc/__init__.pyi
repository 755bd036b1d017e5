from . import agents as agents
from . import exact as exact
from . import fit as fit
from . import metrics as metrics
from . import plot as plot
from . import tasks as tasks
from .agents import Agent as Agent
from .pairing import ScaleWarning as ScaleWarning
from .runs import CutOffWarning as CutOffWarning
from .runs import DivergenceError as DivergenceError
from .runs import Evaluation as Evaluation
from .runs import Policy as Policy
from .runs import Result as Result
from .runs import Schedule as Schedule
from .runs import Trials as Trials
from .runs import evaluate as evaluate
from .runs import replay as replay
from .runs import simulate as simulate
from .runs import train as train
from .sweeps import open_sweep as open_sweep
from .sweeps import sweep as sweep
from .tasks import TabularMDP as TabularMDP

__version__: str
__all__ = [
    "Agent", "CutOffWarning", "DivergenceError", "Evaluation", "Policy", "Result", "ScaleWarning", "Schedule",
    "TabularMDP", "Trials", "agents", "evaluate", "exact", "fit", "metrics", "open_sweep",
    "plot", "replay", "simulate", "sweep", "tasks", "train",
]  # fmt: skip

def __dir__() -> list[str]: ...
