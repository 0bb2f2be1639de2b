"""Offer each chapter for download as the notebook of a student: what it teaches, and no more.

Cells tagged `remove-cell` (numbers for the prose, assertions, hidden tests) are cut from the
notebook and from the Markdown. What the prose takes from them is written out, and what a cell below
needs of them is kept. An explorable becomes the cell that shows it, with its caption below, and a
self-check the list of its questions.
"""

import ast
import json
import re
from pathlib import Path

import jupytext
import nbformat
import self_checks
from explorable import as_code
from live_cells.hidden import needed
from nbformat.v4 import new_code_cell, new_markdown_cell
from sphinx.errors import ExtensionError

from student_downloads.plain import OPTION, in_plain_markdown, number_cells
from student_downloads.roles import book_of

CUT = "remove-cell"
EXPLORABLE = re.compile(
    r"^```\{explorable\} (\S+)\n((?::[^\n]*\n)*)(.*?)^```$", re.MULTILINE | re.DOTALL
)
GLUE = re.compile(r"\{glue:text\}`([^`]+)`")


def is_notebook(app, docname):
    source = Path(app.env.doc2path(docname))
    return source.suffix == ".md" and "{code-cell}" in source.read_text(encoding="utf8")


def glued_values(folder, docname):
    """Return the text of each value that a page has glued, by its key."""
    path = Path(folder, f"{docname}.glue.json")
    records = json.loads(path.read_text(encoding="utf8")) if path.is_file() else {}
    values = {}
    for key, record in records.items():
        text = record.get("data", {}).get("text/plain")
        if text is not None:
            values[key] = ast.literal_eval("".join(text))
    return values


def write_out(markdown, values):
    """Replace each glue role by its value; raise KeyError for one that the page has not glued."""
    return GLUE.sub(lambda role: values[role[1]], markdown)


def split_at_explorables(cell):
    """Return the cells that a Markdown cell becomes: text, the figure's call, its caption, …"""
    if cell.cell_type != "markdown":
        return [cell]
    first, *rest = EXPLORABLE.split(cell.source)
    cells = [new_markdown_cell(first.strip())]
    for preset, options, caption, text in zip(*[iter(rest)] * 4, strict=True):
        figure = {"name": dict(OPTION.findall(options))["name"]}
        cells.append(
            new_code_cell(as_code(preset, options), metadata={"mystnb": {"figure": figure}})
        )
        cells.append(new_markdown_cell(f"{caption.strip()}\n\n{text.strip()}".strip()))
    return [cell for cell in cells if cell.source] if rest else [cell]


def student_notebook(notebook, values):
    """Return the notebook without its cut cells and roles, with ids that every build repeats."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    tagged = [(set(cell.metadata.get("tags", [])), cell.source) for cell in code]
    setups = iter(needed(tagged, {CUT}))
    cells = []
    for cell in notebook.cells:
        if CUT in cell.metadata.get("tags", []):
            continue
        if cell.cell_type == "code" and (setup := next(setups)):
            cells.append(new_code_cell(setup))
        cells += split_at_explorables(cell)
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = self_checks.write_out(write_out(cell.source, values))
        elif caption := cell.metadata.get("mystnb", {}).get("figure", {}).get("caption"):
            cell.metadata["mystnb"]["figure"]["caption"] = write_out(caption, values)
    notebook.cells = cells
    number_cells(notebook)
    return notebook


def offer_notebook(app, pagename, templatename, context, doctree):
    """Have the theme add the notebook to the page's download menu."""
    if doctree is not None and is_notebook(app, pagename):
        context["ipynb_source"] = f"{pagename}.ipynb"


def write_downloads(app, error):
    if error or app.builder.format != "html":
        return
    values_folder, book = Path(app.outdir).parent / "jupyter_execute", book_of(app.env)
    for docname in filter(lambda name: is_notebook(app, name), sorted(app.env.found_docs)):
        notebook = jupytext.read(app.env.doc2path(docname))
        try:
            notebook = student_notebook(notebook, glued_values(values_folder, docname))
        except KeyError as key:
            # A warning this late would not stop the build.
            raise ExtensionError(
                f"{docname}: no value to write out for {{glue:text}} {key}"
            ) from key
        download = Path(app.outdir, "_sources", docname)
        jupytext.write(notebook, f"{download}.md", fmt="md:myst")
        # The notebook stands alone: Jupyter would look for its other half, and open neither.
        del notebook.metadata["jupytext"]
        try:
            in_plain_markdown(notebook, docname, book, Path(app.env.doc2path(docname)).parent)
        except (KeyError, ValueError) as error:
            raise ExtensionError(f"{docname}, as a notebook: {error}") from error
        nbformat.write(notebook, f"{download}.ipynb")


def setup(app):
    app.connect("html-page-context", offer_notebook)
    app.connect("build-finished", write_downloads)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
