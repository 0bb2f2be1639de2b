// node run_in_pyodide.mjs PYODIDE BOOK < program.py: run a program with the book's wheels, in the
// folder content/ of BOOK. Prints, as JSON, its value, the wheels that it loaded later, and the CPU seconds.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, book] = process.argv.slice(2).map((path) => resolve(path));
const cpu = () => Object.values(process.cpuUsage()).reduce((a, b) => a + b) / 1e6;
const fetched = [];

// A worker can wait for a download; so can a process for a file.
globalThis.XMLHttpRequest = class {
  open(method, url) {
    this.url = url;
  }
  setRequestHeader() {} // a file has none
  send() {
    fetched.push(this.url.split("/").at(-1));
    this.response = new Uint8Array(readFileSync(this.url)).buffer;
    this.status = 200;
  }
};

const { loadPyodide } = await import(pathToFileURL(`${folder}/pyodide.mjs`).href);
const python = await loadPyodide({ indexURL: `${folder}/`, env: { MPLBACKEND: "svg" } });
const started = cpu();
await python.loadPackage(["multilevel"], { messageCallback: () => {} });
const loaded = cpu();
for (const part of ["content", "data"]) python.FS.mkdirTree(`/book/${part}`);
python.FS.mount(python.FS.filesystems.NODEFS, { root: `${book}/data` }, "/book/data");
python.runPython("import os; os.chdir('/book/content')");
let value, error;
try {
  value = python.runPython(readFileSync(0, "utf8"));
} catch (problem) {
  error = problem.message;
}
const ran = cpu();
const seconds = { start: started, load: loaded - started, run: ran - loaded };
process.stdout.write(JSON.stringify({ value, error, fetched, seconds }) + "\n", () => process.exit(0));
