"""Run a submission and write down what it answers: numbers and texts, and nothing else of it.

``python -m assessment.collect NOTEBOOK ANSWERS.json``. Whoever grades starts it as a process that
can be killed; the answers are written after every cell, so those above an endless loop count.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nbformat
import numpy as np
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

PLAIN = (bool, int, float, str)


def plain(values: dict[str, object]) -> dict[str, object]:
    """Return the values that are a number or a text, as Python's own, by their names.

    An array of one number is that number: `check` takes it for one, too.
    """
    values = {
        n: v.item() if isinstance(v, np.generic | np.ndarray) and v.size == 1 else v
        for n, v in values.items()
    }
    return {n: v for n, v in values.items() if type(v) in PLAIN and not n.startswith("_")}


def main(notebook: Path, answers: Path) -> None:
    config = Config(HistoryManager={"enabled": False})
    shell = InteractiveShell.instance(config=config)
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "code":
            shell.run_cell(cell.source)  # prints an error, and goes on
            answers.write_text(json.dumps(plain(shell.user_ns)), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
