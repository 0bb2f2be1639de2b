"""The likelihood of a linear mixed model, computed independently of statsmodels.

Nothing here fits a model for the reader. It is the second opinion that
:func:`multilevel.models.fit_mixed` asks for before it hands a fit over.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from statsmodels.regression.mixed_linear_model import MixedLM


class Solution(NamedTuple):
    """What generalised least squares gives for one set of variances."""

    log_likelihood: float
    fixed_effects: np.ndarray  # (p,), in units of the outcome per unit of the predictor
    covariance: np.ndarray  # (p, p), of the fixed effects
    residual_variance: float
    log_determinant: float  # of V divided by the residual variance
    residual_sum: float  # (y - Xb)' (V / residual variance)^-1 (y - Xb)


class MixedLikelihood:
    """Profiled log-likelihood of a statsmodels ``MixedLM`` as a function of its variances.

    With relative covariance factor Λ the outcome has covariance V = σ² (I + Z Λ Λ' Z'). Each
    evaluation needs only the cross-products of every group, formed once, and a Cholesky
    factor of I + Λ' Z'Z Λ (Bates et al. 2015, equations 30 to 42), so variances of exactly zero
    are ordinary values and large groups cost nothing extra.

    The vector ``t`` holds the lower triangle of the factor of the random effects' covariance,
    then one standard deviation for each variance component; all of them relative to the
    residual standard deviation, and multiplied by the root mean square of the predictor that they
    belong to. They have no unit: rescaling the outcome or a predictor leaves ``t`` as it is.

    Parameters
    ----------
    model : statsmodels.regression.mixed_linear_model.MixedLM
        N observations, p linearly independent fixed-effects columns.
    reml : bool
        Restricted (True) or full (False) likelihood.

    Attributes
    ----------
    triangle : numpy.ndarray
        (p, p) R of X = QR. All sums below are over the orthonormal columns of Q.
    zz : numpy.ndarray
        (J, q, q) cross-products Z'Z of each group.
    za : numpy.ndarray
        (J, q, p + 1) cross-products of Z with Q and with the residual of ordinary least squares.
    owner : numpy.ndarray
        For each column of Z after the first ``k_re``, the variance component that it belongs to.
    """

    def __init__(self, model: MixedLM, reml: bool) -> None:
        self.reml = reml
        self.k_re = model.k_re
        x = np.asarray(model.exog, float)
        y = np.asarray(model.endog, float)
        self.n_obs, self.n_fixed = x.shape
        # An orthonormal basis and residuals, because raw cross-products of uncentred data
        # lose half of their digits.
        basis, self.triangle = np.linalg.qr(x)
        self.ols = basis.T @ y
        residual = y - basis @ self.ols
        self.residual_square = residual @ residual
        self._log_det_triangle = np.log(np.abs(np.diag(self.triangle))).sum()
        targets = np.column_stack([basis, residual])

        # Each variance component gets as many columns as its widest group needs; the columns
        # of zeros that narrower groups have change nothing.
        components = model.exog_vc.mats
        widths = [max(m.shape[1] for m in mats) for mats in components]
        self.owner = np.repeat(np.arange(len(widths)), widths)
        n_columns = self.k_re + sum(widths)
        zz, za = [], []
        for i, group in enumerate(model.group_labels):
            rows = model.row_indices[group]
            z = np.zeros((len(rows), n_columns))
            if self.k_re:
                z[:, : self.k_re] = model.exog_re_li[i]
            for c, first in enumerate(np.cumsum([self.k_re, *widths[:-1]]) if widths else []):
                z[:, first : first + components[c][i].shape[1]] = components[c][i]
            zz.append(z.T @ z)
            za.append(z.T @ targets[rows])
        self.zz, self.za = np.array(zz), np.array(za)

        mean_squares = np.einsum("jqq->q", self.zz) / self.n_obs
        self.rms_re = np.sqrt(mean_squares[: self.k_re])
        self.rms_vc = np.sqrt(np.bincount(self.owner, weights=mean_squares[self.k_re :]))
        self.lower = np.tril_indices(self.k_re)

    def pack(self, cov_re: np.ndarray, vcomp: np.ndarray) -> np.ndarray:
        """Return ``t`` for a (k, k) covariance and the components, both relative to σ²."""
        scaled = cov_re * np.outer(self.rms_re, self.rms_re)
        values, vectors = np.linalg.eigh(scaled)
        root = vectors * np.sqrt(np.clip(values, 0, None))
        factor = np.linalg.qr(root.T, mode="r").T
        return np.concatenate([factor[self.lower], self.rms_vc * np.sqrt(np.clip(vcomp, 0, None))])

    def unpack(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the (k, k) factor of the covariance and the components' relative SDs."""
        factor = np.zeros((self.k_re, self.k_re))
        factor[self.lower] = t[: len(self.lower[0])]
        return factor / self.rms_re[:, None], t[len(self.lower[0]) :] / self.rms_vc

    def factor(self, t: np.ndarray) -> np.ndarray:
        """Return the (q, q) factor Λ: one row for each column of a group's Z."""
        factor, sds = self.unpack(np.asarray(t, float))
        q = self.zz.shape[1]
        root = np.zeros((q, q))
        root[: self.k_re, : self.k_re] = factor
        root[range(self.k_re, q), range(self.k_re, q)] = sds[self.owner]
        return root

    def at(self, t: np.ndarray) -> Solution:
        """Solve the fixed effects at given variances, and evaluate the log-likelihood there."""
        root = self.factor(t)
        cholesky = np.linalg.cholesky(np.eye(len(root)) + root.T @ self.zz @ root)
        half = np.linalg.solve(cholesky, root.T @ self.za).reshape(-1, self.n_fixed + 1)
        log_det = 2 * np.log(np.diagonal(cholesky, axis1=1, axis2=2)).sum()

        p = self.n_fixed
        gram = -half.T @ half
        gram[np.diag_indices(p)] += 1
        gram[p, p] += self.residual_square
        step = np.linalg.solve(gram[:p, :p], gram[:p, p])
        residual_sum = gram[p, p] - gram[:p, p] @ step
        inverse = np.linalg.inv(self.triangle)

        divisor = self.n_obs - p if self.reml else self.n_obs
        variance = residual_sum / divisor
        minus_two = log_det + divisor * (1 + np.log(2 * np.pi * variance))
        if self.reml:
            minus_two += np.linalg.slogdet(gram[:p, :p])[1] + 2 * self._log_det_triangle
        covariance = variance * inverse @ np.linalg.inv(gram[:p, :p]) @ inverse.T
        fixed_effects = inverse @ (self.ols + step)
        return Solution(-minus_two / 2, fixed_effects, covariance, variance, log_det, residual_sum)

    def log_likelihood(self, t: np.ndarray) -> float:
        """Return the log-likelihood at ``t``, minus infinity where it cannot be evaluated."""
        try:
            with np.errstate(all="ignore"):
                value = self.at(t).log_likelihood
        except np.linalg.LinAlgError:
            return -np.inf
        return value if np.isfinite(value) else -np.inf

    def maximise(self) -> np.ndarray:
        """Return the ``t`` of the highest log-likelihood.

        A search by gradients from two places, never from zero: there the gradient vanishes,
        and a search along one variance at a time stays, although two together would climb.
        Then a search without gradients, which gains the last digits.
        """
        unit = np.concatenate([np.eye(self.k_re)[self.lower], np.ones(len(self.rms_vc))])
        sizes = [size * unit for size in (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)]
        candidates = [0 * unit]
        for start in (max(sizes, key=self.log_likelihood), 0.3 * unit):
            found = self._search(start, method="BFGS")
            candidates += [start, found, *self.reduced(found)]
        best = max(candidates, key=self.log_likelihood)
        polished = self._search(best, method="Powell", options={"xtol": 1e-7, "ftol": 1e-14})
        return max(best, polished, key=self.log_likelihood)

    def _search(self, start: np.ndarray, **how: object) -> np.ndarray:
        # Where the likelihood cannot be evaluated it is taken as very low, not as infinite,
        # because differences of infinities are no gradient.
        return minimize(lambda t: -max(self.log_likelihood(t), -1e100), start, **how).x

    def reduced(self, t: np.ndarray) -> list[np.ndarray]:
        """Return ``t`` with one variance set to zero: of each component, and in the direction
        in which the random effects vary least."""
        simpler = []
        k = len(self.lower[0])
        if self.k_re:
            factor = np.zeros((self.k_re, self.k_re))
            factor[self.lower] = t[:k]
            left, values, _ = np.linalg.svd(factor)
            values[-1] = 0
            factor = np.linalg.qr((left * values).T, mode="r").T
            simpler.append(np.concatenate([factor[self.lower], t[k:]]))
        for c in range(k, len(t)):
            simpler.append(np.where(np.arange(len(t)) == c, 0.0, t))
        return simpler
