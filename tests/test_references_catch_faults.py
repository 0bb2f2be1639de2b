"""Faults planted in a small book: each must turn a plain ``pytest`` red, for its own reason."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pages
import pytest

PAGE = """\
```{code-cell} ipython3
from pathlib import Path

from IPython.display import SVG, display

from multilevel.report import report
```

```{code-cell} ipython3
numbers = [int(line) for line in Path("../data/toy.csv").read_text().split()]
numbers
```

```{code-cell} ipython3
report(total=f"{sum(numbers)}")
```

```{code-cell} ipython3
if len(numbers) > 1:
    display(SVG(f"<svg xmlns='http://www.w3.org/2000/svg' id='{id(numbers)}'></svg>"))
Path
```
"""
FORGOTTEN = "code cell 1 has no current reference"
# page: (where its fault is planted, the sound text, the fault, the test that fails, its message)
FAULTS = {
    "number-in-data": ("data/{}.csv", "2", "3", "Cell 1", "Cell outputs differ"),
    "broken-cell": ("content/{}.md", "\nnumbers\n", "\nnumbers / 0\n", "Cell 1", "TypeError"),
    "edited-cell": ("content/{}.md", "\nnumbers\n", "\nnumbers[:]\n", "fresh", FORGOTTEN),
    "number-in-sentence": ("{}", "total = 3", "total = 4", "Cell 2", "Cell outputs differ"),
    "glued-number": ("{}", "'3'", "'4'", "Cell 2", "Cell outputs differ"),
    "vanished-figure": ("data/{}.csv", "2", "", "Cell 3", "Missing output fields"),
    "type-of-output": ("{}", "image/svg+xml", "text/latex", "Cell 3", "Missing output fields"),
    "deleted-page": ("_toc.yml", "{}", "sound", "fresh", "deleted-page.ipynb: no page has this"),
}


def make_book(root: Path) -> None:
    """Make a book of equal pages with current references, each page with data of its own."""
    for folder in ("content", "data", "tests"):
        (root / folder).mkdir(parents=True)
    for name in ("conftest.py", "pages.py", "sanitize.cfg", "test_references.py"):
        shutil.copy(pages.ROOT / "tests" / name, root / "tests")
    shutil.copy(pages.ROOT / "pyproject.toml", root)
    (root / "_toc.yml").write_text("root: content/toy\n")
    (root / "content/toy.md").write_text(PAGE)
    (root / "data/toy.csv").write_text("1\n2\n")
    pages.store_references(root)
    for name in ["sound", *FAULTS]:
        for file in ("content/{}.md", "data/{}.csv", "tests/reference/{}.ipynb"):
            text = (root / file.format("toy")).read_text()
            (root / file.format(name)).write_text(text.replace("toy.csv", f"{name}.csv"))
    chapters = "".join(f"- file: content/{name}\n" for name in ["sound", *FAULTS])
    (root / "_toc.yml").write_text(f"root: content/toy\nchapters:\n{chapters}")


@pytest.fixture(scope="module")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Plant every fault, run a plain pytest once, and return what each failed test said."""
    root = tmp_path_factory.mktemp("toy") / "book"
    make_book(root)
    for page, (file, sound, fault, *_) in FAULTS.items():
        path = root / ("tests/reference/{}.ipynb" if file == "{}" else file).format(page)
        text, sound = path.read_text(), sound.format(page)
        assert sound in text
        path.write_text(text.replace(sound, fault))
    # without workers, which take longer to start than these cells to run
    command = [sys.executable, "-m", "pytest", "-n", "0", "--color", "no", "--junitxml", "said.xml"]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout + run.stderr
    cases = ElementTree.parse(root / "said.xml").iter("testcase")
    return {
        f"{case.get('classname')} {case.get('name')}": failure.text
        for case in cases
        if (failure := case.find("failure")) is not None
    }


@pytest.mark.parametrize("page", FAULTS)
def test_a_planted_fault_turns_its_own_test_red_for_its_own_reason(failures, page):
    *_, cell, message = FAULTS[page]
    name = "every_code_cell_has_a_current_reference" if cell == "fresh" else f"{page}.ipynb {cell}"
    said = [text for test, text in failures.items() if name in test]
    assert said, f"nothing failed at {name}; these did: {list(failures)}"
    assert message in said[0]


def test_pages_without_a_fault_pass(failures):
    assert not [test for test in failures if re.search(r"\b(sound|toy)\b", test)]
