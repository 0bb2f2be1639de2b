"""Self-checks and exam bank: every file is sound, every fault is refused, exports lose nothing."""

import io
import re
import zipfile
from xml.etree import ElementTree

import pages
import pytest
import self_checks
import student_downloads
import style_checks
from bs4 import BeautifulSoup
from myst import Page
from nbformat.v4 import new_markdown_cell, new_notebook

from assessment.questions import html, load
from assessment.quiz import moodle, printable, qti, write_all

CHAPTERS = pages.chapters()
FOLDERS = [pages.ROOT / "content" / "self-checks", pages.ROOT / "assessment" / "exam"]
FILES = sorted(path for folder in FOLDERS for path in folder.glob("*.yml"))
SOUND = """\
title: A quiz
questions:
- id: toy-one
  objective: 1
  question: What is *half* of {n} < 5 & more?
  values: {n: 4, half: n / 2, minus: -n, deff: "design_effect(0.5, n + 1)"}
  check: deff == 3
  options:
  - {text: "{half:.1f}", right: true, feedback: "Yes, `n / 2`."}
  - {text: "{n}", feedback: That is all of it.}
  - {text: "{minus}", feedback: That has another sign.}
- id: toy-two
  objective: 2
  question: How much is a third of one?
  answer: 1 / 3
  tolerance: 0.01
  feedback: One over three.
"""

each_file = pytest.mark.parametrize(
    "path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}"
)


@pytest.fixture
def quiz_file(tmp_path):
    def write(text=SOUND):
        path = tmp_path / "toy.yml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def plain(text):
    """Return the words of a text of a question, without its marks."""
    return BeautifulSoup(html(text), "html.parser").get_text()


# --- reading -----------------------------------------------------------------------------------


def test_a_sound_quiz_is_read_with_its_values_computed(quiz_file):
    first, second = load(quiz_file()).questions
    assert first.text == "What is *half* of 4 < 5 & more?"
    assert [option.text for option in first.options] == ["2.0", "4", "−4"]
    assert (first.key, second.key, second.answer) == ("(a)", "0.3333 ± 0.01", 1 / 3)


VALUES = re.search("values: .*", SOUND)[0]
FAULTS = [
    ("title: A quiz\n", "", "a quiz has a title and questions"),
    ("  objective: 1\n", "", "question toy-one: add objective"),
    ("objective: 1", "objective: one", "question toy-one: objective is the number"),
    ("id: toy-one", "id: Toy one", "question Toy one: an id has"),
    ("id: toy-two", "id: toy-one", "question toy-one: another question of this file"),
    (", right: true", "", "question toy-one: 0 options are right"),
    ("of it.}", "of it., right: true}", "question toy-one: 2 options are right"),
    ("of it.}", "of it., right: false}", "question toy-one: option b: say 'right: true'"),
    ("of it.}", "of it., hint: no}", "question toy-one: option b: 'hint' is not known"),
    (", feedback: That is all of it.", "", "question toy-one: option b: feedback must be"),
    ('feedback: "Yes, `n / 2`."', 'feedback: ""', "question toy-one: option a: feedback must be"),
    ('"{minus}"', '"{n}"', "question toy-one: three to eight options"),
    ("{n} < 5", "{m} < 5", "question toy-one: question uses {m}, which is not among"),
    ("{n} < 5", "{n[0]} < 5", "question toy-one: question has a brace that belongs to no value"),
    ("n / 2,", "m / 2,", "question toy-one: 'm / 2' cannot be computed"),
    ("deff == 3", "deff == 4", "question toy-one: its check is false: deff == 4"),
    ("  options:", "  option:", "question toy-one: add answer, feedback, tolerance"),
    ("  check:", "  cheque:", "question toy-one: 'cheque' is not known"),
    ("  check: deff == 3\n", "  tolerance: 1\n", "question toy-one: 'tolerance' belongs to"),
    ("tolerance: 0.01", "tolerance: 0", "question toy-two: tolerance must be above zero"),
    ("answer: 1 / 3", "answer: .nan", "question toy-two: answer must be a number"),
    ("answer: 1 / 3", "answer: 10 * 1e308", "question toy-two: answer must be a number"),
    ("answer: 1 / 3", "answer: 10 ** 400", "question toy-two: answer must be a number"),
    ("answer: 1 / 3", "answer: [1, 3]", "question toy-two: answer must be a number"),
    ("answer: 1 / 3", "answer: (-1) ** 0.5", "question toy-two: answer must be a number"),
    ("tolerance: 0.01", "tolerance: .inf", "question toy-two: tolerance must be a number"),
    ("- id: toy-two", "- A question.\n- id: toy-two", "question 2: it has an id"),
    (SOUND.partition("questions:\n")[2], "", "questions must be a list"),
    (VALUES, "values: [4]", "question toy-one: values are names with their expressions"),
    (
        '  - {text: "{n}", feedback: That is all of it.}',
        "  - Four.",
        "question toy-one: options are",
    ),
    ("answer: 1 / 3", "answer: 1 / 0", "question toy-two: '1 / 0' cannot be computed"),
    ("How much is", "|\n    How\n    much is", "question toy-two: question must be one paragraph"),
]


@pytest.mark.parametrize(("sound", "fault", "message"), FAULTS)
def test_a_fault_is_refused_with_file_and_question(quiz_file, sound, fault, message):
    assert SOUND.count(sound) == 1
    with pytest.raises(ValueError, match=re.escape(message)) as refusal:
        load(quiz_file(SOUND.replace(sound, fault)))
    assert str(refusal.value).startswith("toy.yml")


# --- the questions of the book -----------------------------------------------------------------


def objectives_of(chapter):
    page = Page(chapter.name, chapter.read_text(encoding="utf-8"))
    boxes = [d for d in page.directives if d.name == "admonition" and d.argument == "Objectives"]
    return {int(number) for box in boxes for number in re.findall(r"^(\d)\. ", box.body, re.M)}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_a_chapter_has_five_questions_that_cover_its_objectives(folder, chapter):
    questions = load(folder / f"{chapter.stem}.yml").questions
    assert len(questions) == 5
    assert {question.objective for question in questions} == objectives_of(chapter)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_a_chapter_asks_its_own_questions(chapter):
    page = Page(chapter.name, chapter.read_text(encoding="utf-8"))
    checks = [d.argument for d in page.directives if d.name == "self-check"]
    assert checks == [chapter.stem]
    assert "\n## Check yourself\n\n```{self-check}" in page.text


def test_no_file_of_questions_lacks_its_chapter():
    assert {path.stem for path in FILES} == {chapter.stem for chapter in CHAPTERS}


def test_no_id_is_used_twice_in_the_book():
    ids = [question.id for path in FILES for question in load(path).questions]
    assert len(ids) == len(set(ids)) == 10 * len(CHAPTERS)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_neither_place_nor_length_gives_the_right_option_away(folder):
    questions = [q for path in folder.glob("*.yml") for q in load(path).questions if q.options]
    keys = [question.key for question in questions]
    assert max(keys.count(key) for key in set(keys)) < 0.4 * len(keys)
    longest = [max(q.options, key=lambda option: len(option.text)).right for q in questions]
    assert sum(longest) < 0.3 * len(questions)


@each_file
def test_questions_and_feedback_say_nothing_that_misleads(path):
    for question in load(path).questions:
        says = [question.text, question.feedback, *(o.feedback for o in question.options)]
        says += [option.text for option in question.options if option.right]
        assert style_checks.check_phrases(Page(question.id, "\n\n".join(says))) == []


# --- exports -----------------------------------------------------------------------------------


def words(element):
    """Return the text of an element's first HTML, without its tags."""
    text = element.find(".//{*}mattext").text
    return BeautifulSoup(text, "html.parser").get_text().strip()


def read_qti(data):
    """Return (id, text, options, key, feedback by option, or of "all") of each item of a zip."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parsed = {
            name: ElementTree.fromstring(archive.read(name))
            for name in archive.namelist()
            if name.endswith(".xml")
        }
    listed = [file.get("href") for file in parsed["imsmanifest.xml"].findall(".//{*}file")]
    assert {*listed, "imsmanifest.xml"} == set(parsed)
    (assessment,) = [name for name in listed if not name.endswith("/assessment_meta.xml")]
    for item in parsed[assessment].findall(".//{*}item"):
        feedbacks = {f.get("ident"): words(f) for f in item.findall(".//{*}itemfeedback")}
        said, key = {}, {}
        for condition in item.findall(".//{*}respcondition"):
            asked = condition.find("{*}conditionvar").iter()
            values = {tag.tag.rpartition("}")[2]: tag.text for tag in asked}
            if (shown := condition.find("{*}displayfeedback")) is not None:
                said[values.get("varequal", "all")] = feedbacks[shown.get("linkrefid")]
            if condition.findtext("{*}setvar") == "100":
                key = values
        labels = item.findall(".//{*}response_lid//{*}response_label")
        options = {label.get("ident"): words(label) for label in labels}
        yield item.get("title"), words(item.find("{*}presentation")), options, key, said


@each_file
def test_qti_has_every_question_option_key_and_feedback(path):
    questions = load(path).questions
    for question, item in zip(questions, read_qti(qti(path)), strict=True):
        title, text, options, key, said = item
        assert (title, text) == (question.id, plain(question.text))
        assert list(options.values()) == [plain(option.text) for option in question.options]
        if question.options:
            (right,) = [option for option in question.options if option.right]
            assert options[key["varequal"]] == plain(right.text)
            assert [said[i] for i in options] == [plain(o.feedback) for o in question.options]
        else:
            ends = question.answer - question.tolerance, question.answer + question.tolerance
            # written with four decimals
            assert (float(key["vargte"]), float(key["varlte"])) == pytest.approx(ends, abs=5.1e-5)
            assert said == {"all": plain(question.feedback)}


@each_file
def test_moodle_has_every_question_option_key_and_feedback(path):
    quiz = load(path)
    category, *items = ElementTree.fromstring(moodle(path))
    assert category.get("type") == "category"
    assert category.findtext("category/text").endswith(quiz.title)
    assert len(items) == len(quiz.questions)
    for question, item in zip(quiz.questions, items, strict=True):
        assert item.findtext("name/text") == question.id
        assert item.findtext("questiontext/text") == f"<p>{html(question.text)}</p>"
        answers = item.findall("answer")
        if question.options:
            assert item.get("type") == "multichoice"
            assert [
                (a.findtext("text"), a.findtext("feedback/text"), a.get("fraction") == "100")
                for a in answers
            ] == [(html(o.text), html(o.feedback), o.right) for o in question.options]
        else:
            assert item.get("type") == "numerical"
            assert [float(answers[0].findtext(part)) for part in ("text", "tolerance")] == [
                question.answer,
                question.tolerance,
            ]
            assert item.findtext("generalfeedback/text") == html(question.feedback)


@each_file
def test_paper_has_the_key_only_where_it_is_asked_for(path):
    asked, answered = printable(path), printable(path, key=True)
    for question in load(path).questions:
        feedbacks = [question.feedback, *(option.feedback for option in question.options)]
        assert question.text in asked and question.text in answered
        assert all(option.text in asked for option in question.options)
        assert question.key in answered and f"*Objective {question.objective}.*" in answered
        assert all(f in answered for f in feedbacks)
        assert not any(f and f in asked for f in feedbacks)


def test_a_quiz_is_exported_to_the_same_bytes_each_time(quiz_file):
    assert qti(quiz_file()) == qti(quiz_file())


def test_a_folder_is_written_in_every_format(quiz_file, tmp_path):
    write_all(quiz_file().parent, tmp_path / "made")
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == [
        "toy-key.md",
        "toy-moodle.xml",
        "toy-qti.zip",
        "toy.md",
    ]


# --- pages and notebooks -----------------------------------------------------------------------


def test_a_page_holds_every_answer_without_a_script(quiz_file):
    text = SOUND.partition("- id: toy-two")[0]
    page = BeautifulSoup(self_checks.as_html("toy", load(quiz_file(text))), "html.parser")
    fieldset = page.fieldset
    assert fieldset.find(True).name == "legend"  # only a first one names the group
    assert [label.get_text(strip=True) for label in fieldset.find_all("label")] == [
        "(a) 2.0",
        "(b) 4",
        "(c) −4",
    ]
    answers = fieldset.details.find_all("li")
    assert answers[0].get_text() == "(a) Right. Yes, n / 2."
    assert [answer["data-of"] for answer in answers] == [i["value"] for i in page.find_all("input")]
    assert "<em>half</em> of 4 &lt; 5 &amp; more" in str(fieldset.legend)


def test_a_self_check_that_asks_for_a_number_is_refused(quiz_file):
    with pytest.raises(ValueError, match="toy: toy-two asks for a number"):
        self_checks.as_html("toy", load(quiz_file()))


def test_what_is_kept_of_an_answer_is_forgotten_when_the_option_changes(quiz_file):
    def kept(text):
        return re.findall(r'value="(\w+)"', self_checks.as_html("toy", load(quiz_file(text))))

    one = SOUND.partition("- id: toy-two")[0]
    before, after = kept(one), kept(one.replace('"{n}"', '"{n} or so"'))
    assert before[0] == after[0] and before[1] != after[1] and before[2] == after[2]


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)
def test_a_download_lists_the_questions_as_text(chapter):
    source = chapter.read_text(encoding="utf-8")
    block = self_checks.SOURCE.search(source)[0]
    (cell,) = student_downloads.student_notebook(
        new_notebook(cells=[new_markdown_cell(f"Before.\n\n{block}\n\nAfter.")]), {}
    ).cells
    assert "{self-check}" not in cell.source
    assert cell.source.startswith("Before.") and cell.source.endswith("After.")
    open_part, folded = cell.source.split("<details>")
    for question in load(FOLDERS[0] / f"{chapter.stem}.yml").questions:
        assert question.text in open_part and all(o.text in open_part for o in question.options)
        assert all(o.feedback in folded for o in question.options)
