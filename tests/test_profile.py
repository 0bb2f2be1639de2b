"""profile_reml against lme4, dense textbook formulas, closed forms and its own single fits."""

import json
from dataclasses import fields
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import patsy
import pytest
from scipy.optimize import minimize, minimize_scalar

from multilevel.deviance import Directions, Rows, Weights
from multilevel.profile import ProfileFit, profile_reml
from multilevel.profile_intercept import slope_and_step
from multilevel.sums import hospital_sums

LME4 = Path(__file__).parent / "lme4"
FITS = {fit["id"]: fit for fit in json.loads((LME4 / "lme4_fits.json").read_text())["fits"]}
CASES = {
    case["id"]: case
    for case in json.loads((LME4 / "cases.json").read_text())
    if not case["fit_mixed"]["vc_formula"]
}
ESTIMATES = [field.name for field in fields(ProfileFit)][:8]


def fit_case(case, **changes):
    model = case["fit_mixed"]
    data = pd.read_csv(LME4 / "data" / f"{case['data']}.csv")
    y, x = patsy.dmatrices(model["formula"], data, return_type="dataframe")
    slope = data[model["re_formula"][1:]] if model["re_formula"] else None
    arguments = {"slope": slope, "reml": case["reml"]} | changes
    return profile_reml(y.iloc[:, 0], x, data[model["groups"]], **arguments)


# --- equal to lme4 ---------------------------------------------------------------------------


def in_r_words(name):
    name = name.replace("Intercept", "(Intercept)").replace("[T.", "").replace("]", "")
    return ":".join(sorted(name.split(":")))


@pytest.mark.parametrize("name", CASES)
def test_a_reference_fit_equals_lme4(name):
    fit, lme4 = fit_case(CASES[name]), FITS[name]
    order = [[in_r_words(own) for own in fit.names].index(":".join(sorted(theirs.split(":"))))
             for theirs in lme4["fixed_effects"]]  # fmt: skip
    expected = list(lme4["fixed_effects"].values())
    np.testing.assert_allclose(fit.fixed_effects[order], expected, rtol=1e-7)
    # 1e-5: lme4 stops where the likelihood is flat to 1e-13, the variances to its square root.
    expected = list(lme4["standard_errors"].values())
    np.testing.assert_allclose(fit.standard_errors[order], expected, rtol=1e-5)
    assert fit.log_likelihood == pytest.approx(lme4["log_likelihood"], rel=1e-10)
    relative = fit.random_effects_covariance / fit.sigma**2
    assert (np.linalg.eigvalsh(relative)[0] < 1e-8) == lme4["is_singular"]


def test_there_are_reference_fits_of_every_kind():
    assert len(CASES) == 19
    kinds = {(case["reml"], case["fit_mixed"]["re_formula"] is None) for case in CASES.values()}
    assert kinds == {(reml, intercept) for reml in (True, False) for intercept in (True, False)}


def test_variances_of_sleepstudy_are_the_published_ones():
    # Bates, Mächler, Bolker and Walker (2015), doi:10.18637/jss.v067.i01, section 5.2.1.
    fit = fit_case(CASES["P16_sleep_reml"])
    (intercept, covariance), (_, slope) = fit.random_effects_covariance
    said = [intercept, slope, covariance / np.sqrt(intercept * slope), fit.sigma**2]
    assert [round(float(value), 2) for value in said] == [612.09, 35.07, 0.07, 654.94]


# --- equal to formulas written out -----------------------------------------------------------


def hospitals(seed, sizes, *, tau=2.0, slope_sd=0.0, n_outcomes=1):
    """Return y, X, the hospital of each patient and a predictor, all rows shuffled."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    x = 3 + rng.normal(size=len(group)) + rng.normal(size=len(sizes))[group]
    u0, u1 = rng.normal(size=(2, len(sizes), n_outcomes))
    y = 50 + x[:, None] * (2 + slope_sd * u1[group]) + tau * u0[group]
    y += rng.normal(0, 3, size=y.shape)
    return (y if n_outcomes > 1 else y[:, 0]), np.column_stack([np.ones(len(x)), x]), group, x


def dense(y, x, group, z, relative, reml):
    """Return estimates, covariance, log-likelihood and conditional modes from an N x N matrix."""
    n, p = x.shape
    same = group[:, None] == group[None, :]
    v = np.eye(n) + same * (z @ relative @ z.T)
    inverse = np.linalg.inv(v)
    gram = x.T @ inverse @ x
    beta = np.linalg.solve(gram, x.T @ inverse @ y)
    rest = y - x @ beta
    divisor = n - p if reml else n
    variance = rest @ inverse @ rest / divisor
    minus_two = np.linalg.slogdet(v)[1] + divisor * (1 + np.log(2 * np.pi * variance))
    minus_two += np.linalg.slogdet(gram)[1] if reml else 0
    modes = [relative @ z[group == j].T @ (inverse @ rest)[group == j] for j in np.unique(group)]
    return beta, variance * np.linalg.inv(gram), -minus_two / 2, np.squeeze(modes), variance


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("with_slope", [False, True])
def test_every_field_is_what_a_dense_matrix_gives(with_slope, reml):
    y, x, group, predictor = hospitals(2, [1, 2, 5, 9, 14, 4, 7, 6, 6, 8], tau=4, slope_sd=2.0)
    fit = profile_reml(y, x, group, slope=predictor if with_slope else None, reml=reml)
    z = x if with_slope else x[:, :1]
    relative = fit.random_effects_covariance / fit.sigma**2
    assert np.linalg.det(relative) > 0.1  # at zero many a wrong formula would be right
    beta, covariance, log_likelihood, modes, variance = dense(y, x, group, z, relative, reml)
    np.testing.assert_allclose(fit.fixed_effects, beta, rtol=1e-9)
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-9)
    np.testing.assert_allclose(fit.standard_errors, np.sqrt(np.diag(covariance)), rtol=1e-9)
    np.testing.assert_allclose(fit.hospital_effects, modes, rtol=1e-7, atol=1e-9)
    assert fit.log_likelihood == pytest.approx(log_likelihood, rel=1e-11)
    assert fit.sigma == pytest.approx(np.sqrt(variance), rel=1e-10)
    assert fit.tau == np.sqrt(fit.random_effects_covariance[0, 0])


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("with_slope", [False, True])
def test_no_variance_near_by_is_more_likely(with_slope, reml):
    y, x, group, predictor = hospitals(2, [1, 2, 5, 9, 14, 4, 7, 6, 6, 8], tau=4, slope_sd=2.0)
    fit = profile_reml(y, x, group, slope=predictor if with_slope else None, reml=reml)
    z = x if with_slope else x[:, :1]
    factor = np.linalg.cholesky(fit.random_effects_covariance) / fit.sigma
    k = len(factor)
    directions = [(a, b) for a in range(k) for b in range(a + 1)]
    for a, b in directions:
        ends = []
        for step in (-1e-3, 1e-3):
            moved = factor.copy()
            moved[a, b] += step
            ends.append(dense(y, x, group, z, moved @ moved.T, reml)[2] - fit.log_likelihood)
        assert max(ends) < 0
        # Both sides fall alike: at the top to a small part of the step.
        assert ends[0] == pytest.approx(ends[1], rel=0.02)


def written_out(y, x, hospital):
    """Fit a random intercept by REML: the lesson of the chapter on random intercepts."""
    # What deviates from a hospital's mean varies by σ²; √n times its mean by σ² (1 + n ratio).
    hospital = np.unique(hospital, return_inverse=True)[1]
    n_patients = np.bincount(hospital)
    columns = np.column_stack([x, y])
    sums = np.array([np.bincount(hospital, column) for column in columns.T]).T
    deviations = columns - (sums / n_patients[:, None])[hospital]
    within = deviations.T @ deviations

    def solve(ratio):
        weight = 1 / (n_patients * (1 + n_patients * ratio))
        total = within + sums.T @ (weight[:, None] * sums)
        xx, xy, yy = total[:-1, :-1], total[:-1, -1], total[-1, -1]
        beta = np.linalg.solve(xx, xy)
        sigma2 = (yy - xy @ beta) / (len(y) - len(beta))
        minus_two = np.log(1 + n_patients * ratio).sum() + np.linalg.slogdet(xx)[1]
        minus_two += (len(y) - len(beta)) * (1 + np.log(2 * np.pi * sigma2))
        return -minus_two / 2, beta, np.sqrt(ratio * sigma2), np.sqrt(sigma2)

    grid = np.append(0, np.geomspace(1e-4, 1e4, 41))
    best = np.argmax([solve(ratio)[0] for ratio in grid])
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, 41)]
    search = minimize_scalar(lambda ratio: -solve(ratio)[0], bounds=bounds, method="bounded",
                             options={"xatol": 1e-10})  # fmt: skip
    return max([solve(0.0), solve(search.x)], key=lambda found: found[0])


@pytest.mark.parametrize("tau", [0.0, 0.5, 3.0])
def test_thirty_lines_written_out_give_the_same(tau):
    y, x, group, _ = hospitals(3, [4, 5, 6, 7, 8, 9, 10, 11], tau=tau)
    log_likelihood, beta, own_tau, sigma = written_out(y, x, group)
    fit = profile_reml(y, x, group)
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=1e-9)
    np.testing.assert_allclose(fit.fixed_effects, beta, rtol=1e-6)
    assert fit.sigma == pytest.approx(sigma, rel=1e-6)
    assert fit.tau == pytest.approx(own_tau, abs=1e-5)


@pytest.mark.parametrize("tau", [2.0, 3e5])
def test_balanced_data_give_the_analysis_of_variance(tau):
    y, _, group, _ = hospitals(5, [6] * 9, tau=tau)
    table = pd.DataFrame({"y": y, "group": group}).groupby("group")["y"]
    within, between = table.var().mean(), table.mean().var()
    fit = profile_reml(y, np.ones((54, 1)), group)
    # Where patients of a hospital differ by a hundred thousandth of what hospitals do, nothing is
    # lost but what the outcome itself has no digits for.
    tolerance = 1e-10 if tau == 2 else 1e-9
    assert fit.sigma**2 == pytest.approx(within, rel=tolerance)
    assert fit.tau**2 == pytest.approx(between - within / 6, rel=tolerance)
    reliability = fit.tau**2 / (fit.tau**2 + within / 6)
    expected = reliability * (table.mean() - table.mean().mean())
    np.testing.assert_allclose(fit.hospital_effects, expected, rtol=tolerance)


def test_a_variance_of_hospitals_just_above_zero_is_not_taken_for_zero():
    y, x, group, _ = hospitals(5, [6] * 9, tau=2)
    x = x[:, :1]
    means = (np.bincount(group, y) / 6)[group]
    variance_within = ((y - means) ** 2).sum() / 45
    # hospitals' means pulled together until they differ by chance and a millionth of it
    of_chance = variance_within * (1 + 1e-6)
    pulled = (means - y.mean()) * np.sqrt(8 * of_chance / ((means - y.mean()) ** 2).sum())
    fit = profile_reml(y - means + pulled, x, group)
    assert fit.tau**2 == pytest.approx(1e-6 * variance_within / 6, rel=1e-8)


@pytest.mark.parametrize("ratio", [1e-3, 0.1, 30.0])
def test_in_a_balanced_design_one_step_leads_to_the_top(ratio):
    y, x, group, _ = hospitals(5, [6] * 9, tau=2)
    fit = profile_reml(y, x[:, :1], group)
    deviance = Directions.of(Rows.of(hospital_sums(y, x[:, :1], group, None)), True)
    *_, step = slope_and_step(deviance, np.array([[ratio]]))
    assert ratio + step[0, 0] == pytest.approx((fit.tau / fit.sigma) ** 2, rel=1e-9)


# --- the global optimum ----------------------------------------------------------------------


def two_peaks(seed):
    """Return two large hospitals that agree and four small ones that do not."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(6), [40, 3, 2, 1, 2, 40])
    jump = np.array([0, 1, 1, 1, 1, 0.05]) * rng.normal(0, 4, 6)
    return rng.normal(size=len(group)) + jump[group], np.ones((len(group), 1)), group


@pytest.mark.parametrize(
    ("seed", "reml", "at_zero"),
    [
        (74, True, False),
        (104, True, True),
        (290, True, True),
        (849, True, False),
        (1316, True, True),
        (0, False, False),
        (144, False, True),
        (1091, False, False),
        (2156, False, True),
    ],
)
def test_the_higher_of_two_peaks_is_found(seed, reml, at_zero):
    y, x, group = two_peaks(seed)
    grid = np.append(0, np.geomspace(1e-4, 1e3, 60))
    heights = [dense(y, x, group, x, np.array([[ratio]]), reml)[2] for ratio in grid]
    padded = np.array([-np.inf, *heights, -np.inf])
    assert ((padded[1:-1] > padded[:-2]) & (padded[1:-1] > padded[2:])).sum() == 2
    fit = profile_reml(y, x, group, reml=reml)
    assert fit.log_likelihood >= max(heights) - 1e-12
    assert (fit.tau == 0) == at_zero


@pytest.mark.parametrize("reml", [True, False])
def test_a_peak_between_two_that_are_close_together_on_a_coarse_grid_is_found(reml):
    # zero is a peak too, and the likelihood rises again soon after it
    rng = np.random.default_rng(36)
    group = np.repeat(np.arange(6), [40, 400, 3, 2, 1, 2])
    jump = np.array([0, 0.05, 1, 1, 1, 1]) * rng.normal(0, 4, 6)
    y, x = rng.normal(size=len(group)) + jump[group], np.ones((len(group), 1))
    grid = np.append(0, np.geomspace(1e-4, 1e3, 30))
    heights = [dense(y, x, group, x, np.array([[ratio]]), reml)[2] for ratio in grid]
    assert heights[0] > heights[1]
    fit = profile_reml(y, x, group, reml=reml)
    assert fit.tau > 1
    assert fit.log_likelihood > max(heights)


# By ML the last three have a peak that is found from the scatter of hospitals' lines alone.
@pytest.mark.parametrize(
    ("seed", "slope_sd", "reml"),
    [*((seed, 0.5, True) for seed in range(12)), (24, 2, False), (97, 2, False), (282, 2, False)],
)
def test_no_search_for_a_random_slope_ends_higher(seed, slope_sd, reml):
    # Five small hospitals: their likelihood often has more than one peak.
    y, x, group, predictor = hospitals(seed, [4, 3, 5, 2, 4], tau=1, slope_sd=slope_sd)
    fit = profile_reml(y, x, group, slope=predictor, reml=reml)
    rng = np.random.default_rng(seed)

    def minus_log_likelihood(theta):
        factor = np.array([[theta[0], 0], [theta[1], theta[2]]])
        return -dense(y, x, group, x, factor @ factor.T, reml)[2]

    for _ in range(4):
        start = rng.normal(size=3)
        other = minimize(minus_log_likelihood, start, method="Nelder-Mead", options={"fatol": 1e-6})
        assert fit.log_likelihood > -other.fun - 1e-9


def steep(seed, ratio, *, lines):
    """Return hospitals whose lines, or means only, are ``ratio`` times as far apart as patients."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(8), 6)
    u, b = rng.normal(size=8)[group], rng.normal(size=8)[group]
    noise, x = rng.normal(size=48), rng.normal(3, 1, 48)
    y = noise + (u + ratio * b * x if lines else ratio * u + b * x)
    return y, np.column_stack([np.ones(48), x]), group, x


@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("ratio", [1e2, 3e2, 1e3, 3e3, 1e4, 1e5])
def test_lines_that_are_far_apart_are_fitted_or_refused(ratio, lines):
    # Wrong fits once had a sigma of two to forty times what the lines of least squares leave.
    refused = 0
    for seed in range(60):
        y, x, group, predictor = steep(seed, ratio, lines=lines)
        try:
            fit = profile_reml(y, x, group, slope=predictor)
        except ValueError as error:
            assert "Outcome 0 of y hardly varies around the lines" in str(error)
            refused += 1
            continue
        of_hospital = (group[:, None] == np.arange(8)) * 1.0
        each = np.column_stack([of_hospital, of_hospital * predictor[:, None]])
        rest = y - each @ np.linalg.lstsq(each, y, rcond=None)[0]
        assert fit.sigma == pytest.approx(np.sqrt(rest @ rest / 32), rel=0.1)
    assert refused == 0 or ratio > 1e2
    assert refused == 60 or ratio < 1e5


# --- batches ---------------------------------------------------------------------------------


def assert_equal_fits(one, other, rtol=1e-8, atol=0.0):
    for name in ESTIMATES:
        np.testing.assert_allclose(
            getattr(one, name), getattr(other, name), rtol=rtol, atol=atol, err_msg=name
        )


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("with_slope", [False, True])
def test_a_batch_equals_its_single_fits(with_slope, reml):
    y, x, group, predictor = hospitals(2, [1, 3, 8, 5, 6], tau=0.8, slope_sd=0.2, n_outcomes=30)
    slope = predictor if with_slope else None
    batch = profile_reml(y, x, group, slope=slope, reml=reml)
    for r in range(30):
        single = profile_reml(y[:, r], x, group, slope=slope, reml=reml)
        for name in ESTIMATES:
            expected, found = getattr(single, name), getattr(batch, name)[r]
            assert np.shape(found) == np.shape(expected)
            np.testing.assert_allclose(found, expected, rtol=1e-8, err_msg=name)
    # Some fits lie on the boundary: exactly, and others do not.
    assert 3 < (np.linalg.det(batch.random_effects_covariance) == 0).sum() < 27


@pytest.mark.parametrize("reml", [True, False])
def test_many_sizes_are_solved_at_each_ratio_as_few_are_by_directions(reml):
    # Fifty sizes: directions cost more than one outcome deserves, and less than a hundred do.
    sizes = np.random.default_rng(1).permutation(np.arange(1, 51))
    y, x, group, _ = hospitals(6, sizes, tau=0.3, n_outcomes=100)
    batch = profile_reml(y, x, group, reml=reml)
    for r in range(100):
        single = profile_reml(y[:, r], x, group, reml=reml)
        for name in ESTIMATES:
            expected, found = getattr(single, name), getattr(batch, name)[r]
            np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12, err_msg=name)
    assert 3 < (batch.tau == 0).sum() < 97


def test_a_batch_that_is_solved_in_parts_equals_its_single_fits():
    sizes = np.random.default_rng(2).permutation(np.arange(2, 302))
    y, x, group, _ = hospitals(7, sizes, tau=0.5, n_outcomes=40)
    rows = Rows.of(hospital_sums(y, x, group, None))
    assert len(rows.sizes) ** 2 > 2000 * 40
    assert len(rows.sizes) * 40 > 2 * 5000
    batch = profile_reml(y, x, group)
    for r in (0, 17, 39):
        single = profile_reml(y[:, r], x, group)
        for name in ESTIMATES:
            expected, found = getattr(single, name), getattr(batch, name)[r]
            np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-12, err_msg=name)


# --- hospitals that do not differ -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("y", "group"),
    [
        (
            [0, 1, 1, 1, 2],
            [0, 0, 1, 1, 1],
        ),  # between hospitals and within, the mean square is equal
        ([2, 0, 1], [0, 1, 1]),  # and the deviance does not even bend there
        ([1, 0, 1, 2, 1], [0, 1, 2, 2, 2]),
    ],
)
def test_where_the_deviance_is_level_at_zero_the_variance_is_exactly_zero(y, group):
    assert profile_reml(y, np.ones((len(y), 1)), group, reml=False).tau == 0


@pytest.mark.parametrize("reml", [True, False])
def test_of_small_whole_numbers_no_variance_is_almost_zero(reml):
    for seed in range(600):
        rng = np.random.default_rng(seed)
        group = np.repeat(np.arange(4), rng.integers(1, 4, 4))
        y, x = rng.integers(0, 3, len(group)), np.ones((len(group), 1))
        if len(group) == 4 or all(np.ptp(y[group == j]) == 0 for j in range(4)):
            continue
        fit = profile_reml(y, x, group, reml=reml)
        assert fit.tau == 0 or fit.tau > 1e-3
        zero = dense(y, x, group, x, np.zeros((1, 1)), reml)[2]
        assert fit.log_likelihood > zero - 1e-12


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("many_sizes", [False, True])
def test_derivatives_are_those_of_the_log_determinant_and_the_residual_sum(many_sizes, reml):
    way = Weights if many_sizes else Directions
    # sizes that one hospital has, and one that more have than there are predictors
    y, x, group, predictor = hospitals(2, [1, 2, 5, 9, 14, 6, 6, 6, 6, 8], tau=4, n_outcomes=2)
    x = np.column_stack([x, group % 2, predictor**2])
    deviance = way.of(Rows.of(hospital_sums(y, x, group, None)), reml)
    pairs = deviance.paired(np.array([0, 1]))
    ratio = np.array([[0.2], [1.5]])
    step = 1e-3 * ratio
    points = [pairs.at(ratio + k * step) for k in (-2, -1, 0, 1, 2)]
    for k, signs in ((1, (-1, 1)), (0, (1, -1))):
        low_2, low, middle, high, high_2 = (point[k] for point in points)
        first = (low_2 - 8 * low + 8 * high - high_2) / (12 * step)
        second = (-low_2 + 16 * low - 30 * middle + 16 * high - high_2) / (12 * step**2)
        found = pairs.derivatives(ratio)[1:3] if k == 1 else pairs.derivatives(ratio)[3:]
        np.testing.assert_allclose(found[0], signs[0] * first, rtol=1e-8)
        np.testing.assert_allclose(found[1], signs[1] * second / (1 + k), rtol=1e-6)
    together = deviance.derivatives(ratio)
    for field, own in zip(together, pairs.derivatives(ratio), strict=True):
        every = np.broadcast_to(field, (2, 2))
        np.testing.assert_allclose(every.diagonal(), own[:, 0], rtol=1e-12)


def test_shapes_are_those_of_the_documentation():
    y, x, group, predictor = hospitals(2, [4, 4, 4, 4], n_outcomes=3)
    batch = profile_reml(y, x, group)
    shapes = [(3, 2), (3, 2), (3, 2, 2), (3, 1, 1), (3,), (3,), (3,), (3, 4)]
    assert [getattr(batch, name).shape for name in ESTIMATES] == shapes
    with_slope = profile_reml(y[:, 0], x, group, slope=predictor)
    shapes = [(2,), (2,), (2, 2), (2, 2), (), (), (), (4, 2)]
    assert [getattr(with_slope, name).shape for name in ESTIMATES] == shapes
    assert batch.hospitals.tolist() == [0, 1, 2, 3]
    assert batch.reml


def test_names_and_labels_are_kept():
    y, x, group, _ = hospitals(2, [4, 4, 4])
    frame = pd.DataFrame({"Intercept": x[:, 0], "severity": x[:, 1]})
    hospital = pd.Series(group).map({0: "Red", 1: "Blue", 2: "Green"})
    fit = profile_reml(pd.Series(y), frame, hospital, reml=False)
    assert fit.names == ("Intercept", "severity")
    assert profile_reml(y, x, group).names == ("x0", "x1")
    assert fit.hospitals.tolist() == ["Blue", "Green", "Red"]
    assert not fit.reml
    plain = profile_reml(y, x, group, reml=False)
    np.testing.assert_allclose(fit.hospital_effects, plain.hospital_effects[[1, 2, 0]], rtol=1e-9)


@pytest.mark.parametrize("kind", ["int16", "bool", "float16", "float32", "longdouble", object])
@pytest.mark.parametrize("with_slope", [False, True])
def test_numbers_of_any_kind_are_the_same_numbers(kind, with_slope):
    y, x, group, predictor = hospitals(2, [4, 6, 5, 7], tau=3, slope_sd=1.0)
    x[:, 1] = predictor > 3 if kind == "bool" else np.round(100 + predictor, 1)
    y, x = (y > 57 if kind == "bool" else np.round(y)).astype(kind), x.astype(kind)
    slope = x[:, 1] if with_slope else None
    fit = profile_reml(y, x, group, slope=slope)
    slope = slope if slope is None else slope.astype(float)
    other = profile_reml(y.astype(float), x.astype(float), group, slope=slope)
    for name in ESTIMATES:
        assert getattr(fit, name).dtype == float
        np.testing.assert_array_equal(getattr(fit, name), getattr(other, name))


@pytest.mark.parametrize("of_outcome", [1e-69, 1, 1e67])
@pytest.mark.parametrize("of_predictor", [1e-69, 1, 1e68])
@pytest.mark.parametrize("with_slope", [False, True])
def test_units_may_be_as_extreme_as_they_are_allowed_to_be(of_outcome, of_predictor, with_slope):
    y, x, group, predictor = hospitals(8, [3, 9, 4, 7, 12, 5, 8], tau=3, slope_sd=1.0)
    units, slope = np.array([1, of_predictor]), predictor if with_slope else None
    fit = profile_reml(y, x, group, slope=slope)
    slope = slope * of_predictor if with_slope else None
    other = profile_reml(y * of_outcome, x * units, group, slope=slope)
    errors = other.standard_errors * units / of_outcome
    np.testing.assert_allclose(errors, fit.standard_errors, rtol=1e-6)
    np.testing.assert_allclose(
        other.fixed_effects * units / of_outcome, fit.fixed_effects, rtol=1e-6
    )
    assert other.tau == pytest.approx(fit.tau * of_outcome, rel=1e-6)
    assert other.sigma == pytest.approx(fit.sigma * of_outcome, rel=1e-6)


def test_lists_will_do():
    y, x, group, predictor = hospitals(2, [4, 4, 4])
    for slope in (None, predictor):
        fit = profile_reml(y, x, group, slope=slope)
        words = [*map("ABC".__getitem__, group)]
        listed = None if slope is None else slope.tolist()
        other = profile_reml(y.tolist(), x.tolist(), words, slope=listed)
        assert_equal_fits(other, fit)
        assert other.hospitals.tolist() == ["A", "B", "C"]


# --- invariances -----------------------------------------------------------------------------


@pytest.fixture(params=[False, True], ids=["intercept", "slope"])
def example(request):
    y, x, group, predictor = hospitals(8, [3, 9, 4, 7, 12, 5, 8], tau=3, slope_sd=1.5)
    return y, x, group, predictor if request.param else None


def test_the_order_of_rows_does_not_matter(example):
    y, x, group, slope = example
    order = np.random.default_rng(1).permutation(len(y))
    other = profile_reml(
        y[order], x[order], group[order], slope=None if slope is None else slope[order]
    )
    assert_equal_fits(other, profile_reml(y, x, group, slope=slope), rtol=1e-7)


def test_the_names_of_hospitals_do_not_matter(example):
    y, x, group, slope = example
    other = profile_reml(y, x, -group, slope=slope)
    fit = profile_reml(y, x, group, slope=slope)
    np.testing.assert_allclose(other.hospital_effects[::-1], fit.hospital_effects, rtol=1e-6)
    np.testing.assert_allclose(other.fixed_effects, fit.fixed_effects, rtol=1e-9)


def test_shifting_the_outcome_moves_the_intercept_only(example):
    y, x, group, slope = example
    fit, other = (profile_reml(values, x, group, slope=slope) for values in (y, y + 1e6))
    # Seven of the sixteen digits are spent on the shift.
    np.testing.assert_allclose(other.fixed_effects - [1e6, 0], fit.fixed_effects, rtol=1e-7)
    np.testing.assert_allclose(other.sigma, fit.sigma, rtol=1e-7)
    np.testing.assert_allclose(other.tau, fit.tau, rtol=1e-6)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_unit_of_the_outcome_does_not_matter(example, factor):
    y, x, group, slope = example
    fit, other = (profile_reml(values, x, group, slope=slope) for values in (y, factor * y))
    np.testing.assert_allclose(other.fixed_effects, factor * fit.fixed_effects, rtol=1e-9)
    np.testing.assert_allclose(other.covariance, factor**2 * fit.covariance, rtol=1e-6)
    np.testing.assert_allclose(other.hospital_effects, factor * fit.hospital_effects, rtol=1e-6)
    assert other.log_likelihood == pytest.approx(
        fit.log_likelihood - (len(y) - 2) * np.log(factor), rel=1e-9
    )


def test_centring_the_predictor_moves_the_intercept_only(example):
    y, x, group, slope = example
    fit = profile_reml(y, x, group, slope=slope)
    moved = x - [0, 100]
    other = profile_reml(y, moved, group, slope=slope)
    assert other.fixed_effects[0] - 100 * other.fixed_effects[1] == pytest.approx(
        fit.fixed_effects[0], rel=1e-9
    )
    assert other.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-11)


@pytest.mark.parametrize(("factor", "shift"), [(1, 1000), (1e-3, 0), (1e3, -50)])
def test_a_random_slope_may_have_any_zero_and_unit(factor, shift):
    y, x, group, predictor = hospitals(8, [3, 9, 4, 7, 12, 5, 8], tau=3, slope_sd=1.5)
    fit = profile_reml(y, x, group, slope=predictor)
    other = profile_reml(y, x, group, slope=factor * predictor + shift)
    assert other.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-11)
    # intercepts and slopes where the old predictor is zero
    turn = np.array([[1, shift], [0, factor]])
    covariance = turn @ other.random_effects_covariance @ turn.T
    np.testing.assert_allclose(covariance, fit.random_effects_covariance, rtol=1e-6)
    np.testing.assert_allclose(
        other.hospital_effects @ turn.T, fit.hospital_effects, rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("reml", [True, False])
def test_the_units_of_predictors_do_not_matter(reml):
    y, x, group, predictor = hospitals(8, [3, 9, 4, 7, 12, 5, 8], tau=3)
    x = np.column_stack([x, predictor**2, group % 2])
    units = np.array([1e-8, 1e8, 1e-4, 1e4])
    fit, other = (profile_reml(y, columns, group, reml=reml) for columns in (x, x * units))
    np.testing.assert_allclose(other.fixed_effects * units, fit.fixed_effects, rtol=1e-9)
    np.testing.assert_allclose(other.standard_errors * units, fit.standard_errors, rtol=1e-9)
    np.testing.assert_allclose(other.tau, fit.tau, rtol=1e-9)


def test_the_data_are_not_changed(example):
    before = [None if part is None else part.copy() for part in example]
    profile_reml(*example[:3], slope=example[3])
    for part, copy in zip(example, before, strict=True):
        np.testing.assert_array_equal(part, copy)


def test_a_predictor_beside_the_means_of_hospitals_equals_the_within_between_form():
    # three hospitals of a hundred: at the largest variance ratio of the search the means hardly
    # count, and beside the raw predictor rounding once made their matrix singular
    for seed in range(40):
        y, x, group, predictor = hospitals(seed, [100] * 3)
        mean = (np.bincount(group, predictor) / 100)[group]
        raw = profile_reml(y, np.column_stack([x, mean]), group)
        split = profile_reml(y, np.column_stack([x[:, 0], predictor - mean, mean]), group)
        change = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 1]])
        np.testing.assert_allclose(change @ raw.fixed_effects, split.fixed_effects, rtol=1e-6)
        np.testing.assert_allclose(raw.log_likelihood, split.log_likelihood, rtol=1e-10)


# --- digits ----------------------------------------------------------------------------------


def in_fractions(y, x, group, ratio, reml):
    """Return estimates, standard errors, σ and log-likelihood, rounded once, at the end."""
    n, p = x.shape
    rows = [[Fraction(value) for value in row] for row in np.column_stack([x, y]).tolist()]
    total = [[Fraction(0)] * (p + 1) for _ in range(p + 1)]
    log_determinant, ratio = 0.0, Fraction(ratio)
    for j in set(group.tolist()):
        own = [row for row, hospital in zip(rows, group, strict=True) if hospital == j]
        sums = [sum(column) for column in zip(*own, strict=True)]
        weight = ratio / (1 + len(own) * ratio)
        log_determinant += np.log1p(float(len(own) * ratio))
        for a, b in product(range(p + 1), repeat=2):
            total[a][b] += sum(row[a] * row[b] for row in own) - weight * sums[a] * sums[b]
    # Gauss and Jordan: the columns of the identity become the inverse.
    work = [row[:p] + [row[p]] + [Fraction(a == b) for b in range(p)] for a, row in
            enumerate(total[:p])]  # fmt: skip
    determinant = Fraction(1)
    for k in range(p):
        pivot = work[k][k]
        determinant *= pivot
        work[k] = [value / pivot for value in work[k]]
        for a in set(range(p)) - {k}:
            work[a] = [v - work[a][k] * w for v, w in zip(work[a], work[k], strict=True)]
    beta = [row[p] for row in work]
    residual_sum = total[p][p] - sum(b * row[p] for b, row in zip(beta, total, strict=False))
    divisor = n - p if reml else n
    variance = float(residual_sum / divisor)
    minus_two = log_determinant + divisor * (1 + np.log(2 * np.pi * variance))
    minus_two += np.log(float(determinant)) if reml else 0
    errors = [np.sqrt(variance * float(work[a][p + 1 + a])) for a in range(p)]
    return np.array(beta, float), errors, np.sqrt(variance), -minus_two / 2


def distance_from_the_top(y, x, group, fit):
    """Return how far from the variance ratio, relative to it, a parabola through it has its top."""
    ratio, step = (fit.tau / fit.sigma) ** 2, 1e-4
    low, top, high = (
        in_fractions(y, x, group, ratio * (1 + by), fit.reml)[3] for by in (-step, 0, step)
    )
    return abs(step * (high - low) / 2 / (2 * top - low - high))


# Where Newton's first steps lead out of the interval, or go back and forth.
@pytest.mark.parametrize(
    ("seed", "reml"), [(68, True), (87, True), (165, True), (19, False), (110, False)]
)
def test_the_search_goes_on_to_the_top(seed, reml):
    y, x, group = two_peaks(seed)
    fit = profile_reml(y, x, group, reml=reml)
    assert fit.tau > 2
    assert distance_from_the_top(y, x, group, fit) < 1e-7


def test_no_variance_between_hospitals_is_too_large_for_the_search():
    # The outcome follows a predictor in what it varies within hospitals, a millionth of the whole;
    # given that slope, hospitals differ by four thousand million times what patients do.
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(6), 5)
    of_hospital = rng.normal(size=6)[group]
    hidden, noise = rng.normal(size=(2, 30))
    y, x = 1e4 * hidden + noise, np.column_stack([np.ones(30), of_hospital + 1e-6 * hidden])
    fit = profile_reml(y, x, group)
    assert (fit.tau / fit.sigma) ** 2 > 1e19
    assert fit.log_likelihood > profile_reml(y, x[:, :1], group).log_likelihood + 100
    assert distance_from_the_top(y, x, group, fit) < 1e-2


def test_a_small_rest_within_hospitals_keeps_its_digits():
    # Of the variance within hospitals a predictor leaves a part in 10^10.
    y, x, group, predictor = hospitals(9, [4, 7, 5, 6, 8], tau=1e4)
    y += 1e5 * (predictor - 3)
    fit = profile_reml(y, x, group)
    _, errors, sigma, _ = in_fractions(y, x, group, (fit.tau / fit.sigma) ** 2, True)
    assert fit.sigma == pytest.approx(sigma, rel=1e-10)
    np.testing.assert_allclose(fit.standard_errors, errors, rtol=1e-10)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("apart", [9e5, 1e7, 1e9, 1e11])
def test_hospitals_may_be_as_far_apart_as_the_outcome_has_digits(apart, reml):
    rng = np.random.default_rng(1)
    group = np.repeat(np.arange(6), 5)
    x = np.column_stack([np.ones(30), rng.normal(3, 1, 30)])
    y = 3 + 2 * x[:, 1] + rng.normal(size=30) + apart * rng.normal(size=6)[group]
    fit = profile_reml(y, x, group, reml=reml)
    ratio = (fit.tau / fit.sigma) ** 2
    _, errors, sigma, _ = in_fractions(y, x, group, ratio, reml)
    # One in 10^16 of an outcome is rounding; of its standard deviation within hospitals it is
    # as much more as hospitals are further apart.
    assert fit.sigma == pytest.approx(sigma, rel=1e-15 * apart + 1e-10)
    np.testing.assert_allclose(fit.standard_errors, errors, rtol=1e-15 * apart + 1e-9)
    assert distance_from_the_top(y, x, group, fit) < 1e-6 + 1e-14 * apart


@pytest.mark.parametrize("shift", [0, 1e6, 1e11])
@pytest.mark.parametrize("with_slope", [False, True])
def test_what_rounding_leaves_within_hospitals_is_not_fitted(with_slope, shift):
    y, x, group, predictor = hospitals(3, [5, 6, 4, 7])
    y = shift + np.array([0.3, 2.1, -1.7, 0.9])[group]
    with pytest.raises(ValueError, match=r"Outcome 0 of y (does not vary|hardly varies)"):
        profile_reml(y, x, group, slope=predictor if with_slope else None)


@pytest.mark.parametrize("spread", [1e-3, 1e-6])
@pytest.mark.parametrize(
    ("sizes", "reml"), [([9, 11], True), ([3, 6, 2, 4, 5], True), ([3, 6, 2, 4, 5], False)]
)
def test_a_predictor_that_hardly_varies_within_hospitals_costs_no_digits(spread, sizes, reml):
    # Beside two hospitals its last digits alone tell how much hospitals differ.
    rng, j = np.random.default_rng(0), len(sizes)
    group = np.repeat(np.arange(j), sizes)
    almost = rng.normal(size=j)[group] + spread * rng.normal(size=20)
    x = np.column_stack([np.ones(20), rng.normal(size=20), almost])
    y = 3 + rng.normal(0, 2, j)[group] + rng.normal(size=20)
    fit = profile_reml(y, x, group, reml=reml)
    ratio = (fit.tau / fit.sigma) ** 2
    beta, errors, sigma, top = in_fractions(y, x, group, ratio, reml)
    np.testing.assert_allclose(fit.standard_errors, errors, rtol=1e-8)
    assert (np.abs(fit.fixed_effects - beta) < 1e-8 * np.array(errors)).all()
    assert fit.sigma == pytest.approx(sigma, rel=1e-8)
    assert fit.log_likelihood == pytest.approx(top, abs=1e-8)
    assert distance_from_the_top(y, x, group, fit) < 1e-7


# --- bad input -------------------------------------------------------------------------------

BAD_INPUT = {
    "missing outcome": (
        lambda a: a | {"y": np.where(np.arange(24) < 2, np.nan, a["y"])},
        "Column 0 of y holds 2 value.*fill them in",
    ),
    "infinite predictor": (
        lambda a: a | {"X": pd.DataFrame(a["X"], columns=["one", "x"]).replace(1.0, np.inf)},
        "Column 'one' of X holds 24 value.*infinite",
    ),
    "missing slope": (
        lambda a: a | {"slope": np.where(np.arange(24) < 1, np.nan, a["X"][:, 1])},
        "of slope holds 1 value",
    ),
    "missing label": (
        lambda a: a | {"groups": pd.Series([None, *"abcabcabcabcabcabcabcab"], name="ward")},
        r"'ward' misses 1 label\(s\).*remove",
    ),
    "more columns than rows": (
        lambda a: {name: part[:2] for name, part in a.items()},
        "X has 2 columns and only 2 rows; use fewer",
    ),
    "missing number of pandas": (
        lambda a: a | {"X": pd.DataFrame(a["X"]).astype("Float64").replace(a["X"][0, 1], pd.NA)},
        "Column 1 of X holds 1 value.*fill them in",
    ),
    "masked outcome": (
        lambda a: a | {"y": np.ma.masked_less(np.arange(24), 3)},
        "Column 0 of y holds 3 value.*fill them in",
    ),
    "missing label in a list": (
        lambda a: a | {"groups": [np.nan, *"abcabcabcabcabcabcabcab"]},
        r"'groups' misses 1 label\(s\).*remove",
    ),
    "a giant's unit of the outcome": (
        lambda a: a | {"y": np.column_stack([a["y"], a["y"] * 1e70])},
        "Column 1 of y reaches .*e\\+7[12].*another unit",
    ),
    "a dwarf's unit of the outcome": (
        lambda a: a | {"y": a["y"] * 1e-165},
        "Column 0 of y reaches only .*e-16.*another unit",
    ),
    "a giant's unit of a predictor": (
        lambda a: a | {"X": pd.DataFrame(a["X"] * [1, 1e160], columns=["one", "x"])},
        "Column 'x' of X reaches .*e\\+160.*another unit",
    ),
    "a dwarf's unit of a predictor": (
        lambda a: a | {"X": a["X"] * [1, 1e-320]},
        "Column 1 of X reaches only .*e-320.*another unit",
    ),
    "a giant's unit of the slope": (
        lambda a: a | {"slope": a["X"][:, 1] * 1e160},
        "Column 0 of slope reaches .*another unit",
    ),
    "masked labels": (
        lambda a: a | {"groups": np.ma.masked_equal(a["groups"], 2)},
        r"'groups' misses 6 label\(s\).*remove",
    ),
    "masked words for labels": (
        lambda a: a | {"groups": np.ma.array(list("abcdefgh") * 3, mask=np.arange(24) < 3)},
        r"'groups' misses 3 label\(s\).*remove",
    ),
    "masked slope": (
        lambda a: a | {"slope": np.ma.masked_less(np.arange(24), 3)},
        "Column 0 of slope holds 3 value.*fill them in",
    ),
    "dates": (
        lambda a: a | {"y": pd.date_range("2026-01-01", periods=24)},
        "y does not hold numbers; convert",
    ),
    "complex numbers": (lambda a: a | {"y": a["y"] + 1j}, "y does not hold numbers; convert"),
    "a table of outcomes too many": (
        lambda a: a | {"y": a["y"].reshape(24, 1, 1)},
        r"y has shape \(24, 1, 1\)",
    ),
    "a column of groups": (
        lambda a: a | {"groups": a["groups"][:, None]},
        r"groups has shape \(24, 1\)",
    ),
    "numbers in words": (
        lambda a: a | {"y": pd.Series([str(value) for value in a["y"]])},
        "y does not hold numbers; convert",
    ),
    "a predictor in words": (
        lambda a: a | {"X": pd.DataFrame({"one": 1.0, "sex": ["1", "2"] * 12})},
        "X does not hold numbers; convert",
    ),
    "masked words": (
        lambda a: a | {"y": np.ma.array(["1"] * 24, mask=np.arange(24) < 1)},
        "y does not hold numbers; convert",
    ),
    "masked complex numbers": (
        lambda a: a | {"y": np.ma.array(a["y"] + 1j)},
        "y does not hold numbers; convert",
    ),
    "an endless number": (
        lambda a: a | {"y": [10**400, *range(23)]},
        "y does not hold numbers; convert",
    ),
    "no outcome": (lambda a: a | {"y": None}, r"y has shape \(\) and X \(24, 2\)"),
    "words": (lambda a: a | {"y": ["good"] * 24}, "y does not hold numbers; convert"),
    "rows of y": (lambda a: a | {"y": a["y"][:-1]}, r"y has shape \(23,\) and X \(24, 2\)"),
    "rows of groups": (lambda a: a | {"groups": [1, 2]}, r"groups has shape \(2,\)"),
    "rows of slope": (lambda a: a | {"slope": [1.0]}, r"slope has shape \(1,\)"),
    "no rows": (
        lambda a: {"y": [], "X": np.ones((0, 1)), "groups": []},
        "give one row a patient",
    ),
    "no outcomes": (lambda a: a | {"y": np.empty((24, 0))}, r"y has shape \(24, 0\)"),
    "no predictors": (lambda a: a | {"X": np.empty((24, 0))}, r"X has shape \(24, 0\)"),
    "a single number": (lambda a: a | {"y": 3.0}, r"y has shape \(\)"),
    "other order": (
        lambda a: a | {"X": pd.DataFrame(a["X"]), "y": pd.Series(a["y"])[::-1]},
        "rows of y and X are labelled differently.*to_numpy",
    ),
    "collinear": (
        lambda a: a | {"X": np.column_stack([a["X"], 3 * a["X"][:, 1] - 1])},
        "Predictor 'x2' is a linear combination.*leave one",
    ),
    "column of zeros": (
        lambda a: a | {"X": np.column_stack([np.zeros(24), a["X"]])},
        "Predictor 'x0' is a linear combination",
    ),
    "constant outcome": (
        lambda a: a | {"y": np.column_stack([a["y"], np.full(24, 7.0)])},
        "Outcome 1 of y is constant.*choose",
    ),
    "outcome explained": (
        lambda a: a | {"y": a["X"] @ [1.0, 2.0]},
        "Outcome 0 of y is constant, or the predictors explain",
    ),
    "outcome of hospitals": (
        lambda a: a | {"y": a["groups"] ** 2.0},
        "Outcome 0 of y does not vary within hospitals.*least squares",
    ),
    "lines fit exactly": (
        lambda a: a | {"y": a["groups"] * a["X"][:, 1], "slope": a["X"][:, 1]},
        "Outcome 0 of y hardly varies around the lines.*leave the slope out",
    ),
    "one hospital": (
        lambda a: a | {"groups": np.zeros(24)},
        "Column 'groups' has a single group",
    ),
    "one patient a hospital": (lambda a: a | {"groups": np.arange(24)}, "one observation in each"),
    "dummies": (
        lambda a: a | {"X": np.column_stack([a["X"], np.eye(4)[a["groups"], 1:]])},
        r"X has 4 column\(s\) that describe hospitals \(an intercept is one\).*only 4 means of "
        "hospitals.*use fewer",
    ),
    "dummies beside a slope": (
        lambda a: (
            a | {"X": np.column_stack([a["X"], np.eye(4)[a["groups"], 1:]]), "slope": a["X"][:, 1]}
        ),
        "X has 4 column.* only 4 means of hospitals",
    ),
    "constant slope": (lambda a: a | {"slope": np.full(24, 3.0)}, "slope is constant"),
    "slope of hospitals": (
        lambda a: a | {"slope": a["groups"] + 0.1},
        "slope is the same for all patients of a hospital.*varies within",
    ),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_names_the_column_and_the_fix(name):
    y, x, group, _ = hospitals(4, [6, 6, 6, 6])
    spoil, message = BAD_INPUT[name]
    with pytest.raises(ValueError, match=f"(?s){message}"):
        profile_reml(**spoil({"y": y, "X": x, "groups": group}))
