"""Writes the table of claims into the README, and the steps of the studies and the deviations into the documentation.

sigmalloc reproduce --out sigmalloc-out
python bench/verdicts.py --json bench/verdicts.json --confirm
python -m sigmalloc.paper.deviations > deviations.md
python bench/readme_claims.py sigmalloc-out/claims.json bench/verdicts.json deviations.md
"""

import json
import sys
from pathlib import Path

from common import into_readme


def table(claims, verdicts):
    """The claims as a Markdown table."""
    lines = ["| id | claim | here | verdict | fresh seeds |", "|---|---|---|---|---|"]
    others = {row["id"]: row for row in verdicts["claims"]}
    for claim in claims:
        row = others[claim["id"]]
        if row["verdict"] != claim["verdict"]:
            raise SystemExit(f"{claim['id']}: {claim['verdict']!r} here, {row['verdict']!r} in the verdicts' seed 0")
        same = f"{row['same']} of {len(verdicts['seeds'])}"
        cells = (claim["id"], claim["claim"], claim["here"], f"**{claim['verdict']}**", same)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def steps(facts):
    """Environment steps of the studies as a Markdown table."""
    lines = ["| study | environment steps |", "|---|---|"]
    lines += [f"| {name} | {count:,} |" for name, count in facts["steps"].items()]
    return "\n".join([*lines, f"| together | {sum(facts['steps'].values()):,} |"])


def main():
    """Replace what stands between the marks."""
    claims, verdicts, deviations = map(Path, sys.argv[1:])
    facts = json.loads(claims.read_text(encoding="utf-8"))
    into_readme("claims", table(facts["claims"], json.loads(verdicts.read_text(encoding="utf-8"))))
    page = Path(__file__).parents[1] / "docs" / "paper.md"
    between(page, "steps", steps(facts))
    between(page, "deviations", deviations.read_text(encoding="utf-8").strip())


def between(page, mark, text):
    """Put text between <!-- mark --> and <!-- end of mark --> of a page."""
    begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    before, rest = page.read_text(encoding="utf-8").split(begin)
    page.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
