"""Standard normals (Box-Muller), two of each raw output.

Short loops over the lanes, as in the recall: a processor overlaps their iterations.
"""

from libc.math cimport sqrt
from libc.stdint cimport uint64_t

from .elementary cimport ONE, SIGN, Bits, cosine_quarter, logarithm, sine_quarter
from .lanes cimport LANES, in_, out
from .stream cimport raw_in

cdef extern from *:
    "#define SM_RADIUS_BITS 0x000FFFFFFFFFC000ULL /* the upper 38 bits of a raw output, as a mantissa */"
    const uint64_t RADIUS_BITS "SM_RADIUS_BITS"


cdef inline void draw_radii(raw_in raw, out radius) noexcept nogil:
    """Box-Muller's √(−2 ln u): the upper 38 bits of a raw output are u (up to 7.35 standard deviations).

    raw : IN [lane]; radius : OUT [lane]
    """
    cdef int lane
    cdef Bits u
    for lane in range(LANES):
        u.word = ((raw[lane] >> 12) & RADIUS_BITS) | ONE
        radius[lane] = sqrt(-2.0 * logarithm(1.999999999998181 - u.real))  # 2 − 2^-39: the middle of each step


cdef inline void draw_normals(raw_in raw, in_ radius, out zeta) noexcept nogil:
    """Box-Muller's two independent standard normals: the next two bits are the quadrant, the last 24 the angle in it.

    raw : IN [lane]; radius : IN [lane]; zeta : OUT [2][lane]
    """
    cdef int lane
    cdef Bits turn, x, y
    cdef uint64_t change
    cdef double t
    for lane in range(LANES):
        turn.word = ((raw[lane] << 40) >> 12) | ONE
        t = turn.real - 1.4999999701976776  # 1½ − 2^-25
        x.real = radius[lane] * cosine_quarter(t)
        y.real = radius[lane] * sine_quarter(t)
        change = ((x.word ^ y.word) & (0 - ((raw[lane] >> 25) & 1))) ^ ((raw[lane] << 39) & SIGN)
        x.word = x.word ^ change
        y.word = y.word ^ change
        zeta[lane] = x.real
        zeta[LANES + lane] = y.real


cdef inline double draw_one(uint64_t raw) noexcept nogil:
    """The first of the two normals of one raw output."""
    cdef Bits turn, x, y
    cdef double radius, t
    turn.word = ((raw >> 12) & RADIUS_BITS) | ONE
    radius = sqrt(-2.0 * logarithm(1.999999999998181 - turn.real))
    turn.word = ((raw << 40) >> 12) | ONE
    t = turn.real - 1.4999999701976776
    x.real = radius * cosine_quarter(t)
    y.real = radius * sine_quarter(t)
    x.word = y.word if (raw >> 25) & 1 else x.word
    x.word = x.word ^ ((raw << 39) & SIGN)
    return x.real
