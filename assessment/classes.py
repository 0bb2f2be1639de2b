"""Class lists: a CSV with the column ``id``."""

from __future__ import annotations

import csv
import re
from pathlib import Path

EXAMPLE = Path(__file__).with_name("example_class.csv")


def read_class(path: Path = EXAMPLE) -> list[str]:
    """Return the ids of a class.

    Raises
    ------
    ValueError
        If there is no column ``id``, a line has more or fewer fields than the heading, or an id is
        missing, stands there twice, or is not of letters, digits and hyphens.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not in UTF-8; Excel saves it as 'CSV UTF-8'.") from error
    semicolons = bool(lines) and ";" in lines[0]  # Excel's commas, where the comma is decimal
    rows = csv.reader(lines, delimiter=";" if semicolons else ",")
    heading = [name.strip() for name in next(rows, [])]
    if "id" not in heading:
        raise ValueError(f"{path} has no column 'id'; name the column with the ids so.")
    ids: dict[str, str] = {}
    for row in filter(None, rows):
        if len(row) != len(heading):
            raise ValueError(
                f"{path}, line {rows.line_num}: {len(row)} fields below a heading of "
                f"{len(heading)}; write a field that holds the separator in quotes."
            )
        student = row[heading.index("id")].strip()
        if not re.fullmatch(r"([^\W_]|-)+", student):
            raise ValueError(
                f"{path}, line {rows.line_num}: {student!r} is no id; give every student one of "
                "letters, digits and hyphens."
            )
        if student.lower() in ids:
            raise ValueError(f"{path} has {student!r} twice; give every student one id.")
        ids[student.lower()] = student
    if not ids:
        raise ValueError(f"{path} has no id below its heading.")
    return list(ids.values())
