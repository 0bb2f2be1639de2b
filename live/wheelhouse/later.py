"""Fetch the rest of a package at the first import that needs it.

Python runs this file in the browser when it starts: it is the `sitecustomize` of the standard
library that the book ships. A worker may wait for a download, so an import can, too.
"""

import sys

# By module: the wheel that has it, and its sha256. Filled in when the wheels are made.
WHEELS = {}
HOME = "/lib/python3.13/site-packages"
INSTALLED = set()


class LaterParts:
    """The last finder: asked for modules that are not there."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name not in WHEELS:
            return None
        from importlib.machinery import PathFinder

        wheel, digest = WHEELS[name]
        if wheel not in INSTALLED:
            install(wheel, digest)
            INSTALLED.add(wheel)
            PathFinder.invalidate_caches()
        # Not where the package is: a part of the standard library is beside it, not in it.
        folders = name.split(".")[:-1]
        return PathFinder.find_spec(name, ["/".join([HOME, *folders])])


def install(wheel, digest):
    """Download a wheel from where the others are, check it, and unpack it."""
    import hashlib

    import js
    import pyodide_js
    from pyodide._package_loader import unpack_buffer

    request = js.XMLHttpRequest.new()
    request.open("GET", pyodide_js.lockfileBaseUrl + wheel, False)
    request.responseType = "arraybuffer"
    # It is asked for without its hash: the browser may have kept that of another edition.
    request.setRequestHeader("Cache-Control", "no-cache")
    try:
        request.send()
    except Exception as error:
        raise ModuleNotFoundError(f"{wheel} could not be downloaded: are you offline?") from error
    data = js.Uint8Array.new(request.response)
    if request.status != 200 or hashlib.sha256(data.to_bytes()).hexdigest() != digest:
        raise ModuleNotFoundError(f"{wheel} is not what this site should have. Reload the page.")
    unpack_buffer(js.unzstd(data), filename=wheel.removesuffix(".zst"), extract_dir=HOME)


if WHEELS:
    sys.meta_path.append(LaterParts)
