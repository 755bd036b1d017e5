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
    SAMPLE_DEFERRED  # the same, where scores are kept until their return is known
    TRAJECTORY  # a trajectory of the paths of a planning trial, or one whose states are counted
    EVALUATE

# What agents.rules says in words; the module gives its numbers to Python by name.
cdef enum Credit:
    NOW
    REWARD_TO_GO
    PATH_RETURN
    BEST_RETURN

cdef enum Baseline:
    NO_BASELINE
    MEAN_BASELINE

cdef enum Update:
    EACH
    SCALE
    NO_UPDATE

cdef enum Importance:
    FLAT
    USAGE
    SPREAD

cdef enum Layout:
    DIRECT  # place = state · actions + action
    MAPPED  # memories are found by `place`, or some states lack some actions
    WITH_EFFORT  # the same, and decisions may take several samples

cdef enum RewardNoise:
    NOISELESS
    GAUSSIAN
    BERNOULLI

cdef enum LearnSamples:
    FIXED_SAMPLES
    SHARED_SAMPLES
    SAMPLES_OF_STATE

cdef enum ScheduleKind:
    CONSTANT
    EXPONENTIAL
    POINTS

cdef enum Error:
    NO_ERROR
    NONFINITE_Q
    NONFINITE_SIGMA
    NONFINITE_EVALUATION  # found by the caller
    NONFINITE_SAMPLES
    NONFINITE_BUDGET

# of an evaluation: reward, value, cost, cut-offs, time, its cost, samples a decision, search budget
cdef enum: REPORT = 8

cdef struct Schedule:  # a parameter by episode; the layout is engine.SCHEDULE_DTYPE
    double start
    double rate
    double end
    int64_t kind
    int64_t first  # POINTS: place of the first of its points, and their number
    int64_t count

cdef struct Run:  # one run's parameters; the layout is engine.RUN_DTYPE
    Schedule learning_rate_q
    Schedule learning_rate_sigma
    Schedule beta
    Schedule lam
    double gamma
    double sigma_base
    double sigma_0
    double sigma_min
    double sigma_max
    double q_low
    double q_high
    double reward_scale  # 1 / time of a trial (Eq. 8), or 1
    double samples_max
    double sample_correlation
    double sample_time  # of a sample, priced by ω
    double time_of_sample  # the same, in the duration of an episode (Eq. 8 has its own)
    double non_decision_time
    double planning_time  # of all visits of a trial, with one sample each
    double learning_rate_samples
    double learning_rate_opportunity_cost
    double path_time  # of all visits of a path, with one sample each
    double leaves  # paths that a budget of 100 % pays for
    double search_budget_max  # %
    double learning_rate_search_budget
    int64_t credit
    int64_t baseline
    int64_t update
    int64_t importance
    int64_t learn_q
    int64_t n_trajectories
    int64_t n_paths
    int64_t depth_first
    int64_t given_q  # initial q̄ and σ are in the tables already
    int64_t given_sigma
    int64_t goes_on  # scale and usage are those of earlier episodes
    int64_t first_episode
    int64_t episodes  # number of the last episode, plus 1
    int64_t evaluate_every  # 0: never
    int64_t evaluation_episodes
    int64_t hard_evaluation
    int64_t act_only  # episodes are acted out, and nothing is learned
    int64_t effort  # effort is not 1 for good, or ω is learned
    int64_t learn_samples
    int64_t learn_opportunity_cost
    int64_t planned  # non-decision time is spent once a trial, not once a decision
    int64_t rated  # effort or budget are learned, and the reward rate is maximised: a trial's time is not constant
    int64_t learn_search_budget
    int64_t most_paths  # of a trial whose budget is learned

cdef struct Task:  # read-only; variant v of a changing task is in force from episode change_at[v]
    int dynamics  # CERTAIN, UNCERTAIN or one of the continuous ones
    int option  # of a continuous task
    int layout  # a Layout
    int reward_noise
    Py_ssize_t n_states
    Py_ssize_t n_actions
    Py_ssize_t n_outcomes
    Py_ssize_t n_variants
    Py_ssize_t n_starts
    Py_ssize_t n_places  # memories and known values
    int64_t capacity  # deferred scores for which there is room in a lane
    int64_t depth  # of depth-first planning
    int64_t n_fixed_starts  # episodes whose start is fixed
    const int64_t* change_at  # [variant]
    const int64_t* step_limit  # [variant]
    const double* cumulative  # [variant][state][action][outcome] cumulative probability; the last one is 1
    const int64_t* following  # same shape: 2 · next state, and 1 more where that is terminal
    const double* reward  # same shape
    const double* reward_sd  # same shape, where rewards are GAUSSIAN
    const double* episode_reward  # [episode][state][action] in place of `reward`, or NULL
    const int64_t* place  # [variant][state][action] place of the memory or known value; -1: no such action
    const double* allocated  # [variant][place] 1 where a memory is allocated, else 0
    const double* ever_allocated  # [place] 1 where a memory is allocated in some variant
    const double* acting  # [variant][state] 1 where there is a choice, else 0
    const double* start_cumulative  # [variant][start]
    const int64_t* start_state  # [variant][start]
    const int64_t* fixed_start  # [episode] start of each learning episode, or NULL

cdef struct Streams:  # SFC64, one stream a lane
    uint64_t a[LANES]
    uint64_t b[LANES]
    uint64_t c[LANES]
    uint64_t counter[LANES]

cdef struct Recall:  # one tick
    double* q  # IN [action][lane]: q̄ in the state of each lane; ABSENT where the state has no such action
    # σ (IN) and the scores (OUT) follow, of the same shape: one address for a lane to keep
    # a score is Ψ ζ_a (1[a chosen] − p_a), with Ψ = immediate · q̄(s, a chosen) − baseline
    double* p  # OUT [action][lane]: probabilities of the soft policy given ζ (A.1)
    double beta[LANES]  # IN: β / ln 2
    double lowest[LANES]  # IN: the least exponent of 2 of a weight; GCC finds no maximum with a constant
    double immediate[LANES]  # IN: 1 where Ψ is known at once; 0, with a baseline of −1, where scores are deferred
    double baseline[LANES]  # IN
    double choice[LANES]  # OUT: action, as a double
    uint64_t* raw  # to work in, as the next one
    double* scratch


cdef inline double* sigma_of(const Recall* tick, Py_ssize_t n_actions) noexcept nogil:
    """σ of each action in the state of each lane, [action][lane]."""
    return <double*> tick.q + n_actions * LANES


cdef inline double* score_of(const Recall* tick, Py_ssize_t n_actions) noexcept nogil:
    """The scores, [action][lane]."""
    return <double*> tick.q + 2 * n_actions * LANES


cdef enum: DIMENSIONS = 6  # of a continuous state, at most

cdef struct Bodies:  # a continuous task: where each lane is, and where its choice would take it
    double now[DIMENSIONS][LANES]
    double next[DIMENSIONS][LANES]
    double next_state[LANES]  # index in the table of memories

cdef struct Lane:
    Phase phase
    Phase sampling  # the phase of its trajectories
    int deferred  # scores are kept until their return is known
    int mean_baseline
    int learn_search_budget  # as the agent says: beside what every trial reads
    Py_ssize_t state
    int64_t step
    int64_t step_limit  # of the variant in force
    double* q  # [place], as the next three
    double* sigma
    double* gradient
    double* importance
    double* baseline  # [state] what is taken from immediate · q̄(s,a) to give Ψ, where the layout is DIRECT
    double constant_baseline  # the same, where it is the same in every state
    const int64_t* place  # [state][action] of the variant in force
    const double* allocated  # [place] of that variant
    const int64_t* following  # of that variant, as the next two
    const double* outcome_reward
    const double* outcome_sd
    Py_ssize_t run
    const Run* agent
    double beta  # of the episode, as the next three
    double lam
    double rate_q
    double rate_sigma
    double* usage  # [state] recalls in sampled trajectories, for frequency-based allocation
    double scale  # the one learned σ of shaped allocations
    # effort, where the agent has any
    double* samples  # [state] n, as the next four
    double* factor  # √((1 + (n − 1)ρ)/n), what it makes of σ
    double* slope_factor  # its derivative with respect to ln n
    double* effort_gradient
    double* sampled  # recalls in the sampled trajectories
    double* earned  # running means of reward and time of learning episodes, and ω
    const double* acting  # [state] of the variant in force
    double spent  # samples taken in the episodes so far
    double best_sum  # values of the best paths, where they are asked for
    # search budget
    double* budget  # %
    double gain_sum  # what the last paths of the sampled trials added
    Py_ssize_t variant
    int64_t episode
    int64_t trials  # sampled trajectories or evaluation episodes done
    # the trial in progress
    Py_ssize_t acted_in  # the state of the q̄ update to come
    Py_ssize_t acted  # state · actions + action of it
    Py_ssize_t start_state
    int64_t path
    int64_t n_paths
    int64_t n_explored  # with the one that is looked at for its worth alone, where the budget is learned
    double reward
    double discount
    double path_reward
    double path_value
    double best_reward
    double best_value
    double next_best  # the value that comes second
    # deferred scores
    int64_t n_deferred
    double* deferred_score  # [deferred][action]
    double* deferred_reward  # [deferred]
    int64_t* deferred_state  # [deferred]
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
    # replay: the recorded choice that comes next, and the first one of the next run
    int64_t row
    int64_t last_row
    # evaluation in progress
    double reward_sum
    double value_sum
    double reward_mean  # Welford's running mean and sum of squares about it
    double value_mean
    double reward_squares
    double value_squares
    int64_t cutoffs
    int64_t paths_sum
    int64_t steps  # environment steps taken in training
    int64_t training_steps  # their number when the evaluation began
    uint64_t other_stream[4]  # the stream that is not in use: evaluation never disturbs training
