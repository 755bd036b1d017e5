"""Doors to the parts of the kernel, so that each can be compared with NumPy and `math`."""

from libc.stdint cimport uint64_t

from .elementary cimport cosine, cosine_quarter, exponential, logarithm, sine_quarter
from .environment cimport car_state, move_car
from .lanes cimport LANES, Streams
from .recall cimport normal_pair
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
    """Standard normals of 8 streams. states : IN and OUT (8, 4); output : OUT (2 n, 8)."""
    cdef Streams streams
    cdef uint64_t words[2 * LANES]
    cdef Py_ssize_t i
    cdef int lane
    _same_lanes(states.shape[0], output.shape[1])
    for lane in range(LANES):
        load(&streams, lane, &states[lane, 0])
    for i in range(output.shape[0] // 2):
        next_in_all(&streams, words)
        next_in_all(&streams, words + LANES)
        normal_pair(words, &output[2 * i, 0], &output[2 * i + 1, 0])
    for lane in range(LANES):
        store(&streams, lane, &states[lane, 0])


def drive(double position, double velocity, int action):
    """One step of mountain car: (position, velocity, table index)."""
    move_car(&position, &velocity, action)
    return position, velocity, car_state(position, velocity)


cdef int _same_lanes(Py_ssize_t first, Py_ssize_t second) except -1:
    if first != LANES or second != LANES:
        raise ValueError(f"the arrays must have {LANES} lanes")
    return 0
