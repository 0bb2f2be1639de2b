// node precompile.mjs RUNTIME BUILD JOBS: run precompile.py in the Pyodide of RUNTIME on the folder BUILD.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [runtime, build, jobs] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(resolve(runtime, "pyodide.mjs")).href);
const python = await loadPyodide({ indexURL: resolve(runtime) + "/", env: { PYTHONHASHSEED: "0" } });
python.FS.mkdirTree("/build");
python.FS.mount(python.FS.filesystems.NODEFS, { root: resolve(build) }, "/build");
for (const [name, value] of Object.entries(JSON.parse(jobs))) python.globals.set(name, python.toPy(value));
const program = readFileSync(new URL("precompile.py", import.meta.url), "utf8");
console.log(`${python.runPython(program)} modules compiled`);
