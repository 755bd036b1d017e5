"""What type checkers see: the public names are what they are, lazy ones included, and wrong words are errors."""

import os
import re
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import pytest

import sigmalloc as sm

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "sigmalloc"
PYRIGHT = Path(sysconfig.get_path("scripts")) / ("pyright.exe" if os.name == "nt" else "pyright")

# expression: how mypy and pyright name its type
TYPES = {
    "sm.train(task, agent, episodes=5)": "Result",
    "sm.train('grid-world', agent, episodes=5, allocation_is=0)": None,
    "sm.simulate(task, agent, episodes=5)": "Trials",
    "sm.evaluate(task, agent, q, q)": "Evaluation",
    "sm.sweep(task, agent, grid={'lam': [0.1]}, episodes=5, store='here')": "SweepResult",
    "sm.open_sweep('here')": "SweepResult",
    "sm.exact.optimum(task, agent)": "Optimum",
    "sm.exact.evaluate(task, agent, q, q)": "Evaluation",
    "sm.plot.convergence(sm.train(task, agent, episodes=5))": "Axes",
    "sm.tasks.grid_world()": "TabularMDP",
    "sm.tasks.make('planning')": "Task",
    "sm.TabularMDP.from_dense(q, q, start=0)": "TabularMDP",
    "sm.Agent.table_b1('planning')": "Agent",
    "sm.train(task, agent, episodes=5).extend(episodes=5)": "Result",
    "sm.train(task, agent, episodes=5).policy()": "Policy",
    "sm.train(task, agent, episodes=5).q": "ndarray|NDArray",
    "sm.fit.log_likelihood(data, agent)": "float",
    "sm.fit.log_likelihood(data, agent, pointwise=True)": "ndarray|NDArray",
    "sm.Agent(allocation='foo')": None,
    "sm.Agent(gradient='foo')": None,
    "sm.Agent(lamda=0.1)": None,
    "sm.Agent.table_b1('maze')": None,
    "sm.train(task, agent, episodes=5, estimator='foo')": None,
    "sm.train(task, agent, episodes=5, evaluation_policy='foo')": None,
    "sm.exact.evaluate(task, agent, q, q, policy='foo')": None,
    "sm.tasks.mountain_car('foo')": None,
    "sm.nothing": None,
}
HEAD = """\
import numpy as np
import sigmalloc as sm

def snippet(task: sm.tasks.Task, agent: sm.Agent, q: np.typing.NDArray[np.float64], data: sm.fit.Choices) -> None:
"""


@pytest.fixture(scope="module")
def snippet(tmp_path_factory):
    path = tmp_path_factory.mktemp("types") / "snippet.py"
    lines = [f"    reveal_type({expression})" if type_ else f"    {expression}" for expression, type_ in TYPES.items()]
    path.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def check(printed, revealed):
    """Each line of the snippet has the type that it should have, or an error."""
    first = HEAD.count("\n") + 1
    wrong = []
    for number, (expression, type_) in enumerate(TYPES.items(), start=first):
        said = [line for line in printed.splitlines() if re.search(rf"snippet\.py:{number}(:\d+)?( -)?:? ", line)]
        errors = [line for line in said if "error" in line]
        types = [match[1].partition("[")[0].rpartition(".")[2] for line in said if (match := re.search(revealed, line))]
        one = not errors and len(types) == 1
        right = bool(errors) if type_ is None else one and types[0] in type_.split("|")
        if not right:
            wrong.append((expression, type_, said))
    assert wrong == []


def run(*command, cwd):
    environment = {**os.environ, "MYPYPATH": str(SOURCE.parent), "PYTHONPATH": str(SOURCE.parent)}
    return subprocess.run([*map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_the_stub_has_the_names_of_the_package():
    text = (SOURCE / "__init__.pyi").read_text(encoding="utf-8")
    assert set(re.findall(r"import \w+ as (\w+)$", text, re.MULTILINE)) == set(sm.__all__)
    assert set(re.findall(r'"(\w+)"', text.partition("__all__ = [")[2].partition("]")[0])) == set(sm.__all__)
    assert all(hasattr(sm, name) for name in sm.__all__)
    assert (SOURCE / "py.typed").exists()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("mypy") is None, reason="needs mypy")
def test_mypy_sees_what_there_is(snippet):
    done = run(sys.executable, "-m", "mypy", "--strict", "--cache-dir", snippet.parent / "cache", snippet.name,
               cwd=snippet.parent)  # fmt: skip
    assert "errors in 1 file (checked 1 source file)" in done.stdout, done.stdout + done.stderr
    check(done.stdout, r'Revealed type is "?([\w.]+(?:\[.*)?)')


@pytest.mark.slow
@pytest.mark.skipif(not PYRIGHT.exists(), reason="needs pyright")
def test_pyright_sees_what_there_is(snippet):
    done = run(PYRIGHT, "--pythonpath", sys.executable, snippet.name, cwd=snippet.parent)
    assert "errors," in done.stdout, done.stdout + done.stderr
    check(done.stdout, r'Type of ".*" is "([^"]+)"')


@pytest.mark.slow
@pytest.mark.skipif(not PYRIGHT.exists(), reason="needs pyright")
def test_public_symbols_have_types(tmp_path):
    """`pyright --verifytypes`: at least 95 % of what is public has a known type."""
    done = run(PYRIGHT, "--pythonpath", sys.executable, "--verifytypes", "sigmalloc", "--ignoreexternal", cwd=tmp_path)
    score = re.search(r"Type completeness score: ([\d.]+)%", done.stdout)
    assert score is not None, done.stdout + done.stderr
    assert float(score[1]) >= 95, done.stdout[-2000:]
