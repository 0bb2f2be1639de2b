"""Fetch the rest of a package at the first import that needs it.

Python runs this file in the browser when it starts: it is the `sitecustomize` of the standard
library that the book ships. A worker may wait for a download, so an import can, too.
"""

import sys

# By module: the wheel that has it, and its sha256. Filled in when the wheels are made.
WHEELS = {}


class LaterParts:
    """The last finder: asked for modules that are not there."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in WHEELS:
            return None
        import importlib.machinery

        wheel, digest = WHEELS[name]
        install(wheel, digest)
        for module in [module for module, found in WHEELS.items() if found == (wheel, digest)]:
            del WHEELS[module]
        importlib.invalidate_caches()
        return importlib.machinery.PathFinder.find_spec(name, path)


def install(wheel, digest):
    """Download a wheel from where the others are, check it, and unpack it."""
    import hashlib

    import js
    import pyodide_js
    from pyodide._package_loader import get_install_dir, unpack_buffer

    request = js.XMLHttpRequest.new()
    request.open("GET", pyodide_js.lockfileBaseUrl + wheel, False)
    request.responseType = "arraybuffer"
    try:
        request.send()
    except Exception as error:
        raise ModuleNotFoundError(f"{wheel} could not be downloaded: are you offline?") from error
    data = js.Uint8Array.new(request.response)
    if request.status != 200 or hashlib.sha256(data.to_bytes()).hexdigest() != digest:
        raise ModuleNotFoundError(f"{wheel} is not what this site should have. Reload the page.")
    name = wheel.removesuffix(".zst")
    unpack_buffer(js.unzstd(data), filename=name, extract_dir=get_install_dir())


if WHEELS:
    sys.meta_path.append(LaterParts)
