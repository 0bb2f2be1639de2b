"""The slides: a small Sphinx project of its own, built by `make site` when the book stands."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "extensions"))

project = "Multilevel models in Python"
author = "The Multilevel Models in Python contributors"
copyright = "2026, CC BY 4.0"
extensions = [
    "myst_parser",
    "sphinx_revealjs",
    "sphinx.ext.intersphinx",
    "prerendered_maths",
    "decks",
]
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
nitpicky = True
html_math_renderer = "katex"
# Links into the book are checked against its own list of what there is.
intersphinx_disabled_reftypes = []
intersphinx_mapping = {"book": ("..", "../_build/html/objects.inv")}

revealjs_html_theme = "revealjs-simple"
revealjs_style_theme = "slides.css"
revealjs_css_files = ["katex/katex.min.css"]
revealjs_use_section_ids = True
revealjs_static_path = ["slides.css"]
revealjs_script_plugins = [{"src": "revealjs/plugin/notes/notes.js", "name": "RevealNotes"}]
# On a phone a slide is as narrow as the phone, so that its words stay large.
revealjs_script_conf = """{
    width: screen.width < 600 ? 420 : 1200,
    height: screen.width < 600 ? 760 : 720,
    margin: 0.03, center: false, hash: true, slideNumber: "c/t", transition: "none",
    scrollActivationWidth: null, pdfSeparateFragments: false
}"""
