"""A live page as a reader meets it, and what its cells say, to be compared with the built page."""

import re
from contextlib import contextmanager
from dataclasses import dataclass

import pages
from playwright.sync_api import Page, expect

MINUTE = 60_000  # milliseconds
CHAPTERS = [
    page.relative_to(pages.ROOT).with_suffix(".html").as_posix() for page in pages.code_pages()
]
# What each cell says, without what belongs to the page: captions, buttons, scripts.
READ = """() => [...document.querySelectorAll("div.cell")].map((cell) => {
  const said = [...cell.querySelectorAll(":scope > .cell_output, :scope > details .cell_output")];
  const copies = said.map((output) => output.cloneNode(true));
  const words = copies.flatMap((copy) => {
    copy.querySelectorAll("figcaption, button, script, style").forEach((own) => own.remove());
    return copy.textContent.trim().split(/\\s+/);
  });
  return {
    words: words.filter((word) => word),
    figures: copies.flatMap((copy) => [...copy.querySelectorAll("img")].map((i) => i.alt)),
    state: cell.dataset.live ?? "",
  };
})"""
NUMBER = re.compile(r"[-−+]?\d")


@dataclass
class LivePage:
    """The page, with what a reader does to it."""

    page: Page
    said_first: str = ""
    states_first: tuple = ()

    @property
    def bar(self):
        return self.page.locator(".live-bar")

    @property
    def status(self):
        return self.page.locator(".live-status")

    def cell(self, text):
        """The first cell whose code has this text now, even when the text changes later."""
        codes = self.page.locator("div.cell .cell_input").all_text_contents()
        return self.page.locator("div.cell").nth(
            next(place for place, code in enumerate(codes) if text in code)
        )

    def read(self):
        return self.page.evaluate(READ)

    def press(self, name):
        self.bar.get_by_role("button", name=name).click()

    def wait(self, state="open"):
        expect(self.bar).to_have_attribute("data-state", state, timeout=MINUTE)

    def start(self):
        self.bar.get_by_role("button", name="Edit and run this page").press("Enter")
        self.wait()

    def run_all(self):
        self.press("Run all")  # "running" as soon as it is pressed
        self.wait()

    def code(self, cell):
        """What stands in a cell's editor, which draws it only when it is in sight."""
        self.unfold(cell)
        lines = cell.locator(".cm-line")
        lines.first.scroll_into_view_if_needed()
        return "\n".join(lines.all_text_contents())

    def write(self, cell, code):
        """Put code into a cell's editor."""
        editor = cell.locator(".cm-content")
        self.unfold(cell)
        editor.click()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(code)

    def unfold(self, cell):
        cell.evaluate("""(node) => {
          for (; node; node = node.parentElement) {
            if (node.matches("details")) node.open = true;
            if (node.matches(".toggle-hidden")) node.querySelector(".toggle-button").click();
          }
        }""")


@contextmanager
def opened(browser, url, path, seen=None, **options):
    """Open a page in a context of its own; `seen` collects the addresses that are asked for."""
    context = browser.new_context(**options)
    try:
        if seen is not None:
            context.on("request", lambda request: seen.append(request.url))
        page = context.new_page()
        page.goto(url + path)
        yield LivePage(page)
    finally:
        context.close()


def differences(built, live):
    """Return where cells do not say to the last digit what the built page says."""
    faults = []
    for number, (before, after) in enumerate(zip(built, live, strict=True), start=1):
        if before["words"] != after["words"]:
            faults.append(f"cell {number} says {after['words']}, on the page {before['words']}")
        if before["figures"] != after["figures"]:
            faults.append(
                f"cell {number} shows {after['figures']}, on the page {before['figures']}"
            )
    return faults


def with_another_number(cells):
    """Return what cells say with the last digit of the last number changed, as a planted fault."""
    cells = [dict(cell, words=list(cell["words"])) for cell in cells]
    cell = next(c for c in reversed(cells) if any(map(NUMBER.match, c["words"])))
    place = max(i for i, word in enumerate(cell["words"]) if NUMBER.match(word))
    digit = re.search(r"\d(?=\D*$)", cell["words"][place])
    other = str((int(digit[0]) + 1) % 10)
    cell["words"][place] = (
        cell["words"][place][: digit.start()] + other + cell["words"][place][digit.end() :]
    )
    return cells
