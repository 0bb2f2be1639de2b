"""The files in data/ are what the committed commands write, and the codebook knows every column."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import pandas as pd
import pytest

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
