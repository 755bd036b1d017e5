"""Learning: the q̄ update, the gradient of the cost, and the σ update of each allocation."""

from libc.math cimport sqrt
from libc.stdint cimport int64_t

from .elementary cimport exponential, logarithm
from .lanes cimport ADVANTAGE, DRA, FREQUENCY, LANES, STAKES, Lane, Recall, Run, Task, in_, out
from .recall cimport ABSENT

cdef extern from *:
    "#define SM_LARGEST_Q 1e100 /* far from ABSENT, and from overflow in what is computed from it */"
    const double LARGEST_Q "SM_LARGEST_Q"


cdef inline double mean_value(const double* q, Py_ssize_t n_actions) noexcept nogil:
    """Mean of q̄ over the actions that a state has; 0 if it has none.

    q : IN [action]
    """
    cdef Py_ssize_t a
    cdef double total = 0.0, count = 0.0
    for a in range(n_actions):
        if q[a] > 0.5 * ABSENT:
            total += q[a]
            count += 1.0
    return total / count if count > 0.0 else 0.0


cdef inline double expected_value(const Lane* lane, const Recall* tick, int which, Py_ssize_t n_actions) noexcept nogil:
    """Σ_a p_a q̄(s,a) in the lane's state, p being the tick's recall."""
    cdef Py_ssize_t a
    cdef double total = 0.0
    cdef const double* q = lane.q + lane.state * n_actions
    for a in range(n_actions):
        if q[a] > 0.5 * ABSENT:
            total += tick.p[a * LANES + which] * q[a]
    return total


cdef inline bint learn_value(Lane* lane, double target, Py_ssize_t n_actions) noexcept nogil:
    """On-policy expected SARSA: q̄(s,a) += α₁ (target − q̄(s,a)), unless the memory is known; False if out of range."""
    cdef double q = lane.q[lane.acted]
    if lane.memory[lane.acted] == 0.0:
        return True
    q = q + lane.agent.learning_rate_q * (target - q)
    lane.q[lane.acted] = q
    if lane.agent.gradient == ADVANTAGE:
        lane.baseline[lane.acted_in] = mean_value(lane.q + lane.acted_in * n_actions, n_actions)
    return -LARGEST_Q < q < LARGEST_Q


cdef inline double inverse_temperature(const Run* agent, double episode) noexcept nogil:
    """β of an episode: min(β, β₀ exp(rate · k))."""
    cdef double exponent = agent.beta_rate * episode
    cdef double beta = agent.beta_0 * exponential(exponent if exponent < 700.0 else 0.0)
    if agent.beta_rate == 0.0:
        return agent.beta_0
    return beta if beta < agent.beta and exponent < 700.0 else agent.beta


cdef inline double cost_gradient(double sigma, double precision_base) noexcept nogil:
    """∂D_KL/∂σ = σ/σ_base² − 1/σ (A.7); precision_base is 1/σ_base²."""
    return sigma * precision_base - 1.0 / sigma


cdef inline double divergence(const Lane* lane, const Task* task) noexcept nogil:
    """D_KL(N(q̄, σ²) ‖ N(q̄, σ_base²)) summed over the memories, in nats (A.2)."""
    cdef Py_ssize_t i
    cdef double ratio, total = 0.0
    for i in range(task.n_states * task.n_actions):
        if lane.memory[i] != 0.0:
            ratio = lane.sigma[i] / lane.agent.sigma_base
            total += 0.5 * (ratio * ratio - 1.0) - logarithm(ratio)
    return total


cdef inline double clipped(double sigma, const Run* agent) noexcept nogil:
    """σ within its bounds; NaN stays NaN."""
    sigma = agent.sigma_min if sigma < agent.sigma_min else sigma
    return agent.sigma_max if sigma > agent.sigma_max else sigma


cdef inline void update_each(Py_ssize_t n, in_ memory, out sigma, out gradient, double gain, double rate, double lam,
                             double precision_base, double low, double high) noexcept nogil:
    """σ ← clip(σ + α₂ (gain · gradient − λ ∂D_KL/∂σ)) (Eq. 7) for every memory; clears the gradient.

    memory : IN [n], 1 where a memory is allocated; sigma : IN and OUT [n]; gradient : IN and OUT [n]
    """
    cdef Py_ssize_t i
    cdef double updated
    for i in range(n):
        updated = sigma[i] + rate * (gain * gradient[i] - lam * cost_gradient(sigma[i], precision_base))
        updated = low if updated < low else updated
        updated = high if updated > high else updated
        sigma[i] = updated if memory[i] != 0.0 else sigma[i]
        gradient[i] = 0.0


cdef inline double importance(const Lane* lane, const Task* task, Py_ssize_t state) noexcept nogil:
    """What shapes σ in a state: recalls so far (frequency), the spread of q̄ (stakes), or nothing (equal)."""
    cdef Py_ssize_t a
    cdef double q, low, high
    if lane.agent.allocation == FREQUENCY:
        return lane.usage[state]
    if lane.agent.allocation != STAKES:
        return 0.0
    low, high = -ABSENT, ABSENT
    for a in range(task.n_actions):
        q = lane.q[state * task.n_actions + a]
        if q > 0.5 * ABSENT:
            low = q if q < low else low
            high = q if q > high else high
    return high - low


cdef inline void update_shared(Lane* lane, const Task* task, double gain, double precision_base) noexcept nogil:
    """σ = clip(c w): one learned scale c times w(s) = 1/√(1 + importance(s) / mean importance).

    c climbs the same objective as every other agent, by the mean over memories of w (gain · gradient − λ ∂D_KL/∂σ).
    """
    cdef Py_ssize_t s, a, i
    cdef double w, total = 0.0, count = 0.0, slope = 0.0
    for s in range(task.n_states):
        w = importance(lane, task, s)
        for a in range(task.n_actions):
            if lane.memory[s * task.n_actions + a] != 0.0:
                total += w
                count += 1.0
    # σ still has the shape of the last update, so each memory's w is σ/c where it is not clipped
    for i in range(task.n_states * task.n_actions):
        if lane.memory[i] != 0.0:
            slope += (lane.sigma[i] / lane.scale) * (
                gain * lane.gradient[i] - lane.agent.lam * cost_gradient(lane.sigma[i], precision_base)
            )
        lane.gradient[i] = 0.0
    lane.scale = clipped(lane.scale + lane.agent.learning_rate_sigma * (slope / count), lane.agent)
    for s in range(task.n_states):
        w = 1.0
        if total > 0.0:
            w = 1.0 / sqrt(1.0 + importance(lane, task, s) * count / total)
        for a in range(task.n_actions):
            i = s * task.n_actions + a
            if lane.memory[i] != 0.0:
                lane.sigma[i] = clipped(lane.scale * w, lane.agent)


cdef inline bint allocate(Lane* lane, const Task* task) noexcept nogil:
    """One σ update from the averaged gradient of the trajectories; False if a σ is not finite."""
    cdef const Run* agent = lane.agent
    cdef Py_ssize_t i, n = task.n_states * task.n_actions
    cdef int64_t unfit = 0
    cdef double precision_base = 1.0 / (agent.sigma_base * agent.sigma_base)
    cdef double gain = lane.beta * agent.reward_scale / <double> agent.n_trajectories
    if agent.allocation == DRA:
        update_each(n, lane.memory, lane.sigma, lane.gradient, gain, agent.learning_rate_sigma, agent.lam,
                    precision_base, agent.sigma_min, agent.sigma_max)
    else:
        update_shared(lane, task, gain, precision_base)
    for i in range(n):
        unfit += lane.sigma[i] != lane.sigma[i]
    return unfit == 0
