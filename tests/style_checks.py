"""What can be checked in a page's source without judgement; each check returns its complaints.

A check whose name begins with ``check_`` takes a page, one with ``check_book_`` the book's root.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from myst import Directive, Page, alt_of, caption_of
from pages import code_pages, read_reference, toc_pages

# Digits that are no estimates. Whatever was computed comes from report() and {glue:text}.
ALLOWED_NUMBERS = [
    r"\b[Ll]evels?[- ][123]\b(?: and [123]\b)?",
    r"\b0(?:–| to )(?:10?0?)\b",  # the ends of a scale
    r"\bObjectives? \d(?:(?:, | and )\d)*\b",
    r"\b\d+ minutes\b",
    r"^Exercise \d+: .+ \(\d+ points?\)$",  # of an assignment
    r"\b(?:90|95|99) %",  # confidence
    r"\b(?:[Ii]n|[Ss]ince|[Uu]ntil) (?:19|20)\d\d\b|\((?:19|20)\d\d\)",  # years
    r"\b(?:[Cc]hapter|Table|Figure)s? \d+\b(?:(?:, | and | to |–)\d+)*",
    r"\bPython 3\.\d+\b",
    r"\bCC BY 4\.0\b",
    r"\bn − 1\b",
    r"https?://\S+",
]
# Columns of a table whose whole numbers are no estimates either.
ALLOWED_COLUMNS = {"Level", "Minutes to read", "Week"}

# Each with its entry in TRAPS or STYLE and what to say instead. To name a misconception, quote it.
FORBIDDEN_PHRASES = {
    r"influenc\w+ (?:one another|each other)": "B1: patients of one hospital are more alike",
    r"random intercept[^.]*\b(?:removes|solves) the paradox": "B4: it does so only in part",
    r"explained by (?:the )?hospitals?\b": "B8: the ICC is a share of variance, no explanation",
    r"clustering (?:may|can) be ignored": "B8: no cut-off says so",
    r"outcome (?:must|has to|should) be normal": "B25: normality is assumed of u and e",
    r"\bp\s*=\s*0?\.000\b": "B27: write < .001",
    r"\bprov(?:es|ed)\b": "data support or contradict; they prove nothing",
    r"\baccept\w* the null": "a test rejects or does not reject",
    r"poor[- ]quality care": "seed chapter: a cause asserted as fact",
    r"\b(?:obviously|simply|just)\b": "STYLE: drop the word",
}

# The tag of a cell that shows how a fit goes wrong, which is the lesson of chapter 8.
WRONG_ON_PURPOSE = "wrong-on-purpose"

FORBIDDEN_CODE = {
    r"^\s*[!%]": "magics and shell lines do not run everywhere",
    r"https?://|urlopen|get_rdataset|load_dataset": "a page reads nothing from the network",
    r"np\.random\.(?!default_rng\b|Generator\b)": "use one rng = np.random.default_rng(seed)",
    r"(?:filterwarnings|simplefilter)\(\s*[\"']ignore": "warnings are read, not silenced",
    r"lbfgs": "A1: it stops at wrong answers",
    r"(?i)nbval": "every output is compared",
}


def _at(page: Page, line: int, complaint: str) -> str:
    return f"{page.name}:{line}: {complaint}"


def _tree(cell: Directive) -> ast.Module:
    """Parse a cell; lines that are not Python are another check's matter."""
    return ast.parse(re.sub(r"^\s*[!%].*$", "", cell.body, flags=re.MULTILINE))


def _calls(page: Page) -> list[tuple[Directive, ast.Call]]:
    nodes = [(cell, node) for cell in page.cells for node in ast.walk(_tree(cell))]
    return [(cell, node) for cell, node in nodes if isinstance(node, ast.Call)]


def _name_called(call: ast.AST) -> str:
    function = getattr(call, "func", None)
    return getattr(function, "attr", getattr(function, "id", ""))


def _glossary_entries(page: Page) -> list[tuple[list[str], str]]:
    """Return (terms, definition) of every entry of a page's glossaries."""
    bodies = [d.body for d in page.directives if d.name == "glossary"]
    pattern = r"((?:^\S.*\n)+)((?:^(?:[ \t]+.*)?(?:\n|\Z))*)"
    entries = [match for body in bodies for match in re.findall(pattern, body, re.MULTILINE)]
    return [(terms.split("\n")[:-1], definition.strip()) for terms, definition in entries]


def load_pages(root: Path) -> list[Page]:
    """Return every page and every assignment's source with what its checks must know."""
    paths = [path for path in toc_pages(root) if path.exists()]
    paths += sorted((root / "assignments").glob("*.md"))  # solutions and rubrics are read too
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    bibliography = (root / "references.bib").read_text(encoding="utf-8")
    glossaries = [_glossary_entries(Page("", text)) for text in texts.values()]
    terms = [term for entries in glossaries for names, _ in entries for term in names]
    drawing = {
        path: frozenset(
            number
            for number, cell in enumerate(read_reference(path, root))
            if any("image/" in str(list(output.get("data", {}))) for output in cell.outputs)
        )
        for path in code_pages(root)
    }
    return [
        Page(
            name=path.relative_to(root).as_posix(),
            text=text,
            drawing=drawing.get(path, frozenset()),
            terms=frozenset(term.lower() for term in terms),
            sources=frozenset(re.findall(r"^@\w+\{([^,\s]+),", bibliography, re.MULTILINE)),
        )
        for path, text in texts.items()
    ]


def check_figures(page: Page) -> list[str]:
    """Every figure says in a sentence what is there, and in a caption what to see."""
    figures = [d for d in page.directives if d.name in ("figure", "image")]
    figures += [
        cell
        for number, cell in enumerate(page.cells)
        if number in page.drawing or cell.options.get("mystnb")
    ]
    alts = [(figure.line, alt_of(figure)) for figure in figures]
    alts += [(prose.line, alt) for prose in page.prose for alt in prose.images]
    return [
        _at(page, line, f"alt text {alt!r} is not a sentence of 40 characters or more")
        for line, alt in alts
        if not re.fullmatch(r"[A-Z].{38,}\.", alt, re.DOTALL)
    ] + [
        _at(page, line, f"alt text {alt!r} is a file name")
        for line, alt in alts
        if re.search(r"\.(svg|png|jpe?g|md|csv|ipynb)\b", alt)
    ] + [
        _at(page, figure.line, "figure without a caption")
        for figure in figures
        if figure.name != "image" and not caption_of(figure)
    ]  # fmt: skip


def check_mixed_models(page: Page) -> list[str]:
    """TRAPS A1: MixedLM.fit can stop at a wrong answer and say that it converged."""
    models = {"mixedlm", "MixedLM"}

    def makes_a_model(node: ast.AST) -> bool:
        # mixedlm(...), MixedLM(...), and MixedLM.from_formula(...)
        maker = getattr(getattr(node, "func", None), "value", None)
        names = {_name_called(node), getattr(maker, "attr", ""), getattr(maker, "id", "")}
        return isinstance(node, ast.Call) and bool(names & models)

    # model = ..., model: MixedLM = ..., (model := ...)
    named = {
        target.id
        for cell in page.cells
        for node in ast.walk(_tree(cell))
        if makes_a_model(getattr(node, "value", None))
        for target in getattr(node, "targets", [getattr(node, "target", None)])
        if isinstance(target, ast.Name)
    }
    return [
        _at(page, cell.line, "fit mixed models with multilevel.models.fit_mixed, not .fit()")
        for cell, call in _calls(page)
        if _name_called(call) == "fit"
        and WRONG_ON_PURPOSE not in (cell.options.get("tags") or [])
        and (makes_a_model(call.func.value) or getattr(call.func.value, "id", "") in named)
    ]


def check_numbers(page: Page) -> list[str]:
    """No estimate is typed: not in prose, captions or alt texts, and no decimals in maths."""
    texts = [
        (prose.line, prose.text)
        for prose in page.prose
        if not (prose.column in ALLOWED_COLUMNS and prose.text.isdecimal())
    ]
    texts += [(d.line, alt_of(d)) for d in page.directives]
    complaints = []
    for line, text in texts:
        for allowed in ALLOWED_NUMBERS:
            text = re.sub(allowed, "", text)
        for match in re.finditer(r"(?<![\w.])[-−]?\d+(?:[.,]\d+)*", text):
            where = line + text[: match.start()].count("\n")
            complaints.append(_at(page, where, f"number {match[0]} is typed, not computed"))
    maths = [(p.line, content) for p in page.prose for name, content in p.roles if name == "math"]
    return complaints + [
        _at(page, line, f"number {match[0]} in maths is typed, not computed")
        for line, content in maths
        for match in re.finditer(r"\d+\.\d+", content)
    ]


def check_glue(page: Page) -> list[str]:
    """What a sentence uses is reported on its page, and what is reported is used.

    A number of another page, ``path::name``, is looked up by the build.
    """
    reported = {
        keyword.arg: cell.line
        for cell, call in _calls(page)
        if _name_called(call) == "report"
        for keyword in call.keywords
    }
    used = {
        content: prose.line
        for prose in page.prose
        for name, content in prose.roles
        if name.startswith("glue") and "::" not in content
    }
    return [
        _at(page, line, f"{key} is used but never reported")
        for key, line in used.items()
        if key not in reported
    ] + [
        _at(page, line, f"{key} is reported but never used")
        for key, line in reported.items()
        if key not in used
    ]  # fmt: skip


def check_phrases(page: Page) -> list[str]:
    """No phrase that misleads, unless it is quoted."""
    complaints = []
    for prose in page.prose:
        # keep the line breaks of what is cut, for the line number
        text = re.sub(r"\"[^\"]*\"|“[^”]*”", lambda m: "\n" * m[0].count("\n"), prose.text)
        for phrase, reason in FORBIDDEN_PHRASES.items():
            for match in re.finditer(phrase.replace(" ", r"\s+"), text, re.IGNORECASE):
                line = prose.line + text[: match.start()].count("\n")
                complaints.append(_at(page, line, f"{match[0]!r}: {reason}"))
    return complaints


def check_exercises(page: Page) -> list[str]:
    """In a chapter, every objective is exercised and every exercise is solved."""
    if not page.is_chapter:
        return []
    boxes = [d for d in page.directives if d.name == "admonition" and d.argument == "Objectives"]
    objectives = {n for box in boxes for n in re.findall(r"^(\d)\. ", box.body, re.MULTILINE)}
    complaints = [] if objectives else [_at(page, 1, "no numbered list in a box 'Objectives'")]
    exercised = set()
    for exercise in (d for d in page.directives if d.name == "exercise"):
        match = re.match(r"\*Objectives? (\d(?:(?:, | and )\d)*) · \d+ min", exercise.body.strip())
        named = set(re.findall(r"\d", match[1])) if match else set()
        exercised |= named
        if not named or named - objectives:
            complaints.append(_at(page, exercise.line, "exercise names no objective of this page"))
        label = re.escape(exercise.options.get("label", ""))
        solution = rf"\{{solution-start\}} {label}\n(?::.*\n)*:::\n(.+?)^:::\{{solution-end\}}"
        match = re.search(solution, page.text, re.DOTALL | re.MULTILINE)
        if not label or not match or not match[1].strip():
            complaints.append(_at(page, exercise.line, "exercise without a solution"))
    return complaints + [
        _at(page, boxes[0].line, f"objective {number} has no exercise")
        for number in sorted(objectives - exercised)
    ]


def check_cells(page: Page) -> list[str]:
    """Cells are short, run everywhere, and hide nothing."""
    complaints = [
        _at(page, d.line, "a code cell inside another directive never runs")
        for d in page.directives
        if d.name == "code-cell" and d.nested
    ]
    for cell in page.cells:
        if (length := len(cell.body.strip().splitlines())) >= 20:
            complaints.append(_at(page, cell.line, f"a cell of {length} lines; stay under 20"))
        tags = " ".join(cell.options.get("tags") or [])
        for pattern, reason in FORBIDDEN_CODE.items():
            if pattern == "lbfgs" and WRONG_ON_PURPOSE in tags:
                continue
            if match := re.search(pattern, f"{cell.body}\n{tags}", re.MULTILINE):
                complaints.append(_at(page, cell.line, f"{match[0].strip()!r}: {reason}"))
    return complaints


def check_names(page: Page) -> list[str]:
    """A reader who types the page along meets no name that only a removed cell makes."""
    seen, removed, complaints = set(), set(), []
    for cell in page.cells:
        nodes = list(ast.walk(_tree(cell)))
        names = [node for node in nodes if isinstance(node, ast.Name)]
        made = {name.id for name in names if isinstance(name.ctx, ast.Store)}
        made |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        made |= {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
        made |= {a.asname or a.name.split(".")[0] for a in nodes if isinstance(a, ast.alias)}
        if "remove-cell" in (cell.options.get("tags") or []):
            removed |= made
            continue
        complaints += [
            _at(page, cell.line, f"{name} is made in a removed cell only")
            for name in sorted({name.id for name in names} & removed - seen - made)
        ]
        seen |= made
    return complaints


def check_terms(page: Page) -> list[str]:
    """Terms are defined in the glossary, and a chapter links three or more."""
    linked = {}
    for prose in page.prose:
        for name, content in prose.roles:
            if name == "term":
                match = re.fullmatch(r".*<(.+)>", content)
                linked[(match[1] if match else content).lower()] = prose.line
    complaints = [
        _at(page, line, f"term {term!r} is not in the glossary")
        for term, line in linked.items()
        if term not in page.terms
    ]
    if page.is_chapter and len(linked) < 3:
        complaints.append(_at(page, 1, "a chapter links three terms or more to the glossary"))
    return complaints


def check_glossary(page: Page) -> list[str]:
    """Each entry of a glossary is one or more sentences."""
    return [
        f"{page.name}: the definition of {terms[0]!r} is not a sentence"
        for terms, definition in _glossary_entries(page)
        if not re.fullmatch(r".{20,}[.)]", definition, re.DOTALL)
    ]


def check_citations(page: Page) -> list[str]:
    """Every cited key is in the bibliography."""
    return [
        _at(page, prose.line, f"{key.strip()!r} is not in references.bib")
        for prose in page.prose
        for name, content in prose.roles
        if name.startswith("cite")
        for key in content.split(",")
        if key.strip() not in page.sources
    ]


def check_length(page: Page) -> list[str]:
    """A chapter has room for an idea and ends before the reader does.

    Counted is what is read: up to the exercises, without the cells that no reader sees.
    """
    unread = [cell for cell in page.cells if "remove-cell" in cell.options.get("tags", [])]
    hidden = sum(len(cell.body.splitlines()) + 3 for cell in unread)
    length = len(page.text.split("\n## Exercises\n")[0].splitlines()) - hidden
    if page.is_chapter and not 150 <= length <= 520:
        return [f"{page.name}: {length} lines to read; a chapter has 150 to 520"]
    return []


def check_book_contents(root: Path) -> list[str]:
    """Every page is in the table of contents, and nothing else is."""
    listed, present = set(toc_pages(root)), set((root / "content").rglob("*.md"))
    present = {page for page in present if ".ipynb_checkpoints" not in page.parts}  # JupyterLab's
    return [f"{page.relative_to(root)} is not in _toc.yml" for page in sorted(present - listed)] + [
        f"{page.relative_to(root)} does not exist" for page in sorted(listed - present)
    ]


def check_book_files(root: Path) -> list[str]:
    """Every file of data/ and figures/ is mentioned by another file of the book."""
    folders = ("content", "data", "figures", "multilevel", "extensions", "tests")
    paths = [path for folder in folders for path in (root / folder).rglob("*")]
    paths += [root / name for name in ("README.md", "_config.yml", "Makefile")]
    texts = {
        path: path.read_text(encoding="utf-8")
        for path in paths
        if path.suffix in (".md", ".py", ".R", ".yml") or path.name == "Makefile"
    }
    files = [p for folder in ("data", "figures") for p in (root / folder).rglob("*.*")]
    return [
        f"{file.relative_to(root)} is mentioned nowhere"
        for file in sorted(files)
        if "__pycache__" not in file.parts
        and not any(file.name in text for path, text in texts.items() if path != file)
    ]


def check_book_functions(root: Path) -> list[str]:
    """Every public function of the package is used, and not only by its own tests."""
    folders = ("content", "data", "figures", "multilevel")
    paths = [path for folder in folders for path in (root / folder).rglob("*")]
    texts = {p: p.read_text(encoding="utf-8") for p in paths if p.suffix in (".md", ".py")}
    complaints = []
    for module in sorted((root / "multilevel").glob("*.py")):
        for node in ast.parse(texts[module]).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                # neither its own text nor an entry of __all__ is a use
                own = ast.get_source_segment(texts[module], node)
                others = "".join(texts.values()).replace(own, "").replace(f'"{node.name}"', "")
                if not re.search(rf"\b{node.name}\b", others):
                    complaints.append(f"{module.relative_to(root)}: {node.name} is used nowhere")
    return complaints


def check_book_modules(root: Path) -> list[str]:
    """Every module of the package can be read in one go: it has fewer than 250 lines."""
    modules = sorted((root / "multilevel").glob("*.py"))
    lengths = {m: len(m.read_text(encoding="utf-8").splitlines()) for m in modules}
    return [
        f"{module.relative_to(root)}: {length} lines; stay under 250"
        for module, length in lengths.items()
        if length >= 250
    ]
