"""Likelihood-ratio tests: what they refuse, their null distributions, and the bootstrap of them."""

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy.stats import chi2

from multilevel.comparison import bootstrap_lrt, likelihood_ratio_test, simulate_outcomes
from multilevel.models import SingularFitWarning, fit_mixed
from multilevel.simulate import simulate_hospitals

FORMULA = "will_to_live ~ severity"


@pytest.fixture(scope="module")
def patients():
    patients = simulate_hospitals(30, 20, rng=np.random.default_rng(12))[0]
    mean = patients.groupby("hospital")["symptom_severity"].transform("mean")
    return patients.assign(severity=patients["symptom_severity"] - mean)


@pytest.fixture(scope="module")
def fits(patients):
    """Return a model of each kind: no, one and two random effects, by REML and ML."""

    def fit(formula=FORMULA, **how):
        return fit_mixed(formula, patients, "hospital", **how)

    more = FORMULA + " + staff_quality"
    return {
        "ols": smf.ols(FORMULA, patients).fit(),
        "intercept": fit(),
        "slope": fit(re_formula="severity"),
        "three": fit(re_formula="severity + resilience"),
        "intercept ml": fit(reml=False),
        "slope ml": fit(re_formula="severity", reml=False),
        "staff": fit(more),
        "staff ml": fit(more, reml=False),
        "staff slope ml": fit(more, re_formula="severity", reml=False),
    }


# --- fixed effects ---------------------------------------------------------------------------


def test_a_fixed_effect_is_tested_against_chi_squared(fits):
    test = likelihood_ratio_test(fits["intercept ml"], fits["staff ml"])
    statistic = 2 * (fits["staff ml"].llf - fits["intercept ml"].llf)
    assert test["statistic"] == pytest.approx(statistic)
    assert test["df"] == 1
    assert test["null"] == "χ²(1)"
    assert test["p"] == pytest.approx(chi2.sf(statistic, 1), rel=1e-9, abs=0)


def test_two_fixed_effects_have_two_degrees_of_freedom(patients, fits):
    larger = fit_mixed(FORMULA + " + resilience * staff_quality", patients, "hospital", reml=False)
    assert likelihood_ratio_test(fits["intercept ml"], larger)["df"] == 3
    assert likelihood_ratio_test(fits["staff ml"], larger)["null"] == "χ²(2)"


def test_the_same_space_in_other_columns_is_no_difference(patients, fits):
    centred = patients.assign(staff=patients["staff_quality"] - 5)
    larger = fit_mixed(FORMULA + " + staff", centred, "hospital", reml=False)
    other = likelihood_ratio_test(fits["intercept ml"], larger)
    plain = likelihood_ratio_test(fits["intercept ml"], fits["staff ml"])
    assert other["statistic"] == pytest.approx(plain["statistic"], abs=1e-5)
    with pytest.raises(ValueError, match="models are the same"):
        likelihood_ratio_test(larger, fits["staff ml"])


# --- random effects --------------------------------------------------------------------------


def test_a_random_intercept_is_tested_against_half_a_spike_at_zero(fits):
    test = likelihood_ratio_test(fits["ols"], fits["intercept ml"])
    statistic = 2 * (fits["intercept ml"].llf - fits["ols"].llf)
    assert test["statistic"] == pytest.approx(statistic, rel=1e-9)
    assert test["null"] == "½χ²(0) + ½χ²(1)"
    assert test["p"] == pytest.approx(chi2.sf(statistic, 1) / 2, rel=1e-9, abs=0)


def test_by_reml_least_squares_are_given_their_restricted_likelihood(patients, fits):
    x, ols = fits["ols"].model.exog, fits["ols"]
    n, p = x.shape
    minus_two = (n - p) * (1 + np.log(2 * np.pi * ols.ssr / (n - p)))
    restricted = -(minus_two + np.linalg.slogdet(x.T @ x)[1]) / 2
    test = likelihood_ratio_test(ols, fits["intercept"])
    assert test["statistic"] == pytest.approx(2 * (fits["intercept"].llf - restricted), rel=1e-9)


def test_a_variance_of_zero_has_a_p_value_of_one(patients):
    outcome = patients.groupby("hospital")["will_to_live"]
    flat = patients.assign(flat=patients["will_to_live"] - outcome.transform("mean"))
    with pytest.warns(SingularFitWarning):
        larger = fit_mixed("flat ~ severity", flat, "hospital")
    test = likelihood_ratio_test(smf.ols("flat ~ severity", flat).fit(), larger)
    assert (test["statistic"], test["p"]) == (0, 1)


@pytest.mark.parametrize("kind", ["", " ml"])
def test_a_correlated_random_slope_is_tested_against_chi_squared_of_one_and_two(fits, kind):
    test = likelihood_ratio_test(fits["intercept" + kind], fits["slope" + kind])
    statistic = 2 * (fits["slope" + kind].llf - fits["intercept" + kind].llf)
    assert test["statistic"] == pytest.approx(statistic)
    assert (test["df"], test["null"]) == (2, "½χ²(1) + ½χ²(2)")
    p = (chi2.sf(statistic, 1) + chi2.sf(statistic, 2)) / 2
    assert test["p"] == pytest.approx(p, rel=1e-9, abs=0)


def test_a_third_random_effect_is_tested_against_chi_squared_of_two_and_three(fits):
    test = likelihood_ratio_test(fits["slope"], fits["three"])
    assert (test["df"], test["null"]) == (3, "½χ²(2) + ½χ²(3)")


@pytest.mark.parametrize(
    ("smaller", "larger", "df"), [("ols", "slope", 3), ("intercept", "three", 5)]
)
def test_an_unknown_mixture_is_said_and_the_p_value_is_the_larger_one(fits, smaller, larger, df):
    test = likelihood_ratio_test(fits[smaller], fits[larger])
    assert test["null"] == f"χ²({df}), conservative: the mixture is not known"
    assert test["p"] == pytest.approx(chi2.sf(test["statistic"], df), rel=1e-9, abs=0)


def test_an_uncorrelated_slope_is_one_variance(patients, fits):
    larger = fit_mixed(
        FORMULA, patients, "hospital", re_formula="1", vc_formula={"s": "0 + severity"}
    )
    test = likelihood_ratio_test(fits["intercept"], larger)
    assert (test["df"], test["null"]) == (1, "½χ²(0) + ½χ²(1)")
    both = {"intercept": "1", "slope": "0 + severity"}
    same = likelihood_ratio_test(
        fits["intercept"], fit_mixed(FORMULA, patients, "hospital", vc_formula=both)
    )
    assert same["statistic"] == pytest.approx(test["statistic"], abs=1e-4)


def test_two_variances_at_once_have_an_unknown_mixture(patients, fits):
    both = {"intercept": "1", "slope": "0 + severity"}
    larger = fit_mixed(FORMULA, patients, "hospital", vc_formula=both)
    test = likelihood_ratio_test(fits["ols"], larger)
    assert test["null"] == "χ²(2), conservative: the mixture is not known"


def test_wards_are_one_variance_more_than_hospitals(patients):
    wards = patients.assign(ward=np.resize(["A", "B", "C", "D"], len(patients)))
    effects = np.random.default_rng(1).normal(0, 4, 120)
    wards["will_to_live"] += effects[wards.groupby(["hospital", "ward"]).ngroup()]
    smaller = fit_mixed(FORMULA, wards, "hospital")
    larger = fit_mixed(
        FORMULA, wards, "hospital", re_formula="1", vc_formula={"ward": "0 + C(ward)"}
    )
    test = likelihood_ratio_test(smaller, larger)
    assert (test["df"], test["null"]) == (1, "½χ²(0) + ½χ²(1)")


# --- refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("smaller", "larger", "message"),
    [
        ("intercept", "staff", "different fixed effects cannot be compared.*both.*reml=False"),
        ("intercept", "slope ml", "One model was fitted by REML and the other by maximum"),
        ("intercept ml", "staff", "One model was fitted by REML and the other by maximum"),
        ("intercept", "intercept", "two models are the same"),
        ("staff ml", "intercept ml", "first model has fixed effects.*give the smaller model first"),
        ("slope", "intercept", "random effects of the first model are not contained"),
        ("intercept ml", "staff slope ml", "differ in fixed and in random effects"),
        ("ols", "staff", "differ in fixed and in random effects"),
        ("ols", "ols", "Give two fits of fit_mixed"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_with_the_reason(fits, smaller, larger, message):
    with pytest.raises(ValueError, match=message):
        likelihood_ratio_test(fits[smaller], fits[larger])


def test_models_that_do_not_contain_each_other_are_refused(patients, fits):
    other = fit_mixed("will_to_live ~ resilience + staff_quality", patients, "hospital", reml=False)
    with pytest.raises(ValueError, match="first model has fixed effects"):
        likelihood_ratio_test(fits["intercept ml"], other)
    with pytest.warns(SingularFitWarning):
        slope = fit_mixed(FORMULA, patients, "hospital", re_formula="0 + severity")
    with pytest.raises(ValueError, match="random effects of the first model are not contained"):
        likelihood_ratio_test(fits["intercept"], slope)


@pytest.mark.parametrize("change", ["rows", "outcome", "groups"])
def test_fits_to_different_data_are_refused(patients, fits, change):
    other = {
        "rows": patients.iloc[1:],
        "outcome": patients.assign(will_to_live=patients["will_to_live"] + 1),
        "groups": patients.assign(hospital=patients["hospital"].str.lower()),
    }[change]
    larger = fit_mixed(FORMULA, other, "hospital", re_formula="severity")
    with pytest.raises(ValueError, match="fitted to different data"):
        likelihood_ratio_test(fits["intercept"], larger)


def test_by_reml_another_coding_of_the_fixed_effects_is_refused(patients, fits):
    scaled = patients.assign(severity=10 * patients["severity"])
    smaller = fit_mixed(FORMULA, scaled, "hospital")
    with pytest.raises(ValueError, match="same fixed effects in other columns"):
        likelihood_ratio_test(smaller, fits["slope"])
    by_ml = fit_mixed(FORMULA, scaled, "hospital", reml=False)
    assert likelihood_ratio_test(by_ml, fits["slope ml"])["df"] == 2


@pytest.mark.parametrize("fall", [1, 0.001])
def test_a_larger_model_with_a_lower_likelihood_is_refused(patients, fits, fall):
    wrong = fit_mixed(FORMULA, patients, "hospital", re_formula="severity")
    wrong._results._cache["llf"] = fits["intercept"].llf - fall
    with pytest.raises(ValueError, match=f"has a log-likelihood {fall} lower"):
        likelihood_ratio_test(fits["intercept"], wrong)


@pytest.mark.parametrize("kind", ["slopes", "wards"])
def test_variance_components_of_other_columns_are_not_the_same(patients, kind):
    data = patients.assign(
        ward=np.resize(["A", "B", "C", "D"], len(patients)),
        nurse=np.resize(["A", "B", "C", "D", "A"], len(patients)),
    )
    one, other = {
        "slopes": ("0 + resilience", "0 + I(resilience + 1)"),
        "wards": ("0 + C(ward)", "0 + C(nurse)"),
    }[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingularFitWarning)  # of components that do not matter
        smaller = fit_mixed(FORMULA, data, "hospital", vc_formula={"a": one})
        larger = fit_mixed(FORMULA, data, "hospital", re_formula="1", vc_formula={"a": other})
    with pytest.raises(ValueError, match="random effects of the first model are not contained"):
        likelihood_ratio_test(smaller, larger)


def test_a_predictor_of_tiny_numbers_is_missed_too(patients, fits):
    tiny = patients.assign(dose=1e-11 * patients["resilience"])
    smaller = fit_mixed(FORMULA + " + dose", tiny, "hospital", reml=False)
    with pytest.raises(ValueError, match="first model has fixed effects that the second one does"):
        likelihood_ratio_test(smaller, fits["staff ml"])


# --- bootstrap -------------------------------------------------------------------------------


def null_study(n_hospitals, seed):
    """Return least squares, from which the bootstrap draws hospitals that do not differ, and the
    fit with a random intercept."""
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({"g": np.repeat(np.arange(n_hospitals), 10)})
    data["x"] = rng.normal(size=len(data))
    data["y"] = data["x"] + rng.normal(size=len(data)) + rng.normal(size=n_hospitals)[data["g"]]
    return smf.ols("y ~ x", data).fit(), fit_mixed("y ~ x", data, "g")


def test_with_many_hospitals_the_bootstrap_has_the_null_distribution_of_the_boundary():
    ols, larger = null_study(200, seed=1)
    test = bootstrap_lrt(ols, larger, rng=np.random.default_rng(2), n=2000)
    # Three standard errors of a share of 2,000; the spike has a little more than half below 200.
    assert np.mean(test.replicates == 0) == pytest.approx(0.5, abs=0.04)
    assert np.mean(test.replicates > chi2.ppf(0.9, 1)) == pytest.approx(0.05, abs=0.015)


def test_with_few_hospitals_the_spike_at_zero_is_larger():
    ols, larger = null_study(5, seed=4)
    test = bootstrap_lrt(ols, larger, rng=np.random.default_rng(2), n=2000)
    assert 0.55 < np.mean(test.replicates == 0) < 0.75


def test_the_null_distribution_of_a_random_slope_is_the_mixture(fits):
    test = bootstrap_lrt(fits["intercept"], fits["slope"], rng=np.random.default_rng(3), n=300)
    mixture = (chi2.sf(test.replicates, 1) + chi2.sf(test.replicates, 2)) / 2
    # Three standard errors of a share of 300.
    assert np.mean(mixture < 0.2) == pytest.approx(0.2, abs=0.07)


def test_with_few_hospitals_chi_squared_is_too_sure_and_the_bootstrap_is_not():
    rng = np.random.default_rng(5)
    data = pd.DataFrame({"g": np.repeat(np.arange(6), 10)})
    data["w"] = rng.normal(size=6)[data["g"]]
    data["y"] = 1.5 * rng.normal(size=6)[data["g"]] + rng.normal(size=60) + data["w"]
    fits = [fit_mixed(formula, data, "g", reml=False) for formula in ("y ~ 1", "y ~ w")]
    test = bootstrap_lrt(*fits, rng=np.random.default_rng(6), n=2000)
    chi = likelihood_ratio_test(*fits)
    assert test.statistic == chi["statistic"]
    rejected = np.mean(test.replicates > chi2.ppf(0.95, 1))
    assert rejected > 0.09  # nominally 0.05
    assert test.p > chi["p"]


def test_each_replicate_is_what_two_fits_would_have_given(patients, fits):
    test = bootstrap_lrt(fits["intercept ml"], fits["staff ml"], rng=np.random.default_rng(7), n=5)
    outcomes = simulate_outcomes(fits["intercept ml"], 5, rng=np.random.default_rng(7))
    for k in (0, 4):
        drawn = patients.assign(will_to_live=outcomes[:, k])
        pair = [
            fit_mixed(formula, drawn, "hospital", reml=False)
            for formula in (FORMULA, FORMULA + " + staff_quality")
        ]
        # 1e-5: twice the difference of two log-likelihoods that fit_mixed knows to 1e-6.
        expected = likelihood_ratio_test(*pair)["statistic"]
        assert test.replicates[k] == pytest.approx(expected, abs=1e-5)


def test_the_p_value_counts_the_observed_data_too(fits):
    test = bootstrap_lrt(fits["ols"], fits["intercept"], rng=np.random.default_rng(8), n=99)
    assert test.replicates.shape == (99,)
    assert test.p == (1 + np.sum(test.replicates >= test.statistic)) / 100
    assert test.p == 0.01  # hospitals differ beyond doubt


def test_the_bootstrap_of_a_variance_of_zero_has_a_p_value_of_one(patients):
    outcome = patients.groupby("hospital")["will_to_live"]
    flat = patients.assign(flat=patients["will_to_live"] - outcome.transform("mean"))
    with pytest.warns(SingularFitWarning):
        larger = fit_mixed("flat ~ severity", flat, "hospital")
    smaller = smf.ols("flat ~ severity", flat).fit()
    assert bootstrap_lrt(smaller, larger, rng=np.random.default_rng(8), n=9).p == 1


def test_simulated_outcomes_have_the_moments_of_the_fit(fits):
    fit = fits["slope"]
    outcomes = simulate_outcomes(fit, 4000, rng=np.random.default_rng(9))
    np.testing.assert_allclose(
        outcomes.mean(axis=1), fit.predict(), atol=5 * outcomes.std(axis=1).max() / np.sqrt(4000)
    )
    z = fit.model.exog_re[:20]  # one hospital
    expected = z @ fit.cov_re.to_numpy() @ z.T + fit.scale * np.eye(20)
    # Five standard errors of a covariance from 4,000 draws, relative to the largest variance.
    error = np.abs(np.cov(outcomes[:20]) - expected).max() / expected.max()
    assert error < 5 * np.sqrt(2 / 4000)
    other = np.cov(outcomes[[0, 25]])[0, 1]  # two hospitals
    assert abs(other) < 5 * expected.max() / np.sqrt(4000)


def test_the_bootstrap_refuses_what_it_cannot_fit(patients, fits):
    with pytest.raises(ValueError, match=r"n is 0; draw at least 1 data set"):
        bootstrap_lrt(fits["ols"], fits["intercept"], rng=np.random.default_rng(1), n=0)
    with pytest.raises(ValueError, match=r"intercept and one slope; this model has .*resilience"):
        bootstrap_lrt(fits["slope"], fits["three"], rng=np.random.default_rng(1), n=9)
    components = fit_mixed(FORMULA, patients, "hospital", vc_formula={"intercept": "1"})
    with pytest.raises(ValueError, match=r"intercept and one slope; this model has intercept Var"):
        bootstrap_lrt(fits["ols"], components, rng=np.random.default_rng(1), n=9)
