"""Write down what is in the wheelhouse: for Pyodide a lock, for the page a manifest."""

from __future__ import annotations

import email
import gzip
import json
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from live.wheelhouse.sources import sha256

BROWSER = {"sys_platform": "emscripten", "platform_system": "Emscripten", "extra": ""}
BROWSER |= {"python_version": "3.13", "python_full_version": "3.13.2"}


def requirements(metadata: bytes) -> list[str]:
    """Return the names that a wheel's METADATA requires in the browser.

    >>> requirements(b"Requires-Dist: numpy>=2\\nRequires-Dist: x; sys_platform == 'win32'\\n")
    ['numpy']
    """
    lines = email.message_from_bytes(metadata).get_all("Requires-Dist", [])
    wanted = [item for item in map(Requirement, lines) if _applies(item.marker)]
    return sorted({canonicalize_name(item.name) for item in wanted})


def _applies(marker):
    return marker is None or marker.evaluate(BROWSER)


def entry(name: str, version: str, wheel: Path) -> dict:
    """Return the entry of a wheel in a pyodide-lock.json, without imports and requirements."""
    return {
        "name": name,
        "version": version,
        "file_name": wheel.name,
        "sha256": sha256(wheel.read_bytes()),
        "install_dir": "site",
        "package_type": "package",
        "unvendored_tests": False,
        "imports": [],
        "depends": [],
    }


def write_lock(path: Path, official: dict, entries: dict[str, dict]) -> None:
    """Write the lock of Pyodide with our packages for its own."""
    for item in entries.values():
        item["depends"] = [name for name in item["depends"] if name in entries]
    lock = {"info": official["info"], "packages": dict(sorted(entries.items()))}
    path.write_text(json.dumps(lock, indent=1) + "\n")


def closure(package: str, entries: dict[str, dict]) -> list[dict]:
    """Return the entries of a package and of all that it depends on."""
    found: dict[str, dict] = {}
    waiting = [package]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = entries[name]
            waiting.extend(entries[name]["depends"])
    return list(found.values())


def write_manifest(site: Path, paths: list[str]) -> dict:
    """Write down what a live page loads, and return it.

    ``files`` has each file's path, bytes, gzipped bytes and sha256; ``bytes`` and ``gzip`` are the
    sums; ``version`` changes when any file does.
    """
    files = []
    for path in sorted(paths):
        data = (site / path).read_bytes()
        gzipped = len(gzip.compress(data, mtime=0)) if not path.endswith(".zst") else len(data)
        files.append({"path": path, "bytes": len(data), "gzip": gzipped, "sha256": sha256(data)})
    manifest = {
        "version": sha256(json.dumps(files).encode())[:16],
        "bytes": sum(file["bytes"] for file in files),
        "gzip": sum(file["gzip"] for file in files),
        "files": files,
    }
    (site / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest
