"""Finite MDPs from dense matrices, from functions of one's own states, and from nested lists of outcomes.

An action is a column, the same one in every state that has it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from .. import _checks
from .base import Task

if TYPE_CHECKING:
    from .tabular import TabularMDP

MAX_STATES = 100_000
_AXES = ("SAS", "ASS")
_Row = dict[int, list[tuple[float, int, float]]]  # outcomes by column
_Task = TypeVar("_Task", bound="TabularMDP")
OUTCOMES = ("next_state", "reward", "probability")
ACTIONS = ("actions", "action_counts")


def options(cls: type[_Task], settled: Collection[str]) -> list[str]:
    """Arguments of a task that are left to say when some are settled."""
    return [name for name in inspect.signature(cls).parameters if name not in settled]


def check_options(
    cls: type[_Task], keywords: Mapping[str, Any], settled: Collection[str], by: str, own: Collection[str] = ()
) -> None:
    """Refuse keywords that a task does not have, or that something else has settled; ``own`` are taken already."""
    for name in keywords:
        if name in settled:
            raise ValueError(f"{name} is settled by {by}, and cannot be given as well")
    _checks.only(keywords, list(dict.fromkeys([*own, *options(cls, settled)])), "keyword")


def from_dense(
    cls: type[_Task],
    transitions: npt.ArrayLike,
    rewards: npt.ArrayLike,
    *,
    axes: Literal["SAS", "ASS"] = "SAS",
    **keywords: Any,
) -> _Task:
    """See `TabularMDP.from_dense`."""
    check_options(cls, keywords, OUTCOMES, "transitions and rewards")
    order = {"SAS": "(states, actions, states)", "ASS": "(actions, states, states)"}[
        _checks.choice("axes", axes, _AXES)
    ]
    dense = _checks.numeric("transitions", transitions)
    if dense.ndim != 3 or 0 in dense.shape or dense.shape[_AXES.index(axes)] != dense.shape[2]:
        other = _AXES[1 - _AXES.index(axes)]
        fits = dense.ndim == 3 and 0 not in dense.shape and dense.shape[_AXES.index(other)] == dense.shape[2]
        hint = f'; with axes="{other}" it would do' if fits else ""
        raise ValueError(f'transitions must have shape {order} with axes="{axes}", got {dense.shape}{hint}')
    dense = _checks.array("transitions", dense, dense.shape)
    gains = _checks.numeric("rewards", rewards).astype(np.float64)
    given = dense.shape
    if axes == "ASS":
        dense = dense.transpose(1, 0, 2)
        gains = gains.transpose(1, 0, 2) if gains.shape == given else gains
    if gains.shape == dense.shape[:2]:
        gains = np.broadcast_to(gains[:, :, None], dense.shape)
    if gains.shape != dense.shape:
        raise ValueError(
            f'rewards must have shape (states, actions) = {dense.shape[:2]} or, with axes="{axes}", that of '
            f"transitions, {order} = {given}; got {np.shape(rewards)}"
        )
    impossible: _checks.Mask = gains == -np.inf
    exists: _checks.Mask = np.asarray(~impossible.all(axis=2) & ~(impossible & (dense > 0)).any(axis=2))
    partly = ~exists & ~impossible.all(axis=2) & (~impossible & (dense > 0)).any(axis=2)
    if partly.any():
        s, a = np.argwhere(partly)[0]
        raise ValueError(
            f"rewards of state {s}, action {a} are -inf for some of the next states only; -inf says that there is no "
            "such action in the state"
        )
    gains = _checks.array(
        "rewards", np.where(impossible & (~exists[:, :, None] | (dense == 0)), 0.0, gains), gains.shape
    )
    dense = np.where(exists[:, :, None], dense, 0.0)
    outcomes = max(1, int((dense != 0).sum(axis=2).max()))
    columns = np.argsort(dense == 0, axis=2, kind="stable")[:, :, :outcomes]
    gains, chances = (np.take_along_axis(matrix, columns, axis=2) for matrix in (gains, dense))
    if not exists.all():
        for name in ("actions", "action_counts"):
            if keywords.get(name) is not None:
                raise ValueError(f"{name} must not be given where rewards of -inf say which actions there are")
        terminal = _checks.states("terminal", keywords.pop("terminal", ()), len(dense)) | ~exists.any(axis=1)
        keywords = {**keywords, "terminal": terminal, **which_actions(exists)}
    try:
        return cls(columns, gains, chances, **keywords)
    except ValueError as error:
        if not str(error).startswith("probability") or (np.abs(dense.sum(axis=0) - 1) > 1e-9).any():
            raise
        raise ValueError(
            f'{error}; with axes="{axes}" it is over the last axis of transitions, the next states, that it must; as '
            "they are given, it is over the states before"
        ) from None


def from_functions(
    cls: type[_Task],
    transition: Callable[[Any, Any], Any],
    actions: Callable[[Any], Sequence[Any]],
    *,
    start: Hashable | Mapping[Any, float],
    max_states: int = MAX_STATES,
    like: TabularMDP | None = None,
    **keywords: Any,
) -> _Task:
    """See `TabularMDP.from_functions`."""
    check_options(cls, keywords, (*OUTCOMES, *ACTIONS), "transition and actions")
    for name, function in (("transition", transition), ("actions", actions)):
        if not callable(function):
            raise ValueError(f"{name} must be a function, got {_checks.shown(function)}")
    max_states = _checks.integer("max_states", max_states, low=1)
    if like is not None and not (isinstance(like, Task) and like.state_names):
        raise ValueError(
            f"like must be a task with state_names, as one made by from_functions, got {_checks.shown(like)}"
        )
    starts = _starts(start)
    index: dict[Any, int] = {}
    found: list[Any] = []

    def number(state: Any, came_by: str) -> int:
        _check_hashable(came_by, "state", state)
        if state not in index:
            if len(found) == max_states:
                raise ValueError(
                    f"max_states: more than {max_states} states can be reached from start, the next of them "
                    f"{_checks.shown(state)} by {came_by}; if the states have no bound the task is not finite, else "
                    "raise max_states"
                )
            index[state] = len(found)
            found.append(state)
        return index[state]

    for state in starts:
        number(state, "start")
    table: list[dict[Any, list[tuple[float, int, float]]]] = []
    for state in found:
        row: dict[Any, list[tuple[float, int, float]]] = {}
        for action in _actions_of(state, actions):
            where = f"transition({_checks.shown(state)}, {_checks.shown(action)})"
            row[action] = [
                (probability, number(following, where), _checks.real(f"{where}: reward", reward))
                for probability, following, reward in _possible(transition(state, action), where)
            ]
        table.append(row)
    labels, columns = _columns(table, keywords.pop("action_names", like.action_names if like else None))
    rows = [{columns[action]: outcomes for action, outcomes in row.items()} for row in table]
    names = _unique_names(found)
    if like is not None:
        names, rows, starts_at = _numbered_like(like, names, rows, [index[state] for state in starts])
    else:
        starts_at = [index[state] for state in starts]
    keywords.setdefault("state_names", names)
    distribution = np.zeros(len(rows))
    distribution[starts_at] = list(starts.values())
    return from_outcomes(cls, rows, start=distribution, n_actions=len(labels), action_names=labels, **keywords)


def _starts(start: Any) -> dict[Any, float]:
    if not isinstance(start, Mapping):
        _check_hashable("start", "state, or a dict of states and probabilities,", start)
        return {start: 1.0}
    weights = {
        state: _checks.real(f"start: probability of {_checks.shown(state)}", weight, low=0)
        for state, weight in start.items()
    }
    weights = {state: weight for state, weight in weights.items() if weight > 0}
    if not weights:
        raise ValueError("start must have at least one state of a probability above 0")
    return weights


def _check_hashable(came_by: str, what: str, value: Any) -> None:
    try:
        hash(value)
    except Exception:  # TypeError, or what an object of the user's raises
        raise ValueError(
            f"{came_by}: every {what} must be hashable (a tuple, say), got {_checks.shown(value)}"
        ) from None


def _actions_of(state: Any, actions: Callable[[Any], Sequence[Any]]) -> tuple[Any, ...]:
    given = actions(state)
    if isinstance(given, (Mapping, np.ndarray)):
        given = list(given) if isinstance(given, Mapping) else given.tolist()
    chosen = _checks.sequence(f"actions({_checks.shown(state)})", given)
    for action in chosen:
        _check_hashable(f"actions({_checks.shown(state)})", "action", action)
    if len(set(chosen)) < len(chosen):
        raise ValueError(f"actions({_checks.shown(state)}) must not give an action twice, got {_checks.shown(given)}")
    return chosen


def _possible(outcomes: Any, where: str) -> Iterable[tuple[float, Any, Any]]:
    """The outcomes that can come about, their probabilities normalised."""
    if isinstance(outcomes, tuple) and len(outcomes) == 2:
        outcomes = [(1.0, *outcomes)]
    if not isinstance(outcomes, (list, tuple)) or not all(
        isinstance(outcome, (list, tuple)) and len(outcome) == 3 for outcome in outcomes
    ):
        raise ValueError(
            f"{where} must give (next_state, reward) or a list of (probability, next_state, reward), "
            f"got {_checks.shown(outcomes)}"
        )
    chances = [_checks.real(f"{where}: probability", probability, low=0) for probability, _, _ in outcomes]
    _checks.normalised(f"{where}: probability", chances)
    for chance, (_, following, reward) in zip(chances, outcomes, strict=True):
        if chance > 0:
            yield chance, following, reward


def _columns(
    table: Sequence[Mapping[Any, Any]], names: Sequence[str] | Mapping[Any, str] | None
) -> tuple[tuple[str, ...], dict[Any, int]]:
    """Names of the columns, and the column of each action.

    Without names, the integers from 0 on are their own columns, and any other actions have them in the order in which
    they are met. Names stand for the actions that they
    spell; for the integers from 0 on; or, for any other objects, for the actions of a state that has all of them, in
    its order.
    """
    met = list(dict.fromkeys(action for row in table for action in row))
    whole = all(isinstance(action, (int, np.integer)) and not isinstance(action, bool) for action in met)
    if names is None:
        if whole and set(met) == set(range(len(met))):
            met.sort()
        return tuple(_unique_names(met)), {action: column for column, action in enumerate(met)}
    if isinstance(names, Mapping):
        missing = [action for action in met if action not in names]
        if missing:
            raise ValueError(f"action_names has no name for the action {missing[0]!r}")
        labels = _checks.names("action_names", list(names.values()), len(names))
        return labels, {action: column for column, action in enumerate(names)}
    labels = _checks.names("action_names", names, len(_checks.sequence("action_names", names)))
    if len(labels) < len(met):
        raise ValueError(
            f"action_names must be at least {len(met)} strings, one for each of the actions "
            f"{', '.join(map(repr, met[:20]))}; got {_checks.shown(names)}"
        )
    spelt = {label: column for column, label in enumerate(labels)}
    for spelling in (str, repr):
        if all(spelling(action) in spelt for action in met):
            return labels, {action: spelt[spelling(action)] for action in met}
    if whole and all(0 <= action < len(labels) for action in met):
        return labels, {action: int(action) for action in met}
    orders = {tuple(row) for row in table if len(row) == len(labels)}
    if len(orders) != 1 or any(isinstance(action, str) for action in met):
        raise ValueError(
            f"action_names: it is not clear which of {', '.join(map(repr, labels))} are the actions "
            f"{', '.join(map(repr, met[:20]))}; give a dict of actions and names"
        )
    return labels, {action: column for column, action in enumerate(orders.pop())}


def _unique_names(things: Sequence[Any]) -> list[str]:
    """``str`` of each, or ``repr`` of all if two things would have the same."""
    names = [str(thing) for thing in things]
    return names if len(set(names)) == len(names) else [repr(thing) for thing in things]


def _numbered_like(
    like: TabularMDP,
    names: Sequence[str],
    rows: Sequence[_Row],
    starts: Sequence[int],
) -> tuple[list[str], list[_Row], list[int]]:
    """States renumbered as another task has them; those that are not reached any more have no actions."""
    place = {name: number for number, name in enumerate(like.state_names or ())}
    for name in names:
        if name not in place:
            raise ValueError(
                f"like: the state {name!r} is not one of the {like.n_states} states of {like.name!r}; make the task "
                "that has more states first, or give both all their starts, some of them with a tiny probability"
            )
    turned = [place[name] for name in names]
    numbered: list[_Row] = [{} for _ in place]
    for old, row in enumerate(rows):
        numbered[turned[old]] = {
            column: [(chance, turned[following], reward) for chance, following, reward in entry]
            for column, entry in row.items()
        }
    return list(place), numbered, [turned[state] for state in starts]


def from_outcomes(
    cls: type[_Task],
    outcomes: Sequence[Any],
    *,
    start: npt.ArrayLike | None = None,
    terminal: Sequence[int] | npt.ArrayLike | None = None,
    n_actions: int | None = None,
    **keywords: Any,
) -> _Task:
    """See `TabularMDP.from_outcomes`."""
    check_options(cls, keywords, (*OUTCOMES, *ACTIONS), "outcomes")
    rows = [_row(row, s) for s, row in enumerate(_checks.sequence("outcomes", outcomes))]
    merged = [{a: _merged(entry, s, a) for a, entry in row.items()} for s, row in enumerate(rows)]
    n_states = len(merged)
    columns = max((a + 1 for row in merged for a in row), default=0)
    n_outcomes = max((len(entry) for row in merged for entry in row.values()), default=0)
    if not n_outcomes:
        raise ValueError("outcomes must have at least one state with an action")
    if n_actions is None:
        n_actions = columns
    elif _checks.integer("n_actions", n_actions, low=1) < columns:
        raise ValueError(f"n_actions must be at least {columns}, the actions in outcomes, got {n_actions}")
    next_state = np.zeros((n_states, n_actions, n_outcomes), dtype=np.int64)
    reward, probability = np.zeros(next_state.shape), np.zeros(next_state.shape)
    exists = np.zeros((n_states, n_actions), dtype=bool)
    for s, row in enumerate(merged):
        for a, entry in row.items():
            exists[s, a] = True
            for k, ((following, gain), chance) in enumerate(entry.items()):
                next_state[s, a, k], reward[s, a, k], probability[s, a, k] = following, gain, chance
    if terminal is None:
        terminal = ~exists.any(axis=1)
    return cls(next_state, reward, probability, start=start, terminal=terminal, **which_actions(exists), **keywords)


def which_actions(exists: _checks.Mask) -> dict[str, Any]:
    """The argument of `TabularMDP` that says which actions a state has: a count where they are the first ones."""
    counts = exists.sum(axis=1)
    if (exists == (np.arange(exists.shape[1]) < counts[:, None])).all():
        return {"action_counts": counts}
    return {"actions": exists}


def _row(row: Any, s: int) -> dict[int, Any]:
    """Outcomes by the number of their action; None is an action that the state does not have."""
    name = f"outcomes of state {s}"
    if isinstance(row, Mapping):
        return {_checks.integer(f"{name}: action", a, low=0, high=10**6): entry for a, entry in row.items()}
    return {a: entry for a, entry in enumerate(_checks.sequence(name, row)) if entry is not None}


def _merged(entry: Any, s: int, a: int) -> dict[tuple[int, float], float]:
    merged: dict[tuple[int, float], float] = {}
    where = f"of state {s}, action {a}"
    for outcome in _checks.sequence(f"outcomes {where}", entry):
        if len(_checks.sequence(f"outcomes: an outcome {where}", outcome)) != 3:
            raise ValueError(
                f"outcomes: an outcome {where} must be (probability, next state, reward), got {_checks.shown(outcome)}"
            )
        probability, following, reward = outcome
        key = (_checks.integer(f"next_state {where}", following, low=0), _checks.real(f"reward {where}", reward))
        merged[key] = merged.get(key, 0.0) + _checks.real(f"probability {where}", probability, low=0)
    chances = _checks.normalised(f"probability {where}", list(merged.values()))
    return {key: chance for key, chance in zip(merged, chances, strict=True) if chance > 0}
