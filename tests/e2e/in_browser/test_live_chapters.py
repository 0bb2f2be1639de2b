"""Every chapter runs in the browser, and says there what the built page says."""

import json
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from live_checks import CHAPTERS, differences, opened, with_another_number
from playwright.sync_api import expect


@pytest.fixture(scope="module", params=CHAPTERS)
def chapter(request, browser, live_site, site_url):
    """A chapter that has been run to its end: what it said before and after, what it asked for."""
    seen = []
    with opened(browser, site_url, request.param, seen) as live:
        built, before_the_click = live.read(), list(seen)
        live.start()
        live.run_all()
        yield SimpleNamespace(
            live=live, built=built, said=live.read(), before_the_click=before_the_click, seen=seen
        )


def test_every_cell_says_what_the_built_page_says(chapter):
    assert differences(chapter.built, chapter.said) == []


def test_a_number_that_differs_in_its_last_digit_is_found(chapter):
    assert len(differences(chapter.built, with_another_number(chapter.said))) == 1


def test_every_cell_has_run_without_an_error(chapter):
    assert {cell["state"] for cell in chapter.said} == {"done"}
    expect(chapter.live.status).to_have_text(f"{len(chapter.said)} cells have run.")


def test_nothing_of_python_is_fetched_before_the_button_is_pressed(chapter):
    assert [url for url in chapter.before_the_click if "/live/" in url] == []


def test_python_asks_for_nothing_from_elsewhere(chapter, site_url):
    assert [url for url in chapter.seen if not url.startswith((site_url, "data:", "blob:"))] == []
    assert any("numpy" in url for url in chapter.seen), "the worker's requests are not seen"


def test_python_is_what_the_manifest_lists_and_no_more(chapter, live_site, site_url):
    manifest = json.loads((live_site / "live/manifest.json").read_text())
    root = f"{site_url}live/"
    asked = {urlsplit(url)._replace(query="").geturl() for url in chapter.seen}
    fetched = {url.removeprefix(root) for url in asked if url.startswith(f"{root}pyodide/")}
    assert fetched == {file["path"] for file in manifest["files"]}
