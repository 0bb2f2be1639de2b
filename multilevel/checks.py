"""Fit a statsmodels ``MixedLM``, and believe the fit only after computing it a second time."""

from __future__ import annotations

import warnings

import numpy as np
from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMResultsWrapper
from statsmodels.tools import sm_exceptions

from multilevel.likelihood import MixedLikelihood

# In units of the log-likelihood, which has none. A difference of 1e-5 moves no estimate by more
# than half a per cent of its standard error.
_SAME = 1e-5
# The same for a variance of zero: below this the data cannot tell it from the estimate.
_SINGULAR = 1e-6
# Where the search for the optimum starts if a variance is zero: exactly there statsmodels divides
# by zero, and its gradient vanishes.
_NEARLY_ZERO = 1e-4
# Tried in turn until one passes. Never L-BFGS: it stops at a variance of zero, where the gradient
# vanishes, and reports success. Tighter tolerances fail there for want of precision; they are not
# needed, since each attempt starts at the optimum and has to end within 1e-5 of it.
_ATTEMPTS = (
    {"method": "bfgs", "gtol": 1e-5},
    {"method": "bfgs", "gtol": 1e-4},
    {"method": "powell", "ftol": 1e-10},
)


class ConvergenceError(RuntimeError):
    """No attempt to fit the model passed the checks."""


class SingularFitWarning(UserWarning):
    """A variance of the random effects is estimated at zero (or a correlation at ±1)."""


def checked_fit(model: MixedLM, reml: bool) -> MixedLMResultsWrapper:
    """Return a fit that is an optimum and agrees with an independent computation.

    Parameters
    ----------
    model : statsmodels.regression.mixed_linear_model.MixedLM
        With linearly independent columns.
    reml : bool
        Restricted or full maximum likelihood.

    Raises
    ------
    ConvergenceError
        If no attempt passes.

    Warns
    -----
    SingularFitWarning
        If the likelihood is as high with one of the variances at zero.
    """
    likelihood = MixedLikelihood(model, reml)
    best = likelihood.maximise()
    top = likelihood.log_likelihood(best)
    factor, sds = likelihood.unpack(np.where(np.abs(best) < _NEARLY_ZERO, _NEARLY_ZERO, best))
    start = np.concatenate([factor[np.tril_indices(model.k_re)], sds])
    for options in _ATTEMPTS:
        result = _attempt(model, start, reml, options)
        if result is None:
            reason = "the optimiser did not converge to a finite log-likelihood"
            continue
        t = likelihood.pack(result.cov_re / result.scale, result.vcomp / result.scale)
        with np.errstate(all="ignore"):  # what is not finite here counts as a disagreement
            reason = _disagreement(result, likelihood, t)
        if reason is None and top - result.llf > _SAME:
            reason = f"other variances have a log-likelihood {top - result.llf:.3g} higher"
        if reason is None:
            simpler = max(map(likelihood.log_likelihood, likelihood.reduced(t)))
            if simpler > max(top, result.llf) - _SINGULAR:
                warnings.warn(_singular_message(model), SingularFitWarning, stacklevel=3)
            return result
    raise ConvergenceError(
        f"No fit of {model.endog_names!r} passed the checks in {len(_ATTEMPTS)} attempts: "
        f"{reason}. "
        "Centre and rescale the predictors, simplify the random effects, "
        "or look whether a group leaves no residual variance."
    )


def _attempt(
    model: MixedLM, start: np.ndarray, reml: bool, options: dict
) -> MixedLMResultsWrapper | None:
    """Return statsmodels' fit, or None if it did not converge to a finite log-likelihood."""
    # statsmodels' own warnings about convergence and the boundary depend on the units of the
    # outcome; the checks replace them. So do they replace numpy's about a variance of zero.
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", sm_exceptions.ConvergenceWarning)
        warnings.simplefilter("ignore", sm_exceptions.SingularMatrixWarning)
        try:
            result = model.fit(start_params=start, reml=reml, **options)
        except np.linalg.LinAlgError:
            return None
        return result if result.converged and np.isfinite(result.llf) else None


def _disagreement(
    result: MixedLMResultsWrapper, likelihood: MixedLikelihood, t: np.ndarray
) -> str | None:
    """Say what differs from the fixed effects, variance and likelihood computed again at ``t``."""
    own = likelihood.at(t)
    step = (np.asarray(result.fe_params) - own.fixed_effects) / np.sqrt(np.diag(own.covariance))
    if not np.all(np.abs(step) < 1e-4):
        return "the fixed effects are not those of generalised least squares"
    if not abs(result.scale / own.residual_variance - 1) < 1e-6:
        return "the residual variance is not that of generalised least squares"
    if not abs(result.llf - own.log_likelihood) <= _SAME:
        return "the log-likelihood is not that of the estimates"
    return None


def _singular_message(model: MixedLM) -> str:
    return (
        f"Singular fit of {model.endog_names!r}: a variance of the random effects "
        f"({', '.join(model.data.param_names[model.k_fe :])}) is estimated at zero, or a "
        "correlation at -1 or 1. The data cannot tell it from zero, which is common with few "
        "groups and no proof that it is zero. Report it and give an interval for it; of several "
        "random effects, see what a simpler model says."
    )
