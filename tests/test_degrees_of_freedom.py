"""Degrees of freedom against lmerTest and pbkrtest, closed forms and finite differences."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from lme4_cases import CASES, INFERENCE, by_r_name, fitted
from scipy.stats import norm
from scipy.stats import t as student

from multilevel.degrees_of_freedom import fixed_effects_table
from multilevel.derivatives import derivatives
from multilevel.models import SingularFitWarning, fit_mixed, standard_errors
from multilevel.simulate import simulate_hospitals, simulate_three_hospitals
from multilevel.solved import SolvedModel

WITH_KR = [name for name, case in INFERENCE.items() if case["kenward_roger"]]
# Relative. Both fits stop where the likelihood is flat, so the variances agree to about 1e-5, and
# lmerTest takes its derivatives by differences. The worst of all cases is 4.4e-5 (P14: 5 groups
# of 1,500); the tables are read to 1e-2.
SE_TOLERANCE, DF_TOLERANCE = 1e-5, 1e-4


# --- equal to lmerTest and pbkrtest ----------------------------------------------------------


def test_every_case_has_a_reference_and_the_small_reml_fits_have_kenward_roger():
    assert list(INFERENCE) == list(CASES)
    assert len(WITH_KR) == 19
    assert not any(INFERENCE[name]["kenward_roger"] for name in CASES if not CASES[name]["reml"])


@pytest.mark.parametrize("name", CASES)
def test_satterthwaite_equals_lmertest(name):
    table, reference = fixed_effects_table(fitted(name)), INFERENCE[name]["satterthwaite"]
    for column, tolerance in {"se": SE_TOLERANCE, "df": DF_TOLERANCE}.items():
        ours = by_r_name(table[column], reference[column])
        np.testing.assert_allclose(ours, list(reference[column].values()), rtol=tolerance)


@pytest.mark.parametrize("name", WITH_KR)
def test_kenward_roger_equals_pbkrtest(name):
    table = fixed_effects_table(fitted(name), df="kenward-roger")
    reference = INFERENCE[name]["kenward_roger"]
    for column, tolerance in {"se": SE_TOLERANCE, "df": DF_TOLERANCE}.items():
        ours = by_r_name(table[column], reference[column])
        np.testing.assert_allclose(ours, list(reference[column].values()), rtol=tolerance)


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger"])
def test_p_values_equal_those_of_r(df):
    table = fixed_effects_table(fitted("P01_h3_ri"), df=df)
    reference = INFERENCE["P01_h3_ri"][df.replace("-", "_")]["p"]
    # 1e-4: a p-value of 1e-19 magnifies the error of its t-value forty times.
    np.testing.assert_allclose(
        by_r_name(table["p"], reference), list(reference.values()), rtol=1e-4
    )


# --- closed forms ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def balanced():
    patients = simulate_hospitals(12, 10, rng=np.random.default_rng(5))[0]
    mean = patients.groupby("hospital")["symptom_severity"].transform("mean")
    return patients.assign(within=patients["symptom_severity"] - mean)


@pytest.fixture(scope="module")
def fit(balanced):
    return fit_mixed("will_to_live ~ within + staff_quality", balanced, "hospital")


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger", "between-within"])
def test_balanced_data_have_the_degrees_of_freedom_of_the_analysis_of_variance(fit, df):
    table = fixed_effects_table(fit, df=df)
    # 12 hospitals less 2 coefficients; 120 patients less 12 hospitals and 1 coefficient.
    # 1e-3: the delta method at variances that the fit knows to 1e-4.
    assert table["df"].to_dict() == pytest.approx(
        {"Intercept": 10, "within": 107, "staff_quality": 10}, rel=1e-3
    )


def test_kenward_roger_leaves_a_standard_error_that_is_exact_as_it_is(fit):
    # In balanced data each coefficient has one mean square, whose use costs no bias.
    plain, adjusted = (fixed_effects_table(fit, df=df)["se"] for df in ("z", "kenward-roger"))
    np.testing.assert_allclose(adjusted, plain, rtol=1e-9)


def test_kenward_roger_widens_standard_errors_where_variances_are_uncertain():
    three = simulate_hospitals(4, [3, 5, 9, 20], rng=np.random.default_rng(2))[0]
    result = fit_mixed("will_to_live ~ symptom_severity", three, "hospital")
    plain, adjusted = (fixed_effects_table(result, df=df)["se"] for df in ("z", "kenward-roger"))
    assert adjusted["symptom_severity"] > 1.001 * plain["symptom_severity"]


def test_the_columns_follow_from_estimate_error_and_degrees_of_freedom(fit):
    table = fixed_effects_table(fit)
    assert table.index.equals(fit.fe_params.index)
    assert table.index.name == "coefficient"
    np.testing.assert_array_equal(table["estimate"], fit.fe_params)
    np.testing.assert_allclose(table["se"], standard_errors(fit), rtol=1e-12)
    np.testing.assert_allclose(table["t"], table["estimate"] / table["se"])
    np.testing.assert_allclose(table["p"], 2 * student.cdf(-abs(table["t"]), table["df"]))
    half = student.ppf(0.975, table["df"]) * table["se"]
    np.testing.assert_allclose(table["low"], table["estimate"] - half)
    np.testing.assert_allclose(table["high"], table["estimate"] + half)


def test_z_has_infinitely_many_degrees_of_freedom(fit):
    table = fixed_effects_table(fit, df="z")
    assert np.isinf(table["df"]).all()
    np.testing.assert_allclose(table["p"], 2 * norm.cdf(-abs(table["t"])))


def test_without_hospitals_satterthwaite_gives_the_t_test_of_least_squares():
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"g": np.repeat(np.arange(6), 5), "x": rng.normal(size=30)})
    data["y"] = data["x"] + rng.normal(size=30)
    data["y"] -= data.groupby("g")["y"].transform("mean")  # no variance between groups at all
    with pytest.warns(SingularFitWarning):
        result = fit_mixed("y ~ x", data, "g")
    table, ols = fixed_effects_table(result), smf.ols("y ~ x", data).fit()
    np.testing.assert_allclose(table["df"], ols.df_resid, rtol=1e-5)
    np.testing.assert_allclose(table["p"], ols.pvalues, rtol=1e-4)


def test_where_a_variance_is_zero_kenward_roger_still_counts_hospitals(balanced):
    flat = balanced["will_to_live"] - balanced.groupby("hospital")["will_to_live"].transform("mean")
    with pytest.warns(SingularFitWarning):
        result = fit_mixed("flat ~ staff_quality", balanced.assign(flat=flat), "hospital")
    assert fixed_effects_table(result)["df"]["staff_quality"] == pytest.approx(118, rel=1e-4)
    table = fixed_effects_table(result, df="kenward-roger")
    assert table["df"]["staff_quality"] == pytest.approx(10, rel=1e-6)


def test_a_component_of_zero_is_taken_as_known_like_a_random_intercept_of_zero():
    plain = fitted("P13_singular_ri")
    with pytest.warns(SingularFitWarning):
        component = fit_mixed(
            "will ~ severity", plain.model.data.frame, "hospital", vc_formula={"hospital": "1"}
        )
    ours, theirs = fixed_effects_table(component), fixed_effects_table(plain)
    np.testing.assert_allclose(ours["df"], theirs["df"], rtol=1e-5)


def test_a_random_intercept_of_exactly_zero_leaves_the_degrees_of_freedom_of_the_slope():
    # The factor of [[0, 0], [0, v]] can be turned without changing it, so the information about
    # the factor is singular: that direction has to be left out, not inverted.
    rng = np.random.default_rng(6)
    data = pd.DataFrame({"g": np.repeat(np.arange(12), 8), "x": rng.normal(size=96)})
    data["y"] = rng.normal(0, 2, 12)[data["g"]] * data["x"] + rng.normal(size=96)
    z = np.column_stack([np.ones(96), data["x"]])
    for _, rows in data.groupby("g").groups.items():  # no trace of an intercept in any group
        slope = np.linalg.lstsq(z[rows], data["y"][rows], rcond=None)[0]
        data.loc[rows, "y"] -= slope[0]
    alone = fit_mixed("y ~ x", data, "g", re_formula="0 + x")
    with pytest.warns(SingularFitWarning):
        both = fit_mixed("y ~ x", data, "g", re_formula="1 + x")
    both._results.cov_re = np.diag([0, alone.cov_re.iloc[0, 0]])
    both._results.scale = alone.scale
    ours, plain = fixed_effects_table(both), fixed_effects_table(alone)
    np.testing.assert_allclose(ours["df"], plain["df"], rtol=1e-6)


# --- between and within ----------------------------------------------------------------------


def test_three_hospitals_leave_one_degree_of_freedom_for_a_slope_between_them():
    three = simulate_three_hospitals(rng=np.random.default_rng(1))
    result = fit_mixed("will_to_live ~ resilience + staff_quality", three, "hospital")
    table = fixed_effects_table(result, df="between-within")
    assert table["df"].to_dict() == {"Intercept": 1, "resilience": 86, "staff_quality": 1}


def test_a_random_slope_and_its_interaction_are_counted_between_hospitals():
    patients = simulate_hospitals(40, 25, rng=np.random.default_rng(11))[0]
    mean = patients.groupby("hospital")["symptom_severity"].transform("mean")
    result = fit_mixed(
        "will_to_live ~ within * staff_quality + resilience",
        patients.assign(within=patients["symptom_severity"] - mean),
        "hospital",
        re_formula="within",
    )
    table = fixed_effects_table(result, df="between-within")
    assert table["df"].to_dict() == {
        "Intercept": 38,
        "within": 38,
        "staff_quality": 38,
        "within:staff_quality": 38,
        "resilience": 957,
    }


def test_as_many_coefficients_as_hospitals_leave_nothing_to_test_with():
    three = simulate_three_hospitals(rng=np.random.default_rng(1))
    three["will_to_live"] += three["symptom_severity"] * three["staff_quality"]  # slopes differ
    formula = "will_to_live ~ 0 + hospital + symptom_severity"
    result = fit_mixed(formula, three, "hospital", re_formula="0 + symptom_severity")
    table = fixed_effects_table(result, df="between-within")
    assert table.loc["symptom_severity", "df"] == 2
    dummies = table.drop(index="symptom_severity")
    assert len(dummies) == 3
    assert dummies[["df", "p", "low", "high"]].isna().all(axis=None)
    assert dummies["se"].notna().all()


# --- derivatives -----------------------------------------------------------------------------


def dense_structures(model):
    """Return the N x N matrices K of V = Σ θ K, each random effect with a mean square of one."""
    same = model.groups[:, None] == model.groups[None, :]
    z = model.exog_re / np.sqrt((model.exog_re**2).mean(axis=0))
    structures = []
    for a in range(z.shape[1]):
        for b in range(a + 1):
            outer = np.outer(z[:, a], z[:, b])
            structures.append(same * (outer if a == b else outer + outer.T))
    for blocks in model.exog_vc.mats:
        k = np.zeros(same.shape)
        for group, block in zip(model.group_labels, blocks, strict=True):
            rows = model.row_indices[group]
            k[np.ix_(rows, rows)] = block @ block.T
        structures.append(k / np.trace(k) * len(k))
    return [*structures, np.eye(len(same))]


def dense_covariance(result):
    """Return V of a fit, written out."""
    model = result.model
    same = model.groups[:, None] == model.groups[None, :]
    v = same * (model.exog_re @ result.cov_re.to_numpy() @ model.exog_re.T)
    for variance, blocks in zip(result.vcomp, model.exog_vc.mats, strict=True):
        for group, block in zip(model.group_labels, blocks, strict=True):
            rows = model.row_indices[group]
            v[np.ix_(rows, rows)] += variance * block @ block.T
    return v + result.scale * np.eye(len(same))


@pytest.mark.parametrize("name", ["P03_h3_rs", "P11_nested3", "P17_sleep_ml", "P25_singular_rs"])
def test_derivatives_are_those_of_matrices_written_out(name):
    result = fitted(name)
    y, x = result.model.endog, np.linalg.qr(result.model.exog)[0]
    structures = dense_structures(result.model)
    inverse = np.linalg.inv(dense_covariance(result))
    project = inverse - inverse @ x @ np.linalg.inv(x.T @ inverse @ x) @ x.T @ inverse
    weight = project if result.reml else inverse
    single = np.array([np.trace(weight @ k) for k in structures])
    double = np.array([[np.sum((weight @ k) * (weight @ m).T) for m in structures]
                       for k in structures])  # fmt: skip
    py = project @ y
    quadratic = np.array([[py @ k @ project @ m @ py for m in structures] for k in structures])
    second = [[x.T @ inverse @ k @ inverse @ m @ inverse @ x for m in structures]
              for k in structures]  # fmt: skip
    first = [x.T @ inverse @ k @ inverse @ x for k in structures]

    parts = derivatives(SolvedModel(result))

    def assert_close(ours, dense):
        dense = np.array(dense)
        # Of the largest entry: digits are lost where N terms cancel.
        np.testing.assert_allclose(ours, dense, rtol=0, atol=1e-8 * np.abs(dense).max())

    assert_close(parts.first, first)
    assert_close(parts.second, second)
    assert_close(parts.expected, double / 2)
    assert_close(parts.observed, quadratic - double / 2)
    # The gradient is zero at an optimum: compare with the size of what cancels there.
    gradient = (single - [py @ k @ py for k in structures]) / 2
    np.testing.assert_allclose(parts.gradient, gradient, rtol=0, atol=1e-8 * single.max())


# --- invariances -----------------------------------------------------------------------------


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger"])
def test_units_change_no_degree_of_freedom(df):
    patients = simulate_hospitals(15, 8, rng=np.random.default_rng(6))[0]
    plain = fixed_effects_table(
        fit_mixed("will_to_live ~ resilience", patients, "hospital", re_formula="symptom_severity"),
        df=df,
    )
    patients["will_to_live"] *= 1e3
    patients["resilience"] *= 1e-3
    patients["symptom_severity"] *= 1e2
    scaled = fixed_effects_table(
        fit_mixed("will_to_live ~ resilience", patients, "hospital", re_formula="symptom_severity"),
        df=df,
    )
    np.testing.assert_allclose(scaled["df"], plain["df"], rtol=1e-4)
    np.testing.assert_allclose(scaled["t"], plain["t"], rtol=1e-4)
    assert scaled["se"]["resilience"] == pytest.approx(1e6 * plain["se"]["resilience"], rel=1e-4)


# --- refusals --------------------------------------------------------------------------------


def test_kenward_roger_of_a_fit_by_maximum_likelihood_is_refused(balanced):
    result = fit_mixed("will_to_live ~ 1", balanced, "hospital", reml=False)
    with pytest.raises(ValueError, match="needs a fit by REML; fit again with reml=True"):
        fixed_effects_table(result, df="kenward-roger")


def test_counting_between_and_within_is_refused_with_variance_components():
    with pytest.raises(ValueError, match=r'vc_formula has other levels\. Use df="satterthwaite"'):
        fixed_effects_table(fitted("P11_nested3"), df="between-within")


def test_an_unknown_method_is_refused_with_the_ones_there_are(fit):
    with pytest.raises(ValueError, match="df is 'kr'; choose one of 'satterthwaite', 'kenward-"):
        fixed_effects_table(fit, df="kr")
