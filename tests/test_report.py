"""Numbers reach sentences rounded once, with true minus signs, and under the right name."""

from __future__ import annotations

import doctest

import pytest

import multilevel.report
from multilevel.report import in_r, num, p_value, report


def test_examples_in_the_documentation_run():
    assert doctest.testmod(multilevel.report).failed == 0


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(-2.746, 2, "−2.75"), (8000, 0, "8,000"), (-0.001, 2, "0.00"), (0.5, 0, "0")],
)
def test_numbers_have_fixed_decimals_and_a_true_minus(value, digits, text):
    assert num(value, digits) == text


@pytest.mark.parametrize(("p", "text"), [(0.0009, "< .001"), (0.001, "= .001"), (1.0, "= 1.000")])
def test_p_values_are_never_written_as_zero(p, text):
    assert p_value(p) == text


def test_a_p_value_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        p_value(-0.2)


def test_report_prints_what_it_glues(capsys):
    report(slope="−3.00", n="90")
    assert capsys.readouterr().out == "slope = −3.00\nn = 90\n"


def test_report_glues_text_under_its_name(monkeypatch):
    glued = []
    monkeypatch.setattr(multilevel.report, "get_ipython", object)
    monkeypatch.setattr(multilevel.report, "display", lambda *a, **how: glued.append((a, how)))
    report(slope="2.90")
    # What myst-nb's own glue() displays; quoted, so that 2.90 stays 2.90.
    prefix = "application/papermill.record/"
    scrapbook = {"name": "slope", "mime_prefix": prefix}
    how = {"metadata": {"scrapbook": scrapbook}, "raw": True}
    assert glued == [(({prefix + "text/plain": "'2.90'"},), how)]


def test_report_refuses_numbers_that_nobody_rounded():
    with pytest.raises(TypeError, match=r"report\(slope=\.\.\.\) takes text"):
        report(slope=-3.0)


def test_what_r_said_is_read_from_its_file(tmp_path):
    (tmp_path / "in_r.json").write_text('{"three_null": {"call": "lmer(…)"}}', encoding="utf-8")
    assert in_r("three_null", tmp_path) == {"call": "lmer(…)"}


def test_a_model_that_r_was_not_asked_about_is_named(tmp_path):
    (tmp_path / "in_r.json").write_text('{"three_null": {}}')
    with pytest.raises(ValueError, match=r"'four_null' is not in in_r\.json; it has three_null"):
        in_r("four_null", tmp_path)
