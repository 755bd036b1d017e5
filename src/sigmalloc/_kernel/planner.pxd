"""Paths and their returns: what a trial adds up, which scores wait for it, and depth-first planning (section 4.3)."""

from libc.stdint cimport int64_t, uint64_t

from .environment cimport reset, step
from .lanes cimport BEST_PATH, LANES, REINFORCE, TRAJECTORY, Lane, Recall, Streams, Task
from .recall cimport ABSENT


cdef inline void begin_path(Lane* lane) noexcept nogil:
    lane.state = lane.start_state
    lane.step = 0
    lane.path_reward = 0.0
    lane.path_value = 0.0
    lane.discount = 1.0


cdef inline void begin_trial(const Task* task, Lane* lane, Streams* streams, int which) noexcept nogil:
    """A trial is one path in most tasks, and as many as the search budget allows where paths are planned."""
    reset(task, lane, streams, which)
    lane.path = 0
    lane.kept = 0
    lane.depth = 0
    lane.trial += 1
    begin_path(lane)


cdef inline void collect(Lane* lane) noexcept nogil:
    """Add the reward of a step to the path's."""
    lane.step += 1
    lane.steps += 1
    lane.path_reward += lane.reward
    lane.path_value += lane.discount * lane.reward
    lane.discount = lane.discount * lane.agent.gamma


cdef inline void score(Lane* lane, const Task* task, const Recall* tick, int which) noexcept nogil:
    """Add the tick's score to the gradient, or keep it until its return is known."""
    cdef Py_ssize_t a
    cdef double* row
    lane.usage[lane.state] += 1.0
    if lane.agent.gradient < REINFORCE:
        row = lane.gradient + lane.state * task.n_actions
        for a in range(task.n_actions):
            row[a] += tick.score[a * LANES + which]
    else:
        row = lane.kept_score + lane.kept * task.n_actions
        for a in range(task.n_actions):
            row[a] = tick.score[a * LANES + which]
        lane.kept_state[lane.kept] = lane.state
        lane.kept += 1


cdef inline void credit(Lane* lane, const Task* task, int64_t kept, double psi) noexcept nogil:
    """Add a kept score, times its Ψ, to the gradient."""
    cdef Py_ssize_t a
    cdef double* row = lane.gradient + lane.kept_state[kept] * task.n_actions
    for a in range(task.n_actions):
        row[a] += psi * lane.kept_score[kept * task.n_actions + a]


cdef inline bint end_path(Lane* lane, const Task* task) noexcept nogil:
    """Keep the best return, credit the scores that waited for this path; True if the trial is over."""
    cdef int64_t i
    cdef double psi = 0.0
    if lane.path == 0 or lane.path_value > lane.best_value:
        lane.best_value = lane.path_value
        lane.best_reward = lane.path_reward
    lane.path += 1
    if lane.phase == TRAJECTORY and lane.kept:
        if lane.agent.gradient == REINFORCE:
            for i in range(lane.kept - 1, -1, -1):
                psi = lane.kept_reward[i] + lane.agent.gamma * psi
                credit(lane, task, i, psi)
            lane.kept = 0
        elif lane.agent.gradient != BEST_PATH or lane.path == lane.agent.n_paths:
            psi = lane.best_value if lane.agent.gradient == BEST_PATH else lane.path_value
            for i in range(lane.kept):
                credit(lane, task, i, psi)
            lane.kept = 0
    return lane.path == lane.agent.n_paths


cdef inline void remember_draw(Lane* lane, const Task* task, const Recall* tick, int which) noexcept nogil:
    """Depth-first: the memories of a state are drawn once a trial."""
    cdef Py_ssize_t a
    lane.drawn_in[lane.state] = lane.trial
    lane.first_choice[lane.state] = <int64_t> tick.choice[which]
    for a in range(task.n_actions):
        lane.drawn_p[lane.state * task.n_actions + a] = tick.p[a * LANES + which]


cdef inline int64_t next_best(const Lane* lane, const Task* task, int64_t node, uint64_t tried) noexcept nogil:
    """The likeliest action of a node that was not tried yet, or −1."""
    cdef Py_ssize_t a
    cdef int64_t best = -1
    cdef const double* p = lane.drawn_p + node * task.n_actions
    for a in range(task.n_actions):
        if lane.q[node * task.n_actions + a] > 0.5 * ABSENT and not (tried >> a) & 1:
            if best < 0 or p[a] > p[best]:
                best = a
    return best


cdef inline bint search(Lane* lane, const Task* task, Streams* streams, int which) noexcept nogil:
    """Depth-first: go on from a node whose memories are drawn, back up at each leaf; True when the trial is over.

    Returns False in a state whose memories must be drawn first.
    """
    cdef int64_t action
    while True:
        if lane.depth == lane.step:  # a node entered for the first time on this path
            action = lane.first_choice[lane.state]
            lane.node[lane.depth] = lane.state
            lane.tried[lane.depth] = 0
            lane.reward_before[lane.depth] = lane.path_reward
            lane.value_before[lane.depth] = lane.path_value
            lane.discount_before[lane.depth] = lane.discount
            lane.depth += 1
        else:
            action = next_best(lane, task, lane.node[lane.depth - 1], lane.tried[lane.depth - 1])
        lane.tried[lane.depth - 1] |= (<uint64_t> 1) << action
        if step(task, lane, streams, which, action):
            collect(lane)
            if end_path(lane, task):
                return True
            while next_best(lane, task, lane.node[lane.depth - 1], lane.tried[lane.depth - 1]) < 0:
                lane.depth -= 1
            lane.step = lane.depth - 1
            lane.state = lane.node[lane.step]
            lane.path_reward = lane.reward_before[lane.step]
            lane.path_value = lane.value_before[lane.step]
            lane.discount = lane.discount_before[lane.step]
        else:
            collect(lane)
            if lane.drawn_in[lane.state] != lane.trial:
                return False
