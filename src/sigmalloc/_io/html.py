"""Tables for notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any


def table(title: str, header: Sequence[str], rows: Iterable[Sequence[Any]], more: int = 0) -> str:
    """An HTML table; everything in it is text."""
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(_shown(value))}</td>" for value in row) + "</tr>" for row in rows
    )
    rest = f"<tr><td colspan='{len(header)}'>… {more:,} more</td></tr>" if more else ""
    return (
        f"<div class='sigmalloc'><p>{html.escape(title)}</p><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}{rest}</tbody></table></div>"
    )


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
