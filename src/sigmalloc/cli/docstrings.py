"""What the command line says of its options: the docstrings of what it calls, so that nothing is written twice."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_SECTION = re.compile(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-+\n|\Z)", re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r"^(\*{0,2}\w[\w, *]*?)(?: : (.*))?\n((?:[ \t]+.*\n|\n)*)", re.MULTILINE)
_UNIT = re.compile(r"\bin (?:units of (reward(?: per nat| per unit of time)?)|(1/reward|1/episode|%|units of time))")
_SYMBOL = re.compile(r"(\S{1,8})(?:,| in the reward gradient )")


@dataclass(frozen=True)
class Parameter:
    """What a docstring says of a parameter.

    Attributes
    ----------
    name : str
    kind : str
        Its type, as it is written.
    text : str
        Its description, in one line.
    """

    name: str
    kind: str
    text: str

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that it may be, where it is one of several."""
        return tuple(re.findall(r'"([^"]*)"', self.kind)) if self.kind.startswith("{") else ()

    @property
    def symbol(self) -> str:
        """What the equations call it: what its description begins with, if that is not a word of English."""
        found = _SYMBOL.match(self.text)
        return found[1] if found and (not found[1].isascii() or "_" in found[1] or len(found[1]) == 1) else ""

    @property
    def unit(self) -> str:
        """The unit that its description names, or ""."""
        found = _UNIT.search(self.text)
        return (found[1] or found[2].replace("units of time", "time")) if found else ""

    def help(self, default: str | None = None) -> str:
        """The description as the help of an option, with what holds if it is not given.

        Parameters
        ----------
        default : str, optional
            In place of what the description says of None.
        """
        text = re.sub(r",? ?(?:\b(?:in|of) )?\[\d+\]_", "", self.text).replace("``", "").replace("`", "")
        if default is None:
            text = re.sub(r"(^|\. )None: ", r"\1Default: ", text).replace("None: ", "default: ")
        else:
            text = re.sub(r"[;,.]? ?\bNone: [^.;]*", "", text)
            text = f"{text.rstrip('. ')} (default: {default})"
        return text.rstrip(".")


def _told(thing: Callable[..., Any]) -> str:
    """A docstring, from the source where Python has left it out (-OO)."""
    there = inspect.getdoc(thing)
    if sys.flags.optimize > 1:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]
        assert isinstance(tree, (ast.ClassDef, ast.FunctionDef))
        there = ast.get_docstring(tree)
    return there or ""


@functools.cache
def parameters(thing: Callable[..., Any]) -> dict[str, Parameter]:
    """The parameters in the docstring of a function or a class, by name."""
    section = _SECTION.search(_told(thing) + "\n")
    if section is None:
        return {}
    found = {}
    for names, kind, text in _ENTRY.findall(section[1]):
        for name in names.split(","):
            found[name.strip()] = Parameter(name.strip(), kind or "", " ".join(text.split()))
    return found
