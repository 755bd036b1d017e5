"""Values of states and actions: on a maze, over a plane, as a table; and any quantity over two parameters.

Which of the three a task gets is said by its ``geometry``. Nothing is drawn where there is no value: it stays grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection, PolyCollection
from matplotlib.colors import Colormap
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from .. import _checks
from ..tasks.base import Plane, Task
from . import _inputs, style

_DIRECTIONS = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}
_LARGE = 20  # rows or columns from which on a maze has no lines between cells
_STEPS = [1, 2, 5, 10]
_MOST_NUMBERS = 64  # cells of a map that are still written into


def maze(
    task: Task, values: npt.ArrayLike | None = None, ax: Axes | None = None, *, policy: npt.ArrayLike | None = None,
    cmap: str | Colormap = "viridis", vmin: float | None = None, vmax: float | None = None, label: str = "Value",
    colorbar: bool = True, ticks: bool = True,
) -> Axes:  # fmt: skip
    """Values on a maze, with its walls, start and goal.

    Parameters
    ----------
    task : Task
        With a ``layout``. Of a task that changes, give the one to be drawn: ``task.at(episode)``.
    values : array of float, shape (states,) or (states, actions), optional
        A colour for each cell; or, if the actions are named up, down, left and right (in any order), one for each
        triangle of a cell that points the action's way. NaN is left grey, and so are actions that do not exist.
    ax : Axes, optional
    policy : array of int, shape (states,), optional
        Action of each state, drawn as an arrow; −1 for none, and none where a state has no value.
    cmap : str or Colormap
    vmin, vmax : float, optional
        Ends of the colours.
    label : str
        Of the colour bar.
    colorbar : bool
        Whether to draw one.
    ticks : bool
        Whether to number rows and columns.

    Returns
    -------
    Axes
        Mazes of more than 20 rows or columns have no lines between cells, and plain dark walls instead of hatched ones.
    """
    cmap, label = _inputs.color_map(cmap), _inputs.name("label", label)
    layout = _inputs.layout(_inputs.task(task))
    if layout is None:
        raise ValueError(f"task must have a layout to be drawn as a maze; {task.name!r} has none")
    rows, columns = len(layout), len(layout[0])
    large = max(rows, columns) > _LARGE
    if values is not None:
        values = _inputs.per_state_or_action("values", values, task)
        if values.ndim == 2 and not _four_ways(task):
            raise ValueError(
                f"values of shape (states, actions) need the actions up, down, left and right, "
                f"got {task.action_names}; give one value per state"
            )
    norm = None if values is None else style.norm(values[~task.terminal], vmin, vmax)
    arrows = None
    if policy is not None:
        known = True if values is None else ~np.isnan(values.reshape(task.n_states, -1)).all(axis=1)
        arrows = _arrows(task, policy, columns, known)
    ax = style.new_axes(ax, 0.4 + min(0.8 * style.COLUMN * rows / columns, 5.0))
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), aspect="equal", facecolor=style.NOTHING)
    if values is not None:
        drawn: Any
        if values.ndim == 1:
            shown = np.where(task.terminal, np.nan, values).reshape(rows, columns)
            drawn = ax.imshow(shown, cmap=cmap, norm=norm, interpolation="nearest", aspect="equal")
        else:
            state, action = np.nonzero(task.exists & np.isfinite(values))
            drawn = PolyCollection(
                list(_triangles(state, action, task, columns)), array=values[state, action], cmap=cmap, norm=norm,
                edgecolor="face" if large else "white", linewidth=0.25,
            )  # fmt: skip
            ax.add_collection(drawn)
        if _checks.flag("colorbar", colorbar):
            style.color_bar(ax, drawn, label)
    if not large:
        _lines_between(ax, rows, columns, 0.6)
    _cells(
        ax, layout, "#", facecolor="0.82" if not large else "0.35", edgecolor="0.45", hatch=None if large else "/////"
    )
    _cells(ax, layout, "H", facecolor="0.35" if not large else "0.1")
    _cells(ax, layout, "G", facecolor="white")
    for row, line in enumerate(layout):
        for column, cell in enumerate(line):
            if cell in ("SG" if large else "SGH"):
                aside, size = (0.0, style.TEXT) if cell != "S" or arrows is None or large else (0.27, 6)
                ax.text(
                    column - aside, row - aside, cell, fontsize=size, weight="bold", ha="center", va="center",
                    zorder=4, path_effects=[withStroke(linewidth=1.8, foreground="white")],
                )  # fmt: skip
    if arrows is not None:
        x, y, dx, dy = arrows
        ax.quiver(
            x, y, dx, dy, pivot="mid", angles="xy", scale_units="xy", scale=1.5, width=0.035, units="x", headwidth=4,
            headlength=4, headaxislength=4, color="white", edgecolor="black", linewidth=0.25 if large else 0.5,
            zorder=3,
        )  # fmt: skip
    ax.add_patch(Rectangle((-0.5, -0.5), columns, rows, fill=False, edgecolor="0.2", linewidth=0.8, clip_on=False))
    ax.spines[:].set_visible(False)
    if _checks.flag("ticks", ticks):
        style.number_ticks(ax, "x")
        style.number_ticks(ax, "y")
        style.style_axes(ax, "Column", "Row").spines[:].set_visible(False)
        ax.tick_params(length=0)
    else:
        ax.set(xticks=[], yticks=[])
    return ax


def plane(
    task: Task, values: npt.ArrayLike, ax: Axes | None = None, *,
    trajectory: tuple[npt.ArrayLike, npt.ArrayLike] | None = None, cmap: str | Colormap = "viridis",
    vmin: float | None = None, vmax: float | None = None, label: str = "Value", colorbar: bool = True,
) -> Axes:  # fmt: skip
    """Values over the two continuous variables of a task such as mountain car.

    Parameters
    ----------
    task : Task
        Whose ``geometry`` is a `Plane`.
    values : array of float, shape (states,)
        NaN is left grey.
    ax : Axes, optional
    trajectory : (array of float, array of float), optional
        Both variables at successive steps, drawn over the values. A dot marks the first, a cross the last if it lies
        before the goal; if that many steps are the limit of the task, "cut off" is written beside it.
    cmap, vmin, vmax, label, colorbar
        As for `maze`.

    Returns
    -------
    Axes
    """
    cmap, label = _inputs.color_map(cmap), _inputs.name("label", label)
    geometry = _inputs.task(task).geometry
    if not isinstance(geometry, Plane):
        raise ValueError(f"task must have states that lie in a plane, as those of mountain car; {task.name!r} has not")
    values = _inputs.array("values", values, (task.n_states,))
    path = None if trajectory is None else _inputs.trajectory(trajectory)
    shown = np.where(task.terminal, np.nan, values).reshape(len(geometry.x), len(geometry.y)).T
    norm = style.norm(shown, vmin, vmax)
    ax = style.new_axes(ax, 2.4, _sentence(geometry.x_label), _sentence(geometry.y_label))
    ax.set_facecolor(style.NOTHING)
    x, y = _edges(geometry.x), _edges(geometry.y)
    drawn = ax.pcolormesh(x, y, shown, cmap=cmap, norm=norm, rasterized=True)
    if geometry.x_goal is not None:
        ax.axvline(geometry.x_goal, color="black", linestyle="--", linewidth=0.9)
        ax.annotate(
            "goal", (geometry.x_goal, y[-1]), (-2, -3), textcoords="offset points", rotation=90,
            fontsize=style.SMALL, ha="right", va="top", path_effects=[withStroke(linewidth=1.6, foreground="white")],
        )  # fmt: skip
    if path is not None:
        _draw_path(ax, path, geometry, task.step_limit)
    ax.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    for axis, ends in ((ax.xaxis, x), (ax.yaxis, y)):
        # eight intervals are eight ticks, unless they begin and end on one
        whole = np.isin(ends[[0, -1]], MaxNLocator(style.MOST_TICKS, steps=_STEPS).tick_values(ends[0], ends[-1])).all()
        axis.set_major_locator(MaxNLocator(style.MOST_TICKS - int(whole), steps=_STEPS))
    if _checks.flag("colorbar", colorbar):
        style.color_bar(ax, drawn, label)
    return ax


def _draw_path(ax: Axes, path: tuple[_inputs.Floats, _inputs.Floats], geometry: Plane, step_limit: int) -> None:
    color = style.PALETTE[1]
    ax.plot(
        *path, color=color, linewidth=1.3, path_effects=[withStroke(linewidth=2.6, foreground="white")],
        gid="trajectory",
    )  # fmt: skip
    ax.plot(path[0][:1], path[1][:1], "o", color=color, markersize=4, markeredgecolor="white")
    if geometry.x_goal is None or (path[0] >= geometry.x_goal).any():
        return
    ax.plot(
        path[0][-1:], path[1][-1:], "X", color=color, markersize=5, markeredgecolor="white", markeredgewidth=0.7,
        gid="end",
    )  # fmt: skip
    if len(path[0]) > step_limit:
        ax.text(
            0.02, 0.03, f"cut off after {step_limit} steps", transform=ax.transAxes, fontsize=style.SMALL,
            path_effects=[withStroke(linewidth=1.6, foreground="white")],
        )  # fmt: skip


def table(
    task: Task, values: npt.ArrayLike, ax: Axes | None = None, *, cmap: str | Colormap = "viridis",
    vmin: float | None = None, vmax: float | None = None, label: str = "Value", colorbar: bool = True,
) -> Axes:  # fmt: skip
    """Values of any finite task as a heat map with one row per state.

    States without actions are left out; rows and columns carry ``state_names`` and ``action_names``, or numbers. Of
    more than eight, every second, third, ... is named.

    Parameters
    ----------
    task : Task
    values : array of float, shape (states,) or (states, actions)
        One column, or one for each action. NaN is left grey, and so are actions that do not exist.
    ax : Axes, optional
    cmap, vmin, vmax, label, colorbar
        As for `maze`.

    Returns
    -------
    Axes
    """
    cmap, label = _inputs.color_map(cmap), _inputs.name("label", label)
    values = _inputs.per_state_or_action("values", values, _inputs.task(task))
    states = np.flatnonzero(task.exists.any(axis=1))
    shown = values[states, None] if values.ndim == 1 else np.where(task.exists, values, np.nan)[states]
    norm = style.norm(shown, vmin, vmax)
    ax = style.new_axes(ax, float(np.clip(0.6 + 0.125 * len(states), 1.6, 6.0)), None, "State")
    ax.set_facecolor(style.NOTHING)
    drawn = ax.imshow(shown, cmap=cmap, norm=norm, interpolation="nearest", aspect="auto")
    height = 72 * ax.get_window_extent().height / ax.figure.dpi  # points
    if height > 5 * len(states):
        _lines_between(ax, len(states), 1, 0.5)
    names = task.state_names or tuple(map(str, range(task.n_states)))
    style.few_ticks(ax, "y", [style.name(names[state]) for state in states])
    if values.ndim == 1:
        ax.set_xticks([])
    else:
        ax.set_xlabel("Action", fontsize=style.TEXT)
        style.few_ticks(
            ax, "x", [style.name(action) for action in task.action_names or map(str, range(task.n_actions))]
        )
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    if _checks.flag("colorbar", colorbar):
        style.color_bar(ax, drawn, label)
    return ax


def state_map(
    task: Task, values: npt.ArrayLike, ax: Axes | None = None, *,
    trajectory: tuple[npt.ArrayLike, npt.ArrayLike] | None = None, visited: Any = None,
    policy: npt.ArrayLike | None = None, **look: Any,
) -> Axes:  # fmt: skip
    """Values of any task, drawn as its ``geometry`` says: `maze`, `plane` or else `table`.

    Parameters
    ----------
    task : Task
        Of a task that changes, the one to be drawn: ``task.at(episode)``.
    values : array of float, shape (states,) or (states, actions)
        Mazes whose actions are not up, down, left and right, and planes, take one value per state.
    ax : Axes, optional
    trajectory
        As for `plane`; planes only.
    visited : array, shape (states,) or (states, actions), or table, optional
        Mask or number of visits, or trials with the columns ``state`` and ``next_state``: states never visited are
        left grey.
    policy
        As for `maze`; mazes only.
    **look
        ``cmap``, ``vmin``, ``vmax``, ``label``, ``colorbar``, and for mazes ``ticks``.

    Returns
    -------
    Axes
    """
    values = _inputs.per_state_or_action("values", values, _inputs.task(task))
    if visited is not None:
        seen = _inputs.visited(visited, task)
        values = np.where(seen if values.ndim == 1 else seen[:, None], values, np.nan)
    in_plane, in_maze = isinstance(task.geometry, Plane), _inputs.layout(task) is not None
    if trajectory is not None and not in_plane:
        raise ValueError(f"trajectory can be drawn for tasks in a plane only, as mountain car, not for {task.name!r}")
    if policy is not None and not in_maze:
        raise ValueError(f"policy can be drawn for tasks with a layout only, not for {task.name!r}")
    if in_maze:
        return maze(task, values, ax, policy=policy, **look)
    look.pop("ticks", None)
    if in_plane:
        return plane(task, values, ax, trajectory=trajectory, **look)
    return table(task, values, ax, **look)


def visits(
    task: Task, visits: npt.ArrayLike, ax: Axes | None = None, *, colorbar: bool = True, ticks: bool = True
) -> Axes:
    """How often each state is visited, as a fraction of all visits; states never visited are grey.

    Parameters
    ----------
    task : Task
    visits : array, shape (states,) or (states, actions)
        Number or frequency of visits, of any total.
    ax : Axes, optional
    colorbar, ticks : bool
        As for `maze`.

    Returns
    -------
    Axes
    """
    counts = _inputs.per_state_or_action("visits", visits, _inputs.task(task), nan=False)
    counts = counts.sum(axis=1) if counts.ndim == 2 else counts
    if counts.min() < 0 or counts.sum() == 0:
        raise ValueError("visits must be at least 0 and must not all be 0")
    return state_map(
        task, counts / counts.sum(), ax, visited=counts, cmap="YlGnBu", vmin=0.0, label="Frequency of visits",
        colorbar=colorbar, ticks=ticks,
    )  # fmt: skip


def heatmap(
    values: npt.ArrayLike, ax: Axes | None = None, *, x: Sequence[object] | None = None,
    y: Sequence[object] | None = None, xlabel: str | None = None, ylabel: str | None = None,
    cmap: str | Colormap = "viridis", vmin: float | None = None, vmax: float | None = None, label: str = "Value",
    colorbar: bool = True, numbers: bool | None = None, sem: npt.ArrayLike | None = None,
) -> Axes:  # fmt: skip
    """A quantity over two parameters, one field of equal size for each pair of their values.

    Parameters
    ----------
    values : array of float, shape (rows, columns)
        The first row is at the bottom. NaN is left grey.
    ax : Axes, optional
    x, y : sequence, optional
        Values or names of the columns and rows; at most eight of each are written. Default: 0, 1, 2, ...
    xlabel, ylabel : str, optional
    cmap, vmin, vmax, label, colorbar
        As for `maze`.
    numbers : bool, optional
        Write the values into the fields. Default: if there are at most 64.
    sem : array of float, shape of ``values``, optional
        Standard errors, written below the values.

    Returns
    -------
    Axes
    """
    cmap, label = _inputs.color_map(cmap), _inputs.name("label", label)
    values = _inputs.array("values", values)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"values must have shape (rows, columns), got {values.shape}")
    rows, columns = values.shape
    along = [
        [style.short(entry) for entry in (range(count) if given is None else _checks.sequence(name, given))]
        for name, given, count in (("x", x, columns), ("y", y, rows))
    ]
    for name, entries, count in zip("xy", along, (columns, rows), strict=True):
        if len(entries) != count:
            raise ValueError(f"{name} must have {count} entries, one for each of values, got {len(entries)}")
    spread = None if sem is None else _inputs.array("sem", sem, values.shape)
    norm = style.norm(values, vmin, vmax)
    numbers = values.size <= _MOST_NUMBERS if numbers is None else _checks.flag("numbers", numbers)
    width = (
        style.COLUMN
        if not numbers
        else float(np.clip(1.3 + (0.5 if spread is None else 0.72) * columns, style.COLUMN, 7.0))
    )
    ax = style.new_axes(ax, float(np.clip(0.9 + 0.32 * rows, 1.8, 4.5)), xlabel, ylabel, width=width)
    ax.set_facecolor(style.NOTHING)
    image = ax.imshow(
        np.ma.masked_invalid(values), origin="lower", aspect="auto", cmap=cmap, interpolation="nearest", norm=norm
    )  # fmt: skip
    style.few_ticks(ax, "x", along[0])
    style.few_ticks(ax, "y", along[1])
    ax.tick_params(length=2)
    ax.spines[:].set_visible(True)
    if _checks.flag("colorbar", colorbar):
        style.color_bar(ax, image, label)
    if numbers:
        paint = np.asarray(image.to_rgba(values))
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                known = spread is not None and np.isfinite(spread[row, column])
                below = f"\n± {spread[row, column]:.2g}" if spread is not None and known else ""
                ax.text(
                    column, row, f"{value:.3g}{below}".replace("-", "−"), ha="center", va="center", fontsize=6,
                    color=style.ink(paint[row, column]),
                )  # fmt: skip
    return ax


def draws_actions(task: Task) -> bool:
    """Whether the map of a task has a place for every action."""
    if _inputs.layout(task) is not None:
        return _four_ways(task)
    return not isinstance(task.geometry, Plane)


def panel_height(task: Task, columns: int) -> float:
    """Height in inches of one of ``columns`` maps side by side in a column, without colour bar."""
    layout = _inputs.layout(task)
    if layout is not None:
        return min(0.9 * style.COLUMN / columns * len(layout) / len(layout[0]) + 0.25, 5.0)
    if isinstance(task.geometry, Plane):
        return 1.45
    return float(np.clip(0.35 + 0.11 * task.n_states, 1.45, 5.0))


def _four_ways(task: Task) -> bool:
    return set(task.action_names or ()) == set(_DIRECTIONS)


def _lines_between(ax: Axes, rows: int, columns: int, linewidth: float) -> None:
    for line in range(1, rows):
        ax.axhline(line - 0.5, color="white", linewidth=linewidth)
    for line in range(1, columns):
        ax.axvline(line - 0.5, color="white", linewidth=linewidth)


def _cells(ax: Axes, layout: Sequence[str], kind: str, **look: Any) -> None:
    """Fill the cells of one kind."""
    corners = [(column - 0.5, row - 0.5) for row, line in enumerate(layout) for column, cell in enumerate(line)
               if cell == kind]  # fmt: skip
    if corners:
        squares = [Rectangle(corner, 1, 1) for corner in corners]
        ax.add_collection(PatchCollection(squares, linewidth=0, zorder=2, gid=kind, **look))


def _triangles(
    state: npt.NDArray[np.intp], action: npt.NDArray[np.intp], task: Task, columns: int
) -> npt.NDArray[np.float64]:
    """Corners of the triangle of each (state, action), shape (n, 3, 2)."""
    direction = np.array([_DIRECTIONS[name] for name in task.action_names or ()])[action]
    centre = np.stack([state % columns, state // columns], axis=1).astype(float)
    side = 0.5 * direction[:, ::-1]
    return np.stack([centre, centre + 0.5 * direction + side, centre + 0.5 * direction - side], axis=1)


def _arrows(task: Task, policy: npt.ArrayLike, columns: int, known: Any) -> tuple[npt.NDArray[Any], ...]:
    policy = _checks.as_array("policy", policy)
    if policy.shape != (task.n_states,) or policy.dtype.kind not in "iu":
        raise ValueError(f"policy must be {task.n_states} actions, one per state, got {_checks.shown(policy)}")
    policy = _checks.integers("policy", policy, low=-1, high=task.n_actions - 1)
    if not set(task.action_names or ()) <= set(_DIRECTIONS) or not task.action_names:
        raise ValueError(f"policy needs actions named up, down, left and right, got {task.action_names}")
    states = np.flatnonzero((policy >= 0) & ~task.terminal & known)
    directions = np.array([_DIRECTIONS[name] for name in task.action_names], dtype=np.float64)[policy[states]]
    return states % columns, states // columns, directions[:, 0], directions[:, 1]


def _edges(centres: npt.NDArray[Any]) -> _inputs.Floats:
    """Edges of cells around centres."""
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
