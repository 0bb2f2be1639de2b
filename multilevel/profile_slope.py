"""The optimum of a model whose intercept and slope vary between hospitals."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize, root

from multilevel.arrays import Arrays, Optimum

_LOWER = np.tril_indices(2)


def fit_slope(arrays: Arrays, reml: bool) -> Optimum:
    """Return the optimum for each of R outcomes, one after the other."""
    z = arrays.columns
    # Only one pass over the patients for everything that the outcomes share.
    products = [z[:, :1] * z, z[:, 1:] * z, z[:, :1] * arrays.basis, z[:, 1:] * arrays.basis]
    sums = np.split(arrays.hospital_sums(np.hstack(products)), [2, 4, 4 + arrays.basis.shape[1]], 1)
    zz, zx = np.stack(sums[:2], axis=1), np.stack(sums[2:], axis=1)
    ze = np.stack([arrays.hospital_sums(z[:, [k]] * arrays.residual) for k in range(2)], axis=1)
    n, p = arrays.basis.shape
    found = []
    for r, square in enumerate((arrays.residual**2).sum(axis=0)):
        likelihood = _Likelihood(zz, zx, ze[:, :, [r]], square, n - p if reml else n, reml)
        found.append(likelihood.optimum())
    return Optimum(*map(np.stack, zip(*found, strict=True)))


class _Likelihood:
    """The profiled deviance of one outcome as a function of the relative covariance factor.

    With factor Λ the outcome has covariance V = σ² (I + Z Ψ Z'), Ψ = Λ Λ'. In a hospital with
    S = Z'Z its inverse is I - Z W Z', W = Λ (I + Λ' S Λ)⁻¹ Λ', so an evaluation needs no more than
    the cross-products of each hospital.
    """

    def __init__(
        self,
        zz: np.ndarray,  # (J, 2, 2)
        zx: np.ndarray,  # (J, 2, p), with orthonormal x
        ze: np.ndarray,  # (J, 2, 1), with residuals orthogonal to x
        square: float,
        divisor: int,
        reml: bool,
    ) -> None:
        self.zz, self.zx, self.ze = zz, zx, ze
        self.square, self.divisor, self.reml = square, divisor, reml

    def solve(self, theta: np.ndarray) -> tuple:
        """Return W, log |V|, X'V⁻¹X, the coefficients and the residual sum."""
        factor = _factor(theta)
        middle = np.eye(2) + factor.T @ self.zz @ factor
        weight = factor @ np.linalg.inv(middle) @ factor.T
        wx, we = weight @ self.zx, weight @ self.ze
        gram = np.eye(self.zx.shape[2]) - np.tensordot(self.zx, wx, axes=([0, 1], [0, 1]))
        cross = -np.tensordot(self.zx, we, axes=([0, 1], [0, 1]))
        step = np.linalg.solve(gram, cross)
        residual_sum = self.square - np.vdot(self.ze, we) - np.vdot(cross, step)
        return weight, np.log(np.linalg.det(middle)).sum(), gram, step, residual_sum

    def deviance(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Return -2 log-likelihood up to a constant, and its gradient."""
        weight, deviance, gram, step, residual_sum = self.solve(theta)
        deviance += self.divisor * np.log(residual_sum)
        through = np.eye(2) - self.zz @ weight  # Z'V⁻¹ = (I - S W) Z'
        rest = through @ (self.ze - self.zx @ step)
        slope = (through @ self.zz).sum(axis=0)
        slope -= self.divisor / residual_sum * (rest @ rest.transpose(0, 2, 1)).sum(axis=0)
        if self.reml:
            deviance += np.linalg.slogdet(gram)[1]
            zx = through @ self.zx
            slope -= (zx @ np.linalg.inv(gram) @ zx.transpose(0, 2, 1)).sum(axis=0)
        # The derivative for Ψ = Λ Λ' is ``slope``; the chain rule gives that for Λ.
        return deviance, (2 * slope @ _factor(theta))[_LOWER]

    def optimum(self) -> tuple:
        """Return the fields of :class:`Optimum` for this outcome."""
        sizes = [size * np.array([1.0, 0.0, 1.0]) for size in (0.03, 0.1, 0.3, 1, 3, 10, 30, 100)]
        sizes += [t * np.array([1, 1, 0.1]) for t in sizes]
        start = min(sizes, key=lambda t: self.deviance(t)[0])
        found = minimize(self.deviance, start, jac=True, method="BFGS").x
        polished = root(lambda t: self.deviance(t)[1], found).x
        theta = min([found, polished], key=lambda t: self.deviance(t)[0])
        weight, log_determinant, gram, step, residual_sum = self.solve(theta)
        effects = weight @ (self.ze - self.zx @ step)
        relative = _factor(theta) @ _factor(theta).T
        return gram, step[:, 0], residual_sum, log_determinant, relative, effects[:, :, 0]


def _factor(theta: np.ndarray) -> np.ndarray:
    factor = np.zeros((2, 2))
    factor[_LOWER] = theta
    return factor
