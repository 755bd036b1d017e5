"""Which agent describes the choices best: information criteria, future trials, and random effects over subjects."""

import html
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from .. import _checks
from .._executors import Executors
from .._floats import quietly
from .._frozen import Frozen
from ..agents import Agent
from .choices import Choices
from .estimate import Jobs, make_jobs, run_jobs
from .filed import Rows
from .groups import Group
from .likelihood import log_likelihoods
from .model import FloatArray, Model, SoftmaxLearner, as_model
from .results import Fit, SubjectFits
from .subject import Subject

if TYPE_CHECKING:
    import pandas as pd

Criterion: TypeAlias = Literal["aic", "bic", "evidence"]
_DRAWS = 1_000_000  # of the Dirichlet, for exceedance probabilities


@dataclass(frozen=True, eq=False)
class RandomEffects(Frozen):
    """Random-effects model selection [1]_ [2]_: each subject has one of the models, each with an unknown frequency.

    Attributes
    ----------
    concentration : array of float, shape (models,)
        α of the Dirichlet posterior over frequencies.
    responsibility : array of float, shape (subjects, models)
        Probability that each subject has each model.
    exceedance : array of float, shape (models,)
        Probability that each model is the most frequent one, if frequencies differ at all.
    omnibus_risk : float
        Probability that they do not: that all models are equally frequent.
    protected : array of float, shape (models,)
        Protected exceedance probabilities: exceedance · (1 − risk) + risk / models.

    References
    ----------
    .. [1] Stephan, K. E., Penny, W. D., Daunizeau, J., Moran, R. J. and Friston, K. J. (2009). Bayesian model selection
       for group studies. NeuroImage 46, 1004-1017.
    .. [2] Rigoux, L., Stephan, K. E., Friston, K. J. and Daunizeau, J. (2014). Bayesian model selection for group
       studies revisited. NeuroImage 84, 971-985.
    """

    concentration: FloatArray
    responsibility: FloatArray
    exceedance: FloatArray
    omnibus_risk: float
    protected: FloatArray

    @property
    def frequency(self) -> FloatArray:
        """Expected frequency of each model, shape (models,)."""
        return np.asarray(self.concentration / self.concentration.sum())


@quietly
def random_effects(log_evidence: npt.ArrayLike, *, seed: int = 0) -> RandomEffects:
    """Random-effects model selection from log evidences, in nats.

    Parameters
    ----------
    log_evidence : array of float, shape (subjects, models)
        Such as −BIC/2.
    seed : int
        Of the draws behind exceedance probabilities of three models and more (their standard error is .0005 at most; of
        two models they are exact).
    """
    evidence = _checks.numeric("log_evidence", log_evidence).astype(np.float64)
    if evidence.ndim != 2 or evidence.shape[1] < 2 or not len(evidence) or not np.isfinite(evidence).all():
        raise ValueError(
            f"log_evidence must be finite, of shape (subjects, models) with at least two models, got {evidence.shape}"
        )
    n, k = evidence.shape
    alpha = np.ones(k)
    responsibility = np.full((n, k), 1.0 / k)
    for _ in range(10_000):
        expected = special.digamma(alpha) - special.digamma(alpha.sum())
        responsibility = special.softmax(evidence + expected, axis=1)
        updated = 1.0 + responsibility.sum(axis=0)
        done = np.abs(updated - alpha).max() < 1e-10
        alpha = updated
        if done:
            break
    risk = float(special.expit(_null_evidence(evidence) - _free_energy(evidence, alpha)))
    exceedance = _exceedance(alpha, _checks.seed("seed", seed))
    return RandomEffects(alpha, responsibility, exceedance, risk, exceedance * (1 - risk) + risk / k)


def _null_evidence(evidence: FloatArray) -> float:
    """ln p(choices) if every model has the same frequency."""
    return float(special.logsumexp(evidence, axis=1).sum() - len(evidence) * math.log(evidence.shape[1]))


def _free_energy(evidence: FloatArray, alpha: FloatArray) -> float:
    """Lower bound of ln p(choices) with a uniform prior over frequencies."""
    k = len(alpha)
    expected = special.digamma(alpha) - special.digamma(alpha.sum())
    g = special.softmax(evidence + expected, axis=1)
    joint = float((g * (evidence + expected)).sum()) + float(special.gammaln(k))
    entropy = float(special.gammaln(alpha).sum() - special.gammaln(alpha.sum()) - ((alpha - 1) * expected).sum())
    return joint + entropy - float(special.xlogy(g, g).sum())


def _exceedance(alpha: FloatArray, seed: int) -> FloatArray:
    if len(alpha) == 2:
        first = float(stats.beta.sf(0.5, alpha[0], alpha[1]))
        return np.array([first, 1.0 - first])
    rng = np.random.default_rng(seed)
    wins = np.zeros(len(alpha))
    for _ in range(10):
        drawn = rng.standard_gamma(alpha, size=(_DRAWS // 10, len(alpha)))
        wins += np.bincount(drawn.argmax(axis=1), minlength=len(alpha))
    return np.asarray(wins / wins.sum())


@dataclass(frozen=True, eq=False)
class Comparison(Frozen):
    """Models compared, subject by subject.

    Attributes
    ----------
    names : tuple of str
    labels : tuple
        Of the subjects.
    criterion : str
        What ``effects`` go by: "bic", "aic", "evidence" or "future".
    scores : dict of {str: array of float, shape (models, subjects)}
        "log_likelihood" and what else there is: "aic", "bic" (lower is better), "evidence", "future" (log-likelihood of
        the trials that came after those that were fitted: higher is better); in nats, but for the criteria.
    effects : RandomEffects
    fits : dict of {str: Fit}
    remarks : tuple of str
        What should be known before a word is believed.
    """

    names: tuple[str, ...]
    labels: tuple[Hashable, ...]
    criterion: str
    scores: dict[str, FloatArray]
    effects: RandomEffects
    fits: dict[str, Fit]
    remarks: tuple[str, ...] = ()

    @property
    def lower_is_better(self) -> bool:
        """Whether the criterion is one of badness."""
        return self.criterion in ("aic", "bic")

    @property
    def best(self) -> str:
        """The model with the best sum over subjects."""
        sums = self.scores[self.criterion].sum(axis=1)
        return self.names[int(np.argmin(sums) if self.lower_is_better else np.argmax(sums))]

    def differences(self) -> FloatArray:
        """How much worse than the best model each one is, subject by subject, shape (models, subjects)."""
        table = self.scores[self.criterion]
        gap: FloatArray = table - table[self.names.index(self.best)]
        return gap if self.lower_is_better else -gap

    def to_frame(self) -> "pd.DataFrame":
        """One row a model, the best first: sums, differences with standard errors, and random effects. Needs pandas."""
        import pandas as pd

        gap = self.differences()
        error = gap.std(axis=1, ddof=1) * math.sqrt(gap.shape[1]) if gap.shape[1] > 1 else np.full(len(gap), np.nan)
        table = {name: values.sum(axis=1) for name, values in self.scores.items()}
        table |= {
            "difference": gap.sum(axis=1), "difference_se": error,
            "subjects_best": np.bincount(self._winners(), minlength=len(self.names)),
            "frequency": self.effects.frequency, "exceedance": self.effects.exceedance,
            "protected_exceedance": self.effects.protected,
        }  # fmt: skip
        return pd.DataFrame(table, index=pd.Index(self.names, name="model")).sort_values("difference")

    def _winners(self) -> npt.NDArray[np.int64]:
        table = self.scores[self.criterion]
        return np.asarray(np.argmin(table if self.lower_is_better else -table, axis=0), dtype=np.int64)

    def to_arviz(self, draws: int = 250, *, seed: int = 0, **options: Any) -> Any:
        """ArviZ's ``compare`` of the posteriors, by Pareto-smoothed leave-one-out of single choices.

        A choice that is left out is not scored, but still teaches: this is about parameters, not about the future.

        Parameters
        ----------
        draws, seed
            As for `Fit.to_arviz`.
        **options
            Of ArviZ's ``compare``.
        """
        from .tables import compare as compared

        return compared({name: self.fits[name] for name in self.names}, draws, seed, options)

    def plot(self, ax: Any = None) -> Any:
        """Bars with subjects as dots, of differences from the best model."""
        from .. import plot

        table = self.scores[self.criterion] if self.lower_is_better else -self.scores[self.criterion]
        label = {"aic": "AIC", "bic": "BIC", "evidence": "−ln evidence", "future": "−ln p(future)"}[self.criterion]
        return plot.model_comparison(dict(zip(self.names, table, strict=True)), ax, criterion=label, baseline=self.best)

    def __repr__(self) -> str:
        order = np.argsort(self.differences().sum(axis=1), kind="stable")
        width = max(map(len, self.names))
        gap = self.differences()
        wins = np.bincount(self._winners(), minlength=len(self.names))
        lines = [f"<Comparison of {len(self.names)} models by {self._word()}, {len(self.labels)} subjects"]
        for i in order:
            lines.append(
                f"  {self.names[i]:<{width}}  {gap[i].sum():+10.2f}  best for {wins[i]:>3}  frequency "
                f"{self.effects.frequency[i]:.2f}  protected exceedance {self.effects.protected[i]:.3f}"
            )
        lines.append(f"  all equally frequent with probability {self.effects.omnibus_risk:.3f}")
        lines += [f"  {remark}" for remark in self.remarks]
        return "\n".join(lines) + ">"

    def _word(self) -> str:
        return {"aic": "AIC", "bic": "BIC", "evidence": "evidence", "future": "future trials"}[self.criterion]

    def _repr_html_(self) -> str:
        gap, wins = self.differences(), np.bincount(self._winners(), minlength=len(self.names))
        head = "".join(f"<th>{word}</th>" for word in (
            "model", f"Σ difference ({self._word()})", "subjects", "frequency", "protected exceedance"
        ))  # fmt: skip
        rows = "".join(
            f"<tr><td>{html.escape(self.names[i])}</td><td>{gap[i].sum():.2f}</td><td>{wins[i]}</td>"
            f"<td>{self.effects.frequency[i]:.2f}</td><td>{self.effects.protected[i]:.3f}</td></tr>"
            for i in np.argsort(gap.sum(axis=1), kind="stable")
        )
        notes = "".join(f"<p>{html.escape(remark)}</p>" for remark in self.remarks)
        return f"<table><tr>{head}</tr>{rows}</table>{notes}"


def compare(fits: Mapping[str, Fit | Group], *, criterion: Criterion | None = None, seed: int = 0) -> Comparison:
    """Compare fits of several models to the same choices.

    Parameters
    ----------
    fits : dict of {str: Fit or Group}
        Two or more, of the same subjects in the same order.
    criterion : {"bic", "aic", "evidence"}, optional
        What differences and random effects go by: −BIC/2 or −AIC/2 stands for a subject's log evidence, or it is the
        evidence of groups itself. Default: "evidence" if all are groups, else "bic".
    seed : int

    Raises
    ------
    ValueError
        If the fits are not of the same choices, or the criterion is not there.
    """
    names, plain = _checked_fits(fits)
    first = plain[names[0]]
    scores = {
        "log_likelihood": np.array([plain[name].log_likelihood for name in names]),
        "aic": np.array([plain[name].aic for name in names]), "bic": np.array([plain[name].bic for name in names]),
    }  # fmt: skip
    groups = [fit for fit in fits.values() if isinstance(fit, Group)]
    if len(groups) == len(names):
        scores = {"log_likelihood": scores["log_likelihood"], "evidence": np.array([g.log_evidence for g in groups])}
    elif groups:
        raise ValueError("fits must be all groups or none: a group's subjects are not at the top of their likelihoods")
    chosen = ("evidence" if groups else "bic") if criterion is None else criterion
    _checks.choice("criterion", chosen, tuple(name for name in scores if name != "log_likelihood"))
    evidence = scores[chosen] if chosen == "evidence" else -0.5 * scores[chosen]
    effects = random_effects(evidence.T, seed=seed)
    return Comparison(names, first.labels, chosen, scores, effects, plain, _remarks(names, scores["log_likelihood"]))


def _checked_fits(fits: Mapping[str, Fit | Group]) -> tuple[tuple[str, ...], dict[str, Fit]]:
    if not isinstance(fits, Mapping) or len(fits) < 2:
        raise ValueError(f"fits must be a dict of two fits or more, got {_checks.shown(fits)}")
    plain = {}
    for name, fit in fits.items():
        if not isinstance(fit, (Fit, Group)):
            raise ValueError(f"fits[{name!r}] must be a Fit or a Group, got {_checks.shown(fit)}")
        plain[str(name)] = fit.fit if isinstance(fit, Group) else fit
    names = tuple(plain)
    first = plain[names[0]]
    for name in names[1:]:
        other = plain[name]
        if other.labels != first.labels:
            raise ValueError(f"fits[{name!r}] has other subjects than fits[{names[0]!r}]")
        if _known_to_be_of_the_same_rows(first, other):
            continue
        for one, two in zip(first, other, strict=True):
            a, b = one.subject, two.subject
            if not (np.array_equal(a.choice, b.choice) and np.array_equal(a.scored, b.scored)):
                raise ValueError(f"fits[{name!r}] is of other choices of subject {a.label!r} than fits[{names[0]!r}]")
    return names, plain


def _known_to_be_of_the_same_rows(a: Fit, b: Fit) -> bool:
    """Whether that can be told without reading them: they are the same ones, or files with the same checksums."""
    one, other = a.subjects, b.subjects
    if not (isinstance(one, SubjectFits) and isinstance(other, SubjectFits) and one.places is other.places is None):
        return False
    if isinstance(one.rows, Rows) and isinstance(other.rows, Rows):
        return np.array_equal(one.rows.contents.sums, other.rows.contents.sums)
    return one.rows is other.rows


def _remarks(names: tuple[str, ...], likelihood: FloatArray) -> tuple[str, ...]:
    """Pairs of models that these choices cannot tell apart."""
    out = []
    for i in range(len(names)):
        for j in range(i):
            if np.abs(likelihood[i] - likelihood[j]).max() < 1e-3:
                out.append(
                    f"{names[j]} and {names[i]} fit every subject equally well, to {1e-3:g} nats: these choices cannot "
                    "tell them apart"
                )
    return tuple(out)


def future(
    data: Choices,
    agents: Mapping[str, Agent | SoftmaxLearner | Model],
    *,
    cuts: Sequence[float] | Literal["blocks"] = (0.5,),
    free: Mapping[str, Sequence[str]] | None = None,
    bounds: Mapping[str, Mapping[str, tuple[float, float]]] | None = None,
    starts: int = 8,
    seed: int = 0,
    workers: int | None = None,
    executor: Executors = None,
    store: str | Path | None = None,
    progress: Any = False,
    **settings: Any,
) -> Comparison:
    """Compare models by how well they predict trials that come later.

    Parameters are fitted to a subject's first trials; the trials after them are scored with these parameters, by a
    learner that has lived through all that came before. (Cross validation over folds in the middle would restart a
    naive learner in each, or let it learn from the future.)

    Parameters
    ----------
    data : Choices
    agents : dict of {str: Agent, SoftmaxLearner or Model}
    cuts : sequence of float in (0, 1), or "blocks"
        Up to which part of a subject's rows is fitted; what is scored reaches to the next cut, or to the end. "blocks":
        after every block but the last.
    free, bounds : dict of dicts, optional
        By the model's name, as for `fit`.
    starts, seed, workers, executor, store, progress
        As for `fit`.
    **settings
        ``policy``, ``gradient_source``, ``window``, ``lapse``, ``stickiness`` of all models.

    Returns
    -------
    Comparison
        Its criterion is "future": log-likelihoods of all scored trials, in nats. The fits are those of the last cut.
    """
    if not isinstance(agents, Mapping) or len(agents) < 2:
        raise ValueError(f"agents must be a dict of two or more, got {_checks.shown(agents)}")
    if not isinstance(data, Choices):
        raise ValueError(f"data must be Choices, got {_checks.shown(data)}")
    starts, seed = _checks.integer("starts", starts, low=1, high=10**4), _checks.seed("seed", seed)
    plan = [_ends(subject, cuts) for subject in data]
    names = tuple(map(str, agents))
    for field, given in (("free", free), ("bounds", bounds)):
        for name in _checks.mapping(field, given):
            if name not in names:
                raise ValueError(f"{field}: no model is called {name!r}; there are {', '.join(names)}")
    scores = np.zeros((len(names), len(data)))
    seen = np.zeros((len(names), len(data)))
    fits: dict[str, Fit] = {}
    for m, (name, agent) in enumerate(agents.items()):
        jobs, targets = _future_jobs(
            data, as_model(agent, **settings), plan, None if free is None else free.get(name),
            None if bounds is None else bounds.get(name), starts, seed,
        )  # fmt: skip
        found = run_jobs(jobs, workers=workers, executor=executor, store=store, progress=progress)
        last: dict[int, int] = {}
        for place, (fit, (number, end, until)) in enumerate(zip(found, targets, strict=True)):
            later = data.subjects[number].part(until).scoring(np.arange(until) >= end)
            scores[m, number] += log_likelihoods(later, fit.model, (), np.zeros((1, 0)))[0]
            seen[m, number] += fit.log_likelihood
            last[number] = place
        fits[str(name)] = Fit(found.only([last[number] for number in range(len(data))]), "lbfgsb", 0.95)
    effects = random_effects(scores.T, seed=seed)
    table = {"log_likelihood": seen, "future": scores}
    return Comparison(names, data.labels, "future", table, effects, fits, _remarks(names, scores))


def _ends(subject: Subject, cuts: Any) -> list[int]:
    """Rows before which each cut is."""
    if isinstance(cuts, str):
        _checks.choice("cuts", cuts, ("blocks",))
        ends = np.flatnonzero(np.diff(subject.block)) + 1
        if not len(ends):
            raise ValueError(f"cuts: subject {subject.label!r} has one block only; give parts of the rows")
        return [int(end) for end in ends]
    parts = [_checks.real("cuts", part, low=0, high=1, low_open=True) for part in _checks.sequence("cuts", cuts)]
    if not parts or max(parts) == 1 or sorted(set(parts)) != parts:
        raise ValueError(f"cuts must be rising numbers between 0 and 1, got {_checks.shown(cuts)}")
    ends = np.array([round(part * subject.n_rows) for part in parts])
    if ends[0] < 1 or ends[-1] >= subject.n_rows or (np.diff(ends) < 1).any():
        raise ValueError(f"cuts: subject {subject.label!r} has {subject.n_rows} rows, too few for cuts at {parts}")
    return [int(end) for end in ends]


def _future_jobs(
    data: Choices, model: Model, plan: list[list[int]], free: Sequence[str] | None,
    bounds: Mapping[str, tuple[float, float]] | None, starts: int, seed: int,
) -> tuple[Jobs, list[tuple[int, int, int]]]:  # fmt: skip
    """Jobs, and of each: whose it is, and between which rows what is scored lies."""
    template = make_jobs(data, model, free=free, bounds=bounds, starts=starts, seed=seed, intervals=None)
    places: list[tuple[int, int | None]] = []
    targets = []
    for number, (subject, ends) in enumerate(zip(data, plan, strict=True)):
        for end, until in zip(ends, [*ends[1:], subject.n_rows], strict=True):
            earlier = subject.part(end)
            later = subject.part(until).scoring(np.arange(until) >= end)
            if not earlier.n_scored or not later.n_scored:
                raise ValueError(f"cuts: subject {subject.label!r} has no choice that counts before or after row {end}")
            places.append((number, end))
            targets.append((number, end, until))
    return Jobs(template.rows, template.common, None, places), targets
