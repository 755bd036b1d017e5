"""What choices can tell of parameters: the Fisher information, its weakest directions, and how it grows by trial."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._choices.policy import Policy
from .._frozen import Frozen
from .._io.progress import check as check_progress
from .._io.progress import shown
from ..agents import Agent
from .designs import Design, subject_of
from .likelihood import simulate, trajectories
from .model import PARAMETERS, FloatArray, GradientSource, Model, SoftmaxLearner, as_model
from .parameters import COORDINATES, Space, default_free, make_space
from .subject import Subject
from .work import as_done

if TYPE_CHECKING:
    import pandas as pd

_STEP = 1e-4  # of a coordinate
_FORGOTTEN = 1e-9  # information, in 1/coordinate²: a coordinate that is determined to no better than e^30000


@dataclass(frozen=True, eq=False)
class Information(Frozen):
    """Fisher information of one subject's choices about coordinates (logarithms, log odds), at given parameters.

    Attributes
    ----------
    space : Space
    values : array of float, shape (f,)
        The parameters, in their own units.
    trials : array of int, shape (points,)
    matrix : array of float, shape (points, f, f)
        Expected information of the first so many trials, over simulated histories: Σ_t Σ_a ∂p_a ∂p_aᵀ / p_a.
    """

    space: Space
    values: FloatArray
    trials: npt.NDArray[np.int64]
    matrix: FloatArray

    @property
    def standard_error(self) -> FloatArray:
        """Of each coordinate after so many trials, shape (points, f), if all are free; inf where nothing is known.

        A standard error of 0.1 of a logarithm is one of a tenth of the parameter.
        """
        out = np.full(self.matrix.shape[:2], np.inf)
        for i, matrix in enumerate(self.matrix):
            values, vectors = np.linalg.eigh(matrix)
            good = values > max(_FORGOTTEN, 1e-10 * values[-1])
            variance = (vectors[:, good] ** 2 / values[good]).sum(axis=1)
            lost = (vectors[:, ~good] ** 2).sum(axis=1) > 1e-6
            out[i] = np.where(lost, np.inf, np.sqrt(variance))
        return out

    @property
    def alone(self) -> FloatArray:
        """Standard error of each coordinate if all others were known, shape (points, f)."""
        diagonal = np.diagonal(self.matrix, axis1=1, axis2=2)
        with np.errstate(divide="ignore"):
            return np.asarray(np.where(diagonal > _FORGOTTEN, 1.0 / np.sqrt(diagonal), np.inf))

    @property
    def directions(self) -> tuple[FloatArray, FloatArray]:
        """Standard errors along the eigenvectors of all trials' information, the largest first, shape (f,), and these
        vectors, shape (f, f), one a row."""
        values, vectors = np.linalg.eigh(self.matrix[-1])
        with np.errstate(divide="ignore"):
            errors = np.where(values > _FORGOTTEN, 1.0 / np.sqrt(np.maximum(values, 1e-300)), np.inf)
        return errors, vectors.T

    @property
    def correlation(self) -> FloatArray:
        """Correlations between the errors of coordinates after all trials, shape (f, f): what stands in for what.

        NaN where a direction is not known at all.
        """
        values, vectors = np.linalg.eigh(self.matrix[-1])
        if values[0] <= max(_FORGOTTEN, 1e-10 * values[-1]):
            return np.full(self.matrix.shape[1:], np.nan)
        covariance = (vectors / values) @ vectors.T
        deviation = np.sqrt(np.diag(covariance))
        return np.asarray(covariance / np.outer(deviation, deviation))

    def trade_offs(self, share: float = 0.3) -> list[str]:
        """Directions that are known to no better than half a unit of the coordinates (a factor of e^½), in words; and
        pairs whose errors are correlated by more than 0.7.

        Parameters
        ----------
        share : float
            Components of at least that size are named.
        """
        share = _checks.real("share", share, low=0, high=1)
        errors, vectors = self.directions
        out = []
        for error, vector in zip(errors, vectors, strict=True):
            if error <= 0.5:
                continue
            size_of = np.abs(vector)
            order = [int(i) for i in np.argsort(-size_of) if size_of[i] >= min(share, size_of.max())]
            sign = np.sign(vector[order[0]])
            words = " and ".join(f"{self.space.names[i]} {'up' if vector[i] * sign > 0 else 'down'}" for i in order)
            size = "nothing" if not np.isfinite(error) else f"only ±{error:.2g}"
            out.append(f"{words}: {size} is known along this direction of the coordinates")
        correlation = self.correlation
        for i in range(self.space.size):
            for j in range(i):
                if abs(correlation[i, j]) > 0.7:
                    pair = f"{self.space.names[j]} and {self.space.names[i]}"
                    out.append(f"{pair} stand in for each other: errors correlate by {correlation[i, j]:+.2f}")
        return out

    def trials_for(self, name: str, standard_error: float) -> int | None:
        """Trials after which a coordinate's standard error is so small, or None if it never is."""
        _checks.choice("name", name, self.space.names)
        standard_error = _checks.real("standard_error", standard_error, low=0)
        small = np.flatnonzero(self.standard_error[:, self.space.names.index(name)] <= standard_error)
        return int(self.trials[small[0]]) if len(small) else None

    def plot(self, ax: Any = None) -> Any:
        """Standard errors of coordinates by trial, on logarithmic axes; what is not known yet is a gap.

        Parameters
        ----------
        ax : Axes, optional

        Returns
        -------
        Axes
        """
        from .. import plot

        error = np.where(np.isfinite(self.standard_error), self.standard_error, np.nan)
        words = {"log": "ln ", "log odds": "log odds ", "plain": ""}
        names = [f"{words[COORDINATES[name]]}{plot.SYMBOLS.get(name, name)}" for name in self.space.names]
        ax = plot.curves(self.trials, error.T, None, names, ax, xlabel="Trials", ylabel="Standard error", marker=".")
        ax.set(xscale="log", yscale="log")
        return ax

    def to_frame(self) -> "pd.DataFrame":
        """Standard errors by trial. Needs pandas."""
        import pandas as pd

        return pd.DataFrame(self.standard_error, index=pd.Index(self.trials, name="trials"), columns=self.space.names)

    def __repr__(self) -> str:
        lines = [f"<Information of {int(self.trials[-1])} trials, standard errors of coordinates"]
        for i, name in enumerate(self.space.names):
            kind = {"log": "ln", "log odds": "log odds", "plain": ""}[COORDINATES[name]]
            lines.append(f"  {(kind + ' ' + name).strip():<28} {self.standard_error[-1, i]:.3g} "
                         f"({self.alone[-1, i]:.3g} if the others were known)")  # fmt: skip
        return "\n".join(lines + [f"  {line}" for line in self.trade_offs()]) + ">"


def information(
    design: Design,
    agent: Agent | SoftmaxLearner | Model,
    *,
    trials: int | None = None,
    free: Sequence[str] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    histories: int = 20,
    points: int = 20,
    seed: int = 0,
    policy: Policy | None = None,
    gradient_source: GradientSource | None = None,
    window: int | None = None,
    lapse: float | None = None,
    workers: int | None = None,
    progress: Any = False,
) -> Information:
    """Fisher information that a design has about an agent's parameters, before anybody has taken part.

    Parameters
    ----------
    design : TabularMDP, Subject, Choices, or callable(trials, seed) -> Subject
        A task of one choice an episode; rows with the payoffs of all options; or a function that makes such rows.
    agent : Agent, SoftmaxLearner or Model
        With the parameters in question.
    trials : int, optional
        Of each subject. Default: all rows of the design.
    free, bounds, policy, gradient_source, window, lapse
        As for `fit`.
    histories : int
        Simulated subjects over which the information is averaged.
    points : int
        Numbers of trials at which it is told.
    seed : int
    workers : int, optional
        Threads.
    progress : bool or callable(done, total)
        True: a bar on standard error; a function is called with the histories done and all of them.

    Returns
    -------
    Information
    """
    model = as_model(agent, policy=policy, gradient_source=gradient_source, window=window, lapse=lapse)
    histories = _checks.integer("histories", histories, low=1, high=10**6)
    points = _checks.integer("points", points, low=1)
    seed = _checks.seed("seed", seed)
    check_progress(progress)
    rows = [subject_of(design, trials, seed + number) for number in range(histories)]
    names = default_free(model) if free is None else _checks.sequence("free", free)
    at = dict(zip(PARAMETERS, model.vector().tolist(), strict=True))
    space = make_space(rows, model, names, bounds)
    theta = np.array([at[name] for name in space.names])
    for name, value, low, high in zip(space.names, theta, space.low, space.high, strict=True):
        if not low < value < high:
            raise ValueError(f"{name} is {value:g}, which is not within its bounds {low:g} to {high:g}: give bounds")
    length = min(subject.n_rows for subject in rows)
    ends = np.unique(np.linspace(length / points, length, points).round().astype(np.int64))

    def one(number: int) -> FloatArray:
        subject = rows[number]
        made = subject.with_choices(simulate(subject, model, seed=seed, first=number)[0])
        return by_row(made, model, space, theta)[:length].cumsum(axis=0)[ends - 1]

    total = np.zeros((len(ends), space.size, space.size))
    with shown(progress, histories, unit="history") as meter:
        for _, part in as_done(one, range(histories), workers):
            total += part
            meter.add(1)
    return Information(space, theta, ends, total / histories)


def by_row(subject: Subject, model: Model, space: Space, values: npt.ArrayLike) -> FloatArray:
    """Information of each row given those before it, shape (rows, f, f)."""
    theta = np.asarray(values, dtype=np.float64)
    x = space.to_coordinates(theta)
    points = np.tile(x, (2 * space.size, 1))
    box = space.box
    for i in range(space.size):
        points[2 * i, i] = min(x[i] + _STEP, box[i, 1])
        points[2 * i + 1, i] = max(x[i] - _STEP, box[i, 0])
    sets = np.concatenate([theta[None], space.to_values(points)])
    probability = trajectories(subject, model, space.names, sets).probability
    lapse = np.full(len(sets), model.lapse)
    if "lapse" in space.names:
        lapse = sets[:, space.names.index("lapse")]
    count = subject.n_options[subject.situation]
    there = np.arange(probability.shape[2]) < count[:, None]
    mixed = np.where(there, (1 - lapse[:, None, None]) * probability + lapse[:, None, None] / count[:, None], 0.0)
    width = np.array([points[2 * i, i] - points[2 * i + 1, i] for i in range(space.size)])
    slope = (mixed[1::2] - mixed[2::2]) / width[:, None, None]
    weight = np.where(there & (mixed[0] > 0), subject.scored[:, None] / np.maximum(mixed[0], 1e-300), 0.0)
    return np.asarray(np.einsum("ita,jta,ta->tij", slope, slope, weight))
