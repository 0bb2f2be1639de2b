"""The book's Sphinx extensions, on small texts."""

import json
import os
import re
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import nbformat
import pages
import prerendered_maths
import pytest
import readable_pages
import student_downloads
import whole_streams
from bs4 import BeautifulSoup
from student_downloads.plain import in_plain_markdown, plain
from student_downloads.roles import Book


def repaired(body):
    return BeautifulSoup(readable_pages.repair(body), "html.parser")


def test_a_formula_is_set_in_html_and_in_mathml():
    html = prerendered_maths.render(r"\tau^2")
    assert 'class="katex-html" aria-hidden="true"' in html
    assert "<msup><mi>τ</mi><mn>2</mn></msup>" in html


def test_a_displayed_formula_is_set_as_one():
    assert 'class="katex-display"' in prerendered_maths.render("x", display=True)


@pytest.mark.parametrize("tex", [r"\frac{1", r"\nosuchcommand", "é"])
def test_a_formula_that_cannot_be_read_is_refused_with_its_text(tex):
    with pytest.raises(ValueError, match=re.escape(repr(tex))):
        prerendered_maths.render(tex)


def test_python_ends_after_a_formula():
    program = "import prerendered_maths; prerendered_maths.render('x')"
    environment = os.environ | {"PYTHONPATH": str(pages.ROOT / "extensions")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, timeout=60)
    assert done.returncode == 0


def test_lines_without_an_environment_are_aligned():
    assert prerendered_maths.displayed_tex("a &= b \\\\ c &= d\n").startswith(r"\begin{split}")


def test_an_environment_is_left_as_it_is():
    source = r"\begin{align*}a &= b \\ c &= d\end{align*}"
    assert prerendered_maths.displayed_tex(source) == source


def test_the_style_sheet_of_the_maths_is_of_the_release_of_its_script():
    style = (prerendered_maths.KATEX / "katex.min.css").read_text(encoding="utf8")
    assert f'content:"{prerendered_maths.katex_version()}"' in style


def test_every_font_that_the_maths_asks_for_is_shipped():
    style = (prerendered_maths.KATEX / "katex.min.css").read_text(encoding="utf8")
    fonts = re.findall(r"url\(([^)]+)\)", prerendered_maths.FALLBACK_FONTS.sub("", style))
    assert fonts and all((prerendered_maths.KATEX / font).is_file() for font in fonts)


@pytest.mark.parametrize(
    "script",
    [
        '<script src="_static/scripts/fontawesome.js?digest=1"></script>',
        '<script>const THEBE_JS_URL = "https://unpkg.com/thebe"</script>',
        '<script src="_static/copybutton.js"></script>',
        '<script src="_static/design-tabs.js"></script>',
        '<link as="script" href="_static/scripts/fontawesome.js" rel="preload"/>',
    ],
)
def test_a_script_with_nothing_to_do_is_dropped(script):
    assert not repaired(f"<head>{script}</head><p>Words.</p>").select("script, link")


def test_a_script_that_the_page_uses_is_kept_once():
    script = '<script src="_static/copybutton.js"></script>'
    code = '<div class="highlight"><pre>x</pre></div>'
    assert len(repaired(script + script + code).find_all("script")) == 1


def test_a_style_sheet_that_the_page_uses_is_kept():
    assert repaired('<link href="a.css" rel="stylesheet"/>').find("link")


def test_a_search_field_is_called_what_it_shows():
    page = repaired(
        '<button aria-label="Search" class="search-button-field">Search Ctrl+K</button>'
    )
    assert not page.button.has_attr("aria-label")


def test_an_icon_button_is_called_after_its_title():
    page = repaired('<button title="Fullscreen mode"><i class="fas fa-expand"></i></button>')
    assert page.button["aria-label"] == "Fullscreen mode"


@pytest.mark.parametrize(
    ("folder", "name"), [("content", "03-icc.ipynb"), ("assignments", "assignment-03-icc.ipynb")]
)
def test_an_assignment_is_downloaded_under_another_name_than_its_chapter(folder, name):
    link = f'<a class="btn-download-notebook-button" href="../_sources/{folder}/03-icc.ipynb">'
    assert repaired(f"{link}.ipynb</a>").a["download"] == name


def test_a_folded_cell_has_a_summary_of_plain_text():
    page = repaired('<summary aria-label="Toggle hidden content"><p>Show</p></summary>')
    assert str(page) == "<summary><span>Show</span></summary>"


def test_a_bibliography_has_no_broken_roles():
    page = repaired('<div class="citation-list" role="list"><p role="doc-biblioentry">B</p></div>')
    assert not page.select("[role]")


def test_exercises_have_ids_of_their_own():
    page = repaired('<section id="exercise-content"></section>' * 2)
    assert len({section["id"] for section in page.find_all("section")}) == 2


def test_a_data_frame_has_no_headers_of_nothing_and_no_style_of_its_own():
    page = repaired(
        "<body><style scoped>th {}</style><table border='1' class='dataframe'><thead><tr>"
        "<th></th><th>slope</th></tr></thead><tbody><tr><th>Red</th><td>1</td></tr></tbody>"
    )
    assert [th.get("scope") for th in page.find_all("th")] == ["col", "row"]
    assert not page.find("style") and not page.table.has_attr("border")


def test_the_redirect_has_a_language_and_a_title():
    page = repaired('<meta http-equiv="Refresh" content="0; url=content/index.html" />')
    assert (
        page.html["lang"] == "en" and page.title.string and page.a["href"] == "content/index.html"
    )


def test_pages_are_repaired_once_and_again_when_they_are_written_anew(tmp_path, monkeypatch):
    page, record = tmp_path / "page.html", tmp_path / "repaired"
    made = []
    monkeypatch.setattr(readable_pages, "repair", lambda html: made.append(html) or f"{html}!")
    for text in ("right", None, None, "wrong", None):
        if text:
            page.write_text(text)
        readable_pages.repair_pages(tmp_path, record)
    assert made == ["right", "wrong"]
    assert page.read_text() == "wrong!"


def test_pages_are_repaired_again_when_the_repairs_have_changed(tmp_path, monkeypatch):
    page, record, file = (tmp_path / name for name in ("page.html", "repaired", "repairs.py"))
    page.write_text("page")
    monkeypatch.setattr(readable_pages, "repair", "{}!".format)
    monkeypatch.setattr(readable_pages.repairs, "__file__", file)
    for version in ("first", "first", "second"):
        file.write_text(version)
        readable_pages.repair_pages(tmp_path, record)
    assert page.read_text() == "page!!"


def test_a_repaired_page_is_left_as_it_is():
    html = readable_pages.repair(
        '<!DOCTYPE html>\n<html lang="en"><head><meta name="viewport"/><title>a &amp; b</title>'
        '</head><body><section id="exercise-content"></section><section id="exercise-content">'
        "</section><table class='dataframe'><tr><th></th><th>a</th></tr></table></body></html>"
    )
    assert readable_pages.repair(html) == html


def student(*cells, values=None):
    return student_downloads.student_notebook(
        nbformat.v4.new_notebook(cells=list(cells)), values or {}
    )


def test_a_download_has_no_removed_cell():
    hidden = nbformat.v4.new_code_cell("assert secret", metadata={"tags": ["remove-cell", "test"]})
    notebook = student(nbformat.v4.new_code_cell("1 + 1"), hidden)
    assert [cell.source for cell in notebook.cells] == ["1 + 1"]


def test_a_download_keeps_what_a_cell_needs_of_a_removed_one():
    hidden = nbformat.v4.new_code_cell("a = 1\nassert a", metadata={"tags": ["remove-cell"]})
    notebook = student(hidden, nbformat.v4.new_code_cell("a + 1"))
    assert [cell.source for cell in notebook.cells] == ["a = 1", "a + 1"]


def test_a_download_writes_out_the_numbers_of_the_prose():
    prose = nbformat.v4.new_markdown_cell("The slope is {glue:text}`slope`, *not* zero.")
    assert student(prose, values={"slope": "-2.75"}).cells[0].source == (
        "The slope is -2.75, *not* zero."
    )


def test_a_download_without_a_value_for_its_prose_is_refused():
    with pytest.raises(KeyError, match="slope"):
        student(nbformat.v4.new_markdown_cell("{glue:text}`slope`"))


def test_a_download_shows_an_explorable_by_a_cell():
    figure = (
        "```{explorable} mixture\n:name: fig\n:n_patients: 5\n:sliders: staff within\n\nSee.\n```"
    )
    cells = student(nbformat.v4.new_markdown_cell(f"Before.\n\n{figure}\n\nAfter.")).cells
    assert [cell.source for cell in cells if cell.cell_type == "markdown"] == [
        "Before.",
        "See.\n\nAfter.",
    ]
    shown = {}
    exec(cells[1].source.replace("\n\nexplore(", "\n\nfigure = explore("), shown)
    setup = shown["figure"].setup
    assert (shown["figure"].preset, setup["start"]["n_patients"]) == ("mixture", 5)
    assert setup["shown"] == ["staff", "within"]


BOOK = Book(
    titles={"content/02-pooling": "Pool, split?", "content/toolbox/data": "Data"},
    places={"here": "Small hospitals"},
    figures={"fig-forest": "Fig. 2.3"},
    exercises={"ex": "Exercise 1.2"},
    works={
        "self1987": ("Self and Liang", "1987", "https://doi.org/10.1"),
        "box": ("Box", "1979", ""),
    },
)
SAID = {
    "role with words": (
        "the {doc}`data <toolbox/data>`, {ref}`below <x>`",
        "the data (*Data*), below",
    ),
    "page by its title": ("See {doc}`02-pooling`.", "See *Pool, split?*."),
    "section by its title": ("See {ref}`here`.", "See *Small hospitals*."),
    "term": ("a {term}`singular fit` and {term}`BLUP`s", "a singular fit and BLUPs"),
    "number of a figure": ("In {numref}`fig-forest`", "In Fig. 2.3"),
    "file": ("{download}`a.csv <../data/a.csv>`", "[a.csv](../data/a.csv)"),
    "works in brackets": (
        "at zero {cite:p}`self1987,box`",
        "at zero ([Self and Liang, 1987](https://doi.org/10.1); Box, 1979)",
    ),
    "works in the text": ("{cite:t}`box` says", "Box (1979) says"),
    "admonition": (
        ":::{admonition} Predict\n:class: predict\n\nHow many {term}`BLUP`s?\n:::\nThen.",
        "> **Predict**\n>\n> How many BLUPs?\n\nThen.",
    ),
    "exercise": (
        ":::{exercise} Find it\n:label: ex\n*Easy.*\n```python\n:::{x}\n\n\n{term}`a`\n```\n:::",
        "#### Exercise 1.2: Find it\n\n*Easy.*\n```python\n:::{x}\n\n\n{term}`a`\n```",
    ),
    "solution": (
        ":::{solution-start} ex\n:class: dropdown\n:::\nIt is.\n:::{solution-end}\n:::",
        "**Solution**\n\nIt is.",
    ),
    "tabs": (
        "::::{tab-set}\n:::{tab-item} Python\nOne\n:::\n:::{tab-item} In R\nTwo\n:::\n::::",
        "**Python**\n\nOne\n\n**In R**\n\nTwo",
    ),
    "figure": (
        "```{figure} ../f.svg\n:name: fig-forest\n:alt: Trees.\n\nA wood.\nOf trees.\n```",
        "![Trees.](../f.svg)\n\n*Fig. 2.3.* A wood.\nOf trees.",
    ),
    "place": ("(here)=\nText.", "Text."),
    "comment": ("% Written by `make`.\n\nText.\n\n```\n% code\n```", "Text.\n\n```\n% code\n```"),
    "mathematics and code": ("$\\{a\\}$, `{b}`", "$\\{a\\}$, `{b}`"),
}


@pytest.mark.parametrize("name", SAID)
def test_a_notebook_says_in_plain_markdown_what_myst_says(name):
    myst, words = SAID[name]
    assert plain(myst, "content/01-three-hospitals", BOOK) == words


@pytest.mark.parametrize(
    ("myst", "error", "message"),
    [
        ("```{video} a.mp4\n```", ValueError, "directive 'video'"),
        ("{kbd}`Ctrl`", ValueError, "role 'kbd'"),
        ("a {term}`singular\nfit`", ValueError, "line 'a {term}`singular'"),
        ("One.\n:::", ValueError, "line ':::'"),
        ("- One:\n\n  ```{note}\n  Two.\n  ```", ValueError, "line '  ```{note}'"),
        ("{ref}`there`", KeyError, "there"),
        ("{doc}`03-icc`", KeyError, "content/03-icc"),
        ("{doc}`later <03-icc>`", KeyError, "content/03-icc"),
        ("{cite:t}`nobody`", KeyError, "nobody"),
    ],
)
def test_what_has_no_words_in_a_notebook_is_refused_by_name(myst, error, message):
    with pytest.raises(error, match=message):
        plain(myst, "content/01-three-hospitals", BOOK)


def test_a_notebook_has_the_caption_below_the_cell_that_draws_the_figure():
    figure = {"name": "fig-forest", "caption": "Forty {term}`BLUP`s."}
    notebook = student(
        nbformat.v4.new_code_cell("draw()", metadata={"mystnb": {"figure": figure}}),
        nbformat.v4.new_markdown_cell(
            "```{explorable} mixture\n:name: fig-forest\n:n_patients: 5\n\nSee.\n```\n\nAfter."
        ),
    )
    in_plain_markdown(notebook, "content/01-three-hospitals", BOOK, Path())
    needs, *captions = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert "the package `multilevel`" in needs
    assert captions == ["*Fig. 2.3.* Forty BLUPs.", "*Fig. 2.3.* See.\n\nAfter."]
    assert [cell["id"] for cell in notebook.cells] == [f"cell-00{n}" for n in range(5)]


@pytest.mark.parametrize(("code", "said"), [("read('../data/a.csv')", True), ("data", False)])
def test_a_notebook_speaks_of_data_files_only_if_it_reads_some(code, said):
    notebook = student(nbformat.v4.new_code_cell(code))
    in_plain_markdown(notebook, "content/01-three-hospitals", BOOK, Path())
    assert ("folder `data`" in notebook.cells[0].source) == said


def test_a_caption_of_a_figure_without_a_name_is_refused():
    figure = {"caption": "Forty trees."}
    notebook = student(nbformat.v4.new_code_cell("x", metadata={"mystnb": {"figure": figure}}))
    with pytest.raises(ValueError, match="needs a name: Forty trees"):
        in_plain_markdown(notebook, "content/01-three-hospitals", BOOK, Path())


def test_a_drawing_travels_in_the_notebook(tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/f.svg").write_text("<svg>\u2212</svg>", encoding="utf8")
    myst = '```{figure} ../figures/f.svg\n:name: fig-forest\n:alt: "Two" trees.\n\nA wood.\n```'
    notebook = student(nbformat.v4.new_markdown_cell(myst), nbformat.v4.new_code_cell("1"))
    (tmp_path / "content").mkdir()
    in_plain_markdown(notebook, "content/01-three-hospitals", BOOK, tmp_path / "content")
    image, caption = notebook.cells[0].source.split("\n\n")
    start, end = '<img alt="&quot;Two&quot; trees." src="data:image/svg+xml;base64,', '">'
    assert image.startswith(start) and image.endswith(end)
    assert b64decode(image[len(start) : -len(end)]).decode("utf8") == "<svg>\u2212</svg>"
    assert caption == "*Fig. 2.3.* A wood."


def test_two_downloads_have_the_same_cell_ids():
    first, second = (student(nbformat.v4.new_code_cell("x"), values={}) for _ in range(2))
    assert first.cells[0]["id"] == second.cells[0]["id"]


def test_glued_values_are_read_without_their_quotes(tmp_path):
    texts = {"p": "< .001", "quoted": "'so-called'"}
    records = {name: {"data": {"text/plain": repr(text)}} for name, text in texts.items()}
    records["figure"] = {"data": {"image/png": ""}}
    (tmp_path / "page.glue.json").write_text(json.dumps(records), encoding="utf8")
    assert student_downloads.glued_values(tmp_path, "page") == texts


def test_lines_left_by_a_dropped_script_are_folded_at_once():
    script = '<script src="_static/scripts/fontawesome.js"></script>'
    html = readable_pages.repair(f"<!DOCTYPE html>\n<body>\n{script}\n{script}\n<p>x</p></body>")
    assert readable_pages.repair(html) == html


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def test_a_line_that_the_kernel_cut_is_whole_again():
    assert whole_streams.join_streams([stream("mean:"), stream(" 3.46\n")]) == [
        stream("mean: 3.46\n")
    ]


def test_streams_and_other_outputs_stay_apart_and_in_order():
    table = {"output_type": "execute_result", "data": {}}
    outputs = [stream("a\n"), stream("careful\n", "stderr"), table, stream("b\n")]
    joined = whole_streams.join_streams(outputs)
    assert joined == [stream("a\nb\n"), stream("careful\n", "stderr"), table]
