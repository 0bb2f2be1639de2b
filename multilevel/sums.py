"""Everything that the likelihood of a mixed model needs to know of each hospital, in one pass."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from multilevel.arrays import check_rows, labels_of, numbers

# Relative to the length of a column: up to this nothing is left but rounding.
_NOTHING = 1e-8
# Of a column of Q no more than 3e-7 of its length, which is 1, may be taken for rounding; squared.
_ROUNDING = 1e-13
# Of the squares of an outcome, what is left around hospitals' lines: with a tenth of this the
# search for three variances ends with a wrong one now and then.
_AROUND_LINES = 1e-6


class HospitalSums(NamedTuple):
    """N patients in J hospitals: R outcomes, p predictors, k random effects (1 or 2).

    Each hospital has its own line, a mean or (k = 2) a mean and a slope. What deviates from the
    lines is independent with variance σ², and adds up over hospitals; the lines vary by σ² and
    the random effects. So the two are kept apart, and neither has to be found by subtraction from
    the whole, which would cost digits.

    With the columns z of the random effects (the slope's predictor standardised), a hospital's
    Z = U F' for an orthonormal U; ``root`` is F. The predictors are X = Q R with orthonormal Q, and
    the outcomes enter as residuals e of a regression on Q; both for the sake of digits.
    """

    names: tuple[str, ...]  # of the p predictors
    hospitals: np.ndarray  # (J,), labels in order
    sizes: np.ndarray  # (J,), patients
    n_obs: int
    inverse: np.ndarray  # (p, p), R⁻¹: coefficients of X = R⁻¹ times those of Q
    least_squares: np.ndarray  # (p, R), Q'y
    back: np.ndarray  # (k, k), effects of the random-effects columns as they came = back @ of z
    root: np.ndarray  # (J, k, k), F
    lines: np.ndarray  # (J, k, p), U'Q
    outcome_lines: np.ndarray  # (J, k, R), U'e
    spread: np.ndarray  # (p,), squares of Q's deviations from the lines; columns are independent
    cross: np.ndarray  # (p, R), of Q's with e's
    square: np.ndarray  # (R,), of e's
    within: np.ndarray  # (R,), what is left of it once these predict it


class Optimum(NamedTuple):
    """Where the likelihood of each of R outcomes is highest, in the terms of the sums.

    Covariances are relative to the residual variance.
    """

    relative: np.ndarray  # (R, k, k), covariance of the random effects
    log_determinant: np.ndarray  # (R,), of V and, for REML, of Q'V⁻¹Q
    covariance: np.ndarray  # (R, p, p), of the coefficients of Q
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
    check_rows(X=x, y=y, groups=groups, slope=slope)
    predictors, outcomes = numbers(x, "X"), numbers(y, "y")
    n, p = predictors.shape
    if p >= n:
        raise ValueError(f"X has {p} columns and only {n} rows; use fewer predictors.")
    names = x.columns if isinstance(x, pd.DataFrame) else (f"x{k}" for k in range(p))
    names = tuple(map(str, names))
    code, hospitals = labels_of(groups)
    basis, inverse = _orthonormal(predictors, names)
    least_squares = basis.T @ outcomes
    values = np.empty((n, p + outcomes.shape[1]))  # the largest array there is: filled in place
    values[:, :p] = basis
    np.subtract(outcomes, basis @ least_squares, out=values[:, p:])
    z, back = (None, np.ones((1, 1))) if slope is None else _standardised(numbers(slope, "slope"))
    lines, root = _take_lines(values, code, z)

    # Turn Q until each of its columns has deviations of its own, and what describes hospitals has
    # exactly none. At large variance ratios its lines hardly count, and would drown in the rounding
    # of other columns' deviations.
    turn = np.linalg.eigh(values[:, :p].T @ values[:, :p])[1]
    values[:, :p] = values[:, :p] @ turn
    spread = _squares(values[:, :p])
    within = spread > _ROUNDING
    spread = np.where(within, spread, 0)
    cross = np.where(within[:, None], values[:, :p].T @ values[:, p:], 0)
    square = _squares(values[:, p:])
    predicted = cross / np.where(within, spread, 1)[:, None]
    left = square - (cross * predicted).sum(axis=0)
    # Of a small difference digits are lost; it is squared after what they predict is taken away.
    small = left < 1e-3 * square
    if small.any():
        left[small] = _squares(values[:, p:][:, small] - values[:, :p] @ predicted[:, small])
    # By Pythagoras the squared length of e; that of y is greater by that of its regression.
    total = square + (lines[:, :, p:] ** 2).sum(axis=(0, 1))
    rounding = 1e-24 * (total + (least_squares**2).sum(axis=0))
    for r in (total <= rounding).nonzero()[0]:
        raise ValueError(
            f"Outcome {r} of y is constant, or the predictors explain it exactly, so no variance "
            "is left to share out; choose one that varies, and fewer predictors."
        )
    if p >= len(hospitals):
        # Turned until each is by itself, columns of Q whose whole length is that of their means.
        shares = np.linalg.eigvalsh(lines[:, 0, :p].T @ lines[:, 0, :p])
        of_means = np.count_nonzero(shares > 1 - _ROUNDING)
        if of_means >= len(hospitals):
            raise ValueError(
                f"X has {of_means} column(s) that describe hospitals (an intercept is one), and "
                f"there are only {len(hospitals)} means of hospitals to describe, so nothing is "
                "left to vary between hospitals; use fewer."
            )
    least = rounding
    said = "does not vary within hospitals, but for rounding, once the predictors are known; "
    said += "analyse one row a hospital by ordinary least squares"
    if slope is not None:
        least = np.maximum(rounding, _AROUND_LINES * total)
        said = "hardly varies around the lines of hospitals, a thousand times less than in all; "
        said += "leave the slope out, or compare the lines that least squares give each hospital"
    for r in (left <= least).nonzero()[0]:
        raise ValueError(f"Outcome {r} of y {said}.")
    return HospitalSums(
        names, hospitals, np.bincount(code), n, inverse @ turn, turn.T @ least_squares,
        back, root, lines[:, :, :p] @ turn, lines[:, :, p:], spread, cross, square, left,
    )  # fmt: skip


def _orthonormal(x: np.ndarray, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return Q and R⁻¹ of X = QR, or raise ``ValueError`` if a column depends on those before."""
    basis, triangle = np.linalg.qr(x)
    nothing = np.abs(triangle.diagonal()) <= _NOTHING * np.sqrt(_squares(triangle))
    for k in nothing.nonzero()[0]:
        raise ValueError(
            f"Predictor {names[k]!r} is a linear combination of those before it in X, "
            "so its effect is not defined; leave one of them out."
        )
    return basis, np.linalg.inv(triangle)


def _take_lines(
    values: np.ndarray, code: np.ndarray, z: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Take each hospital's line from the (N, c) values, and return it: U' values, and F."""
    n = len(code)
    # One column a patient, so that a product with it adds up over hospitals.
    member = sparse.csc_array((np.ones(n), code, np.arange(n + 1)))
    sizes = np.bincount(code)[:, None]
    means = (member @ values) / sizes
    values -= means[code]
    if z is None:
        return np.sqrt(sizes)[:, None] * means[:, None], np.sqrt(sizes)[:, None]
    z_means = (member @ z) / sizes
    direction = z - z_means[code]
    lengths = np.sqrt(member @ direction**2)
    lengths[lengths < _NOTHING * np.sqrt(n)] = 0
    if not lengths.any():
        raise ValueError(
            "slope is the same for all patients of a hospital, so no hospital has a slope of "
            "its own; give a predictor that varies within hospitals, or leave it out."
        )
    direction /= np.where(lengths > 0, lengths, np.inf)[code]
    slopes = member @ (direction * values)
    values -= direction * slopes[code]
    root = np.zeros((len(sizes), 2, 2))
    root[:, :, 0] = np.sqrt(sizes) * np.hstack([np.ones_like(z_means), z_means])
    root[:, 1, 1] = lengths[:, 0]
    return np.stack([np.sqrt(sizes) * means, slopes], axis=1), root


def _squares(values: np.ndarray) -> np.ndarray:
    return np.einsum("nc,nc->c", values, values)


def _standardised(slope: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return z with mean 0 and SD 1, and what turns effects of (1, z) into those of (1, slope)."""
    mean, sd = slope.mean(), slope.std()
    if sd <= _NOTHING * np.abs(slope).max():
        raise ValueError("slope is constant; give a predictor that varies, or leave it out.")
    return (slope - mean) / sd, np.array([[1.0, -mean / sd], [0.0, 1 / sd]])
