"""Run a submission and write down what it answers: numbers and short texts, and nothing else of it.

``python -m assessment.collect NOTEBOOK COLLECTED.json NAME...``, with the names of the answers.
Whoever grades starts it as a process that can be killed; the file is written after every cell, so
the answers above an endless loop count. It holds ``answers`` by name, and in ``errors`` what cells
raised.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

PLAIN = (bool, int, float, str)
LONG = 1000
"""No answer has as many letters, or binary digits."""


class Shell(InteractiveShell):
    """A shell for which ``%matplotlib inline`` is no error, as in a notebook."""

    def enable_gui(self, gui: str | None = None) -> None:
        pass


def plain(values: dict[str, object], names: list[str]) -> dict[str, object]:
    """Return the values of names that are a number or a short text, as Python's own.

    An array or a Series of one number is that number: `check` takes it for one, too.
    """
    found = {}
    for name in filter(values.__contains__, names):
        value = values[name]
        if isinstance(value, np.generic | np.ndarray | pd.Series | pd.DataFrame):
            value = np.asarray(value).item() if value.size == 1 else None
        if type(value) in PLAIN:
            size = value.bit_length() if isinstance(value, int) else len(str(value))
            found |= {name: value} if size < LONG else {}
    return found


def main(notebook: Path, collected: Path, names: list[str]) -> None:
    cells = nbformat.reads(notebook.read_text(encoding="utf-8-sig"), as_version=4).cells
    shell = Shell.instance(config=Config(HistoryManager={"enabled": False}))
    errors = []
    for number, cell in enumerate([c for c in cells if c.cell_type == "code"], start=1):
        ran = shell.run_cell(cell.source)  # prints an error, and goes on
        if error := ran.error_before_exec or ran.error_in_exec:
            errors.append(f"code cell {number}: {type(error).__name__}: {error}"[:200])
        written = json.dumps({"answers": plain(shell.user_ns, names), "errors": errors})
        whole = collected.with_suffix(".new")  # or a kill while writing would lose it all
        whole.write_text(written, encoding="utf-8")
        whole.replace(collected)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
