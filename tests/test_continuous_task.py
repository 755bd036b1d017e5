"""A further continuous task is one Python file and one kernel file: cart-pole, in a copy of the source tree."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

gymnasium = pytest.importorskip("gymnasium")

ROOT = Path(__file__).parents[1]

TASK = '''
"""Cart-pole with the dynamics of Gymnasium's CartPole-v1, in the boxes of Barto, Sutton and Anderson (1983)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..elementary import cosine
from .base import ContinuousTask, Stream, World
from .registry import register

QUARTER = 1.5707963267948966
TILT = 0.20943951023931953  # 12 degrees
CUTS = ((-0.8, 0.8), (-0.5, 0.5), (-0.10471975511965977, -0.017453292519943295, 0.0, 0.017453292519943295,
        0.10471975511965977), (-0.8726646259971648, 0.8726646259971648))


@dataclass(frozen=True)
class CartPole(ContinuousTask):
    """State: a box of position, velocity, angle and angular velocity, 3 x 3 x 6 x 3; the last state is a fall."""

    step_limit: int = 500

    kind = "cart-pole"
    dynamics = "cart_pole"
    fields = ("step_limit",)
    n_states = 163
    n_actions = 2
    name = "cart-pole"
    action_names = ("left", "right")
    body_names = ("position", "velocity", "angle", "angular velocity")

    @property
    def terminal(self) -> npt.NDArray[np.bool_]:
        return np.arange(self.n_states) == self.n_states - 1

    @property
    def exists(self) -> npt.NDArray[np.bool_]:
        return np.repeat(~self.terminal[:, None], self.n_actions, axis=1)

    def worlds(self) -> tuple[World, ...]:
        return (Pole(),)


@register("cart-pole", preset="mountain-car", episodes=500)
def cart_pole(step_limit: int = 500) -> CartPole:
    """Cart-pole: 1 a step until the pole falls or the cart leaves.

    Parameters
    ----------
    step_limit : int
        Steps after which an episode is cut off.
    """
    return CartPole(step_limit=step_limit)


class Pole:
    """Cart-pole as an environment of the twin."""

    def __init__(self) -> None:
        self.body = [0.0] * 4

    def begin(self, stream: Stream) -> int:
        """Start an episode: its state."""
        self.body = [-0.05 + 0.1 * stream.uniform() for _ in range(4)]
        return self._box()

    def step(
        self, state: int, action: int, stream: Stream, episode: int = 0, rewarded: bool = True
    ) -> tuple[int, float, bool]:
        """Act: next state, reward, and whether the episode ends there."""
        x, v, angle, turn = self.body
        along, down = cosine(angle), cosine(angle - QUARTER)
        force = 20.0 * action - 10.0
        pull = (force + 0.05 * (turn * turn) * down) * (1.0 / 1.1)
        bend = (9.8 * down - along * pull) / (0.5 * (4.0 / 3.0 - 0.1 * (along * along) * (1.0 / 1.1)))
        push = pull - 0.05 * bend * along * (1.0 / 1.1)
        self.body = [x + 0.02 * v, v + 0.02 * push, angle + 0.02 * turn, turn + 0.02 * bend]
        return self._box(), 1.0, self._fallen()

    def _fallen(self) -> bool:
        return abs(self.body[0]) > 2.4 or abs(self.body[2]) > TILT

    def _box(self) -> int:
        if self._fallen():
            return 162
        box = 0
        for value, cuts in zip(self.body, CUTS):
            box = box * (len(cuts) + 1) + sum(value >= cut for cut in cuts)
        return box
'''

DYNAMICS = '''
"""Cart-pole's dynamics, in every lane at once. The twin is `tasks/cart_pole.py`."""

from ..elementary cimport cosine, uniform
from ..lanes cimport LANES, Bodies, Streams, in_
from ..stream cimport next_in_one

cdef enum:
    X = 0
    V = 1
    ANGLE = 2
    TURN = 3


cdef inline bint fallen(double x, double angle) noexcept nogil:
    return x > 2.4 or x < -2.4 or angle > 0.20943951023931953 or angle < -0.20943951023931953


cdef inline double box(double x, double v, double angle, double turn) noexcept nogil:
    if fallen(x, angle):
        return 162.0
    cdef int number = (x >= -0.8) + (x >= 0.8)
    number = 3 * number + (v >= -0.5) + (v >= 0.5)
    number = 6 * number + (angle >= -0.10471975511965977) + (angle >= -0.017453292519943295) + (angle >= 0.0)
    number = number + (angle >= 0.017453292519943295) + (angle >= 0.10471975511965977)
    number = 3 * number + (turn >= -0.8726646259971648) + (turn >= 0.8726646259971648)
    return number


cdef inline void move_all(Bodies* poles, in_ choice) noexcept nogil:
    cdef int lane
    cdef double along, down, angle, turn, pull, bend, push
    for lane in range(LANES):
        angle, turn = poles.now[ANGLE][lane], poles.now[TURN][lane]
        along, down = cosine(angle), cosine(angle - 1.5707963267948966)
        pull = ((20.0 * choice[lane] - 10.0) + 0.05 * (turn * turn) * down) * (1.0 / 1.1)
        bend = (9.8 * down - along * pull) / (0.5 * (4.0 / 3.0 - 0.1 * (along * along) * (1.0 / 1.1)))
        push = pull - 0.05 * bend * along * (1.0 / 1.1)
        poles.next[X][lane] = poles.now[X][lane] + 0.02 * poles.now[V][lane]
        poles.next[V][lane] = poles.now[V][lane] + 0.02 * push
        poles.next[ANGLE][lane] = angle + 0.02 * turn
        poles.next[TURN][lane] = turn + 0.02 * bend
        poles.next_state[lane] = box(
            poles.next[X][lane], poles.next[V][lane], poles.next[ANGLE][lane], poles.next[TURN][lane]
        )


cdef inline void move_one(Bodies* poles, int lane) noexcept nogil:
    cdef int i
    for i in range(4):
        poles.now[i][lane] = poles.next[i][lane]


cdef inline bint ended(const Bodies* poles, int lane) noexcept nogil:
    return fallen(poles.now[X][lane], poles.now[ANGLE][lane])


cdef inline double reward(const Bodies* poles, int lane) noexcept nogil:
    return 1.0


cdef inline Py_ssize_t start(Bodies* poles, Streams* streams, int lane, int option) noexcept nogil:
    cdef int i
    for i in range(4):
        poles.now[i][lane] = -0.05 + 0.1 * uniform(next_in_one(streams, lane))
    return <Py_ssize_t> box(
        poles.now[X][lane], poles.now[V][lane], poles.now[ANGLE][lane], poles.now[TURN][lane]
    )
'''


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """The source tree with the two files, built in place; other files are as they are."""
    tree = tmp_path_factory.mktemp("cart_pole")
    leave_out = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd", "*.c", "*.egg-info")
    shutil.copytree(ROOT / "src", tree / "src", ignore=leave_out)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    (tree / "src" / "sigmalloc" / "tasks" / "cart_pole.py").write_text(TASK.lstrip(), encoding="utf-8")
    kernel = tree / "src" / "sigmalloc" / "_kernel"
    (kernel / "dynamics" / "cart_pole.pxd").write_text(DYNAMICS.lstrip(), encoding="utf-8")
    built = subprocess.run(  # a debug build checks every index, and takes half the time
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace", "-j", "2"], cwd=tree, capture_output=True,
        env={**os.environ, "SIGMALLOC_BUILD": "debug"}, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    return tree


def python(tree, *command, **variables):
    """What an interpreter with that tree's package prints."""
    environment = {**os.environ, "PYTHONPATH": str(tree / "src"), "PYTHONSAFEPATH": "1", **variables}
    done = subprocess.run(
        [sys.executable, *map(str, command)], env=environment, cwd=tree, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


pytestmark = pytest.mark.slow

WITH_GYMNASIUM = """
import gymnasium, numpy as np, sigmalloc as sm
from sigmalloc import _kernel, reference
from sigmalloc.tasks.cart_pole import Pole

environment = gymnasium.make("CartPole-v1").unwrapped
drives = [_kernel.load(name).drive for name in _kernel.available()]
pole, stream, rng = Pole(), reference.Stream(1, (0,)), np.random.default_rng(1)
furthest, ends, seen = 0.0, 0, set()
for _ in range(150):
    pole.begin(stream)
    pole.body = rng.uniform(-1, 1, size=4) * [2.3, 1.5, 0.2, 1.5]
    pole.body = pole.body.tolist()
    state = pole._box()
    environment.reset(seed=0)
    environment.state = np.array(pole.body)
    ended, fair = False, rng.uniform(0.2, 0.8)
    while not ended:
        action = int(rng.uniform() < fair)
        bodies = [np.array(pole.body) for _ in drives]
        cells = {drive("cart_pole", body, action) for drive, body in zip(drives, bodies)}
        there, reward, ended = pole.step(state, action, stream)
        _, gym_reward, gym_ended, _, _ = environment.step(action)
        assert cells == {there} and all(body.tolist() == pole.body for body in bodies)
        assert (reward, ended) == (gym_reward, gym_ended)
        furthest = max(furthest, np.abs(np.array(pole.body) - environment.state).max())
        state = there
        seen.add(state)
        ends += ended
assert ends == 150 and len(seen) > 100, (ends, len(seen))
assert furthest < 1e-12, furthest
"""


def test_same_dynamics_as_gymnasium(tree):
    """Driven side by side, each with the other's actions: bodies within 1e-12, boxes of kernel and twin the same."""
    python(tree, "-c", WITH_GYMNASIUM)


BITS = """
import sys
sys.path.insert(0, sys.argv[1])
from same_bits import WHOLE, differing

import sigmalloc as sm
from sigmalloc import _kernel, reference

task = sm.tasks.make("cart-pole", step_limit=60)
for gradient in ("advantage", "reinforce", "return"):
    for allocation in ("dra", "equal", "frequency"):
        agent = sm.Agent(gradient=gradient, allocation=allocation, n_trajectories=2, lam=0.1, gamma=0.95)
        asked = dict(episodes=5, restarts=3, seed=4, evaluate_every=2, evaluation_episodes=3, snapshots=(2,))
        kernel, twin = sm.train(task, agent, **asked), reference.train(task, agent, **asked)
        assert differing(kernel, twin, WHOLE) == [], (gradient, allocation)
        trials = sm.simulate(task, agent, episodes=5, restarts=3, seed=4)
        assert sm.replay(trials, agent, seed=4).q.tobytes() == kernel.q.tobytes()
print(_kernel.NAME)
"""


@pytest.mark.parametrize("build", ["baseline", None])
def test_same_bits_as_the_twin(tree, build):
    variables = {} if build is None else {"SIGMALLOC_KERNEL": build}
    printed = python(tree, "-c", BITS, ROOT / "tests", **variables)
    assert build is None or printed.strip() == build


def test_files_and_pickles(tree):
    code = """
import pickle, sigmalloc as sm
task = sm.tasks.make("cart-pole", step_limit=40)
assert pickle.loads(pickle.dumps(task)).digest() == task.digest() != sm.tasks.make("cart-pole").digest()
result = sm.train(task, sm.Agent(), episodes=3, restarts=2, seed=0)
result.save("saved.npz")
again = sm.Result.load("saved.npz")
assert again.task.digest() == task.digest() and again.q.tobytes() == result.q.tobytes()
assert again.extend(episodes=2).q.tobytes() == sm.train(task, sm.Agent(), episodes=5, restarts=2, seed=0).q.tobytes()
"""
    python(tree, "-c", code)


LEARNS = """
import sigmalloc as sm
task = sm.tasks.make("cart-pole")
agent = sm.Agent(learning_rate_q=0.2, gamma=0.98, beta=1.0, lam=0.05, sigma_base=5.0, sigma_0=2.0)
result = sm.train(task, agent, episodes=1500, restarts=8, seed=0, evaluate_every=750, evaluation_episodes=100)
import numpy as np
nothing = sm.evaluate(task, agent, np.zeros((163, 2)), np.full((163, 2), 5.0), episodes=1000, seed=0)
print(nothing.reward, *result.reward[:, -1])
"""


def test_learns(tree):
    """Every one of eight agents keeps the pole up at least four times as long as chance does (about 22 steps)."""
    chance, *learned = map(float, python(tree, "-c", LEARNS).split())
    assert 15 < chance < 30
    assert min(learned) > 4 * chance, (chance, learned)


def test_sweep_by_name_and_by_file(tree, tmp_path):
    code = """
import sys, sigmalloc as sm
swept = sm.sweep("cart-pole", sm.Agent(), grid={"task.step_limit": [20, 40], "lam": [0.1, 0.2]}, restarts=2,
                 episodes=3, seed=0, keep="all", store=sys.argv[1])
alone = sm.train(sm.tasks.make("cart-pole", step_limit=40), sm.Agent(lam=0.2), episodes=3, restarts=2, seed=0)
assert swept.steps[1, 1].tolist() == alone.steps.tolist()
"""
    python(tree, "-c", code, tmp_path / "store")
    study = tmp_path / "study.toml"
    study.write_text(
        'store = "by_file"\nrestarts = 2\nepisodes = 3\nseed = 0\nkeep = "all"\n'
        '[task]\nname = "cart-pole"\nstep_limit = 30\n[grid]\nlam = [0.1, 0.2]\n',
        encoding="utf-8",
    )
    python(tree, "-m", "sigmalloc", "sweep", study)
    assert (tmp_path / "by_file").is_dir()


def test_command_line(tree, tmp_path):
    printed = python(
        tree, "-m", "sigmalloc", "run", "cart-pole", "--step-limit", "50", "--episodes", "20", "--restarts", "2",
        "--seed", "0", "--no-figures", "--json", "--out", tmp_path / "out",
    )  # fmt: skip
    assert "cart-pole" in (tmp_path / "out" / "config.json").read_text(encoding="utf-8")
    assert len(json.loads(printed)) > 1
    assert "cart-pole" in python(tree, "-m", "sigmalloc", "run", "--help")
