"""Rows in a file: the subjects of a table of any length, the fits of those in memory, and nothing that was damaged."""

import concurrent.futures
import copy
import dataclasses
import gc
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc._io import archive
from sigmalloc.fit import Choices, Fit, Model, SoftmaxLearner, any_length, filed
from sigmalloc.fit.work import as_done

pd = pytest.importorskip("pandas")
COLUMNS = {"options": ["left", "right"], "choice": "choice", "payoff": ["paid_left", "paid_right"], "subject": "who"}
QUICK = {"starts": 2, "intervals": None, "workers": 2, "seed": 3}


@pytest.fixture(autouse=True)
def little(monkeypatch):
    """All sizes are small, so that tables are dealt out, and rows stay in the file."""
    monkeypatch.setattr(filed, "_HELD", 0)
    monkeypatch.setattr(any_length, "_PIECE", 37)
    monkeypatch.setattr(any_length, "_PART", 500)


def table(people=5, trials=40):
    rng = np.random.default_rng(0)
    memory = np.concatenate([rng.permuted(np.tile(np.arange(3), (trials, 1)), axis=1)[:, :2] for _ in range(people)])
    paid = rng.normal(memory, 1.0).round(3)
    return pd.DataFrame({
        "ignored": np.where(np.arange(len(memory)) < 50, "text", "7"), "who": np.repeat(np.arange(people) * 3, trials),
        "left": memory[:, 0], "right": memory[:, 1], "choice": rng.integers(2, size=len(memory)),
        "paid_left": paid[:, 0], "paid_right": paid[:, 1], "day": np.tile(np.arange(trials) // 20, people),
    })  # fmt: skip


def both(frame, tmp_path, **columns):
    """Choices of a text file in memory, and in a file."""
    frame.to_csv(tmp_path / "table.csv", index=False)
    named = COLUMNS | columns
    return (Choices.from_csv(tmp_path / "table.csv", **named),
            Choices.from_csv(tmp_path / "table.csv", rows=tmp_path / "rows", **named))  # fmt: skip


def assert_same(ours, theirs):
    assert ours.labels == theirs.labels
    assert repr(ours) == repr(theirs)
    for a, b in zip(ours, theirs, strict=True):
        for field in dataclasses.fields(a):
            x, y = getattr(a, field.name), getattr(b, field.name)
            if isinstance(x, np.ndarray):
                assert x.dtype == y.dtype and y.flags.aligned and not y.flags.writeable
                np.testing.assert_array_equal(x, y, err_msg=field.name)
            else:
                assert x == y and type(x) is type(y), field.name


def with_names(frame):
    return frame.assign(
        left=frame.left.map("abc".__getitem__),
        right=frame.right.map("abc".__getitem__),
        who=frame.who.map("{} x".format),
    )


CHANGES = {
    "sorted": (lambda frame: frame, {}),
    "by trial": (lambda frame: frame.iloc[np.argsort(np.tile(np.arange(40), 5), kind="stable")], {}),
    "shuffled": (lambda frame: frame.sample(frac=1.0, random_state=1), {"block": ["day", "who"], "blocks": "carry"}),
    "names": (with_names, {"block": "day"}),
    "no response": (lambda frame: frame.assign(choice=frame.choice.where(frame.index % 7 > 0)), {}),
    "prices": (lambda frame: frame, {"options": ["left", None], "known": [None, "paid_right"]}),
    "of the chosen": (lambda frame: frame, {"payoff": "paid_left", "episode": "day"}),
    "early blanks": (lambda frame: frame.assign(left=frame.left.where(frame.index >= 120)), {}),
    "late blanks": (lambda frame: frame.assign(left=frame.left.where(frame.index < 120)), {}),
    "early names": (lambda frame: frame.assign(left=frame.left.map("m{}".format).where(frame.index < 120)), {}),
    "one name": (lambda frame: frame.assign(left=frame.left.astype(object).where(frame.index != 120, "b")), {}),
    "two that look alike": (lambda frame: frame.assign(who=np.where(frame.index < 120, "01", "1")), {}),
    "forced": (lambda frame: frame.assign(day=frame.day == 1), {"forced": "day"}),
    "one subject": (lambda frame: frame, {"subject": None}),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_table_in_a_file_has_the_subjects_of_one_in_memory(name, tmp_path):
    change, columns = CHANGES[name]
    ours, theirs = both(change(table()), tmp_path, **columns)
    assert isinstance(theirs.subjects, filed.Rows)
    assert_same(ours, theirs)
    assert_same(ours, Choices.load(ours.save(tmp_path / "saved")))
    assert_same(ours, Choices.load(theirs.save(tmp_path / "again")))


def test_what_is_wrong_is_said_by_the_row_of_the_table(tmp_path):
    frame = table()
    frame.loc[171, "choice"] = 2
    frame.to_csv(tmp_path / "table.csv", index=False)
    for rows in (None, tmp_path / "rows"):
        with pytest.raises(ValueError, match=r"subject 12, row 171: choice must be one of the row's 2 options, got 2"):
            Choices.from_csv(tmp_path / "table.csv", rows=rows, **COLUMNS)
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


@pytest.mark.parametrize(
    ("change", "columns", "message"),
    [
        (lambda frame: frame.assign(day=frame.day.astype(object).where(frame.index != 120, "b")), {"block": "day"},
         "the column 'day' has texts in rows 111 to 147, and numbers in rows before them; write all of it as one"),
        (lambda frame: frame.assign(who=frame.who.where(frame.index != 120)), {}, "subject: row 120 has none"),
        (lambda frame: frame[:0], {}, "frame has no rows"),
        (lambda frame: frame, {"choice": "chosen"}, "choice: no column 'chosen'; the columns are 'ignored', 'who'"),
        (lambda frame: frame, {"coding": "none"}, "coding must be"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(change, columns, message, tmp_path):
    change(table()).to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(ValueError, match=message):
        Choices.from_csv(tmp_path / "table.csv", rows=tmp_path / "rows", **COLUMNS | columns)
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_every_fit_is_that_of_rows_in_memory(tmp_path):
    ours, theirs = both(table(), tmp_path, block="day")
    model = Model(agent=SoftmaxLearner())

    def found(data):
        alone = sm.fit.fit(data, model, **QUICK)
        group = sm.fit.fit_group(data, model, iterations=2, draws=32, starts=2, workers=2)
        later = sm.fit.future(data, {"a": model, "b": model.replace(lapse=0.2)}, cuts=(0.5, 0.7), starts=1, workers=2)
        recovered = sm.fit.recover_parameters(data, model, subjects=3, starts=1, intervals=None)
        return alone, {
            "alone": alone.to_frame(), "again": Fit.load(alone.save(tmp_path / "fit")).to_frame(),
            "group": group.fit.to_frame(), "compared": sm.fit.compare({"a": alone, "b": alone}).to_frame(),
            "future": later.to_frame(), "fits of the future": later.fits["b"].to_frame(),
            "recovered": recovered.fit.to_frame(),
            "numbers": pd.DataFrame({"evidence": group.log_evidence, "all": sm.fit.log_likelihood(data, model)}),
            "choices": pd.DataFrame(np.concatenate([fit.predictive(2, uncertain=False) for fit in alone], axis=1)),
            "terms": pd.DataFrame({"ours": alone.pointwise}),
        }  # fmt: skip

    (alone, first), (elsewhere, second) = found(ours), found(theirs)
    for name, expected in first.items():
        pd.testing.assert_frame_equal(expected, second[name], check_exact=True)
    assert isinstance(elsewhere[0].rows, sm.fit.results.Filed)
    assert not isinstance(alone[0].rows, sm.fit.results.Filed)
    assert elsewhere.choices.subjects is theirs.subjects
    assert_same(ours, elsewhere.choices)


def test_fits_in_other_processes_get_the_rows_themselves(tmp_path):
    ours, theirs = both(table(people=3), tmp_path)
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        there = sm.fit.fit(theirs, SoftmaxLearner(), executor=pool, **QUICK | {"workers": 1})
    pd.testing.assert_frame_equal(there.to_frame(), sm.fit.fit(ours, SoftmaxLearner(), **QUICK).to_frame())
    assert_same(ours, pickle.loads(pickle.dumps(theirs)))


@pytest.fixture(
    params=[pytest.param(True, marks=pytest.mark.skipif(os.name != "posix", reason="is one of POSIX")), False]
)
def stays_open(request, monkeypatch):
    """Files are open while they are in use, or, as on Windows, while they are read."""
    monkeypatch.setattr(filed, "_STAYS_OPEN", request.param)
    return request.param


def test_rows_are_found_wherever_a_process_is(tmp_path, monkeypatch, stays_open):
    ours, _ = both(table(people=3), tmp_path)
    monkeypatch.chdir(tmp_path)
    theirs = Choices.load("rows.npz")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert_same(ours, theirs)
    assert_same(ours, pickle.loads(pickle.dumps(theirs)))


def test_rows_whose_file_is_not_wanted_are_there_while_they_are_in_use(tmp_path, stays_open):
    ours, theirs = both(table(people=3), tmp_path)
    theirs.subjects.remove_file()
    assert (tmp_path / "rows.npz").exists() != stays_open
    assert_same(ours, theirs)
    del theirs
    gc.collect()
    assert not (tmp_path / "rows.npz").exists()


def test_a_file_that_was_replaced_is_noticed_or_does_not_matter(tmp_path, stays_open):
    ours, theirs = both(table(people=3), tmp_path)
    Choices.from_csv(tmp_path / "table.csv", rows=tmp_path / "other", **COLUMNS | {"payoff": "paid_left"})
    os.replace(tmp_path / "other.npz", tmp_path / "rows.npz")
    if stays_open:
        assert_same(ours, theirs)
    else:
        with pytest.raises(ValueError, match=r"rows.npz: the rows of subject 0 are damaged, or were replaced"):
            theirs[0]


def test_a_fit_is_saved_over_the_file_it_is_read_from(tmp_path, stays_open):
    ours, theirs = both(table(people=3), tmp_path)
    path = sm.fit.fit(theirs, SoftmaxLearner(), **QUICK).save(tmp_path / "fit")
    loaded = Fit.load(path)
    loaded.save(path)
    assert_same(ours, loaded.choices)
    assert_same(ours, Fit.load(path).choices)


def test_fits_in_files_of_the_same_rows_are_compared_without_reading_them(tmp_path, monkeypatch):
    _, theirs = both(table(people=3), tmp_path)
    first = sm.fit.fit(theirs, SoftmaxLearner(), **QUICK)
    second = Fit.load(sm.fit.fit(theirs, SoftmaxLearner(beta_rate=0.01), **QUICK).save(tmp_path / "second"))
    _, turned = both(table(people=3).assign(choice=lambda frame: 1 - frame.choice), tmp_path)
    third = sm.fit.fit(turned, SoftmaxLearner(), **QUICK)
    with pytest.raises(ValueError, match="is of other choices of subject 0 than"):
        sm.fit.compare({"first": first, "third": third})
    monkeypatch.setattr(filed.Rows, "record", None)
    assert sm.fit.compare({"first": first, "second": second}).names == ("first", "second")


def test_damaged_rows_are_noticed_when_they_are_read(tmp_path):
    _, theirs = both(table(), tmp_path)
    path = tmp_path / "rows.npz"
    place = theirs.subjects._begin + int(theirs.subjects.contents.ends[1]) + 9  # in the third subject's record
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    damaged = Choices.load(path)
    assert damaged[0].n_rows == damaged[3].n_rows == 40
    with pytest.raises(ValueError, match="^" + re.escape(f"{path}: the rows of subject 6 are damaged, or were repl")):
        damaged[6]
    for cut in (10, len(content) // 2, len(content) - 3):
        path.write_bytes(content[:cut])
        with pytest.raises(ValueError, match="is not a readable file of choices"):
            Choices.load(path)


def test_the_name_of_a_file_is_needed_by_pickles_only(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ours, theirs = both(table(), Path())
    sent = pickle.dumps(theirs)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert_same(ours, pickle.loads(sent))
    (tmp_path / "rows.npz").unlink()
    assert_same(ours, theirs)
    assert_same(ours, copy.deepcopy(theirs))
    with pytest.raises(FileNotFoundError):
        pickle.loads(sent)[3]
    os.mkdir(tmp_path / "rows.npz")
    with pytest.raises(ValueError, match="rows.npz is a folder, not a file"):
        pickle.loads(sent)[3]
    os.rmdir(tmp_path / "rows.npz")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "rows.npz")
        with pytest.raises(ValueError, match="rows.npz is a pipe, not a file"):
            pickle.loads(sent)[3]


def rewritten(path, facts=None, **arrays):
    """The archive with other facts and arrays, and the checksums of these: nothing is damaged."""
    with archive.reading(path) as file:
        old = {name: file.array(name) for name in file.names if name != archive.FACTS}
        about = file.facts | (facts or {})
    new = old | arrays
    records = new.pop("rows/records").tobytes()
    archive.save(path, about, new, runs={"rows/records": (len(records), [records])})


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fitted")
    data = Choices.from_frame(table(people=2, trials=12), **COLUMNS)
    fit = sm.fit.fit(data, SoftmaxLearner(), free=("beta",), starts=1, seed=0, workers=1)
    return fit.save(folder / "fit"), data.save(folder / "choices")


@pytest.mark.parametrize(("facts", "message"), [
    ({"method": "zap"}, "method must be one of"), ({"level": 1.5}, "level must be in"),
    ({"settings": None}, "settings must be a dict"), ({"versions": {"sigmalloc": 1}}, "versions must be a table of"),
    ({"free": {"beta": [1.0, "a"]}}, "free.'beta'. must be a real number"),
    ({"free": {"beta": [2.0, 1.0]}}, "free.'beta'. must have low < high"),
    ({"free": {"beta": [0.0, 1.0]}}, "free has bounds without coordinates"), ({"free": {}}, "free must name at least"),
    ({"free": {"gold": [1.0, 2.0]}}, "free has 'gold'"), ({"free": {"lam": [1.0, 2.0]}}, "free has 'lam', which is no"),
    ({"model": {"kind": "zap", "agent": {}, "model": {}}}, "kind of model must be one of 'softmax', 'agent'"),
    ({"samples": "ab"}, "samples must be a sequence"),
])  # fmt: skip
def test_facts_of_a_fit_that_cannot_be(fitted, tmp_path, facts, message):
    path = Path(shutil.copy(fitted[0], tmp_path))
    rewritten(path, facts)
    with pytest.raises(ValueError, match=rf"fit.npz is not a readable fit: {message}"):
        Fit.load(path)


@pytest.mark.parametrize(("name", "value"), [
    ("estimate", np.nan), ("estimate", -1.0), ("estimate", 1e9), ("lower", -1.0), ("upper", np.inf), ("at_bound", 2),
    ("log_likelihood", np.nan), ("log_likelihood", np.inf), ("noise", -1.0), ("evaluations", -1),
    ("covariance", np.inf), ("covariance", -1.0), ("starts/evaluations", -1), ("starts/end", np.nan),
])  # fmt: skip
def test_numbers_of_a_fit_that_cannot_be(fitted, tmp_path, name, value):
    path = Path(shutil.copy(fitted[0], tmp_path))
    rewritten(path, **{name: np.full_like(archive.load(path)[name], value)})
    with pytest.raises(ValueError, match=r"fit.npz is not a readable fit: \S+ of subject 0 cannot be that of a fit"):
        Fit.load(path)


def with_record(path, change):
    """The first subject's record changed, and all that tells of it."""
    arrays = archive.load(path)
    ends, records = arrays["rows/end"], arrays["rows/records"].tobytes()
    each = [records[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True)]
    each[0] = change(each[0])
    rewritten(path, **{
        "rows/end": np.cumsum([len(one) for one in each]), "rows/records": np.frombuffer(b"".join(each), np.uint8),
        "rows/sum": np.array([filed.sum_of(one) for one in each], dtype=np.uint64),
    })  # fmt: skip


def with_array(name, value):
    def change(record):
        subject = filed.subject_in(record)
        array = np.full(getattr(subject, name).shape, value, dtype=getattr(subject, name).dtype)
        return filed.record_of(dataclasses.replace(subject, **{name: array}))

    return change


def with_facts(**facts):
    def change(record):
        head, _, body = record.partition(b"\n")
        about = json.loads(head)
        return json.dumps(about | {"facts": about["facts"] | facts}).encode() + b"\n" + body

    return change


@pytest.mark.parametrize(("change", "message"), [
    (with_array("scored", 2), "row 0 of a subject does not fit"), (with_array("scored", 0), "it has other rows than"),
    (with_array("episode_end", 7), "row 0 of a subject does not fit"), (with_array("payoff", np.inf), "a payoff"),
    (with_array("payoff", 1e200), "a payoff that is infinite or too large"), (with_array("known", np.nan), "a known"),
    (with_array("known_sigma", -1.0), "a known number, or noise, that cannot be"), (with_array("rows", -1), "no place"),
    (with_array("start", 2.0), "a probability that is none"), (with_array("start", np.nan), "a probability"),
    (with_array("block", 3), "blocks are not counted from 0"), (with_array("block_start", 9), "blocks are not counted"),
    (with_array("block_memories", 1), "other memories than they name"), (with_array("choice", 5), "row 0 of a subject"),
    (with_facts(n_memories="3"), "a subject's facts cannot be"), (with_facts(n_memories=10**30), "a subject's facts"),
    (with_facts(chosen_only=2), "facts cannot be"), (with_facts(label=None), "facts cannot be"),
    (with_facts(labels="abc"), "have no names"), (with_facts(labels=[[None] * 3]), "have no names"),
    (with_facts(labels=[[0, 1]]), "other memories than they name"), (with_facts(labels=[]), "not counted from 0"),
    (lambda record: b"[" * 10**5, "subsection not found"), (lambda record: b"[" * 10**5 + b"\n", "rows are damaged"),
    (lambda record: record.replace(b"[12]", b"[%d]" % 10**30, 1), "damaged"), (lambda record: b"1\n", "damaged"),
    (lambda record: record + b"1", "more than its arrays"), (lambda record: record[:-9], "buffer is smaller"),
])  # fmt: skip
def test_rows_that_cannot_be(fitted, tmp_path, change, message):
    path = Path(shutil.copy(fitted[1], tmp_path))
    with_record(path, change)
    data = Choices.load(path)
    assert data[3].n_rows == 12
    with pytest.raises(ValueError, match=f"{re.escape(str(path))}: .*{message}"):
        data[0]


def test_what_a_fit_holds_is_read_only(fitted):
    """As it is made, as it is read, and as it comes back from pickle and deepcopy."""
    fit = Fit.load(fitted[0])
    for one in (fit[0], pickle.loads(pickle.dumps(fit[0])), copy.deepcopy(fit[0]), dataclasses.replace(fit[0])):
        for array in (one.estimate, one.covariance, one.starts.end, one.space.box, one.subject.payoff):
            with pytest.raises(ValueError, match="read-only"):
                array += 1.0


def test_whatever_a_record_holds_is_read_or_a_value_error(tmp_path):
    """Also where its checksum was made to fit: every entry of its head is replaced by what has no place there."""
    ours, _ = both(table(people=1, trials=4), tmp_path)
    record = filed.record_of(ours.subjects[0])
    line, _, rest = record.partition(b"\n")
    head = json.loads(line)
    refused = 0
    for path in places_in(head):
        for odd in (None, True, -1, 2**70, 1.5, "x,", [], {}, [[1]], "O", "i0"):
            changed = copy.deepcopy(head)
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = odd
            try:
                found = filed.subject_in(json.dumps(changed).encode() + b"\n" + rest)
                sm.fit.log_likelihood(found, SoftmaxLearner())
            except ValueError:
                refused += 1
    assert refused > 500
    for damaged in (b"", record[:-1], record + b"x", b"[" * 10**5 + b"\n" + rest):
        with pytest.raises(ValueError):  # noqa: PT011
            filed.subject_in(damaged)


def places_in(head, path=()):
    """Ways to everything in JSON."""
    for key, inner in head.items() if isinstance(head, dict) else enumerate(head) if isinstance(head, list) else ():
        yield (*path, key)
        yield from places_in(inner, (*path, key))


def test_few_rows_are_held_and_their_file_may_go(tmp_path, monkeypatch):
    monkeypatch.undo()
    ours, theirs = both(table(), tmp_path)
    (tmp_path / "rows.npz").unlink()
    assert_same(ours, theirs)


def test_no_more_subjects_are_read_than_are_worked_on():
    """Two for each worker, in whatever executor: no queue holds the rows of all."""
    for executor in (None, concurrent.futures.ThreadPoolExecutor(2)):
        read = []
        ended = 0
        for _ in as_done(str, (read.append(number) or number for number in range(40)), 2, executor):
            ended += 1
            assert len(read) - ended < 4
        assert read == list(range(40)) and ended == 40


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_memory_is_flat_in_the_number_of_subjects():
    """1000 subjects take less than 8 MB more than 40, in Python and on the command line."""
    bench = Path(__file__).parents[1] / "bench" / "fit_memory.py"
    done = subprocess.run([sys.executable, bench, "--subjects", "40", "1000"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
