"""Write the book's simulated data: ``python data/make_data.py [FOLDER]``.

Every file is drawn from the world in ``multilevel.simulate`` with a seed of its own, and rounded
to two decimals, as a questionnaire would be. A test writes them again and compares the bytes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from multilevel.simulate import simulate_hospitals, simulate_three_hospitals

SEED_THREE = 2372  # chosen by looking: its slopes lie close to the true ones
SEED_FORTY = 1975  # the year of the Berkeley admissions paper
SEED_UNBALANCED = 1982  # the year of Laird and Ware's paper


def main(folder: Path) -> None:
    """Write five CSV files into ``folder``, which must exist."""

    def write(data: pd.DataFrame, name: str) -> None:
        data.to_csv(folder / name, index=False, float_format="%.2f", lineterminator="\n")

    write(simulate_three_hospitals(30, rng=np.random.default_rng(SEED_THREE)), "hospitals_3.csv")

    patients, hospitals = simulate_hospitals(40, 25, rng=np.random.default_rng(SEED_FORTY))
    write(patients, "hospitals_40.csv")
    write(hospitals, "hospitals_40_truth.csv")

    rng = np.random.default_rng(SEED_UNBALANCED)
    sizes = rng.integers(6, 61, size=40)
    patients, hospitals = simulate_hospitals(40, sizes, rng=rng)
    write(patients, "hospitals_40_unbalanced.csv")
    write(hospitals.assign(n_patients=sizes), "hospitals_40_unbalanced_truth.csv")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
