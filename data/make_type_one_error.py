"""Count false alarms of five tests: ``python data/make_type_one_error.py [FOLDER]``.

The full-size study behind the figure of chapter 6. Hospitals differ by a standard deviation of
3 points, their 30 patients by 6, and staff quality has no effect, so every rejection is
a false alarm. Each block of data sets has a seed of its own; a test repeats some of them.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from multilevel.profile import profile_reml

SEED = 1946  # the year of Satterthwaite's paper
N_HOSPITALS = (3, 5, 10, 20, 30, 50)
BLOCKS, DESIGNS, OUTCOMES = 20, 50, 100  # 100,000 data sets for each number of hospitals
TAU, SIGMA, N_PATIENTS = 3.0, 6.0, 30


def count_rejections(n_hospitals: int, block: int) -> dict[str, int]:
    """Return one row: how many data sets of a block each test rejects at the 5 % level."""
    rng = np.random.default_rng([SEED, n_hospitals, block])
    rejected = sum(_one_design(n_hospitals, rng) for _ in range(DESIGNS))
    row = {"n_hospitals": n_hospitals, "block": block, "data_sets": DESIGNS * OUTCOMES}
    return row | rejected.to_dict()


def _one_design(j: int, rng: np.random.Generator) -> pd.Series:
    """Draw the staff quality of J hospitals once, then their patients many times."""
    hospital, n = np.repeat(np.arange(j), N_PATIENTS), j * N_PATIENTS
    staff = rng.standard_normal(j)
    y = TAU * rng.standard_normal((j, OUTCOMES))[hospital]
    y += SIGMA * rng.standard_normal((n, OUTCOMES))
    mixed = profile_reml(y, np.column_stack([np.ones(n), staff[hospital]]), hospital)
    ratio = mixed.fixed_effects[:, 1] / mixed.standard_errors[:, 1]
    # Equal sizes: ordinary least squares of patients is that of hospital means. Its cluster-robust
    # variance with the usual correction (Cameron and Miller 2015, equations 11 and 12).
    means = y.reshape(j, N_PATIENTS, OUTCOMES).mean(axis=1)
    x = staff - staff.mean()
    slope = x @ means / (x @ x)
    residual = means - means.mean(axis=0) - np.outer(x, slope)
    correction = j / (j - 1) * (n - 1) / (n - 2)
    robust = slope / np.sqrt(correction * (x**2 @ residual**2)) * (x @ x)
    # Satterthwaite's degrees of freedom in this design; where the variance between hospitals is
    # estimated at zero, those of patients.
    satterthwaite = np.where(mixed.tau > 0, j - 2, n - 2)
    return pd.Series(
        {
            "robust_z": _rejections(robust, np.inf),
            "robust_t": _rejections(robust, j - 1),
            "reml_z": _rejections(ratio, np.inf),
            "reml_satterthwaite": _rejections(ratio, satterthwaite),
            "reml_t": _rejections(ratio, j - 2),
        }
    )


def _rejections(ratio: np.ndarray, df: float | np.ndarray) -> int:
    return int((2 * stats.t.sf(np.abs(ratio), df) < 0.05).sum())


def main(folder: Path) -> None:
    """Write ``type_one_error.csv`` into ``folder``, which must exist; all cores help."""
    with ProcessPoolExecutor() as cores:
        rows = cores.map(count_rejections, *zip(*product(N_HOSPITALS, range(BLOCKS)), strict=True))
    pd.DataFrame(rows).to_csv(folder / "type_one_error.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
