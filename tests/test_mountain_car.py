"""Mountain car against Gymnasium's MountainCar-v0."""

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc import _kernel, reference
from sigmalloc.tasks.mountain_car import Car

gymnasium = pytest.importorskip("gymnasium")

STEPS = 120_000


@pytest.fixture(scope="module")
def environment():
    return gymnasium.make("MountainCar-v0").unwrapped


def index(position, velocity):
    return 15 * int(np.round(10 * (position + 1.2))) + int(np.round(100 * (velocity + 0.07)))


@pytest.mark.parametrize("start", ["bottom", "uniform"])
def test_driven_side_by_side(environment, start):
    """Same start and actions: positions, velocities, rewards, ends and table cells, at every step of 120,000."""
    drives = [_kernel.load(name).drive for name in _kernel.available()]
    task = sm.tasks.mountain_car(start)
    car, stream = Car(task), reference.Stream(3, (0,))
    rng = np.random.default_rng(3)
    ours, twins, gymnasiums = [], [], []
    while len(ours) < STEPS // 2:
        state = car.begin(stream)
        assert state == task.state(car.position, car.velocity)
        environment.reset(seed=0)
        environment.state = np.array([car.position, car.velocity])
        position, velocity, ended, skill = car.position, car.velocity, False, rng.uniform()
        for luck, whim in zip(rng.uniform(size=task.step_limit), rng.integers(3, size=task.step_limit), strict=True):
            pumping = 2 if velocity >= 0 else 0
            action = pumping if luck < skill else int(whim)
            _, reward, terminated, _, _ = environment.step(action)
            gymnasiums.append((*environment.state, reward, terminated))
            moved = set()
            for drive in drives:
                body = np.array([position, velocity])
                cell = drive("mountain_car", body, action)
                moved.add((*body.tolist(), cell))
            ((position, velocity, cell),) = moved
            ours.append((position, velocity, cell))
            state, reward, ended = car.step(state, action, stream)
            twins.append((car.position, car.velocity, state, reward, ended))
            if ended:
                break
    ours, twins, gymnasiums = (np.array(rows, dtype=float) for rows in (ours, twins, gymnasiums))
    np.testing.assert_array_equal(twins[:, :3], ours)
    assert np.abs(ours[:, :2] - gymnasiums[:, :2]).max() < 1e-12
    np.testing.assert_array_equal(twins[:, 3:], gymnasiums[:, 2:])
    position, velocity = gymnasiums[:, :2].T
    cells = 15 * np.round(10 * (position + 1.2)) + np.round(100 * (velocity + 0.07))
    np.testing.assert_array_equal(ours[:, 2], cells)
    np.testing.assert_array_equal(task.state(*ours[:, :2].T), cells)
    ends = twins[:, 4] == 1
    assert task.exists[cells[~ends].astype(int)].all()
    assert ends.sum() > 50
    assert (position == -1.2).sum() > 20
    assert len(np.unique(cells)) > 150


def test_policy_in_the_kernel_and_in_gymnasium(environment):
    """Deterministic policies: the kernel's returns and cut-offs are those of episodes played in Gymnasium."""
    task = sm.tasks.mountain_car()
    assert gymnasium.spec("MountainCar-v0").max_episode_steps == task.step_limit
    rng = np.random.default_rng(0)
    column = np.arange(task.n_states) % 15
    pump = np.zeros((task.n_states, 3))
    pump[:, 2], pump[:, 0] = column >= 7, column < 7
    q = np.stack([pump + rng.normal(scale=scale, size=pump.shape) for scale in np.linspace(0, 1, 40)])
    agent = sm.Agent.table_b1("mountain-car", sigma_0=0.01)
    figures = sm.evaluate(task, agent, q, np.full(q.shape, 1e-12), episodes=1, seed=0, policy="hard")
    returns, cut = [], []
    for table in q:
        environment.reset(seed=0)
        environment.state = np.array([-0.5, 0.0])
        steps, terminated = 0, False
        while not terminated and steps < 200:
            terminated = environment.step(int(table[index(*environment.state)].argmax()))[2]
            steps += 1
        returns.append(-steps)
        cut.append(not terminated)
    np.testing.assert_array_equal(figures.reward, returns)
    np.testing.assert_array_equal(figures.cutoffs, cut)
    assert 0 < sum(cut) < len(cut)


def test_uniform_start(environment):
    task, stream = sm.tasks.mountain_car("uniform"), reference.Stream(0, (0,))
    car = Car(task)
    starts = []
    for _ in range(2000):
        assert car.begin(stream) == index(car.position, 0.0)
        assert car.velocity == 0.0
        starts.append(car.position)
    assert -0.6 <= min(starts) < -0.599
    assert -0.401 < max(starts) < -0.4
    assert abs(np.mean(starts) + 0.5) < 4 * 0.2 / np.sqrt(12 * len(starts))
