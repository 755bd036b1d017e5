"""The loop over a subject's rows, eight parameter sets side by side. Included by the module of each build."""

from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport fabs, sqrt
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from .elementary cimport uniform
from .lanes cimport EACH, LANES, MEAN_BASELINE, NOW, NO_UPDATE, PATH_RETURN, SPREAD, Streams, USAGE, in_, out
from .likelihood cimport (
    BETA, BETA_RATE, Bundle, CARRIED, ChoiceData, Course, DISCOUNT, EXPERIENCE, FitSetting, LAM, LAPSE, NEW, NODE,
    NODES, NODE_WEIGHT, PARAMETERS, Q_INIT, RATE_Q, RATE_SIGMA, REPLAY, SIGMA_0, SIGMA_BASE, SIGMA_MAX, SIGMA_MIN,
    STICKINESS, Scratch, add_pair, add_share, allocate_each, below_of_two, below_panel, difference, learn_option,
    log_hard, log_term, pull_hard, recall_situation, slope_of_two,
)
from .precise cimport bell, bounded, normal_below, precise_exponential, precise_logarithm
from .soft_recall cimport TERMS, below_soft, expand, rule_of
from .stream cimport load, next_in_all

cdef extern from *:
    """
    #define SM_REACH 8.4 /* standard deviations; Phi(-8.4) = 2e-17 */
    #define SM_FLOOR 1e-7 /* of the range of the largest recall; an error of its square */
    #define SM_LARGEST 1e100 /* of payoffs and known numbers, as _checks.LARGEST */
    #define SM_ROUNDING 1e-9 /* by which probabilities may exceed 1 */
    """
    const double REACH "SM_REACH"
    const double FLOOR "SM_FLOOR"
    const double LARGEST "SM_LARGEST"
    const double ROUNDING "SM_ROUNDING"


cdef enum:
    SLICE_OF_WORK = 16384  # situations of two options, eight parameter sets each, after which signals are looked at


cdef inline double soft_high(double s) noexcept nogil:
    """Where 1 − G(y; s) < 1e-15, in units of 1/β."""
    cdef double least = 4.0 + REACH * s, tail = 36.0 + 0.5 * (s * s) if s < REACH else 0.0
    return least if least > tail else tail


cdef void span(const double* value, const double* deviation, Py_ssize_t n, bint soft, double* low,
               double* high) noexcept nogil:
    """Ends of the integral over the largest recall: the highest of the recalls' lower ends, and of their upper ends."""
    cdef Py_ssize_t i
    cdef int lane
    cdef double s, lower, upper
    for i in range(n * LANES):
        lane, s = i % LANES, deviation[i]
        lower = value[i] - (REACH * s + (3.7 if soft else 0.0))
        upper = value[i] + (soft_high(s) if soft else REACH * s)
        low[lane] = lower if i < LANES or lower > low[lane] else low[lane]
        high[lane] = upper if i < LANES or upper > high[lane] else high[lane]


cdef void integrate(const Bundle* bundle, const FitSetting* setting, Scratch* scratch, Py_ssize_t n,
                    bint derivatives) noexcept nogil:
    """P for any number of options, and pairs[a][b] = ∂P_a/∂σ_b for a ≠ b.

    Panels start where the last recall begins to matter, so the width of one is bounded by the narrowest recall that has
    not ended there. A lane whose integral is over adds panels of no width. The soft policy's recalls are in units of
    1/β. Of what it is given, u stays; σ is used up.
    """
    cdef Py_ssize_t a, b, i, j
    cdef int lane
    cdef bint going = True, soft = not setting.hard
    cdef double low[LANES]
    cdef double high[LANES]
    cdef double top[LANES]
    cdef double extent[LANES]
    cdef double largest[LANES]
    cdef double x[LANES]
    cdef double at[LANES]
    cdef double width[LANES]
    cdef double joint[LANES]
    cdef double share[LANES]
    cdef double total[LANES]
    cdef double scale[LANES]
    cdef double s, most
    for lane in range(LANES):
        scale[lane] = bundle.p[BETA * LANES + lane] if soft else 1.0
        x[lane] = total[lane] = 0.0
    for i in range(n * LANES):
        scratch.shifted[i] = scratch.value[i] * scale[i % LANES]
        scratch.deviation[i] = scratch.deviation[i] * scale[i % LANES]
    span(scratch.shifted, scratch.deviation, n, soft, low, high)
    for lane in range(LANES):
        extent[lane] = high[lane] - low[lane]
        largest[lane] = scratch.shifted[lane]
    for i in range(n * LANES):
        lane = i % LANES
        s = FLOOR * extent[lane]
        # nothing is uncertain: any deviation will do
        scratch.deviation[i] = 1.0 if extent[lane] <= 0.0 else (s if s > scratch.deviation[i] else scratch.deviation[i])
        largest[lane] = scratch.shifted[i] if scratch.shifted[i] > largest[lane] else largest[lane]
    span(scratch.shifted, scratch.deviation, n, soft, low, high)
    for lane in range(LANES):
        top[lane] = high[lane] - low[lane] if extent[lane] > 0.0 else 0.0
    for i in range(n * LANES):
        lane, s = i % LANES, scratch.deviation[i]
        scratch.probability[i] = 0.0
        if extent[lane] <= 0.0:
            scratch.certain[i] = 1.0 if scratch.shifted[i] == largest[lane] else 0.0
        scratch.shifted[i] = scratch.shifted[i] - low[lane]
        scratch.precision[i] = 1.0 / s
        if soft:
            scratch.middle[i] = scratch.shifted[i] + (4.0 + REACH * s)
            scratch.end[i] = scratch.shifted[i] + soft_high(s)
            scratch.step[i] = (7.7 + 2.0 * (REACH * s)) / 2.0
            scratch.tail[i] = (scratch.end[i] - scratch.middle[i]) / 2.0
        else:
            scratch.middle[i] = scratch.end[i] = scratch.shifted[i] + REACH * s
            scratch.step[i] = scratch.tail[i] = REACH * s
    for i in range(n * n * LANES):
        scratch.pairs[i] = 0.0
    if soft:
        for a in range(n):
            scratch.present[a] = 0
            for i in range(a * LANES, (a + 1) * LANES):
                scratch.rules[i] = rule_of(scratch.deviation[i])
                scratch.present[a] |= 1 << rule_of(scratch.deviation[i])
            expand(scratch.precision + a * LANES, scratch.series + a * 3 * TERMS * LANES)
    while going:
        for lane in range(LANES):
            width[lane] = top[lane] - x[lane]
            width[lane] = width[lane] if width[lane] > 0.0 else 0.0
        for i in range(n * LANES):
            lane = i % LANES
            most = scratch.step[i] if x[lane] < scratch.middle[i] else scratch.tail[i]
            if x[lane] < scratch.end[i] and most < width[lane]:
                width[lane] = most
        for j in range(NODES):
            for lane in range(LANES):
                at[lane] = x[lane] + width[lane] * NODE[j]
                joint[lane] = width[lane] * NODE_WEIGHT[j]
            for a in range(n):
                i = a * LANES
                if soft:
                    below_soft(at, scratch.shifted + i, scratch.deviation + i, scratch.precision + i, scratch.rules + i,
                               scratch.present[a], scratch.series + a * 3 * TERMS * LANES, joint, scratch.rate + i,
                               scratch.bend + i)
                else:
                    below_panel(at, scratch.shifted + i, scratch.precision + i, joint, scratch.rate + i,
                                scratch.bend + i)
            for a in range(n):
                add_share(joint, scratch.rate + a * LANES, share, scratch.probability + a * LANES)
                if derivatives:
                    for b in range(n):
                        add_pair(share, scratch.bend + b * LANES, scratch.pairs + (a * n + b) * LANES)
        going = False
        for lane in range(LANES):
            x[lane] = x[lane] + width[lane]
            going = going or x[lane] < top[lane]
    for i in range(n * LANES):
        lane = i % LANES
        if extent[lane] <= 0.0:
            scratch.probability[i] = scratch.certain[i]
        total[lane] = total[lane] + scratch.probability[i]
    for i in range(n * LANES):
        scratch.probability[i] = scratch.probability[i] / total[i % LANES]
    if derivatives:
        for a in range(n):
            for b in range(n):
                for lane in range(LANES):
                    i = (a * n + b) * LANES + lane
                    scratch.pairs[i] = (scratch.deviation[b * LANES + lane] * scratch.pairs[i]) * scale[lane]


cdef void choose_by_softmax(const Bundle* bundle, Scratch* scratch, Py_ssize_t n) noexcept nogil:
    """exp(β u_a) / Σ exp(β u)."""
    cdef Py_ssize_t a, i
    cdef int lane
    cdef double largest[LANES]
    cdef double total[LANES]
    cdef double exponent
    for lane in range(LANES):
        largest[lane] = scratch.value[lane]
        total[lane] = 0.0
    for i in range(LANES, n * LANES):
        lane = i % LANES
        largest[lane] = scratch.value[i] if scratch.value[i] > largest[lane] else largest[lane]
    for a in range(n):
        for lane in range(LANES):
            exponent = bundle.beta[lane] * (scratch.value[a * LANES + lane] - largest[lane])
            exponent = -690.0 if -690.0 > exponent else exponent
            scratch.probability[a * LANES + lane] = precise_exponential(exponent)
            total[lane] = total[lane] + scratch.probability[a * LANES + lane]
    for a in range(n):
        for lane in range(LANES):
            scratch.probability[a * LANES + lane] = scratch.probability[a * LANES + lane] / total[lane]


cdef inline void choice_probabilities(const Bundle* bundle, const FitSetting* setting, Scratch* scratch, Py_ssize_t n,
                                      Py_ssize_t first) noexcept nogil:
    """P of the n options whose u and σ are in the scratch; of two, that of ``first`` is the one computed."""
    cdef int lane
    cdef Py_ssize_t other = 1 - first
    cdef double gap[LANES]
    cdef double variance[LANES]
    cdef double below[LANES]
    if n == 1:
        for lane in range(LANES):
            scratch.probability[lane] = 1.0
    elif setting.softmax:
        choose_by_softmax(bundle, scratch, n)
    elif n > 2:
        integrate(bundle, setting, scratch, n, False)
    else:
        difference(scratch.value + first * LANES, scratch.value + other * LANES, scratch.deviation + first * LANES,
                   scratch.deviation + other * LANES, gap, variance)
        below_of_two(bundle, setting, gap, variance, below)
        for lane in range(LANES):
            scratch.probability[first * LANES + lane] = below[lane]
            scratch.probability[other * LANES + lane] = 1.0 - below[lane]


cdef inline void add_pull(const Bundle* bundle, const ChoiceData* data, Py_ssize_t s, const Scratch* scratch,
                          in_ pull) noexcept nogil:
    """∇_b −= σ_b · pull for the memories of a situation of two options."""
    cdef int lane
    cdef Py_ssize_t a
    cdef int64_t memory
    cdef double* gradient
    cdef const double* deviation
    for a in range(2):
        memory = data.memory[s * data.n_options + a]
        if memory >= 0:
            gradient, deviation = bundle.gradient + memory * LANES, scratch.deviation + a * LANES
            for lane in range(LANES):
                gradient[lane] = gradient[lane] - deviation[lane] * pull[lane]


cdef inline void vectors_of(const Bundle* bundle, const ChoiceData* data, Scratch* scratch, Py_ssize_t place,
                            Py_ssize_t a, double** q, double** sigma, double** gradient) noexcept nogil:
    """q̄, σ and gradient of an option, where they are; of one without a memory, 0, its noise, and room for nothing."""
    cdef int lane
    cdef int64_t memory = data.memory[place]
    if memory >= 0:
        q[0], sigma[0] = bundle.q + memory * LANES, bundle.sigma + memory * LANES
        gradient[0] = bundle.gradient + memory * LANES
        return
    q[0], sigma[0], gradient[0] = scratch.nothing, scratch.deviation + a * LANES, scratch.unused + a * LANES
    for lane in range(LANES):
        sigma[0][lane] = data.known_sigma[place]


cdef inline void add_hard_pair(const Bundle* bundle, const ChoiceData* data, Scratch* scratch, Py_ssize_t s,
                               double weight) noexcept nogil:
    """`add_expected` for two options of the hard policy, all lanes with the same weight."""
    cdef Py_ssize_t place = s * data.n_options
    cdef double* q[2]
    cdef double* sigma[2]
    cdef double* gradient[2]
    vectors_of(bundle, data, scratch, place, 0, &q[0], &sigma[0], &gradient[0])
    vectors_of(bundle, data, scratch, place + 1, 1, &q[1], &sigma[1], &gradient[1])
    pull_hard(q[0], q[1], sigma[0], sigma[1], data.known[place], data.known[place + 1], weight, gradient[0],
              gradient[1])


cdef inline void score_hard_pair(const Bundle* bundle, const ChoiceData* data, Scratch* scratch, Py_ssize_t s,
                                 Py_ssize_t c, out term) noexcept nogil:
    """ln P of a choice between two options of the hard policy, lapses included."""
    cdef Py_ssize_t place = s * data.n_options
    cdef double* q[2]
    cdef double* sigma[2]
    cdef double* gradient[2]
    vectors_of(bundle, data, scratch, place + c, 0, &q[0], &sigma[0], &gradient[0])
    vectors_of(bundle, data, scratch, place + 1 - c, 1, &q[1], &sigma[1], &gradient[1])
    log_hard(q[0], q[1], sigma[0], sigma[1], data.known[place + c], data.known[place + 1 - c], bundle.p + LAPSE * LANES,
             term)


cdef bint remembers(const ChoiceData* data, Py_ssize_t s) noexcept nogil:
    """Whether any option of a situation has a memory."""
    cdef Py_ssize_t a
    for a in range(data.options[s]):
        if data.memory[s * data.n_options + a] >= 0:
            return True
    return False


cdef inline void add_expected(const Bundle* bundle, const ChoiceData* data, const FitSetting* setting, Scratch* scratch,
                              Py_ssize_t s, in_ weight) noexcept nogil:
    """weight · Σ_a u_a ∂P_a/∂σ_b for every memory b of a situation."""
    cdef int lane
    cdef Py_ssize_t a, b, n = recall_situation(bundle, data, s, scratch)
    cdef int64_t memory
    cdef double gap[LANES]
    cdef double variance[LANES]
    cdef double slope[LANES]
    cdef double pull[LANES]
    if n == 2:
        difference(scratch.value, scratch.value + LANES, scratch.deviation, scratch.deviation + LANES, gap, variance)
        slope_of_two(bundle, setting, gap, variance, slope)
        for lane in range(LANES):
            pull[lane] = (weight[lane] * gap[lane]) * slope[lane]
        add_pull(bundle, data, s, scratch, pull)
    elif n > 2 and remembers(data, s):
        integrate(bundle, setting, scratch, n, True)
        for b in range(n):
            memory = data.memory[s * data.n_options + b]
            if memory < 0:
                continue
            for lane in range(LANES):
                pull[lane] = 0.0
            for a in range(n):
                if a != b:
                    for lane in range(LANES):
                        pull[lane] = pull[lane] + (
                            scratch.value[a * LANES + lane] - scratch.value[b * LANES + lane]
                        ) * scratch.pairs[(a * n + b) * LANES + lane]
            for lane in range(LANES):
                bundle.gradient[memory * LANES + lane] = bundle.gradient[memory * LANES + lane] + (
                    weight[lane] * pull[lane]
                )


cdef void own_trajectory(const Bundle* bundle, const ChoiceData* data, const FitSetting* setting, const Course* course,
                         Scratch* scratch, Py_ssize_t row) noexcept nogil:
    """Σ_t Ψ_t ∂ln P_c/∂σ over the episode's rows: the person's own choices, with ζ integrated out."""
    cdef int lane
    cdef Py_ssize_t t, s, a, b, n, c
    cdef int64_t memory
    cdef double n_options
    cdef double ahead[LANES]
    cdef double psi[LANES]
    cdef double gap[LANES]
    cdef double variance[LANES]
    cdef double below[LANES]
    cdef double slope[LANES]
    cdef double pull[LANES]
    cdef double own[LANES]
    cdef double total
    for lane in range(LANES):
        ahead[lane] = 0.0
    if setting.credit != NOW:
        for t in range(row, course.begin - 1, -1):
            if data.choice[t] >= 0:
                for lane in range(LANES):
                    c = <Py_ssize_t> bundle.made[t * LANES + lane]
                    ahead[lane] = data.payoff[t * data.n_options + c] + bundle.p[DISCOUNT * LANES + lane] * ahead[lane]
                    scratch.returns[t * LANES + lane] = ahead[lane]
    for t in range(course.begin, row + 1):
        if data.choice[t] < 0:
            continue
        s = data.situation[t]
        n = recall_situation(bundle, data, s, scratch)
        if n == 1:
            continue
        n_options = <double> n
        for lane in range(LANES):
            c = <Py_ssize_t> bundle.made[t * LANES + lane]
            if setting.credit == PATH_RETURN:
                psi[lane] = ahead[lane]
            elif setting.credit != NOW:
                psi[lane] = scratch.returns[t * LANES + lane]
            else:
                psi[lane] = scratch.value[c * LANES + lane]
            if setting.mean_baseline:
                total = 0.0
                for a in range(n):
                    total = total + scratch.value[a * LANES + lane]
                psi[lane] = psi[lane] - total / n_options
        if n == 2:
            difference(scratch.value, scratch.value + LANES, scratch.deviation, scratch.deviation + LANES, gap,
                       variance)
            for lane in range(LANES):
                gap[lane] = gap[lane] if bundle.made[t * LANES + lane] == 0.0 else -gap[lane]
            below_of_two(bundle, setting, gap, variance, below)
            slope_of_two(bundle, setting, gap, variance, slope)
            for lane in range(LANES):
                pull[lane] = (psi[lane] * slope[lane]) / below[lane]
            add_pull(bundle, data, s, scratch, pull)
        elif remembers(data, s):
            integrate(bundle, setting, scratch, n, True)
            for lane in range(LANES):
                c = <Py_ssize_t> bundle.made[t * LANES + lane]
                below[lane] = scratch.probability[c * LANES + lane]
                below[lane] = 1e-280 if 1e-280 > below[lane] else below[lane]
                pull[lane] = psi[lane] / below[lane]
                own[lane] = 0.0
                for b in range(n):
                    if b != c:
                        own[lane] = own[lane] + scratch.pairs[(b * n + c) * LANES + lane]
                for b in range(n):
                    memory = data.memory[s * data.n_options + b]
                    if memory >= 0:
                        if b != c:
                            bundle.gradient[memory * LANES + lane] += (
                                pull[lane] * scratch.pairs[(c * n + b) * LANES + lane]
                            )
                        else:
                            bundle.gradient[memory * LANES + lane] -= pull[lane] * own[lane]


cdef void occupy(const Bundle* bundle, const ChoiceData* data, const FitSetting* setting,
                 Scratch* scratch) noexcept nogil:
    """d = (I − P_πᵀ)⁻¹ d₀ by elimination without pivots: the matrix is an M-matrix, its columns dominated."""
    cdef int lane
    cdef Py_ssize_t s, a, r, k, j, n, size = data.n_situations
    cdef double* m = scratch.matrix
    cdef double* d = scratch.occupancy
    cdef double factor[LANES]
    cdef double inverse[LANES]
    cdef double p
    memset(m, 0, size * size * LANES * sizeof(double))
    for s in range(size):
        for lane in range(LANES):
            m[(s * size + s) * LANES + lane] = 1.0
            d[s * LANES + lane] = data.start[s]
        if data.options[s] == 0:
            continue
        n = recall_situation(bundle, data, s, scratch)
        choice_probabilities(bundle, setting, scratch, n, 0)
        for a in range(n):
            for r in range(size):
                p = data.transition[(s * data.n_options + a) * size + r]
                for lane in range(LANES):
                    m[(r * size + s) * LANES + lane] -= scratch.probability[a * LANES + lane] * p
    for k in range(size):
        for lane in range(LANES):
            inverse[lane] = 1.0 / m[(k * size + k) * LANES + lane]
        for r in range(k + 1, size):
            for lane in range(LANES):
                factor[lane] = m[(r * size + k) * LANES + lane] * inverse[lane]
            for j in range(k + 1, size):
                for lane in range(LANES):
                    m[(r * size + j) * LANES + lane] -= factor[lane] * m[(k * size + j) * LANES + lane]
            for lane in range(LANES):
                d[r * LANES + lane] -= factor[lane] * d[k * LANES + lane]
    for k in range(size - 1, -1, -1):
        for j in range(k + 1, size):
            for lane in range(LANES):
                d[k * LANES + lane] -= m[(k * size + j) * LANES + lane] * d[j * LANES + lane]
        for lane in range(LANES):
            d[k * LANES + lane] = d[k * LANES + lane] / m[(k * size + k) * LANES + lane]


cdef double expected_gradient(const Bundle* bundle, const ChoiceData* data, const FitSetting* setting,
                              const Course* course, Scratch* scratch, Py_ssize_t row) noexcept nogil:
    """The reward gradient of every memory, up to the factor that is returned."""
    cdef int lane
    cdef Py_ssize_t i, s
    cdef double weight[LANES]
    memset(bundle.gradient, 0, data.n_memories * LANES * sizeof(double))
    if setting.source == REPLAY:
        for i in range(course.n_active):
            s = course.active[i]
            if setting.hard and data.options[s] == 2:
                add_hard_pair(bundle, data, scratch, s, <double> course.count[s])
                continue
            for lane in range(LANES):
                weight[lane] = <double> course.count[s]
            add_expected(bundle, data, setting, scratch, s, weight)
        return 1.0 / <double> course.ring_count if course.ring_count else 0.0
    if setting.source == EXPERIENCE:
        own_trajectory(bundle, data, setting, course, scratch, row)
        return 1.0
    if data.transition != NULL:
        occupy(bundle, data, setting, scratch)
    for s in range(data.n_situations):
        if data.options[s] > 1:
            for lane in range(LANES):
                weight[lane] = data.start[s] if data.transition == NULL else scratch.occupancy[s * LANES + lane]
            add_expected(bundle, data, setting, scratch, s, weight)
    return 1.0


cdef void add_importance(const Bundle* bundle, const ChoiceData* data, const FitSetting* setting, const Course* course,
                         Scratch* scratch) noexcept nogil:
    """Importance of each memory: given, times shown, mean spread of the sets that it was in, or none."""
    cdef int lane
    cdef Py_ssize_t m, i, a, s, n
    cdef int64_t memory
    cdef double* importance = bundle.importance
    cdef double low[LANES]
    cdef double high[LANES]
    cdef double u, fixed_weight
    for m in range(data.n_memories):
        fixed_weight = 0.0
        if setting.shape != NULL:
            fixed_weight = setting.shape[m]
        elif setting.importance == USAGE:
            fixed_weight = course.shown[m]
        for lane in range(LANES):
            importance[m * LANES + lane] = fixed_weight
    if setting.shape != NULL or setting.importance != SPREAD:
        return
    for i in range(course.n_seen):
        s = course.seen[i]
        n = recall_situation(bundle, data, s, scratch)
        for lane in range(LANES):
            low[lane] = high[lane] = scratch.value[lane]
        for a in range(1, n):
            for lane in range(LANES):
                u = scratch.value[a * LANES + lane]
                low[lane] = u if u < low[lane] else low[lane]
                high[lane] = u if u > high[lane] else high[lane]
        for a in range(n):
            memory = data.memory[s * data.n_options + a]
            if memory >= 0:
                for lane in range(LANES):
                    importance[memory * LANES + lane] += high[lane] - low[lane]
    for m in range(data.n_memories):
        if course.sets[m] > 0.0:
            for lane in range(LANES):
                importance[m * LANES + lane] = importance[m * LANES + lane] / course.sets[m]


cdef void shape_sigma(Bundle* bundle, const ChoiceData* data, const FitSetting* setting, const Course* course,
                      Scratch* scratch) noexcept nogil:
    """σ = clip(c w), w = 1/√(1 + importance / mean importance)."""
    cdef int lane
    cdef Py_ssize_t m
    cdef double total[LANES]
    cdef const double* low = bundle.p + SIGMA_MIN * LANES
    cdef const double* high = bundle.p + SIGMA_MAX * LANES
    cdef double w, n = <double> course.n_memories
    add_importance(bundle, data, setting, course, scratch)
    for lane in range(LANES):
        total[lane] = 0.0
    for m in range(course.n_memories):
        for lane in range(LANES):
            total[lane] = total[lane] + bundle.importance[m * LANES + lane]
    for m in range(course.n_memories):
        for lane in range(LANES):
            w = 1.0
            if total[lane] > 0.0:
                w = 1.0 / sqrt(1.0 + (bundle.importance[m * LANES + lane] * n) / total[lane])
            w = bundle.scale[lane] * w
            w = low[lane] if low[lane] > w else w
            bundle.sigma[m * LANES + lane] = high[lane] if high[lane] < w else w


cdef void allocate_lanes(Bundle* bundle, const ChoiceData* data, const FitSetting* setting, const Course* course,
                         Scratch* scratch, double gain) noexcept nogil:
    """σ ← clip(σ + α₂ (∇ − λ ∂D_KL/∂σ)) (Eq. 7), or the same of the one scale."""
    cdef int lane
    cdef Py_ssize_t m, i
    cdef const double* p = bundle.p
    cdef double slope[LANES]
    cdef double climb
    if setting.update == EACH:
        for m in range(course.n_memories):
            allocate_each(bundle.gradient + m * LANES, p + RATE_SIGMA * LANES, p + LAM * LANES, bundle.precision_base,
                          p + SIGMA_MIN * LANES, p + SIGMA_MAX * LANES, gain, bundle.sigma + m * LANES)
        return
    if course.n_memories == 0:  # the mean over the memories of a block that has none
        return
    for lane in range(LANES):
        slope[lane] = 0.0
    for m in range(course.n_memories):
        for lane in range(LANES):
            i = m * LANES + lane
            climb = gain * bundle.gradient[i] - p[LAM * LANES + lane] * (
                bundle.sigma[i] * bundle.precision_base[lane] - 1.0 / bundle.sigma[i]
            )
            slope[lane] = slope[lane] + (bundle.sigma[i] / bundle.scale[lane]) * climb
    for lane in range(LANES):
        climb = bundle.scale[lane] + p[RATE_SIGMA * LANES + lane] * (slope[lane] / <double> course.n_memories)
        climb = p[SIGMA_MIN * LANES + lane] if p[SIGMA_MIN * LANES + lane] > climb else climb
        bundle.scale[lane] = p[SIGMA_MAX * LANES + lane] if p[SIGMA_MAX * LANES + lane] < climb else climb
    shape_sigma(bundle, data, setting, course, scratch)


cdef void warm(Bundle* bundle, const Course* course) noexcept nogil:
    """β of the episode, for the softmax learners."""
    cdef int lane
    cdef double exponent
    for lane in range(LANES):
        exponent = bundle.p[BETA_RATE * LANES + lane] * <double> course.episode
        exponent = -50.0 if -50.0 > exponent else exponent
        exponent = 50.0 if 50.0 < exponent else exponent
        bundle.beta[lane] = bundle.p[BETA * LANES + lane] * precise_exponential(exponent)


cdef void empty_window(Course* course) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(course.n_active):
        course.count[course.active[i]] = 0
    course.n_active = course.ring_first = course.ring_count = 0


cdef void begin_block_of_data(const ChoiceData* data, Course* course, Py_ssize_t row) noexcept nogil:
    """What a new block does to what the data alone decide."""
    cdef int64_t mode = data.block_start[row]
    course.begin, course.episode, course.n_memories = row, 0, data.block_memories[row]
    if mode != CARRIED:
        empty_window(course)
    if mode == NEW:
        course.n_seen = 0
        memset(course.times_seen, 0, data.n_situations * sizeof(int64_t))
        memset(course.shown, 0, data.n_memories * sizeof(double))
        memset(course.sets, 0, data.n_memories * sizeof(double))


cdef void begin_block_of_lanes(Bundle* bundle, const ChoiceData* data, const FitSetting* setting, const Course* course,
                               Scratch* scratch, Py_ssize_t row) noexcept nogil:
    """What a new block does to q̄ and σ."""
    cdef int lane
    cdef Py_ssize_t m
    cdef int64_t mode = data.block_start[row]
    if mode == NEW:
        for lane in range(LANES):
            bundle.scale[lane] = bundle.p[SIGMA_0 * LANES + lane]
        for m in range(data.n_memories):
            for lane in range(LANES):
                bundle.sigma[m * LANES + lane] = bundle.p[SIGMA_0 * LANES + lane]
        if setting.shape != NULL:
            shape_sigma(bundle, data, setting, course, scratch)
    if mode != CARRIED:
        for m in range(data.n_memories):
            for lane in range(LANES):
                bundle.q[m * LANES + lane] = bundle.p[Q_INIT * LANES + lane]
        for lane in range(LANES):
            bundle.last[lane] = -1.0
    warm(bundle, course)


cdef void see(const ChoiceData* data, Course* course, Py_ssize_t row) noexcept nogil:
    """Count a row's situation and memories."""
    cdef Py_ssize_t a, s = data.situation[row]
    cdef int64_t memory
    cdef bint first = course.times_seen[s] == 0
    if first:
        course.seen[course.n_seen] = s
        course.n_seen += 1
    course.times_seen[s] += 1
    for a in range(data.options[s]):
        memory = data.memory[s * data.n_options + a]
        if memory >= 0:
            course.shown[memory] += 1.0
            course.sets[memory] += 1.0 if first else 0.0


cdef void close_episode(const ChoiceData* data, Course* course, Py_ssize_t row) noexcept nogil:
    """The episode that ends on a row enters the window, if any of it was answered; the oldest leaves a full one."""
    cdef Py_ssize_t t, s, place, slot
    cdef bint answered = False
    for t in range(course.begin, row + 1):
        answered = answered or data.choice[t] >= 0
    if not answered:
        return
    for t in range(course.begin, row + 1):
        if data.choice[t] >= 0:
            s = data.situation[t]
            if course.count[s] == 0:
                course.active[course.n_active] = s
                course.n_active += 1
            course.count[s] += 1
    slot = (course.ring_first + course.ring_count) % course.ring_size
    course.ring[2 * slot], course.ring[2 * slot + 1] = course.begin, row
    course.ring_count += 1
    if course.ring_count < course.ring_size:
        return
    slot = course.ring_first
    for t in range(course.ring[2 * slot], course.ring[2 * slot + 1] + 1):
        if data.choice[t] >= 0:
            s = data.situation[t]
            course.count[s] -= 1
            if course.count[s] == 0:
                place = 0
                while course.active[place] != s:
                    place += 1
                course.n_active -= 1
                course.active[place] = course.active[course.n_active]
    course.ring_first = (course.ring_first + 1) % course.ring_size
    course.ring_count -= 1


cdef void recall_row(const Bundle* bundle, const ChoiceData* data, const FitSetting* setting, Scratch* scratch,
                     Py_ssize_t s) noexcept nogil:
    """u and σ of a row's options, with what sticks to the memory chosen last."""
    cdef Py_ssize_t a, n = recall_situation(bundle, data, s, scratch)
    cdef int lane
    cdef int64_t memory
    if not setting.sticky:
        return
    for a in range(n):
        memory = data.memory[s * data.n_options + a]
        if memory >= 0:
            for lane in range(LANES):
                if bundle.last[lane] == <double> memory:
                    scratch.value[a * LANES + lane] += bundle.p[STICKINESS * LANES + lane]


cdef void learn_row(Bundle* bundle, const ChoiceData* data, const FitSetting* setting, Scratch* scratch,
                    Py_ssize_t row) noexcept nogil:
    """q̄ of the options whose payoff was seen, and the memory chosen last."""
    cdef int lane
    cdef Py_ssize_t a, n, s = data.situation[row], following = data.following[row]
    cdef int64_t memory
    cdef double outcome
    cdef double* made = bundle.made + row * LANES
    cdef double ahead[LANES]
    cdef double own[LANES]
    cdef double weight[LANES]
    for lane in range(LANES):
        ahead[lane] = own[lane] = 0.0
        weight[lane] = 1.0
    if following >= 0:
        n = recall_situation(bundle, data, following, scratch)
        choice_probabilities(bundle, setting, scratch, n, 0)
        # the values once more: an integral has changed what it was given
        recall_situation(bundle, data, following, scratch)
        for a in range(n):
            for lane in range(LANES):
                ahead[lane] = ahead[lane] + scratch.probability[a * LANES + lane] * scratch.value[a * LANES + lane]
        for lane in range(LANES):
            ahead[lane] = bundle.p[DISCOUNT * LANES + lane] * ahead[lane]
    for a in range(data.options[s]):
        memory = data.memory[s * data.n_options + a]
        outcome = data.outcome[row * data.n_options + a]
        if memory < 0 or outcome != outcome:
            continue
        if data.chosen_only:
            for lane in range(LANES):
                weight[lane] = 1.0 if made[lane] == <double> a else 0.0
        if following >= 0:
            for lane in range(LANES):
                own[lane] = ahead[lane] if made[lane] == <double> a else 0.0
        learn_option(bundle.p + RATE_Q * LANES, own, weight, outcome, bundle.q + memory * LANES)
    if setting.sticky:
        for lane in range(LANES):
            bundle.last[lane] = <double> data.memory[s * data.n_options + <Py_ssize_t> made[lane]]


cdef void draw_choices(const Bundle* bundle, const Scratch* scratch, Streams* streams, Py_ssize_t n,
                       double* made) noexcept nogil:
    """A choice in every lane, lapses included."""
    cdef uint64_t raw[LANES]
    cdef int lane
    cdef Py_ssize_t a
    cdef double u, below, lapse, share = <double> n
    next_in_all(streams, raw)
    for lane in range(LANES):
        u, below, lapse = uniform(raw[lane]), 0.0, bundle.p[LAPSE * LANES + lane]
        made[lane] = 0.0
        for a in range(n - 1):
            below = below + ((1.0 - lapse) * scratch.probability[a * LANES + lane] + lapse / share)
            made[lane] += below <= u


@cython.final
cdef class ChoiceRows:
    """One subject's rows, held for as long as they are read; see `sigmalloc.fit.Subject` for the arrays.

    Parameters
    ----------
    situation, following, choice, scored, episode_end, block_start, block_memories : int64 (rows,)
    payoff, outcome : float64 (rows, options)
    memory : int64 (situations, options)
    known, known_sigma : float64 (situations, options)
    options : int64 (situations,)
    start : float64 (situations,)
    transition : float64 (situations, options, situations); (0, 0, 0): there is none
    n_memories : int
    chosen_only : bool
    """

    cdef ChoiceData data
    cdef tuple arrays

    def __cinit__(self, const int64_t[::1] situation, const int64_t[::1] following, const int64_t[::1] choice,
                  const int64_t[::1] scored, const int64_t[::1] episode_end, const int64_t[::1] block_start,
                  const int64_t[::1] block_memories, const double[:, ::1] payoff, const double[:, ::1] outcome,
                  const int64_t[:, ::1] memory, const double[:, ::1] known, const double[:, ::1] known_sigma,
                  const int64_t[::1] options, const double[::1] start, const double[:, :, ::1] transition,
                  Py_ssize_t n_memories, bint chosen_only):
        self.arrays = (
            situation, following, choice, scored, episode_end, block_start, block_memories, payoff, outcome, memory,
            known, known_sigma, options, start, transition,
        )
        cdef Py_ssize_t rows = situation.shape[0], n_options = memory.shape[1], situations = memory.shape[0]
        if not (
            rows > 0 and situations > 0 and n_options > 0 and n_memories >= 0
            and following.shape[0] == rows and choice.shape[0] == rows and scored.shape[0] == rows
            and episode_end.shape[0] == rows and block_start.shape[0] == rows and block_memories.shape[0] == rows
            and payoff.shape[0] == rows and outcome.shape[0] == rows
            and payoff.shape[1] == n_options and outcome.shape[1] == n_options
            and known.shape[0] == situations and known_sigma.shape[0] == situations
            and known.shape[1] == n_options and known_sigma.shape[1] == n_options
            and options.shape[0] == situations and start.shape[0] == situations
            and (transition.shape[0] == 0 or transition.shape[0] == situations
                 and transition.shape[1] == n_options and transition.shape[2] == situations)
        ):
            raise ValueError("the arrays of a subject do not fit together")
        cdef Py_ssize_t t, a, s
        cdef double total
        for t in range(rows):
            if not (
                0 <= situation[t] < situations and -1 <= following[t] < situations
                and -1 <= choice[t] < options[situation[t]] and options[situation[t]] > 0
                and 0 <= block_memories[t] <= n_memories and (following[t] < 0 or options[following[t]] > 0)
                and (scored[t] == 0 or scored[t] == 1 and choice[t] >= 0)
                and 0 <= episode_end[t] <= 1 and 0 <= block_start[t] <= CARRIED
            ):
                raise ValueError(f"row {t} of a subject does not fit its situations")
            for a in range(n_options):
                if fabs(payoff[t, a]) > LARGEST or fabs(outcome[t, a]) > 2.0 * LARGEST:  # NaN: it was not shown
                    raise ValueError(f"row {t} of a subject has a payoff that is infinite or too large")
        for t in range(situations):
            for a in range(n_options):
                if not -1 <= memory[t, a] < n_memories or options[t] > n_options:
                    raise ValueError(f"situation {t} of a subject does not fit its memories")
                if not (fabs(known[t, a]) <= LARGEST and 0.0 <= known_sigma[t, a] <= LARGEST):
                    raise ValueError(f"situation {t} of a subject has a known number, or noise, that cannot be")
            if not 0.0 <= start[t] <= 1.0 + ROUNDING:
                raise ValueError(f"situation {t} of a subject has a probability that is none")
        for t in range(transition.shape[0]):
            for a in range(n_options):
                total = 0.0
                for s in range(situations):
                    if not 0.0 <= transition[t, a, s]:
                        raise ValueError(f"situation {t} of a subject has a probability that is none")
                    total += transition[t, a, s]
                if not total <= 1.0 + ROUNDING:
                    raise ValueError(f"situation {t} of a subject has probabilities that sum to more than 1")
        if block_start[0] != NEW:
            raise ValueError("a subject's first row must begin a block in which everything is new")
        self.data.n_rows, self.data.n_options, self.data.n_situations = rows, n_options, situations
        self.data.n_memories, self.data.chosen_only = n_memories, chosen_only
        self.data.situation, self.data.following, self.data.choice = &situation[0], &following[0], &choice[0]
        self.data.scored, self.data.episode_end, self.data.block_start = &scored[0], &episode_end[0], &block_start[0]
        self.data.block_memories = &block_memories[0]
        self.data.payoff, self.data.outcome = &payoff[0, 0], &outcome[0, 0]
        self.data.memory, self.data.known, self.data.known_sigma = &memory[0, 0], &known[0, 0], &known_sigma[0, 0]
        self.data.options, self.data.start = &options[0], &start[0]
        self.data.transition = &transition[0, 0, 0] if transition.shape[0] else NULL


@cython.final
cdef class Likelihood:
    """What it takes to evaluate eight parameter sets on one subject's rows, or to let them choose there.

    Parameters
    ----------
    rows : ChoiceRows
    update, importance, credit, baseline : int
        The rules' words, by RULES.
    softmax : bool
        No noise and no σ: the control.
    source : int
        Index into fit.model.GRADIENT_SOURCES.
    hard, sticky : bool
    window : int
    shape : float64 (memories,) or (0,)
    """

    cdef ChoiceRows rows
    cdef const double[::1] given_shape
    cdef FitSetting setting
    cdef Course course
    cdef Bundle bundle
    cdef Scratch scratch
    cdef Streams streams
    cdef void* workspace

    def __cinit__(self, ChoiceRows rows not None, int update, int importance, int credit, int baseline, bint softmax,
                  int source, bint hard, bint sticky, Py_ssize_t window, const double[::1] shape):
        cdef const ChoiceData* data = &rows.data
        if shape.shape[0] != 0 and shape.shape[0] != data.n_memories:
            raise ValueError("a given shape does not fit the memories")
        if window < 1:
            raise ValueError(f"window must be at least 1, got {window}")
        self.rows, self.given_shape = rows, shape
        self.setting.update, self.setting.importance, self.setting.credit = update, importance, credit
        self.setting.mean_baseline, self.setting.softmax = baseline == MEAN_BASELINE, softmax
        self.setting.source = source
        self.setting.hard, self.setting.sticky = hard, sticky
        self.setting.window = window if window < data.n_rows else data.n_rows
        self.setting.shape = &shape[0] if shape.shape[0] else NULL
        self.prepare()

    def __dealloc__(self):
        free(self.workspace)

    cdef int prepare(self) except -1:
        cdef const ChoiceData* data = &self.rows.data
        cdef Py_ssize_t k = data.n_memories * LANES, a = data.n_options * LANES, s = data.n_situations
        cdef Py_ssize_t options = a * (13 + data.n_options + 3 * TERMS) + data.n_options
        cdef Py_ssize_t vectors = LANES * (PARAMETERS + 2 * data.n_rows + 3) + 4 * k + options
        cdef Py_ssize_t square = s * s * LANES if data.transition != NULL and self.setting.source == 2 else 0
        cdef Py_ssize_t ring = self.setting.window + 1
        cdef Py_ssize_t words = vectors + square + s * LANES + 2 * ring + 4 * s + 2 * data.n_memories
        cdef double* word
        self.workspace = calloc(words, sizeof(double))
        if self.workspace == NULL:
            raise MemoryError(f"{8 * words} bytes for the rows of a subject cannot be had")
        word = <double*> self.workspace
        self.bundle.p, word = word, word + PARAMETERS * LANES
        self.bundle.q, word = word, word + k
        self.bundle.sigma, word = word, word + k
        self.bundle.gradient, word = word, word + k
        self.bundle.importance, word = word, word + k
        self.bundle.made, word = word, word + data.n_rows * LANES
        self.scratch.returns, word = word, word + data.n_rows * LANES
        self.scratch.value, word = word, word + a
        self.scratch.deviation, word = word, word + a
        self.scratch.probability, word = word, word + a
        self.scratch.shifted, word = word, word + a
        self.scratch.precision, word = word, word + a
        self.scratch.end, word = word, word + a
        self.scratch.middle, word = word, word + a
        self.scratch.step, word = word, word + a
        self.scratch.tail, word = word, word + a
        self.scratch.certain, word = word, word + a
        self.scratch.rate, word = word, word + a
        self.scratch.bend, word = word, word + a
        self.scratch.pairs, word = word, word + a * data.n_options
        self.scratch.series, word = word, word + a * 3 * TERMS
        self.scratch.rules, word = word, word + a
        self.scratch.nothing, word = word, word + LANES
        self.scratch.unused, word = word, word + 2 * LANES
        self.scratch.matrix, word = word, word + square
        self.scratch.occupancy, word = word, word + s * LANES
        self.scratch.present, word = <int64_t*> word, word + data.n_options
        self.course.ring, word = <int64_t*> word, word + 2 * ring
        self.course.active, word = <int64_t*> word, word + s
        self.course.count, word = <int64_t*> word, word + s
        self.course.seen, word = <int64_t*> word, word + s
        self.course.times_seen, word = <int64_t*> word, word + s
        self.course.shown, word = word, word + data.n_memories
        self.course.sets, word = word, word + data.n_memories
        self.course.ring_size = ring
        return 0

    def evaluate(self, const double[:, ::1] parameters, const uint64_t[:, ::1] streams, double[::1] total,
                 double[:, ::1] pointwise, double[:, :, ::1] probability, int64_t[:, ::1] choice, double[:, :, ::1] q,
                 double[:, :, ::1] sigma):
        """Log-likelihoods of up to eight parameter sets, without the GIL.

        Parameters
        ----------
        parameters : float64 (sets, 13)
        streams : uint64 (sets, 4) or (0, 4)
            Choices are drawn from these, and nothing is scored.
        total : float64 (sets,), OUT
        pointwise, probability, choice, q, sigma : OUT, shape (sets, rows, ...) or (0, ...): not wanted
            q and sigma have a row more: after the last.
        """
        cdef const ChoiceData* data = &self.rows.data
        cdef Py_ssize_t n = parameters.shape[0]
        cdef int lane, i
        cdef uint64_t nothing[4]
        if not 1 <= n <= LANES or parameters.shape[1] != PARAMETERS or total.shape[0] != n:
            raise ValueError(f"parameters must have shape (1 to {LANES}, {PARAMETERS})")
        if not (
            streams.shape[0] in (0, n) and streams.shape[1] == 4 and pointwise.shape[0] in (0, n)
            and probability.shape[0] in (0, n) and choice.shape[0] in (0, n) and q.shape[0] in (0, n)
            and sigma.shape[0] == q.shape[0]
            and (pointwise.shape[0] == 0 or pointwise.shape[1] == data.n_rows)
            and (choice.shape[0] == 0 or choice.shape[1] == data.n_rows)
            and (probability.shape[0] == 0 or probability.shape[1] == data.n_rows
                 and probability.shape[2] == data.n_options)
            and (q.shape[0] == 0 or q.shape[1] == data.n_rows + 1 and q.shape[2] == data.n_memories
                 and sigma.shape[1] == data.n_rows + 1 and sigma.shape[2] == data.n_memories)
        ):
            raise ValueError("the arrays of an evaluation do not fit together")
        memset(nothing, 0, sizeof(nothing))
        for lane in range(LANES):
            # lanes without a set of their own repeat the last
            for i in range(<int> PARAMETERS):
                self.bundle.p[i * LANES + lane] = parameters[lane if lane < n else n - 1, i]
            load(&self.streams, lane, &streams[lane, 0] if lane < streams.shape[0] else nothing)
        with nogil:
            self.walk(n, streams.shape[0] > 0, total, pointwise, probability, choice, q, sigma)

    cdef Py_ssize_t work_of(self, Py_ssize_t row) noexcept nogil:
        """What a row takes, in situations of two options."""
        cdef const ChoiceData* data = &self.rows.data
        cdef Py_ssize_t s = data.n_situations, situations = 1
        if data.episode_end[row] and self.setting.update != NO_UPDATE:
            if self.setting.source == REPLAY:
                situations += self.course.n_active
            elif self.setting.source == EXPERIENCE:
                situations += row - self.course.begin
            else:
                situations += s if data.transition == NULL else s + s * s * s // 64
        return situations * (1 if data.n_options <= 2 else 2 * data.n_options * data.n_options)

    cdef int walk(self, Py_ssize_t n_sets, bint draws, double[::1] total, double[:, ::1] pointwise,
                  double[:, :, ::1] probability, int64_t[:, ::1] choice, double[:, :, ::1] q,
                  double[:, :, ::1] sigma) except -1 nogil:
        cdef const ChoiceData* data = &self.rows.data
        cdef Bundle* bundle = &self.bundle
        cdef Course* course = &self.course
        cdef const FitSetting* setting = &self.setting
        cdef Scratch* scratch = &self.scratch
        cdef Py_ssize_t t, s, n, c, a, work = 0
        cdef int lane
        cdef bint learns_sigma = setting.update != NO_UPDATE
        # nothing but the term is wanted of a row
        cdef bint direct = setting.hard and not (setting.softmax or setting.sticky or draws or probability.shape[0])
        cdef double term[LANES]
        cdef double sums[LANES]
        for lane in range(LANES):
            sums[lane] = 0.0
            bundle.inverse_beta_squared[lane] = 1.0 / (bundle.p[BETA * LANES + lane] * bundle.p[BETA * LANES + lane])
            bundle.precision_base[lane] = 1.0 / (
                bundle.p[SIGMA_BASE * LANES + lane] * bundle.p[SIGMA_BASE * LANES + lane]
            )
        empty_window(course)
        for t in range(data.n_rows):
            work += self.work_of(t)
            if work > SLICE_OF_WORK:  # whoever is at the keyboard is heard in between
                work = 0
                with gil:
                    PyErr_CheckSignals()
            s, c = data.situation[t], data.choice[t]
            n = data.options[s]
            if data.block_start[t]:
                begin_block_of_data(data, course, t)
                begin_block_of_lanes(bundle, data, setting, course, scratch, t)
            if q.shape[0]:
                self.record(t, n_sets, q, sigma)
            for lane in range(LANES):
                bundle.made[t * LANES + lane] = <double> c
            if direct and n == 2 and data.scored[t]:
                score_hard_pair(bundle, data, scratch, s, c, term)
            elif data.scored[t] or probability.shape[0]:
                recall_row(bundle, data, setting, scratch, s)
                choice_probabilities(bundle, setting, scratch, n, c if c >= 0 and not draws else 0)
            if data.scored[t] and draws:
                draw_choices(bundle, scratch, &self.streams, n, bundle.made + t * LANES)
            elif data.scored[t]:
                if not (direct and n == 2):
                    log_term(bundle.p + LAPSE * LANES, scratch.probability + c * LANES, <double> n, term)
                for lane in range(LANES):
                    sums[lane] = sums[lane] + term[lane]
                if pointwise.shape[0]:
                    for lane in range(n_sets):
                        pointwise[lane, t] = term[lane]
            if probability.shape[0]:
                for lane in range(n_sets):
                    for a in range(n):
                        probability[lane, t, a] = scratch.probability[a * LANES + lane]
            if choice.shape[0]:
                for lane in range(n_sets):
                    choice[lane, t] = <int64_t> bundle.made[t * LANES + lane]
            if c >= 0:
                see(data, course, t)
                learn_row(bundle, data, setting, scratch, t)
            if data.episode_end[t]:
                if learns_sigma:
                    close_episode(data, course, t)
                    allocate_lanes(bundle, data, setting, course, scratch,
                                   expected_gradient(bundle, data, setting, course, scratch, t))
                course.episode += 1
                course.begin = t + 1
                if setting.softmax:
                    warm(bundle, course)
        if q.shape[0]:
            self.record(data.n_rows, n_sets, q, sigma)
        for lane in range(n_sets):
            total[lane] = sums[lane]
        return 0

    cdef void record(self, Py_ssize_t t, Py_ssize_t n_sets, double[:, :, ::1] q,
                     double[:, :, ::1] sigma) noexcept nogil:
        """q̄ and σ as they are before a row."""
        cdef Py_ssize_t i, m
        for i in range(n_sets):
            for m in range(self.rows.data.n_memories):
                q[i, t, m] = self.bundle.q[m * LANES + i]
                sigma[i, t, m] = self.bundle.sigma[m * LANES + i]


def precise(str name, const double[::1] x, double[::1] y):
    """A function of `precise.pxd` of every x. name: exp, log, below (Φ) or bell; y : OUT."""
    cdef Py_ssize_t i
    for i in range(min(x.shape[0], y.shape[0])):
        if name == "exp":
            y[i] = precise_exponential(x[i])
        elif name == "log":
            y[i] = precise_logarithm(x[i])
        elif name == "below":
            y[i] = normal_below(bounded(x[i]), bell(bounded(x[i])))
        elif name == "bell":
            y[i] = bell(bounded(x[i]))
        else:
            raise ValueError(f"unknown function {name!r}")
