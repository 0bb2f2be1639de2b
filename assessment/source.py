"""The source of an assignment, taken apart; CONTRIBUTING.md says how one is written."""

from __future__ import annotations

import ast
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import jupytext
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

ROOT = Path(__file__).resolve().parents[1]
SOURCES = Path(os.environ.get("OVERLAY") or ROOT / "assignments")
"""OVERLAY is a folder elsewhere with assignments of one's own, which students do not know."""
MARK = re.compile(
    r"^:::\{(exercise|solution)-(start|end)\}[ ]*(.*)\n((?::[\w-]+:.*\n)*):::[ ]*$", re.MULTILINE
)
KINDS = {"starter", "solution", "wrong", "also-right"}
NEEDED = {"task", "starter", "solution", "public", "hidden", "wrong"}


@dataclass
class Exercise:
    """One exercise: what students see (task, starter, public tests), and the rest.

    ``task`` and ``solution`` hold cells in order, the other lists the sources of code cells; each
    test is one function whose parameters are answers.
    """

    label: str
    title: str
    points: int
    task: list[NotebookNode] = field(default_factory=list)
    starter: list[str] = field(default_factory=list)
    solution: list[NotebookNode] = field(default_factory=list)
    public: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    also_right: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.label.replace("-", "_")

    @property
    def answers(self) -> list[str]:
        """The names that the starter leaves open."""
        return [t.id for node in _parsed(self.starter) for t in getattr(node, "targets", [])]

    @property
    def model_answer(self) -> str:
        return "\n\n".join(c.source for c in self.solution if c.cell_type == "code")

    @property
    def points_per_test(self) -> float:
        return self.points / len(self.hidden)


@dataclass
class Assignment:
    """The cells and exercises of an assignment, in order."""

    name: str
    items: list[NotebookNode | Exercise]

    @property
    def exercises(self) -> list[Exercise]:
        return [item for item in self.items if isinstance(item, Exercise)]

    @property
    def answers(self) -> list[str]:
        return [answer for exercise in self.exercises for answer in exercise.answers]

    @property
    def setup(self) -> str:
        """The imports and data: every cell outside the exercises but the one with the id."""
        cells = [c for c in self.items if not isinstance(c, Exercise) and c.cell_type == "code"]
        return "\n\n".join(cell.source for cell in cells[1:])

    def whole_test(self, test: str) -> str:
        """Return a hidden test that trusts nothing but the answers and the id.

        Its body begins with the imports and the data of the assignment, so that every name in it
        is made anew, whatever the notebook has made of that name.
        """
        signature, body = test.split("\n", 1)
        signature = signature.replace("):", ", STUDENT):")
        setup = "\n".join(f"    {line}" if line else "" for line in self.setup.split("\n"))
        return f"{signature}\n{setup}\n\n{body}"


def sources() -> list[Path]:
    """Return the source files of all assignments, in order."""
    return sorted(SOURCES.glob("*.md"))


def read(path: Path) -> Assignment:
    """Take an assignment apart.

    Raises
    ------
    ValueError
        If something is missing or in the wrong place; it names file and exercise.
    """
    try:
        return _read(path)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def _read(path: Path) -> Assignment:
    assignment = Assignment(path.stem, [])
    place, exercise = "body", None
    for cell in jupytext.read(path).cells:
        if cell.cell_type == "code":
            _put_code(assignment, exercise, place, cell)
            continue
        end = 0
        for mark in MARK.finditer(cell.source):
            _put_text(assignment, exercise, place, cell.source[end : mark.start()])
            end, (kind, edge, argument, options) = mark.end(), mark.groups()
            alone = kind == "solution" and exercise is None
            if alone or place != ("body" if edge == "start" else kind):
                told = f"{kind}-{edge} {argument}".strip()
                raise ValueError(f"{_last(exercise)}: {told} is out of place.")
            place = kind if edge == "start" else "body"
            if (kind, edge) == ("exercise", "start"):
                exercise = _exercise(argument.strip(), options)
                if exercise.label in {other.label for other in assignment.exercises}:
                    raise ValueError(f"{exercise.label}: two exercises have that label.")
                assignment.items.append(exercise)
            elif edge == "start" and argument.strip() != exercise.label:
                raise ValueError(f"the solution after {exercise.label} has its label.")
        _put_text(assignment, exercise, place, cell.source[end:])
    if place != "body":
        raise ValueError(f"{_last(exercise)} has no {place}-end.")
    for exercise in assignment.exercises:
        _complain(exercise)
    return assignment


def _last(exercise: Exercise | None) -> str:
    return exercise.label if exercise else "before the first exercise"


def _parsed(sources: list[str]) -> list[ast.stmt]:
    return ast.parse("\n".join(sources)).body


def _exercise(title: str, options: str) -> Exercise:
    values = dict(re.findall(r":([\w-]+): *(.*)", options))
    points = re.fullmatch(r"points-([1-9]\d*)", values.get("class", "").strip())
    if not values.get("label", "").strip() or not points:
        raise ValueError(f"exercise {title!r} needs ':label: as-N-name' and ':class: points-3'.")
    return Exercise(values["label"].strip(), title, int(points[1]))


def _put_text(assignment: Assignment, exercise: Exercise | None, place: str, text: str) -> None:
    if not text.strip():
        return
    cell = new_markdown_cell(text.strip())
    if place == "body":
        assignment.items.append(cell)
    else:
        (exercise.task if place == "exercise" else exercise.solution).append(cell)


def _put_code(
    assignment: Assignment, exercise: Exercise | None, place: str, cell: NotebookNode
) -> None:
    tags = set(cell.metadata.get("tags", []))
    kind = (tags & KINDS or {""}).pop()
    code = new_code_cell(cell.source)
    if exercise is None and tags & (KINDS | {"test", "hidden-test"}):
        raise ValueError(f"a cell before the first exercise has its tags: {cell.source}")
    if "test" not in tags and ("hidden-test" in tags or "def test_" in cell.source):
        raise ValueError(f"{_last(exercise)}: a test cell lacks the tag 'test'.")
    if "hidden-test" in tags:
        exercise.hidden.append(cell.source)
    elif "test" in tags and exercise.hidden:  # or a lost tag would publish a graded test
        raise ValueError(f"{exercise.label}: a test after the first hidden one is no hidden-test.")
    elif "test" in tags:
        exercise.public.append(cell.source)
    elif kind == "starter":
        exercise.starter.append(cell.source)
    elif kind in ("wrong", "also-right"):
        getattr(exercise, kind.replace("-", "_")).append(cell.source)
    elif kind == "solution" and place == "solution":
        exercise.solution.append(code)
    elif kind or place == "solution":
        raise ValueError(f"{exercise.label}: a code cell of a solution says what it is by its tag.")
    else:
        (exercise.task if place == "exercise" else assignment.items).append(code)


def _complain(exercise: Exercise) -> None:
    label = exercise.label
    if missing := sorted(part for part in NEEDED if not getattr(exercise, part)):
        raise ValueError(f"{label} has no {', '.join(missing)}.")
    graded = set()
    for test in exercise.public + exercise.hidden:
        statements = _parsed([test])
        if len(statements) != 1 or not isinstance(statements[0], ast.FunctionDef):
            raise ValueError(f"a test cell of {label} is not one function.")
        parameters = {a.arg for a in statements[0].args.args}
        if unknown := parameters - set(exercise.answers):
            raise ValueError(f"{label} tests {unknown}, no name of its starter.")
        graded |= parameters if test in exercise.hidden else set()
    if ungraded := sorted(set(exercise.answers) - graded):
        raise ValueError(f"no hidden-test of {label} asks for {', '.join(ungraded)}.")
    public = [node for test in _parsed(exercise.public) for node in ast.walk(test)]
    if not all(node.msg for node in public if isinstance(node, ast.Assert)):
        raise ValueError(
            f"a public test of {label} tells its student nothing; or is it a hidden-test that has "
            "lost its tag?"
        )
