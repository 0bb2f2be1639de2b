"""Every chapter has its part of the instructor guide, and what the guide says of it is true."""

import re

import materials
import pytest
from course_map.chapters import listed, read_chapter, steps
from course_map.drawing import drawing
from myst import Page
from pages import ROOT, chapters
from test_slides import DECKS, minutes_of

CHAPTERS = {page.stem: page.read_text(encoding="utf-8") for page in chapters()}
INSTRUCTOR = {
    path.stem: path.read_text(encoding="utf-8") for path in ROOT.glob("content/instructor/*.md")
}
SECTIONS = dict(
    re.findall(r"^```\{materials\} (\S+)\n```\n(.*?)(?=^## |\Z)", INSTRUCTOR["guide"], re.M | re.S)
)
TABLES = [
    (page, table)
    for page, text in INSTRUCTOR.items()
    for table in re.findall(r"(?:^\|.*\n)+", text, re.M)
    if "| Time |" in table
]
each_chapter = pytest.mark.parametrize("chapter", sorted(CHAPTERS | SECTIONS))
each_table = pytest.mark.parametrize(("page", "table"), TABLES)


def exercises_of(text):
    """Return the minutes of each exercise of a page, by its title."""
    found = [d for d in Page("", text).directives if d.name == "exercise"]
    return {d.argument: int(re.search(r"· (\d+) minutes ·", d.body)[1]) for d in found}


def part(chapter, heading):
    match = re.search(rf"^### {heading}\n(.*?)(?=^### |\Z)", SECTIONS[chapter], re.M | re.S)
    return match[1].strip() if match else ""


@each_chapter
def test_a_chapter_has_its_section_of_the_guide(chapter):
    assert chapter in CHAPTERS and chapter in SECTIONS


@each_chapter
@pytest.mark.parametrize("heading", ["Timing", "What to cut", "Board plan", "Discussion prompts"])
def test_the_section_has_all_its_parts(chapter, heading):
    assert len(part(chapter, heading)) > 100


@each_chapter
def test_three_misconceptions_come_with_a_question_and_what_to_listen_for(chapter):
    items = re.findall(r"^\d\. .*$", part(chapter, "Misconceptions"), re.M)
    assert len(items) == 3
    assert all(re.match(r'\d\. \*\*".+"\*\* .+ \*Ask:\* .+ \*Listen for:\* .+', i) for i in items)


@each_table
def test_the_minutes_of_a_session_add_up(page, table):
    *parts, together = [int(minutes) for minutes in re.findall(r"\| (\d+) minutes \|", table)]
    assert "| Together |" in table and sum(parts) == together


def exercises_in(table):
    found = re.findall(r'^\| Exercise "(.+)" \| (\d+) minutes \|', table, re.M)
    return {title: int(minutes) for title, minutes in found}


@each_chapter
def test_an_exercise_in_the_guide_is_of_its_chapter_and_takes_as_long(chapter):
    in_class = exercises_in(part(chapter, "Timing"))
    assert in_class and in_class.items() <= exercises_of(CHAPTERS[chapter]).items()


@pytest.mark.parametrize("table", [table for page, table in TABLES if page == "routes"])
def test_an_exercise_in_a_route_is_of_the_chapter_whose_slides_it_follows(table):
    first, *parts = re.split(r"^\| Slides of chapter (\d+)", table, flags=re.M)
    assert len(parts) > 2 and not exercises_in(first)
    for number, rows in zip(parts[::2], parts[1::2], strict=True):
        (text,) = [text for name, text in CHAPTERS.items() if int(name[:2]) == int(number)]
        assert exercises_in(rows).items() <= exercises_of(text).items()


@each_chapter
def test_slides_take_as_long_as_their_notes_say(chapter):
    number, deck = int(chapter[:2]), sum(minutes_of(DECKS[chapter]))
    in_guide = re.search(r"^\| Slides.* \| (\d+) minutes \|", part(chapter, "Timing"), re.M)
    in_routes = re.findall(rf"^\| Slides of chapter {number} \| (\d+) ", INSTRUCTOR["routes"], re.M)
    assert {int(in_guide[1]), *map(int, in_routes)} == {deck}


@each_chapter
def test_the_last_slide_names_two_exercises_that_the_session_leaves(chapter):
    named = re.findall(r'"([^"]+)"', DECKS[chapter].split("For next time:")[1])
    in_class = re.findall(r'^\| Exercise "(.+)" \|', part(chapter, "Timing"), re.M)
    left = exercises_of(CHAPTERS[chapter]).keys() - set(in_class)
    assert len(named) == 2 and set(named) <= left


@each_chapter
def test_a_chapter_says_how_long_its_exercises_take(chapter):
    assert read_chapter(f"content/{chapter}", CHAPTERS[chapter]).exercises == sum(
        exercises_of(CHAPTERS[chapter]).values()
    )


@each_chapter
def test_the_first_page_says_the_same_minutes_as_the_chapter(chapter):
    first = (ROOT / "content/index.md").read_text(encoding="utf-8")
    row = re.search(rf"<{chapter}>`.*\| (\d+) \|$", first, re.M)
    assert int(row[1]) == read_chapter(f"content/{chapter}", CHAPTERS[chapter]).reading


TIME = "**Time:** 5 minutes to read, 6 minutes for the exercises."


def toy(number, needs):
    text = f"# A toy\n\n**Before you start:** {needs}.\n{TIME}\n"
    return read_chapter(f"content/{number:02}-toy", text)


def test_a_chapter_is_read_with_all_that_it_builds_on():
    chapter = toy(5, "{doc}`01-toy` to {doc}`03-toy`, and {doc}`this one <04-toy>`; algebra")
    assert (chapter.title, chapter.reading, chapter.exercises) == ("A toy", 5, 6)
    assert chapter.needs == (1, 2, 3, 4)


def test_a_chapter_without_its_minutes_is_refused_with_the_line_to_write():
    with pytest.raises(ValueError, match=r"content/01-toy must say .*Time:"):
        read_chapter("content/01-toy", "# A toy\n\n**Before you start:** nothing.\n")


def test_a_chapter_that_builds_on_one_that_was_taken_out_is_named():
    chapters = [toy(1, "-"), toy(2, "-"), toy(4, "{doc}`01-toy` to {doc}`03-toy`")]
    with pytest.raises(ValueError, match="content/04-toy builds on chapter 3, but does not"):
        drawing(chapters)


def test_a_chapter_that_builds_on_a_later_one_is_named():
    with pytest.raises(ValueError, match="content/01-toy builds on chapter 2"):
        drawing([toy(1, "{doc}`02-toy`"), toy(2, "-")])


def test_the_questions_of_a_self_check_are_counted(tmp_path):
    text = "title: A quiz\nquestions:\n"
    for name in "ab":
        text += (
            f"- {{id: {name}, objective: 1, question: x, answer: 1, tolerance: 1, feedback: x}}\n"
        )
    (tmp_path / "01-toy.yml").write_text(text, encoding="utf-8")
    assert "2 questions" in materials.self_check(tmp_path / "01-toy.yml")


def test_the_drawing_leaves_out_what_follows_from_other_arrows():
    chapters = [toy(1, "-"), toy(2, "{doc}`01-t`"), toy(3, "{doc}`01-t` and {doc}`02-t`")]
    assert steps(chapters) == [(1, 2), (2, 3)]


@pytest.mark.parametrize(
    ("numbers", "said"),
    [((), "no other chapter"), ((2,), "chapter 2"), ((1, 2, 4), "chapters 1, 2 and 4")],
)
def test_numbers_of_chapters_are_listed_in_words(numbers, said):
    assert listed(numbers) == said
