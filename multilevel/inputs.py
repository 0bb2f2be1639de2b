"""What a data frame must be like before a mixed model can be fitted to it."""

from __future__ import annotations

import keyword
import warnings
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

import numpy as np
import pandas as pd
from statsmodels.regression.mixed_linear_model import MixedLM

# Of an orthonormal column no more than this may be taken for rounding.
_ROUNDING = 3e-7


class MissingRowsWarning(UserWarning):
    """Rows with a missing value were left out, as asked."""


def usable_rows(data: pd.DataFrame, used: Mapping[str, str], *, missing: str) -> pd.DataFrame:
    """Return the rows of ``data`` that can be used, as a copy.

    Parameters
    ----------
    data : pandas.DataFrame
        One row a patient.
    used : mapping of str to str
        Columns that the model needs, and the argument that asks for each.
    missing : {"raise", "drop"}
        What to do with missing values.

    Raises
    ------
    ValueError
        If a column is absent, not finite, or misses values that are not to be dropped.
    """
    if missing not in ("raise", "drop"):
        raise ValueError(f'missing is {missing!r}; choose "raise" or "drop".')
    for column, source in used.items():
        if column not in data.columns:
            near = get_close_matches(column, map(str, data.columns), n=3, cutoff=0.5)
            there = ", ".join(map(repr, near or data.columns))
            hint = f"did you mean {there}?" if near else f"its columns are {there}."
            raise ValueError(f"The data have no column {column!r} (from {source}); {hint}")
        bare = column.isidentifier() and not keyword.iskeyword(column)
        if not bare and source in ("outcome", "predictor", "group"):
            raise ValueError(f"Column {column!r} cannot stand in a formula; rename it.")
        if isinstance(data[column], pd.DataFrame):
            raise ValueError(f"The data have several columns {column!r}; rename or remove them.")
    absent = data[list(used)].isna()
    counts = absent.sum()
    incomplete = absent.any(axis="columns").to_numpy()
    if incomplete.any():
        said = ", ".join(f"{name!r} ({count})" for name, count in counts[counts > 0].items())
        said = f"{incomplete.sum()} of {len(data)} rows miss a value: {said}"
        if missing == "raise":
            raise ValueError(f'{said}. Fill them in, or leave these rows out by missing="drop".')
        warnings.warn(f"{said}; they are left out.", MissingRowsWarning, stacklevel=3)
    frame = data.loc[~incomplete, list(used)].copy()
    if frame.empty:
        raise ValueError(f"No rows are left of {len(data)}; a model needs data.")
    for column, source in used.items():
        _check_kind(frame[column], column, grouping=source in ("groups", "group"))
        # A category that no row has would become a predictor that is zero throughout.
        if isinstance(frame[column].dtype, pd.CategoricalDtype):
            frame[column] = frame[column].cat.remove_unused_categories()
        if pd.api.types.is_numeric_dtype(frame[column]):
            infinite = np.isinf(frame[column].to_numpy(float)).sum()
            if infinite:
                raise ValueError(
                    f"Column {column!r} holds {infinite} infinite value(s); "
                    "correct them, or set them to missing."
                )
    return frame


def _check_kind(values: pd.Series, column: str, *, grouping: bool) -> None:
    """Raise ``ValueError`` for dates and complex numbers, of which no regression is made."""
    kind = values.dtype
    if pd.api.types.is_complex_dtype(kind):
        raise ValueError(f"Column {column!r} holds complex numbers; take their real part.")
    if not grouping and (getattr(kind, "kind", "O") in "mM" or isinstance(kind, pd.PeriodDtype)):
        raise ValueError(
            f"Column {column!r} holds dates or times (dtype {kind}); convert them to a number, "
            "such as days since admission."
        )


def check_numeric(frame: pd.DataFrame, columns: Iterable[str]) -> None:
    """Raise ``ValueError`` if a column holds anything but numbers."""
    for column in columns:
        kind = frame[column].dtype
        if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind):
            way = ".astype(int)" if pd.api.types.is_bool_dtype(kind) else "pandas.to_numeric"
            raise ValueError(
                f"Column {column!r} does not hold numbers (dtype {kind}); convert it, "
                f"for example with {way}."
            )


def check_groups(labels: Sequence, n_rows: int, name: str, *, crossed: bool = False) -> None:
    """Raise ``ValueError`` unless there are two groups or more, one of them with two rows.

    Crossed effects are fitted in one constant group, which is then as it should be.
    """
    if len(labels) == 1 and not crossed:
        raise ValueError(
            f"Column {name!r} has a single group ({labels[0]!r}); variance between groups "
            "needs two or more. Choose another grouping column, or fit ordinary least squares."
        )
    if len(labels) == n_rows:
        raise ValueError(
            f"Column {name!r} has one observation in each group, so variance within and between "
            "groups cannot be told apart; choose a coarser grouping column."
        )


def check_design(model: MixedLM, formula: str, group: str) -> None:
    """Raise ``ValueError`` if outcome and fixed effects leave nothing to estimate.

    Parameters
    ----------
    model : statsmodels.regression.mixed_linear_model.MixedLM
        Built, not fitted.
    formula, group : str
        For the message.
    """
    y, x, outcome = model.endog, model.exog, repr(model.endog_names)
    matrices = {"the outcome": y, "a predictor": x, "a random effect": model.exog_re}
    for what, values in matrices.items():
        if values is not None and not np.isfinite(values).all():
            raise ValueError(f"{formula!r} makes {what} infinite; look at logarithms and ratios.")
    if np.ptp(y) == 0:
        raise ValueError(f"Outcome {outcome} is constant ({y[0]}); choose one that varies.")
    if all(np.ptp(part) == 0 for part in model.endog_li) and len(model.endog_li) > 1:
        raise ValueError(
            f"Outcome {outcome} is constant in every group of {group!r}, so nothing varies within "
            "groups; analyse one row a group by ordinary least squares."
        )
    surplus = _dependent(x, model.exog_names)
    if surplus:
        raise ValueError(
            f"Predictor {surplus!r} is a linear combination of those before it in {formula!r}, "
            "so its effect is not defined; leave one of them out."
        )
    surplus = _dependent(model.exog_re, model.data.exog_re_names) if model.k_re else None
    if surplus:
        raise ValueError(
            f"Random effect {surplus!r} is zero, or a linear combination of those before it in "
            "re_formula, so its variance is not defined; leave it out."
        )
    of_groups = _columns_of_groups(model)
    if of_groups >= len(model.group_labels):
        raise ValueError(
            f"{formula!r} has {of_groups} columns that describe {group!r} (the intercept counts as "
            f"one), and there are only {len(model.group_labels)} groups to describe, so nothing is "
            "left to vary between them; use fewer of these predictors, or another grouping column."
        )
    residual = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    if len(y) <= x.shape[1] or np.linalg.norm(residual) <= 1e-9 * np.linalg.norm(y - y.mean()):
        raise ValueError(
            f"The predictors explain outcome {outcome} exactly, so no variance is left to share "
            "out; use fewer predictors, and none that the outcome was computed from."
        )


def _columns_of_groups(model: MixedLM) -> int:
    """Count fixed effects that are constant in groups, if intercepts vary between these.

    Combinations of columns count too: a predictor and what it is without its groups' means.
    """
    x, n_groups = model.exog, len(model.group_labels)
    intercepts = model.k_re and (np.ptp(model.exog_re, axis=0) == 0).any()
    if not intercepts or x.shape[1] < n_groups:
        return 0
    parts = [model.row_indices[label] for label in model.group_labels]
    basis = np.linalg.qr(x / np.linalg.norm(x, axis=0))[0]
    within = np.concatenate([basis[part] - basis[part].mean(axis=0) for part in parts])
    return x.shape[1] - np.linalg.matrix_rank(within, tol=_ROUNDING)


def _dependent(x: np.ndarray, names: Sequence[str]) -> str | None:
    """Return the first column that is a linear combination of those before it."""
    lengths = np.sqrt((x**2).sum(axis=0))
    scaled = x / np.where(lengths > 0, lengths, 1)
    ranks = (np.linalg.matrix_rank(scaled[:, : k + 1], tol=1e-10) for k in range(x.shape[1]))
    return next(
        (name for k, (name, rank) in enumerate(zip(names, ranks, strict=True)) if rank <= k), None
    )
