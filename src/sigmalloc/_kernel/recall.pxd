"""Thompson recall: one noisy memory of each action, the softened choice (Eq. 2, A.1), and its score (Eq. 5, A.2).

One short loop over the lanes for every few operations: a processor overlaps the iterations of a short loop, and waits
for most of a long one, whose operations depend on each other.
"""

from libc.math cimport sqrt
from libc.stdint cimport uint64_t

from .elementary cimport ONE, SIGN, Bits, cosine_quarter, logarithm, power_of_two, sine_quarter, uniform
from .lanes cimport LANES, Recall, Streams, in_, out
from .stream cimport next_in_all, raw_in, raw_out

cdef extern from *:
    """
    #define SM_ABSENT -1e200 /* the q of an action that a state does not have: never chosen */
    #define SM_RADIUS_BITS 0x000FFFFFFFFFC000ULL /* the upper 38 bits of a raw output, as a mantissa */
    """
    const double ABSENT "SM_ABSENT"
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
    cdef Bits x, y
    cdef uint64_t swap
    cdef double turn
    for lane in range(LANES):
        turn = uniform(raw[lane] << 40) - 0.4999999701976776  # ½ − 2^-25
        x.real = radius[lane] * cosine_quarter(turn)
        y.real = radius[lane] * sine_quarter(turn)
        swap = (x.word ^ y.word) & (0 - ((raw[lane] >> 25) & 1))
        x.word = x.word ^ swap ^ ((raw[lane] << 39) & SIGN)
        y.word = y.word ^ swap ^ ((raw[lane] << 39) & SIGN)
        zeta[lane] = x.real
        zeta[LANES + lane] = y.real


cdef inline void remember(in_ q, in_ sigma, in_ zeta, out memory, out largest) noexcept nogil:
    """q̃ = q̄ + ζσ (Eq. 2) of one action, and the largest so far.

    q, sigma, zeta : IN [lane]; memory : OUT [lane]; largest : IN and OUT [lane]
    """
    cdef int lane
    for lane in range(LANES):
        memory[lane] = q[lane] + zeta[lane] * sigma[lane]
        largest[lane] = memory[lane] if memory[lane] > largest[lane] else largest[lane]


cdef inline void weigh(in_ sharpness, in_ largest, out weight, out total) noexcept nogil:
    """exp β(q̃ − max q̃) of one action, and the sum so far (A.1).

    Below 2^-960, which is 1e-289, products with the weight may be too small for a normal number, and such are slow.

    sharpness : IN [lane], β / ln 2; largest : IN [lane]; weight : IN q̃, OUT [lane]; total : IN and OUT [lane]
    """
    cdef int lane
    cdef double exponent
    for lane in range(LANES):
        exponent = sharpness[lane] * (weight[lane] - largest[lane])
        weight[lane] = power_of_two(exponent if exponent > -960.0 else -960.0)
        total[lane] = total[lane] + weight[lane]


cdef inline void choose(in_ q, in_ weight, in_ target, out below, out chosen, out choice) noexcept nogil:
    """Go on to the next action where the target is not below the weights up to this one.

    q : IN [lane], of the next action; weight, target : IN [lane]; below, chosen, choice : IN and OUT [lane]
    """
    cdef int lane
    cdef double following
    for lane in range(LANES):
        following = q[lane]
        below[lane] = below[lane] + weight[lane]
        choice[lane] = choice[lane] + (1.0 if below[lane] <= target[lane] else 0.0)
        chosen[lane] = following if below[lane] <= target[lane] else chosen[lane]


cdef inline void score(double action, in_ choice, in_ psi, in_ share, in_ zeta, out p, out row) noexcept nogil:
    """Ψ ζ_a (1[a chosen] − p_a) of one action: Ψ ∂log π/∂σ(s,a) (Eqs. 4, 5), but for β.

    choice, psi, share, zeta : IN [lane]; p : IN weight, OUT probability [lane]; row : OUT [lane]
    """
    cdef int lane
    for lane in range(LANES):
        p[lane] = p[lane] * share[lane]
        row[lane] = psi[lane] * (zeta[lane] * ((1.0 if choice[lane] == action else 0.0) - p[lane]))


cdef inline void rows_to_columns(in_ rows, out columns, Py_ssize_t n_actions) noexcept nogil:
    """rows : IN [lane][action]; columns : OUT [action][lane]"""
    cdef Py_ssize_t a
    cdef int lane
    for lane in range(LANES):
        for a in range(n_actions):
            columns[a * LANES + lane] = rows[lane * n_actions + a]


cdef inline void columns_to_rows(in_ columns, out rows, Py_ssize_t n_actions) noexcept nogil:
    """columns : IN [action][lane]; rows : OUT [lane][action]"""
    cdef Py_ssize_t a
    cdef int lane
    for lane in range(LANES):
        for a in range(n_actions):
            rows[lane * n_actions + a] = columns[a * LANES + lane]


cdef inline void recall(Recall* tick, Streams* streams, raw_out raw, out room, Py_ssize_t n_actions) noexcept nogil:
    """One noisy recall in every lane: memories drawn, probabilities, an action chosen from them, and its score.

    The limit β → ∞ of A.1 is taken with a β so large that the softmax is the argmax. To work in: raw [pairs + 1][lane],
    room [3 actions + 3 pairs][lane], with a pair for every two actions or last one.
    """
    cdef Py_ssize_t i, n_pairs = (n_actions + 1) // 2
    cdef double* q = room
    cdef double* sigma = q + n_actions * LANES
    cdef double* scores = sigma + n_actions * LANES
    cdef double* zeta = scores + n_actions * LANES
    cdef double* radius = zeta + 2 * n_pairs * LANES
    cdef double largest[LANES]
    cdef double total[LANES]
    cdef double share[LANES]
    cdef double target[LANES]
    cdef double below[LANES]
    cdef double chosen[LANES]
    cdef double psi[LANES]
    cdef int lane
    for i in range(n_pairs + 1):
        next_in_all(streams, raw + i * LANES)
    for i in range(n_pairs):
        draw_radii(raw + i * LANES, radius + i * LANES)
    for i in range(n_pairs):
        draw_normals(raw + i * LANES, radius + i * LANES, zeta + 2 * i * LANES)
    rows_to_columns(tick.q, q, n_actions)
    rows_to_columns(tick.sigma, sigma, n_actions)
    for lane in range(LANES):
        largest[lane] = ABSENT
        total[lane] = 0.0
        below[lane] = 0.0
        chosen[lane] = q[lane]
        tick.choice[lane] = 0.0
    for i in range(n_actions):
        remember(q + i * LANES, sigma + i * LANES, zeta + i * LANES, tick.p + i * LANES, largest)
    for i in range(n_actions):
        weigh(tick.sharpness, largest, tick.p + i * LANES, total)
    for lane in range(LANES):
        target[lane] = uniform(raw[n_pairs * LANES + lane]) * total[lane]
        share[lane] = 1.0 / total[lane]
    for i in range(n_actions - 1):
        choose(q + (i + 1) * LANES, tick.p + i * LANES, target, below, chosen, tick.choice)
    for lane in range(LANES):
        psi[lane] = tick.stake[lane] * chosen[lane] - tick.baseline[lane]
    for i in range(n_actions):
        score(<double> i, tick.choice, psi, share, zeta + i * LANES, tick.p + i * LANES, scores + i * LANES)
    columns_to_rows(scores, tick.score, n_actions)
