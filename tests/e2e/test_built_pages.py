"""Every page of the built book, as a browser and a reader's tools meet it."""

import re
from functools import cache

import nbformat
import pytest
from site_checks import (
    SITE,
    alt_text_faults,
    captions_of_nothing,
    dead_links,
    repeated_ids,
    visit,
    wire_bytes,
)

# The page at the root only leads on. A book that is not built must fail, not test nothing.
FIRST = "content/index.html"
FILES = {path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html")}
# JupyterLite is not the book's to mend; `in_browser/test_lite.py` holds it to what it is for.
OWN = {path for path in FILES if not path.startswith("lite/")}
PAGES = sorted({FIRST, *OWN} - {"index.html"})
SOURCES = SITE / "_sources"
NOTEBOOKS = sorted(p.relative_to(SOURCES) for p in SOURCES.glob("content/**/*.ipynb"))
WIDTHS = [1280, 390]
SCHEMES = ["light", "dark"]
BUDGET = 700_000  # bytes over the wire without figures; the stock theme takes 996,000

each_page = pytest.mark.parametrize("path", PAGES)
each_width = pytest.mark.parametrize("width", WIDTHS)
each_scheme = pytest.mark.parametrize("scheme", SCHEMES)


@pytest.fixture(scope="session")
def visited(browser, site_url):
    """Visit a page once for all tests that ask about it."""
    return cache(lambda path, width, scheme: visit(browser, site_url, path, width, scheme))


@each_page
@each_width
@each_scheme
def test_a_page_breaks_no_accessibility_rule(visited, path, width, scheme):
    assert visited(path, width, scheme).violations == []


@each_page
@each_width
def test_no_request_leaves_the_site(visited, path, width):
    assert visited(path, width, "light").foreign == []


@each_page
@each_width
def test_a_page_loads_without_an_error(visited, path, width):
    assert visited(path, width, "light").broken == []


@each_page
def test_a_page_does_not_scroll_sideways_on_a_phone(visited, path):
    assert visited(path, 390, "light").overflow == 0


@each_page
def test_a_page_stays_within_its_weight(visited, site, site_url, path):
    assert wire_bytes(site, site_url, visited(path, 1280, "light").own) < BUDGET


@each_page
def test_every_image_is_described_by_a_sentence(site, path):
    assert alt_text_faults(site / path) == []


@each_page
def test_every_caption_of_a_cell_is_that_of_a_figure(site, path):
    assert captions_of_nothing(site / path) == []


@each_page
def test_no_id_is_repeated_on_a_page(site, path):
    assert repeated_ids(site / path) == []


@each_page
def test_every_link_inside_the_book_leads_somewhere(site, path):
    assert dead_links(site, site / path) == []


def test_the_root_of_the_site_leads_to_the_first_page(browser, site_url):
    page = browser.new_page()
    page.goto(site_url)
    page.wait_for_url(site_url + FIRST)
    assert page.title()
    page.close()


@pytest.mark.parametrize("path", NOTEBOOKS or ["none is built"], ids=str)
def test_a_downloaded_notebook_opens_without_its_markdown(path):
    assert "jupytext" not in nbformat.read(SOURCES / path, as_version=4).metadata


@pytest.mark.parametrize("path", NOTEBOOKS or ["none is built"], ids=str)
def test_a_downloaded_notebook_is_in_plain_markdown_and_has_its_drawings(path):
    cells = nbformat.read(SOURCES / path, as_version=4).cells
    prose = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    prose = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", prose, flags=re.DOTALL | re.MULTILINE)
    assert len(prose) > 1000
    assert re.findall(r":::|\{[\w:-]+\}`|`{3,}|^\(.+\)=$", prose, re.MULTILINE) == []
    assert "![" not in prose
    assert prose.count("<img ") == prose.count(' src="data:image/svg+xml;base64,')
