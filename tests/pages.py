"""Pages as notebooks: every cell runs again, and must say what its stored reference says.

``python tests/pages.py [NAME...]`` executes the pages (all, or those named) and stores what they
said in ``tests/reference``. The tests then compare with ``pytest --nbval``.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbformat
import yaml
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
# Stands for an image, whose bytes are not compared; sanitize.cfg says the same of a fresh one.
IMAGE = "image"
SECONDS_PER_CELL = 120


def toc_pages(root: Path = ROOT) -> list[Path]:
    """Return the source of every page of the book, in the order of its table of contents."""

    def names(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            yield from (node[key] for key in ("root", "file") if key in node)
            node = list(node.values())
        if isinstance(node, list):
            for child in node:
                yield from names(child)

    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    return [root / f"{name}.md" for name in names(toc)]


def chapters(root: Path = ROOT) -> list[Path]:
    """Return the numbered chapters; an assignment has its chapter's name, and is none."""
    content = root / "content"
    return [p for p in toc_pages(root) if p.parent == content and p.name[:2].isdigit()]


def code_pages(root: Path = ROOT) -> list[Path]:
    """Return the pages that have code cells; a page still to be written is the build's matter."""
    pages = [page for page in toc_pages(root) if page.exists()]
    return [page for page in pages if "{code-cell}" in page.read_text(encoding="utf-8")]


def reference_of(page: Path, root: Path = ROOT) -> Path:
    """Return where the reference of a page is stored: the tree of content/, mirrored."""
    name = page.relative_to(root / "content").with_suffix(".ipynb")
    return root / "tests" / "reference" / name


def read_code(page: Path) -> NotebookNode:
    """Return a page's code cells as a notebook that has not been run."""
    cells = [cell for cell in jupytext.read(page).cells if cell.cell_type == "code"]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
        # the rest (captions, alt texts) changes nothing of what a cell says
        cell.metadata = NotebookNode({k: v for k, v in cell.metadata.items() if k == "tags"})
    return nbformat.v4.new_notebook(cells=cells)


def read_reference(page: Path, root: Path = ROOT) -> list[NotebookNode]:
    """Return the cells of a page's reference; none if it was never made."""
    path = reference_of(page, root)
    return nbformat.read(path, as_version=4).cells if path.exists() else []


def without_images(output: NotebookNode) -> NotebookNode:
    """Return an output in which every image is a mark: that it was there, not what it showed."""
    if "data" in output:
        output.data = {k: IMAGE if k.startswith("image/") else v for k, v in output.data.items()}
    return output


def store_references(root: Path = ROOT, names: list[str] | None = None) -> None:
    """Execute pages and store what their cells say.

    Parameters
    ----------
    root : Path
        The book.
    names : list of str, optional
        Paths below content/, without suffix; all pages if left out.

    Raises
    ------
    ValueError
        If no page has that name.
    nbclient.exceptions.CellExecutionError
        If a cell fails; then nothing of that page is stored.
    """
    content = root / "content"
    pages = {p.relative_to(content).with_suffix("").as_posix(): p for p in code_pages(root)}
    if unknown := set(names or []) - set(pages):
        raise ValueError(f"No page with code is called {unknown}; there are {sorted(pages)}.")
    for name in names or pages:
        notebook = read_code(pages[name])
        where = {"metadata": {"path": str(pages[name].parent)}}
        client = NotebookClient(
            notebook,
            timeout=SECONDS_PER_CELL,
            kernel_name="python3",
            resources=where,
            coalesce_streams=True,  # in how many pieces a text arrives is chance
        )
        with client.setup_kernel():
            for number, cell in enumerate(notebook.cells):
                # no history: nbval runs cells so, and a trailing ";" then hides nothing
                client.execute_cell(cell, number, store_history=False)
        for number, cell in enumerate(notebook.cells, start=1):
            cell.outputs = [without_images(output) for output in cell.outputs]
            cell.execution_count = number
            cell.metadata.pop("execution", None)
        # the kernel's own version must not make the references of two Pythons differ
        notebook.metadata = NotebookNode()
        path = reference_of(pages[name], root)
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        print(f"stored {path.relative_to(root)}")


def write_notebooks(root: Path = ROOT) -> Path:
    """Write each page, with its reference outputs, as the notebook that nbval runs.

    The folder is a sibling of content/ with the same subfolders, so relative paths hold. A cell
    without a current reference keeps no outputs: nbval runs it but compares nothing, which is
    why :func:`stale_references` must be empty.
    """
    folder = root / "_nbval"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for page in code_pages(root):
        notebook, stored = read_code(page), read_reference(page, root)
        for cell, reference in zip(notebook.cells, stored, strict=False):
            if cell.source == reference.source:
                cell.outputs, cell.execution_count = reference.outputs, reference.execution_count
        path = folder / page.relative_to(root / "content").with_suffix(".ipynb")
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
    return folder


def stale_references(root: Path = ROOT) -> list[str]:
    """Return what is wrong with the references: cells without one, references without a page."""
    problems = []
    expected = {reference_of(page, root): page for page in code_pages(root)}
    for path, page in expected.items():
        sources = [cell.source for cell in read_code(page).cells]
        stored = [cell.source for cell in read_reference(page, root)]
        name = page.relative_to(root)
        problems += [
            f"{name}: code cell {number} has no current reference"
            for number, source in enumerate(sources)
            if number >= len(stored) or stored[number] != source
        ]
        if len(stored) > len(sources):
            problems.append(f"{path.relative_to(root)}: more cells than {name}")
    for path in sorted((root / "tests" / "reference").rglob("*")):
        if path.is_file() and path not in expected:
            problems.append(f"{path.relative_to(root)}: no page has this reference")
    return problems


if __name__ == "__main__":
    store_references(names=sys.argv[1:])
