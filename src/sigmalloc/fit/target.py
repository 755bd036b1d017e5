"""What estimators climb: the log-likelihood of one subject in coordinates, with or without a prior."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._frozen import Frozen, freeze
from .likelihood import log_likelihoods
from .model import FloatArray, Model
from .parameters import Space
from .subject import Subject


@dataclass(frozen=True, eq=False)
class Normal(Frozen):
    """A normal distribution over coordinates of parameters (`Space`): what groups are described by.

    Parameters
    ----------
    names : sequence of str, length f
    mean : array of float, shape (f,)
        Of the coordinates: logarithms, log odds, or the numbers themselves.
    covariance : array of float, shape (f, f)
    """

    names: tuple[str, ...]
    mean: FloatArray
    covariance: FloatArray

    def __post_init__(self) -> None:
        put = object.__setattr__.__get__(self)
        put("names", tuple(_checks.sequence("names", self.names)))
        f = len(self.names)
        put("mean", _checks.array("mean", self.mean, (f,)).copy())
        put("covariance", _checks.array("covariance", self.covariance, (f, f)).copy())
        if not np.allclose(self.covariance, self.covariance.T) or np.linalg.eigvalsh(self.covariance).min() <= 0:
            raise ValueError("covariance must be symmetric and positive definite")
        put("_root", np.linalg.cholesky(self.covariance))
        freeze(self)

    def log_density(self, coordinates: npt.ArrayLike) -> FloatArray:
        """Log density of coordinates, shape (n, f) -> (n,), in nats."""
        root: FloatArray = self.__dict__["_root"]
        x = np.atleast_2d(_checks.numeric("coordinates", coordinates).astype(np.float64))
        if x.ndim != 2 or x.shape[1] != len(self.mean):
            raise ValueError(f"coordinates must have shape (n, {len(self.mean)}), got {x.shape}")
        z = np.linalg.solve(root, (x - self.mean).T)
        constant = float(np.log(np.diag(root)).sum()) + 0.5 * len(self.mean) * np.log(2 * np.pi)
        return np.asarray(-0.5 * (z * z).sum(axis=0) - constant, dtype=np.float64)

    def draw(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Coordinates drawn from it, shape (n, f)."""
        root: FloatArray = self.__dict__["_root"]
        n, rng = _checks.integer("n", n, low=1, high=10**8), _checks.generator("rng", rng)
        return np.asarray(self.mean + rng.standard_normal((n, len(self.mean))) @ root.T, dtype=np.float64)


Priors: TypeAlias = Normal | Mapping[str, Any]


def checked_priors(priors: Priors | None, space: Space) -> Priors | None:
    """Priors for free parameters.

    Raises
    ------
    ValueError
        Naming the parameter.
    """
    if priors is None:
        return None
    if isinstance(priors, Normal):
        if priors.names != space.names:
            raise ValueError(f"priors: the normal is over {priors.names}, but free are {space.names}")
        return priors
    if not isinstance(priors, Mapping):
        raise ValueError(f"priors must map parameters to distributions, or be a Normal, got {_checks.shown(priors)}")
    for name, prior in priors.items():
        if name not in space.names:
            raise ValueError(f"priors: {name!r} is not free; free are {', '.join(space.names)}")
        if not callable(getattr(prior, "logpdf", None)):
            raise ValueError(
                f"priors[{name!r}] must have a method logpdf, as scipy.stats.norm(0, 1), got {_checks.shown(prior)}"
            )
        i = space.names.index(name)
        points = np.array([space.low[i], 0.5 * (space.low[i] + space.high[i]), space.high[i]])
        with np.errstate(all="ignore"):
            found = _checks.numeric(f"priors[{name!r}].logpdf", prior.logpdf(points))
        if found.shape != points.shape or np.isnan(found).any() or (found == np.inf).any():
            raise ValueError(
                f"priors[{name!r}].logpdf must give the log density of every value, got {_checks.shown(found)} for "
                f"{points}"
            )
    return dict(priors)


@dataclass(eq=False)
class Target:
    """Log-likelihood, or log posterior density, of one subject in coordinates.

    Attributes
    ----------
    subject : Subject
    model : Model
    space : Space
    priors : Normal or dict, optional
        Densities of a dict are of the parameters in their own units; the density climbed is that of the coordinates, so
        the Jacobian is in it. What has no prior is flat in its coordinate.
    evaluations : int
        Parameter sets evaluated so far.
    """

    subject: Subject
    model: Model
    space: Space
    priors: Priors | None = None
    evaluations: int = field(default=0, init=False)

    def log_likelihood(self, coordinates: npt.ArrayLike) -> FloatArray:
        """Of coordinates, shape (n, f) -> (n,), in nats."""
        values = self.space.to_values(np.atleast_2d(coordinates))
        self.evaluations += len(values)
        return log_likelihoods(self.subject, self.model, self.space.names, values)

    def log_prior(self, coordinates: npt.ArrayLike) -> FloatArray:
        """Log prior density of coordinates, shape (n, f) -> (n,); 0 without priors."""
        x = np.atleast_2d(np.asarray(coordinates, dtype=np.float64))
        if self.priors is None:
            return np.zeros(len(x))
        if isinstance(self.priors, Normal):
            return self.priors.log_density(x)
        values, jacobian, total = self.space.to_values(x), self.space.log_jacobian(x), np.zeros(len(x))
        for name, prior in self.priors.items():
            i = self.space.names.index(name)
            total += np.asarray(prior.logpdf(values[:, i]), dtype=np.float64) + jacobian[:, i]
        return total

    def __call__(self, coordinates: npt.ArrayLike) -> FloatArray:
        """Log density, up to a constant, of coordinates, shape (n, f) -> (n,)."""
        return self.log_likelihood(coordinates) + self.log_prior(coordinates)


@dataclass(eq=False)
class NoisyTarget(Target):
    """The same of an agent that samples a few trajectories: by a particle filter, with a standard deviation.

    Every call draws anew, by a stream of its own: exp(log-likelihood) is unbiased over calls.
    """

    particles: int = 100
    repetitions: int = 8
    seed: int = 0
    calls: int = field(default=0, init=False)

    def estimate(self, coordinates: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Log density and its standard deviation, of coordinates, shape (n, f) -> (n,), (n,)."""
        from .filter import filter_log_likelihoods

        x = np.atleast_2d(np.asarray(coordinates, dtype=np.float64))
        state = np.random.SeedSequence(self.seed, spawn_key=(self.calls,)).generate_state(1, np.uint32)
        self.calls += 1
        self.evaluations += len(x)
        found = filter_log_likelihoods(
            self.subject, self.model, self.space.names, self.space.to_values(x), particles=self.particles,
            repetitions=self.repetitions, seed=int(state[0]),
        )  # fmt: skip
        return found.log_likelihood + self.log_prior(x), found.standard_deviation

    def __call__(self, coordinates: npt.ArrayLike) -> FloatArray:
        """One noisy estimate each."""
        return self.estimate(coordinates)[0]
