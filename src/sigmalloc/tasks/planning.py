"""The planning task of Huys et al. (2015), section 4.3."""

import numpy as np

from .. import _checks
from .registry import register
from .tabular import TabularMDP

_CIRCLE = {
    "left": {1: (2, 140), 2: (3, -20), 3: (6, -70), 4: (2, 20), 5: (1, -70), 6: (3, 20)},
    "right": {1: (4, 20), 2: (5, -70), 3: (4, -20), 4: (5, -20), 5: (6, -20), 6: (1, -20)},
}


@register("planning", episodes=60_000)
def planning(moves: int = 3, known_last_move: bool = False) -> TabularMDP:
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
