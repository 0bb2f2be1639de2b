"""The build is reproducible, and red when anything is wrong with a page."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pages
import pytest

BOOK = "jupyter-book build . -W -n --keep-going"
SLIDES = "sphinx-build -b revealjs -W -n -E -q -d _build/.slides slides _build/html/slides"
SOUND = """\
---
jupytext: {formats: "md:myst", text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
---
# A page

See {ref}`here`.

(here)=
## Here

```{code-cell} ipython3
print("six times seven is", 6 * 7)
```
"""


def copy_book(target: Path) -> Path:
    """Copy what git knows or would add, and nothing that was made."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.check_output(listed, cwd=pages.ROOT, text=True).split("\0")
    for name in names:
        if (pages.ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(pages.ROOT / name, target / name)
    return target


def build(root: Path, step: str = BOOK) -> tuple[int, str]:
    """Take a step of the Makefile's; return the exit code and what was said."""
    program, *arguments = step.split()
    command = [Path(sys.executable).parent / program, *arguments]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def fingerprints(site: Path) -> dict[str, str]:
    """Return the hash of every file of a site, by its path."""
    return {
        path.relative_to(site).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(site.rglob("*"))
        if path.is_file()
    }


def test_the_makefile_builds_with_the_commands_that_are_tested_here():
    assert f"\t$(BIN)/{BOOK}\n\t$(BIN)/{SLIDES}\n" in (pages.ROOT / "Makefile").read_text()


def test_a_clean_build_elsewhere_gives_the_same_bytes(tmp_path, monkeypatch):
    if "SOURCE_DATE_EPOCH" not in os.environ:  # pytest was not called by make, which sets it
        show = ["make", "--no-print-directory", "--eval", "epoch: ; @echo $$SOURCE_DATE_EPOCH"]
        epoch = subprocess.check_output([*show, "epoch"], cwd=pages.ROOT, text=True).strip()
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    elsewhere = copy_book(tmp_path / "elsewhere")
    if (pages.ROOT / ".live").is_dir():  # made by 'make live', which has tests of its own
        (elsewhere / ".live").symlink_to(pages.ROOT / ".live")
    for step in (BOOK, SLIDES):
        code, said = build(elsewhere, step)
        assert code == 0, said
    here = fingerprints(pages.ROOT / "_build/html")
    there = fingerprints(tmp_path / "elsewhere/_build/html")
    different = sorted(name for name in here | there if here.get(name) != there.get(name))
    assert not different, (
        f"stale _build (run 'make site' without it), or a time or path in {different}"
    )


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """Make a book of one page with this book's own configuration."""
    root = copy_book(tmp_path / "toy")
    shutil.rmtree(root / "content")
    (root / "_toc.yml").write_text("format: jb-book\nroot: content/toy\n")
    (root / "content").mkdir()
    (root / "content/toy.md").write_text(SOUND)
    return root


def test_a_sound_page_is_built(toy):
    code, said = build(toy)
    assert code == 0, said
    html = (toy / "_build/html/content/toy.html").read_text()
    assert "six times seven is 42" in html
    assert "pages are built without 'Edit and run'" in said and "live-bar" not in html


@pytest.mark.parametrize(
    ("sound", "fault", "message"),
    [
        ("6 * 7", "6 / 0", "ZeroDivisionError"),
        ("6 * 7)", "6 * 7)\nimport warnings\nwarnings.warn('Look out')", "stderr"),
        ("{ref}`here`", "{ref}`nowhere`", "undefined label: 'nowhere'"),
        ("{ref}`here`", "{term}`nowhere`", "term not in glossary: 'nowhere'"),
        ("{ref}`here`", "{glue:text}`nowhere`", "No key 'nowhere'"),
        (
            "\n(here)=",
            "\n```{explorable} nowhere\nSee.\n```\n(here)=",
            "There is no preset 'nowhere'",
        ),
        ("\n(here)=", "\n```{explorable} paradox\n```\n(here)=", "one paragraph of caption"),
        ("\n(here)=", "\n```{self-check} nowhere\n```\n(here)=", "nowhere.yml"),
    ],
    ids=[
        "a failing cell",
        "a cell that warns",
        "a broken link",
        "a lost term",
        "a lost number",
        "an unknown explorable",
        "an explorable without a caption",
        "a self-check without questions",
    ],
)
def test_a_planted_fault_turns_the_build_red(toy, sound, fault, message):
    page = toy / "content/toy.md"
    page.write_text(page.read_text().replace(sound, fault))
    code, said = build(toy)
    assert code != 0
    assert message in said
