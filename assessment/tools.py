"""What the expressions of a quiz may use: the packages of the book, and its data."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from scipy import stats

from multilevel.comparison import likelihood_ratio_test
from multilevel.degrees_of_freedom import fixed_effects_table
from multilevel.explained import r_squared
from multilevel.inference import design_effect, intraclass_correlation
from multilevel.models import compare_slopes, fit_mixed, standard_errors
from multilevel.prediction import hospital_effects, predict_patients
from multilevel.profile import profile_reml
from multilevel.simulate import WORLD

__all__ = ["WORLD", "compare_slopes", "design_effect", "fit_mixed", "fixed_effects_table"]
__all__ += ["hospital_effects", "intraclass_correlation", "likelihood_ratio_test", "np", "pd"]
__all__ += ["predict_patients", "profile_reml", "r_squared", "replace", "smf", "standard_errors"]
__all__ += ["stats", "table"]


def table(name: str) -> pd.DataFrame:
    """Return a file of ``data/`` by its name without the suffix."""
    return pd.read_csv(Path(__file__).parents[1] / "data" / f"{name}.csv")
