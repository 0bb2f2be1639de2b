"""Slides that show what the chapter computed: its figures, its numbers, and no copy of either.

A deck has the name of its chapter. It is built when the book stands, and reads the book's page for
figures with their alternative texts, and the chapter's glued values for numbers.
"""

import shutil
from functools import cache
from html import escape
from pathlib import Path
from posixpath import normpath

from bs4 import BeautifulSoup
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.domains import Domain
from sphinx.util.docutils import SphinxDirective, SphinxRole
from student_downloads import glued_values

BUILT = Path(__file__).parents[2] / "_build"
# All of reveal.js that a deck loads; the rest of its distribution is not shipped.
KEPT = {"LICENSE", "dist/reveal.css", "dist/reveal.js", "plugin/notes/notes.js"}


@cache
def page_of(chapter):
    """Return the chapter's page as the book's build wrote it."""
    return BeautifulSoup((BUILT / f"html/content/{chapter}.html").read_text("utf8"), "html.parser")


@cache
def values_of(chapter):
    """Return the text of each number that the chapter reported, by its name."""
    return glued_values(BUILT / "jupyter_execute", f"content/{chapter}")


def figure_of(chapter, name):
    """Return image and number of a chapter's figure; raise ValueError if it has none."""
    try:
        figure = page_of(chapter).find("figure", id=name)
    except FileNotFoundError as error:
        raise ValueError(f"{chapter} is not built: a deck has the name of its chapter.") from error
    image = figure and figure.find("img")
    if not image:
        raise ValueError(f"{chapter} has no figure {name!r} that stands still.")
    number = figure.find(class_="caption-number")
    if not number:
        raise ValueError(f"The figure {name!r} of {chapter} has no number: give it a caption.")
    return image, number.get_text(strip=True).rstrip(".")


class ChapterNumber(SphinxRole):
    """``{glue:text}`name```, as in the chapter."""

    def run(self):
        try:
            return [nodes.Text(values_of(self.env.docname)[self.text])], []
        except KeyError:
            message = f"{self.env.docname} reports no number {self.text!r}"
            return [], [self.inliner.reporter.warning(message, line=self.lineno)]


class Glue(Domain):
    name = "glue"
    roles = {"text": ChapterNumber()}  # noqa: RUF012


class ChapterFigure(SphinxDirective):
    """A figure of the chapter by its name, with its alternative text and a link to its place."""

    required_arguments = 1

    def run(self):
        name, chapter = self.arguments[0], self.env.docname
        try:
            image, number = figure_of(chapter, name)
        except ValueError as error:
            raise self.error(str(error)) from error
        source = normpath(f"../content/{image['src']}")
        html = (
            f'<figure><img src="{source}" alt="{escape(image["alt"])}">'
            f'<figcaption><a href="../content/{chapter}.html#{name}">{number}</a></figcaption>'
            "</figure>"
        )
        return [nodes.raw("", html, format="html")]


class Notes(SphinxDirective):
    """What the speaker says and hears at this slide, and the minutes that it takes."""

    required_arguments = 1
    has_content = True

    def run(self):
        minutes = directives.positive_int(self.arguments[0])
        plural = "" if minutes == 1 else "s"
        start = f'<aside class="notes"><p>{minutes} minute{plural}</p>'
        said = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, said)
        end = nodes.raw("", "</aside>", format="html")
        return [nodes.raw("", start, format="html"), *said.children, end]


def mend_page(app, pagename, templatename, context, doctree):
    """Close the sections that sphinx-revealjs leaves open; the theme has a viewport already."""
    body = context.get("body", "")
    context["body"] = body + "</section>" * (body.count("<section") - body.count("</section>"))
    context["metatags"] = '<link rel="icon" href="data:,">'  # no browser then asks for one


def drop_unused_files(app, error):
    reveal = Path(app.outdir, "_static", "revealjs")
    for file in sorted(reveal.rglob("*"), reverse=True):
        if file.is_dir() and not any(file.iterdir()):
            file.rmdir()
        elif file.is_file() and file.relative_to(reveal).as_posix() not in KEPT:
            file.unlink()
    shutil.rmtree(Path(app.outdir, "_sources"), ignore_errors=True)


def setup(app):
    app.add_domain(Glue)
    app.add_directive("chapter-figure", ChapterFigure)
    app.add_directive("notes", Notes)
    app.connect("html-page-context", mend_page)
    app.connect("build-finished", drop_unused_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
