"""Several Python threads on the same frozen things at once: the bits of one thread, with and without the GIL."""

import subprocess
import sys
import sysconfig
import threading
from pathlib import Path

import numpy as np
import pytest
from same_bits import WHOLE, changing_maze, differing, random_mdp

import sigmalloc as sm
from sigmalloc import fit
from sigmalloc.fit.work import as_done, one_thread_of_blas

ROUNDS = 3
TASKS = {
    "maze that changes": changing_maze,
    "stochastic": lambda: random_mdp(1),
    "planning": lambda: sm.tasks.planning(3),
    "two-step": lambda: sm.tasks.make("two-step", trials=30),
    "mountain car": lambda: sm.tasks.mountain_car("uniform"),
}
AGENTS = {
    "planning": sm.Agent.table_b1("planning", gamma=0.9),
    "mountain car": sm.Agent.scripts("mountain-car", n_trajectories=1),
}
AGENT = sm.Agent(n_trajectories=2, gamma=0.9, allocation="stakes")


@pytest.fixture(autouse=True)
def _turns_of_a_microsecond():
    """Where there is a GIL, threads take turns between almost any two steps of each."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(*functions):
    """What functions give, each called in a thread of its own, all at the same moment."""
    barrier, found = threading.Barrier(len(functions)), [None] * len(functions)

    def work(number):
        barrier.wait()
        try:
            found[number] = functions[number]()
        except BaseException as error:
            found[number] = error

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in found:
        if isinstance(result, BaseException):
            raise result
    return found


def bits(arrays):
    return [np.asarray(array).tobytes() for array in arrays]


def train(task, agent, workers):
    result = sm.train(
        task, agent, episodes=20, restarts=11, seed=3, workers=workers, evaluate_every=10, evaluation_episodes=5
    )
    assert differing(result.extend(episodes=5), result.extend(episodes=5), WHOLE) == []
    return bits(getattr(result, name) for name in WHOLE)


def evaluate(task, agent):
    found = sm.evaluate(task, agent, *some_memories(task), episodes=40, seed=2)
    return bits((found.reward, found.value, found.cost, found.cutoffs))


def simulate(task, agent):
    trials = sm.simulate(task, agent, episodes=4, restarts=9, seed=5, progress=lambda done, total: None)
    return bits((trials.subject, trials.episode, trials.state, trials.action, trials.reward))


def exactly(task, agent):
    q, sigma = some_memories(task)
    if not task.finite or task.changes:
        return []
    found = sm.exact.evaluate(task, agent, q, sigma)
    return bits((found.value, found.cost, sm.exact.gradient(task, agent, q, sigma)))


def sweep(task, agent, folder):
    swept = sm.sweep(
        task, agent, {"lam": [0.1, 0.2]}, episodes=5, restarts=3, seed=1, evaluate_every=5, evaluation_episodes=3,
        store=folder, progress=False, workers=2, keep="all",
    )  # fmt: skip
    return bits((swept.reward, swept.cost, swept.stream))


def some_memories(task):
    q = np.linspace(-1.0, 1.0, task.n_states * task.n_actions).reshape(task.n_states, task.n_actions)
    return q, np.full(q.shape, 0.5)


@pytest.mark.parametrize("name", TASKS)
def test_one_task_and_one_agent(name, tmp_path):
    """What is found out about a task is found out when it is first asked for, so each round has a new one."""
    agent = AGENTS.get(name, AGENT)

    def calls(task, folder):
        return [
            lambda: train(task, agent, workers=1),
            lambda: train(task, agent, workers=3),
            lambda: evaluate(task, agent),
            lambda: simulate(task, agent),
            lambda: exactly(task, agent),
            lambda: sweep(task, agent, folder / "one"),
            lambda: sweep(task, agent, folder / "other"),
        ]

    expected = [call() for call in calls(TASKS[name](), tmp_path / "alone")]
    assert expected[0] == expected[1] and all(expected[:4]) and expected[5] == expected[6]
    for turn in range(ROUNDS):
        assert at_once(*calls(TASKS[name](), tmp_path / str(turn))) == expected


def test_the_first_to_ask_for_places_does_not_disturb_who_takes_the_task_apart():
    def take_apart(task):
        found = task.at(1)
        while "places" not in vars(task):
            found = task.at(1)
        return [found.digest()]

    def ask(task):
        return (lambda: take_apart(task), lambda: take_apart(task), lambda: bits((task.places.place,)))

    task = sm.tasks.make("two-step", trials=3)
    expected = [call() for call in reversed(ask(task))][::-1]
    for _ in range(100):
        assert at_once(*ask(sm.tasks.make("two-step", trials=3))) == expected


def people():
    """Choices at random between pairs of shared memories."""
    rng = np.random.default_rng(0)
    memory = np.stack([rng.permutation(4)[:2] for _ in range(60)])
    return fit.Choices.from_arrays(memory, rng.integers(2, size=60), rng.normal(memory, 0.5))


def test_fits():
    """One subject, and more others than views of subjects are kept, which come and go meanwhile."""
    choices = people()
    subject, model = choices.subjects[0], fit.Model(agent=sm.Agent(beta=3.0, sigma_0=1.5), policy="soft")
    values = np.linspace(0.5, 3.0, 10)[:, None]

    def likelihoods():
        return bits(fit.log_likelihoods(subject, model, ("beta",), values) for _ in range(30))

    def come_and_go():
        others = [people().subjects[0] for _ in range(80)]
        return bits(fit.log_likelihoods(other, model, ("beta",), values[:1]) for other in others)

    def estimate():
        fitted = fit.fit(choices, model, free=("beta",), starts=2, workers=2)
        return bits((fitted[0].estimate, fitted[0].log_likelihood))

    calls = (likelihoods, likelihoods, come_and_go, come_and_go, estimate, estimate)
    expected = [call() for call in calls]
    assert at_once(*calls) == expected


def test_fits_that_overlap_give_blas_its_threads_back():
    """The one that began first ends first, and what the other found was the limit of the first."""
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def limits():
        return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = limits()
        assert before and set(before) == {2}
        first = as_done(abs, [-1, -2, -3])
        assert next(first) in ((0, 1), (1, 2), (2, 3))
        assert set(limits()) == {1}
        with one_thread_of_blas():
            first.close()
            assert set(limits()) == {1}
        assert limits() == before


def test_without_a_gil_it_stays_off():
    """An extension that does not say that it can do without would switch it on for all."""
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("this Python has a GIL")
    program = (
        "import sys, sigmalloc as sm\n"
        "sm.train('grid-world', sm.Agent(), episodes=2, restarts=2, seed=0)\n"
        "sm.fit, sm.exact, sm.sweep\n"
        "print(sys._is_gil_enabled())"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr


def test_an_interrupt_at_any_step_ends_a_call():
    """Where threads start, work and are asked whether they are done; a call that hangs is shown, with its threads."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("interrupted.py")), "1", "60"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    assert done.stdout.splitlines()[-1] == "interrupted 59"
    assert "engine.py" in done.stdout and "_threads.py" in done.stdout
