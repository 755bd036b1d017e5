"""How often each verdict of `sigmalloc reproduce` holds with other seeds.

Runs the whole with several seeds and compares the verdicts with those of seed 0. The seeds by default are those that
nobody had looked at when the rules were fixed. Prints a table, and JSON with --json.

    python bench/verdicts.py --out verdicts --json bench/verdicts.json --confirm
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from sigmalloc.paper import confirmed, reproduce
from sigmalloc.paper.readings import FRESH


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", metavar="figure-or-claim", help="default: all claims")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(FRESH), help=f"default: {FRESH[0]} to {FRESH[-1]}")
    parser.add_argument("--quick", action="store_true", help="shorter training and fewer runs: to try this script")
    parser.add_argument(
        "--out", default="verdicts", metavar="DIR", help="folder for the studies' results, which are kept"
    )
    parser.add_argument("--json", metavar="FILE", help="write the result to a file")
    parser.add_argument("--confirm", action="store_true", help="write the verdicts into the package's report")
    parser.add_argument("--workers", type=int, metavar="N")
    args = parser.parse_args()
    found, seconds = {}, {}
    for seed in [0, *args.seeds]:
        start = time.perf_counter()
        found[seed] = reproduce(
            Path(args.out) / f"seed{seed}", only=args.only or None, seed=seed, quick=args.quick, workers=args.workers
        )
        seconds[seed] = time.perf_counter() - start
        print(f"seed {seed}: {seconds[seed]:.0f} s", file=sys.stderr)
    rows = [row(number, found, args.seeds) for number in range(len(found[0].claims))]
    print(f"{'claim':<9}{'seed 0':<16}{'same with other seeds':<24}other verdicts")
    for entry in rows:
        others = ", ".join(
            f"{count}× {verdict}" for verdict, count in entry["verdicts"].items() if verdict != entry["verdict"]
        )
        print(f"{entry['id']:<9}{entry['verdict']:<16}{entry['same']} of {len(args.seeds):<19}{others}")
    steps = {seed: result.steps for seed, result in found.items()}
    facts = {
        "quick": args.quick, "seeds": args.seeds, "steps": steps, "machine": _machine(), "claims": rows,
    }  # fmt: skip
    if not any(len(result.computed) < len(result.data) for result in found.values()):
        facts["seconds"] = seconds  # of seeds that were computed now, and not read
    if args.json:
        Path(args.json).write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")
    if args.confirm:
        confirm(rows, args)


def confirm(rows, args):
    """Write the verdicts with the fresh seeds to where the report reads them."""
    if args.quick or not set(args.seeds) <= set(FRESH):
        raise SystemExit("--confirm is for full runs with the fresh seeds")
    path = Path(confirmed.__file__)
    head = path.read_text(encoding="utf-8").partition("SEEDS")[0]
    lines = [f"    {json.dumps(entry['id'], ensure_ascii=False)}: {json.dumps(entry['verdicts'])},\n" for entry in rows]
    seeds = f"SEEDS: tuple[int, ...] = {tuple(args.seeds)}\n"
    path.write_text(f"{head}{seeds}CONFIRMED: dict[str, dict[str, int]] = {{\n{''.join(lines)}}}\n", encoding="utf-8")


def row(number, found, seeds):
    """What one claim came to with each seed."""
    claims = {seed: result.claims[number] for seed, result in found.items()}
    verdicts = Counter(claims[seed]["verdict"] for seed in seeds)
    return {
        "id": claims[0]["id"],
        "verdict": claims[0]["verdict"],
        "same": verdicts[claims[0]["verdict"]],
        "verdicts": dict(verdicts),
        "levels": {seed: claim["levels"] for seed, claim in claims.items()},
        "here": {seed: claim["here"] for seed, claim in claims.items()},
    }


def _machine():
    from sigmalloc.paper.reproducing import machine

    return machine()


if __name__ == "__main__":
    main()
