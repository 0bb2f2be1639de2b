"""Offer the chapters as notebooks in JupyterLite, under /lite/: JupyterLab, in the browser.

It runs the Python of the live pages (`make live`), reads the notebooks that students download, and
finds the data where they look for it. Without `make live` the book is built without /lite/.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from sphinx.errors import ExtensionError
from sphinx.util import logging

CONFIG = Path(__file__).with_name("jupyter-lite.json")
KERNEL = Path(sys.prefix, "share/jupyter/labextensions/@jupyterlite/pyodide-kernel-extension")
KERNELSPEC = {"name": "python", "display_name": "Python (Pyodide)", "language": "python"}
BUILD = {
    "apps": ["lab", "notebooks", "tree"],
    "contents": ["contents"],
    "output_dir": "lite",
    "cache_dir": "cache",
    "no_sourcemaps": True,
    "no_unused_shared_packages": True,
    # What else is installed here is not for readers.
    "ignore_sys_prefix": ["federated_extensions"],
    "federated_extensions": [str(KERNEL)],
}
LINK = '<a class="live-lite" href="{href}">Open as a notebook</a>'
STATUS = '<p class="live-status"'

logger = logging.getLogger(__name__)


def look_for_lite(app, config):
    made = Path(app.srcdir, ".live/site/pyodide").is_dir()
    config.lite = made and importlib.util.find_spec("jupyterlite_core") is not None
    if not config.lite:
        logger.info("lite_notebooks: the book is built without /lite/; 'make live' adds it")


def link(app, pagename, templatename, context, doctree):
    """Put the link into the bar of each page that can be edited and run."""
    if app.config.lite and STATUS in context.get("body", ""):
        href = f"{context['pathto']('lite/notebooks/index.html', 1)}?path={pagename}.ipynb"
        added = f"{LINK.format(href=href)}{STATUS}"
        context["body"] = context["body"].replace(STATUS, added, 1)


def gather(downloads, data, contents):
    """Write the notebooks and the data into ``contents``, beside each other as in the book."""
    for path in sorted(downloads.rglob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        notebook.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC})
        target = contents / path.relative_to(downloads)
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, target)
    (contents / "data").mkdir()
    for path in sorted(data.glob("*.[cj]s*")):
        shutil.copy(path, contents / "data")


def sort_listings(lite):
    """Put what a folder has in order: it is listed as the file system happens to have it."""
    for path in lite.glob("api/contents/**/all.json"):
        listing = json.loads(path.read_text(encoding="utf8"))
        listing["content"].sort(key=lambda item: item["name"])
        path.write_text(json.dumps(listing, indent=1), encoding="utf8")


def build_lite(app, error):
    if error or app.builder.format != "html" or not app.config.lite:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gather(Path(app.outdir, "_sources"), Path(app.srcdir, "data"), folder / "contents")
        shutil.copy(CONFIG, folder)
        (folder / "jupyter_lite_config.json").write_text(json.dumps({"LiteBuildConfig": BUILD}))
        command = [sys.executable, "-m", "jupyterlite_core", "build", "--lite-dir", name]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise ExtensionError(f"/lite/ could not be built: {done.stdout}{done.stderr}")
        sort_listings(folder / "lite")
        shutil.rmtree(Path(app.outdir, "lite"), ignore_errors=True)
        shutil.copytree(folder / "lite", Path(app.outdir, "lite"))


def setup(app):
    app.add_config_value("lite", False, "html", bool)
    app.connect("config-inited", look_for_lite)
    app.connect("html-page-context", link, priority=600)  # after the bar is there
    app.connect("build-finished", build_lite, priority=600)  # after the downloads are
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
