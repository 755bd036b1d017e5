"""Every Python block in the documentation and the README runs, and prints what it says it prints."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))

import snippets  # noqa: E402

PAGES = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
TUTORIALS = ("train", "own_task", "sweep", "optimal", "fit", "kernel")


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
