"""Sphinx extension: names in backticks, on pages and in docstrings, link to the reference."""

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.util.nodes import make_refnode

_NAME = re.compile(r"(?:sm|sigmalloc)\.([A-Za-z_][\w.]*)(?:\(.*\))?|([A-Z][A-Za-z]+(?:\.\w+)?)(?:\(.*\))?")


def link_names(app, doctree):
    """`sm.train` and `Agent` on a page become references, where there is such an object."""
    for literal in list(doctree.findall(nodes.literal)):
        found = _NAME.fullmatch(literal.astext())
        if found is None or isinstance(literal.parent, (nodes.reference, addnodes.pending_xref)):
            continue
        target = f"sigmalloc.{found[1]}" if found[1] else found[2]
        reference = addnodes.pending_xref(
            "", literal.deepcopy(), refdomain="py", reftype="obj", reftarget=target, refexplicit=False, refwarn=False,
            refdoc=app.env.docname,
        )  # fmt: skip
        literal.replace_self(reference)


def find(app, env, node, content):
    """An object by the end of its name, if no other ends so."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].removeprefix("sm.").removeprefix("sigmalloc.")
    objects = env.domains["py"].objects
    names = [f"sigmalloc.{target}"] if f"sigmalloc.{target}" in objects else []
    names = names or [name for name in objects if name.endswith(f".{target}")]
    if len(names) != 1:
        return None
    entry = objects[names[0]]
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content, names[0])


def setup(app):
    app.connect("doctree-read", link_names)
    app.connect("missing-reference", find)
    return {"parallel_read_safe": True}
