"""Reproducing the paper: studies, verdicts, files and the command, on studies shrunk to fractions of a second."""

import argparse
import dataclasses
import json
import math
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

import sigmalloc as sm
from sigmalloc._io import files as written
from sigmalloc.paper import (
    batch,
    catalogue,
    commands,
    confirmed,
    deviations,
    estimate,
    names,
    parameters,
    readings,
    reproduce,
    reproducing,
    sources,
    statistics,
    study,
)
from sigmalloc.paper.car import prices, simulation
from sigmalloc.paper.car import study as car_study
from sigmalloc.paper.catalogue import CLAIMS, STUDIES
from sigmalloc.paper.claim import VERDICTS, Row, about
from sigmalloc.paper.claim import verdict as judge
from sigmalloc.paper.maze import geometry
from sigmalloc.paper.planning import noise
from sigmalloc.paper.sensitivity.claims import main_effects

IDS = [
    "1b", "1c", "1-eq", "1-sarsa", "2b,c", "2d", "2-eq", "2-sarsa", "B2-λ", "B2-σ", "B2-N", "3c", "3d", "3e", "3f",
    "B1",
]  # fmt: skip
FIGURES = ["fig1b", "fig1c", "fig2b", "fig2c", "fig2d", "fig3c", "fig3d", "fig3e", "fig3f", "figB1"]
FIELDS = {
    "id", "claim", "where", "paper", "here", "criterion", "verdict", "evidence", "setting", "figure", "numbers",
    "levels", "rows",
}  # fmt: skip


def shrink(monkeypatch, name, **changes):
    study = STUDIES[name]

    def settings(quick):
        return study.settings(True) | changes

    monkeypatch.setitem(STUDIES, name, dataclasses.replace(study, settings=settings))


@pytest.fixture
def tiny(monkeypatch):
    shrink(
        monkeypatch, "grid", episodes={"table": 80, "scripts": 60}, compared=60, restarts=2, evaluate_every=20,
        evaluation_episodes=2,
    )  # fmt: skip
    shrink(
        monkeypatch, "planning-trajectories", episodes=200, restarts={"fixed": 2, "learned": 2}, evaluation_episodes=10,
        cma_evaluations=20, noisy_generations=3,
    )  # fmt: skip


def test_every_claim_and_figure_is_there():
    assert list(CLAIMS) == IDS
    assert set(FIGURES) <= set(catalogue.FIGURES)
    for one in CLAIMS.values():
        assert set(one.figures) <= set(catalogue.FIGURES)
        assert set(one.studies) <= set(STUDIES)
        assert one.paper and one.criterion
    for picture in catalogue.FIGURES.values():
        assert set(picture.studies) <= set(STUDIES)


def test_one_claim_end_to_end(tiny, tmp_path):
    told = []
    found = reproduce(tmp_path, only="1b", quick=True, progress=lambda fraction, what: told.append(fraction))
    (claim,) = found.claims
    assert set(claim) >= FIELDS and claim["id"] == "1b" and claim["verdict"] in VERDICTS
    assert claim["figure"] == "fig1b" and claim["levels"].keys() == {"Table B.1", "scripts"}
    assert [row["decides"] for row in claim["rows"]] == [True, False]
    assert json.loads(json.dumps(claim, allow_nan=False)) == claim
    assert found.computed == ["grid"] and found.notices == [] and found.quick
    assert told == sorted(told) and told[-1] == pytest.approx(1)
    png, pdf, table = found.figures
    assert png.read_bytes()[:4] == b"\x89PNG" and pdf.read_bytes()[:4] == b"%PDF"
    assert table.read_text().splitlines()[0] == "parameters,quantity,agent,episode,mean,sem"
    assert len(table.read_text().splitlines()) == 1 + 2 * 4 * (4 + 3)
    page = found.report.read_text()
    assert 'href="#claim-1b"' in page and 'id="claim-1b"' in page and "data:image/png;base64," in page
    assert "Quick run" in page and "http" not in page
    assert sm.__version__ in page and "seed 0" in page
    assert json.loads((tmp_path / "claims-1b.json").read_text())["claims"] == found.claims
    with np.load(found.data[0], allow_pickle=False) as archive:
        assert archive["table_starts_reward"].shape == (4, 2, 4)
    assert found.steps == {"grid": int(np.load(found.data[0])["steps"])} and found.steps["grid"] > 1000
    assert not list(tmp_path.rglob(".*"))


def test_second_call_only_draws(tiny, tmp_path, monkeypatch):
    first = reproduce(tmp_path, only="1b", quick=True)
    # not PDF: the solver of the layout depends on where objects lie in memory, in the seventh digit, which PDF writes
    images = {path.name: path.read_bytes() for path in first.figures if path.suffix != ".pdf"}
    for path in first.figures:
        path.unlink()
    monkeypatch.setattr(batch, "train_many", lambda *a, **k: pytest.fail("trained again"))
    again = reproduce(tmp_path, only="1b", quick=True)
    assert again.computed == [] and again.claims == first.claims
    assert again.figures == first.figures and all(path.exists() for path in again.figures)
    assert {path.name: path.read_bytes() for path in again.figures if path.suffix != ".pdf"} == images


def test_results_are_kept_by_what_determines_them(tiny, tmp_path, monkeypatch):
    first = reproduce(tmp_path, only="1b", quick=True)
    assert reproduce(tmp_path, only="1b", quick=True, seed=1).computed == ["grid"]
    assert reproduce(tmp_path, only="1-eq", quick=True).computed == []
    monkeypatch.setattr(sources, "digest", lambda module: "other sources")
    assert reproduce(tmp_path, only="1b", quick=True).computed == ["grid"]
    monkeypatch.undo()
    assert first.claims


def test_cache_depends_on_what_a_study_is_computed_by(tmp_path, monkeypatch):
    found = {name: {file.relative_to(sources.ROOT).as_posix() for file in sources.files(made.run.__module__)}
             for name, made in STUDIES.items()}  # fmt: skip
    for files in found.values():
        assert {"_checks.py", "runs/engine.py", "runs/result.py", "tasks/tabular.py", "paper/batch.py"} <= files
        assert any(file.startswith("_kernel/") and "so" in file.split(".") or file.endswith("pyd") for file in files)
        assert not {file for file in files if "claim" in file or "figure" in file or "report" in file}
    assert "sweeps/store.py" in found["sensitivity"] and "sweeps/store.py" not in found["car"]
    assert "exact/_cma.py" in found["planning-trajectories"] and "paper/maze/change.py" not in found["grid"]
    (tmp_path / "study.py").write_text("from . import other\n\n\ndef f():\n    from .deep.er import x\n")
    (tmp_path / "other.py").write_text("")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "er.py").write_text("import numpy\nx = 1\n")
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    assert [file.name for file in sources.files("sigmalloc.study")] == ["er.py", "other.py", "study.py"]
    before = sources.digest.__wrapped__("sigmalloc.study")
    (tmp_path / "deep" / "er.py").write_text("import numpy\nx = 2\n")
    assert sources.digest.__wrapped__("sigmalloc.study") != before


@pytest.mark.parametrize("harm", [
    "flip", *(pytest.param(harm, marks=pytest.mark.slow) for harm in ("truncate", "overwrite", "empty")),
])  # fmt: skip
def test_damaged_file_is_computed_again(tiny, tmp_path, harm):
    first = reproduce(tmp_path, only="1b", quick=True)
    (path,) = first.data
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    harmed = {"truncate": content[: len(content) // 2], "overwrite": b"nonsense", "flip": content, "empty": b""}[harm]
    path.write_bytes(harmed)
    again = reproduce(tmp_path, only="1b", quick=True)
    assert again.computed == ["grid"] and again.claims == first.claims
    assert str(path) in again.notices[0] and "computed again" in again.notices[0]
    assert "computed again" in again.report.read_text()
    assert reproduce(tmp_path, only="1b", quick=True).computed == []


def test_folders(tiny, tmp_path, monkeypatch):
    """They are expanded, made, and tried before anything is computed."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    found = reproduce("~/out", only="1b", quick=True)
    assert found.report.parent == tmp_path / "out" and all(path.exists() for path in [*found.data, *found.figures])
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".")) == ["out"]
    assert reproduce("~/out", only="1b", quick=True).computed == []
    left = tmp_path / "out" / "data" / f".part-{written._HOST}-{2**22 + 7}-{'0' * 16}.npz"
    left.write_bytes(b"half")
    reproduce(tmp_path / "out", only="1b", quick=True)
    assert not left.exists()
    (tmp_path / "file").write_bytes(b"x")
    monkeypatch.setattr(batch, "usable_processors", None)
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(OSError, match=f"out: cannot write to the folder {out}"):
            reproduce(out, only="1b", quick=True)
    for out, message in ((b"out", "out must be a path, got b'out'"), ("", "must be a path"), ("a\0b", "can hold")):
        with pytest.raises(ValueError, match=message):
            reproduce(out, only="1b", quick=True)


def test_same_seed_same_claims(tiny, tmp_path):
    one = reproduce(tmp_path / "one", only="1b", quick=True, workers=1, seed=4)
    two = reproduce(tmp_path / "two", only="1b", quick=True, workers=2, seed=4)
    other = reproduce(tmp_path / "one", only="1b", quick=True, seed=5)
    assert one.claims == two.claims != other.claims


def test_interrupted_run_leaves_nothing_half_written(tiny, tmp_path):
    def interrupt(fraction, what):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reproduce(tmp_path / "out", only="1b", quick=True, progress=interrupt)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"only": "fig9"}, r"unknown claim or figure 'fig9'; the names are 1b, 1c, .*figB1"),
        ({"only": ["1b", "nonsense"]}, "unknown claim or figure 'nonsense'"),
        ({"only": []}, "only must name"),
        ({"only": [3]}, "only must hold names"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"seed": 1.5}, "seed must be an integer"),
        ({"quick": "yes"}, "quick must be True or False"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"progress": "bar"}, "progress must be"),
        ({"out": 3.5}, "out must be a path"),
    ],
)
def test_bad_arguments_are_named_before_any_work(tmp_path, monkeypatch, arguments, message):
    monkeypatch.setattr(batch, "train_many", lambda *a, **k: pytest.fail("worked"))
    with pytest.raises(ValueError, match=message):
        reproduce(**{"out": tmp_path / "out", **arguments})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "claimed", "drawn"),
    [
        ("fig3d", ["3d"], ["fig3d"]),
        ("3D", ["3d"], ["fig3d"]),
        ("2b", ["2b,c"], ["fig2b", "fig2c"]),
        ("fig2c", ["2b,c"], ["fig2b", "fig2c"]),
        ("2b,c", ["2b,c"], ["fig2b", "fig2c"]),
        ("B2-lambda", ["B2-λ"], ["figB2-lambda"]),
        ("b2-σ", ["B2-σ"], ["figB2-maps"]),
        ("B2-sigma", ["B2-σ"], ["figB2-maps"]),
        ("fig1-agents", ["1-eq", "1-sarsa"], ["fig1-agents"]),
        ("fig1-reach", ["1-sarsa"], ["fig1-reach"]),
        ("b1", ["B1"], ["figB1"]),
    ],
)
def test_names_and_their_spellings(name, claimed, drawn):
    got_claims, got_figures = reproducing.resolve(name)
    assert got_claims == claimed and set(drawn) <= set(got_figures)


def test_command_prints_a_table(tiny, tmp_path, capsys):
    assert run("1b", "--quick", "--out", str(tmp_path)) == 0
    out, err = capsys.readouterr()
    assert "claim" in out and "verdict" in out and "1b" in out and "QUICK" in out and str(tmp_path) in out
    assert re.fullmatch(r"[\d.e+]+ environment steps in 1 studies \(grid\): about .* on \d+ processors\n", err)


def test_command_prints_only_json(tiny, tmp_path, capsys):
    assert run("1b", "1-eq", "--quick", "--json", "--seed", "3", "--out", str(tmp_path)) == 0
    out, err = capsys.readouterr()
    facts = json.loads(out)
    assert [claim["id"] for claim in facts["claims"]] == ["1b", "1-eq"] and facts["seed"] == 3 and facts["quick"]
    assert all(set(claim) >= FIELDS for claim in facts["claims"]) and "environment steps" in err


def test_command_names_what_is_unknown(tmp_path):
    with pytest.raises(ValueError, match="unknown claim or figure"):
        run("fig99", "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def run(*arguments):
    parser = argparse.ArgumentParser()
    commands.add_parser(parser.add_subparsers(required=True))
    args = parser.parse_args(["reproduce", *arguments])
    return args.run(args)


def test_without_extras_parts_are_left_out_and_named(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "installed", lambda module: False)
    found = reproduce(tmp_path, only="3c", quick=True)
    (claim,) = found.claims
    assert "left out" in claim["evidence"] and claim["verdict"] != "reproduced"
    assert any("CMA-ES" in notice and "sigmalloc[paper]" in notice for notice in found.notices)
    assert "sigmalloc[paper]" in found.report.read_text()
    monkeypatch.undo()


def test_with_extras_the_optimum_and_cma_are_there(tiny, tmp_path):
    pytest.importorskip("cma")
    found = reproduce(tmp_path, only="3c", quick=True)
    numbers = {number["name"]: number["value"] for number in found.claims[0]["numbers"]}
    assert numbers["scripts: exact optimum"] == pytest.approx(45.0591, abs=1e-3)
    assert numbers["scripts: objective, exact CMA-ES"] < numbers["scripts: exact optimum"]
    assert numbers["scripts: objective, noisy CMA-ES"] < numbers["scripts: exact optimum"]
    assert found.notices == []


def test_batches_give_the_bits_of_train():
    task = sm.tasks.planning()
    agent = sm.Agent.table_b1("planning")
    agents = {budget: agent.replace(search_budget=budget) for budget in (12.5, 50, 100)}
    options = {"episodes": 60, "evaluate_every": 20, "evaluation_episodes": 4, "snapshots": (30,), "seed": 5}
    results = batch.train_many(task, agents, restarts={12.5: 3, 50: 1, 100: 2}, **options)
    assert list(results) == list(agents)
    for name, restarts in ((12.5, 3), (50, 1), (100, 2)):
        alone = sm.train(task, agents[name], restarts=restarts, **options)
        for field in ("q", "sigma", "reward", "cost", "stream", "snapshot_sigma", "steps"):
            np.testing.assert_array_equal(getattr(results[name], field), getattr(alone, field))


def test_maze_distances():
    assert geometry.distance_to_goal(0, 3000)[18] == 14 and geometry.distance_to_goal(3000, 3000)[18] == 8
    old, new = geometry.shortest_paths(0, 3000), geometry.shortest_paths(3000, 3000)
    assert old[18] and new[18] and old[35] and not new[35]
    task = sm.tasks.grid_world(change_at=3000)
    value = task.optimal_q().max(axis=1)
    reachable = np.isfinite(geometry.distance_to_goal(0, 3000)) & ~task.terminal
    np.testing.assert_allclose(value[reachable], 11 - geometry.distance_to_goal(0, 3000)[reachable])


def test_simulated_car_is_the_trained_car():
    task, agent = sm.tasks.mountain_car(), sm.Agent.scripts("mountain-car")
    result = sm.train(task, agent, episodes=2500, restarts=1, seed=2)
    x, v, alive = simulation.simulate(task, 10.0, result.q[0], result.sigma[0], 400, np.random.default_rng(0))
    steps = alive.sum(axis=0)
    evaluation = sm.evaluate(task, agent, result.q[0], result.sigma[0], episodes=4000, seed=1)
    error = math.hypot(steps.std() / 20, evaluation.reward_sem)
    assert abs(-steps.mean() - evaluation.reward) < 4 * error
    assert (x[0] == -0.5).all() and (v[0] == 0).all()
    free = alive[1:] & (x[1:] > -1.2)
    np.testing.assert_allclose(np.diff(x, axis=0)[free], v[1:][free], atol=1e-12)


def teststatistics():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 5, 30), rng.normal(size=(3, 30))
    for row, value in zip(y, statistics.rank_correlation(x, y), strict=True):
        assert value == pytest.approx(stats.spearmanr(x, row).statistic)
    low, high = rng.integers(0, 4, 12), rng.integers(0, 4, 9)
    assert statistics.separation(low, high) == pytest.approx(stats.mannwhitneyu(high, low).statistic / (12 * 9))
    first, second = rng.normal(4, 1, 9), rng.normal(2, 1, 7)
    number = statistics.difference("", first, second)
    assert number.z == pytest.approx(stats.ttest_ind(first, second, equal_var=False).statistic)
    times = statistics.ratio("", first, second)
    assert times.value == pytest.approx(first.mean() / second.mean())
    assert times.error == pytest.approx(
        times.value * math.hypot(stats.sem(first) / first.mean(), stats.sem(second) / second.mean())
    )
    best = statistics.best_of("", second)
    assert best.value == second.max() and 0 < best.error < np.ptp(second)
    lines = np.outer([1.0, 2.0, 4.0], [1.0, 3.0]) + 5
    assert statistics.slope("", [1, 2, 4], lines).value == pytest.approx(2)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [(-12.984, 0.0334, "−12.984 ± 0.033"), (1.5876, 0.011, "1.588 ± 0.011"), (441.2, 7.8, "441.2 ± 7.8"),
     (math.nan, 1, "none"),
     (0.136, math.nan, "0.136"), (5000, 375, "5000 ± 375"), (-888, math.nan, "−888")],
)  # fmt: skip
def test_numbers_are_written_with_their_errors(value, error, text):
    assert statistics.show(value, error) == text


def learning(episodes, scale, runs=8, start=-200.0, plateau=-5.0, noise=0.05, seed=0):
    """Curves that close their gap to a plateau exponentially."""
    curve = plateau + (start - plateau) * np.exp(-episodes / scale)
    return curve + np.random.default_rng(seed).normal(0, noise, (runs, len(episodes)))


def test_first_reach_is_linear_between_checkpoints():
    episodes, levels = np.array([10, 20, 30]), np.array([-5.0, 0.0, 2.5, 4.0, 9.0])
    found = statistics.first_reach(episodes, np.array([0.0, 5.0, 4.0]), levels)
    np.testing.assert_allclose(found, [10, 10, 15, 18, np.nan])
    assert statistics.first_reach(episodes, np.zeros((2, 3, 3)), levels).shape == (2, 3, 5)


@pytest.mark.parametrize("spacing", ["log", "linear"])
def test_reach_finds_how_much_slower_an_agent_is(spacing):
    episodes = np.arange(20, 5001, 20)
    slow, fast = learning(episodes, 450, seed=1), learning(episodes, 300)
    found = statistics.reach(episodes, slow, fast, spacing)
    assert found.median == pytest.approx(1.5, abs=0.05) and found.band[0] < found.median < found.band[1]
    assert (np.diff(found.levels) > 0).all() and found.gaps[-1] == pytest.approx(0.25, rel=0.1)
    assert (found.low <= found.ratio + 1e-9).all() and (found.ratio <= found.high + 1e-9).all()
    same = statistics.reach(episodes, learning(episodes, 300, seed=2), fast, spacing)
    assert same.median == pytest.approx(1, abs=0.03)


def test_reach_takes_the_lower_plateau_and_says_where_there_is_none():
    episodes = np.arange(20, 5001, 20)
    worse = learning(episodes, 300, plateau=-20.0)
    assert statistics.reach(episodes, worse, learning(episodes, 300)).levels.max() == pytest.approx(-21, abs=0.1)
    assert statistics.reach(episodes, np.full((4, 250), -200.0), worse) is None


def test_reach_is_sensible_on_the_published_arrays():
    """The authors' own curves arrive at their plateau, −7.9 and −14.2, after about 600 episodes."""
    rows = np.genfromtxt(Path(__file__).parent / "data" / "grid_sigma0_3.csv", delimiter=",", names=True)
    episodes = np.unique(rows["episode"])
    for quantity in ("reward", "objective"):
        curve = np.mean([rows[quantity][rows["run"] == run] for run in range(5)], axis=0)
        plateau = batch.tail(curve)
        assert 450 < statistics.first_reach(episodes, curve, np.array([1.05 * plateau]))[0] < 750


@pytest.mark.parametrize(
    ("value", "error", "level"),
    [(2.0, 0.1, 2), (1.55, 0.05, 2), (1.3, 0.05, 1), (1.1, 0.05, 0), (3.5, 0.1, 1), (0.9, 0.01, 0), (2.0, 0.4, 0)],
)
def test_about_twice(value, error, level):
    assert about(statistics.Number("", value, error), 2) == level


def row(level, decides=True):
    return Row("", "", {"": True}, "", "", decides=decides, only=level)


@pytest.mark.parametrize(("levels", "verdict"), [((2, 2), "reproduced"), ((2, 0), "partly"), ((1, 1), "partly"),
                                                 ((0, 0), "not reproduced"), ((0, 1), "partly")])  # fmt: skip
def test_verdicts(levels, verdict):
    assert judge([row(level) for level in levels]) == verdict


def test_main_effects():
    lam, sigma_base = np.array([0.0, 1, 2]), np.array([0.0, 3, 6])
    values = (lam[:, None] + sigma_base)[:, :, None] + np.zeros(4)
    by_lam, by_sigma_base = main_effects(values)
    assert by_sigma_base == pytest.approx(3 * by_lam)


def test_maze_study_draws_frames(monkeypatch, tmp_path):
    shrink(
        monkeypatch, "grid-change", episodes=60, change_at=30, moments=[10, 30, 40, 60], frames=[1, 35],
        restarts=dict.fromkeys(("figure", "scripts", "table"), 2),
    )  # fmt: skip
    monkeypatch.setitem(CLAIMS, "1c", dataclasses.replace(CLAIMS["1c"], judge=lambda data: _held()))
    found = reproduce(tmp_path, only="fig1c", quick=True)
    (film,) = (path for path in found.figures if path.suffix == ".gif")
    with Image.open(film) as image:
        assert image.n_frames == 2
    assert "data:image/gif;base64," in found.report.read_text()


def _held():
    return [row(2)]


def test_names_lists_claims_and_figures():
    assert set(IDS) | set(FIGURES) <= set(names())


def test_comparison_agents_differ_in_one_field():
    agent = sm.Agent.table_b1()
    for other in parameters.comparison_agents(agent).values():
        assert sum(a != b for a, b in zip(agent.to_dict().values(), other.to_dict().values(), strict=True)) <= 1


def test_a_thorough_run_says_how_often_verdicts_agree(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(reproducing, "SEEDS", 3)
    study = STUDIES["grid"]
    monkeypatch.setitem(
        STUDIES, "grid", dataclasses.replace(study, settings=lambda quick: study.settings(True))
    )  # fmt: skip
    found = reproduce(tmp_path, only="1b", thorough=True, seed=3)
    (claim,) = found.claims
    assert found.thorough and list(claim["seeds"]) == ["3", "4", "5"] and claim["seeds"]["3"] == claim["verdict"]
    assert len(found.data) == 3 and found.computed == ["grid"] * 3
    assert "other seeds" in found.report.read_text() and "seed 3 and five more" in found.report.read_text()
    assert reproduce(tmp_path, only="1b", seed=4).computed == []
    with pytest.raises(ValueError, match="thorough=True is for verdicts"):
        reproduce(tmp_path, only="1b", thorough=True, quick=True)


def test_estimate_is_announced_before_the_work(tiny, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(estimate, "pace", lambda name: 2e-9 * 1e3)
    reproduce(tmp_path, only="1b", quick=True, workers=1, announce=told.append)
    assert told == ["8.7e+07 environment steps in 1 studies (grid): about 4 min 11 s on 1 processors"]
    reproduce(tmp_path, only="1b", quick=True, workers=1, announce=told.append)
    assert told[1] == "Everything has been computed before; drawing."


def test_paces_are_measured():
    assert 1e-9 < estimate.pace("planning") < 1e-5
    assert set(estimate.STEPS) == set(STUDIES) and set(estimate.OTHER) <= set(STUDIES)


def test_steps_of_evaluations_are_counted():
    task, agent = sm.tasks.mountain_car(), sm.Agent.table_b1("mountain-car")
    result = sm.train(task, agent, episodes=20, restarts=2, seed=0, evaluate_every=10, evaluation_episodes=3)
    assert batch.steps([result]) == result.steps.sum() - 3 * result.reward.sum()
    maze = sm.train(sm.tasks.grid_world(), sm.Agent(lam=0.0), episodes=400, restarts=2, seed=0, evaluate_every=400,
                    evaluation_episodes=5)  # fmt: skip
    assert batch.steps([maze]) - maze.steps.sum() == 5 * (2 * 11 - maze.reward.sum())
    planning = sm.tasks.planning()
    deep = sm.Agent.table_b1("planning", search_budget=50)
    result = sm.train(planning, deep, episodes=4, restarts=3, seed=0, evaluate_every=2, evaluation_episodes=7)
    assert batch.steps([result]) - result.steps.sum() == 7 * 3 * 2 * 4 * 3


def test_groups_of_runs_have_streams_of_their_own():
    seeds = {batch.group_seed(seed, group) for seed in (0, 1) for group in range(20)}
    assert len(seeds) == 40 and batch.group_seed(7, 0) == 7


def test_runs_are_added_until_a_comparison_is_decided():
    settings = {"group": 16, "most": 64}
    rng = np.random.default_rng(0)

    def curves(mean, runs=32, sd=10.0):
        reward = mean + rng.normal(0, sd, (runs, 1)) + np.zeros(10)
        return reward, np.zeros_like(reward)

    sure = {"DRA": curves(-130), "equal": curves(-160), "free": curves(-130), "Q": curves(-300)}
    assert car_study._undecided(sure, settings) == {}
    assert car_study._undecided(sure | {"equal": curves(-131)}, settings) == {}  # it cannot be 1.15 times better
    assert car_study._undecided(sure | {"equal": curves(-135, sd=40)}, settings) == {"DRA": 16, "equal": 16}
    assert car_study._undecided(sure | {"Q": curves(-131)}, settings) == {"DRA": 16, "Q": 16}
    assert car_study._undecided(sure | {"Q": curves(-131, runs=64)}, settings) == {}
    assert prices.decided([np.ones((8, 10))]) and not prices.decided([])
    assert not prices.decided([np.full((8, 10), 0.9) + rng.normal(0, 0.05, (8, 1))])


@pytest.mark.parametrize("name", deviations.DEVIATIONS)
def test_deviations_can_be_measured(name):
    for without, with_it, change in deviations.measured(deviations.DEVIATIONS[name], seed=1, scale=0.002):
        assert change.value == pytest.approx(with_it.value - without.value) and math.isfinite(change.error)


def test_an_update_from_one_start_reaches_no_other():
    task = deviations.started(sm.tasks.planning(), 2)
    agent = sm.Agent.table_b1("planning", learn_q=False)
    result = sm.train(task, agent, episodes=1, restarts=3, seed=0, q=sm.tasks.planning().optimal_q())
    moved = (result.sigma[:, :6] != result.sigma[:, :1, :1]).any(axis=(0, 2))
    assert moved.tolist() == [False, False, True, False, False, False]


def test_noise_of_the_gradient_agrees_with_its_expectation():
    arrays = noise.STUDY.run(0, {"budgets": {"3": [12.5, 50]}, "updates": 512, "starts": 1}, 1, None)
    assert (np.abs(arrays["3_z"]) < 3.5).all()
    assert arrays["3_flexible"][0] == pytest.approx(arrays["3_exact"][0], rel=0.15) and math.isnan(arrays["3_exact"][1])
    assert (arrays["3_flexible"] > 3 * arrays["3_equal"]).all()


def test_rules_that_were_changed_are_listed_with_what_confirmed_them():
    for change in readings.CHANGES:
        assert change.claim in CLAIMS and change.verdict in VERDICTS and change.before and change.after and change.why
    for reading in readings.READINGS:
        assert set(reading.claims) <= set(CLAIMS)
    assert set(confirmed.CONFIRMED) <= set(CLAIMS)
    for counts in confirmed.CONFIRMED.values():
        assert set(counts) <= set(VERDICTS) and 1 <= sum(counts.values()) <= len(readings.FRESH)


@pytest.mark.parametrize("name", ["effort-plane", pytest.param("effort-maze", marks=pytest.mark.slow)])
def test_figures_beyond_the_paper_belong_to_no_claim(name, monkeypatch, tmp_path):
    agent = {"sigma_base": 2.0, "learn_q": False, "learn_samples": "shared", "n_trajectories": 5}
    shrink(
        monkeypatch, "effort-plane", lam=[0.01, 0.1], opportunity_cost=[0.1, 1.0], episodes=30, starts=1, agent=agent
    )  # fmt: skip
    shrink(
        monkeypatch, "effort-maze", opportunity_cost=[1.0], episodes=60, checkpoints=3, restarts=2,
        evaluation_episodes=5, agent={"n_trajectories": 5},
    )  # fmt: skip
    told = []
    found = reproduce(tmp_path, only=name, quick=True, workers=1, progress=lambda fraction, what: told.append(fraction))
    assert found.claims == [] and found.computed == [name] and found.steps[name] > 0
    assert told == sorted(told) and told[-1] == pytest.approx(1)
    assert {path.stem for path in found.figures} == {name}
    page = found.report.read_text()
    assert page.count("Beyond the paper") >= 2 and f'id="{name}"' in page
    rows = (tmp_path / "figures" / f"{name}.csv").read_text().splitlines()
    assert len(rows) == 1 + (4 if name == "effort-plane" else 3) and rows[0].startswith("opportunity_cost,")


@pytest.mark.slow
def test_agents_that_never_arrive_are_a_finding_and_not_a_warning(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = reproduce(tmp_path, only="2d", quick=True)
    assert found.claims[0]["id"] == "2d"
