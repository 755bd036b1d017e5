"""Thompson recall: one noisy memory of each action, the softened choice, and its score (Eq. 2, Eq. 5, A.1)."""

from libc.math cimport sqrt
from libc.stdint cimport uint64_t

from .elementary cimport (
    SIGN, Bits, cosine_quarter, exponential, logarithm, positive_uniform, sine_quarter, uniform,
)
from .lanes cimport LANES, Recall, Streams, in_, out
from .stream cimport next_in_all

cdef extern from *:
    """
    #define SM_ABSENT -1e300 /* the q of an action that a state does not have: never chosen, and 0 * it is 0 */
    """
    const double ABSENT "SM_ABSENT"


cdef inline void normal_pair(const uint64_t* raw, out first, out second) noexcept nogil:
    """Box-Muller: two independent standard normals in every lane.

    raw : IN [2][lane]; the angle's two upper bits pick its quadrant
    first, second : OUT [lane]
    """
    cdef int lane
    cdef Bits angle, x, y
    cdef uint64_t word, swap
    cdef double radius, turn
    for lane in range(LANES):
        radius = sqrt(-2.0 * logarithm(positive_uniform(raw[lane])))
        word = raw[LANES + lane]
        turn = uniform(word << 2) - 0.5
        x.real = radius * cosine_quarter(turn)
        y.real = radius * sine_quarter(turn)
        swap = (x.word ^ y.word) & (0 - (word >> 63))
        x.word ^= swap ^ ((word << 1) & SIGN)
        y.word ^= swap ^ ((word << 1) & SIGN)
        first[lane] = x.real
        second[lane] = y.real


cdef inline void recalled(in_ q, in_ sigma, in_ zeta, out memory, double* largest) noexcept nogil:
    """q̃ = q̄ + ζσ (Eq. 2), and the largest so far."""
    cdef int lane
    for lane in range(LANES):
        memory[lane] = q[lane] + zeta[lane] * sigma[lane]
        largest[lane] = memory[lane] if memory[lane] > largest[lane] else largest[lane]


cdef inline void weight(in_ beta, in_ largest, out p, double* total) noexcept nogil:
    """exp β(q̃ − max q̃), in place, and the sum so far (A.1)."""
    cdef int lane
    for lane in range(LANES):
        p[lane] = exponential(beta[lane] * (p[lane] - largest[lane]))
        total[lane] = total[lane] + p[lane]


cdef inline void normalise(in_ q, in_ total, in_ target, out p, double* below, double* choice,
                           double* expected) noexcept nogil:
    """Probabilities, the action whose share of the total holds the target, and Σ p q̄."""
    cdef int lane
    for lane in range(LANES):
        below[lane] = below[lane] + p[lane]
        choice[lane] = choice[lane] + (1.0 if below[lane] <= target[lane] else 0.0)
        p[lane] = p[lane] / total[lane]
        expected[lane] = expected[lane] + p[lane] * q[lane]


cdef inline void summarise(double action, in_ q, in_ choice, double* chosen, double* total, double* count) noexcept nogil:
    """q̄ of the chosen action, and Σ q̄ over the actions that the state has."""
    cdef int lane
    for lane in range(LANES):
        chosen[lane] = q[lane] if choice[lane] == action else chosen[lane]
        total[lane] = total[lane] + (q[lane] if q[lane] > 0.5 * ABSENT else 0.0)
        count[lane] = count[lane] + (1.0 if q[lane] > 0.5 * ABSENT else 0.0)


cdef inline void log_policy_gradient(double action, in_ beta, in_ zeta, in_ p, in_ choice, in_ psi,
                                     out score) noexcept nogil:
    """Ψ ∂log π(a|s)/∂σ(s,a') = Ψ β ζ_a' (1[a' = a] − p_a') (Eq. 5, A.3)."""
    cdef int lane
    for lane in range(LANES):
        score[lane] = psi[lane] * (beta[lane] * zeta[lane] * ((1.0 if choice[lane] == action else 0.0) - p[lane]))


cdef inline void recall(Recall* tick, Streams* streams, Py_ssize_t n_actions) noexcept nogil:
    """One noisy recall in every lane: memories drawn, an action chosen from the softmax, its score.

    The limit β → ∞ of A.1 is taken with a β so large that the softmax is the argmax.
    """
    cdef double largest[LANES]
    cdef double total[LANES]
    cdef double target[LANES]
    cdef double below[LANES]
    cdef double chosen[LANES]
    cdef double sum_q[LANES]
    cdef double count[LANES]
    cdef double psi[LANES]
    cdef Py_ssize_t n_pairs = (n_actions + 1) // 2
    cdef Py_ssize_t i, a
    cdef int lane
    for i in range(2 * n_pairs + 1):
        next_in_all(streams, tick.raw + i * LANES)
    for i in range(n_pairs):
        normal_pair(tick.raw + 2 * i * LANES, tick.zeta + 2 * i * LANES, tick.zeta + (2 * i + 1) * LANES)
    for lane in range(LANES):
        largest[lane] = ABSENT
        total[lane] = 0.0
        below[lane] = 0.0
        chosen[lane] = 0.0
        sum_q[lane] = 0.0
        count[lane] = 0.0
        tick.choice[lane] = 0.0
        tick.expected_q[lane] = 0.0
    for a in range(n_actions):
        i = a * LANES
        recalled(tick.q + i, tick.sigma + i, tick.zeta + i, tick.p + i, largest)
    for a in range(n_actions):
        weight(tick.beta, largest, tick.p + a * LANES, total)
    for lane in range(LANES):
        target[lane] = uniform(tick.raw[2 * n_pairs * LANES + lane]) * total[lane]
    for a in range(n_actions):
        i = a * LANES
        normalise(tick.q + i, total, target, tick.p + i, below, tick.choice, tick.expected_q)
    for a in range(n_actions):
        summarise(a, tick.q + a * LANES, tick.choice, chosen, sum_q, count)
    for lane in range(LANES):
        psi[lane] = tick.psi_q[lane] * chosen[lane] - tick.psi_mean[lane] * (sum_q[lane] / count[lane])
        psi[lane] = psi[lane] + tick.psi_one[lane]
    for a in range(n_actions):
        i = a * LANES
        log_policy_gradient(a, tick.beta, tick.zeta + i, tick.p + i, tick.choice, psi, tick.score + i)
