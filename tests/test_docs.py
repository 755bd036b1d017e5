"""Every Python block of the documentation and README runs and prints what it says it prints; so does the gallery."""

import html.parser
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import gallery_pages  # noqa: E402
import snippets  # noqa: E402

PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
TUTORIALS = ("train", "own_task", "memories", "sweep", "optimal", "fit", "kernel", "choosing", "trials")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
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
def test_gallery(script, tmp_path):
    if "import gymnasium" in script.read_text(encoding="utf-8"):
        pytest.importorskip("gymnasium")
    title, text = gallery_pages.told(script)
    assert title and len(text) > 80 and script.stem in gallery_pages.ORDER
    done = subprocess.run(
        [sys.executable, "-W", "error", script], cwd=tmp_path, env={**os.environ, "MPLBACKEND": "Agg"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [path.stem for path in tmp_path.glob("*.png")] == [script.stem]


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
FRAME = """<script>addEventListener("message", told => document.body.setAttribute("data-measured", told.data))</script>
<iframe src="{page}" width="{width}" height="900" style="border: 0"></iframe>"""  # windows are wider than telephones


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for module in ("sphinx", "myst_parser", "numpydoc", "furo", "sphinx-mathjax-offline"):
        pytest.importorskip(module)
    folder = tmp_path_factory.mktemp("site") / "html"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", ROOT / "docs", folder], capture_output=True,
        text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
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
    pages = {page: Links(page) for page in site.rglob("*.html")}
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


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_overflows(site, width):
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium")
    faults, seen, frame = [], 0, site / "frame.html"
    names = [
        "index",
        "choosing",
        "symbols",
        "train",
        "trials",
        "kernel",
        "gallery/index",
        "gallery/bandit",
        "reference/exact",
    ]
    for name in names:
        page = site / f"{name}.html"
        measured = page.with_name(f"measured-{page.name}")
        measured.write_text(page.read_text(encoding="utf-8").replace("</body>", MEASURE + "</body>"), encoding="utf-8")
        frame.write_text(FRAME.format(page=measured.as_uri(), width=width), encoding="utf-8")
        done = subprocess.run(
            [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1500,1000",
             "--virtual-time-budget=4000", "--dump-dom", frame.as_uri()],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        measured.unlink()
        frame.unlink()
        found = re.search(r'data-measured="(\d+) (\d+) (\d+)"', done.stdout)
        assert found, f"{name}: {done.stderr[-300:]}"
        inner, whole, contents = map(int, found.groups())
        assert inner == width
        seen += 1
        if whole > inner or contents > inner:
            faults.append(f"{name}: {whole} px wide, contents to {contents}, in {inner}")
    assert seen == len(names) and not faults, "\n".join(faults)
