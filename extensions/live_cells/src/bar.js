// The bar above the page: buttons, progress, and one sentence that is read out when it changes.

// Each editor is described by this sentence.
export const KEYS = document.createElement("p");
KEYS.id = "live-keys";
KEYS.hidden = true;
KEYS.textContent = "Shift-Enter runs the cell, Tab indents, Escape leaves the editor.";

export class Bar {
  // `box` is in the built page; `act` has the functions runAll, restart and cancel.
  constructor(box, act) {
    this.box = box;
    this.start = box.querySelector(".live-start");
    this.status = box.querySelector(".live-status");
    this.progress = document.createElement("progress");
    this.progress.setAttribute("aria-label", "Progress");
    this.counted = document.createElement("span");
    this.counted.className = "live-counted";
    this.buttons = {
      runAll: this.#button("Run all", act.runAll),
      cancel: this.#button("Cancel", act.cancel), // takes the place, and the focus, of "Run all"
      restart: this.#button("Restart", act.restart),
    };
    this.status.before(...Object.values(this.buttons), this.progress, this.counted);
    this.status.after(KEYS);
    this.show("closed");
  }

  #button(text, act) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.addEventListener("click", act);
    return button;
  }

  get state() {
    return this.box.dataset.state;
  }

  // closed: the page as built; loading: Python comes; open: cells can run; running: some do.
  show(state) {
    const focused = document.activeElement;
    const busy = state === "loading" || state === "running";
    this.box.dataset.state = state;
    this.start.hidden = state !== "closed";
    this.buttons.runAll.hidden = state !== "open";
    this.buttons.restart.hidden = state !== "open" && state !== "running";
    this.buttons.cancel.hidden = this.progress.hidden = this.counted.hidden = !busy;
    this.counted.textContent = "";
    this.progress.removeAttribute("value"); // until something is counted, it only moves
    // a button that had the focus and is gone hands it on
    if (this.box.contains(focused) && focused.hidden)
      this.box.querySelector("button:not([hidden])").focus();
  }

  // Read out. A `link` with a text and an act may follow the sentence.
  say(sentence, link) {
    this.status.textContent = sentence[0].toUpperCase() + sentence.slice(1);
    if (link) this.status.append(" ", this.#button(link.text, link.act));
  }

  // Not read out: it changes many times a second.
  count(done, total, text) {
    this.progress.max = total;
    this.progress.value = done;
    this.counted.textContent = text;
  }
}
