"""The look of the book's figures: one style, one meaning for each colour, and the first picture.

Colours are from the palette of Okabe and Ito (2008), which people with colour-vision deficiency
can tell apart; hospitals also differ by marker, and lines by dash.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from matplotlib.axes import Axes

HOSPITAL_COLOURS = {"Red": "#D55E00", "Green": "#009E73", "Blue": "#0072B2"}
HOSPITAL_MARKERS = {"Red": "o", "Green": "s", "Blue": "^"}
HOSPITAL_DASHES = {"Red": "-", "Green": (0, (6, 1.5)), "Blue": (0, (3, 1, 1, 1))}

COLOURS = {
    "data": "#6f6f6f",  # patients or hospitals that no colour singles out
    "pooled": "#222222",  # complete pooling: one line for all
    "unpooled": "#B35900",  # no pooling: each hospital for itself
    "partial": "#7B4FA3",  # partial pooling: the random intercept
    "between": "#A8326E",  # the slope of hospital means
    "truth": "#3B7C1E",  # what only a simulation knows
}

LABELS = {
    "symptom_severity": "Symptom severity (0–10 points)",
    "will_to_live": "Will to live (0–100 points)",
    "staff_quality": "Staff quality (0–10 points)",
    "resilience": "Resilience (0–10 points)",
}


def use_style() -> None:
    """Switch matplotlib to the book's style, and notebooks to SVG, which is sharp on phones.

    Call it once, in the first cell of a page. Outside a notebook only the style changes.
    """
    plt.style.use(Path(__file__).with_name("book.mplstyle"))
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:  # plain Python, without a notebook
        return
    if get_ipython() is not None:
        set_matplotlib_formats("svg")


def label_axes(ax: Axes, x: str = "symptom_severity", y: str = "will_to_live") -> Axes:
    """Label both axes with quantity and unit, from the column names ``x`` and ``y``."""
    ax.set(xlabel=LABELS[x], ylabel=LABELS[y])
    return ax


def plot_line_with_band(
    data: pd.DataFrame, *, ax: Axes, label: str, x: str = "symptom_severity", **line: object
) -> Axes:
    """Draw the least-squares line of will to live on ``x`` with its 95 % confidence band.

    The line ends where the data end. ``line`` goes to :meth:`matplotlib.axes.Axes.plot`.
    Source of the band: the t interval of the conditional mean, as statsmodels computes it.
    """
    fit = smf.ols(f"will_to_live ~ {x}", data).fit()
    ends = pd.DataFrame({x: np.linspace(data[x].min(), data[x].max(), 50)})
    mean = fit.get_prediction(ends).summary_frame(alpha=0.05)
    ax.fill_between(
        ends[x], mean["mean_ci_lower"], mean["mean_ci_upper"], alpha=0.18, color=line["color"], lw=0
    )
    ax.plot(ends[x], mean["mean"], label=label, **line)
    return ax


def plot_three_hospitals(data: pd.DataFrame, ax: Axes | None = None, *, lines: bool = True) -> Axes:
    """Draw the patients of Red, Green and Blue, each hospital with its colour, marker and line.

    Parameters
    ----------
    data : pandas.DataFrame
        Columns ``hospital`` (Red, Green, Blue), ``symptom_severity`` and ``will_to_live``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure when left out.
    lines : bool
        Whether to add each hospital's own least-squares line with its 95 % band.

    Returns
    -------
    matplotlib.axes.Axes
    """
    ax = plt.subplots()[1] if ax is None else ax
    for name, group in data.groupby("hospital", sort=False):
        colour = HOSPITAL_COLOURS[name]
        ax.scatter(
            group["symptom_severity"],
            group["will_to_live"],
            color=colour,
            marker=HOSPITAL_MARKERS[name],
            s=26,
            alpha=0.75,
            linewidths=0,
        )
        left = group["symptom_severity"].min()
        near = group.loc[group["symptom_severity"] < left + 1, "will_to_live"]
        ax.annotate(
            name,
            (left, near.max()),
            xytext=(0, 8),
            textcoords="offset points",
            color=colour,
            weight="bold",
        )
        if lines:
            dash = HOSPITAL_DASHES[name]
            plot_line_with_band(group, ax=ax, label=name, color=colour, linestyle=dash)
    ax.margins(y=0.09)  # room for the names above the points
    return label_axes(ax)
