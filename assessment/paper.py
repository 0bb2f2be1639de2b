"""A built page, printed."""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NUMBER = '<div style="font-size: 8px; width: 100%; text-align: center" class="pageNumber"></div>'


def print_page(page: Path, pdf: Path) -> None:
    """Print a page of the built book to a PDF with tags and page numbers.

    Raises
    ------
    FileNotFoundError
        If the book is not built.
    """
    if not page.is_file():
        raise FileNotFoundError(f"{page} is not there; run 'make site' first.")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        # containers run as root, where the sandbox cannot start; the page is our own
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        tab = browser.new_page()
        tab.goto(page.as_uri(), wait_until="networkidle")
        tab.pdf(
            path=pdf,
            format="A4",
            margin=dict.fromkeys(["top", "bottom", "left", "right"], "18mm"),
            display_header_footer=True,
            header_template="<span></span>",
            footer_template=NUMBER,
            tagged=True,
            outline=True,
        )
        browser.close()
