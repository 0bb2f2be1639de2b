"""Compile all modules under /build to bytecode, inside Pyodide: the same Python that reads it."""

import os
import py_compile
from importlib.util import cache_from_source
from py_compile import PycInvalidationMode

homes: dict  # by folder under /build: where its files are found in the browser
keep_source: list  # folders in which readers can look the source up

compiled = 0
for folder, home in homes.items():
    for here, subfolders, names in os.walk(f"/build/{folder}"):
        subfolders.sort()
        for name in sorted(names):
            source = f"{here}/{name}"
            if not name.endswith(".py"):
                continue
            keep = folder in keep_source
            py_compile.compile(
                source,
                cfile=cache_from_source(source) if keep else source + "c",
                dfile=source.replace(f"/build/{folder}", home, 1),
                doraise=True,
                # No file times: the same bytes in every build, and nothing to look up at import.
                invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
            )
            compiled += 1
            if not keep:
                os.remove(source)
compiled
