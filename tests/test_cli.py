"""The command line, as a user and a script meet it."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc import cli
from sigmalloc.runs import engine

SMALL = ("--episodes", "6", "--restarts", "2", "--evaluation-episodes", "3", "--step-limit", "200")
CURVES = ("reward", "value", "cost", "objective", "cutoffs")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Whatever is written by default is written to a folder of the test."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def run(*arguments):
    """Exit status of a command."""
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code


def command(*arguments):
    """The command in a process of its own."""
    return [sys.executable, "-m", "sigmalloc", *map(str, arguments)]


def test_run_writes_everything(tmp_path, capsys):
    out = tmp_path / "deep" / "out"
    assert run("run", "grid-world", *SMALL, "--seed", 7, "--sigma-0", 1, "--snapshots", 2, 4, "--out", out) == 0
    printed = capsys.readouterr()
    assert "grid-world, 2 runs × 6 episodes, seed 7" in printed.out
    assert printed.err == ""
    files = sorted(os.listdir(out))
    figures = ("objective", "reward", "cost", "choice_entropy", "q", "sigma", "choice_entropy_snapshots")
    assert files == sorted(
        ["result.npz", "curves.csv", "config.json"] + [f"{name}.{kind}" for name in figures for kind in ("png", "pdf")]
    )
    for name in files:
        assert name in printed.out
        content = (out / name).read_bytes()
        start = {"png": b"\x89PNG", "pdf": b"%PDF", "npz": b"PK"}.get(name.rpartition(".")[2], b"")
        assert len(content) > 100 and content.startswith(start)

    result = sm.Result.load(out / "result.npz")
    assert (result.seed, result.agent) == (7, sm.Agent.table_b1("grid-world", sigma_0=1.0))
    assert result.snapshot_episodes.tolist() == [2, 4]
    with open(out / "curves.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == result.reward.size
    for row in rows:
        restart, i = int(row["restart"]), result.episodes.tolist().index(int(row["episode"]))
        for name in CURVES:
            assert float(row[name]) == getattr(result, name)[restart, i]


def test_default_folder_and_no_figures(own_folder, capsys):
    assert run("run", "grid-world", *SMALL, "--no-figures") == 0
    assert sorted(os.listdir(own_folder / "sigmalloc-out" / "grid-world")) == [
        "config.json",
        "curves.csv",
        "result.npz",
    ]
    seed = json.loads((own_folder / "sigmalloc-out/grid-world/config.json").read_text())["seed"]
    assert f"seed {seed}" in capsys.readouterr().out


@pytest.mark.parametrize("task", ["grid-world", "mountain-car", "planning"])
def test_json(task, tmp_path, capsys):
    limit = () if task == "planning" else ("--step-limit", 200)
    small = ("--episodes", 6, "--restarts", 2, "--evaluation-episodes", 3, *limit)
    assert run("run", task, *small, "--json", "--no-figures", "--out", tmp_path / "out") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    summary = json.loads(printed.out)
    result = sm.Result.load(tmp_path / "out" / "result.npz")
    assert summary["task"] == task
    assert (summary["seed"], summary["restarts"], summary["episodes"]) == (result.seed, 2, 6)
    for name in CURVES:
        assert summary[name]["runs"] == getattr(result, name)[:, -1].tolist()
    assert all(os.path.exists(name) for name in summary["files"])


def test_json_in_a_process_of_its_own(tmp_path):
    done = subprocess.run(
        command("run", "grid-world", *SMALL, "--restarts", 1, "--json", "--no-figures", "--out", tmp_path / "out"),
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["reward"]["sem"] is None


BAD = [
    ("grid-wrld", "grid-wrld"),
    ("NoSuchLake-v1", "NoSuchLake-v1"),
    ("CartPole-v1", "CartPole"),
    ("grid-world --episodes 0", "episodes"),
    ("grid-world --episodes -5", "episodes"),
    ("grid-world --episodes 1.5", "episodes"),
    ("grid-world --episodes nan", "episodes"),
    ("grid-world --restarts 0", "restarts"),
    ("grid-world --restarts two", "restarts"),
    ("grid-world --seed -1", "seed"),
    ("grid-world --seed 1.5", "seed"),
    ("grid-world --evaluate-every 0", "evaluate_every"),
    ("grid-world --episodes 5 --evaluate-every 6", "evaluate_every"),
    ("grid-world --evaluation-episodes 0", "evaluation_episodes"),
    ("grid-world --evaluation-policy medium", "evaluation_policy"),
    ("grid-world --episodes 5 --snapshots 6", "snapshots"),
    ("grid-world --snapshots 0", "snapshots"),
    ("grid-world --snapshots 3 2", "snapshots"),
    ("grid-world --workers 0", "workers"),
    ("grid-world --workers -1", "workers"),
    ("grid-world --change-at 0", "change_at"),
    ("grid-world --change-at x", "change_at"),
    ("grid-world --start bottom", "start"),
    ("grid-world --moves 3", "moves"),
    ("planning --change-at 3", "change_at"),
    ("planning --moves 0", "moves"),
    ("planning --moves 21", "moves"),
    ("planning --step-limit 5", "step_limit"),
    ("planning --search-budget 12", "search_budget"),
    ("planning --search-budget 101", "search_budget"),
    ("planning --planner depth-first --gradient reinforce", "gradient"),
    ("mountain-car --start top", "start"),
    ("mountain-car --known-last-move", "known_last_move"),
    ("mountain-car --step-limit 0", "step_limit"),
    ("mountain-car --search-budget 50", "search_budget"),
    ("mountain-car --gap", "gap"),
    ("grid-world --parameters theirs", "parameters"),
    ("grid-world --sigma-0 200", "sigma_0"),
    ("grid-world --sigma-0 1 --sigma-min 2", "sigma_min"),
    ("grid-world --sigma-zero 1", "sigma_zero"),
    ("grid-world --sigma 1", "sigma"),
    ("grid-world --gradient steep", "gradient"),
    ("grid-world --allocation all", "allocation"),
    ("grid-world --planner best", "planner"),
    ("grid-world --reward-rate", "reward_rate"),
    ("grid-world --no-learn-q", "learn_q"),
    ("grid-world --n-trajectories 0", "n_trajectories"),
    ("grid-world --n-trajectories 2.5", "n_trajectories"),
    ("grid-world --q-init 1 2 3", "q_init"),
    ("grid-world --q-init 2 1", "q_init"),
    ("grid-world --beta-rate 0.1", "beta_rate"),
    *(
        (f"grid-world --{name} {value}", name.replace("-", "_"))
        for name in ("learning-rate-q", "beta", "sigma-base", "sigma-0", "sigma-min", "sigma-max", "non-decision-time")
        for value in ("nan", "inf", "-1", "0", "x", "")
    ),
    *(
        (f"grid-world --{name} {value}", name.replace("-", "_"))
        for name in (
            "learning-rate-sigma",
            "gamma",
            "lam",
            "beta-0",
            "beta-rate",
            "decision-time",
            "search-budget",
            "q-init",
        )
        for value in ("nan", "inf", "x", "")
    ),
]


@pytest.mark.parametrize(("line", "name"), BAD, ids=[line for line, _ in BAD])
def test_bad_options(line, name, own_folder, capsys, monkeypatch):
    monkeypatch.setattr(engine, "run", lambda *args, **keywords: pytest.fail("work was started"))
    status = run("run", *line.split(" "), "--json")
    printed = capsys.readouterr()
    assert status not in (0, None)
    assert name in printed.err.replace("-", "_") or name in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""
    assert os.listdir(own_folder) == []  # not even an empty folder


def test_bad_option_in_a_process_of_its_own(own_folder):
    done = subprocess.run(command("run", "grid-world", "--sigma-0", "nan"), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "sigmalloc: error: sigma_0 must be finite, got nan\n"
    assert os.listdir(own_folder) == []


def test_help_teaches(capsys):
    assert run("--help") == 0
    text = capsys.readouterr().out
    assert "examples:" in text and "sigmalloc run grid-world" in text
    for name in ("run", "simulate", "reproduce", "sweep"):
        assert name in text
    assert run("run", "--help") == 0
    text = capsys.readouterr().out
    assert "examples:" in text and "result.npz" in text and "config.json" in text and "sigmalloc[gymnasium]" in text
    for field in sm.Agent().to_dict():
        assert f"--{field.replace('_', '-')}" in text
    for example in ("grid-world", "mountain-car", "planning", "frozen-lake"):
        assert f"sigmalloc run {example}" in text
    assert run("--version") == 0
    assert sm.__version__ in capsys.readouterr().out
    assert run() == 2


REPEATED = {
    "grid-world": (
        "--change-at",
        3,
        "--step-limit",
        200,
        "--snapshots",
        2,
        5,
        "--q-init",
        -1,
        1,
        "--lam",
        "linear:0.3,0.1,5",
    ),
    "mountain-car": ("--parameters", "scripts", "--start", "uniform", "--step-limit", 60),
    "planning": ("--moves", 4, "--known-last-move", "--search-budget", 50, "--planner", "depth-first"),
}


@pytest.mark.parametrize("name", REPEATED)
def test_configuration_repeats_the_run(name, tmp_path):
    """Nothing but config.json, the seed drawn by the first run included."""
    small = (
        "--episodes",
        6,
        "--restarts",
        2,
        "--evaluation-episodes",
        3,
        "--evaluation-policy",
        "hard",
        "--no-figures",
    )
    assert run("run", name, *REPEATED[name], *small, "--out", tmp_path / "first") == 0
    config = json.loads((tmp_path / "first" / "config.json").read_text(encoding="utf-8"))
    assert config["versions"]["sigmalloc"] == sm.__version__
    asked = config["task"]["arguments"]
    keys = {"grid-world": ("change_at", "step_limit"), "mountain-car": ("start", "step_limit")}
    keys = keys.get(name, ("moves", "known_last_move"))
    assert set(asked) == {key for key in keys if f"--{key.replace('_', '-')}" in REPEATED[name]}
    task = getattr(sm.tasks, name.replace("-", "_"))(**asked)
    fields = config["agent"]
    names = ("episodes", "restarts", "seed", "evaluate_every", "evaluation_episodes", "evaluation_policy", "snapshots")
    again = sm.train(task, sm.Agent(**fields), **{key: config[key] for key in names}, workers=1)
    first = sm.Result.load(tmp_path / "first" / "result.npz")
    arrays = ("q", "sigma", *CURVES, "stream", "steps", "training_cutoffs", "snapshot_q", "snapshot_sigma")
    for array in arrays:
        np.testing.assert_array_equal(getattr(again, array), getattr(first, array), err_msg=array)

    options = ["--seed", config["seed"], "--workers", 1]
    assert run("run", name, *REPEATED[name], *small, *options, "--out", tmp_path / "second") == 0
    assert (tmp_path / "first/curves.csv").read_bytes() == (tmp_path / "second/curves.csv").read_bytes()
    again = (
        "--config",
        tmp_path / "first" / "config.json",
        "--workers",
        1,
        "--no-figures",
        "--out",
        tmp_path / "third",
    )
    assert run("run", *again) == 0
    third = sm.Result.load(tmp_path / "third" / "result.npz")
    for array in arrays:
        np.testing.assert_array_equal(getattr(third, array), getattr(first, array), err_msg=array)
    assert json.loads((tmp_path / "third" / "config.json").read_text(encoding="utf-8")) == config


def test_unwritable_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(engine, "run", lambda *args, **keywords: pytest.fail("work was started"))
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert run("run", "grid-world", *SMALL, "--out", out, "--json") == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert str(tmp_path / "file") in printed.err and "Traceback" not in printed.err
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("words", [("run", "--out", "ro"), ("simulate", "--out", "ro/t.csv")])
def test_folders_are_tried_before_the_work(tmp_path, capsys, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ro").mkdir()
    monkeypatch.setattr("os.access", lambda path, mode: False)
    monkeypatch.setattr(engine, "run", None)
    assert run(words[0], "slot-machines", "--episodes", 3, *words[1:]) == 2
    assert "--out: cannot write to the folder ro: it is not writable" in capsys.readouterr().err


@pytest.mark.parametrize(("change", "message"), [
    ({"task": {"asked": "slot-machines", "arguments": [1], "digest": ""}}, "is not the configuration of a run"),
    ({"versions": 3}, "is not the configuration of a run"), ({"agent": {"later": 1}}, "unknown agent field 'later'"),
])  # fmt: skip
def test_configurations_that_are_none(tmp_path, capsys, change, message):
    """What a later version has written and this one does not know is not left out in silence."""
    assert run("run", "slot-machines", "--episodes", 3, "--restarts", 1, "--no-figures", "--out", tmp_path) == 0
    held = json.loads((tmp_path / "config.json").read_text())
    changed = held | change
    if "agent" in change:
        changed["agent"] = held["agent"] | change["agent"]
    (tmp_path / "changed.json").write_text(json.dumps(changed))
    capsys.readouterr()
    assert run("run", "--config", tmp_path / "changed.json", "--out", tmp_path / "again") == 2
    assert message in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(tmp_path, capsys):
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    assert run("run", "grid-world", *SMALL, "--out", folder) == 2
    assert str(folder) in capsys.readouterr().err
    assert os.listdir(folder) == []


@pytest.mark.parametrize("name", ["frozen-lake", "cliff-walking", "taxi", "FrozenLake8x8-v1"])
def test_gymnasium_tasks(name, tmp_path, capsys):
    pytest.importorskip("gymnasium")
    small = ("--episodes", 3, "--restarts", 1, "--evaluation-episodes", 3, "--step-limit", 50)
    figures = () if name == "frozen-lake" else ("--no-figures",)
    assert run("run", name, *small, *figures, "--out", tmp_path / "out") == 0, capsys.readouterr().err
    assert sm.Result.load(tmp_path / "out" / "result.npz").task.step_limit == 50
    assert (tmp_path / "out" / "choice_entropy.png").exists() == (name == "frozen-lake")


@pytest.mark.parametrize("name", ["frozen-lake", "cliff-walking", "taxi", "FrozenLake8x8-v1"])
def test_without_gymnasium(name, own_folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    assert run("run", name, *SMALL) == 2
    printed = capsys.readouterr()
    assert "pip install 'sigmalloc[gymnasium]'" in printed.err
    assert printed.out == ""
    assert os.listdir(own_folder) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("task", ["grid-world", "mountain-car", "planning"])
def test_ctrl_c(task, tmp_path):
    out = tmp_path / "out"
    process = subprocess.Popen(
        [
            sys.executable, "-c",
            # a shell that runs tests in the background may have told its children to ignore the signal
            "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
            "from sigmalloc.cli import main; sys.exit(main(sys.argv[1:]))",
            "run", task, "--episodes", "100000000", "--restarts", "16", "--out", str(out),
        ],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while not out.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.5)  # well into the training
        assert process.poll() is None, process.stderr.read()
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        printed, message = process.communicate(timeout=30)
        took = time.monotonic() - begin
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
    assert process.returncode == 130
    assert "interrupted" in message and "Traceback" not in message
    assert printed == ""
    assert os.listdir(out) == []
    assert took < (3.0 if os.environ.get("CI") else 1.5), f"{took:.2f} s"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes")
def test_a_closed_pipe_is_not_an_error_message(tmp_path):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command("run", "grid-world", *SMALL, "--no-figures", "--json", "--out", tmp_path / "out"),
        stdout=write, stderr=subprocess.PIPE, text=True, timeout=60,
    )  # fmt: skip
    os.close(write)
    assert done.stderr == ""
    assert done.returncode == 1


def test_interrupted_while_writing(tmp_path, capsys, monkeypatch):
    def half(file, array, **how):
        file.write(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(np.lib.format, "write_array", half)
    assert run("run", "grid-world", *SMALL, "--out", tmp_path / "out") == 130
    assert "interrupted" in capsys.readouterr().err
    assert os.listdir(tmp_path / "out") == []


def test_disk_full_while_writing(tmp_path, capsys, monkeypatch):
    def half(file, array, **how):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", half)
    assert run("run", "grid-world", *SMALL, "--out", tmp_path / "out") == 2
    assert "No space left" in capsys.readouterr().err
    assert os.listdir(tmp_path / "out") == []


def test_help_without_docstrings():
    """-OO leaves docstrings out, of which the help is made."""
    told = [
        subprocess.run([sys.executable, *flags, "-m", "sigmalloc", "run", "--help"], capture_output=True, text=True)
        for flags in ((), ("-OO",))
    ]
    assert told[0].returncode == told[1].returncode == 0
    assert told[0].stdout == told[1].stdout
