"""Repair the theme's finished pages: accessible, valid, light, and free of foreign requests."""

import shutil
from hashlib import sha256
from pathlib import Path

from readable_pages import repairs
from readable_pages.repairs import repair

ASSETS = [Path(__file__).parent / "book.css", Path(__file__).parent / "book.js"]
# Written by Sphinx's extensions, asked for by no page once its scripts are dropped.
UNUSED_FILES = ["scripts/fontawesome.js*", "sphinx-thebe.*", "*webpack-macros.html"]
UNUSED_FILES += ["**/*.map", "vendor/**/*.ttf"]


def repair_pages(folder, record):
    """Repair each page but those whose sums ``record`` holds: as these repairs have left them."""
    repaired = set(record.read_text().split()) if record.exists() else set()
    own, sums = Path(repairs.__file__).read_bytes(), []
    for path in folder.rglob("*.html"):
        text = path.read_bytes()
        if sha256(own + text).hexdigest() not in repaired:
            text = repair(text.decode()).encode()
            path.write_bytes(text)
        sums.append(sha256(own + text).hexdigest())
    record.write_text("\n".join(sums))


def repair_site(app, error):
    if error or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    for asset in ASSETS:
        shutil.copy(asset, static)
    for pattern in UNUSED_FILES:
        for file in static.glob(pattern):
            file.unlink()
    repair_pages(Path(app.outdir), Path(app.doctreedir, "repaired"))


def setup(app):
    app.add_css_file("book.css", priority=900)  # after the theme's, so that it has the last word
    app.add_js_file("book.js", loading_method="defer")
    app.connect("build-finished", repair_site, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
