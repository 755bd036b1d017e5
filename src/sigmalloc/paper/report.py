"""The report: one HTML file that needs nothing else."""

import base64
from html import escape

from .catalogue import FIGURES

_STYLE = """
:root{--ink:#1c2430;--dim:#5b6674;--line:#dfe4ea;--paper:#fff;--wash:#f6f8fa;--blue:#0072b2}
*{box-sizing:border-box}
body{margin:0;background:var(--wash);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
overflow-wrap:anywhere}
main{max-width:62rem;margin:0 auto;padding:1.5rem 1.25rem 4rem}
h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.2rem;margin:2.5rem 0 .75rem}
h3{font-size:1.02rem;margin:0 0 .5rem}
p{margin:.4rem 0}
a{color:var(--blue)}
.dim{color:var(--dim);font-size:.9rem}
.banner{border-left:4px solid #d55e00;background:#fff4ec;padding:.6rem .9rem;margin:1rem 0}
table{border-collapse:collapse;width:100%;background:var(--paper);border:1px solid var(--line);font-size:.92rem}
th,td{text-align:left;vertical-align:top;padding:.55rem .7rem;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--dim);font-weight:600;font-size:.82rem}
td:first-child{white-space:nowrap;font-weight:600}
.verdict{display:inline-block;white-space:nowrap;padding:.08rem .55rem;border-radius:1rem;
font-size:.84rem;font-weight:600}
.reproduced{background:#d8f0e6;color:#00583f}
.partly{background:#fdeecb;color:#6b4a00}
.not-reproduced{background:#fbe0d2;color:#8a3000}
section.claim,figure{background:var(--paper);border:1px solid var(--line);border-radius:.4rem;padding:1rem 1.1rem;
margin:0 0 1rem}
section.claim:target,figure:target{outline:2px solid var(--blue)}
dl{display:grid;grid-template-columns:6.5rem 1fr;gap:.25rem .9rem;margin:.5rem 0 0;font-size:.93rem}
dt{color:var(--dim)}
dd{margin:0;min-width:0}
figure img{display:block;width:100%;max-width:34rem;height:auto;margin:0 auto}
figcaption{margin-top:.6rem;font-size:.9rem;color:var(--dim);max-width:44rem}
details summary{cursor:pointer;color:var(--blue);font-size:.9rem}
details table{margin-top:.5rem;font-size:.85rem}
details td:first-child{font-weight:400;white-space:normal}
details td:not(:first-child){white-space:nowrap}
@media (max-width:40rem){
main{padding:1rem .8rem 3rem}
#claims thead{display:none}
#claims,#claims tbody,#claims tr,#claims td{display:block;width:100%}
#claims{border:0;background:none}
#claims tr{background:var(--paper);border:1px solid var(--line);border-radius:.4rem;margin-bottom:.7rem;padding:.5rem 0}
#claims td{border:0;padding:.15rem .8rem}
#claims td[data-name]::before{content:attr(data-name) " ";color:var(--dim);font-size:.82rem}
dl{grid-template-columns:1fr;gap:0}
dt{margin-top:.45rem;font-size:.85rem}
section.claim,figure{padding:.8rem}
}
"""


def page(facts, claims, figures):
    """The report as HTML.

    Parameters
    ----------
    facts : dict
        ``version``, ``seed``, ``quick``, ``machine``, ``notices``, ``selection``.
    claims : list of dict
        As in `Reproduction.claims`.
    figures : dict of {str: list of Path}
        Files of each figure: PNG first, and maybe a GIF.
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
{summary}.</p>
<p class="dim">sigmalloc {escape(facts["version"])} · seed {facts["seed"]} · {escape(facts["machine"])}</p>
{quick}{notices}
<h2>Claims</h2>
<table id="claims">
<thead><tr><th>Claim</th><th></th><th>Paper</th><th>Here</th><th>Verdict</th></tr></thead>
<tbody>
{"".join(_row(claim) for claim in claims)}</tbody>
</table>
<h2>Settings and evidence</h2>
{"".join(_claim(claim) for claim in claims)}
<h2>Figures</h2>
{"".join(_figure(name, files) for name, files in figures.items())}
</main>
</body>
</html>
"""


def _anchor(name):
    return "".join(character if character.isalnum() else "-" for character in name)


def _badge(verdict):
    return f'<span class="verdict {verdict.replace(" ", "-")}">{verdict}</span>'


def _row(claim):
    return (
        f'<tr><td><a href="#claim-{_anchor(claim["id"])}">{escape(claim["id"])}</a></td>'
        f"<td>{escape(claim['claim'])}</td>"
        f'<td data-name="paper">{escape(claim["paper"])}</td><td data-name="here">{escape(claim["here"])}</td>'
        f"<td>{_badge(claim['verdict'])}</td></tr>\n"
    )


def _claim(claim):
    numbers = "".join(
        f"<tr><td>{escape(n['name'])}</td><td>{_number(n['value'])}</td><td>{_number(n['error'])}</td></tr>"
        for n in claim["numbers"]
    )
    links = "<br>".join(f'<a href="#{_anchor(name)}">{escape(FIGURES[name].title)}</a>' for name in claim["figures"])
    levels = "; ".join(f"{escape(name)}: {level}" for name, level in claim["levels"].items())
    return f"""<section class="claim" id="claim-{_anchor(claim["id"])}">
<h3>{escape(claim["id"])} · {escape(claim["claim"])} {_badge(claim["verdict"])}</h3>
<dl>
<dt>Paper</dt><dd>{escape(claim["paper"])}</dd>
<dt>Here</dt><dd>{escape(claim["here"])}</dd>
<dt>Evidence</dt><dd>{escape(claim["evidence"])}</dd>
<dt>Criterion</dt><dd>{escape(claim["criterion"])}</dd>
<dt>Judged</dt><dd>{levels}</dd>
<dt>Setting</dt><dd>{escape(claim["setting"])}</dd>
<dt>Figure</dt><dd>{links}</dd>
</dl>
<details><summary>All numbers</summary>
<table><thead><tr><th>Number</th><th>Value</th><th>Standard error</th></tr></thead><tbody>{numbers}</tbody></table>
</details>
</section>
"""


def _number(value):
    return "–" if value is None else f"{value:.4g}".replace("-", "−")


def _figure(name, files):
    picture = FIGURES[name]
    images = "".join(
        f'<img src="data:image/{path.suffix[1:]};base64,{base64.b64encode(path.read_bytes()).decode()}" '
        f'alt="{escape(picture.title)}{", animated" if path.suffix == ".gif" else ""}">'
        for path in files
        if path.suffix in (".png", ".gif")
    )
    return f"""<figure id="{_anchor(name)}">
<h3>{escape(picture.title)}</h3>
{images}
<figcaption>{escape(picture.caption)}</figcaption>
</figure>
"""
