"""The course map: what builds on what, how long it takes, and what its reader has read.

Minutes and prerequisites stand in each chapter's box of objectives, and nowhere else. What a reader
marks as read is kept in the reader's browser.
"""

import shutil
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from .chapters import CHAPTER, chapters_of, listed
from .drawing import drawing

PAGE = "content/toolbox/course-map"
ASSETS = [Path(__file__).parent / "course_map.js", Path(__file__).parent / "course_map.css"]
MARK = '<label><input type="checkbox" data-chapter="{}"> {}</label>'


class CourseMap(SphinxDirective):
    """The chapters with their minutes, what each builds on, and a box to mark it as read."""

    def mark(self, chapter):
        which = f'<span class="visually-hidden"> chapter {chapter.number}</span>'
        return MARK.format(chapter.docname, f"read{which}")

    def run(self):
        try:
            chapters = chapters_of(self.env)
            picture = drawing(chapters)
        except ValueError as error:
            raise self.error(str(error)) from error
        uri = self.env.app.builder.get_relative_uri
        items = [
            f'<li data-minutes="{chapter.reading + chapter.exercises}">'
            f'<a href="{uri(self.env.docname, chapter.docname)}">{escape(chapter.title)}</a>'
            f'<span class="read-mark" hidden>{self.mark(chapter)}</span><br>'
            f"{chapter.minutes}; builds on {listed(chapter.needs)}</li>"
            for chapter in chapters
        ]
        html = (
            f'<figure class="course-drawing">{picture}<figcaption>An arrow leads from a '
            "chapter to one that builds on it.</figcaption></figure>"
            f'<ol class="course-map">{"".join(items)}</ol>'
            '<p class="course-progress" hidden><span role="status"></span> '
            '<button type="button">Forget all marks</button></p>'
        )
        return [nodes.raw("", html, format="html")]


def add_marks(app, pagename, templatename, context, doctree):
    """Offer the mark at each chapter's end, and the script where there is something to mark."""
    if CHAPTER.fullmatch(pagename) and PAGE in app.env.found_docs:
        mark = MARK.format(pagename, "I have read this chapter")
        there = context["pathto"](PAGE)
        context["body"] += (
            f'<p class="chapter-read read-mark" hidden>{mark} '
            f'(<a href="{there}">course map</a>)</p>'
        )
    if "data-chapter" in context.get("body", ""):
        app.add_js_file("course_map.js", loading_method="defer")
        app.add_css_file("course_map.css")


def copy_assets(app, error):
    if not error and app.builder.format == "html":
        for asset in ASSETS:
            shutil.copy(asset, Path(app.outdir, "_static"))


def setup(app):
    app.add_directive("course-map", CourseMap)
    app.connect("html-page-context", add_marks)
    app.connect("build-finished", copy_assets)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
