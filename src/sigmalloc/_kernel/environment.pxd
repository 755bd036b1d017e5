"""Environments: the start and the step of a table of outcomes, and of mountain car."""

from libc.stdint cimport int64_t

from .elementary cimport ROUND, cosine, uniform
from .lanes cimport Lane, Streams, Task
from .stream cimport next_in_one


cdef inline Py_ssize_t sample(const double* cumulative, Py_ssize_t n, double u) noexcept nogil:
    """The first entry whose cumulative probability exceeds u, by bisection.

    cumulative : IN [n], the last one is 1
    """
    cdef Py_ssize_t low = 0, high = n - 1, middle
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] > u:
            high = middle
        else:
            low = middle + 1
    return low


cdef inline Py_ssize_t car_state(double position, double velocity) noexcept nogil:
    """Mountain car's cell, rounding half to even as NumPy does: 15 round(10 (x + 1.2)) + round(100 (v + 0.07))."""
    cdef double row = (10.0 * (position + 1.2) + ROUND) - ROUND
    cdef double column = (100.0 * (velocity + 0.07) + ROUND) - ROUND
    return 15 * <Py_ssize_t> row + <Py_ssize_t> column


cdef inline void move_car(double* position, double* velocity, Py_ssize_t action) noexcept nogil:
    """One step of mountain car's dynamics."""
    cdef double v = velocity[0] + (<double> (action - 1) * 0.001 + cosine(3.0 * position[0]) * -0.0025)
    cdef double x
    v = -0.07 if v < -0.07 else (0.07 if v > 0.07 else v)
    x = position[0] + v
    x = -1.2 if x < -1.2 else (0.6 if x > 0.6 else x)
    velocity[0] = 0.0 if x == -1.2 and v < 0 else v
    position[0] = x


cdef inline void reset(const Task* task, Lane* lane, Streams* streams, int which) noexcept nogil:
    """Draw the state in which a trial starts."""
    cdef Py_ssize_t first = lane.variant * task.n_starts
    if task.mountain_car:
        lane.velocity = 0.0
        lane.position = -0.5
        if task.uniform_start:
            lane.position = -0.6 + 0.2 * uniform(next_in_one(streams, which))
        lane.start_state = car_state(lane.position, lane.velocity)
    elif task.n_starts == 1:
        lane.start_state = task.start_state[first]
    else:
        lane.start_state = task.start_state[
            first + sample(task.start_cumulative + first, task.n_starts, uniform(next_in_one(streams, which)))
        ]
    lane.state = lane.start_state


cdef inline bint step(const Task* task, Lane* lane, Streams* streams, int which, Py_ssize_t action) noexcept nogil:
    """Act: sets the lane's state and reward; True if the episode ends there."""
    cdef Py_ssize_t entry
    if task.mountain_car:
        move_car(&lane.position, &lane.velocity, action)
        lane.state = car_state(lane.position, lane.velocity)
        lane.reward = -1.0
        return lane.position >= 0.5
    entry = ((lane.variant * task.n_states + lane.state) * task.n_actions + action) * task.n_outcomes
    if task.n_outcomes > 1 and task.cumulative[entry] < 1.0:
        entry += sample(task.cumulative + entry, task.n_outcomes, uniform(next_in_one(streams, which)))
    lane.reward = task.reward[entry]
    lane.state = task.next_state[entry]
    return task.terminal[lane.variant * task.n_states + lane.state]
