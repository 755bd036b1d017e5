"""Results depend on the task, the agent, the seed and the restart alone."""

import os
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest
from same_bits import changing_maze, differing, random_mdp

import sigmalloc as sm
from sigmalloc import _kernel
from sigmalloc.runs import Schedule, engine

RESTARTS = 21  # more than the lanes of two batches
CASES = {
    "maze that changes": (changing_maze(), sm.Agent(allocation="stakes", n_trajectories=3), "soft"),
    "grid-world": (sm.tasks.grid_world(step_limit=100), sm.Agent(n_trajectories=3), "hard"),
    "stochastic": (random_mdp(0), sm.Agent(gradient="reinforce", q_init=(-1, 1), beta_0=1.0, beta_rate=0.1), "soft"),
    "rollouts": (
        sm.tasks.planning(3, known_last_move=True),
        sm.Agent.table_b1("planning", search_budget=50, reward_rate=True),
        "soft",
    ),
    "depth-first": (
        sm.tasks.planning(3),
        sm.Agent.table_b1("planning", search_budget=75, planner="depth-first", allocation="frequency"),
        "soft",
    ),
    "mountain car": (sm.tasks.mountain_car("uniform"), sm.Agent.scripts("mountain-car", n_trajectories=2), "soft"),
}
OUTCOME = tuple(field.name for field in fields(engine.Outcome))


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return CASES[request.param]


def run(case, restarts=RESTARTS, **keywords):
    """The kernel's arrays for a case; unequal runs, so that lanes fall out of step with each other."""
    task, agent, policy = case
    plan = Schedule(7, 3, 4, policy, (1, 7), count_visits=True)
    agents = [agent.replace(n_trajectories=1 + restart % 4) for restart in range(restarts)]
    streams = np.stack([engine.stream_states(12, restart) for restart in range(restarts)])
    return engine.run(task, agents, plan, streams, **keywords)


@pytest.fixture(scope="module")
def expected(case):
    return run(case, workers=1)


@pytest.mark.parametrize("workers", [2, 3])
def test_workers(case, expected, workers):
    assert differing(run(case, workers=workers), expected, OUTCOME) == []


@pytest.mark.parametrize("batch_size", [1, 3, 8, 9, 20, 1000])
def test_batch_size(case, expected, batch_size):
    assert differing(run(case, batch_size=batch_size), expected, OUTCOME) == []


@pytest.mark.parametrize("slice_work", [1, 7, 1000])
def test_slice_length(case, expected, slice_work):
    assert differing(run(case, slice_work=slice_work), expected, OUTCOME) == []


@pytest.mark.parametrize("build", _kernel.available())
def test_instruction_set(case, expected, build):
    assert differing(run(case, kernel=_kernel.load(build), workers=3, batch_size=5), expected, OUTCOME) == []


def test_train_with_any_number_of_workers_and_restarts(case):
    task, agent, policy = case
    keywords = {"episodes": 6, "seed": 3, "evaluate_every": 2, "evaluation_episodes": 3, "evaluation_policy": policy}
    whole = sm.train(task, agent, restarts=11, snapshots=(2, 5), workers=1, **keywords)
    for workers in (2, 3, None):
        again = sm.train(task, agent, restarts=11, snapshots=(2, 5), workers=workers, progress=print, **keywords)
        assert differing(again, whole) == []
    first = sm.train(task, agent, restarts=3, snapshots=(2, 5), **keywords)
    names = [name for name in vars(first) if isinstance(getattr(first, name), np.ndarray) and "episodes" not in name]
    names = [name for name in names if getattr(first, name).size]
    assert {"memory_q", "memory_sigma", "reward", "stream", "evaluation_stream", "scale"} < set(names)
    for name in names:
        assert getattr(first, name).tobytes() == getattr(whole, name)[:3].tobytes(), name


def test_runs_differ_from_each_other(case):
    task, agent, _ = case
    result = sm.train(task, agent, episodes=3, restarts=9, seed=3)
    assert len({state.tobytes() for state in result.stream}) == 9
    assert len({sigma.tobytes() for sigma in result.sigma}) == 9
    assert differing(sm.train(task, agent, episodes=3, restarts=9, seed=4), result, ("sigma",)) == ["sigma"]


def test_longer_training_begins_alike(case):
    """What has been learned after n episodes does not depend on how many are to come."""
    task, agent, _ = case
    short = sm.train(task, agent, episodes=3, restarts=4, seed=3)
    long = sm.train(task, agent, episodes=6, restarts=4, seed=3, snapshots=(3,))
    assert short.q.tobytes() == long.snapshot_q.tobytes()
    assert short.sigma.tobytes() == long.snapshot_sigma.tobytes()


def test_evaluate_with_any_number_of_workers():
    task, agent, _ = CASES["stochastic"]
    result = sm.train(task, agent, episodes=3, restarts=4, seed=0)
    one, two, three = (
        sm.evaluate(task, agent, result.q, result.sigma, episodes=150, seed=1, workers=workers) for workers in (1, 2, 3)
    )
    assert differing(one, two, ("reward", "value", "cost", "cutoffs", "visits")) == []
    assert differing(one, three, ("reward", "value", "cost", "cutoffs", "visits")) == []


def in_a_new_process(kernel):
    program = (
        "import hashlib, sigmalloc as sm\n"
        "from sigmalloc import _kernel\n"
        "result = sm.train(sm.tasks.grid_world(), sm.Agent(), episodes=20, restarts=3, seed=8)\n"
        "print(_kernel.NAME, hashlib.sha256(result.sigma.tobytes() + result.stream.tobytes()).hexdigest())\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "SIGMALLOC_KERNEL"}
    if kernel is not None:
        environment["SIGMALLOC_KERNEL"] = kernel
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)


def test_choice_of_kernel_by_environment_variable():
    outputs = {}
    for kernel in (None, *_kernel.available()):
        process = in_a_new_process(kernel)
        assert process.returncode == 0, process.stderr
        name, outputs[kernel] = process.stdout.split()
        assert name == (kernel or _kernel.available()[0])
    assert len(set(outputs.values())) == 1


def test_unknown_kernel():
    process = in_a_new_process("avx3")
    assert process.returncode != 0
    last = process.stderr.strip().splitlines()[-1]
    assert last.startswith("ValueError")
    for words in ("SIGMALLOC_KERNEL", "'avx3'", "'baseline'"):
        assert words in last
