"""Thompson recall: one noisy memory of each action, the softened choice (Eq. 2, A.1), and its score (Eq. 5, A.2).

One short loop over the lanes for every few operations: a processor overlaps the iterations of a short loop, and waits
for most of a long one, whose operations depend on each other.
"""

from .elementary cimport power_of_two, uniform
from .lanes cimport LANES, Recall, Streams, in_, out, score_of, sigma_of
from .normals cimport draw_normals, draw_radii
from .stream cimport next_in_all, raw_out

cdef extern from *:
    "#define SM_ABSENT -1e200 /* the q of an action that a state does not have: never chosen */"
    const double ABSENT "SM_ABSENT"


cdef inline void draw_memory(in_ q, in_ sigma, in_ zeta, out memory) noexcept nogil:
    """q̃ = q̄ + ζσ (Eq. 2) of one action.

    q, sigma, zeta : IN [lane]; memory : OUT [lane]
    """
    cdef int lane
    for lane in range(LANES):
        memory[lane] = q[lane] + zeta[lane] * sigma[lane]


cdef inline void keep_larger(in_ memory, out largest) noexcept nogil:
    """The largest q̃ so far.

    memory : IN [lane]; largest : IN and OUT [lane]
    """
    cdef int lane
    for lane in range(LANES):
        largest[lane] = memory[lane] if memory[lane] > largest[lane] else largest[lane]


cdef inline void scale_logits(in_ beta, in_ lowest, in_ largest, out exponent) noexcept nogil:
    """β(q̃ − max q̃) / ln 2 of one action, no less than −960.

    Below 2^-960, which is 1e-289, products with the weight may be too small for a normal number, and such are slow.

    beta, lowest : IN [lane], β / ln 2 and −960; largest : IN [lane]; exponent : IN q̃, OUT exponent of 2 [lane]
    """
    cdef int lane
    cdef double power
    for lane in range(LANES):
        power = beta[lane] * (exponent[lane] - largest[lane])
        exponent[lane] = power if power > lowest[lane] else lowest[lane]


cdef inline void exponentiate(out weight, out total) noexcept nogil:
    """exp β(q̃ − max q̃) of one action, and the sum so far (A.1).

    weight : IN exponent of 2, OUT [lane]; total : IN and OUT [lane]
    """
    cdef int lane
    for lane in range(LANES):
        weight[lane] = power_of_two(weight[lane])
        total[lane] = total[lane] + weight[lane]


cdef inline void choose(in_ weight, in_ target, out below, out beyond, out choice) noexcept nogil:
    """Whether the choice lies beyond an action: the target is not below the weights up to this one.

    weight, target : IN [lane]; below, choice : IN and OUT [lane]; beyond : OUT [lane], 1 or 0
    """
    cdef int lane
    for lane in range(LANES):
        below[lane] = below[lane] + weight[lane]
        beyond[lane] = 1.0 if below[lane] <= target[lane] else 0.0
        choice[lane] = choice[lane] + beyond[lane]


cdef inline void one_hot(in_ beyond, in_ before, in_ q, out chosen, out value) noexcept nogil:
    """1[a chosen] of one action, and q̄ of the chosen one so far.

    The chosen action is the one that the choice is not beyond, while it is beyond the action before.

    beyond, before, q : IN [lane]; chosen : OUT [lane]; value : IN and OUT [lane]
    """
    cdef int lane
    for lane in range(LANES):
        chosen[lane] = before[lane] - beyond[lane]
        value[lane] = value[lane] + chosen[lane] * q[lane]


cdef inline void score(in_ chosen, in_ psi, in_ share, in_ zeta, out p, out scores) noexcept nogil:
    """Ψ ζ_a (1[a chosen] − p_a) of one action: Ψ ∂log π/∂σ(s,a) (Eqs. 4, 5), but for β.

    chosen, psi, share, zeta : IN [lane]; p : IN weight, OUT probability [lane]; scores : OUT [lane]
    """
    cdef int lane
    for lane in range(LANES):
        p[lane] = p[lane] * share[lane]
        scores[lane] = psi[lane] * (zeta[lane] * (chosen[lane] - p[lane]))


cdef inline void recall(Recall* tick, Streams* streams, raw_out raw, out scratch, Py_ssize_t n_actions) noexcept nogil:
    """One noisy recall in every lane: memories drawn, probabilities, an action chosen from them, and its score.

    The limit β → ∞ of A.1 is taken with a β so large that the softmax is the argmax. To work in: raw [pairs + 1][lane],
    scratch [2 actions + 1 + 3 pairs][lane], with a pair for every two actions or last one.
    """
    cdef Py_ssize_t i, n_pairs = (n_actions + 1) // 2
    cdef double* beyond = scratch  # [action + 1][lane], beyond[0] is before the first action
    cdef double* chosen = beyond + (n_actions + 1) * LANES
    cdef double* zeta = chosen + n_actions * LANES
    cdef double* radius = zeta + 2 * n_pairs * LANES
    cdef double* sigma = sigma_of(tick, n_actions)
    cdef double* scores = score_of(tick, n_actions)
    cdef double largest[LANES]
    cdef double total[LANES]
    cdef double share[LANES]
    cdef double target[LANES]
    cdef double below[LANES]
    cdef double value[LANES]
    cdef double psi[LANES]
    cdef int lane
    for i in range(n_pairs + 1):
        next_in_all(streams, raw + i * LANES)
    for i in range(n_pairs):
        draw_radii(raw + i * LANES, radius + i * LANES)
    for i in range(n_pairs):
        draw_normals(raw + i * LANES, radius + i * LANES, zeta + 2 * i * LANES)
    for lane in range(LANES):
        total[lane] = 0.0
        below[lane] = 0.0
        value[lane] = 0.0
        tick.choice[lane] = 0.0
        beyond[lane] = 1.0
        beyond[n_actions * LANES + lane] = 0.0
    for i in range(n_actions):
        draw_memory(tick.q + i * LANES, sigma + i * LANES, zeta + i * LANES, tick.p + i * LANES)
    for lane in range(LANES):
        largest[lane] = tick.p[lane]
    for i in range(1, n_actions):
        keep_larger(tick.p + i * LANES, largest)
    for i in range(n_actions):
        scale_logits(tick.beta, tick.lowest, largest, tick.p + i * LANES)
    for i in range(n_actions):
        exponentiate(tick.p + i * LANES, total)
    for lane in range(LANES):
        # what is added changes no target but 0, which lies below the weight of an action that a state does not have
        target[lane] = uniform(raw[n_pairs * LANES + lane]) * total[lane] + 1e-280
        share[lane] = 1.0 / total[lane]
    for i in range(n_actions - 1):
        choose(tick.p + i * LANES, target, below, beyond + (i + 1) * LANES, tick.choice)
    for i in range(n_actions):
        one_hot(beyond + (i + 1) * LANES, beyond + i * LANES, tick.q + i * LANES, chosen + i * LANES, value)
    for lane in range(LANES):
        psi[lane] = tick.immediate[lane] * value[lane] - tick.baseline[lane]
    for i in range(n_actions):
        score(chosen + i * LANES, psi, share, zeta + i * LANES, tick.p + i * LANES, scores + i * LANES)
