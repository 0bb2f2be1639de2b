"""Read arrays for a mixed model, and reduce them to sums over each hospital."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from multilevel.inputs import check_groups


class Arrays(NamedTuple):
    """Checked data of N patients in J hospitals: R outcomes, p predictors, k random effects.

    Predictors and random effects are given in orthonormal columns, because raw cross-products
    of uncentred data lose half of their digits. ``basis @ triangle`` are the predictors as they
    came, ``columns @ rotation`` those of the random effects.
    """

    basis: np.ndarray  # (N, p)
    triangle: np.ndarray  # (p, p)
    names: tuple[str, ...]  # of the p predictors
    least_squares: np.ndarray  # (p, R), coefficients of the outcomes on ``basis``
    residual: np.ndarray  # (N, R), what ``basis`` leaves of the outcomes
    columns: np.ndarray  # (N, k)
    rotation: np.ndarray  # (k, k)
    code: np.ndarray  # (N,), row of each patient in ``hospitals``
    hospitals: np.ndarray  # (J,), labels in order
    sizes: np.ndarray  # (J,), patients in each hospital

    def hospital_sums(self, values: np.ndarray) -> np.ndarray:
        """Return the (J, c) sums over each hospital of (N, c) values, in one pass."""
        n = len(self.code)
        member = sparse.csc_array((np.ones(n), self.code, np.arange(n + 1)))
        return member @ values


class Optimum(NamedTuple):
    """Where the likelihood of each of R outcomes is highest, in the columns of :class:`Arrays`.

    Covariances are relative to the residual variance.
    """

    gram: np.ndarray  # (R, p, p), X'V⁻¹X
    step: np.ndarray  # (R, p), coefficients of the residual on the basis
    residual_sum: np.ndarray  # (R,)
    log_determinant: np.ndarray  # (R,), of V
    relative: np.ndarray  # (R, k, k), covariance of the random effects
    effects: np.ndarray  # (R, J, k), their conditional modes


def read_arrays(
    y: np.ndarray, x: np.ndarray, groups: np.ndarray, slope: np.ndarray | None
) -> Arrays:
    """Return the data of :func:`multilevel.profile.profile_reml`, checked and orthonormalised.

    Raises
    ------
    ValueError
        If the data do not suit the model; the message names the column and the fix.
    """
    _check_index(y=y, X=x, groups=groups, slope=slope)
    names = tuple(map(str, x.columns)) if isinstance(x, pd.DataFrame) else None
    x = _numbers(x, "X")
    names = names or tuple(f"x{k}" for k in range(x.shape[1]))
    outcome = _numbers(y, "y")
    n = len(x)
    parts = {"y": outcome, "groups": groups}
    parts |= {} if slope is None else {"slope": slope}
    for name, values in parts.items():
        if len(values) != n:
            raise ValueError(f"{name} has {len(values)} rows and X has {n}; give one a patient.")
    code, hospitals, sizes = _read_groups(groups)

    lengths = np.sqrt((x**2).sum(axis=0))
    basis, triangle = np.linalg.qr(x / np.where(lengths > 0, lengths, 1))
    for k in np.flatnonzero(np.abs(np.diag(triangle)) < 1e-10):
        raise ValueError(
            f"Predictor {names[k]!r} is a linear combination of those before it in X, "
            "so its effect is not defined; leave one of them out."
        )
    least_squares = basis.T @ outcome
    residual = outcome - basis @ least_squares
    left = np.linalg.norm(residual, axis=0)
    for r in np.flatnonzero(left <= 1e-9 * np.linalg.norm(outcome - outcome.mean(axis=0), axis=0)):
        which = "y" if np.ndim(y) == 1 else f"Column {r} of y"
        raise ValueError(
            f"{which} is constant, or the predictors explain it exactly, so no variance is left "
            "to share out; choose an outcome that varies, and fewer predictors."
        )
    columns, rotation = np.ones((n, 1)), np.eye(1)
    if slope is not None:
        columns = np.column_stack([np.ones(n), _numbers(slope, "slope")[:, 0]])
        if np.ptp(columns[:, 1]) <= 1e-10 * np.abs(columns[:, 1]).max():
            raise ValueError("slope is constant; give a predictor that varies, or leave it out.")
        columns, rotation = np.linalg.qr(columns)
        columns, rotation = columns * np.sqrt(n), rotation / np.sqrt(n)
    return Arrays(
        basis, triangle * lengths, names, least_squares, residual,
        columns, rotation, code, hospitals, sizes,
    )  # fmt: skip


def _read_groups(groups: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    labels = pd.Series(groups)
    name = "groups" if labels.name is None else str(labels.name)
    code, hospitals = pd.factorize(labels, sort=True)
    if code.min(initial=0) < 0:
        raise ValueError(
            f"Column {name!r} misses {(code < 0).sum()} label(s); fill them in or remove the rows."
        )
    check_groups(labels, name)
    return code, np.asarray(hospitals), np.bincount(code)


def _numbers(values: np.ndarray, name: str) -> np.ndarray:
    """Return finite numbers in columns."""
    try:
        array = np.asarray(values, float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} does not hold numbers; convert it, or code it 0/1.") from error
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"{name} has shape {array.shape}; give one row a patient.")
    array = array.reshape(len(array), -1)
    bad = ~np.isfinite(array)
    if bad.any():
        column = int(np.flatnonzero(bad.any(axis=0))[0])
        label = values.columns[column] if isinstance(values, pd.DataFrame) else column
        raise ValueError(
            f"Column {label!r} of {name} holds {bad[:, column].sum()} value(s) that are missing or "
            "infinite; fill them in or remove the rows."
        )
    return array


def _check_index(**parts: object) -> None:
    """Raise ``ValueError`` if labelled rows are in different orders: they are used by position."""
    labelled = {
        name: part for name, part in parts.items() if isinstance(part, pd.Series | pd.DataFrame)
    }
    for name, part in labelled.items():
        first = next(iter(labelled))
        if not part.index.equals(labelled[first].index):
            raise ValueError(
                f"The rows of {name} and {first} are labelled differently; take both from one "
                "data frame, or pass .to_numpy() if their order is right."
            )
