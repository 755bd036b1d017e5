"""The Python code on a page: found and run, so that nothing on it is out of date."""

import contextlib
import io
import os
import re

from matplotlib import pyplot

_BLOCK = re.compile(r"^```(python|output)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ANY = re.compile(r"^ {0,3}(?:```|~~~)+ *(?:python|py|output)\b.*$", re.MULTILINE)


def blocks(page):
    """(first line's number, code, what it must print or None) of each Python block of a page, in order.

    What a block must print is in the ``output`` block right after it.
    """
    text = page.read_text(encoding="utf-8")
    found, end = [], None
    matches = list(_BLOCK.finditer(text))
    if len(matches) != len(_ANY.findall(text)):
        raise ValueError(f"{page.name}: a block of Python that does not begin with ```python alone on a line")
    for match in matches:
        kind, body = match.groups()
        if kind == "python":
            found.append((text.count("\n", 0, match.start()) + 2, body, None))
        elif not found or text[end : match.start()].strip():
            raise ValueError(f"{page.name}: an output block that does not follow a block of Python")
        else:
            found[-1] = (*found[-1][:2], body)
        end = match.end()
    return found


def run(page, folder):
    """Run the blocks of a page one after another in a folder; returns (line, printed, expected) of each."""
    namespace = {"__name__": "__main__"}
    printed = []
    with contextlib.chdir(folder):
        for line, code, expected in blocks(page):
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                # newlines in front, so that a traceback has the page's line numbers
                exec(compile("\n" * (line - 1) + code, os.fspath(page), "exec"), namespace)
            printed.append((line, out.getvalue(), expected))
    pyplot.close("all")
    return printed
