"""Do the variants of a changing task speak of the same states, actions and memories?

q̄ and σ carry on through a change by the number of their state and action. So what has a number must have the same name
before and after, wherever there are names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .tabular import TabularMDP

_LIKE = "; TabularMDP.from_functions(…, like=first task) keeps the numbers of states and actions"


def check_variants(first: TabularMDP, changed: TabularMDP, episode: int) -> None:
    """Refuse a variant whose numbers mean other states, actions or memories than those of an earlier one.

    Parameters
    ----------
    first : TabularMDP
        The task before; each of several, one after the other.
    changed : TabularMDP
        The variant that comes with the change.
    episode : int
        When, for the message.

    Raises
    ------
    ValueError
        If the sizes, horizons, names, drawings, actions or known memories differ. A state that is terminal in one of
        the two may have other actions and memories in the other: it comes and goes with the change.
    """
    where = f"changes: the task from episode {episode}"
    if (changed.n_states, changed.n_actions) != (first.n_states, first.n_actions):
        hint = _LIKE if first.state_names and changed.state_names else ""
        raise ValueError(
            f"{where} must have {first.n_states} states and {first.n_actions} actions, "
            f"got {changed.n_states} and {changed.n_actions}{hint}"
        )
    if changed.horizon != first.horizon:
        raise ValueError(f"{where} must have horizon {first.horizon}, got {changed.horizon}")
    _check_layout(first, changed, where)
    for what in ("state", "action"):
        _check_names(first, changed, where, what)
    _check_memories(first, changed, where)


def _check_layout(first: TabularMDP, changed: TabularMDP, where: str) -> None:
    if first.layout is None or changed.layout is None:
        return
    sizes = [(len(layout), len(layout[0])) for layout in (first.layout, changed.layout)]
    if sizes[0] != sizes[1]:
        raise ValueError(
            f"{where} must have a layout of {sizes[0][0]} × {sizes[0][1]} cells, as before: got {sizes[1][0]} × "
            f"{sizes[1][1]}, where the same state is another cell"
        )


def _check_names(first: TabularMDP, changed: TabularMDP, where: str, what: str) -> None:
    field = f"{what}_names"
    before, after = getattr(first, field), getattr(changed, field)
    if before == after:
        return
    if before is None or after is None:
        named, unnamed = ("before", "from then on") if after is None else ("from then on", "before")
        raise ValueError(
            f"{where} cannot be matched: {field} are given {named} and not {unnamed}; give both tasks the same "
            f"{field}, or neither"
        )
    number = next(i for i, (one, other) in enumerate(zip(before, after, strict=True)) if one != other)
    same = set(before) == set(after)
    raise ValueError(
        f"{where} must have the same {field} in the same order: {what} {number} was {before[number]!r} and would go on "
        f"as {after[number]!r}" + (_LIKE if same and what == "state" else "")
    )


def _check_memories(first: TabularMDP, changed: TabularMDP, where: str) -> None:
    both = ~changed.terminal & ~first.terminal
    if (changed.exists != first.exists)[both].any():
        state = int(np.flatnonzero(both & (changed.exists != first.exists).any(axis=1))[0])
        raise ValueError(f"{where} must have the same actions (action_counts) as before; in state {state} they differ")
    known = first.known & both[:, None]
    if (changed.known != first.known)[both].any() or any(
        (getattr(changed, name)[known] != getattr(first, name)[known]).any()
        for name in ("known_q", "known_sigma")
        if known.any()
    ):
        raise ValueError(f"{where} must have the same known_q and known_sigma as before: the known memories differ")
