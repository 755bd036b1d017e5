"""Thompson recall: one noisy memory of each action, the softened choice (Eq. 2, A.1).

Actions are handled two at a time, because Box-Muller makes normals in pairs; an odd last action has an absent partner.
"""

from libc.math cimport sqrt
from libc.stdint cimport uint64_t

from .elementary cimport ONE, SIGN, Bits, cosine_quarter, logarithm, power_of_two, sine_quarter, uniform
from .lanes cimport LANES, Recall, Streams, in_, out
from .stream cimport next_in_all

cdef extern from *:
    """
    #define SM_ABSENT -1e200 /* the q of an action that a state does not have: never chosen, and e^-708 times it is 0 */
    #define SM_RADIUS_BITS 0x000FFFFFFFFFC000ULL /* the upper 38 bits of a raw output, as a mantissa */
    """
    const double ABSENT "SM_ABSENT"
    const uint64_t RADIUS_BITS "SM_RADIUS_BITS"


cdef inline void normal_pair(uint64_t raw, double* first, double* second) noexcept nogil:
    """Box-Muller: two independent standard normals from one raw output.

    Its upper 38 bits are the radius (up to 7.35 standard deviations), the next two the quadrant, the last 24 the angle.
    """
    cdef Bits u, x, y
    cdef uint64_t swap
    cdef double radius, turn
    u.word = ((raw >> 12) & RADIUS_BITS) | ONE
    radius = sqrt(-2.0 * logarithm(1.999999999998181 - u.real))  # 2 − 2^-39: the middle of each step
    turn = uniform(raw << 40) - 0.4999999701976776  # ½ − 2^-25
    x.real = radius * cosine_quarter(turn)
    y.real = radius * sine_quarter(turn)
    swap = (x.word ^ y.word) & (0 - ((raw >> 25) & 1))
    x.word = x.word ^ swap ^ ((raw << 39) & SIGN)
    y.word = y.word ^ swap ^ ((raw << 39) & SIGN)
    first[0] = x.real
    second[0] = y.real


cdef inline void remember(const uint64_t* raw, in_ q, in_ sigma, out zeta, out memory, double* largest) noexcept nogil:
    """q̃ = q̄ + ζσ (Eq. 2) of two actions, and the largest so far.

    raw : IN [lane]; q, sigma : IN [2][lane]; zeta, memory : OUT [2][lane]; largest : IN and OUT [lane]
    """
    cdef int lane
    cdef double first, second, best
    for lane in range(LANES):
        normal_pair(raw[lane], &first, &second)
        zeta[lane] = first
        zeta[LANES + lane] = second
        first = q[lane] + first * sigma[lane]
        second = q[LANES + lane] + second * sigma[LANES + lane]
        memory[lane] = first
        memory[LANES + lane] = second
        best = first if first > second else second
        largest[lane] = best if best > largest[lane] else largest[lane]


cdef inline void weigh(in_ sharpness, in_ largest, out p, double* total) noexcept nogil:
    """exp β(q̃ − max q̃) of two actions, and the sum so far (A.1).

    sharpness : IN [lane], β / ln 2; p : IN q̃, OUT weight [2][lane]; total : IN and OUT [lane]
    """
    cdef int lane
    for lane in range(LANES):
        p[lane] = power_of_two(sharpness[lane] * (p[lane] - largest[lane]))
        p[LANES + lane] = power_of_two(sharpness[lane] * (p[LANES + lane] - largest[lane]))
        total[lane] = (total[lane] + p[lane]) + p[LANES + lane]


cdef inline void choose(in_ beta, in_ target, in_ inverse_total, out p, out zeta, out expected,
                        double* below, double* choice) noexcept nogil:
    """Probabilities of two actions, and how many actions lie wholly below the target: the chosen one's number.

    p : IN weight, OUT probability [2][lane]; zeta : IN ζ, OUT βζ [2][lane]; expected : OUT βζp
    [2][lane]; below, choice : IN and OUT [lane]
    """
    cdef int lane
    cdef double first, second
    for lane in range(LANES):
        first = below[lane] + p[lane]
        second = first + p[LANES + lane]
        choice[lane] = choice[lane] + (1.0 if first <= target[lane] else 0.0) + (1.0 if second <= target[lane] else 0.0)
        below[lane] = second
        p[lane] = p[lane] * inverse_total[lane]
        p[LANES + lane] = p[LANES + lane] * inverse_total[lane]
        zeta[lane] = beta[lane] * zeta[lane]
        zeta[LANES + lane] = beta[lane] * zeta[LANES + lane]
        expected[lane] = zeta[lane] * p[lane]
        expected[LANES + lane] = zeta[LANES + lane] * p[LANES + lane]


cdef inline void recall(Recall* tick, Streams* streams, Py_ssize_t n_pairs) noexcept nogil:
    """One noisy recall in every lane: memories drawn, probabilities, and an action chosen from them.

    The limit β → ∞ of A.1 is taken with a β so large that the softmax is the argmax.
    """
    cdef double largest[LANES]
    cdef double total[LANES]
    cdef double inverse_total[LANES]
    cdef double target[LANES]
    cdef double below[LANES]
    cdef Py_ssize_t i, pair
    cdef int lane
    for i in range(n_pairs + 1):
        next_in_all(streams, tick.raw + i * LANES)
    for lane in range(LANES):
        largest[lane] = ABSENT
        total[lane] = 0.0
        below[lane] = 0.0
        tick.choice[lane] = 0.0
    for i in range(n_pairs):
        pair = 2 * i * LANES
        remember(tick.raw + i * LANES, tick.q + pair, tick.sigma + pair, tick.beta_zeta + pair, tick.p + pair, largest)
    for i in range(n_pairs):
        weigh(tick.sharpness, largest, tick.p + 2 * i * LANES, total)
    for lane in range(LANES):
        target[lane] = uniform(tick.raw[n_pairs * LANES + lane]) * total[lane]
        inverse_total[lane] = 1.0 / total[lane]
    for i in range(n_pairs):
        pair = 2 * i * LANES
        choose(tick.beta, target, inverse_total, tick.p + pair, tick.beta_zeta + pair, tick.expected + pair, below,
               tick.choice)
