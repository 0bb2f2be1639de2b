"""The simulated world agrees with the closed forms that its documentation states."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from multilevel.simulate import (
    WORLD,
    WORLD_OF_THREE,
    simulate_hospitals,
    simulate_three_hospitals,
)


def slope(x: pd.Series, y: pd.Series) -> float:
    return np.polyfit(x, y, 1)[0]


@pytest.fixture(scope="module")
def large():
    return simulate_hospitals(20_000, 20, rng=np.random.default_rng(7))


def centred(patients: pd.DataFrame) -> pd.DataFrame:
    columns = ["symptom_severity", "will_to_live"]
    return patients[columns] - patients.groupby("hospital")[columns].transform("mean")


def test_documented_slopes_are_the_implied_ones():
    implied = WORLD.implied()
    assert implied["within"] == -3
    assert implied["between"] == pytest.approx(5, abs=1e-12)
    assert implied["contextual"] == pytest.approx(8, abs=1e-12)
    assert implied["pooled"] == pytest.approx(13 / 9, abs=1e-12)


# Tolerances below are four standard errors of the estimate in 20,000 hospitals of 20 patients,
# by the usual large-sample formulas.


def test_within_slope_of_a_large_sample_is_the_implied_one(large):
    deviations = centred(large[0])
    se = np.sqrt(WORLD.implied()["var_within"] / 400_000 / 0.77 + 2.3 / 20_000)
    estimate = slope(deviations["symptom_severity"], deviations["will_to_live"])
    assert estimate == pytest.approx(WORLD.implied()["within"], abs=4 * se)


def test_between_slope_of_the_true_means_is_the_implied_one(large):
    hospitals = large[1]
    estimate = slope(hospitals["true_case_mix"], hospitals["true_mean"])
    residual = WORLD.implied()["var_between"] - 25 * 0.967
    se = np.sqrt(residual / 0.967 / 20_000)
    assert estimate == pytest.approx(WORLD.implied()["between"], abs=4 * se)


def test_pooled_slope_of_a_large_sample_is_the_implied_one(large):
    patients = large[0]
    estimate = slope(patients["symptom_severity"], patients["will_to_live"])
    # hospitals are the independent units: the standard error of their score contributions
    x = patients["symptom_severity"] - patients["symptom_severity"].mean()
    residual = patients["will_to_live"] - patients["will_to_live"].mean() - estimate * x
    score = (x * residual).groupby(patients["hospital"]).sum()
    se = np.sqrt((score**2).sum()) / (x**2).sum()
    assert estimate == pytest.approx(WORLD.implied()["pooled"], abs=4 * se)


def test_contextual_effect_vanishes_when_staff_quality_is_known(large):
    hospitals = large[1]
    design = np.column_stack(
        [np.ones(len(hospitals)), hospitals["true_case_mix"], hospitals["staff_quality"]]
    )
    coefficients, *_ = np.linalg.lstsq(design, hospitals["true_mean"], rcond=None)
    own_mix = WORLD.sd_case_mix**2 * 0.774
    se = np.sqrt(WORLD.sd_intercept**2 / own_mix / 20_000)
    assert coefficients[1] - WORLD.slope_within == pytest.approx(0, abs=4 * se)
    assert coefficients[2] == pytest.approx(WORLD.effect_staff, abs=4 * se)


def test_variances_and_icc_of_a_large_sample_are_the_implied_ones(large):
    patients, hospitals = large
    implied = WORLD.implied()
    between = hospitals["true_mean"].var()
    within = patients.groupby("hospital")["will_to_live"].var().mean()
    assert between == pytest.approx(implied["var_between"], rel=4 * np.sqrt(2 / 20_000))
    # patients of one hospital share its slope, so hospitals count, with kurtosis from the slopes
    assert within == pytest.approx(implied["var_within"], rel=0.015)
    assert between / (between + within) == pytest.approx(implied["icc"], abs=0.01)


def test_hospitals_own_intercepts_and_slopes_have_the_documented_spread():
    n = 200_000
    _, hospitals = simulate_hospitals(n, 1, rng=np.random.default_rng(9))
    staff, case_mix = hospitals["staff_quality"] - 5, hospitals["true_case_mix"] - 5
    fixed = WORLD.intercept + WORLD.effect_staff * staff + WORLD.slope_within * case_mix
    u0 = hospitals["true_mean"] - fixed
    u1 = hospitals["true_slope"] - WORLD.slope_within - WORLD.cross_level * staff
    # four standard errors of a standard deviation and of a correlation
    assert u0.std() == pytest.approx(WORLD.sd_intercept, rel=4 * np.sqrt(1 / (2 * n)))
    assert u1.std() == pytest.approx(WORLD.sd_slope, rel=4 * np.sqrt(1 / (2 * n)))
    error = (1 - WORLD.correlation**2) / np.sqrt(n)
    assert np.corrcoef(u0, u1)[0, 1] == pytest.approx(WORLD.correlation, abs=4 * error)


@pytest.mark.parametrize(
    "change",
    [{"effect_staff": 2.0}, {"case_mix_per_staff": 0.2}, {"sd_case_mix": 1.0}, {"cut": 3.0}],
    ids=str,
)
def test_closed_forms_hold_for_other_parameters(change):
    world = replace(WORLD, **change)
    _, hospitals = simulate_hospitals(40_000, 1, rng=np.random.default_rng(8), world=world)
    estimate = slope(hospitals["true_case_mix"], hospitals["true_mean"])
    residual = hospitals["true_mean"].var() - estimate**2 * hospitals["true_case_mix"].var()
    se = np.sqrt(residual / hospitals["true_case_mix"].var() / 40_000)
    assert estimate == pytest.approx(world.implied()["between"], abs=4 * se)


def test_every_implied_number_holds_where_no_parameter_is_one():
    world = replace(WORLD, sd_severity=0.8, sd_slope=1.7, cross_level=1.5, effect_resilience=3.0)
    patients, hospitals = simulate_hospitals(20_000, 20, rng=np.random.default_rng(10), world=world)
    implied, deviations = world.implied(), centred(patients)
    columns = ["symptom_severity", "will_to_live"]
    x, y = (patients[name].to_numpy() for name in columns)
    found = {
        "within": slope(*(deviations[name] for name in columns)),
        "between": slope(hospitals["true_case_mix"], hospitals["true_mean"]),
        "pooled": slope(x, y),
        "var_between": hospitals["true_mean"].var(),
        "var_within": (deviations["will_to_live"] ** 2).mean() * 20 / 19,
    }
    # four times the largest relative standard error, 1.2 % of the pooled slope
    assert found == pytest.approx({name: implied[name] for name in found}, rel=0.05)
    assert found["var_within"] == pytest.approx(implied["var_within"], rel=0.01)  # error 0.2 %


def test_means_of_a_large_sample_are_the_middles_of_the_scales(large):
    patients = large[0]
    middles = {"staff_quality": 5, "symptom_severity": 5, "resilience": 5, "will_to_live": 55}
    assert patients.columns.tolist() == ["hospital", *middles]
    for column, middle in middles.items():
        # four standard errors of a mean of hospitals
        error = patients.groupby("hospital")[column].mean().std() / np.sqrt(20_000)
        assert patients[column].mean() == pytest.approx(middle, abs=4 * error)


def test_patients_have_the_staff_of_their_hospital(large):
    patients, hospitals = large
    staff = patients.groupby("hospital")["staff_quality"].agg(["min", "max"])
    for end in ("min", "max"):
        np.testing.assert_array_equal(staff[end], hospitals["staff_quality"])


def test_predictors_stay_on_their_scales_and_nothing_is_clipped(large):
    patients = large[0]
    for column in ["symptom_severity", "resilience", "staff_quality"]:
        assert patients[column].between(0, 10).all()
        assert (patients[column] == patients[column].max()).sum() <= 20  # one hospital at most
    assert patients["will_to_live"].nunique() == len(patients)


def test_three_hospitals_flip_in_each_of_four_hundred_worlds():
    for seed in range(400):
        patients = simulate_three_hospitals(rng=np.random.default_rng(seed))
        deviations = centred(patients)
        assert slope(patients["symptom_severity"], patients["will_to_live"]) > 0
        assert slope(deviations["symptom_severity"], deviations["will_to_live"]) < 0


def test_three_hospitals_have_the_worlds_between_slope():
    world = replace(WORLD_OF_THREE, sd_intercept=0.0)
    patients = simulate_three_hospitals(20_000, rng=np.random.default_rng(1), world=world)
    means = patients.groupby("hospital")[["symptom_severity", "will_to_live"]].mean()
    estimate = slope(means["symptom_severity"], means["will_to_live"])
    assert estimate == pytest.approx(WORLD.implied()["between"], abs=0.1)


def test_same_seed_same_data_other_seed_other_data():
    first, again, other = (
        simulate_hospitals(5, 4, rng=np.random.default_rng(seed))[0] for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first, again)
    assert not first["will_to_live"].equals(other["will_to_live"])


def test_unbalanced_sizes_are_respected():
    patients, hospitals = simulate_hospitals(3, [4, 1, 7], rng=np.random.default_rng(1))
    assert patients.groupby("hospital").size().tolist() == [4, 1, 7]
    assert hospitals["hospital"].tolist() == ["H01", "H02", "H03"]


def test_one_hospital_with_one_patient_is_a_world_too():
    patients, hospitals = simulate_hospitals(1, 1, rng=np.random.default_rng(1))
    assert (len(patients), len(hospitals)) == (1, 1)


@pytest.mark.parametrize(
    ("n_hospitals", "n_patients", "message"),
    [
        (0, 5, "n_hospitals is 0; give a whole number"),
        (2, 2.7, r"n_patients is 2\.7; give whole numbers of at least 1"),
        (2, [3, 2.5], r"n_patients is \[3, 2\.5\]; give whole numbers"),
        (2, np.nan, "n_patients is nan; give whole numbers"),
        (2.5, 5, r"n_hospitals is 2\.5; give a whole number"),
        (3, [5, 5], "2 entries for 3 hospitals"),
        (2, [5, 0], r"n_patients is \[5, 0\]; give whole numbers of at least 1"),
    ],
)
def test_impossible_sizes_are_refused_with_a_reason(n_hospitals, n_patients, message):
    with pytest.raises(ValueError, match=message):
        simulate_hospitals(n_hospitals, n_patients, rng=np.random.default_rng(1))
