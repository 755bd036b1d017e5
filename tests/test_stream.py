"""Random streams: SFC64 as NumPy has it, and the normals made of it."""

import numpy as np
import pytest
from scipy import stats

from sigmalloc import _kernel, reference
from sigmalloc.runs import engine

BUILDS = _kernel.available()
LANES = 8
DRAWS = 10**7
Z = 4.5  # two-sided p = 7e-6 for each figure; there are about thirty of them
P = 1e-4  # for each Kolmogorov-Smirnov and χ² test


def streams(seed):
    """Generators seeded as runs are, and their states as the kernel takes them."""
    sequences = [np.random.SeedSequence(seed, spawn_key=(restart,)) for restart in range(LANES)]
    generators = [np.random.SFC64(sequence) for sequence in sequences]
    return generators, np.stack([generator.state["state"]["state"] for generator in generators])


@pytest.fixture(scope="module")
def normals():
    """10^7 normals, (pairs, member of the pair, lane)."""
    output = np.empty((DRAWS // LANES, LANES))
    _kernel.kernel.normals(streams(20)[1], output)
    return output.reshape(-1, 2, LANES)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1, 2**100])
def test_raw_stream_is_numpys(build, seed):
    generators, states = streams(seed)
    raw = np.empty((1000, LANES), dtype=np.uint64)
    _kernel.load(build).raw(states, raw)
    for lane, generator in enumerate(generators):
        np.testing.assert_array_equal(raw[:, lane], generator.random_raw(1000))
        np.testing.assert_array_equal(states[lane], generator.state["state"]["state"])


def test_twins_stream_is_numpys():
    generators, states = streams(5)
    for restart, generator in enumerate(generators):
        stream = reference.Stream(5, (restart,))
        assert stream.state == tuple(states[restart].tolist())
        assert [stream.raw() for _ in range(100)] == generator.random_raw(100).tolist()
        assert stream.state == tuple(generator.state["state"]["state"].tolist())


def test_counter_wraps_around():
    state = np.full((LANES, 4), 2**64 - 1, dtype=np.uint64)
    generator = np.random.SFC64(0)
    generator.state = {**generator.state, "state": {"state": state[0].copy()}}
    raw = np.empty((10, LANES), dtype=np.uint64)
    _kernel.kernel.raw(state, raw)
    np.testing.assert_array_equal(raw[:, 3], generator.random_raw(10))


def test_states_of_a_run():
    training, evaluation = engine.stream_states(9, 4)
    np.testing.assert_array_equal(training, streams(9)[1][4])
    expected = np.random.SFC64(np.random.SeedSequence(9, spawn_key=(4, 0))).state["state"]["state"]
    np.testing.assert_array_equal(evaluation, expected)


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("seed", [0, 2**32, 2**63 - 1, 2**128 - 1, 2**128, 3**200])
def test_seeding_is_numpys(build, seed, monkeypatch):
    """Ten thousand keys over builds and seeds: of one word and of two, small and large."""
    monkeypatch.setattr(_kernel, "kernel", _kernel.load(build))
    draw = np.random.RandomState(5)
    for width in (1, 2, 3):
        keys = draw.randint(0, 2**32, size=(280, width)) >> draw.randint(0, 32, size=(280, 1))
        keys[:2] = [[0], [2**32 - 1]]
        expected = [
            np.random.SFC64(np.random.SeedSequence(seed, spawn_key=key)).state["state"]["state"]
            for key in keys.tolist()
        ]  # fmt: skip
        np.testing.assert_array_equal(engine.seeded_streams(seed, keys), expected)


@pytest.mark.parametrize("keys", [[[-1]], [[2**32]]])
def test_keys_of_more_than_a_word_are_refused(keys):
    with pytest.raises(ValueError, match=r"^keys must be in \[0, 4294967296\)"):
        engine.seeded_streams(1, keys)


@pytest.mark.parametrize("build", BUILDS)
def test_normals_are_the_twins(build):
    output = np.empty((400, LANES))
    _kernel.load(build).normals(streams(6)[1], output)
    for restart in range(LANES):
        stream = reference.Stream(6, (restart,))
        expected = [draw for _ in range(200) for draw in stream.normal_pair()]
        assert output[:, restart].tolist() == expected


def test_moments(normals):
    x = normals.ravel()
    n = x.size
    square = x * x
    assert abs(x.mean()) * np.sqrt(n) < Z
    assert abs(square.mean() - 1) * np.sqrt(n / 2) < Z
    assert abs((square * x).mean()) * np.sqrt(n / 15) < Z
    assert abs((square * square).mean() - 3) * np.sqrt(n / 96) < Z
    assert abs((square * square * x).mean()) * np.sqrt(n / 945) < Z
    assert abs((square * square * square).mean() - 15) * np.sqrt(n / 10170) < Z
    assert abs(stats.skew(x)) * np.sqrt(n / 6) < Z
    assert abs(stats.kurtosis(x)) * np.sqrt(n / 24) < Z


def test_kolmogorov_smirnov(normals):
    assert stats.kstest(normals.ravel(), "norm", method="asymp").pvalue > P


def test_members_of_a_pair_are_independent(normals):
    x, y = normals[:, 0].ravel(), normals[:, 1].ravel()
    root = np.sqrt(x.size)
    for f in (np.asarray, np.square, np.abs):
        for g in (np.asarray, np.square, np.abs):
            assert abs(np.corrcoef(f(x), g(y))[0, 1]) * root < Z
    octant = (x > 0) + 2 * (y > 0) + 4 * (np.abs(x) > np.abs(y))
    assert stats.chisquare(np.bincount(octant, minlength=8)).pvalue > P
    angle = np.arctan2(y[: 10**6], x[: 10**6]) / (2 * np.pi) + 0.5
    assert stats.kstest(angle, "uniform", method="asymp").pvalue > P


def test_successive_pairs_and_lanes_are_independent(normals):
    series = normals.reshape(-1, LANES)
    root = np.sqrt(series.size)
    for lag in (1, 2, 3, 4):
        assert abs((series[lag:] * series[:-lag]).mean()) * root < Z
        assert abs(((series[lag:] ** 2 - 1) * (series[:-lag] ** 2 - 1)).mean() / 2) * root < Z
    between = np.corrcoef(series.T)[np.triu_indices(LANES, 1)]
    assert np.abs(between).max() * np.sqrt(len(series)) < Z


@pytest.mark.parametrize("bound", [2.0, 3.0, 4.0, 5.0])
@pytest.mark.parametrize("side", [-1, 1])
def test_tails(normals, bound, side):
    beyond = int((side * normals > bound).sum())
    assert stats.binomtest(beyond, normals.size, stats.norm.sf(bound)).pvalue > P


def test_longest_radius(normals):
    """52 bits reach as far as √(104 ln 2) = 8.49, and 10^7 draws beyond 4.5."""
    assert 4.5 < np.abs(normals).max() < 8.5


def test_arrays_of_another_width_are_refused():
    with pytest.raises(ValueError, match="8 lanes"):
        _kernel.kernel.raw(streams(0)[1], np.empty((4, 3), dtype=np.uint64))
    with pytest.raises(ValueError, match="8 lanes"):
        _kernel.kernel.normals(streams(0)[1][:3].copy(), np.empty((4, 8)))
