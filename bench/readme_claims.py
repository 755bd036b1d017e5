"""Writes the table of claims into the README, from the claims.json of `sigmalloc reproduce`.

sigmalloc reproduce --out sigmalloc-out && python bench/readme_claims.py sigmalloc-out/claims.json
"""

import json
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- claims -->", "<!-- end of claims -->"


def table(claims):
    """The claims as a Markdown table."""
    lines = ["| id | claim | here | verdict |", "|---|---|---|---|"]
    for claim in claims:
        cells = (claim["id"], claim["claim"], claim["here"], f"**{claim['verdict']}**")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def main():
    """Replace what stands between the two marks."""
    facts = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    before, rest = README.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n{table(facts['claims'])}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
