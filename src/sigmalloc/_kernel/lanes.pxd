"""Lanes: the runs that the kernel advances side by side, and what it keeps for each of them.

Everything that is computed for all lanes at once is stored one vector after another, `[quantity][lane]`, so that a
plain loop over a constant number of lanes becomes vector instructions. What one lane does alone is in its `Lane`.
"""

from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    typedef double *__restrict sm_out;
    typedef const double *__restrict sm_in;
    """
    ctypedef double* out "sm_out"  # memory that no other argument of the function points to
    ctypedef const double* in_ "sm_in"

cdef enum:
    LANES = 8

cdef enum Phase:
    IDLE
    ACT  # recall in s, act, collect the reward
    BOOTSTRAP  # recall in s' to value it
    SAMPLE  # a trajectory with q̄ and σ frozen, of a single path, whose Ψ are known at once
    SAMPLE_KEPT  # the same, where scores are kept until their return is known
    TRAJECTORY  # a trajectory of the paths of a planning trial, or one whose states are counted
    EVALUATE

cdef enum Gradient:  # in the order of agent.GRADIENTS
    ADVANTAGE
    Q
    REINFORCE
    RETURN
    BEST_PATH

cdef enum Allocation:  # in the order of agent.ALLOCATIONS
    DRA
    EQUAL
    FREQUENCY
    STAKES
    FIXED

cdef enum Error:
    NO_ERROR
    NONFINITE_Q
    NONFINITE_SIGMA

cdef enum: REPORT = 7  # figures of an evaluation: reward, value, cost, cut-offs, sums of squares, steps

cdef struct Run:  # one run's parameters; the layout is training.RUN_DTYPE
    double learning_rate_q
    double learning_rate_sigma
    double beta
    double beta_0
    double beta_rate
    double gamma
    double lam
    double sigma_base
    double sigma_0
    double sigma_min
    double sigma_max
    double q_low
    double q_high
    double reward_scale  # 1 / time of a trial (Eq. 8), or 1
    int64_t gradient
    int64_t allocation
    int64_t learn_q
    int64_t n_trajectories
    int64_t n_paths
    int64_t depth_first
    int64_t given_q  # initial q̄ and σ are in the tables already
    int64_t given_sigma
    int64_t episodes
    int64_t evaluate_every  # 0: never
    int64_t evaluation_episodes
    int64_t hard_evaluation

cdef enum Dynamics:
    CERTAIN  # a table with one outcome for each state and action
    UNCERTAIN  # a table with several
    MOUNTAIN_CAR

cdef struct Task:  # read-only; variant v of a changing task is in force from episode change_at[v]
    Dynamics dynamics
    int uniform_start
    Py_ssize_t n_states
    Py_ssize_t n_actions
    Py_ssize_t n_outcomes
    Py_ssize_t n_variants
    Py_ssize_t n_starts
    int64_t step_limit
    int64_t max_path  # steps for which there is room in a lane's buffers
    const int64_t* change_at  # [variant]
    const double* cumulative  # [variant][state][action][outcome] cumulative probability; the last one is 1
    const int64_t* following  # same shape: 2 · next state, and 1 more where that is terminal
    const double* reward  # same shape
    const double* memory  # [variant][state][action] 1 where a memory is allocated, else 0
    const double* ever_memory  # [state][action] 1 where a memory is allocated in some variant
    const double* start_cumulative  # [variant][start]
    const int64_t* start_state  # [variant][start]

cdef struct Streams:  # SFC64, one stream a lane
    uint64_t a[LANES]
    uint64_t b[LANES]
    uint64_t c[LANES]
    uint64_t counter[LANES]

cdef struct Recall:  # one tick
    double* q  # IN [action][lane]: q̄ in the state of each lane; ABSENT where the state has no such action
    # σ (IN) and the scores (OUT) follow, of the same shape: one address for a lane to keep
    # a score is Ψ ζ_a (1[a chosen] − p_a), with Ψ = stake · q̄(s, a chosen) − baseline
    double* p  # OUT [action][lane]: probabilities of the soft policy given ζ (A.1)
    double sharpness[LANES]  # IN: β / ln 2
    double faintest[LANES]  # IN: the least exponent of 2 of a weight; GCC finds no maximum with a constant
    double stake[LANES]  # IN: 1 where Ψ is known at once; 0, with a baseline of −1, where scores wait for a return
    double baseline[LANES]  # IN
    double choice[LANES]  # OUT: action, as a double
    uint64_t* raw  # to work in, as the next one
    double* room


cdef inline double* sigma_of(const Recall* tick, Py_ssize_t n_actions) noexcept nogil:
    """σ of each action in the state of each lane, [action][lane]."""
    return <double*> tick.q + n_actions * LANES


cdef inline double* score_of(const Recall* tick, Py_ssize_t n_actions) noexcept nogil:
    """The scores, [action][lane]."""
    return <double*> tick.q + 2 * n_actions * LANES


cdef struct Cars:  # mountain car: where each lane is, and where its choice would take it
    double position[LANES]
    double velocity[LANES]
    double next_position[LANES]
    double next_velocity[LANES]
    double next_cell[LANES]  # table index

cdef struct Lane:
    Phase phase
    Phase sampling  # the phase of its trajectories
    int waits  # scores are kept until their return is known
    Py_ssize_t state
    int64_t step
    double* q  # [state][action], as the next three
    double* sigma
    double* gradient
    double* baseline  # [state] what is taken from stake · q̄(s,a) to give Ψ
    const int64_t* following  # of the variant in force, as the next one
    const double* outcome_reward
    Py_ssize_t run
    const Run* agent
    double beta  # of the episode
    double* usage  # [state] recalls in sampled trajectories, for frequency-based allocation
    double scale  # the one learned σ of shaped allocations
    Py_ssize_t variant
    const double* memory  # that variant's mask
    int64_t episode
    int64_t trials  # sampled trajectories or evaluation episodes done
    # the trial in progress
    Py_ssize_t acted_in  # the state of the q̄ update to come
    Py_ssize_t acted  # place in the tables of that state and the action
    Py_ssize_t start_state
    int64_t path
    double reward
    double discount
    double path_reward
    double path_value
    double best_reward
    double best_value
    # scores kept until their return is known
    int64_t kept
    double* kept_score  # [kept][action]
    double* kept_reward  # [kept]
    int64_t* kept_state  # [kept]
    # depth-first planning: what was drawn in this trial, and the path being explored
    int64_t trial
    int64_t* drawn_in  # [state] trial in which the state's memories were drawn
    int64_t* first_choice  # [state]
    int64_t* node  # [depth]
    int64_t* turned  # [depth] whether it is the second of the node's two actions
    double* reward_before  # [depth] path reward on reaching the node
    double* value_before
    double* discount_before
    int64_t depth
    # evaluation in progress
    double reward_sum
    double value_sum
    double reward_squares
    double value_squares
    int64_t cutoffs
    int64_t steps  # environment steps taken in training
    int64_t training_steps  # their number when the evaluation began
    uint64_t other_stream[4]  # the stream that is not in use: evaluation never disturbs training
