"""The compiled kernel: the build that suits the processor, chosen once at import.

The environment variable ``SIGMALLOC_KERNEL`` overrides the choice: ``baseline`` or ``avx2``. Every build gives the
same bits.
"""

import importlib.util
import os
from types import ModuleType

from . import cpu

BUILDS = ("avx2", "baseline")


def available() -> tuple[str, ...]:
    """Names of the builds that are installed and that the processor can execute, the fastest first."""
    return tuple(name for name in BUILDS if name == "baseline" or (cpu.has_avx2() and _installed(name)))


def load(name: str) -> ModuleType:
    """The module of one build.

    Raises
    ------
    ValueError
        If there is no such build, or the processor cannot execute it.
    """
    if name not in available():
        raise ValueError(
            f"SIGMALLOC_KERNEL: no kernel {name!r} can run here; available: {', '.join(map(repr, available()))}"
        )
    return importlib.import_module(f"{__name__}.{name}")


def _installed(name: str) -> bool:
    return importlib.util.find_spec(f"{__name__}.{name}") is not None


NAME: str = os.environ.get("SIGMALLOC_KERNEL") or available()[0]
kernel: ModuleType = load(NAME)
