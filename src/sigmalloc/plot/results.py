"""What came out of training: learning curves, memories against what hangs on them, and maps of a result.

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
from ..tasks.base import Plane, Task
from ..tasks.tabular import TabularMDP
from . import _inputs, maps, style
from .curves import Errors, curves, regression

Quantity = Literal["objective", "reward", "value", "cost"]
_RATES = {"objective": "Objective (reward per unit of time)", "value": "Reward per unit of time"}
_CHANGE = "change"  # the gid of what marks a change of the task
_MOST_CHANGES = 5


def convergence(
    results: Result | Mapping[str, Result], quantity: Quantity = "objective", ax: Axes | None = None,
    label: str | None = None, *, errors: Errors = "band", robust: bool = True,
    reference: float | Mapping[str, float] | None = None, **look: Any,
) -> Axes:  # fmt: skip
    """Learning curves: mean over restarts, with the standard error of the mean.

    Changes of the task are marked by dotted lines, more than five of them by one band.

    Parameters
    ----------
    results : Result or dict of {str: Result}
        One curve each, labelled by the keys.
    quantity : {"objective", "reward", "value", "cost"}
    ax : Axes, optional
    label : str, optional
        Of the curve of a single result.
    errors : {"band", "bars"}
    robust : bool
        Early episodes can be worse than later ones by orders of magnitude. True cuts the y axis at three
        interquartile ranges (or ¾ of the median, if that is more) beyond the quartiles of the means drawn, but never
        within the second half of a curve, and writes the extreme that is cut off above the axis. False shows all.
        What is drawn on the Axes afterwards widens its limits as usual.
    reference : float or dict of {str: float}, optional
        Known levels, such as an exact optimum, drawn as horizontal lines; the limits include them.
    **look
        For ``Axes.plot``.

    Returns
    -------
    Axes
    """
    _checks.choice("quantity", quantity, tuple(style.QUANTITIES))
    robust = _checks.flag("robust", robust)
    named = _inputs.results(results, label)
    data = []
    for result in named.values():
        if not len(result.episodes):
            raise ValueError("results: nothing was evaluated; train with evaluate_every to draw learning curves")
        values = _inputs.array(quantity, getattr(result, quantity), nan=False)
        data.append((result.episodes.astype(float), *metrics.mean_and_sem(values)))
    rates = any(result.agent.reward_rate for result in named.values())
    ylabel = _RATES.get(quantity, style.QUANTITIES[quantity]) if rates else style.QUANTITIES[quantity]
    ax = style.new_axes(ax, 2.4, "Episode", ylabel)
    before = tuple(ax.dataLim.intervaly) if ax.has_data() else None
    own = style.colors(len(named), ax)
    for color, name, (episodes, mean, sem) in zip(own, named, data, strict=True):
        curves(episodes, mean, sem, name, ax, errors=errors, **{"color": color, **look})
    style.number_ticks(ax, "x", most=7)
    changes = sorted({episode for result in named.values() for episode, _ in result.task.changes})
    last = max(episodes[-1] for episodes, _, _ in data)
    _mark_changes(ax, [episode for episode in changes if episode < last])
    if robust:
        _leave_out_extremes(ax, [(mean, np.nan_to_num(sem)) for _, mean, sem in data], before)
        _note_extremes(ax)
        ax.callbacks.connect("ylim_changed", _note_extremes)
    style.reference_lines(ax, reference)
    return ax


def _mark_changes(ax: Axes, changes: list[int]) -> None:
    if len(changes) > _MOST_CHANGES:
        ax.axvspan(changes[0], changes[-1], color="0.93", linewidth=0, zorder=0.4, gid=_CHANGE)
        return
    marked = [float(np.ravel(line.get_xdata())[0]) for line in ax.get_lines() if line.get_gid() == _CHANGE]
    for episode in changes:
        if episode not in marked:
            ax.axvline(episode, color="0.35", linestyle=":", linewidth=1.1, zorder=0.5, gid=_CHANGE)
    if changes and not marked:
        ax.text(
            changes[0], 1.01, "task changes", transform=ax.get_xaxis_transform(), ha="center", va="bottom",
            **style.NOTE,
        )  # fmt: skip


def _leave_out_extremes(
    ax: Axes, drawn: list[tuple[_inputs.Floats, _inputs.Floats]], before: tuple[float, ...] | None
) -> None:
    """Tell the Axes that the data end where they are not extreme, so that its limits do, now and later."""
    pooled = np.concatenate([mean for mean, _ in drawn])
    worst, first, median, third, best = np.percentile(pooled, [0, 25, 50, 75, 100])
    reach = 3 * max(third - first, abs(median) / 4)
    late = [(mean - sign * sem)[len(mean) // 2 :] for mean, sem in drawn for sign in (1, -1)]
    low = min(max(worst, first - reach), *(part.min() for part in late))
    high = max(min(best, third + reach), *(part.max() for part in late))
    if low <= worst and high >= best:
        return
    if before is not None:
        low, high = min(low, before[0]), max(high, before[1])
    ax.dataLim.intervaly = (low, high)
    ax.autoscale_view(scalex=False)


def _note_extremes(ax: Axes) -> None:
    """Write above the Axes how far the curves go beyond it."""
    curves = [np.asarray(line.get_ydata(), dtype=float) for line in ax.get_lines() if line.get_gid() == style.CURVE]
    pooled = np.concatenate(curves) if curves else np.zeros(0)
    pooled = pooled[np.isfinite(pooled)]
    if not pooled.size:
        return
    low, high = sorted(ax.get_ylim())
    notes = [f"↓ {pooled.min():.4g}"] * int(pooled.min() < low) + [f"↑ {pooled.max():.4g}"] * int(pooled.max() > high)
    marks = [float(np.ravel(line.get_xdata())[0]) for line in ax.get_lines() if line.get_gid() == _CHANGE]
    side: Literal["left", "right"] = "right" if marks and marks[0] < sum(ax.get_xlim()) / 2 else "left"
    text = "  ".join(notes).replace("-", "−") + " off scale" if notes else ""
    ax.set_title(text, loc=side, pad=2, **style.NOTE)


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
        task, q, sigma = _memories(result, None, restart)
        if q_star is not None:
            values = _inputs.array("q_star", q_star, (task.n_states, task.n_actions))
        elif task.finite:
            values = cast(TabularMDP, task).optimal_q(result.agent.gamma)
        else:
            raise ValueError(f"q_star must be given for the task {task.name!r}, which value iteration cannot solve")
        difference = metrics.reward_difference(values, task.memories)
        if visited is not None:
            difference = np.where(_inputs.visited(visited, task), difference, np.nan)
        points[name] = difference, measure(q, sigma, task.memories, values).mean(axis=0)
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
    trajectory, visited
        As for `state_map`.
    colorbar, ticks : bool
        As for `maze`.

    Returns
    -------
    Axes
    """
    task, q, sigma = _memories(result, episode, restart)
    entropy = metrics.choice_entropy(q, sigma, task.exists).mean(axis=0)
    return _result_map(
        task, entropy, q, episode, ax, policy, trajectory=trajectory, visited=visited, colorbar=colorbar, ticks=ticks,
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
    first = _memories(result, moments[0], restart)[0]
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
    axes = np.ravel(np.asarray(axes, dtype=object))
    if len(axes) != len(moments) or not all(isinstance(ax, Axes) for ax in axes):
        raise ValueError(f"axes must be as many Axes as the {len(moments)} episodes, got {axes.tolist()!r}")
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
    task, q, _ = _memories(result, episode, restart)
    value = metrics.state_values(q, task.exists).mean(axis=0)
    return _result_map(
        task, value, q, episode, ax, policy, trajectory=trajectory, visited=visited, colorbar=colorbar, ticks=ticks,
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
    task, q, _ = _memories(result, episode, restart)
    if maps.draws_actions(task):
        values, label = np.where(task.exists, q.mean(axis=0), np.nan), r"$\bar{q}$ (reward)"
    else:
        values, label = metrics.state_values(q, task.exists).mean(axis=0), r"$\mathrm{max}_a\,\bar{q}$ (reward)"
    return _result_map(
        task, values, q, episode, ax, policy, visited=visited, colorbar=colorbar, ticks=ticks, label=label
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
    task, q, sigma = _memories(result, episode, restart)
    if maps.draws_actions(task):
        values, label = np.where(task.exists, sigma.mean(axis=0), np.nan), r"$\sigma$ (reward)"
    else:
        values, label = metrics.mean_sigma(sigma, task.exists).mean(axis=0), r"Mean $\sigma$ (reward)"
    return _result_map(
        task, values, q, episode, ax, policy, visited=visited, colorbar=colorbar, ticks=ticks, label=label, vmin=0.0,
        cmap=style.PRECISE_IS_DARK,
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
    path = style.file_path("path", path)
    if not path.lower().endswith(".gif"):
        raise ValueError(f"path must end in '.gif', got {path!r}")
    moments = _moments(result, episodes)
    fps = _checks.real("fps", fps, low=0, low_open=True)
    dpi = _checks.integer("dpi", dpi, low=20, high=1000)
    first = _memories(result, moments[0], restart)[0]
    height = 2.5 if isinstance(first.geometry, Plane) else maps.panel_height(first, 1) + 0.1
    film = Figure(figsize=(style.COLUMN, height), layout="constrained", dpi=dpi)
    frames = []
    for moment in moments:
        film.clear()
        choice_entropy(result, moment, restart, film.add_subplot(), policy=policy)
        drawn = io.BytesIO()
        film.savefig(drawn, format="png")
        frames.append(Image.open(drawn).convert("RGB"))
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    files.write(
        path,
        lambda file: frames[0].save(
            file, format="GIF", save_all=True, append_images=frames[1:], duration=int(1000 / fps), loop=0
        ),
    )
    return path


def _result_map(
    task: Task, values: _inputs.Floats, q: _inputs.Floats, episode: int | None, ax: Axes | None, policy: bool,
    **look: Any,
) -> Axes:  # fmt: skip
    if _checks.flag("policy", policy):
        look["policy"] = metrics.greedy_actions(q.mean(axis=0), task.exists)
    ax = maps.state_map(task, values, ax, **look)
    if episode is not None:
        ax.set_title(f"Episode {episode}", fontsize=style.TEXT)
    return ax


def _moments(result: Result, episodes: Sequence[int] | None) -> list[int]:
    there = _snapshot_episodes(_inputs.result(result))
    moments = there if episodes is None else [_checks.integer("episodes", episode) for episode in episodes]
    if not moments:
        raise ValueError("episodes must not be empty; train with snapshots")
    for moment in moments:
        _index(there, moment)
    return moments


def _memories(result: Result, episode: int | None, restart: int | None) -> tuple[Task, _inputs.Floats, _inputs.Floats]:
    """The task in force, q̄ and σ (restarts, states, actions) at the end or at a snapshot; one restart or all."""
    q, sigma, completed = _inputs.result(result).q, result.sigma, result.training_episodes
    if episode is not None:
        completed = _checks.integer("episode", episode)
        index = _index(_snapshot_episodes(result), completed)
        q, sigma = result.snapshot_q[:, index], result.snapshot_sigma[:, index]
    if restart is not None:
        restart = _checks.integer("restart", restart, low=0, high=len(q) - 1)
        q, sigma = q[restart : restart + 1], sigma[restart : restart + 1]
    return result.task.at(max(completed - 1, 0)), np.asarray(q, dtype=float), np.asarray(sigma, dtype=float)


def _snapshot_episodes(result: Result) -> list[int]:
    return [int(episode) for episode in result.snapshot_episodes]


def _index(there: list[int], episode: int) -> int:
    if episode not in there:
        raise ValueError(f"episode must be that of a snapshot, one of {there}, got {episode!r}")
    return there.index(episode)
