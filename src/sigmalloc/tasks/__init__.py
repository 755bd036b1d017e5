"""The paper's tasks, and a door for those of Gymnasium.

A finite task is data: adding one means building the arrays of a `TabularMDP` here, and nothing else. Mountain car
is the one task whose dynamics are compiled, because its state is continuous and only its memories are a table.
"""

from dataclasses import dataclass

import numpy as np

from .. import _checks
from .tabular import TabularMDP

_MAZE = (
    ".......#G",
    "..#....#.",
    "S.#....#.",
    "..#......",
    ".....#...",
    ".........",
)  # fmt: skip
_CHANGED_MAZE = (
    "......G..",
    "..#....#.",
    "S.#....#.",
    "..#......",
    ".....#...",
    ".........",
)  # fmt: skip
_MOVES = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}

_CIRCLE = {
    "left": {1: (2, 140), 2: (3, -20), 3: (6, -70), 4: (2, 20), 5: (1, -70), 6: (3, 20)},
    "right": {1: (4, 20), 2: (5, -70), 3: (4, -20), 4: (5, -20), 5: (6, -20), 6: (1, -20)},
}


def grid_world(change_at=None, step_limit=10_000):
    """Mattar and Daw's maze: 6 × 9 cells, −1 a step, +10 for entering the goal (section 4.1).

    Parameters
    ----------
    change_at : int, optional
        Episode (counted from 0) from which the wall (0, 7) is gone and the goal is at (0, 6). The paper has 3000.
    step_limit : int
        Steps after which an episode is cut off.

    Returns
    -------
    TabularMDP
        State 9·row + column. Optimal return −3, and +3 after the change.
    """
    changes = []
    if change_at is not None:
        change_at = _checks.integer("change_at", change_at, low=1)
        changes = [(change_at, maze(_CHANGED_MAZE, step_limit=step_limit, name="grid-world (changed)"))]
    return maze(_MAZE, step_limit=step_limit, changes=changes, name="grid-world")


def maze(layout, *, step_reward=-1.0, goal_reward=10.0, name="maze", **keywords):
    """A maze drawn in characters.

    Parameters
    ----------
    layout : sequence of str
        "#" wall, "S" start, "G" goal, "." free. A blocked move stays where it is.
    step_reward, goal_reward : float
        Reward of a step, and of the step that enters a goal instead.
    **keywords
        As for `TabularMDP`.
    """
    cells = _checks.sequence("layout", layout)
    if not cells or not all(isinstance(row, str) and row and len(row) == len(cells[0]) for row in cells):
        raise ValueError(f"layout must be strings of equal length, got {layout!r}")
    step_reward, goal_reward = _checks.real("step_reward", step_reward), _checks.real("goal_reward", goal_reward)
    rows, columns = len(cells), len(cells[0])
    n_states = rows * columns
    next_state = np.empty((n_states, len(_MOVES)), dtype=np.int64)
    flat = np.array([tuple(row) for row in cells]).ravel()
    for state in range(n_states):
        row, column = divmod(state, columns)
        for action, (down, right) in enumerate(_MOVES.values()):
            to_row, to_column = row + down, column + right
            inside = 0 <= to_row < rows and 0 <= to_column < columns
            open_ = inside and cells[to_row][to_column] != "#"
            next_state[state, action] = to_row * columns + to_column if open_ else state
    reward = np.where(flat[next_state] == "G", goal_reward, step_reward)
    starts = flat == "S"
    keywords.setdefault("start", starts / max(1, starts.sum()))
    keywords.setdefault("action_names", tuple(_MOVES))
    return TabularMDP(next_state, reward, terminal=np.isin(flat, ("#", "G")), layout=layout, name=name, **keywords)


def planning(moves=3, known_last_move=False):
    """The planning task of Huys et al. (2015), unrolled in the number of moves left (section 4.3).

    Parameters
    ----------
    moves : int
        M, moves of a trial.
    known_last_move : bool
        The last layer has q̄ = r and σ = 1, fixed and free (a variant of the authors' scripts).

    Returns
    -------
    TabularMDP
        State 6·layer + place, layer 0 to M − 1 (places 0 to 5 are the paper's 1 to 6), and one terminal state, 6·M.
    """
    moves = _checks.integer("moves", moves, low=1, high=20)
    known_last_move = _checks.flag("known_last_move", known_last_move)
    places, end = 6, 6 * moves
    next_state = np.full((end + 1, 2), end, dtype=np.int64)
    reward = np.zeros((end + 1, 2))
    for action, circle in enumerate(_CIRCLE.values()):
        for place, (following, gain) in circle.items():
            for layer in range(moves):
                state = places * layer + place - 1
                next_state[state, action] = end if layer == moves - 1 else places * (layer + 1) + following - 1
                reward[state, action] = gain
    start = np.zeros(end + 1)
    start[:places] = 1 / places
    known_q = known_sigma = None
    if known_last_move:
        known_q, known_sigma = np.full((2, end + 1, 2), np.nan)
        known_q[end - places : end], known_sigma[end - places : end] = reward[end - places : end], 1.0
    names = [f"{place} (move {layer + 1})" for layer in range(moves) for place in range(1, places + 1)]
    return TabularMDP(
        next_state, reward, start=start, terminal=[end], known_q=known_q, known_sigma=known_sigma, horizon=moves,
        name="planning", action_names=tuple(_CIRCLE), state_names=(*names, "end"),
    )  # fmt: skip


@dataclass(frozen=True)
class MountainCar:
    """Mountain car with the dynamics of Gymnasium's MountainCar-v0 (section 4.2); made by `mountain_car`.

    The agent sees (round(10 (x + 1.2)), round(100 (v + 0.07))): state 15·i + j of 19 × 15. Positions from 0.55 on are
    beyond the goal, so the last of the 19 rows has no memories.
    """

    start: str = "bottom"
    step_limit: int = 200

    n_positions = 19
    n_velocities = 15
    n_states = n_positions * n_velocities
    n_actions = 3
    name = "mountain-car"
    action_names = ("left", "none", "right")
    state_names = None
    layout = None
    horizon = None
    changes = ()

    def __post_init__(self):
        _checks.choice("start", self.start, ("bottom", "uniform"))
        object.__setattr__(self, "step_limit", _checks.integer("step_limit", self.step_limit, low=1, high=10**9))

    @property
    def terminal(self):
        """Mask of the states in which the agent never acts, shape (states,)."""
        return np.arange(self.n_states) >= (self.n_positions - 1) * self.n_velocities

    @property
    def action_counts(self):
        return np.where(self.terminal, 0, self.n_actions)

    @property
    def exists(self):
        """Mask of the state-action pairs in which the agent can act, shape (states, actions)."""
        return np.repeat(~self.terminal[:, None], self.n_actions, axis=1)

    @property
    def memories(self):
        return self.exists

    @property
    def variants(self):
        return (self,)

    def at(self, episode):
        return self

    def state(self, position, velocity):
        """Table index of a position and a velocity.

        Parameters
        ----------
        position, velocity : float or array of float

        Returns
        -------
        int or array of int
        """
        row = np.rint(10 * (np.asarray(position) + 1.2)).astype(np.int64)
        column = np.rint(100 * (np.asarray(velocity) + 0.07)).astype(np.int64)
        return row * self.n_velocities + column

    @property
    def positions(self):
        """Position at the centre of each row of the table, shape (19,)."""
        return np.arange(self.n_positions) / 10 - 1.2

    @property
    def velocities(self):
        """Velocity at the centre of each column of the table, shape (15,)."""
        return np.arange(self.n_velocities) / 100 - 0.07


def mountain_car(start="bottom", step_limit=200):
    """Mountain car (section 4.2): −1 a step until the car reaches x ≥ 0.5.

    Parameters
    ----------
    start : {"bottom", "uniform"}
        x = −0.5, v = 0 as in the paper, or x uniform in [−0.6, −0.4] as in Gymnasium.
    step_limit : int
        Steps after which an episode is cut off.
    """
    return MountainCar(start=start, step_limit=step_limit)


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
