"""Algorithm 1 in lanes: the one training loop. Included by the modules that build it for each instruction set."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from .allocation cimport (
    allocate, clipped, divergence, expected_value, inverse_temperature, learn_value, mean_value,
)
from .elementary cimport uniform
from .environment cimport chosen_entry, move, move_cars, step
from .lanes cimport (
    ACT, ADVANTAGE, BOOTSTRAP, CERTAIN, DRA, EVALUATE, FIXED, FREQUENCY, IDLE, LANES, MOUNTAIN_CAR, NONFINITE_Q,
    NONFINITE_SIGMA, REINFORCE, REPORT, SAMPLE, SAMPLE_KEPT, TRAJECTORY, UNCERTAIN, Cars, Dynamics, Error, Lane, Recall,
    Run, Streams, Task, sigma_of,
)
from .planner cimport (
    add_score, begin_path, begin_trial, collect, credit_all, credit_rewards_to_go, end_path, keep_score, kept_return,
    remember_draw, search,
)
from .recall cimport ABSENT, recall
from .stream cimport load, next_in_one, store


# Functions of their own for few actions: the compiler unrolls the loops over them, and knows what points where.
cdef void recall_of_two(Recall* tick, Streams* streams) noexcept nogil:
    cdef uint64_t raw[2 * LANES]
    cdef double room[8 * LANES]
    recall(tick, streams, raw, room, 2)


cdef void recall_of_three(Recall* tick, Streams* streams) noexcept nogil:
    cdef uint64_t raw[3 * LANES]
    cdef double room[13 * LANES]
    recall(tick, streams, raw, room, 3)


cdef void recall_of_four(Recall* tick, Streams* streams) noexcept nogil:
    cdef uint64_t raw[3 * LANES]
    cdef double room[15 * LANES]
    recall(tick, streams, raw, room, 4)


cdef void recall_of_many(Recall* tick, Streams* streams, Py_ssize_t n_actions) noexcept nogil:
    recall(tick, streams, tick.raw, tick.room, n_actions)


@cython.final
cdef class Batch:
    """Runs of one task, advanced in slices.

    The arrays are the caller's: they are read and written in place while `advance` runs without the GIL.

    Parameters
    ----------
    task : Tables
        The task.
    runs : buffer of RUN_DTYPE, shape (runs,)
    streams : uint64 (runs, 2, 4)
        States of the training and the evaluation stream of each run. IN, and OUT when the run is over.
    q, sigma : float64 (runs, states · actions)
        IN where given, OUT as they are at the moment.
    report : float64 (runs, checkpoints, 7)
        OUT: means of reward and value, cost, number of cut-offs, sums of squares of reward and value, steps.
    snapshot_at : int64 (snapshots,)
        Completed episodes after which q̄ and σ are copied, ascending.
    snapshots : float64 (runs, snapshots, 2, states · actions)
    visits : float64 (runs, states · actions)
        OUT: choices in evaluation episodes. Shape (0, 0): not counted.
    counters : int64 (runs, 4)
        OUT: episodes completed, steps taken in training, learning episodes cut off, error.
    """

    cdef Tables tables
    cdef Task task
    cdef Streams streams
    cdef Recall tick
    cdef Cars cars
    cdef Lane lanes[LANES]
    cdef Py_ssize_t n_runs, n_checkpoints, n_snapshots, n_entries, next_run, active
    cdef const Run[::1] runs
    cdef uint64_t[:, :, ::1] stream_states
    cdef double[:, ::1] q, sigma, visits
    cdef double[:, :, ::1] report
    cdef double[:, :, :, ::1] snapshots
    cdef const int64_t[::1] snapshot_at
    cdef int64_t[:, ::1] counters
    cdef void* workspace

    def __cinit__(self, Tables tables not None, const Run[::1] runs, uint64_t[:, :, ::1] streams, double[:, ::1] q,
                  double[:, ::1] sigma, double[:, :, ::1] report, const int64_t[::1] snapshot_at,
                  double[:, :, :, ::1] snapshots, double[:, ::1] visits, int64_t[:, ::1] counters):
        self.tables, self.task = tables, tables.task
        self.runs, self.stream_states, self.q, self.sigma = runs, streams, q, sigma
        self.report, self.snapshot_at, self.snapshots, self.visits = report, snapshot_at, snapshots, visits
        self.counters = counters
        self.n_runs, self.n_checkpoints, self.n_snapshots = runs.shape[0], report.shape[1], snapshot_at.shape[0]
        self.n_entries = tables.task.n_states * tables.task.n_actions
        self.check_shapes()
        self.furnish()
        cdef int which
        for which in range(LANES):
            self.load_run(which)

    def __dealloc__(self):
        free(self.workspace)

    cdef int check_shapes(self) except -1:
        cdef Py_ssize_t n = self.n_runs
        if not (
            self.stream_states.shape[0] == self.q.shape[0] == self.sigma.shape[0] == self.report.shape[0] == n
            and self.snapshots.shape[0] == self.counters.shape[0] == n and self.counters.shape[1] == 4
            and self.stream_states.shape[1] == 2 and self.stream_states.shape[2] == 4
            and self.q.shape[1] == self.sigma.shape[1] == self.snapshots.shape[3] == self.n_entries
            and self.report.shape[2] == REPORT and self.snapshots.shape[1] == self.n_snapshots
            and self.snapshots.shape[2] == 2
            and (self.visits.shape[0] == 0 or self.visits.shape[0] == n and self.visits.shape[1] == self.n_entries)
        ):
            raise ValueError("the arrays of a batch do not fit together")
        return 0

    cdef int furnish(self) except -1:
        """Allocate what lanes and ticks work in: nothing is allocated later."""
        cdef Py_ssize_t n_actions = self.task.n_actions, n_states = self.task.n_states, room = self.task.max_path
        cdef Py_ssize_t n_pairs = (n_actions + 1) // 2, vectors = LANES * n_actions
        cdef Py_ssize_t raws = LANES * (n_pairs + 1), columns = LANES * (2 * n_actions + 1 + 3 * n_pairs)
        cdef Py_ssize_t planned = self.tables.depth + 1
        cdef Py_ssize_t lane_words = (
            self.n_entries + 2 * n_states + room * (n_actions + 2) + 2 * n_states + 5 * planned
        )
        cdef Py_ssize_t a
        cdef Lane* lane
        cdef double* word
        cdef int which
        self.workspace = calloc(raws + columns + 4 * vectors + LANES * lane_words, sizeof(double))
        if self.workspace == NULL:
            raise MemoryError(f"{8 * LANES * lane_words} bytes for the trajectories of {LANES} runs cannot be had")
        word = <double*> self.workspace
        self.tick.raw, word = <uint64_t*> word, word + raws
        self.tick.room, word = word, word + columns
        self.tick.q, word = word, word + 3 * vectors
        self.tick.p, word = word, word + vectors
        for which in range(LANES):
            lane = &self.lanes[which]
            lane.gradient, word = word, word + self.n_entries
            lane.usage, word = word, word + n_states
            lane.baseline, word = word, word + n_states
            lane.kept_score, word = word, word + room * n_actions
            lane.kept_reward, word = word, word + room
            lane.kept_state, word = <int64_t*> word, word + room
            lane.drawn_in, word = <int64_t*> word, word + n_states
            lane.first_choice, word = <int64_t*> word, word + n_states
            lane.node, word = <int64_t*> word, word + planned
            lane.turned, word = <int64_t*> word, word + planned
            lane.reward_before, word = word, word + planned
            lane.value_before, word = word, word + planned
            lane.discount_before, word = word, word + planned
            lane.trial = 0
            self.tick.faintest[which] = -960.0
            for a in range(n_actions):
                self.tick.q[a * LANES + which] = ABSENT
        return 0

    @property
    def over(self):
        """Whether every run is over."""
        return self.active == 0

    def advance(self, int64_t ticks):
        """Advance every lane by a number of recalls, without the GIL; True when every run is over."""
        if ticks < 1:
            raise ValueError(f"ticks must be at least 1, got {ticks}")
        with nogil:
            self.run_ticks(ticks)
        return self.active == 0

    cdef void run_ticks(self, int64_t ticks) noexcept nogil:
        # constants let the compiler unroll the loops over the actions, and leave out the other dynamics
        if self.task.dynamics == MOUNTAIN_CAR:
            self.run_ticks_of(ticks, 3, MOUNTAIN_CAR)
        elif self.task.dynamics == UNCERTAIN:
            self.run_ticks_of(ticks, self.task.n_actions, UNCERTAIN)
        elif self.task.n_actions == 2:
            self.run_ticks_of(ticks, 2, CERTAIN)
        elif self.task.n_actions == 3:
            self.run_ticks_of(ticks, 3, CERTAIN)
        elif self.task.n_actions == 4:
            self.run_ticks_of(ticks, 4, CERTAIN)
        else:
            self.run_ticks_of(ticks, self.task.n_actions, CERTAIN)

    cdef inline void run_ticks_of(self, int64_t ticks, Py_ssize_t n_actions, Dynamics dynamics) noexcept nogil:
        cdef int which
        cdef Lane* lane
        cdef bint ended
        cdef Py_ssize_t entry
        while ticks > 0 and self.active > 0:
            if n_actions == 2:
                recall_of_two(&self.tick, &self.streams)
            elif n_actions == 3:
                recall_of_three(&self.tick, &self.streams)
            elif n_actions == 4:
                recall_of_four(&self.tick, &self.streams)
            else:
                recall_of_many(&self.tick, &self.streams, n_actions)
            if dynamics == MOUNTAIN_CAR:
                move_cars(&self.cars, self.tick.choice)
            for which in range(LANES):
                lane = &self.lanes[which]
                if lane.phase == SAMPLE:  # nearly all of the work is here
                    entry = chosen_entry(lane, &self.tick, which, n_actions)
                    add_score(lane, &self.tick, which, n_actions)
                    ended = move(&self.task, lane, &self.cars, &self.streams, which, &entry, dynamics)
                    if self.count_step(lane, ended):
                        self.end_trial(lane, which)
                elif lane.phase == SAMPLE_KEPT:
                    entry = chosen_entry(lane, &self.tick, which, n_actions)
                    keep_score(lane, &self.tick, which, n_actions)
                    ended = step(&self.task, lane, &self.cars, &self.streams, which, entry, dynamics)
                    lane.kept_reward[lane.kept - 1] = lane.reward
                    if self.count_step(lane, ended):
                        if lane.agent.gradient == REINFORCE:
                            credit_rewards_to_go(lane, n_actions)
                        else:
                            credit_all(lane, n_actions, kept_return(lane))
                        self.end_trial(lane, which)
                elif lane.phase == ACT or lane.phase == BOOTSTRAP:
                    self.learn(lane, which, n_actions, dynamics)
                elif lane.phase == IDLE:
                    continue
                else:
                    self.explore(lane, which)
                self.face(lane, which, n_actions)
            ticks -= 1

    cdef inline bint count_step(self, Lane* lane, bint ended) noexcept nogil:
        """One more step of a sampled trajectory; True if it ends there, by itself or by the step limit."""
        lane.step += 1
        if ended or lane.step == self.task.step_limit:
            lane.steps += lane.step
            return True
        return False

    cdef inline void face(self, const Lane* lane, int which, Py_ssize_t n_actions) noexcept nogil:
        """Put the memories of the lane's state before the next recall."""
        cdef Py_ssize_t a, row = lane.state * n_actions
        cdef double* q = self.tick.q + which
        cdef double* sigma = sigma_of(&self.tick, n_actions) + which
        for a in range(n_actions):
            q[a * LANES] = lane.q[row + a]
            sigma[a * LANES] = lane.sigma[row + a]
        self.tick.baseline[which] = lane.baseline[lane.state]

    cdef inline void learn(self, Lane* lane, int which, Py_ssize_t n_actions, Dynamics dynamics) noexcept nogil:
        """A step of the learning episode, or the recall in the state to which it led."""
        cdef double target
        cdef bint ended
        if lane.phase == ACT:
            lane.acted_in = lane.state
            lane.acted = chosen_entry(lane, &self.tick, which, n_actions)
            ended = step(&self.task, lane, &self.cars, &self.streams, which, lane.acted, dynamics)
            collect(lane)
            if not ended:
                lane.phase = BOOTSTRAP
                return
            target = lane.reward
        else:
            target = lane.reward + lane.agent.gamma * expected_value(lane, &self.tick, which, n_actions)
            lane.phase = ACT
            ended = lane.step == self.task.step_limit
            self.counters[lane.run, 2] += ended
        if not learn_value(lane, target, n_actions):
            self.abandon(lane, which, NONFINITE_Q)
        elif ended:
            if end_path(lane, &self.task):
                self.begin_sampling(lane, which)
            else:
                begin_path(lane)

    cdef void explore(self, Lane* lane, int which) noexcept nogil:
        """A step of a trajectory that is planned, or whose states are counted; or of an evaluation episode."""
        cdef Py_ssize_t n_actions = self.task.n_actions
        cdef Py_ssize_t entry = chosen_entry(lane, &self.tick, which, n_actions)
        cdef bint ended
        if lane.phase == TRAJECTORY:
            lane.usage[lane.state] += 1.0
            if lane.waits:
                keep_score(lane, &self.tick, which, n_actions)
            else:
                add_score(lane, &self.tick, which, n_actions)
        elif self.visits.shape[0]:
            self.visits[lane.run, entry] += 1.0
        if lane.agent.depth_first:
            remember_draw(lane, &self.tick, which)
            if search(lane, &self.task, &self.cars, &self.streams, which):
                self.end_trial(lane, which)
            return
        ended = step(&self.task, lane, &self.cars, &self.streams, which, entry, self.task.dynamics)
        if lane.kept:
            lane.kept_reward[lane.kept - 1] = lane.reward
        collect(lane)
        if ended or lane.step == self.task.step_limit:
            if lane.phase == EVALUATE and not ended:
                lane.cutoffs += 1
            if end_path(lane, &self.task):
                self.end_trial(lane, which)
            else:
                begin_path(lane)

    cdef void load_run(self, int which) noexcept nogil:
        """Give the lane the next run of the batch, if there is one."""
        cdef Lane* lane = &self.lanes[which]
        cdef Py_ssize_t i
        cdef const Run* agent
        lane.phase = IDLE
        if self.next_run == self.n_runs:
            return
        lane.run = self.next_run
        self.next_run += 1
        self.active += 1
        agent = lane.agent = &self.runs[lane.run]
        lane.q, lane.sigma = &self.q[lane.run, 0], &self.sigma[lane.run, 0]
        load(&self.streams, which, &self.stream_states[lane.run, 0, 0])
        memcpy(lane.other_stream, &self.stream_states[lane.run, 1, 0], 4 * sizeof(uint64_t))
        for i in range(self.n_entries):
            if self.task.ever_memory[i] != 0.0:
                if not agent.given_q:
                    lane.q[i] = agent.q_low
                    if agent.q_high > agent.q_low:
                        lane.q[i] += (agent.q_high - agent.q_low) * uniform(next_in_one(&self.streams, which))
                if not agent.given_sigma:
                    lane.sigma[i] = agent.sigma_0
        memset(lane.gradient, 0, self.n_entries * sizeof(double))
        memset(lane.usage, 0, self.task.n_states * sizeof(double))
        lane.waits = agent.gradient >= REINFORCE
        self.tick.stake[which] = 0.0 if lane.waits else 1.0
        for i in range(self.task.n_states):
            lane.baseline[i] = -1.0 if lane.waits else 0.0
            if agent.gradient == ADVANTAGE:
                lane.baseline[i] = mean_value(lane.q + i * self.task.n_actions, self.task.n_actions)
        lane.sampling = SAMPLE_KEPT if lane.waits else SAMPLE
        if agent.n_paths > 1 or agent.depth_first or agent.allocation == FREQUENCY:
            lane.sampling = TRAJECTORY
        lane.scale = agent.sigma_0
        lane.episode = lane.variant = lane.steps = 0
        self.enter_variant(lane)
        if agent.episodes == 0:
            self.begin_evaluation(lane, which)
        else:
            self.begin_episode(lane, which)
        self.face(lane, which, self.task.n_actions)

    cdef void begin_episode(self, Lane* lane, int which) noexcept nogil:
        """The task of this episode, its β, and the learning episode."""
        while lane.variant + 1 < self.task.n_variants and self.task.change_at[lane.variant + 1] <= lane.episode:
            self.change(lane)
        lane.beta = inverse_temperature(lane.agent, <double> lane.episode)
        self.set_beta(which, lane.beta)
        if not lane.agent.learn_q:
            self.begin_sampling(lane, which)
            return
        lane.phase = ACT
        begin_trial(&self.task, lane, &self.cars, &self.streams, which)

    cdef void set_beta(self, int which, double beta) noexcept nogil:
        self.tick.sharpness[which] = beta * 1.4426950408889634

    cdef void enter_variant(self, Lane* lane) noexcept nogil:
        cdef Py_ssize_t outcomes = lane.variant * self.n_entries * self.task.n_outcomes
        lane.memory = self.task.memory + lane.variant * self.n_entries
        lane.following = self.task.following + outcomes
        lane.outcome_reward = self.task.reward + outcomes

    cdef void change(self, Lane* lane) noexcept nogil:
        """The next variant of the task; where one σ is learned, memories that come into being have it too."""
        cdef const double* before = lane.memory
        cdef Py_ssize_t i
        lane.variant += 1
        self.enter_variant(lane)
        if lane.agent.allocation != DRA and lane.agent.allocation != FIXED:
            for i in range(self.n_entries):
                if lane.memory[i] != 0.0 and before[i] == 0.0:
                    lane.sigma[i] = clipped(lane.scale, lane.agent)

    cdef void begin_sampling(self, Lane* lane, int which) noexcept nogil:
        """The trajectories that the σ update needs."""
        if lane.agent.allocation == FIXED:
            self.end_episode(lane, which)
            return
        lane.phase = lane.sampling
        lane.trials = 0
        begin_trial(&self.task, lane, &self.cars, &self.streams, which)

    cdef void end_trial(self, Lane* lane, int which) noexcept nogil:
        """After a trajectory or an evaluation episode: another one, or what they were for."""
        cdef double value = lane.best_value * lane.agent.reward_scale
        lane.trials += 1
        if lane.phase == EVALUATE:
            lane.reward_sum += lane.best_reward
            lane.reward_squares += lane.best_reward * lane.best_reward
            lane.value_sum += value
            lane.value_squares += value * value
            if lane.trials == lane.agent.evaluation_episodes:
                self.end_evaluation(lane, which)
                return
        elif lane.trials == lane.agent.n_trajectories:
            if allocate(lane, &self.task):
                self.end_episode(lane, which)
            else:
                self.abandon(lane, which, NONFINITE_SIGMA)
            return
        begin_trial(&self.task, lane, &self.cars, &self.streams, which)

    cdef void end_episode(self, Lane* lane, int which) noexcept nogil:
        cdef Py_ssize_t i
        lane.episode += 1
        self.counters[lane.run, 0] = lane.episode
        for i in range(self.n_snapshots):
            if self.snapshot_at[i] == lane.episode:
                memcpy(&self.snapshots[lane.run, i, 0, 0], lane.q, self.n_entries * sizeof(double))
                memcpy(&self.snapshots[lane.run, i, 1, 0], lane.sigma, self.n_entries * sizeof(double))
        if lane.agent.evaluate_every and lane.episode % lane.agent.evaluate_every == 0:
            self.begin_evaluation(lane, which)
        else:
            self.next_episode(lane, which)

    cdef void next_episode(self, Lane* lane, int which) noexcept nogil:
        if lane.episode == lane.agent.episodes:
            self.end_run(lane, which)
        else:
            self.begin_episode(lane, which)

    cdef void swap_streams(self, Lane* lane, int which) noexcept nogil:
        cdef uint64_t state[4]
        store(&self.streams, which, state)
        load(&self.streams, which, lane.other_stream)
        memcpy(lane.other_stream, state, 4 * sizeof(uint64_t))

    cdef void begin_evaluation(self, Lane* lane, int which) noexcept nogil:
        """Fresh episodes from a stream of their own, with q̄ and σ frozen."""
        self.swap_streams(lane, which)
        lane.phase = EVALUATE
        lane.reward_sum = lane.reward_squares = lane.value_sum = lane.value_squares = 0.0
        lane.trials = lane.cutoffs = 0
        lane.training_steps = lane.steps
        self.set_beta(
            which, 1e300 if lane.agent.hard_evaluation else inverse_temperature(lane.agent, <double> lane.episode)
        )
        begin_trial(&self.task, lane, &self.cars, &self.streams, which)

    cdef void end_evaluation(self, Lane* lane, int which) noexcept nogil:
        cdef Py_ssize_t checkpoint = 0
        cdef double n = <double> lane.trials
        if lane.agent.episodes:
            checkpoint = lane.episode // lane.agent.evaluate_every - 1
        cdef double* row = &self.report[lane.run, checkpoint, 0]
        row[0] = lane.reward_sum / n
        row[1] = lane.value_sum / n
        row[2] = lane.agent.lam * divergence(lane, &self.task)
        row[3] = <double> lane.cutoffs
        row[4] = lane.reward_squares
        row[5] = lane.value_squares
        row[6] = <double> (lane.steps - lane.training_steps)
        lane.steps = lane.training_steps
        self.swap_streams(lane, which)
        self.next_episode(lane, which)

    cdef void end_run(self, Lane* lane, int which) noexcept nogil:
        """Leave the final state of the streams with the caller, and take the next run."""
        self.counters[lane.run, 1] = lane.steps
        store(&self.streams, which, &self.stream_states[lane.run, 0, 0])
        memcpy(&self.stream_states[lane.run, 1, 0], lane.other_stream, 4 * sizeof(uint64_t))
        self.active -= 1
        self.load_run(which)

    cdef void abandon(self, Lane* lane, int which, Error error) noexcept nogil:
        """Stop a run that is no longer made of finite numbers."""
        self.counters[lane.run, 0] = lane.episode
        self.counters[lane.run, 3] = error
        self.end_run(lane, which)
