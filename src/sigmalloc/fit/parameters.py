"""Coordinates in which parameters are estimated: logarithms, log odds or the numbers themselves, in a box."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import _checks
from .._floats import quietly
from .._frozen import Frozen
from .model import PARAMETERS, RANGES, SMALLEST_SCALE, FloatArray, Model
from .subject import Subject

# Coordinate of each parameter, and its default bounds in multiples of (a power of) the scale of the rewards s. With
# α₂ beyond s the σ update overshoots, and the likelihood becomes jagged: more starts find ever higher splinters.
_LOG = "log"
_ODDS = "log odds"
_PLAIN = "plain"
COORDINATES: dict[str, str] = {
    "learning_rate_q": _ODDS, "learning_rate_sigma": _LOG, "beta": _LOG, "beta_rate": _PLAIN, "gamma": _ODDS,
    "lam": _LOG, "sigma_base": _LOG, "sigma_0": _LOG, "sigma_min": _LOG, "sigma_max": _LOG, "q_init": _PLAIN,
    "lapse": _ODDS, "stickiness": _PLAIN,
}  # fmt: skip
_IN_SCALE: dict[str, tuple[float, float, int]] = {
    "learning_rate_q": (0.001, 0.999, 0), "learning_rate_sigma": (1e-3, 1.0, 1), "beta": (0.01, 100.0, -1),
    "gamma": (0.001, 0.999, 0), "lam": (1e-3, 10.0, 1), "sigma_base": (0.1, 100.0, 1), "sigma_0": (0.01, 20.0, 1),
    "sigma_min": (1e-4, 0.01, 1), "sigma_max": (20.0, 1000.0, 1), "lapse": (1e-3, 0.5, 0), "stickiness": (-3.0, 3.0, 1),
}  # fmt: skip
_SMALLEST_SQUARE = 1e-280  # of payoffs, summed: below it squares lose their digits
_LARGEST_GROWTH = 5.0  # of ln β over the longest block
_DEFAULT_FREE = {
    "softmax": ("learning_rate_q", "beta"),
    "fixed": ("learning_rate_q", "sigma_0"),
    "dra": ("learning_rate_q", "learning_rate_sigma", "lam", "sigma_0"),
}


@dataclass(frozen=True)
class Space(Frozen):
    """Free parameters and the box in which they are looked for.

    Coordinates are ln θ of what is a scale (β, λ, α₂, every σ), ln(θ/(1 − θ)) of what lies between 0 and 1 (α₁, γ,
    lapse), and θ itself of the rest. The box is one of coordinates as it is one of parameters.

    Attributes
    ----------
    names : tuple of str
    low, high : tuple of float
        Bounds in the parameters' own units.
    """

    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def size(self) -> int:
        """How many parameters are free."""
        return len(self.names)

    @property
    def bounds(self) -> dict[str, tuple[float, float]]:
        """Bounds by name."""
        return {name: (low, high) for name, low, high in zip(self.names, self.low, self.high, strict=True)}

    @property
    def coordinates(self) -> tuple[str, ...]:
        """One of "log", "log odds" or "plain", for each parameter."""
        return tuple(COORDINATES[name] for name in self.names)

    @cached_property
    def box(self) -> FloatArray:
        """Bounds of the coordinates, shape (f, 2)."""
        box = np.stack([self.to_coordinates(self.low), self.to_coordinates(self.high)], axis=1)
        box.setflags(write=False)
        return box

    def _rows(self, name: str, given: npt.ArrayLike) -> FloatArray:
        found = _checks.numeric(name, given).astype(np.float64, copy=False)
        if found.shape[-1:] != (self.size,):
            raise ValueError(f"{name} must have shape (..., {self.size}), got {found.shape}")
        return found

    def to_coordinates(self, values: npt.ArrayLike) -> FloatArray:
        """Coordinates of parameters, shape (..., f)."""
        theta = self._rows("values", values)
        out = theta.copy()
        for i, kind in enumerate(self.coordinates):
            if kind == _LOG:
                out[..., i] = np.log(theta[..., i])
            elif kind == _ODDS:
                out[..., i] = np.log(theta[..., i] / (1.0 - theta[..., i]))
        return out

    @quietly
    def to_values(self, coordinates: npt.ArrayLike) -> FloatArray:
        """Parameters in their own units, shape (..., f), kept within the bounds."""
        x = self._rows("coordinates", coordinates)
        out = x.copy()
        for i, kind in enumerate(self.coordinates):
            if kind == _LOG:
                out[..., i] = np.exp(x[..., i])
            elif kind == _ODDS:
                out[..., i] = 1.0 / (1.0 + np.exp(-x[..., i]))
        out = np.where(x <= self.box[:, 0], self.low, np.where(x >= self.box[:, 1], self.high, out))
        return np.clip(out, self.low, self.high)

    def log_jacobian(self, coordinates: npt.ArrayLike) -> FloatArray:
        """ln |dθ/dx| of each parameter, shape (..., f)."""
        x = self._rows("coordinates", coordinates)
        out = np.zeros_like(x)
        for i, kind in enumerate(self.coordinates):
            if kind == _LOG:
                out[..., i] = x[..., i]
            elif kind == _ODDS:
                out[..., i] = -np.logaddexp(0.0, x[..., i]) - np.logaddexp(0.0, -x[..., i])
        return out

    def at_bound(self, coordinates: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """−1 or 1 where a coordinate is at its lower or upper bound, to a thousandth of the box; else 0."""
        x, box = self._rows("coordinates", coordinates), self.box
        near = 1e-3 * (box[:, 1] - box[:, 0])
        return np.where(x <= box[:, 0] + near, -1, np.where(x >= box[:, 1] - near, 1, 0)).astype(np.int64)


def default_free(model: Model) -> tuple[str, ...]:
    """What is estimated unless the caller says otherwise.

    α₁, α₂, λ and σ₀ of an agent whose σ is learned; α₁ and σ₀ where it is fixed; α₁ and β of a softmax learner, and the
    rate of β where it has one. σ_base trades off with λ, and β with σ, so neither is among them (section 11).
    """
    names = _DEFAULT_FREE.get(model.kind, _DEFAULT_FREE["dra"])
    if getattr(model.agent, "beta_rate", 0.0) and model.kind == "softmax":
        names = (*names, "beta_rate")
    return names


def reward_scale(subjects: Iterable[Subject]) -> float:
    """Standard deviation of all payoffs of memories that were shown, of all subjects: the unit of default bounds.

    Raises
    ------
    ValueError
        If they do not vary.
    """
    count, mean, squares = 0, 0.0, 0.0
    lowest, highest = math.inf, -math.inf
    for subject in subjects:
        shown = subject.outcome[(subject.memory[subject.situation] >= 0) & np.isfinite(subject.outcome)]
        if len(shown):
            n = len(shown)
            lowest, highest = min(lowest, float(shown.min())), max(highest, float(shown.max()))
            delta = float(shown.mean()) - mean
            squares += float(shown.var()) * n + delta**2 * count * n / (count + n)
            count += n
            mean += delta * n / count
    if not lowest < highest:  # a variance of equal numbers is not always 0
        raise ValueError("bounds must be given: the payoffs do not vary, so that they have no scale")
    if not squares >= _SMALLEST_SQUARE:
        raise ValueError(f"bounds must be given: the payoffs vary by {highest - lowest:g}, too little to have a scale")
    return float(np.sqrt(squares / count))


def make_space(
    subjects: Sequence[Subject],
    model: Model,
    free: Sequence[str] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
) -> Space:
    """Free parameters with their bounds, checked.

    Parameters
    ----------
    subjects : sequence of Subject
        Default bounds follow from the scale of their rewards.
    model : Model
    free : sequence of str, optional
        Default: `default_free`.
    bounds : dict of {str: (float, float)}, optional
        In the parameters' own units, for some or all that are free.

    Raises
    ------
    ValueError
        Naming the parameter.
    """
    names = default_free(model) if free is None else tuple(_checks.sequence("free", free))
    if not names:
        raise ValueError("free must name at least one parameter")
    for name in names:
        if name not in model.parameters:
            hint = "; it is fixed by policy='hard'" if name == "beta" and name in PARAMETERS else ""
            raise ValueError(
                f"free: {name!r} is no parameter of this {model.kind} model{hint}; there are "
                f"{', '.join(model.parameters)}"
            )
    if len(set(names)) < len(names):
        raise ValueError(f"free must not repeat a name, got {names}")
    given: dict[str, Any] = _checks.mapping("bounds", bounds)
    for name in given:
        if name not in names:
            raise ValueError(f"bounds: {name!r} is not free; free are {', '.join(names)}")
    scale = None if set(given) >= set(names) else reward_scale(subjects)
    fixed = dict(zip(PARAMETERS, model.vector().tolist(), strict=True))
    pairs = []
    for name in names:
        if name in given:
            pairs.append(_checked_pair(name, given[name]))
        else:
            assert scale is not None
            pair = _default_pair(name, scale, subjects)
            least, highest = _range(name)
            if not (least <= pair[0] and pair[1] <= highest):
                raise ValueError(
                    f"the payoffs have a standard deviation of {scale:g}, for which {name} would be in [{pair[0]:g}, "
                    f"{pair[1]:g}], beyond [{least:g}, {highest:g}]: measure them in another unit, or give bounds"
                )
            pairs.append(pair)
    low = {name: pair[0] for name, pair in zip(names, pairs, strict=True)}
    high = {name: pair[1] for name, pair in zip(names, pairs, strict=True)}
    if model.kind != "softmax":
        _keep_in_order(low, high, fixed, given, scale)
    return Space(names, tuple(low[name] for name in names), tuple(high[name] for name in names))


def _range(name: str) -> tuple[float, float]:
    low, high, is_open = RANGES[name]
    return SMALLEST_SCALE if is_open else low, high


def _checked_pair(name: str, pair: Any) -> tuple[float, float]:
    ends = _checks.sequence(f"bounds[{name!r}]", pair)
    if len(ends) != 2:
        raise ValueError(f"bounds[{name!r}] must be (low, high), got {_checks.shown(pair)}")
    lowest, highest = _range(name)
    low, high = (_checks.real(f"bounds[{name!r}]", end, low=lowest, high=highest) for end in ends)
    if COORDINATES[name] == _LOG and low <= 0:
        raise ValueError(
            f"bounds[{name!r}] must be above 0, since its logarithm is estimated, got {_checks.shown(pair)}"
        )
    if COORDINATES[name] == _ODDS and not 0 < low < high < 1:
        raise ValueError(
            f"bounds[{name!r}] must be within (0, 1), since its log odds are estimated, got {_checks.shown(pair)}"
        )
    if low >= high:
        raise ValueError(f"bounds[{name!r}] must have low < high, got {_checks.shown(pair)}")
    return low, high


def _default_pair(name: str, scale: float, subjects: Sequence[Subject]) -> tuple[float, float]:
    if name == "q_init":
        ends = [(part.min(), part.max()) for s in subjects if len(part := s.outcome[np.isfinite(s.outcome)])]
        return float(min(low for low, _ in ends)) - scale, float(max(high for _, high in ends)) + scale
    if name == "beta_rate":
        longest = max(
            int(np.bincount(s.block, weights=s.episode_end).max()) if s.n_rows else 1 for s in subjects
        )  # episodes of a block
        return -_LARGEST_GROWTH / max(longest, 2), _LARGEST_GROWTH / max(longest, 2)
    low, high, power = _IN_SCALE[name]
    return low * scale**power, high * scale**power


def _keep_in_order(
    low: dict[str, float],
    high: dict[str, float],
    fixed: dict[str, float],
    given: dict[str, Any],
    scale: float | None,
) -> None:
    """σ_min ≤ σ₀ ≤ σ_max wherever in the box: default bounds of σ₀ give way, others must allow it."""
    least, most = high.get("sigma_min", fixed["sigma_min"]), low.get("sigma_max", fixed["sigma_max"])
    if "sigma_0" in low and "sigma_0" not in given:
        low["sigma_0"], high["sigma_0"] = max(low["sigma_0"], least), min(high["sigma_0"], most)
    lowest, highest = low.get("sigma_0", fixed["sigma_0"]), high.get("sigma_0", fixed["sigma_0"])
    if not least <= lowest < most or not highest <= most or ("sigma_0" in low and lowest >= highest):
        raise ValueError(
            f"bounds: sigma_0 in [{lowest:g}, {highest:g}] must lie in [{least:g}, {most:g}], between the largest "
            "sigma_min and the smallest sigma_max; change the agent's or give bounds"
            + (f" (the payoffs have a standard deviation of {scale:g})" if scale is not None else "")
        )
