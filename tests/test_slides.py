"""Every chapter has a deck, and a deck says nothing that its chapter did not compute."""

import re
from pathlib import Path

import decks
import pytest
import style_checks
from bs4 import BeautifulSoup
from myst import Page
from pages import ROOT, chapters
from test_build import SLIDES, build

CHAPTERS = {page.stem for page in chapters()}
DECKS = {path.stem: path.read_text(encoding="utf-8") for path in ROOT.glob("slides/[0-9]*.md")}
each_deck = pytest.mark.parametrize("chapter", sorted(CHAPTERS | set(DECKS)))


def slides_of(text):
    return re.split(r"^##? ", text, flags=re.MULTILINE)[1:]


def minutes_of(text):
    return [int(minutes) for minutes in re.findall(r"^```\{notes\} (\d+)$", text, re.MULTILINE)]


@each_deck
def test_a_chapter_has_a_deck_and_a_deck_a_chapter(chapter):
    assert chapter in DECKS and chapter in CHAPTERS


@each_deck
def test_a_deck_is_short(chapter):
    assert 10 <= len(slides_of(DECKS[chapter])) <= 14
    assert 20 <= sum(minutes_of(DECKS[chapter])) <= 30


@each_deck
def test_every_slide_has_its_notes(chapter):
    for slide in slides_of(DECKS[chapter]):
        assert len(minutes_of(slide)) == 1 and "**Say:**" in slide, slide.splitlines()[0]


@each_deck
def test_a_deck_asks_for_a_prediction_before_it_shows(chapter):
    asks = [":class: predict" in slide for slide in slides_of(DECKS[chapter])]
    assert sum(asks) >= 2 and not asks[-1]


@each_deck
@pytest.mark.parametrize("check", ["check_numbers", "check_phrases"])
def test_a_deck_keeps_the_rules_of_pages(chapter, check):
    page = Page(f"slides/{chapter}.md", DECKS[chapter])
    assert vars(style_checks)[check](page) == []


def test_a_number_typed_on_a_slide_is_found():
    text = "# A deck\n\nThe slope is 2.98.\n\n```{notes} 1\n**Say:** It is 2.98.\n```\n"
    assert len(style_checks.check_numbers(Page("slides/01-toy.md", text))) == 2


@pytest.fixture
def deck(tmp_path: Path) -> Path:
    """Make a project of one deck beside the built book."""
    for name in ("extensions", "_build"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "slides").mkdir()
    for name in ("conf.py", "slides.css", "index.md"):
        (tmp_path / "slides" / name).symlink_to(ROOT / "slides" / name)
    return tmp_path / "slides" / "01-three-hospitals.md"


@pytest.mark.parametrize(
    ("slide", "message"),
    [
        ("```{chapter-figure} fig-pooled\n```\n{glue:text}`pooled_slope`", ""),
        ("```{chapter-figure} fig-nowhere\n```", "no figure 'fig-nowhere'"),
        ("```{chapter-figure} fig-explorable\n```", "that stands still"),
        ("{glue:text}`nowhere`", "no number 'nowhere'"),
        ("{doc}`content/nowhere`", "unknown document: 'content/nowhere'"),
    ],
    ids=["sound", "a lost figure", "a figure that moves", "a lost number", "a broken link"],
)
def test_a_fault_planted_on_a_slide_turns_the_build_red(deck, slide, message):
    deck.write_text(f"# A deck\n\n{slide}\n")
    code, said = build(
        deck.parents[1], SLIDES.replace("_build", "made", 1).replace("_build", "made")
    )
    assert (code == 0) == (message == "") and message in said


def test_a_figure_of_a_chapter_that_is_not_built_is_refused():
    with pytest.raises(ValueError, match="09-nowhere is not built"):
        decks.figure_of("09-nowhere", "fig-pooled")


def test_a_figure_without_a_number_is_refused(monkeypatch):
    page = BeautifulSoup('<figure id="fig-toy"><img src="toy.svg"></figure>', "html.parser")
    monkeypatch.setattr(decks, "page_of", lambda chapter: page)
    with pytest.raises(ValueError, match="'fig-toy' of 01-toy has no number"):
        decks.figure_of("01-toy", "fig-toy")
