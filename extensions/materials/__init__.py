"""What there is for teaching a chapter: ``{materials} 01-slug`` lists it, each with its link."""

import re
from pathlib import Path
from posixpath import dirname, relpath

from course_map.chapters import chapters_of
from docutils import nodes
from self_checks import FOLDER, load
from sphinx.util.docutils import SphinxDirective

NOTES = re.compile(r"^```\{notes\} (\d+)$", re.MULTILINE)


def self_check(path):
    """Return how many questions a chapter's self-check has, in words."""
    return f"Self-check: {len(load(path).questions)} questions on the chapter's page"


class Materials(SphinxDirective):
    required_arguments = 1

    def run(self):
        name, here, env = self.arguments[0], self.env.docname, self.env
        try:
            chapters = {chapter.docname: chapter for chapter in chapters_of(env)}
        except ValueError as error:
            raise self.error(str(error)) from error
        chapter = chapters.get(f"content/{name}")
        deck = Path(env.srcdir, "slides", f"{name}.md")
        if not chapter or not deck.is_file():
            raise self.error(f"There is no chapter content/{name}.md with slides in slides/.")
        env.note_dependency(str(deck))
        minutes = [int(found) for found in NOTES.findall(deck.read_text(encoding="utf8"))]
        slides = relpath(f"slides/{name}.html", dirname(here))
        uri = env.app.builder.get_relative_uri
        items = [
            f'<a href="{uri(here, chapter.docname)}">Chapter {chapter.number}</a>: '
            f"{chapter.minutes}",
            f'<a href="{slides}">Slides</a>: {len(minutes)} slides, {sum(minutes)} minutes '
            f'(<a href="{slides}?print-pdf">to print</a>)',
        ]
        if (assignment := f"content/assignments/{name}") in env.found_docs:
            items.append(f'<a href="{uri(here, assignment)}">Assignment</a>')
        if "{self-check}" in chapter.text:
            questions = FOLDER / f"{name}.yml"
            env.note_dependency(str(questions))
            try:
                items.append(self_check(questions))
            except (OSError, ValueError) as error:
                raise self.error(str(error)) from error
        html = f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"
        return [nodes.raw("", html, format="html")]


def setup(app):
    app.add_directive("materials", Materials)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
