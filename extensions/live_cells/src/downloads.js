// The files that Python needs: fetched at once, counted, checked.
// Each is asked for with its hash, so what is at an address never changes, and a browser may keep it.

const LISTS = ["manifest.json", "data.json"]; // of Python and its packages; of the book's data

export class MissingFile extends Error {}

async function fetched(url, options) {
  const response = await fetch(url, options);
  if (!response.ok) throw new MissingFile(url);
  return response;
}

export class Downloads {
  // `base` is the folder live/ of the site; `onProgress` is told the bytes so far and in all.
  constructor(base, onProgress) {
    this.base = base;
    this.onProgress = onProgress;
    this.files = new Map(); // path → what the lists say of it
    this.started = new Map(); // path → promise of its bytes
  }

  // Fetch everything that the lists name; `get` gives each file when it is there.
  async start() {
    for (const name of LISTS) {
      const { files } = await (await fetched(this.base + name, { cache: "no-cache" })).json();
      for (const file of files) this.files.set(file.path, file);
    }
    const sizes = [...this.files.values()].map(({ bytes, gzip = bytes }) => gzip);
    this.total = sizes.reduce((sum, size) => sum + size, 0);
    this.received = 0;
    for (const path of this.files.keys()) {
      const bytes = this.#fetch(path);
      bytes.catch(() => {}); // whoever waits for it is told; nobody may be waiting yet
      this.started.set(path, bytes);
    }
  }

  get(path) {
    return this.started.get(path) ?? Promise.reject(new MissingFile(path));
  }

  all(which = () => true) {
    const paths = [...this.files.keys()].filter(which);
    return Promise.all(paths.map((path) => this.get(path)));
  }

  address(path) {
    const hash = this.files.get(path)?.sha256;
    return this.base + path + (hash ? `?sha256=${hash}` : "");
  }

  async #fetch(path) {
    const { bytes, gzip = bytes, sha256 } = this.files.get(path);
    // Asked for while the site was being renewed, a file may have been kept under the next one's hash.
    for (const cache of ["force-cache", "reload"]) {
      const file = await this.#read(path, cache);
      if (!crypto.subtle || (await hashOf(file)) === sha256) return file;
      this.received -= (file.byteLength * gzip) / bytes;
      // a browser that keeps nothing refuses to open a store
      await self.caches?.open("book").then((store) => store.delete(this.address(path)), () => {});
    }
    throw Error(`damaged: ${path}`);
  }

  async #read(path, cache) {
    const { bytes: size, gzip = size } = this.files.get(path);
    const response = await fetched(this.address(path), { cache });
    const parts = [];
    const reader = response.body.getReader();
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      parts.push(step.value);
      this.received += (step.value.length * gzip) / size; // as it came over the wire
      this.onProgress(this.received, this.total);
    }
    return new Blob(parts).arrayBuffer();
  }

  // Have the service worker's store hold what is needed, and nothing of an older edition of the book.
  // The store is that of all books of this origin.
  async keep() {
    if (!self.caches) return;
    const store = await caches.open("book");
    const wanted = new Set([...this.files.keys()].map((path) => this.address(path)));
    for (const { url } of await store.keys())
      if (url.startsWith(this.base) && url.includes("?sha256=") && !wanted.has(url))
        await store.delete(url);
    for (const url of wanted)
      if (!(await store.match(url))) await store.add(new Request(url, { cache: "force-cache" }));
    // these have no hash and came before the service worker was there
    for (const name of [...LISTS, "pyodide/pyodide.js"]) await store.add(this.base + name);
  }
}

async function hashOf(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
