"""The one style of every picture: sizes, colours, Axes, legends, colour bars, ticks and limits."""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps, rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser
from matplotlib.ticker import MaxNLocator

from .. import _checks
from .._io import files, terminal

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
"""Names of what is evaluated, with units."""

SYMBOLS = {
    "lam": r"$\lambda$", "sigma_base": r"$\sigma_\mathrm{base}$", "sigma_0": r"$\sigma_0$", "beta": r"$\beta$",
    "sigma_min": r"$\sigma_\mathrm{min}$", "sigma_max": r"$\sigma_\mathrm{max}$", "gamma": r"$\gamma$",
    "learning_rate_q": r"$\alpha_1$", "learning_rate_sigma": r"$\alpha_2$", "n_trajectories": r"$N_\mathrm{traj}$",
    "search_budget": "Search budget",
}  # fmt: skip
UNITS = {  # of parameters that scale with the rewards
    "lam": "reward/nat", "sigma_base": "reward", "sigma_0": "reward", "sigma_min": "reward", "sigma_max": "reward",
    "learning_rate_sigma": "reward", "beta": "1/reward", "q_init": "reward", "stickiness": "reward",
}  # fmt: skip
"""Symbols of an agent's parameters."""

PRECISE_IS_DARK = "YlGnBu_r"
NOTHING = "0.88"  # grey of what has no value
TEXT, SMALL, SMALLEST = 8, 7, 6.5  # points
NOTE: dict[str, Any] = {"fontsize": SMALLEST, "color": "0.35"}
CURVE = "curve"  # the gid of lines that take a colour of the palette
MOST_TICKS = 8
_LONGEST, _LONGEST_NAME, _MOST_LINES = 200, 50, 3  # characters of a line of a label or of a name in a legend; lines
_WIDE = 0.6  # of the height of a letter is its width, about
_SHOWN_IN_LEGEND = 5  # of more curves than the palette has colours


def written(text: str, longest: int = _LONGEST) -> str:
    """A text of somebody else, so that matplotlib can draw it: the door through which each of them goes.

    Mathtext stays what it is if it is valid; of any other text each ``$`` is one. Characters that no font has become
    escapes, lines are cut, and more than three are one.
    """
    lines = terminal.printable(text).replace("\t", " ").split("\n")
    if len(lines) > _MOST_LINES:
        lines = [" ".join(lines)]
    return "\n".join(_line(line, longest) for line in lines)


def _line(line: str, longest: int) -> str:
    if len(line) <= _LONGEST and "$" in line and (rcParams["text.usetex"] or _is_mathtext(line)):
        return line
    plain = _DOLLAR.sub(r"\$", line)
    if len(plain) <= longest:
        return plain
    return plain[: longest - 1].rstrip("\\") + "…"


def name(text: str) -> str:
    """The name of a state or an action, as `written`, but never taken for mathtext: prices are names, too."""
    return written(_DOLLAR.sub(r"\$", text), _LONGEST_NAME)


_DOLLAR = re.compile(r"(?<!\\)\$")


@functools.lru_cache(maxsize=1024)
def _is_mathtext(line: str) -> bool:
    dollars = len(_DOLLAR.findall(line))
    if not dollars or dollars % 2:
        return False
    try:
        MathTextParser("path").parse(line)
    except (ValueError, RecursionError):
        return False
    return True


def figure(rows: int = 1, columns: int = 1, width: float = COLUMN, height: float = 2.4) -> tuple[Figure, Any]:
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
    width = _checks.real("width", width, low=0, low_open=True)
    height = _checks.real("height", height, low=0, low_open=True)
    made = Figure(figsize=(width, height), layout="constrained")
    return made, made.subplots(rows, columns)


def save(fig: Figure, path: str | os.PathLike[str]) -> list[str]:
    """Write a figure as PNG (200 dots per inch) and PDF, without dates or versions in the files.

    Each file is complete or not there; one that was there before stays until the new one is complete.

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
        raise ValueError(f"fig must be a matplotlib Figure, got {_checks.shown(fig)}")
    stem: str = files.checked_file("path", path)
    if stem.lower().endswith((".png", ".pdf")):
        raise ValueError(f"path must be given without suffix, got {stem!r}")
    hidden: dict[str, dict[str, Any]] = {
        "png": {"dpi": 200, "metadata": {"Software": None}},
        "pdf": {"metadata": {"CreationDate": None, "Producer": None, "Creator": None}},
    }
    for suffix, options in hidden.items():
        files.write(f"{stem}.{suffix}", functools.partial(fig.savefig, format=suffix, **options))
    return [f"{stem}.{suffix}" for suffix in hidden]


def style_axes(ax: Axes, xlabel: str | None = None, ylabel: str | None = None) -> Axes:
    """Give Axes that something else has been drawn on the look of all others.

    Parameters
    ----------
    ax : Axes
    xlabel, ylabel : str, optional

    Returns
    -------
    Axes
        The same.
    """
    if not isinstance(ax, Axes):
        raise ValueError(f"ax must be a matplotlib Axes, got {_checks.shown(ax)}")
    for name, label in (("xlabel", xlabel), ("ylabel", ylabel)):
        if not isinstance(label, (str, type(None))):
            raise ValueError(f"{name} must be a string, got {_checks.shown(label)}")
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=SMALL)
    if xlabel is not None:
        ax.set_xlabel(written(xlabel), fontsize=TEXT)
    if ylabel is not None:
        ax.set_ylabel(written(ylabel), fontsize=TEXT)
    return ax


def new_axes(
    ax: Axes | None, height: float, xlabel: str | None = None, ylabel: str | None = None, *, width: float = COLUMN
) -> Axes:
    """The Axes given, or those of a new figure of pyplot, in our look."""
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=(width, height), layout="constrained")
    return style_axes(ax, xlabel, ylabel)


def reference_lines(ax: Axes, reference: float | Mapping[str, float] | None) -> None:
    """Horizontal lines at known levels; the limits include them.

    Parameters
    ----------
    ax : Axes
    reference : float or dict of {str: float}, optional
        The levels; keys are labels.
    """
    if not isinstance(ax, Axes):
        raise ValueError(f"ax must be a matplotlib Axes, got {_checks.shown(ax)}")
    if reference is None:
        return
    named: Mapping[Any, float] = reference if isinstance(reference, Mapping) else {None: reference}
    levels = {name: _checks.real("reference", level) for name, level in named.items()}
    for number, (name, level) in enumerate(levels.items()):
        dashes = ("--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))[number % 4]
        label = None if name is None else entry(str(name))
        ax.axhline(level, color="0.3", linestyle=dashes, linewidth=1, label=label, zorder=1.5)
        low, high = ax.get_ylim()
        if not min(low, high) <= level <= max(low, high):  # limits that somebody has fixed
            beyond = level + 0.04 * math.copysign(high - low, level - min(low, high))
            if ax.get_yscale() == "log":
                beyond = level * 1.2 if level > max(low, high) else level / 1.2
            ends = sorted((low, high, beyond))[:: 2 if low <= high else -2]
            ax.set_ylim(ends[0], ends[1])
    if any(name is not None for name in levels):
        legend(ax)


def entry(text: str | None) -> str | None:
    """What a legend calls something, as `written`; None: nothing."""
    return None if text is None else written(text, _LONGEST_NAME)


def legend(ax: Axes, **look: Any) -> None:
    """A legend without frame; of more curves than the palette has colours, the first, the last and three between."""
    handles, labels = ax.get_legend_handles_labels()
    many = [place for place, handle in enumerate(handles) if isinstance(handle, Artist) and handle.get_gid() == CURVE]
    if len(many) > len(PALETTE):
        left_out = set(many) - {many[i] for i in np.linspace(0, len(many) - 1, _SHOWN_IN_LEGEND).round().astype(int)}
        handles = [handle for place, handle in enumerate(handles) if place not in left_out]
        labels = [name for place, name in enumerate(labels) if place not in left_out]
    look = {"handlelength": 1.5, "labelspacing": 0.3, "borderaxespad": 0.3, **look}
    ax.legend(handles, labels, fontsize=SMALL, frameon=False, **look)


def next_color(ax: Axes) -> str:
    """The colour of the palette after those of the curves on the Axes."""
    return PALETTE[sum(line.get_gid() == CURVE for line in ax.get_lines()) % len(PALETTE)]


def colors(count: int, ax: Axes) -> list[Any]:
    """A colour each for curves drawn together: the next of the palette, or from dark to light if it has too few."""
    if count > len(PALETTE):
        return list(colormaps["viridis"](np.linspace(0, 0.92, count)))
    used = sum(line.get_gid() == CURVE for line in ax.get_lines())
    return [PALETTE[(used + number) % len(PALETTE)] for number in range(count)]


def color_bar(ax: Axes, drawn: ScalarMappable, label: str) -> Colorbar:
    """A colour bar as high as the picture."""
    # An inset keeps the height of the picture, which an equal aspect makes smaller than its Axes.
    return polish_bar(ax.figure.colorbar(drawn, cax=ax.inset_axes((1.03, 0, 0.045, 1))), label)


def polish_bar(bar: Colorbar, label: str) -> Colorbar:
    """The look of colour bars."""
    # Without a fixed number, ticks change with the height while the layout is being found.
    bar.locator = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10])
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(labelsize=SMALL, length=2)
    # the layout makes room for the whole label, and finds none for one much longer than the figure is high
    longest = _room(72 * bar.ax.figure.figure.get_figheight() / (0.9 * _WIDE * TEXT))
    bar.set_label(written(label, longest), fontsize=TEXT)
    return bar


def norm(values: np.ndarray[Any, Any], vmin: float | None, vmax: float | None) -> Normalize:
    """Colours from the smallest to the largest value, or between the ends given."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    low = low if vmin is None else _checks.real("vmin", vmin)
    high = high if vmax is None else _checks.real("vmax", vmax)
    if low > high:
        raise ValueError(f"vmin must not be above vmax, got {low:g} and {high:g}")
    return Normalize(low, high)


def few_ticks(ax: Axes, along: str, names: Sequence[str], *, most: int = MOST_TICKS) -> None:
    """Ticks at 0, 1, 2, ... with names, but not more than ``most`` of them and none over another.

    Names that would leave too little room to the picture are cut.
    """
    shown = range(0, len(names), max(1, math.ceil(len(names) / most)))
    box, letter = ax.get_window_extent(), _WIDE * SMALL * ax.figure.dpi / 72
    if along == "y":
        ax.set_yticks(shown, [written(names[position], _room(0.55 * box.width / letter)) for position in shown])
        return
    texts = [written(names[position], _room(box.width / letter)) for position in shown]
    longest = max((len(line) for text in texts for line in text.split("\n")), default=0)
    aslant = longest * letter > box.width * shown.step / max(1, len(names))
    if aslant:
        room = _room(0.42 * box.height / (math.sin(math.radians(40)) * letter))
        texts = [text if text == written(text, room) else written(text.replace("\n", " "), room) for text in texts]
    ax.set_xticks(shown, texts)
    if aslant:
        for tick in ax.get_xticklabels():
            tick.set(rotation=40, ha="right", rotation_mode="anchor")


def _room(letters: float) -> int:
    return max(8, int(letters))


def number_ticks(ax: Axes, along: str, *, most: int = MOST_TICKS) -> None:
    """Ticks at whole numbers, not more than ``most``."""
    axis = ax.xaxis if along == "x" else ax.yaxis
    axis.set_major_locator(MaxNLocator(most - 1, integer=True, steps=[1, 2, 5, 10]))


def short(value: object) -> str:
    """A number in four digits, anything else as it is."""
    return f"{value:.4g}".replace("-", "−") if isinstance(value, (float, np.floating)) else str(value)


def ink(color: Any) -> str:
    """Black or white, whichever is read more easily on a colour."""
    return "black" if float(np.asarray(color[:3]) @ (0.299, 0.587, 0.114)) > 0.5 else "white"
