"""Sphinx configuration: `python -m sphinx -W docs docs/_build/html`."""

import os
import shutil
import sys
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import snippets  # noqa: E402
from numpydoc.xref import DEFAULT_LINKS  # noqa: E402

import sigmalloc  # noqa: E402

project = "sigmalloc"
copyright = "the sigmalloc developers"
version = release = sigmalloc.__version__

extensions = [
    "myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode", "sphinx.ext.mathjax", "sphinx-mathjax-offline",
    "numpydoc", "gallery_pages", "linking",
]  # fmt: skip
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "sigmalloc"
html_theme_options = {
    "light_css_variables": {"color-foreground-muted": "#555", "color-foreground-secondary": "#444"},
    "dark_css_variables": {"color-foreground-muted": "#aaa"},
}
html_static_path = ["_static"]
html_css_files = ["wide.css"]
pygments_style = "a11y-high-contrast-light"  # (from accessible-pygments, which furo brings)
pygments_dark_style = "a11y-high-contrast-dark"
suppress_warnings = ["config.cache"]

myst_enable_extensions = ["attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"
numpydoc_xref_param_type = True
numpydoc_xref_aliases = {name: name for name in DEFAULT_LINKS}  # no links to pages elsewhere
numpydoc_xref_ignore = {
    "of",
    "optional",
    "shape",
    "or",
    "array",
    "dict",
    "in",
    "default",
    "and",
    "callable",
    "sequence",
    "restarts",
    "states",
}
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False


def write_symbols(app):
    """The table of the agent's fields, from its docstring."""
    from sigmalloc.cli.docstrings import parameters
    from sigmalloc.cli.options import published

    lines = ["| symbol | field | default | unit | what it is |", "|---|---|---|---|---|"]
    for name, parameter in parameters(sigmalloc.Agent).items():
        text = parameter.text.removeprefix(f"{parameter.symbol}, ").replace("|", "\\|")
        default = (published(name) or "none").replace("; ", "<br>")
        lines.append(f"| {parameter.symbol} | `{name}` | {default} | {parameter.unit} | {text} |")
    folder = HERE / "_build"
    folder.mkdir(exist_ok=True)
    (folder / "symbols.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


# The tutorials are run once a build; their figures are what the pages show.
FIGURES = HERE / "_build" / "figures"


def run_tutorials(app):
    shutil.rmtree(FIGURES, ignore_errors=True)
    for page in sorted(HERE.glob("*.md")):
        if snippets.blocks(page):
            (FIGURES / page.stem).mkdir(parents=True)
            snippets.run(page, FIGURES / page.stem)


def plain_bars(app, what, name, thing, options, lines):
    """Bars in docstrings are absolute values and conditional probabilities, not substitutions."""
    for number, line in enumerate(lines):
        parts = line.split("`")  # every other one is code
        lines[number] = "`".join(part if i % 2 else part.replace("|", "\\|") for i, part in enumerate(parts))


def setup(app):
    app.connect("autodoc-process-docstring", plain_bars)
    app.connect("builder-inited", write_symbols)
    app.connect("builder-inited", run_tutorials)
