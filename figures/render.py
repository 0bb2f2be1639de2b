"""Render the picture of the paradox from the book's data: ``python figures/render.py [FOLDER]``."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd

from multilevel.plots import (
    COLOURS,
    label_axes,
    plot_line_with_band,
    plot_three_hospitals,
    use_style,
)

ROOT = Path(__file__).resolve().parents[1]


def main(folder: Path) -> None:
    """Write ``paradox.svg`` into ``folder``, which must exist."""
    use_style()
    patients = pd.read_csv(ROOT / "data" / "hospitals_3.csv")
    fig, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.6), sharex=True, sharey=True)
    severity, will = patients["symptom_severity"], patients["will_to_live"]
    left.scatter(severity, will, s=26, color=COLOURS["data"], alpha=0.75, lw=0)
    label_axes(left)
    plot_three_hospitals(patients, right)
    right.set_ylabel("")
    for ax in (left, right):
        plot_line_with_band(
            patients, ax=ax, label="pooled", color=COLOURS["pooled"], linestyle="--"
        )
    right.set_ylim(top=right.get_ylim()[1] + 4)  # the highest hospital's name below the title
    left.set_title("All patients: rising", loc="left")
    right.set_title("Each hospital: falling", loc="left")
    fig.savefig(folder / "paradox.svg", metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
