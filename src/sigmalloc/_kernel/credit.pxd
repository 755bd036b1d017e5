"""Deferred credit: scores that wait until the return that they are to be credited with is known."""

from libc.stdint cimport int64_t

from .lanes cimport DIRECT, LANES, MAPPED, WITH_EFFORT, Lane, Recall, score_of
from .memory cimport scatter_add


cdef inline void defer_scores(Lane* lane, const Recall* tick, int which, Py_ssize_t n_actions) noexcept nogil:
    """Keep the scores of the last recall until their return is known."""
    cdef Py_ssize_t a
    cdef double* row = lane.deferred_score + lane.n_deferred * n_actions
    cdef const double* scores = score_of(tick, n_actions) + which
    for a in range(n_actions):
        row[a] = scores[a * LANES]
    lane.deferred_state[lane.n_deferred] = lane.state
    lane.n_deferred += 1


cdef inline void credit(Lane* lane, Py_ssize_t n_actions, int64_t i, double psi, int layout) noexcept nogil:
    """Add a deferred score, times its Ψ, to the gradient."""
    scatter_add(lane, lane.deferred_state[i], lane.deferred_score + i * n_actions, psi, n_actions, layout)


cdef inline void credit_rewards_to_go(Lane* lane, Py_ssize_t n_actions, int layout) noexcept nogil:
    """Ψ_t = Σ_t' γ^(t'−t) r_t'+1 for every deferred score of a path."""
    cdef int64_t i
    cdef double psi = 0.0
    for i in range(lane.n_deferred - 1, -1, -1):
        psi = lane.deferred_reward[i] + lane.agent.gamma * psi
        credit(lane, n_actions, i, psi, layout)
    lane.n_deferred = 0


cdef inline void credit_all(Lane* lane, Py_ssize_t n_actions, double psi, int layout) noexcept nogil:
    """The same Ψ for every deferred score."""
    cdef int64_t i
    if layout == WITH_EFFORT:
        for i in range(lane.n_deferred):
            credit(lane, n_actions, i, psi, WITH_EFFORT)
    elif layout == MAPPED:
        for i in range(lane.n_deferred):
            credit(lane, n_actions, i, psi, MAPPED)
    else:
        for i in range(lane.n_deferred):
            credit(lane, n_actions, i, psi, DIRECT)
    lane.n_deferred = 0


cdef inline double deferred_return(const Lane* lane) noexcept nogil:
    """Discounted return of the path whose scores are deferred."""
    cdef int64_t i
    cdef double value = 0.0, discount = 1.0
    for i in range(lane.n_deferred):
        value += discount * lane.deferred_reward[i]
        discount = discount * lane.agent.gamma
    return value
