"""Paths and their returns: what a trial adds up, which scores wait for it, and depth-first planning (section 4.3)."""

from libc.stdint cimport int64_t

from .environment cimport reset, step
from .lanes cimport LANES, REINFORCE, RETURN, TRAJECTORY, Cars, Lane, Recall, Streams, Task, score_of


cdef inline void begin_path(Lane* lane) noexcept nogil:
    lane.state = lane.start_state
    lane.step = 0
    lane.path_reward = 0.0
    lane.path_value = 0.0
    lane.discount = 1.0


cdef inline void begin_trial(const Task* task, Lane* lane, Cars* cars, Streams* streams, int which) noexcept nogil:
    """A trial is one path in most tasks, and as many as the search budget allows where paths are planned."""
    reset(task, lane, cars, streams, which)
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


cdef inline void add_score(Lane* lane, const Recall* tick, int which, Py_ssize_t n_actions) noexcept nogil:
    """Add the score of a choice to the gradient."""
    cdef Py_ssize_t a
    cdef double* row = lane.gradient + lane.state * n_actions
    cdef const double* scores = score_of(tick, n_actions) + which
    for a in range(n_actions):
        row[a] += scores[a * LANES]


cdef inline void keep_score(Lane* lane, const Recall* tick, int which, Py_ssize_t n_actions) noexcept nogil:
    """Keep the score of a choice until its return is known."""
    cdef Py_ssize_t a
    cdef double* row = lane.kept_score + lane.kept * n_actions
    cdef const double* scores = score_of(tick, n_actions) + which
    for a in range(n_actions):
        row[a] = scores[a * LANES]
    lane.kept_state[lane.kept] = lane.state
    lane.kept += 1


cdef inline void credit(Lane* lane, Py_ssize_t n_actions, int64_t kept, double psi) noexcept nogil:
    """Add a kept score, times its Ψ, to the gradient."""
    cdef Py_ssize_t a
    cdef double* row = lane.gradient + lane.kept_state[kept] * n_actions
    cdef const double* score = lane.kept_score + kept * n_actions
    for a in range(n_actions):
        row[a] += psi * score[a]


cdef inline void credit_rewards_to_go(Lane* lane, Py_ssize_t n_actions) noexcept nogil:
    """Ψ_t = Σ_t' γ^(t'−t) r_t'+1 for every kept score of a path."""
    cdef int64_t i
    cdef double psi = 0.0
    for i in range(lane.kept - 1, -1, -1):
        psi = lane.kept_reward[i] + lane.agent.gamma * psi
        credit(lane, n_actions, i, psi)
    lane.kept = 0


cdef inline void credit_all(Lane* lane, Py_ssize_t n_actions, double psi) noexcept nogil:
    """The same Ψ for every kept score."""
    cdef int64_t i
    for i in range(lane.kept):
        credit(lane, n_actions, i, psi)
    lane.kept = 0


cdef inline double kept_return(const Lane* lane) noexcept nogil:
    """Discounted return of the path whose scores are kept."""
    cdef int64_t i
    cdef double value = 0.0, discount = 1.0
    for i in range(lane.kept):
        value += discount * lane.kept_reward[i]
        discount = discount * lane.agent.gamma
    return value


cdef inline bint end_path(Lane* lane, const Task* task) noexcept nogil:
    """Keep the best return, credit the scores that waited for this path; True if the trial is over."""
    if lane.path == 0 or lane.path_value > lane.best_value:
        lane.best_value = lane.path_value
        lane.best_reward = lane.path_reward
    lane.path += 1
    if lane.phase == TRAJECTORY and lane.waits:
        if lane.agent.gradient == REINFORCE:
            credit_rewards_to_go(lane, task.n_actions)
        elif lane.agent.gradient == RETURN:
            credit_all(lane, task.n_actions, lane.path_value)
        elif lane.path == lane.agent.n_paths:
            credit_all(lane, task.n_actions, lane.best_value)
    return lane.path == lane.agent.n_paths


cdef inline void remember_draw(Lane* lane, const Recall* tick, int which) noexcept nogil:
    """Depth-first: the memories of a state are drawn once a trial."""
    lane.drawn_in[lane.state] = lane.trial
    lane.first_choice[lane.state] = <int64_t> tick.choice[which]


cdef inline bint search(Lane* lane, const Task* task, Cars* cars, Streams* streams, int which) noexcept nogil:
    """Depth-first: go on from a node whose memories are drawn, back up at each leaf; True when the trial is over.

    Every node has two actions: the one chosen comes first. Returns False in a state whose memories must be drawn first.
    """
    cdef int64_t action
    while True:
        if lane.depth == lane.step:  # a node entered for the first time on this path
            action = lane.first_choice[lane.state]
            lane.node[lane.depth] = lane.state
            lane.turned[lane.depth] = 0
            lane.reward_before[lane.depth] = lane.path_reward
            lane.value_before[lane.depth] = lane.path_value
            lane.discount_before[lane.depth] = lane.discount
            lane.depth += 1
        else:
            action = 1 - lane.first_choice[lane.state]
            lane.turned[lane.depth - 1] = 1
        if step(task, lane, cars, streams, which, 2 * lane.state + action, task.dynamics):
            collect(lane)
            if end_path(lane, task):
                return True
            while lane.turned[lane.depth - 1]:
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
