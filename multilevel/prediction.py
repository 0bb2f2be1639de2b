"""What a model says about hospitals it has seen, and about patients of any hospital."""

from __future__ import annotations

import numpy as np
import pandas as pd
import patsy
from scipy.stats import norm
from statsmodels.regression.mixed_linear_model import MixedLMResultsWrapper

from multilevel.solved import SolvedModel


def hospital_effects(result: MixedLMResultsWrapper, *, level: float = 0.95) -> pd.DataFrame:
    """Return the predicted random effects of each hospital (BLUPs), with intervals.

    They are shrunken towards zero: predictions for these hospitals, not data to rank or to
    regress on. Standard deviation and interval are conditional on the estimated fixed
    effects and variances: they leave the uncertainty of β, τ and σ out, as lme4's ``condVar``
    does, and are too narrow with few hospitals. :func:`predict_patients` takes that of β in.

    Parameters
    ----------
    result : MixedLMResultsWrapper
        A model with random effects of one grouping, from :func:`multilevel.models.fit_mixed`.
    level : float
        Level of the intervals, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        One row for each hospital and effect: the grouping column under its name, ``effect``
        ("Intercept", or the predictor of a random slope), ``estimate``, ``sd``, ``low``, ``high``;
        in units of the outcome, per unit of the predictor for a slope. All are practically 0
        where the variance is estimated at zero.

    Raises
    ------
    ValueError
        If the model has variance components, ``level`` is not a level, or the grouping column
        has the name of a column of the result.

    References
    ----------
    Bates, Mächler, Bolker and Walker (2015), equations 56 to 58, doi:10.18637/jss.v067.i01; as
    lme4's ``ranef(condVar = TRUE)``.

    Examples
    --------
    >>> import numpy as np
    >>> from multilevel.models import fit_mixed
    >>> from multilevel.simulate import simulate_three_hospitals
    >>> patients = simulate_three_hospitals(rng=np.random.default_rng(1))
    >>> effects = hospital_effects(fit_mixed("will_to_live ~ 1", patients, "hospital"))
    >>> effects[["hospital", "effect", "estimate", "sd"]].round(2)
      hospital     effect  estimate    sd
    0     Blue  Intercept      9.30  0.79
    1    Green  Intercept      0.66  0.79
    2      Red  Intercept     -9.96  0.79
    """
    quantile = _quantile(level)
    names = _random_effects(result, "hospital_effects").column_names
    solved = SolvedModel(result)
    estimate = solved.effects.ravel()
    variance = solved.scale * np.einsum("jqq->jq", solved.shrinkage).ravel()
    sd = np.sqrt(np.clip(variance, 0, None))
    labels, group = result.model.group_labels, result.model.group_name
    table = pd.DataFrame(
        {
            "effect": np.tile(names, len(labels)),
            "estimate": estimate,
            "sd": sd,
            "low": estimate - quantile * sd,
            "high": estimate + quantile * sd,
        }
    )
    if group in table:
        raise ValueError(f"The grouping column {group!r} has the name of a result; rename it.")
    table.insert(0, group, np.repeat(labels, len(names)))
    return table


def predict_patients(
    result: MixedLMResultsWrapper, new_data: pd.DataFrame, *, level: float = 0.95
) -> pd.DataFrame:
    """Predict the outcome of patients of known and of new hospitals, with intervals.

    A hospital that the model has seen is predicted with its own effects. Their error and that of
    the fixed effects are correlated, and the interval holds both. A hospital that it
    has not seen has effects of zero, and their whole variance in the interval. The
    variances are taken as known: with few hospitals the intervals are too narrow.

    Parameters
    ----------
    result : MixedLMResultsWrapper
        A model with random effects of one grouping, from :func:`multilevel.models.fit_mixed`.
    new_data : pandas.DataFrame
        One row a patient, with the predictors and the grouping column. A hospital that is not
        in the fitted data, or missing, is new.
    level : float
        Level of the intervals, between 0 and 1.

    Returns
    -------
    pandas.DataFrame
        One row for each row of ``new_data``, in units of the outcome: ``fixed`` (for the average
        hospital), ``prediction`` (with the hospital's effects), ``known`` (whether the
        hospital was in the fitted data), ``mean_low`` and ``mean_high`` for the mean of all such
        patients of that hospital, ``patient_low`` and ``patient_high`` for one new patient.

    Raises
    ------
    ValueError
        If a column is absent, a predictor is missing, or a category was not in the fitted data;
        if the model has variance components, or ``level`` is not a level.

    References
    ----------
    Henderson (1975), doi:10.2307/2529430, and Robinson (1991), doi:10.1214/ss/1177011926, for the
    variance of the prediction error: (x - X'Z C z)' Φ (x - X'Z C z) + σ² z'Cz for a known hospital.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from multilevel.models import fit_mixed
    >>> from multilevel.simulate import simulate_hospitals
    >>> patients, _ = simulate_hospitals(40, 25, rng=np.random.default_rng(1))
    >>> fit = fit_mixed("will_to_live ~ symptom_severity", patients, "hospital")
    >>> new = pd.DataFrame({"symptom_severity": [5.0, 5.0], "hospital": ["H01", "elsewhere"]})
    >>> predict_patients(fit, new).round(1)[["prediction", "mean_low", "mean_high"]]
       prediction  mean_low  mean_high
    0        52.8      50.3       55.4
    1        55.1      34.4       75.9
    """
    quantile = _quantile(level)
    random_design = _random_effects(result, "predict_patients")
    model = result.model
    frame = _complete(new_data, model.predictors, model.group_name)
    x = _design(model.data.model_spec, frame)
    z = _design(random_design, frame)
    position = {label: j for j, label in enumerate(model.group_labels)}
    group = np.array([position.get(label, -1) for label in new_data[model.group_name]])
    known = group >= 0

    solved = SolvedModel(result)
    fixed = x @ np.asarray(result.fe_params, float)
    effects = np.where(known[:, None], solved.effects[group], 0)
    # û = CZ'(y - Xβ̂), so the error of z'û is that of known fixed effects, and -z'CZ'X(β̂ - β).
    shrunk = np.where(known[:, None], np.einsum("nqr,nr->nq", solved.shrinkage[group], z), 0)
    reach = x @ solved.to_effects - np.einsum(
        "nqp,nq->np", solved.likelihood.za[group, :, :-1], shrunk
    )
    own = np.where(known, np.einsum("nq,nq->n", z, shrunk), ((z @ solved.root) ** 2).sum(axis=1))
    variance = np.einsum("na,ab,nb->n", reach, solved.phi, reach) + solved.scale * own
    prediction = fixed + np.einsum("nq,nq->n", z, effects)
    of_mean, of_patient = np.sqrt(variance), np.sqrt(variance + solved.scale)
    columns = {
        "fixed": fixed,
        "prediction": prediction,
        "known": known,
        "mean_low": prediction - quantile * of_mean,
        "mean_high": prediction + quantile * of_mean,
        "patient_low": prediction - quantile * of_patient,
        "patient_high": prediction + quantile * of_patient,
    }
    return pd.DataFrame(columns, index=new_data.index)


def _complete(new_data: pd.DataFrame, predictors: list[str], group: str) -> pd.DataFrame:
    """Return the predictors of every row; a category as a plain value, which may be unknown."""
    for column in [*predictors, group]:
        if column not in new_data.columns:
            raise ValueError(
                f"new_data has no column {column!r}; the model predicts from "
                f"{', '.join(map(repr, predictors)) or 'no column'} and the groups of {group!r}."
            )
    if new_data.empty:
        raise ValueError("new_data has no rows; give one row for each patient to predict.")
    for column in predictors:
        count = int(new_data[column].isna().sum())
        if count:
            raise ValueError(
                f"Column {column!r} of new_data misses {count} of {len(new_data)} values; fill "
                "them in, or leave these rows out."
            )
    frame = new_data[predictors].reset_index(drop=True)
    return frame.astype(
        {name: object for name in frame if isinstance(frame[name].dtype, pd.CategoricalDtype)}
    )


def _design(design: patsy.DesignInfo, frame: pd.DataFrame) -> np.ndarray:
    """Return the columns of a design for new rows."""
    if not design.factor_infos:  # patsy cannot see how many rows an intercept alone has
        return np.ones((len(frame), len(design.column_names)))
    try:
        (matrix,) = patsy.build_design_matrices([design], frame)
    except patsy.PatsyError as error:
        raise ValueError(
            f"new_data does not fit the model's formula; a category must be one that was in the "
            f"fitted data: {error}"
        ) from error
    matrix = np.asarray(matrix, float)
    if not np.isfinite(matrix).all():
        raise ValueError("new_data makes a predictor infinite; look at logarithms and ratios.")
    return matrix


def _random_effects(result: MixedLMResultsWrapper, what: str) -> patsy.DesignInfo:
    """Return the design of the random effects of a model with one grouping."""
    model = result.model
    if model.k_vc:
        raise ValueError(
            f"{what} needs a model with random effects of one grouping; this one has the variance "
            f"components {', '.join(model.exog_vc.names)}. Fit it without vc_formula."
        )
    design = getattr(model.data.model_spec, "random_effects", None)
    if design is None:
        raise ValueError(f"{what} needs a model that fit_mixed fitted in this session.")
    return design


def _quantile(level: float) -> float:
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; choose one between 0 and 1, such as 0.95.")
    return float(norm.ppf((1 + level) / 2))
