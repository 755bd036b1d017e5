"""`sigmalloc fit`: a study in TOML, as a user and a script meet it."""

import csv
import errno
import json
import subprocess
import sys
import time

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc import cli
from sigmalloc.fit import Choices, Fit, Model, SoftmaxLearner, estimate, fit, simulate
from sigmalloc.fit.study import read_study

LEARNER = SoftmaxLearner(learning_rate_q=0.3, beta=1.5)
STUDY = """
data = "choices.csv"
store = "fits"
starts = 2
intervals = "laplace"

[columns]
subject = "person"
options = ["left", "right"]
choice = "choice"
payoff = ["paid_left", "paid_right"]

[models.learner]
kind = "softmax"
bounds = { beta = [0.05, 20.0] }

[models.fixed]
allocation = "fixed"
policy = "hard"
sigma_max = 100.0
free = ["sigma_0"]
bounds = { sigma_0 = [0.1, 50.0] }
"""


def run(*arguments):
    """Exit status of a command."""
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    with open(tmp_path / "choices.csv", "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["person", "left", "right", "choice", "paid_left", "paid_right"])
        for number, person in enumerate(("Ann", "Bob", "Cleo")):
            left = rng.permuted(np.tile([[1, 2], [2, 3], [3, 1]], (20, 1)), axis=1)
            paid = rng.normal(left, 1.0).round(2)
            rows = Choices.from_arrays(left, np.zeros(60, dtype=int), paid).subjects[0]
            chosen = simulate(rows, Model(agent=LEARNER), seed=0, first=number)[0]
            for names, choice, amounts in zip(left, chosen, paid, strict=True):
                out.writerow([person, *names, choice, *amounts])
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    return tmp_path


def test_a_study_is_that_of_python(folder, capsys):
    assert run("fit", folder / "study.toml", "--quiet") == 0
    printed = capsys.readouterr()
    assert "<Fit: softmax, 3 subjects, 180 choices, lbfgsb" in printed.out and "<Comparison of 2 models" in printed.out
    assert printed.err == ""
    store = folder / "fits"
    assert sorted(path.name for path in store.iterdir()) == [
        "comparison.csv", "fixed", "fixed.csv", "fixed.npz", "learner", "learner.csv", "learner.npz",
    ]  # fmt: skip
    data = Choices.from_csv(
        folder / "choices.csv", subject="person", options=["left", "right"], choice="choice",
        payoff=["paid_left", "paid_right"],
    )  # fmt: skip
    here = fit(data, SoftmaxLearner(), bounds={"beta": (0.05, 20.0)}, starts=2, intervals="laplace")
    there = Fit.load(store / "learner.npz")
    assert there.labels == ("Ann", "Bob", "Cleo")
    np.testing.assert_array_equal(here.log_likelihood, there.log_likelihood)
    with open(store / "learner.csv", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [row["subject"] for row in table] == ["Ann", "Bob", "Cleo"]
    np.testing.assert_array_equal([float(row["beta"]) for row in table], here.parameters["beta"])
    hard = sm.Agent(allocation="fixed")
    other = fit(data, hard, policy="hard", free=("sigma_0",), bounds={"sigma_0": (0.1, 50.0)}, starts=2)
    np.testing.assert_array_equal(Fit.load(store / "fixed.npz").log_likelihood, other.log_likelihood)


def test_json(folder, capsys):
    assert run("fit", folder / "study.toml", "--quiet", "--json", "--store", folder / "elsewhere") == 0
    facts = json.loads(capsys.readouterr().out)
    assert set(facts["models"]) == {"learner", "fixed"} and facts["models"]["learner"]["subjects"] == 3
    assert facts["best"] in facts["models"] and sum(facts["protected_exceedance"].values()) == pytest.approx(1)
    assert (folder / "elsewhere" / "learner.npz").exists() and not (folder / "fits").exists()


def test_dry_run_keeps_nothing(folder, capsys):
    assert run("fit", folder / "study.toml", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "3 subjects, 180 rows, of which 180 choices count" in printed and "3 of 3 fits to do" in printed
    assert not (folder / "fits").exists()
    assert run("fit", folder / "study.toml", "--quiet") == 0
    capsys.readouterr()
    assert run("fit", folder / "study.toml", "--dry-run", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["to_do"] == 0 and facts["fits"] == 6 and facts["processor_seconds"] == 0


def test_an_interrupted_study_goes_on(folder, capsys, monkeypatch):
    real, worked = estimate.fit_subject, []

    def interrupted(job):
        if job.subject.label == "Cleo":
            raise KeyboardInterrupt
        return real(job)

    monkeypatch.setattr(estimate, "fit_subject", interrupted)
    assert run("fit", folder / "study.toml", "--quiet", "--workers", 1) == 130
    assert "run the same command to go on" in capsys.readouterr().err
    assert len(list((folder / "fits" / "learner").glob("*.npz"))) == 2
    monkeypatch.setattr(estimate, "fit_subject", lambda job: worked.append(job.subject.label) or real(job))
    assert run("fit", folder / "study.toml", "--quiet", "--workers", 1) == 0
    assert worked == ["Cleo", "Ann", "Bob", "Cleo"]  # of the first model only what was missing


@pytest.mark.slow
def test_a_killed_study_goes_on(folder):
    """SIGKILL while the first model is fitted; then only what was missing is done, and the outcome is the same."""
    study = STUDY.replace("starts = 2", "starts = 400")  # about a second each
    (folder / "study.toml").write_text(study, encoding="utf-8")
    command = [sys.executable, "-m", "sigmalloc", "fit", folder / "study.toml", "--quiet", "--workers", "1"]
    kept = folder / "fits" / "learner"
    with subprocess.Popen(command) as running:
        for _ in range(2000):
            if len(list(kept.glob("[!.]*.npz"))) or running.poll() is not None:
                break
            time.sleep(0.02)
        running.kill()
        assert running.wait() < 0
    first = {path.name: path.stat().st_mtime_ns for path in kept.glob("[!.]*.npz")}
    assert 1 <= len(first) < 3 and not (folder / "fits" / "learner.npz").exists()
    done = subprocess.run([*command, "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    after = {path.name: path.stat().st_mtime_ns for path in kept.glob("[!.]*.npz")}
    assert len(after) == 3 and {name: after[name] for name in first} == first
    elsewhere = [*command, "--json", "--store", folder / "at once"]
    whole = subprocess.run(elsewhere, capture_output=True, text=True, check=True)
    found, expected = json.loads(done.stdout), json.loads(whole.stdout)
    assert found["models"] == expected["models"] and found["protected_exceedance"] == expected["protected_exceedance"]


@pytest.mark.slow
def test_dask_gives_the_same_command(folder, capsys):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        address = cluster.scheduler_address
        assert run("fit", folder / "study.toml", "--json", "--quiet", "--dask", address, "--store", folder / "far") == 0
    far = json.loads(capsys.readouterr().out)
    assert run("fit", folder / "study.toml", "--json", "--quiet") == 0
    assert json.loads(capsys.readouterr().out)["models"] == far["models"]


def test_other_data_are_fitted_anew(folder, capsys, monkeypatch):
    assert run("fit", folder / "study.toml", "--quiet") == 0
    table = (folder / "choices.csv").read_text(encoding="utf-8").splitlines()
    row = table[1].split(",")
    row[4] = "9.75"
    (folder / "choices.csv").write_text("\n".join([table[0], ",".join(row), *table[2:]]) + "\n", encoding="utf-8")
    real, worked = estimate.fit_subject, []
    monkeypatch.setattr(estimate, "fit_subject", lambda job: worked.append(job.subject.label) or real(job))
    assert run("fit", folder / "study.toml", "--quiet", "--workers", 1) == 0
    assert worked.count("Ann") == 2  # the bounds given do not move; default ones follow the scale of all rewards


def test_progress_is_of_all_models(folder, capsys):
    assert run("fit", folder / "study.toml") == 0
    assert "6 of 6 fits (100.0 %)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('data = "choices.csv"', 'data = "none.csv"', "cannot read"),
        ('data = "choices.csv"', "", "data is missing"),
        ("starts = 2", "start = 2", "unknown key 'start'"),
        ("starts = 2", "starts = 0", "starts must be"),
        ('"laplace"', '"wald"', "intervals must be"),
        ('choice = "choice"', 'choice = "chosen"', "no column 'chosen'"),
        ('choice = "choice"', "", "[columns] has no choice"),
        ('choice = "choice"', 'choice = "choice"\nchoose = "x"', "unknown key of [columns] 'choose'"),
        ('kind = "softmax"', 'kind = "soft"', "[models.learner] kind must be"),
        ('kind = "softmax"', 'kind = "softmax"\nlam = 1.0', "[models.learner] unknown key 'lam'"),
        ('allocation = "fixed"', 'allocation = "fix"', "[models.fixed] allocation"),
        ('free = ["sigma_0"]', 'free = ["lam"]', "[models.fixed] free: 'lam'"),
        ("[models.learner]", "[models.'../up']", "cannot be that of a folder"),
        ("[models.learner]", '[models."a\\u0000b"]', "cannot be that of a folder"),
        ("[models.learner]", "[models.'end.']", "cannot be that of a folder"),
        ("[models.learner]", f"[models.{'m' * 201}]", "cannot be that of a folder"),
        ("[models.learner]", "[models.Comparison]", "'Comparison' is that of the file that compares the models"),
        ("[models.learner]", "[models.Fixed]", "'Fixed' and 'fixed' are one name where files"),
        ("starts = 2", "starts = [", "is not a TOML file"),
    ],
)
def test_what_is_wrong_is_named_before_any_work(folder, capsys, old, new, message):
    assert old in STUDY
    (folder / "study.toml").write_text(STUDY.replace(old, new, 1), encoding="utf-8")
    assert run("fit", folder / "study.toml", "--quiet") == 2
    told = capsys.readouterr().err
    assert told.startswith("sigmalloc: error:") and message in told and "study.toml" in told
    assert not (folder / "fits").exists()


def test_a_disk_that_is_full_is_told_from_a_table_that_cannot_be_read(folder, capsys, monkeypatch):
    def full(**named):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    assert run("fit", folder / "study.toml", "--quiet") == 2
    assert capsys.readouterr().err == f"sigmalloc: error: cannot write to {folder}: No space left on device\n"
    assert sorted(path.name for path in folder.iterdir()) == ["choices.csv", "study.toml"]


def test_a_store_must_be_named(folder, capsys):
    (folder / "study.toml").write_text(STUDY.replace('store = "fits"', ""), encoding="utf-8")
    assert run("fit", folder / "study.toml") == 2
    assert "store is missing" in capsys.readouterr().err


def test_empty_names_are_options_without_memory(folder):
    changed = STUDY.replace('options = ["left", "right"]', 'options = ["left", ""]\nknown = ["", "paid_right"]')
    changed = changed.replace('payoff = ["paid_left", "paid_right"]', 'payoff = ["paid_left", "paid_right"]')
    (folder / "study.toml").write_text(changed, encoding="utf-8")
    study = read_study(folder / "study.toml")
    first = study.data.subjects[0]
    assert (first.memory[:, 1] == -1).all() and (first.known[:, 0] == 0).all()
    np.testing.assert_array_equal(first.known[first.situation, 1], first.payoff[:, 1])


def test_names_that_a_spreadsheet_would_compute_are_marked_as_text(folder, capsys):
    table = (folder / "choices.csv").read_text(encoding="utf-8").replace("Ann", "=1+1")
    (folder / "choices.csv").write_text(table, encoding="utf-8")
    models = STUDY.replace("models.learner", 'models."=2+2"')
    (folder / "study.toml").write_text(models.replace("starts = 2", "starts = 1").replace('"laplace"', '"none"'))
    assert run("fit", folder / "study.toml", "--quiet") == 0
    for name, labels in (("=2+2.csv", ["'=1+1", "Bob", "Cleo"]), ("comparison.csv", ["'=2+2", "fixed"])):
        with open(folder / "fits" / name, encoding="utf-8") as file:
            assert sorted(row[0] for row in list(csv.reader(file))[1:]) == labels
    assert Fit.load(folder / "fits" / "=2+2.npz").labels == ("=1+1", "Bob", "Cleo")


@pytest.mark.parametrize(("old", "new", "message"), [
    ('data = "choices.csv"', 'data = "study.toml"', "study.toml is not a readable table"),
    ("starts = 2", "seed = 0x" + "f" * 5000, "seed must be below 2^10000"),
])  # fmt: skip
def test_the_file_at_fault_is_named(folder, capsys, old, new, message):
    (folder / "study.toml").write_text(STUDY.replace(old, new, 1), encoding="utf-8")
    assert run("fit", folder / "study.toml", "--quiet") == 2
    assert f"study.toml: {message}" in capsys.readouterr().err.replace("[models.learner] ", "").replace(
        str(folder) + "/", ""
    )
