"""The border between Python and the likelihood's kernel loop: arrays of one call, eight parameter sets at a time."""

import threading
import weakref
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _checks, _kernel
from ..agents import ALLOCATIONS, GRADIENTS
from ..agents.rules import look_up
from ..runs.engine import seeded_streams
from .model import GRADIENT_SOURCES, PARAMETERS, FloatArray, Setting
from .subject import Subject

LANES = 8
_STICKINESS = PARAMETERS.index("stickiness")
_MOST_VIEWS = 64  # of subjects that are in work
# The last used come last. A subject that ceases to be takes its view out without the lock, wherever that happens: so it
# is a plain dictionary, of which nothing is asked but what is done at once.
_views: dict[tuple[int, str], tuple[weakref.ref[Subject], Any]] = {}
_lock = threading.Lock()


@dataclass
class Outcome:
    """Arrays of a call, one row a parameter set; with no rows where they were not asked for."""

    total: FloatArray
    pointwise: FloatArray
    probability: FloatArray
    choice: npt.NDArray[np.int64]
    q: FloatArray
    sigma: FloatArray

    def log_likelihood(self) -> FloatArray:
        """By row if that was asked for, else the totals."""
        return self.pointwise if len(self.pointwise) else self.total


def stream_states(seed: int, key: tuple[int, ...], n: int, first: int = 0) -> npt.NDArray[np.uint64]:
    """States of n SFC64 streams, (n, 4), with the spawn keys (*key, first), (*key, first + 1), …"""
    keys = np.empty((n, len(key) + 1), dtype=np.int64)
    keys[:, :-1], keys[:, -1] = key, np.arange(first, first + n)
    return seeded_streams(seed, keys)


def likelihood(subject: Subject, setting: Setting, vectors: FloatArray, kernel: ModuleType | None = None) -> Any:
    """The kernel's room to evaluate parameter sets in; not for two threads at once."""
    check(_checks.instance("subject", subject, Subject), setting)
    kernel = _kernel.kernel if kernel is None else kernel
    softmax = setting.allocation == "softmax"
    rule, psi = ALLOCATIONS["fixed" if softmax else setting.allocation], GRADIENTS[setting.gradient]
    words = {"update": rule.update, "importance": rule.importance, "credit": psi.credit, "baseline": psi.baseline}
    numbers = [look_up(kind, kernel.RULES[kind], word, "the kernel") for kind, word in words.items()]
    return kernel.Likelihood(
        kernel_rows(subject, kernel), *numbers, softmax, GRADIENT_SOURCES.index(setting.gradient_source),
        setting.policy == "hard", bool(vectors[:, _STICKINESS].any()), setting.window,
        np.array(setting.shape or (), dtype=np.float64),
    )  # fmt: skip


def run(
    subject: Subject,
    setting: Setting,
    vectors: FloatArray,
    *,
    pointwise: bool = False,
    course: bool = False,
    streams: npt.NDArray[np.uint64] | None = None,
    kernel: ModuleType | None = None,
) -> Outcome:
    """Evaluate parameter sets on one subject's rows, or let them choose there.

    Parameters
    ----------
    vectors : array of float, shape (sets, 13)
        Checked.
    pointwise, course : bool
        Whether terms by row, and probabilities, q̄ and σ by row, are wanted.
    streams : array of uint64, shape (sets, 4), optional
        Choices are drawn from these.
    kernel : module, optional
        A build of the kernel. Default: the one that was chosen at import.
    """
    n, rows, memories = len(vectors), subject.n_rows, subject.n_memories
    by_row, in_course = n if pointwise else 0, n if course else 0
    out = Outcome(
        total=np.zeros(n),
        pointwise=np.zeros((by_row, rows)),
        probability=np.zeros((in_course, rows, subject.payoff.shape[1])),
        choice=np.zeros((0 if streams is None else n, rows), dtype=np.int64),
        q=np.zeros((in_course, rows + 1, memories)),
        sigma=np.zeros((in_course, rows + 1, memories)),
    )
    streams = np.zeros((0, 4), dtype=np.uint64) if streams is None else streams
    room = likelihood(subject, setting, vectors, kernel)
    for first in range(0, n, LANES):
        part = slice(first, first + LANES)
        room.evaluate(
            np.ascontiguousarray(vectors[part]), streams[part], out.total[part], out.pointwise[part],
            out.probability[part], out.choice[part], out.q[part], out.sigma[part],
        )  # fmt: skip
    return out


def kernel_rows(subject: Subject, kernel: ModuleType | None = None) -> Any:
    """The kernel's view of a subject, made once while the subject is in work.

    A view takes about as much as the rows of a short experiment, so those of the last subjects only are kept.

    Raises
    ------
    ValueError
        If the subject's numbers cannot be, or do not fit together.
    """
    kernel = _kernel.kernel if kernel is None else kernel
    key = (id(subject), kernel.__name__)
    with _lock:
        owner, made = _views.pop(key, (None, None))
        if owner is None or owner() is not subject:
            transition = np.zeros((0, 0, 0)) if subject.transition is None else subject.transition
            made = kernel.ChoiceRows(
                subject.situation, subject.following, subject.choice, subject.scored, subject.episode_end,
                subject.block_start, subject.block_memories, subject.payoff, subject.outcome, subject.memory,
                subject.known, subject.known_sigma, subject.n_options, subject.start, transition, subject.n_memories,
                subject.chosen_only,
            )  # fmt: skip
            owner = weakref.ref(subject, lambda _: _views.pop(key, None))
        _views[key] = owner, made
        for oldest in list(_views)[:-_MOST_VIEWS]:
            _views.pop(oldest, None)
    return made


def check(subject: Subject, setting: Setting) -> None:
    """Raise a ValueError where a subject's rows and the setting do not fit together."""
    if setting.shape is not None and len(setting.shape) != subject.n_memories:
        raise ValueError(
            f"shape must have {subject.n_memories} entries, one for each memory of subject {subject.label!r}, "
            f"got {len(setting.shape)}"
        )
    if setting.allocation == "softmax":
        return
    if setting.gradient_source == "task" and subject.longer_episodes and subject.transition is None:
        raise ValueError("gradient_source='task' needs the task's transitions: make the data with Choices.from_task")
    if GRADIENTS[setting.gradient].waits and ALLOCATIONS[setting.allocation].update != "none":
        made = np.flatnonzero(subject.choice >= 0)
        blank = made[np.isnan(subject.payoff[made, subject.choice[made]])]
        if len(blank):
            raise ValueError(
                f"gradient={setting.gradient!r} needs the payoff of every choice; subject {subject.label!r} has none "
                f"in row {subject.rows[blank[0]]}"
            )
