"""Say in plain Markdown what MyST says, for programs that show notebooks and know no MyST."""

import re
from base64 import b64encode
from html import escape

from nbformat.v4 import new_markdown_cell

from student_downloads.roles import said

OPENS = re.compile(r"^(:{3,}|`{3,})\{([\w-]+)\}[ ]*(.*)$")
OPTION = re.compile(r"^:([\w-]+):[ ]*(.*)$", re.MULTILINE)
CODE = re.compile(r"^(`{3,})[^`{]*$")
UNSEEN = re.compile(r"^(\([\w-]+\)=$|%)")  # places, and comments
DRAWING = re.compile(r"!\[([^\]]*)\]\(([^)]+\.svg)\)")
LEFT = re.compile(r"(?<!`)\{[\w:-]+\}`|:::|`{3,}.*\{")  # no other line has words for these

# What a directive begins with: its title, for a figure the alternative text, an exercise's number.
BEGINS = dict.fromkeys(["admonition", "tab-item"], "**{}**")
BEGINS |= {"exercise": "#### {2}: {0}", "figure": "![{1}]({0})"}
BEGINS |= {"solution-start": "**Solution**", "solution-end": "", "tab-set": ""}
NEEDS = (
    "*Opened from its page in the book (“Open as a notebook”), this notebook finds all that it "
    "needs. Anywhere else, Colab included, install the package `multilevel`: your instructor has "
    "it, or run `pip install .` in a copy of the book's repository.{}*"
)
DATA = (
    " It also reads data: put the files that are linked at its end into a folder `data` that lies "
    "beside this notebook's folder."
)


def plain(markdown, page, book):
    """Return the text of a page of the book without directives and roles.

    Raises
    ------
    KeyError
        For what a role refers to and the book does not have.
    ValueError
        For a directive or a role of another kind, or one that is not written as those are.
    """
    written, opened, code, caption = [], [], "", ""

    def write(line):
        line = ("> " * [kind for _, kind in opened].count("admonition") + line).rstrip()
        if code or line.strip("> ") or (written and written[-1].strip("> ")):  # one empty line
            written.append(line)

    lines = markdown.split("\n")
    while lines:
        line = lines.pop(0)
        if code:
            write(line)
            code = "" if line.rstrip() == code else code
        elif opened and line.rstrip() == opened[-1][0]:
            opened.pop()
            write("")
        elif start := OPENS.match(line):
            fence, kind, title = start.groups()
            options = {}
            while lines and (option := OPTION.match(lines[0])):
                options[option[1]] = option[2]
                lines.pop(0)
            opened.append((fence, kind))
            if kind not in BEGINS:
                raise ValueError(f"Nobody has said what the directive {kind!r} is in a notebook.")
            number = book.exercises[options["label"]] if kind == "exercise" else ""
            write(BEGINS[kind].format(said(title, page, book), options.get("alt"), number))
            write("")
            caption = f"*{book.figures[options['name']]}.* " if kind == "figure" else ""
        elif not UNSEEN.match(line):
            code = fence[1] if (fence := CODE.match(line)) else ""
            words = said(line, page, book)
            if not code and LEFT.search(words):
                raise ValueError(f"A notebook would show MyST in the line {line!r}.")
            write(line if code else caption + words if line else "")
            caption = "" if line else caption
    return "\n".join(written).strip()


def in_plain_markdown(notebook, page, book, folder):
    """Change the notebook's text, and put the caption of each figure below the cell that draws it.

    An explorable's caption stands there already. Before the first code stands what it needs.
    Drawings, which are found from the page's folder, travel in the notebook.

    Raises
    ------
    KeyError, ValueError
        As `plain` does, and for a caption of a figure that has no name.
    """
    cells, number = [], ""
    for cell in notebook.cells:
        cells.append(cell)
        if cell.cell_type == "markdown":
            text = with_drawings(plain(cell.source, page, book), folder)
            cell.source, number = number + text, ""
        elif figure := cell.metadata.get("mystnb", {}).get("figure"):
            if "name" not in figure:
                raise ValueError(f"The figure with this caption needs a name: {figure['caption']}")
            number = f"*{book.figures[figure['name']]}.* "
            if caption := figure.get("caption"):
                cells.append(new_markdown_cell(number + said(caption, page, book)))
                number = ""
    code = [place for place, cell in enumerate(cells) if cell.cell_type == "code"]
    data = DATA if any("../data" in cells[place].source for place in code) else ""
    cells.insert(code[0], new_markdown_cell(NEEDS.format(data)))
    notebook.cells = cells
    number_cells(notebook)


def with_drawings(markdown, folder):
    """Put drawings into the text itself; JupyterLab shows no SVG among a cell's attachments.

    As HTML: Markdown in VS Code takes no address of this kind.
    """

    def inside(drawing):
        data = b64encode((folder / drawing[2]).read_bytes()).decode()
        return f'<img alt="{escape(drawing[1])}" src="data:image/svg+xml;base64,{data}">'

    return DRAWING.sub(inside, markdown)


def number_cells(notebook):
    """Give the cells ids that every build repeats."""
    for position, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{position:03d}"
