"""Figures draw what they say, on axes with quantity and unit, in colours that can be told apart."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from matplotlib.colors import same_color, to_rgb

from multilevel.plots import (
    COLOURS,
    HOSPITAL_COLOURS,
    HOSPITAL_DASHES,
    label_axes,
    plot_line_with_band,
    plot_three_hospitals,
    use_style,
)
from multilevel.simulate import simulate_three_hospitals


@pytest.fixture
def patients():
    return simulate_three_hospitals(rng=np.random.default_rng(3))


@pytest.fixture
def ax():
    axes = plt.subplots()[1]
    yield axes
    plt.close("all")


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_each_hospital_keeps_its_colour_and_gets_a_falling_line(patients, ax):
    plot_three_hospitals(patients, ax)
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert {name: line.get_color() for name, line in lines.items()} == HOSPITAL_COLOURS
    for line in lines.values():
        assert line.get_ydata()[-1] < line.get_ydata()[0]


def test_hospitals_differ_by_marker_too(patients, ax):
    plot_three_hospitals(patients, ax, lines=False)
    paths = [tuple(map(tuple, c.get_paths()[0].vertices.round(3))) for c in ax.collections]
    assert len(set(paths)) == 3 and not ax.get_lines()


def test_points_names_and_bands_have_the_colour_of_their_hospital(patients, ax):
    plot_three_hospitals(patients, ax)
    names = {text.get_text(): text for text in ax.texts}
    points, bands = ax.collections[::2], ax.collections[1::2]
    shown = zip(patients["hospital"].unique(), points, bands, strict=True)
    for hospital, point, band in shown:
        colour = HOSPITAL_COLOURS[hospital]
        for drawn in (names[hospital].get_color(), *point.get_facecolor(), *band.get_facecolor()):
            assert same_color(to_rgb(drawn), colour)
        # the name stands above the leftmost points of its own hospital
        group = patients[patients["hospital"] == hospital]
        x, y = names[hospital].xy
        assert x == group["symptom_severity"].min()
        assert y == group.loc[group["symptom_severity"] < x + 1, "will_to_live"].max()


def test_hospitals_differ_by_dash_too(patients, ax):
    plot_three_hospitals(patients, ax)
    expected = plt.subplots()[1]
    for line in ax.get_lines():
        (like,) = expected.plot([0], linestyle=HOSPITAL_DASHES[line.get_label()], lw=line.get_lw())
        assert line._dash_pattern == like._dash_pattern
    assert len({str(line._dash_pattern) for line in ax.get_lines()}) == 3


def test_without_axes_a_figure_is_made(patients):
    ax = plot_three_hospitals(patients)
    assert len(ax.figure.axes) == 1
    assert ax.get_xlabel() == "Symptom severity (0–10 points)"
    plt.close("all")


def test_the_band_is_the_95_percent_interval_of_the_mean(patients, ax):
    plot_line_with_band(patients, ax=ax, label="pooled", color="black")
    x, y = ax.collections[0].get_paths()[0].vertices.T
    fit = smf.ols("will_to_live ~ symptom_severity", patients).fit()
    mean = fit.get_prediction(pd.DataFrame({"symptom_severity": x})).summary_frame(alpha=0.05)
    ends = mean[["mean_ci_lower", "mean_ci_upper"]].to_numpy()
    # each corner of the band is the lower or the upper end at its place, and both are there
    assert np.allclose(np.abs(ends - y[:, None]).min(axis=1), 0, atol=1e-9)
    assert set(np.abs(ends - y[:, None]).argmin(axis=1)) == {0, 1}


def test_axes_name_quantity_and_unit(ax):
    label_axes(ax, x="staff_quality")
    assert ax.get_xlabel() == "Staff quality (0–10 points)"
    assert ax.get_ylabel() == "Will to live (0–100 points)"


def test_the_line_is_the_least_squares_line_and_ends_where_the_data_end(patients, ax):
    plot_line_with_band(patients, ax=ax, label="pooled", color="black")
    x, y = ax.get_lines()[0].get_data()
    expected = np.polyval(np.polyfit(patients["symptom_severity"], patients["will_to_live"], 1), x)
    assert np.allclose(y, expected)
    assert (x[0], x[-1]) == (
        patients["symptom_severity"].min(),
        patients["symptom_severity"].max(),
    )


@pytest.mark.parametrize("colour", [*COLOURS.values(), *HOSPITAL_COLOURS.values()])
def test_every_colour_has_the_contrast_that_graphics_need_on_white(colour):
    assert 1.05 / (luminance(colour) + 0.05) >= 3  # WCAG 2.2, 1.4.11


@pytest.mark.parametrize("colour", [value for key, value in COLOURS.items()])
def test_colours_used_for_words_have_the_contrast_that_text_needs(colour):
    assert 1.05 / (luminance(colour) + 0.05) >= 4.5  # WCAG 2.2, 1.4.3


def test_style_makes_svg_reproducible():
    with plt.style.context("default"):
        use_style()
        assert plt.rcParams["svg.hashsalt"] == "multilevel-models-in-python"
