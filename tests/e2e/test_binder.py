"""The first chapter runs in JupyterLab as Binder starts it, set up by Binder's own script."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[2]
CHAPTER = "content/01-three-hospitals.md"
MINUTE = 60_000  # milliseconds
# The notebook's model is asked, since JupyterLab draws only the cells in view.
RUN_ALL = """async (limit) => {
  const app = window.jupyterapp;
  await app.restored;
  const notebook = app.shell.currentWidget;
  await notebook.context.ready;
  await notebook.sessionContext.ready;
  await notebook.sessionContext.session.kernel.info;
  const late = new Promise((_, fail) => setTimeout(() => fail(Error("still running")), limit));
  await Promise.race([app.commands.execute("notebook:run-all-cells"), late]);
  return notebook.content.model.toJSON().cells;
}"""


def _binder_environment(folder):
    """Run `.binder/postBuild`, but for the installation, with settings that are nobody's own."""
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    script = (ROOT / ".binder" / "postBuild").read_text(encoding="utf8")
    settings = "\n".join(line for line in script.splitlines() if not line.startswith("pip "))
    subprocess.run(["bash", "-c", settings], env=environment, check=True, capture_output=True)
    return environment


def _address(server, log):
    for _ in range(120):
        if found := re.search(r"http://localhost:\d+/lab", log.read_text(encoding="utf8")):
            return found[0]
        if server.poll() is not None:
            break
        time.sleep(0.5)
    pytest.fail(f"JupyterLab did not start: {log.read_text(encoding='utf8')}")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Start JupyterLab in a copy of the book; give the address of its start page."""
    folder = tmp_path_factory.mktemp("binder")
    for part in ("content", "data", "figures"):  # JupyterLab saves what it has open
        shutil.copytree(ROOT / part, folder / "book" / part)
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port=0"]
    command += [
        "--ServerApp.token=",
        "--ServerApp.password=",
        f"--ServerApp.root_dir={folder / 'book'}",
    ]
    command += ["--LabApp.expose_app_in_browser=True"]
    log = folder / "log"
    with log.open("w") as output:
        server = subprocess.Popen(command, env=_binder_environment(folder), stderr=output)
    try:
        yield _address(server, log)
    finally:
        server.terminate()
        server.wait(timeout=60)


@pytest.fixture(scope="module")
def chapter(browser, lab):
    """Open the chapter in JupyterLab and run every cell; give the page, the cells, the requests."""
    requests = []
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"{lab}/tree/{CHAPTER}?reset")
    page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for(timeout=2 * MINUTE)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=2 * MINUTE)
    cells = page.evaluate(RUN_ALL, 3 * MINUTE)
    yield SimpleNamespace(page=page, cells=cells, requests=requests)
    page.close()


def _outputs(chapter):
    return [output for cell in chapter.cells for output in cell.get("outputs", [])]


def test_the_chapter_opens_as_a_notebook_of_which_every_cell_runs(chapter):
    counts = [cell["execution_count"] for cell in chapter.cells if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1)) != []


def test_the_chapter_runs_without_an_error_or_a_warning(chapter):
    kinds = [output.get("name", output["output_type"]) for output in _outputs(chapter)]
    assert not {"error", "stderr"} & set(kinds)


def test_the_figures_of_the_chapter_appear(chapter):
    kinds = {kind for output in _outputs(chapter) for kind in output.get("data", {})}
    assert kinds & {"image/svg+xml", "image/png"}


def test_directives_are_boxes_and_not_fences(chapter):
    chapter.page.locator(".jp-WindowedPanel-outer").first.evaluate("panel => panel.scrollTo(0, 0)")
    box = chapter.page.locator(".jp-MarkdownCell aside").first
    box.wait_for()
    assert "Objectives" in box.inner_text()
    assert ":::" not in chapter.page.locator(".jp-MarkdownCell").first.inner_text()


def test_no_dialog_stands_before_the_reader(chapter):
    assert chapter.page.locator(".jp-Dialog").count() == 0


def test_the_notebook_asks_for_nothing_from_elsewhere(chapter, lab):
    own = (lab.removesuffix("lab"), "data:", "blob:")
    assert [url for url in chapter.requests if not url.startswith(own)] == []
