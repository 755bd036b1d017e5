"""Pictures of a sweep: curves by parameter, a quantity against a parameter, and a map over two.

Means are over restarts, error bars are their standard errors; runs that are not done or diverged are left out.
"""

import numpy as np

from .. import _checks
from .._io import terminal
from .results import SweepResult, checked_checkpoint
from .tables import UNITS, coordinate

SYMBOLS = {
    "lam": r"$\lambda$", "sigma_base": r"$\sigma_\mathrm{base}$", "sigma_0": r"$\sigma_0$", "beta": r"$\beta$",
    "sigma_min": r"$\sigma_\mathrm{min}$", "sigma_max": r"$\sigma_\mathrm{max}$", "gamma": r"$\gamma$",
    "learning_rate_q": r"$\alpha_1$", "learning_rate_sigma": r"$\alpha_2$", "n_trajectories": r"$N_\mathrm{traj}$",
    "search_budget": "Search budget",
}  # fmt: skip
_MOST_NUMBERS = 64  # cells of a map that are still written into


def plot_curves(result, by, quantity="objective", at=None, ax=None, *, errors="band", **style):
    """Learning curves, one for each value of an axis.

    Parameters
    ----------
    result : SweepResult
    by : str
        The axis.
    quantity : {"objective", "reward", "value", "cost", "cutoffs"}
    at : dict of {str: value}, optional
        Where the other axes are fixed; those of one value need not be given.
    ax : Axes, optional
    errors : {"band", "bars"}
    **style
        For ``Axes.plot``. More curves than the palette has colours are coloured from dark to light.

    Returns
    -------
    Axes
    """
    from .. import plot

    values = _picked(result, (by,), quantity, at, None)
    mean, sem = _summary(values, restart_axis=1)
    for position, (label, look) in enumerate(_curves_by(result, by)):
        ax = plot.curves(result.episodes, mean[position], sem[position], label, ax, errors=errors, **(look | style))
    _thin_legend(ax, len(mean))
    _name(ax, "Episode", _title(quantity))
    return ax


def plot_parameter(result, x, by=None, quantity="objective", at=None, checkpoint=-1, ax=None, **style):
    """A quantity at the end of training against a parameter, with error bars.

    Parameters
    ----------
    result : SweepResult
    x : str
        The axis along the abscissa; its values must be numbers.
    by : str, optional
        One curve for each value of this axis.
    quantity : {"objective", "reward", "value", "cost", "cutoffs"}
    at : dict of {str: value}, optional
        Where the other axes are fixed.
    checkpoint : int
        Position among ``result.episodes``.
    ax : Axes, optional
    **style
        For ``Axes.plot``.

    Returns
    -------
    Axes
    """
    from .. import plot

    names = (x,) if by is None else (by, x)
    values = _picked(result, names, quantity, at, checkpoint)
    along = coordinate(result.axes[x])
    if along.dtype.kind not in "iuf" or np.isnan(along.astype(float)).any():
        raise ValueError(f"x: the values of {x!r} must be numbers to be drawn along an axis")
    mean, sem = _summary(values, restart_axis=-1)
    sort = np.argsort(along, kind="stable")
    style = {"marker": "o", "markersize": 3, **style}
    for position, (label, look) in enumerate([(None, {})] if by is None else _curves_by(result, by)):
        one, error = (table[sort] if by is None else table[position][sort] for table in (mean, sem))
        ax = plot.curves(along[sort].astype(float), one, error, label, ax, **(look | style))
    if by is not None:
        _thin_legend(ax, len(mean))
    _name(ax, _axis_title(x), f"{_title(quantity)}\n{_when(result, checkpoint)}")
    return ax


def plot_heatmap(result, x, y, quantity="objective", at=None, checkpoint=-1, ax=None, *, cmap="viridis", numbers=None):
    """A quantity over two parameters, by default the final objective.

    Parameters
    ----------
    result : SweepResult
    x, y : str
        Axes of the grid.
    quantity : {"objective", "reward", "value", "cost", "cutoffs"}
    at : dict of {str: value}, optional
        Where the other axes are fixed.
    checkpoint : int
        Position among ``result.episodes``.
    ax : Axes, optional
    cmap : str
    numbers : bool, optional
        Write mean ± standard error into each field. Default: if there are at most 64.

    Returns
    -------
    Axes
        Fields without a finished run are grey.
    """
    from .. import plot

    if x == y:
        raise ValueError(f"x and y must be two axes, got {x!r} twice")
    values = _picked(result, (y, x), quantity, at, checkpoint)
    mean, sem = _summary(values, restart_axis=-1)
    numbers = mean.size <= _MOST_NUMBERS if numbers is None else _checks.flag("numbers", numbers)
    rows, columns = mean.shape
    if ax is None:
        height = float(np.clip(0.9 + 0.32 * rows, 1.8, 4.5))
        width = plot.COLUMN if not numbers else float(np.clip(1.3 + 0.72 * columns, plot.COLUMN, 7.0))
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    ax.set_facecolor("0.88")
    image = ax.imshow(np.ma.masked_invalid(mean), origin="lower", aspect="auto", cmap=cmap, interpolation="nearest")
    for set_ticks, name, count in ((ax.set_xticks, x, columns), (ax.set_yticks, y, rows)):
        shown = range(0, count, -(-count // 9))
        set_ticks(shown, [_short(result.axes[name][position]) for position in shown], fontsize=7)
    ax.tick_params(length=2)
    ax.set_xlabel(_axis_title(x), fontsize=8)
    ax.set_ylabel(_axis_title(y), fontsize=8)
    bar = ax.figure.colorbar(image, ax=ax)
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(labelsize=7, length=2)
    bar.set_label(f"{_title(quantity)}\n{_when(result, checkpoint)}", fontsize=8)
    if numbers:
        for (row, column), value in np.ndenumerate(mean):
            if np.isfinite(value):
                shade = np.array(image.cmap(image.norm(value))[:3]) @ (0.299, 0.587, 0.114)
                spread = f"\n± {sem[row, column]:.2g}" if np.isfinite(sem[row, column]) else ""
                ax.text(column, row, f"{value:.3g}{spread}".replace("-", "−"), ha="center", va="center", fontsize=6,
                        color="black" if shade > 0.5 else "white")  # fmt: skip
    return ax


def _picked(result, names, quantity, at, checkpoint):
    """The quantity with dimensions in the order of ``names``, then restart and (without ``checkpoint``) checkpoint."""
    if not isinstance(result, SweepResult):
        raise ValueError(f"result must be a SweepResult, got {result!r}")
    if not isinstance(at, (dict, type(None))):
        raise ValueError(f"at must map axes to values, got {at!r}")
    at = dict(at or {})
    if result.specification.mode == "zip":
        raise ValueError("zip mode has no axes to draw along: draw from the arrays, with sigmalloc.plot.curves")
    for name in names:
        if name not in result.axes:
            raise ValueError(f"unknown axis {name!r}; the axes are {', '.join(result.axes) or 'none'}")
        if name in at:
            raise ValueError(f"{name} is drawn along and cannot be fixed")
    for name, entries in result.axes.items():
        if name not in names and name not in at:
            if len(entries) > 1:
                raise ValueError(f"say where {name} is fixed (at): {', '.join(map(str, entries))}")
            at[name] = entries[0]
    values = result.select(quantity, checkpoint, **at)
    left = [name for name in result.axes if name in names]
    order = [left.index(name) for name in names]
    return values.transpose(*order, *range(len(order), values.ndim))


def _summary(values, restart_axis):
    """Mean over restarts and its standard error, of the runs that are there; NaN where there are none (or one)."""
    known = np.isfinite(values)
    count = known.sum(axis=restart_axis)
    total = np.where(known, values, 0.0).sum(axis=restart_axis)
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    deviation = np.where(known, values - np.expand_dims(mean, restart_axis), 0.0)
    squares = (deviation**2).sum(axis=restart_axis)
    several = count > 1
    variance = np.divide(squares, count * (count - 1), out=np.full(total.shape, np.nan), where=several)
    return mean, np.sqrt(variance)


def _curves_by(result, by):
    """Label and look of the curve for each value of an axis; from dark to light if the palette has too few colours."""
    from matplotlib import colormaps

    from .. import plot

    entries = result.axes[by]
    for position, entry in enumerate(entries):
        look = {}
        if len(entries) > len(plot.PALETTE):
            look["color"] = colormaps["viridis"](0.92 * position / (len(entries) - 1))
        yield f"{SYMBOLS.get(by, terminal.label(by))} = {_short(entry)}{' %' if UNITS.get(by) == '%' else ''}", look


def _thin_legend(ax, curves):
    """Of many curves, name the first, the last and some in between."""
    handles, labels = ax.get_legend_handles_labels()
    if curves > 7 and len(labels) == curves:
        shown = np.linspace(0, curves - 1, 5).round().astype(int)
        ax.legend([handles[i] for i in shown], [labels[i] for i in shown], fontsize=7, frameon=False,
                  handlelength=1.5, labelspacing=0.3)  # fmt: skip


def _short(value):
    if isinstance(value, float):
        return f"{value:.4g}".replace("-", "−")
    return terminal.label(str(value))


def _axis_title(name):
    label = SYMBOLS.get(name, terminal.label(name.removeprefix("task.").replace("_", " ").capitalize()))
    return f"{label} ({UNITS[name]})" if name in UNITS else label


def _title(quantity):
    from .. import plot

    return plot.QUANTITIES.get(quantity, "Evaluation episodes cut off")


def _when(result, checkpoint):
    return f"after {result.episodes[checked_checkpoint(result, checkpoint)]:,} episodes"


def _name(ax, xlabel, ylabel):
    ax.set_xlabel(xlabel, fontsize=8)
    ax.set_ylabel(ylabel, fontsize=8)
