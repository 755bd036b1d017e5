"""Text for whatever reads it: terminals of few characters, spreadsheets, NetCDF, and labels of figures."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any, TextIO

_SPELLED = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "Δ": "Delta", "ζ": "zeta", "λ": "lambda", "π": "pi",
    "σ": "sigma", "τ": "tau", "Σ": "Sum", "Φ": "Phi", "Ψ": "Psi", "√": "sqrt", "∞": "inf", "·": "*", "×": "x",
    "±": "+-", "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "─": "-", "│": "|", "…": "...", "≈": "~", "≤": "<=",
    "≥": ">=", "≠": "!=", "→": "->", "←": "<-", "⇒": "=>", "∈": "in", "‖": "||", "∂": "d", "∇": "grad", "∼": "~",
    "•": "*", "‘": "'", "’": "'", "“": '"', "”": '"', "«": '"', "»": '"',
    "ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
    "€": "EUR", "\N{NO-BREAK SPACE}": " ", "\N{THIN SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " ",
}  # fmt: skip
_HANDLER = "sigmalloc-spelled"


def spelled(text: str, encoding: str = "ascii") -> str:
    """Text with what an encoding lacks spelled: "σ₀ ≤ 3" is "sigma0 <= 3" in ASCII."""
    return text.encode(encoding, _HANDLER).decode(encoding)


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = []
    for character in error.object[error.start : error.end]:
        if character in _SPELLED:
            found.append(_SPELLED[character])
        elif unicodedata.combining(character):
            continue
        else:
            parts = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
            found.append(parts or character.encode("ascii", "backslashreplace").decode())
    return "".join(found), error.end


codecs.register_error(_HANDLER, _spell)


@contextlib.contextmanager
def any_text() -> Iterator[None]:
    """Have standard output and error take any text, whatever their encoding, and stand in for them if closed.

    What they have not taken at the end is dropped: flush them where that is an error. A process that was started with a
    closed standard stream has None for it, and Python prints what is meant for standard error on standard output then.
    """
    before, kept = (sys.stdout, sys.stderr), []
    with contextlib.ExitStack() as stack:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is None or getattr(stream, "closed", False):
                setattr(sys, name, stack.enter_context(open(os.devnull, "w", encoding="utf-8")))
            elif hasattr(stream, "reconfigure"):
                kept.append((stream, stream.errors))
                stream.reconfigure(errors=_HANDLER)
        try:
            yield
        finally:
            for stream, errors in kept:
                _settle(stream)
                with contextlib.suppress(OSError, ValueError):
                    stream.reconfigure(errors=errors)
            sys.stdout, sys.stderr = before


def _settle(stream: TextIO) -> None:
    """Lead a stream that cannot be written to nowhere, or Python would complain when it flushes it at its end."""
    try:
        stream.flush()
    except (OSError, ValueError):  # nobody listens, or the disk is full
        with contextlib.suppress(OSError, ValueError):  # it has no file
            descriptor = os.open(os.devnull, os.O_WRONLY)
            os.dup2(descriptor, stream.fileno())
            os.close(descriptor)


def printable(text: str) -> str:
    """Text without what files cannot hold: control characters and lone surrogates become escapes."""
    if text.isprintable():
        return text
    return "".join(
        character if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs")
        else character.encode("unicode_escape").decode() if unicodedata.category(character) == "Cc"
        else f"\\u{ord(character):04x}"
        for character in text
    )  # fmt: skip


def cell(value: Any) -> Any:
    """A value for a table in a file: text that a spreadsheet would compute is marked as text by an apostrophe."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if _is_marked(text) else text


def of_cell(text: str) -> str:
    """The text that `cell` marked."""
    return text[1:] if text[:1] == "'" and _is_marked(text[1:]) else text


def _is_marked(text: str) -> bool:
    return text.lstrip()[:1] in tuple("=+-@'")


def label(text: str) -> str:
    """Text for a figure, in one line, where no character of it starts a formula."""
    return printable(text).replace("\n", " ").replace("\t", " ").replace("$", r"\$")
