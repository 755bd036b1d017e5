"""Writes the table of claims into the README: from `sigmalloc reproduce`, and how often each verdict holds.

sigmalloc reproduce --out sigmalloc-out
python bench/verdicts.py --json bench/verdicts.json
python bench/readme_claims.py sigmalloc-out/claims.json bench/verdicts.json
"""

import json
import sys
from pathlib import Path

from common import into_readme


def table(claims, verdicts):
    """The claims as a Markdown table."""
    lines = ["| id | claim | here | verdict | other seeds |", "|---|---|---|---|---|"]
    others = {row["id"]: row for row in verdicts["claims"]}
    for claim in claims:
        row = others[claim["id"]]
        if row["verdict"] != claim["verdict"]:
            raise SystemExit(f"{claim['id']}: {claim['verdict']!r} here, {row['verdict']!r} in the verdicts' seed 0")
        same = f"{row['same']} of {len(verdicts['seeds'])}"
        cells = (claim["id"], claim["claim"], claim["here"], f"**{claim['verdict']}**", same)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def main():
    """Replace what stands between the two marks."""
    facts, verdicts = (json.loads(Path(path).read_text(encoding="utf-8")) for path in sys.argv[1:])
    into_readme("claims", table(facts["claims"], verdicts))


if __name__ == "__main__":
    main()
