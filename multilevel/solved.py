"""The mixed model equations, solved at the variances that a fit estimated."""

from __future__ import annotations

import numpy as np
from statsmodels.regression.mixed_linear_model import MixedLMResultsWrapper

from multilevel.likelihood import MixedLikelihood


class SolvedModel:
    """What generalised least squares and Henderson's equations give at a fit's variances.

    The outcome of one group has covariance V = ZΨZ' + σ²I. With Ψ = σ²ΛΛ' its inverse is
    V⁻¹ = (I - ZCZ') / σ², where C = Λ(I + Λ'Z'ZΛ)⁻¹Λ' (Bates et al. 2015, equations 18 to 21). C
    is also the conditional covariance of the group's random effects divided by σ², and CZ' maps
    residuals to conditional modes. A variance of exactly zero needs no special case.

    Parameters
    ----------
    result : MixedLMResultsWrapper
        What :func:`multilevel.models.fit_mixed` returned.

    Attributes
    ----------
    likelihood : MixedLikelihood
        With the cross-products of every group.
    scale : float
        σ², in squared units of the outcome.
    shrinkage : numpy.ndarray
        (J, q, q) C of each group.
    effects : numpy.ndarray
        (J, q) conditional modes of the random effects, in units of the outcome per unit of Z.
    covariance : numpy.ndarray
        (p, p) covariance Φ of the fixed effects at these variances.
    phi : numpy.ndarray
        (p, p) the same for the coefficients of the orthonormal columns Q = XR⁻¹.
    to_effects : numpy.ndarray
        (p, p) R⁻¹, which turns coefficients of Q into those of X.
    """

    def __init__(self, result: MixedLMResultsWrapper) -> None:
        self.likelihood = MixedLikelihood(result.model, result.reml)
        t = self.likelihood.pack(result.cov_re / result.scale, result.vcomp / result.scale)
        self.root = self.likelihood.factor(t)
        zz, za = self.likelihood.zz, self.likelihood.za
        inner = np.eye(len(self.root)) + self.root.T @ zz @ self.root
        self.shrinkage = self.root @ np.linalg.solve(inner, np.broadcast_to(self.root.T, zz.shape))
        own = self.likelihood.at(t)
        self.scale, self.covariance = own.residual_variance, own.covariance
        triangle = self.likelihood.triangle
        self.phi = triangle @ own.covariance @ triangle.T
        self.to_effects = np.linalg.inv(triangle)
        # Residuals of generalised least squares are those of ordinary ones minus Q times this.
        self.step = triangle @ own.fixed_effects - self.likelihood.ols
        residual = za[:, :, -1] - za[:, :, :-1] @ self.step
        self.effects = np.einsum("jab,jb->ja", self.shrinkage, residual)
