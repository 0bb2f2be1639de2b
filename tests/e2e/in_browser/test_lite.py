"""The chapters are notebooks in JupyterLite, which runs them in the browser."""

import re
from types import SimpleNamespace
from urllib.parse import urljoin

import nbformat
import pages
import pytest
from live_checks import MINUTE
from playwright.sync_api import expect
from site_checks import Handler, served

CHAPTER = "content/01-three-hospitals.ipynb"
NOTEBOOK = f"lite/notebooks/index.html?path={CHAPTER}"
# Runs all cells and returns what the notebook then says.
RUN_ALL = """async () => {
  const app = window.jupyterapp;
  await app.commands.execute("notebook:run-all-cells");
  return app.shell.currentWidget.content.model.toJSON().cells;
}"""
# Brings the cell with this code into view: those far from it are not drawn.
SHOW = """async (code) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  const sources = notebook.widgets.map((cell) => cell.model.sharedModel.getSource());
  await notebook.scrollToItem(sources.findIndex((source) => source.includes(code)), "start");
}"""
READY = """() => {
  const panel = window.jupyterapp?.shell.currentWidget;
  return panel?.content?.model?.cells?.length && panel.sessionContext?.isReady;
}"""


# After twenty seconds JupyterLite asks its own service worker whether it is still there.
HEARTBEAT = "/api/service-worker-heartbeat"


class Noting(Handler):
    """Keeps what the server was asked for."""

    asked = []  # noqa: RUF012

    def send_head(self):
        self.asked.append(self.path)
        return super().send_head()


def outputs(cells, kind):
    return [
        output
        for cell in cells
        for output in cell.get("outputs", [])
        if output["output_type"] == kind
    ]


def printed(cell):
    """Return the text of a cell's outputs."""
    texts = [
        output.get("text", output.get("data", {}).get("text/plain", ""))
        for output in cell.get("outputs", [])
        if output["output_type"] in ("stream", "execute_result")
    ]
    return "".join("".join(text) for text in texts)


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
    with served(root, Noting) as url:
        page = context.new_page()
        page.set_default_timeout(5 * MINUTE)
        page.goto(f"{url}book/{NOTEBOOK}")
        page.wait_for_function(READY)
        cells = page.evaluate(RUN_ALL)
        yield SimpleNamespace(page=page, cells=cells, seen=seen, refused=refused, url=f"{url}book/")
    context.close()


def test_chapter_1_runs_to_its_end_without_an_error(notebook):
    cells = [cell for cell in notebook.cells if cell["cell_type"] == "code"]
    assert outputs(cells, "error") == []
    assert len(cells) > 10 and all(cell["execution_count"] for cell in cells)


def test_each_cell_prints_what_the_chapter_prints(notebook):
    stored = nbformat.read(pages.reference_of(pages.ROOT / CHAPTER), as_version=4)
    known = {
        cell.source: printed(cell)
        for cell in stored.cells
        if not outputs([cell], "display_data")  # what a figure's cell returns is not for readers
    }
    compared = [(printed(cell), known.get(cell["source"])) for cell in notebook.cells]
    compared = [(here, there) for here, there in compared if there]
    assert len(compared) > 8 and [pair for pair in compared if pair[0] != pair[1]] == []


def test_figures_and_tables_are_shown(notebook):
    shown = outputs(notebook.cells, "display_data") + outputs(notebook.cells, "execute_result")
    kinds = {kind for output in shown for kind in output["data"]}
    assert {"image/svg+xml", "text/html"} <= kinds


def test_nothing_comes_from_elsewhere_and_nothing_is_missing(notebook):
    own = (notebook.url, "data:", "blob:")
    others = {url for url in notebook.seen if not url.startswith(own)}
    assert others <= {urljoin(notebook.url, HEARTBEAT)}
    assert notebook.refused == []


def test_the_heartbeat_of_jupyterlite_is_answered_in_the_browser(notebook):
    ask = "path => fetch(path).then((answer) => answer.text())"
    assert notebook.page.evaluate(ask, HEARTBEAT) == "ok"
    assert HEARTBEAT not in Noting.asked and f"/book/book/{NOTEBOOK}" in Noting.asked


def test_the_packages_are_those_of_the_live_pages(notebook):
    wheels = [address for address in notebook.seen if ".whl" in address]
    assert any("multilevel" in address for address in wheels)
    assert all(address.startswith(f"{notebook.url}live/pyodide/") for address in wheels)


def test_the_explorable_moves_in_a_notebook(notebook):
    notebook.page.evaluate(SHOW, "explore(")
    figure = notebook.page.frame_locator('iframe[title^="Explorable"]')
    slope = figure.locator('[data-cell="pooled.slope"]')
    expect(slope).to_have_text("+2.98", timeout=MINUTE)
    figure.get_by_role("slider", name="Staff effect").press("Home")
    expect(slope).to_have_text(re.compile("^−"))


PAGES = [*pages.chapters(), *sorted((pages.ROOT / "content/assignments").glob("*.md"))]


@pytest.mark.parametrize(
    "page", [p.relative_to(pages.ROOT).with_suffix("") for p in PAGES], ids=str
)
def test_each_chapter_and_assignment_links_to_its_notebook(site, page):
    assert (site / f"lite/files/{page}.ipynb").is_file()
    up = "../" * len(page.parent.parts)
    html = (site / f"{page}.html").read_text(encoding="utf8")
    assert f'href="{up}lite/notebooks/index.html?path={page}.ipynb"' in html
