"""The optimum of a model whose intercept and slope vary between hospitals."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from multilevel.sums import HospitalSums, Optimum

# In units of the deviance: less than this is rounding.
_SAME = 1e-9
# Below this a parameter, a standard deviation relative to σ, changes no digit of the deviance.
_ZERO = 1e-8
# How far the gradient is followed to see how it changes; parameters have no unit.
_NEARBY = 1e-5


def _ellipses(angles: np.ndarray) -> np.ndarray:
    """Return (12 angles, 3) parameters whose random effects scatter in a thin ellipse.

    Its long axis lies at an angle (0: intercepts vary, π/2: slopes do), and has one of twelve
    lengths, relative to σ.
    """
    angle, length = np.meshgrid(angles, np.geomspace(0.03, 100, 12))
    cos, sin = length * np.cos(angle), length * np.sin(angle)
    axes = np.array([[cos, -sin / 100], [sin, cos / 100]]).transpose(2, 3, 0, 1)
    factor = np.linalg.cholesky(axes @ axes.swapaxes(-1, -2)).reshape(-1, 4)
    return factor[:, [0, 2, 3]]


# Searches start at the best point of each of these families, four directions, in all of which the
# correlation is nearly ±1. Never a line or zero, where the gradient vanishes across.
_FAMILIES = [_ellipses((k + np.arange(4)) * np.pi / 16) for k in (0, 4, 8, 12)]


class _Point(NamedTuple):
    """What generalised least squares gives at M covariances of the random effects."""

    deviance: np.ndarray  # (R, M), -2 log-likelihood up to a constant
    log_determinant: np.ndarray  # (R, M), log |V / σ²|
    inverse: np.ndarray  # (R, M, 3, J), the entries 00, 01 and 11 of K
    gram: np.ndarray  # (R, M, p, p), Q'V⁻¹Q
    step: np.ndarray  # (R, M, p), coefficients of Q
    residual_sum: np.ndarray  # (R, M)
    factors: tuple[np.ndarray, ...]  # (R, M, J), entries of B = F'Λ, det(B) and det(I + BB')


class _Likelihood(NamedTuple):
    """The profiled likelihood of R outcomes as a function of three parameters.

    They are the lower triangle of Λ, with Ψ = Λ Λ' the covariance of the random effects relative to
    σ². The line of a hospital varies by σ² (I + F'Ψ F), and independently of the deviations
    from it; K is the inverse of the matrix in brackets. Products of 2 x 2 matrices are written out
    by their entries, so that each is one operation for all hospitals.

    Functions take (R, M, 3) parameters, M for each outcome.
    """

    root: np.ndarray  # (3, J), the entries 00, 10 and 11 of F
    products: np.ndarray  # (R, 3 J, (p + 1)²), cross-products of (Q, e), by the entries of K
    within: np.ndarray  # (R, 1, p + 1, p + 1), those of deviations from the lines
    divisor: int  # of the residual sum
    reml: bool
    scatter: np.ndarray  # (R, 3), parameters: how far hospitals' own lines are apart

    def at(self, theta: np.ndarray) -> _Point:
        """Solve for the fixed effects."""
        l00, l10, l11 = np.moveaxis(theta, 2, 0)[..., None]
        f00, f10, f11 = self.root
        b00, b01, b10, b11 = f00 * l00 + f10 * l10, f10 * l11, f11 * l10, f11 * l11
        m00, m01, m11 = 1 + b00**2 + b01**2, b00 * b10 + b01 * b11, 1 + b10**2 + b11**2
        # 1 + tr(BB') + det(B)²: a sum of positive numbers, which stays exact where the matrix is
        # nearly singular.
        product = f00 * l00 * b11
        determinant = m00 + m11 - 1 + product**2
        inverse = np.stack([m11, -m01, m00], axis=2) / determinant[:, :, None]

        total = inverse.reshape(*theta.shape[:2], -1) @ self.products
        total = self.within + total.reshape(*theta.shape[:2], *self.within.shape[2:])
        gram, cross, square = total[..., :-1, :-1], total[..., :-1, -1], total[..., -1, -1]
        step = np.linalg.solve(gram, cross[..., None])[..., 0]
        residual_sum = square - (cross * step).sum(axis=2)
        log_determinant = np.log(determinant).sum(axis=2)
        deviance = log_determinant + self.divisor * np.log(residual_sum)
        if self.reml:
            deviance += np.linalg.slogdet(gram)[1]
        factors = b00, b01, b10, b11, product, determinant
        return _Point(deviance, log_determinant, inverse, gram, step, residual_sum, factors)

    def with_gradient(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the deviance, (R, M), and its (R, M, 3) derivatives."""
        point = self.at(theta)
        # The derivatives for the entries of K: N, with the off-diagonal entry twice.
        own = np.insert(-point.step, point.step.shape[2], 1, axis=2)
        weight = own[..., :, None] * own[..., None, :]
        weight *= self.divisor / point.residual_sum[..., None, None]
        if self.reml:
            weight[..., :-1, :-1] += np.linalg.inv(point.gram)
        slopes = weight.reshape(*theta.shape[:2], -1) @ self.products.swapaxes(1, 2)
        n00, n01, n11 = np.moveaxis(slopes.reshape(point.inverse.shape), 2, 0)
        n01 = n01 / 2
        # For I + BB' they are H = K - K N K, and for Λ the sum of 2 F H B. Where variances are
        # large K B is small, though K is not; but C = (B + det(B) cofactors of B) / det(I + BB'),
        # which is K B, has its digits.
        b00, b01, b10, b11, product, determinant = point.factors
        c00, c01 = (b00 + product * b11) / determinant, (b01 - product * b10) / determinant
        c10, c11 = (b10 - product * b01) / determinant, (b11 + product * b00) / determinant
        k00, k01, k11 = np.moveaxis(point.inverse, 2, 0)
        nc00, nc01 = n00 * c00 + n01 * c10, n00 * c01 + n01 * c11
        nc10, nc11 = n01 * c00 + n11 * c10, n01 * c01 + n11 * c11
        h00 = c00 - k00 * nc00 - k01 * nc10
        h01 = c01 - k00 * nc01 - k01 * nc11
        h10 = c10 - k01 * nc00 - k11 * nc10
        h11 = c11 - k01 * nc01 - k11 * nc11
        f00, f10, f11 = self.root
        slope = np.stack([h00 @ f00, h00 @ f10 + h10 @ f11, h01 @ f10 + h11 @ f11], axis=2)
        return point.deviance, 2 * slope

    def descend(self, theta: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """Return parameters of lower deviance, and it.

        Newton's method on the gradient, since the deviance itself is too flat at the end to tell
        more than half of the digits. Curvature is taken without its sign, which leads away from
        saddles (Dauphin et al. 2014, arXiv:1406.2572), and damped, the more so after a step that
        did not lead down.
        """
        deviance, slope = self.with_gradient(theta)
        damping = np.ones(theta.shape)
        for _ in range(steps):
            nearby = theta[:, :, None] + _NEARBY * np.eye(3)
            there = self.with_gradient(nearby.reshape(len(theta), -1, 3))[1]
            curve = (there.reshape(nearby.shape) - slope[:, :, None]) / _NEARBY
            size, axes = np.linalg.eigh((curve + curve.swapaxes(2, 3)) / 2)
            along = (slope[:, :, None] @ axes)[:, :, 0] / (np.abs(size) + damping)
            step = -(axes @ along[..., None])[..., 0]
            new_deviance, new_slope = self.with_gradient(theta + step)
            lower = new_deviance < deviance + _SAME
            theta = np.where(lower[..., None], theta + step, theta)
            slope = np.where(lower[..., None], new_slope, slope)
            deviance = np.where(lower, new_deviance, deviance)
            damping = np.where(lower[..., None], damping / 10, damping * 10)
            if np.all(np.abs(step) < 1e-10 * (1 + np.abs(theta))):
                break
        return theta, deviance

    def lowest(self) -> np.ndarray:
        """Return the (R, 1, 3) parameters of the lowest deviance.

        A few steps from the best point of each family and from how far hospitals' own lines
        scatter, since small data can have several valleys; the lowest goes on to the bottom.
        """
        n_outcomes = len(self.products)
        starts = [self.scatter]
        for family in _FAMILIES:
            heights = self.at(np.broadcast_to(family, (n_outcomes, *family.shape))).deviance
            starts.append(family[heights.argmin(axis=1)])
        with np.errstate(all="ignore"):  # a step too far overflows, and is not taken
            tries, deviance = self.descend(np.stack(starts, axis=1), steps=8)
            best = tries[np.arange(n_outcomes), deviance.argmin(axis=1)][:, None]
            theta = self.descend(best, steps=50)[0]
        return np.where(np.abs(theta) < _ZERO, 0, theta)


def fit_slope(sums: HospitalSums, reml: bool) -> Optimum:
    """Return the optimum for each of R outcomes."""
    n_outcomes, n_hospitals = len(sums.square), len(sums.sizes)
    # In parts that fit into the processor's memory.
    n_parts = 1 + n_outcomes * n_hospitals // 1000
    parts = np.array_split(np.arange(n_outcomes), min(n_outcomes, n_parts))
    optima = [_fit_part(sums, part, reml) for part in parts]
    return Optimum(*map(np.concatenate, zip(*optima, strict=True)))


def _fit_part(sums: HospitalSums, outcomes: np.ndarray, reml: bool) -> Optimum:
    likelihood = _likelihood(sums, outcomes, reml)
    theta = likelihood.lowest()
    point = likelihood.at(theta)
    factor = np.insert(theta[:, 0], 1, 0, axis=1).reshape(-1, 2, 2)
    relative = factor @ factor.swapaxes(1, 2)
    # Conditional modes Ψ F K times what the fixed effects leave of a hospital's line.
    inverse = point.inverse[:, 0, [0, 1, 1, 2]].swapaxes(1, 2).reshape(len(theta), -1, 2, 2)
    lines = np.moveaxis(sums.outcome_lines[..., outcomes], 2, 0)
    rest = lines[..., None] - sums.lines @ point.step.swapaxes(1, 2)[:, None]
    effects = (relative[:, None] @ sums.root @ inverse @ rest)[..., 0]
    log_determinant = point.log_determinant[:, 0]
    if reml:
        log_determinant += np.linalg.slogdet(point.gram[:, 0])[1]
    return Optimum(
        relative, log_determinant, np.linalg.inv(point.gram[:, 0]), point.step[:, 0],
        point.residual_sum[:, 0], effects,
    )  # fmt: skip


def _likelihood(sums: HospitalSums, outcomes: np.ndarray, reml: bool) -> _Likelihood:
    n_outcomes, (n_hospitals, _, p) = len(outcomes), sums.lines.shape
    own = np.moveaxis(sums.outcome_lines[..., outcomes], 2, 0)[..., None]
    lines = np.broadcast_to(sums.lines, (n_outcomes, n_hospitals, 2, p))
    mean, slope = np.moveaxis(np.concatenate([lines, own], axis=3), 2, 0)
    both = mean[..., :, None] * slope[..., None, :]
    products = np.concatenate(
        [
            mean[..., :, None] * mean[..., None, :],
            both + both.swapaxes(2, 3),
            slope[..., :, None] * slope[..., None, :],
        ],
        axis=1,
    )
    within = np.empty((n_outcomes, 1, p + 1, p + 1))
    within[:, 0, :p, :p] = np.diag(sums.spread)
    within[:, 0, :p, p] = within[:, 0, p, :p] = sums.cross.T[outcomes]
    within[:, 0, p, p] = sums.square[outcomes]
    root = np.array([sums.root[:, 0, 0], sums.root[:, 1, 0], sums.root[:, 1, 1]])
    return _Likelihood(
        root,
        products.reshape(n_outcomes, 3 * n_hospitals, (p + 1) ** 2),
        within,
        sums.n_obs - p if reml else sums.n_obs,
        reml,
        _scatter(root, own[..., 0], sums.within[outcomes] / sums.n_obs),
    )


def _scatter(root: np.ndarray, lines: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Return (R, 3) parameters: the covariance of hospitals' own lines, relative to σ².

    A line is F'⁻¹ U'e; with det(F) as its weight no line has to be inverted that cannot be. However
    large the variances are, and however thin the ellipse, they are near those of lines.
    """
    f00, f10, f11 = root
    weight = f00 * f11
    own = np.stack([f11 * lines[:, :, 0] - f10 * lines[:, :, 1], f00 * lines[:, :, 1]], axis=2)
    total = (weight**2).sum()
    own -= weight[:, None] * (weight @ own / total)[:, None]
    covariance = own.swapaxes(1, 2) @ own / total / variance[:, None, None]
    return np.linalg.cholesky(covariance + 1e-3 * np.eye(2))[:, [0, 1, 1], [0, 0, 1]]
