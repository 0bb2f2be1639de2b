"""Change Pyodide's loader in two ways: it reads Zstandard, and it links libraries quicker.

Wheels of stored files, compressed as a whole, are a third smaller than usual wheels, and no host
needs to compress them. Undoing it takes less time than unzipping does in WebAssembly.
"""

from __future__ import annotations

import re

# After each library that it loads, Emscripten goes through all symbols of all libraries to find
# undefined ones, and it lets the table of functions grow by one entry at a time. With the book's
# 150 libraries this took a quarter of the time to start. It is the same work, done once.
LINKER = [
    # Remember which symbols were asked for before they were there ...
    (r"var GOT=\{\};", "var GOT={};var wanted=new Map();"),
    (r"(rtn=GOT\[symName\]=new WebAssembly\.Global\([^)]*\))\}", r"\1;wanted.set(symName,rtn)}"),
    # ... and look only for these, until each is found.
    (
        r"for\(var\[symName,entry\]of Object\.entries\(GOT\)\)\{if\(entry\.value==0\)\{",
        "for(var[symName,entry]of wanted){if(entry.value!=0)wanted.delete(symName);else{",
    ),
    # Take table entries by the thousand, and keep the free ones.
    (
        r"try\{wasmTable\.grow\(1\)\}catch",
        "try{var first=wasmTable.grow(1024);"
        "for(var i=first+1023;i>first;i--)freeTableIndexes.push(i);return first}catch",
    ),
]
READ = (
    r"if\((\w)\)return \1;"
    r"(let (\w)=await \w;if\(!\3\.ok\)throw new Error\(`Failed to load [^`]*`\);)"
    r"return new Uint8Array\(await \3\.arrayBuffer\(\)\)",
    r"if(\1)return unzstd(await \1);\2return unzstd(new Uint8Array(await \3.arrayBuffer()))",
)
STDLIB = "python_stdlib.zip.zst"
FIND = (r'"python_stdlib\.zip"', f'"{STDLIB}"')
NO_MAP = (r"//# sourceMappingURL=\S+", "")
# The installer tells a wheel by the end of its name.
NAME = (r"let (\w)=(\w)\.file_name,", r'let \1=\2.file_name.replace(/\.zst$/,""),')

PATCHES = {
    "pyodide.mjs": [READ, FIND, NO_MAP],
    "pyodide.js": [READ, FIND, NO_MAP],
    "pyodide.asm.js": [READ, NAME, *LINKER],
}
UNZSTD = """\
globalThis.unzstd=(()=>{const module={exports:{}},exports=module.exports;%s
return(data)=>String(data.slice(0,4))==="40,181,47,253"?module.exports.decompress(data):data})();
"""


def patched(name: str, script: bytes, fzstd: bytes) -> bytes:
    """Return a script of Pyodide with its patches; raise ValueError if one does not fit.

    ``fzstd`` is the decompressor's UMD script; `pyodide.mjs` and `pyodide.js` carry it along.
    """
    text = script.decode()
    for pattern, replacement in PATCHES[name]:
        text, count = re.subn(pattern, replacement, text)
        if count != 1:
            raise ValueError(f"{name} has {count} places for the patch of {pattern!r}, not one.")
    if name != "pyodide.asm.js":
        text = UNZSTD % fzstd.decode() + text
    return text.encode()
