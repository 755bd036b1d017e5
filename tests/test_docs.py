"""Every Python block of the documentation and README runs and prints what it says it prints; so does the gallery."""

import html
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import gallery_pages  # noqa: E402
import snippets  # noqa: E402

PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
TUTORIALS = ("train", "own_task", "memories", "sweep", "optimal", "fit", "kernel", "choosing", "trials")


@pytest.mark.parametrize("page", [
    pytest.param(page, id=page.stem, marks=() if page.stem == "README" else pytest.mark.slow) for page in PAGES
])  # fmt: skip
def test_page(page, tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    for line, printed, expected in snippets.run(page, tmp_path):
        if expected is not None:
            assert printed == expected, f"{page.name}, line {line}"


@pytest.mark.parametrize("name", TUTORIALS)
def test_tutorials_have_code(name):
    assert snippets.blocks(ROOT / "docs" / f"{name}.md")


def write(folder, text):
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


def test_blocks_share_their_names_and_outputs_belong_to_them(tmp_path):
    page = write(tmp_path, "text\n\n```python\nx = 2\n```\n\n```python\nprint(x)\n```\n\n```output\n2\n```\n")
    assert snippets.run(page, tmp_path) == [(4, "", None), (8, "2\n", "2\n")]


@pytest.mark.parametrize("opening", ["```python title", "``` python", "  ```python", "~~~python", "```py"])
def test_no_block_is_skipped(tmp_path, opening):
    page = write(tmp_path, f"{opening}\nraise SystemExit\n{opening[:3]}\n")
    with pytest.raises(ValueError, match="page.md: a block of Python"):
        snippets.blocks(page)


def test_output_without_code(tmp_path):
    with pytest.raises(ValueError, match="page.md: an output block"):
        snippets.blocks(write(tmp_path, "```output\n2\n```\n"))


def test_an_error_names_the_line_of_the_page(tmp_path):
    page = write(tmp_path, "text\n\n```python\nx = 1\nx / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as caught:
        snippets.run(page, tmp_path)
    assert caught.traceback[-1].lineno + 1 == 5


# the gallery


@pytest.mark.parametrize("script", gallery_pages.SCRIPTS, ids=lambda script: script.stem)
def test_scripts_of_the_gallery_say_what_they_are(script):
    title, text = gallery_pages.told(script)
    assert title and len(text) > 80 and script.stem in gallery_pages.ORDER


def test_a_script_runs_strictly_when_the_site_is_built_so(tmp_path):
    """Then its warnings are errors, as for the tests below."""
    script = tmp_path / "drawing.py"
    script.write_text(
        "import warnings\nimport matplotlib.pyplot as plt\nprint('drawn')\nplt.figure().savefig('drawing.png')\n"
        "warnings.warn('never')\n", encoding="utf-8",
    )  # fmt: skip
    with pytest.warns(UserWarning, match="never"):
        printed, drawn = gallery_pages.run(script, tmp_path / "pictures")
    assert printed == "drawn\n" and [path.name for path in drawn] == ["drawing.png"]
    with pytest.raises(UserWarning, match="never"):
        gallery_pages.run(script, tmp_path / "pictures", strict=True)


@pytest.mark.slow
def test_gallery(site):
    """Each script was run, without a warning, to make its page."""
    for script in gallery_pages.SCRIPTS:
        page = (site / "gallery" / f"{script.stem}.html").read_text(encoding="utf-8")
        assert gallery_pages.told(script)[0] in html.unescape(page) and f"{script.stem}.png" in page


def test_marked_lines_of_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for mark in ("reproduce", "tests"):
        assert text.count(f"<!-- {mark} -->\n```bash\npython3 -m venv .venv && ") == 1


# the site, as a browser shows it

WIDTHS = (1366, 1024, 390)
MEASURE = """<script>addEventListener("load", () => setTimeout(() => {
  const page = document.documentElement, toc = document.querySelector(".toc-drawer");
  const box = toc ? toc.getBoundingClientRect() : {left: 0, right: 0, width: 0};
  const shown = toc && box.left < page.clientWidth && box.right > 0 && getComputedStyle(toc).visibility != "hidden";
  parent.postMessage([innerWidth, page.scrollWidth, shown ? Math.ceil(box.right) : 0].join(" "), "*");
}, 300))</script>"""
CONTRAST = """<script>addEventListener("load", () => setTimeout(() => {
  const THEME = "%s", LEAST = 4.5;  // WCAG 2, level AA; letters that are large, and symbols, may have 3
  document.body.dataset.theme = THEME;
  const rgba = text => { const c = text.match(/[\\d.]+/g).map(Number); return c.length < 4 ? [...c, 1] : c; };
  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
  const light = c => { const l = c.slice(0, 3).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 :
    Math.pow((v + .055) / 1.055, 2.4)); return .2126 * l[0] + .7152 * l[1] + .0722 * l[2]; };
  const behind = e => { const layers = []; for (let n = e; n; n = n.parentElement)
    layers.push(rgba(getComputedStyle(n).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]); };
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), faults = [];
  let count = 0;
  for (let n; n = words.nextNode();) {
    const e = n.parentElement, style = e && getComputedStyle(e);
    if (!n.data.trim() || !e.checkVisibility({visibilityProperty: true}) || e.closest("mjx-container, svg, script"))
      continue;
    const back = behind(e), l = [light(over(rgba(style.color), back)), light(back)].sort((a, b) => b - a);
    const ratio = (l[0] + .05) / (l[1] + .05), size = parseFloat(style.fontSize);
    const large = size >= 24 || size >= 18.66 && style.fontWeight >= 700;
    count++;
    const what = ratio.toFixed(2) + " " + n.data.trim().slice(0, 30) + " <" + e.className + ">";
    if (ratio < (large ? 3 : LEAST)) faults.push(what);
  }
  document.body.setAttribute("data-contrast", count + "|" + [...new Set(faults)].slice(0, 8).join("; "));
}, 300))</script>"""
FRAME = """<script>addEventListener("message", told => document.body.setAttribute("data-measured", told.data))</script>
<iframe src="{page}" width="{width}" height="900" style="border: 0"></iframe>"""  # windows are wider than telephones


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    for module in ("sphinx", "myst_parser", "numpydoc", "furo", "sphinx-mathjax-offline"):
        pytest.importorskip(module)
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "site"
    folder, said = place / "html", place / "said.json"
    try:
        place.mkdir()
    except FileExistsError:  # another process of these tests builds it, in the same docs/_build
        until = time.monotonic() + 600
        while not said.exists() and time.monotonic() < until:
            time.sleep(0.2)
    else:
        done = subprocess.run(
            [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-D", "gallery_strict=1", ROOT / "docs",
             folder], capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        (place / "new.json").write_text(json.dumps([done.returncode, done.stderr]), encoding="utf-8")
        (place / "new.json").replace(said)
    status, complaints = json.loads(said.read_text(encoding="utf-8"))
    assert status == 0, complaints
    return folder


class Links(html.parser.HTMLParser):
    """Where a page links to, and the places in it that can be linked to."""

    def __init__(self, page):
        super().__init__()
        self.links, self.places = [], {"", "top"}
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.places |= {given[name] for name in ("id", "name") if given.get(name)}
        link = given.get({"a": "href", "img": "src", "link": "href", "script": "src"}.get(tag, ""))
        if link:
            self.links.append(link)


@pytest.mark.slow
def test_no_link_is_broken(site):
    found = (page for page in site.rglob("*.html") if not page.name.startswith(("measured-", "frame-")))
    pages = {page: Links(page) for page in found}
    broken, internal = [], 0
    for page, found in pages.items():
        for link in found.links:
            address = urllib.parse.urlsplit(link)
            if address.scheme or address.netloc:
                continue
            internal += 1
            target = (page.parent / urllib.parse.unquote(address.path)).resolve() if address.path else page
            if not target.exists():
                broken.append(f"{page.name}: {link}")
            elif (
                target in pages and address.fragment
                and urllib.parse.unquote(address.fragment) not in pages[target].places
            ):  # fmt: skip
                broken.append(f"{page.name}: {link}")
    assert internal > 1000
    assert not broken, "\n".join(broken[:20])


@pytest.mark.slow
def test_pages_link_to_the_reference(site):
    for name, target in (
        ("train", "sigmalloc.Agent.table_b1"),
        ("trials", "sigmalloc.replay"),
        ("choosing", "sigmalloc.exact.optimum"),
    ):
        assert f'#{target}"' in (site / f"{name}.html").read_text(encoding="utf-8")
    assert "_modules/sigmalloc/runs/train.html" in (site / "reference" / "runs.html").read_text(encoding="utf-8")
    used = (site / "choosing.html").read_text(encoding="utf-8")
    assert "mathjax" in used and "cdn." not in used


LOOKED_AT = (
    "index", "choosing", "symbols", "train", "trials", "kernel", "gallery/index", "gallery/bandit", "reference/exact",
)  # fmt: skip


def chromium():
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium")
    return browser


def shown(browser, page):
    """The page as the browser has it when its scripts have run."""
    done = subprocess.run(
        [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1500,1000",
         "--virtual-time-budget=4000", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.stdout + done.stderr[-300:]


def with_script(page, script):
    changed = page.with_name(f"measured-{os.getpid()}-{page.name}")
    changed.write_text(page.read_text(encoding="utf-8").replace("</body>", script + "</body>"), encoding="utf-8")
    return changed


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows(site, width):
    browser, faults, frame = chromium(), [], site / f"frame-{os.getpid()}.html"
    for name in LOOKED_AT:
        measured = with_script(site / f"{name}.html", MEASURE)
        frame.write_text(FRAME.format(page=measured.as_uri(), width=width), encoding="utf-8")
        dom = shown(browser, frame)
        measured.unlink()
        frame.unlink()
        found = re.search(r'data-measured="(\d+) (\d+) (\d+)"', dom)
        assert found, f"{name}: {dom[-300:]}"
        inner, whole, contents = map(int, found.groups())
        assert inner == width
        if whole > inner or contents > inner:
            faults.append(f"{name}: {whole} px wide, contents to {contents}, in {inner}")
    assert not faults, "\n".join(faults)


def faint(browser, page, theme):
    """How many pieces of text a page has, and which of them are hard to read."""
    measured = with_script(page, CONTRAST % theme)
    dom = shown(browser, measured)
    measured.unlink()
    found = re.search(r'data-contrast="(\d+)\|([^"]*)"', dom)
    assert found, f"{page.name}: {dom[-300:]}"
    return int(found[1]), html.unescape(found[2])


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast(site, theme, tmp_path):
    """All words against what is behind them: at least 4.5:1 (WCAG 2, AA)."""
    browser = chromium()
    page = write(tmp_path, '<body><p style="color: #888">Grey</p><p style="color: #666">Black</p></body>')
    assert faint(browser, page.rename(tmp_path / "page.html"), theme) == (2, "3.54 Grey <>")
    faults = []
    for name in LOOKED_AT:
        count, hard = faint(browser, site / f"{name}.html", theme)
        assert count > 50
        if hard:
            faults.append(f"{name}: {hard}")
    assert not faults, "\n".join(faults)
