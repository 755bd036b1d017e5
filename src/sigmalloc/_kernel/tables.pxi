"""The task as the kernel reads it."""

cimport cython
from libc.stdint cimport int64_t

from .lanes cimport CERTAIN, MOUNTAIN_CAR, UNCERTAIN, Task


@cython.final
cdef class Tables:
    """A task's arrays, held for as long as the kernel reads them; variants of a changing task are stacked.

    Parameters
    ----------
    change_at : int64 (variants,)
        Episode from which each variant is in force; 0 for the first.
    cumulative, following, reward : (variants, states, actions, outcomes)
        following: 2 · next state, and 1 more where that is terminal.
    memory : float64 (variants, states, actions)
        1 where a memory is allocated, else 0.
    ever_memory : float64 (states, actions)
        1 where a memory is allocated in some variant.
    start_cumulative, start_state : (variants, starts)
    step_limit : int
    max_path : int
        Scores for which there must be room.
    depth : int
        Depth of depth-first planning.
    mountain_car, uniform_start : bool
        Use the compiled dynamics instead of the tables.
    """

    cdef Task task
    cdef Py_ssize_t depth
    cdef tuple arrays

    def __cinit__(self, const int64_t[::1] change_at, const double[:, :, :, ::1] cumulative,
                  const int64_t[:, :, :, ::1] following, const double[:, :, :, ::1] reward,
                  const double[:, :, ::1] memory, const double[:, ::1] ever_memory,
                  const double[:, ::1] start_cumulative, const int64_t[:, ::1] start_state, int64_t step_limit,
                  int64_t max_path, Py_ssize_t depth, bint mountain_car, bint uniform_start):
        self.arrays = (
            change_at, cumulative, following, reward, memory, ever_memory, start_cumulative, start_state
        )
        self.depth = depth
        self.task.uniform_start = uniform_start
        self.task.n_variants, self.task.n_states = memory.shape[0], memory.shape[1]
        self.task.n_actions = memory.shape[2]
        self.task.n_outcomes, self.task.n_starts = cumulative.shape[3], start_state.shape[1]
        if mountain_car:
            self.task.dynamics = MOUNTAIN_CAR
        else:
            self.task.dynamics = UNCERTAIN if self.task.n_outcomes > 1 else CERTAIN
        self.task.step_limit, self.task.max_path = step_limit, max_path
        self.task.change_at = &change_at[0]
        self.task.cumulative = &cumulative[0, 0, 0, 0]
        self.task.following = &following[0, 0, 0, 0]
        self.task.reward = &reward[0, 0, 0, 0]
        self.task.memory = &memory[0, 0, 0]
        self.task.ever_memory = &ever_memory[0, 0]
        self.task.start_cumulative = &start_cumulative[0, 0]
        self.task.start_state = &start_state[0, 0]
