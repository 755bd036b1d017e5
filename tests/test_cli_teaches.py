"""The command line explains itself: every option, every near miss, every task; and it repeats what it did."""

import csv
import json
import os
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

import sigmalloc as sm
from sigmalloc import cli, pairing
from sigmalloc.cli.docstrings import parameters
from sigmalloc.cli.options import RESERVED, task_options
from sigmalloc.cli.parser import numbers
from sigmalloc.tasks import registry

SMALL = ("--episodes", "4", "--restarts", "2", "--seed", "3")
DIMENSIONLESS = (
    "learning_rate_q", "gamma", "samples", "samples_max", "sample_correlation", "learning_rate_samples",
    "learning_rate_opportunity_cost",
)  # fmt: skip


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    folder = tmp_path / "cwd"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def run(*arguments):
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code


def commands():
    parser = cli.build_parser()
    (subparsers,) = [action for action in parser._actions if hasattr(action, "choices") and action.dest == "command"]
    return subparsers.choices


def options():
    for name, parser in commands().items():
        for action in parser._actions:
            yield pytest.param(parser, action, id=f"{name}-{'-'.join(action.option_strings) or action.dest}")


@pytest.mark.parametrize(("parser", "action"), list(options()))
def test_every_option_has_help_and_a_default(parser, action):
    said = parser._get_formatter()._get_help_string(action)
    assert said and len(said.split()) >= 2
    if action.option_strings and not action.required and action.dest != "help":
        assert re.search(r"\bdefault\b", said, re.IGNORECASE), said
    assert "[1]_" not in said and "None" not in said


def test_every_parameter_is_documented_once():
    assert tuple(parameters(sm.Agent)) == sm.agents.FIELDS
    for entry in registry.TASKS.values():
        assert set(parameters(entry.make)) == set(entry.arguments), entry.name
    for name, parameter in parameters(sm.Agent).items():
        assert parameter.kind and parameter.text, name
        if parameter.kind.startswith("float") and name not in DIMENSIONLESS:
            assert parameter.unit, name


@pytest.mark.parametrize("command", ["run", "simulate"])
def test_every_argument_of_every_task_is_an_option(command):
    known = {option for action in commands()[command]._actions for option in action.option_strings}
    for entry in registry.TASKS.values():
        for argument in entry.arguments:
            assert argument not in RESERVED, f"{entry.name}: {argument} is the name of another option"
            assert f"--{argument.replace('_', '-')}" in known, f"{entry.name}: {argument}"


def test_a_task_registered_later_has_its_options(monkeypatch, capsys):
    def corridor(length: int = 5, goal: float = 1.0):
        """A corridor.

        Parameters
        ----------
        length : int
            Cells of the corridor.
        goal : float
            Reward at its end, in units of reward.
        """
        return sm.tasks.maze(["S" + "." * (length - 2) + "G"], goal_reward=goal)

    monkeypatch.setattr(registry, "TASKS", dict(registry.TASKS))
    monkeypatch.setattr(cli.options, "TASKS", registry.TASKS)
    registry.register("corridor", preset="grid-world", episodes=7)(corridor)
    assert "length" in task_options()
    assert run("run", "--help") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "corridor: Cells of the corridor (default: 5)" in shown
    assert run("run", "corridor", "--length", 9, "--restarts", 1, "--no-figures", "--out", "made") == 0
    made = sm.Result.load("made/result.npz")
    assert made.task.n_states == 9 and made.training_episodes == 7


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("--lambda", "--lam?"),
        ("--lambda=0.1", "--lam?"),
        ("--alpha", "--learning-rate-q or --learning-rate-sigma?"),
        ("--sigma_base", "--sigma-base?"),
        ("--n-restarts", "--restarts?"),
        ("--evaluate-evry", "--evaluate-every?"),
    ],
)
def test_near_misses(asked, meant, capsys):
    assert run("run", "grid-world", asked, "0.1") == 2
    assert (
        capsys.readouterr().err.splitlines()[0].endswith(f"unknown option {asked.split('=')[0]}; did you mean {meant}")
    )


def test_unknown_options_of_other_commands(capsys):
    assert run("sweep", "study.toml", "--dryrun") == 2
    assert "sigmalloc sweep: error: unknown option --dryrun; did you mean --dry-run?" in capsys.readouterr().err
    assert run("reproduce", "--xyz") == 2
    assert "unknown option --xyz\n" in capsys.readouterr().err


def test_near_misses_of_tasks(capsys):
    assert run("run", "grid-wold") == 2
    assert "unknown task 'grid-wold'; did you mean 'grid-world'? The tasks are: " in capsys.readouterr().err
    assert run("run", "two-step", "--moves", "3") == 2
    assert "--moves is not an option of the task 'two-step'; it has --trials, --common" in capsys.readouterr().err
    assert run("run", "two-step", "--task-argument", "comon=.8") == 2
    assert "did you mean 'common'?" in capsys.readouterr().err
    assert run("run") == 2
    assert "TASK is missing" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for name in registry.TASKS if name not in ("grid-world", "mountain-car")])
def test_tasks_of_the_registry_run(name):
    extra = {"bandit": ["--means", "1", "2", "--sd", ".5"], "slot-machines": ["--frequencies", "[4, 1, 1, 1]"],
             "two-alternatives": ["--pairs", "[[0, 1], [2, 3]]", "--no-both-orders"], "planning": ["--moves", "2"],
             "two-step": ["--common", ".9"]}  # fmt: skip
    assert run("run", name, *SMALL, *extra[name], "--evaluation-episodes", 3, "--no-figures", "--out", "out") == 0
    arguments = {
        "bandit": {"means": [1, 2], "sd": 0.5}, "slot-machines": {"frequencies": [4, 1, 1, 1]},
        "two-alternatives": {"pairs": [[0, 1], [2, 3]], "both_orders": False}, "planning": {"moves": 2},
        "two-step": {"common": 0.9},
    }  # fmt: skip
    task = sm.tasks.make(name, **arguments[name])
    again = sm.train(task, sm.Agent.table_b1(registry.TASKS[name].preset), episodes=4, restarts=2, seed=3)
    np.testing.assert_array_equal(sm.Result.load("out/result.npz").memory_sigma, again.memory_sigma)


def test_numbers_from_files(own_folder):
    table = np.arange(12.0).reshape(3, 2, 2)
    np.save("walks.npy", table)
    assert numbers(["walks.npy"]) == table.tolist()
    np.savetxt("pairs.csv", [[0, 1], [2, 3]], delimiter=",")
    assert numbers(["pairs.csv"]) == [[0.0, 1.0], [2.0, 3.0]]
    assert numbers(["3", "-1e-3"]) == [3, -0.001]
    for words, message in ((["none.npy"], "cannot read none.npy"), (["[1,"], "not a JSON list"), (["x"], "'x'")):
        with pytest.raises(ValueError, match=re.escape(message)):
            numbers(words)


def test_files_that_are_no_tables_of_numbers(own_folder, monkeypatch):
    monkeypatch.setenv("HOME", str(own_folder))
    np.save("a.npy", np.arange(3.0))
    whole = (own_folder / "a.npy").read_bytes()
    assert numbers(["~/a.npy"]) == [0.0, 1.0, 2.0]
    (own_folder / "mark.csv").write_text("1,2\n3,4\n", encoding="utf-8-sig")
    assert numbers(["~/mark.csv"]) == [[1.0, 2.0], [3.0, 4.0]]
    (own_folder / "cut.npy").write_bytes(whole[:-1])
    (own_folder / "large.npy").write_bytes(whole.replace(b"(3,), }        ", b"(3000000000,), "))
    (own_folder / "empty.csv").write_bytes(b"")
    (own_folder / "words.csv").write_text("a,b\n")
    (own_folder / "latin.csv").write_bytes(b"1,\xff\n")
    (own_folder / "folder.npy").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo("pipe.npy")
        os.mkfifo("pipe.csv")
    for name in ("cut.npy", "large.npy", "empty.csv", "words.csv", "latin.csv", "folder.npy", "pipe.npy", "pipe.csv"):
        if name.startswith("pipe") and not hasattr(os, "mkfifo"):
            continue
        with pytest.raises(ValueError, match=f"{name}.* is not a table of numbers|cannot read {name}: .* a folder"):
            numbers([name])


def test_a_module_of_ones_own(own_folder, capsys):
    (own_folder / "my_tasks.py").write_text(
        "import sigmalloc as sm\n\ndef ring(size=4, reward=1.0):\n"
        "    return sm.tasks.maze(['S' + '.' * size + 'G'], goal_reward=reward)\n\n"
        "def none():\n    return 3\n\nword = 'a'\n"
    )
    assert run("run", "my_tasks:ring", *SMALL, "--task-argument", "size=2", "--no-figures", "--out", "out") == 0
    assert sm.Result.load("out/result.npz").task.n_states == 4
    assert run("run", "--config", "out/config.json", "--no-figures", "--out", "again") == 0
    assert (own_folder / "again/curves.csv").read_bytes() == (own_folder / "out/curves.csv").read_bytes()
    capsys.readouterr()
    for name, message in (
        ("my_task:ring", "there is no module 'my_task'"), ("my_tasks:rings", "has no 'rings'"),
        ("my_tasks:word", "must be a function"), ("my_tasks:none", "must return a task, got 3"),
    ):  # fmt: skip
        assert run("run", name) == 2
        assert message in capsys.readouterr().err
    assert run("run", "my_tasks:ring", "--task-argument", "sise=2") == 2
    assert "did you mean 'size'?" in capsys.readouterr().err


def test_studies_name_modules_and_environments(tmp_path):
    pytest.importorskip("gymnasium")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "lab.py").write_text(
        "import sigmalloc as sm\n\ndef corridor(length=4):\n    return sm.tasks.maze(['S' + '.' * length + 'G'])\n"
    )
    rest = "episodes = 5\nrestarts = 2\nseed = 1\nkeep = 'all'\n"
    study = folder / "study.toml"
    for task, grid, shape in (
        ('task = "lab:corridor"', "task.length = [2, 3]", (2, 2)),
        ('task = "FrozenLake-v1"', "lam = [0.1]", (1, 2)),
        ('[task]\nname = "FrozenLake-v1"\nis_slippery = false', "lam = [0.1]", (1, 2)),
    ):
        study.write_text(rest + f"{task}\n[grid]\n{grid}\n")
        result = sm.sweep(**sm.sweeps.read_study(study) | {"store": tmp_path / f"store{shape}{len(task)}"})
        assert result.done.shape == shape and result.done.all()
    first = sm.train(
        sm.tasks.from_gymnasium("FrozenLake-v1", is_slippery=False), sm.Agent(lam=0.1), episodes=5, restarts=2, seed=1
    )
    np.testing.assert_array_equal(result.sigma[0], first.sigma)
    study.write_text(rest + 'task = "lab:coridor"\n[grid]\nlam = [1]\n')
    with pytest.raises(ValueError, match="study.toml: .*has no 'coridor'"):
        sm.sweeps.read_study(study)


def test_config_goes_with_nothing_else(own_folder, capsys):
    assert run("run", "grid-world", *SMALL, "--no-figures", "--step-limit", 50, "--out", "out") == 0
    capsys.readouterr()
    for extra in (["grid-world"], ["--sigma-0", "1"], ["--seed", "1"], ["--step-limit", "5"]):
        assert run("run", "--config", "out/config.json", *extra) == 2
        assert "--config repeats a run as it was" in capsys.readouterr().err
    config = json.loads((own_folder / "out/config.json").read_text())
    for change, message in (
        ({"agent": {"lam": 1}}, "it lacks 'learning_rate_q'"), ({"seed": "x"}, "seed"),
        ({"task": config["task"] | {"arguments": {}}}, "is not the one it was"),
        ({"task": "grid-world"}, "is not the configuration of a run"),
    ):  # fmt: skip
        (own_folder / "changed.json").write_text(json.dumps(config | change))
        assert run("run", "--config", "changed.json") == 2
        assert message in capsys.readouterr().err
    for path, content, message in (("no.json", None, "No such file"), ("bad.json", "{", "cannot read bad.json")):
        if content is not None:
            (own_folder / path).write_text(content)
        assert run("run", "--config", path) == 2
        assert message in capsys.readouterr().err
    (own_folder / "older.json").write_text(json.dumps(config | {"versions": {"sigmalloc": "0.0.1"}}))
    assert run("run", "--config", "older.json", "--no-figures", "--out", "again") == 0
    assert "note: the run was made by sigmalloc 0.0.1" in capsys.readouterr().err
    assert (own_folder / "again/curves.csv").read_bytes() == (own_folder / "out/curves.csv").read_bytes()


def test_simulate(own_folder, capsys):
    assert run("simulate", "grid-world", *SMALL, "--sigma-0", 1, "--out", "trials.csv") == 0
    assert "choices of 2 subjects in 8 episodes" in capsys.readouterr().out
    task, agent = sm.tasks.grid_world(), sm.Agent.table_b1("grid-world", sigma_0=1)
    wanted = sm.simulate(task, agent, episodes=4, restarts=2, seed=3)
    read = sm.Trials.read_csv("trials.csv", task)
    for name in ("episode", "step", "state", "action", "reward", "next_state"):
        np.testing.assert_array_equal(getattr(read, name), getattr(wanted, name), err_msg=name)
    assert run("run", "grid-world", *SMALL, "--sigma-0", 1, "--no-figures", "--out", "out") == 0
    assert run("simulate", "--config", "out/config.json", "--values", "--out", "trials.npz", "--json") == 0
    printed = capsys.readouterr().out
    assert json.loads(printed[printed.index("{") :])["rows"] == len(wanted)
    again = sm.Trials.load("trials.npz")
    np.testing.assert_array_equal(again.action, wanted.action)
    assert again.q.shape == (len(wanted), 4)
    with open("trials.csv", encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == len(wanted)


def test_simulate_refuses(own_folder, capsys):
    (own_folder / "there.csv").write_text("mine")
    for out, message in (("t.txt", "--out must end in .csv or .npz"), ("there.csv", "exists: give --force")):
        assert run("simulate", "grid-world", *SMALL, "--out", out) == 2
        assert message in capsys.readouterr().err
    assert (own_folder / "there.csv").read_text() == "mine"
    assert run("simulate", "grid-world", *SMALL, "--max-rows", 10, "--out", "few.csv") == 2
    assert "max_rows" in capsys.readouterr().err
    assert sorted(path.name for path in own_folder.iterdir()) == ["there.csv"]
    assert run("simulate", "grid-world", *SMALL, "--force", "--out", "there.csv") == 0
    assert run("simulate", "grid-world", *SMALL, "--out", "no/such/t.csv") == 0
    assert (own_folder / "no/such/t.csv").read_bytes() == (own_folder / "there.csv").read_bytes()


# out of scale


def test_published_agents_are_in_scale():
    for name in ("grid-world", "planning", "mountain-car"):
        for agent in (sm.Agent.table_b1(name), sm.Agent.scripts(name)):
            assert pairing.scale_warning(sm.tasks.make(name), agent) is None


def test_scale_warnings():
    task = sm.tasks.bandit(means=[0.1, 0.9], sd=0.1)
    said = pairing.scale_warning(task, sm.Agent())
    assert "q* of 'bandit' spans 0.8 (0.1 to 0.9)" in said
    assert "sigma_base=5 is 6.2 times that" in said and "lam=0.2, 0.25 of it" in said
    fields = "sigma_base=0.8, sigma_0=0.48, sigma_min=0.0016, sigma_max=16, lam=0.032, learning_rate_sigma=0.016"
    assert f"in its units this agent has {fields}, beta=62.5" in said
    agent = sm.Agent(q_init=(0.0, 5.0), opportunity_cost=1.0, learn_samples="shared", beta_0=1.0, beta_rate=0.1)
    effort = ", q_init=(0, 0.8), opportunity_cost=0.16, beta=62.5, beta_0=6.25, learning_rate_samples=0.625"
    assert effort in pairing.scale_warning(task, agent)
    scaled = sm.Agent(sigma_base=0.8, sigma_0=0.48, lam=0.032, learning_rate_sigma=0.016, beta=62.5)
    assert pairing.scale_warning(task, scaled) is None
    said = pairing.scale_warning(sm.tasks.bandit(means=[100, 900]), sm.Agent())
    assert "a memory that costs nothing is precise" in said
    dear = pairing.scale_warning(sm.tasks.bandit(means=[0, 10]), sm.Agent(lam=30))
    assert "a nat costs lam=30, 3 of it" in dear and "sigma_base" not in dear


def test_scaling_is_exact():
    """What the hint says: all that is in units of reward times 4, and what is in their inverse over 4, is the same."""
    few = {"episodes": 50, "restarts": 2, "seed": 0}
    agent = sm.Agent(
        sigma_min=0.0625, sigma_max=64.0, q_init=(0.0, 2.0), beta_0=2.0, beta_rate=0.05, learn_samples="state",
        opportunity_cost=1.0, samples=2.0,
    )  # fmt: skip
    other = agent.replace(
        sigma_base=20.0, sigma_0=12.0, sigma_min=0.25, sigma_max=256.0, lam=0.8, learning_rate_sigma=0.4,
        q_init=(0.0, 8.0), opportunity_cost=4.0, beta=2.5, beta_0=0.5, learning_rate_samples=0.025,
    )  # fmt: skip
    one = sm.train(sm.tasks.maze(["S..G"]), agent, **few)
    four = sm.train(sm.tasks.maze(["S..G"], step_reward=-4, goal_reward=40), other, **few)
    np.testing.assert_allclose(four.memory_sigma, 4 * one.memory_sigma, rtol=1e-12)
    np.testing.assert_allclose(four.memory_q, 4 * one.memory_q, rtol=1e-12)
    np.testing.assert_allclose(four.samples, one.samples, rtol=1e-12)
    assert np.ptp(one.samples) > 0.01


@pytest.mark.filterwarnings("always")
def test_train_and_simulate_warn_by_name():
    task = sm.tasks.two_step()
    for call in (sm.train, sm.simulate):
        with pytest.warns(pairing.ScaleWarning, match="out of scale: q. of 'two-step'") as caught:
            call(task, sm.Agent(), episodes=200, restarts=5, seed=0)
        assert caught[0].filename == __file__


@pytest.mark.filterwarnings("always")
def test_sweeps_warn_of_scale(tmp_path):
    few = {"episodes": 500, "restarts": 2, "seed": 0, "keep": "all", "progress": False}
    task = sm.tasks.two_step(trials=500)
    with pytest.warns(pairing.ScaleWarning, match=r"out of scale: .* \(and so on in 2 of 2 cells\)") as caught:
        sm.sweep(task, sm.Agent(), grid={"lam": [0.1, 0.2]}, store=tmp_path / "wide", **few)
    assert caught[0].filename == __file__
    fits = sm.Agent(sigma_base=0.5, sigma_0=0.3, lam=0.01)
    with warnings.catch_warnings():  # one cell in three
        warnings.simplefilter("error")
        sm.sweep(task, fits, grid={"sigma_base": [0.4, 0.5, 50.0]}, store=tmp_path / "narrow", **few)


CLOSED = ("S#G",)


@pytest.mark.filterwarnings("always")
def test_ends_that_cannot_be_reached():
    task, agent = sm.tasks.maze(CLOSED, step_limit=20), sm.Agent()
    message = "all of 6 (learning )?episodes of 'maze' were cut off after 20 steps: no end can be reached from where"
    for call in (sm.train, sm.simulate):
        with pytest.warns(sm.CutOffWarning, match=message) as caught:
            call(task, agent, episodes=3, restarts=2, seed=0)
        assert caught[0].filename == __file__
    zero = np.zeros((task.n_states, task.n_actions))
    with pytest.warns(sm.CutOffWarning, match="all of 7 episodes of 'maze'") as caught:
        sm.evaluate(task, agent, zero, zero + 1, episodes=7, seed=0)
    assert caught[0].filename == __file__


@pytest.mark.filterwarnings("always")
def test_ends_that_are_not_found():
    task, agent = sm.tasks.maze(("S.......G",), step_limit=3), sm.Agent()
    with pytest.warns(
        sm.CutOffWarning, match="all of 100 learning .* 3 steps: the agents found no end; a larger step_limit"
    ):
        sm.train(task, agent, episodes=50, restarts=2, seed=0)
    with pytest.warns(
        sm.CutOffWarning, match="all of 100 learning episodes of 'mountain-car' were cut off after 200 steps"
    ):
        sm.train("mountain-car", sm.Agent.table_b1("mountain-car"), episodes=20, restarts=5, seed=0)


def test_cut_offs_that_nothing_is_said_of():
    """At the beginning of learning; where some arrive; and where a task is meant to go on for ever."""
    agent = sm.Agent()
    endless = sm.TabularMDP([[0, 1], [0, 1]], [[0.0, 1.0], [2.0, 0.0]], start=0, step_limit=10)
    changing = sm.tasks.maze(CLOSED, step_limit=20, changes=[(50, sm.tasks.maze(("S.G",), step_limit=20))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sm.train(sm.tasks.maze(("S.......G",), step_limit=3), agent, episodes=49, restarts=2, seed=0)
        sm.train(endless, agent.replace(gamma=0.9), episodes=100, restarts=2, seed=0)
        sm.train(changing, agent, episodes=100, restarts=2, seed=0)


def test_the_command_line_warns_once():
    pytest.importorskip("gymnasium")
    done = subprocess.run(
        [sys.executable, "-m", "sigmalloc", "run", "frozen-lake", *SMALL, "--no-figures", "--json", "--out", "out"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0 and json.loads(done.stdout)
    assert re.fullmatch(
        r"sigmalloc: warning: out of scale: q\* of 'FrozenLake-v1' spans 0.686 \(0.255 to 0.941\), but sigma_base=5 is "
        r"7.3 times that and a nat costs lam=0.2, 0.29 of it; in its units this agent has .*\n",
        done.stderr,
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["rnu"], "invalid choice: 'rnu'; did you mean 'run'?"),
        (["run", "planning", "--gradient", "advantge"], "did you mean 'advantage'?"),
        (["run", "planning", "--lam", "abc"], "'abc' is neither a number nor a schedule (such as linear:1,0.1,5000)"),
        (["run", "planning", "--lam", "linear:1,x"], "'linear:1,x' is neither a number nor a schedule"),
    ],
)
def test_what_was_mistyped(given, message, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(given)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_mazes_name_their_own_keywords():
    with pytest.raises(ValueError, match="unknown keyword 'goal_rewrd'; did you mean 'goal_reward'"):
        sm.tasks.maze(["SG"], goal_rewrd=1)
