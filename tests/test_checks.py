"""The doors for numbers, names and masks: the same rules at all of them."""

import re
from fractions import Fraction

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc import _checks

MASKED = np.ma.masked_array([1.0, 2.0, -999.0], [False, False, True])
CLOSE = sm.TabularMDP([[0, 1], [1, 1]], [[1.0, 0.0], [0.0, 0.0]], start=0, terminal=[1])


class LooksLikeANumber:
    def __float__(self):
        return 1.0

    def __index__(self):
        return 1

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("not really")


DOORS = {
    "real": lambda value: _checks.real("x", value),
    "integer": lambda value: _checks.integer("x", value),
    "seed": lambda value: _checks.seed("x", value),
    "numeric": lambda value: _checks.numeric("x", value),
    "array": lambda value: _checks.array("x", value, ()),
    "integers": lambda value: _checks.integers("x", value, ()),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "value",
    ["1", None, True, np.True_, np.array(True), 1j, MASKED[2], np.ma.masked_array(1), LooksLikeANumber(), {}, [None],
     np.array("1"), object(), float],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_no_number_is_refused_everywhere(door, value):
    with pytest.raises(ValueError, match=r"^x must "):
        DOORS[door](value)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "kind", [int, np.int8, np.int64, np.uint8, np.uint64, np.array], ids=lambda kind: kind.__name__
)
def test_an_array_without_axes_is_its_number_everywhere(door, kind):
    found = DOORS[door](kind(100))
    assert found == 100
    assert np.ndim(found) == 0


@pytest.mark.parametrize("value", [np.int8([100, 100]), np.uint8([200, 200]), np.float16([60000, 60000])])
def test_narrow_numbers_do_not_overflow(value):
    wide = _checks.numeric("x", value)
    assert wide.dtype in (np.int64, np.float64)
    assert wide.sum() == 2 * float(value[0])
    assert _checks.integer("x", np.int8(127)) + 1 == 128


def test_integers_that_do_not_fit():
    for huge in (2**63, 2**64, 10**5000):
        with pytest.raises(ValueError, match="^x must be .*at most 2\\^63 − 1|^x must be an array of numbers"):
            _checks.numeric("x", [huge])
    for huge in (2**63, 2**64, 2**9999):
        assert _checks.seed("x", huge) == huge
    with pytest.raises(ValueError, match=r"x must be below 2\^10000, got one of 16610 bits"):  # no file holds it
        _checks.seed("x", 10**5000)
    with pytest.raises(ValueError, match="^x must be in \\[0, 5\\]"):
        _checks.integers("x", np.array([0, 2**63 - 1]), low=0, high=5)
    assert _checks.integers("x", np.array([3], dtype=np.uint64)).dtype == np.int64


def test_numbers_that_no_float_holds():
    for value in (float("nan"), float("inf"), 10**400, Fraction(10**400), np.longdouble("1e4000")):
        with pytest.raises(ValueError, match="^x must be finite"):
            _checks.real("x", value)
    with pytest.raises(ValueError, match="^x must be finite"):
        _checks.array("x", np.array([np.longdouble("1e4000")]), (1,))
    assert _checks.real("x", Fraction(1, 4)) == 0.25


@pytest.mark.parametrize("value", [MASKED, [MASKED, MASKED], [[1.0, MASKED[2]]], (np.ma.masked_array([1]),)])
def test_masked_arrays_are_refused_however_deep(value):
    for door in (_checks.numeric, _checks.sequence if isinstance(value, np.ma.MaskedArray) else _checks.numeric):
        with pytest.raises(ValueError, match="x must not be a masked array"):
            door("x", value)


def test_booleans_among_numbers_are_refused():
    for value in ([True, 2.0], [[1, 0], [np.True_, 0]]):
        with pytest.raises(ValueError, match="x must be numbers or booleans"):
            _checks.numeric("x", value)


def test_masks_are_of_booleans():
    np.testing.assert_array_equal(_checks.mask("m", [True, False], (2,)), [True, False])
    for value in ([1, 0], np.int8([1, 0]), [1.0, 0.0]):
        with pytest.raises(ValueError, match="m must be a mask of booleans"):
            _checks.mask("m", value, (2,))
    with pytest.raises(ValueError, match="shape"):
        _checks.mask("m", [True], (2,))


def test_states_by_index_or_by_mask():
    np.testing.assert_array_equal(_checks.states("s", [3, 1], 4), [False, True, False, True])
    np.testing.assert_array_equal(_checks.states("s", [False, True, False, True], 4), [False, True, False, True])
    np.testing.assert_array_equal(_checks.states("s", [], 2), [False, False])
    np.testing.assert_array_equal(_checks.states("s", [2, 0, 2], 3), [True, False, True])
    for value in (
        [0, 0, 1],
        np.int8([0, 1, 1]),
        [0, 1, 0],
        [0, 0, 0],
        [0, 1, 0, 0, 0],
    ):  # 0 and 1 for three states or more
        with pytest.raises(ValueError, match="s must be the indices of states or a mask of booleans"):
            _checks.states("s", value, 3)
    for value in ([[0, 1]], np.zeros((0, 3), dtype=int), 1, [1.0], [3], [-1]):
        with pytest.raises(ValueError, match=r"^s"):
            _checks.states("s", value, 3)


def test_sequences():
    for value in ("abc", b"abc", {}, {1, 2}, 3, None, np.array(3), iter([1]), float):
        with pytest.raises(ValueError, match="x must be a sequence"):
            _checks.sequence("x", value)
    for value in ([1, 2], (1, 2), range(1, 3), np.array([1, 2])):
        assert _checks.sequence("x", value) == (1, 2)


def test_text_and_names():
    for value in ("", "a\0b", "\ud800", 5, None, b"a"):
        with pytest.raises(ValueError, match="^x must be"):
            _checks.text("x", value)
    for value in (["a", "a"], ["a"], "ab", ["a", 1], ["a", "\0"]):
        with pytest.raises(ValueError, match="^x must be"):
            _checks.names("x", value, 2)
    assert _checks.names("x", np.array(["a", "b"]), 2) == ("a", "b")
    assert _checks.choice("x", np.array("soft"), ("soft", "hard")) == "soft"


def test_one_tolerance_for_probabilities():
    task = lambda **given: sm.TabularMDP([[0, 1], [1, 1]], np.zeros((2, 2)), terminal=[1], **given)  # noqa: E731
    thirds = [0.3333] * 3
    outcomes = [[[(0.3333, 0, 0.0), (0.3333, 1, 1.0), (0.3333, 1, 2.0)]], []]
    np.testing.assert_allclose(sm.TabularMDP.from_outcomes(outcomes, start=0).probability[0, 0], 1 / 3, rtol=1e-15)
    found = sm.TabularMDP.from_functions(
        lambda state, action: [(0.3333, state, 0.0), (0.3333, "b", 1.0), (0.3333, "c", 2.0)],
        lambda state: ["go"] if state == "a" else [],
        start="a",
    )
    np.testing.assert_allclose(found.probability[0, 0], 1 / 3, rtol=1e-15)
    assert _checks.probabilities("p", [thirds]).sum() == pytest.approx(1, abs=1e-15)
    assert task(start=[1.0, 0.0]).start[0] == 1
    for wrong in ([0.33] * 3, [0.5, 0.5, 0.5], [1.5, -0.5], [np.nan, 1.0]):
        with pytest.raises(ValueError, match="^p must"):
            _checks.probabilities("p", wrong)
    almost = np.array([0.1] * 10)  # sums to 1 − 1e-16
    assert _checks.probabilities("p", almost) is almost


KNOWN = sm.Agent().to_dict()
MEANT = {
    "lambda": "lam", "lambd": "lam", "--lambda": "lam", "LAM": "lam", "alpha": "learning_rate_q",
    "alpha_q": "learning_rate_q", "alpha_1": "learning_rate_q", "alpha_2": "learning_rate_sigma",
    "learning_rate": "learning_rate_q", "learning-rate-sigma": "learning_rate_sigma", "temperature": "beta",
    "discount": "gamma", "sigma": "sigma_0", "sigma0": "sigma_0", "sigma_bas": "sigma_base", "ntraj": "n_trajectories",
    "n_traj": "n_trajectories", "gradiant": "gradient", "q0": "q_init",
}  # fmt: skip


@pytest.mark.parametrize(("given", "meant"), MEANT.items())
def test_near_misses(given, meant):
    assert _checks.nearest(given, KNOWN)[0] == meant
    error = _checks.unknown(given, KNOWN, "agent field")
    assert type(error) is ValueError
    assert re.search(rf"^unknown agent field '{given}'; did you mean '{meant}'", str(error))


def test_only_known_names():
    _checks.only(["lam", "beta"], KNOWN)
    _checks.only([], ())
    with pytest.raises(ValueError, match="unknown axis 'betta'; did you mean 'beta'"):
        _checks.only(["lam", "betta", "gama"], KNOWN, "axis")


def test_no_near_miss():
    assert _checks.nearest("colour", KNOWN) == ()
    assert "did you mean" not in str(_checks.unknown("colour", KNOWN))
    assert "lam" in str(_checks.unknown(5, KNOWN))
    with pytest.raises(ValueError, match="got 'Advantag'; did you mean 'advantage'"):
        _checks.choice("gradient", "Advantag", ("advantage", "q"))


def test_every_synonym_is_for_a_name_that_exists():
    import inspect

    known = {*KNOWN, *inspect.signature(sm.train).parameters, *inspect.signature(sm.TabularMDP).parameters}
    known |= {*inspect.signature(sm.TabularMDP.from_dense).parameters}
    for given, meant in _checks.SYNONYMS.items():
        assert set(meant) <= known, given


@pytest.mark.parametrize(
    ("given", "meant"),
    [("--lambda", "--lam"), ("--alpha-2=.1", "--learning-rate-sigma"), ("--sigma", "--sigma-0"),
     ("--runs", "--restarts"), ("--evaluate-evry", "--evaluate-every")],
)  # fmt: skip
def test_the_command_line_says_what_may_have_been_meant(given, meant, capsys):
    from sigmalloc.cli import main

    with pytest.raises(SystemExit):
        main(["run", "grid-world", given, "3"])
    assert f"did you mean {meant}?" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["run", "grid-world", "--colour", "3"])
    assert "did you mean" not in capsys.readouterr().err


def test_spans_of_time_are_no_numbers():
    """NumPy says that they are integers, and counts them in whatever unit they have."""
    for check in (_checks.integer, _checks.real):
        with pytest.raises(ValueError, match="^x must be"):
            check("x", np.timedelta64(5, "ns"))


def test_sequences_that_are_none():
    class Broken:
        def __len__(self):
            return 2

        def __iter__(self):
            raise RuntimeError("broken")

    class Endless(Broken):
        def __len__(self):
            return 10**12

    for value, message in (
        (Broken(), "x must be a sequence"), (Endless(), "x must have at most 100,000,000 entries"),
        (range(10**9), r"x must have at most 100,000,000 entries, got range\(0, 1000000000\)"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            _checks.sequence("x", value)
