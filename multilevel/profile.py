"""Exact REML and ML of one grouping factor from sums over hospitals, for many outcomes at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from multilevel.profile_intercept import fit_intercept
from multilevel.profile_slope import fit_slope
from multilevel.sums import HospitalSums, Optimum, hospital_sums


@dataclass(frozen=True)
class ProfileFit:
    """What :func:`profile_reml` estimates.

    Shapes are those of one outcome, with p predictors, k random effects (1 or 2) and J hospitals;
    for R outcomes each array has a leading axis of length R.
    """

    fixed_effects: np.ndarray  #: (p,), units of the outcome per unit of the predictor
    standard_errors: np.ndarray  #: (p,), of generalised least squares at the estimated variances
    covariance: np.ndarray  #: (p, p), of the fixed effects
    random_effects_covariance: np.ndarray  #: (k, k), of intercept and slope; τ² in its corner
    tau: np.ndarray  #: (), standard deviation of the random intercepts, where the slope is at 0
    sigma: np.ndarray  #: (), standard deviation of patients around their hospital's line
    log_likelihood: np.ndarray  #: (), restricted or full, constants included
    hospital_effects: np.ndarray  #: (J,) or, with a slope, (J, 2): conditional modes, shrunken
    hospitals: np.ndarray  #: (J,), their labels (no leading axis)
    names: tuple[str, ...]  #: of the p fixed effects
    reml: bool  #: restricted or full likelihood


def profile_reml(
    y: np.ndarray | pd.Series,
    X: np.ndarray | pd.DataFrame,
    groups: np.ndarray | pd.Series,
    *,
    slope: np.ndarray | pd.Series | None = None,
    reml: bool = True,
) -> ProfileFit:
    """Fit a random intercept, or intercept and slope, at the optimum of the profiled likelihood.

    Sums over each hospital are formed once; after that the cost of a step depends on the number of
    hospitals (without a slope: of different sizes), not of patients. With a random intercept
    alone a single parameter is left, the variance ratio τ²/σ². Every interval of a grid in which
    the slope of the likelihood changes its sign is searched, and zero is always a candidate. So
    a variance of zero is exactly 0, and the optimum is the global one, unless two peaks are closer
    together than a factor of e. A random slope leaves three parameters, searched for from
    several starts. All outcomes are searched together.

    Parameters
    ----------
    y : (N,) or (N, R) array
        One outcome, or R outcomes of the same patients, such as replications of a simulation.
    X : (N, p) array or DataFrame
        Fixed-effects columns, the intercept included. What deviates from hospitals' lines by less
        than 3e-7 of its length, once other columns are taken out, counts as constant in them.
    groups : (N,) array
        Hospital of each patient, in any order.
    slope : (N,) array, optional
        Predictor whose slope varies between hospitals, with a free covariance with the intercept.
    reml : bool
        Restricted maximum likelihood, or (False) maximum likelihood.

    Returns
    -------
    ProfileFit
        For (N, R) outcomes every field has a leading axis of length R.

    Raises
    ------
    ValueError
        If the data do not suit the model; the message names the column and the fix.

    References
    ----------
    Bates, Mächler, Bolker and Walker (2015), doi:10.18637/jss.v067.i01, equations 30 to 42.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> hospital = np.repeat(np.arange(40), 25)
    >>> severity = rng.normal(size=1000)
    >>> X = np.column_stack([np.ones(1000), severity])
    >>> u = rng.normal(0, 3, size=(40, 500))
    >>> y = 50 + 2 * severity[:, None] + u[hospital] + rng.normal(0, 6, size=(1000, 500))
    >>> fit = profile_reml(y, X, hospital)
    >>> fit.fixed_effects.shape, fit.tau.shape
    ((500, 2), (500,))
    >>> [round(float(value), 1) for value in (*fit.fixed_effects.mean(axis=0), fit.sigma.mean())]
    [50.0, 2.0, 6.0]
    """
    sums = hospital_sums(y, X, groups, slope)
    found = (fit_intercept if slope is None else fit_slope)(sums, reml)
    estimates = _estimates(sums, reml, found)
    if np.ndim(y) == 1:
        estimates = {name: value[0] for name, value in estimates.items()}
    return ProfileFit(**estimates, hospitals=sums.hospitals, names=sums.names, reml=reml)


def _estimates(sums: HospitalSums, reml: bool, optimum: Optimum) -> dict[str, np.ndarray]:
    """Return the fields of a fit with a leading axis of outcomes, in the units of the data."""
    divisor = sums.n_obs - len(sums.names) if reml else sums.n_obs
    variance = optimum.residual_sum / divisor
    minus_two = optimum.log_determinant + divisor * (1 + np.log(2 * np.pi * variance))
    if reml:
        minus_two -= 2 * np.linalg.slogdet(sums.inverse)[1]
    covariance = variance[:, None, None] * (sums.inverse @ optimum.covariance @ sums.inverse.T)
    between = variance[:, None, None] * (sums.back @ optimum.relative @ sums.back.T)
    effects = optimum.effects @ sums.back.T
    return {
        "fixed_effects": (sums.least_squares.T + optimum.step) @ sums.inverse.T,
        "standard_errors": np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)),
        "covariance": covariance,
        "random_effects_covariance": between,
        "tau": np.sqrt(between[:, 0, 0]),
        "sigma": np.sqrt(variance),
        "log_likelihood": -minus_two / 2,
        "hospital_effects": effects if effects.shape[2] > 1 else effects[:, :, 0],
    }
