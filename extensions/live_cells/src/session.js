// Python as the page sees it: started once, asked to run one cell after the other, ended at will.

// Of the edition of this script.
export const WORKER = new URL(`worker.js${new URL(import.meta.url).search}`, import.meta.url).href;

export class Session {
  // `on` has the functions stage(text), progress(received, total), ready(figures), failed(reason).
  constructor(on) {
    this.on = on;
    this.waiting = new Map(); // id of a run → who waits for it
    this.runs = 0;
  }

  #worker() {
    if (this.worker) return this.worker;
    this.worker = new Worker(WORKER);
    this.worker.onmessage = ({ data }) => this[`_${data.is}`](data);
    this.worker.onerror = (event) => this._failed({ reason: event.message ?? "worker not fetched" });
    return this.worker;
  }

  // Fetch what Python needs, and wait.
  download() {
    this.#worker().postMessage({ do: "download" });
  }

  // `folder` is where the page lies in the book: its cells read ../data from there.
  start(folder) {
    if (this.isReady) return this.isReady;
    this.isReady = new Promise((resolve) => (this.becomeReady = resolve));
    this.#worker().postMessage({ do: "start", folder });
    return this.isReady;
  }

  // Give what a cell shows: { outputs, failed }, or nothing when Python was ended meanwhile.
  async run(source, name) {
    const id = ++this.runs;
    const result = new Promise((resolve) => this.waiting.set(id, resolve));
    this.worker.postMessage({ do: "run", id, source, name });
    return result;
  }

  // A thread that computes hears nothing; the only way to stop it is to end it.
  end() {
    this.worker?.terminate();
    this.worker = this.isReady = undefined;
    for (const resolve of this.waiting.values()) resolve();
    this.waiting.clear();
    this.becomeReady?.(false);
  }

  _stage({ stage }) {
    this.on.stage(stage);
  }

  _progress({ received, total }) {
    this.on.progress(received, total);
  }

  _ready(figures) {
    this.on.ready(figures);
    this.becomeReady(true);
  }

  _ran({ id, outputs, failed }) {
    this.waiting.get(id)?.({ outputs, failed });
    this.waiting.delete(id);
  }

  _failed({ reason }) {
    this.end();
    this.on.failed(reason);
  }
}
