"""What a kernel has to survive: interruptions at any time, threads that are given up, and memory that cannot be had."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc import _kernel, _threads
from sigmalloc.runs import Schedule, engine

RNG = np.random.default_rng(0)


def many_states(states=10_000):
    following = RNG.integers(0, states, size=(states, 4))
    return sm.TabularMDP(following, RNG.normal(size=(states, 4)), start=0, terminal=[states - 1], step_limit=1)


def many_actions(actions=3000):
    return sm.TabularMDP(np.ones((2, actions), int), RNG.normal(size=(2, actions)), start=0, terminal=[1], step_limit=1)


DEPTH_FIRST = sm.Agent.table_b1("planning", planner="depth-first", search_budget=100.0, gradient="q")
LARGE = {
    "states": (many_states(), sm.Agent(n_trajectories=1), Schedule(10**6)),
    "states with one scale": (many_states(), sm.Agent(n_trajectories=1, allocation="stakes"), Schedule(10**6)),
    "actions": (many_actions(), sm.Agent(), Schedule(10**6)),
    "paths": (sm.tasks.planning(20), DEPTH_FIRST, Schedule(1000)),
    "checkpoints": (many_states(), sm.Agent(n_trajectories=1), Schedule(1000, 1, 1)),
    "snapshots": (sm.tasks.planning(2), sm.Agent.table_b1("planning"), Schedule(20_000, snapshots=range(1, 20_001))),
}


@pytest.mark.parametrize("large", LARGE.values(), ids=LARGE.keys())
def test_a_slice_is_a_bounded_amount_of_work(large):
    """The least of five slices is well within the second that Ctrl-C may take: others may be using the machine."""
    task, agent, schedule = large
    runs = 8
    streams = np.stack([engine.stream_states(0, run) for run in range(runs)])
    out = engine.arrays(task, [agent] * runs, schedule, streams)
    kernel = _kernel.kernel
    rows, points = engine.run_table(
        task, [agent] * runs, schedule, kernel, given_q=False, given_sigma=False, goes_on=False, act_only=False
    )
    batch = kernel.Batch(
        engine.tables(task, [agent], kernel), rows, points, out.streams, out.q, out.sigma, out.scale, out.usage,
        out.samples, out.earned, out.budget, out.report, out.squares, np.array(schedule.snapshots, dtype=np.int64),
        out.snapshots, out.visits, out.counters, np.zeros(0, engine.CHOICE_DTYPE), np.zeros(0, np.int64), None,
    )  # fmt: skip
    took = []
    for _ in range(5):
        begin = time.process_time()
        batch.advance(engine.SLICE)
        took.append(time.process_time() - begin)
    assert min(took) < 0.5, took


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("restarts", [1, 100])
def test_ctrl_c(restarts):
    """One batch is advanced in the calling thread, more in others: an interrupt ends both and nothing runs on."""
    task, agent = sm.tasks.grid_world(), sm.Agent()
    before = threading.active_count()
    alarm = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    alarm.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        sm.train(task, agent, episodes=10**7, restarts=restarts, seed=0)
    assert time.monotonic() - begin < 30  # half a second, and whatever else the machine does
    alarm.join()
    end = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.05)
    assert threading.active_count() <= before
    assert sm.train(task, agent, episodes=2, restarts=2, seed=0).restarts == 2


class TestAside:
    """Ctrl-C is heard while something that cannot be interrupted is computed."""

    def test_returns_and_raises_what_the_function_does(self):
        assert _threads.aside(divmod, 7, 2) == (3, 1)
        with np.errstate(all="raise"), pytest.raises(TimeoutError, match="its own"):
            _threads.aside(self.fails)
        with _threads.Threads(1) as others:  # they hear of no Ctrl-C
            own = others.submit(lambda: (_threads.aside(threading.get_ident), threading.get_ident())).result()
        assert own[0] == own[1]

    def fails(self):
        raise TimeoutError("its own")

    @pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
    def test_ctrl_c(self):
        leave = threading.Event()
        alarm = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        alarm.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                _threads.aside(leave.wait, 60)
            assert not leave.is_set()
        finally:
            leave.set()
            alarm.join()

    @pytest.mark.slow
    @pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
    @pytest.mark.parametrize("call", ["task.optimal_q(.99)", "sm.exact.evaluate(task, agent, q, q + 3)"])
    def test_solves_of_many_states(self, call):
        """Three outcomes to any of 10,000 states: the factors are nearly full, and take tens of seconds."""
        script = textwrap.dedent(f"""
            import os, signal, threading, time
            import numpy as np
            import sigmalloc as sm
            rng, n = np.random.default_rng(0), 10_000
            task = sm.TabularMDP(
                rng.integers(0, n, (n, 4, 3)), rng.normal(-1, 0.1, (n, 4, 3)), rng.dirichlet(np.ones(3), (n, 4)),
                start=0, terminal=[n - 1],
            )
            agent, q = sm.Agent(gamma=0.99), np.zeros((n, 4))
            sent = []
            def stop():
                sent.append(time.monotonic())
                os.kill(os.getpid(), signal.SIGINT)
            threading.Timer(5, stop).start()
            try:
                {call}
            except KeyboardInterrupt:
                print(time.monotonic() - sent[0], flush=True)
            os._exit(0)
        """)
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
        assert done.stdout and float(done.stdout) < 1, (done.stdout, done.stderr)


def test_a_daemon_thread_that_trains_keeps_no_process_alive():
    script = textwrap.dedent("""
        import threading, time
        import sigmalloc as sm
        work = lambda: sm.train("grid-world", sm.Agent(), episodes=10**8, restarts=64, seed=0)
        threading.Thread(target=work, daemon=True).start()
        time.sleep(0.5)
        print("done", flush=True)
    """)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "done"), done.stderr


FAILING = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>
static long left = 0;       /* the allocation of the kernel that will fail, counted down; 0: none does */
static int failed = 0;
void arm(long count) { left = count; failed = 0; }
int has_failed(void) { return failed; }
static int fails(void *caller) {
    Dl_info info;
    if (left == 0 || !dladdr(caller, &info) || !info.dli_fname) return 0;
    if (!strstr(info.dli_fname, "sigmalloc/_kernel")) return 0;
    if (--left > 0) return 0;
    failed = 1;
    return 1;
}
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
void *malloc(size_t size) { return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size); }
"""
SCRIPT = """
import ctypes
import numpy as np
import sigmalloc as sm
from sigmalloc.fit import Choices, Model, filter_log_likelihoods, log_likelihood
library = ctypes.CDLL(None)
task, agent = sm.tasks.grid_world(step_limit=20), sm.Agent(gradient="reinforce")
thinking = sm.Agent(gradient="reinforce", opportunity_cost=0.1, decision_time=0.1)
machines = sm.tasks.slot_machines()
data = Choices.from_task(machines, sm.simulate(machines, sm.Agent(), episodes=30, restarts=2, seed=0).to_frame())
calls = {
    "train": lambda: sm.train(task, agent, episodes=2, restarts=3, seed=0, evaluate_every=1).memory_sigma,
    "simulate": lambda: sm.simulate(task, agent, episodes=2, restarts=3, seed=0).reward,
    "log_likelihood": lambda: log_likelihood(data, sm.Agent(), pointwise=True),
    "filter": lambda: filter_log_likelihoods(
        data[0], Model(agent=sm.Agent()), ("lam",), [[0.1], [0.3]], particles=8, repetitions=2, seed=0).log_likelihood,
    "effort": lambda: sm.train(task, thinking, episodes=2, restarts=3, seed=0, evaluate_every=1).time,
    "evaluate": lambda: sm.evaluate(task, agent, np.zeros((54, 4)), np.ones((54, 4)), episodes=9, seed=0).visits,
}
for name, call in calls.items():
    expected = call()
    count = 0
    while True:
        count += 1
        library.arm(ctypes.c_long(count))
        try:
            found = call()
        except MemoryError:
            found = None
        finally:
            failed = library.has_failed()
            library.arm(ctypes.c_long(0))
        assert found is None or np.array_equal(found, expected), (name, count)
        assert np.array_equal(call(), expected), (name, count)
        if not failed:
            break
    print(name, count - 1)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux") or not shutil.which("gcc"), reason="GNU libc and GCC")
def test_every_allocation_of_the_kernel_fails_once(tmp_path):
    """Each in turn: a MemoryError, or the right bits; and the next call is right."""
    source, library = tmp_path / "failing.c", tmp_path / "failing.so"
    source.write_text(FAILING, encoding="utf-8")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env={**os.environ, "LD_PRELOAD": str(library), "PYTHONMALLOC": "malloc"},
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    counts = {name: int(count) for name, count in (line.split() for line in done.stdout.splitlines())}
    assert (
        set(counts) == {"train", "simulate", "log_likelihood", "filter", "effort", "evaluate"}
        and min(counts.values()) >= 1
    )
