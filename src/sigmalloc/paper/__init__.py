"""Every figure and every claim of the paper, reproduced by one call.

>>> from sigmalloc.paper import reproduce
>>> found = reproduce("sigmalloc-out", only="1b", quick=True)  # doctest: +SKIP
>>> found.claims[0]["verdict"]  # doctest: +SKIP
'partly'

Studies (`studies`) compute, claims (`claims`) judge, `figures` draw and `report` writes one page about all of it.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .reproducing import Reproduction, names, reproduce

__all__ = ["Reproduction", "names", "reproduce"]


def __getattr__(name: str) -> Any:
    if name in __all__:  # every other command of the command line does without figures and statistics
        return getattr(importlib.import_module(".reproducing", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
