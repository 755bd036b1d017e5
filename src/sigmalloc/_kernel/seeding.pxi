"""States of the streams that a seed and its spawn keys give."""

from libc.stdint cimport uint32_t, uint64_t

from .seeding cimport POOL, first_state, mix_entropy


def seed_streams(const uint32_t[::1] seed, const uint32_t[:, ::1] keys, uint64_t[:, ::1] states):
    """The states of numpy.random.SFC64 seeded with SeedSequence(seed, spawn_key=key), for each key.

    Parameters
    ----------
    seed : uint32 (words,)
        Low words first; four at least, zeros after its own.
    keys : uint32 (streams, words)
    states : uint64 (streams, 4)
        OUT
    """
    cdef uint32_t pool[POOL]
    cdef Py_ssize_t i
    if seed.shape[0] < POOL or keys.shape[1] < 1 or states.shape[0] != keys.shape[0] or states.shape[1] != 4:
        raise ValueError("the arrays of seeds do not fit together")
    for i in range(keys.shape[0]):
        mix_entropy(&seed[0], seed.shape[0], &keys[i, 0], keys.shape[1], pool)
        first_state(pool, &states[i, 0])
