"""A plain ``pytest`` runs the pages too: it writes them as notebooks and adds them to the tests."""

import pages
import pytest

IS_LIVE = (pages.ROOT / ".live/site/live.js").is_file()  # `make live` has run
collect_ignore = ["reference"]  # compared with, not run
if not IS_LIVE:
    collect_ignore.append("e2e/in_browser")


def pytest_report_header() -> str:
    return f"live pages: {'tested' if IS_LIVE else 'not tested; make live makes them'}"


def pytest_configure(config: pytest.Config) -> None:
    # once, before the workers of pytest-xdist collect
    if not hasattr(config, "workerinput"):
        pages.write_notebooks()
    # whoever names a file or a test gets that one only
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        config.args.append(str(pages.ROOT / "_nbval"))
