"""The optimum of a model whose intercept and slope vary between hospitals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize, root

from multilevel.sums import HospitalSums, Optimum

_LOWER = np.tril_indices(2)


def _ellipses(angles: np.ndarray, roundness: float) -> np.ndarray:
    """Return (12 angles, 3) parameters whose random effects scatter in such an ellipse.

    Its long axis lies at an angle (0: intercepts vary, π/2: slopes do), and has one of twelve
    lengths, relative to σ.
    """
    angle, length = np.meshgrid(angles, np.geomspace(0.03, 100, 12))
    cos, sin = length * np.cos(angle), length * np.sin(angle)
    axes = np.array([[cos, -roundness * sin], [sin, roundness * cos]]).transpose(2, 3, 0, 1)
    return np.linalg.cholesky(axes @ axes.swapaxes(-1, -2))[..., *_LOWER].reshape(-1, 3)


# Searches start at the best point of each of these families: four directions, in all of which the
# correlation is nearly ±1, and none. Never a line or zero, where the gradient vanishes across.
_FAMILIES = [_ellipses((k + np.arange(4)) * np.pi / 16, 0.01) for k in (0, 4, 8, 12)]
_FAMILIES.append(_ellipses(np.arange(4) * np.pi / 4, 0.6))


class _Point(NamedTuple):
    """What generalised least squares gives at M covariances of the random effects."""

    deviance: np.ndarray  # (M,), -2 log-likelihood up to a constant
    log_determinant: np.ndarray  # (M,), log |V / σ²|
    weight: np.ndarray  # (M, J, 2, 2), K
    gram: np.ndarray  # (M, p, p), Q'V⁻¹Q
    step: np.ndarray  # (M, p, 1), coefficients
    rest: np.ndarray  # (M, J, 2, 1), what they leave of the lines
    residual_sum: np.ndarray  # (M,)


class _Likelihood(NamedTuple):
    """The profiled likelihood of one outcome as a function of three parameters.

    They are the lower triangle of Λ, with Ψ = Λ Λ' the covariance of the random effects relative to
    σ². The line of a hospital varies by σ² (I + F'Ψ F), and independently of the deviations
    from it; K is the inverse of the matrix in brackets.
    """

    sums: HospitalSums
    outcome: int
    divisor: int  # of the residual sum
    reml: bool

    def at(self, theta: np.ndarray) -> _Point:
        """Solve for the fixed effects at (M, 3) parameters."""
        sums, r, (m, p) = self.sums, self.outcome, (len(theta), len(self.sums.names))
        factor = _factor(theta)[:, None]
        spread = sums.root.swapaxes(1, 2) @ factor
        middle = np.eye(2) + spread @ spread.swapaxes(2, 3)
        # det(I + BB') = 1 + tr(BB') + det(B)²: a sum of positive numbers, which stays exact where
        # the matrix is nearly singular. And the inverse of a 2 x 2 matrix by its trace.
        trace = np.trace(middle, axis1=2, axis2=3)
        diagonals = np.diagonal(sums.root * factor, axis1=2, axis2=3)
        determinant = trace - 1 + diagonals.prod(axis=2) ** 2
        weight = (trace[..., None, None] * np.eye(2) - middle) / determinant[..., None, None]

        lines, own = sums.lines, sums.outcome_lines[:, :, [r]]
        weighted = (weight @ lines).reshape(m, -1, p).swapaxes(1, 2)
        gram = sums.gram + weighted @ lines.reshape(-1, p)
        cross = sums.cross[:, [r]] + weighted @ own.reshape(-1, 1)
        step = np.linalg.solve(gram, cross)
        square = sums.square[r] + (own * (weight @ own)).sum(axis=(1, 2, 3))
        residual_sum = square - (cross * step).sum(axis=(1, 2))
        log_determinant = np.log(determinant).sum(axis=1)
        deviance = log_determinant + self.divisor * np.log(residual_sum)
        if self.reml:
            deviance += np.linalg.slogdet(gram)[1]
        rest = own - lines @ step[:, None]
        return _Point(deviance, log_determinant, weight, gram, step, rest, residual_sum)

    def with_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the deviance at (3,) parameters and its derivatives."""
        deviance, _, weight, gram, _, rest, residual_sum = (
            part[0] for part in self.at(theta[None])
        )
        through = self.sums.root @ weight  # Z'V⁻¹ is F K times the line
        rest = through @ rest
        slope = (through @ self.sums.root.swapaxes(1, 2)).sum(axis=0)
        slope -= self.divisor / residual_sum * (rest @ rest.swapaxes(1, 2)).sum(axis=0)
        if self.reml:
            lines = through @ self.sums.lines
            slope -= (lines @ np.linalg.inv(gram) @ lines.swapaxes(1, 2)).sum(axis=0)
        # This was the derivative for Ψ; the chain rule makes it one for Λ.
        return deviance, (2 * slope @ _factor(theta))[_LOWER]

    def lowest(self) -> np.ndarray:
        """Return the parameters of the lowest deviance.

        A search by gradients from the best point of each family, since small data can have
        several valleys. Then the root of the gradient near the lowest end: the deviance itself
        is too flat there to tell more than half of the digits.
        """
        starts = [family[self.at(family).deviance.argmin()] for family in _FAMILIES]
        with np.errstate(all="ignore"):  # a step too far overflows, and is not kept
            ends = [minimize(self.with_gradient, start, jac=True).x for start in starts]
            best = min(ends, key=lambda theta: self.with_gradient(theta)[0])
            polished = root(lambda theta: self.with_gradient(theta)[1], best).x
            return min([best, polished], key=lambda theta: self.with_gradient(theta)[0])


def fit_slope(sums: HospitalSums, reml: bool) -> Optimum:
    """Return the optimum for each of R outcomes, one after the other."""
    divisor = sums.n_obs - len(sums.names) if reml else sums.n_obs
    optima = []
    for outcome in range(len(sums.square)):
        likelihood = _Likelihood(sums, outcome, divisor, reml)
        theta = likelihood.lowest()
        point = likelihood.at(theta[None])
        relative = _factor(theta) @ _factor(theta).T
        effects = relative @ sums.root @ point.weight[0] @ point.rest[0]
        fields = point.log_determinant, point.gram, point.step[..., 0], point.residual_sum
        optima.append((relative, *(field[0] for field in fields), effects[:, :, 0]))
    return Optimum(*map(np.array, zip(*optima, strict=True)))


def _factor(theta: np.ndarray) -> np.ndarray:
    factor = np.zeros((*theta.shape[:-1], 2, 2))
    factor[..., *_LOWER] = theta
    return factor
