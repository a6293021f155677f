"""Settings of the documentation; `make docs` builds it into build/docs."""

from __future__ import annotations

import functools
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import perdita  # noqa: E402 (of this checkout)

project = "perdita"
author = "The perdita authors"
version = release = perdita.__version__
extensions = ["myst_parser", "sphinx_copybutton"]
html_math_renderer = "mathml"  # what browsers draw by themselves: no script, no network
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
nitpicky = True  # a reference that leads nowhere fails the build
exclude_patterns = ["Thumbs.db"]
html_theme = "furo"
html_title = "perdita"
html_static_path = ["_static"]
html_css_files = ["perdita.css"]
html_js_files = ["catalogue.js"]
html_favicon = "_static/icon.svg"
smartquotes_action = "qe"  # no dashes: --help stays --help
html_show_sphinx = False
html_show_copyright = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def formula(self: Any, node: Any, display: str) -> None:
    """A formula as MathML, in place of the node; a displayed one can be scrolled where the page is narrow."""
    from docutils.nodes import SkipNode
    from latex2mathml.converter import convert

    drawn = convert(node.astext(), display=display)
    self.body.append(f'<div class="formula">{drawn}</div>' if display == "block" else drawn)
    raise SkipNode


def link_losses(app: Any, name: str, source: list[str]) -> None:
    """Sphinx's source-read: losses named in the table that chooses lead to their pages."""
    from tools.reference_pages import code

    if name == "which-loss":
        source[0] = re.sub(r"`[a-z0-9_]+`", lambda found: code(found[0]), source[0])


def titles_alone(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Sphinx's html-page-context: the sidebar, which shows titles, is made of titles. Furo asks for it on each page,
    and Sphinx would copy every heading of every page for it, to leave them out."""
    whole = context["toctree"]

    def toctree(**options: Any) -> str:
        if not options.get("titles_only"):
            return whole(**options)
        kept, app.env.tocs = app.env.tocs, titles(app.env)
        try:
            return whole(**options)
        finally:
            app.env.tocs = kept

    context["toctree"] = toctree


@functools.cache
def titles(environment: Any) -> dict[str, Any]:
    """Each page's table of contents without the headings under its title; lists of pages stay."""
    from sphinx.addnodes import toctree

    found = {}
    for name, contents in environment.tocs.items():
        found[name] = contents.deepcopy()
        for item in found[name].children:
            for part in item.children[1:]:
                if next(part.findall(toctree), None) is None:
                    item.remove(part)
    return found


def setup(app: Any) -> None:
    """Write the pages that are drawn from the cards, the claims and the benchmarks before the others are read, and run
    the tutorials, whose outputs and reports are shown (`-D run_tutorials=0` leaves them out)."""
    from tools.page_code import run_tutorial
    from tools.reference_pages import write

    app.add_html_math_renderer(
        "mathml",
        inline_renderers=(lambda self, node: formula(self, node, "inline"), None),
        block_renderers=(lambda self, node: formula(self, node, "block"), None),
    )
    app.add_config_value("run_tutorials", True, "env")
    app.connect("source-read", run_tutorial)
    app.connect("source-read", link_losses)
    app.connect("html-page-context", titles_alone, priority=400)  # before the theme's own
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / "reference"))
