"""How the likelihood and the covariance of the fixed effects move with the variances."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from multilevel.solved import SolvedModel


class Derivatives(NamedTuple):
    """Derivatives with respect to the k variance parameters, in which V = Σ θ_k K_k is linear.

    The parameters are the lower triangle of the random effects' covariance, the variance
    components, and σ². Random effects are scaled by the root mean square of their predictor,
    which changes no result that is free of units.
    """

    first: np.ndarray  # (k, p, p), X'V⁻¹K_kV⁻¹X
    second: np.ndarray  # (k, k, p, p), X'V⁻¹K_kV⁻¹K_lV⁻¹X
    gradient: np.ndarray  # (k,), of minus the log-likelihood
    observed: np.ndarray  # (k, k), its second derivatives
    expected: np.ndarray  # (k, k), their expectation


def derivatives(solved: SolvedModel) -> Derivatives:
    """Return the derivatives at a fit, with X in orthonormal columns.

    Everything is a sum over groups of Z'V⁻ᵐZ, Z'V⁻ᵐA and A'V⁻ᵐA with A = [X, residual], because
    each K_k is either ZEZ' for a small matrix E, or the identity.

    References
    ----------
    Kenward and Roger (1997), doi:10.2307/2533558, for the symbols P and Q; Searle, Casella and
    McCulloch (1992), Variance Components, chapter 6, for the two information matrices.
    """
    likelihood, n = solved.likelihood, solved.likelihood.n_obs
    scales = np.concatenate([likelihood.rms_re, likelihood.rms_vc[likelihood.owner]])
    zz = likelihood.zz / np.outer(scales, scales)
    p = likelihood.n_fixed
    to_residual = np.eye(p + 1)
    to_residual[:p, p] = -solved.step
    za = likelihood.za @ to_residual / scales[:, None]
    aa = to_residual.T @ np.diag([1.0] * p + [likelihood.residual_square]) @ to_residual
    c = solved.shrinkage * np.outer(scales, scales)

    # V⁻ᵐ = (I - Z C_m Z') / σ²ᵐ, with C_1 = C and C_{m+1} = C_m + C - C_m Z'Z C.
    zvz, zva, ava, trace = {}, {}, {}, {}
    power = c
    for m in (1, 2, 3):
        unit = solved.scale**m
        zvz[m] = (zz - zz @ power @ zz) / unit
        zva[m] = (za - zz @ power @ za) / unit
        ava[m] = (aa - np.einsum("jqa,jqr,jrb->ab", za, power, za)) / unit
        trace[m] = (n - np.einsum("jqr,jrq->", power, zz)) / unit
        power = power + c - power @ zz @ c

    shapes = structures(likelihood.k_re, likelihood.owner)
    k = len(shapes) + 1
    one = np.empty((k, p + 1, p + 1))  # A'V⁻¹K_kV⁻¹A
    two = np.empty((k, k, p + 1, p + 1))  # A'V⁻¹K_kV⁻¹K_lV⁻¹A
    single = np.empty(k)  # tr(V⁻¹K_k)
    double = np.empty((k, k))  # tr(V⁻¹K_kV⁻¹K_l)
    one[-1], two[-1, -1], single[-1], double[-1, -1] = ava[2], ava[3], trace[1], trace[2]
    for a, e in enumerate(shapes):
        left = np.swapaxes(zva[1], 1, 2) @ e
        one[a] = (left @ zva[1]).sum(axis=0)
        two[a, -1] = (left @ zva[2]).sum(axis=0)
        two[-1, a] = two[a, -1].T
        single[a] = np.einsum("qr,jrq->", e, zvz[1])
        double[a, -1] = double[-1, a] = np.einsum("qr,jrq->", e, zvz[2])
        for b, f in enumerate(shapes):
            two[a, b] = (left @ zvz[1] @ f @ zva[1]).sum(axis=0)
            double[a, b] = np.einsum("jqr,jrq->", e @ zvz[1], f @ zvz[1])

    phi = np.linalg.inv(ava[1][:p, :p])
    first, second = one[:, :p, :p], two[:, :, :p, :p]
    if likelihood.reml:
        single = single - np.einsum("ab,kba->k", phi, first)
        double = (
            double
            - 2 * np.einsum("ab,klba->kl", phi, second)
            + np.einsum("ab,kbc,cd,lda->kl", phi, first, phi, first)
        )
    score = one[:, :p, p]
    quadratic = two[:, :, p, p] - score @ phi @ score.T
    return Derivatives(
        first, second, (single - one[:, p, p]) / 2, quadratic - double / 2, double / 2
    )


def structures(k_re: int, owner: np.ndarray) -> list[np.ndarray]:
    """Return the (q, q) matrices E of which Ψ is a linear combination."""
    q = k_re + len(owner)
    shapes = []
    for a, b in zip(*np.tril_indices(k_re), strict=True):
        e = np.zeros((q, q))
        e[a, b] = e[b, a] = 1
        shapes.append(e)
    for component in range(owner.max(initial=-1) + 1):
        shapes.append(np.diag(np.concatenate([np.zeros(k_re), owner == component])))
    return shapes
