"""The command line: `sigmalloc run`, `simulate`, `reproduce`, `sweep` and its companions. One file a command."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from .. import __version__, _kernel
from .._executors import WorkersLostError
from .._io import terminal
from .._threads import interrupted
from ..runs.divergence import DivergenceError
from . import run, simulate
from .parser import Parser, say

DESCRIPTION = """\
Agents that spend limited memory precision where it pays: the Dynamic Resource
Allocator (Patel, Acerbi and Pouget, NeurIPS 2020), fast and to the same bits on
every machine."""
EPILOG = """\
examples:
  sigmalloc reproduce                                the paper's figures and claims
  sigmalloc run grid-world --sigma-0 1 --restarts 5 --episodes 5000 --seed 7 --out my-run
  sigmalloc run planning --search-budget 50 --planner depth-first --gap
  sigmalloc simulate two-step --restarts 20 --out trials.csv
  sigmalloc sweep study.toml                         10 to 10 million runs, resumable
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    interrupted.clear()
    if "matplotlib" not in sys.modules:
        # Figures go into files. What a notebook exports to its children names a backend that may not be here.
        os.environ["MPLBACKEND"] = "agg"
    with terminal.any_text(), warnings.catch_warnings():
        warnings.showwarning = _Warned()
        try:
            try:
                options = build_parser().parse_args(arguments)
                status: int = options.run(options)
                return status
            finally:  # what could not be written is an error
                sys.stdout.flush()
        except KeyboardInterrupt:
            interrupted.append(130)
            return _told("interrupted; no half-written file was left", 130)
        except BrokenPipeError:
            return 1
        except MemoryError as error:
            return _told(f"error: not enough memory{f': {error}' if str(error) else ''}", 2)
        except (ValueError, DivergenceError, ImportError, WorkersLostError) as error:
            return _told(f"error: {error}", 2)
        except OSError as error:
            # ours have the path in their message, those of Python beside it
            return _told(f"error: {error.strerror if error.strerror and not error.filename else error}", 2)


def _told(message: str, status: int) -> int:
    with contextlib.suppress(OSError, ValueError):
        say(message)
    return status


class _Warned:
    """Says a warning, once."""

    def __init__(self) -> None:
        self.said: set[str] = set()

    def __call__(self, message: Any, *where: Any, **also: Any) -> None:
        if str(message) not in self.said:
            self.said.add(str(message))
            _told(f"warning: {message}", 0)


def build_parser() -> Parser:
    """The parser of the whole command line."""
    # matplotlib comes with these, and is told where to draw before
    from ..fit import commands as fit_commands
    from ..paper import commands as paper_commands
    from ..sweeps import commands as sweep_commands

    parser = Parser(prog="sigmalloc", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"sigmalloc {__version__} (kernel: {_kernel.NAME})",
                        help="print the version, and which kernel this processor has, and end")  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    run.add_parser(commands)
    simulate.add_parser(commands)
    paper_commands.add_parser(commands)
    sweep_commands.add_parsers(commands)
    fit_commands.add_parser(commands)
    return parser
