"""The figures of the maze."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image

from ... import plot, tasks
from .. import cache
from ..comparison import agents_figure, reach_figure
from ..figure import (
    DARK_IS_PRECISE,
    TITLES,
    Columns,
    Drawing,
    curve_of,
    curves_by_set,
    figure,
    joined,
    panel_title,
    table,
)


@figure(
    "fig1b", "Figure 1b: convergence for different initial precisions", studies=("grid",),
    caption="Objective and cost of precision in the maze, mean ± SEM over runs, for different initial σ₀ (smaller: "
    "more precise). Table B.1 takes four times as many episodes to settle.",
)  # fmt: skip
def fig1b(data: Any) -> Drawing:
    data = data["grid"]
    labels = [f"σ₀ = {value:g}" for value in data["sigma_0"]]
    rows = {"objective": "Objective (reward)", "cost": "Cost (reward)"}
    return curves_by_set(
        data, rows, labels, lambda name, quantity: curve_of(data, f"{name}_starts_{quantity}"),
        {name: data[f"{name}_starts_episodes"] for name in TITLES},
    )  # fmt: skip


@figure(
    "fig1-agents", "Maze: DRA, equal precision and no cost", studies=("grid",),
    caption="Objective and reward in the maze, mean ± SEM over runs: DRA, one σ shared by all memories, and λ = 0 "
    "(expected SARSA), whose objective is its reward.",
)  # fmt: skip
def fig1_agents(data: Any) -> Drawing:
    return agents_figure(data["grid"])


@figure(
    "fig1-reach", "Maze: how many times the episodes of no cost DRA takes, by level", studies=("grid",),
    caption="Ratio of the episodes after which the mean return first reaches a level, DRA over λ = 0, with its 95 % "
    "band by bootstrap over runs, for levels between the start of learning (left) and the lower of the two plateaus "
    "(right). Grey: what counts as about 1.5 times.",
)  # fmt: skip
def fig1_reach(data: Any) -> Drawing:
    return reach_figure(data["grid"], 1.5)


@figure(
    "fig1c", "Figure 1c: choice entropy through learning and the change", studies=("grid-change",),
    caption="Choice entropy of every cell, mean over runs: 0 (dark) where the agent always chooses the same, 1 (light) "
    "where it is indifferent. After episode 3000 the wall at the top opens and the goal moves. Left: the parameters of "
    "the figure's own script (α₁ = 0.2). The film shows one of its runs.",
)  # fmt: skip
def fig1c(data: Any) -> Drawing:
    data = data["grid-change"]
    task = tasks.grid_world(change_at=data.settings["change_at"])
    moments = data["moments"].tolist()
    fig = Figure(figsize=(plot.COLUMN, 5.0), layout="compressed")
    axes = fig.subplots(len(moments), 2)
    columns: Columns = {}
    for column, (name, title) in enumerate({"figure": "Figure's script", "table": "Table B.1"}.items()):
        entropy = data[f"{name}_entropy"].mean(axis=0)
        for row, moment in enumerate(moments):
            ax = plot.maze(task.at(moment - 1), entropy[row], axes[row, column], cmap=DARK_IS_PRECISE, vmin=0.0,
                           vmax=1.0, colorbar=False, ticks=False)  # fmt: skip
            if row == 0:
                panel_title(ax, title)
            if column == 0:
                ax.set_ylabel(f"Episode {moment}", fontsize=7)
        part = table({"episode": moments, "cell": range(task.n_states)}, entropy=entropy)
        part = (
            {"parameters": np.full(entropy.size, title)} | part | {"row": part["cell"] // 9, "column": part["cell"] % 9}
        )
        columns = joined(columns, part)
    _entropy_bar(fig, list(axes.ravel()))
    return fig, columns


def _entropy_bar(fig: Figure, axes: Any) -> None:
    bar = fig.colorbar(ScalarMappable(Normalize(0, 1), DARK_IS_PRECISE), ax=axes, location="bottom", aspect=40,
                       fraction=0.03, pad=0.02)  # fmt: skip
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(labelsize=7, length=2)
    bar.set_label("Choice entropy (fraction of maximum)", fontsize=8)


def animate(data: Any, path: Any, quick: bool = False) -> Any:
    """The choice entropy of one run through learning and the change, as an animated GIF, complete or absent."""
    data = data["grid-change"]
    task = tasks.grid_world(change_at=data.settings["change_at"])
    frames: list[Any] = []
    canvas: Any = None
    force: Any = None
    for moment, entropy in zip(data["frames"].tolist(), data["frames_entropy"], strict=True):
        if canvas is None or task.at(moment - 1) is not force:
            force = task.at(moment - 1)
            canvas, cells, title = _stage(force, quick)
        cells.set_data(np.where(force.terminal, np.nan, entropy).reshape(len(force.layout), -1))
        changed = moment > data.settings["change_at"]
        title.set_text(f"Episode {moment}{' (after the change)' if changed else ''}")
        canvas.draw()
        frames.append(
            Image.fromarray(np.asarray(canvas.buffer_rgba())[:, :, :3]).quantize(96, dither=Image.Dither.NONE)
        )
    return cache.put(
        path,
        lambda file: frames[0].save(file, format="GIF", save_all=True, append_images=frames[1:], duration=160, loop=0),
    )


def _stage(task: Any, quick: bool) -> tuple[Any, Any, Any]:
    """A maze drawn once, of which every frame changes the colours and the title only."""
    film = Figure(figsize=(plot.COLUMN, 2.3), layout="constrained", dpi=110)
    canvas = FigureCanvasAgg(film)
    ax = plot.maze(task, np.zeros(task.n_states), film.add_subplot(), cmap=DARK_IS_PRECISE, vmin=0.0, vmax=1.0,
                   label="Choice entropy", ticks=False)  # fmt: skip
    title = ax.set_title("Episode", fontsize=8)
    if quick:
        film.text(0.998, 0.002, "quick run", fontsize=6, color="#D55E00", ha="right", va="bottom")
    canvas.draw()  # type: ignore[no-untyped-call]
    film.set_layout_engine("none")
    return canvas, ax.get_images()[0], title


FIGURES = (fig1b, fig1c, fig1_agents, fig1_reach)
