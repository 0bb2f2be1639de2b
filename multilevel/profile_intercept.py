"""The optimum of a random-intercept model, for many outcomes at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from multilevel.sums import HospitalSums, Optimum

# A ratio that is never reached: what varies less within hospitals is refused.
_LARGEST = 1e14


class _Deviance(NamedTuple):
    """-2 log-likelihood, up to a constant, as a function of the variance ratio τ²/σ².

    √n times the mean of a hospital's n patients varies by σ² (1 + n ratio), and independently of
    their deviations from it. So generalised least squares adds the cross-products of the means,
    weighted by 1 / (1 + n ratio), to those of the deviations.

    Functions take M ratios and give M rows. They combine each ratio with each of R outcomes, or,
    after :meth:`paired`, with one.
    """

    sizes: np.ndarray  # (J,)
    divisor: int  # of the residual sum
    reml: bool
    lines: np.ndarray  # (J, p)
    gram: np.ndarray  # (p, p)
    outcome_lines: np.ndarray  # (J, R) or (M, J, 1)
    cross: np.ndarray  # (p, R) or (M, p, 1)
    square: np.ndarray  # (1, R) or (M, 1, 1)

    def paired(self, outcomes: np.ndarray) -> _Deviance:
        """Pair each of M ratios with one of the outcomes."""
        return self._replace(
            outcome_lines=self.outcome_lines.T[outcomes, :, None],
            cross=self.cross.T[outcomes, :, None],
            square=self.square.T[outcomes, :, None],
        )

    def weighted(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the cross-products of the lines with (M, J) weights."""
        weight = weight[:, None, :]
        lines = weight * self.lines.T
        return lines @ self.lines, lines @ self.outcome_lines, weight @ self.outcome_lines**2

    def solve(self, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return Q'V⁻¹Q, the coefficients (M, p, ·) and the residual sums (M, ·)."""
        gram, cross, square = self.weighted(1 / (1 + ratio[:, None] * self.sizes))
        gram, cross, square = gram + self.gram, cross + self.cross, square + self.square
        step = np.linalg.solve(gram, cross)
        return gram, step, (square - (cross * step).sum(axis=1, keepdims=True))[:, 0]

    def log_determinant(self, ratio: np.ndarray) -> np.ndarray:
        """Return log |V / σ²|, (M,)."""
        return np.log1p(ratio[:, None] * self.sizes).sum(axis=1)

    def value(self, ratio: np.ndarray) -> np.ndarray:
        """Return the deviance, (M, ·)."""
        gram, _, residual_sum = self.solve(ratio)
        log_determinant = self.log_determinant(ratio)
        if self.reml:
            log_determinant += np.linalg.slogdet(gram)[1]
        return log_determinant[:, None] + self.divisor * np.log(residual_sum)

    def derivative(self, ratio: np.ndarray) -> np.ndarray:
        """Return the derivative of the deviance with respect to the ratio, (M, ·)."""
        gram, step, residual_sum = self.solve(ratio)
        weight = 1 / (1 + ratio[:, None] * self.sizes)
        # By how much the cross-products fall as the ratio rises. The coefficients change too,
        # but the residual sum is lowest at them, so that their change counts for nothing.
        gram_fall, cross_fall, square_fall = self.weighted(self.sizes * weight**2)
        change = step * (gram_fall @ step - 2 * cross_fall)
        fall = square_fall + change.sum(axis=1, keepdims=True)
        log_determinant = (self.sizes * weight).sum(axis=1)
        if self.reml:
            log_determinant -= np.trace(np.linalg.solve(gram, gram_fall), axis1=1, axis2=2)
        return log_determinant[:, None] - self.divisor * fall[:, 0] / residual_sum


def fit_intercept(sums: HospitalSums, reml: bool) -> Optimum:
    """Return the optimum for each of R outcomes.

    Every interval of a grid in which the deviance turns from falling to rising is searched for
    the place where it does, so that a likelihood with two peaks is no trap; zero is always a
    candidate.
    """
    n, p = sums.n_obs, len(sums.names)
    sizes = sums.root[:, 0, 0] ** 2
    deviance = _Deviance(
        sizes, n - p if reml else n, reml, sums.lines[:, 0], sums.gram,
        sums.outcome_lines[:, 0], sums.cross, sums.square[None, :],
    )  # fmt: skip
    all_outcomes = np.arange(len(sums.square))
    grid = np.append(0, np.geomspace(1e-4 / sizes.max(), _LARGEST, 48))
    rises = deviance.derivative(grid) >= 0
    interval, outcomes = np.nonzero(~rises[:-1] & rises[1:])
    found = _roots(deviance.paired(outcomes).derivative, grid[interval], grid[interval + 1])

    outcomes = np.concatenate([all_outcomes, outcomes])
    candidates = np.concatenate([np.zeros(len(all_outcomes)), found])
    height = deviance.paired(outcomes).value(candidates)[:, 0]
    ratio = np.empty(len(all_outcomes))
    best_last = np.argsort(-height, kind="stable")  # what is assigned last stays
    ratio[outcomes[best_last]] = candidates[best_last]

    best = deviance.paired(all_outcomes)
    gram, step, residual_sum = best.solve(ratio)
    # A hospital's mean residual, shrunken by its reliability.
    shrink = np.sqrt(sizes) * ratio[:, None] / (1 + ratio[:, None] * sizes)
    effects = shrink[:, :, None] * (best.outcome_lines - best.lines @ step)
    return Optimum(
        ratio[:, None, None], best.log_determinant(ratio), gram, step[:, :, 0],
        residual_sum[:, 0], effects,
    )  # fmt: skip


def _roots(function: Callable, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return where a function rises through zero between ``low`` and ``high``, elementwise.

    Regula falsi; the value at an end that stays is halved (the Illinois rule, Dowell and
    Jarratt 1971, doi:10.1007/BF01934364), so that both ends close in.
    """
    at_low, at_high = function(low)[:, 0], function(high)[:, 0]
    for _ in range(100):
        rise = at_high - at_low
        middle = high - at_high * (high - low) / np.where(rise == 0, np.inf, rise)
        if np.all(np.abs(middle - high) <= 1e-14 * high):
            break
        value = function(middle)[:, 0]
        turned = value * at_high < 0
        low, at_low = np.where(turned, high, low), np.where(turned, at_high, at_low / 2)
        high, at_high = middle, value
    return middle
