"""The files in data/ are what the committed commands write, and the codebook knows every column."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
SIMULATED = sorted(path.name for path in DATA.glob("hospitals_*.csv"))


@pytest.fixture(scope="module")
def rewritten(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    runpy.run_path(str(DATA / "make_data.py"))["main"](folder)
    return folder


def test_the_command_writes_exactly_the_simulated_files(rewritten):
    assert sorted(path.name for path in rewritten.iterdir()) == SIMULATED


@pytest.mark.parametrize("name", SIMULATED)
def test_simulated_files_are_reproduced_byte_for_byte(rewritten, name):
    assert (rewritten / name).read_bytes() == (DATA / name).read_bytes()


def test_a_changed_value_in_a_file_is_noticed(rewritten, tmp_path):
    changed = tmp_path / SIMULATED[0]
    shutil.copy(DATA / SIMULATED[0], changed)
    text = changed.read_text()
    changed.write_text(text[:-2] + ("1" if text[-2] != "1" else "2") + text[-1:])
    assert (rewritten / SIMULATED[0]).read_bytes() != changed.read_bytes()


STUDY = pd.read_csv(DATA / "type_one_error.csv")


@pytest.mark.parametrize("n_hospitals", STUDY["n_hospitals"].unique())
def test_the_study_of_false_alarms_repeats_a_block_of_each_size(n_hospitals):
    count_rejections = runpy.run_path(str(DATA / "make_type_one_error.py"))["count_rejections"]
    stored = STUDY[(STUDY["n_hospitals"] == n_hospitals) & (STUDY["block"] == 7)]
    assert stored.to_dict("records") == [count_rejections(n_hospitals, 7)]


def test_the_study_of_false_alarms_has_the_known_rates_where_there_are_many_hospitals():
    # with 20 hospitals or more no variance is estimated at zero: t is exact, z is t beyond 1.96
    many = STUDY[STUDY["n_hospitals"] >= 20].drop(columns="block").groupby("n_hospitals").sum()
    z = 2 * stats.t.sf(stats.norm.isf(0.025), many.index - 2)
    for test, rate in {"reml_t": 0.05, "reml_z": z}.items():
        error = np.sqrt(rate * (1 - rate) / many["data_sets"])
        assert (np.abs(many[test] / many["data_sets"] - rate) < 4 * error).all()


@pytest.mark.parametrize("path", sorted(DATA.glob("*.csv")), ids=lambda path: path.name)
def test_the_codebook_names_the_file_and_each_of_its_columns(path):
    codebook = (DATA / "README.md").read_text(encoding="utf-8")
    assert f"`{path.name}`" in codebook
    missing = [name for name in pd.read_csv(path).columns if f"`{name}`" not in codebook]
    assert missing == []


@pytest.mark.parametrize("name", SIMULATED)
def test_simulated_values_are_complete_and_inside_their_scales(name):
    data = pd.read_csv(DATA / name)
    assert data.notna().all(axis=None)
    for column in data.columns.intersection(["symptom_severity", "resilience", "staff_quality"]):
        assert data[column].between(0, 10).all()
    for column in data.columns.intersection(["will_to_live", "true_mean"]):
        assert data[column].between(0, 100).all()


def test_the_picture_of_the_paradox_is_reproduced_byte_for_byte(tmp_path):
    runpy.run_path(str(ROOT / "figures" / "render.py"))["main"](tmp_path)
    assert (tmp_path / "paradox.svg").read_bytes() == (ROOT / "figures/paradox.svg").read_bytes()
