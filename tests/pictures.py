"""The pictures that are compared with those kept in tests/data/pictures, drawn from closed formulas.

``python tests/pictures.py`` writes them anew; look at each before committing it.
"""

import platform
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageFilter
from PIL.PngImagePlugin import PngInfo

from sigmalloc import plot, tasks
from sigmalloc.agents import Agent
from sigmalloc.runs.result import Result

FOLDER = Path(__file__).parent / "data" / "pictures"
DPI = 100
BLUR = 4
RESTARTS = 4


def wave(*shape, rate=1.0):
    """Numbers in [-1, 1] without any order that one would see."""
    large = 43758.5453 * np.sin(rate * 12.9898 * np.arange(1, np.prod(shape) + 1))
    return (2 * (large - np.floor(large)) - 1).reshape(shape)


def trained(task, agent, tables, *, at, value, cost, snapshots, episodes):
    """A `Result` without training; ``tables(completed)`` gives q̄ and σ (restarts, states, actions)."""

    def memories(completed):
        held = task.places.maps[sum(begin < completed for begin, _ in task.changes)]
        return [held.pick(table) for table in tables(completed)]

    kept = [memories(completed) for completed in snapshots]
    q, sigma = memories(episodes)
    restarts = len(q)
    return Result(
        task=task, agent=agent, seed=0, memory_q=q, memory_sigma=sigma, training_episodes=episodes, episodes=at,
        reward=value, value=value, cost=cost, cutoffs=np.zeros_like(value), steps=np.zeros(restarts, int),
        training_cutoffs=np.zeros(restarts, int), evaluation_episodes=10, evaluation_policy="soft",
        snapshot_episodes=np.array(snapshots), snapshot_memory_q=np.stack([q for q, _ in kept], axis=1),
        snapshot_memory_sigma=np.stack([sigma for _, sigma in kept], axis=1), stream=np.zeros((restarts, 4), np.uint64),
        evaluation_stream=np.zeros((restarts, 4), np.uint64), scale=np.ones(restarts), usage=np.zeros((restarts, 0)),
        time=np.ones_like(value), time_cost=np.zeros_like(value), samples=np.ones((restarts, task.n_states)),
        opportunity_cost=np.zeros(restarts), earned=np.zeros((restarts, 2)), effort=np.ones_like(value),
        search_budgets=np.full_like(value, np.nan), search_budget=np.full(restarts, np.nan),
    )  # fmt: skip


def result(task, agent, *, episodes=2000, lift=0.0):
    """What training would return, by formula."""

    def tables(completed):
        variant = task.at(completed - 1)
        if variant.finite:
            q = variant.optimal_q(agent.gamma)
        else:
            place = np.indices((len(task.geometry.x), len(task.geometry.y)))
            q = np.broadcast_to(-20 - 3 * np.hypot(*place).ravel()[:, None], variant.exists.shape)
        q = q + 0.4 * wave(RESTARTS, *q.shape)
        sigma = agent.sigma_base / (1 + np.ptp(q, axis=-1, keepdims=True)) * np.exp(0.4 * wave(*q.shape, rate=2))
        return q, sigma

    at = np.arange(100, episodes + 1, 100)
    value = lift + 3 - 800 * np.exp(-at / 60) + wave(RESTARTS, len(at))
    cost = 6 - 2 * np.exp(-at / 400) + 0.2 * wave(RESTARTS, len(at), rate=3)
    return trained(task, agent, tables, at=at, value=value, cost=cost, snapshots=(300, 1200), episodes=episodes)


def grid():
    return result(tasks.grid_world(change_at=1000), Agent())


def large_maze(rows=31, columns=41):
    """Walls around cells that are all connected: a comb."""
    cells = np.full((rows, columns), ".")
    cells[:, 4::4] = "#"
    for number, column in enumerate(range(4, columns, 4)):
        cells[-1 if number % 2 else 0, column] = "."
    cells[0, 0], cells[-1, -1] = "S", "G"
    return tasks.maze(["".join(row) for row in cells])


def two_step_trials(subjects=6, episodes=200):
    """Choices of a learner who stays after a rewarded common and an unrewarded rare transition, mostly."""
    rows = {name: [] for name in ("subject", "episode", "step", "action", "reward", "next_state")}
    for subject in range(subjects):
        action = 0
        for episode in range(episodes):
            at = wave(1, rate=1 + subject + 0.01 * episode)[0], wave(1, rate=2 + subject + 0.013 * episode)[0]
            common, reward = at[0] > -0.5, float(at[1] > 0)
            state = 1 + (action if common else 1 - action)
            for step, (chosen, r, to) in enumerate(((action, 0.0, state), (0, reward, 3))):
                for name, entry in zip(rows, (f"s{subject}", episode, step, chosen, r, to), strict=True):
                    rows[name].append(entry)
            leave = -0.4 if (reward > 0) == common else 0.2
            action = 1 - action if wave(1, rate=3 + subject + 0.017 * episode)[0] < leave - 0.4 else action
    return {name: np.array(column) for name, column in rows.items()}


def learning(subjects=12, trials=120):
    """Choices of two actions, the second of which is learned to be better."""
    chance = 0.5 + 0.4 * (1 - np.exp(-np.arange(trials) / 30))
    return (0.5 + 0.5 * wave(subjects, trials) < chance).astype(int)


def draw_convergence(ax):
    plot.convergence(
        {"Flexible": grid(), "Equal": result(tasks.grid_world(change_at=1000), Agent(), lift=-4)},
        ax=ax, reference={"Exact optimum": 8},
    )  # fmt: skip


def draw_changes(ax):
    agent, changes = Agent(), [(100 * k, tasks.grid_world()) for k in range(5, 12)]
    task = tasks.maze(["S..", "..G"], changes=[(at, tasks.maze(["S..", "..G"])) for at, _ in changes])
    plot.convergence(result(task, agent), "cost", ax=ax)


def draw_entropy(ax):
    visited = np.ones(54)
    visited[40:45] = 0
    plot.choice_entropy(grid(), ax=ax, policy=True, visited=visited)


def draw_q_map(ax):
    plot.q_map(grid(), ax=ax)


def draw_large_maze(ax):
    task = large_maze()
    plot.maze(task, np.arange(task.n_states, dtype=float), ax, label="Value (reward)")


def draw_plane(ax):
    x = -0.5 + 0.4 * np.sin(np.arange(201) / 9) * np.arange(201) / 201
    v = 0.04 * np.cos(np.arange(201) / 9)
    visited = np.ones((19, 15), bool)
    visited[:, :3] = visited[:4] = False
    car = result(tasks.mountain_car(), Agent.table_b1("mountain-car"))
    plot.value_function(car, ax=ax, trajectory=(x, v), visited=visited.ravel())


def draw_table(ax):
    plot.sigma_map(result(tasks.planning(), Agent.table_b1("planning")), ax=ax)


def draw_discriminability(ax):
    plot.discriminability(result(tasks.planning(), Agent.table_b1("planning")), ax=ax)


def draw_heatmap(ax):
    values = np.add.outer(np.arange(4.0), np.arange(4.0) ** 1.5)
    values[1, 2] = np.nan
    plot.heatmap(
        values, ax, x=[0.1, 0.2, 0.5, 1.0], y=[1.0, 2.0, 5.0, 10.0], sem=np.full((4, 4), 0.25),
        xlabel=plot.SYMBOLS["lam"], ylabel=plot.SYMBOLS["sigma_base"], label="Objective (reward)",
    )  # fmt: skip


def draw_raster(ax):
    plot.choice_raster(learning(), ax, action_names=["left", "right"], reference=0.5)


def draw_choice_curve(ax):
    from scipy.special import ndtr

    difference = 3 * wave(900)
    chosen = 0.5 + 0.5 * wave(900, rate=5) < ndtr(difference / 1.5)
    plot.choice_curve(difference, chosen, ax, "Choices", model=lambda x: ndtr(x / 1.5))


def draw_stay(ax):
    plot.stay_probability(two_step_trials(), ax)


def draw_frontier(ax):
    lam = np.array([0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0])
    agents = {}
    for name, scale in (("Flexible", 8), ("Equal precision", 14)):
        cost = 12 / (1 + lam)[:, None] + 0.3 * wave(7, 5)
        agents[name] = {"lam": lam, "cost": cost, "reward": 60 * (1 - np.exp(-cost / scale)) + 0.6 * wave(7, 5, rate=2)}
    plot.frontier(agents, ax)


def draw_recovery(ax):
    true = np.geomspace(0.02, 2, 24)
    fitted = true * np.exp(0.5 * wave(24))
    fitted[3] = np.nan
    plot.recovery(
        true, fitted, ax, parameter="lam", log=True, lower=fitted / 1.4, upper=fitted * 1.4,
        at_bound=true > 1.6,
    )  # fmt: skip


def draw_confusion(ax):
    plot.confusion(
        [[13, 3, 2, 2], [4, 12, 2, 2], [1, 2, 15, 2], [3, 5, 3, 9]], ["dra", "equal", "frequency", "stakes"],
        ax,
    )  # fmt: skip


def draw_comparison(ax):
    base = 400 + 40 * wave(20)
    scores = {"softmax": base + 12 + 15 * wave(20, rate=2), "dra": base, "equal": base - 2 + 6 * wave(20, rate=3),
              "stakes": base + 4 + 6 * wave(20, rate=4)}  # fmt: skip
    plot.model_comparison(scores, ax, baseline="dra")


def draw_predictive(ax):
    chance = 0.5 + 0.4 * (1 - np.exp(-np.arange(120) / 30))
    predicted = (0.5 + 0.5 * wave(40, 12, 120, rate=0.1) < chance).astype(float)
    plot.posterior_predictive(learning(), predicted, ax, block=10, reference={"chance": 0.5})


def draw_sigma_by_trial(ax):
    trials, levels = np.arange(200)[:, None], np.linspace(1, 4, 9)
    sigma = levels + (5 - levels) * np.exp(-trials / 60) + 0.1 * wave(5, 200, 9)
    plot.sigma_by_trial(sigma, ax, reference={r"$\sigma_\mathrm{base}$": 5.5})


def draw_chosen_sigma(ax):
    plot.chosen_sigma(2 + 3 * np.exp(-np.arange(150) / 40) + 0.4 * wave(8, 150), ax)


def draw_effort_map(ax):
    task = tasks.grid_world()
    distance = np.abs(np.indices((6, 9)) - np.array([0, 8])[:, None, None]).sum(axis=0).ravel()
    plot.effort_map(task, 1 + 5 * np.exp(-distance / 4), ax)


def draw_regimes(ax):
    lam, omega = np.geomspace(0.01, 10, 13), np.geomspace(0.01, 1, 9)
    values = 1 + 9 / (1 + np.exp(-2 * np.log(lam[None] / omega[:, None]) + 2))
    plot.regime_plane(lam, omega, values, ax, boundaries={"one and done": 1.5})


def draw_effort_curve(ax):
    at = np.arange(100, 2001, 100)
    samples = {
        name: 1 + rise * (1 - np.exp(-at / 500)) + 0.1 * (1 + wave(4, 20)) for name, rise in (("A", 3), ("B", 1))
    }
    plot.effort_curve(at, samples, ax, reference={"Exact": 4.4})


def draw_log_bars(ax):
    plot.bars(
        {"compiled": 20 * np.exp(0.2 * wave(6)), "Numba": 90 * np.exp(0.2 * wave(6)), "loop": 9e4 * np.exp(wave(6))},
        ax, log=True, ylabel="Time per step (ns)",
    )  # fmt: skip


PICTURES = {name.removeprefix("draw_"): value for name, value in sorted(globals().items()) if name.startswith("draw_")}


def render(draw):
    """A picture as an array (height, width, 3) of uint8.

    In matplotlib's own font, on Axes whose place is fixed: where the layout would put them depends on the size of every
    letter, which versions of matplotlib do not agree on.
    """
    with matplotlib.rc_context({"font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(3.4, 2.6), dpi=DPI)
        draw(figure.add_axes((0.19, 0.17, 0.61, 0.7)))
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.array(canvas.buffer_rgba())[..., :3]


def drawn_by():
    """What decides every pixel of a picture."""
    return f"matplotlib {matplotlib.__version__}, {platform.system()} {platform.machine()}"


def kept(name):
    """A committed picture, and what it was drawn by."""
    with Image.open(FOLDER / f"{name}.png") as picture:
        return np.array(picture.convert("RGB")), picture.text["Software"]


def distance(first, second):
    """Largest difference of two pictures, 0 to 255, seen from so far away that letters run together.

    Pictures are blurred by 4 pixels (1 mm of a printed column).
    """
    if first.shape != second.shape:
        return 255.0
    far = (
        np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(BLUR)), dtype=float)
        for picture in (first, second)
    )
    return float(np.abs(np.subtract(*far)).max())


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    note = PngInfo()
    note.add_text("Software", drawn_by())
    for name, draw in PICTURES.items():
        Image.fromarray(render(draw)).save(FOLDER / f"{name}.png", optimize=True, pnginfo=note)
