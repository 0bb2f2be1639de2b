"""The source of a page, taken apart: directives, prose without its code, roles, maths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import yaml
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

_EXTENSIONS = ["amsmath", "colon_fence", "deflist", "dollarmath", "substitution"]
_PARSER = create_md_parser(MdParserConfig(enable_extensions=_EXTENSIONS), RendererHTML)
# Directives whose body is not MyST text.
_VERBATIM = {"code-cell", "code-block", "code", "literalinclude", "math", "raw", "bibliography"}
# Directives whose argument is a name, not a title that a reader sees.
_NAMED = _VERBATIM | {
    "chapter-figure",
    "explorable",
    "figure",
    "image",
    "solution-start",
    "solution-end",
    "include",
    "self-check",
    "materials",
    "notes",
    "toctree",
}


@dataclass(frozen=True)
class Directive:
    """A ``{name} argument`` block; ``nested`` if it lies inside another one."""

    name: str
    argument: str
    options: dict
    body: str
    line: int
    nested: bool


@dataclass(frozen=True)
class Prose:
    """A paragraph, heading, caption or table cell as its reader meets it.

    ``text`` keeps the source's line breaks; roles, code, maths and images leave a gap there.
    ``column`` is the heading above a table cell.
    """

    text: str
    line: int
    roles: list[tuple[str, str]] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    column: str = ""


@dataclass(frozen=True)
class Page:
    """A page's source, and what a check must know from elsewhere.

    Parameters
    ----------
    name : str
        The path from the book's root.
    text : str
        MyST Markdown.
    drawing : frozenset of int
        The code cells, by number, that show an image.
    terms, sources : frozenset of str
        The glossary's terms in lower case; the keys of the bibliography.
    """

    name: str
    text: str
    drawing: frozenset[int] = frozenset()
    terms: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()

    @cached_property
    def parts(self) -> list[Directive | Prose]:
        """Everything but maths, in source order."""
        return list(_walk(self.text, 1, nested=False))

    @property
    def directives(self) -> list[Directive]:
        return [part for part in self.parts if isinstance(part, Directive)]

    @property
    def prose(self) -> list[Prose]:
        return [part for part in self.parts if isinstance(part, Prose)]

    @property
    def cells(self) -> list[Directive]:
        """The code cells that run; inside another directive none does."""
        return [d for d in self.directives if d.name == "code-cell" and not d.nested]

    @property
    def is_chapter(self) -> bool:
        return re.match(r"content/\d\d-", self.name) is not None


def _walk(text: str, first_line: int, nested: bool) -> Iterator[Directive | Prose]:
    tokens = _PARSER.parse(text)
    headings, column = [], 0  # of the table that is being read
    for before, token in zip(tokens[:1] + tokens, tokens, strict=False):
        line = first_line + (token.map[0] if token.map else 0)
        if token.type == "table_open":
            headings = []
        elif token.type == "tr_open":
            column = 0
        elif token.type == "inline":
            prose = _prose(token.children, line)
            if before.type == "th_open":
                headings.append(prose.text)
            elif before.type == "td_open":
                prose = replace(prose, column=headings[column])
                column += 1
            yield prose
        elif token.type in ("math_block", "amsmath"):
            yield Prose("", line, [("math", token.content)])
        elif match := re.match(r"\{([\w:-]+)\}\s*(.*)", token.info):
            yield from _directive(*match.groups(), token.content, line, nested)


def _directive(name: str, argument: str, content: str, line: int, nested: bool) -> Iterator:
    options, body = _split_options(content)
    directive = Directive(name, argument, options, body, line, nested)
    yield directive
    if name not in _NAMED and not name.startswith("glue"):
        yield from _walk(argument, line, nested=True)
    if caption := caption_of(directive):
        yield from _walk(caption, line, nested=True)
    if name == "math":
        yield Prose("", line, [("math", body)])
    if name not in _VERBATIM | {"figure"}:
        lines_above_body = content.count("\n") - body.count("\n") + 1
        yield from _walk(body, line + lines_above_body, nested=True)


def _split_options(content: str) -> tuple[dict, str]:
    """Split a directive's content into its options, in either notation, and its body."""
    if match := re.match(r"---\n(.*?)^---\n", content, re.DOTALL | re.MULTILINE):
        return yaml.safe_load(match[1]) or {}, content[match.end() :]
    options = {}
    while match := re.match(r":([\w-]+):[ \t]*(.*)\n?", content):
        value = match[2].strip()
        options[match[1]] = yaml.safe_load(value) if match[1] == "tags" else value
        content = content[match.end() :]
    return options, content


def _prose(tokens: list, line: int) -> Prose:
    prose, text = Prose("", line), []
    for token in tokens:
        if token.type == "text":
            text.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            text.append("\n")
        elif token.type == "myst_role":
            prose.roles.append((token.meta["name"], token.content))
        elif token.type.startswith("math"):
            prose.roles.append(("math", token.content))
        elif token.type == "image":
            prose.images.append(token.content)
        if token.type in ("myst_role", "math_inline", "code_inline", "image"):
            text.append("□")
    return Prose("".join(text), line, prose.roles, prose.images)


def caption_of(directive: Directive) -> str:
    """Return the caption of a figure, drawn by a cell or not; empty if there is none."""
    if directive.name == "figure":
        return directive.body.strip()
    return str(_mystnb(directive, "figure").get("caption", ""))


def alt_of(directive: Directive) -> str:
    """Return the alternative text of a figure, drawn by a cell or not; empty if there is none."""
    if directive.name == "code-cell":
        return str(_mystnb(directive, "image").get("alt", ""))
    return directive.options.get("alt", "")


def _mystnb(directive: Directive, key: str) -> dict:
    return (directive.options.get("mystnb") or {}).get(key) or {}
