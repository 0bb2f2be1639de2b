"""Faults planted in the statistics make the tests fail: the guards guard.

Each fault is one edit of a module's text. With it, the test that ought to notice must fail; what it
says without the fault is tested where it stands.
"""

import importlib
import sys
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import statsmodels.formula.api as smf
import test_comparison
import test_degrees_of_freedom
import test_explained
import test_inference
import test_models
import test_prediction
import test_profile
import test_simulate

from multilevel import models
from multilevel.simulate import simulate_hospitals

BALANCED = simulate_hospitals(15, 10, rng=np.random.default_rng(3))[0]


def plant(monkeypatch, module, right, wrong):
    """Replace a module's functions, wherever they are in use, by those of its edited text."""
    original = importlib.import_module(f"multilevel.{module}")
    text = Path(original.__file__).read_text()
    assert text.count(right) == 1, f"{right!r} stands {text.count(right)} times in {module}.py"
    edited = ModuleType(original.__name__)
    exec(compile(text.replace(right, wrong), original.__file__, "exec"), edited.__dict__)
    users = [
        user for name, user in sys.modules.items() if name.startswith(("multilevel.", "test_"))
    ]
    for name, value in vars(original).items():
        if getattr(value, "__module__", None) != original.__name__:
            continue
        for user in users:
            if getattr(user, name, None) is value:
                monkeypatch.setattr(user, name, edited.__dict__[name])


def anova():
    test_profile.test_balanced_data_give_the_analysis_of_variance(2.0)


def dense(with_slope=False, reml=True):
    test_profile.test_every_field_is_what_a_dense_matrix_gives(with_slope, reml)


many = partial(test_profile.test_many_sizes_are_solved_at_each_ratio_as_few_are_by_directions, True)
derivatives = partial(
    test_profile.test_derivatives_are_those_of_the_log_determinant_and_the_residual_sum,
    True, True,
)  # fmt: skip


def top(with_slope=False, reml=True):
    test_profile.test_no_variance_near_by_is_more_likely(with_slope, reml)


def spike():
    test_comparison.test_a_random_intercept_is_tested_against_half_a_spike_at_zero(two_fits())


def restricted():
    test_comparison.test_by_reml_least_squares_are_given_their_restricted_likelihood(
        BALANCED, two_fits()
    )


def counted():
    test_comparison.test_the_p_value_counts_the_observed_data_too(two_fits())


def three():
    test_degrees_of_freedom.test_three_hospitals_leave_one_degree_of_freedom_for_a_slope_between_them()


def fitted(test, name="P03_h3_rs"):
    """Run a test of test_models on one reference fit."""
    test((test_models.fit_case(test_models.CASES[name]), test_models.FITS[name], False))


def slopes(test, *arguments):
    """Run a test of test_models on the comparison of slopes."""
    test(*arguments, models.compare_slopes(BALANCED).set_index(["model", "slope"]))


def two_fits():
    """Return the two fits that the tests of test_comparison compare."""
    formula = "will_to_live ~ symptom_severity"
    return {
        "ols": smf.ols(formula, BALANCED).fit(),
        "intercept": models.fit_mixed(formula, BALANCED, "hospital"),
        "intercept ml": models.fit_mixed(formula, BALANCED, "hospital", reml=False),
    }


def large(test):
    test(simulate_hospitals(20_000, 20, rng=np.random.default_rng(7)))


lme4_errors = partial(fitted, test_models.test_standard_errors_equal_lme4)
lme4_likelihood = partial(fitted, test_models.test_log_likelihood_equals_lme4)
with_dummies = partial(
    slopes,
    test_models.test_the_slope_with_dummies_is_that_of_a_regression_with_dummies,
    BALANCED,
)
means_on_means = partial(
    slopes, test_models.test_the_between_slope_is_the_regression_of_means_on_means, BALANCED
)
interval = partial(test_inference.test_the_interval_equals_lme4, "P01_h3_ri")
satterthwaite = partial(test_degrees_of_freedom.test_satterthwaite_equals_lmertest, "P03_h3_rs")
kenward_roger = partial(test_degrees_of_freedom.test_kenward_roger_equals_pbkrtest, "P03_h3_rs")
explained = partial(test_explained.test_both_equal_performance, "P01_h3_ri")
modes = partial(
    test_prediction.test_conditional_modes_and_their_standard_deviations_equal_lme4, "P01_h3_ri"
)
predicted = partial(
    test_prediction.test_balanced_data_have_the_closed_form,
    simulate_hospitals(15, 8, rng=np.random.default_rng(3))[0],
)
variances = partial(
    large, test_simulate.test_variances_and_icc_of_a_large_sample_are_the_implied_ones
)

FAULTS = {
    "ML for REML": (
        "profile", "divisor = sums.n_obs - len(sums.names) if reml else sums.n_obs",
        "divisor = sums.n_obs", anova,
    ),
    "REML for ML": ("profile", "if reml else sums.n_obs", "if True else sums.n_obs",
                    partial(dense, reml=False)),
    "sign of the log-likelihood": ("profile", "-minus_two / 2", "minus_two / 2", dense),
    "REML without its determinant": (
        "profile", "minus_two -= 2 * np.linalg.slogdet(sums.inverse)[1]", "minus_two -= 0", dense,
    ),
    "unscaled covariance": (
        "profile", "covariance = variance[:, None, None] * (", "covariance = (", dense,
    ),
    "unscaled variance of hospitals": (
        "profile", "between = variance[:, None, None] * (", "between = (", anova,
    ),
    "variance for standard deviation": (
        "profile", '"sigma": np.sqrt(variance)', '"sigma": variance', anova,
    ),
    "slope in the units of the search": (
        "profile", "effects = optimum.effects @ sums.back.T", "effects = optimum.effects",
        partial(dense, with_slope=True),
    ),
    "dropped degree of freedom": (
        "deviance", "self.n_obs - self.predictors.shape[1] if reml",
        "self.n_obs - self.predictors.shape[1] + 1 if reml", anova,
    ),
    "sign of a derivative": (
        "profile_intercept", "- deviance.divisor * first", "+ deviance.divisor * first", anova,
    ),
    "ML for REML in the search": ("deviance", "if not reml:", "if True:", anova),
    "root of the sizes in the search": (
        "deviance", "matrix * np.sqrt(rows.sizes)", "matrix * rows.sizes", dense,
    ),
    "hospitals of one size counted once": (
        "deviance", "of_size[common] - p", "of_size[common] ** 0", anova,
    ),
    "squares of hospitals of one size lost": (
        "deviance", "squares[k] = (", "squares[k] = 0 * (", anova,
    ),
    "predictors not taken out of hospitals": (
        "deviance", "- rows.predictors @ rows.predictors.T",
        "- 0 * rows.predictors @ rows.predictors.T", top,
    ),
    "sign of the step": (
        "deviance", "return (covariance @ cross", "return (-covariance @ cross", dense,
    ),
    "covariance of ordinary least squares": (
        "deviance", "gram = (weight @ products", "gram = (np.ones_like(weight) @ products", dense,
    ),
    "ML for REML where there are many sizes": (
        "deviance", "log_determinant += np.linalg.slogdet(gram)[1][:, None]",
        "log_determinant += 0", many,
    ),
    "step of a derivative without its fixed effects": (
        "deviance", "- (along * np.linalg.solve(gram, along)).sum(axis=1)", "", derivatives,
    ),
    "sign in the derivative of a determinant": (
        "deviance", "log_first -= once", "log_first += once", derivatives,
    ),
    "grid that ends too early": (
        "profile_intercept", "np.log(deviance.last / smallest)", "40",
        test_profile.test_no_variance_between_hospitals_is_too_large_for_the_search,
    ),
    "a small rest as a difference": (
        "sums", "small = left < 1e-3 * square", "small = left < 0",
        test_profile.test_a_small_rest_within_hospitals_keeps_its_digits,
    ),
    "a level slope for a falling one": (
        "profile_intercept", "-_LEVEL * rise[0]", "0 * rise[0]",
        partial(
            test_profile.test_where_the_deviance_is_level_at_zero_the_variance_is_exactly_zero,
            [2, 0, 1], [0, 1, 1],
        ),
    ),
    "lines further apart than the search goes": (
        "sums", "_AROUND_LINES = 1e-6", "_AROUND_LINES = 1e-12",
        partial(test_profile.test_lines_that_are_far_apart_are_fitted_or_refused, 1e5, True),
    ),
    "no start at hospitals' own lines": (
        "profile_slope", "/ total / variance[:, None, None]", "* 0",
        partial(test_profile.test_no_search_for_a_random_slope_ends_higher, 282, 2, False),
    ),
    "no shrinkage": (
        "profile_intercept", "/ (1 + ratio * sums.sizes)", "/ (ratio * sums.sizes)", anova,
    ),
    "the lower of two peaks": (
        "profile_intercept", "np.argsort(-height", "np.argsort(height",
        partial(test_profile.test_the_higher_of_two_peaks_is_found, 74, True, False),
    ),
    "dropped degree of freedom with a slope": (
        "profile_slope", "sums.n_obs - p if reml", "sums.n_obs - p + 1 if reml",
        partial(top, with_slope=True),
    ),
    "sign of a covariance": (
        "profile_slope", "np.stack([m11, -m01, m00], axis=2)", "np.stack([m11, m01, m00], axis=2)",
        partial(dense, with_slope=True),
    ),
    "REML without its determinant, with a slope": (
        "profile_slope", "log_determinant += np.linalg.slogdet(point.gram[:, 0])[1]",
        "log_determinant += 0", partial(dense, with_slope=True),
    ),
    "gradient without its REML part": (
        "profile_slope", "weight[..., :-1, :-1] += np.linalg.inv(point.gram)",
        "weight[..., :-1, :-1] += 0", partial(top, with_slope=True),
    ),
    "deviations not centred": ("sums", "values -= means[code]", "values -= 0", anova),
    "centred on the overall mean": (
        "sums", "values -= means[code]", "values -= values.mean(axis=0)", dense,
    ),
    "slope centred on the overall mean": (
        "sums", "direction = z - z_means[code]", "direction = z - z.mean()",
        partial(dense, with_slope=True),
    ),
    "root of the sizes": (
        "sums", "return np.sqrt(sizes)[:, None] * means[:, None]",
        "return sizes[:, None] * means[:, None]", anova,
    ),
    "ML for REML, second opinion": (
        "likelihood", "divisor = self.n_obs - p if self.reml else self.n_obs",
        "divisor = self.n_obs", lme4_errors,
    ),
    "unscaled covariance, second opinion": (
        "likelihood", "covariance = variance * inverse", "covariance = inverse", lme4_errors,
    ),
    "sign of the step, second opinion": (
        "likelihood", "inverse @ (self.ols + step)", "inverse @ (self.ols - step)",
        lme4_likelihood,
    ),
    "n for n - 1": ("models", "n - j - 1))", "n - j))", with_dummies),
    "degrees of freedom of hospitals": (
        "models", "split_se[between], j - 2", "split_se[between], j - 1", means_on_means,
    ),
    "centred on the overall mean, models": (
        "models", "frame[outcome] - means[outcome]", "frame[outcome] - frame[outcome].mean()",
        with_dummies,
    ),
    "standard errors of statsmodels": (
        "models", "np.sqrt(np.diag(own.covariance))", "np.asarray(result.bse_fe)", lme4_errors,
    ),
    "sign of a margin": (
        "models", 'table["estimate"] + margin', 'table["estimate"] - margin', with_dummies,
    ),
    "n for n - 1, design effect": (
        "inference", "/ sizes.sum() - 1) * icc", "/ sizes.sum()) * icc",
        partial(test_inference.test_the_design_effect_is_kish_s_formula, 0.05, 21, 2),
    ),
    "standard deviation for variance": (
        "inference", "return variance / (variance + float(result.scale))",
        "return variance**0.5 / (variance**0.5 + float(result.scale) ** 0.5)",
        partial(
            test_inference.test_the_icc_of_balanced_data_is_that_of_the_analysis_of_variance,
            simulate_hospitals(20, 10, rng=np.random.default_rng(4))[0],
        ),
    ),
    "n for n - p, profile": (
        "inference", "n = likelihood.n_obs\n", "n = likelihood.n_obs - likelihood.n_fixed\n",
        interval,
    ),
    "quantile not halved": (
        "inference", "chi2.ppf(level, df=1) / 2", "chi2.ppf(level, df=1)", interval,
    ),
    "sign of the confounder": (
        "simulate", "between = within + self.effect_staff", "between = within - self.effect_staff",
        test_simulate.test_documented_slopes_are_the_implied_ones,
    ),
    "variance of a cut normal": (
        "simulate", "shrink = 1 - 2 * c", "shrink = 1 + 0 * c", variances,
    ),
    "patients not centred": (
        "simulate", "+ true_slope[j] * deviation",
        "+ true_slope[j] * (case_mix[j] - 5 + deviation)",
        partial(large, test_simulate.test_pooled_slope_of_a_large_sample_is_the_implied_one),
    ),
    "standard deviation of patients": (
        "simulate", "error = world.sd_patient * ", "error = world.sd_patient**0.5 * ", variances,
    ),
    "slopes forget their correlation": (
        "simulate", "np.sqrt(1 - world.correlation**2) * z1", "z1",
        test_simulate.test_hospitals_own_intercepts_and_slopes_have_the_documented_spread,
    ),
    "sign of the adjustment": (
        "degrees_of_freedom", "np.sqrt(squared + adjustment)", "np.sqrt(squared - adjustment)",
        kenward_roger,
    ),
    "variance for its square": (
        "degrees_of_freedom", "return np.sqrt(squared), 2 * squared**2 / variance",
        "return np.sqrt(squared), 2 * squared / variance", satterthwaite,
    ),
    "hospitals not counted as coefficients": (
        "degrees_of_freedom", "n_groups - owner.count(r)", "n_groups",
        three,
    ),
    "expected for observed information": (
        "derivatives", "quadratic - double / 2", "double / 2", satterthwaite,
    ),
    "ML for REML, derivatives": ("derivatives", "if likelihood.reml:", "if False:", kenward_roger),
    "mixture not halved": (
        "comparison", "+ chi2.sf(statistic, before + 1)) / 2",
        "+ chi2.sf(statistic, before + 1))", spike,
    ),
    "ML for REML, least squares": (
        "comparison", "divisor = len(x) - x.shape[1] if reml else len(x)", "divisor = len(x)",
        restricted,
    ),
    "the observed data not counted": (
        "comparison", "(1 + np.sum(replicates >= observed)) / (1 + n)",
        "np.sum(replicates >= observed) / n", counted,
    ),
    "n for n - 1, R squared": (
        "explained", "ddof=1", "ddof=0", explained,
    ),
    "unscaled variance of a prediction": (
        "prediction", "reach, solved.phi, reach) + solved.scale * own",
        "reach, solved.phi, reach) + own", predicted,
    ),
    "sign of the error of the fixed effects": (
        "prediction", "x @ solved.to_effects - np.einsum(", "x @ solved.to_effects + np.einsum(",
        predicted,
    ),
    "modes of ordinary least squares": (
        "solved", "za[:, :, -1] - za[:, :, :-1] @ self.step", "za[:, :, -1]", modes,
    ),
    "unscaled covariance, solved": (
        "solved", "own.residual_variance, own.covariance", "1.0, own.covariance", modes,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_noticed(monkeypatch, name):
    module, right, wrong, notice = FAULTS[name]
    plant(monkeypatch, module, right, wrong)
    with pytest.raises((AssertionError, np.linalg.LinAlgError, models.ConvergenceError)):
        notice()
