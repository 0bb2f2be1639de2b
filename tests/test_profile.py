"""profile_reml against lme4, fit_mixed, closed forms and its own single fits."""

import doctest

import multilevel.profile


def test_the_example_of_the_documentation_runs():
    assert doctest.testmod(multilevel.profile).failed == 0
