"""The task as the kernel reads it."""

cimport cython
from libc.stdint cimport int64_t

from .continuous cimport CERTAIN, UNCERTAIN, number_of
from .lanes cimport BERNOULLI, DIRECT, GAUSSIAN, MAPPED, NOISELESS, WITH_EFFORT, Task

LAYOUTS = {"direct": DIRECT, "mapped": MAPPED, "with_effort": WITH_EFFORT}
REWARD_NOISES = {"none": NOISELESS, "gaussian": GAUSSIAN, "bernoulli": BERNOULLI}


@cython.final
cdef class Tables:
    """A task's arrays, held for as long as the kernel reads them; variants of a changing task are stacked.

    Parameters
    ----------
    change_at, step_limit : int64 (variants,)
        Episode from which each variant is in force, 0 for the first; and where its episodes are cut off.
    cumulative, following, reward, reward_sd : (variants, states, actions, outcomes)
        following: 2 · next state, and 1 more where that is terminal.
    episode_reward : float64 (episodes, states, actions)
        Rewards by episode in place of ``reward``; shape (0, 0, 0): there are none.
    place : int64 (variants, states, actions)
        Where q̄ and σ of the memory, or known value, are stored; −1 where there is no such action.
    allocated : float64 (variants, places)
        1 where a memory is allocated, else 0.
    ever_allocated : float64 (places,)
        1 where a memory is allocated in some variant.
    acting : float64 (variants, states)
        1 where there is a choice, else 0.
    start_cumulative, start_state : (variants, starts)
    fixed_start : int64 (episodes,)
        Where each learning episode starts; shape (0,): it is drawn.
    layout : {"direct", "mapped", "with_effort"}
        "direct" promises that place is states · actions + action, and that every state has all actions; "with_effort"
        is as "mapped", for agents of which some may take several samples for a decision.
    reward_noise : {"none", "gaussian", "bernoulli"}
    capacity : int
        Deferred scores for which there must be room.
    depth : int
        Depth of depth-first planning.
    dynamics : str or None
        Compiled dynamics in place of the tables.
    option : int
        What the dynamics are told.
    """

    cdef Task task
    cdef tuple arrays

    def __cinit__(self, *, const int64_t[::1] change_at, const int64_t[::1] step_limit,
                  const double[:, :, :, ::1] cumulative, const int64_t[:, :, :, ::1] following,
                  const double[:, :, :, ::1] reward, const double[:, :, :, ::1] reward_sd,
                  const double[:, :, ::1] episode_reward, const int64_t[:, :, ::1] place,
                  const double[:, ::1] allocated, const double[::1] ever_allocated,
                  const double[:, ::1] acting, const double[:, ::1] start_cumulative, const int64_t[:, ::1] start_state,
                  const int64_t[::1] fixed_start, str layout, str reward_noise, int64_t capacity, int64_t depth,
                  str dynamics, int option):
        self.arrays = (
            change_at, step_limit, cumulative, following, reward, reward_sd, episode_reward, place, allocated,
            ever_allocated, acting, start_cumulative, start_state, fixed_start,
        )
        self.task.n_variants, self.task.n_states, self.task.n_actions = place.shape[0], place.shape[1], place.shape[2]
        self.task.n_outcomes, self.task.n_starts = cumulative.shape[3], start_state.shape[1]
        self.task.n_places, self.task.n_fixed_starts = allocated.shape[1], fixed_start.shape[0]
        self.task.layout, self.task.capacity, self.task.depth = LAYOUTS[layout], capacity, depth
        self.task.option = option
        if reward_noise not in REWARD_NOISES:
            raise ValueError(f"reward_noise must be one of {', '.join(REWARD_NOISES)}, got {reward_noise!r}")
        self.task.reward_noise = REWARD_NOISES[reward_noise]
        if dynamics is not None:
            self.task.dynamics = number_of(dynamics)
        else:
            self.task.dynamics = UNCERTAIN if self.task.n_outcomes > 1 else CERTAIN
        self.task.change_at, self.task.step_limit = &change_at[0], &step_limit[0]
        self.task.cumulative = &cumulative[0, 0, 0, 0]
        self.task.following = &following[0, 0, 0, 0]
        self.task.reward, self.task.reward_sd = &reward[0, 0, 0, 0], &reward_sd[0, 0, 0, 0]
        self.task.episode_reward = &episode_reward[0, 0, 0] if episode_reward.shape[0] else NULL
        self.task.place = &place[0, 0, 0]
        self.task.allocated = &allocated[0, 0] if allocated.shape[1] else NULL
        self.task.ever_allocated = &ever_allocated[0] if ever_allocated.shape[0] else NULL
        self.task.acting = &acting[0, 0]
        self.task.start_cumulative = &start_cumulative[0, 0]
        self.task.start_state = &start_state[0, 0]
        self.task.fixed_start = &fixed_start[0] if fixed_start.shape[0] else NULL
