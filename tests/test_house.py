"""Rules of the house that no single test of a feature would notice. Circles of imports are in `test_imports.py`."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sigmalloc

SOURCE = Path(sigmalloc.__file__).parent
FILES = {path.relative_to(SOURCE).as_posix(): path for path in sorted(SOURCE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def calls(tree, *names):
    """Calls of functions or methods of such names, as (name, node)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
            if name in names:
                yield name, node


def found(rule, allowed=()):
    """Where a rule is broken: "file:line text" of the nodes that it gives."""
    return [
        f"{name}:{node.lineno} {ast.unparse(node)}"
        for name, tree in TREES.items() if name not in allowed for node in rule(tree)
    ]  # fmt: skip


def test_there_is_something_to_look_at():
    assert len(FILES) > 120 and "tasks/mountain_car.py" in FILES


def test_nobody_asks_which_task_it_is():
    """No isinstance of the class of a task but for a finite one: what a task is, its properties say."""

    def kinds(tree):
        for _, node in calls(tree, "isinstance", "issubclass"):
            asked = {name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
                     for name in ast.walk(node.args[1])}  # fmt: skip
            if asked & {"MountainCar", "Car", "ContinuousTask"}:
                yield node

    assert found(kinds, allowed=("tasks/mountain_car.py",)) == []


def test_nobody_feels_a_task_over():
    """No hasattr of a task. What is given in its place may be looked at, to say what it is, once it is known not to be
    one."""

    def felt(tree):
        refusing = [
            node for branch in ast.walk(tree)
            if isinstance(branch, ast.If) and ast.unparse(branch.test) == "not isinstance(task, Task)"
            for node in ast.walk(branch)
        ]  # fmt: skip
        for _, node in calls(tree, "hasattr"):
            if ast.unparse(node.args[0]).rpartition(".")[2] in ("task", "variant") and node not in refusing:
                yield node

    assert found(felt) == []


WRITERS = ("write_text", "write_bytes", "NamedTemporaryFile", "mkstemp", "tofile", "fdopen")
MOVERS = ("rename", "replace", "link", "symlink", "renames", "truncate", "move", "copyfile")
# Files that are not results: the null device, and an empty one that is of use only while it is there.
NO_RESULTS = {"_io/terminal.py": "os.devnull", "sweeps/work.py": "open(name, 'wb')"}


def test_one_writer():
    """Only `_io/files.py` opens files for writing, renames or links them."""

    def writes(tree):
        for name, node in calls(tree, "open", *WRITERS, *MOVERS):
            module = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
            modes = [
                ast.unparse(part) for part in (*node.args[1:2], *(k.value for k in node.keywords if k.arg == "mode"))
            ]
            opens = name == "open" and module in ("", "os", "io") and any(
                re.search(r"O_WRONLY|O_RDWR|O_CREAT", mode) or re.fullmatch(r"'[a-z]*[wax+][a-z+]*'", mode)
                for mode in modes
            )  # fmt: skip
            if opens or (name in WRITERS and module) or (name in MOVERS and module in ("os", "shutil")):
                yield node

    broken = [
        line for line in found(writes, allowed=("_io/files.py",))
        if NO_RESULTS.get(line.partition(":")[0], "\n") not in line
    ]  # fmt: skip
    assert broken == []
    assert len(found(writes)) > len(NO_RESULTS) + 3  # the rule sees those of the writer


WATCHED = """
import os, sys
import sigmalloc as sm
import sigmalloc.cli, sigmalloc.sweeps.driver, sigmalloc.paper.reproducing

package, folder = os.path.dirname(sm.__file__), sys.argv[1]
seen, broken = set(), set()

def watch(event, arguments):
    if event != "open" or not isinstance(arguments[0], (str, bytes, os.PathLike)):
        return
    path, mode, flags = arguments
    path = os.path.abspath(os.fsdecode(path))
    if not path.startswith(folder) or not (flags & (os.O_WRONLY | os.O_RDWR)):
        return
    frame = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.startswith(package):
        frame = frame.f_back
    opener = None if frame is None else os.path.relpath(frame.f_code.co_filename, package).replace(os.sep, "/")
    seen.add(path)
    if opener != "_io/files.py" and not (opener == "sweeps/work.py" and os.path.getsize(path) == 0):
        broken.add((opener, path))

sys.addaudithook(watch)
task = sm.tasks.grid_world()
result = sm.train(task, sm.Agent(), episodes=20, restarts=2, seed=0, evaluate_every=10, snapshots=(10,))
result.save(os.path.join(folder, "a", "result.npz"))
trials = sm.simulate(task, sm.Agent(), episodes=3, restarts=2, seed=0)
trials.to_csv(os.path.join(folder, "trials.csv"))
swept = sm.sweep(task, sm.Agent(), grid={"lam": [0.1, 0.2]}, restarts=2, episodes=6, evaluate_every=3, seed=0,
                 store=os.path.join(folder, "store"))
assert sigmalloc.cli.main(["run", "planning", "--moves", "2", "--episodes", "20", "--restarts", "2", "--seed", "0",
                           "--json", "--out", os.path.join(folder, "out")]) == 0
assert sigmalloc.cli.main(["sweep", os.path.join(folder, "study.toml")]) in (0, None)
print()
print("broken", sorted(broken, key=str))
print("seen", len(seen))
"""


@pytest.mark.slow
def test_one_writer_at_work(tmp_path):
    """Whatever opens a file for writing while results, trials, stores and figures are written is `_io/files.py`."""
    study = tmp_path / "study.toml"
    study.write_text(
        'store = "by_file"\nrestarts = 2\nepisodes = 4\nevaluate_every = 2\nseed = 0\n[task]\nname = "planning"\n'
        "moves = 2\n[grid]\nlam = [0.1, 0.2]\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, "-c", WATCHED, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    *_, broken, seen = done.stdout.strip().splitlines()
    assert broken == "broken []"
    assert int(seen.removeprefix("seen ")) > 15


POOLS = ("ThreadPoolExecutor", "ThreadPool", "Thread")


def test_one_thread_pool():
    """Threads come from `_threads.py`, which a process that ends does not wait for."""
    assert found(lambda tree: (node for _, node in calls(tree, *POOLS)), allowed=("_threads.py",)) == []


# Words that the field has not, and what takes their place
WORDS = ("faintest", "furnish", "tidy", "sharpen", "weigh_", "face_")


def names():
    """Every name that is defined in Python or in the kernel, with its file."""
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
                yield file, node.name
            elif isinstance(node, ast.arg):
                yield file, node.arg
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield file, node.id
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                yield file, node.attr
    kernel = Path(__file__).parents[1] / "src" / "sigmalloc"  # a wheel has no sources of the kernel
    for path in sorted(kernel.rglob("*.p[yx][xdi]")):
        for name in re.findall(r"\b(?:cdef|cpdef|def|class)\b[^(=:]*?(\w+)\s*[(:]", path.read_text(encoding="utf-8")):
            yield path.relative_to(kernel).as_posix(), name


@pytest.mark.parametrize("word", WORDS)
def test_names_of_the_field(word):
    every = list(names())
    assert ("_kernel/batch.pxi", "run_ticks_of") in every and ("runs/train.py", "train") in every
    assert [f"{file}: {name}" for file, name in every if word in name.lower()] == []


def test_every_file_says_what_it_is():
    assert [name for name, tree in TREES.items() if tree.body and not ast.get_docstring(tree)] == []
