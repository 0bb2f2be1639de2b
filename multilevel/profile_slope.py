"""The optimum of a model whose intercept and slope vary between hospitals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize, root

from multilevel.sums import HospitalSums, Optimum

_LOWER = np.tril_indices(2)
_SIZES = np.geomspace(0.03, 100, 8)
# Starts: independent, and with a slope that hardly varies. Never zero, where the gradient vanishes.
_STARTS = [size * np.array([1, 0, slope]) for size in _SIZES for slope in (1, 0.1)]


class _Deviance(NamedTuple):
    """-2 log-likelihood, up to a constant, of one outcome as a function of three parameters.

    They are the lower triangle of Λ, with Ψ = Λ Λ' the covariance of the random effects relative to
    σ². The line of a hospital varies by σ² (I + F'Ψ F), and independently of the deviations
    from it; K is the inverse of the matrix in brackets.
    """

    sums: HospitalSums
    outcome: int
    reml: bool

    def solve(self, theta: np.ndarray) -> tuple:
        """Return K, log |V / σ²|, Q'V⁻¹Q, the coefficients, the lines' residuals, their sum."""
        sums, r = self.sums, self.outcome
        spread = sums.root.transpose(0, 2, 1) @ _factor(theta)
        middle = np.eye(2) + spread @ spread.transpose(0, 2, 1)
        weight = np.linalg.inv(middle)
        weighted = weight @ sums.lines
        outcome_lines = sums.outcome_lines[:, :, [r]]
        gram = sums.gram + np.tensordot(sums.lines, weighted, axes=([0, 1], [0, 1]))
        cross = sums.cross[:, [r]] + np.tensordot(weighted, outcome_lines, axes=([0, 1], [0, 1]))
        step = np.linalg.solve(gram, cross)
        square = sums.square[r] + np.vdot(outcome_lines, weight @ outcome_lines)
        rest = outcome_lines - sums.lines @ step
        log_determinant = np.log(np.linalg.det(middle)).sum()
        return weight, log_determinant, gram, step, rest, square - np.vdot(cross, step)

    def divisor(self) -> int:
        """Return what the residual sum is divided by."""
        return self.sums.n_obs - self.reml * len(self.sums.names)

    def value(self, theta: np.ndarray) -> float:
        """Return the deviance."""
        _, log_determinant, gram, _, _, residual_sum = self.solve(theta)
        if self.reml:
            log_determinant += np.linalg.slogdet(gram)[1]
        return log_determinant + self.divisor() * np.log(residual_sum)

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        """Return the derivatives of the deviance."""
        weight, _, gram, _, rest, residual_sum = self.solve(theta)
        through = self.sums.root @ weight  # Z'V⁻¹ is F K times the line
        rest = through @ rest
        slope = (through @ self.sums.root.transpose(0, 2, 1)).sum(axis=0)
        slope -= self.divisor() / residual_sum * (rest @ rest.transpose(0, 2, 1)).sum(axis=0)
        if self.reml:
            lines = through @ self.sums.lines
            slope -= (lines @ np.linalg.inv(gram) @ lines.transpose(0, 2, 1)).sum(axis=0)
        # This was for Ψ; the chain rule makes it one for Λ.
        return (2 * slope @ _factor(theta))[_LOWER]

    def lowest(self) -> np.ndarray:
        """Return the parameters of the lowest deviance.

        A search by gradients, and then the root of the gradient next to where it stopped: the
        deviance itself is too flat there to tell more than half of the digits.
        """
        start = min(_STARTS, key=self.value)
        found = minimize(self.value, start, jac=self.gradient, method="BFGS").x
        polished = root(self.gradient, found).x
        return min([found, polished], key=self.value)


def fit_slope(sums: HospitalSums, reml: bool) -> Optimum:
    """Return the optimum for each of R outcomes, one after the other."""
    optima = []
    for outcome in range(len(sums.square)):
        deviance = _Deviance(sums, outcome, reml)
        theta = deviance.lowest()
        weight, log_determinant, gram, step, rest, residual_sum = deviance.solve(theta)
        relative = _factor(theta) @ _factor(theta).T
        effects = (relative @ sums.root @ weight @ rest)[:, :, 0]
        optima.append((relative, log_determinant, gram, step[:, 0], residual_sum, effects))
    return Optimum(*map(np.array, zip(*optima, strict=True)))


def _factor(theta: np.ndarray) -> np.ndarray:
    factor = np.zeros((2, 2))
    factor[_LOWER] = theta
    return factor
