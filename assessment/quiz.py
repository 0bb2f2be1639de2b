"""Quizzes in the formats of learning platforms and of paper.

``python -m assessment.quiz FROM TO`` writes every quiz of a folder in every format.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from assessment.questions import LETTERS, answer_text, html, load, question_text


def printable(path: str | Path, *, key: bool = False) -> str:
    """Return a quiz as Markdown to print, or its key."""
    quiz = load(path)
    parts = [f"# {quiz.title}{': key' if key else ''}"]
    for number, question in enumerate(quiz.questions, start=1):
        parts.append(question_text(number, question))
        if key:
            parts[-1] += f"\n\n*Objective {question.objective}.*"
            parts.append(answer_text(number, question))
    return "\n\n".join(parts) + "\n"


def qti(path: str | Path) -> bytes:
    """Return a quiz as a zip in QTI 1.2, as Canvas and others import it."""
    from text2qti.config import Config
    from text2qti.qti import QTI
    from text2qti.quiz import Quiz as QtiQuiz

    quiz = load(path)
    lines = [f"Quiz title: {quiz.title}", "shuffle answers: true"]
    for number, question in enumerate(quiz.questions, start=1):
        lines += ["", f"Title: {question.id}", "Points: 1", f"{number}.  {question.text}"]
        for letter, option in zip(LETTERS, question.options, strict=False):
            lines += [f"{'*' if option.right else ''}{letter})  {option.text}"]
            lines += [f"... {option.feedback}"]
        if not question.options:
            lines += [f"... {question.feedback}", f"=   {question.answer} +- {question.tolerance}"]
    made = QTI(QtiQuiz("\n".join(lines), config=Config(), source_name=Path(path).name))
    same_bytes = io.BytesIO()  # in every run: without the time of writing
    with (
        zipfile.ZipFile(io.BytesIO(made.zip_bytes())) as dated,
        zipfile.ZipFile(same_bytes, "w", zipfile.ZIP_DEFLATED) as undated,
    ):
        for name in dated.namelist():
            undated.writestr(zipfile.ZipInfo(name), dated.read(name), zipfile.ZIP_DEFLATED)
    return same_bytes.getvalue()


def moodle(path: str | Path) -> str:
    """Return a quiz as Moodle XML, in a category of its own."""
    quiz = load(path)
    root = ElementTree.Element("quiz")
    category = ElementTree.SubElement(root, "question", type="category")
    _add_text(category, "category", f"$course$/top/{quiz.title.replace('/', '//')}")
    for question in quiz.questions:
        kind = "multichoice" if question.options else "numerical"
        item = ElementTree.SubElement(root, "question", type=kind)
        _add_text(item, "name", question.id)
        _add_text(item, "questiontext", f"<p>{html(question.text)}</p>", format="html")
        ElementTree.SubElement(item, "defaultgrade").text = "1"
        for name in ("single", "shuffleanswers") if question.options else ():
            ElementTree.SubElement(item, name).text = "true"
        for option in question.options:
            answer = _add_text(
                item, "answer", html(option.text), fraction="100" if option.right else "0"
            )
            answer.set("format", "html")
            _add_text(answer, "feedback", html(option.feedback), format="html")
        if not question.options:
            answer = _add_text(item, "answer", str(question.answer), fraction="100")
            ElementTree.SubElement(answer, "tolerance").text = str(question.tolerance)
            _add_text(item, "generalfeedback", html(question.feedback), format="html")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False)


def _add_text(parent: ElementTree.Element, name: str, text: str, **attributes: str):
    element = ElementTree.SubElement(parent, name, attributes)
    ElementTree.SubElement(element, "text").text = text
    return element


def write_all(source: Path, target: Path) -> None:
    """Write every quiz of a folder as QTI, as Moodle XML, and as Markdown with and without key."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.glob("*.yml")):
        (target / f"{path.stem}-qti.zip").write_bytes(qti(path))
        texts = {
            "-moodle.xml": moodle(path),
            ".md": printable(path),
            "-key.md": printable(path, key=True),
        }
        for ending, text in texts.items():
            (target / f"{path.stem}{ending}").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_all(Path(sys.argv[1]), Path(sys.argv[2]))
