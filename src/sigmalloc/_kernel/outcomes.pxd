"""What follows from a choice: the start and the step of a table of outcomes, or of compiled dynamics."""

from libc.stdint cimport int64_t

from .continuous cimport CERTAIN, UNCERTAIN, commit, has_ended, reward_there, start_of
from .elementary cimport uniform
from .lanes cimport BERNOULLI, GAUSSIAN, Bodies, Lane, Recall, Streams, Task
from .normals cimport draw_one
from .stream cimport next_in_one


cdef inline Py_ssize_t sample(const double* cumulative, Py_ssize_t n, double u) noexcept nogil:
    """The first entry whose cumulative probability exceeds u: by counting, or by bisection where there are many.

    cumulative : IN [n], the last one is 1
    """
    cdef Py_ssize_t low = 0, high = n - 1, middle
    if n <= 8:
        for middle in range(n - 1):
            low += cumulative[middle] <= u
        return low
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] > u:
            high = middle
        else:
            low = middle + 1
    return low


cdef inline void reset(const Task* task, Lane* lane, Bodies* bodies, Streams* streams, int which) noexcept nogil:
    """Draw the state in which a trial starts."""
    cdef Py_ssize_t first = lane.variant * task.n_starts
    if task.dynamics > UNCERTAIN:
        lane.start_state = start_of(task.dynamics, bodies, streams, which, task.option)
    elif task.n_starts == 1:
        lane.start_state = task.start_state[first]
    else:
        lane.start_state = task.start_state[
            first + sample(task.start_cumulative + first, task.n_starts, uniform(next_in_one(streams, which)))
        ]


cdef inline Py_ssize_t chosen_entry(
    const Lane* lane, const Recall* tick, int which, Py_ssize_t n_actions
) noexcept nogil:
    """Index of the lane's state and the action chosen, in tables of (state, action)."""
    return lane.state * n_actions + <int> tick.choice[which]


cdef inline bint move(const Task* task, Lane* lane, Bodies* bodies, Streams* streams, int which, Py_ssize_t* entry,
                      int dynamics) noexcept nogil:
    """Act: sets the lane's state; True if the episode ends there.

    entry : IN index of the state and the action, OUT of the outcome
    """
    cdef const double* cumulative
    cdef int64_t following
    if dynamics > UNCERTAIN:
        commit(dynamics, bodies, which)
        lane.state = <Py_ssize_t> bodies.next_state[which]
        return has_ended(dynamics, bodies, which)
    if dynamics == UNCERTAIN:
        entry[0] *= task.n_outcomes
        cumulative = task.cumulative + lane.variant * task.n_states * task.n_actions * task.n_outcomes + entry[0]
        if cumulative[0] < 1.0:
            entry[0] += sample(cumulative, task.n_outcomes, uniform(next_in_one(streams, which)))
    following = lane.following[entry[0]]
    lane.state = following >> 1
    return following & 1


cdef inline bint step(const Task* task, Lane* lane, Bodies* bodies, Streams* streams, int which, Py_ssize_t entry,
                      int dynamics) noexcept nogil:
    """Act and collect the reward: sets the lane's state and reward; True if the episode ends there.

    entry : index of the state and the action
    """
    cdef Py_ssize_t outcome = entry
    cdef bint ended = move(task, lane, bodies, streams, which, &outcome, dynamics)
    if dynamics > UNCERTAIN:
        lane.reward = reward_there(dynamics, bodies, which)
        return ended
    lane.reward = lane.outcome_reward[outcome if task.episode_reward == NULL else entry]
    if task.reward_noise == GAUSSIAN:
        if lane.outcome_sd[outcome] > 0.0:
            lane.reward = lane.reward + lane.outcome_sd[outcome] * draw_one(next_in_one(streams, which))
    elif task.reward_noise == BERNOULLI:
        lane.reward = 1.0 if uniform(next_in_one(streams, which)) < lane.reward else 0.0
    return ended
