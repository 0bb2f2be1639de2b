"""Conditional modes against lme4, predictions against Henderson's equations and simulation."""

import numpy as np
import pandas as pd
import pytest
from lme4_cases import CASES, INFERENCE, fitted
from scipy.stats import norm

from multilevel.models import SingularFitWarning, fit_mixed
from multilevel.prediction import hospital_effects, predict_patients
from multilevel.simulate import simulate_hospitals

WITH_EFFECTS = [
    name
    for name, case in CASES.items()
    if INFERENCE[name]["effects"] and not case["fit_mixed"]["vc_formula"]
]
FORMULA = "will_to_live ~ symptom_severity"


@pytest.fixture(scope="module")
def patients():
    return simulate_hospitals(15, 8, rng=np.random.default_rng(3))[0]


@pytest.fixture(scope="module")
def fit(patients):
    return fit_mixed(FORMULA, patients, "hospital")


@pytest.fixture(scope="module")
def slopes():
    sizes = np.resize([3, 6, 12, 25], 20)
    unbalanced = simulate_hospitals(20, sizes, rng=np.random.default_rng(8))[0]
    centred = unbalanced.assign(severity=unbalanced["symptom_severity"] - 5)
    return fit_mixed(
        "will_to_live ~ severity + resilience", centred, "hospital", re_formula="severity"
    )


# --- conditional modes -----------------------------------------------------------------------


def test_there_are_conditional_modes_to_compare():
    assert len(WITH_EFFECTS) == 16


@pytest.mark.parametrize("name", WITH_EFFECTS)
def test_conditional_modes_and_their_standard_deviations_equal_lme4(name):
    group = CASES[name]["fit_mixed"]["groups"]
    ours = hospital_effects(fitted(name)).astype({group: str}).rename(columns={group: "hospital"})
    lme4 = pd.DataFrame(INFERENCE[name]["effects"]).replace(
        {"effect": {"(Intercept)": "Intercept"}}
    )
    both = ours.merge(lme4, on=["hospital", "effect"], suffixes=("", "_lme4"))
    assert len(both) == len(ours) == len(lme4)
    # 1e-4 of the residual standard deviation, per unit of the predictor: the variances are known
    # to the square root of the precision of the likelihood, and that near zero worst of all.
    tolerance = 1e-4 * np.sqrt(fitted(name).scale)
    np.testing.assert_allclose(both["estimate"], both["estimate_lme4"], rtol=1e-4, atol=tolerance)
    np.testing.assert_allclose(both["sd"], both["sd_lme4"], rtol=1e-4, atol=tolerance)


def test_conditional_modes_are_those_of_statsmodels(fit):
    table = hospital_effects(fit).set_index("hospital")["estimate"]
    for hospital, effect in fit.random_effects.items():
        assert table[hospital] == pytest.approx(effect.iloc[0], rel=1e-9)


def test_intervals_have_the_level_that_was_asked_for(fit):
    table = hospital_effects(fit, level=0.8)
    half = norm.ppf(0.9) * table["sd"]
    np.testing.assert_allclose(table["low"], table["estimate"] - half)
    np.testing.assert_allclose(table["high"], table["estimate"] + half)


def test_effects_are_named_by_their_grouping_column_and_predictor(slopes):
    table = hospital_effects(slopes)
    assert list(table.columns) == ["hospital", "effect", "estimate", "sd", "low", "high"]
    assert table["effect"].tolist() == ["Intercept", "severity"] * 20
    assert table["hospital"].tolist() == [h for h in slopes.model.group_labels for _ in range(2)]


def flat_fit(patients):
    outcome = patients.groupby("hospital")["will_to_live"]
    flat = patients.assign(flat=patients["will_to_live"] - outcome.transform("mean"))
    with pytest.warns(SingularFitWarning):
        result = fit_mixed("flat ~ symptom_severity", flat, "hospital")
    result._results.cov_re *= 0  # exactly, where statsmodels' own random_effects cannot be had
    result._results.cov_re_unscaled *= 0
    return result


def test_a_variance_of_exactly_zero_has_effects_of_zero(patients):
    result = flat_fit(patients)
    with pytest.raises(ValueError, match="singular"):
        _ = result.random_effects
    table = hospital_effects(result)
    assert (table[["estimate", "sd", "low", "high"]] == 0).all(axis=None)


def test_a_variance_of_exactly_zero_predicts_like_least_squares(patients):
    result = flat_fit(patients)
    new = patients.iloc[[0, 40]].assign(hospital=["H01", "elsewhere"])
    known, elsewhere = predict_patients(result, new).itertuples(index=False)
    x = result.model.exog
    covariance = result.scale * np.linalg.inv(x.T @ x)
    at = x[0]
    assert known.prediction == known.fixed
    assert known.mean_high - known.prediction == pytest.approx(
        norm.ppf(0.975) * np.sqrt(at @ covariance @ at), rel=1e-6
    )
    assert not elsewhere.known


# --- predictions -----------------------------------------------------------------------------


def half_widths(table):
    return (table["mean_high"] - table["mean_low"]) / 2, (
        table["patient_high"] - table["patient_low"]
    ) / 2


def test_balanced_data_have_the_closed_form(patients):
    result = fit_mixed("will_to_live ~ 1", patients, "hospital")
    tau2, sigma2, n, j = result.cov_re.iloc[0, 0], result.scale, 8, 15
    shrink = n * tau2 / (n * tau2 + sigma2)
    means = patients.groupby("hospital")["will_to_live"].mean()
    new = pd.DataFrame({"hospital": ["H03", "elsewhere"]})
    table = predict_patients(result, new)
    grand = means.mean()
    assert table["fixed"].tolist() == pytest.approx([grand, grand], rel=1e-9)
    own = grand + shrink * (means["H03"] - grand)
    assert table["prediction"].tolist() == pytest.approx([own, grand], rel=1e-9)
    # Of the fixed part a share of 1 - λ is borrowed, and of u a variance of (1 - λ)τ² is unknown.
    of_mean = (tau2 + sigma2 / n) / j
    known = (1 - shrink) ** 2 * of_mean + (1 - shrink) * tau2
    unknown = of_mean + tau2
    mean, patient = half_widths(table)
    z = norm.ppf(0.975)
    np.testing.assert_allclose((mean / z) ** 2, [known, unknown], rtol=1e-8)
    np.testing.assert_allclose((patient / z) ** 2, [known + sigma2, unknown + sigma2], rtol=1e-8)


def henderson(result):
    """Return the inverse of the coefficient matrix of the mixed model equations, times σ²."""
    model = result.model
    x, k, labels = model.exog, model.k_re, list(model.group_labels)
    z = np.zeros((len(x), k * len(labels)))
    for j, label in enumerate(labels):
        rows = model.row_indices[label]
        z[np.ix_(rows, range(k * j, k * j + k))] = model.exog_re[rows]
    design = np.hstack([x, z])
    matrix = design.T @ design
    ratio = result.scale * np.linalg.inv(result.cov_re.to_numpy())
    p = x.shape[1]
    matrix[p:, p:] += np.kron(np.eye(len(labels)), ratio)
    solution = np.linalg.solve(matrix, design.T @ model.endog)
    return solution, result.scale * np.linalg.inv(matrix), design


def test_with_random_slopes_predictions_solve_the_mixed_model_equations(slopes):
    frame = slopes.model.data.frame
    solution, covariance, design = henderson(slopes)
    table = predict_patients(slopes, frame)
    assert table["known"].all()
    np.testing.assert_allclose(table["prediction"], design @ solution, rtol=1e-8)
    variance = np.einsum("na,ab,nb->n", design, covariance, design)
    mean, patient = half_widths(table)
    z = norm.ppf(0.975)
    np.testing.assert_allclose((mean / z) ** 2, variance, rtol=1e-7)
    np.testing.assert_allclose((patient / z) ** 2, variance + slopes.scale, rtol=1e-7)


def test_a_new_hospital_with_random_slopes_has_their_variance_at_its_severity(slopes):
    new = pd.DataFrame({"severity": [-1.0, 2.0], "resilience": 5.0, "hospital": None})
    mean, _ = half_widths(predict_patients(slopes, new))
    x = np.column_stack([np.ones(2), new["severity"], new["resilience"]])
    z = x[:, :2]
    fixed = np.einsum("na,ab,nb->n", x, henderson(slopes)[1][:3, :3], x)
    random = np.einsum("na,ab,nb->n", z, slopes.cov_re.to_numpy(), z)
    np.testing.assert_allclose((mean / norm.ppf(0.975)) ** 2, fixed + random, rtol=1e-7)


def test_fitted_patients_are_predicted_as_statsmodels_fits_them(fit, patients):
    table = predict_patients(fit, patients)
    np.testing.assert_allclose(table["prediction"], fit.fittedvalues, rtol=1e-9)
    np.testing.assert_allclose(table["fixed"], fit.predict(), rtol=1e-12)


def test_intervals_cover_means_and_patients_as_often_as_they_say():
    rng = np.random.default_rng(2025)
    hospital, n, fits = np.repeat(np.arange(40), 6), 240, 60
    severity = rng.normal(size=n)
    hits = {"known mean": [], "known patient": [], "new mean": [], "new patient": []}
    for _ in range(fits):
        u, new_u = rng.normal(0, 3, (2, 40))
        fixed = 50 - 2 * severity
        y = fixed + u[hospital] + rng.normal(0, 4, n)
        data = pd.DataFrame({"hospital": hospital, "severity": severity, "y": y})
        result = fit_mixed("y ~ severity", data, "hospital")
        one = data.groupby("hospital").head(1)
        for kind, effect, names in [("known", u, one), ("new", new_u, one.assign(hospital=-1))]:
            table = predict_patients(result, names)
            mean = 50 - 2 * one["severity"] + effect
            patient = mean + rng.normal(0, 4, 40)
            hits[f"{kind} mean"].append(mean.between(table["mean_low"], table["mean_high"]).mean())
            hits[f"{kind} patient"].append(
                patient.between(table["patient_low"], table["patient_high"]).mean()
            )
    # Three standard errors of 60 fits, and the half per cent that known variances promise too much.
    for shares in hits.values():
        error = np.std(shares, ddof=1) / np.sqrt(fits)
        assert np.mean(shares) == pytest.approx(0.95, abs=3 * error + 0.005)


def test_leaving_out_the_error_of_the_fixed_effects_would_be_noticed(fit, patients):
    table = predict_patients(fit, patients.groupby("hospital").head(1))
    mean, _ = half_widths(table)
    naive = hospital_effects(fit)["sd"].to_numpy() * norm.ppf(0.975)
    assert (mean > naive).mean() > 0.5  # not all: the two errors are correlated


# --- what may come in ------------------------------------------------------------------------


def test_rows_keep_their_order_and_index(fit, patients):
    new = patients.iloc[[7, 3, 90]].set_axis(["c", "a", "c"], axis="index")
    table = predict_patients(fit, new)
    assert table.index.tolist() == ["c", "a", "c"]
    np.testing.assert_allclose(table["prediction"], fit.fittedvalues.iloc[[7, 3, 90]], rtol=1e-9)


def test_one_patient_is_predicted_like_many(fit, patients):
    one = predict_patients(fit, patients.iloc[[5]])
    pd.testing.assert_frame_equal(one, predict_patients(fit, patients).iloc[[5]])


def test_a_hospital_without_a_name_is_a_new_one(fit):
    new = pd.DataFrame({"symptom_severity": 5.0, "hospital": ["H01", None, np.nan, "Nowhere"]})
    table = predict_patients(fit, new)
    assert table["known"].tolist() == [True, False, False, False]
    assert table.iloc[1:].drop_duplicates().shape[0] == 1
    assert (table["prediction"] == table["fixed"]).tolist() == [False, True, True, True]


def test_hospitals_may_be_numbers_or_categories(patients):
    coded = patients.assign(hospital=patients["hospital"].str[1:].astype(int))
    result = fit_mixed(FORMULA, coded, "hospital")
    new = pd.DataFrame({"symptom_severity": 5.0, "hospital": [3, None]})  # None makes them floats
    assert predict_patients(result, new)["known"].tolist() == [True, False]
    named = patients.assign(hospital=patients["hospital"].astype("category"))
    result = fit_mixed(FORMULA, named, "hospital")
    assert predict_patients(result, named.iloc[:2])["known"].all()


def test_transformations_remember_the_data_that_they_were_fitted_to(patients):
    result = fit_mixed(
        "will_to_live ~ center(symptom_severity) + np.log(resilience)",
        patients,
        "hospital",
        re_formula="center(symptom_severity)",
    )
    table = predict_patients(result, patients.iloc[:5])
    np.testing.assert_allclose(table["prediction"], result.fittedvalues.iloc[:5], rtol=1e-9)


def test_categories_may_be_fewer_than_in_the_fitted_data(patients):
    kind = pd.Categorical(np.resize(["a", "b", "c"], len(patients)))
    result = fit_mixed("will_to_live ~ kind", patients.assign(kind=kind), "hospital")
    new = pd.DataFrame({"kind": pd.Categorical(["c", "c"]), "hospital": ["H01", "H02"]})
    expected = result.fe_params["Intercept"] + result.fe_params["kind[T.c]"]
    assert predict_patients(result, new)["fixed"].tolist() == pytest.approx([expected] * 2)


def test_the_new_data_are_not_changed_and_need_no_outcome(fit, patients):
    new = patients.drop(columns="will_to_live")
    before = new.copy(deep=True)
    predict_patients(fit, new)
    pd.testing.assert_frame_equal(new, before)


BAD_NEW_DATA = {
    "no predictor": (
        lambda p: p.drop(columns="symptom_severity"),
        "no column 'symptom_severity'; the model predicts from 'symptom_severity', 'kind' and",
    ),
    "no hospital": (lambda p: p.drop(columns="hospital"), "no column 'hospital'"),
    "missing predictor": (
        lambda p: p.assign(symptom_severity=[np.nan, 5.0]),
        "'symptom_severity' of new_data misses 1 of 2 values; fill",
    ),
    "unseen category": (lambda p: p.assign(kind="z"), "a category must be one that was.*'z'"),
    "infinite": (lambda p: p.assign(symptom_severity=np.inf), "makes a predictor infinite"),
    "no rows": (lambda p: p.iloc[:0], "no rows; give"),
}


@pytest.mark.parametrize("name", BAD_NEW_DATA)
def test_bad_new_data_name_the_column_and_the_fix(patients, name):
    spoil, message = BAD_NEW_DATA[name]
    data = patients.assign(kind=np.resize(["a", "b"], len(patients)))
    result = fit_mixed(FORMULA + " + kind", data, "hospital")
    with pytest.raises(ValueError, match=f"(?s){message}"):
        predict_patients(result, spoil(data.iloc[:2]))


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_that_is_none_is_refused(fit, patients, level):
    with pytest.raises(ValueError, match=r"level is .*between 0 and 1"):
        hospital_effects(fit, level=level)
    with pytest.raises(ValueError, match=r"level is .*between 0 and 1"):
        predict_patients(fit, patients, level=level)


def test_variance_components_are_refused():
    nested = fitted("P11_nested3")
    with pytest.raises(ValueError, match=r"hospital_effects needs .*components ward"):
        hospital_effects(nested)
    with pytest.raises(ValueError, match=r"predict_patients needs .*components ward"):
        predict_patients(nested, nested.model.data.frame)


def test_a_grouping_column_with_the_name_of_a_result_is_refused(patients):
    result = fit_mixed(FORMULA, patients.rename(columns={"hospital": "effect"}), "effect")
    with pytest.raises(ValueError, match="grouping column 'effect' has the name of a result"):
        hospital_effects(result)
