"""A plain ``pytest`` runs the pages too: it writes them as notebooks and adds them to the tests."""

import pages
import pytest

collect_ignore = ["reference"]  # compared with, not run


def pytest_configure(config: pytest.Config) -> None:
    # once, before the workers of pytest-xdist collect
    if not hasattr(config, "workerinput"):
        pages.write_notebooks()
    # whoever names a file or a test gets that one only
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        config.args.append(str(pages.ROOT / "_nbval"))
