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

    √n times the mean of a hospital's n patients varies by σ² (1 + n ratio), independently of
    their deviations from it, which vary by σ². So generalised least squares weights the
    cross-products of the former by 1 / (1 + n ratio). Hospitals of one size have one weight and are
    added up before; the deviations have weight 1, as if they came from hospitals of size 0.
    What a step costs depends on the number C of different sizes, which is below √(2N).

    Functions take M ratios. Until :meth:`paired`, they combine each with each of R outcomes, and
    return (M, R); after it, with one, and return (M, 1).
    """

    sizes: np.ndarray  # (C + 1,)
    counts: np.ndarray  # (C + 1,), hospitals of that size
    p: int  # columns of Q
    grams: np.ndarray  # (C + 1, p²), cross-products of Q
    products: np.ndarray  # (C + 1, (p + 1) R) or (M, C + 1, p + 1), of (Q, e) with e
    divisor: int  # of the residual sum
    reml: bool

    def paired(self, outcomes: np.ndarray) -> _Deviance:
        """Pair each of M ratios with one of the outcomes."""
        split = self.products.reshape(len(self.sizes), self.p + 1, -1)
        return self._replace(products=split[:, :, outcomes].transpose(2, 0, 1))

    def weighted(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the (M, p, p), (M, p, ·) and (M, 1, ·) sums with (M, C + 1) weights."""
        p, products = self.p, weight[:, None, :] @ self.products
        products = products.reshape(len(weight), p + 1, products.shape[2] // (p + 1))
        return (weight @ self.grams).reshape(-1, p, p), products[:, :p], products[:, p:]

    def solve(self, ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return Q'V⁻¹Q, the (M, p, ·) coefficients of Q and the residual sums."""
        gram, cross, square = self.weighted(1 / (1 + ratio[:, None] * self.sizes))
        step = np.linalg.solve(gram, cross)
        return gram, step, (square - (cross * step).sum(axis=1, keepdims=True))[:, 0]

    def log_determinant(self, ratio: np.ndarray) -> np.ndarray:
        """Return log |V / σ²|, (M,)."""
        return np.log1p(ratio[:, None] * self.sizes) @ self.counts

    def value(self, ratio: np.ndarray) -> np.ndarray:
        """Return the deviance."""
        gram, _, residual_sum = self.solve(ratio)
        log_determinant = self.log_determinant(ratio)
        if self.reml:
            log_determinant += np.linalg.slogdet(gram)[1]
        return log_determinant[:, None] + self.divisor * np.log(residual_sum)

    def derivative(self, ratio: np.ndarray) -> np.ndarray:
        """Return the derivative of the deviance with respect to the ratio."""
        gram, step, residual_sum = self.solve(ratio)
        weight = 1 / (1 + ratio[:, None] * self.sizes)
        # By how much the cross-products fall as the ratio rises. The coefficients change too,
        # but the residual sum is lowest at them, so that their change counts for nothing.
        gram_fall, cross_fall, square_fall = self.weighted(self.sizes * weight**2)
        change = step * (gram_fall @ step - 2 * cross_fall)
        fall = square_fall + change.sum(axis=1, keepdims=True)
        log_determinant = (self.sizes * weight) @ self.counts
        if self.reml:
            log_determinant -= np.trace(np.linalg.solve(gram, gram_fall), axis1=1, axis2=2)
        return log_determinant[:, None] - self.divisor * fall[:, 0] / residual_sum


def fit_intercept(sums: HospitalSums, reml: bool) -> Optimum:
    """Return the optimum for each of R outcomes.

    Every interval of a grid in which the deviance turns from falling to rising is searched for
    the place where it does, so that a likelihood with two peaks is no trap; zero is always a
    candidate.
    """
    deviance = _deviance(sums, reml)
    all_outcomes = np.arange(len(sums.square))
    grid = np.append(0, np.geomspace(1e-4 / deviance.sizes.max(), _LARGEST, 48))
    slope = deviance.derivative(grid)
    interval, outcomes = np.nonzero((slope[:-1] < 0) & (slope[1:] >= 0))
    found = _roots(
        deviance.paired(outcomes).derivative,
        grid[interval],
        grid[interval + 1],
        slope[interval, outcomes],
        slope[interval + 1, outcomes],
    )

    outcomes = np.concatenate([all_outcomes, outcomes])
    candidates = np.concatenate([np.zeros(len(all_outcomes)), found])
    height = deviance.paired(outcomes).value(candidates)[:, 0]
    ratio = np.empty(len(all_outcomes))
    best_last = np.argsort(-height, kind="stable")  # what is assigned last stays
    ratio[outcomes[best_last]] = candidates[best_last]

    gram, step, residual_sum = deviance.paired(all_outcomes).solve(ratio)
    # A hospital's mean residual, shrunken by its reliability.
    shrink = ratio * np.sqrt(sums.sizes)[:, None] / (1 + ratio * sums.sizes[:, None])
    effects = shrink * (sums.outcome_lines[:, 0] - sums.lines[:, 0] @ step[:, :, 0].T)
    return Optimum(
        ratio[:, None, None], deviance.log_determinant(ratio), gram, step[:, :, 0],
        residual_sum[:, 0], effects.T[:, :, None],
    )  # fmt: skip


def _deviance(sums: HospitalSums, reml: bool) -> _Deviance:
    """Add up hospitals of one size."""
    lines, outcomes = sums.lines[:, 0], sums.outcome_lines[:, 0]
    sizes, code, counts = np.unique(sums.sizes, return_inverse=True, return_counts=True)
    member = (code == np.arange(len(sizes))[:, None]).astype(float)
    p = lines.shape[1]
    grams = member @ (lines[:, :, None] * lines[:, None, :]).reshape(-1, p * p)
    products = [member @ (column[:, None] * outcomes) for column in lines.T]
    products = np.stack([*products, member @ outcomes**2], axis=1)
    within = np.vstack([sums.cross, sums.square])
    return _Deviance(
        np.append(0, sizes),
        np.append(0, counts),
        p,
        np.vstack([sums.gram.reshape(1, -1), grams]),
        np.concatenate([within[None], products]).reshape(len(sizes) + 1, -1),
        sums.n_obs - p if reml else sums.n_obs,
        reml,
    )


def _roots(
    function: Callable, low: np.ndarray, high: np.ndarray, at_low: np.ndarray, at_high: np.ndarray
) -> np.ndarray:
    """Return where a function rises through zero between ``low`` and ``high``, elementwise.

    Regula falsi; the value at an end that stays is reduced so that both ends close in (Anderson
    and Björck 1973, doi:10.1007/BF01951936).
    """
    for _ in range(100):
        rise = at_high - at_low
        middle = high - at_high * (high - low) / np.where(rise == 0, np.inf, rise)
        if np.all(np.abs(middle - high) <= 1e-11 * high):
            break
        value = function(middle)[:, 0]
        turned = value * at_high < 0
        rest = 1 - value / np.where(at_high == 0, 1, at_high)
        low = np.where(turned, high, low)
        at_low = np.where(turned, at_high, at_low * np.where(rest > 0, rest, 0.5))
        high, at_high = middle, value
    return middle
