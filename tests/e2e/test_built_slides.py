"""The built slides, every one of them, as a lecture hall, a phone and paper meet them."""

import pytest
from site_checks import AXE, RUN_AXE, SITE, WCAG, parsed

DECKS = sorted(path.stem for path in SITE.glob("slides/[0-9]*.html"))
each_deck = pytest.mark.parametrize("deck", DECKS)
# What stands outside of its slide, in the slide's own pixels: no wider, no lower, nothing cut.
OVERFLOW = """() => {
  const { width, height } = Reveal.getConfig();
  const name = (slide) => slide.querySelector("h1, h2").textContent;
  return Reveal.getSlides().flatMap((slide) => {
    const { h, v } = Reveal.getIndices(slide);
    Reveal.slide(h, v);
    const frame = slide.getBoundingClientRect();
    const scale = Reveal.getScale();
    return [...slide.querySelectorAll(":scope > :not(.notes), figure img, .formula")]
      .filter((part) => {
        const box = part.getBoundingClientRect();
        const cut = part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0;
        const low = box.bottom - frame.top > height * scale + 1;
        return cut || low || box.right - frame.left > width * scale + 1;
      })
      .map((part) => `${name(slide)}: ${part.outerHTML.slice(0, 90)}`);
  });
}"""

READY = "Reveal.isReady() && (!Reveal.isPrintView() || document.querySelector('.pdf-page'))"
# For paper all slides are laid out, and still said to be hidden.
SHOW = """() => document.querySelectorAll("section[hidden]").forEach((slide) => {
  slide.removeAttribute("hidden");
  slide.removeAttribute("aria-hidden");
})"""


def opened(browser, url, width, height):
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(url, wait_until="load")
    page.wait_for_function(READY)
    return page


@each_deck
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1024, 768), (390, 844)])
def test_no_slide_overflows_its_frame(browser, site_url, deck, width, height):
    page = opened(browser, f"{site_url}slides/{deck}.html", width, height)
    assert page.evaluate(OVERFLOW) == []
    page.close()


def test_a_slide_that_overflows_is_found(browser, site_url):
    page = opened(browser, f"{site_url}slides/{DECKS[0]}.html", 1280, 800)
    page.evaluate("document.querySelectorAll('h2')[3].style.fontSize = '400px'")
    assert page.evaluate(OVERFLOW)
    page.close()


@each_deck
def test_all_slides_of_a_deck_at_once_break_no_accessibility_rule(browser, site_url, deck):
    page = opened(browser, f"{site_url}slides/{deck}.html?print-pdf", 1280, 800)
    page.evaluate(SHOW)
    page.evaluate(AXE)
    rules = page.evaluate(RUN_AXE, WCAG)
    assert [f"{rule['id']}: {node['html']}" for rule in rules for node in rule["nodes"]] == []
    page.close()


@each_deck
def test_the_figures_of_a_deck_are_those_of_its_chapter(site, deck):
    page = parsed(site / f"content/{deck}.html")
    chapter = {(image["src"], image["alt"]) for image in page.find_all("img", alt=True)}
    images = parsed(site / f"slides/{deck}.html").find_all("img")
    assert images and {(image["src"], image["alt"]) for image in images} <= chapter


@each_deck
def test_a_deck_prints_one_page_a_slide(browser, site_url, site, deck):
    page = opened(browser, f"{site_url}slides/{deck}.html?print-pdf", 1280, 800)
    assert page.locator(".pdf-page").count() == len(
        parsed(site / f"slides/{deck}.html").select("section:not(:has(section))")
    )
    page.close()


def test_a_deck_is_turned_by_the_keyboard_and_its_notes_open(browser, site_url):
    page = opened(browser, f"{site_url}slides/{DECKS[0]}.html", 1280, 800)
    page.keyboard.press("ArrowRight")
    assert page.evaluate("Reveal.getIndices().h") == 1
    with page.expect_popup() as notes:
        page.keyboard.press("s")
    assert "**" not in notes.value.locator(".speaker-controls-notes .value").inner_text()
    notes.value.get_by_text("Students answer:").wait_for()
    notes.value.close()
    page.close()
