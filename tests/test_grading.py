"""Five submissions of chapter 3, graded by otter and by nbgrader as the guide says."""

import copy
import shutil
import zipfile
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from assessment import collect, grade, release
from assessment.source import SOURCES, read

ASSIGNMENT = read(SOURCES / "03-icc.md")
SPLIT, WORTH, REPORT = ASSIGNMENT.exercises
SECONDS = 60  # for a submission; the hostile one takes them all
HOSTILE = """\
patients["will_to_live"] = rng.normal(size=len(patients))
tau2 = sigma2 = icc = 1.0
def test_variance_between(*anything): pass
test_variance_within = test_icc = check = test_variance_between
float = isinstance = int = lambda *anything, **named: 1
null = fit_mixed = student_rng = simulate_hospitals = np
print("passed")"""
ANSWERS = {
    "right": [exercise.model_answer for exercise in ASSIGNMENT.exercises],
    "other": [exercise.also_right[0] for exercise in ASSIGNMENT.exercises],
    "wrong": [exercise.wrong[0] for exercise in ASSIGNMENT.exercises],
    "blank": [None, None, None],
    "hostile": [HOSTILE, "deff = 'passed'", "import time\nwhile True:\n    time.sleep(0.1)"],
}
# The first wrong answer of the first exercise has one of its three numbers right.
SCORES = {"right": 10, "other": 10, "wrong": 1, "blank": 0, "hostile": 0}
# What replaces the functions that tests call, in their own modules.
TAMPERING = "np.isclose = lambda *anything, **named: True\n"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """What the release of chapter 3 holds for graders, and the notebook of students."""
    folder = tmp_path_factory.mktemp("bundle")
    release.write_otter(ASSIGNMENT, folder / "otter")
    student = release.write_nbgrader(ASSIGNMENT, folder / "nbgrader")
    return folder, nbformat.read(student, as_version=4)


def submission(notebook, student, given):
    """Return the notebook as a student hands it in; None leaves the starter as it is."""
    notebook = copy.deepcopy(notebook)
    answers = dict(zip((SPLIT.label, WORTH.label, REPORT.label), given, strict=True))
    for cell in notebook.cells:
        if cell.source.startswith("STUDENT ="):
            cell.source = f'STUDENT = "{student}"'
        answer = answers.get(cell.metadata.get("nbgrader", {}).get("grade_id"))
        cell.source = answer or cell.source
    return notebook


@pytest.fixture(scope="module")
def graded_by_otter(bundle, tmp_path_factory):
    folder, notebook = bundle
    handed_in = tmp_path_factory.mktemp("handed_in")
    tampered = {"hostile": [TAMPERING + HOSTILE, *ANSWERS["hostile"][1:]]}
    for student, given in (ANSWERS | tampered).items():
        nbformat.write(submission(notebook, student, given), handed_in / f"Doe_{student}_1.ipynb")
    nbformat.write(submission(notebook, "right", ANSWERS["right"]), handed_in / "copied.ipynb")
    for name in ("Doe_twice_1.ipynb", "Doe_twice_2.ipynb"):
        nbformat.write(submission(notebook, "twice", ANSWERS["blank"]), handed_in / name)
    (handed_in / "class.csv").write_text("\n".join(["id", *ANSWERS, "absent", "twice"]))
    with zipfile.ZipFile(handed_in / "03-icc.zip", "w") as bundle_of_chapter:
        bundle_of_chapter.write(folder / "otter/autograder.zip", "03-icc/otter/autograder.zip")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grade, "OUT", handed_in)
        path = grade.main("03-icc", handed_in, handed_in / "class.csv", seconds=SECONDS)
    return pd.read_csv(path, keep_default_na=False).set_index("id")


@pytest.mark.parametrize("student", SCORES)
def test_otter_grades_a_submission_as_it_deserves(graded_by_otter, student):
    assert graded_by_otter.loc[student, "score"] == SCORES[student]


def test_the_grades_say_which_submission_had_to_be_stopped(graded_by_otter):
    notes = graded_by_otter["note"]
    assert notes["hostile"] == f"did not come to its end in {SECONDS} seconds"
    assert (notes[["right", "other", "wrong", "blank"]] == "").all()


def test_the_grades_name_who_handed_in_nothing_and_files_without_an_owner(graded_by_otter):
    assert graded_by_otter.loc["absent", "note"] == "nothing"
    assert graded_by_otter.loc["", "file"] == "copied.ipynb"
    assert graded_by_otter.loc["", "score"] == 0
    assert (graded_by_otter.loc["twice", "note"] == "one of 2 files").all()


@pytest.fixture(scope="module")
def graded_by_nbgrader(bundle, tmp_path_factory):
    folder, notebook = bundle
    course = tmp_path_factory.mktemp("courses") / "course"
    shutil.copytree(folder / "nbgrader", course)
    for student, given in ANSWERS.items():
        path = course / "submitted" / student / "03-icc" / "03-icc.ipynb"
        release.write_notebook(submission(notebook, student, given), path)
    release.tool("nbgrader", "autograde", "03-icc", "--Execute.timeout=40", folder=course)
    release.tool("nbgrader", "export", folder=course)
    return pd.read_csv(course / "grades.csv").set_index("student_id")["score"]


@pytest.mark.parametrize("student", SCORES)
def test_nbgrader_grades_a_submission_as_it_deserves(graded_by_nbgrader, student):
    assert graded_by_nbgrader[student] == SCORES[student]


@pytest.mark.parametrize(
    ("path", "student"),
    [
        ("S1.ipynb", "S1"),
        ("Doe, Jane_s1_assignsubmission_file_/03-icc.ipynb", "S1"),
        ("doejane_77_S1_03-icc.ipynb", "S1"),
        ("S11.ipynb", None),
        ("S1_S2.ipynb", None),
    ],
)
def test_a_submission_belongs_to_the_one_id_that_its_path_names(path, student):
    assert grade.owner(Path("folder", path), ["S1", "S2"]) == student


def test_copies_that_were_never_handed_in_are_left_out(tmp_path):
    for name in ("S1.ipynb", ".ipynb_checkpoints/S1.ipynb", "__MACOSX/a/._S1.ipynb", "a/S2.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert grade.handed_in_files(tmp_path) == [tmp_path / "S1.ipynb", tmp_path / "a/S2.ipynb"]


def test_an_id_in_the_notebook_that_is_not_the_owners_is_noted(tmp_path, monkeypatch):
    monkeypatch.setattr(grade, "answers_of", lambda *_: ({"STUDENT": "right"}, True))
    monkeypatch.setattr(grade, "otter_scores", lambda *_: {})
    row = grade.grade(tmp_path / "other.ipynb", ["other"], [], tmp_path, 1)
    assert row["note"] == "STUDENT is 'right'"


def test_an_array_of_one_number_is_that_number():
    """The visible checks take it for a number, and so does whoever gives the points."""
    given = {"a": np.array([19]), "b": np.array(2.5), "c": np.float64(1), "d": np.array([1, 2])}
    assert collect.plain(given | {"e": print, "_f": 1}) == {"a": 19, "b": 2.5, "c": 1}
