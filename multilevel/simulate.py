"""The hospital world of the book: one set of true parameters, and data drawn from it.

Everything in this module is simulated. Hospitals are level 2, patients are level 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import norm


@dataclass(frozen=True)
class HospitalWorld:
    """The true parameters of the world, on the scales that the patients' forms use.

    Symptom severity, resilience and staff quality are scores from 0 to 10, will to live is a
    score from 0 to 100. Hospital *j* has staff quality ``W`` and a case mix ``m``, the expected
    severity of the patients that it is sent; patient *i* has severity ``x`` and resilience ``r``::

        W_j  ~ N(5, sd_staff)
        m_j  = 5 + case_mix_per_staff (W_j - 5) + N(0, sd_case_mix)
        x_ij = m_j + N(0, sd_severity)
        r_ij ~ N(5, sd_resilience)
        y_ij = intercept + effect_staff (W_j - 5) + slope_within (m_j - 5)
               + [slope_within + cross_level (W_j - 5) + u1_j] (x_ij - m_j)
               + effect_resilience (r_ij - 5) + u0_j + e_ij

    ``u0``, ``u1`` are bivariate normal (``sd_intercept``, ``sd_slope``, ``correlation``) and
    ``e`` is N(0, ``sd_patient``). The four normal distributions of the *predictors* are cut off
    symmetrically ``cut`` standard deviations from their mean, which keeps severity, resilience
    and staff quality between 0 and 10 and every regression line straight. Nothing is clipped.

    What follows from the defaults, for a very large sample of hospitals of equal size with many
    patients each, whose observed means are then the true ones (exact, because the cut changes
    every predictor's variance by the same factor; means of few patients are noisy predictors, and
    the slope on them lies nearer to the within slope):
    - within: ``slope_within`` = -3
    - between: ``slope_within + effect_staff cov(W, m) / var(m)`` = +5
    - contextual: between - within = +8
    - pooled: ``(between var(m) + within var(x - m)) / var(x)`` = +1.444

    With staff quality in the model the contextual effect of severity is 0: staff quality is the
    confounder that makes the paradox. :meth:`implied` does the sums for any parameters.
    """

    intercept: float = 55.0
    effect_staff: float = 8.0
    slope_within: float = -3.0
    effect_resilience: float = 2.0
    cross_level: float = 0.5
    case_mix_per_staff: float = 0.8
    sd_staff: float = 1.25
    sd_case_mix: float = 0.5
    sd_severity: float = 1.0
    sd_resilience: float = 1.5
    sd_intercept: float = 3.0
    sd_slope: float = 1.0
    correlation: float = 0.2
    sd_patient: float = 6.0
    cut: float = 2.0

    def implied(self) -> dict[str, float]:
        """Return the slopes and variances that the parameters imply, in closed form.

        Returns
        -------
        dict
            ``within``, ``between``, ``contextual`` and ``pooled`` (points of will to live per
            point of severity); ``var_between`` and ``var_within`` (the variance of hospital
            means around the overall mean, and of patients around their hospital's mean, in
            squared points: the truth behind a model without predictors) and ``icc``, their
            share. Source: the variance of a normal distribution cut at ±c is
            1 - 2cφ(c) / (2Φ(c) - 1) times the uncut one.
        """
        c = self.cut
        shrink = 1 - 2 * c * norm.pdf(c) / (2 * norm.cdf(c) - 1)
        var_w = shrink * self.sd_staff**2
        var_d = shrink * self.sd_case_mix**2
        var_x = shrink * self.sd_severity**2
        var_r = shrink * self.sd_resilience**2
        cov_wm = self.case_mix_per_staff * var_w
        var_m = self.case_mix_per_staff**2 * var_w + var_d

        within = self.slope_within
        between = within + self.effect_staff * cov_wm / var_m
        pooled = (between * var_m + within * var_x) / (var_m + var_x)
        staff_total = self.effect_staff + self.slope_within * self.case_mix_per_staff
        var_between = staff_total**2 * var_w + self.slope_within**2 * var_d + self.sd_intercept**2
        mean_square_slope = within**2 + self.cross_level**2 * var_w + self.sd_slope**2
        var_within = (
            mean_square_slope * var_x + self.effect_resilience**2 * var_r + self.sd_patient**2
        )
        return {
            "within": within,
            "between": between,
            "contextual": between - within,
            "pooled": pooled,
            "var_between": var_between,
            "var_within": var_within,
            "icc": var_between / (var_between + var_within),
        }


WORLD = HospitalWorld()
"""The world of every chapter."""

WORLD_OF_THREE = replace(WORLD, sd_slope=0.0, cross_level=0.0, sd_patient=3.0)
"""The same world with quieter patients and one slope for all hospitals: for pictures."""


def simulate_three_hospitals(
    n_patients: int = 30, *, rng: np.random.Generator, world: HospitalWorld = WORLD_OF_THREE
) -> pd.DataFrame:
    """Simulate the three hospitals that open the book. They are chosen, not sampled.

    Red (staff quality 3) treats mild cases, Green (5) the middle, Blue (7) severe ones; each
    hospital's case mix equals its staff quality. Averaged over the hospitals' other differences
    (``u0``), the true between slope is ``slope_within + effect_staff`` = +5 points, as it is in
    the whole world.

    Parameters
    ----------
    n_patients : int
        Patients in each hospital, at least 1.
    rng : numpy.random.Generator
        The only source of chance.
    world : HospitalWorld
        True parameters; the default gives patients a standard deviation of 3 points where the
        whole world has 6, and all hospitals one slope, so that three small clouds are easy
        to see.

    Returns
    -------
    pandas.DataFrame
        ``3 * n_patients`` rows: ``hospital`` (Red, Green, Blue), ``staff_quality``,
        ``symptom_severity``, ``resilience`` (0-10 points) and ``will_to_live`` (0-100 points).
    """
    hospitals = pd.DataFrame(
        {"hospital": ["Red", "Green", "Blue"], "staff_quality": [3.0, 5.0, 7.0]}
    )
    hospitals["true_case_mix"] = hospitals["staff_quality"]
    return _simulate(hospitals, _sizes(n_patients, 3), rng=rng, world=world)[0]


def simulate_hospitals(
    n_hospitals: int,
    n_patients: int | Sequence[int],
    *,
    rng: np.random.Generator,
    world: HospitalWorld = WORLD,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Simulate hospitals sampled from the world, and their patients.

    Parameters
    ----------
    n_hospitals : int
        At least 1.
    n_patients : int or sequence of int
        Patients in each hospital: one number for all (balanced), or one per hospital.
    rng : numpy.random.Generator
        The only source of chance.
    world : HospitalWorld
        True parameters.

    Returns
    -------
    patients : pandas.DataFrame
        One row a patient, what a researcher would see: ``hospital`` (H01, H02, ...),
        ``staff_quality``, ``symptom_severity``, ``resilience`` (0-10 points) and
        ``will_to_live`` (0-100 points).
    hospitals : pandas.DataFrame
        One row a hospital: ``hospital``, ``staff_quality``, and what only a simulation knows:
        ``true_case_mix`` (expected severity), ``true_mean`` (expected will to live of the
        hospital's patients) and ``true_slope`` (of will to live on severity inside it).

    Raises
    ------
    ValueError
        If a number is not positive, or the numbers do not match.
    """
    if n_hospitals < 1 or n_hospitals % 1:
        raise ValueError(f"n_hospitals is {n_hospitals}; give a whole number of at least 1.")
    sizes = _sizes(n_patients, n_hospitals)
    width = max(2, len(str(n_hospitals)))
    staff = 5 + _cut_normal(world.sd_staff, n_hospitals, cut=world.cut, rng=rng)
    own_mix = _cut_normal(world.sd_case_mix, n_hospitals, cut=world.cut, rng=rng)
    hospitals = pd.DataFrame(
        {
            "hospital": [f"H{j:0{width}d}" for j in range(1, n_hospitals + 1)],
            "staff_quality": staff,
            "true_case_mix": 5 + world.case_mix_per_staff * (staff - 5) + own_mix,
        }
    )
    return _simulate(hospitals, sizes, rng=rng, world=world)


def _simulate(
    hospitals: pd.DataFrame, sizes: np.ndarray, *, rng: np.random.Generator, world: HospitalWorld
) -> tuple[pd.DataFrame, pd.DataFrame]:
    staff = hospitals["staff_quality"].to_numpy() - 5
    case_mix = hospitals["true_case_mix"].to_numpy()
    z0, z1 = rng.standard_normal((2, len(hospitals)))
    u0 = world.sd_intercept * z0
    u1 = world.sd_slope * (world.correlation * z0 + np.sqrt(1 - world.correlation**2) * z1)
    true_mean = (
        world.intercept + world.effect_staff * staff + world.slope_within * (case_mix - 5) + u0
    )
    true_slope = world.slope_within + world.cross_level * staff + u1

    j = np.repeat(np.arange(len(hospitals)), sizes)
    deviation = _cut_normal(world.sd_severity, len(j), cut=world.cut, rng=rng)
    resilience = _cut_normal(world.sd_resilience, len(j), cut=world.cut, rng=rng)
    expected = true_mean[j] + true_slope[j] * deviation + world.effect_resilience * resilience
    error = world.sd_patient * rng.standard_normal(len(j))
    patients = pd.DataFrame(
        {
            "hospital": hospitals["hospital"].to_numpy()[j],
            "staff_quality": hospitals["staff_quality"].to_numpy()[j],
            "symptom_severity": case_mix[j] + deviation,
            "resilience": 5 + resilience,
            "will_to_live": expected + error,
        }
    )
    return patients, hospitals.assign(true_mean=true_mean, true_slope=true_slope)


def _cut_normal(sd: float, size: int, *, cut: float, rng: np.random.Generator) -> np.ndarray:
    """Draw from N(0, sd) cut off at ±cut standard deviations, by inverting its distribution."""
    low = norm.cdf(-cut)
    return sd * ndtri(rng.uniform(low, 1 - low, size))


def _sizes(n_patients: int | Sequence[int], n_hospitals: int) -> np.ndarray:
    sizes = np.asarray(n_patients)
    if sizes.ndim == 0:
        sizes = np.full(n_hospitals, sizes)
    if len(sizes) != n_hospitals:
        raise ValueError(
            f"n_patients has {len(sizes)} entries for {n_hospitals} hospitals; "
            "give one number for all, or one per hospital."
        )
    if not np.all((sizes >= 1) & (sizes % 1 == 0)):
        raise ValueError(f"n_patients is {n_patients}; give whole numbers of at least 1.")
    return sizes.astype(int)
