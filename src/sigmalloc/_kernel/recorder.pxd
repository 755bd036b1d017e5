"""Trials: choices as the kernel records them, and as it replays them."""

from libc.stdint cimport int64_t

cdef enum Flags:
    ENDED = 1  # in a terminal state
    CUT = 2  # by the step limit, or where the record ends

cdef struct Trial:  # one choice that was made; the layout is engine.TRIAL_DTYPE
    int64_t run
    int64_t episode
    int64_t path
    int64_t step
    int64_t state
    int64_t action
    int64_t next_state
    int64_t flags
    double reward

cdef struct Choice:  # one choice that is to be replayed; the layout is engine.CHOICE_DTYPE
    int64_t state
    int64_t action  # −1: nobody chose
    int64_t next_state
    int64_t flags
    double reward  # NaN: not shown, so that nothing is learned from it

