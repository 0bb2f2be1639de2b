"""The explorable's numbers, in V8 as in a browser: equal to the package, and true to the world."""

import atexit
import json
import re
import warnings
from dataclasses import replace

import numpy as np
import pages
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from py_mini_racer import MiniRacer
from scipy import stats
from scipy.special import ndtri
from test_plots import luminance

from multilevel.explore import CASES, PRESETS, SLIDERS, SLIDERS_OF_SLOPES, explore, script
from multilevel.models import SingularFitWarning, compare_slopes, fit_mixed, standard_errors
from multilevel.plots import COLOURS, HOSPITAL_COLOURS
from multilevel.simulate import WORLD_OF_THREE

BOOK = {name: slider.book for name, slider in SLIDERS.items()}
STYLE = (pages.ROOT / "multilevel/explorable/style.css").read_text(encoding="utf-8")


class Script:
    """The script of the figure, in an engine of its own, and a way to ask it."""

    def __init__(self, source=None, hospitals=40, patients=75):
        self.engine = MiniRacer()
        atexit.register(self.engine.close)  # as in extensions/prerendered_maths
        self.engine.eval(source or script())
        self.engine.eval(f"const setup = {json.dumps(explore().setup)}")
        self.engine.eval(f"const draws = makeDraws(setup, {hospitals}, {patients})")

    def ask(self, expression):
        # a number that is not finite has no JSON: it comes back as None
        return json.loads(self.engine.eval(f"JSON.stringify({expression})"))

    def data(self, **values):
        made = self.ask(
            "(({x, y, sizes}) => ({x: [...x], y: [...y], sizes}))"
            f"(simulate(draws, setup.world.intercept, {json.dumps(BOOK | values)}))"
        )
        hospital = np.repeat(np.arange(len(made["sizes"])), made["sizes"])
        return pd.DataFrame({"hospital": hospital, "x": made["x"], "y": made["y"]})

    def fits(self, data):
        sizes = data.groupby("hospital", sort=False).size().tolist()
        made = {"x": data["x"].tolist(), "y": data["y"].tolist(), "sizes": sizes}
        return self.ask(f"fitAll({json.dumps(made)})")


@pytest.fixture(scope="module")
def js():
    return Script()


@pytest.fixture(scope="module")
def many():
    """Hospitals enough to compare with closed forms; all but three are sampled."""
    return Script(hospitals=4000, patients=25)


# --- equal to the package ----------------------------------------------------------------------


def test_the_quantile_of_the_normal_distribution_is_that_of_scipy(js):
    p = np.concatenate([np.geomspace(1e-10, 0.5, 200), 1 - np.geomspace(1e-10, 0.5, 200)])
    # 1e-14: the algorithm claims sixteen digits
    found = js.ask(f"{p.tolist()}.map(normalQuantile)")
    np.testing.assert_allclose(found, ndtri(p), rtol=1e-14, atol=1e-14)


def test_the_figure_starts_with_the_patients_of_the_book(js):
    book = pd.read_csv(pages.ROOT / "data/hospitals_3.csv")
    shown = js.data()
    np.testing.assert_allclose(shown["x"], book["symptom_severity"], rtol=1e-12)
    np.testing.assert_allclose(shown["y"], book["will_to_live"], rtol=1e-12)


def test_the_figure_starts_with_the_slopes_of_the_chapter(js):
    fits = js.fits(js.data())
    table = compare_slopes(pd.read_csv(pages.ROOT / "data/hospitals_3.csv"))
    pooled, partial, split = fits["pooled"], fits["partial"], fits["split"]
    shown = [pooled["slope"], split["within"], partial["slope"], split["within"], split["slope"]]
    ses = [pooled["se"], split["seWithin"], partial["se"], split["seWithin"], split["se"]]
    np.testing.assert_allclose(shown, table["estimate"], rtol=1e-7)
    np.testing.assert_allclose(ses, table["se"], rtol=1e-6)


def random_design(number):
    """Draw data as unlike one another as the figure's, and beyond: sizes, variances, slopes."""
    rng = np.random.default_rng(number)
    n_hospitals = [2, 3, 5, 12, 40][number % 5]
    sizes = np.full(n_hospitals, 2) if number % 4 == 0 else rng.integers(2, 40, n_hospitals)
    j = np.repeat(np.arange(n_hospitals), sizes)
    mean = rng.normal(0, 1.2, n_hospitals)
    u = rng.normal(0, [0, 0.5, 3, 10][number % 3], n_hospitals)
    x = mean[j] + rng.normal(0, 1, len(j))
    y = 50 + rng.uniform(-6, 6) * x + rng.uniform(0, 12) * mean[j] + u[j] + rng.normal(0, 4, len(j))
    data = pd.DataFrame({"hospital": j, "x": 5 + x, "y": y})
    if number % 10 == 7:  # hospitals more alike than chance makes them: a variance of exactly zero
        data["y"] -= data.groupby("hospital")["y"].transform("mean") - data["x"]
    own = data.groupby("hospital")["x"].transform("mean")
    return data.assign(x_mean=own, x_within=data["x"] - own)


def numbers_of_package(data):
    """What statsmodels says by way of fit_mixed: of a random intercept, then within-between."""
    numbers, split = [], "y ~ x_within + x_mean"
    for formula in ("y ~ x", split):
        if formula == split and data["hospital"].nunique() == 2:
            line = smf.ols(split, data).fit()  # two means fix a line, and nothing is left to vary
            numbers += [[line.params["x_within"], line.params["x_mean"], line.bse["x_within"]]]
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SingularFitWarning)
            fit = fit_mixed(formula, data, "hospital")
        slopes, ses = fit.fe_params.iloc[1:], standard_errors(fit).iloc[1:]
        numbers += [[*slopes, *ses, fit.cov_re.iloc[0, 0] / fit.scale, fit.scale, fit.llf]]
    return np.concatenate(numbers)


def numbers_of_script(js, data):
    fits = js.fits(data)
    numbers = []
    for fit, keys in (
        (fits["partial"], ("slope", "se")),
        (fits["split"], ("within", "slope", "seWithin", "se")),
    ):
        if fit["tau"] is None:
            numbers += [fit[key] for key in keys[:3]]
            continue
        variance = fit["sigma"] ** 2
        numbers += [fit[key] for key in keys]
        numbers += [fit["tau"] ** 2 / variance, variance, fit["logLikelihood"]]
    return np.array(numbers)


@pytest.fixture(scope="module")
def designs():
    made = [random_design(number) for number in range(50)]
    return [(data, numbers_of_package(data)) for data in made]


def worst_difference(js, designs):
    """The largest difference of all numbers, relative to those above one."""
    return max(
        np.max(np.abs(numbers_of_script(js, data) - told) / np.maximum(1, np.abs(told)))
        for data, told in designs
    )


def test_the_designs_include_the_hard_ones(designs):
    ratios = [told[2] for _, told in designs]
    sizes = [data.groupby("hospital").size() for data, _ in designs]
    assert sum(ratio < 1e-6 for ratio in ratios) >= 5
    assert {len(size) for size in sizes} == {2, 3, 5, 12, 40}
    assert sum((size == 2).all() for size in sizes) >= 10
    assert sum(size.min() < size.max() for size in sizes) >= 30


def test_reml_equals_fit_mixed_on_fifty_designs(js, designs):
    # 1e-6: fit_mixed finds the ratio of the variances to about 1e-7, the last step of its
    # search; the script bisects a derivative and is more exact than that.
    assert worst_difference(js, designs) < 1e-6


@pytest.mark.parametrize(
    ("sound", "fault"),
    [
        ("const df = sums.n - (split ? 3 : 2);", "const df = sums.n;"),  # ML
        ("derivative: a - w2r / variance - w2 / a", "derivative: a - w2r / variance"),
        ("+ Math.log(a * ofSlope)", ""),
        ("{ theta: 0, ...profile(sums, 0, split) }", "{ theta: 1, ...profile(sums, 1, split) }"),
        ("t < 18", "t < -2"),
    ],
    ids=["maximum likelihood", "a wrong derivative", "a lost term", "never zero", "a short search"],
)
def test_a_fault_planted_in_the_fit_is_noticed(designs, sound, fault):
    assert script().count(sound) == 1
    assert worst_difference(Script(script().replace(sound, fault)), designs) > 1e-4


# --- true to the world -------------------------------------------------------------------------


def test_the_between_slope_is_the_within_slope_plus_the_staff_effect():
    implied = WORLD_OF_THREE.implied()
    assert implied["contextual"] == pytest.approx(WORLD_OF_THREE.effect_staff, rel=1e-12)


def test_uniform_numbers_are_uniform_and_unrelated(js):
    u = np.array(js.ask("Array.from({length: 20000}, (_, i) => uniform(setup.seed, i))"))
    assert stats.kstest(u, "uniform").pvalue > 0.01
    assert all(abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 0.03 for lag in (1, 2, 3, 4))


def test_slopes_and_variances_are_those_of_the_closed_forms(many):
    noise = many.ask("setup.world.sd_of_noise")
    data = many.data(n_hospitals=4000, n_patients=25, residual_sd=noise)
    fits = many.fits(data)
    implied = WORLD_OF_THREE.implied()
    split = fits["split"]
    own = data.groupby("hospital")["x"].transform("mean")
    # hospitals of 25 patients blur the between slope: its reliability, in closed form
    shrink = replace(WORLD_OF_THREE, slope_within=0.0).implied()["var_within"] - 9
    shrink /= (WORLD_OF_THREE.effect_resilience * WORLD_OF_THREE.sd_resilience) ** 2
    var_x = shrink * WORLD_OF_THREE.sd_severity**2
    var_m = shrink * ((0.8 * WORLD_OF_THREE.sd_staff) ** 2 + WORLD_OF_THREE.sd_case_mix**2)
    between = -3 + implied["contextual"] * var_m / (var_m + var_x / 25)
    assert abs(split["within"] - implied["within"]) < 3 * split["seWithin"]
    assert abs(split["slope"] - between) < 3 * split["se"]
    assert abs(fits["pooled"]["slope"] - implied["pooled"]) < 0.1
    assert (data["x"] - own).var() == pytest.approx(var_x * 24 / 25, rel=0.02)
    assert own.var() == pytest.approx(var_m + var_x / 25, rel=0.05)
    assert split["sigma"] == pytest.approx(noise, rel=0.01)


def test_the_true_hospital_sd_of_the_table_is_what_many_hospitals_show(many):
    values = BOOK | {"n_hospitals": 4000, "n_patients": 25}
    told = many.ask(f"truth(setup, {json.dumps(values)})")
    # the means' own noise adds a little that no number of hospitals removes
    noise_of_means = 8 * 0.17 * (1 - 0.17)
    fitted = many.fits(many.data(**values))["split"]["tau"]
    assert told["tau"] < fitted < told["tau"] + noise_of_means


def test_severity_stays_on_its_scale_and_is_cut_not_clipped(many):
    x = many.data(n_hospitals=4000, n_patients=25)["x"]
    assert 0 < x.min() < 1 and 9 < x.max() < 10
    assert sum(x == x.min()) == sum(x == x.max()) == 1


def test_more_hospitals_and_patients_leave_those_there_were(js):
    few, more = js.data(), js.data(n_hospitals=7, n_patients=40)
    kept = more[more["hospital"] < 3].groupby("hospital").head(30).reset_index(drop=True)
    pd.testing.assert_frame_equal(few, kept)


def test_the_staff_effect_moves_each_hospital_as_a_whole(js):
    moved = js.data(staff=9)["y"] - js.data(staff=8)["y"]
    np.testing.assert_allclose(moved, np.repeat([-2.0, 0.0, 2.0], 30), atol=1e-12)


def test_only_the_within_slope_ignores_the_staff_effect(js):
    before, after = (js.fits(js.data(staff=staff)) for staff in (8, 0))
    assert after["split"]["within"] == pytest.approx(before["split"]["within"], rel=1e-12)
    assert after["pooled"]["slope"] < before["pooled"]["slope"] - 5
    assert after["split"]["slope"] < before["split"]["slope"] - 5
    assert abs(after["partial"]["slope"] - before["partial"]["slope"]) < 0.1


# --- what is said ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def case(js):
    def both(key):
        moves = js.ask(f"[CASES['{key}'].from, CASES['{key}'].to]")
        return [js.fits(js.data(**values)) for values in moves]

    return both


def test_when_blue_closes_the_pooled_slope_falls_and_hospitals_differ_less(case):
    before, after = case("blue-closes")
    assert 0 < after["pooled"]["slope"] < before["pooled"]["slope"] - 1
    assert after["share"] < before["share"] and after["split"]["within"] < 0


def test_with_equal_staff_hospitals_follow_the_slope_of_patients(case):
    _, after = case("equal-staff")
    slopes = [after["pooled"]["slope"], after["split"]["slope"], after["split"]["within"]]
    assert max(slopes) < 0 and np.ptp(slopes) < 0.5


def test_two_patients_draw_the_random_intercept_to_the_between_slope(case):
    before, after = case("two-patients")
    assert after["partial"]["slope"] > before["partial"]["slope"] + 1
    assert abs(after["split"]["within"] + 3) < after["split"]["seWithin"]
    assert after["split"]["seWithin"] > 3 * before["split"]["seWithin"]


def test_forty_hospitals_keep_the_paradox_and_inform_about_hospitals(case):
    before, after = case("forty-hospitals")
    assert 0 < after["pooled"]["slope"] < before["pooled"]["slope"] - 0.25
    assert after["split"]["within"] < 0 and after["split"]["se"] < before["split"]["se"]
    assert after["share"] < before["share"]


def test_the_mixture_moves_as_chapter_5_says(js):
    def slope(**values):
        values = json.dumps(BOOK | {"n_hospitals": 40} | values)
        return js.ask(f"fitAll(simulate(draws, setup.world.intercept, {values})).partial.slope")

    start, small = slope(), slope(n_patients=2)
    assert abs(small) < abs(start) / 2
    assert small - 1 < slope(n_patients=2, hospital_sd=10) < small - 0.5  # towards within
    assert slope(n_patients=2, residual_sd=10, staff=12) > 0


def test_every_case_that_python_offers_is_told(js):
    assert tuple(js.ask("Object.keys(CASES)")) == CASES


def note(js, **values):
    values = json.dumps(BOOK | values)
    made = f"fitAll(simulate(draws, setup.world.intercept, {values}))"
    return js.ask(f"note({made}, truth(setup, {values}), {values})")


def test_an_icc_above_the_true_one_is_explained(js):
    assert "ICC is 0.95, the true one 0.36: its hospital SD swallows" in note(js)
    assert "swallows" not in note(js, staff=0)


def test_few_patients_and_sampled_hospitals_are_explained(js):
    assert "lean" in note(js, n_patients=2) and "lean" not in note(js)
    assert "true hospital SD" in note(js, n_hospitals=4) and "true hospital SD" not in note(js)


def test_two_hospitals_leave_no_standard_error_of_the_between_slope(js):
    values = json.dumps(BOOK | {"n_hospitals": 2})
    made = f"fitAll(simulate(draws, setup.world.intercept, {values}))"
    cells = js.ask(f"cellTexts({made}, truth(setup, {values}))")
    assert cells["between"]["se"] == cells["split"]["tau"] == cells["split"]["icc"] == "–"


@pytest.mark.parametrize(
    ("value", "text"), [(2.976, "+2.98"), (-3, "−3.00"), (-0.001, "0.00"), ("NaN", "–")]
)
def test_slopes_have_a_sign_of_their_own(js, value, text):
    assert js.ask(f"points({value})") == text


def test_a_movement_that_changes_no_slope_is_not_announced(js):
    fits = f"fitAll(simulate(draws, setup.world.intercept, {json.dumps(BOOK)}))"
    assert js.ask(f"summary({fits}, {fits})") == ""


# --- random slopes: the ellipse and its zero ---------------------------------------------------


def slopes(**values):
    return {name: s.book for name, s in SLIDERS_OF_SLOPES.items()} | values


HARD = [
    slopes(),
    slopes(sd_intercept=6.0, sd_slope=3.0, correlation=-0.95, zero=4.0),
    slopes(sd_intercept=0.25, sd_slope=2.0, correlation=1.0, zero=-2.5),
    slopes(sd_intercept=0.0, sd_slope=1.5, correlation=0.5, zero=0.25),
]


def covariance(values):
    a, b, cross = values["sd_intercept"], values["sd_slope"], values["correlation"]
    return np.array([[a * a, cross * a * b], [cross * a * b, b * b]])


@pytest.mark.parametrize("values", HARD)
def test_a_moved_zero_turns_the_covariance_matrix_as_algebra_says(js, values):
    move = np.array([[1, values["zero"]], [0, 1]])
    moved = move @ covariance(values) @ move.T
    told = js.ask(f"reported({json.dumps(values)}, {values['zero']})")
    sds = np.sqrt(np.diag(moved))
    np.testing.assert_allclose([told["sd"], told["slope"]], sds, rtol=1e-12)
    assert told["correlation"] == pytest.approx(moved[0, 1] / sds.prod(), rel=1e-12)


@pytest.mark.parametrize("values", HARD)
def test_hospitals_differ_least_where_intercepts_and_slopes_are_uncorrelated(js, values):
    told = js.ask(f"waist({json.dumps(values)})")
    around = [told["at"] + step for step in (-0.01, 0, 0.01)]
    rows = js.ask(f"{around}.map((x) => reported({json.dumps(values)}, x))")
    assert min(rows, key=lambda row: row["sd"]) == rows[1]
    assert rows[1]["sd"] == pytest.approx(told["sd"], abs=1e-7)  # the root of a rounding error
    assert rows[1]["correlation"] is None or abs(rows[1]["correlation"]) < 1e-7


def test_drawn_hospitals_have_the_covariance_of_the_sliders_and_fill_the_ellipse(js):
    values = slopes(correlation=-0.6)
    z = np.random.default_rng(1).standard_normal((4000, 2)).tolist()
    drawn = js.ask(f"{z}.map(([z0, z1]) => deviation({json.dumps(values)}, z0, z1))")
    u = pd.DataFrame(drawn).to_numpy()
    # 4,000 draws: a variance is known to 2.2 per cent, the share inside to 0.34 of a hundred
    np.testing.assert_allclose(np.cov(u.T), covariance(values), rtol=0.1)
    distance = np.einsum("ij,jk,ik->i", u, np.linalg.inv(covariance(values)), u)
    assert abs((distance < js.ask("RADIUS") ** 2).mean() - 0.95) < 3 * 0.0034
    assert js.ask("RADIUS") ** 2 == pytest.approx(stats.chi2.ppf(0.95, 2), rel=1e-12)


def test_one_slope_for_all_leaves_no_correlation_and_no_waist(js):
    values = json.dumps(slopes(sd_slope=0.0, zero=3.0))
    assert js.ask(f"reported({values}, 3)") == {"sd": 3, "slope": 0, "correlation": None}
    assert "differ alike" in js.ask(f"ellipseNote({values})")


def test_a_waist_without_patients_is_said_to_have_none(js):
    notes = [js.ask(f"ellipseNote({json.dumps(slopes(correlation=r))})") for r in (0.2, 0.8)]
    assert "−0.60" in notes[0] and "no patients" not in notes[0]
    assert "−2.40" in notes[1] and "no patients" in notes[1]


@pytest.mark.parametrize(
    ("tall", "ticks"),
    [(3, [-3, -2, -1, 0, 1, 2, 3]), (5, [-4, -2, 0, 2, 4]), (6, [*range(-6, 7, 2)])],
)
def test_ticks_of_slopes_are_inside_the_axis_and_at_zero(js, tall, ticks):
    assert js.ask(f"slopeTicks({tall})") == ticks


def test_a_moved_zero_announces_what_it_changed_and_nothing_else(js):
    def at(zero):
        return f"{{here: reported({json.dumps(slopes())}, {zero})}}"

    said = js.ask(f"ellipseSummary({at(0)}, {at(2)})")
    assert (
        said == "At this zero: SD of intercepts 3.92, before 3.00; correlation +0.66, before +0.20"
    )
    assert js.ask(f"ellipseSummary({at(2)}, {at(2)})") == ""


# --- one script for pages and notebooks --------------------------------------------------------


def test_the_script_is_one_module_that_asks_for_nothing():
    assert not re.search(r"^(import|export)\b|https?://", script(), re.MULTILINE)
    assert "</script" not in script()


def test_the_element_is_closed_around_what_it_shows_until_the_script_runs():
    html = explore().element("<p>Wait.</p>")
    assert html.startswith("<div ") and html.endswith("><p>Wait.</p></div>")


def test_a_notebook_is_shown_a_frame_that_holds_everything():
    html = explore(staff=0)._repr_html_()
    assert html.startswith("<iframe title=") and html.count("<iframe") == 1
    assert "function mount" in html and "<script" not in html  # all of it is escaped, in srcdoc


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_shows_sliders_that_start_inside_their_range(preset):
    setup = explore(preset).setup
    assert set(setup["shown"]) <= set(setup["sliders"]) == set(setup["start"])
    assert setup["against"] in {None, *setup["shown"]}


def test_a_preset_can_be_changed_by_arguments():
    setup = explore("mixture", sliders=["staff"], cases=[], against="hospital_sd", staff=2).setup
    assert (setup["shown"], setup["cases"], setup["against"]) == (["staff"], [], "hospital_sd")
    assert (setup["start"]["staff"], setup["start"]["n_hospitals"]) == (2, 40)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"preset": "simpson"}, "There is no preset 'simpson'; choose from paradox, pooling"),
        ({"sliders": ["seed"]}, "There is no slider 'seed'; choose from within"),
        ({"cases": ["red-closes"]}, "There is no case 'red-closes'; choose from blue-closes"),
        ({"against": "seed"}, "There is no slider 'seed'"),
        ({"icc": 0.5}, "There is no slider 'icc'"),
        ({"staff": 13}, "staff is 13; choose 0 to 12 in steps of 0.25"),
        ({"n_patients": 2.5}, "n_patients is 2.5; choose 2 to 75 in steps of 1"),
        ({"preset": "ellipse", "within": 1}, "There is no slider 'within'; choose from sd_int"),
        ({"preset": "ellipse", "correlation": 0.33}, "choose -1 to 1 in steps of 0.05"),
        ({"preset": "ellipse", "against": "zero"}, "no cases and no second panel"),
    ],
)
def test_a_wrong_argument_is_refused_with_the_choice(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        explore(**arguments)


def colours(theme):
    rule = STYLE.split("html[data-theme")[theme == "dark"]
    return dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", rule))


def test_light_colours_are_those_of_the_figures():
    light = colours("light")
    for name, colour in {**COLOURS, **HOSPITAL_COLOURS}.items():
        assert light.get(name.lower(), colour.lower()) == colour.lower()
    assert {"pooled", "unpooled", "partial", "between", "data", "red", "green", "blue"} <= set(
        light
    )


@pytest.mark.parametrize("name", sorted(colours("dark").keys() - {"grid"}))
def test_dark_colours_have_the_contrast_that_text_needs(name):
    ground = luminance("#222832")  # the lightest ground of the theme's dark mode
    assert (luminance(colours("dark")[name]) + 0.05) / (ground + 0.05) >= 4.5  # WCAG 2.2, 1.4.3
