"""Effort: samples that a decision takes, what their time costs, and how both are learned (section 10 of the model)."""

from libc.math cimport sqrt
from libc.stdint cimport int64_t

from .budget cimport mean_paths
from .elementary cimport exponential, logarithm
from .lanes cimport EVALUATE, FIXED_SAMPLES, SHARED_SAMPLES, TRAJECTORY, Lane, Run, Task


cdef inline void put_effort(Lane* lane, Py_ssize_t state, double samples) noexcept nogil:
    """Set n of a state, with √((1 + (n − 1)ρ)/n) and its derivative with respect to ln n."""
    cdef double rho = lane.agent.sample_correlation
    cdef double factor = sqrt((1.0 + (samples - 1.0) * rho) / samples)
    lane.samples[state] = samples
    lane.factor[state] = factor
    lane.slope_factor[state] = -(1.0 - rho) / (2.0 * samples * factor)


cdef inline void start_effort(Lane* lane, const Task* task) noexcept nogil:
    """Take up the effort that the run has."""
    cdef Py_ssize_t s
    for s in range(task.n_states):
        put_effort(lane, s, lane.samples[s])
        lane.effort_gradient[s] = 0.0
        lane.sampled[s] = 0.0


cdef inline double mean_samples(const Lane* lane, const Task* task) noexcept nogil:
    """Mean samples of a visit in the sampled trajectories."""
    cdef Py_ssize_t s
    cdef double samples = 0.0, visits = 0.0
    if not lane.agent.effort:
        return 1.0
    for s in range(task.n_states):
        samples += lane.samples[s] * lane.sampled[s]
        visits += lane.sampled[s]
    return samples / visits


cdef inline double trial_time_of(const Lane* lane, double samples) noexcept nogil:
    """Mean time of a trial: Eq. 8, where every sample of every state visited takes a_dec.

    samples : mean of a visit
    """
    cdef double visits = lane.agent.planning_time
    if lane.agent.learn_search_budget:
        visits = lane.agent.path_time * mean_paths(lane)
    return visits * samples + lane.agent.non_decision_time


cdef inline void spend_on_path(Lane* lane) noexcept nogil:
    """Depth-first: each path takes the time of all its states, though memories are drawn once a trial."""
    cdef int64_t i
    if lane.phase == TRAJECTORY:
        if lane.path < lane.n_paths:
            for i in range(lane.depth):
                lane.sampled[lane.node[i]] += 1.0
    elif lane.phase == EVALUATE:
        for i in range(lane.depth):
            lane.spent += lane.samples[lane.node[i]]


cdef inline double moved_effort(double samples, double step, const Run* agent) noexcept nogil:
    """n after a step of ln n, within [1, samples_max]; NaN stays NaN."""
    cdef double most = logarithm(agent.samples_max), log = logarithm(samples) + step
    if log != log:
        return log
    log = 0.0 if log < 0.0 else log
    log = most if log > most else log
    samples = exponential(log)
    samples = 1.0 if samples < 1.0 else samples
    return agent.samples_max if samples > agent.samples_max else samples


cdef inline bint learn_effort(Lane* lane, const Task* task, double gain, double time) noexcept nogil:
    """ln n(s) += α (∂E[value]/∂ln n(s) − price of the time that its samples take); False if it is not a number.

    gain : what a unit of the summed scores is worth; time : of a trial, where the reward rate is maximised
    """
    cdef const Run* agent = lane.agent
    cdef Py_ssize_t s
    cdef double n_trajectories = <double> agent.n_trajectories
    cdef double price = lane.earned[2] * agent.sample_time
    cdef double slope, samples, total = 0.0, count = 0.0
    cdef bint fit = True
    if agent.rated:  # what a trial's time could have earned at the rate of the moment
        price += (lane.best_sum / n_trajectories) / time / time * agent.time_of_sample
    for s in range(task.n_states):
        slope = gain * lane.effort_gradient[s] - price * lane.samples[s] * (lane.sampled[s] / n_trajectories)
        lane.effort_gradient[s] = 0.0
        lane.sampled[s] = 0.0
        if agent.learn_samples == FIXED_SAMPLES or lane.acting[s] == 0.0:
            continue
        if agent.learn_samples == SHARED_SAMPLES:
            total += slope
            count += 1.0
        else:
            samples = moved_effort(lane.samples[s], agent.learning_rate_samples * slope, agent)
            put_effort(lane, s, samples)
            fit = fit and samples == samples
    if count > 0.0:
        samples = moved_effort(lane.samples[0], agent.learning_rate_samples * (total / count), agent)
        for s in range(task.n_states):
            put_effort(lane, s, samples)
        fit = samples == samples
    return fit


cdef inline void learn_price(Lane* lane) noexcept nogil:
    """ω = mean reward / mean time of learning episodes, not below 0; both means forget at the same rate."""
    cdef const Run* agent = lane.agent
    cdef double decisions = 1.0 if agent.planned else <double> lane.step
    cdef double time = agent.time_of_sample * lane.spent + agent.non_decision_time * decisions
    if lane.earned[1] == 0.0:  # the first episode: as if those before had earned the price that was given
        lane.earned[0] = lane.earned[2] * time
        lane.earned[1] = time
    lane.earned[0] += agent.learning_rate_opportunity_cost * (lane.best_reward - lane.earned[0])
    lane.earned[1] += agent.learning_rate_opportunity_cost * (time - lane.earned[1])
    lane.earned[2] = lane.earned[0] / lane.earned[1] if lane.earned[0] > 0.0 else 0.0
