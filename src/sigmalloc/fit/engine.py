"""The border between Python and the likelihood's kernel loop: arrays of one call."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..reference import Stream
from ..reference import likelihood as reference
from .choices import Subject
from .model import FloatArray, Setting


@dataclass
class Outcome:
    """Arrays of a call, one row a parameter set; empty where they were not asked for."""

    total: FloatArray
    pointwise: FloatArray
    probability: FloatArray
    choice: npt.NDArray[np.int64]
    q: FloatArray
    sigma: FloatArray

    def log_likelihood(self) -> FloatArray:
        """By row if that was asked for, else the totals."""
        return self.pointwise if self.pointwise.shape[1] else self.total


def streams(seed: int, first: int, n: int) -> list[tuple[int, int]]:
    return [(seed, first + i) for i in range(n)]


def run(
    subject: Subject,
    setting: Setting,
    vectors: FloatArray,
    *,
    pointwise: bool = False,
    course: bool = False,
    streams: list[tuple[int, int]] | None = None,
) -> Outcome:
    """Evaluate parameter sets on one subject's rows."""
    check(subject, setting)
    n, rows, options = len(vectors), subject.n_rows, subject.payoff.shape[1]
    out = Outcome(
        np.zeros(n), np.zeros((n, rows if pointwise else 0)), np.zeros((n, rows, options)),
        np.zeros((n, rows), dtype=np.int64), np.zeros((n, rows + 1, subject.n_memories)),
        np.zeros((n, rows + 1, subject.n_memories)),
    )  # fmt: skip
    for i, vector in enumerate(vectors):
        stream = None if streams is None else Stream(streams[i][0], (streams[i][1],))
        trace = reference.evaluate(subject, setting, vector, stream)
        out.total[i] = trace.total
        if pointwise:
            out.pointwise[i] = trace.pointwise
        out.choice[i] = trace.choice
        if course:
            for t, p in enumerate(trace.probability):
                out.probability[i, t, : len(p)] = p
            out.q[i], out.sigma[i] = [*trace.q, trace.final_q], [*trace.sigma, trace.final_sigma]
    return out


def check(subject: Subject, setting: Setting) -> None:
    """Raise a ValueError where a subject's rows and the setting do not fit together."""
    if setting.shape is not None and len(setting.shape) != subject.n_memories:
        raise ValueError(
            f"shape must have {subject.n_memories} entries, one for each memory of subject {subject.label!r}, "
            f"got {len(setting.shape)}"
        )
    if setting.allocation == "softmax":
        return
    if setting.policy == "soft" and subject.n_options.max() > 2:
        raise ValueError("policy='soft' is for two options; with more, use policy='hard' (or a SoftmaxLearner)")
    if setting.gradient_source == "task" and subject.longer_episodes and subject.transition is None:
        raise ValueError("gradient_source='task' needs the task's transitions: make the data with Choices.from_task")
    if setting.gradient in ("reinforce", "return") and setting.allocation != "fixed":
        made = np.flatnonzero(subject.choice >= 0)
        blank = made[np.isnan(subject.payoff[made, subject.choice[made]])]
        if len(blank):
            raise ValueError(
                f"gradient={setting.gradient!r} needs the payoff of every choice; subject {subject.label!r} has none "
                f"in row {subject.rows[blank[0]]}"
            )
