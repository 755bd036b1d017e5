"""How often each verdict of `sigmalloc reproduce` holds with other seeds.

Runs the whole with several seeds and compares the verdicts with those of seed 0. Prints a table, and JSON with --json.

    python bench/verdicts.py --out verdicts --json verdicts.json
"""

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

from sigmalloc.paper import reproduce


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", metavar="figure-or-claim", help="default: all claims")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5], help="default: 1 to 5")
    parser.add_argument("--quick", action="store_true", help="shorter training and fewer runs: to try this script")
    parser.add_argument(
        "--out", default="verdicts", metavar="DIR", help="folder for the studies' results, which are kept"
    )
    parser.add_argument("--json", metavar="FILE", help="write the result to a file")
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
    facts = {"quick": args.quick, "seeds": args.seeds, "seconds": seconds, "machine": _machine(), "claims": rows}
    if args.json:
        Path(args.json).write_text(json.dumps(facts, ensure_ascii=False, indent=1), encoding="utf-8")


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
