"""The optimum of a model whose intercept and slope vary between hospitals."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.ndimage import minimum_filter
from scipy.optimize import minimize, root

from multilevel.sums import HospitalSums, Optimum

_LOWER = np.tril_indices(2)
# Where searches may start: standard deviations of intercept and slope relative to σ, and their
# correlation. Never zero or ±1, where the gradient vanishes.
_SDS = np.geomspace(0.03, 100, 6)
_CORRELATIONS = (-0.95, -0.5, 0, 0.5, 0.95)
_GRID = np.array(
    [(a, r * b, np.sqrt(1 - r**2) * b) for a, b, r in product(_SDS, _SDS, _CORRELATIONS)]
)


class _Deviance(NamedTuple):
    """-2 log-likelihood, up to a constant, of one outcome as a function of three parameters.

    They are the lower triangle of Λ, with Ψ = Λ Λ' the covariance of the random effects relative to
    σ². The line of a hospital varies by σ² (I + F'Ψ F), and independently of the deviations
    from it; K is the inverse of the matrix in brackets.
    """

    sums: HospitalSums
    outcome: int
    reml: bool

    def divisor(self) -> int:
        """Return what the residual sum is divided by."""
        return self.sums.n_obs - self.reml * len(self.sums.names)

    def solve(self, theta: np.ndarray) -> tuple:
        """Return K, log |V / σ²|, Q'V⁻¹Q, the coefficients, the lines' residuals, their sum.

        For (M, 3) parameters each has a leading axis of length M.
        """
        sums, (m, p) = self.sums, (len(theta), len(self.sums.names))
        factor = _factor(theta)[:, None]
        spread = sums.root.transpose(0, 2, 1) @ factor
        middle = np.eye(2) + spread @ spread.transpose(0, 1, 3, 2)
        trace = np.trace(middle, axis1=2, axis2=3)
        # det(I + BB') = 1 + tr(BB') + det(B)², and the inverse of a 2 x 2 matrix by its trace:
        # sums of positive numbers, which stay exact where a matrix is nearly singular.
        diagonals = np.diagonal(sums.root * factor, axis1=2, axis2=3)
        determinant = trace - 1 + diagonals.prod(axis=2) ** 2
        weight = (trace[..., None, None] * np.eye(2) - middle) / determinant[..., None, None]

        lines, own = sums.lines, sums.outcome_lines[:, :, [self.outcome]]
        weighted = (weight @ lines).reshape(m, -1, p).transpose(0, 2, 1)
        gram = sums.gram + weighted @ lines.reshape(-1, p)
        cross = sums.cross[:, [self.outcome]] + weighted @ own.reshape(-1, 1)
        step = np.linalg.solve(gram, cross)
        square = sums.square[self.outcome] + (own * (weight @ own)).sum(axis=(1, 2, 3))
        residual_sum = square - (cross * step).sum(axis=(1, 2))
        rest = own - lines @ step[:, None]
        return weight, np.log(determinant).sum(axis=1), gram, step, rest, residual_sum

    def value(self, theta: np.ndarray) -> np.ndarray:
        """Return the deviance, (M,), for (M, 3) parameters."""
        _, deviance, gram, _, _, residual_sum = self.solve(theta)
        if self.reml:
            deviance += np.linalg.slogdet(gram)[1]
        return deviance + self.divisor() * np.log(residual_sum)

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        """Return the (3,) derivatives of the deviance for (3,) parameters."""
        weight, _, gram, _, rest, residual_sum = (part[0] for part in self.solve(theta[None]))
        through = self.sums.root @ weight  # Z'V⁻¹ is F K times the line
        rest = through @ rest
        slope = (through @ self.sums.root.transpose(0, 2, 1)).sum(axis=0)
        slope -= self.divisor() / residual_sum * (rest @ rest.transpose(0, 2, 1)).sum(axis=0)
        if self.reml:
            lines = through @ self.sums.lines
            slope -= (lines @ np.linalg.inv(gram) @ lines.transpose(0, 2, 1)).sum(axis=0)
        # This was the derivative for Ψ; the chain rule makes it one for Λ.
        return (2 * slope @ _factor(theta))[_LOWER]

    def lowest(self) -> np.ndarray:
        """Return the parameters of the lowest deviance.

        A search by gradients from every point of the grid that is lower than its neighbours,
        since there may be several valleys. Then the root of the gradient near the lowest point:
        the deviance itself is too flat there to tell more than half of the digits.
        """
        parts = np.array_split(_GRID, 1 + len(_GRID) * len(self.sums.root) // 10**5)
        height = np.concatenate([self.value(part) for part in parts])
        height = height.reshape(len(_SDS), len(_SDS), len(_CORRELATIONS))
        valleys = _GRID[(height == minimum_filter(height, size=3)).ravel()]
        ends = [
            minimize(lambda t: self.value(t[None])[0], start, jac=self.gradient, method="BFGS").x
            for start in valleys
        ]
        best = min(ends, key=lambda t: self.value(t[None])[0])
        polished = root(self.gradient, best).x
        return min([best, polished], key=lambda t: self.value(t[None])[0])


def fit_slope(sums: HospitalSums, reml: bool) -> Optimum:
    """Return the optimum for each of R outcomes, one after the other."""
    optima = []
    for outcome in range(len(sums.square)):
        deviance = _Deviance(sums, outcome, reml)
        theta = deviance.lowest()
        weight, log_determinant, gram, step, rest, residual_sum = (
            part[0] for part in deviance.solve(theta[None])
        )
        relative = _factor(theta) @ _factor(theta).T
        effects = (relative @ sums.root @ weight @ rest)[:, :, 0]
        optima.append((relative, log_determinant, gram, step[:, 0], residual_sum, effects))
    return Optimum(*map(np.array, zip(*optima, strict=True)))


def _factor(theta: np.ndarray) -> np.ndarray:
    factor = np.zeros((*theta.shape[:-1], 2, 2))
    factor[..., *_LOWER] = theta
    return factor
