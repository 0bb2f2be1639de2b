"""python -m live.wheelhouse: make .live/site/pyodide, its manifest and its notices."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from live.wheelhouse import lock, notices, sources
from live.wheelhouse.later import HOME
from live.wheelhouse.pack import Packer, take_apart
from live.wheelhouse.parts import OFFICIAL
from live.wheelhouse.runtime import STDLIB, patched

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
LIVE = ROOT / ".live"


def compile_all(runtime: dict[str, bytes], build: Path) -> None:
    """Replace all sources by bytecode, but keep those of our own package for readers."""
    original = build / "original"
    original.mkdir()
    for name, data in runtime.items():
        (original / name).write_bytes(data)
    packages = [folder.name for folder in sorted((build / "stages").iterdir())]
    homes = dict.fromkeys(packages, HOME) | {"stdlib": "/lib/python313.zip"}
    jobs = json.dumps({"homes": homes, "keep_source": ["multilevel"]})
    program = str(HERE / "precompile.mjs")
    sources.run(["node", program, str(original), str(build / "stages"), jobs])


def build(cache: Path, work: Path, site: Path) -> dict:
    """Fill ``site`` from empty, and return its manifest."""
    target = site / "pyodide"
    for folder in (work, target):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    cache.mkdir(parents=True, exist_ok=True)

    runtime = sources.npm("pyodide", cache)
    fzstd = sources.npm("fzstd", cache)
    official = json.loads(runtime["pyodide-lock.json"])
    wheels = {
        **sources.official(OFFICIAL, official["packages"], cache),
        **sources.from_pypi(cache),
        **sources.kernel(),
        "multilevel": sources.our_own(ROOT, work),
    }
    (work / "stdlib.zip").write_bytes(runtime["python_stdlib.zip"])
    for name, wheel in {**wheels, "stdlib": work / "stdlib.zip"}.items():
        take_apart(name, wheel, work / "stages")
    compile_all(runtime, work)

    packer = Packer(work / "stages", target, cache / "packed", official["packages"])
    for name, wheel in wheels.items():
        packer.add(name, wheel)
    packer.add_missing("sqlite3", "the book's Python has no database; IPython asks for one")
    packer.add_stdlib(STDLIB, official["info"]["python"], (HERE / "later.py").read_text())
    lock.write_lock(target / "pyodide-lock.json", official, packer.entries)

    started_with = ["pyodide.js", "pyodide.asm.js", "pyodide.asm.wasm"]
    for name in ["pyodide.mjs", *started_with]:
        data = runtime[name]
        data = data if name.endswith(".wasm") else patched(name, data, fzstd["umd/index.js"])
        (target / name).write_bytes(data)
    loaded = lock.closure("multilevel", packer.entries)
    started_with += [STDLIB, "pyodide-lock.json", *(item["file_name"] for item in loaded)]
    (site / "THIRD-PARTY-NOTICES.txt").write_text(notices.text(wheels, fzstd["LICENSE"]))
    return lock.write_manifest(site, [f"pyodide/{name}" for name in started_with])


def main() -> None:
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is missing. Install Node.js 18 or newer.")
    cache = Path(os.environ.get("LIVE_CACHE", LIVE / "cache"))
    manifest = build(cache, LIVE / "build", LIVE / "site")
    megabytes = {kind: f"{manifest[kind] / 1e6:.1f} MB" for kind in ("bytes", "gzip")}
    print(f"A live page loads {megabytes['bytes']}, {megabytes['gzip']} from a host that gzips.")


if __name__ == "__main__":
    main()
