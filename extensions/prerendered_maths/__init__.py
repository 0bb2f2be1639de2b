"""Set the book's maths at build time with KaTeX, so that pages carry no maths script.

KaTeX runs in the V8 engine of the `mini-racer` wheel: no Node is needed to build the book. The
script and the style sheet in `katex/` are one release; formulas are clipped when they differ.
"""

import atexit
import re
import shutil
from functools import cache
from html import escape
from pathlib import Path

from docutils import nodes
from py_mini_racer import JSEvalException, MiniRacer
from sphinx.errors import ExtensionError
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

KATEX = Path(__file__).parent / "katex"
# woff2 is read by every browser that the theme supports; the fallbacks are not shipped.
FALLBACK_FONTS = re.compile(r',url\([^)]+\.(?:woff|ttf)\) format\("(?:woff|truetype)"\)')

logger = logging.getLogger(__name__)


@cache
def _engine():
    engine = MiniRacer()
    atexit.register(engine.close)  # left to the garbage collector, Python 3.13 waits for ever
    engine.eval((KATEX / "katex.min.js").read_text(encoding="utf8"))
    return engine


def katex_version():
    """Return the release of the KaTeX script, such as "0.19.1"."""
    return _engine().eval("katex.version")


@cache
def render(tex, display=False):
    """Return the HTML and MathML of a formula; raise ValueError where KaTeX cannot read it."""
    options = {"displayMode": display, "output": "htmlAndMathml", "strict": "error"}
    try:
        return _engine().call("katex.renderToString", tex, options)
    except JSEvalException as error:
        reason = re.search(r"ParseError: (?:KaTeX parse error: )?(.*)", str(error))
        raise ValueError(f"{reason[1] if reason else error} in the formula {tex!r}") from error


def displayed_tex(source):
    """Return what KaTeX reads for a displayed formula.

    As in Sphinx, a line break outside an environment aligns the lines at their `&`.
    """
    source = source.strip()
    if r"\\" in source and r"\begin{" not in source:
        return rf"\begin{{split}}{source}\end{{split}}"
    return source


def _render_node(node, tex, display):
    try:
        return render(tex, display)
    except ValueError as error:
        logger.warning(str(error), location=node, type="maths")
        return f"<code>{escape(tex)}</code>"


def visit_math(translator, node):
    translator.body.append(
        f'<span class="math notranslate">{_render_node(node, node.astext(), False)}</span>'
    )
    raise nodes.SkipNode


def visit_displaymath(translator, node):
    number = get_node_equation_number(translator, node) if node.get("number") else None
    # A wide formula scrolls inside its box: the tab stop lets a keyboard scroll it.
    name = f"Equation {number}" if number else "Equation"
    translator.body.append(translator.starttag(node, "div", "", CLASS="math notranslate"))
    translator.body.append(
        f'<div class="formula" tabindex="0" role="group" aria-label="{name}">'
        f"{_render_node(node, displayed_tex(node.astext()), True)}</div>"
    )
    if number:
        translator.body.append(f'<span class="eqno">({number})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def refuse_random_ids(app, doctree):
    """Warn of a numbered `align`: MyST gives it a random id, so no two builds would be equal."""
    for node in doctree.findall(nodes.math_block):
        if node.get("nowrap") and node.get("number"):
            logger.warning(
                "a numbered amsmath environment cannot be cited: star it (align*), or write "
                "$$ \\begin{aligned} … \\end{aligned} $$ (eq-label)",
                location=node,
                type="maths",
            )


def add_style(app, pagename, templatename, context, doctree):
    """Load KaTeX's style sheet on the pages that show maths, and only there."""
    if 'class="katex' in context.get("body", ""):
        app.add_css_file("katex/katex.min.css")


def copy_style(app):
    """Copy KaTeX's style sheet, fonts and licence to where the pages will be.

    This comes first: a page gives the style sheet's checksum, if there is a style sheet.
    """
    if app.builder.format != "html":
        return
    target = Path(app.outdir, "_static", "katex")
    shutil.copytree(KATEX, target, ignore=shutil.ignore_patterns("*.js"), dirs_exist_ok=True)
    style = (KATEX / "katex.min.css").read_text(encoding="utf8")
    (target / "katex.min.css").write_text(FALLBACK_FONTS.sub("", style), encoding="utf8")


def setup(app):
    style = (KATEX / "katex.min.css").read_text(encoding="utf8")
    if f'content:"{katex_version()}"' not in style:
        raise ExtensionError(f"katex.min.css is not of release {katex_version()}")
    app.add_html_math_renderer("katex", (visit_math, None), (visit_displaymath, None))
    app.connect("doctree-read", refuse_random_ids)
    app.connect("html-page-context", add_style)
    app.connect("builder-inited", copy_style)
    # V8 hangs in a forked process, so pages are written by one.
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
