"""The particle filter of agents with finitely many trajectories: lanes are particles. Included after likelihood.pxi."""

from libc.math cimport sqrt
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from .elementary cimport uniform
from .lanes cimport LANES, NO_UPDATE, Streams
from .likelihood cimport (
    BETA, LAPSE, PARAMETERS, SIGMA_BASE, Bundle, ChoiceData, Course, FitSetting, Scratch,
)
from .normals cimport draw_normals, draw_radii
from .precise cimport precise_exponential, precise_logarithm
from .stream cimport load, next_in_all, next_in_one


cdef enum:
    SLICE_OF_ROWS = 16384  # rows of eight particles, trajectories counted, after which signals are looked at


cdef struct Replays:  # where each particle of a bundle is in its trajectory, and to work in
    Py_ssize_t row[LANES]  # next row of the episode, or beyond its end
    Py_ssize_t end[LANES]
    int64_t situation[LANES]  # −1: the trajectory is over
    uint64_t* raw  # [pair + 1][lane]
    double* zeta  # [2 pairs][lane]
    double radius[LANES]


cdef Py_ssize_t longest_episode(const ChoiceData* data, const Course* course) noexcept nogil:
    """Most rows answered in an episode of the window."""
    cdef Py_ssize_t i, t, slot, rows, most = 0
    for i in range(course.ring_count):
        slot = (course.ring_first + i) % course.ring_size
        rows = 0
        for t in range(course.ring[2 * slot], course.ring[2 * slot + 1] + 1):
            rows += data.choice[t] >= 0
        most = rows if rows > most else most
    return most


cdef void next_situations(const ChoiceData* data, Replays* replays) noexcept nogil:
    """The next situation that was answered in each particle's episode."""
    cdef int lane
    for lane in range(LANES):
        replays.situation[lane] = -1
        while replays.row[lane] <= replays.end[lane] and replays.situation[lane] < 0:
            if data.choice[replays.row[lane]] >= 0:
                replays.situation[lane] = data.situation[replays.row[lane]]
            replays.row[lane] += 1


cdef void add_sampled(const Bundle* bundle, const ChoiceData* data, const FitSetting* setting, Scratch* scratch,
                      Streams* streams, Replays* replays) noexcept nogil:
    """Ψ ∂log π(a)/∂σ_b / β of a recall and an action drawn from it (Eqs. 4, 5), in every particle's own situation."""
    cdef Py_ssize_t i, a, n, place, n_pairs = (data.n_options + 1) // 2
    cdef int lane
    cdef int64_t memory
    cdef double largest, total, mean, target, below, psi, exponent, chosen, action
    cdef double* value
    cdef double* weight
    for i in range(n_pairs + 1):
        next_in_all(streams, replays.raw + i * LANES)
    for i in range(n_pairs):
        draw_radii(replays.raw + i * LANES, replays.radius)
        draw_normals(replays.raw + i * LANES, replays.radius, replays.zeta + 2 * i * LANES)
    for lane in range(LANES):
        if replays.situation[lane] < 0:
            continue
        place, n = replays.situation[lane] * data.n_options, data.options[replays.situation[lane]]
        value, weight = scratch.value + lane, scratch.shifted + lane
        mean = total = largest = 0.0
        for a in range(n):
            memory = data.memory[place + a]
            value[a * LANES] = data.known[place + a]
            exponent = data.known_sigma[place + a]
            if memory >= 0:
                value[a * LANES] = bundle.q[memory * LANES + lane] + value[a * LANES]
                exponent = bundle.sigma[memory * LANES + lane]
            weight[a * LANES] = value[a * LANES] + replays.zeta[a * LANES + lane] * exponent
            largest = weight[a * LANES] if a == 0 or weight[a * LANES] > largest else largest
        for a in range(n):
            exponent = bundle.p[BETA * LANES + lane] * (weight[a * LANES] - largest)
            weight[a * LANES] = precise_exponential(-690.0 if -690.0 > exponent else exponent)
            total = total + weight[a * LANES]
            mean = mean + value[a * LANES]
        target, below, action = uniform(replays.raw[n_pairs * LANES + lane]) * total, 0.0, 0.0
        for a in range(n - 1):
            below = below + weight[a * LANES]
            action += below <= target
        psi = value[<Py_ssize_t> action * LANES]
        if setting.mean_baseline:
            psi = psi - mean / <double> n
        for a in range(n):
            memory = data.memory[place + a]
            if memory >= 0:
                chosen = 1.0 if <double> a == action else 0.0
                bundle.gradient[memory * LANES + lane] += psi * (
                    replays.zeta[a * LANES + lane] * (chosen - weight[a * LANES] / total)
                )


cdef double sampled_gradient(const Bundle* bundle, const ChoiceData* data, const FitSetting* setting,
                             const Course* course, Scratch* scratch, Streams* streams, Replays* replays,
                             Py_ssize_t longest, Py_ssize_t n_trajectories) noexcept nogil:
    """The reward gradient from trajectories that replay episodes of the window, up to the factor that is returned."""
    cdef Py_ssize_t offset[LANES]
    cdef Py_ssize_t j, step, slot
    cdef int lane
    memset(bundle.gradient, 0, data.n_memories * LANES * sizeof(double))
    if course.ring_count == 0:
        return 0.0
    next_in_all(streams, replays.raw)
    for lane in range(LANES):
        offset[lane] = <Py_ssize_t> (uniform(replays.raw[lane]) * <double> course.ring_count)
    for j in range(n_trajectories):
        for lane in range(LANES):
            slot = (course.ring_first + (offset[lane] + j) % course.ring_count) % course.ring_size
            replays.row[lane], replays.end[lane] = course.ring[2 * slot], course.ring[2 * slot + 1]
        for step in range(longest):
            next_situations(data, replays)
            add_sampled(bundle, data, setting, scratch, streams, replays)
    return bundle.p[BETA * LANES] / <double> n_trajectories


@cython.final
cdef class ParticleFilter:
    """Log-likelihood of one parameter set of a sampled agent on one subject's rows.

    Parameters
    ----------
    likelihood : Likelihood
        Of the same rows and setting; its room to work in is used.
    bundles : int
        The filter has eight particles a bundle.
    n_trajectories : int
    """

    cdef Likelihood likelihood
    cdef Py_ssize_t n_bundles, n_trajectories, state
    cdef Bundle* bundles
    cdef Streams* streams
    cdef Replays replays
    cdef double* weights  # [particle]
    cdef double* before  # [particle][quantity]
    cdef void* workspace

    def __cinit__(self, Likelihood likelihood not None, Py_ssize_t bundles, Py_ssize_t n_trajectories):
        cdef Py_ssize_t i
        if bundles < 1 or n_trajectories < 1:
            raise ValueError("bundles and n_trajectories must be at least 1")
        self.likelihood, self.n_bundles, self.n_trajectories = likelihood, bundles, n_trajectories
        cdef Py_ssize_t k = likelihood.rows.data.n_memories, pairs = (likelihood.rows.data.n_options + 1) // 2
        self.state = 2 * k + 1
        cdef Py_ssize_t structs = (bundles * (sizeof(Bundle) + sizeof(Streams))) // sizeof(double) + 2
        cdef Py_ssize_t words = structs + bundles * LANES * (2 * k + 1 + self.state) + LANES * (3 * pairs + 1)
        cdef double* word
        self.workspace = calloc(words, sizeof(double))
        if self.workspace == NULL:
            raise MemoryError(f"{8 * words} bytes for {LANES * bundles} particles cannot be had")
        self.bundles = <Bundle*> self.workspace
        self.streams = <Streams*> (self.bundles + bundles)
        word = <double*> (self.streams + bundles)
        self.weights, word = word, word + bundles * LANES
        self.before, word = word, word + bundles * LANES * self.state
        self.replays.zeta, word = word, word + 2 * pairs * LANES
        self.replays.raw, word = <uint64_t*> word, word + (pairs + 1) * LANES
        for i in range(bundles):
            self.bundles[i] = likelihood.bundle
            self.bundles[i].q, word = word, word + k * LANES
            self.bundles[i].sigma, word = word, word + k * LANES

    def __dealloc__(self):
        free(self.workspace)

    def evaluate(self, const double[::1] parameters, const uint64_t[:, ::1] streams, double[::1] terms):
        """Terms of the log-likelihood by row, without the GIL.

        Parameters
        ----------
        parameters : float64 (13,)
        streams : uint64 (8 · bundles + 1, 4)
            One a particle, and the last for resampling.
        terms : float64 (rows,), OUT
        """
        cdef Py_ssize_t i
        cdef int lane
        cdef Streams resampling
        cdef uint64_t nothing[4]
        if parameters.shape[0] != PARAMETERS or terms.shape[0] != self.likelihood.rows.data.n_rows:
            raise ValueError("the arrays of a filter do not fit together")
        if streams.shape[0] != self.n_bundles * LANES + 1 or streams.shape[1] != 4:
            raise ValueError(f"streams must have shape ({self.n_bundles * LANES + 1}, 4)")
        memset(nothing, 0, sizeof(nothing))
        for i in range(<int> PARAMETERS):
            for lane in range(LANES):
                self.likelihood.bundle.p[i * LANES + lane] = parameters[i]
        for i in range(self.n_bundles):
            for lane in range(LANES):
                load(&self.streams[i], lane, &streams[i * LANES + lane, 0])
        for lane in range(LANES):
            load(&resampling, lane, &streams[self.n_bundles * LANES, 0] if lane == 0 else nothing)
        with nogil:
            self.walk(&resampling, terms)

    cdef int walk(self, Streams* resampling, double[::1] terms) except -1 nogil:
        cdef const ChoiceData* data = &self.likelihood.rows.data
        cdef Course* course = &self.likelihood.course
        cdef const FitSetting* setting = &self.likelihood.setting
        cdef Scratch* scratch = &self.likelihood.scratch
        cdef Py_ssize_t t, s, n, c, i, longest, work = 0
        cdef int lane
        cdef double lapse, total, gain, n_particles = <double> (self.n_bundles * LANES)
        cdef Bundle* bundle
        cdef bint learns_sigma = setting.update != NO_UPDATE
        for i in range(self.n_bundles):
            bundle = &self.bundles[i]
            for lane in range(LANES):
                bundle.inverse_beta_squared[lane] = 1.0 / (bundle.p[BETA * LANES] * bundle.p[BETA * LANES])
                bundle.precision_base[lane] = 1.0 / (bundle.p[SIGMA_BASE * LANES] * bundle.p[SIGMA_BASE * LANES])
        empty_window(course)
        for t in range(data.n_rows):
            work += self.n_bundles * (1 + self.n_trajectories)
            if work > SLICE_OF_ROWS:  # whoever is at the keyboard is heard in between
                work = 0
                with gil:
                    PyErr_CheckSignals()
            s, c = data.situation[t], data.choice[t]
            n = data.options[s]
            if data.block_start[t]:
                begin_block_of_data(data, course, t)
                for i in range(self.n_bundles):
                    begin_block_of_lanes(&self.bundles[i], data, setting, course, scratch, t)
            for lane in range(LANES):
                self.likelihood.bundle.made[t * LANES + lane] = <double> c
            terms[t] = 0.0
            if data.scored[t]:
                total = 0.0
                for i in range(self.n_bundles):
                    bundle = &self.bundles[i]
                    recall_row(bundle, data, setting, scratch, s)
                    choice_probabilities(bundle, setting, scratch, n, c)
                    for lane in range(LANES):
                        lapse = bundle.p[LAPSE * LANES + lane]
                        self.weights[i * LANES + lane] = (
                            (1.0 - lapse) * scratch.probability[c * LANES + lane] + lapse / <double> n
                        )
                        total = total + self.weights[i * LANES + lane]
                terms[t] = precise_logarithm(total / n_particles)
                self.resample(uniform(next_in_one(resampling, 0)), total / n_particles)
            if c >= 0:
                see(data, course, t)
                for i in range(self.n_bundles):
                    learn_row(&self.bundles[i], data, setting, scratch, t)
            if data.episode_end[t]:
                if learns_sigma:
                    close_episode(data, course, t)
                    longest = longest_episode(data, course)
                    for i in range(self.n_bundles):
                        bundle = &self.bundles[i]
                        gain = sampled_gradient(bundle, data, setting, course, scratch, &self.streams[i], &self.replays,
                                                longest, self.n_trajectories)
                        allocate_lanes(bundle, data, setting, course, scratch, gain)
                course.episode += 1
                course.begin = t + 1
                for i in range(self.n_bundles):
                    warm(&self.bundles[i], course)

    cdef void resample(self, double u, double step) noexcept nogil:
        """Systematic resampling: as many copies of each particle as its weight has steps, rounded by one draw."""
        cdef Py_ssize_t i, j, k, m, memories = self.likelihood.rows.data.n_memories, n = self.n_bundles * LANES
        cdef Bundle* bundle
        cdef int lane
        cdef double below, target
        cdef double* kept
        for i in range(n):
            bundle, lane, kept = &self.bundles[i // LANES], i % LANES, self.before + i * self.state
            for m in range(memories):
                kept[m] = bundle.q[m * LANES + lane]
                kept[memories + m] = bundle.sigma[m * LANES + lane]
            kept[2 * memories] = bundle.scale[lane]
        j, below = 0, self.weights[0]
        for i in range(n):
            target = (u + <double> i) * step
            while below < target and j < n - 1:
                j += 1
                below = below + self.weights[j]
            bundle, lane, kept = &self.bundles[i // LANES], i % LANES, self.before + j * self.state
            for m in range(memories):
                bundle.q[m * LANES + lane] = kept[m]
                bundle.sigma[m * LANES + lane] = kept[memories + m]
            bundle.scale[lane] = kept[2 * memories]
