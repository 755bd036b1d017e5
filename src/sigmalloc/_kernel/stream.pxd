"""Random streams: SFC64 (numpy.random.SFC64), one stream a lane."""

from libc.stdint cimport uint64_t

from .lanes cimport LANES, Streams

cdef extern from *:
    """
    typedef uint64_t *__restrict sm_raw_out;
    typedef const uint64_t *__restrict sm_raw_in;
    """
    ctypedef uint64_t* raw_out "sm_raw_out"
    ctypedef const uint64_t* raw_in "sm_raw_in"


cdef inline void next_in_all(Streams* streams, raw_out raw) noexcept nogil:
    """One raw output of every lane's stream.

    raw : OUT [lane]
    """
    cdef int lane
    cdef uint64_t output
    for lane in range(LANES):
        output = streams.a[lane] + streams.b[lane] + streams.counter[lane]
        streams.counter[lane] = streams.counter[lane] + 1
        streams.a[lane] = streams.b[lane] ^ (streams.b[lane] >> 11)
        streams.b[lane] = streams.c[lane] + (streams.c[lane] << 3)
        streams.c[lane] = ((streams.c[lane] << 24) | (streams.c[lane] >> 40)) + output
        raw[lane] = output


cdef inline uint64_t next_in_one(Streams* streams, int lane) noexcept nogil:
    """One raw output of one lane's stream."""
    cdef uint64_t output = streams.a[lane] + streams.b[lane] + streams.counter[lane]
    streams.counter[lane] += 1
    streams.a[lane] = streams.b[lane] ^ (streams.b[lane] >> 11)
    streams.b[lane] = streams.c[lane] + (streams.c[lane] << 3)
    streams.c[lane] = ((streams.c[lane] << 24) | (streams.c[lane] >> 40)) + output
    return output


cdef inline void load(Streams* streams, int lane, const uint64_t* state) noexcept nogil:
    """Continue a stream in a lane.

    state : IN [4]
    """
    streams.a[lane] = state[0]
    streams.b[lane] = state[1]
    streams.c[lane] = state[2]
    streams.counter[lane] = state[3]


cdef inline void store(const Streams* streams, int lane, uint64_t* state) noexcept nogil:
    """The state of a lane's stream.

    state : OUT [4]
    """
    state[0] = streams.a[lane]
    state[1] = streams.b[lane]
    state[2] = streams.c[lane]
    state[3] = streams.counter[lane]
