"""Episodes that the step limit cut off: what to say when that was every one of them."""

import warnings

from ..tasks.base import Task
from ..tasks.tabular import TabularMDP
from ..tasks.values import can_end

FEWEST = 100  # episodes that may all be cut off, as at the beginning of learning, before anything is said


class CutOffWarning(UserWarning):
    """Every episode was cut off by the step limit: no end can be reached, or the agents do not find one."""


def warn_of_cutoffs(task: Task, cut: int, episodes: int, kind: str, stacklevel: int = 2) -> None:
    """Give a `CutOffWarning` in the name of the caller's caller, if so many episodes were all there were.

    A task without terminal states is meant to be cut off: nothing is said of it.
    """
    if cut < episodes or not episodes:
        return
    closed = False
    if isinstance(task, TabularMDP):
        ending = [variant for variant in task.variants if variant.terminal.any()]
        if not ending:
            return
        closed = not any(can_end(variant)[variant.start > 0].any() for variant in ending)
    if closed:
        why = "no end can be reached from where they start"
    elif episodes >= FEWEST:
        why = "the agents found no end; a larger step_limit, or more episodes, may let them"
    else:
        return
    limits = sorted({variant.step_limit for variant in task.variants})
    warnings.warn(
        f"all of {episodes:,} {kind}episodes of {task.name!r} were cut off after "
        f"{' or '.join(f'{limit:,}' for limit in limits)} steps: {why}",
        CutOffWarning, stacklevel=stacklevel + 1,
    )  # fmt: skip
