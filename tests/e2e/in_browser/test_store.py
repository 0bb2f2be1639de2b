"""What the browser keeps of a book, so that pages open and run without a network: a made book."""

import hashlib
import json
import os
from contextlib import contextmanager

import pages
import pytest
from site_checks import Handler, served

SOURCES = pages.ROOT / "extensions/live_cells/src"
RIGHT = b"as it should be"
DIGEST = hashlib.sha256(RIGHT).hexdigest()
REGISTER = """async () => {
  const taken = new Promise((done) => (navigator.serviceWorker.oncontrollerchange = done));
  await navigator.serviceWorker.register("offline.js");
  await taken;
}"""
TEXT = "url => fetch(url, { cache: 'no-cache' }).then((answer) => answer.text())"
PUT = "async ([url, text]) => (await caches.open('book')).put(url, new Response(text))"
IS_KEPT = "async (url) => Boolean(await (await caches.open('book')).match(url))"
# Which addresses are kept whose path ends so.
KEPT = """async (path) => {
  const kept = await (await caches.open("book")).keys();
  return kept.map(({ url }) => url).filter((url) => new URL(url).pathname.endsWith(path));
}"""
# Fetches what Python would need, and says how many bytes came.
DOWNLOAD = """async () => {
  const { Downloads } = await import("./downloads.js");
  const downloads = new Downloads(new URL("live/", location).href, () => {});
  await downloads.start();
  await downloads.all();
  await downloads.keep();
  return downloads.received;
}"""


@pytest.fixture
def book(tmp_path):
    """A folder with a page, the service worker, and what Python would need."""
    for script in ("offline.js", "downloads.js"):
        (tmp_path / script).write_bytes((SOURCES / script).read_bytes())
    (tmp_path / "index.html").write_text("<!DOCTYPE html><title>A book</title>")
    (tmp_path / "live/pyodide").mkdir(parents=True)
    (tmp_path / "live/pyodide/pyodide.js").write_text("")
    (tmp_path / "live/pyodide/numpy.whl").write_bytes(RIGHT)
    file = {"path": "pyodide/numpy.whl", "bytes": len(RIGHT), "gzip": 30, "sha256": DIGEST}
    (tmp_path / "live/manifest.json").write_text(json.dumps({"files": [file]}))
    (tmp_path / "live/data.json").write_text(json.dumps({"files": []}))
    return tmp_path


@contextmanager
def reading(browser, book, handler=Handler):
    """Open the book's page, with its service worker; give the page."""
    context = browser.new_context()
    try:
        with served(book, handler) as url:
            page = context.new_page()
            page.goto(f"{url}index.html")
            page.evaluate(REGISTER)
            yield page
    finally:
        context.close()


class Gone(Handler):
    """As a server that cannot be reached for some files."""

    def do_GET(self):
        if "gone" not in self.path:
            super().do_GET()


def test_without_a_network_a_page_gets_its_script_of_the_same_edition(browser, book):
    with reading(browser, book, Gone) as page:
        for edition in ("old", "new"):
            page.evaluate(PUT, [f"gone.js?v={edition}", edition])
        assert page.evaluate(TEXT, "gone.js?v=new") == "new"


def test_a_new_edition_of_a_script_takes_the_place_of_the_old_one(browser, book):
    (book / "a.js").write_text("1")
    with reading(browser, book) as page:
        for edition in ("old", "new"):
            page.evaluate(TEXT, f"a.js?v={edition}")
            page.wait_for_function(IS_KEPT, arg=f"a.js?v={edition}")
        page.wait_for_timeout(100)  # time to go
        assert [url.split("/")[-1] for url in page.evaluate(KEPT, "/a.js")] == ["a.js?v=new"]


def test_what_another_book_of_the_same_server_has_kept_stays(browser, book):
    with reading(browser, book) as page:
        for folder in ("other", "live"):
            page.evaluate(PUT, [f"{folder}/older.whl?sha256=0", "kept"])
        page.evaluate(DOWNLOAD)
        assert page.evaluate(KEPT, "/other/older.whl") and not page.evaluate(
            KEPT, "/live/older.whl"
        )


def test_a_bad_copy_is_replaced_in_the_store_and_counted_once(browser, book):
    with reading(browser, book) as page:
        address = f"live/pyodide/numpy.whl?sha256={DIGEST}"
        page.evaluate(PUT, [address, "bad"])
        received = page.evaluate(DOWNLOAD)
        assert page.evaluate(TEXT, address).encode() == RIGHT
        assert received == pytest.approx(30)  # its `gzip`


def test_a_wheel_that_is_kept_without_its_hash_is_replaced(browser, book):
    wheel = book / "live/pyodide/scipy_later.whl"
    with reading(browser, book) as page:
        for text, seconds in (("old", 1), ("new", 2)):
            wheel.write_text(text)
            os.utime(wheel, (seconds, seconds))  # by which the server tells them apart
            page.evaluate(TEXT, f"live/pyodide/{wheel.name}")
            page.wait_for_timeout(100)  # time to be kept
        read = "async url => (await (await caches.match(url)).text())"
        assert page.evaluate(read, f"live/pyodide/{wheel.name}") == "new"


def test_a_wheel_that_is_kept_with_its_hash_is_not_kept_twice(browser, book):
    with reading(browser, book) as page:
        page.evaluate(DOWNLOAD)
        page.evaluate(TEXT, "live/pyodide/numpy.whl")
        page.wait_for_timeout(100)  # time to be kept
        assert len(page.evaluate(KEPT, "/numpy.whl")) == 1
