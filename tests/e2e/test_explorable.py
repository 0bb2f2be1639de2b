"""The explorable as readers use it: keyboard, thumb, ear, dark room, notebook, no script at all."""

import re
from urllib.parse import urldefrag

import pytest
from playwright.sync_api import expect
from site_checks import AXE, HEAR, RUN_AXE, WCAG

from multilevel.explore import PRESETS, explore

CHAPTER = "content/01-three-hospitals.html"
OF_SLOPES = "content/07-random-slopes.html"
PHONE = {"width": 390, "height": 844}


class Figure:
    """The explorable of a page, or of a frame."""

    def __init__(self, page):
        self.page = page
        self.box = page.locator(".explorable")

    def slider(self, name):
        return self.box.get_by_role("slider", name=name)

    def cell(self, name):
        return self.box.locator(f'[data-cell="{name}"]').inner_text()

    def wait_for_cell(self, name, text):
        self.box.locator(f'[data-cell="{name}"]', has_text=text).wait_for()

    def press(self, name, key, times=1):
        self.slider(name).focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    def button(self, text):
        return self.box.get_by_role("button", name=text, exact=True)

    def said(self):
        return self.box.locator(".said").inner_text()

    def case(self):
        return self.box.locator(".case")


@pytest.fixture
def open_page(browser, site_url):
    """Open the chapter in a window of its own, in front of the figure; errors fail the test."""
    contexts, errors = [], []

    def open_page(fragment="", near=True, chapter=CHAPTER, **options):
        options = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"} | options
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(f"{site_url}{chapter}{fragment}")
        if near:
            page.locator(".explorable").scroll_into_view_if_needed()
            page.locator(".explorable canvas").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


@pytest.fixture
def figure(open_page):
    return Figure(open_page())


# --- loading -----------------------------------------------------------------------------------


def test_the_script_is_loaded_when_a_reader_comes_near(open_page):
    page = open_page(near=False)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload(wait_until="networkidle")
    assert not [url for url in asked if "explorable" in url]
    page.locator(".explorable").scroll_into_view_if_needed()
    page.locator(".explorable canvas").wait_for()
    assert len([url for url in asked if url.endswith("explorable.mjs")]) == 1


def test_without_a_script_a_sentence_and_the_other_figures_remain(open_page):
    page = open_page(near=False, java_script_enabled=False)
    assert "Without it, the other figures" in page.locator(".explorable").inner_text()
    assert page.locator("#fig-by-hospital img").is_visible()


# --- keyboard and ear --------------------------------------------------------------------------


def test_a_key_moves_a_slider_and_the_table_follows(figure):
    assert (figure.cell("pooled.slope"), figure.cell("between.truth")) == ("+2.98", "+5.00")
    figure.press("Staff effect", "Home")
    figure.wait_for_cell("between.truth", "−3.00")
    assert figure.cell("pooled.slope").startswith("−")
    assert figure.cell("within.slope") == "−3.00"
    assert "no flip" in figure.box.locator(".verdict").inner_text()


def test_every_slider_is_reached_and_named_by_keyboard(figure):
    figure.slider("Within slope").focus()
    names = []
    for _ in range(6):
        names.append(figure.page.evaluate("document.activeElement.labels[0].textContent"))
        figure.page.keyboard.press("Tab")
    assert names[0] == "Within slope" and names[-1] == "Patients each" and len(set(names)) == 6


def test_a_slider_says_its_value_with_its_unit(figure):
    figure.press("Within slope", "ArrowRight")
    figure.wait_for_cell("within.truth", "−2.75")
    text = figure.slider("Within slope").get_attribute("aria-valuetext")
    assert text == "−2.75 points per point of severity"


def test_what_changed_is_said_once_after_the_movement(figure):
    figure.page.evaluate("""() => {
      window.spoken = [];
      const note = () => window.spoken.push(document.querySelector(".said").textContent);
      const what = { childList: true, characterData: true, subtree: true };
      new MutationObserver(note).observe(document.querySelector(".said"), what);
    }""")
    figure.press("Staff effect", "ArrowLeft", times=8)
    figure.box.locator(".said", has_text="before +2.98").wait_for()
    figure.page.wait_for_timeout(1000)
    spoken = figure.page.evaluate("window.spoken")
    assert len(spoken) == 1
    assert spoken[0].startswith("Pooled slope ") and spoken[0].endswith("the trend flips.")
    assert "within" not in spoken[0]  # it has not changed


# --- cases -------------------------------------------------------------------------------------


def test_a_case_asks_before_it_moves(figure):
    figure.button("Blue closes").click()
    assert "is +2.98 now. Which way will it go?" in figure.case().inner_text().replace("\n", " ")
    figure.page.wait_for_timeout(300)
    assert figure.cell("pooled.slope") == "+2.98"
    assert figure.slider("Hospitals").input_value() == "3"


@pytest.mark.parametrize(
    ("guess", "said"), [("It falls", "As you said, it falls"), ("It rises", "You said that it")]
)
def test_a_case_answers_the_prediction_with_numbers(figure, guess, said):
    figure.button("Blue closes").click()
    figure.button(guess).click()
    figure.case().get_by_text("from +2.98 to").wait_for()
    assert figure.case().inner_text().startswith(said)
    assert f"to {figure.cell('pooled.slope')}." in figure.case().inner_text()
    assert figure.slider("Hospitals").input_value() == "2"
    assert figure.page.evaluate("document.activeElement.closest('.case') !== null")


@pytest.mark.parametrize(
    ("case", "values"),
    [
        ("Equal staff", {"Staff effect": "0"}),
        ("Two patients each", {"Hospitals": "40", "Patients each": "2"}),
        ("Forty hospitals", {"Hospitals": "40", "Patients each": "30"}),
    ],
)
def test_every_case_ends_where_it_says(figure, case, values):
    figure.press(
        "Residual SD", "End"
    )  # each starts from the book's world, wherever the sliders are
    figure.button(case).click()
    figure.button("It stays").click()
    figure.case().get_by_text("You said that it stays.").wait_for()
    assert {name: figure.slider(name).input_value() for name in values} == values
    assert figure.slider("Residual SD").input_value() == "4"


def test_the_way_back_leads_to_the_book(figure):
    figure.press("Staff effect", "Home")
    figure.press("Hospitals", "End")
    figure.button("Back to the book’s world").click()
    figure.wait_for_cell("pooled.slope", "+2.98")
    assert figure.slider("Hospitals").input_value() == "3"


@pytest.mark.parametrize(("motion", "glides"), [("reduce", False), ("no-preference", True)])
def test_a_case_glides_unless_the_reader_wants_no_motion(open_page, motion, glides):
    figure = Figure(open_page(reduced_motion=motion))
    figure.button("Equal staff").click()
    between = figure.page.evaluate("""() => {
      document.querySelectorAll(".case button")[2].click();
      return document.querySelector("[name=staff]").value;
    }""")
    assert (between != "0") is glides
    assert figure.page.evaluate("document.activeElement.closest('.case') !== null")
    figure.case().get_by_text("As you said, it falls").wait_for()
    assert figure.slider("Staff effect").input_value() == "0"


# --- links -------------------------------------------------------------------------------------


def test_a_copied_link_brings_the_values_back(open_page):
    figure = Figure(open_page(permissions=["clipboard-read", "clipboard-write"]))
    figure.press("Staff effect", "PageDown")
    figure.press("Hospitals", "ArrowRight", times=4)
    figure.button("Copy link to these values").click()
    figure.box.get_by_text("Link copied.").wait_for()
    link = figure.page.evaluate("navigator.clipboard.readText()")
    figure.wait_for_cell("between.truth", re.compile(r"^\+(?!5\.00)"))
    here = [figure.slider(name).input_value() for name in ("Staff effect", "Hospitals")]

    there = Figure(open_page("#" + urldefrag(link)[1], near=False))
    there.box.locator("canvas").wait_for()
    there.wait_for_cell("pooled.slope", figure.cell("pooled.slope"))
    assert [there.slider(name).input_value() for name in ("Staff effect", "Hospitals")] == here
    assert there.page.evaluate(
        "(() => { const { top } = document.querySelector('.explorable').getBoundingClientRect();"
        " return Math.abs(top) < innerHeight; })()"
    )


def test_a_browser_that_does_not_copy_shows_the_link(open_page):
    figure = Figure(open_page())
    figure.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject('no'); }")
    figure.button("Copy link to these values").click()
    shown = figure.box.get_by_label("Link to these values")
    shown.wait_for()
    assert "#explorable-paradox?within=-3&staff=8&" in shown.input_value()


def test_a_link_copied_twice_is_announced_twice(open_page):
    figure = Figure(open_page(permissions=["clipboard-read", "clipboard-write"]))
    figure.button("Copy link to these values").click()
    figure.box.get_by_text("Link copied.").evaluate(HEAR)
    figure.button("Copy link to these values").click()
    figure.page.wait_for_timeout(500)
    assert figure.page.evaluate("window.spoken") == ["", "Link copied."]


def test_a_link_ends_a_motion_that_is_under_way(open_page):
    figure = Figure(open_page(reduced_motion="no-preference"))
    figure.button("Forty hospitals").click()
    figure.button("It stays").click()
    figure.page.evaluate("location.hash = '#explorable-paradox?staff=2&n_hospitals=5'")
    figure.page.wait_for_timeout(1200)  # longer than a motion
    values = [figure.slider(name).input_value() for name in ("Staff effect", "Hospitals")]
    assert values == ["2", "5"] and figure.case().is_hidden()


@pytest.mark.parametrize(
    "fragment",
    [
        "#exercises",
        "#explorable-paradox?staff=99&nonsense=%",
        "#%",
        "#explorable-paradox?constructor=1",
    ],
)
def test_other_links_still_work(open_page, fragment):
    figure = Figure(open_page(fragment))
    figure.box.locator("canvas").wait_for()
    assert figure.slider("Staff effect").input_value() == ("12" if "99" in fragment else "8")
    figure.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject('no'); }")
    figure.button("Copy link to these values").click()
    assert "constructor" not in figure.box.get_by_label("Link to these values").input_value()


# --- eyes and thumbs ---------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_question_breaks_no_accessibility_rule(open_page, scheme, width):
    page = open_page(color_scheme=scheme, viewport={"width": width, "height": 900})
    Figure(page).button("Blue closes").click()
    page.evaluate(AXE)
    found = page.evaluate(RUN_AXE.replace("document, options", '".explorable", options'), WCAG)
    assert [(rule["id"], node["html"][:150]) for rule in found for node in rule["nodes"]] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_ellipse_breaks_no_rule_either_and_does_not_scroll_sideways(open_page, scheme, width):
    viewport = {"width": width, "height": 900}
    page = open_page(chapter=OF_SLOPES, color_scheme=scheme, viewport=viewport)
    page.evaluate(AXE)
    found = page.evaluate(RUN_AXE.replace("document, options", '".explorable", options'), WCAG)
    assert [(rule["id"], node["html"][:150]) for rule in found for node in rule["nodes"]] == []
    whole = "document.documentElement"
    assert page.evaluate(f"{whole}.scrollWidth - {whole}.clientWidth") == 0


def test_a_zero_moved_by_keys_is_shown_and_heard(open_page):
    figure = Figure(open_page(chapter=OF_SLOPES))
    figure.press("Zero of severity", "ArrowRight", 8)
    figure.wait_for_cell("here.correlation", "+0.66")
    assert figure.cell("average.correlation") == "+0.20"
    figure.box.locator(".said", has_text="correlation +0.66, before +0.20").wait_for(
        state="attached"
    )


def test_a_link_to_the_ellipse_carries_its_values(open_page):
    figure = Figure(open_page("#explorable-ellipse?zero=-0.6&correlation=0.2", chapter=OF_SLOPES))
    figure.wait_for_cell("here.correlation", "+0.03")  # the nearest step is −0.5


def test_the_figure_does_not_make_a_phone_scroll_sideways(open_page):
    figure = Figure(open_page(viewport=PHONE))
    figure.button("Two patients each").click()
    figure.button("It rises").click()
    figure.case().get_by_text("As you said, it rises").wait_for()
    page = "document.documentElement"
    assert figure.page.evaluate(f"{page}.scrollWidth - {page}.clientWidth") == 0
    # a table that is too wide would be clipped without the page scrolling
    box = figure.box.bounding_box()
    for table in figure.box.locator("table").all():
        assert table.bounding_box()["width"] <= box["width"] + 1


def test_the_picture_changes_colours_with_the_theme(figure):
    painted = "document.querySelector('.explorable canvas').toDataURL()"
    light = figure.page.evaluate(painted)
    figure.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    figure.page.wait_for_function(f"before => {painted} !== before", arg=light)


def test_a_thumb_moves_a_slider_while_the_picture_stays_in_view(open_page):
    figure = Figure(open_page(viewport=PHONE, has_touch=True, is_mobile=True))
    slider = figure.slider("Patients each")
    slider.evaluate("slider => slider.scrollIntoView({ block: 'end' })")
    figure.page.evaluate("scrollBy(0, 200)")  # the picture's own place is above the window now
    place = slider.bounding_box()
    figure.page.touchscreen.tap(place["x"] + 5, place["y"] + place["height"] / 2)
    figure.page.wait_for_function("document.querySelector('[name=n_patients]').value < 10")
    picture = figure.box.locator("canvas").bounding_box()
    header = figure.page.locator(".bd-header-article").bounding_box()
    assert picture["y"] >= header["y"] + header["height"] - 1
    assert picture["y"] + picture["height"] < place["y"]
    assert place["height"] >= 24  # WCAG 2.2, 2.5.8


def test_the_slider_in_use_is_not_under_the_picture(open_page):
    figure = Figure(open_page(viewport=PHONE))
    figure.slider("Patients each").focus()
    for _ in range(5):
        figure.page.keyboard.press("Shift+Tab")
        slider = figure.page.locator(":focus").bounding_box()
        picture = figure.box.locator(".picture").bounding_box()
        assert slider["y"] >= picture["y"] + picture["height"] - 1


# --- notebooks ---------------------------------------------------------------------------------


@pytest.fixture
def in_notebook(browser):
    """Show an output as a notebook does: as HTML that is put into a page, whose scripts rest."""
    errors = []
    page = browser.new_page()
    page.on("pageerror", lambda error: errors.append(error))
    page.route("**/*", lambda route: errors.append(route.request.url) or route.abort())

    def show(output, body="<body>"):
        page.set_content(f"<!DOCTYPE html><html>{body}<main></main></html>")
        page.evaluate("html => (document.querySelector('main').innerHTML = html)", output)
        frame = page.frame_locator("iframe")
        frame.locator("canvas").first.wait_for()
        return page, frame

    yield show
    page.close()
    assert errors == []


@pytest.mark.parametrize("preset", PRESETS)
def test_a_notebook_shows_the_figure_in_a_frame_of_its_own(in_notebook, preset):
    page, frame = in_notebook(explore(preset)._repr_html_())
    cell, text = ("average.sd", "3.00") if preset == "ellipse" else ("within.slope", "−")
    expect(frame.locator(f'[data-cell="{cell}"]')).to_have_text(re.compile(f"^{text}"))
    height = frame.locator("html").evaluate("html => html.scrollHeight")
    page.wait_for_function(
        "height => Math.abs(document.querySelector('iframe').clientHeight - height) <= 20",
        arg=height,
    )
    two = preset == "ellipse" or "against" in PRESETS[preset]
    assert frame.locator("canvas").count() == 1 + two
    assert frame.get_by_role("button", name="Copy link to these values").count() == 0


@pytest.mark.parametrize(
    ("body", "theme"),
    [
        ('<body data-jp-theme-light="false">', "dark"),
        ('<body data-jp-theme-light="true">', "light"),
    ],
)
def test_the_frame_is_as_dark_as_the_notebook(in_notebook, body, theme):
    _, frame = in_notebook(explore()._repr_html_(), body)
    assert frame.locator("html").get_attribute("data-theme") == theme
