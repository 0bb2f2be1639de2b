"""What `make live` has made: what it ships, what it leaves for later, what it computes."""

import ast
import json
import os
import subprocess
import zipfile
from pathlib import Path

import jupytext
import pages
import pandas as pd
import pytest
import zstandard

from live.wheelhouse import lock, parts, sources
from live.wheelhouse.__main__ import LIVE, build
from multilevel.models import fit_mixed

CACHE = Path(os.environ.get("LIVE_CACHE", LIVE / "cache"))
NODE = Path(__file__).with_name("run_in_pyodide.mjs")
FIT = """
import json
import pandas as pd
from multilevel.models import fit_mixed

fit = fit_mixed("{formula}", pd.read_csv("../data/hospitals_40.csv"), groups="hospital")
json.dumps([*fit.params, *fit.bse_fe, fit.scale, fit.llf])
"""
FORMULA = "will_to_live ~ symptom_severity + staff_quality"


@pytest.fixture(scope="module")
def site():
    """The folder that 'make live' has filled."""
    if not (LIVE / "site/manifest.json").is_file():
        pytest.fail("There is no Python for the browser: run 'make live' first.")
    return LIVE / "site"


@pytest.fixture(scope="module")
def entries(site):
    return json.loads((site / "pyodide/pyodide-lock.json").read_text())["packages"]


@pytest.fixture(scope="module")
def run(site):
    """Run a program on the wheelhouse; return its value and the wheels that were fetched later."""

    def run_program(program):
        command = ["node", str(NODE), str(site / "pyodide"), str(pages.ROOT)]
        done = subprocess.run(command, input=program, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        answer = json.loads(done.stdout.splitlines()[-1])
        assert "error" not in answer, answer["error"]
        return answer

    return run_program


@pytest.mark.parametrize("table", [parts.DROP, parts.LATER], ids=["never", "later"])
def test_every_rule_leaves_something_out(site, entries, table):
    """A rule that matches nothing is of another version, or wrong."""
    files = {path.name: path for path in [*CACHE.glob("*.whl"), *CACHE.glob("*.zip")]}
    names = {"stdlib": zipfile.ZipFile(LIVE / "build/stdlib.zip").namelist()}
    for path in files.values():
        package = path.name.split("-")[0].replace("_", "-").lower()
        names[package] = zipfile.ZipFile(path).namelist()
    everything = [name for some in names.values() for name in some]
    idle = [
        (package, rule)
        for package, rules in table.items()
        for rule in rules
        if not any(
            parts.found([rule], name) for name in (everything if package == "*" else names[package])
        )
    ]
    assert idle == []


def test_chapters_import_nothing_that_comes_later(run):
    """Not even a part: this is what the tables of parts are made for."""
    imports = []
    for page in pages.code_pages():
        for cell in jupytext.read(page).cells:
            if cell.cell_type == "code" and "import" in cell.source:
                tree = ast.parse("".join(map(_without_magic, cell.source.splitlines(True))))
                imports += [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    program = "\n".join(dict.fromkeys(map(ast.unparse, imports)))
    assert "multilevel.models" in program and "statsmodels" in program
    assert run(program)["fetched"] == []


def _without_magic(line):
    return "\n" if line.lstrip().startswith(("%", "!")) else line


def test_what_comes_later_comes_when_it_is_imported(run):
    answer = run(
        "import statsmodels.api, scipy.signal, seaborn, unittest.mock, logging.config\n"
        "import matplotlib.pyplot as plt\n"
        "plt.figure().savefig('figure.pdf')\n"
        "float(scipy.signal.get_window('hann', 3, fftbins=False)[1])"
    )
    assert answer["value"] == 1
    packages = {name.split("_later")[0] for name in answer["fetched"]}
    assert packages >= {"scipy", "statsmodels", "seaborn", "matplotlib", "fonttools", "stdlib"}
    assert len(answer["fetched"]) == len(set(answer["fetched"])), "a part is fetched once"


def test_figures_find_their_fonts(run):
    answer = run(
        "import io, json, logging, warnings\n"
        "heard = io.StringIO()\n"
        "logging.basicConfig(stream=heard, level='WARNING')\n"
        "warnings.simplefilter('error')\n"
        "import matplotlib.pyplot as plt\n"
        "from multilevel.plots import use_style\n"
        "use_style()\n"
        "fig, ax = plt.subplots()\n"
        r"ax.set_title(r'Ünïcode $\beta_0 + \mathbf{x}\hat\sigma^2 \mathcal{N} \frac{a}{b}$')"
        "\n"
        "ax.text(0, 0, 'bold', weight='bold')\n"
        "for kind in ('svg', 'png'):\n"
        "    fig.savefig(io.BytesIO(), format=kind)\n"
        "heard.getvalue()"
    )
    assert answer == {**answer, "value": "", "fetched": []}


def test_a_mixed_model_is_what_it_is_outside_the_browser(run):
    data = pd.read_csv(pages.ROOT / "data/hospitals_40.csv")
    fit = fit_mixed(FORMULA, data, groups="hospital")
    here = [*fit.params, *fit.bse_fe, fit.scale]
    *there, top = json.loads(run(FIT.format(formula=FORMULA))["value"])
    assert top == pytest.approx(fit.llf, rel=1e-12)
    # The likelihood is flat there: an optimiser knows its top to about the root of that.
    assert there == pytest.approx(here, rel=1e-6)


def test_the_lock_is_true_of_every_file(site, entries):
    for entry in entries.values():
        data = (site / "pyodide" / entry["file_name"]).read_bytes()
        assert sources.sha256(data) == entry["sha256"], entry["file_name"]
    shipped = {path.name for path in (site / "pyodide").iterdir()}
    runtime_files = {path for path in shipped if path.startswith(("pyodide", "python_stdlib"))}
    assert shipped - runtime_files <= {entry["file_name"] for entry in entries.values()}


def test_the_manifest_is_true_and_small(site, entries):
    manifest = json.loads((site / "manifest.json").read_text())
    for file in manifest["files"]:
        data = (site / file["path"]).read_bytes()
        assert (len(data), sources.sha256(data)) == (file["bytes"], file["sha256"]), file["path"]
    wheels = {f"pyodide/{entry['file_name']}" for entry in lock.closure("multilevel", entries)}
    listed = {file["path"] for file in manifest["files"]}
    runtime = {f"pyodide/pyodide.{end}" for end in ("js", "asm.js", "asm.wasm")}
    assert wheels | runtime < listed and all("later" not in path for path in listed)
    assert manifest["gzip"] == sum(file["gzip"] for file in manifest["files"]) < 25e6


def test_two_builds_give_the_same_bytes(site, tmp_path):
    build(CACHE, tmp_path / "work", tmp_path / "site")
    names = [path.relative_to(tmp_path / "site") for path in (tmp_path / "site").rglob("*.*")]
    assert len(names) > 40
    different = [
        str(name)
        for name in names
        if (site / name).read_bytes() != (tmp_path / "site" / name).read_bytes()
    ]
    assert not different, f"stale (run 'make live'), or a time or path in {different}"


def test_no_path_of_this_machine_is_shipped(site):
    for path in (site / "pyodide").glob("*.zst"):
        data = zstandard.ZstdDecompressor().decompress(path.read_bytes())
        assert str(pages.ROOT).encode() not in data, path.name


def test_the_notices_name_everything_that_is_shipped(site, entries):
    text = (site / "THIRD-PARTY-NOTICES.txt").read_text()
    for name, entry in entries.items():
        package = name.removesuffix("-later")
        if package not in {"sqlite3", "stdlib", "libopenblas"}:
            assert f"\n{package} {entry['version']}, licence" in text, package
    for other in ("Pyodide", "CPython", "OpenBLAS", "fzstd"):
        assert f"{other}" in text
