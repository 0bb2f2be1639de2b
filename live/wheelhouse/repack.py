"""Take a wheel apart into what a page starts with and what comes later, and put each together."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path, PurePosixPath

import zstandard

from live.wheelhouse.parts import part


WINDOW = 26  # 64 MB: all of a wheel
# No page tells the time, and reading 600 time zones takes longer than importing dateutil.
NO_TIME_ZONES = gzip.compress(bytes(10240), mtime=0)


def take_apart(package: str, wheel: Path, folder: Path) -> None:
    """Unpack a wheel into ``folder/<package>`` and ``folder/<package>-later``."""
    homes = {"start": folder / package, "later": folder / f"{package}-later"}
    with zipfile.ZipFile(wheel) as files:
        for name in files.namelist():
            home = homes.get(part(package, name))
            if home is None or name.endswith("/"):
                continue
            data = files.read(name)
            if name == "matplotlib/fontlist.json":
                data = fonts_that_are_there(data)
            if name.endswith("dateutil-zoneinfo.tar.gz"):
                data = NO_TIME_ZONES
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(data)


def fonts_that_are_there(fontlist: bytes) -> bytes:
    """Take fonts that are not shipped from matplotlib's list, or it would look for them."""
    fonts = json.loads(fontlist)
    for kind in ("ttflist", "afmlist"):
        fonts[kind] = [
            font
            for font in fonts[kind]
            if part("matplotlib", f"matplotlib/mpl-data/{font['fname']}") == "start"
        ]
    return json.dumps(fonts, indent=1).encode()


def put_together(folder: Path, **extra: bytes) -> bytes:
    """Zip a folder, stored, and compress it as a whole: the same files give the same bytes."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        # Like beside like: this is what makes the whole compress so well.
        for name, data in sorted((files | extra).items(), key=lambda item: _kind(item[0])):
            entry = zipfile.ZipInfo(name)  # the first of January 1980
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, data)
    parameters = zstandard.ZstdCompressionParameters.from_level(22, window_log=WINDOW)
    return zstandard.ZstdCompressor(compression_params=parameters).compress(buffer.getvalue())


def _kind(name):
    return PurePosixPath(name).suffix, name


def modules(folder: Path) -> list[str]:
    """Return the modules in a folder whose package is not in it: what an import names first.

    A folder with ``a/b/__init__.pyc`` and ``a/b/c.pyc``, but no ``a/__init__.pyc``, gives ``a.b``.
    """
    names = set()
    for path in folder.rglob("*"):
        if path.suffix in {".py", ".pyc", ".so"} and not path.parts[-2].endswith("__pycache__"):
            parts = PurePosixPath(path.relative_to(folder)).parts
            stem = parts[-1].split(".")[0]
            names.add(".".join(parts[:-1] if stem == "__init__" else (*parts[:-1], stem)))
    return sorted(name for name in names if name.rpartition(".")[0] not in names)
