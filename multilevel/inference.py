"""What a random-intercept model says about hospitals: their variance share, and how sure we are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import chi2
from statsmodels.regression.mixed_linear_model import MixedLMResultsWrapper

from multilevel.comparison import simulate_outcomes
from multilevel.likelihood import MixedLikelihood
from multilevel.profile import profile_reml


def intraclass_correlation(result: MixedLMResultsWrapper) -> float:
    """Return the intraclass correlation τ² / (τ² + σ²) of a random-intercept model.

    It is the share of the variance that lies between hospitals, and the correlation of two
    patients of one hospital; both after the predictors of the model. Neither says that the
    hospital is the cause, and no value is small enough to ignore the clustering.

    Parameters
    ----------
    result : MixedLMResultsWrapper
        What :func:`multilevel.models.fit_mixed` returned.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the model has other random effects than one intercept.

    References
    ----------
    Raudenbush and Bryk (2002), Hierarchical Linear Models, chapter 2.

    Examples
    --------
    >>> import numpy as np
    >>> from multilevel.models import fit_mixed
    >>> from multilevel.simulate import WORLD, simulate_hospitals
    >>> patients, _ = simulate_hospitals(400, 25, rng=np.random.default_rng(1))
    >>> icc = intraclass_correlation(fit_mixed("will_to_live ~ 1", patients, "hospital"))
    >>> bool(abs(icc - WORLD.implied()["icc"]) < 0.05)
    True
    """
    _require_random_intercept(result, "The intraclass correlation")
    variance = float(result.cov_re.to_numpy()[0, 0])
    return variance / (variance + float(result.scale))


def design_effect(icc: float, n: float | Sequence[int]) -> float:
    """Return the design effect 1 + (n - 1) icc of clusters of n patients.

    By this factor clustering multiplies the variance of a *mean*, and of the coefficient of a
    hospital-level predictor. It does not hold for a patient-level predictor: one that does not
    vary between hospitals can even gain precision.

    Parameters
    ----------
    icc : float
        Intraclass correlation, 0 to 1.
    n : float or sequence of int
        Patients in each hospital, at least 1: one number for all, or one for each hospital.
        Unequal sizes count as n = Σn² / Σn, which makes the formula exact for the mean of all
        patients, and is never less than their average.

    Returns
    -------
    float
        At least 1.

    Raises
    ------
    ValueError
        If ``icc`` is outside 0 to 1, or a size is below 1.

    References
    ----------
    Kish (1965), Survey Sampling; for unequal sizes Eldridge, Ashby and Kerry (2006),
    doi:10.1093/ije/dyl129, whose (1 + cv²) n̄ is Σn² / Σn.

    Examples
    --------
    >>> design_effect(0.5, 25)
    13.0
    >>> design_effect(0.5, [10, 40])
    17.5
    """
    if not 0 <= icc <= 1:
        raise ValueError(f"icc is {icc}; an intraclass correlation lies between 0 and 1.")
    sizes = np.atleast_1d(np.asarray(n, float))
    if sizes.size == 0 or not np.all(sizes >= 1) or not np.all(np.isfinite(sizes)):
        raise ValueError(f"n is {n}; each hospital needs at least 1 patient.")
    return float(1 + ((sizes**2).sum() / sizes.sum() - 1) * icc)


def hospital_sd_interval(
    result: MixedLMResultsWrapper, *, level: float = 0.95
) -> tuple[float, float]:
    """Return the profile-likelihood interval of the standard deviation between hospitals.

    It holds all standard deviations that a likelihood-ratio test would not reject. It profiles the
    full likelihood, for a REML fit too, in order to be the interval that lme4's ``confint`` gives;
    the restricted one could be profiled as well, since all its models have the same fixed part.
    So the interval lies around the maximum-likelihood estimate, which with few hospitals is
    clearly below the REML estimate: in simulations with a standard deviation of 3 between and 6
    within hospitals of 30 patients, 95 % intervals held the true value in 84 % of studies with
    three hospitals, in 93 % with ten; with a smaller one between, more often.

    Parameters
    ----------
    result : MixedLMResultsWrapper
        A random-intercept model from :func:`multilevel.models.fit_mixed`.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    low, high : float
        In units of the outcome. ``low`` is exactly 0 if the test does not reject zero.

    Raises
    ------
    ValueError
        If the model has other random effects than one intercept, or ``level`` is not a level.

    References
    ----------
    Bates, Mächler, Bolker and Walker (2015), section 5.1, doi:10.18637/jss.v067.i01.
    """
    _require_random_intercept(result, "This interval")
    _require_level(level)
    likelihood = MixedLikelihood(result.model, reml=False)
    theta = abs(float(likelihood.maximise()[0]))
    top = likelihood.at([theta])
    estimate = theta * np.sqrt(top.residual_variance)
    cut = top.log_likelihood - chi2.ppf(level, df=1) / 2

    def above_cut(sd: float) -> float:
        return _log_likelihood_of_sd(likelihood, sd) - cut

    low = 0.0 if above_cut(0.0) >= 0 else brentq(above_cut, 0.0, estimate, xtol=1e-9 * estimate)
    unit = max(estimate, np.sqrt(top.residual_variance / likelihood.n_obs))
    high = 2 * unit
    while above_cut(high) > 0:
        high *= 2
    return low, brentq(above_cut, estimate, high, xtol=1e-9 * unit)


class BootstrapInterval(NamedTuple):
    """What :func:`bootstrap_hospital_sd` found, in units of the outcome."""

    low: float
    high: float
    replicates: np.ndarray  # (n,), the estimate in each simulated data set


def bootstrap_hospital_sd(
    result: MixedLMResultsWrapper, *, rng: np.random.Generator, n: int = 1000, level: float = 0.95
) -> BootstrapInterval:
    """Return what a study of this size would estimate if the fitted model were the truth.

    Outcomes are drawn from the fitted model and it is fitted to each again, by REML or ML as
    before. The interval holds the middle of the replicates (percentiles), like lme4's
    ``confint(method = "boot")``. With few hospitals it is too narrow and too low: in the studies
    of :func:`hospital_sd_interval` it held the true value in 76 % with three, in 90 % with ten.

    Parameters
    ----------
    result : MixedLMResultsWrapper
        A random-intercept model from :func:`multilevel.models.fit_mixed`.
    rng : numpy.random.Generator
        The only source of chance.
    n : int
        Number of simulated data sets, at least 1.
    level : float
        Confidence level, between 0 and 1.

    Returns
    -------
    BootstrapInterval
        ``low``, ``high``, and ``replicates`` of shape (n,); an estimate of zero is exactly 0.

    Raises
    ------
    ValueError
        If the model has other random effects than one intercept, or ``n`` or ``level`` is wrong.

    References
    ----------
    Davison and Hinkley (1997), Bootstrap Methods and their Application, section 5.3.
    """
    _require_random_intercept(result, "This bootstrap")
    _require_level(level)
    model = result.model
    outcomes = simulate_outcomes(result, n, rng=rng)
    taus = profile_reml(outcomes, model.exog, model.groups, reml=result.reml).tau
    low, high = np.quantile(taus, [(1 - level) / 2, (1 + level) / 2])
    return BootstrapInterval(float(low), float(high), taus)


def _log_likelihood_of_sd(likelihood: MixedLikelihood, sd: float) -> float:
    """Return the log-likelihood maximised over all but the standard deviation of hospitals.

    With that fixed, one parameter is left, the residual standard deviation: for each, the
    ratio of the two gives the fixed effects by generalised least squares.
    """
    n = likelihood.n_obs

    def minus_log_likelihood(log_sigma: float) -> float:
        variance = np.exp(2 * log_sigma)
        own = likelihood.at([sd / np.exp(log_sigma)])
        minus_two = own.log_determinant + n * np.log(2 * np.pi * variance)
        return (minus_two + own.residual_sum / variance) / 2

    # The residual standard deviation lies between the one within groups and that of the outcome.
    widest = np.log(likelihood.residual_square / n) / 2
    return -_lowest(minus_log_likelihood, widest - 8, widest + 0.1)


def _lowest(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the minimum over an interval, from the best point of a grid: it may be far away."""
    grid = np.linspace(low, high, 33)
    best = int(np.argmin([function(value) for value in grid]))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    return minimize_scalar(function, bounds=bounds, method="bounded", options={"xatol": 1e-10}).fun


def _require_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; choose one between 0 and 1, such as 0.95.")


def _require_random_intercept(result: MixedLMResultsWrapper, what: str) -> None:
    model = result.model
    if model.k_vc or model.k_re != 1 or not np.all(model.exog_re == 1):
        raise ValueError(
            f"{what} needs a model with a random intercept and nothing else; this one has "
            f"{', '.join(model.data.param_names[model.k_fe :])}. With more random effects the "
            "variance between hospitals depends on the predictors."
        )
