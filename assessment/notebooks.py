"""The notebooks of an assignment: for students, for instructors, for otter and for nbgrader."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from assessment.answers import failures, run, start
from assessment.pages import checks, heading, starter, tagged
from assessment.source import Assignment, Exercise

OTTER = """\
# ASSIGNMENT CONFIG
init_cell: false
check_all_cell: false
export_cell: false
solutions_pdf: false
tests: {ok_format: false}
generate: {pdf: false, zips: false}
run_tests: true"""
STUDENT = "practice"
ROLE = re.compile(r"\{[\w:-]+\}`([^<`]+?)(?:\s*<[^>]+>)?`")


def notebook(cells: Iterable[NotebookNode]) -> NotebookNode:
    made = new_notebook(cells=[NotebookNode(cell) for cell in cells])
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made.metadata.language_info = {"name": "python"}
    for number, cell in enumerate(made.cells):
        cell.id = f"cell-{number:03d}"
        if cell.cell_type == "markdown":  # roles mean nothing outside the book
            cell.source = ROLE.sub(r"\1", cell.source)
    return made


def instructor(assignment: Assignment) -> NotebookNode:
    """Return the notebook with solutions, rubric, tests and tempting answers, not yet run."""
    names = start(assignment, STUDENT)
    cells = []
    for item in assignment.items:
        if not isinstance(item, Exercise):
            cells.append(item)
            continue
        number = assignment.exercises.index(item) + 1
        cells += [heading(number, item), *item.task, new_markdown_cell("**Solution**")]
        cells += item.solution
        shown = ", ".join(f'"{name}": {name}' for name in item.answers)
        cells += [new_markdown_cell("**Expected answers**"), new_code_cell(f"{{{shown}}}")]
        worth = f"{item.points_per_test:.3g}"
        cells.append(new_markdown_cell(f"**Hidden tests**, {worth} point(s) each"))
        cells += [new_code_cell(f"{test}\n\n\n{_call(test)}") for test in item.hidden]
        for source in item.also_right:
            cells.append(new_markdown_cell(f"**Also right**\n\n```python\n{source}\n```"))
        for source in item.wrong:
            failed = ", ".join(f"`{t}`" for t in failures(item.hidden, names, run(source, names)))
            text = f"**Tempting and wrong**\n\n```python\n{source}\n```\n\nFails {failed}."
            cells.append(new_markdown_cell(text))
    return notebook(cells)


def otter(assignment: Assignment) -> NotebookNode:
    """Return the master notebook of otter-grader, from which it makes its autograder."""
    return notebook(_otter(assignment))


def _otter(assignment: Assignment) -> Iterator[NotebookNode]:
    yield new_raw_cell(OTTER)
    for item in assignment.items:
        if not isinstance(item, Exercise):
            yield item
            continue
        yield new_raw_cell(f"# BEGIN QUESTION\nname: {item.name}\npoints: {item.points}")
        yield from item.task
        yield new_raw_cell("# BEGIN SOLUTION")
        yield new_code_cell(f"# BEGIN SOLUTION\n{item.model_answer}\n# END SOLUTION")
        yield new_raw_cell("# END SOLUTION")
        yield new_raw_cell("# BEGIN TESTS")
        for test in item.hidden:
            config = f"name: {_name(test)}\nhidden: true\npoints: {item.points_per_test}"
            yield new_code_cell(
                f'""" # BEGIN TEST CONFIG\n{config}\n""" # END TEST CONFIG\n'
                + assignment.whole_test(test)
            )
        yield new_raw_cell("# END TESTS")
        yield new_raw_cell("# END QUESTION")


def nbgrader(assignment: Assignment) -> NotebookNode:
    """Return the source notebook of nbgrader; its release is what students get from it."""
    cells = []
    for item in assignment.items:
        if not isinstance(item, Exercise):
            locked = item.cell_type == "code" and not item.source.startswith("STUDENT =")
            cells.append(tagged(item.source, f"setup-{len(cells)}") if locked else item)
            continue
        number = assignment.exercises.index(item) + 1
        cells += [heading(number, item), *item.task]
        cells.append(starter(item, f"### BEGIN SOLUTION\n{item.model_answer}\n### END SOLUTION"))
        cells.append(new_code_cell(checks(item)))
        for count, test in enumerate(item.hidden, start=1):
            source = (
                f"# Test {count} of {len(item.hidden)}: it is filled in when your work is graded.\n"
                f"### BEGIN HIDDEN TESTS\n{_own_builtins(assignment.whole_test(test))}\n\n"
                f"{_call(test, 'STUDENT')}\n### END HIDDEN TESTS"
            )
            points = item.points_per_test
            cells.append(tagged(source, f"{item.label}-{count}", grade=True, points=points))
    return notebook(cells)


def _name(test: str) -> str:
    return test[len("def ") : test.index("(")]


def _call(test: str, *more: str) -> str:
    parameters = test[test.index("(") + 1 : test.index(")")]
    return f"{_name(test)}({', '.join([parameters, *more])})"


def _own_builtins(test: str) -> str:
    """Have a test use Python's own functions, whatever the notebook calls by their names."""
    used = {n.id for n in ast.walk(ast.parse(test)) if isinstance(n, ast.Name)}
    # `_` is no function of Python's: a translated program, such as Sphinx, puts it there.
    if not (used := sorted(used & set(vars(builtins)) - {"_"})):
        return test
    signature, body = test.split("\n", 1)
    return f"{signature}\n    from builtins import {', '.join(used)}\n\n{body}"
