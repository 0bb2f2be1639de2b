"""What the pages are held to. Every check returns its findings as sentences; none means passed."""

import gzip
import re
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from bs4 import BeautifulSoup

SITE = Path(__file__).parents[2] / "_build" / "html"
SUB_PATH = "/book/"  # as on GitHub Pages, so that an address from the root is found out
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf8")
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# What is folded on arrival is checked as well, and the button that appears when one scrolls back.
UNFOLD = """async () => {
  document.querySelectorAll("details").forEach((details) => (details.open = true));
  document.querySelectorAll(".toggle-button.toggle-button-hidden").forEach((b) => b.click());
  const tabs = document.createElement("style");
  tabs.textContent = ".sd-tab-content { display: block !important; order: 2; }";
  document.head.append(tabs);
  document.getElementById("pst-back-to-top")?.style.setProperty("display", "block");
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  document.getAnimations().forEach((fade) => fade.cancel()); // half faded in, words are too faint
}"""
# Notes in `spoken` what a live region says from now on.
HEAR = """(region) => {
  window.spoken = [];
  const note = () => window.spoken.push(region.textContent);
  new MutationObserver(note).observe(region, { childList: true });
}"""
# Without its preload axe does not read the style sheets again, from addresses that it gets wrong.
RUN_AXE = """async (tags) => {
  const runOnly = { type: "tag", values: tags };
  const options = { preload: false, resultTypes: ["violations"], runOnly };
  return (await axe.run(document, options)).violations;
}"""
FILE_NAME = re.compile(r"\.(svg|png|jpe?g|gif|webp)\b|_images|_build")


class Handler(SimpleHTTPRequestHandler):
    def translate_path(self, path):
        inside = path.startswith(SUB_PATH)
        return super().translate_path(path.removeprefix(SUB_PATH.rstrip("/")) if inside else "/?")

    def send_head(self):
        if not self.path.startswith(SUB_PATH):
            return self.send_error(404)
        return super().send_head()

    def log_message(self, *args):
        pass


@contextmanager
def served(folder, handler=Handler):
    """Serve a folder under a sub-path, and give the address of that path."""
    answer = partial(handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), answer) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{SUB_PATH}"
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Visit:
    """What a browser met on one page."""

    foreign: list = field(default_factory=list)
    broken: list = field(default_factory=list)
    violations: list = field(default_factory=list)
    overflow: int = 0
    own: set = field(default_factory=set)


def visit(browser, base, path, width, scheme):
    """Open a page in a new window, unfold it, and return what happened."""
    seen = Visit()
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )

    def note(route):
        url = route.request.url
        if url.startswith((base, "data:", "blob:")):
            seen.own.add(urldefrag(url)[0])
            route.continue_()
        else:
            seen.foreign.append(f"{path} asks for {url}")
            route.abort()

    page = context.new_page()
    page.on("console", lambda m: m.type == "error" and seen.broken.append(f"{path}: {m.text}"))
    page.on("pageerror", lambda error: seen.broken.append(f"{path}: {error}"))
    page.on("response", lambda r: r.ok or seen.broken.append(f"{path}: {r.status} for {r.url}"))
    context.route("**/*", note)
    page.goto(base + path, wait_until="load")
    page.evaluate(UNFOLD)
    seen.overflow = page.evaluate(
        "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    page.evaluate(AXE)
    for rule in page.evaluate(RUN_AXE, WCAG):
        for node in rule["nodes"]:
            place = f"{path} at {width} px, {scheme}"
            seen.violations.append(f"{rule['id']} on {place}: {node['html'][:200]}")
    context.close()
    return seen


def wire_bytes(folder, base, urls):
    """Return the gzipped size of a page's files, without its figures."""
    paths = {urlsplit(url).path.removeprefix(SUB_PATH) for url in urls if url.startswith(base)}
    kept = [Path(folder, unquote(path)) for path in paths if not path.startswith("_images/")]
    kept = [file for file in kept if file.is_file()]  # a missing one is reported as broken
    return sum(len(gzip.compress(file.read_bytes(), mtime=0)) for file in kept)


@cache
def parsed(path):
    return BeautifulSoup(Path(path).read_text(encoding="utf8"), "html.parser")


def alt_text_faults(path):
    """An image is described by a sentence: some words, a full stop, no file name."""
    return [
        f"{Path(path).name}: {image.get('src')} has the alt text {image.get('alt')!r}"
        for image in parsed(path).find_all("img")
        if len((image.get("alt") or "").split()) < 4
        or not image["alt"].rstrip().endswith((".", "?", "!"))
        or FILE_NAME.search(image["alt"])
    ]


def captions_of_nothing(path):
    """A cell that draws and prints gives its caption to both, and numbers the text as a figure."""
    figures = parsed(path).select("div.cell figure")
    return [f"{Path(path).name}: {f.get_text()!r}" for f in figures if not f.find("img")]


def repeated_ids(path):
    ids = Counter(tag["id"] for tag in parsed(path).find_all(id=True))
    return [f"{Path(path).name}: id {name!r} occurs {n} times" for name, n in ids.items() if n > 1]


def dead_links(folder, path):
    """Return the addresses inside the site that lead to no file or to no anchor."""
    faults = []
    here = Path(path).relative_to(folder).as_posix()
    tags = parsed(path).find_all(["a", "link", "script", "img", "source", "iframe"])
    for url in {tag.get("href") or tag.get("src") for tag in tags} - {None, "", "#"}:
        parts = urlsplit(urljoin(f"http://site{SUB_PATH}{here}", url))
        if parts.netloc != "site" or parts.scheme != "http":
            continue
        target = Path(folder, unquote(parts.path.removeprefix(SUB_PATH)))
        if not parts.path.startswith(SUB_PATH) or not target.is_file():
            faults.append(f"{here} links to {url}, which does not exist")
        elif parts.fragment and not parsed(target).find(id=unquote(parts.fragment)):
            faults.append(f"{here} links to {url}, which has no such anchor")
    return sorted(faults)
