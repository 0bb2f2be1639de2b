"""Class lists: a CSV with the column ``id``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

EXAMPLE = Path(__file__).with_name("example_class.csv")


def read_class(path: Path = EXAMPLE) -> list[str]:
    """Return the ids of a class.

    Raises
    ------
    ValueError
        If there is no column ``id``, or an id is missing or stands there twice.
    """
    table = pd.read_csv(path, dtype=str)
    if "id" not in table:
        raise ValueError(f"{path} has no column 'id'; name the column with the ids so.")
    ids = table["id"].str.strip()
    if ids.isna().any() or (twice := ids[ids.str.lower().duplicated()]).size:
        which = "an empty id" if ids.isna().any() else f"{twice.iloc[0]!r} twice"
        raise ValueError(f"{path} has {which}; give every student one id.")
    return ids.tolist()
