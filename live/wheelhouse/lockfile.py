"""Write down what is in the wheelhouse: for Pyodide, for the page, and for the import hook."""

from __future__ import annotations

import email
import gzip
import hashlib
import json
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from live.wheelhouse.sources import sha256

BROWSER = {"sys_platform": "emscripten", "platform_system": "Emscripten", "extra": ""}


def requirements(metadata: bytes, shipped: set[str]) -> list[str]:
    """Return what a wheel's METADATA requires in the browser and what is shipped."""
    found = [Requirement(line) for line in email.message_from_bytes(metadata).get_all("Requires-Dist", [])]
    names = {
        canonicalize_name(item.name)
        for item in found
        if item.marker is None or item.marker.evaluate(BROWSER)
    }
    return sorted(names & shipped)


def entry(name: str, wheel: Path, **about) -> dict:
    """Return the entry of a wheel in a pyodide-lock.json."""
    return {
        "name": name,
        "file_name": wheel.name,
        "sha256": sha256(wheel.read_bytes()),
        "install_dir": "site",
        "package_type": "package",
        "unvendored_tests": False,
        **about,
    }


def write_lock(path: Path, official: dict, entries: dict[str, dict]) -> None:
    """Write our lock: that of Pyodide, with our packages."""
    # The time zone of the reader's place would be one more thing to load.
    lock = {**official, "packages": dict(sorted(entries.items()))}
    path.write_text(json.dumps(lock, indent=1) + "\n")


def closure(names: list[str], entries: dict[str, dict]) -> set[str]:
    """Return the packages that are loaded when some are: they and all that they depend on."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(entries[name]["depends"])
    return found


def write_manifest(site: Path, at_start: list[str]) -> dict:
    """Write down what a live page loads: each file's bytes, gzipped bytes and sha256."""
    files = []
    for name in sorted(at_start):
        data = (site / name).read_bytes()
        gzipped = len(gzip.compress(data, 9, mtime=0))
        files.append({"path": name, "bytes": len(data), "gzip": gzipped, "sha256": sha256(data)})
    version = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
    totals = {kind: sum(file[kind] for file in files) for kind in ("bytes", "gzip")}
    manifest = {"version": version, **totals, "files": files}
    (site / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest
