"""python -m live.wheelhouse: make .live/site/pyodide, its manifest and its notices."""

from __future__ import annotations

import email
import json
import os
import shutil
from pathlib import Path

from live.wheelhouse import lockfile, repack, sources
from live.wheelhouse.parts import OFFICIAL
from live.wheelhouse.runtime import patched

ROOT = Path(__file__).resolve().parents[2]
LIVE = ROOT / ".live"
RUNTIME = ("pyodide.js", "pyodide.mjs", "pyodide.asm.js", "pyodide.asm.wasm")
SITE_PACKAGES = "/lib/python3.13/site-packages"


def dist_info(folder: Path) -> Path:
    return next(folder.glob("*.dist-info"))


def compile_all(runtime: Path, build: Path) -> None:
    """Replace sources by bytecode; keep the sources of our own package, for readers."""
    folders = sorted(path.name for path in build.iterdir() if path.name != "stdlib")
    jobs = {
        "folders": [["stdlib", "/lib/python313.zip"], *([name, SITE_PACKAGES] for name in folders)],
        "keep_source": ["multilevel"],
    }
    program = Path(__file__).with_name("precompile.mjs")
    sources.run(["node", str(program), str(runtime), str(build), json.dumps(jobs)])


def main() -> None:
    cache = Path(os.environ.get("LIVE_CACHE", LIVE / "cache"))
    build, site = LIVE / "build", LIVE / "site"
    for folder in (build, site / "pyodide"):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (cache, build, site / "pyodide"):
        folder.mkdir(parents=True, exist_ok=True)

    files = sources.npm("pyodide", sources.PYODIDE, cache)
    fzstd = sources.npm("fzstd", "0.1.1", cache)["umd/index.js"]
    official = json.loads(files["pyodide-lock.json"])
    packages = official["packages"]
    wheels = {**sources.official(OFFICIAL, packages, cache), **sources.from_pypi(cache)}
    wheels["multilevel"] = sources.our_own(ROOT, build)

    target = site / "pyodide"
    for name in RUNTIME:
        data = patched(name, files[name], fzstd) if name.endswith("js") else files[name]
        (target / name).write_bytes(data)
    (build / "original").mkdir()
    for name, data in files.items():
        (build / "original" / name).write_bytes(data)
    stages = build / "stages"
    (build / "python_stdlib.zip").write_bytes(files["python_stdlib.zip"])
    repack.take_apart("stdlib", build / "python_stdlib.zip", stages)
    for name, wheel in wheels.items():
        repack.take_apart(name, wheel, stages)
    compile_all(build / "original", stages)

    entries, later = {}, {}
    for name, wheel in wheels.items():
        stage, rest = stages / name, stages / f"{name}-later"
        version = wheel.name.removesuffix(".zip").split("-")[1]
        if any(stage.rglob("*.pyc")) or any(stage.rglob("*.so")):
            packed = target / f"{wheel.name}.zst"
            packed.write_bytes(repack.put_together(stage))
            about = {"version": version}
            if name in OFFICIAL:
                about |= {key: packages[name][key] for key in ("imports", "install_dir", "package_type")}
                about["depends"] = packages[name]["depends"]
            else:
                about["imports"] = repack.modules(stage)
                about["depends"] = lockfile.requirements((dist_info(stage) / "METADATA").read_bytes(), set(wheels))
            entries[name] = lockfile.entry(name, packed, **about)
        if rest.exists():
            stem = f"{name.replace('-', '_')}_later-{version}"
            info = {
                f"{stem}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}-later\nVersion: {version}\n".encode(),
                f"{stem}.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n",
            }
            packed = target / f"{stem}-py3-none-any.whl.zst"
            packed.write_bytes(repack.put_together(rest, **info))
            tops = repack.modules(rest)
            entries[f"{name}-later"] = lockfile.entry(f"{name}-later", packed, version=version, imports=[], depends=[])
            later |= dict.fromkeys(tops, (packed.name, entries[f"{name}-later"]["sha256"]))
    for item in entries.values():
        item["depends"] = [name for name in item["depends"] if name in entries]
    lockfile.write_lock(target / "pyodide-lock.json", official, entries)

    hook = Path(__file__).with_name("later.py").read_text().replace("WHEELS = {}", f"WHEELS = {later!r}")
    (target / "python_stdlib.zip.zst").write_bytes(repack.put_together(stages / "stdlib", **{"sitecustomize.py": hook.encode()}))

    needed = lockfile.closure(["multilevel"], entries)
    start = [*RUNTIME, "python_stdlib.zip.zst", "pyodide-lock.json", *(entries[name]["file_name"] for name in needed)]
    manifest = lockfile.write_manifest(site, [f"pyodide/{name}" for name in start if name != "pyodide.js"])
    print(f"{manifest['bytes'] / 1e6:.1f} MB, {manifest['gzip'] / 1e6:.1f} MB gzipped, version {manifest['version']}")


if __name__ == "__main__":
    main()
