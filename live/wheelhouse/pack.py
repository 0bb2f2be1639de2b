"""Take a wheel apart into what a page starts with and what comes later, and pack each again."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path, PurePosixPath

import zstandard

from live.wheelhouse import lock
from live.wheelhouse.parts import part
from live.wheelhouse.sources import sha256

# No page tells the time, and reading 600 time zones takes longer than importing dateutil.
NO_TIME_ZONES = gzip.compress(bytes(10240), mtime=0)
# The window is all of a wheel, 64 MB.
STRONG = zstandard.ZstdCompressionParameters.from_level(22, window_log=26)


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
            if name == "dateutil/zoneinfo/dateutil-zoneinfo.tar.gz":
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


def stored_zip(folder: Path, extra: dict[str, bytes]) -> bytes:
    """Zip a folder without compressing: the same files give the same bytes."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        # Like beside like compresses best.
        for name, data in sorted((files | extra).items(), key=lambda file: _kind(file[0])):
            entry = zipfile.ZipInfo(name)  # of the first of January 1980
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, data)
    return buffer.getvalue()


def _kind(name):
    return PurePosixPath(name).suffix, name


def modules(folder: Path) -> list[str]:
    """Return the modules in a folder whose package is not in it: what an import asks for first.

    A folder with ``a/b/__init__.pyc`` and ``a/b/c.pyc``, but no ``a/__init__.pyc``, has ``a.b``.
    """
    names = set()
    for path in folder.rglob("*"):
        if path.suffix in {".py", ".pyc", ".so"} and path.parent.name != "__pycache__":
            *package, file = path.relative_to(folder).parts
            stem = file.split(".")[0]
            names.add(".".join(package if stem == "__init__" else [*package, stem]))
    return sorted(name for name in names if name.rpartition(".")[0] not in names)


class Packer:
    """Pack staged packages into ``target``, and remember their entries for the lock."""

    def __init__(self, stages: Path, target: Path, cache: Path, official: dict) -> None:
        self.stages, self.target, self.cache = stages, target, cache
        self.official = official
        self.entries: dict[str, dict] = {}
        self.later: dict[str, tuple[str, str]] = {}  # by module: its wheel and the wheel's sha256

    def write(self, file_name: str, stage: Path, extra: dict[str, bytes]) -> None:
        """Compress a stage as a whole. It takes long, so the cache keeps the result."""
        plain = stored_zip(stage, extra)
        packed = self.cache / f"{sha256(plain)}.zst"
        if not packed.exists():
            self.cache.mkdir(parents=True, exist_ok=True)
            packed.write_bytes(zstandard.ZstdCompressor(compression_params=STRONG).compress(plain))
        (self.target / file_name).write_bytes(packed.read_bytes())

    def add(self, name: str, wheel: Path) -> None:
        """Pack what a package starts with as one wheel, and what comes later as another."""
        version = wheel.name.removesuffix(".zip").split("-")[1]
        stage = self.stages / name
        if modules(stage):
            self.write(f"{wheel.name}.zst", stage, {})
            entry = lock.entry(name, version, self.target / f"{wheel.name}.zst")
            if (
                name in self.official
                and sha256(wheel.read_bytes()) == self.official[name]["sha256"]
            ):
                same = ("imports", "depends", "install_dir", "package_type")
                entry |= {key: self.official[name][key] for key in same}
            else:
                metadata = next(stage.glob("*.dist-info/METADATA")).read_bytes()
                entry |= {"imports": modules(stage), "depends": lock.requirements(metadata)}
            self.entries[name] = entry
        self._add_later(name, version)

    def add_missing(self, name: str, why: str) -> None:
        """Pack an empty wheel in the name of a package that is asked for and not there."""
        nothing = self.stages / "nothing"
        nothing.mkdir()
        self._add_bare(name, "0", nothing, why)

    def add_stdlib(self, file_name: str, version: str, hook: str) -> None:
        """Pack the standard library, last: its hook must know all wheels that come later."""
        self._add_later("stdlib", version)
        hook = hook.replace("WHEELS = {}", f"WHEELS = {self.later!r}")
        self.write(file_name, self.stages / "stdlib", {"sitecustomize.py": hook.encode()})

    def _add_later(self, name, version):
        rest = self.stages / f"{name}-later"
        if rest.exists():
            self._add_bare(rest.name, version, rest, "the parts that few readers need")
            file = self.entries[rest.name]
            self.later |= dict.fromkeys(modules(rest), (file["file_name"], file["sha256"]))

    def _add_bare(self, name, version, stage, summary):
        stem = f"{name.replace('-', '_')}-{version}"
        about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: {summary}\n"
        tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n"
        info = {"METADATA": about.encode(), "WHEEL": tags.encode()}
        file_name = f"{stem}-py3-none-any.whl.zst"
        self.write(file_name, stage, {f"{stem}.dist-info/{key}": info[key] for key in info})
        self.entries[name] = lock.entry(name, version, self.target / file_name)
