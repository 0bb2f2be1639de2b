// One cell of the page: its code becomes an editor, what it says is replaced when it runs.

import { KEYS } from "./bar.js";
import { createEditor } from "./editor.js";
import { show } from "./outputs.js";

const STATES = {
  waiting: "Waiting",
  running: "Running …",
  done: "Done",
  failed: "Failed",
  stale: "Older than the cells above",
};

function button(text, label, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

export class Cell {
  // `input` is the part of the page's cell that holds its code, `run` asks the page to run it.
  constructor(input, number, run) {
    const box = input.closest("div.cell");
    this.box = box;
    this.number = number;
    this.input = input;
    this.code = input.querySelector("pre").textContent.replace(/\n$/, "");
    this.written = this.code; // what stood in the editor when it was closed
    this.setup = box.dataset.setup ?? "";
    this.output = box.querySelector(".cell_output");
    const images = this.output?.querySelectorAll("img") ?? [];
    this.frames = [...images].map((image) => image.closest("figure") ?? image);
    this.run = run;
  }

  get name() {
    return `cell ${this.number}`;
  }

  get source() {
    return this.editor?.state.doc.toString() ?? this.written;
  }

  get edited() {
    return this.source !== this.code;
  }

  open() {
    this.original = [...this.input.childNodes];
    const frame = document.createElement("div");
    frame.className = "live-editor highlight";
    this.runButton = button("Run", `Run ${this.name}`, this.run);
    this.resetButton = button("Reset", `Reset the code of ${this.name}`, () => this.reset());
    this.resetButton.disabled = !this.edited;
    this.says = document.createElement("span");
    const tools = document.createElement("div");
    tools.className = "live-tools";
    tools.append(this.runButton, this.resetButton, this.says);
    this.input.replaceChildren(frame, tools);
    this.editor = createEditor({
      parent: frame,
      source: this.written,
      label: `Code of ${this.name}`,
      described: KEYS.id,
      run: this.run,
      leave: () => this.runButton.focus(),
      changed: () => (this.resetButton.disabled = !this.edited),
    });
  }

  // Give the page back as it was built, when Python has not started: no cell has run then.
  close() {
    this.written = this.source;
    this.editor.destroy();
    this.editor = undefined;
    this.input.replaceChildren(...this.original);
    delete this.box.dataset.live;
  }

  reset() {
    const { doc } = this.editor.state;
    this.editor.dispatch({ changes: { from: 0, to: doc.length, insert: this.code } });
    this.editor.focus();
  }

  mark(state) {
    this.box.dataset.live = state;
    this.says.textContent = STATES[state] ?? "";
  }

  get hasRun() {
    return ["done", "stale"].includes(this.box.dataset.live);
  }

  // `edited` says whether this cell or one above differs from the page.
  show({ outputs, failed }, edited) {
    if (!this.output) {
      this.output = document.createElement("div");
      this.output.className = "cell_output docutils container";
      this.box.append(this.output);
    }
    show(this.output, outputs, this.frames, edited);
    this.mark(failed ? "failed" : "done");
  }

  // Unfold whatever hides the cell, and bring it into view.
  reveal() {
    for (let node = this.box; node; node = node.parentElement) {
      if (node.matches("details")) node.open = true;
      if (node.matches(".toggle-hidden")) node.querySelector(".toggle-button")?.click();
    }
    this.box.scrollIntoView({ block: "center" });
    this.editor.focus();
  }
}
