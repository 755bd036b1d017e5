"""Learning: the q̄ update, the gradient of the cost, and the σ update of each allocation."""

from libc.math cimport sqrt
from libc.stdint cimport int64_t

from .budget cimport learn_budget
from .effort cimport learn_effort, mean_samples, trial_time_of
from .elementary cimport logarithm
from .lanes cimport (
    DIRECT, EACH, FIXED_SAMPLES, FLAT, NONFINITE_BUDGET, NONFINITE_SAMPLES, NONFINITE_SIGMA, NO_ERROR, SCALE, USAGE,
    Error, Lane, Run, Task, in_, out,
)
from .memory cimport mean_value, place_of

cdef extern from *:
    "#define SM_LARGEST_Q 1e100 /* far from what marks an absent action, and from overflow in what comes of it */"
    const double LARGEST_Q "SM_LARGEST_Q"


cdef inline bint learn_value(Lane* lane, double target, Py_ssize_t n_actions, int layout) noexcept nogil:
    """On-policy expected SARSA: q̄(s,a) += α₁ (target − q̄(s,a)), unless the value is known; False if out of range."""
    cdef Py_ssize_t place = place_of(lane, lane.acted, layout)
    cdef double q = lane.q[place]
    if lane.allocated[place] == 0.0:
        return True
    q = q + lane.rate_q * (target - q)
    lane.q[place] = q
    if lane.mean_baseline and layout == DIRECT:
        lane.baseline[lane.acted_in] = mean_value(lane.q + lane.acted_in * n_actions, n_actions)
    return -LARGEST_Q < q < LARGEST_Q


cdef inline double cost_gradient(double sigma, double precision_base) noexcept nogil:
    """∂D_KL/∂σ = σ/σ_base² − 1/σ (A.7); precision_base is 1/σ_base²."""
    return sigma * precision_base - 1.0 / sigma


cdef inline double divergence(const Lane* lane, const Task* task) noexcept nogil:
    """D_KL(N(q̄, σ²) ‖ N(q̄, σ_base²)) summed over the memories, in nats (A.2)."""
    cdef Py_ssize_t i
    cdef double ratio, total = 0.0
    for i in range(task.n_places):
        if lane.allocated[i] != 0.0:
            ratio = lane.sigma[i] / lane.agent.sigma_base
            total += 0.5 * (ratio * ratio - 1.0) - logarithm(ratio)
    return total


cdef inline double clipped(double sigma, const Run* agent) noexcept nogil:
    """σ within its bounds; NaN stays NaN."""
    sigma = agent.sigma_min if sigma < agent.sigma_min else sigma
    return agent.sigma_max if sigma > agent.sigma_max else sigma


cdef inline void update_each(Py_ssize_t n, in_ allocated, out sigma, out gradient, double gain, double rate, double lam,
                             double precision_base, double low, double high) noexcept nogil:
    """σ ← clip(σ + α₂ (gain · gradient − λ ∂D_KL/∂σ)) (Eq. 7) for every memory; clears the gradient.

    allocated : IN [n], 1 where a memory is allocated; sigma : IN and OUT [n]; gradient : IN and OUT [n]
    """
    cdef Py_ssize_t i
    cdef double updated
    for i in range(n):
        updated = sigma[i] + rate * (gain * gradient[i] - lam * cost_gradient(sigma[i], precision_base))
        updated = low if updated < low else updated
        updated = high if updated > high else updated
        sigma[i] = updated if allocated[i] != 0.0 else sigma[i]
        gradient[i] = 0.0


cdef inline double spread(const Lane* lane, const Task* task, Py_ssize_t state) noexcept nogil:
    """Largest less smallest q̄ of a state."""
    cdef Py_ssize_t a, place
    cdef double q, low = 0.0, high = 0.0
    cdef bint some = False
    for a in range(task.n_actions):
        place = place_of(lane, state * task.n_actions + a, task.layout)
        if place >= 0:
            q = lane.q[place]
            low = q if not some or q < low else low
            high = q if not some or q > high else high
            some = True
    return high - low


cdef inline void rate_importance(Lane* lane, const Task* task) noexcept nogil:
    """What shapes σ: how often a memory was recalled (usage), or the mean spread of q̄ in the states that show it."""
    cdef Py_ssize_t s, a, place, i
    cdef double of_state
    for i in range(task.n_places):
        lane.importance[i] = 0.0
    if lane.agent.importance == FLAT:
        return
    for s in range(task.n_states):
        of_state = lane.usage[s] if lane.agent.importance == USAGE else spread(lane, task, s)
        for a in range(task.n_actions):
            place = place_of(lane, s * task.n_actions + a, task.layout)
            if place >= 0:
                lane.importance[place] += of_state
    if task.layout != DIRECT and lane.agent.importance != USAGE:
        # the gradient is used up by now, and serves to count the states of each memory
        for i in range(task.n_places):
            lane.gradient[i] = 0.0
        for i in range(task.n_states * task.n_actions):
            if lane.place[i] >= 0:
                lane.gradient[lane.place[i]] += 1.0
        for i in range(task.n_places):
            if lane.gradient[i] > 0.0:
                lane.importance[i] = lane.importance[i] / lane.gradient[i]
            lane.gradient[i] = 0.0


cdef inline void update_scale(Lane* lane, const Task* task, double gain, double precision_base) noexcept nogil:
    """σ = clip(c w): one learned scale c times w(m) = 1/√(1 + importance(m) / mean importance).

    c climbs the same objective as every other agent, by the mean over memories of w (gain · gradient − λ ∂D_KL/∂σ).
    """
    cdef Py_ssize_t i
    cdef double w, total = 0.0, count = 0.0, slope = 0.0
    # σ still has the shape of the last update, so each memory's w is σ/c where it is not clipped
    for i in range(task.n_places):
        if lane.allocated[i] != 0.0:
            slope += (lane.sigma[i] / lane.scale) * (
                gain * lane.gradient[i] - lane.lam * cost_gradient(lane.sigma[i], precision_base)
            )
            count += 1.0
        lane.gradient[i] = 0.0
    if count == 0.0:  # a variant that leaves nothing to remember
        return
    rate_importance(lane, task)
    for i in range(task.n_places):
        if lane.allocated[i] != 0.0:
            total += lane.importance[i]
    lane.scale = clipped(lane.scale + lane.rate_sigma * (slope / count), lane.agent)
    for i in range(task.n_places):
        if lane.allocated[i] != 0.0:
            w = 1.0
            if total > 0.0:
                w = 1.0 / sqrt(1.0 + lane.importance[i] * count / total)
            lane.sigma[i] = clipped(lane.scale * w, lane.agent)


cdef inline Error allocate(Lane* lane, const Task* task) noexcept nogil:
    """One update of σ, and of effort, from the averaged gradient of the trajectories; says if one is not finite."""
    cdef const Run* agent = lane.agent
    cdef Py_ssize_t i
    cdef int64_t unfit = 0
    cdef double precision_base = 1.0 / (agent.sigma_base * agent.sigma_base)
    cdef double gain = lane.beta * agent.reward_scale / <double> agent.n_trajectories
    cdef double time = 1.0, samples = 1.0
    if agent.rated or agent.learn_search_budget:
        samples = mean_samples(lane, task)
    if agent.rated:
        time = trial_time_of(lane, samples)
        gain = lane.beta * (1.0 / time) / <double> agent.n_trajectories
    if agent.update == EACH:
        update_each(task.n_places, lane.allocated, lane.sigma, lane.gradient, gain, lane.rate_sigma, lane.lam,
                    precision_base, agent.sigma_min, agent.sigma_max)
    elif agent.update == SCALE:
        update_scale(lane, task, gain, precision_base)
    else:  # trajectories were for effort alone
        for i in range(task.n_places):
            lane.gradient[i] = 0.0
    for i in range(task.n_places):
        unfit += lane.sigma[i] != lane.sigma[i]
    if unfit:
        return NONFINITE_SIGMA
    if agent.effort and not learn_effort(lane, task, gain, time):
        return NONFINITE_SAMPLES
    if agent.learn_search_budget and not learn_budget(lane, task, time, samples):
        return NONFINITE_BUDGET
    return NO_ERROR
