"""The search budget of planning and how it is learned (section 4.3): b pays for K = b/100 · paths of the tree.

Between whole numbers, a trial has the next one of paths with the probability that makes K their mean, so that the
objective is a function of every b, and has a slope: what one more path adds to the expected best, less its time.
"""

from libc.math cimport floor
from libc.stdint cimport int64_t

from .elementary cimport uniform
from .lanes cimport TRAJECTORY, Lane, Streams, Task
from .stream cimport next_in_one


cdef inline double mean_paths(const Lane* lane) noexcept nogil:
    """K, the mean number of paths of a trial."""
    cdef double paths = lane.budget[0] * lane.agent.leaves / 100.0
    return paths if paths > 1.0 else 1.0


cdef inline void draw_paths(Lane* lane, Streams* streams, int which) noexcept nogil:
    """The number of paths of a trial; a sampled one explores the next whole number of them, to see what it adds."""
    cdef double paths = mean_paths(lane), whole = floor(paths)
    cdef int64_t more = lane.agent.most_paths
    lane.n_paths = <int64_t> whole + (uniform(next_in_one(streams, which)) < paths - whole)
    lane.n_explored = lane.n_paths
    if lane.phase == TRAJECTORY:
        lane.n_explored = <int64_t> whole + 1 if <int64_t> whole < more else more


cdef inline void add_gain(Lane* lane) noexcept nogil:
    """Keep the second-best return of the paths so far; add up what the last path of a sampled trial adds to the best.

    Independent paths are alike: whichever is left out, the others have the best, but for the best one itself. The mean
    over all that could have been the last has the same expectation, and scatters less.
    """
    cdef double value = lane.path_value, best = lane.best_value  # of the paths before
    if lane.path == 0:
        return
    if value > best:
        lane.next_best = best
    elif lane.path == 1 or value > lane.next_best:
        lane.next_best = value
    if lane.phase != TRAJECTORY or lane.path + 1 != lane.n_explored:
        return
    if lane.agent.depth_first:
        lane.gain_sum += value - best if value > best else 0.0
    else:
        lane.gain_sum += ((value if value > best else best) - lane.next_best) / <double> lane.n_explored


cdef inline bint learn_budget(Lane* lane, const Task* task, double time, double mean_samples) noexcept nogil:
    """b += α ∂F/∂b, in %; False if it is not a number.

    time : of a trial, where the reward rate is maximised, else 1; mean_samples : of a visit
    """
    cdef double n_trajectories = <double> lane.agent.n_trajectories
    cdef double price = lane.earned[2] * lane.agent.sample_time
    cdef double slope, budget, least = 100.0 / lane.agent.leaves
    if lane.agent.rated:  # what a trial's time could have earned at the rate of the moment
        price += (lane.best_sum / n_trajectories) / time / time * lane.agent.time_of_sample
    slope = lane.gain_sum / n_trajectories / time - price * (<double> task.depth * mean_samples)
    budget = lane.budget[0] + lane.agent.learning_rate_search_budget * (slope * lane.agent.leaves / 100.0)
    budget = least if budget < least else budget
    budget = lane.agent.search_budget_max if budget > lane.agent.search_budget_max else budget
    lane.budget[0] = budget
    return budget == budget
