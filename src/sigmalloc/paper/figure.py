"""What a figure is, how it is written, and the pieces that figures share.

Everything is made for one journal column (3.4 inches).
"""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from .. import metrics, plot
from . import cache

SETS = {"table": "Table B.1", "scripts": "Authors' scripts"}
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
    studies: tuple
    draw: Callable
    caption: str


def figure(name, title, *, studies, caption):
    """Make a `Picture` of the function that draws it, giving a matplotlib Figure and columns of numbers."""

    def make(draw):
        return Picture(name, title, studies, draw, caption)

    return make


def write(picture, data, folder, quick=False):
    """Draw a figure into PNG, PDF and CSV files, each complete or absent.

    Returns
    -------
    list of Path
        PNG, PDF, CSV.
    """
    fig, columns = picture.draw(data)
    if quick:
        fig.get_layout_engine().set(rect=(0, 0.025, 1, 0.975))
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


def table(names, **arrays):
    """Long-form columns: one row per entry of arrays of equal shape, with an index column for each axis.

    ``names`` maps the name of each axis to its labels.
    """
    labels = np.meshgrid(*(np.arange(len(values)) for values in names.values()), indexing="ij")
    columns = {
        name: np.asarray(list(values))[index.ravel()]
        for (name, values), index in zip(names.items(), labels, strict=True)
    }
    return columns | {name: np.asarray(array, dtype=float).ravel() for name, array in arrays.items()}


def limits(*curves, early=0.06):
    """y limits that hold every curve but the first few of its points, which can be far off."""
    skip = max(1, round(early * curves[0].shape[-1]))
    values = np.concatenate([np.ravel(curve[..., skip:]) for curve in curves])
    values = values[np.isfinite(values)]
    margin = 0.07 * (values.max() - values.min() or 1)
    return values.min() - margin, values.max() + margin


def curve_of(data, key):
    """Curves of a study by key; the objective is reward minus cost."""
    if key.endswith("_objective"):
        stem = key.removesuffix("_objective")
        return data[f"{stem}_reward"] - data[f"{stem}_cost"]
    return data[key]


def panel_title(ax, text):
    ax.set_title(text, fontsize=8, pad=3)


def joined(columns, part):
    return part if not columns else {key: np.concatenate([columns[key], part[key]]) for key in part}


def curves_by_set(data, rows, labels, runs):
    """Curves over episodes for both parameter sets: a row for each quantity, a column for each set; with the numbers.

    ``rows`` maps quantities to labels of the y axis; ``runs(name, quantity)`` gives an array (runs, checkpoints) for
    each of ``labels``.
    """
    fig, axes = plot.figure(len(rows), 2, height=3.6)
    episodes, columns = data["episodes"], {}
    for row, (quantity, ylabel) in enumerate(rows.items()):
        for column, (name, title) in enumerate(SETS.items()):
            mean, sem = (np.stack(part) for part in zip(*map(metrics.mean_and_sem, runs(name, quantity)), strict=True))
            ax = plot.curves(episodes, mean, sem, labels, axes[row, column], errors="band",
                             xlabel="Episode" if row == len(rows) - 1 else None,
                             ylabel=ylabel if column == 0 else None, linewidth=1.1)  # fmt: skip
            ax.set_ylim(limits(mean))
            ax.get_legend().remove()
            if row == 0:
                panel_title(ax, title)
            part = table({"agent": labels, "episode": episodes}, mean=mean, sem=sem)
            part = {"parameters": np.full(mean.size, title), "quantity": np.full(mean.size, quantity)} | part
            columns = joined(columns, part)
    handles, names = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, names, loc="outside lower center", ncols=min(len(names), 4), fontsize=7, frameon=False,
               handlelength=1.4, columnspacing=1.2)  # fmt: skip
    return fig, columns


def agents_figure(data):
    labels = ["DRA", "Equal precision", "No cost (λ = 0)"]
    rows = {"objective": "Objective (reward)", "reward": "Reward per episode"}
    return curves_by_set(data, rows, labels, lambda name, quantity: [
        curve_of(data, f"{name}_{agent}_{quantity}") for agent in ("DRA", "equal", "free")
    ])  # fmt: skip


def points(ax, x, runs, color=plot.PALETTE[0]):
    """Mean ± SEM of runs at each x, with the runs as small dots."""
    for place, values in zip(x, runs, strict=True):
        spread = np.linspace(-0.15, 0.15, len(values))
        ax.plot(place + spread, values, ".", color=color, alpha=0.4, markersize=3, markeredgewidth=0)
        mean, sem = metrics.mean_and_sem(values)
        ax.errorbar(place, mean, np.nan_to_num(sem), fmt="o", color=color, markersize=4, elinewidth=1.2, capsize=2.5)
