"""The likelihood of choices (section 11): lanes are parameter sets of one subject, all on the same rows.

Every row shows the same options in every lane, so nothing diverges and nothing is gathered. Vectors are
`[quantity][lane]`.
"""

from libc.math cimport sqrt
from libc.stdint cimport int64_t

from .lanes cimport LANES, in_, out
from .precise cimport (
    FARTHEST, INVERSE_ROOT_TWO_PI, bell, bounded, normal_below, precise_exponential, precise_logarithm,
)

cdef extern from *:
    """
    #define SM_SMALLEST_VARIANCE 1e-280
    #define SM_MIXED 14
    /* the logistic function is the sum of w Phi(x / sqrt(tau)): bench/logistic_mixture.py derives it */
    static const double sm_mixture_weight[SM_MIXED] = {
        3.401567663966643e-07, 5.046658856265829e-05, 0.0013357624113994578, 0.012541675176245232, 0.05630047166203418,
        0.14417290208627043, 0.2358294428105468, 0.25860690022766336, 0.1864269762491454, 0.08239507072423342,
        0.019996366562793504, 0.0022546957763316254, 8.832181174652595e-05, 6.077562610404731e-07};
    static const double sm_mixture_tau[SM_MIXED] = {
        35.06998494265632, 24.11604869073775, 16.841558095990727, 11.691774753612952, 8.009869857045247,
        5.40888384415785, 3.616044649531258, 2.4151103562979306, 1.626437370112331, 1.1107998640104462,
        0.7705901402281102, 0.5416483422905055, 0.3827748533811696, 0.2662631432272721};
    #define SM_NODES 26
    static const double sm_node[SM_NODES] = {  /* Gauss and Legendre's rule on [0, 1] */
        0.0020571494271915403, 0.010807277021764539, 0.026420466669142884, 0.04868106900784647, 0.07727702860575103,
        0.11180702558966055, 0.15178636979002136, 0.19665385349119097, 0.24577964258774715, 0.29847412243825683,
        0.35399758025702155, 0.4115705898215549, 0.4703849532853434, 1.0 - 0.4703849532853434,
        1.0 - 0.4115705898215549, 1.0 - 0.35399758025702155, 1.0 - 0.29847412243825683, 1.0 - 0.24577964258774715,
        1.0 - 0.19665385349119097, 1.0 - 0.15178636979002136, 1.0 - 0.11180702558966055, 1.0 - 0.07727702860575103,
        1.0 - 0.04868106900784647, 1.0 - 0.026420466669142884, 1.0 - 0.010807277021764539,
        1.0 - 0.0020571494271915403};
    static const double sm_node_weight[SM_NODES] = {
        0.005275686308671688, 0.012208925546315922, 0.018981191647181497, 0.025487912648573897, 0.031637023164787524,
        0.037342074882829784, 0.04252294715674259, 0.04710690017795705, 0.051029580547212704, 0.054235920264288244,
        0.05668090827315982, 0.05833022174264826, 0.0591607076396311, 0.0591607076396311, 0.05833022174264826,
        0.05668090827315982, 0.054235920264288244, 0.051029580547212704, 0.04710690017795705, 0.04252294715674259,
        0.037342074882829784, 0.031637023164787524, 0.025487912648573897, 0.018981191647181497, 0.012208925546315922,
        0.005275686308671688};
    """
    const double SMALLEST_VARIANCE "SM_SMALLEST_VARIANCE"
    enum: MIXED "SM_MIXED"
    enum: NODES "SM_NODES"
    const double* MIXTURE_WEIGHT "sm_mixture_weight"
    const double* MIXTURE_TAU "sm_mixture_tau"
    const double* NODE "sm_node"
    const double* NODE_WEIGHT "sm_node_weight"

cdef enum Source:
    REPLAY
    EXPERIENCE
    WHOLE_TASK

cdef enum BlockStart:
    SAME_BLOCK
    NEW
    NEW_Q
    CARRIED

cdef enum Place:  # of a parameter, in the order of fit.model.PARAMETERS
    RATE_Q
    RATE_SIGMA
    BETA
    BETA_RATE
    DISCOUNT
    LAM
    SIGMA_BASE
    SIGMA_0
    SIGMA_MIN
    SIGMA_MAX
    Q_INIT
    LAPSE
    STICKINESS
    PARAMETERS

cdef struct ChoiceData:  # read-only: the rows of one subject, as fit.Subject describes them
    Py_ssize_t n_rows
    Py_ssize_t n_options
    Py_ssize_t n_situations
    Py_ssize_t n_memories
    int chosen_only
    const int64_t* situation  # [row], as the next ones
    const int64_t* following
    const int64_t* choice
    const int64_t* scored
    const int64_t* episode_end
    const int64_t* block_start
    const int64_t* block_memories
    const double* payoff  # [row][option]
    const double* outcome  # [row][option]
    const int64_t* memory  # [situation][option], as the next two
    const double* known
    const double* known_sigma
    const int64_t* options  # [situation]
    const double* start  # [situation]
    const double* transition  # [situation][option][situation], or NULL

cdef struct FitSetting:
    int update  # as in `lanes`, and the next three
    int importance
    int credit
    int mean_baseline
    int softmax  # the control without noise
    int hard
    int source
    int sticky  # whether any lane's choices stick
    Py_ssize_t window
    const double* shape  # [memory] given importance, or NULL

cdef struct Course:  # what the data alone decide
    Py_ssize_t begin  # first row of the episode
    int64_t episode
    Py_ssize_t n_memories  # of the block
    Py_ssize_t ring_first
    Py_ssize_t ring_count
    Py_ssize_t ring_size
    int64_t* ring  # [ring_size][2] rows of the episodes in the window
    int64_t n_active
    int64_t* active  # [situation] those in the window
    int64_t* count  # [situation] how often
    int64_t n_seen
    int64_t* seen  # [situation] those seen so far
    int64_t* times_seen  # [situation]
    double* shown  # [memory] how often
    double* sets  # [memory] in how many of the situations seen

cdef struct Bundle:  # eight parameter sets, or eight particles
    double* p  # [parameter][lane]
    double* q  # [memory][lane], as the next three
    double* sigma
    double* gradient
    double* importance
    double* made  # [row][lane] choices
    double scale[LANES]
    double last[LANES]  # memory chosen last
    double beta[LANES]
    double inverse_beta_squared[LANES]
    double precision_base[LANES]

cdef struct Scratch:  # to work in
    double* value  # [option][lane], as the next two
    double* deviation
    double* probability
    double* shifted  # [option][lane], as the next eight
    double* precision
    double* end
    double* middle
    double* step
    double* tail
    double* certain
    double* rate
    double* bend
    double* pairs  # [option][option][lane]
    double* series  # [option][3][term][lane]: of the soft policy, as the next two
    double* rules  # [option][lane]
    int64_t* present  # [option] a bit for each rule that some lane has
    double* returns  # [row][lane]
    double* matrix  # [situation][situation][lane], or NULL
    double* occupancy  # [situation][lane]
    double* nothing  # [lane] zeros: q̄ of an option without a memory
    double* unused  # [lane] its gradient


cdef inline void below_term(in_ gap, in_ variance, in_ inverse_beta_squared, double weight, double tau,
                            out probability) noexcept nogil:
    """One term of P = Σ_k w_k Φ(Δ/√(v + τ_k/β²))."""
    cdef int lane
    cdef double v, z
    for lane in range(LANES):
        v = variance[lane]
        v = SMALLEST_VARIANCE if SMALLEST_VARIANCE > v else v
        z = bounded(gap[lane] * sqrt(1.0 / (v + tau * inverse_beta_squared[lane])))
        probability[lane] = probability[lane] + weight * normal_below(z, bell(z))


cdef inline void slope_term(in_ gap, in_ variance, in_ inverse_beta_squared, double weight, double tau,
                            out slope) noexcept nogil:
    """One term of √(2π) h, with ∂P/∂σ_b = −σ_b h."""
    cdef int lane
    cdef double v, precision, z
    for lane in range(LANES):
        v = variance[lane]
        v = SMALLEST_VARIANCE if SMALLEST_VARIANCE > v else v
        precision = 1.0 / (v + tau * inverse_beta_squared[lane])
        z = bounded(gap[lane] * sqrt(precision))
        slope[lane] = slope[lane] + (weight * precision) * (z * bell(z))


cdef inline void below_of_two(const Bundle* bundle, const FitSetting* setting, in_ gap, in_ variance,
                              out probability) noexcept nogil:
    """P of the first of two options."""
    cdef int lane, k
    for lane in range(LANES):
        probability[lane] = 0.0
    if setting.hard:
        below_term(gap, variance, bundle.inverse_beta_squared, 1.0, 0.0, probability)
    else:
        for k in range(MIXED):
            below_term(gap, variance, bundle.inverse_beta_squared, MIXTURE_WEIGHT[k], MIXTURE_TAU[k], probability)


cdef inline void slope_of_two(const Bundle* bundle, const FitSetting* setting, in_ gap, in_ variance,
                              out slope) noexcept nogil:
    """h, with ∂P/∂σ_b = −σ_b h for the first of two options."""
    cdef int lane, k
    for lane in range(LANES):
        slope[lane] = 0.0
    if setting.hard:
        slope_term(gap, variance, bundle.inverse_beta_squared, 1.0, 0.0, slope)
    else:
        for k in range(MIXED):
            slope_term(gap, variance, bundle.inverse_beta_squared, MIXTURE_WEIGHT[k], MIXTURE_TAU[k], slope)
    for lane in range(LANES):
        slope[lane] = slope[lane] * INVERSE_ROOT_TWO_PI


cdef inline void recall_option(const Bundle* bundle, int64_t memory, double known, double known_sigma, out value,
                               out deviation) noexcept nogil:
    """u and σ of an option."""
    cdef int lane
    cdef in_ q = bundle.q + memory * LANES
    cdef in_ sigma = bundle.sigma + memory * LANES
    if memory < 0:
        for lane in range(LANES):
            value[lane] = known
            deviation[lane] = known_sigma
    else:
        for lane in range(LANES):
            value[lane] = q[lane] + known
            deviation[lane] = sigma[lane]


cdef inline Py_ssize_t recall_situation(const Bundle* bundle, const ChoiceData* data, Py_ssize_t s,
                                        Scratch* scratch) noexcept nogil:
    """u and σ of every option of a situation; their number."""
    cdef Py_ssize_t a, place = s * data.n_options
    for a in range(data.options[s]):
        recall_option(bundle, data.memory[place + a], data.known[place + a], data.known_sigma[place + a],
                      scratch.value + a * LANES, scratch.deviation + a * LANES)
    return data.options[s]


cdef inline void difference(in_ first, in_ second, in_ first_deviation, in_ second_deviation, out gap,
                            out variance) noexcept nogil:
    """Δ and v of two options."""
    cdef int lane
    for lane in range(LANES):
        gap[lane] = first[lane] - second[lane]
        variance[lane] = first_deviation[lane] * first_deviation[lane] + (
            second_deviation[lane] * second_deviation[lane]
        )


cdef inline void pull_hard(in_ first, in_ second, in_ first_sigma, in_ second_sigma, double first_known,
                           double second_known, double weight, out first_gradient, out second_gradient) noexcept nogil:
    """∇_b −= σ_b · weight · Δ h for both of two options of the hard policy, all in one loop: nearly all of the work."""
    cdef int lane
    cdef double gap, v, precision, z, pull
    for lane in range(LANES):
        gap = (first[lane] + first_known) - (second[lane] + second_known)
        v = first_sigma[lane] * first_sigma[lane] + second_sigma[lane] * second_sigma[lane]
        v = SMALLEST_VARIANCE if SMALLEST_VARIANCE > v else v
        precision = 1.0 / v
        z = bounded(gap * sqrt(precision))
        pull = (weight * gap) * ((precision * (z * bell(z))) * INVERSE_ROOT_TWO_PI)
        first_gradient[lane] = first_gradient[lane] - first_sigma[lane] * pull
        second_gradient[lane] = second_gradient[lane] - second_sigma[lane] * pull


cdef inline void log_hard(in_ chosen, in_ other, in_ chosen_sigma, in_ other_sigma, double chosen_known,
                          double other_known, in_ lapse, out term) noexcept nogil:
    """ln[(1 − ε) P_c + ε/2] of two options of the hard policy."""
    cdef int lane
    cdef double v, z
    for lane in range(LANES):
        v = chosen_sigma[lane] * chosen_sigma[lane] + other_sigma[lane] * other_sigma[lane]
        v = SMALLEST_VARIANCE if SMALLEST_VARIANCE > v else v
        z = bounded(((chosen[lane] + chosen_known) - (other[lane] + other_known)) * sqrt(1.0 / v))
        term[lane] = precise_logarithm((1.0 - lapse[lane]) * normal_below(z, bell(z)) + lapse[lane] / 2.0)


cdef inline void below_panel(in_ at, in_ value, in_ precision, out joint, out rate, out bend) noexcept nogil:
    """Of one recall at a node: the product of the F so far, F'/F, and −F''/F."""
    cdef int lane
    cdef double z, height, below
    for lane in range(LANES):
        z = bounded((at[lane] - value[lane]) * precision[lane])
        height = bell(z)
        below = normal_below(z, height)
        joint[lane] = joint[lane] * below
        rate[lane] = ((height * INVERSE_ROOT_TWO_PI) * precision[lane]) / below
        bend[lane] = (z * precision[lane]) * rate[lane]


cdef inline void add_share(in_ joint, in_ rate, out share, out probability) noexcept nogil:
    """One node of one integral P_a."""
    cdef int lane
    for lane in range(LANES):
        share[lane] = joint[lane] * rate[lane]
        probability[lane] = probability[lane] + share[lane]


cdef inline void add_pair(in_ share, in_ bend, out pair) noexcept nogil:
    """One node of one integral ∂P_a/∂σ_b / σ_b."""
    cdef int lane
    for lane in range(LANES):
        pair[lane] = pair[lane] - share[lane] * bend[lane]


cdef inline void log_term(in_ lapse, in_ probability, double n, out term) noexcept nogil:
    """ln[(1 − ε) P + ε/n]."""
    cdef int lane
    for lane in range(LANES):
        term[lane] = precise_logarithm((1.0 - lapse[lane]) * probability[lane] + lapse[lane] / n)


cdef inline void allocate_each(in_ gradient, in_ rate, in_ lam, in_ precision_base, in_ low, in_ high, double gain,
                               out sigma) noexcept nogil:
    """σ ← clip(σ + α₂ (∇ − λ ∂D_KL/∂σ)) (Eq. 7) of one memory."""
    cdef int lane
    cdef double updated
    for lane in range(LANES):
        updated = gain * gradient[lane] - lam[lane] * (sigma[lane] * precision_base[lane] - 1.0 / sigma[lane])
        updated = sigma[lane] + rate[lane] * updated
        updated = low[lane] if low[lane] > updated else updated
        sigma[lane] = high[lane] if high[lane] < updated else updated


cdef inline void learn_option(in_ rate, in_ ahead, in_ weight, double outcome, out q) noexcept nogil:
    """q̄ += α₁ (o − q̄) where the payoff was seen; ``ahead`` is γ times the value of what follows."""
    cdef int lane
    for lane in range(LANES):
        q[lane] = q[lane] + weight[lane] * (rate[lane] * ((outcome + ahead[lane]) - q[lane]))
