"""The rooms of the package lie above one another: no circle of imports, those inside functions included."""

import ast
import graphlib
from pathlib import Path

import pytest

import sigmalloc

ROOT = Path(sigmalloc.__file__).parent


def modules():
    """Source files by the names of their modules."""
    for path in ROOT.rglob("*.py"):
        parts = ("sigmalloc", *path.relative_to(ROOT).with_suffix("").parts)
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imported(name, path, known):
    """The modules that a module imports anywhere, but for the sake of types alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for branch in [node for node in ast.walk(tree) if isinstance(node, ast.If)]:
        if ast.unparse(branch.test) == "TYPE_CHECKING":
            branch.body = []
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:  # "from .. import agents" is about agents, not about all that the package exports
                yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in known else base
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def graph():
    known = dict(modules())
    edges = {}
    for name, path in known.items():
        targets = set(imported(name, path, known)) & known.keys()
        edges[name] = {target for target in targets if target not in (name, "sigmalloc")}
    return edges


def room(name):
    return ".".join(name.split(".")[:2])


@pytest.mark.parametrize("of", ["modules", "rooms"])
def test_no_circle(of):
    edges = {name: targets for name, targets in graph().items() if name != "sigmalloc"}
    if of == "rooms":
        rooms = {}
        for name, targets in edges.items():
            rooms.setdefault(room(name), set()).update({room(target) for target in targets} - {room(name)})
        edges = rooms
    assert len(edges) > 15
    tuple(graphlib.TopologicalSorter(edges).static_order())  # raises CycleError


def test_numbers_lie_below_runs():
    edges = graph()
    for name, targets in edges.items():
        if room(name) in ("sigmalloc._choices", "sigmalloc._mdp", "sigmalloc.metrics"):
            above = {"sigmalloc.runs", "sigmalloc.exact", "sigmalloc.fit", "sigmalloc.plot", "sigmalloc.sweeps"}
            assert not {room(target) for target in targets} & above, name
