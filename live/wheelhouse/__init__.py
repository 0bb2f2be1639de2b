"""Assemble Python for the browser: Pyodide and the wheels that the book's pages import.

`make live` runs it. It fills `.live/site`, which the site serves as `live/`:

    pyodide/                  the runtime, the wheels and our `pyodide-lock.json`
    manifest.json             each file that a live page loads, with its bytes and sha256
    THIRD-PARTY-NOTICES.txt   what is in there, whose it is, and under which licence
"""
