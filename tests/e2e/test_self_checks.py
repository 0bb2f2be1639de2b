"""The questions of a chapter as readers use them: keyboard, ear, phone, paper, no script at all."""

import pytest
from playwright.sync_api import expect
from site_checks import AXE, HEAR, RUN_AXE, WCAG

from assessment.questions import load

CHAPTER = "03-icc"
FORBIDDEN = """Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("no", "SecurityError"); } });"""
KEPT = f"multilevel-book/self-check/{CHAPTER}"


class Question:
    def __init__(self, page, number):
        self.page = page
        self.field = page.locator(".self-check fieldset").nth(number)
        self.options = self.field.get_by_role("radio")
        self.button = self.field.get_by_role("button", name="Check")

    def choose(self, letter):
        self.options.nth("abcd".index(letter)).check()

    def answer(self, letter):
        self.choose(letter)
        self.button.click()

    def chosen(self):
        return [option.is_checked() for option in self.options.all()]

    def said(self):
        return self.field.get_by_role("status").inner_text()


@pytest.fixture
def open_page(browser, site_url):
    """Open the chapter in a window of its own; an error in the script fails the test."""
    contexts, errors = [], []

    def open_page(script="", **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        # where storage is forbidden, the theme's own scripts fail
        page.on("pageerror", lambda e: "self_checks.js" in e.stack and errors.append(e))
        if script:
            page.add_init_script(script)
        page.goto(f"{site_url}content/{CHAPTER}.html")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def page(open_page):
    return open_page()


@pytest.fixture(scope="module")
def questions(site):
    return load(site.parents[1] / "content" / "self-checks" / f"{CHAPTER}.yml").questions


# --- answering ---------------------------------------------------------------------------------


def test_every_option_is_answered_with_its_own_feedback(page, questions):
    for number, question in enumerate(questions):
        asked = Question(page, number)
        for letter, option in zip("abcd", question.options, strict=True):
            asked.answer(letter)
            verdict = "Right." if option.right else "Not so."
            said = asked.said().replace("’", "'")
            assert said.startswith(f"({letter}) {verdict} {option.feedback[:20]}")


def test_a_question_is_answered_by_keyboard_alone(page):
    question = Question(page, 0)
    page.locator("#check-yourself").evaluate("section => (section.tabIndex = -1, section.focus())")
    for key in ["Tab", "ArrowDown", "ArrowDown", "ArrowDown", "Tab", "Enter"]:
        page.keyboard.press(key)
    assert question.chosen() == [False, False, False, True]
    assert question.said().startswith("(d) Right.")


def test_what_arrow_keys_pass_is_no_answer(page):
    question = Question(page, 0)
    question.answer("a")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowDown")
    assert question.chosen()[1] and question.said() == ""
    page.reload()
    assert question.chosen()[0] and question.said().startswith("(a)")


def test_a_check_without_a_choice_asks_for_one(page):
    question = Question(page, 0)
    question.button.click()
    expect(question.field.get_by_role("status")).to_have_text("Choose an option first.")


def test_a_question_is_a_named_group_and_its_feedback_is_announced(page, questions):
    groups = page.locator(".self-check").get_by_role("group")
    assert groups.count() == len(questions)
    assert page.get_by_role("group", name=f"1. {questions[0].text[:30]}").count() == 1
    region = Question(page, 0).field.get_by_role("status")
    assert region.get_attribute("aria-live") == "polite" and region.inner_text() == ""


@pytest.mark.parametrize(
    ("button", "text"),
    [("Check", "Choose an option first."), ("Clear my answers", "They are cleared.")],
)
def test_what_a_button_says_a_second_time_is_announced_again(page, button, text):
    button = page.locator(".self-check").get_by_role("button", name=button).first
    button.click()
    page.get_by_text(text).evaluate(HEAR)
    button.click()
    page.wait_for_timeout(500)
    assert page.evaluate("window.spoken") == ["", text]


# --- keeping -----------------------------------------------------------------------------------


def test_answers_are_there_after_a_reload_and_gone_when_cleared(page):
    first, second = Question(page, 0), Question(page, 1)
    first.answer("b")
    second.choose("a")  # not checked, hence not kept
    page.reload()
    assert first.chosen() == [False, True, False, False] and first.said().startswith("(b) Not so.")
    assert not any(second.chosen())
    page.get_by_role("button", name="Clear my answers").click()
    expect(page.get_by_text("They are cleared.")).to_be_visible()
    assert not any(first.chosen()) and first.said() == ""
    page.reload()
    assert not any(first.chosen()) and first.said() == ""
    assert page.evaluate("name => localStorage.getItem(name)", KEPT) is None


@pytest.mark.parametrize("kept", ["{", "null", '{"3-meaning": "an option of an older page"}'])
def test_what_cannot_be_read_is_forgotten(page, kept):
    page.evaluate("([name, kept]) => localStorage.setItem(name, kept)", [KEPT, kept])
    page.reload()
    question = Question(page, 0)
    assert not any(question.chosen()) and question.said() == ""
    question.answer("d")
    assert question.said().startswith("(d) Right.")


def test_where_storage_is_forbidden_questions_still_work(open_page):
    page = open_page(FORBIDDEN)
    Question(page, 0).answer("d")
    assert Question(page, 0).said().startswith("(d) Right.")
    page.get_by_role("button", name="Clear my answers").click()
    assert not any(Question(page, 0).chosen())


def test_an_answer_causes_no_request(page):
    page.wait_for_load_state("networkidle")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    Question(page, 0).answer("a")
    page.get_by_role("button", name="Clear my answers").click()
    page.wait_for_timeout(300)
    assert asked == []


# --- without a script, on paper, in the dark, on a phone ---------------------------------------


def test_without_a_script_the_answers_are_folded_below_the_questions(open_page, questions):
    page = open_page(java_script_enabled=False)
    box = page.locator(".self-check")
    assert not [button for button in box.get_by_role("button").all() if button.is_visible()]
    feedback = box.get_by_text(questions[0].options[3].feedback)
    assert not feedback.is_visible()
    box.get_by_text("Answer to question 1").click()
    assert feedback.is_visible()


def test_paper_has_the_questions_and_no_buttons(page, questions):
    page.emulate_media(media="print")
    box = page.locator(".self-check")
    assert not [button for button in box.locator("button").all() if button.is_visible()]
    assert box.get_by_text(questions[4].options[0].text).is_visible()
    assert not box.get_by_text("Answer to question 5").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_answered_questions_break_no_accessibility_rule(open_page, scheme, width):
    page = open_page(color_scheme=scheme, viewport={"width": width, "height": 900})
    Question(page, 0).answer("a")
    Question(page, 1).answer("b")
    Question(page, 2).button.click()
    page.evaluate(AXE)
    found = page.evaluate(RUN_AXE.replace("document, options", '".self-check", options'), WCAG)
    assert [(rule["id"], node["html"][:150]) for rule in found for node in rule["nodes"]] == []
    html = "document.documentElement"
    assert page.evaluate(f"{html}.scrollWidth - {html}.clientWidth") == 0
    for target in page.locator(".self-check :is(label, button)").all():
        assert target.bounding_box()["height"] >= 24  # WCAG 2.2, 2.5.8


# --- what is served ----------------------------------------------------------------------------


def test_the_script_is_loaded_only_where_there_are_questions(site):
    pages = {path: path.read_text(encoding="utf8") for path in site.rglob("*.html")}
    loaded = {path for path, text in pages.items() if "self_checks.js" in text}
    assert loaded == {path for path, text in pages.items() if 'class="self-check"' in text} != set()


def test_nothing_of_the_exam_bank_is_served(site):
    files = [path.read_bytes() for path in site.rglob("*") if path.is_file()]
    banks = sorted((site.parents[1] / "assessment" / "exam").glob("*.yml"))
    assert len(banks) == 8
    for bank in banks:
        for question in load(bank).questions:
            # its name, and words that no markup interrupts
            marks = [question.id.encode(), question.text.split("`")[-1][-40:].encode()]
            assert not [mark for mark in marks for content in files if mark in content]
