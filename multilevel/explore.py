"""The explorable: sliders that make the paradox come and go, for pages and for notebooks.

The figure itself is the script in the folder ``explorable/``. This module says where its sliders
stand and which truth they start from: the world of :mod:`multilevel.simulate`, reduced to six
numbers. All that it shows is simulated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from importlib.resources import files
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from multilevel.simulate import WORLD, simulate_three_hospitals
from multilevel.simulate import WORLD_OF_THREE as BOOK


class Slider(NamedTuple):
    """One number of the world that a reader can move."""

    label: str
    unit: str  # follows "points"; empty for a count
    low: float
    high: float
    step: float
    book: float  # its value in the world of the three hospitals


SLIDERS = {
    "within": Slider("Within slope", "per point of severity", -6, 6, 0.25, BOOK.slope_within),
    "staff": Slider("Staff effect", "per point of staff quality", 0, 12, 0.25, BOOK.effect_staff),
    "hospital_sd": Slider(
        "Hospital SD", "beyond staff and severity", 0, 10, 0.25, BOOK.sd_intercept
    ),
    # resilience and the patient's own share together: 3.996 in the world, 4 for the reader
    "residual_sd": Slider("Residual SD", "between patients", 0.5, 10, 0.25, 4.0),
    "n_hospitals": Slider("Hospitals", "", 2, 40, 1, 3),
    "n_patients": Slider("Patients each", "", 2, 75, 1, 30),
}
# of the preset "ellipse", which shows forty hospitals whose slopes differ
SLIDERS_OF_SLOPES = {
    "sd_intercept": Slider(
        "SD of intercepts", "among average patients", 0, 6, 0.25, WORLD.sd_intercept
    ),
    "sd_slope": Slider("SD of slopes", "per point of severity", 0, 3, 0.25, WORLD.sd_slope),
    "correlation": Slider("Correlation", "", -1, 1, 0.05, WORLD.correlation),
    "zero": Slider("Zero of severity", "from the average patient", -4, 4, 0.25, 0),
}
CASES = ("blue-closes", "equal-staff", "two-patients", "forty-hospitals")
PRESETS = {
    "paradox": {"cases": CASES},
    # when a random intercept is complete pooling, and when no pooling
    "pooling": {
        "sliders": ("hospital_sd", "residual_sd", "n_patients"),
        "against": "hospital_sd",
        "staff": 3,
        "hospital_sd": 0,
        "residual_sd": 8,
        "n_hospitals": 40,
        "n_patients": 10,
    },
    # what a random intercept makes of the two slopes, by the size of the hospitals
    "mixture": {
        "sliders": ("staff", "hospital_sd", "residual_sd", "n_hospitals", "n_patients"),
        "cases": ("two-patients",),
        "against": "n_patients",
        "n_hospitals": 40,
    },
    # what more hospitals are good for
    "few-hospitals": {
        "sliders": ("hospital_sd", "residual_sd", "n_hospitals", "n_patients"),
        "cases": ("forty-hospitals",),
        "against": "n_hospitals",
    },
    # intercepts and slopes, and where their correlation is read
    "ellipse": {},
}
_PARTS = ("model", "picture", "words", "cases", "markup", "paradox", "ellipse", "panel")
_SEED_THREE = 2372  # of data/hospitals_3.csv
_SEED_MORE = 30  # of all others; chosen by looking, for slopes close to the true ones


@dataclass(frozen=True)
class Explorable:
    """The figure with one choice of sliders; notebooks show it by themselves."""

    preset: str
    setup: dict

    def element(self, until: str = "") -> str:
        """Return the element that becomes the figure, with the HTML shown until the script runs."""
        setup = escape(json.dumps(self.setup, separators=(",", ":")))
        start = f'<div class="explorable" id="explorable-{self.preset}" data-setup="{setup}">'
        return f"{start}{until}</div>"

    def _repr_html_(self) -> str:
        # A frame, because notebooks run no script that an output holds.
        start = f"mount(document.querySelector('.explorable'));{_part('frame.mjs')}"
        page = (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
            "<title>Explorable</title></head>"
            f'<body style="margin: 0; font-family: system-ui, sans-serif">{self.element()}'
            f'<script type="module">{script()}{start}</script></body></html>'
        )
        return (
            f'<iframe title="Explorable: hospitals and their slopes" srcdoc="{escape(page)}" '
            'style="width: 100%; height: 60rem; border: 0"></iframe>'
        )


def explore(
    preset: str = "paradox",
    *,
    sliders: Sequence[str] | None = None,
    cases: Sequence[str] | None = None,
    against: str | None = None,
    **start: float,
) -> Explorable:
    """Return the explorable: simulated hospitals, four models, and sliders for the truth.

    Parameters
    ----------
    preset : {"paradox", "pooling", "mixture", "few-hospitals", "ellipse"}
        What the other parameters are unless they are given.
    sliders : sequence of str, optional
        The sliders to show: keys of ``SLIDERS`` (``SLIDERS_OF_SLOPES`` for "ellipse"), all unless
        a preset says otherwise.
    cases : sequence of str, optional
        The cases to predict: some of ``CASES``.
    against : str, optional
        A slider; a second panel then shows how the slopes change along its range.
    **start : float
        Where a slider stands at first, by its name; its value in the book's world if left out.

    Returns
    -------
    Explorable
        The last line of a notebook's cell shows it.

    Raises
    ------
    ValueError
        If a name is unknown, or a start is no value that its slider can have.

    Examples
    --------
    >>> explore(staff=0).setup["start"]["staff"]
    0.0
    """
    _check([preset], PRESETS, "preset")
    of_slopes = preset == "ellipse"
    known = SLIDERS_OF_SLOPES if of_slopes else SLIDERS
    chosen = {"sliders": tuple(known), "cases": (), "against": None} | PRESETS[preset]
    given = {"sliders": sliders, "cases": cases, "against": against} | start
    chosen |= {name: value for name, value in given.items() if value is not None}
    sliders, cases, against = (chosen.pop(name) for name in ("sliders", "cases", "against"))
    if of_slopes and (cases or against):
        raise ValueError("The preset 'ellipse' has no cases and no second panel; leave them out.")
    _check(sliders, known, "slider")
    _check(cases, CASES, "case")
    _check([against] if against else [], known, "slider")
    _check(chosen, known, "slider")
    for name, value in chosen.items():
        low, high, step = known[name].low, known[name].high, known[name].step
        steps = (value - low) / step
        if not low <= value <= high or abs(steps - round(steps)) > 1e-9:
            raise ValueError(f"{name} is {value}; choose {low} to {high} in steps of {step}.")
    return Explorable(
        preset,
        (_world_of_slopes() if of_slopes else _world())
        | {
            "scene": "ellipse" if of_slopes else "paradox",
            "sliders": {name: slider._asdict() for name, slider in known.items()},
            "start": {name: float(chosen.get(name, s.book)) for name, s in known.items()},
            "shown": list(sliders),
            "cases": list(cases),
            "against": against,
        },
    )


def script() -> str:
    """Return the figure's script, one module without imports, of which ``mount`` is the entry."""
    whole = "\n".join(_part(f"{name}.mjs") for name in _PARTS)
    whole = re.sub(r"^import .*$|^export ", "", whole, flags=re.MULTILINE)
    return f"const STYLE = {json.dumps(_part('style.css'))};\n{whole}"


def _part(name: str) -> str:
    return files("multilevel").joinpath("explorable", name).read_text(encoding="utf-8")


def _check(names: Sequence[str], known: Sequence[str], what: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"There is no {what} {name!r}; choose from {', '.join(known)}.")


def _world_of_slopes() -> dict:
    """Return what the script must know of the world whose slopes differ."""
    return {
        "world": {"intercept": WORLD.intercept, "slope": WORLD.slope_within},
        "book": {"values": {name: slider.book for name, slider in SLIDERS_OF_SLOPES.items()}},
        "seed": _SEED_MORE,
    }


@cache
def _world() -> dict:
    """Return what the script must know of the world, and the patients of the book."""
    patients = simulate_three_hospitals(rng=np.random.default_rng(_SEED_THREE)).round(2)
    hospitals = [group for _, group in patients.groupby("hospital", sort=False)]
    # the first numbers that the simulation draws: how far the hospitals differ beyond their staff
    own = np.random.default_rng(_SEED_THREE).standard_normal((2, len(hospitals)))[0]
    noise = replace(BOOK, slope_within=0.0).implied()["var_within"]
    sd_of_resilience = BOOK.effect_resilience * BOOK.sd_resilience
    shrink = (noise - BOOK.sd_patient**2) / sd_of_resilience**2  # what the cut does to a variance
    staff, mix = BOOK.case_mix_per_staff * BOOK.sd_staff, BOOK.sd_case_mix
    beyond = shrink * (BOOK.sd_staff * mix) ** 2 / (staff**2 + mix**2)
    return {
        "world": {
            "intercept": BOOK.intercept,
            "case_mix_per_staff": BOOK.case_mix_per_staff,
            "sd_staff": BOOK.sd_staff,
            "sd_case_mix": BOOK.sd_case_mix,
            "sd_severity": BOOK.sd_severity,
            "sd_staff_beyond_mix": float(np.sqrt(beyond)),
            "sd_of_resilience": sd_of_resilience,
            "sd_patient": BOOK.sd_patient,
            "sd_of_noise": float(np.sqrt(noise)),
            "below_cut": float(norm.cdf(-BOOK.cut)),
        },
        "book": {
            "values": {name: slider.book for name, slider in SLIDERS.items()},
            "staff": [float(group["staff_quality"].iloc[0]) for group in hospitals],
            "severity": [group["symptom_severity"].tolist() for group in hospitals],
            "will": [group["will_to_live"].tolist() for group in hospitals],
            "own": own.tolist(),
        },
        "seed": _SEED_MORE,
    }
