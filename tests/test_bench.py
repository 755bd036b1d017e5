"""The committed figures of the benchmarks, and the check that compares with them."""

import copy
import importlib.util
import json
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "bench"
RESULTS = BENCH / "results.json"


@pytest.fixture
def everything(monkeypatch):
    pytest.importorskip("numba")
    monkeypatch.syspath_prepend(BENCH)
    spec = importlib.util.spec_from_file_location("everything", BENCH / "everything.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for name in ("common", "numba_port", "numpy_script", "scaling", "small", "steps"):
        sys.modules.pop(name, None)


@pytest.fixture
def results():
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def test_readme_quotes_the_committed_figures(results):
    """Each number of the README's table of speed is a rounded median of bench/results.json."""
    readme = (BENCH.parent / "README.md").read_text(encoding="utf-8")
    lines = readme.partition("<!-- speed -->")[2].partition("<!-- end of speed -->")[0].splitlines()
    rows = {tuple(cell.strip() for cell in line.split("|")[2:-1]) for line in lines if line.startswith("| ")}
    for program in ("sigmalloc", "Numba", "Numba, tuned", "JAX", "NumPy"):
        cells = []
        for task in ("grid-world", "mountain-car", "planning"):
            row = results["tasks"][task]["ns_per_step"][program]
            ratio = f"{row['ratio']:,.0f}" if row["ratio"] >= 10 else f"{row['ratio']:.1f}"
            cells.append(f"{row['median']:,.0f}" + ("" if program == "sigmalloc" else f" ({ratio}×)"))
        assert tuple(cells) in rows, program
    assert results["machine"]["processor"] in " ".join(lines)


def test_programs_that_were_compared_compute_the_same(results):
    rows = [row for task in results["tasks"].values() for row in task["agreement"]]
    assert len(rows) == 3 * 4 * 4  # tasks, programs, quantities
    assert all(row["agree"] for row in rows)


@pytest.mark.slow
def test_a_slower_kernel_is_noticed(everything, results):
    assert everything.worse(results, results) == []
    slower = copy.deepcopy(results)
    slower["tasks"]["planning"]["ns_per_step"]["Numba"]["ratio"] *= 0.55
    slower["threads"]["ratio"]["median"] *= 0.55
    results["small"] = {"1 run of 2000 episodes": {"ratio": 0.2}, everything.small.FULL: {"ratio": 1.0}}
    slower["small"] = {"1 run of 2000 episodes": {"ratio": 0.1}, "new since": {"ratio": 0.1}}
    names = [name for name, _, _ in everything.worse(slower, results)]
    assert names == ["planning: Numba / sigmalloc", "1 run of 2000 episodes", "one thread / two"]
    del slower["threads"]  # not measured on a busy machine
    assert [name for name, _, _ in everything.worse(slower, results)] == names[:2]


@pytest.mark.slow
@pytest.mark.parametrize("fallen, status", [(1.0, 0), (0.65, 0), (0.55, 1)])
def test_the_check_fails_by_its_exit_status(everything, results, monkeypatch, capsys, fallen, status):
    now = copy.deepcopy(results)
    now["tasks"]["grid-world"]["ns_per_step"]["Numba, tuned"]["ratio"] *= fallen
    monkeypatch.setattr(everything.steps, "measured", lambda *_, **__: now["tasks"])
    monkeypatch.setattr(everything.small, "measured", lambda _: now["small"])
    monkeypatch.setattr(everything.scaling, "threads", lambda _: now["threads"])
    assert everything.check(RESULTS, 1) == status
    assert ("grid-world: Numba, tuned / sigmalloc is" in capsys.readouterr().err) == bool(status)
