"""fit_mixed against lme4, against formulas written out here, and against planted faults."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula
import statsmodels.formula.api as smf
from scipy.optimize import minimize_scalar
from scipy.stats import t as student
from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams

from multilevel.models import (
    ConvergenceError,
    MissingRowsWarning,
    SingularFitWarning,
    compare_slopes,
    fit_mixed,
    standard_errors,
)
from multilevel.simulate import simulate_hospitals, simulate_three_hospitals

LME4 = Path(__file__).parent / "lme4"
CASES = {case["id"]: case for case in json.loads((LME4 / "cases.json").read_text())}
FITS = {fit["id"]: fit for fit in json.loads((LME4 / "lme4_fits.json").read_text())["fits"]}
FORMULA = "will_to_live ~ symptom_severity"


# --- equal to lme4 ---------------------------------------------------------------------------


def in_r_words(name):
    """Name a coefficient as R does, with the parts of an interaction in alphabetical order."""
    name = name.replace("Intercept", "(Intercept)").replace("[T.", "").replace("]", "")
    return ":".join(sorted(name.split(":")))


def fit_case(case):
    data = pd.read_csv(LME4 / "data" / f"{case['data']}.csv").assign(ALL=1)
    return fit_mixed(data=data, reml=case["reml"], **case["fit_mixed"])


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """Return one model as fitted here and by lme4, and whether this fit was called singular."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("error")
        warnings.simplefilter("always", SingularFitWarning)
        result = fit_case(CASES[request.param])
    return result, FITS[request.param], len(said) == 1


def by_r_name(series, names):
    renamed = series.rename(index=in_r_words)
    return renamed[[in_r_words(name.replace("(", "").replace(")", "")) for name in names]]


def test_every_case_has_a_reference():
    assert len(CASES) == 25
    assert list(CASES) == list(FITS)


def test_fixed_effects_equal_lme4(case):
    result, lme4, _ = case
    expected = lme4["fixed_effects"]
    # 1e-5 relative: both optimisers stop where the likelihood is flat to about 1e-9.
    ours = by_r_name(result.fe_params, expected)
    np.testing.assert_allclose(ours, list(expected.values()), rtol=1e-5)


def test_log_likelihood_equals_lme4(case):
    result, lme4, _ = case
    assert result.llf == pytest.approx(lme4["log_likelihood"], rel=1e-8)


def test_standard_errors_equal_lme4(case):
    result, lme4, _ = case
    expected = lme4["standard_errors"]
    # 2e-4 relative: a standard error moves with the estimated variances, and those are only
    # known to the square root of the precision of the likelihood.
    ours = by_r_name(standard_errors(result), expected)
    np.testing.assert_allclose(ours, list(expected.values()), rtol=2e-4)


def test_the_verdict_of_singularity_is_that_of_lme4(case):
    _, lme4, called_singular = case
    assert called_singular == lme4["is_singular"]


def test_standard_errors_of_statsmodels_differ_and_are_left_as_they_are():
    case = CASES["P03_h3_rs"]
    result = fit_case(case)
    ours = standard_errors(result)
    assert np.abs(result.bse_fe / ours - 1).max() > 1e-3
    assert (list(ours.index), ours.name) == (list(result.fe_params.index), "se")


# --- zero wrong fits on the boundary ---------------------------------------------------------


def reml_written_out(y, x, group):
    """Return REML estimates, log-likelihood and SEs of a random-intercept model.

    Dense textbook formulas and one exact search over the variance ratio: slow, and independent
    of everything in the package.
    """
    same = (group[:, None] == group[None, :]).astype(float)
    n, p = x.shape

    def solve(ratio):
        v = np.eye(n) + ratio * same
        inverse = np.linalg.inv(v)
        gram = x.T @ inverse @ x
        beta = np.linalg.solve(gram, x.T @ inverse @ y)
        residual = y - x @ beta
        variance = residual @ inverse @ residual / (n - p)
        minus_two = (
            np.linalg.slogdet(v)[1]
            + np.linalg.slogdet(gram)[1]
            + (n - p) * (1 + np.log(2 * np.pi * variance))
        )
        return -minus_two / 2, beta, np.sqrt(variance * np.diag(np.linalg.inv(gram)))

    grid = np.concatenate([[0], np.geomspace(1e-4, 10, 21)])
    best = int(np.argmax([solve(ratio)[0] for ratio in grid]))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    search = minimize_scalar(
        lambda ratio: -solve(ratio)[0], bounds=bounds, method="bounded", options={"xatol": 1e-9}
    )
    return max([solve(0.0), solve(search.x)], key=lambda found: found[0])


def boundary_data(seed):
    """Return few hospitals that hardly differ: the variance is often estimated at zero."""
    rng = np.random.default_rng([20240, seed])
    n_hospitals = (3, 5, 10)[seed % 3]
    n_patients = int(rng.integers(5, 31)) if n_hospitals < 10 else int(rng.integers(5, 10))
    icc = (0.0, 0.01, 0.05)[seed // 3 % 3]
    hospital = np.repeat(np.arange(n_hospitals), n_patients)
    staff = rng.normal(5, 1.5, n_hospitals)[hospital]
    severity = rng.normal(5, 1, len(hospital))
    shift = rng.normal(0, 6 * np.sqrt(icc), n_hospitals)[hospital]
    will = 55 - 3 * (severity - 5) + 2 * (staff - 5) + shift + rng.normal(0, 6, len(hospital))
    columns = {"hospital": hospital, "staff": staff, "severity": severity, "will": will}
    return pd.DataFrame(columns)


def distance(result, data):
    """Return how far a fit is from the truth of ``reml_written_out``: in SEs, and in llf."""
    x = np.column_stack([np.ones(len(data)), data["severity"], data["staff"]])
    llf, beta, se = reml_written_out(data["will"].to_numpy(), x, data["hospital"].to_numpy())
    return np.max(np.abs(result.fe_params.to_numpy() - beta) / se), abs(result.llf - llf)


def test_no_fit_is_wrong_in_200_data_sets_on_the_boundary():
    worst, singular = np.zeros(2), 0
    for seed in range(200):
        data = boundary_data(seed)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("error")
            warnings.simplefilter("always", SingularFitWarning)
            result = fit_mixed("will ~ severity + staff", data, groups="hospital")
        singular += len(said)
        worst = np.maximum(worst, distance(result, data))
    # Of a standard error, and of a log-likelihood: nothing that a reader could notice.
    assert worst[0] < 1e-3
    assert worst[1] < 1e-5
    assert singular > 60  # so the boundary was there


def test_a_bare_lbfgs_fit_is_wrong_in_many_of_them():
    wrong = 0
    for seed in range(60):
        data = boundary_data(seed)
        model = smf.mixedlm("will ~ severity + staff", data, groups="hospital")
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                result = model.fit(method="lbfgs")
            except np.linalg.LinAlgError:
                continue  # a failure that says so is not a wrong answer
        steps, gap = distance(result, data)
        wrong += result.converged and not (steps < 1e-3 and gap < 1e-5)
    assert wrong > 20


# --- invariances -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def patients():
    return simulate_hospitals(12, 8, rng=np.random.default_rng(7))[0]


def test_the_order_of_rows_does_not_matter(patients):
    shuffled = patients.sample(frac=1, random_state=1)
    np.testing.assert_allclose(
        fit_mixed(FORMULA, shuffled, groups="hospital").fe_params,
        fit_mixed(FORMULA, patients, groups="hospital").fe_params,
        rtol=1e-6,
    )


def test_the_names_of_hospitals_do_not_matter(patients):
    names = sorted(patients["hospital"].unique())
    other = patients["hospital"].map(dict(zip(names, reversed(names), strict=True)))
    one = fit_mixed(FORMULA, patients, groups="hospital")
    two = fit_mixed(FORMULA, patients.assign(hospital=other), groups="hospital")
    np.testing.assert_allclose(two.fe_params, one.fe_params, rtol=1e-6)
    assert two.llf == pytest.approx(one.llf, rel=1e-9)


@pytest.mark.parametrize("dtype", ["object", "category", "str", "int"])
def test_hospitals_may_be_strings_categories_or_numbers(patients, dtype):
    names = patients["hospital"]
    coded = names.str[1:].astype(int) if dtype == "int" else names.astype(dtype)
    result = fit_mixed(FORMULA, patients.assign(hospital=coded), groups="hospital")
    assert len(result.random_effects) == 12


def test_shifting_the_outcome_moves_the_intercept_only(patients):
    one = fit_mixed(FORMULA, patients, groups="hospital")
    shifted = patients.assign(will_to_live=patients["will_to_live"] + 1e6)
    two = fit_mixed(FORMULA, shifted, groups="hospital")
    # Seven of the sixteen digits are spent on the shift.
    assert two.fe_params["Intercept"] - 1e6 == pytest.approx(one.fe_params["Intercept"], abs=1e-5)
    assert two.fe_params["symptom_severity"] == pytest.approx(
        one.fe_params["symptom_severity"], rel=1e-5
    )


@pytest.mark.parametrize("factor", [1e-4, 1, 1e4])
def test_the_verdict_of_singularity_has_no_unit(patients, factor):
    scaled = patients.assign(will_to_live=patients["will_to_live"] * factor)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_mixed(FORMULA, scaled, groups="hospital")
    flat = patients.assign(
        will_to_live=factor * np.random.default_rng(2).normal(50, 6, len(patients))
    )
    said = (
        r"^Singular fit of 'will_to_live': a variance of the random effects \(hospital Var\) is "
        r"estimated at zero, or a correlation at -1 or 1\. The data cannot tell it from zero.* "
        r"see what a simpler model says\.$"
    )
    with pytest.warns(SingularFitWarning, match=said):
        fit_mixed(FORMULA, flat, groups="hospital")


@pytest.mark.parametrize("factor", [1e-3, 1, 1e3])
def test_the_unit_of_a_random_slope_does_not_matter(factor):
    patients = simulate_hospitals(40, 25, rng=np.random.default_rng(11))[0]
    mean = patients.groupby("hospital")["symptom_severity"].transform("mean")
    patients["within"] = factor * (patients["symptom_severity"] - mean)
    result = fit_mixed("will_to_live ~ within", patients, groups="hospital", re_formula="~within")
    patients["within"] /= factor
    plain = fit_mixed("will_to_live ~ within", patients, groups="hospital", re_formula="~within")
    assert factor * result.fe_params["within"] == pytest.approx(plain.fe_params["within"], rel=1e-5)
    assert result.llf == pytest.approx(plain.llf - np.log(factor), abs=1e-4)


def test_a_predictor_of_tiny_numbers_is_as_good_as_any(patients):
    tiny = patients.assign(symptom_severity=1e-12 * patients["symptom_severity"])
    result = fit_mixed(FORMULA, tiny, groups="hospital")
    plain = fit_mixed(FORMULA, patients, groups="hospital")
    assert 1e-12 * result.fe_params.iloc[1] == pytest.approx(plain.fe_params.iloc[1], rel=1e-6)


def test_a_component_of_zero_is_called_singular(patients):
    wards = patients.assign(ward=np.resize(["A", "B", "C", "D"], len(patients)))
    noise = np.random.default_rng(2).normal(size=len(patients))
    key = [wards["hospital"], wards["ward"]]
    means = pd.Series(noise).groupby([k.to_numpy() for k in key]).transform("mean").to_numpy()
    wards["flat"] = noise - means + patients["staff_quality"]
    with pytest.warns(SingularFitWarning, match="ward Var"):
        fit_mixed("flat ~ 1", wards, "hospital", re_formula="1", vc_formula={"ward": "0 + C(ward)"})


def test_the_data_are_not_changed(patients):
    before = patients.copy(deep=True)
    fit_mixed(FORMULA, patients, groups="hospital")
    compare_slopes(patients)
    pd.testing.assert_frame_equal(patients, before)


def test_a_repeated_index_is_harmless_and_kept(patients):
    repeated = patients.set_axis(np.resize([3, 1, 2], len(patients)), axis="index")
    vc = {"intercept": "1"}
    one = fit_mixed(FORMULA, repeated, groups="hospital", vc_formula=vc)
    two = fit_mixed(FORMULA, patients, groups="hospital", vc_formula=vc)
    assert one.llf == two.llf
    result = fit_mixed(FORMULA, repeated, groups="hospital")
    pd.testing.assert_index_equal(result.resid.index, repeated.index)
    np.testing.assert_allclose(
        result.resid + result.fittedvalues, repeated["will_to_live"], rtol=1e-12
    )


def test_a_function_of_the_caller_can_stand_in_a_formula(patients):
    def twice(x):
        return 2 * x

    result = fit_mixed("will_to_live ~ twice(symptom_severity)", patients, groups="hospital")
    plain = fit_mixed(FORMULA, patients, groups="hospital")
    assert 2 * result.fe_params.iloc[1] == pytest.approx(plain.fe_params.iloc[1], rel=1e-6)
    slopes = fit_mixed(FORMULA, patients, groups="hospital", re_formula="0 + twice(resilience)")
    assert slopes.model.data.exog_re_names == ["twice(resilience)"]
    assert twice(1) == 2


def test_formulas_are_read_by_patsy():
    assert statsmodels.formula.options.formula_engine == "patsy"


# --- bad input -------------------------------------------------------------------------------

severity = np.linspace(0, 1, 96)  # a trap: patsy would take this for the column of that name


def _with(patients, column, value, rows=slice(0, 1)):
    changed = patients.copy()
    changed.iloc[rows, changed.columns.get_loc(column)] = value
    return changed


THREE = {"H01": 120, "H02": 80, "H03": 310}  # beds

BAD_INPUT = {
    "column of formula": (
        {"formula": "will_to_live ~ severity"},
        lambda p: p,
        r"no column 'severity' \(from formula\); did you mean 'symptom_severity'",
    ),
    "column of groups": ({"groups": "ward"}, lambda p: p, r"no column 'ward' \(from groups\)"),
    "column of outcome": (
        {"formula": "wil_to_live ~ 1"},
        lambda p: p,
        r"'wil_to_live' \(from outcome\); did you mean 'will_to_live'",
    ),
    "column of re_formula": (
        {"re_formula": "~symptom"},
        lambda p: p,
        r"no column 'symptom' \(from re_formula\); did you mean 'symptom_severity'",
    ),
    "column of vc_formula": (
        {"vc_formula": {"ward": "0 + C(ward)"}},
        lambda p: p,
        r"no column 'ward' \(from vc_formula\['ward'\]\)",
    ),
    "missing value": (
        {},
        lambda p: _with(p, "symptom_severity", np.nan, slice(0, 3)),
        r"3 of 96 rows miss a value: 'symptom_severity' \(3\).*missing=\"drop\"",
    ),
    "missing group": (
        {},
        lambda p: _with(p, "hospital", None),
        r"1 of 96 rows miss a value: 'hospital' \(1\)",
    ),
    "infinite value": (
        {},
        lambda p: _with(p, "symptom_severity", np.inf),
        "'symptom_severity' holds 1 infinite.*correct",
    ),
    "infinite logarithm": (
        {"formula": "np.log(will_to_live) ~ 1"},
        lambda p: _with(p, "will_to_live", -1.0),
        "does not give numbers.*log",
    ),
    "empty data": ({}, lambda p: p.iloc[:0], "No rows are left of 0"),
    "single group": (
        {},
        lambda p: p[p["hospital"] == "H01"],
        "'hospital' has a single group.*Choose another",
    ),
    "one patient a hospital": (
        {},
        lambda p: p.groupby("hospital").head(1),
        "'hospital' has one observation in each group.*coarser",
    ),
    "constant outcome": (
        {},
        lambda p: p.assign(will_to_live=50.0),
        "Outcome 'will_to_live' is constant.*choose",
    ),
    "outcome of hospitals": (
        {"formula": "staff_quality ~ symptom_severity"},
        lambda p: p,
        "'staff_quality' is constant in every group of 'hospital'.*least squares",
    ),
    "outcome in words": (
        {},
        lambda p: p.assign(will_to_live=p["will_to_live"].astype(str)),
        "'will_to_live' does not hold numbers.*convert",
    ),
    "outcome that is true or false": (
        {},
        lambda p: p.assign(will_to_live=p["will_to_live"] > 50),
        r"'will_to_live' does not hold numbers \(dtype bool\).*with \.astype\(int\)",
    ),
    "as many columns of hospitals as hospitals": (
        {"formula": "will_to_live ~ symptom_severity + staff_quality + beds"},
        lambda p: p[p["hospital"].isin(THREE)].assign(beds=p["hospital"].map(THREE)),
        r"has 3 columns that describe 'hospital' \(the intercept counts.*only 3 groups.*fewer",
    ),
    "a predictor whose mean of hospitals is another": (
        {"formula": "will_to_live ~ symptom_severity + shifted + staff_quality"},
        lambda p: p[p["hospital"].isin(THREE)].assign(
            shifted=p["symptom_severity"] + p["hospital"].map(THREE)
        ),
        "has 3 columns that describe 'hospital'",
    ),
    "column like no other": (
        {"formula": "will_to_live ~ zzz"},
        lambda p: p,
        "no column 'zzz' .*; its columns are 'hospital', 'staff_quality', 'symptom_severity'",
    ),
    "outcome made infinite": (
        {"formula": "I(1e999 * will_to_live) ~ 1"},
        lambda p: p,
        "makes the outcome infinite; look at",
    ),
    "random effect made infinite": (
        {"re_formula": "I(1e999 * resilience)"},
        lambda p: p,
        "makes a random effect infinite; look at",
    ),
    "no outcome": ({"formula": "~ symptom_severity"}, lambda p: p, "has no outcome; write"),
    "broken formula": ({"formula": FORMULA + " +"}, lambda p: p, "cannot be read"),
    "collinear predictors": (
        {"formula": "will_to_live ~ C(hospital) + staff_quality"},
        lambda p: p,
        "Predictor 'staff_quality' is a linear combination.*leave one",
    ),
    "outcome explained": (
        {"formula": "will_to_live ~ copy"},
        lambda p: p.assign(copy=2 * p["will_to_live"]),
        "explain outcome 'will_to_live' exactly.*fewer",
    ),
    "repeated column": (
        {},
        lambda p: pd.concat([p, p[["hospital"]]], axis="columns"),
        "several columns 'hospital'; rename",
    ),
    "lme4 notation": (
        {"formula": FORMULA + " + (1 | hospital)"},
        lambda p: p,
        r"has a '\|'.*fit_mixed\('will_to_live ~ symptom_severity', data, groups='hospital'\)",
    ),
    "lme4 notation with integer groups": (
        {"formula": FORMULA + " + (1 + resilience | code)"},
        lambda p: p.assign(code=p["hospital"].str[1:].astype(int)),
        r"fit_mixed\('will_to_live ~ symptom_severity', data, groups='code', "
        r"re_formula='1 \+ resilience'\)",
    ),
    "lme4 notation alone": (
        {"formula": "will_to_live ~ (1 | hospital)"},
        lambda p: p,
        r"write fit_mixed\('will_to_live ~ 1', data, groups='hospital'\)",
    ),
    "a bar in re_formula": (
        {"re_formula": "1 | hospital"},
        lambda p: p,
        r"has a '\|'.*give them as in fit_mixed\(",
    ),
    "variable of the caller": (
        {"formula": "will_to_live ~ severity.clip(0, None)"},
        lambda p: p,
        r"no column 'severity' \(from formula\)",
    ),
    "variable of the caller in a function": (
        {"formula": "will_to_live ~ np.abs(severity)"},
        lambda p: p,
        r"no column 'severity' \(from formula\)",
    ),
    "variable of the caller in re_formula": (
        {"re_formula": "severity.clip(0, None)"},
        lambda p: p,
        r"no column 'severity' \(from re_formula\)",
    ),
    "function that is none": (
        {"formula": "will_to_live ~ severity(resilience)"},
        lambda p: p,
        r"no column 'severity' \(from formula\)",
    ),
    "builtin of patsy as a column": (
        {"formula": "will_to_live ~ center"},
        lambda p: p,
        r"no column 'center' \(from formula\)",
    ),
    "keyword": (
        {"formula": "will_to_live ~ class"},
        lambda p: p.rename(columns={"resilience": "class"}),
        r"'class' is not a name that Python allows; write it as Q\('\.\.\.'\), or rename",
    ),
    "keyword as outcome": (
        {"formula": "class ~ 1"},
        lambda p: p.rename(columns={"will_to_live": "class"}),
        "'class' is not a name that Python allows",
    ),
    "Q without quotes": (
        {"formula": "will_to_live ~ Q(resilience)"},
        lambda p: p,
        r"Q\(\) in a formula needs the name of a column in quotes",
    ),
    "no random effect": (
        {"re_formula": "0"},
        lambda p: p,
        "re_formula '0' leaves no random effect; leave it out for a random intercept",
    ),
    "random effect of zero": (
        {"re_formula": "1 + zero"},
        lambda p: p.assign(zero=0.0),
        "Random effect 'zero' is zero, or a linear combination.*leave it out",
    ),
    "random effect twice": (
        {"re_formula": "resilience + I(2 * resilience)"},
        lambda p: p,
        r"Random effect 'I\(2 \* resilience\)' is zero, or a linear combination",
    ),
    "date as predictor": (
        {"formula": "will_to_live ~ date"},
        lambda p: p.assign(date=pd.date_range("2024-01-01", periods=len(p))),
        "'date' holds dates or times.*days since admission",
    ),
    "duration as outcome": (
        {"formula": "stay ~ 1"},
        lambda p: p.assign(stay=pd.to_timedelta(np.arange(len(p)), unit="D")),
        "'stay' holds dates or times",
    ),
    "period as random effect": (
        {"re_formula": "day"},
        lambda p: p.assign(day=pd.period_range("2024-01-01", periods=len(p), freq="D")),
        "'day' holds dates or times",
    ),
    "complex predictor": (
        {"formula": "will_to_live ~ root"},
        lambda p: p.assign(root=np.sqrt(p["resilience"] - 5 + 0j)),
        "'root' holds complex numbers",
    ),
    "complex outcome": (
        {"formula": "root ~ 1"},
        lambda p: p.assign(root=np.sqrt(p["resilience"] - 5 + 0j)),
        "'root' holds complex numbers",
    ),
    "groups as a list": ({"groups": ["hospital"]}, lambda p: p, "groups is not a string; give"),
    "unknown missing": ({"missing": "ignore"}, lambda p: p, 'choose "raise" or "drop"'),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_names_the_column_and_the_fix(patients, name):
    change, spoil, message = BAD_INPUT[name]
    arguments = {"formula": FORMULA, "groups": "hospital"} | change
    with pytest.raises(ValueError, match=f"(?s){message}"):
        fit_mixed(data=spoil(patients), **arguments)


@pytest.mark.parametrize("change", [
    {"re_formula": "0 + symptom_severity"},
    {"groups": "all", "vc_formula": {"ward": "0 + C(ward)"}},
    {"vc_formula": {"ward": "0 + C(ward)"}},
])  # fmt: skip
def test_dummies_for_hospitals_stand_beside_random_effects_that_are_none_of_hospitals(
    patients, change
):
    data = patients[patients["hospital"].isin(THREE)].assign(all=1)
    data["ward"] = data.groupby("hospital").cumcount() % 4 + 10 * data["hospital"].map(THREE)
    data["will_to_live"] += data["ward"] % 7
    arguments = {"formula": FORMULA + " + C(hospital)", "groups": "hospital"} | change
    with warnings.catch_warnings(action="ignore", category=SingularFitWarning):
        fit = fit_mixed(data=data, **arguments)
    assert {"C(hospital)[T.H02]", "C(hospital)[T.H03]"} < set(fit.fe_params.index)


@pytest.mark.parametrize("name", ["center", "C", "Q", "standardize", "np", "print"])
def test_a_column_may_have_the_name_of_a_function(patients, name):
    renamed = patients.rename(columns={"symptom_severity": name})
    result = fit_mixed(f"will_to_live ~ {name}", renamed, "hospital")
    plain = fit_mixed(FORMULA, patients, "hospital")
    np.testing.assert_allclose(result.fe_params, plain.fe_params, rtol=1e-9)


@pytest.mark.parametrize("name", ["center", "class", "two words", "a|b"])
def test_a_column_may_have_any_name_in_quotes(patients, name):
    renamed = patients.rename(columns={"symptom_severity": name})
    result = fit_mixed(f"will_to_live ~ Q('{name}')", renamed, "hospital")
    plain = fit_mixed(FORMULA, patients, "hospital")
    np.testing.assert_allclose(result.fe_params, plain.fe_params, rtol=1e-9)


@pytest.mark.parametrize("method", ["clip(0, 4)", "clip(0).clip(None, 4)"])
def test_a_method_of_a_column_is_applied_to_the_column(patients, method):
    result = fit_mixed(f"will_to_live ~ symptom_severity.{method}", patients, "hospital")
    cut = patients.assign(cut=patients["symptom_severity"].clip(0, 4))
    plain = fit_mixed("will_to_live ~ cut", cut, "hospital")
    np.testing.assert_allclose(result.fe_params, plain.fe_params, rtol=1e-9)


def test_dates_may_name_the_groups(patients):
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(patients.groupby("hospital").ngroup(), "D")
    result = fit_mixed(FORMULA, patients.assign(day=day), "day")
    plain = fit_mixed(FORMULA, patients, "hospital")
    np.testing.assert_allclose(result.fe_params, plain.fe_params, rtol=1e-9)


def test_variance_components_alone_bring_no_random_intercept(patients):
    components = {"slope": "0 + resilience"}
    alone = fit_mixed(FORMULA, patients, "hospital", vc_formula=components)
    assert alone.cov_re.shape == (0, 0)
    both = fit_mixed(FORMULA, patients, "hospital", re_formula="1", vc_formula=components)
    assert both.cov_re.shape == (1, 1)
    said = " ".join(fit_mixed.__doc__.split())  # Python 3.13 takes the indentation away
    assert '``vc_formula`` alone has none: give ``re_formula="1"`` too' in said


def test_rows_that_are_left_out_are_counted(patients):
    holes = _with(_with(patients, "symptom_severity", np.nan, slice(0, 5)), "hospital", None)
    with pytest.warns(
        MissingRowsWarning, match=r"5 of 96 rows miss a value: 'hospital' \(1\), .*\(5\)"
    ):
        dropped = fit_mixed(FORMULA, holes, groups="hospital", missing="drop")
    assert dropped.nobs == 91
    assert dropped.llf == fit_mixed(FORMULA, patients.iloc[5:], groups="hospital").llf


def test_warnings_point_to_the_line_that_asked_for_the_fit(patients):
    holes = _with(patients, "symptom_severity", np.nan)
    flat = holes.assign(will_to_live=np.random.default_rng(2).normal(50, 6, len(holes)))
    with pytest.warns() as said:
        fit_mixed(FORMULA, flat, groups="hospital", missing="drop")
    assert {warning.category for warning in said} == {MissingRowsWarning, SingularFitWarning}
    assert {warning.filename for warning in said} == {__file__}


def test_a_hole_in_a_column_that_is_not_used_is_no_matter(patients):
    holes = _with(patients, "resilience", np.nan)
    assert fit_mixed(FORMULA, holes, groups="hospital").nobs == 96


def test_a_category_that_no_row_has_is_left_out(patients):
    kind = pd.Categorical(np.resize(["a", "b"], len(patients)), categories=["a", "b", "c"])
    result = fit_mixed("will_to_live ~ kind", patients.assign(kind=kind), groups="hospital")
    assert list(result.fe_params.index) == ["Intercept", "kind[T.b]"]


# --- planted wrong fits ----------------------------------------------------------------------


def plant(monkeypatch, fault, *, times):
    """Let ``fault`` spoil the first fits that statsmodels returns."""
    right, calls = MixedLM.fit, []

    def fit(self, *args, **kwargs):
        result = right(self, *args, **kwargs)
        calls.append(1)
        return fault(self, result) or result if len(calls) <= times else result

    monkeypatch.setattr(MixedLM, "fit", fit)
    return calls


def zero_fixed_effects(model, result):
    result._results.fe_params = 0 * result._results.fe_params


def infinite_likelihood(model, result):
    result._results.__dict__.setdefault("_cache", {})["llf"] = np.inf


def wrong_likelihood(model, result):
    result._results.__dict__.setdefault("_cache", {})["llf"] = result.llf + 2e-5


def not_converged(model, result):
    result._results.converged = False


def wrong_scale(model, result):
    result._results.scale *= 1.01
    result._results.cov_re *= 1.01


def stopped_short(model, result):
    """Return a consistent fit at a quarter of the right variance."""
    short = MixedLMParams.from_components(
        fe_params=np.zeros(model.k_fe), cov_re=result.cov_re_unscaled / 4
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("statsmodels.base.model.LikelihoodModel.fit", stand_still)
        return RIGHT_FIT(model, start_params=short, reml=result.reml)


def stopped_at_zero(model, result):
    """Return what L-BFGS returns: the variance so small that its gradient vanishes."""
    zero = MixedLMParams.from_components(fe_params=np.zeros(model.k_fe), cov_re=np.eye(1) * 1e-12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("statsmodels.base.model.LikelihoodModel.fit", stand_still)
        return RIGHT_FIT(model, start_params=zero, reml=result.reml)


RIGHT_FIT = MixedLM.fit


def stand_still(self, start_params, **kwargs):
    """Be an optimiser that returns its start and says that it converged."""

    class Stopped:
        params = start_params
        mle_retvals = {"converged": True}  # noqa: RUF012

    return Stopped()


FAULTS = {
    zero_fixed_effects: "the fixed effects are not those of generalised least squares",
    infinite_likelihood: "the optimiser did not converge to a finite log-likelihood",
    not_converged: "the optimiser did not converge to a finite log-likelihood",
    wrong_scale: "the residual variance is not that of generalised least squares",
    wrong_likelihood: "the log-likelihood is not that of the estimates",
    stopped_short: "other variances have a log-likelihood .* higher",
    stopped_at_zero: "the fixed effects are not those of generalised least squares",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_fit_is_repaired(patients, monkeypatch, fault):
    right = fit_mixed(FORMULA, patients, groups="hospital")
    calls = plant(monkeypatch, fault, times=1)
    result = fit_mixed(FORMULA, patients, groups="hospital")
    assert len(calls) == 2
    np.testing.assert_allclose(result.fe_params, right.fe_params, rtol=1e-5)
    assert result.llf == pytest.approx(right.llf, abs=1e-6)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fit_that_stays_wrong_is_refused(patients, monkeypatch, fault):
    plant(monkeypatch, fault, times=99)
    said = rf"'will_to_live'.*3 attempts: {FAULTS[fault]}\. Centre and"
    with pytest.raises(ConvergenceError, match=said):
        fit_mixed(FORMULA, patients, groups="hospital")


def test_a_variance_within_groups_of_zero_is_refused_not_reported():
    rng = np.random.default_rng(5)
    group = np.repeat(np.arange(6), 4)
    x = rng.normal(size=24)
    data = pd.DataFrame({"g": group, "x": x, "y": x + rng.normal(size=6)[group]})
    with pytest.raises(ConvergenceError, match="no residual variance"):
        fit_mixed("y ~ x", data, groups="g")


# --- compare_slopes --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def balanced():
    return simulate_hospitals(15, 10, rng=np.random.default_rng(3))[0]


@pytest.fixture(scope="module")
def slopes(balanced):
    return compare_slopes(balanced).set_index(["model", "slope"])


def test_the_pooled_slope_is_ordinary_least_squares(balanced, slopes):
    ols = smf.ols(FORMULA, balanced).fit()
    row = slopes.loc[("pooled OLS", "pooled")]
    low, high = ols.conf_int().loc["symptom_severity"]
    assert row["estimate"] == pytest.approx(ols.params["symptom_severity"], rel=1e-10)
    assert (row["low"], row["high"]) == pytest.approx((low, high), rel=1e-10)


def test_the_slope_with_dummies_is_that_of_a_regression_with_dummies(balanced, slopes):
    ols = smf.ols(FORMULA + " + C(hospital)", balanced).fit()
    row = slopes.loc[("hospital dummies", "within")]
    low, high = ols.conf_int().loc["symptom_severity"]
    assert row["estimate"] == pytest.approx(ols.params["symptom_severity"], rel=1e-9)
    assert row["se"] == pytest.approx(ols.bse["symptom_severity"], rel=1e-9)
    assert row["df"] == ols.df_resid
    assert (row["low"], row["high"]) == pytest.approx((low, high), rel=1e-9)


def test_the_within_slope_equals_the_slope_with_dummies(slopes):
    within, dummies = slopes.xs("within", level="slope")["estimate"]
    assert within == pytest.approx(dummies, rel=1e-8)


def test_the_between_slope_is_the_regression_of_means_on_means(balanced, slopes):
    means = balanced.groupby("hospital")[["will_to_live", "symptom_severity"]].mean()
    ols = smf.ols(FORMULA, means).fit()
    row = slopes.loc[("within-between", "between")]
    assert row["estimate"] == pytest.approx(ols.params["symptom_severity"], rel=1e-8)
    # In balanced data REML reproduces the regression of means, its standard error included.
    assert row["se"] == pytest.approx(ols.bse["symptom_severity"], rel=1e-4)
    assert row["df"] == ols.df_resid
    assert row["high"] - row["estimate"] == pytest.approx(
        student.ppf(0.975, 13) * row["se"], rel=1e-12
    )


def test_the_random_intercept_slope_is_a_precision_weighted_mixture(balanced, slopes):
    fit = fit_mixed(FORMULA, balanced, groups="hospital")
    mean = balanced.groupby("hospital")["symptom_severity"].transform("mean")
    variance_of_mean = fit.cov_re.iloc[0, 0] + fit.scale / 10
    weight_within = ((balanced["symptom_severity"] - mean) ** 2).sum() / fit.scale
    weight_between = ((mean - mean.mean()) ** 2).sum() / 10 / variance_of_mean
    estimates = slopes["estimate"]
    mixture = (
        weight_within * estimates[("within-between", "within")]
        + weight_between * estimates[("within-between", "between")]
    ) / (weight_within + weight_between)
    assert estimates[("random intercept", "mixture")] == pytest.approx(mixture, rel=1e-6)


def test_degrees_of_freedom_count_patients_or_hospitals(slopes):
    assert slopes["df"].tolist() == [148, 134, 134, 134, 13]


def test_three_hospitals_leave_one_degree_of_freedom():
    three = simulate_three_hospitals(rng=np.random.default_rng(1))
    between = compare_slopes(three).set_index("slope").loc["between"]
    assert between["df"] == 1
    # A z interval would reach 1.96 standard errors, t with one degree of freedom 12.7.
    assert (between["high"] - between["estimate"]) / between["se"] == pytest.approx(
        12.706, abs=1e-3
    )


def test_two_hospitals_have_a_between_slope_without_an_interval():
    three = simulate_three_hospitals(rng=np.random.default_rng(1))
    two = three[three["hospital"] != "Green"]
    table = compare_slopes(two).set_index("slope")
    mean = two.groupby("hospital")[["will_to_live", "symptom_severity"]].mean()
    rise = mean.loc["Blue"] - mean.loc["Red"]
    between = table.loc["between"]
    assert between["estimate"] == pytest.approx(
        rise["will_to_live"] / rise["symptom_severity"], rel=1e-8
    )
    assert between[["se", "low", "high"]].isna().all()
    assert table.drop(index="between")[["se", "low", "high"]].notna().all(axis=None)


def test_standard_errors_are_those_of_the_two_mixed_models(balanced, slopes):
    mean = balanced.groupby("hospital")["symptom_severity"].transform("mean")
    parts = balanced.assign(mean=mean, within=balanced["symptom_severity"] - mean)
    mixture = standard_errors(fit_mixed(FORMULA, balanced, "hospital"))
    split = standard_errors(fit_mixed("will_to_live ~ within + mean", parts, "hospital"))
    expected = [mixture["symptom_severity"], split["within"], split["mean"]]
    np.testing.assert_allclose(slopes["se"][2:], expected, rtol=1e-5)


def test_one_hospital_has_no_slopes_to_compare(balanced):
    with pytest.raises(ValueError, match="'hospital' has a single group"):
        compare_slopes(balanced[balanced["hospital"] == "H01"])


@pytest.mark.parametrize(("column", "level"), [("staff_quality", "within"), ("centred", "between")])
def test_a_predictor_that_varies_on_one_level_only_is_refused(balanced, column, level):
    mean = balanced.groupby("hospital")["symptom_severity"].transform("mean")
    data = balanced.assign(centred=balanced["symptom_severity"] - mean)
    with pytest.raises(ValueError, match=f"'{column}' does not vary {level} the groups"):
        compare_slopes(data, predictor=column)


@pytest.mark.parametrize(
    "columns",
    [
        {"outcome": "symptom_severity_within"},
        {"outcome": "symptom_severity_mean"},
        {"group": "symptom_severity_mean"},
        {"outcome": "symptom_severity"},
        {"predictor": "hospital"},
    ],
)
def test_columns_that_would_overwrite_each_other_are_refused(balanced, columns):
    data = balanced.assign(
        symptom_severity_within=balanced["will_to_live"],
        symptom_severity_mean=balanced["resilience"],
    )
    with pytest.raises(ValueError, match=r"must be three columns, none of them named.*rename one"):
        compare_slopes(data, **columns)


@pytest.mark.parametrize("column", ["class", "two words"])
@pytest.mark.parametrize(
    ("role", "own"),
    [("predictor", "symptom_severity"), ("outcome", "will_to_live"), ("group", "hospital")],
)
def test_slopes_need_columns_that_can_stand_in_a_formula(balanced, column, role, own):
    renamed = balanced.rename(columns={own: column})
    with pytest.raises(ValueError, match=f"Column '{column}' cannot stand in a formula"):
        compare_slopes(renamed, **{role: column})


def test_every_row_says_what_its_slope_means(slopes):
    per = "will_to_live per unit of symptom_severity"
    same = f"{per}, between two patients of the same hospital"
    assert slopes["meaning"].to_dict() == {
        ("pooled OLS", "pooled"): f"{per}, as if there were no hospital: "
        "within and between slopes mixed",
        ("hospital dummies", "within"): same,
        ("random intercept", "mixture"): f"{per}: the within and between slopes mixed, "
        "weighted by their precision",
        ("within-between", "within"): same,
        ("within-between", "between"): f"{per}, between the means of two values of hospital",
    }


def test_slopes_count_the_rows_that_are_left_out(balanced):
    holes = _with(balanced, "symptom_severity", np.nan)
    with pytest.raises(ValueError, match="1 of 150 rows"):
        compare_slopes(holes)
    with pytest.warns(MissingRowsWarning, match="1 of 150 rows"):
        assert compare_slopes(holes, missing="drop")["df"][0] == 147
