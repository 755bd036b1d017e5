"""What the benchmarks share: taking turns, medians, and a description of the machine."""

import contextlib
import importlib.metadata
import json
import os
import platform
import statistics
from pathlib import Path

import numpy as np


def in_turn(contestants, repetitions):
    """Call the functions of a dict in turn, A B C A B C …; returns a list of results for each name.

    A function is called with the number of the repetition.
    """
    results = {name: [] for name in contestants}
    for repetition in range(repetitions):
        for name, function in contestants.items():
            results[name].append(function(repetition))
    return results


def spread(values):
    """Median and range of measurements."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values), "n": len(values)}


def processor():
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def machine():
    """Processor, system, versions and load, for the record."""
    import sigmalloc
    from sigmalloc import _kernel

    versions = {"numpy": np.__version__, "sigmalloc": sigmalloc.__version__}
    for package in ("numba", "jax"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return {
        "processor": processor(),
        "processors": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        **versions,
        "kernel": _kernel.NAME,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def described(machine):
    """The machine, after it has been printed."""
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    return machine


def into_readme(mark, text):
    """Put text between <!-- mark --> and <!-- end of mark --> of the README."""
    readme = Path(__file__).parents[1] / "README.md"
    begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    before, rest = readme.read_text(encoding="utf-8").split(begin)
    readme.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}", encoding="utf-8")


def write(path, report):
    Path(path).write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
