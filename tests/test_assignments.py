"""Assignments: each has one right answer for every student, and nothing that is served tells it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from assessment import answers, notebooks, pages, release
from assessment.classes import read_class
from assessment.source import ROOT, Assignment, read, sources
from multilevel.assignments import student_rng

ASSIGNMENTS = {path.stem: read(path) for path in sources()}
SOURCE = (ROOT / "assignments/03-icc.md").read_text(encoding="utf-8")
IDS = [f"S{number}" for number in range(12)]
SERVED = (".html", ".md", ".txt", ".ipynb", ".json", ".js", ".py", ".csv", ".xml")


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_hidden_tests_tell_right_from_wrong_for_a_dozen_students(name):
    said = [c for student in IDS for c in answers.complaints(ASSIGNMENTS[name], student)]
    assert not said, "\n".join(said)


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_students_with_other_ids_have_other_answers(name):
    keys = [answers.key(ASSIGNMENTS[name], student) for student in IDS[:10]]
    numbers = [k for k in keys[0] if not isinstance(keys[0][k], str)]
    assert len({tuple(round(float(key[k]), 6) for k in numbers) for key in keys}) == len(keys)


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_the_page_of_an_assignment_is_what_its_source_makes(name):
    page = (pages.PAGES / f"{name}.md").read_text(encoding="utf-8")
    assert page == pages.page(ASSIGNMENTS[name]), "run 'make assignment-pages'"


def test_every_page_of_an_assignment_has_a_source():
    assert {path.stem for path in pages.PAGES.glob("*.md")} == set(ASSIGNMENTS)


def written(tmp_path: Path, text: str) -> Assignment:
    path = tmp_path / "03-icc.md"
    path.write_text(text, encoding="utf-8")
    return read(path)


# (what stands in the source, its fault, what is complained of for some id)
MISJUDGED = [
    ('intraclass_correlation(null)\n```\n\n**R', '0.4\n```\n\n**R', "test_icc fails a right"),
    ("icc_low < icc_high, ", "icc_low > icc_high, ", "test_ends_are_in_order fails a right answer"),
    ('sentence.strip().lower() == "b"', "sentence", "no wrong answer fails test_sentence"),
    ("(icc, intraclass_correlation(null), rtol=0.01", "(1, 1", "no wrong answer fails test_icc"),
]  # fmt: skip


@pytest.mark.parametrize(("sound", "fault", "message"), MISJUDGED)
def test_an_answer_that_is_judged_wrongly_is_noticed(tmp_path, sound, fault, message):
    assert sound in SOURCE
    assignment = written(tmp_path, SOURCE.replace(sound, fault))
    assert message in "\n".join(answers.complaints(assignment, "S1"))


HIDDEN, PUBLIC = (f":tags: [remove-cell, {tags}]\n\n" for tags in ("test, hidden-test", "test"))
MISWRITTEN = [
    ("tags: [starter]", "tags: []", "as-3-split has no starter"),
    ("[remove-cell, wrong]", "[remove-cell, also-right]", "has no wrong"),
    ("def test_icc(icc)", "def test_icc(rho)", "tests {'rho'}"),
    ("def test_icc(icc)", "x = 1\ndef test_icc(icc)", "is not one function"),
    ("{solution-start} as-3-split", "{solution-start} as-3", "has its label"),
    (":tags: [solution]\n\nnull", "null", "says what it is by its tag"),
    (":label: as-3-split\n", "", "'Split the variance' needs ':label: as-N-name'"),
    (":class: points-4\n", "", "'What your patients are worth' needs"),
    ("points-4", "points-", "and ':class: points-3'"),
    ("as-3-worth", "as-3-split", "as-3-split: two exercises have that label"),
    (":::{solution-end}\n:::\n", "", "as-3-split: exercise-start What your patients are worth is"),
    ('"c"\n```\n\n:::{solution-end}\n:::', '"c"\n```', "as-3-report has no solution-end"),
    (":::{solution-start} as-3-split\n:::\n", "", "as-3-split: a code cell of a solution"),
    (":::{exercise-end}\n:::\n", "", "as-3-split: solution-start as-3-split is out of place"),
    ("{exercise-start} Split", "{exercise} Split", "before the first exercise has its tags"),
    ("{exercise-start} Split", "{solution-start} Split", "exercise: solution-start Split the"),
    (HIDDEN + "def test_variance_within", PUBLIC + "def test_variance_within", "no hidden-test"),
    (HIDDEN + "def test_icc", PUBLIC + "def test_icc", "as-3-split: a test after the first hidden"),
    (HIDDEN + "def test_variance_between", PUBLIC + "def test_variance_between", "asks for tau2"),
    (
        HIDDEN + "def test_variance_between",
        f"{PUBLIC}def test_both(tau2):\n    assert tau2 == 1\n```\n\n```{{code-cell}} ipython3\n"
        f"{HIDDEN}def test_variance_between",
        "a public test of as-3-split tells its student nothing",
    ),
    (HIDDEN + "def test_icc", "def test_icc", "as-3-split: a test cell lacks the tag 'test'"),
    (HIDDEN + "def test_icc", HIDDEN.replace("test, ", "") + "def test_icc", "lacks the tag"),
]


@pytest.mark.parametrize(("sound", "fault", "message"), MISWRITTEN)
def test_a_part_that_is_missing_or_misplaced_is_named(tmp_path, sound, fault, message):
    assert sound in SOURCE
    with pytest.raises(ValueError, match=rf"03-icc\.md: .*{re.escape(message)}"):
        written(tmp_path, SOURCE.replace(sound, fault))


def test_an_id_has_the_same_data_whatever_its_capitals_and_others_have_others():
    draws = [
        tuple(student_rng(student, chapter=chapter).random(3))
        for student, chapter in [("S1", 3), (" s1 ", 3), ("S2", 3), ("S1", 4)]
    ]
    assert draws[0] == draws[1] and len(set(draws)) == 3


def test_a_test_for_nbgrader_does_not_depend_on_what_made_it(monkeypatch):
    made = notebooks.nbgrader(ASSIGNMENTS["03-icc"])
    monkeypatch.setattr("builtins._", str, raising=False)  # as after Sphinx, in the same process
    assert notebooks.nbgrader(ASSIGNMENTS["03-icc"]) == made


def test_an_empty_id_is_refused():
    with pytest.raises(ValueError, match="STUDENT is empty"):
        student_rng(" ", chapter=3)


def test_a_graded_notebook_has_the_data_of_the_id_that_handed_it_in(monkeypatch):
    own = student_rng("S1", chapter=3).random()
    monkeypatch.setenv("GRADED_STUDENT", "S1")
    assert student_rng("S2", chapter=3).random() == own


def test_the_key_has_a_row_for_each_id_and_a_column_for_each_answer():
    key = release.answer_key(ASSIGNMENTS["03-icc"], IDS[:2])
    assert list(key.index) == IDS[:2] and list(key.columns) == ASSIGNMENTS["03-icc"].answers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\nA\n", "no column 'id'"),
        ("", "no column 'id'"),
        ("id\n\n", "has no id"),
        ("id\nA\na\n", "'a' twice"),
        ("id,x\nA,1\n,2\n", "line 3: '' is no id"),
        ("id\nS_1\n", "line 2: 'S_1' is no id"),
        ("id,name\nS1,Doe, Jane\n", "line 2: 3 fields below a heading of 2"),
        ("id,name\nS1,Zoë\n", "not in UTF-8"),
    ],
)
def test_a_class_list_that_cannot_be_used_is_refused(tmp_path, text, message):
    path = tmp_path / "ids.csv"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ValueError, match=message):
        read_class(path)


@pytest.mark.parametrize("text", ["\ufeffname;id\nDoe, Jane;S1\n;NA\n", 'x,id\n"a, b",S1\n,NA'])
def test_a_class_list_is_read_as_spreadsheets_write_it(tmp_path, text):
    (tmp_path / "ids.csv").write_text(text, encoding="utf-8")
    assert read_class(tmp_path / "ids.csv") == ["S1", "NA"]


def test_the_instructors_notebook_has_solution_rubric_tests_and_what_wrong_answers_fail():
    text = "\n".join(c.source for c in notebooks.instructor(ASSIGNMENTS["03-icc"]).cells)
    for part in ("null = fit_mixed(", "**Rubric.**", "def test_icc(icc):", "Fails `test_variance"):
        assert part in text


def secrets(assignment: Assignment) -> set[str]:
    """Return the lines of an assignment that no page of the book has of its own."""
    text = []
    for exercise in assignment.exercises:
        text += [cell.source for cell in exercise.solution]
        text += exercise.hidden + exercise.wrong + exercise.also_right
    lines = {line.strip() for line in "\n".join(text).splitlines()}
    public = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "content").rglob("*.md"))
    return {line for line in lines if len(line) > 20 and line not in public}


def leaks(site: Path, lines: set[str]) -> Iterator[str]:
    """Yield every file of a site that has one of the lines, coloured or quoted as it may be."""
    for path in site.rglob("*"):
        if path.suffix not in SERVED:
            continue
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            text += BeautifulSoup(text, "html.parser").get_text()
        text = text.replace('\\"', '"')
        yield from (f"{path.name}: {line}" for line in lines if line in text)


SECRETS = set().union(*map(secrets, ASSIGNMENTS.values()))


def test_nothing_that_the_site_serves_has_a_solution_or_a_hidden_test():
    site = ROOT / "_build/html"
    assert (site / "content/assignments/03-icc.html").is_file(), "run 'make site'"
    assert list(leaks(site, SECRETS)) == []


@pytest.mark.parametrize("name", ["page.html", "page.md", "page.ipynb", "data.json", "search.js"])
def test_a_solution_that_is_planted_in_a_site_is_found(tmp_path, name):
    line = 'tau2, sigma2 = null.params["hospital Var"], null.scale'
    assert line in SECRETS
    if name.endswith(".html"):
        text = highlight(line, PythonLexer(), HtmlFormatter())
    elif name.endswith(".ipynb"):
        text = nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(line)]))
    else:
        text = line if name.endswith(".md") else json.dumps({"code": line})
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert list(leaks(tmp_path, SECRETS)) == [f"{name}: {line}"]


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_every_solution_and_every_hidden_test_has_a_line_to_look_for(name):
    for exercise in ASSIGNMENTS[name].exercises:
        for code in [exercise.model_answer, *exercise.hidden]:
            assert any(line.strip() in SECRETS for line in code.splitlines()), code


def test_private_assignments_take_the_place_of_those_in_the_repository(tmp_path):
    written(tmp_path, SOURCE)
    code = "from assessment.source import sources; print(*sources())"
    command = [sys.executable, "-c", code]
    made = subprocess.check_output(command, cwd=ROOT, text=True, env={"OVERLAY": str(tmp_path)})
    assert made.split() == [str(tmp_path / "03-icc.md")]
