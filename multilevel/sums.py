"""Everything that the likelihood of a mixed model needs to know of each hospital, in one pass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from multilevel.inputs import check_groups

# Relative to the length of a column: below this nothing is left but rounding.
_NOTHING = 1e-10
_ROUNDING = 1e-13


class HospitalSums(NamedTuple):
    """N patients in J hospitals: R outcomes, p predictors, k random effects (1 or 2).

    Each hospital has its own line, a mean or (k = 2) a mean and a slope. What deviates from the
    lines is independent with variance σ², and adds up over hospitals; the lines vary by σ² and
    the random effects. So the two are kept apart, and nothing has to be subtracted later, which
    would cost digits.

    With the columns z of the random effects (the slope's predictor standardised), a hospital's
    Z = U F' for an orthonormal U; ``root`` is F. The predictors are X = Q R with orthonormal Q, and
    the outcomes enter as residuals e of a regression on Q; both for the sake of digits.
    """

    names: tuple[str, ...]  # of the p predictors
    hospitals: np.ndarray  # (J,), labels in order
    sizes: np.ndarray  # (J,), patients
    n_obs: int
    factor: np.ndarray  # (p, p), R
    least_squares: np.ndarray  # (p, R), Q'y
    rotation: np.ndarray  # (k, k), random-effects columns as they came = z @ rotation
    root: np.ndarray  # (J, k, k), F
    lines: np.ndarray  # (J, k, p), U'Q
    outcome_lines: np.ndarray  # (J, k, R), U'e
    gram: np.ndarray  # (p, p), cross-products of Q's deviations from the lines
    cross: np.ndarray  # (p, R), of Q's with e's
    square: np.ndarray  # (R,), of e's


class Optimum(NamedTuple):
    """Where the likelihood of each of R outcomes is highest, in the terms of the sums.

    Covariances are relative to the residual variance.
    """

    relative: np.ndarray  # (R, k, k), covariance of the random effects
    log_determinant: np.ndarray  # (R,), of V
    gram: np.ndarray  # (R, p, p), Q'V⁻¹Q
    step: np.ndarray  # (R, p), coefficients of e on Q
    residual_sum: np.ndarray  # (R,)
    effects: np.ndarray  # (R, J, k), conditional modes of the random effects


def hospital_sums(
    y: np.ndarray, x: np.ndarray, groups: np.ndarray, slope: np.ndarray | None
) -> HospitalSums:
    """Return the sums for the data of :func:`multilevel.profile.profile_reml`.

    Raises
    ------
    ValueError
        If the data do not suit the model; the message names the column and the fix.
    """
    _check_rows(X=x, y=y, groups=groups, slope=slope)
    predictors, outcomes = _numbers(x, "X"), _numbers(y, "y")
    n, p = predictors.shape
    names = x.columns if isinstance(x, pd.DataFrame) else (f"x{k}" for k in range(p))
    names = tuple(map(str, names))
    code, hospitals = _labels(groups)
    sizes = np.bincount(code)[:, None]
    # One column a patient, so that a product with it adds up over hospitals.
    member = sparse.csc_array((np.ones(n), code, np.arange(n + 1)))

    lengths = np.sqrt((predictors**2).sum(axis=0))
    basis, triangle = np.linalg.qr(predictors / np.where(lengths > 0, lengths, 1))
    for k in np.flatnonzero(np.abs(np.diag(triangle)) < _NOTHING):
        raise ValueError(
            f"Predictor {names[k]!r} is a linear combination of those before it in X, "
            "so its effect is not defined; leave one of them out."
        )
    least_squares = basis.T @ outcomes
    values = np.hstack([basis, outcomes - basis @ least_squares])
    total = _squares(values[:, p:])
    for r in np.flatnonzero(total <= 1e-24 * _squares(outcomes)):
        raise ValueError(
            f"Outcome {r} of y is constant, or the predictors explain it exactly, so no variance "
            "is left to share out; choose one that varies, and fewer predictors."
        )

    means = (member @ values) / sizes
    values -= means[code]
    lines = [np.sqrt(sizes) * means]
    rotation, root = np.eye(1), np.sqrt(sizes)[:, :, None]
    if slope is not None:
        z, rotation = _standardised(_numbers(slope, "slope"))
        z_means = (member @ z) / sizes
        deviation = z - z_means[code]
        length = np.sqrt(member @ deviation**2)
        if np.all(length < _NOTHING * np.sqrt(n)):
            raise ValueError(
                "slope is the same for all patients of a hospital, so no hospital has a slope of "
                "its own; give a predictor that varies within hospitals, or leave it out."
            )
        deviation /= np.where(length > _NOTHING, length, np.inf)[code]
        lines.append(member @ (deviation * values))
        values -= deviation * lines[1][code]
        root = np.sqrt(sizes)[:, :, None] * np.array([[1.0, 0.0], [0.0, 0.0]])
        root[:, 1, 0] = (np.sqrt(sizes) * z_means)[:, 0]
        root[:, 1, 1] = length[:, 0]
    lines = np.stack(lines, axis=1)
    gram, cross = values[:, :p].T @ values[:, :p], values[:, :p].T @ values[:, p:]
    square = _squares(values[:, p:])
    _check_identified(gram, cross, square, total, np.count_nonzero(root.diagonal(0, 1, 2)))
    # Turn Q until what describes hospitals has exactly no deviations. At large variance ratios its
    # lines hardly count, and would drown in the rounding of other columns' deviations.
    spread, turn = np.linalg.eigh(gram)
    spread = np.where(spread > _ROUNDING, spread, 0)
    gram, cross = np.diag(spread), np.where(spread[:, None] > 0, turn.T @ cross, 0)
    return HospitalSums(
        names, hospitals, sizes[:, 0], n, (turn.T @ triangle) * lengths,
        turn.T @ least_squares, rotation, root,
        lines[:, :, :p] @ turn, lines[:, :, p:], gram, cross, square,
    )  # fmt: skip


def _squares(values: np.ndarray) -> np.ndarray:
    return np.einsum("nc,nc->c", values, values)


def _standardised(slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return z with mean 0 and SD 1, and the matrix that turns (1, z) into (1, slope)."""
    mean, sd = slope.mean(), slope.std()
    if sd <= _NOTHING * np.abs(slope).max():
        raise ValueError("slope is constant; give a predictor that varies, or leave it out.")
    return (slope - mean) / sd, np.array([[1.0, mean], [0.0, sd]])


def _check_identified(
    gram: np.ndarray, cross: np.ndarray, square: np.ndarray, total: np.ndarray, n_lines: int
) -> None:
    """Raise ``ValueError`` unless something varies around the lines, and between them."""
    between = int((np.linalg.eigvalsh(gram) < _NOTHING).sum())
    if n_lines <= between:
        raise ValueError(
            f"X has {between} predictor(s) that describe hospitals (the intercept is one), and "
            f"there are only {n_lines} means and slopes of hospitals to describe, so nothing is "
            "left to vary between hospitals; use fewer."
        )
    left = square - (cross * (np.linalg.pinv(gram, rcond=_NOTHING) @ cross)).sum(axis=0)
    for r in np.flatnonzero(left <= 1e-12 * total):
        raise ValueError(
            f"Outcome {r} of y does not vary within hospitals once the predictors are known; "
            "analyse one row a hospital by ordinary least squares, or leave the slope out."
        )


def _labels(groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each patient's row in the sorted labels, and these."""
    labels = pd.Series(groups)
    name = "groups" if labels.name is None else str(labels.name)
    code, hospitals = pd.factorize(labels, sort=True)
    if code.min() < 0:
        raise ValueError(
            f"Column {name!r} misses {(code < 0).sum()} label(s); fill them in or remove the rows."
        )
    check_groups(labels, name)
    return code, np.asarray(hospitals)


def _numbers(values: np.ndarray, name: str) -> np.ndarray:
    """Return finite numbers in columns."""
    try:
        array = np.asarray(values, float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} does not hold numbers; convert it, or code it 0/1.") from error
    array = array.reshape(len(array), -1)
    wrong = (~np.isfinite(array)).sum(axis=0)
    for column in np.flatnonzero(wrong).tolist():
        label = values.columns[column] if isinstance(values, pd.DataFrame) else column
        raise ValueError(
            f"Column {label!r} of {name} holds {wrong[column]} value(s) that are missing or "
            "infinite; fill them in or remove the rows."
        )
    return array


def _check_rows(**parts: object) -> None:
    """Raise ``ValueError`` unless all have the same rows: they are used by position."""
    given = {name: part for name, part in parts.items() if part is not None}
    x = given.pop("X")
    for name, part in given.items():
        if np.shape(part)[:1] != np.shape(x)[:1] or len(x) == 0:
            raise ValueError(
                f"{name} has shape {np.shape(part)} and X {np.shape(x)}; give one row a patient."
            )
        if hasattr(part, "index") and hasattr(x, "index") and not part.index.equals(x.index):
            raise ValueError(
                f"The rows of {name} and X are labelled differently; take both from one data "
                "frame, or pass .to_numpy() if their order is right."
            )
