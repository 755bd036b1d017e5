"""Mountain car's dynamics (section 4.2), in every lane at once. The twin is `tasks/mountain_car.py`."""

from ..elementary cimport ROUND, cosine, uniform
from ..lanes cimport LANES, Bodies, Streams, in_
from ..stream cimport next_in_one

cdef enum:
    N_ACTIONS = 3
    POSITION = 0
    VELOCITY = 1


cdef inline double cell(double position, double velocity) noexcept nogil:
    """State of the table, rounding half to even as NumPy does: 15 round(10 (x + 1.2)) + round(100 (v + 0.07))."""
    return 15.0 * ((10.0 * (position + 1.2) + ROUND) - ROUND) + ((100.0 * (velocity + 0.07) + ROUND) - ROUND)


cdef inline void move_all(Bodies* cars, in_ choice) noexcept nogil:
    """Where its choice would take each car.

    choice : IN [lane]
    """
    cdef int lane
    cdef double v, x, bounced
    for lane in range(LANES):
        v = cars.now[VELOCITY][lane] + (
            (choice[lane] - 1.0) * 0.001 + cosine(3.0 * cars.now[POSITION][lane]) * -0.0025
        )
        v = -0.07 if v < -0.07 else v
        v = 0.07 if v > 0.07 else v
        x = cars.now[POSITION][lane] + v
        x = -1.2 if x < -1.2 else x
        x = 0.6 if x > 0.6 else x
        cars.next[POSITION][lane] = x
        bounced = 0.0 if v < 0.0 else v
        v = bounced if x == -1.2 else v
        cars.next[VELOCITY][lane] = v
        cars.next_state[lane] = cell(x, v)


cdef inline void move_one(Bodies* cars, int lane) noexcept nogil:
    """Go where the lane's choice takes it."""
    cars.now[POSITION][lane] = cars.next[POSITION][lane]
    cars.now[VELOCITY][lane] = cars.next[VELOCITY][lane]


cdef inline bint ended(const Bodies* cars, int lane) noexcept nogil:
    """Whether the episode ends where the lane is."""
    return cars.now[POSITION][lane] >= 0.5


cdef inline double reward(const Bodies* cars, int lane) noexcept nogil:
    """Reward of the step that led there."""
    return -1.0


cdef inline Py_ssize_t start(Bodies* cars, Streams* streams, int lane, int uniform_start) noexcept nogil:
    """Put the lane's car where an episode starts: its state."""
    cars.now[VELOCITY][lane] = 0.0
    cars.now[POSITION][lane] = -0.5
    if uniform_start:
        cars.now[POSITION][lane] = -0.6 + 0.2 * uniform(next_in_one(streams, lane))
    return <Py_ssize_t> cell(cars.now[POSITION][lane], cars.now[VELOCITY][lane])
