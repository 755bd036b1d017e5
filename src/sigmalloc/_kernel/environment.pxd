"""Environments: the start and the step of a table of outcomes, and of mountain car."""

from libc.stdint cimport int64_t

from .elementary cimport ROUND, cosine, uniform
from .lanes cimport LANES, MOUNTAIN_CAR, UNCERTAIN, Cars, Dynamics, Lane, Recall, Streams, Task, in_
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


cdef inline double car_cell(double position, double velocity) noexcept nogil:
    """Mountain car's cell, rounding half to even as NumPy does: 15 round(10 (x + 1.2)) + round(100 (v + 0.07))."""
    return 15.0 * ((10.0 * (position + 1.2) + ROUND) - ROUND) + ((100.0 * (velocity + 0.07) + ROUND) - ROUND)


cdef inline void move_cars(Cars* cars, in_ choice) noexcept nogil:
    """Mountain car's dynamics in every lane: where its choice would take each car.

    choice : IN [lane]
    """
    cdef int lane
    cdef double v, x, bounced
    for lane in range(LANES):
        v = cars.velocity[lane] + ((choice[lane] - 1.0) * 0.001 + cosine(3.0 * cars.position[lane]) * -0.0025)
        v = -0.07 if v < -0.07 else v
        v = 0.07 if v > 0.07 else v
        x = cars.position[lane] + v
        x = -1.2 if x < -1.2 else x
        x = 0.6 if x > 0.6 else x
        cars.next_position[lane] = x
        bounced = 0.0 if v < 0.0 else v
        v = bounced if x == -1.2 else v
        cars.next_velocity[lane] = v
        cars.next_cell[lane] = car_cell(x, v)


cdef inline void reset(const Task* task, Lane* lane, Cars* cars, Streams* streams, int which) noexcept nogil:
    """Draw the state in which a trial starts."""
    cdef Py_ssize_t first = lane.variant * task.n_starts
    if task.dynamics == MOUNTAIN_CAR:
        cars.velocity[which] = 0.0
        cars.position[which] = -0.5
        if task.uniform_start:
            cars.position[which] = -0.6 + 0.2 * uniform(next_in_one(streams, which))
        lane.start_state = <Py_ssize_t> car_cell(cars.position[which], cars.velocity[which])
    elif task.n_starts == 1:
        lane.start_state = task.start_state[first]
    else:
        lane.start_state = task.start_state[
            first + sample(task.start_cumulative + first, task.n_starts, uniform(next_in_one(streams, which)))
        ]


cdef inline Py_ssize_t chosen_entry(
    const Lane* lane, const Recall* tick, int which, Py_ssize_t n_actions
) noexcept nogil:
    """Place in the tables of the lane's state and the action chosen."""
    return lane.state * n_actions + <int> tick.choice[which]


cdef inline bint move(const Task* task, Lane* lane, Cars* cars, Streams* streams, int which, Py_ssize_t* entry,
                      Dynamics dynamics) noexcept nogil:
    """Act: sets the lane's state; True if the episode ends there.

    entry : IN place in the tables of the state and the action, OUT of the outcome
    """
    cdef const double* cumulative
    cdef int64_t following
    if dynamics == MOUNTAIN_CAR:
        cars.position[which] = cars.next_position[which]
        cars.velocity[which] = cars.next_velocity[which]
        lane.state = <Py_ssize_t> cars.next_cell[which]
        return cars.position[which] >= 0.5
    if dynamics == UNCERTAIN:
        entry[0] *= task.n_outcomes
        cumulative = task.cumulative + lane.variant * task.n_states * task.n_actions * task.n_outcomes + entry[0]
        if cumulative[0] < 1.0:
            entry[0] += sample(cumulative, task.n_outcomes, uniform(next_in_one(streams, which)))
    following = lane.following[entry[0]]
    lane.state = following >> 1
    return following & 1


cdef inline bint step(const Task* task, Lane* lane, Cars* cars, Streams* streams, int which, Py_ssize_t entry,
                      Dynamics dynamics) noexcept nogil:
    """Act and collect the reward: sets the lane's state and reward; True if the episode ends there."""
    cdef bint ended = move(task, lane, cars, streams, which, &entry, dynamics)
    lane.reward = -1.0 if dynamics == MOUNTAIN_CAR else lane.outcome_reward[entry]
    return ended
