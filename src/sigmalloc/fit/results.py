"""What fitting gives back: parameters with intervals and what is wrong with them, predictions, and files."""

import dataclasses
import functools
import html
import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._frozen import Frozen
from .._io import archive, files
from ..agents import Agent
from ..runs.result import versions
from .choices import Choices
from .contents import check_fit, check_model, settings_of, unpacked_space
from .filed import Rows, opened, packed
from .filed import save as save_rows
from .likelihood import Trajectories, log_likelihoods, simulate, trajectories
from .model import FloatArray, Model, SoftmaxLearner
from .older import fits_of_format_2
from .optimise import Starts
from .parameters import Space
from .samplers import Samples
from .subject import Subject

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 3
NOTES: tuple[str, ...] = ("", "open below", "open above", "not identified")
KINDS: tuple[str, ...] = ("", "laplace", "profile", "posterior")


@dataclass(frozen=True)
class Filed:
    """A subject in a file, or the first rows of one: what is known of it, and how to read it."""

    rows: Sequence[Subject]
    number: int
    label: Hashable
    n_rows: int
    n_scored: int

    def read(self) -> Subject:
        """The subject."""
        subject = self.rows[self.number]
        return subject if subject.n_rows == self.n_rows else subject.part(self.n_rows)


@dataclass(frozen=True, eq=False, kw_only=True)
class SubjectFit(Frozen):
    """One subject's fit.

    Attributes
    ----------
    rows : Subject or Filed
        The rows that were fitted, or where they are: see ``subject``.
    template : Model
        What was fitted; see ``model``.
    space : Space
        What was free, within which bounds.
    estimate : array of float, shape (f,)
        In the parameters' own units: the top of the likelihood, or of the posterior density of the coordinates.
    lower, upper : array of float, shape (f,)
        Interval of each parameter; NaN where none was asked for, a bound where it is open.
    interval : tuple of str
        How each interval was found: "laplace", "profile", "posterior" or "".
    at_bound : array of int, shape (f,)
        −1 or 1 for an estimate at its lower or upper bound, else 0.
    note : tuple of str
        "" if both ends of the interval lie within the bounds; "open below", "open above"; "not identified" if neither
        end does: no value within the bounds is excluded on either side.
    log_likelihood, log_prior : float
        At the estimate, in nats; 0 without priors. (Of the coordinates' density.)
    starts : Starts
    covariance : array of float, shape (f, f)
        Of the coordinates, from the Hessian at the top: NaN for parameters at a bound, or all NaN if it is not sound.
    samples : Samples or None
    noise : float
        Standard deviation of the log-likelihood, of a particle filter; else 0.
    evaluations : int
        Parameter sets evaluated.
    """

    rows: Subject | Filed
    template: Model
    space: Space
    estimate: FloatArray
    lower: FloatArray
    upper: FloatArray
    interval: tuple[str, ...]
    at_bound: npt.NDArray[np.int64]
    note: tuple[str, ...]
    log_likelihood: float
    log_prior: float
    starts: Starts
    covariance: FloatArray
    samples: Samples | None = None
    noise: float = 0.0
    evaluations: int = 0

    @property
    def subject(self) -> Subject:
        """The rows that were fitted, read now if they are in a file."""
        return self.rows if isinstance(self.rows, Subject) else self.rows.read()

    @property
    def label(self) -> Hashable:
        """The subject's."""
        return self.rows.label

    @property
    def n_scored(self) -> int:
        """Choices that count."""
        return self.rows.n_scored

    @functools.cached_property
    def model(self) -> Model:
        """The model with the estimates in it."""
        return self.template.replace(**dict(zip(self.space.names, self.estimate.tolist(), strict=True)))

    @property
    def pointwise(self) -> FloatArray:
        """Terms of the deterministic agent's log-likelihood, shape (rows,), computed now; 0 for rows that are not
        scored."""
        terms: FloatArray = log_likelihoods(
            self.subject, self.template, self.space.names, self.estimate[None], pointwise=True
        )[0]
        return terms

    @property
    def coordinates(self) -> FloatArray:
        """Coordinates of the estimate, shape (f,)."""
        return self.space.to_coordinates(self.estimate)

    @property
    def agreeing(self) -> int:
        """How many starts came within 0.1 nats of the highest."""
        return self.starts.agreeing

    @property
    def aic(self) -> float:
        """−2 ln L + 2 f."""
        return -2.0 * self.log_likelihood + 2.0 * self.space.size

    @property
    def bic(self) -> float:
        """−2 ln L + f ln n, n the scored choices."""
        return -2.0 * self.log_likelihood + self.space.size * math.log(max(self.n_scored, 1))

    @property
    def laplace_evidence(self) -> float:
        """ln ∫ p(choices | x) p(x) dx by Laplace's method; NaN without a sound Hessian."""
        if not np.isfinite(self.covariance).all():
            return math.nan
        _, volume = np.linalg.slogdet(2.0 * math.pi * self.covariance)
        return self.log_likelihood + self.log_prior + 0.5 * float(volume)

    def draw(self, n: int, seed: int) -> FloatArray:
        """Parameters drawn from what is known of them, in their own units, shape (n, f).

        From the posterior's samples; without them from the normal with the Hessian's covariance, cut off at the bounds.

        Raises
        ------
        ValueError
            If there is neither.
        """
        n = _checks.integer("n", n, low=1)
        rng = np.random.default_rng(_checks.seed("seed", seed))
        if self.samples is not None:
            flat = self.samples.draws.reshape(-1, self.space.size)
            return self.space.to_values(flat[rng.integers(len(flat), size=n)])
        moving = np.flatnonzero(np.isfinite(np.diag(self.covariance)))
        if not len(moving) or (self.at_bound[np.setdiff1d(np.arange(self.space.size), moving)] == 0).any():
            raise ValueError(
                f"subject {self.label!r} has neither samples nor a sound Hessian to draw from; fit with method='emcee'"
            )
        x = np.tile(self.coordinates, (n, 1))
        root = np.linalg.cholesky(self.covariance[np.ix_(moving, moving)])
        box = self.space.box
        for i in range(n):
            for _ in range(1000):
                x[i, moving] = self.coordinates[moving] + root @ rng.standard_normal(len(moving))
                if ((x[i] >= box[:, 0]) & (x[i] <= box[:, 1])).all():
                    break
            else:
                x[i] = np.clip(x[i], box[:, 0], box[:, 1])
        return self.space.to_values(x)

    def trajectories(self) -> Trajectories:
        """q̄, σ and probabilities on each row, of the estimate: arrays with a first axis of length 1."""
        return trajectories(self.subject, self.model)

    def predictive(
        self, draws: int = 100, *, rows: Subject | None = None, seed: int = 0, uncertain: bool = True
    ) -> npt.NDArray[np.int64]:
        """Choices that the fitted model makes on the subject's rows, shape (draws, rows).

        Parameters
        ----------
        draws : int
        rows : Subject, optional
            Rows with the payoffs of all options, as `design_from_task` makes them. Default: the subject's own, which
            have these where both outcomes were shown.
        seed : int
        uncertain : bool
            Whether each draw has its own parameters (see `draw`), or all have the estimate.

        Raises
        ------
        ValueError
            If payoffs that a simulated choice would meet are not known, or there is nothing to draw from.
        """
        draws = _checks.integer("draws", draws, low=1, high=10**6)
        values = self.draw(draws, seed) if _checks.flag("uncertain", uncertain) else np.tile(self.estimate, (draws, 1))
        return simulate(self.subject if rows is None else rows, self.model, self.space.names, values, seed=seed)


class SubjectFits(Sequence[SubjectFit]):
    """Fits of one model to subjects, of which numbers are kept and nothing else: one array a fit.

    A `SubjectFit` is made when it is asked for. It has the rows if they were in memory, or else says where they are.

    Parameters
    ----------
    rows : sequence of Subject
    template : Model
    space : Space
    places : sequence of (int, int or None), optional
        Of each fit: whose it is, and how many of the rows were fitted. Default: all rows of every subject.
    """

    def __init__(
        self, rows: Sequence[Subject], template: Model, space: Space,
        places: Sequence[tuple[int, int | None]] | None = None,
    ) -> None:  # fmt: skip
        self.rows, self.template, self.space, self.places = rows, template, space, places
        self._numbers: list[FloatArray | None] = [None] * len(rows if places is None else places)
        self._samples: dict[int, Samples] = {}

    def put(self, number: int, fit: SubjectFit) -> None:
        """Keep a fit."""
        f, starts = self.space.size, fit.starts
        by_start = np.column_stack([starts.begin, starts.end, starts.value, starts.converged, starts.evaluations])
        self._numbers[number] = np.concatenate([
            [fit.n_scored, fit.log_likelihood, fit.log_prior, fit.noise, fit.evaluations],
            fit.estimate, fit.lower, fit.upper, fit.at_bound, [KINDS.index(kind) for kind in fit.interval],
            [NOTES.index(note) for note in fit.note], fit.covariance.reshape(f * f), by_start.reshape(-1),
        ])  # fmt: skip
        if fit.samples is not None:
            self._samples[number] = fit.samples

    def put_checked(self, number: int, fit: SubjectFit) -> None:
        """Keep a fit that was read, if it can be one."""
        check_fit(fit)
        self.put(number, fit)

    @property
    def labels(self) -> tuple[Hashable, ...]:
        """Whose they are."""
        named = self.rows.contents.labels if isinstance(self.rows, Rows) else tuple(one.label for one in self.rows)
        return named if self.places is None else tuple(named[number] for number, _ in self.places)

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[SubjectFit]:
        return (self[number] for number in range(len(self)))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return tuple(self[number] for number in range(*index.indices(len(self))))
        number = range(len(self))[index]
        numbers = self._numbers[number]
        assert numbers is not None
        f = self.space.size
        ends = np.cumsum([5, f, f, f, f, f, f, f * f])
        facts, estimate, lower, upper, at_bound, kinds, notes, covariance, starts = np.split(numbers, ends)
        by_start = starts.reshape(-1, 2 * f + 3)
        return SubjectFit(
            rows=self._rows_of(number, int(facts[0])), template=self.template, space=self.space, estimate=estimate,
            lower=lower, upper=upper, interval=tuple(KINDS[int(kind)] for kind in kinds),
            at_bound=at_bound.astype(np.int64), note=tuple(NOTES[int(note)] for note in notes),
            log_likelihood=float(facts[1]), log_prior=float(facts[2]),
            starts=Starts(
                by_start[:, :f], by_start[:, f : 2 * f], by_start[:, 2 * f], by_start[:, 2 * f + 1] != 0,
                by_start[:, 2 * f + 2].astype(np.int64),
            ),
            covariance=covariance.reshape(f, f), samples=self._samples.get(number), noise=float(facts[3]),
            evaluations=int(facts[4]),
        )  # fmt: skip

    def _rows_of(self, number: int, n_scored: int) -> Subject | Filed:
        whose, until = (number, None) if self.places is None else self.places[number]
        if isinstance(self.rows, Rows):
            index = self.rows.contents
            return Filed(
                self.rows, whose, index.labels[whose], int(index.n_rows[whose]) if until is None else until, n_scored
            )
        subject = self.rows[whose]
        return subject if until is None else subject.part(until)

    def changed(self, change: Callable[[int, SubjectFit], SubjectFit]) -> "SubjectFits":
        """The same with something else in each fit."""
        out = SubjectFits(self.rows, self.template, self.space, self.places)
        for number, fit in enumerate(self):
            out.put(number, change(number, fit))
        return out

    def only(self, numbers: Sequence[int]) -> "SubjectFits":
        """Some of them."""
        places = [(number, None) for number in range(len(self.rows))] if self.places is None else self.places
        out = SubjectFits(self.rows, self.template, self.space, [places[number] for number in numbers])
        out._numbers = [self._numbers[number] for number in numbers]
        out._samples = {i: self._samples[number] for i, number in enumerate(numbers) if number in self._samples}
        return out


@dataclass(frozen=True, eq=False)
class Fit(Sequence[SubjectFit]):
    """Fits of one model to all subjects: a sequence of `SubjectFit`.

    Attributes
    ----------
    subjects : sequence of SubjectFit
    method : str
    level : float
        Of the intervals.
    settings : dict
        Further settings of the fit, for the record.
    versions : dict of str
    """

    subjects: Sequence[SubjectFit]
    method: str
    level: float
    settings: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=versions)

    def __len__(self) -> int:
        return len(self.subjects)

    def __iter__(self) -> Iterator[SubjectFit]:
        return iter(self.subjects)

    def __getitem__(self, index: Any) -> Any:
        return self.subjects[index]

    def of(self, label: Hashable) -> SubjectFit:
        """The fit of the subject with a label."""
        label = _checks.label("label", label)
        if label not in self._places:
            known = ", ".join(map(repr, self.labels[:20]))
            raise ValueError(f"label must be one of {known}, got {_checks.shown(label)}")
        return self.subjects[self._places[label]]

    @functools.cached_property
    def _places(self) -> dict[Hashable, int]:
        return {label: place for place, label in reversed(list(enumerate(self.labels)))}  # the first of a label counts

    @property
    def labels(self) -> tuple[Hashable, ...]:
        """The subjects' labels."""
        if isinstance(self.subjects, SubjectFits):
            return self.subjects.labels
        return tuple(fit.label for fit in self.subjects)

    @property
    def model(self) -> Model:
        """The first subject's model; all differ in the free parameters only."""
        return self.subjects[0].model

    @property
    def space(self) -> Space:
        """What was free, within which bounds."""
        return self.subjects[0].space

    @property
    def parameters(self) -> dict[str, FloatArray]:
        """Estimates by name, each of shape (subjects,)."""
        estimates = np.array([fit.estimate for fit in self])
        return {name: estimates[:, i].copy() for i, name in enumerate(self.space.names)}

    @property
    def log_likelihood(self) -> FloatArray:
        """Shape (subjects,), in nats."""
        return np.array([fit.log_likelihood for fit in self])

    @property
    def aic(self) -> FloatArray:
        """Shape (subjects,)."""
        return np.array([fit.aic for fit in self])

    @property
    def bic(self) -> FloatArray:
        """Shape (subjects,)."""
        return np.array([fit.bic for fit in self])

    @property
    def n_scored(self) -> npt.NDArray[np.int64]:
        """Choices that count, shape (subjects,)."""
        return np.array([fit.n_scored for fit in self])

    @property
    def pointwise(self) -> FloatArray:
        """Terms of the log-likelihood, one subject's rows after another's, computed now."""
        return np.concatenate([fit.pointwise for fit in self])

    @property
    def choices(self) -> Choices:
        """The rows that were fitted."""
        if isinstance(self.subjects, SubjectFits) and self.subjects.places is None:
            return Choices(self.subjects.rows)
        return Choices([fit.subject for fit in self])

    def to_frame(self) -> "pd.DataFrame":
        """One row a subject: estimates, intervals, what is wrong with them, and measures of fit. Needs pandas."""
        import pandas as pd

        numbers = ("log_likelihood", "aic", "bic")
        counts = ("choices", "starts", "agreeing")
        table: dict[str, npt.NDArray[Any]] = {}
        for name in self.space.names:
            table |= {name + end: np.empty(len(self)) for end in ("", "_lower", "_upper")}
            table |= {name + end: np.empty(len(self), dtype=object) for end in ("_interval", "_note")}
        table |= {name: np.empty(len(self)) for name in numbers}
        table |= {name: np.empty(len(self), dtype=np.int64) for name in counts}
        for row, fit in enumerate(self):
            for i, name in enumerate(self.space.names):
                table[name][row] = fit.estimate[i]
                table[f"{name}_lower"][row], table[f"{name}_upper"][row] = fit.lower[i], fit.upper[i]
                table[f"{name}_interval"][row], table[f"{name}_note"][row] = fit.interval[i], remark(fit, i)
            for name in numbers:
                table[name][row] = getattr(fit, name)
            for name, count in zip(counts, (fit.n_scored, len(fit.starts.value), fit.agreeing), strict=True):
                table[name][row] = count
        return pd.DataFrame(table, index=pd.Index(list(self.labels), name="subject"))

    def to_arviz(self, draws: int = 250, *, seed: int = 0) -> Any:
        """Posterior, pointwise log-likelihoods and choices, for ArviZ: an InferenceData (0.2x) or a DataTree (1.x).

        Log-likelihoods that no draw changes, such as those of a first choice between equals, are spread over 1e-9 nats:
        ArviZ's leave-one-out does not take equal ones.

        Parameters
        ----------
        draws : int
            Draws of each chain, at most. The walkers of an ensemble sampler are four chains; without samples there is
            one, drawn from the Hessian's normal.
        seed : int

        Raises
        ------
        ImportError
            If neither ``arviz`` nor ``arviz_base`` is installed.
        ValueError
            If a subject has neither samples nor a sound Hessian.
        """
        from .tables import to_arviz

        return to_arviz(self, draws, seed)

    def save(self, path: str | Path) -> Path:
        """Write the fit, the rows included, to a NumPy .npz archive, complete or not at all.

        Parameters
        ----------
        path : str or Path
            ".npz" is appended if it is missing.
        """
        path = files.with_suffix("path", path, ".npz")
        facts: dict[str, Any] = {
            "format": FORMAT, "kind": "fit", "method": self.method, "level": self.level, "settings": self.settings,
            "versions": self.versions, "model": packed_model(self.subjects[0].template),
            "free": {name: list(ends) for name, ends in self.space.bounds.items()},
        }  # fmt: skip
        columns = _columns(self)
        if any(fit.samples is not None for fit in self):
            facts["samples"] = [None if fit.samples is None else fit.samples.facts for fit in self]
        save_rows(path, facts, columns, *packed(self.choices.subjects))
        return path

    @classmethod
    def load(cls, path: str | Path) -> "Fit":
        """Read a fit from a file; nothing in it is executed.

        The rows of many subjects stay where they are, and each subject's are read when they are needed: the file has to
        stay, too.

        Raises
        ------
        ValueError
            If the file is not a fit of this format, or is damaged.
        """
        place = files.checked_path("path", path)
        with archive.reading(place, "fit") as file:
            facts = file.facts
            if facts.get("kind") == "fit" and facts["format"] == 2:
                found = _fits_of_format_2(facts, file)
            elif facts.get("kind") == "fit" and facts["format"] == FORMAT:
                found = _unpacked(facts, file, opened(place, file))
            else:
                raise ValueError(f"it is {facts.get('kind')!r} of format {facts.get('format')!r}, no fit of {FORMAT}")
            return cls(found, *settings_of(facts))

    def __repr__(self) -> str:
        lines = [
            f"<Fit: {self.model.kind}, {len(self)} subjects, {int(self.n_scored.sum())} choices, {self.method}",
            f"  log-likelihood {self.log_likelihood.sum():.2f}, AIC {self.aic.sum():.2f}, BIC {self.bic.sum():.2f}",
        ]
        for line in self._summary():
            lines.append("  {:<20} median {}, half of the subjects in {} to {}{}".format(*line))
        lines.append(f"  {self._agreement()}>")
        return "\n".join(lines)

    def _summary(self) -> list[tuple[str, str, str, str, str]]:
        names = self.space.names
        values = np.array([fit.estimate for fit in self])
        bad = {word: np.zeros(len(names), dtype=np.int64) for word in (
            "at a bound", "not identified", "open at one end"
        )}  # fmt: skip
        for fit in self:
            bad["at a bound"] += fit.at_bound != 0
            bad["not identified"] += [note == "not identified" for note in fit.note]
            bad["open at one end"] += [note.startswith("open") for note in fit.note]
        out = []
        for i, name in enumerate(names):
            words = "".join(f"; {counts[i]} {word}" for word, counts in bad.items() if counts[i])
            low, middle, high = (f"{x:.4g}" for x in np.quantile(values[:, i], [0.25, 0.5, 0.75]))
            out.append((name, middle, low, high, words))
        return out

    def _agreement(self) -> str:
        found = np.array([(fit.agreeing, len(fit.starts.value)) for fit in self])
        alone = int(((found[:, 0] < 2) & (found[:, 1] > 1)).sum())
        share = np.mean(found[:, 0] / found[:, 1])
        return f"{100 * share:.0f} % of the starts found the top" + (f"; of {alone} subjects only one" if alone else "")

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("parameter", "median", "quartiles", "remarks"))
        rows = "".join(
            f"<tr><td>{name}</td><td>{middle}</td><td>{low} to {high}</td><td>{words.lstrip('; ')}</td></tr>"
            for name, middle, low, high, words in self._summary()
        )
        return (
            f"<p><b>Fit</b>: {html.escape(self.model.kind)}, {len(self)} subjects, {int(self.n_scored.sum())} choices. "
            f"Log-likelihood {self.log_likelihood.sum():.2f}, AIC {self.aic.sum():.2f}, BIC {self.bic.sum():.2f}. "
            f"{self._agreement()}.</p><table><tr>{head}</tr>{rows}</table>"
        )


def remark(fit: SubjectFit, i: int) -> str:
    """What is wrong with an estimate, in words: "at a bound", "not identified" and the like; "" if nothing is."""
    words = ["at a bound"] if fit.at_bound[i] else []
    if fit.note[i]:
        words.append(fit.note[i])
    return ", ".join(words)


def packed_model(model: Model) -> dict[str, Any]:
    """A model as JSON has it."""
    agent = model.agent
    kind = "softmax" if isinstance(agent, SoftmaxLearner) else "agent"
    fields = dataclasses.asdict(agent) if isinstance(agent, SoftmaxLearner) else agent.to_dict()
    own = {f.name: getattr(model, f.name) for f in dataclasses.fields(model) if f.name != "agent"}
    return {"kind": kind, "agent": fields, "model": own}


def unpacked_model(facts: Mapping[str, Any]) -> Model:
    """The model that `packed_model` packed."""
    kind = _checks.choice("kind of model", facts["kind"], ("softmax", "agent"))
    agent = SoftmaxLearner(**facts["agent"]) if kind == "softmax" else Agent(**facts["agent"])
    return Model(agent=agent, **facts["model"])


def _columns(fits: Fit) -> dict[str, npt.NDArray[Any]]:
    """What was found as arrays, in which one subject's part follows another's."""
    n, f = len(fits), fits.space.size
    count = np.array([len(fit.starts.value) for fit in fits], dtype=np.int64)
    total = int(count.sum())
    columns: dict[str, npt.NDArray[Any]] = {name: np.empty((n, f)) for name in ("estimate", "lower", "upper")}
    columns |= {name: np.empty((n, f), dtype=np.int8) for name in ("at_bound", "interval", "note")}
    columns |= {name: np.empty(n) for name in ("log_likelihood", "log_prior", "noise")}
    columns |= {"evaluations": np.empty(n, dtype=np.int64), "covariance": np.empty((n, f, f)), "starts/count": count}
    columns |= {f"starts/{name}": np.empty((total, f)) for name in ("begin", "end")}
    columns |= {"starts/value": np.empty(total), "starts/converged": np.empty(total, dtype=bool)}
    columns |= {"starts/evaluations": np.empty(total, dtype=np.int64)}
    sampled: list[Samples] = []
    last = 0
    for row, fit in enumerate(fits):
        for name in ("estimate", "lower", "upper", "at_bound", "log_likelihood", "log_prior", "noise", "evaluations",
                     "covariance"):  # fmt: skip
            columns[name][row] = getattr(fit, name)
        columns["interval"][row] = [KINDS.index(kind) for kind in fit.interval]
        columns["note"][row] = [NOTES.index(note) for note in fit.note]
        part = slice(last, last + int(count[row]))
        last = part.stop
        for name in ("begin", "end", "value", "converged", "evaluations"):
            columns[f"starts/{name}"][part] = getattr(fit.starts, name)
        if fit.samples is not None:
            sampled.append(fit.samples)
    if sampled:
        columns["samples/shape"] = np.array([samples.draws.shape[:2] for samples in sampled])
        for name in ("draws", "log_density"):
            columns[f"samples/{name}"] = np.concatenate([getattr(samples, name).reshape(-1) for samples in sampled])
    return columns


def _unpacked(facts: Mapping[str, Any], file: archive.Archive, rows: Rows) -> SubjectFits:
    space = unpacked_space(facts["free"])
    n, f = len(rows), space.size
    each = {name: file.array(name, "f", (n, f)) for name in ("estimate", "lower", "upper")}
    each["covariance"] = file.array("covariance", "f", (n, f, f))
    each |= {name: file.array(name, "f", (n,)) for name in ("log_likelihood", "log_prior", "noise")}
    evaluations, at_bound = file.array("evaluations", "i", (n,)), file.array("at_bound", "i", (n, f))
    kinds, notes = (_words(name, file.array(name, "i", (n, f)), words) for name, words in
                    (("interval", KINDS), ("note", NOTES)))  # fmt: skip
    count = file.array("starts/count", "i", (n,))
    total = _whole("starts", count)
    begin, end = (file.array(f"starts/{name}", "f", (total, f)) for name in ("begin", "end"))
    value, converged = file.array("starts/value", "f", (total,)), file.array("starts/converged", "b", (total,))
    taken = file.array("starts/evaluations", "i", (total,))
    samples = _samples(facts.get("samples"), file, n, f)
    out = SubjectFits(rows, check_model(unpacked_model(facts["model"]), space), space)
    last = 0
    for i in range(n):
        part = slice(last, last + int(count[i]))
        last = part.stop
        out.put_checked(i, SubjectFit(
            rows=out._rows_of(i, int(rows.contents.n_scored[i])), template=out.template, space=space,
            estimate=each["estimate"][i], lower=each["lower"][i], upper=each["upper"][i], interval=kinds(i),
            at_bound=at_bound[i].astype(np.int64), note=notes(i), log_likelihood=float(each["log_likelihood"][i]),
            log_prior=float(each["log_prior"][i]),
            starts=Starts(begin[part], end[part], value[part], converged[part], taken[part]),
            covariance=each["covariance"][i], samples=samples.get(i), noise=float(each["noise"][i]),
            evaluations=int(evaluations[i]),
        ))  # fmt: skip
    return out


def _fits_of_format_2(facts: Mapping[str, Any], file: archive.Archive) -> SubjectFits:
    each = fits_of_format_2(facts, file)
    template = check_model(unpacked_model(each[0]["template"]), each[0]["space"])
    out = SubjectFits([given["rows"] for given in each], template, each[0]["space"])
    for number, given in enumerate(each):
        out.put_checked(number, SubjectFit(**given | {"template": template}))
    return out


def _words(name: str, codes: npt.NDArray[Any], words: tuple[str, ...]) -> Callable[[int], tuple[str, ...]]:
    if codes.size and not 0 <= codes.min() <= codes.max() < len(words):
        raise ValueError(f"{name} has numbers that are none of 0 to {len(words) - 1}")
    return lambda i: tuple(words[code] for code in codes[i].tolist())


def _whole(name: str, count: npt.NDArray[Any]) -> int:
    """The sum of counts."""
    if (count < 1).any() or (count > 2**40).any():
        raise ValueError(f"{name} has counts that cannot be")
    return int(count.sum())


def _samples(given: Any, file: archive.Archive, n: int, f: int) -> dict[int, Samples]:
    if given is None:
        return {}
    who = [number for number, facts in enumerate(_checks.sequence("samples", given)) if facts is not None]
    if len(given) != n or not who:
        raise ValueError("samples are of other subjects")
    shapes = file.array("samples/shape", "i", (len(who), 2))
    sizes = shapes.prod(axis=1)
    total = _whole("samples", sizes)
    density, draws = file.array("samples/log_density", "f", (total,)), file.array("samples/draws", "f", (total * f,))
    out, last = {}, 0
    for number, (chains, length), size in zip(who, shapes.tolist(), sizes.tolist(), strict=True):
        part = slice(last, last + size)
        out[number] = Samples(
            draws[f * part.start : f * part.stop].reshape(chains, length, f), density[part].reshape(chains, length),
            given[number],
        )  # fmt: skip
        last = part.stop
    return out
