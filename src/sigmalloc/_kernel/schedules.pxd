"""Parameters that change by episode. The twin is `agents/schedules.py`."""

from libc.stdint cimport int64_t

from .elementary cimport exponential
from .lanes cimport CONSTANT, EXPONENTIAL, Schedule


cdef inline double scheduled(const Schedule* schedule, const double* points, int64_t episode) noexcept nogil:
    """Value of a parameter in an episode.

    EXPONENTIAL is start · exp(rate · k), no further than end; POINTS are joined by straight lines.

    points : IN [point][2], episode and value
    """
    cdef double exponent, value, share
    cdef int64_t low, high, middle
    if schedule.kind == CONSTANT:
        return schedule.start
    if schedule.kind == EXPONENTIAL:
        exponent = schedule.rate * <double> episode
        if exponent >= 700.0:
            return schedule.end
        value = schedule.start * exponential(exponent)
        if schedule.rate < 0.0:
            return value if value > schedule.end else schedule.end
        return value if value < schedule.end else schedule.end
    points = points + 2 * schedule.first
    low, high = 0, schedule.count - 1
    if <double> episode <= points[0]:
        return points[1]
    if <double> episode >= points[2 * high]:
        return points[2 * high + 1]
    while high - low > 1:
        middle = (low + high) // 2
        if points[2 * middle] <= <double> episode:
            low = middle
        else:
            high = middle
    share = (<double> episode - points[2 * low]) / (points[2 * high] - points[2 * low])
    return points[2 * low + 1] + share * (points[2 * high + 1] - points[2 * low + 1])
