"""A door for the tasks of Gymnasium that have a table of their transitions."""

import numpy as np

from .tabular import TabularMDP

_GYMNASIUM_ACTIONS = {
    "FrozenLake": ("left", "down", "right", "up"),
    "CliffWalking": ("up", "right", "down", "left"),
    "Taxi": ("down", "up", "right", "left", "pick up", "drop off"),
}


def from_gymnasium(env, **keywords):
    """A Gymnasium environment with a ``P`` table (FrozenLake, CliffWalking, Taxi, or your own) as an MDP.

    Equal outcomes are merged and their rounded probabilities normalised; the time limit is that of the environment's
    specification; the start distribution is kept. States that cannot be reached are declared terminal: they have no
    memories.

    Parameters
    ----------
    env : gymnasium.Env or str
        An environment, or the id of one: ``"FrozenLake-v1"``.
    **keywords
        As for `TabularMDP`, to override what the environment says (``step_limit=…``, ``name=…``).

    Returns
    -------
    TabularMDP

    Raises
    ------
    ValueError
        If the environment has no ``P`` table or does not exist.
    ImportError
        If an id is given and Gymnasium is not installed.
    """
    if isinstance(env, str):
        gymnasium = _gymnasium(env)
        try:
            env = gymnasium.make(env)
        except gymnasium.error.Error as error:
            raise ValueError(f"env: Gymnasium cannot make {env!r}: {error}") from None
    inner = getattr(env, "unwrapped", env)
    table = getattr(inner, "P", None)
    if table is None:
        raise ValueError(f"env: {env} has no table P of its transitions, so it is not a finite MDP known in full")
    n_states = len(table)
    outcomes = [[list(table[s][a]) for a in sorted(table[s])] for s in range(n_states)]
    start = _start_distribution(inner, env, n_states)
    ends, goes_on = _reached(outcomes, np.flatnonzero(start > 0))
    both = ends & goes_on  # entered both as an end and on the way: the end gets a state of its own
    end_of = {s: n_states + i for i, s in enumerate(np.flatnonzero(both).tolist())}
    table = [
        [] if not goes_on[s] else [
            [(p, end_of.get(int(t), int(t)) if ended else int(t), float(r)) for p, t, r, ended in entry]
            for entry in row
        ]
        for s, row in enumerate(outcomes)
    ]  # fmt: skip
    table += [[] for _ in end_of]
    kind = type(inner).__name__.removesuffix("Env")
    specification = getattr(env, "spec", None)
    if specification is not None:
        keywords.setdefault("name", specification.id)
        if specification.max_episode_steps:
            keywords.setdefault("step_limit", specification.max_episode_steps)
    if kind in _GYMNASIUM_ACTIONS:
        keywords.setdefault("action_names", _GYMNASIUM_ACTIONS[kind])
    if hasattr(inner, "desc") and not end_of and np.size(inner.desc) == n_states:
        rows = ["".join(map(bytes.decode, row)).replace("F", ".") for row in inner.desc]
        keywords.setdefault("layout", rows)
    elif kind == "CliffWalking" and not end_of:
        keywords.setdefault("layout", ["." * 12] * 3 + ["S" + "H" * 10 + "G"])
    return TabularMDP.from_outcomes(table, start=np.append(start, np.zeros(len(end_of))), **keywords)


def newest_gymnasium_id(name):
    """The id of the newest registered version of an environment: "Taxi" gives "Taxi-v3" or later."""
    versions = [spec.version for spec in _gymnasium(name).registry.values() if spec.name == name and spec.version]
    return f"{name}-v{max(versions)}" if versions else name


def _gymnasium(name):
    try:
        import gymnasium
    except ImportError:
        raise ImportError(f"the task {name!r} needs Gymnasium: pip install 'sigmalloc[gymnasium]'") from None
    return gymnasium


def _start_distribution(inner, env, n_states):
    weights = getattr(inner, "initial_state_distrib", None)
    if weights is None:
        raise ValueError(f"env: {env} has no initial_state_distrib, so it is not known where episodes start")
    weights = np.asarray(weights, dtype=float)
    if weights.shape != (n_states,) or not weights.sum() > 0:
        raise ValueError(f"env: initial_state_distrib of {env} must be probabilities of its {n_states} states")
    return weights / weights.sum()


def _reached(outcomes, starts):
    """Which states are entered as the end of an episode, and which are acted in."""
    ends, goes_on = np.zeros((2, len(outcomes)), dtype=bool)
    frontier = list(starts)
    goes_on[frontier] = True
    for state in frontier:
        for entry in outcomes[state]:
            for probability, following, _, ended in entry:
                if probability <= 0:
                    continue
                if ended:
                    ends[following] = True
                elif not goes_on[following]:
                    goes_on[following] = True
                    frontier.append(following)
    return ends, goes_on
