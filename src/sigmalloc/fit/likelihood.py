"""The log-likelihood of what people chose, the course of q̄ and σ behind it, and simulated choices."""

from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import dataclass
from typing import Literal, TypeVar, overload

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._choices.policy import Policy
from .._frozen import Frozen
from ..agents import Agent
from . import engine
from .choices import Choices, Subject
from .model import FloatArray, GradientSource, Model, SoftmaxLearner, as_model
from .work import as_done, threads_of

LARGEST_STREAM = 2**31  # number of the first of a call
_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True)
class Trajectories(Frozen):
    """What parameter sets have in mind on each row of a subject.

    Attributes
    ----------
    q, sigma : array of float, shape (sets, rows, memories)
        q̄ and σ as they are when the row's choice is made. ``subject.labels[block]`` names a block's memories.
    probability : array of float, shape (sets, rows, options)
        Probability of each option, before lapses; 0 where the row has fewer options.
    final_q, final_sigma : array of float, shape (sets, memories)
        After the last row.
    """

    q: FloatArray
    sigma: FloatArray
    probability: FloatArray
    final_q: FloatArray
    final_sigma: FloatArray


@overload
def log_likelihood(
    data: Choices | Subject, agent: Agent | SoftmaxLearner | Model, *, policy: Policy | None = ...,
    gradient_source: GradientSource | None = ..., pointwise: Literal[False] = ..., window: int | None = ...,
    lapse: float | None = ..., stickiness: float | None = ..., shape: Sequence[float] | None = ...,
    workers: int | None = ...,
) -> float: ...  # fmt: skip
@overload
def log_likelihood(
    data: Choices | Subject, agent: Agent | SoftmaxLearner | Model, *, policy: Policy | None = ...,
    gradient_source: GradientSource | None = ..., pointwise: Literal[True], window: int | None = ...,
    lapse: float | None = ..., stickiness: float | None = ..., shape: Sequence[float] | None = ...,
    workers: int | None = ...,
) -> FloatArray: ...  # fmt: skip
def log_likelihood(
    data: Choices | Subject,
    agent: Agent | SoftmaxLearner | Model,
    *,
    policy: Policy | None = None,
    gradient_source: GradientSource | None = None,
    pointwise: bool = False,
    window: int | None = None,
    lapse: float | None = None,
    stickiness: float | None = None,
    shape: Sequence[float] | None = None,
    workers: int | None = None,
) -> float | FloatArray:
    """Log-likelihood of choices under one agent, the same for all subjects: Σ_t ln[(1 − ε) P_c + ε/n].

    Parameters
    ----------
    data : Choices or Subject
    agent : Agent, SoftmaxLearner or Model
        A model brings the settings that follow with it; those given here replace them.
    policy : {"soft", "hard"}, optional
        Default "soft".
    gradient_source : {"replay", "experience", "task"}, optional
        Default "replay".
    pointwise : bool
        The terms of the sum instead.
    window : int, optional
        Episodes replayed. Default: the agent's ``n_trajectories``.
    lapse : float, optional
        ε. Default .01.
    stickiness : float, optional
        κ, in units of reward. Default 0.
    shape : sequence of float, optional
        See `Model`.
    workers : int, optional
        Threads. Default: the number of processors.

    Returns
    -------
    float, or array of float, shape (rows,)
        In nats. Pointwise, in the order of the subjects' rows, one subject after another, 0 where a row is not scored.

    Raises
    ------
    ValueError
        Naming the argument.
    """
    pointwise = _checks.flag("pointwise", pointwise)
    model = as_model(
        agent, policy=policy, gradient_source=gradient_source, window=window, lapse=lapse, stickiness=stickiness,
        shape=shape,
    )  # fmt: skip
    subjects = _subjects(data)
    vector = model.vector()[None]

    def one(subject: Subject) -> FloatArray:
        found: FloatArray = np.atleast_1d(
            engine.run(subject, model.setting, vector, pointwise=pointwise).log_likelihood()[0]
        )
        return found

    parts = over_subjects(one, subjects, workers)
    terms = np.concatenate(parts)
    return terms if pointwise else float(terms.sum())


def log_likelihoods(
    subject: Subject, model: Model, free: Sequence[str], values: npt.ArrayLike, *, pointwise: bool = False
) -> FloatArray:
    """Log-likelihoods of one subject's choices under many parameter sets at once: what estimators call.

    Eight sets take little longer than one, so a value and its finite differences are one call. The GIL is released:
    give subjects to threads (`over_subjects`).

    Parameters
    ----------
    subject : Subject
    model : Model
        Gives all parameters that are not free.
    free : sequence of str, length f
        Out of ``model.parameters``.
    values : array of float, shape (sets, f)
        In the parameters' own units.
    pointwise : bool
        Terms by row instead of their sums.

    Returns
    -------
    array of float, shape (sets,) or (sets, rows)
        In nats; 0 for rows that are not scored. A set's value does not depend on the other sets.

    Raises
    ------
    ValueError
        Naming the parameter, the set and the value, if one is out of range.
    """
    _checks.instance("subject", subject, Subject)
    vectors = _checks.instance("model", model, Model).vectors(free, values)
    return engine.run(subject, model.setting, vectors, pointwise=pointwise).log_likelihood()


def trajectories(
    subject: Subject, model: Model, free: Sequence[str] = (), values: npt.ArrayLike | None = None
) -> Trajectories:
    """q̄, σ and the probabilities of the choices, row by row.

    Parameters
    ----------
    subject, model, free, values
        As for `log_likelihoods`; without ``values`` the model's own parameters are the one set.
    """
    vectors = _vectors(model, free, values)
    outcome = engine.run(_checks.instance("subject", subject, Subject), model.setting, vectors, course=True)
    return Trajectories(
        outcome.q[:, :-1], outcome.sigma[:, :-1], outcome.probability, outcome.q[:, -1], outcome.sigma[:, -1]
    )


def simulate(
    subject: Subject,
    model: Model,
    free: Sequence[str] = (),
    values: npt.ArrayLike | None = None,
    *,
    seed: int,
    first: int = 0,
) -> npt.NDArray[np.int64]:
    """Choices that parameter sets would make on a subject's rows: a design, or for posterior predictive checks.

    Free choices are drawn, lapses included, and learned from; forced and missing ones stay as they are. The payoffs
    are the subject's: of options that were not shown nothing is known, so a design needs them all (and
    ``chosen_only=True`` if only the chosen one's is to be seen). ``subject.with_choices`` gives the table to fit.

    Parameters
    ----------
    subject, model, free, values
        As for `trajectories`; for many runs of one set repeat its row.
    seed : int
        Set i has the random stream that NumPy's SFC64 has for ``SeedSequence(seed, spawn_key=(first + i,))``.
    first : int
        Number of the first set's stream.

    Returns
    -------
    array of int, shape (sets, rows)

    Raises
    ------
    ValueError
        Where a choice would decide what the next row shows, as in tasks with longer episodes, or a payoff is missing.
    """
    if _checks.instance("subject", subject, Subject).longer_episodes:
        raise ValueError("choices in longer episodes decide what comes next: simulate them in their task (sm.simulate)")
    free_rows = np.flatnonzero(subject.scored)
    there = np.arange(subject.payoff.shape[1]) < subject.n_options[subject.situation][:, None]
    needed = there & (subject.memory[subject.situation] >= 0)
    blank = free_rows[np.any((np.isnan(subject.payoff) & needed)[free_rows], axis=1)]
    if len(blank) and not np.isnan(np.where(needed, subject.payoff, np.nan)).all():
        raise ValueError(f"payoff: row {blank[0]} has an option whose payoff is not known; simulating needs them all")
    vectors = _vectors(model, free, values)
    seed, first = _checks.seed("seed", seed), _checks.integer("first", first, low=0, high=LARGEST_STREAM)
    return engine.run(
        subject, model.setting, vectors, streams=engine.stream_states(seed, (), len(vectors), first)
    ).choice


def over_subjects(function: Callable[[_T], _R], subjects: Iterable[_T], workers: int | None = None) -> list[_R]:
    """Call a function for every subject on a pool of threads; results in order."""
    workers = threads_of(workers)
    _checks.function("function", function)
    if not isinstance(subjects, Iterable) or not getattr(subjects, "ndim", 1):
        raise ValueError(f"subjects must be iterable, got {_checks.shown(subjects)}")
    if workers == 1 or (isinstance(subjects, Sized) and len(subjects) == 1):
        return [function(subject) for subject in subjects]
    found = dict(as_done(function, subjects, workers))
    return [found[number] for number in range(len(found))]


def _subjects(data: Choices | Subject) -> Sequence[Subject]:
    if isinstance(data, Subject):
        return (data,)
    if isinstance(data, Choices):
        return data.subjects
    raise ValueError(f"data must be Choices or a Subject, got {_checks.shown(data)}")


def _vectors(model: Model, free: Sequence[str], values: npt.ArrayLike | None) -> FloatArray:
    _checks.instance("model", model, Model)
    if values is None:
        if _checks.sequence("free", free):
            raise ValueError("values must be given for what is free")
        return model.vector()[None]
    return model.vectors(free, values)
