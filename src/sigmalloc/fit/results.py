"""What fitting gives back: parameters with intervals and what is wrong with them, predictions, and files."""

import dataclasses
import html
import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._io import archive, files
from ..agents import Agent
from ..runs.result import versions
from .choices import Choices
from .likelihood import Trajectories, simulate, trajectories
from .model import FloatArray, Model, SoftmaxLearner
from .optimise import Starts
from .parameters import Space
from .samplers import Samples
from .subject import Subject

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 2
NOTES: tuple[str, ...] = ("", "open below", "open above", "not identified")
_PER_SUBJECT = ("situation", "following", "choice", "payoff", "outcome", "scored", "episode_end", "block_start",
                "block_memories", "memory", "known", "known_sigma", "n_options", "block", "start", "rows")  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class SubjectFit:
    """One subject's fit.

    Attributes
    ----------
    subject : Subject
        The rows that were fitted.
    model : Model
        With the estimates in it.
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
    pointwise : array of float, shape (rows,)
        Terms of the log-likelihood; 0 for rows that are not scored.
    starts : Starts
    covariance : array of float, shape (f, f)
        Of the coordinates, from the Hessian at the top: NaN for parameters at a bound, or all NaN if it is not sound.
    samples : Samples or None
    noise : float
        Standard deviation of the log-likelihood, of a particle filter; else 0.
    evaluations : int
        Parameter sets evaluated.
    """

    subject: Subject
    model: Model
    space: Space
    estimate: FloatArray
    lower: FloatArray
    upper: FloatArray
    interval: tuple[str, ...]
    at_bound: npt.NDArray[np.int64]
    note: tuple[str, ...]
    log_likelihood: float
    log_prior: float
    pointwise: FloatArray
    starts: Starts
    covariance: FloatArray
    samples: Samples | None = None
    noise: float = 0.0
    evaluations: int = 0

    @property
    def label(self) -> Hashable:
        """The subject's."""
        return self.subject.label

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
        return -2.0 * self.log_likelihood + self.space.size * math.log(max(self.subject.n_scored, 1))

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
        values = self.draw(draws, seed) if uncertain else np.tile(self.estimate, (draws, 1))
        return simulate(self.subject if rows is None else rows, self.model, self.space.names, values, seed=seed)


@dataclass(frozen=True, eq=False)
class Fit(Sequence[SubjectFit]):
    """Fits of one model to all subjects: a sequence of `SubjectFit`.

    Attributes
    ----------
    subjects : tuple of SubjectFit
    method : str
    level : float
        Of the intervals.
    settings : dict
        Further settings of the fit, for the record.
    versions : dict of str
    """

    subjects: tuple[SubjectFit, ...]
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
        for fit in self.subjects:
            if fit.label == label:
                return fit
        raise ValueError(f"label must be one of {', '.join(map(repr, self.labels[:20]))}, got {_checks.shown(label)}")

    @property
    def labels(self) -> tuple[Hashable, ...]:
        """The subjects' labels."""
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
        return {name: np.array([fit.estimate[i] for fit in self]) for i, name in enumerate(self.space.names)}

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
        return np.array([fit.subject.n_scored for fit in self])

    @property
    def pointwise(self) -> FloatArray:
        """Terms of the log-likelihood, one subject's rows after another's."""
        return np.concatenate([fit.pointwise for fit in self])

    @property
    def choices(self) -> Choices:
        """The rows that were fitted."""
        return Choices([fit.subject for fit in self])

    def to_frame(self) -> "pd.DataFrame":
        """One row a subject: estimates, intervals, what is wrong with them, and measures of fit. Needs pandas."""
        import pandas as pd

        rows = []
        for fit in self:
            row: dict[str, Any] = {}
            for i, name in enumerate(self.space.names):
                row |= {
                    name: fit.estimate[i], f"{name}_lower": fit.lower[i], f"{name}_upper": fit.upper[i],
                    f"{name}_interval": fit.interval[i], f"{name}_note": remark(fit, i),
                }  # fmt: skip
            row |= {
                "log_likelihood": fit.log_likelihood, "aic": fit.aic, "bic": fit.bic, "choices": fit.subject.n_scored,
                "starts": len(fit.starts.value), "agreeing": fit.agreeing,
            }  # fmt: skip
            rows.append(row)
        return pd.DataFrame(rows, index=pd.Index(list(self.labels), name="subject"))

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
        first = self.subjects[0]
        common, _ = _packed(first, first)
        facts: dict[str, Any] = {
            "format": FORMAT, "kind": "fit", "method": self.method, "level": self.level, "settings": self.settings,
            "versions": self.versions, "common": common, "subjects": [],
        }  # fmt: skip
        columns: dict[str, list[npt.NDArray[Any]]] = {}
        for fit in self:
            own, packed = _packed(fit, first)
            facts["subjects"].append({key: value for key, value in own.items() if value != common[key]})
            for name, array in packed.items():
                columns.setdefault(name, []).append(array.ravel())
        archive.save(path, facts, {name: np.concatenate(parts) for name, parts in columns.items()})
        return path

    @classmethod
    def load(cls, path: str | Path) -> "Fit":
        """Read a fit from a file; nothing in it is executed.

        Raises
        ------
        ValueError
            If the file is not a fit of this format, or is damaged.
        """
        with archive.reading(files.checked_path("path", path), "fit") as file:
            facts = file.facts
            if facts.get("kind") != "fit" or facts["format"] != FORMAT:
                raise ValueError(f"it is {facts.get('kind')!r} of format {facts.get('format')!r}, no fit of {FORMAT}")
            columns = _Columns(file)
            found = [_unpacked(facts["common"] | own, columns) for own in facts["subjects"]]
            if not found:
                raise ValueError("it has no subjects")
            columns.check_end()
            return cls(tuple(found), facts["method"], facts["level"], facts["settings"], facts["versions"])

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
        out = []
        for i, (name, values) in enumerate(self.parameters.items()):
            bad = {
                "at a bound": sum(bool(fit.at_bound[i]) for fit in self),
                "not identified": sum(fit.note[i] == "not identified" for fit in self),
                "open at one end": sum(fit.note[i].startswith("open") for fit in self),
            }
            words = "".join(f"; {count} {word}" for word, count in bad.items() if count)
            low, middle, high = (f"{x:.4g}" for x in np.quantile(values, [0.25, 0.5, 0.75]))
            out.append((name, middle, low, high, words))
        return out

    def _agreement(self) -> str:
        alone = sum(fit.agreeing < 2 for fit in self if len(fit.starts.value) > 1)
        share = np.mean([fit.agreeing / len(fit.starts.value) for fit in self])
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
    agent = SoftmaxLearner(**facts["agent"]) if facts["kind"] == "softmax" else Agent(**facts["agent"])
    return Model(agent=agent, **facts["model"])


def packed_subject(subject: Subject) -> tuple[dict[str, Any], dict[str, Any]]:
    """A subject's facts and arrays."""
    facts = {
        "label": _plain_label(subject.label), "n_memories": subject.n_memories, "chosen_only": subject.chosen_only,
        "labels": [[_plain_label(name) for name in block] for block in subject.labels],
    }  # fmt: skip
    arrays = {name: getattr(subject, name) for name in _PER_SUBJECT}
    if subject.transition is not None:
        arrays["transition"] = subject.transition
    return facts, arrays


def _plain_label(label: Hashable) -> int | float | str:
    return label if isinstance(label, (int, float, str)) else str(label)


def _packed(fit: SubjectFit, first: SubjectFit) -> tuple[dict[str, Any], dict[str, Any]]:
    """A subject's facts and arrays. Of the model what the estimates, which are arrays, leave to say."""
    about, rows = packed_subject(fit.subject)
    model = fit.model.replace(**dict(zip(fit.space.names, first.estimate.tolist(), strict=False)))
    facts: dict[str, Any] = {
        "subject": about, "model": packed_model(model),
        "free": {name: [low, high] for name, low, high in
                 zip(fit.space.names, fit.space.low, fit.space.high, strict=True)},
        "interval": list(fit.interval), "note": list(fit.note), "log_likelihood": fit.log_likelihood,
        "log_prior": fit.log_prior, "noise": fit.noise, "evaluations": fit.evaluations,
        "samples": None if fit.samples is None else fit.samples.facts,
    }  # fmt: skip
    arrays = {f"subject/{name}": array for name, array in rows.items()}
    for name in ("estimate", "lower", "upper", "at_bound", "pointwise", "covariance"):
        arrays[name] = getattr(fit, name)
    for name in ("begin", "end", "value", "converged", "evaluations"):
        arrays[f"starts/{name}"] = getattr(fit.starts, name)
    if fit.samples is not None:
        arrays |= {"samples/draws": fit.samples.draws, "samples/log_density": fit.samples.log_density}
    facts["shapes"] = {name: list(array.shape) for name, array in arrays.items()}
    return facts, arrays


class _Columns:
    """Arrays of a file, in each of which one subject's part follows another's."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._read: dict[str, npt.NDArray[Any]] = {}
        self._place: dict[str, int] = {}

    def next(self, name: str, kinds: str, shape: Any, wanted: tuple[int | None, ...]) -> npt.NDArray[Any]:
        """The next part, of a shape that the file tells and that has to be as wanted (None: any length)."""
        whole = self._read.get(name)
        if whole is None:
            whole = self._read[name] = self._file.array(name, kinds, (None,))
        if not (isinstance(shape, list) and len(shape) == len(wanted)
                and all(type(n) is int and n >= 0 and n == (n if w is None else w)
                        for n, w in zip(shape, wanted, strict=True))):  # fmt: skip
            raise ValueError(f"{name} has shape {shape}, not {wanted}")
        begin = self._place.get(name, 0)
        end = self._place[name] = begin + math.prod(shape)
        if end > len(whole):
            raise ValueError(f"{name} ends too early")
        return whole[begin:end].reshape(shape)

    def check_end(self) -> None:
        """Raise a ValueError if something was left over."""
        for name, whole in self._read.items():
            if self._place[name] != len(whole):
                raise ValueError(f"{name} has more than the subjects")


def _unpacked(facts: Mapping[str, Any], columns: _Columns) -> SubjectFit:
    about, sizes = facts["subject"], facts["shapes"]

    def read(name: str, kinds: str, shape: tuple[int | None, ...]) -> Any:
        return columns.next(name, kinds, sizes[name], shape)

    rows = sizes["subject/situation"][0]
    situations, options = sizes["subject/memory"]
    by_row = (
        "situation", "following", "choice", "scored", "episode_end", "block_start", "block_memories", "block", "rows",
    )  # fmt: skip
    shapes: dict[str, tuple[str, tuple[int, ...]]] = dict.fromkeys(by_row, ("i", (rows,)))
    shapes |= dict.fromkeys(("payoff", "outcome"), ("f", (rows, options)))
    shapes |= dict.fromkeys(("known", "known_sigma"), ("f", (situations, options)))
    shapes |= {"memory": ("i", (situations, options)), "n_options": ("i", (situations,)), "start": ("f", (situations,))}
    arrays = {name: read(f"subject/{name}", *shape) for name, shape in shapes.items()}
    if "subject/transition" in sizes:
        arrays["transition"] = read("subject/transition", "f", (situations, options, situations))
    subject = Subject(
        label=about["label"], n_memories=about["n_memories"], chosen_only=about["chosen_only"],
        labels=tuple(tuple(block) for block in about["labels"]), **arrays,
    )  # fmt: skip
    free = facts["free"]
    space = Space(tuple(free), tuple(ends[0] for ends in free.values()), tuple(ends[1] for ends in free.values()))
    f = space.size
    begin = read("starts/begin", "f", (None, f))
    n = len(begin)
    starts = Starts(
        begin, read("starts/end", "f", (n, f)), read("starts/value", "f", (n,)), read("starts/converged", "b", (n,)),
        read("starts/evaluations", "i", (n,)),
    )  # fmt: skip
    samples = None
    if facts["samples"] is not None:
        draws = read("samples/draws", "f", (None, None, f))
        samples = Samples(draws, read("samples/log_density", "f", draws.shape[:2]), facts["samples"])
    estimate = read("estimate", "f", (f,))
    model = unpacked_model(facts["model"]).replace(**dict(zip(space.names, estimate.tolist(), strict=True)))
    return SubjectFit(
        subject=subject, model=model, space=space, estimate=estimate,
        lower=read("lower", "f", (f,)), upper=read("upper", "f", (f,)), interval=tuple(facts["interval"]),
        at_bound=read("at_bound", "i", (f,)), note=tuple(facts["note"]), log_likelihood=facts["log_likelihood"],
        log_prior=facts["log_prior"], pointwise=read("pointwise", "f", (rows,)), starts=starts,
        covariance=read("covariance", "f", (f, f)), samples=samples, noise=facts["noise"],
        evaluations=facts["evaluations"],
    )  # fmt: skip
