"""Files of the right kind with the wrong content: columns of trials, and studies of the reproduction."""

import itertools
import json
import zipfile

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc._io import archive
from sigmalloc.paper import cache


@pytest.fixture
def trials():
    return sm.simulate(sm.tasks.maze(("S.", ".G")), sm.Agent(), episodes=3, seed=0, values=True)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("reward", lambda rows: rows.astype(str), "reward holds <U"),
        ("action", lambda rows: rows.astype(float), "action holds float64"),
        ("ended", lambda rows: rows.astype(int), "ended holds int64"),
        ("next_state", lambda rows: rows[:-1], r"next_state has shape \(\d+,\), not"),
        ("step", lambda rows: rows[:, None], r"step has shape \(\d+, 1\), not"),
        ("q", lambda rows: rows[:, :1], r"q has shape \(\d+, 1\), not"),
        ("state", lambda rows: rows + 10**6, "row 0: state must be in"),
        ("reward", lambda rows: rows + np.inf, "row 0: reward must be finite, or NaN where it was not shown"),
        ("sigma", lambda rows: rows + np.inf, "row 0: sigma must be finite"),
        ("cut", None, "it has no cut"),
    ],
)
def test_columns_of_trials(trials, tmp_path, name, change, message):
    path = trials.save(tmp_path / "trials")
    facts, arrays = held(path)
    if change is None:
        del arrays[name]
    else:
        arrays[name] = change(arrays[name])
    archive.save(path, facts, arrays)
    with pytest.raises(ValueError, match=f"trials.npz is not a readable table of trials: {message}"):
        sm.Trials.load(path)


@pytest.fixture(scope="module")
def result():
    task = sm.tasks.maze(("S.", ".G"), step_limit=20)
    return sm.train(task, sm.Agent(), episodes=6, restarts=2, seed=0, evaluate_every=3, snapshots=(4,))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("cutoffs", lambda table: table + np.inf, "cutoffs must be whole numbers from 0 to 100, or NaN"),
        ("cutoffs", lambda table: table - 1, "cutoffs must be whole"),
        ("cutoffs", lambda table: table + 0.5, "cutoffs must be whole"),
        ("cutoffs", lambda table: table + 101, "cutoffs must be whole"),
        ("memory_sigma", lambda table: -table, "memory_sigma has entries that are not above 0"),
        ("snapshot_memory_sigma", lambda table: 0 * table, "snapshot_memory_sigma has entries that are not above 0"),
        ("time", lambda table: -table, "time has negative entries"),
        ("effort", lambda table: -table, "effort has negative entries"),
        ("samples", lambda table: -table, "samples has negative entries"),
        ("scale", lambda table: -table, "scale has negative entries"),
    ],
)
def test_numbers_of_results(result, tmp_path, name, change, message):
    path = result.save(tmp_path / "result")
    facts, arrays = held(path)
    archive.save(path, facts, arrays | {name: change(arrays[name])})
    with pytest.raises(ValueError, match=f"result.npz is not a readable result: {message}"):
        sm.Result.load(path)


def held(path):
    """The facts and the arrays of an archive."""
    with archive.reading(path) as file:
        return file.facts, {name: file.array(name) for name in file.names if name != archive.FACTS}


class TestStudies:
    WANTED = {"study": "maze", "seed": 0, "settings": {"restarts": 2}}
    ARRAYS = {"reward": np.arange(6.0).reshape(2, 3), "cutoffs": np.arange(3)}

    def test_what_was_saved_is_read(self, tmp_path):
        path = tmp_path / "new folder" / "study.npz"
        cache.save(path, self.WANTED, self.ARRAYS)
        found = cache.load(path, self.WANTED)
        assert found.keys() == self.ARRAYS.keys()
        for name, array in self.ARRAYS.items():
            np.testing.assert_array_equal(found[name], array)
        assert cache.load(path, self.WANTED | {"seed": 1}) is None
        assert cache.load(tmp_path / "none.npz", self.WANTED) is None

    def test_files_of_the_first_versions(self, tmp_path):
        path = tmp_path / "study.npz"
        np.savez_compressed(path, note=np.array(json.dumps(self.WANTED)), **self.ARRAYS)
        assert cache.load(path, self.WANTED).keys() == self.ARRAYS.keys()

    def test_other_arrays_under_the_same_note(self, tmp_path):
        path, other = tmp_path / "study.npz", tmp_path / "other.npz"
        cache.save(path, self.WANTED, self.ARRAYS)
        cache.save(other, self.WANTED, {name: array + 1 for name, array in self.ARRAYS.items()})
        members = [_members(path), _members(other)]
        mixed = [*members[0][:1], *members[1][1:]]
        _put(path, mixed, comments=[comment for _, _, comment in members[0]])
        with pytest.raises(cache.Damaged, match="is not what was saved: its checksum differs"):
            cache.load(path, self.WANTED)

    def test_every_byte_may_be_inverted(self, tmp_path):
        path = tmp_path / "study.npz"
        cache.save(path, self.WANTED, self.ARRAYS)
        whole = path.read_bytes()
        for place in range(0, len(whole), 3):
            damaged = bytearray(whole)
            damaged[place] ^= 0xFF
            path.write_bytes(damaged)
            try:
                found = cache.load(path, self.WANTED)
            except cache.Damaged:
                continue
            assert found is not None, place
            for name, array in self.ARRAYS.items():
                np.testing.assert_array_equal(found[name], array)

    def test_a_folder_for_a_file(self, tmp_path):
        with pytest.raises(cache.Damaged):
            cache.load(tmp_path, self.WANTED)


def _members(path):
    with zipfile.ZipFile(path) as file:
        return [(info.filename, file.read(info), info.comment) for info in file.infolist()]


def _put(path, members, comments):
    with zipfile.ZipFile(path, "w") as file:
        for (name, content, _), comment in zip(members, comments, strict=True):
            info = zipfile.ZipInfo(name)
            info.comment = comment
            file.writestr(info, content)
        file.comment = archive._MARK


def trials_with_bits_inverted(trials, path, bits):
    """Each is read as it was (the byte said nothing), or refused by a ValueError that names the file."""
    wanted = trials.columns | trials.tables
    whole = trials.save(path).read_bytes()
    refused = 0
    for place, mask in bits(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ mask]) + whole[place + 1 :])
        try:
            found = sm.Trials.load(path)
        except ValueError as error:
            assert str(path) in str(error)
            refused += 1
        else:
            for name, column in (found.columns | found.tables).items():
                np.testing.assert_array_equal(column, wanted[name])
    return refused


def test_some_bytes_of_trials(trials, tmp_path):
    path = tmp_path / "trials.npz"
    assert trials_with_bits_inverted(trials, path, lambda n: itertools.product(range(11, n, n // 40), (255, 1))) > 60


@pytest.mark.slow
def test_every_byte_of_trials(trials, tmp_path):
    def bits(n):
        yield from itertools.product(range(n), (255,))
        yield from itertools.product(range(0, n, 3), (1,))

    assert trials_with_bits_inverted(trials[:10], tmp_path / "trials.npz", bits) > 1000
