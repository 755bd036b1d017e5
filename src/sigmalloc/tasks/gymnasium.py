"""A door for the tasks of Gymnasium that have a table of their transitions.

Only what is known to leave the table true passes: wrappers that change rewards, actions, observations or dynamics, and
variants whose steps do not follow their table, are refused by name.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import _checks
from .construct import ACTIONS, OUTCOMES, check_options, from_outcomes, options
from .tabular import TabularMDP

_GYMNASIUM_ACTIONS = {
    "FrozenLake": ("left", "down", "right", "up"),
    "CliffWalking": ("up", "right", "down", "left"),
    "Taxi": ("down", "up", "right", "left", "pick up", "drop off"),
}
# Wrappers that neither change what is seen, done and earned nor, but for the first, when an episode ends.
_NEUTRAL = (
    "TimeLimit", "OrderEnforcing", "PassiveEnvChecker", "RecordEpisodeStatistics", "RecordVideo", "HumanRendering",
    "RenderCollection",
)  # fmt: skip
_LIMIT = "TimeLimit"
_SETTLED = (*OUTCOMES, *ACTIONS, "start", "terminal")
_DRAWN = frozenset("SGHF.#")
_WRAPPERS = re.compile(r"gym(nasium)?\.wrappers(\.|$)")
_TOYS = re.compile(r"gym(nasium)?\.envs\.toy_text(\.|$)")
_STEPS = 500  # of the walk that compares an environment of one's own with its table


def from_gymnasium(env: Any, **keywords: Any) -> TabularMDP:
    """A Gymnasium environment with a ``P`` table (FrozenLake, CliffWalking, Taxi, or your own) as an MDP.

    Equal outcomes are merged and their rounded probabilities normalised; the start distribution is kept; the step limit
    is the smallest of the environment's ``TimeLimit`` wrappers. States that cannot be reached, and outcomes of
    probability 0, have no memories. An action keeps its number where some states do not have it.

    Parameters
    ----------
    env : gymnasium.Env or str
        An environment, or the id of one: ``"FrozenLake-v1"``. Around the environment only wrappers of Gymnasium that
        leave its table true are accepted (``TimeLimit``, ``OrderEnforcing``, ``PassiveEnvChecker``,
        ``RecordEpisodeStatistics`` and those that draw), no subclasses of them. Your own environment must step as its
        ``P`` says: ``P[state][action]`` is a list of (probability, next state, reward, terminated). A short walk in a
        copy of it is compared with the table; where it cuts episodes off by itself, give ``step_limit``.
    **keywords
        As for `TabularMDP`, to override what the environment says (``step_limit=…``, ``name=…``). With an id, all
        others go to ``gymnasium.make``: ``from_gymnasium("FrozenLake-v1", is_slippery=False)``.

    Returns
    -------
    TabularMDP

    Raises
    ------
    ValueError
        If the environment does not exist, has no ``P`` table or one that is malformed, or does not follow it: an
        unknown wrapper, a Taxi with a fickle passenger, a toy-text environment with its own ``step``.
    ImportError
        If an id is given and Gymnasium is not installed.
    """
    own = options(TabularMDP, _SETTLED)
    others = {name: keywords.pop(name) for name in list(keywords) if name not in own}
    if not isinstance(env, str) or not others.keys().isdisjoint(_SETTLED):
        check_options(TabularMDP, others, _SETTLED, "the environment")
    if isinstance(env, str):
        made = _make(env, others)
        try:
            return _task(made, keywords)
        finally:
            made.close()
    return _task(env, keywords)


def newest_gymnasium_id(name: str) -> str:
    """The id of the newest registered version of an environment: "Taxi" gives "Taxi-v3" or later."""
    _checks.text("name", name)
    versions = [
        spec.version for spec in _gymnasium(name).registry.values() if spec.name == name and spec.version is not None
    ]
    return f"{name}-v{max(versions)}" if versions else name


def _gymnasium(name: str) -> Any:
    try:
        import gymnasium
    except ImportError:
        raise ImportError(f"the task {name!r} needs Gymnasium: pip install 'sigmalloc[gymnasium]'") from None
    return gymnasium


def _make(name: str, keywords: dict[str, Any]) -> Any:
    gymnasium = _gymnasium(name)
    try:
        return gymnasium.make(name, **keywords)
    except Exception as error:  # Gymnasium's own errors, and whatever an environment says of its keywords
        given = "".join(f", {key}={value!r}" for key, value in keywords.items())
        raise ValueError(f"env: Gymnasium cannot make {name!r}{given}: {error}") from error


def _task(env: Any, keywords: dict[str, Any]) -> TabularMDP:
    if isinstance(env, type):
        raise ValueError(f"env must be an environment or the id of one, got the class {env.__name__}: make one of it")
    inner, limit = _unwrapped(env)
    if getattr(inner, "P", None) is None:
        raise ValueError(
            f"env: {_checks.shown(env)} has no table P of its transitions, so it is not a finite MDP known in full"
        )
    _check_steps_by_table(inner)
    table, n_actions = _checked_table(inner)
    n_states = len(table)
    start = _start_distribution(inner, n_states)
    if not _TOYS.match(type(inner).__module__):
        with contextlib.suppress(_CannotBeWalked):
            _check_walk(inner, table, start, None if "step_limit" in keywords else limit or math.inf)
    ends, goes_on = _reached(table, np.flatnonzero(start > 0).tolist())
    both = ends & goes_on  # entered both as an end and on the way: the end gets a state of its own
    end_of = {s: n_states + i for i, s in enumerate(np.flatnonzero(both).tolist())}
    outcomes: list[dict[int, list[tuple[float, int, float]]]] = [
        {} if not goes_on[s] else {
            a: [(p, end_of.get(t, t) if ended else t, r) for p, t, r, ended in entry] for a, entry in row.items()
        }
        for s, row in enumerate(table)
    ]  # fmt: skip
    outcomes += [{} for _ in end_of]
    kind = type(inner).__name__.removesuffix("Env")
    specification = getattr(env, "spec", None)
    if specification is not None:
        keywords.setdefault("name", specification.id)
    if limit is not None:
        keywords.setdefault("step_limit", limit)
    if len(_GYMNASIUM_ACTIONS.get(kind, ())) == n_actions:
        keywords.setdefault("action_names", _GYMNASIUM_ACTIONS[kind])
    layout = ["." * 12] * 3 + ["S" + "H" * 10 + "G"] if kind == "CliffWalking" and n_states == 48 else _drawing(inner)
    if layout is not None and not end_of and sum(map(len, layout)) == n_states:
        keywords.setdefault("layout", layout)
    distribution = np.append(start, np.zeros(len(end_of)))
    return from_outcomes(TabularMDP, outcomes, start=distribution, n_actions=n_actions, **keywords)


def _unwrapped(env: Any) -> tuple[Any, int | None]:
    """What is inside all wrappers, none of which may make the table untrue, and the smallest of their step limits."""
    limit = None
    for _ in range(100):
        inside = getattr(env, "env", None)
        if inside is None or getattr(env, "unwrapped", env) is env:
            return env, limit
        kind = type(env)
        if not (_WRAPPERS.match(kind.__module__) and kind.__qualname__ in _NEUTRAL):
            raise ValueError(
                f"env: the wrapper {kind.__name__} may change what the table P says (its rewards, actions, states or "
                f"dynamics); accepted are {', '.join(_NEUTRAL)} of gymnasium.wrappers"
            )
        _check_untouched(env)
        if kind.__qualname__ == _LIMIT:
            steps = _checks.integer("env: the limit of TimeLimit", env._max_episode_steps, low=1)
            limit = steps if limit is None else min(limit, steps)
        env = inside
    raise ValueError("env: more than 100 wrappers")


def _check_untouched(env: Any) -> None:
    for name in ("step", "reset"):
        if name in getattr(env, "__dict__", ()):
            raise ValueError(f"env: {name} of {_checks.shown(env)} has been replaced, so it may not follow its table P")


def _check_steps_by_table(inner: Any) -> None:
    """Refuse what is known not to step by its table."""
    _check_untouched(inner)
    if getattr(inner, "fickle_passenger", False) and getattr(inner, "fickle_probability", 1.0) > 0:
        raise ValueError(
            "env: fickle_passenger=True lets the passenger change the destination, which is not in the table P; "
            "only fickle_passenger=False is the task of the table"
        )
    for name in ("step", "reset"):
        defined = next((base for base in type(inner).__mro__ if name in vars(base)), None)
        toy = next((base for base in type(inner).__mro__ if _TOYS.match(base.__module__)), None)
        if toy is not None and defined is not None and not _TOYS.match(defined.__module__):
            raise ValueError(
                f"env: {type(inner).__name__} has its own {name}, other than that of {toy.__name__}, so it may not "
                "follow its table P"
            )


class _CannotBeWalked(Exception):
    """An environment's own reset or step has failed."""


_Outcome = tuple[float, int, float, bool]


def _checked_table(inner: Any) -> tuple[list[dict[int, list[_Outcome]]], int]:
    """P with everything in it checked, its actions counted from 0, and how many there are."""
    rows = _numbered("env: P", inner.P)
    first = _start_of(inner, "action_space")
    table = [
        {
            _checks.integer(f"env: an action in P[{s}]", a, low=first, high=first + 10**6) - first: [
                _outcome(outcome, f"P[{s}][{a}]", len(rows)) for outcome in _checks.sequence(f"env: P[{s}][{a}]", entry)
            ]
            for a, entry in (row.items() if isinstance(row, Mapping) else enumerate(_row(row, s), first))
        }
        for s, row in enumerate(rows)
    ]
    n_actions = max((a + 1 for row in table for a in row), default=0)
    declared = getattr(getattr(inner, "action_space", None), "n", None)
    if declared is not None:
        declared = _checks.integer("env: action_space.n", declared, low=1)
        if declared < n_actions:
            raise ValueError(f"env: P has actions up to {first + n_actions - 1}, but action_space has only {declared}")
        n_actions = declared
    if not n_actions:
        raise ValueError("env: P has no actions")
    return table, n_actions


def _check_walk(inner: Any, table: list[dict[int, list[_Outcome]]], start: _checks.Floats, limit: float | None) -> None:
    """A short random walk in a copy of the environment, as far as that goes: all that happens is in P, and no episode
    is cut off before the limit (None: whenever it is).

    An environment that fails on the way says nothing against its table.
    """
    if not (callable(getattr(inner, "reset", None)) and callable(getattr(inner, "step", None))):
        return
    try:
        walked = copy.deepcopy(inner)
    except Exception:  # one that holds a window or a file, say, is taken at its word
        return
    drawn = np.random.default_rng(0)

    def attempt(function: Callable[..., Any], *given: Any, **named: Any) -> Any:
        try:
            return function(*given, **named)
        except Exception as error:
            raise _CannotBeWalked from error

    first = _start_of(inner, "action_space")

    def begin(**seed: int) -> int:
        given = attempt(walked.reset, **seed)
        if given is None:  # gymnasium.Env's own, which does nothing
            raise _CannotBeWalked
        state = number(given[0] if isinstance(given, tuple) else given)
        if start[state] <= 0:
            raise ValueError(f"env: reset begins in state {state}, where by the start distribution no episode starts")
        return state

    def number(state: Any) -> int:
        return _checks.integer("env: the state that step and reset return", state, low=0, high=len(table) - 1)

    seeded = "seed" in inspect.signature(walked.reset).parameters
    state, steps = begin(seed=0) if seeded else begin(), 0
    for _ in range(_STEPS):
        actions = sorted(table[state])
        if not actions:
            raise ValueError(f"env: an episode is in state {state}, which has no actions in P")
        action = actions[int(drawn.integers(len(actions)))]
        came = _checks.sequence("env: what step returns", attempt(walked.step, action + first))
        if len(came) < 3:
            raise ValueError(f"env: step must return (state, reward, terminated, …), got {_checks.shown(came)}")
        after, reward, terminated, *more = came
        after, reward = number(after), _checks.real("env: the reward that step returns", reward)
        terminated = bool(terminated)
        if not any(
            chance > 0 and (t, ended) == (after, terminated) and np.isclose(gain, reward, rtol=1e-5, atol=1e-8)
            for chance, t, gain, ended in table[state][action]
        ):
            raise ValueError(
                f"env: step does not follow the table: in state {state}, action {action + first} led to state {after} "
                f"with reward {reward:g} and terminated={terminated}, which P[{state}][{action + first}] does not have"
            )
        cut = len(more) == 2 and bool(more[0])
        steps += 1
        if cut and limit is not None and steps < limit:
            raise ValueError(
                f"env: step cuts an episode off after {steps} steps (truncated=True), which is neither in the table P "
                "nor the limit of a wrapper TimeLimit: give step_limit=…"
            )
        if terminated or cut:
            state, steps = begin(), 0
        else:
            state = after


def _start_of(inner: Any, space: str) -> int:
    return _checks.integer(f"env: {space}.start", getattr(getattr(inner, space, None), "start", 0), low=0)


def _row(row: Any, s: int) -> tuple[Any, ...]:
    return _checks.sequence(f"env: P[{s}]", row)


def _numbered(name: str, table: Any) -> list[Any]:
    """Rows of a dict whose keys are 0 … n − 1, or of a sequence."""
    if not isinstance(table, Mapping):
        if isinstance(table, np.ndarray):
            raise ValueError(f"{name} must be P[state][action] = [(probability, next state, reward, terminated), …]")
        return list(_checks.sequence(name, table))
    states = {_checks.integer(f"{name}: state", s, low=0): row for s, row in table.items()}
    missing = next((s for s in range(len(states)) if s not in states), None)
    if missing is not None or not states:
        raise ValueError(f"{name} must have all states from 0 to {len(states) - 1}, but has no state {missing or 0}")
    return [states[s] for s in range(len(states))]


def _outcome(outcome: Any, where: str, n_states: int) -> _Outcome:
    parts = _checks.sequence(f"env: an outcome of {where}", outcome)
    if len(parts) != 4:
        raise ValueError(
            f"env: an outcome of {where} must be (probability, next state, reward, terminated), "
            f"got {_checks.shown(outcome)}"
        )
    return (
        _checks.real(f"env: probability in {where}", parts[0], low=0),
        _checks.integer(f"env: next state in {where}", parts[1], low=0, high=n_states - 1),
        _checks.real(f"env: reward in {where}", parts[2]),
        _checks.flag(f"env: terminated in {where}", parts[3]),
    )


def _start_distribution(inner: Any, n_states: int) -> _checks.Floats:
    """``initial_state_distrib`` or, as it was called before, ``isd``."""
    for name in ("initial_state_distrib", "isd"):
        weights = getattr(inner, name, None)
        if weights is not None:
            checked = _checks.array(f"env: {name}", weights, (n_states,))
            return _checks.probabilities(f"env: {name}", checked)
    raise ValueError(
        f"env: {_checks.shown(inner)} has no initial_state_distrib (or isd), so it is not known where episodes start"
    )


def _reached(table: list[dict[int, list[_Outcome]]], starts: list[int]) -> tuple[_checks.Mask, _checks.Mask]:
    """Which states are entered as the end of an episode, and which are acted in."""
    ends, goes_on = np.zeros(len(table), dtype=bool), np.zeros(len(table), dtype=bool)
    frontier = list(starts)
    goes_on[frontier] = True
    for state in frontier:
        for entry in table[state].values():
            for probability, following, _, ended in entry:
                if probability <= 0:
                    continue
                if ended:
                    ends[following] = True
                elif not goes_on[following]:
                    goes_on[following] = True
                    frontier.append(following)
    return ends, goes_on


def _drawing(inner: Any) -> list[str] | None:
    """The environment's map as a layout, if it has one in FrozenLake's characters."""
    try:
        cells = np.asarray(getattr(inner, "desc", None), dtype="U")
    except (ValueError, TypeError, UnicodeDecodeError):
        return None
    rows = ["".join(row) for row in cells.tolist()] if cells.ndim == 2 else cells.tolist() if cells.ndim == 1 else []
    if not rows or any(len(row) != len(rows[0]) or not _DRAWN.issuperset(row) for row in rows):
        return None
    return [row.replace("F", ".") for row in rows]
