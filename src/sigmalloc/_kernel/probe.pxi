"""Doors to the parts of the kernel, so that each can be compared with NumPy and `math`."""

from libc.stdint cimport uint64_t

from .elementary cimport cosine, cosine_quarter, exponential, logarithm, sine_quarter
from .continuous cimport move_all, number_of
from .lanes cimport LANES, DIMENSIONS, Bodies, Streams
from .normals cimport draw_normals, draw_radii
from .stream cimport load, next_in_all, store


def elementary(str name, const double[::1] x, double[::1] y):
    """An elementary function of every x. name: exp, log, sine_quarter, cosine_quarter or cos; y : OUT."""
    cdef Py_ssize_t i
    for i in range(min(x.shape[0], y.shape[0])):
        if name == "exp":
            y[i] = exponential(x[i])
        elif name == "log":
            y[i] = logarithm(x[i])
        elif name == "sine_quarter":
            y[i] = sine_quarter(x[i])
        elif name == "cosine_quarter":
            y[i] = cosine_quarter(x[i])
        elif name == "cos":
            y[i] = cosine(x[i])
        else:
            raise ValueError(f"unknown function {name!r}")


def raw(uint64_t[:, ::1] states, uint64_t[:, ::1] output):
    """Raw outputs of 8 streams. states : IN and OUT (8, 4); output : OUT (n, 8)."""
    cdef Streams streams
    cdef Py_ssize_t i
    cdef int lane
    _same_lanes(states.shape[0], output.shape[1])
    for lane in range(LANES):
        load(&streams, lane, &states[lane, 0])
    for i in range(output.shape[0]):
        next_in_all(&streams, &output[i, 0])
    for lane in range(LANES):
        store(&streams, lane, &states[lane, 0])


def normals(uint64_t[:, ::1] states, double[:, ::1] output):
    """Standard normals of 8 streams, in pairs. states : IN and OUT (8, 4); output : OUT (2 n, 8)."""
    cdef Streams streams
    cdef uint64_t words[LANES]
    cdef double radii[LANES]
    cdef Py_ssize_t i
    cdef int lane
    _same_lanes(states.shape[0], output.shape[1])
    for lane in range(LANES):
        load(&streams, lane, &states[lane, 0])
    for i in range(output.shape[0] // 2):
        next_in_all(&streams, words)
        draw_radii(words, radii)
        draw_normals(words, radii, &output[2 * i, 0])
    for lane in range(LANES):
        store(&streams, lane, &states[lane, 0])


def drive(str dynamics, double[::1] body, int action):
    """One step of a continuous task. body : IN and OUT (dimensions,); returns the state of the table."""
    cdef Bodies bodies
    cdef double choice[LANES]
    cdef int lane, i, n = min(body.shape[0], DIMENSIONS)
    for lane in range(LANES):
        choice[lane] = action
        for i in range(n):
            bodies.now[i][lane] = body[i]
    move_all(number_of(dynamics), &bodies, choice)
    for i in range(n):
        body[i] = bodies.next[i][0]
    return <int> bodies.next_state[0]


cdef int _same_lanes(Py_ssize_t first, Py_ssize_t second) except -1:
    if first != LANES or second != LANES:
        raise ValueError(f"the arrays must have {LANES} lanes")
    return 0
