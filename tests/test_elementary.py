"""Elementary functions of the kernel against `math`, over the whole range of each."""

import math

import numpy as np
import pytest

from sigmalloc import _kernel, reference

BUILDS = _kernel.available()
RNG = np.random.default_rng(0)
EXACT = {
    "exp": math.exp,
    "log": math.log,
    "sine_quarter": lambda t: math.sin(math.pi / 2 * t),
    "cosine_quarter": lambda t: math.cos(math.pi / 2 * t),
    "cos": math.cos,
}
TWIN = {
    "exp": reference.exponential,
    "log": reference.logarithm,
    "sine_quarter": reference.sine_quarter,
    "cosine_quarter": reference.cosine_quarter,
    "cos": reference.cosine,
}
AROUND_ONE = 1 + np.concatenate([s * np.logspace(-15.5, -1, 300) for s in (1, -1)])
LN2 = math.log(2)
DOMAIN = {
    "exp": np.concatenate([
        np.linspace(-707, 708, 100_001), np.linspace(-2, 2, 50_001), (np.arange(-1019, 1020) + 0.5) * LN2,
        np.nextafter((np.arange(-1019, 1020) + 0.5) * LN2, 0), [0.0, -0.0, -707.0, 708.0, 5e-324, 1e-300, -1e-17],
    ]),
    "log": np.concatenate([
        np.logspace(-307, 308, 100_001), np.linspace(2.0**-52, 1, 100_001), AROUND_ONE, 2.0 ** np.arange(-1022, 1024),
        math.sqrt(0.5) * 2.0 ** np.arange(-1021, 1024), np.nextafter(math.sqrt(0.5), 0) * 2.0 ** np.arange(-1021, 1024),
        [1.0, 2.0**-52, 1 - 2.0**-52, 1e-300, np.finfo(float).tiny, np.finfo(float).max],
    ]),
    "sine_quarter": np.concatenate([np.linspace(-0.5, 0.5, 100_001), np.logspace(-300, -1, 1000), [-0.5, 0.0, 0.5]]),
    "cosine_quarter": np.concatenate([np.linspace(-0.5, 0.5, 100_001), [-0.5, 0.0, 0.5, 1e-300]]),
    "cos": np.concatenate([
        np.linspace(-1e4, 1e4, 100_001), np.linspace(-3.6, 1.8, 100_001), math.pi / 2 * np.arange(-6366, 6367),
        RNG.uniform(-1e4, 1e4, 50_000), [0.0, -0.0, 1e-300, -1e4, 1e4],
    ]),
}  # fmt: skip


def elementary(name, x, build=BUILDS[0]):
    x = np.ascontiguousarray(x, dtype=float)
    y = np.full_like(x, np.nan)
    _kernel.load(build).elementary(name, x, y)
    return y


@pytest.mark.parametrize("name", EXACT)
def test_against_math(name):
    x = DOMAIN[name]
    y, exact = elementary(name, x), np.array([EXACT[name](value) for value in x.tolist()])
    if name == "cos":
        assert np.abs(y - exact).max() < 1e-14
    else:
        assert (np.abs(y - exact) <= 1e-9 * np.abs(exact)).all()


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("build", BUILDS)
def test_same_bits_in_every_build_and_in_the_twin(name, build):
    assert elementary(name, DOMAIN[name], build).tobytes() == elementary(name, DOMAIN[name], "baseline").tobytes()
    x = np.concatenate([RNG.choice(DOMAIN[name], 5000), DOMAIN[name][-7:]])
    twin = np.array([TWIN[name](value) for value in x.tolist()])
    assert elementary(name, x, build).tobytes() == twin.tobytes()


@pytest.mark.parametrize("build", BUILDS)
def test_edges_of_exp(build):
    one, minus_one, nothing, under, tiny, top = elementary("exp", [0.0, -0.0, -np.inf, -708.0, -745.2, 708.0], build)
    assert one == minus_one == 1.0
    assert nothing == under == tiny == 2.0**-1020
    assert top == pytest.approx(math.exp(708), rel=1e-9)
    assert elementary("exp", [-707.0], build)[0] == pytest.approx(math.exp(-707), rel=1e-9)
    assert np.isnan(elementary("exp", [np.nan], build)[0])
    twin = [reference.exponential(x) for x in (0.0, -math.inf, -708.0, 708.0)]
    assert twin == [1.0, 2.0**-1020, 2.0**-1020, top]


@pytest.mark.parametrize("build", BUILDS)
def test_edges_of_log(build):
    one, smallest, tiny = elementary("log", [1.0, 2.0**-52, 1e-300], build)
    assert one == 0.0
    assert smallest == pytest.approx(-52 * LN2, rel=1e-15)
    assert tiny == pytest.approx(math.log(1e-300), rel=1e-9)


@pytest.mark.parametrize("build", BUILDS)
def test_edges_of_the_quarter_turns(build):
    assert elementary("sine_quarter", [0.0], build)[0] == 0.0
    assert elementary("cosine_quarter", [0.0], build)[0] == 1.0
    assert elementary("cos", [0.0], build)[0] == 1.0
    t = np.arange(-500, 501) / 1000
    sine, cosine = elementary("sine_quarter", t, build), elementary("cosine_quarter", t, build)
    np.testing.assert_array_equal(sine, -sine[::-1])
    np.testing.assert_array_equal(cosine, cosine[::-1])
    np.testing.assert_allclose(sine**2 + cosine**2, 1, rtol=1e-9)


def test_exp_and_log_are_monotone_where_it_matters():
    """A larger memory never has a smaller weight."""
    x = np.concatenate([np.linspace(-40, 0, 400_001), -np.logspace(-12, -4, 1000)])
    assert (np.diff(elementary("exp", np.sort(x))) >= 0).all()


def test_unknown_function():
    with pytest.raises(ValueError, match="tangent"):
        _kernel.kernel.elementary("tangent", np.zeros(1), np.zeros(1))
