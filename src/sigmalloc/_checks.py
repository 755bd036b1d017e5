"""Checks of user input: each returns the value in its canonical type or raises a ValueError naming the field.

The one set of doors for numbers. What holds at all of them: booleans, text and objects that only look like numbers are
refused; so are masked arrays, whose hidden entries would count; an array without axes is the number in it; arrays come
out as float64, int64 or bool, whatever width they had; integers beyond 2^63 − 1 are refused unless they are seeds.
"""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

LARGEST_INTEGER = 2**63 - 1
LARGEST = 1e100  # of rewards and what is multiplied with them, so that nothing made of them overflows
PROBABILITY_TOLERANCE = 1e-3
"""How far a sum of probabilities may be from 1: rounding to three digits or more, as in .3333 × 3, is normalised."""
_ROUNDING = 1e-9  # a sum as close as this is 1 but for the arithmetic: such probabilities keep their bits
_MOST_AXES = 32
_NO_NUMBERS = (bool, np.bool_, np.timedelta64)  # which Python, or NumPy, says are integers
_LONGEST = 10**8  # entries of what is no list yet
_LONGEST_SEED = 10_000  # bits: Python prints and reads integers of up to 4300 digits

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_Text = TypeVar("_Text", bound=str)
_Kind = TypeVar("_Kind")


def real(name: str, value: Any, *, low: float = -math.inf, high: float = math.inf, low_open: bool = False) -> float:
    """A finite float in [low, high], or in (low, high] with ``low_open``."""
    if type(value) is not float:  # what most are, where there are many
        value = scalar(name, value)
        if isinstance(value, _NO_NUMBERS) or not isinstance(value, numbers.Real):
            raise ValueError(f"{name} must be a real number, got {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, got {shown(value)}")
    if number < low or number > high or (low_open and number == low):
        raise ValueError(f"{name} must be {_interval(low, high, low_open)}, got {shown(value)}")
    return number


def integer(name: str, value: Any, *, low: int | None = None, high: int | None = LARGEST_INTEGER) -> int:
    """An int in [low, high]; None: unbounded."""
    if type(value) is not int:
        value = scalar(name, value)
        if isinstance(value, _NO_NUMBERS) or not isinstance(value, numbers.Integral):
            raise ValueError(f"{name} must be an integer, got {shown(value)}")
    number = int(value)
    if (low is not None and number < low) or (high is not None and number > high):
        if high == LARGEST_INTEGER:  # not a bound of the field: not worth telling to who is below the other
            low, high = (None, high) if number > high else (low, None)
        bounds = _interval(-math.inf if low is None else low, math.inf if high is None else high, False)
        raise ValueError(f"{name} must be {bounds}, got {shown(number)}")
    return number


def seed(name: str, value: Any) -> int:
    """An int of any size that files can hold, at least 0."""
    number = integer(name, value, low=0, high=None)
    if number.bit_length() > _LONGEST_SEED:
        raise ValueError(f"{name} must be below 2^{_LONGEST_SEED}, got one of {number.bit_length()} bits")
    return number


def flag(name: str, value: Any) -> bool:
    """A bool."""
    value = scalar(name, value)
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def choice(name: str, value: Any, allowed: Collection[_Text]) -> _Text:
    """One of the strings in ``allowed``."""
    value = scalar(name, value)
    if isinstance(value, str):
        for entry in allowed:
            if value == entry:
                return entry
    suggestion = _suggestion(nearest(value, allowed)) if isinstance(value, str) else ""
    raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {shown(value)}{suggestion}")


def text(name: str, value: Any) -> str:
    """A string that is not empty and that files can hold."""
    value = scalar(name, value)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} must be a non-empty string, got {shown(value)}")
    return _writable(name, str(value))


def label(name: str, value: Any) -> Any:
    """A number or a string, as those that name subjects; NumPy's as Python's."""
    value = scalar(name, value)
    if not isinstance(value, (str, numbers.Real, np.generic)):
        raise ValueError(f"{name} must be a number or a string, got {shown(value)}")
    return value.item() if isinstance(value, np.generic) else value


def separator(name: str, value: Any) -> str:
    """The character between the fields of a line."""
    given = text(name, value)
    if len(given) != 1 or given in '"\r\n':
        raise ValueError(f"{name} must be one character, such as ',' or a tab, got {shown(value)}")
    return given


def names(name: str, value: Any, count: int) -> tuple[str, ...]:
    """As many strings as asked for, no two of them the same."""
    given = sequence(name, value)
    if len(given) != count or not all(isinstance(entry, str) for entry in given):
        raise ValueError(f"{name} must be {count} strings, got {shown(value)}")
    repeated = _repeated(given)
    if repeated is not None:
        raise ValueError(f"{name} must be different from each other, got {repeated!r} twice")
    return tuple(_writable(name, str(entry)) for entry in given)


def sequence(name: str, value: Any) -> tuple[Any, ...]:
    """A tuple of whatever is in a list, a tuple, a range, or an array that has axes."""
    if type(value) in (list, tuple):
        return tuple(value)
    refuse_masked(name, value)
    if isinstance(value, np.ndarray) and value.ndim:
        return tuple(value)
    if isinstance(value, (str, bytes, bytearray, Mapping, set, frozenset, np.ndarray, type)):
        raise ValueError(f"{name} must be a sequence, got {shown(value)}")
    try:
        if not hasattr(value, "__len__") or not hasattr(value, "__iter__"):
            raise TypeError
        too_long = len(value) > _LONGEST
        listed = () if too_long else tuple(value)
    except Exception:  # whatever an object that claims to be a sequence does
        raise ValueError(f"{name} must be a sequence, got {shown(value)}") from None
    if too_long:
        raise ValueError(f"{name} must have at most {_LONGEST:,} entries, got {shown(value)}")
    return listed


def mapping(name: str, value: Any) -> dict[Any, Any]:
    """A new dict of what is in a mapping; None: nothing is."""
    if value is not None and not isinstance(value, Mapping):
        raise ValueError(f"{name} must be a dict, got {shown(value)}")
    return dict(value or {})


def instance(name: str, value: Any, kind: type[_Kind]) -> _Kind:
    """The value, if it is of a class."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise ValueError(f"{name} must be {article} {kind.__name__}, got {shown(value)}")
    return value


def generator(name: str, value: Any) -> np.random.Generator:
    """A NumPy Generator."""
    if not isinstance(value, np.random.Generator):
        raise ValueError(f"{name} must be a numpy.random.Generator, got {shown(value)}")
    return value


def function(name: str, value: Any) -> Callable[..., Any]:
    """Whatever can be called."""
    if not callable(value):
        raise ValueError(f"{name} must be a function, got {shown(value)}")
    called: Callable[..., Any] = value
    return called


def refuse_masked(name: str, value: Any, axes: int = 0) -> None:
    """Refuse a masked array, and lists that have one in them: NumPy takes what is masked for numbers like any other."""
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(
            f"{name} must not be a masked array: what is masked would count; fill it, or leave it out, first"
        )
    if isinstance(value, (list, tuple)) and axes < _MOST_AXES:
        for entry in _of_types(value, (list, tuple, np.ma.MaskedArray)):
            refuse_masked(name, entry, axes + 1)


def as_array(name: str, value: Any) -> npt.NDArray[Any]:
    """Names, texts or numbers as an array; nothing masked, nothing ragged."""
    refuse_masked(name, value)
    try:
        return np.asarray(value)
    except Exception:  # lists of several lengths, and whatever an object that claims to be an array does
        raise ValueError(f"{name} must be an array, got {shown(value)}") from None


def numeric(name: str, value: Any, kinds: str = "iuf") -> npt.NDArray[Any]:
    """An array of numbers, of any shape and with any values, as float64 or int64 (or bool, if ``kinds`` has "b")."""
    refuse_masked(name, value)
    _refuse_mixed(name, value)
    try:
        given = np.asarray(value)
    except Exception:  # whatever an object that claims to be an array does
        given = np.empty(0, dtype=object)
    if given.dtype.kind not in kinds:
        raise ValueError(f"{name} must be an array of numbers, got {shown(value)}")
    if given.dtype.kind == "u" and given.size and int(given.max()) > LARGEST_INTEGER:
        raise ValueError(f"{name} must be at most 2^63 − 1, got {given.max()}")
    if given.dtype.kind == "b":
        return given
    with np.errstate(all="ignore"):  # a long double that no float holds is refused as infinite
        return np.asarray(given, dtype=np.float64 if given.dtype.kind == "f" else np.int64)


def array(name: str, value: Any, shape: Sequence[int], dtype: Any = np.float64) -> npt.NDArray[Any]:
    """A contiguous array of ``dtype`` and ``shape``; entries must be finite numbers."""
    if dtype is np.int64:
        return integers(name, value, shape)
    given = numeric(name, value)
    if given.shape != tuple(shape):
        raise ValueError(f"{name} must have shape {tuple(shape)}, got {given.shape}")
    if not np.isfinite(given).all():
        raise ValueError(f"{name} must be finite, but has {int((~np.isfinite(given)).sum())} NaN or infinite entries")
    return np.asarray(given, dtype=np.float64, order="C")


def integers(
    name: str, value: Any, shape: Sequence[int] | None = None, *, low: int | None = None, high: int | None = None
) -> Integers:
    """A contiguous array of int64, of ``shape`` if it is given, with entries in [low, high]."""
    given = numeric(name, value)
    if given.dtype.kind != "i":
        raise ValueError(f"{name} must be an array of integers, got dtype {given.dtype}")
    if shape is not None and given.shape != tuple(shape):
        raise ValueError(f"{name} must have shape {tuple(shape)}, got {given.shape}")
    if given.size and ((low is not None and given.min() < low) or (high is not None and given.max() > high)):
        bounds = _interval(-math.inf if low is None else low, math.inf if high is None else high, False)
        raise ValueError(f"{name} must be {bounds}, got {given.min()} to {given.max()}")
    return np.asarray(given, dtype=np.int64, order="C")


def mask(name: str, value: Any, shape: Sequence[int]) -> Mask:
    """A new array of bool and of ``shape``. A mask of integers 0 and 1 could as well be indices, and is refused."""
    given = as_array(name, value)
    if given.dtype != bool:
        raise ValueError(f"{name} must be a mask of booleans, got numbers: give {name} == 1, or the like")
    if given.shape != tuple(shape):
        raise ValueError(f"{name} must have shape {tuple(shape)}, got {given.shape}")
    return given.copy()


def booleans(name: str, value: Any) -> Mask:
    """An array of bool, of any shape; see `mask`."""
    given = as_array(name, value)
    if given.dtype != bool:
        raise ValueError(f"{name} must be an array of bool, got dtype {given.dtype}")
    return given


def states(name: str, value: Any, n_states: int) -> Mask:
    """A mask of states, given as one or as the indices of states.

    A mask of integers 0 and 1 names state 0 or 1 twice and no other, so it is refused rather than taken for indices.
    """
    given = numeric(name, value, "iufb")
    if given.dtype == bool:
        return mask(name, given, (n_states,))
    chosen = np.zeros(n_states, dtype=bool)
    if not given.size and given.ndim == 1:
        return chosen
    if given.ndim != 1:
        raise ValueError(f"{name} must be the indices of states or a mask of shape ({n_states},), got {given.shape}")
    numbered = integers(f"{name}: states", given, low=0, high=n_states - 1)
    chosen[numbered] = True
    if numbered.max() <= 1 and len(numbered) > chosen.sum():
        raise ValueError(
            f"{name} must be the indices of states or a mask of booleans: 0 and 1, over and over, look like a mask; "
            f"give {name} == 1, or the like"
        )
    return chosen


def probabilities(name: str, value: npt.ArrayLike, *, where: Mask | None = None, over: str = "") -> Floats:
    """Probabilities along the last axis, normalised.

    They must not be negative, and sum to 1 within `PROBABILITY_TOLERANCE`. Those that sum to 1 but for rounding keep
    their bits.

    Parameters
    ----------
    name : str
    value : array of float, shape (..., outcomes)
    where : array of bool, shape (...), optional
        Where the sum counts.
    over : str
        What the sum is over, for the message.
    """
    table = np.asarray(value, dtype=np.float64)
    if (table < 0).any():
        raise ValueError(f"{name} must not be negative, got {table.min():g}")
    total = table.sum(axis=-1)
    wrong = ~(np.abs(total - 1) <= PROBABILITY_TOLERANCE * (1 + _ROUNDING))
    if where is not None:
        wrong &= where
    if wrong.any():
        place = np.argwhere(wrong)[0]
        raise ValueError(f"{name}{_place(place)} must sum to 1{over}, got {total[tuple(place)]:.10g}")
    rounded = np.abs(total - 1) > _ROUNDING
    if where is not None:
        rounded &= where
    if not rounded.any():
        return table
    return table / np.where(rounded, total, 1.0)[..., None]


def normalised(name: str, weights: Sequence[float]) -> list[float]:
    """A list of probabilities over its sum, which must be 1 within `PROBABILITY_TOLERANCE`."""
    total = sum(weights)
    if not abs(total - 1) <= PROBABILITY_TOLERANCE * (1 + _ROUNDING):
        raise ValueError(f"{name} must sum to 1, got {total:.10g}")
    return [weight / total for weight in weights]


# What people write for a name of ours: other packages' names, the paper's symbols, and Python's own forbidden words.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("lambda", "lambda_", "lambd", "lmbda", "lamda", "price", "cost_weight"), ("lam",)),
    **dict.fromkeys(
        ("alpha_q", "alpha_1", "alpha1", "alphaq", "lr_q", "eta", "learning_rate_1", "step_size"), ("learning_rate_q",)
    ),
    **dict.fromkeys(
        ("alpha_2", "alpha2", "alpha_sigma", "lr_sigma", "learning_rate_2", "learning_rate_precision"),
        ("learning_rate_sigma",),
    ),
    **dict.fromkeys(("alpha", "learning_rate", "lr", "rate"), ("learning_rate_q", "learning_rate_sigma")),
    **dict.fromkeys(("temperature", "inverse_temperature", "inv_temp", "tau", "invtemp"), ("beta",)),
    **dict.fromkeys(("discount", "discount_factor", "discounting"), ("gamma",)),
    **dict.fromkeys(("sigma", "sigma0", "sigma_init", "initial_sigma", "sigma_start", "sd"), ("sigma_0", "sigma")),
    **dict.fromkeys(("sigmabase", "base_sigma", "sigma_prior", "sigma_b"), ("sigma_base",)),
    **dict.fromkeys(
        ("ntraj", "n_traj", "n_trajectory", "trajectories", "num_trajectories", "n_samples"), ("n_trajectories",)
    ),
    **dict.fromkeys(("q0", "q_0", "initial_q", "q_initial", "q_start"), ("q_init", "q")),
    **dict.fromkeys(("budget", "visits"), ("search_budget",)),
    **dict.fromkeys(("a_dec", "t_dec"), ("decision_time",)),
    **dict.fromkeys(("t_nondec", "ndt", "t0", "nondecision_time"), ("non_decision_time",)),
    **dict.fromkeys(("psi", "baseline", "estimate"), ("gradient",)),
    **dict.fromkeys(("allocator", "rule", "precision"), ("allocation",)),
    **dict.fromkeys(("n_restarts", "runs", "n_runs", "nruns", "repeats", "repetitions", "n_agents"), ("restarts",)),
    **dict.fromkeys(("n_episodes", "num_episodes", "trials", "n_trials", "epochs", "iterations"), ("episodes",)),
    **dict.fromkeys(("random_state", "random_seed", "rng_seed"), ("seed",)),
    **dict.fromkeys(("n_jobs", "threads", "n_threads", "num_workers", "n_workers", "cores"), ("workers",)),
    **dict.fromkeys(("max_steps", "max_episode_steps", "time_limit", "max_length"), ("step_limit",)),
    **dict.fromkeys(("transition", "p", "transition_probabilities"), ("transitions", "probability")),
    **dict.fromkeys(("r", "reward"), ("rewards", "reward")),
    **dict.fromkeys(("evaluate", "eval_every", "evaluation_every", "evaluation_interval"), ("evaluate_every",)),
    **dict.fromkeys(("eval_episodes", "n_eval_episodes"), ("evaluation_episodes",)),
}  # fmt: skip


def nearest(name: str, allowed: Iterable[str]) -> tuple[str, ...]:
    """What may have been meant by a name: synonyms of the field, else what is spelt nearly so; often nothing.

    Case, leading dashes, and whether words are joined by "-" or "_" make no difference.
    """
    known = {_plain(entry): entry for entry in allowed}
    asked = _plain(name)
    if asked in known:
        return (known[asked],)
    synonyms = tuple(known[entry] for entry in SYNONYMS.get(asked, ()) if entry in known)
    return synonyms or tuple(known[entry] for entry in difflib.get_close_matches(asked, known, n=1, cutoff=0.66))


def _plain(word: str) -> str:
    return word.lstrip("-").replace("-", "_").replace(" ", "_").lower()


def unknown(name: Any, allowed: Collection[str], what: str = "name") -> ValueError:
    """The error for a name that is none of those allowed, with what may have been meant.

    Parameters
    ----------
    name : str
        What was given.
    allowed : collection of str
    what : str
        What the names are: "agent field", "key", "axis".

    Returns
    -------
    ValueError
        To be raised by the caller: ``raise _checks.unknown("lambda", FIELDS, "agent field")``.
    """
    suggestion = _suggestion(nearest(name, allowed)) if isinstance(name, str) else ""
    listed = ", ".join(allowed) or "none"
    several = "axes" if what == "axis" else f"{what}s"
    return ValueError(f"unknown {what} {shown(name)}{suggestion or '.'} The {several} are: {listed}")


def only(given: Iterable[Any], allowed: Collection[str], what: str = "name") -> None:
    """Raise the error of `unknown` for the first name that is not allowed."""
    for name in given:
        if not isinstance(name, str) or name not in allowed:
            raise unknown(name, allowed, what)


def _suggestion(found: tuple[str, ...]) -> str:
    return f"; did you mean {' or '.join(map(repr, found))}?" if found else ""


def scalar(name: str, value: Any) -> Any:
    """The number in an array without axes; anything else as it is, but for what is masked."""
    if isinstance(value, np.ma.MaskedArray):
        refuse_masked(name, value)
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


def _refuse_mixed(name: str, value: Any, axes: int = 0) -> None:
    """Refuse booleans among numbers, which NumPy takes for 0 and 1."""
    if not isinstance(value, (list, tuple)) or axes >= _MOST_AXES:
        return
    types = set(map(type, value))
    booleans = types & {bool, np.bool_}
    if booleans and any(issubclass(kind, numbers.Number) for kind in types - booleans):
        raise ValueError(f"{name} must be numbers or booleans, not both, got {shown(value)}")
    for entry in _of_types(value, (list, tuple)):
        _refuse_mixed(name, entry, axes + 1)


def _of_types(value: Sequence[Any], kinds: tuple[type, ...]) -> Iterable[Any]:
    """The entries that are of some types; nothing is looked at one by one where there are none."""
    if any(issubclass(kind, kinds) for kind in set(map(type, value))):
        return [entry for entry in value if isinstance(entry, kinds)]
    return ()


def _writable(name: str, value: str) -> str:
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(f"{name} must be text that files can hold, without NUL and lone surrogates, got {value!r}")
    return value


def _repeated(entries: Iterable[Any]) -> Any:
    seen = set()
    for entry in entries:
        if entry in seen:
            return entry
        seen.add(entry)
    return None


def _place(place: npt.NDArray[np.intp]) -> str:
    words: dict[int, tuple[str, ...]] = {1: ("state",), 2: ("state", "action")}
    if len(place) not in words:
        return ""
    return " of " + ", ".join(f"{word} {number}" for word, number in zip(words[len(place)], place, strict=True))


def shown(value: Any) -> str:
    """The value in a message, cut where it would fill the screen."""
    try:
        shown = repr(value)
    except Exception:  # integers beyond the digits that Python prints, and objects without a name
        shown = f"a {type(value).__name__}"
    return shown if len(shown) <= 200 else f"{shown[:150]} … {shown[-40:]}"


def _interval(low: float, high: float, low_open: bool) -> str:
    if high == math.inf:
        if low == -math.inf:
            return "finite"
        return f"greater than {low:g}" if low_open else f"at least {low:g}"
    if low == -math.inf:
        return f"at most {_bound(high)}"
    return f"in {'(' if low_open else '['}{low:g}, {_bound(high)}]"


def _bound(value: float) -> str:
    return "2^63 − 1" if value == LARGEST_INTEGER else f"{value:g}"
