"""Ctrl-C ends whatever takes long within a second: fits, likelihoods, searches, sweeps, tables of results, files."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")]

BEGIN = """
    import time
    import numpy as np
    import sigmalloc as sm
    rng = np.random.default_rng(0)
    slots, agent = sm.tasks.slot_machines(), sm.Agent(lam=0.1, sigma_base=2.0, sigma_0=1.5, q_init=30.0)
    planning = dict(task="planning", agent=sm.Agent.table_b1("planning"), episodes=10, restarts=1, seed=0)
    planning.update(progress=False)
    plane = {"lam": np.linspace(0.01, 1, 1500), "sigma_0": np.linspace(1, 2, 1500)}

    def stop(done, whole):
        raise KeyboardInterrupt
    free = ["learning_rate_q", "learning_rate_sigma", "lam", "sigma_0"]

    def choices(subjects, trials, options=2, memories=4):
        n = subjects * trials
        memory = np.argsort(rng.random((n, memories)), axis=1)[:, :options]
        return sm.fit.Choices.from_arrays(
            memory, rng.integers(0, options, n), rng.normal(memory, 1.0), subject=np.repeat(np.arange(subjects), trials)
        )

    def random_task(states):
        shape = (states, 4, 3)
        return sm.TabularMDP(
            rng.integers(0, states, shape), rng.normal(-1, 0.1, shape), rng.dirichlet(np.ones(3), shape[:2]), start=0,
            terminal=[states - 1],
        )
"""
CALLS = {
    "fit of many": ("data = choices(300, 300)", "sm.fit.fit(data, agent, free=free)"),
    "fit with many options": (
        "data, model = choices(2, 3000, 8, 10), sm.fit.Model(agent=agent, policy='soft')",
        "sm.fit.fit(data, model, free=free)",
    ),
    "fit of a group": ("data = choices(100, 300)", "sm.fit.fit_group(data, agent, free=free)"),
    "likelihoods": (
        "data, model = choices(1, 300_000)[0], sm.fit.Model(agent=agent.replace(n_trajectories=500))",
        "sm.fit.log_likelihoods(data, model, free, np.tile([0.1, 0.1, 0.1, 1.0], (500, 1)))",
    ),
    "likelihood in a task": (
        "data = sm.fit.Choices.from_task(slots, sm.simulate(slots, agent, episodes=100_000, restarts=1, seed=0))[0]",
        "sm.fit.log_likelihoods(data, sm.fit.Model(agent=agent, gradient_source='task', policy='soft'), free,"
        " np.tile([0.1, 0.1, 0.1, 1.0], (500, 1)))",
    ),
    "recovery": ("", "sm.fit.recover_parameters(slots, agent, trials=500, subjects=200, seed=0)"),
    "CMA-ES in many dimensions": (
        "task = random_task(1000)", "sm.exact.cma_es(task, agent.replace(gamma=0.99), seed=0)",
    ),
    "plan of a sweep": ("", "sm.sweep(**planning, grid=plane, evaluate_every=5, store='new')"),
    "going on with a sweep": (
        "try: sm.sweep(**planning | {'progress': stop}, grid=plane, evaluate_every=5,"
        " store='old')\nexcept KeyboardInterrupt: pass",
        "sm.sweep(**planning, grid=plane, evaluate_every=5, store='old')",
    ),
    "table of a sweep": (
        "part = {name: axis[::9] for name, axis in plane.items()}\n"
        "result = sm.sweep(**planning, grid=part, evaluate_every=2, store='s')",
        "while True: result.to_frame()",
    ),
    "trials as text": (
        "trials = sm.simulate(slots, agent, episodes=10_000, restarts=200, seed=0)",
        "while True: trials.to_csv('trials.csv')",
    ),
    "trials from text": (
        "sm.simulate(slots, agent, episodes=10_000, restarts=200, seed=0).to_csv('trials.csv')",
        "while True: sm.Trials.read_csv('trials.csv', slots)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "call"), CALLS.values(), ids=CALLS.keys())
def test_ends_within_a_second(before, call, tmp_path):
    """At two moments: what comes first is not what comes later. The process ends as well, with what it has to free."""
    told = "except KeyboardInterrupt:\n    print(time.monotonic(), flush=True)\n    raise"
    guarded = f"try:\n{textwrap.indent(call, '    ')}\n{told}"
    # Python drops what is raised while an object is freed: threads that have ended are to be gone before
    begin = "import gc; gc.collect(); print('begins', flush=True)"
    program = "\n".join([textwrap.dedent(BEGIN), before, begin, guarded])
    took = []
    for moment in (0.5, 3.0):
        (folder := tmp_path / str(moment)).mkdir()
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", program], cwd=folder, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        with process:
            assert process.stdout.readline() == "begins\n", process.stderr.read()
            time.sleep(moment)
            sent = time.monotonic()
            process.send_signal(signal.SIGINT)
            try:
                out, err = process.communicate(timeout=60)
            finally:
                process.kill()
            end = time.monotonic()
        assert "KeyboardInterrupt" in err and out, (out, err)
        took.append((float(out) - sent, end - sent))
    heard, ended = zip(*took, strict=True)
    assert max(heard) < 1 and max(ended) < 3, (took, err)
