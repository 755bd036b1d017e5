"""What a figure is, how it is written, and the pieces that figures share.

Everything is made for one journal column (3.4 inches).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import metrics, plot
from . import cache

TITLES = {"table": "Table B.1", "scripts": "Authors' scripts"}
Columns = dict[str, Any]
Drawing = tuple[Figure, Columns]
DARK_IS_PRECISE = "YlGnBu_r"


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Attributes
    ----------
    name, title : str
    studies : tuple of str
        What it is drawn from.
    draw : callable(data) -> (Figure, dict of columns)
    caption : str
    """

    name: str
    title: str
    studies: tuple[str, ...]
    draw: Callable[..., Drawing]
    caption: str


def figure(name: str, title: str, *, studies: Any, caption: str) -> Callable[[Callable[..., Drawing]], Picture]:
    """Make a `Picture` of the function that draws it, giving a matplotlib Figure and columns of numbers."""

    def make(draw: Any) -> Picture:
        return Picture(name, title, studies, draw, caption)

    return make


def write(picture: Picture, data: Any, folder: Path, quick: bool = False) -> list[Path]:
    """Draw a figure into PNG, PDF and CSV files, each complete or absent.

    Returns
    -------
    list of Path
        PNG, PDF, CSV.
    """
    fig, columns = picture.draw(data)
    if quick:
        engine: Any = fig.get_layout_engine()
        engine.set(rect=(0, 0.025, 1, 0.975))
        fig.text(0.998, 0.004, "quick run", fontsize=6, color="#D55E00", ha="right", va="bottom")
    paths = [folder / f"{picture.name}.{suffix}" for suffix in ("png", "pdf", "csv")]
    hidden = {"Software": None}, {"CreationDate": None, "Producer": None, "Creator": None}
    for path, metadata in zip(paths, hidden, strict=False):
        cache.put(path, partial(fig.savefig, format=path.suffix[1:], dpi=220, metadata=metadata))
        fig.set_layout_engine("none")  # it is laid out; doing so again takes longer than drawing
    lines = io.StringIO(newline="")
    writer = csv.writer(lines)
    writer.writerow(columns)
    writer.writerows(zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True))
    cache.put_text(paths[2], lines.getvalue())
    return paths


def table(names: Any, **arrays: Any) -> Columns:
    """Long-form columns: one row per entry of arrays of equal shape, with an index column for each axis.

    ``names`` maps the name of each axis to its labels.
    """
    labels = np.meshgrid(*(np.arange(len(values)) for values in names.values()), indexing="ij")
    columns = {
        name: np.asarray(list(values))[index.ravel()]
        for (name, values), index in zip(names.items(), labels, strict=True)
    }
    return columns | {name: np.asarray(array, dtype=float).ravel() for name, array in arrays.items()}


def limits(curves: Any, early: Any = 0.06) -> tuple[float, float]:
    """y limits that hold every curve but where it starts far below all that comes later.

    What lies below the later part by more than six tenths of the range above is cut.
    """
    skip = max(1, round(early * curves.shape[-1]))
    later, highest = curves[..., skip:], curves.max()
    lowest = max(curves.min(), later.min() - 0.6 * (highest - later.min()))
    margin = 0.07 * (highest - lowest or 1)
    return lowest - margin, highest + margin


def curve_of(data: Any, key: str) -> Any:
    """Curves of a study by key; the objective is reward minus cost."""
    if key.endswith("_objective"):
        stem = key.removesuffix("_objective")
        return data[f"{stem}_reward"] - data[f"{stem}_cost"]
    return data[key]


def panel_title(ax: Axes, text: str) -> None:
    ax.set_title(text, fontsize=8, pad=3)


def joined(columns: Any, part: Any) -> Columns:
    return part if not columns else {key: np.concatenate([columns[key], part[key]]) for key in part}


def off_scale(ax: Axes, curves: Any) -> None:
    """Say in the lower right corner how far below an axis curves go."""
    if curves.min() < ax.get_ylim()[0]:
        text = f"↓ {curves.min():.4g} off scale".replace("-", "−")
        ax.annotate(text, (1, 0), (-2, 2), xycoords="axes fraction", textcoords="offset points", fontsize=6,
                    color="0.35", ha="right", va="bottom")  # fmt: skip


def curves_by_set(data: Any, rows: Any, labels: Any, runs: Any, episodes: Any = None) -> Drawing:
    """Curves over episodes for both parameter sets: a row for each quantity, a column for each set; with the numbers.

    ``rows`` maps quantities to labels of the y axis; ``runs(name, quantity)`` gives an array (runs, checkpoints) for
    each of ``labels``; ``episodes`` maps sets to their checkpoints, by default those of ``data``.
    """
    fig, axes = plot.figure(len(rows), 2, height=3.6)
    columns: Columns = {}
    for row, (quantity, ylabel) in enumerate(rows.items()):
        for column, (name, title) in enumerate(TITLES.items()):
            at, *drawn = thinned(data["episodes"] if episodes is None else episodes[name], *runs(name, quantity))
            mean, sem = (np.stack(part) for part in zip(*map(metrics.mean_and_sem, drawn), strict=True))
            ax = plot.curves(at, mean, sem, labels, axes[row, column], errors="band",
                             xlabel="Episode" if row == len(rows) - 1 else None,
                             ylabel=ylabel if column == 0 else None, linewidth=1.1)  # fmt: skip
            ax.set_ylim(limits(mean))
            off_scale(ax, mean)
            legend = ax.get_legend()
            if legend is not None:
                legend.remove()
            if row == 0:
                panel_title(ax, title)
            part = table({"agent": labels, "episode": at}, mean=mean, sem=sem)
            part = {"parameters": np.full(mean.size, title), "quantity": np.full(mean.size, quantity)} | part
            columns = joined(columns, part)
    handles, names = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=min(len(names), 4), fontsize=7, frameon=False,
               handlelength=1.4, columnspacing=1.2)  # fmt: skip
    return fig, columns


SHOWN = 100
"""Points of a curve that are drawn at most."""


def thinned(episodes: Any, *curves: Any) -> list[Any]:
    """Checkpoints and curves with neighbours averaged until there are at most `SHOWN` of them."""
    each = -(-len(episodes) // SHOWN)
    whole = len(episodes) // each * each
    return [np.asarray(curve)[..., :whole].reshape(*np.shape(curve)[:-1], -1, each).mean(axis=-1)
            for curve in (episodes, *curves)]  # fmt: skip


def points(ax: Axes, x: Any, runs: Any, color: Any = plot.PALETTE[0], *, bars: Any = "sem") -> None:
    """Mean ± SEM (or SD) of runs at each x, with the runs as small dots."""
    for place, values in zip(x, runs, strict=True):
        spread = np.linspace(-0.15, 0.15, len(values))
        ax.plot(place + spread, values, ".", color=color, alpha=0.4, markersize=3, markeredgewidth=0)
        mean, error = metrics.mean_and_sem(values)
        if bars == "sd":
            error = error * np.sqrt(len(values))
        ax.errorbar(place, mean, np.nan_to_num(error), fmt="o", color=color, markersize=4, elinewidth=1.2, capsize=2.5)
