"""What fits are judged by: recovery, confusion, comparison of models, predictions, and σ by trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from .. import _checks
from . import _inputs, style
from .curves import Errors, bars, curves
from .maps import heatmap


def recovery(
    simulated: npt.ArrayLike, fitted: npt.ArrayLike, ax: Axes | None = None, *, parameter: str | None = None,
    lower: npt.ArrayLike | None = None, upper: npt.ArrayLike | None = None, at_bound: npt.ArrayLike | None = None,
    log: bool = False,
) -> Axes:  # fmt: skip
    """Fitted against simulated values of a parameter, with the identity line and the rank correlation.

    Parameters
    ----------
    simulated, fitted : array of float, shape (n,)
        NaN in either is left out, and how many are is written.
    ax : Axes, optional
    parameter : str, optional
        Its field of `Agent` (or any other word), for the labels; of those that scale with the rewards with the unit.
    lower, upper : array of float, shape (n,), optional
        Ends of intervals around the fitted values, drawn as bars. NaN for none.
    at_bound : array of bool, shape (n,), optional
        Fits that ended at a bound, drawn hollow.
    log : bool
        Whether both axes are logarithmic.

    Returns
    -------
    Axes
        With Spearman's rank correlation.
    """
    from scipy.stats import spearmanr

    simulated = _inputs.vector("simulated", simulated)
    n = len(simulated)
    fitted = _inputs.vector("fitted", fitted, n)
    log = _checks.flag("log", log)
    ends = [None if end is None else _inputs.vector(name, end, n) for name, end in (("lower", lower), ("upper", upper))]
    bound = np.zeros(n, dtype=np.bool_) if at_bound is None else _checks.as_array("at_bound", at_bound)
    if bound.shape != (n,) or bound.dtype != bool:
        raise ValueError(f"at_bound must be {n} bools, got {_checks.shown(at_bound)}")
    use = np.isfinite(simulated) & np.isfinite(fitted)
    if use.sum() < 3:
        raise ValueError(f"fitted must have at least 3 values that are not NaN, got {use.sum()}")
    if log and min(simulated[use].min(), fitted[use].min()) <= 0:
        raise ValueError("simulated and fitted must be greater than 0 on logarithmic axes")
    parameter = _inputs.text("parameter", parameter)
    symbol = style.SYMBOLS.get(parameter or "", style.written(parameter or "value"))
    unit = f" ({style.UNITS[parameter]})" if parameter in style.UNITS else ""
    ax = style.new_axes(ax, 2.8, f"Simulated {symbol}{unit}", f"Fitted {symbol}{unit}")
    if log:
        ax.set(xscale="log", yscale="log")
    x, y = simulated[use], fitted[use]
    color = style.PALETTE[0]
    lengths = [
        np.zeros(len(y)) if end is None else np.nan_to_num(np.maximum(sign * (end[use] - y), 0))
        for end, sign in zip(ends, (-1, 1), strict=True)
    ]
    if any(end is not None for end in ends):
        ax.errorbar(x, y, np.stack(lengths), fmt="none", ecolor=color, elinewidth=0.7, alpha=0.5)
    for hollow in (False, True):
        chosen = bound[use] == hollow
        if chosen.any():
            ax.plot(
                x[chosen], y[chosen], "o", color=color, markersize=4, fillstyle="none" if hollow else "full",
                alpha=0.9 if hollow else 0.65, markeredgewidth=0.8 if hollow else 0, gid="points",
                label="at a bound" if hollow else None,
            )  # fmt: skip
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    ax.axline((low, low), (high, high) if high > low else None, slope=None if high > low else 1.0, color="0.3",
              linestyle="--", linewidth=1, zorder=0.5, gid="identity")  # fmt: skip
    if log:
        ax.set(xlim=(low / 1.2, high * 1.2), ylim=(low / 1.2, high * 1.2))
    else:
        margin = 0.06 * (high - low or 1.0)
        ax.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin))
    ax.set_aspect("equal", adjustable="box")
    varies = np.ptp(x) > 0 and np.ptp(y) > 0
    words = [
        f"rank r = {spearmanr(x, y).statistic:.2f}".replace("-", "−") if varies else "rank r undefined",
        f"n = {use.sum()}",
    ]
    if n > use.sum():
        words.append(f"{n - use.sum()} without a fit")
    ax.set_title(", ".join(words), fontsize=style.SMALL, loc="left", pad=3)
    if bound[use].any():
        style.legend(ax, loc="upper left")
    return ax


def confusion(
    counts: npt.ArrayLike, names: Sequence[str], ax: Axes | None = None, *, fitted_names: Sequence[str] | None = None
) -> Axes:
    """Which model fits best to the choices of which: P(fitted | simulated).

    Parameters
    ----------
    counts : array of float, shape (simulated, fitted)
        How often each model was the best for each; rows are divided by their sums.
    names : sequence of str
        Of the models that were simulated.
    ax : Axes, optional
    fitted_names : sequence of str, optional
        Of the models fitted, if these are not the same.

    Returns
    -------
    Axes
        The first row is at the top.
    """
    counts = _inputs.array("counts", counts, nan=False)
    if counts.ndim != 2 or not counts.size:
        raise ValueError(f"counts must have shape (simulated, fitted), got {counts.shape}")
    rows = _inputs.names("names", names, counts.shape[0])
    columns = _inputs.names("fitted_names", names if fitted_names is None else fitted_names, counts.shape[1])
    total = counts.sum(axis=1, keepdims=True)
    if (counts < 0).any() or (total == 0).any():
        raise ValueError("counts must be at least 0, with at least one in each row")
    ax = heatmap(
        counts / total, style.new_axes(ax, 0.9 + 0.36 * len(rows)), x=columns, y=rows, xlabel="Fitted",
        ylabel="Simulated", cmap="YlGnBu", vmin=0.0, vmax=1.0, label="P(fitted | simulated)",
    )  # fmt: skip
    ax.invert_yaxis()
    ax.tick_params(length=0)
    return ax


def model_comparison(
    scores: Mapping[str, npt.ArrayLike], ax: Axes | None = None, *, criterion: str = "BIC", baseline: str | None = None
) -> Axes:
    """How much worse than the best each model describes the choices: bars are means, dots are subjects.

    Parameters
    ----------
    scores : dict of {str: array of float, shape (subjects,)}
        Of each model and subject; lower is better (BIC, AIC, a negative log-likelihood).
    ax : Axes, optional
    criterion : str
        What the scores are, for the label.
    baseline : str, optional
        The model that others are compared with. Default: the one with the smallest sum.

    Returns
    -------
    Axes
        Differences from the baseline, within subjects, with the standard error of their mean.
    """
    if not isinstance(scores, Mapping) or len(scores) < 2:
        raise ValueError(f"scores must be a dict of at least two models, got {_checks.shown(scores)}")
    data = {str(name): _inputs.vector(f"scores[{name!r}]", values, nan=False) for name, values in scores.items()}
    if len({len(values) for values in data.values()}) > 1:
        raise ValueError(
            f"scores must have one value for each subject, got {[len(values) for values in data.values()]} values"
        )
    if baseline is None:
        baseline = min(data, key=lambda name: float(data[name].sum()))
    baseline = _checks.choice("baseline", baseline, tuple(data))
    differences = {name: values - data[baseline] for name, values in data.items() if name != baseline}
    criterion = style.written(_inputs.name("criterion", criterion))
    return bars(differences, ax, ylabel=f"{criterion} − that of {style.entry(baseline)}\n(lower is better)")


def posterior_predictive(
    observed: npt.ArrayLike, predicted: npt.ArrayLike, ax: Axes | None = None, *, block: int = 1, level: float = 0.95,
    label: str = "Model", xlabel: str | None = None, ylabel: str = "Proportion correct",
    reference: float | Mapping[str, float] | None = None,
) -> Axes:  # fmt: skip
    """A learning curve as observed, over those that the fitted model predicts.

    Parameters
    ----------
    observed : array of float, shape (trials,) or (subjects, trials)
        Whether each choice was correct, or what else it is measured by. NaN is left out.
    predicted : array of float, shape (draws, trials) or (draws, subjects, trials)
        The same of choices simulated with parameters drawn from the posterior.
    ax : Axes, optional
    block : int
        Trials averaged into one point.
    level : float
        Probability mass of the band of predictions, in (0, 1).
    label : str
        Of the predictions.
    xlabel, ylabel : str
    reference : float or dict of {str: float}, optional
        Known levels, such as chance, drawn as horizontal lines; the limits include them.

    Returns
    -------
    Axes
        Dots are the mean over subjects, with its standard error; the line and band are the median and the central
        ``level`` of the draws' means over subjects.
    """
    _, seen = _inputs.sequences("observed", observed, "correct")
    drawn = _inputs.array("predicted", predicted)
    if drawn.ndim == 2:
        drawn = drawn[:, None]
    n_trials = seen.shape[1]
    if drawn.ndim != 3 or drawn.shape[1:] not in ((1, n_trials), seen.shape) or len(drawn) < 2:
        raise ValueError(
            f"predicted must have shape (draws, {n_trials}) or (draws, {len(seen)}, {n_trials}) with at least two "
            f"draws, got {np.shape(predicted)}"
        )
    block = _checks.integer("block", block, low=1, high=n_trials)
    level = _checks.real("level", level, low=0, high=1, low_open=True)
    if level == 1:
        raise ValueError("level must be below 1, got 1")
    x = _blocks(np.arange(1.0, n_trials + 1), block)
    mean, sem = _inputs.summary(_blocks(seen, block))
    each = _inputs.summary(_blocks(drawn, block), axis=1)[0]
    low, middle, high = np.nanquantile(each, [(1 - level) / 2, 0.5, (1 + level) / 2], axis=0)
    label = _inputs.name("label", label)
    ax = style.new_axes(ax, 2.4, xlabel or ("Trial" if block == 1 else f"Trial (blocks of {block})"), ylabel)
    color = style.next_color(ax)
    ax.fill_between(x, low, high, color=color, alpha=0.25, linewidth=0)
    ax.plot(x, middle, color=color, linewidth=1.3, gid=style.CURVE, label=f"{style.entry(label)} ({100 * level:g} %)")
    ax.errorbar(
        x, mean, np.nan_to_num(sem), fmt="o", color="black", markersize=3, elinewidth=0.8, label="Observed", zorder=3
    )
    style.reference_lines(ax, reference)
    style.legend(ax)
    return ax


def _blocks(values: _inputs.Floats, block: int) -> _inputs.Floats:
    """Means of successive blocks along the last axis; the last block can be shorter."""
    starts = range(0, values.shape[-1], block)
    return np.stack([_inputs.summary(values[..., at : at + block], axis=-1)[0] for at in starts], axis=-1)


def sigma_by_trial(
    sigma: npt.ArrayLike, ax: Axes | None = None, *, names: Sequence[str] | None = None, errors: Errors = "band",
    reference: float | Mapping[str, float] | None = None,
) -> Axes:  # fmt: skip
    """σ of every memory, trial by trial.

    Parameters
    ----------
    sigma : array of float, shape (trials, memories) or (subjects, trials, memories)
        In units of reward; of subjects the mean is drawn, with its standard error.
    ax : Axes, optional
    names : sequence of str, optional
        Of the memories. Of more than seven, five are named.
    errors : {"band", "bars"}
    reference : float or dict of {str: float}, optional
        Known levels, such as σ_base, drawn as horizontal lines; the limits include them.

    Returns
    -------
    Axes
    """
    table = _inputs.array("sigma", sigma)
    if table.ndim == 2:
        table = table[None]
    if table.ndim != 3 or not table.size:
        raise ValueError(
            f"sigma must have shape (trials, memories) or (subjects, trials, memories), got {np.shape(sigma)}"
        )
    mean, sem = _inputs.summary(table)
    named = [f"Memory {number}" for number in range(table.shape[2])]
    if names is not None:
        named = _inputs.names("names", names, table.shape[2])
    return curves(
        np.arange(1.0, table.shape[1] + 1), mean.T, sem.T, named, ax, xlabel="Trial", ylabel=r"$\sigma$ (reward)",
        errors=errors, reference=reference,
    )  # fmt: skip
