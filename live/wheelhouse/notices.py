"""Say what the wheelhouse contains, whose it is, and under which licence."""

from __future__ import annotations

import email
import re
import zipfile
from pathlib import Path

from live.wheelhouse.sources import PYODIDE

LICENCES = Path(__file__).with_name("licences")
HEAD = f"""\
This folder contains software of others, which runs Python in the browser.

Pyodide {PYODIDE}, licence MPL-2.0 (https://www.mozilla.org/MPL/2.0/)
    Source: https://github.com/pyodide/pyodide/tree/{PYODIDE}
    pyodide.js, pyodide.mjs and pyodide.asm.js are changed: live/wheelhouse/runtime.py in the
    source of this book makes the changes and says what they are.
    It contains CPython (below) and runtime libraries of Emscripten (licence MIT).
"""
FILE = re.compile(r"(^|/)(LICEN[CS]E|COPYING|NOTICE)[^/]*$", re.IGNORECASE)


def licence_name(metadata: email.message.Message) -> str:
    """Return the licence that a wheel's METADATA names, in the newest of its three places."""
    short = (metadata.get("License-Expression") or metadata.get("License") or "").strip()
    if short and "\n" not in short and len(short) < 60:
        return short
    classes = [line.split(" :: ")[-1] for line in metadata.get_all("Classifier", [])]
    named = [name for name in classes if "License" in name or "licence" in name]
    return ", ".join(named) or "see its text"


def notice(name: str, wheel: Path) -> str:
    """Return the notice of one wheel: name, version, licence, and the texts that it ships."""
    with zipfile.ZipFile(wheel) as files:
        about = next(path for path in files.namelist() if path.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(files.read(about))
        texts = {files.read(path).decode() for path in files.namelist() if FILE.search(path)}
    title = f"{name} {metadata['Version']}, licence {licence_name(metadata)}"
    return _section(title, sorted(texts))


def _section(title, texts):
    rule = "-" * 80
    return "\n".join([rule, title, rule, "", *(f"{text.strip()}\n" for text in texts)])


def text(wheels: dict[str, Path], fzstd: bytes) -> str:
    """Return the notices of all wheels, by name, and of what is not a wheel."""
    sections = [
        HEAD,
        _section("CPython 3.13, licence PSF-2.0", [(LICENCES / "LICENSE-Python.txt").read_text()]),
        _section("fzstd, licence MIT", [fzstd.decode()]),
    ]
    for name, wheel in sorted(wheels.items()):
        if wheel.suffix == ".whl":
            sections.append(notice(name, wheel))
        else:
            file = LICENCES / "LICENSE-OpenBLAS.txt"
            sections.append(_section("OpenBLAS, licence BSD-3-Clause", [file.read_text()]))
    return "\n".join(sections)
