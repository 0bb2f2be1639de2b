"""Variance shares, design effects and profile intervals against closed forms and lme4."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.stats import chi2

from multilevel.comparison import simulate_outcomes
from multilevel.inference import (
    bootstrap_hospital_sd,
    design_effect,
    hospital_sd_interval,
    intraclass_correlation,
)
from multilevel.models import SingularFitWarning, fit_mixed
from multilevel.simulate import WORLD, simulate_hospitals

LME4 = Path(__file__).parent / "lme4"
CASES = {case["id"]: case for case in json.loads((LME4 / "cases.json").read_text())}
FITS = {fit["id"]: fit for fit in json.loads((LME4 / "lme4_fits.json").read_text())["fits"]}
WITH_INTERVAL = [name for name, fit in FITS.items() if fit["sd_interval"]]


def fit_case(name):
    case = CASES[name]
    data = pd.read_csv(LME4 / "data" / f"{case['data']}.csv")
    return fit_mixed(data=data, reml=case["reml"], **case["fit_mixed"])


@pytest.fixture(scope="module")
def balanced():
    return simulate_hospitals(20, 10, rng=np.random.default_rng(4))[0]


@pytest.fixture(scope="module")
def slopes(balanced):
    return fit_mixed(
        "will_to_live ~ resilience", balanced, groups="hospital", re_formula="~resilience"
    )


# --- intraclass correlation ------------------------------------------------------------------


def test_the_icc_of_balanced_data_is_that_of_the_analysis_of_variance(balanced):
    outcome = balanced.groupby("hospital")["will_to_live"]
    within = outcome.var().mean()
    between = outcome.mean().var() - within / 10
    result = fit_mixed("will_to_live ~ 1", balanced, groups="hospital")
    # 1e-4: the variance ratio is known to the square root of the precision of the likelihood.
    assert intraclass_correlation(result) == pytest.approx(between / (between + within), rel=1e-4)


def test_the_icc_of_many_hospitals_is_that_of_the_world():
    patients, _ = simulate_hospitals(400, 25, rng=np.random.default_rng(8))
    icc = intraclass_correlation(fit_mixed("will_to_live ~ 1", patients, groups="hospital"))
    # Three standard errors of an ICC near 0.6 with 400 hospitals (Donner and Koval 1980).
    assert icc == pytest.approx(WORLD.implied()["icc"], abs=0.06)


def test_the_icc_of_a_singular_fit_is_zero():
    with pytest.warns(SingularFitWarning):
        result = fit_case("P13_singular_ri")
    assert intraclass_correlation(result) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (intraclass_correlation, "The intraclass correlation"),
        (hospital_sd_interval, "This interval"),
    ],
)
def test_random_slopes_are_refused(slopes, function, name):
    said = f"^{name} needs a model with a random intercept and nothing else.*resilience"
    with pytest.raises(ValueError, match=said):
        function(slopes)


@pytest.mark.parametrize("function", [intraclass_correlation, hospital_sd_interval])
def test_variance_components_are_refused(balanced, function):
    result = fit_mixed("will_to_live ~ 1", balanced, groups="hospital", vc_formula={"level": "1"})
    with pytest.raises(ValueError, match=r"random intercept and nothing else.*level Var"):
        function(result)


@pytest.mark.parametrize("function", [intraclass_correlation, hospital_sd_interval])
def test_a_constant_that_is_not_one_is_no_random_intercept(balanced, function):
    # Its variance is in other units: a hundredth of that between hospitals.
    ten = balanced.assign(ten=10.0)
    result = fit_mixed("will_to_live ~ 1", ten, groups="hospital", re_formula="0 + ten")
    with pytest.raises(ValueError, match=r"random intercept and nothing else.*ten Var"):
        function(result)


# --- design effect ---------------------------------------------------------------------------


@pytest.mark.parametrize(("icc", "n", "expected"), [(0, 30, 1), (1, 30, 30), (0.05, 21, 2)])
def test_the_design_effect_is_kish_s_formula(icc, n, expected):
    assert design_effect(icc, n) == pytest.approx(expected)


def test_equal_sizes_give_what_one_size_gives():
    assert design_effect(0.3, [12, 12, 12]) == pytest.approx(design_effect(0.3, 12))


def test_the_design_effect_of_unequal_sizes_is_exact_for_the_mean_of_patients():
    sizes, icc = np.array([2, 5, 30]), 0.2
    hospital = np.repeat(np.arange(3), sizes)
    correlation = np.where(hospital[:, None] == hospital[None, :], icc, 0.0)
    np.fill_diagonal(correlation, 1)
    n = sizes.sum()
    variance = correlation.sum() / n**2  # of the mean of n patients with variance 1
    assert design_effect(icc, sizes) == pytest.approx(variance * n)


@pytest.mark.parametrize("icc", [-0.1, 1.1, np.nan])
def test_an_icc_outside_zero_to_one_is_refused(icc):
    with pytest.raises(ValueError, match=r"icc is .*between 0 and 1"):
        design_effect(icc, 10)


@pytest.mark.parametrize("n", [0, [], [3, 0], np.nan, [3, np.inf]])
def test_hospitals_without_patients_are_refused(n):
    with pytest.raises(ValueError, match=r"n is .*at least 1 patient"):
        design_effect(0.1, n)


# --- profile interval ------------------------------------------------------------------------


def test_there_are_intervals_to_compare():
    assert len(WITH_INTERVAL) == 6


@pytest.mark.parametrize("name", WITH_INTERVAL)
def test_the_interval_equals_lme4(name):
    # 1e-4 relative: lme4 interpolates its profile; the roots here are exact to 1e-9.
    interval = hospital_sd_interval(fit_case(name))
    np.testing.assert_allclose(interval, FITS[name]["sd_interval"], rtol=1e-4)


def dense_ml(data, sd):
    """Return the ML log-likelihood at a hospital SD, from an N x N covariance matrix."""
    y, x = data["y"].to_numpy(), np.column_stack([np.ones(len(data)), data["x"]])
    same = (data["g"].to_numpy()[:, None] == data["g"].to_numpy()[None, :]).astype(float)

    def minus(log_sigma):
        v = sd**2 * same + np.exp(2 * log_sigma[0]) * np.eye(len(y))
        inverse = np.linalg.inv(v)
        beta = np.linalg.solve(x.T @ inverse @ x, x.T @ inverse @ y)
        residual = y - x @ beta
        log_det = np.linalg.slogdet(v)[1]
        return (log_det + len(y) * np.log(2 * np.pi) + residual @ inverse @ residual) / 2

    return -minimize(
        minus, [0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-11}
    ).fun


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_both_ends_lie_where_the_log_likelihood_has_fallen_by_half_a_quantile(level):
    rng = np.random.default_rng(6)
    group = np.repeat(np.arange(8), [3, 4, 5, 6, 3, 4, 5, 6])
    x = rng.normal(size=36)
    y = x + rng.normal(0, 1.5, 8)[group] + rng.normal(size=36)
    data = pd.DataFrame({"g": group, "x": x, "y": y})
    result = fit_mixed("y ~ x", data, groups="g", reml=False)
    for end in hospital_sd_interval(result, level=level):
        fall = result.llf - dense_ml(data, end)
        assert fall == pytest.approx(chi2.ppf(level, 1) / 2, abs=1e-6)


def test_a_reml_fit_has_the_interval_of_the_ml_fit(balanced):
    reml, ml = (
        fit_mixed("will_to_live ~ 1", balanced, groups="hospital", reml=reml)
        for reml in (True, False)
    )
    assert hospital_sd_interval(reml) == hospital_sd_interval(ml)


def test_the_lower_end_is_exactly_zero_when_zero_is_not_rejected():
    with pytest.warns(SingularFitWarning):
        low, high = hospital_sd_interval(fit_case("P21_dyestuff2"))
    assert low == 0
    assert 0 < high < 5


def test_the_lower_end_is_zero_too_when_the_estimate_is_not():
    # four hospitals: an estimate above zero, and zero within half a quantile of it
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(4), 10)
    data = pd.DataFrame({"g": group, "y": 0.4 * rng.normal(size=4)[group] + rng.normal(size=40)})
    result = fit_mixed("y ~ 1", data, "g", reml=False)
    ols = -len(data) / 2 * (1 + np.log(2 * np.pi * data["y"].var(ddof=0)))
    assert 1 < result.llf - ols < chi2.ppf(0.95, 1) / 2
    assert hospital_sd_interval(result)[0] == 0


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_the_interval_has_the_unit_of_the_outcome(balanced, factor):
    scaled = balanced.assign(will_to_live=balanced["will_to_live"] * factor)
    plain = hospital_sd_interval(fit_mixed("will_to_live ~ 1", balanced, groups="hospital"))
    other = hospital_sd_interval(fit_mixed("will_to_live ~ 1", scaled, groups="hospital"))
    np.testing.assert_allclose(np.array(other) / factor, plain, rtol=1e-6)


def test_three_hospitals_say_little_about_their_standard_deviation():
    low, high = hospital_sd_interval(fit_case("P01_h3_ri"))
    assert high / low > 5


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_that_is_none_is_refused(balanced, level):
    result = fit_mixed("will_to_live ~ 1", balanced, groups="hospital")
    with pytest.raises(ValueError, match=r"level is .*between 0 and 1"):
        hospital_sd_interval(result, level=level)


def test_no_warning_is_said_on_the_way(balanced):
    result = fit_mixed("will_to_live ~ 1", balanced, groups="hospital")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        low, high = hospital_sd_interval(result)
    assert low < np.sqrt(result.cov_re.iloc[0, 0]) < high


def test_with_three_hospitals_the_interval_covers_less_often_than_it_says():
    rng, hits = np.random.default_rng(12), []
    group = np.repeat(np.arange(3), 10)
    for _ in range(100):
        data = pd.DataFrame({"g": group, "y": 2 * rng.normal(size=3)[group] + rng.normal(size=30)})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SingularFitWarning)
            low, high = hospital_sd_interval(fit_mixed("y ~ 1", data, "g"))
        hits.append(low <= 2 <= high)
    # 82 to 85 % in 1,500 simulated data sets; three standard errors of a share of 100.
    assert 0.72 < np.mean(hits) < 0.94


# --- parametric bootstrap --------------------------------------------------------------------


@pytest.mark.parametrize("reml", [True, False])
def test_each_replicate_is_the_fit_of_simulated_outcomes(balanced, reml):
    result = fit_mixed("will_to_live ~ resilience", balanced, "hospital", reml=reml)
    found = bootstrap_hospital_sd(result, rng=np.random.default_rng(3), n=3)
    outcomes = simulate_outcomes(result, 3, rng=np.random.default_rng(3))
    for k in range(3):
        drawn = balanced.assign(will_to_live=outcomes[:, k])
        again = fit_mixed("will_to_live ~ resilience", drawn, "hospital", reml=reml)
        # 1e-3: fit_mixed knows a standard deviation to the root of the likelihood's precision.
        assert found.replicates[k] == pytest.approx(np.sqrt(again.cov_re.iloc[0, 0]), rel=1e-3)


def test_replicates_of_balanced_data_follow_the_analysis_of_variance(balanced):
    result = fit_mixed("will_to_live ~ 1", balanced, "hospital")
    tau2, sigma2 = result.cov_re.iloc[0, 0], result.scale
    found = bootstrap_hospital_sd(result, rng=np.random.default_rng(5), n=4000)
    # τ̂² = (MSB - MSW) / n, and both are scaled χ²: 19 and 180 degrees of freedom.
    between, within = sigma2 + 10 * tau2, sigma2
    variance = (2 * between**2 / 19 + 2 * within**2 / 180) / 10**2
    error = np.sqrt(variance / 4000)
    assert np.mean(found.replicates**2) == pytest.approx(tau2, abs=4 * error)
    assert np.var(found.replicates**2) == pytest.approx(variance, rel=0.15)


def test_the_interval_holds_the_middle_of_the_replicates(balanced):
    result = fit_mixed("will_to_live ~ 1", balanced, "hospital")
    found = bootstrap_hospital_sd(result, rng=np.random.default_rng(6), n=500, level=0.8)
    assert found.replicates.shape == (500,)
    assert (found.low, found.high) == pytest.approx(np.quantile(found.replicates, [0.1, 0.9]))


def test_replicates_on_the_boundary_are_exactly_zero():
    with pytest.warns(SingularFitWarning):
        result = fit_case("P21_dyestuff2")
    found = bootstrap_hospital_sd(result, rng=np.random.default_rng(7), n=500)
    assert 0.4 < np.mean(found.replicates == 0) < 0.8
    assert found.low == 0


def test_the_bootstrap_refuses_what_it_does_not_know(balanced, slopes):
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match=r"^This bootstrap needs a model with a random intercept"):
        bootstrap_hospital_sd(slopes, rng=rng)
    result = fit_mixed("will_to_live ~ 1", balanced, "hospital")
    with pytest.raises(ValueError, match="level is 95"):
        bootstrap_hospital_sd(result, rng=rng, level=95)
    with pytest.raises(ValueError, match="n is 0; draw at least 1"):
        bootstrap_hospital_sd(result, rng=rng, n=0)
