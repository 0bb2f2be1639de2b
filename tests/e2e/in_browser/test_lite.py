"""The chapters are notebooks in JupyterLite, which runs them in the browser."""

import pytest
from live_checks import MINUTE
from site_checks import served

CHAPTER = "content/01-three-hospitals.ipynb"
NOTEBOOK = f"lite/notebooks/index.html?path={CHAPTER}"
# Runs all cells and returns what the notebook then says.
RUN_ALL = """async () => {
  const app = window.jupyterapp;
  await app.commands.execute("notebook:run-all-cells");
  return app.shell.currentWidget.content.model.toJSON().cells;
}"""
READY = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  return panel?.content?.model?.cells?.length && panel.sessionContext?.isReady;
}"""


def outputs(cells, kind):
    return [
        output
        for cell in cells
        for output in cell.get("outputs", [])
        if output["output_type"] == kind
    ]


@pytest.fixture(scope="module")
def notebook(browser, site, tmp_path_factory):
    """Chapter 1 opened under a sub-path and run to its end: its cells, and what it asked for."""
    if not (site / "lite/index.html").is_file():
        pytest.fail("There are no notebooks in the browser: run 'make live', then 'make site'.")
    root = tmp_path_factory.mktemp("host")
    (root / "book").symlink_to(site)
    context = browser.new_context()
    seen, refused = [], []
    context.on("request", lambda request: seen.append(request.url))
    context.on("response", lambda r: refused.append(r.url) if r.status >= 400 else None)
    with served(root) as url:
        page = context.new_page()
        page.set_default_timeout(5 * MINUTE)
        page.goto(f"{url}book/{NOTEBOOK}")
        page.wait_for_function(READY)
        yield page.evaluate(RUN_ALL), seen, refused, f"{url}book/"
    context.close()


def test_chapter_1_runs_to_its_end_without_an_error(notebook):
    cells = [cell for cell in notebook[0] if cell["cell_type"] == "code"]
    assert outputs(cells, "error") == []
    assert len(cells) > 10 and all(cell["execution_count"] for cell in cells)


def test_figures_and_tables_are_shown(notebook):
    shown = outputs(notebook[0], "display_data") + outputs(notebook[0], "execute_result")
    kinds = {kind for output in shown for kind in output["data"]}
    assert {"image/svg+xml", "text/html"} <= kinds


def test_nothing_comes_from_elsewhere_and_nothing_is_missing(notebook):
    _, seen, refused, url = notebook
    assert [other for other in seen if not other.startswith((url, "data:", "blob:"))] == []
    assert refused == []


def test_the_packages_are_those_of_the_live_pages(notebook):
    _, seen, _, url = notebook
    wheels = [address for address in seen if ".whl" in address]
    assert any("multilevel" in address for address in wheels)
    assert all(address.startswith(f"{url}live/pyodide/") for address in wheels)


def test_each_chapter_links_to_its_notebook(site):
    for path in sorted((site / "lite/files/content").glob("*.ipynb")):
        page = (site / "content" / path.stem).with_suffix(".html").read_text(encoding="utf8")
        assert f'href="../lite/notebooks/index.html?path=content/{path.name}"' in page
