"""The models of tests/lme4, fitted here; what R says about them."""

import json
import warnings
from functools import cache
from pathlib import Path

import pandas as pd

from multilevel.models import SingularFitWarning, fit_mixed

LME4 = Path(__file__).parent / "lme4"
CASES = {case["id"]: case for case in json.loads((LME4 / "cases.json").read_text())}
INFERENCE = {
    case["id"]: case for case in json.loads((LME4 / "inference.json").read_text())["cases"]
}


@cache
def fitted(name):
    """Return one model as fitted here. Whether it is singular is another test's concern."""
    case = CASES[name]
    data = pd.read_csv(LME4 / "data" / f"{case['data']}.csv").assign(ALL=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SingularFitWarning)
        return fit_mixed(data=data, reml=case["reml"], **case["fit_mixed"])


def in_r_words(name):
    """Name a coefficient as R does, with the parts of an interaction in alphabetical order."""
    name = name.replace("Intercept", "(Intercept)").replace("[T.", "").replace("]", "")
    return ":".join(sorted(name.split(":")))


def by_r_name(series, names):
    """Return a series in the order of R's coefficients."""
    renamed = series.rename(index=in_r_words)
    return renamed[[":".join(sorted(name.split(":"))) for name in names]]
