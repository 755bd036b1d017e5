"""What files of fits may say: numbers that a fit can have, of parameters that its model has, within their bounds."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _checks
from .model import RANGES, Model
from .parameters import Space

if TYPE_CHECKING:
    from .results import SubjectFit

METHODS: tuple[str, ...] = ("lbfgsb", "bads", "emcee", "vbmc")


def unpacked_space(free: Any) -> Space:
    """Free parameters and their bounds.

    Raises
    ------
    ValueError
        If they are none.
    """
    bounds = _checks.mapping("free", free)
    ends = {}
    for name, pair in bounds.items():
        if name not in RANGES or not isinstance(pair, list) or len(pair) != 2:
            raise ValueError(f"free has {_checks.shown(name)}: {_checks.shown(pair)}")
        lowest, highest, _ = RANGES[name]
        ends[name] = tuple(_checks.real(f"free[{name!r}]", end, low=lowest, high=highest) for end in pair)
        if ends[name][0] >= ends[name][1]:
            raise ValueError(f"free[{name!r}] must have low < high, got {pair}")
    if not ends:
        raise ValueError("free must name at least one parameter")
    space = Space(tuple(ends), tuple(low for low, _ in ends.values()), tuple(high for _, high in ends.values()))
    with np.errstate(all="ignore"):
        if not np.isfinite(space.box).all():
            raise ValueError(f"free has bounds without coordinates: {space.bounds}")
    return space


def settings_of(facts: Mapping[str, Any]) -> tuple[str, float, dict[str, Any], dict[str, str]]:
    """Method, level, further settings and versions.

    Raises
    ------
    ValueError
        If one of them is none.
    """
    method = _checks.choice("method", facts["method"], METHODS)
    level = _checks.real("level", facts["level"], low=0.0, high=1.0, low_open=True)
    settings, versions = (_checks.instance(name, facts[name], dict) for name in ("settings", "versions"))
    if not all(isinstance(version, str) for version in versions.values()):
        raise ValueError(f"versions must be a table of text, got {_checks.shown(versions)}")
    return method, level, settings, versions


def check_fit(fit: "SubjectFit") -> None:
    """Raise a ValueError if a fit that was read cannot be one."""
    space: Space = fit.space
    low, high = np.array(space.low), np.array(space.high)
    within = (fit.estimate >= low) & (fit.estimate <= high)
    ends = np.stack([fit.lower, fit.upper])
    spread = np.diag(fit.covariance)
    wrong = {
        "estimate": not within.all(),
        "interval": bool(((ends < low) | (ends > high)).any()) or bool((fit.lower > fit.upper).any()),
        "at_bound": np.abs(fit.at_bound).max() > 1,
        "log_likelihood": not fit.log_likelihood < np.inf,
        "noise": fit.noise < 0,
        "evaluations": fit.evaluations < 0 or fit.starts.evaluations.min() < 0,
        "covariance": np.isinf(fit.covariance).any() or bool((spread <= 0).any()),
        "starts": not (np.isfinite(fit.starts.begin).all() and np.isfinite(fit.starts.end).all()),
    }
    if fit.samples is not None:
        facts: Any = fit.samples.facts
        numbers = isinstance(facts, dict) and all(type(value) in (int, float) for value in facts.values())
        wrong["samples"] = not (np.isfinite(fit.samples.draws).all() and numbers)
    for name, so in wrong.items():
        if so:
            raise ValueError(f"{name} of subject {fit.label!r} cannot be that of a fit")


def check_model(model: Model, space: Space) -> Model:
    """The model, if it has the free parameters."""
    for name in space.names:
        if name not in model.parameters:
            raise ValueError(f"free has {name!r}, which is no parameter of its {model.kind} model")
    return model
