"""Fixed effects with t tests: how many degrees of freedom a few hospitals leave."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLMResultsWrapper

from multilevel.derivatives import Derivatives, derivatives
from multilevel.solved import SolvedModel


def fixed_effects_table(
    result: MixedLMResultsWrapper, *, df: str = "satterthwaite"
) -> pd.DataFrame:
    """Return the fixed effects with standard errors, t tests and 95 % intervals.

    Parameters
    ----------
    result : MixedLMResultsWrapper
        What :func:`multilevel.models.fit_mixed` returned.
    df : {"satterthwaite", "kenward-roger", "between-within", "z"}
        How to find the degrees of freedom.

        - Satterthwaite matches the mean and variance of each squared standard error with those of
          a χ² distribution. A variance that is estimated at zero is taken as known to be
          zero, as lmerTest does: then a coefficient of hospitals is given the degrees of freedom
          of patients, which are far too many. So it can be with a correlation of ±1.
        - Kenward-Roger (REML fits only) also widens the standard errors for not knowing the
          variances. With hospitals of equal size it still counts them when the variance of a
          random intercept is estimated at zero; with unequal ones it may then give a fraction of
          one, or far more than there are hospitals, as pbkrtest does. Use between-within there.
        - Between-within counts: J minus the coefficients of hospitals (the intercept among them)
          for each of those, N - J minus the coefficients of patients for the others. A coefficient
          with a random slope has J minus 1, and minus its interactions with columns of
          hospitals, which have the same.
        - z has infinitely many, which is only right for many hospitals.

    Returns
    -------
    pandas.DataFrame
        One row for each coefficient: ``estimate``, ``se``, ``df``, ``t``, two-sided ``p``, ``low``
        and ``high``; estimate, standard error and interval are in the coefficient's unit.

    Raises
    ------
    ValueError
        If ``df`` is unknown, or needs another fit: Kenward-Roger one by REML, between-within one
        without variance components.

    References
    ----------
    Giesbrecht and Burns (1985), doi:10.2307/2530872, and Kuznetsova, Brockhoff and
    Christensen (2017), doi:10.18637/jss.v082.i13, for Satterthwaite; Kenward and Roger (1997),
    doi:10.2307/2533558, as computed by Halekoh and Højsgaard (2014), doi:10.18637/jss.v059.i09;
    Raudenbush and Bryk (2002), chapter 3, for counting.

    Examples
    --------
    Three hospitals leave one degree of freedom for a slope between hospitals.

    >>> import numpy as np
    >>> from multilevel.models import fit_mixed
    >>> from multilevel.simulate import simulate_three_hospitals
    >>> patients = simulate_three_hospitals(rng=np.random.default_rng(1))
    >>> fit = fit_mixed("will_to_live ~ resilience + staff_quality", patients, "hospital")
    >>> fixed_effects_table(fit, df="kenward-roger")["df"].round(2).tolist()
    [4.26, 86.0, 1.0]
    """
    if df not in _METHODS:
        raise ValueError(f"df is {df!r}; choose one of {', '.join(map(repr, _METHODS))}.")
    solved = SolvedModel(result)
    se, freedom = _METHODS[df](result, solved)
    estimate = np.asarray(result.fe_params, float)
    margin = stats.t.ppf(0.975, freedom) * se
    columns = {
        "estimate": estimate,
        "se": se,
        "df": freedom,
        "t": estimate / se,
        "p": 2 * stats.t.sf(np.abs(estimate / se), freedom),
        "low": estimate - margin,
        "high": estimate + margin,
    }
    return pd.DataFrame(columns, index=pd.Index(result.model.exog_names, name="coefficient"))


def _satterthwaite(
    result: MixedLMResultsWrapper, solved: SolvedModel
) -> tuple[np.ndarray, np.ndarray]:
    """Return standard errors, and 2 f² / var(f) for each f = se², by the delta method.

    The derivatives are those with respect to the factor Λσ and to σ, where the likelihood is
    smooth at a variance of zero too.
    """
    parts = derivatives(solved)
    jacobian, curvature = _of_factor(solved, parts)
    information = jacobian @ parts.observed @ jacobian.T + curvature
    values, vectors = np.linalg.eigh(information)
    kept = values > 1e-8 * values.max()
    root = (vectors[:, kept] / np.sqrt(values[kept])).T @ jacobian
    half = solved.to_effects @ solved.phi
    gradient = np.einsum("ia,kab,ib->ik", half, parts.first, half)
    variance = ((gradient @ root.T) ** 2).sum(axis=1)
    squared = np.diag(solved.covariance)
    return np.sqrt(squared), 2 * squared**2 / variance


def _of_factor(solved: SolvedModel, parts: Derivatives) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivatives of the variances by their factor, and Σ gradient · second derivatives.

    V = ZLL'Z' + σ²I is quadratic in the lower triangle L, the components' standard deviations
    and σ. Divided by σ, so that none has a unit.
    """
    likelihood, k = solved.likelihood, solved.likelihood.k_re
    factor = solved.root[:k, :k] * likelihood.rms_re[:, None]
    rows, columns = np.tril_indices(k)
    n_lower, n = len(rows), len(parts.gradient)
    jacobian, curvature = np.zeros((n, n)), np.zeros((n, n))
    gradient = np.zeros((k, k))  # symmetric: of minus the log-likelihood, by each entry of Ψ
    gradient[rows, columns] = parts.gradient[:n_lower] / np.where(rows == columns, 1, 2)
    gradient = gradient + np.tril(gradient, -1).T
    for i, (a, b) in enumerate(zip(rows, columns, strict=True)):
        change = np.zeros((k, k))
        change[a] = factor[:, b]
        jacobian[i, :n_lower] = (change + change.T)[rows, columns]
        for j, (c, d) in enumerate(zip(rows, columns, strict=True)):
            curvature[i, j] = 2 * gradient[a, c] * (b == d)
    first_vc = np.searchsorted(likelihood.owner, np.arange(n - n_lower - 1))
    sds = np.append(np.diag(solved.root)[k:][first_vc] * likelihood.rms_vc, 1.0)
    others = range(n_lower, n)
    jacobian[others, others] = 2 * sds
    curvature[others, others] = 2 * parts.gradient[n_lower:]
    return jacobian * solved.scale, curvature * solved.scale


def _kenward_roger(
    result: MixedLMResultsWrapper, solved: SolvedModel
) -> tuple[np.ndarray, np.ndarray]:
    """Return the adjusted standard errors and degrees of freedom of single coefficients.

    For one coefficient Kenward and Roger's scale factor is 1, and their degrees of freedom are
    2 f² / var(f) with the variance parameters' expected information.
    """
    if not result.reml:
        raise ValueError(
            "Kenward-Roger needs a fit by REML; fit again with reml=True, or use "
            'df="satterthwaite".'
        )
    parts, phi = derivatives(solved), solved.phi
    covariance = _inverse(parts.expected)
    spread = parts.second - np.einsum("kab,bc,lcd->klad", parts.first, phi, parts.first)
    half = solved.to_effects @ phi
    adjustment = 2 * np.einsum("kl,ia,klab,ib->i", covariance, half, spread, half)
    gradient = np.einsum("ia,kab,ib->ik", half, parts.first, half)
    variance = np.einsum("ik,kl,il->i", gradient, covariance, gradient)
    squared = np.diag(solved.covariance)
    return np.sqrt(squared + adjustment), 2 * squared**2 / variance


def _between_within(
    result: MixedLMResultsWrapper, solved: SolvedModel
) -> tuple[np.ndarray, np.ndarray]:
    """Return standard errors, and the number of hospitals or patients less the coefficients."""
    model = result.model
    if model.k_vc:
        raise ValueError(
            'df="between-within" counts hospitals and patients; a model with vc_formula has other '
            'levels. Use df="satterthwaite" or "kenward-roger".'
        )
    x, n_groups = model.exog, model.n_groups
    effects = [np.ones(len(x)), *model.exog_re.T]
    # the random effect whose hospital-level equation a coefficient is in, the intercept first
    owner = [
        next((r for r, z in enumerate(effects) if _proportional_in_groups(z, column, model)), None)
        for column in x.T
    ]
    within = sum(r != 0 for r in owner)
    freedom = np.array(
        [len(x) - n_groups - within if r is None else n_groups - owner.count(r) for r in owner],
        float,
    )
    return np.sqrt(np.diag(solved.covariance)), np.where(freedom > 0, freedom, np.nan)


def _z(result: MixedLMResultsWrapper, solved: SolvedModel) -> tuple[np.ndarray, np.ndarray]:
    se = np.sqrt(np.diag(solved.covariance))
    return se, np.full(len(se), np.inf)


_METHODS = {
    "satterthwaite": _satterthwaite,
    "kenward-roger": _kenward_roger,
    "between-within": _between_within,
    "z": _z,
}


def _inverse(information: np.ndarray) -> np.ndarray:
    """Return the inverse after scaling to a unit diagonal."""
    unit = np.sqrt(np.diag(information))
    return np.linalg.pinv(information / np.outer(unit, unit), hermitian=True) / np.outer(unit, unit)


def _proportional_in_groups(z: np.ndarray, x: np.ndarray, model) -> bool:
    """Say whether x is z times something that is constant within each group."""
    for group in model.group_labels:
        rows = model.row_indices[group]
        a, b = z[rows], x[rows]
        rest = b - a * (a @ b) / max(a @ a, np.finfo(float).tiny)
        if np.abs(rest).max() > 1e-9 * np.abs(x).max():
            return False
    return True
