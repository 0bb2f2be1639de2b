"""The student's side of an assignment: its page in the book, and the same as a notebook.

``python -m assessment.pages`` writes the pages into ``content/assignments``. They are committed:
the book, its downloads, live cells and Binder only ever see them, never a source.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from assessment.source import ROOT, Assignment, Exercise, read, sources

PAGES = ROOT / "content" / "assignments"
NOTE = "% Written by `make assignment-pages` from the assignment's source: change that one."
HEADER = """\
---
jupytext: {formats: "md:myst", text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
"""


def heading(number: int, exercise: Exercise) -> NotebookNode:
    points = f"{exercise.points} point{'s' * (exercise.points != 1)}"
    return new_markdown_cell(f"## Exercise {number}: {exercise.title} ({points})")


def checks(exercise: Exercise) -> str:
    """Return the code of the public tests, and of printing what they say."""
    calls = []
    for test in exercise.public:
        name, parameters = re.match(r"def (\w+)\(([\w, ]+)\):", test).groups()
        answers = [f"{answer}={answer}" for answer in parameters.split(", ")]
        calls.append(f"check({', '.join([name, *answers])})")
    return "\n\n\n".join([*exercise.public, "\n".join(calls)])


def tagged(source: str, name: str, **kind: object) -> NotebookNode:
    """Return a code cell that nbgrader knows by a name."""
    plain = {"grade": False, "solution": False, "locked": True, "task": False, "schema_version": 3}
    return new_code_cell(source, metadata={"nbgrader": {"grade_id": name} | plain | kind})


def starter(exercise: Exercise, solution: str = "") -> NotebookNode:
    """Return the cell for the answers; by its name nbgrader finds the tests that belong to it."""
    source = "\n".join([*exercise.starter, *filter(None, [solution])])
    return tagged(source, exercise.label, solution=True, locked=False)


def student_cells(assignment: Assignment) -> Iterator[NotebookNode]:
    """Yield what students see; whatever is not taken here stays secret."""
    number = 0
    for item in assignment.items:
        if not isinstance(item, Exercise):
            yield item
            continue
        number += 1
        yield heading(number, item)
        yield from item.task
        yield starter(item)
        yield new_code_cell(checks(item))


def page(assignment: Assignment) -> str:
    """Return the assignment's page in MyST Markdown."""
    parts = [HEADER + NOTE]
    for cell in student_cells(assignment):
        if cell.cell_type == "code":
            named = cell.metadata.get("nbgrader")
            header = f"---\nnbgrader: {json.dumps(named)}\n---\n" if named else ""
            parts.append(f"```{{code-cell}} ipython3\n{header}{cell.source}\n```")
        else:
            parts.append(cell.source)
    return "\n\n".join(parts) + "\n"


def page_of(source: Path) -> Path:
    return PAGES / source.name


if __name__ == "__main__":
    for source in sources():
        page_of(source).write_text(page(read(source)), encoding="utf-8")
        print(page_of(source).relative_to(ROOT))
