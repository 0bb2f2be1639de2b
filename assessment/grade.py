"""Grade a folder of submissions.

``python -m assessment.grade NAME FOLDER CLASS.csv`` writes ``FOLDER/grades.csv``. A submission
belongs to the student whose id is in the name of its file or folder, whatever it says itself.
Its code runs in a process of its own (`assessment.collect`); only the answers, numbers and texts,
go on to otter, so that no code of a student can reach a test.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from signal import SIGKILL
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import pandas as pd
from nbformat.v4 import new_code_cell

from assessment.classes import read_class
from assessment.collect import PLAIN
from assessment.notebooks import notebook
from assessment.release import OUT, tool, write_notebook
from assessment.source import ROOT, SOURCES, read

SECONDS = 180
"""How long a submission may run."""


def owner(path: Path, ids: list[str]) -> str | None:
    """Return the one id that the end of a path names; None if it names none, or several."""
    words = {word.lower() for word in re.split(r"[^\w-]|_", f"{path.parent.name}/{path.stem}")}
    without_number = {re.sub(r"-\d+$", "", word) for word in words}  # Canvas numbers what is new
    for given in (words, without_number):
        if named := [student for student in ids if student.lower() in given]:
            return named[0] if len(named) == 1 else None
    return None


def handed_in_files(folder: Path) -> list[Path]:
    """Return the notebooks of a folder, without the copies that Jupyter and macOS hide there."""
    found = [path.relative_to(folder) for path in folder.rglob("*.ipynb")]
    return [folder / path for path in sorted(found) if not re.search(r"(^|/)(\.|__)", str(path))]


def answers_of(
    submission: Path, student: str, names: list[str], seconds: int
) -> tuple[dict, list[str]]:
    """Run a submission; return the plain values of names, and what the instructor should know."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        collected = Path(folder, "collected.json")
        process = subprocess.Popen(
            [sys.executable, "-m", "assessment.collect", submission.resolve(), collected, *names],
            cwd=folder,
            env=os.environ
            | {"GRADED_STUDENT": student, "MPLBACKEND": "agg", "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            ended = process.wait(seconds) == 0
            note = "" if ended else "broke off"
        except subprocess.TimeoutExpired:
            note = f"did not come to its end in {seconds} seconds"
        finally:  # with all that it has started, and left running
            with suppress(ProcessLookupError):
                os.killpg(process.pid, SIGKILL)
            process.wait()
        if not collected.is_file():
            return {}, [note or "has no code", "nothing could be read from it"]
        said = json.loads(collected.read_text(encoding="utf-8"))
    errors = said["errors"]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return said["answers"], [*filter(None, [note]), *(f"{error}{more}" for error in errors[:1])]


def otter_scores(answers: dict, student: str, autograder: Path) -> dict[str, float]:
    """Return otter's score of each exercise for answers."""
    values = answers | {"STUDENT": student}
    given = [f"{name} = {value!r}" for name, value in values.items() if type(value) in PLAIN]
    with TemporaryDirectory() as folder:
        write_notebook(notebook(map(new_code_cell, given)), Path(folder, "answers.ipynb"))
        arguments = ["-a", str(autograder), "-o", folder, "--no-logo", "answers.ipynb"]
        tool("otter", "run", *arguments, folder=Path(folder))
        results = json.loads(Path(folder, "results.json").read_text(encoding="utf-8"))
    return {test["name"]: test["score"] for test in results["tests"] if "score" in test}


def grade(
    submission: Path, ids: list[str], names: list[str], autograder: Path, seconds: int
) -> dict[str, object]:
    """Return the row of a submission in the table of grades; ``names`` are those of answers."""
    row = {"id": "", "file": submission.name, "score": 0.0, "note": ""}
    if (student := owner(submission, ids)) is None:
        return row | {"note": "no id of the class, or several, in the name of the file"}
    row["id"] = student
    try:
        answers, notes = answers_of(submission, student, ["STUDENT", *names], seconds)
        said = answers.pop("STUDENT", student)
        if str(said).strip().lower() != student.lower():
            notes.append(f"STUDENT is {said!r}")
        exercises = otter_scores(answers, student, autograder)
    except Exception as error:  # one submission must not cost the others their grades
        return row | {"note": f"could not be graded: {type(error).__name__}: {error}"}
    return row | {"score": sum(exercises.values()), "note": "; ".join(notes)} | exercises


def main(name: str, folder: Path, class_list: Path, seconds: int = SECONDS) -> Path:
    """Grade every notebook in a folder, and write the table of grades there.

    Raises
    ------
    FileNotFoundError
        If the folder is not there, or the zip that `assessment.release` makes.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder} with submissions.")
    if not (bundle := OUT / f"{name}.zip").is_file():
        raise FileNotFoundError(f"There is no {bundle}; run make assignments CHAPTER={name} first.")
    ids, assignment = read_class(class_list), read(SOURCES / f"{name}.md")
    submissions = handed_in_files(folder)
    with TemporaryDirectory() as temporary:
        with ZipFile(bundle) as parts:
            autograder = Path(parts.extract(f"{name}/otter/autograder.zip", temporary))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            work = partial(
                grade, ids=ids, names=assignment.answers, autograder=autograder, seconds=seconds
            )
            rows = list(pool.map(work, submissions))
    counts = Counter(row["id"] for row in rows if row["id"])
    for row, path in zip(rows, submissions, strict=True):
        row["file"] = path.relative_to(folder).as_posix()  # folders can hold files of one name
        if (count := counts[row["id"]]) > 1:
            row["note"] = "; ".join(filter(None, [f"one of {count} files", row["note"]]))
    rows += [{"id": i, "file": "", "score": 0.0, "note": "nothing"} for i in ids if i not in counts]
    grades = pd.DataFrame(rows).sort_values("id", kind="stable")
    points = sum(exercise.points for exercise in assignment.exercises)
    grades.insert(grades.columns.get_loc("score") + 1, "max_score", points)
    grades.to_csv(folder / "grades.csv", index=False)
    return folder / "grades.csv"


if __name__ == "__main__":
    try:
        print(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))
