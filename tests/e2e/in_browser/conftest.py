"""The built book with what `make live` has made."""

import pages
import pytest


@pytest.fixture(scope="session")
def live_site(site):
    """The built book with what pages need to run."""
    for made in (pages.ROOT / ".live/site", site / "live"):
        if not (made / "live.js").is_file() or not (made / "manifest.json").is_file():
            pytest.fail("Pages cannot run in the browser: run 'make live', then 'make site'.")
    return site
