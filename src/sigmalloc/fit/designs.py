"""Designs: rows with the payoffs of all options, on which choices can be simulated before anybody has made any."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _checks
from ..tasks.base import Task
from ..tasks.tabular import TabularMDP
from .choices import Choices
from .subject import Subject

Design: TypeAlias = Task | Subject | Choices | Callable[[int, int], Subject | Choices]


def design_from_task(task: Task, trials: int, *, seed: int, chosen_only: bool = True) -> Subject:
    """Rows that one subject sees in a task of one choice an episode, with what every option would pay.

    Parameters
    ----------
    task : TabularMDP
        One in which every action ends the episode: bandits, slot machines, two alternatives, ...
    trials : int
    seed : int
        Of states (unless the task has ``starts``) and rewards.
    chosen_only : bool
        Whether a simulated subject is shown the chosen option's payoff only.

    Returns
    -------
    Subject
        Its choices are placeholders: `simulate` makes some.

    Raises
    ------
    ValueError
        If the task is no such task, or has fewer trials laid down.
    """
    trials = _checks.integer("trials", trials, low=1, high=10**7)
    rng = np.random.default_rng(_checks.seed("seed", seed))
    if not isinstance(task, TabularMDP) or task.changes:
        raise ValueError(f"task must be a TabularMDP that does not change, got {_checks.shown(task)}")
    acting = ~task.terminal
    if not task.terminal[task.next_state[acting][task.exists[acting]]].all():
        raise ValueError(
            f"task: in {task.name!r} an episode can have several choices; simulate it with sm.simulate and make "
            "the data with Choices.from_task"
        )
    if task.episode_limit is not None and trials > task.episode_limit:
        raise ValueError(
            f"trials must be at most {task.episode_limit}, which {task.name!r} has laid down, got {trials}"
        )
    if task.starts is not None:
        state = np.asarray(task.starts[:trials], dtype=np.int64)
    else:
        state = rng.choice(task.n_states, size=trials, p=task.start)
    n_actions = task.n_actions
    outcome = (rng.random((trials, n_actions, 1)) > np.cumsum(task.probability[state], axis=2)[..., :-1]).sum(axis=2)
    mean = np.take_along_axis(task.reward[state], outcome[..., None], axis=2)[..., 0]
    if task.rewards_by_episode is not None:
        mean = task.rewards_by_episode[np.arange(trials), state]
    payoff = mean
    if task.reward_noise == "bernoulli":
        payoff = (rng.random(mean.shape) < mean).astype(np.float64)
    elif task.reward_sd is not None:
        spread = np.take_along_axis(task.reward_sd[state], outcome[..., None], axis=2)[..., 0]
        payoff = mean + spread * rng.standard_normal(mean.shape)
    memory, known, spread, exists, payoff = _in_order(task, state, payoff)
    data = Choices.from_arrays(
        memory, np.zeros(trials, dtype=np.int64), payoff, known=known, known_sigma=spread, exists=exists,
        chosen_only=chosen_only,
    )  # fmt: skip
    return data.subjects[0]


def _in_order(
    task: TabularMDP, state: npt.NDArray[np.int64], payoff: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.bool_],
           npt.NDArray[np.float64]]:  # fmt: skip
    """Memories, known values and payoffs by row; the options that a state has come first."""
    order = np.argsort(~task.exists, axis=1, kind="stable")[state]
    index = task.memory_map.index[state]
    known = np.zeros(index.shape)
    spread = np.zeros(index.shape)
    if task.known_q is not None and task.known_sigma is not None:
        isknown = task.known[state]
        known = np.where(isknown, task.known_q[state], 0.0)
        spread = np.where(isknown, task.known_sigma[state], 0.0)

    def sorted_(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.take_along_axis(table, order, axis=1)

    exists = np.take_along_axis(task.exists[state], order, axis=1)
    return (
        np.take_along_axis(np.asarray(index, dtype=np.int64), order, axis=1), sorted_(known), sorted_(spread), exists,
        np.where(exists, sorted_(payoff), np.nan),
    )  # fmt: skip


def subject_of(design: Design, trials: int | None, seed: int) -> Subject:
    """One subject's rows of a design: a task, rows with all payoffs, or a function of (trials, seed).

    Raises
    ------
    ValueError
        Naming ``design`` or ``trials``.
    """
    trials = None if trials is None else _checks.integer("trials", trials, low=1, high=10**7)
    if isinstance(design, Task):
        if trials is None:
            raise ValueError("trials must be given for a task")
        return design_from_task(design, trials, seed=seed)
    if isinstance(design, Choices):
        made: object = design.subjects[seed % len(design)]
    elif isinstance(design, Subject):
        made = design
    elif callable(design):
        if trials is None:
            raise ValueError("trials must be given for a design that is a function")
        made = design(trials, seed)
        if isinstance(made, Choices):
            made = made.subjects[0]
    else:
        raise ValueError(
            f"design must be a task, Choices, a Subject or a function of (trials, seed), got {_checks.shown(design)}"
        )
    if not isinstance(made, Subject):
        raise ValueError(f"design: the function must return a Subject or Choices, got {_checks.shown(made)}")
    return made if trials is None or trials >= made.n_rows else made.part(trials)
