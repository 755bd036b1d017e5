"""Log-likelihoods of sampled agents, whose σ update is noisy: a particle filter for finitely many trajectories."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import numpy.typing as npt

from .. import _checks, _kernel
from .._floats import quietly
from .._frozen import Frozen
from ..agents import Agent
from . import engine
from .choices import Subject
from .model import FloatArray, Model


@dataclass(frozen=True)
class FilterEstimate(Frozen):
    """What a particle filter says of parameter sets.

    Attributes
    ----------
    log_likelihood : array of float, shape (sets,)
        Log of the mean of the repetitions' likelihoods, in nats. The likelihood is unbiased; its log is low by about
        half its variance.
    standard_deviation : array of float, shape (sets,)
        Of ``log_likelihood``, from the scatter of the repetitions; NaN if there is one only.
    repetitions : array of float, shape (sets, repetitions)
        Log-likelihood of each repetition.
    """

    log_likelihood: FloatArray
    standard_deviation: FloatArray
    repetitions: FloatArray


@quietly
def filter_log_likelihoods(
    subject: Subject,
    model: Model,
    free: Sequence[str] = (),
    values: npt.ArrayLike | None = None,
    *,
    seed: int,
    particles: int = 96,
    repetitions: int = 8,
    kernel: ModuleType | None = None,
) -> FilterEstimate:
    """Log-likelihoods of one subject's choices under agents whose offline trajectories are few (section 11).

    A particle is (q̄, σ, scale); its weight is the exact probability of the choice, then systematic resampling, then its
    own sampled update from ``model.agent.n_trajectories`` trajectories, which replay episodes of the window. As they
    grow in number the estimate tends to `log_likelihoods`. All sets see the same random numbers.

    Parameters
    ----------
    subject, free, values
        As for `log_likelihoods`; without ``values`` the model's own parameters are the one set.
    model : Model
        With ``policy="soft"`` (a hard choice has no score) and ``gradient_source="replay"``.
    seed : int
    particles : int
        A multiple of 8.
    repetitions : int
        Independent filters, for the standard deviation.
    kernel : module, optional
        A build of the kernel. Default: the one that was chosen at import.

    Returns
    -------
    FilterEstimate

    Raises
    ------
    ValueError
        Naming the argument.
    """
    particles = _checks.integer("particles", particles, low=engine.LANES, high=10**6)
    if particles % engine.LANES:
        raise ValueError(f"particles must be a multiple of {engine.LANES}, got {particles}")
    repetitions = _checks.integer("repetitions", repetitions, low=1, high=10**6)
    seed = _checks.seed("seed", seed)
    _checks.instance("subject", subject, Subject)
    agent = _checks.instance("model", model, Model).agent
    if not isinstance(agent, Agent):
        raise ValueError(f"agent must be an Agent: a {type(agent).__name__} samples nothing")
    if model.policy != "soft" or model.gradient_source != "replay":
        raise ValueError(
            "a sampled agent needs policy='soft' and gradient_source='replay', got "
            f"{model.policy!r} and {model.gradient_source!r}"
        )
    vectors = model.vector()[None] if values is None else model.vectors(free, values)
    kernel = _kernel.kernel if kernel is None else _checks.instance("kernel", kernel, ModuleType)
    likelihood = engine.likelihood(subject, model.setting, vectors, kernel)
    filter_ = kernel.ParticleFilter(likelihood, particles // engine.LANES, agent.n_trajectories)
    out, terms = np.empty((len(vectors), repetitions)), np.empty(subject.n_rows)
    for repetition in range(repetitions):
        streams = engine.stream_states(seed, (repetition,), particles + 1)
        for i, vector in enumerate(vectors):
            filter_.evaluate(vector, streams, terms)
            out[i, repetition] = terms.sum()
    top = out.max(axis=1, keepdims=True)
    share = np.exp(out - top)
    mean = share.mean(axis=1)
    deviation = np.full(len(out), np.nan)
    if repetitions > 1:
        deviation = share.std(axis=1, ddof=1) / mean / np.sqrt(repetitions)
    return FilterEstimate(top[:, 0] + np.log(mean), deviation, out)
