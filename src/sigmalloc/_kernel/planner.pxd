"""Paths and their returns: what a trial adds up, and depth-first planning (section 4.3)."""

from libc.stdint cimport int64_t

from .budget cimport add_gain
from .credit cimport credit_all, credit_rewards_to_go
from .effort cimport spend_on_path
from .lanes cimport (
    BEST_RETURN, PATH_RETURN, REWARD_TO_GO, TRAJECTORY, WITH_EFFORT, Bodies, Lane, Recall, Streams, Task,
)
from .outcomes cimport reset, step


cdef inline void begin_path(Lane* lane) noexcept nogil:
    lane.state = lane.start_state
    lane.step = 0
    lane.path_reward = 0.0
    lane.path_value = 0.0
    lane.discount = 1.0


cdef inline void begin_trial(const Task* task, Lane* lane, Bodies* bodies, Streams* streams, int which) noexcept nogil:
    """A trial is one path in most tasks, and as many as the search budget allows where paths are planned."""
    reset(task, lane, bodies, streams, which)
    lane.path = 0
    lane.n_deferred = 0
    lane.depth = 0
    lane.trial += 1
    begin_path(lane)


cdef inline void collect(Lane* lane) noexcept nogil:
    """Add the reward of a step to the path's."""
    lane.step += 1
    lane.steps += 1
    lane.path_reward += lane.reward
    lane.path_value += lane.discount * lane.reward
    lane.discount = lane.discount * lane.agent.gamma


cdef inline bint end_path(Lane* lane, const Task* task, Py_ssize_t n_actions, int layout) noexcept nogil:
    """Keep the best return, credit the scores that waited for this path; True if the trial is over."""
    if layout == WITH_EFFORT and lane.agent.depth_first:
        spend_on_path(lane)
    if lane.learn_search_budget:
        add_gain(lane)
        if lane.path == lane.n_paths:
            return True
    if lane.path == 0 or lane.path_value > lane.best_value:
        lane.best_value = lane.path_value
        lane.best_reward = lane.path_reward
    lane.path += 1
    if lane.phase == TRAJECTORY and lane.deferred:
        if lane.agent.credit == REWARD_TO_GO:
            credit_rewards_to_go(lane, n_actions, layout)
        elif lane.agent.credit == PATH_RETURN:
            credit_all(lane, n_actions, lane.path_value, layout)
        elif lane.agent.credit == BEST_RETURN and lane.path == lane.n_paths:
            credit_all(lane, n_actions, lane.best_value, layout)
    return lane.path == lane.n_explored


cdef inline void remember_draw(Lane* lane, const Recall* tick, int which) noexcept nogil:
    """Depth-first: the memories of a state are drawn once a trial."""
    lane.drawn_in[lane.state] = lane.trial
    lane.first_choice[lane.state] = <int64_t> tick.choice[which]


cdef inline bint search(Lane* lane, const Task* task, Bodies* bodies, Streams* streams, int which, int dynamics,
                        int layout) noexcept nogil:
    """Depth-first: go on from a node whose memories are drawn, back up at each leaf; True when the trial is over.

    Every node has two actions: the one chosen comes first. Returns False in a state whose memories must be drawn first.
    """
    cdef int64_t action
    while True:
        if lane.depth == lane.step:  # a node entered for the first time on this path
            action = lane.first_choice[lane.state]
            lane.node[lane.depth] = lane.state
            lane.turned[lane.depth] = 0
            lane.reward_before[lane.depth] = lane.path_reward
            lane.value_before[lane.depth] = lane.path_value
            lane.discount_before[lane.depth] = lane.discount
            lane.depth += 1
        else:
            action = 1 - lane.first_choice[lane.state]
            lane.turned[lane.depth - 1] = 1
        if step(task, lane, bodies, streams, which, 2 * lane.state + action, dynamics):
            collect(lane)
            if end_path(lane, task, 2, layout):
                return True
            while lane.turned[lane.depth - 1]:
                lane.depth -= 1
            lane.step = lane.depth - 1
            lane.state = lane.node[lane.step]
            lane.path_reward = lane.reward_before[lane.step]
            lane.path_value = lane.value_before[lane.step]
            lane.discount = lane.discount_before[lane.step]
        else:
            collect(lane)
            if lane.drawn_in[lane.state] != lane.trial:
                return False
