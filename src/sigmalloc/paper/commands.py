"""The command ``sigmalloc reproduce``."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
import unicodedata
from typing import Any

_DESCRIPTION = """\
Check every claim of Patel, Acerbi and Pouget (NeurIPS 2020) and draw its figures.

Trains the agents, judges each claim by a criterion that was fixed beforehand, and writes into the output folder:
report.html (everything on one page), figures/ (PNG, PDF and the numbers drawn as CSV), data/ (the studies' arrays) and
claims.json. A second call with the same seed only draws."""

_EPILOG = """\
examples:
  sigmalloc reproduce                    the whole paper
  sigmalloc reproduce --quick            a look in seconds: shorter training, fewer runs
  sigmalloc reproduce --thorough         with six seeds, and how often each verdict is the same
  sigmalloc reproduce fig3d B2-sigma     one figure, one claim
  sigmalloc reproduce --json | jq        for scripts
"""


def add_parser(subparsers: Any) -> Any:
    """Add ``reproduce`` to the subcommands of an `argparse` parser.

    Returns
    -------
    argparse.ArgumentParser
        Its defaults hold ``run``, a function of the parsed arguments that returns the exit status.
    """
    parser = subparsers.add_parser(
        "reproduce", help="check the paper's claims and draw its figures", description=_DESCRIPTION, epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "only", nargs="*", metavar="figure-or-claim", help="such as fig3d, 3d or B2-lambda; default: all"
    )
    parser.add_argument("--quick", action="store_true", help="shorter training and fewer runs, marked as such")
    parser.add_argument("--thorough", action="store_true", help="six seeds, and how often verdicts agree")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of all random numbers (default: %(default)s)")
    parser.add_argument("--out", default="sigmalloc-out", metavar="DIR", help="output folder (default: sigmalloc-out)")
    parser.add_argument("--json", action="store_true", help="print the claims as JSON instead of a table")
    parser.add_argument("--workers", type=int, metavar="N", help="threads (default: one per processor)")
    parser.set_defaults(run=run)
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the command: table or JSON on standard output, progress on standard error."""
    from .reproducing import reproduce

    found = reproduce(
        args.out, only=args.only or None, seed=args.seed, quick=args.quick, thorough=args.thorough,
        workers=args.workers, progress=sys.stderr.isatty(), announce=lambda text: print(text, file=sys.stderr),
    )  # fmt: skip
    if args.json:
        facts = {
            "quick": found.quick, "thorough": found.thorough, "seed": found.seed, "steps": found.steps,
            "report": str(found.report), "notices": found.notices, "figures": [str(path) for path in found.figures],
            "claims": found.claims,
        }  # fmt: skip
        print(json.dumps(facts, ensure_ascii=False, indent=1, allow_nan=False))
        return 0
    if found.claims:  # figures beyond the paper belong to none
        print("\n".join(table(found.claims, shutil.get_terminal_size((120, 24)).columns)))
    if found.quick:
        print(
            "\nQUICK RUN: shorter training and fewer runs than the criteria were made for; not a verdict on the paper."
        )
    for notice in found.notices:
        print(f"\nNote: {notice}")
    if found.thorough:
        for claim in found.claims:
            same = sum(verdict == claim["verdict"] for verdict in claim["seeds"].values()) - 1
            print(f"{claim['id']}: the same verdict with {same} of {len(claim['seeds']) - 1} other seeds")
    folder = found.report.parent
    print(f"\n{sum(found.steps.values()):.2g} environment steps: ", end="")
    print(", ".join(f"{name} {steps:.2g}" for name, steps in found.steps.items()))
    print(f"\nReport   {found.report}")
    print(f"Figures  {folder / 'figures'} ({len(found.figures)} files)")
    print(f"Data     {folder / 'data'}")
    return 0


def table(claims: Any, width: int) -> list[str]:
    """Lines of a table: claim, paper, here, verdict, wrapped to a width."""
    width = max(72, min(width, 150))
    name = max([5, *(len(claim["id"]) for claim in claims)])
    verdict = len("not reproduced")
    rest = width - name - verdict - 6
    claim, paper = int(0.42 * rest), int(0.24 * rest)
    sizes = (name, claim, paper, rest - claim - paper, verdict)
    rows = [("id", "claim", "paper", "here", "verdict")]
    rows += [(c["id"], c["claim"], c["paper"], c["here"], c["verdict"]) for c in claims]
    lines = []
    for number, row in enumerate(rows):
        cells = [textwrap.wrap(text, size) or [""] for text, size in zip(row, sizes, strict=True)]
        for line in range(max(map(len, cells))):
            parts = [cell[line] if line < len(cell) else "" for cell in cells]
            lines.append("  ".join(_padded(part, size) for part, size in zip(parts, sizes, strict=True)).rstrip())
        lines.append("─" * width if number == 0 else "")
    return lines[:-1]


def _padded(text: str, size: int) -> str:
    """Text filled up to a width on the terminal, where combining characters take none."""
    return text + " " * (size - sum(not unicodedata.combining(character) for character in text))
