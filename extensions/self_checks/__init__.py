"""Ask five questions at the end of a chapter: ``{self-check} 01-three-hospitals``.

The argument names a file of ``content/self-checks``; the body is for readers of the source and of
JupyterLab, where the directive is not known. The page holds questions, answers and feedback, all
in HTML; the script shows the feedback of what a reader has chosen, and keeps it on the device.
"""

import re
import shutil
import sys
import zlib
from html import escape
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.append(str(ROOT))  # the questions are read as those of exams are, beside this folder

from assessment.questions import LETTERS, answer_text, html, load, question_text  # noqa: E402

FOLDER = ROOT / "content" / "self-checks"
ASSETS = [HERE / "self_checks.css", HERE / "self_checks.js"]
INTRODUCTION = (
    "Each question has one right answer. Check yours, and read what speaks for or against it."
)
SOURCE = re.compile(r"^```\{self-check\} (\S+)\n.*?^```$", re.MULTILINE | re.DOTALL)


class SelfCheckDirective(SphinxDirective):
    required_arguments = 1
    has_content = True

    def run(self):
        path = FOLDER / f"{self.arguments[0]}.yml"
        self.env.note_dependency(str(path))
        try:
            questions = as_html(self.arguments[0], load(path))
        except (OSError, ValueError) as error:
            raise self.error(str(error)) from error
        return [nodes.raw("", questions, format="html")]


def as_html(name, quiz):
    """Return the questions as native form controls, with the answers folded below each.

    Raises ValueError if a question asks for a number.
    """
    if numbers := [question.id for question in quiz.questions if not question.options]:
        raise ValueError(
            f"{name}: {', '.join(numbers)} asks for a number, and a self-check has options: "
            "move it to the exam bank."
        )
    questions = "\n".join(map(_question, range(1, len(quiz.questions) + 1), quiz.questions))
    return (
        f'<div class="self-check" data-name="{escape(name)}">\n<p>{INTRODUCTION}</p>\n{questions}\n'
        '<p class="check-forget" hidden><button type="button">Clear my answers</button> '
        "Your answers are kept in this browser, and go nowhere else. "
        '<span role="status"></span></p>\n</div>'
    )


def _question(number, question):
    options, answers = [], []
    for letter, option in zip(LETTERS, question.options, strict=False):
        # What is kept of an answer: an option that says something else is another option.
        value = f"{zlib.crc32(option.text.encode()):08x}"
        options.append(
            f'<label><input type="radio" name="{question.id}" value="{value}"> '
            f"<span>({letter}) {html(option.text)}</span></label>"
        )
        right = ' class="right"' if option.right else ""
        verdict = "Right." if option.right else "Not so."
        answers.append(
            f'<li{right} data-of="{value}">({letter}) <b>{verdict}</b> {html(option.feedback)}</li>'
        )
    return (
        f'<fieldset id="check-{question.id}"><legend>{number}. {html(question.text)}</legend>\n'
        + "\n".join(options)
        + '\n<button type="button" class="check-now" hidden>Check</button>'
        f'<p class="check-said" role="status" aria-live="polite"></p>\n'
        f"<details><summary>Answer to question {number}</summary>\n<ul>\n"
        + "\n".join(answers)
        + "\n</ul></details></fieldset>"
    )


def as_text(name):
    """Return the questions as a list in Markdown, with the answers folded at the end."""
    questions = load(FOLDER / f"{name}.yml").questions
    asked = [question_text(number, q) for number, q in enumerate(questions, start=1)]
    answered = [answer_text(number, q) for number, q in enumerate(questions, start=1)]
    folded = ["<details><summary>Answers</summary>", *answered, "</details>"]
    return "\n\n".join(asked + folded)


def write_out(markdown):
    """Replace each self-check of a page's source by its text."""
    return SOURCE.sub(lambda directive: as_text(directive[1]), markdown)


def add_assets(app, pagename, templatename, context, doctree):
    """Load script and style on the pages that have questions, and only there."""
    if 'class="self-check"' in context.get("body", ""):
        app.add_css_file("self_checks.css")
        app.add_js_file("self_checks.js", loading_method="defer")


def copy_assets(app, error):
    if not error and app.builder.format == "html":
        for asset in ASSETS:
            shutil.copy(asset, Path(app.outdir, "_static"))


def setup(app):
    app.add_directive("self-check", SelfCheckDirective)
    app.connect("html-page-context", add_assets)
    app.connect("build-finished", copy_assets)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
