"""The optimum of a model whose intercept and slope vary between hospitals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize, root

from multilevel.sums import HospitalSums, Optimum

# In units of the deviance: less than this is rounding.
_SAME = 1e-8
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
    inverse: np.ndarray  # (M, 3, J), the entries 00, 01 and 11 of K
    gram: np.ndarray  # (M, p, p), Q'V⁻¹Q
    step: np.ndarray  # (M, p), coefficients of Q
    residual_sum: np.ndarray  # (M,)


class _Likelihood(NamedTuple):
    """The profiled likelihood of one outcome as a function of three parameters.

    They are the lower triangle of Λ, with Ψ = Λ Λ' the covariance of the random effects relative to
    σ². The line of a hospital varies by σ² (I + F'Ψ F), and independently of the deviations
    from it; K is the inverse of the matrix in brackets. Products of 2 x 2 matrices are written out
    by their entries, so that each is one operation for all hospitals.
    """

    root: np.ndarray  # (3, J), the entries 00, 10 and 11 of F
    products: np.ndarray  # (3 J, (p + 1)²), cross-products of (Q, e), by the entries of K
    within: np.ndarray  # (p + 1, p + 1), those of deviations from the lines
    divisor: int  # of the residual sum
    reml: bool

    def at(self, theta: np.ndarray) -> _Point:
        """Solve for the fixed effects at (M, 3) parameters."""
        (l00, l10, l11), (f00, f10, f11) = theta.T[:, :, None], self.root
        # With B = F'Λ, det(I + BB') = 1 + tr(BB') + det(B)²: a sum of positive numbers, which
        # stays exact where the matrix is nearly singular.
        b00, b01, b10, b11 = f00 * l00 + f10 * l10, f10 * l11, f11 * l10, f11 * l11
        m00, m01, m11 = 1 + b00**2 + b01**2, b00 * b10 + b01 * b11, 1 + b10**2 + b11**2
        determinant = m00 + m11 - 1 + (f00 * l00 * b11) ** 2
        inverse = np.stack([m11, -m01, m00], axis=1) / determinant[:, None]

        total = inverse.reshape(len(theta), -1) @ self.products
        total = self.within + total.reshape(-1, *self.within.shape)
        gram, cross, square = total[:, :-1, :-1], total[:, :-1, -1], total[:, -1, -1]
        step = np.linalg.solve(gram, cross[:, :, None])[:, :, 0]
        residual_sum = square - (cross * step).sum(axis=1)
        log_determinant = np.log(determinant).sum(axis=1)
        deviance = log_determinant + self.divisor * np.log(residual_sum)
        if self.reml:
            deviance += np.linalg.slogdet(gram)[1]
        return _Point(deviance, log_determinant, inverse, gram, step, residual_sum)

    def with_gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the deviance at (3,) parameters and its derivatives."""
        point = self.at(theta[None])
        # The derivatives for the entries of K: N, with the off-diagonal entry twice.
        weight = np.append(-point.step[0], 1)
        weight = self.divisor / point.residual_sum * np.outer(weight, weight)
        if self.reml:
            weight[:-1, :-1] += np.linalg.inv(point.gram[0])
        n00, twice_n01, n11 = (self.products @ weight.ravel()).reshape(3, -1)
        n01 = twice_n01 / 2
        # For I + F'Ψ F they are H = K - K N K, for Ψ they are F H F', and for Λ twice F H F'Λ.
        (k00, k01, k11), (f00, f10, f11) = point.inverse[0], self.root
        kn00, kn01 = k00 * n00 + k01 * n01, k00 * n01 + k01 * n11
        kn10, kn11 = k01 * n00 + k11 * n01, k01 * n01 + k11 * n11
        h00 = k00 - kn00 * k00 - kn01 * k01
        h01 = k01 - kn00 * k01 - kn01 * k11
        h11 = k11 - kn10 * k01 - kn11 * k11
        fh10 = f10 * h00 + f11 * h01
        slope00, slope01 = f00 @ (h00 * f00), f00 @ fh10
        slope11 = fh10 @ f10 + (f10 * h01 + f11 * h11) @ f11
        slope = np.array([[slope00, slope01], [slope01, slope11]])
        return point.deviance[0], (2 * slope @ _factor(theta))[_LOWER]

    def lowest(self) -> np.ndarray:
        """Return the parameters of the lowest deviance.

        A few steps from the best point of each family, since small data can have several
        valleys; a search by gradients from where the lowest ended; then the root of the gradient
        near by, because the deviance itself is too flat there to tell more than half of the digits.
        """
        starts = [family[self.at(family).deviance.argmin()] for family in _FAMILIES]
        with np.errstate(all="ignore"):  # a step too far overflows, and is not kept
            tries = [
                minimize(
                    self.with_gradient, start, jac=True, method="L-BFGS-B", options={"maxiter": 8}
                )
                for start in starts
            ]
            lowest = min(tries, key=lambda end: end.fun).x
            best = minimize(self.with_gradient, lowest, jac=True, method="BFGS").x
            polished = root(lambda theta: self.with_gradient(theta)[1], best, tol=1e-13).x
            rise = self.with_gradient(polished)[0] - self.with_gradient(best)[0]
        return polished if rise < _SAME else best


def fit_slope(sums: HospitalSums, reml: bool) -> Optimum:
    """Return the optimum for each of R outcomes, one after the other."""
    optima = []
    for r in range(len(sums.square)):
        likelihood = _likelihood(sums, r, reml)
        theta = likelihood.lowest()
        point = likelihood.at(theta[None])
        rest = sums.outcome_lines[:, :, r] - sums.lines @ point.step[0]
        k00, k01, k11 = point.inverse[0]
        weighted = np.array([[k00, k01], [k01, k11]]).transpose(2, 0, 1) @ rest[:, :, None]
        relative = _factor(theta) @ _factor(theta).T
        effects = (relative @ sums.root @ weighted)[:, :, 0]
        fields = point.log_determinant, point.gram, point.step, point.residual_sum
        optima.append((relative, *(field[0] for field in fields), effects))
    return Optimum(*map(np.array, zip(*optima, strict=True)))


def _likelihood(sums: HospitalSums, r: int, reml: bool) -> _Likelihood:
    p = len(sums.names)
    mean, slope = np.dstack([sums.lines, sums.outcome_lines[:, :, r]]).swapaxes(0, 1)
    both = mean[:, :, None] * slope[:, None, :]
    products = np.concatenate(
        [
            mean[:, :, None] * mean[:, None, :],
            both + both.swapaxes(1, 2),
            slope[:, :, None] * slope[:, None, :],
        ]
    )
    cross = sums.cross[:, [r]]
    return _Likelihood(
        np.array([sums.root[:, 0, 0], sums.root[:, 1, 0], sums.root[:, 1, 1]]),
        products.reshape(-1, (p + 1) ** 2),
        np.block([[sums.gram, cross], [cross.T, sums.square[r]]]),
        sums.n_obs - p if reml else sums.n_obs,
        reml,
    )


def _factor(theta: np.ndarray) -> np.ndarray:
    factor = np.zeros((2, 2))
    factor[_LOWER] = theta
    return factor
