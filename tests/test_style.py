"""Every page keeps the rules that need no judgement, and every rule is seen to bite."""

from pathlib import Path

import pages
import pytest
import style_checks
from myst import Page

CHECKS = {name: check for name, check in vars(style_checks).items() if name.startswith("check_")}
BOOK_CHECKS = {name for name in CHECKS if name.startswith("check_book_")}
CHAPTER = "content/01-toy.md"
ALT = "Scatter plot of ninety points, severity against will to live."
SOUND = f"""\
---
kernelspec: {{name: python3}}
---
# Three hospitals

:::{{admonition}} Objectives
:class: objectives
After these 45 minutes you can
1. *draw* a line;
2. *name* a slope.
:::

```{{code-cell}} ipython3
---
mystnb:
  image:
    alt: {ALT}
  figure:
    caption: The line rises by {{glue:text}}`rise` on a scale of 0–10, with its 95 % interval.
---
ax = data.plot()
report(rise=num(slope))
```

```{{figure}} ../figures/dag.svg
:alt: {ALT}

Staff quality opens a second path at level 2.
```

The line of Chapter 1, a {{term}}`slope`, rises {{cite:p}}`simpson1951,bates2015`
by $\\beta_1$ with `x = 2.5`.
A {{term}}`level-1 variable` or {{term}}`variables <Level-2 variable>`:
"patients influence each other" is wrong.

| Variable | Level |
|---|---|
| severity | 1 |

:::{{exercise}} Draw
:label: ex-draw
*Objectives 1 and 2 · 5 minutes · easy.*
Draw it.
:::

:::{{solution-start}} ex-draw
:class: dropdown
:::
```{{code-cell}} ipython3
fit_mixed("y ~ x", data=data, groups="hospital")
```
:::{{solution-end}}
:::
{"% the line that makes a chapter long enough" + chr(10)}"""
KNOWN = {
    "drawing": frozenset({0}),
    "terms": frozenset({"slope", "level-1 variable", "level-2 variable"}),
    "sources": frozenset({"simpson1951", "bates2015"}),
}
GLOSSARY = "```{glossary}\nslope\n  By how much a line rises per unit.\n```\n"


def cell(code: str, options: str = "") -> str:
    return f"```{{code-cell}} ipython3\n{options}{code}\n```\n"


def problems_of(check: str, text: str) -> list[str]:
    return CHECKS[check](Page(CHAPTER, text, **KNOWN))


@pytest.mark.parametrize("check", sorted(CHECKS.keys() - BOOK_CHECKS))
def test_every_page_keeps_the_rule(check):
    complaints = [c for page in style_checks.load_pages(pages.ROOT) for c in CHECKS[check](page)]
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("check", sorted(BOOK_CHECKS))
def test_the_book_keeps_the_rule(check):
    complaints = CHECKS[check](pages.ROOT)
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("check", sorted(CHECKS.keys() - BOOK_CHECKS))
def test_a_sound_page_passes(check):
    text = SOUND + GLOSSARY + "% long enough\n" * 150
    assert problems_of(check, text) == []


# (check, what is sound, what is wrong, what is said); an empty first text: the fault is added
FAULTS = [
    ("check_figures", f"    alt: {ALT}\n", "    alt: A line.\n", "is not a sentence"),
    ("check_figures", f"\n:alt: {ALT}", "", "alt text '' is not a sentence"),
    ("check_figures", f":alt: {ALT}", ":alt: The picture that lies in ../figures/dag.svg.", "file"),
    ("check_figures", "    caption: ", "    name: ", "figure without a caption"),
    ("check_figures", "Staff quality opens a second path at level 2.", "", "without a caption"),
    ("check_figures", "", "![dag.svg](dag.svg)", "'dag.svg' is not a sentence"),
    ("check_mixed_models", "", cell("smf.mixedlm('y ~ x', d).fit()"), "fit_mixed"),
    ("check_mixed_models", "", cell("m = MixedLM(y, x)\nr = m.fit()"), "fit_mixed"),
    ("check_mixed_models", "", cell("MixedLM.from_formula(f, d).fit()"), "fit_mixed"),
    ("check_mixed_models", "", cell("m: MixedLM = MixedLM(y, x)\nr = m.fit()"), "fit_mixed"),
    ("check_mixed_models", "", cell("print(m := MixedLM(y, x))\nr = m.fit()"), "fit_mixed"),
    ("check_numbers", "", "The slope is −2.7.", "number −2.7 is typed"),
    ("check_numbers", "", "About 30 patients.", "number 30 is typed"),
    ("check_numbers", "", "Some 2000 patients.", "number 2000 is typed"),
    ("check_numbers", "", "# A slope of 2.3", "number 2.3 is typed"),
    ("check_numbers", "", "$\\hat\\beta = 2.34$", "number 2.34 in maths"),
    ("check_numbers", "", "$$\nb = 2.34\n$$", "number 2.34 in maths"),
    ("check_numbers", "", ":::{tip} Only 3\n:::", "number 3 is typed"),
    ("check_numbers", "caption: The line rises", "caption: Up 7", "number 7 is typed"),
    ("check_numbers", "Scatter plot of ninety", "Scatter plot of 90", "number 90 is typed"),
    ("check_numbers", "| severity | 1 |", "| severity | 1.5 |", "number 1.5 is typed"),
    ("check_glue", "", "It is {glue:text}`fall`.", "fall is used but never reported"),
    ("check_glue", "report(rise=", "report(fall=num(1), rise=", "fall is reported but never used"),
    ("check_phrases", "", "Patients influence\none another.", "B1"),
    ("check_phrases", "", "A random intercept removes the paradox.", "B4"),
    ("check_phrases", "", "The variance explained by hospital.", "B8"),
    ("check_phrases", "", "Then clustering can be ignored.", "B8"),
    ("check_phrases", "", "The outcome must be normal.", "B25"),
    ("check_phrases", "", "It gave *p* = .000 then.", "B27"),
    ("check_phrases", "", "This proves it.", "prove nothing"),
    ("check_phrases", "", "So we accept the null.", "rejects"),
    ("check_phrases", "", "It provides poor-quality care.", "asserted"),
    ("check_phrases", "", "Obviously so.", "drop the word"),
    ("check_exercises", "admonition} Objectives", "admonition} Aims", "no numbered list"),
    ("check_exercises", "Objectives 1 and 2 ·", "Objective 1 ·", "objective 2 has no exercise"),
    ("check_exercises", "*Objectives 1 and 2 · 5 minutes · easy.*", "", "names no objective"),
    ("check_exercises", "1 and 2 ·", "1 and 3 ·", "names no objective of this page"),
    ("check_exercises", "{solution-start} ex-draw", "{solution-start} other", "without a solution"),
    ("check_cells", "", cell("x = 1\n" * 20), "a cell of 20 lines"),
    ("check_cells", "", f":::{{tip}} T\n{cell('x = 1')}:::\n", "never runs"),
    ("check_cells", "", cell("%pip install x"), "magics and shell lines"),
    ("check_cells", "", cell("!pip install x"), "magics and shell lines"),
    ("check_cells", "", cell("pd.read_csv('https://x.org/d.csv')"), "network"),
    ("check_cells", "", cell("sm.datasets.get_rdataset('dietox')"), "network"),
    ("check_cells", "", cell("np.random.seed(1)"), "default_rng"),
    ("check_cells", "", cell("warnings.filterwarnings('ignore')"), "silenced"),
    ("check_cells", "", cell("model.fit(method='lbfgs')"), "A1"),
    ("check_cells", "", cell("x = 1", ":tags: [nbval-ignore-output]\n"), "compared"),
    ("check_names", "", cell("b = 1", ":tags: [remove-cell]\n") + cell("print(b)"), "b is made"),
    ("check_terms", "{term}`slope`", "{term}`slop`", "'slop' is not in the glossary"),
    ("check_terms", "{term}`slope`", "slope", "three terms or more"),
    ("check_glossary", "", "```{glossary}\nslope\n  See there.\n```\n", "not a sentence"),
    ("check_glossary", "", "```{glossary}\nslope\n\nbias\n  What is always off.\n```\n", "'slope'"),
    ("check_citations", "bates2015", "bates2051", "'bates2051' is not in references.bib"),
    ("check_length", "", "", "a chapter has 150 to 520"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "sound", "fault", "message"), FAULTS)
def test_the_rule_bites_on_a_planted_fault(check, sound, fault, message):
    assert sound in SOUND
    text = SOUND.replace(sound, fault, 1) if sound else f"{SOUND}\n{fault}\n"
    assert any(message in complaint for complaint in problems_of(check, text))


BOOK = {
    "_toc.yml": "root: content/a\n",
    "_config.yml": "",
    "Makefile": "",
    "README.md": "",
    "content/a.md": "```{code-cell}\nread('../data/a.csv')\nsimulate_it()\n```\n",
    "data/a.csv": "",
    "multilevel/simulate.py": "def simulate_it():\n    return 1\n",
}


def write_book(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize("check", sorted(BOOK_CHECKS))
def test_a_sound_book_passes(tmp_path, check):
    assert CHECKS[check](write_book(tmp_path, BOOK)) == []


BOOK_FAULTS = [
    ("check_book_contents", {"content/b.md": ""}, "content/b.md is not in _toc.yml"),
    ("check_book_contents", {"_toc.yml": "root: content/c\n"}, "content/c.md does not exist"),
    ("check_book_files", {"data/b.csv": ""}, "data/b.csv is mentioned nowhere"),
    ("check_book_files", {"figures/b.svg": "b.svg"}, "figures/b.svg is mentioned nowhere"),
    (
        "check_book_functions",
        {"multilevel/plots.py": '__all__ = ["plot_it"]\n\n\ndef plot_it():\n    plot_it()\n'},
        "multilevel/plots.py: plot_it is used nowhere",
    ),
    (
        "check_book_modules",
        {"multilevel/plots.py": "# one line\n" * 250},
        "multilevel/plots.py: 250 lines; stay under 250",
    ),
]


@pytest.mark.parametrize(("check", "files", "message"), BOOK_FAULTS)
def test_the_rule_bites_on_a_fault_planted_in_a_book(tmp_path, check, files, message):
    assert message in CHECKS[check](write_book(tmp_path, BOOK | files))


def test_every_rule_has_a_planted_fault():
    assert {check for check, *_ in FAULTS + BOOK_FAULTS} == set(CHECKS)


@pytest.mark.parametrize("kind", ["FORBIDDEN_PHRASES", "FORBIDDEN_CODE"])
def test_every_forbidden_text_has_a_planted_fault(kind):
    check = "check_phrases" if kind == "FORBIDDEN_PHRASES" else "check_cells"
    said = [c for name, _, fault, _ in FAULTS if name == check for c in problems_of(name, fault)]
    for reason in vars(style_checks)[kind].values():
        assert any(reason in complaint for complaint in said), reason


def test_a_cell_that_shows_a_wrong_fit_says_so_by_its_tag():
    wrong = "smf.mixedlm('y ~ x', d).fit(method='lbfgs')"
    tagged = cell(wrong, ":tags: [wrong-on-purpose]\n")
    assert problems_of("check_mixed_models", tagged) == problems_of("check_cells", tagged) == []
    assert problems_of("check_mixed_models", cell(wrong))
    assert problems_of("check_cells", cell(wrong))


def test_a_number_of_another_page_is_left_to_the_build():
    text = f"{SOUND}\nIt falls by {{glue:text}}`../02-toy.md::fall:s`.\n"
    assert problems_of("check_glue", text) == []


def test_a_name_of_a_removed_cell_may_be_made_in_sight_too():
    removed = cell("b = 1", ":tags: [remove-cell]\n")
    assert problems_of("check_names", removed + cell("b = 2\nprint(b)") + cell("print(b)")) == []
    assert problems_of("check_names", removed + cell("print(b)") + cell("b = 2"))


def test_a_complaint_names_the_line_of_its_fault():
    text = SOUND.replace("Draw it.", "Draw it.\nDraw 7.")
    line = text.splitlines().index("Draw 7.") + 1
    assert problems_of("check_numbers", text) == [
        f"{CHAPTER}:{line}: number 7 is typed, not computed"
    ]
