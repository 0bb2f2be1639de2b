"""What arrays must be like before a mixed model can be fitted to them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from multilevel.inputs import check_groups

# Numbers must be smaller, since a variance is divided by a square, of numbers as small as 1 / this.
_GIANT = 1e70


def check_rows(**parts: object) -> None:
    """Raise ``ValueError`` unless all have the same rows: they are used by position."""
    given = {name: part for name, part in parts.items() if name != "slope" or part is not None}
    x = given["X"]
    for name, part in given.items():
        shape = np.shape(part)
        most = 2 if name in ("X", "y") else 1
        if shape[:1] != np.shape(x)[:1] or 0 in shape or len(shape) > most:
            raise ValueError(
                f"{name} has shape {shape} and X {np.shape(x)}; give one row a patient."
            )
        kinds = pd.Series, pd.DataFrame
        if isinstance(part, kinds) and isinstance(x, kinds) and not part.index.equals(x.index):
            raise ValueError(
                f"The rows of {name} and X are labelled differently; take both from one data "
                "frame, or pass .to_numpy() if their order is right."
            )


def labels_of(groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each patient's row in the sorted labels, and these."""
    # Of a list and a masked array pandas keeps what is missing, if it makes a series of them.
    plain = hasattr(groups, "dtype") and not np.ma.isMaskedArray(groups)
    labels = groups if plain else pd.Series(groups)
    name = getattr(groups, "name", None)
    name = "groups" if name is None else str(name)
    code, hospitals = pd.factorize(labels, sort=True)
    if code.min() < 0:
        raise ValueError(
            f"Column {name!r} misses {(code < 0).sum()} label(s); fill them in or remove the rows."
        )
    check_groups(hospitals, len(code), name)
    return code, np.asarray(hospitals)


def numbers(values: np.ndarray, name: str) -> np.ndarray:
    """Return finite numbers in columns, none of which is too large or small to be squared twice."""
    masked = np.ma.isMaskedArray(values)
    array = values.astype(object).filled(np.nan) if masked else np.asarray(values)
    try:
        if array.dtype.kind == "O" and not any(isinstance(value, str) for value in array.flat):
            array = np.where(pd.isna(array), np.nan, array)  # missing values of pandas
        elif array.dtype.kind not in "biuf":
            raise TypeError(array.dtype)
        array = array.astype(float, copy=False).reshape(len(array), -1)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} does not hold numbers; convert it, or code it 0/1.") from error
    squares = np.einsum("nc,nc->c", array, array)
    for column in (~((squares > _GIANT**-2) & (squares < _GIANT**2))).nonzero()[0].tolist():
        label = values.columns[column] if isinstance(values, pd.DataFrame) else column
        count = np.count_nonzero(~np.isfinite(array[:, column]))
        if count:
            raise ValueError(
                f"Column {label!r} of {name} holds {count} value(s) that are missing or "
                "infinite; fill them in or remove the rows."
            )
        largest = np.abs(array[:, column]).max()
        if largest > 0:
            only = "only " if largest < 1 else ""
            raise ValueError(
                f"Column {label!r} of {name} reaches {only}{largest:.3g}; use another unit."
            )
    return array
