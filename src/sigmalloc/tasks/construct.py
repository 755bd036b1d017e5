"""Finite MDPs from dense matrices, from functions of one's own states, and from nested lists of outcomes."""

import numpy as np

from .. import _checks


def from_dense(cls, transitions, rewards, **keywords):
    """See `TabularMDP.from_dense`."""
    dense = _checks.numeric("transitions", transitions)
    if dense.ndim != 3 or dense.shape[0] != dense.shape[2] or 0 in dense.shape:
        raise ValueError(f"transitions must have shape (states, actions, states), got {dense.shape}")
    dense = _checks.array("transitions", dense, dense.shape)
    rewards = _checks.numeric("rewards", rewards)
    if rewards.shape == dense.shape[:2]:
        rewards = np.broadcast_to(rewards[:, :, None], dense.shape)
    rewards = _checks.array("rewards", rewards, dense.shape)
    outcomes = max(1, int((dense != 0).sum(axis=2).max()))
    order = np.argsort(dense == 0, axis=2, kind="stable")[:, :, :outcomes]
    pick = lambda matrix: np.take_along_axis(matrix, order, axis=2)  # noqa: E731
    return cls(order, pick(rewards), pick(dense), **keywords)


def from_functions(cls, transition, actions, *, start, **keywords):
    """See `TabularMDP.from_functions`."""
    try:
        starts = start if isinstance(start, dict) else {start: 1.0}
    except TypeError:
        raise ValueError(
            f"start must be a hashable state, or a dict of states and probabilities, got {start!r}"
        ) from None
    if not starts:
        raise ValueError("start must have at least one state")
    starts = {
        state: _checks.real(f"start: probability of {state!r}", weight, low=0) for state, weight in starts.items()
    }
    index = {state: number for number, state in enumerate(starts)}
    frontier, table = list(starts), []
    for state in frontier:
        row = []
        for action in actions(state):
            outcomes = transition(state, action)
            if isinstance(outcomes, tuple) and len(outcomes) == 2:
                outcomes = [(1.0, *outcomes)]
            entry = []
            if not isinstance(outcomes, (list, tuple)) or not all(
                isinstance(outcome, (list, tuple)) and len(outcome) == 3 for outcome in outcomes
            ):
                raise ValueError(
                    f"transition({state!r}, {action!r}) must give (next_state, reward) or a list of "
                    f"(probability, next_state, reward), got {outcomes!r}"
                )
            for probability, following, reward in outcomes:
                if following not in index:
                    index[following] = len(index)
                    frontier.append(following)
                gain = _checks.real(f"transition({state!r}, {action!r}): reward", reward)
                entry.append((probability, index[following], gain))
            row.append(entry)
        table.append(row)
    keywords.setdefault("state_names", [str(state) for state in index])
    distribution = np.zeros(len(index))
    for state, weight in starts.items():
        distribution[index[state]] = weight
    return cls.from_outcomes(table, start=distribution, **keywords)


def from_outcomes(cls, outcomes, *, start, terminal=None, **keywords):
    """See `TabularMDP.from_outcomes`."""
    rows = [
        _checks.sequence(f"outcomes of state {s}", row) for s, row in enumerate(_checks.sequence("outcomes", outcomes))
    ]
    merged = [[_merged(entry, s, a) for a, entry in enumerate(row)] for s, row in enumerate(rows)]
    n_states = len(merged)
    n_actions = max((len(row) for row in merged), default=0)
    n_outcomes = max((len(entry) for row in merged for entry in row), default=0)
    if not n_outcomes:
        raise ValueError("outcomes must have at least one state with an action")
    next_state = np.zeros((n_states, n_actions, n_outcomes), dtype=np.int64)
    reward, probability = np.zeros(next_state.shape), np.zeros(next_state.shape)
    for s, row in enumerate(merged):
        for a, entry in enumerate(row):
            for k, ((following, gain), chance) in enumerate(entry.items()):
                next_state[s, a, k], reward[s, a, k], probability[s, a, k] = following, gain, chance
    counts = np.array([len(row) for row in merged])
    if terminal is None:
        terminal = counts == 0
    return cls(next_state, reward, probability, start=start, terminal=terminal, action_counts=counts, **keywords)


def _merged(entry, s, a):
    merged, where = {}, f"of state {s}, action {a}"
    for outcome in _checks.sequence(f"outcomes {where}", entry):
        if len(_checks.sequence(f"outcomes: an outcome {where}", outcome)) != 3:
            raise ValueError(f"outcomes: an outcome {where} must be (probability, next state, reward), got {outcome!r}")
        probability, following, reward = outcome
        key = (_checks.integer(f"next_state {where}", following, low=0), _checks.real(f"reward {where}", reward))
        merged[key] = merged.get(key, 0.0) + _checks.real(f"probability {where}", probability, low=0)
    total = sum(merged.values())
    if abs(total - 1) > 1e-6:
        raise ValueError(f"probability of state {s}, action {a} must sum to 1, got {total:.10g}")
    return {key: probability / total for key, probability in merged.items() if probability > 0}
