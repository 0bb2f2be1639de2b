"""Let readers edit and run each page in their browser, and offer Binder as the second way.

`make live` writes what the browser needs (Python, the packages, the editors) into `.live/site`.
Without it the pages are built as they are, without the button.
"""

import hashlib
import json
import re
import shutil
from html import escape
from pathlib import Path

import jupytext
from sphinx.errors import ExtensionError
from sphinx.util import logging

from live_cells.hidden import needed

HERE = Path(__file__).parent
ASSETS = [HERE / "start.js", HERE / "live.css"]
NOT_EDITED = {"remove-cell", "remove-input"}
CELL = re.compile(r'<div class="cell (?!tag_remove-input)')
BINDER = "https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/{page}"

logger = logging.getLogger(__name__)


def made_live(app):
    """Return the folder that `make live` fills."""
    return Path(app.srcdir, ".live", "site")


def look_for_live(app, config):
    manifest = made_live(app) / "manifest.json"
    if manifest.is_file() and (made_live(app) / "live.js").is_file():
        megabytes = json.loads(manifest.read_text(encoding="utf8"))["gzip"] / 1e6
        config.live_pages = f"{megabytes:.0f} MB"
        # A browser that has kept the scripts of another edition must not take them for these.
        scripts = [(made_live(app) / name).read_bytes() for name in ("live.js", "worker.js")]
        config.live_edition = hashlib.sha256(b"".join(scripts)).hexdigest()[:8]
    else:
        logger.info("live_cells: pages are built without 'Edit and run'; 'make live' adds it")


def code_cells(path):
    """Return the tags and the source of each code cell of a page; none if it has no code."""
    if path.suffix != ".md" or "{code-cell}" not in path.read_text(encoding="utf8"):
        return []
    cells = jupytext.read(path).cells
    return [(set(c.metadata.get("tags", [])), c.source) for c in cells if c.cell_type == "code"]


def bar(start, edition, binder):
    """Return the HTML of the buttons; the script takes `hidden` away."""
    buttons = []
    if start:
        given = f'type="button" class="live-start" data-edition="{edition}" hidden'
        buttons.append(f"<button {given}>{start}</button>")
    if binder:
        buttons.append(f'<a class="live-binder" href="{escape(binder)}">Open on Binder</a>')
    return (
        '<div class="live-bar" role="region" aria-label="Edit and run">'
        f'{"".join(buttons)}<p class="live-status" role="status"></p></div>'
    )


def give_setup(body, setups):
    """Write into each cell the code that must run before it and that the page does not show."""
    places = [match.end() for match in CELL.finditer(body)]
    if len(places) != len(setups):
        raise ValueError(f"the page shows {len(places)} code cells, its source {len(setups)}")
    for place, setup in reversed(list(zip(places, setups, strict=True))):
        if setup:
            quoted = escape(setup).replace("\n", "&#10;")
            start = place - len('class="cell ')
            body = f'{body[:start]}data-setup="{quoted}" {body[start:]}'
    return body


def add_bar(app, pagename, templatename, context, doctree):
    """Put the bar below the title of each page that has code."""
    cells = code_cells(Path(app.env.doc2path(pagename))) if doctree is not None else []
    if not cells or not (app.config.live_pages or app.config.repository):
        return
    start = binder = None
    if app.config.live_pages:
        start = f"Edit and run this page <small>{app.config.live_pages}, once</small>"
        try:
            context["body"] = give_setup(context["body"], needed(cells, NOT_EDITED))
        except ValueError as error:
            raise ExtensionError(f"{pagename}: {error}") from error
        app.add_js_file("start.js", loading_method="defer")
    if app.config.repository:
        page = app.env.doc2path(pagename, base=False)
        binder = BINDER.format(repository=app.config.repository, page=page)
    app.add_css_file("live.css")
    context["body"] = context["body"].replace(
        "</h1>", f"</h1>\n{bar(start, app.config.live_edition, binder)}", 1
    )


def copy_live(app, error):
    """Ship the runtime, and the data that the pages' cells read, beside the pages."""
    if error or app.builder.format != "html":
        return
    out = Path(app.outdir)
    for asset in ASSETS:
        shutil.copy(asset, out / "_static")
    if not app.config.live_pages:
        return
    shutil.rmtree(out / "live", ignore_errors=True)
    shutil.copytree(made_live(app), out / "live")
    # a service worker serves what lies below it
    (out / "live/offline.js").replace(out / "offline.js")
    files = []
    for path in sorted(Path(app.srcdir, "data").glob("*.[cj]s*")):
        name, content = f"data/{path.name}", path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        files.append({"path": name, "bytes": len(content), "sha256": digest})
        (out / "live/data").mkdir(exist_ok=True)
        (out / "live" / name).write_bytes(content)
    (out / "live/data.json").write_text(json.dumps({"files": files}), encoding="utf8")


def setup(app):
    app.add_config_value("live_pages", "", "html", str)  # how much is fetched
    app.add_config_value("live_edition", "", "html", str)  # of the scripts
    app.add_config_value("repository", "", "html", str)  # owner/name on GitHub
    app.connect("config-inited", look_for_live)
    app.connect("html-page-context", add_bar)
    app.connect("build-finished", copy_live)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
