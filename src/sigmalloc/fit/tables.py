"""Fits as ArviZ has them: posterior, pointwise log-likelihoods, choices."""

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _checks
from .likelihood import log_likelihoods
from .model import FloatArray

if TYPE_CHECKING:
    from .results import Fit

_SPREAD = 1e-9  # nats


def converter() -> tuple[Any, bool]:
    """``from_dict`` of the ArviZ that is installed, and whether it is that of 1.x.

    Raises
    ------
    ImportError
        If there is none.
    """
    try:
        import arviz

        if int(str(arviz.__version__).split(".")[0]) < 1:
            return arviz.from_dict, False
    except ImportError:
        pass
    try:
        import arviz_base
    except ImportError as error:
        raise ImportError("to_arviz needs ArviZ: pip install 'sigmalloc[arviz]'") from error
    return arviz_base.from_dict, True


def to_arviz(fit: "Fit", draws: int, seed: int) -> Any:
    """See `Fit.to_arviz`."""
    from_dict, new = converter()
    draws = _checks.integer("draws", draws, low=2, high=10**6)
    seed = _checks.seed("seed", seed)
    names = fit.space.names
    values, terms, observed, who, rows = [], [], [], [], []
    for number, one in enumerate(fit):
        if one.samples is not None:
            chain = one.samples.draws  # walkers of an ensemble are put together into four chains
            chain = chain[: len(chain) // 4 * 4].reshape(4, -1, len(names)) if len(chain) >= 4 else chain
            places = np.unique(np.linspace(0, chain.shape[1] - 1, min(draws, chain.shape[1])).round().astype(int))
            theta = one.space.to_values(chain[:, places])
        else:
            theta = one.draw(draws, seed + number)[None]
        subject = one.subject
        scored = np.flatnonzero(subject.scored)
        flat = theta.reshape(-1, len(names))
        parts = [
            log_likelihoods(subject, one.model, names, part, pointwise=True)[:, scored]
            for part in np.array_split(flat, max(1, len(flat) // 256))
        ]
        values.append(theta)
        terms.append(_spread(np.concatenate(parts)).reshape(*theta.shape[:2], len(scored)))
        observed.append(subject.choice[scored])
        who += [number] * len(scored)
        rows.append(scored)
    posterior = {name: np.stack([theta[..., i] for theta in values], axis=-1) for i, name in enumerate(names)}
    likelihood = {"choice": np.concatenate(terms, axis=-1)}
    data = {"choice": np.concatenate(observed)}
    constant = {"choice_subject": np.array(who), "choice_row": np.concatenate(rows)}
    dims = dict.fromkeys(names, ["subject"]) | dict.fromkeys(("choice", *constant), ["observation"])
    coords = {"subject": [str(label) for label in fit.labels], "observation": np.arange(len(who))}
    groups = {"posterior": posterior, "log_likelihood": likelihood, "observed_data": data, "constant_data": constant}
    if new:
        return from_dict(groups, dims=dims, coords=coords)
    return from_dict(**groups, dims=dims, coords=coords)


def _spread(terms: FloatArray) -> FloatArray:
    """The same, but terms that no draw changes (a first choice between equals) spread over 1e-9 nats.

    Leave-one-out smooths the tail of the weights, which ArviZ 1.x refuses and 0.2x takes for infinitely heavy where all
    weights are the same: such a choice is left out for nothing, exactly.
    """
    still = np.ptp(terms, axis=0) < _SPREAD
    terms[:, still] += _SPREAD * np.linspace(-0.5, 0.5, len(terms))[:, None]
    return terms


def compare(fits: "dict[str, Fit]", draws: int, seed: int, options: dict[str, Any]) -> Any:
    """See `Comparison.to_arviz`."""
    _, new = converter()
    data = {name: to_arviz(fit, draws, seed) for name, fit in fits.items()}
    if not new:
        import arviz

        return arviz.compare(data, **options)
    try:
        import arviz_stats
    except ImportError as error:
        raise ImportError("comparing needs ArviZ's statistics: pip install arviz-stats") from error
    return arviz_stats.compare(data, **options)
