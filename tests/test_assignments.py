"""Assignments: each has a right answer for every student, and their pages do not tell it."""

import pytest

from assessment import answers, pages
from assessment.source import read, sources

ASSIGNMENTS = {path.stem: read(path) for path in sources()}
IDS = [f"S{number}" for number in range(30)]


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.stem)
def test_the_page_of_an_assignment_is_what_its_source_makes(path):
    page = pages.page_of(path).read_text(encoding="utf-8")
    assert page == pages.page(ASSIGNMENTS[path.stem]), "run 'make assignment-pages'"


def test_every_page_of_an_assignment_has_a_source():
    assert {path.stem for path in pages.PAGES.glob("*.md")} == set(ASSIGNMENTS)


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_hidden_tests_tell_right_from_wrong_for_thirty_students(name):
    said = [c for student in IDS for c in answers.complaints(ASSIGNMENTS[name], student)]
    assert not said, "\n".join(said)
