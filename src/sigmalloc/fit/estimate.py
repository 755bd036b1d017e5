"""Parameters from choices: `fit`, one subject at a time, on threads or any executor, resumable."""

import hashlib
import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import stats

from .. import _checks
from .._choices.policy import Policy
from .._executors import Executors
from .._io import files
from .._io.extras import needed
from .._io.progress import shown
from ..agents import Agent
from . import optimise, samplers
from .choices import Choices
from .contents import METHODS
from .filed import packed_subject
from .likelihood import log_likelihoods
from .model import FloatArray, GradientSource, Model, SoftmaxLearner, as_model
from .optimise import Starts
from .parameters import Space, make_space
from .results import FORMAT, Fit, SubjectFit, SubjectFits, packed_model
from .subject import Subject
from .target import NoisyTarget, Normal, Priors, Target, checked_priors
from .work import as_done

Method: TypeAlias = Literal["lbfgsb", "bads", "emcee", "vbmc"]
Intervals: TypeAlias = Literal["auto", "laplace", "profile"]

INTERVALS: tuple[str, ...] = ("auto", "laplace", "profile")
_PACKAGES = {"bads": ("pybads", "bads"), "emcee": ("emcee", "emcee"), "vbmc": ("pyvbmc", "vbmc")}
_CHAIN = {"walkers": 0, "steps": 2000, "burn": 1000, "thin": 10}
_RETRIES = 3  # times that a profile may lead to a higher top
_NEAR_BOUND = 0.05  # of the box: a posterior's interval that ends there is open


@dataclass(frozen=True, eq=False)
class Job:
    """All that fitting one subject needs; it can be pickled."""

    subject: Subject
    model: Model
    space: Space
    priors: Priors | None = None
    method: str = "lbfgsb"
    starts: int = 8
    begin: FloatArray | None = None  # further starts
    intervals: str | None = "auto"
    level: float = 0.95
    seed: int = 0
    particles: int | None = None
    repetitions: int = 8
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Jobs(Sequence[Job]):
    """Jobs of one kind, each made when it is asked for: so that no more rows are in memory than are worked on.

    Attributes
    ----------
    rows : sequence of Subject
    common : Job
        What they have in common; the subject is any one.
    begin : array of float, shape (jobs, n, f), optional
        Further starts of each.
    places : sequence of (int, int or None), optional
        Of each job: whose it is, and how many of the rows are fitted. Default: all rows of every subject.
    """

    rows: Sequence[Subject]
    common: Job
    begin: FloatArray | None = None
    places: Sequence[tuple[int, int | None]] | None = None

    def __len__(self) -> int:
        return len(self.rows if self.places is None else self.places)

    def __iter__(self) -> Iterator[Job]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        number = range(len(self))[index]
        whose, until = (number, None) if self.places is None else self.places[number]
        subject = self.rows[whose]
        return replace(
            self.common, subject=subject if until is None else subject.part(until),
            begin=None if self.begin is None else self.begin[number],
        )  # fmt: skip

    def replace(self, begin: FloatArray | None = None, **changes: Any) -> "Jobs":
        """The same with other starts to go on from, and other fields of each job."""
        return Jobs(self.rows, replace(self.common, **changes), begin, self.places)

    def only(self, numbers: Sequence[int]) -> "Jobs":
        """Some of them."""
        every = [(number, None) for number in range(len(self.rows))] if self.places is None else self.places
        begin = None if self.begin is None else self.begin[list(numbers)]
        return Jobs(self.rows, self.common, begin, [every[number] for number in numbers])

    def results(self) -> SubjectFits:
        """Room for what is found."""
        return SubjectFits(self.rows, self.common.model, self.common.space, self.places)


def fit(
    data: Choices | Subject,
    agent: Agent | SoftmaxLearner | Model,
    *,
    free: Sequence[str] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    priors: Priors | None = None,
    starts: int = 8,
    method: Method = "lbfgsb",
    intervals: Intervals | None = "auto",
    level: float = 0.95,
    seed: int = 0,
    policy: Policy | None = None,
    gradient_source: GradientSource | None = None,
    window: int | None = None,
    lapse: float | None = None,
    stickiness: float | None = None,
    shape: Sequence[float] | None = None,
    particles: int | None = None,
    repetitions: int = 8,
    options: Mapping[str, Any] | None = None,
    workers: int | None = None,
    executor: Executors = None,
    store: str | Path | None = None,
    progress: Any = False,
) -> Fit:
    """Estimate an agent's parameters from what each subject chose.

    Parameters are climbed in coordinates (ln of a scale, log odds of what lies between 0 and 1) within a box. With
    ``method="lbfgsb"`` the gradient comes from forward differences, f + 1 parameter sets in one pass of the engine; the
    starts are the best of each 32 points of a Sobol sequence.

    Parameters
    ----------
    data : Choices or Subject
    agent : Agent, SoftmaxLearner or Model
        Gives the kind of agent and all parameters that are not free.
    free : sequence of str, optional
        Names out of `PARAMETERS`. Default: α₁, α₂, λ and σ₀ of an agent that allocates; α₁ and σ₀ of one with fixed
        precision; α₁ and β of a softmax learner. λ trades off with σ_base, and β with σ: free only one of each.
    bounds : dict of {str: (float, float)}, optional
        In the parameters' own units. The rest have default bounds, multiples of the standard deviation of all payoffs
        that anybody was shown.
    priors : dict of {str: distribution}, or Normal, optional
        Distributions with a ``logpdf`` of the parameter in its own units, such as those of `scipy.stats`; what is
        climbed is the density of the coordinates. A `Normal` is one over all coordinates, as `fit_group` gives.
    starts : int
        At least 1.
    method : {"lbfgsb", "bads", "emcee", "vbmc"}
        A gradient method (SciPy), or a direct search for targets that are noisy, too (PyBADS); or, besides the top, the
        posterior by an ensemble sampler (emcee) or by variational Bayes (PyVBMC). Without priors the posterior is that
        of a uniform prior over the box of coordinates.
    intervals : {"auto", "laplace", "profile"} or None
        From the Hessian where the likelihood falls as it says, else from the profile likelihood; or one of them; None
        computes none. (The posterior's, where there is one.)
    level : float
        Of the intervals, in (0, 1).
    seed : int
        Of starts, samplers and particle filters.
    policy, gradient_source, window, lapse, stickiness, shape
        As for `log_likelihood`.
    particles : int, optional
        Takes the likelihood of the agent that *samples* its ``n_trajectories`` trajectories, by a particle filter with
        that many particles, instead of the deterministic one. For "bads", "vbmc" and "emcee".
    repetitions : int
        Filters that an estimate is the mean of.
    options : dict, optional
        Of the method: of "emcee" ``walkers`` (default 8 f, at least 16), ``steps`` (2000), ``burn`` (1000), ``thin``
        (10); of "vbmc" ``draws`` (4000) and what PyVBMC has; of "bads" what PyBADS has.
    workers : int, optional
        Subjects at once. Default: the number of processors.
    executor : Executor or callable() -> Executor, optional
        Any `concurrent.futures.Executor`, Dask's included, or a function that makes one (and makes a new one if it
        breaks). Default: threads.
    store : path, optional
        Folder in which each subject's fit is kept as soon as it is done; a fit that is there already, of the same rows
        and settings, is read instead of repeated; one that is damaged is repeated.
    progress : bool or callable(done, total)

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        Naming the argument, before any work.
    ImportError
        If the method is an extra that is not installed.
    OSError
        If the store cannot be written.
    WorkersLostError
        If workers die again and again, or an executor that cannot be made again breaks.

    Warns
    -----
    StoreWarning
        Of fits in the store that are damaged or are not of these rows and settings: they are repeated.
    """
    model = as_model(
        agent, policy=policy, gradient_source=gradient_source, window=window, lapse=lapse, stickiness=stickiness,
        shape=shape,
    )  # fmt: skip
    jobs = make_jobs(
        data, model, free=free, bounds=bounds, priors=priors, starts=starts, method=method, intervals=intervals,
        level=level, seed=seed, particles=particles, repetitions=repetitions, options=options,
    )  # fmt: skip
    found = run_jobs(jobs, workers=workers, executor=executor, store=store, progress=progress)
    return assembled(jobs, found)


maximum_likelihood = fit


def make_jobs(
    data: Choices | Subject,
    model: Model,
    *,
    free: Sequence[str] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    priors: Priors | None = None,
    starts: int = 8,
    method: str = "lbfgsb",
    intervals: str | None = "auto",
    level: float = 0.95,
    seed: int = 0,
    particles: int | None = None,
    repetitions: int = 8,
    options: Mapping[str, Any] | None = None,
) -> Jobs:
    """The jobs of a fit, everything checked; arguments as for `fit`."""
    if isinstance(data, Subject):
        data = Choices([data])
    if not isinstance(data, Choices):
        raise ValueError(f"data must be Choices or a Subject, got {_checks.shown(data)}")
    _checks.choice("method", method, METHODS)
    if intervals is not None:
        _checks.choice("intervals", intervals, INTERVALS)
    starts = _checks.integer("starts", starts, low=1, high=10**4)
    level = _checks.real("level", level, low=0, high=1, low_open=True)
    if level == 1:
        raise ValueError("level must be below 1, got 1")
    seed = _checks.seed("seed", seed)
    repetitions = _checks.integer("repetitions", repetitions, low=1)
    if particles is not None:
        particles = _checks.integer("particles", particles, low=2)
        if method == "lbfgsb":
            raise ValueError(
                "method='lbfgsb' needs a likelihood without noise; with particles use 'bads', 'vbmc' or 'emcee'"
            )
    if method in _PACKAGES:
        needed(*_PACKAGES[method], f"method={method!r}")
    given = _checks.mapping("options", options)
    for name in given:
        if not isinstance(name, str):
            raise ValueError(f"options must have names as keys, got {_checks.shown(name)}")
    if method == "lbfgsb" and given:
        raise ValueError(f"options: method='lbfgsb' has none, got {', '.join(given)}")
    if method == "emcee":
        given = _chain_options(given)
    for label, count in zip(data.labels, data.scored_by_subject.tolist(), strict=True):
        if not count:
            raise ValueError(f"subject {label!r} has no choice that counts")
    space = make_space(data.subjects, model, free, bounds)
    priors = checked_priors(priors, space)
    for subject in data:  # what does not fit together is found now
        log_likelihoods(subject.part(1), model, space.names, space.to_values(space.box.mean(axis=1))[None])
    common = Job(
        data.subjects[0], model, space, priors, method, starts, None, intervals, level, seed, particles, repetitions,
        given,
    )  # fmt: skip
    return Jobs(data.subjects, common)


def _chain_options(given: dict[str, Any]) -> dict[str, Any]:
    _checks.only(given, _CHAIN, "option of 'emcee'")
    out = {name: _checks.integer(f"options[{name!r}]", given.get(name, value), low=0) for name, value in _CHAIN.items()}
    if out["burn"] >= out["steps"] or not 1 <= out["thin"] <= out["steps"] - out["burn"]:
        raise ValueError(f"options: steps must exceed burn, and thin be at most what is left, got {out}")
    return out


def run_jobs(
    jobs: Jobs,
    *,
    workers: int | None = None,
    executor: Executors = None,
    store: str | Path | None = None,
    progress: Any = False,
) -> SubjectFits:
    """Fits of subjects, in the order of the jobs; those that a store has are read from it."""
    found = jobs.results()
    folder = None if store is None else Path(files.checked_path("store", store))
    waiting: Sequence[int] = range(len(jobs))
    if folder is not None:
        files.make_ready(folder, "store")
        missing = []
        for number, job in enumerate(jobs):
            kept = _kept(folder / file_name(job), jobs, job)
            if kept is None:
                missing.append(number)
            else:
                found.put(number, kept)
        waiting = missing
    with shown(progress, len(jobs), len(jobs) - len(waiting), unit="subject") as bar:
        for place, fitted in as_done(fit_subject, (jobs[number] for number in waiting), workers, executor, folder):
            number = waiting[place]
            found.put(number, fitted)
            if folder is not None:
                job = jobs[number]
                assembled(jobs, [fitted]).save(folder / file_name(job))
            bar.add(1)
    return found


def _kept(path: Path, jobs: Jobs, job: Job) -> SubjectFit | None:
    """A subject's fit from a store, if it is there, whole and what the job asks for."""
    if not files.exists(path):
        return None
    try:
        fit = Fit.load(path)
        _check_asked(fit, jobs, job)
    except files.NotAFile:  # nothing could be written there
        raise
    except ValueError as error:
        warnings.warn(f"{error}: it is not used, and made again", files.StoreWarning, stacklevel=4)
        return None
    found: SubjectFit = fit[0]
    return found


def _check_asked(fit: Fit, jobs: Jobs, job: Job) -> None:
    """Raise a ValueError if a kept fit is another one than its name, which is a digest, says."""
    found, wanted = fit[0], assembled(jobs, [fit[0]])
    facts, arrays = packed_subject(job.subject)
    held, kept = packed_subject(found.subject)
    estimates = dict(zip(job.space.names, found.estimate.tolist(), strict=True))
    same = (
        len(fit) == 1 and (fit.method, fit.level) == (wanted.method, wanted.level) and facts == held
        and json.dumps(fit.settings, default=repr) == json.dumps(wanted.settings, default=repr)
        and found.space == job.space and found.model == job.model.replace(**estimates)
        and arrays.keys() == kept.keys() and all(np.array_equal(arrays[name], kept[name], equal_nan=True)
                                                 for name in arrays)
    )  # fmt: skip
    if not same:
        raise ValueError(f"the fit of subject {found.label!r} has other rows or settings than those asked for")


def assembled(jobs: Jobs, found: Sequence[SubjectFit]) -> Fit:
    """Subjects' fits as one."""
    job = jobs.common
    settings = {"starts": job.starts, "seed": job.seed, "intervals": job.intervals, "particles": job.particles,
                "repetitions": job.repetitions, "options": dict(job.options)}  # fmt: skip
    return Fit(found, job.method, job.level, settings)


def file_name(job: Job) -> str:
    """Name of a subject's fit in a store: the label, and a digest of rows and settings."""
    label = re.sub(r"[^A-Za-z0-9.-]+", "_", str(job.subject.label))[:40].lstrip(".") or "subject"
    return f"{label}-{_digest(job)}.npz"


def _digest(job: Job) -> str:
    facts, arrays = packed_subject(job.subject)
    priors: Any = None
    if isinstance(job.priors, Normal):
        arrays = arrays | {"prior/mean": job.priors.mean, "prior/covariance": job.priors.covariance}
    elif job.priors is not None:
        priors = {name: _described(prior) for name, prior in job.priors.items()}
    if job.begin is not None:
        arrays = arrays | {"begin": job.begin}
    about = {
        "format": FORMAT, "subject": facts, "model": packed_model(job.model), "names": job.space.names,
        "low": job.space.low, "high": job.space.high, "priors": priors, "method": job.method, "starts": job.starts,
        "intervals": job.intervals, "level": job.level, "seed": job.seed, "particles": job.particles,
        "repetitions": job.repetitions, "options": dict(job.options),
    }  # fmt: skip
    hashed = hashlib.blake2b(json.dumps(about, sort_keys=True, default=repr).encode(), digest_size=12)
    for name, array in sorted(arrays.items()):
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        hashed.update(f"{name}{little.dtype.str}{little.shape}".encode())
        hashed.update(little.tobytes())
    return hashed.hexdigest()


def _described(prior: Any) -> list[Any]:
    """A prior by its densities: objects do not tell what they are."""
    points = np.concatenate([-(10.0 ** np.arange(6.0, -7.0, -0.5)), [0.0], 10.0 ** np.arange(-6.0, 6.5, 0.5)])
    with np.errstate(all="ignore"):
        return [repr(float(x)) for x in np.asarray(prior.logpdf(points), dtype=np.float64)]


def fit_subject(job: Job) -> SubjectFit:
    """One subject's fit."""
    target = _target(job)
    smooth = Target(job.subject, job.model, job.space, job.priors)
    begin = optimise.first_points(smooth, job.starts, job.seed)
    if job.begin is not None:
        begin = np.concatenate([job.begin, begin])
    noise = 0.0
    if job.method == "bads":
        starts, noise = _searched(target, begin, job)
        top, height = starts.end[starts.best], float(starts.value[starts.best])
    else:
        starts = optimise.climb(smooth, begin)
        top, height = _polished(smooth, starts)
    parts = _Parts(job, smooth, starts, top, height)
    samples = None
    if job.method in ("emcee", "vbmc"):
        curvature = parts.covariance()
        samples = _sampled(target, parts.top, curvature, job)
        parts.from_samples(samples)
    elif job.intervals is not None and job.particles is None:
        parts.find_intervals()
    return parts.finished(samples, noise, target.evaluations if target is not smooth else 0)


def _target(job: Job) -> Target:
    if job.particles is None:
        return Target(job.subject, job.model, job.space, job.priors)
    return NoisyTarget(
        job.subject, job.model, job.space, job.priors, particles=job.particles, repetitions=job.repetitions,
        seed=job.seed,
    )  # fmt: skip


def _searched(target: Target, begin: FloatArray, job: Job) -> tuple[Starts, float]:
    ends, values, good, counts, deviations = [], [], [], [], []
    for number, start in enumerate(begin):
        before = target.evaluations
        seed = int(np.random.SeedSequence(job.seed, spawn_key=(number,)).generate_state(1, np.uint32)[0])
        x, value, converged, deviation = samplers.direct_search(target, start, seed=seed, options=dict(job.options))
        ends.append(x)
        values.append(value)
        good.append(converged)
        counts.append(target.evaluations - before)
        deviations.append(deviation)
    starts = Starts(begin, np.array(ends), np.array(values), np.array(good), np.array(counts, dtype=np.int64))
    return starts, deviations[starts.best]


def _polished(target: Target, starts: Starts) -> tuple[FloatArray, float]:
    """Once more from the best end: an optimiser that gave up in a fold goes on from it."""
    again = optimise.climb(target, starts.end[starts.best][None])
    if again.value[0] > starts.value[starts.best]:
        return again.end[0], float(again.value[0])
    return starts.end[starts.best], float(starts.value[starts.best])


def _sampled(target: Target, top: FloatArray, covariance: FloatArray | None, job: Job) -> samplers.Samples:
    box = job.space.box
    seed = int(np.random.SeedSequence(job.seed, spawn_key=(2**31,)).generate_state(1, np.uint32)[0])
    if job.method == "vbmc":
        given = dict(job.options)
        draws = _checks.integer("options['draws']", given.pop("draws", 4000), low=1)
        return samplers.variational(target, top, draws=draws, seed=seed, options=given)
    spread = 0.05 * (box[:, 1] - box[:, 0])
    if covariance is not None:
        known = np.sqrt(np.diag(covariance))
        spread = np.where(np.isfinite(known), np.minimum(known, spread * 4), spread)
    options = dict(job.options)
    walkers = options.pop("walkers") or max(16, 8 * job.space.size)
    return samplers.ensemble(target, top, spread, walkers=walkers, seed=seed, **options)


class _Parts:
    """Intervals of one fit as they are found; a profile may lead to a higher top."""

    def __init__(self, job: Job, target: Target, starts: Starts, top: FloatArray, height: float) -> None:
        self.job, self.target, self.starts, self.top, self.height = job, target, starts, top, height
        self._clear()

    def _clear(self) -> None:
        f = self.job.space.size
        self.lower, self.upper = np.full(f, np.nan), np.full(f, np.nan)
        self.kind, self.note = [""] * f, [""] * f
        self.spread = np.full((f, f), np.nan)

    @property
    def moving(self) -> npt.NDArray[np.int64]:
        return np.flatnonzero(self.job.space.at_bound(self.top) == 0)

    def covariance(self) -> FloatArray | None:
        """Of the coordinates that are away from their bounds, put into ``spread``."""
        moving = self.moving
        if not len(moving):
            return None
        found = optimise.covariance_of(optimise.hessian(self.target, self.top, moving))
        if found is not None:
            self.spread[np.ix_(moving, moving)] = found
        return None if found is None else self.spread

    def find_intervals(self) -> None:
        for _ in range(_RETRIES):
            higher = self._intervals()
            if higher is None:
                return
            again = optimise.climb(self.target, higher[None])
            self.starts = Starts(*(
                np.concatenate([getattr(self.starts, name), getattr(again, name)])
                for name in ("begin", "end", "value", "converged", "evaluations")
            ))  # fmt: skip
            self.top, self.height = again.end[0], float(again.value[0])
            self._clear()
        self._intervals(follow=False)

    def _intervals(self, follow: bool = True) -> FloatArray | None:
        """A higher point, if the profile met one and it is to be followed."""
        job, moving = self.job, self.moving
        z = float(stats.norm.ppf(0.5 + job.level / 2))
        sound = np.zeros(job.space.size, dtype=bool)
        covariance = self.covariance()
        if covariance is not None:
            part = covariance[np.ix_(moving, moving)]
            sound[moving] = optimise.is_sound(self.target, self.top, self.height, moving, part, job.level)
        width = job.space.box[:, 1] - job.space.box[:, 0]
        for i in range(job.space.size):
            deviation = float(np.sqrt(self.spread[i, i]))
            if sound[i] and job.intervals != "profile":
                self._put(i, self.top[i] - z * deviation, self.top[i] + z * deviation, "laplace", (False, False))
                continue
            if job.intervals == "laplace":
                continue
            guess = z * deviation if np.isfinite(deviation) else 0.05 * float(width[i])
            ends = []
            for side in (-1, 1):
                end = optimise.profile(self.target, self.top, self.height, i, side, guess, 0.5 * z * z)
                if end.higher is not None and follow:
                    return end.higher
                ends.append(end)
            self._put(i, ends[0].end, ends[1].end, "profile", (ends[0].open, ends[1].open))
        return None

    def _put(self, i: int, low: float, high: float, kind: str, is_open: tuple[bool, bool]) -> None:
        point = np.tile(self.top, (2, 1))
        point[:, i] = low, high
        self.lower[i], self.upper[i] = self.job.space.to_values(point)[:, i]
        self.kind[i] = kind
        below, above = is_open
        self.note[i] = "not identified" if below and above else "open below" if below else "open above" if above else ""

    def from_samples(self, samples: samplers.Samples) -> None:
        """Central intervals of the posterior; an end within a twentieth of the box of its bound is open."""
        flat = samples.draws.reshape(-1, self.job.space.size)
        tail = (1 - self.job.level) / 2
        box = self.job.space.box
        near = _NEAR_BOUND * (box[:, 1] - box[:, 0])
        for i in range(self.job.space.size):
            low, high = np.quantile(flat[:, i], [tail, 1 - tail])
            self._put(i, low, high, "posterior", (low < box[i, 0] + near[i], high > box[i, 1] - near[i]))

    def finished(self, samples: samplers.Samples | None, noise: float, evaluations: int) -> SubjectFit:
        job = self.job
        estimate = job.space.to_values(self.top)
        pointwise = log_likelihoods(job.subject, job.model, job.space.names, estimate[None], pointwise=True)[0]
        prior = float(self.target.log_prior(self.top)[0])
        total = float(pointwise.sum()) if job.particles is None else self.height - prior
        return SubjectFit(
            rows=job.subject, template=job.model, space=job.space, estimate=estimate,
            lower=self.lower, upper=self.upper, interval=tuple(self.kind),
            at_bound=job.space.at_bound(self.top), note=tuple(self.note), log_likelihood=total, log_prior=prior,
            starts=self.starts, covariance=self.spread, samples=samples, noise=noise,
            evaluations=self.target.evaluations + evaluations,
        )  # fmt: skip
