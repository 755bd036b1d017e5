"""Sphinx extension: each script in gallery/ is run, and becomes a page with its picture and its source."""

import ast
import os
import runpy
import shutil
import warnings
from contextlib import chdir, redirect_stdout
from io import StringIO
from pathlib import Path

from matplotlib import pyplot

HERE = Path(__file__).parent
SCRIPTS = sorted((HERE / "gallery").glob("*.py"))
ORDER = (
    "bandit", "two_step", "slot_machines", "maze", "rooms", "planning", "mountain_car", "frontier", "matched_cost",
    "effort", "fit", "sweep", "frozen_lake",
)  # fmt: skip
OLDER = ("matplotlib", "pyparsing")  # than pyparsing may matplotlib be


def told(script):
    """Title and text of a script's docstring."""
    title, _, text = (ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or "").partition("\n")
    return title.strip(), text.strip()


def run(script, folder, strict=False):
    """Run a script in a folder: what it prints, and the pictures that it makes. Strictly: a warning is an error."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    out = StringIO()
    with chdir(folder), redirect_stdout(out), warnings.catch_warnings():
        if strict:
            warnings.simplefilter("error")
            for module in OLDER:
                warnings.filterwarnings("ignore", category=DeprecationWarning, module=module)
        runpy.run_path(os.fspath(script), run_name="__main__")
    pyplot.close("all")
    return out.getvalue(), sorted(Path(folder).glob("*.png"))


def write_pages(app):
    """Run all scripts, and write their pages beside them."""
    pictures = HERE / "_build" / "gallery"
    shutil.rmtree(pictures, ignore_errors=True)
    cards = []
    for script in sorted(SCRIPTS, key=lambda path: ORDER.index(path.stem)):
        printed, drawn = run(script, pictures / script.stem, strict=app.config.gallery_strict)
        if [path.stem for path in drawn] != [script.stem]:
            raise ValueError(f"{script.name} makes {len(drawn)} pictures, and one of its own name was wanted")
        title, text = told(script)
        pages = [f"# {title}", text]
        pages += [f"![{title}](../{path.relative_to(HERE)}){{w=440px}}" for path in drawn]
        code = script.read_text(encoding="utf-8").split('"""', 2)[2].strip()
        pages.append(f"```python\n{code}\n```")
        if printed:
            pages.append(f"It prints\n\n```text\n{printed.strip()}\n```")
        pages.append(f"{{download}}`{script.name} <{script.name}>`")
        (HERE / "gallery" / f"{script.stem}.md").write_text("\n\n".join(pages) + "\n", encoding="utf-8")
        cards.append((script.stem, title, drawn[0].relative_to(HERE)))
    lines = [
        "# Gallery",
        "Short scripts that anyone can copy; each is run when this page is built.",
        "::::{container} cards",
    ]
    lines += [
        f":::{{container}} card\n[![{title}](../{path})]({stem}.md)\n\n[{title}]({stem}.md)\n:::"
        for stem, title, path in cards
    ]
    lines += ["::::", "```{toctree}\n:hidden:\n\n" + "\n".join(stem for stem, *_ in cards) + "\n```"]
    (HERE / "gallery" / "index.md").write_text("\n\n".join(lines) + "\n", encoding="utf-8")


def setup(app):
    app.add_config_value("gallery_strict", False, "")  # -D gallery_strict=1: a script's warnings are errors
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True}
