"""Trials: choices as the kernel records them, and as it replays them."""

from libc.stdint cimport int32_t, int64_t

cdef enum Flags:
    ENDED = 1  # in a terminal state
    CUT = 2  # by the step limit, or where the record ends
    LAST = 4  # path of the episode; of recorded choices alone

cdef struct Trial:  # one choice that was made; the layout is engine.TRIAL_DTYPE
    double reward
    int32_t episode
    int32_t step
    int32_t state
    int32_t action
    int32_t next_state
    int32_t path  # times 4, plus the flags: 32 bytes in all, since writing them is what recording costs

cdef struct Choice:  # one choice that is to be replayed; the layout is engine.CHOICE_DTYPE
    int64_t state
    int64_t action  # −1: nobody chose
    int64_t next_state
    int64_t flags
    double reward  # NaN: not shown, so that nothing is learned from it
