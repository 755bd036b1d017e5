"""Packages that are not always there."""

from __future__ import annotations

import importlib
from typing import Any


def needed(module: str, extra: str, user: str = "this") -> Any:
    """A module of an extra, and who needs it.

    Raises
    ------
    ImportError
        Saying which extra brings it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{user} needs {module}: pip install 'sigmalloc[{extra}]'") from error
