"""Algorithm 1 in lanes: the one training loop. Included by the modules that build it for each instruction set."""

from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from .allocation cimport allocate, clipped, divergence, learn_value
from .budget cimport draw_paths
from .continuous cimport CERTAIN, UNCERTAIN, move_all
from .credit cimport credit_all, credit_rewards_to_go, defer_scores, deferred_return
from .effort cimport learn_price, start_effort
from .elementary cimport uniform
from .lanes cimport (
    ACT, BEST_RETURN, BOOTSTRAP, DIRECT, EACH, EVALUATE, FIXED_SAMPLES, FLAT, IDLE, LANES, MAPPED, MEAN_BASELINE,
    NONFINITE_Q, NOW, NO_ERROR, NO_UPDATE, PATH_RETURN, REPORT, REWARD_TO_GO, SAMPLE, SAMPLE_DEFERRED, SCALE,
    TRAJECTORY, USAGE, WITH_EFFORT, Bodies, Error, Lane, Recall, Run, Streams, Task,
)
from .memory cimport ABSENT, add_scores, expected_value, gather, mean_value
from .outcomes cimport chosen_entry, move, step
from .planner cimport begin_path, begin_trial, collect, end_path, remember_draw, search
from .recall cimport recall
from .recorder cimport CUT, ENDED, LAST, Choice, Trial
from .schedules cimport scheduled
from .stream cimport load, next_in_one, store


# Functions of their own for few actions: the compiler unrolls the loops over them, and knows what points where.
cdef void recall_of_two(Recall* tick, Streams* streams) noexcept nogil:
    cdef uint64_t raw[2 * LANES]
    cdef double scratch[8 * LANES]
    recall(tick, streams, raw, scratch, 2)


cdef void recall_of_three(Recall* tick, Streams* streams) noexcept nogil:
    cdef uint64_t raw[3 * LANES]
    cdef double scratch[13 * LANES]
    recall(tick, streams, raw, scratch, 3)


cdef void recall_of_four(Recall* tick, Streams* streams) noexcept nogil:
    cdef uint64_t raw[3 * LANES]
    cdef double scratch[15 * LANES]
    recall(tick, streams, raw, scratch, 4)


cdef void recall_of_many(Recall* tick, Streams* streams, Py_ssize_t n_actions) noexcept nogil:
    recall(tick, streams, tick.raw, tick.scratch, n_actions)


cdef void draw_number_of_paths(Lane* lane, Streams* streams, int which) noexcept nogil:
    draw_paths(lane, streams, which)


cdef inline void credit_path(Lane* lane, Py_ssize_t n_actions, int layout) noexcept nogil:
    """Credit the scores of a trajectory of one path, which waited for its return."""
    if lane.agent.credit == REWARD_TO_GO:
        credit_rewards_to_go(lane, n_actions, layout)
    else:
        credit_all(lane, n_actions, deferred_return(lane), layout)


@cython.final
cdef class Batch:
    """Runs of one task, advanced in slices.

    The arrays are the caller's: they are read and written in place while `advance` runs without the GIL.

    Parameters
    ----------
    task : Tables
        The task.
    runs : buffer of RUN_DTYPE, shape (runs,)
    points : float64 (points, 2)
        Episodes and values of the schedules that are given by points.
    streams : uint64 (runs, 2, 4)
        States of the training and the evaluation stream of each run. IN, and OUT when the run is over.
    q, sigma : float64 (runs, places)
        IN where given, OUT as they are at the moment.
    scale : float64 (runs,)
        The one learned σ of shaped allocations. IN where a run goes on, OUT when it is over.
    usage : float64 (runs, states)
        Recalls in sampled trajectories, the same. Shape (0, 0): no agent asks.
    samples : float64 (runs, states)
        Effort. IN and OUT. Shape (0, 0) unless the layout of the tables has effort.
    earned : float64 (runs, 3)
        Running means of reward and time of learning episodes, and ω. IN and OUT.
    budget : float64 (runs,)
        Search budget of planning, in %. IN and OUT.
    report : float64 (8, runs, checkpoints)
        OUT: means of reward and value, cost, number of cut-offs, mean time of an episode, price of the time of its
        samples, mean samples of a decision, search budget.
    squares : float64 (runs, 2)
        OUT: sums of squares of reward and value about their means, of the last evaluation. Shape (0, 0): not kept.
    snapshot_at : int64 (snapshots,)
        Completed episodes after which q̄ and σ are copied, ascending.
    snapshots : float64 (runs, snapshots, 2, places)
    visits : float64 (runs, states · actions)
        OUT: choices in evaluation episodes. Shape (0, 0): not counted.
    counters : int64 (runs, 4)
        OUT: episodes completed, steps taken in training, learning episodes cut off, error.
    choices : buffer of CHOICE_DTYPE, shape (rows,)
        Recorded choices that drive the learning episodes. Shape (0,): episodes are lived.
    choices_from : int64 (runs + 1,)
        First of the rows of each run.
    recorder : Recorder or None
        Takes the choices of learning episodes.
    """

    cdef Tables tables
    cdef Task task
    cdef Streams streams
    cdef Recall tick
    cdef Bodies bodies
    cdef Lane lanes[LANES]
    cdef Py_ssize_t n_runs, n_checkpoints, n_snapshots, n_entries, next_run, active
    cdef int64_t work  # left in this slice, in recalls of four actions
    cdef bint replayed
    cdef const Run[::1] runs
    cdef const double[:, ::1] points
    cdef uint64_t[:, :, ::1] stream_states
    cdef double[:, ::1] q, sigma, visits, usage, samples, earned, squares
    cdef double[::1] scale, budget
    cdef double[:, :, :] report
    cdef double[:, :, :, ::1] snapshots
    cdef const int64_t[::1] snapshot_at
    cdef int64_t[:, ::1] counters
    cdef const Choice[::1] choices
    cdef const int64_t[::1] choices_from
    cdef Recorder recorder
    cdef void* workspace

    def __cinit__(self, Tables tables not None, const Run[::1] runs, const double[:, ::1] points,
                  uint64_t[:, :, ::1] streams, double[:, ::1] q, double[:, ::1] sigma, double[::1] scale,
                  double[:, ::1] usage, double[:, ::1] samples, double[:, ::1] earned, double[::1] budget,
                  double[:, :, :] report, double[:, ::1] squares, const int64_t[::1] snapshot_at,
                  double[:, :, :, ::1] snapshots, double[:, ::1] visits, int64_t[:, ::1] counters,
                  const Choice[::1] choices, const int64_t[::1] choices_from, Recorder recorder):
        self.tables, self.task = tables, tables.task
        self.runs, self.points, self.stream_states, self.q, self.sigma = runs, points, streams, q, sigma
        self.scale, self.usage, self.samples, self.earned, self.budget = scale, usage, samples, earned, budget
        self.report, self.squares, self.snapshot_at, self.snapshots = report, squares, snapshot_at, snapshots
        self.visits = visits
        self.counters, self.choices, self.choices_from, self.recorder = counters, choices, choices_from, recorder
        self.n_runs, self.n_checkpoints, self.n_snapshots = runs.shape[0], report.shape[2], snapshot_at.shape[0]
        self.n_entries = tables.task.n_states * tables.task.n_actions
        self.replayed = choices.shape[0] > 0
        self.check_shapes()
        self.prepare()
        cdef int which
        for which in range(LANES):
            self.load_run(which)

    def __dealloc__(self):
        free(self.workspace)

    cdef int check_shapes(self) except -1:
        cdef Py_ssize_t n = self.n_runs
        if not (
            self.stream_states.shape[0] == self.q.shape[0] == self.sigma.shape[0] == self.report.shape[1] == n
            and self.snapshots.shape[0] == self.counters.shape[0] == self.scale.shape[0] == n
            and self.counters.shape[1] == 4 and self.points.shape[1] == 2
            and self.stream_states.shape[1] == 2 and self.stream_states.shape[2] == 4
            and self.q.shape[1] == self.sigma.shape[1] == self.snapshots.shape[3] == self.task.n_places
            and self.report.shape[0] == REPORT and self.snapshots.shape[1] == self.n_snapshots
            and self.snapshots.shape[2] == 2
            and (self.squares.shape[0] == 0 or self.squares.shape[0] == n and self.squares.shape[1] == 2)
            and (self.visits.shape[0] == 0 or self.visits.shape[0] == n and self.visits.shape[1] == self.n_entries)
            and (self.usage.shape[0] == 0 or self.usage.shape[0] == n and self.usage.shape[1] == self.task.n_states)
            and (self.samples.shape[0] == (n if self.task.layout == WITH_EFFORT else 0))
            and (self.samples.shape[0] == 0 or self.samples.shape[1] == self.task.n_states)
            and self.earned.shape[0] == self.budget.shape[0] == n and self.earned.shape[1] == 3
            and (not self.replayed or self.choices_from.shape[0] == n + 1)
            and (self.recorder is None or not self.recorder.values.shape[0]
                 or self.recorder.values.shape[2] == 2 * self.task.n_actions + (self.samples.shape[0] > 0))
        ):
            raise ValueError("the arrays of a batch do not fit together")
        return 0

    cdef int prepare(self) except -1:
        """Allocate what lanes and ticks work in: nothing is allocated later."""
        cdef Py_ssize_t n_actions = self.task.n_actions, n_states = self.task.n_states, capacity = self.task.capacity
        cdef Py_ssize_t n_pairs = (n_actions + 1) // 2, vectors = LANES * n_actions
        cdef Py_ssize_t raws = LANES * (n_pairs + 1), columns = LANES * (2 * n_actions + 1 + 3 * n_pairs)
        cdef Py_ssize_t planned = self.task.depth + 1, n_places = self.task.n_places
        cdef Py_ssize_t lane_words = 2 * n_places + 4 * n_states + capacity * (n_actions + 2) + 5 * planned
        cdef Py_ssize_t with_effort = n_states if self.samples.shape[0] else 0
        cdef Py_ssize_t a
        cdef Lane* lane
        cdef double* word
        cdef int which
        lane_words += 4 * with_effort
        self.workspace = calloc(raws + columns + 4 * vectors + LANES * lane_words, sizeof(double))
        if self.workspace == NULL:
            raise MemoryError(f"{8 * LANES * lane_words} bytes for the trajectories of {LANES} runs cannot be had")
        word = <double*> self.workspace
        self.tick.raw, word = <uint64_t*> word, word + raws
        self.tick.scratch, word = word, word + columns
        self.tick.q, word = word, word + 3 * vectors
        self.tick.p, word = word, word + vectors
        for which in range(LANES):
            lane = &self.lanes[which]
            lane.gradient, word = word, word + n_places
            lane.importance, word = word, word + n_places
            lane.usage, word = word, word + n_states
            lane.baseline, word = word, word + n_states
            lane.deferred_score, word = word, word + capacity * n_actions
            lane.deferred_reward, word = word, word + capacity
            lane.deferred_state, word = <int64_t*> word, word + capacity
            lane.drawn_in, word = <int64_t*> word, word + n_states
            lane.first_choice, word = <int64_t*> word, word + n_states
            lane.node, word = <int64_t*> word, word + planned
            lane.turned, word = <int64_t*> word, word + planned
            lane.reward_before, word = word, word + planned
            lane.value_before, word = word, word + planned
            lane.discount_before, word = word, word + planned
            lane.factor, word = word, word + with_effort
            lane.slope_factor, word = word, word + with_effort
            lane.effort_gradient, word = word, word + with_effort
            lane.sampled, word = word, word + with_effort
            lane.trial = 0
            self.tick.lowest[which] = -960.0
            for a in range(n_actions):
                self.tick.q[a * LANES + which] = ABSENT
        return 0

    @property
    def over(self):
        """Whether every run is over."""
        return self.active == 0

    def advance(self, int64_t work):
        """Advance every lane by an amount of work, without the GIL; True when every run is over.

        The unit is a recall of four actions in every lane. A slice also ends when the recorder is full.
        """
        if work < 1:
            raise ValueError(f"work must be at least 1, got {work}")
        self.work = work
        with nogil:
            self.run_ticks()
        return self.active == 0

    cdef void run_ticks(self) noexcept nogil:
        # constants let the compiler unroll the loops over the actions, and leave out what a task does not need
        cdef Py_ssize_t n_actions = self.task.n_actions
        if self.task.layout == WITH_EFFORT:
            if n_actions == 2:
                self.run_two_with_effort()
            else:
                self.run_many_with_effort()
        elif self.task.dynamics > UNCERTAIN:
            if self.task.layout != DIRECT:
                self.run_continuous_mapped()
            elif n_actions == 3:
                self.run_continuous_three()
            else:
                self.run_continuous()
        elif self.task.dynamics == UNCERTAIN:
            if self.task.layout != DIRECT:
                self.run_uncertain_mapped()
            else:
                self.run_uncertain()
        elif self.task.layout != DIRECT:
            if n_actions == 2:
                self.run_two_mapped()
            elif n_actions == 4:
                self.run_four_mapped()
            else:
                self.run_many_mapped()
        elif n_actions == 2:
            self.run_two()
        elif n_actions == 3:
            self.run_three()
        elif n_actions == 4:
            self.run_four()
        else:
            self.run_many()

    # One function for each set of constants, since a compiler may well make one for several calls.
    cdef void run_two_with_effort(self) noexcept nogil:
        self.run_ticks_of(2, self.task.dynamics, WITH_EFFORT)

    cdef void run_many_with_effort(self) noexcept nogil:
        self.run_ticks_of(self.task.n_actions, self.task.dynamics, WITH_EFFORT)

    cdef void run_continuous_mapped(self) noexcept nogil:
        self.run_ticks_of(self.task.n_actions, self.task.dynamics, MAPPED)

    cdef void run_continuous_three(self) noexcept nogil:
        self.run_ticks_of(3, self.task.dynamics, DIRECT)

    cdef void run_continuous(self) noexcept nogil:
        self.run_ticks_of(self.task.n_actions, self.task.dynamics, DIRECT)

    cdef void run_uncertain_mapped(self) noexcept nogil:
        self.run_ticks_of(self.task.n_actions, UNCERTAIN, MAPPED)

    cdef void run_uncertain(self) noexcept nogil:
        self.run_ticks_of(self.task.n_actions, UNCERTAIN, DIRECT)

    cdef void run_two_mapped(self) noexcept nogil:
        self.run_ticks_of(2, CERTAIN, MAPPED)

    cdef void run_four_mapped(self) noexcept nogil:
        self.run_ticks_of(4, CERTAIN, MAPPED)

    cdef void run_many_mapped(self) noexcept nogil:
        self.run_ticks_of(self.task.n_actions, CERTAIN, MAPPED)

    cdef void run_two(self) noexcept nogil:
        self.run_ticks_of(2, CERTAIN, DIRECT)

    cdef void run_three(self) noexcept nogil:
        self.run_ticks_of(3, CERTAIN, DIRECT)

    cdef void run_four(self) noexcept nogil:
        self.run_ticks_of(4, CERTAIN, DIRECT)

    cdef void run_many(self) noexcept nogil:
        self.run_ticks_of(self.task.n_actions, CERTAIN, DIRECT)

    cdef inline void run_ticks_of(self, Py_ssize_t n_actions, int dynamics, int layout) noexcept nogil:
        cdef int which
        cdef Lane* lane
        cdef bint ended
        cdef Py_ssize_t entry
        cdef int64_t cost = 1 + n_actions // 8
        while self.work > 0 and self.active > 0:
            if n_actions == 2:
                recall_of_two(&self.tick, &self.streams)
            elif n_actions == 3:
                recall_of_three(&self.tick, &self.streams)
            elif n_actions == 4:
                recall_of_four(&self.tick, &self.streams)
            else:
                recall_of_many(&self.tick, &self.streams, n_actions)
            if dynamics > UNCERTAIN:
                move_all(dynamics, &self.bodies, self.tick.choice)
            for which in range(LANES):
                lane = &self.lanes[which]
                if lane.phase == SAMPLE:  # nearly all of the work is here
                    entry = chosen_entry(lane, &self.tick, which, n_actions)
                    add_scores(lane, &self.tick, which, n_actions, layout)
                    ended = move(&self.task, lane, &self.bodies, &self.streams, which, &entry, dynamics)
                    if self.count_step(lane, ended):
                        self.end_trajectory(lane, which)
                elif lane.phase == SAMPLE_DEFERRED:
                    entry = chosen_entry(lane, &self.tick, which, n_actions)
                    defer_scores(lane, &self.tick, which, n_actions)
                    ended = step(&self.task, lane, &self.bodies, &self.streams, which, entry, dynamics)
                    lane.deferred_reward[lane.n_deferred - 1] = lane.reward
                    if self.count_step(lane, ended):
                        credit_path(lane, n_actions, layout)
                        self.end_trajectory(lane, which)
                elif lane.phase == ACT or lane.phase == BOOTSTRAP:
                    self.learn(lane, which, n_actions, dynamics, layout)
                elif lane.phase == IDLE:
                    continue
                elif n_actions == 2 and dynamics == CERTAIN and layout == DIRECT:
                    self.explore_planned(lane, which)
                else:
                    self.explore(lane, which)
                gather(lane, &self.tick, which, n_actions, layout)
            self.work -= cost

    cdef inline bint count_step(self, Lane* lane, bint ended) noexcept nogil:
        """One more step of a sampled trajectory; True if it ends there, by itself or by the step limit."""
        lane.step += 1
        if ended or lane.step == lane.step_limit:
            lane.steps += lane.step
            return True
        return False

    cdef inline void learn(self, Lane* lane, int which, Py_ssize_t n_actions, int dynamics, int layout) noexcept nogil:
        """A step of the learning episode, or the recall in the state to which it led."""
        cdef double target
        cdef bint ended, cut
        if lane.phase == ACT:
            lane.acted_in = lane.state
            if self.replayed:
                if not self.replay(lane, which, n_actions, dynamics, &ended):
                    return
            else:
                lane.acted = chosen_entry(lane, &self.tick, which, n_actions)
                ended = step(&self.task, lane, &self.bodies, &self.streams, which, lane.acted, dynamics)
            collect(lane)
            if layout == WITH_EFFORT:
                lane.spent += lane.samples[lane.acted_in]
            if self.recorder is not None:
                self.record(lane, which, n_actions, ended)
            if not ended and not lane.agent.act_only:
                lane.phase = BOOTSTRAP
                return
            target = lane.reward
        else:
            ended = False
            target = lane.reward + lane.agent.gamma * expected_value(lane, &self.tick, which, n_actions, layout)
            lane.phase = ACT
        cut = self.is_cut(lane) and not ended
        self.counters[lane.run, 2] += cut
        if not lane.agent.act_only and target == target and not learn_value(lane, target, n_actions, layout):
            self.abandon(lane, which, NONFINITE_Q)
        elif ended or cut:
            self.end_learning_path(lane, which)

    cdef inline bint is_cut(self, const Lane* lane) noexcept nogil:
        """Whether the learning episode is cut off here: by the step limit, or as it was recorded."""
        if self.replayed:
            return self.choices[lane.row - 1].flags & CUT
        return lane.step == lane.step_limit

    cdef void end_learning_path(self, Lane* lane, int which) noexcept nogil:
        cdef bint over = end_path(lane, &self.task, self.task.n_actions, self.task.layout)
        if self.replayed and lane.agent.learn_search_budget:
            over = self.choices[lane.row - 1].flags & LAST
        if over:
            if lane.agent.learn_opportunity_cost and not lane.agent.act_only:
                learn_price(lane)
            self.begin_sampling(lane, which)
            return
        if self.replayed:
            lane.start_state = self.choices[lane.row].state
        begin_path(lane)

    cdef bint replay(self, Lane* lane, int which, Py_ssize_t n_actions, int dynamics, bint* ended) noexcept nogil:
        """The recorded choice and what followed it, in place of the agent's own; False if nobody chose.

        The outcome is drawn as if the agent had acted, so that its stream is what it was in a simulation.
        """
        cdef const Choice* row = &self.choices[lane.row]
        lane.row += 1
        if row.action < 0:
            lane.state = row.next_state
            if row.flags & (ENDED | CUT):
                self.end_learning_path(lane, which)
            return False
        lane.acted = row.state * n_actions + row.action
        step(&self.task, lane, &self.bodies, &self.streams, which, lane.acted, dynamics)
        lane.state, lane.reward = row.next_state, row.reward
        ended[0] = row.flags & ENDED
        return True

    cdef void record(self, Lane* lane, int which, Py_ssize_t n_actions, bint ended) noexcept nogil:
        """One row of the trial table."""
        cdef Py_ssize_t a, n = self.recorder.counts[which]
        cdef Trial* row = &self.recorder.rows[which, n]
        cdef double* values
        self.recorder.runs[which] = lane.run
        row.episode, row.step = <int32_t> lane.episode, <int32_t> (lane.step - 1)
        row.state, row.next_state = <int32_t> lane.acted_in, <int32_t> lane.state
        row.action = <int32_t> (lane.acted - lane.acted_in * n_actions)
        row.reward = lane.reward
        row.path = <int32_t> (4 * lane.path + (ENDED if ended else (CUT if self.is_cut(lane) else 0)))
        if self.recorder.values.shape[0]:
            values = &self.recorder.values[which, n, 0]
            for a in range(n_actions):  # the tick still holds what was recalled
                values[a] = self.tick.q[a * LANES + which]
                values[n_actions + a] = self.tick.q[(n_actions + a) * LANES + which]
            if self.samples.shape[0]:
                self.record_effort(lane, values, n_actions)
        self.recorder.counts[which] = n + 1
        if n + 1 == self.recorder.rows.shape[1]:
            self.work = 0  # no more until this was fetched

    cdef void record_effort(self, const Lane* lane, double* values, Py_ssize_t n_actions) noexcept nogil:
        """σ of a sample in place of that of the decision, and the number of samples."""
        cdef const int64_t* place = lane.place + lane.acted_in * n_actions
        cdef Py_ssize_t a
        for a in range(n_actions):
            if place[a] >= 0:
                values[n_actions + a] = lane.sigma[place[a]]
        values[2 * n_actions] = lane.samples[lane.acted_in]

    cdef void explore_planned(self, Lane* lane, int which) noexcept nogil:
        self.explore_of(lane, which, 2, CERTAIN, DIRECT)

    cdef void explore(self, Lane* lane, int which) noexcept nogil:
        self.explore_of(lane, which, self.task.n_actions, self.task.dynamics, self.task.layout)

    cdef inline void explore_of(self, Lane* lane, int which, Py_ssize_t n_actions, int dynamics,
                                int layout) noexcept nogil:
        """A step of a trajectory that is planned, or whose states are counted; or of an evaluation episode."""
        cdef Py_ssize_t entry = chosen_entry(lane, &self.tick, which, n_actions)
        cdef bint ended
        if lane.phase == TRAJECTORY:
            if lane.path < lane.n_paths:  # a trial may look at one more path, for its worth alone
                lane.usage[lane.state] += 1.0
                if lane.deferred:
                    defer_scores(lane, &self.tick, which, n_actions)
                else:
                    add_scores(lane, &self.tick, which, n_actions, layout)
        else:
            if self.visits.shape[0]:
                self.visits[lane.run, entry] += 1.0
            if layout == WITH_EFFORT and not lane.agent.depth_first:
                lane.spent += lane.samples[lane.state]
        if lane.agent.depth_first:
            remember_draw(lane, &self.tick, which)
            if search(lane, &self.task, &self.bodies, &self.streams, which, dynamics, layout):
                self.work -= 1 + lane.n_explored // 8
                self.end_trial(lane, which)
            return
        ended = step(&self.task, lane, &self.bodies, &self.streams, which, entry, dynamics)
        if lane.n_deferred:
            lane.deferred_reward[lane.n_deferred - 1] = lane.reward
        collect(lane)
        if ended or lane.step == lane.step_limit:
            if lane.phase == EVALUATE and not ended:
                lane.cutoffs += 1
            if end_path(lane, &self.task, n_actions, layout):
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
        if self.replayed:
            lane.row, lane.last_row = self.choices_from[lane.run], self.choices_from[lane.run + 1]
        for i in range(self.task.n_places):
            if self.task.ever_allocated[i] != 0.0:
                if not agent.given_q:
                    lane.q[i] = agent.q_low
                    if agent.q_high > agent.q_low:
                        lane.q[i] += (agent.q_high - agent.q_low) * uniform(next_in_one(&self.streams, which))
                if not agent.given_sigma:
                    lane.sigma[i] = agent.sigma_0
        memset(lane.gradient, 0, self.task.n_places * sizeof(double))
        lane.scale = self.scale[lane.run] if agent.goes_on else agent.sigma_0
        if self.usage.shape[0]:
            lane.usage = &self.usage[lane.run, 0]
        if not agent.goes_on or not self.usage.shape[0]:
            memset(lane.usage, 0, self.task.n_states * sizeof(double))
        lane.earned = &self.earned[lane.run, 0]
        lane.budget = &self.budget[lane.run]
        lane.n_paths = lane.n_explored = agent.n_paths
        lane.learn_search_budget = <int> agent.learn_search_budget
        if self.samples.shape[0]:
            lane.samples = &self.samples[lane.run, 0]
            start_effort(lane, &self.task)
        lane.deferred = agent.credit != NOW
        lane.mean_baseline = agent.baseline == MEAN_BASELINE and not lane.deferred  # a return has no baseline
        lane.constant_baseline = -1.0 if lane.deferred else 0.0
        self.tick.immediate[which] = 0.0 if lane.deferred else 1.0
        for i in range(self.task.n_states):
            lane.baseline[i] = lane.constant_baseline
            if lane.mean_baseline and self.task.layout == DIRECT:
                lane.baseline[i] = mean_value(lane.q + i * self.task.n_actions, self.task.n_actions)
        lane.sampling = SAMPLE_DEFERRED if lane.deferred else SAMPLE
        if (agent.n_paths > 1 or agent.depth_first or agent.importance == USAGE or agent.rated
                or agent.learn_search_budget):
            lane.sampling = TRAJECTORY
        lane.variant = lane.steps = 0
        lane.episode = agent.first_episode
        while self.changes_by(lane, lane.episode - 1):
            lane.variant += 1
        self.enter_variant(lane)
        self.work -= self.task.n_places // 16 + self.task.n_states // 16
        if agent.episodes == agent.first_episode:
            lane.lam = scheduled(&agent.lam, self.first_point(), lane.episode)
            self.begin_evaluation(lane, which)
        else:
            self.begin_episode(lane, which)
        gather(lane, &self.tick, which, self.task.n_actions, self.task.layout)

    cdef inline const double* first_point(self) noexcept nogil:
        return &self.points[0, 0] if self.points.shape[0] else NULL

    cdef inline bint changes_by(self, const Lane* lane, int64_t episode) noexcept nogil:
        """Whether another variant of the task is in force by an episode."""
        return lane.variant + 1 < self.task.n_variants and self.task.change_at[lane.variant + 1] <= episode

    cdef void begin_episode(self, Lane* lane, int which) noexcept nogil:
        """The task of this episode, its parameters, and the learning episode."""
        cdef const Run* agent = lane.agent
        cdef const double* points = self.first_point()
        while self.changes_by(lane, lane.episode):
            self.change(lane)
        if self.task.episode_reward != NULL:
            lane.outcome_reward = self.task.episode_reward + lane.episode * self.n_entries
        lane.beta = scheduled(&agent.beta, points, lane.episode)
        lane.lam = scheduled(&agent.lam, points, lane.episode)
        lane.rate_q = scheduled(&agent.learning_rate_q, points, lane.episode)
        lane.rate_sigma = scheduled(&agent.learning_rate_sigma, points, lane.episode)
        self.set_beta(which, 1e300 if agent.act_only and agent.hard_evaluation else lane.beta)
        if not agent.learn_q and not agent.act_only:
            self.begin_sampling(lane, which)
            return
        lane.phase = ACT
        lane.spent = 0.0
        self.begin_trial(lane, which)
        if self.replayed:
            lane.start_state = self.choices[lane.row].state
            if agent.learn_search_budget:  # as many paths as were recorded
                lane.n_paths = lane.n_explored = <int64_t> 1 << 62
            begin_path(lane)
        elif self.task.fixed_start != NULL:
            lane.start_state = self.task.fixed_start[lane.episode]
            begin_path(lane)

    cdef inline void begin_trial(self, Lane* lane, int which) noexcept nogil:
        begin_trial(&self.task, lane, &self.bodies, &self.streams, which)
        if lane.learn_search_budget:
            draw_number_of_paths(lane, &self.streams, which)

    cdef void set_beta(self, int which, double beta) noexcept nogil:
        self.tick.beta[which] = beta * 1.4426950408889634

    cdef void enter_variant(self, Lane* lane) noexcept nogil:
        cdef Py_ssize_t outcomes = lane.variant * self.n_entries * self.task.n_outcomes
        lane.step_limit = self.task.step_limit[lane.variant]
        lane.place = self.task.place + lane.variant * self.n_entries
        lane.allocated = self.task.allocated + lane.variant * self.task.n_places
        lane.acting = self.task.acting + lane.variant * self.task.n_states
        lane.following = self.task.following + outcomes
        lane.outcome_reward = self.task.reward + outcomes
        lane.outcome_sd = self.task.reward_sd + outcomes

    cdef void change(self, Lane* lane) noexcept nogil:
        """The next variant of the task; where one σ is learned, memories that come into being have it too."""
        cdef const double* before = lane.allocated
        cdef Py_ssize_t i
        lane.variant += 1
        self.enter_variant(lane)
        if lane.agent.update == SCALE:
            for i in range(self.task.n_places):
                if lane.allocated[i] != 0.0 and before[i] == 0.0:
                    lane.sigma[i] = clipped(lane.scale, lane.agent)

    cdef void begin_sampling(self, Lane* lane, int which) noexcept nogil:
        """The trajectories that the σ update needs."""
        cdef bint fixed = lane.agent.update == NO_UPDATE and lane.agent.learn_samples == FIXED_SAMPLES
        if fixed and not lane.agent.learn_search_budget or lane.agent.act_only:
            self.end_episode(lane, which)
            return
        lane.phase = lane.sampling
        lane.best_sum = lane.gain_sum = 0.0
        lane.trials = 0
        self.begin_trial(lane, which)

    cdef void end_trial(self, Lane* lane, int which) noexcept nogil:
        """After a trial of several paths or an evaluation episode: another one, or what they were for."""
        if lane.phase == TRAJECTORY:
            lane.best_sum += lane.best_value
            self.end_trajectory(lane, which)
            return
        lane.trials += 1
        self.count_evaluation(lane)
        lane.paths_sum += lane.n_paths
        if lane.trials == lane.agent.evaluation_episodes:
            self.end_evaluation(lane, which)
        else:
            self.begin_trial(lane, which)

    cdef void end_trajectory(self, Lane* lane, int which) noexcept nogil:
        """After a sampled trajectory: another one, or the update of σ that they were for."""
        cdef Error error
        lane.trials += 1
        if lane.trials < lane.agent.n_trajectories:
            self.begin_trial(lane, which)
            return
        self.work -= self.task.n_places // 64
        error = allocate(lane, &self.task)
        if error == NO_ERROR:
            self.end_episode(lane, which)
        else:
            self.abandon(lane, which, error)

    cdef void count_evaluation(self, Lane* lane) noexcept nogil:
        """Add an evaluation episode; the scatter by Welford's method, which loses no digits to a large mean."""
        cdef double value = lane.best_value * lane.agent.reward_scale
        cdef double n = <double> lane.trials
        cdef double off = lane.best_reward - lane.reward_mean
        lane.reward_sum += lane.best_reward
        lane.value_sum += value
        lane.reward_mean += off / n
        lane.reward_squares += off * (lane.best_reward - lane.reward_mean)
        off = value - lane.value_mean
        lane.value_mean += off / n
        lane.value_squares += off * (value - lane.value_mean)

    cdef void end_episode(self, Lane* lane, int which) noexcept nogil:
        cdef Py_ssize_t low = 0, high = self.n_snapshots, middle
        lane.episode += 1
        self.counters[lane.run, 0] = lane.episode - lane.agent.first_episode
        while low < high:
            middle = (low + high) // 2
            if self.snapshot_at[middle] < lane.episode:
                low = middle + 1
            else:
                high = middle
        if low < self.n_snapshots and self.snapshot_at[low] == lane.episode:
            memcpy(&self.snapshots[lane.run, low, 0, 0], lane.q, self.task.n_places * sizeof(double))
            memcpy(&self.snapshots[lane.run, low, 1, 0], lane.sigma, self.task.n_places * sizeof(double))
        if lane.agent.evaluate_every and lane.episode % lane.agent.evaluate_every == 0:
            self.begin_evaluation(lane, which)
        else:
            self.next_episode(lane, which)

    cdef void next_episode(self, Lane* lane, int which) noexcept nogil:
        if lane.episode >= lane.agent.episodes:
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
        lane.reward_sum = lane.value_sum = lane.reward_mean = lane.value_mean = 0.0
        lane.reward_squares = lane.value_squares = 0.0
        lane.spent = 0.0
        lane.trials = lane.cutoffs = lane.paths_sum = 0
        lane.training_steps = lane.steps
        lane.lam = scheduled(&lane.agent.lam, self.first_point(), lane.episode)
        self.set_beta(which, 1e300 if lane.agent.hard_evaluation else scheduled(
            &lane.agent.beta, self.first_point(), lane.episode
        ))
        self.begin_trial(lane, which)

    cdef void end_evaluation(self, Lane* lane, int which) noexcept nogil:
        cdef Py_ssize_t i, checkpoint = 0
        cdef double visits, scale = 1.0, n = <double> lane.trials
        cdef double figures[REPORT]
        if lane.agent.episodes > lane.agent.first_episode:
            checkpoint = lane.episode // lane.agent.evaluate_every - 1
            checkpoint -= lane.agent.first_episode // lane.agent.evaluate_every
        visits = <double> (lane.steps - lane.training_steps)
        if lane.agent.depth_first:  # memories are drawn once a trial, but every state of every path takes its time
            visits = <double> (lane.paths_sum * self.task.depth)
        if self.task.layout != WITH_EFFORT:
            lane.spent = visits
        if lane.agent.rated:
            scale = 1.0 / (lane.agent.time_of_sample * (lane.spent / n) + lane.agent.non_decision_time)
        figures[0] = lane.reward_sum / n
        figures[1] = lane.value_sum / n * scale
        figures[2] = lane.lam * divergence(lane, &self.task)
        figures[3] = <double> lane.cutoffs
        figures[4] = (
            lane.agent.time_of_sample * lane.spent
            + lane.agent.non_decision_time * (n if lane.agent.planned else visits)
        ) / n
        figures[5] = lane.earned[2] * lane.agent.sample_time * (lane.spent / n)
        figures[6] = lane.spent / visits
        figures[7] = lane.budget[0]
        for i in range(REPORT):
            self.report[i, lane.run, checkpoint] = figures[i]
        if self.squares.shape[0]:
            self.squares[lane.run, 0] = lane.reward_squares
            self.squares[lane.run, 1] = lane.value_squares * (scale * scale)
        lane.steps = lane.training_steps
        self.work -= self.task.n_places // 32
        self.swap_streams(lane, which)
        self.next_episode(lane, which)

    cdef void end_run(self, Lane* lane, int which) noexcept nogil:
        """Leave what a run goes on from with the caller, and take the next run."""
        if self.recorder is not None:
            self.work = 0
        self.counters[lane.run, 1] = lane.steps
        self.scale[lane.run] = lane.scale
        store(&self.streams, which, &self.stream_states[lane.run, 0, 0])
        memcpy(&self.stream_states[lane.run, 1, 0], lane.other_stream, 4 * sizeof(uint64_t))
        self.active -= 1
        self.load_run(which)

    cdef void abandon(self, Lane* lane, int which, Error error) noexcept nogil:
        """Stop a run that is no longer made of finite numbers."""
        self.counters[lane.run, 0] = lane.episode - lane.agent.first_episode
        self.counters[lane.run, 3] = error
        self.end_run(lane, which)
