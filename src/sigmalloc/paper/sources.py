"""What a study is computed by: its module, all of the package that this imports, and the compiled kernel."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = __package__.partition(".")[0]


@cache
def digest(module: str) -> str:
    """Hash of the sources that decide what a module computes.

    Parameters
    ----------
    module : str
        Full name, such as "sigmalloc.paper.car.study".

    Returns
    -------
    str
    """
    found = hashlib.sha256()
    for file in files(module):
        found.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:16]


def files(module: str) -> list[Path]:
    """The files of a module, of every module of the package that it needs (imports within functions included), and of
    the compiled kernel, in order."""
    seen, todo = set(), [module]
    while todo:
        name = todo.pop()
        file = _file(name)
        if file is None or file in seen:
            continue
        seen.add(file)
        todo += _imported(name, file)
    compiled = (file for suffix in EXTENSION_SUFFIXES for file in (ROOT / "_kernel").glob(f"*{suffix}"))
    return sorted(seen | set(compiled))


def _file(name: str) -> Path | None:
    """The source of a module of the package, or None."""
    first, *rest = name.split(".")
    if first != PACKAGE:
        return None
    place = ROOT.joinpath(*rest)
    return next((file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()), None)


def _imported(name: str, file: Path) -> Iterator[str]:
    """Names of what all import statements of a source may import."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            parts = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*parts, *(node.module or "").split(".")]).strip(".")
            inner = [f"{base}.{alias.name}" for alias in node.names]
            # a submodule is meant by itself; of anything else the package around it decides what it is
            found = [name if _file(name) else base for name in inner]
        else:
            continue
        yield from found
