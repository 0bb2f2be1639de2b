"""Get each file once, from wherever it can be had, and believe it only by its sha256."""

from __future__ import annotations

import hashlib
import importlib.metadata
import re
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from pathlib import Path

PYODIDE = "0.28.3"
NPM = {
    # The root of trust: the lock in this package has the hashes of the official wheels.
    "pyodide": (PYODIDE, "bc3accb122c2c5d840b26ce56b100a21ab94aea4fe387a5b5c072ec6a88b7a62"),
    "fzstd": ("0.1.1", "5ed2ee2d3439067be211d0093292c708a831045372342c897437e5a4997c45c5"),
}
RELEASE = f"https://cdn.jsdelivr.net/pyodide/v{PYODIDE}/full/"
# Wheels on PyPI that carry the official files along, for networks that reach PyPI and npm only.
CARRIERS = ("open-webui==0.9.6", "open-webui==0.8.12")
CARRIED = "open_webui/frontend/pyodide/"

WHEELS = Path(__file__).with_name("wheels.txt")
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
BROWSER = [
    "--python-version=3.13",
    "--implementation=cp",
    *("--abi=cp313", "--abi=none"),
    *("--platform=pyemscripten_2025_0_wasm32", "--platform=any"),
]


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes, as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def checked(data: bytes, wanted: str, what: str) -> bytes:
    """Return the data unchanged; raise ValueError if its sha256 is not the wanted one."""
    if sha256(data) != wanted:
        raise ValueError(f"{what} has sha256 {sha256(data)}, not {wanted}: delete it, try again.")
    return data


def run(command: list[str], **options) -> None:
    """Run a program; raise RuntimeError with what it said if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def npm(name: str, cache: Path) -> dict[str, bytes]:
    """Return the files of one of the npm packages above, by name."""
    version, digest = NPM[name]
    package = cache / f"{name}-{version}.tgz"
    if not package.exists():
        run(["npm", "pack", f"{name}@{version}"], cwd=cache)
    checked(package.read_bytes(), digest, package.name)
    with tarfile.open(package) as files:
        return {
            member.name.removeprefix("package/"): files.extractfile(member).read()
            for member in files.getmembers()
        }


def official(names: list[str], lock: dict, cache: Path) -> dict[str, Path]:
    """Return the official wheel of each package, by its name, checked against the official lock.

    Sources, in this order: the cache, the official release, a carrier.
    """
    wanted = {lock[name]["file_name"]: lock[name]["sha256"] for name in names}
    missing = [name for name in wanted if not (cache / name).exists()]
    if missing:
        for source in (_from_release, *(_carrier(pin) for pin in CARRIERS)):
            try:
                for name, data in source(missing):
                    (cache / name).write_bytes(checked(data, wanted[name], name))
                print(f"{source.__name__.strip('_')}: {len(missing)} official files")
                break
            except (OSError, RuntimeError, KeyError, ValueError) as failure:
                print(f"{source.__name__}: {str(failure).splitlines()[0]}")
        else:
            raise RuntimeError(f"Nowhere to be had: {', '.join(missing)}")
    for name, digest in wanted.items():
        checked((cache / name).read_bytes(), digest, name)
    return {name: cache / lock[name]["file_name"] for name in names}


def _from_release(names):
    for name in names:
        with urllib.request.urlopen(RELEASE + name, timeout=60) as answer:
            yield name, answer.read()


def _carrier(pin):
    def from_carrier(names):
        with tempfile.TemporaryDirectory() as folder:
            # The target Python is only named because the carrier excludes newer ones.
            target = ["--no-deps", "--only-binary=:all:", "--python-version=3.12"]
            run([*PIP, "download", *target, f"--dest={folder}", pin])
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as files:
                for name in names:
                    yield name, files.read(CARRIED + name)

    from_carrier.__name__ = pin
    return from_carrier


def from_pypi(cache: Path) -> dict[str, Path]:
    """Return the wheel of each line of wheels.txt, by the package's name."""
    pinned = re.findall(r"^(\S+)==\S+ --hash=sha256:(\w+)$", WHEELS.read_text(), re.M)
    wheels = {}
    for attempt in ("in the cache", "from PyPI"):
        known = {sha256(path.read_bytes()): path for path in sorted(cache.glob("*.whl"))}
        wheels = {name: known[digest] for name, digest in pinned if digest in known}
        if len(wheels) < len(pinned) and attempt == "in the cache":
            exact = ["--no-deps", "--require-hashes", "--only-binary=:all:", *BROWSER]
            run([*PIP, "download", *exact, f"--dest={cache}", "--requirement", str(WHEELS)])
    return {name: wheels[name] for name, _ in pinned}


def kernel() -> dict[str, Path]:
    """Return the wheels of JupyterLite's Python kernel, which its PyPI package carries along."""
    package = importlib.metadata.distribution("jupyterlite-pyodide-kernel")
    found = [Path(package.locate_file(file)) for file in package.files if file.suffix == ".whl"]
    wheels = {path.name.split("-")[0].replace("_", "-"): path for path in found}
    return {name: wheels[name] for name in ("ipykernel", "piplite", "pyodide-kernel")}


def our_own(root: Path, target: Path) -> Path:
    """Build the wheel of the package `multilevel` from this repository, and return its path."""
    with tempfile.TemporaryDirectory() as folder:
        # From a copy, because setuptools leaves a build folder behind.
        for name in ("pyproject.toml", "README.md", "LICENSE-CODE", "multilevel"):
            run(["cp", "-r", str(root / name), folder])
        run([*PIP, "wheel", "--no-deps", "--no-build-isolation", f"--wheel-dir={target}", folder])
    return next(target.glob("multilevel-*.whl"))
