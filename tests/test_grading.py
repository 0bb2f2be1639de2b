"""Submissions of chapter 3, graded with its zip as the guide says: by us and by nbgrader."""

import copy
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import jupytext
import nbformat
import numpy as np
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from assessment import collect, grade, pages, release
from assessment.source import ROOT, SOURCES, read

ASSIGNMENT = read(SOURCES / "03-icc.md")
SPLIT, WORTH, REPORT = ASSIGNMENT.exercises
SECONDS = 60  # for a submission; the stuck one takes them all
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
    "hostile": [HOSTILE, "deff = 'passed'", None],
}
# The first wrong answer of the first exercise has one of its three numbers right.
SCORES = {"right": 10, "other": 10, "wrong": 1, "blank": 0, "hostile": 0}
# The loop starts processes, and costs what it stands in; a process of its own sees nothing below.
LOOP = "import subprocess\nwhile True:\n    subprocess.run(['sleep', '0.01'])"
STUCK = [ANSWERS["right"][0], LOOP, ANSWERS["right"][2]]
# What replaces the functions that tests call, in their own modules.
TAMPERING = "np.isclose = lambda *anything, **named: True\n"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The folder with the zip of chapter 3, and the folder of what is in it."""
    zipped, folder = tmp_path_factory.mktemp("zip"), tmp_path_factory.mktemp("bundle")
    made = f"release(SOURCES / '03-icc.md', ['S1', 'S2'], Path({str(zipped)!r}))"
    code = f"from assessment.release import Path, SOURCES, release; {made}"
    # a process of its own: in one that tests a browser already, no page can be printed
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    with zipfile.ZipFile(zipped / "03-icc.zip") as bundle_of_chapter:
        bundle_of_chapter.extractall(folder)
    return zipped, folder / "03-icc"


@pytest.fixture(scope="module")
def handed_out(bundle):
    """The notebook that students get from the zip."""
    return nbformat.read(bundle[1] / "student/03-icc.ipynb", as_version=4)


@pytest.fixture(scope="module")
def on_the_site():
    """The notebook that students download from the assignment's page."""
    return jupytext.read(pages.page_of(SOURCES / "03-icc.md"))


def test_the_zip_holds_what_its_list_of_contents_says(bundle):
    _, folder = bundle
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    (wheel,) = (name for name in found if name.endswith(".whl"))
    assert wheel.startswith("student/multilevel-")
    assert found - {wheel} == {
        "CONTENTS.txt",
        "chapter.pdf",
        "instructor/03-icc.ipynb",
        "instructor/answer-key.csv",
        "nbgrader/nbgrader_config.py",
        "nbgrader/source/03-icc/03-icc.ipynb",
        "otter/03-icc.ipynb",
        "otter/autograder.zip",
        "quiz/moodle.xml",
        "quiz/paper-key.md",
        "quiz/paper.md",
        "quiz/qti.zip",
        "student/03-icc.ipynb",
    }
    listed = (folder / "CONTENTS.txt").read_text()
    assert all(name.split("/")[0] in listed for name in found - {"CONTENTS.txt"})


def test_students_get_no_solution_and_no_hidden_test(handed_out):
    text = "\n".join(cell.source for cell in handed_out.cells)
    for exercise in ASSIGNMENT.exercises:
        for secret in [exercise.model_answer, *exercise.hidden]:
            assert not any(line in text for line in secret.splitlines() if "np.isclose" in line)
            assert secret not in text


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
def graded_by_otter(bundle, handed_out, on_the_site, tmp_path_factory):
    handed_in = tmp_path_factory.mktemp("handed_in")
    tampered = {"hostile": [TAMPERING + HOSTILE, *ANSWERS["hostile"][1:]], "stuck": STUCK}
    for student, given in (ANSWERS | tampered).items():
        path = handed_in / f"Doe_{student}_1.ipynb"
        nbformat.write(submission(handed_out, student, given), path)
    nbformat.write(submission(handed_out, "right", ANSWERS["right"]), handed_in / "copied.ipynb")
    nbformat.write(submission(on_the_site, "site", ANSWERS["right"]), handed_in / "site.ipynb")
    for folder in ("Doe_twice_1", "Doe_twice_2"):
        path = handed_in / folder / "03-icc.ipynb"
        release.write_notebook(submission(handed_out, "twice", ANSWERS["blank"]), path)
    (handed_in / "unreadable.ipynb").write_text("%PDF")
    ids = [*ANSWERS, "absent", "twice", "stuck", "site", "unreadable"]
    (handed_in / "class.csv").write_text("\n".join(["id", *ids]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grade, "OUT", bundle[0])
        path = grade.main("03-icc", handed_in, handed_in / "class.csv", seconds=SECONDS)
    return pd.read_csv(path, keep_default_na=False).set_index("id")


# "stuck" has its answers above the loop, and none below it.
@pytest.mark.parametrize(("student", "score"), [*SCORES.items(), ("stuck", 3), ("site", 10)])
def test_otter_grades_a_submission_as_it_deserves(graded_by_otter, student, score):
    assert graded_by_otter.loc[student, "score"] == score


def test_the_grades_say_which_submission_had_to_be_stopped_or_read(graded_by_otter):
    notes = graded_by_otter["note"]
    assert notes["stuck"] == f"did not come to its end in {SECONDS} seconds"
    assert notes["unreadable"] == "broke off; nothing could be read from it"
    assert (notes[["right", "other", "wrong", "blank", "site"]] == "").all()


def test_the_grades_name_who_handed_in_nothing_and_files_without_an_owner(graded_by_otter):
    assert graded_by_otter.loc["absent", "note"] == "nothing"
    assert graded_by_otter.loc["", "file"] == "copied.ipynb"
    assert graded_by_otter.loc["", "score"] == 0
    twice = graded_by_otter.loc["twice"]
    assert (twice["note"] == "one of 2 files").all()
    assert list(twice["file"]) == ["Doe_twice_1/03-icc.ipynb", "Doe_twice_2/03-icc.ipynb"]


@pytest.fixture(scope="module")
def graded_by_nbgrader(bundle, handed_out, on_the_site, tmp_path_factory):
    course = tmp_path_factory.mktemp("courses") / "course"
    shutil.copytree(bundle[1] / "nbgrader", course)
    release.tool("nbgrader", "generate_assignment", "03-icc", folder=course)
    made = nbformat.read(course / "release/03-icc/03-icc.ipynb", as_version=4)
    assert [cell.source for cell in made.cells] == [cell.source for cell in handed_out.cells]
    for student, given in (ANSWERS | {"stuck": STUCK, "site": ANSWERS["right"]}).items():
        path = course / "submitted" / student / "03-icc" / "03-icc.ipynb"
        notebook = on_the_site if student == "site" else handed_out
        release.write_notebook(submission(notebook, student, given), path)
    release.tool("nbgrader", "autograde", "03-icc", "--Execute.timeout=40", folder=course)
    release.tool("nbgrader", "export", folder=course)
    return pd.read_csv(course / "grades.csv").set_index("student_id")


# nbgrader goes on below the loop that it has stopped.
@pytest.mark.parametrize(("student", "score"), [*SCORES.items(), ("stuck", 6), ("site", 10)])
def test_nbgrader_grades_a_submission_as_it_deserves(graded_by_nbgrader, student, score):
    assert graded_by_nbgrader.loc[student, "score"] == score


def test_each_row_says_what_its_points_are_out_of_under_nbgraders_name(
    graded_by_otter, graded_by_nbgrader
):
    for grades in (graded_by_otter, graded_by_nbgrader):
        assert (grades["max_score"] == sum(e.points for e in ASSIGNMENT.exercises)).all()


@pytest.mark.parametrize(
    ("path", "student"),
    [
        ("S1.ipynb", "S1"),
        ("Doe, Jane_s1_assignsubmission_file_/03-icc.ipynb", "S1"),
        ("doejane_77_S1_03-icc.ipynb", "S1"),
        ("S11.ipynb", None),
        ("S1_S2.ipynb", None),
        ("doejane_77_S1-1.ipynb", "S1"),
        ("doejane_77_S1-0.ipynb", "S1-0"),
    ],
)
def test_a_submission_belongs_to_the_one_id_that_its_path_names(path, student):
    assert grade.owner(Path("folder", path), ["S1", "S2", "S1-0"]) == student


def test_copies_that_were_never_handed_in_are_left_out(tmp_path):
    for name in ("S1.ipynb", ".ipynb_checkpoints/S1.ipynb", "__MACOSX/a/._S1.ipynb", "a/S2.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert grade.handed_in_files(tmp_path) == [tmp_path / "S1.ipynb", tmp_path / "a/S2.ipynb"]


def test_an_id_in_the_notebook_that_is_not_the_owners_is_noted(tmp_path, monkeypatch):
    monkeypatch.setattr(grade, "answers_of", lambda *_: ({"STUDENT": "right"}, []))
    monkeypatch.setattr(grade, "otter_scores", lambda *_: {})
    row = grade.grade(tmp_path / "other.ipynb", ["other"], [], tmp_path, 1)
    assert row["note"] == "STUDENT is 'right'"


def test_a_submission_that_cannot_be_graded_costs_the_others_nothing(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("otter failed")

    monkeypatch.setattr(grade, "answers_of", lambda *_: ({}, []))
    monkeypatch.setattr(grade, "otter_scores", fail)
    row = grade.grade(tmp_path / "S1.ipynb", ["S1"], [], tmp_path, 1)
    assert row["note"] == "could not be graded: RuntimeError: otter failed"
    assert (row["id"], row["score"]) == ("S1", 0)


@pytest.mark.parametrize("value", [19, np.array([19]), np.array(19), pd.Series([19]), np.int64(19)])
def test_what_holds_one_number_is_that_number(value):
    """The visible checks take it for a number, and so does whoever gives the points."""
    assert collect.plain({"a": value}, ["a"]) == {"a": 19}


@pytest.mark.parametrize(
    "value", [np.arange(2), [19], print, pytest.param(10**5000, id="huge"), "a" * 9999]
)
def test_what_is_no_number_and_no_short_text_is_no_answer(value):
    assert collect.plain({"a": value, "b": 1.5}, ["a", "b", "c"]) == {"b": 1.5}


def collected(tmp_path, *cells, encoding="utf-8", seconds=SECONDS):
    """Return the answers and notes of a notebook with these cells."""
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    path = tmp_path / "S1.ipynb"
    path.write_text(nbformat.writes(notebook), encoding=encoding)
    return grade.answers_of(path, "S1", ["x", "y"], seconds)


def test_a_magic_of_notebooks_costs_no_answer(tmp_path):
    answers = collected(tmp_path, "%matplotlib inline\nx = 1", "y = 2", encoding="utf-8-sig")
    assert answers == ({"x": 1, "y": 2}, [])


def test_a_cell_that_fails_is_noted(tmp_path):
    answers, notes = collected(tmp_path, "x = 1", "import nowhere", "nobody", "y = 2")
    assert answers == {"x": 1, "y": 2}
    first = "code cell 2: ModuleNotFoundError: No module named 'nowhere' (and 1 more)"
    assert notes == [first]


def test_what_a_submission_has_started_ends_with_it(tmp_path):
    stamp = tmp_path / "stamp"
    started = f"while True: open({str(stamp)!r}, 'a').write('.'); __import__('time').sleep(0.05)"
    cells = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {started!r}])"
    collected(tmp_path, cells, "import time\ntime.sleep(3)", "x = 1")
    size = os.path.getsize(stamp)
    time.sleep(0.5)
    assert size > 0 and os.path.getsize(stamp) == size


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["03-icc", "nowhere", "class.csv"], "There is no folder nowhere"),
        (["03-ic", ".", "class.csv"], "run make assignments CHAPTER=03-ic first"),
    ],
)
def test_what_is_missing_for_grading_is_said_in_a_sentence(tmp_path, arguments, said):
    command = [sys.executable, "-m", "assessment.grade", *arguments]
    python_path = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=python_path, capture_output=True, text=True)
    assert said in done.stderr and "Traceback" not in done.stderr


def test_grading_asks_for_all_that_it_needs():
    done = subprocess.run(
        ["make", "grade", "CHAPTER=03-icc"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode and "Say all three: make grade" in done.stderr
