"""Before the experiment: can a design tell parameters, and can it tell agents apart?"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from .. import _checks
from .._choices.policy import Policy
from .._executors import Executors
from .._frozen import Frozen
from ..agents import Agent
from ..sweeps import grid as axes_of
from ..tasks.registry import TASKS
from .choices import Choices
from .designs import Design, subject_of
from .estimate import Intervals, assembled, make_jobs, run_jobs
from .likelihood import log_likelihoods, simulate
from .model import FloatArray, GradientSource, Model, SoftmaxLearner, as_model
from .parameters import Space, make_space
from .results import Fit
from .subject import Subject

if TYPE_CHECKING:
    import pandas as pd

_MIDDLE = 0.6  # of the box of coordinates, from which parameters are drawn
_SAME = 1e-9  # nats a trial
_OF_RECOVERIES = ("rank_correlation", "correlation", "bias", "spread", "coverage", "identified")
_OF_CONFUSIONS = ("accuracy",)


@dataclass(frozen=True, eq=False)
class Recovery(Frozen):
    """Parameters that were simulated, and those that were found.

    Attributes
    ----------
    simulated : array of float, shape (subjects, f)
        In the parameters' own units.
    fit : Fit
        To the simulated choices.
    """

    simulated: FloatArray
    fit: Fit

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""
        return self.fit.space.names

    @property
    def fitted(self) -> FloatArray:
        """Estimates, shape (subjects, f)."""
        return np.array([one.estimate for one in self.fit])

    @property
    def errors(self) -> FloatArray:
        """Estimate less truth, in coordinates (logarithms, log odds), shape (subjects, f)."""
        space = self.fit.space
        return space.to_coordinates(self.fitted) - space.to_coordinates(self.simulated)

    @property
    def rank_correlation(self) -> FloatArray:
        """Spearman's, between simulated and fitted, shape (f,)."""
        return self._correlation(lambda a, b: float(stats.spearmanr(a, b).statistic))

    @property
    def correlation(self) -> FloatArray:
        """Pearson's, of coordinates, shape (f,)."""
        return self._correlation(lambda a, b: float(stats.pearsonr(a, b).statistic))

    def _correlation(self, of: Callable[[FloatArray, FloatArray], float]) -> FloatArray:
        space = self.fit.space
        a, b = space.to_coordinates(self.simulated), space.to_coordinates(self.fitted)
        vary = (np.ptp(a, axis=0) > 0) & (np.ptp(b, axis=0) > 0)
        return np.array([of(a[:, i], b[:, i]) if vary[i] else math.nan for i in range(space.size)])

    @property
    def bias(self) -> FloatArray:
        """Mean error of the coordinates, shape (f,)."""
        return np.asarray(self.errors.mean(axis=0))

    @property
    def spread(self) -> FloatArray:
        """Root mean square error of the coordinates, shape (f,)."""
        return np.asarray(np.sqrt((self.errors**2).mean(axis=0)))

    @property
    def coverage(self) -> FloatArray:
        """Share of subjects whose interval has the truth in it, shape (f,); NaN without intervals."""
        lower = np.array([one.lower for one in self.fit])
        upper = np.array([one.upper for one in self.fit])
        inside = np.where(np.isnan(lower), np.nan, (lower <= self.simulated) & (self.simulated <= upper))
        with np.errstate(all="ignore"):
            return np.array([np.nan if np.isnan(column).all() else np.nanmean(column) for column in inside.T])

    def coverage_limits(self, confidence: float = 0.95) -> tuple[FloatArray, FloatArray]:
        """Between what the true coverage lies (Clopper and Pearson, 1934), each of shape (f,)."""
        n, confidence = len(self.simulated), _checks.real("confidence", confidence, low=0, high=1)
        low, high = np.full(len(self.names), np.nan), np.full(len(self.names), np.nan)
        for i, share in enumerate(self.coverage):
            if np.isfinite(share):
                found = stats.binomtest(round(share * n), n).proportion_ci(confidence)
                low[i], high[i] = found.low, found.high
        return low, high

    @property
    def identified(self) -> FloatArray:
        """Share of subjects for whom both ends of the interval lie within the bounds, shape (f,)."""
        return np.array([np.mean([not one.note[i] and not one.at_bound[i] for one in self.fit])
                         for i in range(len(self.names))])  # fmt: skip

    @property
    def confounds(self) -> FloatArray:
        """Correlations of the errors of parameters, shape (f, f): what is mistaken for what."""
        with np.errstate(all="ignore"):
            return np.asarray(np.atleast_2d(np.corrcoef(self.errors.T)))

    def to_frame(self) -> "pd.DataFrame":
        """One row a parameter. Needs pandas."""
        import pandas as pd

        return pd.DataFrame(
            {"rank_correlation": self.rank_correlation, "correlation": self.correlation, "bias": self.bias,
             "rms_error": self.spread, "coverage": self.coverage, "identified": self.identified},
            index=pd.Index(self.names, name="parameter"),
        )  # fmt: skip

    def plot(self, name: str, ax: Any = None) -> Any:
        """Fitted against simulated values of one parameter, with intervals."""
        from .. import plot

        i = self.names.index(_checks.choice("name", name, self.names))
        return plot.recovery(
            self.simulated[:, i], self.fitted[:, i], ax, parameter=name,
            lower=np.array([one.lower[i] for one in self.fit]), upper=np.array([one.upper[i] for one in self.fit]),
            at_bound=np.array([bool(one.at_bound[i]) for one in self.fit]),
            log=self.fit.space.coordinates[i] == "log",
        )  # fmt: skip

    def __repr__(self) -> str:
        low, high = self.coverage_limits()
        rows = int(np.mean([one.rows.n_rows for one in self.fit]))
        lines = [f"<Recovery: {self.fit.model.kind}, {len(self.simulated)} subjects, {rows} trials"]
        for i, name in enumerate(self.names):
            lines.append(
                f"  {name:<20} rank r {self.rank_correlation[i]:.2f}, error of the coordinate {self.bias[i]:+.2f} ± "
                f"{self.spread[i]:.2f}, {100 * self.fit.level:g} % intervals hold {100 * self.coverage[i]:.0f} % "
                f"({100 * low[i]:.0f} to {100 * high[i]:.0f}), identified {100 * self.identified[i]:.0f} %"
            )
        for i, j in itertools.combinations(range(len(self.names)), 2):
            if abs(self.confounds[i, j]) > 0.5:
                pair = f"{self.names[i]} and {self.names[j]}"
                lines.append(f"  errors of {pair} go together: r {self.confounds[i, j]:+.2f}")
        return "\n".join(lines) + ">"


def recover_parameters(
    design: Design,
    agent: Agent | SoftmaxLearner | Model,
    *,
    trials: int | None = None,
    subjects: int = 20,
    free: Sequence[str] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    simulated: Mapping[str, Any] | None = None,
    starts: int = 8,
    intervals: Intervals | None = "auto",
    level: float = 0.95,
    seed: int = 0,
    policy: Policy | None = None,
    gradient_source: GradientSource | None = None,
    window: int | None = None,
    lapse: float | None = None,
    workers: int | None = None,
    executor: Executors = None,
    store: str | Path | None = None,
    progress: Any = False,
) -> Recovery:
    """Simulate subjects in a design, fit them, and compare what was found with what was put in.

    Parameters
    ----------
    design, trials, free, bounds, policy, gradient_source, window, lapse
        As for `information`.
    agent : Agent, SoftmaxLearner or Model
        Gives what is not free.
    subjects : int
    simulated : dict of {str: (low, high), array or distribution}, optional
        Where each free parameter comes from: bounds within which its coordinate is uniform, a value for each subject,
        or anything with ``rvs`` (as `scipy.stats` has). Default: uniform over the middle 60 % of the coordinates' box.
    starts, intervals, level, workers, executor, store, progress
        As for `fit`.
    seed : int
        Subject i sees the design with seed ``seed + i`` and chooses with the random stream i of this seed.
    """
    model = as_model(agent, policy=policy, gradient_source=gradient_source, window=window, lapse=lapse)
    subjects = _checks.integer("subjects", subjects, low=3, high=10**6)
    seed = _checks.seed("seed", seed)
    rows = [subject_of(design, trials, seed + number) for number in range(subjects)]
    space = make_space(rows, model, free, bounds)
    truth = draw_parameters(space, subjects, simulated, seed)
    data = simulated_choices(rows, model, space, truth, seed)
    jobs = make_jobs(
        data, model, free=space.names, bounds=space.bounds, starts=starts, seed=seed, intervals=intervals, level=level,
    )  # fmt: skip
    found = run_jobs(jobs, workers=workers, executor=executor, store=store, progress=progress)
    return Recovery(truth, assembled(jobs, found))


def draw_parameters(space: Space, subjects: int, given: Mapping[str, Any] | None, seed: int) -> FloatArray:
    """Parameters of simulated subjects, shape (subjects, f), in their own units; see `recover_parameters`."""
    given = _checks.mapping("simulated", given)
    for name in given:
        if name not in space.names:
            raise ValueError(f"simulated: {name!r} is not free; free are {', '.join(space.names)}")
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2**30,)))
    box, out = space.box, np.empty((subjects, space.size))
    for i, name in enumerate(space.names):
        uniform = rng.random(subjects)
        source: Any = given.get(name)
        if hasattr(source, "rvs"):
            out[:, i] = _checks.array(
                f"simulated[{name!r}].rvs", source.rvs(size=subjects, random_state=rng), (subjects,)
            )
        elif source is not None and len(_checks.sequence(f"simulated[{name!r}]", source)) != 2:
            out[:, i] = _checks.array(f"simulated[{name!r}]", source, (subjects,))
        else:
            margin = (1 - _MIDDLE) / 2 * (box[i, 1] - box[i, 0])
            low, high = box[i, 0] + margin, box[i, 1] - margin
            if source is not None:
                ends = np.array([space.low, space.low])
                ends[:, i] = [_checks.real(f"simulated[{name!r}]", end) for end in source]
                if not space.low[i] <= ends[0, i] <= ends[1, i] <= space.high[i]:
                    raise ValueError(
                        f"simulated[{name!r}] must be (low, high) within the bounds {space.low[i]:g} to "
                        f"{space.high[i]:g}, got {_checks.shown(source)}"
                    )
                low, high = space.to_coordinates(ends)[:, i]
            x = np.tile(box[:, 0], (subjects, 1))
            x[:, i] = low + uniform * (high - low)
            out[:, i] = space.to_values(x)[:, i]
        outside = (out[:, i] < space.low[i]) | (out[:, i] > space.high[i]) | np.isnan(out[:, i])
        if outside.any():
            raise ValueError(
                f"simulated[{name!r}] must be within the bounds {space.low[i]:g} to {space.high[i]:g}, got "
                f"{out[outside, i][0]:g}"
            )
    return out


def simulated_choices(rows: Sequence[Subject], model: Model, space: Space, truth: FloatArray, seed: int) -> Choices:
    """Subjects 0, 1, ... that chose on given rows with given parameters."""
    made = []
    for number, (subject, theta) in enumerate(zip(rows, truth, strict=True)):
        choice = simulate(subject, model, space.names, theta[None], seed=seed, first=number)[0]
        made.append(dataclasses.replace(subject.with_choices(choice), label=number))
    return Choices(made)


@dataclass(frozen=True, eq=False)
class Confusion(Frozen):
    """Which agent is taken for which.

    Attributes
    ----------
    names : tuple of str
    criterion : str
        "bic" or "aic".
    scores : array of float, shape (models, subjects, models)
        Criterion of each fitted model (last axis) for each subject of each simulated one (first axis).
    log_likelihood : array of float, shape (models, subjects, models)
    same : tuple of (str, str)
        Pairs that are the same agent in this design: with equal parameters they give every choice the same probability.
    """

    names: tuple[str, ...]
    criterion: str
    scores: FloatArray
    log_likelihood: FloatArray
    same: tuple[tuple[str, str], ...]

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """How often each model is the best for each simulated one, shape (simulated, fitted); ties are shared."""
        best = self.scores.min(axis=2, keepdims=True)
        wins = (self.scores <= best + 1e-6).astype(np.float64)
        return np.asarray((wins / wins.sum(axis=2, keepdims=True)).sum(axis=1))

    @property
    def accuracy(self) -> float:
        """Share of subjects for whom the right model is the best."""
        return float(np.trace(self.counts) / self.counts.sum())

    @property
    def lost(self) -> FloatArray:
        """Log-likelihood that each wrong model loses, nats a subject, shape (simulated, fitted): mean over subjects."""
        own = np.stack([self.log_likelihood[i, :, i] for i in range(len(self.names))])
        return np.asarray((own[:, :, None] - self.log_likelihood).mean(axis=1))

    def plot(self, ax: Any = None) -> Any:
        """P(fitted | simulated) as a map."""
        from .. import plot

        return plot.confusion(self.counts, self.names, ax)

    def to_frame(self) -> "pd.DataFrame":
        """P(fitted | simulated). Needs pandas."""
        import pandas as pd

        share = self.counts / self.counts.sum(axis=1, keepdims=True)
        return pd.DataFrame(share, index=pd.Index(self.names, name="simulated"), columns=list(self.names))

    def __repr__(self) -> str:
        width = max(map(len, self.names))
        share = self.counts / self.counts.sum(axis=1, keepdims=True)
        of_each = self.scores.shape[1]
        lines = [f"<Confusion of {len(self.names)} models by {self.criterion.upper()}, {of_each} subjects of each"]
        lines.append("  " + " " * width + "".join(f"{name:>12.12}" for name in self.names) + "   fitted")
        for i, name in enumerate(self.names):
            lines.append(f"  {name:<{width}}" + "".join(f"{x:12.2f}" for x in share[i]))
        lines.append(f"  right for {100 * self.accuracy:.0f} % (by chance {100 / len(self.names):.0f} %)")
        lines += [f"  in this design {a} and {b} are the same agent" for a, b in self.same]
        return "\n".join(lines) + ">"


def recover_models(
    design: Design,
    agents: Mapping[str, Agent | SoftmaxLearner | Model],
    *,
    trials: int | None = None,
    subjects: int = 20,
    free: Mapping[str, Sequence[str]] | None = None,
    bounds: Mapping[str, Mapping[str, tuple[float, float]]] | None = None,
    simulated: Mapping[str, Mapping[str, Any]] | None = None,
    criterion: str = "bic",
    starts: int = 8,
    seed: int = 0,
    workers: int | None = None,
    executor: Executors = None,
    store: str | Path | None = None,
    progress: Any = False,
    **settings: Any,
) -> Confusion:
    """Simulate each agent in a design, fit all of them to each, and count which is taken for which.

    Parameters
    ----------
    design, trials
        As for `information`.
    agents : dict of {str: Agent, SoftmaxLearner or Model}
    subjects : int
        Of each agent.
    free, bounds, simulated : dict of dicts, optional
        By the agent's name, as for `recover_parameters`.
    criterion : {"bic", "aic"}
    starts, seed, workers, executor, store, progress
        As for `recover_parameters`. All agents choose on the same rows.
    **settings
        ``policy``, ``gradient_source``, ``window``, ``lapse`` of all agents.
    """
    if not isinstance(agents, Mapping) or len(agents) < 2:
        raise ValueError(f"agents must be a dict of two or more, got {_checks.shown(agents)}")
    _checks.choice("criterion", criterion, ("bic", "aic"))
    subjects = _checks.integer("subjects", subjects, low=1, high=10**6)
    seed = _checks.seed("seed", seed)
    names = tuple(map(str, agents))
    for field, given in (("free", free), ("bounds", bounds), ("simulated", simulated)):
        for name in _checks.mapping(field, given):
            if name not in names:
                raise ValueError(f"{field}: no agent is called {name!r}; there are {', '.join(names)}")
    models = {str(name): as_model(agent, **settings) for name, agent in agents.items()}
    rows = [subject_of(design, trials, seed + number) for number in range(subjects)]
    spaces = {
        name: make_space(rows, model, (free or {}).get(name), (bounds or {}).get(name))
        for name, model in models.items()
    }
    scores = np.empty((len(names), subjects, len(names)))
    likelihood = np.empty_like(scores)
    checked: set[tuple[str, str]] = set()
    differ: set[tuple[str, str]] = set()
    for s, name in enumerate(names):
        truth = draw_parameters(spaces[name], subjects, (simulated or {}).get(name), seed)
        data = simulated_choices(rows, models[name], spaces[name], truth, seed + s)
        gaps = _gaps(data, models, names, spaces[name], truth)
        checked |= set(gaps)
        differ |= {pair for pair, gap in gaps.items() if gap > _SAME}
        for m, other in enumerate(names):
            space = spaces[other]
            jobs = make_jobs(
                data, models[other], free=space.names, starts=starts, seed=seed, intervals=None,
                bounds=space.bounds,
            )  # fmt: skip
            found = run_jobs(jobs, workers=workers, executor=executor, store=store, progress=progress)
            fit = assembled(jobs, found)
            likelihood[s, :, m] = fit.log_likelihood
            scores[s, :, m] = fit.bic if criterion == "bic" else fit.aic
    pairs = tuple(pair for pair in itertools.combinations(names, 2) if pair in checked - differ)
    return Confusion(names, criterion, scores, likelihood, pairs)


def _gaps(
    data: Choices, models: Mapping[str, Model], names: tuple[str, ...], space: Space, truth: FloatArray
) -> dict[tuple[str, str], float]:
    """Largest difference of a choice's log-likelihood between two agents with the same parameters, of those that have
    all that were drawn."""
    able = [name for name in names if set(space.names) <= set(models[name].parameters)]
    gaps = dict.fromkeys(itertools.combinations(able, 2), 0.0)
    for subject, theta in zip(data, truth, strict=True):
        terms = {
            name: log_likelihoods(subject, models[name], space.names, theta[None], pointwise=True)[0] for name in able
        }
        for a, b in gaps:
            gaps[a, b] = max(gaps[a, b], float(np.abs(terms[a] - terms[b]).max()))
    return gaps


@dataclass(frozen=True, eq=False)
class DesignGrid(Frozen):
    """Recovery over a grid of designs.

    Attributes
    ----------
    axes : dict of {str: list}
        "trials", "subjects", and arguments of the task or of the function that makes the design.
    cells : array of object, shape (one dimension an axis)
        A `Recovery` or a `Confusion` for each.
    """

    axes: dict[str, list[Any]]
    cells: npt.NDArray[np.object_]

    def table(self, quantity: str, parameter: str | None = None) -> FloatArray:
        """A number of every cell, shape as the grid's.

        Parameters
        ----------
        quantity : str
            Of recoveries "rank_correlation", "correlation", "bias", "spread", "coverage" or "identified", with the
            parameter; of confusions "accuracy".
        parameter : str, optional
        """
        out = np.empty(self.cells.shape)
        for place, cell in np.ndenumerate(self.cells):
            _checks.choice("quantity", quantity, _OF_RECOVERIES if isinstance(cell, Recovery) else _OF_CONFUSIONS)
            found = getattr(cell, quantity)
            if np.ndim(found):
                found = found[cell.names.index(_checks.choice("parameter", parameter, cell.names))]
            out[place] = found
        return out

    def to_frame(self) -> "pd.DataFrame":
        """One row a cell and parameter (of confusions: a cell). Needs pandas."""
        import pandas as pd

        rows = []
        for place, cell in np.ndenumerate(self.cells):
            at = {name: values[i] for (name, values), i in zip(self.axes.items(), place, strict=True)}
            if isinstance(cell, Recovery):
                rows += [at | {"parameter": name} | row for name, row in cell.to_frame().to_dict("index").items()]
            else:
                rows.append(at | {"accuracy": cell.accuracy, "same": ", ".join(" = ".join(pair) for pair in cell.same)})
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        shape = " × ".join(f"{len(values)} of {name}" for name, values in self.axes.items())
        return f"<DesignGrid: {shape}, {type(self.cells.flat[0]).__name__}>"


def recover_over(
    grid: Mapping[str, Any],
    design: str | Callable[..., Any],
    agent: Agent | SoftmaxLearner | Model | Mapping[str, Agent | SoftmaxLearner | Model],
    *,
    trials: int | None = None,
    subjects: int = 20,
    seed: int = 0,
    progress: Any = False,
    **options: Any,
) -> DesignGrid:
    """Recovery of parameters, or of models, over a grid of designs: more trials, other frequencies, other stakes.

    Parameters
    ----------
    grid : dict
        As for `sweep`: lists, ``{"linspace": [a, b, n]}`` or ``{"geomspace": [a, b, n]}`` of "trials", "subjects" and
        arguments of the task, with "task." in front. A product.
    design : str or callable
        A task's name, such as "slot-machines", or a function of the task's arguments that makes a task (or rows, if it
        takes ``trials`` and ``seed`` besides, with their payoffs).
    agent : Agent, SoftmaxLearner or Model, or dict of them
        One: `recover_parameters`; several: `recover_models`.
    trials, subjects, seed, progress, **options
        As for these. ``store`` keeps every subject of every cell.

    Returns
    -------
    DesignGrid
    """
    axes = axes_of.checked_axes(grid)
    axes_of.check_distinct(axes, "product")
    for name in axes:
        if name not in ("trials", "subjects") and not name.startswith("task."):
            raise ValueError(
                f"grid: {name!r} must be 'trials', 'subjects', or an argument of the task with 'task.' in front"
            )
    if not axes:
        raise ValueError("grid must have an axis")
    cells = np.empty(axes_of.cell_shape(axes, "product"), dtype=object)
    plans = []
    for values in axes_of.combinations(axes, "product"):
        cell = dict(zip(axes, values, strict=True))
        arguments = {name.removeprefix("task."): value for name, value in cell.items() if name.startswith("task.")}
        plans.append((_made_design(design, arguments), cell.get("trials", trials), cell.get("subjects", subjects)))
    for place, (made, length, count) in zip(np.ndindex(cells.shape), plans, strict=True):
        common: dict[str, Any] = {"trials": length, "subjects": count, "seed": seed, "progress": progress, **options}
        if isinstance(agent, Mapping):
            cells[place] = recover_models(made, agent, **common)
        else:
            cells[place] = recover_parameters(made, agent, **common)
    return DesignGrid(axes, cells)


def _made_design(design: str | Callable[..., Any], arguments: dict[str, Any]) -> Design:
    if isinstance(design, str):
        _checks.choice("design", design, tuple(TASKS))
        task: Design = TASKS[design].make(**arguments)
        return task
    if not callable(design):
        raise ValueError(
            f"design must be the name of a task or a function that makes a design, got {_checks.shown(design)}"
        )
    made: Design = design(**arguments)
    return made
