"""Pictures of tasks, memories and learning curves.

Every function draws data that has been computed elsewhere. Each takes ``ax=None`` and returns the Axes it drew on;
without ``ax`` it makes a figure of one journal column (3.4 inches) with pyplot, so that it appears in a notebook, and
leaves showing and closing it to you. For many figures in a script, `figure` makes Axes that pyplot knows nothing of
and that need not be closed. Nothing here calls ``plt.show`` or changes rcParams. Colours are those of Okabe and Ito
and perceptually ordered maps, told apart with any kind of colour vision.

Maps of a result show the task in force in the last episode before the snapshot, so a maze that changes is drawn
changed only after the change. What a map looks like depends on the task: a maze if the task has a ``layout``, the
plane of position and velocity for mountain car, and otherwise a table with one row per state.
"""

import os
from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from . import _checks, metrics
from .tasks import MountainCar

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Colours of Okabe and Ito, most legible first (its yellow is too pale for lines on white)."""

COLUMN = 3.4
"""Width of a journal column, in inches."""

QUANTITIES = {
    "objective": "Objective (reward)",
    "reward": "Reward per episode",
    "value": "Discounted reward per episode",
    "cost": r"Cost $\lambda\,D_{\mathrm{KL}}$ (reward)",
}

_RATES = {"objective": "Objective (reward per unit of time)", "value": "Reward per unit of time"}
_DIRECTIONS = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}
_PRECISE_IS_DARK = "YlGnBu_r"
_NOTHING = "0.88"  # grey of states without a value
_TEXT, _SMALL = 8, 7  # points
_NOTE = {"fontsize": 6.5, "color": "0.35"}


def figure(rows=1, columns=1, width=COLUMN, height=2.4):
    """A figure outside pyplot, and its Axes.

    Parameters
    ----------
    rows, columns : int
    width, height : float
        In inches, of the whole figure.

    Returns
    -------
    Figure
    Axes or array of Axes
        As from ``plt.subplots``.
    """
    rows, columns = _checks.integer("rows", rows, low=1), _checks.integer("columns", columns, low=1)
    made = Figure(figsize=(_positive("width", width), _positive("height", height)), layout="constrained")
    return made, made.subplots(rows, columns)


def save(fig, path):
    """Write a figure as PNG (200 dots per inch) and PDF, without dates or versions in the files.

    Parameters
    ----------
    fig : Figure
    path : str or path
        Without suffix. Missing directories are made.

    Returns
    -------
    list of str
        The two files.
    """
    if not isinstance(fig, Figure):
        raise ValueError(f"fig must be a matplotlib Figure, got {fig!r}")
    path = _path("path", path)
    if path.lower().endswith((".png", ".pdf")):
        raise ValueError(f"path must be given without suffix, got {path!r}")
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    fig.savefig(path + ".png", dpi=200, metadata={"Software": None})
    fig.savefig(path + ".pdf", metadata={"CreationDate": None, "Producer": None, "Creator": None})
    return [path + ".png", path + ".pdf"]


# Curves


def curves(x, mean, sem=None, label=None, ax=None, *, xlabel=None, ylabel=None, errors="bars", **style):
    """One curve or several over a common x, with standard errors.

    Repeated calls on the same Axes take the next colours of `PALETTE`.

    Parameters
    ----------
    x : array of float, shape (n,)
    mean : array of float, shape (n,) or (curves, n)
        NaN leaves a gap.
    sem : array of float, shape of ``mean``, optional
        Half-length of the error bars; NaN where there is none.
    label : str, or sequence of str for several curves, optional
    ax : Axes, optional
    xlabel, ylabel : str, optional
    errors : {"bars", "band"}
    **style
        For ``Axes.plot``: color, linestyle, marker, ...

    Returns
    -------
    Axes
    """
    x, mean = _array("x", x), _array("mean", mean)
    if mean.ndim not in (1, 2) or x.shape != mean.shape[-1:]:
        raise ValueError(f"mean must have shape (n,) or (curves, n) with n = {x.size} of x, got {mean.shape}")
    sem = np.full(mean.shape, np.nan) if sem is None else _array("sem", sem)
    if sem.shape != mean.shape:
        raise ValueError(f"sem must have the shape of mean, {mean.shape}, got {sem.shape}")
    labels = [label] if mean.ndim == 1 else [None] * len(mean) if label is None else list(label)
    if len(labels) != len(np.atleast_2d(mean)) or isinstance(label, str) != (mean.ndim == 1 and label is not None):
        raise ValueError(f"label must be one string per curve, got {label!r}")
    _checks.choice("errors", errors, ("bars", "band"))
    ax = _axes(ax, 2.4)
    for one, error, name in zip(np.atleast_2d(mean), np.atleast_2d(sem), labels, strict=True):
        color = style.get("color", _next_color(ax))
        look = {"linewidth": 1.3, **style, "color": color, "label": name, "gid": "curve"}
        ax.plot(x, one, **look)
        known = np.isfinite(error)
        if known.any() and errors == "bars":
            ax.errorbar(x[known], one[known], error[known], fmt="none", ecolor=color, elinewidth=0.9, capsize=1.5)
        elif known.any():
            ax.fill_between(x, one - error, one + error, where=known, color=color, alpha=0.25, linewidth=0)
    if any(name is not None for name in labels):
        _legend(ax)
    _label(ax, xlabel, ylabel)
    return ax


def convergence(results, quantity="objective", ax=None, label=None, *, errors="band", robust=True, **style):
    """Learning curves: mean over restarts, with the standard error of the mean.

    A change of the task is marked by a dotted line.

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
    **style
        For ``Axes.plot``.

    Returns
    -------
    Axes
    """
    _checks.choice("quantity", quantity, tuple(QUANTITIES))
    robust = _checks.flag("robust", robust)
    named = _named(results, label)
    data = []
    for result in named.values():
        episodes, values = _array("episodes", _get(result, "episodes")), _array(quantity, _get(result, quantity))
        if values.ndim != 2 or values.shape[1] != len(episodes):
            raise ValueError(f"results: {quantity} must have shape (restarts, {len(episodes)}), got {values.shape}")
        if not len(episodes):
            raise ValueError("results: nothing was evaluated; train with evaluate_every to draw learning curves")
        data.append((episodes, *metrics.mean_and_sem(values)))
    ax = _axes(ax, 2.4)
    before = ax.get_ylim() if ax.has_data() else None
    for name, (episodes, mean, sem) in zip(named, data, strict=True):
        curves(episodes, mean, sem, name, ax, errors=errors, **style)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    changes = sorted({episode for result in named.values() for episode, _ in _get(result, "task").changes})
    last = max(episodes[-1] for episodes, _, _ in data)
    changes = [episode for episode in changes if episode < last]
    for episode in changes:
        ax.axvline(episode, color="0.35", linestyle=":", linewidth=1.1, zorder=0.5)
        ax.text(episode, 1.01, "task changes", transform=ax.get_xaxis_transform(), ha="center", va="bottom", **_NOTE)
    if robust:
        side = "right" if changes and changes[0] < last / 2 else "left"
        _cut(ax, [(mean, np.nan_to_num(sem)) for _, mean, sem in data], before, side)
    rates = any(_get(result, "agent").reward_rate for result in named.values())
    _label(ax, "Episode", _RATES.get(quantity, QUANTITIES[quantity]) if rates else QUANTITIES[quantity])
    return ax


def _cut(ax, drawn, before, side):
    """Limit the y axis to what is not extreme, and say above it what was cut off."""
    pooled = np.concatenate([mean for mean, _ in drawn])
    worst, first, median, third, best = np.percentile(pooled, [0, 25, 50, 75, 100])
    reach = 3 * max(third - first, abs(median) / 4)
    late = [(mean - sign * sem)[len(mean) // 2 :] for mean, sem in drawn for sign in (1, -1)]
    low = min(max(worst, first - reach), *(part.min() for part in late))
    high = max(min(best, third + reach), *(part.max() for part in late))
    if low <= worst and high >= best:
        return
    margin = 0.05 * (high - low)
    low, high = low - margin, high + margin
    if before is not None:
        low, high = min(low, before[0]), max(high, before[1])
    ax.set_ylim(low, high)
    notes = [f"↓ {worst:.4g}"] * int(worst < low) + [f"↑ {best:.4g}"] * int(best > high)
    if notes:
        ax.set_title("  ".join(notes).replace("-", "−") + " off scale", loc=side, pad=2, **_NOTE)


def regression(x, y, ax=None, label=None, *, xlabel=None, ylabel=None, level=0.95, color=None):
    """Points, their least-squares line and its confidence band.

    Parameters
    ----------
    x, y : array of float, same shape
        Points with NaN in either are left out.
    ax : Axes, optional
    label : str, optional
        Of the line.
    xlabel, ylabel : str, optional
    level : float
        Confidence of the band, in (0, 1).
    color : color, optional
        Default: the next of `PALETTE`.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        As `metrics.regression`.
    """
    fit = metrics.regression(x, y)
    x, y = np.ravel(x).astype(float), np.ravel(y).astype(float)
    use = ~(np.isnan(x) | np.isnan(y))
    x, y = x[use], y[use]
    along = np.linspace(x.min(), x.max(), 101)
    low, high = fit.band(along, level)
    ax = _axes(ax, 2.5)
    color = _next_color(ax) if color is None else color
    ax.fill_between(along, low, high, color=color, alpha=0.2, linewidth=0)
    ax.scatter(x, y, s=11, facecolor=to_rgba(color, 0.55), edgecolor="white", linewidth=0.3, zorder=2.5)
    ax.plot(along, fit.line(along), color=color, linewidth=1.4, label=label, gid="curve", zorder=3)
    if label is not None:
        _legend(ax)
    _label(ax, xlabel, ylabel)
    return ax


def discriminability(results, q_star=None, ax=None, label=None, *, restart=None, visited=None):
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
    visited : array, shape (states,) or (states, actions), optional
        Mask or number of visits: leave out states that were never visited.

    Returns
    -------
    Axes
    """

    def d_prime(q, sigma, memories, values):
        return metrics.discriminability(q, sigma, memories, by=values)

    return _against_difference(results, q_star, ax, label, restart, visited, d_prime, "Discriminability d′")


def mean_sigma_vs_difference(results, q_star=None, ax=None, label=None, *, restart=None, visited=None):
    """Mean σ of the memories of each state against what hangs on the state, with the regression line.

    Parameters as for `discriminability`.

    Returns
    -------
    Axes
    """

    def mean(q, sigma, memories, values):
        return metrics.mean_sigma(sigma, memories)

    return _against_difference(results, q_star, ax, label, restart, visited, mean, r"Mean $\sigma$ (reward)")


def _against_difference(results, q_star, ax, label, restart, visited, measure, ylabel):
    points = {}
    for name, result in _named(results, label).items():
        task, q, sigma = _memories(result, None, restart)
        if q_star is not None:
            values = _array("q_star", q_star, (task.n_states, task.n_actions))
        elif hasattr(task, "optimal_q"):
            values = task.optimal_q(_get(result, "agent").gamma)
        else:
            raise ValueError(f"q_star must be given for the task {task.name!r}, which value iteration cannot solve")
        difference = metrics.reward_difference(values, task.memories)
        if visited is not None:
            difference = np.where(_visited(visited, task), difference, np.nan)
        points[name] = difference, measure(q, sigma, task.memories, values).mean(axis=0)
    ax = _axes(ax, 2.5)
    for name, (x, y) in points.items():
        regression(x, y, ax, name, xlabel="Difference in cumulative reward", ylabel=ylabel)
    return ax


# Maps


def maze(
    task, values=None, ax=None, *, policy=None, cmap="viridis", vmin=None, vmax=None, label=None, colorbar=True,
    ticks=True,
):  # fmt: skip
    """Values on a maze, with its walls, start and goal.

    Parameters
    ----------
    task : TabularMDP
        With a ``layout``. Of a task that changes, give the one to be drawn: ``task.at(episode)``.
    values : array of float, shape (states,) or (states, actions), optional
        A colour for each cell; or, if the actions are named up, down, left and right (in any order), one for each
        triangle of a cell that points the action's way. NaN is left grey, and so are actions that do not exist.
    ax : Axes, optional
    policy : array of int, shape (states,), optional
        Action of each state, drawn as an arrow; −1 for none.
    cmap : str or Colormap
    vmin, vmax : float, optional
        Ends of the colours.
    label : str, optional
        Of the colour bar.
    colorbar : bool
        Whether to draw one.
    ticks : bool
        Whether to number rows and columns.

    Returns
    -------
    Axes
    """
    if getattr(task, "layout", None) is None:
        raise ValueError(f"task must have a layout to be drawn as a maze; {getattr(task, 'name', task)!r} has none")
    rows, columns = len(task.layout), len(task.layout[0])
    cells = "".join(task.layout)
    if values is not None:
        values = _per_state_or_action("values", values, task)
        if values.ndim == 2 and set(task.action_names or ()) != set(_DIRECTIONS):
            raise ValueError(
                f"values of shape (states, actions) need the actions up, down, left and right, "
                f"got {task.action_names}; give one value per state"
            )
    arrows = None if policy is None else _arrows(task, policy)
    ax = _axes(ax, 0.4 + min(0.8 * COLUMN * rows / columns, 5.0))
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), aspect="equal", facecolor=_NOTHING)
    if values is not None:
        norm = _norm(values[~task.terminal], vmin, vmax)
        if values.ndim == 1:
            shown = np.where(task.terminal, np.nan, values).reshape(rows, columns)
            drawn = ax.imshow(shown, cmap=cmap, norm=norm, interpolation="nearest", aspect="equal")
        else:
            state, action = np.nonzero(task.exists & np.isfinite(values))
            drawn = ax.add_collection(
                PolyCollection(
                    _triangles(state, action, task, columns),
                    array=values[state, action],
                    cmap=cmap,
                    norm=norm,
                    edgecolor="white",
                    linewidth=0.25,
                )  # fmt: skip
            )
        if colorbar:
            _colorbar(ax, drawn, label)
    for line in range(1, rows):
        ax.axhline(line - 0.5, color="white", linewidth=0.6)
    for line in range(1, columns):
        ax.axvline(line - 0.5, color="white", linewidth=0.6)
    for state, cell in enumerate(cells):
        row, column = divmod(state, columns)
        if cell == "#":
            corner = (column - 0.5, row - 0.5)
            ax.add_patch(Rectangle(corner, 1, 1, facecolor="0.82", edgecolor="0.45", hatch="/////", linewidth=0))
        elif cell in "GH":
            corner = (column - 0.5, row - 0.5)
            ax.add_patch(Rectangle(corner, 1, 1, facecolor="white" if cell == "G" else "0.35", linewidth=0))
        if cell in "SGH":
            aside, size = (0.0, _TEXT) if cell != "S" or arrows is None else (0.27, 6)
            ax.text(
                column - aside, row - aside, cell, fontsize=size, weight="bold", ha="center", va="center", zorder=4,
                path_effects=[withStroke(linewidth=1.8, foreground="white")],
            )  # fmt: skip
    if arrows is not None:
        x, y, dx, dy = arrows
        ax.quiver(
            x, y, dx, dy, pivot="mid", angles="xy", scale_units="xy", scale=1.5, width=0.035, units="x", headwidth=4,
            headlength=4, headaxislength=4, color="white", edgecolor="black", linewidth=0.5, zorder=3,
        )  # fmt: skip
    ax.add_patch(Rectangle((-0.5, -0.5), columns, rows, fill=False, edgecolor="0.2", linewidth=0.8, clip_on=False))
    ax.spines[:].set_visible(False)
    if ticks:
        ax.xaxis.set_major_locator(MaxNLocator(10, integer=True, steps=[1, 2, 5, 10]))
        ax.yaxis.set_major_locator(MaxNLocator(10, integer=True, steps=[1, 2, 5, 10]))
        _label(ax, "Column", "Row")
        ax.tick_params(length=0)
    else:
        ax.set(xticks=[], yticks=[])
    return ax


def plane(
    task, values, ax=None, *, trajectory=None, cmap="viridis", vmin=None, vmax=None, label=None, colorbar=True
):  # fmt: skip
    """Values over the position and velocity of mountain car.

    Parameters
    ----------
    task : MountainCar
    values : array of float, shape (states,)
        NaN is left grey.
    ax : Axes, optional
    trajectory : (array of float, array of float), optional
        Positions and velocities at successive steps, drawn over the values; a dot marks the first.
    cmap, vmin, vmax, label, colorbar
        As for `maze`.

    Returns
    -------
    Axes
    """
    if not isinstance(task, MountainCar):
        raise ValueError(f"task must be mountain car, got {getattr(task, 'name', task)!r}")
    values = _array("values", values, (task.n_states,), nan=True)
    path = None if trajectory is None else _trajectory(trajectory)
    ax = _axes(ax, 2.4)
    shown = np.where(task.terminal, np.nan, values).reshape(task.n_positions, task.n_velocities).T
    ax.set_facecolor(_NOTHING)
    edges = [np.append(centres - step / 2, centres[-1] + step / 2) for centres, step in
             ((task.positions, 0.1), (task.velocities, 0.01))]  # fmt: skip
    drawn = ax.pcolormesh(*edges, shown, cmap=cmap, norm=_norm(shown, vmin, vmax), rasterized=True)
    ax.axvline(0.5, color="black", linestyle="--", linewidth=0.9)
    ax.text(
        0.485, edges[1][-1] - 0.002, "goal", rotation=90, fontsize=_SMALL, ha="right", va="top",
        path_effects=[withStroke(linewidth=1.6, foreground="white")],
    )  # fmt: skip
    if path is not None:
        casing = [withStroke(linewidth=2.6, foreground="white")]
        ax.plot(*path, color=PALETTE[1], linewidth=1.3, path_effects=casing, gid="trajectory")
        ax.plot(path[0][:1], path[1][:1], "o", color=PALETTE[1], markersize=4, markeredgecolor="white")
    ax.set(xlim=(edges[0][0], edges[0][-1]), ylim=(edges[1][0], edges[1][-1]))
    if colorbar:
        _colorbar(ax, drawn, label)
    _label(ax, "Position", "Velocity (per step)")
    return ax


def table(task, values, ax=None, *, cmap="viridis", vmin=None, vmax=None, label=None, colorbar=True):
    """Values of any finite task as a heat map with one row per state.

    States without actions are left out; rows and columns carry ``state_names`` and ``action_names``, or numbers. Where
    there is no room for every name, every second, third, ... is written.

    Parameters
    ----------
    task : TabularMDP
    values : array of float, shape (states,) or (states, actions)
        One column, or one for each action. NaN is left grey, and so are actions that do not exist.
    ax : Axes, optional
    cmap, vmin, vmax, label, colorbar
        As for `maze`.

    Returns
    -------
    Axes
    """
    values = _per_state_or_action("values", values, task)
    states = np.flatnonzero(np.asarray(task.action_counts) > 0)
    shown = values[states, None] if values.ndim == 1 else np.where(task.exists, values, np.nan)[states]
    ax = _axes(ax, float(np.clip(0.6 + 0.125 * len(states), 1.6, 6.0)))
    ax.set_facecolor(_NOTHING)
    norm = _norm(shown, vmin, vmax)
    drawn = ax.imshow(shown, cmap=cmap, norm=norm, interpolation="nearest", aspect="auto")
    height = 72 * ax.get_position().height * ax.figure.get_figure(root=True).get_figheight()  # points
    if height > 5 * len(states):
        for line in range(1, len(states)):
            ax.axhline(line - 0.5, color="white", linewidth=0.5)
    every = max(1, round(len(states) / (height / 7.5)))
    names = task.state_names or tuple(map(str, range(task.n_states)))
    ax.set_yticks(np.arange(0, len(states), every), [names[state] for state in states[::every]])
    if values.ndim == 1:
        ax.set_xticks([])
        _label(ax, None, "State")
    else:
        ax.set_xticks(np.arange(task.n_actions), task.action_names or tuple(map(str, range(task.n_actions))))
        _label(ax, "Action", "State")
    ax.tick_params(length=0)
    ax.tick_params(axis="y", labelsize=6.5)
    ax.spines[:].set_visible(False)
    if colorbar:
        _colorbar(ax, drawn, label)
    return ax


def state_map(task, values, ax=None, *, trajectory=None, visited=None, policy=None, **look):
    """Values of any task, drawn as suits it: `maze` if it has a layout, `plane` for mountain car, else `table`.

    Parameters
    ----------
    task : TabularMDP or MountainCar
        Of a task that changes, the one to be drawn: ``task.at(episode)``.
    values : array of float, shape (states,) or (states, actions)
        Mazes whose actions are not up, down, left and right, and mountain car, take one value per state.
    ax : Axes, optional
    trajectory
        As for `plane`; mountain car only.
    visited : array, shape (states,) or (states, actions), optional
        Mask or number of visits: states never visited are left grey.
    policy
        As for `maze`; mazes only.
    **look
        ``cmap``, ``vmin``, ``vmax``, ``label``, ``colorbar``, and for mazes ``ticks``.

    Returns
    -------
    Axes
    """
    values = _per_state_or_action("values", values, task)
    if visited is not None:
        seen = _visited(visited, task)
        values = np.where(seen if values.ndim == 1 else seen[:, None], values, np.nan)
    if trajectory is not None and not isinstance(task, MountainCar):
        raise ValueError(f"trajectory can be drawn for mountain car only, not for {task.name!r}")
    if policy is not None and task.layout is None:
        raise ValueError(f"policy can be drawn for tasks with a layout only, not for {task.name!r}")
    if task.layout is not None:
        return maze(task, values, ax, policy=policy, **look)
    look.pop("ticks", None)
    if isinstance(task, MountainCar):
        return plane(task, values, ax, trajectory=trajectory, **look)
    return table(task, values, ax, **look)


def choice_entropy(
    result, episode=None, restart=None, ax=None, *, policy=False, trajectory=None, visited=None, colorbar=True,
    ticks=True,
):  # fmt: skip
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
        cmap=_PRECISE_IS_DARK, vmin=0.0, vmax=1.0, label="Choice entropy",
    )  # fmt: skip


def choice_entropy_snapshots(result, episodes=None, restart=None, axes=None, *, policy=False):
    """Choice entropy at several moments of learning (Figure 1c), with one colour bar.

    Parameters
    ----------
    result : Result
    episodes : sequence of int, optional
        Numbers of completed episodes of which snapshots were taken. Default: all of them.
    restart, policy
        As for `choice_entropy`.
    axes : array of Axes, optional
        As many as there are episodes. Default: a figure with two columns.

    Returns
    -------
    array of Axes, shape (episodes,)
    """
    episodes = _snapshot_episodes(result) if episodes is None else [_checks.integer("episodes", e) for e in episodes]
    if not episodes:
        raise ValueError("episodes must not be empty; train with snapshots")
    maps = [_memories(result, episode, restart) for episode in episodes]
    made = None
    if axes is None:
        columns = min(2, len(episodes))
        rows = -(-len(episodes) // columns)
        size = (COLUMN, rows * _panel_height(maps[0][0], columns) + 0.45)
        engine = "constrained" if maps[0][0].layout is None else "compressed"
        made, axes = plt.subplots(rows, columns, figsize=size, layout=engine, squeeze=False)
        for spare in axes.ravel()[len(episodes) :]:
            spare.remove()
        axes = axes.ravel()[: len(episodes)]
    axes = np.asarray(axes, dtype=object).ravel()
    if len(axes) != len(episodes):
        raise ValueError(f"axes must be as many as the {len(episodes)} episodes, got {len(axes)}")
    for ax, episode in zip(axes, episodes, strict=True):
        choice_entropy(result, episode, restart, ax, policy=policy, colorbar=False, ticks=False)
    if made is not None:
        for index, ax in enumerate(axes):
            ax.xaxis.label.set(visible=index + columns >= len(axes), size=_SMALL)
            ax.yaxis.label.set(visible=index % columns == 0, size=_SMALL)
    bar = axes[0].figure.colorbar(
        plt.cm.ScalarMappable(Normalize(0, 1), _PRECISE_IS_DARK), ax=list(axes), location="bottom", aspect=35,
        fraction=0.05, pad=0.03,
    )  # fmt: skip
    _polish_bar(bar, "Choice entropy")
    return axes


def value_function(
    result, episode=None, restart=None, ax=None, *, policy=False, trajectory=None, visited=None, colorbar=True,
    ticks=True,
):  # fmt: skip
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


def q_map(result, episode=None, restart=None, ax=None, *, policy=False, visited=None, colorbar=True, ticks=True):
    """q̄ of every memory: a triangle for each action of a maze, or a table of states and actions.

    Mazes whose actions are not up, down, left and right, and mountain car, show the largest q̄ of each state instead.
    Parameters as for `choice_entropy`; the mean over restarts is that of q̄.

    Returns
    -------
    Axes
    """
    task, q, _ = _memories(result, episode, restart)
    if _has_actions_drawn(task):
        values, label = np.where(task.exists, q.mean(axis=0), np.nan), r"$\bar{q}$ (reward)"
    else:
        values, label = metrics.state_values(q, task.exists).mean(axis=0), r"$\mathrm{max}_a\,\bar{q}$ (reward)"
    return _result_map(
        task, values, q, episode, ax, policy, visited=visited, colorbar=colorbar, ticks=ticks, label=label
    )  # fmt: skip


def sigma_map(result, episode=None, restart=None, ax=None, *, policy=False, visited=None, colorbar=True, ticks=True):
    """σ of every memory, dark where it is precise; colours start at 0.

    Mazes whose actions are not up, down, left and right, and mountain car, show the mean σ of each state instead.
    Parameters as for `choice_entropy`; the mean over restarts is that of σ.

    Returns
    -------
    Axes
    """
    task, q, sigma = _memories(result, episode, restart)
    if _has_actions_drawn(task):
        values, label = np.where(task.exists, sigma.mean(axis=0), np.nan), r"$\sigma$ (reward)"
    else:
        values, label = metrics.mean_sigma(sigma, task.exists).mean(axis=0), r"Mean $\sigma$ (reward)"
    return _result_map(
        task, values, q, episode, ax, policy, visited=visited, colorbar=colorbar, ticks=ticks, label=label, vmin=0.0,
        cmap=_PRECISE_IS_DARK,
    )  # fmt: skip


def visits(task, visits, ax=None, *, colorbar=True, ticks=True):
    """How often each state is visited, as a fraction of all visits.

    Parameters
    ----------
    task : TabularMDP or MountainCar
    visits : array, shape (states,) or (states, actions)
        Number or frequency of visits, of any total.
    ax : Axes, optional
    colorbar, ticks : bool
        As for `maze`.

    Returns
    -------
    Axes
    """
    counts = _per_state_or_action("visits", visits, task, nan=False)
    counts = counts.sum(axis=1) if counts.ndim == 2 else counts
    if counts.min() < 0 or counts.sum() == 0:
        raise ValueError("visits must be at least 0 and must not all be 0")
    return state_map(
        task, counts / counts.sum(), ax, cmap="YlGnBu", vmin=0.0, label="Frequency of visits", colorbar=colorbar,
        ticks=ticks,
    )  # fmt: skip


def animate_entropy(result, path, *, episodes=None, restart=None, policy=False, fps=6, dpi=130):
    """Choice entropy through learning as an animated GIF, one frame for each snapshot.

    Parameters
    ----------
    result : Result
        With snapshots.
    path : str or path
        The file to write, ending in ".gif".
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
    path = _path("path", path)
    if not path.lower().endswith(".gif"):
        raise ValueError(f"path must end in '.gif', got {path!r}")
    episodes = _snapshot_episodes(result) if episodes is None else [_checks.integer("episodes", e) for e in episodes]
    if not episodes:
        raise ValueError("episodes must not be empty; train with snapshots")
    fps, dpi = _positive("fps", fps), _checks.integer("dpi", dpi, low=20, high=1000)
    first = _memories(result, episodes[0], restart)[0]
    height = 2.5 if isinstance(first, MountainCar) else _panel_height(first, 1) + 0.1
    film = Figure(figsize=(COLUMN, height), layout="constrained")
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    writer = PillowWriter(fps=fps)
    with writer.saving(film, path, dpi):
        for episode in episodes:
            film.clear()
            choice_entropy(result, episode, restart, film.add_subplot(), policy=policy)
            writer.grab_frame()
    return path


def _panel_height(task, columns):
    """Height in inches of one of ``columns`` maps side by side in a column, without colour bar."""
    if task.layout is not None:
        return min(0.9 * COLUMN / columns * len(task.layout) / len(task.layout[0]) + 0.25, 5.0)
    return 1.45 if isinstance(task, MountainCar) else float(np.clip(0.35 + 0.11 * task.n_states, 1.45, 5.0))


def _result_map(task, values, q, episode, ax, policy, **look):
    if _checks.flag("policy", policy):
        look["policy"] = metrics.greedy_actions(q.mean(axis=0), task.exists)
    ax = state_map(task, values, ax, **look)
    if episode is not None:
        ax.set_title(f"Episode {episode}", fontsize=_TEXT)
    return ax


# What the functions above share


def _axes(ax, height):
    if ax is None:
        _, ax = plt.subplots(figsize=(COLUMN, height), layout="constrained")
    elif not isinstance(ax, Axes):
        raise ValueError(f"ax must be a matplotlib Axes, got {ax!r}")
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=_SMALL)
    return ax


def _label(ax, xlabel, ylabel):
    if xlabel is not None:
        ax.set_xlabel(xlabel, fontsize=_TEXT)
    if ylabel is not None:
        ax.set_ylabel(ylabel, fontsize=_TEXT)


def _legend(ax):
    ax.legend(fontsize=_SMALL, frameon=False, handlelength=1.5, labelspacing=0.3, borderaxespad=0.3)


def _next_color(ax):
    return PALETTE[sum(line.get_gid() == "curve" for line in ax.get_lines()) % len(PALETTE)]


def _colorbar(ax, drawn, label):
    # An inset keeps the height of the picture, which an equal aspect makes smaller than its Axes.
    bar = ax.figure.colorbar(drawn, cax=ax.inset_axes([1.03, 0, 0.045, 1]))
    _polish_bar(bar, label)


def _polish_bar(bar, label):
    # Without a fixed number, ticks change with the height while the layout is being found.
    bar.locator = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(labelsize=_SMALL, length=2)
    if label is not None:
        bar.set_label(label, fontsize=_TEXT)


def _norm(values, vmin, vmax):
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    low = low if vmin is None else _checks.real("vmin", vmin)
    high = high if vmax is None else _checks.real("vmax", vmax)
    return Normalize(low, high)


def _triangles(state, action, task, columns):
    """Corners of the triangle of each (state, action), shape (n, 3, 2)."""
    direction = np.array([_DIRECTIONS[name] for name in task.action_names])[action]
    centre = np.stack([state % columns, state // columns], axis=1).astype(float)
    side = 0.5 * direction[:, ::-1]
    return np.stack([centre, centre + 0.5 * direction + side, centre + 0.5 * direction - side], axis=1)


def _arrows(task, policy):
    policy = np.asarray(policy)
    if policy.shape != (task.n_states,) or policy.dtype.kind not in "iu":
        raise ValueError(f"policy must be {task.n_states} actions, one per state, got {policy!r}")
    if policy.min() < -1 or policy.max() >= task.n_actions:
        raise ValueError(f"policy must be in [-1, {task.n_actions - 1}], got {policy.min()} to {policy.max()}")
    if not set(task.action_names or ()) <= set(_DIRECTIONS) or not task.action_names:
        raise ValueError(f"policy needs actions named up, down, left and right, got {task.action_names}")
    states = np.flatnonzero((policy >= 0) & ~task.terminal)
    directions = np.array([_DIRECTIONS[name] for name in task.action_names], dtype=float)[policy[states]]
    columns = len(task.layout[0])
    return states % columns, states // columns, directions[:, 0], directions[:, 1]


def _has_actions_drawn(task):
    if task.layout is not None:
        return set(task.action_names or ()) == set(_DIRECTIONS)
    return not isinstance(task, MountainCar)


def _trajectory(trajectory):
    try:
        x, v = trajectory
    except (TypeError, ValueError):
        raise ValueError(f"trajectory must be a pair (positions, velocities), got {trajectory!r}") from None
    x, v = _array("trajectory: positions", x), _array("trajectory: velocities", v)
    if x.ndim != 1 or x.shape != v.shape or not x.size:
        raise ValueError(f"trajectory must be two sequences of equal length, got shapes {x.shape} and {v.shape}")
    return x, v


def _visited(visited, task):
    seen = np.asarray(visited)
    if seen.dtype.kind not in "biuf" or seen.shape not in ((task.n_states,), (task.n_states, task.n_actions)):
        raise ValueError(f"visited must have shape ({task.n_states},) or ({task.n_states}, {task.n_actions})")
    seen = seen > 0
    return seen.any(axis=1) if seen.ndim == 2 else seen


def _memories(result, episode, restart):
    """The task in force, q̄ and σ (restarts, states, actions) at the end or at a snapshot; one restart or all."""
    task, q, sigma = _get(result, "task"), _get(result, "q"), _get(result, "sigma")
    if episode is None:
        completed = _get(result, "training_episodes")
    else:
        completed = _checks.integer("episode", episode)
        there = _snapshot_episodes(result)
        if completed not in there:
            raise ValueError(f"episode must be that of a snapshot, one of {there}, got {episode!r}")
        index = there.index(completed)
        q, sigma = _get(result, "snapshot_q")[:, index], _get(result, "snapshot_sigma")[:, index]
    if restart is not None:
        restart = _checks.integer("restart", restart, low=0, high=len(q) - 1)
        q, sigma = q[restart : restart + 1], sigma[restart : restart + 1]
    return task.at(max(completed - 1, 0)), np.asarray(q, dtype=float), np.asarray(sigma, dtype=float)


def _snapshot_episodes(result):
    return [int(episode) for episode in _get(result, "snapshot_episodes")]


def _named(results, label):
    if not isinstance(results, Mapping):
        return {label: results}
    if label is not None:
        raise ValueError("label is for a single result; a dict of results is labelled by its keys")
    if not results:
        raise ValueError("results must not be empty")
    return results


def _get(result, name):
    try:
        return getattr(result, name)
    except AttributeError:
        kind = type(result).__name__
        raise ValueError(f"result must be a Result, or a dict of them, got {kind} without {name}") from None


def _per_state_or_action(name, values, task, nan=True):
    given = np.ndim(values)
    shape = (task.n_states,) if given < 2 else (task.n_states, task.n_actions)
    return _array(name, values, shape, nan=nan)


def _array(name, value, shape=None, nan=True):
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        array = None
    if array is None or array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be an array of numbers, got {value!r}")
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    if np.isinf(array).any() or (not nan and np.isnan(array).any()):
        raise ValueError(f"{name} must be finite")
    return array.astype(float)


def _positive(name, value):
    return _checks.real(name, value, low=0, low_open=True)


def _path(name, value):
    try:
        return os.fsdecode(value)
    except TypeError:
        raise ValueError(f"{name} must be a path, got {value!r}") from None
