"""Fit mixed models with statsmodels, and check every fit before anybody reads it."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
import pandas as pd
import statsmodels.formula
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.regression.mixed_linear_model import MixedLMResultsWrapper

from multilevel.checks import ConvergenceError, SingularFitWarning, checked_fit
from multilevel.formulas import build_model, columns_of_model, functions_for
from multilevel.inputs import (
    MissingRowsWarning,
    check_design,
    check_groups,
    check_numeric,
    usable_rows,
)
from multilevel.likelihood import MixedLikelihood

# statsmodels 0.15 reads formulas with patsy or with formulaic, by a global option. One engine
# for the whole book, so that the same formula makes the same columns everywhere.
statsmodels.formula.options.formula_engine = "patsy"

__all__ = [
    "ConvergenceError",
    "MissingRowsWarning",
    "SingularFitWarning",
    "compare_slopes",
    "fit_mixed",
    "standard_errors",
]


def fit_mixed(
    formula: str,
    data: pd.DataFrame,
    groups: str,
    *,
    re_formula: str | None = None,
    vc_formula: Mapping[str, str] | None = None,
    reml: bool = True,
    missing: str = "raise",
) -> MixedLMResultsWrapper:  # pragma: no mutate block, since it looks at its caller's frame
    """Fit a linear mixed model with statsmodels' ``MixedLM``, and check the fit.

    It is ``smf.mixedlm(formula, data, groups=...).fit()`` with other optimisers (never L-BFGS,
    which stops at a variance of zero and says that it converged), started at an optimum that
    was found independently, and with a check of the answer. The fixed effects, the residual
    variance and the log-likelihood are computed again by generalised least squares at the
    estimated variances and must agree, and the log-likelihood must be the highest one. A fit
    that fails is repeated with another optimiser; one that fails three times is refused.

    Parameters
    ----------
    formula, re_formula, vc_formula
        As in :meth:`statsmodels.regression.mixed_linear_model.MixedLM.from_formula`. The default,
        without the last two, is a random intercept. ``vc_formula`` alone has none: give
        ``re_formula="1"`` too, unless the components hold it. For crossed effects give a
        constant column as ``groups``. Columns come from the data only; functions and modules in
        a formula from the caller.
    data : pandas.DataFrame
        One row a patient, in any order, with any index; it is not changed.
    groups : str
        Name of the column that says which rows belong together.
    reml : bool
        Restricted maximum likelihood, or (False) maximum likelihood.
    missing : {"raise", "drop"}
        What to do with rows that miss a value in a column that the model uses.

    Returns
    -------
    statsmodels.regression.mixed_linear_model.MixedLMResultsWrapper
        statsmodels' own results. For standard errors as lme4 prints them see
        :func:`standard_errors`.

    Raises
    ------
    ValueError
        If the data do not suit the model; the message names the column and the fix.
    ConvergenceError
        If no fit passes the checks.

    Warns
    -----
    SingularFitWarning
        If a variance is estimated at zero, whatever the units of the outcome.
    MissingRowsWarning
        If rows were left out; it counts them.

    References
    ----------
    Bates, Mächler, Bolker and Walker (2015), doi:10.18637/jss.v067.i01, for the likelihood.

    Examples
    --------
    >>> import numpy as np
    >>> from multilevel.simulate import simulate_hospitals
    >>> patients, _ = simulate_hospitals(40, 25, rng=np.random.default_rng(1))
    >>> fit = fit_mixed("will_to_live ~ symptom_severity", patients, groups="hospital")
    >>> fit.converged
    True
    """
    vc_formula = dict(vc_formula) if vc_formula else None
    functions = functions_for(data, sys._getframe(1))
    used = columns_of_model(formula, groups, re_formula, vc_formula, functions)
    frame = usable_rows(data, used, missing=missing)
    check_numeric(frame, [name for name in used if used[name] == "outcome"])
    index = frame.index
    # statsmodels selects rows by label, which repeats rows when labels are repeated.
    frame = frame.reset_index(drop=True)
    crossed = vc_formula is not None and re_formula is None
    check_groups(frame[groups].unique(), len(frame), groups, crossed=crossed)
    model = build_model(formula, frame, groups, re_formula, vc_formula, functions)
    check_design(model, formula, groups)
    model.data.orig_exog.index = model.data.orig_endog.index = index
    return checked_fit(model, reml)


def standard_errors(result: MixedLMResultsWrapper) -> pd.Series:
    """Return the standard errors of the fixed effects as textbooks and lme4 give them.

    They are √diag(σ² (X' V⁻¹ X)⁻¹), with V the covariance matrix of the outcome relative to σ², at
    the estimated variances. ``result.bse_fe`` inverts the observed information of fixed effects
    and variances together; that is a few per cent different, in small designs up to 14 %.

    Parameters
    ----------
    result : MixedLMResultsWrapper
        What :func:`fit_mixed` returned.

    Returns
    -------
    pandas.Series
        One standard error for each fixed effect, in its unit, named as in ``result.fe_params``.

    References
    ----------
    Bates et al. (2015), equation 54, doi:10.18637/jss.v067.i01.
    """
    likelihood = MixedLikelihood(result.model, result.reml)
    own = likelihood.at(likelihood.pack(result.cov_re / result.scale, result.vcomp / result.scale))
    return pd.Series(np.sqrt(np.diag(own.covariance)), index=result.model.exog_names, name="se")


def compare_slopes(
    data: pd.DataFrame,
    *,
    outcome: str = "will_to_live",
    predictor: str = "symptom_severity",
    group: str = "hospital",
    missing: str = "raise",
) -> pd.DataFrame:
    """Return the slope of the outcome on one predictor as five models give it.

    The slope of a random-intercept model is a mixture: the within and the between slope,
    each weighted by its precision. A random intercept takes care of dependent
    observations, not of slopes that differ between the levels; the within-between rows do that.

    Parameters
    ----------
    data : pandas.DataFrame
        N rows, J groups of any size.
    outcome, predictor, group : str
        Columns of ``data``, with names that a formula can hold.
    missing : {"raise", "drop"}
        As in :func:`fit_mixed`.

    Returns
    -------
    pandas.DataFrame
        ``model``, ``slope``, ``estimate``, ``se``, ``df``, ``low``, ``high``, ``meaning``. Slopes
        and standard errors are in units of the outcome per unit of the predictor. ``low`` and
        ``high`` are a 95 % t interval, with N - 2 degrees of freedom for the pooled slope,
        N - J - 1 for a slope of patients, J - 2 for the slope of hospital means. Two hospitals
        leave none: ``se``, ``low`` and ``high`` of that slope are missing (NaN) then.

    Raises
    ------
    ValueError
        As :func:`fit_mixed`; also if the predictor does not vary within or between the groups.

    References
    ----------
    Neuhaus and Kalbfleisch (1998), doi:10.2307/3109770, for the two slopes and their mixture.
    """
    used = {outcome: "outcome", predictor: "predictor", group: "group"}
    x, within, between = predictor, f"{predictor}_within", f"{predictor}_mean"
    if len({*used, within, between}) < 5:
        raise ValueError(
            f"outcome, predictor and group must be three columns, none of them named {within!r} or "
            f"{between!r}, which the two parts of the predictor will be; rename one."
        )
    frame = usable_rows(data, used, missing=missing)
    check_numeric(frame, [outcome, predictor])
    check_groups(frame[group].unique(), len(frame), group)
    means = frame.groupby(group, observed=True)[[outcome, predictor]].transform("mean")
    frame[within], frame[between] = frame[predictor] - means[predictor], means[predictor]
    for column, level in {within: "within", between: "between"}.items():
        if np.ptp(frame[column]) <= 1e-9 * np.ptp(frame[predictor]):
            raise ValueError(
                f"Column {predictor!r} does not vary {level} the groups of {group!r}, so there "
                f"is no {level} slope; choose a predictor that does."
            )
    n, j = len(frame), frame[group].nunique()

    pooled = smf.ols(f"{outcome} ~ {x}", frame).fit()
    # The same numbers as one dummy for each hospital, without a matrix of N x J.
    centred = frame.assign(**{outcome: frame[outcome] - means[outcome]})
    dummies = smf.ols(f"{outcome} ~ 0 + {within}", centred).fit()
    dummies_se = dummies.bse * np.sqrt(dummies.df_resid / (n - j - 1))
    mixture = fit_mixed(f"{outcome} ~ {x}", frame, group)
    parts = f"{outcome} ~ {within} + {between}"
    if j == 2:  # a line through two means fits exactly: nothing is left to judge its slope by
        split = smf.ols(parts, frame).fit()
        split_se = split.bse.where(split.bse.index != between)
    else:
        split = fit_mixed(parts, frame, group)
        split_se = standard_errors(split)

    per = f"{outcome} per unit of {predictor}"
    same = f"{per}, between two patients of the same {group}"
    rows = [
        ("pooled OLS", "pooled", pooled.params[x], pooled.bse[x], n - 2,
         f"{per}, as if there were no {group}: within and between slopes mixed"),
        (f"{group} dummies", "within", dummies.params[within], dummies_se[within],
         n - j - 1, same),
        ("random intercept", "mixture", mixture.fe_params[x], standard_errors(mixture)[x],
         n - j - 1, f"{per}: the within and between slopes mixed, weighted by their precision"),
        ("within-between", "within", split.params[within], split_se[within],
         n - j - 1, same),
        ("within-between", "between", split.params[between], split_se[between], j - 2,
         f"{per}, between the means of two values of {group}"),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["model", "slope", "estimate", "se", "df", "meaning"])
    margin = stats.t.ppf(0.975, table["df"].where(table["df"] > 0)) * table["se"]
    table.insert(5, "low", table["estimate"] - margin)
    table.insert(6, "high", table["estimate"] + margin)
    return table
