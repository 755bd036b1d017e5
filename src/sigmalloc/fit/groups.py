"""Groups by empirical Bayes: subjects' parameters are drawn from a normal over coordinates, which is estimated too."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from scipy import special, stats

from .. import _checks
from .._choices.policy import Policy
from .._executors import Executors
from .._floats import quietly
from .._frozen import Frozen
from .._io.progress import shown
from ..agents import Agent
from . import optimise
from .choices import Choices
from .estimate import Job, Jobs, assembled, make_jobs, run_jobs
from .model import FloatArray, GradientSource, Model, SoftmaxLearner, as_model
from .results import Fit, SubjectFit, SubjectFits
from .target import Normal, Target
from .work import as_done

Covariance: TypeAlias = Literal["diagonal", "full"]

_FIRST_WIDTH = 0.25  # of the box: standard deviation of the first prior
_FREEDOM = 5.0  # of the t distribution that evidence is sampled from
_SMALLEST = 1e-3  # of the box: a group's standard deviation is not less


@dataclass(frozen=True, eq=False)
class Group(Frozen):
    """A group of subjects.

    Attributes
    ----------
    fit : Fit
        Subjects at the top of their posteriors, with the group as their prior; intervals are Laplace's.
    normal : Normal
        The group: mean and covariance of the coordinates.
    covariances : array of float, shape (subjects, f, f)
        Of each subject's posterior, by Laplace's method. Directions in which the likelihood does not fall have the
        prior's.
    log_evidence, log_evidence_sd : array of float, shape (subjects,)
        ln ∫ p(choices | x) p(x) dx of each subject under the final group, by importance sampling, and the standard
        deviation of that estimate.
    effective_draws : array of float, shape (subjects,)
        Of importance sampling: 1 / Σ w².
    history : array of float, shape (iterations, 2, f)
        Mean and standard deviation of the group after each iteration.
    converged : bool
    """

    fit: Fit
    normal: Normal
    covariances: FloatArray
    log_evidence: FloatArray
    log_evidence_sd: FloatArray
    effective_draws: FloatArray
    history: FloatArray
    converged: bool
    hyperparameters: int

    @property
    def bic(self) -> float:
        """Integrated BIC: −2 Σ ln evidence + (parameters of the group) · ln(choices) (Huys et al., 2011)."""
        return -2.0 * float(self.log_evidence.sum()) + self.hyperparameters * math.log(int(self.fit.n_scored.sum()))

    @property
    def mean(self) -> dict[str, float]:
        """The parameters at the group's mean coordinates, in their own units."""
        return dict(zip(self.normal.names, self.fit.space.to_values(self.normal.mean).tolist(), strict=True))

    @property
    def interval(self) -> dict[str, tuple[float, float]]:
        """Where the middle 68 % of the group are: mean ± one standard deviation of the coordinates."""
        deviation = np.sqrt(np.diag(self.normal.covariance))
        ends = [self.fit.space.to_values(self.normal.mean + sign * deviation) for sign in (-1, 1)]
        return {name: (float(ends[0][i]), float(ends[1][i])) for i, name in enumerate(self.normal.names)}

    def __repr__(self) -> str:
        lines = [f"<Group: {self.fit.model.kind}, {len(self.fit)} subjects, {len(self.history)} iterations"
                 + ("" if self.converged else ", not converged")]  # fmt: skip
        for name, value in self.mean.items():
            low, high = self.interval[name]
            lines.append(f"  {name:<20} {value:.4g}, 68 % of the group in {low:.4g} to {high:.4g}")
        lines.append(f"  log evidence {self.log_evidence.sum():.2f}, integrated BIC {self.bic:.2f}>")
        return "\n".join(lines)


def fit_group(
    data: Choices,
    agent: Agent | SoftmaxLearner | Model,
    *,
    free: Sequence[str] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    covariance: Covariance = "diagonal",
    iterations: int = 60,
    tolerance: float = 0.02,
    starts: int = 8,
    draws: int = 1024,
    level: float = 0.95,
    seed: int = 0,
    policy: Policy | None = None,
    gradient_source: GradientSource | None = None,
    window: int | None = None,
    lapse: float | None = None,
    stickiness: float | None = None,
    shape: Sequence[float] | None = None,
    workers: int | None = None,
    executor: Executors = None,
    store: str | Path | None = None,
    progress: Any = False,
) -> Group:
    """Parameters of subjects and of the group that they come from, by expectation-maximisation [1]_.

    E: each subject's mode and Hessian with the group as prior. M: the group's mean is that of the modes; its covariance
    is that of the modes, plus the mean of the subjects' posterior covariances.

    Parameters
    ----------
    data : Choices
        Of two subjects or more.
    agent, free, bounds, policy, gradient_source, window, lapse, stickiness, shape, workers, executor
        As for `fit`.
    covariance : {"diagonal", "full"}
        "full" asks for many more subjects than free parameters.
    iterations : int
        At most.
    tolerance : float
        It has converged when no mean moves by more than that part of its standard deviation, and no standard deviation
        by more than that part of itself.
    starts : int
        Of the first iteration; later ones go on from where each subject was, and have one start besides.
    draws : int
        Of importance sampling for each subject's evidence, from a t distribution with 5 degrees of freedom around the
        mode.
    level : float
        Of the intervals.
    store : path, optional
        Folder that keeps the subjects of every iteration.
    progress : bool or callable(done, total)
        Of iterations.

    References
    ----------
    .. [1] Huys, Q. J. M., Cools, R., Gölzer, M., Friedel, E., Heinz, A., Dolan, R. J. and Dayan, P. (2011).
       Disentangling the roles of approach, activation and valence in instrumental and Pavlovian responding. PLoS
       Computational Biology 7, e1002028.
    """
    model = as_model(
        agent, policy=policy, gradient_source=gradient_source, window=window, lapse=lapse, stickiness=stickiness,
        shape=shape,
    )  # fmt: skip
    _checks.choice("covariance", covariance, ("diagonal", "full"))
    iterations = _checks.integer("iterations", iterations, low=1)
    draws = _checks.integer("draws", draws, low=16, high=10**6)
    tolerance = _checks.real("tolerance", tolerance, low=0, low_open=True)
    jobs = make_jobs(data, model, free=free, bounds=bounds, starts=starts, seed=seed, intervals=None, level=level)
    if len(jobs) < 2:
        raise ValueError(f"data must have at least two subjects to be a group, got {len(jobs)}")
    space, f = jobs[0].space, jobs[0].space.size
    width = space.box[:, 1] - space.box[:, 0]
    normal = Normal(space.names, space.box.mean(axis=1), np.diag((_FIRST_WIDTH * width) ** 2))
    floor = (_SMALLEST * width) ** 2
    history, converged = [], False

    def posteriors(jobs: Jobs) -> tuple[SubjectFits, FloatArray, FloatArray]:
        kept = run_jobs(jobs, workers=workers, executor=executor, store=store)
        tops = np.array([fit.coordinates for fit in kept])
        return kept, tops, _gathered(_posterior_covariance, zip(jobs, tops, strict=True), workers, executor)

    jobs = jobs.replace(priors=normal)
    with shown(progress, iterations, unit="iteration") as bar:
        for _ in range(iterations):
            _, tops, spreads = posteriors(jobs)
            before = normal
            normal = _group_of(space.names, tops, spreads, covariance, floor)
            jobs = jobs.replace(tops[:, None], priors=normal, starts=1)
            history.append(np.stack([normal.mean, _deviations(normal)]))
            bar.add(1)
            if _moved(before, normal) <= tolerance:
                converged = True
                break
    kept, tops, spreads = posteriors(jobs)
    items = ((job, top, spread, draws, number) for number, (job, top, spread) in
             enumerate(zip(jobs, tops, spreads, strict=True)))  # fmt: skip
    evidence = _gathered(_evidence, items, workers, executor)
    kept = kept.changed(lambda number, fit: _with_intervals(fit, spreads[number], level))
    fit = assembled(jobs, kept)
    fit.settings["group"] = {"mean": normal.mean.tolist(), "covariance": normal.covariance.tolist()}
    count = 2 * f if covariance == "diagonal" else f + f * (f + 1) // 2
    return Group(
        fit, normal, spreads, evidence[:, 0], evidence[:, 1], evidence[:, 2], np.array(history), converged, count
    )  # fmt: skip


def _group_of(
    names: tuple[str, ...], tops: FloatArray, spreads: FloatArray, covariance: Covariance, floor: FloatArray
) -> Normal:
    """The group that subjects come from, by their modes and the covariances around them; no variance is below the
    floor."""
    mean = tops.mean(axis=0)
    second = (tops - mean).T @ (tops - mean) / len(tops) + spreads.mean(axis=0)
    if covariance == "diagonal":
        second = np.diag(np.diag(second))
    second[np.diag_indices(len(names))] = np.maximum(np.diag(second), floor)
    return Normal(names, mean, second)


def _deviations(normal: Normal) -> FloatArray:
    return np.asarray(np.sqrt(np.diag(normal.covariance)))


def _moved(before: Normal, after: Normal) -> float:
    """By how much of a standard deviation a mean has moved at most, or by how much of itself a standard deviation."""
    first, last = _deviations(before), _deviations(after)
    return max(float(np.max(np.abs(after.mean - before.mean) / last)), float(np.max(np.abs(last / first - 1))))


def _gathered(function: Any, items: Iterable[Any], workers: int | None, executor: Executors) -> FloatArray:
    found = dict(as_done(function, items, workers, executor))
    return np.array([found[number] for number in range(len(found))])


def _posterior_covariance(item: tuple[Job, FloatArray]) -> FloatArray:
    """By Laplace's method; the likelihood's curvature counts where it is one of a top.

    In coordinates in which the prior is a standard normal, eigenvalues of the likelihood's negative Hessian below 0 (in
    a fold) are taken as 0: then the prior alone rules in that direction.
    """
    job, top = item
    prior = job.priors
    assert isinstance(prior, Normal)
    target = Target(job.subject, job.model, job.space, prior)
    moving = np.flatnonzero(job.space.at_bound(top) == 0)
    curvature = optimise.hessian(target, top, moving) if len(moving) else None
    root = np.linalg.cholesky(prior.covariance)
    whitened = np.zeros_like(root)
    if curvature is not None:
        likelihood = np.zeros_like(root)
        likelihood[np.ix_(moving, moving)] = -curvature - np.linalg.inv(prior.covariance)[np.ix_(moving, moving)]
        whitened = root.T @ likelihood @ root
    values, vectors = np.linalg.eigh(whitened)
    shrunk = root @ vectors / np.sqrt(1.0 + np.maximum(values, 0.0))
    return np.asarray(shrunk @ shrunk.T)


@quietly
def _evidence(item: tuple[Job, FloatArray, FloatArray, int, int]) -> FloatArray:
    """ln evidence, its standard deviation, and the effective number of draws."""
    job, top, spread, draws, number = item
    target = Target(job.subject, job.model, job.space, job.priors)
    proposal = stats.multivariate_t(top, spread, df=_FREEDOM)
    rng = np.random.default_rng(np.random.SeedSequence(job.seed, spawn_key=(number, 1)))
    points = np.asarray(proposal.rvs(size=draws, random_state=rng)).reshape(draws, len(top))
    box = job.space.box
    inside = ((points >= box[:, 0]) & (points <= box[:, 1])).all(axis=1)
    weights = np.full(draws, -np.inf)
    weights[inside] = target(points[inside]) - np.atleast_1d(proposal.logpdf(points[inside]))
    total = float(special.logsumexp(weights))
    share = np.exp(weights - total)
    effective = 1.0 / float((share**2).sum())
    relative = math.sqrt(max(draws * float((share**2).sum()) - 1.0, 0.0) / draws)  # sd of the mean weight over itself
    return np.array([total - math.log(draws), relative, effective])


def _with_intervals(fit: SubjectFit, spread: FloatArray, level: float) -> SubjectFit:
    z = float(stats.norm.ppf(0.5 + level / 2))
    deviation = np.sqrt(np.diag(spread))
    top = fit.coordinates
    names = fit.space.names
    return dataclasses.replace(
        fit, lower=fit.space.to_values(top - z * deviation), upper=fit.space.to_values(top + z * deviation),
        interval=("laplace",) * len(names), covariance=spread,
    )  # fmt: skip
