"""The whole report, quickly made; in a real browser nothing sticks out of the page, at laptop and phone width."""

import html
import json
import os
import shutil
import subprocess

import pytest

from sigmalloc.paper import catalogue, reproduce

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PROBE = """
<script>
addEventListener("load", () => {
  const width = document.documentElement.clientWidth, wide = [];
  for (const element of document.querySelectorAll("body *")) {
    const box = element.getBoundingClientRect();
    if (box.width > 0 && (box.right > width + 1 || box.left < -1)) wide.push(element.tagName + "#" + element.id);
  }
  const images = [...document.images];
  const small = [...document.querySelectorAll("td,dd,p")].filter(e => parseFloat(getComputedStyle(e).fontSize) < 12);
  const overlapping = [...document.querySelectorAll("section,figure,#claims tr")].filter((element, i, all) => {
    if (i === 0 || all[i - 1].contains(element)) return false;
    return element.getBoundingClientRect().top < all[i - 1].getBoundingClientRect().bottom - 1;
  });
  const broken = [...document.querySelectorAll('a[href^="#"]')].filter(a =>
    !document.getElementById(decodeURIComponent(a.getAttribute("href").slice(1))));
  document.title = JSON.stringify({width, wide, small: small.length, overlapping: overlapping.length,
    scroll: document.documentElement.scrollWidth, images: images.length, broken: broken.length,
    loaded: images.filter(image => image.complete && image.naturalWidth > 0).length});
});
</script>
"""


@pytest.mark.slow
def test_whole_paper_quick(tmp_path):
    """One test, so that the paper is made once, whoever runs which test."""
    found = reproduce(tmp_path / "paper", quick=True)
    assert [claim["id"] for claim in found.claims] == list(catalogue.CLAIMS)
    assert {path.stem for path in found.figures} == set(catalogue.FIGURES)
    assert found.report.name == "report.html" and (tmp_path / "paper" / "claims.json").exists()
    assert reproduce(tmp_path / "paper", quick=True).computed == []

    browser = os.environ.get("BROWSER_FOR_TESTS") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"its layout: no browser is installed (looked for {', '.join(BROWSERS)})")
    page = found.report.read_text(encoding="utf-8").replace("</body>", PROBE + "</body>")
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    for width in (1366, 820, 500):
        check(json.loads(title(browser, tmp_path / "page.html", width, tmp_path)), width)
    # a window cannot be narrower than 500 pixels, a frame can
    (tmp_path / "phone.html").write_text(
        '<!doctype html><title></title><iframe src="page.html" style="width:390px;height:844px;border:0"></iframe>'
        '<script>addEventListener("load", () => setTimeout(() => '
        "document.title = frames[0].document.title, 300))</script>",
        encoding="utf-8",
    )
    check(json.loads(title(browser, tmp_path / "phone.html", 800, tmp_path)), 390)


def check(facts, width):
    assert facts["width"] == pytest.approx(width, abs=20)
    assert facts["wide"] == [] and facts["scroll"] <= facts["width"]
    assert facts["small"] == facts["overlapping"] == facts["broken"] == 0
    assert facts["images"] == facts["loaded"] > 10


def title(browser, page, width, tmp_path):
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files",
        f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900", "--virtual-time-budget=5000",
        "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    return html.unescape(dom.split("<title>", 1)[1].split("</title>", 1)[0])
