"""First states of random streams: numpy.random.SeedSequence, and what SFC64 makes of its words."""

from libc.stdint cimport uint32_t, uint64_t

from .lanes cimport Streams
from .stream cimport load, next_in_one, store

cdef enum:
    POOL = 4  # words that a seed sequence keeps
    ROUNDS = 12  # outputs of SFC64 that are thrown away


cdef inline uint32_t hashed(uint32_t word, uint32_t* constant) noexcept nogil:
    """A word, hashed by a constant that changes from word to word."""
    word = word ^ constant[0]
    constant[0] = constant[0] * <uint32_t> 0x931E8875
    word = word * constant[0]
    return word ^ (word >> 16)


cdef inline uint32_t mixed(uint32_t x, uint32_t y) noexcept nogil:
    cdef uint32_t word = x * <uint32_t> 0xCA01F9DD - y * <uint32_t> 0x4973F715
    return word ^ (word >> 16)


cdef inline void mix_entropy(const uint32_t* entropy, Py_ssize_t n, const uint32_t* key, Py_ssize_t n_key,
                             uint32_t* pool) noexcept nogil:
    """The pool of a seed sequence.

    entropy : IN [n], n ≥ POOL, the words of the seed, with zeros after it; key : IN [n_key], the spawn key; pool : OUT
    """
    cdef uint32_t constant = 0x43B0D7E5
    cdef uint32_t word
    cdef Py_ssize_t i, j
    for i in range(POOL):
        pool[i] = hashed(entropy[i], &constant)
    for i in range(POOL):
        for j in range(POOL):
            if i != j:
                pool[j] = mixed(pool[j], hashed(pool[i], &constant))
    for i in range(POOL, n + n_key):
        word = entropy[i] if i < n else key[i - n]
        for j in range(POOL):
            pool[j] = mixed(pool[j], hashed(word, &constant))


cdef inline void first_state(const uint32_t* pool, uint64_t* state) noexcept nogil:
    """SFC64 seeded with three words of a seed sequence.

    pool : IN [POOL]; state : OUT [4]
    """
    cdef uint32_t constant = 0x8B51F9DD
    cdef uint32_t word
    cdef Streams streams
    cdef Py_ssize_t i, _i
    state[0] = state[1] = state[2] = 0
    state[3] = 1
    for i in range(6):
        word = pool[i % POOL] ^ constant
        constant = constant * <uint32_t> 0x58F38DED
        word = word * constant
        state[i // 2] |= <uint64_t> (word ^ (word >> 16)) << (32 * (i % 2))
    load(&streams, 0, state)
    for _i in range(ROUNDS):
        next_in_one(&streams, 0)
    store(&streams, 0, state)
