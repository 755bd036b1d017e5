"""Choices, trial by trial.

Trials come as plain arrays or as a table: any mapping, structured array, data frame or object with columns of equal
length, one row a choice, of which each function names those that it reads (``subject``, ``session``, ``episode``,
``step``, ``action``, ``reward``, ``next_state``, ...). A choice of −1, or NaN, is a missing response.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from .. import _checks
from . import _inputs, style
from .curves import Errors, bars, curves


def choice_raster(
    choices: Any, ax: Axes | None = None, *, action: int | Sequence[int] | None = None, window: int = 20,
    action_names: Sequence[str] | None = None, reference: float | Mapping[str, float] | None = None,
) -> Axes:  # fmt: skip
    """Every choice of every subject, above the running proportion of choices.

    Parameters
    ----------
    choices : array of int, shape (trials,) or (subjects, trials), or table
        The actions chosen, at most seven different ones. A table has the columns ``subject`` and ``action``, its rows
        in the order of the trials.
    ax : Axes, optional
    action : int or sequence of int, optional
        Whose proportion is drawn. Default: of two actions the second, of more all.
    window : int
        The proportion is that of the last ``window`` trials of each subject (fewer at the beginning), missing
        responses left out; mean over subjects, with its standard error.
    action_names : sequence of str, optional
        From action 0 on.
    reference : float or dict of {str: float}, optional
        Known proportions, drawn as horizontal lines.

    Returns
    -------
    Axes
    """
    subjects, table = _inputs.sequences("choices", choices, "action")
    table = np.where(table < 0, np.nan, table)
    known = np.unique(table[np.isfinite(table)])
    if not known.size:
        raise ValueError("choices must not all be missing")
    if (known != np.rint(known)).any():
        raise ValueError(f"choices must be whole numbers of actions, got {known[known != np.rint(known)][0]:g}")
    last = int(known[-1])
    if last >= len(style.PALETTE):
        raise ValueError(f"choices must be of at most {len(style.PALETTE)} actions, 0 to 6, got {last}")
    window = min(_checks.integer("window", window, low=1), table.shape[1])
    if action_names is None:
        names = [f"Action {number}" for number in range(last + 1)]
    else:
        names = [style.name(str(name)) for name in _checks.sequence("action_names", action_names)]
        if len(names) <= last:
            raise ValueError(f"action_names must name at least {last + 1} actions, got {len(names)}")
    drawn: list[int] = ([last] if last < 2 else list(range(last + 1))) if action is None else [
        _checks.integer("action", one, low=0, high=last)
        for one in ([action] if isinstance(action, int) else _checks.sequence("action", action))
    ]  # fmt: skip
    block = float(np.clip(0.08 * len(subjects), 0.25, 1.0))  # height of the raster; that of the proportion is 1
    bottom, top = 1.12, 1.12 + block
    ax = style.new_axes(ax, 1.4 + 1.1 * top, "Trial")
    trials = np.arange(1.0, table.shape[1] + 1)
    for number in drawn:
        mean, sem = _inputs.summary(_running(np.where(np.isfinite(table), table == number, np.nan), window))
        curves(trials, mean, sem, ax=ax, errors="band", color=style.PALETTE[number])
    ends = (0.5, len(trials) + 0.5)
    ax.add_patch(Rectangle((ends[0], bottom), len(trials), block, facecolor=style.NOTHING, linewidth=0))
    ax.imshow(
        np.ma.masked_invalid(table), cmap=ListedColormap(list(style.PALETTE[: last + 1])), vmin=-0.5, vmax=last + 0.5,
        aspect="auto", interpolation="nearest", extent=(*ends, bottom, top), zorder=1.5,
    )  # fmt: skip
    style.reference_lines(ax, reference)
    ax.set(xlim=ends, ylim=(-0.03, top), yticks=np.linspace(0, 1, 5))
    ax.spines["left"].set_bounds(0, 1)
    what = f"Proportion of {names[drawn[0]]}" if len(drawn) == 1 else "Proportion of choices"
    ax.set_ylabel(f"{what}\n(last {window} trials)", fontsize=style.TEXT, y=0.5 / top)
    count = f"{len(subjects)} subjects" if len(subjects) > 1 else "Choices"
    across = ax.get_yaxis_transform()
    ax.text(-0.02, bottom + block / 2, count, transform=across, rotation=90, fontsize=style.SMALL, ha="right",
            va="center")  # fmt: skip
    squares = [Line2D([], [], color=style.PALETTE[number], marker="s", linestyle="") for number in range(last + 1)]
    handles, labels = ax.get_legend_handles_labels()
    entries = [style.written(entry, 25) for entry in (*names[: last + 1], *labels)]
    beside = 4 if max(map(len, entries)) < 16 else 1
    ax.legend(
        [*squares, *handles], entries, loc="lower left", bbox_to_anchor=(0, 1),
        ncols=min(beside, len(entries)), frameon=False, fontsize=style.SMALL, handlelength=1.2, handletextpad=0.4,
        columnspacing=1.0, borderaxespad=0.1,
    )  # fmt: skip
    return ax


def _running(hits: _inputs.Floats, window: int) -> _inputs.Floats:
    """Mean of the last ``window`` columns up to each, NaN left out."""
    known = np.isfinite(hits)
    sums = [
        np.concatenate([np.zeros((len(hits), 1)), part.cumsum(axis=1)], axis=1)
        for part in (np.where(known, hits, 0.0), known.astype(float))
    ]
    begin = np.maximum(np.arange(1, hits.shape[1] + 1) - window, 0)
    total, count = (part[:, 1:] - part[:, begin] for part in sums)
    return np.array(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def chosen_sigma(
    trials: Any, ax: Axes | None = None, label: str | None = None, *, errors: Errors = "band",
    reference: float | Mapping[str, float] | None = None, **look: Any,
) -> Axes:  # fmt: skip
    """σ of the memories that were chosen, over training: mean over subjects, with its standard error.

    Parameters
    ----------
    trials : array of float, shape (trials,) or (subjects, trials), or table
        σ of the chosen memory at each choice, in units of reward. A table has the columns ``subject``, ``episode`` and
        ``sigma``, the latter of the chosen memory (rows,) or of all offered (rows, actions) together with ``action``;
        choices of one episode are averaged.
    ax : Axes, optional
    label : str, optional
    errors : {"band", "bars"}
    reference : float or dict of {str: float}, optional
        Known levels, such as σ_base, drawn as horizontal lines; the limits include them.
    **look
        For ``Axes.plot``.

    Returns
    -------
    Axes
    """
    xlabel = "Trial"
    if _inputs.is_table(trials, "sigma"):
        rows = _inputs.columns(trials, ("subject", "episode", "sigma"), optional=("action",))
        sigma = _inputs.array("trials: sigma", rows["sigma"])
        if sigma.ndim == 2:
            if "action" not in rows:
                raise ValueError("trials must have a column 'action' when sigma is that of all actions offered")
            action = _inputs.vector("trials: action", rows["action"])
            if not (np.isnan(action) | (action < sigma.shape[1])).all():
                raise ValueError(f"trials: action must be below {sigma.shape[1]}, the columns of sigma")
            made = np.isfinite(action) & (action >= 0)
            column = np.where(made, action, 0).astype(int)
            sigma = np.where(made, sigma[np.arange(len(sigma)), column], np.nan)
        _, x, table = _inputs.by_subject(rows["subject"], sigma, rows["episode"])
        xlabel = "Episode"
    else:
        _, table = _inputs.sequences("trials", trials, "sigma")
        x = np.arange(1.0, table.shape[1] + 1)
    mean, sem = _inputs.summary(table)
    return curves(
        x, mean, sem, label, ax, xlabel=xlabel, ylabel=r"$\sigma$ of chosen memory (reward)", errors=errors,
        reference=reference, **look,
    )  # fmt: skip


def choice_curve(
    difference: npt.ArrayLike, chosen: npt.ArrayLike, ax: Axes | None = None, label: str | None = None, *,
    subject: npt.ArrayLike | None = None, model: Callable[[Any], npt.ArrayLike] | npt.ArrayLike | None = None,
    bins: int | npt.ArrayLike = 8, xlabel: str = "Difference in value (reward)", ylabel: str = "P(choice)",
) -> Axes:  # fmt: skip
    """Probability of a choice against the difference in value, with the model's curve.

    Parameters
    ----------
    difference : array of float, shape (n,)
        Value of an option less that of the other, at each choice.
    chosen : array of bool or 0, 1, shape (n,)
        Whether it was chosen. NaN is left out.
    ax : Axes, optional
    label : str, optional
        Of the points.
    subject : array, shape (n,), optional
        Points are then means over subjects, with their standard error. Without it choices are pooled, and bars are
        95 % intervals of a proportion (Wilson's).
    model : callable(array of float) or array of float, shape (n,), optional
        The model's probability as a function of the difference; or at each choice, as where σ changes from trial to
        trial, and then averaged as the choices are.
    bins : int or array of float
        Number of bins with equally many choices each, or the edges.
    xlabel, ylabel : str

    Returns
    -------
    Axes
    """
    difference = _inputs.vector("difference", difference, nan=True)
    chosen = _inputs.vector("chosen", chosen, len(difference))
    probability = None
    if model is not None and not callable(model):
        probability = _inputs.vector("model", model, len(difference))
    who = None if subject is None else _inputs.labels("subject", subject)
    if who is not None and who.shape != difference.shape:
        raise ValueError(f"subject must have shape {difference.shape}, got {who.shape}")
    use = np.isfinite(difference) & np.isfinite(chosen)
    if not use.any():
        raise ValueError("chosen must have at least one choice")
    difference, chosen = difference[use], chosen[use]
    if not np.isin(chosen, (0, 1)).all():
        raise ValueError(f"chosen must be 0 or 1, got {chosen[~np.isin(chosen, (0, 1))][0]:g}")
    edges = _edges(difference, bins)
    place = np.clip(np.searchsorted(edges, difference, side="right") - 1, 0, len(edges) - 2)
    inside = (difference >= edges[0]) & (difference <= edges[-1])
    groups = [np.flatnonzero((place == number) & inside) for number in range(len(edges) - 1)]
    groups = [rows for rows in groups if rows.size]
    label = _inputs.text("label", label)
    ax = style.new_axes(ax, 2.5, xlabel, ylabel)
    color = style.next_color(ax)
    x = np.array([difference[rows].mean() for rows in groups])
    height, below, above = np.transpose([_proportion(chosen[rows], None if who is None else who[use][rows])
                                         for rows in groups])  # fmt: skip
    ax.axhline(0.5, color="0.8", linewidth=0.7, zorder=0.5)
    ax.axvline(0.0, color="0.8", linewidth=0.7, zorder=0.5)
    ax.errorbar(x, height, np.stack([below, above]), fmt="none", ecolor=color, elinewidth=0.9, capsize=1.5)
    ax.plot(x, height, "o", color=color, markersize=4, label=style.entry(label), gid=style.CURVE)
    if callable(model):
        along = np.linspace(difference.min(), difference.max(), 201)
        line = _inputs.array("model", model(along), along.shape)
        ax.plot(along, line, color=color, linewidth=1.3, zorder=1.8, gid="model")
    elif probability is not None:
        line = np.array([np.nanmean(probability[use][rows]) for rows in groups])
        ax.plot(x, line, color=color, linewidth=1.3, zorder=1.8, gid="model")
    ax.set_ylim(-0.03, 1.03)
    if label is not None:
        style.legend(ax)
    return ax


def _edges(difference: _inputs.Floats, bins: int | npt.ArrayLike) -> _inputs.Floats:
    if not _checks.as_array("bins", bins).ndim:
        count = _checks.integer("bins", bins, low=1)
        edges = np.unique(np.quantile(difference, np.linspace(0, 1, count + 1)))
        return edges if len(edges) > 1 else np.array([edges[0] - 0.5, edges[0] + 0.5])
    edges = _inputs.vector("bins", bins, nan=False)
    if len(edges) < 2 or (np.diff(edges) <= 0).any():
        raise ValueError(f"bins must be a number or at least two rising edges, got {_checks.shown(bins)}")
    return edges


def _proportion(chosen: _inputs.Floats, who: npt.NDArray[Any] | None) -> tuple[float, float, float]:
    """Proportion and the lengths of its error bar."""
    if who is None:
        from scipy.stats import binomtest

        interval = binomtest(int(chosen.sum()), len(chosen)).proportion_ci(0.95, method="wilson")
        mean = float(chosen.mean())
        return mean, mean - float(interval.low), float(interval.high) - mean
    each = np.array([chosen[who == name].mean() for name in np.unique(who)])
    average, sem = _inputs.summary(each)
    error = 0.0 if np.isnan(sem) else float(sem)
    return float(average), error, error


def stay_probability(
    trials: Any, ax: Axes | None = None, *, common: npt.ArrayLike | None = None, threshold: float = 0.0
) -> Axes:
    """How often the first choice of a trial is that of the trial before, after reward and after none (two-step task).

    A model-free learner stays after reward, a planner after reward that a common transition led to and after none
    that a rare one led to (Daw et al. 2011).

    Parameters
    ----------
    trials : table
        With the columns ``subject``, ``episode``, ``step``, ``action``, ``reward`` and ``next_state``, and ``session``
        if there is more than one; episodes are trials, whose reward is the sum over steps.
    ax : Axes, optional
    common : array of bool, shape (episodes,), optional
        Whether the first transition of each episode was the common one, in the order of the rows with step 0. Default:
        whether it is the one that follows most often upon the same action of any subject. If there is one transition
        an action, reward alone is told apart.
    threshold : float
        An episode is rewarded if its reward is above this.

    Returns
    -------
    Axes
        Bars are means over subjects with standard errors, dots are subjects.
    """
    rows = _inputs.columns(
        trials, ("subject", "episode", "step", "action", "reward", "next_state"), optional=("session",)
    )
    threshold = _checks.real("threshold", threshold)
    numbers = {
        name: _inputs.vector(f"trials: {name}", rows[name]) for name in ("step", "action", "reward", "next_state")
    }
    owner = [
        rows["subject"].astype(str),
        rows["session"].astype(str) if "session" in rows else np.zeros(len(rows["step"])),
    ]
    series = np.unique(np.stack([part.astype(str) for part in owner]), axis=1, return_inverse=True)[1].ravel()
    key = np.stack([series.astype(float), _inputs.vector("trials: episode", rows["episode"], nan=False)])
    _, trial = np.unique(key, axis=1, return_inverse=True)
    trial = trial.ravel()
    reward = np.bincount(trial, np.nan_to_num(numbers["reward"]))
    first = np.flatnonzero(numbers["step"] == 0)
    if len(first) != trial.max() + 1 or len(np.unique(trial[first])) != len(first):
        raise ValueError("trials must have one row with step 0 for each subject, session and episode")
    rewarded = reward[trial[first]] > threshold
    action, state = numbers["action"][first], numbers["next_state"][first]
    if common is None:
        usual, several = _usual(action, state)
    else:
        usual, several = _checks.as_array("common", common), True
        if usual.shape != first.shape or usual.dtype != bool:
            raise ValueError(f"common must be {len(first)} bools, one for each episode, got {_checks.shown(common)}")
    order = np.lexsort((key[1][first], key[0][first]))
    now, before = order[1:], order[:-1]
    made = (action >= 0) & np.isfinite(action)
    use = (key[0][first][now] == key[0][first][before]) & made[now] & made[before]
    now, before = now[use], before[use]
    stay, who = action[now] == action[before], owner[0][first][now]
    groups, colors = {}, []
    for after, word in ((True, "Reward"), (False, "No reward")):
        for kind, name in ((True, "\ncommon"), (False, "\nrare")) if several else ((None, ""),):
            chosen = (rewarded[before] == after) & (True if kind is None else usual[before] == kind)
            each = [stay[chosen & (who == one)] for one in np.unique(owner[0])]
            groups[word + name] = [float(part.mean()) if part.size else np.nan for part in each]
            colors.append(style.PALETTE[1] if kind is False else style.PALETTE[0])
    for name, values in groups.items():
        if np.isnan(values).all():
            raise ValueError(f"trials: no trial follows one with {name.replace(chr(10), ', ').lower()}")
    ax = bars(groups, ax, ylabel="P(stay)", colors=colors, reference=None)
    ax.set_ylim(0, 1.03)
    return ax


def _usual(action: _inputs.Floats, state: _inputs.Floats) -> tuple[npt.NDArray[np.bool_], bool]:
    """Whether each transition is the most frequent one of its action, and whether any action has several."""
    usual = np.zeros(len(action), dtype=np.bool_)
    several = False
    for one in np.unique(action[np.isfinite(action)]):
        entered, counts = np.unique(state[action == one], return_counts=True)
        usual |= (action == one) & (state == entered[counts.argmax()])
        several |= len(entered) > 1
    return usual, several
