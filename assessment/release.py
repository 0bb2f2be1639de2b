"""Everything that an instructor needs of a chapter, in one zip.

``python -m assessment.release CLASS.csv [NAME...]`` writes ``_build/assignments/NAME.zip``, or, of
assignments from an OVERLAY, ``_build/private-assignments/NAME.zip``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
import pandas as pd
from nbclient import NotebookClient

from assessment import answers, notebooks, quiz
from assessment.classes import read_class
from assessment.paper import print_page
from assessment.source import ROOT, SOURCES, Assignment, read, sources

# Private assignments may have the names of the book's.
OUT = ROOT / "_build" / ("private-assignments" if os.environ.get("OVERLAY") else "assignments")
CONFIG = Path(__file__).with_name("nbgrader_config.py")
CONTENTS = """\
{name}: what is in this folder

student/      the notebook for students, and the book's package, which it needs
              (pip install multilevel-*.whl); nothing here is secret
instructor/   the notebook with solutions, rubric, hidden tests and tempting wrong answers, and
              answer-key.csv, the right answers of every id of the class
otter/        the master notebook of otter-grader 7 and autograder.zip, made from it
nbgrader/     a course for nbgrader 0.9: its configuration and the source of the assignment
quiz/         the self-check of the chapter for Canvas and others (QTI), for Moodle, and on paper
chapter.pdf   the chapter, to print

What to do with all this: the page "Assign and grade a chapter" of the book.
"""


def tool(*command: str, folder: Path) -> None:
    """Run a program of this environment; raise RuntimeError with what it said if it fails."""
    program, *arguments = command
    programs = Path(sys.executable).parent
    path = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}  # nbgrader looks for alembic
    done = subprocess.run(
        [programs / program, *arguments],
        cwd=folder,
        env=os.environ | path,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{program} failed:\n{done.stdout}{done.stderr}")


def write_notebook(notebook: nbformat.NotebookNode, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)


def write_otter(assignment: Assignment, folder: Path) -> None:
    """Write the master notebook and have otter make its autograder, which tries the solution."""
    write_notebook(notebooks.otter(assignment), folder / f"{assignment.name}.ipynb")
    with TemporaryDirectory() as made:
        tool("otter", "assign", f"{assignment.name}.ipynb", made, folder=folder)
        (autograder,) = Path(made).glob("autograder/*autograder*.zip")
        shutil.copy(autograder, folder / "autograder.zip")


def write_nbgrader(assignment: Assignment, folder: Path) -> Path:
    """Write a course with the assignment's source; return the notebook that students get."""
    name = assignment.name
    write_notebook(notebooks.nbgrader(assignment), folder / "source" / name / f"{name}.ipynb")
    shutil.copy(CONFIG, folder)
    tool("nbgrader", "generate_assignment", name, folder=folder)
    return folder / "release" / name / f"{name}.ipynb"


def write_instructor(assignment: Assignment, folder: Path) -> None:
    """Write the instructor's notebook, executed: so every solution passes every hidden test."""
    notebook = notebooks.instructor(assignment)
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    write_notebook(notebook, folder / f"{assignment.name}.ipynb")


def answer_key(assignment: Assignment, ids: Iterable[str]) -> pd.DataFrame:
    """Return the right answers, one row an id."""
    return pd.DataFrame({student: answers.key(assignment, student) for student in ids}).T


def write_package(folder: Path) -> None:
    """Build the wheel of the book's package, from a copy: building leaves files behind."""
    with TemporaryDirectory() as copy:
        for name in ("pyproject.toml", "README.md", "LICENSE-CODE"):
            shutil.copy(ROOT / name, copy)
        shutil.copytree(ROOT / "multilevel", Path(copy, "multilevel"))
        options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
        tool("pip", "wheel", *options, copy, folder=ROOT)


def write_quiz(name: str, folder: Path) -> None:
    path = ROOT / "content" / "self-checks" / f"{name}.yml"
    folder.mkdir()
    (folder / "qti.zip").write_bytes(quiz.qti(path))
    (folder / "moodle.xml").write_text(quiz.moodle(path), encoding="utf-8")
    (folder / "paper.md").write_text(quiz.printable(path), encoding="utf-8")
    (folder / "paper-key.md").write_text(quiz.printable(path, key=True), encoding="utf-8")


def release(source: Path, ids: list[str], out: Path = OUT) -> Path:
    """Write the zip of an assignment and return its path."""
    assignment = read(source)
    name = assignment.name
    with TemporaryDirectory() as temporary:
        folder = Path(temporary, name)
        (folder / "student").mkdir(parents=True)
        (folder / "CONTENTS.txt").write_text(CONTENTS.format(name=name), encoding="utf-8")
        write_instructor(assignment, folder / "instructor")
        key = answer_key(assignment, ids)
        key.to_csv(folder / "instructor" / "answer-key.csv", index_label="id")
        write_otter(assignment, folder / "otter")
        student = write_nbgrader(assignment, folder / "nbgrader")
        shutil.copy(student, folder / "student")
        write_package(folder / "student")
        for made in ("release", "gradebook.db"):  # the instructor's own nbgrader makes them again
            path = folder / "nbgrader" / made
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        write_quiz(name, folder / "quiz")
        print_page(ROOT / "_build" / "html" / "content" / f"{name}.html", folder / "chapter.pdf")
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.make_archive(str(out / name), "zip", temporary, name))


if __name__ == "__main__":
    class_list, *names = sys.argv[1:]
    for path in [SOURCES / f"{name}.md" for name in names] or sources():
        print(release(path, read_class(Path(class_list))).relative_to(ROOT))
