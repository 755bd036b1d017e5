"""Memories in a lane: which of them a state shows, and what is added to them. The twin of `sigmalloc.memories`.

A *place* is where q̄ and σ of a memory, or a known value, are stored. Where every state has all actions and a memory of
each (the layout is DIRECT), the place is the index of the state and the action itself; else it is looked up.
"""

from libc.stdint cimport int64_t

from .lanes cimport DIRECT, LANES, WITH_EFFORT, Lane, Recall, score_of, sigma_of

cdef extern from *:
    "#define SM_ABSENT -1e200 /* the q̃ of an action that a state does not have: never chosen */"
    const double ABSENT "SM_ABSENT"


cdef inline double mean_value(const double* q, Py_ssize_t n_actions) noexcept nogil:
    """Mean of q̄ over the actions.

    q : IN [action]
    """
    cdef Py_ssize_t a
    cdef double total = 0.0
    for a in range(n_actions):
        total += q[a]
    return total / <double> n_actions


cdef inline Py_ssize_t place_of(const Lane* lane, Py_ssize_t entry, int layout) noexcept nogil:
    """Place of a state and an action, by their index."""
    return entry if layout == DIRECT else lane.place[entry]


cdef inline void gather(const Lane* lane, Recall* tick, int which, Py_ssize_t n_actions, int layout) noexcept nogil:
    """Put the memories of the lane's state before the next recall, with the baseline of its Ψ."""
    cdef Py_ssize_t a, row = lane.state * n_actions
    cdef double* q = tick.q + which
    cdef double* sigma = sigma_of(tick, n_actions) + which
    cdef const int64_t* place = lane.place + row
    cdef double total = 0.0, count = 0.0
    if layout == DIRECT:
        for a in range(n_actions):
            q[a * LANES] = lane.q[row + a]
            sigma[a * LANES] = lane.sigma[row + a]
        tick.baseline[which] = lane.baseline[lane.state]
        return
    for a in range(n_actions):
        if place[a] >= 0:
            q[a * LANES] = lane.q[place[a]]
            sigma[a * LANES] = lane.sigma[place[a]]
            total += lane.q[place[a]]
            count += 1.0
        else:
            q[a * LANES] = ABSENT
            sigma[a * LANES] = 1.0
    if layout == WITH_EFFORT:
        for a in range(n_actions):
            sigma[a * LANES] = sigma[a * LANES] * lane.factor[lane.state]
    # the baseline is not kept by state: a memory that is learned may be of many states
    tick.baseline[which] = total / count if lane.mean_baseline else lane.constant_baseline


cdef inline void add_effort(const Lane* lane, Py_ssize_t state, const double* scores, Py_ssize_t stride, double psi,
                            Py_ssize_t n_actions) noexcept nogil:
    """As `scatter_add`, where several samples are taken: by σ, and by ln n (section 10 of the model).

    ∂σ_eff/∂σ = factor, ∂σ_eff/∂ln n = σ · ∂factor/∂ln n, known σ included.
    """
    cdef Py_ssize_t a
    cdef double score, total = 0.0
    cdef const int64_t* place = lane.place + state * n_actions
    for a in range(n_actions):
        if place[a] >= 0:
            score = psi * scores[a * stride]
            lane.gradient[place[a]] += lane.factor[state] * score
            total += score * lane.sigma[place[a]]
    lane.effort_gradient[state] += lane.slope_factor[state] * total
    if not lane.agent.depth_first:  # whose visits are counted by path
        lane.sampled[state] += 1.0


cdef inline void scatter_add(const Lane* lane, Py_ssize_t state, const double* scores, double psi,
                             Py_ssize_t n_actions, int layout) noexcept nogil:
    """Add the scores of a state's actions, times Ψ, to the gradient of their memories.

    scores : IN [action]
    """
    cdef Py_ssize_t a
    cdef double* gradient = lane.gradient
    cdef const int64_t* place = lane.place + state * n_actions
    if layout == DIRECT:
        gradient += state * n_actions
        for a in range(n_actions):
            gradient[a] += psi * scores[a]
        return
    if layout == WITH_EFFORT:
        add_effort(lane, state, scores, 1, psi, n_actions)
        return
    for a in range(n_actions):
        if place[a] >= 0:
            gradient[place[a]] += psi * scores[a]


cdef inline void add_scores(const Lane* lane, const Recall* tick, int which, Py_ssize_t n_actions,
                            int layout) noexcept nogil:
    """Add the scores of the last recall to the gradient."""
    cdef Py_ssize_t a
    cdef double* gradient = lane.gradient
    cdef const double* scores = score_of(tick, n_actions) + which
    cdef const int64_t* place = lane.place + lane.state * n_actions
    if layout == DIRECT:
        gradient += lane.state * n_actions
        for a in range(n_actions):
            gradient[a] += scores[a * LANES]
        return
    if layout == WITH_EFFORT:
        add_effort(lane, lane.state, scores, LANES, 1.0, n_actions)
        return
    for a in range(n_actions):
        if place[a] >= 0:
            gradient[place[a]] += scores[a * LANES]


cdef inline double expected_value(const Lane* lane, const Recall* tick, int which, Py_ssize_t n_actions,
                                  int layout) noexcept nogil:
    """Σ_a p_a q̄(s,a) in the lane's state, p being the tick's recall."""
    cdef Py_ssize_t a, row = lane.state * n_actions
    cdef double total = 0.0
    for a in range(n_actions):
        if layout == DIRECT or lane.place[row + a] >= 0:
            total += tick.p[a * LANES + which] * tick.q[a * LANES + which]
    return total
