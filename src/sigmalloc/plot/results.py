"""What came out of training: maps of a result, and memories against what hangs on them.

Maps show the task in force in the last episode before the snapshot, so a maze that changes is drawn changed only
after the change.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from PIL import Image

from .. import _checks, metrics
from .._io import files
from ..runs.result import Result
from ..tasks.base import Plane
from ..tasks.tabular import TabularMDP
from . import _inputs, maps, style
from ._moments import Moment, index_of, moment, snapshot_episodes, visited_states
from .curves import regression


def discriminability(
    results: Result | Mapping[str, Result], q_star: npt.ArrayLike | None = None, ax: Axes | None = None,
    label: str | None = None, *, restart: int | None = None, visited: Any = None,
) -> Axes:  # fmt: skip
    """d' of the memories of each state against what hangs on the state, with the regression line.

    A point is a state: the difference in cumulative reward between its best and its second best action by q*, and the
    d' of those two memories. Only allocated memories count, not known ones.

    Parameters
    ----------
    results : Result or dict of {str: Result}
        One set of points and one line each.
    q_star : array of float, shape (states, actions), optional
        Default: value iteration on the task of the last episode, with the agent's γ.
    ax : Axes, optional
    label : str, optional
        Of the line of a single result.
    restart : int, optional
        Default: the mean of d' over restarts.
    visited : array, shape (states,) or (states, actions), or table, optional
        As for `state_map`: leave out states that were never visited.

    Returns
    -------
    Axes
    """

    def d_prime(q: _inputs.Floats, sigma: _inputs.Floats, memories: Any, values: _inputs.Floats) -> Any:
        return metrics.discriminability(q, sigma, memories, by=values)

    return _against_difference(results, q_star, ax, label, restart, visited, d_prime, "Discriminability d′")


def mean_sigma_vs_difference(
    results: Result | Mapping[str, Result], q_star: npt.ArrayLike | None = None, ax: Axes | None = None,
    label: str | None = None, *, restart: int | None = None, visited: Any = None,
) -> Axes:  # fmt: skip
    """Mean σ of the memories of each state against what hangs on the state, with the regression line.

    Parameters as for `discriminability`.

    Returns
    -------
    Axes
    """

    def mean(q: _inputs.Floats, sigma: _inputs.Floats, memories: Any, values: _inputs.Floats) -> Any:
        return metrics.mean_sigma(sigma, memories)

    return _against_difference(results, q_star, ax, label, restart, visited, mean, r"Mean $\sigma$ (reward)")


def _against_difference(
    results: Result | Mapping[str, Result], q_star: npt.ArrayLike | None, ax: Axes | None, label: str | None,
    restart: int | None, visited: Any, measure: Callable[..., Any], ylabel: str,
) -> Axes:  # fmt: skip
    points = {}
    for name, result in _inputs.results(results, label).items():
        at = moment(result, None, restart)
        task = at.task
        if q_star is not None:
            values = _inputs.array("q_star", q_star, (task.n_states, task.n_actions))
        elif task.finite:
            values = cast(TabularMDP, task).optimal_q(result.agent.gamma)
        else:
            raise ValueError(f"q_star must be given for the task {task.name!r}, which value iteration cannot solve")
        difference = metrics.reward_difference(values, task.memories)
        if visited is not None:
            difference = np.where(_inputs.visited(visited, task), difference, np.nan)
        points[name] = difference, measure(at.q, at.sigma, task.memories, values).mean(axis=0)
    ax = style.new_axes(ax, 2.5)
    for color, (name, (x, y)) in zip(style.colors(len(points), ax), points.items(), strict=True):
        regression(x, y, ax, name, xlabel="Difference in cumulative reward", ylabel=ylabel, color=color)
    return ax


def choice_entropy(
    result: Result, episode: int | None = None, restart: int | None = None, ax: Axes | None = None, *,
    policy: bool = False, trajectory: tuple[npt.ArrayLike, npt.ArrayLike] | None = None, visited: Any = None,
    colorbar: bool = True, ticks: bool = True,
) -> Axes:  # fmt: skip
    """Choice entropy of every state (Figures 1c and 2c): dark is precise, light is indifferent.

    Parameters
    ----------
    result : Result
    episode : int, optional
        A number of completed episodes of which a snapshot was taken. Default: the end of training.
    restart : int, optional
        Default: the mean over restarts.
    ax : Axes, optional
    policy : bool
        Whether to draw arrows along the largest q̄ (of the mean over restarts); mazes only.
    trajectory
        As for `state_map`.
    visited : array, shape (states,) or (states, actions), or table, optional
        As for `state_map`: states never visited are left grey. Default: those where no q̄ has changed since the
        beginning, as far as that can tell.
    colorbar, ticks : bool
        As for `maze`.

    Returns
    -------
    Axes
    """
    at = moment(result, episode, restart)
    entropy = metrics.choice_entropy(at.q, at.sigma, at.task.exists).mean(axis=0)
    return _result_map(
        at, entropy, ax, policy, trajectory=trajectory, visited=visited, colorbar=colorbar, ticks=ticks,
        cmap=style.PRECISE_IS_DARK, vmin=0.0, vmax=1.0, label="Choice entropy",
    )  # fmt: skip


def choice_entropy_snapshots(
    result: Result, episodes: Sequence[int] | None = None, restart: int | None = None, axes: Any = None, *,
    policy: bool = False, visited: Any = None,
) -> npt.NDArray[np.object_]:  # fmt: skip
    """Choice entropy at several moments of learning (Figure 1c), with one colour bar.

    Parameters
    ----------
    result : Result
    episodes : sequence of int, optional
        Numbers of completed episodes of which snapshots were taken. Default: all of them.
    restart, policy, visited
        As for `choice_entropy`.
    axes : array of Axes, optional
        As many as there are episodes. Default: a figure with two columns.

    Returns
    -------
    array of Axes, shape (episodes,)
    """
    moments = _moments(result, episodes)
    first = moment(result, moments[0], restart).task
    made = axes is None
    columns = min(2, len(moments))
    if made:
        from matplotlib import pyplot

        rows = -(-len(moments) // columns)
        size = (style.COLUMN, rows * maps.panel_height(first, columns) + 0.45)
        in_maze = _inputs.layout(first) is not None
        engine: Literal["constrained", "compressed"] = "compressed" if in_maze else "constrained"
        _, axes = pyplot.subplots(rows, columns, figsize=size, layout=engine, squeeze=False)
        for spare in axes.ravel()[len(moments) :]:
            spare.remove()
        axes = axes.ravel()[: len(moments)]
    axes = np.ravel(_checks.as_array("axes", axes))
    if len(axes) != len(moments) or not all(isinstance(ax, Axes) for ax in axes):
        raise ValueError(
            f"axes must be as many Axes as the {len(moments)} episodes, got {_checks.shown(axes.tolist())}"
        )
    for ax, episode in zip(axes, moments, strict=True):
        choice_entropy(result, episode, restart, ax, policy=policy, visited=visited, colorbar=False, ticks=False)
    if made:
        for index, ax in enumerate(axes):
            ax.xaxis.label.set(visible=index + columns >= len(axes), size=style.SMALL)
            ax.yaxis.label.set(visible=index % columns == 0, size=style.SMALL)
    bar = axes[0].figure.colorbar(
        ScalarMappable(Normalize(0, 1), style.PRECISE_IS_DARK), ax=list(axes), location="bottom", aspect=35,
        fraction=0.05, pad=0.03,
    )  # fmt: skip
    style.polish_bar(bar, "Choice entropy")
    return np.array(axes)


def value_function(
    result: Result, episode: int | None = None, restart: int | None = None, ax: Axes | None = None, *,
    policy: bool = False, trajectory: tuple[npt.ArrayLike, npt.ArrayLike] | None = None, visited: Any = None,
    colorbar: bool = True, ticks: bool = True,
) -> Axes:  # fmt: skip
    """Value of every state: its largest q̄ (Figure 2b). Parameters as for `choice_entropy`.

    Returns
    -------
    Axes
    """
    at = moment(result, episode, restart)
    value = metrics.state_values(at.q, at.task.exists).mean(axis=0)
    return _result_map(
        at, value, ax, policy, trajectory=trajectory, visited=visited, colorbar=colorbar, ticks=ticks,
        label=r"Value $\mathrm{max}_a\,\bar{q}$ (reward)",
    )  # fmt: skip


def q_map(
    result: Result, episode: int | None = None, restart: int | None = None, ax: Axes | None = None, *,
    policy: bool = False, visited: Any = None, colorbar: bool = True, ticks: bool = True,
) -> Axes:  # fmt: skip
    """q̄ of every memory: a triangle for each action of a maze, or a table of states and actions.

    Mazes whose actions are not up, down, left and right, and planes, show the largest q̄ of each state instead.
    Parameters as for `choice_entropy`; the mean over restarts is that of q̄.

    Returns
    -------
    Axes
    """
    at = moment(result, episode, restart)
    exists = at.task.exists
    if maps.draws_actions(at.task):
        values, label = np.where(exists, at.q.mean(axis=0), np.nan), r"$\bar{q}$ (reward)"
    else:
        values, label = metrics.state_values(at.q, exists).mean(axis=0), r"$\mathrm{max}_a\,\bar{q}$ (reward)"
    return _result_map(
        at, values, ax, policy, visited=visited, colorbar=colorbar, ticks=ticks, label=label
    )  # fmt: skip


def sigma_map(
    result: Result, episode: int | None = None, restart: int | None = None, ax: Axes | None = None, *,
    policy: bool = False, visited: Any = None, colorbar: bool = True, ticks: bool = True,
) -> Axes:  # fmt: skip
    """σ of every memory, dark where it is precise; colours start at 0.

    Mazes whose actions are not up, down, left and right, and planes, show the mean σ of each state instead.
    Parameters as for `choice_entropy`; the mean over restarts is that of σ.

    Returns
    -------
    Axes
    """
    at = moment(result, episode, restart)
    exists = at.task.exists
    if maps.draws_actions(at.task):
        values, label = np.where(exists, at.sigma.mean(axis=0), np.nan), r"$\sigma$ (reward)"
    else:
        values, label = metrics.mean_sigma(at.sigma, exists).mean(axis=0), r"Mean $\sigma$ (reward)"
    return _result_map(
        at, values, ax, policy, visited=visited, colorbar=colorbar, ticks=ticks, label=label,
        vmin=0.0, cmap=style.PRECISE_IS_DARK,
    )  # fmt: skip


def animate_entropy(
    result: Result, path: str | os.PathLike[str], *, episodes: Sequence[int] | None = None,
    restart: int | None = None, policy: bool = False, fps: float = 6, dpi: int = 130,
) -> str:  # fmt: skip
    """Choice entropy through learning as an animated GIF, one frame for each snapshot.

    Parameters
    ----------
    result : Result
        With snapshots.
    path : str or path
        The file to write, ending in ".gif"; complete or not there.
    episodes, restart, policy
        As for `choice_entropy_snapshots`.
    fps : float
        Frames per second.
    dpi : int
        Dots per inch of a picture of 3.4 inches.

    Returns
    -------
    str
        The file.
    """
    target: str = files.checked_file("path", path)
    if not target.lower().endswith(".gif"):
        raise ValueError(f"path must end in '.gif', got {target!r}")
    moments = _moments(result, episodes)
    fps = _checks.real("fps", fps, low=0, low_open=True)
    dpi = _checks.integer("dpi", dpi, low=20, high=1000)
    first = moment(result, moments[0], restart).task
    height = 2.5 if isinstance(first.geometry, Plane) else maps.panel_height(first, 1) + 0.1
    film = Figure(figsize=(style.COLUMN, height), layout="constrained", dpi=dpi)
    frames = []
    for one in moments:
        film.clear()
        choice_entropy(result, one, restart, film.add_subplot(), policy=policy)
        drawn = io.BytesIO()
        film.savefig(drawn, format="png")
        frames.append(Image.open(drawn).convert("RGB"))
    files.write(
        target,
        lambda file: frames[0].save(
            file, format="GIF", save_all=True, append_images=frames[1:], duration=int(1000 / fps), loop=0
        ),
    )
    return target


def _result_map(at: Moment, values: _inputs.Floats, ax: Axes | None, policy: bool, **look: Any) -> Axes:
    if _checks.flag("policy", policy):
        look["policy"] = metrics.greedy_actions(at.q.mean(axis=0), at.task.exists)
    if look["visited"] is None:
        look["visited"] = visited_states(at)
    ax = maps.state_map(at.task, values, ax, **look)
    if at.is_snapshot:
        ax.set_title(f"Episode {at.completed}", fontsize=style.TEXT)
    return ax


def _moments(result: Result, episodes: Sequence[int] | None) -> list[int]:
    there = snapshot_episodes(_inputs.result(result))
    moments = (
        there
        if episodes is None
        else [_checks.integer("episodes", episode) for episode in _checks.sequence("episodes", episodes)]
    )
    if not moments:
        raise ValueError("episodes must not be empty; train with snapshots")
    for one in moments:
        index_of(there, one)
    return moments
