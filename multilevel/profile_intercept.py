"""The optimum of a random-intercept model, for many outcomes at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from multilevel.arrays import Arrays, Optimum

# Variance ratios above this are taken as no variance within hospitals.
_LARGEST = 1e10


class _Split(NamedTuple):
    """Cross-products within hospitals, and hospital means; K outcomes for each of M ratios.

    A hospital's mean has variance τ² + σ²/n, whatever its patients' deviations from it are. So
    generalised least squares adds the cross-products of deviations to those of the means,
    weighted by 1 / (ratio + 1/n); nothing is subtracted and no digit lost.
    """

    sizes: np.ndarray  # (J,)
    divisor: int
    reml: bool
    basis_means: np.ndarray  # (J, p)
    gram: np.ndarray  # (p, p) within
    means: np.ndarray  # (J, K) or, one outcome for each ratio, (M, J, 1)
    cross: np.ndarray  # (p, K) or (M, p, 1), within
    square: np.ndarray  # (1, K) or (M, 1, 1), within

    def each(self, outcomes: np.ndarray) -> _Split:
        """Pair one outcome with each ratio, where all were combined before."""
        return self._replace(
            means=self.means.T[outcomes, :, None],
            cross=self.cross.T[outcomes, :, None],
            square=self.square.T[outcomes, :, None],
        )

    def weighted(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the cross-products of hospital means, weighted by (M, J) weights."""
        weight = weight[:, None, :]
        basis = weight * self.basis_means.T
        return basis @ self.basis_means, basis @ self.means, weight @ self.means**2

    def solve(self, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the (M, p, p) matrix X'V⁻¹X, the (M, p, K) coefficients and residual sums."""
        gram, cross, square = self.weighted(1 / (ratio[:, None] + 1 / self.sizes))
        gram, cross = gram + self.gram, cross + self.cross
        step = np.linalg.solve(gram, cross)
        residual_sum = square + self.square - (cross * step).sum(axis=1, keepdims=True)
        return gram, step, residual_sum[:, 0]

    def deviance(self, ratio: np.ndarray) -> np.ndarray:
        """Return -2 log-likelihood up to a constant, (M, K)."""
        gram, _, residual_sum = self.solve(ratio)
        log_determinant = np.log1p(ratio[:, None] * self.sizes).sum(axis=1)
        if self.reml:
            log_determinant += np.linalg.slogdet(gram)[1]
        return log_determinant[:, None] + self.divisor * np.log(residual_sum)

    def derivative(self, ratio: np.ndarray) -> np.ndarray:
        """Return the derivative of the deviance, (M, K)."""
        gram, step, residual_sum = self.solve(ratio)
        precision = 1 / (ratio[:, None] + 1 / self.sizes)
        gram_fall, cross_fall, square_fall = self.weighted(precision**2)
        log_determinant = precision.sum(axis=1)
        if self.reml:
            log_determinant -= np.trace(np.linalg.solve(gram, gram_fall), axis1=1, axis2=2)
        fall = square_fall + (step * (gram_fall @ step - 2 * cross_fall)).sum(axis=1, keepdims=True)
        return log_determinant[:, None] - self.divisor * fall[:, 0] / residual_sum


def fit_intercept(arrays: Arrays, reml: bool) -> Optimum:
    """Return the optimum of a random-intercept model for each of R outcomes."""
    split = _split(arrays, reml)
    grid = np.append(0, np.geomspace(1e-4 / arrays.sizes.max(), _LARGEST, 48))
    rises = split.derivative(grid) >= 0
    if not rises[-1].all():
        raise ValueError(
            f"Outcome {np.flatnonzero(~rises[-1])[0]} does not vary within hospitals once the "
            "predictors are known; analyse one row a hospital by ordinary least squares."
        )
    cell, outcomes = np.nonzero(~rises[:-1] & rises[1:])
    roots = _roots(split.each(outcomes).derivative, grid[cell], grid[cell + 1])
    # Zero is a candidate for every outcome. Of several the best is assigned last, and stays.
    n_outcomes = rises.shape[1]
    outcomes = np.concatenate([np.arange(n_outcomes), outcomes])
    candidates = np.concatenate([np.zeros(n_outcomes), roots])
    order = np.argsort(-split.each(outcomes).deviance(candidates)[:, 0], kind="stable")
    ratio = np.empty(n_outcomes)
    ratio[outcomes[order]] = candidates[order]

    best = split.each(np.arange(n_outcomes))
    gram, step, residual_sum = best.solve(ratio)
    # A hospital's mean residual, pulled towards zero by its reliability.
    reliability = ratio[:, None] / (ratio[:, None] + 1 / arrays.sizes)
    effects = reliability[:, :, None] * (best.means - split.basis_means @ step)
    return Optimum(
        gram, step[:, :, 0], residual_sum[:, 0],
        np.log1p(ratio[:, None] * arrays.sizes).sum(axis=1), ratio[:, None, None], effects,
    )  # fmt: skip


def _split(arrays: Arrays, reml: bool) -> _Split:
    sizes, code = arrays.sizes[:, None], arrays.code
    n, p = arrays.basis.shape
    basis_means = arrays.hospital_sums(arrays.basis) / sizes
    means = arrays.hospital_sums(arrays.residual) / sizes
    basis, residual = arrays.basis - basis_means[code], arrays.residual - means[code]
    gram, cross, square = basis.T @ basis, basis.T @ residual, (residual**2).sum(axis=0)
    return _Split(
        arrays.sizes, n - p if reml else n, reml, basis_means, gram, means, cross, square[None, :]
    )


def _roots(function: Callable, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return where a function changes its sign between ``low`` and ``high``, element by element.

    Regula falsi; the value at an end that stays is halved (the Illinois rule, Dowell and
    Jarratt 1971, doi:10.1007/BF01934364), so that both ends close in.
    """
    at_low, at_high = function(low)[:, 0], function(high)[:, 0]
    for _ in range(100):
        with np.errstate(invalid="ignore"):
            middle = high - at_high * (high - low) / (at_high - at_low)
        middle = np.where(at_high == 0, high, middle)
        if np.all(np.abs(middle - high) <= 1e-14 * high):
            break
        value = function(middle)[:, 0]
        turned = value * at_high < 0
        low, at_low = np.where(turned, high, low), np.where(turned, at_high, at_low / 2)
        high, at_high = middle, value
    return middle
