"""One browser for all tests of the built pages, and the built book."""

import os
import shutil
import subprocess
import sys

import pytest
from playwright.sync_api import Error, sync_playwright
from site_checks import SITE, served


def _launch(playwright):
    options = {"args": ["--no-sandbox"]}  # containers run as root, where the sandbox cannot start
    for name in (os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"):
        if name and (path := shutil.which(name)):
            return playwright.chromium.launch(executable_path=path, **options)
    try:
        return playwright.chromium.launch(**options)
    except Error:
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)
        return playwright.chromium.launch(**options)


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        try:
            chromium = _launch(playwright)
        except (Error, subprocess.CalledProcessError) as error:
            pytest.fail(
                "These tests need Chromium: install it, or set the variable CHROMIUM to its "
                f"program, and run them again. ({error})"
            )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def site():
    """The folder of the built book."""
    if not (SITE / "index.html").is_file():
        pytest.fail("The book is not built: run 'make site' first.")
    return SITE


@pytest.fixture(scope="session")
def site_url(site):
    with served(site) as url:
        yield url
