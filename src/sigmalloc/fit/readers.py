"""Tables of other packages as choices."""

import os
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .. import _checks
from .choices import Blocks, Choices, Coding
from .columns import floats
from .subject import FloatArray
from .texts import read_text

if TYPE_CHECKING:
    import pandas as pd

Table: TypeAlias = "pd.DataFrame | str | os.PathLike[str]"
Shown: TypeAlias = Literal["chosen", "all"]
_NO_RESPONSE = -999.0  # HSSM's response time of a missing response


def read_hbayesdm(
    table: Table, *, n_options: int | None = None, block: str | None = None, blocks: Blocks = "reset"
) -> Choices:
    """Bandit tasks as hBayesDM has them: ``subjID``, ``choice`` (1, 2, …) and ``outcome``, or ``gain`` and ``loss``.

    Parameters
    ----------
    table : pandas.DataFrame or path
        A path is read as text separated by tabs, or by commas if its name ends in ``.csv``. The names of columns may be
        written in any case, with or without underscores and dots, as hBayesDM takes them.
    n_options : int, optional
        Arms, all of which are shown on every trial. Default: the largest choice made.
    block : str, optional
        Column of the block.
    blocks : {"reset", "carry", "reset_q"}
        See `Choices.from_arrays`.

    Notes
    -----
    The net reward is ``outcome``, or gain − |loss|.

    Raises
    ------
    ValueError
        If a column is not there, or naming the subject and the row.
    """
    frame = _frame(table, tabs=True)
    named = {str(name).lower().replace("_", "").replace(".", ""): name for name in frame.columns}

    def column(name: str) -> npt.NDArray[Any]:
        return np.asarray(frame[_there(frame, named.get(name, name))])

    def amounts(name: str) -> FloatArray:
        return floats(name, column(name))

    choice = column("choice")
    reward = amounts("outcome") if "outcome" in named else amounts("gain") - np.abs(amounts("loss"))
    if n_options is None:
        made = floats("choice", choice)
        if not np.isfinite(made).any():
            raise ValueError("n_options must be given where no choice was made")
        n_options = int(made[np.isfinite(made)].max())
    n_options = _checks.integer("n_options", n_options, low=2)
    return Choices.from_arrays(
        np.tile(np.arange(1, n_options + 1), (len(frame), 1)), choice, reward, subject=column("subjid"),
        block=None if block is None else np.asarray(frame[_there(frame, block)]), blocks=blocks, coding="from one",
    )  # fmt: skip


def read_cpm(
    table: Table, *, shown: Shown = "chosen", coding: Coding = "from one", block: str | None = None,
    blocks: Blocks = "reset",
) -> Choices:  # fmt: skip
    """Two-armed bandits as cpm (the Computational Psychiatry Modelling toolbox) has them.

    Columns: ``ppt``, ``stimulus_left`` and ``stimulus_right`` (or ``arm_left``, ``arm_right``), ``reward_1`` and
    ``reward_2`` (or ``reward_left``, ``reward_right``), ``responses`` (or ``response``).

    Parameters
    ----------
    table : pandas.DataFrame or path
        A path is read as text separated by commas.
    shown : {"chosen", "all"}
        Whether people saw the payoff of the option that they chose, or of both. The table has both.
    coding : {"from one", "index", "memory"}
        What ``responses`` are: 1 and 2, 0 and 1, or names of stimuli.
    block, blocks
        As for `read_hbayesdm`.

    Raises
    ------
    ValueError
        If a column is not there, or naming the subject and the row.
    """
    _checks.choice("shown", shown, ("chosen", "all"))
    frame = _frame(table)
    options = [_there(frame, f"stimulus_{side}", f"arm_{side}") for side in ("left", "right")]
    rewards = [_there(frame, f"reward_{number}", f"reward_{side}") for number, side in ((1, "left"), (2, "right"))]
    choices = Choices.from_frame(
        frame, options=options, choice=_there(frame, "responses", "response"), payoff=rewards,
        subject=_there(frame, "ppt"), block=block, blocks=blocks, coding=coding, chosen_only=shown == "chosen",
    )  # fmt: skip
    return Choices([subject.with_choices(subject.choice) for subject in choices])


def read_hssm(table: Table, *, block: str | None = None, blocks: Blocks = "reset") -> Choices:
    """Two-armed bandits as HSSM's reinforcement-learning models have them.

    Columns: ``participant_id``, ``response`` (0 and 1, or −1 and 1) and ``feedback``; where ``rt`` is −999 there was no
    response. Both arms are shown on every trial.

    Parameters
    ----------
    table : pandas.DataFrame or path
        A path is read as text separated by commas.
    block, blocks
        As for `read_hbayesdm`.

    Raises
    ------
    ValueError
        If a column is not there, or naming the subject and the row.
    """
    frame = _frame(table)
    response = floats("response", frame[_there(frame, "response")])
    made = np.isfinite(response)
    if "rt" in frame.columns:
        made &= floats("rt", frame["rt"]) != _NO_RESPONSE
    used = set(response[made].tolist())
    if not (used <= {0.0, 1.0} or used <= {-1.0, 1.0}):
        raise ValueError(f"response must be 0 and 1, or −1 and 1, got {sorted(used)[:10]}")
    return Choices.from_arrays(
        np.tile([0, 1], (len(frame), 1)), np.where(made, response > 0, -1),
        floats("feedback", frame[_there(frame, "feedback")]),
        subject=np.asarray(frame[_there(frame, "participant_id")]),
        block=None if block is None else np.asarray(frame[_there(frame, block)]), blocks=blocks,
    )  # fmt: skip


def _frame(table: Table, tabs: bool = False) -> "pd.DataFrame":
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        return table
    if not isinstance(table, (str, os.PathLike)):
        raise ValueError(f"table must be a pandas.DataFrame or a path, got {_checks.shown(table)}")
    commas = not tabs or os.fspath(table).lower().endswith(".csv")
    return read_text("table", table, "," if commas else "\t")


def _there(frame: "pd.DataFrame", *names: str) -> str:
    """The first of some names that is a column."""
    for name in names:
        if isinstance(name, str) and name in frame.columns:
            return name
    columns = ", ".join(repr(str(name)) for name in frame.columns)
    raise ValueError(f"no column {' or '.join(map(_checks.shown, names))}; the columns are {columns}")
