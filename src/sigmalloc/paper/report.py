"""The report: one HTML file that needs nothing else."""

from __future__ import annotations

import base64
from html import escape
from typing import Any

from .catalogue import FIGURES
from .confirmed import CONFIRMED, SEEDS
from .readings import CHANGES, READINGS

_STYLE = """
:root{--ink:#1c2430;--dim:#5b6674;--line:#dfe4ea;--paper:#fff;--wash:#f6f8fa;--blue:#0072b2}
*{box-sizing:border-box}
body{margin:0;background:var(--wash);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
overflow-wrap:anywhere}
main{max-width:62rem;margin:0 auto;padding:1.5rem 1.25rem 4rem}
h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.2rem;margin:2.5rem 0 .75rem}
h3{font-size:1.05rem;margin:0 0 .5rem}
p{margin:.4rem 0}
a{color:var(--blue)}
.dim{color:var(--dim);font-size:.9rem}
.banner{border-left:4px solid #d55e00;background:#fff4ec;padding:.6rem .9rem;margin:1rem 0}
table{border-collapse:collapse;width:100%;background:var(--paper);border:1px solid var(--line);font-size:.92rem}
th,td{text-align:left;vertical-align:top;padding:.5rem .7rem;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--dim);font-weight:600;font-size:.82rem}
td:first-child{font-weight:600}
#claims td:first-child{white-space:nowrap}
.verdict{display:inline-block;white-space:nowrap;padding:.08rem .55rem;border-radius:1rem;
font-size:.84rem;font-weight:600}
.reproduced{background:#d8f0e6;color:#00583f}
.partly{background:#fdeecb;color:#6b4a00}
.not-reproduced{background:#fbe0d2;color:#8a3000}
section.claim{background:var(--paper);border:1px solid var(--line);border-radius:.4rem;padding:1rem 1.1rem;
margin:0 0 1.2rem}
section.claim:target{outline:2px solid var(--blue)}
dl{display:grid;grid-template-columns:6.5rem 1fr;gap:.25rem .9rem;margin:.5rem 0;font-size:.93rem}
dt{color:var(--dim)}
dd{margin:0;min-width:0}
figure{margin:1rem 0;padding:.8rem 0;border-top:1px solid var(--line)}
figure h4{font-size:.95rem;margin:0 0 .4rem}
figure img{display:block;width:100%;max-width:34rem;height:auto;margin:0 auto}
figcaption{margin-top:.6rem;font-size:.9rem;color:var(--dim);max-width:44rem}
.row{border-top:1px solid var(--line);padding:.6rem 0}
.row h4{font-size:.95rem;margin:0 0 .2rem}
ul.parts{list-style:none;padding:0;margin:.25rem 0;font-size:.9rem}
ul.parts li{display:inline-block;margin:0 1rem .1rem 0}
details summary{cursor:pointer;color:var(--blue);font-size:.9rem}
details table{margin-top:.5rem;font-size:.85rem}
details td:first-child{font-weight:400}
details td:not(:first-child){white-space:nowrap}
@media (max-width:40rem){
main{padding:1rem .8rem 3rem}
.cards thead{display:none}
.cards,.cards tbody,.cards tr,.cards td{display:block;width:100%}
.cards{border:0;background:none}
.cards tr{background:var(--paper);border:1px solid var(--line);border-radius:.4rem;margin-bottom:.7rem;padding:.5rem 0}
.cards td{border:0;padding:.15rem .8rem}
.cards td[data-name]::before{content:attr(data-name) " ";color:var(--dim);font-size:.82rem}
dl{grid-template-columns:1fr;gap:0}
dt{margin-top:.45rem;font-size:.85rem}
section.claim{padding:.8rem}
details td,details th{padding:.3rem .4rem}
details td:not(:first-child){white-space:normal}
}
"""


def page(facts: Any, claims: Any, figures: Any) -> str:
    """The report as HTML.

    Parameters
    ----------
    facts : dict
        ``version``, ``seed``, ``quick``, ``thorough``, ``machine``, ``notices``, ``selection``, ``steps``.
    claims : list of dict
        As in `Reproduction.claims`.
    figures : dict of {str: list of Path}
        Files of each figure: PNG first, and maybe a GIF. Each stands with a claim whose main figure it is, if any.
    """
    title = "Dynamic allocation of limited memory, claim by claim"
    counts = {
        verdict: sum(c["verdict"] == verdict for c in claims) for verdict in ("reproduced", "partly", "not reproduced")
    }
    summary = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    quick = (
        '<p class="banner"><strong>Quick run.</strong> Shorter training and fewer runs than the criteria were made '
        "for: a look, not a verdict on the paper.</p>"
        if facts["quick"]
        else ""
    )
    notices = "".join(f'<p class="banner">{escape(notice)}</p>' for notice in facts["notices"])
    more = " and five more" if facts["thorough"] else ""
    shown: set[str] = set()
    home: dict[str, str] = {}
    for names in ([claim["figures"][:1] for claim in claims], [claim["figures"][1:] for claim in claims]):
        for claim, some in zip(claims, names, strict=True):
            home |= {name: claim["id"] for name in some if name not in home}
    sections = "".join(_claim(claim, figures, home, shown, facts["seed"]) for claim in claims)
    rest = "".join(_figure(name, files) for name, files in figures.items() if name not in shown)
    about = {claim["id"] for claim in claims}
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>Patel, Acerbi and Pouget (NeurIPS 2020), reproduced by <code>sigmalloc reproduce</code>: of {len(claims)} claims,
{summary}. A claim is a sentence of the paper, judged in the setting of its own figure; where that is not known, in both
parameter sets (<em>partly</em>: in one of them, or in some parts). Second rows are shown, and do not decide.</p>
<p class="dim">sigmalloc {escape(facts["version"])} · seed {facts["seed"]}{more} · {escape(facts["machine"])}</p>
{quick}{notices}
<h2>Claims</h2>
<table id="claims" class="cards">
<thead><tr><th>Claim</th><th></th><th>Paper</th><th>Here</th><th>Verdict</th></tr></thead>
<tbody>
{"".join(_row(claim) for claim in claims)}</tbody>
</table>
<h2>Claim, figure and evidence</h2>
{sections}{rest}
{_readings(about)}
{_changes(about)}
<h2>Time</h2>
<p>Environment steps, those of evaluation included: {_steps(facts["steps"])}.</p>
</main>
</body>
</html>
"""


def _steps(steps: Any) -> str:
    return ", ".join(f"{escape(name)} {count:.2g}" for name, count in steps.items()) + (
        f"; together {sum(steps.values()):.2g}"
    )


def _anchor(name: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in name)


def _badge(verdict: str) -> str:
    return f'<span class="verdict {verdict.replace(" ", "-")}">{verdict}</span>'


def _seeds(claim: Any) -> str:
    if "seeds" not in claim:
        return ""
    others = list(claim["seeds"].values())[1:]
    same = sum(verdict == claim["verdict"] for verdict in others)
    return f' <span class="dim">{same} of {len(others)} other seeds</span>'


def _row(claim: Any) -> str:
    return (
        f'<tr><td><a href="#claim-{_anchor(claim["id"])}">{escape(claim["id"])}</a></td>'
        f"<td>{escape(claim['claim'])}</td>"
        f'<td data-name="paper">{escape(claim["paper"])}</td><td data-name="here">{escape(claim["here"])}</td>'
        f"<td>{_badge(claim['verdict'])}{_seeds(claim)}</td></tr>\n"
    )


def _claim(claim: Any, figures: Any, home: Any, shown: Any, seed: int) -> str:
    drawn = ""
    for name in claim["figures"]:
        if home[name] == claim["id"] and name in figures:
            drawn += _figure(name, figures[name])
            shown.add(name)
        elif name in figures:
            drawn += (
                f'<p class="dim">Also <a href="#{_anchor(name)}">{escape(FIGURES[name].title)}</a>, under '
                f"{escape(home[name])}.</p>"
            )
    return f"""<section class="claim" id="claim-{_anchor(claim["id"])}">
<h3>{escape(claim["id"])} · {escape(claim["claim"])} {_badge(claim["verdict"])}{_seeds(claim)}</h3>
<dl>
<dt>Paper</dt><dd>{escape(claim["where"])}: {escape(claim["paper"])}</dd>
<dt>Criterion</dt><dd>{escape(claim["criterion"])}</dd>
</dl>
{drawn}
{"".join(_judged(row, seed) for row in claim["rows"])}
</section>
"""


def _judged(row: Any, seed: int) -> str:
    parts = "".join(f"<li>{'✓' if held else '✗'} {escape(name)}</li>" for name, held in row["parts"].items())
    second = "" if row["decides"] else ' <span class="dim">second row, does not decide</span>'
    numbers = "".join(
        f"<tr><td>{escape(n['name'])}</td><td>{_number(n['value'])}</td><td>{_uncertainty(n)}</td></tr>"
        for n in row["numbers"]
    )
    table = (
        "<details><summary>Numbers</summary><table><thead><tr><th>Number</th><th>Value</th><th>± standard error, or 95 "
        f"% interval</th></tr></thead><tbody>{numbers}</tbody></table></details>"
    )
    return f"""<div class="row">
<h4>{escape(row["name"])} {_badge(row["verdict"])}{second}</h4>
<ul class="parts">{parts}</ul>
<p>{escape(row["evidence"][:1].upper() + row["evidence"][1:])}.</p>
<p class="dim">{escape(row["setting"])}; seed {seed}.</p>
{table if numbers else ""}
</div>
"""


def _number(value: float) -> str:
    return "–" if value is None else f"{value:.4g}".replace("-", "−")


def _uncertainty(number: Any) -> str:
    if number["interval"] is not None:
        return "[" + ", ".join(map(_number, number["interval"])) + "]"
    return _number(number["error"])


def _figure(name: str, files: Any) -> str:
    picture = FIGURES[name]
    images = "".join(
        f'<img src="data:image/{path.suffix[1:]};base64,{base64.b64encode(path.read_bytes()).decode()}" '
        f'alt="{escape(picture.title)}{", animated" if path.suffix == ".gif" else ""}">'
        for path in files
        if path.suffix in (".png", ".gif")
    )
    return f"""<figure id="{_anchor(name)}">
<h4>{escape(picture.title)}</h4>
{images}
<figcaption>{escape(picture.caption)}</figcaption>
</figure>
"""


def _cards(heading: str, text: str, columns: Any, rows: Any) -> str:
    """A table that becomes a list of cards on a phone."""
    if not rows:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(map(_cell, columns, row, range(len(row))))}</tr>\n" for row in rows)
    return f"""<h2>{escape(heading)}</h2>
<p>{escape(text)}</p>
<table class="cards"><thead><tr>{head}</tr></thead><tbody>
{body}</tbody></table>
"""


def _cell(column: Any, text: str, number: Any) -> str:
    label = f' data-name="{escape(column.lower())}:"' if number else ""
    return f"<td{label}>{escape(text)}</td>"


def _readings(about: Any) -> str:
    rows = [
        (", ".join(reading.claims), reading.what, reading.reading, reading.why)
        for reading in READINGS
        if about & set(reading.claims)
    ]
    return _cards(
        "What the paper does not define", "How each is read here, and why.",
        ("Claims", "Not defined", "Reading", "Why"), rows,
    )  # fmt: skip


def _fresh(claim: Any) -> str:
    """ "partly 6 of 6": verdicts with the fresh seeds."""
    found = CONFIRMED.get(claim, {})
    total = sum(found.values())
    return ", ".join(f"{verdict} {count} of {total}" for verdict, count in found.items()) or "not run"


def _changes(about: Any) -> str:
    rows = [
        (change.claim, change.before, change.verdict, change.after, change.why, _fresh(change.claim))
        for change in CHANGES
        if change.claim in about
    ]
    return _cards(
        "Changed, and why",
        "Rules and settings that were changed after numbers had been seen. The last column is the verdict with seeds "
        f"that nobody had looked at: {', '.join(map(str, SEEDS)) or 'still to be run'}. Of all claims, earlier: the "
        "objective became undiscounted reward − cost in both parameter sets, as the scripts report it.",
        ("Claim", "Before", "Verdict then", "Now", "Why", "Fresh seeds"), rows,
    )  # fmt: skip
