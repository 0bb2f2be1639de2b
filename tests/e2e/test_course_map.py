"""The course map keeps a reader's marks on the device, and works where nothing can be kept."""

import re

import pytest
from site_checks import HEAR, parsed

MAP = "content/toolbox/course-map.html"
FIRST = "content/01-three-hospitals"


@pytest.fixture
def page(browser, site_url):
    context = browser.new_context()
    page = context.new_page()
    page.goto(site_url + MAP)
    yield page
    context.close()


def test_a_mark_on_the_map_is_kept_and_stands_at_the_end_of_the_chapter(page, site_url):
    page.get_by_role("checkbox", name="read chapter 1", exact=True).check()
    assert page.get_by_role("status").inner_text().startswith("1 of ")
    page.goto(f"{site_url}{FIRST}.html")
    assert page.get_by_role("checkbox", name="I have read this chapter").is_checked()


def test_a_mark_at_the_end_of_a_chapter_stands_on_the_map(page, site_url):
    page.goto(f"{site_url}{FIRST}.html")
    page.get_by_role("checkbox", name="I have read this chapter").focus()
    page.keyboard.press("Space")
    page.get_by_role("link", name="course map", exact=True).click()
    assert page.locator("input[data-chapter]:checked").count() == 1


def test_all_marks_can_be_forgotten(page):
    page.get_by_role("checkbox", name="read chapter 1", exact=True).check()
    page.get_by_role("button", name="Forget all marks").click()
    page.reload()
    assert page.locator("input[data-chapter]:checked").count() == 0
    assert ":read:" not in page.evaluate("Object.keys(localStorage).join()")


def test_what_the_button_says_a_second_time_is_announced_again(page):
    button = page.get_by_role("button", name="Forget all marks")
    button.click()
    region = page.get_by_role("status").filter(has_text="0 of ")
    text = region.inner_text()
    region.evaluate(HEAR)
    button.click()
    page.wait_for_timeout(500)
    assert page.evaluate("window.spoken") == ["", text]


def test_where_storage_is_forbidden_marks_last_until_the_page_is_left(browser, site_url):
    context = browser.new_context()
    context.add_init_script(
        "Object.defineProperty(window, 'localStorage', "
        "{ get() { throw new DOMException('forbidden', 'SecurityError'); } })"
    )
    page = context.new_page()
    page.goto(site_url + MAP)
    page.get_by_role("checkbox", name="read chapter 1", exact=True).check()
    said = page.get_by_role("status").inner_text()
    assert said.startswith("1 of ") and "keeps nothing" in said
    context.close()


def test_without_scripts_the_map_has_no_boxes_that_do_nothing(browser, site_url):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site_url + MAP)
    assert page.locator("ol.course-map li").count() > 0
    assert page.locator("input[data-chapter]:visible, button:visible >> text=Forget").count() == 0
    context.close()


def test_the_map_says_in_words_what_the_drawing_shows(site):
    page = parsed(site / MAP)
    said = page.find("svg", role="img")["aria-label"]
    arrows = re.findall(r"(\d+) builds on (\d+)", said)
    assert len(arrows) == len(page.select("svg[role=img] path.arrow")) > 0
    items = page.select("ol.course-map > li")
    for after, before in arrows:
        needs = items[int(after) - 1].get_text().rsplit("builds on", 1)[1]
        assert before in re.findall(r"\d+", needs)
