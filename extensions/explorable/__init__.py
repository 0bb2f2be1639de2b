"""Place the package's explorable in a page: ``{explorable} paradox`` with its caption as body.

The options are the arguments of :func:`multilevel.explore.explore`: ``sliders`` and ``cases``
(names with spaces between), ``against``, and the start of any slider. The script is loaded when a
reader comes near the figure, and on no page without one.
"""

import re
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from multilevel.explore import SLIDERS, SLIDERS_OF_SLOPES, explore, script

MODULE = "explorable.mjs"
# Stands there until the script has come: for good on paper, and where no script runs.
WITHOUT = (
    "This figure can be moved where JavaScript runs. "
    "Without it, the other figures of this page show the hospitals at rest."
)
# A link that carries values names the figure in its fragment: then it is loaded at once.
LOADER = """
const load = async (box) => (await import("{url}")).mount(box);
const near = new IntersectionObserver((entries) => {{
  for (const {{ target, isIntersecting }} of entries) if (isIntersecting) load(target);
}}, {{ rootMargin: "800px" }});
for (const box of document.querySelectorAll(".explorable"))
  if (location.hash.startsWith(`#${{box.id}}?`)) load(box);
  else near.observe(box);
"""


class ExplorableDirective(SphinxDirective):
    required_arguments = 1
    has_content = True
    option_spec = {  # noqa: RUF012
        "name": directives.unchanged,
        "sliders": str.split,
        "cases": str.split,
        "against": directives.unchanged_required,
        **dict.fromkeys(SLIDERS | SLIDERS_OF_SLOPES, float),
    }

    def run(self):
        chosen = {key: value for key, value in self.options.items() if key != "name"}
        try:
            figure = explore(self.arguments[0], **chosen)
        except ValueError as error:
            raise self.error(str(error)) from error
        html = figure.element(f"<p>{WITHOUT}</p>")
        node = nodes.figure("", nodes.raw("", html, format="html"), classes=["explorable-figure"])
        self.set_source_info(node)
        self.add_name(node)
        caption = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, caption)
        if len(caption) != 1 or not isinstance(caption[0], nodes.paragraph):
            raise self.error("An explorable has one paragraph of caption, which says what to see.")
        node += nodes.caption(caption[0].rawsource, "", *caption[0].children)
        return [node]


def as_code(preset, options):
    """Return the Python that shows in a notebook what a directive with these options shows."""
    spec = ExplorableDirective.option_spec
    given = re.findall(r"^:(\w+): *(.*)$", options, re.MULTILINE)
    arguments = [f"{name}={spec[name](value)!r}" for name, value in given if name != "name"]
    call = f"explore({', '.join([repr(preset), *arguments])})"
    return f"from multilevel.explore import explore\n\n{call}"


def add_loader(app, pagename, templatename, context, doctree):
    """Load the script on the pages that have the figure, and only there."""
    if 'class="explorable"' in context.get("body", ""):
        url = context["pathto"](f"_static/{MODULE}", resource=True)
        app.add_js_file(None, body=LOADER.format(url=url), type="module")


def write_script(app, error):
    if not error and app.builder.format == "html":
        Path(app.outdir, "_static", MODULE).write_text(
            f"{script()}\nexport {{ mount }};\n", encoding="utf-8"
        )


def setup(app):
    app.add_directive("explorable", ExplorableDirective)
    app.connect("html-page-context", add_loader)
    app.connect("build-finished", write_script)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
