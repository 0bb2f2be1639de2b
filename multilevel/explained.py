"""How much of the outcome's variance a mixed model explains."""

from __future__ import annotations

import numpy as np
import pandas as pd
from statsmodels.regression.mixed_linear_model import MixedLMResultsWrapper


def r_squared(result: MixedLMResultsWrapper) -> pd.Series:
    """Return the marginal and the conditional R² of a linear mixed model.

    With σ_f² the variance of the fixed part over the patients in the data, σ_u² the mean over
    those patients of the variance of their random part, z'Ψz, and σ² the residual variance: ::

        marginal    = σ_f² / (σ_f² + σ_u² + σ²)
        conditional = (σ_f² + σ_u²) / (σ_f² + σ_u² + σ²)

    The conditional one counts what hospitals explain whose effects were estimated from their own
    patients. It says nothing about a new hospital: for that the marginal one is the guide. Both
    take the fixed effects as estimated, which makes σ_f² too large where hospitals are few.

    Parameters
    ----------
    result : MixedLMResultsWrapper
        What :func:`multilevel.models.fit_mixed` returned, with any random effects.

    Returns
    -------
    pandas.Series
        ``marginal`` and ``conditional``, between 0 and 1.

    References
    ----------
    Nakagawa and Schielzeth (2013), doi:10.1111/j.2041-210x.2012.00261.x; with random slopes
    Johnson (2014), doi:10.1111/2041-210X.12225, equations 10 and 11. The variance of the fixed
    part divides by N - 1, as in R's ``performance``. Two differences from its version 0.10.2,
    which departs from the formula: it leaves out the variance of random slopes that are
    uncorrelated with the intercept, and the whole random part of a singular fit.

    Examples
    --------
    >>> import numpy as np
    >>> from multilevel.models import fit_mixed
    >>> from multilevel.simulate import simulate_hospitals
    >>> patients, _ = simulate_hospitals(40, 25, rng=np.random.default_rng(1))
    >>> fit = fit_mixed("will_to_live ~ symptom_severity + staff_quality", patients, "hospital")
    >>> r_squared(fit).round(2).to_dict()
    {'marginal': 0.57, 'conditional': 0.61}
    """
    model = result.model
    fixed = np.var(model.exog @ np.asarray(result.fe_params, float), ddof=1)
    squares = np.zeros(model.n_totobs)  # z'Ψz of each patient
    if model.k_re:
        covariance = result.cov_re.to_numpy()
        squares += np.einsum("na,ab,nb->n", model.exog_re, covariance, model.exog_re)
    for variance, blocks in zip(result.vcomp, model.exog_vc.mats, strict=True):
        for group, block in zip(model.group_labels, blocks, strict=True):
            squares[model.row_indices[group]] += variance * (block**2).sum(axis=1)
    random = squares.mean()
    total = fixed + random + result.scale
    return pd.Series({"marginal": fixed / total, "conditional": (fixed + random) / total})
