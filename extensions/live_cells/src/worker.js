// Python, in a thread of its own, so that the page stays alive while a cell computes.
// A classic worker: Pyodide needs importScripts.

import { Downloads, MissingFile } from "./downloads.js";
import figures from "./figures.py";
import runtime from "./runtime.py";

const BASE = new URL(".", self.location).href;
const PYODIDE = `${BASE}pyodide/`;
// As the Makefile has it, and as pandas 3 behaves: then both write the same.
const ENVIRONMENT = {
  MPLBACKEND: "module://live_figures",
  PANDAS_COPY_ON_WRITE: "1",
  PANDAS_FUTURE_INFER_STRING: "1",
  SM_FORMULA_ENGINE: "patsy",
};

const tell = (is, more) => self.postMessage({ is, ...more });
const downloads = new Downloads(BASE, (received, total) => tell("progress", { received, total }));
let cells; // the Python module that runs them

// Pyodide asks for its files without their hashes; have it get what has been fetched already.
const plainFetch = self.fetch.bind(self);
self.fetch = async (target, options) => {
  const path = String(target).slice(BASE.length);
  if (!String(target).startsWith(BASE) || !downloads.files.has(path))
    return plainFetch(target, options);
  // from the browser's own cache, which also has the compiled code
  if (path.endsWith(".wasm")) return plainFetch(downloads.address(path), { cache: "force-cache" });
  return new Response(await downloads.get(path));
};

let fetching;
function download() {
  fetching ??= downloads.start();
  return fetching;
}

async function startPython() {
  await download();
  await downloads.all((path) => /^pyodide\/(pyodide|python_stdlib)[.-]/.test(path));
  tell("stage", { stage: "Starting Python" });
  importScripts(downloads.address("pyodide/pyodide.js"));
  importScripts(downloads.address("pyodide/pyodide.asm.js"));
  return loadPyodide({ indexURL: PYODIDE, env: ENVIRONMENT });
}

// What runs the cells lies with the packages; they stand in the book, and read ../data there.
async function furnish(python, folder) {
  const here = python.runPython("import site; site.getsitepackages()[0]");
  python.FS.writeFile(`${here}/live_runtime.py`, runtime);
  python.FS.writeFile(`${here}/live_figures.py`, figures);
  for (const path of ["data", folder]) python.FS.mkdirTree(`/book/${path}`);
  python.FS.chdir(`/book/${folder}`);
  for (const path of downloads.files.keys())
    if (path.startsWith("data/"))
      python.FS.writeFile(`/book/${path}`, new Uint8Array(await downloads.get(path)));
}

async function start(folder) {
  const begun = performance.now();
  tell("stage", { stage: "Downloading Python" });
  const python = await startPython();
  tell("stage", { stage: "Downloading the packages" });
  await downloads.all();
  tell("stage", { stage: "Unpacking the packages" });
  await python.loadPackage("multilevel", { messageCallback() {}, errorCallback() {} });
  await furnish(python, folder);
  tell("stage", { stage: "Importing the packages" });
  cells = python.pyimport("live_runtime");
  cells.start();
  python.runPython("import multilevel.inference, multilevel.plots");
  const seconds = (performance.now() - begun) / 1000;
  tell("ready", { seconds, heap: python._module.HEAPU8.length, received: downloads.received });
  // A full disk only means no page without a network. Then free the bytes: they are unpacked.
  downloads
    .keep()
    .catch(() => {})
    .then(() => downloads.started.clear());
}

const does = {
  // what fails is tried again at the start
  download: () =>
    void download()
      .then(() => downloads.all())
      .catch(() => (fetching = undefined)),
  start: ({ folder }) => start(folder),
  run: ({ id, source, name }) => tell("ran", { id, ...JSON.parse(cells.run(source, name)) }),
};

self.onmessage = async ({ data }) => {
  try {
    await does[data.do](data);
  } catch (error) {
    tell("failed", { reason: error instanceof MissingFile ? "missing" : String(error) });
  }
};
